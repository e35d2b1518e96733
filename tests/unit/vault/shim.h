/*
 * A VFS under the vault, over "unix-excl", that looks for text in what is written, or fails a chosen call. Files that
 * are not written through a VFS, and losses of power, are for disk/.
 */
#ifndef TESTS_UNIT_VAULT_SHIM_H
#define TESTS_UNIT_VAULT_SHIM_H

#include <stdbool.h>

struct shim {
    const char *marker; /* text that must not be in what is written */
    unsigned leaks;
    unsigned writes;
    unsigned temporary_writes;
    long calls;   /* so far */
    long fail_at; /* this call fails; 0: none */
    int fail_code;
    bool fail_for_good; /* and every one after it */
    bool failed;
    bool lose_notes; /* how far the log was committed is not written down, as if every note were lost */
};

extern struct shim shim;

/* Registers the shim once and puts it under vaults opened from now on, with nothing to do. */
void shim_reset(void);

#endif
