#include "support.h"

#include <stdio.h>
#include <unistd.h>

void backup_make(struct vault *vault, struct buf *out)
{
    struct error err;
    struct backup_writer *writer;
    buf_init(out, BACKUP_MEMORY_MAX);
    cr_assert_eq(backup_write_begin(vault, 1700000000000, &writer, &err), ERR_OK, "%s", err.message);
    for (size_t before = 1; before != out->len || out->len == 0;) {
        before = out->len;
        cr_assert_eq(backup_write_next(writer, BACKUP_PIECE_MIN, out, &err), ERR_OK, "%s", err.message);
    }
    struct backup_about about;
    cr_assert(backup_write_about(writer, &about));
    cr_assert_eq(about.bytes, out->len);
    backup_write_free(writer);
}

size_t backup_head_of(const struct buf *backup)
{
    size_t len = 0;
    struct error err;
    cr_assert_eq(backup_head_length(slice_of(backup->data, BACKUP_HEAD_LOOK), &len, &err), ERR_OK, "%s", err.message);
    return len;
}

static enum err_code page_keep(void *context, uint32_t number, const uint8_t *page, struct error *err)
{
    struct buf *plain = context;
    cr_assert_eq(plain->len, (size_t)(number - 1) * 4096, "pages come in order, each once");
    return buf_append(plain, page, 4096, err);
}

static enum err_code read_with(struct backup_reader *reader, struct slice rest, const struct vault_unlock *unlock,
                               size_t piece, struct buf *plain, struct error *err)
{
    TRY(backup_read_unlock(reader, unlock, err));
    while (rest.len > 0) {
        size_t len = rest.len < piece ? rest.len : piece;
        TRY(backup_read_take(reader, slice_of(rest.data, len), plain == NULL ? NULL : page_keep, plain, err));
        rest = slice_of(rest.data + len, rest.len - len);
    }
    return backup_read_end(reader, err);
}

enum err_code backup_check(struct slice backup, const struct vault_unlock *unlock, size_t piece, struct buf *plain,
                           struct error *err)
{
    size_t head = 0;
    size_t look = backup.len < BACKUP_HEAD_LOOK ? backup.len : BACKUP_HEAD_LOOK;
    TRY(backup_head_length(slice_of(backup.data, look), &head, err));
    head = head < backup.len ? head : backup.len;
    struct backup_reader *reader;
    TRY(backup_read_begin(slice_of(backup.data, head), &reader, err));
    enum err_code rc = read_with(reader, slice_of(backup.data + head, backup.len - head), unlock, piece, plain, err);
    backup_read_free(reader);
    return rc;
}

sqlite3 *backup_open_plain(const struct world *world, const struct buf *backup)
{
    struct error err;
    struct buf plain;
    buf_init(&plain, BACKUP_MEMORY_MAX);
    cr_assert_eq(backup_check(buf_slice(backup), &WORLD_UNLOCK, 10000, &plain, &err), ERR_OK, "%s", err.message);
    const char *path = world_file(world, ".plain");
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(plain.data, 1, plain.len, file), plain.len);
    cr_assert_eq(fclose(file), 0);
    buf_fini(&plain);
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix-excl"), SQLITE_OK);
    return db;
}

void filled_world(struct world *world, int rows)
{
    world_make(world);
    world_open(world);
    sql(world->db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
    sql(world->db, "CREATE INDEX t_b ON t(b)");
    sql(world->db,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
        "INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(200)) FROM n",
        rows);
}
