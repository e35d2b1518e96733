#include "agent/cli/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cli/memory.h"
#include "agent/cli/text.h"

enum { INDENT = 2, GAP = 2, FLEXIBLE_MIN = 12 };

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

/* What of `*cell` goes on this line, cut when there is no further one; moves `*cell` past it. Free it. */
static char *take_line(const char **cell, size_t width, bool last_line)
{
    size_t len = strlen(*cell);
    char *line = NULL;
    if (text_width(*cell) > width) {
        len = last_line ? text_prefix(*cell, width - 1) : text_words(*cell, width);
        len = len > 0 ? len : text_prefix(*cell, width);
    }
    bool cut = last_line && (*cell)[len] != '\0';
    int made = asprintf(&line, "%.*s%s", (int)len, *cell, cut ? "…" : "");
    *cell += cut ? strlen(*cell) : len;
    *cell += strspn(*cell, " ");
    return must_have(made < 0 ? NULL : line);
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

static void print_cell(const struct screen *screen, const char *text, size_t width, bool right, bool last)
{
    size_t wide = text_width(text);
    size_t room = wide < width ? width - wide : 0;
    print_spaces(screen, right ? room : 0);
    screen_print(screen, "%s", text);
    print_spaces(screen, right || last ? 0 : room);
}

/* One line of a row; moves the cells past what it shows. `mark` shows in marked columns. */
static void print_line(const struct sheet *sheet, const struct screen *screen, const size_t *widths, const char **cells,
                       enum mark mark, bool last_line)
{
    size_t gap = INDENT;
    for (size_t c = 0; c < sheet->column_count && !rest_is_empty(sheet, cells, widths, c); c++) {
        const struct sheet_column *column = &sheet->columns[c];
        if (widths[c] == 0) {
            continue;
        }
        bool last = rest_is_empty(sheet, cells, widths, c + 1);
        bool marked = column->marked && cells[c][0] != '\0';
        char *text = take_line(&cells[c], widths[c], last_line);
        print_spaces(screen, gap);
        screen_print(screen, "%s", marked ? screen_mark(screen, mark) : "");
        print_cell(screen, text, widths[c], column->right, last);
        screen_print(screen, "%s", marked ? screen_unmark(screen) : "");
        free(text);
        gap = GAP;
    }
    screen_print(screen, "\n");
}

static void print_titles(const struct sheet *sheet, const struct screen *screen, const size_t *widths)
{
    size_t gap = INDENT;
    screen_print(screen, "%s", screen_mark(screen, MARK_STRONG));
    size_t last = sheet->column_count;
    while (last > 0 && widths[last - 1] == 0) {
        last--;
    }
    for (size_t c = 0; c < last; c++) {
        if (widths[c] > 0) {
            print_spaces(screen, gap);
            print_cell(screen, sheet->columns[c].title, widths[c], sheet->columns[c].right, c + 1 == last);
            gap = GAP;
        }
    }
    screen_print(screen, "%s\n", screen_unmark(screen));
}

void sheet_print(const struct sheet *sheet, const struct screen *screen)
{
    size_t widths[SHEET_COLUMNS_MAX];
    fit(sheet, screen->width, widths);
    print_titles(sheet, screen, widths);
    for (size_t i = 0; i < sheet->count; i++) {
        const char *cells[SHEET_COLUMNS_MAX];
        memcpy(cells, sheet->rows[i].cells, sizeof(cells));
        int line = 0;
        do {
            line++;
            print_line(sheet, screen, widths, cells, sheet->rows[i].mark, line == SHEET_LINES_MAX);
        } while (!rest_is_empty(sheet, cells, widths, 0));
    }
}

void sheet_close(struct sheet *sheet, const struct screen *screen, const char *nothing)
{
    if (sheet_rows(sheet) == 0) {
        screen_print(screen, "%s\n", nothing);
    } else {
        sheet_print(sheet, screen);
    }
    sheet_free(sheet);
}
