/*
 * What shows that a device's files, or this centre's own, were put back to an older state.
 */
#include <string.h>

#include "store/centre/tables.h"

struct seen {
    bool known;
    uint64_t counter;
    bool same_hash;
};

static enum err_code read_seen(struct centre_store *store, const struct centre_freshness *told, struct seen *seen,
                               struct error *err)
{
    sqlite3_stmt *s;
    *seen = (struct seen){ 0 };
    TRY(db_statement(&store->db, "SELECT counter, hash = ?3 FROM freshness WHERE device = ?1 AND incarnation = ?2", &s,
                     err));
    bind_blob(s, 1, told->device, DEVICE_ID_BYTES);
    bind_int(s, 2, told->incarnation);
    bind_slice(s, 3, told->hash);
    TRY(db_step(&store->db, s, &seen->known, err));
    if (seen->known) {
        seen->counter = (uint64_t)column_int(s, 0);
        seen->same_hash = column_int(s, 1) != 0;
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum err_code keep_seen(struct centre_store *store, const struct centre_freshness *told, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR REPLACE INTO freshness SELECT ?1, ?2, ?3, ?4 WHERE "
                     "(SELECT count(*) FROM freshness WHERE device = ?1 AND incarnation <> ?2) < ?5",
                     &s, err));
    bind_int(s, 5, CENTRE_INCARNATIONS_MAX);
    bind_blob(s, 1, told->device, DEVICE_ID_BYTES);
    bind_int(s, 2, told->incarnation);
    bind_int(s, 3, (int64_t)told->counter);
    bind_slice(s, 4, told->hash);
    return db_run(&store->db, s, err);
}

static enum err_code note_older(struct centre_store *store, const struct centre_site *site,
                                const struct centre_freshness *told, uint64_t seen, int64_t now_ms, struct error *err)
{
    struct centre_author author = { .site = site->id, .incarnation = told->incarnation };
    memcpy(author.device, told->device, DEVICE_ID_BYTES);
    return incident_add(store, &author, seen, "older files of this device than were seen before are in use", now_ms,
                        slice_of("", 0), err);
}

enum err_code centre_freshness_take(struct centre_store *store, const struct centre_site *site,
                                    const struct centre_freshness *told, int64_t now_ms, uint64_t *ret_fresher,
                                    struct error *err)
{
    struct seen seen;
    TRY(read_seen(store, told, &seen, err));
    bool same = seen.known && seen.counter == told->counter && seen.same_hash;
    bool newer = !seen.known || told->counter > seen.counter;
    *ret_fresher = same || newer ? 0 : seen.counter;
    if (same) {
        return ERR_OK;
    }
    TRY(db_begin(&store->db, err));
    return db_end(&store->db,
                  newer ? keep_seen(store, told, err) : note_older(store, site, told, seen.counter, now_ms, err), err);
}

/* ---- this centre itself ---- */

/* One device's word, so that it may be the device that is wrong. */
#define BEHIND_WHY                                                                                                     \
    "; this centre was put back to an older state, or the device is at fault: BACKUP in holdfast-endpoint(8)"
#define BEHIND_LOG                                                                                                     \
    "a device says that it had read more of the site's log than is held here, up to this number" BEHIND_WHY
#define BEHIND_OWN "a device says that more was acknowledged to it than is held here, up to this number" BEHIND_WHY

enum err_code centre_behind_note(struct centre_store *store, const struct centre_site *site,
                                 const struct centre_behind *told, int64_t now_ms, struct error *err)
{
    struct centre_author author = { .site = site->id, .incarnation = told->incarnation };
    memcpy(author.device, told->device, DEVICE_ID_BYTES);
    TRY(db_begin(&store->db, err));
    return db_end(
        &store->db,
        incident_add(store, &author, told->number, told->own ? BEHIND_OWN : BEHIND_LOG, now_ms, slice_of("", 0), err),
        err);
}

enum err_code centre_watched(struct centre_store *store, struct centre_watched *ret_watched, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT count(*), max(CASE WHEN what IN (?1, ?2) THEN at END) FROM incident", &s,
                     err));
    bind_text(s, 1, BEHIND_LOG);
    bind_text(s, 2, BEHIND_OWN);
    TRY(db_step(&store->db, s, &row, err));
    *ret_watched = (struct centre_watched){ .put_back_at_ms = OP_TIME_NONE };
    if (row) {
        ret_watched->incidents = (uint64_t)column_int(s, 0);
        ret_watched->put_back_at_ms = column_int_or(s, 1, OP_TIME_NONE);
        sqlite3_reset(s);
    }
    return ERR_OK;
}
