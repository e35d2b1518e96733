/* export: records as a spreadsheet or JSON, to a file of the person or to standard output. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/outfile.h"
#include "agent/cli/progress.h"
#include "agent/cli/text.h"

enum { OPTION_FORMAT = 0x7001, OPTION_FROM, OPTION_TO };

#define ANSWER_BYTES_MAX ((size_t)256 * 1024 * 1024)

static const char *const formats[] = { "csv", "json", "xlsx", NULL };

struct export_input {
    const char *kind;
    const char *format;
    const char *output;
    const char *from;
    const char *to;
};

static error_t export_end(const struct export_input *input, const struct argp_state *state)
{
    if (input->kind == NULL) {
        argp_error(state, "say what to export: referrals, placements, register, attendance, flags, log or a kind of "
                          "record such as participant");
    }
    if (input->format != NULL && strcmp(input->format, "xlsx") == 0 && input->output == NULL) {
        argp_error(state, "a workbook needs a file: -o FILE");
    }
    if ((input->from != NULL || input->to != NULL) && strcmp(input->kind, "register") != 0) {
        argp_error(state, "--from and --to go with register only");
    }
    return 0;
}

static error_t parse_export(int key, char *arg, struct argp_state *state)
{
    struct export_input *input = state->input;
    switch (key) {
    case OPTION_FORMAT:
        input->format = argument_word(state, "--format", arg, formats);
        return 0;
    case 'o':
        input->output = arg;
        return 0;
    case OPTION_FROM:
        input->from = argument_day(state, "--from", arg);
        return 0;
    case OPTION_TO:
        input->to = argument_day(state, "--to", arg);
        return 0;
    case ARGP_KEY_ARG:
        input->kind = argument_text(state, "what to export", argument_only(state, arg));
        return 0;
    case ARGP_KEY_END:
        return export_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "format", OPTION_FORMAT, "FORMAT", 0, "csv (default), json or xlsx; --json means json", 0 },
    { "output", 'o', "FILE", 0, "write to this file, readable by its owner only", 0 },
    { "from", OPTION_FROM, "DAY", 0, "register: from this day (yyyy-mm-dd)", 0 },
    { "to", OPTION_TO, "DAY", 0, "register: up to and with this day", 0 },
    { 0 },
};

const struct argp export_argp = {
    .options = options,
    .parser = parse_export,
    .args_doc = "KIND",
    .doc = "Writes records to standard output or a file. KIND is referrals, placements, register (in the columns that "
           "import takes), attendance (every entry, both sides of every dispute), flags, log, or a kind of record of "
           "the data dictionary: participant, notice, host, opportunity, contact_attempt, contract, claim, "
           "compliance_doubt (with where each stands), doubt_event, referral_event, erasure, ..."
           "\vIn csv, cells that a spreadsheet would run as a formula get an apostrophe in front; import takes it off "
           "again. A workbook (xlsx) has the rows and, on a second sheet, their totals; json has them as 'totals'.",
};

/* On a terminal nothing in the data may steer it; in a file or pipe the bytes are what they are. */
static void print_visible(const struct screen *screen, const struct buf *content)
{
    char *text = must_have(strndup((const char *)content->data, content->len));
    for (char *line_end = strchr(text, '\r'); line_end != NULL; line_end = strchr(line_end + 1, '\r')) {
        if (line_end[1] == '\n') {
            *line_end = ' ';
        }
    }
    char *visible = text_visible(text, true);
    screen_print(screen, "%s%s", visible, visible[0] != '\0' && visible[strlen(visible) - 1] != '\n' ? "\n" : "");
    free(visible);
    free(text);
}

/* Where the parts go. */
struct sink {
    struct cli *cli;
    struct outfile *file; /* NULL: standard output */
};

static enum err_code take(void *context, struct slice part, struct error *err)
{
    const struct sink *sink = context;
    progress_end(sink->cli);
    if (sink->file != NULL) {
        return outfile_put(sink->file, part, err);
    }
    return fwrite(part.data, 1, part.len, sink->cli->screen.out) == part.len
               ? ERR_OK
               : error_errno(err, "write to standard output");
}

/* `path` is the call's, and taken. `file` NULL: standard output. */
static enum exit_code export_parts(struct cli *cli, char *path, struct outfile *file)
{
    struct sink sink = { .cli = cli, .file = file };
    progress_begin(cli, "export");
    enum exit_code code = call_parts(cli, path, take, &sink);
    progress_end(cli);
    return code;
}

/* `path` is the call's, and taken. */
static enum exit_code export_to_file(struct cli *cli, char *path, const char *output)
{
    struct error err = { .code = ERR_OK };
    struct outfile file;
    if (outfile_begin(output, &file, &err) != ERR_OK) {
        free(path);
        return call_refused(cli, &err);
    }
    enum exit_code code = export_parts(cli, path, &file);
    if (code == EXIT_DONE && outfile_keep(&file, &err) != ERR_OK) {
        code = call_refused(cli, &err);
    }
    outfile_fini(&file);
    if (code == EXIT_DONE) {
        struct human size = human_bytes(file.bytes);
        SCOPED(scoped_free) char *visible = text_visible(output, false);
        screen_print(&cli->notes, "wrote %s to '%s'\n", size.text, visible);
    }
    return code;
}

static enum exit_code export_to_terminal(struct cli *cli, char *path)
{
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, ANSWER_BYTES_MAX);
    progress_begin(cli, "export");
    enum exit_code code = call_bytes(cli, "GET", path, (struct slice){ 0 }, "text/csv", &content);
    progress_end(cli);
    if (code == EXIT_DONE) {
        print_visible(&cli->screen, &content);
    }
    return code;
}

enum exit_code export_run(struct cli *cli, int argc, char **argv)
{
    struct export_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/export/%s", input.kind);
    path_add(&path, "format", input.format != NULL ? input.format : cli->json ? "json" : "csv");
    path_add(&path, "from", input.from);
    path_add(&path, "to", input.to);
    if (input.output != NULL && strcmp(input.output, "-") != 0) {
        return export_to_file(cli, path, input.output);
    }
    return cli->screen.width != 0 ? export_to_terminal(cli, path) : export_parts(cli, path, NULL);
}
