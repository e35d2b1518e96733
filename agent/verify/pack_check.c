#include "agent/verify/pack_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verify/pack_parts.h"

PRINTF_LIKE(3, 4) void pack_wrong(struct pack_report *report, const char *path, const char *format, ...)
{
    if (report->finding_count < PACK_FINDINGS_MAX) {
        struct pack_finding *finding = &report->findings[report->finding_count];
        (void)snprintf(finding->path, sizeof(finding->path), "%s", path);
        va_list args;
        va_start(args, format);
        (void)vsnprintf(finding->text, sizeof(finding->text), format, args);
        va_end(args);
    }
    report->finding_count++;
}

const struct pack_file *pack_need(const struct pack_files *files, const char *folder, const char *name,
                                  struct pack_report *report)
{
    char path[PACK_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    const struct pack_file *file = pack_file_find(files, path);
    if (file == NULL) {
        pack_wrong(report, path, "it is missing");
    } else if (file->size != file->content.len) {
        pack_wrong(report, path, "it is larger than such a file can be");
        file = NULL;
    }
    return file;
}

size_t pack_folders(const struct pack_files *files, const char *folder, struct pack_report *report)
{
    char beginning[PACK_PATH_SIZE + 2];
    size_t count = 0;
    size_t i = pack_files_next(files, 0, folder);
    for (; i < files->count && count < PACK_OPS_MAX; count++) {
        (void)snprintf(beginning, sizeof(beginning), "%s/%04zu/", folder, count + 1);
        if (pack_files_next(files, i, beginning) != i) {
            break;
        }
        while (i < files->count && strncmp(files->files[i].path, beginning, strlen(beginning)) == 0) {
            i++;
        }
    }
    (void)snprintf(beginning, sizeof(beginning), "%s/", folder);
    if (pack_files_next(files, i, beginning) < files->count) {
        pack_wrong(report, files->files[i].path, "the numbers before it are not all there");
    }
    return count;
}

/* ---- the manifest ---- */

/* "<64 hex digits>  <path>\n", as sha256sum writes it. */
static bool line_read(struct slice *rest, uint8_t sum[SHA256_BYTES], char path[PACK_PATH_SIZE])
{
    enum { DIGITS = 2 * SHA256_BYTES };
    char hex[DIGITS + 1];
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end == NULL ? 0 : (size_t)(end - rest->data);
    if (len < DIGITS + 3 || len >= DIGITS + 2 + PACK_PATH_SIZE || memcmp(rest->data + DIGITS, "  ", 2) != 0) {
        return false;
    }
    memcpy(hex, rest->data, DIGITS);
    hex[DIGITS] = '\0';
    memcpy(path, rest->data + DIGITS + 2, len - DIGITS - 2);
    path[len - DIGITS - 2] = '\0';
    *rest = slice_of(end + 1, rest->len - len - 1);
    return hex_decode(hex, sum, SHA256_BYTES);
}

static void check_listed(const struct pack_files *files, const bool *listed, struct pack_report *report)
{
    for (size_t i = 0; i < files->count; i++) {
        if (!listed[i] && strcmp(files->files[i].path, PACK_MANIFEST) != 0) {
            pack_wrong(report, files->files[i].path, "it is not in the manifest: somebody has added it");
        }
    }
}

static enum err_code check_manifest(const struct pack_files *files, struct pack_report *report, struct error *err)
{
    const struct pack_file *manifest = pack_file_find(files, PACK_MANIFEST);
    if (manifest == NULL || manifest->size != manifest->content.len) {
        pack_wrong(report, PACK_MANIFEST, "it is missing, or larger than any: this is no evidence pack");
        return ERR_OK;
    }
    bool *listed = calloc(files->count + 1, sizeof(*listed));
    if (listed == NULL) {
        return FAIL(err, NO_MEMORY, "check the manifest");
    }
    for (struct slice rest = manifest->content; rest.len > 0;) {
        uint8_t sum[SHA256_BYTES];
        char path[PACK_PATH_SIZE];
        if (!line_read(&rest, sum, path)) {
            pack_wrong(report, PACK_MANIFEST, "a line of it is not a checksum and a name");
            break;
        }
        const struct pack_file *file = pack_file_find(files, path);
        if (file == NULL) {
            pack_wrong(report, PACK_MANIFEST, "a file that it lists is missing: '%.80s'",
                       utf8_valid(slice_of_text(path)) ? path : "?");
        } else if (memcmp(file->sha256, sum, SHA256_BYTES) != 0) {
            pack_wrong(report, file->path, "it is not as it was written: its checksum is another");
        }
        if (file != NULL) {
            listed[file - files->files] = true;
        }
    }
    check_listed(files, listed, report);
    free(listed);
    return ERR_OK;
}

/* ---- the authority ---- */

static enum err_code check_authority(const struct pack_file *file, struct pack_report *report, struct error *err)
{
    struct error why;
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    if (report->authority_count == PACK_AUTHORITIES_MAX || certificate_from_pem(file->content, &der, &why) != ERR_OK) {
        pack_wrong(report, file->path, "it is not the certificate of an authority");
        return ERR_OK;
    }
    struct slice one = buf_slice(&der);
    sha256(&one, 1, report->authorities[report->authority_count++]);
    return buf_append(&report->ca, der.data, der.len, err);
}

/* The certificate that was insisted on, and those that it issued: nothing may be proved by another. */
static enum err_code leave_others(struct pack_report *report, const uint8_t *insisted, struct error *err)
{
    struct slice rest = buf_slice(&report->ca);
    struct slice found = { 0 };
    SCOPED(buf_fini) struct buf kept;
    buf_init(&kept, PACK_AUTHORITIES_MAX * CERTIFICATE_DER_MAX);
    for (size_t a = 0; a < report->authority_count; a++) {
        struct slice one;
        TRY(certificate_take(&rest, &one, err));
        found = memcmp(report->authorities[a], insisted, SHA256_BYTES) == 0 ? one : found;
    }
    if (found.len == 0) {
        pack_wrong(report, "authority", "none of its certificates is the one that was insisted on");
        buf_clear(&report->ca);
        return ERR_OK;
    }
    TRY(buf_append(&kept, found.data, found.len, err));
    rest = buf_slice(&report->ca);
    for (size_t a = 0; a < report->authority_count; a++) {
        struct slice one;
        TRY(certificate_take(&rest, &one, err));
        if (one.data != found.data && authority_issued(one, found)) {
            TRY(buf_append(&kept, one.data, one.len, err));
        }
    }
    buf_clear(&report->ca);
    return buf_append(&report->ca, kept.data, kept.len, err);
}

static enum err_code check_authorities(const struct pack_files *files, const uint8_t *insisted,
                                       struct pack_report *report, struct error *err)
{
    size_t i = pack_files_next(files, 0, "authority/");
    for (; i < files->count; i = pack_files_next(files, i + 1, "authority/")) {
        TRY(check_authority(&files->files[i], report, err));
    }
    if (report->authority_count == 0) {
        pack_wrong(report, "authority", "there is no certificate of an authority: nothing can be proved");
        return ERR_OK;
    }
    return insisted == NULL ? ERR_OK : leave_others(report, insisted, err);
}

/* ---- the checkpoint ---- */

bool pack_centre(const struct pack_file *pem, struct pack_report *report, struct certificate *ret_centre)
{
    struct error why;
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    if (report->ca.len == 0) {
        return false; /* said already */
    }
    if (certificate_from_pem(pem->content, &der, &why) != ERR_OK ||
        certificate_verify(buf_slice(&der), buf_slice(&report->ca), -1, ret_centre, &why) != ERR_OK) {
        pack_wrong(report, pem->path, "the authority did not issue this certificate: %.200s", why.message);
        return false;
    }
    if (ret_centre->role != CERTIFICATE_ROLE_CENTRE) {
        pack_wrong(report, pem->path, "the certificate is not a centre's");
        return false;
    }
    return true;
}

static bool check_key(const struct pack_files *files, const uint8_t **ret_key, struct pack_report *report)
{
    const struct pack_file *pem = pack_need(files, "checkpoint", "centre.pem", report);
    const struct pack_file *key = pack_need(files, "checkpoint", "key", report);
    const struct pack_file *voucher = pack_need(files, "checkpoint", "voucher", report);
    struct certificate centre;
    struct error why;
    if (pem == NULL || key == NULL || voucher == NULL || !pack_centre(pem, report, &centre)) {
        return false;
    }
    if (key->content.len != CHECKPOINT_KEY_BYTES ||
        signature_verify(slice_of(centre.public_key, centre.public_key_len), PACK_CHECKPOINT_KEY_CONTEXT, key->content,
                         voucher->content, &why) != ERR_OK) {
        pack_wrong(report, voucher->path, "the centre did not vouch for the key of the checkpoint");
        return false;
    }
    (void)snprintf(report->centre_serial, sizeof(report->centre_serial), "%s", centre.serial);
    *ret_key = key->content.data;
    return true;
}

static void check_checkpoint(const struct pack_files *files, struct pack_report *report)
{
    char stream[2 * STREAM_ID_BYTES + 1];
    char origin[CHECKPOINT_ORIGIN_MAX];
    const uint8_t *key;
    struct error why;
    report->checkpoint_there = pack_files_next(files, 0, "checkpoint/") < files->count;
    if (!report->checkpoint_there || !check_key(files, &key, report)) {
        return;
    }
    const struct pack_file *note = pack_need(files, "checkpoint", "note", report);
    hex_encode(report->stream, STREAM_ID_BYTES, stream);
    (void)snprintf(origin, sizeof(origin), PACK_ORIGIN_FORMAT, stream);
    if (note == NULL) {
        return;
    }
    if (checkpoint_note_read(note->content, origin, key, &report->checkpoint, &why) != ERR_OK) {
        pack_wrong(report, note->path, "%.300s", why.message);
        return;
    }
    report->checkpoint_proved = true;
}

/* ---- all of it ---- */

static bool digits(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

/* A file that no step looks at could carry anything past a reader. */
static bool known_file(const char *path)
{
    static const char *const alone[] = { PACK_MANIFEST,    "VERIFY.txt",         "index.html",
                                         "summary.pdf",    "pack.json",          "checkpoint/note",
                                         "checkpoint/key", "checkpoint/voucher", "checkpoint/centre.pem" };
    static const struct {
        const char *folder;
        const char *files[8];
    } numbered[] = { { "ops/", { "header.cbor", "body.cbor", "salt", "chain", "position", "proof", "receipt", NULL } },
                     { "receipts/", { "chain", "signed", "signature", "centre.pem", NULL } },
                     { "chain/", { "before", "device.pem", "signed", "signature", NULL } } };
    for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
        if (strcmp(path, alone[i]) == 0) {
            return true;
        }
    }
    if (pack_rules_path(path)) {
        return true;
    }
    if (strncmp(path, "authority/", 10) == 0) {
        return digits(path + 10, 1) && strcmp(path + 11, ".pem") == 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbered); i++) {
        size_t len = strlen(numbered[i].folder);
        const char *number = path + len;
        if (strncmp(path, numbered[i].folder, len) != 0 || !digits(number, 4) || number[4] != '/') {
            continue;
        }
        for (const char *const *file = numbered[i].files; *file != NULL; file++) {
            if (strcmp(number + 5, *file) == 0) {
                return true;
            }
        }
        return strcmp(numbered[i].folder, "chain/") == 0 && digits(number + 5, PACK_SEQ_DIGITS) &&
               strcmp(number + 5 + PACK_SEQ_DIGITS, ".header") == 0;
    }
    return false;
}

static enum err_code check_all(const struct pack_files *files, const uint8_t *authority, struct pack_report *report,
                               struct error *err)
{
    TRY(check_manifest(files, report, err));
    for (size_t i = 0; i < files->count; i++) {
        if (!known_file(files->files[i].path)) {
            pack_wrong(report, files->files[i].path, "no pack has such a file");
        }
    }
    TRY(check_authorities(files, authority, report, err));
    TRY(pack_read_chains(files, report, err));
    check_checkpoint(files, report);
    TRY(pack_read_receipts(files, report, err));
    TRY(pack_read_ops(files, report, err));
    TRY(pack_read_rules(files, report, err));
    if (report->op_count == 0) {
        pack_wrong(report, "ops", "there is no record in the pack");
    }
    return ERR_OK;
}

void pack_report_fini(struct pack_report *report)
{
    for (size_t i = 0; i < report->chain_count; i++) {
        buf_fini(&report->chains[i].links);
    }
    free(report->chains);
    free(report->receipts);
    free(report->ops);
    free(report->rules);
    buf_fini(&report->ca);
}

enum err_code pack_check(const struct pack_files *files, const uint8_t *authority, struct pack_report *ret_report,
                         struct error *err)
{
    *ret_report = (struct pack_report){ .finding_count = 0 };
    buf_init(&ret_report->ca, PACK_AUTHORITIES_MAX * CERTIFICATE_DER_MAX);
    enum err_code rc = check_all(files, authority, ret_report, err);
    if (rc != ERR_OK) {
        pack_report_fini(ret_report);
    }
    return rc;
}
