/*
 * tests/sim/disk - the disks of the simulated machines: a VFS between the vault and real files, one disk a folder.
 *
 *     vault ── "sim" VFS ──► does this disk fail, is it full, is it dead? ──► unix-excl ──► files (in memory, where the
 *                                       │                                                  machine has a tmpfs)
 *                                       └── what was written since the last sync is remembered
 *
 * A dead disk answers nothing any more: the process that used it was killed. disk_lose_power then takes away what was
 * not synced, or some of it, as a disk without power does: write by write, and a write may be cut at a sector.
 *
 * A sync costs nothing: it is only noted.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "tests/sim/chance.h"

struct disk_file;

struct disk {
    char folder[96];
    struct disk_file *files; /* with changes that are not synced, or open */
    long calls_left;         /* until it fails or dies; negative: it does not */
    int fail_code;           /* SQLite's; 0: it dies instead */
    bool fails_on;           /* and every call after that */
    bool full;
    bool dead;
    bool aside;      /* somebody looks who is no part of the story: nothing fails meanwhile */
    unsigned faults; /* calls that failed so far */
};

/* Every vault opened in `folder` from now on is on this disk. */
void disk_attach(struct disk *disk, const char *folder);
void disk_detach(struct disk *disk);

void disk_fail_after(struct disk *disk, long calls, int code, bool for_good);
void disk_die_after(struct disk *disk, long calls); /* 0: now */
void disk_fill(struct disk *disk);
void disk_heal(struct disk *disk);
bool disk_troubled(const struct disk *disk); /* a call may fail, or one did since it was healed */

/* Once the vault is closed. */
void disk_lose_power(struct disk *disk, struct chance *chance);
void disk_forget(struct disk *disk); /* what was written stays, synced or not */

/* ---- folders ---- */

void folder_make(const char *parent, const char *name, char out[96]);
/* `to` has exactly the files of `from` afterwards. */
void folder_copy(const char *from, const char *to);
void folder_remove(const char *folder); /* with what is in it */

#endif
