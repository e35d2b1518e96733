/*
 * agent/import/result - what import_parse builds, shared by the files of this folder.
 *
 *   table ─► header_map ─► row_check (each row) ─► duplicates_settle ─► reject_write
 *
 * Layer: agent, inside import. Uses base only.
 */
#ifndef AGENT_IMPORT_RESULT_H
#define AGENT_IMPORT_RESULT_H

#include "agent/import/sheet.h"

#define NO_COLUMN SIZE_MAX
#define ROW_FINDINGS_MAX (SHEET_COLUMNS_MAX + 4)

enum row_state { ROW_BAD, ROW_GOOD, ROW_DUPLICATE };

/* A value is a number or a text by its column's type; `present` has one bit a column. */
union cell_value {
    int64_t number;
    const char *text;
};

struct row {
    uint32_t present;
    uint32_t conflicts_with; /* line of a row with the same key and other content; 0 for none */
    enum row_state state;
};

struct import_result {
    const struct sheet *sheet;
    struct import_options options;
    struct table *table;
    size_t position[SHEET_COLUMNS_MAX]; /* the table's column of each of the sheet's; NO_COLUMN */
    size_t reject_position;             /* the table's reject column; NO_COLUMN */

    struct row *rows;         /* of each of the table's rows */
    union cell_value *values; /* column_count of each row */
    struct buf texts;         /* values that are not cells as they stand; reserved once, so it never moves */
    uint32_t *taken;          /* rows of the table to take */
    struct import_summary summary;

    struct buf problems; /* struct import_problem */
    struct buf warnings;
    struct buf reject;
    char (*ignored)[IMPORT_FOUND_SIZE];
    size_t ignored_count;
};

/* Something to say about a cell, or about the row (column NO_COLUMN). */
struct finding {
    size_t column; /* of the sheet */
    bool warning;
    const char *found;
    char expected[IMPORT_EXPECTED_SIZE];
};

struct checked_row {
    uint32_t present;
    union cell_value values[SHEET_COLUMNS_MAX];
    char reason[41]; /* what values[reason].text points to */
    char found[64];  /* what a finding about the whole row points to */
    size_t problems;
    size_t count;
    struct finding findings[ROW_FINDINGS_MAX];
};

/* Finds the columns; problems of the header go to the result. */
MUST_USE enum err_code header_map(struct import_result *result, struct error *err);

/* Judges one row of the table by itself. Texts point into the table, to literals, or into `out`. */
void row_check(const struct import_result *result, size_t row, struct checked_row *out);

/* Finds good rows with the same key: the later ones become duplicates or, with other content, all of them bad. */
MUST_USE enum err_code duplicates_settle(struct import_result *result, struct error *err);

/* The finding of a row that conflicts_with another. */
void conflict_describe(const struct import_result *result, size_t row, struct finding *out);

/* Writes the bad rows with their reasons. */
MUST_USE enum err_code reject_write(struct import_result *result, struct error *err);

/* Counts a problem and keeps it if there is room. */
MUST_USE enum err_code problem_add(struct import_result *result, size_t line, size_t table_column, const char *name,
                                   const struct finding *finding, struct error *err);

static inline bool value_is_number(enum column_type type)
{
    return type == COLUMN_DATE || type == COLUMN_HOURS || type == COLUMN_INTEGER;
}

#endif
