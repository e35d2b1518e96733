/*
 * A short life of a vault in which anything may fail at any moment: it stops at the first failure and keeps what was
 * promised until then. Afterwards, with nothing failing, the promises are looked at.
 */
#ifndef TESTS_UNIT_VAULT_DISK_WORK_H
#define TESTS_UNIT_VAULT_DISK_WORK_H

#include "../world.h"

struct work {
    struct world world;
    bool made;               /* vault_create said so */
    sqlite3_int64 committed; /* rows of t in commits that reported success */
    sqlite3_int64 tried;     /* and those of the commit that was under way */
    struct buf backup;
    sqlite3_int64 backed_up; /* rows in it */
    bool restore_tried;
    bool restored;
    bool second_added; /* the second slot */
    bool second_tried;
    bool second_removed;
    bool second_remove_tried;
    enum err_code code; /* of what failed in ours, or ERR_OK */
    bool damage_named;  /* by the vault itself */
    struct error err;
};

void work_begin(struct work *work); /* an empty folder */

/* The vault is made, opened, given a second slot, used in every way, re-keyed, backed up, closed, opened, rid of the
 * slot and restored from the backup. True: nothing failed. Nothing is left open. */
bool work_do(struct work *work);

/* What was promised is there, and not more; then the folder is removed. `when` and `number` go into what is said. */
void work_judge(struct work *work, const char *when, long number);

#endif
