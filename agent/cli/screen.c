#include "agent/cli/screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/cli/memory.h"
#include "agent/cli/text.h"
#include "base/clock.h"

enum { WIDTH_DEFAULT = 80, WIDTH_MIN = 40, FACT_INDENT = 2, FACT_COLUMN = 18 };

static size_t terminal_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return WIDTH_DEFAULT;
    }
    return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}

static bool colour_wanted(void)
{
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org: set and not empty */
    const char *terminal = getenv("TERM");
    return (no_colour == NULL || no_colour[0] == '\0') && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

void screen_init(struct screen *screen, FILE *out)
{
    int fd = fileno(out); /* -1 for a stream in memory */
    bool terminal = fd >= 0 && isatty(fd) == 1;
    int64_t now_ms = clock_wall_ms();
    *screen = (struct screen){
        .out = out,
        .width = terminal ? terminal_width(fd) : 0,
        .colour = terminal && colour_wanted(),
        .now_ms = now_ms,
        .today = clock_today(now_ms),
    };
}

const char *screen_mark(const struct screen *screen, enum mark mark)
{
    static const char *const codes[] = {
        [MARK_PLAIN] = "",        [MARK_STRONG] = "\033[1m",     [MARK_FAINT] = "\033[2m",
        [MARK_GOOD] = "\033[32m", [MARK_WARNING] = "\033[1;33m", [MARK_BAD] = "\033[1;31m",
    };
    return screen->colour ? codes[mark] : "";
}

const char *screen_unmark(const struct screen *screen)
{
    return screen->colour ? "\033[0m" : "";
}

void screen_print(const struct screen *screen, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(screen->out, format, args);
    va_end(args);
}

/* A word that is wider than the line stays whole: it may be an address that somebody wants to copy. */
static size_t line_length(const char *text, size_t columns)
{
    size_t len = columns == 0 ? strlen(text) : text_words(text, columns);
    return len > 0 ? len : strcspn(text, " ");
}

/* The first line goes where the caller has printed up to. */
static void print_wrapped(const struct screen *screen, size_t indent, const char *text)
{
    size_t columns = screen->width > indent + 10 ? screen->width - indent : screen->width;
    text += strspn(text, " ");
    for (;;) {
        size_t len = line_length(text, columns);
        screen_print(screen, "%.*s\n", (int)len, text);
        text += len;
        text += strspn(text, " ");
        if (*text == '\0') {
            return;
        }
        screen_print(screen, "%*s", (int)indent, "");
    }
}

void screen_paragraph(const struct screen *screen, size_t indent, const char *text)
{
    screen_print(screen, "%*s", (int)indent, "");
    print_wrapped(screen, indent, text);
}

void screen_fact(const struct screen *screen, const char *label, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    must_have(len < 0 ? NULL : text);
    bool wide = strlen(label) >= FACT_COLUMN - FACT_INDENT;
    screen_print(screen, "%*s%-*s%s", FACT_INDENT, "", FACT_COLUMN - FACT_INDENT, label, wide ? "  " : "");
    print_wrapped(screen, FACT_COLUMN, text);
    free(text);
}
