/*
 * What an exchange brought: runs of other devices' ops (or our own, given back), checked against their chains, kept and
 * folded.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

/* A clock ahead of ours by more than this does not pull our logical clock along. */
enum { HLC_AHEAD_MAX_MS = 48 * 3600 * 1000 };

/* ---- the author of a run ---- */

static enum err_code trusted_author(struct store *store, const struct store_run *run, struct author *author,
                                    struct error *err)
{
    struct store_identity identity;
    TRY(store_identity_read(store, &identity, err));
    struct certificate certificate;
    enum err_code rc = run->certificate.len == 0
                           ? FAIL(err, HISTORY, "take records of an unknown device without its certificate")
                           : certificate_verify(run->certificate, buf_slice(&identity.ca), -1, &certificate, err);
    store_identity_fini(&identity);
    TRY(rc);
    if (memcmp(certificate.device, author->device, DEVICE_ID_BYTES) != 0) {
        return FAIL(err, HISTORY, "take records with the certificate of another device");
    }
    bool ours = certificate.role == CERTIFICATE_ROLE_CENTRE;
    for (size_t i = 0; i < certificate.stream_count; i++) {
        ours |= memcmp(certificate.streams[i], store->stream, STREAM_ID_BYTES) == 0;
    }
    if (!ours || certificate.role == CERTIFICATE_ROLE_SERVER) {
        return FAIL(err, HISTORY, "take records of a device that does not belong to this site");
    }
    author->writer = certificate.role == CERTIFICATE_ROLE_CENTRE ? WRITER_CENTRE : WRITER_ORGANISATION;
    return ERR_OK;
}

static enum err_code author_of_run(struct store *store, const struct store_run *run, struct author *author,
                                   struct error *err)
{
    const struct op *first = &run->ops.ops[0];
    bool found;
    TRY(oplog_author_find(store, first->id.device, first->id.incarnation, author, &found, err));
    if (found) {
        return ERR_OK;
    }
    *author = (struct author){ .incarnation = first->id.incarnation };
    memcpy(author->device, first->id.device, DEVICE_ID_BYTES);
    TRY(trusted_author(store, run, author, err));
    return oplog_author_add(store, author, run->certificate, err);
}

/* ---- seeds ---- */

/* The seeds of the run that are (now) the held ones; an op of any other block keeps its own salt. */
struct run_seeds {
    uint64_t *blocks;
    size_t count;
};

static void run_seeds_fini(struct run_seeds *seeds)
{
    free(seeds->blocks);
}

static enum err_code keep_seeds(struct store *store, const struct author *author, const struct store_run *run,
                                struct run_seeds *seeds, struct error *err)
{
    seeds->blocks = calloc(run->seed_count + 1, sizeof(*seeds->blocks));
    if (seeds->blocks == NULL) {
        return FAIL(err, NO_MEMORY, "keep the seeds of %zu blocks", run->seed_count);
    }
    for (size_t i = 0; i < run->seed_count; i++) {
        bool same;
        TRY(oplog_seed_keep(store, author->id, run->seeds[i].block, run->seeds[i].seed, &same, err));
        if (same) {
            seeds->blocks[seeds->count++] = run->seeds[i].block;
        }
    }
    return ERR_OK;
}

/* From this op on the block has no seed. */
static enum err_code drop_seed(struct store *store, const struct author *author, struct run_seeds *seeds, uint64_t seq,
                               struct error *err)
{
    uint64_t block = op_salt_block(seq);
    for (size_t i = 0; i < seeds->count; i++) {
        if (seeds->blocks[i] == block) {
            seeds->blocks[i] = UINT64_MAX;
        }
    }
    return salts_spread(store, author->id, block, err);
}

/* After an erasure of the run was folded: where it took a body of this author, the block has no seed any more. */
static enum err_code forget_taken(struct store *store, const struct author *author, struct run_seeds *seeds,
                                  struct error *err)
{
    for (size_t i = 0; i < seeds->count; i++) {
        uint8_t unused[OP_SEED_BYTES];
        bool found = false;
        if (seeds->blocks[i] != UINT64_MAX) {
            TRY(oplog_seed_find(store, author->id, seeds->blocks[i], unused, &found, err));
        }
        if (!found) {
            seeds->blocks[i] = UINT64_MAX;
        }
    }
    return ERR_OK;
}

static bool seeded(const struct run_seeds *seeds, uint64_t seq)
{
    uint64_t block = op_salt_block(seq);
    for (size_t i = 0; i < seeds->count; i++) {
        if (seeds->blocks[i] == block) {
            return true;
        }
    }
    return false;
}

/* ---- one op ---- */

static enum err_code same_as_held(struct store *store, const struct author *author, uint64_t seq, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, op_key(author->id, seq));
    TRY(db_step(&store->db, s, &row, err));
    bool same = row && slice_equal(column_slice(s, 0), buf_slice(&store->header));
    sqlite3_reset(s);
    if (same) {
        return ERR_OK;
    }
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(author->device, DEVICE_ID_BYTES, device);
    return FAIL(
        err, HISTORY,
        "take record %llu of device %.8s (incarnation %u): another one with this number is held already; nothing "
        "of either is lost, and a person has to find out which of the two histories is true",
        (unsigned long long)seq, device, author->incarnation);
}

static void follow_clock(struct store *store, uint64_t hlc, int64_t now_ms)
{
    if (hlc > store->newest_hlc && (int64_t)(hlc >> 16) <= now_ms + HLC_AHEAD_MAX_MS) {
        store->newest_hlc = hlc;
    }
}

/* One that an erasure covers is kept as if it had come erased; so is what says something of volunteers. */
static enum err_code keep_op(struct store *store, struct author *author, struct op *op, struct run_seeds *seeds,
                             int64_t received_at_ms, bool *ret_admitted, struct error *err)
{
    struct error reason;
    enum err_code admitted;
    bool covered;
    TRY(erasure_find(store, op, author->writer, &covered, err));
    op->erased |= covered || op_of_volunteers(op);
    TRY(oplog_admit(store, author, op, &admitted, &reason, err));
    if (op->erased) {
        TRY(drop_seed(store, author, seeds, op->id.seq, err));
    }
    *ret_admitted = admitted == ERR_OK;
    return oplog_insert(store, author, op, buf_slice(&store->header), seeded(seeds, op->id.seq),
                        admitted == ERR_OK ? NULL : reason.message, received_at_ms, err);
}

static enum err_code take_op(struct store *store, struct author *author, const struct op *offered,
                             struct run_seeds *seeds, int64_t received_at_ms, struct store_applied *applied,
                             struct error *err)
{
    struct op taken = *offered;
    struct op *op = &taken;
    bool admitted;
    if (memcmp(op->stream, store->stream, STREAM_ID_BYTES) != 0 || op->id.seq > author->newest_seq + 1) {
        return FAIL(err, HISTORY, "take record %llu of a device: %llu comes next", (unsigned long long)op->id.seq,
                    (unsigned long long)author->newest_seq + 1);
    }
    buf_clear(&store->header);
    TRY(op_header_encode(op, &store->header, err));
    if (op->id.seq <= author->newest_seq) {
        return same_as_held(store, author, op->id.seq, err);
    }
    TRY(keep_op(store, author, op, seeds, received_at_ms, &admitted, err));
    author->newest_seq = op->id.seq;
    op_link_next(author->newest_link, buf_slice(&store->header), author->newest_link);
    follow_clock(store, op->hlc, received_at_ms);
    applied->new_ops++;
    if (!admitted) {
        applied->quarantined++;
        return ERR_OK;
    }
    TRY(fold_op(store, op_key(author->id, op->id.seq), op, err));
    return op->kind == KIND_ERASURE ? forget_taken(store, author, seeds, err) : ERR_OK;
}

/* ---- one run ---- */

static enum err_code author_key(struct store *store, const struct author *author, struct certificate *certificate,
                                struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT certificate FROM author WHERE id = ?1", &s, err));
    bind_int(s, 1, author->id);
    TRY(db_step(&store->db, s, &row, err));
    enum err_code rc = row ? certificate_parse(column_slice(s, 0), certificate, err)
                           : FAIL(err, DAMAGED, "find the certificate of an author");
    sqlite3_reset(s);
    return rc;
}

enum err_code run_signed(struct store *store, const struct author *author, const struct store_run *run,
                         const uint8_t link[SHA256_BYTES], struct error *err)
{
    struct certificate certificate;
    TRY(author_key(store, author, &certificate, err));
    struct op_id signed_op = run->ops.ops[0].id;
    signed_op.seq = run->signed_seq;
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    op_link_message(store->stream, &signed_op, link, message);
    return signature_verify(slice_of(certificate.public_key, certificate.public_key_len), OP_LINK_CONTEXT,
                            slice_of(message, sizeof(message)), slice_of(run->signature, run->signature_len), err);
}

static enum err_code take_signature(struct store *store, const struct author *author, const struct store_run *run,
                                    struct error *err)
{
    TRY(run_signed(store, author, run, author->newest_link, err));
    return oplog_author_sign(store, author, run->signed_seq, slice_of(run->signature, run->signature_len), err);
}

static enum err_code take_ops(struct store *store, struct author *author, const struct store_run *run,
                              int64_t received_at_ms, struct store_applied *applied, struct error *err)
{
    SCOPED(run_seeds_fini) struct run_seeds seeds = { 0 };
    TRY(keep_seeds(store, author, run, &seeds, err));
    uint64_t held = author->newest_seq;
    for (size_t i = 0; i < run->ops.count; i++) {
        const struct op *op = &run->ops.ops[i];
        TRY(take_op(store, author, op, &seeds, received_at_ms, applied, err));
        /* A signature over what was held before adds nothing: its link is not at hand, and a newer one will cover it.
         */
        if (op->id.seq == run->signed_seq && op->id.seq > held) {
            TRY(take_signature(store, author, run, err));
        }
    }
    if (author->newest_seq == held) {
        return ERR_OK;
    }
    if (run->signed_seq != author->newest_seq) {
        return FAIL(err, HISTORY, "take records %llu to %llu of a device: it did not sign the last of them",
                    (unsigned long long)held + 1, (unsigned long long)author->newest_seq);
    }
    return oplog_author_save(store, author, err);
}

/* Of a chain of this copy: another branch takes the place of ours, and what came from the centre is there. */
static enum err_code take_own(struct store *store, struct author *author, const struct store_exchange *exchange,
                              const struct store_run *run, struct store_applied *applied, struct error *err)
{
    int64_t fork;
    TRY(fork_take(store, author, run, exchange->received_at_ms, &fork, err));
    TRY(take_ops(store, author, run, exchange->received_at_ms, applied, err));
    if (author->id == store->self.id) {
        store->self = *author;
    }
    struct store_receipt held = { .incarnation = author->incarnation,
                                  .acked_seq = run->ops.ops[run->ops.count - 1].id.seq };
    struct own_chain chain;
    bool found;
    TRY(chain_find(store, author->incarnation, &chain, &found, err));
    CHECK(found);
    if (chain.acked_seq < held.acked_seq) {
        TRY(chain_acked(store, author, &held, err));
    }
    if (fork == 0) {
        return ERR_OK;
    }
    TRY(fork_issue(store, fork, exchange->received_at_ms, &applied->issued_again, err));
    return author->id == store->self.id ? chain_begin(store, err) : ERR_OK;
}

/* Of a chain that another copy of this device began: it is of this device's key all the same. */
static enum err_code take_of_copy(struct store *store, struct author *author, const struct store_exchange *exchange,
                                  const struct store_run *run, struct store_applied *applied, struct error *err)
{
    int64_t fork;
    TRY(fork_take(store, author, run, exchange->received_at_ms, &fork, err));
    TRY(take_ops(store, author, run, exchange->received_at_ms, applied, err));
    return fork != 0 ? fork_issue(store, fork, exchange->received_at_ms, &applied->issued_again, err) : ERR_OK;
}

static enum err_code take_run(struct store *store, const struct store_exchange *exchange, const struct store_run *run,
                              struct store_applied *applied, struct error *err)
{
    if (run->ops.count == 0) {
        return FAIL(err, PROTOCOL, "take a run without records");
    }
    struct author author;
    TRY(author_of_run(store, run, &author, err));
    if (memcmp(author.device, store->self.device, DEVICE_ID_BYTES) != 0) {
        int64_t fork = 0;
        if (store->following) {
            TRY(fork_take(store, &author, run, exchange->received_at_ms, &fork, err));
        }
        applied->set_aside += fork != 0;
        TRY(take_ops(store, &author, run, exchange->received_at_ms, applied, err));
        return owed_given(store, &author, run, err);
    }
    struct own_chain chain;
    bool ours;
    size_t before = applied->new_ops;
    TRY(chain_find(store, author.incarnation, &chain, &ours, err));
    enum err_code rc = ours ? take_own(store, &author, exchange, run, applied, err)
                            : take_of_copy(store, &author, exchange, run, applied, err);
    applied->came_back += applied->new_ops - before;
    TRY(rc);
    return owed_given(store, &author, run, err);
}

/* ---- the exchange ---- */

static enum err_code save_sync(struct store *store, const struct store_exchange *exchange, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE sync_state SET clock_offset = iif(?3, clock_offset, ?1), "
                     "settled = max(settled, ?2), read_to_end = max(read_to_end, ?2), "
                     "heard_at = iif(?3, max(heard_at, ?4), ?4), " /* a file may be late; its clock may be put right */
                     "dirty_site = dirty_site OR abs(heard_at - ?4) > 86400000", /* it was said to be stale, perhaps */
                     &s, err));
    bind_int(s, 1, exchange->clock_offset_ms);
    bind_int(s, 2, exchange->whole);
    bind_int(s, 3, exchange->clock_unmeasured);
    bind_int(s, 4, exchange->answered_at_ms);
    TRY(db_run(&store->db, s, err));
    return exchange->read_again ? chains_ask(store, err) : ERR_OK;
}

/* What the centre said of the chain that the exchange was about. */
static enum err_code take_receipt(struct store *store, const struct store_exchange *exchange, struct error *err)
{
    struct own_chain chain;
    bool found;
    TRY(chain_find(store, exchange->receipt->incarnation, &chain, &found, err));
    if (!found) {
        return FAIL(err, HISTORY, "take a receipt for records of another copy of this device");
    }
    if (exchange->own_signed_seq > 0 && exchange->own_signed_seq <= chain.author.newest_seq) {
        TRY(oplog_author_sign(store, &chain.author, exchange->own_signed_seq, exchange->own_signature, err));
    }
    return chain_acked(store, &chain.author, exchange->receipt, err);
}

static enum err_code take_all(struct store *store, const struct store_exchange *exchange, struct store_applied *applied,
                              struct error *err)
{
    for (size_t i = 0; i < exchange->run_count; i++) {
        TRY(take_run(store, exchange, &exchange->runs[i], applied, err));
    }
    TRY(fold_flush(store, err));
    if (exchange->receipt != NULL) {
        TRY(take_receipt(store, exchange, err));
    }
    TRY(copies_count(store, applied, exchange->received_at_ms, err));
    TRY(tree_take(store, exchange, applied, err));
    if (store->following && exchange->whole && exchange->cursor == exchange->head && !applied->history_changed) {
        TRY(following_end(store, exchange->received_at_ms, err));
    }
    return save_sync(store, exchange, err);
}

enum err_code store_apply(struct store *store, const struct store_exchange *exchange, struct store_applied *ret_applied,
                          struct error *err)
{
    if (!store->enrolled) {
        return FAIL(err, NOT_ENROLLED, "take records: this machine is not enrolled");
    }
    struct store_applied applied = { 0 };
    TRY(replica_begin(store, err));
    TRY(replica_end(store, take_all(store, exchange, &applied, err), err));
    *ret_applied = applied;
    return ERR_OK;
}

static enum err_code refuse(struct store *store, uint32_t incarnation, uint64_t seq, const char *reason,
                            struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct own_chain chain;
    TRY(chain_find(store, incarnation, &chain, &row, err));
    if (!row) {
        return ERR_OK;
    }
    int64_t key = op_key(chain.author.id, seq);
    TRY(db_statement(&store->db,
                     "SELECT header, salt, body FROM op WHERE id = ?1 AND quarantine IS NULL "
                     "AND body IS NOT NULL",
                     &s, err));
    bind_int(s, 1, key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK; /* known already, or erased since: what was wrong with it is gone */
    }
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    enum err_code rc = oplog_row(store, s, 0, key, &op, supersedes, err);
    sqlite3_reset(s);
    TRY(rc);
    TRY(db_statement(&store->db, "UPDATE op SET quarantine = ?2 WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    bind_text(s, 2, reason);
    TRY(db_run(&store->db, s, err));
    TRY(fold_out(store, key, &op, err));
    return fold_flush(store, err);
}

enum err_code store_mark_refused(struct store *store, uint32_t incarnation, uint64_t seq, const char *reason,
                                 struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, refuse(store, incarnation, seq, reason, err), err);
}
