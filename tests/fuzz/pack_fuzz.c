/*
 * An evidence pack from somebody who wants it to be believed, or wants the reader to fall. Input: for each file one
 * byte with the length of its path, the path, two bytes with the length of its content, the content. A file MANIFEST of
 * no content is replaced by one that fits, so that the search gets past it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/verify/report.h"

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static bool unpack(const uint8_t *data, size_t size, struct pack_files *files, bool *ret_wants_manifest)
{
    while (size > 0) {
        char path[256];
        size_t path_len = data[0];
        if (size < 1 + path_len + 2) {
            return false;
        }
        memcpy(path, data + 1, path_len);
        path[path_len] = '\0';
        size_t len = (size_t)data[1 + path_len] << 8 | data[2 + path_len];
        data += path_len + 3;
        size -= path_len + 3;
        len = len < size ? len : size;
        if (len == 0 && strcmp(path, PACK_MANIFEST) == 0) {
            *ret_wants_manifest = true;
        } else if (pack_files_add(files, path, slice_of(data, len), NULL) != ERR_OK) {
            return false;
        }
        data += len;
        size -= len;
    }
    return pack_files_sort(files, NULL) == ERR_OK;
}

static void add_manifest(struct pack_files *files)
{
    struct buf text;
    buf_init(&text, PACK_MANIFEST_MAX);
    for (size_t i = 0; i < files->count; i++) {
        char hex[2 * SHA256_BYTES + 1];
        hex_encode(files->files[i].sha256, SHA256_BYTES, hex);
        must(buf_append_format(&text, NULL, "%s  %s\n", hex, files->files[i].path) == ERR_OK, "a manifest fits");
    }
    if (pack_file_find(files, PACK_MANIFEST) == NULL) {
        must(pack_files_add(files, PACK_MANIFEST, buf_slice(&text), NULL) == ERR_OK, "a manifest is added");
        must(pack_files_sort(files, NULL) == ERR_OK, "it is there once");
    }
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    static struct pack_report report;
    struct pack_files files = { 0 };
    bool wants_manifest = false;
    nowhere = nowhere == NULL ? fopen("/dev/null", "w") : nowhere;
    must(nowhere != NULL, "/dev/null opens");
    if (unpack(data, size, &files, &wants_manifest)) {
        if (wants_manifest) {
            add_manifest(&files);
        }
        must(pack_check(&files, NULL, &report, NULL) == ERR_OK, "a check fails without memory only");
        report_print(&report, false, false, nowhere);
        report_json(&report, false, nowhere);
        must(!report_proves(&report) || report.authority_count > 0, "nothing is proved without an authority");
        pack_report_fini(&report);
    }
    pack_files_fini(&files);
    return 0;
}
