#include "agent/enrolment_check.h"

#include <string.h>

#include "store/cbor.h"

#define TRY_CONTEXT "holdfast/enrolment-try/v1"

enum err_code enrolment_endpoint_check(const char *endpoint, struct error *err)
{
    static const char scheme[] = "https://";
    size_t len = strlen(endpoint);
    bool plain = len > sizeof(scheme) - 1 && len <= STORE_URL_MAX && strncmp(endpoint, scheme, sizeof(scheme) - 1) == 0;
    for (size_t i = 0; i < len && plain; i++) {
        unsigned char c = (unsigned char)endpoint[i];
        plain = c > ' ' && c < 0x7f && strchr("@?#\"<>\\^`{|}", c) == NULL;
    }
    return plain ? ERR_OK
                 : FAIL(err, INVALID,
                        "read the endpoint: expected an address such as https://centre.example:8443, of at most %d "
                        "bytes, without user, query or fragment",
                        STORE_URL_MAX);
}

/* By it a try with the code is found again; it says nothing about the code. */
static void code_name(const struct enrolment_code *code, uint8_t ret_name[SHA256_BYTES])
{
    const struct slice parts[] = { slice_of(TRY_CONTEXT, sizeof(TRY_CONTEXT)),
                                   slice_of(code->secret, ENROLMENT_SECRET_BYTES),
                                   slice_of(code->ca_pin, ENROLMENT_PIN_BYTES) };
    sha256(parts, ARRAY_LEN(parts), ret_name);
}

enum err_code enrolment_take_certificate(struct slice der, const struct device_key *key, const uint8_t *stream,
                                         int64_t now_ms, struct store_identity *identity, struct error *err)
{
    struct certificate certificate;
    uint8_t device[DEVICE_ID_BYTES];
    TRY(certificate_verify(der, authorities_present(buf_slice(&identity->ca)), now_ms, &certificate, err));
    device_key_id(key, device);
    if (certificate.role != CERTIFICATE_ROLE_AGENT || certificate.stream_count == 0 ||
        memcmp(certificate.device, device, sizeof(device)) != 0) {
        return FAIL(err, PROTOCOL, "check the certificate: it was not made for this device's key and a site");
    }
    if (stream != NULL && memcmp(certificate.streams[0], stream, STREAM_ID_BYTES) != 0) {
        return FAIL(err, CONFLICT,
                    "enrol: this code is for another site than this replica's; ask for one for its site");
    }
    memcpy(identity->device, device, sizeof(device));
    memcpy(identity->stream, certificate.streams[0], STREAM_ID_BYTES);
    memcpy(identity->organisation, certificate.organisation, ORGANISATION_ID_BYTES);
    buf_clear(&identity->certificate);
    return buf_append(&identity->certificate, der.data, der.len, err);
}

static void copy_name(struct dcbor_reader *r, char out[STORE_NAME_MAX + 1])
{
    struct slice text = dcbor_get_text(r, STORE_NAME_MAX);
    if (text.len > 0) {
        memcpy(out, text.data, text.len);
    }
    out[text.len] = '\0';
}

enum err_code enrolment_read_site(struct slice body, struct slice ca, int64_t now_ms, struct enrolment_site *ret_site,
                                  struct error *err)
{
    struct dcbor_reader r = dcbor_reader_begin(body, err);
    struct enrolment_site site = { .name = "" };
    size_t pairs = dcbor_get_map(&r, 16);
    for (size_t i = 0; i < pairs; i++) {
        switch (dcbor_get_uint(&r, UINT32_MAX)) {
        case 1:
            copy_name(&r, site.name);
            break;
        case 2:
            copy_name(&r, site.organisation);
            break;
        case 3:
            site.centre = dcbor_get_bytes(&r, 1, CERTIFICATE_DER_MAX);
            break;
        default:
            (void)dcbor_skip(&r);
        }
    }
    TRY(dcbor_reader_end(&r));
    TRY(certificate_verify(site.centre, authorities_present(ca), now_ms, &site.centre_parsed, err));
    if (site.centre_parsed.role != CERTIFICATE_ROLE_CENTRE || site.name[0] == '\0') {
        return FAIL(err, PROTOCOL, "read the site: expected its name and the centre's own certificate");
    }
    *ret_site = site;
    return ERR_OK;
}

enum err_code enrolment_keep_try(struct store *store, const struct enrolment_code *code, const struct device_key *key,
                                 struct error *err)
{
    SCOPED(store_enrolment_fini) struct store_enrolment kept = { .code = { 0 } };
    code_name(code, kept.code);
    memcpy(kept.ca_pin, code->ca_pin, sizeof(kept.ca_pin));
    TRY(device_key_export(key, &kept.key_pkcs8, err));
    return store_enrolment_keep(store, &kept, err);
}

enum err_code enrolment_key_of_try(struct store *store, const struct enrolment_code *code, struct device_key **ret_key,
                                   struct error *err)
{
    SCOPED(store_enrolment_fini) struct store_enrolment kept = { .code = { 0 } };
    uint8_t name[SHA256_BYTES];
    bool found;
    code_name(code, name);
    TRY(store_enrolment_read(store, &kept, &found, err));
    if (found && memcmp(kept.code, name, sizeof(name)) == 0) {
        return device_key_load(slice_of(kept.key_pkcs8.bytes, kept.key_pkcs8.len), ret_key, err);
    }
    struct device_key *key;
    TRY(device_key_generate(&key, err));
    enum err_code rc = enrolment_keep_try(store, code, key, err);
    if (rc != ERR_OK) {
        device_key_free(key);
        return rc;
    }
    *ret_key = key;
    return ERR_OK;
}
