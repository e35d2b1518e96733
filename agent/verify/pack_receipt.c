/* The centre's receipts: that it held a device's records up to a link of its chain, and when it said so. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verify/pack_parts.h"

static bool check_signature(const struct pack_files *files, const char *folder, const struct pack_file *content,
                            struct pack_report *report)
{
    enum { CONTEXT = sizeof(OP_RECEIPT_CONTEXT) };
    const struct pack_file *pem = pack_need(files, folder, "centre.pem", report);
    const struct pack_file *signature = pack_need(files, folder, "signature", report);
    struct certificate centre;
    struct error why;
    if (pem == NULL || signature == NULL || !pack_centre(pem, report, &centre)) {
        return false;
    }
    if (signature->content.len > SIGNATURE_MAX ||
        signature_verify(slice_of(centre.public_key, centre.public_key_len), OP_RECEIPT_CONTEXT,
                         slice_of(content->content.data + CONTEXT, OP_RECEIPT_MESSAGE_BYTES), signature->content,
                         &why) != ERR_OK) {
        pack_wrong(report, signature->path, "it is not the signature of the centre");
        return false;
    }
    return true;
}

/* The bytes that were signed, all but the time: the link after the header that it is about. */
static bool check_content(const struct pack_file *content, const struct pack_receipt *receipt,
                          struct pack_report *report)
{
    enum { CONTEXT = sizeof(OP_RECEIPT_CONTEXT), SIGNED = CONTEXT + OP_RECEIPT_MESSAGE_BYTES };
    const struct pack_chain *chain = &report->chains[receipt->chain];
    uint8_t expected[SIGNED] = OP_RECEIPT_CONTEXT;
    struct op_id acked = { .incarnation = chain->incarnation, .seq = receipt->seq };
    memcpy(acked.device, chain->device.device, DEVICE_ID_BYTES);
    op_receipt_message(report->stream, &acked, chain->links.data + (receipt->seq - chain->first_seq) * SHA256_BYTES,
                       receipt->at_ms, expected + CONTEXT);
    if (!slice_equal(content->content, slice_of(expected, SIGNED))) {
        pack_wrong(report, content->path, "it is not about the record that it is said to be about");
        return false;
    }
    return true;
}

static void read_receipt(const struct pack_files *files, const char *folder, struct pack_receipt *receipt,
                         struct pack_report *report)
{
    const struct pack_file *about = pack_need(files, folder, "chain", report);
    const struct pack_file *content = pack_need(files, folder, "signed", report);
    if (about == NULL || content == NULL) {
        return;
    }
    if (!pack_chain_named(report, about->content, &receipt->chain, &receipt->seq)) {
        pack_wrong(report, about->path, "it names no chain of the pack with this record");
        return;
    }
    if (content->content.len < 8) {
        pack_wrong(report, content->path, "it is no receipt");
        return;
    }
    uint64_t at_ms = get_be64(content->content.data + content->content.len - 8);
    if (at_ms > OP_TIME_MAX_MS) {
        pack_wrong(report, content->path, "it was given at an impossible time");
        return;
    }
    receipt->at_ms = (int64_t)at_ms;
    receipt->proved = check_content(content, receipt, report) && check_signature(files, folder, content, report) &&
                      report->chains[receipt->chain].proved;
}

enum err_code pack_read_receipts(const struct pack_files *files, struct pack_report *report, struct error *err)
{
    size_t count = pack_folders(files, "receipts", report);
    report->receipts = calloc(count + 1, sizeof(*report->receipts));
    if (report->receipts == NULL) {
        return FAIL(err, NO_MEMORY, "check %zu receipts", count);
    }
    while (report->receipt_count < count) {
        char folder[PACK_PATH_SIZE];
        (void)snprintf(folder, sizeof(folder), "receipts/%04zu", report->receipt_count + 1);
        read_receipt(files, folder, &report->receipts[report->receipt_count++], report);
    }
    return ERR_OK;
}
