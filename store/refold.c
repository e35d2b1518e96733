/*
 * The folded tables of a replica are those of this program's folded.sql, or are dropped and made again from the log
 * when it is opened: after an upgrade of schema.sql (sync_state.refold), and where another folded.sql made them.
 *
 * Which one did stands in the table folded_from, by its SHA-256.
 */
#include <stdio.h>
#include <string.h>

#include "store/replica.h"

extern const unsigned char store_folded_schema[]; /* embedded with a closing NUL */

static void digest_of_ours(uint8_t out[SHA256_BYTES])
{
    const struct slice text = slice_of_text((const char *)store_folded_schema);
    sha256(&text, 1, out);
}

static enum err_code is_one(struct store *store, const char *sql, bool *ret_is, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sql, &s, err));
    TRY(db_step(&store->db, s, ret_is, err));
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code refold_due(struct store *store, bool *ret_due, struct error *err)
{
    return is_one(store, "SELECT 1 FROM sync_state WHERE refold <> 0", ret_due, err);
}

static enum err_code made_by_ours(struct store *store, bool *ret_ours, struct error *err)
{
    sqlite3_stmt *s;
    uint8_t ours[SHA256_BYTES];
    TRY(is_one(store, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'folded_from'", ret_ours, err));
    if (!*ret_ours) {
        return ERR_OK;
    }
    digest_of_ours(ours);
    TRY(db_statement(&store->db, "SELECT 1 FROM folded_from WHERE sha256 = ?1", &s, err));
    bind_blob(s, 1, ours, sizeof(ours));
    TRY(db_step(&store->db, s, ret_ours, err));
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code note_ours(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    uint8_t ours[SHA256_BYTES];
    digest_of_ours(ours);
    TRY(db_exec(&store->db,
                "CREATE TABLE IF NOT EXISTS folded_from (sha256 BLOB NOT NULL) STRICT; DELETE FROM folded_from", err));
    TRY(db_statement(&store->db, "INSERT INTO folded_from VALUES (?1)", &s, err));
    bind_blob(s, 1, ours, sizeof(ours));
    return db_run(&store->db, s, err);
}

static enum err_code make_anew(struct store *store, struct error *err)
{
    for (size_t i = 0; folded_tables[i] != NULL; i++) {
        char sql[96];
        (void)snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS %s", folded_tables[i]);
        TRY(db_exec(&store->db, sql, err));
    }
    TRY(db_exec(&store->db, (const char *)store_folded_schema, err));
    TRY(db_exec(&store->db, "UPDATE sync_state SET refold = 1", err));
    return note_ours(store, err);
}

enum err_code refold_prepare(struct store *store, struct error *err)
{
    bool due;
    bool ours;
    TRY(refold_due(store, &due, err));
    TRY(made_by_ours(store, &ours, err));
    if (!due && ours) {
        return ERR_OK;
    }
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, make_anew(store, err), err);
}

enum err_code refold_run(struct store *store, struct error *err)
{
    bool due;
    TRY(refold_due(store, &due, err));
    if (!due) {
        return ERR_OK;
    }
    TRY(replica_begin(store, err));
    enum err_code rc = pack_fold_all(store, err);
    if (rc == ERR_OK) {
        rc = db_exec(&store->db, "UPDATE sync_state SET refold = 0", err);
    }
    return replica_end(store, rc, err);
}
