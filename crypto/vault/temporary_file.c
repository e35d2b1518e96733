/*
 * Temporary files: any offset, any length. On disk they are whole blocks of AES-256-XTS, tweak = block number, under a
 * key that is made for the file and never leaves memory. A block of zeros on disk was never written and reads as zeros.
 * The length in bytes is kept in memory: nobody else opens the file, and it is already unlinked. What lies behind that
 * length in the last block is zero.
 *
 * Not authenticated: who can write to an unlinked file of a running process can also write to its memory.
 */
#include <string.h>

#include "crypto/vault/vault_internal.h"

struct temporary_state {
    struct hide hide;
    sqlite3_int64 size;
    sqlite3_int64 cached; /* which block `block` holds in the clear; -1: none */
    uint8_t block[PAGE_BYTES];
    uint8_t scratch[PAGE_BYTES];
};

static struct temporary_state *state_of(const struct vault_file *file)
{
    return (struct temporary_state *)file->state;
}

static int block_read(struct vault_file *file, sqlite3_int64 number, uint8_t out[PAGE_BYTES])
{
    struct temporary_state *state = state_of(file);
    int rc = file->below->pMethods->xRead(file->below, state->scratch, PAGE_BYTES, number * PAGE_BYTES);
    if ((rc == SQLITE_OK && page_all_zero(state->scratch)) || rc == SQLITE_IOERR_SHORT_READ) {
        memset(out, 0, PAGE_BYTES);
        return SQLITE_OK;
    }
    struct error err;
    if (rc == SQLITE_OK &&
        show_bytes(&state->hide, (uint64_t)number, state->scratch, PAGE_BYTES, out, &err) != ERR_OK) {
        return SQLITE_IOERR_READ;
    }
    return rc;
}

static int block_write(struct vault_file *file, sqlite3_int64 number, const uint8_t block[PAGE_BYTES])
{
    struct temporary_state *state = state_of(file);
    struct error err;
    if (hide_bytes(&state->hide, (uint64_t)number, block, PAGE_BYTES, state->scratch, &err) != ERR_OK) {
        return SQLITE_IOERR_WRITE;
    }
    return file->below->pMethods->xWrite(file->below, state->scratch, PAGE_BYTES, number * PAGE_BYTES);
}

static int block_cache(struct vault_file *file, sqlite3_int64 number)
{
    struct temporary_state *state = state_of(file);
    if (state->cached == number) {
        return SQLITE_OK;
    }
    state->cached = -1;
    int rc = block_read(file, number, state->block);
    if (rc == SQLITE_OK) {
        state->cached = number;
    }
    return rc;
}

/* The part of [at, at + amount) in the block of `at`. */
static int part_len(sqlite3_int64 at, int amount)
{
    int left = PAGE_BYTES - (int)(at % PAGE_BYTES);
    return amount < left ? amount : left;
}

static int temporary_read(sqlite3_file *handle, void *out, int amount, sqlite3_int64 at)
{
    struct vault_file *file = vault_file_of(handle);
    struct temporary_state *state = state_of(file);
    sqlite3_int64 there = state->size > at ? state->size - at : 0;
    int wanted = there < amount ? (int)there : amount;
    uint8_t *to = out;
    for (int done = 0; done < wanted;) {
        int len = part_len(at + done, wanted - done);
        sqlite3_int64 number = (at + done) / PAGE_BYTES;
        int rc = SQLITE_OK;
        if (len == PAGE_BYTES && state->cached != number) {
            rc = block_read(file, number, to + done);
        } else {
            rc = block_cache(file, number);
            memcpy(to + done, state->block + (at + done) % PAGE_BYTES, (size_t)len);
        }
        if (rc != SQLITE_OK) {
            return rc;
        }
        done += len;
    }
    memset(to + wanted, 0, (size_t)(amount - wanted));
    return wanted == amount ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int part_write(struct vault_file *file, const uint8_t *from, int len, sqlite3_int64 at)
{
    struct temporary_state *state = state_of(file);
    sqlite3_int64 number = at / PAGE_BYTES;
    if (len == PAGE_BYTES) {
        if (state->cached == number) {
            state->cached = -1;
        }
        return block_write(file, number, from);
    }
    int rc = block_cache(file, number);
    if (rc == SQLITE_OK) {
        memcpy(state->block + at % PAGE_BYTES, from, (size_t)len);
        rc = block_write(file, number, state->block);
    }
    if (rc != SQLITE_OK) {
        state->cached = -1;
    }
    return rc;
}

static int temporary_write(sqlite3_file *handle, const void *bytes, int amount, sqlite3_int64 at)
{
    struct vault_file *file = vault_file_of(handle);
    struct temporary_state *state = state_of(file);
    for (int done = 0; done < amount;) {
        int len = part_len(at + done, amount - done);
        int rc = part_write(file, (const uint8_t *)bytes + done, len, at + done);
        if (rc != SQLITE_OK) {
            return rc;
        }
        done += len;
        if (state->size < at + done) {
            state->size = at + done;
        }
    }
    return SQLITE_OK;
}

static int temporary_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    struct vault_file *file = vault_file_of(handle);
    struct temporary_state *state = state_of(file);
    if (size >= state->size) {
        return SQLITE_OK;
    }
    sqlite3_int64 last = size / PAGE_BYTES;
    size_t kept = (size_t)(size % PAGE_BYTES);
    if (kept > 0) {
        int rc = block_cache(file, last);
        if (rc != SQLITE_OK) {
            return rc;
        }
        memset(state->block + kept, 0, PAGE_BYTES - kept);
        rc = block_write(file, last, state->block);
        if (rc != SQLITE_OK) {
            state->cached = -1;
            return rc;
        }
    }
    if (state->cached > last || (kept == 0 && state->cached == last)) {
        state->cached = -1;
    }
    int rc = below_truncate(handle, (last + (kept > 0 ? 1 : 0)) * PAGE_BYTES);
    if (rc == SQLITE_OK) {
        state->size = size;
    }
    return rc;
}

static int temporary_file_size(sqlite3_file *handle, sqlite3_int64 *ret_size)
{
    *ret_size = state_of(vault_file_of(handle))->size;
    return SQLITE_OK;
}

static int temporary_close(sqlite3_file *handle)
{
    struct vault_file *file = vault_file_of(handle);
    struct temporary_state *state = state_of(file);
    hide_fini(&state->hide);
    secret_wipe(state, sizeof(*state));
    sqlite3_free(state);
    file->state = NULL;
    return below_close(handle);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 1,
    .xClose = temporary_close,
    .xRead = temporary_read,
    .xWrite = temporary_write,
    .xTruncate = temporary_truncate,
    .xSync = below_sync,
    .xFileSize = temporary_file_size,
    .xLock = below_lock,
    .xUnlock = below_unlock,
    .xCheckReservedLock = below_check_reserved_lock,
    .xFileControl = below_file_control,
    .xSectorSize = below_sector_size,
    .xDeviceCharacteristics = below_device_characteristics,
};

int temporary_file_start(struct vault_file *file)
{
    struct temporary_state *state = sqlite3_malloc(sizeof(*state));
    if (state == NULL) {
        return SQLITE_NOMEM;
    }
    *state = (struct temporary_state){ .cached = -1 };
    SCOPED(secret_free) struct secret key = { 0 };
    struct error err;
    if (secret_random(XTS_KEY_BYTES, &key, &err) != ERR_OK || hide_init(&state->hide, &key, &err) != ERR_OK) {
        sqlite3_free(state);
        return SQLITE_CANTOPEN;
    }
    file->state = state;
    file->handle.pMethods = &METHODS;
    return SQLITE_OK;
}
