/*
 * agent/enrolment_check - what every way of enrolment shares, over TLS or by files: the key of a try, and what is
 * believed of what a centre gave.
 */
#ifndef AGENT_ENROLMENT_CHECK_H
#define AGENT_ENROLMENT_CHECK_H

#include "store/store.h"

#define ENROLMENT_COMMON_NAME "holdfast agent"
#define ENROLMENT_FIRST_INCARNATION 1

/* https://, and neither user, query nor fragment. ERR_INVALID says what is expected. */
MUST_USE enum err_code enrolment_endpoint_check(const char *endpoint, struct error *err);

/* The key of an earlier try with this code, or a new one, which is kept in the replica before anybody hears of it. */
MUST_USE enum err_code enrolment_key_of_try(struct store *store, const struct enrolment_code *code,
                                            struct device_key **ret_key, struct error *err);
/* Keeps what an answer to a request with this code is to be checked by. */
MUST_USE enum err_code enrolment_keep_try(struct store *store, const struct enrolment_code *code,
                                          const struct device_key *key, struct error *err);

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
