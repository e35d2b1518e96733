/* Flags: reasons for a person to look, with their facts and their rule. */
#include <string.h>

#include "agent/api_doubts.h"
#include "agent/names.h"
#include "agent/roles.h"
#include "agent/rules/guide.h"

#define FLAGS_LIMIT 1000
#define FLAG_PREFIX_MIN 4

static bool look_again_due(const struct flag_state *state, int32_t today)
{
    return state->cleared_at_ms == OP_TIME_NONE && state->reviewed.look_again_on != ROW_NONE &&
           state->reviewed.look_again_on <= today;
}

/* Nobody looked at it, or it is to be looked at again: a review before its first day was of something else. What it is
 * about may lie ahead, or move on with the days; then the day counts on which it was raised. */
static bool is_open(const struct flag_state *state, int32_t today)
{
    int32_t raised_on = clock_today(state->raised_at_ms);
    int32_t first = state->flag.since < raised_on ? state->flag.since : raised_on;
    bool looked_at = state->reviewed.outcome[0] != '\0' && clock_today(state->reviewed.at_ms) >= first;
    return state->cleared_at_ms == OP_TIME_NONE && (!looked_at || look_again_due(state, today));
}

static json_t *reviewed_value(const struct flag_state *state)
{
    if (state->reviewed.outcome[0] == '\0') {
        return json_null();
    }
    return json_pack("{s:s,s:o,s:o,s:o}", "outcome", state->reviewed.outcome, "by", value_text(state->reviewed.by),
                     "at", value_instant(state->reviewed.at_ms), "look_again_on",
                     value_day(state->reviewed.look_again_on));
}

static json_t *flag_value(const struct flag_state *state, int32_t today)
{
    const struct flag_row *flag = &state->flag;
    char id[FLAG_ID_SIZE];
    flag_id(flag->key, id);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:b}", "id", id, "key", flag->key,
                     "code", flag->code, "severity", severity_name(flag->severity), "subject",
                     flag_subject_name(flag->subject), "subject_ref", value_text(flag->subject_ref), "subject_id",
                     value_id_or_null(&flag->subject_id), "since", value_day(flag->since), "facts",
                     value_text(flag->facts), "next_step", value_text(flag->next_step), "rule", value_text(flag->rule),
                     "raised_at", value_instant(state->raised_at_ms), "cleared_at", value_instant(state->cleared_at_ms),
                     "open", is_open(state, today), "reviewed", reviewed_value(state), "look_again",
                     look_again_due(state, today));
}

/* Who may not look at the volunteers may not hear of them by a flag. */
static bool may_see(const struct api_call *call, const struct flag_row *flag)
{
    return !flag_of_volunteers(flag->key) || roles_allow(call->world->roles, "GET", "/v1/volunteers");
}

enum err_code api_flags(struct api_call *call, struct error *err)
{
    bool all;
    size_t limit;
    TRY(query_switch(call, "all", &all, err));
    TRY(query_number(call, "limit", FLAGS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    SCOPED(flag_list_rows_fini) struct flag_list_rows list = { 0 };
    TRY(query_flags(call->world->store, all, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "flags", err));
    for (size_t i = 0; i < list.count; i++) {
        if (may_see(call, &list.rows[i].flag)) {
            TRY(answer_list_row(call->answer, flag_value(&list.rows[i], call->world->today), err));
        }
    }
    return answer_list_end(call->answer, list.more, err);
}

static bool flag_named(const struct flag_state *state, const char *text)
{
    char id[FLAG_ID_SIZE];
    flag_id(state->flag.key, id);
    size_t len = strlen(text);
    return strcmp(state->flag.key, text) == 0 ||
           (len >= FLAG_PREFIX_MIN && len < FLAG_ID_SIZE && strncasecmp(id, text, len) == 0);
}

/* With what would clear it and what to ask first. */
static json_t *guided_value(const struct flag_state *state, int32_t today)
{
    const struct flag_guide *guide = flag_guide_find(state->flag.key);
    json_t *questions = json_array();
    for (size_t i = 0; guide != NULL && guide->questions[i] != NULL; i++) {
        (void)json_array_append_new(questions, json_string(guide->questions[i]));
    }
    json_t *flag = flag_value(state, today);
    (void)json_object_set_new(flag, "clears", value_text(guide == NULL ? "" : guide->clears));
    (void)json_object_set_new(flag, "questions", questions);
    return flag;
}

static enum err_code no_flag(struct error *err)
{
    return FAIL(err, NOT_FOUND, "find the flag: none has this id (at least %d digits of it) or key", FLAG_PREFIX_MIN);
}

/* Standing flags come first, so a past one of the same key never hides one that stands. */
enum err_code flag_find(struct store *store, const char *text, struct flag_list_rows *list,
                        const struct flag_state **ret_flag, struct error *err)
{
    TRY(query_flags(store, true, QUERY_LIMIT_MAX, list, err));
    const struct flag_state *found = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct flag_state *state = &list->rows[i];
        if (!flag_named(state, text) || (found != NULL && strcmp(found->flag.key, state->flag.key) == 0)) {
            continue;
        }
        if (found != NULL) {
            return FAIL(err, CONFLICT, "find the flag: several begin so; give more digits");
        }
        found = state;
    }
    if (found == NULL) {
        return no_flag(err);
    }
    *ret_flag = found;
    return ERR_OK;
}

enum err_code api_flag(struct api_call *call, struct error *err)
{
    SCOPED(flag_list_rows_fini) struct flag_list_rows list = { 0 };
    const struct flag_state *found;
    TRY(flag_find(call->world->store, call->tail, &list, &found, err));
    if (!may_see(call, &found->flag)) { /* nor that there is one */
        return no_flag(err);
    }
    return answer_object(call->answer, json_pack("{s:o}", "flag", guided_value(found, call->world->today)), err);
}
