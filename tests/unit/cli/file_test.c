/* Commands that read or make files: import, export, unlock. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/command.h"
#include "agent/cli/outfile.h"
#include "base/file.h"
#include "service.h"

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/cli-files-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *content, mode_t mode)
{
    struct error err;
    cr_assert_eq(file_replace(path, slice_of_text(content), mode, &err), ERR_OK, "%s", err.message);
}

static void assert_content(const char *path, const char *expected)
{
    struct buf buf;
    struct error err;
    buf_init(&buf, 1 << 20);
    cr_assert_eq(file_read(path, &buf, &err), ERR_OK, "%s", err.message);
    cr_expect(slice_equal(buf_slice(&buf), slice_of_text(expected)), "%.*s", (int)buf.len, (const char *)buf.data);
    buf_fini(&buf);
}

#define COUNTS                                                                                                         \
    "\"kind\": \"register\", \"rows\": 3, \"good\": 2, \"duplicates\": 0, \"rejected\": 1, \"added\": 2, "             \
    "\"unchanged\": 0, "                                                                                               \
    "\"encoding\": \"Windows-1252\", \"delimiter\": \"semicolon\", \"warning_count\": 0, \"warnings\": [], "           \
    "\"ignored_columns\": [\"Shoe size\"]"
#define PROBLEMS                                                                                                       \
    "\"problem_count\": 2, \"problems\": [{\"line\": 3, \"column\": 2, \"column_name\": \"date\", \"found\": "         \
    "\"31/02/2026\", "                                                                                                 \
    "\"expected\": \"a date such as 20/11/2026\"}, {\"line\": 4, \"column\": 0, \"column_name\": \"\", \"found\": "    \
    "\"7 cells\", "                                                                                                    \
    "\"expected\": \"5 cells\"}]"

Test(import, sends_who_has_no_such_columns_to_the_first_line_of_the_file, .init = make_folder, .fini = remove_folder)
{
    const char *path = in_folder("register.csv");
    write_file(path, "zzz\n1\n", 0600);
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"refused\": true, \"dry_run\": false, \"reject_file\": null, \"kind\": \"host\", \"rows\": 1, \"good\": 0, "
        "\"duplicates\": 0, \"rejected\": 0, \"added\": 0, \"unchanged\": 0, \"encoding\": \"UTF-8\", \"delimiter\": "
        "\"comma\", \"warning_count\": 0, \"warnings\": [], \"ignored_columns\": [\"zzz\"], \"problem_count\": 1, "
        "\"problems\": [{\"line\": 1, \"column\": 0, \"column_name\": \"ref\", \"found\": \"\", \"expected\": \"a "
        "column "
        "'ref'\"}]}",
        "import", "--kind", "host", path);
    cr_expect(has(run.err, "next: repair the first line of the file, which names the columns\n"), "%s", run.err);
    cr_expect_eq(run.code, EXIT_REFUSED);
    run_free(&run);
    service_stop(&service);
}

Test(import, names_file_line_column_and_both_sides_of_each_problem, .init = make_folder, .fini = remove_folder)
{
    const char *path = in_folder("register.csv");
    write_file(path, "a;b\r\n\xff\x01", 0600);
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200, "{\"refused\": true, \"dry_run\": false, \"reject_file\": null, " COUNTS ", " PROBLEMS "}",
        "import", "--kind", "register", path);
    cr_expect_str_eq(service.asked[0].line, "POST /v1/import?kind=register&name=register.csv");
    cr_expect_str_eq(service.asked[0].body, "a;b\r\n\xff\x01", "the file goes as it is");
    char expected[400];
    snprintf(expected, sizeof(expected),
             "%s:3:2: found \"31/02/2026\", expected a date such as 20/11/2026 (date)\n"
             "%s:4: found \"7 cells\", expected 5 cells\n"
             "next: repair the lines, or take the good ones with --partial\n",
             path, path);
    cr_expect_str_eq(run.err, expected);
    cr_expect(has(run.out, "refused: nothing was taken"), "%s", run.out);
    cr_expect(has(run.out, "columns not used: Shoe size"), "%s", run.out);
    cr_expect_eq(run.code, EXIT_REFUSED);
    run_free(&run);
    service_stop(&service);
}

Test(import, shows_20_problems_and_counts_the_others, .init = make_folder, .fini = remove_folder)
{
    write_file(in_folder("r.csv"), "a", 0600);
    json_t *problems = json_array();
    for (int i = 0; i < 25; i++) {
        json_array_append_new(problems, json_pack("{s:i, s:i, s:s, s:s, s:s}", "line", i + 2, "column", 1,
                                                  "column_name", "date", "found", "x", "expected", "a date"));
    }
    json_t *answer = json_pack("{s:b, s:i, s:o}", "refused", 1, "problem_count", 1500, "problems", problems);
    char *body = json_dumps(answer, 0);
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "import", "--kind", "register", in_folder("r.csv"));
    cr_expect(has(run.err, "r.csv:21:1: ") && !has(run.err, "r.csv:22:1: "), "%s", run.err);
    cr_expect(has(run.err, "... and 1480 more\n"), "%s", run.err);
    run_free(&run);
    service_stop(&service); /* it answers from `body` until then */
    free(body);
    json_decref(answer);
}

Test(import, keeps_rejected_rows_byte_for_byte_and_readable_by_their_owner_only, .init = make_folder,
     .fini = remove_folder)
{
    const char *answer = "{\"refused\": false, \"partial\": true, \"dry_run\": false, \"reject_file\": "
                         "\"\\ufeffref,note\\r\\nP1,\\u001b[31m\\r\\n\", " COUNTS ", " PROBLEMS "}";
    write_file(in_folder("register.csv"), "a", 0600);
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, answer, "import", "--kind", "register", "--partial", in_folder("register.csv"));
    cr_expect_str_eq(service.asked[0].line, "POST /v1/import?kind=register&name=register.csv&partial=1");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect(has(run.out, "register.rejects.csv"), "%s", run.out);
    assert_content(in_folder("register.rejects.csv"), "\xef\xbb\xbfref,note\r\nP1,\033[31m\r\n");
    struct stat about;
    cr_assert_eq(stat(in_folder("register.rejects.csv"), &about), 0);
    cr_expect_eq(about.st_mode & 0777, 0600);
    run_free(&run);
    service_stop(&service);
}

Test(import, never_writes_over_rejected_rows_that_somebody_may_be_repairing, .init = make_folder, .fini = remove_folder)
{
    write_file(in_folder("register.rejects.csv"), "being repaired", 0600);
    char *path = outfile_beside(in_folder("register.csv"), "rejects");
    cr_expect_str_eq(path, in_folder("register.rejects-2.csv"));
    free(path);
    path = outfile_beside(in_folder("no-extension"), "rejects");
    cr_expect_str_eq(path, in_folder("no-extension.rejects.csv"));
    free(path);
    path = outfile_beside("-", "rejects");
    cr_expect_str_eq(path, "import.rejects.csv");
    free(path);
}

Test(import, says_what_it_would_do_and_writes_nothing_in_a_dry_run, .init = make_folder, .fini = remove_folder)
{
    write_file(in_folder("register.csv"), "a", 0600);
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200,
                 "{\"refused\": false, \"partial\": true, \"dry_run\": true, \"reject_file\": "
                 "\"x\", " COUNTS ", " PROBLEMS "}",
                 "import", "--kind", "register", "--partial", "--dry-run", "--yes", in_folder("register.csv"));
    cr_expect_str_eq(service.asked[0].line,
                     "POST /v1/import?kind=register&name=register.csv&dry_run=1&partial=1&unknown_code=1");
    cr_expect(has(run.out, "2 records would be added") && has(run.out, "dry run: nothing was changed"), "%s", run.out);
    cr_expect_neq(access(in_folder("register.rejects.csv"), F_OK), 0);
    run_free(&run);
    service_stop(&service);
}

Test(import, refuses_a_file_that_is_not_there, .init = make_folder, .fini = remove_folder)
{
    struct service nobody = { .socket_path = "/tmp/cli-test-no-such-folder/agent.sock" };
    struct outcome_of_run run = RUN(&nobody, "import", "--kind", "register", in_folder("none.csv"));
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, "none.csv"), "%s", run.err);
    run_free(&run);
}

Test(export, writes_the_agents_bytes_to_a_file_for_its_owner, .init = make_folder, .fini = remove_folder)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "ref,name\r\nP1,\"Zo\xc3\xab\"\r\n", "export", "register", "-o",
                                         in_folder("out.csv"), "--from", "2026-11-01");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/export/register?format=csv&from=2026-11-01");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect_str_empty(run.out);
    assert_content(in_folder("out.csv"), "ref,name\r\nP1,\"Zo\xc3\xab\"\r\n");
    struct stat about;
    cr_assert_eq(stat(in_folder("out.csv"), &about), 0);
    cr_expect_eq(about.st_mode & 0777, 0600);
    run_free(&run);
    service_stop(&service);
}

Test(export, writes_to_standard_output_and_takes_json_for_format_json)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"rows\":[]}", "export", "flags", "--json");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/export/flags?format=json");
    cr_expect_str_eq(run.out, "{\"rows\":[]}");
    run_free(&run);
    service_stop(&service);
}

Test(export, never_replaces_what_is_not_an_ordinary_file)
{
    struct error err;
    cr_expect_eq(outfile_write("/dev/null", slice_of_text("x"), &err), ERR_INVALID);
    cr_expect_eq(outfile_write("/tmp", slice_of_text("x"), &err), ERR_INVALID);
    struct stat about;
    cr_assert_eq(stat("/dev/null", &about), 0);
    cr_expect(S_ISCHR(about.st_mode));
}

Test(unlock, sends_the_passphrase_of_a_file_and_never_shows_it, .init = make_folder, .fini = remove_folder)
{
    const struct canned canned[] = {
        { 200, "{\"state\": \"locked\", \"vault\": \"locked\"}" },
        { 403, "{\"error\": {\"code\": \"key\", \"message\": \"open the vault: wrong passphrase\"}}" },
    };
    write_file(in_folder("pass"), "long \"enough\" secret\n", 0600);
    struct service service;
    service_start(&service, canned, ARRAY_LEN(canned));
    struct outcome_of_run run = RUN(&service, "unlock", "--passphrase-file", in_folder("pass"));
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect_str_eq(service.asked[1].line, "POST /v1/unlock");
    cr_expect_str_eq(service.asked[1].body, "{\"passphrase\":\"long \\\"enough\\\" secret\",\"create\":false}");
    cr_expect(has(run.err, "wrong passphrase") && !has(run.err, "enough"), "%s", run.err);
    run_free(&run);
    service_stop(&service);
}

Test(unlock, does_not_ask_when_there_is_nothing_to_open)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"state\": \"locked\", \"vault\": \"absent\"}", "unlock");
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, "holdfast unlock --new"), "%s", run.err);
    cr_expect_eq(service.asked_count, 1);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"state\": \"offline\", \"vault\": \"open\"}", "unlock");
    cr_expect_eq(run.code, EXIT_DONE);
    cr_expect(has(run.out, "open already"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"state\": \"locked\", \"vault\": \"locked\"}", "unlock", "--new");
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, "there is one already"), "%s", run.err);
    run_free(&run);
    service_stop(&service);
}

Test(enrol, sends_the_code_and_names_the_site)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"site\": {\"name\": \"Green Lane\"}, \"organisation\": {\"name\": \"Growers\"}, \"device\": \"ab12\", "
        "\"endpoint\": \"https://centre:8443\"}",
        "enrol", "--endpoint", "https://centre:8443", "--code", "ABCD-1234");
    cr_expect_str_eq(service.asked[0].line, "POST /v1/enrol");
    cr_expect_str_eq(service.asked[0].body, "{\"endpoint\":\"https://centre:8443\",\"code\":\"ABCD-1234\"}");
    cr_expect(has(run.out, "enrolled") && has(run.out, "Green Lane") && has(run.out, "Growers"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

static const char a_week[] =
    "{\"from\": \"2026-11-16\", \"to\": \"2026-11-22\", \"as_of\": \"2026-11-20\", "
    "\"referrals\": {\"received\": 2, \"received_by_route\": [{\"value\": \"mir\", \"rows\": 2}], \"changed_to\": [], "
    "\"all\": 9, \"all_by_status\": [{\"value\": \"did_not_start\", \"rows\": 9}]}, "
    "\"placements\": {\"running\": 4, \"running_by_basis\": [], \"started\": 1, \"ended\": 0, \"all\": 6}, "
    "\"attendance\": {\"recorded\": 11, \"minutes\": 3345, \"by_outcome\": [], \"by_standing\": [], \"not_recorded\": "
    "0}, "
    "\"flags\": {\"standing\": 0, \"by_severity\": [], \"by_code\": []}, "
    "\"capacity\": {\"places\": 7, \"stated_on\": \"2026-11-19\", \"running\": 4, \"to_come\": 1, \"waiting\": 2, "
    "\"weeks_until_full\": 6, \"weeks_earliest\": 3, \"weeks_latest\": null}, "
    "\"doubts\": {\"raised\": 0, \"all\": 0, \"all_by_status\": []}, "
    "\"decisions\": {\"of_jcp\": 0, \"of_jcp_by_outcome\": [], \"policy\": 0, \"policy_by_decision\": []}, "
    "\"told\": {\"capacity_statements\": 1, \"messages_sent\": 0, \"messages_received\": 0}, "
    "\"volunteers\": {\"shifts\": 3, \"worked_minutes\": 400, \"conflation\": 2}}";

static struct outcome_of_run report_run_to(const char *file)
{
    const struct canned canned[] = { { 200, a_week }, { 200, "{\"site\": {\"name\": \"Invented <Garden>\"}}" } };
    struct service service;
    service_start(&service, canned, ARRAY_LEN(canned));
    struct outcome_of_run run = file == NULL ? RUN(&service, "report", "week", "--of", "2026-11-18")
                                             : RUN(&service, "report", "week", "--of", "2026-11-18", "-o", file);
    cr_expect_str_eq(service.asked[0].line, "GET /v1/report/week?of=2026-11-18");
    service_stop(&service);
    return run;
}

Test(report, says_the_week_on_the_screen_with_volunteers_apart)
{
    struct outcome_of_run run = report_run_to(NULL);
    cr_assert_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect(has(run.out, "Week 2026-11-16 to 2026-11-22, Invented <Garden>"), "%s", run.out);
    cr_expect(has(run.out, "did not start                          9"), "%s", run.out);
    cr_expect(has(run.out, "55 h 45 min"), "%s", run.out);
    cr_expect(has(run.out, "in 3 to more than 26 weeks, 8 times in 10"), "%s", run.out);
    const char *apart = strstr(run.out, "Volunteering is not mandated work");
    cr_assert_not_null(apart);
    cr_expect(has(apart, "6 h 40 min"));
    cr_expect(has(apart, "within required hours     2"), "%s", apart);
    run_free(&run);
}

Test(report, is_written_as_a_page_a_pdf_or_json, .init = make_folder, .fini = remove_folder)
{
    static const struct {
        const char *file;
        const char *begins;
    } kinds[] = { { "week.html", "<!DOCTYPE html>" }, { "week.pdf", "%PDF-" }, { "week.json", "{" } };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char begin[20] = "";
        struct outcome_of_run run = report_run_to(in_folder(kinds[i].file));
        cr_assert_eq(run.code, EXIT_DONE, "%s", run.err);
        FILE *file = fopen(in_folder(kinds[i].file), "re");
        cr_assert_not_null(file);
        (void)!fread(begin, 1, strlen(kinds[i].begins), file);
        (void)fclose(file);
        cr_expect_eq(strncasecmp(begin, kinds[i].begins, strlen(kinds[i].begins)), 0, "%s begins with %s",
                     kinds[i].file, begin);
        run_free(&run);
    }
    struct outcome_of_run run = report_run_to(in_folder("week.odt"));
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, ".html, .pdf or .json"), "%s", run.err);
    run_free(&run);
}
