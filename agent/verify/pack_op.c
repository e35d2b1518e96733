/* One op of a pack: its body, its chain, its receipt, its place in the centre's history. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verify/pack_parts.h"

static const struct pack_file *optional(const struct pack_files *files, const char *folder, const char *name)
{
    char path[PACK_PATH_SIZE + 16]; /* no file of a pack has a path of more than PACK_PATH_SIZE: it is not found */
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return pack_file_find(files, path);
}

static void check_body(const struct pack_files *files, const char *folder, struct pack_op *op,
                       struct pack_report *report)
{
    const struct pack_file *body = optional(files, folder, "body.cbor");
    const struct pack_file *salt = optional(files, folder, "salt");
    op->op.erased = body == NULL && salt == NULL;
    if (op->op.erased) {
        return;
    }
    uint8_t hash[SHA256_BYTES];
    if (body == NULL || salt == NULL || salt->content.len != OP_SALT_BYTES || body->size > OP_BODY_MAX) {
        pack_wrong(report, folder, "its body or its salt is missing, or of an impossible size");
        return;
    }
    op_body_hash(salt->content.data, body->content, hash);
    if (memcmp(hash, op->op.body_hash, SHA256_BYTES) != 0) {
        pack_wrong(report, body->path, "it is not what was signed");
        return;
    }
    memcpy(op->op.salt, salt->content.data, OP_SALT_BYTES);
    op->op.body = body->content;
    op->body_proved = true;
}

/* Exactly a number in decimal and the end of a line. */
static bool number_read(struct slice text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text.len < 2 || text.len > 20 || text.data[text.len - 1] != '\n') {
        return false;
    }
    for (size_t i = 0; i + 1 < text.len; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || number > (max - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

static enum record_writer writer_of(const struct pack_report *report, const struct pack_op *op)
{
    return report->chains[op->chain].device.role == CERTIFICATE_ROLE_CENTRE ? WRITER_CENTRE : WRITER_ORGANISATION;
}

static void check_chain(const struct pack_files *files, const char *folder, struct slice header, struct pack_op *op,
                        struct pack_report *report)
{
    char path[PACK_PATH_SIZE];
    const struct pack_file *file = pack_need(files, folder, "chain", report);
    if (file == NULL) {
        return;
    }
    size_t found;
    uint64_t seq;
    if (!pack_chain_named(report, file->content, &found, &seq) || seq != op->op.id.seq) {
        pack_wrong(report, file->path, "it names no chain of the pack with this record");
        return;
    }
    op->chain = found;
    const struct pack_chain *chain = &report->chains[found];
    (void)snprintf(path, sizeof(path), "chain/%s/%013" PRIu64 ".header", chain->name, op->op.id.seq);
    const struct pack_file *held = pack_file_find(files, path);
    if (held == NULL || !slice_equal(held->content, header)) {
        pack_wrong(report, folder, "its header is not in the chain that it names");
        return;
    }
    op->signed_proved = chain->proved;
    struct error why = { .message = "" };
    op->admitted = chain->proved ? record_admit(&op->op, writer_of(report, op), &why) : ERR_OK;
    (void)snprintf(op->admitted_text, sizeof(op->admitted_text), "%.390s", why.message);
}

static void check_receipt(const struct pack_files *files, const char *folder, struct pack_op *op,
                          struct pack_report *report)
{
    const struct pack_file *file = optional(files, folder, "receipt");
    if (file == NULL) {
        return; /* none is held: said, and no failure */
    }
    for (size_t i = 0; i < report->receipt_count; i++) {
        struct pack_receipt *receipt = &report->receipts[i];
        char expected[24];
        (void)snprintf(expected, sizeof(expected), "%04zu\n", i + 1);
        if (!slice_equal(file->content, slice_of_text(expected))) {
            continue;
        }
        if (receipt->seq < op->op.id.seq || receipt->chain != op->chain) {
            break;
        }
        receipt->named = true;
        op->acknowledged = receipt->proved && op->signed_proved;
        op->acknowledged_at_ms = receipt->at_ms;
        return;
    }
    pack_wrong(report, file->path, "it names no receipt of the pack that covers this record");
}

static void check_proof(const struct pack_files *files, const char *folder, struct slice header, struct pack_op *op,
                        struct pack_report *report)
{
    const struct pack_file *position = optional(files, folder, "position");
    const struct pack_file *proof = optional(files, folder, "proof");
    struct merkle_proof hashes;
    struct merkle_hash leaf;
    struct error why;
    uint64_t number;
    if (position == NULL && proof == NULL) {
        return; /* not yet confirmed: said, and no failure */
    }
    if (position == NULL || proof == NULL || !number_read(position->content, MERKLE_SIZE_MAX, &number) || number < 1 ||
        proof->size != proof->content.len || merkle_proof_decode(proof->content, &hashes, &why) != ERR_OK) {
        pack_wrong(report, folder, "its position or its proof is missing or is none");
        return;
    }
    if (!report->checkpoint_proved) {
        if (!report->checkpoint_there) {
            pack_wrong(report, folder, "there is no checkpoint to which its proof could lead");
        }
        return;
    }
    merkle_leaf(header, &leaf);
    if (number > report->checkpoint.size || merkle_inclusion_verify(&leaf, number - 1, report->checkpoint.size, &hashes,
                                                                    &report->checkpoint.root, &why) != ERR_OK) {
        pack_wrong(report, proof->path, "it does not lead to the checkpoint that the centre signed");
        return;
    }
    op->position = number;
    op->confirmed = true;
}

static void read_op(const struct pack_files *files, struct pack_op *op, struct pack_report *report)
{
    char folder[PACK_PATH_SIZE];
    struct error why;
    (void)snprintf(folder, sizeof(folder), "ops/%s", op->name);
    const struct pack_file *header = pack_need(files, folder, "header.cbor", report);
    if (header == NULL) {
        return;
    }
    if (header->size > OP_HEADER_MAX || op_header_decode(header->content, &op->op, op->supersedes, &why) != ERR_OK) {
        pack_wrong(report, header->path, "it is not the header of a record");
        return;
    }
    op->read = true;
    check_body(files, folder, op, report);
    check_chain(files, folder, header->content, op, report);
    check_receipt(files, folder, op, report);
    check_proof(files, folder, header->content, op, report);
}

static void mark_erased(struct pack_report *report, size_t by, const struct erasure *erasure)
{
    for (size_t i = 0; i < report->op_count; i++) {
        struct pack_op *op = &report->ops[i];
        bool newer = op->erased_by == PACK_NO_OP || report->ops[op->erased_by].op.hlc < report->ops[by].op.hlc;
        if (op->signed_proved && op->op.erased && newer && erasure_covers(erasure, &op->op, writer_of(report, op))) {
            op->erased_by = by;
        }
    }
}

/* A body can also have been taken out of the pack: then no record of it says that it went. */
static void find_erasures(struct pack_report *report)
{
    struct erasure erasure;
    struct error why;
    for (size_t i = 0; i < report->op_count; i++) {
        const struct pack_op *op = &report->ops[i];
        if (op->op.kind == KIND_ERASURE && op->body_proved && op->signed_proved && op->admitted == ERR_OK &&
            erasure_read(&op->op, writer_of(report, op), &erasure, &why) == ERR_OK) {
            mark_erased(report, i, &erasure);
        }
    }
}

enum err_code pack_read_ops(const struct pack_files *files, struct pack_report *report, struct error *err)
{
    size_t count = pack_folders(files, "ops", report);
    report->ops = calloc(count + 1, sizeof(*report->ops));
    if (report->ops == NULL) {
        return FAIL(err, NO_MEMORY, "check %zu records", count);
    }
    while (report->op_count < count) {
        struct pack_op *op = &report->ops[report->op_count];
        (void)snprintf(op->name, sizeof(op->name), "%04zu", report->op_count + 1);
        op->erased_by = PACK_NO_OP;
        read_op(files, op, report);
        op->op.supersedes = op->supersedes;
        report->op_count++;
    }
    find_erasures(report);
    for (size_t i = 0; i < report->receipt_count; i++) {
        char folder[PACK_PATH_SIZE];
        (void)snprintf(folder, sizeof(folder), "receipts/%04zu", i + 1);
        if (!report->receipts[i].named) {
            pack_wrong(report, folder, "no record of the pack names this receipt");
        }
    }
    return ERR_OK;
}
