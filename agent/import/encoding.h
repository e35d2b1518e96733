/*
 * agent/import/encoding - the bytes of a text file, whatever a spreadsheet program saved, as UTF-8.
 *
 *   begins with EF BB BF    UTF-8, which must then be well formed
 *   begins with FF FE       UTF-16LE (Excel's "Unicode text")
 *   well-formed UTF-8       UTF-8
 *   anything else           Windows-1252, unless most bytes outside ASCII are well-formed UTF-8: then it is a damaged
 * UTF-8 file, and reading it as Windows-1252 would turn every accent into two wrong letters
 *
 * Refused, with line and column: NUL bytes, malformed sequences, and the five bytes that Windows-1252 leaves undefined.
 * Refused by their first bytes: workbooks (.xlsx, .ods, .xls), PDF, and UTF-16BE.
 *
 * Layer: agent. Uses base only; no I/O.
 */
#ifndef AGENT_IMPORT_ENCODING_H
#define AGENT_IMPORT_ENCODING_H

#include "base/bytes.h"

enum text_encoding { TEXT_UTF8, TEXT_UTF8_BOM, TEXT_WINDOWS_1252, TEXT_UTF16LE };

/* "UTF-8", "UTF-8 with byte order mark", "Windows-1252", "UTF-16LE" */
const char *text_encoding_name(enum text_encoding encoding);

/* Appends the text without its byte order mark to `out`. ERR_INVALID names line and column. */
MUST_USE enum err_code text_decode(struct slice file, struct buf *out, enum text_encoding *ret_encoding,
                                   struct error *err);

#endif
