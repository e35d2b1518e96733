/* Which record of a pack gives the rules: the one that stands in a replica, wherever it is among the records. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "agent/verify/pack_parts.h"

static const char given[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static struct buf body;
static struct pack_op ops[2];

static void start(void)
{
    struct record record;
    struct error err;
    record_init(&record, kind_by_number(KIND_PROGRAMME_PACK));
    record_set_text(&record, "sha256", given);
    buf_init(&body, OP_BODY_MAX);
    cr_assert_eq(record_encode(&record, &body, &err), ERR_OK, "%s", err.message);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        ops[i] = (struct pack_op){ .read = true, .body_proved = true, .signed_proved = true, .admitted = ERR_OK };
        ops[i].op = (struct op){ .kind = KIND_PROGRAMME_PACK, .body = buf_slice(&body) };
    }
}

static void stop(void)
{
    buf_fini(&body);
}

TestSuite(pack_rules, .init = start, .fini = stop);

static size_t giver(void)
{
    struct pack_files none = { 0 };
    struct pack_report report = { .ops = ops, .op_count = ARRAY_LEN(ops) };
    struct error err;
    cr_assert_eq(pack_read_rules(&none, &report, &err), ERR_OK, "%s", err.message);
    const struct pack_rules *rules = pack_rules_find(&report, given);
    size_t found = rules != NULL ? rules->giver : PACK_NO_OP;
    free(report.rules);
    return found;
}

Test(pack_rules, are_given_by_the_newest_record_in_whatever_order_the_records_stand)
{
    ops[0].op.hlc = 7;
    ops[1].op.hlc = 8;
    cr_expect_eq(giver(), 1);
    ops[0].op.hlc = 9;
    cr_expect_eq(giver(), 0);
}

Test(pack_rules, of_two_devices_at_one_time_are_given_by_the_greater_as_in_every_replica)
{
    ops[0].op.hlc = ops[1].op.hlc = 7;
    ops[0].op.id.device[0] = 2;
    ops[1].op.id.device[0] = 1;
    ops[1].op.id.seq = 5;
    cr_expect_eq(giver(), 0);
    ops[1].op.id.device[0] = 3;
    cr_expect_eq(giver(), 1);
}

Test(pack_rules, are_not_given_by_a_record_that_is_not_proved)
{
    ops[0].op.hlc = 7;
    ops[1].op.hlc = 8;
    ops[1].signed_proved = false;
    cr_expect_eq(giver(), 0);
    ops[0].admitted = ERR_REFUSED;
    cr_expect_eq(giver(), PACK_NO_OP);
}
