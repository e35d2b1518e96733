/*
 * tests/support/opening - a laptop whose replica makes all its tables again when it is opened, as after an upgrade, and
 * one that is locked in the middle of that.
 */
#ifndef TESTS_SUPPORT_OPENING_H
#define TESTS_SUPPORT_OPENING_H

#include "tests/support/world.h"

/* Of a locked one. */
void opening_makes_tables(struct laptop *laptop, const char *passphrase);
/* Unlocks it, and asks for the lock while the passphrase is still being looked at: the opening is told to stop as soon
 * as it begins. */
void opening_locked(struct laptop *laptop, const char *passphrase);

#endif
