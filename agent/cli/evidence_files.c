/* The folder of a pack: made beside where it will be, and put there when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/evidence_pack.h"
#include "agent/cli/memory.h"
#include "crypto/identity.h"
#include "store/op.h"

enum { PATH_SIZE = 96, OWNER_ONLY = 0600, OWNER_ONLY_FOLDER = 0700, PAGE_MAX = 64 * 1024 * 1024, DEPTH = 8 };

extern const unsigned char evidence_instructions[];
extern const size_t evidence_instructions_size;

struct listed {
    char path[PATH_SIZE];
    uint8_t sha256[SHA256_BYTES];
};

struct writer {
    int folder;
    struct listed *files;
    size_t count;
};

/* ---- one file ---- */

static enum err_code write_all(int fd, struct slice content, const char *path, struct error *err)
{
    while (content.len > 0) {
        ssize_t wrote = write(fd, content.data, content.len);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return error_errno(err, "write '%s' of the pack", path);
        }
        content = slice_of(content.data + wrote, content.len - (size_t)wrote);
    }
    return ERR_OK;
}

static enum err_code make_parents(const struct writer *writer, const char *path, struct error *err)
{
    char parent[PATH_SIZE];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
        if (mkdirat(writer->folder, parent, OWNER_ONLY_FOLDER) != 0 && errno != EEXIST) {
            return error_errno(err, "make '%s' of the pack", parent);
        }
    }
    return ERR_OK;
}

static enum err_code put_at(struct writer *writer, struct slice content, const char *path, struct error *err)
{
    TRY(make_parents(writer, path, err));
    int fd = openat(writer->folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, OWNER_ONLY);
    if (fd < 0) {
        return error_errno(err, "make '%s' of the pack", path);
    }
    enum err_code rc = write_all(fd, content, path, err);
    if (close(fd) != 0 && rc == ERR_OK) {
        rc = error_errno(err, "write '%s' of the pack", path);
    }
    if (rc == ERR_OK) {
        writer->files = must_have(reallocarray(writer->files, writer->count + 1, sizeof(*writer->files)));
        struct listed *file = &writer->files[writer->count++];
        (void)snprintf(file->path, sizeof(file->path), "%s", path);
        sha256(&content, 1, file->sha256);
    }
    return rc;
}

PRINTF_LIKE(4, 5)
static enum err_code put(struct writer *writer, struct slice content, struct error *err, const char *format, ...)
{
    char path[PATH_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    CHECK(len > 0 && len < PATH_SIZE);
    return put_at(writer, content, path, err);
}

/* ---- chains and records ---- */

/* What the device signed, byte by byte: the context, a zero byte, the message. */
static enum err_code put_signed(struct writer *writer, const struct evidence_pack *pack, size_t index,
                                struct error *err)
{
    enum { CONTEXT = sizeof(OP_LINK_CONTEXT) };
    const struct evidence_run *run = &pack->runs[index];
    uint8_t content[CONTEXT + OP_LINK_MESSAGE_BYTES] = OP_LINK_CONTEXT;
    uint8_t stream[STREAM_ID_BYTES];
    uint8_t link[SHA256_BYTES];
    struct op_id last = { .incarnation = run->incarnation, .seq = run->signed_seq };
    if (run->before.len != SHA256_BYTES || !hex_decode(run->device, last.device, DEVICE_ID_BYTES) ||
        !hex_decode(answer_text(answer_member(pack->about, "site"), "stream"), stream, STREAM_ID_BYTES)) {
        return FAIL(err, PROTOCOL, "make the pack: the agent's answer is not as this program knows it");
    }
    memcpy(link, run->before.data, SHA256_BYTES);
    for (size_t i = 0; i < run->header_count; i++) {
        op_link_next(link, buf_slice(&run->headers[i]), link);
    }
    op_link_message(stream, &last, link, content + CONTEXT);
    return put(writer, slice_of(content, sizeof(content)), err, "chain/%04zu/signed", index + 1);
}

static enum err_code put_run(struct writer *writer, const struct evidence_pack *pack, size_t index, struct error *err)
{
    const struct evidence_run *run = &pack->runs[index];
    TRY(put(writer, buf_slice(&run->before), err, "chain/%04zu/before", index + 1));
    TRY(put(writer, buf_slice(&run->signature), err, "chain/%04zu/signature", index + 1));
    TRY(put(writer, slice_of_text(run->certificate), err, "chain/%04zu/device.pem", index + 1));
    for (size_t i = 0; i < run->header_count; i++) {
        TRY(put(writer, buf_slice(&run->headers[i]), err, "chain/%04zu/%013" PRIu64 ".header", index + 1,
                run->first_seq + i));
    }
    return put_signed(writer, pack, index, err);
}

static enum err_code put_record(struct writer *writer, const struct evidence_record *record, size_t index,
                                struct error *err)
{
    char text[PATH_SIZE];
    if (record->position > 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 "\n", record->position);
        TRY(put(writer, slice_of_text(text), err, "ops/%04zu/position", index + 1));
        TRY(put(writer, buf_slice(&record->proof), err, "ops/%04zu/proof", index + 1));
    }
    TRY(put(writer, buf_slice(&record->header), err, "ops/%04zu/header.cbor", index + 1));
    if (!record->erased) {
        TRY(put(writer, buf_slice(&record->body), err, "ops/%04zu/body.cbor", index + 1));
        TRY(put(writer, buf_slice(&record->salt), err, "ops/%04zu/salt", index + 1));
    }
    if (record->chain != EVIDENCE_NO_CHAIN) {
        (void)snprintf(text, sizeof(text), "%04zu/%013" PRIu64 "\n", record->chain + 1, record->seq);
        TRY(put(writer, slice_of_text(text), err, "ops/%04zu/chain", index + 1));
    }
    if (record->receipt != EVIDENCE_NO_RECEIPT) {
        (void)snprintf(text, sizeof(text), "%04zu\n", record->receipt + 1);
        TRY(put(writer, slice_of_text(text), err, "ops/%04zu/receipt", index + 1));
    }
    return ERR_OK;
}

static enum err_code put_receipt(struct writer *writer, const struct evidence_receipt_file *receipt, size_t index,
                                 struct error *err)
{
    char text[PATH_SIZE];
    (void)snprintf(text, sizeof(text), "%04zu/%013" PRIu64 "\n", receipt->chain + 1, receipt->seq);
    TRY(put(writer, slice_of_text(text), err, "receipts/%04zu/chain", index + 1));
    TRY(put(writer, buf_slice(&receipt->signed_bytes), err, "receipts/%04zu/signed", index + 1));
    TRY(put(writer, buf_slice(&receipt->signature), err, "receipts/%04zu/signature", index + 1));
    return put(writer, slice_of_text(receipt->certificate), err, "receipts/%04zu/centre.pem", index + 1);
}

static enum err_code put_base64(struct writer *writer, const json_t *object, const char *name, const char *path,
                                struct error *err)
{
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, CERTIFICATE_DER_MAX);
    TRY(base64_decode(slice_of_text(answer_text(object, name)), &bytes, err));
    return put(writer, buf_slice(&bytes), err, "%s", path);
}

static enum err_code put_checkpoint(struct writer *writer, const struct evidence_pack *pack, struct error *err)
{
    const json_t *checkpoint = answer_member(pack->about, "checkpoint");
    if (checkpoint == NULL) {
        return ERR_OK;
    }
    TRY(put(writer, slice_of_text(answer_text(checkpoint, "note")), err, "checkpoint/note"));
    TRY(put(writer, slice_of_text(answer_text(checkpoint, "certificate")), err, "checkpoint/centre.pem"));
    TRY(put_base64(writer, checkpoint, "key", "checkpoint/key", err));
    return put_base64(writer, checkpoint, "voucher", "checkpoint/voucher", err);
}

/* The rules, under the SHA-256 that the centre's record, or a doubt, names. */
static enum err_code put_rules(struct writer *writer, const struct evidence_pack *pack, struct error *err)
{
    const json_t *all = answer_member(pack->about, "rules");
    size_t index;
    const json_t *rules;
    json_array_foreach(all, index, rules)
    {
        bool again = false; /* the centre may give those that the program carries */
        for (size_t i = 0; i < index; i++) {
            again |= strcmp(answer_text(json_array_get(all, i), "sha256"), answer_text(rules, "sha256")) == 0;
        }
        if (!again && answer_has(rules, "json")) {
            TRY(put(writer, slice_of_text(answer_text(rules, "json")), err, "rules/%.64s.json",
                    answer_text(rules, "sha256")));
        }
    }
    return ERR_OK;
}

/* ---- for people and programs ---- */

static enum err_code put_pages(struct writer *writer, const struct evidence_pack *pack, struct error *err)
{
    struct document *document = evidence_words(pack);
    SCOPED(buf_fini) struct buf page;
    SCOPED(buf_fini) struct buf pdf;
    buf_init(&page, PAGE_MAX);
    buf_init(&pdf, PAGE_MAX);
    enum err_code rc = document_html(document, &page, err);
    if (rc == ERR_OK) {
        rc = document_pdf(document, &pdf, err);
    }
    document_free(document);
    TRY(rc);
    TRY(put(writer, buf_slice(&page), err, "index.html"));
    return put(writer, buf_slice(&pdf), err, "summary.pdf");
}

static json_t *record_summary(const struct evidence_record *record, size_t index)
{
    static const char *const members[] = {
        "op",          "kind",        "subject",         "actor",  "recorded_at",
        "happened_at", "received_at", "acknowledged_at", "erased", "quarantine",
        "fields",      "supersedes",  "same_as",         "head",   "clock_offset_ms"
    };
    char number[24];
    (void)snprintf(number, sizeof(number), "%04zu", index + 1);
    json_t *summary = must_have(json_pack("{s:s,s:b}", "number", number, "confirmed", record->position > 0));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *value = json_object_get(record->json, members[i]);
        if (value != NULL) {
            (void)json_object_set(summary, members[i], value);
        }
    }
    return summary;
}

static enum err_code put_json(struct writer *writer, const struct evidence_pack *pack, struct error *err)
{
    SCOPED(answer_free) json_t *summary = must_have(json_deep_copy(pack->about));
    (void)json_object_del(summary, "authorities");
    (void)json_object_del(summary, "checkpoint");
    size_t index;
    json_t *rules;
    json_array_foreach(answer_member(summary, "rules"), index, rules)
    {
        (void)json_object_del(rules, "json"); /* a file of its own */
    }
    (void)json_object_set_new(summary, "format", json_string("holdfast evidence pack"));
    (void)json_object_set_new(summary, "version", json_integer(1));
    json_t *records = must_have(json_array());
    for (size_t i = 0; i < pack->record_count; i++) {
        (void)json_array_append_new(records, record_summary(&pack->records[i], i));
    }
    (void)json_object_set_new(summary, "records", records);
    char *text = must_have(json_dumps(summary, JSON_INDENT(1) | JSON_SORT_KEYS));
    enum err_code rc = put(writer, slice_of_text(text), err, "pack.json");
    free(text);
    return rc;
}

static enum err_code put_authorities(struct writer *writer, const struct evidence_pack *pack, struct error *err)
{
    size_t index;
    const json_t *pem;
    json_array_foreach(answer_member(pack->about, "authorities"), index, pem)
    {
        TRY(put(writer, slice_of_text(json_string_value(pem)), err, "authority/%zu.pem", index + 1));
    }
    return ERR_OK;
}

static int by_path(const void *left, const void *right)
{
    const struct listed *a = left;
    const struct listed *b = right;
    return strcmp(a->path, b->path);
}

static enum err_code put_manifest(struct writer *writer, struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, PAGE_MAX);
    qsort(writer->files, writer->count, sizeof(*writer->files), by_path);
    for (size_t i = 0; i < writer->count; i++) {
        char hex[2 * SHA256_BYTES + 1];
        hex_encode(writer->files[i].sha256, SHA256_BYTES, hex);
        TRY(buf_append_format(&text, err, "%s  %s\n", hex, writer->files[i].path));
    }
    return put(writer, buf_slice(&text), err, "MANIFEST");
}

static enum err_code put_all(struct writer *writer, const struct evidence_pack *pack, struct error *err)
{
    TRY(put(writer, slice_of(evidence_instructions, evidence_instructions_size), err, "VERIFY.txt"));
    TRY(put_authorities(writer, pack, err));
    TRY(put_checkpoint(writer, pack, err));
    for (size_t i = 0; i < pack->run_count; i++) {
        TRY(put_run(writer, pack, i, err));
    }
    for (size_t i = 0; i < pack->receipt_count; i++) {
        TRY(put_receipt(writer, &pack->receipts[i], i, err));
    }
    for (size_t i = 0; i < pack->record_count; i++) {
        TRY(put_record(writer, &pack->records[i], i, err));
    }
    TRY(put_rules(writer, pack, err));
    TRY(put_json(writer, pack, err));
    TRY(put_pages(writer, pack, err));
    return put_manifest(writer, err);
}

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *about, int flag, struct FTW *place)
{
    (void)about;
    (void)flag;
    (void)place;
    return remove(path);
}

/* Made beside it, so that a rename puts it there. */
static char *beside(const char *folder)
{
    char *made = NULL;
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/') {
        len--;
    }
    must_have(asprintf(&made, "%.*s.XXXXXX", (int)len, folder) < 0 ? NULL : made);
    return made;
}

static enum err_code fill(const char *path, const struct evidence_pack *pack, const char *folder,
                          uint8_t ret_manifest[SHA256_BYTES], struct error *err)
{
    struct writer writer = { .folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
    if (writer.folder < 0) {
        return error_errno(err, "open '%s'", path);
    }
    enum err_code rc = put_all(&writer, pack, err);
    if (rc == ERR_OK && syncfs(writer.folder) != 0) {
        rc = error_errno(err, "write the pack '%s'", folder);
    }
    (void)close(writer.folder);
    if (rc == ERR_OK) {
        memcpy(ret_manifest, writer.files[writer.count - 1].sha256, SHA256_BYTES); /* it is written last */
    }
    free(writer.files);
    if (rc == ERR_OK && rename(path, folder) != 0) {
        rc = errno == ENOTEMPTY || errno == EEXIST
                 ? FAIL(err, CONFLICT, "write the pack '%s': the folder is not empty; name one that is not there yet",
                        folder)
                 : error_errno(err, "write the pack '%s'", folder);
    }
    return rc;
}

enum err_code evidence_files(const struct evidence_pack *pack, const char *folder, uint8_t ret_manifest[SHA256_BYTES],
                             struct error *err)
{
    char *path = beside(folder);
    enum err_code rc = mkdtemp(path) == NULL ? error_errno(err, "make a folder for the pack '%s'", folder) : ERR_OK;
    if (rc == ERR_OK) {
        rc = fill(path, pack, folder, ret_manifest, err);
        if (rc != ERR_OK) {
            (void)nftw(path, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS);
        }
    }
    free(path);
    return rc;
}
