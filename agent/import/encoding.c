#include "agent/import/encoding.h"

#include <string.h>

/* Code points of the bytes 80 to 9F (Unicode's mapping table of code page 1252); 0 where it leaves them undefined. */
static const uint16_t windows_1252_high[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

const char *text_encoding_name(enum text_encoding encoding)
{
    static const char *const names[] = {
        [TEXT_UTF8] = "UTF-8",
        [TEXT_UTF8_BOM] = "UTF-8 with byte order mark",
        [TEXT_WINDOWS_1252] = "Windows-1252",
        [TEXT_UTF16LE] = "UTF-16LE",
    };
    CHECK((size_t)encoding < ARRAY_LEN(names));
    return names[encoding];
}

struct position {
    size_t line;
    size_t column; /* in characters */
};

/* Where the character after `before` stands. `before` is UTF-8. */
static struct position position_after(struct slice before)
{
    struct position at = { .line = 1, .column = 1 };
    for (size_t i = 0; i < before.len; i++) {
        uint8_t byte = before.data[i];
        bool crlf = byte == '\r' && i + 1 < before.len && before.data[i + 1] == '\n';
        if (byte == '\n' || (byte == '\r' && !crlf)) {
            at.line++;
            at.column = 1;
        } else if ((byte & 0xc0) != 0x80 && !crlf) {
            at.column++;
        }
    }
    return at;
}

static enum err_code refuse(struct slice before, const char *what, struct error *err)
{
    struct position at = position_after(before);
    return FAIL(err, INVALID, "read the file: line %zu, column %zu: %s", at.line, at.column, what);
}

/* Bytes of the well-formed character at the start of `rest`, 0 if there is none. */
static size_t character_len(struct slice rest)
{
    for (size_t len = 1; len <= 4 && len <= rest.len; len++) {
        if (utf8_valid(slice_of(rest.data, len))) {
            return len;
        }
    }
    return 0;
}

static size_t ascii_run(struct slice rest)
{
    size_t len = 0;
    while (len < rest.len && rest.data[len] < 0x80) {
        len++;
    }
    return len;
}

static struct slice slice_from(struct slice all, size_t at)
{
    return at == 0 ? all : slice_of(all.data + at, all.len - at); /* nothing may be added to a NULL pointer */
}

struct utf8_count {
    size_t good;      /* characters outside ASCII */
    size_t malformed; /* bytes */
    size_t first_malformed_at;
};

static struct utf8_count utf8_count(struct slice text)
{
    struct utf8_count count = { .first_malformed_at = text.len };
    for (size_t at = 0; at < text.len;) {
        size_t ascii = ascii_run(slice_from(text, at));
        at += ascii;
        if (ascii > 0) {
            continue;
        }
        size_t len = character_len(slice_from(text, at));
        if (len == 0) {
            count.malformed++;
            count.first_malformed_at = at < count.first_malformed_at ? at : count.first_malformed_at;
        } else {
            count.good++;
        }
        at += len == 0 ? 1 : len;
    }
    return count;
}

static size_t utf8_put(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (uint8_t)(leads[len] | point);
    return len;
}

static enum err_code decode_windows_1252(struct slice text, struct buf *out, struct error *err)
{
    size_t start = out->len;
    for (size_t at = 0; at < text.len;) {
        size_t ascii = ascii_run(slice_from(text, at));
        TRY(buf_append(out, text.data + at, ascii, err));
        at += ascii;
        if (at == text.len) {
            break;
        }
        uint8_t byte = text.data[at++];
        uint32_t point = byte < 0xa0 ? windows_1252_high[byte - 0x80] : byte;
        if (point == 0) {
            return refuse(slice_from(buf_slice(out), start),
                          "a byte that is no letter in UTF-8 or Windows-1252; save the file as 'CSV UTF-8'", err);
        }
        uint8_t utf8[4];
        TRY(buf_append(out, utf8, utf8_put(point, utf8), err));
    }
    return ERR_OK;
}

static uint32_t unit_at(struct slice text, size_t at)
{
    return (uint32_t)text.data[at] | (uint32_t)text.data[at + 1] << 8;
}

/* The code point at `at`, or 0 for NUL and for half a surrogate pair. */
static uint32_t utf16_point(struct slice text, size_t at, size_t *ret_len)
{
    uint32_t unit = unit_at(text, at);
    *ret_len = 2;
    if (unit < 0xd800 || unit > 0xdfff) {
        return unit;
    }
    uint32_t low = at + 4 <= text.len ? unit_at(text, at + 2) : 0;
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *ret_len = 4;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static enum err_code decode_utf16le(struct slice text, struct buf *out, struct error *err)
{
    size_t start = out->len;
    size_t len = 0;
    for (size_t at = 0; at < text.len; at += len) {
        uint32_t point = at + 2 <= text.len ? utf16_point(text, at, &len) : 0;
        if (point == 0) {
            return refuse(slice_from(buf_slice(out), start), "not UTF-16, which the file's first two bytes announce",
                          err);
        }
        uint8_t utf8[4];
        TRY(buf_append(out, utf8, utf8_put(point, utf8), err));
    }
    return ERR_OK;
}

static bool begins(struct slice file, const char *bytes, size_t len)
{
    return file.len >= len && memcmp(file.data, bytes, len) == 0;
}

/* What a person gives instead of a CSV file, known by its first bytes. */
static enum err_code refuse_other_formats(struct slice file, struct error *err)
{
    if (begins(file, "PK\x03\x04", 4) || begins(file, "\xd0\xcf\x11\xe0", 4)) {
        return FAIL(err, INVALID,
                    "read the file: it is a workbook (.xlsx, .ods or .xls), not text; open it and save it as CSV");
    }
    if (begins(file, "%PDF", 4)) {
        return FAIL(err, INVALID, "read the file: it is a PDF; export the spreadsheet itself and save it as CSV");
    }
    if (begins(file, "\xfe\xff", 2)) {
        return FAIL(err, INVALID, "read the file: it is UTF-16 big-endian; save it as 'CSV UTF-8'");
    }
    return ERR_OK;
}

static enum err_code decode_bytes(struct slice text, bool bom, struct buf *out, enum text_encoding *ret_encoding,
                                  struct error *err)
{
    const uint8_t *nul = memchr(text.data, 0, text.len);
    if (nul != NULL) {
        return refuse(slice_of(text.data, (size_t)(nul - text.data)),
                      "a NUL byte, which no text has; save the file as 'CSV UTF-8'", err);
    }
    struct utf8_count count = utf8_count(text);
    if (count.malformed > 0 && (bom || count.good > count.malformed)) {
        return refuse(slice_of(text.data, count.first_malformed_at),
                      "a byte that does not belong to UTF-8, as the rest of the file does; save it as 'CSV UTF-8'",
                      err);
    }
    if (count.malformed > 0) {
        *ret_encoding = TEXT_WINDOWS_1252;
        return decode_windows_1252(text, out, err);
    }
    *ret_encoding = bom ? TEXT_UTF8_BOM : TEXT_UTF8;
    return buf_append(out, text.data, text.len, err);
}

enum err_code text_decode(struct slice file, struct buf *out, enum text_encoding *ret_encoding, struct error *err)
{
    TRY(refuse_other_formats(file, err));
    if (file.len == 0) {
        *ret_encoding = TEXT_UTF8;
        return ERR_OK;
    }
    if (begins(file, "\xff\xfe", 2)) {
        TRY(decode_utf16le(slice_from(file, 2), out, err));
        *ret_encoding = TEXT_UTF16LE;
        return ERR_OK;
    }
    bool bom = begins(file, "\xef\xbb\xbf", 3);
    return decode_bytes(slice_from(file, bom ? 3 : 0), bom, out, ret_encoding, err);
}
