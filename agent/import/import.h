/*
 * agent/import/import - the spreadsheets that charities have, as checked rows of referrals, placements or a register.
 *
 * Columns are found by the header's words: any order, any of the aliases in sheet.c; capitals, spaces and punctuation
 * do not matter; other columns are ignored and listed. Every cell is checked against its column's type. Nothing is
 * guessed: a word that is not in the alias table is a problem with line, column, what was found and what is expected.
 *
 *   whole (default)   any problem: the file is refused, import_row_count() is 0
 *   partial           good rows are kept; each other row is in import_reject_file(), in the shape of the input with one
 * more column IMPORT_REJECT_COLUMN, to be repaired and imported again. A problem of the header refuses all.
 *
 * Rows with the same key (ref; placement, date and slot in a register): same content counts as a duplicate and is taken
 * once; different content is a problem of each of them that names the line of the other.
 *
 * Values of a good row, by the column's stable name (import_column_at tells them):
 *
 *   type      import_text                                        import_int
 *   text      the text                                           -
 *   code      the stable name ("absent_with_notice")             -
 *   reason    lower case, words joined by "_"                    -
 *   pattern   the text, accepted by options.pattern_valid        -
 *   date      -                                                  day number since 1970-01-01
 *   hours     -                                                  minutes
 *   integer   -                                                  the number (slot: 1 is the first)
 *
 * The same bytes, options and programme always give the same result. No I/O. Problems hold what the person's file
 * holds: show them to that person only, never log them.
 *
 * Ownership:  import_free releases all; texts live as long as the result.
 * Limits:     those of table.h; IMPORT_PROBLEMS_KEPT problems and as many warnings are kept, all are counted.
 * Layer:      agent. Uses base and the programme pack; the weekly pattern is checked by the caller's function.
 */
#ifndef AGENT_IMPORT_IMPORT_H
#define AGENT_IMPORT_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/import/table.h"
#include "store/programme/programme.h"

enum import_kind { IMPORT_REFERRALS, IMPORT_PLACEMENTS, IMPORT_REGISTER };

#define IMPORT_KINDS 3
#define IMPORT_NO_DATE INT32_MAX
#define IMPORT_PROBLEMS_KEPT 1000
#define IMPORT_FOUND_SIZE 165 /* 40 characters of UTF-8, "..." and NUL */
#define IMPORT_EXPECTED_SIZE 400
#define IMPORT_REJECT_COLUMN "reject_reason"

struct import_options {
    const struct programme *programme; /* its routes and limits; NULL: the built-in one */
    bool partial;
    bool unknown_code; /* reasons that are no codes of the programme are meant; else they are problems */
    int32_t today; /* later register and received dates are problems; IMPORT_NO_DATE leaves that out */
    bool (*pattern_valid)(const char *text, void *context);  /* NULL takes any text */
    bool (*placement_known)(const char *ref, void *context); /* for a register; NULL takes any ref */
    void *context;
};

struct import_result;

/* "referrals", "placements", "register" */
bool import_kind_parse(const char *name, enum import_kind *ret_kind);
const char *import_kind_name(enum import_kind kind);

/*
 * ERR_OK also when there are problems: they are in the result. ERR_INVALID and ERR_LIMIT when the file as such cannot
 * be read (encoding, quotes, limits); the message says where and never holds the file's text.
 */
MUST_USE enum err_code import_parse(enum import_kind kind, struct slice file, const struct import_options *options,
                                    struct import_result **ret_result, struct error *err);
void import_free(struct import_result *result); /* NULL is allowed */

struct import_summary {
    size_t rows;       /* of the file, without header and blank rows */
    size_t good;       /* rows without a problem, duplicates left out: in a refused file, what would have been taken */
    size_t duplicates; /* rows that say what an earlier row said */
    size_t rejected;   /* rows with a problem */
    size_t problems;   /* of rows and header, all of them */
    size_t warnings;   /* of good rows: taken, but worth a look */
    bool refused;      /* nothing is taken */
    char delimiter;
    enum text_encoding encoding;
};
struct import_summary import_summary(const struct import_result *result);

/* Rows to take: 0 when refused, else summary.good. In the order of the file. */
size_t import_row_count(const struct import_result *result);
size_t import_line(const struct import_result *result, size_t row);

/* `name` must be a column of the kind. NULL or false when the cell is empty and the column has no default. */
const char *import_text(const struct import_result *result, size_t row, const char *name);
bool import_int(const struct import_result *result, size_t row, const char *name, int64_t *ret_value);

struct import_problem {
    size_t line;
    size_t column;                       /* the first is 1; 0 for the row or the header as a whole */
    const char *name;                    /* the column's stable name; "" for the row as a whole */
    char found[IMPORT_FOUND_SIZE];       /* cut to 40 characters, control characters shown as '?' */
    char expected[IMPORT_EXPECTED_SIZE]; /* in words, with an example */
};

/* Kept ones, in the order of lines; the count may be less than summary.problems. */
size_t import_problem_count(const struct import_result *result);
const struct import_problem *import_problem_at(const struct import_result *result, size_t index);
size_t import_warning_count(const struct import_result *result);
const struct import_problem *import_warning_at(const struct import_result *result, size_t index);

/* Headers of columns that no column of the kind has for a name, cleaned like `found`. */
size_t import_ignored_count(const struct import_result *result);
const char *import_ignored_at(const struct import_result *result, size_t index);

/* UTF-8 with byte order mark; empty unless partial and rows were rejected. */
struct slice import_reject_file(const struct import_result *result);

/* What the kind's columns are, for help texts and the page. */
struct import_column {
    const char *name;
    const char *aliases; /* "reference, ref no"; "" if there are none */
    bool required;
    const char *help; /* what belongs into it */
};
size_t import_column_count(enum import_kind kind);
const struct import_column *import_column_at(enum import_kind kind, size_t index);

#endif
