/*
 * Compliance doubts at the centre: where those of a site stand, by the same judgement as on its own machines, and what
 * JCP says of one: received, given back, decided.
 */
#include <stdio.h>
#include <string.h>

#include "store/centre/doubts.h"
#include "sync/endpoint/core/admin.h"

static json_t *doubt_json(const struct doubt_row *row)
{
    char day[DATE_TEXT_SIZE];
    char session[ROW_REF_SIZE + DATE_TEXT_SIZE + 12];
    date_format(row->day, day);
    (void)snprintf(session, sizeof(session), "%s@%s%s%.0d", row->placement_ref, day, row->slot > 0 ? "/" : "",
                   row->slot > 0 ? row->slot + 1 : 0);
    return json_pack("{s:o,s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:o,s:s,s:s,s:s}", "id",
                     json_hex(row->id.bytes, ROW_ID_BYTES), "session", session, "participant", row->participant_ref,
                     "reviewer", row->reviewer, "status", row->status, "lacks", row->wants, "exposure_weeks",
                     (json_int_t)row->exposure_weeks, "evidence", row->evidence, "raised_by", row->said_by, "raised_at",
                     json_instant(row->said_at_ms), "answers", row->answers, "note", row->note, "outcome",
                     row->outcome);
}

enum err_code admin_doubts(struct admin_call *call)
{
    struct centre_site site;
    SCOPED(doubt_list_fini) struct doubt_list list = { 0 };
    bool all = argument_bool(call, "all");
    TRY(argument_site(call, &site));
    TRY(centre_doubts(call->centre->store, &site, clock_today(call->now_ms), &list, call->err));
    json_t *rows = json_array();
    for (size_t i = 0; i < list.count; i++) {
        bool for_jcp = strcmp(list.rows[i].status, "standing") == 0 || strcmp(list.rows[i].status, "decided") == 0;
        if (all || for_jcp) { /* what lacks something is not for the Jobcentre to decide */
            (void)json_array_append_new(rows, doubt_json(&list.rows[i]));
        }
    }
    return admin_answer(call, json_pack("{s:o,s:o}", "doubts", rows, "site", json_site(&site)));
}

enum err_code doubt_of(struct admin_call *call, const struct centre_site *site, struct doubt_row *ret_row)
{
    TRY(centre_doubt(call->centre->store, site, clock_today(call->now_ms), argument_text(call, "doubt"), ret_row,
                     call->err));
    if (strcmp(ret_row->status, "standing") == 0 || strcmp(ret_row->status, "decided") == 0) {
        return ERR_OK;
    }
    return FAIL(call->err, REFUSED, "act on the doubt: it is %s%s%s", ret_row->status,
                ret_row->wants[0] != '\0' ? ": " : "", ret_row->wants);
}

/* Received, or given back: said once more it corrects nothing, so that both stay. */
enum err_code admin_doubt_event(struct admin_call *call)
{
    struct centre_site site;
    struct doubt_row doubt;
    struct record record;
    struct op_id last;
    const char *status = argument_text(call, "status");
    const char *actor = argument_text(call, "actor");
    TRY(argument_site(call, &site));
    TRY(doubt_of(call, &site, &doubt));
    if (strcmp(doubt.status, "decided") == 0) {
        return FAIL(call->err, REFUSED, "act on the doubt: it is decided already");
    }
    record_init(&record, kind_by_number(KIND_DOUBT_EVENT));
    record_set_text(&record, "status", status);
    record_set_number(&record, "on", clock_today(call->now_ms));
    record_set_text(&record, "reason", argument_text(call, "reason"));
    record_set_text(&record, "by", actor);
    record_set_text(&record, "note", argument_text(call, "note"));
    struct centre_entry entry = { .kind = KIND_DOUBT_EVENT, .record = &record };
    memcpy(entry.subject, doubt.id.bytes, ROW_ID_BYTES);
    TRY(centre_write(call->centre->store, &site, call->centre->signing_key,
                     buf_slice(&call->centre->signing_certificate), actor != NULL ? actor : "jcp", &entry, 1,
                     call->now_ms, &last, call->err));
    return admin_answer(call, json_pack("{s:o,s:o,s:o,s:o}", "op", json_op_id(&last), "kind",
                                        json_kind_name(KIND_DOUBT_EVENT), "subject",
                                        json_hex(doubt.id.bytes, ROW_ID_BYTES), "site", json_site(&site)));
}
