/*
 * What a centre may say against its own signed history: an order that does not fit is refused, and what fits an order
 * but not what was signed before is kept for good, with both signatures.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"
#include "store/replica.h"
#include "store/tree.h"
#include "sync/endpoint/core/private.h"

static struct attack attack;

static void begin(void)
{
    attack_begin(&attack);
    attack_next_answer(&attack);
}

static void end(void)
{
    attack_end(&attack);
}

TestSuite(history, .init = begin, .fini = end, .timeout = 240);

/* ---- checkpoints and orders ---- */

static void sign_checkpoint(struct attack *a)
{
    char origin[TREE_ORIGIN_SIZE];
    tree_origin(a->forger.stream, origin);
    cr_assert(a->response->checkpoint_known);
    cr_assert(checkpoint_sign(&a->world.centre->checkpoint_key, origin, &a->response->checkpoint, NULL) == ERR_OK);
}

/* Signed by the centre for somebody else: the same place in the stream, other records before it. */
static void a_split_view(struct attack *a)
{
    a->response->checkpoint.root.bytes[9] ^= 1;
    sign_checkpoint(a);
}

static void a_checkpoint_wrongly_signed(struct attack *a)
{
    cr_assert(a->response->checkpoint_known);
    a->response->checkpoint.signature[CHECKPOINT_SIGNATURE_BYTES / 2] ^= 1;
}

static void a_checkpoint_of_another_stream(struct attack *a)
{
    char origin[TREE_ORIGIN_SIZE];
    tree_origin(a->stranger.stream, origin);
    cr_assert(checkpoint_sign(&a->world.centre->checkpoint_key, origin, &a->response->checkpoint, NULL) == ERR_OK);
}

static void a_key_without_its_voucher(struct attack *a)
{
    struct secret key = { 0 };
    uint8_t vouched[CHECKPOINT_KEY_BYTES + 1] = { 0 };
    cr_assert(checkpoint_key_make(&key, NULL) == ERR_OK && checkpoint_key_public(&key, vouched, NULL) == ERR_OK);
    secret_free(&key);
    buf_clear(&a->scratch);
    cr_assert(buf_append(&a->scratch, vouched, sizeof(vouched), NULL) == ERR_OK);
    a->response->centre_certificate = buf_slice(&a->world.centre->signing_certificate);
    a->response->checkpoint_key = buf_slice(&a->scratch);
}

/* The one of the laptop's first answer. */
static void earlier_checkpoint(struct attack *a, struct checkpoint *ret_checkpoint)
{
    struct exchange_response *earlier = calloc(1, sizeof(*earlier));
    cr_assert(exchange_response_decode(buf_slice(&a->earlier), earlier, NULL) == ERR_OK && earlier->checkpoint_known);
    *ret_checkpoint = earlier->checkpoint;
    free(earlier);
}

static void an_older_checkpoint(struct attack *a)
{
    earlier_checkpoint(a, &a->response->checkpoint);
}

/* As if the centre still stood there. */
static void the_centre_as_it_stood(struct attack *a)
{
    a->response->checkpoint_known = true;
    earlier_checkpoint(a, &a->response->checkpoint);
    a->response->cursor = a->response->checkpoint.size;
    a->response->head = a->response->checkpoint.size;
    a->response->segment_count = 0;
    a->response->order = (struct slice){ 0 };
}

static void no_checkpoint(struct attack *a)
{
    a->response->checkpoint_known = false;
}

static void give_order(struct attack *a, const struct store_order *order, size_t count)
{
    buf_clear(&a->scratch);
    cr_assert(exchange_order_encode(order, count, &a->scratch, NULL) == ERR_OK);
    a->response->order = buf_slice(&a->scratch);
}

static void an_order_that_ends_early(struct attack *a)
{
    const struct store_order order = { .run = 0, .count = 1 };
    give_order(a, &order, 1);
}

static void no_order(struct attack *a)
{
    give_order(a, NULL, 0);
}

/* The last record comes, and has no place. */
static void a_record_without_a_place(struct attack *a)
{
    an_order_that_ends_early(a);
    a->response->cursor--;
}

static void a_record_of_its_own_instead(struct attack *a)
{
    const struct store_order order[] = { { .run = 0, .count = 1 }, { .run = STORE_ORDER_OWN, .count = 1 } };
    give_order(a, order, ARRAY_LEN(order));
}

static void an_order_that_names_a_run_too_many(struct attack *a)
{
    const struct store_order order[] = { { .run = 0, .count = 1 }, { .run = 1, .count = 1 } };
    give_order(a, order, ARRAY_LEN(order));
}

/* The tree of what the laptop has placed, and its newest own record after that. */
static void tree_with_own_record(struct attack *a, struct merkle_range *ret_tree)
{
    sqlite3_stmt *s;
    bool row;
    struct op_batch own;
    struct buf header;
    struct merkle_hash leaf;
    struct store *store = a->laptop.store;
    cr_assert(db_statement(&store->db, "SELECT cursor, tree FROM sync_state", &s, NULL) == ERR_OK);
    cr_assert(db_step(&store->db, s, &row, NULL) == ERR_OK && row);
    cr_assert(merkle_peaks_decode((uint64_t)column_int(s, 0), column_slice(s, 1), ret_tree, NULL) == ERR_OK);
    sqlite3_reset(s);
    op_batch_init(&own);
    buf_init(&header, OP_HEADER_MAX);
    cr_assert(store_own_ops(store, a->laptop.identity.incarnation, a->response->acked_seq - 1, 1, OP_BATCH_BYTES_MAX,
                            &own, NULL) == ERR_OK);
    cr_assert_eq(own.count, 1);
    cr_assert(op_header_encode(&own.ops[0], &header, NULL) == ERR_OK);
    merkle_leaf(buf_slice(&header), &leaf);
    cr_assert(merkle_append(ret_tree, &leaf, NULL, NULL, NULL) == ERR_OK);
    buf_fini(&header);
    op_batch_fini(&own);
}

/* What others said is kept from the laptop with its places, and the centre signs a history without it. */
static void a_split_view_with_its_own_record(struct attack *a)
{
    const struct store_order order = { .run = STORE_ORDER_OWN, .count = 1 };
    struct merkle_range tree;
    tree_with_own_record(a, &tree);
    give_order(a, &order, 1);
    a->response->segment_count = 0;
    a->response->cursor = tree.size;
    a->response->head = tree.size;
    a->response->checkpoint.size = tree.size;
    merkle_root(&tree, &a->response->checkpoint.root);
    sign_checkpoint(a);
}

/* ---- refused as it comes ---- */

static const struct hostile_answer rows[] = {
    { "a checkpoint with a wrong signature", a_checkpoint_wrongly_signed, ERR_HISTORY, "checkpoint" },
    { "a checkpoint of another stream", a_checkpoint_of_another_stream, ERR_HISTORY, "checkpoint" },
    { "a key for checkpoints that nobody vouches for", a_key_without_its_voucher, ERR_HISTORY, "key for checkpoints" },
    { "an older checkpoint", an_older_checkpoint, ERR_PROTOCOL, "not about its newest" },
    { "no checkpoint at the end of the stream", no_checkpoint, ERR_PROTOCOL, "did not sign what it gave" },
    { "an order that ends before the cursor", an_order_that_ends_early, ERR_PROTOCOL, "the order does not end" },
    { "records without an order", no_order, ERR_PROTOCOL, "the order does not end" },
    { "an order that leaves a record out", a_record_without_a_place, ERR_PROTOCOL, "leaves some of them out" },
    { "an order with an own record that was never made", a_record_of_its_own_instead, ERR_PROTOCOL, "place records" },
    { "an order of records that did not come", an_order_that_names_a_run_too_many, ERR_PROTOCOL, "did not come" },
};

Test(history, an_order_or_a_checkpoint_that_does_not_fit_is_refused_with_a_reason_and_nothing_is_kept)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (i > 0) {
            begin();
        }
        answer_refused(&attack, &rows[i]);
        if (i + 1 < ARRAY_LEN(rows)) {
            end();
        }
    }
}

/* ---- what the centre itself signed, and another history all the same ---- */

static int64_t violations(void)
{
    sqlite3_stmt *s;
    bool row;
    struct database *db = &attack.laptop.store->db;
    cr_assert(db_statement(db, "SELECT count(*) FROM centre_violation", &s, NULL) == ERR_OK);
    cr_assert(db_step(db, s, &row, NULL) == ERR_OK && row);
    int64_t count = column_int(s, 0);
    sqlite3_reset(s);
    return count;
}

static const struct hostile_answer signed_rows[] = {
    { "a checkpoint of a split view", a_split_view, ERR_HISTORY, "not what it signs" },
    { "the centre as it stood before", the_centre_as_it_stood, ERR_PROTOCOL, "" },
};

static void check_signed(const struct hostile_answer *row)
{
    struct store_sync before;
    struct store_sync after;
    struct store_verified verified;
    cr_assert(store_sync_read(attack.laptop.store, &before, NULL) == ERR_OK);
    attack.change = row->change;
    enum err_code rc = laptop_sync(&attack.laptop);
    attack.change = NULL;
    cr_assert(store_sync_read(attack.laptop.store, &after, NULL) == ERR_OK);
    cr_expect_eq(rc, row->expected, "%s: %s: %s", row->name, err_code_name(rc), attack.world.err.message);
    cr_expect_not_null(strstr(attack.world.err.message, row->says), "%s: %s", row->name, attack.world.err.message);
    cr_expect_gt(violations(), 0, "%s: both signatures are not kept", row->name);
    cr_expect_eq(after.verified_size, before.verified_size, "%s: it counts as verified", row->name);
    cr_expect_arr_eq(after.verified_root.bytes, before.verified_root.bytes, MERKLE_HASH_BYTES, "%s", row->name);
    cr_expect_eq(laptop_sync(&attack.laptop), ERR_OK, "%s: it does not go on: %s", row->name, attack.world.err.message);
    cr_expect_eq(store_verify(attack.laptop.store, &verified, NULL), ERR_OK);
    cr_expect_eq(verified.ops, 8, "%s: %llu", row->name, (unsigned long long)verified.ops);
}

Test(history, another_history_that_the_centre_signed_is_never_verified_and_both_signatures_are_kept)
{
    for (size_t i = 0; i < ARRAY_LEN(signed_rows); i++) {
        if (i > 0) {
            begin();
        }
        check_signed(&signed_rows[i]);
        if (i + 1 < ARRAY_LEN(signed_rows)) {
            end();
        }
    }
}

Test(history, what_a_split_view_hid_comes_with_the_first_true_answer_and_the_lie_is_kept)
{
    struct store_verified verified;
    laptop_record(&attack.laptop, 1);
    attack.change = a_split_view_with_its_own_record;
    cr_assert_eq(laptop_sync(&attack.laptop), ERR_OK, "alone it finds nothing: %s", attack.world.err.message);
    attack.change = NULL;
    cr_assert(store_verify(attack.laptop.store, &verified, NULL) == ERR_OK);
    cr_assert_eq(verified.ops, 7, "two are hidden");
    cr_assert_eq(violations(), 0);
    cr_expect_eq(laptop_sync(&attack.laptop), ERR_OK, "%s", attack.world.err.message);
    cr_expect_gt(violations(), 0);
    cr_expect(store_verify(attack.laptop.store, &verified, NULL) == ERR_OK);
    cr_expect_eq(verified.ops, 9, "%llu", (unsigned long long)verified.ops);
}
