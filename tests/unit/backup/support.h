/*
 * Backups in memory: made, read, and read as a stranger would have changed them.
 */
#ifndef TESTS_UNIT_BACKUP_SUPPORT_H
#define TESTS_UNIT_BACKUP_SUPPORT_H

#include "crypto/vault/backup.h"
#include "world.h"

#define BACKUP_MEMORY_MAX ((size_t)64 * 1024 * 1024)

/* The whole file in memory; every step must succeed. */
void backup_make(struct vault *vault, struct buf *out);
size_t backup_head_of(const struct buf *backup); /* how long its head is */

/* Reads it with `unlock` in pieces of `piece` bytes; ERR_OK: whole. `plain` (NULL is allowed) gets the pages. */
enum err_code backup_check(struct slice backup, const struct vault_unlock *unlock, size_t piece, struct buf *plain,
                           struct error *err);

/* The pages of a whole backup as a plain database. */
sqlite3 *backup_open_plain(const struct world *world, const struct buf *backup);

/* A vault with a table t of `rows` rows, in a folder of its own. */
void filled_world(struct world *world, int rows);

#endif
