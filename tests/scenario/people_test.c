/* People who share one user of the system, with the built programs: each has their own name in the records, and their
 * own calls. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/site.h"

static struct world world;
static struct laptop *laptop;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", true);
    laptop_enrol(laptop, "Garden", world.centre.port);
    cr_assert_eq(setenv("XDG_RUNTIME_DIR", laptop->dir, 1), 0);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(people, .init = setup, .fini = teardown, .timeout = 120);

/* A file with a passphrase that only its owner may read. */
static const char *passphrase_file(const char *name, const char *passphrase)
{
    static char paths[4][FOLDER_PATH_SIZE];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, FOLDER_PATH_SIZE, "%.200s/%.20s", laptop->dir, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    (void)fprintf(file, "%s\n", passphrase);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
    return path;
}

static void enter_people(void)
{
    (void)laptop_do(laptop, EXIT_DONE, "person", "add", "Ann Admin", "--role", "administrator", "--passphrase-file",
                    passphrase_file("ann", "ann's own words"), NULL);
}

static void sign_in(const char *name, const char *file, const char *passphrase)
{
    (void)laptop_do(laptop, EXIT_DONE, "sign-in", name, "--passphrase-file", passphrase_file(file, passphrase), NULL);
}

Test(people, before_anybody_is_entered_everything_is_as_it_was)
{
    json_t *who = laptop_do(laptop, EXIT_DONE, "whoami", NULL);
    cr_expect_not(true_at(who, "people_entered"));
    cr_expect(true_at(who, "known"));
    cr_expect_eq(json_array_size(json_at(who, "roles")), 5);
    site_import_people(laptop, "GDN", 1);
}

Test(people, who_signs_in_makes_the_calls_of_their_role_under_their_own_name)
{
    char session[SITE_TEXT_SIZE];
    site_import_people(laptop, "GDN", 1);
    session_name("GDN", 1, 1, session);
    enter_people();
    cr_assert_not_null(
        strstr(text_at(laptop_do(laptop, EXIT_REFUSED, "roll", NULL), "error.message"), "sign in first"));
    (void)laptop_do(laptop, EXIT_REFUSED, "sign-in", "Ann Admin", "--passphrase-file",
                    passphrase_file("wrong", "somebody else's words"), NULL);
    sign_in("Ann Admin", "ann", "ann's own words");
    (void)laptop_do(laptop, EXIT_DONE, "person", "add", "Sue Super", "--role", "supervisor", "--passphrase-file",
                    passphrase_file("sue", "sue's own words"), NULL);
    (void)laptop_do(laptop, EXIT_DONE, "person", "add", "Tom Trust", "--role", "trustee", "--passphrase-file",
                    passphrase_file("tom", "tom's own words"), NULL);

    sign_in("Sue Super", "sue", "sue's own words");
    site_attend(laptop, session, "attended", NULL);
    cr_expect_str_eq(text_at(laptop_do(laptop, EXIT_DONE, "session", session, NULL), "assertions.0.actor"),
                     "Sue Super");
    json_t *refused = laptop_do(laptop, EXIT_REFUSED, "referrals", NULL);
    cr_expect_not_null(strstr(text_at(refused, "error.message"), "coordinator"), "%s",
                       text_at(refused, "error.message"));
    (void)laptop_do(laptop, EXIT_REFUSED, "person", "list", NULL);

    sign_in("Tom Trust", "tom", "tom's own words");
    (void)laptop_do(laptop, EXIT_DONE, "flags", NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "attend", session, "absent", "--note", "no", NULL);

    (void)laptop_do(laptop, EXIT_DONE, "sign-out", NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "flags", NULL);
    cr_expect(true_at(laptop_status(laptop), "enrolled"), "how things stand is for everybody");
}

Test(people, the_token_is_in_a_file_of_ones_own_and_in_no_answer)
{
    char command[2 * FOLDER_PATH_SIZE];
    enter_people();
    json_t *answer = laptop_do(laptop, EXIT_DONE, "sign-in", "Ann Admin", "--passphrase-file",
                               passphrase_file("ann", "ann's own words"), NULL);
    cr_expect_str_eq(text_at(answer, "token"), "");
    (void)snprintf(command, sizeof(command), "test \"$(stat -c %%a %s/holdfast-*)\" = 600", laptop->dir);
    cr_expect_eq(system(command), 0);
    (void)laptop_do(laptop, EXIT_DONE, "person", "list", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "sign-out", NULL);
    (void)snprintf(command, sizeof(command), "test ! -e %s/holdfast-*", laptop->dir);
    cr_expect_eq(system(command), 0);
}

/* Is it in the audit log, by this person? */
static bool noted(const char *kind, const char *call, const char *person)
{
    json_t *entries = json_at(laptop_do(laptop, EXIT_DONE, "audit", NULL), "entries");
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        if (strcmp(text_at(entry, "kind"), kind) == 0 && text_holds(entry, "call", call) &&
            strcmp(text_at(entry, "person"), person) == 0) {
            return true;
        }
    }
    return false;
}

Test(people, what_they_do_to_the_machine_is_in_the_audit_log)
{
    char file[FOLDER_PATH_SIZE];
    enter_people();
    sign_in("Ann Admin", "ann", "ann's own words");
    cr_expect_not(noted("backup", "/v1/backup", "Ann Admin"));
    (void)snprintf(file, sizeof(file), "%.180s/garden.hfb", world.folder);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    cr_expect(noted("backup", "/v1/backup", "Ann Admin"));
    (void)laptop_do(laptop, EXIT_DONE, "volunteer", "add", "V-9", "--name", "Vi Untold", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "volunteer", "remove", "V-9", NULL);
    cr_expect(noted("volunteer", "POST /v1/volunteers", "Ann Admin"));
    cr_expect_not(noted("volunteer", "V-9", "Ann Admin"), "who was taken out is in no note either");
    (void)laptop_do(laptop, EXIT_DONE, "audit", "--verify", NULL);
}

Test(people, a_trustee_who_looks_at_a_message_does_not_mark_it_as_read)
{
    (void)centre_do(&world.centre, EXIT_DONE, "message", "send", "--site", "Garden", "How many places in May?", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", NULL);
    enter_people();
    sign_in("Ann Admin", "ann", "ann's own words");
    (void)laptop_do(laptop, EXIT_DONE, "person", "add", "Tom Trust", "--role", "trustee", "--passphrase-file",
                    passphrase_file("tom", "tom's own words"), NULL);
    (void)laptop_do(laptop, EXIT_DONE, "person", "add", "Cora Coord", "--role", "coordinator", "--passphrase-file",
                    passphrase_file("cora", "cora's own words"), NULL);
    sign_in("Tom Trust", "tom", "tom's own words");
    char id[40];
    json_t *listed = laptop_do(laptop, EXIT_DONE, "message", "list", NULL);
    (void)snprintf(id, sizeof(id), "%s", text_at(listed, "messages.0.id"));
    (void)laptop_do(laptop, EXIT_DONE, "message", "show", id, NULL);
    cr_expect(true_at(laptop_do(laptop, EXIT_DONE, "message", "list", NULL), "messages.0.unread"));
    sign_in("Cora Coord", "cora", "cora's own words");
    (void)laptop_do(laptop, EXIT_DONE, "message", "show", id, NULL);
    cr_expect_not(true_at(laptop_do(laptop, EXIT_DONE, "message", "list", NULL), "messages.0.unread"));
}

Test(people, retention_says_on_the_screen_how_much_of_each_kind_is_due)
{
    char path[FOLDER_PATH_SIZE];
    struct process_result result;
    laptop_stop(laptop);
    laptop_set_config(laptop, "[retention]\nmonths = 12\n");
    laptop_start(laptop);
    (void)laptop_do(laptop, EXIT_DONE, "import", "--kind", "placements",
                    world_file(&world, "old.csv",
                               "ref,participant,name,basis,starts_on,ends_on,pattern,hours\n"
                               "OLD-P1,OLD-1,Olive Longago,mandatory,2019-03-04,2019-06-28,Mon 09:30-13:30,4\n",
                               path),
                    NULL);
    const char *const argv[] = { program_cli, "retention", "--socket", laptop->socket, NULL };
    process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
    cr_assert_eq(buf_append(&result.out, "", 1, NULL), ERR_OK);
    cr_expect_not_null(strstr((const char *)result.out.data, "OLD-1"), "%s", (const char *)result.out.data);
    cr_expect_not_null(strstr((const char *)result.out.data, "Together: participant 1, placement 1."), "%s",
                       (const char *)result.out.data);
    process_result_fini(&result);

    const char *const kinds[] = { program_cli, "retention", "kinds", "--socket", laptop->socket, NULL };
    process_try(kinds, slice_of_text(""), WORLD_STEP_MS, &result);
    cr_assert_eq(buf_append(&result.out, "", 1, NULL), ERR_OK);
    const char *placement = strstr((const char *)result.out.data, "placement ");
    cr_assert_not_null(placement, "%s", (const char *)result.out.data);
    cr_expect_not_null(strstr(placement, "a claim about a contract"), "%s", placement);
    cr_expect_not_null(strstr((const char *)result.out.data, "due 12 months after the newest day"), "%s",
                       (const char *)result.out.data);
    process_result_fini(&result);
}

static void read_page(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    size_t len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    cr_assert_lt(len, size - 1);
    (void)fclose(file);
}

static void expect_fields_on(const char *page, const json_t *record)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(record, "fields"), name, value)
    {
        char said[300];
        char *plain = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        (void)snprintf(said, sizeof(said), "%s: %.200s", name, plain != NULL ? plain : json_string_value(value));
        cr_expect_not_null(strstr(page, said), "the page lacks \"%s\"", said);
        free(plain);
    }
}

/* What a person can read of it, without blanks: a line of a cell may end within a word. */
static char *pdf_words(const char *path)
{
    struct process_result result;
    const char *argv[] = { "/usr/bin/env", "pdftotext", path, "-", NULL };
    process_try(argv, slice_of_text(""), 20000, &result);
    cr_assert_eq(result.exit_status, 0, "%.*s", (int)result.err.len, (const char *)result.err.data);
    char *words = calloc(1, result.out.len + 1);
    cr_assert_not_null(words);
    size_t len = 0;
    for (size_t i = 0; i < result.out.len; i++) {
        if (strchr(" \n\f", result.out.data[i]) == NULL) {
            words[len++] = (char)result.out.data[i];
        }
    }
    process_result_fini(&result);
    return words;
}

static void expect_words(const char *words, const char *said)
{
    while (*said != '\0') {
        char word[64];
        size_t len = strcspn(said, " \n");
        (void)snprintf(word, sizeof(word), "%.*s", (int)len, said);
        cr_expect_not_null(strstr(words, word), "the PDF lacks \"%s\"", word);
        said += len + (said[len] != '\0');
    }
}

Test(people, a_persons_copy_as_a_pdf_says_what_the_json_says_and_names_nobody_else)
{
    char csv[FOLDER_PATH_SIZE];
    char pdf[FOLDER_PATH_SIZE];
    size_t index;
    json_t *record;
    (void)laptop_do(laptop, EXIT_DONE, "import", "--kind", "placements",
                    world_file(&world, "copy.csv",
                               "ref,participant,name,basis,starts_on,ends_on,pattern,hours\n"
                               "CPY-P1,CPY-1,Olive Copied,mandatory,2026-03-02,2026-06-26,Mon 09:30-13:30,4\n"
                               "CPY-P2,CPY-2,Oscar Other,mandatory,2026-03-02,2026-06-26,Mon 09:30-13:30,4\n",
                               csv),
                    NULL);
    (void)laptop_do(laptop, EXIT_DONE, "attend", "CPY-P1@2026-03-02", "attended", "--note", "swept the glasshouse",
                    NULL);
    (void)laptop_do(laptop, EXIT_DONE, "attend", "CPY-P2@2026-03-02", "attended", "--note", "of somebody else", NULL);
    (void)snprintf(pdf, sizeof(pdf), "%.200s/copy.pdf", laptop->dir);
    json_t *copy = laptop_do(laptop, EXIT_DONE, "subject-access", "CPY-1", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "subject-access", "CPY-1", "-o", pdf, NULL);
    char *words = pdf_words(pdf);
    cr_assert_geq(json_array_size(json_object_get(copy, "records")), 3);
    json_array_foreach(json_object_get(copy, "records"), index, record)
    {
        const char *name;
        json_t *value;
        json_object_foreach(json_object_get(record, "fields"), name, value)
        {
            expect_words(words, name);
            expect_words(words, json_is_string(value) ? json_string_value(value) : "");
        }
        char day[DATE_TEXT_SIZE];
        (void)snprintf(day, sizeof(day), "%.10s",
                       text_at(record, "recorded_at")); /* the time is on a line of its own */
        expect_words(words, day);
    }
    cr_expect_not_null(strstr(words, "glasshouse"));
    cr_expect_null(strstr(words, "Oscar"), "and nobody else");
    cr_expect_null(strstr(words, "somebody"), "nor what is recorded about them");
    free(words);
}

Test(people, a_persons_copy_as_a_page_has_every_field_of_every_record_that_the_json_has)
{
    static char page[1 << 20];
    char csv[FOLDER_PATH_SIZE];
    char html[FOLDER_PATH_SIZE];
    size_t index;
    json_t *record;
    (void)laptop_do(laptop, EXIT_DONE, "import", "--kind", "placements",
                    world_file(&world, "copy.csv",
                               "ref,participant,name,basis,starts_on,ends_on,pattern,hours\n"
                               "CPY-P1,CPY-1,Olive Copied,mandatory,2026-03-02,2026-06-26,Mon 09:30-13:30,4\n"
                               "CPY-P2,CPY-2,Oscar Other,mandatory,2026-03-02,2026-06-26,Mon 09:30-13:30,4\n",
                               csv),
                    NULL);
    (void)laptop_do(laptop, EXIT_DONE, "attend", "CPY-P1@2026-03-02", "attended", NULL);
    (void)snprintf(html, sizeof(html), "%.200s/copy.html", laptop->dir);
    json_t *copy = laptop_do(laptop, EXIT_DONE, "subject-access", "CPY-1", NULL);
    cr_assert_geq(json_array_size(json_object_get(copy, "records")), 3);
    (void)laptop_do(laptop, EXIT_DONE, "subject-access", "CPY-1", "-o", html, NULL);
    read_page(html, page, sizeof(page));
    json_array_foreach(json_object_get(copy, "records"), index, record)
    {
        cr_expect_not_null(strstr(page, text_at(record, "recorded_at")));
        expect_fields_on(page, record);
    }
    cr_expect_null(strstr(page, "Oscar Other"), "and nobody else");
}
