#include "agent/spool.h"

#include <stdlib.h>
#include <zlib.h>

enum { PIECE_BYTES = 65536, LEVEL = 1, PUT_MAX = 1 << 30 };

struct piece {
    struct piece *next;
    size_t len;
    uint8_t bytes[PIECE_BYTES];
};

struct spool {
    struct piece *first;
    struct piece *last;
    size_t packed;
    uint64_t length;
    z_stream deflate;
    z_stream inflate;
    bool deflating; /* `deflate` is in use */
    bool inflating;
    bool whole;
};

enum err_code spool_new(struct spool **ret_spool, struct error *err)
{
    struct spool *spool = calloc(1, sizeof(*spool));
    if (spool == NULL || deflateInit(&spool->deflate, LEVEL) != Z_OK) {
        free(spool);
        return FAIL(err, NO_MEMORY, "keep a long answer: out of memory");
    }
    spool->deflating = true;
    *ret_spool = spool;
    return ERR_OK;
}

static enum err_code room(struct spool *spool, struct error *err)
{
    if (spool->last != NULL && spool->last->len < PIECE_BYTES) {
        return ERR_OK;
    }
    if (spool->packed + PIECE_BYTES > SPOOL_BYTES_MAX) {
        return FAIL(err, LIMIT, "keep a long answer: more than %zu bytes when compressed; ask for less",
                    SPOOL_BYTES_MAX);
    }
    struct piece *piece = malloc(sizeof(*piece));
    if (piece == NULL) {
        return FAIL(err, NO_MEMORY, "keep a long answer: out of memory");
    }
    piece->next = NULL;
    piece->len = 0;
    *(spool->last == NULL ? &spool->first : &spool->last->next) = piece;
    spool->last = piece;
    spool->packed += PIECE_BYTES;
    return ERR_OK;
}

static enum err_code deflate_some(struct spool *spool, struct slice bytes, int flush, struct error *err)
{
    z_stream *deflater = &spool->deflate;
    int rc = Z_OK;
    CHECK(spool->deflating && bytes.len <= PUT_MAX);
    deflater->next_in = (Bytef *)(uintptr_t)bytes.data;
    deflater->avail_in = (unsigned)bytes.len;
    do {
        TRY(room(spool, err));
        struct piece *piece = spool->last;
        deflater->next_out = piece->bytes + piece->len;
        deflater->avail_out = (unsigned)(PIECE_BYTES - piece->len);
        rc = deflate(deflater, flush);
        CHECK(rc != Z_STREAM_ERROR);
        piece->len = PIECE_BYTES - deflater->avail_out;
    } while (flush == Z_FINISH ? rc != Z_STREAM_END : deflater->avail_in > 0 || deflater->avail_out == 0);
    return ERR_OK;
}

enum err_code spool_put(struct spool *spool, struct slice bytes, struct error *err)
{
    spool->length += bytes.len;
    return deflate_some(spool, bytes, Z_NO_FLUSH, err);
}

enum err_code spool_end(struct spool *spool, struct error *err)
{
    TRY(deflate_some(spool, slice_of("", 0), Z_FINISH, err));
    (void)deflateEnd(&spool->deflate);
    spool->deflating = false;
    if (inflateInit(&spool->inflate) != Z_OK) {
        return FAIL(err, NO_MEMORY, "keep a long answer: out of memory");
    }
    spool->inflating = true;
    return ERR_OK;
}

uint64_t spool_length(const struct spool *spool)
{
    return spool->length;
}

static void drop_first(struct spool *spool)
{
    struct piece *piece = spool->first;
    spool->first = piece->next;
    spool->last = spool->first == NULL ? NULL : spool->last;
    free(piece);
}

/* The piece that is read is at next_in until all of it was taken. */
static void feed(struct spool *spool)
{
    if (spool->inflate.avail_in > 0 || spool->first == NULL) {
        return;
    }
    if (spool->inflate.next_in != NULL) {
        drop_first(spool);
    }
    spool->inflate.next_in = spool->first != NULL ? spool->first->bytes : NULL;
    spool->inflate.avail_in = spool->first != NULL ? (unsigned)spool->first->len : 0;
}

enum err_code spool_read(struct spool *spool, uint8_t *out, size_t max, size_t *ret_len, struct error *err)
{
    z_stream *inflater = &spool->inflate;
    CHECK(spool->inflating && max <= PUT_MAX);
    inflater->next_out = out;
    inflater->avail_out = (unsigned)max;
    while (!spool->whole && inflater->avail_out > 0) {
        feed(spool);
        int rc = inflate(inflater, Z_NO_FLUSH);
        spool->whole = rc == Z_STREAM_END;
        if (rc != Z_OK && rc != Z_STREAM_END) {
            return FAIL(err, DAMAGED, "read a long answer back: it is not what was kept");
        }
    }
    *ret_len = max - inflater->avail_out;
    return ERR_OK;
}

void spool_free(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    while (spool->first != NULL) {
        drop_first(spool);
    }
    if (spool->deflating) {
        (void)deflateEnd(&spool->deflate);
    }
    if (spool->inflating) {
        (void)inflateEnd(&spool->inflate);
    }
    free(spool);
}
