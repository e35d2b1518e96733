/*
 * A bundle on hostile bytes. The first byte chooses: a whole file for a key that everybody knows; the content of the
 * first chunk, sealed as its sender would; a question and its answer.
 */
#include <stdint.h>
#include <string.h>

#include "sync/bundle.h"

static const char key_hex[] =
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104200102030405060708090a0b0c0d0e0f10"
    "1112131415161718191a1b1c1d1e1f20a14403420004515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4"
    "035f4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354";

enum { KEY_BYTES = (sizeof(key_hex) - 1) / 2, SPKI_POINT_AT = 26, SPKI_BYTES = 91, HEAD_BYTES = 26 };

static struct device_key *receiver;
static uint8_t public_key[SPKI_BYTES];

static void know_key(void)
{
    /* SubjectPublicKeyInfo of P-256 up to its point, which ends the private key's form */
    static const char prefix[] = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    uint8_t der[KEY_BYTES];
    CHECK(receiver == NULL && secret_init(NULL) == ERR_OK && hex_decode(key_hex, der, sizeof(der)));
    CHECK(device_key_load(slice_of(der, sizeof(der)), &receiver, NULL) == ERR_OK);
    CHECK(hex_decode(prefix, public_key, SPKI_POINT_AT));
    memcpy(public_key + SPKI_POINT_AT, der + sizeof(der) - HPKE_ENCAPSULATED_BYTES, HPKE_ENCAPSULATED_BYTES);
}

static void read_file(struct slice file)
{
    struct bundle_reader reader;
    struct buf message;
    enum bundle_found found = BUNDLE_MESSAGE;
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    bundle_reader_init(&reader, receiver, BUNDLE_TO_CENTRE);
    if (file.len <= BUNDLE_PIECE_MAX && bundle_read_put(&reader, file, NULL) == ERR_OK) {
        while (bundle_read(&reader, &message, &found, NULL) == ERR_OK && found != BUNDLE_MORE_BYTES) {
        }
        CHECK(reader.used <= reader.pending.len);
        (void)!bundle_read_finish(&reader, NULL);
    }
    bundle_reader_fini(&reader);
    buf_fini(&message);
}

static void read_sealed(struct slice content)
{
    uint8_t head[BUNDLE_HEAD_BYTES] = "HFBUNDLE\x01\x01";
    uint8_t frame[BUNDLE_FRAME_BYTES] = { 0 };
    struct hpke row = { 0 };
    SCOPED(buf_fini) struct buf file;
    buf_init(&file, BUNDLE_PIECE_MAX);
    device_key_id(receiver, head + HEAD_BYTES - DEVICE_ID_BYTES);
    put_be32(frame + 1, (uint32_t)(content.len + HPKE_TAG_BYTES));
    CHECK(hpke_seal_begin(slice_of(public_key, sizeof(public_key)), slice_of(head, HEAD_BYTES), head + HEAD_BYTES, &row,
                          NULL) == ERR_OK);
    if (buf_append(&file, head, sizeof(head), NULL) == ERR_OK &&
        buf_append(&file, frame, sizeof(frame), NULL) == ERR_OK &&
        hpke_seal(&row, slice_of(frame, sizeof(frame)), content, &file, NULL) == ERR_OK) {
        read_file(buf_slice(&file));
    }
    hpke_fini(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice question;
    struct slice answer;
    if (receiver == NULL) {
        know_key();
    }
    if (size == 0) {
        return 0;
    }
    struct slice rest = slice_of(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        read_file(rest);
        break;
    case 1:
        read_sealed(rest);
        break;
    default:
        (void)!bundle_pair_decode(rest, &question, &answer, NULL);
    }
    return 0;
}
