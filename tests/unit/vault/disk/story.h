/*
 * A vault at work, by a seed: transactions of every kind, savepoints, spills, checkpoints in every mode, readers,
 * VACUUM, re-keying, backups and their restoring, closing and opening. It keeps what the database held after each
 * commit and when that commit was reported, so that whatever is left of the files after a loss of power can be judged.
 */
#ifndef TESTS_UNIT_VAULT_DISK_STORY_H
#define TESTS_UNIT_VAULT_DISK_STORY_H

#include "../world.h"
#include "tape.h"

enum { COMMITS_MAX = 512 };

/* The events count the tape's. */
struct commit {
    size_t begun; /* from here on the commit may be on the disk */
    size_t told;  /* from here on it must be */
    uint64_t digest;
};

struct story {
    uint64_t seed;
    uint64_t random;
    struct world world;
    struct tape *tape;
    sqlite3 *reader;
    bool reading;
    struct commit commits[COMMITS_MAX]; /* the first stands for the database without a table */
    size_t count;
    unsigned done[10]; /* how often each kind of step was taken */
    unsigned rekeyed;  /* steps after which no page was left under an old key */
};

/* Makes a vault in a new folder and works `steps` steps with it, all recorded; at its end everything is closed. */
void story_play(struct story *story, uint64_t seed, unsigned steps);
void story_fini(struct story *story);

/* What table t holds, row for row; the same for two databases only if they hold the same. Also looks at the index. */
uint64_t story_digest(sqlite3 *db);

/* Is `digest` what must be there when power was lost before `event`, that is the last commit that was told, or the one
 * that was begun? */
bool story_allows(const struct story *story, size_t event, uint64_t digest);

#endif
