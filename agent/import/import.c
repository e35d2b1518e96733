#include "agent/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "agent/import/cell.h"
#include "agent/import/result.h"

bool import_kind_parse(const char *name, enum import_kind *ret_kind)
{
    for (int kind = 0; kind < IMPORT_KINDS; kind++) {
        if (strcmp(name, sheet_of((enum import_kind)kind)->name) == 0) {
            *ret_kind = (enum import_kind)kind;
            return true;
        }
    }
    return false;
}

const char *import_kind_name(enum import_kind kind)
{
    return sheet_of(kind)->name;
}

static enum err_code keep(struct buf *list, const struct import_problem *problem, struct error *err)
{
    return list->len / sizeof(*problem) < IMPORT_PROBLEMS_KEPT ? buf_append(list, problem, sizeof(*problem), err)
                                                               : ERR_OK;
}

enum err_code problem_add(struct import_result *result, size_t line, size_t table_column, const char *name,
                          const struct finding *finding, struct error *err)
{
    struct import_problem problem = { .line = line, .name = name };
    problem.column = table_column == NO_COLUMN ? 0 : table_column + 1;
    cell_show(finding->found, problem.found);
    memcpy(problem.expected, finding->expected, sizeof(problem.expected));
    if (finding->warning) {
        result->summary.warnings++;
        return keep(&result->warnings, &problem, err);
    }
    result->summary.problems++;
    return keep(&result->problems, &problem, err);
}

static enum err_code report_row(struct import_result *result, size_t row, const struct checked_row *checked,
                                struct error *err)
{
    for (size_t i = 0; i < checked->count; i++) {
        const struct finding *finding = &checked->findings[i];
        bool whole_row = finding->column == NO_COLUMN;
        if (finding->warning && checked->problems > 0) {
            continue;
        }
        TRY(problem_add(result, table_line(result->table, row),
                        whole_row ? NO_COLUMN : result->position[finding->column],
                        whole_row ? "" : result->sheet->columns[finding->column].shown.name, finding, err));
    }
    return ERR_OK;
}

static enum err_code take_row(struct import_result *result, size_t row, struct checked_row *checked, struct error *err)
{
    row_check(result, row, checked);
    TRY(report_row(result, row, checked, err));
    if (checked->problems > 0) {
        return ERR_OK;
    }
    size_t columns = result->sheet->column_count;
    for (size_t i = 0; i < columns; i++) {
        union cell_value value = checked->values[i];
        if (result->sheet->columns[i].type == COLUMN_REASON && (checked->present >> i & 1) != 0) {
            const char *copy = (const char *)result->texts.data + result->texts.len;
            TRY(buf_append(&result->texts, value.text, strlen(value.text) + 1, err));
            value.text = copy;
        }
        result->values[row * columns + i] = value;
    }
    result->rows[row].present = checked->present;
    result->rows[row].state = ROW_GOOD;
    return ERR_OK;
}

static enum err_code take_rows(struct import_result *result, struct error *err)
{
    size_t rows = table_rows(result->table);
    buf_init(&result->texts, (rows + 1) * REASON_TEXT_SIZE);
    TRY(buf_reserve(&result->texts, result->texts.max, err));
    result->rows = calloc(rows + 1, sizeof(*result->rows));
    result->values = calloc((rows + 1) * result->sheet->column_count, sizeof(*result->values));
    result->taken = calloc(rows + 1, sizeof(*result->taken));
    SCOPED(scoped_free) struct checked_row *checked = calloc(1, sizeof(*checked));
    if (result->rows == NULL || result->values == NULL || result->taken == NULL || checked == NULL) {
        return FAIL(err, NO_MEMORY, "take %zu rows", rows);
    }
    for (size_t row = 0; row < rows; row++) {
        TRY(take_row(result, row, checked, err));
    }
    return duplicates_settle(result, err);
}

static void count_rows(struct import_result *result)
{
    struct import_summary *summary = &result->summary;
    for (size_t row = 0; row < summary->rows; row++) {
        switch (result->rows[row].state) {
        case ROW_BAD:
            summary->rejected++;
            break;
        case ROW_DUPLICATE:
            summary->duplicates++;
            break;
        case ROW_GOOD:
            result->taken[summary->good++] = (uint32_t)row;
            break;
        }
    }
}

static int by_line_then_column(const void *left, const void *right)
{
    const struct import_problem *a = left;
    const struct import_problem *b = right;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return (a->column > b->column) - (a->column < b->column);
}

static enum err_code parse(struct import_result *result, struct slice file, struct error *err)
{
    TRY(table_read(file, &result->table, err));
    result->summary.rows = table_rows(result->table);
    result->summary.delimiter = table_delimiter(result->table);
    result->summary.encoding = table_encoding(result->table);
    TRY(header_map(result, err));
    if (result->summary.problems > 0) {
        result->summary.refused = true;
        return ERR_OK;
    }
    TRY(take_rows(result, err));
    count_rows(result);
    result->summary.refused = result->summary.problems > 0 && !result->options.partial;
    if (result->problems.len > 0) {
        qsort(result->problems.data, import_problem_count(result), sizeof(struct import_problem), by_line_then_column);
    }
    return result->options.partial && result->summary.rejected > 0 ? reject_write(result, err) : ERR_OK;
}

enum err_code import_parse(enum import_kind kind, struct slice file, const struct import_options *options,
                           struct import_result **ret_result, struct error *err)
{
    struct import_result *result = calloc(1, sizeof(*result));
    if (result == NULL) {
        return FAIL(err, NO_MEMORY, "make an import");
    }
    result->sheet = sheet_of(kind);
    result->options = *options;
    buf_init(&result->problems, IMPORT_PROBLEMS_KEPT * sizeof(struct import_problem));
    buf_init(&result->warnings, IMPORT_PROBLEMS_KEPT * sizeof(struct import_problem));
    buf_init(&result->reject, TABLE_FILE_BYTES_MAX);
    enum err_code rc = parse(result, file, err);
    if (rc != ERR_OK) {
        import_free(result);
        return rc;
    }
    *ret_result = result;
    return ERR_OK;
}

void import_free(struct import_result *result)
{
    if (result == NULL) {
        return;
    }
    table_free(result->table);
    free(result->rows);
    free(result->values);
    free(result->taken);
    free(result->ignored);
    buf_fini(&result->texts);
    buf_fini(&result->problems);
    buf_fini(&result->warnings);
    buf_fini(&result->reject);
    free(result);
}

struct import_summary import_summary(const struct import_result *result)
{
    return result->summary;
}

size_t import_row_count(const struct import_result *result)
{
    return result->summary.refused ? 0 : result->summary.good;
}

static uint32_t taken_row(const struct import_result *result, size_t row)
{
    CHECK(row < import_row_count(result));
    return result->taken[row];
}

size_t import_line(const struct import_result *result, size_t row)
{
    return table_line(result->table, taken_row(result, row));
}

/* NULL when the row has no such value. */
static const union cell_value *value_of(const struct import_result *result, size_t row, size_t column)
{
    uint32_t taken = taken_row(result, row);
    bool present = (result->rows[taken].present >> column & 1) != 0;
    return present ? &result->values[taken * result->sheet->column_count + column] : NULL;
}

const char *import_text(const struct import_result *result, size_t row, const char *name)
{
    size_t column = sheet_column(result->sheet, name);
    CHECK(!value_is_number(result->sheet->columns[column].type));
    const union cell_value *value = value_of(result, row, column);
    return value == NULL ? NULL : value->text;
}

bool import_int(const struct import_result *result, size_t row, const char *name, int64_t *ret_value)
{
    size_t column = sheet_column(result->sheet, name);
    CHECK(value_is_number(result->sheet->columns[column].type));
    const union cell_value *value = value_of(result, row, column);
    if (value == NULL) {
        return false;
    }
    *ret_value = value->number;
    return true;
}

static const struct import_problem *problem_in(const struct buf *list, size_t index)
{
    CHECK(index < list->len / sizeof(struct import_problem));
    return (const struct import_problem *)(const void *)list->data + index;
}

size_t import_problem_count(const struct import_result *result)
{
    return result->problems.len / sizeof(struct import_problem);
}

const struct import_problem *import_problem_at(const struct import_result *result, size_t index)
{
    return problem_in(&result->problems, index);
}

size_t import_warning_count(const struct import_result *result)
{
    return result->warnings.len / sizeof(struct import_problem);
}

const struct import_problem *import_warning_at(const struct import_result *result, size_t index)
{
    return problem_in(&result->warnings, index);
}

size_t import_ignored_count(const struct import_result *result)
{
    return result->ignored_count;
}

const char *import_ignored_at(const struct import_result *result, size_t index)
{
    CHECK(index < result->ignored_count);
    return result->ignored[index];
}

struct slice import_reject_file(const struct import_result *result)
{
    return buf_slice(&result->reject);
}

size_t import_column_count(enum import_kind kind)
{
    return sheet_of(kind)->column_count;
}

const struct import_column *import_column_at(enum import_kind kind, size_t index)
{
    CHECK(index < sheet_of(kind)->column_count);
    return &sheet_of(kind)->columns[index].shown;
}
