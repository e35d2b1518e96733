/*
 * sync/endpoint/core/private - what the files of the core share. Not for other rooms.
 */
#ifndef SYNC_ENDPOINT_CORE_PRIVATE_H
#define SYNC_ENDPOINT_CORE_PRIVATE_H

#include "sync/endpoint/core/centre.h"

#define DAY_MS INT64_C(86400000)

struct centre {
    struct centre_store *store;
    struct authority *authority;
    struct device_key *signing_key;
    struct buf signing_certificate; /* DER */
    uint8_t signing_certificate_hash[EXCHANGE_CERTIFICATE_HASH_BYTES];
    uint32_t raw_per_encoded; /* how much smaller a page gets on the wire, as last measured */
};

/* The device of a certificate: verified, known, not revoked, and of the site that its certificate names. */
MUST_USE enum err_code peer_device(struct centre *centre, struct slice peer, int64_t now_ms,
                                   struct certificate *ret_certificate, struct centre_device *ret_device,
                                   struct error *err);

/* ---- enrolment.c: the one-time code and its hash ---- */

MUST_USE enum err_code code_make(struct centre *centre, char out[ENROLMENT_CODE_SIZE], uint8_t ret_hash[SHA256_BYTES],
                                 struct error *err);
MUST_USE enum err_code code_hash_of_password(const char *password, uint8_t ret_hash[SHA256_BYTES], struct error *err);

#endif
