/* capacity: the places that are stated, taken, and forecast to be taken. */
#include "agent/cli/capacity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "base/clock.h"

enum { OPTION_PLACES = 0x4001, OPTION_HOURS, OPTION_WEEKS, PLACES_MAX = 100000, WEEKS_MAX = 52, BAR_MAX = 30 };

static const char *const verbs[] = { "set", "forecast", "weeks", "waiting", NULL };

struct capacity_input {
    const char *verb; /* NULL: show */
    int64_t places;   /* negative: not said */
    int64_t hours;
    int64_t weeks;
    const char *note;
};

static bool is_verb(const struct capacity_input *input, const char *verb)
{
    return input->verb != NULL && strcmp(input->verb, verb) == 0;
}

static error_t capacity_end(const struct capacity_input *input, const struct argp_state *state)
{
    bool set = is_verb(input, "set");
    if (input->weeks >= 0 && !is_verb(input, "weeks")) {
        argp_error(state, "--weeks goes with 'capacity weeks'");
    }
    if (set && input->places < 0) {
        argp_error(state, "say how many places there are: capacity set --places N");
    }
    if (!set && (input->places >= 0 || input->hours >= 0 || input->note != NULL)) {
        argp_error(state, "--places, --supervision and --note go with 'capacity set'");
    }
    return 0;
}

static error_t parse_capacity(int key, char *arg, struct argp_state *state)
{
    struct capacity_input *input = state->input;
    switch (key) {
    case OPTION_PLACES:
        input->places = argument_number(state, "--places", arg, 0, PLACES_MAX);
        return 0;
    case OPTION_HOURS:
        input->hours = argument_number(state, "--supervision", arg, 0, PLACES_MAX);
        return 0;
    case OPTION_WEEKS:
        input->weeks = argument_number(state, "--weeks", arg, 1, WEEKS_MAX);
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case ARGP_KEY_ARG:
        input->verb = argument_word(state, "what to do", argument_only(state, arg), verbs);
        return 0;
    case ARGP_KEY_END:
        return capacity_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "places", OPTION_PLACES, "N", 0, "how many people can be here at the same time", 0 },
    { "supervision", OPTION_HOURS, "H", 0, "hours a week in which somebody can supervise", 0 },
    { "supervisor-hours", 0, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0 },
    { "note", 'n', "TEXT", 0, "in words", 0 },
    { "weeks", OPTION_WEEKS, "N", 0, "weeks: how many after today, 1 to 52; 8 when left out", 0 },
    { 0 },
};

const struct argp capacity_argp = {
    .options = options,
    .parser = parse_capacity,
    .args_doc = "\nset --places N\nforecast\nweeks [--weeks N]\nwaiting",
    .doc = "Shows the places that are stated and taken, states them anew, forecasts when there will be none left, says "
           "what each opportunity has room for in each week, or who waits for a place."
           "\vThe next exchange carries the statement to the centre.",
};

static void print_statement(const struct screen *screen, const json_t *statement)
{
    int32_t day;
    if (statement == NULL) {
        screen_fact(screen, "Stated", "nothing yet; 'holdfast capacity set --places N' states it");
        return;
    }
    struct human ago = { "" };
    if (answer_day(statement, "stated_on", &day)) {
        ago = human_day_ago(day, screen->today);
    }
    screen_fact(screen, "Stated", "%" PRId64 " places, on %s (%s)", answer_int(statement, "places"),
                answer_text(statement, "stated_on"), ago.text);
    if (answer_has(statement, "supervisor_minutes")) {
        struct human hours = human_minutes((int)answer_int(statement, "supervisor_minutes"));
        screen_fact(screen, "Supervision", "%s a week", hours.text);
    }
}

static enum exit_code show(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/capacity"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    print_statement(screen, answer_member(answer, "statement"));
    screen_fact(screen, "Taken now", "%" PRId64, answer_int(answer, "running"));
    screen_fact(screen, "Agreed to start", "%" PRId64, answer_int(answer, "to_come"));
    screen_fact(screen, "Waiting", "%" PRId64 " referral%s without an answer", answer_int(answer, "waiting"),
                answer_int(answer, "waiting") == 1 ? "" : "s");
    return EXIT_DONE;
}

static enum exit_code state_capacity(struct cli *cli, const struct capacity_input *input)
{
    json_t *body = json_pack("{s:I, s:s*}", "places", (json_int_t)input->places, "note", input->note);
    if (input->hours >= 0) {
        (void)json_object_set_new(body, "supervisor_minutes", json_integer(input->hours * 60));
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/capacity"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "%s\n",
                 answer_int(answer, "added") > 0 ? "recorded; the next exchange carries it to the centre"
                                                 : "nothing new: it stands so already");
    print_statement(&cli->screen, answer_member(answer, "statement"));
    return EXIT_DONE;
}

static void print_when_full(const struct screen *screen, const json_t *forecast)
{
    if (!answer_has(forecast, "weeks_until_full")) {
        screen_fact(screen, "Full", "not within 26 weeks at this inflow");
    } else if (answer_int(forecast, "weeks_until_full") == 0) {
        screen_fact(screen, "Full", "now");
    } else {
        screen_fact(screen, "Full", "in %" PRId64 " week%s at this inflow", answer_int(forecast, "weeks_until_full"),
                    answer_int(forecast, "weeks_until_full") == 1 ? "" : "s");
    }
    if (answer_has(forecast, "weeks_earliest") && answer_int(forecast, "weeks_earliest") > 0) {
        char latest[32] = "more than 26";
        if (answer_has(forecast, "weeks_latest")) {
            (void)snprintf(latest, sizeof(latest), "%" PRId64, answer_int(forecast, "weeks_latest"));
        }
        screen_fact(screen, "", "8 times in 10 between %" PRId64 " and %s weeks",
                    answer_int(forecast, "weeks_earliest"), latest);
    }
}

/* One line a week: the day it ends, the number, and a bar that says the same. */
static void print_weeks(const struct screen *screen, const json_t *forecast)
{
    int64_t places = answer_int(forecast, "places");
    size_t index;
    const json_t *week;
    screen_print(screen, "\n  Week that ends    Places taken  8 in 10\n");
    json_array_foreach(answer_member(forecast, "weeks"), index, week)
    {
        int64_t expected = answer_int(week, "expected");
        int64_t most = expected > places ? expected : places;
        int bar = most > 0 && expected > 0 ? (int)(expected * BAR_MAX / most) : 0;
        bool full = expected >= places;
        char between[48];
        (void)snprintf(between, sizeof(between), "%" PRId64 "-%" PRId64, answer_int(week, "low"),
                       answer_int(week, "high"));
        screen_print(screen, "  %-16s  %s%4" PRId64 " of %-4" PRId64 "  %-9s %.*s%s%s\n", answer_text(week, "ends_on"),
                     full ? screen_mark(screen, MARK_WARNING) : "", expected, places, between, bar,
                     "##############################", full ? "  full" : "", full ? screen_unmark(screen) : "");
    }
}

static enum exit_code forecast(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/capacity/forecast"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    if (!answer_true(answer, "possible")) {
        screen_print(screen, "No forecast yet: the places are not stated.\n");
        screen_fact(screen, "Next", "'holdfast capacity set --places N'");
        return EXIT_DONE;
    }
    screen_fact(screen, "Taken now", "%" PRId64 " of %" PRId64 " places", answer_int(answer, "taken_now"),
                answer_int(answer, "places"));
    screen_fact(screen, "Waiting", "%" PRId64 " referral%s without an answer", answer_int(answer, "waiting"),
                answer_int(answer, "waiting") == 1 ? "" : "s");
    screen_fact(screen, "Inflow", "%.1f a week", json_number_value(answer_member(answer, "inflow_per_week")));
    print_when_full(screen, answer);
    print_weeks(screen, answer);
    return EXIT_DONE;
}

enum exit_code capacity_run(struct cli *cli, int argc, char **argv)
{
    struct capacity_input input = { .places = -1, .hours = -1, .weeks = -1 };
    command_parse(cli, argc, argv, &input);
    if (input.verb == NULL) {
        return show(cli);
    }
    if (is_verb(&input, "weeks")) {
        return capacity_weeks(cli, input.weeks);
    }
    if (is_verb(&input, "waiting")) {
        return capacity_waiting(cli);
    }
    return is_verb(&input, "set") ? state_capacity(cli, &input) : forecast(cli);
}
