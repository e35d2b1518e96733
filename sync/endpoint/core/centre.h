/*
 * sync/endpoint/core/centre - the centre without its network: what it answers to an exchange, an enrolment and the
 * operator.
 *
 *   device  ── certificate, request bytes, the time ──► centre_exchange ──► answer bytes
 *   device  ── code, certificate request ────────────► centre_enrol ─────► certificate
 *   operator ─ operation, JSON ──────────────────────► centre_admin ─────► JSON
 *
 * An answer is given only after what it says is durable. Every call is given the time, so that a simulator can run a
 * centre under its own clock.
 *
 * Who may do what: a device is known by its certificate (from this centre's authority and in its dates), by its row
 * (not revoked) and by its site, which has to be in both. Nothing else of a request is believed.
 *
 * Ownership: centre_open gives, centre_close wipes and releases; the vault is borrowed for as long.
 * Threads:   one; the loop's.
 * Layer:     sync. Never uv.h, microhttpd.h or curl.h.
 */
#ifndef SYNC_ENDPOINT_CORE_CENTRE_H
#define SYNC_ENDPOINT_CORE_CENTRE_H

#include <jansson.h>

#include "store/centre/centre_store.h"
#include "sync/exchange.h"

#define CENTRE_CODE_HOURS_MAX (24 * 90)
#define CENTRE_HOSTS_MAX 16
#define CENTRE_HOST_TEXT_MAX 1024 /* the names with commas between */

struct centre;

/* Makes the authority, the signing key and the server's certificate in an empty database. ERR_CONFLICT when there are.
 */
MUST_USE enum err_code centre_create(struct vault *vault, const char *name, const char *hosts, int64_t now_ms,
                                     struct error *err);
MUST_USE enum err_code centre_open(struct vault *vault, int cache_kib, struct centre **ret_centre, struct error *err);
/* Who was revoked and which codes were used, also after the database was put back: a file that is made when it is
 * needed (state_spent). Once, before anybody is let in. */
MUST_USE enum err_code centre_spent_open(struct centre *centre, const char *path, int64_t now_ms, struct error *err);
void centre_close(struct centre *centre);
/* Opens the database after vault_adopt_freshness, and keeps as an incident that a person asked for it. */
MUST_USE enum err_code centre_accepted(struct vault *vault, int64_t now_ms, struct error *err);

/* The same of what a backup holds, before it is put in use. */
MUST_USE enum err_code centre_restored(struct vault *vault, int64_t made_at_ms, int64_t now_ms, struct error *err);

struct slice centre_authority_certificate(const struct centre *centre); /* the present one's */
/* The present authority, then every earlier one: DER, one behind the other. For records, whenever they were signed. */
MUST_USE enum err_code centre_all_authorities(const struct centre *centre, struct buf *out, struct error *err);
/*
 * A new authority takes over: it issues everything from now on; the one before is accepted for `overlap_ms` more.
 * ERR_CONFLICT while an earlier one still is. Retire: it is accepted no longer.
 */
MUST_USE enum err_code centre_authority_roll(struct centre *centre, int64_t overlap_ms, int64_t now_ms,
                                             struct error *err);
MUST_USE enum err_code centre_authority_retire(struct centre *centre, int64_t now_ms, struct error *err);
/*
 * Vouches for the authority, of the same name, of a centre that is gone (DER), as for the earlier ones of this centre:
 * what its devices and that centre had signed can be given back and proved; it lets nobody in.
 */
MUST_USE enum err_code centre_authority_former(struct centre *centre, struct slice certificate, struct error *err);
struct slice centre_signing_certificate(const struct centre *centre);

/* The server's key, and its certificate with what leads to it from the authority before, as PEM, with a closing NUL
 * each.
 */
MUST_USE enum err_code centre_server_pem(struct centre *centre, int64_t now_ms, struct secret *ret_key_pem,
                                         struct buf *ret_certificate, struct error *err);
/* The authorities whose devices are let in, likewise. */
MUST_USE enum err_code centre_client_authorities_pem(struct centre *centre, int64_t now_ms, struct buf *out,
                                                     struct error *err);
/* Another number when what the two above give is something else than before. */
unsigned centre_tls_generation(struct centre *centre, int64_t now_ms);
/* A new server's certificate when it runs out within CENTRE_SERVER_RENEW_DAYS or `hosts` (NULL: as before) are others.
 */
#define CENTRE_SERVER_RENEW_DAYS 365
MUST_USE enum err_code centre_server_renew(struct centre *centre, const char *hosts, int64_t now_ms, bool *ret_renewed,
                                           struct error *err);

/* The names in the server's certificate, with commas between. */
MUST_USE enum err_code centre_server_hosts(struct centre *centre, char out[CENTRE_HOST_TEXT_MAX + 1],
                                           struct error *err);

/* ---- devices ---- */

/*
 * One exchange. `peer` is the device's certificate (DER) as its connection proved. ERR_TLS, ERR_NOT_ENROLLED,
 * ERR_REVOKED or ERR_REFUSED: not this device or not this stream. ERR_PROTOCOL, ERR_UNSUPPORTED, ERR_LIMIT: not a
 * request. ERR_HISTORY: a signature that does not fit. A gap or a fork is answered with what the centre holds.
 */
MUST_USE enum err_code centre_exchange(struct centre *centre, struct slice peer, struct slice request, int64_t now_ms,
                                       struct buf *ret_response, struct error *err);

/*
 * The same, and whether the answer may be kept back because it tells nothing new: then ret_wait->s is above 0, and the
 * answer that was made is not needed.
 */
struct centre_wait {
    uint32_t s; /* as the device asked, at most EXCHANGE_WAIT_MAX_S */
    uint8_t device[DEVICE_ID_BYTES];
    int64_t site;
    uint64_t head;   /* of its stream, as looked at */
    uint64_t lifted; /* what counted as lifted then */
};
MUST_USE enum err_code centre_exchange_or_wait(struct centre *centre, struct slice peer, struct slice request,
                                               int64_t now_ms, struct centre_wait *ret_wait, struct buf *ret_response,
                                               struct error *err);
/*
 * A request of `peer` that broke off, as far as it came: what it brought of a segment is kept, in memory and within
 * bounds, and the device is told how much, so that it sends the rest only (PROTOCOL.md 3.11). A failure loses nothing.
 */
MUST_USE enum err_code centre_cut_short(struct centre *centre, struct slice peer, struct slice request, int64_t now_ms,
                                        struct error *err);

/* Grows with each append to any stream, and when refusals are lifted. */
uint64_t centre_news(const struct centre *centre);
/* Was something appended to the stream of who waits, or were refusals lifted, perhaps of its own? A centre that cannot
 * say says so when it is asked again: true. */
bool centre_wait_is_over(struct centre *centre, const struct centre_wait *wait);

/* Erasures that have not taken all that they cover: goes on by one slice (store/centre/centre_store.h). */
bool centre_erasures_due(const struct centre *centre);
MUST_USE enum err_code centre_erasures_go_on(struct centre *centre, struct error *err);

/* A backup (sync/edge/backup_task.h) was over: what was erased while it read an older state goes from the log, too. */
void centre_backup_ended(struct centre *centre);

/* RFC 7030. `password` is the hexadecimal form of the code's secret; `request_der` PKCS#10; answers are PKCS#7, DER. */
MUST_USE enum err_code centre_authorities(struct centre *centre, int64_t now_ms, struct buf *ret_pkcs7,
                                          struct error *err);
MUST_USE enum err_code centre_enrol(struct centre *centre, const char *password, struct slice request_der,
                                    int64_t now_ms, struct buf *ret_pkcs7, struct error *err);
/* The same key gets a new certificate. */
MUST_USE enum err_code centre_renew(struct centre *centre, struct slice peer, struct slice request_der, int64_t now_ms,
                                    struct buf *ret_pkcs7, struct error *err);
/* CBOR {1: site name, 2: organisation name, 3: the centre's certificate, DER}. */
MUST_USE enum err_code centre_site_info(struct centre *centre, struct slice peer, int64_t now_ms, struct buf *ret_cbor,
                                        struct error *err);

/*
 * The same by files (sync/enrolment_file.h): a device's request in, the answer for it out. ERR_REFUSED: no open code
 * fits its proof. The other failures are those of centre_enrol and centre_renew, or of the file.
 */
struct centre_enrolled {
    struct centre_device device;
    bool renewed;       /* it was one already, and proved it by its key */
    int64_t made_at_ms; /* the request, by the device's clock */
};
MUST_USE enum err_code centre_enrol_by_file(struct centre *centre, struct slice file, int64_t now_ms,
                                            struct centre_enrolled *ret_enrolled, struct buf *ret_answer,
                                            struct error *err);

/* The HTTP status that tells a device of a failure; its body is exchange_error_encode. */
int centre_status_of(enum err_code code);

/* ---- the operator ---- */

/*
 * One operation by its name (site-add, code-new, log, ...), as holdfast-endpointctl(8) lists them. `arguments` is an
 * object or NULL; a member that the operation does not have is ERR_INVALID.
 */
MUST_USE enum err_code centre_admin(struct centre *centre, const char *operation, const json_t *arguments,
                                    int64_t now_ms, json_t **ret_answer, struct error *err);
const char *centre_admin_name(size_t index); /* NULL past the end */

#endif
