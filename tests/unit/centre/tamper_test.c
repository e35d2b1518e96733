/*
 * What the database itself refuses, and what verify finds when somebody gets past that.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "store/centre/tables.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct forger forger;

static void begin(void)
{
    world_open(&world);
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 300);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    (void)forger_add(&forger, KIND_ATTENDANCE, 5);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    world_verify(&world);
}

static void end(void)
{
    forger_fini(&forger);
    world_close(&world);
}

TestSuite(tamper, .init = begin, .fini = end, .timeout = 60);

static enum err_code run_sql(const char *sql)
{
    return db_exec(&world.centre->store->db, sql, &world.err);
}

Test(tamper, the_database_refuses_to_change_evidence)
{
    static const char *const attempts[] = {
        "DELETE FROM op",
        "UPDATE op SET header = x'00'",
        "UPDATE op SET body = x'a0' WHERE seq = 1",
        "UPDATE op SET seq = seq + 1",
        "UPDATE op SET author = 9",
        "UPDATE op SET quarantine = 'gone'",
        "UPDATE op SET id = id + 1000",
        "UPDATE signed_link SET signature = x'00'",
        "DELETE FROM signed_link",
        "DELETE FROM run",
        "INSERT INTO op SELECT id + 1000, author, seq + 1000, 9, 1, header, NULL, body, NULL, 0 FROM op LIMIT 1",
        "INSERT INTO op SELECT id + 1000, author, seq + 1000, 5, 2, header, NULL, body, NULL, 0 FROM op LIMIT 1",
        "INSERT INTO op SELECT id + 1000, author, seq + 1000, 27, 2, header, NULL, body, NULL, 0 FROM op LIMIT 1",
        "INSERT INTO op SELECT id + 1000, author, seq + 1000, 29, 1, header, NULL, body, NULL, 0 FROM op LIMIT 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        cr_assert_eq(run_sql(attempts[i]), ERR_REFUSED, "%s", attempts[i]);
    }
    world_verify(&world);
}

Test(tamper, an_erased_body_leaves_the_chain_whole)
{
    cr_assert_eq(run_sql("UPDATE op SET body = NULL WHERE seq = 7"), ERR_OK, "%s", world.err.message);
    world_verify(&world);
    struct forger reader;
    forger_enrol(&world, "garden", &reader);
    cr_assert_eq(forger_send(&reader), ERR_OK, "%s", world.err.message);
    struct segment segment;
    cr_assert_eq(segment_decode(reader.response->segments[0], reader.stream, &segment, &world.err), ERR_OK);
    cr_assert(segment.run.ops.ops[6].erased);
    cr_assert_not(segment.run.ops.ops[7].erased);
    cr_assert_eq(segment.run.ops.count, 305);
    segment_fini(&segment);
    forger_fini(&reader);
}

static void expect_found(const char *sql)
{
    json_t *answer = NULL;
    cr_assert_eq(run_sql("DROP TRIGGER op_is_append_only; DROP TRIGGER op_never_changes; DROP TRIGGER "
                         "op_body_is_only_erased; DROP TRIGGER signed_link_stays; DROP TRIGGER "
                         "signed_link_never_changes; DROP TRIGGER run_stays"),
                 ERR_OK);
    cr_assert_eq(run_sql(sql), ERR_OK, "%s: %s", sql, world.err.message);
    enum err_code rc = centre_admin(world.centre, "verify", NULL, world.now_ms, &answer, &world.err);
    cr_assert(rc == ERR_HISTORY || rc == ERR_DAMAGED, "%s was not found", sql);
}

#define TAMPERED(name, sql)                                                                                            \
    Test(tamper, verify_finds_##name)                                                                                  \
    {                                                                                                                  \
        expect_found(sql);                                                                                             \
    }

TAMPERED(a_changed_body, "UPDATE op SET body = (SELECT body FROM op WHERE seq = 9) WHERE seq = 8")
TAMPERED(a_changed_header, "UPDATE op SET header = (SELECT header FROM op WHERE seq = 9) WHERE seq = 8")
TAMPERED(a_changed_byte,
         "UPDATE op SET header = CAST(substr(header, 1, length(header) - 1) || x'00' AS BLOB) WHERE seq = 4")
TAMPERED(a_missing_record, "DELETE FROM op WHERE seq = 5")
TAMPERED(a_missing_end, "DELETE FROM op WHERE seq = 305")
TAMPERED(a_cut_end_with_its_head, "DELETE FROM op WHERE seq > 300; UPDATE site SET head = 300 WHERE head > 0")
TAMPERED(two_records_exchanged,
         "UPDATE op SET id = id + 100000 WHERE seq = 3; UPDATE op SET id = id - 1 WHERE seq = 4; "
         "UPDATE op SET id = id - 99999 WHERE seq = 3")
TAMPERED(a_changed_signature, "UPDATE signed_link SET signature = x'3006020101020101' WHERE seq = 300")
TAMPERED(a_missing_signature, "DELETE FROM signed_link WHERE seq = 305")
TAMPERED(a_changed_seed, "UPDATE salt_seed SET seed = zeroblob(16) WHERE block = 1")
TAMPERED(a_missing_seed, "DELETE FROM salt_seed WHERE block = 0")
TAMPERED(a_changed_link, "UPDATE author SET newest_link = zeroblob(32)")
TAMPERED(another_certificate,
         "UPDATE author SET certificate = (SELECT value FROM material WHERE name = 'signing-certificate')")
TAMPERED(another_writer, "UPDATE author SET writer = 2")

/* ---- what fits every chain and not the tree ---- */

/* A second device, whose three records stand at the positions 306 to 308. */
static void second_device(void)
{
    struct forger other;
    forger_enrol(&world, "garden", &other);
    (void)forger_add(&other, KIND_CAPACITY_STATEMENT, 3);
    cr_assert_eq(forger_send(&other), ERR_OK, "%s", world.err.message);
    forger_fini(&other);
    world_verify(&world);
}

static void expect_tree_named(const char *sql)
{
    expect_found(sql);
    cr_assert_not_null(strstr(world.err.message, "'garden': "), "%s", world.err.message);
    cr_assert_not_null(strstr(world.err.message, "its tree"), "%s", world.err.message);
}

#define POSITION "(id & 1099511627775)"

Test(tamper, verify_names_the_site_whose_records_of_two_devices_changed_places)
{
    second_device();
    expect_tree_named("UPDATE op SET id = id + 100000 WHERE " POSITION " = 305; "
                      "UPDATE op SET id = id - 1 WHERE " POSITION " = 306; "
                      "UPDATE op SET id = id - 99999 WHERE " POSITION " = 100305");
}

Test(tamper, verify_names_the_site_that_lost_a_device_with_all_that_it_wrote)
{
    second_device();
    expect_tree_named("DELETE FROM signed_link WHERE author = (SELECT max(id) FROM author); "
                      "DELETE FROM salt_seed WHERE author = (SELECT max(id) FROM author); "
                      "DELETE FROM op WHERE author = (SELECT max(id) FROM author); "
                      "DELETE FROM author WHERE id = (SELECT max(id) FROM author); "
                      "UPDATE site SET head = 305 WHERE head = 308");
}

Test(tamper, verify_names_the_site_whose_tree_was_changed)
{
    expect_tree_named("UPDATE site SET tree = zeroblob(length(tree)) WHERE head > 0");
}

Test(tamper, verify_names_the_site_whose_tree_was_cut)
{
    expect_tree_named("UPDATE site SET tree = x'00' WHERE head > 0");
}

/* ---- what can be called without the wire ---- */

static enum err_code append(const struct store_run *run)
{
    struct certificate certificate;
    struct centre_site site;
    struct centre_appended appended;
    cr_assert(certificate_parse(buf_slice(&forger.certificate), &certificate, NULL) == ERR_OK);
    cr_assert(centre_site_find(world.centre->store, "garden", &site, NULL) == ERR_OK);
    struct centre_offer offer = {
        .author = &certificate, .certificate = buf_slice(&forger.certificate), .run = run, .now_ms = world.now_ms
    };
    return centre_append(world.centre->store, &site, &offer, &appended, &world.err);
}

Test(tamper, a_body_that_does_not_fit_its_header_is_refused)
{
    struct op *op = forger_add(&forger, KIND_CAPACITY_STATEMENT, 1);
    struct store_run run = { .ops = forger.ops,
                             .signed_seq = forger.signature.seq,
                             .signature_len = forger.signature.len };
    memcpy(run.signature, forger.signature.bytes, sizeof(run.signature));
    op->salt[0] ^= 1;
    cr_assert_eq(append(&run), ERR_PROTOCOL);
    op->salt[0] ^= 1;
    cr_assert_eq(append(&run), ERR_OK, "%s", world.err.message);
    world_verify(&world); /* without a seed the salts are kept one by one */
}

Test(tamper, a_run_with_a_hole_is_refused)
{
    struct op *op = forger_add(&forger, KIND_CAPACITY_STATEMENT, 3);
    struct store_run run = { .ops = forger.ops };
    op->id.seq++;
    cr_assert_eq(append(&run), ERR_PROTOCOL);
    run.ops.count = 0;
    cr_assert_eq(append(&run), ERR_PROTOCOL);
}
