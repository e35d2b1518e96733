#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/flags_pass.h"
#include "base/clock.h"
#include "store/replica.h"
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

TestSuite(flags, .init = start, .fini = stop);

/* The place of the flag of this code in the answer; the count when it is not there. */
static size_t find(const struct reply *reply, const char *code)
{
    size_t i = 0;
    size_t count = reply_count(reply, "flags");
    while (i < count) {
        char path[40];
        (void)snprintf(path, sizeof(path), "flags.%zu.code", i);
        if (strcmp(reply_text(reply, path), code) == 0) {
            break;
        }
        i++;
    }
    return i;
}

Test(flags, appear_with_their_facts_and_clear_themselves)
{
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"absent\"}", 200,
                NULL);
    site_judge(&site);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    size_t at = find(&reply, "unexplained_absence");
    cr_assert_lt(at, reply_count(&reply, "flags"), "%s", reply.text);
    char path[60];
    (void)snprintf(path, sizeof(path), "flags.%zu.id", at);
    char url[64];
    (void)snprintf(url, sizeof(url), "/v1/flags/%.5s", reply_text(&reply, path));
    reply_fini(&reply);

    reply = site_call(&site, "GET", url, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "flag.subject_ref"), "GDN-P001@2026-11-18");
    cr_expect_str_eq(reply_text(&reply, "flag.since"), "2026-11-18");
    cr_expect_null(strstr(reply.text, "Ada"), "facts name refs, never people");
    cr_expect(json_is_null(reply_at(&reply, "flag.cleared_at")));
    reply_fini(&reply);

    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"note\": \"wrong row\"}", 200,
                NULL);
    site_judge(&site);
    reply = site_call(&site, "GET", "/v1/flags", NULL);
    cr_expect_eq(find(&reply, "unexplained_absence"), reply_count(&reply, "flags"));
    reply_fini(&reply);
    reply = site_call(&site, "GET", url, NULL);
    cr_expect(json_is_string(reply_at(&reply, "flag.cleared_at")), "its history stays");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/flags?all=1", NULL);
    cr_expect_lt(find(&reply, "unexplained_absence"), reply_count(&reply, "flags"));
    reply_fini(&reply);
}

Test(flags, one_is_found_by_enough_of_its_id_or_its_key)
{
    site_judge(&site);
    struct reply reply = site_call(&site, "GET", "/v1/flags?limit=1", NULL);
    cr_assert_eq(reply_count(&reply, "flags"), 1, "weeks without a register raise a gap");
    char url[200];
    (void)snprintf(url, sizeof(url), "/v1/flags/%s", reply_text(&reply, "flags.0.key"));
    site_expect(&site, "GET", url, NULL, 200, NULL);
    (void)snprintf(url, sizeof(url), "/v1/flags/%.3s", reply_text(&reply, "flags.0.id"));
    site_expect(&site, "GET", url, NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/flags/zzzzzzzz", NULL, 404, "not_found");
    reply_fini(&reply);
}

static void expect_flag(const char *code, bool open, bool look_again, const char *outcome)
{
    char path[60];
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    size_t at = find(&reply, code);
    cr_assert_lt(at, reply_count(&reply, "flags"), "%s", reply.text);
    (void)snprintf(path, sizeof(path), "flags.%zu.open", at);
    cr_expect_eq(json_is_true(reply_at(&reply, path)), open, "%s", reply.text);
    (void)snprintf(path, sizeof(path), "flags.%zu.look_again", at);
    cr_expect_eq(json_is_true(reply_at(&reply, path)), look_again, "%s", reply.text);
    (void)snprintf(path, sizeof(path), "flags.%zu.reviewed%s", at, outcome != NULL ? ".outcome" : "");
    cr_expect(outcome != NULL || json_is_null(reply_at(&reply, path)), "%s", reply.text);
    if (outcome != NULL) {
        cr_expect_str_eq(reply_text(&reply, path), outcome);
    }
    reply_fini(&reply);
}

static void expect_gap(bool open, bool look_again, const char *outcome)
{
    expect_flag("register_gap", open, look_again, outcome);
}

static void review(const char *code, const char *more)
{
    char path[60];
    char body[200];
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    (void)snprintf(path, sizeof(path), "flags.%zu.id", find(&reply, code));
    (void)snprintf(body, sizeof(body), "{\"flag\": \"%s\", %s}", reply_text(&reply, path), more);
    reply_fini(&reply);
    site.now_ms += 1000;
    site_expect(&site, "POST", "/v1/reviews", body, 200, NULL);
}

static void review_gap(const char *more)
{
    review("register_gap", more);
}

Test(flags, say_who_reviewed_them_and_stand_open_again_when_the_day_to_look_has_come)
{
    site_judge(&site);
    expect_gap(true, false, NULL);
    review_gap("\"outcome\": \"no_action\", \"note\": \"asked\"");
    expect_gap(false, false, "no_action");
    review_gap("\"outcome\": \"host_matter\", \"look_again_on\": \"2026-11-24\"");
    expect_gap(false, false, "host_matter");
    struct reply reply = site_call(&site, "GET", "/v1/export/flags?format=json", NULL);
    cr_expect_not_null(strstr(reply.text, "\"look_again_on\":\"2026-11-24\""), "%s", reply.text);
    reply_fini(&reply);
    date_parse("2026-11-23", &site.today);
    expect_gap(false, false, "host_matter");
    site.today++;
    expect_gap(true, true, "host_matter");
    review_gap("\"outcome\": \"corrected\"");
    expect_gap(false, false, "corrected");
}

Test(flags, about_a_day_ahead_are_not_open_once_somebody_reviewed_them)
{
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P009\", \"participant\": \"GDN-001\", \"basis\": "
        "\"mandatory\", \"starts_on\": \"2026-12-07\", \"ends_on\": \"2026-12-18\", \"pattern\": "
        "\"Mon-Fri 08:00-17:00\", \"weekly_minutes\": 2400}}",
        200, NULL);
    site_judge(&site);
    expect_flag("hours_over", true, false, NULL);
    review("hours_over", "\"outcome\": \"host_matter\"");
    expect_flag("hours_over", false, false, "host_matter");
    site.today += 30;
    expect_flag("hours_over", false, false, "host_matter");
}

Test(flags, of_the_site_or_of_a_placement_have_reviews_of_their_own)
{
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"absent\"}", 200,
                NULL);
    site_judge(&site);
    review_gap("\"outcome\": \"host_matter\"");
    review_gap("\"outcome\": \"support\"");
    char path[60];
    char url[200];
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    (void)snprintf(path, sizeof(path), "flags.%zu.id", find(&reply, "register_gap"));
    (void)snprintf(url, sizeof(url), "/v1/reviews?flag=%s", reply_text(&reply, path));
    struct reply reviews = site_call(&site, "GET", url, NULL);
    cr_assert_eq(reply_count(&reviews, "reviews"), 2, "%s", reviews.text);
    cr_expect_str_eq(reply_text(&reviews, "reviews.0.fields.outcome"), "support");
    cr_expect_str_eq(reply_text(&reviews, "reviews.1.fields.outcome"), "host_matter");
    cr_expect_str_eq(reply_text(&reviews, "reviews.0.said_by"), "tester");
    reply_fini(&reviews);
    (void)snprintf(path, sizeof(path), "flags.%zu.id", find(&reply, "unexplained_absence"));
    (void)snprintf(url, sizeof(url), "/v1/reviews?flag=%s", reply_text(&reply, path));
    reviews = site_call(&site, "GET", url, NULL);
    cr_expect_eq(reply_count(&reviews, "reviews"), 0, "%s", reviews.text);
    reply_fini(&reviews);
    (void)strcat(url, "0");
    site_expect(&site, "GET", url, NULL, 404, "not_found");
    reply_fini(&reply);
}

Test(flags, of_a_new_day_come_from_the_same_records)
{
    site_judge(&site);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    char path[40];
    (void)snprintf(path, sizeof(path), "flags.%zu.facts", find(&reply, "register_gap"));
    char *before = strdup(reply_text(&reply, path));
    reply_fini(&reply);
    site.today += 7;
    struct error err;
    cr_assert_eq(store_dirty_all(site.replica.store, &err), ERR_OK);
    site_judge(&site);
    reply = site_call(&site, "GET", "/v1/flags", NULL);
    (void)snprintf(path, sizeof(path), "flags.%zu.facts", find(&reply, "register_gap"));
    cr_expect_str_neq(reply_text(&reply, path), before, "another week is missing");
    free(before);
    reply_fini(&reply);
}

Test(flags, a_slice_leaves_the_rest_for_the_next)
{
    for (int i = 0; i < 2 * 64 + 3; i++) {
        char ref[24];
        (void)snprintf(ref, sizeof(ref), "X-%03d", i);
        struct store_entry entry;
        entry_placement(&site.world, &entry, ref, "GDN-001", "mandatory", "2026-11-02", "2026-12-18",
                        "Tue 10:00-12:00");
        replica_write(&site.replica, &entry, site.now_ms);
    }
    site_judge(&site);
    struct store_dirty dirty;
    struct error err;
    cr_assert_eq(store_dirty_read(site.replica.store, 1000, &dirty, &err), ERR_OK);
    cr_expect_eq(dirty.placement_count, 0);
    cr_expect_not(dirty.site);
    store_dirty_fini(&dirty);
}

Test(flags, a_referral_that_led_to_a_placement_waits_no_longer)
{
    static const char *const bodies[] = {
        "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": \"cwp\", "
        "\"basis\": \"mandatory\", \"received_on\": \"2026-11-02\"}}",
        "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P003\", \"participant\": \"GDN-001\", \"referral\": "
        "\"R-1\", \"basis\": \"mandatory\", \"starts_on\": \"2026-11-09\", \"ends_on\": \"2026-12-18\", \"pattern\": "
        "\"Tue 10:00-12:00\", \"weekly_minutes\": 120}}",
    };
    size_t expected[] = { 1, 0 };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        site_expect(&site, "POST", "/v1/records", bodies[i], 200, NULL);
        site_judge(&site);
        struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
        cr_expect_eq(find(&reply, "acknowledgement_overdue") < reply_count(&reply, "flags"), expected[i], "%s",
                     reply.text);
        reply_fini(&reply);
        reply = site_call(&site, "GET", "/v1/capacity", NULL);
        cr_expect_eq(reply_int(&reply, "waiting"), (json_int_t)expected[i]);
        reply_fini(&reply);
    }
}

Test(flags, one_flag_says_what_clears_it_and_what_to_ask_first)
{
    site_judge(&site);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    char path[80];
    (void)snprintf(path, sizeof(path), "flags.%zu.id", find(&reply, "register_gap"));
    char *id = strdup(reply_text(&reply, path));
    reply_fini(&reply);
    (void)snprintf(path, sizeof(path), "/v1/flags/%s", id);
    free(id);
    reply = site_call(&site, "GET", path, NULL);
    cr_expect(strstr(reply_text(&reply, "flag.clears"), "host was closed") != NULL, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "flag.questions"), 0, "nobody but the host is asked about a gap");
    reply_fini(&reply);
}

Test(flags, one_change_looks_at_its_own_placement_or_the_site_and_no_other)
{
    static const struct {
        const char *path;
        const char *body;
        size_t placements;
        bool site;
    } changes[] = {
        { "/v1/attendance", "{\"session\": \"GDN-P002@2026-11-18\", \"outcome\": \"absent\"}", 1, false },
        { "/v1/claims", "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\"}", 1, true },
        { "/v1/records", "{\"kind\": \"host\", \"fields\": {\"ref\": \"H-2\", \"name\": \"Hall\", \"quota\": 3}}", 0,
          true },
        { "/v1/records",
          "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"GDN-001\", \"day\": \"2026-11-19\", "
          "\"means\": \"phone\", \"outcome\": \"no_answer\"}}",
          1, false },
    };
    char body[400];
    struct error err;
    for (int i = 0; i < 40; i++) {
        struct store_entry entry;
        (void)snprintf(body, sizeof(body),
                       "{\"kind\": \"participant\", \"fields\": {\"ref\": \"N-%02d\", \"name\": \"Nobody %d\"}}", i, i);
        site_expect(&site, "POST", "/v1/records", body, 200, NULL);
        char ref[24];
        char person[24];
        (void)snprintf(ref, sizeof(ref), "X-%02d", i);
        (void)snprintf(person, sizeof(person), "N-%02d", i);
        entry_placement(&site.world, &entry, ref, person, "mandatory", "2026-11-02", "2026-12-18", "Tue 10:00-12:00");
        replica_write(&site.replica, &entry, site.now_ms);
    }
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"contract\", \"fields\": {\"ref\": \"C-1\", \"form\": \"payment_by_results\", "
                "\"price_pence\": 200000, "
                "\"starts_on\": \"2026-01-01\"}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-09-02\", \"outcome\": \"attended\"}",
                200, NULL);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        site_judge(&site);
        site_expect(&site, "POST", changes[i].path, changes[i].body, 200, NULL);
        struct store_dirty dirty;
        cr_assert_eq(store_dirty_read(site.replica.store, 1000, &dirty, &err), ERR_OK);
        printf("after %s: %zu of 42 placements%s\n", changes[i].body, dirty.placement_count,
               dirty.site ? ", and the site" : "");
        cr_expect_eq(dirty.placement_count, changes[i].placements, "%s", changes[i].body);
        cr_expect_eq(dirty.site, changes[i].site, "%s", changes[i].body);
        store_dirty_fini(&dirty);
    }
}

/* What the database did since the last call, in steps of its statements: a row more that is looked at is a few more. */
static int64_t steps_since(void)
{
    int64_t steps = 0;
    sqlite3_stmt *s = NULL;
    while ((s = sqlite3_next_stmt(site.replica.store->db.handle, s)) != NULL) {
        steps += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    return steps;
}

static void add_placement(const char *ref, const char *last_day)
{
    struct store_entry entry;
    entry_placement(&site.world, &entry, ref, ref, "mandatory", "2026-11-02", last_day, "Tue 10:00-12:00");
    replica_write(&site.replica, &entry, site.now_ms);
}

static int64_t steps_of_an_absence(const char *placement)
{
    char body[80];
    (void)snprintf(body, sizeof(body), "{\"session\": \"%s@2026-11-10\", \"outcome\": \"absent\"}", placement);
    site_judge(&site);
    (void)steps_since();
    site_expect(&site, "POST", "/v1/attendance", body, 200, NULL);
    site_judge(&site);
    return steps_since();
}

Test(flags, one_attendance_and_its_flags_look_at_no_more_rows_among_many_placements)
{
    add_placement("X-FEW", "2026-12-18");
    add_placement("X-MANY", "2026-12-18");
    (void)steps_of_an_absence("GDN-P001"); /* what is done but once is done */
    int64_t few = steps_of_an_absence("X-FEW");
    for (int i = 0; i < 400; i++) {
        char ref[16];
        (void)snprintf(ref, sizeof(ref), "X-%03d", i);
        add_placement(ref, i % 2 == 0 ? "2026-11-03" : "2026-11-24");
    }
    int64_t many = steps_of_an_absence("X-MANY");
    printf("steps among 4 placements: %lld, among 404: %lld\n", (long long)few, (long long)many);
    cr_expect_lt(many - few, 40, "where a list ends in an index costs a step or two; each of 400 looked at, several");
}

/* ---- judged with the record ---- */

static size_t marked(void)
{
    struct store_dirty dirty;
    struct error err;
    cr_assert_eq(store_dirty_read(site.replica.store, 1000, &dirty, &err), ERR_OK);
    size_t count = dirty.placement_count;
    store_dirty_fini(&dirty);
    return count;
}

static bool stands(const char *code)
{
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    bool found = find(&reply, code) < reply_count(&reply, "flags");
    reply_fini(&reply);
    return found;
}

Test(flags, of_one_record_are_there_when_it_is)
{
    struct flags_judge judge;
    site_judge(&site);
    flags_judge_begin(&judge, site.replica.store);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"absent\"}", 200,
                NULL);
    cr_expect_eq(marked(), 0);
    cr_expect(stands("unexplained_absence"));
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"note\": \"wrong row\"}", 200,
                NULL);
    cr_expect_eq(marked(), 0);
    cr_expect_not(stands("unexplained_absence"));
    flags_judge_end(&judge);
}

Test(flags, of_several_records_are_for_the_pass)
{
    struct flags_judge judge;
    struct store_entry entries[2];
    struct store_written written;
    struct error err;
    site_judge(&site);
    flags_judge_begin(&judge, site.replica.store);
    entry_attendance(&site.world, &entries[0], "GDN-P001", "2026-11-18", 0, OUTCOME_ABSENT, -1, NULL);
    entry_attendance(&site.world, &entries[1], "GDN-P002", "2026-11-18", 0, OUTCOME_ABSENT, -1, NULL);
    cr_assert_eq(store_write(site.replica.store, "tester", entries, 2, site.now_ms, &written, &err), ERR_OK);
    cr_expect_eq(marked(), 2);
    cr_expect_not(stands("unexplained_absence"));
    site_judge(&site);
    cr_expect(stands("unexplained_absence"));
    flags_judge_end(&judge);
}

/* Says something, and then that it cannot. */
static enum err_code judge_badly(void *context, const struct row_id *placement, struct error *err)
{
    const struct flag_row flag = { .key = "half@done", .code = "half_done", .subject_id = *placement, .subject = 1 };
    int *calls = context;
    ++*calls;
    TRY(store_flags_replace(site.replica.store, placement, &flag, 1, site.now_ms, err));
    return FAIL(err, LIMIT, "judge: too much");
}

/* An absence is recorded while this judges, and is kept; the pass makes of it afterwards what it should be. */
static void record_and_be_judged(enum err_code (*judged)(void *context, const struct row_id *placement,
                                                         struct error *err))
{
    int calls = 0;
    struct store_judge judge = { judged, &calls };
    site_judge(&site);
    store_judge_writes(site.replica.store, &judge);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"absent\"}", 200,
                NULL);
    cr_expect_eq(calls, 1, "a write that is done again is not judged");
    cr_expect_eq(marked(), 1, "the pass looks again");
    cr_expect_not(stands("half_done"));
    store_judge_writes(site.replica.store, NULL);
    site_judge(&site);
    cr_expect(stands("unexplained_absence"));
}

Test(flags, that_cannot_be_made_never_cost_the_record)
{
    record_and_be_judged(judge_badly);
}

/* As SQLite does when a page cannot be read or memory is out. */
static enum err_code judge_and_lose_all(void *context, const struct row_id *placement, struct error *err)
{
    int *calls = context;
    ++*calls;
    (void)placement;
    cr_assert_eq(sqlite3_exec(site.replica.store->db.handle, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    return FAIL(err, DAMAGED, "judge: a page cannot be read");
}

Test(flags, for_which_everything_was_taken_back_never_cost_the_record)
{
    record_and_be_judged(judge_and_lose_all);
}

/* ---- the pass, while another pack is due ---- */

#define SOON_MS 5000 /* less than any rest */

static uv_loop_t loop;
static struct flags_pass pass;
static int asked;

static void on_pack_due(void *context)
{
    (void)context;
    asked++;
}

static void on_pass_stopped(void *context)
{
    (void)context;
}

/* As if another pack had made the tables. */
static void begin_pass(unsigned failures)
{
    struct error err;
    cr_assert_eq(db_exec(&site.replica.store->db, "UPDATE sync_state SET folded_by = ''", &err), ERR_OK);
    cr_assert_eq(uv_loop_init(&loop), 0);
    flags_pass_init(&pass, &loop, site.replica.store, on_pack_due, NULL);
    if (failures > 0) {
        flags_pass_rest(&pass, failures);
    }
    flags_pass_wake(&pass);
}

static void end_pass(void)
{
    flags_pass_stop(&pass, on_pass_stopped, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

static bool all_looked_at_soon(void)
{
    int64_t until_ms = clock_monotonic_ms() + SOON_MS;
    while (marked() > 0 && clock_monotonic_ms() < until_ms) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    return marked() == 0;
}

Test(flags, of_a_change_are_looked_at_at_once_though_another_pack_could_not_be_used_yet)
{
    struct store_entry entries[2];
    struct store_written written;
    struct error err;
    begin_pass(1);
    cr_assert(all_looked_at_soon());
    entry_attendance(&site.world, &entries[0], "GDN-P001", "2026-11-18", 0, OUTCOME_ABSENT, -1, NULL);
    entry_attendance(&site.world, &entries[1], "GDN-P002", "2026-11-18", 0, OUTCOME_ABSENT, -1, NULL);
    cr_assert_eq(store_write(site.replica.store, "tester", entries, 2, site.now_ms, &written, &err), ERR_OK);
    cr_assert_eq(marked(), 2);
    flags_pass_wake(&pass);
    cr_expect(all_looked_at_soon());
    cr_expect(flags_pass_pending(&pass), "the pack is still due");
    cr_expect_eq(asked, 0, "its rest is not cut short");
    end_pass();
}

/* Greater than the one that failed, and in force already. */
static void add_newer_pack(void)
{
    struct error err;
    struct buf packed;
    sqlite3_stmt *s;
    struct slice json = programme_default_json();
    char *text = strndup((const char *)json.data, json.len);
    char *version = strstr(text, "\"version\": ");
    cr_assert_not_null(version);
    version[strlen("\"version\": ")] = '9';
    struct slice newer = slice_of_text(text);
    uint8_t hash[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    sha256(&newer, 1, hash);
    hex_encode(hash, sizeof(hash), hex);
    buf_init(&packed, PROGRAMME_PACKED_MAX);
    cr_assert_eq(programme_compress(newer, &packed, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(db_statement(&site.replica.store->db,
                              "INSERT INTO programme_pack VALUES (?1, 'help-to-work-2014', 9, 0, ?2, ?3, 'centre', 0)",
                              &s, &err),
                 ERR_OK, "%s", err.message);
    bind_blob(s, 1, hash, ROW_ID_BYTES);
    bind_text(s, 2, hex);
    bind_slice(s, 3, buf_slice(&packed));
    cr_assert_eq(db_run(&site.replica.store->db, s, &err), ERR_OK, "%s", err.message);
    buf_fini(&packed);
    free(text);
}

Test(flags, pass_asks_at_once_for_a_newer_pack_while_it_rests_from_the_failure_of_another)
{
    begin_pass(3);
    cr_assert(all_looked_at_soon());
    cr_assert_eq(asked, 0);
    add_newer_pack();
    flags_pass_wake(&pass);
    int64_t until_ms = clock_monotonic_ms() + SOON_MS;
    while (asked == 0 && clock_monotonic_ms() < until_ms) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    cr_expect_eq(asked, 1);
    end_pass();
}

Test(flags, pass_asks_for_the_tables_at_once_and_after_failures_later_and_later)
{
    static const uint64_t minutes[] = { 1, 5, 60, 60 };
    begin_pass(0);
    int64_t until_ms = clock_monotonic_ms() + SOON_MS;
    while (asked == 0 && clock_monotonic_ms() < until_ms) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    cr_expect_eq(asked, 1);
    for (unsigned i = 0; i < ARRAY_LEN(minutes); i++) {
        flags_pass_rest(&pass, i + 1);
        cr_expect_eq(pass.asks_from_ms - uv_now(&loop), minutes[i] * 60000);
    }
    end_pass();
}
