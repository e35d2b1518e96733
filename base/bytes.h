/*
 * base/bytes - borrowed and growing bytes, big-endian numbers, hexadecimal.
 *
 * Ownership:  a slice borrows; a buf owns. buf_fini releases and may be called twice.
 * Limits:     a buf never grows past the maximum given at buf_init; reaching it is ERR_LIMIT with the content
 * unchanged.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct slice {
    const uint8_t *data;
    size_t len;
};

static inline struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){ .data = data, .len = len };
}

struct slice slice_of_text(const char *text);
bool slice_equal(struct slice a, struct slice b);

struct buf {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t max;
};

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
struct slice buf_slice(const struct buf *buf);

/* Makes room for `more` bytes after len without changing len. */
MUST_USE enum err_code buf_reserve(struct buf *buf, size_t more, struct error *err);
MUST_USE enum err_code buf_append(struct buf *buf, const void *data, size_t len, struct error *err);
MUST_USE enum err_code buf_append_text(struct buf *buf, const char *text, struct error *err);
MUST_USE enum err_code buf_append_format(struct buf *buf, struct error *err, const char *format, ...) PRINTF_LIKE(3, 4);

void put_be32(uint8_t out[4], uint32_t value);
void put_be64(uint8_t out[8], uint64_t value);
uint32_t get_be32(const uint8_t in[4]);
uint64_t get_be64(const uint8_t in[8]);

/* `out` takes 2 * len + 1 bytes, lower case, with the closing NUL. */
void hex_encode(const uint8_t *data, size_t len, char *out);

/* Exactly 2 * len hexadecimal digits; false otherwise. */
bool hex_decode(const char *text, uint8_t *out, size_t len);

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(struct slice text);

#endif
