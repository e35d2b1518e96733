/*
 * What RECORDS.md says of a record's bytes: tests/vectors/records.py judges the same lines without this code.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "store/op.h"
#include "store/record.h"

#define WORDS 5U

static size_t bytes_of(const char *hex, uint8_t *out, size_t size)
{
    size_t len = strlen(hex) / 2;
    cr_assert(len <= size && hex_decode(hex, out, len), "%s", hex);
    return len;
}

static void expect_subject(char *const words[WORDS])
{
    uint8_t stream[STREAM_ID_BYTES];
    uint8_t key[128];
    uint8_t made[OP_ENTITY_BYTES];
    char made_hex[2 * OP_ENTITY_BYTES + 1];
    cr_assert_eq(bytes_of(words[0], stream, sizeof(stream)), sizeof(stream));
    key[bytes_of(words[2], key, sizeof(key) - 1)] = '\0';
    entity_id(stream, words[1], (const char *)key, made);
    hex_encode(made, sizeof(made), made_hex);
    cr_expect_str_eq(made_hex, words[3], "%s", words[1]);
}

static void expect_record(char *const words[WORDS])
{
    static uint8_t body[OP_BODY_MAX];
    uint8_t header[OP_HEADER_MAX];
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct op op;
    struct error err = { 0 };
    size_t len = bytes_of(words[2], header, sizeof(header));
    cr_assert_eq(op_header_decode(slice_of(header, len), &op, supersedes, &err), ERR_OK, "%s", err.message);
    op.erased = strcmp(words[3], "-") == 0;
    op.body = op.erased ? (struct slice){ 0 } : slice_of(body, bytes_of(words[3], body, sizeof(body)));
    enum record_writer writer = strcmp(words[1], "centre") == 0 ? WRITER_CENTRE : WRITER_ORGANISATION;
    bool taken = record_admit(&op, writer, &err) == ERR_OK;
    cr_expect_str_eq(taken ? "taken" : "refused", words[4], "%s: %s", words[0], err.message);
}

Test(record_vectors, every_line_holds_for_this_code_too)
{
    struct error err = { 0 };
    struct buf text;
    char path[512];
    unsigned lines = 0;
    char *rest = NULL;
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/records.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(buf_append(&text, "", 1, &err), ERR_OK);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *words[WORDS] = { NULL };
        char *word = NULL;
        bool subject = strcmp(strtok_r(line, " ", &word), "subject") == 0;
        for (size_t i = 0; i < (subject ? WORDS - 1U : WORDS); i++) {
            words[i] = strtok_r(NULL, " ", &word);
            cr_assert_not_null(words[i]);
        }
        (subject ? expect_subject : expect_record)(words);
        lines++;
    }
    cr_assert_geq(lines, 90);
    buf_fini(&text);
}
