/*
 * store/op - one signed-for operation of the log.
 *
 * Header, deterministic CBOR array (what is hashed and chained; every member always present):
 *
 *     [ 1, stream(16), device(16), incarnation, seq, kind, subject(16 or 20), actor text, recorded_at ms, offset ms,
 *       hlc, happened_at ms | null, [ [device(16), incarnation, seq], ... ], body_hash(32) ]
 *
 * Body, deterministic CBOR map of field number to value (store/record.h). body_hash = SHA-256(salt(16) || body), so
 * that a body can be erased while the chain still verifies. Salts come from a seed for each OP_SALT_BLOCK seqs of a
 * device's incarnation: salt = the first 16 bytes of HMAC-SHA-256(seed(16), seq as 8 bytes big-endian); erasing a body
 * replaces its block's seed by the other salts.
 *
 *     link(0) = SHA-256("holdfast/chain/v1" || stream || device || incarnation as 4 bytes)
 *     link(n) = SHA-256(link(n-1) || header(n))
 *
 * A device signs link(n) as device_key_sign(OP_LINK_CONTEXT, stream || device || incarnation(4) || n(8) || link(n)).
 *
 * subject: an entity (16 bytes) or a session (placement id || 4 bytes big-endian of day * 4 + slot).
 * hlc: hybrid logical clock, ms << 16 | counter, below 2^63, and taken up to OP_HLC_MAX; orders descriptive fields,
 * never evidence.
 */
#ifndef STORE_OP_H
#define STORE_OP_H

#include "crypto/digest.h"
#include "crypto/identity.h"

#define OP_ENTITY_BYTES 16
#define OP_SESSION_BYTES 20
#define OP_SUBJECT_MAX OP_SESSION_BYTES
#define OP_ACTOR_MAX 64
#define OP_SUPERSEDES_MAX 16
#define OP_BODY_MAX 16384
#define OP_HEADER_MAX 1024
#define OP_SALT_BYTES 16
#define OP_SALT_BLOCK 256
#define OP_SEED_BYTES 16
#define OP_SEQ_MAX ((UINT64_C(1) << 40) - 1)
#define OP_TIME_NONE INT64_MIN
#define OP_TIME_MAX_MS INT64_C(7289654400000) /* 2201-01-01 */
#define OP_HLC_MAX ((uint64_t)OP_TIME_MAX_MS << 16 | 0xffff)
#define OP_AHEAD_MAX_MS (3660 * INT64_C(86400000)) /* ten years: what a centre takes (sync/PROTOCOL.md, 3.4) */
#define OP_LINK_CONTEXT "holdfast/link/v1"
#define OP_LINK_MESSAGE_BYTES (STREAM_ID_BYTES + DEVICE_ID_BYTES + 4 + 8 + SHA256_BYTES)
#define OP_RECEIPT_CONTEXT "holdfast/receipt/v1"
#define OP_RECEIPT_MESSAGE_BYTES (OP_LINK_MESSAGE_BYTES + 8)

struct op_id {
    uint8_t device[DEVICE_ID_BYTES];
    uint32_t incarnation;
    uint64_t seq;
};

/* Slices and pointers are borrowed from whoever made the op (a batch, a statement, a segment). */
struct op {
    struct op_id id;
    uint8_t stream[STREAM_ID_BYTES];
    uint32_t kind;
    uint8_t subject[OP_SUBJECT_MAX];
    uint8_t subject_len; /* OP_ENTITY_BYTES or OP_SESSION_BYTES */
    bool erased;         /* no body any more; body_hash stands */
    struct slice actor;
    int64_t recorded_at_ms;
    int64_t offset_ms; /* the device's clock minus JCP's, as last known */
    uint64_t hlc;
    int64_t happened_at_ms; /* OP_TIME_NONE when the same as recorded */
    const struct op_id *supersedes;
    size_t supersedes_count;
    uint8_t body_hash[SHA256_BYTES];
    uint8_t salt[OP_SALT_BYTES]; /* zero when erased */
    struct slice body;
};

int op_id_compare(const struct op_id *a, const struct op_id *b);
/* By logical time, and where that is equal by id: the newest of the same subject stands, on every replica. */
int op_compare(const struct op *a, const struct op *b);

MUST_USE enum err_code op_header_encode(const struct op *op, struct buf *out, struct error *err);
/* supersedes are put into `ret_supersedes` (OP_SUPERSEDES_MAX of them); body, salt and erased are left empty. */
MUST_USE enum err_code op_header_decode(struct slice header, struct op *ret_op,
                                        struct op_id ret_supersedes[OP_SUPERSEDES_MAX], struct error *err);

void op_salt(const uint8_t seed[OP_SEED_BYTES], uint64_t seq, uint8_t out[OP_SALT_BYTES]);
uint64_t op_salt_block(uint64_t seq); /* (seq - 1) / OP_SALT_BLOCK */
void op_body_hash(const uint8_t salt[OP_SALT_BYTES], struct slice body, uint8_t out[SHA256_BYTES]);

void op_link_first(const uint8_t stream[STREAM_ID_BYTES], const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                   uint8_t out[SHA256_BYTES]);
void op_link_next(const uint8_t link[SHA256_BYTES], struct slice header, uint8_t out[SHA256_BYTES]);
void op_link_message(const uint8_t stream[STREAM_ID_BYTES], const struct op_id *newest,
                     const uint8_t link[SHA256_BYTES], uint8_t out[OP_LINK_MESSAGE_BYTES]);
/* The same members, and by the centre's clock when it said that it holds them: what a receipt is signed over. */
void op_receipt_message(const uint8_t stream[STREAM_ID_BYTES], const struct op_id *acked,
                        const uint8_t link[SHA256_BYTES], int64_t at_ms, uint8_t out[OP_RECEIPT_MESSAGE_BYTES]);

/* A batch owns its ops and every byte they borrow; op_batch_add copies. At most OP_BATCH_OPS_MAX ops. */
#define OP_BATCH_OPS_MAX 16384
#define OP_BATCH_BYTES_MAX (8 * 1024 * 1024)

struct op_chunk;
struct op_batch {
    struct op *ops;
    size_t count;
    size_t capacity;
    struct op_chunk *chunks; /* the borrowed bytes, in blocks that never move */
    size_t bytes;            /* bodies and actors held */
};

void op_batch_init(struct op_batch *batch);
void op_batch_fini(struct op_batch *batch);
void op_batch_clear(struct op_batch *batch);
/* Memory that lives as long as the batch's content, aligned for any object; NULL past OP_BATCH_BYTES_MAX or without
 * memory. */
void *op_batch_take(struct op_batch *batch, size_t len);
MUST_USE enum err_code op_batch_add(struct op_batch *batch, const struct op *op, struct error *err);

/* Identity of what a natural key names, the same on every device of a stream: the first 16 bytes of
 * HMAC-SHA-256(stream, SHA-256(kind, 0x00, key)). */
void entity_id(const uint8_t stream[STREAM_ID_BYTES], const char *kind, const char *key, uint8_t out[OP_ENTITY_BYTES]);

/* The first half of the id of a break, or of a review, is its placement's: the header says so when the body is gone. */
enum { NAMED_PLACEMENT_BYTES = OP_ENTITY_BYTES / 2 };
void id_name_placement(const uint8_t placement[OP_ENTITY_BYTES], uint8_t id[OP_ENTITY_BYTES]);

void session_subject(const uint8_t placement[OP_ENTITY_BYTES], int32_t day, int slot, uint8_t out[OP_SESSION_BYTES]);
void session_of_subject(const uint8_t subject[OP_SESSION_BYTES], int32_t *ret_day, int *ret_slot);

#endif
