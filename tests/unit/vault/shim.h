/*
 * A VFS under the vault, over "unix-excl", that looks for text in what is written, fails a chosen call, or loses power.
 *
 * Power loss: what was not synced is kept or lost by the seed, write for write, and a write may be cut at a multiple of
 * 512 bytes. From then on every call fails. shim_after_power_loss() lays the files out as the disk would have them.
 */
#ifndef TESTS_UNIT_VAULT_SHIM_H
#define TESTS_UNIT_VAULT_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    long power_loss_at; /* before this call; 0: never */
    uint64_t seed;
    bool lose_notes; /* how far the log was committed is not written down, as if every note were lost */
    bool power_lost;
};

extern struct shim shim;

/* Registers the shim once and puts it under vaults opened from now on, with nothing to do. */
void shim_reset(void);

/* Writes the database, the log and the list of nonces of `path`, as left by the loss of power, to `to`. */
void shim_after_power_loss(const char *path, const char *to);

#endif
