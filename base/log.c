#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 1024 };

static enum log_level level_max = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    level_max = level;
}

/* One write a line, so that lines of several processes never mix; control characters cannot start a line of their own.
 */
static void emit(enum log_level level, const char *event, const char *pairs)
{
    char line[LINE_MAX_BYTES + 64];
    int length;
    if (getenv("JOURNAL_STREAM") != NULL) {
        length = snprintf(line, sizeof(line), "<%d>%s %s", (int)level, event, pairs);
    } else {
        char at[INSTANT_TEXT_SIZE];
        instant_format(clock_wall_ms(), at);
        length = snprintf(line, sizeof(line), "%s %s %s", at, event, pairs);
    }
    size_t used = length < (int)sizeof(line) - 1 ? (size_t)length : sizeof(line) - 2;
    while (used > 0 && line[used - 1] == ' ') {
        used--;
    }
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char)line[i] < 0x20) {
            line[i] = ' ';
        }
    }
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void)ignored;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    if (level > level_max) {
        return;
    }
    char pairs[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(pairs, sizeof(pairs), format, args);
    va_end(args);
    emit(level, event, pairs);
}

void log_error(const char *event, const struct error *err)
{
    log_event(LOG_LEVEL_ERROR, event, "code=%s message=\"%s\"", err_code_name(err->code), err->message);
}
