#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/import/cell.h"
#include "agent/import/result.h"
#include "base/ni_number.h"

struct cell {
    const struct import_result *result;
    size_t column; /* of the sheet */
    const char *text;
};

static const struct column *column_of(const struct cell *cell)
{
    return &cell->result->sheet->columns[cell->column];
}

static void PRINTF_LIKE(4, 5) note(struct checked_row *out, size_t column, const char *found, const char *expected, ...)
{
    CHECK(out->count < ROW_FINDINGS_MAX);
    struct finding *finding = &out->findings[out->count++];
    *finding = (struct finding){ .column = column, .found = found };
    va_list args;
    va_start(args, expected);
    (void)vsnprintf(finding->expected, sizeof(finding->expected), expected, args);
    va_end(args);
    out->problems++;
}

static void refuse(struct checked_row *out, const struct cell *cell)
{
    note(out, cell->column, cell->text, "%s", column_of(cell)->shown.help);
}

static void put_number(struct checked_row *out, size_t column, int64_t number)
{
    out->values[column].number = number;
    out->present |= UINT32_C(1) << column;
}

static void put_text(struct checked_row *out, size_t column, const char *text)
{
    out->values[column].text = text;
    out->present |= UINT32_C(1) << column;
}

static bool has(const struct checked_row *row, size_t column)
{
    return (row->present >> column & 1) != 0;
}

static void check_number(struct checked_row *out, const struct cell *cell)
{
    const struct column *column = column_of(cell);
    int64_t number;
    bool is = column->type == COLUMN_HOURS ? cell_hours(cell->text, &number) : cell_integer(cell->text, &number);
    if (!is || number < column->low || number > column->high) {
        refuse(out, cell);
        return;
    }
    put_number(out, cell->column, number);
}

static bool names_person(const struct column *column)
{
    return column->type == COLUMN_REF || strcmp(column->shown.name, "name") == 0;
}

static void check_text(struct checked_row *out, const struct cell *cell)
{
    const struct column *column = column_of(cell);
    const struct import_options *options = &cell->result->options;
    if (strlen(cell->text) > (size_t)column->high) {
        note(out, cell->column, cell->text, "at most %d bytes of text", (int)column->high);
    } else if (cell_has_control(cell->text)) {
        note(out, cell->column, cell->text, "text without control characters");
    } else if (column->type == COLUMN_REF && strpbrk(cell->text, "@\t\n") != NULL) {
        refuse(out, cell);
    } else if (names_person(column) && ni_number_within(slice_of_text(cell->text))) {
        note(out, cell->column, cell->text, "no National Insurance number, which this looks like");
    } else if (column->type == COLUMN_PATTERN && options->pattern_valid != NULL &&
               !options->pattern_valid(cell->text, options->context)) {
        refuse(out, cell);
    } else if (cell->result->sheet == sheet_of(IMPORT_REGISTER) && column->type == COLUMN_REF &&
               options->placement_known != NULL && !options->placement_known(cell->text, options->context)) {
        note(out, cell->column, cell->text,
             "the reference of a placement that is recorded here; import placements first");
    } else {
        put_text(out, cell->column, cell->text);
    }
}

static const struct programme *programme_of(const struct import_result *result)
{
    return result->options.programme == NULL ? programme_default() : result->options.programme;
}

/* A word that says the reason as well gives way to a reason that the row itself has. */
static void check_code(struct checked_row *out, const struct cell *cell)
{
    const struct code_word *word = cell_code(column_of(cell)->words, cell->text);
    if (word == NULL) {
        refuse(out, cell);
        return;
    }
    put_text(out, cell->column, word->code);
    if (word->reason != NULL) {
        put_text(out, sheet_column(cell->result->sheet, "reason"), word->reason);
    }
}

/* By its code, its name in either language, or another name that the pack knows. */
static bool route_is(const struct programme *programme, const char *code, struct slice text)
{
    for (int language = 0; language < LANGUAGE_COUNT; language++) {
        const char *label = programme_label(programme, LABEL_ROUTE, code, (enum language)language);
        if (words_same(text, slice_of_text(label))) {
            return true;
        }
    }
    return words_same(text, slice_of_text(code)) || words_in_list(text, programme_route_also(programme, code));
}

static void check_route(struct checked_row *out, const struct cell *cell)
{
    const struct programme *programme = programme_of(cell->result);
    char known[IMPORT_EXPECTED_SIZE / 2] = "";
    size_t len = 0;
    const char *code;
    for (size_t i = 0; (code = programme_code_at(programme, LABEL_ROUTE, i)) != NULL; i++) {
        if (route_is(programme, code, slice_of_text(cell->text))) {
            put_text(out, cell->column, code);
            return;
        }
        const char *label = programme_label(programme, LABEL_ROUTE, code, LANGUAGE_ENGLISH);
        int more = snprintf(known + len, sizeof(known) - len, "%s%s (%s)", i == 0 ? "" : ", ", code, label);
        if (more > 0 && (size_t)more < sizeof(known) - len) {
            len += (size_t)more;
        } else {
            known[len] = '\0';
        }
    }
    note(out, cell->column, cell->text, "a route of the programme: %s", known);
}

static void check_reason(struct checked_row *out, const struct cell *cell)
{
    const struct code_word *word = cell_code(column_of(cell)->words, cell->text);
    if (word != NULL) {
        put_text(out, cell->column, word->code);
    } else if (cell_reason(cell->text, out->reason)) {
        put_text(out, cell->column, out->reason);
    } else {
        refuse(out, cell);
    }
}

static void check_cell(struct checked_row *out, const struct cell *cell)
{
    int32_t day;
    switch (column_of(cell)->type) {
    case COLUMN_TEXT:
    case COLUMN_REF:
    case COLUMN_PATTERN:
        check_text(out, cell);
        break;
    case COLUMN_CODE:
        check_code(out, cell);
        break;
    case COLUMN_ROUTE:
        check_route(out, cell);
        break;
    case COLUMN_CODE_OR_TEXT:
        if (cell_code(column_of(cell)->words, cell->text) != NULL) {
            check_code(out, cell);
        } else {
            check_text(out, cell);
        }
        break;
    case COLUMN_REASON:
        check_reason(out, cell);
        break;
    case COLUMN_DATE:
        if (cell_date(cell->text, &day)) {
            put_number(out, cell->column, day);
        } else {
            refuse(out, cell);
        }
        break;
    case COLUMN_HOURS:
    case COLUMN_INTEGER:
        check_number(out, cell);
        break;
    }
}

static const char *cell_text(const struct import_result *result, size_t row, size_t column)
{
    size_t position = result->position[column];
    return position == NO_COLUMN ? "" : table_cell(result->table, row, position);
}

static void check_cells(const struct import_result *result, size_t row, struct checked_row *out)
{
    for (size_t i = 0; i < result->sheet->column_count; i++) {
        const struct column *column = &result->sheet->columns[i];
        struct cell cell = { .result = result, .column = i, .text = cell_text(result, row, i) };
        if (*cell.text == '\0' && column->shown.required) {
            refuse(out, &cell);
            continue;
        }
        if (*cell.text == '\0') {
            cell.text = column->default_value;
        }
        if (cell.text != NULL) {
            check_cell(out, &cell);
        }
    }
}

/* What the columns say together, once each is good. */

static void check_not_after_today(const struct import_result *result, size_t row, const char *name,
                                  struct checked_row *out)
{
    size_t column = sheet_column(result->sheet, name);
    if (result->options.today != IMPORT_NO_DATE && has(out, column) &&
        out->values[column].number > result->options.today) {
        note(out, column, cell_text(result, row, column), "a date that is not after today");
    }
}

static void check_placement(const struct import_result *result, size_t row, struct checked_row *out)
{
    size_t starts = sheet_column(result->sheet, "starts_on");
    size_t ends = sheet_column(result->sheet, "ends_on");
    if (!has(out, starts) || !has(out, ends)) {
        return;
    }
    int weeks = programme_rules_of(programme_of(result))->scheme_weeks_max;
    int64_t days = out->values[ends].number - out->values[starts].number;
    if (days < 0) {
        note(out, ends, cell_text(result, row, ends), "a date that is not before starts_on");
    } else if (days >= 7 * weeks) {
        note(out, ends, cell_text(result, row, ends), "at most %d weeks from starts_on; check the date", weeks);
        out->findings[out->count - 1].warning = true;
        out->problems--;
    }
}

/* It is a code of the programme, or was said to be meant; the reason of a row, or else the one that its outcome brings.
 */
static void check_reason_known(const struct import_result *result, size_t row, struct checked_row *out)
{
    const struct programme *programme = programme_of(result);
    size_t reason = sheet_column(result->sheet, "reason");
    if (result->options.unknown_code || !has(out, reason) ||
        programme_label(programme, LABEL_REASON, out->values[reason].text, LANGUAGE_ENGLISH) != NULL) {
        return;
    }
    bool own = *cell_text(result, row, reason) != '\0';
    size_t column = own ? reason : sheet_column(result->sheet, "outcome");
    const char *near = programme_code_near(programme, LABEL_REASON, out->values[reason].text);
    note(out, column, cell_text(result, row, column),
         "%s that is a code of the programme ('holdfast pack show')%s%s%s; where it is meant, the same import with "
         "--yes (unknown_code) records it, and it explains nothing by itself",
         own ? "a reason" : "a word for a reason", near != NULL ? ", such as '" : "", near != NULL ? near : "",
         near != NULL ? "'" : "");
}

/* Minutes and hours are one value, which `minutes` holds; it must fit the outcome. */
static void check_register(const struct import_result *result, size_t row, struct checked_row *out)
{
    const struct sheet *sheet = result->sheet;
    size_t minutes = sheet_column(sheet, "minutes");
    size_t hours = sheet_column(sheet, "hours");
    size_t outcome = sheet_column(sheet, "outcome");
    check_not_after_today(result, row, "date", out);
    check_reason_known(result, row, out);
    if (has(out, hours) && has(out, minutes) && out->values[hours].number != out->values[minutes].number) {
        note(out, hours, cell_text(result, row, hours), "the same time as in minutes, or one of the two left empty");
        return;
    }
    size_t said = has(out, minutes) ? minutes : hours;
    if (!has(out, said)) {
        return;
    }
    put_number(out, minutes, out->values[said].number);
    if (!has(out, outcome)) {
        return;
    }
    const char *code = out->values[outcome].text;
    bool worked = out->values[said].number > 0;
    if (worked && strncmp(code, "absent", 6) == 0) {
        note(out, said, cell_text(result, row, said), "0 or nothing, as the outcome is %s", code);
    } else if (!worked &&
               (strcmp(code, "attended") == 0 || strcmp(code, "late") == 0 || strcmp(code, "left_early") == 0)) {
        note(out, said, cell_text(result, row, said), "more than 0 or nothing, as the outcome is %s", code);
    }
}

void row_check(const struct import_result *result, size_t row, struct checked_row *out)
{
    out->present = 0;
    out->problems = 0;
    out->count = 0;
    size_t cells = table_cells(result->table, row);
    size_t columns = table_columns(result->table);
    if (cells != columns) {
        (void)snprintf(out->found, sizeof(out->found), "%zu cells", cells);
        note(out, NO_COLUMN, out->found,
             "%zu cells, as many as the header has; is a quote or a delimiter missing or too many?", columns);
        return;
    }
    check_cells(result, row, out);
    if (result->sheet == sheet_of(IMPORT_REFERRALS)) {
        check_not_after_today(result, row, "received_on", out);
    } else if (result->sheet == sheet_of(IMPORT_PLACEMENTS)) {
        check_placement(result, row, out);
    } else {
        check_register(result, row, out);
    }
}
