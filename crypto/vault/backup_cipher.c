#include "crypto/vault/backup_cipher.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto/key_memory.h"
#include "crypto/vault/kdf.h"

enum {
    AT_VERSION = 8,
    AT_KEYS_LEN = 12,
    AT_FILE_ID = 16,
    AT_SALT = 32,
    AT_PAGES = 64,
    AT_MADE = 72,
    AT_FRESHNESS = 80,
    AT_PAGE_SIZE = 88,
    AT_SUITE = 92,
    AT_RESERVED = 96,
    VERSION = 1,
    SUITE = 1
};

#define MADE_MAX_MS INT64_C(7258118400000) /* the year 2200 */

enum { TRAILER_PAGES = 8, TRAILER_CHAIN = 16, TRAILER_MAC = 48 };
enum { NONCE_COUNT_AT = 4, TAG_BYTES = 16, ASSOCIATED_BYTES = 12 };

static const uint8_t HEAD_MAGIC[8] = { 'H', 'F', 'B', 'A', 'C', 'K', 'U', 'P' };
static const uint8_t TRAILER_MAGIC[8] = { 'H', 'F', 'B', 'A', 'C', 'K', 'E', 'D' };

/* The head
 * --------------------------------------------------------------------------------------------------------------- */

static void fixed_write(const struct backup_head *head, uint8_t out[BACKUP_HEAD_FIXED])
{
    memset(out, 0, BACKUP_HEAD_FIXED);
    memcpy(out, HEAD_MAGIC, sizeof(HEAD_MAGIC));
    put_be32(out + AT_VERSION, VERSION);
    put_be32(out + AT_KEYS_LEN, head->keys_len);
    memcpy(out + AT_FILE_ID, head->file_id, sizeof(head->file_id));
    memcpy(out + AT_SALT, head->salt, sizeof(head->salt));
    put_be64(out + AT_PAGES, head->pages);
    put_be64(out + AT_MADE, (uint64_t)head->made_at_ms);
    put_be64(out + AT_FRESHNESS, head->freshness);
    put_be32(out + AT_PAGE_SIZE, PAGE_BYTES);
    put_be32(out + AT_SUITE, SUITE);
}

enum err_code backup_head_read(const uint8_t fixed[BACKUP_HEAD_FIXED], struct backup_head *ret_head, struct error *err)
{
    static const uint8_t ZERO[BACKUP_HEAD_FIXED - AT_RESERVED] = { 0 };
    if (memcmp(fixed, HEAD_MAGIC, sizeof(HEAD_MAGIC)) != 0) {
        return FAIL(err, DAMAGED, "read the backup: this is not a backup, or its beginning is damaged");
    }
    if (get_be32(fixed + AT_VERSION) != VERSION || get_be32(fixed + AT_PAGE_SIZE) != PAGE_BYTES ||
        get_be32(fixed + AT_SUITE) != SUITE) {
        return FAIL(err, UNSUPPORTED, "read the backup: version %" PRIu32 ", suite %" PRIu32 "; update this program",
                    get_be32(fixed + AT_VERSION), get_be32(fixed + AT_SUITE));
    }
    struct backup_head head = { .keys_len = get_be32(fixed + AT_KEYS_LEN),
                                .pages = get_be64(fixed + AT_PAGES),
                                .made_at_ms = (int64_t)get_be64(fixed + AT_MADE),
                                .freshness = get_be64(fixed + AT_FRESHNESS) };
    if (head.keys_len == 0 || head.keys_len > BACKUP_KEYS_MAX || head.pages == 0 || head.pages > BACKUP_PAGES_MAX ||
        head.made_at_ms < 0 || head.made_at_ms > MADE_MAX_MS || memcmp(fixed + AT_RESERVED, ZERO, sizeof(ZERO)) != 0) {
        return FAIL(err, DAMAGED, "read the backup: its beginning is damaged");
    }
    memcpy(head.file_id, fixed + AT_FILE_ID, sizeof(head.file_id));
    memcpy(head.salt, fixed + AT_SALT, sizeof(head.salt));
    *ret_head = head;
    return ERR_OK;
}

size_t backup_head_bytes(const struct backup_head *head)
{
    return (size_t)BACKUP_HEAD_FIXED + head->keys_len + SHA256_BYTES;
}

uint64_t backup_bytes(const struct backup_head *head)
{
    return backup_head_bytes(head) + head->pages * BACKUP_RECORD_BYTES + BACKUP_TRAILER_BYTES;
}

static void check_sum(const struct backup_cipher *cipher, struct slice bytes, uint8_t out[SHA256_BYTES])
{
    hmac_sha256(slice_of(cipher->check_key.bytes, cipher->check_key.len), bytes, out);
}

enum err_code backup_head_close(struct backup_cipher *cipher, const struct backup_head *head, struct slice keys_file,
                                struct buf *out, struct error *err)
{
    CHECK(keys_file.len == head->keys_len);
    TRY(buf_reserve(out, backup_head_bytes(head), err));
    uint8_t *at = out->data + out->len;
    fixed_write(head, at);
    memcpy(at + BACKUP_HEAD_FIXED, keys_file.data, keys_file.len);
    size_t checked = BACKUP_HEAD_FIXED + keys_file.len;
    check_sum(cipher, slice_of(at, checked), cipher->chain);
    memcpy(at + checked, cipher->chain, SHA256_BYTES);
    out->len += checked + SHA256_BYTES;
    return ERR_OK;
}

enum err_code backup_head_check(struct backup_cipher *cipher, struct slice bytes, struct error *err)
{
    CHECK(bytes.len > BACKUP_HEAD_FIXED + SHA256_BYTES);
    size_t checked = bytes.len - SHA256_BYTES;
    uint8_t sum[SHA256_BYTES];
    check_sum(cipher, slice_of(bytes.data, checked), sum);
    if (!secret_equal(slice_of(sum, sizeof(sum)), slice_of(bytes.data + checked, sizeof(sum)))) {
        return FAIL(err, DAMAGED, "read the backup: its beginning fails its check: changed, or of another vault");
    }
    memcpy(cipher->chain, sum, sizeof(sum));
    return ERR_OK;
}

/* Keys
 * ----------------------------------------------------------------------------------------------------------------- */

enum err_code backup_cipher_init(struct backup_cipher *cipher, const struct secret *vault_key,
                                 const struct backup_head *head, bool sealing, struct error *err)
{
    struct slice key = slice_of(vault_key->bytes, vault_key->len);
    struct slice salt = slice_of(head->salt, sizeof(head->salt));
    SCOPED(secret_free) struct secret pages = { 0 };
    *cipher = (struct backup_cipher){ .pages = head->pages };
    TRY(kdf_expand(key, salt, "holdfast vault 1 backup pages", KDF_KEY_BYTES, &pages, err));
    TRY(kdf_expand(key, salt, "holdfast vault 1 backup check", KDF_KEY_BYTES, &cipher->check_key, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    cipher->context = EVP_CIPHER_CTX_new();
    if (cipher->context == NULL ||
        EVP_CipherInit_ex(cipher->context, EVP_aes_256_gcm(), NULL, pages.bytes, NULL, sealing ? 1 : 0) != 1) {
        backup_cipher_fini(cipher);
        return FAIL(err, CRYPTO, "set the backup's cipher up");
    }
    return ERR_OK;
}

void backup_cipher_fini(struct backup_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->context);
    secret_free(&cipher->check_key);
    *cipher = (struct backup_cipher){ 0 };
}

/* Pages
 * ---------------------------------------------------------------------------------------------------------------- */

struct place {
    uint8_t nonce[NONCE_BYTES];
    uint8_t associated[ASSOCIATED_BYTES];
};

static struct place place_of(uint64_t number)
{
    struct place place = { .associated = { 'B', 'A', 'C', 'K' } };
    put_be64(place.nonce + NONCE_COUNT_AT, number);
    put_be64(place.associated + 4, number);
    return place;
}

static void chain_add(struct backup_cipher *cipher, const uint8_t tag[TAG_BYTES])
{
    struct slice parts[] = { slice_of(cipher->chain, SHA256_BYTES), slice_of(tag, TAG_BYTES) };
    uint8_t sum[SHA256_BYTES];
    sha256(parts, ARRAY_LEN(parts), sum);
    memcpy(cipher->chain, sum, sizeof(sum));
    cipher->done++;
}

enum err_code backup_page_close(struct backup_cipher *cipher, const uint8_t page[PAGE_BYTES],
                                uint8_t out[BACKUP_RECORD_BYTES], struct error *err)
{
    CHECK(cipher->done < cipher->pages);
    struct place place = place_of(cipher->done + 1);
    int len = 0;
    if (EVP_EncryptInit_ex(cipher->context, NULL, NULL, NULL, place.nonce) != 1 ||
        EVP_EncryptUpdate(cipher->context, NULL, &len, place.associated, ASSOCIATED_BYTES) != 1 ||
        EVP_EncryptUpdate(cipher->context, out, &len, page, PAGE_BODY) != 1 ||
        EVP_EncryptFinal_ex(cipher->context, out + PAGE_BODY, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + PAGE_BODY) != 1) {
        return FAIL(err, CRYPTO, "seal a page of the backup");
    }
    chain_add(cipher, out + PAGE_BODY);
    return ERR_OK;
}

enum err_code backup_page_open(struct backup_cipher *cipher, const uint8_t record[BACKUP_RECORD_BYTES],
                               uint8_t out[PAGE_BYTES], struct error *err)
{
    CHECK(cipher->done < cipher->pages);
    struct place place = place_of(cipher->done + 1);
    int len = 0;
    uint8_t tag[TAG_BYTES]; /* OpenSSL takes it through a pointer to non-const */
    memcpy(tag, record + PAGE_BODY, TAG_BYTES);
    if (EVP_DecryptInit_ex(cipher->context, NULL, NULL, NULL, place.nonce) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1 ||
        EVP_DecryptUpdate(cipher->context, NULL, &len, place.associated, ASSOCIATED_BYTES) != 1 ||
        EVP_DecryptUpdate(cipher->context, out, &len, record, PAGE_BODY) != 1) {
        memset(out, 0, PAGE_BYTES);
        return FAIL(err, CRYPTO, "open a page of the backup");
    }
    if (EVP_DecryptFinal_ex(cipher->context, out + PAGE_BODY, &len) != 1) {
        memset(out, 0, PAGE_BYTES);
        return FAIL(err, DAMAGED,
                    "read the backup: page %" PRIu64 " of %" PRIu64
                    " fails its check: changed, moved from elsewhere, or of another backup",
                    cipher->done + 1, cipher->pages);
    }
    memset(out + PAGE_BODY, 0, PAGE_RESERVE);
    chain_add(cipher, record + PAGE_BODY);
    return ERR_OK;
}

/* The end
 * ---------------------------------------------------------------------------------------------------------------- */

void backup_trailer_close(const struct backup_cipher *cipher, uint8_t out[BACKUP_TRAILER_BYTES])
{
    CHECK(cipher->done == cipher->pages);
    memcpy(out, TRAILER_MAGIC, sizeof(TRAILER_MAGIC));
    put_be64(out + TRAILER_PAGES, cipher->pages);
    memcpy(out + TRAILER_CHAIN, cipher->chain, SHA256_BYTES);
    check_sum(cipher, slice_of(out, TRAILER_MAC), out + TRAILER_MAC);
}

enum err_code backup_trailer_check(const struct backup_cipher *cipher, const uint8_t trailer[BACKUP_TRAILER_BYTES],
                                   struct error *err)
{
    uint8_t expected[BACKUP_TRAILER_BYTES];
    backup_trailer_close(cipher, expected);
    return secret_equal(slice_of(expected, sizeof(expected)), slice_of(trailer, sizeof(expected)))
               ? ERR_OK
               : FAIL(err, DAMAGED, "read the backup: its end fails its check");
}
