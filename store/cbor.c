#include "store/cbor.h"

#include <string.h>

#include <cbor.h>

/* RFC 8949 section 3.1: the major types in the top three bits of a head. */
enum {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
    HEAD_MAX = 9
};
enum { SIMPLE_FALSE = 0xf4, SIMPLE_TRUE = 0xf5, SIMPLE_NULL = 0xf6 };

/* The shortest head (RFC 8949 section 4.2.1); returns its length. */
static size_t head_encode(unsigned major, uint64_t value, uint8_t out[HEAD_MAX])
{
    uint8_t top = (uint8_t)(major << 5);
    if (value < 24) {
        out[0] = (uint8_t)(top | value);
        return 1;
    }
    unsigned log2_bytes = value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
    size_t bytes = (size_t)1 << log2_bytes;
    out[0] = (uint8_t)(top | (24 + log2_bytes));
    for (size_t i = 0; i < bytes; i++) {
        out[1 + i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
    return 1 + bytes;
}

struct dcbor_writer dcbor_writer_begin(struct buf *out, struct error *err)
{
    return (struct dcbor_writer){ .out = out, .rc = ERR_OK, .err = err };
}

static void put(struct dcbor_writer *w, const void *data, size_t len)
{
    if (w->rc == ERR_OK) {
        w->rc = buf_append(w->out, data, len, w->err);
    }
}

static void put_head(struct dcbor_writer *w, unsigned major, uint64_t value)
{
    uint8_t head[HEAD_MAX];
    put(w, head, head_encode(major, value, head));
}

void dcbor_put_uint(struct dcbor_writer *w, uint64_t value)
{
    put_head(w, MAJOR_UINT, value);
}

void dcbor_put_int(struct dcbor_writer *w, int64_t value)
{
    if (value >= 0) {
        put_head(w, MAJOR_UINT, (uint64_t)value);
    } else {
        put_head(w, MAJOR_NEGATIVE, (uint64_t)(-(value + 1)));
    }
}

void dcbor_put_bytes(struct dcbor_writer *w, const void *data, size_t len)
{
    put_head(w, MAJOR_BYTES, len);
    put(w, data, len);
}

void dcbor_put_text(struct dcbor_writer *w, struct slice text)
{
    put_head(w, MAJOR_TEXT, text.len);
    put(w, text.data, text.len);
}

void dcbor_put_array(struct dcbor_writer *w, size_t count)
{
    put_head(w, MAJOR_ARRAY, count);
}

void dcbor_put_map(struct dcbor_writer *w, size_t pairs)
{
    put_head(w, MAJOR_MAP, pairs);
}

void dcbor_put_bool(struct dcbor_writer *w, bool value)
{
    uint8_t byte = value ? SIMPLE_TRUE : SIMPLE_FALSE;
    put(w, &byte, 1);
}

void dcbor_put_null(struct dcbor_writer *w)
{
    uint8_t byte = SIMPLE_NULL;
    put(w, &byte, 1);
}

enum err_code dcbor_writer_end(struct dcbor_writer *w)
{
    return w->rc;
}

/* ---- reading: libcbor's streaming decoder gives one item a call; this keeps what it said ---- */

struct token {
    enum dcbor_type type;
    uint64_t number; /* value, length or count; for a negative -1 - value */
    struct slice bytes;
};

static void on_uint8(void *context, uint8_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_UINT, .number = value };
}

static void on_uint16(void *context, uint16_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_UINT, .number = value };
}

static void on_uint32(void *context, uint32_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_UINT, .number = value };
}

static void on_uint64(void *context, uint64_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_UINT, .number = value };
}

static void on_negative8(void *context, uint8_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_NEGATIVE, .number = value };
}

static void on_negative16(void *context, uint16_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_NEGATIVE, .number = value };
}

static void on_negative32(void *context, uint32_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_NEGATIVE, .number = value };
}

static void on_negative64(void *context, uint64_t value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_NEGATIVE, .number = value };
}

static void on_bytes(void *context, cbor_data data, size_t len)
{
    *(struct token *)context = (struct token){ .type = DCBOR_BYTES, .number = len, .bytes = slice_of(data, len) };
}

static void on_text(void *context, cbor_data data, size_t len)
{
    *(struct token *)context = (struct token){ .type = DCBOR_TEXT, .number = len, .bytes = slice_of(data, len) };
}

static void on_array(void *context, size_t count)
{
    *(struct token *)context = (struct token){ .type = DCBOR_ARRAY, .number = count };
}

static void on_map(void *context, size_t pairs)
{
    *(struct token *)context = (struct token){ .type = DCBOR_MAP, .number = pairs };
}

static void on_bool(void *context, bool value)
{
    *(struct token *)context = (struct token){ .type = DCBOR_BOOL, .number = value };
}

static void on_null(void *context)
{
    *(struct token *)context = (struct token){ .type = DCBOR_NULL };
}

/* What the log does not use leaves the token as it was: DCBOR_END, which does not read. */
static void on_float2(void *context, float value)
{
    (void)context;
    (void)value;
}

static void on_float8(void *context, double value)
{
    (void)context;
    (void)value;
}

static void on_tag(void *context, uint64_t value)
{
    (void)context;
    (void)value;
}

static void on_other(void *context)
{
    (void)context;
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negative8,
    .negint16 = on_negative16,
    .negint32 = on_negative32,
    .negint64 = on_negative64,
    .byte_string = on_bytes,
    .byte_string_start = on_other,
    .string = on_text,
    .string_start = on_other,
    .array_start = on_array,
    .indef_array_start = on_other,
    .map_start = on_map,
    .indef_map_start = on_other,
    .tag = on_tag,
    .float2 = on_float2,
    .float4 = on_float2,
    .float8 = on_float8,
    .undefined = on_other,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_other,
};

/* RFC 8949 section 4.2.1: only the shortest head is deterministic. */
static bool head_is_shortest(const struct token *token, size_t read)
{
    static const unsigned majors[] = {
        [DCBOR_UINT] = MAJOR_UINT, [DCBOR_NEGATIVE] = MAJOR_NEGATIVE, [DCBOR_BYTES] = MAJOR_BYTES,
        [DCBOR_TEXT] = MAJOR_TEXT, [DCBOR_ARRAY] = MAJOR_ARRAY,       [DCBOR_MAP] = MAJOR_MAP,
    };
    if (token->type == DCBOR_BOOL || token->type == DCBOR_NULL) {
        return read == 1;
    }
    uint8_t head[HEAD_MAX];
    return head_encode(majors[token->type], token->number, head) == read - token->bytes.len;
}

struct dcbor_reader dcbor_reader_begin(struct slice in, struct error *err)
{
    return (struct dcbor_reader){ .in = in, .rc = ERR_OK, .err = err };
}

bool dcbor_ok(const struct dcbor_reader *r)
{
    return r->rc == ERR_OK;
}

void dcbor_reject(struct dcbor_reader *r, const char *what)
{
    if (r->rc == ERR_OK) {
        r->rc = FAIL(r->err, PROTOCOL, "read cbor: %s at byte %zu", what, r->at);
    }
}

/* The next item without moving; *ret_read is its length. A token of type DCBOR_END: nothing that reads. */
static struct token look(const struct dcbor_reader *r, size_t *ret_read)
{
    struct token token = { .type = DCBOR_END };
    *ret_read = 0;
    if (r->rc != ERR_OK || r->at >= r->in.len) {
        return token;
    }
    struct cbor_decoder_result result = cbor_stream_decode(r->in.data + r->at, r->in.len - r->at, &callbacks, &token);
    if (result.status != CBOR_DECODER_FINISHED || token.type == DCBOR_END || !head_is_shortest(&token, result.read)) {
        return (struct token){ .type = DCBOR_END };
    }
    *ret_read = result.read;
    return token;
}

enum dcbor_type dcbor_peek(struct dcbor_reader *r)
{
    size_t read;
    return look(r, &read).type;
}

static struct token take(struct dcbor_reader *r, enum dcbor_type type, const char *expected)
{
    size_t read;
    struct token token = look(r, &read);
    if (token.type != type) {
        dcbor_reject(r, expected);
        return (struct token){ .type = DCBOR_END };
    }
    r->at += read;
    return token;
}

uint64_t dcbor_get_uint(struct dcbor_reader *r, uint64_t max)
{
    struct token token = take(r, DCBOR_UINT, "expected an unsigned integer");
    if (token.number > max) {
        dcbor_reject(r, "a number is out of range");
        return 0;
    }
    return token.number;
}

int64_t dcbor_get_int(struct dcbor_reader *r, int64_t min, int64_t max)
{
    bool negative = dcbor_peek(r) == DCBOR_NEGATIVE;
    struct token token = take(r, negative ? DCBOR_NEGATIVE : DCBOR_UINT, "expected an integer");
    if (token.number > INT64_MAX) {
        dcbor_reject(r, "a number is out of range");
        return 0;
    }
    int64_t value = negative ? -1 - (int64_t)token.number : (int64_t)token.number;
    if (r->rc == ERR_OK && (value < min || value > max)) {
        dcbor_reject(r, "a number is out of range");
    }
    return r->rc == ERR_OK ? value : 0;
}

struct slice dcbor_get_bytes(struct dcbor_reader *r, size_t min, size_t max)
{
    struct token token = take(r, DCBOR_BYTES, "expected a byte string");
    if (r->rc == ERR_OK && (token.bytes.len < min || token.bytes.len > max)) {
        dcbor_reject(r, "a byte string has the wrong length");
    }
    return r->rc == ERR_OK ? token.bytes : slice_of(NULL, 0);
}

void dcbor_get_fixed(struct dcbor_reader *r, uint8_t *out, size_t len)
{
    struct slice bytes = dcbor_get_bytes(r, len, len);
    if (r->rc == ERR_OK) {
        memcpy(out, bytes.data, len);
    } else {
        memset(out, 0, len);
    }
}

struct slice dcbor_get_text(struct dcbor_reader *r, size_t max)
{
    struct token token = take(r, DCBOR_TEXT, "expected a text string");
    if (r->rc == ERR_OK && token.bytes.len > max) {
        dcbor_reject(r, "a text string is too long");
    } else if (r->rc == ERR_OK && token.bytes.len > 0 &&
               (memchr(token.bytes.data, '\0', token.bytes.len) != NULL || !utf8_valid(token.bytes))) {
        dcbor_reject(r, "a text string is not utf-8");
    }
    return r->rc == ERR_OK ? token.bytes : slice_of(NULL, 0);
}

static size_t get_count(struct dcbor_reader *r, enum dcbor_type type, size_t max, const char *expected)
{
    struct token token = take(r, type, expected);
    if (token.number > max) {
        dcbor_reject(r, "an array or map has too many members");
        return 0;
    }
    return (size_t)token.number;
}

size_t dcbor_get_array(struct dcbor_reader *r, size_t max)
{
    return get_count(r, DCBOR_ARRAY, max, "expected an array");
}

size_t dcbor_get_map(struct dcbor_reader *r, size_t max)
{
    return get_count(r, DCBOR_MAP, max, "expected a map");
}

bool dcbor_get_bool(struct dcbor_reader *r)
{
    return take(r, DCBOR_BOOL, "expected a boolean").number != 0;
}

void dcbor_get_null(struct dcbor_reader *r)
{
    (void)take(r, DCBOR_NULL, "expected null");
}

/* Walks one item without recursion: `left[depth]` items are still to come at each level. */
struct slice dcbor_skip(struct dcbor_reader *r)
{
    size_t start = r->at;
    uint64_t left[DCBOR_DEPTH_MAX + 1] = { 1 };
    int depth = 0;
    while (depth >= 0 && r->rc == ERR_OK) {
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        size_t read;
        struct token token = look(r, &read);
        if (token.type == DCBOR_END) {
            dcbor_reject(r, "expected an item");
            break;
        }
        r->at += read;
        if (token.type != DCBOR_ARRAY && token.type != DCBOR_MAP) {
            continue;
        }
        if (depth == DCBOR_DEPTH_MAX || token.number > r->in.len) {
            dcbor_reject(r, "items nest too deep or claim too many members");
            break;
        }
        left[++depth] = token.type == DCBOR_MAP ? 2 * token.number : token.number;
    }
    return r->rc == ERR_OK ? slice_of(r->in.data + start, r->at - start) : slice_of(NULL, 0);
}

enum err_code dcbor_reader_end(struct dcbor_reader *r)
{
    if (r->rc == ERR_OK && r->at != r->in.len) {
        dcbor_reject(r, "bytes are left over");
    }
    return r->rc;
}
