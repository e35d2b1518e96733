/* A run of one device's headers, up to a link that it signed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verify/pack_parts.h"

static bool device_of_stream(const struct certificate *device, const uint8_t stream[STREAM_ID_BYTES])
{
    bool ours = device->role == CERTIFICATE_ROLE_CENTRE;
    for (size_t i = 0; i < device->stream_count; i++) {
        ours |= memcmp(device->streams[i], stream, STREAM_ID_BYTES) == 0;
    }
    return ours && device->role != CERTIFICATE_ROLE_SERVER;
}

static bool read_device(const struct pack_files *files, const char *folder, struct pack_chain *chain,
                        struct pack_report *report)
{
    const struct pack_file *pem = pack_need(files, folder, "device.pem", report);
    struct error why;
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    if (pem == NULL || report->ca.len == 0) {
        return false;
    }
    if (certificate_from_pem(pem->content, &der, &why) != ERR_OK ||
        certificate_verify(buf_slice(&der), buf_slice(&report->ca), -1, &chain->device, &why) != ERR_OK) {
        pack_wrong(report, pem->path, "the authority did not issue this certificate: %.200s", why.message);
        return false;
    }
    return true;
}

/* The headers of one chain: each follows the one before, and the link grows. */
struct walk {
    uint8_t link[SHA256_BYTES];
    struct op_id last; /* seq 0: none yet */
};

static bool walk_header(const struct pack_file *file, struct pack_chain *chain, struct walk *walk,
                        struct pack_report *report)
{
    struct op op;
    struct op_id unused[OP_SUPERSEDES_MAX];
    struct error why;
    const char *name = strrchr(file->path, '/') + 1;
    if (file->size > OP_HEADER_MAX || op_header_decode(file->content, &op, unused, &why) != ERR_OK) {
        pack_wrong(report, file->path, "it is not the header of a record");
        return false;
    }
    char expected[24];
    (void)snprintf(expected, sizeof(expected), "%013" PRIu64, op.id.seq);
    bool first = walk->last.seq == 0;
    if (first && report->chain_count == 0) {
        memcpy(report->stream, op.stream, STREAM_ID_BYTES);
    }
    bool follows = first || (op.id.seq == walk->last.seq + 1 && op.id.incarnation == walk->last.incarnation);
    if (!follows || strncmp(name, expected, PACK_SEQ_DIGITS) != 0 ||
        memcmp(op.id.device, chain->device.device, DEVICE_ID_BYTES) != 0) {
        pack_wrong(report, file->path, "it does not follow the header before it, or is another device's");
        return false;
    }
    if (memcmp(op.stream, report->stream, STREAM_ID_BYTES) != 0 || !device_of_stream(&chain->device, op.stream)) {
        pack_wrong(report, file->path, "it is of another site than the pack or the device");
        return false;
    }
    op_link_next(walk->link, file->content, walk->link);
    walk->last = op.id;
    if (buf_append(&chain->links, walk->link, SHA256_BYTES, NULL) != ERR_OK) {
        pack_wrong(report, file->path, "there is not enough memory to check it");
        return false;
    }
    return true;
}

static bool walk_headers(const struct pack_files *files, const char *folder, struct pack_chain *chain,
                         struct walk *walk, struct pack_report *report)
{
    char beginning[PACK_PATH_SIZE + 2];
    (void)snprintf(beginning, sizeof(beginning), "%s/", folder);
    size_t i = pack_files_next(files, 0, beginning);
    for (; i < files->count; i = pack_files_next(files, i + 1, beginning)) {
        const char *dot = strrchr(files->files[i].path, '.');
        if (dot == NULL || strcmp(dot, ".header") != 0) {
            continue;
        }
        if (!walk_header(&files->files[i], chain, walk, report)) {
            return false;
        }
        chain->first_seq = chain->first_seq == 0 ? walk->last.seq : chain->first_seq;
    }
    chain->incarnation = walk->last.incarnation;
    chain->signed_seq = walk->last.seq;
    if (walk->last.seq == 0) {
        pack_wrong(report, folder, "there is no header in it");
    }
    return walk->last.seq != 0;
}

bool pack_chain_named(const struct pack_report *report, struct slice text, size_t *ret_chain, uint64_t *ret_seq)
{
    char path[PACK_PATH_SIZE];
    char expected[PACK_PATH_SIZE];
    unsigned long long seq = 0;
    if (text.len == 0 || text.len >= sizeof(path)) {
        return false;
    }
    memcpy(path, text.data, text.len);
    path[text.len] = '\0';
    const char *slash = strchr(path, '/');
    if (slash == NULL || sscanf(slash, "/%13llu", &seq) != 1) {
        return false;
    }
    for (size_t i = 0; i < report->chain_count; i++) {
        const struct pack_chain *chain = &report->chains[i];
        (void)snprintf(expected, sizeof(expected), "%s/%013llu\n", chain->name, seq);
        if (slice_equal(text, slice_of_text(expected)) && seq >= chain->first_seq && seq <= chain->signed_seq) {
            *ret_chain = i;
            *ret_seq = seq;
            return true;
        }
    }
    return false;
}

/* OP_LINK_CONTEXT, a zero byte and the message: exactly what was signed. */
static bool check_signature(const struct pack_files *files, const char *folder, const struct pack_chain *chain,
                            const struct walk *walk, struct pack_report *report)
{
    enum { CONTEXT = sizeof(OP_LINK_CONTEXT), SIGNED = CONTEXT + OP_LINK_MESSAGE_BYTES };
    uint8_t expected[SIGNED] = OP_LINK_CONTEXT;
    struct error why;
    const struct pack_file *file = pack_need(files, folder, "signed", report);
    const struct pack_file *signature = pack_need(files, folder, "signature", report);
    if (file == NULL || signature == NULL) {
        return false;
    }
    op_link_message(report->stream, &walk->last, walk->link, expected + CONTEXT);
    if (!slice_equal(file->content, slice_of(expected, SIGNED))) {
        pack_wrong(report, file->path, "what was signed is not the chain of these headers");
        return false;
    }
    if (signature->content.len > SIGNATURE_MAX ||
        signature_verify(slice_of(chain->device.public_key, chain->device.public_key_len), OP_LINK_CONTEXT,
                         slice_of(expected + CONTEXT, OP_LINK_MESSAGE_BYTES), signature->content, &why) != ERR_OK) {
        pack_wrong(report, signature->path, "it is not the signature of the device");
        return false;
    }
    return true;
}

static void read_chain(const struct pack_files *files, struct pack_chain *chain, struct pack_report *report)
{
    char folder[PACK_PATH_SIZE];
    struct walk walk = { .last = { .seq = 0 } };
    (void)snprintf(folder, sizeof(folder), "chain/%s", chain->name);
    const struct pack_file *before = pack_need(files, folder, "before", report);
    bool known = read_device(files, folder, chain, report);
    if (before == NULL || !known) {
        return;
    }
    if (before->content.len != SHA256_BYTES) {
        pack_wrong(report, before->path, "it is not a hash");
        return;
    }
    memcpy(walk.link, before->content.data, SHA256_BYTES);
    chain->proved =
        walk_headers(files, folder, chain, &walk, report) && check_signature(files, folder, chain, &walk, report);
}

enum err_code pack_read_chains(const struct pack_files *files, struct pack_report *report, struct error *err)
{
    size_t count = pack_folders(files, "chain", report);
    report->chains = calloc(count + 1, sizeof(*report->chains));
    if (report->chains == NULL) {
        return FAIL(err, NO_MEMORY, "check %zu chains", count);
    }
    while (report->chain_count < count) {
        struct pack_chain *chain = &report->chains[report->chain_count];
        (void)snprintf(chain->name, sizeof(chain->name), "%04zu", report->chain_count + 1);
        buf_init(&chain->links, (size_t)PACK_FILES_MAX * SHA256_BYTES);
        read_chain(files, chain, report);
        report->chain_count++;
    }
    return ERR_OK;
}
