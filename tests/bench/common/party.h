/*
 * tests/bench/common/party - both ends of a TLS connection, with certificates of one authority, for what the benchmarks
 * compare with.
 */
#ifndef BENCH_COMMON_PARTY_H
#define BENCH_COMMON_PARTY_H

#include "base/bytes.h"
#include "crypto/secret.h"

struct party {
    struct secret key_pem;
    struct buf certificate_pem; /* ends with NUL */
};

/* A server on 127.0.0.1 and a client, and the authority's certificate, which ends with NUL. */
void parties_make(struct party party[2], struct buf *ca_pem);
/* The key, ending with NUL. */
void party_key_text(const struct party *party, struct buf *out);
void party_fini(struct party *party);

#endif
