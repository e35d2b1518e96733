/*
 * Two copies of this replica recorded under the same numbers, and the other one's records were at the centre first:
 *
 *     ... ── k ──┬── k+1 ── k+2 ── ...   the centre's, and from now on ours
 *                └── k+1' ── ... ── n'   set aside as it was: evidence. What it said is issued again, in a chain of
 *                                        its own, with what each op supersedes mapped
 *
 * Incarnation and seeds of that chain follow from the branch: if the disk was cloned before the branch was sent, both
 * machines issue the same ops, and nothing is said twice. Where their branches part, a further chain begins.
 */
#include <string.h>

#include "store/replica.h"

/* ---- where it begins ---- */

static enum err_code held_is(struct store *store, int64_t key, struct slice header, bool *ret_same, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    TRY(db_step(&store->db, s, &row, err));
    *ret_same = row && slice_equal(column_slice(s, 0), header);
    sqlite3_reset(s);
    return ERR_OK;
}

/* The first op of the run that is held otherwise; run->ops.count when there is none. */
static enum err_code first_other(struct store *store, const struct author *author, const struct store_run *run,
                                 size_t *ret_index, struct error *err)
{
    size_t i;
    for (i = 0; i < run->ops.count && run->ops.ops[i].id.seq <= author->newest_seq; i++) {
        bool same;
        buf_clear(&store->header);
        TRY(op_header_encode(&run->ops.ops[i], &store->header, err));
        TRY(held_is(store, op_key(author->id, run->ops.ops[i].id.seq), buf_slice(&store->header), &same, err));
        if (!same) {
            *ret_index = i;
            return ERR_OK;
        }
    }
    *ret_index = run->ops.count;
    return ERR_OK;
}

/* Nobody but the device itself can have made the other branch. */
static enum err_code check_branch(struct store *store, const struct author *author, const struct store_run *run,
                                  size_t from, const uint8_t before[SHA256_BYTES], struct error *err)
{
    uint8_t link[SHA256_BYTES];
    memcpy(link, before, SHA256_BYTES);
    for (size_t i = from; i < run->ops.count; i++) {
        buf_clear(&store->header);
        TRY(op_header_encode(&run->ops.ops[i], &store->header, err));
        op_link_next(link, buf_slice(&store->header), link);
    }
    const struct op_id *last = &run->ops.ops[run->ops.count - 1].id;
    if (run->signed_seq != last->seq) {
        return FAIL(err, HISTORY, "take another branch of a device's records: it is not signed");
    }
    return run_signed(store, author, run, link, err);
}

/* ---- setting aside ---- */

static enum err_code add_fork(struct store *store, const struct author *author, uint64_t keep_seq,
                              const uint8_t before[SHA256_BYTES], int64_t now_ms, int64_t *ret_fork, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT INTO fork (author, first_seq, last_seq, before_link, last_link, signed_seq, signature, "
                     "noticed_at) SELECT id, ?2 + 1, newest_seq, ?3, newest_link, "
                     "iif(signed_seq > ?2, signed_seq, 0), iif(signed_seq > ?2, signature, NULL), ?4 "
                     "FROM author WHERE id = ?1",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)keep_seq);
    bind_blob(s, 3, before, SHA256_BYTES);
    bind_int(s, 4, now_ms);
    TRY(db_run(&store->db, s, err));
    *ret_fork = sqlite3_last_insert_rowid(store->db.handle);
    return ERR_OK;
}

static enum err_code copy_op(struct store *store, int64_t fork, const struct op *op, sqlite3_stmt *from,
                             struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT INTO forked_op VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL)", &s, err));
    bind_int(s, 1, fork);
    bind_int(s, 2, (int64_t)op->id.seq);
    bind_slice(s, 3, column_slice(from, 1));
    if (op->erased) {
        bind_null(s, 4);
        bind_null(s, 5);
    } else {
        bind_blob(s, 4, op->salt, OP_SALT_BYTES);
        bind_slice(s, 5, op->body);
    }
    if (sqlite3_column_type(from, 4) == SQLITE_NULL) {
        bind_null(s, 6);
    } else {
        bind_text_slice(s, 6, column_slice(from, 4));
    }
    bind_int(s, 7, column_int(from, 5));
    return db_run(&store->db, s, err);
}

/* Salts become explicit: a seed may be another one in the branch that comes. */
static enum err_code copy_ops(struct store *store, int64_t fork, int64_t after_key, int64_t last_key, struct error *err)
{
    sqlite3_stmt *s;
    bool row = true;
    TRY(db_statement(&store->db,
                     "SELECT id, header, salt, body, quarantine, received_at FROM op WHERE id > ?1 AND id <= ?2 "
                     "ORDER BY id",
                     &s, err));
    bind_int(s, 1, after_key);
    bind_int(s, 2, last_key);
    for (;;) {
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        enum err_code rc = oplog_row(store, s, 1, column_int(s, 0), &op, supersedes, err);
        if (rc == ERR_OK) {
            rc = copy_op(store, fork, &op, s, err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

/* The tables without them. Only once they are out of the log: a subject may be folded at any mark. */
static enum err_code unfold_ops(struct store *store, int64_t fork, int64_t author, struct error *err)
{
    sqlite3_stmt *s;
    bool row = true;
    TRY(db_statement(&store->db,
                     "SELECT seq, header FROM forked_op WHERE fork = ?1 AND quarantine IS NULL ORDER BY seq", &s, err));
    bind_int(s, 1, fork);
    for (;;) {
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        enum err_code rc = op_header_decode(column_slice(s, 1), &op, supersedes, err);
        if (rc == ERR_OK) {
            rc = fold_out(store, op_key(author, op.id.seq), &op, err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static enum err_code remove_ops(struct store *store, int64_t after_key, int64_t last_key, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "DELETE FROM op WHERE id > ?1 AND id <= ?2", &s, err));
    bind_int(s, 1, after_key);
    bind_int(s, 2, last_key);
    TRY(db_run(&store->db, s, err));
    uint64_t keep_seq = op_key_seq(after_key);
    TRY(db_statement(&store->db, "DELETE FROM salt_seed WHERE author = ?1 AND block >= ?2", &s, err));
    bind_int(s, 1, op_key_author(after_key));
    bind_int(s, 2, (int64_t)(keep_seq == 0 ? 0 : op_salt_block(keep_seq) + 1));
    return db_run(&store->db, s, err);
}

/* The chain ends at keep_seq again, as if nothing had been made after it. */
static enum err_code cut_chain(struct store *store, struct author *author, uint64_t keep_seq,
                               const uint8_t link[SHA256_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    author->newest_seq = keep_seq;
    memcpy(author->newest_link, link, SHA256_BYTES);
    TRY(oplog_author_save(store, author, err));
    TRY(db_statement(&store->db, "UPDATE author SET signed_seq = 0, signature = NULL WHERE id = ?1 AND signed_seq > ?2",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)keep_seq);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db, "DELETE FROM signed_link WHERE author = ?1 AND seq > ?2", &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)keep_seq);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db,
                     "UPDATE own_chain SET acked_seq = ?2, acked_link = ?3 WHERE author = ?1 AND acked_seq > ?2", &s,
                     err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)keep_seq);
    bind_blob(s, 3, link, SHA256_BYTES);
    TRY(db_run(&store->db, s, err));
    TRY(tree_cut(store, author->id, keep_seq, err));
    store->known_link = (struct known_link){ 0 };
    author->signed_seq = author->signed_seq > keep_seq ? 0 : author->signed_seq;
    return ERR_OK;
}

enum err_code fork_take(struct store *store, struct author *author, const struct store_run *run, int64_t now_ms,
                        int64_t *ret_fork, struct error *err)
{
    size_t index = run->ops.count;
    uint8_t before[SHA256_BYTES];
    *ret_fork = 0;
    TRY(first_other(store, author, run, &index, err));
    if (index == run->ops.count) {
        return ERR_OK;
    }
    uint64_t keep_seq = run->ops.ops[index].id.seq - 1;
    int64_t after_key = op_key(author->id, keep_seq);
    int64_t last_key = op_key(author->id, author->newest_seq);
    TRY(chain_link(store, author, keep_seq, before, err));
    TRY(check_branch(store, author, run, index, before, err));
    TRY(add_fork(store, author, keep_seq, before, now_ms, ret_fork, err));
    TRY(copy_ops(store, *ret_fork, after_key, last_key, err));
    TRY(remove_ops(store, after_key, last_key, err));
    TRY(unfold_ops(store, *ret_fork, author->id, err));
    TRY(receipts_set_aside(store, author->id, keep_seq, *ret_fork, err));
    return cut_chain(store, author, keep_seq, before, err);
}

/* ---- issuing again ---- */

static const char again_context[] = "holdfast/again/v1";

struct issuing {
    int64_t fork;
    uint64_t first_seq;
    uint64_t last_seq;
    uint32_t incarnation;       /* of the branch */
    uint8_t link[SHA256_BYTES]; /* of the branch, before the op at hand */
    struct author chain;        /* where its ops go; id 0: none yet */
    uint64_t next_seq;
    int64_t now_ms;
};

static enum err_code begin_issuing(struct store *store, struct issuing *issuing, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT f.first_seq, f.last_seq, w.incarnation, f.before_link FROM fork f "
                     "JOIN author w ON w.id = f.author WHERE f.id = ?1",
                     &s, err));
    bind_int(s, 1, issuing->fork);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, DAMAGED, "find a branch that was set aside");
    }
    issuing->first_seq = (uint64_t)column_int(s, 0);
    issuing->last_seq = (uint64_t)column_int(s, 1);
    issuing->incarnation = (uint32_t)column_int(s, 2);
    (void)column_fixed(s, 3, issuing->link, SHA256_BYTES);
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- what each op becomes ---- */

static enum err_code issued_as(struct store *store, const struct issuing *issuing, struct op_id *id, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT issued_incarnation, issued_seq FROM forked_op WHERE fork = ?1 AND seq = ?2 "
                     "AND issued_seq IS NOT NULL",
                     &s, err));
    bind_int(s, 1, issuing->fork);
    bind_int(s, 2, (int64_t)id->seq);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        id->incarnation = (uint32_t)column_int(s, 0);
        id->seq = (uint64_t)column_int(s, 1);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

/* What the op stood over in its branch, it stands over under the new numbers. */
static enum err_code map_supersedes(struct store *store, const struct issuing *issuing, struct op *op,
                                    struct op_id supersedes[OP_SUPERSEDES_MAX], struct error *err)
{
    for (size_t i = 0; i < op->supersedes_count; i++) {
        struct op_id *id = &supersedes[i];
        *id = op->supersedes[i];
        if (memcmp(id->device, store->self.device, DEVICE_ID_BYTES) == 0 && id->incarnation == issuing->incarnation &&
            id->seq >= issuing->first_seq && id->seq <= issuing->last_seq) {
            TRY(issued_as(store, issuing, id, err));
        }
    }
    op->supersedes = supersedes;
    return ERR_OK;
}

static enum err_code note_issued(struct store *store, const struct issuing *issuing, uint64_t seq, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE forked_op SET issued_incarnation = ?3, issued_seq = ?4 WHERE fork = ?1 AND seq = ?2", &s,
                     err));
    bind_int(s, 1, issuing->fork);
    bind_int(s, 2, (int64_t)seq);
    bind_int(s, 3, issuing->chain.incarnation);
    bind_int(s, 4, (int64_t)issuing->next_seq);
    return db_run(&store->db, s, err);
}

/* ---- where they go ---- */

static enum err_code next_chain(struct store *store, struct issuing *issuing, struct slice header, struct error *err)
{
    uint8_t number[4];
    uint8_t hash[SHA256_BYTES];
    put_be32(number, issuing->incarnation);
    struct slice parts[] = { slice_of_text(again_context),
                             slice_of(store->stream, STREAM_ID_BYTES),
                             slice_of(store->self.device, DEVICE_ID_BYTES),
                             slice_of(number, sizeof(number)),
                             slice_of(issuing->link, SHA256_BYTES),
                             header };
    sha256(parts, ARRAY_LEN(parts), hash);
    issuing->next_seq = 1;
    return chain_derived(store, get_be32(hash), &issuing->chain, err);
}

static enum err_code end_chain(struct store *store, struct issuing *issuing, struct error *err)
{
    if (issuing->chain.id != 0) {
        TRY(oplog_author_save(store, &issuing->chain, err));
    }
    issuing->chain = (struct author){ 0 };
    return ERR_OK;
}

/* The seed of a block that begins with this op: nobody knows it who does not know the op's salt. */
static void seed_again(const struct op *op, struct slice header, uint8_t seed[OP_SEED_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    struct slice parts[] = { slice_of_text(again_context), slice_of(op->salt, OP_SALT_BYTES), header };
    sha256(parts, ARRAY_LEN(parts), hash);
    memcpy(seed, hash, OP_SEED_BYTES);
}

/* Appends the op, or finds that it is there already: *ret_done false when another one has its number. */
static enum err_code put_op(struct store *store, struct issuing *issuing, const struct op *old, struct slice old_header,
                            struct op *op, bool *ret_done, struct error *err)
{
    uint8_t fresh[OP_SEED_BYTES];
    uint8_t seed[OP_SEED_BYTES] = { 0 };
    struct author *chain = &issuing->chain;
    enum err_code admitted;
    struct error reason;
    bool written = false;
    seed_again(old, old_header, fresh);
    if (!op->erased) {
        TRY(salts_are_written(store, chain->id, op_salt_block(issuing->next_seq), &written, err));
    }
    if (written) {
        memcpy(seed, fresh, sizeof(seed));
    } else if (!op->erased) {
        TRY(oplog_seed_own(store, chain, op_salt_block(issuing->next_seq), fresh, seed, err));
    }
    TRY(op_number(store, chain, issuing->next_seq, seed, op, err));
    if (issuing->next_seq <= chain->newest_seq) {
        return held_is(store, op_key(chain->id, issuing->next_seq), buf_slice(&store->header), ret_done, err);
    }
    *ret_done = true;
    TRY(oplog_admit(store, chain, op, &admitted, &reason, err));
    return op_append(store, chain, op, !written, admitted == ERR_OK ? NULL : reason.message, issuing->now_ms, err);
}

static enum err_code issue_op(struct store *store, struct issuing *issuing, const struct op *old,
                              struct slice old_header, struct error *err)
{
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct op op = *old;
    bool done = false;
    TRY(map_supersedes(store, issuing, &op, supersedes, err));
    if (issuing->chain.id != 0) {
        TRY(put_op(store, issuing, old, old_header, &op, &done, err));
    }
    if (!done) {
        TRY(end_chain(store, issuing, err));
        TRY(next_chain(store, issuing, old_header, err));
        TRY(put_op(store, issuing, old, old_header, &op, &done, err));
    }
    if (!done) { /* its number is another one's by chance */
        TRY(end_chain(store, issuing, err));
        issuing->next_seq = 1;
        TRY(chain_fresh(store, &issuing->chain, err));
        TRY(put_op(store, issuing, old, old_header, &op, &done, err));
        CHECK(done);
    }
    TRY(note_issued(store, issuing, old->id.seq, err));
    issuing->next_seq++;
    return ERR_OK;
}

static enum err_code read_forked(struct store *store, const struct issuing *issuing, uint64_t seq, struct op_batch *one,
                                 struct buf *header, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    op_batch_clear(one);
    buf_clear(header);
    TRY(db_statement(&store->db, "SELECT header, body, salt FROM forked_op WHERE fork = ?1 AND seq = ?2", &s, err));
    bind_int(s, 1, issuing->fork);
    bind_int(s, 2, (int64_t)seq);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, DAMAGED, "find record %llu of a branch that was set aside", (unsigned long long)seq);
    }
    struct slice bytes = column_slice(s, 0);
    enum err_code rc = buf_append(header, bytes.data, bytes.len, err);
    rc = rc == ERR_OK ? op_header_decode(bytes, &op, supersedes, err) : rc;
    if (rc == ERR_OK) {
        op.erased = sqlite3_column_type(s, 1) == SQLITE_NULL;
        op.body = op.erased ? slice_of("", 0) : column_slice(s, 1);
        (void)column_fixed(s, 2, op.salt, OP_SALT_BYTES);
        rc = op_batch_add(one, &op, err);
    }
    sqlite3_reset(s);
    return rc;
}

static enum err_code issue_each(struct store *store, struct issuing *issuing, struct op_batch *one, struct error *err)
{
    SCOPED(buf_fini) struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    for (uint64_t seq = issuing->first_seq; seq <= issuing->last_seq; seq++) {
        TRY(read_forked(store, issuing, seq, one, &header, err));
        TRY(issue_op(store, issuing, &one->ops[0], buf_slice(&header), err));
        op_link_next(issuing->link, buf_slice(&header), issuing->link);
    }
    return end_chain(store, issuing, err);
}

enum err_code fork_issue(struct store *store, int64_t fork, int64_t now_ms, size_t *ret_issued, struct error *err)
{
    struct issuing issuing = { .fork = fork, .now_ms = now_ms };
    TRY(begin_issuing(store, &issuing, err));
    struct op_batch one;
    op_batch_init(&one);
    enum err_code rc = issue_each(store, &issuing, &one, err);
    op_batch_fini(&one);
    *ret_issued += rc == ERR_OK ? issuing.last_seq - issuing.first_seq + 1 : 0;
    return rc;
}
