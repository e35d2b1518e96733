/*
 * A centre that does not say what it holds: the honest answer is made first, then changed on its way out.
 *
 * Whatever it says, nothing may be taken in that nobody signed, nothing of its own may be lost to an agent, and once
 * the centre is honest again all must be well, also where records of others were kept from an agent: what it was given
 * is not what the centre signs.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"
#include "store/tree.h"
#include "sync/endpoint/core/private.h"
#include "tests/sim/forger.h"
#include "tests/sim/template.h"

struct lie {
    struct world *world;
    struct agent *agent;
    struct exchange_response response;
    struct buf changed; /* a segment made anew; borrowed by the response */
    struct buf whole;   /* instead of the response, when not empty */
    bool misleads;      /* nothing of it may be taken */
};

/* Answers given before, to whom. */
enum { PAST = 12 };
static struct {
    struct buf bytes;
    unsigned agent;
} past[PAST];
static size_t past_count;

void liar_forget(void)
{
    for (size_t i = 0; i < PAST; i++) {
        buf_fini(&past[i].bytes);
    }
    past_count = 0;
}

static void remember(const struct agent *agent, const struct message *answer)
{
    size_t at = past_count++ % PAST;
    buf_fini(&past[at].bytes);
    buf_init(&past[at].bytes, EXCHANGE_RESPONSE_MAX);
    MUST(buf_append(&past[at].bytes, answer->bytes.data, answer->bytes.len, must));
    past[at].agent = agent->number;
}

static size_t any_segment(struct lie *lie)
{
    return chance_below(&lie->world->chance, (uint32_t)lie->response.segment_count);
}

/* ---- records of others ---- */

static void lie_withhold(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    if (response->segment_count > 0) {
        size_t at = any_segment(lie);
        response->segment_count--;
        memmove(&response->segments[at], &response->segments[at + 1],
                (response->segment_count - at) * sizeof(response->segments[0]));
        lie->misleads = true;
    }
}

static void lie_reorder(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    for (size_t i = 0; i < response->segment_count / 2; i++) {
        struct slice kept = response->segments[i];
        response->segments[i] = response->segments[response->segment_count - 1 - i];
        response->segments[response->segment_count - 1 - i] = kept;
    }
}

static void lie_double(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    if (response->segment_count > 0 && response->segment_count < EXCHANGE_SEGMENTS_MAX) {
        response->segments[response->segment_count] = response->segments[any_segment(lie)];
        response->segment_count++;
        lie->misleads = true;
    }
}

/* One record says something else, everything else is as it was. */
static void lie_rewrite(struct lie *lie)
{
    struct segment segment;
    struct exchange_response *response = &lie->response;
    if (response->segment_count == 0) {
        return;
    }
    struct slice *bytes = &response->segments[any_segment(lie)];
    MUST(segment_decode(*bytes, lie->agent->site->stream, &segment, must));
    struct store_run *run = &segment.run;
    struct op *op = &run->ops.ops[chance_below(&lie->world->chance, (uint32_t)run->ops.count)];
    SCOPED(buf_fini) struct buf body;
    buf_init(&body, OP_BODY_MAX);
    switch (chance_below(&lie->world->chance, 4)) {
    case 0:
        op->recorded_at_ms += 60000;
        break;
    case 1:
        op->actor = slice_of_text("somebody else");
        break;
    case 2:
        op->subject[0] ^= 1;
        break;
    default:
        MUST(buf_append(&body, op->body.data, op->body.len, must));
        if (body.len > 0) {
            body.data[body.len - 1] ^= 1;
        }
        op->body = buf_slice(&body);
        break;
    }
    struct segment_signature signature = { .seq = run->signed_seq, .len = run->signature_len };
    memcpy(signature.bytes, run->signature, sizeof(signature.bytes));
    MUST(segment_encode(&run->ops, run->seeds, run->seed_count, &signature, run->certificate, &lie->changed, must));
    *bytes = buf_slice(&lie->changed);
    segment_fini(&segment);
    lie->misleads = true;
}

static void lie_bend(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    if (response->segment_count == 0) {
        return;
    }
    struct slice *bytes = &response->segments[any_segment(lie)];
    MUST(buf_append(&lie->changed, bytes->data, bytes->len, must));
    size_t at = chance_below(&lie->world->chance, (uint32_t)bytes->len);
    chance_bytes(&lie->world->chance, lie->changed.data + at, bytes->len - at < 2 ? bytes->len - at : 2);
    *bytes = buf_slice(&lie->changed);
}

/* A device that this authority never enrolled, with all its papers. */
static void lie_stranger(struct lie *lie)
{
    struct world *world = lie->world;
    struct forger *forger = world->forger;
    struct forger kept = *forger;
    struct forgery forgery;
    bool own_papers = chance_percent(&world->chance, 50);
    forger->newest = (struct op_id){ .incarnation = 9 };
    memcpy(forger->newest.device, template.outsider.device, DEVICE_ID_BYTES);
    op_link_first(world->sites[GARDEN].stream, forger->newest.device, 9, forger->link);
    forgery_make(world, 2, make_honest, &forgery);
    forgery_sign(world, template.outsider.key, &forgery);
    MUST(segment_encode(&forgery.ops, NULL, 0, &forgery.signature,
                        buf_slice(own_papers ? &template.outsider.certificate : &template.insider.certificate),
                        &lie->changed, must));
    forgery_fini(&forgery);
    *forger = kept;
    if (lie->response.segment_count < EXCHANGE_SEGMENTS_MAX) {
        lie->response.segments[lie->response.segment_count++] = buf_slice(&lie->changed);
        lie->misleads = true;
    }
}

static void lie_bomb(struct lie *lie)
{
    segment_bomb(lie->world, template.insider.device, &lie->changed);
    lie->response.segments[0] = buf_slice(&lie->changed);
    lie->response.segment_count = lie->response.segment_count > 0 ? lie->response.segment_count : 1;
    lie->misleads = true;
}

/* ---- the signed history ---- */

static void lie_order(struct lie *lie)
{
    struct slice *order = &lie->response.order;
    if (order->len > 0) {
        order->len = 2 * (size_t)chance_below(&lie->world->chance, (uint32_t)order->len / 2);
        lie->misleads = true;
    }
}

static void sign_checkpoint(struct lie *lie)
{
    char origin[TREE_ORIGIN_SIZE];
    tree_origin(lie->agent->site->stream, origin);
    MUST(checkpoint_sign(&lie->world->host.centre->checkpoint_key, origin, &lie->response.checkpoint, must));
}

/* Not signed for this, or signed for others: the same size, another history. */
static void lie_checkpoint(struct lie *lie)
{
    struct checkpoint *checkpoint = &lie->response.checkpoint;
    if (!lie->response.checkpoint_known || lie->world->host.centre == NULL) {
        return;
    }
    if (chance_percent(&lie->world->chance, 50)) {
        checkpoint->root.bytes[chance_below(&lie->world->chance, MERKLE_HASH_BYTES)] ^= 1;
        sign_checkpoint(lie);
    } else {
        checkpoint->signature[chance_below(&lie->world->chance, CHECKPOINT_SIGNATURE_BYTES)] ^= 1;
    }
    lie->misleads = true;
}

static void lie_unsigned(struct lie *lie)
{
    lie->misleads = lie->response.checkpoint_known;
    lie->response.checkpoint_known = false;
}

/* The tree of the agent's own making, and what of its own is named by the order; false: not this time. */
static bool tree_of_its_own(struct lie *lie, uint64_t own, struct merkle_range *ret_tree)
{
    struct agent *agent = lie->agent;
    struct op_batch ops;
    SCOPED(buf_fini) struct buf header;
    struct store_sync sync;
    sqlite3_stmt *s;
    bool row;
    MUST(store_sync_read(agent->store, &sync, must));
    if (lie->response.acked_seq < own || own > EXCHANGE_OPS_MAX) {
        return false;
    }
    MUST(db_statement(&agent->store->db, "SELECT cursor, tree FROM sync_state", &s, must));
    MUST(db_step(&agent->store->db, s, &row, must));
    MUST(merkle_peaks_decode((uint64_t)column_int(s, 0), column_slice(s, 1), ret_tree, must));
    sqlite3_reset(s);
    op_batch_init(&ops);
    buf_init(&header, OP_HEADER_MAX);
    MUST(store_own_ops(agent->store, sync.incarnation, lie->response.acked_seq - own, own + (own == 0),
                       OP_BATCH_BYTES_MAX, &ops, must));
    bool all = ops.count >= own;
    for (size_t i = 0; all && i < own; i++) {
        struct merkle_hash leaf;
        buf_clear(&header);
        MUST(op_header_encode(&ops.ops[i], &header, must));
        merkle_leaf(buf_slice(&header), &leaf);
        MUST(merkle_append(ret_tree, &leaf, NULL, NULL, must));
    }
    op_batch_fini(&ops);
    return all;
}

static uint64_t own_in_order(const struct lie *lie)
{
    struct store_order *order;
    size_t count;
    uint64_t own = 0;
    MUST(exchange_order_decode(lie->response.order, &order, &count, must));
    for (size_t i = 0; i < count; i++) {
        own += order[i].run == STORE_ORDER_OWN ? order[i].count : 0;
    }
    free(order);
    return own;
}

/* A history for this agent alone, without what the others said. It holds together, so it is taken, for now. False: not
 * this time. */
static bool split(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    struct merkle_range tree;
    uint64_t own = own_in_order(lie);
    if (lie->world->host.centre == NULL || lie->agent->store == NULL || lie->agent->disk.dead ||
        disk_troubled(&lie->agent->disk) || response->segment_count == 0 || response->more ||
        !tree_of_its_own(lie, own, &tree)) {
        return false;
    }
    struct store_order order = { .run = STORE_ORDER_OWN, .count = (uint32_t)own };
    MUST(exchange_order_encode(&order, own > 0, &lie->changed, must));
    response->order = buf_slice(&lie->changed);
    response->segment_count = 0;
    response->cursor = tree.size;
    response->head = tree.size;
    response->checkpoint_known = true;
    response->checkpoint.size = tree.size;
    merkle_root(&tree, &response->checkpoint.root);
    sign_checkpoint(lie);
    lie->agent->marks |= MARK_LIED_TO;
    return true;
}

static void lie_split(struct lie *lie)
{
    (void)split(lie);
}

/* As somebody has it told: of its own alone, once there is something of its own and of others. With more to come what
 * is signed is the whole, so that nobody can compare yet. */
static void lie_as_told(struct lie *lie)
{
    struct misled *misled = &lie->world->host.misled;
    struct checkpoint checkpoint = lie->response.checkpoint;
    uint64_t head = lie->response.head;
    if (own_in_order(lie) == 0 || !split(lie)) {
        return;
    }
    misled->due = false;
    if (misled->more) {
        lie->response.more = true;
        lie->response.head = head;
        lie->response.checkpoint = checkpoint;
    }
}

/* ---- numbers ---- */

static void lie_cursor(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    uint64_t by = 1 + chance_below(&lie->world->chance, 8);
    uint64_t cursor = response->cursor;
    if (chance_percent(&lie->world->chance, 50)) {
        response->cursor += by;
        response->head = response->head > response->cursor ? response->head : response->cursor;
    } else {
        response->cursor -= by < response->cursor ? by : response->cursor;
    }
    lie->misleads = response->cursor != cursor;
}

static void lie_acknowledged(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    if (chance_percent(&lie->world->chance, 50)) {
        response->acked_seq += 1 + chance_below(&lie->world->chance, 4);
    } else {
        chance_bytes(&lie->world->chance, response->acked_link, SHA256_BYTES);
    }
    lie->misleads = true;
}

static void lie_receipt(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    response->receipt[response->receipt_len / 2] ^= 1;
    lie->misleads = true;
}

static void lie_more(struct lie *lie)
{
    lie->response.more = true;
    lie->response.head += 1 + chance_below(&lie->world->chance, 1000);
}

static void lie_later(struct lie *lie)
{
    lie->response.retry_after_s = chance_below(&lie->world->chance, 604800);
}

static void lie_clock(struct lie *lie)
{
    int64_t before_ms = lie->response.answered_at_ms;
    lie->response.answered_at_ms += chance_between(&lie->world->chance, -9000, 9000) * 24 * HOUR_MS;
    lie->misleads |= lie->response.answered_at_ms != before_ms; /* the receipt says another time */
}

static void lie_refusals(struct lie *lie)
{
    struct exchange_response *response = &lie->response;
    struct store_sync sync;
    if (lie->agent->store == NULL || response->refusal_count > 0) {
        return;
    }
    MUST(store_sync_read(lie->agent->store, &sync, must));
    if (sync.newest_seq > 0) {
        uint64_t seq = 1 + chance_below(&lie->world->chance, (uint32_t)sync.newest_seq);
        response->refusals[0] = (struct exchange_refusal){ .seq = seq, .reason = slice_of_text("not wanted") };
        response->refusal_count = 1;
        lie->agent->marks |= MARK_REFUSED;
    }
}

/* ---- whole answers ---- */

static void lie_past(struct lie *lie)
{
    size_t count = past_count < PAST ? past_count : PAST;
    if (count > 0) {
        size_t at = chance_below(&lie->world->chance, (uint32_t)count);
        MUST(buf_append(&lie->whole, past[at].bytes.data, past[at].bytes.len, must));
        lie->agent->marks |= MARK_LIED_TO;
    }
}

static void lie_noise(struct lie *lie)
{
    bytes_noise(lie->world, &lie->whole);
}

static void lie_deep(struct lie *lie)
{
    bytes_deep(lie->world, &lie->whole);
}

static void (*const lies[])(struct lie *lie) = {
    lie_withhold, lie_reorder,    lie_double,       lie_rewrite, lie_rewrite, lie_bend,  lie_stranger,
    lie_bomb,     lie_cursor,     lie_acknowledged, lie_receipt, lie_more,    lie_later, lie_clock,
    lie_refusals, lie_refusals,   lie_refusals,     lie_past,    lie_past,    lie_noise, lie_deep,
    lie_order,    lie_checkpoint, lie_unsigned,     lie_split,   lie_split,
};

static void change(struct world *world, struct agent *agent, struct message *answer, void (*tell_lie)(struct lie *lie))
{
    static struct lie lie;
    lie.world = world;
    lie.agent = agent;
    lie.misleads = false;
    buf_init(&lie.changed, SEGMENT_BYTES_MAX);
    buf_init(&lie.whole, EXCHANGE_RESPONSE_MAX);
    MUST(exchange_response_decode(buf_slice(&answer->bytes), &lie.response, must));
    tell_lie(&lie);
    if (lie.whole.len == 0) {
        MUST(exchange_response_encode(&lie.response, &lie.whole, must));
    }
    buf_fini(&answer->bytes);
    answer->bytes = lie.whole;
    answer->misleads = lie.misleads;
    answer->lies = true;
    buf_fini(&lie.changed);
}

void liar_change(struct world *world, struct agent *agent, struct message *answer)
{
    struct misled *misled = &world->host.misled;
    if (answer->refused == ERR_OK && misled->agent == agent) {
        misled->answers++;
        if (misled->due) {
            change(world, agent, answer, lie_as_told);
        }
        return;
    }
    if (world->host.lies == 0 || answer->refused != ERR_OK) {
        return;
    }
    if (!chance_percent(&world->chance, world->host.lies)) {
        remember(agent, answer);
        return;
    }
    size_t at = chance_below(&world->chance, ARRAY_LEN(lies));
    tell("lie %zu to agent %u", at, agent->number);
    change(world, agent, answer, lies[at]);
}
