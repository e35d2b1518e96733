#include "store/centre/centre_store.h"

#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

enum { SCHEMA_VERSION = 3 };

/* The CHECK of `op` stays as the database was made with: what was passed on as of a kind of a later version may not fit
 * that version's. */
static const char *const upgrades[] = {
    /* what shows that a device's files were put back, and clocks that ran ahead */
    "CREATE TABLE freshness (device BLOB NOT NULL CHECK (length(device) = 16), incarnation INTEGER NOT NULL, "
    "counter INTEGER NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 8), PRIMARY KEY (device, incarnation)) "
    "STRICT, WITHOUT ROWID;"
    "CREATE TABLE hlc_ahead (site INTEGER NOT NULL, kind INTEGER NOT NULL, subject BLOB NOT NULL, "
    "hlc INTEGER NOT NULL, PRIMARY KEY (site, kind, subject)) STRICT, WITHOUT ROWID;",
    /* exchange by files, what erasures cover, and a tree over each log: trees_complete makes those of what was held */
    "CREATE TABLE bundle_question (device INTEGER NOT NULL REFERENCES device (id), incarnation INTEGER NOT NULL, "
    "made_at INTEGER NOT NULL, question BLOB NOT NULL, PRIMARY KEY (device, incarnation)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE erasure (op INTEGER PRIMARY KEY, site INTEGER NOT NULL, subject BLOB NOT NULL, kind INTEGER NOT "
    "NULL, "
    "writer INTEGER NOT NULL, hlc INTEGER NOT NULL, device BLOB, incarnation INTEGER, seq INTEGER, walked INTEGER) "
    "STRICT;"
    "CREATE INDEX erasure_subject ON erasure (site, subject);"
    "CREATE INDEX erasure_walked ON erasure (walked) WHERE walked IS NOT NULL;"
    "CREATE TABLE standing_pack (version INTEGER PRIMARY KEY, in_force_from INTEGER NOT NULL, pack BLOB NOT NULL) "
    "STRICT;"
    "CREATE TABLE judged (only INTEGER PRIMARY KEY CHECK (only = 1), rules INTEGER NOT NULL) STRICT;"
    "INSERT INTO judged VALUES (1, 0);"
    "ALTER TABLE site ADD COLUMN tree BLOB NOT NULL DEFAULT x'';"
    "DROP TRIGGER op_never_changes;"
    "CREATE TRIGGER op_never_changes BEFORE UPDATE OF id, author, seq, kind, writer, header, received_at ON op "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be changed'); END;"
    "CREATE TRIGGER op_taken_stays BEFORE UPDATE OF quarantine ON op WHEN OLD.quarantine IS NULL BEGIN SELECT "
    "RAISE(ABORT, 'evidence is append-only: a record that was taken cannot be set aside'); END;"
    "CREATE INDEX op_kind ON op (kind) WHERE kind <> 5;"
    "ALTER TABLE site ADD COLUMN attendance_read INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE attendance_of (placement BLOB NOT NULL CHECK (length(placement) = 16), op INTEGER NOT NULL, "
    "PRIMARY KEY (placement, op)) STRICT, WITHOUT ROWID;",
};

extern const unsigned char centre_schema[];
extern const size_t centre_schema_size;

enum err_code centre_store_open(struct vault *vault, int cache_kib, struct centre_store **ret_store, struct error *err)
{
    struct centre_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return FAIL(err, NO_MEMORY, "open the centre's database");
    }
    buf_init(&store->header, OP_HEADER_MAX);
    buf_init(&store->body, OP_BODY_MAX);
    store->slice_rows = ERASE_SLICE_ROWS;
    store->batch_rows = ERASE_BATCH_ROWS;
    struct database_schema schema = { .text = slice_of(centre_schema, centre_schema_size),
                                      .version = SCHEMA_VERSION,
                                      .upgrades = upgrades };
    enum err_code rc = db_open(&store->db, vault, cache_kib, &schema, err);
    if (rc == ERR_OK) {
        rc = db_exec(&store->db, "PRAGMA secure_delete=ON", err); /* what is erased is not left in a page's rest */
    }
    if (rc == ERR_OK) {
        rc = centre_erase_open(store, err);
    }
    if (rc != ERR_OK) {
        centre_store_close(store);
        return error_wrap(err, rc, "open the centre's database");
    }
    store->erased = true; /* as far as is known: the last run may have ended before it was forgotten */
    centre_erased_forget(store);
    rc = trees_complete(store, err);
    if (rc != ERR_OK) {
        centre_store_close(store);
        return error_wrap(err, rc, "open the centre's database");
    }
    *ret_store = store;
    return ERR_OK;
}

void centre_store_close(struct centre_store *store)
{
    if (store == NULL) {
        return;
    }
    db_close(&store->db);
    buf_fini(&store->header);
    buf_fini(&store->body);
    free(store);
}

uint64_t centre_store_news(const struct centre_store *store)
{
    return store->news;
}

uint64_t centre_store_lifted(const struct centre_store *store)
{
    return store->lifted;
}

enum err_code centre_head(struct centre_store *store, int64_t site, uint64_t *ret_head, struct error *err)
{
    struct position_state state;
    TRY(positions_read(store, site, &state, err));
    *ret_head = state.head;
    return ERR_OK;
}

/* ---- lists ---- */

enum err_code centre_rows(struct database *db, sqlite3_stmt *s, size_t size, void (*read)(sqlite3_stmt *s, void *row),
                          void **ret_rows, size_t *ret_count, struct error *err)
{
    SCOPED(buf_fini) struct buf rows;
    buf_init(&rows, CENTRE_LIST_MAX * size);
    for (size_t count = 0;; count++) {
        bool row;
        TRY(db_step(db, s, &row, err));
        if (!row) {
            *ret_rows = rows.data;
            *ret_count = count;
            buf_init(&rows, 0);
            return ERR_OK;
        }
        enum err_code rc = buf_reserve(&rows, size, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        memset(rows.data + rows.len, 0, size);
        read(s, rows.data + rows.len);
        rows.len += size;
    }
}

/* ---- keys and certificates ---- */

static enum err_code material_put(struct centre_store *store, sqlite3_stmt *s, const struct centre_material *material,
                                  struct error *err)
{
    bind_text(s, 1, material->name);
    bind_slice(s, 2, material->value);
    return db_run(&store->db, s, err);
}

static enum err_code material_write_all(struct centre_store *store, const struct centre_material *material,
                                        size_t count, bool replace, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_stmt *s;
        if (replace) {
            TRY(db_statement(&store->db, "INSERT OR REPLACE INTO material VALUES (?1, ?2)", &s, err));
        } else {
            TRY(db_statement(&store->db, "INSERT INTO material VALUES (?1, ?2)", &s, err));
        }
        enum err_code rc = material_put(store, s, &material[i], err);
        if (rc != ERR_OK) {
            return rc == ERR_REFUSED ? FAIL(err, CONFLICT, "keep '%s': it is there already", material[i].name) : rc;
        }
    }
    return ERR_OK;
}

enum err_code centre_material_write(struct centre_store *store, const struct centre_material *material, size_t count,
                                    struct error *err)
{
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, material_write_all(store, material, count, false, err), err);
}

enum err_code centre_material_replace(struct centre_store *store, const struct centre_material *material, size_t count,
                                      struct error *err)
{
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, material_write_all(store, material, count, true, err), err);
}

enum err_code centre_material_read(struct centre_store *store, const char *name, struct secret *ret_value,
                                   struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT value FROM material WHERE name = ?1", &s, err));
    bind_text(s, 1, name);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find '%s' in the centre's database", name);
    }
    enum err_code rc = secret_copy(column_slice(s, 0), ret_value, err);
    sqlite3_reset(s);
    return rc;
}

/* ---- organisations ---- */

static enum err_code check_name(const char *name, struct error *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > CENTRE_NAME_MAX || !utf8_valid(slice_of(name, len))) {
        return FAIL(err, INVALID, "take a name: expected 1 to %d bytes of text", CENTRE_NAME_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return FAIL(err, INVALID, "take a name: it has a control character");
        }
    }
    return ERR_OK;
}

static void organisation_read(sqlite3_stmt *s, void *row)
{
    struct centre_organisation *organisation = row;
    organisation->id = column_int(s, 0);
    (void)column_fixed(s, 1, organisation->public_id, ORGANISATION_ID_BYTES);
    column_text(s, 2, organisation->name, sizeof(organisation->name));
    organisation->created_at_ms = column_int(s, 3);
    organisation->sites = column_int(s, 4);
}

#define ORGANISATION_SELECT                                                                                            \
    "SELECT g.id, g.public_id, g.name, g.created_at, (SELECT count(*) FROM site s WHERE s.organisation = g.id) "       \
    "FROM organisation g "

/* 32 hexadecimal digits may stand for a name. */
static void bind_name_or_id(sqlite3_stmt *s, const char *name_or_id, uint8_t id[ORGANISATION_ID_BYTES])
{
    bind_text(s, 1, name_or_id);
    if (strlen(name_or_id) == 2 * ORGANISATION_ID_BYTES && hex_decode(name_or_id, id, ORGANISATION_ID_BYTES)) {
        bind_blob(s, 2, id, ORGANISATION_ID_BYTES);
    } else {
        bind_null(s, 2);
    }
}

enum err_code centre_organisation_find(struct centre_store *store, const char *name_or_id,
                                       struct centre_organisation *ret_organisation, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    uint8_t id[ORGANISATION_ID_BYTES];
    TRY(db_statement(&store->db, ORGANISATION_SELECT "WHERE g.name = ?1 OR g.public_id = ?2", &s, err));
    bind_name_or_id(s, name_or_id, id);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the organisation '%s'", name_or_id);
    }
    organisation_read(s, ret_organisation);
    sqlite3_reset(s);
    return ERR_OK;
}

_Static_assert(ORGANISATION_ID_BYTES == STREAM_ID_BYTES, "one kind of id");

static enum err_code new_id(const struct centre_new *add, uint8_t ret_id[STREAM_ID_BYTES], struct error *err)
{
    if (add->id == NULL) {
        return random_bytes(ret_id, STREAM_ID_BYTES, err);
    }
    return strlen(add->id) == 2 * STREAM_ID_BYTES && hex_decode(add->id, ret_id, STREAM_ID_BYTES)
               ? ERR_OK
               : FAIL(err, INVALID, "take an id: expected %d hexadecimal digits", 2 * STREAM_ID_BYTES);
}

static enum err_code organisation_insert(struct centre_store *store, const struct centre_new *add, struct error *err)
{
    sqlite3_stmt *s;
    uint8_t id[ORGANISATION_ID_BYTES];
    TRY(new_id(add, id, err));
    TRY(db_statement(&store->db, "INSERT INTO organisation (public_id, name, created_at) VALUES (?1, ?2, ?3)", &s,
                     err));
    bind_blob(s, 1, id, sizeof(id));
    bind_text(s, 2, add->name);
    bind_int(s, 3, add->now_ms);
    enum err_code rc = db_run(&store->db, s, err);
    return rc == ERR_REFUSED ? FAIL(err, CONFLICT, "add the organisation '%s': there is one already%s", add->name,
                                    add->id != NULL ? ", or one with this id" : "")
                             : rc;
}

enum err_code centre_organisation_add(struct centre_store *store, const struct centre_new *add,
                                      struct centre_organisation *ret_organisation, struct error *err)
{
    TRY(check_name(add->name, err));
    TRY(db_begin(&store->db, err));
    TRY(db_end(&store->db, organisation_insert(store, add, err), err));
    return centre_organisation_find(store, add->name, ret_organisation, err);
}

enum err_code centre_organisations(struct centre_store *store, struct centre_organisation **ret_rows, size_t *ret_count,
                                   struct error *err)
{
    sqlite3_stmt *s;
    void *rows = NULL;
    TRY(db_statement(&store->db, ORGANISATION_SELECT "ORDER BY g.name", &s, err));
    TRY(centre_rows(&store->db, s, sizeof(**ret_rows), organisation_read, &rows, ret_count, err));
    *ret_rows = rows;
    return ERR_OK;
}

/* ---- sites ---- */

void site_read(sqlite3_stmt *s, int at, struct centre_site *site)
{
    site->id = column_int(s, at);
    (void)column_fixed(s, at + 1, site->stream, STREAM_ID_BYTES);
    (void)column_fixed(s, at + 2, site->organisation, ORGANISATION_ID_BYTES);
    column_text(s, at + 3, site->organisation_name, sizeof(site->organisation_name));
    column_text(s, at + 4, site->name, sizeof(site->name));
    site->head = (uint64_t)column_int(s, at + 5);
    site->created_at_ms = column_int(s, at + 6);
}

static void site_read_row(sqlite3_stmt *s, void *row)
{
    site_read(s, 0, row);
}

enum err_code centre_site_find(struct centre_store *store, const char *name_or_id, struct centre_site *ret_site,
                               struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    uint8_t id[ORGANISATION_ID_BYTES];
    TRY(db_statement(&store->db, "SELECT " SITE_COLUMNS " FROM " SITE_TABLES " WHERE s.name = ?1 OR s.stream = ?2", &s,
                     err));
    bind_name_or_id(s, name_or_id, id);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the site '%s'", name_or_id);
    }
    struct centre_site site;
    site_read(s, 0, &site);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        sqlite3_reset(s);
        return FAIL(err, CONFLICT, "find the site '%s': several organisations have one; give its 32 hex digits",
                    name_or_id);
    }
    *ret_site = site;
    return ERR_OK;
}

static enum err_code site_insert(struct centre_store *store, int64_t organisation, const struct centre_new *add,
                                 uint8_t ret_stream[STREAM_ID_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    TRY(new_id(add, ret_stream, err));
    TRY(db_statement(&store->db, "INSERT INTO site (stream, organisation, name, created_at) VALUES (?1, ?2, ?3, ?4)",
                     &s, err));
    bind_blob(s, 1, ret_stream, STREAM_ID_BYTES);
    bind_int(s, 2, organisation);
    bind_text(s, 3, add->name);
    bind_int(s, 4, add->now_ms);
    enum err_code rc = db_run(&store->db, s, err);
    return rc == ERR_REFUSED ? FAIL(err, CONFLICT, "add the site '%s': the organisation has one already%s", add->name,
                                    add->id != NULL ? ", or there is one with this id" : "")
                             : rc;
}

enum err_code centre_site_add(struct centre_store *store, const char *organisation, const struct centre_new *add,
                              struct centre_site *ret_site, struct error *err)
{
    struct centre_organisation found;
    uint8_t stream[STREAM_ID_BYTES] = { 0 };
    char digits[2 * STREAM_ID_BYTES + 1];
    TRY(check_name(add->name, err));
    TRY(centre_organisation_find(store, organisation, &found, err));
    TRY(db_begin(&store->db, err));
    TRY(db_end(&store->db, site_insert(store, found.id, add, stream, err), err));
    hex_encode(stream, sizeof(stream), digits);
    return centre_site_find(store, digits, ret_site, err);
}

enum err_code centre_sites(struct centre_store *store, struct centre_site **ret_rows, size_t *ret_count,
                           struct error *err)
{
    sqlite3_stmt *s;
    void *rows = NULL;
    TRY(db_statement(&store->db, "SELECT " SITE_COLUMNS " FROM " SITE_TABLES " ORDER BY g.name, s.name", &s, err));
    TRY(centre_rows(&store->db, s, sizeof(**ret_rows), site_read_row, &rows, ret_count, err));
    *ret_rows = rows;
    return ERR_OK;
}
