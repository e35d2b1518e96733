/* roll, attend, session: the register of a day, one entry of it, and everything said about that entry. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/sheet.h"
#include "base/clock.h"

enum { MINUTES_A_DAY = 24 * 60, WORDS_SIZE = 480, LABEL_SIZE = 164 };

static const char *const outcomes[] = { "attended", "late",        "left_early", "absent_with_notice",
                                        "absent",   "host_closed", "excused",    NULL };

enum { OPTION_ALL_ATTENDED = 0x3101, OPTION_EXCEPT, OPTION_DRY_RUN, OPTION_YES };

struct roll_input {
    const char *date;
    const char *to;
    bool all_attended;
    bool dry_run;
    json_t *except; /* names; NULL: nobody */
};

static error_t parse_roll(int key, char *arg, struct argp_state *state)
{
    struct roll_input *input = state->input;
    switch (key) {
    case 'd':
        input->date = argument_day(state, "--date", arg);
        return 0;
    case 't':
        input->to = argument_day(state, "--to", arg);
        return 0;
    case OPTION_ALL_ATTENDED:
        input->all_attended = true;
        return 0;
    case OPTION_EXCEPT:
        input->except = input->except == NULL ? json_array() : input->except;
        (void)json_array_append_new(input->except, json_string(argument_text(state, "--except", arg)));
        return 0;
    case OPTION_DRY_RUN:
        input->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (!input->all_attended && (input->except != NULL || input->dry_run)) {
            argp_error(state, "--except and --dry-run go with --all-attended");
        }
        if (input->all_attended && input->to != NULL) {
            argp_error(state, "--all-attended is about one day: leave --to out");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option roll_options[] = {
    { "date", 'd', "DAY", 0, "yyyy-mm-dd; today when left out", 0 },
    { "to", 't', "DAY", 0, "up to and with this day", 0 },
    { "all-attended", OPTION_ALL_ATTENDED, NULL, 0, "record everybody as attended who has no entry yet", 0 },
    { "except", OPTION_EXCEPT, "REF", 0, "but not this session, placement or person; may be given again", 0 },
    { "dry-run", OPTION_DRY_RUN, NULL, 0, "only say what --all-attended would record", 0 },
    { 0 },
};

const struct argp roll_argp = {
    .options = roll_options,
    .parser = parse_roll,
    .doc = "Shows the register of a day: who is expected when, and how each session went."
           "\vThe names under SESSION are what 'holdfast attend' takes. A session without an entry is a gap in the "
           "register; it never counts against the person."
           "\n\n--all-attended leaves out those who have an entry already, whose session has not begun, or whom the "
           "Jobcentre has at the same time.",
};

/* "jcp_appointment" as "jcp appointment" */
static void say_code(const char *code, char out[LABEL_SIZE])
{
    (void)snprintf(out, LABEL_SIZE, "%s", code);
    for (char *at = strchr(out, '_'); at != NULL; at = strchr(at, '_')) {
        *at = ' ';
    }
}

/* "late, 3 h 10 min (travel)" */
static void say_outcome(const json_t *entry, char out[WORDS_SIZE])
{
    char outcome[LABEL_SIZE];
    char reason[LABEL_SIZE];
    say_code(answer_words(entry, "outcome"), outcome);
    say_code(answer_words(entry, "reason"), reason);
    if (answer_true(entry, "erased")) {
        (void)snprintf(out, WORDS_SIZE, "erased");
        return;
    }
    struct human minutes = { "" };
    if (answer_has(entry, "minutes")) {
        minutes = human_minutes((int)answer_int(entry, "minutes"));
    }
    (void)snprintf(out, WORDS_SIZE, "%s%s%s%s%s%s", outcome, minutes.text[0] != '\0' ? ", " : "", minutes.text,
                   reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "");
}

/* How a session stands: "not recorded", "attended, 4 h", "disputed: 2 sides, newest: absent". */
static enum mark say_standing(const json_t *session, char out[WORDS_SIZE])
{
    const char *standing = answer_text(session, "standing");
    char outcome[WORDS_SIZE];
    say_outcome(session, outcome);
    if (strcmp(standing, "unrecorded") == 0) {
        (void)snprintf(out, WORDS_SIZE, "not recorded");
        return MARK_WARNING;
    }
    if (strcmp(standing, "disputed") == 0) {
        (void)snprintf(out, WORDS_SIZE, "disputed: %" PRId64 " sides, newest: %.400s", answer_int(session, "heads"),
                       outcome);
        return MARK_BAD;
    }
    if (strcmp(standing, "excused") == 0 && strcmp(answer_text(session, "outcome"), "excused") != 0) {
        (void)snprintf(out, WORDS_SIZE, "excused; recorded as %.400s", outcome);
        return MARK_PLAIN;
    }
    if (strcmp(standing, "recorded") == 0 && answer_true(session, "early")) {
        (void)snprintf(out, WORDS_SIZE, "said before it began: %.400s; record how it went", outcome);
        return MARK_WARNING;
    }
    (void)snprintf(out, WORDS_SIZE, "%.400s", outcome);
    return MARK_PLAIN;
}

/* "JCP appointment 10:00-11:00" */
static void say_jcp(const json_t *session, char out[WORDS_SIZE])
{
    const json_t *jcp = answer_member(session, "jcp");
    out[0] = '\0';
    if (jcp != NULL) {
        const char *purpose = answer_text(jcp, "purpose");
        char words[WORDS_SIZE];
        say_code(strcmp(purpose, "jcp_appointment") == 0 ? "appointment" : purpose, words);
        (void)snprintf(out, WORDS_SIZE, "JCP %.40s %.5s-%.5s", words, answer_text(jcp, "starts"),
                       answer_text(jcp, "ends"));
    }
}

static void say_times(const json_t *session, char out[WORDS_SIZE])
{
    const char *starts = answer_text(session, "starts");
    (void)snprintf(out, WORDS_SIZE, "%.5s%s%.5s%s", starts, starts[0] != '\0' ? "-" : "", answer_text(session, "ends"),
                   answer_true(session, "expected") ? ""
                   : starts[0] != '\0'              ? " (extra)"
                                                    : "extra");
}

static const struct sheet_column roll_columns[] = {
    { .title = "TIME" },
    { .title = "SESSION" },
    { .title = "PERSON", .flexible = true },
    { .title = "REGISTER", .flexible = true, .marked = true },
    { .title = "JCP", .flexible = true },
    { 0 },
};

static void add_to_sheet(struct sheet *sheet, const json_t *session)
{
    char times[WORDS_SIZE];
    char standing[WORDS_SIZE];
    char jcp[WORDS_SIZE];
    struct answer_person person = answer_person(session);
    say_times(session, times);
    say_jcp(session, jcp);
    enum mark mark = say_standing(session, standing);
    const char *cells[] = { times, answer_text(session, "session"), person.text, standing, jcp };
    sheet_add(sheet, mark, cells);
}

/* The sessions of one day from `*index` on; moves it past them. Returns how many are not recorded. */
static size_t print_day(const struct screen *screen, const json_t *sessions, size_t *index)
{
    const char *day_text = answer_text(json_array_get(sessions, *index), "day");
    struct sheet *sheet = sheet_new(roll_columns);
    size_t gaps = 0;
    for (; *index < json_array_size(sessions); (*index)++) {
        const json_t *session = json_array_get(sessions, *index);
        if (strcmp(answer_text(session, "day"), day_text) != 0) {
            break;
        }
        gaps += strcmp(answer_text(session, "standing"), "unrecorded") == 0 ? 1 : 0;
        add_to_sheet(sheet, session);
    }
    int32_t day;
    struct human said = { "" };
    if (date_parse(day_text, &day)) {
        said = human_day(day);
    }
    screen_print(screen, "%s%s%s: %zu session%s, %zu not recorded\n", screen_mark(screen, MARK_STRONG), said.text,
                 screen_unmark(screen), sheet_rows(sheet), sheet_rows(sheet) == 1 ? "" : "s", gaps);
    sheet_print(sheet, screen);
    sheet_free(sheet);
    return gaps;
}

static void print_roll(const struct screen *screen, const json_t *roll)
{
    const json_t *sessions = answer_member(roll, "sessions");
    size_t gaps = 0;
    for (size_t index = 0; index < json_array_size(sessions);) {
        screen_print(screen, "%s", index > 0 ? "\n" : "");
        gaps += print_day(screen, sessions, &index);
    }
    if (json_array_size(sessions) == 0) {
        const char *from = answer_text(roll, "date");
        const char *to = answer_text(roll, "to");
        bool one = strcmp(from, to) == 0;
        screen_print(screen, "No session is expected or recorded %s %s%s%s.\n", one ? "on" : "from", from,
                     one ? "" : " to ", one ? "" : to);
    }
    if (answer_true(roll, "more")) {
        screen_print(screen, "There are more; ask for fewer days.\n");
    }
    if (gaps > 0) {
        screen_print(screen, "\n");
        screen_paragraph(screen, 0,
                         "Record with 'holdfast attend SESSION OUTCOME'; OUTCOME is attended, late, left_early, "
                         "absent_with_notice, absent, host_closed or excused.");
    }
}

static const char *why_skipped(const char *word)
{
    static const char *const words[][2] = {
        { "excepted", "left out, as asked" },
        { "recorded", "has an entry already" },
        { "ahead", "has not begun yet" },
        { "jcp", "the Jobcentre has the person at the same time" },
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i][0], word) == 0) {
            return words[i][1];
        }
    }
    return word;
}

static void print_attended(const struct screen *screen, const json_t *answer)
{
    size_t index;
    const json_t *session;
    json_array_foreach(answer_member(answer, "sessions"), index, session)
    {
        const char *skipped = answer_text(session, "skipped");
        screen_print(screen, "  %s, %s: %s\n", answer_text(session, "session"), answer_person(session).text,
                     skipped[0] == '\0' ? "attended" : why_skipped(skipped));
    }
    bool dry_run = answer_true(answer, "dry_run");
    screen_print(screen, "%s: %" PRId64 " of %zu sessions of %s as attended\n",
                 dry_run ? "would be recorded" : "recorded", answer_int(answer, "added"),
                 json_array_size(answer_member(answer, "sessions")), answer_text(answer, "date"));
}

static enum exit_code all_attended(struct cli *cli, const struct roll_input *input)
{
    json_t *body =
        json_pack("{s:s*, s:o*, s:b}", "date", input->date, "except", input->except, "dry_run", input->dry_run);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/roll/attended"), body, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        print_attended(&cli->screen, answer);
    }
    return code;
}

enum exit_code roll_run(struct cli *cli, int argc, char **argv)
{
    struct roll_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.all_attended) {
        return all_attended(cli, &input);
    }
    char *path = path_of("/v1/roll");
    path_add(&path, "date", input.date);
    path_add(&path, "to", input.to);
    path_add_labels(&path, cli->json);
    SCOPED(answer_free) json_t *roll = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &roll);
    if (code != EXIT_DONE || call_printed(cli, roll)) {
        return code;
    }
    print_roll(&cli->screen, roll);
    return EXIT_DONE;
}

struct attend_input {
    const char *session;
    const char *outcome;
    int64_t minutes; /* negative: not said */
    const char *reason;
    const char *note;
    bool yes;
};

static error_t parse_attend(int key, char *arg, struct argp_state *state)
{
    struct attend_input *input = state->input;
    switch (key) {
    case 'm':
        input->minutes = argument_number(state, "--minutes", arg, 0, MINUTES_A_DAY);
        return 0;
    case 'r':
        input->reason = argument_text(state, "--reason", arg);
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case OPTION_YES:
        input->yes = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            input->session = argument_text(state, "SESSION", arg);
        } else if (state->arg_num == 1) {
            input->outcome = argument_word(state, "OUTCOME", arg, outcomes);
        } else {
            argument_surplus(state, arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2) {
            argp_error(state, "name the session and the outcome; 'holdfast roll' shows the names of today's sessions");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option attend_options[] = {
    { "minutes", 'm', "N", 0, "minutes worked, 0 to 1440; none for an absence", 0 },
    { "reason", 'r', "CODE", 0, "why: health, caring, travel, jcp_appointment, ...", 0 },
    { "note", 'n', "TEXT", 0, "in words; needed to change what stands", 0 },
    { "yes", OPTION_YES, NULL, 0, "the reason is meant, though it is not a code of the programme", 0 },
    { 0 },
};

const struct argp attend_argp = {
    .options = attend_options,
    .parser = parse_attend,
    .args_doc = "SESSION OUTCOME",
    .doc =
        "Records how a session went. When it says recorded, the record is safe on this machine's disk."
        "\vSESSION is PLACEMENT@yyyy-mm-dd, or PLACEMENT@yyyy-mm-dd/2 for the second of a day. OUTCOME is attended, "
        "late, left_early, absent_with_notice, absent, host_closed or excused. A change of what stands needs --note; "
        "both entries stay in the record. A reason is a code of the programme ('holdfast pack show'); any other is "
        "recorded with --yes only, and explains nothing: the absence is asked about.",
};

static json_t *attend_body(const struct attend_input *input)
{
    json_t *body = json_object();
    (void)json_object_set_new(body, "session", json_string(input->session));
    (void)json_object_set_new(body, "outcome", json_string(input->outcome));
    if (input->minutes >= 0) {
        (void)json_object_set_new(body, "minutes", json_integer(input->minutes));
    }
    if (input->reason != NULL) {
        (void)json_object_set_new(body, "reason", json_string(input->reason));
    }
    if (input->note != NULL) {
        (void)json_object_set_new(body, "note", json_string(input->note));
    }
    if (input->yes) {
        (void)json_object_set_new(body, "unknown_code", json_true());
    }
    return body;
}

enum exit_code attend_run(struct cli *cli, int argc, char **argv)
{
    struct attend_input input = { .minutes = -1 };
    command_parse(cli, argc, argv, &input);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/attendance"), attend_body(&input), CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *session = answer_member(answer, "session");
    char standing[WORDS_SIZE];
    char jcp[WORDS_SIZE];
    (void)say_standing(session, standing);
    say_jcp(session, jcp);
    screen_print(&cli->screen, "%s: %s, %s: %s\n",
                 answer_int(answer, "added") > 0 ? "recorded" : "nothing new: it stands so already",
                 answer_text(session, "session"), answer_person(session).text, standing);
    if (jcp[0] != '\0') {
        screen_print(&cli->screen, "  overlaps a %s\n", jcp);
    }
    return EXIT_DONE;
}

static error_t parse_session(int key, char *arg, struct argp_state *state)
{
    const char **session = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        *session = argument_only(state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the session; 'holdfast roll' shows the names");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp session_argp = {
    .parser = parse_session,
    .args_doc = "SESSION",
    .doc = "Shows everything recorded about one session: who said what, when it happened and when it was recorded, "
           "corrections, and both sides of a dispute.",
};

static void print_assertion(const struct screen *screen, const json_t *assertion, bool disputed)
{
    char outcome[WORDS_SIZE];
    say_outcome(assertion, outcome);
    bool head = answer_true(assertion, "head");
    screen_print(screen, "  %s%s%s\n", screen_mark(screen, head ? MARK_STRONG : MARK_FAINT), outcome,
                 screen_unmark(screen));
    int64_t at_ms;
    struct human at = { "" };
    if (answer_instant(assertion, "recorded_at", &at_ms)) {
        at = human_instant(at_ms, screen->now_ms);
    }
    const json_t *op = answer_member(assertion, "op");
    screen_print(screen, "      %s; recorded by %s on device %.8s, %s\n",
                 !head      ? "replaced later"
                 : disputed ? "one side of the dispute"
                            : "stands",
                 answer_text(assertion, "actor"), answer_text(op, "device"), at.text);
    if (answer_instant(assertion, "happened_at", &at_ms)) {
        at = human_clock(at_ms);
        screen_print(screen, "      happened %s\n", at.text);
    }
    if (answer_text(assertion, "note")[0] != '\0') {
        screen_paragraph(screen, 6, answer_text(assertion, "note"));
    }
}

enum exit_code session_run(struct cli *cli, int argc, char **argv)
{
    const char *name = NULL;
    command_parse(cli, argc, argv, &name);
    SCOPED(answer_free) json_t *answer = NULL;
    char *path = path_of("/v1/sessions/%s", name);
    path_add_labels(&path, cli->json);
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *session = answer_member(answer, "session");
    char standing[WORDS_SIZE];
    char times[WORDS_SIZE];
    char jcp[WORDS_SIZE];
    enum mark mark = say_standing(session, standing);
    say_times(session, times);
    say_jcp(session, jcp);
    screen_print(screen, "%s, %s, %s%s%s: %s%s%s\n", answer_text(session, "session"), answer_person(session).text,
                 times, jcp[0] != '\0' ? "; overlaps a " : "", jcp, screen_mark(screen, mark), standing,
                 screen_unmark(screen));
    size_t index;
    const json_t *assertion;
    json_array_foreach(answer_member(answer, "assertions"), index, assertion)
    {
        print_assertion(screen, assertion, strcmp(answer_text(session, "standing"), "disputed") == 0);
    }
    return EXIT_DONE;
}
