/*
 * agent/cli/fields - options that are members of a request: one table says both.
 *
 * The n-th option has the key FIELD_KEY + n; the n-th spec says which member it becomes, and how it is typed.
 */
#ifndef AGENT_CLI_FIELDS_H
#define AGENT_CLI_FIELDS_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/cli/human.h"

enum { FIELD_KEY = 0x5000 };

enum field_kind {
    TYPED_TEXT,
    TYPED_DAY,
    TYPED_COUNT,   /* 0 to INT32_MAX */
    TYPED_POUNDS,  /* becomes pence */
    TYPED_PERCENT, /* "35", "33.3"; becomes thousandths */
};

struct field_spec {
    const char *member;
    enum field_kind kind;
};

/* Puts what was typed into `body`, or ends the program through argp_error. False: the key is none of the `count`. */
bool fields_take(const struct argp_state *state, const struct argp_option *options, const struct field_spec *specs,
                 size_t count, int key, const char *arg, json_t *body);

/* "£1,234.50"; "" where there is no number. */
struct human fields_pounds(const json_t *object, const char *name);

#endif
