/* import: a spreadsheet goes to the agent as it is; what it said about each line comes back. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/outfile.h"
#include "agent/cli/text.h"
#include "base/file.h"

enum { OPTION_KIND = 0x6001, OPTION_DRY_RUN, OPTION_PARTIAL, OPTION_REJECTS, OPTION_YES, PROBLEMS_SHOWN = 20 };

#define FILE_BYTES_MAX ((size_t)32 * 1024 * 1024)
#define ANSWER_BYTES_MAX ((size_t)256 * 1024 * 1024)

static const char *const kinds[] = {
    "referrals",  "placements",      "register", "participant",         "referral",
    "placement",  "notice",          "host",     "opportunity",         "contact_attempt",
    "job_search", "placement_break", "redress",  "circumstance_change", "policy_decision",
    "contract",   "milestone",       NULL
};

struct import_input {
    const char *kind;
    const char *file;
    const char *rejects;
    bool dry_run;
    bool partial;
    bool yes;
};

static error_t import_end(const struct import_input *input, const struct argp_state *state)
{
    if (input->file == NULL || input->kind == NULL) {
        argp_error(state, "say what kind of spreadsheet it is and name the file: import --kind register FILE");
    }
    if (input->rejects != NULL && !input->partial) {
        argp_error(state, "--rejects goes with --partial");
    }
    return 0;
}

static error_t parse_import(int key, char *arg, struct argp_state *state)
{
    struct import_input *input = state->input;
    switch (key) {
    case OPTION_KIND:
        input->kind = argument_word(state, "--kind", arg, kinds);
        return 0;
    case OPTION_DRY_RUN:
        input->dry_run = true;
        return 0;
    case OPTION_PARTIAL:
        input->partial = true;
        return 0;
    case OPTION_YES:
        input->yes = true;
        return 0;
    case OPTION_REJECTS:
        input->rejects = arg;
        return 0;
    case ARGP_KEY_ARG:
        input->file = argument_only(state, arg);
        return 0;
    case ARGP_KEY_END:
        return import_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "kind", OPTION_KIND, "KIND", 0, "referrals, placements, register, or a kind of record such as host or claim", 0 },
    { "dry-run", OPTION_DRY_RUN, NULL, 0, "only say what would happen", 0 },
    { "partial", OPTION_PARTIAL, NULL, 0, "take the good lines, write the others to a file to repair", 0 },
    { "rejects", OPTION_REJECTS, "FILE", 0, "with --partial: that file (else beside the first, NAME.rejects.csv)", 0 },
    { "yes", OPTION_YES, NULL, 0, "the reasons of a register are meant, also those that are no codes of the programme",
      0 },
    { 0 },
};

const struct argp import_argp = {
    .options = options,
    .parser = parse_import,
    .args_doc = "FILE",
    .doc = "Takes a spreadsheet saved as CSV: comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252; columns in any "
           "order. "
           "FILE - is standard input."
           "\vA file with a problem is refused as a whole, with the line, the column, what was found and what is "
           "expected. The same file twice adds nothing.",
};

static enum err_code read_stdin(struct buf *out, struct error *err)
{
    for (;;) {
        TRY(buf_reserve(out, 64 * 1024, err));
        ssize_t got = read(STDIN_FILENO, out->data + out->len, 64 * 1024);
        if (got < 0) {
            return error_errno(err, "read standard input");
        }
        if (got == 0) {
            return ERR_OK;
        }
        out->len += (size_t)got;
    }
}

static enum err_code read_input(const char *path, struct buf *out, struct error *err)
{
    enum err_code rc = strcmp(path, "-") == 0 ? read_stdin(out, err) : file_read(path, out, err);
    if (rc == ERR_LIMIT) {
        return FAIL(err, LIMIT, "read '%s': it is larger than 32 MiB; split it into several files", path);
    }
    return rc;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(path, "-") == 0 ? "standard input" : slash == NULL ? path : slash + 1;
}

static void print_problem(const struct screen *screen, const char *file, const json_t *problem)
{
    int64_t column = answer_int(problem, "column");
    const char *name = answer_text(problem, "column_name");
    screen_print(screen, "%s:%" PRId64, file, answer_int(problem, "line"));
    if (column > 0) {
        screen_print(screen, ":%" PRId64, column);
    }
    screen_print(screen, ": found \"%s\", expected %s", answer_text(problem, "found"),
                 answer_text(problem, "expected"));
    screen_print(screen, name[0] != '\0' ? " (%s)\n" : "%s\n", name);
}

static void print_problems(const struct screen *screen, const char *file, const json_t *problems, int64_t count)
{
    size_t index;
    const json_t *problem;
    json_array_foreach(problems, index, problem)
    {
        if (index == PROBLEMS_SHOWN) {
            break;
        }
        print_problem(screen, file, problem);
    }
    if (count > (int64_t)index) {
        screen_print(screen, "... and %" PRId64 " more\n", count - (int64_t)index);
    }
}

static void print_summary(const struct screen *screen, const json_t *answer)
{
    bool dry = answer_true(answer, "dry_run");
    bool refused = answer_true(answer, "refused");
    struct human rows = human_count((uint64_t)answer_int(answer, "rows"), "row", "rows");
    screen_print(screen, "%s read (%s, %s)\n", rows.text, answer_text(answer, "encoding"),
                 answer_text(answer, "delimiter"));
    if (refused) {
        struct human bad = human_count((uint64_t)answer_int(answer, "rejected"), "row has", "rows have");
        screen_print(screen, "refused: nothing was taken; %s a problem, %" PRId64 " good\n", bad.text,
                     answer_int(answer, "good"));
    } else {
        struct human added = human_count((uint64_t)answer_int(answer, "added"), "record", "records");
        struct human repeated = human_count((uint64_t)answer_int(answer, "duplicates"), "row", "rows");
        struct human left_out = human_count((uint64_t)answer_int(answer, "rejected"), "row", "rows");
        screen_print(screen, "%s %s, %" PRId64 " stood so already, %s repeated, %s left out\n", added.text,
                     dry ? "would be added" : "added", answer_int(answer, "unchanged"), repeated.text, left_out.text);
    }
    size_t index;
    const json_t *column;
    json_array_foreach(answer_member(answer, "ignored_columns"), index, column)
    {
        screen_print(screen, "%s%s", index == 0 ? "columns not used: " : ", ",
                     json_is_string(column) ? json_string_value(column) : "");
    }
    screen_print(screen, "%s", index > 0 ? "\n" : "");
    if (dry) {
        screen_print(screen, "dry run: nothing was changed\n");
    }
}

/* The rejected rows as the agent made them, before the answer is made safe to show. */
static enum err_code write_rejects(const struct import_input *input, const json_t *answer, char **ret_path,
                                   struct error *err)
{
    const json_t *rows = answer_member(answer, "reject_file");
    if (!json_is_string(rows) || (input->dry_run && input->rejects == NULL)) {
        return ERR_OK;
    }
    SCOPED(scoped_free)
    char *path = input->rejects != NULL ? must_have(strdup(input->rejects)) : outfile_beside(input->file, "rejects");
    struct slice content = slice_of(json_string_value(rows), json_string_length(rows));
    enum err_code rc = outfile_write(path, content, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc,
                          "keep the rejected rows (the good ones are safe; the same import again makes the file)");
    }
    *ret_path = path;
    path = NULL;
    return ERR_OK;
}

static enum exit_code report(struct cli *cli, const struct import_input *input, json_t *answer)
{
    bool refused = answer_true(answer, "refused");
    SCOPED(scoped_free) char *rejects = NULL;
    struct error err = { .code = ERR_OK };
    enum err_code rc = write_rejects(input, answer, &rejects, &err);
    if (!call_printed(cli, answer)) {
        SCOPED(scoped_free) char *file = text_visible(input->file, false);
        print_problems(&cli->notes, file, answer_member(answer, "problems"), answer_int(answer, "problem_count"));
        if (answer_int(answer, "warning_count") > 0) {
            screen_print(&cli->notes, "taken, but worth a look:\n");
            print_problems(&cli->notes, file, answer_member(answer, "warnings"), answer_int(answer, "warning_count"));
        }
        print_summary(&cli->screen, answer);
        (void)fflush(cli->screen.out); /* in this order also when both go to one file */
        if (rejects != NULL) {
            SCOPED(scoped_free) char *visible = text_visible(rejects, false);
            screen_print(&cli->screen, "rejected rows, with the reason in a column: %s\n", visible);
        }
        if (refused && !input->partial) {
            screen_print(&cli->notes, "next: %s\n",
                         answer_int(answer, "rejected") + answer_int(answer, "good") > 0
                             ? "repair the lines, or take the good ones with --partial"
                             : "repair the first line of the file, which names the columns");
        }
    }
    if (rc != ERR_OK) {
        screen_print(&cli->notes, "holdfast import: %s\n", err.message);
        return EXIT_REFUSED;
    }
    return refused ? EXIT_REFUSED : EXIT_DONE;
}

enum exit_code import_run(struct cli *cli, int argc, char **argv)
{
    struct import_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    SCOPED(buf_fini) struct buf file;
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&file, FILE_BYTES_MAX);
    buf_init(&bytes, ANSWER_BYTES_MAX);
    struct error err = { .code = ERR_OK };
    if (read_input(input.file, &file, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    char *path = path_of("/v1/import");
    path_add(&path, "kind", input.kind);
    path_add(&path, "name", base_name(input.file));
    path_add(&path, "dry_run", input.dry_run ? "1" : NULL);
    path_add(&path, "partial", input.partial ? "1" : NULL);
    path_add(&path, "unknown_code", input.yes ? "1" : NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call_bytes(cli, "POST", path, buf_slice(&file), "text/csv", &bytes);
    if (code == EXIT_DONE) {
        code = call_json_of(cli, &bytes, &answer);
    }
    return code == EXIT_DONE ? report(cli, &input, answer) : code;
}
