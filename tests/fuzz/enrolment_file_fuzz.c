/*
 * The files of an enrolment without a network, on hostile bytes. The first byte chooses: a request; an answer for a key
 * that everybody knows; the content of an answer, sealed as a centre would.
 */
#include <stdint.h>
#include <string.h>

#include "sync/enrolment_file.h"

static const char key_hex[] =
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b02010104200102030405060708090a0b0c0d0e0f10"
    "1112131415161718191a1b1c1d1e1f20a14403420004515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4"
    "035f4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354";

enum {
    KEY_BYTES = (sizeof(key_hex) - 1) / 2,
    SPKI_POINT_AT = 26,
    SPKI_BYTES = 91,
    HEAD_BYTES = 25,
    SEALED_AT = HEAD_BYTES + HPKE_ENCAPSULATED_BYTES
};

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

static void read_request(struct slice file)
{
    static const uint8_t code[SHA256_BYTES];
    struct enrolment_request request;
    if (enrolment_request_read(file, &request, NULL) == ERR_OK) {
        CHECK(!enrolment_request_proves_code(&request, code));
        (void)!enrolment_request_check_key(&request, NULL);
    }
}

static void read_answer(struct slice file)
{
    struct enrolment_opened opened;
    if (enrolment_answer_open(file, receiver, &opened, NULL) == ERR_OK) {
        (void)!enrolment_answer_check(&opened, slice_of(public_key, sizeof(public_key)), NULL);
        enrolment_opened_fini(&opened);
    }
}

static void read_sealed(struct slice content)
{
    uint8_t head[SEALED_AT] = "HFENROLA\x01";
    struct hpke row = { 0 };
    SCOPED(buf_fini) struct buf file;
    buf_init(&file, 2 * ENROLMENT_FILE_MAX);
    device_key_id(receiver, head + HEAD_BYTES - DEVICE_ID_BYTES);
    CHECK(hpke_seal_begin(slice_of(public_key, sizeof(public_key)), slice_of(head, HEAD_BYTES), head + HEAD_BYTES, &row,
                          NULL) == ERR_OK);
    if (buf_append(&file, head, sizeof(head), NULL) == ERR_OK &&
        hpke_seal(&row, slice_of(head, sizeof(head)), content, &file, NULL) == ERR_OK) {
        read_answer(buf_slice(&file));
    }
    hpke_fini(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (receiver == NULL) {
        know_key();
    }
    if (size == 0) {
        return 0;
    }
    struct slice rest = slice_of(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        read_request(rest);
        break;
    case 1:
        read_answer(rest);
        break;
    default:
        read_sealed(rest);
    }
    return 0;
}
