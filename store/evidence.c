#include "store/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "store/read.h"
#include "store/said_again.h"

/* ---- whom it is about ---- */

enum err_code evidence_person_of(struct store *store, const struct row_id *placement, struct row_id *ret_participant,
                                 struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT participant FROM placement WHERE id = ?1", &s, err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    bool known = row && column_fixed(s, 0, ret_participant->bytes, ROW_ID_BYTES);
    sqlite3_reset(s);
    return known ? ERR_OK : FAIL(err, NOT_FOUND, "find the person of a placement: none is named");
}

static enum err_code read_about(struct store *store, const struct evidence_subject *subject,
                                struct evidence_about *about, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT ref, name FROM participant WHERE id = ?1", &s, err));
    bind_blob(s, 1, subject->participant.bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the person that the records are about");
    }
    column_text(s, 0, about->participant_ref, sizeof(about->participant_ref));
    column_text(s, 1, about->participant_name, sizeof(about->participant_name));
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- its ops ---- */

/* A receipt further than this from an op stays out of packs: every header up to it would be in them. */
#define RECEIPT_WITHIN "256"

#define RECORD_COLUMNS                                                                                                 \
    "SELECT o.id, o.header, o.salt, o.body, o.quarantine, o.received_at, "                                             \
    "(SELECT c.acked_seq FROM own_chain c WHERE c.author = o.id >> 40), "                                              \
    "(SELECT min(l.seq) FROM signed_link l WHERE l.author = o.id >> 40 AND l.seq >= ifnull(o.receipt, "                \
    "o.id & 1099511627775)), o.receipt, "                                                                              \
    "(SELECT r.at FROM receipt r WHERE r.author = o.id >> 40 AND r.fork = 0 AND r.seq = o.receipt) "                   \
    "FROM (SELECT x.*, (SELECT min(r.seq) FROM receipt r WHERE r.author = x.id >> 40 AND r.fork = 0 "                  \
    "AND r.seq BETWEEN (x.id & 1099511627775) AND (x.id & 1099511627775) + " RECEIPT_WITHIN ") AS receipt "            \
    "FROM op x) o WHERE o.id > ?1 AND o.id IN ("

#define OF_SUBJECTS                                                                                                    \
    ") SELECT x.id FROM op x INDEXED BY op_subject WHERE x.kind <> 5 AND x.subject IN (SELECT id FROM about) "

#define RULES "UNION SELECT id FROM programme_pack WHERE ?8"

#define PERSON "WITH person(id) AS (" SAME_PERSON("?2") "), "

static const char about_person[] = RECORD_COLUMNS PERSON
    "mine(id) AS (SELECT id FROM placement WHERE participant IN (SELECT id FROM person)), "
    "about(id) AS (SELECT id FROM person "
    "UNION SELECT id FROM referral WHERE participant IN (SELECT id FROM person) UNION SELECT id FROM mine "
    "UNION SELECT id FROM notice WHERE placement IN (SELECT id FROM mine) "
    "UNION SELECT id FROM appointment WHERE participant IN (SELECT id FROM person) "
    "UNION SELECT id FROM decision WHERE participant IN (SELECT id FROM person) "
    "UNION SELECT id FROM contact_attempt WHERE participant IN (SELECT id FROM person) "
    "UNION SELECT id FROM circumstance_change WHERE participant IN (SELECT id FROM person) "
    "UNION SELECT id FROM redress WHERE participant IN (SELECT id FROM person) "
    "UNION SELECT id FROM flag_review WHERE placement IN (SELECT id FROM mine) "
    "UNION SELECT id FROM compliance_doubt WHERE placement IN (SELECT id FROM mine) " RULES OF_SUBJECTS
    "UNION SELECT a.op FROM attendance a WHERE a.placement IN (SELECT id FROM mine) "
    "UNION SELECT x.id FROM op x INDEXED BY op_subject WHERE x.kind <> 5 AND length(x.subject) = 20 "
    "AND substr(x.subject, 1, 16) IN (SELECT id FROM mine) "
    "UNION SELECT x.id FROM op x WHERE x.quarantine IS NOT NULL AND x.kind = 5 "
    "AND substr(x.subject, 1, 16) IN (SELECT id FROM mine)) ORDER BY o.id LIMIT ?3";

static const char about_session[] = RECORD_COLUMNS PERSON
    "about(id) AS (SELECT id FROM person UNION SELECT ?4 UNION SELECT ?5 "
    "UNION SELECT id FROM notice WHERE placement = ?4 "
    "UNION SELECT id FROM appointment WHERE participant IN (SELECT id FROM person) AND day = ?6 "
    "UNION SELECT id FROM decision WHERE participant IN (SELECT id FROM person) AND failure_on = ?6 "
    "UNION SELECT id FROM contact_attempt WHERE participant IN (SELECT id FROM person) "
    "AND (about_day = ?6 OR (about_day IS NULL AND day >= ?6)) "
    "UNION SELECT id FROM circumstance_change WHERE participant IN (SELECT id FROM person) AND starts_on <= ?6 "
    "AND ifnull(ends_on, ?6) >= ?6 "
    "UNION SELECT id FROM flag_review WHERE placement = ?4 AND day = ?6 AND ifnull(slot, 0) = ?7 "
    "UNION SELECT id FROM compliance_doubt WHERE placement = ?4 AND day = ?6 AND slot = ?7 " RULES OF_SUBJECTS
    "UNION SELECT a.op FROM attendance a WHERE a.placement = ?4 AND a.day = ?6 AND a.slot = ?7 "
    "UNION SELECT x.id FROM op x WHERE x.quarantine IS NOT NULL AND x.kind = 5 AND x.subject = ?5) "
    "ORDER BY o.id LIMIT ?3";

static enum err_code records_statement(struct store *store, const struct evidence_subject *subject, int64_t place,
                                       size_t limit, const uint8_t session[OP_SESSION_BYTES], sqlite3_stmt **ret,
                                       struct error *err)
{
    TRY(db_statement(&store->db, subject->session ? about_session : about_person, ret, err));
    bind_int(*ret, 1, place);
    bind_blob(*ret, 2, subject->participant.bytes, ROW_ID_BYTES);
    bind_int(*ret, 3, (int64_t)limit);
    bind_int(*ret, 8, subject->rules);
    if (subject->session) {
        bind_blob(*ret, 4, subject->placement.bytes, ROW_ID_BYTES);
        bind_blob(*ret, 5, session, OP_SESSION_BYTES);
        bind_int(*ret, 6, subject->day);
        bind_int(*ret, 7, subject->slot);
    }
    return ERR_OK;
}

/* ---- signing own links ---- */

/* An own op, or the receipt for it, further than this from the next signed link gets a signature of its own: others'
 * headers stay out of packs. */
enum { SIGNED_WITHIN = 8, SIGN_AT_ONCE = 256 };

static void scoped_key(struct device_key **key)
{
    device_key_free(*key);
}

static enum err_code sign_link(struct store *store, const struct author *author, uint64_t seq,
                               const struct device_key *key, struct error *err)
{
    uint8_t link[SHA256_BYTES];
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    uint8_t signature[SIGNATURE_MAX];
    size_t len;
    struct op_id last = { .incarnation = author->incarnation, .seq = seq };
    memcpy(last.device, author->device, DEVICE_ID_BYTES);
    TRY(chain_link(store, author, seq, link, err));
    op_link_message(store->stream, &last, link, message);
    TRY(device_key_sign(key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), signature, &len, err));
    return oplog_author_sign(store, author, seq, slice_of(signature, len), err);
}

/* Own ops about the subject after *place that nobody signed near enough; moves *place on. */
static enum err_code find_far(struct store *store, const struct evidence_subject *subject, int64_t *place,
                              int64_t keys[SIGN_AT_ONCE], size_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    uint8_t session[OP_SESSION_BYTES] = { 0 };
    if (subject->session) {
        session_subject(subject->placement.bytes, subject->day, subject->slot, session);
    }
    TRY(records_statement(store, subject, *place, INT32_MAX, session, &s, err));
    *ret_count = 0;
    while (*ret_count < SIGN_AT_ONCE) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        *place = column_int(s, 0);
        bool own = sqlite3_column_type(s, 6) != SQLITE_NULL;
        uint64_t signed_seq = (uint64_t)column_int_or(s, 7, INT64_MAX);
        uint64_t wanted_seq = (uint64_t)column_int_or(s, 8, (int64_t)op_key_seq(*place)); /* a receipt's link, too */
        if (own && signed_seq - wanted_seq > SIGNED_WITHIN) {
            keys[(*ret_count)++] = op_key(op_key_author(*place), wanted_seq);
        }
    }
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code own_author(struct store *store, int64_t id, struct author *ret_author, struct error *err)
{
    sqlite3_stmt *s;
    struct own_chain chain = { .asks = false };
    bool found;
    TRY(db_statement(&store->db, "SELECT incarnation FROM author WHERE id = ?1", &s, err));
    bind_int(s, 1, id);
    TRY(db_step(&store->db, s, &found, err));
    CHECK(found);
    uint32_t incarnation = (uint32_t)column_int(s, 0);
    sqlite3_reset(s);
    TRY(chain_find(store, incarnation, &chain, &found, err));
    CHECK(found);
    *ret_author = chain.author;
    return ERR_OK;
}

static enum err_code sign_own(struct store *store, const struct evidence_subject *subject, const struct device_key *key,
                              struct error *err)
{
    int64_t keys[SIGN_AT_ONCE];
    int64_t place = 0;
    size_t count;
    do {
        TRY(find_far(store, subject, &place, keys, &count, err));
        for (size_t i = 0; i < count; i++) {
            struct author author;
            TRY(own_author(store, op_key_author(keys[i]), &author, err));
            TRY(sign_link(store, &author, op_key_seq(keys[i]), key, err));
        }
    } while (count == SIGN_AT_ONCE);
    return ERR_OK;
}

enum err_code evidence_begin(struct store *store, const struct evidence_subject *subject,
                             struct evidence_about *ret_about, struct error *err)
{
    if (!store->enrolled) {
        return FAIL(err, NOT_ENROLLED, "prove records: this machine is not enrolled");
    }
    struct store_identity identity;
    SCOPED(scoped_key) struct device_key *key = NULL;
    TRY(read_about(store, subject, ret_about, err));
    TRY(store_identity_read(store, &identity, err));
    enum err_code rc = device_key_load(slice_of(identity.key_pkcs8.bytes, identity.key_pkcs8.len), &key, err);
    store_identity_fini(&identity);
    TRY(rc);
    TRY(replica_begin(store, err));
    return replica_end(store, sign_own(store, subject, key, err), err);
}

/* ---- reading them ---- */

/* Rows hold offsets into `bytes` until the end: it moves as it grows. */
static enum err_code keep_bytes(struct buf *bytes, struct slice what, struct slice *ret_kept, struct error *err)
{
    *ret_kept = slice_of((const void *)bytes->len, what.len);
    return buf_append(bytes, what.data, what.len, err);
}

static void settle_bytes(const struct buf *bytes, struct slice *kept)
{
    kept->data = kept->len > 0 ? bytes->data + (uintptr_t)kept->data : NULL;
}

static enum err_code read_record(struct store *store, sqlite3_stmt *s, struct evidence_list *list,
                                 struct evidence_record *record, struct error *err)
{
    struct op op;
    *record = (struct evidence_record){ .place = column_int(s, 0), .deemed_on = ROW_NONE };
    TRY(oplog_row(store, s, 1, record->place, &op, record->supersedes, err));
    log_row_fill(&record->row, &op);
    TRY(statement_first(store, record->place, &op, &record->row.same_as, &record->row.repeats, err));
    record->row.received_at_ms = column_int(s, 5);
    record->row.own = sqlite3_column_type(s, 6) != SQLITE_NULL;
    record->row.acknowledged = !record->row.own || op.id.seq <= (uint64_t)column_int(s, 6);
    column_text(s, 4, record->row.quarantine, sizeof(record->row.quarantine));
    record->offset_ms = op.offset_ms;
    record->supersedes_count = op.supersedes_count;
    record->signed_seq = (uint64_t)column_int_or(s, 7, 0);
    record->receipt_seq = (uint64_t)column_int_or(s, 8, 0);
    record->acknowledged_at_ms = column_int_or(s, 9, OP_TIME_NONE);
    if (!op.erased) {
        memcpy(record->salt, op.salt, OP_SALT_BYTES);
    }
    TRY(keep_bytes(&list->bytes, column_slice(s, 1), &record->header, err));
    return keep_bytes(&list->bytes, column_slice(s, 3), &record->row.body, err);
}

static enum err_code collect_records(struct store *store, sqlite3_stmt *s, size_t limit, struct evidence_list *list,
                                     struct error *err)
{
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        if (list->count == limit || list->bytes.len >= EVIDENCE_PAGE_BYTES) {
            list->more = true;
            return ERR_OK;
        }
        TRY(read_record(store, s, list, &list->records[list->count], err));
        list->count++;
    }
}

/* What only the tables say of an op: whether an assertion stands, and when a notice counts as received. */
static enum err_code add_folded(struct store *store, struct evidence_record *record, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    if (record->row.kind == KIND_ATTENDANCE) {
        int32_t day;
        int slot;
        session_of_subject(record->row.subject, &day, &slot);
        TRY(db_statement(&store->db,
                         "SELECT head FROM attendance WHERE placement = ?1 AND day = ?2 AND slot = ?3 AND op = ?4", &s,
                         err));
        bind_blob(s, 1, record->row.subject, ROW_ID_BYTES);
        bind_int(s, 2, day);
        bind_int(s, 3, slot);
        bind_int(s, 4, record->place);
        TRY(db_step(&store->db, s, &row, err));
        record->head = row && column_int(s, 0) != 0;
        sqlite3_reset(s);
    } else if (record->row.kind == KIND_NOTICE) {
        TRY(db_statement(&store->db, "SELECT deemed_received_on FROM notice WHERE id = ?1", &s, err));
        bind_blob(s, 1, record->row.subject, ROW_ID_BYTES);
        TRY(db_step(&store->db, s, &row, err));
        record->deemed_on = row ? (int32_t)column_int_or(s, 0, ROW_NONE) : ROW_NONE;
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum err_code fill_list(struct store *store, const struct evidence_subject *subject, int64_t place, size_t limit,
                               struct evidence_list *list, struct error *err)
{
    sqlite3_stmt *s;
    uint8_t session[OP_SESSION_BYTES] = { 0 };
    if (subject->session) {
        session_subject(subject->placement.bytes, subject->day, subject->slot, session);
    }
    TRY(records_statement(store, subject, place, limit + 1, session, &s, err));
    enum err_code rc = collect_records(store, s, limit, list, err);
    sqlite3_reset(s);
    for (size_t i = 0; rc == ERR_OK && i < list->count; i++) {
        settle_bytes(&list->bytes, &list->records[i].header);
        settle_bytes(&list->bytes, &list->records[i].row.body);
        rc = add_folded(store, &list->records[i], err);
    }
    return rc;
}

void evidence_list_fini(struct evidence_list *list)
{
    free(list->records);
    buf_fini(&list->bytes);
}

enum err_code evidence_records(struct store *store, const struct evidence_subject *subject, int64_t place, size_t limit,
                               struct evidence_list *ret_list, struct error *err)
{
    struct evidence_list list = { .records = calloc(limit, sizeof(*list.records)) };
    buf_init(&list.bytes, 2 * EVIDENCE_PAGE_BYTES);
    enum err_code rc = list.records == NULL ? FAIL(err, NO_MEMORY, "list %zu records", limit)
                                            : fill_list(store, subject, place, limit, &list, err);
    if (rc != ERR_OK) {
        evidence_list_fini(&list);
        return rc;
    }
    *ret_list = list;
    return ERR_OK;
}

/* ---- what proves them ---- */

static enum err_code read_signature(struct store *store, const struct author *author, uint64_t seq,
                                    struct evidence_chain *chain, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT w.certificate, l.signature FROM author w LEFT JOIN signed_link l ON l.author = w.id "
                     "AND l.seq = ?2 WHERE w.id = ?1",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)seq);
    TRY(db_step(&store->db, s, &row, err));
    CHECK(row);
    struct slice certificate = column_slice(s, 0);
    struct slice signature = column_slice(s, 1);
    enum err_code rc = buf_append(&chain->certificate, certificate.data, certificate.len, err);
    if (signature.len > 0 && signature.len <= SIGNATURE_MAX) {
        memcpy(chain->signature, signature.data, signature.len);
        chain->signature_len = signature.len;
    }
    sqlite3_reset(s);
    return rc;
}

static enum err_code read_headers(struct store *store, const struct author *author, uint64_t from, uint64_t to,
                                  size_t limit, struct evidence_chain *chain, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id >= ?1 AND id <= ?2 ORDER BY id", &s, err));
    bind_int(s, 1, op_key(author->id, from));
    bind_int(s, 2, op_key(author->id, to));
    enum err_code rc = ERR_OK;
    for (uint64_t seq = from; rc == ERR_OK && seq <= to; seq++) {
        bool row = false;
        chain->more = chain->count == limit || chain->bytes.len >= EVIDENCE_PAGE_BYTES;
        if (chain->more) {
            break;
        }
        rc = db_step(&store->db, s, &row, err);
        if (rc == ERR_OK && !row) {
            return oplog_damaged(op_key(author->id, seq), err);
        }
        rc = rc == ERR_OK ? keep_bytes(&chain->bytes, column_slice(s, 0), &chain->headers[chain->count++], err) : rc;
    }
    sqlite3_reset(s);
    return rc;
}

static enum err_code fill_chain(struct store *store, const struct op_id *first, uint64_t to_seq, size_t limit,
                                struct evidence_chain *chain, struct error *err)
{
    struct author author;
    bool found;
    TRY(oplog_author_find(store, first->device, first->incarnation, &author, &found, err));
    if (!found || first->seq == 0 || first->seq > to_seq || to_seq > author.newest_seq) {
        return FAIL(err, NOT_FOUND, "find these records of a device's chain");
    }
    chain->headers = calloc(limit, sizeof(*chain->headers));
    if (chain->headers == NULL) {
        return FAIL(err, NO_MEMORY, "list %zu headers", limit);
    }
    TRY(chain_link(store, &author, first->seq - 1, chain->before, err));
    TRY(read_signature(store, &author, to_seq, chain, err));
    TRY(read_headers(store, &author, first->seq, to_seq, limit, chain, err));
    for (size_t i = 0; i < chain->count; i++) {
        settle_bytes(&chain->bytes, &chain->headers[i]);
    }
    return ERR_OK;
}

void evidence_chain_fini(struct evidence_chain *chain)
{
    free(chain->headers);
    buf_fini(&chain->certificate);
    buf_fini(&chain->bytes);
}

enum err_code evidence_chain(struct store *store, const struct op_id *first, uint64_t to_seq, size_t limit,
                             struct evidence_chain *ret_chain, struct error *err)
{
    struct evidence_chain chain = { .headers = NULL };
    buf_init(&chain.certificate, CERTIFICATE_DER_MAX);
    buf_init(&chain.bytes, 2 * EVIDENCE_PAGE_BYTES);
    enum err_code rc = fill_chain(store, first, to_seq, limit, &chain, err);
    if (rc != ERR_OK) {
        evidence_chain_fini(&chain);
        return rc;
    }
    *ret_chain = chain;
    return ERR_OK;
}
