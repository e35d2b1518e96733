#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slice slice_of_text(const char *text)
{
    return slice_of(text, strlen(text));
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){ .max = max };
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){ .max = buf->max };
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data, buf->len);
}

enum err_code buf_reserve(struct buf *buf, size_t more, struct error *err)
{
    if (more > buf->max || buf->len > buf->max - more) {
        return FAIL(err, LIMIT, "grow a buffer past its limit of %zu bytes", buf->max);
    }
    size_t need = buf->len + more;
    if (need <= buf->capacity) {
        return ERR_OK;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < need) {
        capacity = capacity > buf->max / 2 ? buf->max : capacity * 2;
    }
    uint8_t *data = realloc(buf->data, capacity);
    if (data == NULL) {
        return FAIL(err, NO_MEMORY, "grow a buffer to %zu bytes", capacity);
    }
    buf->data = data;
    buf->capacity = capacity;
    return ERR_OK;
}

enum err_code buf_append(struct buf *buf, const void *data, size_t len, struct error *err)
{
    if (len == 0) {
        return ERR_OK;
    }
    TRY(buf_reserve(buf, len, err));
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return ERR_OK;
}

enum err_code buf_append_text(struct buf *buf, const char *text, struct error *err)
{
    return buf_append(buf, text, strlen(text), err);
}

enum err_code buf_append_format(struct buf *buf, struct error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(need >= 0);
    /* room for the NUL too, which vsnprintf writes and len leaves out */
    TRY(buf_reserve(buf, (size_t)need + 1, err));
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->len, (size_t)need + 1, format, args);
    va_end(args);
    buf->len += (size_t)need;
    return ERR_OK;
}

void put_be32(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

void put_be64(uint8_t out[8], uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

uint32_t get_be32(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

uint64_t get_be64(const uint8_t in[8])
{
    return (uint64_t)get_be32(in) << 32 | get_be32(in + 4);
}

void hex_encode(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool hex_decode(const char *text, uint8_t *out, size_t len)
{
    if (strnlen(text, 2 * len + 1) != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Length of the well-formed sequence at `at`, 0 if there is none. */
static size_t utf8_sequence(struct slice text, size_t at)
{
    uint8_t lead = text.data[at];
    if (lead < 0x80) {
        return 1;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || length > text.len - at) {
        return 0;
    }
    uint8_t second = text.data[at + 1];
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((text.data[at + i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool utf8_valid(struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        size_t length = utf8_sequence(text, at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}
