/*
 * Two laptops of one site record and exchange with the centre while any of the three is killed at random moments.
 *
 *     writer a ──► holdfastd a ──TLS──► holdfast-endpoint ◄──TLS── holdfastd b ◄── writer b
 *                     ✗ kill -9             ✗ kill -9                 ✗ kill -9
 *
 * Afterwards every record that an agent acknowledged is in all three logs, once, as the op that the agent named; the
 * replicas hold the same tables; every chain and signature fits.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "chance.h"
#include "crypto/digest.h"
#include "tests/support/wait.h"
#include "writer.h"

enum {
    KILLS = 200,
    RECORDS_BETWEEN = 40, /* at most so many are acknowledged before the next kill ... */
    PROGRESS_MS = 3000,   /* ... or so much time passes */
    STARTING_US = 150000, /* mostly while the victim of the time before starts */
    MOMENT_US = 50000,
    LAPTOPS = 2,
};

#define LOG_LIMIT "100000"
#define SYNC_MS 120000

struct site {
    struct chance chance;
    struct world world;
    struct laptop *laptops[LAPTOPS];
    struct writer writers[LAPTOPS];
    unsigned killed_laptops;
    unsigned killed_centres;
};

static struct site site;

/* ---- set-up ---- */

static void start(void)
{
    site = (struct site){ .chance = chance_begin("crash_kill") };
    world_init(&site.world);
    centre_make(&site.world);
    centre_add_site(&site.world.centre, "Green Spaces", "Garden");
    for (int i = 0; i < LAPTOPS; i++) {
        static const char *const names[] = { "a", "b" };
        site.laptops[i] = laptop_make(&site.world, names[i], true);
        laptop_enrol(site.laptops[i], "Garden", site.world.centre.port);
    }
}

static void stop(void)
{
    for (int i = 0; i < LAPTOPS; i++) {
        writer_fini(&site.writers[i]);
    }
    world_fini(&site.world);
}

TestSuite(kill, .init = start, .fini = stop);

static void synchronise(void)
{
    /* what the last one sends has to reach the first one too */
    for (int i = 0; i < 2 * LAPTOPS; i++) {
        struct laptop *laptop = site.laptops[i % LAPTOPS];
        (void)laptop_ask(laptop, "ok", "POST", "/v1/sync", json_pack("{s:b,s:i}", "wait", 1, "timeout_s", 60));
        laptop_wait_synchronised(laptop, SYNC_MS);
    }
}

/* ---- killing ---- */

/* Whoever ends by itself has found a fault of its own. */
static void kill_and_start(struct process *process, const char *const *argv)
{
    if (!process_running(process)) {
        process_show(process);
        cr_assert_fail("'%s' ended by itself", process->name);
    }
    process_kill(process);
    process_start(process, argv);
}

static void kill_laptop(struct laptop *laptop)
{
    const char *argv[] = { program_agent, "--state-dir", laptop->dir, "--key-file", laptop->key_file, NULL };
    kill_and_start(&laptop->process, argv);
    site.killed_laptops++;
}

static void kill_centre(void)
{
    struct centre *centre = &site.world.centre;
    char listen[32];
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%u", centre->port);
    const char *argv[] = { program_centre, "--state-dir", centre->dir, "--listen", listen, NULL };
    kill_and_start(&centre->process, argv);
    site.killed_centres++;
}

static uint32_t acknowledged(void)
{
    return atomic_load(&site.writers[0].acknowledged) + atomic_load(&site.writers[1].acknowledged);
}

/* By what was done, not by time alone: a slow machine is killed as often in the middle of work as a fast one. */
static void let_them_work(void)
{
    if (chance_below(&site.chance, 4) == 0) {
        pause_us(chance_below(&site.chance, STARTING_US));
        return;
    }
    uint32_t enough = acknowledged() + 1 + chance_below(&site.chance, RECORDS_BETWEEN);
    int64_t end_ms = clock_monotonic_ms() + PROGRESS_MS;
    while (acknowledged() < enough && clock_monotonic_ms() < end_ms) {
        sleep_ms(2);
    }
    pause_us(chance_below(&site.chance, MOMENT_US));
}

static void kill_somebody(void)
{
    let_them_work();
    uint32_t whom = chance_below(&site.chance, 10);
    if (whom != 0 && whom <= 5) {
        kill_laptop(site.laptops[whom % LAPTOPS]);
    } else if (whom != 0) {
        kill_centre();
    } else {
        kill_laptop(site.laptops[chance_below(&site.chance, LAPTOPS)]);
        kill_centre();
    }
}

static void restart_all(void)
{
    centre_kill(&site.world.centre);
    centre_start(&site.world.centre);
    for (int i = 0; i < LAPTOPS; i++) {
        laptop_kill(site.laptops[i]);
        laptop_start(site.laptops[i]);
    }
}

/* ---- checking ---- */

struct seen {
    uint32_t times;
    json_int_t seq;
    const char *device;
};

static void see(struct seen *seen, const struct writer *writer, json_t *entry, const char *whose)
{
    uint32_t record;
    if (!writer_note_parse(writer, text_at(entry, "fields.note"), &record)) {
        return;
    }
    seen[record].times++;
    seen[record].seq = number_at(entry, "op.seq");
    seen[record].device = text_at(entry, "op.device");
    cr_assert_str_empty(text_at(entry, "quarantine"), "%s: record %c %u is quarantined", whose, writer->name, record);
}

static void check_record(const struct writer *writer, uint32_t record, const struct seen *seen, const char *device,
                         const char *whose)
{
    const struct record_tried *tried = &writer->records[record];
    cr_assert_leq(seen->times, 1, "%s: record %c %u is there %u times", whose, writer->name, record, seen->times);
    if (tried->acknowledged) {
        cr_assert_eq(seen->times, 1, "%s: record %c %u was acknowledged and is lost", whose, writer->name, record);
    }
    if (seen->times == 1) {
        cr_assert_str_eq(seen->device, device, "%s: record %c %u is another device's", whose, writer->name, record);
    }
    if (tried->acknowledged && tried->seq != 0) {
        cr_assert_eq(seen->seq, tried->seq, "%s: record %c %u was acknowledged as %d and is %d", whose, writer->name,
                     record, (int)tried->seq, (int)seen->seq);
    }
}

static void check_log(json_t *log, const char *whose)
{
    json_t *entries = json_at(log, "entries");
    cr_assert(json_is_array(entries) && json_array_size(entries) > 0, "%s: no log", whose);
    for (int i = 0; i < LAPTOPS; i++) {
        const struct writer *writer = &site.writers[i];
        const char *device = text_at(laptop_status(writer->laptop), "device.id");
        struct seen *seen = calloc(WRITER_RECORDS_MAX, sizeof(*seen));
        size_t index;
        json_t *entry;
        cr_assert_not_null(seen);
        json_array_foreach(entries, index, entry)
        {
            see(seen, writer, entry, whose);
        }
        for (uint32_t record = 0; record < WRITER_RECORDS_MAX; record++) {
            check_record(writer, record, &seen[record], device, whose);
        }
        free(seen);
    }
}

static void check_logs(void)
{
    size_t size = 0;
    for (int i = 0; i < LAPTOPS; i++) {
        json_t *log = laptop_ask(site.laptops[i], "ok", "GET", "/v1/log?limit=" LOG_LIMIT, NULL);
        cr_assert(!true_at(log, "more"));
        check_log(log, site.laptops[i]->process.name);
        size = json_array_size(json_at(log, "entries"));
    }
    json_t *log = centre_do(&site.world.centre, EXIT_DONE, "log", "--limit", LOG_LIMIT, NULL);
    check_log(log, "centre");
    cr_assert_eq(json_array_size(json_at(log, "entries")), size, "the centre's log has another length than a laptop's");
}

static void check_histories(void)
{
    json_t *at_centre = centre_do(&site.world.centre, EXIT_DONE, "verify", NULL);
    cr_assert_eq(number_at(at_centre, "incidents"), 0);
    cr_assert_eq(number_at(at_centre, "quarantined"), 0);
    cr_assert_eq(number_at(at_centre, "signed_ops"), number_at(at_centre, "ops"));
    char digest[2 * SHA256_BYTES + 1] = "";
    for (int i = 0; i < LAPTOPS; i++) {
        json_t *here = laptop_do(site.laptops[i], EXIT_DONE, "verify", NULL);
        cr_assert_eq(number_at(here, "ops"), number_at(at_centre, "ops"));
        if (i == 0) {
            (void)snprintf(digest, sizeof(digest), "%s", text_at(here, "digest"));
            cr_assert_eq(strlen(digest), sizeof(digest) - 1);
        }
        cr_assert_str_eq(text_at(here, "digest"), digest, "the laptops' tables differ");
    }
    cr_assert(laptops_agree(site.laptops[0], site.laptops[1]));
}

/*
 * A record that the centre lost is sent again, so the end does not show it: but the laptop says that it noticed.
 * Between processes that were only killed nobody may ever have to say so.
 */
static void check_nobody_went_back(void)
{
    for (int i = 0; i < LAPTOPS; i++) {
        struct process *process = &site.laptops[i]->process;
        cr_assert(!process_said(process, "centre_lost_ops"), "the centre lost what it had acknowledged to '%s'",
                  process->name);
        cr_assert(!process_said(process, "replica_behind_own_record"), "'%s' lost what it had sent", process->name);
    }
    struct process *centre = &site.world.centre.process;
    cr_assert(!process_said(centre, "centre_behind_device"), "the centre lost what it had given out");
    cr_assert(!process_said(centre, "device_history"), "the centre and a laptop differ about its history");
}

Test(kill, nothing_acknowledged_is_lost_or_doubled_whoever_is_killed)
{
    unsigned kills = chance_kills(KILLS);
    int32_t today = clock_today(clock_wall_ms());
    int64_t began_ms = clock_monotonic_ms();
    writer_prepare(site.laptops[0], today, "ab");
    synchronise();
    for (int i = 0; i < LAPTOPS; i++) {
        writer_start(&site.writers[i], (char)('a' + i), site.laptops[i], chance_split(&site.chance), today);
    }
    while (site.killed_laptops + site.killed_centres < kills) {
        kill_somebody();
    }
    for (int i = 0; i < LAPTOPS; i++) {
        writer_stop(&site.writers[i]);
    }
    cr_assert(site.writers[0].tried < WRITER_RECORDS_MAX && site.writers[1].tried < WRITER_RECORDS_MAX,
              "more kills than there are records for");
    int took_s = (int)((clock_monotonic_ms() - began_ms) / 1000);
    restart_all();
    (void)fprintf(stderr, "crash_kill: %u kills of laptops, %u of the centre, %u records acknowledged in %d s\n",
                  site.killed_laptops, site.killed_centres, acknowledged(), took_s);
    cr_assert_gt(acknowledged(), kills, "too little was recorded between the kills to prove anything");
    check_nobody_went_back();
    synchronise();
    check_nobody_went_back();
    check_logs();
    check_histories();
}
