/*
 * agent/enrolment - becoming a device of a site: EST (RFC 7030) with a one-time code, over the centre's own small CA.
 *
 *   CA ── pin fits ──► CERTIFICATE ── ours, from that CA ──► SITE ── name ──► done: written to the replica
 *    │  GET cacerts        POST simpleenroll (CSR)             GET /v1/site
 *    └────────┴──────────────────┴── any failure: told, nothing kept in the replica
 *
 * The first request trusts nobody and takes only the CA certificate, whose hash must fit the code's pin; every later
 * one trusts that CA alone. The device's key is made here and never leaves.
 *
 * A try that was cut, even with the program, can be repeated with the same code: the key is kept in the replica before
 * the centre hears of it, so that an answer lost on the way does not waste the code.
 *
 * AGAIN: an enrolled device gets a new certificate with a code: the old one has run out, or the centre has another
 * authority than the device can follow. It keeps its key, so its identity, its log and its site stay.
 *
 * RENEWAL: the same three steps before the certificate runs out, or when the centre has a new authority; the present
 * certificate stands for the code (simplereenroll), and the present authority has to vouch for a new one. What the
 * replica holds is replaced in one transaction after the new certificate has worked; until then the old one serves,
 * and a renewal that was cut leaves nothing behind.
 *
 * Ownership:  the caller owns the struct; enrolment_fini after `done` or before any start.
 * Threads:    the loop's.
 */
#ifndef AGENT_ENROLMENT_H
#define AGENT_ENROLMENT_H

#include <uv.h>

#include "store/store.h"
#include "sync/edge/http_client.h"

#define ENROLMENT_CODE_TEXT_MAX 80

struct enrolled {
    const char *organisation_name;
    const struct store_identity *identity;
};

/* `result` on ERR_OK, borrowed. Called later, once. */
typedef void (*enrolment_done)(void *context, enum err_code rc, const struct error *err, const struct enrolled *result);

enum enrolment_kind { ENROLMENT_NEW, ENROLMENT_AGAIN, ENROLMENT_RENEWAL };

enum enrolment_step { ENROLMENT_IDLE, ENROLMENT_CA, ENROLMENT_CERTIFICATE, ENROLMENT_SITE };

struct enrolment {
    uv_loop_t *loop;
    enum enrolment_kind kind;
    enum enrolment_step step;
    int64_t clock_offset_ms; /* this clock minus the centre's, when it was measured */
    struct store *store;
    struct http_client *http;
    bool http_stopping;
    enrolment_done done;
    void *context;

    struct enrolment_code code; /* what the kept key belongs to */
    bool has_code;
    struct device_key *key;
    struct store_identity identity; /* filled in as it comes */
    struct store_identity held;     /* AGAIN, RENEWAL: as the replica has it, without its key */
    char organisation_name[STORE_NAME_MAX + 1];

    char url[STORE_URL_MAX + 64];
    char authorization[96];
    struct buf body;
    struct buf ca_pem;
    struct buf certificate_pem;
    struct secret key_pem;

    enum err_code rc; /* of the step that just ended */
    struct error err;
    bool cancelled;
};

void enrolment_init(struct enrolment *enrolment, uv_loop_t *loop);
void enrolment_fini(struct enrolment *enrolment);

struct enrolment_input {
    const char *endpoint; /* begins with https:// and has neither user, query nor fragment */
    const char *code;
    bool again;
};

/* ERR_BUSY while one runs, ERR_CONFLICT when enrolled already; with `again`: when not. */
MUST_USE enum err_code enrolment_start(struct enrolment *enrolment, struct store *store,
                                       const struct enrolment_input *input, enrolment_done done, void *context,
                                       struct error *err);
MUST_USE enum err_code enrolment_renew(struct enrolment *enrolment, struct store *store, int64_t clock_offset_ms,
                                       enrolment_done done, void *context, struct error *err);
bool enrolment_running(const struct enrolment *enrolment);
/* Ends a running one with ERR_LOCKED, told to `done` as usual. */
void enrolment_cancel(struct enrolment *enrolment);

#endif
