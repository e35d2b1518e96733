/* From a flag to the Jobcentre and back, by the built programs: review, preview, doubt with its evidence, decision,
 * challenge; and an excuse on another laptop that stops it all. */
#include <stdio.h>
#include <string.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define STEP_MS 60000
#define PATH_SIZE (FOLDER_PATH_SIZE + 32)

static struct world world;
static struct laptop *office;
static struct laptop *shed;
static char session[SITE_TEXT_SIZE];
static char day[SITE_TEXT_SIZE];
static char pack[PATH_SIZE];

static void sync_now(struct laptop *laptop)
{
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

/* The last day but two on which somebody was expected: no bank holiday. */
static void choose_session(void)
{
    for (int ago = 3; ago < 10; ago++) {
        day_ago(ago, day);
        if (json_array_size(json_at(laptop_do(office, EXIT_DONE, "roll", "--date", day, NULL), "sessions")) > 0) {
            session_name("GDN", 1, ago, session);
            return;
        }
    }
    cr_assert_fail("nobody is expected for a week");
}

static void setup(void)
{
    char served[SITE_TEXT_SIZE];
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    office = laptop_make(&world, "office", true);
    shed = laptop_make(&world, "shed", true);
    laptop_enrol(office, "Garden", world.centre.port);
    laptop_enrol(shed, "Garden", world.centre.port);
    site_import_people(office, "GDN", 1);
    day_ago(40, served);
    (void)laptop_do(office, EXIT_DONE, "referral", "add", "GDN-R001", "--person", "GDN-001", "--route", "cwp",
                    "--basis", "mandatory", "--on", served, NULL);
    (void)laptop_do(office, EXIT_DONE, "placement", "change", "GDN-P001", "--referral", "GDN-R001", "--from", served,
                    NULL);
    choose_session();
    (void)snprintf(pack, sizeof(pack), "%s/pack", world.folder);
    (void)laptop_do(office, EXIT_DONE, "notice", "add", "GDN-P001", "--served", served, "--by", "hand", "--says", "all",
                    NULL);
    site_attend(office, session, "absent", NULL);
    (void)laptop_ask(office, "ok", "POST", "/v1/records",
                     json_pack("{s:s,s:{s:s,s:s,s:s,s:s,s:s}}", "kind", "contact_attempt", "fields", "participant",
                               "GDN-001", "day", day, "means", "phone", "outcome", "no_answer", "about_day", day));
    sync_now(office);
    sync_now(shed);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(doubt, .init = setup, .fini = teardown, .timeout = 240);

static void review(void)
{
    WAIT_UNTIL(site_flag(office, "unexplained_absence", session) != NULL, STEP_MS);
    const char *flag = text_at(site_flag(office, "unexplained_absence", session), "id");
    (void)laptop_do(office, EXIT_DONE, "review", flag, "--outcome", "doubt", "--answer", "asked, no answer", "--answer",
                    "asked, no answer", "--answer", "lives nearby", "--answer", "none known", "--answer",
                    "yes, by hand", "--answer", "nothing said", NULL);
}

static const char *raise_doubt(void)
{
    json_t *raised = laptop_do(office, EXIT_DONE, "doubt", "raise", session, "--reviewer", "R. Reviewer", "--evidence",
                               pack, "--confirm", NULL);
    cr_assert_str_eq(text_at(raised, "doubt.status"), "standing");
    return text_at(raised, "doubt.id");
}

Test(doubt, goes_from_a_flag_to_the_jobcentre_with_its_evidence_and_comes_back_decided)
{
    json_t *preview = laptop_do(office, EXIT_DONE, "doubt", "preview", session, NULL);
    cr_assert(!true_at(preview, "ready"));
    cr_assert_str_eq(text_at(preview, "missing.0.code"), "no_review");
    (void)laptop_do(office, EXIT_REFUSED, "doubt", "raise", session, "--reviewer", "R. Reviewer", "--evidence", pack,
                    "--confirm", NULL);
    review();
    const char *id = raise_doubt();
    sync_now(office);

    /* the pack is the one whose digest went along */
    struct process_result result;
    char manifest[PATH_SIZE + 16];
    (void)snprintf(manifest, sizeof(manifest), "%s/MANIFEST", pack);
    const char *argv[] = { "/usr/bin/sha256sum", manifest, NULL };
    process_try(argv, slice_of_text(""), STEP_MS, &result);
    cr_assert(result.exit_status == 0 && result.out.len > 64);
    json_t *listed = centre_do(&world.centre, EXIT_DONE, "doubts", "--site", "Garden", NULL);
    cr_assert_str_eq(text_at(listed, "doubts.0.status"), "standing");
    cr_assert_str_eq(text_at(listed, "doubts.0.session"), session);
    cr_assert_eq(strncmp(text_at(listed, "doubts.0.evidence"), (const char *)result.out.data, 64), 0);
    process_result_fini(&result);

    (void)centre_do(&world.centre, EXIT_DONE, "decision", "new", "--site", "Garden", "--doubt", id, "--outcome",
                    "adverse", "--weeks", "4", NULL);
    sync_now(office);
    json_t *doubt = laptop_do(office, EXIT_DONE, "doubt", "show", id, NULL);
    cr_assert_str_eq(text_at(doubt, "doubt.status"), "decided");
    cr_assert_str_eq(text_at(doubt, "doubt.decision.outcome"), "adverse");
    json_t *challenges = laptop_do(office, EXIT_DONE, "challenge", NULL);
    cr_assert_str_eq(text_at(challenges, "challenges.0.next"), "mandatory_reconsideration");
    json_t *asked =
        laptop_do(office, EXIT_DONE, "challenge", "add", text_at(challenges, "challenges.0.decision.id"), "--form",
                  "mandatory_reconsideration", "--made", text_at(challenges, "challenges.0.decision.decided_on"), NULL);
    cr_assert_str_eq(text_at(asked, "challenge.next"), "waiting");
}

Test(doubt, an_excuse_on_another_laptop_stops_it_on_both_and_at_the_centre)
{
    review();
    const char *id = raise_doubt();
    sync_now(office);
    sync_now(shed);
    cr_assert_str_eq(text_at(laptop_do(shed, EXIT_DONE, "doubt", "show", id, NULL), "doubt.status"), "standing");
    site_attend(shed, session, "excused", "a letter came");
    sync_now(shed);
    sync_now(office);
    cr_assert_str_eq(text_at(laptop_do(shed, EXIT_DONE, "doubt", "show", id, NULL), "doubt.status"), "suspended");
    json_t *doubt = laptop_do(office, EXIT_DONE, "doubt", "show", id, NULL);
    cr_assert_str_eq(text_at(doubt, "doubt.status"), "suspended");
    cr_assert_str_eq(text_at(doubt, "doubt.wants.0.code"), "excused");
    json_t *listed = centre_do(&world.centre, EXIT_DONE, "doubts", "--site", "Garden", NULL);
    cr_assert_eq(json_array_size(json_at(listed, "doubts")), 0);
    (void)centre_do(&world.centre, EXIT_REFUSED, "decision", "new", "--site", "Garden", "--doubt", id, "--outcome",
                    "adverse", NULL);
    (void)laptop_do(office, EXIT_DONE, "doubt", "withdraw", id, "--reason", "excused", NULL);
    sync_now(office);
    sync_now(shed);
    cr_assert_str_eq(text_at(laptop_do(shed, EXIT_DONE, "doubt", "show", id, NULL), "doubt.status"), "withdrawn");
}
