/* One signed history: what a device proves from it, and what a centre that was put back is caught at. */
#include <criterion/criterion.h>
#include <string.h>

#include "store/replica.h"
#include "world.h"

static struct centre_world world;

static void begin(void)
{
    world_open(&world);
}

static void end(void)
{
    world_close(&world);
}

TestSuite(tree, .init = begin, .fini = end, .timeout = 120);

static void sync_now(struct laptop *laptop)
{
    struct client_status status;
    enum err_code rc = laptop_sync(laptop);
    client_status(laptop->client, &status);
    cr_assert_eq(rc, ERR_OK, "%s", status.last.error.message);
}

static int64_t count_rows(struct laptop *laptop, const char *sql)
{
    sqlite3_stmt *s;
    bool row;
    cr_assert_eq(db_statement(&laptop->store->db, sql, &s, NULL), ERR_OK);
    cr_assert_eq(db_step(&laptop->store->db, s, &row, NULL), ERR_OK);
    int64_t count = column_int(s, 0);
    sqlite3_reset(s);
    return count;
}

static void prove_all(struct laptop *laptop, const struct laptop *of, uint64_t count)
{
    struct error err;
    struct tree_prover *prover = NULL;
    cr_assert_eq(tree_prover_open(laptop->store, &prover, &err), ERR_OK, "%s", err.message);
    const struct checkpoint *checkpoint = &tree_prover_checkpoint(prover)->checkpoint;
    for (uint64_t seq = 1; seq <= count; seq++) {
        struct op_id id = { .incarnation = of->identity.incarnation, .seq = seq };
        struct merkle_proof proof;
        struct merkle_hash leaf;
        struct op_batch one;
        struct buf header;
        uint64_t index;
        memcpy(id.device, of->identity.device, DEVICE_ID_BYTES);
        cr_assert_eq(tree_prove(prover, &id, &index, &proof, &err), ERR_OK, "%s", err.message);
        op_batch_init(&one);
        buf_init(&header, OP_HEADER_MAX);
        cr_assert_eq(store_own_ops(of->store, id.incarnation, seq - 1, 1, 1, &one, &err), ERR_OK);
        cr_assert_eq(op_header_encode(&one.ops[0], &header, &err), ERR_OK);
        merkle_leaf(buf_slice(&header), &leaf);
        cr_assert_eq(merkle_inclusion_verify(&leaf, index, checkpoint->size, &proof, &checkpoint->root, &err), ERR_OK,
                     "%s", err.message);
        leaf.bytes[0] ^= 1;
        cr_assert_eq(merkle_inclusion_verify(&leaf, index, checkpoint->size, &proof, &checkpoint->root, &err),
                     ERR_HISTORY);
        buf_fini(&header);
        op_batch_fini(&one);
    }
    tree_prover_close(prover);
}

/* Of the array `rows`, the one about the site of this name. */
static const json_t *row_of_site(const json_t *rows, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(json_object_get(row, "site"), "name")), name) == 0) {
            return row;
        }
    }
    return NULL;
}

Test(tree, the_operator_publishes_the_checkpoint_that_a_device_verified)
{
    struct laptop laptop;
    struct error err;
    struct store_verified_checkpoint held = { 0 };
    struct checkpoint published;
    char origin[TREE_ORIGIN_SIZE];
    char root[2 * MERKLE_HASH_BYTES + 1];
    struct buf verifier_key;
    buf_init(&verifier_key, 1024);
    laptop_enrol(&world, "garden", &laptop);
    laptop_record(&laptop, 37);
    sync_now(&laptop);
    cr_assert_eq(store_checkpoint_read(laptop.store, &held, &err), ERR_OK, "%s", err.message);
    cr_assert(held.known);
    tree_origin(laptop.identity.stream, origin);
    hex_encode(held.checkpoint.root.bytes, MERKLE_HASH_BYTES, root);
    cr_assert_eq(checkpoint_verifier_key(origin, held.key, &verifier_key, &err), ERR_OK);
    cr_assert_eq(buf_append(&verifier_key, "", 1, &err), ERR_OK);

    json_t *answer = world_admin(&world, "checkpoint", json_pack("{s:s}", "site", "garden"));

    const char *note = json_string_value(json_object_get(answer, "note"));
    cr_assert_eq(checkpoint_note_read(slice_of_text(note), origin, held.key, &published, &err), ERR_OK, "%s",
                 err.message);
    cr_assert_eq(published.size, held.checkpoint.size);
    cr_assert_arr_eq(published.root.bytes, held.checkpoint.root.bytes, MERKLE_HASH_BYTES);
    cr_assert_str_eq(json_string_value(json_object_get(answer, "root")), root);
    cr_assert_eq((uint64_t)json_integer_value(json_object_get(answer, "size")), held.checkpoint.size);
    cr_assert_str_eq(json_string_value(json_object_get(answer, "verifier_key")), (const char *)verifier_key.data);
    json_decref(answer);

    answer = world_admin(&world, "verify", NULL);
    const json_t *row = row_of_site(json_object_get(answer, "trees"), "garden");
    cr_assert_str_eq(json_string_value(json_object_get(row, "root")), root);
    cr_assert_eq((uint64_t)json_integer_value(json_object_get(row, "size")), held.checkpoint.size);
    row = row_of_site(json_object_get(answer, "trees"), "shop");
    cr_assert_eq(json_integer_value(json_object_get(row, "size")), 0);
    json_decref(answer);
    buf_fini(&verifier_key);
    store_verified_checkpoint_fini(&held);
    laptop_fini(&laptop);
}

Test(tree, every_op_of_every_device_is_proved_from_any_device)
{
    struct laptop one;
    struct laptop two;
    laptop_enrol(&world, "garden", &one);
    laptop_enrol(&world, "garden", &two);
    laptop_record(&one, 300);
    sync_now(&one);
    laptop_record(&two, 7);
    sync_now(&two);
    laptop_record(&one, 5);
    sync_now(&one);
    sync_now(&two);
    prove_all(&two, &one, 305);
    prove_all(&one, &two, 7);
    laptop_fini(&one);
    laptop_fini(&two);
}

Test(tree, an_op_that_the_centre_has_not_got_is_not_proved)
{
    struct laptop one;
    struct error err;
    struct tree_prover *prover = NULL;
    struct merkle_proof proof;
    uint64_t index;
    laptop_enrol(&world, "garden", &one);
    laptop_record(&one, 2);
    cr_assert_eq(tree_prover_open(one.store, &prover, &err), ERR_NOT_FOUND);
    sync_now(&one);
    laptop_record(&one, 1);
    cr_assert_eq(tree_prover_open(one.store, &prover, &err), ERR_OK, "%s", err.message);
    struct op_id id = { .incarnation = one.identity.incarnation, .seq = 3 };
    memcpy(id.device, one.identity.device, DEVICE_ID_BYTES);
    cr_assert_eq(tree_prove(prover, &id, &index, &proof, &err), ERR_NOT_FOUND);
    tree_prover_close(prover);
    laptop_fini(&one);
}

Test(tree, a_centre_put_back_and_filled_again_is_caught_and_both_signatures_are_kept)
{
    struct laptop one;
    struct laptop two;
    laptop_enrol(&world, "garden", &one);
    laptop_enrol(&world, "garden", &two);
    laptop_record(&one, 3);
    sync_now(&one);
    sync_now(&two);
    world_save(&world);
    laptop_record(&one, 2);
    sync_now(&one);
    sync_now(&two);
    world_put_back(&world);
    laptop_record(&two, 4);
    sync_now(&two);
    sync_now(&one);
    sync_now(&two);
    cr_assert_gt(count_rows(&one, "SELECT count(*) FROM centre_violation WHERE held_size = 5"), 0);
    cr_assert_eq(db_exec(&one.store->db, "DELETE FROM centre_violation", NULL), ERR_REFUSED, "evidence stays");
    cr_assert_eq(laptop_statements(&one), 9, "and nothing is lost");
    cr_assert_eq(laptop_statements(&two), 9);
    prove_all(&one, &two, 4);
    laptop_fini(&one);
    laptop_fini(&two);
}

Test(tree, verify_finds_an_order_that_was_changed)
{
    struct laptop one;
    struct laptop two;
    struct error err;
    struct store_verified verified;
    laptop_enrol(&world, "garden", &one);
    laptop_enrol(&world, "garden", &two);
    laptop_record(&one, 3);
    sync_now(&one);
    laptop_record(&two, 3);
    sync_now(&two);
    cr_assert_eq(store_verify(two.store, &verified, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(db_exec(&two.store->db,
                         "UPDATE tree_run SET author = (SELECT max(author) + min(author) FROM tree_run) - author",
                         &err),
                 ERR_OK);
    cr_assert_eq(store_verify(two.store, &verified, &err), ERR_HISTORY);
    laptop_fini(&one);
    laptop_fini(&two);
}

Test(tree, a_history_that_only_grew_is_no_violation)
{
    struct laptop one;
    struct laptop two;
    laptop_enrol(&world, "garden", &one);
    laptop_enrol(&world, "garden", &two);
    for (int i = 0; i < 4; i++) {
        laptop_record(&one, 3);
        sync_now(&one);
        laptop_record(&two, 2);
        sync_now(&two);
        world_reopen(&world);
    }
    sync_now(&one);
    cr_assert_eq(count_rows(&one, "SELECT count(*) FROM centre_violation"), 0);
    cr_assert_eq(count_rows(&one, "SELECT size FROM checkpoint"), 20);
    laptop_fini(&one);
    laptop_fini(&two);
}
