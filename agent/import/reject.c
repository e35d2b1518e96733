#include <string.h>

#include "agent/import/cell.h"
#include "agent/import/export_csv.h"
#include "agent/import/result.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

static enum err_code append_reason(struct import_result *result, const struct finding *finding, struct buf *out,
                                   struct error *err)
{
    char found[IMPORT_FOUND_SIZE];
    cell_show(finding->found, found);
    const char *name = finding->column == NO_COLUMN ? "row" : result->sheet->columns[finding->column].shown.name;
    TRY(buf_append_text(out, out->len == 0 ? "" : " | ", err));
    if (*found == '\0') {
        return buf_append_format(out, err, "%s: empty; expected %s", name, finding->expected);
    }
    return buf_append_format(out, err, "%s: '%s'; expected %s", name, found, finding->expected);
}

/* The findings of the row, made again: keeping them for every row would cost more than finding them twice. */
static enum err_code reasons_of(struct import_result *result, size_t row, struct buf *out, struct error *err)
{
    struct finding conflict;
    struct checked_row checked;
    if (result->rows[row].conflicts_with != 0) {
        conflict_describe(result, row, &conflict);
        TRY(append_reason(result, &conflict, out, err));
    } else {
        row_check(result, row, &checked);
        for (size_t i = 0; i < checked.count; i++) {
            if (!checked.findings[i].warning && out->len < TABLE_CELL_BYTES_MAX / 2) {
                TRY(append_reason(result, &checked.findings[i], out, err));
            }
        }
    }
    return buf_append(out, "", 1, err);
}

/*
 * The cells as they were, with `last` in the reject column, which is the first behind the header's own unless the file
 * is a reject file already. Cells beyond the header come last, so that a row with too many cells still has too many.
 */
static enum err_code write_row(struct import_result *result, const char *const *cells, size_t count, const char *last,
                               struct error *err)
{
    const char *row[TABLE_COLUMNS_MAX + 1] = { NULL };
    size_t columns = table_columns(result->table);
    bool replace = result->reject_position != NO_COLUMN;
    for (size_t i = 0; i < count; i++) {
        row[i < columns || replace ? i : i + 1] = cells[i];
    }
    row[replace ? result->reject_position : columns] = last;
    size_t width = (count > columns ? count : columns) + (replace ? 0 : 1);
    CHECK(width <= TABLE_COLUMNS_MAX);
    return export_csv_row(&result->reject, table_delimiter(result->table), row, width, err);
}

static enum err_code write_header(struct import_result *result, struct error *err)
{
    const char *cells[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < table_columns(result->table); i++) {
        cells[i] = table_header(result->table, i);
    }
    TRY(buf_append_text(&result->reject, BYTE_ORDER_MARK, err));
    return write_row(result, cells, table_columns(result->table), IMPORT_REJECT_COLUMN, err);
}

static enum err_code write_rejected(struct import_result *result, size_t row, struct buf *reason, struct error *err)
{
    const char *cells[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < table_cells(result->table, row); i++) {
        cells[i] = table_cell(result->table, row, i);
    }
    buf_clear(reason);
    TRY(reasons_of(result, row, reason, err));
    return write_row(result, cells, table_cells(result->table, row), (const char *)reason->data, err);
}

static enum err_code write_all(struct import_result *result, struct buf *reason, struct error *err)
{
    TRY(write_header(result, err));
    for (size_t row = 0; row < table_rows(result->table); row++) {
        if (result->rows[row].state == ROW_BAD) {
            TRY(write_rejected(result, row, reason, err));
        }
    }
    return ERR_OK;
}

enum err_code reject_write(struct import_result *result, struct error *err)
{
    struct buf reason;
    buf_init(&reason, TABLE_CELL_BYTES_MAX);
    enum err_code rc = write_all(result, &reason, err);
    buf_fini(&reason);
    return rc == ERR_OK ? rc : error_wrap(err, rc, "write the file of rejected rows");
}
