#include "store/said_again.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is compared ---- */

/* The header but for what is new in what was issued again. */
static enum err_code hash_head(struct store *store, const struct op *op, uint8_t out[SHA256_BYTES], struct error *err)
{
    struct op plain = *op;
    plain.id.incarnation = 0;
    plain.id.seq = 0;
    plain.supersedes_count = 0;
    memset(plain.body_hash, 0, sizeof(plain.body_hash));
    buf_clear(&store->header);
    TRY(op_header_encode(&plain, &store->header, err));
    const struct slice parts[] = { buf_slice(&store->header) };
    sha256(parts, ARRAY_LEN(parts), out);
    return ERR_OK;
}

static enum err_code hash_row(struct store *store, sqlite3_stmt *s, struct statement *statement, struct error *err)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    TRY(op_header_decode(column_slice(s, 0), &op, supersedes, err));
    statement->id = op.id;
    statement->erased = sqlite3_column_type(s, 1) == SQLITE_NULL;
    memset(statement->body, 0, sizeof(statement->body));
    if (!statement->erased) {
        const struct slice parts[] = { column_slice(s, 1) };
        sha256(parts, ARRAY_LEN(parts), statement->body);
    }
    return hash_head(store, &op, statement->head, err);
}

static enum err_code hash_statement(struct store *store, struct statement *statement, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT header, body FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, statement->key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return oplog_damaged(statement->key, err);
    }
    enum err_code rc = hash_row(store, s, statement, err);
    sqlite3_reset(s);
    return rc;
}

/* An erased one comes last of those that it may be one with. */
static int statement_compare(const void *a, const void *b)
{
    const struct statement *x = a;
    const struct statement *y = b;
    int order = memcmp(x->head, y->head, SHA256_BYTES);
    if (order == 0) {
        order = (int)x->erased - (int)y->erased;
    }
    if (order == 0) {
        order = memcmp(x->body, y->body, SHA256_BYTES);
    }
    return order != 0 ? order : op_id_compare(&x->id, &y->id);
}

enum err_code statements_join(struct store *store, struct statement *statements, size_t count, struct error *err)
{
    const struct statement *of_head = NULL;
    const struct statement *of_body = NULL;
    for (size_t i = 0; i < count; i++) {
        TRY(hash_statement(store, &statements[i], err));
    }
    if (count > 1) {
        qsort(statements, count, sizeof(*statements), statement_compare);
    }
    for (size_t i = 0; i < count; i++) {
        struct statement *one = &statements[i];
        one->first = 0;
        if (of_head == NULL || memcmp(of_head->head, one->head, SHA256_BYTES) != 0) {
            of_head = one;
            of_body = one;
        } else if (one->erased) {
            one->first = of_head->key; /* what it said is not known any more: that of the same moment */
        } else if (memcmp(of_body->body, one->body, SHA256_BYTES) == 0) {
            one->first = of_body->key;
        } else {
            of_body = one;
        }
    }
    return ERR_OK;
}

/* ---- one op of the log ---- */

/* Nearly always: nothing was ever issued again, so nobody looks further. */
static enum err_code has_more_chains(struct store *store, const struct op *op, bool *ret_more, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 FROM author WHERE device = ?1 AND incarnation <> ?2 AND newest_seq > 0", &s,
                     err));
    bind_blob(s, 1, op->id.device, DEVICE_ID_BYTES);
    bind_int(s, 2, op->id.incarnation);
    TRY(db_step(&store->db, s, ret_more, err));
    sqlite3_reset(s);
    return ERR_OK;
}

/* Ops of the same kind about the same, kept apart or not as this one is. */
static enum err_code about_the_same(struct store *store, int64_t key, const struct op *op, sqlite3_stmt **ret_rows,
                                    struct error *err)
{
    if (op->kind != KIND_ATTENDANCE) {
        TRY(db_statement(&store->db,
                         "SELECT id, header FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind = ?2 "
                         "AND kind <> 5 AND (quarantine IS NULL) = (SELECT quarantine IS NULL FROM op WHERE id = ?3)",
                         ret_rows, err));
        bind_blob(*ret_rows, 1, op->subject, op->subject_len);
        bind_int(*ret_rows, 2, op->kind);
        bind_int(*ret_rows, 3, key);
        return ERR_OK;
    }
    int32_t day;
    int slot;
    session_of_subject(op->subject, &day, &slot);
    TRY(db_statement(&store->db,
                     "SELECT o.id, o.header FROM attendance a JOIN op o ON o.id = a.op WHERE a.placement = ?1 "
                     "AND a.day = ?2 AND a.slot = ?3 AND a.hlc = ?4",
                     ret_rows, err));
    bind_blob(*ret_rows, 1, op->subject, OP_ENTITY_BYTES);
    bind_int(*ret_rows, 2, day);
    bind_int(*ret_rows, 3, slot);
    bind_int(*ret_rows, 4, (int64_t)(op->hlc & INT64_MAX));
    return ERR_OK;
}

static enum err_code collect(struct store *store, int64_t key, const struct op *op, struct buf *out, struct error *err)
{
    sqlite3_stmt *s;
    TRY(about_the_same(store, key, op, &s, err));
    for (;;) {
        bool row;
        struct op other;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = op_header_decode(column_slice(s, 1), &other, supersedes, err);
        if (rc == ERR_OK && other.hlc == op->hlc && memcmp(other.id.device, op->id.device, DEVICE_ID_BYTES) == 0) {
            const struct statement one = { .key = column_int(s, 0) };
            rc = buf_append(out, &one, sizeof(one), err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static const struct statement *with_key(const struct statement *statements, size_t count, int64_t key)
{
    for (size_t i = 0; i < count; i++) {
        if (statements[i].key == key) {
            return &statements[i];
        }
    }
    return NULL;
}

/* All of the moment of an op, joined; none where its device has one chain alone. */
static enum err_code join_moment_of(struct store *store, int64_t key, const struct op *op, struct buf *out,
                                    struct error *err)
{
    bool more;
    TRY(has_more_chains(store, op, &more, err));
    if (!more) {
        return ERR_OK;
    }
    TRY(collect(store, key, op, out, err));
    return statements_join(store, (struct statement *)(void *)out->data, out->len / sizeof(struct statement), err);
}

enum err_code statement_first(struct store *store, int64_t key, const struct op *op, struct op_id *ret_first,
                              bool *ret_repeats, struct error *err)
{
    SCOPED(buf_fini) struct buf moment;
    buf_init(&moment, SIZE_MAX / 2);
    TRY(join_moment_of(store, key, op, &moment, err));
    const struct statement *statements = (const struct statement *)(const void *)moment.data;
    size_t count = moment.len / sizeof(*statements);
    const struct statement *one = with_key(statements, count, key);
    const struct statement *first = one != NULL && one->first != 0 ? with_key(statements, count, one->first) : NULL;
    *ret_repeats = first != NULL;
    if (first != NULL) {
        *ret_first = first->id;
    }
    return ERR_OK;
}

static enum err_code find_op(struct store *store, const struct op_id *id, int64_t *ret_key, struct op *ret_op,
                             struct buf *header, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct author author;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    TRY(oplog_author_find(store, id->device, id->incarnation, &author, &row, err));
    *ret_key = row && id->seq <= author.newest_seq ? op_key(author.id, id->seq) : 0;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, *ret_key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        *ret_key = 0;
        return ERR_OK;
    }
    struct slice bytes = column_slice(s, 0);
    enum err_code rc = buf_append(header, bytes.data, bytes.len, err);
    sqlite3_reset(s);
    return rc == ERR_OK ? op_header_decode(buf_slice(header), ret_op, supersedes, err) : rc;
}

enum err_code statement_numbers(struct store *store, const struct op_id *id, struct buf *ret_ids, struct error *err)
{
    SCOPED(buf_fini) struct buf moment;
    SCOPED(buf_fini) struct buf header;
    struct op op;
    int64_t key;
    buf_init(&moment, SIZE_MAX / 2);
    buf_init(&header, OP_HEADER_MAX);
    TRY(buf_append(ret_ids, id, sizeof(*id), err));
    TRY(find_op(store, id, &key, &op, &header, err));
    if (key == 0) {
        return ERR_OK;
    }
    TRY(join_moment_of(store, key, &op, &moment, err));
    const struct statement *statements = (const struct statement *)(const void *)moment.data;
    size_t count = moment.len / sizeof(*statements);
    const struct statement *one = with_key(statements, count, key);
    int64_t stands = one == NULL || one->first == 0 ? key : one->first;
    for (size_t i = 0; i < count; i++) {
        bool same = statements[i].key == stands || statements[i].first == stands;
        if (same && statements[i].key != key) {
            TRY(buf_append(ret_ids, &statements[i].id, sizeof(statements[i].id), err));
        }
    }
    return ERR_OK;
}
