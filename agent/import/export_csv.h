/*
 * agent/import/export_csv - rows of text as CSV (RFC 4180), safe to open in a spreadsheet program.
 *
 * A cell is quoted only if it must be. Rows end with CRLF.
 *
 * Formula guard: a spreadsheet program runs a cell that begins with = + - @ or a tab as a formula, also one that a
 * stranger wrote into a note. Such a cell gets an apostrophe in front, unless it is a plain number (-3.5). So that
 * nothing is lost, a cell that already looks guarded (apostrophes, then one of those characters) gets one more. Reading
 * takes exactly one apostrophe off such cells again, so a round trip gives the same cells:
 *
 *      value      in the file        value      in the file
 *      =1+1       '=1+1              '=1+1      ''=1+1
 *      -3.5       -3.5               'tis       'tis
 *
 * Layer: agent. Uses base only; no I/O.
 */
#ifndef AGENT_IMPORT_EXPORT_CSV_H
#define AGENT_IMPORT_EXPORT_CSV_H

#include "base/bytes.h"

/* Appends one row. A NULL cell is written as an empty one. `delimiter` is ',', ';' or '\t'. */
MUST_USE enum err_code export_csv_row(struct buf *out, char delimiter, const char *const *cells, size_t count,
                                      struct error *err);

/* The value of a cell as read: past the guard's apostrophe, or `cell` itself. */
const char *export_csv_unguard(const char *cell);

#endif
