/*
 * Lets the n-th allocation fail, for n from 1 until the call gets through, OpenSSL's allocations and ours counted
 * together. Nothing may leak, and want of memory must not be taken for a bad key, a broken message or evidence of
 * tampering. Where OpenSSL 3.0 hides that memory ran out (cached extensions, a request's signature), the refusal it
 * looks like is allowed.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/escrow.h"
#include "crypto/hpke.h"
#include "crypto/key_memory.h"
#include "fixture.h"

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __real_sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES]);
void __wrap_sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES]);
void __real_hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES]);
void __wrap_hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES]);

enum { ROUNDS_MAX = 20000 };

static long left = -1; /* allocations until the one that fails; negative: none fails */

static bool fails_now(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

void __wrap_sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    long paused = left;
    left = -1;
    __real_sha256(parts, count, out);
    left = paused;
}

void __wrap_hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES])
{
    long paused = left;
    left = -1;
    __real_hmac_sha256(key, message, out);
    left = paused;
}

/* OpenSSL's too, from its first one on. */
__attribute__((constructor)) static void count_openssl_allocations(void)
{
    key_memory_test_fail(fails_now);
}

static struct world world;
static struct buf out;

static enum err_code load_key(struct error *err)
{
    static uint8_t copy[256];
    static size_t len;
    struct device_key *key;
    if (len == 0) {
        struct secret der;
        TRY(device_key_export(world.key, &der, err));
        CHECK(der.len <= sizeof(copy));
        for (; len < der.len; len++) {
            copy[len] = der.bytes[len];
        }
        secret_free(&der);
    }
    TRY(device_key_load(slice_of(copy, len), &key, err));
    device_key_free(key);
    return ERR_OK;
}

static enum err_code generate(struct error *err)
{
    struct device_key *key;
    TRY(device_key_generate(&key, err));
    device_key_free(key);
    return ERR_OK;
}

static enum err_code export(struct error *err) {
    struct secret pem; TRY(device_key_export_pem(world.key, &pem, err)); secret_free(&pem); return ERR_OK;
}

static enum err_code request(struct error *err)
{
    buf_clear(&out);
    return device_key_request(world.key, "a device", &out, err);
}

static struct certificate read;

static enum err_code sign_and_verify(struct error *err)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t len;
    TRY(device_key_sign(world.key, "test", slice_of_text("x"), signature, &len, err));
    return signature_verify(slice_of(read.public_key, read.public_key_len), "test", slice_of_text("x"),
                            slice_of(signature, len), err);
}

static enum err_code verify(struct error *err)
{
    struct certificate now = { .device = { 0 } };
    enum err_code rc = certificate_verify(buf_slice(&world.certificate), world_ca(&world), NOW_MS, &now, err);
    cr_assert_eq(rc == ERR_OK, memcmp(&now, &read, sizeof(now)) == 0);
    return rc;
}

static enum err_code issue(struct error *err)
{
    struct certificate_grant grant = agent_grant();
    buf_clear(&out);
    enum err_code rc = authority_issue(world.authority, buf_slice(&world.request), &grant, &out, err);
    cr_assert_eq(rc == ERR_OK, out.len > 0);
    return rc;
}

static enum err_code found(struct error *err)
{
    struct authority *authority;
    TRY(authority_new("Another", NOW_MS, &authority, err));
    authority_free(authority);
    return ERR_OK;
}

static enum err_code wrap(struct error *err)
{
    struct slice both[] = { buf_slice(&world.certificate), world_ca(&world) };
    buf_fini(&out);
    TRY(pkcs7_make(both, 2, &out, err));
    struct buf first;
    buf_init(&first, CERTIFICATE_DER_MAX);
    enum err_code rc = pkcs7_first(buf_slice(&out), &first, err);
    buf_fini(&first);
    return rc;
}

static enum err_code pem(struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    SCOPED(buf_fini) struct buf der;
    buf_init(&text, 20000);
    buf_init(&der, 20000);
    TRY(certificate_to_pem(buf_slice(&world.certificate), &text, err));
    return certificate_from_pem(buf_slice(&text), &der, err);
}

static enum err_code envelop(struct error *err)
{
    static uint8_t bytes[ESCROW_SECRET_BYTES];
    struct secret secret;
    TRY(secret_copy(slice_of(bytes, sizeof(bytes)), &secret, err));
    buf_clear(&out);
    enum err_code rc = escrow_seal(buf_slice(&world.certificate), &secret, &out, err);
    cr_assert_eq(rc == ERR_OK, out.len > 0);
    secret_free(&secret);
    return rc;
}

static enum err_code seal_a_row(struct error *err)
{
    uint8_t encapsulated[HPKE_ENCAPSULATED_BYTES];
    SCOPED(hpke_fini) struct hpke sealing = { 0 };
    SCOPED(hpke_fini) struct hpke opening = { 0 };
    SCOPED(buf_fini) struct buf sealed;
    SCOPED(buf_fini) struct buf opened;
    struct slice info = slice_of_text("info");
    buf_init(&sealed, 1000);
    buf_init(&opened, 1000);
    TRY(hpke_seal_begin(slice_of(read.public_key, read.public_key_len), info, encapsulated, &sealing, err));
    TRY(hpke_open_begin(world.key, encapsulated, info, &opening, err));
    TRY(hpke_seal(&sealing, info, slice_of_text("words"), &sealed, err));
    TRY(hpke_open(&opening, info, buf_slice(&sealed), &opened, err));
    CHECK(slice_equal(buf_slice(&opened), slice_of_text("words")));
    return ERR_OK;
}

static void fail_each_allocation(const char *name, enum err_code (*call)(struct error *err), enum err_code hidden)
{
    struct error err = { .message = "" };
    cr_assert_eq(call(&err), ERR_OK, "%s: %s", name, err.message);
    for (long n = 0; n < ROUNDS_MAX; n += 1 + n / 100) { /* each of the first 100, then one in two, in three... */
        left = n;
        enum err_code rc = call(&err);
        bool through = left >= 0;
        left = -1;
        cr_assert(rc == ERR_OK || rc == ERR_NO_MEMORY || rc == ERR_CRYPTO || rc == hidden, "%s, allocation %ld: %s: %s",
                  name, n + 1, err_code_name(rc), err.message);
        if (through) {
            cr_assert_eq(rc, ERR_OK, "%s", name);
            cr_assert_gt(n, 0, "%s", name);
            return;
        }
    }
    cr_assert_fail("%s never got through", name);
}

static void setup(void)
{
    world_init(&world);
    buf_init(&out, 20000);
    assert_ok(certificate_parse(buf_slice(&world.certificate), &read, err));
}

static void teardown(void)
{
    world_fini(&world);
    buf_fini(&out);
}

TestSuite(allocation_failure, .init = setup, .fini = teardown);

#define CLAIM(claim, call, hidden)                                                                                     \
    Test(allocation_failure, claim)                                                                                    \
    {                                                                                                                  \
        fail_each_allocation(#call, call, hidden);                                                                     \
    }

CLAIM(while_loading_a_key_is_no_bad_key, load_key, ERR_NO_MEMORY)
CLAIM(while_generating_a_key_is_reported, generate, ERR_NO_MEMORY)
CLAIM(while_exporting_a_key_is_reported, export, ERR_NO_MEMORY)
CLAIM(while_making_a_request_is_reported, request, ERR_NO_MEMORY)
CLAIM(while_verifying_a_signature_is_no_evidence_of_tampering, sign_and_verify, ERR_NO_MEMORY)
CLAIM(while_verifying_a_certificate_never_accepts_by_halves, verify, ERR_TLS)
CLAIM(while_issuing_never_issues_by_halves, issue, ERR_INVALID)
CLAIM(while_founding_an_authority_is_reported, found, ERR_NO_MEMORY)
CLAIM(while_reading_pkcs7_is_no_broken_protocol, wrap, ERR_NO_MEMORY)
CLAIM(while_reading_pem_is_no_bad_text, pem, ERR_NO_MEMORY)
CLAIM(while_making_an_envelope_leaves_none_by_halves, envelop, ERR_INVALID)
CLAIM(while_sealing_a_row_is_no_damage, seal_a_row, ERR_NO_MEMORY)
