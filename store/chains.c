/*
 * This device's own chains: one for each incarnation that this copy of the replica has recorded under.
 *
 * New ops are made in one of them. It is retired, and a fresh one begun, when this copy turns out not to be the only
 * one that may record under it: it was restored from a backup, or the centre holds records of it that are not here. A
 * number is then never given twice, whichever copies of a disk are in use.
 */
#include <string.h>

#include "store/bundles.h"
#include "store/replica.h"

/* ---- finding them ---- */

static void chain_of_row(sqlite3_stmt *s, struct own_chain *chain)
{
    *chain = (struct own_chain){ .author = { .id = column_int(s, 0),
                                             .incarnation = (uint32_t)column_int(s, 2),
                                             .writer = WRITER_ORGANISATION,
                                             .newest_seq = (uint64_t)column_int(s, 3),
                                             .signed_seq = (uint64_t)column_int(s, 5) },
                                 .acked_seq = (uint64_t)column_int(s, 6),
                                 .asks = column_int(s, 7) != 0 };
    (void)column_fixed(s, 1, chain->author.device, DEVICE_ID_BYTES);
    (void)column_fixed(s, 4, chain->author.newest_link, SHA256_BYTES);
}

#define CHAIN_SELECT                                                                                                   \
    "SELECT w.id, w.device, w.incarnation, w.newest_seq, w.newest_link, w.signed_seq, c.acked_seq, c.asks "            \
    "FROM own_chain c JOIN author w ON w.id = c.author "

enum err_code chain_find(struct store *store, uint32_t incarnation, struct own_chain *ret_chain, bool *ret_found,
                         struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, CHAIN_SELECT "WHERE w.incarnation = ?1", &s, err));
    bind_int(s, 1, incarnation);
    TRY(db_step(&store->db, s, ret_found, err));
    if (*ret_found) {
        chain_of_row(s, ret_chain);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum err_code chain_named(struct store *store, uint32_t incarnation, struct own_chain *ret_chain,
                                 struct error *err)
{
    if (!store->enrolled) {
        return FAIL(err, NOT_ENROLLED, "find this device's records: this machine is not enrolled");
    }
    bool found;
    TRY(chain_find(store, incarnation, ret_chain, &found, err));
    return found ? ERR_OK
                 : FAIL(err, NOT_FOUND, "find this device's incarnation %u: it is not of this copy", incarnation);
}

/* ---- state of the exchange ---- */

static enum err_code recorded_at(struct store *store, int64_t key, int64_t *ret_at_ms, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    struct op op;
    struct op_id unused[OP_SUPERSEDES_MAX];
    enum err_code rc = op_header_decode(column_slice(s, 0), &op, unused, err);
    sqlite3_reset(s);
    if (rc == ERR_OK) {
        *ret_at_ms = op.recorded_at_ms;
    }
    return rc;
}

static bool is_pending(const struct own_chain *chain)
{
    return chain->author.newest_seq > chain->acked_seq;
}

/*
 * What is exchanged next: the oldest chain with something to send, so that a chain's records reach the centre before
 * those that correct them; else one to be compared; else the newest in which something was recorded.
 */
static bool comes_before(const struct own_chain *chain, const struct own_chain *chosen)
{
    if (chosen->author.id == 0 || is_pending(chosen) != is_pending(chain)) {
        return chosen->author.id == 0 || is_pending(chain);
    }
    if (is_pending(chain) || chosen->asks != chain->asks) {
        return !is_pending(chain) && chain->asks;
    }
    return chain->author.newest_seq > 0 || chosen->author.newest_seq == 0;
}

static enum err_code choose_chain(struct store *store, struct own_chain *chosen, uint64_t *ret_pending,
                                  struct error *err)
{
    sqlite3_stmt *s;
    *chosen = (struct own_chain){ 0 };
    *ret_pending = 0;
    TRY(db_statement(&store->db, CHAIN_SELECT "ORDER BY w.id", &s, err));
    for (;;) {
        struct own_chain chain;
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        chain_of_row(s, &chain);
        *ret_pending += is_pending(&chain) ? chain.author.newest_seq - chain.acked_seq : 0;
        if (comes_before(&chain, chosen)) {
            *chosen = chain;
        }
    }
}

static enum err_code read_state(struct store *store, struct store_sync *sync, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT cursor, clock_offset, read_to_end FROM sync_state", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, DAMAGED, "read the state of the exchange: it is missing");
    }
    *sync = (struct store_sync){ .cursor = (uint64_t)column_int(s, 0),
                                 .oldest_pending_ms = OP_TIME_NONE,
                                 .clock_known = sqlite3_column_type(s, 1) != SQLITE_NULL,
                                 .clock_offset_ms = column_int_or(s, 1, 0),
                                 .read_to_end = column_int(s, 2) != 0 };
    sqlite3_reset(s);
    struct checkpoint held;
    TRY(checkpoint_held(store, &held, &sync->verified_known, err));
    sync->verified_size = held.size;
    sync->verified_root = held.root;
    return ERR_OK;
}

enum err_code store_sync_read(struct store *store, struct store_sync *ret_sync, struct error *err)
{
    struct store_sync sync;
    struct own_chain chain;
    TRY(read_state(store, &sync, err));
    TRY(choose_chain(store, &chain, &sync.pending_ops, err));
    TRY(owed_count(store, &sync.owed_ops, err));
    sync.recording = store->self.incarnation;
    sync.incarnation = chain.author.incarnation;
    sync.newest_seq = chain.author.newest_seq;
    sync.acked_seq = chain.acked_seq;
    sync.asks = chain.asks;
    if (is_pending(&chain)) {
        TRY(recorded_at(store, op_key(chain.author.id, chain.acked_seq + 1), &sync.oldest_pending_ms, err));
    }
    *ret_sync = sync;
    return ERR_OK;
}

enum err_code store_chain_read(struct store *store, uint32_t incarnation, uint64_t *ret_newest_seq,
                               uint64_t *ret_acked_seq, struct error *err)
{
    struct own_chain chain;
    TRY(chain_named(store, incarnation, &chain, err));
    *ret_newest_seq = chain.author.newest_seq;
    *ret_acked_seq = chain.acked_seq;
    return ERR_OK;
}

enum err_code store_chains_due(struct store *store, struct store_chain *ret_chains, size_t max, size_t *ret_count,
                               struct error *err)
{
    sqlite3_stmt *s;
    size_t count = 0;
    bool row = true;
    TRY(db_statement(&store->db,
                     CHAIN_SELECT "WHERE w.newest_seq > c.acked_seq OR c.asks OR w.id = ?1 ORDER BY w.id LIMIT ?2", &s,
                     err));
    bind_int(s, 1, store->self.id);
    bind_int(s, 2, (int64_t)max);
    while (row) {
        TRY(db_step(&store->db, s, &row, err));
        if (row) {
            struct own_chain chain;
            chain_of_row(s, &chain);
            ret_chains[count++] = (struct store_chain){ .incarnation = chain.author.incarnation,
                                                        .newest_seq = chain.author.newest_seq,
                                                        .acked_seq = chain.acked_seq,
                                                        .asks = chain.asks };
        }
    }
    *ret_count = count;
    return ERR_OK;
}

/* ---- their ops, for sending ---- */

enum err_code store_own_ops(struct store *store, uint32_t incarnation, uint64_t after_seq, size_t max_ops,
                            size_t max_bytes, struct op_batch *out, struct error *err)
{
    struct own_chain chain;
    sqlite3_stmt *s;
    TRY(chain_named(store, incarnation, &chain, err));
    TRY(db_statement(&store->db, "SELECT id, header, salt, body FROM op WHERE id > ?1 AND id <= ?2 ORDER BY id", &s,
                     err));
    bind_int(s, 1, op_key(chain.author.id, after_seq));
    bind_int(s, 2, op_key(chain.author.id, OP_SEQ_MAX));
    size_t bytes = 0;
    bool row = true;
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && out->count < max_ops && out->count < OP_BATCH_OPS_MAX && bytes < max_bytes) {
        rc = db_step(&store->db, s, &row, err);
        if (rc != ERR_OK || !row) {
            break;
        }
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        rc = oplog_row(store, s, 1, column_int(s, 0), &op, supersedes, err);
        bytes += column_slice(s, 1).len + column_slice(s, 3).len;
        if (rc == ERR_OK) {
            rc = op_batch_add(out, &op, err);
        }
        if (rc == ERR_LIMIT && out->count > 0) {
            rc = ERR_OK; /* the batch is full by bytes: the rest goes with the next */
            break;
        }
    }
    sqlite3_reset(s);
    return rc;
}

/* ---- links ---- */

/* Hashes the headers after `from` up to `to` onto `link`. */
static enum err_code extend_link(struct store *store, int64_t author, uint64_t from, uint64_t to,
                                 uint8_t link[SHA256_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id > ?1 AND id <= ?2 ORDER BY id", &s, err));
    bind_int(s, 1, op_key(author, from));
    bind_int(s, 2, op_key(author, to));
    for (uint64_t seq = from; seq < to; seq++) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return oplog_damaged(op_key(author, seq + 1), err);
        }
        op_link_next(link, column_slice(s, 0), link);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

/* The nearest link at or before `seq` that is known without hashing: the last asked for, the acknowledged one, the
 * first. */
static enum err_code nearest_link(struct store *store, const struct author *author, uint64_t seq, uint64_t *ret_from,
                                  uint8_t link[SHA256_BYTES], struct error *err)
{
    const struct known_link *known = &store->known_link;
    if (known->author == author->id && known->seq <= seq) {
        *ret_from = known->seq;
        memcpy(link, known->link, SHA256_BYTES);
        return ERR_OK;
    }
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT acked_seq, acked_link FROM own_chain WHERE author = ?1 AND acked_seq <= ?2",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)seq);
    TRY(db_step(&store->db, s, &row, err));
    if (row && column_fixed(s, 1, link, SHA256_BYTES)) {
        *ret_from = (uint64_t)column_int(s, 0);
    } else {
        *ret_from = 0;
        op_link_first(store->stream, author->device, author->incarnation, link);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code chain_link(struct store *store, const struct author *author, uint64_t seq, uint8_t ret_link[SHA256_BYTES],
                         struct error *err)
{
    uint8_t link[SHA256_BYTES];
    uint64_t from;
    TRY(nearest_link(store, author, seq, &from, link, err));
    TRY(extend_link(store, author->id, from, seq, link, err));
    store->known_link = (struct known_link){ .author = author->id, .seq = seq };
    memcpy(store->known_link.link, link, SHA256_BYTES);
    memcpy(ret_link, link, SHA256_BYTES);
    return ERR_OK;
}

enum err_code store_own_link(struct store *store, uint32_t incarnation, uint64_t seq, uint8_t ret_link[SHA256_BYTES],
                             struct error *err)
{
    struct own_chain chain;
    TRY(chain_named(store, incarnation, &chain, err));
    if (seq > chain.author.newest_seq) {
        return FAIL(err, NOT_FOUND, "find link %llu: the newest is %llu", (unsigned long long)seq,
                    (unsigned long long)chain.author.newest_seq);
    }
    return chain_link(store, &chain.author, seq, ret_link, err);
}

/* ---- what the centre holds of them ---- */

enum err_code chain_acked(struct store *store, const struct author *author, const struct store_receipt *receipt,
                          struct error *err)
{
    uint64_t acked = receipt->acked_seq < author->newest_seq ? receipt->acked_seq : author->newest_seq;
    uint8_t link[SHA256_BYTES];
    TRY(chain_link(store, author, acked, link, err));
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE own_chain SET acked_seq = ?2, acked_link = ?3, asks = 0 WHERE author = ?1", &s,
                     err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)acked);
    bind_blob(s, 3, link, SHA256_BYTES);
    TRY(db_run(&store->db, s, err));
    bool of_it = receipt->signature_len > 0 && acked > 0 && acked == receipt->acked_seq;
    return of_it ? receipt_keep(store, author, receipt, err) : ERR_OK;
}

enum err_code chains_ask(struct store *store, struct error *err)
{
    TRY(db_exec(&store->db,
                "UPDATE author SET centre_seq = 0; DELETE FROM declined; UPDATE sync_state SET read_to_end = 0", err));
    return db_exec(&store->db,
                   "UPDATE own_chain SET asks = 1 WHERE author IN (SELECT id FROM author WHERE newest_seq > 0)", err);
}

/* ---- a fresh one ---- */

static enum err_code add_chain(struct store *store, struct author *author, struct slice certificate, struct error *err)
{
    sqlite3_stmt *s;
    bool held;
    TRY(oplog_author_find(store, author->device, author->incarnation, author, &held, err));
    if (!held) {
        TRY(oplog_author_add(store, author, certificate, err));
    }
    TRY(db_statement(&store->db, "INSERT INTO own_chain VALUES (?1, 0, NULL, 0)", &s, err));
    bind_int(s, 1, author->id);
    return db_run(&store->db, s, err);
}

enum err_code chain_ensure(struct store *store, struct author *author, struct slice certificate, struct error *err)
{
    struct own_chain chain;
    bool found;
    TRY(chain_find(store, author->incarnation, &chain, &found, err));
    if (!found) {
        return add_chain(store, author, certificate, err);
    }
    *author = chain.author;
    return ERR_OK;
}

/* Of this device, and of nobody yet as far as this copy knows: drawn, so that two copies do not come to the same. */
static enum err_code draw_incarnation(struct store *store, uint32_t *ret_incarnation, struct error *err)
{
    for (;;) {
        uint8_t bytes[4];
        struct author unused;
        bool taken;
        TRY(random_bytes(bytes, sizeof(bytes), err));
        TRY(oplog_author_find(store, store->self.device, get_be32(bytes), &unused, &taken, err));
        if (!taken && get_be32(bytes) != 0) {
            *ret_incarnation = get_be32(bytes);
            return ERR_OK;
        }
    }
}

static enum err_code own_certificate(struct store *store, struct buf *out, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT certificate FROM identity", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_ENROLLED, "begin a chain: this machine is not enrolled");
    }
    struct slice certificate = column_slice(s, 0);
    enum err_code rc = buf_append(out, certificate.data, certificate.len, err);
    sqlite3_reset(s);
    return rc;
}

enum err_code chain_derived(struct store *store, uint32_t incarnation, struct author *ret_author, struct error *err)
{
    SCOPED(buf_fini) struct buf certificate;
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    struct author author = { .incarnation = incarnation, .writer = WRITER_ORGANISATION };
    memcpy(author.device, store->self.device, DEVICE_ID_BYTES);
    TRY(own_certificate(store, &certificate, err));
    TRY(chain_ensure(store, &author, buf_slice(&certificate), err));
    *ret_author = author;
    return ERR_OK;
}

enum err_code chain_fresh(struct store *store, struct author *ret_author, struct error *err)
{
    uint32_t incarnation;
    TRY(draw_incarnation(store, &incarnation, err));
    return chain_derived(store, incarnation, ret_author, err);
}

enum err_code chain_begin(struct store *store, struct error *err)
{
    struct author author;
    TRY(chain_fresh(store, &author, err));
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE identity SET incarnation = ?1", &s, err));
    bind_int(s, 1, author.incarnation);
    TRY(db_run(&store->db, s, err));
    store->self = author;
    return ERR_OK;
}
