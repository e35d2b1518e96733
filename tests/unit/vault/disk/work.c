#include "work.h"

#include <stdio.h>
#include <string.h>

#include "crypto/vault/restore.h"

static const uint8_t SECOND_KEY[VAULT_KEY_FILE_BYTES] = "another key of thirty-two bytes.";
static const struct vault_unlock SECOND = { .kind = VAULT_SLOT_KEY_FILE,
                                            .secret = SECOND_KEY,
                                            .secret_len = VAULT_KEY_FILE_BYTES };

void work_begin(struct work *work)
{
    *work = (struct work){ 0 };
    buf_init(&work->backup, (size_t)16 << 20);
    world_folder(&work->world);
}

static bool ours(struct work *work, enum err_code code)
{
    work->code = code;
    return code == ERR_OK;
}

static bool runs(struct work *work, const char *statements)
{
    return sql_code(work->world.db, "%s", statements) == SQLITE_OK;
}

/* A commit of `rows` rows; each row carries its number. */
static bool commit(struct work *work, int rows, const char *more)
{
    sqlite3 *db = work->world.db;
    work->tried = work->committed + rows;
    bool done = runs(work, "BEGIN");
    for (int i = 1; done && i <= rows; i++) {
        done = sql_code(db, "INSERT INTO t VALUES(%lld, hex(zeroblob(%d)))", work->committed + i, 300 + 37 * i) ==
               SQLITE_OK;
    }
    done = done && runs(work, more) && runs(work, "COMMIT");
    if (done) {
        work->committed = work->tried;
    } else if (!sqlite3_get_autocommit(db)) {
        (void)sql_code(db, "ROLLBACK");
    }
    return done;
}

static bool open_both(struct work *work)
{
    struct world *world = &work->world;
    return ours(work, vault_open(world->path, &WORLD_UNLOCK, &world->vault, &work->err)) &&
           ours(work, vault_open_database(world->vault, 64, &world->db, &work->err));
}

static void close_both(struct work *work)
{
    struct world *world = &work->world;
    struct error damage;
    work->damage_named = work->damage_named || (world->vault != NULL && vault_last_damage(world->vault, &damage));
    cr_assert_eq(sqlite3_close(world->db), SQLITE_OK);
    vault_close(world->vault);
    world->db = NULL;
    world->vault = NULL;
}

static bool second_slot(struct work *work)
{
    work->second_tried = true;
    work->second_added = ours(work, world_add_slot(work->world.vault, &SECOND, &work->err));
    return work->second_added;
}

static bool second_slot_gone(struct work *work)
{
    work->second_remove_tried = true;
    work->second_removed = ours(work, vault_slot_remove(work->world.vault, &SECOND, 2, &work->err));
    return work->second_removed;
}

/* While a second connection reads what was there before. */
static bool with_a_reader(struct work *work)
{
    sqlite3 *reader = NULL;
    bool done = ours(work, vault_open_database(work->world.vault, 64, &reader, &work->err)) &&
                sql_code(reader, "BEGIN; SELECT count(*) FROM t") == SQLITE_OK &&
                commit(work, 2, "PRAGMA incremental_vacuum") && runs(work, "PRAGMA wal_checkpoint(PASSIVE)") &&
                sql_code(reader, "SELECT sum(length(b)) FROM t; COMMIT") == SQLITE_OK;
    cr_assert_eq(sqlite3_close(reader), SQLITE_OK);
    return done;
}

/* Every page under a new key, and the old one gone. */
static bool rekey(struct work *work)
{
    struct vault *vault = work->world.vault;
    struct vault_rekey_progress progress = { .running = true };
    bool done = ours(work, vault_rekey_begin(vault, &work->err));
    for (int i = 0; done && progress.running && i < 50; i++) {
        done = ours(work, vault_rekey_step(vault, 7, &progress, &work->err));
    }
    cr_assert(!done || !progress.running);
    return done;
}

static bool back_up(struct work *work)
{
    struct backup_writer *writer = NULL;
    bool done = ours(work, backup_write_begin(work->world.vault, 1700000000000, &writer, &work->err));
    work->backed_up = work->committed;
    buf_clear(&work->backup);
    for (size_t before = 1; done && before != work->backup.len;) {
        before = work->backup.len;
        done = ours(work, backup_write_next(writer, BACKUP_PIECE_MIN, &work->backup, &work->err));
    }
    backup_write_free(writer);
    return done;
}

static bool restore_into_place(struct work *work, struct backup_reader *reader, struct slice pages)
{
    char kept[RESTORE_SET_SIZE];
    struct restore *restore = NULL;
    bool done = ours(work, backup_read_unlock(reader, &WORLD_UNLOCK, &work->err)) &&
                ours(work, restore_begin(work->world.path, reader, 0, 1700000000000, &restore, &work->err)) &&
                ours(work, backup_read_take(reader, pages, restore_page, restore, &work->err)) &&
                ours(work, backup_read_end(reader, &work->err)) && ours(work, restore_seal(restore, &work->err));
    if (done) {
        restore_keep(restore);
    }
    restore_free(restore);
    if (done) {
        work->tried = work->backed_up;
        work->restore_tried = true;
        done = ours(work, restore_swap(work->world.path, 1700000000000, kept, &work->err));
        work->committed = done ? work->backed_up : work->committed;
        work->restored = done;
    }
    return done;
}

/* While nothing is open. */
static bool restore_all(struct work *work)
{
    size_t head = 0;
    struct backup_reader *reader = NULL;
    bool done = ours(work, backup_head_length(slice_of(work->backup.data, BACKUP_HEAD_LOOK), &head, &work->err)) &&
                ours(work, backup_read_begin(slice_of(work->backup.data, head), &reader, &work->err)) &&
                restore_into_place(work, reader, slice_of(work->backup.data + head, work->backup.len - head));
    backup_read_free(reader);
    return done;
}

static bool use(struct work *work)
{
    return runs(work, "PRAGMA cache_size=6; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)") && commit(work, 2, "") &&
           commit(work, 12, "SAVEPOINT s; UPDATE t SET b=b||'1'; ROLLBACK TO s; UPDATE t SET b=b||'2'") &&
           second_slot(work) && runs(work, "PRAGMA wal_checkpoint(RESTART)") && with_a_reader(work) &&
           runs(work, "CREATE TABLE u AS SELECT b FROM t ORDER BY b||a") && runs(work, "VACUUM") && rekey(work) &&
           back_up(work) && commit(work, 1, "UPDATE t SET b=b||'3' WHERE a%2=0") &&
           runs(work, "PRAGMA wal_checkpoint(TRUNCATE)") && commit(work, 1, "");
}

bool work_do(struct work *work)
{
    struct world *world = &work->world;
    work->made = ours(work, vault_create(world->path, &WORLD_UNLOCK, &work->err));
    bool done = work->made && open_both(work) && use(work);
    close_both(work);
    done = done && open_both(work) && commit(work, 1, "") && second_slot_gone(work);
    close_both(work);
    done = done && restore_all(work) && open_both(work) && commit(work, 1, "");
    close_both(work);
    return done;
}

/* Judging
 * ---------------------------------------------------------------------------------------------------------------- */

static enum err_code open_with(struct work *work, const struct vault_unlock *unlock)
{
    struct vault *vault = NULL;
    struct error err;
    enum err_code rc = vault_open(work->world.path, unlock, &vault, &err);
    vault_close(vault);
    return rc;
}

static void judge_slots(struct work *work, const char *when, long number)
{
    enum err_code second = open_with(work, &SECOND);
    bool may_open = work->second_tried && (!work->second_removed || work->restore_tried);
    bool must_open = (work->second_added && !work->second_remove_tried) || work->restored; /* the backup's slots */
    cr_assert(second == ERR_KEY || (may_open && second == ERR_OK), "%s %ld: the second slot: %s", when, number,
              err_code_name(second));
    cr_assert(second == ERR_OK || !must_open, "%s %ld: the second slot: %s", when, number, err_code_name(second));
}

static void judge_rows(struct work *work, const char *when, long number)
{
    sqlite3 *db = work->world.db;
    sqlite3_int64 there = 0;
    integrity_ok(db);
    if (sql_number(db, "SELECT count(*) FROM sqlite_schema WHERE name='t'") == 1) {
        there = sql_number(db, "SELECT count(*) FROM t");
        cr_assert_eq(sql_number(db, "SELECT coalesce(max(a), 0) FROM t"), there);
        cr_assert_eq(sql_number(db, "SELECT count(*) FROM t WHERE length(b) < 600 OR length(b) > 4000"), 0);
    }
    cr_assert(there == work->committed || there == work->tried, "%s %ld: %lld rows, %lld committed, %lld tried", when,
              number, (long long)there, (long long)work->committed, (long long)work->tried);
}

void work_judge(struct work *work, const char *when, long number)
{
    struct world *world = &work->world;
    struct error err;
    buf_fini(&work->backup);
    cr_assert_eq(restore_swap_recover(world->path, &err), ERR_OK, "%s %ld: %s", when, number, err.message);
    if (!work->made && !vault_exists(world->path)) {
        world_sweep(world);
        return;
    }
    enum err_code rc = vault_open(world->path, &WORLD_UNLOCK, &world->vault, &err);
    cr_assert_eq(rc, ERR_OK, "%s %ld: %s", when, number, err.message);
    rc = vault_open_database(world->vault, 64, &world->db, &err);
    cr_assert_eq(rc, ERR_OK, "%s %ld: %s", when, number, err.message);
    judge_rows(work, when, number);
    world_shut(world);
    judge_slots(work, when, number);
    world_sweep(world);
}
