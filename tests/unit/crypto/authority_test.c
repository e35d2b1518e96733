#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "fixture.h"

static struct world world;
static struct buf out;

static void setup(void)
{
    world_init(&world);
    buf_init(&out, CERTIFICATE_DER_MAX);
}

static void teardown(void)
{
    world_fini(&world);
    buf_fini(&out);
}

TestSuite(authority, .init = setup, .fini = teardown);

static enum err_code issue(const struct certificate_grant *grant, struct error *err)
{
    buf_clear(&out);
    return authority_issue(world.authority, buf_slice(&world.request), grant, &out, err);
}

Test(authority, loaded_again_issues_what_the_first_one_s_certificate_verifies)
{
    struct secret key;
    struct authority *loaded;
    struct certificate read;
    struct certificate_grant grant = agent_grant();
    assert_ok(authority_export_key(world.authority, &key, err));
    assert_ok(authority_load(slice_of(key.bytes, key.len), world_ca(&world), &loaded, err));
    assert_ok(authority_issue(loaded, buf_slice(&world.request), &grant, &out, err));
    assert_ok(certificate_verify(buf_slice(&out), world_ca(&world), NOW_MS, &read, err));
    cr_assert(slice_equal(authority_certificate(loaded), world_ca(&world)));
    authority_free(loaded);
    secret_free(&key);
}

Test(authority, load_refuses_what_does_not_belong_together)
{
    struct secret key;
    struct secret other;
    struct authority *loaded = NULL;
    assert_ok(authority_export_key(world.authority, &key, err));
    assert_ok(device_key_export(world.key, &other, err));
    struct slice right = slice_of(key.bytes, key.len);
    struct slice wrong = slice_of(other.bytes, other.len);
    assert_fails(authority_load(wrong, world_ca(&world), &loaded, err), KEY);
    assert_fails(authority_load(slice_of(NULL, 0), world_ca(&world), &loaded, err), KEY);
    assert_fails(authority_load(wrong, buf_slice(&world.certificate), &loaded, err), TLS);
    assert_fails(authority_load(right, slice_of("x", 1), &loaded, err), TLS);
    cr_assert(loaded == NULL);
    secret_free(&key);
    secret_free(&other);
}

Test(authority, issues_a_server_certificate_that_fits_its_hosts_only)
{
    struct certificate_grant grant = server_grant();
    struct certificate read;
    assert_ok(issue(&grant, err));
    assert_ok(certificate_verify(buf_slice(&out), world_ca(&world), NOW_MS, &read, err));
    cr_assert_eq(read.role, CERTIFICATE_ROLE_SERVER);
    X509 *certificate = x509_of(buf_slice(&out));
    cr_assert_eq(X509_check_host(certificate, "centre.example.org", 0, 0, NULL), 1);
    cr_assert_eq(X509_check_host(certificate, "other.example.org", 0, 0, NULL), 0);
    cr_assert_eq(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
    cr_assert_eq(X509_check_ip_asc(certificate, "::1", 0), 1);
    cr_assert_eq(X509_check_ip_asc(certificate, "127.0.0.2", 0), 0);
    cr_assert_eq(X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0), 1);
    X509_free(certificate);
}

Test(authority, issues_agents_for_client_use_and_nothing_that_can_issue)
{
    X509 *certificate = x509_of(buf_slice(&world.certificate));
    cr_assert_eq(X509_check_purpose(certificate, X509_PURPOSE_SSL_CLIENT, 0), 1);
    cr_assert_eq(X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 0), 0);
    cr_assert_eq(X509_check_ca(certificate), 0);
    cr_assert_eq(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT);
    X509_free(certificate);
    X509 *ca = x509_of(world_ca(&world));
    cr_assert_eq(X509_check_ca(ca), 1);
    cr_assert_eq(X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    cr_assert_eq(X509_get_pathlen(ca), 0);
    X509_free(ca);
}

Test(authority, issues_eight_streams)
{
    struct certificate_grant grant = agent_grant();
    struct certificate read;
    grant.stream_count = CERTIFICATE_STREAMS_MAX;
    assert_ok(issue(&grant, err));
    assert_ok(certificate_verify(buf_slice(&out), world_ca(&world), NOW_MS, &read, err));
    cr_assert_eq(read.stream_count, CERTIFICATE_STREAMS_MAX);
    cr_assert_arr_eq(read.streams, streams, CERTIFICATE_STREAMS_MAX * STREAM_ID_BYTES);
}

Test(authority, never_numbers_two_certificates_alike)
{
    char serials[20][48];
    struct certificate_grant grant = agent_grant();
    for (size_t i = 0; i < ARRAY_LEN(serials); i++) {
        struct certificate read;
        assert_ok(issue(&grant, err));
        assert_ok(certificate_parse(buf_slice(&out), &read, err));
        memcpy(serials[i], read.serial, sizeof(serials[i]));
        cr_assert_leq(strlen(serials[i]), 32);
        for (size_t j = 0; j < i; j++) {
            cr_assert_str_neq(serials[i], serials[j]);
        }
    }
}

static void assert_grant_refused(const char *why, struct certificate_grant grant, enum err_code expected)
{
    struct error err = { .message = "" };
    cr_assert_eq(issue(&grant, &err), expected, "%s: %s", why, err.message);
    cr_assert_eq(out.len, 0, "%s", why);
}

Test(authority, refuses_an_agent_that_does_not_fit)
{
    static const uint8_t twice[2][STREAM_ID_BYTES] = { { 1 }, { 1 } };
    static const char *const host[] = { "agent.example.org" };
    struct certificate_grant grant = agent_grant();
    grant.organisation = NULL;
    assert_grant_refused("no organisation", grant, ERR_INVALID);
    grant = agent_grant();
    grant.stream_count = 0;
    assert_grant_refused("no stream", grant, ERR_INVALID);
    grant.stream_count = CERTIFICATE_STREAMS_MAX + 1;
    assert_grant_refused("nine streams", grant, ERR_LIMIT);
    grant.stream_count = 2;
    grant.streams = twice;
    assert_grant_refused("a stream twice", grant, ERR_INVALID);
    grant = agent_grant();
    grant.host_names = host;
    grant.host_name_count = 1;
    assert_grant_refused("a host name", grant, ERR_INVALID);
    grant = agent_grant();
    grant.role = CERTIFICATE_ROLE_CENTRE;
    assert_grant_refused("a centre with streams", grant, ERR_INVALID);
}

Test(authority, refuses_names_and_times_that_are_none)
{
    struct certificate_grant grant = agent_grant();
    grant.common_name = "";
    assert_grant_refused("no name", grant, ERR_INVALID);
    grant.common_name = "a\x01z";
    assert_grant_refused("a control character", grant, ERR_INVALID);
    grant = agent_grant();
    grant.not_after_ms = grant.not_before_ms;
    assert_grant_refused("no time at all", grant, ERR_INVALID);
    grant.not_before_ms = -1;
    assert_grant_refused("before 1970", grant, ERR_INVALID);
    grant = agent_grant();
    grant.not_after_ms = INT64_MAX;
    assert_grant_refused("after 9999", grant, ERR_INVALID);
    struct authority *made = NULL;
    assert_fails(authority_new("", NOW_MS, &made, err), INVALID);
    assert_fails(authority_new("x", INT64_MAX, &made, err), INVALID);
    assert_fails(authority_new("x", -1, &made, err), INVALID);
    cr_assert(made == NULL);
}

Test(authority, refuses_hosts_that_are_none)
{
    static const char *const refused[] = {
        "",
        ".",
        "*.example.org",
        "a..b",
        "a.",
        ".a",
        "-a.org",
        "a-.org",
        "a b",
        "a_b.org",
        "a\nb",
        "h\xc3\xa9.org",
        "12345678901234567890123456789012345678901234567890123456789012345.org",
        "1:2",
        "a/b",
    };
    struct certificate_grant grant = server_grant();
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        grant.host_names = &refused[i];
        grant.host_name_count = 1;
        assert_grant_refused(refused[i], grant, ERR_INVALID);
    }
    char too_long[300];
    memset(too_long, 'a', sizeof(too_long));
    for (size_t i = 9; i < sizeof(too_long); i += 10) {
        too_long[i] = '.';
    }
    too_long[254] = '\0';
    const char *const long_host[] = { too_long };
    grant.host_names = long_host;
    assert_grant_refused("254 characters", grant, ERR_INVALID);
    too_long[253] = '\0';
    assert_ok(issue(&grant, err));
    grant.host_name_count = 0;
    assert_grant_refused("no host", grant, ERR_INVALID);
    const char *const many[17] = {
        "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a"
    };
    grant.host_names = many;
    grant.host_name_count = ARRAY_LEN(many);
    assert_grant_refused("17 hosts", grant, ERR_LIMIT);
}

static enum err_code issue_for(struct slice request, struct error *err)
{
    struct certificate_grant grant = agent_grant();
    buf_clear(&out);
    return authority_issue(world.authority, request, &grant, &out, err);
}

Test(authority, refuses_a_request_that_is_cut_changed_or_followed_by_something)
{
    struct buf *request = &world.request;
    for (size_t i = 0; i < request->len; i++) {
        uint8_t *cut = exact_copy(slice_of(request->data, i));
        assert_fails(issue_for(slice_of(cut, i), err), INVALID);
        free(cut);
        request->data[i] ^= (uint8_t)(1 << i % 8);
        assert_fails(issue_for(buf_slice(request), err), INVALID);
        request->data[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_ok(issue_for(buf_slice(request), err));
    assert_ok(buf_append(request, "", 1, err));
    assert_fails(issue_for(buf_slice(request), err), INVALID);
    uint8_t large[CERTIFICATE_DER_MAX + 1] = { 0x30 };
    assert_fails(issue_for(slice_of(large, sizeof(large)), err), INVALID);
}

/* A request for `holder` signed with `signer`, and with extensions that ask for more. */
static void request_forge(EVP_PKEY *holder, EVP_PKEY *signer, const char *names)
{
    X509_REQ *request = X509_REQ_new();
    cr_assert(X509_REQ_set_version(request, 0) == 1 && X509_REQ_set_pubkey(request, holder) == 1);
    cr_assert(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                                         (const unsigned char *)"wish", -1, -1, 0) == 1);
    if (names != NULL) {
        STACK_OF(X509_EXTENSION) *wishes = sk_X509_EXTENSION_new_null();
        sk_X509_EXTENSION_push(wishes, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE"));
        sk_X509_EXTENSION_push(wishes, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names));
        cr_assert(X509_REQ_add_extensions(request, wishes) == 1);
        sk_X509_EXTENSION_pop_free(wishes, X509_EXTENSION_free);
    }
    cr_assert(X509_REQ_sign(request, signer, EVP_sha256()) > 0);
    uint8_t *der = NULL;
    int len = i2d_X509_REQ(request, &der);
    cr_assert_gt(len, 0);
    buf_clear(&world.request);
    assert_ok(buf_append(&world.request, der, (size_t)len, err));
    OPENSSL_free(der);
    X509_REQ_free(request);
}

Test(authority, refuses_a_request_signed_with_another_key)
{
    EVP_PKEY *holder = pkey_of(world.key);
    EVP_PKEY *thief = EVP_EC_gen("P-256");
    request_forge(holder, thief, NULL);
    assert_fails(issue_for(buf_slice(&world.request), err), INVALID);
    EVP_PKEY_free(holder);
    EVP_PKEY_free(thief);
}

Test(authority, refuses_a_request_for_another_kind_of_key)
{
    EVP_PKEY *others[] = { EVP_RSA_gen(2048), EVP_EC_gen("P-384"), EVP_EC_gen("secp256k1") };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        request_forge(others[i], others[i], NULL);
        assert_fails(issue_for(buf_slice(&world.request), err), INVALID);
        cr_assert_eq(out.len, 0);
        EVP_PKEY_free(others[i]);
    }
}

Test(authority, takes_nothing_but_the_key_from_a_request)
{
    EVP_PKEY *holder = pkey_of(world.key);
    struct certificate read;
    request_forge(holder, holder, "URI:urn:holdfast:role:server,DNS:centre.example.org");
    assert_ok(issue_for(buf_slice(&world.request), err));
    assert_ok(certificate_verify(buf_slice(&out), world_ca(&world), NOW_MS, &read, err));
    cr_assert_eq(read.role, CERTIFICATE_ROLE_AGENT);
    X509 *certificate = x509_of(buf_slice(&out));
    char name[80];
    cr_assert_eq(X509_check_ca(certificate), 0);
    cr_assert_eq(X509_check_host(certificate, "centre.example.org", 0, 0, NULL), 0);
    cr_assert_gt(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name)), 0);
    cr_assert_str_eq(name, "laptop at the food bank");
    X509_free(certificate);
    EVP_PKEY_free(holder);
}
