/*
 * The journal of a re-key: as it is, and with the authentication of its batches made to fit. Whatever is read from it
 * is whole, and lies within it.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/rekey_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The seeds are journals of this file id and key. */
static const uint8_t FILE_ID[16] = { 9 };
static const uint8_t KEY[32] = { 7 };

enum { BATCH_HEAD = 16, JOURNAL_MAX = 1 << 20 };

struct seen {
    struct slice journal;
    uint64_t at; /* of the next batch */
    unsigned batches;
};

static enum err_code read_slice(void *context, uint64_t at, uint8_t *out, size_t len, size_t *ret_got,
                                struct error *err)
{
    const struct seen *seen = context;
    (void)err;
    uint64_t there = at < seen->journal.len ? seen->journal.len - at : 0;
    *ret_got = there < len ? (size_t)there : len;
    if (*ret_got > 0) {
        memcpy(out, seen->journal.data + at, *ret_got);
    }
    return ERR_OK;
}

static enum err_code see(void *context, const struct journal_batch *batch, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    CHECK(batch->pages > 0 && batch->pages <= JOURNAL_BATCH_PAGES);
    size_t len = BATCH_HEAD + (size_t)batch->pages * JOURNAL_PAGE_BYTES + SHA256_BYTES;
    CHECK(seen->at + len <= seen->journal.len);
    CHECK(memcmp(batch->bytes + JOURNAL_HEADER_BYTES, seen->journal.data + seen->at, len) == 0);
    for (unsigned i = 0; i < batch->pages; i++) {
        struct journal_page page = journal_page_at(batch, i);
        CHECK(page.sealed + PAGE_BYTES <= batch->bytes + sizeof(batch->bytes));
        CHECK(page.old_nonce + NONCE_BYTES == page.sealed);
    }
    seen->at += len;
    seen->batches++;
    return ERR_OK;
}

static void read_journal(struct slice journal, const struct secret *key)
{
    static struct journal_batch batch;
    struct seen seen = { .journal = journal, .at = JOURNAL_HEADER_BYTES };
    struct journal_reader reader = { .source = { .read = read_slice, .context = &seen },
                                     .file_id = FILE_ID,
                                     .key = key,
                                     .visit = see,
                                     .context = &seen };
    struct error err;
    bool ended_early = false;
    CHECK(journal_read(&reader, &batch, &ended_early, &err) == ERR_OK);
    CHECK(ended_early || seen.batches == 0 || seen.at == journal.len);
}

/* What somebody with the key would have written: the batches that the counts make. */
static void make_fit(uint8_t *journal, size_t size, const struct secret *key)
{
    static uint8_t message[JOURNAL_HEADER_BYTES + JOURNAL_BATCH_MAX];
    size_t at = JOURNAL_HEADER_BYTES;
    while (at + BATCH_HEAD <= size) {
        uint32_t pages = get_be32(journal + at + 4);
        size_t len = BATCH_HEAD + (size_t)pages * JOURNAL_PAGE_BYTES;
        if (pages > JOURNAL_BATCH_PAGES || at + len + SHA256_BYTES > size) {
            return;
        }
        memcpy(message, journal, JOURNAL_HEADER_BYTES);
        memcpy(message + JOURNAL_HEADER_BYTES, journal + at, len);
        hmac_sha256(slice_of(key->bytes, key->len), slice_of(message, JOURNAL_HEADER_BYTES + len), journal + at + len);
        at += len + SHA256_BYTES;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    SCOPED(secret_free) struct secret key = { 0 };
    CHECK(secret_init(&err) == ERR_OK);
    CHECK(secret_copy(slice_of(KEY, sizeof(KEY)), &key, &err) == ERR_OK);
    if (size > JOURNAL_MAX) {
        return 0;
    }
    read_journal(slice_of(data, size), &key);
    uint8_t *fitted = malloc(size + 1);
    CHECK(fitted != NULL);
    memcpy(fitted, data, size);
    make_fit(fitted, size, &key);
    read_journal(slice_of(fitted, size), &key);
    free(fitted);
    return 0;
}
