/* Records of people that seem to be of the same one, and people's decisions that they are. */
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

/* ---- merges that stand ---- */

static json_t *merge_value(const struct merge_row *row)
{
    return json_pack("{s:{s:o,s:o},s:{s:o,s:o},s:o,s:o,s:o,s:b,s:b,s:o}", "duplicate", "id",
                     value_id(row->duplicate.bytes, ROW_ID_BYTES), "ref", value_text(row->duplicate_ref), "into", "id",
                     value_id(row->into.bytes, ROW_ID_BYTES), "ref", value_text(row->into_ref), "decided_by",
                     value_text(row->decided_by), "reason", value_text(row->reason), "recorded_by",
                     value_text(row->linked_by), "recorded_here", row->linked_here, "sure", row->sure, "confirmed_by",
                     value_text(row->confirmed_by));
}

enum err_code api_merges(struct api_call *call, struct error *err)
{
    SCOPED(merge_list_fini) struct merge_list list = { 0 };
    TRY(query_merges(call->world->store, NULL, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "merges", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, merge_value(&list.rows[i]), err));
    }
    return answer_list_end(call->answer, false, err);
}

/* ---- merging ---- */

struct merge {
    struct row_id duplicate;
    struct row_id into;
    bool undo;
    bool confirm;
    const char *by;
    const char *reason;
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

/* The merge of this record as it stands. */
static enum err_code find_link(struct store *store, const struct row_id *duplicate, struct merge_row *ret_row,
                               struct error *err)
{
    SCOPED(merge_list_fini) struct merge_list list = { 0 };
    TRY(query_merges(store, duplicate, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        if (memcmp(&list.rows[i].duplicate, duplicate, sizeof(*duplicate)) == 0) {
            *ret_row = list.rows[i];
            return ERR_OK;
        }
    }
    return FAIL(err, NOT_FOUND, "find the merge: this record is not merged into another");
}

/* Only for the words: whether it counts is the store's to say. */
static enum err_code check_confirmation(const struct api_world *world, const struct merge *merge,
                                        const struct merge_row *link, struct error *err)
{
    if (link->sure) {
        return FAIL(err, CONFLICT, "confirm the merge: %s has confirmed it", link->confirmed_by);
    }
    if (strcmp(world->actor, link->linked_by) == 0 || strcmp(merge->by, link->decided_by) == 0) {
        return FAIL(err, REFUSED, "confirm the merge: somebody else has to, who neither decided nor recorded it");
    }
    return link->linked_here ? FAIL(err, REFUSED,
                                    "confirm the merge: it was recorded at this machine, and has to be confirmed at "
                                    "another one of the organisation")
                             : ERR_OK;
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

static enum err_code read_merge(struct api_call *call, struct merge *merge, struct error *err)
{
    static const char *const known[] = { "duplicate", "into", "reason", "decided_by", "undo", "confirm", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *duplicate = member_text(&members, "duplicate", ROW_REF_SIZE - 1, true);
    merge->undo = member_bool(&members, "undo", false);
    merge->confirm = member_bool(&members, "confirm", false);
    bool linked = merge->undo || merge->confirm;
    const char *into = member_text(&members, "into", ROW_REF_SIZE - 1, !linked);
    merge->reason = member_text(&members, "reason", ROW_NAME_SIZE - 1, true);
    merge->by = member_text(&members, "decided_by", ROW_NAME_SIZE - 1, false);
    TRY(members_end(&members));
    TRY(decider_name(world, "merge", &merge->by, err));
    if (merge->undo && merge->confirm) {
        return FAIL(err, INVALID, "merge: expected one of 'undo' and 'confirm'");
    }
    TRY(query_find(world->store, KIND_PARTICIPANT, duplicate, &merge->duplicate, err));
    if (linked) {
        struct merge_row link;
        TRY(find_link(world->store, &merge->duplicate, &link, err));
        merge->into = link.into;
        return merge->confirm ? check_confirmation(world, merge, &link, err) : ERR_OK;
    }
    TRY(query_find(world->store, KIND_PARTICIPANT, into, &merge->into, err));
    return check_merge(world->store, merge, err);
}

static void fill_merge(const struct merge *merge, struct record *record)
{
    record_init(record, kind_by_number(KIND_SAME_PERSON));
    if (merge->confirm) {
        record_set_id(record, "confirms", merge->into.bytes);
        record_set_text(record, "confirmed_by", merge->by);
        record_set_text(record, "confirmed_how", merge->reason);
        return;
    }
    record_set_id(record, "participant", merge->into.bytes);
    record_set_number(record, "undone", merge->undo);
    record_set_text(record, "decided_by", merge->by);
    record_set_text(record, "reason", merge->reason);
}

enum err_code api_merge(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    struct merge merge;
    TRY(read_merge(call, &merge, err));
    struct store_entry entry = { .kind = KIND_SAME_PERSON, .happened_at_ms = OP_TIME_NONE };
    memcpy(entry.subject, merge.duplicate.bytes, ROW_ID_BYTES);
    fill_merge(&merge, &entry.record);
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
