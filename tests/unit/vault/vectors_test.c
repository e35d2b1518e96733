#include "world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/vault/epochs.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/rekey_journal.h"

/* Keys, pages and headers made from the description of the formats by another program and another library. */

static json_t *vectors;

static void vectors_load(void)
{
    char path[512];
    json_error_t err;
    const char *folder = getenv("VECTORS_DIR");
    cr_assert_not_null(folder, "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/vault.json", folder);
    vectors = json_load_file(path, 0, &err);
    cr_assert_not_null(vectors, "%s: %s", path, err.text);
    struct error failure;
    cr_assert_eq(secret_init(&failure), ERR_OK, "%s", failure.message);
}

static void vectors_free(void)
{
    json_decref(vectors);
}

TestSuite(vault_vectors, .init = vectors_load, .fini = vectors_free);

static const char *text(const char *name)
{
    const char *value = json_string_value(json_object_get(vectors, name));
    cr_assert_not_null(value, "vector '%s'", name);
    return value;
}

static void bytes(const char *name, uint8_t *out, size_t len)
{
    cr_assert_eq(strlen(text(name)), 2 * len, "vector '%s'", name);
    cr_assert(hex_decode(text(name), out, len), "vector '%s'", name);
}

static struct secret key_of(const char *name, size_t len)
{
    uint8_t raw[64];
    struct secret key;
    struct error err;
    bytes(name, raw, len);
    cr_assert_eq(secret_copy(slice_of(raw, len), &key, &err), ERR_OK);
    return key;
}

static void derives(const char *from, const char *salt_name, size_t salt_len, const char *purpose, const char *expected,
                    size_t len)
{
    uint8_t salt[32];
    bytes(salt_name, salt, salt_len);
    struct secret key = key_of(from, 32);
    struct secret wanted = key_of(expected, len);
    struct secret got;
    struct error err;
    cr_assert_eq(kdf_expand(slice_of(key.bytes, key.len), slice_of(salt, salt_len), purpose, len, &got, &err), ERR_OK);
    cr_assert(secret_equal(slice_of(got.bytes, got.len), slice_of(wanted.bytes, wanted.len)), "%s", purpose);
    secret_free(&key);
    secret_free(&wanted);
    secret_free(&got);
}

Test(vault_vectors, keys_of_each_purpose_are_derived_as_described)
{
    derives("data_key", "file_id", 16, "holdfast vault 1 page", "page_key", 32);
    derives("data_key", "file_id", 16, "holdfast vault 1 log frame", "frame_key", 32);
    derives("data_key", "file_id", 16, "holdfast vault 1 log header", "header_key", 64);
}

Test(vault_vectors, a_passphrase_gives_the_slot_keys_described)
{
    struct scrypt_cost cost = { .log2n = 10, .r = 8, .p = 1 };
    uint8_t salt[32];
    bytes("slot_salt", salt, sizeof(salt));
    struct secret root;
    struct error err;
    cr_assert_eq(kdf_scrypt(slice_of_text(text("passphrase")), slice_of(salt, sizeof(salt)), &cost, &root, &err),
                 ERR_OK);
    static const char *const NAMES[][2] = { { "holdfast vault 1 slot wrap", "slot_wrap_key" },
                                            { "holdfast vault 1 slot commitment", "slot_commitment" } };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct secret wanted = key_of(NAMES[i][1], 32);
        struct secret got;
        cr_assert_eq(
            kdf_expand(slice_of(root.bytes, root.len), slice_of(salt, sizeof(salt)), NAMES[i][0], 32, &got, &err),
            ERR_OK);
        cr_assert(secret_equal(slice_of(got.bytes, got.len), slice_of(wanted.bytes, wanted.len)), "%s", NAMES[i][0]);
        secret_free(&wanted);
        secret_free(&got);
    }
    secret_free(&root);
}

static void seal_of(const char *key_name, struct seal *ret_seal)
{
    uint8_t file_id[16];
    struct secret key = key_of(key_name, 32);
    struct error err;
    bytes("file_id", file_id, sizeof(file_id));
    cr_assert_eq(seal_init(ret_seal, &key, 1, file_id, &err), ERR_OK);
    secret_free(&key);
}

Test(vault_vectors, pages_sealed_elsewhere_open)
{
    static const struct {
        uint32_t number;
        const char *page;
        const char *sealed;
    } PAGES[] = { { 1, "page_1", "sealed_1" }, { 9, "page_9", "sealed_9" } };
    struct seal seal;
    seal_of("page_key", &seal);
    for (size_t i = 0; i < ARRAY_LEN(PAGES); i++) {
        uint8_t page[PAGE_BYTES];
        uint8_t sealed[PAGE_BYTES];
        uint8_t opened[PAGE_BYTES];
        struct error err;
        bytes(PAGES[i].page, page, sizeof(page));
        bytes(PAGES[i].sealed, sealed, sizeof(sealed));

        cr_assert_eq(seal_open_page(&seal, PAGES[i].number, sealed, opened, &err), ERR_OK, "%s", err.message);

        cr_assert_eq(memcmp(opened, page, sizeof(page)), 0);
        cr_assert_eq(seal_open_page(&seal, PAGES[i].number + 1, sealed, opened, &err), ERR_DAMAGED);
    }
    seal_fini(&seal);
}

Test(vault_vectors, frames_and_headers_sealed_elsewhere_open)
{
    uint8_t page[PAGE_BYTES];
    uint8_t sealed[PAGE_BYTES];
    uint8_t opened[PAGE_BYTES];
    uint8_t header[24];
    uint8_t hidden[24];
    struct frame_place place = { .page_number = 9, .frame_number = 7 };
    struct seal seal;
    struct hide hide;
    struct error err;
    struct secret header_key = key_of("header_key", 64);
    seal_of("frame_key", &seal);
    cr_assert_eq(hide_init(&hide, &header_key, &err), ERR_OK);
    bytes("frame_salts", place.salts, sizeof(place.salts));
    bytes("page_9", page, sizeof(page));
    bytes("sealed_frame", sealed, sizeof(sealed));
    bytes("frame_header", header, sizeof(header));
    bytes("hidden_frame_header", hidden, sizeof(hidden));

    cr_assert_eq(seal_open_frame(&seal, &place, sealed, opened, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(memcmp(opened, page, sizeof(page)), 0);
    cr_assert_eq(show_bytes(&hide, 7, hidden, sizeof(hidden), hidden, &err), ERR_OK);
    cr_assert_eq(memcmp(hidden, header, sizeof(header)), 0);

    hide_fini(&hide);
    seal_fini(&seal);
    secret_free(&header_key);
}

/* A vault in the middle of a re-key: two epochs, 1 and 3. */
static void epochs_of_both(struct epochs *epochs)
{
    uint8_t file_id[16];
    struct error err;
    struct secret first = key_of("data_key", 32);
    struct secret next = key_of("next_data_key", 32);
    bytes("file_id", file_id, sizeof(file_id));
    epochs_init(epochs, NULL, NULL);
    epochs_set_file_id(epochs, file_id);
    cr_assert_eq(epochs_add(epochs, 1, &first, 0, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(epochs_add(epochs, 3, &next, 0, &err), ERR_OK, "%s", err.message);
    secret_free(&first);
    secret_free(&next);
}

static void opens_as(struct seals *seals, const char *sealed_name, uint32_t number, const char *page_name)
{
    uint8_t page[PAGE_BYTES];
    uint8_t sealed[PAGE_BYTES];
    uint8_t opened[PAGE_BYTES];
    struct error err;
    bytes(page_name, page, sizeof(page));
    bytes(sealed_name, sealed, sizeof(sealed));
    cr_assert_eq(seals_open_page(seals, number, sealed, opened, &err), ERR_OK, "%s: %s", sealed_name, err.message);
    cr_assert_eq(memcmp(opened, page, sizeof(page)), 0, "%s", sealed_name);
}

Test(vault_vectors, pages_and_headers_of_two_epochs_open_side_by_side)
{
    struct epochs epochs;
    struct seals seals;
    struct hides hides;
    struct error err;
    uint8_t header[24];
    uint8_t hidden[24];
    epochs_of_both(&epochs);
    seals_init(&seals, &epochs, EPOCH_PAGES);
    hides_init(&hides, &epochs);

    opens_as(&seals, "sealed_9", 9, "page_9");
    opens_as(&seals, "next_sealed_9", 9, "page_9");
    opens_as(&seals, "next_sealed_10", 10, "page_10");
    opens_as(&seals, "sealed_1", 1, "page_1");

    static const char *const HIDDEN[] = { "next_hidden_frame_header", "hidden_frame_header" };
    bytes("frame_header", header, sizeof(header));
    for (unsigned turn = 0; turn < ARRAY_LEN(HIDDEN); turn++) {
        bytes(HIDDEN[turn], hidden, sizeof(hidden));
        cr_assert_eq(hides_try(&hides, turn, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(show_bytes(&hides.hide, 7, hidden, sizeof(hidden), hidden, &err), ERR_OK);
        cr_assert_eq(memcmp(hidden, header, sizeof(header)), 0, "the newest epoch comes first");
    }
    hides_fini(&hides);
    seals_fini(&seals);
    epochs_fini(&epochs);
}

struct journal_bytes {
    uint8_t *at;
    size_t len;
    unsigned pages;
    struct seals *seals;
};

static enum err_code journal_bytes_read(void *context, uint64_t at, uint8_t *out, size_t len, size_t *ret_got,
                                        struct error *err)
{
    const struct journal_bytes *journal = context;
    (void)err;
    size_t there = at < journal->len ? journal->len - (size_t)at : 0;
    *ret_got = there < len ? there : len;
    memcpy(out, journal->at + (there > 0 ? at : 0), *ret_got);
    return ERR_OK;
}

static enum err_code journal_bytes_visit(void *context, const struct journal_batch *batch, struct error *err)
{
    struct journal_bytes *journal = context;
    uint8_t opened[PAGE_BYTES];
    for (unsigned i = 0; i < batch->pages; i++) {
        struct journal_page page = journal_page_at(batch, i);
        cr_assert_eq(page.number, 9 + journal->pages);
        cr_assert_eq(seals_open_page(journal->seals, page.number, page.sealed, opened, err), ERR_OK, "%s",
                     err->message);
        journal->pages++;
    }
    return ERR_OK;
}

Test(vault_vectors, a_journal_of_a_re_key_made_elsewhere_is_read)
{
    static struct journal_batch batch;
    struct epochs epochs;
    struct seals seals;
    struct error err;
    uint8_t file_id[16];
    bool ended_early = true;
    epochs_of_both(&epochs);
    seals_init(&seals, &epochs, EPOCH_PAGES);
    derives("vault_key", "file_id", 16, "holdfast vault 1 re-key journal", "journal_key", 32);
    struct journal_bytes journal = { .len = strlen(text("journal")) / 2, .seals = &seals };
    journal.at = malloc(journal.len);
    bytes("journal", journal.at, journal.len);
    bytes("file_id", file_id, sizeof(file_id));
    struct secret key = key_of("journal_key", 32);
    struct journal_reader reader = { .source = { .read = journal_bytes_read, .context = &journal },
                                     .file_id = file_id,
                                     .key = &key,
                                     .visit = journal_bytes_visit,
                                     .context = &journal };

    cr_assert_eq(journal_read(&reader, &batch, &ended_early, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(journal.pages, 2);
    cr_assert_not(ended_early);
    free(journal.at);
    secret_free(&key);
    seals_fini(&seals);
    epochs_fini(&epochs);
}

static void put(const char *path, const char *name, size_t len, long at)
{
    static uint8_t block[FRESH_BLOCK_BYTES];
    bytes(name, block, len);
    FILE *file = fopen(path, "r+b");
    cr_assert_not_null(file);
    cr_assert(fseek(file, at, SEEK_SET) == 0 && fwrite(block, 1, len, file) == len);
    cr_assert_eq(fclose(file), 0);
}

Test(vault_vectors, a_list_of_nonces_made_elsewhere_loads)
{
    struct world world;
    struct error err;
    struct fresh *list;
    uint8_t file_id[16];
    uint8_t found[NONCE_BYTES];
    uint8_t tail_nonce[NONCE_BYTES];
    uint8_t wanted[32];
    uint8_t hash[32];
    uint8_t salts[SALTS_BYTES];
    uint64_t counter = 0;
    enum fresh_log log;
    world_make(&world);
    bytes("file_id", file_id, sizeof(file_id));
    bytes("frame_salts", salts, sizeof(salts));
    bytes("fresh_state", wanted, sizeof(wanted));
    derives("vault_key", "file_id", 16, "holdfast vault 1 freshness", "fresh_key", 32);
    struct secret key = key_of("fresh_key", 32);
    struct fresh_place place = { .path = world.path, .full_path = world.path, .file_id = file_id };
    place.base = sqlite3_vfs_find("unix-excl");
    cr_assert_eq(fresh_new(&place, &key, &list, &err), ERR_OK, "%s", err.message);
    const char *path = world_file(&world, ".fresh");
    cr_assert_eq(truncate(path, 0), 0);
    put(path, "fresh_note_8", FRESH_NOTE_BYTES, 2L * FRESH_BLOCK_BYTES);
    put(path, "fresh_note_9", FRESH_NOTE_BYTES, 3L * FRESH_BLOCK_BYTES);
    put(path, "fresh_root", FRESH_ROOT_BYTES, 5L * FRESH_BLOCK_BYTES);
    put(path, "fresh_leaf", FRESH_BLOCK_BYTES, 7L * FRESH_BLOCK_BYTES);

    cr_assert_eq(fresh_load(list, true, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(fresh_pages(list), 5);
    cr_assert(fresh_expected(list, 5, found));
    cr_assert(found[0] == 44 && found[NONCE_BYTES - 1] == 44);
    cr_assert_not(fresh_expected(list, 6, found));
    cr_assert_eq(fresh_log_check(list, salts, &log, &err), ERR_OK);
    cr_assert_eq(log, FRESH_LOG_LIVE);
    struct fresh_tail tail = fresh_tail_of(list, salts);
    cr_assert(tail.frame == 17 && tail.nonce_known);
    for (uint8_t i = 0; i < NONCE_BYTES; i++) {
        tail_nonce[i] = i;
    }
    cr_assert_eq(memcmp(tail.nonce, tail_nonce, NONCE_BYTES), 0);
    cr_assert_eq(fresh_state(list, &counter, hash, &err), ERR_OK);
    cr_assert(counter == 3 && memcmp(hash, wanted, sizeof(hash)) == 0);
    fresh_free(list);
    secret_free(&key);
    world_fini(&world);
}
