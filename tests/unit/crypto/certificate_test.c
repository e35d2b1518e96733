#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "fixture.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(certificate, .init = setup, .fini = teardown);
TestSuite(certificate_names, .init = setup, .fini = teardown);

static enum err_code verify(struct slice der, int64_t at_ms, struct error *err)
{
    struct certificate read;
    return certificate_verify(der, world_ca(&world), at_ms, &read, err);
}

Test(certificate, says_what_was_granted)
{
    struct certificate read;
    uint8_t id[DEVICE_ID_BYTES];
    device_key_id(world.key, id);
    assert_ok(certificate_verify(buf_slice(&world.certificate), world_ca(&world), NOW_MS + DAY_MS, &read, err));
    cr_assert_arr_eq(read.device, id, DEVICE_ID_BYTES);
    cr_assert_eq(read.role, CERTIFICATE_ROLE_AGENT);
    cr_assert_arr_eq(read.organisation, organisation, ORGANISATION_ID_BYTES);
    cr_assert_eq(read.stream_count, 2);
    cr_assert_arr_eq(read.streams, streams, 2 * STREAM_ID_BYTES);
    cr_assert_eq(read.not_before_ms, NOW_MS);
    cr_assert_eq(read.not_after_ms, NOW_MS + 365 * DAY_MS);
}

Test(certificate, its_public_key_checks_the_device_s_signatures)
{
    struct certificate read;
    uint8_t signature[SIGNATURE_MAX];
    size_t len;
    assert_ok(certificate_parse(buf_slice(&world.certificate), &read, err));
    assert_ok(device_key_sign(world.key, "test", slice_of_text("x"), signature, &len, err));
    assert_ok(signature_verify(slice_of(read.public_key, read.public_key_len), "test", slice_of_text("x"),
                               slice_of(signature, len), err));
}

Test(certificate, cut_or_followed_by_something_is_refused_and_nothing_is_given)
{
    struct certificate read;
    struct certificate untouched;
    memset(&read, 0xee, sizeof(read));
    memset(&untouched, 0xee, sizeof(untouched));
    for (size_t len = 0; len < world.certificate.len; len++) {
        uint8_t *cut = exact_copy(slice_of(world.certificate.data, len));
        assert_fails(certificate_parse(slice_of(cut, len), &read, err), TLS);
        free(cut);
    }
    assert_ok(buf_append(&world.certificate, "", 1, err));
    assert_fails(certificate_parse(buf_slice(&world.certificate), &read, err), TLS);
    assert_fails(certificate_verify(buf_slice(&world.certificate), world_ca(&world), NOW_MS + DAY_MS, &read, err), TLS);
    cr_assert_arr_eq((uint8_t *)&read, (uint8_t *)&untouched, sizeof(read));
}

Test(certificate, changed_in_any_byte_is_refused)
{
    for (size_t i = 0; i < world.certificate.len; i++) {
        world.certificate.data[i] ^= (uint8_t)(1 << i % 8);
        assert_fails(verify(buf_slice(&world.certificate), NOW_MS + DAY_MS, err), TLS);
        world.certificate.data[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_ok(verify(buf_slice(&world.certificate), NOW_MS + DAY_MS, err));
}

Test(certificate, of_another_authority_with_the_same_name_is_refused)
{
    struct authority *other;
    struct certificate read;
    assert_ok(authority_new("Test authority", NOW_MS, &other, err));
    assert_fails(certificate_verify(buf_slice(&world.certificate), authority_certificate(other), -1, &read, err), TLS);
    authority_free(other);
}

Test(certificate, is_valid_only_in_its_time)
{
    struct slice der = buf_slice(&world.certificate);
    assert_fails(verify(der, NOW_MS - 1000, err), TLS);
    assert_ok(verify(der, NOW_MS, err));
    assert_ok(verify(der, NOW_MS + 365 * DAY_MS - 1000, err));
    assert_fails(verify(der, NOW_MS + 365 * DAY_MS + 1000, err), TLS);
    assert_fails(verify(der, NOW_MS + 21 * 365 * DAY_MS, err), TLS);
    assert_ok(verify(der, -1, err));
}

Test(certificate, of_the_authority_is_nobody_s_identity)
{
    struct certificate read;
    assert_fails(certificate_parse(world_ca(&world), &read, err), TLS);
    assert_fails(verify(world_ca(&world), NOW_MS + DAY_MS, err), TLS);
}

Test(certificate, is_trusted_by_any_of_several_authorities)
{
    struct authority *other;
    struct certificate read;
    struct slice der = buf_slice(&world.certificate);
    struct buf both;
    buf_init(&both, (AUTHORITIES_MAX + 1) * CERTIFICATE_DER_MAX);
    assert_ok(authority_new("Other authority", NOW_MS, &other, err));
    struct slice others[] = { authority_certificate(other), world_ca(&world) };
    assert_ok(buf_append(&both, others[0].data, others[0].len, err));
    assert_ok(buf_append(&both, others[1].data, others[1].len, err));
    assert_ok(certificate_verify(der, buf_slice(&both), NOW_MS, &read, err));
    assert_ok(buf_append(&both, "x", 1, err));
    assert_fails(certificate_verify(der, buf_slice(&both), NOW_MS, &read, err), TLS);
    buf_clear(&both);
    for (int i = 0; i <= AUTHORITIES_MAX; i++) {
        assert_ok(buf_append(&both, others[1].data, others[1].len, err));
    }
    assert_fails(certificate_verify(der, buf_slice(&both), NOW_MS, &read, err), TLS);
    buf_fini(&both);
    authority_free(other);
}

Test(certificate, without_an_authority_or_with_a_device_as_authority_is_refused)
{
    struct certificate read;
    struct slice der = buf_slice(&world.certificate);
    assert_fails(certificate_verify(der, slice_of(NULL, 0), NOW_MS, &read, err), TLS);
    assert_fails(certificate_verify(der, slice_of("junk", 4), NOW_MS, &read, err), TLS);
    assert_fails(certificate_verify(der, der, NOW_MS, &read, err), TLS);
}

/* What the authority's own key signed, and is refused all the same. */
struct refusal {
    const char *why;
    struct forgery forgery;
};

static void forge_by_authority(const struct forgery *forgery, struct buf *out)
{
    X509 *ca = x509_of(world_ca(&world));
    EVP_PKEY *key = authority_pkey(world.authority);
    buf_clear(out);
    forge(forgery, ca, key, out);
    EVP_PKEY_free(key);
    X509_free(ca);
}

Test(certificate, with_the_wrong_use_key_or_signature_is_refused)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    EVP_PKEY *spelt_out = EVP_EC_gen("P-256");
    EVP_PKEY *compressed = EVP_EC_gen("P-256");
    cr_assert(EVP_PKEY_set_utf8_string_param(spelt_out, "encoding", "explicit") == 1);
    cr_assert(EVP_PKEY_set_utf8_string_param(compressed, "point-format", "compressed") == 1);
    const struct refusal refused[] = {
        { "server use for an agent", { .names = AGENT_NAMES, .usage = "serverAuth" } },
        { "client use for a server", { .names = "URI:urn:holdfast:role:server", .usage = "clientAuth" } },
        { "code signing", { .names = AGENT_NAMES, .usage = "codeSigning" } },
        { "no signing", { .names = AGENT_NAMES, .usage = "clientAuth", .key_usage = "critical,cRLSign" } },
        { "an authority", { .names = AGENT_NAMES, .usage = "clientAuth", .constraints = "critical,CA:TRUE" } },
        { "SHA-1", { .names = AGENT_NAMES, .usage = "clientAuth", .md = EVP_sha1() } },
        { "RSA", { .names = AGENT_NAMES, .usage = "clientAuth", .holder = rsa } },
        { "P-384", { .names = AGENT_NAMES, .usage = "clientAuth", .holder = p384 } },
        { "parameters spelt out", { .names = AGENT_NAMES, .usage = "clientAuth", .holder = spelt_out } },
        { "compressed point", { .names = AGENT_NAMES, .usage = "clientAuth", .holder = compressed } },
        { "version 1", { .names = AGENT_NAMES, .version = 1 } },
        { "negative serial number", { .names = AGENT_NAMES, .usage = "clientAuth", .serial = -5 } },
    };
    struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct error err = { .message = "" };
        forge_by_authority(&refused[i].forgery, &der);
        cr_assert_eq(verify(buf_slice(&der), NOW_MS + DAY_MS, &err), ERR_TLS, "%s: %s", refused[i].why, err.message);
    }
    forge_by_authority(&(struct forgery){ .names = AGENT_NAMES, .usage = "clientAuth" }, &der);
    assert_ok(verify(buf_slice(&der), NOW_MS + DAY_MS, err));
    buf_fini(&der);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(spelt_out);
    EVP_PKEY_free(compressed);
}

Test(certificate, signed_by_a_device_is_refused)
{
    struct forgery forgery = { .names = AGENT_NAMES, .usage = "clientAuth" };
    X509 *device = x509_of(buf_slice(&world.certificate));
    X509 *ca = x509_of(world_ca(&world));
    EVP_PKEY *key = pkey_of(world.key);
    struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    forge(&forgery, device, key, &der);
    assert_fails(verify(buf_slice(&der), NOW_MS + DAY_MS, err), TLS);
    buf_clear(&der);
    forge(&forgery, ca, key, &der);
    assert_fails(verify(buf_slice(&der), NOW_MS + DAY_MS, err), TLS);
    buf_clear(&der);
    forge(&(struct forgery){ .names = AGENT_NAMES, .usage = "clientAuth", .holder = key }, NULL, key, &der);
    assert_fails(verify(buf_slice(&der), NOW_MS + DAY_MS, err), TLS);
    buf_fini(&der);
    EVP_PKEY_free(key);
    X509_free(ca);
    X509_free(device);
}

Test(certificate_names, that_do_not_fit_are_refused)
{
#define ROLE(name) "URI:urn:holdfast:role:" name
#define ORGANISATION "URI:urn:holdfast:organisation:00112233445566778899aabbccddeeff"
#define STREAM(digit) "URI:urn:holdfast:stream:0123456789abcdef0123456789abcde" digit
    static const char *const refused[] = {
        NULL,
        "DNS:agent.example.org",
        ORGANISATION "," STREAM("0"),
        ROLE("agent") "," ROLE("agent") "," ORGANISATION "," STREAM("0"),
        ROLE("agent") "," ROLE("server") "," ORGANISATION "," STREAM("0"),
        ROLE("emperor") "," ORGANISATION "," STREAM("0"),
        ROLE("Agent") "," ORGANISATION "," STREAM("0"),
        ROLE("agent") "," STREAM("0"),
        ROLE("agent") "," ORGANISATION,
        ROLE("agent") "," ORGANISATION "," ORGANISATION "," STREAM("0"),
        ROLE("agent") "," ORGANISATION "," STREAM("0") "," STREAM("0"),
        ROLE("agent") "," ORGANISATION "," STREAM("g"),
        ROLE("agent") "," ORGANISATION "," STREAM(""),
        ROLE("agent") "," ORGANISATION "," STREAM("01"),
        ROLE("agent") "," ORGANISATION "," STREAM("0") ",URI:urn:holdfast:power:all",
        ROLE("agent") "," ORGANISATION "," STREAM("0") "," STREAM("1") "," STREAM("2") "," STREAM("3") "," STREAM(
            "4") "," STREAM("5") "," STREAM("6") "," STREAM("7") "," STREAM("8"),
        ROLE("centre") "," ORGANISATION,
        ROLE("server") "," STREAM("0"),
    };
    struct certificate read;
    struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct error err = { .message = "" };
        forge_by_authority(&(struct forgery){ .names = refused[i], .usage = "clientAuth,serverAuth" }, &der);
        cr_assert_eq(certificate_parse(buf_slice(&der), &read, &err), ERR_TLS, "%s: %s", refused[i], err.message);
    }
    buf_fini(&der);
}

Test(certificate_names, of_others_do_not_matter)
{
    struct certificate read;
    struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    forge_by_authority(
        &(struct forgery){ .names = AGENT_NAMES ",URI:https://example.org/,email:it@example.org,DNS:x.example.org",
                           .usage = "clientAuth" },
        &der);
    assert_ok(certificate_verify(buf_slice(&der), world_ca(&world), NOW_MS, &read, err));
    cr_assert_eq(read.stream_count, 1);
    cr_assert_str_eq(read.serial, "4d");
    buf_fini(&der);
}

/* The operator's own authority signs ours. */
Test(certificate, under_an_operator_s_root_is_trusted_through_the_intermediate_only)
{
    EVP_PKEY *root_key = EVP_RSA_gen(2048);
    EVP_PKEY *authority_key = authority_pkey(world.authority);
    struct buf root;
    struct buf chain;
    struct certificate read;
    buf_init(&root, CERTIFICATE_DER_MAX);
    buf_init(&chain, 2 * CERTIFICATE_DER_MAX);
    struct forgery ca = { .holder = root_key, .constraints = "critical,CA:TRUE", .key_usage = "critical,keyCertSign" };
    forge(&ca, NULL, root_key, &root);
    X509 *root_certificate = x509_of(buf_slice(&root));
    ca.holder = authority_key;
    forge(&ca, root_certificate, root_key, &chain);

    struct secret key;
    struct authority *under;
    struct certificate_grant grant = agent_grant();
    assert_ok(authority_export_key(world.authority, &key, err));
    assert_ok(authority_load(slice_of(key.bytes, key.len), buf_slice(&chain), &under, err));
    buf_clear(&world.certificate);
    assert_ok(authority_issue(under, buf_slice(&world.request), &grant, &world.certificate, err));

    struct slice der = buf_slice(&world.certificate);
    assert_ok(certificate_verify(der, buf_slice(&chain), NOW_MS + DAY_MS, &read, err));
    assert_fails(certificate_verify(der, buf_slice(&root), NOW_MS + DAY_MS, &read, err), TLS);
    assert_ok(buf_append(&chain, root.data, root.len, err));
    assert_ok(certificate_verify(der, buf_slice(&chain), NOW_MS + DAY_MS, &read, err));

    secret_free(&key);
    authority_free(under);
    X509_free(root_certificate);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(authority_key);
    buf_fini(&root);
    buf_fini(&chain);
}
