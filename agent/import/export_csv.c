#include "agent/import/export_csv.h"

#include <string.h>
#include <strings.h>

/* [+-]digits[.digits] */
static bool plain_number(const char *text)
{
    text += *text == '+' || *text == '-';
    size_t whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        size_t fraction = strspn(text + 1, "0123456789");
        return whole > 0 && fraction > 0 && text[1 + fraction] == '\0';
    }
    return whole > 0 && *text == '\0';
}

/* Apostrophes, then a character that begins a formula. */
static bool begins_formula(const char *cell)
{
    char first = cell[strspn(cell, "'")];
    return first != '\0' && strchr("=+-@\t", first) != NULL;
}

const char *export_csv_unguard(const char *cell)
{
    return *cell == '\'' && begins_formula(cell) ? cell + 1 : cell;
}

/* Every delimiter counts, and what a reader could take for Excel's `sep=` line, so that no reader guesses wrongly. */
static bool needs_quotes(const char *cell)
{
    size_t len = strlen(cell);
    return strpbrk(cell, ",;\t\"\r\n") != NULL || strncasecmp(cell, "sep=", 4) == 0 ||
           (len > 0 && (cell[0] == ' ' || cell[len - 1] == ' '));
}

static enum err_code append_quoted(struct buf *out, const char *cell, struct error *err)
{
    for (const char *quote; (quote = strchr(cell, '"')) != NULL; cell = quote + 1) {
        TRY(buf_append(out, cell, (size_t)(quote - cell), err));
        TRY(buf_append(out, "\"\"", 2, err));
    }
    TRY(buf_append_text(out, cell, err));
    return buf_append(out, "\"", 1, err);
}

static enum err_code append_cell(struct buf *out, const char *cell, struct error *err)
{
    bool quotes = needs_quotes(cell);
    bool guard = begins_formula(cell) && !plain_number(cell);
    TRY(buf_append_text(out, quotes ? "\"" : "", err));
    TRY(buf_append_text(out, guard ? "'" : "", err));
    return quotes ? append_quoted(out, cell, err) : buf_append_text(out, cell, err);
}

enum err_code export_csv_row(struct buf *out, char delimiter, const char *const *cells, size_t count, struct error *err)
{
    CHECK(delimiter == ',' || delimiter == ';' || delimiter == '\t');
    size_t start = out->len;
    for (size_t i = 0; i < count; i++) {
        enum err_code rc = i == 0 ? ERR_OK : buf_append(out, &delimiter, 1, err);
        if (rc == ERR_OK) {
            rc = append_cell(out, cells[i] == NULL ? "" : cells[i], err);
        }
        if (rc != ERR_OK) {
            out->len = start;
            return rc;
        }
    }
    enum err_code rc = buf_append(out, "\r\n", 2, err);
    if (rc != ERR_OK) {
        out->len = start;
    }
    return rc;
}
