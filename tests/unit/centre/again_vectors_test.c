/*
 * What becomes of records whose numbers others took: tests/vectors/again.py comes to the same ops by the document
 * alone. Written anew with VECTORS_TO=tests/vectors.
 */
#include <criterion/criterion.h>

#include "lines.h"
#include "store/record.h"
#include "store/replica.h"
#include "world.h"

static struct centre_world world;
static struct laptop one;
static struct buf text;

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &one);
    buf_init(&text, 8 * 1024 * 1024);
}

static void end(void)
{
    world_verify(&world);
    laptop_fini(&one);
    world_close(&world);
    buf_fini(&text);
}

TestSuite(again_vectors, .init = begin, .fini = end, .timeout = 120);

static void sync_now(void)
{
    cr_assert_eq(laptop_sync(&one), ERR_OK, "%s", world.err.message);
}

static void say(enum outcome outcome, const char *note)
{
    static const uint8_t placement[OP_ENTITY_BYTES] = "a placement here";
    struct store_entry entry = { .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_ATTENDANCE));
    session_subject(placement, 20000, 0, entry.subject);
    record_set_number(&entry.record, "outcome", outcome);
    record_set_text(&entry.record, "note", note);
    laptop_write(&one, &entry);
}

/* The columns of the one row that the query finds, or of each: a line a column. */
static void put_rows(const char *sql, const char *const *names, size_t count)
{
    sqlite3_stmt *s;
    bool row;
    cr_assert_eq(db_statement(&one.store->db, sql, &s, &world.err), ERR_OK, "%s", world.err.message);
    for (;;) {
        cr_assert_eq(db_step(&one.store->db, s, &row, &world.err), ERR_OK, "%s", world.err.message);
        if (!row) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            lines_put_bytes(&text, names[i], column_slice(s, (int)i));
        }
    }
}

static void put_branch(void)
{
    static const char *const link[] = { "before" };
    static const char *const op[] = { "branch", "salt" };
    put_rows("SELECT before_link FROM fork", link, ARRAY_LEN(link));
    put_rows("SELECT header, salt FROM forked_op ORDER BY fork, seq", op, ARRAY_LEN(op));
}

static uint32_t issued_incarnation(void)
{
    struct store_identity identity;
    sqlite3_stmt *s;
    bool row;
    cr_assert_eq(store_identity_read(one.store, &identity, &world.err), ERR_OK);
    store_identity_fini(&identity);
    cr_assert_eq(db_statement(&one.store->db, "SELECT DISTINCT issued_incarnation FROM forked_op", &s, &world.err),
                 ERR_OK);
    cr_assert_eq(db_step(&one.store->db, s, &row, &world.err), ERR_OK);
    cr_assert(row);
    uint32_t incarnation = (uint32_t)column_int(s, 0);
    cr_assert_eq(db_step(&one.store->db, s, &row, &world.err), ERR_OK);
    cr_assert_not(row, "one chain");
    return incarnation;
}

static void put_issued(void)
{
    uint32_t incarnation = issued_incarnation();
    SCOPED(op_batch_fini) struct op_batch ops;
    SCOPED(buf_fini) struct buf header;
    uint8_t seed[OP_SEED_BYTES];
    uint8_t link[SHA256_BYTES];
    op_batch_init(&ops);
    buf_init(&header, OP_HEADER_MAX);
    cr_assert_eq(store_own_ops(one.store, incarnation, 0, 1000, SIZE_MAX, &ops, &world.err), ERR_OK);
    for (size_t i = 0; i < ops.count; i++) {
        if ((ops.ops[i].id.seq - 1) % OP_SALT_BLOCK == 0) {
            cr_assert_eq(store_salt_seed(one.store, one.identity.device, incarnation, op_salt_block(ops.ops[i].id.seq),
                                         seed, &world.err),
                         ERR_OK);
            lines_put_bytes(&text, "seed", slice_of(seed, sizeof(seed)));
        }
        buf_clear(&header);
        cr_assert_eq(op_header_encode(&ops.ops[i], &header, &world.err), ERR_OK);
        lines_put_bytes(&text, "issued", buf_slice(&header));
        lines_put_bytes(&text, "body", ops.ops[i].body);
    }
    cr_assert_eq(store_own_link(one.store, incarnation, ops.count, link, &world.err), ERR_OK);
    lines_put_bytes(&text, "link", slice_of(link, sizeof(link)));
}

Test(again_vectors, a_reader_by_the_document_alone_comes_to_the_ops_that_a_branch_is_issued_again_as)
{
    laptop_record(&one, 5);
    sync_now();
    laptop_save(&one);
    laptop_record(&one, 3);
    sync_now();
    laptop_put_back(&one);
    say(OUTCOME_ABSENT, "first");
    say(OUTCOME_ATTENDED, "was there after all"); /* stands over what is in the branch itself */
    laptop_record(&one, OP_SALT_BLOCK);           /* more than one seed */
    sync_now();
    put_branch();
    put_issued();
    lines_judge(&text, &world, "again");
}
