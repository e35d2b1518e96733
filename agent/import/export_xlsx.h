/*
 * agent/import/export_xlsx - rows of text as an XLSX workbook (ECMA-376) of two sheets, Records and Totals.
 *
 *     xlsx_new ─► xlsx_row ... ─► xlsx_next_sheet ─► xlsx_row ... ─► xlsx_finish     xlsx_free at any time
 *
 * The workbook grows in `out`, compressed, a row at a time: nothing is put on the disk, and only what is compressed
 * stays in memory. Libraries for XLSX keep the rows in temporary files, where they would be readable.
 *
 * A text is always a text and never a formula, whatever it begins with. What a spreadsheet can reckon with is written
 * as such: numbers of up to 15 digits, days, and hours as h:mm. A cell that does not look like its type is a text.
 * Control characters, which XML has no way to say, become U+FFFD; a text is cut at XLSX_TEXT_MAX bytes with "..." at
 * its end.
 *
 * Ownership:  `out` outlives the workbook. After a failure only xlsx_free may follow.
 * Limits:     XLSX_ROWS_MAX rows a sheet, the header among them (ERR_LIMIT), XLSX_COLUMNS_MAX columns, and those of
 *             `out`.
 * Layer:      agent. Uses base and zlib; no I/O.
 */
#ifndef AGENT_IMPORT_EXPORT_XLSX_H
#define AGENT_IMPORT_EXPORT_XLSX_H

#include "base/bytes.h"

#define XLSX_ROWS_MAX 1048576
#define XLSX_COLUMNS_MAX 26
#define XLSX_TEXT_MAX 32000

enum xlsx_type { XLSX_TEXT, XLSX_NUMBER, XLSX_DAY /* yyyy-mm-dd */, XLSX_HOURS /* h:mm */ };

struct xlsx;

/* `names` are the header's; names and types are borrowed. */
MUST_USE enum err_code xlsx_new(struct buf *out, const char *const *names, const enum xlsx_type *types, size_t count,
                                struct xlsx **ret_xlsx, struct error *err);
/* As many cells as columns; NULL and "" are empty. */
MUST_USE enum err_code xlsx_row(struct xlsx *xlsx, const char *const *cells, struct error *err);
/* Ends Records and begins Totals. */
MUST_USE enum err_code xlsx_next_sheet(struct xlsx *xlsx, const char *const *names, const enum xlsx_type *types,
                                       size_t count, struct error *err);
/* Ends Totals: `out` is the workbook. */
MUST_USE enum err_code xlsx_finish(struct xlsx *xlsx, struct error *err);
void xlsx_free(struct xlsx *xlsx); /* NULL is allowed */

#endif
