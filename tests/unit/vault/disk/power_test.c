#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/restore_swap.h"
#include "story.h"

/*
 * Power is lost at thousands of moments of a vault's life, and the disk keeps, loses, tears and reorders what was not
 * synced: what a commit promised is there, what was not committed is gone, and nothing that is whole is called damaged.
 *
 *     VAULT_POWER_SEED=N      the first story (1)         VAULT_POWER_STORIES=N  how many (14)
 *     VAULT_POWER_POINTS=N    moments in each (150)
 */

static struct {
    unsigned long seed;
    size_t event;
    uint64_t luck;
    bool known;
} place;

static void say_where(void)
{
    if (place.known) {
        (void)fprintf(stderr, "at VAULT_POWER_SEED=%lu VAULT_POWER_STORIES=1, event %zu, luck %llu\n", place.seed,
                      place.event, (unsigned long long)place.luck);
    }
}

TestSuite(vault_power, .timeout = 570, .fini = say_where);

static unsigned long setting(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

static uint64_t open_and_look(struct world *world)
{
    struct error err;
    cr_assert_eq(restore_swap_recover(world->path, &err), ERR_OK, "%s", err.message);
    world_open(world);
    integrity_ok(world->db);
    return story_digest(world->db);
}

/* The database goes on: it takes a commit and a checkpoint, and has both after a close. */
static void goes_on(struct world *world)
{
    sql(world->db, "CREATE TABLE IF NOT EXISTS later(x); INSERT INTO later VALUES(hex(randomblob(3000)));"
                   "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO later VALUES(2)");
    uint64_t before = story_digest(world->db);
    world_shut(world);
    cr_assert_eq(open_and_look(world), before);
    cr_assert_eq(sql_number(world->db, "SELECT count(*) FROM later"), 2);
}

/* Power is lost again while the first loss is being repaired. */
static void lose_again(struct world *left, uint64_t luck)
{
    struct tape *tape = tape_start(left->folder);
    uint64_t digest = open_and_look(left);
    world_shut(left);
    tape_stop(tape);
    for (int i = 0; i < 3; i++) {
        struct world again;
        world_folder(&again);
        size_t span = tape_len(tape) - tape_begin(tape) + 1;
        tape_lose_power(tape, tape_begin(tape) + (size_t)(next_random(&luck) % span), luck, again.folder);
        cr_assert_eq(open_and_look(&again), digest, "the second time");
        world_sweep(&again);
    }
    tape_free(tape);
}

static void judge(struct story *story, size_t event, uint64_t luck, unsigned number)
{
    struct world left;
    place.event = event;
    place.luck = luck;
    world_folder(&left);
    tape_lose_power(story->tape, event, luck, left.folder);
    if (event < story->commits[0].told && !vault_exists(left.path)) {
        world_sweep(&left);
        return;
    }
    if (number % 8 == 1) {
        lose_again(&left, luck);
    }
    uint64_t digest = open_and_look(&left);
    cr_assert(story_allows(story, event, digest), "what is there is neither the last commit nor the one under way");
    if (number % 4 == 0) {
        goes_on(&left);
    }
    world_sweep(&left);
}

static int in_order(const void *a, const void *b)
{
    size_t first = *(const size_t *)a;
    size_t second = *(const size_t *)b;
    return first < second ? -1 : first > second;
}

static void judge_story(struct story *story, unsigned points)
{
    size_t *events = calloc(points, sizeof(*events));
    CHECK(events != NULL);
    uint64_t random = ~story->seed;
    size_t span = tape_len(story->tape) - tape_begin(story->tape) + 1;
    for (unsigned i = 0; i < points; i++) {
        events[i] = tape_begin(story->tape) + (size_t)(next_random(&random) % span);
    }
    qsort(events, points, sizeof(*events), in_order);
    for (unsigned i = 0; i < points; i++) {
        judge(story, events[i], next_random(&random), i);
    }
    free(events);
}

Test(vault_power, lost_at_any_moment_keeps_what_was_committed_and_nothing_else)
{
    static struct story story;
    unsigned long first = setting("VAULT_POWER_SEED", 1);
    unsigned long stories = setting("VAULT_POWER_STORIES", 14);
    unsigned long points = setting("VAULT_POWER_POINTS", 150);
    unsigned done[ARRAY_LEN(story.done)] = { 0 };
    for (unsigned long seed = first; seed < first + stories; seed++) {
        place.seed = seed;
        place.known = true;
        story_play(&story, seed, 60);
        judge_story(&story, (unsigned)points);
        for (size_t i = 0; i < ARRAY_LEN(done); i++) {
            done[i] += story.done[i];
        }
        story_fini(&story);
    }
    place.known = false;
    for (size_t i = 0; i < 7; i++) {
        cr_assert(stories < 10 || done[i] > stories, "step %zu was taken %u times only", i, done[i]);
    }
}

/* The judge can tell: a disk that says "synced" and is not loses commits. */
Test(vault_power, lost_with_a_disk_that_lies_would_be_seen)
{
    static struct story story;
    story_play(&story, 7, 60);
    unsigned wrong = 0;
    for (size_t i = 1; i + 1 < story.count; i++) {
        struct world left;
        world_folder(&left);
        /* all of what was written since the commit before was told is missing */
        tape_lose_power(story.tape, story.commits[i - 1].told, 0, left.folder);
        wrong += !story_allows(&story, story.commits[i].told, open_and_look(&left));
        world_sweep(&left);
    }
    cr_assert_gt(wrong, story.count / 2);
    story_fini(&story);
}
