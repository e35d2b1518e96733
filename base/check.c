#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void check_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "check failed: %s at %s:%d\n", condition, file, line);
    abort();
}

void scoped_free(void *pointer_to_pointer)
{
    void *pointer;
    memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
    free(pointer);
}

void scoped_close(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}
