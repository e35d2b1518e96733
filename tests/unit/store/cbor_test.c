#include <criterion/criterion.h>
#include <string.h>

#include "store/cbor.h"

/* RFC 8949 appendix A: examples of shortest encodings. */
static const struct {
    int64_t value;
    const char *hex;
} integers[] = {
    { 0, "00" },
    { 23, "17" },
    { 24, "1818" },
    { 255, "18ff" },
    { 256, "190100" },
    { 1000000, "1a000f4240" },
    { 1000000000000, "1b000000e8d4a51000" },
    { -1, "20" },
    { -10, "29" },
    { -100, "3863" },
    { -1000, "3903e7" },
};

Test(cbor, integers_are_the_shortest_and_read_back)
{
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        struct buf out;
        buf_init(&out, 16);
        struct dcbor_writer w = dcbor_writer_begin(&out, NULL);
        dcbor_put_int(&w, integers[i].value);
        cr_assert_eq(dcbor_writer_end(&w), ERR_OK);
        char hex[40];
        hex_encode(out.data, out.len, hex);
        cr_assert_str_eq(hex, integers[i].hex);
        struct dcbor_reader r = dcbor_reader_begin(buf_slice(&out), NULL);
        cr_assert_eq(dcbor_get_int(&r, INT64_MIN, INT64_MAX), integers[i].value);
        cr_assert_eq(dcbor_reader_end(&r), ERR_OK);
        buf_fini(&out);
    }
}

static enum err_code skip_hex(const char *hex)
{
    uint8_t bytes[64];
    size_t len = strlen(hex) / 2;
    cr_assert(hex_decode(hex, bytes, len));
    struct dcbor_reader r = dcbor_reader_begin(slice_of(bytes, len), NULL);
    (void)dcbor_skip(&r);
    return dcbor_reader_end(&r);
}

Test(cbor, what_is_not_deterministic_does_not_read)
{
    static const char *const bad[] = {
        "1800",                     /* 0 in two bytes */
        "1900ff",                   /* 255 in three */
        "5800",                     /* empty bytes with a long head */
        "5f4100ff",                 /* indefinite bytes */
        "9f00ff",                   /* indefinite array */
        "bf0000ff",                 /* indefinite map */
        "c000",                     /* tag */
        "f97e00",                   /* half float */
        "f7",                       /* undefined */
        "f800",                     /* simple value */
        "ff",                       /* break */
        "42ff",                     /* two bytes promised, one there */
        "8201",                     /* two items promised, one there */
        "9bffffffffffffffff",       /* an array of 2^64 - 1 */
        "0000",                     /* left over */
        "",                         /* nothing */
        "818181818181818181818100", /* too deep */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_assert_eq(skip_hex(bad[i]), ERR_PROTOCOL, "%s", bad[i]);
    }
    cr_assert_eq(skip_hex("a201820203026161"), ERR_OK);
    cr_assert_eq(skip_hex("818181818181818100"), ERR_OK);
}

Test(cbor, text_must_be_utf8_without_nul)
{
    static const uint8_t bad[] = { 0x62, 0xc3, 0x28 };
    static const uint8_t nul[] = { 0x61, 0x00 };
    struct dcbor_reader r = dcbor_reader_begin(slice_of(bad, sizeof(bad)), NULL);
    (void)dcbor_get_text(&r, 10);
    cr_assert_eq(dcbor_reader_end(&r), ERR_PROTOCOL);
    r = dcbor_reader_begin(slice_of(nul, sizeof(nul)), NULL);
    (void)dcbor_get_text(&r, 10);
    cr_assert_eq(dcbor_reader_end(&r), ERR_PROTOCOL);
}

Test(cbor, a_failed_reader_gives_zeros_and_keeps_its_first_failure)
{
    static const uint8_t bytes[] = { 0x01, 0x02 };
    struct error err;
    struct dcbor_reader r = dcbor_reader_begin(slice_of(bytes, sizeof(bytes)), &err);
    uint8_t fixed[4] = { 9, 9, 9, 9 };
    dcbor_get_fixed(&r, fixed, 4);
    cr_assert_eq(fixed[0], 0);
    cr_assert_eq(dcbor_get_uint(&r, 9), 0);
    cr_assert_eq(dcbor_peek(&r), DCBOR_END);
    cr_assert_eq(dcbor_reader_end(&r), ERR_PROTOCOL);
    cr_assert_not_null(strstr(err.message, "byte string"));
}
