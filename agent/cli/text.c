#include "agent/cli/text.h"

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "agent/cli/memory.h"
#include "base/check.h"

enum { NOT_UTF8 = -1 };

void text_init(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        (void)setlocale(LC_CTYPE, "");
    }
}

/* The character at `text` and its length in bytes; NOT_UTF8 and 1 for a byte that begins none. */
static int32_t decode(const char *text, size_t *ret_len)
{
    const unsigned char *in = (const unsigned char *)text;
    *ret_len = 1;
    if (in[0] < 0x80) {
        return in[0];
    }
    size_t len = in[0] >= 0xf0 ? 4 : in[0] >= 0xe0 ? 3 : 2;
    static const int32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (in[0] < 0xc2 || in[0] > 0xf4) {
        return NOT_UTF8;
    }
    int32_t character = in[0] & (0x7f >> len);
    for (size_t i = 1; i < len; i++) {
        if ((in[i] & 0xc0) != 0x80) { /* also the closing NUL */
            return NOT_UTF8;
        }
        character = (character << 6) | (in[i] & 0x3f);
    }
    if (character < smallest[len] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff)) {
        return NOT_UTF8;
    }
    *ret_len = len;
    return character;
}

static size_t width_of(int32_t character)
{
    if (character == NOT_UTF8) {
        return 1;
    }
    int width = wcwidth((wchar_t)character);
    return width < 0 ? 1 : (size_t)width;
}

size_t text_width(const char *text)
{
    size_t columns = 0;
    size_t len;
    for (; *text != '\0'; text += len) {
        columns += width_of(decode(text, &len));
    }
    return columns;
}

size_t text_prefix(const char *text, size_t columns)
{
    size_t used = 0;
    size_t at = 0;
    while (text[at] != '\0') {
        size_t len;
        size_t width = width_of(decode(text + at, &len));
        if (used + width > columns) {
            break;
        }
        used += width;
        at += len;
    }
    return at;
}

size_t text_words(const char *text, size_t columns)
{
    size_t fits = text_prefix(text, columns);
    if (text[fits] == '\0' || text[fits] == ' ') {
        return fits;
    }
    while (fits > 0 && text[fits - 1] != ' ') {
        fits--;
    }
    while (fits > 0 && text[fits - 1] == ' ') {
        fits--;
    }
    return fits;
}

/* First and last of each range that could steer or mislead a terminal or its reader. */
static const int32_t hidden[][2] = {
    { 0x00, 0x1f },       /* C0 controls, ESC among them */
    { 0x7f, 0x9f },       /* DEL and C1 controls, CSI among them */
    { 0xad, 0xad },       /* soft hyphen */
    { 0x61c, 0x61c },     /* Arabic letter mark */
    { 0x200b, 0x200b },   /* zero width space */
    { 0x200e, 0x200f },   /* direction marks; the joiners before them belong to real names */
    { 0x2028, 0x202e },   /* line and paragraph separator, direction embeddings and overrides */
    { 0x2060, 0x206f },   /* invisible operators, direction isolates */
    { 0xfeff, 0xfeff },   /* byte order mark */
    { 0xfff9, 0xfffb },   /* annotations */
    { 0xe0000, 0xe0fff }, /* tags */
};

static bool is_hidden(int32_t character)
{
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        if (character >= hidden[i][0] && character <= hidden[i][1]) {
            return true;
        }
    }
    return false;
}

static void write_escape(FILE *out, int32_t character)
{
    if (character == '\n') {
        (void)fputs("\\n", out);
    } else if (character == '\t') {
        (void)fputs("\\t", out);
    } else if (character < 0x100) {
        (void)fprintf(out, "\\x%02x", (unsigned)character);
    } else {
        (void)fprintf(out, character > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)character);
    }
}

char *text_visible(const char *text, bool keep_lines)
{
    char *copy = NULL;
    size_t size = 0;
    FILE *out = must_have(open_memstream(&copy, &size));
    size_t len;
    for (; *text != '\0'; text += len) {
        int32_t character = decode(text, &len);
        if (character == NOT_UTF8) {
            write_escape(out, (unsigned char)*text);
        } else if (is_hidden(character) && !(keep_lines && (character == '\n' || character == '\t'))) {
            write_escape(out, character);
        } else {
            (void)fwrite(text, 1, len, out);
        }
    }
    (void)fclose(out);
    return must_have(copy);
}
