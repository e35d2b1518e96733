/*
 * The week's report for trustees: what was asked, agreed, done and said, as counts. Everything is counted from the same
 * queries as the screens and the exports, so that they add up to the same. No names and no notes: it can be passed on.
 * Volunteers are counted apart and in no other number.
 */
#include <stdio.h>
#include <string.h>

#include "agent/api_doubts.h"
#include "agent/api_handlers.h"
#include "agent/rules/rules.h"
#include "store/doubts.h"
#include "store/volunteers.h"

#define WORDS_MAX 64

struct week {
    int32_t from; /* a Monday */
    int32_t to;
};

/* ---- counting words ---- */

struct words {
    size_t count;
    struct {
        char word[ROW_CODE_SIZE];
        json_int_t rows;
    } each[WORDS_MAX];
};

static void words_add(struct words *words, const char *word)
{
    size_t at = 0;
    while (at < words->count && strcmp(words->each[at].word, word) != 0) {
        at++;
    }
    if (at == WORDS_MAX) { /* more codes than any pack has: the last one takes them */
        at--;
    } else if (at == words->count) {
        (void)snprintf(words->each[at].word, ROW_CODE_SIZE, "%s", word);
        words->count++;
    }
    words->each[at].rows++;
}

/* [{"value": WORD, "rows": N}...] in the order of the words. */
static json_t *words_value(const struct words *words)
{
    json_t *list = json_array();
    bool listed[WORDS_MAX] = { false };
    for (size_t n = 0; n < words->count; n++) {
        size_t first = WORDS_MAX;
        for (size_t i = 0; i < words->count; i++) {
            if (!listed[i] && (first == WORDS_MAX || strcmp(words->each[i].word, words->each[first].word) < 0)) {
                first = i;
            }
        }
        listed[first] = true;
        (void)json_array_append_new(
            list, json_pack("{s:s,s:I}", "value", words->each[first].word, "rows", words->each[first].rows));
    }
    return list;
}

static bool in_week(const struct week *week, int32_t day)
{
    return day != ROW_NONE && day >= week->from && day <= week->to;
}

/* ---- the parts ---- */

/* A report of some of the rows would look whole. */
static enum err_code whole(bool more, const char *what, struct error *err)
{
    return more ? FAIL(err, LIMIT, "make the report: more than %d %s; export them and count there", QUERY_LIMIT_MAX,
                       what)
                : ERR_OK;
}

struct referral_count {
    const struct week *week;
    struct words routes;
    struct words statuses;
    struct words answers;
    json_int_t all;
    json_int_t received;
};

static enum err_code count_referral(void *context, const void *referral, struct error *err UNUSED)
{
    struct referral_count *count = context;
    const struct referral_row *row = referral;
    count->all++;
    words_add(&count->statuses, row->status);
    if (in_week(count->week, row->received_on)) {
        count->received++;
        words_add(&count->routes, row->route);
    }
    if (in_week(count->week, row->status_on) && strcmp(row->status, "received") != 0) {
        words_add(&count->answers, row->status);
    }
    return ERR_OK;
}

static enum err_code referrals_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                                    struct error *err)
{
    struct referral_count count = { .week = week };
    struct mandate ever;
    TRY(query_mandate(world->store, INT32_MIN, INT32_MAX, NULL, &ever, err));
    TRY(query_referrals_each(world->store, count_referral, &count, err));
    *ret_part = json_pack("{s:I,s:o,s:o,s:I,s:o,s:I}", "received", count.received, "received_by_route",
                          words_value(&count.routes), "changed_to", words_value(&count.answers), "all", count.all,
                          "all_by_status", words_value(&count.statuses), "declined_as_policy",
                          (json_int_t)ever.declined_as_policy);
    return ERR_OK;
}

struct placement_count {
    const struct week *week;
    struct words bases;
    json_int_t all;
    json_int_t running;
    json_int_t started;
    json_int_t ended;
};

static enum err_code count_placement(void *context, const void *placement, struct error *err UNUSED)
{
    struct placement_count *count = context;
    const struct placement_row *row = placement;
    int32_t to = count->week->to;
    count->all++;
    count->started += in_week(count->week, row->starts_on);
    count->ended += in_week(count->week, row->ends_on);
    if (row->starts_on != ROW_NONE && row->starts_on <= to && row->ends_on >= to) {
        count->running++;
        words_add(&count->bases, basis_name(row->basis));
    }
    return ERR_OK;
}

static enum err_code placements_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                                     struct error *err)
{
    struct placement_count count = { .week = week };
    TRY(query_placements_each(world->store, count_placement, &count, err));
    *ret_part = json_pack("{s:I,s:o,s:I,s:I,s:I}", "running", count.running, "running_by_basis",
                          words_value(&count.bases), "started", count.started, "ended", count.ended, "all", count.all);
    return ERR_OK;
}

/* As the export of the register counts: the sessions about which something was recorded that is not erased. */
static enum err_code attendance_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                                     struct error *err)
{
    SCOPED(session_list_fini) struct session_list list = { 0 };
    struct words outcomes = { 0 };
    struct words standings = { 0 };
    json_int_t recorded = 0;
    json_int_t minutes = 0;
    json_int_t gaps = 0;
    TRY(query_roll(world->store, week->from, week->to, QUERY_LIMIT_MAX, &list, err));
    TRY(whole(list.more, "sessions in the week", err));
    for (size_t i = 0; i < list.count; i++) {
        const struct session_row *session = &list.rows[i].session;
        if (session->heads == 0) {
            gaps += session->expected && session->standing == STANDING_UNRECORDED && session->day <= world->today;
            continue;
        }
        if (session_erased(session)) {
            continue;
        }
        recorded++;
        words_add(&standings, standing_name(session->standing));
        words_add(&outcomes, outcome_name(session->outcome));
        minutes += session->minutes == ROW_NONE ? 0 : session->minutes;
    }
    *ret_part = json_pack("{s:I,s:I,s:o,s:o,s:I}", "recorded", recorded, "minutes", minutes, "by_outcome",
                          words_value(&outcomes), "by_standing", words_value(&standings), "not_recorded", gaps);
    return ERR_OK;
}

struct flag_count {
    struct words severities;
    struct words codes;
    json_int_t standing;
    json_int_t of_volunteers; /* in none of the others */
};

static enum err_code count_flag(void *context, const void *state, struct error *err UNUSED)
{
    struct flag_count *count = context;
    const struct flag_state *row = state;
    if (row->cleared_at_ms != OP_TIME_NONE) {
        return ERR_OK;
    }
    if (flag_of_volunteers(row->flag.key)) {
        count->of_volunteers++;
    } else {
        count->standing++;
        words_add(&count->severities, severity_name(row->flag.severity));
        words_add(&count->codes, row->flag.code);
    }
    return ERR_OK;
}

static enum err_code flags_part(const struct api_world *world, const struct week *week UNUSED, json_t **ret_part,
                                struct error *err)
{
    struct flag_count count = { 0 };
    TRY(query_flags_each(world->store, count_flag, &count, err));
    *ret_part = json_pack("{s:I,s:o,s:o}", "standing", count.standing, "by_severity", words_value(&count.severities),
                          "by_code", words_value(&count.codes));
    return ERR_OK;
}

static enum err_code capacity_part(const struct api_world *world, const struct week *week UNUSED, json_t **ret_part,
                                   struct error *err)
{
    struct store_site_facts site;
    struct forecast forecast;
    TRY(store_site_facts(world->store, world->today, &site, err));
    rules_forecast(world->programme, &site.facts, world->today, &forecast);
    const struct capacity_row *capacity = &site.facts.capacity;
    *ret_part = json_pack(
        "{s:o,s:o,s:i,s:i,s:i,s:o,s:o,s:o}", "places", capacity->stated ? json_integer(capacity->places) : json_null(),
        "stated_on", capacity->stated ? value_day(capacity->stated_on) : json_null(), "running",
        site.facts.placements_now, "to_come", site.facts.placements_to_come, "waiting", site.facts.waiting,
        "weeks_until_full", value_int(forecast.weeks_until_full), "weeks_earliest", value_int(forecast.weeks_earliest),
        "weeks_latest", value_int(forecast.weeks_latest));
    store_site_facts_fini(&site);
    return ERR_OK;
}

/* Records of a kind with a day in the week, by a field of codes (NULL: only how many). */
struct counted {
    uint32_t kind;
    const char *day;
    const char *code;
};

struct record_count {
    const struct week *week;
    const struct counted *counted;
    struct words words;
    json_int_t rows;
};

static enum err_code count_record(void *context, const void *row, struct error *err UNUSED)
{
    struct record_count *count = context;
    struct record record = ((const struct record_row *)row)->record;
    const struct value *day = record_value(&record, count->counted->day);
    if (!day->present || !in_week(count->week, (int32_t)day->number)) {
        return ERR_OK;
    }
    count->rows++;
    if (count->counted->code != NULL) {
        const struct value *code = record_value(&record, count->counted->code);
        char word[ROW_CODE_SIZE];
        (void)snprintf(word, sizeof(word), "%.*s", (int)code->text.len,
                       code->text.len > 0 ? (const char *)code->text.data : "");
        words_add(&count->words, word);
    }
    return ERR_OK;
}

static enum err_code count_records(struct store *store, const struct week *week, const struct counted *counted,
                                   json_int_t *ret_rows, json_t **ret_words, struct error *err)
{
    struct record_count count = { .week = week, .counted = counted };
    TRY(query_records_each(store, kind_by_number(counted->kind), count_record, &count, err));
    *ret_rows = count.rows;
    if (ret_words != NULL) {
        *ret_words = words_value(&count.words);
    }
    return ERR_OK;
}

/* What JCP decided, what the charity decided, and what either told the other. */
static enum err_code decisions_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                                    struct error *err)
{
    struct store *store = world->store;
    static const struct counted decision = { KIND_DECISION, "decided_on", "outcome" };
    static const struct counted policy = { KIND_POLICY_DECISION, "decided_on", "decision" };
    json_int_t decisions;
    json_int_t policies;
    json_t *outcomes;
    json_t *policy_words;
    TRY(count_records(store, week, &decision, &decisions, &outcomes, err));
    enum err_code rc = count_records(store, week, &policy, &policies, &policy_words, err);
    if (rc != ERR_OK) {
        json_decref(outcomes);
        return rc;
    }
    *ret_part = json_pack("{s:I,s:o,s:I,s:o}", "of_jcp", decisions, "of_jcp_by_outcome", outcomes, "policy", policies,
                          "policy_by_decision", policy_words);
    return ERR_OK;
}

static enum err_code told_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                               struct error *err)
{
    struct store *store = world->store;
    static const struct counted statement = { KIND_CAPACITY_STATEMENT, "stated_on", NULL };
    SCOPED(message_list_fini) struct message_list messages = { 0 };
    json_int_t statements;
    json_int_t sent = 0;
    json_int_t received = 0;
    TRY(count_records(store, week, &statement, &statements, NULL, err));
    TRY(query_messages(store, false, QUERY_LIMIT_MAX, &messages, err));
    TRY(whole(messages.more, "messages", err));
    for (size_t i = 0; i < messages.count; i++) {
        if (in_week(week, messages.rows[i].sent_on)) {
            sent += !messages.rows[i].from_centre;
            received += messages.rows[i].from_centre;
        }
    }
    *ret_part = json_pack("{s:I,s:I,s:I}", "capacity_statements", statements, "messages_sent", sent,
                          "messages_received", received);
    return ERR_OK;
}

static enum err_code volunteers_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                                     struct error *err)
{
    struct store *store = world->store;
    SCOPED(volunteer_shift_list_fini) struct volunteer_shift_list list = { 0 };
    struct flag_count flags = { 0 };
    json_int_t minutes = 0;
    TRY(query_flags_each(store, count_flag, &flags, err));
    TRY(query_volunteer_shifts(store, NULL, week->from, week->to, QUERY_LIMIT_MAX, &list, err));
    TRY(whole(list.more, "shifts in the week", err));
    for (size_t i = 0; i < list.count; i++) {
        minutes += list.rows[i].worked_minutes == ROW_NONE ? 0 : list.rows[i].worked_minutes;
    }
    *ret_part = json_pack("{s:I,s:I,s:I}", "shifts", (json_int_t)list.count, "worked_minutes", minutes, "conflation",
                          flags.of_volunteers);
    return ERR_OK;
}

/* Every one that was ever raised, by where it stands now. */
static enum err_code doubts_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                                 struct error *err)
{
    SCOPED(doubt_list_fini) struct doubt_list list = { 0 };
    struct words statuses = { 0 };
    json_int_t raised = 0;
    TRY(query_doubts(world->store, true, QUERY_LIMIT_MAX, &list, err));
    TRY(whole(list.more, "doubts", err));
    for (size_t i = 0; i < list.count; i++) {
        raised += in_week(week, clock_today(list.rows[i].said_at_ms));
        words_add(&statuses, list.rows[i].status);
    }
    *ret_part = json_pack("{s:I,s:I,s:o}", "raised", raised, "all", (json_int_t)list.count, "all_by_status",
                          words_value(&statuses));
    return ERR_OK;
}

/* How long JCP's decisions can still be challenged, as of today. */
static enum err_code challenges_part(const struct api_world *world, const struct week *week, json_t **ret_part,
                                     struct error *err)
{
    struct challenges_due due;
    (void)week;
    TRY(challenges_due(world, &due, err));
    *ret_part = json_pack("{s:I,s:I,s:o}", "open", (json_int_t)due.open, "near", (json_int_t)due.near, "days_left",
                          due.first_on == ROW_NONE ? json_null() : json_integer(due.first_on - world->today));
    return ERR_OK;
}

/* ---- the whole ---- */

static const struct {
    const char *name;
    enum err_code (*make)(const struct api_world *world, const struct week *week, json_t **ret_part, struct error *err);
} parts[] = {
    { "referrals", referrals_part },   { "placements", placements_part }, { "attendance", attendance_part },
    { "flags", flags_part },           { "capacity", capacity_part },     { "doubts", doubts_part },
    { "decisions", decisions_part },   { "challenges", challenges_part }, { "told", told_part },
    { "volunteers", volunteers_part },
};

static enum err_code report_make(const struct api_world *world, const struct week *week, json_t *report,
                                 struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        json_t *part = NULL;
        TRY(parts[i].make(world, week, &part, err));
        if (json_object_set_new(report, parts[i].name, part) != 0) {
            return FAIL(err, NO_MEMORY, "make the report: out of memory");
        }
    }
    return ERR_OK;
}

enum err_code api_report_week(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    int32_t day;
    TRY(query_day(call, "of", world->today, &day, err));
    struct week week = { .from = day - (date_weekday(day) - 1) };
    week.to = week.from + DAYS_A_WEEK - 1;
    json_t *report = json_pack("{s:o,s:o,s:o}", "from", value_day(week.from), "to", value_day(week.to), "as_of",
                               value_day(world->today));
    enum err_code rc = report_make(world, &week, report, err);
    if (rc != ERR_OK) {
        json_decref(report);
        return rc;
    }
    return answer_object(call->answer, report, err);
}
