/*
 * agent/cli/screen - where a command prints: a terminal of some width, or a file or pipe without one.
 *
 * Colour is used on a terminal only, and not with NO_COLOR set or TERM=dumb; it never carries a meaning that the words
 * do not. On a pipe lines are never cut or wrapped, so that grep finds what is there.
 */
#ifndef AGENT_CLI_SCREEN_H
#define AGENT_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/check.h"

enum mark { MARK_PLAIN, MARK_STRONG, MARK_FAINT, MARK_GOOD, MARK_WARNING, MARK_BAD };

struct screen {
    FILE *out;
    size_t width; /* columns; 0: not a terminal */
    bool colour;
    int64_t now_ms;
    int32_t today;
};

void screen_init(struct screen *screen, FILE *out);

/* What switches a mark on, and all marks off; "" without colour. */
const char *screen_mark(const struct screen *screen, enum mark mark);
const char *screen_unmark(const struct screen *screen);

void screen_print(const struct screen *screen, const char *format, ...) PRINTF_LIKE(2, 3);

/* A paragraph, broken between words, each line `indent` columns in. */
void screen_paragraph(const struct screen *screen, size_t indent, const char *text);

/* "  Label           what is said about it", further lines below the first. */
void screen_fact(const struct screen *screen, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
