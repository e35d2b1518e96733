#include "agent/cli/record.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "base/clock.h"

enum { HOUR = 60, WEEK_HOURS = 168, CELL_SIZE = 2004 };

/* ---- what was typed ---- */

/* "4", "4:30" */
static int64_t hours_of(const struct argp_state *state, const char *option, const char *text)
{
    char *end = NULL;
    long hours = strtol(text, &end, 10);
    long minutes = 0;
    bool fits = end != text && hours >= 0 && hours <= WEEK_HOURS;
    if (fits && *end == ':') {
        const char *from = end + 1;
        minutes = strtol(from, &end, 10);
        fits = end == from + 2 && minutes >= 0 && minutes < HOUR;
    }
    if (!fits || *end != '\0') {
        argp_error(state, "%s is '%s'; expected hours, such as 4 or 4:30", option, text);
    }
    return hours * HOUR + minutes;
}

static void take_option(struct record_input *input, const struct record_option *option, const char *arg,
                        const struct argp_state *state)
{
    if (input->count == RECORD_OPTIONS_MAX) {
        argp_error(state, "more than %d options", RECORD_OPTIONS_MAX);
    }
    size_t at = input->count++;
    input->given[at].field = option->field;
    input->given[at].form = option->form;
    switch (option->form) {
    case RECORD_TEXT:
        input->given[at].text = argument_text(state, option->typed, arg);
        break;
    case RECORD_DAY:
    case RECORD_TODAY:
        input->given[at].text = argument_day(state, option->typed, arg);
        break;
    case RECORD_NUMBER:
        input->given[at].number = argument_number(state, option->typed, arg, 0, INT32_MAX);
        break;
    case RECORD_HOURS:
        input->given[at].number = hours_of(state, option->typed, arg);
        break;
    case RECORD_YES:
    case RECORD_NO:
        break;
    }
}

static bool has_ref(const struct record_command *command)
{
    return strcmp(command->subject, "ref") == 0;
}

static bool is_given(const struct record_input *input, const char *field)
{
    for (size_t i = 0; i < input->count; i++) {
        if (strcmp(input->given[i].field, field) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_change(const struct record_input *input)
{
    return strcmp(input->verb, "change") == 0;
}

void record_need(const struct record_input *input, const struct argp_state *state)
{
    for (const struct record_option *option = input->command->options; option->field != NULL; option++) {
        if (option->required && input->id == NULL && !is_change(input) && !is_given(input, option->field)) {
            argp_error(state, "say %s; '--help' lists the options", option->typed);
        }
    }
    if (is_change(input) && is_given(input, "weeks")) {
        argp_error(state, "--weeks goes with add; say the last day with --to");
    }
    if (is_change(input) && input->count == 0) {
        argp_error(state, "say what changes; '--help' lists the options");
    }
}

static void check_words(const struct record_input *input, const struct argp_state *state)
{
    const struct record_command *command = input->command;
    if (input->verb == NULL) {
        argp_error(state, "say what to do: %s",
                   command->path != NULL ? "add, change or show"
                   : has_ref(command)    ? "add, show or list"
                                         : "add or list");
        return;
    }
    bool records = strcmp(input->verb, "add") == 0 || is_change(input);
    if (strcmp(input->verb, "list") != 0 && input->subject == NULL) {
        argp_error(state, "name %s", command->expected);
    }
    if (!records && (input->count > 0 || input->id != NULL)) {
        argp_error(state, "options go with 'add'%s", command->path != NULL ? " and 'change'" : "");
    }
    if (records) {
        record_need(input, state);
    }
}

void record_put(struct record_input *input, const char *field, const char *text)
{
    if (text != NULL && input->count < RECORD_OPTIONS_MAX) {
        size_t at = input->count++;
        input->given[at].field = field;
        input->given[at].form = RECORD_TEXT;
        input->given[at].text = text;
    }
}

bool record_take(struct record_input *input, int key, const char *arg, const struct argp_state *state)
{
    for (const struct record_option *option = input->command->options; option->field != NULL; option++) {
        if (option->key == key) {
            take_option(input, option, arg, state);
            return true;
        }
    }
    return false;
}

static void take_word(struct record_input *input, char *arg, const struct argp_state *state)
{
    static const char *const with_ref[] = { "add", "list", "show", NULL };
    static const char *const without[] = { "add", "list", NULL };
    static const char *const own[] = { "add", "change", "show", NULL };
    if (state->arg_num == 0) {
        input->verb = argument_word(state, "what to do", arg,
                                    input->command->path != NULL ? own
                                    : has_ref(input->command)    ? with_ref
                                                                 : without);
    } else if (state->arg_num == 1) {
        input->subject = argument_text(state, input->command->expected, arg);
    } else {
        argument_surplus(state, arg);
    }
}

error_t record_parse(int key, char *arg, struct argp_state *state)
{
    struct record_input *input = state->input;
    if (key == ARGP_KEY_ARG) {
        take_word(input, arg, state);
        return 0;
    }
    if (key == ARGP_KEY_END) {
        check_words(input, state);
        return 0;
    }
    if (key == RECORD_OPTION_ID) {
        input->id = argument_text(state, "--id", arg);
        return 0;
    }
    return input != NULL && record_take(input, key, arg, state) ? 0 : ARGP_ERR_UNKNOWN;
}

/* ---- add ---- */

static json_t *fields_begin(const struct cli *cli, const struct record_input *input)
{
    char today[DATE_TEXT_SIZE];
    json_t *fields = json_pack("{s:s}", input->command->subject, input->subject);
    date_format(cli->screen.today, today);
    for (const struct record_option *option = input->command->options; option->field != NULL; option++) {
        if (option->form == RECORD_TODAY && input->id == NULL && !is_change(input)) {
            (void)json_object_set_new(fields, option->field, json_string(today));
        }
    }
    return fields;
}

static json_t *body_of(const struct cli *cli, const struct record_input *input)
{
    json_t *fields = fields_begin(cli, input);
    for (size_t i = 0; i < input->count; i++) {
        enum record_form form = input->given[i].form;
        json_t *value = form == RECORD_YES || form == RECORD_NO ? json_boolean(form == RECORD_YES)
                        : input->given[i].text != NULL          ? json_string(input->given[i].text)
                                                                : json_integer(input->given[i].number);
        (void)json_object_set_new(fields, input->given[i].field, value);
    }
    if (input->command->path != NULL && !is_change(input)) {
        return fields;
    }
    json_t *body = json_pack("{s:s, s:s*, s:o}", "kind", input->command->kind, "id", input->id, "fields", fields);
    if (input->command->once) {
        (void)json_object_set_new(body, "there", json_boolean(is_change(input)));
    }
    return body;
}

void record_warnings(const struct screen *screen, const json_t *answer)
{
    size_t index;
    const json_t *warning;
    json_array_foreach(answer_member(answer, "warnings"), index, warning)
    {
        screen_print(screen, "  look at this: %s\n", json_string_value(warning));
    }
}

enum exit_code record_send(struct cli *cli, const struct record_input *input)
{
    SCOPED(answer_free) json_t *answer = NULL;
    const char *own = input->command->path;
    char *path = must_have(strdup(own != NULL && !is_change(input) ? own : "/v1/records"));
    enum exit_code code = call(cli, "POST", path, body_of(cli, input), CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "%s: %s for %s%s%s\n",
                 answer_int(answer, "added") > 0 ? "recorded" : "nothing new: it stands so already", cli->command->name,
                 input->subject, has_ref(input->command) ? "" : ", id ",
                 has_ref(input->command) ? "" : answer_text(answer, "id"));
    record_warnings(&cli->screen, answer);
    return EXIT_DONE;
}

/* ---- list and show ---- */

/* "name, phone" */
static void say_words(const json_t *words, char out[CELL_SIZE])
{
    size_t len = 0;
    size_t index;
    const json_t *word;
    out[0] = '\0';
    json_array_foreach(words, index, word)
    {
        const char *text = json_string_value(word);
        if (text != NULL && len < CELL_SIZE) {
            len += (size_t)snprintf(out + len, CELL_SIZE - len, "%s%s", index > 0 ? ", " : "", text);
        }
    }
}

static bool is_minutes(const char *field)
{
    const char *last = strrchr(field, '_');
    return strcmp(last != NULL ? last + 1 : field, "minutes") == 0;
}

/* Minutes as hours, yes or no, the reference for a record that is named. */
static void say_field(const json_t *record, const char *field, char out[CELL_SIZE])
{
    const json_t *value = json_object_get(answer_member(record, "fields"), field);
    const char *ref = answer_text(answer_member(record, "refs"), field);
    if (json_object_get(answer_member(record, "labels"), field) != NULL) {
        (void)snprintf(out, CELL_SIZE, "%s", answer_words(record, field));
    } else if (strcmp(field, "said_by") == 0 || strcmp(field, "id") == 0) {
        (void)snprintf(out, CELL_SIZE, "%s", answer_text(record, field));
    } else if (ref[0] != '\0') {
        (void)snprintf(out, CELL_SIZE, "%s", ref);
    } else if (json_is_integer(value) && is_minutes(field)) {
        struct human minutes = human_minutes((int)json_integer_value(value));
        (void)snprintf(out, CELL_SIZE, "%s", minutes.text);
    } else if (json_is_integer(value)) {
        (void)snprintf(out, CELL_SIZE, "%lld", (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        (void)snprintf(out, CELL_SIZE, json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value)) {
        say_words(value, out);
    } else {
        (void)snprintf(out, CELL_SIZE, "%.*s", CELL_SIZE - 1,
                       json_string_value(value) == NULL ? "" : json_string_value(value));
    }
}

enum exit_code record_list(struct cli *cli, const struct record_command *command, const char *subject)
{
    char *path = path_of("/v1/records/%s", command->kind);
    path_add(&path, has_ref(command) ? "host" : command->subject, subject);
    path_add_labels(&path, cli->json);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(command->columns);
    size_t index;
    const json_t *record;
    json_array_foreach(answer_member(answer, "records"), index, record)
    {
        char texts[SHEET_COLUMNS_MAX][CELL_SIZE];
        const char *cells[SHEET_COLUMNS_MAX];
        for (size_t i = 0; command->columns[i].title != NULL; i++) {
            say_field(record, command->cells[i], texts[i]);
            cells[i] = texts[i];
        }
        sheet_add(sheet, MARK_PLAIN, cells);
    }
    sheet_close(sheet, &cli->screen, "Nothing recorded.");
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "\nThere are more; name %s.\n", command->expected);
    }
    return EXIT_DONE;
}

static char *path_of_one(const char *own, const char *ref)
{
    char *encoded = path_of("%s", ref);
    char *path = NULL;
    int len = asprintf(&path, "%s/%s", own, encoded);
    free(encoded);
    return must_have(len < 0 ? NULL : path);
}

static enum exit_code show_own(struct cli *cli, const struct record_command *command, const char *ref)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of_one(command->path, ref), NULL, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        command->print(&cli->screen, answer);
    }
    return code;
}

/* "supervisor hours": say_field says minutes as hours. */
static void say_label(const char *field, char label[64])
{
    int len = (int)strlen(field) - (is_minutes(field) ? 7 : 0);
    (void)snprintf(label, 64, "%.*s%s", len, field, is_minutes(field) ? "hours" : "");
    for (char *at = strchr(label, '_'); at != NULL; at = strchr(at, '_')) {
        *at = ' ';
    }
}

static enum exit_code show(struct cli *cli, const struct record_command *command, const char *ref)
{
    if (command->path != NULL) {
        return show_own(cli, command, ref);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    char *path = path_of("/v1/records/%s/%s", command->kind, ref);
    path_add_labels(&path, cli->json);
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *record = answer_member(answer, "record");
    const char *field;
    const json_t *value;
    json_object_foreach(answer_member(record, "fields"), field, value)
    {
        (void)value;
        char label[64];
        char said[CELL_SIZE];
        say_label(field, label);
        say_field(record, field, said);
        screen_fact(&cli->screen, label, "%s", said);
    }
    int64_t at_ms;
    struct human at = { "" };
    if (answer_instant(record, "said_at", &at_ms)) {
        at = human_instant(at_ms, cli->screen.now_ms);
    }
    if (answer_has(record, "said_by")) {
        screen_fact(&cli->screen, "said by", "%s, %s", answer_text(record, "said_by"), at.text);
    }
    return EXIT_DONE;
}

enum exit_code record_run(struct cli *cli, int argc, char **argv, const struct record_command *command)
{
    struct record_input input = { .command = command };
    command_parse(cli, argc, argv, &input);
    if (strcmp(input.verb, "add") == 0 || is_change(&input)) {
        return record_send(cli, &input);
    }
    return strcmp(input.verb, "list") == 0 ? record_list(cli, command, input.subject)
                                           : show(cli, command, input.subject);
}
