#include "crypto/digest.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "crypto/openssl_glue.h"

enum { SHA256_BLOCK_BYTES = 64 };

/* Fetching SHA-256 and making a context cost several times the hash of a record, so both are kept. */
static EVP_MD *algorithm;
static pthread_key_t release_at_thread_end;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static _Thread_local EVP_MD_CTX *context;

static void release(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void fetch(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(algorithm != NULL);
    CHECK(pthread_key_create(&release_at_thread_end, release) == 0);
}

static EVP_MD_CTX *started_context(void)
{
    if (context == NULL) {
        CHECK(pthread_once(&fetched, fetch) == 0);
        context = EVP_MD_CTX_new();
        CHECK(context != NULL && pthread_setspecific(release_at_thread_end, context) == 0);
        CHECK(EVP_DigestInit_ex2(context, algorithm, NULL) == 1);
    } else {
        CHECK(EVP_DigestInit_ex2(context, NULL, NULL) == 1);
    }
    return context;
}

void sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    EVP_MD_CTX *ctx = started_context();
    for (size_t i = 0; i < count; i++) {
        CHECK(EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1);
    }
    CHECK(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

static void xor_block(uint8_t block[SHA256_BLOCK_BYTES], uint8_t with)
{
    for (int i = 0; i < SHA256_BLOCK_BYTES; i++) {
        block[i] ^= with;
    }
}

/* RFC 2104: H((K ^ opad) || H((K ^ ipad) || message)). OpenSSL's own HMAC would keep the key in this thread's context.
 */
void hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES])
{
    uint8_t block[SHA256_BLOCK_BYTES] = { 0 };
    uint8_t inner[SHA256_BYTES];
    if (key.len > sizeof(block)) {
        sha256(&key, 1, block);
    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }
    xor_block(block, 0x36);
    sha256((struct slice[]){ slice_of(block, sizeof(block)), message }, 2, inner);
    xor_block(block, 0x36 ^ 0x5c);
    sha256((struct slice[]){ slice_of(block, sizeof(block)), slice_of(inner, sizeof(inner)) }, 2, out);
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(inner, sizeof(inner));
}

enum err_code random_bytes(uint8_t *out, size_t len, struct error *err)
{
    CHECK(len <= INT_MAX);
    return RAND_bytes(out, (int)len) == 1 ? ERR_OK : openssl_failed(err, ERR_CRYPTO, "make random bytes");
}
