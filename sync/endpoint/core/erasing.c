/*
 * How often a device may erase: each request with erasures costs a walk over its site's whole log, and the device next
 * to nothing.
 */
#include <string.h>

#include "sync/endpoint/core/private.h"

enum { HOUR_MS = 60 * 60 * 1000 };

static struct erasing *row_of(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms)
{
    struct erasing *oldest = &centre->erasing[0];
    for (size_t i = 0; i < ARRAY_LEN(centre->erasing); i++) {
        struct erasing *row = &centre->erasing[i];
        if (memcmp(row->device, device, DEVICE_ID_BYTES) == 0) {
            return row;
        }
        oldest = row->since_ms < oldest->since_ms ? row : oldest;
    }
    *oldest = (struct erasing){ .since_ms = now_ms };
    memcpy(oldest->device, device, DEVICE_ID_BYTES);
    return oldest;
}

enum err_code erasing_allow(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], const struct op_batch *ops,
                            int64_t now_ms, struct error *err)
{
    bool erases = false;
    for (size_t i = 0; i < ops->count; i++) {
        erases = erases || ops->ops[i].kind == KIND_ERASURE;
    }
    if (!erases) {
        return ERR_OK;
    }
    struct erasing *row = row_of(centre, device, now_ms);
    if (now_ms - row->since_ms >= HOUR_MS || now_ms < row->since_ms) {
        row->since_ms = now_ms;
        row->walks = 0;
    }
    if (row->walks >= ERASING_MAX) {
        return FAIL(err, BUSY, "take erasures: this device sent %d requests with some within an hour; the rest waits",
                    ERASING_MAX);
    }
    row->walks++;
    return ERR_OK;
}
