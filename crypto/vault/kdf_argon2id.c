#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/key_memory.h"
#include "crypto/vault/kdf.h"

enum { LOG2KIB_MIN = 3, LOG2KIB_MAX = 20, PASSES_MAX = 16, LANES_MAX = 8 };

/* Named here: the headers of OpenSSL before 3.2 do not have them, and the library may be newer than its headers were.
 */
#define PARAM_MEMORY "memcost"
#define PARAM_PASSES "iter"
#define PARAM_LANES "lanes"
#define PARAM_THREADS "threads"

static EVP_KDF *fetch(void)
{
    (void)ERR_set_mark();
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
    (void)ERR_pop_to_mark(); /* that it is not there is no failure */
    return algorithm;
}

bool kdf_argon2id_available(void)
{
    EVP_KDF *algorithm = fetch();
    EVP_KDF_free(algorithm);
    return algorithm != NULL;
}

enum err_code kdf_argon2id_check(const struct argon2id_cost *cost, struct error *err)
{
    if (cost->log2kib < LOG2KIB_MIN || cost->log2kib > LOG2KIB_MAX || cost->passes < 1 || cost->passes > PASSES_MAX ||
        cost->lanes < 1 || cost->lanes > LANES_MAX || (1U << cost->log2kib) < 8 * cost->lanes) {
        return FAIL(err, DAMAGED, "use Argon2id with 2^%u KiB, %u passes, %u lanes: out of bounds", cost->log2kib,
                    cost->passes, cost->lanes);
    }
    return ERR_OK;
}

static bool derive(EVP_KDF_CTX *context, struct slice passphrase, struct slice salt, const struct argon2id_cost *cost,
                   const struct secret *out)
{
    /* OpenSSL takes its parameters through pointers to non-const and does not write through them. */
    union {
        const void *from;
        void *to;
    } passphrase_data = { .from = passphrase.data }, salt_data = { .from = salt.data };
    uint32_t kib = 1U << cost->log2kib;
    uint32_t passes = cost->passes;
    uint32_t lanes = cost->lanes;
    uint32_t threads = 1; /* more need a pool of OpenSSL's that nobody made */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, passphrase_data.to, passphrase.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_data.to, salt.len),
        OSSL_PARAM_construct_uint32(PARAM_MEMORY, &kib),
        OSSL_PARAM_construct_uint32(PARAM_PASSES, &passes),
        OSSL_PARAM_construct_uint32(PARAM_LANES, &lanes),
        OSSL_PARAM_construct_uint32(PARAM_THREADS, &threads),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, out->bytes, out->len, params) == 1;
}

enum err_code kdf_argon2id(struct slice passphrase, struct slice salt, const struct argon2id_cost *cost,
                           struct secret *ret_key, struct error *err)
{
    TRY(kdf_argon2id_check(cost, err));
    SCOPED(secret_free) struct secret made = { 0 };
    TRY(secret_new(KDF_KEY_BYTES, &made, err));
    EVP_KDF *algorithm = fetch();
    if (algorithm == NULL) {
        return FAIL(err, UNSUPPORTED, "derive a key with Argon2id: this machine's OpenSSL has it from version 3.2 on");
    }
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(algorithm);
    bool derived = context != NULL && derive(context, passphrase, salt, cost, &made);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(algorithm);
    if (!derived) {
        return FAIL(err, NO_MEMORY, "derive a key with Argon2id, 2^%u KiB, %u passes, %u lanes", cost->log2kib,
                    cost->passes, cost->lanes);
    }
    *ret_key = made;
    made = (struct secret){ 0 };
    return ERR_OK;
}
