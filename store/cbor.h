/*
 * store/cbor - deterministic CBOR (RFC 8949 section 4.2.1), written and read with limits.
 *
 * Only what the log uses: integers, byte and text strings, arrays, maps, booleans and null; definite lengths, shortest
 * heads. Anything else, and any head that is not the shortest, does not read. The reader is libcbor's streaming decoder
 * behind a cursor that never allocates; names begin with dcbor_ (deterministic CBOR) because libcbor has the shorter
 * ones.
 *
 * Both sides are sticky: after the first failure every further call does nothing (the reader gives zeros) and
 * dcbor_writer_end / dcbor_reader_end return the failure. So a codec reads top to bottom without a check a line; loops
 * must still be bounded by the counts that the reader has checked.
 */
#ifndef STORE_CBOR_H
#define STORE_CBOR_H

#include "base/bytes.h"

#define DCBOR_DEPTH_MAX 8

struct dcbor_writer {
    struct buf *out;
    enum err_code rc;
    struct error *err;
};

struct dcbor_writer dcbor_writer_begin(struct buf *out, struct error *err);
void dcbor_put_uint(struct dcbor_writer *w, uint64_t value);
void dcbor_put_int(struct dcbor_writer *w, int64_t value);
void dcbor_put_bytes(struct dcbor_writer *w, const void *data, size_t len);
void dcbor_put_text(struct dcbor_writer *w, struct slice text);
void dcbor_put_array(struct dcbor_writer *w, size_t count);
void dcbor_put_map(struct dcbor_writer *w, size_t pairs);
void dcbor_put_bool(struct dcbor_writer *w, bool value);
void dcbor_put_null(struct dcbor_writer *w);
MUST_USE enum err_code dcbor_writer_end(struct dcbor_writer *w);

enum dcbor_type {
    DCBOR_END,
    DCBOR_UINT,
    DCBOR_NEGATIVE,
    DCBOR_BYTES,
    DCBOR_TEXT,
    DCBOR_ARRAY,
    DCBOR_MAP,
    DCBOR_BOOL,
    DCBOR_NULL
};

struct dcbor_reader {
    struct slice in;
    size_t at;
    enum err_code rc;
    struct error *err;
};

struct dcbor_reader dcbor_reader_begin(struct slice in, struct error *err);
bool dcbor_ok(const struct dcbor_reader *r);

/* The type of the next item; DCBOR_END at the end or after a failure. */
enum dcbor_type dcbor_peek(struct dcbor_reader *r);

uint64_t dcbor_get_uint(struct dcbor_reader *r, uint64_t max);
int64_t dcbor_get_int(struct dcbor_reader *r, int64_t min, int64_t max);
struct slice dcbor_get_bytes(struct dcbor_reader *r, size_t min, size_t max);
/* Exactly `len` bytes into `out`; zeros after a failure. */
void dcbor_get_fixed(struct dcbor_reader *r, uint8_t *out, size_t len);
struct slice dcbor_get_text(struct dcbor_reader *r, size_t max); /* valid UTF-8, no NUL */
size_t dcbor_get_array(struct dcbor_reader *r, size_t max);
size_t dcbor_get_map(struct dcbor_reader *r, size_t max);
bool dcbor_get_bool(struct dcbor_reader *r);
void dcbor_get_null(struct dcbor_reader *r);
struct slice dcbor_skip(struct dcbor_reader *r); /* one whole item of at most DCBOR_DEPTH_MAX levels; its bytes */
/* Fails the reader with ERR_PROTOCOL and this text: for what a codec finds wrong itself. */
void dcbor_reject(struct dcbor_reader *r, const char *what);
/* The failure, or ERR_PROTOCOL when bytes are left over. */
MUST_USE enum err_code dcbor_reader_end(struct dcbor_reader *r);

#endif
