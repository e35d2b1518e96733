/*
 * store/cbor - deterministic CBOR (RFC 8949 section 4.2.1), written and read with limits.
 *
 * Only what the log uses: integers, byte and text strings, arrays, maps, booleans and null; definite lengths, shortest heads.
 * Anything else, and any head that is not the shortest, does not read. The reader is libcbor's streaming decoder behind
 * a cursor that never allocates.
 *
 * Both sides are sticky: after the first failure every further call does nothing (the reader gives zeros) and
 * cbor_writer_end / cbor_reader_end return the failure. So a codec reads top to bottom without a check a line; loops must
 * still be bounded by the counts that the reader has checked.
 */
#ifndef STORE_CBOR_H
#define STORE_CBOR_H

#include "base/bytes.h"

#define CBOR_DEPTH_MAX 8

struct cbor_writer {
    struct buf *out;
    enum err_code rc;
    struct error *err;
};

struct cbor_writer cbor_writer_begin(struct buf *out, struct error *err);
void cbor_put_uint(struct cbor_writer *w, uint64_t value);
void cbor_put_int(struct cbor_writer *w, int64_t value);
void cbor_put_bytes(struct cbor_writer *w, const void *data, size_t len);
void cbor_put_text(struct cbor_writer *w, struct slice text);
void cbor_put_array(struct cbor_writer *w, size_t count);
void cbor_put_map(struct cbor_writer *w, size_t pairs);
void cbor_put_bool(struct cbor_writer *w, bool value);
void cbor_put_null(struct cbor_writer *w);
void cbor_put_encoded(struct cbor_writer *w, struct slice item); /* one item that is already deterministic CBOR */
MUST_USE enum err_code cbor_writer_end(struct cbor_writer *w);

enum cbor_type { CBOR_END, CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_BOOL, CBOR_NULL };

struct cbor_reader {
    struct slice in;
    size_t at;
    enum err_code rc;
    struct error *err;
};

struct cbor_reader cbor_reader_begin(struct slice in, struct error *err);
bool cbor_ok(const struct cbor_reader *r);

/* The type of the next item; CBOR_END at the end or after a failure. */
enum cbor_type cbor_peek(struct cbor_reader *r);

uint64_t cbor_get_uint(struct cbor_reader *r, uint64_t max);
int64_t cbor_get_int(struct cbor_reader *r, int64_t min, int64_t max);
struct slice cbor_get_bytes(struct cbor_reader *r, size_t min, size_t max);
/* Exactly `len` bytes into `out`; zeros after a failure. */
void cbor_get_fixed(struct cbor_reader *r, uint8_t *out, size_t len);
struct slice cbor_get_text(struct cbor_reader *r, size_t max); /* valid UTF-8, no NUL */
size_t cbor_get_array(struct cbor_reader *r, size_t max);
size_t cbor_get_map(struct cbor_reader *r, size_t max);
bool cbor_get_bool(struct cbor_reader *r);
void cbor_get_null(struct cbor_reader *r);
struct slice cbor_skip(struct cbor_reader *r); /* one whole item of at most CBOR_DEPTH_MAX levels; its bytes */
/* Fails the reader with ERR_PROTOCOL and this text: for what a codec finds wrong itself. */
void cbor_reject(struct cbor_reader *r, const char *what);
/* The failure, or ERR_PROTOCOL when bytes are left over. */
MUST_USE enum err_code cbor_reader_end(struct cbor_reader *r);

#endif
