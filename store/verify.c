/*
 * Looking at the whole replica: the proof that nothing was altered.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

static enum err_code wrong(const struct author *author, uint64_t seq, const char *what, struct error *err)
{
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(author->device, DEVICE_ID_BYTES, device);
    return FAIL(err, HISTORY, "verify record %llu of device %.8s: %s", (unsigned long long)seq, device, what);
}

static enum err_code verify_content(const struct store *store, const struct author *author, const struct op *op,
                                    struct error *err)
{
    if (memcmp(op->id.device, author->device, DEVICE_ID_BYTES) != 0 || op->id.incarnation != author->incarnation ||
        memcmp(op->stream, store->stream, STREAM_ID_BYTES) != 0) {
        return wrong(author, op->id.seq, "it belongs to another device or site", err);
    }
    if (op->erased) {
        return ERR_OK;
    }
    uint8_t hash[SHA256_BYTES];
    op_body_hash(op->salt, op->body, hash);
    return memcmp(hash, op->body_hash, SHA256_BYTES) == 0 ? ERR_OK
                                                          : wrong(author, op->id.seq, "its content was altered", err);
}

static enum err_code verify_op(struct store *store, const struct author *author, sqlite3_stmt *s, int64_t key,
                               struct error *err)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    TRY(oplog_row(store, s, 1, key, &op, supersedes, err));
    return verify_content(store, author, &op, err);
}

/* An author's newest signature, with the link it stands over found on the way. */
struct signed_link {
    uint64_t seq;
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
    struct certificate certificate;
};

static enum err_code verify_signed(const struct store *store, const struct author *author,
                                   const struct signed_link *signed_link, const uint8_t link[SHA256_BYTES],
                                   struct error *err)
{
    struct op_id id = { .incarnation = author->incarnation, .seq = signed_link->seq };
    memcpy(id.device, author->device, DEVICE_ID_BYTES);
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    op_link_message(store->stream, &id, link, message);
    const struct certificate *certificate = &signed_link->certificate;
    enum err_code rc = signature_verify(slice_of(certificate->public_key, certificate->public_key_len), OP_LINK_CONTEXT,
                                        slice_of(message, sizeof(message)),
                                        slice_of(signed_link->signature, signed_link->signature_len), err);
    return rc == ERR_OK ? ERR_OK : wrong(author, signed_link->seq, "its device's signature does not fit", err);
}

static void read_signature(sqlite3_stmt *s, int at, struct signed_link *signed_link)
{
    struct slice signature = column_slice(s, at);
    signed_link->signature_len = signature.len <= SIGNATURE_MAX ? signature.len : 0;
    if (signed_link->signature_len > 0) {
        memcpy(signed_link->signature, signature.data, signature.len);
    }
}

/* The author's next signature after link `after`; seq 0: there is none. The certificate stays. */
static enum err_code next_signed(struct store *store, const struct author *author, uint64_t after,
                                 struct signed_link *signed_link, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT seq, signature FROM signed_link WHERE author = ?1 AND seq > ?2 ORDER BY seq LIMIT 1", &s,
                     err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)after);
    TRY(db_step(&store->db, s, &row, err));
    signed_link->seq = row ? (uint64_t)column_int(s, 0) : 0;
    read_signature(s, 1, signed_link);
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code verify_chain(struct store *store, const struct author *author, const struct signed_link *newest,
                                  struct receipts_check *receipts, struct error *err)
{
    uint8_t link[SHA256_BYTES];
    op_link_first(store->stream, author->device, author->incarnation, link);
    uint64_t seq = 0;
    int64_t key = op_key(author->id, 0);
    struct signed_link next = *newest;
    TRY(next_signed(store, author, 0, &next, err));
    TRY(receipts_check_begin(store, author, 0, receipts, err));
    for (;;) {
        sqlite3_stmt *s;
        bool row;
        TRY(db_statement(&store->db,
                         "SELECT id, header, salt, body FROM op WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT 1", &s,
                         err));
        bind_int(s, 1, key);
        bind_int(s, 2, op_key(author->id, OP_SEQ_MAX));
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        key = column_int(s, 0);
        if (op_key_seq(key) != ++seq) {
            return wrong(author, seq, "it is missing", err);
        }
        TRY(verify_op(store, author, s, key, err));
        op_link_next(link, column_slice(s, 1), link);
        sqlite3_reset(s);
        (void)atomic_fetch_add(&store->progress->done, 1);
        if (seq == newest->seq) {
            TRY(verify_signed(store, author, newest, link, err));
        }
        if (seq == next.seq) {
            TRY(verify_signed(store, author, &next, link, err));
            TRY(next_signed(store, author, seq, &next, err));
        }
        TRY(receipts_check_link(store, author, seq, link, receipts, err));
    }
    if (next.seq != 0) {
        return wrong(author, next.seq, "it is signed and missing", err);
    }
    if (seq != author->newest_seq || memcmp(link, author->newest_link, SHA256_BYTES) != 0) {
        return wrong(author, seq, "the chain does not end where it was left", err);
    }
    return receipts_check_end(author, receipts, err);
}

/* Columns `at` to `at` + 2: seq, signature, certificate. */
static enum err_code read_signed(sqlite3_stmt *s, int at, struct signed_link *signed_link, struct error *err)
{
    signed_link->seq = (uint64_t)column_int(s, at);
    read_signature(s, at + 1, signed_link);
    return certificate_parse(column_slice(s, at + 2), &signed_link->certificate, err);
}

static enum err_code read_author(sqlite3_stmt *s, struct author *author, struct signed_link *signed_link,
                                 struct error *err)
{
    *author = (struct author){ .id = column_int(s, 0),
                               .incarnation = (uint32_t)column_int(s, 2),
                               .newest_seq = (uint64_t)column_int(s, 3) };
    (void)column_fixed(s, 1, author->device, DEVICE_ID_BYTES);
    (void)column_fixed(s, 4, author->newest_link, SHA256_BYTES);
    return read_signed(s, 5, signed_link, err);
}

static enum err_code verify_authors(struct store *store, struct receipts_check *receipts,
                                    struct store_verified *verified, struct error *err)
{
    int64_t id = 0;
    for (;;) {
        sqlite3_stmt *s;
        bool row;
        struct author author;
        struct signed_link signed_link;
        TRY(db_statement(&store->db,
                         "SELECT id, device, incarnation, newest_seq, newest_link, signed_seq, signature, certificate "
                         "FROM author WHERE id > ?1 ORDER BY id LIMIT 1",
                         &s, err));
        bind_int(s, 1, id);
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = read_author(s, &author, &signed_link, err);
        sqlite3_reset(s);
        TRY(rc);
        TRY(verify_chain(store, &author, &signed_link, receipts, err));
        id = author.id;
        verified->authors++;
        verified->ops += author.newest_seq;
        verified->signed_ops += signed_link.seq;
    }
}

/* ---- branches set aside ---- */

struct branch {
    int64_t id;
    struct author author;
    uint64_t first_seq;
    uint64_t last_seq;
    uint8_t before_link[SHA256_BYTES];
    uint8_t last_link[SHA256_BYTES];
    struct signed_link signed_link;
};

static enum err_code read_branch(sqlite3_stmt *s, struct branch *branch, struct error *err)
{
    branch->id = column_int(s, 0);
    branch->author = (struct author){ .id = column_int(s, 10), .incarnation = (uint32_t)column_int(s, 2) };
    (void)column_fixed(s, 1, branch->author.device, DEVICE_ID_BYTES);
    branch->first_seq = (uint64_t)column_int(s, 3);
    branch->last_seq = (uint64_t)column_int(s, 4);
    (void)column_fixed(s, 5, branch->before_link, SHA256_BYTES);
    (void)column_fixed(s, 6, branch->last_link, SHA256_BYTES);
    return read_signed(s, 7, &branch->signed_link, err);
}

static enum err_code verify_forked(struct store *store, const struct branch *branch, sqlite3_stmt *s, uint64_t seq,
                                   uint8_t link[SHA256_BYTES], struct error *err)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    if (op_header_decode(column_slice(s, 1), &op, supersedes, err) != ERR_OK || op.id.seq != seq ||
        (uint64_t)column_int(s, 0) != seq) {
        return wrong(&branch->author, seq, "of a branch set aside, it is missing or altered", err);
    }
    op.erased = sqlite3_column_type(s, 3) == SQLITE_NULL;
    op.body = column_slice(s, 3);
    (void)column_fixed(s, 2, op.salt, OP_SALT_BYTES);
    TRY(verify_content(store, &branch->author, &op, err));
    op_link_next(link, column_slice(s, 1), link);
    return seq == branch->signed_link.seq ? verify_signed(store, &branch->author, &branch->signed_link, link, err)
                                          : ERR_OK;
}

static enum err_code verify_branch(struct store *store, const struct branch *branch, struct receipts_check *receipts,
                                   struct error *err)
{
    uint8_t link[SHA256_BYTES];
    sqlite3_stmt *s;
    memcpy(link, branch->before_link, SHA256_BYTES);
    TRY(receipts_check_begin(store, &branch->author, branch->id, receipts, err));
    TRY(db_statement(&store->db, "SELECT seq, header, salt, body FROM forked_op WHERE fork = ?1 ORDER BY seq", &s,
                     err));
    bind_int(s, 1, branch->id);
    for (uint64_t seq = branch->first_seq;; seq++) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return seq == branch->last_seq + 1 && memcmp(link, branch->last_link, SHA256_BYTES) == 0
                       ? receipts_check_end(&branch->author, receipts, err)
                       : wrong(&branch->author, seq, "a branch set aside does not end where it was left", err);
        }
        enum err_code rc = verify_forked(store, branch, s, seq, link, err);
        if (rc == ERR_OK) {
            rc = receipts_check_link(store, &branch->author, seq, link, receipts, err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static enum err_code verify_branches(struct store *store, struct receipts_check *receipts,
                                     struct store_verified *verified, struct error *err)
{
    struct branch branch = { 0 };
    for (;;) {
        sqlite3_stmt *s;
        bool row;
        TRY(db_statement(&store->db,
                         "SELECT f.id, w.device, w.incarnation, f.first_seq, f.last_seq, f.before_link, f.last_link, "
                         "f.signed_seq, f.signature, w.certificate, w.id FROM fork f JOIN author w ON w.id = f.author "
                         "WHERE f.id > ?1 ORDER BY f.id LIMIT 1",
                         &s, err));
        bind_int(s, 1, branch.id);
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = read_branch(s, &branch, err);
        sqlite3_reset(s);
        TRY(rc);
        TRY(verify_branch(store, &branch, receipts, err));
        verified->set_aside += branch.last_seq - branch.first_seq + 1;
    }
}

/* ---- the whole ---- */

static enum err_code read_authorities(struct store *store, struct buf *ca, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT ca FROM identity", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    struct slice kept = column_slice(s, 0);
    enum err_code rc = buf_append(ca, kept.data, kept.len, err);
    sqlite3_reset(s);
    return rc;
}

/* Chains and branches, with the centre's receipts for them. */
static enum err_code verify_log(struct store *store, struct store_verified *verified, struct error *err)
{
    SCOPED(buf_fini) struct buf ca;
    buf_init(&ca, AUTHORITIES_DER_MAX);
    TRY(read_authorities(store, &ca, err));
    struct receipts_check receipts = { .ca = buf_slice(&ca) };
    TRY(verify_authors(store, &receipts, verified, err));
    TRY(verify_branches(store, &receipts, verified, err));
    TRY(receipts_check_strays(store, err));
    verified->receipts = receipts.checked;
    return ERR_OK;
}

static enum err_code verify_pages(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "PRAGMA integrity_check(1)", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    char answer[200] = "";
    if (row) {
        column_text(s, 0, answer, sizeof(answer));
        sqlite3_reset(s);
    }
    return strcmp(answer, "ok") == 0 ? ERR_OK : FAIL(err, DAMAGED, "verify the replica: %s", answer);
}

static enum err_code count_quarantined(struct store *store, uint64_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT count(*) FROM op WHERE quarantine IS NOT NULL", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_count = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

/* The tree made again from the log: its root at the cursor, and at the size of the centre's newest checkpoint. */
static enum err_code verify_tree(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct merkle_range held;
    struct merkle_hash kept;
    struct merkle_hash made;
    TRY(db_statement(&store->db, "SELECT cursor, tree FROM sync_state", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    enum err_code rc = merkle_peaks_decode(row ? (uint64_t)column_int(s, 0) : 0,
                                           row ? column_slice(s, 1) : slice_of("", 0), &held, err);
    sqlite3_reset(s);
    TRY(rc);
    merkle_root(&held, &kept);
    TRY(tree_root_at(store, held.size, &made, err));
    if (memcmp(kept.bytes, made.bytes, MERKLE_HASH_BYTES) != 0) {
        return FAIL(err, HISTORY, "verify the order of the stream: its tree is not the one that was followed");
    }
    struct checkpoint checkpoint;
    bool known;
    TRY(checkpoint_held(store, &checkpoint, &known, err));
    if (!known || checkpoint.size > held.size) {
        return ERR_OK; /* none yet, or the stream is being read again */
    }
    TRY(tree_root_at(store, checkpoint.size, &made, err));
    return memcmp(checkpoint.root.bytes, made.bytes, MERKLE_HASH_BYTES) == 0
               ? ERR_OK
               : FAIL(err, HISTORY, "verify the centre's checkpoint: the records are not those that it signed");
}

static enum err_code verify_parts(struct store *view, struct store_verified *verified, struct error *err)
{
    TRY(verify_pages(view, err));
    TRY(verify_log(view, verified, err));
    TRY(verify_tree(view, err));
    TRY(count_quarantined(view, &verified->quarantined, err));
    return tables_verify(view, verified->digest, err);
}

/* Each op counts twice: in its chain, and in the tables. */
static enum err_code verify_view(struct store *view, struct store_verified *verified, struct error *err)
{
    struct store_progress *progress = view->progress;
    uint64_t ops;
    TRY(fold_count(view, &ops, err));
    atomic_store(&progress->done, 0);
    atomic_store(&progress->total, 2 * ops);
    enum err_code rc = verify_parts(view, verified, err);
    atomic_store(&progress->total, 0);
    atomic_store(&progress->done, 0);
    return rc;
}

enum err_code store_verify(struct store *store, struct store_verified *ret_verified, struct error *err)
{
    struct store_verified verified = { 0 };
    struct store_progress nobody_looks = { 0 };
    struct store *view = store;
    if (!store->is_view) {
        TRY(store_open_reader(store, &nobody_looks, &view, err));
    }
    enum err_code rc = verify_view(view, &verified, err);
    if (view != store) {
        store_close(view);
    }
    TRY(rc);
    *ret_verified = verified;
    return ERR_OK;
}
