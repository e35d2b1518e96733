/*
 * agent/import/sheet - the columns of each kind of file, and the words that people write for codes.
 *
 * This table is the whole vocabulary: a column or a word that should be understood is added here and nowhere else,
 * together with its words in packaging/sample/README.md.
 *
 * Layer: agent, inside import. Uses base only.
 */
#ifndef AGENT_IMPORT_SHEET_H
#define AGENT_IMPORT_SHEET_H

#include "agent/import/import.h"

#define SHEET_COLUMNS_MAX 16

enum column_type {
    COLUMN_TEXT,         /* low is unused, high is the most bytes */
    COLUMN_REF,          /* text without '@', which separates reference and date in a session's name */
    COLUMN_CODE,         /* one of `words` */
    COLUMN_CODE_OR_TEXT, /* one of `words`, or else the text */
    COLUMN_ROUTE,        /* a route of the programme pack */
    COLUMN_REASON,       /* one of `words`, or else the text as a code; of the programme, unless another is meant */
    COLUMN_PATTERN,
    COLUMN_DATE,
    COLUMN_HOURS,   /* low and high in minutes */
    COLUMN_INTEGER, /* low to high */
};

/* A word means a code; capitals, blanks and punctuation do not matter. A word may say the reason as well ("sick"). */
struct code_word {
    const char *word;
    const char *code;
    const char *reason;
};

struct column {
    struct import_column shown;
    enum column_type type;
    const struct code_word *words; /* ends with a NULL word */
    int64_t low;
    int64_t high;
    const char *default_value; /* taken as if the cell said so; NULL for none */
};

/* What identifies a row: its columns, and their names for people. */
struct sheet {
    const char *name;
    const struct column *columns;
    size_t column_count;
    const char *const *key; /* ends with NULL */
    const char *key_words;
};

const struct sheet *sheet_of(enum import_kind kind);

/* The index of the column; `name` must be one of the sheet's. */
size_t sheet_column(const struct sheet *sheet, const char *name);

#endif
