/*
 * What a segment costs: bytes an op and ops a second, for attendance as sites record it.
 *
 * 60 placements, a register a weekday, one actor of three, seconds to a minute between records. Notes repeat (a dozen
 * phrases), are free text (six to eleven words of a vocabulary of 150, drawn unevenly, and a time), or random letters.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/segment.h"

enum { OPS = 10000, PLACEMENTS = 60, ROUNDS = 10, NOTE_MAX = 400, DAY_MS = 24 * 60 * 60 * 1000 };

enum notes { NOTES_REPEATED, NOTES_FREE, NOTES_LETTERS };

static const char *const phrases[] = {
    "Rang before nine, child unwell, back tomorrow.",  "No call by ten. Texted at 10:15, no answer yet.",
    "Worked the till with support, doing well.",       "Sorted donations in the back room all morning.",
    "Left at noon for an appointment at the surgery.", "Bus late again, made the time up at lunch.",
    "Helped set the stall up for the weekend market.", "Asked for shorter days next week, to discuss.",
    "Shop closed for stock taking, all sent home.",    "Signed on at the Jobcentre, came in after that.",
    "Covered for Sam in the kitchen, very reliable.",  "Did not want to use the stairs, moved to desk.",
};

static const char *const words[] = {
    "the",       "to",        "and",       "was",         "in",          "at",          "of",        "for",
    "on",        "said",      "not",       "came",        "with",        "had",         "late",      "bus",
    "called",    "back",      "after",     "before",      "work",        "well",        "left",      "early",
    "training",  "kitchen",   "garden",    "shop",        "till",        "stock",       "donated",   "clothes",
    "books",     "sorting",   "cleaning",  "helped",      "volunteers",  "manager",     "asked",     "about",
    "hours",     "next",      "week",      "Monday",      "Tuesday",     "Friday",      "morning",   "afternoon",
    "lunch",     "break",     "doctor",    "hospital",    "appointment", "letter",      "childcare", "school",
    "mother",    "ill",       "unwell",    "cold",        "phone",       "message",     "voicemail", "text",
    "answered",  "nobody",    "agreed",    "explained",   "showed",      "signed",      "sheet",     "gloves",
    "boots",     "safety",    "induction", "fire",        "drill",       "delivery",    "van",       "driver",
    "customers", "serving",   "friendly",  "quiet",       "tired",       "worried",     "money",     "travel",
    "fare",      "ticket",    "refund",    "receipt",     "cover",       "shift",       "swapped",   "another",
    "person",    "placement", "adviser",   "Jobcentre",   "interview",   "application", "form",      "online",
    "computer",  "library",   "course",    "certificate", "passed",      "finished",    "started",   "repaired",
    "painted",   "fence",     "planting",  "seeds",       "watering",    "compost",     "tools",     "shed",
    "raining",   "cancelled", "moved",     "inside",      "instead",     "cooking",     "meals",     "delivered",
    "elderly",   "residents", "polite",    "reliable",    "struggled",   "stairs",      "knee",      "back pain",
    "rest",      "lighter",   "duties",    "desk",
};

static uint64_t state = 20140428;

static uint32_t below(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * limit >> 32);
}

static void must(enum err_code rc, const struct error *err)
{
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "%s: %s\n", err_code_name(rc), err->message);
        exit(1);
    }
}

static void free_text(char out[NOTE_MAX])
{
    size_t len = 0;
    uint32_t count = 6 + below(6);
    for (uint32_t i = 0; i < count; i++) {
        /* the square makes the first words of the list the frequent ones */
        uint32_t draw = below(1000);
        const char *word = words[(size_t)draw * draw * ARRAY_LEN(words) / 1000000];
        len += (size_t)snprintf(out + len, NOTE_MAX - len, "%s%s", i > 0 ? " " : "", word);
    }
    (void)snprintf(out + len, NOTE_MAX - len, " %02u:%02u.", 8 + below(10), below(12) * 5);
}

/* What no dictionary helps with: 47 random letters and spaces hold 27 bytes of chance. */
static void letters(char out[NOTE_MAX])
{
    size_t len = 47;
    for (size_t i = 0; i < len; i++) {
        uint32_t draw = below(31);
        out[i] = draw < 26 ? (char)('a' + draw) : ' ';
    }
    out[len] = '\0';
}

/* The body of one record; *json_len grows by what a plain JSON record of the same would take. */
static void make_body(enum notes notes, const struct op *op, struct buf *out, size_t *json_len)
{
    static const char *const reasons[] = { "health", "childcare", "travel", "jcp_appointment", "other" };
    struct error err;
    struct record record;
    char note[NOTE_MAX] = "";
    uint32_t draw = below(100);
    enum outcome outcome = draw < 78 ? OUTCOME_ATTENDED : draw < 86 ? OUTCOME_LATE : OUTCOME_ABSENT;
    const char *reason = outcome == OUTCOME_ABSENT ? reasons[below(ARRAY_LEN(reasons))] : "";
    if (notes == NOTES_FREE) {
        free_text(note);
    } else if (notes == NOTES_LETTERS) {
        letters(note);
    } else {
        (void)snprintf(note, sizeof(note), "%s", phrases[below(ARRAY_LEN(phrases))]);
    }
    record_init(&record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&record, "outcome", outcome);
    if (outcome != OUTCOME_ABSENT) {
        record_set_number(&record, "minutes", outcome == OUTCOME_LATE ? 240 + 5 * below(12) : 360);
    } else {
        record_set_text(&record, "reason", reason);
    }
    record_set_text(&record, "note", note);
    must(record_encode(&record, out, &err), &err);
    *json_len +=
        (size_t)snprintf(NULL, 0,
                         "{\"placement\":\"GDN-P%03u\",\"date\":\"2026-03-02\",\"outcome\":\"%s\",\"minutes\":%u,"
                         "\"reason\":\"%s\",\"note\":\"%s\",\"by\":\"%.*s\",\"at\":\"%" PRId64 "\"}",
                         7U, outcome_name(outcome), 360U, reason, note, (int)op->actor.len,
                         (const char *)op->actor.data, op->recorded_at_ms);
}

static size_t make_ops(enum notes notes, size_t count, const uint8_t seeds[][OP_SEED_BYTES], struct op_batch *ops)
{
    static const char *const actors[] = { "jo.hart", "m.okafor", "desk" };
    struct error err;
    uint8_t placements[PLACEMENTS][OP_ENTITY_BYTES];
    struct op op = { .id = { .incarnation = 1 }, .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    size_t json_len = 0;
    int64_t day = date_from_civil(2026, 3, 2);
    struct buf body;
    buf_init(&body, OP_BODY_MAX);
    must(random_bytes(op.id.device, sizeof(op.id.device), &err), &err);
    must(random_bytes(placements[0], sizeof(placements), &err), &err);
    op.recorded_at_ms = day * DAY_MS + 10 * 3600 * 1000;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && i % PLACEMENTS == 0) {
            day += date_weekday((int32_t)day) == 5 ? 3 : 1;
            op.recorded_at_ms = day * DAY_MS + (int64_t)below(7200000) + 10 * 3600 * 1000;
        }
        op.id.seq = i + 1;
        op.actor = slice_of_text(actors[i / PLACEMENTS % ARRAY_LEN(actors)]);
        op.recorded_at_ms += 2000 + below(58000);
        op.hlc = (uint64_t)op.recorded_at_ms << 16;
        op.subject_len = OP_SESSION_BYTES;
        session_subject(placements[i % PLACEMENTS], (int32_t)day, 0, op.subject);
        buf_clear(&body);
        make_body(notes, &op, &body, &json_len);
        op.body = buf_slice(&body);
        op_salt(seeds[op_salt_block(op.id.seq)], op.id.seq, op.salt);
        op_body_hash(op.salt, op.body, op.body_hash);
        must(op_batch_add(ops, &op, &err), &err);
    }
    buf_fini(&body);
    return json_len;
}

static void measure(const char *what, enum notes notes, size_t count)
{
    struct error err;
    struct store_seed seeds[OPS / OP_SALT_BLOCK + 1];
    uint8_t bytes[OPS / OP_SALT_BLOCK + 1][OP_SEED_BYTES];
    size_t seed_count = op_salt_block(count) + 1;
    must(random_bytes(bytes[0], sizeof(bytes), &err), &err);
    for (size_t i = 0; i < seed_count; i++) {
        seeds[i].block = i;
        memcpy(seeds[i].seed, bytes[i], OP_SEED_BYTES);
    }
    struct op_batch ops;
    op_batch_init(&ops);
    size_t json_len = make_ops(notes, count, bytes, &ops);
    struct buf out;
    buf_init(&out, SEGMENT_BYTES_MAX);
    struct segment_signature none = { 0 };
    int64_t started = clock_monotonic_ms();
    size_t rounds = ROUNDS * OPS / count;
    for (size_t i = 0; i < rounds; i++) {
        buf_clear(&out);
        must(segment_encode(&ops, seeds, seed_count, &none, slice_of("", 0), &out, &err), &err);
    }
    int64_t encoded = clock_monotonic_ms();
    for (size_t i = 0; i < rounds; i++) {
        struct segment segment;
        must(segment_decode(buf_slice(&out), ops.ops[0].stream, &segment, &err), &err);
        segment_fini(&segment);
    }
    int64_t decoded = clock_monotonic_ms();
    double total = (double)(rounds * count) * 1000;
    (void)printf("%-28s %6zu ops  %8.2f bytes/op  (json %.0f)  encode %9.0f ops/s  decode %9.0f ops/s\n", what, count,
                 (double)out.len / (double)count, (double)json_len / (double)count, total / (double)(encoded - started),
                 total / (double)(decoded - encoded));
    buf_fini(&out);
    op_batch_fini(&ops);
}

int main(void)
{
    measure("repeated notes", NOTES_REPEATED, OPS);
    measure("free text", NOTES_FREE, OPS);
    measure("random letters", NOTES_LETTERS, OPS);
    measure("repeated notes, a register", NOTES_REPEATED, PLACEMENTS);
    measure("free text, a register", NOTES_FREE, PLACEMENTS);
    measure("repeated notes, one", NOTES_REPEATED, 1);
    measure("free text, one", NOTES_FREE, 1);
    return 0;
}
