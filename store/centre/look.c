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
    struct error *err;
};

static enum err_code look_row(struct looking *l, const struct centre_site *site, sqlite3_stmt *s)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    bool salted;
    char quarantine[CENTRE_REASON_SIZE];
    TRY(op_read(s, &op, supersedes, &salted, l->err));
    column_text(s, 6, quarantine, sizeof(quarantine));
    struct centre_log_row row = { .site = site,
                                  .position = op_row_position(column_int(s, 0)),
                                  .op = &op,
                                  .writer = (enum record_writer)column_int(s, 8),
                                  .quarantine = quarantine[0] != '\0' ? quarantine : NULL,
                                  .received_at_ms = column_int(s, 7) };
    return l->each(l->context, &row, l->err);
}

/* Of a site, newest first. ?3 of ANY: the kind, or 0; of ASIDE: the highest that is known. */
#define ANY                                                                                                            \
    "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND (?3 = 0 OR o.kind = ?3) ORDER BY o.id DESC"
#define OF_KIND                                                                                                        \
    "SELECT " OP_COLUMNS " FROM op o INDEXED BY op_kind WHERE o.kind = ?3 AND o.kind <> 5 AND o.id > ?1 AND "          \
    "o.id < ?2 ORDER BY o.id DESC"
#define ASIDE                                                                                                          \
    "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND (o.quarantine IS NOT NULL OR o.kind > ?3 OR "   \
    "o.kind = 0) ORDER BY o.id DESC"

static enum err_code site_rows(struct centre_store *store, const char *sql, const struct centre_site *site,
                               size_t third, sqlite3_stmt **ret, struct error *err)
{
    TRY(db_statement(&store->db, sql, ret, err));
    bind_int(*ret, 1, op_row_id(site->id, 0));
    bind_int(*ret, 2, op_row_id(site->id + 1, 0));
    bind_int(*ret, 3, (int64_t)third);
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

static enum err_code rows_wanted(const struct looking *l, const struct centre_site *site, sqlite3_stmt **ret)
{
    uint32_t kind = l->request->kind;
    if (l->request->aside) {
        return site_rows(l->store, ASIDE, site, kinds_known(), ret, l->err);
    }
    bool indexed = kind != 0 && kind != KIND_ATTENDANCE;
    return site_rows(l->store, indexed ? OF_KIND : ANY, site, kind, ret, l->err);
}

static enum err_code look_site(struct looking *l, const struct centre_site *site)
{
    sqlite3_stmt *s;
    TRY(rows_wanted(l, site, &s));
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && l->left > 0) {
        bool row;
        rc = db_step(&l->store->db, s, &row, l->err);
        if (rc != ERR_OK || !row) {
            break;
        }
        l->left--;
        rc = look_row(l, site, s);
    }
    sqlite3_reset(s);
    return rc;
}

enum err_code centre_log(struct centre_store *store, const struct centre_log_request *request,
                         enum err_code (*each)(void *context, const struct centre_log_row *row, struct error *err),
                         void *context, struct error *err)
{
    struct looking l = { store, request, each, context, request->limit, err };
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

enum err_code centre_knows(struct centre_store *store, const struct centre_site *site, uint32_t kind,
                           const uint8_t subject[OP_ENTITY_BYTES], bool *ret_known, struct error *err)
{
    sqlite3_stmt *s;
    bool known = false;
    CHECK(kind != KIND_ATTENDANCE);
    TRY(site_rows(store, OF_KIND, site, kind, &s, err));
    while (!known) {
        bool row;
        bool salted;
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        enum err_code rc = op_read(s, &op, supersedes, &salted, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        known = sqlite3_column_type(s, 6) == SQLITE_NULL && memcmp(op.subject, subject, OP_ENTITY_BYTES) == 0;
    }
    sqlite3_reset(s);
    *ret_known = known;
    return ERR_OK;
}

enum err_code centre_incidents(struct centre_store *store, struct centre_incident *ret_rows, size_t max,
                               size_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    size_t count = 0;
    TRY(db_statement(&store->db,
                     "SELECT i.at, s.name, i.device, i.incarnation, i.seq, i.what FROM incident i "
                     "JOIN site s ON s.id = i.site ORDER BY i.id DESC",
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
