/*
 * agent/import/table - the bytes of a whole spreadsheet file as a table of UTF-8 cells.
 *
 *   bytes ── text_decode ──► UTF-8 ── delimiter from the first row ──► libcsv, strict ──► cells
 *
 * The first row that is not blank is the header. Delimiter: comma, semicolon or tab, whichever the header has most of
 * outside quotes, or what an Excel line `sep=;` before the header says. Rows end with LF, CRLF or CR; a quoted cell may
 * hold line breaks, which become LF. Rows of blank cells are left out. Blanks around a cell are left out. A cell that
 * our own export guarded against formulas (see export_csv.h) loses its guard.
 *
 * A row may have fewer or more cells than the header: whoever uses the table refuses it (table_cells). Empty cells
 * after the header's last named column, which spreadsheet programs add, are left out.
 *
 * Ownership:  table_free releases all; texts live as long as the table.
 * Limits:     TABLE_*_MAX below, each refused with ERR_LIMIT and the line where it is passed.
 * Errors:     ERR_INVALID with line and column: the file as such cannot be read. Messages never hold the file's text.
 * Layer:      agent. Uses base and libcsv; no I/O.
 */
#ifndef AGENT_IMPORT_TABLE_H
#define AGENT_IMPORT_TABLE_H

#include "agent/import/encoding.h"

#define TABLE_FILE_BYTES_MAX ((size_t)32 * 1024 * 1024)
#define TABLE_ROWS_MAX 100000     /* without the header */
#define TABLE_COLUMNS_MAX 65      /* 64 of the person's own and the importer's reject column */
#define TABLE_CELL_BYTES_MAX 4096 /* as UTF-8 */

struct table;

MUST_USE enum err_code table_read(struct slice file, struct table **ret_table, struct error *err);
void table_free(struct table *table); /* NULL is allowed */

enum text_encoding table_encoding(const struct table *table);
char table_delimiter(const struct table *table);

size_t table_columns(const struct table *table); /* of the header, at least 1 */
const char *table_header(const struct table *table, size_t column);
size_t table_header_line(const struct table *table);

size_t table_rows(const struct table *table);
size_t table_cells(const struct table *table, size_t row); /* as many as this row has */
size_t table_line(const struct table *table, size_t row);  /* where the row begins; the first line is 1 */

/* "" for a cell that the row does not have. */
const char *table_cell(const struct table *table, size_t row, size_t column);

#endif
