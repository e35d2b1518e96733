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

/* Refused, or of a kind that this version does not know. */
static enum err_code site_rows(struct looking *l, sqlite3_stmt **ret)
{
    if (!l->request->aside) {
        return db_statement(&l->store->db,
                            "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND (?3 = 0 OR o.kind = ?3) "
                            "ORDER BY o.id DESC",
                            ret, l->err);
    }
    TRY(db_statement(&l->store->db,
                     "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND (o.quarantine IS NOT NULL "
                     "OR o.kind > ?3 OR o.kind = 0) ORDER BY o.id DESC",
                     ret, l->err));
    size_t known = 0;
    while (kind_at(known) != NULL) {
        known++;
    }
    bind_int(*ret, 3, (int64_t)known); /* kinds are numbered from 1 without gaps */
    return ERR_OK;
}

static enum err_code look_site(struct looking *l, const struct centre_site *site)
{
    sqlite3_stmt *s;
    TRY(site_rows(l, &s));
    bind_int(s, 1, op_row_id(site->id, 0));
    bind_int(s, 2, op_row_id(site->id + 1, 0));
    if (!l->request->aside) {
        bind_int(s, 3, l->request->kind);
    }
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
