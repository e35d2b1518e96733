/*
 * The system calls of the files in the recorded folder: counted, one of them made to fail, and text looked for in what
 * is written, there and elsewhere.
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
    const char *marker; /* text that must not be in what anybody writes anywhere, nor in a name in the folder */
    size_t leaks;
    size_t writes;       /* into the folder */
    size_t other_writes; /* temporary files, the log of events */
};

extern struct calls calls;

void calls_reset(void);

#endif
