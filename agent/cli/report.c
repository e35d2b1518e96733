/* report: the week for trustees, counted by the agent; on the screen, or as a page or PDF that can be passed on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/document.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/outfile.h"
#include "agent/cli/text.h"

enum { OPTION_OF = 0x7201 };

#define PAGE_BYTES_MAX ((size_t)16 * 1024 * 1024)

static const char *const what[] = { "week", NULL };

struct report_input {
    const char *what;
    const char *of;
    const char *output;
};

static error_t parse_report(int key, char *arg, struct argp_state *state)
{
    struct report_input *input = state->input;
    switch (key) {
    case OPTION_OF:
        input->of = argument_day(state, "--of", arg);
        return 0;
    case 'o':
        input->output = arg;
        return 0;
    case ARGP_KEY_ARG:
        input->what = argument_word(state, "what to report", argument_only(state, arg), what);
        return 0;
    case ARGP_KEY_END:
        if (input->what == NULL) {
            argp_error(state, "say what to report: week");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "of", OPTION_OF, "DAY", 0, "the week that this day is in (yyyy-mm-dd; default today)", 0 },
    { "output", 'o', "FILE", 0, "write to FILE.html, FILE.pdf or FILE.json, readable by its owner only", 0 },
    { 0 },
};

const struct argp report_argp = {
    .options = options,
    .parser = parse_report,
    .args_doc = "week",
    .doc = "The week's report for trustees: referrals, placements, attendance, flags, capacity and its forecast, "
           "doubts and "
           "decisions, what JCP was told, and volunteers apart."
           "\vIt holds counts only, no names and no notes. The numbers are those of the screens and the exports. "
           "Volunteers "
           "are in no other number: volunteering is not mandated work.",
};

/* ---- the page ---- */

static const int count_weights[] = { 4, 1, 0 };

static void count_table(struct document *page, const json_t *part, const char *name, const char *title)
{
    const char *const titles[] = { title, "Number", NULL };
    const json_t *rows = answer_member(part, name);
    size_t i;
    const json_t *row;
    if (json_array_size(rows) == 0) {
        return;
    }
    document_table(page, titles, count_weights);
    json_array_foreach(rows, i, row)
    {
        char label[80];
        char number[24];
        const char *value = answer_text(row, "value");
        (void)snprintf(label, sizeof(label), "%s", value[0] != '\0' ? value : "not said");
        for (char *at = strchr(label, '_'); at != NULL; at = strchr(at, '_')) {
            *at = ' ';
        }
        (void)snprintf(number, sizeof(number), "%" PRId64, answer_int(row, "rows"));
        const char *const cells[] = { label, number };
        document_row(page, cells);
    }
}

static void count_fact(struct document *page, const json_t *part, const char *name, const char *label)
{
    char number[24];
    (void)snprintf(number, sizeof(number), "%" PRId64, answer_int(part, name));
    document_fact(page, label, number);
}

static void hours_fact(struct document *page, const json_t *part, const char *name, const char *label)
{
    document_fact(page, label, human_minutes((int)answer_int(part, name)).text);
}

/* What a part of the report is made of, in its order. */
enum line_kind { LINE_COUNT, LINE_HOURS, LINE_TABLE };

struct line {
    const char *name;
    const char *label;
    enum line_kind kind;
};

struct part {
    const char *name;
    const char *heading;
    struct line lines[6];
};

static const struct part parts[] = {
    { "referrals",
      "Referrals",
      { { "received", "Received this week", LINE_COUNT },
        { "received_by_route", "Received, by route", LINE_TABLE },
        { "changed_to", "Answered or changed this week, to", LINE_TABLE },
        { "all", "All on record", LINE_COUNT },
        { "all_by_status", "All, by where they stand", LINE_TABLE },
        { "declined_as_policy", "Of the declined, as a matter of policy", LINE_COUNT } } },
    { "placements",
      "Placements",
      { { "running", "Running at the end of the week", LINE_COUNT },
        { "running_by_basis", "Running, by basis", LINE_TABLE },
        { "started", "Started", LINE_COUNT },
        { "ended", "Ended", LINE_COUNT } } },
    { "attendance",
      "Attendance of people placed",
      { { "recorded", "Sessions recorded", LINE_COUNT },
        { "minutes", "Hours worked", LINE_HOURS },
        { "by_outcome", "Recorded, by outcome", LINE_TABLE },
        { "by_standing", "Recorded, by how they stand", LINE_TABLE },
        { "not_recorded", "Expected and not recorded", LINE_COUNT } } },
    { "flags",
      "Flags that stand now",
      { { "standing", "All", LINE_COUNT },
        { "by_severity", "By severity", LINE_TABLE },
        { "by_code", "By what they are about", LINE_TABLE } } },
    { "doubts",
      "Compliance doubts",
      { { "raised", "Raised this week", LINE_COUNT },
        { "all", "Ever raised", LINE_COUNT },
        { "all_by_status", "All, by where they stand", LINE_TABLE } } },
    { "decisions",
      "Decisions of this week",
      { { "of_jcp", "Of Jobcentre Plus, about people", LINE_COUNT },
        { "of_jcp_by_outcome", "Of Jobcentre Plus, by outcome", LINE_TABLE },
        { "policy", "Of this organisation, about taking part", LINE_COUNT },
        { "policy_by_decision", "Of this organisation, by decision", LINE_TABLE } } },
    { "challenges",
      "Challenges of decisions",
      { { "open", "Decisions that can still be challenged", LINE_COUNT },
        { "near", "Of these, with few days left", LINE_COUNT },
        { "days_left", "Days left for the first of them", LINE_COUNT } } },
    { "told",
      "What Jobcentre Plus was told",
      { { "capacity_statements", "Capacity statements", LINE_COUNT },
        { "messages_sent", "Messages sent", LINE_COUNT },
        { "messages_received", "Messages received", LINE_COUNT } } },
    { "volunteers",
      "Volunteers, apart",
      { { "shifts", "Shifts of volunteers", LINE_COUNT },
        { "worked_minutes", "Hours of volunteers", LINE_HOURS },
        { "conflation", "Flags: a shift within required hours", LINE_COUNT } } },
};

static void add_part(struct document *page, const json_t *report, const struct part *part)
{
    const json_t *values = answer_member(report, part->name);
    document_add(page, BLOCK_HEADING, "%s", part->heading);
    for (const struct line *line = part->lines; line < part->lines + ARRAY_LEN(part->lines) && line->name != NULL;
         line++) {
        if (!answer_has(values, line->name)) {
            continue;
        }
        switch (line->kind) {
        case LINE_COUNT:
            count_fact(page, values, line->name, line->label);
            break;
        case LINE_HOURS:
            hours_fact(page, values, line->name, line->label);
            break;
        case LINE_TABLE:
            count_table(page, values, line->name, line->label);
            break;
        }
    }
}

static void add_forecast(struct document *page, const json_t *capacity)
{
    if (!answer_has(capacity, "weeks_earliest")) {
        document_fact(page, "Full", "not likely within 26 weeks");
        return;
    }
    char latest[32] = "more than 26";
    if (answer_has(capacity, "weeks_latest")) {
        (void)snprintf(latest, sizeof(latest), "%" PRId64, answer_int(capacity, "weeks_latest"));
    }
    char text[160];
    (void)snprintf(text, sizeof(text), "in %" PRId64 " to %s weeks, 8 times in 10",
                   answer_int(capacity, "weeks_earliest"), latest);
    document_fact(page, "Full", text);
}

static void add_capacity(struct document *page, const json_t *report)
{
    const json_t *capacity = answer_member(report, "capacity");
    document_add(page, BLOCK_HEADING, "Capacity now");
    if (!answer_has(capacity, "places")) {
        document_fact(page, "Places stated", "none yet");
    } else {
        count_fact(page, capacity, "places", "Places stated");
        document_fact(page, "Stated on", answer_text(capacity, "stated_on"));
    }
    count_fact(page, capacity, "running", "Taken");
    count_fact(page, capacity, "to_come", "Agreed to start");
    count_fact(page, capacity, "waiting", "Referrals waiting");
    if (answer_has(capacity, "places")) {
        add_forecast(page, capacity);
    }
}

static struct document *make_page(const json_t *report, const char *site)
{
    char title[160];
    (void)snprintf(title, sizeof(title), "Week %s to %s%s%s", answer_text(report, "from"), answer_text(report, "to"),
                   site[0] != '\0' ? ", " : "", site);
    struct document *page = document_new(title, "Holdfast", answer_text(report, "as_of"));
    document_add(page, BLOCK_PARAGRAPH, "Counted on %s from this machine's records. Counts only: no names, no notes.",
                 answer_text(report, "as_of"));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (strcmp(parts[i].name, "doubts") == 0) {
            add_capacity(page, report);
        }
        if (strcmp(parts[i].name, "volunteers") == 0) {
            document_add(page, BLOCK_PARAGRAPH,
                         "Volunteering is not mandated work. What follows is in no number above, and stays here.");
        }
        add_part(page, report, &parts[i]);
    }
    return page;
}

static void print_page(const struct screen *screen, const struct document *page)
{
    screen_print(screen, "%s\n", page->title);
    for (size_t i = 0; i < page->count; i++) {
        const struct block *block = &page->blocks[i];
        switch (block->kind) {
        case BLOCK_HEADING:
        case BLOCK_SUBHEADING:
            screen_print(screen, "\n%s%s%s\n", screen_mark(screen, MARK_STRONG), block->cells[0],
                         screen_unmark(screen));
            break;
        case BLOCK_PARAGRAPH:
        case BLOCK_WARNING:
            screen_print(screen, "\n");
            screen_paragraph(screen, 0, block->cells[0]);
            break;
        case BLOCK_FACT:
            screen_print(screen, "  %-40s %s\n", block->cells[0], block->cells[1]);
            break;
        case BLOCK_TABLE:
            screen_print(screen, "  %s\n", block->cells[0]);
            break;
        case BLOCK_ROW:
            screen_print(screen, "    %-38s %s\n", block->cells[0], block->cells[1]);
            break;
        }
    }
}

/* ---- the command ---- */

static bool ends_in(const char *path, const char *ending)
{
    size_t len = strlen(path);
    size_t ending_len = strlen(ending);
    return len > ending_len && strcasecmp(path + len - ending_len, ending) == 0;
}

static enum err_code render(const struct document *page, const json_t *report, const char *path, struct buf *out,
                            struct error *err)
{
    if (ends_in(path, ".html")) {
        return document_html(page, out, err);
    }
    if (ends_in(path, ".pdf")) {
        return document_pdf(page, out, err);
    }
    if (!ends_in(path, ".json")) {
        return FAIL(err, INVALID, "write '%s': expected a name that ends in .html, .pdf or .json", path);
    }
    char *text = must_have(json_dumps(report, JSON_INDENT(2)));
    enum err_code rc = buf_append_text(out, text, err);
    free(text);
    return rc;
}

static enum exit_code write_page(struct cli *cli, const struct document *page, const json_t *report, const char *path)
{
    struct error err = { .code = ERR_OK };
    SCOPED(buf_fini) struct buf out;
    buf_init(&out, PAGE_BYTES_MAX);
    if (render(page, report, path, &out, &err) != ERR_OK || outfile_write(path, buf_slice(&out), &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    SCOPED(scoped_free) char *visible = text_visible(path, false);
    screen_print(&cli->notes, "wrote %s to '%s'\n", human_bytes(out.len).text, visible);
    return EXIT_DONE;
}

enum exit_code report_run(struct cli *cli, int argc, char **argv)
{
    struct report_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/report/week");
    path_add(&path, "of", input.of);
    SCOPED(answer_free) json_t *report = NULL;
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &report);
    if (code != EXIT_DONE || (input.output == NULL && call_printed(cli, report))) {
        return code;
    }
    code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    if (code != EXIT_DONE) {
        return code;
    }
    struct document *page = make_page(report, answer_text(answer_member(status, "site"), "name"));
    if (input.output == NULL) {
        print_page(&cli->screen, page);
    } else {
        code = write_page(cli, page, report, input.output);
    }
    document_free(page);
    return code;
}
