#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rules/rules.h"
#include "base/clock.h"
#include "case_reader.h"

enum { MANY = 1500, FIRST_DAY = 16000 };

static int allocations_left = -1;

void *__real_reallocarray(void *pointer, size_t count, size_t size);
void *__wrap_reallocarray(void *pointer, size_t count, size_t size);

void *__wrap_reallocarray(void *pointer, size_t count, size_t size)
{
    if (allocations_left >= 0 && allocations_left-- == 0) {
        return NULL;
    }
    return __real_reallocarray(pointer, count, size);
}

static struct placement_facts long_placement(struct session_row *sessions, size_t count)
{
    struct placement_facts facts = { .sessions = sessions, .session_count = count };
    facts.placement.basis = BASIS_MANDATORY;
    facts.placement.id = id_of("GDN-P014");
    snprintf(facts.placement.ref, sizeof(facts.placement.ref), "GDN-P014");
    for (size_t i = 0; i < count; i++) {
        sessions[i] = (struct session_row){ .day = FIRST_DAY + (int32_t)i,
                                            .starts_min = 540,
                                            .ends_min = 900,
                                            .expected = true,
                                            .standing = STANDING_RECORDED,
                                            .outcome = OUTCOME_ABSENT,
                                            .minutes = ROW_NONE,
                                            .heads = 1 };
    }
    return facts;
}

Test(limits, of_too_many_flags_the_oldest_stay)
{
    struct session_row *sessions = calloc(MANY, sizeof(*sessions));
    struct placement_facts facts = long_placement(sessions, MANY);
    struct flag_list flags;
    struct error err;
    flag_list_init(&flags);
    cr_assert_eq(rules_placement(programme_default(), &facts, FIRST_DAY + MANY, &flags, &err), ERR_OK);
    cr_assert_eq(flags.count, FLAGS_MAX);
    bool repeat = false;
    int32_t newest = 0;
    for (size_t i = 0; i < flags.count; i++) {
        repeat = repeat || strcmp(flags.flags[i].code, "repeat_absence") == 0;
        newest = flags.flags[i].since > newest ? flags.flags[i].since : newest;
    }
    cr_assert(repeat, "found last, and among the oldest");
    cr_assert_eq(newest, FIRST_DAY + FLAGS_MAX - 2);
    flag_list_fini(&flags);
    free(sessions);
}

Test(limits, a_failed_allocation_leaves_the_list_as_it_was)
{
    struct session_row sessions[10];
    struct placement_facts facts = long_placement(sessions, ARRAY_LEN(sessions));
    struct flag_list flags;
    struct error err;
    flag_list_init(&flags);
    cr_assert_eq(rules_placement(programme_default(), &facts, FIRST_DAY, &flags, &err), ERR_OK);
    cr_assert_eq(flags.count, 1);
    enum err_code rc = ERR_NO_MEMORY;
    int failures = 0;
    for (int n = 0; rc == ERR_NO_MEMORY; n++) {
        allocations_left = n;
        rc = rules_placement(programme_default(), &facts, FIRST_DAY + 20, &flags, &err);
        cr_assert_eq(flags.count, rc == ERR_OK ? 12 : 1);
        failures += rc != ERR_OK;
    }
    allocations_left = -1;
    cr_assert_eq(rc, ERR_OK);
    cr_assert_geq(failures, 3);
    flag_list_fini(&flags);
    flag_list_fini(&flags);
}

Test(limits, rows_of_no_calendar_are_left_out)
{
    const int32_t days[] = { INT32_MIN, INT32_MIN + 1, -700000, 700000, INT32_MAX };
    struct session_row sessions[ARRAY_LEN(days)];
    struct decision_row decisions[ARRAY_LEN(days)];
    struct referral_row referrals[ARRAY_LEN(days)];
    memset(decisions, 0, sizeof(decisions));
    memset(referrals, 0, sizeof(referrals));
    struct placement_facts facts = long_placement(sessions, ARRAY_LEN(days));
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        sessions[i].day = days[i];
        sessions[i].standing = (enum standing)(i % 4);
        sessions[i].overlaps_jcp = i % 2 == 0;
        decisions[i].failure_on = days[i];
        decisions[i].decided_on = days[i];
        snprintf(decisions[i].outcome, sizeof(decisions[i].outcome), "adverse");
        referrals[i].received_on = days[i];
        snprintf(referrals[i].status, sizeof(referrals[i].status), "received");
    }
    facts.decisions = decisions;
    facts.decision_count = ARRAY_LEN(days);
    struct site_facts site = { .open_referrals = referrals, .open_count = ARRAY_LEN(days) };
    struct flag_list flags;
    struct error err;
    flag_list_init(&flags);
    cr_assert_eq(rules_placement(programme_default(), &facts, FIRST_DAY, &flags, &err), ERR_OK);
    cr_assert_eq(rules_site(programme_default(), &site, FIRST_DAY, &flags, &err), ERR_OK);
    cr_assert_eq(flags.count, 0);
    flag_list_fini(&flags);
}

Test(limits, a_ref_of_full_length_in_welsh_is_whole_and_texts_stay_utf8)
{
    struct session_row sessions[3];
    struct placement_facts facts = long_placement(sessions, 3);
    for (int i = 0; i < 32; i++) {
        memcpy(facts.placement.ref + (size_t)2 * (size_t)i, "\xc5\xb7", 2); /* y circumflex */
    }
    facts.placement.ref[64] = '\0';
    sessions[2].slot = 3;
    struct flag_list flags;
    struct error err;
    flag_list_init(&flags);
    cr_assert_eq(rules_placement(programme_default(), &facts, FIRST_DAY + 9, &flags, &err), ERR_OK);
    cr_assert_eq(flags.count, 4);
    for (size_t i = 0; i < flags.count; i++) {
        cr_assert(strncmp(flags.flags[i].subject_ref, facts.placement.ref, 64) == 0);
        cr_assert(utf8_valid(slice_of_text(flags.flags[i].facts)));
        cr_assert(strlen(flags.flags[i].key) < FLAG_KEY_SIZE - 1);
    }
    cr_assert_str_eq(flags.flags[3].subject_ref + 64, "@2013-10-24/4");
    flag_list_fini(&flags);
}

Test(limits, two_placements_with_the_same_ref_have_different_keys)
{
    struct session_row sessions[1];
    struct placement_facts facts = long_placement(sessions, 1);
    struct flag_list flags;
    struct error err;
    flag_list_init(&flags);
    cr_assert_eq(rules_placement(programme_default(), &facts, FIRST_DAY, &flags, &err), ERR_OK);
    facts.placement.id = id_of("another");
    cr_assert_eq(rules_placement(programme_default(), &facts, FIRST_DAY, &flags, &err), ERR_OK);
    cr_assert_eq(flags.count, 2);
    cr_assert_str_neq(flags.flags[0].key, flags.flags[1].key);
    flag_list_fini(&flags);
}
