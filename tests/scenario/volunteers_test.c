/* Guard rail 3 with the built programs: whatever leaves a laptop that has volunteers, opened, has nothing of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/exchange.h"
#include "tests/support/centre_look.h"
#include "tests/support/proxy.h"
#include "tests/support/site.h"
#include "tests/support/tls_plain.h"
#include "tests/support/wait.h"

#define HEADERS_END "\r\n\r\n"
#define LENGTH_NAME "Content-Length:"
#define HOST "Community Shed"
#define FLAG_MS 60000
#define KEPT_MAX ((size_t)256 * 1024 * 1024)

static const char *const words[] = { "VOLREF-77", "Vesperfield", "Quillon", "Marrowbone",
                                     "beehives",  "wasps",       "ferns",   "conflation/" };
static const char placed[] = "Example Person 1"; /* a participant, who is known at the centre */

static struct world world;
static struct laptop *laptop;
static struct proxy *line;
static char key_log[FOLDER_PATH_SIZE];
static char flag_id[SITE_TEXT_SIZE];

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    line = proxy_start(world.centre.port);
    proxy_keep(line);
    (void)snprintf(key_log, sizeof(key_log), "%.200s/keys.log", world.folder);
    cr_assert_eq(setenv("SSLKEYLOGFILE", key_log, 1), 0);
    laptop = laptop_make(&world, "laptop", true);
    laptop_enrol(laptop, "Garden", proxy_port(line));
}

static void teardown(void)
{
    world_fini(&world);
    proxy_stop(line);
}

TestSuite(volunteers, .init = setup, .fini = teardown, .timeout = 180);

static void enter_placed(void)
{
    char path[FOLDER_PATH_SIZE];
    char text[512];
    char first[SITE_TEXT_SIZE];
    char last[SITE_TEXT_SIZE];
    day_ago(30, first);
    day_ago(-30, last);
    (void)snprintf(text, sizeof(text),
                   "ref,participant,name,basis,host,starts_on,ends_on,pattern,hours\n"
                   "GDN-P001,GDN-001,%s,mandatory," HOST ",%s,%s,Mon-Sun 09:30-13:30,28\n",
                   placed, first, last);
    (void)laptop_do(laptop, EXIT_DONE, "import", "--kind", "placements",
                    world_file(&world, "placements.csv", text, path), NULL);
}

/* The last day on which somebody was expected: no bank holiday. */
static int last_expected(char ret_day[SITE_TEXT_SIZE])
{
    for (int ago = 1; ago < 10; ago++) {
        day_ago(ago, ret_day);
        json_t *roll = laptop_do(laptop, EXIT_DONE, "roll", "--date", ret_day, NULL);
        if (json_array_size(json_at(roll, "sessions")) > 0) {
            return ago;
        }
    }
    cr_assert_fail("nobody is expected for a week");
    return 0;
}

/* Somebody who is also placed: their shift lies within a required session. */
static void enter_volunteer(void)
{
    char day[SITE_TEXT_SIZE];
    (void)last_expected(day);
    (void)laptop_do(laptop, EXIT_DONE, "volunteer", "add", words[0], "--name", "Quillon Vesperfield", "--place",
                    "Marrowbone Allotment", "--person", "GDN-001", "--note", "keeps the beehives", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "volunteer", "shift", words[0], day, "10:00-12:00", "--worked", "95", "--what",
                    "smoking out wasps", "--place", HOST, NULL);
}

static bool flagged(bool *ret_open)
{
    json_t *flags = json_at(laptop_do(laptop, EXIT_DONE, "flags", NULL), "flags");
    for (size_t i = 0; i < json_array_size(flags); i++) {
        json_t *flag = json_array_get(flags, i);
        if (strcmp(text_at(flag, "code"), "conflation") == 0) {
            cr_expect_not(text_holds(flag, "facts", words[0]), "a flag says nothing of the volunteer");
            (void)snprintf(flag_id, sizeof(flag_id), "%s", text_at(flag, "id"));
            *ret_open = json_is_true(json_at(flag, "open"));
            return true;
        }
    }
    return false;
}

/* Somebody looks into it, writes down what they found, and it is out of the way. */
static void review(void)
{
    bool open = false;
    WAIT_UNTIL(flagged(&open), FLAG_MS);
    cr_assert(open);
    json_t *kept =
        laptop_do(laptop, EXIT_DONE, "review", flag_id, "--outcome", "host_matter", "--answer", "Vesperfield knows",
                  "--answer", "Quillon was asked on Tuesdays", "--note", "VOLREF-77 tends the ferns", NULL);
    cr_expect(json_is_true(json_at(kept, "kept")));
    cr_assert(flagged(&open));
    cr_expect_not(open);
}

static bool holds(const struct buf *bytes, const char *word)
{
    return bytes->len > 0 && memmem(bytes->data, bytes->len, word, strlen(word)) != NULL;
}

static void expect_nothing_of_them(const char *where, const struct buf *bytes)
{
    cr_expect(holds(bytes, placed), "%s: the search finds what is there", where);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        cr_expect_not(holds(bytes, words[i]), "%s: %s", where, words[i]);
    }
}

/* The agent's own log: it says what was done, and of whom nothing. */
static void expect_silent_log(void)
{
    char line_text[4096];
    size_t lines = 0;
    FILE *file = fopen(laptop->process.stderr_path, "re");
    cr_assert_not_null(file);
    while (fgets(line_text, sizeof(line_text), file) != NULL) {
        lines++;
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
            cr_expect_null(strstr(line_text, words[i]), "%s", line_text);
        }
    }
    (void)fclose(file);
    cr_expect_gt(lines, 0, "there is a log");
}

/* ---- what went over the line ---- */

/* The requests of one connection, one behind the other: appends what they say, and counts exchanges. */
static size_t http_words(const struct buf *said, struct buf *out)
{
    size_t exchanges = 0;
    const char *at = (const char *)said->data;
    const char *end = at + said->len;
    while (at < end) {
        const char *body = memmem(at, (size_t)(end - at), HEADERS_END, strlen(HEADERS_END));
        cr_assert_not_null(body, "a request has headers");
        const char *length = memmem(at, (size_t)(body - at), LENGTH_NAME, strlen(LENGTH_NAME));
        size_t len = length != NULL ? strtoul(length + strlen(LENGTH_NAME), NULL, 10) : 0;
        bool exchange = memmem(at, (size_t)(body - at), EXCHANGE_PATH, strlen(EXCHANGE_PATH)) != NULL;
        body += strlen(HEADERS_END);
        cr_assert_eq(buf_append(out, at, (size_t)(body - at), NULL), ERR_OK);
        cr_assert_leq(len, (size_t)(end - body), "the body is whole");
        struct slice content = slice_of(body, len);
        cr_assert_eq(buf_append(out, content.data, content.len, NULL), ERR_OK);
        if (exchange) {
            (void)request_words(content, out);
            exchanges++;
        }
        at = body + len;
    }
    return exchanges;
}

static size_t line_words(struct buf *out)
{
    size_t exchanges = 0;
    SCOPED(buf_fini) struct buf up;
    SCOPED(buf_fini) struct buf said;
    buf_init(&up, KEPT_MAX);
    buf_init(&said, KEPT_MAX);
    for (size_t i = 0; proxy_up(line, i, &up); i++) {
        cr_assert(up.len == 0 || tls_plain(key_log, buf_slice(&up), &said), "connection %zu is opened", i);
        exchanges += http_words(&said, out);
        buf_clear(&up);
        buf_clear(&said);
    }
    cr_assert(proxy_kept_all(line));
    return exchanges;
}

Test(volunteers, nothing_of_them_is_in_what_went_over_the_line_nor_at_the_centre)
{
    struct buf sent;
    struct buf kept;
    char session[SITE_TEXT_SIZE];
    enter_placed();
    enter_volunteer();
    review();
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "attended", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    laptop_wait_synchronised(laptop, WORLD_STEP_MS);
    laptop_stop(laptop);
    centre_stop(&world.centre);

    buf_init(&sent, KEPT_MAX);
    buf_init(&kept, KEPT_MAX);
    expect_silent_log();
    cr_assert_gt(line_words(&sent), 1);
    expect_nothing_of_them("sent", &sent);
    centre_pages(world.centre.dir, &kept);
    expect_nothing_of_them("kept by the centre", &kept);
    buf_fini(&sent);
    buf_fini(&kept);
}

Test(volunteers, nothing_of_them_is_in_a_bundle_for_the_centre)
{
    static const struct proxy_faults cut = { .refuse = true };
    char path[FOLDER_PATH_SIZE];
    struct buf carried;
    proxy_set(line, &cut);
    enter_placed();
    enter_volunteer();
    review();
    (void)snprintf(path, sizeof(path), "%.180s/garden.bundle", world.folder);
    (void)laptop_do(laptop, EXIT_DONE, "bundle", "export", path, NULL);
    centre_stop(&world.centre);
    buf_init(&carried, KEPT_MAX);
    cr_assert_gt(centre_bundle_words(world.centre.dir, path, &carried), 0);
    expect_nothing_of_them("carried", &carried);
    buf_fini(&carried);
}

Test(volunteers, are_in_a_backup_and_there_again_when_it_is_restored)
{
    bool open = true;
    char path[FOLDER_PATH_SIZE];
    enter_placed();
    enter_volunteer();
    review();
    (void)snprintf(path, sizeof(path), "%.180s/garden.hfb", world.folder);
    (void)laptop_do(laptop, EXIT_DONE, "backup", path, NULL);
    (void)laptop_do(laptop, EXIT_DONE, "volunteer", "remove", words[0], NULL);
    cr_assert_eq(json_array_size(json_at(laptop_do(laptop, EXIT_DONE, "volunteer", "list", NULL), "volunteers")), 0);
    (void)laptop_do(laptop, EXIT_DONE, "restore", path, "--replace", "--yes", NULL);
    laptop_wait_text(laptop, "vault", "open", WORLD_STEP_MS);
    json_t *shown = laptop_do(laptop, EXIT_DONE, "volunteer", "show", words[0], NULL);
    cr_expect_str_eq(text_at(shown, "volunteer.name"), "Quillon Vesperfield");
    cr_expect_str_eq(text_at(shown, "shifts.0.what"), "smoking out wasps");
    cr_expect_eq(number_at(shown, "shifts.0.worked_minutes"), 95);
    WAIT_UNTIL(flagged(&open), FLAG_MS);
    cr_expect_not(open, "what was found is there, too");
}
