/* Who read what is for few to read, and who changed what. */
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/record_json.h"
#include "store/audit.h"

#define AUDIT_LIMIT 200
#define AUDIT_CHANGES_MAX 5000 /* of the log, looked through for one person or time */
#define DAY_MS INT64_C(86400000)

/* One line of the answer, of either source. */
struct audit_line {
    int64_t at_ms;
    json_t *value;
};

struct audit_lines {
    struct buf lines; /* struct audit_line, one behind the other */
};

static void lines_free(struct audit_lines *lines)
{
    for (size_t at = 0; at < lines->lines.len; at += sizeof(struct audit_line)) {
        json_decref(((struct audit_line *)(void *)(lines->lines.data + at))->value);
    }
    buf_fini(&lines->lines);
}

static enum err_code line_add(struct audit_lines *lines, int64_t at_ms, json_t *value, struct error *err)
{
    struct audit_line line = { .at_ms = at_ms, .value = value };
    enum err_code rc = value != NULL ? buf_append(&lines->lines, &line, sizeof(line), err)
                                     : FAIL(err, NO_MEMORY, "list who read and changed what");
    if (rc != ERR_OK) {
        json_decref(value);
    }
    return rc;
}

static int newest_first(const void *a, const void *b)
{
    int64_t left = ((const struct audit_line *)a)->at_ms;
    int64_t right = ((const struct audit_line *)b)->at_ms;
    return (left < right) - (left > right);
}

static json_t *entry_value(const struct audit_entry *entry)
{
    return json_pack("{s:o,s:s,s:s,s:s,s:o,s:o,s:o}", "at", value_instant(entry->at_ms), "person", entry->person,
                     "action", entry->action, "call", entry->call, "kind", value_text(entry->kind), "subject",
                     entry->subject_len > 0 ? value_id(entry->subject, entry->subject_len) : json_null(), "fields",
                     value_text(entry->fields));
}

/* "outcome, note" */
static void field_names(const struct log_row *row, char out[AUDIT_FIELDS_SIZE])
{
    struct record record;
    const struct kind *kind = kind_by_number(row->kind);
    size_t len = 0;
    out[0] = '\0';
    if (kind == NULL || row->erased || record_decode(kind, row->body, &record, NULL) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        size_t more = strlen(kind->fields[i].name) + 2;
        if (record.values[i].present && len + more < AUDIT_FIELDS_SIZE) {
            len +=
                (size_t)snprintf(out + len, AUDIT_FIELDS_SIZE - len, "%s%s", len > 0 ? ", " : "", kind->fields[i].name);
        }
    }
}

static json_t *change_value(const struct log_row *row)
{
    char fields[AUDIT_FIELDS_SIZE];
    field_names(row, fields);
    return json_pack("{s:o,s:s,s:s,s:o,s:s,s:o,s:o}", "at", value_instant(row->recorded_at_ms), "person", row->actor,
                     "action", "change", "op", value_op(&row->op), "kind", row->kind_name, "subject",
                     value_id(row->subject, row->subject_len), "fields", value_text(fields));
}

static bool is_wanted(struct store *store, const struct audit_filter *filter, const struct log_row *row)
{
    struct row_id about;
    struct slice subject = slice_of(row->subject, row->subject_len);
    if (!row->own || row->recorded_at_ms < filter->since_ms ||
        (filter->until_ms != 0 && row->recorded_at_ms > filter->until_ms) ||
        (filter->person != NULL && strcmp(filter->person, row->actor) != 0)) {
        return false;
    }
    return filter->about == NULL || (query_about(store, row->kind, subject, &about, NULL) == ERR_OK &&
                                     memcmp(&about, filter->about, sizeof(about)) == 0);
}

static enum err_code add_changes(struct store *store, const struct audit_filter *filter, struct audit_lines *lines,
                                 struct error *err)
{
    SCOPED(log_list_fini) struct log_list list = { 0 };
    if (filter->action != NULL && strcmp(filter->action, "change") != 0) {
        return ERR_OK;
    }
    TRY(query_log(store, NULL, 0, false, AUDIT_CHANGES_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        if (is_wanted(store, filter, &list.rows[i])) {
            TRY(line_add(lines, list.rows[i].recorded_at_ms, change_value(&list.rows[i]), err));
        }
    }
    return ERR_OK;
}

static enum err_code read_filter(const struct api_call *call, struct row_id *about, struct audit_filter *ret_filter,
                                 struct error *err)
{
    static const char *const actions[] = { "read", "change", "sign_in", "unlock" };
    struct audit_filter filter = { .person = query_text(call, "person"), .action = query_text(call, "action") };
    const char *participant = query_text(call, "about");
    int32_t since;
    int32_t until;
    bool known = filter.action == NULL;
    TRY(query_day(call, "since", date_from_civil(1970, 1, 1), &since, err));
    TRY(query_day(call, "until", ROW_NONE, &until, err));
    for (size_t i = 0; !known && i < ARRAY_LEN(actions); i++) {
        known = strcmp(actions[i], filter.action) == 0;
    }
    if (!known) {
        return FAIL(err, INVALID, "read argument 'action': expected read, change, sign_in or unlock");
    }
    if (participant != NULL) {
        TRY(query_find(call->world->store, KIND_PARTICIPANT, participant, about, err));
        filter.about = about;
    }
    filter.since_ms = (int64_t)since * DAY_MS;
    filter.until_ms = until == ROW_NONE ? 0 : ((int64_t)until + 1) * DAY_MS - 1;
    *ret_filter = filter;
    return ERR_OK;
}

enum err_code api_audit(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    size_t limit;
    struct row_id about;
    struct audit_filter filter;
    TRY(query_number(call, "limit", AUDIT_LIMIT, AUDIT_CHANGES_MAX, &limit, err));
    TRY(read_filter(call, &about, &filter, err));
    SCOPED(audit_list_fini) struct audit_list list = { 0 };
    SCOPED(lines_free) struct audit_lines lines;
    buf_init(&lines.lines, SIZE_MAX / 2);
    TRY(query_audit(store, &filter, limit + 1, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(line_add(&lines, list.rows[i].at_ms, entry_value(&list.rows[i]), err));
    }
    TRY(add_changes(store, &filter, &lines, err));
    struct audit_line *all = (struct audit_line *)(void *)lines.lines.data;
    size_t count = lines.lines.len / sizeof(*all);
    if (count > 1) {
        qsort(all, count, sizeof(*all), newest_first);
    }
    TRY(answer_list_begin(call->answer, NULL, "entries", err));
    for (size_t i = 0; i < count && i < limit; i++) {
        TRY(answer_list_row(call->answer, json_incref(all[i].value), err));
    }
    return answer_list_end(call->answer, count > limit, err);
}

enum err_code api_audit_verify(struct api_call *call, struct error *err)
{
    uint64_t rows;
    uint64_t wrong;
    TRY(store_audit_verify(call->world->store, &rows, &wrong, err));
    return answer_object(call->answer,
                         json_pack("{s:b,s:I,s:o}", "whole", wrong == 0, "rows", (json_int_t)rows, "first_wrong",
                                   wrong == 0 ? json_null() : json_integer((json_int_t)wrong)),
                         err);
}
