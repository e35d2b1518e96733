#include <string.h>

#include "base/log.h"
#include "crypto/vault/fresh_internal.h"

/* The log
 * ------------------------------------------------------------------------------------------------------------------ */

static enum err_code log_refused(const struct fresh *fresh, const char *why, struct error *err)
{
    if (fresh->fell_back) {
        return FAIL(err, DAMAGED, "%s, and '%s.fresh' fails its check", why, fresh->place.path);
    }
    if (fresh->tail.frame > 0) {
        return FAIL(err, DAMAGED, "%s, and %u frames were committed: %s", why, fresh->tail.frame, FRESH_CAUSE);
    }
    return FAIL(err, DAMAGED, "%s: %s", why, FRESH_CAUSE);
}

static bool round_is(bool there, const uint8_t salts[SALTS_BYTES], const uint8_t other[SALTS_BYTES])
{
    return there && memcmp(salts, other, SALTS_BYTES) == 0;
}

static bool absorbed_is(const struct fresh_root *root, const uint8_t salts[SALTS_BYTES])
{
    return round_is(root->absorbed_count > 0, root->absorbed[0], salts) ||
           round_is(root->absorbed_count > 1, root->absorbed[1], salts);
}

static enum err_code log_check(const struct fresh *fresh, const uint8_t *salts, enum fresh_log *ret_log,
                               struct error *err)
{
    const struct fresh_root *root = &fresh->root;
    if (fresh->status != FRESH_KEPT) {
        *ret_log = FRESH_LOG_UNCHECKED;
        return ERR_OK;
    }
    if (salts == NULL) {
        if (fresh->tail.frame > 0) {
            return log_refused(fresh, "it is gone or was never begun", err);
        }
        *ret_log = FRESH_LOG_UNCHECKED;
        return ERR_OK;
    }
    if (round_is(root->has_live, root->live, salts)) {
        *ret_log = FRESH_LOG_LIVE;
        return ERR_OK;
    }
    if (!absorbed_is(root, salts)) {
        return log_refused(fresh, "it is of another round of the log than the database", err);
    }
    if (fresh->tail.frame > 0) {
        return log_refused(fresh, "it is of an earlier round of the log", err);
    }
    *ret_log = FRESH_LOG_ABSORBED;
    return ERR_OK;
}

enum err_code fresh_log_check(struct fresh *fresh, const uint8_t *salts, enum fresh_log *ret_log, struct error *err)
{
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = log_check(fresh, salts, ret_log, err);
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

uint32_t fresh_tail_frame(const struct fresh *fresh)
{
    return atomic_load(&fresh->tail_frame);
}

struct fresh_tail fresh_tail_of(struct fresh *fresh, const uint8_t salts[SALTS_BYTES])
{
    struct fresh_tail tail = { 0 };
    pthread_mutex_lock(&fresh->lock);
    if (fresh->status == FRESH_KEPT && round_is(fresh->root.has_live, fresh->root.live, salts)) {
        tail = fresh->tail;
    }
    pthread_mutex_unlock(&fresh->lock);
    return tail;
}

/* Writes the rounds, and with them the table. The tail goes with the round that ends. */
static enum err_code rounds_save(struct fresh *fresh, const struct fresh_root *rounds, struct error *err)
{
    TRY(fresh_save_root(fresh, rounds, err));
    fresh_tail_set(fresh, &(struct fresh_tail){ 0 });
    return ERR_OK;
}

static void absorbed_add(struct fresh_root *root, const uint8_t salts[SALTS_BYTES])
{
    CHECK(root->absorbed_count < FRESH_ABSORBED_MAX);
    memcpy(root->absorbed[root->absorbed_count], salts, SALTS_BYTES);
    root->absorbed_count++;
}

enum err_code fresh_round_begin(struct fresh *fresh, const uint8_t salts[SALTS_BYTES],
                                const struct fresh_round *visible, struct error *err)
{
    struct fresh_root next = { .has_live = true };
    memcpy(next.live, salts, SALTS_BYTES);
    if (visible->there) {
        absorbed_add(&next, visible->salts);
    }
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = fresh->status == FRESH_KEPT ? rounds_save(fresh, &next, err) : ERR_OK;
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

/*
 * A round without a known commit may never have had a durable header: then the log may show the round before it again
 * after a loss of power.
 */
enum err_code fresh_round_end(struct fresh *fresh, struct error *err)
{
    const struct fresh_root *root = &fresh->root;
    struct fresh_root next = { 0 };
    enum err_code rc = ERR_OK;
    pthread_mutex_lock(&fresh->lock);
    if (fresh->status == FRESH_KEPT && root->has_live) {
        absorbed_add(&next, root->live);
        if (fresh->tail.frame == 0 && root->absorbed_count > 0) {
            absorbed_add(&next, root->absorbed[0]);
        }
        rc = rounds_save(fresh, &next, err);
    } else if (fresh->status == FRESH_KEPT && fresh->dirty) {
        rc = rounds_save(fresh, root, err);
    }
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}

void fresh_commit_note(struct fresh *fresh, const uint8_t salts[SALTS_BYTES], uint32_t frame,
                       const uint8_t nonce[NONCE_BYTES])
{
    pthread_mutex_lock(&fresh->lock);
    if (fresh->status == FRESH_KEPT && frame > fresh->tail.frame &&
        round_is(fresh->root.has_live, fresh->root.live, salts)) {
        struct fresh_tail tail = { .frame = frame, .nonce_known = true };
        memcpy(tail.nonce, nonce, NONCE_BYTES);
        fresh_tail_set(fresh, &tail);
        struct error err;
        bool failed = fresh_disk_note(fresh, &err) != ERR_OK;
        if (failed && !fresh->note_failed) {
            log_error("vault_commit_not_noted", &err); /* the commit itself is durable */
        }
        fresh->note_failed = failed;
    }
    pthread_mutex_unlock(&fresh->lock);
}

static enum err_code commit_undo(struct fresh *fresh, const uint8_t salts[SALTS_BYTES], uint32_t frame,
                                 struct error *err)
{
    if (fresh->status != FRESH_KEPT || frame > fresh->tail.frame ||
        !round_is(fresh->root.has_live, fresh->root.live, salts)) {
        return ERR_OK;
    }
    struct fresh_tail before = fresh->tail;
    fresh_tail_set(fresh, &(struct fresh_tail){ .frame = frame - 1 });
    enum err_code rc = fresh_disk_note(fresh, err);
    rc = rc == ERR_OK ? fresh_disk_sync(fresh, err) : rc;
    if (rc != ERR_OK) {
        fresh_tail_set(fresh, &before);
    }
    return rc;
}

enum err_code fresh_commit_undo(struct fresh *fresh, const uint8_t salts[SALTS_BYTES], uint32_t frame,
                                struct error *err)
{
    if (frame > fresh_tail_frame(fresh)) {
        return ERR_OK;
    }
    pthread_mutex_lock(&fresh->lock);
    enum err_code rc = commit_undo(fresh, salts, frame, err);
    pthread_mutex_unlock(&fresh->lock);
    return rc;
}
