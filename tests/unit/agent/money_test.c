#include <stdlib.h>
#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(money, .init = start, .fini = stop);

static void post(const char *path, const char *body)
{
    site_expect(&site, "POST", path, body, 200, NULL);
}

static void refused(const char *path, const char *body, int status, const char *code)
{
    site_expect(&site, "POST", path, body, status, code);
}

/* £1,000.00 for a person: half of £2,000. */
static void add_contract(const char *ref, const char *more)
{
    char body[400];
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"contract\", \"fields\": {\"ref\": \"%s\", \"form\": \"payment_by_results\", "
                   "\"starts_on\": \"2026-01-01\", \"price_pence\": 200000, \"share_permille\": 500%s}}",
                   ref, more);
    post("/v1/records", body);
}

static void came_on(const char *session)
{
    char body[120];
    (void)snprintf(body, sizeof(body), "{\"session\": \"%s\", \"outcome\": \"attended\"}", session);
    post("/v1/attendance", body);
}

/* Standing flags of this code; the facts of the last one. */
static int flags_of(const char *code, char facts[FLAG_TEXT_SIZE])
{
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    int found = 0;
    for (size_t i = 0; i < reply_count(&reply, "flags"); i++) {
        char path[40];
        (void)snprintf(path, sizeof(path), "flags.%zu.code", i);
        if (strcmp(reply_text(&reply, path), code) == 0) {
            (void)snprintf(path, sizeof(path), "flags.%zu.facts", i);
            (void)snprintf(facts, FLAG_TEXT_SIZE, "%s", reply_text(&reply, path));
            found++;
        }
    }
    reply_fini(&reply);
    return found;
}

static void next_day(int32_t days)
{
    struct error err;
    site.today += days;
    cr_assert_eq(store_dirty_all(site.replica.store, &err), ERR_OK);
    site_judge(&site);
}

Test(money, a_milestone_is_due_until_it_is_claimed_and_the_claim_unpaid_until_it_is_paid)
{
    char facts[FLAG_TEXT_SIZE] = "";
    came_on("GDN-P001@2026-09-02");
    site_judge(&site);
    cr_expect_eq(flags_of("milestone_due", facts), 0, "nobody pays");
    add_contract("C-1", "");
    site_judge(&site);
    cr_assert_eq(flags_of("milestone_due", facts), 1, "the contract made it due, not a new day");
    cr_expect_str_eq(facts, "Initial placement was reached on 2026-09-02 in placement GDN-P001; nothing is claimed for "
                            "it under contract C-1 (£334.00).");
    post("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\", \"invoice\": \"INV-7\"}");
    site_judge(&site);
    cr_expect_eq(flags_of("milestone_due", facts), 0);
    next_day(30);
    cr_expect_eq(flags_of("claim_unpaid", facts), 0);
    next_day(1);
    cr_assert_eq(flags_of("claim_unpaid", facts), 1);
    cr_expect_not_null(strstr(facts, "£334.00 were claimed on 2026-11-20 under contract C-1"), "%s", facts);
    refused("/v1/claims/INV-7/paid", "{\"amount_pence\": 33401}", 400, "invalid"); /* more than was claimed */
    post("/v1/claims/GDN-P001/initial_placement/paid", "{\"amount_pence\": 30000}");
    site_judge(&site);
    cr_assert_eq(flags_of("claim_unpaid", facts), 1);
    cr_expect_not_null(strstr(facts, "£300.00 of it are paid"), "%s", facts);
    post("/v1/claims/INV-7/paid", "{}");
    site_judge(&site);
    cr_expect_eq(flags_of("claim_unpaid", facts), 0);
}

static size_t claims_in(const char *query, bool more)
{
    char path[80];
    (void)snprintf(path, sizeof(path), "/v1/claims?%s", query);
    struct reply reply = site_call(&site, "GET", path, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(json_is_true(reply_at(&reply, "more")), more, "%s: %s", query, reply.text);
    size_t count = reply_count(&reply, "claims");
    reply_fini(&reply);
    return count;
}

Test(money, claims_of_a_state_are_found_however_many_others_there_are)
{
    came_on("GDN-P001@2026-09-02");
    came_on("GDN-P002@2026-09-02");
    add_contract("C-1", "");
    post("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\", \"invoice\": \"INV-7\"}");
    post("/v1/claims/INV-7/paid", "{}");
    next_day(1);
    post("/v1/claims", "{\"placement\": \"GDN-P002\", \"trigger\": \"initial_placement\"}");
    cr_expect_eq(claims_in("limit=1", true), 1);
    cr_expect_eq(claims_in("limit=1&state=open", false), 1);
    cr_expect_eq(claims_in("limit=1&state=paid", false), 1, "the one that the newest stands before");
    cr_expect_eq(claims_in("limit=1&state=refused", false), 0);
}

Test(money, is_claimed_once_and_only_for_what_is_reached)
{
    came_on("GDN-P001@2026-09-02");
    refused("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\"}", 409, "refused");
    add_contract("C-1", ", \"ends_on\": \"2026-12-31\"");
    refused("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"three_months\"}", 409, "refused");
    refused("/v1/claims", "{\"placement\": \"GDN-P002\", \"trigger\": \"initial_placement\"}", 409, "refused");
    refused("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"first_day\"}", 400, "invalid");
    refused("/v1/claims",
            "{\"contract\": \"C-1\", \"trigger\": \"service\", \"amount_pence\": 100, \"on\": \"2013-01-01\"}", 409,
            "refused"); /* before the contract */
    refused("/v1/claims", "{\"trigger\": \"initial_placement\"}", 400, "invalid");
    refused("/v1/claims", "{\"contract\": \"C-1\", \"trigger\": \"service\"}", 400, "invalid");
    refused("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\", \"on\": \"2026-11-21\"}",
            400, "invalid");
    post("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\"}");
    refused("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\"}", 409, "conflict");
    refused("/v1/records", "{\"kind\": \"claim\", \"fields\": {}}", 400, "invalid");

    post("/v1/claims/GDN-P001/initial_placement/refused", "{\"reason\": \"no_evidence\"}");
    refused("/v1/claims/GDN-P001/initial_placement/paid", "{}", 404, "not_found");
    post("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\"}");
    struct reply reply = site_call(&site, "GET", "/v1/claims?placement=GDN-P001&state=refused", NULL);
    cr_assert_eq(reply_count(&reply, "claims"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "claims.0.reason"), "no_evidence");
    reply_fini(&reply);
}

Test(money, a_change_of_a_milestone_or_a_file_is_held_to_what_a_new_one_is)
{
    char body[200];
    char file[200];
    came_on("GDN-P001@2026-09-02");
    site.today = date_from_civil(2027, 3, 10);
    struct reply reply = site_call(&site, "POST", "/v1/records",
                                   "{\"kind\": \"milestone\", \"fields\": {\"placement\": \"GDN-P001\", "
                                   "\"payment_trigger\": \"six_months\", \"reached_on\": \"2027-03-09\"}}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
#define CHANGE(fields)                                                                                                 \
    ((void)snprintf(body, sizeof(body), "{\"kind\": \"milestone\", \"id\": \"%s\", \"fields\": {%s}}",                 \
                    reply_text(&reply, "id"), fields),                                                                 \
     body)
    refused("/v1/records", CHANGE("\"reached_on\": \"2026-11-20\""), 409, "refused");
    refused("/v1/records", CHANGE("\"reached_on\": \"2027-03-08\""), 409, "conflict");
    post("/v1/records", CHANGE("\"evidence\": \"payslips seen\""));
#undef CHANGE
    static const struct {
        const char *trigger;
        const char *day;
        const char *why;
    } rows[] = {
        { "six_months", "2027-03-09", NULL },
        { "six_months", "2027-03-08", "stands as reached on 2027-03-09" },
        { "three_months", "2026-10-01", "cannot be reached before" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(file, sizeof(file), "placement,payment_trigger,reached_on\nGDN-P001,%s,%s\n", rows[i].trigger,
                       rows[i].day);
        struct reply taken = site_call(&site, "POST", "/v1/import?kind=milestone", file);
        cr_expect_eq(json_is_true(reply_at(&taken, "refused")), rows[i].why != NULL, "%s", taken.text);
        cr_expect(rows[i].why == NULL || strstr(taken.text, rows[i].why) != NULL, "%s", taken.text);
        reply_fini(&taken);
    }
    reply_fini(&reply);
}

Test(money, what_the_register_cannot_show_is_claimed_once_somebody_recorded_it)
{
    static const char reached[] = "{\"kind\": \"milestone\", \"fields\": {\"placement\": \"GDN-P001\", "
                                  "\"payment_trigger\": \"six_months\", \"reached_on\": \"%s\", \"evidence\": "
                                  "\"payslips seen\"}%s}";
    char body[300];
    add_contract("C-1", "");
    came_on("GDN-P001@2026-09-02");
    (void)snprintf(body, sizeof(body), reached, "2026-11-20", "");
    refused("/v1/records", body, 409, "refused"); /* six months cannot have passed */
    site.today = date_from_civil(2027, 3, 10);
    (void)snprintf(body, sizeof(body), reached, "2027-03-11", "");
    refused("/v1/records", body, 400, "invalid"); /* still to come */
    (void)snprintf(body, sizeof(body), reached, "2027-03-09", "");
    post("/v1/records", body);
    (void)snprintf(body, sizeof(body), reached, "2027-03-08", "");
    refused("/v1/records", body, 409, "conflict"); /* it stands with another day */
    (void)snprintf(body, sizeof(body), reached, "2027-03-08", ", \"over\": true");
    post("/v1/records", body);
    struct reply reply = site_call(&site, "GET", "/v1/milestones?placement=GDN-P001", NULL);
    cr_assert_eq(reply_count(&reply, "milestones"), 3, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "milestones.0.state"), "reached");
    cr_expect_str_eq(reply_text(&reply, "milestones.0.on"), "2026-09-02");
    cr_expect_eq(reply_int(&reply, "milestones.0.amount_pence"), 33400);
    cr_expect_str_eq(reply_text(&reply, "milestones.1.state"), "unshown");
    cr_expect_str_eq(reply_text(&reply, "milestones.1.on"), "2026-12-01");
    cr_expect_str_eq(reply_text(&reply, "milestones.2.state"), "reached");
    cr_expect_str_eq(reply_text(&reply, "milestones.2.on"), "2027-03-08");
    reply_fini(&reply);
    refused("/v1/claims",
            "{\"placement\": \"GDN-P001\", \"trigger\": \"six_months\", \"contract\": \"C-1\", \"on\": "
            "\"2027-03-07\"}",
            409, "refused"); /* before it was reached */
    post("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"six_months\", \"contract\": \"C-1\"}");
}

Test(money, a_break_moves_what_is_to_come)
{
    add_contract("C-1", "");
    came_on("GDN-P001@2026-09-02");
    post("/v1/records", "{\"kind\": \"placement_break\", \"fields\": {\"placement\": \"GDN-P001\", \"starts_on\": "
                        "\"2026-10-05\", \"ends_on\": \"2026-10-11\", \"reason\": \"health\"}}");
    struct reply reply = site_call(&site, "GET", "/v1/milestones?placement=GDN-P001", NULL);
    cr_expect_str_eq(reply_text(&reply, "milestones.1.on"), "2026-12-08");
    cr_expect_eq(reply_int(&reply, "milestones.1.break_days"), 7);
    reply_fini(&reply);
}

Test(money, comes_from_the_contract_of_the_referral_and_from_none_when_two_would_do)
{
    char facts[FLAG_TEXT_SIZE] = "";
    add_contract("C-1", "");
    add_contract("C-2", "");
    came_on("GDN-P001@2026-09-02");
    site_judge(&site);
    cr_expect_eq(flags_of("milestone_due", facts), 0);
    post("/v1/records",
         "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": "
         "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-08-20\"}}");
    post("/v1/records", "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"referral\": \"R-1\"}}");
    post("/v1/records", "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"contract\": \"C-2\"}}");
    site_judge(&site);
    cr_assert_eq(flags_of("milestone_due", facts), 1);
    cr_expect_not_null(strstr(facts, "under contract C-2"), "%s", facts);
    refused("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\", \"contract\": \"C-1\"}",
            409, "refused");
}

/* Twelve people from 5 January, of whom eight stay their 26 weeks; the two of the site began in September. */
static void fill_year(void)
{
    for (int i = 0; i < 12; i++) {
        char person[24];
        char placement[24];
        struct store_entry entry;
        (void)snprintf(person, sizeof(person), "OLD-%03d", i);
        (void)snprintf(placement, sizeof(placement), "OLD-P%03d", i);
        entry_participant(&site.world, &entry, person, "Cai Tester");
        replica_write(&site.replica, &entry, site.now_ms);
        entry_placement(&site.world, &entry, placement, person, "mandatory", "2026-01-05",
                        i < 8 ? "2026-07-03" : "2026-03-06", "Mon 09:30-15:30");
        replica_write(&site.replica, &entry, site.now_ms);
    }
}

Test(money, of_a_contract_is_weighed_by_those_who_had_the_time_to_complete)
{
    char facts[FLAG_TEXT_SIZE] = "";
    fill_year();
    add_contract("C-1", ", \"cost_pence\": 77800, \"fixed_cost_pence\": 100000");
    site_judge(&site);
    cr_expect_eq(flags_of("contract_not_viable", facts), 0);
    struct reply reply = site_call(&site, "GET", "/v1/contracts/C-1", NULL);
    cr_expect_eq(reply_int(&reply, "contract.people"), 14);
    cr_expect_eq(reply_int(&reply, "contract.running"), 2);
    cr_expect_eq(reply_int(&reply, "contract.triggers.0.old_enough"), 14);
    cr_expect_eq(reply_int(&reply, "contract.triggers.1.old_enough"), 12, "81 days are not yet three months");
    cr_expect_eq(reply_int(&reply, "contract.triggers.2.reached"), 8);
    cr_expect_eq(reply_int(&reply, "contract.viability.expected_pence"), 77800);
    cr_expect(json_is_null(reply_at(&reply, "contract.viability.break_even_people")), "nothing is left for it");
    cr_expect_lt(reply_int(&reply, "contract.viability.low_pence"), 77800);
    cr_expect_gt(reply_int(&reply, "contract.viability.high_pence"), 77800);
    reply_fini(&reply);

    add_contract("C-1", ", \"cost_pence\": 77801");
    site_judge(&site);
    cr_assert_eq(flags_of("contract_not_viable", facts), 1);
    cr_expect_not_null(strstr(facts, "8 of 12 Six months"), "%s", facts);
    add_contract("C-1", ", \"cost_pence\": 75000");
    site_judge(&site);
    cr_expect_eq(flags_of("contract_not_viable", facts), 0);
    reply = site_call(&site, "GET", "/v1/contracts/C-1", NULL);
    cr_expect_eq(reply_int(&reply, "contract.viability.break_even_people"), 36, "28 pounds each for 1,000");
    reply_fini(&reply);
}

Test(money, a_person_who_was_moved_to_a_second_placement_is_one_person)
{
    struct store_entry entry;
    add_contract("C-1", ", \"cost_pence\": 100");
    entry_participant(&site.world, &entry, "TWO-001", "Dai Tester");
    replica_write(&site.replica, &entry, site.now_ms);
    entry_placement(&site.world, &entry, "TWO-P001", "TWO-001", "mandatory", "2026-01-05", "2026-04-03",
                    "Mon 10:00-12:00");
    replica_write(&site.replica, &entry, site.now_ms);
    entry_placement(&site.world, &entry, "TWO-P002", "TWO-001", "mandatory", "2026-04-06", "2026-07-05",
                    "Mon 10:00-12:00");
    replica_write(&site.replica, &entry, site.now_ms);
    struct reply reply = site_call(&site, "GET", "/v1/contracts/C-1", NULL);
    cr_expect_eq(reply_int(&reply, "contract.people"), 3);
    cr_expect_eq(reply_int(&reply, "contract.triggers.2.old_enough"), 1);
    cr_expect_eq(reply_int(&reply, "contract.triggers.2.reached"), 1);
    reply_fini(&reply);
}

Test(money, two_records_of_one_person_are_one_person)
{
    struct store_entry entry;
    add_contract("C-1", ", \"cost_pence\": 100");
    struct reply reply = site_call(&site, "GET", "/v1/contracts/C-1", NULL);
    cr_expect_eq(reply_int(&reply, "contract.people"), 2);
    reply_fini(&reply);
    entry = (struct store_entry){ .kind = KIND_SAME_PERSON, .happened_at_ms = OP_TIME_NONE };
    uint8_t stays[OP_ENTITY_BYTES];
    entity_id(site.world.stream, "participant", "GDN-001", stays);
    entity_id(site.world.stream, "participant", "GDN-002", entry.subject);
    record_init(&entry.record, kind_by_number(KIND_SAME_PERSON));
    record_set_id(&entry.record, "participant", stays);
    record_set_text(&entry.record, "decided_by", "Gwen Tester");
    record_set_text(&entry.record, "reason", "entered twice");
    replica_write(&site.replica, &entry, site.now_ms);
    reply = site_call(&site, "GET", "/v1/contracts/C-1", NULL);
    cr_expect_eq(reply_int(&reply, "contract.people"), 1);
    reply_fini(&reply);
}

Test(money, of_help_that_is_bought_is_used_as_far_as_there_is_any)
{
    post("/v1/records", "{\"kind\": \"contract\", \"fields\": {\"ref\": \"MIR-1\", \"form\": \"block\", \"starts_on\": "
                        "\"2026-11-01\", \"ends_on\": \"2026-11-30\", \"units\": 10, \"price_pence\": 40000}}");
    post("/v1/records",
         "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": "
         "\"mir\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-02\"}}");
    add_contract("C-1", "");
#define USE(contract, day, units, more)                                                                                \
    "{\"contract\": \"" contract "\", \"referral\": \"R-1\", \"day\": \"" day "\", \"units\": " units more "}"
    post("/v1/services", USE("MIR-1", "2026-11-05", "4", ", \"what\": \"debt advice\""));
    refused("/v1/services", USE("MIR-1", "2026-11-06", "7", ""), 409, "refused");
    refused("/v1/services", USE("MIR-1", "2026-12-01", "1", ""), 409, "refused");
    refused("/v1/services", USE("C-1", "2026-11-06", "1", ""), 409, "refused");
    refused("/v1/services", USE("MIR-1", "2026-11-06", "7", ", \"over\": 1"), 400, "invalid");
    refused("/v1/services", "{\"contract\": \"MIR-1\", \"day\": \"2026-11-06\", \"units\": 1}", 400, "invalid");
    post("/v1/services", USE("MIR-1", "2026-11-06", "7", ", \"over\": true"));
    struct reply reply = site_call(&site, "GET", "/v1/contracts/MIR-1", NULL);
    cr_expect_eq(reply_int(&reply, "contract.used_units"), 11);
    cr_expect_eq(reply_int(&reply, "contract.left_units"), -1);
    cr_expect_eq(reply_int(&reply, "contract.unit_pence"), 4000);
    reply_fini(&reply);
}

Test(money, and_what_was_asked_and_decided_is_in_front_of_trustees)
{
    add_contract("C-1", ", \"cost_pence\": 120000, \"route\": \"cwp\"");
    post("/v1/records",
         "{\"kind\": \"policy_decision\", \"fields\": {\"ref\": \"POL-1\", \"title\": \"No mandated work\", "
         "\"decision\": \"decline\", \"decided_by\": \"Board of Gwen Tester\", \"decided_on\": "
         "\"2026-10-01\", \"reason\": \"against our charter\", \"route\": \"cwp\"}}");
    post("/v1/records",
         "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": "
         "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-02\"}}");
    post("/v1/records",
         "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-2\", \"participant\": \"GDN-002\", \"route\": "
         "\"mir\", \"basis\": \"voluntary\", \"received_on\": \"2026-11-02\"}}");
    refused("/v1/referrals/R-1/decline", "{\"policy_decision\": \"POL-1\", \"policy\": false}", 400, "invalid");
    refused("/v1/referrals/R-1/decline", "{\"policy_decision\": \"POL-9\"}", 404, "not_found");
    post("/v1/referrals/R-1/decline", "{\"policy_decision\": \"POL-1\"}");
    struct reply reply = site_call(&site, "GET", "/v1/referrals/R-1", NULL);
    cr_expect_str_eq(reply_text(&reply, "events.0.policy_decision"), "POL-1", "%s", reply.text);
    reply_fini(&reply);

    site_judge(&site);
    reply = site_call(&site, "GET", "/v1/take-part?route=cwp", NULL);
    cr_expect_eq(reply_int(&reply, "mandate.referrals"), 1, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "mandate.mandatory"), 1);
    cr_expect_eq(reply_int(&reply, "mandate.declined"), 1);
    cr_expect_eq(reply_int(&reply, "mandate.declined_as_policy"), 1);
    cr_expect_str_eq(reply_text(&reply, "policy.0.decided_by"), "Board of Gwen Tester");
    cr_expect_str_eq(reply_text(&reply, "policy.0.said_by"), "tester");
    cr_expect_eq(reply_int(&reply, "flags.contract_not_viable"), 1, "it costs more than it can ever bring");
    cr_expect_eq(reply_count(&reply, "contracts"), 1);
    cr_expect_not_null(strstr(reply.text, "Who pays for the difference"));
    cr_expect_null(strstr(reply.text, "Ada"), "nobody is named who is placed here");
    reply_fini(&reply);

    reply = site_call(&site, "GET", "/v1/take-part?route=mir", NULL);
    cr_expect_eq(reply_count(&reply, "contracts"), 0);
    cr_expect_eq(reply_count(&reply, "policy"), 0);
    cr_expect_eq(reply_int(&reply, "mandate.mandatory"), 0);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/take-part?contract=C-1", NULL);
    cr_expect_eq(reply_int(&reply, "mandate.referrals"), 2);
    reply_fini(&reply);
    site_expect(&site, "GET", "/v1/take-part?route=boat", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/take-part?contract=C-9", NULL, 404, "not_found");
}

Test(money, counts_are_the_same_after_the_tables_were_made_again)
{
    struct error err;
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    add_contract("C-1", "");
    came_on("GDN-P001@2026-09-02");
    post("/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\"}");
    post("/v1/records",
         "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": "
         "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-02\"}}");
    post("/v1/referrals/R-1/decline", "{\"policy\": true}");
    cr_assert_eq(store_digest(site.replica.store, before, &err), ERR_OK);
    cr_assert_eq(store_rebuild(site.replica.store, &err), ERR_OK);
    cr_assert_eq(store_digest(site.replica.store, after, &err), ERR_OK);
    cr_expect_arr_eq(before, after, sizeof(before));
    struct reply reply = site_call(&site, "GET", "/v1/take-part", NULL);
    cr_expect_eq(reply_int(&reply, "mandate.declined_as_policy"), 1);
    reply_fini(&reply);
}

Test(money, is_no_answer_to_a_route_that_is_wrong_and_the_referral_shows_it)
{
    post("/v1/records",
         "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": "
         "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-02\"}}");
    post("/v1/challenges", "{\"form\": \"route\", \"participant\": \"GDN-001\", \"referral\": \"R-1\", \"made_on\": "
                           "\"2026-11-10\", \"note\": \"needs an adviser, not a shop\"}");
    struct reply reply = site_call(&site, "GET", "/v1/referrals/R-1", NULL);
    cr_expect_str_eq(reply_text(&reply, "redress.0.form"), "route", "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "redress.0.made_on"), "2026-11-10");
    cr_expect(json_is_null(reply_at(&reply, "redress.0.outcome")));
    cr_expect_null(strstr(reply.text, "adviser"), "what was said in confidence stays with the record");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/take-part?route=cwp", NULL);
    cr_expect_eq(reply_int(&reply, "mandate.route_redress"), 1);
    reply_fini(&reply);
}

/* ---- from a spreadsheet ---- */

static void import(const char *kind, const char *file, json_int_t added, const char *problem)
{
    char path[60];
    (void)snprintf(path, sizeof(path), "/v1/import?kind=%s", kind);
    struct reply reply = site_call(&site, "POST", path, file);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(json_is_true(reply_at(&reply, "refused")), problem != NULL, "%s: %s", file, reply.text);
    cr_expect_eq(reply_int(&reply, "added"), problem != NULL ? 0 : added, "%s: %s", file, reply.text);
    cr_expect(problem == NULL || strstr(reply.text, problem) != NULL, "%s: %s", file, reply.text);
    reply_fini(&reply);
}

static void round_trip(const char *kind, const char *refused_after, const char *problem)
{
    char path[60];
    (void)snprintf(path, sizeof(path), "/v1/export/%s", kind);
    struct reply file = site_call(&site, "GET", path, NULL);
    import(kind, file.text, 0, NULL);
    reply_fini(&file);
    import(kind, refused_after, 0, problem);
}

#define CLAIMS "contract,placement,payment_trigger,amount_pence,claimed_on,paid_pence,paid_on,refused_on\n"

Test(money, a_file_of_claims_is_taken_by_what_the_register_bears)
{
    came_on("GDN-P001@2026-09-02");
    came_on("GDN-P002@2026-09-02");
    add_contract("C-1", "");
    import("claim", CLAIMS "C-1,GDN-P001,three_months,33400,2026-10-01,,,\n", 0, "not reached");
    import("claim", CLAIMS "C-9,,other,33400,2026-10-01,,,\n", 0, "the ref of a record that is here");
    import("claim", CLAIMS "00112233445566778899aabbccddeeff,,other,33400,2026-10-01,,,\n", 0, "no such contract");
    import("claim", CLAIMS "C-1,GDN-P001,initial_placement,33400,2026-12-01,,,\n", 0, "days that have come");
    import("claim", CLAIMS "C-1,GDN-P001,initial_placement,33400,2026-10-02,33400,2026-10-01,\n", 0, "claimed first");
    import("claim", CLAIMS "C-1,GDN-P001,initial_placement,33400,2026-10-01,33400,2026-10-20,2026-10-21\n", 0,
           "not both");
    import("claim", CLAIMS "C-1,GDN-P001,initial_placement,33400,2026-10-01,33400,,\n", 0, "in paid_on");
    import("claim", CLAIMS "C-1,,service,33400,2025-12-31,,,\n", 0, "had begun");
    import("claim", CLAIMS "C-1,,service,33400,2026-10-01,33401,2026-10-02,\n", 0, "no more paid");
    import("claim",
           CLAIMS "C-1,GDN-P001,initial_placement,33400,2026-10-01,,,\n"
                  "C-1,GDN-P001,initial_placement,33400,2026-10-02,,,\n",
           0, "an earlier line");
    static const char file[] = CLAIMS "C-1,GDN-P001,initial_placement,33400,2026-09-20,,,2026-10-01\n"
                                      "C-1,GDN-P001,initial_placement,33400,2026-10-02,33400,2026-10-20,\n"
                                      "C-1,GDN-P002,initial_placement,33400,2026-10-02,,,\n";
    import("claim", file, 3, NULL);
    import("claim", file, 0, NULL);
    cr_expect_eq(claims_in("state=paid", false), 1);
    cr_expect_eq(claims_in("state=refused", false), 1);
    round_trip("claim", CLAIMS "C-1,GDN-P002,initial_placement,33400,2026-10-03,,,\n", "claimed already");
    struct reply reply = site_call(&site, "GET", "/v1/claims?state=paid", NULL);
    char changed[300];
    (void)snprintf(changed, sizeof(changed),
                   "id,contract,payment_trigger,amount_pence,claimed_on\n%s,C-1,initial_placement,99900,2026-10-02\n",
                   reply_text(&reply, "claims.0.id"));
    reply_fini(&reply);
    import("claim", changed, 0, "a file does not change a claim");
}

#define USES "contract,referral,day,units,what\n"

Test(money, a_file_of_services_used_is_taken_within_what_was_bought)
{
    post("/v1/records", "{\"kind\": \"contract\", \"fields\": {\"ref\": \"MIR-1\", \"form\": \"spot_purchase\", "
                        "\"starts_on\": \"2026-11-01\", \"ends_on\": \"2026-11-30\", \"units\": 10}}");
    post("/v1/records",
         "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": "
         "\"mir\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-02\"}}");
    import("service_use", USES "MIR-1,R-1,2026-10-05,4,debt advice\n", 0, "does not run on that day");
    import("service_use", USES "MIR-1,R-1,2026-11-25,4,debt advice\n", 0, "a day that has come");
    import("service_use", USES "MIR-1,R-1,2026-11-05,6,\nMIR-1,R-1,2026-11-06,5,\n", 0, "4 of 10 units are left");
    import("service_use", USES "MIR-1,R-1,2026-11-05,6,\nMIR-1,R-1,2026-11-06,4,\n", 2, NULL);
    round_trip("service_use", USES "MIR-1,R-1,2026-11-07,1,\n", "0 of 10 units are left");
}

Test(money, a_file_of_capacity_statements_has_one_a_day)
{
    import("capacity_statement", "places,stated_on\n6,2026-12-01\n", 0, "a day that has come");
    import("capacity_statement", "places,stated_on\n6,2026-10-01\n8,2026-11-02\n", 2, NULL);
    import("capacity_statement", "places,stated_on\n6,2026-10-01\n8,2026-11-02\n", 0, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/capacity", NULL);
    cr_expect_eq(reply_int(&reply, "statement.places"), 8, "%s", reply.text);
    reply_fini(&reply);
    post("/v1/capacity", "{\"places\": 9}");
    import("capacity_statement", "places,stated_on\n9," SITE_TODAY "\n", 0, NULL);
}
