#include <string.h>

#include "crypto/hpke.h"
#include "crypto/key_memory.h"
#include "fixture.h"

static void init(void)
{
    assert_ok(secret_init(err));
}

TestSuite(hpke, .init = init);

struct row {
    struct device_key *receiver;
    uint8_t spki[96];
    size_t spki_len;
    uint8_t encapsulated[HPKE_ENCAPSULATED_BYTES];
    struct hpke sealing;
    struct hpke opening;
    struct buf sealed;
    struct buf opened;
};

static void public_key_of(const struct device_key *key, uint8_t out[96], size_t *ret_len)
{
    EVP_PKEY *pkey = pkey_of(key);
    uint8_t *end = out;
    *ret_len = (size_t)i2d_PUBKEY(pkey, &end);
    EVP_PKEY_free(pkey);
}

static void row_init(struct row *row, const char *info)
{
    *row = (struct row){ 0 };
    buf_init(&row->sealed, 1024);
    buf_init(&row->opened, 1024);
    assert_ok(device_key_generate(&row->receiver, err));
    public_key_of(row->receiver, row->spki, &row->spki_len);
    assert_ok(hpke_seal_begin(slice_of(row->spki, row->spki_len), slice_of_text(info), row->encapsulated, &row->sealing,
                              err));
    assert_ok(hpke_open_begin(row->receiver, row->encapsulated, slice_of_text("info"), &row->opening, err));
}

static void row_fini(struct row *row)
{
    hpke_fini(&row->sealing);
    hpke_fini(&row->opening);
    buf_fini(&row->sealed);
    buf_fini(&row->opened);
    device_key_free(row->receiver);
}

static void seal(struct row *row, const char *text)
{
    buf_clear(&row->sealed);
    assert_ok(hpke_seal(&row->sealing, slice_of_text("head"), slice_of_text(text), &row->sealed, err));
}

/* Made with another implementation: Python's cryptography, hpke.Suite(P256, HKDF_SHA256, AES_256_GCM). */
Test(hpke, opens_what_another_implementation_sealed)
{
    static const char key_hex[] =
        "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104200102030405060708090a0b0c0d0e0f10"
        "1112131415161718191a1b1c1d1e1f20a14403420004515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4"
        "035f4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354";
    static const char sealed_hex[] =
        "04a1fab17af95d4f232c446f284e502d42bdf4b5c803048f55b1fbd2c52224af5cfe3c9c63b92178c8b06ca0c672ecbb2adab92e"
        "aaf95e068d1e075ed12dc9ac4f4b23664e4396902c0fafc9217abbb5793fe61481cd1a2e30b9a9407a9322540c9072b5f8";
    uint8_t der[(sizeof(key_hex) - 1) / 2];
    uint8_t sealed[(sizeof(sealed_hex) - 1) / 2];
    struct device_key *key;
    struct hpke hpke;
    struct buf out;
    buf_init(&out, 100);
    cr_assert(hex_decode(key_hex, der, sizeof(der)) && hex_decode(sealed_hex, sealed, sizeof(sealed)));
    assert_ok(device_key_load(slice_of(der, sizeof(der)), &key, err));
    assert_ok(hpke_open_begin(key, sealed, slice_of_text("a bundle"), &hpke, err));
    struct slice message = slice_of(sealed + HPKE_ENCAPSULATED_BYTES, sizeof(sealed) - HPKE_ENCAPSULATED_BYTES);
    assert_ok(hpke_open(&hpke, slice_of("", 0), message, &out, err));
    cr_assert(slice_equal(buf_slice(&out), slice_of_text("taken from the stick")));
    hpke_fini(&hpke);
    device_key_free(key);
    buf_fini(&out);
}

Test(hpke, a_row_opens_in_its_order_and_empty_messages_too)
{
    struct row row;
    row_init(&row, "info");
    const char *const texts[] = { "first", "", "third" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        seal(&row, texts[i]);
        cr_assert_eq(row.sealed.len, strlen(texts[i]) + HPKE_TAG_BYTES);
        buf_clear(&row.opened);
        assert_ok(hpke_open(&row.opening, slice_of_text("head"), buf_slice(&row.sealed), &row.opened, err));
        cr_assert(slice_equal(buf_slice(&row.opened), slice_of_text(texts[i])));
    }
    row_fini(&row);
}

Test(hpke, a_message_out_of_its_place_does_not_open)
{
    struct row row;
    row_init(&row, "info");
    seal(&row, "first");
    seal(&row, "second");
    assert_fails(hpke_open(&row.opening, slice_of_text("head"), buf_slice(&row.sealed), &row.opened, err), DAMAGED);
    cr_assert_eq(row.opened.len, 0);
    row_fini(&row);
}

Test(hpke, no_changed_bit_opens)
{
    struct row row;
    row_init(&row, "info");
    seal(&row, "words");
    for (size_t i = 0; i < row.sealed.len * 8; i++) {
        row.sealed.data[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_fails(hpke_open(&row.opening, slice_of_text("head"), buf_slice(&row.sealed), &row.opened, err), DAMAGED);
        row.sealed.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_fails(hpke_open(&row.opening, slice_of_text("heap"), buf_slice(&row.sealed), &row.opened, err), DAMAGED);
    for (size_t len = 0; len < row.sealed.len; len++) {
        assert_fails(hpke_open(&row.opening, slice_of_text("head"), slice_of(row.sealed.data, len), &row.opened, err),
                     DAMAGED);
    }
    assert_ok(hpke_open(&row.opening, slice_of_text("head"), buf_slice(&row.sealed), &row.opened, err));
    row_fini(&row);
}

Test(hpke, another_purpose_or_another_key_does_not_open)
{
    struct row row;
    struct device_key *other;
    struct hpke wrong;
    row_init(&row, "another purpose");
    seal(&row, "words");
    assert_fails(hpke_open(&row.opening, slice_of_text("head"), buf_slice(&row.sealed), &row.opened, err), DAMAGED);
    assert_ok(device_key_generate(&other, err));
    assert_ok(hpke_open_begin(other, row.encapsulated, slice_of_text("another purpose"), &wrong, err));
    assert_fails(hpke_open(&wrong, slice_of_text("head"), buf_slice(&row.sealed), &row.opened, err), DAMAGED);
    hpke_fini(&wrong);
    device_key_free(other);
    row_fini(&row);
}

Test(hpke, a_point_off_the_curve_is_refused)
{
    struct row row;
    struct hpke none = { 0 };
    row_init(&row, "info");
    row.encapsulated[HPKE_ENCAPSULATED_BYTES - 1] ^= 1;
    assert_fails(hpke_open_begin(row.receiver, row.encapsulated, slice_of_text("info"), &none, err), DAMAGED);
    row.spki[row.spki_len - 1] ^= 1;
    uint8_t encapsulated[HPKE_ENCAPSULATED_BYTES];
    assert_fails(hpke_seal_begin(slice_of(row.spki, row.spki_len), slice_of_text("info"), encapsulated, &none, err),
                 KEY);
    row_fini(&row);
}

Test(hpke, both_sides_export_the_same_and_another_row_another)
{
    struct row row;
    struct row other;
    uint8_t sent[HPKE_EXPORT_BYTES];
    uint8_t received[HPKE_EXPORT_BYTES];
    row_init(&row, "info");
    row_init(&other, "info");
    hpke_export(&row.sealing, "words", sent);
    hpke_export(&row.opening, "words", received);
    cr_assert_arr_eq(sent, received, sizeof(sent));
    hpke_export(&row.opening, "other words", received);
    cr_assert(memcmp(sent, received, sizeof(sent)) != 0);
    hpke_export(&other.opening, "words", received);
    cr_assert(memcmp(sent, received, sizeof(sent)) != 0);
    row_fini(&row);
    row_fini(&other);
}

Test(hpke, its_keys_lie_in_key_memory)
{
    struct row row;
    row_init(&row, "info");
    cr_assert(key_memory_holds(row.sealing.keys.bytes) && key_memory_holds(row.opening.keys.bytes));
    row_fini(&row);
}
