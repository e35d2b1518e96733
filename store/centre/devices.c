/*
 * Who may take part: one-time codes and the devices enrolled with them.
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

/* ---- codes ---- */

struct code {
    int64_t site;
    int64_t expires_at_ms;
    bool used;
    char label[CENTRE_NAME_MAX + 1];
    uint8_t device[DEVICE_ID_BYTES]; /* that used it */
};

enum err_code centre_code_add(struct centre_store *store, int64_t site, const char *label,
                              const uint8_t hash[SHA256_BYTES], int64_t now_ms, int64_t expires_at_ms,
                              struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_begin(&store->db, err));
    enum err_code rc = db_statement(
        &store->db,
        "INSERT INTO enrolment_code (hash, site, created_at, expires_at, label) VALUES (?1, ?2, ?3, ?4, ?5)", &s, err);
    if (rc == ERR_OK) {
        bind_blob(s, 1, hash, SHA256_BYTES);
        bind_int(s, 2, site);
        bind_int(s, 3, now_ms);
        bind_int(s, 4, expires_at_ms);
        bind_text(s, 5, label);
        rc = db_run(&store->db, s, err);
    }
    return db_end(&store->db, rc, err);
}

static enum err_code code_refused(struct error *err)
{
    return FAIL(err, REFUSED, "enrol: the code is not known, has run out or was used; ask for a new one");
}

static enum err_code code_find(struct centre_store *store, const uint8_t hash[SHA256_BYTES], int64_t now_ms,
                               struct code *ret_code, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT site, expires_at, used_at, device, label FROM enrolment_code WHERE hash = ?1",
                     &s, err));
    bind_blob(s, 1, hash, SHA256_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return code_refused(err);
    }
    struct code code = { .site = column_int(s, 0),
                         .expires_at_ms = column_int(s, 1),
                         .used = sqlite3_column_type(s, 2) != SQLITE_NULL };
    (void)column_fixed(s, 3, code.device, DEVICE_ID_BYTES);
    column_text(s, 4, code.label, sizeof(code.label));
    sqlite3_reset(s);
    if (now_ms >= code.expires_at_ms) {
        return code_refused(err);
    }
    *ret_code = code;
    return ERR_OK;
}

enum err_code centre_code_search(struct centre_store *store, int64_t now_ms,
                                 bool (*fits)(const void *context, const uint8_t hash[SHA256_BYTES]),
                                 const void *context, uint8_t ret_hash[SHA256_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT hash FROM enrolment_code WHERE expires_at > ?1", &s, err));
    bind_int(s, 1, now_ms);
    for (bool row = true;;) {
        uint8_t hash[SHA256_BYTES];
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return code_refused(err);
        }
        (void)column_fixed(s, 0, hash, sizeof(hash));
        if (fits(context, hash)) {
            memcpy(ret_hash, hash, sizeof(hash));
            sqlite3_reset(s);
            return ERR_OK;
        }
    }
}

enum err_code centre_codes_used(struct centre_store *store, int64_t now_ms,
                                enum err_code (*each)(void *context, const uint8_t hash[SHA256_BYTES],
                                                      const uint8_t device[DEVICE_ID_BYTES], struct error *err),
                                void *context, struct error *err)
{
    sqlite3_stmt *s;
    enum err_code rc = ERR_OK;
    TRY(db_statement(&store->db,
                     "SELECT hash, device FROM enrolment_code WHERE used_at IS NOT NULL AND expires_at > ?1", &s, err));
    bind_int(s, 1, now_ms);
    while (rc == ERR_OK) {
        uint8_t hash[SHA256_BYTES];
        uint8_t device[DEVICE_ID_BYTES];
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        (void)column_fixed(s, 0, hash, sizeof(hash));
        (void)column_fixed(s, 1, device, sizeof(device));
        rc = each(context, hash, device, err);
    }
    sqlite3_reset(s);
    return rc;
}

static enum err_code site_by_id(struct centre_store *store, int64_t id, struct centre_site *ret_site, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT " SITE_COLUMNS " FROM " SITE_TABLES " WHERE s.id = ?1", &s, err));
    bind_int(s, 1, id);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the site");
    }
    site_read(s, 0, ret_site);
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code centre_code_check(struct centre_store *store, const uint8_t hash[SHA256_BYTES], int64_t now_ms,
                                struct centre_site *ret_site, struct error *err)
{
    struct code code = { 0 };
    TRY(code_find(store, hash, now_ms, &code, err));
    return site_by_id(store, code.site, ret_site, err);
}

static enum err_code code_use(struct centre_store *store, const uint8_t hash[SHA256_BYTES],
                              const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE enrolment_code SET used_at = ?2, device = ?3 WHERE hash = ?1", &s, err));
    bind_blob(s, 1, hash, SHA256_BYTES);
    bind_int(s, 2, now_ms);
    bind_blob(s, 3, device, DEVICE_ID_BYTES);
    return db_run(&store->db, s, err);
}

/* ---- devices ---- */

/* Counting walks all of a device's records: for an operator's list, never for a request of the device. */
#define COUNTS                                                                                                         \
    "(SELECT sum(a.newest_seq) FROM author a WHERE a.site = d.site AND a.device = d.device), "                         \
    "(SELECT count(*) FROM author a JOIN op o INDEXED BY op_quarantined ON o.author = a.id "                           \
    "AND o.quarantine IS NOT NULL WHERE a.site = d.site AND a.device = d.device), "
#define NO_COUNTS "0, 0, "
#define DEVICE_SELECT(counts)                                                                                          \
    "SELECT d.id, d.device, d.label, d.valid_until, d.enrolled_at, d.last_seen_at, d.revoked_at, " counts SITE_COLUMNS \
    " FROM device d JOIN site s ON s.id = d.site JOIN organisation g ON g.id = s.organisation "

static void device_read(sqlite3_stmt *s, void *row)
{
    struct centre_device *device = row;
    device->id = column_int(s, 0);
    (void)column_fixed(s, 1, device->device, DEVICE_ID_BYTES);
    column_text(s, 2, device->label, sizeof(device->label));
    device->valid_until_ms = column_int(s, 3);
    device->enrolled_at_ms = column_int(s, 4);
    device->last_seen_at_ms = column_int_or(s, 5, OP_TIME_NONE);
    device->revoked_at_ms = column_int_or(s, 6, OP_TIME_NONE);
    device->ops = (uint64_t)column_int_or(s, 7, 0);
    device->quarantined = (uint64_t)column_int(s, 8);
    site_read(s, 9, &device->site);
}

static enum err_code find(struct centre_store *store, const char *sql, const uint8_t device[DEVICE_ID_BYTES],
                          struct centre_device *ret_device, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_blob(s, 1, device, DEVICE_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the device");
    }
    device_read(s, ret_device);
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code centre_device_find(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES],
                                 struct centre_device *ret_device, struct error *err)
{
    return find(store, DEVICE_SELECT(NO_COUNTS) "WHERE d.device = ?1", device, ret_device, err);
}

enum err_code centre_device_count(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES],
                                  struct centre_device *ret_device, struct error *err)
{
    return find(store, DEVICE_SELECT(COUNTS) "WHERE d.device = ?1", device, ret_device, err);
}

enum err_code centre_devices(struct centre_store *store, struct centre_device **ret_rows, size_t *ret_count,
                             struct error *err)
{
    sqlite3_stmt *s;
    void *rows = NULL;
    TRY(db_statement(&store->db, DEVICE_SELECT(COUNTS) "ORDER BY g.name, s.name, d.enrolled_at", &s, err));
    TRY(centre_rows(&store->db, s, sizeof(**ret_rows), device_read, &rows, ret_count, err));
    *ret_rows = rows;
    return ERR_OK;
}

enum err_code centre_device_named(struct centre_store *store, const char *digits, uint8_t ret_device[DEVICE_ID_BYTES],
                                  struct error *err)
{
    sqlite3_stmt *s;
    size_t len = strlen(digits);
    if (len < 8 || len > 2 * DEVICE_ID_BYTES || strspn(digits, "0123456789abcdefABCDEF") != len) {
        return FAIL(err, INVALID, "name a device: expected 8 to 32 hexadecimal digits of its id");
    }
    TRY(db_statement(&store->db, "SELECT device FROM device WHERE substr(hex(device), 1, ?2) = upper(?1)", &s, err));
    bind_text(s, 1, digits);
    bind_int(s, 2, (int64_t)len);
    bool row;
    uint8_t device[DEVICE_ID_BYTES];
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find a device whose id begins with '%s'", digits);
    }
    (void)column_fixed(s, 0, device, DEVICE_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        sqlite3_reset(s);
        return FAIL(err, CONFLICT, "find a device: several ids begin with '%s'; give more digits", digits);
    }
    memcpy(ret_device, device, DEVICE_ID_BYTES);
    return ERR_OK;
}

static enum err_code device_insert(struct centre_store *store, const struct code *code,
                                   const uint8_t device[DEVICE_ID_BYTES], struct slice certificate,
                                   int64_t valid_until_ms, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT INTO device (device, site, label, certificate, valid_until, enrolled_at) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     &s, err));
    bind_blob(s, 1, device, DEVICE_ID_BYTES);
    bind_int(s, 2, code->site);
    bind_text(s, 3, code->label);
    bind_slice(s, 4, certificate);
    bind_int(s, 5, valid_until_ms);
    bind_int(s, 6, now_ms);
    return db_run(&store->db, s, err);
}

static enum err_code device_certify(struct centre_store *store, int64_t device, struct slice certificate,
                                    int64_t valid_until_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE device SET certificate = ?2, valid_until = ?3 WHERE id = ?1", &s, err));
    bind_int(s, 1, device);
    bind_slice(s, 2, certificate);
    bind_int(s, 3, valid_until_ms);
    return db_run(&store->db, s, err);
}

enum err_code centre_device_renew(struct centre_store *store, int64_t device, struct slice certificate,
                                  int64_t valid_until_ms, struct error *err)
{
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, device_certify(store, device, certificate, valid_until_ms, err), err);
}

/* A device that is known already: of this site and not revoked it gets a new certificate. */
static enum err_code device_again(struct centre_store *store, const struct centre_device *known, int64_t site,
                                  struct slice certificate, int64_t valid_until_ms, struct error *err)
{
    if (known->site.id != site) {
        return FAIL(err, CONFLICT, "enrol: this device belongs to another site already");
    }
    if (known->revoked_at_ms != OP_TIME_NONE) {
        return FAIL(err, REVOKED, "enrol: this device was revoked; make a new key");
    }
    return device_certify(store, known->id, certificate, valid_until_ms, err);
}

static enum err_code enrol(struct centre_store *store, const uint8_t hash[SHA256_BYTES],
                           const uint8_t device[DEVICE_ID_BYTES], struct slice certificate, int64_t valid_until_ms,
                           int64_t now_ms, struct error *err)
{
    struct code code = { 0 };
    struct centre_device known;
    TRY(code_find(store, hash, now_ms, &code, err));
    if (code.used && memcmp(code.device, device, DEVICE_ID_BYTES) != 0) {
        return code_refused(err);
    }
    if (!code.used) {
        TRY(code_use(store, hash, device, now_ms, err));
    }
    enum err_code rc = centre_device_find(store, device, &known, err);
    if (rc == ERR_NOT_FOUND) {
        return device_insert(store, &code, device, certificate, valid_until_ms, now_ms, err);
    }
    return rc == ERR_OK ? device_again(store, &known, code.site, certificate, valid_until_ms, err) : rc;
}

enum err_code centre_device_enrol(struct centre_store *store, const uint8_t hash[SHA256_BYTES],
                                  const uint8_t device[DEVICE_ID_BYTES], struct slice certificate,
                                  int64_t valid_until_ms, int64_t now_ms, struct error *err)
{
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, enrol(store, hash, device, certificate, valid_until_ms, now_ms, err), err);
}

enum err_code centre_device_seen(struct centre_store *store, int64_t device, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE device SET last_seen_at = ?2 WHERE id = ?1", &s, err));
    bind_int(s, 1, device);
    bind_int(s, 2, now_ms);
    return db_run(&store->db, s, err);
}

static enum err_code revoke(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms,
                            struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE device SET revoked_at = ?2 WHERE device = ?1 AND revoked_at IS NULL", &s,
                     err));
    bind_blob(s, 1, device, DEVICE_ID_BYTES);
    bind_int(s, 2, now_ms);
    return db_run(&store->db, s, err);
}

enum err_code centre_device_revoke(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms,
                                   struct error *err)
{
    struct centre_device known;
    TRY(centre_device_find(store, device, &known, err));
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, revoke(store, device, now_ms, err), err);
}

static enum err_code reinstate(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE device SET revoked_at = NULL WHERE device = ?1", &s, err));
    bind_blob(s, 1, device, DEVICE_ID_BYTES);
    return db_run(&store->db, s, err);
}

enum err_code centre_device_reinstate(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms,
                                      struct error *err)
{
    (void)now_ms;
    struct centre_device known;
    TRY(centre_device_find(store, device, &known, err));
    if (known.revoked_at_ms == OP_TIME_NONE) {
        return FAIL(err, CONFLICT, "reinstate the device: it is not revoked");
    }
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, reinstate(store, device, err), err);
}

enum err_code centre_device_certificates(struct centre_store *store,
                                         enum err_code (*each)(void *context, const struct centre_device *device,
                                                               struct slice certificate, struct error *err),
                                         void *context, struct error *err)
{
    sqlite3_stmt *s;
    enum err_code rc = ERR_OK;
    TRY(db_statement(&store->db, "SELECT device, valid_until, revoked_at, certificate FROM device", &s, err));
    while (rc == ERR_OK) {
        struct centre_device device = { 0 };
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        (void)column_fixed(s, 0, device.device, DEVICE_ID_BYTES);
        device.valid_until_ms = column_int(s, 1);
        device.revoked_at_ms = column_int_or(s, 2, OP_TIME_NONE);
        rc = each(context, &device, column_slice(s, 3), err);
    }
    sqlite3_reset(s);
    return rc;
}
