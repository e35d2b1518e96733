#include "agent/cli/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/memory.h"
#include "agent/cli/text.h"

/* Line ends of a note read as blanks. */
static char *shown(const char *text)
{
    char *copy = must_have(strdup(text == NULL ? "" : text));
    for (char *at = copy; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\t' || *at == '\r') {
            *at = ' ';
        }
    }
    char *visible = text_visible(copy, false);
    free(copy);
    return visible;
}

struct document *document_new(const char *title, const char *author, const char *made_at)
{
    struct document *document = must_have(calloc(1, sizeof(*document)));
    document->title = shown(title);
    document->author = shown(author);
    document->made_at = shown(made_at);
    return document;
}

void document_free(struct document *document)
{
    for (size_t i = 0; i < document->count; i++) {
        for (size_t c = 0; c < document->blocks[i].cell_count; c++) {
            free(document->blocks[i].cells[c]);
        }
    }
    free(document->blocks);
    free(document->title);
    free(document->author);
    free(document->made_at);
    free(document);
}

static struct block *add(struct document *document, enum block_kind kind)
{
    if (document->count == document->capacity) {
        document->capacity = document->capacity == 0 ? 64 : 2 * document->capacity;
        document->blocks = must_have(reallocarray(document->blocks, document->capacity, sizeof(*document->blocks)));
    }
    struct block *block = &document->blocks[document->count++];
    *block = (struct block){ .kind = kind };
    return block;
}

static void add_cell(struct block *block, const char *text)
{
    CHECK(block->cell_count < DOCUMENT_COLUMNS_MAX);
    block->cells[block->cell_count++] = shown(text);
}

void document_add(struct document *document, enum block_kind kind, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    add_cell(add(document, kind), must_have(len < 0 ? NULL : text));
    free(text);
}

void document_fact(struct document *document, const char *label, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        return;
    }
    struct block *block = add(document, BLOCK_FACT);
    add_cell(block, label);
    add_cell(block, value);
}

void document_table(struct document *document, const char *const *titles, const int *weights)
{
    struct block *block = add(document, BLOCK_TABLE);
    block->weights = weights;
    for (; *titles != NULL; titles++) {
        add_cell(block, *titles);
    }
}

void document_row(struct document *document, const char *const *cells)
{
    const struct block *before = &document->blocks[document->count - 1];
    CHECK(before->kind == BLOCK_TABLE || before->kind == BLOCK_ROW);
    size_t count = before->cell_count;
    const int *weights = before->weights;
    struct block *block = add(document, BLOCK_ROW);
    block->weights = weights;
    for (size_t i = 0; i < count; i++) {
        add_cell(block, cells[i]);
    }
}
