/*
 * agent/verify/pack_check - does an evidence pack prove what it says? Pure: files in, findings out.
 *
 *     MANIFEST ──► every file is as it was written
 *     authority/ ──► device.pem ──► signature over the last link of chain/NNNN ──► every header before it ──► an op
 *     op's header ──► hash of its salt and body
 *     authority/ ──► receipts/NNNN/centre.pem ──► signature over a link of chain/NNNN and the time ──► every op before
 * it
 *     rules/SHA-256.json ──► its name ──► the centre's op that gives it
 *     authority/ ──► checkpoint/centre.pem ──► voucher over the checkpoint's key ──► note ──► proof of an op
 *
 * Nothing is believed because the pack says so, but the authority: whose certificate that is only a person can say, so
 * it is shown, or insisted on. The format is in sync/PROTOCOL.md.
 *
 * Layer: agent. Uses base, crypto and the op's encoding only.
 */
#ifndef AGENT_VERIFY_PACK_CHECK_H
#define AGENT_VERIFY_PACK_CHECK_H

#include "agent/verify/pack_files.h"
#include "crypto/checkpoint.h"
#include "store/programme/programme.h"
#include "store/record.h"

#define PACK_OPS_MAX 9999 /* and as many chains */
#define PACK_AUTHORITIES_MAX 8
#define PACK_FINDINGS_MAX 200
#define PACK_FINDING_SIZE 400
#define PACK_NO_OP SIZE_MAX
#define PACK_CHECKPOINT_KEY_CONTEXT "holdfast/checkpoint-key/v1"
#define PACK_ORIGIN_FORMAT "holdfast.invalid/stream/%s"

struct pack_finding {
    char path[PACK_PATH_SIZE]; /* the file or folder that it is about */
    char text[PACK_FINDING_SIZE];
};

struct pack_chain {
    char name[24]; /* its folder: 0001 */
    bool proved;   /* every header of it was signed by the device below, of the authority */
    struct certificate device;
    uint32_t incarnation;
    uint64_t first_seq;
    uint64_t signed_seq;
    struct buf links; /* SHA256_BYTES after each header */
};

/* The centre's word that it holds a chain's records up to one of them. */
struct pack_receipt {
    bool proved;
    bool named;   /* by an op that it covers */
    size_t chain; /* index */
    uint64_t seq;
    int64_t at_ms; /* by the centre's clock */
};

struct pack_op {
    char name[24];
    struct op op; /* borrows from the files */
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    bool read;          /* the header could be; what follows is said of it */
    bool body_proved;   /* the body is there and is what was signed */
    size_t erased_by;   /* without a body: index of the newest op that erased it; PACK_NO_OP: none that is proved */
    size_t chain;       /* index of its chain */
    bool signed_proved; /* by its device */
    bool acknowledged;  /* by a receipt of the centre */
    int64_t acknowledged_at_ms;
    bool confirmed;         /* in the history that the centre signed */
    uint64_t position;      /* there, from 1 */
    enum err_code admitted; /* what record_admit says of it */
    char admitted_text[PACK_FINDING_SIZE];
};

/* A programme's rules that the pack has as a file of their own, or in a record of the centre. */
struct pack_rules {
    char sha256[PROGRAMME_SHA256_SIZE];
    size_t giver;  /* index of the newest op by which the centre gave them; PACK_NO_OP: none that is proved */
    bool built_in; /* this program carries the same */
};

struct pack_report {
    struct pack_finding findings[PACK_FINDINGS_MAX];         /* what is wrong; the first ones */
    size_t finding_count;                                    /* of all */
    uint8_t authorities[PACK_AUTHORITIES_MAX][SHA256_BYTES]; /* of the DER: what openssl calls the fingerprint */
    size_t authority_count;
    bool checkpoint_there;
    bool checkpoint_proved;
    struct checkpoint checkpoint;
    char centre_serial[48];
    uint8_t stream[STREAM_ID_BYTES];
    struct pack_chain *chains;
    size_t chain_count;
    struct pack_receipt *receipts;
    size_t receipt_count;
    struct pack_op *ops;
    size_t op_count;
    struct pack_rules *rules;
    size_t rules_count;
    struct buf ca; /* DER, one behind the other */
};

/* Whom to insist on: the SHA-256 of one authority's certificate, or NULL. Fails only without memory; a pack that proves
 * nothing is a report with findings. */
MUST_USE enum err_code pack_check(const struct pack_files *files, const uint8_t *authority,
                                  struct pack_report *ret_report, struct error *err);
void pack_report_fini(struct pack_report *report);

/* The SHA-256 of rules that a proved op names in `field`: what a programme_pack gives, or a doubt is judged by. */
bool pack_rules_named(const struct pack_op *op, const char *field, char ret_sha256[PROGRAMME_SHA256_SIZE]);
const struct pack_rules *pack_rules_find(const struct pack_report *report, const char *sha256); /* NULL: none */

#endif
