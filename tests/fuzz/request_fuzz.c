/* A certificate request as it comes from whoever has a code: what is issued for it must verify, and say what was
 * granted. */
#include <string.h>

#include "crypto/identity.h"

#define DAY_MS INT64_C(86400000)

static struct authority *authority;

static const struct authority *the_authority(void)
{
    struct error err;
    if (authority == NULL) {
        CHECK(authority_new("Authority", 400 * DAY_MS, &authority, &err) == ERR_OK);
    }
    return authority;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t organisation[ORGANISATION_ID_BYTES] = { 1 };
    static const uint8_t streams[1][STREAM_ID_BYTES] = { { 2 } };
    const struct certificate_grant grant = {
        .role = CERTIFICATE_ROLE_AGENT,
        .common_name = "device",
        .organisation = organisation,
        .streams = streams,
        .stream_count = 1,
        .not_before_ms = 400 * DAY_MS,
        .not_after_ms = 800 * DAY_MS,
    };
    struct error err;
    struct certificate read;
    struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    if (authority_issue(the_authority(), slice_of(data, size), &grant, &der, &err) == ERR_OK) {
        CHECK(certificate_verify(buf_slice(&der), authority_certificate(authority), 500 * DAY_MS, &read, &err) ==
              ERR_OK);
        CHECK(read.role == CERTIFICATE_ROLE_AGENT && read.stream_count == 1);
        CHECK(memcmp(read.organisation, organisation, sizeof(organisation)) == 0);
    } else {
        CHECK(der.len == 0);
    }
    buf_fini(&der);
    return 0;
}
