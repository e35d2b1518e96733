/*
 * agent/cli/document - a page for people, before it is HTML or PDF: headings, paragraphs, facts, tables.
 *
 * Texts are copied, and made safe to show (text_visible): nothing hidden in a name or a note reaches a page.
 *
 * Ownership: document_new gives, document_free releases.
 */
#ifndef AGENT_CLI_DOCUMENT_H
#define AGENT_CLI_DOCUMENT_H

#include "base/bytes.h"

#define DOCUMENT_COLUMNS_MAX 9

enum block_kind {
    BLOCK_HEADING,
    BLOCK_SUBHEADING,
    BLOCK_PARAGRAPH,
    BLOCK_WARNING, /* a paragraph that must not be overlooked */
    BLOCK_FACT,    /* cells: label, value */
    BLOCK_TABLE,   /* cells: titles; the rows follow */
    BLOCK_ROW,
};

struct block {
    enum block_kind kind;
    size_t cell_count;
    char *cells[DOCUMENT_COLUMNS_MAX]; /* a paragraph and a heading have one */
    const int *weights;                /* of a table: how wide its columns are beside each other; borrowed */
};

struct document {
    char *title;
    char *author;
    char *made_at; /* RFC 3339 */
    struct block *blocks;
    size_t count;
    size_t capacity;
};

struct document *document_new(const char *title, const char *author, const char *made_at);
void document_free(struct document *document);

void document_add(struct document *document, enum block_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
/* Left out when the value is empty. */
void document_fact(struct document *document, const char *label, const char *value);
/* `weights` as many as titles, borrowed; both end with NULL and 0. */
void document_table(struct document *document, const char *const *titles, const int *weights);
void document_row(struct document *document, const char *const *cells);

/* A whole page without scripts that loads nothing. */
MUST_USE enum err_code document_html(const struct document *document, struct buf *out, struct error *err);
/* A4, numbered pages. */
MUST_USE enum err_code document_pdf(const struct document *document, struct buf *out, struct error *err);

#endif
