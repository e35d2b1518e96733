/* calendar: sessions and JCP's appointments, as a file that calendars take. */
#include <string.h>

#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/outfile.h"
#include "agent/cli/text.h"

enum { OPTION_PLACEMENT = 0x7301, OPTION_SITE, OPTION_FROM, OPTION_TO, OPTION_NAMES };

#define CALENDAR_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct calendar_input {
    const char *placement;
    const char *from;
    const char *to;
    const char *output;
    bool site;
    bool names;
};

static error_t parse_calendar(int key, char *arg, struct argp_state *state)
{
    struct calendar_input *input = state->input;
    switch (key) {
    case OPTION_PLACEMENT:
        input->placement = argument_text(state, "--placement", arg);
        return 0;
    case OPTION_SITE:
        input->site = true;
        return 0;
    case OPTION_FROM:
        input->from = argument_day(state, "--from", arg);
        return 0;
    case OPTION_TO:
        input->to = argument_day(state, "--to", arg);
        return 0;
    case OPTION_NAMES:
        input->names = true;
        return 0;
    case 'o':
        input->output = arg;
        return 0;
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->site && input->placement != NULL) {
            argp_error(state, "either --site or --placement, not both");
        }
        if (input->output == NULL) {
            argp_error(state, "say where to write it: -o FILE");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "site", OPTION_SITE, NULL, 0, "of the whole site (default)", 0 },
    { "placement", OPTION_PLACEMENT, "REF", 0, "of this placement only", 0 },
    { "from", OPTION_FROM, "DAY", 0, "from this day (default today)", 0 },
    { "to", OPTION_TO, "DAY", 0, "up to and with this day (default 13 weeks later)", 0 },
    { "names", OPTION_NAMES, NULL, 0, "with people's names; without it there are references only", 0 },
    { "output", 'o', "FILE", 0, "write to this file, readable by its owner only", 0 },
    { 0 },
};

const struct argp calendar_argp = {
    .options = options,
    .parser = parse_calendar,
    .doc = "Writes the sessions that are expected and JCP's appointments to an iCalendar file."
           "\vTaken again, the file changes what the calendar has of it and doubles nothing. A calendar may be kept on "
           "other people's machines: leave names out unless everybody who sees it may know them.",
};

enum exit_code calendar_run(struct cli *cli, int argc, char **argv)
{
    struct calendar_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/calendar");
    path_add(&path, "placement", input.placement);
    path_add(&path, "from", input.from);
    path_add(&path, "to", input.to);
    path_add(&path, "names", input.names ? "1" : NULL);
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, CALENDAR_BYTES_MAX);
    enum exit_code code = call_bytes(cli, "GET", path, (struct slice){ 0 }, "text/calendar", &content);
    if (code != EXIT_DONE) {
        return code;
    }
    struct error err = { .code = ERR_OK };
    if (outfile_write(input.output, buf_slice(&content), &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    SCOPED(scoped_free) char *visible = text_visible(input.output, false);
    screen_print(&cli->notes, "wrote %s to '%s'\n", human_bytes(content.len).text, visible);
    return EXIT_DONE;
}
