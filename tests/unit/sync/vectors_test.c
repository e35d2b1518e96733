/* Segments of version 1 mean the same for ever: tests/vectors/segment.py reads the same bytes by the document alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sync/segment.h"

static const uint8_t stream[STREAM_ID_BYTES] = "sixteen octets!";

static void digest_of(const struct op_batch *ops, char out[2 * SHA256_BYTES + 1])
{
    struct error err;
    struct buf bytes;
    uint8_t digest[SHA256_BYTES];
    buf_init(&bytes, 2 * OP_BATCH_BYTES_MAX);
    for (size_t i = 0; i < ops->count; i++) {
        const struct op *op = &ops->ops[i];
        cr_assert_eq(op_header_encode(op, &bytes, &err), ERR_OK);
        cr_assert_eq(buf_append(&bytes, op->body.data, op->body.len, &err), ERR_OK);
    }
    struct slice all = buf_slice(&bytes);
    sha256(&all, 1, digest);
    hex_encode(digest, sizeof(digest), out);
    buf_fini(&bytes);
}

static void check_line(const char *name, const char *expected, const char *hex)
{
    struct error err;
    struct segment segment;
    char digest[2 * SHA256_BYTES + 1];
    size_t len = strlen(hex) / 2;
    uint8_t *bytes = malloc(len);
    cr_assert(bytes != NULL && hex_decode(hex, bytes, len));
    cr_assert_eq(segment_decode(slice_of(bytes, len), stream, &segment, &err), ERR_OK, "%s: %s", name, err.message);
    digest_of(&segment.run.ops, digest);
    cr_assert_str_eq(digest, expected, "%s", name);
    segment_fini(&segment);
    free(bytes);
}

Test(segment, reads_the_vectors_as_the_document_says)
{
    struct error err;
    struct buf text;
    char path[512];
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/segment.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(buf_append(&text, "", 1, &err), ERR_OK);
    unsigned lines = 0;
    for (char *line = strtok((char *)text.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char name[64];
        char digest[2 * SHA256_BYTES + 1];
        int at = 0;
        cr_assert_eq(sscanf(line, "%63s %64s %n", name, digest, &at), 2);
        check_line(name, digest, line + at);
        lines++;
    }
    cr_assert_geq(lines, 5);
    buf_fini(&text);
}
