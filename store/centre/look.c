/*
 * Looking at the logs: rows for the operator, incidents, and the proof that nothing was altered.
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

/* ---- the log ---- */

struct looking {
    struct centre_store *store;
    const struct centre_log_request *request;
    enum err_code (*each)(void *context, const struct centre_log_row *row, struct error *err);
    void *context;
    size_t left;
    const struct centre_site *site;
    struct error *err;
};

static enum err_code look_row(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    struct looking *l = context;
    char quarantine[CENTRE_REASON_SIZE];
    column_text(s, 6, quarantine, sizeof(quarantine));
    struct centre_log_row row = { .site = l->site,
                                  .position = op_row_position(column_int(s, 0)),
                                  .op = op,
                                  .writer = (enum record_writer)column_int(s, 8),
                                  .quarantine = quarantine[0] != '\0' ? quarantine : NULL,
                                  .received_at_ms = column_int(s, 7) };
    l->left--;
    return l->each(l->context, &row, err);
}

/* Of a site, newest first, at most ?4 (all if it is negative). ?3 of ANY: the kind, or 0; of ASIDE: the highest that is
 * known. */
#define ANY                                                                                                            \
    "SELECT " OP_COLUMNS                                                                                               \
    " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND (?3 = 0 OR o.kind = ?3) ORDER BY o.id DESC LIMIT ?4"
#define OF_KIND                                                                                                        \
    "SELECT " OP_COLUMNS " FROM op o INDEXED BY op_kind WHERE o.kind = ?3 AND o.kind <> 5 AND o.id > ?1 AND "          \
    "o.id < ?2 ORDER BY o.id DESC LIMIT ?4"
#define ASIDE                                                                                                          \
    "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND (o.quarantine IS NOT NULL OR o.kind > ?3 OR "   \
    "o.kind = 0) ORDER BY o.id DESC LIMIT ?4"

static enum err_code site_rows(struct centre_store *store, const char *sql, const struct centre_site *site,
                               size_t third, int64_t max, sqlite3_stmt **ret, struct error *err)
{
    TRY(op_rows_of(store, sql, site->id, ret, err));
    bind_int(*ret, 3, (int64_t)third);
    bind_int(*ret, 4, max);
    return ERR_OK;
}

/* Kinds are numbered from 1 without gaps. */
static size_t kinds_known(void)
{
    size_t known = 0;
    while (kind_at(known) != NULL) {
        known++;
    }
    return known;
}

static enum err_code rows_wanted(const struct looking *l, sqlite3_stmt **ret)
{
    uint32_t kind = l->request->kind;
    if (l->request->aside) {
        return site_rows(l->store, ASIDE, l->site, kinds_known(), (int64_t)l->left, ret, l->err);
    }
    bool indexed = kind != 0 && kind != KIND_ATTENDANCE;
    return site_rows(l->store, indexed ? OF_KIND : ANY, l->site, kind, (int64_t)l->left, ret, l->err);
}

static enum err_code look_site(struct looking *l, const struct centre_site *site)
{
    sqlite3_stmt *s;
    l->site = site;
    TRY(rows_wanted(l, &s));
    return op_each(l->store, s, look_row, l, l->err);
}

enum err_code centre_log(struct centre_store *store, const struct centre_log_request *request,
                         enum err_code (*each)(void *context, const struct centre_log_row *row, struct error *err),
                         void *context, struct error *err)
{
    struct looking l = { store, request, each, context, request->limit, NULL, err };
    if (request->site != NULL) {
        return look_site(&l, request->site);
    }
    struct centre_site *sites = NULL;
    size_t count = 0;
    TRY(centre_sites(store, &sites, &count, err));
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && l.left > 0 && i < count; i++) {
        rc = look_site(&l, &sites[i]);
    }
    free(sites);
    return rc;
}

struct knowing {
    const uint8_t *subject;
    bool known;
};

static enum err_code look_for_subject(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    (void)err;
    struct knowing *k = context;
    k->known |= sqlite3_column_type(s, 6) == SQLITE_NULL && memcmp(op->subject, k->subject, OP_ENTITY_BYTES) == 0;
    return ERR_OK;
}

enum err_code centre_knows(struct centre_store *store, const struct centre_site *site, uint32_t kind,
                           const uint8_t subject[OP_ENTITY_BYTES], bool *ret_known, struct error *err)
{
    sqlite3_stmt *s;
    struct knowing k = { subject, false };
    CHECK(kind != KIND_ATTENDANCE);
    TRY(site_rows(store, OF_KIND, site, kind, -1, &s, err));
    TRY(op_each(store, s, look_for_subject, &k, err));
    *ret_known = k.known;
    return ERR_OK;
}

enum err_code centre_incident_of_all(struct centre_store *store, const char *what, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT INTO incident (at, site, device, incarnation, seq, what) SELECT ?1, 0, zeroblob(16), 0, "
                     "(SELECT count(*) FROM incident WHERE site = 0), ?2",
                     &s, err));
    bind_int(s, 1, now_ms);
    bind_text(s, 2, what);
    return db_run(&store->db, s, err);
}

enum err_code centre_incidents(struct centre_store *store, struct centre_incident *ret_rows, size_t max,
                               size_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    size_t count = 0;
    TRY(db_statement(&store->db,
                     "SELECT i.at, s.name, i.device, i.incarnation, i.seq, i.what FROM incident i "
                     "LEFT JOIN site s ON s.id = i.site ORDER BY i.id DESC",
                     &s, err));
    while (count < max) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        struct centre_incident *incident = &ret_rows[count++];
        incident->at_ms = column_int(s, 0);
        column_text(s, 1, incident->site_name, sizeof(incident->site_name));
        (void)column_fixed(s, 2, incident->op.device, DEVICE_ID_BYTES);
        incident->op.incarnation = (uint32_t)column_int(s, 3);
        incident->op.seq = (uint64_t)column_int(s, 4);
        column_text(s, 5, incident->what, sizeof(incident->what));
    }
    sqlite3_reset(s);
    *ret_count = count;
    return ERR_OK;
}
