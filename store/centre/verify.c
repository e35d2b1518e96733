/*
 * The proof that nothing was altered: every author's chain from its first record to its newest signed link, and the
 * tree over all of them in the order of their positions, which no chain tells.
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

/* An author, and how far its chain has been followed. */
struct chain {
    struct centre_author author; /* as its row says */
    struct certificate certificate;
    uint64_t seq;
    uint8_t link[SHA256_BYTES];
    uint64_t seed_block;
    bool seed_known;
    uint8_t seed[OP_SEED_BYTES];
    uint64_t signed_seq;
};

struct verifying {
    struct centre_store *store;
    const struct centre_site *site;
    struct slice ca;
    struct chain *chains;
    size_t chain_count;
    struct merkle_range tree; /* of the rows of the site met */
    struct centre_verified *verified;
    struct error *err;
};

static enum err_code wrong(const struct verifying *v, const struct chain *chain, uint64_t seq, const char *what)
{
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(chain->author.device, DEVICE_ID_BYTES, device);
    return FAIL(v->err, HISTORY, "verify record %llu of device %.8s at '%s': %s", (unsigned long long)seq, device,
                v->site->name, what);
}

/* ---- authors ---- */

static void author_read(sqlite3_stmt *s, void *row)
{
    struct chain *chain = row;
    chain->author.id = column_int(s, 0);
    (void)column_fixed(s, 1, chain->author.device, DEVICE_ID_BYTES);
    chain->author.incarnation = (uint32_t)column_int(s, 2);
    chain->author.writer = (enum record_writer)column_int(s, 3);
    chain->author.newest_seq = (uint64_t)column_int(s, 4);
    (void)column_fixed(s, 5, chain->author.newest_link, SHA256_BYTES);
}

static enum err_code check_certificate(struct verifying *v, struct chain *chain)
{
    sqlite3_stmt *s;
    bool row;
    struct certificate *certificate = &chain->certificate;
    TRY(db_statement(&v->store->db, "SELECT certificate FROM author WHERE id = ?1", &s, v->err));
    bind_int(s, 1, chain->author.id);
    TRY(db_step(&v->store->db, s, &row, v->err));
    enum err_code rc = row ? certificate_verify(column_slice(s, 0), v->ca, -1, certificate, v->err)
                           : FAIL(v->err, DAMAGED, "find the certificate of an author");
    sqlite3_reset(s);
    if (rc != ERR_OK) {
        return error_wrap(v->err, ERR_HISTORY, "verify the certificate of an author");
    }
    enum certificate_role role =
        chain->author.writer == WRITER_CENTRE ? CERTIFICATE_ROLE_CENTRE : CERTIFICATE_ROLE_AGENT;
    bool ours = role == CERTIFICATE_ROLE_CENTRE;
    for (size_t i = 0; i < certificate->stream_count; i++) {
        ours |= memcmp(certificate->streams[i], v->site->stream, STREAM_ID_BYTES) == 0;
    }
    return ours && certificate->role == role && memcmp(certificate->device, chain->author.device, DEVICE_ID_BYTES) == 0
               ? ERR_OK
               : wrong(v, chain, 0, "its certificate is not for this device and site");
}

static enum err_code load_chains(struct verifying *v)
{
    sqlite3_stmt *s;
    void *rows = NULL;
    TRY(db_statement(&v->store->db,
                     "SELECT id, device, incarnation, writer, newest_seq, newest_link FROM author WHERE site = ?1 "
                     "ORDER BY id",
                     &s, v->err));
    bind_int(s, 1, v->site->id);
    TRY(centre_rows(&v->store->db, s, sizeof(*v->chains), author_read, &rows, &v->chain_count, v->err));
    v->chains = rows;
    for (size_t i = 0; i < v->chain_count; i++) {
        struct chain *chain = &v->chains[i];
        op_link_first(v->site->stream, chain->author.device, chain->author.incarnation, chain->link);
        TRY(check_certificate(v, chain));
    }
    v->verified->authors += v->chain_count;
    return ERR_OK;
}

static struct chain *chain_of(const struct verifying *v, int64_t author)
{
    for (size_t i = 0; i < v->chain_count; i++) {
        if (v->chains[i].author.id == author) {
            return &v->chains[i];
        }
    }
    return NULL;
}

/* ---- one op ---- */

static enum err_code find_salt(struct verifying *v, struct chain *chain, struct op *op)
{
    uint64_t block = op_salt_block(op->id.seq);
    if (!chain->seed_known || chain->seed_block != block) {
        TRY(seed_find(v->store, chain->author.id, block, chain->seed, &chain->seed_known, v->err));
        chain->seed_block = block;
    }
    if (!chain->seed_known) {
        return wrong(v, chain, op->id.seq, "the seed of its salt is missing");
    }
    op_salt(chain->seed, op->id.seq, op->salt);
    return ERR_OK;
}

static enum err_code check_signature(struct verifying *v, struct chain *chain)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&v->store->db, "SELECT signature FROM signed_link WHERE author = ?1 AND seq = ?2", &s, v->err));
    bind_int(s, 1, chain->author.id);
    bind_int(s, 2, (int64_t)chain->seq);
    TRY(db_step(&v->store->db, s, &row, v->err));
    if (!row) {
        return ERR_OK;
    }
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    struct op_id newest = { .incarnation = chain->author.incarnation, .seq = chain->seq };
    memcpy(newest.device, chain->author.device, DEVICE_ID_BYTES);
    op_link_message(v->site->stream, &newest, chain->link, message);
    const struct certificate *certificate = &chain->certificate;
    enum err_code rc = signature_verify(slice_of(certificate->public_key, certificate->public_key_len), OP_LINK_CONTEXT,
                                        slice_of(message, sizeof(message)), column_slice(s, 0), v->err);
    sqlite3_reset(s);
    if (rc != ERR_OK) {
        return wrong(v, chain, chain->seq, "its device's signature does not fit");
    }
    chain->signed_seq = chain->seq;
    v->verified->signatures++;
    return ERR_OK;
}

static enum err_code check_op(struct verifying *v, sqlite3_stmt *s)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    bool salted;
    uint8_t hash[SHA256_BYTES];
    struct merkle_hash leaf;
    struct chain *chain = chain_of(v, column_int(s, 1));
    if (chain == NULL || op_row_position(column_int(s, 0)) != v->tree.size + 1) {
        return FAIL(v->err, HISTORY, "verify '%s': position %llu is missing or nobody's", v->site->name,
                    (unsigned long long)v->tree.size + 1);
    }
    TRY(op_read(s, &op, supersedes, &salted, v->err));
    if (memcmp(op.stream, v->site->stream, STREAM_ID_BYTES) != 0 ||
        memcmp(op.id.device, chain->author.device, DEVICE_ID_BYTES) != 0 ||
        op.id.incarnation != chain->author.incarnation || op.id.seq != chain->seq + 1) {
        return wrong(v, chain, op.id.seq, "it is not what comes next");
    }
    if (!op.erased) {
        if (salted) {
            TRY(find_salt(v, chain, &op));
        }
        op_body_hash(op.salt, op.body, hash);
        if (memcmp(hash, op.body_hash, SHA256_BYTES) != 0) {
            return wrong(v, chain, op.id.seq, "its content was altered");
        }
    }
    op_link_next(chain->link, column_slice(s, 3), chain->link);
    merkle_leaf(column_slice(s, 3), &leaf);
    TRY(merkle_append(&v->tree, &leaf, NULL, NULL, v->err));
    chain->seq = op.id.seq;
    v->verified->ops++;
    v->verified->quarantined += sqlite3_column_type(s, 6) != SQLITE_NULL;
    return check_signature(v, chain);
}

/* ---- one site ---- */

static enum err_code check_ends(struct verifying *v)
{
    for (size_t i = 0; i < v->chain_count; i++) {
        const struct chain *chain = &v->chains[i];
        if (chain->seq != chain->author.newest_seq ||
            memcmp(chain->link, chain->author.newest_link, SHA256_BYTES) != 0) {
            return wrong(v, chain, chain->author.newest_seq, "the chain does not end where it should");
        }
        if (chain->signed_seq != chain->seq) {
            return wrong(v, chain, chain->seq, "no signature covers it");
        }
        v->verified->signed_ops += chain->signed_seq;
    }
    return v->tree.size == v->site->head
               ? ERR_OK
               : FAIL(v->err, HISTORY, "verify '%s': it ends at position %llu, not at %llu", v->site->name,
                      (unsigned long long)v->tree.size, (unsigned long long)v->site->head);
}

/* Is the tree that checkpoints are signed over the log's? */
static enum err_code check_tree(struct verifying *v)
{
    struct merkle_range kept;
    struct merkle_hash roots[2];
    enum err_code rc = centre_tree(v->store, v->site, &kept, v->err);
    if (rc != ERR_OK) {
        return error_wrap(v->err, rc, "verify '%s': read its tree", v->site->name);
    }
    merkle_root(&v->tree, &roots[0]);
    merkle_root(&kept, &roots[1]);
    if (kept.size != v->tree.size || memcmp(&roots[0], &roots[1], sizeof(roots[0])) != 0) {
        return FAIL(v->err, HISTORY,
                    "verify '%s': its tree is not that of its log: records were put in another order, or some were "
                    "taken away",
                    v->site->name);
    }
    return ERR_OK;
}

static enum err_code check_ops(struct verifying *v)
{
    sqlite3_stmt *s;
    TRY(db_statement(&v->store->db, "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 ORDER BY o.id", &s,
                     v->err));
    bind_int(s, 1, op_row_id(v->site->id, 0));
    bind_int(s, 2, op_row_id(v->site->id + 1, 0));
    for (;;) {
        bool row;
        TRY(db_step(&v->store->db, s, &row, v->err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = check_op(v, s);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static enum err_code verify_site(struct verifying *v)
{
    enum err_code rc = load_chains(v);
    rc = rc != ERR_OK ? rc : check_ops(v);
    rc = rc != ERR_OK ? rc : check_ends(v);
    rc = rc != ERR_OK ? rc : check_tree(v);
    free(v->chains);
    return rc;
}

static enum err_code check_file(struct centre_store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "PRAGMA integrity_check(1)", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    bool whole = row && slice_equal(column_slice(s, 0), slice_of_text("ok"));
    sqlite3_reset(s);
    return whole ? ERR_OK : FAIL(err, DAMAGED, "verify the centre's database: the file fails SQLite's own check");
}

static enum err_code count_incidents(struct centre_store *store, uint64_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT count(*) FROM incident", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_count = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code centre_verify(struct centre_store *store, struct slice ca, const struct centre_verify_told *told,
                            struct centre_verified *ret_verified, struct error *err)
{
    struct centre_verified verified = { 0 };
    struct centre_site *sites = NULL;
    size_t count = 0;
    TRY(check_file(store, err));
    TRY(count_incidents(store, &verified.incidents, err));
    TRY(centre_sites(store, &sites, &count, err));
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        struct verifying v = { .store = store, .site = &sites[i], .ca = ca, .verified = &verified, .err = err };
        rc = verify_site(&v);
        if (rc == ERR_OK && told != NULL) {
            rc = told->site(told->context, &sites[i], &v.tree, err);
        }
    }
    verified.sites = count;
    free(sites);
    if (rc == ERR_OK) {
        *ret_verified = verified;
    }
    return rc;
}
