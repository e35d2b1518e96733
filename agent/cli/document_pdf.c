/*
 * A document as PDF. Pango shapes the text, so that a name in any script is set as its writer would; cairo draws it.
 *
 * It is laid out twice: the first time only the pages are counted.
 */
#include <cairo-pdf.h>
#include <pango/pangocairo.h>
#include <stdio.h>

#include "agent/cli/document.h"

enum {
    PAGE_WIDTH = 595, /* A4, in points */
    PAGE_HEIGHT = 842,
    MARGIN = 48,
    FOOT = 28,
    WIDTH = PAGE_WIDTH - 2 * MARGIN,
    BOTTOM = PAGE_HEIGHT - MARGIN - FOOT,
    LABEL_WIDTH = 130,
    GAP = 3,
    CELL_LINES_MAX = 14,
};

#define FONT "DejaVu Sans, Noto Sans, sans-serif"

struct sheet_of_paper {
    cairo_t *cairo;
    const struct document *document;
    double y;
    int page;
    int pages; /* 0: not known yet */
};

static PangoLayout *layout_new(const struct sheet_of_paper *paper, const char *text, double size, bool bold,
                               double width)
{
    PangoLayout *layout = pango_cairo_create_layout(paper->cairo);
    PangoFontDescription *font = pango_font_description_from_string(FONT);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_text(layout, text, -1);
    return layout;
}

static double layout_height(PangoLayout *layout)
{
    int height;
    pango_layout_get_size(layout, NULL, &height);
    return (double)height / PANGO_SCALE;
}

static void show_foot(const struct sheet_of_paper *paper)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "page %d of %d", paper->page, paper->pages);
    PangoLayout *title = layout_new(paper, paper->document->title, 7.5, false, WIDTH - 80);
    PangoLayout *number = layout_new(paper, text, 7.5, false, 80);
    pango_layout_set_height(title, -1);
    pango_layout_set_ellipsize(title, PANGO_ELLIPSIZE_END);
    pango_layout_set_alignment(number, PANGO_ALIGN_RIGHT);
    cairo_move_to(paper->cairo, MARGIN, PAGE_HEIGHT - MARGIN);
    pango_cairo_show_layout(paper->cairo, title);
    cairo_move_to(paper->cairo, PAGE_WIDTH - MARGIN - 80, PAGE_HEIGHT - MARGIN);
    pango_cairo_show_layout(paper->cairo, number);
    g_object_unref(title);
    g_object_unref(number);
}

static void next_page(struct sheet_of_paper *paper)
{
    show_foot(paper);
    cairo_show_page(paper->cairo);
    paper->page++;
    paper->y = MARGIN;
}

static void room(struct sheet_of_paper *paper, double height)
{
    if (paper->y + height > BOTTOM && paper->y > MARGIN) {
        next_page(paper);
    }
}

/* Line by line, over as many pages as it takes. */
static void flow(struct sheet_of_paper *paper, PangoLayout *layout, double x)
{
    PangoLayoutIter *lines = pango_layout_get_iter(layout);
    do {
        PangoRectangle at;
        pango_layout_iter_get_line_extents(lines, NULL, &at);
        double height = (double)at.height / PANGO_SCALE;
        room(paper, height);
        double base = (double)(pango_layout_iter_get_baseline(lines) - at.y) / PANGO_SCALE;
        cairo_move_to(paper->cairo, x + (double)at.x / PANGO_SCALE, paper->y + base);
        pango_cairo_show_layout_line(paper->cairo, pango_layout_iter_get_line_readonly(lines));
        paper->y += height;
    } while (pango_layout_iter_next_line(lines));
    pango_layout_iter_free(lines);
}

static void show_text(struct sheet_of_paper *paper, const char *text, double size, bool bold, double above,
                      double keep_with)
{
    PangoLayout *layout = layout_new(paper, text, size, bold, WIDTH);
    paper->y += paper->y > MARGIN ? above : 0;
    room(paper, layout_height(layout) + keep_with < BOTTOM - MARGIN ? layout_height(layout) + keep_with : 0);
    flow(paper, layout, MARGIN);
    paper->y += GAP;
    g_object_unref(layout);
}

static void show_warning(struct sheet_of_paper *paper, const char *text)
{
    PangoLayout *layout = layout_new(paper, text, 9.5, true, WIDTH - 16);
    double height = layout_height(layout);
    paper->y += 6;
    room(paper, height + 12);
    cairo_set_source_rgb(paper->cairo, 0.65, 0, 0);
    cairo_rectangle(paper->cairo, MARGIN, paper->y, WIDTH, height + 10);
    cairo_stroke(paper->cairo);
    cairo_set_source_rgb(paper->cairo, 0, 0, 0);
    cairo_move_to(paper->cairo, MARGIN + 8, paper->y + 5);
    pango_cairo_show_layout(paper->cairo, layout);
    paper->y += height + 16;
    g_object_unref(layout);
}

static void show_fact(struct sheet_of_paper *paper, const struct block *block)
{
    PangoLayout *label = layout_new(paper, block->cells[0], 9, false, LABEL_WIDTH - 8);
    PangoLayout *value = layout_new(paper, block->cells[1], 9, false, WIDTH - LABEL_WIDTH);
    room(paper, layout_height(label));
    cairo_set_source_rgb(paper->cairo, 0.3, 0.3, 0.3);
    cairo_move_to(paper->cairo, MARGIN, paper->y);
    pango_cairo_show_layout(paper->cairo, label);
    cairo_set_source_rgb(paper->cairo, 0, 0, 0);
    double least = paper->y + layout_height(label);
    int page = paper->page;
    flow(paper, value, MARGIN + LABEL_WIDTH);
    paper->y = page == paper->page && paper->y < least ? least : paper->y;
    paper->y += 1;
    g_object_unref(label);
    g_object_unref(value);
}

static double show_cells(struct sheet_of_paper *paper, const struct block *block, bool draw)
{
    int sum = 0;
    double highest = 0;
    double x = MARGIN;
    for (size_t i = 0; i < block->cell_count; i++) {
        sum += block->weights[i];
    }
    for (size_t i = 0; i < block->cell_count; i++) {
        double width = (double)WIDTH * block->weights[i] / sum;
        PangoLayout *cell = layout_new(paper, block->cells[i], 7.5, block->kind == BLOCK_TABLE, width - 6);
        pango_layout_set_height(cell, -CELL_LINES_MAX);
        pango_layout_set_ellipsize(cell, PANGO_ELLIPSIZE_END);
        double height = layout_height(cell);
        highest = height > highest ? height : highest;
        if (draw) {
            cairo_move_to(paper->cairo, x + 3, paper->y + 2);
            pango_cairo_show_layout(paper->cairo, cell);
        }
        x += width;
        g_object_unref(cell);
    }
    return highest + 5;
}

static void show_row(struct sheet_of_paper *paper, const struct block *block)
{
    double height = show_cells(paper, block, false);
    if (block->kind == BLOCK_TABLE) {
        room(paper, height + 40);
        cairo_set_source_rgb(paper->cairo, 0.92, 0.92, 0.92);
        cairo_rectangle(paper->cairo, MARGIN, paper->y, WIDTH, height);
        cairo_fill(paper->cairo);
        cairo_set_source_rgb(paper->cairo, 0, 0, 0);
    }
    (void)show_cells(paper, block, true);
    paper->y += height;
    cairo_set_line_width(paper->cairo, 0.4);
    cairo_move_to(paper->cairo, MARGIN, paper->y);
    cairo_line_to(paper->cairo, MARGIN + WIDTH, paper->y);
    cairo_stroke(paper->cairo);
}

static void show_block(struct sheet_of_paper *paper, const struct block *block, const struct block *table)
{
    switch (block->kind) {
    case BLOCK_HEADING:
        show_text(paper, block->cells[0], 13, true, 14, 50);
        return;
    case BLOCK_SUBHEADING:
        show_text(paper, block->cells[0], 9.5, true, 8, 30);
        return;
    case BLOCK_PARAGRAPH:
        show_text(paper, block->cells[0], 9.5, false, 2, 0);
        return;
    case BLOCK_WARNING:
        show_warning(paper, block->cells[0]);
        return;
    case BLOCK_FACT:
        show_fact(paper, block);
        return;
    case BLOCK_TABLE:
        show_row(paper, block);
        return;
    case BLOCK_ROW:
        if (paper->y + show_cells(paper, block, false) > BOTTOM) {
            next_page(paper);
            show_row(paper, table);
        }
        show_row(paper, block);
        return;
    }
}

/* The number of pages. */
static int show_document(cairo_surface_t *surface, const struct document *document, int pages)
{
    struct sheet_of_paper paper = {
        .cairo = cairo_create(surface), .document = document, .y = MARGIN, .page = 1, .pages = pages
    };
    const struct block *table = NULL;
    show_text(&paper, document->title, 16, true, 0, 0);
    for (size_t i = 0; i < document->count; i++) {
        const struct block *block = &document->blocks[i];
        table = block->kind == BLOCK_TABLE ? block : table;
        show_block(&paper, block, table);
    }
    show_foot(&paper);
    cairo_show_page(paper.cairo);
    cairo_destroy(paper.cairo);
    return paper.page;
}

struct writing {
    struct buf *out;
    struct error *err;
};

static cairo_status_t write_some(void *context, const unsigned char *data, unsigned int len)
{
    struct writing *writing = context;
    return buf_append(writing->out, data, len, writing->err) == ERR_OK ? CAIRO_STATUS_SUCCESS
                                                                       : CAIRO_STATUS_WRITE_ERROR;
}

enum err_code document_pdf(const struct document *document, struct buf *out, struct error *err)
{
    struct error failure = { .code = ERR_OK };
    struct writing writing = { .out = out, .err = &failure };
    cairo_surface_t *nowhere = cairo_pdf_surface_create(NULL, PAGE_WIDTH, PAGE_HEIGHT);
    int pages = show_document(nowhere, document, 0);
    cairo_surface_destroy(nowhere);
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(write_some, &writing, PAGE_WIDTH, PAGE_HEIGHT);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, document->title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_AUTHOR, document->author);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "Holdfast " HOLDFAST_VERSION);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, document->made_at);
    (void)show_document(surface, document, pages);
    cairo_surface_finish(surface);
    cairo_status_t status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    pango_cairo_font_map_set_default(NULL);
    if (failure.code != ERR_OK) {
        return error_set(err, failure.code, "%s", failure.message);
    }
    return status == CAIRO_STATUS_SUCCESS ? ERR_OK : FAIL(err, IO, "make the PDF: %s", cairo_status_to_string(status));
}
