/*
 * What must hold for any register: made of seeded random sessions, decisions and appointments.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/rules/rules.h"
#include "base/clock.h"
#include "case_reader.h"

enum { SESSIONS = 30, DECISIONS = 4, ROUNDS = 1500, FIRST_DAY = 16500 };

struct world {
    struct placement_facts facts;
    struct session_row sessions[SESSIONS];
    struct decision_row decisions[DECISIONS];
    int32_t today;
};

static int random_below(unsigned *seed, int limit)
{
    *seed = *seed * 1103515245u + 12345u;
    return (int)((*seed >> 16) % (unsigned)limit);
}

static void random_session(struct session_row *row, int32_t day, unsigned *seed)
{
    *row = (struct session_row){ .day = day, .starts_min = 540, .ends_min = 780, .minutes = ROW_NONE };
    row->expected = random_below(seed, 6) != 0;
    row->outcome = (enum outcome)random_below(seed, OUTCOME_COUNT);
    row->overlaps_jcp = random_below(seed, 4) == 0;
    row->heads = row->outcome == OUTCOME_NONE ? 0 : 1 + (random_below(seed, 6) == 0);
    bool absent = row->outcome == OUTCOME_ABSENT || row->outcome == OUTCOME_ABSENT_WITH_NOTICE;
    bool excused = row->outcome == OUTCOME_EXCUSED || (absent && row->overlaps_jcp);
    row->standing = row->heads == 0  ? STANDING_UNRECORDED
                    : row->heads > 1 ? STANDING_DISPUTED
                    : excused        ? STANDING_EXCUSED
                                     : STANDING_RECORDED;
    if (random_below(seed, 3) == 0) {
        snprintf(row->reason, sizeof(row->reason), "health");
    }
}

static void make_world(struct world *world, unsigned *seed)
{
    memset(world, 0, sizeof(*world));
    static const char *const outcomes[] = { "adverse", "adverse", "non_adverse", "cancelled" };
    int32_t day = FIRST_DAY;
    for (int i = 0; i < SESSIONS; i++) {
        day += 1 + random_below(seed, 4);
        random_session(&world->sessions[i], day, seed);
    }
    for (int i = 0; i < DECISIONS; i++) {
        world->decisions[i].failure_on = FIRST_DAY - 500 + random_below(seed, 560);
        world->decisions[i].decided_on = world->decisions[i].failure_on + random_below(seed, 60);
        snprintf(world->decisions[i].outcome, ROW_CODE_SIZE, "%s", outcomes[random_below(seed, 4)]);
    }
    world->facts.placement.basis = (enum basis)random_below(seed, 3);
    world->facts.placement.calendar = (enum calendar)random_below(seed, CALENDAR_COUNT);
    world->facts.placement.id = id_of("GDN-P014");
    snprintf(world->facts.placement.ref, ROW_REF_SIZE, "GDN-P014");
    world->facts.sessions = world->sessions;
    world->facts.session_count = SESSIONS;
    world->facts.decisions = world->decisions;
    world->facts.decision_count = (size_t)random_below(seed, DECISIONS + 1);
    world->today = FIRST_DAY + random_below(seed, 90);
}

static void look(const struct world *world, struct flag_list *flags)
{
    struct error err;
    flag_list_init(flags);
    cr_assert_eq(rules_placement(programme_default(), &world->facts, world->today, flags, &err), ERR_OK);
}

static bool has_code(const struct flag_list *flags, const char *code)
{
    for (size_t i = 0; i < flags->count; i++) {
        if (strcmp(flags->flags[i].code, code) == 0) {
            return true;
        }
    }
    return false;
}

static bool any_text_has(const struct flag_list *flags, const char *text)
{
    for (size_t i = 0; i < flags->count; i++) {
        const struct flag_row *flag = &flags->flags[i];
        if (strstr(flag->facts, text) != NULL || strstr(flag->next_step, text) != NULL ||
            strstr(flag->rule, text) != NULL) {
            return true;
        }
    }
    return false;
}

/* The register with one thing done to every session of it. */
static size_t flags_after(struct world world, void (*change)(struct session_row *row), const char *code_gone)
{
    for (int i = 0; i < SESSIONS; i++) {
        change(&world.sessions[i]);
    }
    world.facts.sessions = world.sessions;
    struct flag_list flags;
    look(&world, &flags);
    size_t count = flags.count;
    cr_assert_not(has_code(&flags, code_gone), "%s", code_gone);
    flag_list_fini(&flags);
    return count;
}

static void forget(struct session_row *row)
{
    row->outcome = OUTCOME_NONE;
    row->standing = STANDING_UNRECORDED;
    row->heads = 0;
}

static void attend(struct session_row *row)
{
    row->outcome = OUTCOME_ATTENDED;
    row->standing = STANDING_RECORDED;
    row->heads = 1;
}

static void give_reason(struct session_row *row)
{
    snprintf(row->reason, sizeof(row->reason), "caring");
}

static void settle(struct session_row *row)
{
    if (row->standing == STANDING_DISPUTED) {
        row->standing = STANDING_RECORDED;
    }
}

static void free_of_jcp(struct session_row *row)
{
    row->overlaps_jcp = false;
}

static void appointment(struct session_row *row)
{
    row->overlaps_jcp = true;
}

Test(property, what_nobody_recorded_never_counts_against_the_person)
{
    unsigned seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        make_world(&world, &seed);
        flags_after(world, forget, "unexplained_absence");
        flags_after(world, forget, "repeat_absence");
    }
}

Test(property, an_absence_that_overlaps_an_appointment_never_counts)
{
    unsigned seed = 2;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        make_world(&world, &seed);
        flags_after(world, appointment, "unexplained_absence");
        flags_after(world, appointment, "repeat_absence");
    }
}

Test(property, a_flag_clears_when_its_facts_go)
{
    unsigned seed = 3;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        make_world(&world, &seed);
        cr_assert_eq(flags_after(world, attend, "register_gap"), 0);
        flags_after(world, give_reason, "unexplained_absence");
        flags_after(world, give_reason, "repeat_absence");
        flags_after(world, settle, "disputed_record");
        flags_after(world, free_of_jcp, "clash_with_jcp");
    }
}

Test(property, only_the_mandated_have_exposure)
{
    unsigned seed = 4;
    int exposed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        make_world(&world, &seed);
        struct flag_list flags;
        look(&world, &flags);
        bool exposure = any_text_has(&flags, "exposure") || has_code(&flags, "repeat_absence");
        cr_assert(!exposure || world.facts.placement.basis == BASIS_MANDATORY);
        cr_assert_not(any_text_has(&flags, "sanction"));
        exposed += exposure;
        flag_list_fini(&flags);
    }
    cr_assert_gt(exposed, 100);
}

Test(property, thirteen_weeks_are_said_only_with_a_decision_that_stands)
{
    unsigned seed = 5;
    int said = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        make_world(&world, &seed);
        struct flag_list flags;
        look(&world, &flags);
        said += any_text_has(&flags, "13-week exposure");
        flag_list_fini(&flags);
        world.facts.decision_count = 0;
        look(&world, &flags);
        cr_assert_not(any_text_has(&flags, "13-week"));
        flag_list_fini(&flags);
    }
    cr_assert_gt(said, 100);
}

Test(property, keys_are_sorted_and_unique_and_the_same_each_time)
{
    unsigned seed = 6;
    size_t seen = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        make_world(&world, &seed);
        struct flag_list once;
        struct flag_list again;
        look(&world, &once);
        look(&world, &again);
        cr_assert_eq(once.count, again.count);
        cr_assert(once.count == 0 || memcmp(once.flags, again.flags, once.count * sizeof(*once.flags)) == 0);
        for (size_t i = 1; i < once.count; i++) {
            cr_assert_lt(strcmp(once.flags[i - 1].key, once.flags[i].key), 0);
        }
        seen += once.count;
        flag_list_fini(&once);
        flag_list_fini(&again);
    }
    cr_assert_gt(seen, (size_t)ROUNDS);
}

Test(property, since_is_the_day_of_a_session_and_never_after_the_newest_fact)
{
    unsigned seed = 7;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world;
        make_world(&world, &seed);
        struct flag_list flags;
        look(&world, &flags);
        for (size_t i = 0; i < flags.count; i++) {
            bool found = false;
            for (int j = 0; j < SESSIONS; j++) {
                found = found || world.sessions[j].day == flags.flags[i].since;
            }
            cr_assert(found);
        }
        flag_list_fini(&flags);
    }
}
