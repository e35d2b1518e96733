/*
 * agent/cli/argument - what a person typed, checked before it is sent.
 *
 * Each returns its value, or ends the program through argp_error: the option's name, what was found, what is expected.
 */
#ifndef AGENT_CLI_ARGUMENT_H
#define AGENT_CLI_ARGUMENT_H

#include <argp.h>
#include <stdint.h>

int64_t argument_number(const struct argp_state *state, const char *option, const char *text, int64_t min, int64_t max);
const char *argument_day(const struct argp_state *state, const char *option, const char *text);

/* Plain text in UTF-8, with which JSON can be made. */
const char *argument_text(const struct argp_state *state, const char *option, const char *text);

/* For a word beyond those that the command takes. */
void argument_surplus(const struct argp_state *state, const char *text);

/* The rest of a parser whose command takes options alone. */
error_t argument_none(int key, const char *text, const struct argp_state *state);

/* The word of a command that takes one. */
const char *argument_only(const struct argp_state *state, const char *text);

/* What to do, then with what, which is called `name`; a third word is one too many. */
void argument_verb(const struct argp_state *state, const char *text, const char *const *verbs, const char **ret_verb,
                   const char *name, const char **ret_what);

/* One of `words` (NULL-terminated). */
const char *argument_word(const struct argp_state *state, const char *option, const char *text,
                          const char *const *words);

#endif
