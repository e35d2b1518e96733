#include "agent/export_records.h"
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

static enum err_code said_put(struct cells *cells, const struct record_row *row, struct error *err)
{
    char said_at[INSTANT_TEXT_SIZE] = "";
    if (row->said_at_ms != OP_TIME_NONE) {
        instant_format(row->said_at_ms, said_at);
    }
    TRY(cell_text(cells, row->said_by, err));
    return cell_text(cells, said_at, err);
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
    TRY(said_put(cells, row, err));
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
