/*
 * store/evidence - every op about one session or one person, and what proves each of them to a stranger.
 *
 *     evidence_begin     who it is about; own ops without a signature near them are signed
 *     evidence_records   the ops, page by page, in the order of the log's keys
 *     evidence_chain     an author's headers from an op to the next link that the author signed
 *     evidence_receipt   the centre's receipt for a link of this device's
 *
 * About a person: the person, referrals and what became of them, placements, sessions, notices, appointments,
 * decisions, attempts to reach them, changes of circumstances, reviews, doubts and challenges. About a session: what
 * was said of it; the person and the placement; the placement's notices; JCP's appointments and decisions of that day;
 * attempts to reach the person about it, changes that cover the day, reviews and doubts of it. Ops that were not
 * accepted are among them, and say so. With either, when it is asked for, the programme packs that the centre gave.
 *
 * Ownership: lists own what their rows borrow; *_fini releases.
 */
#ifndef STORE_EVIDENCE_H
#define STORE_EVIDENCE_H

#include "store/query.h"
#include "store/tree.h"

#define EVIDENCE_PAGE_BYTES ((size_t)512 * 1024) /* of headers and bodies in one page, about */

struct evidence_subject {
    struct row_id participant;
    bool session; /* else everything about the person; the placement, day and slot are set only with it */
    struct row_id placement;
    int32_t day;
    int slot;
    bool rules; /* with every programme pack of the centre's that is held */
};

struct evidence_about {
    char participant_ref[ROW_REF_SIZE];
    char participant_name[ROW_NAME_SIZE];
};

/* Whose placement it is. ERR_NOT_FOUND. */
MUST_USE enum err_code evidence_person_of(struct store *store, const struct row_id *placement,
                                          struct row_id *ret_participant, struct error *err);

/*
 * Says who the subject is, and signs this device's own links where no signature is near an op about it: a pack then
 * holds few headers of others. ERR_NOT_FOUND.
 */
MUST_USE enum err_code evidence_begin(struct store *store, const struct evidence_subject *subject,
                                      struct evidence_about *ret_about, struct error *err);

struct evidence_record {
    int64_t place; /* where to go on after it; means something to this replica only */
    struct log_row row;
    struct slice header;
    uint8_t salt[OP_SALT_BYTES]; /* zero when erased */
    int64_t offset_ms;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    size_t supersedes_count;
    uint64_t signed_seq;        /* the first link at or after it, and its receipt's, that its author signed; 0: none */
    uint64_t receipt_seq;       /* of a link at or near after it, the centre's receipt is held; 0: no such one */
    int64_t acknowledged_at_ms; /* when the centre said so, by its clock; OP_TIME_NONE */
    bool head;                  /* of an attendance: nobody has superseded it */
    uint64_t position;          /* in the centre's history, from 1; 0: not proved; of evidence_prove */
    struct merkle_proof proof;
    int32_t deemed_on; /* of a notice: received, as stated or deemed; ROW_NONE */
};

struct evidence_list {
    struct evidence_record *records;
    size_t count;
    bool more;
    struct buf bytes;
};

void evidence_list_fini(struct evidence_list *list);
/* Those after `place` (0: from the first), at most `limit` of them and about EVIDENCE_PAGE_BYTES. */
MUST_USE enum err_code evidence_records(struct store *store, const struct evidence_subject *subject, int64_t place,
                                        size_t limit, struct evidence_list *ret_list, struct error *err);

/*
 * Fills in positions and proofs in the centre's tree of `size`, which is at most what is held here. Reads every header
 * once, whatever the number of records. ERR_NOT_FOUND: the order of so many records is not known (any more).
 */
MUST_USE enum err_code evidence_prove(struct store *store, uint64_t size, struct evidence_list *list,
                                      struct error *err);

struct evidence_chain {
    uint8_t before[SHA256_BYTES]; /* the link before the first header */
    struct slice *headers;
    size_t count;
    bool more;
    uint8_t signature[SIGNATURE_MAX]; /* over the link after op `to`; none when `to` is not signed */
    size_t signature_len;
    struct buf certificate; /* DER: the author's */
    struct buf bytes;
};

void evidence_chain_fini(struct evidence_chain *chain);
/* An author's headers from `first` to `to_seq`, at most `limit` of them and about EVIDENCE_PAGE_BYTES. ERR_NOT_FOUND.
 */
MUST_USE enum err_code evidence_chain(struct store *store, const struct op_id *first, uint64_t to_seq, size_t limit,
                                      struct evidence_chain *ret_chain, struct error *err);

/* The first in which the centre said that it holds an own chain up to `acked`. */
struct evidence_receipt {
    uint8_t message[OP_RECEIPT_MESSAGE_BYTES]; /* what the centre signed */
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
    struct buf certificate; /* DER */
};

void evidence_receipt_fini(struct evidence_receipt *receipt);
/* ERR_NOT_FOUND. */
MUST_USE enum err_code evidence_receipt(struct store *store, const struct op_id *acked,
                                        struct evidence_receipt *ret_receipt, struct error *err);

#endif
