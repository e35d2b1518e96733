#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum err_class class;
} codes[] = {
#define X(code, name, class) [ERR_##code] = { name, ERR_CLASS_##class },
    ERROR_CODES(X)
#undef X
};

const char *err_code_name(enum err_code code)
{
    CHECK((size_t)code < ARRAY_LEN(codes));
    return codes[code].name;
}

enum err_class err_code_class(enum err_code code)
{
    CHECK((size_t)code < ARRAY_LEN(codes));
    return codes[code].class;
}

enum err_code err_code_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (strcmp(codes[i].name, name) == 0) {
            return (enum err_code)i;
        }
    }
    return ERR_PROTOCOL;
}

enum err_code err_code_from_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ERR_DISK_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return ERR_READ_ONLY;
    case ENOENT:
        return ERR_NOT_FOUND;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

static void mark_if_cut(char *message, int written)
{
    if (written >= ERROR_MESSAGE_MAX) {
        memcpy(message + ERROR_MESSAGE_MAX - 4, "...", 4);
    }
}

PRINTF_LIKE(3, 0)
static void set_v(struct error *err, enum err_code code, const char *format, va_list args)
{
    if (err == NULL) {
        return;
    }
    err->code = code;
    mark_if_cut(err->message, vsnprintf(err->message, sizeof(err->message), format, args));
}

enum err_code error_set(struct error *err, enum err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_v(err, code, format, args);
    va_end(args);
    return code;
}

enum err_code error_wrap(struct error *err, enum err_code code, const char *format, ...)
{
    if (err == NULL) {
        return code;
    }
    char inner[ERROR_MESSAGE_MAX];
    memcpy(inner, err->message, sizeof(inner));
    char outer[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(outer, sizeof(outer), format, args);
    va_end(args);
    err->code = code;
    mark_if_cut(err->message, snprintf(err->message, sizeof(err->message), "%s: %s", outer, inner));
    return code;
}

enum err_code error_errno(struct error *err, const char *format, ...)
{
    int saved = errno;
    enum err_code code = err_code_from_errno(saved);
    va_list args;
    va_start(args, format);
    set_v(err, code, format, args);
    va_end(args);
    if (err != NULL) {
        size_t used = strlen(err->message);
        mark_if_cut(err->message,
                    (int)used + snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(saved)));
    }
    return code;
}
