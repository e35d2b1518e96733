/*
 * A centre that is killed at random moments while an erasure walks over a long log, and goes on at its next start.
 *
 *     parent: the log as it was ─► fork ─► wait for some slices and a moment ─► kill -9 ─► ... ─► finish and check
 *     child:  open ─► SLICE ─► SLICE ─► ...
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chance.h"
#include "child.h"
#include "store/centre/tables.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

enum {
    LOGS = 10,         /* each walked from its beginning */
    KILLS_MAX = 4,     /* of one walk */
    GROUPS = 40,       /* a record about the person in each, and others */
    OTHERS = 40,       /* ... about as many as that makes a walk of seven slices */
    SLICES_MAX = 4,    /* before a kill */
    OPENING_US = 9000, /* about what opening takes under the sanitizers */
    SLICE_US = 6000,
};

static struct chance chance;
static struct centre_world world;
static struct laptop laptop;
static char *root; /* of the tree, at the head */

static void record_person(void)
{
    struct store_entry entry = { .kind = KIND_PARTICIPANT, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_PARTICIPANT));
    entity_id(laptop.identity.stream, "participant", "GDN-1", entry.subject);
    record_set_text(&entry.record, "ref", "GDN-1");
    record_set_text(&entry.record, "name", "Zebedee Inventedson");
    laptop_write(&laptop, &entry);
}

static void erase_person(void)
{
    struct store_erasable erased;
    struct store_erase erase = { .kind = KIND_PARTICIPANT,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = "right",
                                 .decided_by = "A. Decider",
                                 .reason = "letter 7" };
    entity_id(laptop.identity.stream, "participant", "GDN-1", erase.subject);
    cr_assert_eq(store_erase(laptop.store, "eraser", &erase, world.now_ms, &erased, &world.err), ERR_OK, "%s",
                 world.err.message);
}

static char *root_now(void)
{
    json_t *checkpoint = world_admin(&world, "checkpoint", json_pack("{s:s}", "site", "garden"));
    char *text = strdup(json_string_value(json_object_get(checkpoint, "root")));
    json_decref(checkpoint);
    cr_assert_not_null(text);
    return text;
}

static void start(void)
{
    chance = chance_begin("crash_erase");
    world_open(&world);
    laptop_enrol(&world, "garden", &laptop);
    for (int i = 0; i < GROUPS; i++) {
        laptop_record(&laptop, OTHERS);
        record_person();
    }
    cr_assert_eq(laptop_sync(&laptop), ERR_OK, "%s", world.err.message);
    world.centre->store->slice_rows = 1;
    erase_person();
    cr_assert_eq(laptop_sync(&laptop), ERR_OK, "%s", world.err.message);
    cr_assert(centre_erasures_due(world.centre));
    root = root_now();
    world_save(&world);
}

static void stop(void)
{
    free(root);
    laptop_fini(&laptop);
    world_close(&world);
}

TestSuite(erase_kill, .init = start, .fini = stop, .timeout = 300);

/* ---- the child ---- */

static void child_run(int fd)
{
    struct error err;
    world_start(&world);
    world.centre->store->slice_rows = 1;
    while (centre_erasures_due(world.centre)) {
        if (centre_erasures_go_on(world.centre, &err) != ERR_OK || write(fd, "", 1) != 1) {
            _exit(9);
        }
    }
    (void)close(fd); /* it is through, and is killed all the same */
    for (;;) {
        (void)pause();
    }
}

/* ---- the parent ---- */

static void kill_once(void)
{
    int fd;
    char slice;
    pid_t child = child_start(child_run, &fd);
    uint32_t slices = chance_below(&chance, SLICES_MAX);
    for (uint32_t i = 0; i < slices && read(fd, &slice, 1) == 1; i++) {
    }
    pause_us(chance_below(&chance, slices == 0 ? OPENING_US : SLICE_US));
    child_kill(child);
    (void)close(fd);
}

static int64_t count_of(const char *sql)
{
    sqlite3_stmt *s;
    bool row;
    cr_assert_eq(db_statement(&world.centre->store->db, sql, &s, &world.err), ERR_OK);
    cr_assert_eq(db_step(&world.centre->store->db, s, &row, &world.err), ERR_OK);
    int64_t count = column_int(s, 0);
    sqlite3_reset(s);
    return count;
}

static int64_t erased(void)
{
    return count_of("SELECT count(*) FROM op WHERE body IS NULL");
}

static void check_finished(uint64_t ops)
{
    char *now = root_now();
    cr_expect_str_eq(now, root);
    cr_expect_eq(world_ops(&world, "garden"), ops);
    cr_expect_eq(erased(), GROUPS);
    cr_expect_eq(count_of("SELECT count(*) FROM op WHERE kind = 1 AND body IS NULL AND salt IS NULL"), GROUPS);
    cr_expect_eq(count_of("SELECT count(*) FROM erasure"), 1);
    cr_expect_eq(count_of("SELECT count(*) FROM erasure WHERE walked IS NOT NULL"), 0);
    world_verify(&world);
    free(now);
}

static void finish(void)
{
    while (centre_erasures_due(world.centre)) {
        cr_assert_eq(centre_erasures_go_on(world.centre, &world.err), ERR_OK, "%s", world.err.message);
    }
}

static void both_hold_the_same(void)
{
    struct laptop later;
    uint8_t digests[2][SHA256_BYTES];
    laptop_enrol(&world, "garden", &later);
    cr_assert_eq(laptop_sync(&later), ERR_OK, "%s", world.err.message);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK, "%s", world.err.message);
    laptop_digest(&laptop, digests[0]);
    laptop_digest(&later, digests[1]);
    cr_assert_arr_eq(digests[0], digests[1], SHA256_BYTES);
    laptop_fini(&later);
}

Test(erase_kill, a_walk_that_is_killed_goes_on_where_it_was_and_takes_everything_once)
{
    unsigned logs = chance_kills(LOGS);
    unsigned kills = 0;
    unsigned halfway = 0;
    uint64_t ops = world_ops(&world, "garden");
    for (unsigned i = 0; i < logs; i++) {
        world_put_back(&world);
        cr_assert_lt(erased(), GROUPS);
        for (uint32_t left = 1 + chance_below(&chance, KILLS_MAX); left > 0; left--) {
            int64_t before = erased();
            world_stop(&world);
            kill_once();
            world_start(&world);
            cr_assert_geq(erased(), before, "what was erased is there again");
            halfway += erased() > before && erased() < GROUPS;
            kills++;
        }
        finish();
        check_finished(ops);
    }
    (void)fprintf(stderr, "crash_erase: %u kills, %u of them halfway through a walk\n", kills, halfway);
    cr_assert_gt(halfway, logs / 4, "the walks were hardly ever under way");
    both_hold_the_same();
}
