/* take-part: what trustees need to know before they decide whether to take part, as words, JSON or a page. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/contract_words.h"
#include "agent/cli/document.h"
#include "agent/cli/outfile.h"
#include "base/clock.h"

enum { PAGE_MAX = 8 * 1024 * 1024 };

struct take_part_input {
    const char *route;
    const char *contract;
    const char *output;
    bool pdf;
};

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static error_t parse_take_part(int key, char *arg, struct argp_state *state)
{
    struct take_part_input *input = state->input;
    switch (key) {
    case 'r':
        input->route = argument_text(state, "--route", arg);
        return 0;
    case 'c':
        input->contract = argument_text(state, "--contract", arg);
        return 0;
    case 'o':
        input->output = arg;
        input->pdf = ends_in(arg, ".pdf");
        if (!input->pdf && !ends_in(arg, ".html")) {
            argp_error(state, "--output is '%s'; expected a file that ends in .html or .pdf", arg);
        }
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option options[] = {
    { "route", 'r', "ROUTE", 0, "only about mir, cwp or dwsr", 0 },
    { "contract", 'c', "REF", 0, "only about one contract", 0 },
    { "output", 'o', "FILE", 0, "a page: FILE.html or FILE.pdf", 0 },
    { 0 },
};

const struct argp take_part_argp = {
    .options = options,
    .parser = parse_take_part,
    .doc =
        "What trustees should have in front of them when they ask: should we take part? What it pays and costs, what "
        "was asked of the organisation and what it declined, what was decided before and by whom, what the place can "
        "bear, and the questions that are left."
        "\vFigures come with what they rest on. The program recommends nothing: the decision, and who took it, is "
        "recorded with 'holdfast policy add'.",
};

/* ---- the report, once for the screen and once for the page ---- */

/* Where a report goes: one of the two is set. */
struct report {
    const struct screen *screen;
    struct document *document;
};

static void report_heading(const struct report *report, const char *text)
{
    if (report->document != NULL) {
        document_add(report->document, BLOCK_HEADING, "%s", text);
    } else {
        screen_print(report->screen, "\n%s%s%s\n", screen_mark(report->screen, MARK_STRONG), text,
                     screen_unmark(report->screen));
    }
}

static void report_text(const struct report *report, const char *text)
{
    if (report->document != NULL) {
        document_add(report->document, BLOCK_PARAGRAPH, "%s", text);
    } else {
        screen_paragraph(report->screen, 2, text);
    }
}

static void report_fact(void *context, const char *label, const char *line)
{
    const struct report *report = context;
    if (report->document != NULL) {
        document_fact(report->document, label, line);
    } else {
        screen_fact(report->screen, label, "%s", line);
    }
}

PRINTF_LIKE(3, 4)
static void fact(struct report *report, const char *label, const char *format, ...)
{
    char line[2600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    report_fact(report, label, line);
}

static void viability(struct report *report, const json_t *answer)
{
    size_t index;
    const json_t *contract;
    report_heading(report, "Viability: what it pays and what it costs");
    json_array_foreach(answer_member(answer, "contracts"), index, contract)
    {
        char title[100];
        (void)snprintf(title, sizeof(title), "Contract %s", answer_text(contract, "ref"));
        if (report->document != NULL) {
            document_add(report->document, BLOCK_SUBHEADING, "%s", title);
        } else {
            screen_print(report->screen, "  %s\n", title);
        }
        contract_words(contract, report_fact, report);
    }
    if (json_array_size(answer_member(answer, "contracts")) == 0) {
        report_text(report, "No contract is recorded for this, so nothing can be said about income and cost.");
        return;
    }
    report_text(report, "Income is what the contract pays at each milestone, times the share of those who reached it "
                        "among those who began early enough to have done so. The range allows for the small number of "
                        "people; it does not allow for terms that change, for claims that are refused, or for cost "
                        "that is not on record.");
}

static void reputation(struct report *report, const json_t *answer)
{
    const json_t *m = answer_member(answer, "mandate");
    int64_t all = answer_int(m, "referrals");
    int64_t mandatory = answer_int(m, "mandatory");
    report_heading(report, "Reputation: what was asked of us, and how we answered");
    fact(report, "Counted", "referrals received from %s to %s", answer_text(m, "from"), answer_text(m, "until"));
    fact(report, "Referrals", "%" PRId64 ", of which %" PRId64 " mandatory%s", all, mandatory,
         all == 0 ? ": there were none" : "");
    if (all > 0) {
        fact(report, "", "%" PRId64 " in 100 were people who would lose benefit by staying away",
             (mandatory * 100 + all / 2) / all);
    }
    fact(report, "Declined", "%" PRId64 ", of which %" PRId64 " as a matter of policy", answer_int(m, "declined"),
         answer_int(m, "declined_as_policy"));
    fact(report, "Ended early", "%" PRId64, answer_int(m, "ended_early"));
    fact(report, "Challenged", "%" PRId64 " that the route was wrong, %" PRId64 " complaints",
         answer_int(m, "route_redress"), answer_int(m, "complaints"));
}

static void mission(struct report *report, const json_t *answer)
{
    const json_t *m = answer_member(answer, "mandate");
    const json_t *flags = answer_member(answer, "flags");
    size_t index;
    const json_t *policy;
    report_heading(report, "Mission: what was decided, by whom, and what stands against it");
    json_array_foreach(answer_member(answer, "policy"), index, policy)
    {
        fact(report, answer_text(policy, "ref"), "%s: %s. Decided on %s by %s. %s", answer_text(policy, "title"),
             answer_text(policy, "decision"), answer_text(policy, "decided_on"), answer_text(policy, "decided_by"),
             answer_text(policy, "reason"));
        if (answer_has(policy, "review_on")) {
            fact(report, "", "to be looked at again on %s", answer_text(policy, "review_on"));
        }
    }
    if (json_array_size(answer_member(answer, "policy")) == 0) {
        report_text(report, "No decision of the organisation about taking part is recorded.");
    }
    fact(report, "Doubts", "%" PRId64 " compliance doubts were ever raised from here", answer_int(m, "doubts"));
    fact(report, "Decisions", "%" PRId64 " by JCP in the year, %" PRId64 " of them adverse", answer_int(m, "decisions"),
         answer_int(m, "adverse"));
    fact(report, "Volunteering", "flags that mandated work is called so: %" PRId64, answer_int(flags, "conflation"));
    fact(report, "Hosts",
         "flags of hours above what is agreed or allowed: %" PRId64 "; of a host above its quota: %" PRId64
         "; of defective notices: %" PRId64,
         answer_int(flags, "hours_over"), answer_int(flags, "host_over_quota"), answer_int(flags, "notice_defective"));
}

static void capacity(struct report *report, const json_t *answer)
{
    const json_t *c = answer_member(answer, "capacity");
    report_heading(report, "Capacity: what the place can bear");
    if (answer_has(c, "places")) {
        fact(report, "Places", "%" PRId64 ", stated on %s", answer_int(c, "places"), answer_text(c, "stated_on"));
    } else {
        fact(report, "Places", "not stated");
    }
    int64_t running = answer_int(c, "running");
    int64_t to_come = answer_int(c, "to_come");
    int64_t waiting = answer_int(c, "waiting");
    fact(report, "Placements", "%" PRId64 " run%s, %" PRId64 " %s agreed, %" PRId64 " referral%s wait%s", running,
         running == 1 ? "s" : "", to_come, to_come == 1 ? "is" : "are", waiting, waiting == 1 ? "" : "s",
         waiting == 1 ? "s" : "");
    if (answer_has(c, "weeks_until_full") && answer_has(c, "weeks_earliest")) {
        fact(report, "Full", "in %" PRId64 " week%s at this inflow, at the earliest in %" PRId64,
             answer_int(c, "weeks_until_full"), answer_int(c, "weeks_until_full") == 1 ? "" : "s",
             answer_int(c, "weeks_earliest"));
    }
    fact(report, "Supervision", "flags that it cannot follow: %" PRId64,
         answer_int(answer_member(answer, "flags"), "supervision_ratio"));
}

static void questions(struct report *report, const json_t *answer)
{
    size_t index;
    const json_t *question;
    report_heading(report, "Questions to answer before deciding");
    json_array_foreach(answer_member(answer, "questions"), index, question)
    {
        char number[24];
        (void)snprintf(number, sizeof(number), "%zu", index + 1);
        report_fact(report, number, json_string_value(question));
    }
    report_text(report, "This report recommends nothing. What is decided, by whom and why, is recorded with 'holdfast "
                        "policy add'.");
}

static void report_all(struct report *report, const json_t *answer)
{
    viability(report, answer);
    reputation(report, answer);
    mission(report, answer);
    capacity(report, answer);
    questions(report, answer);
}

static const char title[] = "Should we take part?";

static enum err_code write_page(const struct take_part_input *input, const json_t *answer, int64_t now_ms,
                                struct error *err)
{
    char made_at[INSTANT_TEXT_SIZE];
    instant_format(now_ms, made_at);
    struct report report = { .document = document_new(title, "holdfast", made_at) };
    document_fact(report.document, "As of", answer_text(answer, "on"));
    document_fact(report.document, "Route", input->route);
    document_fact(report.document, "Contract", input->contract);
    report_all(&report, answer);
    SCOPED(buf_fini) struct buf page;
    buf_init(&page, PAGE_MAX);
    enum err_code rc =
        input->pdf ? document_pdf(report.document, &page, err) : document_html(report.document, &page, err);
    document_free(report.document);
    return rc == ERR_OK ? outfile_write(input->output, buf_slice(&page), err) : rc;
}

enum exit_code take_part_run(struct cli *cli, int argc, char **argv)
{
    struct take_part_input input = { 0 };
    struct error err;
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/take-part");
    path_add(&path, "route", input.route);
    path_add(&path, "contract", input.contract);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    if (input.output != NULL) {
        answer_clean(answer);
        if (write_page(&input, answer, cli->screen.now_ms, &err) != ERR_OK) {
            return call_refused(cli, &err);
        }
        screen_print(&cli->screen, "wrote '%s'\n", input.output);
        return EXIT_DONE;
    }
    if (call_printed(cli, answer)) {
        return EXIT_DONE;
    }
    struct report report = { .screen = &cli->screen };
    screen_print(&cli->screen, "%s As of %s.\n", title, answer_text(answer, "on"));
    report_all(&report, answer);
    return EXIT_DONE;
}
