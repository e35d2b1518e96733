/*
 * sync/exchange - the two messages of an exchange, as CBOR: POST /v1/exchange, EXCHANGE_CONTENT_TYPE both ways.
 *
 * Idempotent: a request can be repeated, cut, duplicated or answered into the void. The receiver drops what it holds.
 * An op is acknowledged only once it is durable at the centre, by a signed receipt.
 *
 * Members are map keys of small integers, drawn in sync/PROTOCOL.md; unknown keys are ignored.
 */
#ifndef SYNC_EXCHANGE_H
#define SYNC_EXCHANGE_H

#include "sync/segment.h"

#define EXCHANGE_VERSION 1
#define EXCHANGE_PATH "/v1/exchange"
#define EXCHANGE_CONTENT_TYPE "application/vnd.holdfast.exchange"
#define EXCHANGE_ERROR_CONTENT_TYPE "application/vnd.holdfast.error"
#define EXCHANGE_SEGMENTS_MAX 64
/* What one side puts into a message at most; it takes OP_BATCH_OPS_MAX. Longer runs need memory and save no time. */
#define EXCHANGE_OPS_MAX 2048
#define EXCHANGE_REFUSALS_MAX 256
#define EXCHANGE_REASON_MAX 200
#define EXCHANGE_GIVEN_MAX 16
#define EXCHANGE_REQUEST_MAX (SEGMENT_BYTES_MAX + 65536)
#define EXCHANGE_RESPONSE_MAX (2 * SEGMENT_BYTES_MAX)
#define EXCHANGE_ERROR_TEXT_MAX 400
#define EXCHANGE_WAIT_MAX_S 3600
#define EXCHANGE_CERTIFICATE_HASH_BYTES 8
#define EXCHANGE_FRESHNESS_HASH_BYTES 8
#define EXCHANGE_ROOT_BYTES 8
#define EXCHANGE_BEGUN_HASH_BYTES 8
#define EXCHANGE_REFUSED_HASH_BYTES 8
#define EXCHANGE_ORDER_MAX (256 * 1024)
#define EXCHANGE_VOUCHED_KEY_MAX (CHECKPOINT_KEY_BYTES + SIGNATURE_MAX)

/* So much of a segment came in a request that broke off: its length, and the first bytes of its SHA-256. */
struct exchange_begun {
    uint64_t len; /* 0: nothing */
    uint8_t hash[EXCHANGE_BEGUN_HASH_BYTES];
};

/* How new the files of a replica are that records under an incarnation: the counter grows and is never given twice. */
struct exchange_freshness {
    uint32_t incarnation;
    uint64_t counter;
    uint8_t hash[EXCHANGE_FRESHNESS_HASH_BYTES]; /* of the files' state at this counter */
};

/* Which ops of an incarnation are held as refused: the first EXCHANGE_REFUSALS_MAX of those from `from` on that are
 * acknowledged. */
struct exchange_refused {
    uint64_t from; /* 0: not told */
    uint8_t hash[EXCHANGE_REFUSED_HASH_BYTES];
};

struct exchange_request {
    uint8_t stream[STREAM_ID_BYTES];
    uint32_t incarnation;
    uint64_t cursor;
    uint64_t acked_seq;   /* what the device believes the centre holds of its own */
    uint64_t newest_seq;  /* its newest, sent or not */
    int64_t sent_at_ms;   /* the device's clock */
    uint32_t want_bytes;  /* of segments in the answer, about */
    struct slice segment; /* own ops after acked_seq; empty when none */
    /* exchange_centre_hash of the centre's certificate and checkpoint key that the device holds; both are sent
     * when it is another one */
    bool certificate_known;
    uint8_t certificate_hash[EXCHANGE_CERTIFICATE_HASH_BYTES];
    struct exchange_freshness freshness;    /* counter 0: not told */
    struct slice given[EXCHANGE_GIVEN_MAX]; /* segments of others that the centre has lost: given back */
    size_t given_count;
    bool tree_known; /* the newest checkpoint that was found to fit: the centre's is sent when it is another one */
    uint64_t tree_size;
    uint8_t tree_root[EXCHANGE_ROOT_BYTES]; /* the first bytes */
    uint32_t wait_s; /* the answer may be kept back so long, until there is something new; 0: answer now */
    /* instead of a segment: what follows in it after what the centre has of it; empty when none */
    struct slice rest;
    struct exchange_begun begun;
    struct exchange_refused refused; /* all are told anew when the centre's are other ones */
};

/* What can be read of a request that broke off in the middle of its segment, or of the rest of one. */
struct exchange_cut {
    uint32_t incarnation;
    struct exchange_begun begun; /* what came here goes on from that; len 0: it begins a segment */
    struct slice bytes;          /* never all of what was to come */
};

struct exchange_refusal {
    uint64_t seq;
    struct slice reason; /* text, at most EXCHANGE_REASON_MAX bytes */
};

/* A segment that was given back and not taken. */
struct exchange_declined {
    uint32_t index; /* in the request */
    struct slice reason;
};

struct exchange_response {
    uint64_t acked_seq; /* the centre holds this device's incarnation up to here, durably */
    uint8_t acked_link[SHA256_BYTES];
    uint8_t receipt[SIGNATURE_MAX]; /* by the centre's signing key over op_receipt_message */
    size_t receipt_len;
    int64_t answered_at_ms; /* the centre's clock */
    uint64_t cursor;        /* after the segments below */
    uint64_t head;          /* the stream's newest position: head - cursor ops are still to come */
    bool more;
    uint32_t retry_after_s; /* 0: none asked for */
    struct exchange_refusal refusals[EXCHANGE_REFUSALS_MAX];
    size_t refusal_count;
    uint64_t refused_from; /* they are all there are from this seq on; 0: those after the request's acked_seq */
    struct slice segments[EXCHANGE_SEGMENTS_MAX];
    size_t segment_count;
    struct slice centre_certificate; /* of the signing key, empty when the device knows it */
    uint64_t fresher_counter;        /* newer files of the device were seen than those now told of; 0: no */
    struct slice order;              /* exchange_order: of the positions from the asked cursor to `cursor` */
    bool checkpoint_known;           /* told at the head, when the device holds another one */
    struct checkpoint checkpoint;
    struct slice checkpoint_key; /* the public key, and the signing certificate's signature over it; empty when known */
    bool authority_told;         /* another authority issues now than the one of the device's certificate */
    uint8_t authority_hash[EXCHANGE_CERTIFICATE_HASH_BYTES];
    struct exchange_declined declined[EXCHANGE_GIVEN_MAX];
    size_t declined_count;
    struct exchange_begun begun; /* kept of a segment of this incarnation, whose request broke off */
};

/* The answer of any HTTP status but 200, of EXCHANGE_ERROR_CONTENT_TYPE. */
struct exchange_error {
    enum err_code code;
    struct slice message; /* text, at most EXCHANGE_ERROR_TEXT_MAX bytes */
};

MUST_USE enum err_code exchange_request_encode(const struct exchange_request *request, struct buf *out,
                                               struct error *err);
/* Slices borrow from `bytes`. ERR_UNSUPPORTED for another version. */
MUST_USE enum err_code exchange_request_decode(struct slice bytes, struct exchange_request *ret_request,
                                               struct error *err);
/* ERR_PROTOCOL: no byte of a segment is in it, or nothing is missing. */
MUST_USE enum err_code exchange_cut_decode(struct slice bytes, struct exchange_cut *ret_cut, struct error *err);
MUST_USE enum err_code exchange_response_encode(const struct exchange_response *response, struct buf *out,
                                                struct error *err);
MUST_USE enum err_code exchange_response_decode(struct slice bytes, struct exchange_response *ret_response,
                                                struct error *err);

/* A longer message is cut at a whole character. */
MUST_USE enum err_code exchange_error_encode(enum err_code code, const char *message, struct buf *out,
                                             struct error *err);
/* A code of a later version reads as ERR_PROTOCOL; ERR_OK is no error and does not read. */
MUST_USE enum err_code exchange_error_decode(struct slice bytes, struct exchange_error *ret_error, struct error *err);

struct exchange_begun exchange_begun_of(struct slice bytes);
/* Of at most EXCHANGE_REFUSALS_MAX numbers, ascending. */
void exchange_refused_hash(const uint64_t *seqs, size_t count, uint8_t out[EXCHANGE_REFUSED_HASH_BYTES]);
bool exchange_begun_equal(const struct exchange_begun *a, const struct exchange_begun *b);

void exchange_certificate_hash(struct slice certificate_der, uint8_t out[EXCHANGE_CERTIFICATE_HASH_BYTES]);
/* Of the centre's signing certificate and the public key that it signs checkpoints with. */
void exchange_centre_hash(struct slice certificate_der, const uint8_t checkpoint_key[CHECKPOINT_KEY_BYTES],
                          uint8_t out[EXCHANGE_CERTIFICATE_HASH_BYTES]);

/*
 * The order of the ops as it travels: for each store_order two varints, who and how many; 0: the device's own, else 1 +
 * the index of the segment.
 */
MUST_USE enum err_code exchange_order_encode(const struct store_order *order, size_t count, struct buf *out,
                                             struct error *err);
/* *ret_order is malloc'd, NULL when there is none. ERR_PROTOCOL: not such a list, or a count of 0. */
MUST_USE enum err_code exchange_order_decode(struct slice bytes, struct store_order **ret_order, size_t *ret_count,
                                             struct error *err);

#endif
