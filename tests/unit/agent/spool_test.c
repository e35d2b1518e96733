/* A long answer that is kept compressed. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/spool.h"

static uint8_t byte_at(size_t at, bool noise)
{
    return noise ? (uint8_t)((at * 2654435761U) >> 13 ^ at * 40503U >> 7)
                 : (uint8_t)("GDN-P001,attended,300\r\n"[at % 23]);
}

/* In steps of `put` and `take` bytes. */
static void round_trip(size_t len, size_t put, size_t take, bool noise)
{
    struct error err;
    struct spool *spool;
    uint8_t *bytes = malloc(len + 1);
    uint8_t *back = malloc(len + take + 1);
    cr_assert(bytes != NULL && back != NULL);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = byte_at(i, noise);
    }
    cr_assert_eq(spool_new(&spool, &err), ERR_OK);
    for (size_t at = 0; at < len; at += put) {
        cr_assert_eq(spool_put(spool, slice_of(bytes + at, len - at < put ? len - at : put), &err), ERR_OK);
    }
    cr_assert_eq(spool_end(spool, &err), ERR_OK);
    cr_expect_eq(spool_length(spool), len);
    size_t got = 0;
    size_t part = 1;
    while (part > 0 && got <= len) {
        cr_assert_eq(spool_read(spool, back + got, take, &part, &err), ERR_OK, "%s", err.message);
        got += part;
    }
    cr_expect_eq(got, len);
    cr_expect_eq(memcmp(bytes, back, len), 0);
    spool_free(spool);
    free(bytes);
    free(back);
}

Test(spool, gives_back_what_was_put_in)
{
    round_trip(0, 1, 10, false);
    round_trip(1, 1, 1, false);
    round_trip(100000, 37, 1000, false);
    round_trip(3000000, 65536, 65536, true);
    round_trip(3000000, 1000000, 7, false);
}

Test(spool, may_be_left_at_any_time)
{
    struct error err;
    struct spool *spool;
    uint8_t some[100] = { 1 };
    size_t len;
    spool_free(NULL);
    cr_assert_eq(spool_new(&spool, &err), ERR_OK);
    spool_free(spool);
    cr_assert_eq(spool_new(&spool, &err), ERR_OK);
    cr_assert_eq(spool_put(spool, slice_of(some, sizeof(some)), &err), ERR_OK);
    spool_free(spool);
    cr_assert_eq(spool_new(&spool, &err), ERR_OK);
    cr_assert_eq(spool_put(spool, slice_of(some, sizeof(some)), &err), ERR_OK);
    cr_assert_eq(spool_end(spool, &err), ERR_OK);
    cr_assert_eq(spool_read(spool, some, 10, &len, &err), ERR_OK);
    spool_free(spool);
}
