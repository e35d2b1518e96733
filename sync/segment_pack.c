#include "sync/segment_wire.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

/* Made by hf_embed from dictionary-1.txt: fixed for ever by the protocol as dictionary 1. */
extern const unsigned char segment_dictionary_1[];
extern const size_t segment_dictionary_1_size;

/* RFC 8878 section 3.1.1: every frame begins with this, so it does not travel. */
static const uint8_t frame_magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

/* The level's own table of matches is 4 to 16 times as large, and saves less than a hundredth of a segment. */
enum { ZSTD_LEVEL = 5, HASH_LOG = 15, WINDOW_LOG_MAX = 23 };

static void cctx_free(ZSTD_CCtx **ctx)
{
    (void)ZSTD_freeCCtx(*ctx);
}

static void dctx_free(ZSTD_DCtx **ctx)
{
    (void)ZSTD_freeDCtx(*ctx);
}

static enum err_code compress(struct slice in, uint8_t *out, size_t capacity, size_t *ret_len, struct error *err)
{
    SCOPED(cctx_free) ZSTD_CCtx *ctx = ZSTD_createCCtx();
    if (ctx == NULL) {
        return FAIL(err, NO_MEMORY, "set compression up");
    }
    /* settings the library accepts by its own documentation; a refusal would be our own bug */
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, ZSTD_LEVEL)));
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_hashLog, HASH_LOG)));
    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 0)));
    CHECK(!ZSTD_isError(ZSTD_CCtx_refPrefix(ctx, segment_dictionary_1, segment_dictionary_1_size)));
    size_t len = ZSTD_compress2(ctx, out, capacity, in.data, in.len);
    if (ZSTD_isError(len)) {
        return FAIL(err, NO_MEMORY, "compress %zu bytes: %s", in.len, ZSTD_getErrorName(len));
    }
    *ret_len = len;
    return ERR_OK;
}

enum err_code pack(struct slice in, struct buf *out, uint8_t *ret_flags, struct error *err)
{
    size_t capacity = ZSTD_compressBound(in.len);
    SCOPED(scoped_free) uint8_t *frame = malloc(capacity);
    if (frame == NULL) {
        return FAIL(err, NO_MEMORY, "compress %zu bytes", in.len);
    }
    size_t len = 0;
    TRY(compress(in, frame, capacity, &len, err));
    CHECK(len > sizeof(frame_magic) && memcmp(frame, frame_magic, sizeof(frame_magic)) == 0);
    bool smaller = len - sizeof(frame_magic) < in.len;
    *ret_flags = smaller ? SEGMENT_ZSTD | SEGMENT_DICTIONARY_1 : 0;
    return smaller ? buf_append(out, frame + sizeof(frame_magic), len - sizeof(frame_magic), err)
                   : buf_append(out, in.data, in.len, err);
}

/* One frame that says how much it holds, exactly; not a byte more. */
static enum err_code decompress(struct slice frame, uint8_t *out, size_t len, struct error *err)
{
    SCOPED(dctx_free) ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (ctx == NULL) {
        return FAIL(err, NO_MEMORY, "set decompression up");
    }
    CHECK(!ZSTD_isError(ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)));
    CHECK(!ZSTD_isError(ZSTD_DCtx_refPrefix(ctx, segment_dictionary_1, segment_dictionary_1_size)));
    size_t got = ZSTD_decompressDCtx(ctx, out, len, frame.data, frame.len);
    if (ZSTD_isError(got) || got != len || ZSTD_findFrameCompressedSize(frame.data, frame.len) != frame.len) {
        return FAIL(err, PROTOCOL, "read a segment: %s",
                    ZSTD_isError(got) ? ZSTD_getErrorName(got) : "it holds something else than it says");
    }
    return ERR_OK;
}

enum err_code unpack(struct slice in, uint8_t **ret_bytes, size_t *ret_len, struct error *err)
{
    CHECK(in.len <= SEGMENT_BYTES_MAX);
    size_t frame_len = sizeof(frame_magic) + in.len;
    SCOPED(scoped_free) uint8_t *frame = malloc(frame_len);
    if (frame == NULL) {
        return FAIL(err, NO_MEMORY, "read a segment of %zu bytes", in.len);
    }
    memcpy(frame, frame_magic, sizeof(frame_magic));
    if (in.len > 0) {
        memcpy(frame + sizeof(frame_magic), in.data, in.len);
    }
    unsigned long long size = ZSTD_getFrameContentSize(frame, frame_len);
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size == 0) {
        return FAIL(err, PROTOCOL, "read a segment: its frame does not say how much it holds");
    }
    if (size > SEGMENT_INFLATED_MAX) {
        return FAIL(err, LIMIT, "read a segment: it holds more than %d bytes", SEGMENT_INFLATED_MAX);
    }
    SCOPED(scoped_free) uint8_t *bytes = malloc((size_t)size);
    if (bytes == NULL) {
        return FAIL(err, NO_MEMORY, "read a segment of %llu bytes", size);
    }
    TRY(decompress(slice_of(frame, frame_len), bytes, (size_t)size, err));
    *ret_bytes = bytes;
    *ret_len = (size_t)size;
    bytes = NULL;
    return ERR_OK;
}
