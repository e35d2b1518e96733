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
 * A try that was cut can be repeated with the same code: key (and certificate, if it came) are kept in memory for it,
 * so that an answer lost on the way does not waste the code.
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

enum enrolment_step { ENROLMENT_IDLE, ENROLMENT_CA, ENROLMENT_CERTIFICATE, ENROLMENT_SITE };

struct enrolment {
    uv_loop_t *loop;
    enum enrolment_step step;
    struct store *store;
    struct http_client *http;
    bool http_stopping;
    enrolment_done done;
    void *context;

    struct enrolment_code code; /* what the kept key belongs to */
    bool has_code;
    struct device_key *key;
    struct store_identity identity; /* filled in as it comes */
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

/* `endpoint` begins with https:// and has neither user, query nor fragment. ERR_BUSY while one runs, ERR_CONFLICT when
 * enrolled already. */
MUST_USE enum err_code enrolment_start(struct enrolment *enrolment, struct store *store, const char *endpoint,
                                       const char *code, enrolment_done done, void *context, struct error *err);
bool enrolment_running(const struct enrolment *enrolment);
/* Ends a running one with ERR_LOCKED, told to `done` as usual. */
void enrolment_cancel(struct enrolment *enrolment);

/* The pure parts, for tests. */
MUST_USE enum err_code enrolment_endpoint_check(const char *endpoint, struct error *err);
MUST_USE enum err_code enrolment_read_site(struct slice body, const struct store_identity *identity, int64_t now_ms,
                                           char site[STORE_NAME_MAX + 1], char organisation[STORE_NAME_MAX + 1],
                                           struct error *err);

#endif
