#include "chain_maker.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *err = &must_err_;                                                                                \
        cr_assert_eq((call), ERR_OK, "%s", must_err_.message);                                                         \
    } while (0)

void maker_init(struct chain_maker *maker, struct world *world, struct replica *author)
{
    *maker = (struct chain_maker){ .world = world, .author = author, .seed = "a seed of makers" };
    op_batch_init(&maker->ops);
    maker->hlc = (uint64_t)clock_wall_ms() << 16;
    op_link_first(world->stream, author->identity.device, author->identity.incarnation, maker->link);
}

void maker_fini(struct chain_maker *maker)
{
    op_batch_fini(&maker->ops);
}

/* Numbered, salted, and with its body or without. */
static struct op_id append(struct chain_maker *maker, struct op *op, bool erased)
{
    op->id.incarnation = maker->author->identity.incarnation;
    op->id.seq = maker->ops.count + 1;
    op_salt(maker->seed, op->id.seq, op->salt);
    op_body_hash(op->salt, op->body, op->body_hash);
    struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    MUST(op_header_encode(op, &header, err));
    op_link_next(maker->link, buf_slice(&header), maker->link);
    buf_fini(&header);
    if (erased) {
        op->erased = true;
        op->body = slice_of("", 0);
        memset(op->salt, 0, sizeof(op->salt));
    }
    MUST(op_batch_add(&maker->ops, op, err));
    return op->id;
}

struct op_id maker_again(struct chain_maker *maker, const struct op *op, bool erased)
{
    struct op again = *op;
    return append(maker, &again, erased);
}

struct op_id maker_add(struct chain_maker *maker, const struct store_entry *entry, const struct op_id *supersedes,
                       bool erased)
{
    struct buf body;
    buf_init(&body, OP_BODY_MAX);
    MUST(record_encode(&entry->record, &body, err));
    struct op op = { .kind = entry->kind,
                     .subject_len = entry->record.kind->subject_len,
                     .actor = slice_of_text("maker"),
                     .recorded_at_ms = clock_wall_ms(),
                     .hlc = maker->hlc++,
                     .happened_at_ms = OP_TIME_NONE,
                     .supersedes = supersedes,
                     .supersedes_count = supersedes != NULL,
                     .body = buf_slice(&body) };
    memcpy(op.id.device, maker->author->identity.device, DEVICE_ID_BYTES);
    memcpy(op.stream, maker->world->stream, STREAM_ID_BYTES);
    memcpy(op.subject, entry->subject, op.subject_len);
    struct op_id id = append(maker, &op, erased);
    buf_fini(&body);
    return id;
}

/* The link after the first `count` ops. */
static void link_after(const struct chain_maker *maker, size_t count, uint8_t link[SHA256_BYTES])
{
    struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    op_link_first(maker->world->stream, maker->author->identity.device, maker->author->identity.incarnation, link);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&header);
        MUST(op_header_encode(&maker->ops.ops[i], &header, err));
        op_link_next(link, buf_slice(&header), link);
    }
    buf_fini(&header);
}

enum err_code maker_carry(struct chain_maker *maker, size_t from, size_t to, struct replica *reader,
                          struct store_applied *ret_applied, struct error *err)
{
    uint8_t link[SHA256_BYTES];
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    const struct op_id *last = &maker->ops.ops[to - 1].id;
    struct store_run run = { .ops = { .ops = maker->ops.ops + from, .count = to - from },
                             .certificate = buf_slice(&maker->author->identity.certificate),
                             .signed_seq = last->seq };
    struct store_seed seed = { .block = op_salt_block(maker->ops.ops[from].id.seq) };
    memcpy(seed.seed, maker->seed, OP_SEED_BYTES);
    run.seeds = &seed;
    run.seed_count = maker->seeded;
    link_after(maker, to, link);
    op_link_message(maker->world->stream, last, link, message);
    MUST(device_key_sign(maker->author->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), run.signature,
                         &run.signature_len, err));
    struct store_exchange exchange = { .runs = &run, .run_count = 1, .received_at_ms = clock_wall_ms() };
    return store_apply(reader->store, &exchange, ret_applied, err);
}
