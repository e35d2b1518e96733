#include <string.h>

#include "base/log.h"
#include "crypto/vault/vault_internal.h"

struct database_state {
    struct seals seals;
    uint8_t scratch[PAGE_BYTES];
};

/* What SQLite reads of page 1 before it holds a lock. */
enum { FIRST_LOOK_BYTES = 100 };

/* Offsets in SQLite's header on page 1. */
enum { AT_PAGE_SIZE = 16, AT_WRITE_VERSION = 18, AT_READ_VERSION = 19, AT_RESERVE = 20, VERSION_WAL = 2 };

static struct database_state *state_of(const struct vault_file *file)
{
    return (struct database_state *)file->state;
}

static bool page_one_may_be_cut(const struct vault_file *file, uint32_t number)
{
    return number == 1 && !atomic_load(&file->vault->made);
}

/*
 * May SQLite ask for this page although nobody wrote it? A database that shrinks and grows again within a transaction
 * has such pages (auto_vacuum); the vault's own never does.
 */
static bool page_may_be_unwritten(const struct vault_file *file, uint32_t number)
{
    return file->vault->fixed != NULL || page_one_may_be_cut(file, number);
}

/* The file ends before the end of this page. */
static int page_missing(struct vault_file *file, uint32_t number, uint8_t out[PAGE_BYTES], struct error *err)
{
    memset(out, 0, PAGE_BYTES);
    if (page_may_be_unwritten(file, number)) {
        return SQLITE_IOERR_SHORT_READ;
    }
    (void)FAIL(err, DAMAGED, "the file ends before the page's end");
    return SQLITE_IOERR_DATA;
}

/*
 * SQLITE_IOERR_DATA: refused, and `err` says why. Before the database has been made, a first page that was cut by a
 * crash counts as not written: nobody was told that it was.
 */
static int page_look(struct vault_file *file, uint32_t number, uint8_t out[PAGE_BYTES], struct error *err)
{
    sqlite3_int64 at = (sqlite3_int64)(number - 1) * PAGE_BYTES;
    int rc = file->below->pMethods->xRead(file->below, out, PAGE_BYTES, at);
    if (rc == SQLITE_IOERR_SHORT_READ) {
        return page_missing(file, number, out, err);
    }
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (get_be32(out + PAGE_BYTES - 4) == 0 && page_all_zero(out)) {
        if (number == PAGE_LOCK_BYTE) {
            return SQLITE_OK;
        }
        if (page_may_be_unwritten(file, number)) {
            return SQLITE_IOERR_SHORT_READ;
        }
        (void)FAIL(err, DAMAGED, "it is all zero");
        return SQLITE_IOERR_DATA;
    }
    uint8_t nonce[NONCE_BYTES];
    memcpy(nonce, out + PAGE_BODY, sizeof(nonce));
    enum err_code opened = seals_open_page(&state_of(file)->seals, number, out, out, err);
    opened = opened == ERR_OK ? fresh_expect(file->vault->fresh, number, nonce, err) : opened;
    if (opened == ERR_OK) {
        return SQLITE_OK;
    }
    memset(out, 0, PAGE_BYTES);
    sqlite3_int64 size = 0;
    if (opened == ERR_DAMAGED && page_one_may_be_cut(file, number) &&
        file->below->pMethods->xFileSize(file->below, &size) == SQLITE_OK && size <= PAGE_BYTES) {
        return SQLITE_IOERR_SHORT_READ;
    }
    return opened == ERR_DAMAGED ? SQLITE_IOERR_DATA : SQLITE_IOERR;
}

/* Pages under an old key are moved to the new one in place: what was met halfway is read again when that is done. */
static int page_read(struct vault_file *file, uint32_t number, uint8_t out[PAGE_BYTES], struct error *err)
{
    int rc = page_look(file, number, out, err);
    if (rc == SQLITE_IOERR_DATA) {
        rekey_wait(file->vault);
        rc = page_look(file, number, out, err);
        rekey_go_on(file->vault);
    }
    return rc;
}

int database_file_look(sqlite3_file *handle, uint32_t page, struct error *err)
{
    struct vault_file *file = vault_file_of(handle);
    return page_read(file, page, state_of(file)->scratch, err);
}

static int page_read_or_refuse(struct vault_file *file, uint32_t number, uint8_t out[PAGE_BYTES])
{
    struct error err;
    int rc = page_read(file, number, out, &err);
    return rc == SQLITE_IOERR_DATA ? vault_refused(file->vault, &err, "read page %u of '%s'", number, file->vault->path)
                                   : rc;
}

/*
 * Without a lock, so perhaps while a checkpoint writes it or after a crash in the middle of one, when the log still has
 * the whole page. What cannot be opened is answered with the header that every vault has; the page itself is read, and
 * refused, under the lock.
 */
static int first_look(struct vault_file *file, uint8_t *out)
{
    static const uint8_t HEADER[] = { 'S',  'Q',  'L',         'i',         't',          'e', ' ', 'f',
                                      'o',  'r',  'm',         'a',         't',          ' ', '3', 0,
                                      0x10, 0x00, VERSION_WAL, VERSION_WAL, PAGE_RESERVE, 64,  32,  32 };
    struct error unused;
    uint8_t *scratch = state_of(file)->scratch;
    int rc = page_read(file, 1, scratch, &unused);
    if (rc == SQLITE_IOERR_DATA) {
        memset(out, 0, FIRST_LOOK_BYTES);
        memcpy(out, HEADER, sizeof(HEADER));
        return SQLITE_OK;
    }
    memcpy(out, scratch, FIRST_LOOK_BYTES);
    return rc;
}

static int database_read(sqlite3_file *handle, void *out, int amount, sqlite3_int64 at)
{
    struct vault_file *file = vault_file_of(handle);
    uint32_t number = (uint32_t)(at / PAGE_BYTES) + 1;
    sqlite3_int64 within = at % PAGE_BYTES;
    if (amount == PAGE_BYTES && within == 0) {
        return page_read_or_refuse(file, number, out);
    }
    if (amount == FIRST_LOOK_BYTES && at == 0) {
        return first_look(file, out);
    }
    if (amount < 0 || within + amount > PAGE_BYTES) {
        struct error why;
        (void)FAIL(&why, DAMAGED, "%d bytes at %lld are not a page of %d", amount, at, PAGE_BYTES);
        return vault_refused(file->vault, &why, "read '%s'", file->vault->path);
    }
    uint8_t *scratch = state_of(file)->scratch;
    int rc = page_read_or_refuse(file, number, scratch);
    memcpy(out, scratch + within, (size_t)amount);
    return rc;
}

/* What must never be written, whatever asks for it: it could not be read again, or would not be protected. */
static enum err_code page_check(const struct vault_file *file, uint32_t number, const uint8_t *page, struct error *err)
{
    static const uint8_t ZERO[PAGE_RESERVE] = { 0 };
    if (memcmp(page + PAGE_BODY, ZERO, PAGE_RESERVE) != 0) {
        return FAIL(err, REFUSED, "its reserved bytes are in use");
    }
    if (number != 1) {
        return ERR_OK;
    }
    if (page[AT_PAGE_SIZE] != PAGE_BYTES >> 8 || page[AT_PAGE_SIZE + 1] != 0 || page[AT_RESERVE] != PAGE_RESERVE) {
        return FAIL(err, REFUSED, "it says %u reserved bytes, or a page size other than %d", page[AT_RESERVE],
                    PAGE_BYTES);
    }
    if (atomic_load(&file->vault->made) &&
        (page[AT_WRITE_VERSION] != VERSION_WAL || page[AT_READ_VERSION] != VERSION_WAL)) {
        return FAIL(err, REFUSED, "it would leave the write-ahead log");
    }
    return ERR_OK;
}

static int database_write(sqlite3_file *handle, const void *page, int amount, sqlite3_int64 at)
{
    struct vault_file *file = vault_file_of(handle);
    struct error err;
    if (amount != PAGE_BYTES || at % PAGE_BYTES != 0) {
        (void)FAIL(&err, REFUSED, "%d bytes at %lld are not a page of %d", amount, at, PAGE_BYTES);
        return vault_refused(file->vault, &err, "write '%s'", file->vault->path);
    }
    uint32_t number = (uint32_t)(at / PAGE_BYTES) + 1;
    if (page_check(file, number, page, &err) != ERR_OK) {
        return vault_refused(file->vault, &err, "write page %u of '%s'", number, file->vault->path);
    }
    struct database_state *state = state_of(file);
    struct seal *seal;
    if (seals_newest(&state->seals, &seal, &err) != ERR_OK ||
        seal_close_page(seal, number, page, state->scratch, &err) != ERR_OK ||
        fresh_note(file->vault->fresh, number, state->scratch + PAGE_BODY, &err) != ERR_OK) {
        return SQLITE_IOERR_WRITE;
    }
    return file->below->pMethods->xWrite(file->below, state->scratch, PAGE_BYTES, at);
}

static int database_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    struct vault_file *file = vault_file_of(handle);
    if (size % PAGE_BYTES != 0 || (size == 0 && atomic_load(&file->vault->made))) {
        struct error why;
        (void)FAIL(&why, REFUSED, "%lld bytes are not whole pages", size);
        return vault_refused(file->vault, &why, "cut '%s'", file->vault->path);
    }
    int rc = below_truncate(handle, size);
    if (rc == SQLITE_OK) {
        fresh_cut(file->vault->fresh, (uint32_t)(size / PAGE_BYTES));
    }
    return rc;
}

/* The first lock makes sure that no other process changes the files: now is the time to see which state they are in. */
static int database_lock(sqlite3_file *handle, int level)
{
    struct vault *vault = vault_file_of(handle)->vault;
    int rc = below_lock(handle, level);
    if (rc != SQLITE_OK) {
        return rc;
    }
    struct error err;
    enum err_code loaded = fresh_load(vault->fresh, atomic_load(&vault->keeps_fresh), &err);
    loaded = loaded == ERR_OK ? rekey_recover(vault_file_of(handle), &err) : loaded;
    if (loaded == ERR_OK) {
        return SQLITE_OK;
    }
    (void)below_unlock(handle, SQLITE_LOCK_NONE);
    if (loaded == ERR_DAMAGED || loaded == ERR_UNSUPPORTED) {
        return vault_refused(vault, &err, "open '%s'", vault->path);
    }
    log_error("vault_freshness_not_read", &err);
    return SQLITE_IOERR_LOCK;
}

/* SQLite takes a file of size 0 for a new database and deletes its log. */
static int database_file_size(sqlite3_file *handle, sqlite3_int64 *ret_size)
{
    struct vault_file *file = vault_file_of(handle);
    int rc = below_file_size(handle, ret_size);
    if (rc != SQLITE_OK || *ret_size > PAGE_BYTES) {
        return rc;
    }
    if (!atomic_load(&file->vault->made)) {
        struct error unused;
        if (page_read(file, 1, state_of(file)->scratch, &unused) == SQLITE_IOERR_SHORT_READ) {
            *ret_size = 0;
        }
    } else if (*ret_size == 0) {
        struct error why;
        (void)FAIL(&why, DAMAGED, "it is empty, and it was not");
        return vault_refused(file->vault, &why, "open '%s'", file->vault->path);
    }
    return SQLITE_OK;
}

static int database_close(sqlite3_file *handle)
{
    struct vault_file *file = vault_file_of(handle);
    struct database_state *state = state_of(file);
    seals_fini(&state->seals);
    secret_wipe(state->scratch, sizeof(state->scratch));
    sqlite3_free(state);
    file->state = NULL;
    rekey_detach(file->vault);
    fresh_detach(file->vault->fresh);
    return below_close(handle);
}

static int database_shm_map(sqlite3_file *handle, int region, int size, int extend, void volatile **ret_memory)
{
    sqlite3_file *below = vault_file_of(handle)->below;
    return below->pMethods->xShmMap(below, region, size, extend, ret_memory);
}

static int database_shm_lock(sqlite3_file *handle, int offset, int count, int flags)
{
    sqlite3_file *below = vault_file_of(handle)->below;
    return below->pMethods->xShmLock(below, offset, count, flags);
}

static void database_shm_barrier(sqlite3_file *handle)
{
    sqlite3_file *below = vault_file_of(handle)->below;
    below->pMethods->xShmBarrier(below);
}

static int database_shm_unmap(sqlite3_file *handle, int delete_flag)
{
    sqlite3_file *below = vault_file_of(handle)->below;
    return below->pMethods->xShmUnmap(below, delete_flag);
}

/* Version 2: without xFetch there is no memory map, which would show ciphertext. */
static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = database_close,
    .xRead = database_read,
    .xWrite = database_write,
    .xTruncate = database_truncate,
    .xSync = below_sync,
    .xFileSize = database_file_size,
    .xLock = database_lock,
    .xUnlock = below_unlock,
    .xCheckReservedLock = below_check_reserved_lock,
    .xFileControl = below_file_control,
    .xSectorSize = below_sector_size,
    .xDeviceCharacteristics = below_device_characteristics,
    .xShmMap = database_shm_map,
    .xShmLock = database_shm_lock,
    .xShmBarrier = database_shm_barrier,
    .xShmUnmap = database_shm_unmap,
};

int database_file_start(struct vault_file *file)
{
    struct database_state *state = sqlite3_malloc(sizeof(*state));
    if (state == NULL) {
        return SQLITE_NOMEM;
    }
    seals_init(&state->seals, &file->vault->epochs, EPOCH_PAGES);
    fresh_attach(file->vault->fresh);
    rekey_attach(file->vault);
    file->state = state;
    file->handle.pMethods = &METHODS;
    return SQLITE_OK;
}
