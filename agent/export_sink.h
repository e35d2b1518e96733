/*
 * agent/export_sink - rows of an export as CSV that import takes again, as JSON, or as an XLSX workbook, and their
 * totals.
 *
 * Totals count what was written: all rows, the rows of each word of a CELL_CODE column, and the sum of a CELL_SUM or
 * CELL_HOURS column. They are a sheet of the workbook and a member of the JSON; CSV is rows only.
 *
 * Ownership:  the caller owns the sink until export_fini; the columns are borrowed.
 * Limits:     EXPORT_COLUMNS_MAX columns; EXPORT_WORDS_MAX words of a column are counted, the rest as "other".
 * Layer:      agent.
 */
#ifndef AGENT_EXPORT_SINK_H
#define AGENT_EXPORT_SINK_H

#include "agent/api_call.h"
#include "agent/import/export_xlsx.h"

#define EXPORT_COLUMNS_MAX 24
#define EXPORT_WORDS_MAX 40

enum export_cell {
    CELL_TEXT,
    CELL_CODE,   /* one of a few words */
    CELL_NUMBER, /* not one to add up */
    CELL_SUM,
    CELL_HOURS, /* h:mm */
    CELL_DAY,
};

struct export_column {
    const char *name;
    enum export_cell cell;
};

enum export_format { EXPORT_CSV, EXPORT_JSON, EXPORT_XLSX };

struct export_tally {
    size_t said; /* rows in which the cell was not empty */
    int64_t sum; /* hours in minutes */
    size_t words;
    struct {
        char word[ROW_CODE_SIZE];
        size_t rows;
    } counted[EXPORT_WORDS_MAX + 1]; /* the last one: other */
};

struct export
{
    struct api_call *call;
    enum export_format format;
    const struct export_column *columns;
    size_t column_count;
    size_t rows;
    struct xlsx *xlsx;
    enum xlsx_type types[EXPORT_COLUMNS_MAX];
    struct export_tally *tallies; /* of each column */
};

/* "csv", "json", "xlsx"; NULL is csv. */
MUST_USE enum err_code export_format_parse(const char *text, enum export_format *ret_format, struct error *err);

MUST_USE enum err_code export_begin(struct export *export, const struct export_column *columns, size_t count,
                                    struct error *err);
MUST_USE enum err_code export_row(struct export *export, const char *const *cells, struct error *err);
MUST_USE enum err_code export_end(struct export *export, struct error *err);
/* A page that is not whole is an error, never a file that looks whole. */
MUST_USE enum err_code export_whole(bool more, struct error *err);
void export_fini(struct export *export);

/* Texts of cells, "" for what was not said. */
#define EXPORT_NUMBER_SIZE 24
const char *export_number(int number, char out[EXPORT_NUMBER_SIZE]);
const char *export_hours(int minutes, char out[EXPORT_NUMBER_SIZE]);
const char *export_day(int32_t day, char out[DATE_TEXT_SIZE]);
const char *export_instant(int64_t at_ms, char out[INSTANT_TEXT_SIZE]);

#endif
