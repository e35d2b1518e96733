/* A backup in, piece by piece: nothing of it is believed before its check. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/backup_internal.h"
#include "crypto/vault/vault_internal.h"

static enum err_code head_look(struct slice begin, struct backup_head *ret_head, struct error *err)
{
    return begin.len < BACKUP_HEAD_FIXED
               ? FAIL(err, DAMAGED, "read the backup: this is not a backup, or it is cut off in its beginning")
               : backup_head_read(begin.data, ret_head, err);
}

enum err_code backup_head_length(struct slice begin, size_t *ret_length, struct error *err)
{
    struct backup_head head;
    TRY(head_look(begin, &head, err));
    *ret_length = backup_head_bytes(&head);
    return ERR_OK;
}

static enum err_code begin_with(struct backup_reader *reader, struct slice head, struct error *err)
{
    TRY(head_look(head, &reader->head, err));
    if (head.len != backup_head_bytes(&reader->head)) {
        return FAIL(err, DAMAGED, "read the backup: it is cut off in its beginning");
    }
    buf_init(&reader->head_bytes, head.len);
    TRY(buf_append(&reader->head_bytes, head.data, head.len, err));
    TRY(keys_parse(slice_of(head.data + BACKUP_HEAD_FIXED, reader->head.keys_len), &reader->keys, err));
    if (memcmp(keys_file_id(&reader->keys), reader->head.file_id, sizeof(reader->head.file_id)) != 0) {
        return FAIL(err, DAMAGED, "read the backup: the keys file in it is of another vault");
    }
    return ERR_OK;
}

enum err_code backup_read_begin(struct slice head, struct backup_reader **ret_reader, struct error *err)
{
    TRY(secret_init(err));
    struct backup_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return FAIL(err, NO_MEMORY, "read the backup");
    }
    enum err_code rc = begin_with(reader, head, err);
    if (rc != ERR_OK) {
        backup_read_free(reader);
        return rc;
    }
    *ret_reader = reader;
    return ERR_OK;
}

/* With reader->keys.vault_key set. */
static enum err_code open_pages(struct backup_reader *reader, struct error *err)
{
    struct backup_cipher cipher = { 0 };
    TRY(backup_cipher_init(&cipher, &reader->keys.vault_key, &reader->head, false, err));
    enum err_code rc = backup_head_check(&cipher, buf_slice(&reader->head_bytes), err);
    if (rc != ERR_OK) {
        backup_cipher_fini(&cipher);
        return rc;
    }
    reader->cipher = cipher;
    reader->unlocked = true;
    return ERR_OK;
}

enum err_code backup_read_unlock(struct backup_reader *reader, const struct vault_unlock *unlock, struct error *err)
{
    CHECK(!reader->unlocked);
    TRY(keys_unlock(&reader->keys, unlock, err));
    return open_pages(reader, err);
}

enum err_code backup_read_unlock_as(struct backup_reader *reader, const struct vault *vault, struct error *err)
{
    CHECK(!reader->unlocked);
    if (memcmp(keys_file_id(&vault->keys), reader->head.file_id, sizeof(reader->head.file_id)) != 0) {
        return FAIL(err, KEY, "read the backup: it is of another vault than the one that is open");
    }
    const struct secret *key = &vault->keys.vault_key;
    SCOPED(secret_free) struct secret copy = { 0 };
    TRY(secret_copy(slice_of(key->bytes, key->len), &copy, err));
    reader->keys.vault_key = copy;
    copy = (struct secret){ 0 };
    enum err_code rc = open_pages(reader, err);
    if (rc != ERR_OK) {
        secret_free(&reader->keys.vault_key);
    }
    return rc;
}

/* Fills reader->part up to `wanted`; false: there is not enough yet. */
static bool part_fill(struct backup_reader *reader, struct slice *bytes, size_t wanted)
{
    size_t missing = wanted - reader->part_len;
    size_t taken = bytes->len < missing ? bytes->len : missing;
    if (taken > 0) {
        memcpy(reader->part + reader->part_len, bytes->data, taken);
    }
    reader->part_len += taken;
    *bytes = slice_of(bytes->data + taken, bytes->len - taken);
    return reader->part_len == wanted;
}

static enum err_code page_take(struct backup_reader *reader, backup_page_taker take, void *context, struct error *err)
{
    reader->part_len = 0;
    TRY(backup_page_open(&reader->cipher, reader->part, reader->page, err));
    return take == NULL ? ERR_OK : take(context, (uint32_t)reader->cipher.done, reader->page, err);
}

static enum err_code trailer_take(struct backup_reader *reader, struct error *err)
{
    reader->part_len = 0;
    TRY(backup_trailer_check(&reader->cipher, reader->part, err));
    reader->whole = true;
    return ERR_OK;
}

enum err_code backup_read_take(struct backup_reader *reader, struct slice bytes, backup_page_taker take, void *context,
                               struct error *err)
{
    CHECK(reader->unlocked);
    while (bytes.len > 0) {
        if (reader->whole) {
            return FAIL(err, DAMAGED, "read the backup: it goes on behind its end");
        }
        bool pages_left = reader->cipher.done < reader->cipher.pages;
        if (!part_fill(reader, &bytes, pages_left ? BACKUP_RECORD_BYTES : BACKUP_TRAILER_BYTES)) {
            return ERR_OK;
        }
        TRY(pages_left ? page_take(reader, take, context, err) : trailer_take(reader, err));
    }
    return ERR_OK;
}

enum err_code backup_read_end(const struct backup_reader *reader, struct error *err)
{
    return reader->whole ? ERR_OK
                         : FAIL(err, DAMAGED, "read the backup: it is cut off after page %" PRIu64 " of %" PRIu64,
                                reader->cipher.done, reader->head.pages);
}

bool backup_read_about(const struct backup_reader *reader, struct backup_about *ret_about)
{
    *ret_about = (struct backup_about){ .pages = reader->head.pages,
                                        .bytes = backup_bytes(&reader->head),
                                        .head_bytes = backup_head_bytes(&reader->head),
                                        .made_at_ms = reader->head.made_at_ms,
                                        .freshness = reader->head.freshness,
                                        .pages_done = reader->cipher.done };
    memcpy(ret_about->file_id, reader->head.file_id, sizeof(ret_about->file_id));
    if (reader->whole) {
        memcpy(ret_about->fingerprint, reader->cipher.chain, sizeof(ret_about->fingerprint));
    }
    return reader->whole;
}

void backup_read_free(struct backup_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    backup_cipher_fini(&reader->cipher);
    keys_fini(&reader->keys);
    buf_fini(&reader->head_bytes);
    secret_wipe(reader->page, sizeof(reader->page));
    free(reader);
}
