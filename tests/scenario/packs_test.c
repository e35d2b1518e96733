/* A programme pack from the centre, by the built programs: it reaches a laptop on the line and one by a stick, switches
 * the rules of both while they run, and nothing that could not be used is ever given out. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "sync/edge/backup_task.h"
#include "sync/edge/local_client.h"
#include "tests/support/held_disk.h"
#include "tests/support/proxy.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define STEP_MS 60000
#define OTHER "steps-to-trade-2031" /* invented, for the tests of the rules; version 7 */

static struct world world;
static struct proxy *line; /* of the shed */
static struct laptop *office;
static struct laptop *shed; /* without a network but for its enrolment */
static char session[SITE_TEXT_SIZE];

static void sync_now(struct laptop *laptop)
{
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

/* Two days of absence, in another week than the one that a bank holiday may be in. */
static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    office = laptop_make(&world, "office", true);
    shed = laptop_make(&world, "shed", true);
    laptop_enrol(office, "Garden", world.centre.port);
    line = proxy_start(world.centre.port);
    laptop_enrol(shed, "Garden", proxy_port(line));
    site_import_people(office, "GDN", 1);
    for (int ago = 3, absent = 0; absent < 2 && ago < 12; ago++) {
        char day[SITE_TEXT_SIZE];
        day_ago(ago, day);
        if (json_array_size(json_at(laptop_do(office, EXIT_DONE, "roll", "--date", day, NULL), "sessions")) > 0) {
            session_name("GDN", 1, ago, session);
            site_attend(office, session, "absent", NULL);
            absent++;
        }
    }
    static const struct proxy_faults cut = { .refuse = true };
    sync_now(office);
    sync_now(shed);
    proxy_set(line, &cut);
}

static void teardown(void)
{
    world_fini(&world);
    proxy_stop(line);
}

TestSuite(packs, .init = setup, .fini = teardown, .timeout = 240);

static bool rules_say(struct laptop *laptop, const char *words)
{
    size_t index;
    json_t *flag;
    json_array_foreach(json_at(laptop_do(laptop, EXIT_DONE, "flags", NULL), "flags"), index, flag)
    {
        if (strcmp(text_at(flag, "code"), "repeat_absence") == 0 && text_holds(flag, "rule", words)) {
            return true;
        }
    }
    return false;
}

static bool in_force(struct laptop *laptop, const char *name, const char *source)
{
    json_t *status = laptop_status(laptop);
    return strcmp(text_at(status, "programme.id"), name) == 0 &&
           strcmp(text_at(status, "programme.source"), source) == 0;
}

Test(packs, of_another_programme_switches_the_rules_of_running_agents_on_the_line_and_by_a_stick)
{
    char stick[FOLDER_PATH_SIZE];
    const char *shed_id = text_at(laptop_status(shed), "device.id");
    WAIT_UNTIL(rules_say(office, "4 weeks"), STEP_MS);
    cr_assert(in_force(office, "help-to-work-2014", "built_in"));
    json_t *added = centre_do(&world.centre, EXIT_DONE, "pack", "add", OTHER_PACK_FILE, "--in-force-from", "2026-01-01",
                              "--all", NULL);
    cr_assert_eq(number_at(added, "written"), 1);
    (void)snprintf(stick, sizeof(stick), "%.180s/pack.bundle", world.folder);
    (void)centre_do(&world.centre, EXIT_DONE, "bundle", "export", "--device", shed_id, stick, NULL);

    sync_now(office);
    WAIT_UNTIL(in_force(office, OTHER, "centre"), STEP_MS);
    WAIT_UNTIL(rules_say(office, "1 week"), STEP_MS);
    cr_assert_not(rules_say(office, "4 weeks"));

    cr_assert(in_force(shed, "help-to-work-2014", "built_in"));
    (void)laptop_do(shed, EXIT_DONE, "bundle", "import", stick, NULL);
    WAIT_UNTIL(in_force(shed, OTHER, "centre"), STEP_MS);
    WAIT_UNTIL(rules_say(shed, "1 week"), STEP_MS);

    (void)laptop_do(office, EXIT_DONE, "referral", "add", "R-1", "--person", "GDN-001", "--route", "garden", "--basis",
                    "mandatory", NULL);
    json_t *declined = laptop_do(office, EXIT_DONE, "referral", "decline", "R-1", "--reason", "charter", NULL);
    cr_assert_eq(json_array_size(json_at(declined, "warnings")), 0);
    cr_assert(true_at(laptop_do(office, EXIT_DONE, "referral", "show", "R-1", NULL), "events.0.policy"),
              "in its words a matter of policy");

    json_t *packs = laptop_do(office, EXIT_DONE, "pack", "list", NULL);
    cr_assert_str_eq(text_at(packs, "packs.0.name"), OTHER);
    cr_assert(true_at(packs, "packs.0.in_force"));
    cr_assert_str_eq(text_at(packs, "packs.0.sha256"), text_at(added, "sha256"));
    json_t *shown = laptop_do(office, EXIT_DONE, "pack", "show", NULL);
    cr_assert_str_eq(text_at(shown, "id"), OTHER);
}

/* A check of a backup that was begun, and whose client goes on later. */
static const char *begin_check(struct laptop *laptop)
{
    char file[FOLDER_PATH_SIZE];
    struct error err;
    SCOPED(buf_fini) struct buf bytes;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&bytes, (size_t)64 * 1024 * 1024);
    buf_init(&answer, 4096);
    (void)snprintf(file, sizeof(file), "%.180s/garden.backup", world.folder);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    cr_assert_eq(file_read(file, &bytes, &err), ERR_OK, "%s", err.message);
    struct slice head = slice_of(bytes.data, bytes.len < BACKUP_PIECE_BYTES ? bytes.len : BACKUP_PIECE_BYTES);
    cr_assert_eq(local_request_bytes(laptop->socket, "POST", "/v1/restore/begin?check=1", head,
                                     "application/octet-stream", STEP_MS / 1000, &answer, &err),
                 ERR_OK, "%s", err.message);
    json_t *begun = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    static char id[SITE_TEXT_SIZE];
    (void)snprintf(id, sizeof(id), "%s", text_at(begun, "id"));
    json_decref(begun);
    return id;
}

Test(packs, wait_for_the_end_of_a_check_of_a_backup)
{
    const char *id = begin_check(office);
    (void)centre_do(&world.centre, EXIT_DONE, "pack", "add", OTHER_PACK_FILE, "--in-force-from", "2026-01-01", "--all",
                    NULL);
    sync_now(office);
    cr_assert_eq(json_array_size(json_at(laptop_do(office, EXIT_DONE, "pack", "list", NULL), "packs")), 2,
                 "it is here");
    (void)sleep(2); /* it is asked for every second */
    json_t *status = laptop_status(office);
    cr_assert_str_eq(text_at(status, "programme.source"), "built_in");
    cr_assert(json_is_object(json_at(status, "restore")));
    (void)laptop_ask(office, "ok", "POST", "/v1/restore/cancel", json_pack("{s:s}", "id", id));
    WAIT_UNTIL(in_force(office, OTHER, "centre"), STEP_MS);
}

/* A charity's first year: making its tables takes a while. */
static void import_many(struct laptop *laptop)
{
    static const struct site_register year = { .prefix = "MNY", .placements = 30, .from_days_ago = 399, .days = 390 };
    site_import_people(laptop, "MNY", 30);
    (void)site_import_register(laptop, &year);
}

static bool is_preparing(struct laptop *laptop)
{
    return strcmp(text_at(laptop_status(laptop), "state"), "preparing") == 0;
}

Test(packs, make_the_tables_of_a_large_replica_beside_the_status_and_again_after_a_kill_in_the_middle)
{
    held_disk_start(office);
    import_many(office);
    WAIT_UNTIL(rules_say(office, "4 weeks"), STEP_MS);
    laptop_wait_synchronised(office, STEP_MS);
    held_disk_hold(office);
    (void)centre_do(&world.centre, EXIT_DONE, "pack", "add", OTHER_PACK_FILE, "--in-force-from", "2026-01-01", "--all",
                    NULL);
    WAIT_UNTIL(is_preparing(office), STEP_MS);
    json_t *refused = laptop_ask(office, "busy", "GET", "/v1/flags", NULL);
    cr_assert(text_holds(refused, "error.message", "holdfast status"));
    cr_assert(is_preparing(office), "the refusal came while it went on");
    held_disk_let_go(office);
    WAIT_UNTIL(number_at(laptop_status(office), "preparing.records_done") > 0 || !is_preparing(office), STEP_MS);
    laptop_kill(office);

    laptop_start(office);
    WAIT_UNTIL(in_force(office, OTHER, "centre"), STEP_MS);
    WAIT_UNTIL(rules_say(office, "1 week"), STEP_MS);
    cr_assert_not(rules_say(office, "4 weeks"));
    json_t *verified = laptop_do(office, EXIT_DONE, "verify", NULL); /* the tables are those that the log gives */
    cr_assert_gt(number_at(verified, "ops"), 10000);
}

Test(packs, that_could_not_be_used_or_go_backwards_are_refused_and_no_laptop_hears_of_them)
{
    json_t *list = NULL;
    (void)centre_do(&world.centre, EXIT_DONE, "pack", "add", OTHER_PACK_FILE, "--in-force-from", "2100-01-01", "--site",
                    "Garden", NULL);
    json_t *refused = centre_do(&world.centre, EXIT_REFUSED, "pack", "add", BUILT_IN_PACK_FILE, "--in-force-from",
                                "2026-01-01", "--all", NULL); /* version 4, after 7 */
    cr_assert(text_holds(refused, "error.message", "versions only grow"));
    (void)centre_do(&world.centre, EXIT_USAGE, "pack", "add", NO_PACK_FILE, "--in-force-from", "2026-01-01", "--all",
                    NULL);
    (void)centre_do(&world.centre, EXIT_USAGE, "pack", "add", OTHER_PACK_FILE, "--in-force-from", "2026-01-01", NULL);
    sync_now(office);
    list = laptop_do(office, EXIT_DONE, "pack", "list", NULL);
    cr_assert_eq(json_array_size(json_at(list, "packs")), 2, "the one that is to come, and the built-in one");
    cr_assert_eq(json_array_size(json_at(list, "refused")), 0);
    cr_assert(in_force(office, "help-to-work-2014", "built_in"));
}
