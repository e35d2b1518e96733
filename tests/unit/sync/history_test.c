/* One history means the same for ever: tests/vectors/history.py follows the same bytes by the document alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/tree.h"
#include "sync/exchange.h"
#include "sync/segment.h"

enum { VALUE_MAX = 8192, OWN_MAX = 16 };

/* A device that follows the vectors with the code of the programs, as history.py does without it. */
struct follower {
    uint8_t stream[STREAM_ID_BYTES];
    char origin[TREE_ORIGIN_SIZE];
    struct merkle_hash own[OWN_MAX];
    size_t own_count;
    size_t own_placed;
    struct merkle_range tree;
    uint8_t key[CHECKPOINT_KEY_BYTES];
    struct checkpoint verified; /* size 0: none yet */
    struct exchange_request request;
    struct error err;
};

static struct follower *follower;

static void begin(void)
{
    follower = calloc(1, sizeof(*follower));
    cr_assert_not_null(follower);
}

static void end(void)
{
    free(follower);
}

TestSuite(history, .init = begin, .fini = end);

static void take_stream(struct slice value)
{
    cr_assert_eq(value.len, STREAM_ID_BYTES);
    memcpy(follower->stream, value.data, value.len);
    tree_origin(follower->stream, follower->origin);
}

static void take_own(struct slice value)
{
    cr_assert_lt(follower->own_count, OWN_MAX);
    merkle_leaf(value, &follower->own[follower->own_count++]);
}

static void take_request(struct slice value)
{
    struct buf again;
    buf_init(&again, EXCHANGE_REQUEST_MAX);
    cr_assert_eq(exchange_request_decode(value, &follower->request, &follower->err), ERR_OK, "%s",
                 follower->err.message);
    cr_assert_eq(exchange_request_encode(&follower->request, &again, &follower->err), ERR_OK);
    cr_assert(slice_equal(buf_slice(&again), value));
    buf_fini(&again);
    cr_assert_eq(follower->request.cursor, follower->tree.size);
    cr_assert_eq(follower->request.tree_known, follower->verified.size > 0);
    if (follower->request.tree_known) {
        cr_assert_eq(follower->request.tree_size, follower->verified.size);
        cr_assert_arr_eq(follower->request.tree_root, follower->verified.root.bytes, EXCHANGE_ROOT_BYTES);
    }
}

static void take_key(const struct exchange_response *answer)
{
    struct certificate centre;
    const uint8_t *key = answer->checkpoint_key.data;
    cr_assert_eq(certificate_parse(answer->centre_certificate, &centre, &follower->err), ERR_OK);
    cr_assert_eq(
        signature_verify(slice_of(centre.public_key, centre.public_key_len), CHECKPOINT_KEY_CONTEXT,
                         slice_of(key, CHECKPOINT_KEY_BYTES),
                         slice_of(key + CHECKPOINT_KEY_BYTES, answer->checkpoint_key.len - CHECKPOINT_KEY_BYTES),
                         &follower->err),
        ERR_OK, "%s", follower->err.message);
    memcpy(follower->key, key, CHECKPOINT_KEY_BYTES);
}

static void place(const struct merkle_hash *leaf)
{
    cr_assert_eq(merkle_append(&follower->tree, leaf, NULL, NULL, &follower->err), ERR_OK);
}

static void place_of(const struct segment *segment, size_t at)
{
    struct buf header;
    struct merkle_hash leaf;
    buf_init(&header, OP_HEADER_MAX);
    cr_assert_lt(at, segment->run.ops.count);
    cr_assert_eq(op_header_encode(&segment->run.ops.ops[at], &header, &follower->err), ERR_OK);
    merkle_leaf(buf_slice(&header), &leaf);
    place(&leaf);
    buf_fini(&header);
}

static void place_all(const struct exchange_response *answer)
{
    static struct segment segments[EXCHANGE_SEGMENTS_MAX];
    size_t placed[EXCHANGE_SEGMENTS_MAX] = { 0 };
    struct store_order *order = NULL;
    size_t count = 0;
    for (size_t i = 0; i < answer->segment_count; i++) {
        cr_assert_eq(segment_decode(answer->segments[i], follower->stream, &segments[i], &follower->err), ERR_OK);
    }
    cr_assert_eq(exchange_order_decode(answer->order, &order, &count, &follower->err), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t n = 0; n < order[i].count; n++) {
            if (order[i].run == STORE_ORDER_OWN) {
                cr_assert_lt(follower->own_placed, follower->own_count);
                place(&follower->own[follower->own_placed++]);
            } else {
                cr_assert_lt(order[i].run, answer->segment_count);
                place_of(&segments[order[i].run], placed[order[i].run]++);
            }
        }
    }
    for (size_t i = 0; i < answer->segment_count; i++) {
        cr_assert_eq(placed[i], segments[i].run.ops.count, "every op has a place");
        segment_fini(&segments[i]);
    }
    free(order);
}

static void take_answer(struct slice value)
{
    static struct exchange_response answer;
    struct merkle_hash root;
    struct buf again;
    buf_init(&again, EXCHANGE_RESPONSE_MAX);
    cr_assert_eq(exchange_response_decode(value, &answer, &follower->err), ERR_OK, "%s", follower->err.message);
    cr_assert_eq(exchange_response_encode(&answer, &again, &follower->err), ERR_OK);
    cr_assert(slice_equal(buf_slice(&again), value));
    buf_fini(&again);
    if (answer.checkpoint_key.len > 0) {
        take_key(&answer);
    }
    place_all(&answer);
    cr_assert(answer.checkpoint_known);
    cr_assert_eq(checkpoint_verify(follower->key, follower->origin, &answer.checkpoint, &follower->err), ERR_OK, "%s",
                 follower->err.message);
    merkle_root(&follower->tree, &root);
    cr_assert_eq(answer.head, follower->tree.size);
    cr_assert_eq(answer.checkpoint.size, follower->tree.size);
    cr_assert_arr_eq(answer.checkpoint.root.bytes, root.bytes, MERKLE_HASH_BYTES);
    follower->verified = answer.checkpoint;
}

static void take_note(struct slice value)
{
    struct buf note;
    buf_init(&note, CHECKPOINT_NOTE_MAX);
    cr_assert_eq(checkpoint_note(&follower->verified, follower->origin, follower->key, &note, &follower->err), ERR_OK);
    cr_assert(slice_equal(buf_slice(&note), value));
    buf_fini(&note);
}

static void take_verifier_key(struct slice value)
{
    struct buf key;
    buf_init(&key, CHECKPOINT_NOTE_MAX);
    cr_assert_eq(checkpoint_verifier_key(follower->origin, follower->key, &key, &follower->err), ERR_OK);
    cr_assert(slice_equal(buf_slice(&key), value));
    buf_fini(&key);
}

static const struct {
    const char *name;
    void (*take)(struct slice value);
} takers[] = { { "stream", take_stream }, { "own", take_own },   { "request", take_request },
               { "answer", take_answer }, { "note", take_note }, { "verifier-key", take_verifier_key } };

static void take_line(char *line)
{
    uint8_t bytes[VALUE_MAX];
    char *value = strchr(line, ' ');
    cr_assert_not_null(value);
    *value++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        if (strcmp(line, takers[i].name) != 0) {
            continue;
        }
        if (takers[i].take == take_verifier_key) {
            take_verifier_key(slice_of_text(value));
            return;
        }
        size_t len = strlen(value) / 2;
        cr_assert(len <= sizeof(bytes) && hex_decode(value, bytes, len));
        takers[i].take(slice_of(bytes, len));
        return;
    }
    cr_assert_fail("there is no line '%s'", line);
}

Test(history, is_followed_as_the_document_says)
{
    struct buf text;
    char path[512];
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/history.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, &follower->err), ERR_OK, "%s", follower->err.message);
    cr_assert_eq(buf_append(&text, "", 1, &follower->err), ERR_OK);
    for (char *line = strtok((char *)text.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        take_line(line);
    }
    cr_assert_eq(follower->own_placed, 9);
    cr_assert_eq(follower->verified.size, 21);
    buf_fini(&text);
}
