#include "crypto/certificate_names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509v3.h>

#define URN_OURS "urn:holdfast:"
#define URN_ORGANISATION "urn:holdfast:organisation:"
#define URN_STREAM "urn:holdfast:stream:"

enum {
    ID_BYTES = 16,
    ID_TEXT_SIZE = 33,
    URN_SIZE = 80,
    HOST_NAMES_MAX = 16,
    HOST_NAME_MAX_BYTES = 253,
    LABEL_MAX_BYTES = 63
};

_Static_assert(ORGANISATION_ID_BYTES == ID_BYTES && STREAM_ID_BYTES == ID_BYTES, "every id has one length");

static const char *const roles[] = {
    [CERTIFICATE_ROLE_AGENT] = "urn:holdfast:role:agent",
    [CERTIFICATE_ROLE_CENTRE] = "urn:holdfast:role:centre",
    [CERTIFICATE_ROLE_SERVER] = "urn:holdfast:role:server",
};

/* What has been met so far. */
struct names {
    size_t role_count;
    size_t organisation_count;
};

static bool starts_with(struct slice text, const char *head, struct slice *ret_rest)
{
    size_t len = strlen(head);
    if (text.len < len || memcmp(text.data, head, len) != 0) {
        return false;
    }
    *ret_rest = slice_of(text.data + len, text.len - len);
    return true;
}

static bool id_read(struct slice text, uint8_t ret_id[ID_BYTES])
{
    char hex[ID_TEXT_SIZE] = { 0 };
    if (text.len != sizeof(hex) - 1) {
        return false;
    }
    memcpy(hex, text.data, text.len);
    return hex_decode(hex, ret_id, ID_BYTES);
}

static bool role_read(struct slice urn, enum certificate_role *ret_role)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (slice_equal(urn, slice_of_text(roles[i]))) {
            *ret_role = (enum certificate_role)i;
            return true;
        }
    }
    return false;
}

static bool stream_known(const struct certificate *certificate, const uint8_t id[STREAM_ID_BYTES])
{
    for (size_t i = 0; i < certificate->stream_count; i++) {
        if (memcmp(certificate->streams[i], id, STREAM_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code urn_read(struct slice urn, struct names *met, struct certificate *into, struct error *err)
{
    struct slice rest;
    uint8_t id[ID_BYTES];
    if (!starts_with(urn, URN_OURS, &rest)) {
        return ERR_OK;
    }
    if (role_read(urn, &into->role)) {
        met->role_count++;
        return ERR_OK;
    }
    if (starts_with(urn, URN_ORGANISATION, &rest) && id_read(rest, id)) {
        met->organisation_count++;
        memcpy(into->organisation, id, sizeof(id));
        return ERR_OK;
    }
    if (!starts_with(urn, URN_STREAM, &rest) || !id_read(rest, id) || stream_known(into, id)) {
        return FAIL(err, TLS, "read a certificate: it has a name that this program does not know");
    }
    if (into->stream_count == CERTIFICATE_STREAMS_MAX) {
        return FAIL(err, TLS, "read a certificate: it has more than %d streams", CERTIFICATE_STREAMS_MAX);
    }
    memcpy(into->streams[into->stream_count++], id, sizeof(id));
    return ERR_OK;
}

/* NULL when what is said fits the role, otherwise what does not. */
static const char *role_misfit(enum certificate_role role, size_t organisations, size_t streams)
{
    if (role == CERTIFICATE_ROLE_AGENT) {
        return organisations == 1 && streams > 0 ? NULL : "an agent has one organisation and at least one stream";
    }
    return organisations == 0 && streams == 0 ? NULL : "only an agent has an organisation and streams";
}

static enum err_code names_read(const GENERAL_NAMES *names, struct certificate *into, struct error *err)
{
    struct names met = { 0 };
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI) {
            const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
            struct slice urn = slice_of(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
            TRY(urn_read(urn, &met, into, err));
        }
    }
    if (met.role_count != 1) {
        return FAIL(err, TLS, "read a certificate: it has %zu roles, not one", met.role_count);
    }
    const char *misfit = role_misfit(into->role, met.organisation_count, into->stream_count);
    return misfit == NULL ? ERR_OK : FAIL(err, TLS, "read a certificate: %s", misfit);
}

enum err_code certificate_names_read(X509 *certificate, struct certificate *ret_certificate, struct error *err)
{
    int critical;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    if (names == NULL) {
        return openssl_failed(err, ERR_TLS, "read a certificate: it has no single, readable SubjectAltName");
    }
    enum err_code rc = names_read(names, ret_certificate, err);
    GENERAL_NAMES_free(names);
    return rc;
}

/* Letters, digits and hyphens (RFC 1123), no wildcard, no dot at the end. */
static bool host_name_acceptable(const char *name)
{
    size_t len = strnlen(name, HOST_NAME_MAX_BYTES + 1);
    size_t label = 0;
    if (len == 0 || len > HOST_NAME_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool inner_hyphen = c == '-' && label > 0 && name[i + 1] != '.' && name[i + 1] != '\0';
        if (c == '.' ? label == 0 : !letter && !inner_hyphen) {
            return false;
        }
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX_BYTES) {
            return false;
        }
    }
    return label > 0;
}

/* An IA5String or OCTET STRING as the choice `type`. */
static enum err_code name_add(GENERAL_NAMES *names, int type, struct slice value, struct error *err)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (name == NULL || text == NULL || ASN1_STRING_set(text, value.data, (int)value.len) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(text);
        return openssl_failed(err, ERR_CRYPTO, "name the holder of a certificate");
    }
    GENERAL_NAME_set0_value(name, type, text);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        return openssl_failed(err, ERR_CRYPTO, "name the holder of a certificate");
    }
    return ERR_OK;
}

static enum err_code urn_add(GENERAL_NAMES *names, const char *head, const uint8_t id[ID_BYTES], struct error *err)
{
    char hex[ID_TEXT_SIZE];
    char urn[URN_SIZE];
    hex_encode(id, ID_BYTES, hex);
    int len = snprintf(urn, sizeof(urn), "%s%s", head, hex);
    CHECK(len > 0 && len < (int)sizeof(urn));
    return name_add(names, GEN_URI, slice_of(urn, (size_t)len), err);
}

static enum err_code host_add(GENERAL_NAMES *names, const char *host, struct error *err)
{
    uint8_t address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1) {
        return name_add(names, GEN_IPADD, slice_of(address, sizeof(struct in_addr)), err);
    }
    if (inet_pton(AF_INET6, host, address) == 1) {
        return name_add(names, GEN_IPADD, slice_of(address, sizeof(struct in6_addr)), err);
    }
    if (!host_name_acceptable(host)) {
        return FAIL(err, INVALID, "issue a certificate: a host name is neither a DNS name nor an IP address");
    }
    return name_add(names, GEN_DNS, slice_of_text(host), err);
}

static enum err_code grant_check(const struct certificate_grant *grant, struct error *err)
{
    CHECK((size_t)grant->role < ARRAY_LEN(roles));
    const char *misfit = role_misfit(grant->role, grant->organisation == NULL ? 0 : 1, grant->stream_count);
    if (misfit != NULL) {
        return FAIL(err, INVALID, "issue a certificate: %s", misfit);
    }
    if (grant->stream_count > CERTIFICATE_STREAMS_MAX) {
        return FAIL(err, LIMIT, "issue a certificate for %zu streams: %d are possible", grant->stream_count,
                    CERTIFICATE_STREAMS_MAX);
    }
    for (size_t i = 1; i < grant->stream_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (memcmp(grant->streams[i], grant->streams[j], STREAM_ID_BYTES) == 0) {
                return FAIL(err, INVALID, "issue a certificate: a stream is named twice");
            }
        }
    }
    if ((grant->role == CERTIFICATE_ROLE_SERVER) != (grant->host_name_count > 0)) {
        return FAIL(err, INVALID, "issue a certificate: a server has host names, others have none");
    }
    return grant->host_name_count <= HOST_NAMES_MAX
               ? ERR_OK
               : FAIL(err, LIMIT, "issue a certificate for %zu host names: %d are possible", grant->host_name_count,
                      HOST_NAMES_MAX);
}

static enum err_code names_fill(GENERAL_NAMES *names, const struct certificate_grant *grant, struct error *err)
{
    TRY(name_add(names, GEN_URI, slice_of_text(roles[grant->role]), err));
    if (grant->organisation != NULL) {
        TRY(urn_add(names, URN_ORGANISATION, grant->organisation, err));
    }
    for (size_t i = 0; i < grant->stream_count; i++) {
        TRY(urn_add(names, URN_STREAM, grant->streams[i], err));
    }
    for (size_t i = 0; i < grant->host_name_count; i++) {
        TRY(host_add(names, grant->host_names[i], err));
    }
    return ERR_OK;
}

enum err_code certificate_names_write(X509 *certificate, const struct certificate_grant *grant, struct error *err)
{
    TRY(grant_check(grant, err));
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    if (names == NULL) {
        return FAIL(err, NO_MEMORY, "name the holder of a certificate");
    }
    enum err_code rc = names_fill(names, grant, err);
    if (rc == ERR_OK && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1) {
        rc = openssl_failed(err, ERR_CRYPTO, "name the holder of a certificate");
    }
    GENERAL_NAMES_free(names);
    return rc;
}
