/*
 * The system calls of the files in the recorded folder: counted, and one of them made to fail.
 *
 * Counted are open, read, write, ftruncate, fsync, fstat, stat, access, locks, rename and unlink, whoever calls them.
 */
#ifndef TESTS_UNIT_VAULT_DISK_CALLS_H
#define TESTS_UNIT_VAULT_DISK_CALLS_H

#include <stdbool.h>
#include <stddef.h>

struct calls {
    long made;
    long fail_at;  /* this one fails; 0: none */
    int error;     /* with this errno */
    bool for_good; /* and every one after it */
    bool failed;
    const char *marker; /* text that must not be in what is written, nor in a name */
    size_t leaks;
    size_t writes;
};

extern struct calls calls;

void calls_reset(void);

#endif
