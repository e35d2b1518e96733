#include "agent/cli/memory.h"

#include <stdio.h>
#include <stdlib.h>

void *must_have(void *memory)
{
    if (memory == NULL) {
        (void)fputs("holdfast: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}
