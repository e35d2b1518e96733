/* People, what each role may do, and signing in. */
#include <string.h>

#include "agent/roles.h"
#include "agent/sign_in.h"
#include "tests/unit/agent/site.h"

static struct site site;

static void start(void)
{
    site_start(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(people, .init = start, .fini = stop);
TestSuite(roles);
TestSuite(sign_in);

static void derive(const struct person_proof *proof, const char *passphrase, struct secret *ret_derived)
{
    struct error err;
    cr_assert_eq(person_proof_derive(proof, slice_of_text(passphrase), ret_derived, &err), ERR_OK, "%s", err.message);
}

static enum err_code put(const char *name, unsigned roles, const char *user, const char *passphrase)
{
    struct person person = { .roles = roles };
    struct person_proof proof;
    struct error err;
    (void)snprintf(person.name, sizeof(person.name), "%s", name);
    (void)snprintf(person.os_user, sizeof(person.os_user), "%s", user);
    if (passphrase[0] == '\0') {
        return store_person_put(site.replica.store, "tester", &person, NULL, site.now_ms, &err);
    }
    SCOPED(secret_free) struct secret derived = { 0 };
    TRY(person_passphrase_check(slice_of_text(passphrase), &err));
    cr_assert_eq(person_proof_new(&proof, &err), ERR_OK);
    derive(&proof, passphrase, &derived);
    person_proof_keep(&proof, &derived);
    return store_person_put(site.replica.store, "tester", &person, &proof, site.now_ms, &err);
}

static bool fits(const char *name, const char *passphrase)
{
    struct person_proof proof;
    struct error err;
    SCOPED(secret_free) struct secret derived = { 0 };
    cr_assert_eq(store_person_proof(site.replica.store, name, &proof, &err), ERR_OK, "%s", err.message);
    derive(&proof, passphrase, &derived);
    return person_proof_fits(&proof, &derived);
}

Test(people, a_passphrase_is_the_persons_own_and_not_kept)
{
    cr_assert_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "", "correct horse"), ERR_OK);
    cr_assert_eq(put("Ron Reviewer", ROLE_REVIEWER | ROLE_COORDINATOR, "", "battery staple"), ERR_OK);
    cr_expect(fits("Ann Administrator", "correct horse"));
    cr_expect_not(fits("Ann Administrator", "correct horsf"));
    cr_expect_not(fits("Ann Administrator", ""));
    cr_expect_not(fits("Ann Administrator", "battery staple"));
    cr_expect_not(fits("Nobody", "correct horse"));
    cr_expect(fits("Ron Reviewer", "battery staple"));
    cr_assert_eq(put("Ron Reviewer", ROLE_REVIEWER, "", ""), ERR_OK, "a change keeps the passphrase");
    cr_expect(fits("Ron Reviewer", "battery staple"));
    replica_close_files(&site.replica);
    replica_open_files(&site.replica);
    cr_expect(fits("Ron Reviewer", "battery staple"), "and a restart");
}

Test(people, there_is_always_an_administrator_once_there_is_anybody)
{
    struct error err;
    size_t count;
    cr_expect_eq(put("Ron Reviewer", ROLE_REVIEWER, "", "battery staple"), ERR_REFUSED, "the first");
    cr_assert_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "ann", ""), ERR_OK);
    cr_assert_eq(put("Ron Reviewer", ROLE_REVIEWER, "", "battery staple"), ERR_OK);
    cr_expect_eq(put("Ann Administrator", ROLE_COORDINATOR, "ann", ""), ERR_REFUSED);
    cr_expect_eq(store_person_remove(site.replica.store, "Ann Administrator", &err), ERR_REFUSED);
    cr_expect_eq(store_person_remove(site.replica.store, "Nobody", &err), ERR_NOT_FOUND);
    cr_expect_eq(store_person_remove(site.replica.store, "Ron Reviewer", &err), ERR_OK);
    cr_expect_eq(store_person_remove(site.replica.store, "Ann Administrator", &err), ERR_OK, "the last of all may go");
    cr_assert_eq(query_people_count(site.replica.store, &count, &err), ERR_OK);
    cr_expect_eq(count, 0);
}

Test(people, need_a_way_to_prove_who_they_are_that_is_their_own)
{
    cr_expect_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "", ""), ERR_REFUSED);
    cr_expect_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "", "short"), ERR_INVALID);
    cr_assert_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "ann", ""), ERR_OK);
    cr_expect_eq(put("Ron Reviewer", ROLE_REVIEWER, "ann", ""), ERR_CONFLICT, "one user, two people");
}

Test(people, who_is_not_entered_costs_the_same_look_as_who_is)
{
    struct error err;
    struct person_proof entered;
    struct person_proof without;
    struct person_proof unknown;
    cr_assert_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "", "correct horse"), ERR_OK);
    cr_assert_eq(put("Sue Supervisor", ROLE_SUPERVISOR, "sue", ""), ERR_OK);
    cr_assert_eq(store_person_proof(site.replica.store, "Ann Administrator", &entered, &err), ERR_OK);
    cr_assert_eq(store_person_proof(site.replica.store, "Sue Supervisor", &without, &err), ERR_OK);
    cr_assert_eq(store_person_proof(site.replica.store, "Nobody", &unknown, &err), ERR_OK);
    cr_expect(entered.kept && !without.kept && !unknown.kept);
    cr_expect_eq(memcmp(&entered.cost, &unknown.cost, sizeof(entered.cost)), 0);
    cr_expect_eq(memcmp(&entered.cost, &without.cost, sizeof(entered.cost)), 0);
}

Test(people, are_no_records_and_a_rebuild_leaves_them)
{
    char before[2 * SHA256_BYTES + 1];
    char after[2 * SHA256_BYTES + 1];
    struct store_counts counts;
    struct error err;
    replica_digest(&site.replica, before);
    cr_assert_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "ann", "correct horse"), ERR_OK);
    cr_assert_eq(store_rebuild(site.replica.store, &err), ERR_OK);
    replica_digest(&site.replica, after);
    cr_expect_str_eq(before, after);
    cr_assert_eq(query_counts(site.replica.store, &counts, &err), ERR_OK);
    cr_expect_eq(counts.ops, 0);
    cr_expect(fits("Ann Administrator", "correct horse"));
}

Test(people, decide_confirm_and_erase_in_their_own_name_alone)
{
    site_fill(&site);
    cr_assert_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "ann", ""), ERR_OK);
    cr_assert_eq(put("Ron Reviewer", ROLE_REVIEWER, "ron", ""), ERR_OK);
    site.person = "Ann Administrator";
#define MERGE "{\"duplicate\": \"GDN-002\", \"into\": \"GDN-001\", \"reason\": \"seen both\""
    site_expect(&site, "POST", "/v1/merge", MERGE ", \"decided_by\": \"Ron Reviewer\"}", 409, "refused");
    site_expect(&site, "POST", "/v1/merge", MERGE ", \"decided_by\": \"Ann Administrator\"}", 200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/merges", NULL);
    cr_expect_str_eq(reply_text(&reply, "merges.0.decided_by"), "Ann Administrator");
    reply_fini(&reply);
#define CONFIRM "{\"duplicate\": \"GDN-002\", \"reason\": \"seen both\", \"confirm\": true"
    site_expect(&site, "POST", "/v1/merge", CONFIRM ", \"decided_by\": \"Ron Reviewer\"}", 409, "refused");
#define ERASE "{\"what\": \"GDN-001\", \"ground\": \"right\", \"reason\": \"letter 7\""
    reply = site_call(&site, "POST", "/v1/erase", "{\"what\": \"GDN-001\", \"dry_run\": true}");
    cr_expect_eq(reply_count(&reply, "people"), 1);
    cr_expect_str_eq(reply_text(&reply, "unconfirmed.0"), "GDN-002", "one person's guess takes nothing with it");
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/erase", ERASE ", \"by\": \"Ron Reviewer\"}", 409, "refused");
    site_expect(&site, "POST", "/v1/erase", ERASE ", \"confirmed_by\": \"Ann Administrator\"}", 409, "refused");
    site_expect(&site, "POST", "/v1/erase", ERASE ", \"confirmed_by\": \"Nobody\"}", 404, "not_found");
    site_expect(&site, "POST", "/v1/retention/run", "{\"by\": \"Ron Reviewer\", \"reason\": \"yearly\"}", 409,
                "refused");
    site_expect(&site, "POST", "/v1/retention/run", "{\"reason\": \"yearly\"}", 200, NULL);
    site_expect(&site, "POST", "/v1/erase", ERASE ", \"confirmed_by\": \"Ron Reviewer\"}", 200, NULL);
    reply = site_call(&site, "GET", "/v1/log?limit=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "entries.0.fields.decided_by"), "Ann Administrator");
    reply_fini(&reply);
}

/* ---- the table of calls ---- */

Test(roles, every_data_call_is_in_the_table)
{
    const char *method;
    const char *path;
    size_t count = 0;
    for (; api_route_at(count, &method, &path); count++) {
        char whole[200];
        bool goes_on = path[strlen(path) - 1] == '/';
        (void)snprintf(whole, sizeof(whole), "%s%s", path, goes_on ? "X" : "");
        cr_expect(roles_listed(method, whole), "%s %s: say in agent/roles.c who may make it", method, path);
    }
    cr_expect_gt(count, 35);
}

Test(roles, every_call_about_the_service_is_in_the_table)
{
    static const char *const calls[][2] = {
        { "GET", "/v1/version" },        { "GET", "/v1/status" },         { "POST", "/v1/unlock" },
        { "POST", "/v1/lock" },          { "POST", "/v1/enrol" },         { "POST", "/v1/sync" },
        { "POST", "/v1/backup" },        { "POST", "/v1/backup/next" },   { "POST", "/v1/backup/end" },
        { "GET", "/v1/restore" },        { "POST", "/v1/restore/begin" }, { "POST", "/v1/restore/discard" },
        { "GET", "/v1/vault/check" },    { "POST", "/v1/vault/check" },   { "POST", "/v1/vault/check/stop" },
        { "POST", "/v1/vault/rekey" },   { "GET", "/v1/keys" },           { "POST", "/v1/keys/add" },
        { "POST", "/v1/keys/change" },   { "POST", "/v1/keys/remove" },   { "POST", "/v1/keys/envelope" },
        { "POST", "/v1/bundle/export" }, { "POST", "/v1/bundle/import" }, { "GET", "/v1/people" },
        { "POST", "/v1/people" },        { "POST", "/v1/people/remove" }, { "POST", "/v1/sign-in" },
        { "POST", "/v1/sign-out" },      { "GET", "/v1/whoami" },
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        cr_expect(roles_listed(calls[i][0], calls[i][1]), "%s %s", calls[i][0], calls[i][1]);
    }
}

Test(roles, what_is_forgotten_is_for_administrators_alone)
{
    cr_expect(roles_allow(ROLE_ADMINISTRATOR, "GET", "/v1/some-new-call"));
    cr_expect_not(roles_allow(ROLES_ALL & ~(unsigned)ROLE_ADMINISTRATOR, "GET", "/v1/some-new-call"));
    cr_expect_not(roles_allow(ROLE_COORDINATOR, "DELETE", "/v1/records"));
    cr_expect_not(roles_allow(0, "GET", "/v1/roll"));
    cr_expect(roles_allow(0, "GET", "/v1/status"));
}

Test(roles, a_trustee_changes_nothing)
{
    const char *method;
    const char *path;
    for (size_t i = 0; api_route_at(i, &method, &path); i++) {
        char whole[200];
        (void)snprintf(whole, sizeof(whole), "%s%s", path, path[strlen(path) - 1] == '/' ? "X" : "");
        cr_expect(strcmp(method, "GET") == 0 || !roles_allow(ROLE_TRUSTEE, method, whole), "%s %s", method, path);
    }
}

Test(roles, only_a_reviewer_takes_a_step_towards_a_doubt)
{
    static const char *const steps[] = { "/v1/reviews", "/v1/doubts", "/v1/doubts/D-1/withdraw" };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        cr_expect_eq(roles_of_call("POST", steps[i]), ROLE_REVIEWER, "%s", steps[i]);
    }
}

Test(roles, who_has_no_part_in_it_reads_nothing_of_a_doubt)
{
    static const char *const reads[] = { "/v1/doubts", "/v1/doubts/D-1", "/v1/doubts/preview", "/v1/challenges" };
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        cr_expect_not(roles_allow(ROLE_TRUSTEE | ROLE_SUPERVISOR, "GET", reads[i]), "%s", reads[i]);
        cr_expect(roles_allow(ROLE_REVIEWER, "GET", reads[i]), "%s", reads[i]);
    }
}

Test(roles, a_supervisor_keeps_the_register_and_sees_no_referral)
{
    cr_expect(roles_allow(ROLE_SUPERVISOR, "GET", "/v1/roll"));
    cr_expect(roles_allow(ROLE_SUPERVISOR, "POST", "/v1/attendance"));
    cr_expect_not(roles_allow(ROLE_SUPERVISOR, "GET", "/v1/referrals"));
    cr_expect_not(roles_allow(ROLE_SUPERVISOR, "GET", "/v1/export/log"));
    cr_expect_not(roles_allow(ROLE_SUPERVISOR, "GET", "/v1/volunteers"));
    cr_expect_not(roles_allow(ROLE_SUPERVISOR, "GET", "/v1/log"));
}

/* ---- signing in ---- */

static struct sign_ins all;

Test(sign_in, a_token_is_good_for_its_user_and_its_time)
{
    char token[SIGN_IN_TOKEN_TEXT];
    char other[SIGN_IN_TOKEN_TEXT];
    struct error err;
    cr_assert_eq(sign_ins_begin(&all, 1000, "Ann", 5, token, &err), ERR_OK);
    cr_assert_eq(sign_ins_begin(&all, 1000, "Ron", 5, other, &err), ERR_OK);
    cr_assert_str_eq(sign_ins_find(&all, 1000, token, 6)->name, "Ann");
    cr_assert_str_eq(sign_ins_find(&all, 1000, other, 6)->name, "Ron");
    cr_expect_null(sign_ins_find(&all, 1001, token, 6), "another user of the system");
    token[0] = token[0] == 'a' ? 'b' : 'a';
    cr_expect_null(sign_ins_find(&all, 1000, token, 6));
    cr_expect_null(sign_ins_find(&all, 1000, "", 6));
    cr_expect_not_null(sign_ins_find(&all, 1000, other, 6 + SIGN_IN_IDLE_MS - 1));
    cr_expect_null(sign_ins_find(&all, 1000, other, 5 + 2 * SIGN_IN_IDLE_MS), "nobody used it");
}

Test(sign_in, ends_after_the_longest_time_however_busy)
{
    char token[SIGN_IN_TOKEN_TEXT];
    struct error err;
    cr_assert_eq(sign_ins_begin(&all, 1000, "Ann", 0, token, &err), ERR_OK);
    int64_t now_ms = 0;
    for (; now_ms < SIGN_IN_LONGEST_MS; now_ms += SIGN_IN_IDLE_MS / 2) {
        cr_assert_not_null(sign_ins_find(&all, 1000, token, now_ms));
    }
    cr_expect_null(sign_ins_find(&all, 1000, token, now_ms));
}

Test(sign_in, ends_when_the_person_signs_out_changes_or_the_replica_is_locked)
{
    char token[SIGN_IN_TOKEN_TEXT];
    struct error err;
    cr_assert_eq(sign_ins_begin(&all, 1000, "Ann", 0, token, &err), ERR_OK);
    sign_ins_end(&all, 1000, token);
    cr_expect_null(sign_ins_find(&all, 1000, token, 1));
    cr_assert_eq(sign_ins_begin(&all, 1000, "Ann", 0, token, &err), ERR_OK);
    sign_ins_end_of(&all, "Ann");
    cr_expect_null(sign_ins_find(&all, 1000, token, 1));
    cr_assert_eq(sign_ins_begin(&all, 1000, "Ann", 0, token, &err), ERR_OK);
    sign_ins_end_all(&all);
    cr_expect_null(sign_ins_find(&all, 1000, token, 1));
}

Test(sign_in, guessing_has_to_wait_longer_and_longer)
{
    struct error err;
    int64_t now_ms = 1000;
    for (unsigned i = 0; i < SIGN_IN_TRIES; i++) {
        cr_assert_eq(sign_ins_may_try(&all, "Ann", true, now_ms, &err), ERR_OK);
        sign_ins_tried(&all, "Ann", true, false, now_ms);
    }
    cr_assert_eq(sign_ins_may_try(&all, "Ann", true, now_ms, &err), ERR_BUSY);
    cr_expect_not_null(strstr(err.message, "30 seconds"), "%s", err.message);
    cr_expect_eq(sign_ins_may_try(&all, "Ron", true, now_ms, &err), ERR_OK, "not for somebody else");
    now_ms += SIGN_IN_WAIT_MS;
    cr_assert_eq(sign_ins_may_try(&all, "Ann", true, now_ms, &err), ERR_OK);
    sign_ins_tried(&all, "Ann", true, false, now_ms);
    cr_expect_eq(sign_ins_may_try(&all, "Ann", true, now_ms + SIGN_IN_WAIT_MS, &err), ERR_BUSY, "twice as long");
    now_ms += 2 * SIGN_IN_WAIT_MS;
    sign_ins_tried(&all, "Ann", true, true, now_ms);
    sign_ins_tried(&all, "Ann", true, false, now_ms);
    cr_expect_eq(sign_ins_may_try(&all, "Ann", true, now_ms, &err), ERR_OK, "the right one begins anew");
}

Test(sign_in, tries_for_everybody_else_do_not_make_those_for_one_forgotten)
{
    struct error err;
    for (unsigned i = 0; i < SIGN_IN_TRIES - 1; i++) {
        sign_ins_tried(&all, "Ann", true, false, 0);
    }
    for (unsigned i = 1; i < PEOPLE_MAX; i++) {
        char name[20];
        (void)snprintf(name, sizeof(name), "Ron %u", i);
        for (unsigned tries = 0; tries < SIGN_IN_TRIES; tries++) {
            sign_ins_tried(&all, name, true, false, 0);
        }
    }
    cr_assert_eq(sign_ins_may_try(&all, "Ann", true, 0, &err), ERR_OK);
    sign_ins_tried(&all, "Ann", true, false, 0);
    cr_expect_eq(sign_ins_may_try(&all, "Ann", true, 0, &err), ERR_BUSY);
    sign_ins_end_of(&all, "Ann");
    cr_expect_eq(sign_ins_may_try(&all, "Ann", true, 0, &err), ERR_OK, "who entered her anew has seen to it");
}

Test(sign_in, wrong_tries_outlast_a_lock)
{
    struct error err;
    for (unsigned i = 0; i < SIGN_IN_TRIES; i++) {
        sign_ins_tried(&all, "Ann", true, false, 0);
    }
    sign_ins_end_all(&all);
    cr_expect_eq(sign_ins_may_try(&all, "Ann", true, 0, &err), ERR_BUSY);
}

Test(sign_in, waiting_does_not_tell_who_is_entered)
{
    struct error entered;
    struct error unknown;
    for (unsigned i = 0; i < SIGN_IN_TRIES; i++) {
        cr_assert_eq(sign_ins_may_try(&all, "Ann", true, 0, &entered), ERR_OK);
        cr_assert_eq(sign_ins_may_try(&all, "Nobody", false, 0, &unknown), ERR_OK);
        sign_ins_tried(&all, "Ann", true, false, 0);
        sign_ins_tried(&all, "Nobody", false, false, 0);
    }
    cr_expect_eq(sign_ins_may_try(&all, "Ann", true, 0, &entered), ERR_BUSY);
    cr_expect_eq(sign_ins_may_try(&all, "Nobody", false, 0, &unknown), ERR_BUSY);
    cr_expect_str_eq(entered.message, unknown.message);
    cr_expect_eq(sign_ins_may_try(&all, "Ron", true, 0, &entered), ERR_OK, "tries for strangers bind no one entered");
}
