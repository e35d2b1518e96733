/*
 * agent/enrolment_check - what a device believes of what a centre gave it, whichever way that came: over TLS or in a
 * file.
 *
 * Pure: no network, no store.
 */
#ifndef AGENT_ENROLMENT_CHECK_H
#define AGENT_ENROLMENT_CHECK_H

#include "store/store.h"

/* https://, and neither user, query nor fragment. ERR_INVALID says what is expected. */
MUST_USE enum err_code enrolment_endpoint_check(const char *endpoint, struct error *err);

/* A name for the code by which a try is found again; says nothing about it. */
void enrolment_code_name(const struct enrolment_code *code, uint8_t ret_name[SHA256_BYTES]);

/*
 * Takes the certificate (DER) into `identity` with what it says of device, site and organisation: issued by the present
 * authority of identity->ca, for this key, an agent's with a stream. `stream`: the one that it has to be for, or NULL.
 * ERR_CONFLICT: it is for another site.
 */
MUST_USE enum err_code enrolment_take_certificate(struct slice der, const struct device_key *key, const uint8_t *stream,
                                                  int64_t now_ms, struct store_identity *identity, struct error *err);

struct enrolment_site {
    char name[STORE_NAME_MAX + 1];
    char organisation[STORE_NAME_MAX + 1];
    struct slice centre; /* the centre's signing certificate, DER, borrowed; from the present authority */
    struct certificate centre_parsed;
};

/* The CBOR of GET /v1/site, by the authorities `ca`. */
MUST_USE enum err_code enrolment_read_site(struct slice body, struct slice ca, int64_t now_ms,
                                           struct enrolment_site *ret_site, struct error *err);

#endif
