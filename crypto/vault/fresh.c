#include "crypto/vault/fresh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/vault/fresh_internal.h"

/* Life
 * ------------------------------------------------------------------------------------------------------------------ */

static enum err_code fresh_set_up(struct fresh *fresh, const struct secret *key, struct error *err)
{
    const struct fresh_place *place = &fresh->place;
    size_t size = strlen(place->full_path) + sizeof(".fresh") + 1; /* SQLite wants two zeros behind a name */
    fresh->name = calloc(1, size);
    fresh->file = calloc(1, (size_t)place->base->szOsFile);
    if (fresh->name == NULL || fresh->file == NULL) {
        return FAIL(err, NO_MEMORY, "keep the freshness of '%s'", place->path);
    }
    (void)snprintf(fresh->name, size, "%s.fresh", place->full_path);
    return fresh_cipher_init(&fresh->cipher, key, place->file_id, err);
}

enum err_code fresh_new(const struct fresh_place *place, const struct secret *key, struct fresh **ret_fresh,
                        struct error *err)
{
    struct fresh *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL) {
        return FAIL(err, NO_MEMORY, "keep the freshness of '%s'", place->path);
    }
    fresh->place = *place;
    CHECK(pthread_mutex_init(&fresh->lock, NULL) == 0);
    enum err_code rc = fresh_set_up(fresh, key, err);
    if (rc != ERR_OK) {
        fresh_free(fresh);
        return rc;
    }
    *ret_fresh = fresh;
    return ERR_OK;
}

static void forget(struct fresh *fresh)
{
    fresh_disk_close(fresh);
    fresh_table_clear(fresh);
    fresh_tail_set(fresh, &(struct fresh_tail){ 0 });
    fresh->root = (struct fresh_root){ 0 };
    fresh->root_live = 0;
    fresh->status = FRESH_EMPTY;
}

void fresh_free(struct fresh *fresh)
{
    if (fresh != NULL) {
        forget(fresh);
        fresh_cipher_fini(&fresh->cipher);
        free(fresh->name);
        free(fresh->file);
        pthread_mutex_destroy(&fresh->lock);
        free(fresh);
    }
}

void fresh_attach(struct fresh *fresh)
{
    pthread_mutex_lock(&fresh->lock);
    fresh->handles++;
    pthread_mutex_unlock(&fresh->lock);
}

void fresh_detach(struct fresh *fresh)
{
    pthread_mutex_lock(&fresh->lock);
    CHECK(fresh->handles > 0);
    fresh->handles--;
    if (fresh->handles == 0) {
        forget(fresh);
    }
    pthread_mutex_unlock(&fresh->lock);
}

/* The root as a hash: any two states of a vault differ in it, for its sum is over tags that are never the same. */
static void state_take(struct fresh *fresh)
{
    uint8_t numbers[8 + 4];
    put_be64(numbers, fresh->root.counter);
    put_be32(numbers + 8, fresh->root.pages);
    struct slice parts[] = { slice_of(numbers, sizeof(numbers)), slice_of(fresh->root.live, sizeof(fresh->root.live)),
                             slice_of(fresh->root.absorbed, sizeof(fresh->root.absorbed)),
                             slice_of(fresh->root.leaves_sum, sizeof(fresh->root.leaves_sum)) };
    sha256(parts, ARRAY_LEN(parts), fresh->state_hash);
    fresh->state_counter = fresh->root.counter;
    fresh->state_known = true;
}

/* The counter outside
 * ------------------------------------------------------------------------------------------------------------------ */

static enum err_code counter_advance(struct fresh *fresh, struct error *err)
{
    TRY(fresh->counter.advance(fresh->counter.context, err));
    fresh->counter_value++;
    return ERR_OK;
}

/*
 * A root names the value that the counter has, or is about to have: it is written before the counter is advanced, so a
 * crash in between leaves it one ahead.
 */
static enum err_code counter_check(struct fresh *fresh, struct error *err)
{
    if (fresh->counter.read == NULL) {
        return ERR_OK;
    }
    TRY(fresh->counter.read(fresh->counter.context, &fresh->counter_value, err));
    uint64_t named = fresh->root.anchor;
    uint64_t value = fresh->counter_value;
    if (named == 0 && !fresh->counter.bound) {
        return ERR_OK;
    }
    if (named < value) {
        return FAIL(err, DAMAGED, "it is an older one (the counter outside stands at %llu, the file at %llu): %s",
                    (unsigned long long)value, (unsigned long long)named, FRESH_CAUSE);
    }
    if (named > value + 1) {
        return FAIL(err, DAMAGED, "the counter outside was exchanged or set back (%llu, and the file is at %llu)",
                    (unsigned long long)value, (unsigned long long)named);
    }
    return named == value ? ERR_OK : counter_advance(fresh, err);
}

void fresh_set_counter(struct fresh *fresh, const struct vault_counter_io *io)
{
    pthread_mutex_lock(&fresh->lock);
    fresh->counter = *io;
    pthread_mutex_unlock(&fresh->lock);
}

/* Saving and loading
 * ------------------------------------------------------------------------------------------------------------------ */

enum err_code fresh_save_root(struct fresh *fresh, const struct fresh_root *rounds, struct error *err)
{
    struct fresh_root next = *rounds;
    bool counted = fresh->counter.read != NULL;
    next.anchor = counted ? fresh->counter_value + 1 : fresh->root.anchor;
    TRY(fresh_disk_save(fresh, &next, err));
    state_take(fresh);
    struct error why;
    if (counted && counter_advance(fresh, &why) != ERR_OK) {
        log_error("vault_counter_not_advanced", &why); /* it is at the next save, or when the vault is opened */
    }
    return ERR_OK;
}

void fresh_continue(struct fresh *fresh, uint64_t counter)
{
    pthread_mutex_lock(&fresh->lock);
    fresh->counter_max = counter;
    pthread_mutex_unlock(&fresh->lock);
}

enum err_code fresh_make(struct fresh *fresh, struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    forget(fresh);
    enum err_code rc = fresh_disk_open(fresh, true, err);
    if (rc == ERR_OK) {
        rc = fresh_save_root(fresh, &(struct fresh_root){ 0 }, err);
    }
    forget(fresh);
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

static enum err_code load(struct fresh *fresh, bool required, struct error *err)
{
    const char *path = fresh->place.path;
    enum err_code rc = fresh_disk_open(fresh, false, err);
    if (rc == ERR_NOT_FOUND && required) {
        return FAIL(err, DAMAGED,
                    "open '%s.fresh': it is gone; without it an older page cannot be told from a present one", path);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    rc = fresh_disk_load(fresh, err);
    rc = rc == ERR_OK ? counter_check(fresh, err) : rc;
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "open '%s.fresh'", path);
    }
    if (fresh->fell_back) {
        LOG_WARNING("vault_fresh_fell_back", "counter=%llu", (unsigned long long)fresh->root.counter);
    }
    state_take(fresh);
    fresh->status = FRESH_KEPT;
    return ERR_OK;
}

static enum err_code load_or_leave(struct fresh *fresh, bool required, struct error *err)
{
    if (fresh->status != FRESH_EMPTY) {
        return ERR_OK;
    }
    if (fresh->give_up) {
        fresh->status = FRESH_OFF;
        return ERR_OK;
    }
    enum err_code rc = load(fresh, required, err);
    if (rc == ERR_OK) {
        return ERR_OK;
    }
    forget(fresh);
    if (!required && (rc == ERR_NOT_FOUND || rc == ERR_DAMAGED)) {
        fresh->status = FRESH_OFF;
        return ERR_OK;
    }
    return rc;
}

enum err_code fresh_load(struct fresh *fresh, bool required, struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = load_or_leave(fresh, required, err);
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

bool fresh_give_up(struct fresh *fresh)
{
    pthread_mutex_lock(&fresh->lock);
    bool idle = fresh->status == FRESH_EMPTY;
    fresh->give_up = fresh->give_up || idle;
    pthread_mutex_unlock(&fresh->lock);
    return idle;
}

bool fresh_kept(struct fresh *fresh)
{
    pthread_mutex_lock(&fresh->lock);
    bool kept = fresh->status == FRESH_KEPT;
    pthread_mutex_unlock(&fresh->lock);
    return kept;
}

/* The nonces of all pages that are in the file. Holes carry none. */
static enum err_code table_adopt(struct fresh *fresh, sqlite3_file *database, struct error *err)
{
    static const uint8_t NONE[NONCE_BYTES] = { 0 };
    sqlite3_int64 size = 0;
    if (database->pMethods->xFileSize(database, &size) != SQLITE_OK) {
        return FAIL(err, IO, "read '%s'", fresh->place.path);
    }
    for (sqlite3_int64 at = 0; at + PAGE_BYTES <= size; at += PAGE_BYTES) {
        uint8_t page[PAGE_BYTES];
        if (at / PAGE_BYTES >= FRESH_PAGES_MAX) {
            return FAIL(err, LIMIT, "keep the freshness of '%s': it has more than %u pages", fresh->place.path,
                        FRESH_PAGES_MAX);
        }
        if (database->pMethods->xRead(database, page, PAGE_BYTES, at) != SQLITE_OK) {
            return FAIL(err, IO, "read '%s'", fresh->place.path);
        }
        if (memcmp(page + PAGE_BODY, NONE, NONCE_BYTES) != 0) {
            TRY(fresh_table_set(fresh, (uint32_t)(at / PAGE_BYTES) + 1, page + PAGE_BODY, err));
        }
    }
    return ERR_OK;
}

static enum err_code adopt(struct fresh *fresh, sqlite3_file *database, const struct fresh_round *log,
                           struct error *err)
{
    if (fresh->status == FRESH_KEPT) {
        return ERR_OK;
    }
    forget(fresh);
    TRY(fresh_disk_open(fresh, true, err));
    fresh->counter_max = 0;
    TRY(fresh_disk_survey(fresh, err));
    TRY(table_adopt(fresh, database, err));
    if (fresh->counter.read != NULL) {
        TRY(fresh->counter.read(fresh->counter.context, &fresh->counter_value, err));
    }
    struct fresh_root root = { .has_live = log->there };
    memcpy(root.live, log->salts, SALTS_BYTES);
    TRY(fresh_save_root(fresh, &root, err));
    fresh->status = FRESH_KEPT;
    fresh->give_up = false;
    return ERR_OK;
}

enum err_code fresh_adopt(struct fresh *fresh, sqlite3_file *database, const struct fresh_round *log, struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = adopt(fresh, database, log, err);
    if (rc != ERR_OK) {
        forget(fresh);
        fresh->status = FRESH_OFF;
    } else {
        LOG_WARNING("vault_freshness_adopted", "counter=%llu pages=%u", (unsigned long long)fresh->root.counter,
                    fresh->pages);
    }
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

/* Pages
 * ------------------------------------------------------------------------------------------------------------------ */

bool fresh_expected(struct fresh *fresh, uint32_t page, uint8_t ret_nonce[NONCE_BYTES])
{
    static const uint8_t NONE[NONCE_BYTES] = { 0 };
    pthread_mutex_lock(&fresh->lock);
    const uint8_t *nonce = fresh_table_at(fresh, page);
    bool expected = nonce != NULL && page <= fresh->pages && memcmp(nonce, NONE, NONCE_BYTES) != 0;
    if (expected) {
        memcpy(ret_nonce, nonce, NONCE_BYTES);
    }
    pthread_mutex_unlock(&fresh->lock);
    return expected;
}

uint32_t fresh_pages(struct fresh *fresh)
{
    pthread_mutex_lock(&fresh->lock);
    uint32_t pages = fresh->pages;
    pthread_mutex_unlock(&fresh->lock);
    return pages;
}

enum err_code fresh_verify(struct fresh *fresh, struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = fresh->status == FRESH_KEPT ? fresh_disk_verify(fresh, err) : ERR_OK;
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

enum err_code fresh_expect(struct fresh *fresh, uint32_t page, const uint8_t nonce[NONCE_BYTES], struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    const uint8_t *expected = fresh_table_at(fresh, page);
    bool right = fresh->status != FRESH_KEPT ||
                 (expected != NULL && page <= fresh->pages && memcmp(expected, nonce, NONCE_BYTES) == 0);
    bool fell_back = fresh->fell_back;
    pthread_mutex_unlock(&fresh->lock);
    if (right) {
        return ERR_OK;
    }
    return FAIL(err, DAMAGED, "it is not the present version of this page: %s%s", FRESH_CAUSE,
                fell_back ? " ('.fresh' too fails its check)" : "");
}

enum err_code fresh_note(struct fresh *fresh, uint32_t page, const uint8_t nonce[NONCE_BYTES], struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = fresh->status == FRESH_KEPT ? fresh_table_set(fresh, page, nonce, err) : ERR_OK;
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

void fresh_cut(struct fresh *fresh, uint32_t pages)
{
    pthread_mutex_lock(&fresh->lock);
    for (uint32_t page = fresh->pages; fresh->status == FRESH_KEPT && page > pages; page--) {
        uint8_t *nonce = fresh_table_at(fresh, page);
        if (nonce != NULL) {
            memset(nonce, 0, NONCE_BYTES);
            fresh->leaves[(page - 1) / FRESH_LEAF_PAGES].dirty = true;
        }
    }
    if (fresh->status == FRESH_KEPT && pages < fresh->pages) {
        fresh->pages = pages;
        fresh->dirty = true;
    }
    pthread_mutex_unlock(&fresh->lock);
}

enum err_code fresh_save(struct fresh *fresh, struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = fresh->status == FRESH_KEPT && fresh->dirty ? fresh_save_root(fresh, &fresh->root, err) : ERR_OK;
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

enum err_code fresh_state(struct fresh *fresh, uint64_t *ret_counter, uint8_t ret_hash[32], struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = fresh->state_known ? ERR_OK
                                          : FAIL(err, NOT_FOUND, "tell the freshness of '%s': it was not opened yet",
                                                 fresh->place.path);
    if (rc == ERR_OK) {
        *ret_counter = fresh->state_counter;
        memcpy(ret_hash, fresh->state_hash, sizeof(fresh->state_hash));
    }
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}
