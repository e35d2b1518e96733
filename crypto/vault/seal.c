#include "crypto/vault/seal.h"

#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto/key_memory.h"

enum { NONCE_AT = PAGE_BODY, TAG_AT = NONCE_AT + NONCE_BYTES, TAG_BYTES = 16, EPOCH_AT = TAG_AT + TAG_BYTES };
enum { ASSOCIATED_MAX = 44 };

static const char PURPOSE_PAGE[4] = { 'P', 'A', 'G', 'E' };
static const char PURPOSE_FRAME[4] = { 'W', 'A', 'L', 'F' };

/* Fetched once a process: a fetch for each context costs more than the context. */
static EVP_CIPHER *gcm;
static EVP_CIPHER *xts;
static pthread_once_t ciphers_once = PTHREAD_ONCE_INIT;

static void ciphers_fetch(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    xts = EVP_CIPHER_fetch(NULL, "AES-256-XTS", NULL);
}

static EVP_CIPHER_CTX *context_new(EVP_CIPHER *const *cipher, const struct secret *key, int encrypt)
{
    pthread_once(&ciphers_once, ciphers_fetch);
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    EVP_CIPHER_CTX *context = *cipher == NULL ? NULL : EVP_CIPHER_CTX_new();
    if (context != NULL && EVP_CipherInit_ex(context, *cipher, NULL, key->bytes, NULL, encrypt) != 1) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

enum err_code seal_init(struct seal *seal, const struct secret *key, uint32_t epoch, const uint8_t file_id[16],
                        struct error *err)
{
    CHECK(key->len == 32 && epoch != 0);
    *seal = (struct seal){ .epoch = epoch };
    memcpy(seal->file_id, file_id, sizeof(seal->file_id));
    seal->closing = context_new(&gcm, key, 1);
    seal->opening = context_new(&gcm, key, 0);
    if (seal->closing == NULL || seal->opening == NULL) {
        seal_fini(seal);
        return FAIL(err, CRYPTO, "set AES-256-GCM up");
    }
    return ERR_OK;
}

void seal_fini(struct seal *seal)
{
    EVP_CIPHER_CTX_free(seal->closing);
    EVP_CIPHER_CTX_free(seal->opening);
    *seal = (struct seal){ 0 };
}

/* What is sealed of a page: which bytes, and with what they are bound. */
struct sealed_part {
    size_t from;
    size_t associated_len;
    uint8_t associated[ASSOCIATED_MAX];
};

static void part_begin(const struct seal *seal, const char purpose[4], uint32_t page_number, struct sealed_part *part)
{
    memcpy(part->associated, purpose, 4);
    put_be32(part->associated + 4, page_number);
    put_be32(part->associated + 8, PAGE_BYTES);
    put_be32(part->associated + 12, seal->epoch);
    memcpy(part->associated + 16, seal->file_id, 16);
    part->associated_len = 32;
    part->from = 0;
}

static void part_of_page(const struct seal *seal, uint32_t page_number, const uint8_t *page, struct sealed_part *part)
{
    part_begin(seal, PURPOSE_PAGE, page_number, part);
    if (page_number == 1) {
        memcpy(part->associated + 32, page + PAGE_ONE_CLEAR_AT, PAGE_ONE_SEALED_AT - PAGE_ONE_CLEAR_AT);
        part->associated_len = 40;
        part->from = PAGE_ONE_SEALED_AT;
    }
}

static void part_of_frame(const struct seal *seal, const struct frame_place *place, struct sealed_part *part)
{
    part_begin(seal, PURPOSE_FRAME, place->page_number, part);
    memcpy(part->associated + 32, place->salts, SALTS_BYTES);
    put_be32(part->associated + 40, place->frame_number);
    part->associated_len = 44;
}

static enum err_code part_close(struct seal *seal, const struct sealed_part *part, const uint8_t *page, uint8_t *out,
                                struct error *err)
{
    EVP_CIPHER_CTX *context = seal->closing;
    int len = 0;
    TRY(nonce_next(&seal->nonces, out + NONCE_AT, err));
    if (EVP_EncryptInit_ex(context, NULL, NULL, NULL, out + NONCE_AT) != 1 ||
        EVP_EncryptUpdate(context, NULL, &len, part->associated, (int)part->associated_len) != 1 ||
        EVP_EncryptUpdate(context, out + part->from, &len, page + part->from, (int)(PAGE_BODY - part->from)) != 1 ||
        EVP_EncryptFinal_ex(context, out + TAG_AT, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + TAG_AT) != 1) {
        return FAIL(err, CRYPTO, "seal a page");
    }
    put_be32(out + EPOCH_AT, seal->epoch);
    return ERR_OK;
}

static bool part_authentic(EVP_CIPHER_CTX *context, const struct sealed_part *part, const uint8_t *sealed, uint8_t *out)
{
    int len = 0;
    uint8_t tag[TAG_BYTES]; /* OpenSSL takes it through a pointer to non-const */
    memcpy(tag, sealed + TAG_AT, TAG_BYTES);
    return EVP_DecryptInit_ex(context, NULL, NULL, NULL, sealed + NONCE_AT) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
           EVP_DecryptUpdate(context, NULL, &len, part->associated, (int)part->associated_len) == 1 &&
           EVP_DecryptUpdate(context, out + part->from, &len, sealed + part->from, (int)(PAGE_BODY - part->from)) ==
               1 &&
           EVP_DecryptFinal_ex(context, tag, &len) == 1;
}

static enum err_code part_open(struct seal *seal, const struct sealed_part *part, const uint8_t *sealed, uint8_t *out,
                               struct error *err)
{
    uint32_t epoch = get_be32(sealed + EPOCH_AT);
    if (epoch != seal->epoch) {
        memset(out, 0, PAGE_BYTES);
        return FAIL(err, DAMAGED, "it names the key epoch %u, and was opened with that of %u", epoch, seal->epoch);
    }
    if (!part_authentic(seal->opening, part, sealed, out)) {
        memset(out, 0, PAGE_BYTES);
        return FAIL(err, DAMAGED, "it fails its check: changed, moved from elsewhere, or of another vault");
    }
    memset(out + PAGE_BODY, 0, PAGE_RESERVE);
    return ERR_OK;
}

enum err_code seal_close_page(struct seal *seal, uint32_t page_number, const uint8_t page[PAGE_BYTES],
                              uint8_t out[PAGE_BYTES], struct error *err)
{
    struct sealed_part part;
    part_of_page(seal, page_number, page, &part);
    if (page_number == 1) {
        memcpy(out, seal->file_id, sizeof(seal->file_id));
        memcpy(out + PAGE_ONE_CLEAR_AT, page + PAGE_ONE_CLEAR_AT, PAGE_ONE_SEALED_AT - PAGE_ONE_CLEAR_AT);
    }
    return part_close(seal, &part, page, out, err);
}

static const char SQLITE_MAGIC[16] = "SQLite format 3";

enum err_code seal_check_file(const uint8_t file_id[16], uint32_t page_number, const uint8_t sealed[PAGE_BYTES],
                              struct error *err)
{
    if (page_number != 1 || memcmp(sealed, file_id, 16) == 0) {
        return ERR_OK;
    }
    return memcmp(sealed, SQLITE_MAGIC, sizeof(SQLITE_MAGIC)) == 0
               ? FAIL(err, DAMAGED, "it is of a plain SQLite database")
               : FAIL(err, DAMAGED, "it does not carry this vault's file id");
}

enum err_code seal_open_page(struct seal *seal, uint32_t page_number, const uint8_t sealed[PAGE_BYTES],
                             uint8_t out[PAGE_BYTES], struct error *err)
{
    struct sealed_part part;
    part_of_page(seal, page_number, sealed, &part);
    if (page_number != 1) {
        return part_open(seal, &part, sealed, out, err);
    }
    enum err_code rc = seal_check_file(seal->file_id, page_number, sealed, err);
    if (rc != ERR_OK) {
        memset(out, 0, PAGE_BYTES);
        return rc;
    }
    TRY(part_open(seal, &part, sealed, out, err));
    memcpy(out, SQLITE_MAGIC, sizeof(SQLITE_MAGIC));
    memcpy(out + PAGE_ONE_CLEAR_AT, part.associated + 32, PAGE_ONE_SEALED_AT - PAGE_ONE_CLEAR_AT);
    return ERR_OK;
}

enum err_code seal_close_frame(struct seal *seal, const struct frame_place *place, const uint8_t page[PAGE_BYTES],
                               uint8_t out[PAGE_BYTES], struct error *err)
{
    struct sealed_part part;
    part_of_frame(seal, place, &part);
    return part_close(seal, &part, page, out, err);
}

enum err_code seal_open_frame(struct seal *seal, const struct frame_place *place, const uint8_t sealed[PAGE_BYTES],
                              uint8_t out[PAGE_BYTES], struct error *err)
{
    struct sealed_part part;
    part_of_frame(seal, place, &part);
    return part_open(seal, &part, sealed, out, err);
}

uint32_t seal_epoch_of(const uint8_t sealed[PAGE_BYTES])
{
    return get_be32(sealed + EPOCH_AT);
}

bool page_all_zero(const uint8_t page[PAGE_BYTES])
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE_BYTES - 1) == 0;
}

/* Headers and temporary blocks
 * -------------------------------------------------------------------------------------------- */

enum err_code hide_init(struct hide *hide, const struct secret *key, struct error *err)
{
    CHECK(key->len == XTS_KEY_BYTES);
    *hide = (struct hide){ .hiding = context_new(&xts, key, 1), .showing = context_new(&xts, key, 0) };
    if (hide->hiding == NULL || hide->showing == NULL) {
        hide_fini(hide);
        return FAIL(err, CRYPTO, "set AES-256-XTS up");
    }
    return ERR_OK;
}

void hide_fini(struct hide *hide)
{
    EVP_CIPHER_CTX_free(hide->hiding);
    EVP_CIPHER_CTX_free(hide->showing);
    *hide = (struct hide){ 0 };
}

static enum err_code hide_run(EVP_CIPHER_CTX *context, uint64_t number, const uint8_t *in, size_t len, uint8_t *out,
                              struct error *err)
{
    uint8_t tweak[16] = { 0 };
    for (size_t i = 0; i < sizeof(number); i++) {
        tweak[i] = (uint8_t)(number >> (8 * i));
    }
    int done = 0;
    return EVP_CipherInit_ex(context, NULL, NULL, NULL, tweak, -1) == 1 &&
                   EVP_CipherUpdate(context, out, &done, in, (int)len) == 1 && done == (int)len
               ? ERR_OK
               : FAIL(err, CRYPTO, "hide %zu bytes", len);
}

enum err_code hide_bytes(struct hide *hide, uint64_t number, const uint8_t *in, size_t len, uint8_t *out,
                         struct error *err)
{
    return hide_run(hide->hiding, number, in, len, out, err);
}

enum err_code show_bytes(struct hide *hide, uint64_t number, const uint8_t *in, size_t len, uint8_t *out,
                         struct error *err)
{
    return hide_run(hide->showing, number, in, len, out, err);
}
