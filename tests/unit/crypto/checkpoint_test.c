#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "crypto/checkpoint.h"

static const char ORIGIN[] = "holdfast.invalid/stream/00112233445566778899aabbccddeeff";

static struct error err;
static struct secret key;
static uint8_t public_key[CHECKPOINT_KEY_BYTES];

static void set_up(void)
{
    cr_assert_eq(secret_init(&err), ERR_OK);
    /* RFC 8032 section 7.1, test 1: a published key pair */
    uint8_t seed[CHECKPOINT_KEY_BYTES];
    cr_assert(hex_decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed, sizeof(seed)));
    cr_assert_eq(secret_copy(slice_of(seed, sizeof(seed)), &key, &err), ERR_OK);
    cr_assert_eq(checkpoint_key_public(&key, public_key, &err), ERR_OK, "%s", err.message);
}

static void tear_down(void)
{
    secret_free(&key);
}

TestSuite(checkpoint, .init = set_up, .fini = tear_down);

static struct checkpoint signed_at(uint64_t size)
{
    struct checkpoint made = { .size = size };
    for (size_t i = 0; i < MERKLE_HASH_BYTES; i++) {
        made.root.bytes[i] = (uint8_t)(i * 7 + size);
    }
    cr_assert_eq(checkpoint_sign(&key, ORIGIN, &made, &err), ERR_OK, "%s", err.message);
    return made;
}

Test(checkpoint, has_the_public_key_of_the_published_pair)
{
    char text[2 * CHECKPOINT_KEY_BYTES + 1];
    hex_encode(public_key, sizeof(public_key), text);
    cr_assert_str_eq(text, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

Test(checkpoint, is_the_signers_and_nobody_elses)
{
    struct checkpoint made = signed_at(42);
    cr_assert_eq(checkpoint_verify(public_key, ORIGIN, &made, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(checkpoint_verify(public_key, "holdfast.invalid/stream/other", &made, &err), ERR_HISTORY);
    struct checkpoint other = made;
    other.size++;
    cr_assert_eq(checkpoint_verify(public_key, ORIGIN, &other, &err), ERR_HISTORY);
    other = made;
    other.root.bytes[31] ^= 1;
    cr_assert_eq(checkpoint_verify(public_key, ORIGIN, &other, &err), ERR_HISTORY);
    other = made;
    other.signature[0] ^= 1;
    cr_assert_eq(checkpoint_verify(public_key, ORIGIN, &other, &err), ERR_HISTORY);
    uint8_t stranger[CHECKPOINT_KEY_BYTES];
    memcpy(stranger, public_key, sizeof(stranger));
    stranger[5] ^= 1;
    cr_assert_neq(checkpoint_verify(stranger, ORIGIN, &made, &err), ERR_OK);
}

Test(checkpoint, travels_in_104_bytes)
{
    struct checkpoint made = signed_at(UINT64_C(1) << 40);
    uint8_t bytes[CHECKPOINT_BYTES];
    struct checkpoint read;
    checkpoint_encode(&made, bytes);
    cr_assert_eq(sizeof(bytes), 104);
    cr_assert_eq(checkpoint_decode(slice_of(bytes, sizeof(bytes)), &read, &err), ERR_OK);
    cr_assert_eq(checkpoint_verify(public_key, ORIGIN, &read, &err), ERR_OK);
    cr_assert_eq(checkpoint_decode(slice_of(bytes, sizeof(bytes) - 1), &read, &err), ERR_PROTOCOL);
    bytes[0] = 0x80;
    cr_assert_eq(checkpoint_decode(slice_of(bytes, sizeof(bytes)), &read, &err), ERR_PROTOCOL);
}

Test(checkpoint, is_read_back_from_its_note)
{
    static const uint64_t SIZES[] = { 0, 1, 9, 10, 20852163, INT64_MAX };
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        struct checkpoint made = signed_at(SIZES[i]);
        struct checkpoint read;
        SCOPED(buf_fini) struct buf note;
        buf_init(&note, CHECKPOINT_NOTE_MAX);
        cr_assert_eq(checkpoint_note(&made, ORIGIN, public_key, &note, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(checkpoint_note_read(buf_slice(&note), ORIGIN, public_key, &read, &err), ERR_OK, "%s",
                     err.message);
        cr_assert_eq(read.size, made.size);
        cr_assert_eq(memcmp(&read.root, &made.root, sizeof(read.root)), 0);
        for (size_t at = 0; at < note.len; at++) {
            uint8_t kept = note.data[at];
            note.data[at] ^= 0x01;
            enum err_code rc = checkpoint_note_read(buf_slice(&note), ORIGIN, public_key, &read, &err);
            cr_assert(rc == ERR_PROTOCOL || rc == ERR_HISTORY, "a change at %zu is not noticed", at);
            note.data[at] = kept;
            rc = checkpoint_note_read(slice_of(note.data, at), ORIGIN, public_key, &read, &err);
            cr_assert(rc == ERR_PROTOCOL || rc == ERR_HISTORY, "cut at %zu", at);
        }
    }
}

static enum err_code read_text(const char *text, struct checkpoint *ret_checkpoint)
{
    return checkpoint_note_read(slice_of_text(text), ORIGIN, public_key, ret_checkpoint, &err);
}

Test(checkpoint, passes_over_signatures_of_others_and_refuses_other_notes)
{
    struct checkpoint made = signed_at(7);
    struct checkpoint read;
    SCOPED(buf_fini) struct buf note;
    buf_init(&note, CHECKPOINT_NOTE_MAX);
    cr_assert_eq(checkpoint_note(&made, ORIGIN, public_key, &note, &err), ERR_OK);
    char text[2048];
    (void)snprintf(text, sizeof(text), "%.*s\xe2\x80\x94 witness.invalid/w AAAAAAAA\n", (int)note.len,
                   (const char *)note.data);
    cr_assert_eq(read_text(text, &read), ERR_OK, "%s", err.message);
    (void)snprintf(text, sizeof(text), "%.*s-- witness.invalid/w AAAAAAAA\n", (int)note.len, (const char *)note.data);
    cr_assert_eq(read_text(text, &read), ERR_OK, "our own line stands before it");
    cr_assert_eq(read_text("", &read), ERR_PROTOCOL);
    cr_assert_eq(read_text("\n\n", &read), ERR_PROTOCOL);
    cr_assert_eq(read_text("a\n007\nAAAA\n\n", &read), ERR_PROTOCOL);
    cr_assert_eq(checkpoint_sign(&key, "has blank", &made, &err), ERR_INVALID);
    cr_assert_eq(checkpoint_sign(&key, "has+plus", &made, &err), ERR_INVALID);
    cr_assert_eq(checkpoint_sign(&key, "", &made, &err), ERR_INVALID);
}

Test(checkpoint, reads_the_published_example)
{
    /* The example of C2SP's tlog-checkpoint: its own key is not published, so its signature stays unknown here. */
    static const char EXAMPLE[] =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "\xe2\x80\x94 example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    struct checkpoint read;
    cr_assert_eq(checkpoint_note_read(slice_of_text(EXAMPLE), "example.com/behind-the-sofa", public_key, &read, &err),
                 ERR_HISTORY);
    cr_assert(strstr(err.message, "did not sign") != NULL, "%s", err.message);
}

Test(checkpoint, names_its_key_for_other_verifiers)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, 512);
    cr_assert_eq(checkpoint_verifier_key("a.invalid/x", public_key, &text, &err), ERR_OK);
    cr_assert_eq(buf_append(&text, "", 1, &err), ERR_OK);
    cr_assert_eq(strncmp((const char *)text.data, "a.invalid/x+", 12), 0);
    cr_assert(strstr((const char *)text.data, "+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea") != NULL, "%s",
              (const char *)text.data);
}
