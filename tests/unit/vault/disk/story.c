#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/restore.h"

static unsigned below(struct story *story, unsigned limit)
{
    return (unsigned)(next_random(&story->random) % limit);
}

/* FNV-1a */
static void mix(uint64_t *digest, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        *digest = (*digest ^ at[i]) * 0x100000001b3u;
    }
}

uint64_t story_digest(sqlite3 *db)
{
    uint64_t digest = 0xcbf29ce484222325u;
    if (sql_number(db, "SELECT count(*) FROM sqlite_schema WHERE name='t'") == 0) {
        return digest;
    }
    sqlite3_stmt *rows = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT a, b, c FROM t ORDER BY a", -1, &rows, NULL), SQLITE_OK);
    int rc;
    sqlite3_int64 count = 0;
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        sqlite3_int64 number = sqlite3_column_int64(rows, 0);
        sqlite3_int64 kind = sqlite3_column_int64(rows, 1);
        mix(&digest, &number, sizeof(number));
        mix(&digest, &kind, sizeof(kind));
        mix(&digest, sqlite3_column_blob(rows, 2), (size_t)sqlite3_column_bytes(rows, 2));
        count++;
    }
    cr_assert_eq(rc, SQLITE_DONE, "read t: %s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_finalize(rows), SQLITE_OK);
    cr_assert_eq(sql_number(db, "SELECT count(*) FROM t INDEXED BY tb WHERE b >= 0"), count);
    return digest;
}

bool story_allows(const struct story *story, size_t event, uint64_t digest)
{
    size_t last = 0;
    while (last + 1 < story->count && story->commits[last + 1].told <= event) {
        last++;
    }
    bool under_way = last + 1 < story->count && story->commits[last + 1].begun <= event;
    return digest == story->commits[last].digest || (under_way && digest == story->commits[last + 1].digest);
}

/* Steps
 * ------------------------------------------------------------------------------------------------------------------ */

/* Runs what commits, and notes it. */
static void commit(struct story *story, const char *statement)
{
    size_t begun = tape_len(story->tape);
    sql(story->world.db, "%s", statement);
    CHECK(story->count < COMMITS_MAX);
    story->commits[story->count++] =
        (struct commit){ .begun = begun, .told = tape_len(story->tape), .digest = story_digest(story->world.db) };
}

static void change_rows(struct story *story)
{
    sqlite3 *db = story->world.db;
    unsigned from = below(story, 150);
    unsigned kind = below(story, 100);
    switch (below(story, 6)) {
    case 0:
    case 1:
        sql(db,
            "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x+1 FROM n WHERE x<%u)"
            "INSERT OR REPLACE INTO t SELECT x+%u, (x*7+%u)%%100, randomblob(%u) FROM n",
            below(story, 12), from, kind, 1 + below(story, 1500));
        break;
    case 2:
        sql(db, "UPDATE t SET b=(b+%u)%%100, c=randomblob(%u) WHERE a>=%u AND a<%u", kind, 1 + below(story, 900), from,
            from + 1 + below(story, 30));
        break;
    case 3:
        sql(db, "DELETE FROM t WHERE a>=%u AND a<%u", from, from + below(story, 20));
        break;
    case 4: /* over many pages */
        sql(db, "INSERT OR REPLACE INTO t VALUES(%u, %u, randomblob(%u))", from, kind, 4000 + below(story, 30000));
        break;
    default:
        sql(db, "UPDATE t SET c=c||x'77' WHERE b=%u", kind);
        break;
    }
}

static void step_transaction(struct story *story)
{
    sqlite3 *db = story->world.db;
    sql(db, "PRAGMA cache_size=%u; BEGIN %s", below(story, 3) == 0 ? 3 : 200, below(story, 2) == 0 ? "" : "IMMEDIATE");
    for (unsigned left = 1 + below(story, 4); left > 0; left--) {
        change_rows(story);
        if (below(story, 4) == 0) {
            sql(db, "SAVEPOINT one");
            change_rows(story);
            sql(db, "SAVEPOINT two");
            change_rows(story);
            sql(db, below(story, 2) == 0 ? "ROLLBACK TO one; RELEASE one" : "ROLLBACK TO two; RELEASE one");
        }
    }
    if (below(story, 6) == 0) {
        sql(db, "ROLLBACK");
    } else {
        commit(story, "COMMIT");
    }
}

static void step_single_row(struct story *story)
{
    char statement[128];
    (void)snprintf(statement, sizeof(statement), "INSERT OR REPLACE INTO t VALUES(%u, %u, randomblob(60))",
                   below(story, 150), below(story, 100));
    commit(story, statement);
}

/* More than the cache holds, twice over, so that frames are written before the commit and again. */
static void step_spill(struct story *story)
{
    sqlite3 *db = story->world.db;
    sql(db,
        "PRAGMA cache_size=3; BEGIN; UPDATE t SET c=randomblob(700); SAVEPOINT s; UPDATE t SET c=zeroblob(800);"
        "%s; UPDATE t SET c=randomblob(500) WHERE a%%2=0",
        below(story, 2) == 0 ? "ROLLBACK TO s" : "RELEASE s");
    commit(story, "COMMIT");
}

static void step_checkpoint(struct story *story)
{
    static const char *const MODES[] = { "PASSIVE", "FULL", "RESTART", "TRUNCATE" };
    /* where a reader is in the way it answers "busy" in its row, and that is no failure */
    sql(story->world.db, "PRAGMA wal_checkpoint(%s)", MODES[below(story, 4)]);
}

static void step_reader(struct story *story)
{
    struct error err;
    if (story->reader == NULL) {
        cr_assert_eq(vault_open_database(story->world.vault, 64, &story->reader, &err), ERR_OK, "%s", err.message);
    }
    if (story->reading) {
        (void)story_digest(story->reader);
        sql(story->reader, "COMMIT");
        story->reading = false;
    } else {
        sql(story->reader, "BEGIN");
        cr_assert_eq(story_digest(story->reader), story->commits[story->count - 1].digest);
        story->reading = true;
    }
}

static void step_vacuum(struct story *story)
{
    sql(story->world.db, "VACUUM");
}

/* Some pages are moved to another key; a step that finds somebody in its way takes none. */
static void step_rekey(struct story *story)
{
    struct error err;
    struct vault *vault = story->world.vault;
    struct vault_rekey_progress progress;
    vault_rekey_progress(vault, &progress);
    if (!progress.running) {
        cr_assert_eq(vault_rekey_begin(vault, &err), ERR_OK, "%s", err.message);
    }
    for (unsigned left = 1 + below(story, 12); left > 0; left--) {
        enum err_code rc = vault_rekey_step(vault, 1 + below(story, 20), &progress, &err);
        cr_assert_eq(rc, ERR_OK, "%s", err.message);
        story->rekeyed += !progress.running;
    }
    if (below(story, 2) == 0) {
        vault_rekey_pause(vault);
    }
}

/* The whole database into one file, which lies in memory, while there are commits. False: a reader was in the way. */
static bool back_up(struct story *story, struct buf *whole, uint64_t *ret_digest)
{
    struct error err;
    struct backup_writer *writer = NULL;
    enum err_code rc = backup_write_begin(story->world.vault, 1700000000000, &writer, &err);
    if (rc == ERR_BUSY && story->reading) {
        return false;
    }
    cr_assert_eq(rc, ERR_OK, "%s", err.message);
    *ret_digest = story->commits[story->count - 1].digest;
    for (size_t before = 1; before != whole->len;) {
        before = whole->len;
        cr_assert_eq(backup_write_next(writer, BACKUP_PIECE_MIN, whole, &err), ERR_OK, "%s", err.message);
        if (below(story, 3) == 0) {
            step_single_row(story);
        }
    }
    backup_write_free(writer);
    return true;
}

static struct backup_reader *backup_reading(const struct buf *whole, size_t *ret_head)
{
    struct error err;
    struct backup_reader *reader = NULL;
    cr_assert_eq(backup_head_length(slice_of(whole->data, BACKUP_HEAD_LOOK), ret_head, &err), ERR_OK);
    cr_assert_eq(backup_read_begin(slice_of(whole->data, *ret_head), &reader, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_read_unlock(reader, &WORLD_UNLOCK, &err), ERR_OK, "%s", err.message);
    return reader;
}

static void backup_take(struct backup_reader *reader, const struct buf *whole, size_t head, backup_page_taker take,
                        void *context)
{
    struct error err;
    struct slice pages = slice_of(whole->data + head, whole->len - head);
    cr_assert_eq(backup_read_take(reader, pages, take, context, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_read_end(reader, &err), ERR_OK, "%s", err.message);
}

static void step_backup(struct story *story)
{
    struct buf whole;
    uint64_t digest;
    size_t head;
    buf_init(&whole, (size_t)64 << 20);
    if (back_up(story, &whole, &digest)) {
        struct backup_reader *reader = backup_reading(&whole, &head);
        backup_take(reader, &whole, head, NULL, NULL);
        backup_read_free(reader);
    }
    buf_fini(&whole);
}

static void shut(struct story *story)
{
    if (story->reader != NULL) {
        cr_assert_eq(sqlite3_close(story->reader), SQLITE_OK);
        story->reader = NULL;
        story->reading = false;
    }
    world_shut(&story->world);
}

static void restore_from(struct story *story, const struct buf *whole, uint64_t digest)
{
    struct error err;
    struct restore *restore = NULL;
    size_t head;
    char kept[RESTORE_SET_SIZE];
    struct backup_reader *reader = backup_reading(whole, &head);
    shut(story);
    cr_assert_eq(restore_begin(story->world.path, reader, 0, 1700000000000 + (int64_t)story->count, &restore, &err),
                 ERR_OK, "%s", err.message);
    backup_take(reader, whole, head, restore_page, restore);
    cr_assert_eq(restore_seal(restore, &err), ERR_OK, "%s", err.message);
    restore_keep(restore);
    restore_free(restore);
    backup_read_free(reader);
    size_t begun = tape_len(story->tape);
    cr_assert_eq(restore_swap(story->world.path, 1700000000000 + (int64_t)story->count, kept, &err), ERR_OK, "%s",
                 err.message);
    CHECK(story->count < COMMITS_MAX);
    story->commits[story->count++] = (struct commit){ .begun = begun, .told = tape_len(story->tape), .digest = digest };
    cr_assert_eq(restore_sets_discard(story->world.path, &err), ERR_OK, "%s", err.message);
    world_open(&story->world);
}

/* The database becomes what it was when the backup was made. */
static void step_restore(struct story *story)
{
    struct buf whole;
    uint64_t digest;
    buf_init(&whole, (size_t)64 << 20);
    if (back_up(story, &whole, &digest)) {
        restore_from(story, &whole, digest);
    }
    buf_fini(&whole);
}

static void step_reopen(struct story *story)
{
    shut(story);
    world_open(&story->world);
    sql(story->world.db, "PRAGMA wal_autocheckpoint=%u", below(story, 2) == 0 ? 1000 : 20);
}

/* Each as often as it stands here. */
static void step(struct story *story)
{
    static const struct {
        void (*take)(struct story *);
        unsigned kind;
    } STEPS[] = {
        { step_transaction, 0 }, { step_transaction, 0 }, { step_transaction, 0 }, { step_single_row, 1 },
        { step_single_row, 1 },  { step_spill, 2 },       { step_checkpoint, 3 },  { step_checkpoint, 3 },
        { step_checkpoint, 3 },  { step_reader, 4 },      { step_reader, 4 },      { step_vacuum, 5 },
        { step_reopen, 6 },      { step_rekey, 7 },       { step_rekey, 7 },       { step_backup, 8 },
        { step_restore, 9 },
    };
    unsigned i = below(story, ARRAY_LEN(STEPS));
    story->done[STEPS[i].kind]++;
    STEPS[i].take(story);
}

void story_play(struct story *story, uint64_t seed, unsigned steps)
{
    *story = (struct story){ .seed = seed, .random = seed };
    /* SQLite's own random bytes, so that the same seed writes the same pages */
    cr_assert_eq(sqlite3_initialize(), SQLITE_OK);
    cr_assert_eq(sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)seed | 1, NULL), SQLITE_OK);
    sqlite3_randomness(0, NULL);
    world_folder(&story->world);
    story->tape = tape_start(story->world.folder);
    struct error err;
    cr_assert_eq(vault_create(story->world.path, &WORLD_UNLOCK, &err), ERR_OK, "%s", err.message);
    story->commits[story->count++] = (struct commit){ .told = tape_len(story->tape), .digest = 0xcbf29ce484222325u };
    world_open(&story->world);
    commit(story, "BEGIN; CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER, c BLOB); CREATE INDEX tb ON t(b); COMMIT");
    while (steps-- > 0) {
        step(story);
    }
    shut(story);
    tape_stop(story->tape);
    tape_check(story->tape);
}

void story_fini(struct story *story)
{
    tape_free(story->tape);
    world_sweep(&story->world);
}
