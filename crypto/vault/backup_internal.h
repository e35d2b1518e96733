/*
 * crypto/vault/backup_internal - the reader of a backup as the restore sees it.
 */
#ifndef CRYPTO_VAULT_BACKUP_INTERNAL_H
#define CRYPTO_VAULT_BACKUP_INTERNAL_H

#include "crypto/vault/backup.h"
#include "crypto/vault/backup_cipher.h"
#include "crypto/vault/keys.h"

struct backup_reader {
    struct backup_head head;
    struct buf head_bytes;
    struct keys keys; /* as they were; unlocked with the reader */
    struct backup_cipher cipher;
    bool unlocked;
    bool whole; /* the trailer was read and fits */
    size_t part_len;
    uint8_t part[BACKUP_RECORD_BYTES]; /* a record or the trailer, as far as it came */
    uint8_t page[PAGE_BYTES];
};

#endif
