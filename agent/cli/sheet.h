/*
 * agent/cli/sheet - rows under titles, as wide as what is in them and no wider than the terminal.
 *
 * A column without anything in it is left out. Too wide: flexible columns are narrowed, the widest first, and their
 * cells go on below in up to SHEET_LINES_MAX lines; what is left then ends in "…". Not a terminal: a row is a line,
 * nothing is cut.
 *
 * Ownership: cells are copied; sheet_free releases all.
 */
#ifndef AGENT_CLI_SHEET_H
#define AGENT_CLI_SHEET_H

#include "agent/cli/screen.h"

#define SHEET_COLUMNS_MAX 10
#define SHEET_LINES_MAX 4

struct sheet_column {
    const char *title;
    bool right;    /* numbers */
    bool flexible; /* may be narrowed */
    bool marked;   /* shows the row's mark */
};

struct sheet;

/* `columns` ends with a NULL title and is borrowed. */
struct sheet *sheet_new(const struct sheet_column *columns);
void sheet_free(struct sheet *sheet);

/* As many cells as columns; NULL is empty. */
void sheet_add(struct sheet *sheet, enum mark mark, const char *const *cells);

size_t sheet_rows(const struct sheet *sheet);
void sheet_print(const struct sheet *sheet, const struct screen *screen);
/* Prints and frees it; without rows prints the line `nothing` instead. */
void sheet_close(struct sheet *sheet, const struct screen *screen, const char *nothing);

#endif
