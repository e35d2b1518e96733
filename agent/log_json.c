#include "agent/log_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_call.h"
#include "agent/names.h"
#include "agent/record_json.h"
#include "agent/sight.h"
#include "store/audit.h"

static int by_id(const void *left, const void *right)
{
    const struct placement_row *a = left;
    const struct placement_row *b = right;
    return memcmp(&a->id, &b->id, sizeof(a->id));
}

enum err_code log_placements(struct store *store, const struct log_list *list, struct placement_list *ret_placements,
                             struct error *err)
{
    bool sessions = false;
    for (size_t i = 0; i < list->count && !sessions; i++) {
        sessions = list->rows[i].subject_len == OP_SESSION_BYTES;
    }
    if (!sessions) {
        return ERR_OK;
    }
    TRY(query_placements(store, ROW_NONE, QUERY_LIMIT_MAX, ret_placements, err));
    if (ret_placements->count > 0) {
        qsort(ret_placements->rows, ret_placements->count, sizeof(*ret_placements->rows), by_id);
    }
    return ERR_OK;
}

bool log_session_name(const struct log_row *row, const struct placement_list *placements, char *out)
{
    if (row->subject_len != OP_SESSION_BYTES || placements->count == 0) {
        return false;
    }
    struct row_id id;
    memcpy(id.bytes, row->subject, ROW_ID_BYTES);
    size_t low = 0;
    size_t high = placements->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(&placements->rows[middle].id, &id, sizeof(id));
        if (order == 0) {
            int32_t day;
            int slot;
            session_of_subject(row->subject, &day, &slot);
            session_name_format(placements->rows[middle].ref, day, slot, out);
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

void log_entry_name(const struct op_id *op, char out[LOG_ENTRY_NAME_SIZE])
{
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(op->device, DEVICE_ID_BYTES, device);
    (void)snprintf(out, LOG_ENTRY_NAME_SIZE, "%.8s/%u/%llu", device, op->incarnation, (unsigned long long)op->seq);
}

json_t *log_fields_value(const struct log_row *row)
{
    const struct kind *kind = kind_by_number(row->kind);
    struct record record;
    if (kind == NULL || row->erased || record_decode(kind, row->body, &record, NULL) != ERR_OK) {
        return json_object();
    }
    return record_to_json(&record, slice_of(row->subject, row->subject_len));
}

/* The kind whose ref names such a record: what became of a referral is named by the referral. */
static const struct kind *kind_with_ref(uint32_t number)
{
    const struct kind *kind = kind_by_number(number == KIND_REFERRAL_EVENT ? KIND_REFERRAL : number);
    return kind != NULL && kind_field_index(kind, "ref") >= 0 ? kind : NULL;
}

enum err_code log_subject(struct store *store, uint32_t kind, struct slice subject, char ret_ref[ROW_REF_SIZE],
                          char ret_name[ROW_NAME_SIZE], struct error *err)
{
    static const struct row_id nobody;
    const struct kind *named = kind_with_ref(kind);
    struct row_id about;
    ret_ref[0] = '\0';
    if (named != NULL && subject.len == ROW_ID_BYTES) {
        struct row_id id;
        memcpy(id.bytes, subject.data, ROW_ID_BYTES);
        TRY(query_ref(store, named->number, &id, ret_ref, err));
    }
    TRY(query_about(store, kind, subject, &about, err));
    bool known = memcmp(&about, &nobody, sizeof(about)) != 0;
    if (known && ret_ref[0] == '\0') {
        TRY(query_ref(store, KIND_PARTICIPANT, &about, ret_ref, err));
    }
    if (ret_name == NULL) {
        return ERR_OK;
    }
    struct participant_row person = { .name = "" };
    enum err_code rc = known ? query_participant(store, &about, &person, err) : ERR_OK;
    (void)snprintf(ret_name, ROW_NAME_SIZE, "%s", sight_name(person.name));
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

/* Of a session there is its name. */
static json_t *subject_ref_value(struct store *store, const struct log_row *row)
{
    char ref[ROW_REF_SIZE];
    return row->subject_len == ROW_ID_BYTES &&
                   log_subject(store, row->kind, slice_of(row->subject, row->subject_len), ref, NULL, NULL) == ERR_OK
               ? value_text(ref)
               : json_null();
}

json_t *log_value(struct store *store, const struct log_row *row, const struct placement_list *placements)
{
    char session[SESSION_NAME_SIZE];
    bool named = log_session_name(row, placements, session);
    return json_pack("{s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:b,s:b,s:o,s:o,s:o}", "op", value_op(&row->op), "kind",
                     row->kind_name, "subject", value_id(row->subject, row->subject_len), "subject_name",
                     named ? json_string(session) : json_null(), "subject_ref", subject_ref_value(store, row), "actor",
                     value_text(row->actor), "recorded_at", value_instant(row->recorded_at_ms), "happened_at",
                     value_instant(row->happened_at_ms), "received_at", value_instant(row->received_at_ms), "own",
                     row->own, "acknowledged", row->acknowledged, "erased", row->erased, "quarantine",
                     value_text(row->quarantine), "same_as", row->repeats ? value_op(&row->same_as) : json_null(),
                     "fields", log_fields_value(row));
}
