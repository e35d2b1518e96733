/* A document as one HTML file: no script, nothing loaded, and a policy that says so to the browser. */
#include <string.h>

#include "agent/cli/document.h"
#include "crypto/digest.h"
#include "crypto/identity.h"

static const char style[] =
    "body{font-family:'DejaVu Sans',sans-serif;font-size:15px;line-height:1.5;color:#111;background:#fff;"
    "max-width:62em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.6em}h2{font-size:1.25em;margin-top:2em;border-bottom:1px solid #888}h3{font-size:1em;margin:1.4em "
    "0 .3em}"
    "dl{display:grid;grid-template-columns:minmax(9em,14em) 1fr;gap:.15em 1em;margin:.3em 0}dt{color:#444}dd{margin:0;"
    "overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%;font-size:.85em}th,td{border:1px solid #999;padding:.25em .4em;"
    "text-align:start;vertical-align:top;overflow-wrap:anywhere}th{background:#eee}thead{display:table-header-group}"
    ".warning{border:2px solid #a00;padding:.5em .8em;font-weight:bold}"
    "@media print{body{font-size:10pt;margin:0;max-width:none}tr,dl{break-inside:avoid}}";

/* Sticky: after the first failure nothing is written. */
struct page {
    struct buf *out;
    enum err_code rc;
    struct error *err;
};

static void put(struct page *page, const char *text)
{
    if (page->rc == ERR_OK) {
        page->rc = buf_append_text(page->out, text, page->err);
    }
}

static void put_escaped(struct page *page, const char *text)
{
    while (*text != '\0') {
        size_t plain = strcspn(text, "&<>\"'");
        if (page->rc == ERR_OK) {
            page->rc = buf_append(page->out, text, plain, page->err);
        }
        text += plain;
        switch (*text) {
        case '&':
            put(page, "&amp;");
            break;
        case '<':
            put(page, "&lt;");
            break;
        case '>':
            put(page, "&gt;");
            break;
        case '"':
            put(page, "&quot;");
            break;
        case '\'':
            put(page, "&#39;");
            break;
        default:
            return;
        }
        text++;
    }
}

/* A name may run from right to left: it turns nothing but itself. */
static void put_element(struct page *page, const char *open, const char *text, const char *close)
{
    put(page, open);
    put_escaped(page, text);
    put(page, close);
}

static void put_head(struct page *page, const struct document *document)
{
    uint8_t hash[SHA256_BYTES];
    struct slice text = slice_of_text(style);
    sha256(&text, 1, hash);
    put(page, "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; "
              "form-action 'none'; style-src 'sha256-");
    if (page->rc == ERR_OK) {
        page->rc = base64_encode(slice_of(hash, sizeof(hash)), page->out, page->err);
    }
    put(page, "'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"referrer\" "
              "content=\"no-referrer\">\n");
    put_element(page, "<title>", document->title, "</title>\n<style>");
    put(page, style);
    put(page, "</style>\n</head>\n<body>\n");
    put_element(page, "<h1 dir=\"auto\">", document->title, "</h1>\n");
}

/* What has to be closed before a block, and opened. */
static void put_between(struct page *page, enum block_kind before, enum block_kind next)
{
    if (before == BLOCK_FACT && next != BLOCK_FACT) {
        put(page, "</dl>\n");
    }
    if ((before == BLOCK_ROW || before == BLOCK_TABLE) && next != BLOCK_ROW) {
        put(page, "</tbody></table>\n");
    }
    if (before != BLOCK_FACT && next == BLOCK_FACT) {
        put(page, "<dl>\n");
    }
}

static void put_block(struct page *page, const struct block *block)
{
    switch (block->kind) {
    case BLOCK_HEADING:
        put_element(page, "<h2 dir=\"auto\">", block->cells[0], "</h2>\n");
        return;
    case BLOCK_SUBHEADING:
        put_element(page, "<h3 dir=\"auto\">", block->cells[0], "</h3>\n");
        return;
    case BLOCK_PARAGRAPH:
        put_element(page, "<p dir=\"auto\">", block->cells[0], "</p>\n");
        return;
    case BLOCK_WARNING:
        put_element(page, "<p class=\"warning\" dir=\"auto\">", block->cells[0], "</p>\n");
        return;
    case BLOCK_FACT:
        put_element(page, "<dt>", block->cells[0], "</dt>");
        put_element(page, "<dd dir=\"auto\">", block->cells[1], "</dd>\n");
        return;
    case BLOCK_TABLE:
        put(page, "<table><thead><tr>");
        for (size_t i = 0; i < block->cell_count; i++) {
            put_element(page, "<th scope=\"col\">", block->cells[i], "</th>");
        }
        put(page, "</tr></thead><tbody>\n");
        return;
    case BLOCK_ROW:
        put(page, "<tr>");
        for (size_t i = 0; i < block->cell_count; i++) {
            put_element(page, "<td dir=\"auto\">", block->cells[i], "</td>");
        }
        put(page, "</tr>\n");
        return;
    }
}

enum err_code document_html(const struct document *document, struct buf *out, struct error *err)
{
    struct page page = { .out = out, .rc = ERR_OK, .err = err };
    enum block_kind before = BLOCK_HEADING;
    put_head(&page, document);
    for (size_t i = 0; i < document->count; i++) {
        put_between(&page, before, document->blocks[i].kind);
        put_block(&page, &document->blocks[i]);
        before = document->blocks[i].kind;
    }
    put_between(&page, before, BLOCK_HEADING);
    put(&page, "</body>\n</html>\n");
    return page.rc;
}
