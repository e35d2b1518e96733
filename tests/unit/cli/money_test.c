/* Contracts, claims and the trustees' report: what is sent for what was typed, and what is said about the answer. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/command.h"
#include "service.h"

static void assert_sent(const struct service *service, const char *line, const char *body)
{
    cr_assert_gt(service->asked_count, 0);
    cr_expect_str_eq(service->asked[0].line, line);
    json_t *expected = json_loads(body, 0, NULL);
    json_t *sent = json_loads(service->asked[0].body, 0, NULL);
    cr_expect(json_equal(expected, sent), "%s", service->asked[0].body);
    json_decref(expected);
    json_decref(sent);
}

#define CONTRACT                                                                                                       \
    "{\"ref\": \"C-1\", \"prime\": \"Prime Example\", \"form\": \"payment_by_results\", \"route\": \"cwp\", "          \
    "\"starts_on\": \"2026-01-01\", \"ends_on\": null, \"price_pence\": 200000, \"share_permille\": 333, "             \
    "\"person_pence\": 66600, \"unit_pence\": null, \"cost_pence\": 50000, \"fixed_cost_pence\": 100000, "             \
    "\"people\": 14, \"running\": 2, \"last_year\": 13, \"triggers\": [{\"trigger\": \"initial_placement\", "          \
    "\"amount_pence\": 22244, \"reached\": 14, \"old_enough\": 14}, {\"trigger\": \"six_months\", \"title\": \"Six "   \
    "months\", \"amount_pence\": "                                                                                     \
    "44356, \"reached\": 8, \"old_enough\": 12}], \"viability\": {\"full_pence\": 66600, \"expected_pence\": 51814, "  \
    "\"low_pence\": 40000, \"high_pence\": 60000, \"cost_pence\": 50000, \"people\": 12, \"enough\": true, "           \
    "\"break_even_people\": 56}, \"claims\": 3, \"claimed_pence\": 66732, \"paid_pence\": 22244, \"refused_pence\": "  \
    "0}"

Test(contract, sends_pounds_as_pence_and_per_cent_as_thousandths)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"added\": 1}", "contract", "add", "C-1", "--form", "payment_by_results", "--starts",
                 "2026-01-01", "--price", "£2,000", "--share", "33.3%", "--cost", "500.50");
    assert_sent(
        &service, "POST /v1/records",
        "{\"kind\": \"contract\", \"fields\": {\"ref\": \"C-1\", \"form\": \"payment_by_results\", \"starts_on\": "
        "\"2026-01-01\", \"price_pence\": 200000, \"share_permille\": 333, \"cost_pence\": 50050}}");
    cr_expect_str_eq(run.out, "recorded: contract C-1\n");
    run_free(&run);
    service_stop(&service);
}

Test(contract, shows_what_it_brings_what_it_costs_and_what_that_rests_on)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"contract\": " CONTRACT "}", "contract", "show", "C-1");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/contracts/C-1");
    cr_expect(has(run.out, "payment by results"), "%s", run.out);
    cr_expect(has(run.out, "£2,000.00, of which 33.3% is passed on"), "%s", run.out);
    cr_expect(has(run.out, "Six months £443.56: reached by 8 of 12 who could have by now"), "%s", run.out);
    cr_expect(has(run.out, "costs £500.00 and brings £666.00 when everything is reached"), "%s", run.out);
    cr_expect(has(run.out, "£518.14 as people completed so far, of 12 old enough"), "%s", run.out);
    cr_expect(has(run.out, "between £400.00 and £600.00"), "%s", run.out);
    cr_expect(has(run.out, "with 56 people a year"), "%s", run.out);
    cr_expect(has(run.out, "3, £667.32 claimed, £222.44 paid, £0.00 refused"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

/* Three answers: so many people, none as things are, and that it is not known yet. */
Test(contract, does_not_say_that_it_never_breaks_even_before_anything_was_seen)
{
    static const struct {
        const char *expected_pence;
        const char *words;
    } cases[] = { { "null", "not known before somebody has been here long enough; £1,000.00 a year cost it" },
                  { "40000", "with no number of people as things are" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[512];
        struct service service;
        (void)snprintf(body, sizeof(body),
                       "{\"contract\": {\"ref\": \"C-1\", \"form\": \"payment_by_results\", \"fixed_cost_pence\": "
                       "100000, \"viability\": {\"full_pence\": "
                       "66600, \"expected_pence\": %s, \"cost_pence\": 50000, \"people\": 0, \"enough\": false, "
                       "\"break_even_people\": null}}}",
                       cases[i].expected_pence);
        struct outcome_of_run run = RUN_ONCE(&service, 200, body, "contract", "show", "C-1");
        cr_expect(has(run.out, cases[i].words), "%s", run.out);
        run_free(&run);
        service_stop(&service);
    }
}

Test(claim, names_one_by_its_placement_and_trigger)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200,
                 "{\"added\": 1, \"claim\": {\"id\": \"0011\", \"contract\": \"C-1\", \"placement\": \"GDN-P001\", "
                 "\"trigger\": \"six_months\", \"amount_pence\": 44356, \"state\": \"part_paid\"}}",
                 "claim", "paid", "GDN-P001/six_months", "--amount", "400", "--on", "2026-11-20");
    assert_sent(&service, "POST /v1/claims/GDN-P001%2Fsix_months/paid",
                "{\"amount_pence\": 40000, \"on\": \"2026-11-20\"}");
    cr_expect_str_eq(run.out, "recorded: £443.56 for 'six_months' of GDN-P001 under contract C-1: part_paid (0011)\n");
    run_free(&run);
    service_stop(&service);
}

Test(milestones, shows_only_what_is_to_be_claimed_when_asked)
{
    const char *body =
        "{\"more\": false, \"milestones\": [{\"placement\": \"GDN-P001\", \"title\": \"Initial placement\", "
        "\"trigger\": "
        "\"initial_placement\", \"state\": \"reached\", \"on\": \"2026-09-02\", \"amount_pence\": 22244, \"contract\": "
        "\"C-1\", \"claim\": null, \"break_days\": 0}, {\"placement\": \"GDN-P001\", \"title\": \"Six months\", "
        "\"trigger\": \"six_months\", \"state\": \"coming\", \"on\": \"2027-03-02\", \"amount_pence\": 44356, "
        "\"contract\": \"C-1\", \"claim\": null, \"break_days\": 7}]}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "milestones");
    cr_expect(has(run.out, "coming") && has(run.out, "2027-03-02") && has(run.out, "£443.56"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, body, "milestones", "--due", "--placement", "GDN-P001");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/milestones?placement=GDN-P001");
    cr_expect(has(run.out, "initial_placement") && !has(run.out, "six_months"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(service, says_what_is_left)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"contract\": {\"ref\": \"MIR-1\", \"used_units\": 4, \"left_units\": 6}}", "service",
                 "use", "MIR-1", "R-1", "--units", "4", "--on", "2026-11-05", "--what", "debt advice");
    assert_sent(&service, "POST /v1/services",
                "{\"contract\": \"MIR-1\", \"referral\": \"R-1\", \"units\": 4, \"day\": \"2026-11-05\", \"what\": "
                "\"debt advice\"}");
    cr_expect_str_eq(run.out, "recorded: 4 used of MIR-1, 6 left\n");
    run_free(&run);
    service_stop(&service);
}

Test(take_part, puts_figures_with_what_they_rest_on_before_trustees_and_recommends_nothing)
{
    const char *body =
        "{\"on\": \"2026-11-20\", \"contracts\": [" CONTRACT "], \"mandate\": {\"from\": \"2025-11-22\", \"until\": "
        "\"2026-11-20\", \"referrals\": 40, \"mandatory\": 30, \"declined\": 5, \"declined_as_policy\": 4, "
        "\"ended_early\": 2, \"route_redress\": 1, \"complaints\": 0, \"decisions\": 3, \"adverse\": 1, \"doubts\": "
        "2}, "
        "\"policy\": [{\"ref\": \"POL-1\", \"title\": \"Conditions\", \"decision\": \"take_part_with_conditions\", "
        "\"decided_on\": \"2026-01-05\", \"decided_by\": \"Board of Gwen Tester\", \"reason\": \"references for "
        "all\"}], "
        "\"flags\": {\"conflation\": 1}, \"capacity\": {\"places\": 12, \"stated_on\": \"2026-11-01\", \"running\": 9, "
        "\"to_come\": 1, \"waiting\": 1, \"weeks_until_full\": 1, \"weeks_earliest\": 1}, \"questions\": [\"Who pays "
        "for the difference?\"]}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "take-part", "--route", "cwp");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/take-part?route=cwp");
    cr_expect(has(run.out, "8 of 12 who could have by now"), "%s", run.out);
    cr_expect(has(run.out, "40, of which 30 mandatory"), "%s", run.out);
    cr_expect(has(run.out, "75 in 100 were people who would lose benefit"), "%s", run.out);
    cr_expect(has(run.out, "5, of which 4 as a matter of policy"), "%s", run.out);
    cr_expect(has(run.out, "Decided on 2026-01-05 by Board of Gwen Tester. references for all"), "%s", run.out);
    cr_expect(has(run.out, "flags that mandated work is called so: 1"), "%s", run.out);
    cr_expect(has(run.out, "9 run, 1 is agreed, 1 referral waits"), "%s", run.out);
    cr_expect(has(run.out, "in 1 week at this inflow, at the earliest in 1"), "%s", run.out);
    cr_expect(has(run.out, "Who pays for the difference?"), "%s", run.out);
    cr_expect(has(run.out, "recommends nothing"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}
