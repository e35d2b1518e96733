/*
 * Taking a run of a device's ops: everything is checked before anything is kept.
 *
 *     ops held already ── the same? ──► skipped          another one ──► fork: incident
 *     new ops ── headers made, links chained ── signature over the last link ──► rows, seeds, link, head: one
 * transaction
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

/* A clock ahead of ours by more than this does not pull the site's logical clock along. */
enum { HLC_AHEAD_MAX_MS = 48 * 3600 * 1000 };

struct appending {
    struct centre_store *store;
    const struct centre_site *site;
    const struct centre_offer *offer;
    const struct store_run *run;
    int64_t now_ms;
    struct centre_author author;
    size_t first_new;       /* index in the run */
    struct buf headers;     /* of the new ops, one behind the other */
    size_t *header_ends;    /* one a new op */
    uint8_t *seeded;        /* one a seed of the run: it is the held one */
    bool erasing;           /* there are erasures of this site */
    uint64_t of_volunteers; /* the first new op that reviews a flag about them; 0: none does */
    struct error *err;
};

static void appending_fini(struct appending *a)
{
    buf_fini(&a->headers);
    free(a->header_ends);
    free(a->seeded);
}

/* ---- what is offered ---- */

static enum err_code check_shape(const struct appending *a)
{
    const struct op_batch *ops = &a->run->ops;
    if (ops->count == 0) {
        return FAIL(a->err, PROTOCOL, "take a run without records");
    }
    const struct op_id *first = &ops->ops[0].id;
    for (size_t i = 0; i < ops->count; i++) {
        const struct op *op = &ops->ops[i];
        if (memcmp(op->stream, a->site->stream, STREAM_ID_BYTES) != 0 ||
            memcmp(op->id.device, a->offer->author->device, DEVICE_ID_BYTES) != 0) {
            return FAIL(a->err, REFUSED, "take records of another device or site");
        }
        if (op->id.incarnation != first->incarnation || op->id.seq != first->seq + i || op->id.seq == 0 ||
            op->id.seq > OP_SEQ_MAX) {
            return FAIL(a->err, PROTOCOL, "take records that do not follow each other");
        }
    }
    return ERR_OK;
}

static enum err_code check_body(const struct op *op, struct error *err)
{
    uint8_t hash[SHA256_BYTES];
    if (op->erased) {
        return ERR_OK;
    }
    op_body_hash(op->salt, op->body, hash);
    return memcmp(hash, op->body_hash, SHA256_BYTES) == 0
               ? ERR_OK
               : FAIL(err, PROTOCOL, "take record %llu: its content does not fit its header",
                      (unsigned long long)op->id.seq);
}

/* ---- what is held already ---- */

static enum err_code compare_held(struct appending *a, bool *ret_fork)
{
    struct buf *header = &a->store->header;
    *ret_fork = false;
    for (; a->first_new < a->run->ops.count; a->first_new++) {
        const struct op *op = &a->run->ops.ops[a->first_new];
        bool same = false;
        if (op->id.seq > a->author.newest_seq) {
            return ERR_OK;
        }
        buf_clear(header);
        TRY(op_header_encode(op, header, a->err));
        TRY(op_same(a->store, &a->author, op->id.seq, buf_slice(header), &same, a->err));
        if (!same) {
            *ret_fork = true;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

/* ---- what is new ---- */

/* Makes the new ops' headers and carries the author's link over them. */
static enum err_code chain_new(struct appending *a)
{
    size_t count = a->run->ops.count - a->first_new;
    buf_init(&a->headers, OP_BATCH_OPS_MAX * (size_t)OP_HEADER_MAX);
    a->header_ends = calloc(count, sizeof(*a->header_ends));
    if (a->header_ends == NULL) {
        return FAIL(a->err, NO_MEMORY, "take %zu records", count);
    }
    for (size_t i = 0; i < count; i++) {
        const struct op *op = &a->run->ops.ops[a->first_new + i];
        size_t from = a->headers.len;
        TRY(check_body(op, a->err));
        TRY(op_header_encode(op, &a->headers, a->err));
        struct slice header = slice_of(a->headers.data + from, a->headers.len - from);
        op_link_next(a->author.newest_link, header, a->author.newest_link);
        a->header_ends[i] = a->headers.len;
        a->author.newest_seq = op->id.seq;
    }
    return ERR_OK;
}

static enum err_code check_signature(const struct appending *a, const struct centre_author *author)
{
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    struct op_id newest = { .incarnation = author->incarnation, .seq = author->newest_seq };
    const struct certificate *certificate = a->offer->author;
    memcpy(newest.device, author->device, DEVICE_ID_BYTES);
    if (a->run->signed_seq != newest.seq) {
        return FAIL(a->err, HISTORY, "take records without a signature over the last of them");
    }
    op_link_message(a->site->stream, &newest, author->newest_link, message);
    return signature_verify(slice_of(certificate->public_key, certificate->public_key_len), OP_LINK_CONTEXT,
                            slice_of(message, sizeof(message)), slice_of(a->run->signature, a->run->signature_len),
                            a->err);
}

/*
 * Nobody else's record could be put above one from the end of time, so what lies further ahead than any honest clock is
 * not taken. By when somebody corrects one that was just let in, the bound has gone on.
 */
static enum err_code check_clock(const struct appending *a)
{
    for (size_t i = a->first_new; i < a->run->ops.count; i++) {
        const struct op *op = &a->run->ops.ops[i];
        if ((int64_t)(op->hlc >> 16) > a->now_ms + OP_AHEAD_MAX_MS) {
            return FAIL(a->err, INVALID,
                        "take record %llu: its logical clock is more than ten years ahead, and nothing could be "
                        "said after it",
                        (unsigned long long)op->id.seq);
        }
    }
    return ERR_OK;
}

/* A seed that differs from the held one is left out: its ops keep their own salts. */
static enum err_code keep_seeds(struct appending *a)
{
    a->seeded = calloc(a->run->seed_count + 1, 1);
    if (a->seeded == NULL) {
        return FAIL(a->err, NO_MEMORY, "take %zu seeds", a->run->seed_count);
    }
    for (size_t i = 0; i < a->run->seed_count; i++) {
        const struct store_seed *seed = &a->run->seeds[i];
        uint8_t held[OP_SEED_BYTES];
        bool found = false;
        TRY(seed_find(a->store, a->author.id, seed->block, held, &found, a->err));
        bool erased = false;
        if (!found) {
            TRY(centre_block_has_erased(a->store, a->author.id, seed->block, &erased, a->err));
        }
        if (erased) {
            continue; /* an erased op's salt may come from it */
        }
        if (!found) {
            TRY(seed_add(a->store, a->author.id, seed->block, seed->seed, a->err));
        }
        a->seeded[i] = !found || memcmp(held, seed->seed, OP_SEED_BYTES) == 0;
    }
    return ERR_OK;
}

static bool is_seeded(const struct appending *a, uint64_t seq)
{
    uint64_t block = op_salt_block(seq);
    for (size_t i = 0; i < a->run->seed_count; i++) {
        if (a->run->seeds[i].block == block) {
            return a->seeded[i] != 0;
        }
    }
    return false;
}

/* From this op on its block has no seed. */
static enum err_code drop_seed(struct appending *a, uint64_t seq)
{
    uint64_t block = op_salt_block(seq);
    for (size_t i = 0; i < a->run->seed_count; i++) {
        a->seeded[i] = a->seeded[i] && a->run->seeds[i].block != block;
    }
    return centre_salts_spread(a->store, a->author.id, block, a->err);
}

/* One that an erasure covers is kept as if it had come erased; so is what says something of volunteers. */
static enum err_code judge(struct appending *a, struct op *op, struct centre_verdict *verdict)
{
    bool covered = false;
    if (a->erasing && !op->erased) {
        TRY(centre_erasure_find(a->store, a->site->id, op, a->author.writer, &covered, a->err));
    }
    if (a->of_volunteers == 0 && op_of_volunteers(op)) {
        a->of_volunteers = op->id.seq;
    }
    op->erased |= covered || op_of_volunteers(op);
    TRY(centre_op_judge(a->store, a->site, op, a->author.writer, verdict, a->err));
    return op->erased ? drop_seed(a, op->id.seq) : ERR_OK;
}

static enum err_code keep_erasure(struct appending *a, const struct op *op, uint64_t position)
{
    struct erasure erasure;
    TRY(erasure_read(op, a->author.writer, &erasure, a->err));
    a->erasing = true;
    return centre_erasure_keep(a->store, a->site->id, op_row_id(a->site->id, position), &erasure, a->err);
}

static enum err_code add_rows(struct appending *a, struct position_state *state, struct centre_appended *appended)
{
    size_t count = a->run->ops.count - a->first_new;
    size_t from = 0;
    for (size_t i = 0; i < count; i++) {
        struct op taken = a->run->ops.ops[a->first_new + i];
        struct op *op = &taken;
        struct centre_verdict verdict;
        TRY(judge(a, op, &verdict));
        struct op_row row = { .op = op,
                              .header = slice_of(a->headers.data + from, a->header_ends[i] - from),
                              .salted = is_seeded(a, op->id.seq),
                              .quarantine = centre_kept_aside(&verdict),
                              .received_at_ms = a->now_ms };
        TRY(op_add(a->store, &a->author, state, &row, a->err));
        appended->quarantined += row.quarantine != NULL;
        from = a->header_ends[i];
        if (op->kind == KIND_ERASURE && verdict.admitted == ERR_OK) {
            TRY(keep_erasure(a, op, state->head));
        }
        if ((int64_t)(op->hlc >> 16) > a->now_ms + HLC_AHEAD_MAX_MS) {
            TRY(hlc_ahead_keep(a->store, a->site, op, a->err));
        } else if (op->hlc > state->newest_hlc) {
            state->newest_hlc = op->hlc;
        }
    }
    appended->new_ops = count;
    return ERR_OK;
}

/* A device that was revoked sends nothing itself any more: what others give back of it, an operator hears of. */
static enum err_code note_revoked(struct appending *a, uint64_t first_seq)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&a->store->db, "SELECT 1 FROM device WHERE device = ?1 AND revoked_at IS NOT NULL", &s, a->err));
    bind_blob(s, 1, a->author.device, DEVICE_ID_BYTES);
    TRY(db_step(&a->store->db, s, &row, a->err));
    sqlite3_reset(s);
    return row ? incident_add(a->store, &a->author, first_seq, "records of this revoked device were given back",
                              a->now_ms, (struct slice){ 0 }, a->err)
               : ERR_OK;
}

/* Once a run, however many there are. */
static enum err_code note_of_volunteers(struct appending *a)
{
    return a->of_volunteers == 0 ? ERR_OK
                                 : incident_add(a->store, &a->author, a->of_volunteers,
                                                "it sent a review about volunteers; what that says is not kept",
                                                a->now_ms, (struct slice){ 0 }, a->err);
}

static enum err_code keep_new(struct appending *a, struct centre_appended *appended)
{
    struct position_state state;
    uint64_t first_seq = a->run->ops.ops[a->first_new].id.seq;
    TRY(positions_read(a->store, a->site->id, &state, a->err));
    uint64_t first_position = state.head + 1;
    a->author.writer = a->offer->author->role == CERTIFICATE_ROLE_CENTRE ? WRITER_CENTRE : WRITER_ORGANISATION;
    TRY(author_save(a->store, &a->author, a->offer->certificate, a->err));
    if (a->offer->given_by != NULL) {
        TRY(note_revoked(a, first_seq));
    }
    TRY(run_add(a->store, &a->author, first_seq, a->author.newest_seq, first_position, a->err));
    TRY(centre_erasing(a->store, a->site->id, &a->erasing, a->err));
    TRY(keep_seeds(a));
    TRY(add_rows(a, &state, appended));
    TRY(note_of_volunteers(a));
    TRY(author_signed(a->store, &a->author, slice_of(a->run->signature, a->run->signature_len), a->err));
    return positions_save(a->store, a->site->id, &state, a->err);
}

/* ---- another branch ---- */

/* The run's ops after what is held before it: did the author sign them? */
static enum err_code check_branch(struct appending *a)
{
    struct buf *header = &a->store->header;
    struct centre_author branch = a->author;
    const struct op_batch *ops = &a->run->ops;
    branch.newest_seq = ops->ops[0].id.seq - 1;
    TRY(author_link(a->store, a->site, &a->author, branch.newest_seq, branch.newest_link, a->err));
    for (size_t i = 0; i < ops->count; i++) {
        buf_clear(header);
        TRY(op_header_encode(&ops->ops[i], header, a->err));
        op_link_next(branch.newest_link, buf_slice(header), branch.newest_link);
    }
    branch.newest_seq += ops->count;
    return check_signature(a, &branch);
}

/* The author's own word is enough; what another device gives back is one only if the author signed it. */
static enum err_code record_fork(struct appending *a)
{
    const struct op *op = &a->run->ops.ops[a->first_new];
    if (a->offer->given_by != NULL) {
        TRY(check_branch(a));
    }
    buf_clear(&a->store->header);
    TRY(op_header_encode(op, &a->store->header, a->err));
    return incident_add(a->store, &a->author, op->id.seq, "another record with this number is held", a->now_ms,
                        buf_slice(&a->store->header), a->err);
}

/* ---- the transaction ---- */

static void tell_held(const struct centre_author *author, struct centre_held *held)
{
    held->seq = author->newest_seq;
    memcpy(held->link, author->newest_link, SHA256_BYTES);
}

static enum err_code append(struct appending *a, struct centre_appended *appended)
{
    const struct op_id *first = &a->run->ops.ops[0].id;
    bool fork;
    TRY(author_find(a->store, a->site, first->device, first->incarnation, &a->author, a->err));
    tell_held(&a->author, &appended->held);
    if (first->seq > a->author.newest_seq + 1) {
        appended->result = CENTRE_GAP;
        return ERR_OK;
    }
    TRY(compare_held(a, &fork));
    if (fork) {
        appended->result = CENTRE_FORK;
        return record_fork(a);
    }
    if (a->first_new == a->run->ops.count) {
        return ERR_OK;
    }
    TRY(chain_new(a));
    TRY(check_signature(a, &a->author));
    TRY(check_clock(a));
    TRY(keep_new(a, appended));
    tell_held(&a->author, &appended->held);
    return ERR_OK;
}

/* The transaction of a forged run was rolled back; that it was tried is kept by one of its own. */
static enum err_code note_forgery(struct appending *a)
{
    struct centre_author culprit = a->author;
    uint64_t seq = a->run->ops.ops[a->run->ops.count - 1].id.seq;
    const char *what = "the signature over these records does not fit";
    if (a->offer->given_by != NULL) {
        memcpy(culprit.device, a->offer->given_by, DEVICE_ID_BYTES);
        culprit.incarnation = 0;
        seq = 0;
        what = "it gave back records that their author did not sign";
    }
    TRY(db_begin(&a->store->db, a->err));
    enum err_code rc = incident_add(a->store, &culprit, seq, what, a->now_ms, (struct slice){ 0 }, a->err);
    return db_end(&a->store->db, rc, a->err);
}

enum err_code centre_append(struct centre_store *store, const struct centre_site *site,
                            const struct centre_offer *offer, struct centre_appended *ret_appended, struct error *err)
{
    SCOPED(appending_fini)
    struct appending a = {
        .store = store, .site = site, .offer = offer, .run = offer->run, .now_ms = offer->now_ms, .err = err
    };
    struct centre_appended appended = { .result = CENTRE_APPENDED };
    TRY(check_shape(&a));
    TRY(db_begin(&store->db, err));
    enum err_code rc = db_end(&store->db, append(&a, &appended), err);
    if (rc == ERR_HISTORY) {
        struct error ignored;
        a.err = &ignored;
        (void)!note_forgery(&a);
    }
    if (rc == ERR_OK) {
        centre_erase_begin(store);
        *ret_appended = appended;
    }
    return rc;
}

enum err_code centre_refusals(struct centre_store *store, const struct centre_site *site,
                              const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation, uint64_t after_seq,
                              struct centre_refused *ret_rows, size_t max, size_t *ret_count, struct error *err)
{
    struct centre_author author;
    sqlite3_stmt *s;
    bool row = true;
    size_t count = 0;
    TRY(author_find(store, site, device, incarnation, &author, err));
    TRY(db_statement(&store->db,
                     "SELECT seq, quarantine FROM op INDEXED BY op_quarantined "
                     "WHERE author = ?1 AND seq > ?2 AND quarantine IS NOT NULL ORDER BY seq",
                     &s, err));
    bind_int(s, 1, author.id);
    bind_int(s, 2, (int64_t)after_seq);
    while (count < max) {
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        ret_rows[count].seq = (uint64_t)column_int(s, 0);
        column_text(s, 1, ret_rows[count].reason, CENTRE_REASON_SIZE);
        count++;
    }
    sqlite3_reset(s);
    *ret_count = count;
    return ERR_OK;
}
