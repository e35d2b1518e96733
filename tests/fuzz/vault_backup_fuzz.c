/*
 * A backup: as it is, and with the check of its head made to fit, as somebody who knows a secret could. Whatever is
 * accepted as whole gave every page once and in order.
 */
#include <string.h>

#include "crypto/vault/backup_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The seeds are backups of vaults with this key file. */
static const uint8_t KEY[VAULT_KEY_FILE_BYTES] = "a key of thirty-two bytes, fixed";

static enum err_code count_page(void *context, uint32_t number, const uint8_t *page, struct error *err)
{
    static const uint8_t ZERO[PAGE_RESERVE] = { 0 };
    uint64_t *count = context;
    (void)err;
    (*count)++;
    CHECK(number == *count);
    CHECK(memcmp(page + PAGE_BODY, ZERO, sizeof(ZERO)) == 0);
    return ERR_OK;
}

static void take_pages(struct backup_reader *reader, struct slice rest)
{
    struct error err;
    struct backup_about about;
    uint64_t pages = 0;
    size_t piece = rest.len > 0 ? rest.data[0] * 20u + 1 : 1;
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && rest.len > 0) {
        size_t len = rest.len < piece ? rest.len : piece;
        rc = backup_read_take(reader, slice_of(rest.data, len), count_page, &pages, &err);
        rest = slice_of(rest.data + len, rest.len - len);
    }
    bool whole = backup_read_about(reader, &about);
    CHECK(pages == about.pages_done && pages <= about.pages);
    if (rc == ERR_OK && backup_read_end(reader, &err) == ERR_OK) {
        CHECK(whole && pages == about.pages);
    } else {
        CHECK(rc == ERR_DAMAGED || rc == ERR_OK);
    }
}

/* The head's HMAC over whatever the head says now, under the key that its salt gives. */
static bool head_fit(uint8_t *head, size_t len, const struct secret *vault_key)
{
    struct error err;
    struct backup_head parsed;
    struct backup_cipher cipher = { 0 };
    if (backup_head_read(head, &parsed, &err) != ERR_OK) {
        return false;
    }
    CHECK(backup_cipher_init(&cipher, vault_key, &parsed, false, &err) == ERR_OK);
    hmac_sha256(slice_of(cipher.check_key.bytes, cipher.check_key.len), slice_of(head, len - SHA256_BYTES),
                head + len - SHA256_BYTES);
    backup_cipher_fini(&cipher);
    return true;
}

static void try_backup(const uint8_t *data, size_t size, bool fit)
{
    static const struct vault_unlock UNLOCK = { VAULT_SLOT_KEY_FILE, KEY, sizeof(KEY) };
    static uint8_t head[BACKUP_HEAD_MAX];
    struct error err;
    struct backup_reader *reader;
    size_t len;
    if (backup_head_length(slice_of(data, size < BACKUP_HEAD_LOOK ? size : BACKUP_HEAD_LOOK), &len, &err) != ERR_OK ||
        len > size) {
        return;
    }
    CHECK(len <= sizeof(head));
    memcpy(head, data, len);
    if (fit) {
        SCOPED(keys_fini) struct keys keys = { 0 };
        struct slice keys_file = slice_of(head + BACKUP_HEAD_FIXED, len - BACKUP_HEAD_FIXED - SHA256_BYTES);
        if (keys_parse(keys_file, &keys, &err) != ERR_OK || keys_unlock(&keys, &UNLOCK, &err) != ERR_OK ||
            !head_fit(head, len, &keys.vault_key)) {
            return;
        }
    }
    if (backup_read_begin(slice_of(head, len), &reader, &err) != ERR_OK) {
        return;
    }
    if (backup_read_unlock(reader, &UNLOCK, &err) == ERR_OK) {
        take_pages(reader, slice_of(data + len, size - len));
    }
    backup_read_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    CHECK(secret_init(&err) == ERR_OK);
    try_backup(data, size, false);
    try_backup(data, size, true);
    return 0;
}
