#include "crypto/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/openssl_glue.h"

enum { KEY_ID_BYTES = 4, SIGNATURE_TYPE_ED25519 = 0x01, TEXT_MAX = 512, LINES_MAX = 64 };

static const char SIGNATURE_MARK[] = "\xe2\x80\x94 "; /* an em dash and a blank */

static void scoped_md(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

/* Keys
 * --------------------------------------------------------------------------------------------------------------------
 */

enum err_code checkpoint_key_make(struct secret *ret_private, struct error *err)
{
    return secret_random(CHECKPOINT_KEY_BYTES, ret_private, err);
}

static enum err_code private_of(const struct secret *private_key, EVP_PKEY **ret_key, struct error *err)
{
    CHECK(private_key->len == CHECKPOINT_KEY_BYTES);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key->bytes, private_key->len);
    if (key == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "use the key of the checkpoints");
    }
    *ret_key = key;
    return ERR_OK;
}

enum err_code checkpoint_key_public(const struct secret *private_key, uint8_t ret_public[CHECKPOINT_KEY_BYTES],
                                    struct error *err)
{
    SCOPED(scoped_pkey) EVP_PKEY *key = NULL;
    TRY(private_of(private_key, &key, err));
    size_t len = CHECKPOINT_KEY_BYTES;
    uint8_t made[CHECKPOINT_KEY_BYTES];
    if (EVP_PKEY_get_raw_public_key(key, made, &len) != 1 || len != CHECKPOINT_KEY_BYTES) {
        return openssl_failed(err, ERR_CRYPTO, "derive the public key of the checkpoints");
    }
    memcpy(ret_public, made, sizeof(made));
    return ERR_OK;
}

static void key_id(const char *name, const uint8_t public_key[CHECKPOINT_KEY_BYTES], uint8_t out[KEY_ID_BYTES])
{
    static const uint8_t BETWEEN[] = { '\n', SIGNATURE_TYPE_ED25519 };
    struct slice parts[] = { slice_of_text(name), slice_of(BETWEEN, sizeof(BETWEEN)),
                             slice_of(public_key, CHECKPOINT_KEY_BYTES) };
    uint8_t hash[SHA256_BYTES];
    sha256(parts, ARRAY_LEN(parts), hash);
    memcpy(out, hash, KEY_ID_BYTES);
}

/* Signing
 * ----------------------------------------------------------------------------------------------------------------- */

static bool origin_possible(const char *origin)
{
    size_t len = strlen(origin);
    for (size_t i = 0; i < len; i++) {
        if (origin[i] <= ' ' || origin[i] > '~' || origin[i] == '+') {
            return false;
        }
    }
    return len > 0 && len <= CHECKPOINT_ORIGIN_MAX;
}

/* The three lines that are signed. */
static enum err_code text_make(const struct checkpoint *checkpoint, const char *origin, struct buf *out,
                               struct error *err)
{
    if (!origin_possible(origin)) {
        return FAIL(err, INVALID, "make a checkpoint: its origin is not possible");
    }
    TRY(buf_append_format(out, err, "%s\n%" PRIu64 "\n", origin, checkpoint->size));
    TRY(base64_encode(slice_of(checkpoint->root.bytes, MERKLE_HASH_BYTES), out, err));
    return buf_append_text(out, "\n", err);
}

static enum err_code signature_make(EVP_PKEY *key, struct slice text, uint8_t out[CHECKPOINT_SIGNATURE_BYTES],
                                    struct error *err)
{
    SCOPED(scoped_md) EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = CHECKPOINT_SIGNATURE_BYTES;
    uint8_t made[CHECKPOINT_SIGNATURE_BYTES];
    if (context == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(context, made, &len, text.data, text.len) != 1 || len != CHECKPOINT_SIGNATURE_BYTES) {
        return openssl_failed(err, ERR_CRYPTO, "sign a checkpoint");
    }
    memcpy(out, made, sizeof(made));
    return ERR_OK;
}

enum err_code checkpoint_sign(const struct secret *private_key, const char *origin, struct checkpoint *checkpoint,
                              struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, TEXT_MAX);
    TRY(text_make(checkpoint, origin, &text, err));
    SCOPED(scoped_pkey) EVP_PKEY *key = NULL;
    TRY(private_of(private_key, &key, err));
    return signature_make(key, buf_slice(&text), checkpoint->signature, err);
}

static enum err_code signature_check(const uint8_t public_key[CHECKPOINT_KEY_BYTES], struct slice text,
                                     const uint8_t signature[CHECKPOINT_SIGNATURE_BYTES], struct error *err)
{
    SCOPED(scoped_pkey)
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, CHECKPOINT_KEY_BYTES);
    SCOPED(scoped_md) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (key == NULL || context == NULL || EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "check a checkpoint");
    }
    if (EVP_DigestVerify(context, signature, CHECKPOINT_SIGNATURE_BYTES, text.data, text.len) != 1) {
        return openssl_failed(err, ERR_HISTORY, "check a checkpoint: the centre did not sign it");
    }
    return ERR_OK;
}

enum err_code checkpoint_verify(const uint8_t public_key[CHECKPOINT_KEY_BYTES], const char *origin,
                                const struct checkpoint *checkpoint, struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, TEXT_MAX);
    TRY(text_make(checkpoint, origin, &text, err));
    return signature_check(public_key, buf_slice(&text), checkpoint->signature, err);
}

/* Notes
 * -------------------------------------------------------------------------------------------------------------------
 */

enum err_code checkpoint_note(const struct checkpoint *checkpoint, const char *origin,
                              const uint8_t public_key[CHECKPOINT_KEY_BYTES], struct buf *out, struct error *err)
{
    uint8_t line[KEY_ID_BYTES + CHECKPOINT_SIGNATURE_BYTES];
    key_id(origin, public_key, line);
    memcpy(line + KEY_ID_BYTES, checkpoint->signature, CHECKPOINT_SIGNATURE_BYTES);
    TRY(text_make(checkpoint, origin, out, err));
    TRY(buf_append_format(out, err, "\n%s%s ", SIGNATURE_MARK, origin));
    TRY(base64_encode(slice_of(line, sizeof(line)), out, err));
    return buf_append_text(out, "\n", err);
}

enum err_code checkpoint_verifier_key(const char *origin, const uint8_t public_key[CHECKPOINT_KEY_BYTES],
                                      struct buf *out, struct error *err)
{
    uint8_t id[KEY_ID_BYTES];
    char id_text[2 * KEY_ID_BYTES + 1];
    uint8_t typed[1 + CHECKPOINT_KEY_BYTES] = { SIGNATURE_TYPE_ED25519 };
    key_id(origin, public_key, id);
    hex_encode(id, sizeof(id), id_text);
    memcpy(typed + 1, public_key, CHECKPOINT_KEY_BYTES);
    TRY(buf_append_format(out, err, "%s+%s+", origin, id_text));
    return base64_encode(slice_of(typed, sizeof(typed)), out, err);
}

/* Takes the next line off `rest`, without its end. False: there is no whole line. */
static bool line_take(struct slice *rest, struct slice *ret_line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    if (end == NULL) {
        return false;
    }
    size_t len = (size_t)(end - rest->data);
    *ret_line = slice_of(rest->data, len);
    *rest = slice_of(end + 1, rest->len - len - 1);
    return true;
}

static enum err_code not_a_note(struct error *err)
{
    return FAIL(err, PROTOCOL, "read a checkpoint: it is not a signed note of an origin, a size and a root");
}

static bool size_read(struct slice line, uint64_t *ret_size)
{
    uint64_t size = 0;
    if (line.len == 0 || (line.len > 1 && line.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < '0' || line.data[i] > '9') {
            return false;
        }
        unsigned digit = (unsigned)(line.data[i] - '0');
        if (size > (MERKLE_SIZE_MAX - digit) / 10) {
            return false;
        }
        size = size * 10 + digit;
    }
    *ret_size = size;
    return true;
}

/* Exactly `len` bytes of base64. */
static bool base64_read(struct slice line, uint8_t *out, size_t len)
{
    struct error unused;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, 2 * len);
    if (line.len != (len + 2) / 3 * 4 || base64_decode(line, &bytes, &unused) != ERR_OK || bytes.len != len) {
        return false;
    }
    memcpy(out, bytes.data, len);
    return true;
}

/* The part in front of the last empty line, with the line's end that closes it; and what follows. */
static bool note_split(struct slice note, struct slice *ret_text, struct slice *ret_signatures)
{
    for (size_t i = note.len; i >= 2; i--) {
        if (note.data[i - 1] == '\n' && note.data[i - 2] == '\n') {
            *ret_text = slice_of(note.data, i - 1);
            *ret_signatures = slice_of(note.data + i, note.len - i);
            return true;
        }
    }
    return false;
}

static bool characters_possible(struct slice note)
{
    for (size_t i = 0; i < note.len; i++) {
        if (note.data[i] < ' ' && note.data[i] != '\n') {
            return false;
        }
    }
    return utf8_valid(note);
}

/* The signature by this key's name and id among the lines. ERR_HISTORY: there is none. */
static enum err_code signature_find(struct slice lines, const char *origin,
                                    const uint8_t public_key[CHECKPOINT_KEY_BYTES],
                                    uint8_t ret_signature[CHECKPOINT_SIGNATURE_BYTES], struct error *err)
{
    uint8_t id[KEY_ID_BYTES];
    key_id(origin, public_key, id);
    size_t mark_len = sizeof(SIGNATURE_MARK) - 1;
    size_t name_len = strlen(origin);
    struct slice line;
    for (size_t i = 0; lines.len > 0; i++) {
        if (i == LINES_MAX || !line_take(&lines, &line) || line.len <= mark_len ||
            memcmp(line.data, SIGNATURE_MARK, mark_len) != 0) {
            return not_a_note(err);
        }
        uint8_t bytes[KEY_ID_BYTES + CHECKPOINT_SIGNATURE_BYTES];
        struct slice behind = slice_of(line.data + mark_len, line.len - mark_len);
        if (behind.len > name_len + 1 && memcmp(behind.data, origin, name_len) == 0 && behind.data[name_len] == ' ' &&
            base64_read(slice_of(behind.data + name_len + 1, behind.len - name_len - 1), bytes, sizeof(bytes)) &&
            memcmp(bytes, id, KEY_ID_BYTES) == 0) {
            memcpy(ret_signature, bytes + KEY_ID_BYTES, CHECKPOINT_SIGNATURE_BYTES);
            return ERR_OK;
        }
    }
    return FAIL(err, HISTORY, "check a checkpoint: the centre did not sign it");
}

enum err_code checkpoint_note_read(struct slice note, const char *origin,
                                   const uint8_t public_key[CHECKPOINT_KEY_BYTES], struct checkpoint *ret_checkpoint,
                                   struct error *err)
{
    struct slice text;
    struct slice signatures;
    if (note.len > CHECKPOINT_NOTE_MAX || !characters_possible(note) || !note_split(note, &text, &signatures)) {
        return not_a_note(err);
    }
    struct slice rest = text;
    struct slice name;
    struct slice size;
    struct slice root;
    struct checkpoint read = { 0 };
    if (!line_take(&rest, &name) || !line_take(&rest, &size) || !line_take(&rest, &root) ||
        !size_read(size, &read.size) || !base64_read(root, read.root.bytes, MERKLE_HASH_BYTES)) {
        return not_a_note(err);
    }
    for (struct slice line; rest.len > 0;) {
        if (!line_take(&rest, &line) || line.len == 0) {
            return not_a_note(err);
        }
    }
    if (!slice_equal(name, slice_of_text(origin))) {
        return FAIL(err, HISTORY, "check a checkpoint: it is about another history");
    }
    TRY(signature_find(signatures, origin, public_key, read.signature, err));
    TRY(signature_check(public_key, text, read.signature, err));
    *ret_checkpoint = read;
    return ERR_OK;
}
