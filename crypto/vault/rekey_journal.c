#include "crypto/vault/rekey_journal.h"

#include <string.h>

#include "crypto/digest.h"

static const uint8_t MAGIC[8] = { 'H', 'F', 'R', 'E', 'K', 'E', 'Y', 0 };
static const uint8_t BATCH_MAGIC[4] = { 'B', 'T', 'C', 'H' };

enum { FORMAT_VERSION = 1, AT_VERSION = 8, AT_PAGE_SIZE = 12, AT_FILE_ID = 16, AT_JOURNAL_ID = 32, AT_ZERO = 48 };

/* Offsets in a batch and in a page of it. */
enum {
    BATCH_COUNT = 4,
    BATCH_NUMBER = 8,
    BATCH_PAGES = 16,
    PAGE_NUMBER = 0,
    PAGE_OLD_NONCE = 4,
    PAGE_SEALED = PAGE_OLD_NONCE + NONCE_BYTES
};

enum err_code journal_begin(struct journal_batch *batch, const uint8_t file_id[16], struct error *err)
{
    uint8_t *header = batch->bytes;
    memset(header, 0, JOURNAL_HEADER_BYTES);
    memcpy(header, MAGIC, sizeof(MAGIC));
    put_be32(header + AT_VERSION, FORMAT_VERSION);
    put_be32(header + AT_PAGE_SIZE, PAGE_BYTES);
    memcpy(header + AT_FILE_ID, file_id, 16);
    batch->pages = 0;
    return random_bytes(header + AT_JOURNAL_ID, 16, err);
}

static size_t page_offset(unsigned index)
{
    return JOURNAL_HEADER_BYTES + BATCH_PAGES + (size_t)index * JOURNAL_PAGE_BYTES;
}

uint8_t *journal_page_add(struct journal_batch *batch, uint32_t page_number, const uint8_t old_nonce[NONCE_BYTES])
{
    CHECK(batch->pages < JOURNAL_BATCH_PAGES);
    uint8_t *page = batch->bytes + page_offset(batch->pages);
    batch->pages++;
    put_be32(page + PAGE_NUMBER, page_number);
    memcpy(page + PAGE_OLD_NONCE, old_nonce, NONCE_BYTES);
    return page + PAGE_SEALED;
}

struct journal_page journal_page_at(const struct journal_batch *batch, unsigned index)
{
    CHECK(index < batch->pages);
    const uint8_t *page = batch->bytes + page_offset(index);
    return (struct journal_page){ .number = get_be32(page + PAGE_NUMBER),
                                  .old_nonce = page + PAGE_OLD_NONCE,
                                  .sealed = page + PAGE_SEALED };
}

/* Over the header and the batch; the page count bounds both. */
static void batch_mac(const struct journal_batch *batch, const struct secret *key, uint8_t out[SHA256_BYTES])
{
    hmac_sha256(slice_of(key->bytes, key->len), slice_of(batch->bytes, page_offset(batch->pages)), out);
}

size_t journal_batch_close(struct journal_batch *batch, uint64_t number, const struct secret *key)
{
    uint8_t *start = batch->bytes + JOURNAL_HEADER_BYTES;
    memcpy(start, BATCH_MAGIC, sizeof(BATCH_MAGIC));
    put_be32(start + BATCH_COUNT, batch->pages);
    put_be64(start + BATCH_NUMBER, number);
    batch_mac(batch, key, batch->bytes + page_offset(batch->pages));
    return page_offset(batch->pages) + SHA256_BYTES - JOURNAL_HEADER_BYTES;
}

/* Reading
 * ----------------------------------------------------------------------------------------------------------------- */

static bool header_right(const uint8_t header[JOURNAL_HEADER_BYTES], const uint8_t file_id[16])
{
    static const uint8_t ZERO[JOURNAL_HEADER_BYTES - AT_ZERO] = { 0 };
    return memcmp(header, MAGIC, sizeof(MAGIC)) == 0 && get_be32(header + AT_VERSION) == FORMAT_VERSION &&
           get_be32(header + AT_PAGE_SIZE) == PAGE_BYTES && memcmp(header + AT_FILE_ID, file_id, 16) == 0 &&
           memcmp(header + AT_ZERO, ZERO, sizeof(ZERO)) == 0;
}

/* How far a read came. */
enum part { PART_WHOLE, PART_NONE, PART_CUT };

static enum err_code part_read(const struct journal_source *source, uint64_t at, uint8_t *out, size_t len,
                               enum part *ret_part, struct error *err)
{
    size_t got = 0;
    TRY(source->read(source->context, at, out, len, &got, err));
    *ret_part = got == len ? PART_WHOLE : got == 0 ? PART_NONE : PART_CUT;
    return ERR_OK;
}

/* The batch at `at`, authenticated, or why there is none. */
static enum err_code batch_read(const struct journal_reader *reader, uint64_t at, uint64_t number,
                                struct journal_batch *batch, enum part *ret_part, struct error *err)
{
    uint8_t *start = batch->bytes + JOURNAL_HEADER_BYTES;
    TRY(part_read(&reader->source, at, start, BATCH_PAGES, ret_part, err));
    if (*ret_part != PART_WHOLE) {
        return ERR_OK;
    }
    uint32_t pages = get_be32(start + BATCH_COUNT);
    *ret_part = PART_CUT;
    if (memcmp(start, BATCH_MAGIC, sizeof(BATCH_MAGIC)) != 0 || get_be64(start + BATCH_NUMBER) != number ||
        pages == 0 || pages > JOURNAL_BATCH_PAGES) {
        return ERR_OK;
    }
    batch->pages = pages;
    size_t rest = page_offset(pages) + SHA256_BYTES - JOURNAL_HEADER_BYTES - BATCH_PAGES;
    enum part part;
    TRY(part_read(&reader->source, at + BATCH_PAGES, start + BATCH_PAGES, rest, &part, err));
    uint8_t mac[SHA256_BYTES];
    batch_mac(batch, reader->key, mac);
    bool authentic = part == PART_WHOLE &&
                     secret_equal(slice_of(mac, sizeof(mac)), slice_of(batch->bytes + page_offset(pages), sizeof(mac)));
    *ret_part = authentic ? PART_WHOLE : PART_CUT;
    return ERR_OK;
}

enum err_code journal_read(const struct journal_reader *reader, struct journal_batch *batch, bool *ret_ended_early,
                           struct error *err)
{
    enum part part;
    TRY(part_read(&reader->source, 0, batch->bytes, JOURNAL_HEADER_BYTES, &part, err));
    if (part != PART_WHOLE || !header_right(batch->bytes, reader->file_id)) {
        *ret_ended_early = part != PART_NONE;
        return ERR_OK;
    }
    uint64_t at = JOURNAL_HEADER_BYTES;
    for (uint64_t number = 1;; number++) {
        TRY(batch_read(reader, at, number, batch, &part, err));
        if (part != PART_WHOLE) {
            *ret_ended_early = part == PART_CUT;
            return ERR_OK;
        }
        TRY(reader->visit(reader->context, batch, err));
        at += page_offset(batch->pages) + SHA256_BYTES - JOURNAL_HEADER_BYTES;
    }
}
