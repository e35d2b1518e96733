#include "tests/bench/common/party.h"

#include "base/clock.h"
#include "crypto/identity.h"
#include "tests/bench/common/bench.h"

#define DAY_MS INT64_C(86400000)

enum { PEM_MAX = 16384 };

static void text_of(struct buf *pem)
{
    MUST(buf_append(pem, "", 1, err));
}

static void party_make(struct authority *authority, enum certificate_role role, struct party *party)
{
    static const char *const hosts[] = { "127.0.0.1" };
    static const uint8_t stream[1][STREAM_ID_BYTES] = { { 1 } };
    bool agent = role == CERTIFICATE_ROLE_AGENT;
    struct device_key *key;
    struct buf request;
    struct buf der;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&der, CERTIFICATE_DER_MAX);
    buf_init(&party->certificate_pem, PEM_MAX);
    MUST(device_key_generate(&key, err));
    MUST(device_key_export_pem(key, &party->key_pem, err));
    MUST(device_key_request(key, "bench", &request, err));
    struct certificate_grant grant = { .role = role,
                                       .common_name = "bench",
                                       .organisation = agent ? stream[0] : NULL,
                                       .streams = agent ? stream : NULL,
                                       .stream_count = agent ? 1 : 0,
                                       .host_names = agent ? NULL : hosts,
                                       .host_name_count = agent ? 0 : 1,
                                       .not_before_ms = clock_wall_ms() - DAY_MS,
                                       .not_after_ms = clock_wall_ms() + DAY_MS };
    MUST(authority_issue(authority, buf_slice(&request), &grant, &der, err));
    MUST(certificate_to_pem(buf_slice(&der), &party->certificate_pem, err));
    text_of(&party->certificate_pem);
    device_key_free(key);
    buf_fini(&request);
    buf_fini(&der);
}

void parties_make(struct party party[2], struct buf *ca_pem)
{
    struct authority *authority;
    MUST(secret_init(err));
    MUST(authority_new("bench", clock_wall_ms(), &authority, err));
    buf_init(ca_pem, PEM_MAX);
    MUST(certificate_to_pem(authority_certificate(authority), ca_pem, err));
    text_of(ca_pem);
    party_make(authority, CERTIFICATE_ROLE_SERVER, &party[0]);
    party_make(authority, CERTIFICATE_ROLE_AGENT, &party[1]);
    authority_free(authority);
}

void party_key_text(const struct party *party, struct buf *out)
{
    buf_init(out, PEM_MAX);
    MUST(buf_append(out, party->key_pem.bytes, party->key_pem.len, err));
    text_of(out);
}

void party_fini(struct party *party)
{
    secret_free(&party->key_pem);
    buf_fini(&party->certificate_pem);
}
