/*
 * agent/cli/evidence_pack - what the agent says about one session or one person, with what proves it, on its way into
 * the folder of a pack.
 *
 *   evidence_fetch ──► struct evidence_pack ──► evidence_words ──► index.html, summary.pdf
 *                                            └► evidence_files ──► ops/, chain/, authority/, MANIFEST, ...
 *
 * Ownership: the pack owns everything; evidence_pack_free releases.
 * Limits:    EVIDENCE_RECORDS_MAX and EVIDENCE_HEADERS_MAX; more is refused and says so.
 */
#ifndef AGENT_CLI_EVIDENCE_PACK_H
#define AGENT_CLI_EVIDENCE_PACK_H

#include "agent/cli/call.h"
#include "agent/cli/document.h"
#include "crypto/digest.h"

#define EVIDENCE_RECORDS_MAX 9999
#define EVIDENCE_HEADERS_MAX 60000
#define EVIDENCE_NO_CHAIN SIZE_MAX
#define EVIDENCE_NO_RECEIPT SIZE_MAX

struct evidence_record {
    json_t *json; /* RECORD of API.md */
    struct buf header;
    struct buf body;
    struct buf salt;
    bool erased;
    uint64_t seq;
    uint64_t position; /* in the history of the checkpoint; 0: not confirmed */
    struct buf proof;
    size_t chain;   /* index; EVIDENCE_NO_CHAIN: its device has signed nothing yet */
    size_t receipt; /* index; EVIDENCE_NO_RECEIPT: none is held of it */
};

/* The centre's word that it holds a device's records up to this one. */
struct evidence_receipt_file {
    size_t chain;
    uint64_t seq;
    struct buf signed_bytes;
    struct buf signature;
    char *certificate; /* PEM: the centre's */
};

/* One device's headers from the first that is wanted to the link that it signed. */
struct evidence_run {
    char device[33];
    uint32_t incarnation;
    uint64_t first_seq;
    uint64_t signed_seq;
    struct buf before;
    struct buf signature;
    char *certificate; /* PEM */
    struct buf *headers;
    size_t header_count;
};

struct evidence_pack {
    json_t *about;                   /* the answer of POST /v1/evidence */
    struct evidence_record *records; /* by when they were recorded */
    size_t record_count;
    struct evidence_run *runs;
    size_t run_count;
    struct evidence_receipt_file *receipts;
    size_t receipt_count;
};

MUST_USE enum exit_code evidence_fetch(struct cli *cli, const char *subject, struct evidence_pack *ret_pack);
void evidence_pack_free(struct evidence_pack *pack);

/* The page for people; document_free. */
struct document *evidence_words(const struct evidence_pack *pack);

/* Writes the pack so that `folder` is there with all of it or is as before: it must not be there, or be empty. The
 * digest of its MANIFEST stands for all of it. */
MUST_USE enum err_code evidence_files(const struct evidence_pack *pack, const char *folder,
                                      uint8_t ret_manifest[SHA256_BYTES], struct error *err);

/* All of it: *ret_summary is what `holdfast evidence --json` prints. */
MUST_USE enum exit_code evidence_write(struct cli *cli, const char *subject, const char *folder, json_t **ret_summary);

#endif
