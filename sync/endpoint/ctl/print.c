#include "sync/endpoint/ctl/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define TEXT_MAX (64 * 1024)
#define COLUMNS_MAX 12

static const json_t *value_at(const json_t *object, const char *path)
{
    char name[64];
    while (object != NULL) {
        const char *dot = strchr(path, '.');
        size_t len = dot != NULL ? (size_t)(dot - path) : strlen(path);
        CHECK(len < sizeof(name));
        memcpy(name, path, len);
        name[len] = '\0';
        object = json_object_get(object, name);
        if (dot == NULL) {
            return object;
        }
        path = dot + 1;
    }
    return NULL;
}

/* Control characters, also the two-byte ones of UTF-8, as \xNN. */
static enum err_code append_visible(struct buf *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        bool second = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        if (*at < 0x20 || *at == 0x7f || second) {
            TRY(buf_append_format(out, NULL, "\\x%02x", second ? at[1] : at[0]));
            at += second;
        } else {
            TRY(buf_append(out, at, 1, NULL));
        }
    }
    return ERR_OK;
}

static enum err_code append_value(struct buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        return append_visible(out, json_string_value(value));
    }
    if (json_is_integer(value)) {
        return buf_append_format(out, NULL, "%lld", (long long)json_integer_value(value));
    }
    if (json_is_boolean(value)) {
        return buf_append_text(out, json_is_true(value) ? "yes" : "no", NULL);
    }
    if (value == NULL || json_is_null(value)) {
        return buf_append_text(out, "-", NULL);
    }
    char *text = json_dumps(value, JSON_COMPACT);
    enum err_code rc = text != NULL ? append_visible(out, text) : ERR_NO_MEMORY;
    free(text);
    return rc;
}

char *value_text(const json_t *object, const char *path)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (append_value(&text, value_at(object, path)) != ERR_OK || buf_append(&text, "", 1, NULL) != ERR_OK) {
        buf_fini(&text);
        return NULL;
    }
    return (char *)text.data;
}

/* Characters, not bytes. */
static size_t width(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static void print_cell(const char *text, size_t columns, bool last)
{
    (void)printf("%s", text);
    if (!last) {
        (void)printf("%*s", (int)(columns - width(text) + 2), "");
    }
}

static void print_row(const json_t *row, const struct column *columns, size_t count, const size_t *widths)
{
    for (size_t c = 0; c < count; c++) {
        SCOPED(scoped_free) char *text = value_text(row, columns[c].path);
        print_cell(text != NULL ? text : "?", widths[c] > 0 ? widths[c] : 1, c + 1 == count);
    }
    (void)putchar('\n');
}

void print_table(const json_t *rows, const struct column *columns, size_t count, const char *when_empty)
{
    size_t widths[COLUMNS_MAX];
    size_t i;
    json_t *row;
    CHECK(count <= COLUMNS_MAX);
    if (json_array_size(rows) == 0) {
        (void)printf("%s\n", when_empty);
        return;
    }
    for (size_t c = 0; c < count; c++) {
        widths[c] = width(columns[c].title);
        json_array_foreach((json_t *)(uintptr_t)rows, i, row)
        {
            SCOPED(scoped_free) char *text = value_text(row, columns[c].path);
            size_t wide = text != NULL ? width(text) : 1;
            widths[c] = wide > widths[c] ? wide : widths[c];
        }
    }
    for (size_t c = 0; c < count; c++) {
        print_cell(columns[c].title, widths[c], c + 1 == count);
    }
    (void)putchar('\n');
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        print_row(row, columns, count, widths);
    }
}

void print_pairs(const json_t *object, const struct column *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SCOPED(scoped_free) char *text = value_text(object, pairs[i].path);
        (void)printf("%s: %s\n", pairs[i].title, text != NULL ? text : "?");
    }
}

void print_json(const json_t *answer)
{
    char *text = json_dumps(answer, JSON_INDENT(2));
    (void)printf("%s\n", text != NULL ? text : "null");
    free(text);
}
