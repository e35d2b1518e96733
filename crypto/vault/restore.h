/*
 * crypto/vault/restore - the vault that a backup holds, made anew beside the one in use.
 *
 *     backup_read_unlock ──► restore_begin ──► restore_page, for each page ──► restore_seal ──► restore_keep
 *                                 │                                                 │               │
 *                                 └── NAME.restoring.keys, .fresh, database     durable, and     restore_swap
 *                                                                               checked
 *
 * The vault key and the slots are those of the backup. The data key is a new one, so that no page of the old files fits
 * in the new, and the freshness is new too. Until restore_swap nothing of the vault in use is touched; restore_free
 * before restore_keep takes away what was made.
 *
 * Ownership:  restore_begin gives, restore_free releases; NULL is allowed. The reader must stay unlocked meanwhile.
 * Threads:    any, one at a time.
 * Layer:      crypto.
 */
#ifndef CRYPTO_VAULT_RESTORE_H
#define CRYPTO_VAULT_RESTORE_H

#include "crypto/vault/backup.h"
#include "crypto/vault/restore_swap.h"

struct restore;

/*
 * `path` is that of the vault in use, whether there is one or not. The counter of the restored vault's freshness goes
 * on above that of the backup, above `counter` (of the vault in use; 0: not known) and from `now_ms`, which no counter
 * reaches by counting: so it is above the old one also where nobody knows that. ERR_DISK_FULL: the backup does not fit
 * on the disk beside what is there.
 */
MUST_USE enum err_code restore_begin(const char *path, const struct backup_reader *reader, uint64_t counter,
                                     int64_t now_ms, struct restore **ret_restore, struct error *err);

/* A backup_page_taker, with the struct restore as its context. */
MUST_USE enum err_code restore_page(void *restore, uint32_t number, const uint8_t *page, struct error *err);

/* After the last page: durable, and opened through the vault and checked by SQLite's own quick_check. Long: it reads
 * all of it. */
MUST_USE enum err_code restore_seal(struct restore *restore, struct error *err);

/* The restored vault, after restore_seal: to be opened, changed and closed again before restore_keep. */
struct vault *restore_vault(struct restore *restore);

/* The files stay, for restore_swap. The vault is closed. */
void restore_keep(struct restore *restore);
void restore_free(struct restore *restore);

#endif
