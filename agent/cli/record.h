/*
 * agent/cli/record - commands that record, list and show one kind of record each, from a table of its options.
 *
 *   holdfast NOUN add SUBJECT [OPTION...]     SUBJECT: a person, a placement, or the record's own reference
 *   holdfast NOUN list [SUBJECT]
 *   holdfast NOUN show REF                    only kinds that have one
 *   holdfast NOUN change REF [OPTION...]      of kinds that are added once; the others take `add` again
 *
 * A kind with a call of its own has no list.
 *
 * An option's value goes into the field of its name as it is, or as minutes where hours are typed.
 */
#ifndef AGENT_CLI_RECORD_H
#define AGENT_CLI_RECORD_H

#include <jansson.h>

#include "agent/cli/command.h"
#include "agent/cli/sheet.h"

/* RECORD_TODAY: a day, of a new record today's when left out. RECORD_YES and RECORD_NO take no value. */
enum record_form { RECORD_TEXT, RECORD_DAY, RECORD_TODAY, RECORD_NUMBER, RECORD_HOURS, RECORD_YES, RECORD_NO };

struct record_option {
    int key;
    enum record_form form;
    const char *field;
    bool required;     /* of a new record */
    const char *typed; /* the option with its two hyphens, for messages */
};

struct record_command {
    const char *path; /* of a call of its own, which takes the fields as they are; NULL: that of all records */
    const char *kind;
    const char *subject;  /* the field that the word behind `add` goes into: participant, placement or ref */
    const char *expected; /* what that word is, for messages */
    bool once;            /* `add` refuses what is there, `change` what is not */
    const struct record_option *options;
    const struct sheet_column *columns;
    const char *const *cells;                                         /* the fields in them, as many as columns */
    void (*print)(const struct screen *screen, const json_t *answer); /* what `show` prints, of a call of its own */
};

/* Of a list X(key, option, what it takes, what it says, form, field, required): what argp and what the engine needs. */
#define RECORD_AS_ARGP(key, option, arg, doc, form, field, required) { option, key, arg, 0, doc, 0 },
#define RECORD_AS_OPTION(key, option, arg, doc, form, field, required) { key, form, field, required, "--" option },

#define RECORD_OPTIONS_MAX 20

struct record_input {
    const struct record_command *command;
    const char *verb;
    const char *subject;
    const char *id; /* of an earlier record, to change it */
    struct {
        const char *field;
        const char *text; /* NULL: the number */
        int64_t number;
        enum record_form form;
    } given[RECORD_OPTIONS_MAX];
    size_t count;
};

enum { RECORD_OPTION_ID = 0x3200, RECORD_OPTION_FIRST };

/* The parser of all; its input is a struct record_input with its command set. */
error_t record_parse(int key, char *arg, struct argp_state *state);

/* For a command with more verbs than these: a text that came otherwise, or none (NULL); an option (false: it is none
 * of them); the message about what a new record lacks; the call that adds or changes. */
void record_put(struct record_input *input, const char *field, const char *text);
bool record_take(struct record_input *input, int key, const char *arg, const struct argp_state *state);
void record_need(const struct record_input *input, const struct argp_state *state);
enum exit_code record_send(struct cli *cli, const struct record_input *input);

/* What somebody should look at, of an answer that has any. */
void record_warnings(const struct screen *screen, const json_t *answer);

enum exit_code record_run(struct cli *cli, int argc, char **argv, const struct record_command *command);

/* What `list` prints. */
enum exit_code record_list(struct cli *cli, const struct record_command *command, const char *subject);

#endif
