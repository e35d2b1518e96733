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
