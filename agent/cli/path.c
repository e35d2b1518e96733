#include "agent/cli/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/memory.h"

static void write_encoded(FILE *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~@";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            (void)fputc(*text, out);
        } else {
            (void)fprintf(out, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

char *path_of(const char *format, ...)
{
    char *path = NULL;
    size_t size = 0;
    FILE *out = must_have(open_memstream(&path, &size));
    va_list args;
    va_start(args, format);
    for (; *format != '\0'; format++) {
        if (format[0] == '%') {
            CHECK(format[1] == 's');
            write_encoded(out, va_arg(args, const char *));
            format++;
        } else {
            (void)fputc(*format, out);
        }
    }
    va_end(args);
    (void)fclose(out);
    return must_have(path);
}

void path_add(char **path, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }
    char *longer = NULL;
    size_t size = 0;
    FILE *out = must_have(open_memstream(&longer, &size));
    (void)fprintf(out, "%s%c%s=", *path, strchr(*path, '?') == NULL ? '?' : '&', name);
    write_encoded(out, value);
    (void)fclose(out);
    free(*path);
    *path = must_have(longer);
}

/* As setlocale looks for the language of messages. */
static bool is_welsh(void)
{
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *locale = getenv(names[i]);
        if (locale != NULL && locale[0] != '\0') {
            return strncmp(locale, "cy", 2) == 0 && strchr("_.@", locale[2]) != NULL;
        }
    }
    return false;
}

void path_add_labels(char **path, bool json)
{
    path_add(path, "labels", !json && is_welsh() ? "1" : NULL);
}
