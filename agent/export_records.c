#include "agent/export_records.h"
#include "agent/names.h"
#include "agent/sight.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_BYTES_MAX ((size_t)256 * 1024) /* of a row: the fields of a record are far smaller */

/* Numbers that are added up by nobody: shares, and how many a supervisor may look after. */
static bool adds_up(const struct field *field)
{
    return strstr(field->name, "permille") == NULL && strstr(field->name, "_per_") == NULL &&
           strcmp(field->name, "sequence") != 0 && strcmp(field->name, "slot") != 0;
}

static enum export_cell cell_of(const struct field *field)
{
    switch (field->type) {
    case FIELD_CODE:
    case FIELD_BOOL:
        return CELL_CODE;
    case FIELD_INT:
        return adds_up(field) ? CELL_SUM : CELL_NUMBER;
    case FIELD_DATE:
        return CELL_DAY;
    case FIELD_TEXT:
    case FIELD_TIME:
    case FIELD_ID:
    case FIELD_BYTES:
        return CELL_TEXT;
    }
    CHECK(false);
}

/* The ref of the record that a field names, else its id. */
static enum err_code link_put(struct store *store, const struct field *field, struct slice id, struct buf *out,
                              struct error *err)
{
    char text[ROW_REF_SIZE] = "";
    const struct kind *kind = kind_by_name(field->name);
    if (kind != NULL && kind_field_index(kind, "ref") >= 0 && id.len == ROW_ID_BYTES) {
        struct row_id row;
        memcpy(row.bytes, id.data, ROW_ID_BYTES);
        TRY(query_ref(store, kind->number, &row, text, err));
    }
    if (text[0] != '\0') {
        return buf_append_text(out, text, err);
    }
    char hex[2 * ROW_ID_BYTES + 1] = "";
    hex_encode(id.data, id.len <= ROW_ID_BYTES ? id.len : ROW_ID_BYTES, hex);
    return buf_append_text(out, hex, err);
}

static enum err_code civil_put(const struct field *field, int64_t number, struct buf *out, struct error *err)
{
    char text[INSTANT_TEXT_SIZE];
    if (field->type == FIELD_DATE) {
        date_format((int32_t)number, text);
    } else {
        time_of_day_format((int)number, text);
    }
    return buf_append_text(out, text, err);
}

/* A slot is counted from 1, as people name it. */
static enum err_code value_put(struct store *store, const struct field *field, const struct value *value,
                               struct buf *out, struct error *err)
{
    if (!value->present) {
        return ERR_OK;
    }
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        return buf_append(out, value->text.data, value->text.len, err);
    case FIELD_BOOL:
        return buf_append_text(out, value->number != 0 ? "yes" : "no", err);
    case FIELD_INT:
        return buf_append_format(out, err, "%" PRId64, value->number + (strcmp(field->name, "slot") == 0));
    case FIELD_DATE:
    case FIELD_TIME:
        return civil_put(field, value->number, out, err);
    case FIELD_ID:
        return link_put(store, field, value->text, out, err);
    case FIELD_BYTES:
        return buf_append_format(out, err, "%zu bytes", value->text.len);
    }
    CHECK(false);
}

/* The cells of a row one after the other, each with its NUL; `starts` says where, as the buffer may move. */
struct cells {
    struct buf text;
    size_t starts[EXPORT_COLUMNS_MAX];
    size_t count;
};

static void cell_begin(struct cells *cells)
{
    cells->starts[cells->count++] = cells->text.len;
}

static enum err_code cell_end(struct cells *cells, struct error *err)
{
    return buf_append(&cells->text, "", 1, err);
}

static enum err_code cell_text(struct cells *cells, const char *text, struct error *err)
{
    cell_begin(cells);
    TRY(buf_append_text(&cells->text, text, err));
    return cell_end(cells, err);
}

static enum err_code said_put(struct cells *cells, const char *said_by, int64_t said_at_ms, struct error *err)
{
    char said_at[INSTANT_TEXT_SIZE];
    TRY(cell_text(cells, said_by, err));
    return cell_text(cells, export_instant(said_at_ms, said_at), err);
}

struct rows_out {
    struct export *export;
    struct cells cells;
};

static enum err_code row_out(void *context, const void *record, struct error *err)
{
    struct rows_out *out = context;
    struct cells *cells = &out->cells;
    const struct record_row *row = record;
    char id[2 * ROW_ID_BYTES + 1];
    const char *texts[EXPORT_COLUMNS_MAX];
    const struct kind *kind = row->record.kind;
    buf_clear(&cells->text);
    cells->count = 0;
    hex_encode(row->id.bytes, ROW_ID_BYTES, id);
    TRY(cell_text(cells, id, err));
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct value *value = &row->record.values[i];
        cell_begin(cells);
        if (value->present && sight_shows(kind, &kind->fields[i], slice_of(row->id.bytes, ROW_ID_BYTES))) {
            TRY(value_put(out->export->call->world->store, &kind->fields[i], value, &cells->text, err));
        }
        TRY(cell_end(cells, err));
    }
    TRY(said_put(cells, row->said_by, row->said_at_ms, err));
    for (size_t i = 0; i < cells->count; i++) {
        texts[i] = (const char *)cells->text.data + cells->starts[i];
    }
    return export_row(out->export, texts, err);
}

static enum err_code rows_out(struct export *export, const struct kind *kind, struct error *err)
{
    struct rows_out out = { .export = export };
    buf_init(&out.cells.text, CELLS_BYTES_MAX);
    enum err_code rc = query_records_each(export->call->world->store, kind, row_out, &out, err);
    buf_fini(&out.cells.text);
    return rc;
}

enum err_code export_records(struct export *export, const struct kind *kind, struct error *err)
{
    struct export_column columns[EXPORT_COLUMNS_MAX] = { { "id", CELL_TEXT } };
    size_t count = 1;
    CHECK(kind->field_count + 3 <= EXPORT_COLUMNS_MAX);
    for (size_t i = 0; i < kind->field_count; i++) {
        columns[count++] = (struct export_column){ kind->fields[i].name, cell_of(&kind->fields[i]) };
    }
    columns[count++] = (struct export_column){ "said_by", CELL_TEXT };
    columns[count++] = (struct export_column){ "said_at", CELL_TEXT };
    TRY(export_begin(export, columns, count, err));
    TRY(rows_out(export, kind, err));
    return export_end(export, err);
}

/* ---- events ---- */

/* What an event is about, where it is of one kind alone; else the event says of which kind it is. */
static const struct {
    uint32_t kind;
    const char *about;
    uint32_t about_kind;
} events[] = {
    { KIND_REFERRAL_EVENT, "referral", KIND_REFERRAL },
    { KIND_DOUBT_EVENT, "doubt", KIND_COMPLIANCE_DOUBT },
};

static const char *about_of(const struct kind *kind, uint32_t *ret_kind)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (events[i].kind == kind->number) {
            *ret_kind = events[i].about_kind;
            return events[i].about;
        }
    }
    return "subject";
}

static bool names_a_field(const struct kind *kind, const struct field *field)
{
    return kind->number == KIND_OVERWRITE_REVIEW && strcmp(field->name, "field") == 0;
}

/* The session's name, the ref, or the id. */
static enum err_code subject_put(struct store *store, const struct log_row *row, uint32_t about, struct buf *out,
                                 struct error *err)
{
    char text[SESSION_NAME_SIZE] = "";
    const struct kind *kind = kind_by_number(row->subject_len == OP_SESSION_BYTES ? KIND_PLACEMENT : about);
    if (kind != NULL && kind_field_index(kind, "ref") >= 0) {
        struct row_id id;
        memcpy(id.bytes, row->subject, ROW_ID_BYTES);
        TRY(query_ref(store, kind->number, &id, text, err));
    }
    if (text[0] != '\0' && row->subject_len == OP_SESSION_BYTES) {
        char ref[ROW_REF_SIZE];
        int32_t day;
        int slot;
        memcpy(ref, text, sizeof(ref));
        session_of_subject(row->subject, &day, &slot);
        session_name_format(ref, day, slot, text);
    }
    if (text[0] == '\0') {
        hex_encode(row->subject, row->subject_len, text);
    }
    return buf_append_text(out, text, err);
}

static const struct kind *kind_in(const struct record *record)
{
    int at = kind_field_index(record->kind, "kind");
    const struct value *value = at >= 0 ? &record->values[at] : NULL;
    return value != NULL && value->present ? kind_named(record->kind, &record->kind->fields[at], value->number) : NULL;
}

static enum err_code event_value_put(struct store *store, const struct log_row *row, const struct record *record,
                                     size_t i, struct buf *out, struct error *err)
{
    const struct field *field = &record->kind->fields[i];
    const struct value *value = &record->values[i];
    const struct kind *named = kind_in(record);
    if (!value->present || !sight_shows(record->kind, field, slice_of(row->subject, row->subject_len))) {
        return ERR_OK;
    }
    if (field_names_kind(record->kind, field) && named != NULL) {
        return buf_append_text(out, named->name, err);
    }
    for (size_t f = 0; names_a_field(record->kind, field) && named != NULL && f < named->field_count; f++) {
        if (named->fields[f].number == value->number) {
            return buf_append_text(out, named->fields[f].name, err);
        }
    }
    return value_put(store, field, value, out, err);
}

static enum err_code event_out(void *context, const void *event, struct error *err)
{
    struct rows_out *out = context;
    struct cells *cells = &out->cells;
    struct store *store = out->export->call->world->store;
    const struct log_row *row = event;
    const struct kind *kind = kind_by_number(row->kind);
    const char *texts[EXPORT_COLUMNS_MAX];
    struct record record;
    TRY(record_decode(kind, row->body, &record, err));
    const struct kind *named = kind_in(&record);
    uint32_t about = named != NULL ? named->number : 0;
    (void)about_of(kind, &about);
    buf_clear(&cells->text);
    cells->count = 0;
    cell_begin(cells);
    TRY(subject_put(store, row, about, &cells->text, err));
    TRY(cell_end(cells, err));
    for (size_t i = 0; i < kind->field_count; i++) {
        cell_begin(cells);
        TRY(event_value_put(store, row, &record, i, &cells->text, err));
        TRY(cell_end(cells, err));
    }
    TRY(said_put(cells, row->actor, row->recorded_at_ms, err));
    for (size_t i = 0; i < cells->count; i++) {
        texts[i] = (const char *)cells->text.data + cells->starts[i];
    }
    return export_row(out->export, texts, err);
}

enum err_code export_events(struct export *export, const struct kind *kind, struct error *err)
{
    struct rows_out out = { .export = export };
    uint32_t about;
    struct export_column columns[EXPORT_COLUMNS_MAX] = { { about_of(kind, &about), CELL_TEXT } };
    size_t count = 1;
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct field *field = &kind->fields[i];
        bool word = field_names_kind(kind, field) || names_a_field(kind, field);
        columns[count++] = (struct export_column){ field->name, word ? CELL_CODE : cell_of(field) };
    }
    columns[count++] = (struct export_column){ "said_by", CELL_TEXT };
    columns[count++] = (struct export_column){ "said_at", CELL_TEXT };
    TRY(export_begin(export, columns, count, err));
    buf_init(&out.cells.text, CELLS_BYTES_MAX);
    enum err_code rc = query_events_each(export->call->world->store, kind, event_out, &out, err);
    buf_fini(&out.cells.text);
    TRY(rc);
    return export_end(export, err);
}
