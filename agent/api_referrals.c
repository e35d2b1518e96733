/* Referrals: what waits for an answer, and the answers. Declining as a matter of policy is a first-class one. */
#include <string.h>

#include "agent/api_handlers.h"

#define REFERRALS_LIMIT 1000

/* The word in the path, and the status that it gives. */
static const struct {
    const char *word;
    const char *status;
} events[] = {
    { "acknowledge", "acknowledged" },
    { "accept", "accepted" },
    { "decline", "declined" },
    { "pause", "paused" },
    { "start", "started" },
    { "did_not_start", "did_not_start" },
    { "withdraw", "withdrawn" },
    { "complete", "completed" },
    { "end_early", "ended_early" },
};

static json_t *referral_value(const struct referral_row *row)
{
    return json_pack("{s:o,s:s,s:o,s:o,s:o,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:b,s:o}", "id",
                     value_id(row->id.bytes, ROW_ID_BYTES), "ref", row->ref, "participant",
                     value_id_or_null(&row->participant), "participant_ref", value_text(row->participant_ref),
                     "participant_name", value_text(row->participant_name), "route", row->route, "basis",
                     basis_name(row->basis), "status", row->status, "source", value_text(row->source), "received_on",
                     value_day(row->received_on), "status_on", value_day(row->status_on), "weekly_minutes",
                     value_int(row->weekly_minutes), "from_centre", row->from_centre, "note", value_text(row->note));
}

enum err_code api_referrals(struct api_call *call, struct error *err)
{
    size_t limit;
    TRY(query_number(call, "limit", REFERRALS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    SCOPED(referral_list_fini) struct referral_list list = { 0 };
    TRY(query_referrals(call->world->store, query_text(call, "status"), limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "referrals", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, referral_value(&list.rows[i]), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* The referral as it stands now; null when it is not there yet. */
static enum err_code referral_find(struct store *store, const struct row_id *id, json_t **ret_value, struct error *err)
{
    SCOPED(referral_list_fini) struct referral_list list = { 0 };
    TRY(query_referrals(store, NULL, QUERY_LIMIT_MAX, &list, err));
    json_t *value = NULL;
    for (size_t i = 0; i < list.count && value == NULL; i++) {
        if (memcmp(&list.rows[i].id, id, sizeof(*id)) == 0) {
            value = referral_value(&list.rows[i]);
        }
    }
    *ret_value = value != NULL ? value : json_null();
    return ERR_OK;
}

/* "R-1002/accept": the part before the last '/' names the referral. */
static enum err_code tail_read(const char *tail, char ref[ROW_REF_SIZE], const char **ret_status, struct error *err)
{
    const char *slash = strrchr(tail, '/');
    size_t len = slash != NULL ? (size_t)(slash - tail) : 0;
    if (len < 1 || len >= ROW_REF_SIZE) {
        return FAIL(err, NOT_FOUND, "find the path: expected /v1/referrals/REF/EVENT");
    }
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (strcmp(events[i].word, slash + 1) == 0) {
            memcpy(ref, tail, len);
            ref[len] = '\0';
            *ret_status = events[i].status;
            return ERR_OK;
        }
    }
    return FAIL(err, NOT_FOUND,
                "find the path: expected acknowledge, accept, decline, pause, start, did_not_start, withdraw, complete "
                "or end_early at its end");
}

static enum err_code event_read(const struct api_call *call, const char *status, struct record *record,
                                struct error *err)
{
    static const char *const known[] = { "on", "reason", "note", "policy", NULL };
    struct members members = members_begin(call->body, known, err);
    int32_t on = call->world->today;
    (void)member_day(&members, "on", false, &on);
    if (on > call->world->today) {
        members_reject(&members, "on", "a day that has come");
    }
    bool policy = member_bool(&members, "policy", false);
    if (policy && strcmp(status, "declined") != 0) {
        members_reject(&members, "policy", "true only with decline");
    }
    record_init(record, kind_by_number(KIND_REFERRAL_EVENT));
    record_set_text(record, "status", status);
    record_set_number(record, "on", on);
    record_set_text(record, "reason", member_text(&members, "reason", ROW_CODE_SIZE - 1, false));
    record_set_text(record, "note", member_text(&members, "note", ROW_NOTE_SIZE - 1, false));
    if (policy) {
        record_set_number(record, "policy", 1);
    }
    return members_end(&members);
}

enum err_code api_referral_event(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    char ref[ROW_REF_SIZE];
    const char *status = NULL;
    TRY(tail_read(call->tail, ref, &status, err));
    struct store_entry entry = { .kind = KIND_REFERRAL_EVENT, .happened_at_ms = OP_TIME_NONE };
    TRY(event_read(call, status, &entry.record, err));
    struct row_id id;
    TRY(query_find(world->store, KIND_REFERRAL, ref, &id, err));
    memcpy(entry.subject, id.bytes, ROW_ID_BYTES);
    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    json_t *referral;
    TRY(referral_find(world->store, &id, &referral, err));
    return answer_object(call->answer,
                         json_pack("{s:i,s:o,s:o}", "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null(), "referral", referral),
                         err);
}
