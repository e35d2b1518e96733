/*
 * What a forger says: ops of its own chain, most of them against a guard rail; and bytes that are no message at all.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/sim/forger.h"
#include "tests/sim/template.h"

enum { BOMB_BYTES = 32 * 1024 * 1024, DEEP_BYTES = 200000, NOISE_MAX = 4096 };

static void encode(const struct record *record, struct buf *body)
{
    MUST(record_encode(record, body, must));
}

static void random_subject(struct world *world, struct op *op)
{
    op->subject_len = OP_ENTITY_BYTES;
    chance_bytes(&world->chance, op->subject, OP_ENTITY_BYTES);
}

void make_honest(struct world *world, struct op *op, struct buf *body)
{
    struct record record;
    record_init(&record, kind_by_number(KIND_CAPACITY_STATEMENT));
    record_set_number(&record, "places", chance_below(&world->chance, 50));
    record_set_number(&record, "stated_on", 20760);
    op->kind = KIND_CAPACITY_STATEMENT;
    random_subject(world, op);
    encode(&record, body);
}

static void make_attendance(struct world *world, struct op *op, struct buf *body, int32_t day)
{
    struct record record;
    uint8_t placement[OP_ENTITY_BYTES];
    record_init(&record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&record, "outcome", OUTCOME_ABSENT);
    record_set_number(&record, "minutes", ++world->token % (24 * 60));
    entity_id(world->sites[GARDEN].stream, "placement", "T-P001", placement);
    op->kind = KIND_ATTENDANCE;
    op->subject_len = OP_SESSION_BYTES;
    session_subject(placement, day, (int)chance_below(&world->chance, 4), op->subject);
    encode(&record, body);
}

void make_correction_without_reason(struct world *world, struct op *op, struct buf *body)
{
    static struct op_id anything;
    make_attendance(world, op, body, 20766);
    op->supersedes = &anything;
    op->supersedes_count = 1;
}

void make_day_out_of_range(struct world *world, struct op *op, struct buf *body)
{
    make_attendance(world, op, body, 0x1fffffff);
}

void make_decision(struct world *world, struct op *op, struct buf *body)
{
    struct record record;
    uint8_t participant[OP_ENTITY_BYTES];
    entity_id(world->sites[GARDEN].stream, "participant", "T-001", participant);
    record_init(&record, kind_by_number(KIND_DECISION));
    record_set_id(&record, "participant", participant);
    record_set_number(&record, "failure_on", 20766);
    record_set_number(&record, "decided_on", 20767);
    record_set_text(&record, "outcome", "adverse");
    op->kind = KIND_DECISION;
    random_subject(world, op);
    encode(&record, body);
}

void make_appointment(struct world *world, struct op *op, struct buf *body)
{
    struct record record;
    uint8_t participant[OP_ENTITY_BYTES];
    entity_id(world->sites[GARDEN].stream, "participant", "T-001", participant);
    record_init(&record, kind_by_number(KIND_APPOINTMENT));
    record_set_id(&record, "participant", participant);
    record_set_number(&record, "day", 20766);
    record_set_number(&record, "starts_min", 600);
    record_set_number(&record, "ends_min", 660);
    record_set_text(&record, "purpose", "signing");
    op->kind = KIND_APPOINTMENT;
    random_subject(world, op);
    encode(&record, body);
}

void make_nonsense(struct world *world, struct op *op, struct buf *body)
{
    uint8_t bytes[40];
    chance_bytes(&world->chance, bytes, sizeof(bytes));
    bytes[0] = 0xff;
    op->kind = KIND_NOTICE;
    random_subject(world, op);
    MUST(buf_append(body, bytes, sizeof(bytes), must));
}

void make_unknown_kind(struct world *world, struct op *op, struct buf *body)
{
    static const uint8_t empty_map = 0xa0;
    op->kind = 77;
    random_subject(world, op);
    MUST(buf_append(body, &empty_map, 1, must));
}

/* Nothing could be said of its subject after it, and by an erasure nothing before. */
void make_from_the_end_of_time(struct world *world, struct op *op, struct buf *body)
{
    struct record record;
    record_init(&record, kind_by_number(KIND_CAPACITY_STATEMENT));
    record_set_number(&record, "places", 1);
    record_set_number(&record, "stated_on", 20760);
    op->kind = KIND_CAPACITY_STATEMENT;
    op->subject_len = OP_ENTITY_BYTES;
    op->hlc = (uint64_t)(world->now_ms + OP_AHEAD_MAX_MS + 1000) << 16;
    encode(&record, body);
}

/* ---- no message ---- */

void bytes_noise(struct world *world, struct buf *out)
{
    size_t len = chance_below(&world->chance, NOISE_MAX);
    MUST(buf_reserve(out, len, must));
    chance_bytes(&world->chance, out->data + out->len, len);
    out->len += len;
}

void bytes_deep(struct world *world, struct buf *out)
{
    static const uint8_t openers[] = { 0x81, 0x9f, 0xa1, 0xc1, 0xbf };
    uint8_t opener = openers[chance_below(&world->chance, sizeof(openers))];
    static const uint8_t version[] = { 0xa2, 0x01, 0x01, 0x18, 0x63 }; /* {1: 1, 99: ... */
    MUST(buf_append(out, version, sizeof(version), must));
    MUST(buf_reserve(out, DEEP_BYTES, must));
    memset(out->data + out->len, opener, DEEP_BYTES);
    out->len += DEEP_BYTES;
}

void segment_bomb(struct world *world, const uint8_t device[DEVICE_ID_BYTES], struct buf *out)
{
    static uint8_t *packed; /* the same in every world */
    static size_t packed_len;
    if (packed == NULL) {
        uint8_t *zeros = calloc(1, BOMB_BYTES);
        packed = malloc(ZSTD_compressBound(BOMB_BYTES));
        CHECK(zeros != NULL && packed != NULL);
        packed_len = ZSTD_compress(packed, ZSTD_compressBound(BOMB_BYTES), zeros, BOMB_BYTES, 3);
        CHECK(!ZSTD_isError(packed_len));
        free(zeros);
    }
    uint8_t count = (uint8_t)(1 + chance_below(&world->chance, 100));
    const uint8_t head[] = { 1, 0x11 };           /* version; compressed with the dictionary 1 */
    const uint8_t rest[] = { 0, 1, count, 0, 0 }; /* incarnation, first seq, count, no seeds, nothing raw */
    MUST(buf_append(out, head, sizeof(head), must));
    MUST(buf_append(out, device, DEVICE_ID_BYTES, must));
    MUST(buf_append(out, rest, sizeof(rest), must));
    MUST(buf_append(out, packed + 4, packed_len - 4, must));
}
