#include "store/bundles.h"

#include <string.h>

#include "store/replica.h"

enum err_code store_bundles_read(struct store *store, struct store_bundles *ret_bundles, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(
        &store->db,
        "SELECT s.heard_at, b.written_at, b.taken_at, b.made_at, b.authority FROM sync_state s, bundle_state b", &s,
        err));
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, DAMAGED, "read the state of bundles: it is missing");
    }
    *ret_bundles = (struct store_bundles){ .heard_at_ms = column_int(s, 0),
                                           .written_at_ms = column_int_or(s, 1, OP_TIME_NONE),
                                           .taken_at_ms = column_int_or(s, 2, OP_TIME_NONE),
                                           .made_at_ms = column_int_or(s, 3, OP_TIME_NONE) };
    struct slice authority = column_slice(s, 4);
    ret_bundles->authority_told = authority.len == STORE_AUTHORITY_BYTES;
    if (ret_bundles->authority_told) {
        memcpy(ret_bundles->authority, authority.data, authority.len);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

/* One row, in a transaction of its own. */
static enum err_code run_alone(struct store *store, sqlite3_stmt *s, struct error *err)
{
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, db_run(&store->db, s, err), err);
}

enum err_code store_bundle_written(struct store *store, int64_t at_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE bundle_state SET written_at = ?1", &s, err));
    bind_int(s, 1, at_ms);
    return run_alone(store, s, err);
}

enum err_code store_bundle_heard(struct store *store, int64_t at_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE sync_state SET heard_at = ?1, dirty_site = 1", &s, err));
    bind_int(s, 1, at_ms);
    return run_alone(store, s, err);
}

enum err_code store_bundle_taken(struct store *store, int64_t at_ms, int64_t made_at_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE bundle_state SET taken_at = ?1, made_at = iif(made_at > ?2 AND made_at <= "
                     "(SELECT heard_at FROM sync_state), made_at, ?2)",
                     &s, err));
    bind_int(s, 1, at_ms);
    bind_int(s, 2, made_at_ms);
    return run_alone(store, s, err);
}

enum err_code store_bundle_authority(struct store *store, const uint8_t *authority, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE bundle_state SET authority = ?1 WHERE authority IS NOT ?1", &s, err));
    if (authority != NULL) {
        bind_slice(s, 1, slice_of(authority, STORE_AUTHORITY_BYTES));
    }
    return run_alone(store, s, err);
}

bool store_bundles_authority_new(const struct store_bundles *bundles, struct slice ca)
{
    uint8_t present[SHA256_BYTES];
    struct slice certificate = authorities_present(ca);
    sha256(&certificate, 1, present);
    return bundles->authority_told && memcmp(present, bundles->authority, STORE_AUTHORITY_BYTES) != 0;
}

enum err_code centre_certificate_put(struct store *store, struct slice certificate, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE bundle_state SET certificate = ?1 WHERE certificate IS NOT ?1", &s, err));
    bind_slice(s, 1, certificate);
    return db_run(&store->db, s, err);
}

enum err_code store_centre_certificate_keep(struct store *store, struct slice certificate, struct error *err)
{
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, centre_certificate_put(store, certificate, err), err);
}

enum err_code store_centre_certificate_read(struct store *store, struct buf *out, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT certificate FROM bundle_state WHERE certificate IS NOT NULL", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    struct slice certificate = column_slice(s, 0);
    enum err_code rc = buf_append(out, certificate.data, certificate.len, err);
    sqlite3_reset(s);
    return rc;
}
