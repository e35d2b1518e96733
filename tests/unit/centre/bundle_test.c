/*
 * Laptops and the centre with no network between them: everything goes through files, in whatever order somebody
 * carries them, and ends the same everywhere. And files that nobody should believe.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "stick.h"
#include "store/bundles.h"
#include "sync/bundle.h"
#include "world.h"

enum { LAPTOPS = 2, HEAD = BUNDLE_HEAD_BYTES };

static struct centre_world world;
static struct laptop laptops[LAPTOPS];

static void begin(void)
{
    world_open(&world);
    for (size_t i = 0; i < LAPTOPS; i++) {
        laptop_enrol(&world, "garden", &laptops[i]);
    }
}

static void end(void)
{
    for (size_t i = 0; i < LAPTOPS; i++) {
        laptop_fini(&laptops[i]);
    }
    world_close(&world);
}

TestSuite(bundle, .init = begin, .fini = end, .timeout = 240);

/* ---- the stick ---- */

static struct buf from_centre(struct laptop *laptop)
{
    struct buf file;
    cr_assert_eq(stick_from_centre(laptop, false, &file), ERR_OK, "%s", world.err.message);
    return file;
}

static struct device_bundle_taken give_laptop(struct laptop *laptop, const struct buf *file)
{
    struct device_bundle_taken taken;
    cr_assert_eq(stick_to_laptop(laptop, buf_slice(file), &taken), ERR_OK, "%s", world.err.message);
    return taken;
}

static struct centre_bundle_taken give_centre(const struct buf *file)
{
    struct centre_bundle_taken taken;
    cr_assert_eq(stick_to_centre(&world, buf_slice(file), &taken), ERR_OK, "%s", world.err.message);
    return taken;
}

static void carry_to(struct laptop *laptop)
{
    struct buf file = from_centre(laptop);
    (void)give_laptop(laptop, &file);
    buf_fini(&file);
}

static void carry_from(struct laptop *laptop)
{
    struct buf file = stick_from_laptop(laptop);
    (void)give_centre(&file);
    buf_fini(&file);
}

/* Each laptop hears of its centre, which a person would have seen to at enrolment. */
static void introduce(void)
{
    for (size_t i = 0; i < LAPTOPS; i++) {
        carry_to(&laptops[i]);
    }
}

static uint64_t pending(struct laptop *laptop)
{
    struct store_sync sync;
    cr_assert_eq(store_sync_read(laptop->store, &sync, &world.err), ERR_OK);
    return sync.pending_ops;
}

static void expect_everything(size_t statements)
{
    uint8_t first[SHA256_BYTES];
    laptop_digest(&laptops[0], first);
    for (size_t l = 0; l < LAPTOPS; l++) {
        uint8_t digest[SHA256_BYTES];
        cr_assert_eq(laptop_statements(&laptops[l]), statements, "laptop %zu: %zu", l, laptop_statements(&laptops[l]));
        laptop_digest(&laptops[l], digest);
        cr_assert_arr_eq(digest, first, SHA256_BYTES);
        cr_assert_eq(pending(&laptops[l]), 0, "laptop %zu", l);
    }
    cr_assert_eq(world_ops(&world, "garden"), statements);
    world_verify(&world);
}

/* ---- carried by honest people ---- */

Test(bundle, two_laptops_without_a_network_end_with_the_same)
{
    introduce();
    laptop_record(&laptops[0], 3000); /* more than one message */
    laptop_record(&laptops[1], 50);
    carry_from(&laptops[0]);
    carry_from(&laptops[1]);
    carry_to(&laptops[0]);
    carry_to(&laptops[1]);
    expect_everything(3050);
}

Test(bundle, lost_doubled_and_late_files_lose_nothing_and_double_nothing)
{
    introduce();
    struct buf up[3];
    struct buf down[3];
    for (size_t i = 0; i < ARRAY_LEN(up); i++) {
        laptop_record(&laptops[0], 10);
        up[i] = stick_from_laptop(&laptops[0]);
    }
    (void)give_centre(&up[2]); /* the first two come after it, and one of them twice */
    down[0] = from_centre(&laptops[0]);
    cr_assert_eq(give_centre(&up[0]).new_ops, 0);
    cr_assert_eq(give_centre(&up[1]).new_ops, 0);
    cr_assert_eq(give_centre(&up[0]).new_ops, 0);
    laptop_record(&laptops[1], 5);
    carry_from(&laptops[1]);
    down[1] = from_centre(&laptops[0]);
    laptop_record(&laptops[1], 5);
    carry_from(&laptops[1]);
    down[2] = from_centre(&laptops[0]);
    cr_assert_eq(give_laptop(&laptops[0], &down[2]).new_ops, 10);
    cr_assert_eq(give_laptop(&laptops[0], &down[0]).new_ops, 0);
    cr_assert_eq(give_laptop(&laptops[0], &down[1]).new_ops, 0);
    cr_assert_eq(give_laptop(&laptops[0], &down[2]).new_ops, 0);
    carry_to(&laptops[1]);
    expect_everything(40);
    for (size_t i = 0; i < ARRAY_LEN(up); i++) {
        buf_fini(&up[i]);
        buf_fini(&down[i]);
    }
}

Test(bundle, an_older_answer_is_no_sign_of_a_centre_that_was_put_back)
{
    introduce();
    struct buf old = from_centre(&laptops[0]);
    laptop_record(&laptops[0], 7);
    carry_from(&laptops[0]);
    carry_to(&laptops[0]);
    cr_assert_eq(pending(&laptops[0]), 0);
    struct device_bundle_taken taken = give_laptop(&laptops[0], &old);
    cr_assert_not(taken.ask_again);
    cr_assert_eq(pending(&laptops[0]), 0);
    struct client_status status;
    client_status(laptops[0].client, &status);
    cr_assert_not(status.centre_lost_ops);
    buf_fini(&old);
}

Test(bundle, an_older_answer_to_a_laptop_that_reads_again_brings_records_and_no_places)
{
    struct store_sync sync;
    introduce();
    laptop_record(&laptops[1], 5);
    carry_from(&laptops[1]);
    struct buf old = from_centre(&laptops[0]);
    laptop_record(&laptops[1], 5);
    carry_from(&laptops[1]);
    carry_to(&laptops[0]);
    cr_assert_eq(store_read_again(laptops[0].store, &world.err), ERR_OK);
    (void)give_laptop(&laptops[0], &old); /* its head lies before the checkpoint that was verified since */
    cr_assert_eq(store_sync_read(laptops[0].store, &sync, &world.err), ERR_OK);
    cr_assert_eq(sync.cursor, 0);
    carry_from(&laptops[0]);
    carry_to(&laptops[0]);
    carry_to(&laptops[1]);
    expect_everything(10);
    buf_fini(&old);
}

Test(bundle, a_network_in_between_changes_nothing)
{
    introduce();
    laptop_record(&laptops[0], 20);
    struct buf up = stick_from_laptop(&laptops[0]);
    cr_assert_eq(laptop_sync(&laptops[0]), ERR_OK, "%s", world.err.message);
    struct buf down = from_centre(&laptops[0]);
    laptop_record(&laptops[1], 20);
    cr_assert_eq(laptop_sync(&laptops[1]), ERR_OK, "%s", world.err.message);
    cr_assert_eq(laptop_sync(&laptops[0]), ERR_OK, "%s", world.err.message);
    cr_assert_eq(give_centre(&up).new_ops, 0);
    cr_assert_eq(give_laptop(&laptops[0], &down).new_ops, 0);
    laptop_record(&laptops[0], 1);
    carry_from(&laptops[0]);
    carry_to(&laptops[0]);
    carry_to(&laptops[1]);
    expect_everything(41);
    buf_fini(&up);
    buf_fini(&down);
}

Test(bundle, a_laptop_put_back_to_an_older_copy_gets_everything_again)
{
    introduce();
    laptop_record(&laptops[0], 10);
    carry_from(&laptops[0]);
    carry_to(&laptops[0]);
    laptop_save(&laptops[0]);
    laptop_record(&laptops[0], 10);
    laptop_record(&laptops[1], 10);
    carry_from(&laptops[0]);
    carry_from(&laptops[1]);
    carry_to(&laptops[0]);
    carry_from(&laptops[0]); /* the centre hears how far it is */
    laptop_put_back(&laptops[0]);
    struct buf ahead = from_centre(&laptops[0]);
    struct device_bundle_taken taken;
    cr_assert_eq(stick_to_laptop(&laptops[0], buf_slice(&ahead), &taken), ERR_REFUSED, "%s", world.err.message);
    cr_assert_not_null(strstr(world.err.message, "export one here"), "%s", world.err.message);
    laptop_record(&laptops[0], 5);
    for (int i = 0; i < 4; i++) {
        carry_from(&laptops[0]);
        carry_to(&laptops[0]);
    }
    carry_from(&laptops[1]);
    carry_to(&laptops[1]);
    expect_everything(35);
    buf_fini(&ahead);
}

Test(bundle, a_centre_put_back_to_an_older_copy_is_noticed_and_gets_everything_again)
{
    introduce();
    laptop_record(&laptops[0], 10);
    carry_from(&laptops[0]);
    carry_to(&laptops[0]);
    world_save(&world);
    laptop_record(&laptops[0], 10);
    carry_from(&laptops[0]);
    carry_to(&laptops[0]);
    cr_assert_eq(pending(&laptops[0]), 0);
    world_put_back(&world);
    struct buf down = from_centre(&laptops[0]);
    cr_assert(give_laptop(&laptops[0], &down).ask_again);
    buf_fini(&down);
    for (int i = 0; i < 3; i++) {
        carry_from(&laptops[0]);
        carry_to(&laptops[0]);
    }
    carry_to(&laptops[1]);
    expect_everything(20);
}

static int64_t heard_at(struct laptop *laptop)
{
    struct store_bundles bundles;
    cr_assert_eq(store_bundles_read(laptop->store, &bundles, &world.err), ERR_OK);
    return bundles.heard_at_ms;
}

Test(bundle, a_centre_whose_clock_was_ahead_once_is_believed_again)
{
    struct store_bundles bundles;
    introduce();
    laptop_record(&laptops[0], 10);
    carry_from(&laptops[0]);
    world.now_ms += 30 * DAYS_MS;
    carry_to(&laptops[0]);
    world.now_ms -= 30 * DAYS_MS;
    struct buf same = from_centre(&laptops[0]); /* says what is held */
    cr_assert_eq(give_laptop(&laptops[0], &same).held, 1);
    cr_assert_gt(heard_at(&laptops[0]), world.now_ms);
    laptop_record(&laptops[0], 1);
    laptop_record(&laptops[1], 5);
    carry_from(&laptops[0]);
    carry_from(&laptops[1]);
    carry_to(&laptops[0]);
    cr_assert_leq(heard_at(&laptops[0]), world.now_ms);
    cr_assert_eq(store_bundles_read(laptops[0].store, &bundles, &world.err), ERR_OK);
    cr_assert_leq(bundles.made_at_ms, world.now_ms);
    (void)give_laptop(&laptops[0], &same); /* and still is no sign of a centre that was put back */
    cr_assert_eq(pending(&laptops[0]), 0);
    carry_to(&laptops[1]);
    expect_everything(16);
    buf_fini(&same);
}

Test(bundle, an_exchange_puts_right_when_a_centre_whose_clock_was_ahead_was_heard)
{
    introduce();
    world.now_ms += 30 * DAYS_MS;
    cr_assert_eq(laptop_sync(&laptops[0]), ERR_OK, "%s", world.err.message);
    world.now_ms -= 30 * DAYS_MS;
    cr_assert_gt(heard_at(&laptops[0]), world.now_ms);
    cr_assert_eq(laptop_sync(&laptops[0]), ERR_OK, "%s", world.err.message);
    cr_assert_leq(heard_at(&laptops[0]), world.now_ms);
}

/* As `holdfast restore` on a machine whose clock lost its battery. */
Test(bundle, a_laptop_put_back_with_its_clock_behind_gets_everything_again)
{
    struct buf up;
    introduce();
    laptop_record(&laptops[1], 10);
    carry_from(&laptops[1]);
    laptop_save(&laptops[0]);
    for (int restored = 0; restored < 2; restored++) {
        laptop_record(&laptops[0], 10);
        for (int i = 0; i < 2; i++) {
            carry_from(&laptops[0]); /* the centre hears how far it is */
            carry_to(&laptops[0]);
        }
        if (restored == 1) {
            laptop_restore(&laptops[0]);
        } else {
            laptop_put_back(&laptops[0]);
        }
        for (int i = 0; i < 3; i++) {
            world.now_ms -= 200 * DAYS_MS;
            up = stick_from_laptop(&laptops[0]);
            world.now_ms += 200 * DAYS_MS;
            (void)give_centre(&up);
            carry_to(&laptops[0]);
            buf_fini(&up);
        }
    }
    carry_to(&laptops[1]);
    expect_everything(30);
}

static void carry_both_ways(struct laptop *laptop, int trips)
{
    for (int i = 0; i < trips; i++) {
        carry_from(laptop);
        carry_to(laptop);
    }
}

static uint64_t owed(struct laptop *laptop)
{
    struct store_sync sync;
    cr_assert_eq(store_sync_read(laptop->store, &sync, &world.err), ERR_OK);
    return sync.owed_ops;
}

/* Laptop 1 holds what laptop 0 said, and its own; laptop 0 is gone for good, and the centre has lost both. */
Test(bundle, a_centre_put_back_again_gets_everything_again_whatever_it_was_recorded_under)
{
    introduce();
    world_save(&world);
    laptop_record(&laptops[0], 30);
    carry_from(&laptops[0]);
    laptop_record(&laptops[1], 20);
    carry_both_ways(&laptops[1], 1);
    for (int i = 0; i < 3; i++) { /* a fresh incarnation is recorded under each time */
        world_put_back(&world);
        cr_assert_eq(world_ops(&world, "garden"), 0);
        carry_both_ways(&laptops[1], 4);
        cr_assert_eq(world_ops(&world, "garden"), 50, "%d: %llu", i, (unsigned long long)world_ops(&world, "garden"));
        cr_assert_eq(pending(&laptops[1]), 0);
        cr_assert_eq(owed(&laptops[1]), 0);
    }
    carry_both_ways(&laptops[0], 2);
    expect_everything(50);
}

Test(bundle, a_centre_put_back_gets_again_what_a_restored_laptop_had_said_before)
{
    introduce();
    world_save(&world);
    laptop_record(&laptops[0], 30);
    carry_from(&laptops[0]);
    laptop_record(&laptops[1], 20);
    carry_both_ways(&laptops[1], 1);
    laptop_save(&laptops[1]);
    laptop_restore(&laptops[1]);
    laptop_record(&laptops[1], 5);
    carry_both_ways(&laptops[1], 2);
    cr_assert_eq(pending(&laptops[1]), 0);
    world_put_back(&world);
    carry_to(&laptops[1]);
    carry_both_ways(&laptops[1], 1);
    struct client_status status;
    client_status(laptops[1].client, &status);
    cr_assert(status.centre_lost_ops);
    cr_assert_gt(pending(&laptops[1]), 0); /* and not shown as what the centre holds */
    carry_both_ways(&laptops[1], 3);
    client_status(laptops[1].client, &status);
    cr_assert_not(status.centre_lost_ops);
    carry_both_ways(&laptops[0], 2);
    expect_everything(55);
}

/* The centre and laptop 0 were put back, and its numbers given again; laptop 1 holds what they stood for first. */
Test(bundle, a_person_accepts_the_centres_history_where_there_is_no_network)
{
    struct client_status status;
    struct device_bundle_taken taken;
    introduce();
    world_save(&world);
    laptop_save(&laptops[0]);
    laptop_record(&laptops[0], 3);
    carry_from(&laptops[0]);
    carry_both_ways(&laptops[1], 1);
    world_put_back(&world);
    laptop_put_back(&laptops[0]);
    laptop_record(&laptops[0], 5);
    carry_both_ways(&laptops[0], 1);
    enum err_code rc = ERR_OK;
    for (int i = 0; i < 3 && rc == ERR_OK; i++) {
        carry_from(&laptops[1]);
        struct buf down = from_centre(&laptops[1]);
        rc = stick_to_laptop(&laptops[1], buf_slice(&down), &taken);
        buf_fini(&down);
    }
    cr_assert_eq(rc, ERR_HISTORY, "%s", world.err.message);
    client_status(laptops[1].client, &status);
    cr_assert_eq(status.histories.code, ERR_HISTORY);
    cr_assert_eq(client_accept_history(laptops[1].client, "manager", &world.err), ERR_OK, "%s", world.err.message);
    laptop_cut(&laptops[1], 0); /* it tries at once, in vain */
    client_status(laptops[1].client, &status);
    cr_assert_eq(status.histories.code, ERR_OK);
    carry_both_ways(&laptops[1], 2);
    expect_everything(5);
}

/* Laptop 0 is gone for good; laptop 1 has what it had said, and what the centre had written, and brings it by hand. */
Test(bundle, a_centre_that_was_put_back_gets_what_others_had_said_from_whoever_holds_it)
{
    struct centre_bundle_taken taken;
    introduce();
    world_save(&world);
    laptop_record(&laptops[0], 300);
    carry_from(&laptops[0]);
    laptop_record(&laptops[0], 10);
    carry_from(&laptops[0]);
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", "R-1", "participant", "P-1",
                                      "route", "cwp", "basis", "mandatory")));
    carry_from(&laptops[1]);
    carry_to(&laptops[1]);
    uint64_t ops = world_ops(&world, "garden");
    world_put_back(&world);
    uint64_t lost = ops - world_ops(&world, "garden");
    cr_assert_gt(lost, 310); /* all of laptop 0, and what the centre had written */
    uint64_t given_back = 0;
    bool asked_again = false;
    for (int i = 0; i < 3; i++) { /* asks; is told of a shorter history, asks from its beginning; gives back */
        struct buf up = stick_from_laptop(&laptops[1]);
        taken = give_centre(&up);
        given_back += taken.given_back;
        cr_assert_eq(give_centre(&up).given_back, 0); /* twice */
        struct buf down = from_centre(&laptops[1]);
        asked_again |= give_laptop(&laptops[1], &down).ask_again;
        buf_fini(&up);
        buf_fini(&down);
    }
    cr_assert(asked_again);
    cr_assert_eq(given_back, lost, "%llu", (unsigned long long)given_back);
    cr_assert_eq(world_ops(&world, "garden"), ops);
    struct buf again = stick_from_laptop(&laptops[1]);
    cr_assert_lt(again.len, 2048); /* nothing is owed any more */
    cr_assert_eq(give_centre(&again).given_back, 0);
    carry_to(&laptops[0]); /* it was found again */
    carry_from(&laptops[0]);
    carry_to(&laptops[0]);
    uint8_t digests[LAPTOPS][SHA256_BYTES];
    for (size_t l = 0; l < LAPTOPS; l++) {
        cr_assert_eq(laptop_statements(&laptops[l]), 310);
        laptop_digest(&laptops[l], digests[l]);
    }
    cr_assert_arr_eq(digests[0], digests[1], SHA256_BYTES);
    world_verify(&world);
    buf_fini(&again);
}

Test(bundle, a_bundle_for_a_laptop_that_lost_everything_comes_from_the_start)
{
    struct buf file;
    introduce();
    laptop_record(&laptops[1], 10);
    carry_from(&laptops[1]);
    carry_to(&laptops[1]);
    carry_from(&laptops[1]);
    cr_assert_eq(stick_from_centre(&laptops[1], true, &file), ERR_OK, "%s", world.err.message);
    cr_assert_eq(give_laptop(&laptops[1], &file).new_ops, 0);
    carry_to(&laptops[0]);
    expect_everything(10);
    buf_fini(&file);
}

/* ---- cut, changed, for somebody else ---- */

Test(bundle, a_cut_file_says_so_and_what_was_whole_is_kept)
{
    struct centre_bundle_taken taken;
    introduce();
    laptop_record(&laptops[0], 5000);
    struct buf file = stick_from_laptop(&laptops[0]);
    size_t cuts[] = { 0, 1, 50, HEAD, HEAD + 3, HEAD + 700, file.len / 2, file.len - 1 };
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        enum err_code rc = stick_to_centre(&world, slice_of(file.data, cuts[i]), &taken);
        cr_assert_eq(rc, cuts[i] < HEAD ? ERR_INVALID : ERR_DAMAGED, "%zu: %s", cuts[i], world.err.message);
        cr_assert_not(taken.whole);
    }
    cr_assert_gt(world_ops(&world, "garden"), 0);
    cr_assert_lt(world_ops(&world, "garden"), 5001);
    (void)give_centre(&file);
    carry_to(&laptops[0]);
    carry_to(&laptops[1]);
    expect_everything(5000);
    buf_fini(&file);
}

Test(bundle, no_changed_byte_is_taken)
{
    struct centre_bundle_taken taken;
    introduce();
    laptop_record(&laptops[0], 3);
    struct buf file = stick_from_laptop(&laptops[0]);
    for (size_t i = 0; i < file.len; i += i < HEAD + 40 ? 1 : 29) {
        file.data[i] ^= 0x20;
        cr_assert_neq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_OK, "byte %zu", i);
        cr_assert_eq(taken.new_ops > 0, i >= file.len - BUNDLE_FRAME_BYTES - HPKE_TAG_BYTES, "byte %zu", i);
        file.data[i] ^= 0x20;
        if (taken.new_ops > 0) {
            break;
        }
    }
    (void)give_centre(&file);
    cr_assert_eq(world_ops(&world, "garden"), 3);
    buf_fini(&file);
}

/* Where the chunks of a file begin; the last is its end. */
static size_t chunks_of(const struct buf *file, size_t starts[], size_t max)
{
    size_t count = 0;
    for (size_t at = HEAD; at < file->len && count < max; at += BUNDLE_FRAME_BYTES + get_be32(file->data + at + 1)) {
        starts[count++] = at;
    }
    starts[count] = file->len;
    return count;
}

Test(bundle, parts_exchanged_left_out_or_put_in_twice_are_refused)
{
    size_t starts[20];
    struct centre_bundle_taken taken;
    introduce();
    laptop_record(&laptops[0], 5000);
    struct buf file = stick_from_laptop(&laptops[0]);
    cr_assert_geq(chunks_of(&file, starts, 19), 4);
    struct slice parts[] = { slice_of(file.data, starts[1]), slice_of(file.data + starts[1], starts[2] - starts[1]),
                             slice_of(file.data + starts[2], starts[3] - starts[2]),
                             slice_of(file.data + starts[3], file.len - starts[3]) };
    static const int orders[][5] = { { 0, 2, 1, 3, -1 }, { 0, 2, 3, -1 }, { 0, 1, 1, 2, 3 }, { 1, 0, 2, 3, -1 } };
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct buf mixed;
        buf_init(&mixed, STICK_FILE_MAX);
        for (size_t k = 0; k < 5 && orders[i][k] >= 0; k++) {
            struct slice part = parts[orders[i][k]];
            cr_assert_eq(buf_append(&mixed, part.data, part.len, NULL), ERR_OK);
        }
        enum err_code rc = stick_to_centre(&world, buf_slice(&mixed), &taken);
        cr_assert(rc == ERR_DAMAGED || rc == ERR_INVALID, "%zu: %s", i, world.err.message);
        buf_fini(&mixed);
    }
    cr_assert_eq(buf_append(&file, "x", 1, NULL), ERR_OK);
    cr_assert_eq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_PROTOCOL);
    buf_fini(&file);
}

Test(bundle, one_for_somebody_else_is_refused_by_name)
{
    struct device_bundle_taken taken;
    struct centre_bundle_taken at_centre;
    introduce();
    laptop_record(&laptops[0], 3);
    struct buf down = from_centre(&laptops[0]);
    struct buf up = stick_from_laptop(&laptops[0]);
    cr_assert_eq(stick_to_laptop(&laptops[1], buf_slice(&down), &taken), ERR_REFUSED);
    cr_assert_not_null(strstr(world.err.message, "for another device"), "%s", world.err.message);
    cr_assert_eq(stick_to_laptop(&laptops[1], buf_slice(&up), &taken), ERR_REFUSED);
    cr_assert_not_null(strstr(world.err.message, "for its centre"), "%s", world.err.message);
    cr_assert_eq(stick_to_centre(&world, buf_slice(&down), &at_centre), ERR_REFUSED);
    cr_assert_eq(laptop_statements(&laptops[1]), 0);
    buf_fini(&down);
    buf_fini(&up);
}

/* Whoever has the centre's public key can seal to it; nobody else can sign as a device, or as the centre. */
static void forge(const struct bundle_sender *sender, enum bundle_direction direction, const uint8_t *stream,
                  struct slice receiver_der, struct slice message, struct buf *out)
{
    struct bundle_writer writer = { 0 };
    struct certificate receiver;
    struct bundle_about about = { .direction = direction, .made_at_ms = world.now_ms };
    buf_init(out, STICK_FILE_MAX);
    memcpy(about.stream, stream, STREAM_ID_BYTES);
    cr_assert_eq(certificate_parse(receiver_der, &receiver, &world.err), ERR_OK);
    cr_assert_eq(bundle_write_begin(&writer, &about, sender, &receiver, out, &world.err), ERR_OK);
    cr_assert_eq(bundle_write_message(&writer, message, out, &world.err), ERR_OK);
    cr_assert_eq(bundle_write_end(&writer, out, &world.err), ERR_OK);
    bundle_writer_fini(&writer);
}

Test(bundle, a_signature_that_is_not_the_senders_is_refused)
{
    struct centre_bundle_taken taken;
    struct buf file;
    introduce();
    struct bundle_sender liar = { .key = laptops[1].key, .certificate = buf_slice(&laptops[0].identity.certificate) };
    forge(&liar, BUNDLE_TO_CENTRE, laptops[0].identity.stream, centre_signing_certificate(world.centre),
          slice_of_text("x"), &file);
    cr_assert_eq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_HISTORY, "%s", world.err.message);
    cr_assert_not(taken.known);
    buf_fini(&file);
}

Test(bundle, a_laptop_believes_no_other_laptop_to_be_the_centre)
{
    struct device_bundle_taken taken;
    struct buf file;
    introduce();
    struct bundle_sender other = { .key = laptops[1].key, .certificate = buf_slice(&laptops[1].identity.certificate) };
    forge(&other, BUNDLE_TO_DEVICE, laptops[0].identity.stream, buf_slice(&laptops[0].identity.certificate),
          slice_of_text("x"), &file);
    cr_assert_eq(stick_to_laptop(&laptops[0], buf_slice(&file), &taken), ERR_REFUSED, "%s", world.err.message);
    cr_assert_not(taken.known);
    buf_fini(&file);
}

Test(bundle, another_organisations_laptop_cannot_speak_for_this_site)
{
    struct laptop stranger;
    struct centre_bundle_taken taken;
    struct buf file;
    introduce();
    laptop_enrol(&world, "other", &stranger);
    struct bundle_sender sender = { .key = stranger.key, .certificate = buf_slice(&stranger.identity.certificate) };
    forge(&sender, BUNDLE_TO_CENTRE, laptops[0].identity.stream, centre_signing_certificate(world.centre),
          slice_of_text("x"), &file);
    cr_assert_eq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_REFUSED, "%s", world.err.message);
    cr_assert_not(taken.known);
    buf_fini(&file);
    laptop_fini(&stranger);
}

Test(bundle, another_centres_bundle_is_not_of_this_devices_centre)
{
    struct device_bundle_taken taken;
    struct authority *authority;
    struct device_key *key;
    struct buf request;
    struct buf certificate;
    struct buf file;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    introduce();
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_CENTRE,
                                       .common_name = "holdfast centre",
                                       .not_before_ms = world.now_ms - DAYS_MS,
                                       .not_after_ms = world.now_ms + DAYS_MS };
    cr_assert_eq(authority_new("Another", world.now_ms, &authority, &world.err), ERR_OK);
    cr_assert_eq(device_key_generate(&key, &world.err), ERR_OK);
    cr_assert_eq(device_key_request(key, "holdfast centre", &request, &world.err), ERR_OK);
    cr_assert_eq(authority_issue(authority, buf_slice(&request), &grant, &certificate, &world.err), ERR_OK);
    struct bundle_sender sender = { .key = key, .certificate = buf_slice(&certificate) };
    forge(&sender, BUNDLE_TO_DEVICE, laptops[0].identity.stream, buf_slice(&laptops[0].identity.certificate),
          slice_of_text("x"), &file);
    cr_assert_eq(stick_to_laptop(&laptops[0], buf_slice(&file), &taken), ERR_TLS, "%s", world.err.message);
    cr_assert_not_null(strstr(world.err.message, "not of this device's centre"), "%s", world.err.message);
    buf_fini(&file);
    buf_fini(&request);
    buf_fini(&certificate);
    device_key_free(key);
    authority_free(authority);
}

Test(bundle, an_honest_devices_key_with_dishonest_messages_brings_nothing_in)
{
    static const char *const messages[] = { "", "\xa1", "\xa1\x01\x01", "\xff\xff\xff\xff", "not CBOR at all" };
    struct centre_bundle_taken taken;
    introduce();
    struct bundle_sender sender = { .key = laptops[0].key, .certificate = buf_slice(&laptops[0].identity.certificate) };
    for (size_t i = 1; i < ARRAY_LEN(messages); i++) {
        struct buf file;
        forge(&sender, BUNDLE_TO_CENTRE, laptops[0].identity.stream, centre_signing_certificate(world.centre),
              slice_of_text(messages[i]), &file);
        cr_assert_eq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_PROTOCOL, "%zu: %s", i, world.err.message);
        cr_assert_eq(taken.messages, 0);
        buf_fini(&file);
    }
    cr_assert_eq(world_ops(&world, "garden"), 0);
}

Test(bundle, what_is_given_back_in_vain_is_told_to_the_operator)
{
    struct centre_bundle_taken taken;
    struct buf file;
    SCOPED(buf_fini) struct buf message;
    introduce();
    struct bundle_sender sender = { .key = laptops[0].key, .certificate = buf_slice(&laptops[0].identity.certificate) };
    struct exchange_request request = { .incarnation = laptops[0].identity.incarnation,
                                        .sent_at_ms = world.now_ms,
                                        .given = { slice_of_text("nothing"), slice_of_text("of the kind") },
                                        .given_count = 2 };
    memcpy(request.stream, laptops[0].identity.stream, STREAM_ID_BYTES);
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    cr_assert_eq(exchange_request_encode(&request, &message, &world.err), ERR_OK);
    forge(&sender, BUNDLE_TO_CENTRE, laptops[0].identity.stream, centre_signing_certificate(world.centre),
          buf_slice(&message), &file);
    cr_assert_eq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_OK, "%s", world.err.message);
    cr_assert_eq(taken.messages, 1);
    cr_assert_eq(taken.given_back, 0);
    cr_assert_eq(taken.declined, 2);
    cr_assert_neq(taken.why[0], '\0');
    buf_fini(&file);
    struct buf honest = stick_from_laptop(&laptops[0]);
    taken = give_centre(&honest);
    cr_assert(taken.declined == 0 && taken.why[0] == '\0');
    buf_fini(&honest);
}

Test(bundle, a_revoked_laptops_bundle_is_refused_and_none_is_made_for_it)
{
    struct centre_bundle_taken taken;
    struct buf none;
    char id[2 * DEVICE_ID_BYTES + 1];
    uint8_t device[DEVICE_ID_BYTES];
    introduce();
    laptop_record(&laptops[0], 3);
    struct buf file = stick_from_laptop(&laptops[0]);
    device_key_id(laptops[0].key, device);
    hex_encode(device, sizeof(device), id);
    json_decref(world_admin(&world, "revoke", json_pack("{s:s}", "device", id)));
    cr_assert_eq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_REVOKED, "%s", world.err.message);
    cr_assert_eq(stick_from_centre(&laptops[0], false, &none), ERR_REVOKED, "%s", world.err.message);
    cr_assert_eq(world_ops(&world, "garden"), 0);
    buf_fini(&file);
    buf_fini(&none);
}

Test(bundle, one_of_a_laptop_whose_certificate_has_run_out_is_refused_with_what_to_do)
{
    struct centre_bundle_taken taken;
    introduce();
    laptop_record(&laptops[0], 3);
    struct buf file = stick_from_laptop(&laptops[0]);
    world.now_ms += 400 * DAYS_MS;
    cr_assert_eq(stick_to_centre(&world, buf_slice(&file), &taken), ERR_TLS, "%s", world.err.message);
    cr_assert_not_null(strstr(world.err.message, "enrol --again"), "%s", world.err.message);
    cr_assert_not(taken.known);
    buf_fini(&file);
}

Test(bundle, at_rest_holds_nothing_readable)
{
    introduce();
    laptop_record(&laptops[0], 100);
    struct buf file = stick_from_laptop(&laptops[0]);
    uint8_t sender[DEVICE_ID_BYTES];
    device_key_id(laptops[0].key, sender);
    cr_assert_null(memmem(file.data, file.len, sender, sizeof(sender)));
    cr_assert_null(memmem(file.data, file.len, laptops[0].identity.stream, STREAM_ID_BYTES));
    cr_assert_null(memmem(file.data, file.len, "urn:holdfast", 12));
    buf_fini(&file);
}

Test(bundle, a_laptop_that_never_heard_of_its_centre_says_what_to_do)
{
    struct device_bundle_out *out;
    laptop_record(&laptops[0], 1);
    cr_assert_eq(device_bundle_out_begin(laptops[0].client, world.now_ms, &out, &world.err), ERR_REFUSED);
    cr_assert_not_null(strstr(world.err.message, "first exchange"), "%s", world.err.message);
}
