/* The file of a bundle: what another hand wrote from PROTOCOL.md opens, and nothing that is not as specified does. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/bundle.h"

enum { LINE_MAX_BYTES = 65536, FIELDS_MAX = 16 };

struct vector {
    char *names[FIELDS_MAX];
    struct buf values[FIELDS_MAX];
    size_t count;
    int64_t made_at_ms;
};

static void vector_load(struct vector *vector)
{
    static char line[LINE_MAX_BYTES];
    char path[512];
    const char *folder = getenv("VECTORS_DIR");
    *vector = (struct vector){ 0 };
    (void)snprintf(path, sizeof(path), "%s/bundle.txt", folder != NULL ? folder : "tests/vectors");
    FILE *in = fopen(path, "r");
    cr_assert_not_null(in, "%s", path);
    while (fgets(line, sizeof(line), in) != NULL) {
        char *value = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        cr_assert(value != NULL && vector->count < FIELDS_MAX);
        *value++ = '\0';
        if (strcmp(line, "made_at") == 0) {
            vector->made_at_ms = strtoll(value, NULL, 10);
            continue;
        }
        struct buf *bytes = &vector->values[vector->count];
        size_t len = strlen(value) / 2;
        buf_init(bytes, LINE_MAX_BYTES);
        cr_assert_eq(buf_reserve(bytes, len, NULL), ERR_OK);
        cr_assert(hex_decode(value, bytes->data, len));
        bytes->len = len;
        vector->names[vector->count++] = strdup(line);
    }
    (void)fclose(in);
}

static void vector_fini(struct vector *vector)
{
    for (size_t i = 0; i < vector->count; i++) {
        free(vector->names[i]);
        buf_fini(&vector->values[i]);
    }
}

/* The nth value of this name, from 0. */
static struct slice value_of(const struct vector *vector, const char *name, size_t n)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (strcmp(vector->names[i], name) == 0 && n-- == 0) {
            return buf_slice(&vector->values[i]);
        }
    }
    return (struct slice){ 0 };
}

static struct device_key *key_of(const struct vector *vector)
{
    struct error err;
    struct device_key *key;
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    cr_assert_eq(device_key_load(value_of(vector, "key", 0), &key, &err), ERR_OK, "%s", err.message);
    return key;
}

Test(bundle, what_another_hand_wrote_opens_byte_by_byte)
{
    struct vector vector;
    struct bundle_reader reader;
    struct buf message;
    struct error err;
    size_t messages = 0;
    bool ended = false;
    vector_load(&vector);
    struct device_key *key = key_of(&vector);
    struct slice file = value_of(&vector, "file", 0);
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    bundle_reader_init(&reader, key, BUNDLE_TO_CENTRE);
    for (size_t i = 0; i < file.len; i++) {
        enum bundle_found found = BUNDLE_MORE_BYTES;
        cr_assert_eq(bundle_read_put(&reader, slice_of(file.data + i, 1), &err), ERR_OK, "%s", err.message);
        cr_assert_eq(bundle_read(&reader, &message, &found, &err), ERR_OK, "%zu: %s", i, err.message);
        if (found == BUNDLE_SENDER) {
            cr_assert(slice_equal(buf_slice(&reader.certificate), value_of(&vector, "certificate", 0)));
            cr_assert(slice_equal(slice_of(reader.about.stream, STREAM_ID_BYTES), value_of(&vector, "stream", 0)));
            cr_assert_eq(reader.about.made_at_ms, vector.made_at_ms);
        } else if (found == BUNDLE_MESSAGE) {
            cr_assert(slice_equal(buf_slice(&message), value_of(&vector, "message", messages)), "%zu", messages);
            messages++;
        }
        ended |= found == BUNDLE_END;
        cr_assert_eq(bundle_read_finish(&reader, &err) == ERR_OK, ended);
    }
    cr_assert(ended);
    cr_assert_eq(messages, 3);
    bundle_reader_fini(&reader);
    buf_fini(&message);
    device_key_free(key);
    vector_fini(&vector);
}

Test(bundle, a_length_that_cannot_be_is_refused_before_anything_is_kept_for_it)
{
    struct vector vector;
    struct bundle_reader reader;
    struct buf message;
    struct error err;
    enum bundle_found found;
    vector_load(&vector);
    struct device_key *key = key_of(&vector);
    struct slice file = value_of(&vector, "file", 0);
    uint8_t start[BUNDLE_HEAD_BYTES + BUNDLE_FRAME_BYTES];
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    memcpy(start, file.data, sizeof(start));
    put_be32(start + BUNDLE_HEAD_BYTES + 1, UINT32_MAX);
    bundle_reader_init(&reader, key, BUNDLE_TO_CENTRE);
    cr_assert_eq(bundle_read_put(&reader, slice_of(start, sizeof(start)), &err), ERR_OK);
    cr_assert_eq(bundle_read(&reader, &message, &found, &err), ERR_DAMAGED);
    bundle_reader_fini(&reader);
    buf_fini(&message);
    device_key_free(key);
    vector_fini(&vector);
}

Test(bundle, another_version_and_another_direction_are_named)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum err_code code;
    } changes[] = { { 0, 'h', ERR_INVALID }, { 8, 2, ERR_UNSUPPORTED }, { 9, 2, ERR_REFUSED }, { 10, 0, ERR_REFUSED } };
    struct vector vector;
    struct buf message;
    vector_load(&vector);
    struct device_key *key = key_of(&vector);
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct bundle_reader reader;
        struct error err;
        enum bundle_found found;
        uint8_t head[BUNDLE_HEAD_BYTES];
        memcpy(head, value_of(&vector, "file", 0).data, sizeof(head));
        head[changes[i].at] = head[changes[i].at] == changes[i].value ? 1 : changes[i].value;
        bundle_reader_init(&reader, key, BUNDLE_TO_CENTRE);
        cr_assert_eq(bundle_read_put(&reader, slice_of(head, sizeof(head)), &err), ERR_OK);
        cr_assert_eq(bundle_read(&reader, &message, &found, &err), changes[i].code, "%zu: %s", i, err.message);
        bundle_reader_fini(&reader);
    }
    buf_fini(&message);
    device_key_free(key);
    vector_fini(&vector);
}

Test(bundle, a_pair_reads_as_it_was_written_and_nothing_else_does)
{
    struct buf pair;
    struct slice question;
    struct slice answer;
    struct error err;
    buf_init(&pair, 100);
    cr_assert_eq(bundle_pair_encode(slice_of_text("asked"), slice_of_text("answered"), &pair, &err), ERR_OK);
    cr_assert_eq(bundle_pair_decode(buf_slice(&pair), &question, &answer, &err), ERR_OK);
    cr_assert(slice_equal(question, slice_of_text("asked")) && slice_equal(answer, slice_of_text("answered")));
    for (size_t len = 0; len < pair.len; len++) {
        cr_assert_eq(bundle_pair_decode(slice_of(pair.data, len), &question, &answer, &err), ERR_PROTOCOL);
    }
    cr_assert_eq(buf_append(&pair, "", 1, &err), ERR_OK);
    cr_assert_eq(bundle_pair_decode(buf_slice(&pair), &question, &answer, &err), ERR_PROTOCOL);
    buf_fini(&pair);
}
