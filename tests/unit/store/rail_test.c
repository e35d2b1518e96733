/* The worked cases of rail_cases.txt, whose top says how they are written, against a real replica. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/doubts.h"
#include "store/replica.h"
#include "world.h"

#define BEHIND_MS (INT64_C(180) * 86400000) /* the others' logical clocks, where a case says nothing of them */

enum { WORDS_MAX = 24, KEY_SIZE = 24, LINE_SIZE = 300 };

static struct world world;
static struct replica site;
static struct voice jcp;
static struct voice laptop;
static int64_t now;

/* One case: the refs of everything in it end with its number. */
static struct {
    char name[LINE_SIZE];
    int line;
    int number;
    char day[DATE_TEXT_SIZE];
    char basis[ROW_CODE_SIZE];
    char pattern[PATTERN_TEXT_MAX + 1];
    char calendar[ROW_CODE_SIZE];
    char host[ROW_NAME_SIZE];
    char ends_on[DATE_TEXT_SIZE];
    bool referred; /* its placement names the person's own referral */
    bool at_once;  /* nobody waits for the next day */
    int weeks;
    char decision[KEY_SIZE];
    int dated;     /* so many things were said on a day that the case names */
    bool set_back; /* the newest by a clock that was set back to that day */
} c;

static int checked;

/* What was said last. */
static struct {
    uint32_t kind;
    uint8_t subject[OP_SUBJECT_MAX];
    struct op_id op;
    bool of_centre;
} last;

static const char *key(const char *kind)
{
    static char keys[8][KEY_SIZE];
    static size_t next;
    char *out = keys[next++ % ARRAY_LEN(keys)];
    (void)snprintf(out, KEY_SIZE, "%s-%d", kind, c.number);
    return out;
}

static const char *days_from(const char *day, int days)
{
    static char dates[4][DATE_TEXT_SIZE];
    static size_t next;
    char *out = dates[next++ % ARRAY_LEN(dates)];
    date_format(day_of(day) + days, out);
    return out;
}

static void remember(const struct store_entry *entry, const struct op_id *op, bool of_centre)
{
    last.kind = entry->kind;
    memcpy(last.subject, entry->subject, sizeof(last.subject));
    last.op = *op;
    last.of_centre = of_centre;
}

/* By a clock that is right; or by one that was set back, and then it comes after what was said here all the same. */
static void write_at(struct store_entry *entry, int64_t said_ms)
{
    struct store_written written;
    struct error err = { 0 };
    uint64_t newest = site.store->newest_hlc;
    bool right = said_ms < now && !c.set_back;
    site.store->newest_hlc = right ? (uint64_t)said_ms << 16 : newest;
    cr_assert_eq(store_write(site.store, "tester", entry, 1, said_ms, &written, &err), ERR_OK, "line %d: %s", c.line,
                 err.message);
    site.store->newest_hlc = right ? newest : site.store->newest_hlc;
    if (written.added > 0) {
        remember(entry, &written.last, false);
    }
}

static void write_one(struct store_entry *entry)
{
    write_at(entry, now += 1000);
}

static void hear(struct voice *voice, struct store_entry *entry)
{
    struct store_applied applied;
    struct error err = { 0 };
    int64_t forged_at_ms = voice->replica.forged_at_ms;
    int64_t forged_hlc_ms = voice->replica.forged_hlc_ms;
    voice->replica.forged_at_ms = forged_at_ms != 0 ? forged_at_ms : now;
    voice->replica.forged_hlc_ms = forged_hlc_ms != 0 ? forged_hlc_ms : now - BEHIND_MS;
    voice_say(voice, entry);
    voice->replica.forged_at_ms = forged_at_ms;
    voice->replica.forged_hlc_ms = forged_hlc_ms;
    remember(entry, &voice->said[voice->count - 1].run.ops.ops[0].id, voice == &jcp);
    cr_assert_eq(voice_reach(voice, voice->count - 1, 1, &site, &applied, &err), ERR_OK, "line %d: %s", c.line,
                 err.message);
    cr_assert_eq(applied.quarantined, 0, "line %d", c.line);
}

/* The day behind a word, in milliseconds, or `otherwise`. */
static int64_t said_at(char *const *words, int count, int64_t otherwise)
{
    for (int i = 0; i + 1 < count; i++) {
        c.set_back = strcmp(words[i], "claimed") == 0;
        if (c.set_back || strcmp(words[i], "said") == 0) {
            return (int64_t)day_of(words[i + 1]) * 86400000 + 43200000 + c.dated++ * INT64_C(1000);
        }
    }
    return otherwise;
}

/* ---- the lines ---- */

static bool has_word(char *const *words, int count, const char *word)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static void place_at(int64_t said_ms)
{
    struct store_entry entry;
    entry_placement(&world, &entry, key("P"), key("G"), c.basis, days_from(c.day, -30),
                    c.ends_on[0] != '\0' ? c.ends_on : days_from(c.day, 90), c.pattern);
    record_set_text(&entry.record, "calendar", c.calendar);
    record_set_text(&entry.record, "host", c.host[0] != '\0' ? c.host : NULL);
    if (c.referred) {
        entry_sent_by(&world, &entry, key("R"));
    }
    write_at(&entry, said_ms);
}

/* Before all that cases date. */
static void place(void)
{
    c.set_back = false;
    now += 1000;
    place_at((int64_t)(day_of(c.day) - 60) * 86400000);
}

static int64_t minute_of(const char *day, const char *time)
{
    int minute;
    cr_assert(time_of_day_parse(time, &minute), "line %d", c.line);
    return (int64_t)day_of(day) * 24 * 60 + minute;
}

static void say_clock(char *const *words, int count)
{
    (void)count;
    now = minute_of(words[0], words[1]) * 60000;
    c.at_once = true;
}

/* Before it begins, a machine without our rules may say so. */
static void stay_away(void)
{
    struct store_entry entry;
    struct store_written written;
    struct error err = { 0 };
    entry_attendance(&world, &entry, key("P"), c.day, 0, OUTCOME_ABSENT, -1, NULL);
    bool begun = clock_london_minute(now) >= minute_of(c.day, "09:30");
    cr_assert_eq(store_write(site.store, "tester", &entry, 1, now += 1000, &written, &err),
                 begun ? ERR_OK : ERR_REFUSED, "line %d: %s", c.line, err.message);
    if (!begun) {
        hear(&laptop, &entry);
    }
}

static void say_about(char *const *words, int count)
{
    struct store_entry entry;
    (void)snprintf(c.day, sizeof(c.day), "%s", words[0]);
    (void)snprintf(c.calendar, sizeof(c.calendar), "%s",
                   has_word(words, count, "scotland") ? "scotland" : "england_wales");
    entry_participant(&world, &entry, key("G"), "Test Alder");
    write_one(&entry);
    c.referred = !has_word(words, count, "referral");
    if (c.referred) {
        entry_referral(&world, &entry, key("R"), key("G"), days_from(c.day, -40));
        write_one(&entry);
    }
    place();
    if (!has_word(words, count, "notice")) {
        entry_notice(&world, &entry, key("N"), key("P"), days_from(c.day, -20), "hand");
        write_one(&entry);
    }
    if (!has_word(words, count, "record")) {
        stay_away();
    }
    if (!has_word(words, count, "contact")) {
        entry_contact(&world, &entry, key("C"), key("G"), days_from(c.day, c.at_once ? 0 : 1), c.day);
        write_one(&entry);
    }
    if (!has_word(words, count, "review")) {
        entry_review(&world, &entry, key("V"), key("P"), c.day, "doubt");
        write_one(&entry);
    }
}

static void say_notice(char *const *words, int count)
{
    struct store_entry entry;
    entry_notice(&world, &entry, key("N"), key("P"), words[0], words[1]);
    for (int i = 2; i + 1 < count; i += 2) {
        char field[KEY_SIZE];
        (void)snprintf(field, sizeof(field), "says_%.15s", words[i + 1]);
        if (strcmp(words[i], "received") == 0) {
            record_set_number(&entry.record, "received_on", day_of(words[i + 1]));
        } else {
            record_set_number(&entry.record, field, 0);
        }
    }
    write_one(&entry);
}

/* Fields are merged: an attempt that names no day has to be another record. */
static void say_contact(char *const *words, int count)
{
    struct store_entry entry;
    entry_contact(&world, &entry, key("C"), "nobody of this case", words[0], NULL);
    write_one(&entry);
    entry_contact(&world, &entry, key("CC"), key("G"), words[0], count == 3 ? words[2] : NULL);
    write_one(&entry);
}

static enum outcome outcome_of(const char *word)
{
    static const char *const outcomes[] = { "",       "attended",    "late",   "left_early", "absent_with_notice",
                                            "absent", "host_closed", "excused" };
    for (size_t i = 1; i < ARRAY_LEN(outcomes); i++) {
        if (strcmp(outcomes[i], word) == 0) {
            return (enum outcome)i;
        }
    }
    cr_assert_fail("line %d: '%s' is no outcome", c.line, word);
    return OUTCOME_ABSENT;
}

static void say_recorded(char *const *words, int count)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, key("P"), c.day, 0, outcome_of(words[0]), -1, "put right");
    record_set_text(&entry.record, "reason", count == 3 ? words[2] : NULL);
    write_one(&entry);
}

static void say_elsewhere(char *const *words, int count)
{
    struct store_entry entry;
    (void)count;
    entry_attendance(&world, &entry, key("P"), c.day, 0, outcome_of(words[0]), -1, NULL);
    hear(&laptop, &entry);
}

/* By a machine without our rules. */
static void say_beforehand(char *const *words, int count)
{
    struct store_entry entry;
    (void)count;
    entry_attendance(&world, &entry, key("P"), c.day, 0, outcome_of(words[0]), -1, NULL);
    laptop.replica.forged_at_ms = minute_of(c.day, words[1]) * 60000;
    hear(&laptop, &entry);
    laptop.replica.forged_at_ms = 0;
}

static void say_basis(char *const *words, int count)
{
    (void)count;
    (void)snprintf(c.basis, sizeof(c.basis), "%s", words[0]);
    place();
}

static void say_referral(char *const *words, int count)
{
    struct store_entry entry;
    bool on_a_day = strcmp(words[0], "received") == 0;
    entry_referral(&world, &entry, key("R"), key("G"), on_a_day ? words[count - 1] : days_from(c.day, -40));
    record_set_text(&entry.record, "basis", on_a_day ? "mandatory" : words[0]);
    write_one(&entry);
}

/* By its clock before everything here, or after: whatever comes first. */
static void hear_at(struct voice *voice, struct store_entry *entry, const char *when)
{
    const int64_t year = INT64_C(366) * 86400000;
    voice->replica.forged_hlc_ms = strcmp(when, "last") == 0    ? now + 2 * year
                                   : strcmp(when, "after") == 0 ? now + year
                                                                : now - 3 * year;
    hear(voice, entry);
    voice->replica.forged_hlc_ms = 0;
}

static void say_said(char *const *words, int count)
{
    struct store_entry entry;
    cr_assert_eq(count, 3, "line %d", c.line);
    if (strcmp(words[0], "placement") == 0) {
        entry_placement(&world, &entry, key("P"), key("G"), words[1], days_from(c.day, -30), days_from(c.day, 90),
                        c.pattern);
        hear_at(&laptop, &entry, words[2]);
        return;
    }
    entry_referral(&world, &entry, key("R"), key("G"), days_from(c.day, -40));
    record_set_text(&entry.record, "basis", words[1]);
    hear_at(strcmp(words[0], "centre") == 0 ? &jcp : &laptop, &entry, words[2]);
}

/* On the day that is said, if one is. */
static void hear_said(struct voice *voice, struct store_entry *entry, char *const *words, int count)
{
    voice->replica.forged_at_ms = said_at(words, count, now);
    voice->replica.forged_hlc_ms = c.set_back ? now : voice->replica.forged_at_ms;
    hear(voice, entry);
    voice->replica.forged_hlc_ms = voice->replica.forged_at_ms = 0;
}

static void say_event(char *const *words, int count)
{
    struct store_entry entry = { .kind = KIND_REFERRAL_EVENT, .happened_at_ms = OP_TIME_NONE };
    entity_id(world.stream, "referral", key(has_word(words, count, "second") ? "RQ" : "R"), entry.subject);
    record_init(&entry.record, kind_by_number(KIND_REFERRAL_EVENT));
    record_set_text(&entry.record, "status", words[0]);
    record_set_number(&entry.record, "on", day_of(words[1]));
    now += 1000;
    if (has_word(words, count, "centre") || has_word(words, count, "peer")) {
        hear_said(has_word(words, count, "centre") ? &jcp : &laptop, &entry, words, count);
    } else {
        write_at(&entry, said_at(words, count, now));
    }
}

static void say_moved(char *const *words, int count)
{
    struct store_entry entry;
    (void)count;
    entry_referral(&world, &entry, key("RR"), key("G"), days_from(c.day, -35));
    record_set_text(&entry.record, "basis", words[0]);
    write_one(&entry);
    entry_placement(&world, &entry, key("P"), key("G"), c.basis, days_from(c.day, -30), days_from(c.day, 90),
                    c.pattern);
    entry_sent_by(&world, &entry, key("RR"));
    hear_at(&laptop, &entry, "after");
}

static void say_another(char *const *words, int count)
{
    struct store_entry entry;
    (void)count;
    entry_placement(&world, &entry, key("P"), key("X"), c.basis, days_from(c.day, -30), days_from(c.day, 90),
                    c.pattern);
    hear_at(&laptop, &entry, words[0]);
}

/* By a machine of the same side that has no rules: that record alone. */
static void say_erased(char *const *words, int count)
{
    struct store_entry erasure;
    struct voice *voice = last.of_centre ? &jcp : &laptop;
    struct op_id op = last.op;
    (void)words;
    (void)count;
    entry_erasure(&erasure, last.kind, last.subject, last.of_centre);
    voice->replica.forged_over = &op;
    hear_at(voice, &erasure, "last");
    voice->replica.forged_over = NULL;
}

static void say_beside(char *const *words, int count)
{
    struct store_entry entry;
    bool of_centre = has_word(words, count, "centre");
    bool duplicate = has_word(words, count, "duplicate");
    const char *name = count > 1 + of_centre + duplicate ? words[1] : words[0];
    if (duplicate) {
        entry_merge(&world, &entry, key("GG"), key("G"), false);
        write_one(&entry);
    }
    entry_referral(&world, &entry, key(name), key(duplicate ? "GG" : "G"), days_from(c.day, -36));
    record_set_text(&entry.record, "basis", words[0]);
    if (of_centre) {
        hear(&jcp, &entry);
    } else {
        write_one(&entry);
    }
}

/* The centre says of the referral that the placement names whose it is and when it came; or a machine that has none of
 * these rules does, by a clock that is years behind. */
static void say_whose(char *const *words, int count)
{
    struct store_entry entry;
    cr_assert_eq(count, 3, "line %d", c.line);
    entry_referral(&world, &entry, key("R"), key(strcmp(words[1], "theirs") == 0 ? "G" : "X"), words[2]);
    if (strcmp(words[0], "centre") == 0) {
        hear(&jcp, &entry);
    } else {
        hear_at(&laptop, &entry, "before");
    }
}

/* A machine without these rules says which; nobody's: no record of it is here. */
static void say_names(char *const *words, int count)
{
    struct store_entry entry;
    (void)count;
    bool unsaid = strcmp(words[0], "unsaid") == 0;
    if (unsaid || strcmp(words[0], "another's") == 0) {
        entry_referral(&world, &entry, key("RX"), key(unsaid ? "G" : "X"), days_from(c.day, -40));
        record_value(&entry.record, "basis")->present = !unsaid;
        hear(&laptop, &entry);
    }
    entry_placement(&world, &entry, key("P"), key("G"), c.basis, days_from(c.day, -30), days_from(c.day, 90),
                    c.pattern);
    entry_sent_by(&world, &entry, key("RX"));
    hear_at(&laptop, &entry, "before");
}

/* A placement at other hours of the same days, and what is recorded there. */
static void say_second(char *const *words, int count)
{
    struct store_entry entry;
    char pattern[KEY_SIZE];
    bool ended = has_word(words, count, "ended");
    (void)snprintf(pattern, sizeof(pattern), "Mon-Fri %.11s", words[0]);
    entry_placement(&world, &entry, key("Q"), key(has_word(words, count, "duplicate") ? "GG" : "G"),
                    has_word(words, count, "voluntary") ? "voluntary" : "mandatory", days_from(c.day, -30),
                    days_from(c.day, ended ? -1 : 90), pattern);
    if (has_word(words, count, "referred")) {
        entry_sent_by(&world, &entry, key("RQ"));
    }
    now += 1000;
    hear_said(&laptop, &entry, words, count);
    if (has_word(words, count, "duplicate")) {
        entry_merge(&world, &entry, key("GG"), key("G"), false);
        write_one(&entry);
    }
    if (count > 1 && strcmp(words[1], "recorded") == 0) {
        entry_attendance(&world, &entry, key("Q"), c.day, 0, outcome_of(words[2]), -1, NULL);
        record_set_text(&entry.record, "reason", has_word(words, count, "because") ? "health" : NULL);
        hear(&laptop, &entry);
    }
    if (has_word(words, count, "disputed")) {
        entry_attendance(&world, &entry, key("Q"), c.day, 0, OUTCOME_EXCUSED, -1, NULL);
        hear(&laptop, &entry); /* and does not know the other record */
    }
}

/* One that they were on before. */
static void say_earlier(char *const *words, int count)
{
    struct store_entry entry;
    bool duplicate = has_word(words, count, "duplicate");
    entry_placement(&world, &entry, key("Q"), key(duplicate ? "GG" : "G"),
                    has_word(words, count, "voluntary") ? "voluntary" : "mandatory", words[0], words[1],
                    "Mon 09:00-10:00");
    hear(&laptop, &entry);
    if (duplicate) {
        entry_merge(&world, &entry, key("GG"), key("G"), false);
        write_one(&entry);
    }
}

/* What the placement says otherwise, and when that was recorded. */
static void say_otherwise(char *out, size_t size, char *const *words, int count)
{
    bool dated = count > 2 && (strcmp(words[0], "said") == 0 || strcmp(words[0], "claimed") == 0);
    out[0] = '\0';
    for (int i = dated ? 2 : 0; i < count; i++) {
        size_t len = strlen(out);
        (void)snprintf(out + len, size - len, "%s%s", len > 0 ? " " : "", words[i]);
    }
    now += 1000;
    place_at(dated ? said_at(words, 2, now) : now);
}

static void say_pattern(char *const *words, int count)
{
    say_otherwise(c.pattern, sizeof(c.pattern), words, count);
}

static void say_host(char *const *words, int count)
{
    say_otherwise(c.host, sizeof(c.host), words, count);
}

static void say_ends(char *const *words, int count)
{
    say_otherwise(c.ends_on, sizeof(c.ends_on), words, count);
}

static void say_calendar(char *const *words, int count)
{
    say_otherwise(c.calendar, sizeof(c.calendar), words, count);
}

static void say_review(char *const *words, int count)
{
    struct store_entry entry;
    (void)count;
    entry_review(&world, &entry, key("VV"), key("P"), c.day, words[0]);
    write_one(&entry);
}

static void say_answers(char *const *words, int count)
{
    struct store_entry entry;
    char text[LINE_SIZE] = "Were they ill?\nNot that we know.\n\nCould they get there?\n";
    for (int i = 0; i < count; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s ", words[i]);
    }
    entry_review(&world, &entry, key("V"), key("P"), c.day, "doubt");
    record_set_text(&entry.record, "answers", text);
    write_one(&entry);
}

static void say_rest(char *const *words, int count)
{
    struct store_entry entry = { .kind = KIND_PLACEMENT_BREAK, .happened_at_ms = OP_TIME_NONE };
    uint8_t placement[OP_ENTITY_BYTES];
    entity_id(world.stream, "placement_break", key("B"), entry.subject);
    entity_id(world.stream, "placement", key(has_word(words, count, "second") ? "Q" : "P"), placement);
    record_init(&entry.record, kind_by_number(KIND_PLACEMENT_BREAK));
    record_set_id(&entry.record, "placement", placement);
    record_set_number(&entry.record, "starts_on", day_of(words[0]));
    record_set_number(&entry.record, "ends_on", day_of(words[1]));
    record_set_text(&entry.record, "reason", "agreed_leave");
    now += 1000;
    write_at(&entry, said_at(words, count, now));
}

static void say_jcp(char *const *words, int count)
{
    struct store_entry entry;
    int from[2];
    int to[2];
    cr_assert_eq(sscanf(words[0], "%d:%d-%d:%d", &from[0], &from[1], &to[0], &to[1]), 4, "line %d", c.line);
    entry_appointment(&world, &entry, key("A"), key("G"), has_word(words, count, "moved") ? days_from(c.day, 7) : c.day,
                      60 * from[0] + from[1], 60 * to[0] + to[1]);
    if (has_word(words, count, "cancelled")) {
        record_set_number(&entry.record, "cancelled", 1);
    }
    now += 1000;
    jcp.replica.forged_at_ms = said_at(words, count, now);
    jcp.replica.forged_hlc_ms = c.set_back ? now : jcp.replica.forged_at_ms;
    hear(&jcp, &entry);
    jcp.replica.forged_hlc_ms = jcp.replica.forged_at_ms = 0;
}

static void say_decision(char *const *words, int count)
{
    struct store_entry entry;
    cr_assert_eq(count, 6, "line %d", c.line);
    entry_decision(&world, &entry, key(words[0]), key("G"), words[2], words[4], words[5], NULL);
    hear(&jcp, &entry);
}

static void say_exposure(char *const *words, int count)
{
    c.weeks = atoi(words[0]);
    if (count == 3) {
        (void)snprintf(c.decision, sizeof(c.decision), "%s", key(words[2]));
    }
}

static void say_doubted(char *const *words, int count)
{
    struct store_entry entry;
    (void)words;
    (void)count;
    entry_doubt(&world, &entry, key("E"), key("P"), c.day, key("V"), key("N"));
    write_one(&entry);
}

static void say_taken(char *const *words, int count)
{
    struct store_entry entry;
    (void)words;
    (void)count;
    entry_doubt_event(&world, &entry, key("E"), "withdrawn", days_from(c.day, 5));
    write_one(&entry);
}

/* The same by a machine of which nobody here has heard, before everything here by its clock; and the Jobcentre decided
 * that one. */
static void say_decided(char *const *words, int count)
{
    struct store_entry entry;
    (void)count;
    entry_doubt(&world, &entry, key("E"), key("P"), c.day, key("V"), key("N"));
    hear_at(&laptop, &entry, words[1]);
    entry_decision(&world, &entry, key("DD"), key("G"), c.day, days_from(c.day, 20), words[0], key("E"));
    hear(&jcp, &entry);
}

/* ---- what comes out ---- */

/* The same codes in any order; texts of codes separated by commas. */
static bool same_codes(const char *found, const char *expected)
{
    char rest[DOUBT_WANTS_SIZE];
    if (strlen(found) != strlen(expected)) {
        return false;
    }
    (void)snprintf(rest, sizeof(rest), "%s", expected);
    for (char *code = strtok(rest, ","); code != NULL; code = strtok(NULL, ",")) {
        const char *at = strstr(found, code);
        size_t len = strlen(code);
        if (at == NULL || (at != found && at[-1] != ',') || (at[len] != '\0' && at[len] != ',')) {
            return false;
        }
    }
    return true;
}

static void expect_preview(const char *wants)
{
    struct doubt_plan plan = { .day = day_of(c.day), .exposure_weeks = c.weeks, .now_ms = now };
    char found[DOUBT_WANTS_SIZE];
    struct error err = { 0 };
    entity_id(world.stream, "placement", key("P"), plan.placement.bytes);
    entity_id(world.stream, "flag_review", key("V"), plan.review.bytes);
    entity_id(world.stream, "notice", key("N"), plan.notice.bytes);
    if (c.decision[0] != '\0') {
        entity_id(world.stream, "decision", c.decision, plan.earlier_decision.bytes);
    }
    cr_assert_eq(doubt_try(site.store, &plan, found, &err), ERR_OK, "%s", err.message);
    cr_expect(same_codes(found, wants), "line %d, %s: previewed '%s', not '%s'", c.line, c.name, found, wants);
}

static void expect_doubt(const char *wants)
{
    struct store_entry entry;
    struct doubt_row row;
    struct error err = { 0 };
    uint8_t id[OP_ENTITY_BYTES];
    char digits[DOUBT_ID_SIZE];
    entry_doubt(&world, &entry, key("D"), key("P"), c.day, key("V"), key("N"));
    record_set_number(&entry.record, "exposure_weeks", c.weeks);
    if (c.decision[0] != '\0') {
        entity_id(world.stream, "decision", c.decision, id);
        record_set_id(&entry.record, "earlier_decision", id);
    }
    write_one(&entry);
    hex_encode(entry.subject, OP_ENTITY_BYTES, digits);
    cr_assert_eq(query_doubt(site.store, digits, &row, &err), ERR_OK, "%s", err.message);
    cr_expect_str_eq(row.status, wants[0] == '\0' ? "standing" : "suspended", "line %d, %s: %s", c.line, c.name,
                     row.status);
    cr_expect(same_codes(row.wants, wants), "line %d, %s: '%s', not '%s'", c.line, c.name, row.wants, wants);
}

static void expect(char *const *words, int count)
{
    const char *wants = count == 0 ? "" : words[0];
    expect_preview(wants);
    expect_doubt(wants);
    checked++;
}

/* ---- the file ---- */

static const struct {
    const char *word;
    void (*say)(char *const *words, int count);
    int least; /* words after it */
} lines[] = {
    { "event", say_event, 2 },       { "clock", say_clock, 2 },         { "about", say_about, 1 },
    { "notice", say_notice, 2 },     { "contact", say_contact, 1 },     { "review", say_review, 1 },
    { "recorded", say_recorded, 1 }, { "elsewhere", say_elsewhere, 1 }, { "basis", say_basis, 1 },
    { "referral", say_referral, 1 }, { "pattern", say_pattern, 1 },     { "rest", say_rest, 2 },
    { "jcp", say_jcp, 1 },           { "decision", say_decision, 6 },   { "exposure", say_exposure, 1 },
    { "doubted", say_doubted, 0 },   { "taken", say_taken, 1 },         { "said", say_said, 3 },
    { "moved", say_moved, 1 },       { "stands", expect, 0 },           { "lacks", expect, 1 },
    { "answers", say_answers, 0 },   { "beside", say_beside, 1 },       { "another", say_another, 1 },
    { "erased", say_erased, 0 },     { "decided", say_decided, 2 },     { "host", say_host, 1 },
    { "ends", say_ends, 1 },         { "calendar", say_calendar, 1 },   { "beforehand", say_beforehand, 2 },
    { "names", say_names, 1 },       { "second", say_second, 1 },       { "whose", say_whose, 3 },
    { "earlier", say_earlier, 2 },
};

/* The rules have looked at what the case before left: else each write judges every doubt of all of them again. */
static void unmark_all(void)
{
    struct error err = { 0 };
    cr_assert_eq(db_exec(&site.store->db, "DELETE FROM dirty_placement", &err), ERR_OK, "%s", err.message);
}

static void take_line(char *text)
{
    char *words[WORDS_MAX];
    int count = 0;
    if (strncmp(text, "case ", 5) == 0) {
        now = (int64_t)day_of("2027-06-01") * 86400000 + c.line * INT64_C(60000);
        int number = c.number + 1;
        memset(&c, 0, sizeof(c));
        c.number = number;
        c.weeks = 4;
        unmark_all();
        (void)snprintf(c.basis, sizeof(c.basis), "mandatory");
        (void)snprintf(c.pattern, sizeof(c.pattern), "Mon-Fri 09:30-15:30");
        (void)snprintf(c.name, sizeof(c.name), "%s", text + 5 + strspn(text + 5, " "));
        return;
    }
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        cr_assert_lt(count, WORDS_MAX, "line %d", c.line);
        words[count++] = word;
    }
    for (size_t i = 0; count > 0 && i < ARRAY_LEN(lines); i++) {
        if (strcmp(words[0], lines[i].word) == 0) {
            cr_assert_geq(count - 1, lines[i].least, "line %d: a word is missing", c.line);
            lines[i].say(words + 1, count - 1);
            return;
        }
    }
    cr_assert_eq(count, 0, "line %d: '%s' is not understood", c.line, words[0]);
}

Test(rails, the_worked_cases_hold_in_the_preview_and_for_a_doubt_made_by_hand, .timeout = 480)
{
    char text[LINE_SIZE];
    int line = 0;
    world_init(&world);
    replica_start(&world, &site, CERTIFICATE_ROLE_AGENT);
    voice_start(&world, &jcp, CERTIFICATE_ROLE_CENTRE);
    voice_start(&world, &laptop, CERTIFICATE_ROLE_AGENT);
    now = (int64_t)day_of("2027-06-01") * 86400000;
    FILE *file = fopen(RAILS_FILE, "r");
    cr_assert_not_null(file);
    while (fgets(text, sizeof(text), file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
        c.line = ++line;
        if (text[0] != '#') {
            take_line(text);
            c.line = line;
        }
    }
    (void)fclose(file);
    cr_expect_eq(checked, c.number, "%d of %d cases say what has to come out", checked, c.number);
    cr_expect_geq(checked, 80);
    voice_stop(&laptop);
    voice_stop(&jcp);
    replica_stop(&site);
    world_fini(&world);
}

/* Every reason for which a doubt may be held back is in one of the cases. */
Test(rails, every_reason_has_a_worked_case)
{
    struct buf file;
    struct error err = { 0 };
    buf_init(&file, 1 << 20);
    cr_assert_eq(file_read(RAILS_FILE, &file, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(buf_append(&file, "", 1, &err), ERR_OK);
    const struct doubt_want *want;
    for (size_t i = 0; (want = doubt_want_at(i)) != NULL; i++) {
        /* before everything else came: doubt_test.c; of people whom one person alone merged: merge_test.c; by a pack
         * that is not here or was not in force: packs_test.c; of volunteers: the agent's doubts_test.c */
        bool elsewhere = strcmp(want->code, "no_placement") == 0 || strncmp(want->code, "pack_not_", 9) == 0 ||
                         strstr(want->code, "_unconfirmed") != NULL || strcmp(want->code, "as_volunteer") == 0;
        cr_expect(elsewhere || strstr((const char *)file.data, want->code) != NULL, "%s", want->code);
    }
    buf_fini(&file);
}
