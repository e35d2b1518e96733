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

static enum err_code put(const char *name, unsigned roles, const char *user, const char *passphrase)
{
    struct person person = { .roles = roles };
    struct error err;
    (void)snprintf(person.name, sizeof(person.name), "%s", name);
    (void)snprintf(person.os_user, sizeof(person.os_user), "%s", user);
    return store_person_put(site.replica.store, "tester", &person, slice_of_text(passphrase), site.now_ms, &err);
}

static bool fits(const char *name, const char *passphrase)
{
    struct error err;
    bool fits = false;
    cr_assert_eq(store_person_check(site.replica.store, name, slice_of_text(passphrase), &fits, &err), ERR_OK, "%s",
                 err.message);
    return fits;
}

Test(people, a_passphrase_is_the_persons_own_and_not_kept)
{
    cr_assert_eq(put("Ann Administrator", ROLE_ADMINISTRATOR, "", "correct horse"), ERR_OK);
    cr_assert_eq(put("Ron Reviewer", ROLE_REVIEWER | ROLE_COORDINATOR, "", "battery staple"), ERR_OK);
    cr_expect(fits("Ann Administrator", "correct horse"));
    cr_expect_not(fits("Ann Administrator", "correct horsf"));
    cr_expect_not(fits("Ann Administrator", ""));
    cr_expect_not(fits("Ann Administrator", "battery staple"));
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
    sign_ins_forget(&all);
    cr_expect_null(sign_ins_find(&all, 1000, token, 1));
}

Test(sign_in, guessing_has_to_wait_longer_and_longer)
{
    struct error err;
    int64_t now_ms = 1000;
    for (unsigned i = 0; i < SIGN_IN_TRIES; i++) {
        cr_assert_eq(sign_ins_may_try(&all, "Ann", now_ms, &err), ERR_OK);
        sign_ins_tried(&all, "Ann", false, now_ms);
    }
    cr_assert_eq(sign_ins_may_try(&all, "Ann", now_ms, &err), ERR_BUSY);
    cr_expect_not_null(strstr(err.message, "30 seconds"), "%s", err.message);
    cr_expect_eq(sign_ins_may_try(&all, "Ron", now_ms, &err), ERR_OK, "not for somebody else");
    now_ms += SIGN_IN_WAIT_MS;
    cr_assert_eq(sign_ins_may_try(&all, "Ann", now_ms, &err), ERR_OK);
    sign_ins_tried(&all, "Ann", false, now_ms);
    cr_expect_eq(sign_ins_may_try(&all, "Ann", now_ms + SIGN_IN_WAIT_MS, &err), ERR_BUSY, "twice as long");
    now_ms += 2 * SIGN_IN_WAIT_MS;
    sign_ins_tried(&all, "Ann", true, now_ms);
    sign_ins_tried(&all, "Ann", false, now_ms);
    cr_expect_eq(sign_ins_may_try(&all, "Ann", now_ms, &err), ERR_OK, "the right one begins anew");
}

Test(sign_in, tries_for_everybody_else_do_not_make_those_for_one_forgotten)
{
    struct error err;
    for (unsigned i = 0; i < SIGN_IN_TRIES - 1; i++) {
        sign_ins_tried(&all, "Ann", false, 0);
    }
    for (unsigned i = 1; i < PEOPLE_MAX; i++) {
        char name[20];
        (void)snprintf(name, sizeof(name), "Ron %u", i);
        for (unsigned tries = 0; tries < SIGN_IN_TRIES; tries++) {
            sign_ins_tried(&all, name, false, 0);
        }
    }
    cr_assert_eq(sign_ins_may_try(&all, "Ann", 0, &err), ERR_OK);
    sign_ins_tried(&all, "Ann", false, 0);
    cr_expect_eq(sign_ins_may_try(&all, "Ann", 0, &err), ERR_BUSY);
    sign_ins_end_of(&all, "Ann");
    cr_expect_eq(sign_ins_may_try(&all, "Ann", 0, &err), ERR_OK, "who entered her anew has seen to it");
}
