/*
 * crypto/vault/rekey_internal - what the files of re-keying share: rekey.c the steps, rekey_pages.c the pages in place,
 * rekey_file.c the file of the journal, rekey_recover.c what a crash left.
 */
#ifndef CRYPTO_VAULT_REKEY_INTERNAL_H
#define CRYPTO_VAULT_REKEY_INTERNAL_H

#include "crypto/vault/vault_internal.h"

static inline sqlite3_int64 page_at(uint32_t number)
{
    return (sqlite3_int64)(number - 1) * PAGE_BYTES;
}

/* The error of a call of SQLite on the database's file. */
enum err_code rekey_failed(const struct vault_file *file, int rc, struct error *err);
MUST_USE enum err_code rekey_pages(const struct vault_file *file, uint32_t *ret_pages, struct error *err);

/* The batch under construction. */
MUST_USE enum err_code rekey_batch_memory(struct rekey *rekey, struct error *err);
void rekey_batch_forget(struct rekey *rekey);

/* Which of the two versions in the journal's entry does the list of nonces expect? The list is kept. */
enum expects { EXPECTS_OLD, EXPECTS_NEW, EXPECTS_OTHER };
enum expects rekey_expects(struct vault *vault, const struct journal_page *page);

MUST_USE enum err_code rekey_page_place(struct vault_file *file, const struct journal_page *page, struct error *err);

/* Puts the rest of the batch, which is durable in the journal, into place. */
MUST_USE enum err_code rekey_batch_place(struct vault_file *file, struct error *err);

/* What is in place and in the list of nonces becomes durable; the journal is not needed for it any more. */
MUST_USE enum err_code rekey_settle(struct vault_file *file, struct error *err);

MUST_USE enum err_code rekey_journal_there(struct vault *vault, bool *ret_there, struct error *err);
MUST_USE enum err_code rekey_journal_open(struct vault *vault, struct error *err); /* makes it */
void rekey_journal_close(struct vault *vault);
void rekey_journal_remove(struct vault *vault);
MUST_USE enum err_code rekey_journal_cut(struct vault *vault, struct error *err);

/* The batch, behind what is there; durable. */
MUST_USE enum err_code rekey_journal_append(struct vault *vault, struct error *err);

/* For struct journal_source; the context is the vault. */
MUST_USE enum err_code rekey_journal_source(void *vault, uint64_t at, uint8_t *out, size_t len, size_t *ret_got,
                                            struct error *err);

#endif
