#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/vault/backup_cipher.h"
#include "shim.h"
#include "support.h"

TestSuite(backup, .timeout = 300);

static void sweep(struct world *world)
{
    (void)unlink(world_file(world, ".plain"));
    (void)unlink(world_file(world, ".plain-wal"));
    world_sweep(world);
}

/* What it holds
 * ------------------------------------------------------------------------------------------------------------ */

Test(backup, holds_the_state_of_its_beginning_while_writing_goes_on)
{
    struct world world;
    struct error err;
    struct backup_writer *writer;
    filled_world(&world, 2000);
    sql(world.db, "CREATE TABLE pair(x INTEGER, y INTEGER)");
    sql(world.db, "INSERT INTO pair VALUES(7, 7)");
    cr_assert_eq(backup_write_begin(world.vault, 1, &writer, &err), ERR_OK, "%s", err.message);
    struct buf out;
    buf_init(&out, BACKUP_MEMORY_MAX);
    int turns = 0;
    for (size_t before = 1; before != out.len || out.len == 0; turns++) {
        before = out.len;
        sql(world.db,
            "BEGIN; UPDATE pair SET x=x+1; UPDATE t SET b=b||'%d' WHERE a%%3=%d; UPDATE pair SET y=y+1; COMMIT", turns,
            turns % 3);
        if (turns % 2 == 0) {
            (void)sql_code(world.db, "PRAGMA wal_checkpoint(PASSIVE)");
        }
        cr_assert_eq(backup_write_next(writer, BACKUP_PIECE_MIN, &out, &err), ERR_OK, "%s", err.message);
    }
    backup_write_free(writer);
    cr_assert_gt(turns, 5, "there was writing between the pieces");

    sqlite3 *plain = backup_open_plain(&world, &out);
    integrity_ok(plain);
    cr_assert_eq(sql_number(plain, "SELECT count(*) FROM t WHERE b='row ' || a || hex(zeroblob(200))"), 2000);
    cr_assert_eq(sql_number(plain, "SELECT x=7 AND y=7 FROM pair"), 1);
    cr_assert_eq(sqlite3_close(plain), SQLITE_OK);
    cr_assert_eq(sql_number(world.db, "SELECT x FROM pair"), 7 + turns, "nothing written meanwhile was lost");
    integrity_ok(world.db);
    buf_fini(&out);
    sweep(&world);
}

Test(backup, lets_the_log_shrink_again_when_it_is_over)
{
    struct world world;
    struct error err;
    struct backup_writer *writer;
    filled_world(&world, 100);
    cr_assert_eq(backup_write_begin(world.vault, 1, &writer, &err), ERR_OK, "%s", err.message);
    sql(world.db, "DELETE FROM t");
    cr_assert_eq(sql_number(world.db, "PRAGMA wal_checkpoint(TRUNCATE)"), 1, "the backup's state is held");
    backup_write_free(writer);
    cr_assert_eq(sql_number(world.db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    cr_assert_eq(size_of(world_file(&world, "-wal")), 0);
    sweep(&world);
}

Test(backup, goes_on_no_more_when_the_log_has_become_longer_than_the_database)
{
    struct world world;
    struct error err;
    struct backup_writer *writer;
    struct buf out;
    filled_world(&world, 10);
    sql(world.db, "CREATE TABLE big(x BLOB)");
    sql(world.db, "INSERT INTO big VALUES(zeroblob(15000000))");
    buf_init(&out, BACKUP_MEMORY_MAX);
    cr_assert_eq(backup_write_begin(world.vault, 1, &writer, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_write_next(writer, BACKUP_PIECE_MIN, &out, &err), ERR_OK, "%s", err.message);
    int64_t before = 0;
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && before <= BACKUP_LOG_MIN) {
        sql(world.db, "UPDATE big SET x=randomblob(15000000)");
        before = size_of(world_file(&world, "-wal"));
        rc = backup_write_next(writer, BACKUP_PIECE_MIN, &out, &err);
    }
    cr_assert_eq(rc, ERR_LIMIT);
    cr_assert_gt(before, BACKUP_LOG_MIN, "not before");
    backup_write_free(writer);
    buf_fini(&out);
    sweep(&world);
}

Test(backup, is_refused_as_busy_while_an_old_state_is_read)
{
    struct world world;
    struct error err;
    struct backup_writer *writer = NULL;
    sqlite3 *reader = NULL;
    filled_world(&world, 10);
    cr_assert_eq(vault_open_database(world.vault, 64, &reader, &err), ERR_OK, "%s", err.message);
    sql(reader, "BEGIN");
    (void)sql_number(reader, "SELECT count(*) FROM t");
    sql(world.db, "DELETE FROM t WHERE a=1");
    cr_assert_eq(backup_write_begin(world.vault, 1, &writer, &err), ERR_BUSY);
    sql(reader, "COMMIT");
    cr_assert_eq(backup_write_begin(world.vault, 1, &writer, &err), ERR_OK, "%s", err.message);
    backup_write_free(writer);
    cr_assert_eq(sqlite3_close(reader), SQLITE_OK);
    sweep(&world);
}

Test(backup, tells_nothing_of_what_is_in_it)
{
    struct world world;
    struct buf one;
    struct buf two;
    filled_world(&world, 300);
    sql(world.db, "INSERT INTO t VALUES(100000, 'MARKER-OF-A-PERSON')");
    backup_make(world.vault, &one);
    backup_make(world.vault, &two);
    cr_assert_null(memmem(one.data, one.len, "MARKER-OF-A-PERSON", 18));
    cr_assert_null(memmem(one.data, one.len, "SQLite format", 13));
    cr_assert_null(memmem(one.data, one.len, "CREATE TABLE", 12));
    size_t head = backup_head_of(&one);
    cr_assert_eq(one.len, two.len);
    for (size_t at = head; at + 16 <= one.len - BACKUP_TRAILER_BYTES; at += 16) {
        cr_assert_neq(memcmp(one.data + at, two.data + at, 16), 0, "two backups of one state share no block");
    }
    buf_fini(&one);
    buf_fini(&two);
    sweep(&world);
}

Test(backup, names_the_page_of_the_vault_that_is_damaged)
{
    struct world world;
    struct error err;
    struct backup_writer *writer;
    filled_world(&world, 500);
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    world_shut(&world);
    flip_byte(world.path, 8 * 4096 + 77);
    world_open(&world);
    enum err_code rc = backup_write_begin(world.vault, 1, &writer, &err);
    cr_assert_eq(rc, ERR_OK, "%s", err.message);
    struct buf out;
    buf_init(&out, BACKUP_MEMORY_MAX);
    for (size_t before = 1; rc == ERR_OK && before != out.len;) {
        before = out.len;
        rc = backup_write_next(writer, BACKUP_PIECE_MIN, &out, &err);
    }
    cr_assert_eq(rc, ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "page 9 of"), "%s", err.message);
    backup_write_free(writer);
    buf_fini(&out);
    sweep(&world);
}

/* Who may read it
 * ---------------------------------------------------------------------------------------------------------- */

Test(backup, opens_with_any_slot_of_then_and_with_no_other)
{
    struct world world;
    struct error err;
    struct buf backup;
    vault_test_set_scrypt_log2n(10);
    struct vault_unlock then = { .kind = VAULT_SLOT_PASSPHRASE, .secret = (const uint8_t *)"of then", .secret_len = 7 };
    struct vault_unlock later = { .kind = VAULT_SLOT_PASSPHRASE, .secret = (const uint8_t *)"later", .secret_len = 5 };
    filled_world(&world, 50);
    cr_assert_eq(world_add_slot(world.vault, &then, &err), ERR_OK, "%s", err.message);
    backup_make(world.vault, &backup);
    cr_assert_eq(world_add_slot(world.vault, &later, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_check(buf_slice(&backup), &then, SIZE_MAX, NULL, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_check(buf_slice(&backup), &later, SIZE_MAX, NULL, &err), ERR_KEY);
    buf_fini(&backup);
    sweep(&world);
}

Test(backup, opens_with_the_open_vault_it_is_of_and_with_no_other_vault)
{
    struct world world;
    struct world other;
    struct error err;
    struct buf backup;
    struct backup_reader *reader;
    filled_world(&world, 50);
    filled_world(&other, 50);
    backup_make(world.vault, &backup);
    size_t head = backup_head_of(&backup);
    cr_assert_eq(backup_read_begin(slice_of(backup.data, head), &reader, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_read_unlock_as(reader, other.vault, &err), ERR_KEY);
    cr_assert_eq(backup_read_unlock_as(reader, world.vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_read_take(reader, slice_of(backup.data + head, backup.len - head), NULL, NULL, &err), ERR_OK,
                 "%s", err.message);
    cr_assert_eq(backup_read_end(reader, &err), ERR_OK, "%s", err.message);
    backup_read_free(reader);
    buf_fini(&backup);
    sweep(&world);
    sweep(&other);
}

/* A hostile file
 * ----------------------------------------------------------------------------------------------------------- */

Test(backup, is_the_same_in_pieces_of_any_size)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 50);
    backup_make(world.vault, &backup);
    static const size_t pieces[] = { 1, 79, 80, 81, 4079, 4080, 4081, 100000 };
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, pieces[i], NULL, &err), ERR_OK, "%zu: %s",
                     pieces[i], err.message);
    }
    buf_fini(&backup);
    sweep(&world);
}

Test(backup, is_refused_when_it_is_cut_anywhere)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 10);
    backup_make(world.vault, &backup);
    for (size_t len = 0; len < backup.len; len += len + 200 < backup.len ? 61 : 1) {
        enum err_code rc = backup_check(slice_of(backup.data, len), &WORLD_UNLOCK, SIZE_MAX, NULL, &err);
        cr_assert_eq(rc, ERR_DAMAGED, "cut at %zu: %s", len, err_code_name(rc));
    }
    buf_fini(&backup);
    sweep(&world);
}

Test(backup, is_refused_when_any_byte_is_changed)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 10);
    backup_make(world.vault, &backup);
    size_t head = backup_head_of(&backup);
    for (size_t at = 0; at < backup.len; at += at < BACKUP_HEAD_FIXED || at + 100 > backup.len ? 1 : 23) {
        backup.data[at] ^= (uint8_t)(1 << (at % 8));
        enum err_code rc = backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err);
        backup.data[at] ^= (uint8_t)(1 << (at % 8));
        cr_assert(rc == ERR_DAMAGED || (at < head && rc == ERR_UNSUPPORTED), "byte %zu: %s", at, err_code_name(rc));
    }
    cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_OK, "%s", err.message);
    buf_fini(&backup);
    sweep(&world);
}

Test(backup, is_refused_when_it_goes_on_behind_its_end)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 10);
    backup_make(world.vault, &backup);
    size_t len = backup.len;
    cr_assert_eq(buf_append(&backup, "", 1, &err), ERR_OK);
    cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED);
    backup.len = len;
    struct slice record = slice_of(backup.data + len - BACKUP_TRAILER_BYTES - BACKUP_RECORD_BYTES,
                                   BACKUP_RECORD_BYTES + BACKUP_TRAILER_BYTES);
    uint8_t again[BACKUP_RECORD_BYTES + BACKUP_TRAILER_BYTES];
    memcpy(again, record.data, sizeof(again));
    cr_assert_eq(buf_append(&backup, again, sizeof(again), &err), ERR_OK);
    cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED);
    buf_fini(&backup);
    sweep(&world);
}

Test(backup, is_refused_when_its_pages_change_places)
{
    struct world world;
    struct error err;
    struct buf backup;
    uint8_t record[BACKUP_RECORD_BYTES];
    filled_world(&world, 100);
    backup_make(world.vault, &backup);
    uint8_t *third = backup.data + backup_head_of(&backup) + 2 * (size_t)BACKUP_RECORD_BYTES;
    memcpy(record, third, sizeof(record));
    memcpy(third, third + BACKUP_RECORD_BYTES, sizeof(record));
    memcpy(third + BACKUP_RECORD_BYTES, record, sizeof(record));
    cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "page 3 of"), "%s", err.message);
    buf_fini(&backup);
    sweep(&world);
}

/* The same vault, the same keys file, the same number of pages: only the backup differs. */
Test(backup, is_refused_when_two_are_mixed)
{
    struct world world;
    struct error err;
    struct buf one;
    struct buf two;
    filled_world(&world, 100);
    sql(world.db, "DROP INDEX t_b"); /* so that the update moves no page */
    backup_make(world.vault, &one);
    sql(world.db, "UPDATE t SET b=upper(b)");
    backup_make(world.vault, &two);
    cr_assert_eq(one.len, two.len);
    size_t head = backup_head_of(&one);
    static const struct {
        const char *what;
        size_t page;
        size_t len;
    } parts[] = { { "a page", 4, BACKUP_RECORD_BYTES }, { "half a page", 4, 2000 }, { "all pages from one on", 7, 0 } };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct buf mixed;
        buf_init(&mixed, BACKUP_MEMORY_MAX);
        cr_assert_eq(buf_append(&mixed, one.data, one.len, &err), ERR_OK);
        size_t at = head + parts[i].page * BACKUP_RECORD_BYTES;
        size_t len = parts[i].len > 0 ? parts[i].len : one.len - at;
        memcpy(mixed.data + at, two.data + at, len);
        cr_assert_eq(backup_check(buf_slice(&mixed), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED, "%s",
                     parts[i].what);
        memcpy(mixed.data, one.data, one.len);
        memcpy(mixed.data + mixed.len - BACKUP_TRAILER_BYTES, two.data + two.len - BACKUP_TRAILER_BYTES,
               BACKUP_TRAILER_BYTES);
        cr_assert_eq(backup_check(buf_slice(&mixed), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED, "the end");
        memcpy(mixed.data, two.data, head);
        cr_assert_eq(backup_check(buf_slice(&mixed), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED, "the head");
        buf_fini(&mixed);
    }
    buf_fini(&one);
    buf_fini(&two);
    sweep(&world);
}

Test(backup, is_refused_with_counts_that_no_backup_has)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 10);
    backup_make(world.vault, &backup);
    static const struct {
        size_t at;
        uint64_t value; /* eight bytes */
    } lies[] = {
        { 64, UINT64_MAX }, { 64, (uint64_t)BACKUP_PAGES_MAX + 1 }, { 64, 0 },
        { 72, UINT64_MAX }, { 8, UINT64_C(0x1ffffffff) },           { 8, UINT64_C(0x100000000) },
    };
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        uint8_t before[8];
        memcpy(before, backup.data + lies[i].at, sizeof(before));
        put_be64(backup.data + lies[i].at, lies[i].value);
        cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED, "lie %zu", i);
        memcpy(backup.data + lies[i].at, before, sizeof(before));
    }
    put_be64(backup.data + 64, BACKUP_PAGES_MAX); /* possible, and not so */
    cr_assert_eq(backup_check(buf_slice(&backup), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_DAMAGED);
    buf_fini(&backup);
    sweep(&world);
}

/* Failures
 * ----------------------------------------------------------------------------------------------------------------- */

static enum err_code write_all(struct world *world, struct buf *out, struct error *err)
{
    struct backup_writer *writer;
    TRY(backup_write_begin(world->vault, 1, &writer, err));
    enum err_code rc = ERR_OK;
    for (size_t before = 1; rc == ERR_OK && (before != out->len || out->len == 0);) {
        before = out->len;
        rc = backup_write_next(writer, BACKUP_PIECE_MIN, out, err);
    }
    backup_write_free(writer);
    return rc;
}

Test(backup, is_whole_or_says_that_it_failed_whatever_call_fails)
{
    long failures = 0;
    for (long n = 1;; n++) {
        struct world world;
        struct error err;
        struct buf out;
        shim_reset();
        filled_world(&world, 40);
        buf_init(&out, BACKUP_MEMORY_MAX);
        shim.fail_at = shim.calls + n;
        shim.fail_code = SQLITE_IOERR;
        enum err_code rc = write_all(&world, &out, &err);
        bool failed = shim.failed;
        shim.fail_at = 0;
        if (rc == ERR_OK) {
            cr_assert_eq(backup_check(buf_slice(&out), &WORLD_UNLOCK, SIZE_MAX, NULL, &err), ERR_OK, "call %ld: %s", n,
                         err.message);
        } else {
            failures++;
        }
        cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 40, "call %ld", n);
        sql(world.db, "DELETE FROM t WHERE a=1");
        buf_fini(&out);
        sweep(&world);
        vault_test_set_base_vfs(NULL);
        if (!failed) {
            break;
        }
    }
    cr_assert_gt(failures, 10);
}
