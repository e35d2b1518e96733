/*
 * crypto/vault/rekey_journal - NAME.rekey: pages on their way to a new key, written whole before they are written in
 * place, so that a loss of power in between costs nothing.
 *
 *        0   8  "HFREKEY\0"
 *        8   4  version, 1
 *       12   4  page size, 4096
 *       16  16  file id
 *       32  16  journal id, random: made anew whenever the journal begins again
 *       48  16  zero
 *       64      batch 1, batch 2, ... to the end of the file
 *
 *     batch   0   4  "BTCH"
 *             4   4  pages in it, 1 to 256
 *             8   8  its number, from 1
 *            16      for each page:  0    4  page number
 *                                    4   12  nonce of the page that it takes the place of
 *                                   16 4096  the page, sealed under the new key
 *            ..  32  HMAC-SHA256 over the journal's header and the batch up to here, by a key derived from the vault
 * key
 *                    ("holdfast vault 1 re-key journal")
 *
 * A page in here has the content of the page that it takes the place of: the journal is no way to an older one, because
 * it is only used where the list of nonces (fresh.h) expects one of the two. A batch that is not whole ends it: the
 * pages of a batch are written in place after the batch is durable.
 *
 * Layer:      crypto; no SQLite.
 */
#ifndef CRYPTO_VAULT_REKEY_JOURNAL_H
#define CRYPTO_VAULT_REKEY_JOURNAL_H

#include "crypto/vault/seal.h"

#define JOURNAL_HEADER_BYTES 64
#define JOURNAL_BATCH_PAGES 256
#define JOURNAL_PAGE_BYTES (4 + NONCE_BYTES + PAGE_BYTES)
#define JOURNAL_BATCH_MAX (16 + JOURNAL_BATCH_PAGES * JOURNAL_PAGE_BYTES + 32)

/* What a batch is built in and read into: the header of its journal first, because that is authenticated with it. */
struct journal_batch {
    uint8_t bytes[JOURNAL_HEADER_BYTES + JOURNAL_BATCH_MAX];
    unsigned pages;
};

/* A header with a new id; no pages. */
MUST_USE enum err_code journal_begin(struct journal_batch *batch, const uint8_t file_id[16], struct error *err);

/* A page more, of fewer than JOURNAL_BATCH_PAGES; its sealed bytes are to be filled in. */
uint8_t *journal_page_add(struct journal_batch *batch, uint32_t page_number, const uint8_t old_nonce[NONCE_BYTES]);

/* Numbers and authenticates the batch; how many bytes lie behind the header. */
size_t journal_batch_close(struct journal_batch *batch, uint64_t number, const struct secret *key);

struct journal_page {
    uint32_t number;
    const uint8_t *old_nonce;
    const uint8_t *sealed;
};
struct journal_page journal_page_at(const struct journal_batch *batch, unsigned index);

/* Where the bytes of a journal come from; what lies behind its end is not there. */
struct journal_source {
    /* Up to `len` bytes from `at`; how many were there. */
    enum err_code (*read)(void *context, uint64_t at, uint8_t *out, size_t len, size_t *ret_got, struct error *err);
    void *context;
};

/*
 * Reads batch after batch into `batch`, and gives each to `visit` until it fails. Ends without an error where the
 * journal does. `ret_ended_early`: bytes follow that are no whole batch of this journal.
 */
struct journal_reader {
    struct journal_source source;
    const uint8_t *file_id;
    const struct secret *key;
    enum err_code (*visit)(void *context, const struct journal_batch *batch, struct error *err);
    void *context;
};
MUST_USE enum err_code journal_read(const struct journal_reader *reader, struct journal_batch *batch,
                                    bool *ret_ended_early, struct error *err);

#endif
