/*
 * Sealed pages and frames of the vault: nothing opens but what was sealed, where it was sealed.
 *
 *     byte 0     which: page 1, another page, a frame
 *     bytes 1-2  where in the sealed bytes the rest is laid over them with XOR
 */
#include <string.h>

#include "crypto/vault/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct frame_place PLACE = { .page_number = 5, .frame_number = 12, .salts = { 1, 2, 3, 4, 5, 6, 7, 8 } };

enum { WHICH = 3, HEAD = 3 };

static enum err_code close_as(struct seal *seal, int which, const uint8_t *page, uint8_t *out, struct error *err)
{
    return which == 2 ? seal_close_frame(seal, &PLACE, page, out, err)
                      : seal_close_page(seal, which == 0 ? 1 : PLACE.page_number, page, out, err);
}

static enum err_code open_as(struct seal *seal, int which, const uint8_t *sealed, uint8_t *out, struct error *err)
{
    return which == 2 ? seal_open_frame(seal, &PLACE, sealed, out, err)
                      : seal_open_page(seal, which == 0 ? 1 : PLACE.page_number, sealed, out, err);
}

static void seal_prepare(struct seal *seal)
{
    static const uint8_t KEY[32] = { 7 };
    static const uint8_t FILE_ID[16] = { 9 };
    struct error err;
    SCOPED(secret_free) struct secret key = { 0 };
    CHECK(secret_init(&err) == ERR_OK);
    CHECK(secret_copy(slice_of(KEY, sizeof(KEY)), &key, &err) == ERR_OK);
    CHECK(seal_init(seal, &key, 1, FILE_ID, &err) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct seal seal;
    static const uint8_t ZERO[PAGE_BYTES] = { 0 };
    uint8_t page[PAGE_BYTES] = "SQLite format 3";
    uint8_t sealed[PAGE_BYTES];
    uint8_t changed[PAGE_BYTES];
    uint8_t opened[PAGE_BYTES];
    struct error err;
    if (seal.closing == NULL) {
        seal_prepare(&seal);
    }
    if (size < HEAD) {
        return 0;
    }
    int which = data[0] % WHICH;
    size_t at = (size_t)(data[1] << 8 | data[2]) % PAGE_BYTES;
    memcpy(page + 100, data, size - HEAD < 3000 ? size - HEAD : 3000);
    CHECK(close_as(&seal, which, page, sealed, &err) == ERR_OK);
    memcpy(changed, sealed, sizeof(changed));
    for (size_t i = HEAD; i < size && at < PAGE_BYTES; i++, at++) {
        changed[at] ^= data[i];
    }
    bool same = memcmp(changed, sealed, sizeof(changed)) == 0;
    enum err_code rc = open_as(&seal, which, changed, opened, &err);
    CHECK(rc == (same ? ERR_OK : ERR_DAMAGED));
    CHECK(memcmp(opened, same ? page : ZERO, PAGE_BYTES) == 0);
    CHECK(open_as(&seal, (which + 1) % WHICH, sealed, opened, &err) == ERR_DAMAGED);
    return 0;
}
