/* Records of people that seem to be of the same one, and a person's decision that they are. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/duplicates.h"

#define DUPLICATES_LIMIT 1000

static enum err_code person_value(struct store *store, const struct row_id *id, json_t **ret_value, struct error *err)
{
    struct participant_row row;
    TRY(query_participant(store, id, &row, err));
    *ret_value = json_pack("{s:o,s:o,s:o}", "id", value_id(id->bytes, ROW_ID_BYTES), "ref", value_text(row.ref), "name",
                           value_text(row.name));
    return ERR_OK;
}

static enum err_code duplicate_value(struct store *store, const struct duplicate *row, json_t **ret_value,
                                     struct error *err)
{
    json_t *one;
    json_t *other;
    TRY(person_value(store, &row->one, &one, err));
    enum err_code rc = person_value(store, &row->other, &other, err);
    if (rc != ERR_OK) {
        json_decref(one);
        return rc;
    }
    *ret_value = json_pack("{s:o,s:o,s:s}", "one", one, "other", other, "why", duplicate_why_name(row->why));
    return ERR_OK;
}

enum err_code api_duplicates(struct api_call *call, struct error *err)
{
    size_t limit;
    SCOPED(duplicate_list_fini) struct duplicate_list list = { 0 };
    TRY(query_number(call, "limit", DUPLICATES_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(duplicates_find(call->world->store, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "duplicates", err));
    for (size_t i = 0; i < list.count && i < limit; i++) {
        json_t *value;
        TRY(duplicate_value(call->world->store, &list.rows[i], &value, err));
        TRY(answer_list_row(call->answer, value, err));
    }
    return answer_list_end(call->answer, list.count > limit, err);
}

/* ---- merging ---- */

struct merge {
    struct row_id duplicate;
    struct row_id into;
    bool undo;
};

static enum err_code check_merge(struct store *store, const struct merge *merge, struct error *err)
{
    struct participant_row duplicate;
    struct participant_row into;
    TRY(query_participant(store, &merge->duplicate, &duplicate, err));
    TRY(query_participant(store, &merge->into, &into, err));
    if (memcmp(&duplicate.person, &into.person, sizeof(into.person)) == 0) {
        return FAIL(err, CONFLICT, "merge: these two are one person already");
    }
    return ERR_OK;
}

/* Of an undoing: the link as it stands. */
static enum err_code find_link(struct store *store, struct merge *merge, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    enum err_code rc = query_record(store, kind_by_number(KIND_SAME_PERSON), &merge->duplicate, &list, err);
    if (rc == ERR_NOT_FOUND || (rc == ERR_OK && record_value(&list.rows[0].record, "undone")->number != 0)) {
        return FAIL(err, NOT_FOUND, "undo the merge: this record is not merged into another");
    }
    TRY(rc);
    const struct value *into = record_value(&list.rows[0].record, "participant");
    if (into->present) {
        memcpy(merge->into.bytes, into->text.data, ROW_ID_BYTES);
    }
    return ERR_OK;
}

static enum err_code records_value(struct store *store, const struct row_id *id, json_t **ret_value, struct error *err)
{
    SCOPED(id_list_fini) struct id_list list = { 0 };
    TRY(query_same_person(store, id, &list, err));
    json_t *records = json_array();
    for (size_t i = 0; i < list.count; i++) {
        json_t *value;
        enum err_code rc = person_value(store, &list.rows[i], &value, err);
        if (rc == ERR_OK) {
            (void)json_array_append_new(records, value);
        } else if (rc != ERR_NOT_FOUND) { /* a link may name a record that has not come yet */
            json_decref(records);
            return rc;
        }
    }
    *ret_value = records;
    return ERR_OK;
}

enum err_code api_merge(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "duplicate", "into", "reason", "decided_by", "undo", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *duplicate = member_text(&members, "duplicate", ROW_REF_SIZE - 1, true);
    struct merge merge = { .undo = member_bool(&members, "undo", false) };
    const char *into = member_text(&members, "into", ROW_REF_SIZE - 1, !merge.undo);
    const char *reason = member_text(&members, "reason", ROW_NAME_SIZE - 1, true);
    const char *decided_by = member_text(&members, "decided_by", ROW_NAME_SIZE - 1, false);
    TRY(members_end(&members));
    TRY(query_find(world->store, KIND_PARTICIPANT, duplicate, &merge.duplicate, err));
    if (merge.undo) {
        TRY(find_link(world->store, &merge, err));
    } else {
        TRY(query_find(world->store, KIND_PARTICIPANT, into, &merge.into, err));
        TRY(check_merge(world->store, &merge, err));
    }
    struct store_entry entry = { .kind = KIND_SAME_PERSON, .happened_at_ms = OP_TIME_NONE };
    memcpy(entry.subject, merge.duplicate.bytes, ROW_ID_BYTES);
    record_init(&entry.record, kind_by_number(KIND_SAME_PERSON));
    record_set_id(&entry.record, "participant", merge.into.bytes);
    record_set_number(&entry.record, "undone", merge.undo);
    record_set_text(&entry.record, "decided_by", decided_by != NULL ? decided_by : world->actor);
    record_set_text(&entry.record, "reason", reason);
    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    json_t *records;
    TRY(records_value(world->store, &merge.into, &records, err));
    return answer_object(call->answer,
                         json_pack("{s:i,s:o,s:o}", "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null(), "records", records),
                         err);
}
