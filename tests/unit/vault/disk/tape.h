/*
 * What the process does to the files of one folder, recorded call by call, and what a loss of power would leave of
 * them.
 *
 * The recorder stands where libc does: open, pwrite, fsync, rename and their like are defined in calls.c, so it sees
 * SQLite's writes and ours alike, below every VFS, and nothing of a folder is recorded that a disk would not see.
 *
 * A loss of power at event N: what was written to a file before its last sync is there. Of what came after, the seed
 * keeps or loses each write, or tears it at multiples of 512 bytes, in whatever order. Names (made, renamed, removed)
 * last with the sync of the folder; of those after it a first part is kept.
 *
 * Threads:    the calls may come from any thread; one tape records at a time.
 */
#ifndef TESTS_UNIT_VAULT_DISK_TAPE_H
#define TESTS_UNIT_VAULT_DISK_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tape;

/* Records from now on; what lies in `folder` is durable. */
struct tape *tape_start(const char *folder);
void tape_stop(struct tape *tape);
void tape_free(struct tape *tape);

/* The first event that was recorded by a call, and one past the last so far: between them lie the moments to lose power
 * at. */
size_t tape_begin(const struct tape *tape);
size_t tape_len(const struct tape *tape);

/* Nothing escaped: the files are, byte for byte, what the recorded calls make of them. */
void tape_check(struct tape *tape);

/* Writes into the empty folder `to` what is left when power is lost before `event`. Cheapest in the order of events. */
void tape_lose_power(struct tape *tape, size_t event, uint64_t seed, const char *to);

/* From 0 on, the same on every machine. */
uint64_t next_random(uint64_t *state);

/* Called by calls.c for what happened in the folder of the tape that records; `file` is what tape_file gave. */
struct tape *tape_recording(void);
const char *tape_folder(const struct tape *tape);
int tape_file(struct tape *tape, const char *name, bool make); /* -1: there is none */
void tape_wrote(struct tape *tape, int file, const void *bytes, size_t len, long at);
void tape_cut(struct tape *tape, int file, long size);
void tape_synced(struct tape *tape, int file);
void tape_folder_synced(struct tape *tape);
void tape_renamed(struct tape *tape, const char *from, const char *to);
void tape_removed(struct tape *tape, const char *name);

#endif
