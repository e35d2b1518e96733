#include "crypto/vault/fresh_file.h"

#include <pthread.h>
#include <string.h>

#include <openssl/evp.h>

#include "crypto/key_memory.h"

enum { NONCE_AT = 0, TAG_AT = NONCE_BYTES, ASSOCIATED_BYTES = 24 };
enum { NOTE_SEALED = 48, ROOT_HEAD = 16, ROOT_SEALED = 128, LEAF_AT = 32, LEAF_SEALED = FRESH_BLOCK_BYTES - LEAF_AT };
enum { FORMAT_VERSION = 1, HAS_LIVE = 1, HAS_ABSORBED = 2, HAS_SECOND = 4 };

static const uint8_t MAGIC[8] = { 'H', 'F', 'F', 'R', 'E', 'S', 'H', 0 };

_Static_assert(LEAF_SEALED == 8 + FRESH_LEAF_PAGES * NONCE_BYTES, "a leaf fills its block");
_Static_assert(FRESH_NOTE_BYTES == NONCE_BYTES + FRESH_TAG_BYTES + NOTE_SEALED, "a note");
_Static_assert(FRESH_ROOT_BYTES == ROOT_HEAD + NONCE_BYTES + FRESH_TAG_BYTES + ROOT_SEALED, "a root");

/* Fetched once a process, and outside the key scope of the contexts. */
static EVP_CIPHER *gcm;
static pthread_once_t gcm_once = PTHREAD_ONCE_INIT;

static void gcm_fetch(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

enum err_code fresh_cipher_init(struct fresh_cipher *cipher, const struct secret *key, const uint8_t file_id[16],
                                struct error *err)
{
    CHECK(key->len == 32);
    pthread_once(&gcm_once, gcm_fetch);
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    *cipher = (struct fresh_cipher){ .closing = EVP_CIPHER_CTX_new(), .opening = EVP_CIPHER_CTX_new() };
    memcpy(cipher->file_id, file_id, sizeof(cipher->file_id));
    if (gcm == NULL || cipher->closing == NULL || cipher->opening == NULL ||
        EVP_EncryptInit_ex(cipher->closing, gcm, NULL, key->bytes, NULL) != 1 ||
        EVP_DecryptInit_ex(cipher->opening, gcm, NULL, key->bytes, NULL) != 1) {
        fresh_cipher_fini(cipher);
        return FAIL(err, CRYPTO, "set AES-256-GCM up");
    }
    return ERR_OK;
}

void fresh_cipher_fini(struct fresh_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->closing);
    EVP_CIPHER_CTX_free(cipher->opening);
    *cipher = (struct fresh_cipher){ 0 };
}

static void associate(const struct fresh_cipher *cipher, const char purpose[4], uint32_t number,
                      uint8_t out[ASSOCIATED_BYTES])
{
    memcpy(out, purpose, 4);
    put_be32(out + 4, number);
    memcpy(out + 8, cipher->file_id, sizeof(cipher->file_id));
}

/* Which part of the file is meant, and where its nonce and tag, and its sealed bytes lie. */
struct part {
    uint8_t associated[ASSOCIATED_BYTES];
    size_t nonce_at;
    size_t sealed_at;
    size_t len;
};

static enum err_code part_close(struct fresh_cipher *cipher, const struct part *part, const uint8_t *plain,
                                uint8_t *out, struct error *err)
{
    EVP_CIPHER_CTX *context = cipher->closing;
    uint8_t *head = out + part->nonce_at;
    int len = 0;
    TRY(nonce_next(&cipher->nonces, head + NONCE_AT, err));
    if (EVP_EncryptInit_ex(context, NULL, NULL, NULL, head + NONCE_AT) != 1 ||
        EVP_EncryptUpdate(context, NULL, &len, part->associated, ASSOCIATED_BYTES) != 1 ||
        EVP_EncryptUpdate(context, out + part->sealed_at, &len, plain, (int)part->len) != 1 ||
        EVP_EncryptFinal_ex(context, head + TAG_AT, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, FRESH_TAG_BYTES, head + TAG_AT) != 1) {
        return FAIL(err, CRYPTO, "seal a part of the list of nonces");
    }
    return ERR_OK;
}

static enum err_code part_open(struct fresh_cipher *cipher, const struct part *part, const uint8_t *in, uint8_t *plain,
                               struct error *err)
{
    EVP_CIPHER_CTX *context = cipher->opening;
    const uint8_t *head = in + part->nonce_at;
    uint8_t tag[FRESH_TAG_BYTES]; /* OpenSSL takes it through a pointer to non-const */
    int len = 0;
    memcpy(tag, head + TAG_AT, FRESH_TAG_BYTES);
    return EVP_DecryptInit_ex(context, NULL, NULL, NULL, head + NONCE_AT) == 1 &&
                   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, FRESH_TAG_BYTES, tag) == 1 &&
                   EVP_DecryptUpdate(context, NULL, &len, part->associated, ASSOCIATED_BYTES) == 1 &&
                   EVP_DecryptUpdate(context, plain, &len, in + part->sealed_at, (int)part->len) == 1 &&
                   EVP_DecryptFinal_ex(context, tag, &len) == 1
               ? ERR_OK
               : FAIL(err, DAMAGED, "it fails its check");
}

/* Notes
 * ------------------------------------------------------------------------------------------------------------------ */

static struct part note_part(const struct fresh_cipher *cipher)
{
    struct part part = { .nonce_at = 0, .sealed_at = NONCE_BYTES + FRESH_TAG_BYTES, .len = NOTE_SEALED };
    associate(cipher, "FNOT", 0, part.associated);
    return part;
}

enum err_code fresh_note_close(struct fresh_cipher *cipher, const struct fresh_note *note,
                               uint8_t out[FRESH_NOTE_BYTES], struct error *err)
{
    uint8_t plain[NOTE_SEALED] = { 0 };
    put_be64(plain, note->counter);
    put_be64(plain + 8, note->number);
    put_be32(plain + 16, note->frame);
    put_be32(plain + 20, note->nonce_known);
    memcpy(plain + 24, note->nonce, NONCE_BYTES);
    struct part part = note_part(cipher);
    return part_close(cipher, &part, plain, out, err);
}

enum err_code fresh_note_open(struct fresh_cipher *cipher, const uint8_t in[FRESH_NOTE_BYTES],
                              struct fresh_note *ret_note, struct error *err)
{
    uint8_t plain[NOTE_SEALED];
    struct part part = note_part(cipher);
    TRY(part_open(cipher, &part, in, plain, err));
    struct fresh_note note = { .counter = get_be64(plain),
                               .number = get_be64(plain + 8),
                               .frame = get_be32(plain + 16),
                               .nonce_known = get_be32(plain + 20) == 1 };
    memcpy(note.nonce, plain + 24, NONCE_BYTES);
    *ret_note = note;
    return ERR_OK;
}

/* Roots
 * ------------------------------------------------------------------------------------------------------------------ */

static struct part root_part(const struct fresh_cipher *cipher)
{
    struct part part = { .nonce_at = ROOT_HEAD,
                         .sealed_at = ROOT_HEAD + NONCE_BYTES + FRESH_TAG_BYTES,
                         .len = ROOT_SEALED };
    associate(cipher, "FROT", 0, part.associated);
    return part;
}

enum err_code fresh_root_close(struct fresh_cipher *cipher, const struct fresh_root *root,
                               uint8_t out[FRESH_ROOT_BYTES], struct error *err)
{
    uint8_t plain[ROOT_SEALED] = { 0 };
    put_be64(plain, root->counter);
    put_be64(plain + 8, root->anchor);
    put_be32(plain + 16, root->pages);
    put_be32(plain + 20, (root->has_live ? HAS_LIVE : 0u) | (root->absorbed_count > 0 ? HAS_ABSORBED : 0u) |
                             (root->absorbed_count > 1 ? HAS_SECOND : 0u));
    memcpy(plain + 24, root->live, SALTS_BYTES);
    memcpy(plain + 32, root->absorbed[0], SALTS_BYTES);
    memcpy(plain + 40, root->leaves_sum, sizeof(root->leaves_sum));
    memcpy(plain + 72, root->absorbed[1], SALTS_BYTES);
    memset(out, 0, ROOT_HEAD);
    memcpy(out, MAGIC, sizeof(MAGIC));
    put_be32(out + sizeof(MAGIC), FORMAT_VERSION);
    struct part part = root_part(cipher);
    return part_close(cipher, &part, plain, out, err);
}

enum err_code fresh_root_open(struct fresh_cipher *cipher, const uint8_t in[FRESH_ROOT_BYTES],
                              struct fresh_root *ret_root, struct error *err)
{
    if (memcmp(in, MAGIC, sizeof(MAGIC)) == 0 && get_be32(in + sizeof(MAGIC)) > FORMAT_VERSION) {
        return FAIL(err, UNSUPPORTED, "it has the version %u", get_be32(in + sizeof(MAGIC)));
    }
    uint8_t plain[ROOT_SEALED];
    struct part part = root_part(cipher);
    TRY(part_open(cipher, &part, in, plain, err));
    uint32_t flags = get_be32(plain + 20);
    struct fresh_root root = { .counter = get_be64(plain),
                               .anchor = get_be64(plain + 8),
                               .pages = get_be32(plain + 16),
                               .has_live = (flags & HAS_LIVE) != 0,
                               .absorbed_count = (flags & HAS_ABSORBED) == 0 ? 0
                                                 : (flags & HAS_SECOND) == 0 ? 1
                                                                             : 2 };
    memcpy(root.live, plain + 24, SALTS_BYTES);
    memcpy(root.absorbed[0], plain + 32, SALTS_BYTES);
    memcpy(root.leaves_sum, plain + 40, sizeof(root.leaves_sum));
    memcpy(root.absorbed[1], plain + 72, SALTS_BYTES);
    *ret_root = root;
    return ERR_OK;
}

/* Leaves
 * ------------------------------------------------------------------------------------------------------------------ */

static struct part leaf_part(const struct fresh_cipher *cipher, uint32_t number)
{
    struct part part = { .nonce_at = 0, .sealed_at = LEAF_AT, .len = LEAF_SEALED };
    associate(cipher, "FLEF", number, part.associated);
    return part;
}

enum err_code fresh_leaf_close(struct fresh_cipher *cipher, uint32_t number, const struct fresh_leaf *leaf,
                               uint8_t out[FRESH_BLOCK_BYTES], struct error *err)
{
    uint8_t plain[LEAF_SEALED];
    put_be64(plain, leaf->counter);
    memcpy(plain + 8, leaf->nonces, sizeof(leaf->nonces));
    memset(out, 0, LEAF_AT);
    struct part part = leaf_part(cipher, number);
    return part_close(cipher, &part, plain, out, err);
}

enum err_code fresh_leaf_open(struct fresh_cipher *cipher, uint32_t number, const uint8_t in[FRESH_BLOCK_BYTES],
                              struct fresh_leaf *ret_leaf, struct error *err)
{
    uint8_t plain[LEAF_SEALED];
    struct part part = leaf_part(cipher, number);
    TRY(part_open(cipher, &part, in, plain, err));
    ret_leaf->counter = get_be64(plain);
    memcpy(ret_leaf->nonces, plain + 8, sizeof(ret_leaf->nonces));
    return ERR_OK;
}

const uint8_t *fresh_leaf_tag(const uint8_t leaf[FRESH_BLOCK_BYTES])
{
    return leaf + TAG_AT;
}
