/* What a pack says, in the field's words: for a person who has to judge, not for a machine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/evidence_pack.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "base/clock.h"
#include "crypto/identity.h"
#include "store/op.h"

enum { WORDS_SIZE = 240, LONG_NOTE = 160 };

/* "jcp_appointment" as "jcp appointment", "starts_on" as "starts on" */
static void say_code(const char *code, char out[WORDS_SIZE])
{
    (void)snprintf(out, WORDS_SIZE, "%s", code);
    for (char *at = strchr(out, '_'); at != NULL; at = strchr(at, '_')) {
        *at = ' ';
    }
}

static void say_label(const char *name, char out[WORDS_SIZE])
{
    bool starts = strcmp(name, "starts_min") == 0;
    bool ends = strcmp(name, "ends_min") == 0;
    say_code(starts ? "from" : ends ? "to" : name, out);
    if (out[0] >= 'a' && out[0] <= 'z') {
        out[0] = (char)(out[0] - 'a' + 'A');
    }
}

/* "Thu 19 Nov 2026, 14:02:33 UTC" */
static void say_instant(const json_t *object, const char *name, char out[WORDS_SIZE])
{
    const char *text = answer_text(object, name);
    int32_t day;
    char date[11];
    (void)snprintf(date, sizeof(date), "%.10s", text);
    out[0] = '\0';
    if (strlen(text) >= 19 && date_parse(date, &day)) {
        (void)snprintf(out, WORDS_SIZE, "%s, %.8s UTC", human_day(day).text, text + 11);
    }
}

/* "2026-11-19 14:02:33" */
static void say_stamp(const json_t *object, const char *name, char out[WORDS_SIZE])
{
    const char *text = answer_text(object, name);
    (void)snprintf(out, WORDS_SIZE, "%.10s %.8s", text, strlen(text) >= 19 ? text + 11 : "");
}

static void say_day(const char *text, char out[WORDS_SIZE])
{
    int32_t day;
    (void)snprintf(out, WORDS_SIZE, "%s", date_parse(text, &day) ? human_day(day).text : text);
}

/* What an id of a record in the pack is called. */
static const char *ref_of(const struct evidence_pack *pack, const char *id)
{
    for (size_t i = 0; i < pack->record_count; i++) {
        const json_t *record = pack->records[i].json;
        const char *ref = answer_text(answer_member(record, "fields"), "ref");
        if (ref[0] != '\0' && strcmp(answer_text(record, "subject"), id) == 0) {
            return ref;
        }
    }
    return NULL;
}

static void say_value(const struct evidence_pack *pack, const char *name, const json_t *value, char *out, size_t size)
{
    static const char *const ids[] = { "participant", "referral", "placement" };
    int32_t day;
    out[0] = '\0';
    if (json_is_boolean(value)) {
        (void)snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_integer(value)) {
        (void)snprintf(out, size, "%" PRId64, (int64_t)json_integer_value(value));
        if (strstr(name, "minutes") != NULL) {
            (void)snprintf(out, size, "%s", human_minutes((int)json_integer_value(value)).text);
        }
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        (void)snprintf(out, size, "%s", date_parse(text, &day) ? human_day(day).text : text);
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
            const char *ref = strcmp(name, ids[i]) == 0 ? ref_of(pack, text) : NULL;
            (void)snprintf(out, ref != NULL ? size : 0, "%s", ref != NULL ? ref : "");
        }
    }
}

/* "absent, 0 min (health)" */
static void say_outcome(const json_t *fields, char out[WORDS_SIZE])
{
    char outcome[WORDS_SIZE];
    char reason[WORDS_SIZE];
    say_code(answer_text(fields, "outcome"), outcome);
    say_code(answer_text(fields, "reason"), reason);
    struct human minutes = { "" };
    if (answer_has(fields, "minutes")) {
        minutes = human_minutes((int)answer_int(fields, "minutes"));
    }
    (void)snprintf(out, WORDS_SIZE, "%.40s%s%s%s%.40s%s", outcome, minutes.text[0] != '\0' ? ", worked " : "",
                   minutes.text, reason[0] != '\0' ? "; reason: " : "", reason, "");
}

static void say_standing(const json_t *session, char out[WORDS_SIZE])
{
    const char *standing = answer_text(session, "standing");
    char outcome[WORDS_SIZE];
    say_code(answer_true(session, "erased") ? "erased" : answer_text(session, "outcome"), outcome);
    if (strcmp(standing, "disputed") == 0) {
        (void)snprintf(out, WORDS_SIZE, "DISPUTED: %" PRId64 " versions stand", answer_int(session, "heads"));
    } else if (strcmp(standing, "excused") == 0) {
        (void)snprintf(out, WORDS_SIZE, "excused (recorded as %.60s)", outcome);
    } else if (strcmp(standing, "recorded") == 0) {
        (void)snprintf(out, WORDS_SIZE, "%.60s%s", outcome,
                       answer_true(session, "early") ? ", said before the session began" : "");
    } else {
        (void)snprintf(out, WORDS_SIZE, "not recorded");
    }
}

/* ---- what a record stands on ---- */

static void say_proof(const struct evidence_pack *pack, const struct evidence_record *record, char out[WORDS_SIZE])
{
    if (record->chain == EVIDENCE_NO_CHAIN) {
        (void)snprintf(out, WORDS_SIZE, "not signed by its device yet: nothing proves it");
    } else if (record->position == 0) {
        (void)snprintf(out, WORDS_SIZE, "signed by its device, not yet confirmed by the centre");
    } else {
        (void)snprintf(out, WORDS_SIZE,
                       "signed by its device; record %" PRIu64 " of %" PRId64 " in the history that the centre signed",
                       record->position, answer_int(answer_member(pack->about, "checkpoint"), "size"));
    }
}

/* When the centre said that it has it. Only who made a record is given the receipt. */
static void say_acknowledged(const struct evidence_record *record, char out[WORDS_SIZE])
{
    char when[WORDS_SIZE];
    if (record->receipt != EVIDENCE_NO_RECEIPT) {
        say_instant(record->json, "acknowledged_at", when);
        (void)snprintf(out, WORDS_SIZE, "%.80s by the centre's clock, in its signed receipt %04zu", when,
                       record->receipt + 1);
    } else if (!answer_true(record->json, "own")) {
        (void)snprintf(out, WORDS_SIZE, "no receipt held: the centre gives it to the machine that made the record");
    } else if (!answer_true(record->json, "acknowledged")) {
        (void)snprintf(out, WORDS_SIZE, "not yet: no receipt held");
    } else {
        (void)snprintf(out, WORDS_SIZE, "no receipt held that was given near this record");
    }
}

/* "0003", or the op's own name when it is not in the pack. */
static void say_op(const struct evidence_pack *pack, const json_t *op, char out[WORDS_SIZE])
{
    for (size_t i = 0; i < pack->record_count; i++) {
        if (json_equal(answer_member(pack->records[i].json, "op"), op)) {
            (void)snprintf(out, WORDS_SIZE, "%04zu", i + 1);
            return;
        }
    }
    (void)snprintf(out, WORDS_SIZE, "%.8s/%" PRId64 "/%" PRId64 " (not in this pack)", answer_text(op, "device"),
                   answer_int(op, "incarnation"), answer_int(op, "seq"));
}

static void say_supersedes(const struct evidence_pack *pack, const json_t *record, char out[WORDS_SIZE])
{
    size_t index;
    const json_t *op;
    size_t used = 0;
    out[0] = '\0';
    json_array_foreach(answer_member(record, "supersedes"), index, op)
    {
        char one[WORDS_SIZE];
        say_op(pack, op, one);
        int len = snprintf(out + used, WORDS_SIZE - used, "%s%s", used > 0 ? ", " : "", one);
        used += len > 0 && (size_t)len < WORDS_SIZE - used ? (size_t)len : 0;
    }
}

static void add_origin(struct document *document, const struct evidence_pack *pack,
                       const struct evidence_record *record)
{
    char words[WORDS_SIZE];
    const json_t *json = record->json;
    const json_t *op = answer_member(json, "op");
    document_fact(document, "Recorded by", answer_text(json, "actor"));
    say_instant(json, "recorded_at", words);
    document_fact(document, "Recorded", words);
    say_instant(json, "happened_at", words);
    document_fact(document, "Happened", words[0] != '\0' ? words : "when it was recorded");
    say_instant(json, "received_at", words);
    document_fact(document, answer_true(json, "own") ? "Kept here" : "Received here", words);
    say_acknowledged(record, words);
    document_fact(document, "Acknowledged", words);
    (void)snprintf(words, sizeof(words), "%.32s%s, its number %" PRId64, answer_text(op, "device"),
                   answer_true(json, "own") ? " (the machine that made this pack)" : "", answer_int(op, "seq"));
    document_fact(document, "Device", words);
    say_supersedes(pack, json, words);
    document_fact(document, "In place of", words);
    words[0] = '\0';
    if (answer_has(json, "same_as")) {
        say_op(pack, answer_member(json, "same_as"), words);
    }
    document_fact(document, "Issued again, the same as", words);
    document_fact(document, "Not accepted", answer_text(json, "quarantine"));
    say_proof(pack, record, words);
    document_fact(document, "Proof", words);
}

/* ---- sections ---- */

/* Did this erasure take what the record said? Its subject is the record's, or the placement of a session. */
static bool erased_by(const json_t *record, const json_t *erasure)
{
    size_t index;
    const json_t *op;
    const json_t *named = answer_member(erasure, "supersedes");
    bool one = json_array_size(named) == 0;
    json_array_foreach(named, index, op)
    {
        one |= json_equal(op, answer_member(record, "op"));
    }
    const char *subject = answer_text(erasure, "subject");
    return one && strcmp(answer_text(erasure, "kind"), "erasure") == 0 && subject[0] != '\0' &&
           strncmp(answer_text(record, "subject"), subject, strlen(subject)) == 0 &&
           strcmp(answer_text(record, "recorded_at"), answer_text(erasure, "recorded_at")) <= 0;
}

static void say_erasure(const struct evidence_pack *pack, const json_t *record, char *out, size_t size)
{
    for (size_t i = 0; i < pack->record_count; i++) {
        const json_t *erasure = pack->records[i].json;
        char when[WORDS_SIZE];
        if (erased_by(record, erasure)) {
            const json_t *fields = answer_member(erasure, "fields");
            say_instant(erasure, "recorded_at", when);
            (void)snprintf(out, size,
                           "erased on %s, decided by %.160s (record %04zu); that it was recorded, when and by "
                           "whom stays",
                           when, answer_text(fields, "decided_by"), i + 1);
            return;
        }
    }
    (void)snprintf(out, size, "erased; that it was recorded, when and by whom stays");
}

static void add_fields(struct document *document, const struct evidence_pack *pack, const json_t *record)
{
    char label[WORDS_SIZE];
    char words[WORDS_SIZE];
    char text[4096];
    const char *name;
    json_t *value;
    if (answer_true(record, "erased")) {
        say_erasure(pack, record, text, sizeof(text));
        document_fact(document, "Content", text);
    }
    json_object_foreach(answer_member(record, "fields"), name, value)
    {
        say_label(name, label);
        say_value(pack, name, value, text, sizeof(text));
        if (strcmp(name, "outcome") == 0 || strcmp(name, "reason") == 0 || strcmp(name, "purpose") == 0 ||
            strcmp(name, "status") == 0 || strcmp(name, "kind") == 0) {
            say_code(json_is_string(value) ? json_string_value(value) : "", words);
            (void)snprintf(text, sizeof(text), "%s", words);
        }
        document_fact(document, label, text);
    }
    say_day(answer_text(record, "deemed_received_on"), label);
    document_fact(document, "Counts as received", label);
}

static bool is_kind(const json_t *record, const char *const *kinds)
{
    for (; *kinds != NULL; kinds++) {
        if (strcmp(answer_text(record, "kind"), *kinds) == 0) {
            return true;
        }
    }
    return false;
}

static void add_section(struct document *document, const struct evidence_pack *pack, const char *title,
                        const char *const *kinds)
{
    bool begun = false;
    for (size_t i = 0; i < pack->record_count; i++) {
        const json_t *record = pack->records[i].json;
        char kind[WORDS_SIZE];
        if (!is_kind(record, kinds)) {
            continue;
        }
        if (!begun) {
            document_add(document, BLOCK_HEADING, "%s", title);
            begun = true;
        }
        say_label(answer_text(record, "kind"), kind);
        document_add(document, BLOCK_SUBHEADING, "Record %04zu: %s", i + 1, kind);
        add_fields(document, pack, record);
        add_origin(document, pack, &pack->records[i]);
    }
}

static const char *const attendance[] = { "attendance", NULL };
static const char *const known_kinds[] = { "participant",    "referral",   "referral_event",
                                           "placement",      "attendance", "notice",
                                           "appointment",    "decision",   "erasure",
                                           "programme_pack", NULL };

static void add_unknown(struct document *document, const struct evidence_pack *pack)
{
    bool begun = false;
    for (size_t i = 0; i < pack->record_count; i++) {
        const json_t *record = pack->records[i].json;
        char kind[WORDS_SIZE];
        if (is_kind(record, known_kinds)) {
            continue;
        }
        if (!begun) {
            document_add(document, BLOCK_HEADING, "Other records");
            begun = true;
        }
        say_label(answer_text(record, "kind"), kind);
        document_add(document, BLOCK_SUBHEADING, "Record %04zu: %s", i + 1, kind);
        add_fields(document, pack, record);
        add_origin(document, pack, &pack->records[i]);
    }
}

static bool gives(const struct evidence_record *record, const char *sha256)
{
    return strcmp(answer_text(record->json, "kind"), "programme_pack") == 0 &&
           !answer_has(record->json, "quarantine") &&
           strcmp(answer_text(answer_member(record->json, "fields"), "sha256"), sha256) == 0;
}

/* Which record gives the rules; 0: none in this pack. Of several the newest counts, as in the replica. */
static size_t giver_of(const struct evidence_pack *pack, const char *sha256)
{
    size_t giver = 0;
    struct op newest = { 0 };
    for (size_t i = 0; i < pack->record_count; i++) {
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        if (gives(&pack->records[i], sha256) &&
            op_header_decode(buf_slice(&pack->records[i].header), &op, supersedes, NULL) == ERR_OK &&
            (giver == 0 || op_compare(&newest, &op) < 0)) {
            giver = i + 1;
            newest = op;
        }
    }
    return giver;
}

static void say_source(const struct evidence_pack *pack, const json_t *rules, char out[WORDS_SIZE])
{
    char from[WORDS_SIZE];
    size_t giver = giver_of(pack, answer_text(rules, "sha256"));
    if (giver > 0) {
        say_day(answer_text(rules, "in_force_from"), from);
        (void)snprintf(out, WORDS_SIZE, "given by the centre in record %04zu; they count from %.40s on", giver, from);
    } else if (strcmp(answer_text(rules, "source"), "built_in") == 0) {
        (void)snprintf(out, WORDS_SIZE, "built into the program; they count where the centre has given none");
    } else if (strcmp(answer_text(rules, "source"), "configured") == 0) {
        (void)snprintf(out, WORDS_SIZE,
                       "a file that the setting programme.pack of this machine names: no record gives them, and they "
                       "are not in this pack");
    } else {
        (void)snprintf(out, WORDS_SIZE, "given by the centre while this pack was made: its record is not in it");
    }
}

static void add_rules(struct document *document, const struct evidence_pack *pack)
{
    size_t index;
    const json_t *rules;
    document_add(document, BLOCK_HEADING, "The rules");
    document_add(document, BLOCK_PARAGRAPH,
                 "In force on a day are those of the greatest version that counts by then. A compliance doubt is "
                 "judged by those whose SHA-256 it names. What they say is in the folder rules, under it.");
    json_array_foreach(answer_member(pack->about, "rules"), index, rules)
    {
        char source[WORDS_SIZE];
        say_source(pack, rules, source);
        document_add(document, BLOCK_SUBHEADING, "%.64s, version %" PRId64 "%s", answer_text(rules, "name"),
                     answer_int(rules, "version"),
                     answer_true(rules, "in_force") ? " (in force when the pack was made)" : "");
        document_fact(document, "Source", source);
        document_fact(document, "SHA-256", answer_text(rules, "sha256"));
    }
}

static const json_t *session_of_pack(const struct evidence_pack *pack)
{
    for (size_t i = pack->record_count; i > 0; i--) {
        const json_t *session = answer_member(pack->records[i - 1].json, "session");
        if (session != NULL) {
            return session;
        }
    }
    return NULL;
}

static void add_session(struct document *document, const struct evidence_pack *pack)
{
    const json_t *session = session_of_pack(pack);
    char words[WORDS_SIZE];
    document_add(document, BLOCK_HEADING, "How the session stands");
    if (session == NULL) {
        document_add(
            document, BLOCK_PARAGRAPH,
            "Nothing is recorded about it. That is a gap in the register and never counts against the person.");
        return;
    }
    say_day(answer_text(session, "day"), words);
    document_fact(document, "Day", words);
    (void)snprintf(words, sizeof(words), "%.5s to %.5s%s", answer_text(session, "starts"), answer_text(session, "ends"),
                   answer_true(session, "expected") ? "" : " (outside the placement's pattern)");
    document_fact(document, "Time", answer_has(session, "starts") ? words : "");
    document_fact(document, "Basis", answer_text(session, "basis"));
    say_standing(session, words);
    document_fact(document, "Stands as", words);
    const json_t *jcp = answer_member(session, "jcp");
    if (jcp != NULL) {
        char purpose[WORDS_SIZE];
        say_code(answer_text(jcp, "purpose"), purpose);
        (void)snprintf(words, sizeof(words), "%.60s, %.5s to %.5s: an absence at that time is excused", purpose,
                       answer_text(jcp, "starts"), answer_text(jcp, "ends"));
        document_fact(document, "The Jobcentre's own", words);
    }
    if (strcmp(answer_text(session, "standing"), "disputed") == 0) {
        document_add(
            document, BLOCK_WARNING,
            "Different people recorded this session differently. Both versions stand below; nothing may follow "
            "from either until a person settles it.");
    }
    document_add(document, BLOCK_HEADING, "What was recorded about it, oldest first");
    for (size_t i = 0; i < pack->record_count; i++) {
        const json_t *record = pack->records[i].json;
        if (!is_kind(record, attendance)) {
            continue;
        }
        say_outcome(answer_member(record, "fields"), words);
        document_add(document, BLOCK_SUBHEADING, "Record %04zu: %s%s", i + 1,
                     answer_true(record, "erased") ? "erased" : words,
                     answer_true(record, "head") ? " (stands)" : " (replaced)");
        document_fact(document, "Note", answer_text(answer_member(record, "fields"), "note"));
        if (answer_true(record, "erased")) {
            char erased[2 * WORDS_SIZE];
            say_erasure(pack, record, erased, sizeof(erased));
            document_fact(document, "Content", erased);
        }
        add_origin(document, pack, &pack->records[i]);
    }
}

static void add_attendance_row(struct document *document, const struct evidence_pack *pack, size_t index)
{
    const json_t *record = pack->records[index].json;
    const json_t *session = answer_member(record, "session");
    char number[24];
    char outcome[WORDS_SIZE];
    char standing[WORDS_SIZE] = "";
    char said[4096];
    char recorded[WORDS_SIZE];
    char received[WORDS_SIZE];
    char acknowledged[WORDS_SIZE] = "no receipt";
    char place[WORDS_SIZE];
    (void)snprintf(number, sizeof(number), "%04zu", index + 1);
    say_outcome(answer_member(record, "fields"), outcome);
    const char *note = answer_text(answer_member(record, "fields"), "note");
    (void)snprintf(said, sizeof(said), "%s%s%s", answer_true(record, "erased") ? "erased" : outcome,
                   note[0] != '\0' ? ". " : "", strlen(note) > LONG_NOTE ? "(the note is below)" : note);
    if (session != NULL) {
        say_standing(session, standing);
    }
    say_stamp(record, "recorded_at", recorded);
    say_stamp(record, "received_at", received);
    if (pack->records[index].receipt != EVIDENCE_NO_RECEIPT) {
        say_stamp(record, "acknowledged_at", acknowledged);
    }
    say_supersedes(pack, record, place);
    const char *cells[] = { number,       answer_text(session, "session"),
                            said,         answer_text(record, "actor"),
                            recorded,     received,
                            acknowledged, place,
                            standing };
    document_row(document, cells);
}

static void add_register(struct document *document, const struct evidence_pack *pack)
{
    static const char *const titles[] = {
        "No.",          "Session",     "What was recorded",     "By", "Recorded", "Received",
        "Acknowledged", "In place of", "The session stands as", NULL
    };
    static const int weights[] = { 5, 20, 19, 7, 11, 11, 11, 6, 10, 0 };
    bool begun = false;
    for (size_t i = 0; i < pack->record_count; i++) {
        if (is_kind(pack->records[i].json, attendance)) {
            if (!begun) {
                document_add(document, BLOCK_HEADING, "Attendance, as it was recorded");
                document_table(document, titles, weights);
                begun = true;
            }
            add_attendance_row(document, pack, i);
        }
    }
    for (size_t i = 0; i < pack->record_count; i++) {
        const char *note = answer_text(answer_member(pack->records[i].json, "fields"), "note");
        if (is_kind(pack->records[i].json, attendance) && strlen(note) > LONG_NOTE) {
            char label[WORDS_SIZE];
            (void)snprintf(label, sizeof(label), "Note of record %04zu", i + 1);
            document_fact(document, label, note);
        }
    }
}

/* ---- the page ---- */

static size_t count_confirmed(const struct evidence_pack *pack)
{
    size_t count = 0;
    for (size_t i = 0; i < pack->record_count; i++) {
        count += pack->records[i].position > 0;
    }
    return count;
}

static size_t count_with_receipt(const struct evidence_pack *pack)
{
    size_t count = 0;
    for (size_t i = 0; i < pack->record_count; i++) {
        count += pack->records[i].receipt != EVIDENCE_NO_RECEIPT;
    }
    return count;
}

static void add_head(struct document *document, const struct evidence_pack *pack, bool of_session)
{
    char words[WORDS_SIZE];
    const json_t *person = answer_member(pack->about, "participant");
    (void)snprintf(words, sizeof(words), "%.160s (%.64s)",
                   answer_has(person, "name") ? answer_text(person, "name") : "name not given",
                   answer_text(person, "ref"));
    document_fact(document, "Person", words);
    document_fact(document, of_session ? "Session" : "Everything about",
                  answer_text(answer_member(pack->about, "about"), "name"));
    document_fact(document, "Site", answer_text(answer_member(pack->about, "site"), "name"));
    say_instant(pack->about, "made_at", words);
    document_fact(document, "Pack made", words);
    document_fact(document, "Made by", answer_text(pack->about, "made_by"));
    (void)snprintf(words, sizeof(words),
                   "%zu, of which the centre has confirmed %zu; its signed receipt is held of %zu", pack->record_count,
                   count_confirmed(pack), count_with_receipt(pack));
    document_fact(document, "Records", words);
}

static void add_scope(struct document *document, bool of_session)
{
    document_add(document, BLOCK_HEADING, "What is in this pack, and what is not");
    document_add(document, BLOCK_PARAGRAPH, "%s",
                 of_session
                     ? "In it: everything recorded about this session, what is recorded about the person and the "
                       "placement, the placement's written notices, the Jobcentre's appointments and decisions of "
                       "that day, and the programme's rules."
                     : "In it: everything recorded about this person: referrals and what became of them, placements, "
                       "attendance, written notices, the Jobcentre's appointments and decisions; and the programme's "
                       "rules.");
    document_add(
        document, BLOCK_PARAGRAPH,
        "Not in it: what was recorded about anybody else. To prove that a record stands where it does, the pack "
        "holds the headers of some records made just after it; a header says who recorded something, when, and "
        "under which number, and not what was said or about whom by name.");
    document_add(document, BLOCK_PARAGRAPH,
                 "A correction never replaces a record: both stay, and the later one names the earlier. What counts is "
                 "when something happened and when it was recorded, not when it was sent. All times are UTC.");
}

static void add_proof(struct document *document, const struct evidence_pack *pack)
{
    size_t index;
    const json_t *pem;
    document_add(document, BLOCK_HEADING, "What proves it");
    document_add(
        document, BLOCK_PARAGRAPH,
        "This page is a reading aid. The records themselves are in the folder ops, numbered as here, signed by the "
        "device that made them. 'holdfast-verify FOLDER' checks all of it without a network and shows what each "
        "record says; VERIFY.txt does the same with tools that every computer of this kind has.");
    json_array_foreach(answer_member(pack->about, "authorities"), index, pem)
    {
        SCOPED(buf_fini) struct buf der;
        uint8_t hash[SHA256_BYTES];
        char text[3 * SHA256_BYTES];
        buf_init(&der, CERTIFICATE_DER_MAX);
        if (certificate_from_pem(slice_of_text(json_string_value(pem)), &der, NULL) != ERR_OK) {
            continue;
        }
        struct slice one = buf_slice(&der);
        sha256(&one, 1, hash);
        for (size_t i = 0; i < SHA256_BYTES; i++) {
            (void)snprintf(text + 3 * i, 4, "%02X%s", hash[i], i + 1 < SHA256_BYTES ? ":" : "");
        }
        document_fact(document, "Authority (SHA-256)", text);
    }
    document_add(document, BLOCK_PARAGRAPH,
                 "Everything rests on this authority: compare its SHA-256 with what the Jobcentre publishes.");
}

struct document *evidence_words(const struct evidence_pack *pack)
{
    static const char *const person[] = { "participant", NULL };
    static const char *const referrals[] = { "referral", "referral_event", NULL };
    static const char *const placements[] = { "placement", NULL };
    static const char *const notices[] = { "notice", NULL };
    static const char *const appointments[] = { "appointment", NULL };
    static const char *const decisions[] = { "decision", NULL };
    static const char *const erasures[] = { "erasure", NULL };
    static const char *const packs[] = { "programme_pack", NULL };
    const json_t *about = answer_member(pack->about, "about");
    bool of_session = strcmp(answer_text(about, "kind"), "session") == 0;
    char title[WORDS_SIZE];
    (void)snprintf(title, sizeof(title), "Evidence: %s %.100s", of_session ? "session" : "person",
                   answer_text(about, "name"));
    struct document *document = document_new(title, answer_text(answer_member(pack->about, "site"), "name"),
                                             answer_text(pack->about, "made_at"));
    add_head(document, pack, of_session);
    add_scope(document, of_session);
    if (of_session) {
        add_session(document, pack);
    }
    add_section(document, pack, "Written notices", notices);
    add_section(document, pack, "The Jobcentre's appointments", appointments);
    add_section(document, pack, "The Jobcentre's decisions", decisions);
    if (!of_session) {
        add_register(document, pack);
    }
    add_section(document, pack, "Referrals", referrals);
    add_section(document, pack, "Placements", placements);
    add_section(document, pack, "The person", person);
    add_section(document, pack, "What was erased", erasures);
    add_unknown(document, pack);
    add_rules(document, pack);
    add_section(document, pack, "The centre's records of its rules", packs);
    add_proof(document, pack);
    return document;
}
