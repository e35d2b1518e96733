/*
 * A certificate, the authorities it is held against, and the same bytes as text and as a key:
 *
 *     2 bytes  length of the certificate, big-endian (at most what is there)
 *     ...      the certificate, then the authorities, one behind the other
 */
#include <string.h>

#include "crypto/identity.h"

static void text_round_trip(struct slice der)
{
    struct error err;
    SCOPED(buf_fini) struct buf text;
    SCOPED(buf_fini) struct buf back;
    buf_init(&text, 2 * CERTIFICATE_DER_MAX);
    buf_init(&back, CERTIFICATE_DER_MAX);
    CHECK(certificate_to_pem(der, &text, &err) == ERR_OK);
    CHECK(certificate_from_pem(buf_slice(&text), &back, &err) == ERR_OK);
    CHECK(slice_equal(buf_slice(&back), der));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct certificate parsed;
    struct certificate verified;
    struct device_key *key;
    struct buf der;
    size_t len = size < 2 ? 0 : (size_t)data[0] << 8 | data[1];
    struct slice rest = size < 2 ? slice_of(data, 0) : slice_of(data + 2, size - 2);
    struct slice certificate = slice_of(rest.data, len < rest.len ? len : rest.len);
    struct slice authorities = slice_of(rest.data + certificate.len, rest.len - certificate.len);
    bool good = certificate_parse(certificate, &parsed, &err) == ERR_OK;
    if (good) {
        CHECK(parsed.stream_count <= CERTIFICATE_STREAMS_MAX && strlen(parsed.serial) < sizeof(parsed.serial));
        text_round_trip(certificate);
    }
    if (certificate_verify(certificate, authorities, -1, &verified, &err) == ERR_OK) {
        CHECK(good && memcmp(parsed.device, verified.device, sizeof(parsed.device)) == 0);
    }
    if (device_key_load(certificate, &key, &err) == ERR_OK) {
        device_key_free(key);
    }
    buf_init(&der, CERTIFICATE_DER_MAX);
    if (certificate_from_pem(slice_of(data, size), &der, &err) == ERR_OK) {
        text_round_trip(buf_slice(&der));
    }
    buf_fini(&der);
    return 0;
}
