#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

#define DEVICE_KEY "device key" /* what the vault closes it as */
#define ENROLMENT_KEY "enrolment key"

enum { SCHEMA_VERSION = 3 };

extern const unsigned char store_schema[];
extern const size_t store_schema_size;

static enum err_code read_state(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT (SELECT ifnull(max(newest_hlc), 0) FROM author), assertions_most FROM sync_state", &s,
                     err));
    TRY(db_step(&store->db, s, &row, err));
    store->newest_hlc = row ? (uint64_t)column_int(s, 0) : 0;
    store->assertions_most = row ? column_int(s, 1) : INT64_MAX;
    store->assertions_grown = false;
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code read_erasing(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 FROM erasure LIMIT 1", &s, err));
    TRY(db_step(&store->db, s, &store->erasing, err));
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code read_self(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT stream, device, incarnation FROM identity", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    store->enrolled = row;
    if (!row) {
        return ERR_OK;
    }
    uint8_t device[DEVICE_ID_BYTES];
    (void)column_fixed(s, 0, store->stream, STREAM_ID_BYTES);
    (void)column_fixed(s, 1, device, DEVICE_ID_BYTES);
    uint32_t incarnation = (uint32_t)column_int(s, 2);
    sqlite3_reset(s);
    bool found;
    TRY(oplog_author_find(store, device, incarnation, &store->self, &found, err));
    return found ? ERR_OK : FAIL(err, DAMAGED, "open the replica: its own author is missing");
}

enum err_code replica_reload(struct store *store, struct error *err)
{
    store->stale = true;
    dirty_forget(store);
    fold_forget(store);
    store->known_link = (struct known_link){ 0 };
    TRY(read_state(store, err));
    TRY(read_erasing(store, err));
    TRY(following_read(store, &store->following, err));
    TRY(read_self(store, err));
    store->stale = false;
    return ERR_OK;
}

static enum err_code make_ready(struct store *store, struct error *err)
{
    if (store->stale) {
        TRY(replica_reload(store, err));
    }
    dirty_forget(store);
    fold_forget(store);
    return ERR_OK;
}

enum err_code replica_begin(struct store *store, struct error *err)
{
    TRY(make_ready(store, err));
    return db_begin(&store->db, err);
}

enum err_code replica_begin_relaxed(struct store *store, struct error *err)
{
    TRY(make_ready(store, err));
    return db_begin_relaxed(&store->db, err);
}

enum err_code replica_clock_offset(struct store *store, int64_t *ret_offset_ms, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT clock_offset FROM sync_state", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_offset_ms = row ? column_int_or(s, 0, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code replica_end(struct store *store, enum err_code rc, struct error *err)
{
    rc = db_end(&store->db, rc, err);
    if (rc != ERR_OK) {
        /* What failed is what the caller hears of; a disk that cannot even be read now is asked again by the next. */
        (void)!replica_reload(store, NULL);
    }
    return rc;
}

static enum err_code update_key(struct store *store, struct slice plain, struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(buf_fini) struct buf closed;
    sqlite3_stmt *s;
    buf_init(&closed, 2 * VAULT_SECRET_MAX);
    TRY(secret_copy(plain, &key, err));
    TRY(vault_close_secret(store->db.vault, DEVICE_KEY, &key, &closed, err));
    TRY(db_statement(&store->db, "UPDATE identity SET key = ?1", &s, err));
    bind_slice(s, 1, buf_slice(&closed));
    return db_run(&store->db, s, err);
}

/* A replica that was enrolled by an earlier version has its device's key as it is; nor may it stay in a page's rest. */
static enum err_code close_key(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool due;
    TRY(db_statement(&store->db, "SELECT key FROM identity", &s, err));
    TRY(db_step(&store->db, s, &due, err));
    if (!due || vault_secret_is_closed(column_slice(s, 0))) {
        sqlite3_reset(s);
        return ERR_OK;
    }
    TRY(replica_begin(store, err));
    enum err_code rc = update_key(store, column_slice(s, 0), err);
    sqlite3_reset(s);
    return replica_end(store, rc, err);
}

enum err_code store_open(struct vault *vault, const struct store_options *options, struct store **ret_store,
                         struct error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return FAIL(err, NO_MEMORY, "open the replica");
    }
    store->programme = options->programme;
    store->own_programme = options->programme;
    store->programme_since = ROW_NONE;
    store->progress = options->progress;
    buf_init(&store->header, OP_HEADER_MAX);
    buf_init(&store->body, OP_BODY_MAX);
    struct database_schema schema = { .text = slice_of(store_schema, store_schema_size),
                                      .version = SCHEMA_VERSION,
                                      .upgrades = replica_upgrades };
    enum err_code rc = db_open(&store->db, vault, options->cache_kib, &schema, err);
    if (rc == ERR_OK) {
        rc = refold_prepare(store, err);
    }
    if (rc == ERR_OK) {
        rc = replica_reload(store, err);
    }
    if (rc == ERR_OK) {
        rc = refold_run(store, err);
    }
    if (rc == ERR_OK) {
        rc = db_exec(&store->db, "PRAGMA secure_delete=ON", err); /* what is erased is not left in a page's rest */
    }
    if (rc == ERR_OK) {
        rc = close_key(store, err);
    }
    if (rc == ERR_OK) {
        rc = quarantine_open(store, err);
    }
    if (rc != ERR_OK) {
        store_close(store);
        return error_wrap(err, rc, "open the replica");
    }
    *ret_store = store;
    return ERR_OK;
}

#define READER_CACHE_KIB 512

/* The transaction stays until the connection is closed. */
static enum err_code take_snapshot(struct store *reader, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_exec(&reader->db, "BEGIN", err));
    TRY(db_statement(&reader->db, "SELECT 1 FROM sync_state", &s, err));
    TRY(db_step(&reader->db, s, &row, err));
    sqlite3_reset(s);
    return read_self(reader, err);
}

enum err_code store_open_reader(struct store *store, struct store_progress *progress, struct store **ret_reader,
                                struct error *err)
{
    struct store *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return FAIL(err, NO_MEMORY, "read the replica");
    }
    reader->programme = store->programme;
    reader->programme_since = store->programme_since;
    reader->own_programme = store->own_programme;
    reader->progress = progress;
    reader->is_view = true;
    buf_init(&reader->header, OP_HEADER_MAX);
    buf_init(&reader->body, OP_BODY_MAX);
    enum err_code rc =
        db_open_reader(&reader->db, store->db.vault, READER_CACHE_KIB, &progress->stop, &progress->looks, err);
    if (rc == ERR_OK) {
        rc = take_snapshot(reader, err);
    }
    if (rc != ERR_OK) {
        store_close(reader);
        return error_wrap(err, rc, "read the replica");
    }
    *ret_reader = reader;
    return ERR_OK;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    db_close(&store->db);
    for (size_t i = 0; i < store->pack_count; i++) {
        programme_free(store->packs[i]);
    }
    buf_fini(&store->header);
    buf_fini(&store->body);
    fold_marks_fini(store);
    free(store);
}

/* ---- identity ---- */

void store_identity_fini(struct store_identity *identity)
{
    secret_free(&identity->key_pkcs8);
    buf_fini(&identity->certificate);
    buf_fini(&identity->ca);
}

/* A replica that was enrolled by an earlier version has it as it is, until close_key. */
static enum err_code read_key(struct store *store, struct slice kept, struct secret *ret_key, struct error *err)
{
    return vault_secret_is_closed(kept) ? vault_open_secret(store->db.vault, DEVICE_KEY, kept, ret_key, err)
                                        : secret_copy(kept, ret_key, err);
}

static enum err_code read_identity_row(struct store *store, sqlite3_stmt *s, struct store_identity *identity,
                                       struct error *err)
{
    (void)column_fixed(s, 0, identity->device, DEVICE_ID_BYTES);
    identity->incarnation = (uint32_t)column_int(s, 1);
    (void)column_fixed(s, 2, identity->stream, STREAM_ID_BYTES);
    (void)column_fixed(s, 3, identity->organisation, ORGANISATION_ID_BYTES);
    column_text(s, 4, identity->endpoint, sizeof(identity->endpoint));
    column_text(s, 5, identity->site_name, sizeof(identity->site_name));
    TRY(read_key(store, column_slice(s, 6), &identity->key_pkcs8, err));
    struct slice certificate = column_slice(s, 7);
    TRY(buf_append(&identity->certificate, certificate.data, certificate.len, err));
    struct slice ca = column_slice(s, 8);
    return buf_append(&identity->ca, ca.data, ca.len, err);
}

enum err_code store_identity_read(struct store *store, struct store_identity *ret_identity, struct error *err)
{
    struct store_identity identity = { 0 };
    buf_init(&identity.certificate, CERTIFICATE_DER_MAX);
    buf_init(&identity.ca, AUTHORITIES_DER_MAX);
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT device, incarnation, stream, organisation, endpoint, site_name, key, certificate, ca FROM identity", &s,
        err));
    TRY(db_step(&store->db, s, &identity.enrolled, err));
    if (identity.enrolled) {
        enum err_code rc = read_identity_row(store, s, &identity, err);
        sqlite3_reset(s);
        if (rc != ERR_OK) {
            store_identity_fini(&identity);
            return error_wrap(err, rc, "read this device's identity");
        }
    }
    *ret_identity = identity;
    return ERR_OK;
}

static enum err_code write_identity_row(struct store *store, const struct store_identity *identity, struct error *err)
{
    sqlite3_stmt *s;
    SCOPED(buf_fini) struct buf key;
    buf_init(&key, 2 * VAULT_SECRET_MAX);
    TRY(vault_close_secret(store->db.vault, DEVICE_KEY, &identity->key_pkcs8, &key, err));
    /* a replica that has moved on to another incarnation stays there */
    uint32_t incarnation = store->enrolled ? store->self.incarnation : identity->incarnation;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO identity VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", &s,
                     err));
    bind_blob(s, 1, identity->device, DEVICE_ID_BYTES);
    bind_int(s, 2, incarnation);
    bind_blob(s, 3, identity->stream, STREAM_ID_BYTES);
    bind_blob(s, 4, identity->organisation, ORGANISATION_ID_BYTES);
    bind_text(s, 5, identity->endpoint);
    bind_text(s, 6, identity->site_name);
    bind_slice(s, 7, buf_slice(&key));
    bind_slice(s, 8, buf_slice(&identity->certificate));
    bind_slice(s, 9, buf_slice(&identity->ca));
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db, "DELETE FROM enrolment_try", &s, err));
    TRY(db_run(&store->db, s, err));
    memcpy(store->stream, identity->stream, STREAM_ID_BYTES);
    struct author self = { .incarnation = incarnation, .writer = WRITER_ORGANISATION };
    memcpy(self.device, identity->device, DEVICE_ID_BYTES);
    return chain_ensure(store, &self, buf_slice(&identity->certificate), err);
}

static enum err_code write_identity(struct store *store, const struct store_identity *identity, struct slice centre,
                                    struct error *err)
{
    TRY(write_identity_row(store, identity, err));
    return centre.len > 0 ? centre_certificate_put(store, centre, err) : ERR_OK;
}

enum err_code store_identity_write_with(struct store *store, const struct store_identity *identity, struct slice centre,
                                        struct error *err)
{
    if (store->enrolled && memcmp(store->stream, identity->stream, STREAM_ID_BYTES) != 0) {
        return FAIL(err, CONFLICT, "enrol: this replica belongs to another site; use another state directory");
    }
    if (store->enrolled && memcmp(store->self.device, identity->device, DEVICE_ID_BYTES) != 0) {
        return FAIL(err, CONFLICT, "enrol: this replica is enrolled already");
    }
    TRY(replica_begin(store, err));
    TRY(replica_end(store, write_identity(store, identity, centre, err), err));
    return replica_reload(store, err);
}

enum err_code store_identity_write(struct store *store, const struct store_identity *identity, struct error *err)
{
    return store_identity_write_with(store, identity, (struct slice){ 0 }, err);
}

/* ---- an enrolment that has not ended ---- */

static enum err_code write_try(struct store *store, const struct store_enrolment *try, struct slice key,
                               struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO enrolment_try (only, code, key, pin) VALUES (1, ?1, ?2, ?3)",
                     &s, err));
    bind_blob(s, 1, try->code, SHA256_BYTES);
    bind_slice(s, 2, key);
    bind_blob(s, 3, try->ca_pin, ENROLMENT_PIN_BYTES);
    return db_run(&store->db, s, err);
}

void store_enrolment_fini(struct store_enrolment *try)
{
    secret_free(&try->key_pkcs8);
}

enum err_code store_enrolment_keep(struct store *store, const struct store_enrolment *try, struct error *err)
{
    SCOPED(buf_fini) struct buf key;
    buf_init(&key, 2 * VAULT_SECRET_MAX);
    TRY(vault_close_secret(store->db.vault, ENROLMENT_KEY, &try->key_pkcs8, &key, err));
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, write_try(store, try, buf_slice(&key), err), err);
}

enum err_code store_enrolment_read(struct store *store, struct store_enrolment *ret_try, bool *ret_found,
                                   struct error *err)
{
    sqlite3_stmt *s;
    struct store_enrolment try = { .code = { 0 } };
    TRY(db_statement(&store->db, "SELECT code, key, pin FROM enrolment_try", &s, err));
    TRY(db_step(&store->db, s, ret_found, err));
    if (!*ret_found) {
        return ERR_OK;
    }
    (void)column_fixed(s, 0, try.code, SHA256_BYTES);
    (void)column_fixed(s, 2, try.ca_pin, ENROLMENT_PIN_BYTES);
    enum err_code rc = vault_open_secret(store->db.vault, ENROLMENT_KEY, column_slice(s, 1), &try.key_pkcs8, err);
    sqlite3_reset(s);
    TRY(rc);
    *ret_try = try;
    return ERR_OK;
}
