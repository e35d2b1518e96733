/*
 * What people record, in about the proportions of a week: attendance first of all, then corrections of it, people and
 * placements, notices, referrals and their answers, capacity; and JCP's referrals, appointments and decisions.
 *
 * Few people, placements and days, so that machines meet in the same records; each text holds a number of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "tests/sim/acts.h"

enum { REFERRALS = 3, DAYS = 3, BATCH_MAX = 3, LONG_TEXT = 1500 };

/* An entry with the texts and ids that it borrows. */
struct draft {
    struct store_entry entry;
    char ref[32];
    char text[64 + LONG_TEXT];
    uint8_t participant[OP_ENTITY_BYTES];
    uint8_t other[OP_ENTITY_BYTES];
};

struct agent *any_agent(struct world *world)
{
    size_t from = chance_below(&world->chance, (uint32_t)world->agent_count);
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[(from + i) % world->agent_count];
        if (agent->store != NULL) {
            return agent;
        }
    }
    return NULL;
}

static int32_t first_day(void)
{
    return date_from_civil(2026, 11, 9);
}

static int32_t some_day(struct world *world)
{
    return first_day() + (int32_t)chance_below(&world->chance, DAYS);
}

static void begin(struct draft *draft, enum record_kind kind)
{
    *draft = (struct draft){ .entry = { .kind = kind, .happened_at_ms = OP_TIME_NONE } };
    record_init(&draft->entry.record, kind_by_number(kind));
}

static void say(struct world *world, struct draft *draft, const char *field)
{
    static const char *const phrases[] = { "late bus", "phoned in", "saw the list", "as told by the host" };
    (void)snprintf(draft->text, sizeof(draft->text), "%s (%u)", phrases[chance_below(&world->chance, 4)],
                   ++world->token);
    record_set_text(&draft->entry.record, field, draft->text);
}

/* What hardly shrinks: a few of them in a request are enough for the centre to keep what came before a break. */
static void say_at_length(struct world *world, struct draft *draft, const char *field)
{
    say(world, draft, field);
    size_t len = strlen(draft->text);
    for (size_t i = 0; i < LONG_TEXT; i++) {
        draft->text[len++] = (char)('0' + chance_below(&world->chance, 'z' - '0' + 1));
    }
    draft->text[len] = '\0';
    record_set_text(&draft->entry.record, field, draft->text);
}

static void refer(const struct site *site, struct draft *draft, const char *kind, const char *prefix, unsigned number)
{
    (void)snprintf(draft->ref, sizeof(draft->ref), "%s%03u", prefix, number);
    record_set_text(&draft->entry.record, "ref", draft->ref);
    entity_id(site->stream, kind, draft->ref, draft->entry.subject);
}

static void name_participant(struct world *world, const struct site *site, struct draft *draft)
{
    char ref[32];
    (void)snprintf(ref, sizeof(ref), "T-%03u", chance_below(&world->chance, PEOPLE));
    entity_id(site->stream, "participant", ref, draft->participant);
    record_set_id(&draft->entry.record, "participant", draft->participant);
}

static void placement_numbered(const struct site *site, unsigned number, uint8_t out[OP_ENTITY_BYTES])
{
    char ref[32];
    (void)snprintf(ref, sizeof(ref), "T-P%03u", number);
    entity_id(site->stream, "placement", ref, out);
}

static void placement_id(struct world *world, const struct site *site, uint8_t out[OP_ENTITY_BYTES])
{
    placement_numbered(site, chance_below(&world->chance, PEOPLE), out);
}

/* ---- drafts of each kind ---- */

/* By the centre's clock, as far as the machine knows how far its own is off. */
static int64_t known_ms(struct agent *agent)
{
    struct store_sync sync;
    agent->disk.aside = true;
    MUST(store_sync_read(agent->store, &sync, must));
    agent->disk.aside = false;
    return agent_wall_ms(agent) - sync.clock_offset_ms;
}

/* Whose clock says that the day is not over leaves open what only its end shows. */
static void draft_attendance(struct world *world, struct agent *agent, struct draft *draft, bool note)
{
    uint8_t placement[OP_ENTITY_BYTES];
    int32_t day = some_day(world);
    begin(draft, KIND_ATTENDANCE);
    placement_id(world, agent->site, placement);
    session_subject(placement, day, (int)chance_below(&world->chance, 2) == 0, draft->entry.subject);
    int64_t outcome = chance_between(&world->chance, 1, OUTCOME_COUNT - 1);
    bool over = clock_london_minute(known_ms(agent)) >= (int64_t)(day + 1) * 24 * 60;
    bool shown = outcome == OUTCOME_LATE || outcome == OUTCOME_LEFT_EARLY || outcome == OUTCOME_ABSENT;
    record_set_number(&draft->entry.record, "outcome", shown && !over ? OUTCOME_ABSENT_WITH_NOTICE : outcome);
    if (chance_percent(&world->chance, 50)) {
        record_set_number(&draft->entry.record, "minutes", 30 * chance_between(&world->chance, 1, 12));
    }
    if (note && chance_percent(&world->chance, 8)) {
        say_at_length(world, draft, "note");
    } else if (note) {
        say(world, draft, "note");
    }
}

static void draft_participant(struct world *world, const struct site *site, struct draft *draft)
{
    begin(draft, KIND_PARTICIPANT);
    refer(site, draft, "participant", "T-", chance_below(&world->chance, PEOPLE));
    say(world, draft, chance_percent(&world->chance, 50) ? "name" : "phone");
    if (record_value(&draft->entry.record, "name")->present) {
        record_set_number(&draft->entry.record, "restricted", chance_below(&world->chance, 2));
    }
}

static void draft_placement(struct world *world, const struct site *site, struct draft *draft)
{
    static const char *const patterns[] = { "Mon Wed Fri 09:30-15:30", "Mon Tue 10:00-12:00; Thu 13:00-16:00",
                                            "Tue Thu 08:00-18:00" };
    struct record *record = &draft->entry.record;
    begin(draft, KIND_PLACEMENT);
    refer(site, draft, "placement", "T-P", chance_below(&world->chance, PEOPLE));
    name_participant(world, site, draft);
    if (chance_percent(&world->chance, 40)) {
        char ref[32];
        (void)snprintf(ref, sizeof(ref), "R-%03u", chance_below(&world->chance, REFERRALS));
        entity_id(site->stream, "referral", ref, draft->other);
        record_set_id(record, "referral", draft->other);
    }
    record_set_text(record, "basis", chance_percent(&world->chance, 80) ? "mandatory" : "voluntary");
    record_set_number(record, "starts_on", first_day() - chance_between(&world->chance, 0, 7));
    record_set_number(record, "ends_on", first_day() + chance_between(&world->chance, 1, 90));
    record_set_text(record, "pattern", patterns[chance_below(&world->chance, 3)]);
    record_set_text(record, "calendar", chance_percent(&world->chance, 50) ? "scotland" : "england_wales");
    record_set_number(record, "weekly_minutes", 20 * 60);
    say(world, draft, "note");
}

static void draft_notice_for(struct world *world, const struct site *site, unsigned number, unsigned placement,
                             struct draft *draft)
{
    static const char *const ways[] = { "post", "hand", "email" };
    static const char *const says[] = { "says_what", "says_when", "says_where", "says_mandatory" };
    char key[32];
    begin(draft, KIND_NOTICE);
    (void)snprintf(key, sizeof(key), "N-%u", number);
    entity_id(site->stream, "notice", key, draft->entry.subject);
    placement_numbered(site, placement, draft->other);
    record_set_id(&draft->entry.record, "placement", draft->other);
    record_set_number(&draft->entry.record, "served_on", some_day(world));
    record_set_text(&draft->entry.record, "served_by", ways[chance_below(&world->chance, 3)]);
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        record_set_number(&draft->entry.record, says[i], chance_below(&world->chance, 2));
    }
    say(world, draft, "note");
}

static void draft_notice(struct world *world, const struct site *site, struct draft *draft)
{
    unsigned number = chance_below(&world->chance, 3);
    draft_notice_for(world, site, number, chance_below(&world->chance, PEOPLE), draft);
}

static void draft_capacity(struct world *world, const struct site *site, struct draft *draft)
{
    char key[32];
    begin(draft, KIND_CAPACITY_STATEMENT);
    (void)snprintf(key, sizeof(key), "C-%u", chance_below(&world->chance, 3));
    entity_id(site->stream, "capacity", key, draft->entry.subject);
    record_set_number(&draft->entry.record, "places", chance_below(&world->chance, 6));
    record_set_number(&draft->entry.record, "stated_on", some_day(world));
    say(world, draft, "note");
}

static void draft_referral(struct world *world, const struct site *site, struct draft *draft)
{
    begin(draft, KIND_REFERRAL);
    refer(site, draft, "referral", "R-", chance_below(&world->chance, REFERRALS));
    name_participant(world, site, draft);
    record_set_text(&draft->entry.record, "route", "cwp");
    record_set_text(&draft->entry.record, "basis", "mandatory");
    record_set_number(&draft->entry.record, "received_on", some_day(world));
    say(world, draft, "note");
}

static void draft_event(struct world *world, const struct site *site, struct draft *draft)
{
    static const char *const statuses[] = { "acknowledged", "accepted", "declined", "withdrawn" };
    char ref[32];
    begin(draft, KIND_REFERRAL_EVENT);
    (void)snprintf(ref, sizeof(ref), "R-%03u", chance_below(&world->chance, REFERRALS));
    entity_id(site->stream, "referral", ref, draft->entry.subject);
    record_set_text(&draft->entry.record, "status", statuses[chance_below(&world->chance, 4)]);
    record_set_number(&draft->entry.record, "on", some_day(world));
    say(world, draft, "note");
}

/* ---- challenges ---- */

void challenge_id(const struct site *site, unsigned number, uint8_t out[OP_ENTITY_BYTES])
{
    char key[32];
    (void)snprintf(key, sizeof(key), "H-%u", number);
    entity_id(site->stream, "redress", key, out);
}

void challenge_person(const struct site *site, unsigned number, uint8_t out[OP_ENTITY_BYTES])
{
    char ref[32];
    (void)snprintf(ref, sizeof(ref), "T-%03u", number % PEOPLE);
    entity_id(site->stream, "participant", ref, out);
}

static void draft_challenge(struct world *world, const struct site *site, unsigned number, bool answered,
                            struct draft *draft)
{
    begin(draft, KIND_REDRESS);
    challenge_id(site, number, draft->entry.subject);
    challenge_person(site, number, draft->participant);
    record_set_id(&draft->entry.record, "participant", draft->participant);
    record_set_text(&draft->entry.record, "form", "mandatory_reconsideration");
    if (answered) {
        record_set_text(&draft->entry.record, "outcome", "refused");
        record_set_number(&draft->entry.record, "outcome_on", some_day(world));
    } else {
        record_set_number(&draft->entry.record, "made_on", some_day(world));
    }
    say(world, draft, "note");
}

/* ---- recording ---- */

static void note_said(struct agent *agent, const struct draft *draft, enum surety surety)
{
    const struct store_entry *entry = &draft->entry;
    struct said said = { .site = agent->site->number, .author = agent->number, .surety = surety };
    SCOPED(buf_fini) struct buf body;
    buf_init(&body, OP_BODY_MAX);
    MUST(record_encode(&entry->record, &body, must));
    const struct subject subject = { entry->kind, entry->subject, entry->record.kind->subject_len };
    said_fill(&said, &subject, buf_slice(&body));
    ledger_add(&agent->world->ledger, &said);
}

/* Somebody who sees whose a placement or a referral is names that one again. */
static void name_again(struct record *seen, struct draft *draft)
{
    static const char *const lasting[] = { "participant", "referral" };
    uint8_t *const ids[] = { draft->participant, draft->other };
    for (size_t i = 0; i < ARRAY_LEN(lasting) && kind_field_index(seen->kind, lasting[i]) >= 0; i++) {
        const struct value *was = record_value(seen, lasting[i]);
        if (was->present && record_value(&draft->entry.record, lasting[i])->present) {
            memcpy(ids[i], was->text.data, OP_ENTITY_BYTES);
        }
    }
}

/* As the machine shows it, or the same person said just before. */
static void name_as_known(struct agent *agent, struct draft *drafts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SCOPED(record_list_fini) struct record_list list = { 0 };
        struct row_id id;
        uint32_t kind = drafts[i].entry.kind;
        if (kind != KIND_PLACEMENT && kind != KIND_REFERRAL) {
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            if (drafts[j].entry.kind == kind &&
                memcmp(drafts[j].entry.subject, drafts[i].entry.subject, OP_ENTITY_BYTES) == 0) {
                name_again(&drafts[j].entry.record, &drafts[i]);
            }
        }
        memcpy(id.bytes, drafts[i].entry.subject, ROW_ID_BYTES);
        agent->disk.aside = true;
        enum err_code rc = query_record(agent->store, kind_by_number(kind), &id, &list, NULL);
        agent->disk.aside = false;
        if (rc == ERR_OK) {
            name_again(&list.rows[0].record, &drafts[i]);
        }
    }
}

/* A placement that was voluntary once does not become mandatory, and nobody is sent by another's referral: who is told
 * so leaves it. */
static bool sends_somebody(const struct draft *drafts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct record *record = (struct record *)(uintptr_t)&drafts[i].entry.record;
        if (drafts[i].entry.kind == KIND_PLACEMENT &&
            (record_value(record, "referral")->present ||
             slice_equal(record_value(record, "basis")->text, slice_of_text("mandatory")))) {
            return true;
        }
    }
    return false;
}

/* Nor is a notice recorded before it was served, as far as the machine knows the day. */
static bool serves_to_come(struct agent *agent, const struct draft *drafts, size_t count)
{
    int64_t today = clock_london_minute(known_ms(agent)) / (24 * 60);
    for (size_t i = 0; i < count; i++) {
        struct record *record = (struct record *)(uintptr_t)&drafts[i].entry.record;
        if (drafts[i].entry.kind == KIND_NOTICE && record_value(record, "served_on")->number > today) {
            return true;
        }
    }
    return false;
}

/* What the store makes of it: kept whole, nothing new, or refused as it may be. */
static void record(struct agent *agent, struct draft *drafts, size_t count, bool may_be_refused)
{
    struct store_entry entries[BATCH_MAX];
    struct store_written written;
    struct error err = { 0 };
    name_as_known(agent, drafts, count);
    for (size_t i = 0; i < count; i++) {
        entries[i] = drafts[i].entry;
    }
    enum err_code rc = store_write(agent->store, "keyworker", entries, count, agent_wall_ms(agent), &written, &err);
    if (rc == ERR_OK && written.added + written.unchanged != count) {
        sim_fail("agent %u: of %zu entries %zu are new and %zu not", agent->number, count, written.added,
                 written.unchanged);
    }
    bool refused =
        rc == ERR_REFUSED && (may_be_refused || sends_somebody(drafts, count) || serves_to_come(agent, drafts, count));
    if (rc != ERR_OK && !refused && !disk_troubled(&agent->disk)) {
        sim_fail("agent %u does not record with a healthy disk: %s: %s", agent->number, err_code_name(rc), err.message);
    }
    for (size_t i = 0; i < count && !refused; i++) {
        if (rc != ERR_OK || written.added == count) {
            note_said(agent, &drafts[i], rc == ERR_OK ? SURE : MAYBE);
        } else if (written.added > 0) {
            sim_fail("agent %u: a batch was taken in part", agent->number);
        }
    }
    tell("agent %u records %zu of kind %u: %s", agent->number, count, entries[0].kind,
         rc == ERR_OK ? written.added > 0 ? "kept" : "known" : err.message);
    if (rc == ERR_OK && written.added > 0) {
        agent_check_offset(agent);
    }
    agent->flags_due |= rc == ERR_OK;
    client_wake(agent->client, CLIENT_WAKE_NEW_OPS);
    agent_look_after(agent);
}

void work_attend_at(struct world *world, struct agent *agent)
{
    struct draft drafts[BATCH_MAX];
    size_t count = 1 + chance_below(&world->chance, BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        draft_attendance(world, agent, &drafts[i], true);
    }
    record(agent, drafts, count, false);
}

void work_challenge_at(struct agent *agent, unsigned number, bool answered)
{
    struct draft draft;
    draft_challenge(agent->world, agent->site, number, answered, &draft);
    record(agent, &draft, 1, false);
}

void work_person_at(struct agent *agent, unsigned number)
{
    struct draft draft;
    begin(&draft, KIND_PARTICIPANT);
    refer(agent->site, &draft, "participant", "T-", number % PEOPLE);
    say(agent->world, &draft, "phone");
    record(agent, &draft, 1, false);
}

/* Somebody has to go there until long after the run. */
void work_placement_at(struct agent *agent, unsigned number)
{
    struct draft draft;
    draft_placement(agent->world, agent->site, &draft);
    refer(agent->site, &draft, "placement", "T-P", number);
    record_set_text(&draft.entry.record, "basis", "mandatory");
    record_set_number(&draft.entry.record, "ends_on", first_day() + 90);
    record(agent, &draft, 1, false);
}

void work_notice_at(struct agent *agent, unsigned number, unsigned placement)
{
    struct draft draft;
    draft_notice_for(agent->world, agent->site, number, placement, &draft);
    record(agent, &draft, 1, false);
}

void work_long_at(struct agent *agent)
{
    struct draft drafts[BATCH_MAX];
    for (size_t i = 0; i < BATCH_MAX; i++) {
        draft_attendance(agent->world, agent, &drafts[i], false);
        say_at_length(agent->world, &drafts[i], "note");
    }
    record(agent, drafts, BATCH_MAX, false);
}

void work_attend(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        work_attend_at(world, agent);
    }
}

/* Of a session that is known to be recorded, told at another time than it happened. */
void work_correct(struct world *world)
{
    struct draft draft;
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        draft_attendance(world, agent, &draft, true);
        draft.entry.happened_at_ms = agent_wall_ms(agent) - chance_between(&world->chance, 0, 40 * HOUR_MS);
        record(agent, &draft, 1, false);
    }
}

/* Good for the first record of a session, refused for a correction. */
void work_without_note(struct world *world)
{
    struct draft draft;
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        draft_attendance(world, agent, &draft, false);
        record(agent, &draft, 1, true);
    }
}

/* What was just said is not new. */
void work_say_again(struct world *world)
{
    struct draft draft;
    struct agent *agent = any_agent(world);
    if (agent == NULL) {
        return;
    }
    draft_attendance(world, agent, &draft, true);
    record(agent, &draft, 1, false);
    if (agent->store != NULL && !disk_troubled(&agent->disk)) {
        struct store_written written;
        MUST(store_write(agent->store, "keyworker", &draft.entry, 1, agent_wall_ms(agent), &written, must));
        if (written.added != 0) {
            sim_fail("agent %u keeps twice what was said twice", agent->number);
        }
    }
}

static void draft_any(struct world *world, const struct site *site, struct draft *draft)
{
    static void (*const drafting[])(struct world *, const struct site *, struct draft *) = {
        draft_participant, draft_placement, draft_placement, draft_notice,
        draft_capacity,    draft_referral,  draft_event,     draft_event,
    };
    drafting[chance_below(&world->chance, ARRAY_LEN(drafting))](world, site, draft);
}

void work_records(struct world *world)
{
    struct draft draft;
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        draft_any(world, agent->site, &draft);
        record(agent, &draft, 1, false);
    }
}

/* The same file read in on two machines, and on one of them twice. */
void work_import_again(struct world *world)
{
    struct draft drafts[BATCH_MAX];
    struct agent *first = any_agent(world);
    struct agent *second = any_agent(world);
    if (first == NULL || first->site != second->site) {
        return;
    }
    for (size_t i = 0; i < BATCH_MAX; i++) {
        draft_any(world, first->site, &drafts[i]);
        drafts[i].entry.imported = true;
    }
    record(first, drafts, BATCH_MAX, false);
    if (second->store != NULL) {
        record(second, drafts, BATCH_MAX, false);
    }
}

/* ---- JCP ---- */

static void jcp_erase(struct world *world, const struct site *site)
{
    char participant[32];
    char reason[32];
    (void)snprintf(participant, sizeof(participant), "T-%03u", chance_below(&world->chance, PEOPLE));
    (void)snprintf(reason, sizeof(reason), "case %u", ++world->token);
    (void)host_write(world, site, "erase",
                     json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "site", site->name, "participant", participant,
                               "ground", "right", "by", "Test Officer", "reason", reason, "confirmed_by", "Test Second",
                               "confirmed", true));
}

static void jcp_referral(struct world *world, const struct site *site)
{
    char ref[32];
    char participant[32];
    char name[64];
    (void)snprintf(ref, sizeof(ref), "R-%03u", chance_below(&world->chance, REFERRALS));
    (void)snprintf(participant, sizeof(participant), "T-%03u", chance_below(&world->chance, PEOPLE));
    (void)snprintf(name, sizeof(name), "Test %u", ++world->token);
    (void)host_write(world, site, "referral-new",
                     json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "site", site->name, "ref", ref, "participant",
                               participant, "participant_name", name, "route", "cwp", "basis", "mandatory", "note",
                               name));
}

static void jcp_appointment(struct world *world, const struct site *site)
{
    char participant[32];
    char date[DATE_TEXT_SIZE];
    char from[TIME_OF_DAY_TEXT_SIZE];
    char to[TIME_OF_DAY_TEXT_SIZE];
    int minutes = (int)(world->token++ % (20 * 60)); /* each at another time: said once */
    (void)snprintf(participant, sizeof(participant), "T-%03u", chance_below(&world->chance, PEOPLE));
    date_format(some_day(world), date);
    time_of_day_format((minutes + 9 * 60) % (20 * 60), from);
    time_of_day_format((minutes + 9 * 60) % (20 * 60) + 60, to);
    (void)host_write(world, site, "appointment-new",
                     json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "site", site->name, "participant", participant, "date",
                               date, "from", from, "to", to, "purpose", "signing"));
}

static void jcp_decision(struct world *world, const struct site *site)
{
    static const char *const outcomes[] = { "adverse", "non_adverse", "reserved", "cancelled" };
    char participant[32];
    char date[DATE_TEXT_SIZE];
    char note[64];
    (void)snprintf(participant, sizeof(participant), "T-%03u", chance_below(&world->chance, PEOPLE));
    (void)snprintf(note, sizeof(note), "decided (%u)", ++world->token);
    date_format(some_day(world), date);
    (void)host_write(world, site, "decision-new",
                     json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", site->name, "participant", participant,
                               "failure_on", date, "outcome", outcomes[chance_below(&world->chance, 4)], "note", note));
}

void work_jcp_erase(struct world *world)
{
    if (world->host.centre != NULL) {
        jcp_erase(world, &world->sites[chance_below(&world->chance, SITES + 1) % SITES]);
    }
}

void work_jcp(struct world *world)
{
    static void (*const writing[])(struct world *, const struct site *) = { jcp_referral, jcp_appointment,
                                                                            jcp_appointment, jcp_decision };
    const struct site *site = &world->sites[chance_below(&world->chance, SITES + 1) % SITES];
    if (world->host.centre != NULL) {
        writing[chance_below(&world->chance, ARRAY_LEN(writing))](world, site);
    }
}
