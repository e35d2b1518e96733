/* A pack as it travels in a record: its JSON, byte for byte, as one zstd frame that says how long it is. */
#include <zstd.h>
#include <zstd_errors.h>

#include "store/programme/programme.h"

enum { LEVEL = 19 };

enum err_code programme_compress(struct slice json, struct buf *out, struct error *err)
{
    if (json.len > PROGRAMME_JSON_MAX) {
        return FAIL(err, LIMIT, "compress a programme pack: it has %zu bytes, %zu can be sent", json.len,
                    PROGRAMME_JSON_MAX);
    }
    SCOPED(buf_fini) struct buf packed;
    buf_init(&packed, SIZE_MAX / 2);
    TRY(buf_reserve(&packed, ZSTD_compressBound(json.len), err));
    size_t len = ZSTD_compress(packed.data, packed.capacity, json.data, json.len, LEVEL);
    if (ZSTD_isError(len)) {
        return FAIL(err, NO_MEMORY, "compress a programme pack: %s", ZSTD_getErrorName(len));
    }
    if (len > PROGRAMME_PACKED_MAX) {
        return FAIL(err, LIMIT,
                    "compress a programme pack: it still has %zu bytes when compressed, %zu can be sent; take out bank "
                    "holidays of years gone by, or shorten its texts",
                    len, PROGRAMME_PACKED_MAX);
    }
    return buf_append(out, packed.data, len, err);
}

/* One whole frame without a dictionary, of a length that is told and small enough; nothing behind it. */
static enum err_code check_frame(struct slice packed, size_t *ret_len, struct error *err)
{
    unsigned long long len = ZSTD_getFrameContentSize(packed.data, packed.len);
    size_t frame = ZSTD_findFrameCompressedSize(packed.data, packed.len);
    if (len == ZSTD_CONTENTSIZE_ERROR || len == ZSTD_CONTENTSIZE_UNKNOWN || ZSTD_isError(frame) ||
        frame != packed.len) {
        return FAIL(err, INVALID, "expand a programme pack: not one zstd frame that says how long it is");
    }
    if (len > PROGRAMME_JSON_MAX) {
        return FAIL(err, INVALID, "expand a programme pack: it would have %llu bytes, at most %zu are taken", len,
                    PROGRAMME_JSON_MAX);
    }
    *ret_len = (size_t)len;
    return ERR_OK;
}

enum err_code programme_expand(struct slice packed, struct buf *out, struct error *err)
{
    size_t len = 0;
    TRY(check_frame(packed, &len, err));
    TRY(buf_reserve(out, len + 1, err)); /* one more, so that there is memory also for none */
    size_t got = ZSTD_decompress(out->data + out->len, len, packed.data, packed.len);
    if (ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation) {
        return FAIL(err, NO_MEMORY, "expand a programme pack");
    }
    if (ZSTD_isError(got) || got != len) {
        return FAIL(err, INVALID, "expand a programme pack: damaged, or longer than it says");
    }
    out->len += len;
    return ERR_OK;
}
