#include "agent/cli/argument.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/memory.h"
#include "base/bytes.h"
#include "base/clock.h"

int64_t argument_number(const struct argp_state *state, const char *option, const char *text, int64_t min, int64_t max)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max) {
        argp_error(state, "%s is '%s'; expected a whole number from %" PRId64 " to %" PRId64, option, text, min, max);
    }
    return value;
}

const char *argument_day(const struct argp_state *state, const char *option, const char *text)
{
    int32_t day;
    if (!date_parse(text, &day)) {
        argp_error(state, "%s is '%s'; expected a date as yyyy-mm-dd, such as 2014-11-20", option, text);
    }
    return text;
}

const char *argument_text(const struct argp_state *state, const char *option, const char *text)
{
    if (!utf8_valid(slice_of_text(text))) {
        argp_error(state, "%s is not text in UTF-8", option);
    }
    return text;
}

void argument_surplus(const struct argp_state *state, const char *text)
{
    argp_error(state, "'%s' is one word too many; put words that belong together in quotes", text);
}

const char *argument_word(const struct argp_state *state, const char *option, const char *text,
                          const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return words[i];
        }
    }
    char *expected = NULL;
    size_t size = 0;
    FILE *out = must_have(open_memstream(&expected, &size));
    for (size_t i = 0; words[i] != NULL; i++) {
        (void)fprintf(out, "%s%s", i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
    }
    (void)fclose(out);
    argp_error(state, "%s is '%s'; expected %s", option, text, (const char *)must_have(expected));
    free(expected);
    return text;
}

error_t argument_none(int key, const char *text, const struct argp_state *state)
{
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    argument_surplus(state, text);
    return 0;
}

const char *argument_only(const struct argp_state *state, const char *text)
{
    if (state->arg_num > 0) {
        argument_surplus(state, text);
    }
    return text;
}

void argument_verb(const struct argp_state *state, const char *text, const char *const *verbs, const char **ret_verb,
                   const char *name, const char **ret_what)
{
    if (state->arg_num == 0) {
        *ret_verb = argument_word(state, "what to do", text, verbs);
    } else if (state->arg_num == 1) {
        *ret_what = argument_text(state, name, text);
    } else {
        argument_surplus(state, text);
    }
}
