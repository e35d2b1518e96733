/*
 * sync/enrolment_file - becoming a device of a site, and staying one, where there is never a network: two small files.
 *
 *   device  ── request: its public key, proved by the code or by the certificate that it has ──► centre
 *   device  ◄── answer: certificate, authorities, site; signed by the centre, sealed to the device ── centre
 *
 *     request   0    8  "HFENROLQ"          answer    0    8  "HFENROLA"
 *               8    1  version, 1                    8    1  version, 1
 *               9    n  CBOR map                      9   16  receiver: the device's id
 *                                                    25   65  encapsulated key (crypto/hpke.h), for the 25 before it
 *                                                    90    n  sealed CBOR map
 *
 * Nothing in a request is secret: the code itself is not in it. Nobody who finds one can put another key into it, and
 * who sends it again gets what only the same device can open. PROTOCOL.md 4.7 has the members.
 *
 * What is read here has the right shape and nothing more; who may be believed the caller decides.
 *
 * Layer: sync. No file and no clock.
 */
#ifndef SYNC_ENROLMENT_FILE_H
#define SYNC_ENROLMENT_FILE_H

#include "crypto/hpke.h"
#include "store/op.h"

#define ENROLMENT_FILE_MAX ((size_t)40 * 1024)

/* ---- the request ---- */

struct enrolment_request {
    int64_t made_at_ms; /* by the device's clock */
    struct slice pkcs10;
    struct slice certificate; /* of who renews; empty: a code proves it */
    struct slice proof;
};

/* Each appends. `code` is enrolment_code_hash of the code's secret. */
MUST_USE enum err_code enrolment_request_by_code(const struct enrolment_request *request,
                                                 const uint8_t code[SHA256_BYTES], struct buf *out, struct error *err);
MUST_USE enum err_code enrolment_request_by_key(const struct enrolment_request *request, const struct device_key *key,
                                                struct buf *out, struct error *err);

/* Slices borrow from `file`. ERR_INVALID: no such file (it says which it is instead); ERR_UNSUPPORTED: a later version;
 * ERR_DAMAGED: not as specified. */
MUST_USE enum err_code enrolment_request_read(struct slice file, struct enrolment_request *ret_request,
                                              struct error *err);
bool enrolment_request_proves_code(const struct enrolment_request *request, const uint8_t code[SHA256_BYTES]);
/* ERR_HISTORY: whoever wrote it has not the key of the certificate in it. */
MUST_USE enum err_code enrolment_request_check_key(const struct enrolment_request *request, struct error *err);

/* ---- the answer ---- */

struct enrolment_answer {
    int64_t made_at_ms; /* by the centre's clock */
    struct slice certificate;
    struct slice authorities; /* PKCS#7, as at cacerts */
    struct slice site;        /* CBOR, as at /v1/site */
};

/* Sealed to the certificate in it. `key` is of the signing certificate in `site`. Appends. */
MUST_USE enum err_code enrolment_answer_write(const struct enrolment_answer *answer, const struct device_key *key,
                                              struct buf *out, struct error *err);

struct enrolment_opened {
    struct enrolment_answer answer; /* borrows from `content` */
    struct buf content;
    uint8_t message[128]; /* what the centre signed */
    size_t message_len;
    struct slice signature;
};

/*
 * ERR_INVALID, ERR_UNSUPPORTED as above; ERR_REFUSED: for another device; ERR_DAMAGED: changed, or not as specified.
 * enrolment_opened_fini after ERR_OK.
 */
MUST_USE enum err_code enrolment_answer_open(struct slice file, const struct device_key *key,
                                             struct enrolment_opened *ret_opened, struct error *err);
/* ERR_HISTORY: the owner of this public key has not signed it. */
MUST_USE enum err_code enrolment_answer_check(const struct enrolment_opened *opened, struct slice public_key,
                                              struct error *err);
void enrolment_opened_fini(struct enrolment_opened *opened); /* zeroed is allowed */

#endif
