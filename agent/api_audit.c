/* Who read what is for few to read, and who changed what. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/record_json.h"
#include "store/audit.h"

#define AUDIT_LIMIT 200
#define AUDIT_LIMIT_MAX 5000
#define DAY_MS INT64_C(86400000)

enum audit_source { SOURCE_LOG, SOURCE_NOTES };

/* Where a line of the answer stands: by its time, then changes and what was noted after them, then as they were
 * written. */
struct audit_place {
    int64_t at_ms;
    int64_t source;
    int64_t number;
};

struct audit_line {
    struct audit_place place;
    json_t *value;
};

/* The newest lines that were found. However many are looked at, about twice as many as are wanted are kept. */
struct audit_lines {
    struct store *store;
    const struct audit_filter *filter;
    struct audit_place before; /* only older ones are wanted; at_ms 0: all of them */
    struct audit_place floor;  /* older ones are not wanted any more; at_ms 0: none yet */
    size_t wanted;
    struct buf lines;    /* struct audit_line, one behind the other */
    uint32_t about_kind; /* whose `about` is known: the sessions of a placement follow each other */
    struct row_id subject;
    bool is_about;
};

static struct audit_line *lines_of(const struct audit_lines *lines, size_t *ret_count)
{
    *ret_count = lines->lines.len / sizeof(struct audit_line);
    return (struct audit_line *)(void *)lines->lines.data;
}

static void lines_fini(struct audit_lines *lines)
{
    size_t count;
    struct audit_line *all = lines_of(lines, &count);
    for (size_t i = 0; i < count; i++) {
        json_decref(all[i].value);
    }
    buf_fini(&lines->lines);
}

static int compare_places(const struct audit_place *a, const struct audit_place *b)
{
    const int64_t left[] = { a->at_ms, a->source, a->number };
    const int64_t right[] = { b->at_ms, b->source, b->number };
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    return compare_places(&((const struct audit_line *)b)->place, &((const struct audit_line *)a)->place);
}

/* Sorts them, and drops those that are not wanted. */
static void lines_trim(struct audit_lines *lines)
{
    size_t count;
    struct audit_line *all = lines_of(lines, &count);
    if (count > 1) {
        qsort(all, count, sizeof(*all), newest_first);
    }
    for (; count > lines->wanted; count--) {
        json_decref(all[count - 1].value);
        lines->lines.len -= sizeof(*all);
    }
    if (count > 0 && count == lines->wanted) {
        lines->floor = all[count - 1].place;
    }
}

static bool is_in_reach(const struct audit_lines *lines, const struct audit_place *place)
{
    return (lines->before.at_ms == 0 || compare_places(place, &lines->before) < 0) &&
           (lines->floor.at_ms == 0 || compare_places(place, &lines->floor) > 0);
}

static enum err_code line_add(struct audit_lines *lines, const struct audit_place *place, json_t *value,
                              struct error *err)
{
    struct audit_line line = { .place = *place, .value = value };
    enum err_code rc = value != NULL ? buf_append(&lines->lines, &line, sizeof(line), err)
                                     : FAIL(err, NO_MEMORY, "list who read and changed what");
    if (rc != ERR_OK) {
        json_decref(value);
        return rc;
    }
    if (lines->lines.len >= 2 * lines->wanted * sizeof(line)) {
        lines_trim(lines);
    }
    return ERR_OK;
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

/* Looked up once for the ops of one record that follow each other. */
static enum err_code is_about(struct audit_lines *lines, const struct log_row *row, bool *ret_is, struct error *err)
{
    struct row_id about;
    struct row_id subject = { 0 };
    memcpy(subject.bytes, row->subject, row->subject_len < ROW_ID_BYTES ? row->subject_len : ROW_ID_BYTES);
    if (lines->about_kind != row->kind || memcmp(&lines->subject, &subject, sizeof(subject)) != 0) {
        TRY(query_about(lines->store, row->kind, slice_of(row->subject, row->subject_len), &about, err));
        lines->is_about = memcmp(&about, lines->filter->about, sizeof(about)) == 0;
        lines->about_kind = row->kind;
        lines->subject = subject;
    }
    *ret_is = lines->is_about;
    return ERR_OK;
}

static enum err_code add_change(void *context, int64_t number, const struct log_row *row, struct error *err)
{
    struct audit_lines *lines = context;
    const struct audit_filter *filter = lines->filter;
    const struct audit_place place = { row->recorded_at_ms, SOURCE_LOG, number };
    bool wanted = is_in_reach(lines, &place) && row->recorded_at_ms >= filter->since_ms &&
                  (filter->until_ms == 0 || row->recorded_at_ms <= filter->until_ms) &&
                  (filter->person == NULL || strcmp(filter->person, row->actor) == 0);
    if (wanted && filter->about != NULL) {
        TRY(is_about(lines, row, &wanted, err));
    }
    return wanted ? line_add(lines, &place, change_value(row), err) : ERR_OK;
}

static enum err_code add_notes(struct audit_lines *lines, struct error *err)
{
    SCOPED(audit_list_fini) struct audit_list list = { 0 };
    TRY(query_audit(lines->store, lines->filter, lines->wanted, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct audit_place place = { list.rows[i].at_ms, SOURCE_NOTES, list.rows[i].number };
        TRY(line_add(lines, &place, entry_value(&list.rows[i]), err));
    }
    return ERR_OK;
}

/* ---- what is asked ---- */

/* "TIME.SOURCE.NUMBER", as `next` of an answer. */
static enum err_code read_before(const struct api_call *call, struct audit_place *ret_place, struct error *err)
{
    struct audit_place place = { 0 };
    int end = -1;
    const char *text = query_text(call, "before");
    if (text == NULL) {
        return ERR_OK;
    }
    bool digits = strlen(text) < 60 && strspn(text, "0123456789.") == strlen(text);
    if (!digits ||
        sscanf(text, "%18" SCNd64 ".%1" SCNd64 ".%18" SCNd64 "%n", &place.at_ms, &place.source, &place.number, &end) !=
            3 ||
        text[end] != '\0' || place.at_ms == 0) {
        return FAIL(err, INVALID, "read argument 'before': expected what an answer has as its 'next'");
    }
    *ret_place = place;
    return ERR_OK;
}

static enum err_code read_filter(const struct api_call *call, const struct audit_place *before, struct row_id *about,
                                 struct audit_filter *ret_filter, struct error *err)
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
    filter.before_ms = before->at_ms;
    filter.before_number = before->source == SOURCE_NOTES ? before->number : 0;
    *ret_filter = filter;
    return ERR_OK;
}

/* ---- the answer ---- */

static json_t *next_of(const struct audit_place *place)
{
    return json_sprintf("%" PRId64 ".%" PRId64 ".%" PRId64, place->at_ms, place->source, place->number);
}

static enum err_code answer_lines(struct api_answer *answer, struct audit_lines *lines, struct error *err)
{
    size_t count;
    lines_trim(lines);
    const struct audit_line *all = lines_of(lines, &count);
    bool more = count == lines->wanted;
    count -= more;
    TRY(answer_list_begin(answer, json_pack("{s:o}", "next", more ? next_of(&all[count - 1].place) : json_null()),
                          "entries", err));
    for (size_t i = 0; i < count; i++) {
        TRY(answer_list_row(answer, json_incref(all[i].value), err));
    }
    return answer_list_end(answer, more, err);
}

enum err_code api_audit(struct api_call *call, struct error *err)
{
    size_t limit;
    struct row_id about;
    struct audit_filter filter;
    SCOPED(lines_fini) struct audit_lines lines = { .store = call->world->store, .filter = &filter };
    buf_init(&lines.lines, SIZE_MAX / 2);
    TRY(query_number(call, "limit", AUDIT_LIMIT, AUDIT_LIMIT_MAX, &limit, err));
    TRY(read_before(call, &lines.before, err));
    TRY(read_filter(call, &lines.before, &about, &filter, err));
    lines.wanted = limit + 1; /* one more says whether there is more */
    TRY(add_notes(&lines, err));
    if (filter.action == NULL || strcmp(filter.action, "change") == 0) {
        TRY(query_log_own(lines.store, add_change, &lines, err));
    }
    return answer_lines(call->answer, &lines, err);
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
