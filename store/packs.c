#include "store/packs.h"

#include <stdlib.h>
#include <string.h>

#include "store/read.h"

/* ---- what is held ---- */

static void read_pack(sqlite3_stmt *s, void *out)
{
    struct pack_row *row = out;
    *row = (struct pack_row){ .version = (int)column_int(s, 1),
                              .in_force_from = (int32_t)column_int(s, 2),
                              .said_at_ms = column_int(s, 5) };
    column_text(s, 0, row->name, sizeof(row->name));
    column_text(s, 3, row->sha256, sizeof(row->sha256));
    column_text(s, 4, row->said_by, sizeof(row->said_by));
}

#define PACKS "SELECT name, version, in_force_from, sha256, said_by, said_at FROM programme_pack"
#define PACKS_IN_ORDER " ORDER BY version DESC, sha256 DESC"

static bool is_in_force(const struct store *store, const struct pack_row *row)
{
    return store->programme_since != ROW_NONE && strcmp(row->sha256, programme_sha256(store->programme)) == 0;
}

enum err_code query_packs(struct store *store, size_t limit, struct pack_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct pack_list list;
    struct row_array rows = { .size = sizeof(struct pack_row) };
    TRY(db_statement(&store->db, PACKS PACKS_IN_ORDER, &s, err));
    TRY(rows_collect(store, s, &rows, limit, read_pack, &list.more, err));
    list.rows = rows.rows;
    list.count = rows.count;
    for (size_t i = 0; i < list.count; i++) {
        list.rows[i].in_force = is_in_force(store, &list.rows[i]);
    }
    *ret_list = list;
    return ERR_OK;
}

enum err_code query_pack(struct store *store, const char *name, int version, struct pack_row *ret_row,
                         struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, PACKS " WHERE version = ?1 AND name = ?2" PACKS_IN_ORDER " LIMIT 1", &s, err));
    bind_int(s, 1, version);
    bind_text(s, 2, name);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the programme pack: the centre gave none of this name and version");
    }
    read_pack(s, ret_row);
    sqlite3_reset(s);
    ret_row->in_force = is_in_force(store, ret_row);
    return ERR_OK;
}

void pack_list_fini(struct pack_list *list)
{
    free(list->rows);
    *list = (struct pack_list){ 0 };
}

static void read_refused(sqlite3_stmt *s, void *out)
{
    struct refused_pack_row *row = out;
    *row = (struct refused_pack_row){ .received_at_ms = column_int(s, 1) };
    column_text(s, 0, row->reason, sizeof(row->reason));
}

enum err_code query_refused_packs(struct store *store, size_t limit, struct refused_pack_list *ret_list,
                                  struct error *err)
{
    sqlite3_stmt *s;
    bool more;
    struct row_array rows = { .size = sizeof(struct refused_pack_row) };
    TRY(db_statement(&store->db,
                     "SELECT quarantine, received_at FROM op INDEXED BY op_quarantined WHERE quarantine IS NOT NULL "
                     "AND kind = 29 ORDER BY received_at DESC, id DESC",
                     &s, err));
    TRY(rows_collect(store, s, &rows, limit, read_refused, &more, err));
    *ret_list = (struct refused_pack_list){ .rows = rows.rows, .count = rows.count, .more = more };
    return ERR_OK;
}

void refused_pack_list_fini(struct refused_pack_list *list)
{
    free(list->rows);
    *list = (struct refused_pack_list){ 0 };
}

enum err_code query_pack_json(struct store *store, const char *sha256, struct buf *out, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT pack FROM programme_pack WHERE sha256 = ?1 AND pack IS NOT NULL", &s, err));
    bind_text(s, 1, sha256);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the programme pack: none from the centre has this SHA-256");
    }
    enum err_code rc = programme_expand(column_slice(s, 0), out, err);
    sqlite3_reset(s);
    return rc;
}

/* ---- loaded ones ---- */

/* They stay loaded: what was given out may still be read. */
static enum err_code keep_loaded(struct store *store, struct programme *programme, struct error *err)
{
    if (store->pack_count == PACKS_LOADED_MAX) {
        programme_free(programme);
        return FAIL(err, LIMIT, "load a programme pack: %d are in use already; start the program anew",
                    PACKS_LOADED_MAX);
    }
    store->packs[store->pack_count++] = programme;
    return ERR_OK;
}

static enum err_code load_held(struct store *store, const char *sha256, const struct programme **ret_programme,
                               struct error *err)
{
    SCOPED(buf_fini) struct buf json;
    struct programme *programme;
    buf_init(&json, PROGRAMME_JSON_MAX + 1);
    TRY(query_pack_json(store, sha256, &json, err));
    TRY(programme_load(buf_slice(&json), &programme, err));
    TRY(keep_loaded(store, programme, err));
    *ret_programme = programme;
    return ERR_OK;
}

enum err_code pack_find(struct store *store, const char *sha256, const struct programme **ret_programme,
                        struct error *err)
{
    const struct programme *own[] = { store->own_programme, programme_default() };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (strcmp(programme_sha256(own[i]), sha256) == 0) {
            *ret_programme = own[i];
            return ERR_OK;
        }
    }
    for (size_t i = 0; i < store->pack_count; i++) {
        if (strcmp(programme_sha256(store->packs[i]), sha256) == 0) {
            *ret_programme = store->packs[i];
            return ERR_OK;
        }
    }
    struct error why;
    enum err_code rc = load_held(store, sha256, ret_programme, &why);
    if (rc == ERR_NOT_FOUND || rc == ERR_INVALID) { /* an earlier version took it, and this one could not use it */
        *ret_programme = NULL;
        return ERR_OK;
    }
    if (rc != ERR_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

/* ---- in force ---- */

const struct programme *store_programme(const struct store *store)
{
    return store->programme;
}

int32_t store_programme_since(const struct store *store)
{
    return store->programme_since;
}

const struct programme *store_own_programme(const struct store *store)
{
    return store->own_programme;
}

struct choice {
    const struct programme *programme;
    int32_t since; /* ROW_NONE: not of the centre */
};

static enum err_code choose_next(struct store *store, sqlite3_stmt *s, struct choice *choice, bool *ret_row,
                                 struct error *err)
{
    struct pack_row row;
    const struct programme *programme = NULL;
    TRY(db_step(&store->db, s, ret_row, err));
    if (!*ret_row) {
        return ERR_OK;
    }
    read_pack(s, &row);
    TRY(pack_find(store, row.sha256, &programme, err));
    if (programme != NULL) {
        *choice = (struct choice){ .programme = programme, .since = row.in_force_from };
    }
    return ERR_OK;
}

static enum err_code choose(struct store *store, int32_t today, struct choice *ret_choice, struct error *err)
{
    sqlite3_stmt *s;
    bool row = true;
    enum err_code rc = ERR_OK;
    struct choice choice = { .programme = store->own_programme, .since = ROW_NONE };
    TRY(db_statement(&store->db, PACKS " WHERE in_force_from <= ?1" PACKS_IN_ORDER, &s, err));
    bind_int(s, 1, today);
    while (rc == ERR_OK && row && choice.since == ROW_NONE) {
        rc = choose_next(store, s, &choice, &row, err);
    }
    sqlite3_reset(s);
    TRY(rc);
    *ret_choice = choice;
    return ERR_OK;
}

/* By which the tables are made, as far as it is still known. */
static enum err_code choice_before(struct store *store, struct choice *choice, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    char sha256[2 * SHA256_BYTES + 1] = "";
    const struct programme *programme = NULL;
    TRY(db_statement(&store->db,
                     "SELECT s.folded_by, (SELECT max(p.in_force_from) FROM programme_pack p WHERE p.sha256 = "
                     "s.folded_by) FROM sync_state s",
                     &s, err));
    TRY(db_step(&store->db, s, &row, err));
    column_text(s, 0, sha256, sizeof(sha256));
    int32_t since = (int32_t)column_int_or(s, 1, ROW_NONE);
    sqlite3_reset(s);
    TRY(pack_find(store, sha256, &programme, err));
    if (programme != NULL) {
        *choice =
            (struct choice){ .programme = programme, .since = programme == store->own_programme ? ROW_NONE : since };
    }
    return ERR_OK;
}

static enum err_code folded_by(struct store *store, const struct programme *programme, bool *ret_same,
                               struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 FROM sync_state WHERE folded_by = ?1", &s, err));
    bind_text(s, 1, programme_sha256(programme));
    TRY(db_step(&store->db, s, ret_same, err));
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code pack_fold_all(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    TRY(fold_all(store, err));
    TRY(db_statement(&store->db, "UPDATE sync_state SET folded_by = ?1", &s, err));
    bind_text(s, 1, programme_sha256(store->programme));
    return db_run(&store->db, s, err);
}

static void take(struct store *store, const struct choice *choice)
{
    store->programme = choice->programme;
    store->programme_since = choice->since;
}

/* The choice is taken, too, when the tables are made by it already. */
static enum err_code look(struct store *store, int32_t today, struct choice *ret_choice, bool *ret_due,
                          struct error *err)
{
    bool same;
    TRY(choose(store, today, ret_choice, err));
    TRY(folded_by(store, ret_choice->programme, &same, err));
    if (same) {
        take(store, ret_choice);
    }
    *ret_due = !same;
    return ERR_OK;
}

enum err_code store_pack_due(struct store *store, int32_t today, const struct programme **ret_due, struct error *err)
{
    struct choice choice;
    bool due;
    TRY(look(store, today, &choice, &due, err));
    *ret_due = due ? choice.programme : NULL;
    return ERR_OK;
}

enum err_code store_pack_settle(struct store *store, int32_t today, struct error *err)
{
    struct choice choice;
    bool due;
    TRY(look(store, today, &choice, &due, err));
    if (!due) {
        return ERR_OK;
    }
    struct choice before = { .programme = store->programme, .since = store->programme_since };
    TRY(choice_before(store, &before, err));
    take(store, &choice);
    enum err_code rc = replica_begin(store, err);
    if (rc == ERR_OK) {
        rc = replica_end(store, pack_fold_all(store, err), err);
    }
    if (rc != ERR_OK) {
        take(store, &before);
        return error_wrap(err, rc, "make the tables by another programme pack");
    }
    return ERR_OK;
}

enum err_code pack_settle_scratch(struct store *store, int32_t today, struct error *err)
{
    struct choice choice;
    TRY(choose(store, today, &choice, err));
    if (choice.programme == store->programme) {
        return ERR_OK;
    }
    take(store, &choice);
    return fold_all(store, err);
}
