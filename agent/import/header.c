#include <stdio.h>
#include <stdlib.h>

#include "agent/import/cell.h"
#include "agent/import/result.h"

#define OWN_COLUMNS_MAX (TABLE_COLUMNS_MAX - 1)

static struct slice header_at(const struct import_result *result, size_t position)
{
    return slice_of_text(table_header(result->table, position));
}

/* The first column from `start` on that bears the exact name, or else one of the aliases. */
static size_t find(const struct import_result *result, const struct import_column *column, bool aliases, size_t start)
{
    for (size_t i = start; i < table_columns(result->table); i++) {
        struct slice header = header_at(result, i);
        if (header.len > 0 &&
            (aliases ? words_in_list(header, column->aliases) : words_same(header, slice_of_text(column->name)))) {
            return i;
        }
    }
    return NO_COLUMN;
}

static enum err_code report(struct import_result *result, size_t position, const struct import_column *column,
                            const struct finding *finding, struct error *err)
{
    return problem_add(result, table_header_line(result->table), position, column->name, finding, err);
}

static enum err_code report_missing(struct import_result *result, const struct import_column *column, struct error *err)
{
    struct finding finding = { .found = "" };
    (void)snprintf(finding.expected, sizeof(finding.expected), "a column '%s' (or: %s)", column->name, column->aliases);
    return report(result, NO_COLUMN, column, &finding, err);
}

static enum err_code report_twice(struct import_result *result, size_t column, size_t position, struct error *err)
{
    const struct import_column *shown = &result->sheet->columns[column].shown;
    struct finding finding = { .found = table_header(result->table, position) };
    (void)snprintf(finding.expected, sizeof(finding.expected), "one column only for '%s'; column %zu is one already",
                   shown->name, result->position[column] + 1);
    return report(result, position, shown, &finding, err);
}

/* The exact name goes before an alias; two of the same rank are a problem, as nobody can know which one is meant. */
static enum err_code map_column(struct import_result *result, size_t column, struct error *err)
{
    const struct import_column *shown = &result->sheet->columns[column].shown;
    bool aliases = false;
    size_t position = find(result, shown, false, 0);
    if (position == NO_COLUMN) {
        aliases = true;
        position = find(result, shown, true, 0);
    }
    result->position[column] = position;
    if (position == NO_COLUMN) {
        return shown->required ? report_missing(result, shown, err) : ERR_OK;
    }
    size_t second = find(result, shown, aliases, position + 1);
    return second == NO_COLUMN ? ERR_OK : report_twice(result, column, second, err);
}

static bool used(const struct import_result *result, size_t position)
{
    for (size_t i = 0; i < result->sheet->column_count; i++) {
        if (result->position[i] == position) {
            return true;
        }
    }
    return position == result->reject_position;
}

static enum err_code list_ignored(struct import_result *result, struct error *err)
{
    size_t columns = table_columns(result->table);
    result->ignored = calloc(columns, sizeof(*result->ignored));
    if (result->ignored == NULL) {
        return FAIL(err, NO_MEMORY, "list the columns of the file");
    }
    for (size_t i = 0; i < columns; i++) {
        if (!used(result, i) && *table_header(result->table, i) != '\0') {
            cell_show(table_header(result->table, i), result->ignored[result->ignored_count++]);
        }
    }
    return ERR_OK;
}

/* A rejected row gets one more column and must still be readable. */
static enum err_code check_widths(const struct import_result *result, struct error *err)
{
    size_t most = OWN_COLUMNS_MAX + (result->reject_position != NO_COLUMN);
    if (table_columns(result->table) > most) {
        return FAIL(err, LIMIT, "read the header in line %zu: it has more than %d columns",
                    table_header_line(result->table), OWN_COLUMNS_MAX);
    }
    for (size_t row = 0; row < table_rows(result->table); row++) {
        if (table_cells(result->table, row) > most) {
            return FAIL(err, LIMIT, "read the row that begins in line %zu: it has more than %d cells",
                        table_line(result->table, row), OWN_COLUMNS_MAX);
        }
    }
    return ERR_OK;
}

enum err_code header_map(struct import_result *result, struct error *err)
{
    static const struct import_column reject = { .name = IMPORT_REJECT_COLUMN, .aliases = "" };
    result->reject_position = find(result, &reject, false, 0);
    TRY(check_widths(result, err));
    for (size_t i = 0; i < result->sheet->column_count; i++) {
        TRY(map_column(result, i, err));
    }
    return list_ignored(result, err);
}
