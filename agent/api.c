#include "agent/api.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/import/table.h"
#include "agent/sight.h"
#include "base/log.h"

enum tail { TAIL_NONE, TAIL_SOME }; /* TAIL_SOME: the path goes on behind the prefix */
enum body { BODY_NONE, BODY_OBJECT, BODY_RAW };

struct route {
    const char *method;
    const char *prefix;
    enum tail tail;
    enum body body;
    api_handler handle;
};

static const struct route routes[] = {
    { "GET", "/v1/roll", TAIL_NONE, BODY_NONE, api_roll },
    { "POST", "/v1/roll/attended", TAIL_NONE, BODY_OBJECT, api_roll_attended },
    { "POST", "/v1/attendance", TAIL_NONE, BODY_OBJECT, api_attendance_record },
    { "GET", "/v1/sessions/", TAIL_SOME, BODY_NONE, api_session },
    { "GET", "/v1/referrals", TAIL_NONE, BODY_NONE, api_referrals },
    { "GET", "/v1/referrals/", TAIL_SOME, BODY_NONE, api_referral },
    { "POST", "/v1/referrals/", TAIL_SOME, BODY_OBJECT, api_referral_event },
    { "GET", "/v1/duplicates", TAIL_NONE, BODY_NONE, api_duplicates },
    { "GET", "/v1/merges", TAIL_NONE, BODY_NONE, api_merges },
    { "POST", "/v1/merge", TAIL_NONE, BODY_OBJECT, api_merge },
    { "GET", "/v1/notices", TAIL_NONE, BODY_NONE, api_notices },
    { "GET", "/v1/placements", TAIL_NONE, BODY_NONE, api_placements },
    { "POST", "/v1/placements", TAIL_NONE, BODY_OBJECT, api_placement_add },
    { "GET", "/v1/placements/", TAIL_SOME, BODY_NONE, api_placement },
    { "POST", "/v1/records", TAIL_NONE, BODY_OBJECT, api_record },
    { "GET", "/v1/calendar", TAIL_NONE, BODY_NONE, api_calendar },
    { "GET", "/v1/report/week", TAIL_NONE, BODY_NONE, api_report_week },
    { "GET", "/v1/messages", TAIL_NONE, BODY_NONE, api_messages },
    { "POST", "/v1/messages", TAIL_NONE, BODY_OBJECT, api_message_send },
    { "GET", "/v1/messages/", TAIL_SOME, BODY_NONE, api_message },
    { "POST", "/v1/messages/seen", TAIL_NONE, BODY_OBJECT, api_messages_seen },
    { "GET", "/v1/records/", TAIL_SOME, BODY_NONE, api_records },
    { "GET", "/v1/contracts", TAIL_NONE, BODY_NONE, api_contracts },
    { "GET", "/v1/contracts/", TAIL_SOME, BODY_NONE, api_contract },
    { "POST", "/v1/services", TAIL_NONE, BODY_OBJECT, api_service_use },
    { "GET", "/v1/milestones", TAIL_NONE, BODY_NONE, api_milestones },
    { "GET", "/v1/claims", TAIL_NONE, BODY_NONE, api_claims },
    { "POST", "/v1/claims", TAIL_NONE, BODY_OBJECT, api_claim_add },
    { "POST", "/v1/claims/", TAIL_SOME, BODY_OBJECT, api_claim_answer },
    { "GET", "/v1/take-part", TAIL_NONE, BODY_NONE, api_take_part },
    { "GET", "/v1/capacity", TAIL_NONE, BODY_NONE, api_capacity },
    { "POST", "/v1/capacity", TAIL_NONE, BODY_OBJECT, api_capacity_state },
    { "GET", "/v1/capacity/forecast", TAIL_NONE, BODY_NONE, api_capacity_forecast },
    { "GET", "/v1/capacity/opportunities", TAIL_NONE, BODY_NONE, api_capacity_opportunities },
    { "GET", "/v1/capacity/waiting", TAIL_NONE, BODY_NONE, api_capacity_waiting },
    { "GET", "/v1/flags", TAIL_NONE, BODY_NONE, api_flags },
    { "GET", "/v1/flags/", TAIL_SOME, BODY_NONE, api_flag },
    { "GET", "/v1/reviews", TAIL_NONE, BODY_NONE, api_flag_reviews },
    { "POST", "/v1/reviews", TAIL_NONE, BODY_OBJECT, api_flag_review },
    { "GET", "/v1/doubts", TAIL_NONE, BODY_NONE, api_doubts },
    { "POST", "/v1/doubts", TAIL_NONE, BODY_OBJECT, api_doubt_raise },
    { "GET", "/v1/doubts/preview", TAIL_NONE, BODY_NONE, api_doubt_preview },
    { "GET", "/v1/doubts/", TAIL_SOME, BODY_NONE, api_doubt },
    { "POST", "/v1/doubts/", TAIL_SOME, BODY_OBJECT, api_doubt_event },
    { "GET", "/v1/challenges", TAIL_NONE, BODY_NONE, api_challenges },
    { "POST", "/v1/challenges", TAIL_NONE, BODY_OBJECT, api_challenge_add },
    { "POST", "/v1/challenges/", TAIL_SOME, BODY_OBJECT, api_challenge_answer },
    { "GET", "/v1/packs", TAIL_NONE, BODY_NONE, api_packs },
    { "GET", "/v1/codes", TAIL_NONE, BODY_NONE, api_codes },
    { "GET", "/v1/packs/", TAIL_SOME, BODY_NONE, api_pack },
    { "GET", "/v1/log", TAIL_NONE, BODY_NONE, api_log },
    { "POST", "/v1/evidence", TAIL_NONE, BODY_OBJECT, api_evidence },
    { "GET", "/v1/evidence/records", TAIL_NONE, BODY_NONE, api_evidence_records },
    { "GET", "/v1/evidence/chain", TAIL_NONE, BODY_NONE, api_evidence_chain },
    { "GET", "/v1/evidence/receipt", TAIL_NONE, BODY_NONE, api_evidence_receipt },
    { "GET", "/v1/checkpoint", TAIL_NONE, BODY_NONE, api_checkpoint },
    { "GET", "/v1/checkpoint/violations", TAIL_NONE, BODY_NONE, api_checkpoint_violations },
    { "POST", "/v1/checkpoint/acknowledge", TAIL_NONE, BODY_OBJECT, api_checkpoint_acknowledge },
    { "POST", "/v1/checkpoint/compare", TAIL_NONE, BODY_OBJECT, api_checkpoint_compare },
    { "POST", "/v1/import", TAIL_NONE, BODY_RAW, api_import },
    { "GET", "/v1/export/", TAIL_SOME, BODY_NONE, api_export },
    { "POST", "/v1/erase", TAIL_NONE, BODY_OBJECT, api_erase },
    { "GET", "/v1/retention", TAIL_NONE, BODY_NONE, api_retention },
    { "GET", "/v1/retention/kinds", TAIL_NONE, BODY_NONE, api_retention_kinds },
    { "POST", "/v1/retention/run", TAIL_NONE, BODY_OBJECT, api_retention_run },
    { "GET", "/v1/quarantine", TAIL_NONE, BODY_NONE, api_quarantine },
    { "POST", "/v1/quarantine/retry", TAIL_NONE, BODY_OBJECT, api_quarantine_retry },
    { "GET", "/v1/quarantine/", TAIL_SOME, BODY_NONE, api_quarantine_one },
    { "GET", "/v1/overwrites", TAIL_NONE, BODY_NONE, api_overwrites },
    { "POST", "/v1/overwrites/review", TAIL_NONE, BODY_OBJECT, api_overwrites_review },
    { "GET", "/v1/disputes", TAIL_NONE, BODY_NONE, api_disputes },
    { "GET", "/v1/subject-access/", TAIL_SOME, BODY_NONE, api_subject_access },
    { "GET", "/v1/audit", TAIL_NONE, BODY_NONE, api_audit },
    { "GET", "/v1/audit/verify", TAIL_NONE, BODY_NONE, api_audit_verify },
    { "GET", "/v1/volunteers", TAIL_NONE, BODY_NONE, api_volunteers },
    { "POST", "/v1/volunteers", TAIL_NONE, BODY_OBJECT, api_volunteer_put },
    { "GET", "/v1/volunteers/", TAIL_SOME, BODY_NONE, api_volunteer },
    { "POST", "/v1/volunteers/", TAIL_SOME, BODY_OBJECT, api_volunteer_change },
    { "GET", "/v1/volunteer-hours", TAIL_NONE, BODY_NONE, api_volunteer_hours },
    { "POST", "/v1/verify", TAIL_NONE, BODY_OBJECT, api_verify },
    { "POST", "/v1/rebuild", TAIL_NONE, BODY_OBJECT, api_rebuild },
};

static void wipe_and_free(void *memory)
{
    if (memory != NULL) {
        secret_wipe(memory, malloc_usable_size(memory));
        free(memory);
    }
}

void api_wipe_freed_json(void)
{
    json_set_alloc_funcs(malloc, wipe_and_free);
}

void api_answer_init(struct api_answer *answer)
{
    *answer = (struct api_answer){ .status = 200, .content_type = "application/json", .spool_over = API_SPOOL_OVER };
    buf_init(&answer->body, API_ANSWER_MAX);
    buf_init(&answer->notes, SIZE_MAX / 2);
}

void api_answer_fini(struct api_answer *answer)
{
    buf_fini(&answer->body);
    buf_fini(&answer->notes);
    spool_free(answer->spool);
    answer->spool = NULL;
}

int api_status_of(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return 200;
    case ERR_INVALID:
        return 400;
    case ERR_KEY:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_REFUSED:
    case ERR_CONFLICT:
    case ERR_NOT_ENROLLED:
    case ERR_REVOKED:
    case ERR_HISTORY:
    case ERR_CONFIG:
    case ERR_UNSUPPORTED:
    case ERR_TLS:
    case ERR_INTERCEPTED:
        return 409;
    case ERR_LIMIT:
        return 413;
    case ERR_LOCKED:
        return 423;
    case ERR_NETWORK:
    case ERR_SILENT:
    case ERR_DNS:
    case ERR_PROXY:
    case ERR_CAPTIVE_PORTAL:
    case ERR_PROTOCOL:
        return 502;
    case ERR_BUSY:
        return 503;
    case ERR_DISK_FULL:
    case ERR_READ_ONLY:
        return 507;
    default:
        return 500;
    }
}

void api_answer_error(struct api_answer *answer, const struct error *err)
{
    answer->code = err->code;
    answer->error = *err;
    answer->status = api_status_of(err->code);
    answer->content_type = "application/json";
    spool_free(answer->spool);
    answer->spool = NULL;
    json_t *message = json_string(err->message);
    json_t *object = json_pack("{s:{s:s,s:o}}", "error", "code", err_code_name(err->code), "message",
                               message != NULL ? message : json_string("(the message is not text)"));
    if (answer_object(answer, object, NULL) != ERR_OK) {
        buf_clear(&answer->body); /* out of memory: the status alone must do */
    }
}

static bool route_matches(const struct route *route, const char *path, const char **ret_tail)
{
    size_t len = strlen(route->prefix);
    if (route->tail == TAIL_NONE) {
        *ret_tail = "";
        return strcmp(path, route->prefix) == 0;
    }
    *ret_tail = path + (strlen(path) < len ? 0 : len);
    return strncmp(path, route->prefix, len) == 0 && path[len] != '\0';
}

bool api_knows(const char *path)
{
    const char *tail;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (route_matches(&routes[i], path, &tail)) {
            return true;
        }
    }
    return false;
}

bool api_route_at(size_t index, const char **ret_method, const char **ret_prefix)
{
    if (index >= ARRAY_LEN(routes)) {
        return false;
    }
    *ret_method = routes[index].method;
    *ret_prefix = routes[index].prefix;
    return true;
}

static enum err_code call_route(const struct route *route, struct api_call *call, struct error *err)
{
    if (route->body == BODY_RAW) {
        if (call->request->body.len > TABLE_FILE_BYTES_MAX) {
            return FAIL(err, LIMIT, "read the file: larger than %zu bytes", TABLE_FILE_BYTES_MAX);
        }
        return route->handle(call, err);
    }
    if (route->body == BODY_NONE) {
        return route->handle(call, err);
    }
    TRY(body_parse(call->request->body, &call->body, err));
    enum err_code rc = route->handle(call, err);
    json_decref(call->body);
    return rc;
}

static void answer_failure(struct api_answer *answer, const struct error *err)
{
    api_answer_error(answer, err);
    if (answer->status >= 500) {
        log_error("call_failed", err);
    }
}

enum api_reading api_reads_long(const char *method, const char *path)
{
    static const char exports[] = "/v1/export/";
    if (strcmp(method, "GET") == 0 && strncmp(path, exports, strlen(exports)) == 0) {
        return API_EXPORTS;
    }
    return strcmp(method, "POST") == 0 && strcmp(path, "/v1/verify") == 0 ? API_VERIFIES : API_READS_LITTLE;
}

void api_answer_note(struct api_answer *answer, struct store *store)
{
    struct error err = { .code = ERR_OK };
    size_t count = answer->notes.len / sizeof(struct audit_entry);
    if (count > 0 &&
        store_audit_add(store, (const struct audit_entry *)(const void *)answer->notes.data, count, &err) != ERR_OK &&
        answer->code == ERR_OK) { /* nobody reads what it cannot be said of that they read it */
        answer_failure(answer, &err);
    }
    buf_fini(&answer->notes);
}

void api_call_data(const struct api_world *world, const struct api_request *request, struct api_answer *answer)
{
    api_call_run(world, request, answer);
    api_answer_note(answer, world->store);
}

void api_call_run(const struct api_world *world, const struct api_request *request, struct api_answer *answer)
{
    struct api_call call = { .world = world, .request = request, .answer = answer };
    struct error err = { .code = ERR_OK };
    bool path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!route_matches(&routes[i], request->path, &call.tail)) {
            continue;
        }
        path_known = true;
        if (strcmp(routes[i].method, request->method) != 0) {
            continue;
        }
        sight_begin(world, request);
        enum err_code rc = call_route(&routes[i], &call, &err);
        struct error unkept;
        enum err_code noted = sight_end(&answer->notes, &unkept);
        if (rc == ERR_OK && noted != ERR_OK) {
            rc = noted;
            err = unkept;
        }
        if (rc != ERR_OK) {
            err.code = rc;
            answer_failure(answer, &err);
        }
        return;
    }
    (void)(path_known
               ? FAIL(&err, INVALID, "call the path: not with this method")
               : FAIL(&err, NOT_FOUND,
                      "answer the call: there is none of this name; is what asks of another version than the agent?"));
    api_answer_error(answer, &err);
    answer->status = path_known ? 405 : 404;
}
