/*
 * tests/unit/centre/world - a centre in a folder of its own, under a clock of the test's; laptops with a real replica
 * and the real client; and forgers who write whatever they like with a real key.
 */
#ifndef TESTS_UNIT_CENTRE_WORLD_H
#define TESTS_UNIT_CENTRE_WORLD_H

#include "store/store.h"
#include "sync/client.h"
#include "sync/endpoint/core/centre.h"

#define HOUR_MS INT64_C(3600000)
#define DAYS_MS (24 * HOUR_MS)

struct centre_world {
    char folder[64];
    char path[96];
    struct vault *vault;
    struct centre *centre;
    int64_t now_ms;
    struct error err;
};

void world_open(struct centre_world *world); /* with organisation "one", sites "garden", "shop"; "two", site "other" */
void world_reopen(struct centre_world *world); /* the centre is closed and opened again, as after a stop */
void world_stop(struct centre_world *world);   /* half of it each */
void world_start(struct centre_world *world);
void world_close(struct centre_world *world);

/* An operation that has to succeed; the answer is the caller's. `arguments` as for json_pack. */
json_t *world_admin(struct centre_world *world, const char *operation, json_t *arguments);
/* The records that the condition names are refused, as an older version would have: what it does not know does not
 * count. */
void world_refuse(struct centre_world *world, const char *which);
void world_retry(struct centre_world *world); /* what is refused is judged again */
void world_verify(struct centre_world *world);
uint64_t world_ops(struct centre_world *world, const char *site);
size_t world_incidents(struct centre_world *world);

/* The hexadecimal password of a new code for the site. */
void world_code(struct centre_world *world, const char *site, char password[2 * ENROLMENT_SECRET_BYTES + 1]);
/* Enrols the key; DER of its certificate is appended. */
enum err_code world_enrol(struct centre_world *world, const struct device_key *key, const char *password,
                          struct buf *certificate);

/* ---- a laptop: the real replica and the real client ---- */

struct laptop {
    struct centre_world *world;
    char folder[64];
    char path[96];
    struct vault *vault;
    struct store *store;
    struct device_key *key;
    struct store_identity identity;
    struct client *client;
    struct client_io io;
    struct buf request;
    bool sending;
    unsigned exchanges;
    uint32_t said;
    void (*on_the_way)(void *context, struct buf *answer); /* changes what the centre answers; NULL: nobody does */
    void *on_the_way_context;
};

void laptop_enrol(struct centre_world *world, const char *site, struct laptop *laptop);
void laptop_fini(struct laptop *laptop);
void laptop_record(struct laptop *laptop, size_t count);
/* The centre gets them, and refuses some as in world_refuse; its answer is lost, so the next one tells of it. */
void laptop_record_refused(struct laptop *laptop, size_t count, const char *which);
/* Exchanges until nothing is left; the client's last result. */
enum err_code laptop_sync(struct laptop *laptop);
/* The first `bytes` of the request under way arrive, then the line breaks. */
void laptop_cut(struct laptop *laptop, size_t bytes);
/* The centre answers the request under way. */
void laptop_deliver(struct laptop *laptop);
void laptop_digest(struct laptop *laptop, uint8_t digest[SHA256_BYTES]);
/* The replica's files as they are now, and back. */
void laptop_save(struct laptop *laptop);
void laptop_put_back(struct laptop *laptop);
/* The same after `holdfast restore`: the replica knows that it was restored. */
void laptop_restore(struct laptop *laptop);
/* A second machine with a copy of the first one's disk as it is now. */
void laptop_clone(struct laptop *laptop, struct laptop *twin);
/* An entry of the test's; its records are told apart by `said`. */
void laptop_write(struct laptop *laptop, const struct store_entry *entry);
size_t laptop_statements(struct laptop *laptop); /* capacity statements held, which laptop_record makes */
/* The centre's files as they are now, and back. */
void world_save(struct centre_world *world);
void world_put_back(struct centre_world *world);

/* ---- a forger: an enrolled key and no scruples ---- */

struct forger {
    struct centre_world *world;
    struct device_key *key;
    struct buf certificate;
    uint8_t stream[STREAM_ID_BYTES];
    struct op_id newest;
    uint8_t link[SHA256_BYTES];
    uint8_t seed[OP_SEED_BYTES];
    int64_t ahead_ms;    /* how far its logical clock runs ahead */
    struct op_batch ops; /* of the next request */
    struct exchange_request request;
    struct segment_signature signature;
    struct buf response_bytes;
    struct exchange_response *response;
};

void forger_enrol(struct centre_world *world, const char *site, struct forger *forger);
void forger_fini(struct forger *forger);
/* Adds ops to the next request, each after the last. */
struct op *forger_add(struct forger *forger, enum record_kind kind, size_t count);
/* One of the test's: kind, subject, what it supersedes, and body. */
struct op *forger_add_op(struct forger *forger, const struct op *given);
void forger_sign(struct forger *forger); /* the newest link */
/* What was added, as a segment; as a request. */
void forger_segment(const struct forger *forger, struct slice certificate, struct buf *out);
void forger_request(struct forger *forger, struct buf *out);
/* Sends what was added, and begins anew. */
enum err_code forger_send(struct forger *forger);
enum err_code forger_send_as(struct forger *forger, struct slice certificate);

#endif
