#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/import/result.h"

static const union cell_value *values_of(const struct import_result *result, uint32_t row)
{
    return &result->values[(size_t)row * result->sheet->column_count];
}

static int compare_values(enum column_type type, union cell_value a, union cell_value b)
{
    if (value_is_number(type)) {
        return (a.number > b.number) - (a.number < b.number);
    }
    return strcmp(a.text, b.text);
}

/* Key columns are required or have a default, so good rows have them all. */
static int compare_keys(const struct import_result *result, uint32_t a, uint32_t b)
{
    for (const char *const *name = result->sheet->key; *name != NULL; name++) {
        size_t column = sheet_column(result->sheet, *name);
        int order = compare_values(result->sheet->columns[column].type, values_of(result, a)[column],
                                   values_of(result, b)[column]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static int by_key_then_row(const void *left, const void *right, void *context)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    int order = compare_keys(context, a, b);
    return order != 0 ? order : (a > b) - (a < b);
}

static bool same_content(const struct import_result *result, uint32_t a, uint32_t b)
{
    uint32_t present = result->rows[a].present;
    if (present != result->rows[b].present) {
        return false;
    }
    for (size_t column = 0; column < result->sheet->column_count; column++) {
        if ((present >> column & 1) != 0 &&
            compare_values(result->sheet->columns[column].type, values_of(result, a)[column],
                           values_of(result, b)[column]) != 0) {
            return false;
        }
    }
    return true;
}

/* `group` has the rows of one key in the order of the file. */
static void settle_group(struct import_result *result, const uint32_t *group, size_t count)
{
    uint32_t first = group[0];
    uint32_t other = first; /* the first row that says something else */
    for (size_t i = 1; i < count && other == first; i++) {
        other = same_content(result, first, group[i]) ? first : group[i];
    }
    for (size_t i = other == first ? 1 : 0; i < count; i++) {
        struct row *row = &result->rows[group[i]];
        if (other == first) {
            row->state = ROW_DUPLICATE;
            continue;
        }
        bool like_first = same_content(result, first, group[i]);
        row->state = ROW_BAD;
        row->conflicts_with = (uint32_t)table_line(result->table, like_first ? other : first);
    }
}

void conflict_describe(const struct import_result *result, size_t row, struct finding *out)
{
    size_t column = sheet_column(result->sheet, result->sheet->key[0]);
    *out = (struct finding){ .column = column, .found = table_cell(result->table, row, result->position[column]) };
    (void)snprintf(out->expected, sizeof(out->expected),
                   "one row only for each %s; line %u says something else about the same", result->sheet->key_words,
                   result->rows[row].conflicts_with);
}

static enum err_code report_conflicts(struct import_result *result, struct error *err)
{
    for (size_t row = 0; row < table_rows(result->table); row++) {
        if (result->rows[row].conflicts_with != 0) {
            struct finding finding;
            conflict_describe(result, row, &finding);
            TRY(problem_add(result, table_line(result->table, row), result->position[finding.column],
                            result->sheet->columns[finding.column].shown.name, &finding, err));
        }
    }
    return ERR_OK;
}

enum err_code duplicates_settle(struct import_result *result, struct error *err)
{
    size_t rows = table_rows(result->table);
    SCOPED(scoped_free) uint32_t *order = calloc(rows + 1, sizeof(*order));
    if (order == NULL) {
        return FAIL(err, NO_MEMORY, "compare %zu rows", rows);
    }
    size_t count = 0;
    for (size_t row = 0; row < rows; row++) {
        if (result->rows[row].state == ROW_GOOD) {
            order[count++] = (uint32_t)row;
        }
    }
    qsort_r(order, count, sizeof(*order), by_key_then_row, result);
    for (size_t start = 0, end; start < count; start = end) {
        end = start + 1;
        while (end < count && compare_keys(result, order[start], order[end]) == 0) {
            end++;
        }
        settle_group(result, order + start, end - start);
    }
    return report_conflicts(result, err);
}
