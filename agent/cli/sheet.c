#include "agent/cli/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cli/memory.h"
#include "agent/cli/text.h"

enum { INDENT = 2, GAP = 2, FLEXIBLE_MIN = 8 };

struct row {
    enum mark mark;
    char *cells[SHEET_COLUMNS_MAX];
};

struct sheet {
    const struct sheet_column *columns;
    size_t column_count;
    struct row *rows;
    size_t count;
    size_t capacity;
};

struct sheet *sheet_new(const struct sheet_column *columns)
{
    struct sheet *sheet = must_have(calloc(1, sizeof(*sheet)));
    sheet->columns = columns;
    while (columns[sheet->column_count].title != NULL) {
        sheet->column_count++;
    }
    CHECK(sheet->column_count <= SHEET_COLUMNS_MAX);
    return sheet;
}

void sheet_free(struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->count; i++) {
        for (size_t c = 0; c < sheet->column_count; c++) {
            free(sheet->rows[i].cells[c]);
        }
    }
    free(sheet->rows);
    free(sheet);
}

void sheet_add(struct sheet *sheet, enum mark mark, const char *const *cells)
{
    if (sheet->count == sheet->capacity) {
        sheet->capacity = sheet->capacity == 0 ? 32 : sheet->capacity * 2;
        sheet->rows = must_have(reallocarray(sheet->rows, sheet->capacity, sizeof(*sheet->rows)));
    }
    struct row *row = &sheet->rows[sheet->count++];
    *row = (struct row){ .mark = mark };
    for (size_t c = 0; c < sheet->column_count; c++) {
        row->cells[c] = must_have(strdup(cells[c] == NULL ? "" : cells[c]));
    }
}

size_t sheet_rows(const struct sheet *sheet)
{
    return sheet->count;
}

/* Columns that are left out have no width. */
static size_t total(const struct sheet *sheet, const size_t *widths)
{
    size_t sum = INDENT;
    for (size_t c = 0; c < sheet->column_count; c++) {
        sum += widths[c] > 0 ? widths[c] + (sum > INDENT ? GAP : 0) : 0;
    }
    return sum;
}

/* The widest column that may still be narrowed, or column_count. */
static size_t widest_flexible(const struct sheet *sheet, const size_t *widths)
{
    size_t found = sheet->column_count;
    for (size_t c = 0; c < sheet->column_count; c++) {
        if (sheet->columns[c].flexible && widths[c] > FLEXIBLE_MIN &&
            (found == sheet->column_count || widths[c] > widths[found])) {
            found = c;
        }
    }
    return found;
}

static void fit(const struct sheet *sheet, size_t screen_width, size_t *widths)
{
    for (size_t c = 0; c < sheet->column_count; c++) {
        widths[c] = 0;
        for (size_t i = 0; i < sheet->count; i++) {
            size_t width = text_width(sheet->rows[i].cells[c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
        size_t title = text_width(sheet->columns[c].title);
        widths[c] = widths[c] > 0 && title > widths[c] ? title : widths[c];
    }
    while (screen_width > 0 && total(sheet, widths) > screen_width) {
        size_t column = widest_flexible(sheet, widths);
        if (column == sheet->column_count) {
            return;
        }
        widths[column]--;
    }
}

static void print_spaces(const struct screen *screen, size_t count)
{
    screen_print(screen, "%*s", (int)count, "");
}

static void print_cell(const struct screen *screen, const char *cell, size_t width, bool right, bool last)
{
    size_t wide = text_width(cell);
    if (wide > width) {
        size_t len = text_prefix(cell, width - 1);
        screen_print(screen, "%.*s…", (int)len, cell);
        char *kept = must_have(strndup(cell, len));
        wide = text_width(kept) + 1;
        free(kept);
    } else {
        if (right) {
            print_spaces(screen, width - wide);
        }
        screen_print(screen, "%s", cell);
    }
    if (!last && !right) {
        print_spaces(screen, width - wide);
    }
}

static bool rest_is_empty(const struct sheet *sheet, const char *const *cells, const size_t *widths, size_t from)
{
    for (size_t c = from; c < sheet->column_count; c++) {
        if (widths[c] > 0 && cells[c][0] != '\0') {
            return false;
        }
    }
    return true;
}

static void print_row(const struct sheet *sheet, const struct screen *screen, const size_t *widths,
                      const char *const *cells, enum mark mark)
{
    size_t gap = INDENT;
    for (size_t c = 0; c < sheet->column_count && !rest_is_empty(sheet, cells, widths, c); c++) {
        const struct sheet_column *column = &sheet->columns[c];
        if (widths[c] == 0) {
            continue;
        }
        bool last = rest_is_empty(sheet, cells, widths, c + 1);
        print_spaces(screen, gap);
        screen_print(screen, "%s", column->marked ? screen_mark(screen, mark) : "");
        print_cell(screen, cells[c], widths[c], column->right, last);
        screen_print(screen, "%s", column->marked ? screen_unmark(screen) : "");
        gap = GAP;
    }
    screen_print(screen, "\n");
}

void sheet_print(const struct sheet *sheet, const struct screen *screen)
{
    size_t widths[SHEET_COLUMNS_MAX];
    fit(sheet, screen->width, widths);
    const char *titles[SHEET_COLUMNS_MAX];
    for (size_t c = 0; c < sheet->column_count; c++) {
        titles[c] = sheet->columns[c].title;
    }
    screen_print(screen, "%s", screen_mark(screen, MARK_STRONG));
    print_row(sheet, screen, widths, titles, MARK_PLAIN);
    screen_print(screen, "%s", screen_unmark(screen));
    for (size_t i = 0; i < sheet->count; i++) {
        const struct row *row = &sheet->rows[i];
        const char *cells[SHEET_COLUMNS_MAX];
        memcpy(cells, row->cells, sizeof(row->cells));
        print_row(sheet, screen, widths, cells, row->mark);
    }
}
