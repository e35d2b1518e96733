/*
 * base/check - assertions that stay on, scoped release, and the attributes of the house.
 *
 * CHECK is for our own bugs only. Bytes from a disk, a peer or a person are never checked with it: they are validated
 * and refused with an error.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define UNUSED __attribute__((unused))

/* Runs `release(&variable)` when the variable goes out of scope, which is use enough of it. */
#define SCOPED(release) __attribute__((cleanup(release), unused))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

_Noreturn void check_failed(const char *condition, const char *file, int line);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            check_failed(#condition, __FILE__, __LINE__);                                                              \
        }                                                                                                              \
    } while (0)

/* SCOPED releases for what libc gives out. */
void scoped_free(void *pointer_to_pointer);
void scoped_close(const int *fd);

#endif
