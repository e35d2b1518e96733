#include "agent/export_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/import/export_csv.h"

static const enum xlsx_type types_of_cells[] = {
    [CELL_TEXT] = XLSX_TEXT,  [CELL_CODE] = XLSX_TEXT,   [CELL_NUMBER] = XLSX_NUMBER,
    [CELL_SUM] = XLSX_NUMBER, [CELL_HOURS] = XLSX_HOURS, [CELL_DAY] = XLSX_DAY,
};

enum err_code export_format_parse(const char *text, enum export_format *ret_format, struct error *err)
{
    static const char *const names[] = { "csv", "json", "xlsx" };
    *ret_format = EXPORT_CSV;
    for (size_t i = 0; text != NULL && i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *ret_format = (enum export_format)i;
            return ERR_OK;
        }
    }
    return text == NULL ? ERR_OK : FAIL(err, INVALID, "read argument 'format': expected csv, json or xlsx");
}

static enum err_code begin_format(struct export *export, const char *const *names, struct error *err)
{
    struct api_answer *answer = export->call->answer;
    switch (export->format) {
    case EXPORT_JSON:
        return answer_list_begin(answer, NULL, "rows", err);
    case EXPORT_CSV:
        answer->content_type = "text/csv; charset=utf-8";
        return export_csv_row(&answer->body, ',', names, export->column_count, err);
    case EXPORT_XLSX:
        answer->content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        return xlsx_new(&answer->body, names, export->types, export->column_count, &export->xlsx, err);
    }
    CHECK(false);
}

enum err_code export_begin(struct export *export, const struct export_column *columns, size_t count, struct error *err)
{
    const char *names[EXPORT_COLUMNS_MAX];
    CHECK(count <= EXPORT_COLUMNS_MAX && export->tallies == NULL);
    export->columns = columns;
    export->column_count = count;
    export->tallies = calloc(count, sizeof(*export->tallies));
    if (export->tallies == NULL) {
        return FAIL(err, NO_MEMORY, "export: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = columns[i].name;
        export->types[i] = types_of_cells[columns[i].cell];
    }
    return begin_format(export, names, err);
}

static void count_word(struct export_tally *tally, const char *word)
{
    size_t at = 0;
    while (at < tally->words && strcmp(tally->counted[at].word, word) != 0) {
        at++;
    }
    if (at == tally->words && at <= EXPORT_WORDS_MAX) {
        (void)snprintf(tally->counted[at].word, ROW_CODE_SIZE, "%s", at < EXPORT_WORDS_MAX ? word : "other");
        tally->words++;
    }
    tally->counted[at < EXPORT_WORDS_MAX ? at : EXPORT_WORDS_MAX].rows++;
}

static void count_cell(struct export_tally *tally, enum export_cell cell, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    tally->said++;
    if (cell == CELL_CODE) {
        count_word(tally, text);
    } else if (cell == CELL_SUM) {
        tally->sum += strtoll(text, NULL, 10);
    } else if (cell == CELL_HOURS) {
        const char *colon = strchr(text, ':');
        tally->sum += strtoll(text, NULL, 10) * 60 + (colon != NULL ? strtoll(colon + 1, NULL, 10) : 0);
    }
}

static json_t *row_value(const struct export *export, const char *const *cells)
{
    json_t *row = json_object();
    for (size_t i = 0; i < export->column_count; i++) {
        if (json_object_set_new(row, export->columns[i].name, value_text(cells[i])) != 0) {
            json_decref(row);
            return NULL;
        }
    }
    return row;
}

/* All but the last byte, which tells answer_list_row what stands before the next row. */
static enum err_code keep_page(struct api_answer *answer, struct error *err)
{
    struct buf *body = &answer->body;
    if (body->len <= answer->spool_over) {
        return ERR_OK;
    }
    if (answer->spool == NULL) {
        TRY(spool_new(&answer->spool, err));
    }
    TRY(spool_put(answer->spool, slice_of(body->data, body->len - 1), err));
    body->data[0] = body->data[body->len - 1];
    body->len = 1;
    return ERR_OK;
}

static enum err_code keep_end(struct api_answer *answer, struct error *err)
{
    if (answer->spool == NULL) {
        return ERR_OK;
    }
    TRY(spool_put(answer->spool, buf_slice(&answer->body), err));
    buf_clear(&answer->body);
    return spool_end(answer->spool, err);
}

enum err_code export_row(struct export *export, const char *const *cells, struct error *err)
{
    struct api_answer *answer = export->call->answer;
    export->rows++;
    if (export->call->world->rows != NULL) {
        atomic_store(export->call->world->rows, export->rows);
    }
    for (size_t i = 0; i < export->column_count; i++) {
        count_cell(&export->tallies[i], export->columns[i].cell, cells[i]);
    }
    switch (export->format) {
    case EXPORT_JSON:
        TRY(answer_list_row(answer, row_value(export, cells), err));
        return keep_page(answer, err);
    case EXPORT_CSV:
        TRY(export_csv_row(&answer->body, ',', cells, export->column_count, err));
        return keep_page(answer, err);
    case EXPORT_XLSX: /* which is compressed as it grows */
        return xlsx_row(export->xlsx, cells, err);
    }
    CHECK(false);
}

/* ---- totals ---- */

static const char *const total_names[] = { "column", "value", "rows", "total", "hours" };
static const enum xlsx_type total_types[] = { XLSX_TEXT, XLSX_TEXT, XLSX_NUMBER, XLSX_NUMBER, XLSX_HOURS };

/* `sum`: NULL, or what the rows add up to, with hours in minutes. */
static enum err_code total_row(struct export *export, json_t *list, const struct export_column *column,
                               const char *word, size_t rows, const int64_t *sum, struct error *err)
{
    char count[24];
    char total[24] = "";
    char hours[32] = "";
    bool is_hours = column != NULL && column->cell == CELL_HOURS;
    (void)snprintf(count, sizeof(count), "%zu", rows);
    if (sum != NULL && is_hours) {
        (void)snprintf(hours, sizeof(hours), "%" PRId64 ":%02d", *sum / 60, (int)(*sum % 60));
    } else if (sum != NULL) {
        (void)snprintf(total, sizeof(total), "%" PRId64, *sum);
    }
    if (list == NULL) {
        const char *const cells[] = { column != NULL ? column->name : "", word, count, total, hours };
        return xlsx_row(export->xlsx, cells, err);
    }
    json_t *row = json_pack("{s:o,s:o,s:I,s:o,s:o}", "column", value_text(column != NULL ? column->name : NULL),
                            "value", value_text(word), "rows", (json_int_t)rows, "total",
                            total[0] != '\0' ? json_integer(*sum) : json_null(), "hours", value_text(hours));
    return json_array_append_new(list, row) == 0 ? ERR_OK : FAIL(err, NO_MEMORY, "export: out of memory");
}

static enum err_code total_column(struct export *export, json_t *list, size_t at, struct error *err)
{
    const struct export_tally *tally = &export->tallies[at];
    const struct export_column *column = &export->columns[at];
    for (size_t i = 0; i < tally->words; i++) {
        TRY(total_row(export, list, column, tally->counted[i].word, tally->counted[i].rows, NULL, err));
    }
    return column->cell == CELL_SUM || column->cell == CELL_HOURS
               ? total_row(export, list, column, NULL, tally->said, &tally->sum, err)
               : ERR_OK;
}

static enum err_code totals(struct export *export, json_t *list, struct error *err)
{
    TRY(total_row(export, list, NULL, NULL, export->rows, NULL, err));
    for (size_t i = 0; i < export->column_count; i++) {
        TRY(total_column(export, list, i, err));
    }
    return ERR_OK;
}

static enum err_code end_json(struct export *export, struct error *err)
{
    json_t *list = json_array();
    enum err_code rc = list != NULL ? totals(export, list, err) : FAIL(err, NO_MEMORY, "export: out of memory");
    if (rc != ERR_OK) {
        json_decref(list);
        return rc;
    }
    return answer_list_end_with(export->call->answer, "totals", list, err);
}

enum err_code export_end(struct export *export, struct error *err)
{
    if (export->format == EXPORT_JSON) {
        TRY(end_json(export, err));
    }
    if (export->format != EXPORT_XLSX) {
        return keep_end(export->call->answer, err);
    }
    TRY(xlsx_next_sheet(export->xlsx, total_names, total_types, ARRAY_LEN(total_names), err));
    TRY(totals(export, NULL, err));
    return xlsx_finish(export->xlsx, err);
}

enum err_code export_whole(bool more, struct error *err)
{
    return more ? FAIL(err, LIMIT, "export: more than %d sessions in one month", QUERY_LIMIT_MAX) : ERR_OK;
}

void export_fini(struct export *export)
{
    xlsx_free(export->xlsx);
    free(export->tallies);
    export->xlsx = NULL;
    export->tallies = NULL;
}

/* ---- cells ---- */

const char *export_number(int number, char out[EXPORT_NUMBER_SIZE])
{
    (void)snprintf(out, EXPORT_NUMBER_SIZE, "%d", number);
    return number == ROW_NONE ? "" : out;
}

const char *export_hours(int minutes, char out[EXPORT_NUMBER_SIZE])
{
    (void)snprintf(out, EXPORT_NUMBER_SIZE, "%d:%02d", minutes / 60, minutes % 60);
    return minutes == ROW_NONE ? "" : out;
}

const char *export_day(int32_t day, char out[DATE_TEXT_SIZE])
{
    if (day == ROW_NONE) {
        return "";
    }
    date_format(day, out);
    return out;
}

const char *export_instant(int64_t at_ms, char out[INSTANT_TEXT_SIZE])
{
    if (at_ms == OP_TIME_NONE) {
        return "";
    }
    instant_format(at_ms, out);
    return out;
}
