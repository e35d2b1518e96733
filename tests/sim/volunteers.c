/*
 * Volunteers in a world that has come to rest: whom a machine knows, and what somebody found who looked into the flag
 * about them, changes nothing that another machine would see, and outlasts the making anew of its tables.
 */
#include <string.h>

#include "store/kept_reviews.h"
#include "store/query.h"
#include "store/volunteers.h"
#include "tests/sim/acts.h"

#define SHED "Shed"
#define REF "T-V1"
#define DAYS 14

struct seen {
    uint8_t tables[SHA256_BYTES];
    uint8_t flags[SHA256_BYTES];
    uint64_t ops;
};

static void look(struct agent *agent, struct seen *seen)
{
    struct store_counts counts;
    agent_check_flags(agent, seen->flags);
    MUST(store_digest(agent->store, seen->tables, must));
    MUST(query_counts(agent->store, &counts, must));
    seen->ops = counts.ops;
}

/* Somebody who is sent to the shed every day. */
static void place(struct agent *agent, struct row_id *ret_person)
{
    struct store_entry entry = { .kind = KIND_PARTICIPANT, .happened_at_ms = OP_TIME_NONE };
    struct store_written written;
    int64_t now_ms = agent_wall_ms(agent);
    int32_t today = clock_today(now_ms);
    record_init(&entry.record, kind_by_number(KIND_PARTICIPANT));
    entity_id(agent->site->stream, "participant", REF, entry.subject);
    memcpy(ret_person->bytes, entry.subject, ROW_ID_BYTES);
    record_set_text(&entry.record, "ref", REF);
    MUST(store_write(agent->store, "somebody", &entry, 1, now_ms, &written, must));
    entry.kind = KIND_PLACEMENT;
    record_init(&entry.record, kind_by_number(KIND_PLACEMENT));
    entity_id(agent->site->stream, "placement", REF, entry.subject);
    record_set_text(&entry.record, "ref", REF);
    record_set_id(&entry.record, "participant", ret_person->bytes);
    record_set_text(&entry.record, "basis", "mandatory");
    record_set_text(&entry.record, "host", SHED);
    record_set_text(&entry.record, "pattern", "Mon-Sun 09:30-15:30");
    record_set_number(&entry.record, "starts_on", today - DAYS);
    record_set_number(&entry.record, "ends_on", today + DAYS);
    record_set_number(&entry.record, "weekly_minutes", 42 * 60);
    MUST(store_write(agent->store, "somebody", &entry, 1, now_ms, &written, must));
}

static void enter(struct agent *agent, const struct row_id *person)
{
    int64_t now_ms = agent_wall_ms(agent);
    struct volunteer volunteer = {
        .ref = REF, .name = "Test Birch", .place = SHED, .starts_on = ROW_NONE, .ends_on = ROW_NONE
    };
    volunteer.participant = *person;
    MUST(store_volunteer_put(agent->store, "somebody", &volunteer, now_ms, must));
    for (int i = 0; i < DAYS; i++) {
        struct volunteer_shift shift = { .volunteer_ref = REF,
                                         .day = clock_today(now_ms) + i - DAYS / 2,
                                         .ends_min = 24 * 60,
                                         .worked_minutes = ROW_NONE };
        MUST(store_volunteer_shift_put(agent->store, "somebody", &shift, now_ms, must));
    }
}

/* False: there is none. */
static bool their_flag(struct agent *agent, bool *ret_reviewed, struct flag_row *ret_flag)
{
    struct flag_list_rows list;
    bool found = false;
    agent_judge(agent);
    MUST(query_flags(agent->store, true, QUERY_LIMIT_MAX, &list, must));
    for (size_t i = 0; i < list.count && !found; i++) {
        found = flag_of_volunteers(list.rows[i].flag.key);
        *ret_reviewed = list.rows[i].reviewed.outcome[0] != '\0';
        *ret_flag = list.rows[i].flag;
    }
    flag_list_rows_fini(&list);
    return found;
}

static void review(struct agent *agent, const struct flag_row *flag)
{
    struct store_entry entry = { .kind = KIND_FLAG_REVIEW, .subject = { 1 }, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_FLAG_REVIEW));
    record_set_text(&entry.record, "flag", flag->key);
    record_set_id(&entry.record, "placement", flag->subject_id.bytes);
    record_set_text(&entry.record, "outcome", "host_matter");
    MUST(store_review_keep(agent->store, "somebody", &entry, agent_wall_ms(agent), must));
}

static void check_same(struct agent *agent, const struct seen *before)
{
    struct seen after;
    look(agent, &after);
    if (after.ops != before->ops || memcmp(after.tables, before->tables, SHA256_BYTES) != 0 ||
        memcmp(after.flags, before->flags, SHA256_BYTES) != 0) {
        sim_fail("agent %u: what is known of its volunteers changes what others see", agent->number);
    }
}

void volunteers_check(struct agent *agent)
{
    struct row_id person;
    struct flag_row flag;
    struct seen before;
    bool reviewed = false;
    if (agent->store == NULL) {
        return;
    }
    place(agent, &person);
    look(agent, &before);
    enter(agent, &person);
    if (!their_flag(agent, &reviewed, &flag) || reviewed) {
        sim_fail("agent %u: nobody is told that somebody who is sent volunteers then", agent->number);
    }
    review(agent, &flag);
    check_same(agent, &before);
    MUST(store_rebuild(agent->store, must));
    if (!their_flag(agent, &reviewed, &flag) || !reviewed) {
        sim_fail("agent %u: what was found about its volunteers does not outlast a rebuild", agent->number);
    }
    check_same(agent, &before);
    MUST(store_volunteer_remove(agent->store, REF, must));
    if (their_flag(agent, &reviewed, &flag)) {
        sim_fail("agent %u: a flag is left of a volunteer who was removed", agent->number);
    }
}
