/* A segment that comes in parts, by the vectors of tests/vectors. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sync/exchange.h"

static struct buf request;
static struct buf kept;
static unsigned breaks;
static unsigned segments;

static void take_request(struct slice value)
{
    buf_clear(&request);
    cr_assert_eq(buf_append(&request, value.data, value.len, NULL), ERR_OK);
}

static void join(const struct exchange_begun *from, struct slice bytes)
{
    struct exchange_begun ours = exchange_begun_of(slice_of(kept.data, from->len));
    cr_assert(from->len <= kept.len && exchange_begun_equal(&ours, from));
    kept.len = from->len;
    cr_assert_eq(buf_append(&kept, bytes.data, bytes.len, NULL), ERR_OK);
}

static void take_came(struct slice value)
{
    struct error err;
    struct exchange_cut cut;
    cr_assert(value.len < request.len && memcmp(request.data, value.data, value.len) == 0);
    cr_assert_eq(exchange_cut_decode(value, &cut, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(cut.incarnation, 7);
    if (cut.begun.len > 0) {
        join(&cut.begun, cut.bytes);
    } else {
        kept.len = 0;
        cr_assert_eq(buf_append(&kept, cut.bytes.data, cut.bytes.len, NULL), ERR_OK);
    }
    breaks++;
}

/* An array of the length in two bytes, and of 8 bytes. */
static void take_begun(struct slice value)
{
    struct exchange_begun ours = exchange_begun_of(buf_slice(&kept));
    uint8_t expected[32] = { 0x82 };
    size_t len = 1;
    if (ours.len > UINT8_MAX) {
        expected[len++] = 0x19;
        expected[len++] = (uint8_t)(ours.len >> 8);
    } else {
        expected[len++] = 0x18;
    }
    expected[len++] = (uint8_t)ours.len;
    expected[len++] = 0x40 + EXCHANGE_BEGUN_HASH_BYTES;
    memcpy(expected + len, ours.hash, EXCHANGE_BEGUN_HASH_BYTES);
    len += EXCHANGE_BEGUN_HASH_BYTES;
    cr_assert(slice_equal(value, slice_of(expected, len)));
}

static void take_segment(struct slice value)
{
    struct error err;
    struct exchange_request last;
    cr_assert_eq(exchange_request_decode(buf_slice(&request), &last, &err), ERR_OK, "%s", err.message);
    join(&last.begun, last.rest);
    cr_assert(slice_equal(buf_slice(&kept), value));
    segments++;
}

static const struct {
    const char *name;
    void (*take)(struct slice value);
} takers[] = {
    { "request", take_request }, { "came", take_came }, { "begun", take_begun }, { "segment", take_segment }
};

static void take_line(char *line)
{
    char *value = strchr(line, ' ');
    cr_assert_not_null(value);
    *value++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        if (strcmp(line, takers[i].name) == 0) {
            size_t len = strlen(value) / 2;
            uint8_t *bytes = malloc(len + 1);
            cr_assert(bytes != NULL && hex_decode(value, bytes, len));
            takers[i].take(slice_of(bytes, len));
            free(bytes);
            return;
        }
    }
    cr_assert_fail("there is no line '%s'", line);
}

Test(begun, a_segment_in_parts_is_put_together_as_the_document_says)
{
    struct buf text;
    char path[512];
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/begun.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    buf_init(&request, EXCHANGE_REQUEST_MAX);
    buf_init(&kept, SEGMENT_BYTES_MAX);
    cr_assert_eq(file_read(path, &text, NULL), ERR_OK);
    cr_assert_eq(buf_append(&text, "", 1, NULL), ERR_OK);
    for (char *line = strtok((char *)text.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        take_line(line);
    }
    cr_assert_eq(breaks, 2);
    cr_assert_eq(segments, 1);
    buf_fini(&text);
    buf_fini(&request);
    buf_fini(&kept);
}

Test(begun, a_rest_that_fits_to_nothing_does_not_read)
{
    uint8_t bytes[64] = { 0 };
    struct error err;
    struct buf out;
    struct exchange_request read;
    struct exchange_request good = { .newest_seq = 9, .rest = slice_of(bytes, sizeof(bytes)) };
    struct exchange_request lone = good;
    struct exchange_request both = good;
    buf_init(&out, EXCHANGE_REQUEST_MAX);
    good.begun = both.begun = exchange_begun_of(slice_of(bytes, 5));
    both.segment = slice_of(bytes, 3);
    cr_assert_eq(exchange_request_encode(&good, &out, &err), ERR_OK);
    cr_assert_eq(exchange_request_decode(buf_slice(&out), &read, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(read.rest.len, sizeof(bytes));
    buf_clear(&out);
    cr_assert_eq(exchange_request_encode(&lone, &out, &err), ERR_OK);
    cr_assert_eq(exchange_request_decode(buf_slice(&out), &read, &err), ERR_PROTOCOL, "it follows nothing");
    buf_clear(&out);
    cr_assert_eq(exchange_request_encode(&both, &out, &err), ERR_OK);
    cr_assert_eq(exchange_request_decode(buf_slice(&out), &read, &err), ERR_PROTOCOL, "there is a segment, too");
    good.begun.len = SEGMENT_BYTES_MAX;
    cr_assert_eq(exchange_request_encode(&good, &out, &err), ERR_LIMIT);
    buf_fini(&out);
}
