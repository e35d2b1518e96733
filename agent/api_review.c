/* What a person has to look at in the log itself: records set aside, values overwritten, disputes. */
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/log_json.h"
#include "agent/names.h"
#include "agent/record_json.h"

#define LIST_LIMIT 1000
#define DECLINED_LIMIT 100

/* ---- quarantine ---- */

static json_t *aside_value(struct store *store, const struct log_row *row, const struct placement_list *placements)
{
    char id[LOG_ENTRY_NAME_SIZE];
    json_t *value = log_value(store, row, placements);
    log_entry_name(&row->op, id);
    if (value != NULL && json_object_set_new(value, "id", json_string(id)) != 0) {
        json_decref(value);
        return NULL;
    }
    return value;
}

/* What a centre that was put back would not take from this device of somebody else's. */
static enum err_code declined_value(struct store *store, json_t **ret_value, struct error *err)
{
    SCOPED(scoped_free) struct store_declined *rows = calloc(DECLINED_LIMIT, sizeof(*rows));
    json_t *value = json_array();
    size_t count = 0;
    enum err_code rc = rows == NULL || value == NULL ? FAIL(err, NO_MEMORY, "list what was declined")
                                                     : store_declined_read(store, rows, DECLINED_LIMIT, &count, err);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        char id[LOG_ENTRY_NAME_SIZE];
        log_entry_name(&rows[i].first, id);
        json_t *row = json_pack("{s:s,s:o,s:o}", "first", id, "reason", value_text(rows[i].reason), "at",
                                value_instant(rows[i].at_ms));
        if (json_array_append_new(value, row) != 0) {
            rc = FAIL(err, NO_MEMORY, "list what was declined");
        }
    }
    if (rc != ERR_OK) {
        json_decref(value);
        return rc;
    }
    *ret_value = value;
    return ERR_OK;
}

enum err_code api_quarantine(struct api_call *call, struct error *err)
{
    json_t *declined;
    struct store *store = call->world->store;
    size_t limit;
    SCOPED(log_list_fini) struct log_list list = { 0 };
    SCOPED(placement_list_fini) struct placement_list placements = { 0 };
    TRY(query_number(call, "limit", LIST_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(query_log(store, NULL, 0, true, limit, &list, err));
    TRY(log_placements(store, &list, &placements, err));
    TRY(declined_value(store, &declined, err));
    TRY(answer_list_begin(call->answer, json_pack("{s:o}", "declined", declined), "quarantine", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, aside_value(store, &list.rows[i], &placements), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

enum err_code api_quarantine_one(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    struct log_row named;
    SCOPED(log_list_fini) struct log_list list = { 0 };
    SCOPED(placement_list_fini) struct placement_list placements = { 0 };
    TRY(query_log_entry(store, call->tail, &named, err));
    TRY(query_log(store, NULL, 0, true, QUERY_LIMIT_MAX, &list, err));
    TRY(log_placements(store, &list, &placements, err));
    for (size_t i = 0; i < list.count; i++) {
        if (op_id_compare(&list.rows[i].op, &named.op) == 0) {
            return answer_object(call->answer,
                                 json_pack("{s:o}", "entry", aside_value(store, &list.rows[i], &placements)), err);
        }
    }
    return FAIL(err, NOT_FOUND, "find the record: it is not set aside");
}

enum err_code api_quarantine_retry(struct api_call *call, struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(call->body, known, err);
    struct store_judged judged;
    TRY(members_end(&members));
    TRY(store_judge_again(call->world->store, &judged, err));
    call->answer->wrote = judged.released > 0;
    return answer_object(
        call->answer,
        json_pack("{s:I,s:I}", "released", (json_int_t)judged.released, "still", (json_int_t)judged.still), err);
}

/* ---- overwrites ---- */

static json_t *said_value(const struct overwrite_row *row, const struct value *value, const struct op_id *op,
                          const char *by, int64_t at_ms)
{
    struct record record;
    record_init(&record, row->kind);
    *record_value(&record, row->field->name) = *value;
    json_t *fields = record_to_json(&record, slice_of(row->subject.bytes, ROW_ID_BYTES));
    json_t *said = json_pack("{s:O?,s:o,s:o,s:o}", "value", json_object_get(fields, row->field->name), "op",
                             value_op(op), "by", value_text(by), "recorded_at", value_instant(at_ms));
    json_decref(fields);
    return said;
}

static enum err_code overwrite_value(struct store *store, const struct overwrite_row *row, json_t **ret_value,
                                     struct error *err)
{
    char ref[ROW_REF_SIZE];
    char name[ROW_NAME_SIZE];
    TRY(log_subject(store, row->kind->number, slice_of(row->subject.bytes, ROW_ID_BYTES), ref, name, err));
    *ret_value = json_pack("{s:s,s:s,s:o,s:o,s:o,s:s,s:b,s:o,s:o,s:o,s:o}", "id", row->id, "kind", row->kind->name,
                           "subject", value_id(row->subject.bytes, ROW_ID_BYTES), "subject_ref", value_text(ref),
                           "subject_name", value_text(name), "field", row->field->name, "lasts", row->field->lasting,
                           "old", said_value(row, &row->old_value, &row->old_op, row->old_by, row->old_at_ms), "new",
                           said_value(row, &row->new_value, &row->new_op, row->new_by, row->new_at_ms), "reviewed_by",
                           value_text(row->reviewed_by), "reviewed_at", value_instant(row->reviewed_at_ms));
    return ERR_OK;
}

enum err_code api_overwrites(struct api_call *call, struct error *err)
{
    size_t limit;
    bool all;
    SCOPED(overwrite_list_fini) struct overwrite_list list = { 0 };
    TRY(query_number(call, "limit", LIST_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(query_switch(call, "all", &all, err));
    TRY(query_overwrites(call->world->store, all, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "overwrites", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *value = NULL;
        TRY(overwrite_value(call->world->store, &list.rows[i], &value, err));
        TRY(answer_list_row(call->answer, value, err));
    }
    return answer_list_end(call->answer, list.more, err);
}

enum err_code api_overwrites_review(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "id", "all", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *id = member_text(&members, "id", 32, false);
    bool all = member_bool(&members, "all", false);
    size_t reviewed = 0;
    TRY(members_end(&members));
    if (all == (id != NULL)) {
        return FAIL(err, INVALID, "review overwritten values: expected either 'id' or 'all'");
    }
    TRY(store_overwrites_review(world->store, world->actor, id, world->now_ms, &reviewed, err));
    call->answer->wrote = reviewed > 0;
    return answer_object(call->answer, json_pack("{s:I}", "reviewed", (json_int_t)reviewed), err);
}

/* ---- disputes ---- */

static enum err_code dispute_value(struct store *store, const struct roll_row *row, json_t **ret_value,
                                   struct error *err)
{
    SCOPED(attendance_list_fini) struct attendance_list list = { 0 };
    TRY(query_attendance(store, &row->session.placement, row->session.day, row->session.slot, LIST_LIMIT, &list, err));
    json_t *sides = json_array();
    for (size_t i = 0; i < list.count; i++) {
        if (list.rows[i].head) {
            (void)json_array_append_new(sides, assertion_value(&list.rows[i]));
        }
    }
    *ret_value = json_pack("{s:o,s:o}", "session", session_value(row), "sides", sides);
    return ERR_OK;
}

enum err_code api_disputes(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    size_t limit;
    SCOPED(session_list_fini) struct session_list list = { 0 };
    TRY(query_number(call, "limit", LIST_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(query_disputes(store, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "disputes", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *value = NULL;
        TRY(dispute_value(store, &list.rows[i], &value, err));
        TRY(answer_list_row(call->answer, value, err));
    }
    return answer_list_end(call->answer, list.more, err);
}
