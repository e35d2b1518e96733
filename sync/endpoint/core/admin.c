#include "sync/endpoint/core/admin.h"

#include <string.h>

#define SITE                                                                                                           \
    {                                                                                                                  \
        "site", ARGUMENT_TEXT, true                                                                                    \
    }
#define TEXT(name, required)                                                                                           \
    {                                                                                                                  \
        (name), ARGUMENT_TEXT, (required)                                                                              \
    }

static const struct operation operations[] = {
    { "info", admin_info, { { 0 } } },
    { "organisation-add", admin_organisation_add, { TEXT("name", true), TEXT("id", false) } },
    { "organisations", admin_organisations, { { 0 } } },
    { "site-add", admin_site_add, { TEXT("organisation", true), TEXT("name", true), TEXT("id", false) } },
    { "sites", admin_sites, { { 0 } } },
    { "code-new", admin_code_new, { SITE, TEXT("label", false), { "valid_hours", ARGUMENT_INTEGER, false } } },
    { "enrolment-sign", admin_enrolment_sign, { TEXT("request", true) } },
    { "devices", admin_devices, { { 0 } } },
    { "revoke", admin_revoke, { TEXT("device", true) } },
    { "reinstate", admin_reinstate, { TEXT("device", true) } },
    { "ca", admin_authority, { { 0 } } },
    { "ca-roll", admin_authority_roll, { { "overlap_days", ARGUMENT_INTEGER, false } } },
    { "ca-retire", admin_authority_retire, { { "force", ARGUMENT_BOOL, false } } },
    { "ca-former", admin_authority_former, { TEXT("certificate", true) } },
    { "referral-new",
      admin_referral_new,
      { SITE,
        TEXT("ref", true),
        TEXT("participant", true),
        TEXT("participant_name", false),
        TEXT("route", true),
        TEXT("basis", true),
        { "received_on", ARGUMENT_DATE, false },
        { "weekly_hours", ARGUMENT_NUMBER, false },
        TEXT("source", false),
        TEXT("note", false),
        TEXT("actor", false) } },
    { "referral-event",
      admin_referral_event,
      { SITE,
        TEXT("referral", true),
        TEXT("status", true),
        { "on", ARGUMENT_DATE, false },
        TEXT("reason", false),
        TEXT("note", false),
        TEXT("actor", false) } },
    { "appointment-new",
      admin_appointment_new,
      { SITE,
        TEXT("participant", true),
        { "date", ARGUMENT_DATE, true },
        { "from", ARGUMENT_TIME, true },
        { "to", ARGUMENT_TIME, true },
        TEXT("purpose", true),
        { "cancelled", ARGUMENT_BOOL, false },
        TEXT("actor", false) } },
    { "decision-new",
      admin_decision_new,
      { SITE,
        TEXT("participant", false),
        { "failure_on", ARGUMENT_DATE, false },
        TEXT("doubt", false),
        { "decided_on", ARGUMENT_DATE, false },
        TEXT("outcome", true),
        { "weeks", ARGUMENT_INTEGER, false },
        TEXT("note", false),
        TEXT("actor", false) } },
    { "doubts", admin_doubts, { SITE, { "all", ARGUMENT_BOOL, false } } },
    { "doubt-event",
      admin_doubt_event,
      { SITE, TEXT("doubt", true), TEXT("status", true), TEXT("reason", false), TEXT("note", false),
        TEXT("actor", false) } },
    { "message-send",
      admin_message_send,
      { SITE, TEXT("body", true), TEXT("participant", false), TEXT("referral", false), TEXT("reply_to", false),
        TEXT("about", false), TEXT("actor", false) } },
    { "message-list", admin_message_list, { TEXT("site", false), { "limit", ARGUMENT_INTEGER, false } } },
    { "log", admin_log, { TEXT("site", false), TEXT("kind", false), { "limit", ARGUMENT_INTEGER, false } } },
    { "erase",
      admin_erase,
      { SITE,
        TEXT("participant", true),
        TEXT("ground", true),
        TEXT("by", true),
        TEXT("reason", true),
        TEXT("confirmed_by", false),
        { "confirmed", ARGUMENT_BOOL, false },
        TEXT("actor", false) } },
    { "quarantine", admin_quarantine, { TEXT("site", false), TEXT("id", false) } },
    { "quarantine-retry", admin_quarantine_retry, { { 0 } } },
    { "incidents", admin_incidents, { { 0 } } },
    { "verify", admin_verify, { { 0 } } },
    { "checkpoint", admin_checkpoint, { SITE } },
    { "pack-add",
      admin_pack_add,
      { TEXT("pack", true),
        { "in_force_from", ARGUMENT_DATE, true },
        TEXT("site", false),
        { "all", ARGUMENT_BOOL, false },
        TEXT("actor", false) } },
    { "packs", admin_packs, { TEXT("site", false) } },
};

const char *centre_admin_name(size_t index)
{
    return index < ARRAY_LEN(operations) ? operations[index].name : NULL;
}

/* ---- arguments ---- */

static const struct argument *find_argument(const struct operation *operation, const char *name)
{
    for (size_t i = 0; i < ADMIN_ARGUMENTS_MAX && operation->arguments[i].name != NULL; i++) {
        if (strcmp(operation->arguments[i].name, name) == 0) {
            return &operation->arguments[i];
        }
    }
    return NULL;
}

static enum err_code check_value(const struct argument *argument, const json_t *value, struct error *err)
{
    int32_t day;
    int minutes;
    const char *text = json_string_value(value);
    bool plain = text != NULL && strlen(text) == json_string_length(value); /* no zero byte inside */
    switch (argument->type) {
    case ARGUMENT_TEXT:
        return plain && text[0] != '\0' ? ERR_OK : FAIL(err, INVALID, "'%s': expected a text", argument->name);
    case ARGUMENT_INTEGER:
        return json_is_integer(value) ? ERR_OK : FAIL(err, INVALID, "'%s': expected a whole number", argument->name);
    case ARGUMENT_NUMBER:
        return json_is_number(value) ? ERR_OK : FAIL(err, INVALID, "'%s': expected a number", argument->name);
    case ARGUMENT_BOOL:
        return json_is_boolean(value) ? ERR_OK : FAIL(err, INVALID, "'%s': expected true or false", argument->name);
    case ARGUMENT_DATE:
        return plain && date_parse(text, &day)
                   ? ERR_OK
                   : FAIL(err, INVALID, "'%s': expected a day that exists, as yyyy-mm-dd", argument->name);
    case ARGUMENT_TIME:
        return plain && time_of_day_parse(text, &minutes)
                   ? ERR_OK
                   : FAIL(err, INVALID, "'%s': expected a time of day, as hh:mm", argument->name);
    }
    CHECK(false);
}

static enum err_code check_arguments(const struct operation *operation, const json_t *arguments, struct error *err)
{
    const char *name;
    json_t *value;
    if (arguments != NULL && !json_is_object(arguments)) {
        return FAIL(err, INVALID, "read the arguments: expected a JSON object");
    }
    json_object_foreach((json_t *)(uintptr_t)arguments, name, value)
    {
        const struct argument *argument = find_argument(operation, name);
        if (argument == NULL) {
            return FAIL(err, INVALID, "read the arguments: '%s' does not take one of those given", operation->name);
        }
        if (!json_is_null(value)) {
            TRY(check_value(argument, value, err));
        }
    }
    for (size_t i = 0; i < ADMIN_ARGUMENTS_MAX && operation->arguments[i].name != NULL; i++) {
        const struct argument *argument = &operation->arguments[i];
        const json_t *given = json_object_get(arguments, argument->name);
        if (argument->required && (given == NULL || json_is_null(given))) {
            return FAIL(err, INVALID, "'%s': missing", argument->name);
        }
    }
    return ERR_OK;
}

static const json_t *given(const struct admin_call *call, const char *name)
{
    const json_t *value = json_object_get(call->arguments, name);
    return value != NULL && !json_is_null(value) ? value : NULL;
}

const char *argument_text(const struct admin_call *call, const char *name)
{
    return json_string_value(given(call, name));
}

int64_t argument_integer(const struct admin_call *call, const char *name, int64_t otherwise)
{
    const json_t *value = given(call, name);
    return value != NULL ? json_integer_value(value) : otherwise;
}

double argument_number(const struct admin_call *call, const char *name, double otherwise)
{
    const json_t *value = given(call, name);
    return value != NULL ? json_number_value(value) : otherwise;
}

bool argument_bool(const struct admin_call *call, const char *name)
{
    return json_is_true(given(call, name));
}

int32_t argument_date(const struct admin_call *call, const char *name, int32_t otherwise)
{
    const char *text = argument_text(call, name);
    int32_t day = otherwise;
    CHECK(text == NULL || date_parse(text, &day));
    return day;
}

int argument_time(const struct admin_call *call, const char *name)
{
    int minutes = 0;
    CHECK(time_of_day_parse(argument_text(call, name), &minutes));
    return minutes;
}

enum err_code argument_site(const struct admin_call *call, struct centre_site *ret_site)
{
    return centre_site_find(call->centre->store, argument_text(call, "site"), ret_site, call->err);
}

/* ---- the call ---- */

enum err_code admin_answer(struct admin_call *call, json_t *answer)
{
    call->answer = answer;
    return answer != NULL ? ERR_OK : FAIL(call->err, NO_MEMORY, "answer the operator");
}

enum err_code centre_admin(struct centre *centre, const char *operation, const json_t *arguments, int64_t now_ms,
                           json_t **ret_answer, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (strcmp(operations[i].name, operation) != 0) {
            continue;
        }
        struct admin_call call = { .centre = centre, .arguments = arguments, .now_ms = now_ms, .err = err };
        TRY(check_arguments(&operations[i], arguments, err));
        enum err_code rc = operations[i].run(&call);
        *ret_answer = call.answer;
        return rc;
    }
    return FAIL(err, NOT_FOUND, "find the operation");
}
