/*
 * The centre's own records: a chain of its own in each site's stream, signed at every write.
 */
#include <string.h>

#include "store/centre/tables.h"

struct own_write {
    struct centre_store *store;
    const struct centre_site *site;
    const char *actor;
    int64_t now_ms;
    struct centre_author author;
    struct position_state state;
    struct error *err;
};

static enum err_code own_seed(struct own_write *w, uint64_t block, uint8_t ret_seed[OP_SEED_BYTES])
{
    bool found;
    TRY(seed_find(w->store, w->author.id, block, ret_seed, &found, w->err));
    if (found) {
        return ERR_OK;
    }
    TRY(random_bytes(ret_seed, OP_SEED_BYTES, w->err));
    return seed_add(w->store, w->author.id, block, ret_seed, w->err);
}

/* What is written stands over what was said of its subject before, also over what a clock far ahead has said. */
static enum err_code after_subject(struct own_write *w, struct op *op)
{
    uint64_t ahead;
    TRY(hlc_ahead_read(w->store, w->site, op, &ahead, w->err));
    if (ahead >= op->hlc) {
        op->hlc = ahead + 1;
        return hlc_ahead_keep(w->store, w->site, op, w->err);
    }
    return ERR_OK;
}

static enum err_code make_op(struct own_write *w, const struct centre_entry *entry, struct op *op)
{
    uint8_t seed[OP_SEED_BYTES];
    uint64_t physical = (uint64_t)w->now_ms << 16;
    w->state.newest_hlc = physical > w->state.newest_hlc ? physical : w->state.newest_hlc + 1;
    *op = (struct op){ .id = { .incarnation = w->author.incarnation, .seq = w->author.newest_seq + 1 },
                       .kind = entry->kind,
                       .subject_len = entry->record->kind->subject_len,
                       .actor = slice_of_text(w->actor),
                       .recorded_at_ms = w->now_ms,
                       .hlc = w->state.newest_hlc,
                       .happened_at_ms = OP_TIME_NONE };
    memcpy(op->id.device, w->author.device, DEVICE_ID_BYTES);
    memcpy(op->stream, w->site->stream, STREAM_ID_BYTES);
    memcpy(op->subject, entry->subject, op->subject_len);
    op->hlc = entry->after_hlc >= op->hlc ? entry->after_hlc + 1 : op->hlc;
    TRY(after_subject(w, op));
    TRY(record_check(entry->record, true, w->err));
    TRY(record_check_name(entry->record, w->err));
    buf_clear(&w->store->body);
    TRY(record_encode(entry->record, &w->store->body, w->err));
    op->body = buf_slice(&w->store->body);
    TRY(own_seed(w, op_salt_block(op->id.seq), seed));
    op_salt(seed, op->id.seq, op->salt);
    op_body_hash(op->salt, op->body, op->body_hash);
    return record_admit(op, WRITER_CENTRE, w->err);
}

/* What is written of its subject later comes after it, or it would be erased as it is written. */
static enum err_code erase(struct own_write *w, const struct op *op)
{
    struct erasure erasure;
    TRY(erasure_read(op, WRITER_CENTRE, &erasure, w->err));
    for (uint32_t kind = 1; op->hlc > w->state.newest_hlc && kind_by_number(kind) != NULL; kind++) {
        struct op next = *op;
        next.kind = kind;
        if (erasure_kind_covers(erasure.kind, kind)) {
            TRY(hlc_ahead_keep(w->store, w->site, &next, w->err));
        }
    }
    return centre_erasure_keep(w->store, w->site->id, op_row_id(w->site->id, w->state.head), &erasure, w->err);
}

static enum err_code write_entry(struct own_write *w, const struct centre_entry *entry)
{
    struct op op;
    TRY(make_op(w, entry, &op));
    buf_clear(&w->store->header);
    TRY(op_header_encode(&op, &w->store->header, w->err));
    struct slice header = buf_slice(&w->store->header);
    struct op_row row = { .op = &op, .header = header, .salted = true, .received_at_ms = w->now_ms };
    TRY(op_add(w->store, &w->author, &w->state, &row, w->err));
    op_link_next(w->author.newest_link, header, w->author.newest_link);
    w->author.newest_seq = op.id.seq;
    return op.kind == KIND_ERASURE ? erase(w, &op) : ERR_OK;
}

static enum err_code sign_newest(struct own_write *w, const struct device_key *key)
{
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    uint8_t signature[SIGNATURE_MAX];
    size_t len;
    struct op_id newest = { .incarnation = w->author.incarnation, .seq = w->author.newest_seq };
    memcpy(newest.device, w->author.device, DEVICE_ID_BYTES);
    op_link_message(w->site->stream, &newest, w->author.newest_link, message);
    TRY(device_key_sign(key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), signature, &len, w->err));
    return author_signed(w->store, &w->author, slice_of(signature, len), w->err);
}

/* One for each start of the program in which something is written. */
static enum err_code own_author(struct own_write *w, const uint8_t device[DEVICE_ID_BYTES])
{
    struct centre_store *store = w->store;
    while (!store->own_known) {
        uint8_t bytes[4];
        TRY(random_bytes(bytes, sizeof(bytes), w->err));
        TRY(author_find(store, w->site, device, get_be32(bytes), &w->author, w->err));
        store->own_incarnation = get_be32(bytes);
        store->own_known = w->author.id == 0 && store->own_incarnation != 0;
    }
    return author_find(store, w->site, device, store->own_incarnation, &w->author, w->err);
}

static enum err_code write_all(struct own_write *w, const struct device_key *key, struct slice certificate,
                               const struct centre_entry *entries, size_t count)
{
    uint8_t device[DEVICE_ID_BYTES];
    device_key_id(key, device);
    TRY(own_author(w, device));
    w->author.writer = WRITER_CENTRE;
    TRY(author_save(w->store, &w->author, certificate, w->err)); /* its number is needed for seeds */
    TRY(positions_read(w->store, w->site->id, &w->state, w->err));
    uint64_t first_seq = w->author.newest_seq + 1;
    uint64_t first_position = w->state.head + 1;
    for (size_t i = 0; i < count; i++) {
        TRY(write_entry(w, &entries[i]));
    }
    TRY(run_add(w->store, &w->author, first_seq, w->author.newest_seq, first_position, w->err));
    TRY(author_save(w->store, &w->author, certificate, w->err));
    TRY(sign_newest(w, key));
    return positions_save(w->store, w->site->id, &w->state, w->err);
}

enum err_code centre_write(struct centre_store *store, const struct centre_site *site, const struct device_key *key,
                           struct slice certificate, const char *actor, const struct centre_entry *entries,
                           size_t count, int64_t now_ms, struct op_id *ret_last, struct error *err)
{
    struct own_write w = { .store = store, .site = site, .actor = actor, .now_ms = now_ms, .err = err };
    size_t actor_len = strlen(actor);
    CHECK(count > 0);
    if (actor_len == 0 || actor_len > OP_ACTOR_MAX || now_ms < 0) {
        return FAIL(err, INVALID, "write a record: the actor's name has 1 to %d bytes", OP_ACTOR_MAX);
    }
    TRY(db_begin(&store->db, err));
    enum err_code rc = db_end(&store->db, write_all(&w, key, certificate, entries, count), err);
    TRY(rc);
    centre_erase_begin(store);
    *ret_last = (struct op_id){ .incarnation = w.author.incarnation, .seq = w.author.newest_seq };
    memcpy(ret_last->device, w.author.device, DEVICE_ID_BYTES);
    return ERR_OK;
}
