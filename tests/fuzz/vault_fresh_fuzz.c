/*
 * The list of nonces of the vault, in hostile hands: it is refused, or it is one of the three that were saved (with
 * nothing in it first), whole.
 *
 *     byte 0 even: the file is changed, 5 bytes a change, repeated:
 *         byte 0     what: changes a byte, copies a block, takes a block of the older file, zeroes a block, cuts
 *         bytes 1-3  where: offset, or number of a block
 *         byte 4     with what, or from which block
 *     byte 0 odd: a root and a note that we sealed ourselves, with whatever numbers follow (36 bytes)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/vault/fresh_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGES = 2 * FRESH_LEAF_PAGES + 40, BLOCK = FRESH_BLOCK_BYTES, CHANGE = 5, CHANGES_MAX = 40, FORGED = 37 };

static const uint8_t FILE_ID[16] = { 5 };
static char folder[] = "/tmp/holdfast-fuzz-XXXXXX";
static char path[64];
static char file_name[80];
static struct secret key;
static struct buf older;
static struct buf newer;

static struct fresh *list_open(void)
{
    struct fresh_place place = { .path = path, .full_path = path, .file_id = FILE_ID };
    struct fresh *list = NULL;
    struct error err;
    CHECK(sqlite3_initialize() == SQLITE_OK);
    place.base = sqlite3_vfs_find("unix-excl");
    CHECK(fresh_new(&place, &key, &list, &err) == ERR_OK);
    return list;
}

static void nonce_make(uint32_t page, uint8_t version, uint8_t out[NONCE_BYTES])
{
    memset(out, version, NONCE_BYTES);
    put_be32(out, page);
}

/* Version 2 differs in every third page, and in how many there are. */
static uint8_t version_at(uint32_t page, uint8_t version)
{
    return version == 2 && page % 3 == 0 ? 2 : 1;
}

static void list_fill(struct fresh *list, uint8_t version, uint32_t pages)
{
    struct error err;
    for (uint32_t page = 1; page <= pages; page++) {
        uint8_t nonce[NONCE_BYTES];
        nonce_make(page, version_at(page, version), nonce);
        CHECK(fresh_note(list, page, nonce, &err) == ERR_OK);
    }
    CHECK(fresh_save(list, &err) == ERR_OK);
}

static void leave(void)
{
    (void)unlink(file_name);
    (void)rmdir(folder);
    buf_fini(&older);
    buf_fini(&newer);
    secret_free(&key);
}

static void prepare(void)
{
    struct error err;
    CHECK(secret_init(&err) == ERR_OK);
    CHECK(secret_copy(slice_of("a key of thirty-two bytes, fixed", 32), &key, &err) == ERR_OK);
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/x.db", folder);
    (void)snprintf(file_name, sizeof(file_name), "%s.fresh", path);
    buf_init(&older, (size_t)1 << 20);
    buf_init(&newer, (size_t)1 << 20);
    struct fresh *list = list_open();
    CHECK(fresh_make(list, &err) == ERR_OK && fresh_load(list, true, &err) == ERR_OK);
    list_fill(list, 1, PAGES - 60);
    CHECK(file_read(file_name, &older, &err) == ERR_OK);
    list_fill(list, 2, PAGES);
    CHECK(file_read(file_name, &newer, &err) == ERR_OK);
    fresh_free(list);
    CHECK(atexit(leave) == 0);
}

static void file_put(const struct buf *content)
{
    FILE *file = fopen(file_name, "wb");
    CHECK(file != NULL);
    CHECK(content->len == 0 || fwrite(content->data, 1, content->len, file) == content->len);
    CHECK(fclose(file) == 0);
}

static void change(struct buf *file, const uint8_t *how)
{
    size_t where = (size_t)how[1] << 16 | (size_t)how[2] << 8 | how[3];
    size_t blocks = file->len / BLOCK;
    if (blocks == 0) {
        return;
    }
    uint8_t *block = file->data + where % blocks * BLOCK;
    switch (how[0] % 5) {
    case 0:
        file->data[where % file->len] ^= how[4];
        break;
    case 1:
        memmove(block, file->data + how[4] % blocks * BLOCK, BLOCK);
        break;
    case 2:
        if ((where % blocks + 1) * BLOCK <= older.len) {
            memcpy(block, older.data + where % blocks * BLOCK, BLOCK);
        }
        break;
    case 3:
        memset(block, 0, BLOCK);
        break;
    default:
        file->len = where % (file->len + 1);
        break;
    }
}

static bool list_is(struct fresh *list, uint8_t version, uint32_t pages)
{
    bool same = fresh_pages(list) == pages;
    for (uint32_t page = 1; same && page <= pages; page++) {
        uint8_t nonce[NONCE_BYTES];
        uint8_t found[NONCE_BYTES];
        nonce_make(page, version_at(page, version), nonce);
        same = fresh_expected(list, page, found) && memcmp(nonce, found, NONCE_BYTES) == 0;
    }
    return same;
}

static void try_changed(const uint8_t *data, size_t size)
{
    struct error err;
    SCOPED(buf_fini) struct buf file;
    buf_init(&file, (size_t)1 << 20);
    CHECK(buf_append(&file, newer.data, newer.len, &err) == ERR_OK);
    for (size_t at = 0; at + CHANGE <= size && at < (size_t)CHANGES_MAX * CHANGE; at += CHANGE) {
        change(&file, data + at);
    }
    file_put(&file);
    struct fresh *list = list_open();
    enum err_code rc = fresh_load(list, true, &err);
    CHECK(rc == ERR_OK || rc == ERR_DAMAGED || rc == ERR_UNSUPPORTED);
    CHECK(rc != ERR_OK || list_is(list, 2, PAGES) || list_is(list, 1, PAGES - 60) || list_is(list, 1, 0));
    if (rc == ERR_OK && size % 8 == 0) { /* it goes on; not each time, for that waits for the disk */
        list_fill(list, 2, PAGES);
    }
    fresh_free(list);
}

/* Whatever it says, reading it is bounded, and what is saved behind it is read again. */
static void try_forged(const uint8_t *data)
{
    struct error err;
    struct fresh_cipher cipher;
    CHECK(fresh_cipher_init(&cipher, &key, FILE_ID, &err) == ERR_OK);
    struct fresh_root root = { .counter = get_be64(data),
                               .anchor = data[8],
                               .pages = get_be32(data + 9),
                               .has_live = data[13] % 2 == 1,
                               .absorbed_count = data[13] % 3 };
    struct fresh_note note = { .counter = get_be64(data + 14),
                               .number = get_be64(data + 22),
                               .frame = get_be32(data + 30),
                               .nonce_known = data[34] % 2 == 1 };
    CHECK(newer.len > 5 * BLOCK);
    SCOPED(buf_fini) struct buf file;
    buf_init(&file, (size_t)1 << 20);
    CHECK(buf_append(&file, newer.data, newer.len, &err) == ERR_OK);
    bool keeps_sum = data[35] % 2 == 1;
    for (size_t place = 4; keeps_sum && place < 6; place++) {
        struct fresh_root found;
        if (fresh_root_open(&cipher, file.data + place * BLOCK, &found, &err) == ERR_OK && found.pages == PAGES) {
            memcpy(root.leaves_sum, found.leaves_sum, sizeof(root.leaves_sum));
        }
    }
    CHECK(fresh_root_close(&cipher, &root, file.data + (size_t)(4 + data[13] % 2) * BLOCK, &err) == ERR_OK);
    CHECK(fresh_note_close(&cipher, &note, file.data + (size_t)(data[34] % 4) * BLOCK, &err) == ERR_OK);
    fresh_cipher_fini(&cipher);
    file_put(&file);
    struct fresh *list = list_open();
    if (fresh_load(list, true, &err) == ERR_OK) {
        struct fresh *again = list_open();
        uint8_t nonce[NONCE_BYTES];
        nonce_make(1, 7, nonce);
        CHECK(fresh_note(list, 1, nonce, &err) == ERR_OK);
        bool saved = fresh_save(list, &err) == ERR_OK;
        CHECK(saved || err.code == ERR_LIMIT);
        CHECK(!saved || fresh_load(again, true, &err) == ERR_OK);
        fresh_free(again);
    }
    fresh_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        prepare();
    }
    if (size > FORGED && data[0] % 2 == 1) {
        try_forged(data + 1);
    } else if (size > 0 && data[0] % 2 == 0) {
        try_changed(data + 1, size - 1);
    }
    return 0;
}
