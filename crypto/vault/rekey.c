#include "crypto/vault/rekey_internal.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

/* Pages in the journal before it is cut (16 MiB), and pages looked at in one step that need no move. */
enum { JOURNAL_PAGES_MAX = 4096, LOOK_PAGES_MAX = 2048 };

/* SQLite's lock of whoever writes the log back into the database (WAL_CKPT_LOCK). */
enum { CHECKPOINT_LOCK = 1 };

void rekey_wait(struct vault *vault)
{
    pthread_mutex_lock(&vault->rekey.rewriting);
}

void rekey_go_on(struct vault *vault)
{
    pthread_mutex_unlock(&vault->rekey.rewriting);
}

/* A step
 * ----------------------------------------------------------------------------------------------------------------- */

/* Puts the page into the batch if it is under another key than the newest. A hole is under none. */
static enum err_code page_gather(struct vault_file *file, uint32_t number, struct error *err)
{
    struct rekey *rekey = &file->vault->rekey;
    uint8_t page[PAGE_BYTES];
    uint8_t nonce[NONCE_BYTES];
    struct seal *seal;
    int rc = file->below->pMethods->xRead(file->below, page, PAGE_BYTES, page_at(number));
    if (rc == SQLITE_IOERR_SHORT_READ || (rc == SQLITE_OK && page_all_zero(page))) {
        return ERR_OK;
    }
    if (rc != SQLITE_OK) {
        return rekey_failed(file, rc, err);
    }
    memcpy(nonce, page + PAGE_BODY, sizeof(nonce));
    TRY(seals_open_page(&rekey->seals, number, page, page, err));
    TRY(fresh_expect(file->vault->fresh, number, nonce, err));
    TRY(seals_newest(&rekey->seals, &seal, err));
    enum err_code closed = seal_close_page(seal, number, page, journal_page_add(rekey->batch, number, nonce), err);
    secret_wipe(page, sizeof(page));
    rekey->met += closed == ERR_OK;
    return closed;
}

static enum err_code epoch_in_place(const struct vault_file *file, uint32_t number, uint32_t *ret_epoch,
                                    struct error *err)
{
    uint8_t bytes[4] = { 0 };
    int rc = file->below->pMethods->xRead(file->below, bytes, sizeof(bytes),
                                          page_at(number) + PAGE_BYTES - (int)sizeof(bytes));
    *ret_epoch = get_be32(bytes);
    return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ ? ERR_OK : rekey_failed(file, rc, err);
}

static enum err_code batch_gather(struct vault_file *file, unsigned max_pages, struct error *err)
{
    struct rekey *rekey = &file->vault->rekey;
    TRY(rekey_batch_memory(rekey, err));
    if (rekey->journal_len == 0) {
        TRY(journal_begin(rekey->batch, file->vault->epochs.file_id, err));
    }
    rekey->batch->pages = 0;
    rekey->placed = 0;
    for (unsigned looked = 0; looked < LOOK_PAGES_MAX && rekey->next <= rekey->total && rekey->batch->pages < max_pages;
         looked++) {
        uint32_t epoch = 0;
        TRY(epoch_in_place(file, rekey->next, &epoch, err));
        enum err_code rc = epoch == rekey->target ? ERR_OK : page_gather(file, rekey->next, err);
        if (rc != ERR_OK) {
            rekey->batch->pages = 0;
            if (rc == ERR_DAMAGED) {
                (void)vault_refused(file->vault, err, "re-key page %u of '%s'", rekey->next, file->vault->path);
            }
            return error_wrap(err, rc, "re-key page %u of '%s'", rekey->next, file->vault->path);
        }
        rekey->next++;
    }
    return ERR_OK;
}

/* Under the checkpoint lock. */
static enum err_code pages_move(struct vault_file *file, unsigned max_pages, struct error *err)
{
    struct rekey *rekey = &file->vault->rekey;
    bool left_over = rekey->batch != NULL && rekey->placed < rekey->batch->pages;
    if (!left_over) {
        TRY(batch_gather(file, max_pages, err));
        if (rekey->batch->pages > 0) {
            enum err_code rc = rekey_journal_append(file->vault, err);
            if (rc != ERR_OK) {
                rekey->next = journal_page_at(rekey->batch, 0).number;
                rekey->batch->pages = 0;
                return rc;
            }
        }
    }
    TRY(rekey_batch_place(file, err));
    bool at_end = rekey->next > rekey->total && rekey->journal_pages > 0;
    return at_end || rekey->journal_pages >= JOURNAL_PAGES_MAX ? rekey_settle(file, err) : ERR_OK;
}

static enum err_code pages_step(struct vault_file *file, unsigned max_pages, struct error *err)
{
    const sqlite3_io_methods *methods = file->below->pMethods;
    int rc = methods->xShmLock(file->below, CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);
    if (rc == SQLITE_BUSY) {
        file->vault->rekey.waiting = true;
        return ERR_OK;
    }
    if (rc != SQLITE_OK) {
        return rekey_failed(file, rc, err);
    }
    enum err_code moved = pages_move(file, max_pages, err);
    (void)methods->xShmLock(file->below, CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
    return moved;
}

/* Writes the log back, as far as nobody is in the way. */
static enum err_code log_checkpoint(struct vault *vault, int mode, bool *ret_whole, struct error *err)
{
    int frames = 0;
    int done = 0;
    unsigned damages = vault_damages(vault);
    sqlite3 *db = vault->rekey.db;
    int rc = sqlite3_wal_checkpoint_v2(db, "main", mode, &frames, &done);
    *ret_whole = rc == SQLITE_OK && frames == done;
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED) {
        vault->rekey.waiting = !*ret_whole;
        return ERR_OK;
    }
    if (vault_damage_since(vault, damages, err)) {
        return err->code;
    }
    return rc == SQLITE_FULL ? FAIL(err, DISK_FULL, "write the log of '%s' back", vault->path)
                             : FAIL(err, IO, "write the log of '%s' back: %s", vault->path, sqlite3_errmsg(db));
}

/* SQLite leaves the cut of the log to the next sync. Until then a loss of power brings the old log back. */
static enum err_code log_cut_durable(struct vault *vault, struct error *err)
{
    sqlite3_file *log = NULL;
    int rc = sqlite3_file_control(vault->rekey.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (rc == SQLITE_OK && log != NULL && log->pMethods != NULL) {
        rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    }
    return rc == SQLITE_OK ? ERR_OK : FAIL(err, IO, "make the cut of the log of '%s' durable", vault->path);
}

/* The old keys open nothing that is there or could come back. */
static enum err_code finish(struct vault *vault, struct error *err)
{
    bool emptied = false;
    TRY(log_checkpoint(vault, SQLITE_CHECKPOINT_TRUNCATE, &emptied, err));
    if (!emptied) {
        return ERR_OK;
    }
    TRY(log_cut_durable(vault, err));
    TRY(vault_epochs_retire(vault, vault->rekey.target, err));
    rekey_batch_forget(&vault->rekey);
    rekey_journal_remove(vault);
    vault->rekey.target = 0;
    return ERR_OK;
}

static enum err_code pass_begin(struct vault_file *file, bool moved, struct error *err)
{
    struct rekey *rekey = &file->vault->rekey;
    uint32_t pages = 0;
    TRY(rekey_pages(file, &pages, err));
    rekey->target = atomic_load(&file->vault->epochs.newest);
    rekey->next = 1;
    rekey->total = pages;
    rekey->met = 0;
    rekey->moved = moved;
    return ERR_OK;
}

/* How long the last step waits for readers of the log. Who begins to read meanwhile is not in its way, since nobody
 * can write: so it ends even where somebody always reads. */
enum { CACHE_KIB = 16, READERS_WAIT_MS = 50 };

static enum err_code connection_open(struct vault *vault, struct vault_file **ret_file, struct error *err)
{
    struct rekey *rekey = &vault->rekey;
    sqlite3_file *handle = NULL;
    if (rekey->db == NULL) {
        TRY(vault_open_database(vault, CACHE_KIB, &rekey->db, err));
        (void)sqlite3_busy_timeout(rekey->db, READERS_WAIT_MS);
    }
    int rc = sqlite3_file_control(rekey->db, "main", SQLITE_FCNTL_FILE_POINTER, &handle);
    *ret_file = handle == NULL ? NULL : vault_file_of(handle);
    return rc == SQLITE_OK && handle != NULL ? ERR_OK : FAIL(err, DATABASE, "re-key '%s': find its file", vault->path);
}

static void connection_close(struct vault *vault)
{
    (void)sqlite3_close(vault->rekey.db);
    vault->rekey.db = NULL;
}

/*
 * A page in the database may be any while the log of a crash holds it, so all of the log is written back once before a
 * page is looked at.
 */
static enum err_code step(struct vault *vault, unsigned max_pages, struct error *err)
{
    struct rekey *rekey = &vault->rekey;
    struct vault_file *file = NULL;
    rekey->waiting = false;
    if (epochs_alone(&vault->epochs)) {
        connection_close(vault);
        return ERR_OK;
    }
    TRY(connection_open(vault, &file, err));
    if (!fresh_kept(vault->fresh)) {
        return FAIL(err, REFUSED, "re-key '%s': its list of nonces is not in use", vault->path);
    }
    if (!rekey->log_emptied) {
        return log_checkpoint(vault, SQLITE_CHECKPOINT_PASSIVE, &rekey->log_emptied, err);
    }
    if (rekey->target != atomic_load(&vault->epochs.newest)) {
        return pass_begin(file, false, err);
    }
    bool left_over = rekey->batch != NULL && rekey->placed < rekey->batch->pages;
    if (rekey->next <= rekey->total || left_over || rekey->journal_pages > 0) {
        return pages_step(file, max_pages, err);
    }
    if (rekey->met > 0) {
        return pass_begin(file, true, err);
    }
    TRY(finish(vault, err));
    if (epochs_alone(&vault->epochs)) {
        connection_close(vault);
    }
    return ERR_OK;
}

enum err_code vault_rekey_begin(struct vault *vault, struct error *err)
{
    if (!epochs_alone(&vault->epochs)) {
        return FAIL(err, CONFLICT, "re-key '%s': a re-key is under way", vault->path);
    }
    return vault_epoch_begin(vault, err);
}

static uint32_t pages_on_disk(const struct vault *vault)
{
    struct stat about;
    return stat(vault->full_path, &about) == 0 ? (uint32_t)(about.st_size / PAGE_BYTES) : 0;
}

static struct vault_rekey_progress progress_of(struct vault *vault)
{
    const struct rekey *rekey = &vault->rekey;
    struct vault_rekey_progress progress = { .running = !epochs_alone(&vault->epochs), .waiting = rekey->waiting };
    if (rekey->target == 0) {
        progress.pages_total = progress.running ? pages_on_disk(vault) : 0;
    } else {
        progress.pages_total = rekey->total;
        progress.pages_done = rekey->moved || rekey->next > rekey->total ? rekey->total : rekey->next - 1;
    }
    return progress;
}

void vault_rekey_progress(struct vault *vault, struct vault_rekey_progress *ret_progress)
{
    pthread_mutex_lock(&vault->rekey.lock);
    *ret_progress = progress_of(vault);
    pthread_mutex_unlock(&vault->rekey.lock);
}

enum err_code vault_rekey_step(struct vault *vault, unsigned max_pages, struct vault_rekey_progress *ret_progress,
                               struct error *err)
{
    CHECK(max_pages > 0 && max_pages <= VAULT_REKEY_PAGES_MAX);
    pthread_mutex_lock(&vault->rekey.lock);
    enum err_code rc = step(vault, max_pages, err);
    if (rc == ERR_OK) {
        *ret_progress = progress_of(vault);
    }
    pthread_mutex_unlock(&vault->rekey.lock);
    return rc;
}

void vault_rekey_pause(struct vault *vault)
{
    pthread_mutex_lock(&vault->rekey.lock);
    connection_close(vault);
    pthread_mutex_unlock(&vault->rekey.lock);
}
