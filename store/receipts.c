/* The centre's receipts for this device's own chains: who said when that it holds them up to which link. */
#include <string.h>

#include "store/evidence.h"
#include "store/replica.h"

static enum err_code certificate_id(struct store *store, struct slice certificate, int64_t *ret_id, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO receipt_certificate (certificate) VALUES (?1)", &s, err));
    bind_slice(s, 1, certificate);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db, "SELECT id FROM receipt_certificate WHERE certificate = ?1", &s, err));
    bind_slice(s, 1, certificate);
    TRY(db_step(&store->db, s, &row, err));
    CHECK(row);
    *ret_id = column_int(s, 0);
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code receipt_keep(struct store *store, const struct author *author, const struct store_receipt *receipt,
                           struct error *err)
{
    sqlite3_stmt *s;
    bool held;
    int64_t certificate;
    TRY(db_statement(&store->db, "SELECT 1 FROM receipt WHERE author = ?1 AND fork = 0 AND seq = ?2", &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)receipt->acked_seq);
    TRY(db_step(&store->db, s, &held, err));
    sqlite3_reset(s);
    if (held) {
        return ERR_OK; /* said before, and the first time is the one that counts */
    }
    TRY(certificate_id(store, receipt->certificate, &certificate, err));
    TRY(db_statement(&store->db, "INSERT INTO receipt VALUES (?1, 0, ?2, ?3, ?4, ?5)", &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)receipt->acked_seq);
    bind_int(s, 3, receipt->at_ms);
    bind_blob(s, 4, receipt->signature, receipt->signature_len);
    bind_int(s, 5, certificate);
    return db_run(&store->db, s, err);
}

enum err_code receipts_set_aside(struct store *store, int64_t author, uint64_t keep_seq, int64_t fork,
                                 struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE receipt SET fork = ?3 WHERE author = ?1 AND fork = 0 AND seq > ?2", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)keep_seq);
    bind_int(s, 3, fork);
    return db_run(&store->db, s, err);
}

void evidence_receipt_fini(struct evidence_receipt *receipt)
{
    buf_fini(&receipt->certificate);
}

static enum err_code read_receipt(struct store *store, const struct author *author, const struct op_id *acked,
                                  struct evidence_receipt *receipt, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT r.at, r.signature, c.certificate FROM receipt r JOIN receipt_certificate c "
                     "ON c.id = r.certificate WHERE r.author = ?1 AND r.fork = 0 AND r.seq = ?2",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)acked->seq);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the centre's receipt for a record: none is held here");
    }
    int64_t at_ms = column_int(s, 0);
    struct slice signature = column_slice(s, 1);
    struct slice certificate = column_slice(s, 2);
    receipt->signature_len = signature.len <= SIGNATURE_MAX ? signature.len : 0;
    if (receipt->signature_len > 0) {
        memcpy(receipt->signature, signature.data, receipt->signature_len);
    }
    enum err_code rc = buf_append(&receipt->certificate, certificate.data, certificate.len, err);
    sqlite3_reset(s);
    TRY(rc);
    uint8_t link[SHA256_BYTES];
    TRY(chain_link(store, author, acked->seq, link, err));
    op_receipt_message(store->stream, acked, link, at_ms, receipt->message);
    return ERR_OK;
}

enum err_code evidence_receipt(struct store *store, const struct op_id *acked, struct evidence_receipt *ret_receipt,
                               struct error *err)
{
    struct author author;
    bool found;
    struct evidence_receipt receipt = { .signature_len = 0 };
    TRY(oplog_author_find(store, acked->device, acked->incarnation, &author, &found, err));
    if (!found || acked->seq > author.newest_seq) {
        return FAIL(err, NOT_FOUND, "find the centre's receipt for a record: the record is not here");
    }
    buf_init(&receipt.certificate, CERTIFICATE_DER_MAX);
    enum err_code rc = read_receipt(store, &author, acked, &receipt, err);
    if (rc != ERR_OK) {
        evidence_receipt_fini(&receipt);
        return rc;
    }
    *ret_receipt = receipt;
    return ERR_OK;
}

/* ---- verified ---- */

static enum err_code wrong(const uint8_t device[DEVICE_ID_BYTES], uint64_t seq, const char *what, struct error *err)
{
    char name[2 * DEVICE_ID_BYTES + 1];
    hex_encode(device, DEVICE_ID_BYTES, name);
    return FAIL(err, HISTORY,
                "verify the centre's receipt for record %llu of device %.8s: %s; keep the files as they are, and go on "
                "with a backup that verifies ('holdfast restore --replace FILE')",
                (unsigned long long)seq, name, what);
}

static enum err_code next_receipt(struct store *store, const struct author *author, uint64_t after,
                                  struct receipts_check *check, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT seq FROM receipt WHERE author = ?1 AND fork = ?2 AND seq > ?3 ORDER BY seq LIMIT 1", &s,
                     err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, check->fork);
    bind_int(s, 3, (int64_t)after);
    TRY(db_step(&store->db, s, &row, err));
    check->next_seq = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code receipts_check_begin(struct store *store, const struct author *author, int64_t fork,
                                   struct receipts_check *check, struct error *err)
{
    check->fork = fork;
    return next_receipt(store, author, 0, check, err);
}

/* Many receipts are under one certificate. */
static enum err_code check_certificate(int64_t id, struct slice der, struct receipts_check *check, struct error *err)
{
    if (id != check->certificate_id) {
        check->certificate_id = 0;
        TRY(certificate_verify(der, check->ca, -1, &check->certificate, err));
        check->certificate_id = id;
    }
    return check->certificate.role == CERTIFICATE_ROLE_CENTRE
               ? ERR_OK
               : FAIL(err, TLS, "check a receipt's certificate: it is not for signing receipts");
}

/*
 * The row of `s`: at, signature, certificate's id and DER. Times follow seqs no further than that: a centre that was
 * put back acknowledges an earlier link for the first time later, and both receipts are true.
 */
static enum err_code check_row(const struct store *store, const struct author *author, sqlite3_stmt *s,
                               const uint8_t link[SHA256_BYTES], struct receipts_check *check, struct error *err)
{
    int64_t at_ms = column_int(s, 0);
    struct op_id acked = { .incarnation = author->incarnation, .seq = check->next_seq };
    uint8_t message[OP_RECEIPT_MESSAGE_BYTES];
    if (check_certificate(column_int(s, 2), column_slice(s, 3), check, err) != ERR_OK) {
        return wrong(author->device, acked.seq, "no authority known here vouches for who signed it", err);
    }
    if (at_ms < check->certificate.not_before_ms) {
        return wrong(author->device, acked.seq, "it is older than the certificate of who signed it", err);
    }
    memcpy(acked.device, author->device, DEVICE_ID_BYTES);
    op_receipt_message(store->stream, &acked, link, at_ms, message);
    enum err_code rc =
        signature_verify(slice_of(check->certificate.public_key, check->certificate.public_key_len), OP_RECEIPT_CONTEXT,
                         slice_of(message, sizeof(message)), column_slice(s, 1), err);
    return rc == ERR_OK ? ERR_OK : wrong(author->device, acked.seq, "the centre's signature does not fit", err);
}

enum err_code receipts_check_link(struct store *store, const struct author *author, uint64_t seq,
                                  const uint8_t link[SHA256_BYTES], struct receipts_check *check, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    if (seq != check->next_seq) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db,
                     "SELECT r.at, r.signature, r.certificate, c.certificate FROM receipt r LEFT JOIN "
                     "receipt_certificate c ON c.id = r.certificate WHERE r.author = ?1 AND r.fork = ?2 AND r.seq = ?3",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, check->fork);
    bind_int(s, 3, (int64_t)seq);
    TRY(db_step(&store->db, s, &row, err));
    CHECK(row);
    enum err_code rc = check_row(store, author, s, link, check, err);
    sqlite3_reset(s);
    TRY(rc);
    check->checked++;
    return next_receipt(store, author, seq, check, err);
}

enum err_code receipts_check_end(const struct author *author, const struct receipts_check *check, struct error *err)
{
    return check->next_seq == 0 ? ERR_OK : wrong(author->device, check->next_seq, "that record is not here", err);
}

enum err_code receipts_check_strays(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    uint8_t device[DEVICE_ID_BYTES] = { 0 };
    TRY(db_statement(&store->db,
                     "SELECT r.seq, w.device FROM receipt r LEFT JOIN author w ON w.id = r.author "
                     "LEFT JOIN fork f ON f.id = r.fork AND f.author = r.author "
                     "WHERE w.id IS NULL OR (r.fork <> 0 AND f.id IS NULL) LIMIT 1",
                     &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    uint64_t seq = (uint64_t)column_int(s, 0);
    (void)column_fixed(s, 1, device, DEVICE_ID_BYTES);
    sqlite3_reset(s);
    return wrong(device, seq, "it belongs to no chain and no branch that is held", err);
}
