#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/programme/programme.h"
#include "store/rows.h"

/* Allocations of ours (by the linker's --wrap) and of jansson (by its hook) fail from the n-th on, once. */
static int allocations_left = -1;

static bool fails_now(void)
{
    if (allocations_left < 0) {
        return false;
    }
    return allocations_left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
    return fails_now() ? NULL : __real_realloc(pointer, size);
}

static json_t *builtin_json(void)
{
    json_error_t where;
    json_t *root = json_load_file(PACK_FILE, 0, &where);
    cr_assert(root != NULL, "%s", where.text);
    return root;
}

static enum err_code load(const json_t *root, struct programme **programme, struct error *err)
{
    char *text = json_dumps(root, 0);
    enum err_code rc = programme_load(slice_of_text(text), programme, err);
    free(text);
    return rc;
}

Test(pack, the_builtin_one_is_the_file_and_has_the_numbers_of_the_programme)
{
    const struct programme *programme = programme_default();
    cr_assert_str_eq(programme_id(programme), "help-to-work-2014");
    cr_assert_eq(programme_version(programme), 4);
    const struct programme_rules *rules = programme_rules_of(programme);
    cr_assert_eq(rules->cwp_weekly_minutes_max, 30 * 60);
    cr_assert_eq(rules->repeat_window_days, 52 * 7);
    cr_assert_eq(rules->repeat_gap_days, 2 * 7);
    cr_assert_eq(rules->first_sanction_weeks, 4);
    cr_assert_eq(rules->later_sanction_weeks, 13);
    cr_assert_eq(rules->acknowledge_working_days, 2);
    cr_assert_eq(rules->start_working_days, 15);
    cr_assert_eq(rules->notice_posted_working_days, 2);
    cr_assert_eq(rules->scheme_weeks_max, 30);
    cr_assert_eq(programme_default(), programme, "loaded once");
}

Test(words, a_factor_is_found_by_a_whole_word_in_either_language_with_or_without_accents)
{
    static const struct {
        const char *note;
        const char *code;
    } cases[] = {
        { "rang to say he was ILL.", "health" },
        { "she will come tomorrow", NULL }, /* no "ill" */
        { "grill broke", NULL },
        { "roedd yn s\u00e2l", "health" },
        { "roedd yn sal", "health" },
        { "apwyntiad gyda'r meddyg", "health" },
        { "no childcare", "childcare" },
        { "potted plants all day", NULL },
        { "had a job   interview-again", "job_interview" },
        { "cyfweliad", "job_interview" },
        { "missed the bus", "travel" },
        { "tr\u00ean hwyr", "travel" },
        { "aeth i\u2019r llys", "legal_duty" },
        { "his dad passed\naway", "bereavement" },
        { "", NULL },
        { "...", NULL },
        { "\xff\xfe\xc5", NULL },
        { "\xe2\x80", NULL },
        { "ill\xc3\xa9", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *code = programme_reason_in_words(programme_default(), cases[i].note);
        cr_expect((code == NULL) == (cases[i].code == NULL) && (code == NULL || strcmp(code, cases[i].code) == 0),
                  "case %zu: %s", i, code == NULL ? "none" : code);
    }
}

Test(words, a_long_text_is_read_as_far_as_a_note_may_go)
{
    char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text + 1980, " ill ", 5);
    cr_expect_str_eq(programme_reason_in_words(programme_default(), text), "health");
    memset(text + 1980, 'x', 5);
    memcpy(text + 3000, " ill ", 5);
    cr_expect_null(programme_reason_in_words(programme_default(), text));
}

Test(words, a_list_that_says_nothing_is_refused)
{
    static const char *const lists[] = { "{\"en\": \"ill\"}", "{\"en\": [3]}", "{\"cy\": [\"...\"]}",
                                         "{\"en\": [\"\"]}", "[]" };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        json_t *root = builtin_json();
        (void)json_object_set_new(json_array_get(json_object_get(root, "reasons"), 0), "words",
                                  json_loads(lists[i], 0, NULL));
        struct programme *programme = NULL;
        struct error err;
        cr_expect_eq(load(root, &programme, &err), ERR_INVALID, "%s", lists[i]);
        cr_expect_not_null(strstr(err.message, "reasons[0].words"), "%s", err.message);
        json_decref(root);
    }
}

Test(pack, says_where_a_number_comes_from)
{
    const struct programme *programme = programme_default();
    cr_assert_str_eq(programme_rule_source(programme, "later_sanction_weeks"), "briefing");
    cr_assert_str_eq(programme_rule_source(programme, "near_capacity_percent"), "our default");
    cr_assert_str_eq(programme_rule_source(programme, "acknowledge_working_days"), "analogous scheme");
    cr_assert_null(programme_rule_source(programme, "no_such_rule"));
}

Test(pack, says_which_reasons_call_for_support_and_which_share_a_route_has)
{
    const struct programme *programme = programme_default();
    cr_assert_eq(programme_reason_kind(programme, "bereavement"), REASON_GOOD_REASON);
    cr_assert_eq(programme_reason_kind(programme, "signing"), REASON_EXCUSED);
    cr_assert_eq(programme_reason_kind(programme, "other"), REASON_OTHER);
    cr_assert_eq(programme_reason_kind(programme, "from_a_newer_pack"), REASON_OTHER);
    cr_assert_eq(programme_route_share_percent(programme, "mir"), 33);
    cr_assert_eq(programme_route_share_percent(programme, "from_a_newer_pack"), -1);
}

Test(pack, finds_the_code_that_a_mistyped_one_means)
{
    static const char *const cases[][2] = {
        { "helth", "health" },
        { "heatlh", "health" },
        { "Travel", "travel" },
        { "jury service", "jury_service" },
        { "carring", "caring" },
        { "jcp_apointment", "jcp_appointment" },
        { "child-care", "childcare" },
        { "nonsense", NULL },
        { "ab", NULL },
        { "", NULL },
        { "a_reason_of_far_more_letters_than_any_code_of_a_programme_has", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *found = programme_code_near(programme_default(), LABEL_REASON, cases[i][0]);
        cr_expect_str_eq(found == NULL ? "none" : found, cases[i][1] == NULL ? "none" : cases[i][1], "%s", cases[i][0]);
    }
}

Test(pack, has_a_label_in_both_languages_for_every_outcome_of_the_log)
{
    const struct programme *programme = programme_default();
    for (int i = OUTCOME_ATTENDED; i < OUTCOME_COUNT; i++) {
        const char *code = outcome_name((enum outcome)i);
        cr_assert_not_null(programme_label(programme, LABEL_OUTCOME, code, LANGUAGE_ENGLISH), "%s", code);
        cr_assert_not_null(programme_label(programme, LABEL_OUTCOME, code, LANGUAGE_WELSH), "%s", code);
    }
    cr_assert_str_eq(programme_label(programme, LABEL_OUTCOME, "attended", LANGUAGE_WELSH), "Yn bresennol");
    cr_assert_str_eq(programme_label(programme, LABEL_ROUTE, "cwp", LANGUAGE_ENGLISH), "Community Work Placement");
    cr_assert_str_eq(programme_code_at(programme, LABEL_ROUTE, 2), "dwsr");
    cr_assert_null(programme_code_at(programme, LABEL_ROUTE, 3));
    cr_assert_null(programme_label(programme, LABEL_REASON, "from_a_newer_pack", LANGUAGE_ENGLISH));
}

Test(pack, names_why_a_referral_is_declined_and_which_of_it_is_a_matter_of_policy)
{
    const struct programme *programme = programme_default();
    const char *code;
    size_t policy = 0;
    for (size_t i = 0; (code = programme_code_at(programme, LABEL_DECLINE, i)) != NULL; i++) {
        cr_assert_not_null(programme_label(programme, LABEL_DECLINE, code, LANGUAGE_WELSH), "%s", code);
        policy += programme_decline_is_policy(programme, code) ? 1 : 0;
    }
    cr_assert_eq(policy, 1);
    cr_assert(programme_decline_is_policy(programme, "policy"));
    cr_assert_str_eq(programme_label(programme, LABEL_DECLINE, "policy", LANGUAGE_WELSH), "Fel mater o bolisi");
    cr_assert_not(programme_decline_is_policy(programme, "no_capacity"));
    cr_assert_not(programme_decline_is_policy(programme, "from_a_newer_pack"));
    cr_assert_not(programme_decline_is_policy(programme, NULL));
    cr_assert_str_eq(programme_code_near(programme, LABEL_DECLINE, "no_capcity"), "no_capacity");
}

Test(pack, one_of_before_without_reasons_to_decline_is_loaded)
{
    json_t *root = builtin_json();
    json_object_del(root, "decline_reasons");
    struct programme *programme;
    struct error err;
    cr_assert_eq(load(root, &programme, &err), ERR_OK, "%s", err.message);
    cr_assert_null(programme_code_at(programme, LABEL_DECLINE, 0));
    cr_assert_not(programme_decline_is_policy(programme, "policy"));
    programme_free(programme);
    json_decref(root);
}

Test(pack, says_what_is_paid_when_and_that_the_shares_are_the_whole)
{
    const struct programme *programme = programme_default();
    static const int days[] = { 0, 91, 182 };
    struct payment_trigger trigger;
    int shares = 0;
    size_t count = 0;
    for (; programme_trigger_at(programme, count, &trigger); count++) {
        cr_assert_lt(count, 3);
        cr_assert_eq(trigger.after_days, days[count]);
        cr_assert_eq(programme_trigger_find(programme, trigger.code), count);
        cr_assert_not_null(programme_label(programme, LABEL_TRIGGER, trigger.code, LANGUAGE_WELSH));
        shares += trigger.share_permille;
    }
    cr_assert_eq(count, 3);
    cr_assert_eq(shares, 1000);
    cr_assert_eq(programme_person_pence_max(programme), 200000);
    cr_assert_eq(programme_trigger_find(programme, "from_a_newer_pack"), TRIGGERS_MAX);
    cr_assert_str_eq(programme_payments_source(programme), "briefing");
}

Test(pack, one_without_payments_pays_nothing)
{
    json_t *root = builtin_json();
    json_object_del(root, "payments");
    struct programme *programme;
    struct payment_trigger trigger;
    struct error err;
    cr_assert_eq(load(root, &programme, &err), ERR_OK, "%s", err.message);
    cr_assert_not(programme_trigger_at(programme, 0, &trigger));
    cr_assert_eq(programme_person_pence_max(programme), 0);
    programme_free(programme);
    json_decref(root);
}

Test(pack, a_newer_one_keeps_its_unknown_codes_and_members_do_no_harm)
{
    json_t *root = builtin_json();
    json_object_set_new(root, "id", json_string("an-id-of-exactly-forty-bytes-is-accepted"));
    json_object_set_new(root, "travel_vouchers", json_string("new"));
    json_array_append_new(json_object_get(root, "reasons"),
                          json_pack("{ssssssss}", "code", "flood", "en", "Flood", "cy", "Llifogydd", "colour", "blue"));
    struct programme *programme;
    struct error err;
    cr_assert_eq(load(root, &programme, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(programme_id(programme), "an-id-of-exactly-forty-bytes-is-accepted");
    cr_assert_str_eq(programme_label(programme, LABEL_REASON, "flood", LANGUAGE_WELSH), "Llifogydd");
    cr_assert_eq(programme_reason_kind(programme, "flood"), REASON_OTHER);
    programme_free(programme);
    json_decref(root);
}

/* Replaces (or with NULL removes) the member at the end of a path of names and [n] and expects the message to name it.
 */
static void assert_refused(const char *const *path, json_t *value, const char *message_part)
{
    json_t *root = builtin_json();
    json_t *at = root;
    for (; path[1] != NULL; path++) {
        at = path[0][0] == '[' ? json_array_get(at, (size_t)atoi(path[0] + 1)) : json_object_get(at, path[0]);
    }
    cr_assert_not_null(json_object_get(at, path[0]), "%s", path[0]);
    cr_assert_eq(value == NULL ? json_object_del(at, path[0]) : json_object_set_new(at, path[0], value), 0);
    struct programme *programme = NULL;
    struct error err;
    cr_assert_eq(load(root, &programme, &err), ERR_INVALID, "%s", path[0]);
    cr_assert(strstr(err.message, message_part) != NULL, "'%s' in '%s'", message_part, err.message);
    cr_assert_null(programme);
    json_decref(root);
}

#define PATH(...) ((const char *const[]){ __VA_ARGS__, NULL })

Test(pack, a_wrong_member_is_refused_by_name)
{
    char long_text[200];
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_refused(PATH("id"), NULL, "'id' has to be a text");
    assert_refused(PATH("id"), json_string(long_text), "'id' has to be a text of 1 to 40 bytes");
    long_text[41] = '\0';
    assert_refused(PATH("id"), json_string(long_text), "'id' has to be a text of 1 to 40 bytes");
    assert_refused(PATH("version"), json_integer(0), "'version' has to be a whole number from 1 to");
    assert_refused(PATH("reasons", "[0", "kind"), json_integer(1), "'reasons[0].kind' has to be good_reason");
    assert_refused(PATH("routes", "[1", "expected_share_percent"), json_integer(101),
                   "'routes[1].expected_share_percent' has to be a whole number from 0 to 100");
    assert_refused(PATH("rules"), json_array(), "'rules.cwp_weekly_minutes_max.value' has to be");
    assert_refused(PATH("rules", "repeat_gap_days"), NULL, "'rules.repeat_gap_days.value'");
    assert_refused(PATH("rules", "repeat_gap_days", "value"), json_real(14.0), "'rules.repeat_gap_days.value'");
    assert_refused(PATH("rules", "repeat_gap_days", "value"), json_integer(-1), "from 0 to 3660");
    assert_refused(PATH("rules", "repeat_gap_days", "value"), json_integer(365), "at most 'rules.repeat_window_days'");
    assert_refused(PATH("rules", "near_capacity_percent", "value"), json_integer(101), "from 1 to 100");
    assert_refused(PATH("rules", "forecast_inflow_weeks", "value"), json_integer(27), "from 1 to 26");
    assert_refused(PATH("rules", "first_sanction_weeks", "source"), NULL, "'rules.first_sanction_weeks.source'");
    assert_refused(PATH("payments", "per_person_max_pence"), json_integer(-1), "'payments.per_person_max_pence'");
    assert_refused(PATH("payments", "source"), NULL, "'payments.source' has to be a text");
    assert_refused(PATH("payments", "triggers"), json_true(), "'payments.triggers' has to be a list of at most 8");
    assert_refused(PATH("payments", "triggers", "[1", "after_days"), json_integer(0), "more than that of the trigger");
    assert_refused(PATH("payments", "triggers", "[1", "after_days"), json_integer(3661), "from 0 to 3660");
    assert_refused(PATH("payments", "triggers", "[2", "share_permille"), json_integer(332), "add up to 1000");
    assert_refused(PATH("payments", "triggers", "[2", "code"), json_string("three_months"),
                   "'payments.triggers[2].code' is there twice");
    assert_refused(PATH("outcomes"), NULL, "'outcomes' has to be a list");
    assert_refused(PATH("outcomes", "[1]", "code"), json_string("attended"), "'outcomes[1].code' is there twice");
    assert_refused(PATH("reasons", "[2]", "cy"), json_string(""), "'reasons[2].cy' has to be a text");
    assert_refused(PATH("decline_reasons"), json_true(), "'decline_reasons' has to be a list");
    assert_refused(PATH("decline_reasons", "[1]", "code"), json_string("policy"), "'decline_reasons[1].code' is there");
    assert_refused(PATH("decline_reasons", "[1]", "cy"), NULL, "'decline_reasons[1].cy' has to be a text");
    assert_refused(PATH("decline_reasons", "[0]", "policy"), json_integer(1), "'decline_reasons[0].policy' has to be");
    assert_refused(PATH("decline_reasons", "[0]", "policy"), NULL, "has to be a matter of policy");
    assert_refused(PATH("calendars", "scotland"), NULL, "'calendars.scotland.bank_holidays' has to be a list");
    assert_refused(PATH("calendars", "scotland", "also_closed"), json_true(), "'calendars.scotland.also_closed'");
    assert_refused(PATH("calendars", "scotland", "bank_holidays", "[3]", "date"), json_string("2014-02-30"),
                   "'calendars.scotland.bank_holidays[3].date' has to be a date");
    assert_refused(PATH("calendars", "england_wales", "bank_holidays", "[1]", "date"), json_string("2014-01-01"),
                   "has 2014-01-01 twice");
    assert_refused(PATH("calendars", "england_wales", "bank_holidays", "[1]", "name"), json_integer(1),
                   "'calendars.england_wales.bank_holidays[1].name'");
}

Test(pack, holidays_in_any_order_are_found)
{
    json_t *root = builtin_json();
    json_t *list = json_object_get(json_object_get(json_object_get(root, "calendars"), "scotland"), "bank_holidays");
    json_t *first = json_incref(json_array_get(list, 0));
    json_array_remove(list, 0);
    json_array_append_new(list, first);
    struct programme *programme;
    struct error err;
    cr_assert_eq(load(root, &programme, &err), ERR_OK, "%s", err.message);
    cr_assert_not_null(calendar_holiday_name(programme, CALENDAR_SCOTLAND, 16071), "2014-01-01");
    programme_free(programme);
    json_decref(root);
}

Test(pack, what_is_not_json_is_refused_with_the_place)
{
    struct programme *programme = NULL;
    struct error err;
    cr_assert_eq(programme_load(slice_of(NULL, 0), &programme, &err), ERR_INVALID);
    cr_assert_eq(programme_load(slice_of_text("{\n \"id\": \"a\",\n \"id\": \"b\"}"), &programme, &err), ERR_INVALID);
    cr_assert(strstr(err.message, "line 3") != NULL, "%s", err.message);
    cr_assert_eq(programme_load(slice_of_text("[1, 2]"), &programme, &err), ERR_INVALID);
    cr_assert_eq(programme_load(slice_of_text("{\"id\": \"\xff\"}"), &programme, &err), ERR_INVALID);
    cr_assert_null(programme);
}

Test(pack, more_than_a_mebibyte_is_refused)
{
    size_t size = (size_t)1024 * 1024 + 1;
    char *text = malloc(size);
    cr_assert_not_null(text);
    memset(text, ' ', size);
    struct programme *programme = NULL;
    struct error err;
    cr_assert_eq(programme_load(slice_of(text, size), &programme, &err), ERR_INVALID);
    cr_assert(strstr(err.message, "more than 1048576 bytes") != NULL, "%s", err.message);
    free(text);
}

Test(pack, any_allocation_may_fail_and_nothing_leaks)
{
    struct buf file;
    struct error err;
    buf_init(&file, (size_t)1024 * 1024);
    cr_assert_eq(file_read(PACK_FILE, &file, &err), ERR_OK);
    json_set_alloc_funcs(__wrap_malloc, free);
    struct programme *programme = NULL;
    int failures[2] = { 0, 0 };
    bool clean = false;
    for (int n = 0; !clean && n < 100000; n++) {
        programme_free(programme);
        programme = NULL;
        allocations_left = n;
        enum err_code rc = programme_load(buf_slice(&file), &programme, &err);
        clean = allocations_left >= 0;
        allocations_left = -1;
        cr_assert((rc == ERR_OK) == (programme != NULL));
        if (rc != ERR_OK) {
            cr_assert(!clean && (rc == ERR_NO_MEMORY || strstr(err.message, "not JSON") != NULL), "%s", err.message);
            failures[rc == ERR_NO_MEMORY]++;
        }
    }
    cr_assert(clean && programme != NULL);
    cr_assert_gt(failures[true], 100);
    programme_free(programme);
    buf_fini(&file);
}

Test(names, outcomes_are_read_back_and_unrecorded_is_not_one_to_record)
{
    for (int i = OUTCOME_ATTENDED; i < OUTCOME_COUNT; i++) {
        enum outcome found;
        cr_assert(outcome_parse(outcome_name((enum outcome)i), &found));
        cr_assert_eq(found, (enum outcome)i);
    }
    enum outcome untouched = OUTCOME_LATE;
    cr_assert_not(outcome_parse("unrecorded", &untouched));
    cr_assert_not(outcome_parse("Absent", &untouched));
    cr_assert_eq(untouched, OUTCOME_LATE);
}

Test(names, are_the_words_of_the_domain)
{
    cr_assert_str_eq(outcome_name(OUTCOME_NONE), "unrecorded");
    cr_assert_str_eq(outcome_name(OUTCOME_ABSENT_WITH_NOTICE), "absent_with_notice");
    cr_assert_str_eq(outcome_name((enum outcome)99), "unknown");
    cr_assert_str_eq(standing_name(STANDING_EXCUSED), "excused");
    cr_assert_str_eq(severity_name(SEVERITY_ACT), "act");
    cr_assert_str_eq(flag_subject_name(FLAG_SUBJECT_REFERRAL), "referral");
    cr_assert_str_eq(basis_name(BASIS_VOLUNTARY), "voluntary");
}
