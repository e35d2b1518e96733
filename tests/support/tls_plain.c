#include "tests/support/tls_plain.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    HEAD = 5,
    RANDOM_AT = HEAD + 6, /* of the client hello: behind type, length and version */
    RANDOM = 32,
    TAG = 16,
    NONCE = 12,
    SECRET_MAX = 48,
    RECORD_MAX = 1 << 15,
    APPLICATION_DATA = 23,
    LINE_SIZE = 512
};

/* One side's keys. Which cipher: each that its hash allows is tried on the first record. */
struct side {
    const EVP_CIPHER *cipher;
    uint8_t key[32];
    uint8_t nonce[NONCE];
    uint64_t seq;
};

/* HKDF-Expand-Label with no context. */
static bool expand(struct slice secret, const char *label, uint8_t *out, size_t len)
{
    uint8_t info[64] = { (uint8_t)(len >> 8), (uint8_t)len };
    int put = snprintf((char *)info + 3, sizeof(info) - 4, "tls13 %s", label);
    info[2] = (uint8_t)put;
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char hash[] = "SHA256";
    char long_hash[] = "SHA384";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, secret.len == SECRET_MAX ? long_hash : hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.data, secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)put + 4),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = context != NULL && EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return ok;
}

/* CLIENT_TRAFFIC_SECRET_0 <client random> <secret>, in hex. */
static size_t secret_find(const char *key_log, const uint8_t *random, uint8_t ret_secret[SECRET_MAX])
{
    char line[LINE_SIZE];
    char wanted[2 * RANDOM + 32];
    char hex[2 * RANDOM + 1];
    size_t len = 0;
    FILE *file = fopen(key_log, "re");
    if (file == NULL) {
        return 0;
    }
    hex_encode(random, RANDOM, hex);
    (void)snprintf(wanted, sizeof(wanted), "CLIENT_TRAFFIC_SECRET_0 %s ", hex);
    while (len == 0 && fgets(line, sizeof(line), file) != NULL) {
        if (strncasecmp(line, wanted, strlen(wanted)) == 0) {
            char *digits = line + strlen(wanted);
            size_t count = strspn(digits, "0123456789abcdefABCDEF") / 2;
            digits[2 * count] = '\0';
            len = count <= SECRET_MAX && hex_decode(digits, ret_secret, count) ? count : 0;
        }
    }
    (void)fclose(file);
    return len;
}

/* Length of what was in it with its type behind it, or -1. */
static int record_open(const struct side *side, struct slice record, uint8_t *out)
{
    uint8_t nonce[NONCE];
    uint8_t tag[TAG];
    int len = 0;
    int end = 0;
    int sealed = (int)(record.len - HEAD - TAG);
    memcpy(nonce, side->nonce, NONCE);
    for (int i = 0; i < 8; i++) {
        nonce[NONCE - 1 - i] ^= (uint8_t)(side->seq >> (8 * i));
    }
    memcpy(tag, record.data + record.len - TAG, TAG);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context != NULL && EVP_DecryptInit_ex(context, side->cipher, NULL, side->key, nonce) == 1 &&
              EVP_DecryptUpdate(context, NULL, &len, record.data, HEAD) == 1 &&
              EVP_DecryptUpdate(context, out, &len, record.data + HEAD, sealed) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(context, out + len, &end) == 1;
    EVP_CIPHER_CTX_free(context);
    return ok ? len + end : -1;
}

static bool side_begin(struct side *side, struct slice secret, const EVP_CIPHER *cipher)
{
    side->cipher = cipher;
    return expand(secret, "key", side->key, (size_t)EVP_CIPHER_get_key_length(cipher)) &&
           expand(secret, "iv", side->nonce, NONCE);
}

/* The first record that opens says which cipher it is; those before it are the handshake's. */
static int first_open(struct side *side, struct slice secret, struct slice record, uint8_t *out)
{
    const EVP_CIPHER *ciphers[] = { EVP_aes_128_gcm(), EVP_chacha20_poly1305(), EVP_aes_256_gcm() };
    for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
        int len = side_begin(side, secret, ciphers[i]) ? record_open(side, record, out) : -1;
        if (len >= 0) {
            return len;
        }
    }
    return -1;
}

/* What was put behind it: zeroes, and before them its type. */
static enum err_code data_put(const uint8_t *inner, int len, struct buf *out)
{
    while (len > 0 && inner[len - 1] == 0) {
        len--;
    }
    return len > 0 && inner[len - 1] == APPLICATION_DATA ? buf_append(out, inner, (size_t)len - 1, NULL) : ERR_OK;
}

bool tls_plain(const char *key_log, struct slice up, struct buf *out)
{
    struct side side = { 0 };
    uint8_t secret[SECRET_MAX];
    static uint8_t inner[RECORD_MAX];
    size_t secret_len = up.len > RANDOM_AT + RANDOM ? secret_find(key_log, up.data + RANDOM_AT, secret) : 0;
    bool ok = secret_len > 0;
    for (size_t at = 0; ok && at + HEAD <= up.len;) {
        struct slice record = slice_of(up.data + at, HEAD + ((size_t)up.data[at + 3] << 8 | up.data[at + 4]));
        at += record.len;
        if (at > up.len || record.len > RECORD_MAX) {
            break;
        }
        if (record.data[0] != APPLICATION_DATA || record.len < HEAD + TAG) {
            continue;
        }
        int len = side.seq == 0 ? first_open(&side, slice_of(secret, secret_len), record, inner)
                                : record_open(&side, record, inner);
        ok = len >= 0 || side.seq == 0;
        if (len >= 0) {
            side.seq++;
            ok = data_put(inner, len, out) == ERR_OK;
        }
    }
    return ok && side.seq > 0;
}
