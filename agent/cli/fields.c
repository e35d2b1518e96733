#include "agent/cli/fields.h"

#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/human.h"
#include "base/money.h"

enum { MILLE = 1000 };

static json_t *pounds_typed(const struct argp_state *state, const char *option, const char *arg)
{
    int64_t pence = 0;
    if (!pounds_parse(arg, INT32_MAX, &pence)) {
        argp_error(state, "%s is '%s'; expected an amount in pounds, such as 2000 or 1,234.50", option, arg);
    }
    return json_integer(pence);
}

/* Thousandths, by the same reader as pounds: both have at most two digits after the point. */
static json_t *percent_typed(const struct argp_state *state, const char *option, const char *arg)
{
    int64_t hundredths = 0;
    char text[16];
    size_t len = strcspn(arg, "%");
    bool fits = len < sizeof(text) && (arg[len] == '\0' || arg[len + 1] == '\0');
    if (fits) {
        memcpy(text, arg, len);
        text[len] = '\0';
    }
    if (!fits || !pounds_parse(text, (int64_t)10 * MILLE, &hundredths) || hundredths % 10 != 0) {
        argp_error(state, "%s is '%s'; expected per cent from 0 to 100, such as 35 or 33.3", option, arg);
    }
    return json_integer(hundredths / 10);
}

static json_t *typed(const struct argp_state *state, const char *option, enum field_kind kind, const char *arg)
{
    switch (kind) {
    case TYPED_TEXT:
        return json_string(argument_text(state, option, arg));
    case TYPED_DAY:
        return json_string(argument_day(state, option, arg));
    case TYPED_COUNT:
        return json_integer(argument_number(state, option, arg, 0, INT32_MAX));
    case TYPED_POUNDS:
        return pounds_typed(state, option, arg);
    case TYPED_PERCENT:
        return percent_typed(state, option, arg);
    }
    return NULL;
}

bool fields_take(const struct argp_state *state, const struct argp_option *options, const struct field_spec *specs,
                 size_t count, int key, const char *arg, json_t *body)
{
    if (key < FIELD_KEY || (size_t)(key - FIELD_KEY) >= count) {
        return false;
    }
    size_t at = (size_t)(key - FIELD_KEY);
    char option[48];
    (void)snprintf(option, sizeof(option), "--%s", options[at].name);
    (void)json_object_set_new(body, specs[at].member, typed(state, option, specs[at].kind, arg));
    return true;
}

struct human fields_pounds(const json_t *object, const char *name)
{
    struct human text = { "" };
    if (answer_has(object, name)) {
        pounds_format(answer_int(object, name), text.text);
    }
    return text;
}
