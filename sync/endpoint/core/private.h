/*
 * sync/endpoint/core/private - what the files of the core share. Not for other rooms.
 */
#ifndef SYNC_ENDPOINT_CORE_PRIVATE_H
#define SYNC_ENDPOINT_CORE_PRIVATE_H

#include "store/tree.h"
#include "sync/endpoint/core/centre.h"

#define DAY_MS INT64_C(86400000)

#define MATERIAL_AUTHORITY_KEY "authority-key"
#define MATERIAL_AUTHORITY_CERTIFICATE "authority-certificate"
#define MATERIAL_SIGNING_CERTIFICATE "signing-certificate"
#define MATERIAL_SERVER_KEY "server-key"
#define MATERIAL_SERVER_CERTIFICATE "server-certificate"

/* Certificates in DER; authority.c tells what they are for. */
struct authorities {
    struct authority *present;
    struct buf cross;  /* the one before vouches for the present one; empty: it never changed */
    struct buf before; /* the one before; also when it is retired */
    int64_t before_until_ms;
    struct buf past;           /* the present one vouches for the earlier ones, one behind the other */
    struct buf before_signing; /* the centre's signing certificate as the one before issued it */
};

#define ERASING_MAX 240 /* requests with erasures that a device may make within an hour */

struct erasing {
    uint8_t device[DEVICE_ID_BYTES];
    int64_t since_ms;
    unsigned walks;
};

#define SPENT_HASH_BYTES 16

/* spent.c tells what it is. */
struct spent {
    char *path;         /* NULL: kept in memory only */
    struct buf devices; /* ids of who was revoked */
    struct buf codes;
};

struct centre {
    struct centre_store *store;
    struct spent spent;
    struct authorities authorities;
    unsigned tls_generation;
    bool overlapped; /* when it was last looked */
    struct device_key *signing_key;
    struct buf signing_certificate; /* DER */
    struct secret checkpoint_key;
    uint8_t vouched_key[EXCHANGE_VOUCHED_KEY_MAX]; /* its public half, and the signing key's signature over it */
    size_t vouched_key_len;
    struct begun *begun;
    struct erasing erasing[64];
    uint32_t raw_per_encoded; /* how much smaller a page gets on the wire, as last measured */
};

/* The device of a certificate: verified, known, not revoked, and of the site that its certificate names. */
MUST_USE enum err_code peer_device(struct centre *centre, struct slice peer, int64_t now_ms,
                                   struct certificate *ret_certificate, struct centre_device *ret_device,
                                   struct error *err);

/* ---- centre.c: a key with its certificate, as they are made and kept ---- */

struct certified {
    struct device_key *key;
    struct secret pkcs8;
    struct buf certificate;
};

void certified_fini(struct certified *certified);
MUST_USE enum err_code certify_server(const struct authority *authority, const char *host_text, int64_t now_ms,
                                      struct certified *out, struct error *err);
MUST_USE enum err_code certify_signing(const struct authority *authority, const struct device_key *key, int64_t now_ms,
                                       struct buf *out, struct error *err);
MUST_USE enum err_code signing_load(struct centre *centre, struct error *err);

/* ---- authority.c ---- */

MUST_USE enum err_code authorities_load(struct centre *centre, struct error *err);
void authorities_fini(struct authorities *authorities);
/* Is the authority before the present one still accepted? */
bool authorities_overlap(const struct centre *centre, int64_t now_ms);
/* Those whose devices are let in, DER one behind the other. */
MUST_USE enum err_code authorities_accepted(const struct centre *centre, int64_t now_ms, struct buf *out,
                                            struct error *err);
/* In the overlap: does its owner know the one before only? */
bool authorities_issued_before(const struct centre *centre, struct slice certificate, int64_t now_ms);

/* The signing certificate for the owner of this one: of the authority that he knows. */
struct slice signing_certificate_for(const struct centre *centre, struct slice peer, int64_t now_ms);

/* ---- exchange_centre.c: the two halves of an exchange, for bundles ---- */

struct exchange_kept {
    struct centre_appended appended;
    size_t declined;                   /* runs of others that it gave back in vain */
    char why[EXCHANGE_REASON_MAX + 1]; /* of the first; "": none */
};

/* Keeps what a request brings, as centre_exchange does. */
MUST_USE enum err_code exchange_take(struct centre *centre, struct slice peer, const struct exchange_request *request,
                                     int64_t now_ms, struct exchange_kept *ret_kept, struct error *err);

struct exchange_told {
    uint64_t cursor;
    uint64_t head;
    size_t segments;
    bool more;
};

struct exchange_peer {
    const struct centre_device *device;
    struct slice certificate;
};

/* Appends the answer to a request of a device that was looked up, as of now. */
MUST_USE enum err_code exchange_tell(struct centre *centre, const struct exchange_peer *peer,
                                     const struct exchange_request *request, int64_t now_ms, struct buf *out,
                                     struct exchange_told *ret_told, struct error *err);

/* What one signature covers is passed on whole, so it has to fit in a segment as this centre writes one. */
MUST_USE enum err_code run_fits(const struct store_run *run, struct slice certificate, struct error *err);

/* ---- erasing.c ---- */

/* ERR_BUSY: these ops hold erasures, and the device has had its share of them for this hour. */
MUST_USE enum err_code erasing_allow(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES],
                                     const struct op_batch *ops, int64_t now_ms, struct error *err);

/* ---- begun.c ---- */

/* len 0: nothing is kept. */
struct exchange_begun begun_of(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation);
/* The segment; nothing is appended when what the rest belongs to is not kept any more. */
MUST_USE enum err_code begun_join(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                                  const struct exchange_begun *from, struct slice rest, struct buf *out,
                                  struct error *err);
void begun_drop(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES]);
void begun_drop_all(struct centre *centre);

/* ---- given_back.c ---- */

/*
 * Takes a segment of another device's records (or of this centre's own, from before it was put back) that a device
 * gives back. `reason`, of EXCHANGE_REASON_MAX + 1 bytes, says why it is not taken, or is empty.
 */
MUST_USE enum err_code given_take(struct centre *centre, const struct centre_device *giver, struct slice segment,
                                  int64_t now_ms, char *reason, struct error *err);

/* ---- checkpoints.c ---- */

/* The key that signs checkpoints: made when there is none yet, with the signing key's signature over it. */
MUST_USE enum err_code checkpoint_key_load(struct centre *centre, struct error *err);
/* The head of a site's tree, signed. */
MUST_USE enum err_code checkpoint_of_tree(const struct centre *centre, const struct centre_site *site,
                                          const struct merkle_range *tree, struct checkpoint *ret_checkpoint,
                                          struct error *err);

/* ---- spent.c ---- */

void spent_init(struct spent *spent);
void spent_fini(struct spent *spent);
/* After the database: a failure says that it is revoked there. */
MUST_USE enum err_code spent_revoke(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], struct error *err);
/* Before the database. */
MUST_USE enum err_code spent_reinstate(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], struct error *err);
/* ERR_REFUSED: another device used it; ERR_REVOKED: this one was revoked. */
MUST_USE enum err_code spent_check_code(const struct centre *centre, const uint8_t code[SHA256_BYTES],
                                        const uint8_t device[DEVICE_ID_BYTES], struct error *err);
MUST_USE enum err_code spent_keep_code(struct centre *centre, const uint8_t code[SHA256_BYTES],
                                       const uint8_t device[DEVICE_ID_BYTES], int64_t now_ms, struct error *err);

/* ---- enrolment.c: the one-time code and its hash ---- */

MUST_USE enum err_code code_make(struct centre *centre, char out[ENROLMENT_CODE_SIZE], uint8_t ret_hash[SHA256_BYTES],
                                 struct error *err);
MUST_USE enum err_code code_hash_of_password(const char *password, uint8_t ret_hash[SHA256_BYTES], struct error *err);

/* ---- enrolment.c: a certificate (DER) for the key of a PKCS#10 request, whichever way that came ---- */

/* With the code's hash: uses it up. */
MUST_USE enum err_code device_admit(struct centre *centre, const uint8_t code[SHA256_BYTES], struct slice request_der,
                                    int64_t now_ms, struct buf *ret_der, struct error *err);
/* With the certificate that `peer` proved to hold the key of. */
MUST_USE enum err_code device_renew(struct centre *centre, struct slice peer, struct slice request_der, int64_t now_ms,
                                    struct buf *ret_der, struct error *err);

#endif
