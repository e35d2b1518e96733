/* Segments of which a part came before the line broke: the device goes on from there. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/endpoint/core/private.h"

enum {
    BEGUN_MAX = 64,                 /* devices */
    BEGUN_BYTES = 16 * 1024 * 1024, /* of all of them */
    BEGUN_LEN_MIN = 1024,
};

struct begun {
    struct begun *next; /* newest first */
    uint8_t device[DEVICE_ID_BYTES];
    uint32_t incarnation;
    struct buf bytes;
};

static struct begun **find(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES])
{
    struct begun **at = &centre->begun;
    while (*at != NULL && memcmp((*at)->device, device, DEVICE_ID_BYTES) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void drop(struct begun **at)
{
    struct begun *begun = *at;
    *at = begun->next;
    buf_fini(&begun->bytes);
    free(begun);
}

void begun_drop(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES])
{
    struct begun **at = find(centre, device);
    if (*at != NULL) {
        drop(at);
    }
}

void begun_drop_all(struct centre *centre)
{
    while (centre->begun != NULL) {
        drop(&centre->begun);
    }
}

/* What is over the bounds goes, oldest first; the newest always fits. */
static void keep_bounds(struct centre *centre)
{
    size_t count = 0;
    size_t bytes = 0;
    for (struct begun **at = &centre->begun; *at != NULL;) {
        count++;
        bytes += (*at)->bytes.len;
        if (count > BEGUN_MAX || bytes > BEGUN_BYTES) {
            drop(at);
        } else {
            at = &(*at)->next;
        }
    }
}

static enum err_code keep(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                          struct buf *bytes, struct error *err)
{
    struct begun *begun = calloc(1, sizeof(*begun));
    if (begun == NULL) {
        return FAIL(err, NO_MEMORY, "keep what came of a segment");
    }
    begun_drop(centre, device);
    begun->incarnation = incarnation;
    memcpy(begun->device, device, DEVICE_ID_BYTES);
    begun->bytes = *bytes;
    buf_init(bytes, 0);
    begun->next = centre->begun;
    centre->begun = begun;
    keep_bounds(centre);
    return ERR_OK;
}

struct exchange_begun begun_of(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation)
{
    const struct begun *begun = *find(centre, device);
    bool known = begun != NULL && begun->incarnation == incarnation;
    return known ? exchange_begun_of(buf_slice(&begun->bytes)) : (struct exchange_begun){ 0 };
}

enum err_code begun_join(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                         const struct exchange_begun *from, struct slice rest, struct buf *out, struct error *err)
{
    const struct begun *begun = *find(centre, device);
    if (begun == NULL || begun->incarnation != incarnation || begun->bytes.len < from->len) {
        return ERR_OK;
    }
    struct slice before = slice_of(begun->bytes.data, from->len);
    struct exchange_begun ours = exchange_begun_of(before);
    if (!exchange_begun_equal(&ours, from)) {
        return ERR_OK;
    }
    TRY(buf_append(out, before.data, before.len, err));
    return buf_append(out, rest.data, rest.len, err);
}

enum err_code centre_cut_short(struct centre *centre, struct slice peer, struct slice request, int64_t now_ms,
                               struct error *err)
{
    struct certificate certificate;
    struct centre_device device;
    struct exchange_cut cut;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, SEGMENT_BYTES_MAX);
    TRY(peer_device(centre, peer, now_ms, &certificate, &device, err));
    TRY(exchange_cut_decode(request, &cut, err));
    if (cut.begun.len > 0) {
        TRY(begun_join(centre, device.device, cut.incarnation, &cut.begun, cut.bytes, &bytes, err));
    } else {
        TRY(buf_append(&bytes, cut.bytes.data, cut.bytes.len, err));
    }
    if (bytes.len < BEGUN_LEN_MIN) {
        return ERR_OK;
    }
    LOG_DEBUG("segment_cut_short", "kept=%zu", bytes.len);
    return keep(centre, device.device, cut.incarnation, &bytes, err);
}
