#include "tests/sim/forger.h"

#include <stdlib.h>
#include <string.h>

#include "sync/endpoint/core/private.h"
#include "tests/sim/template.h"

/* ---- runs of its own chain ---- */

void forgery_make(struct world *world, size_t count, void (*make)(struct world *world, struct op *op, struct buf *body),
                  struct forgery *ret)
{
    struct forger *forger = world->forger;
    *ret = (struct forgery){ .newest = forger->newest };
    memcpy(ret->link, forger->link, SHA256_BYTES);
    op_batch_init(&ret->ops);
    for (size_t i = 0; i < count; i++) {
        SCOPED(buf_fini) struct buf body;
        SCOPED(buf_fini) struct buf header;
        buf_init(&body, OP_BODY_MAX);
        buf_init(&header, OP_HEADER_MAX);
        struct op op = { .actor = slice_of_text("forger"),
                         .recorded_at_ms = world->now_ms,
                         .hlc = (uint64_t)world->now_ms << 16,
                         .happened_at_ms = OP_TIME_NONE };
        make(world, &op, &body);
        ret->newest.seq++;
        op.id = ret->newest;
        op.body = buf_slice(&body);
        memcpy(op.stream, world->sites[GARDEN].stream, STREAM_ID_BYTES);
        op_salt(forger->seed, op.id.seq, op.salt);
        op_body_hash(op.salt, op.body, op.body_hash);
        MUST(op_header_encode(&op, &header, must));
        op_link_next(ret->link, buf_slice(&header), ret->link);
        MUST(op_batch_add(&ret->ops, &op, must));
    }
}

void forgery_sign(struct world *world, const struct device_key *key, struct forgery *forgery)
{
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    op_link_message(world->sites[GARDEN].stream, &forgery->newest, forgery->link, message);
    forgery->signature.seq = forgery->newest.seq;
    MUST(device_key_sign(key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), forgery->signature.bytes,
                         &forgery->signature.len, must));
}

void forgery_fini(struct forgery *forgery)
{
    op_batch_fini(&forgery->ops);
}

void forgery_segment(struct world *world, const struct forgery *forgery, struct buf *out)
{
    const struct op_id *first = &forgery->ops.ops[0].id;
    struct store_seed seeds[2];
    size_t count = 0;
    for (uint64_t block = op_salt_block(first->seq); block <= op_salt_block(forgery->newest.seq) && count < 2;
         block++) {
        seeds[count].block = block;
        memcpy(seeds[count++].seed, world->forger->seed, OP_SEED_BYTES);
    }
    struct slice certificate = first->seq == 1 ? buf_slice(&template.insider.certificate) : (struct slice){ 0 };
    MUST(segment_encode(&forgery->ops, seeds, count, &forgery->signature, certificate, out, must));
}

static void new_chain(struct world *world, uint32_t incarnation)
{
    struct forger *forger = world->forger;
    forger->newest = (struct op_id){ .incarnation = incarnation };
    memcpy(forger->newest.device, template.insider.device, DEVICE_ID_BYTES);
    op_link_first(world->sites[GARDEN].stream, forger->newest.device, incarnation, forger->link);
    op_batch_clear(&forger->sent);
}

void forger_make(struct world *world)
{
    world->forger = calloc(1, sizeof(*world->forger));
    CHECK(world->forger != NULL);
    op_batch_init(&world->forger->sent);
    chance_bytes(&world->chance, world->forger->seed, OP_SEED_BYTES);
    new_chain(world, 0);
}

void forger_end(struct world *world)
{
    op_batch_fini(&world->forger->sent);
    free(world->forger);
}

/* ---- sending ---- */

static void request_of(struct world *world, const struct forgery *forgery, struct exchange_request *ret)
{
    *ret = (struct exchange_request){ .incarnation = forgery->newest.incarnation,
                                      .newest_seq = forgery->newest.seq,
                                      .sent_at_ms = world->now_ms,
                                      .want_bytes = 4096 };
    memcpy(ret->stream, world->sites[GARDEN].stream, STREAM_ID_BYTES);
}

enum outcome_of_trick {
    TRICK_REFUSED,  /* with a reason; nothing kept */
    TRICK_HARMLESS, /* answered or refused; nothing kept */
};

static void expect(struct world *world, const char *trick, struct slice certificate, struct slice request,
                   enum outcome_of_trick expected)
{
    struct message answer = { 0 };
    struct exchange_error reason;
    uint64_t before = host_ops(world);
    CHECK(host_answer(world, certificate, request, &answer));
    tell("%s: %s", trick, err_code_name(answer.refused));
    if (host_ops(world) != before) {
        sim_fail("the centre keeps %llu records of '%s'", (unsigned long long)(host_ops(world) - before), trick);
    }
    if (expected == TRICK_REFUSED && answer.refused == ERR_OK) {
        sim_fail("the centre does not refuse '%s'", trick);
    }
    if (answer.refused != ERR_OK) {
        MUST(exchange_error_decode(buf_slice(&answer.bytes), &reason, must));
        if (reason.message.len == 0) {
            sim_fail("the centre refuses '%s' without a reason", trick);
        }
    }
    buf_fini(&answer.bytes);
}

static void send_forgery(struct world *world, const char *trick, const struct forgery *forgery,
                         enum outcome_of_trick expected)
{
    struct exchange_request request;
    SCOPED(buf_fini) struct buf segment;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&segment, SEGMENT_BYTES_MAX);
    buf_init(&bytes, EXCHANGE_REQUEST_MAX);
    forgery_segment(world, forgery, &segment);
    request_of(world, forgery, &request);
    request.segment = buf_slice(&segment);
    MUST(exchange_request_encode(&request, &bytes, must));
    expect(world, trick, buf_slice(&template.insider.certificate), buf_slice(&bytes), expected);
}

/* ---- ops that are its own: kept, apart where they break a rule ---- */

static void note_kept(struct world *world, const struct forgery *forgery)
{
    struct forger *forger = world->forger;
    op_batch_clear(&forger->sent);
    for (size_t i = 0; i < forgery->ops.count; i++) {
        const struct op *op = &forgery->ops.ops[i];
        struct said said = { .site = GARDEN, .author = AUTHOR_FORGER, .surety = SURE, .apart = forgery->apart };
        const struct subject subject = { op->kind, op->subject, op->subject_len };
        said_fill(&said, &subject, op->body);
        ledger_add(&world->ledger, &said);
        MUST(op_batch_add(&forger->sent, op, must));
    }
    forger->newest = forgery->newest;
    memcpy(forger->link, forgery->link, SHA256_BYTES);
}

static void keep(struct world *world, const char *trick, struct forgery *forgery)
{
    struct exchange_request request;
    struct message answer = { 0 };
    SCOPED(buf_fini) struct buf segment;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&segment, SEGMENT_BYTES_MAX);
    buf_init(&bytes, EXCHANGE_REQUEST_MAX);
    forgery_sign(world, template.insider.key, forgery);
    forgery_segment(world, forgery, &segment);
    request_of(world, forgery, &request);
    request.segment = buf_slice(&segment);
    MUST(exchange_request_encode(&request, &bytes, must));
    uint64_t before = host_ops(world);
    CHECK(host_answer(world, buf_slice(&template.insider.certificate), buf_slice(&bytes), &answer));
    tell("%s: %s", trick, err_code_name(answer.refused));
    if (answer.refused != ERR_OK || host_ops(world) != before + forgery->ops.count) {
        sim_fail("the centre does not keep '%s' of an enrolled device", trick);
    }
    buf_fini(&answer.bytes);
    note_kept(world, forgery);
}

static void trick_own(struct world *world)
{
    static const struct {
        const char *name;
        enum apart apart;
        void (*make)(struct world *world, struct op *op, struct buf *body);
    } rows[] = {
        { "an honest record", APART_NOT, make_honest },
        { "a correction without a reason", APART_REFUSED, make_correction_without_reason },
        { "a decision in JCP's place", APART_REFUSED, make_decision },
        { "an appointment in JCP's place", APART_REFUSED, make_appointment },
        { "a body that is none", APART_REFUSED, make_nonsense },
        { "a day in another age", APART_REFUSED, make_day_out_of_range },
        { "a kind of a later version", APART_UNKNOWN, make_unknown_kind },
    };
    struct forgery forgery;
    size_t at = chance_below(&world->chance, ARRAY_LEN(rows));
    forgery_make(world, 1 + chance_below(&world->chance, FORGED_OPS_MAX), rows[at].make, &forgery);
    forgery.apart = rows[at].apart;
    keep(world, rows[at].name, &forgery);
    forgery_fini(&forgery);
}

/* ---- chains that do not fit ---- */

static void trick_signature(struct world *world)
{
    struct forgery forgery;
    forgery_make(world, 2, make_honest, &forgery);
    if (chance_percent(&world->chance, 50)) {
        forgery_sign(world, template.outsider.key, &forgery);
    } else {
        forgery_sign(world, template.insider.key, &forgery);
        forgery.link[0] ^= 1;
        forgery_sign(world, template.insider.key, &forgery);
    }
    send_forgery(world, "a signature that does not fit", &forgery, TRICK_REFUSED);
    forgery_fini(&forgery);
    world->forger->forked = true;
}

static void trick_unsigned(struct world *world)
{
    struct forgery forgery;
    forgery_make(world, 2, make_honest, &forgery);
    if (chance_percent(&world->chance, 50)) { /* signed, but not at the last */
        struct forgery shorter;
        forgery_make(world, 1, make_honest, &shorter);
        forgery_sign(world, template.insider.key, &shorter);
        forgery.signature = shorter.signature;
        forgery_fini(&shorter);
    }
    send_forgery(world, "records that nobody signed", &forgery, TRICK_REFUSED);
    forgery_fini(&forgery);
    forgery_make(world, 1, make_from_the_end_of_time, &forgery);
    forgery_sign(world, template.insider.key, &forgery);
    send_forgery(world, "a clock from the end of time", &forgery, TRICK_REFUSED);
    forgery_fini(&forgery);
}

static void trick_gap(struct world *world)
{
    struct forger *forger = world->forger;
    struct op_id newest = forger->newest;
    struct forgery forgery;
    forger->newest.seq += 1 + chance_below(&world->chance, 5);
    forgery_make(world, 2, make_honest, &forgery);
    forger->newest = newest;
    forgery_sign(world, template.insider.key, &forgery);
    send_forgery(world, "a gap in its history", &forgery, TRICK_HARMLESS);
    forgery_fini(&forgery);
}

static void trick_fork(struct world *world)
{
    struct forger *forger = world->forger;
    struct op_id newest = forger->newest;
    struct forgery forgery;
    if (newest.seq == 0) {
        return;
    }
    uint8_t link[SHA256_BYTES];
    memcpy(link, forger->link, sizeof(link));
    forger->newest.seq = 0;
    op_link_first(world->sites[GARDEN].stream, newest.device, newest.incarnation, forger->link);
    forgery_make(world, 1 + chance_below(&world->chance, FORGED_OPS_MAX), make_honest, &forgery);
    forger->newest = newest;
    memcpy(forger->link, link, sizeof(link));
    forgery_sign(world, template.insider.key, &forgery);
    send_forgery(world, "another branch of its history", &forgery, TRICK_HARMLESS);
    forgery_fini(&forgery);
    forger->forked = true;
}

/* What it sent before, once more. */
static void trick_again(struct world *world)
{
    struct forger *forger = world->forger;
    struct forgery forgery = { .newest = forger->newest };
    if (forger->sent.count == 0) {
        return;
    }
    memcpy(forgery.link, forger->link, SHA256_BYTES);
    op_batch_init(&forgery.ops);
    for (size_t i = 0; i < forger->sent.count; i++) {
        MUST(op_batch_add(&forgery.ops, &forger->sent.ops[i], must));
    }
    forgery_sign(world, template.insider.key, &forgery);
    send_forgery(world, "what it sent before", &forgery, TRICK_HARMLESS);
    forgery_fini(&forgery);
}

/* ---- in somebody else's name ---- */

static void trick_other_stream(struct world *world)
{
    struct forgery forgery;
    struct exchange_request request;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, EXCHANGE_REQUEST_MAX);
    forgery_make(world, 0, make_honest, &forgery);
    request_of(world, &forgery, &request);
    memcpy(request.stream, world->sites[WORKSHOP].stream, STREAM_ID_BYTES);
    MUST(exchange_request_encode(&request, &bytes, must));
    expect(world, "another organisation's stream", buf_slice(&template.insider.certificate), buf_slice(&bytes),
           TRICK_REFUSED);
    forgery_fini(&forgery);
}

static void trick_other_device(struct world *world)
{
    struct forger *forger = world->forger;
    struct op_id newest = forger->newest;
    struct forgery forgery;
    memcpy(forger->newest.device, world->agents[0].identity.device, DEVICE_ID_BYTES);
    forgery_make(world, 2, make_honest, &forgery);
    forger->newest = newest;
    forgery_sign(world, template.insider.key, &forgery);
    send_forgery(world, "records in another device's name", &forgery, TRICK_REFUSED);
    forgery_fini(&forgery);
}

static void trick_replay(struct world *world)
{
    struct chance *chance = &world->chance;
    size_t count = world->replay_count < REPLAYS ? world->replay_count : REPLAYS;
    if (count > 0) {
        expect(world, "somebody else's request again", buf_slice(&template.insider.certificate),
               buf_slice(&world->replays[chance_below(chance, (uint32_t)count)]), TRICK_HARMLESS);
    }
}

static void trick_certificate(struct world *world)
{
    struct forgery forgery;
    struct exchange_request request;
    static const struct {
        const char *name;
        const struct culprit *culprit;
    } rows[] = { { "a revoked device", &template.revoked },
                 { "a certificate of another authority", &template.outsider },
                 { "no certificate", NULL } };
    size_t at = chance_below(&world->chance, ARRAY_LEN(rows));
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, EXCHANGE_REQUEST_MAX);
    forgery_make(world, 0, make_honest, &forgery);
    request_of(world, &forgery, &request);
    MUST(exchange_request_encode(&request, &bytes, must));
    expect(world, rows[at].name,
           rows[at].culprit != NULL ? buf_slice(&rows[at].culprit->certificate) : (struct slice){ 0 },
           buf_slice(&bytes), TRICK_REFUSED);
    forgery_fini(&forgery);
}

/* ---- bytes that are no request ---- */

static void trick_bytes(struct world *world)
{
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, EXCHANGE_REQUEST_MAX + 4096);
    switch (chance_below(&world->chance, 3)) {
    case 0:
        bytes_noise(world, &bytes);
        break;
    case 1:
        bytes_deep(world, &bytes);
        break;
    default: /* a request that is too long by a little */
        MUST(buf_reserve(&bytes, EXCHANGE_REQUEST_MAX + 1, must));
        memset(bytes.data, 0, EXCHANGE_REQUEST_MAX + 1);
        bytes.len = EXCHANGE_REQUEST_MAX + 1;
        break;
    }
    expect(world, "bytes that are no request", buf_slice(&template.insider.certificate), buf_slice(&bytes),
           TRICK_REFUSED);
}

static void trick_segment(struct world *world)
{
    struct forgery forgery;
    struct exchange_request request;
    SCOPED(buf_fini) struct buf segment;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&segment, SEGMENT_BYTES_MAX);
    buf_init(&bytes, EXCHANGE_REQUEST_MAX);
    forgery_make(world, 2, make_honest, &forgery);
    if (chance_percent(&world->chance, 50)) {
        segment_bomb(world, template.insider.device, &segment);
    } else { /* a good one, but for a few bytes, and unsigned: it must not be taken whatever they say */
        forgery_segment(world, &forgery, &segment);
        size_t at = chance_below(&world->chance, (uint32_t)segment.len);
        chance_bytes(&world->chance, segment.data + at, segment.len - at < 3 ? segment.len - at : 3);
    }
    request_of(world, &forgery, &request);
    request.segment = buf_slice(&segment);
    MUST(exchange_request_encode(&request, &bytes, must));
    expect(world, "a segment that is none", buf_slice(&template.insider.certificate), buf_slice(&bytes),
           TRICK_HARMLESS);
    forgery_fini(&forgery);
}

/* Numbers that no device could have. */
static void trick_numbers(struct world *world)
{
    static const uint64_t far[] = { 0, 1, 255, UINT64_C(1) << 40, UINT64_C(1) << 62, INT64_MAX };
    struct chance *chance = &world->chance;
    struct forgery forgery;
    struct exchange_request request;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, EXCHANGE_REQUEST_MAX);
    forgery_make(world, 0, make_honest, &forgery);
    request_of(world, &forgery, &request);
    request.cursor = far[chance_below(chance, ARRAY_LEN(far))];
    request.acked_seq = far[chance_below(chance, ARRAY_LEN(far))];
    request.newest_seq = far[chance_below(chance, ARRAY_LEN(far))];
    request.incarnation = chance_percent(chance, 30) ? UINT32_MAX : request.incarnation;
    request.want_bytes = chance_percent(chance, 30) ? UINT32_MAX : 0;
    if (exchange_request_encode(&request, &bytes, NULL) == ERR_OK) {
        expect(world, "numbers that cannot be", buf_slice(&template.insider.certificate), buf_slice(&bytes),
               TRICK_HARMLESS);
    }
    forgery_fini(&forgery);
}

/* ---- the table ---- */

void forger_act(struct world *world)
{
    static void (*const tricks[])(struct world * world) = {
        trick_own,    trick_own,         trick_own,   trick_signature,    trick_unsigned,
        trick_gap,    trick_fork,        trick_again, trick_other_stream, trick_other_device,
        trick_replay, trick_certificate, trick_bytes, trick_segment,      trick_numbers,
    };
    struct host *host = &world->host;
    struct forger *forger = world->forger;
    struct centre_held held;
    struct centre_site site;
    if (host->centre == NULL || disk_troubled(&host->disk)) {
        return; /* what it would answer then says nothing about tricks */
    }
    MUST(centre_site_find(host->centre->store, world->sites[GARDEN].name, &site, must));
    MUST(centre_held(host->centre->store, &site, template.insider.device, forger->newest.incarnation, &held, must));
    if (held.seq != forger->newest.seq) { /* an older copy of the centre was put back */
        new_chain(world, forger->newest.incarnation + 1);
    }
    tricks[chance_below(&world->chance, ARRAY_LEN(tricks))](world);
}
