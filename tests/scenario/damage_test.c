/* Keys and files that do not fit: refused with the cause, and never an empty replica in place of the old one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/impostor.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define PAGE 4096
#define SYNC_MS 30000

static struct world world;
static struct laptop *laptop;
static json_t *rows; /* what has to be there in the end */
static char database[FOLDER_PATH_SIZE];
static char keys[FOLDER_PATH_SIZE];
static char previous[FOLDER_PATH_SIZE];
static char copy[FOLDER_PATH_SIZE];

static void path_of(const char *end, char ret_path[FOLDER_PATH_SIZE])
{
    cr_assert_lt(snprintf(ret_path, FOLDER_PATH_SIZE, "%s/%s", laptop->dir, end), FOLDER_PATH_SIZE);
}

static json_t *all_rows(void)
{
    return laptop_do(laptop, EXIT_DONE, "export", "attendance", "--format", "json", NULL);
}

static void setup(void)
{
    laptop = site_begin(&world, &(struct site_register){ "GDN", 3, 60, 60, true });
    rows = all_rows();
    cr_assert_eq(json_array_size(json_at(rows, "rows")), 180);
    laptop_stop(laptop);
    path_of("replica.db", database);
    path_of("replica.db.keys", keys);
    path_of("replica.db.keys.prev", previous);
    (void)snprintf(copy, sizeof(copy), "%.200s/copy", world.folder);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(damage, .init = setup, .fini = teardown, .timeout = 120);

/* Locked, with these words; every call says so; and the file is left as it is. */
static void refused(const char *words, const char *untouched)
{
    SCOPED(buf_fini) struct buf before;
    SCOPED(buf_fini) struct buf after;
    file_load(untouched, &before);
    laptop_start_any(laptop);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "state"), "locked");
    cr_assert(text_holds(status, "message", words), "expected '%s' in: %s", words, text_at(status, "message"));
    (void)laptop_do(laptop, EXIT_LOCKED, "flags", NULL);
    (void)laptop_do(laptop, EXIT_LOCKED, "export", "attendance", NULL);
    laptop_stop(laptop);
    file_load(untouched, &after);
    cr_assert(slice_equal(buf_slice(&before), buf_slice(&after)), "'%s' was changed", untouched);
}

static void everything_is_there(void)
{
    laptop_start(laptop);
    cr_assert(json_equal(rows, all_rows()));
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

/* ---- keys ---- */

Test(damage, a_wrong_key_file_opens_nothing)
{
    static const uint8_t wrong[32] = { 1, 2, 3 };
    file_copy(laptop->key_file, copy);
    file_write(laptop->key_file, slice_of(wrong, sizeof(wrong)));
    refused("key", database);
    file_copy(copy, laptop->key_file);
    everything_is_there();
}

Test(damage, a_key_file_that_is_gone_is_not_made_anew_for_an_old_replica)
{
    cr_assert_eq(rename(laptop->key_file, copy), 0);
    refused("key", database);
    cr_assert_neq(access(laptop->key_file, F_OK), 0, "a key that opens nothing was made");
    cr_assert_eq(rename(copy, laptop->key_file), 0);
    everything_is_there();
}

Test(damage, a_damaged_keys_file_is_healed_from_its_copy)
{
    file_flip_bit(keys, file_size(keys) / 2);
    everything_is_there();
    cr_assert(process_said(&laptop->process, "keys"), "the log says what happened");
}

Test(damage, two_damaged_keys_files_lock_the_replica_and_say_so)
{
    SCOPED(buf_fini) struct buf whole;
    file_load(keys, &whole);
    file_flip_bit(keys, file_size(keys) / 2);
    if (access(previous, F_OK) == 0) {
        file_flip_bit(previous, file_size(previous) / 2);
    }
    refused(".keys", database);
    file_write(keys, buf_slice(&whole));
    everything_is_there();
}

Test(damage, a_replica_without_its_keys_files_is_not_replaced)
{
    SCOPED(buf_fini) struct buf whole;
    file_load(keys, &whole);
    cr_assert_eq(unlink(keys), 0);
    (void)unlink(previous);
    refused(".keys", database);
    file_write(keys, buf_slice(&whole));
    everything_is_there();
}

Test(damage, a_replica_that_is_gone_is_not_replaced_by_an_empty_one)
{
    cr_assert_eq(rename(database, copy), 0);
    refused("replica.db", keys);
    cr_assert_neq(access(database, F_OK), 0, "an empty replica was made");
    cr_assert_eq(rename(copy, database), 0);
    everything_is_there();
}

/* ---- pages ---- */

Test(damage, a_damaged_first_page_is_named)
{
    file_copy(database, copy);
    file_flip_bit(database, PAGE / 2);
    refused("page 1", database);
    file_copy(copy, database);
    everything_is_there();
}

/* Which pages are read at the start is the store's affair: one way or the other the damage comes out. */
static void comes_out(const char *what, const char *words)
{
    laptop_start_any(laptop);
    json_t *status = laptop_status(laptop);
    bool locked = strcmp(text_at(status, "state"), "locked") == 0;
    if (!locked) {
        json_t *verdict = laptop_do(laptop, EXIT_REFUSED, "verify", NULL);
        cr_assert_str_eq(text_at(verdict, "error.code"), "damaged", "%s: %s", what, text_at(verdict, "error.message"));
        cr_assert(text_holds(verdict, "error.message", words), "%s: %s", what, text_at(verdict, "error.message"));
    } else {
        cr_assert(text_holds(status, "message", words), "%s: %s", what, text_at(status, "message"));
    }
    laptop_stop(laptop);
}

/* All files as they were in `copy`: a database alone would be an older one beside its list of present pages. */
static void put_back(void)
{
    folder_remove(laptop->dir);
    folder_copy(copy, laptop->dir);
}

Test(damage, one_wrong_bit_on_any_page_comes_out)
{
    int64_t pages = file_size(database) / PAGE;
    cr_assert_gt(pages, 20);
    folder_copy(laptop->dir, copy);
    for (int64_t page = 1; page < pages; page += pages / 6) {
        char what[64];
        (void)snprintf(what, sizeof(what), "page %lld of %lld", (long long)page + 1, (long long)pages);
        file_flip_bit(database, page * PAGE + 700);
        comes_out(what, "page");
        put_back();
    }
    everything_is_there();
}

Test(damage, two_pages_that_changed_places_come_out)
{
    int64_t pages = file_size(database) / PAGE;
    folder_copy(laptop->dir, copy);
    file_swap(database, (pages / 3) * PAGE, (pages / 2) * PAGE, PAGE);
    comes_out("swapped pages", "page");
    put_back();
    everything_is_there();
}

Test(damage, a_replica_cut_short_comes_out)
{
    int64_t pages = file_size(database) / PAGE;
    file_copy(database, copy);
    cr_assert_eq(truncate(database, (pages - 3) * PAGE), 0);
    comes_out("a replica without its last pages", "malformed");
    file_copy(copy, database);
    everything_is_there();
}

/* ---- what lies on the disk ---- */

Test(damage, a_receipt_that_was_altered_is_named_by_verify_with_what_can_be_done)
{
    laptop_start(laptop);
    json_int_t receipts = number_at(laptop_do(laptop, EXIT_DONE, "verify", NULL), "receipts");
    cr_assert_gt(receipts, 0, "the centre acknowledged everything");
    laptop_stop(laptop);
    laptop_alter(laptop, "DROP TRIGGER receipt_never_changes; UPDATE receipt SET at = at + 60000 "
                         "WHERE seq = (SELECT max(seq) FROM receipt)");
    laptop_start(laptop);
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "verify", NULL);
    cr_expect_str_eq(text_at(answer, "error.code"), "history");
    cr_expect(text_holds(answer, "error.message", "the centre's receipt for record"), "%s",
              text_at(answer, "error.message"));
    cr_expect(text_holds(answer, "error.message", "holdfast restore"), "%s", text_at(answer, "error.message"));
}

Test(damage, nothing_readable_lies_in_the_state_folder)
{
    static const char *const words[] = { "Example Person", "GDN-P001", "GDN-002", "attendance", "SQLite format" };
    char found[FOLDER_PATH_SIZE];
    laptop_start(laptop); /* with its log open, and not checkpointed */
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, 70, session);
    site_attend(laptop, session, "absent", NULL);
    laptop_kill(laptop);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        cr_assert(!folder_holds(laptop->dir, slice_of_text(words[i]), found), "'%s' can be read in '%s'", words[i],
                  found);
        cr_assert(!folder_holds(world.centre.dir, slice_of_text(words[i]), found), "'%s' can be read in '%s'", words[i],
                  found);
    }
    laptop_start(laptop);
    cr_assert_str_eq(text_at(site_session(laptop, session), "outcome"), "absent");
}

/* ---- the centre ---- */

Test(damage, a_centre_with_a_wrong_key_does_not_start)
{
    static const uint8_t wrong[32] = { 9, 9, 9 };
    char key[FOLDER_PATH_SIZE + 16];
    char path[FOLDER_PATH_SIZE + 16];
    SCOPED(buf_fini) struct buf before;
    SCOPED(buf_fini) struct buf after;
    (void)snprintf(key, sizeof(key), "%s/vault.key", world.centre.dir);
    (void)snprintf(path, sizeof(path), "%s/centre.db", world.centre.dir);
    centre_stop(&world.centre);
    file_copy(key, copy);
    file_load(path, &before);
    file_write(key, slice_of(wrong, sizeof(wrong)));
    const char *argv[] = { program_centre, "--state-dir", world.centre.dir, "--listen", "127.0.0.1:0", NULL };
    struct process_result result;
    process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
    cr_assert_eq(result.exit_status, 1);
    cr_assert_not_null(memmem(result.err.data, result.err.len, "key", 3), "it says why");
    process_result_fini(&result);
    file_load(path, &after);
    cr_assert(slice_equal(buf_slice(&before), buf_slice(&after)));
    file_copy(copy, key);
    centre_start(&world.centre);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    laptop_start(laptop);
    laptop_wait_synchronised(laptop, SYNC_MS);
}
