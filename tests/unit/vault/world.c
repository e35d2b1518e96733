#include "world.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const uint8_t WORLD_KEY[VAULT_KEY_FILE_BYTES] = "a key of thirty-two bytes, fixed";
const struct vault_unlock WORLD_UNLOCK = { .kind = VAULT_SLOT_KEY_FILE,
                                           .secret = WORLD_KEY,
                                           .secret_len = VAULT_KEY_FILE_BYTES };

void world_folder(struct world *world)
{
    *world = (struct world){ .folder = "/tmp/holdfast-vault-XXXXXX" };
    cr_assert_not_null(mkdtemp(world->folder));
    (void)snprintf(world->path, sizeof(world->path), "%s/x.db", world->folder);
}

void world_make(struct world *world)
{
    struct error err;
    world_folder(world);
    cr_assert_eq(vault_create(world->path, &WORLD_UNLOCK, &err), ERR_OK, "%s", err.message);
}

void world_open(struct world *world)
{
    struct error err;
    cr_assert_eq(vault_open(world->path, &WORLD_UNLOCK, &world->vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(vault_open_database(world->vault, 256, &world->db, &err), ERR_OK, "%s", err.message);
}

void world_shut(struct world *world)
{
    cr_assert_eq(sqlite3_close(world->db), SQLITE_OK);
    vault_close(world->vault);
    world->db = NULL;
    world->vault = NULL;
}

void world_fini(struct world *world)
{
    static const char *const SUFFIXES[] = {
        "", "-wal", ".fresh", ".rekey", ".keys", ".keys.prev", "-journal", ".other"
    };
    if (world->db != NULL) {
        world_shut(world);
    }
    vault_close(world->vault);
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        (void)unlink(world_file(world, SUFFIXES[i]));
    }
    cr_assert_eq(rmdir(world->folder), 0, "nothing else was left in the folder");
}

void world_sweep(struct world *world)
{
    if (world->db != NULL) {
        world_shut(world);
    }
    vault_close(world->vault);
    DIR *entries = opendir(world->folder);
    cr_assert_not_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        (void)unlinkat(dirfd(entries), entry->d_name, 0);
    }
    cr_assert_eq(closedir(entries), 0);
    cr_assert_eq(rmdir(world->folder), 0);
}

void world_copy(const struct world *from, struct world *to)
{
    static const char *const SUFFIXES[] = { "", "-wal", ".fresh", ".rekey", ".keys", ".keys.prev" };
    world_folder(to);
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        if (access(world_file(from, SUFFIXES[i]), F_OK) == 0) {
            copy_file(world_file(from, SUFFIXES[i]), world_file(to, SUFFIXES[i]));
        }
    }
}

enum err_code world_try(struct world *world, struct error *err)
{
    TRY(vault_open(world->path, &WORLD_UNLOCK, &world->vault, err));
    enum err_code rc = vault_open_database(world->vault, 256, &world->db, err);
    if (rc == ERR_OK && sqlite3_exec(world->db, "PRAGMA integrity_check", NULL, NULL, NULL) != SQLITE_OK) {
        rc = vault_last_damage(world->vault, err) ? err->code : ERR_DATABASE;
    }
    return rc;
}

char *world_file(const struct world *world, const char *suffix)
{
    static char names[4][128];
    static unsigned turn;
    char *name = names[turn++ % 4];
    (void)snprintf(name, sizeof(names[0]), "%s%s", world->path, suffix);
    return name;
}

static FILE *open_file(const char *path, const char *mode, long at)
{
    FILE *file = fopen(path, mode);
    cr_assert_not_null(file, "open '%s'", path);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    return file;
}

enum err_code world_add_slot(struct vault *vault, const struct vault_unlock *slot, struct error *err)
{
    struct vault_slot_new added = { .unlock = *slot };
    int number;
    return vault_slot_add(vault, &WORLD_UNLOCK, &added, &number, err);
}

void flip_byte(const char *path, long at)
{
    FILE *file = open_file(path, "r+b", at);
    int byte = fgetc(file);
    cr_assert_neq(byte, EOF);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    cr_assert_neq(fputc(byte ^ 0x10, file), EOF);
    cr_assert_eq(fclose(file), 0);
}

void fill_zero(const char *path, long at, size_t len)
{
    FILE *file = open_file(path, "r+b", at);
    for (size_t i = 0; i < len; i++) {
        cr_assert_neq(fputc(0, file), EOF);
    }
    cr_assert_eq(fclose(file), 0);
}

void copy_bytes(const char *from, long from_at, const char *to, long to_at, size_t len)
{
    uint8_t *bytes = malloc(len);
    FILE *in = open_file(from, "rb", from_at);
    cr_assert_eq(fread(bytes, 1, len, in), len);
    cr_assert_eq(fclose(in), 0);
    FILE *out = open_file(to, "r+b", to_at);
    cr_assert_eq(fwrite(bytes, 1, len, out), len);
    cr_assert_eq(fclose(out), 0);
    free(bytes);
}

void copy_file(const char *from, const char *to)
{
    FILE *made = fopen(to, "wb");
    cr_assert_not_null(made);
    cr_assert_eq(fclose(made), 0);
    if (size_of(from) > 0) {
        copy_bytes(from, 0, to, 0, (size_t)size_of(from));
    }
}

long size_of(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? (long)about.st_size : -1;
}

static int run(sqlite3 *db, const char *format, va_list arguments, char **ret_text)
{
    *ret_text = sqlite3_vmprintf(format, arguments);
    return *ret_text == NULL ? SQLITE_NOMEM : sqlite3_exec(db, *ret_text, NULL, NULL, NULL);
}

int sql_code(sqlite3 *db, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int rc = run(db, format, arguments, &text);
    va_end(arguments);
    sqlite3_free(text);
    return rc;
}

void sql(sqlite3 *db, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int rc = run(db, format, arguments, &text);
    va_end(arguments);
    cr_assert_eq(rc, SQLITE_OK, "%s: %s (%d)", text, sqlite3_errmsg(db), rc);
    sqlite3_free(text);
}

sqlite3_int64 sql_number(sqlite3 *db, const char *query)
{
    sqlite3_stmt *statement = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK, "%s: %s", query, sqlite3_errmsg(db));
    int rc = sqlite3_step(statement);
    cr_assert_eq(rc, SQLITE_ROW, "%s: %s (%d)", query, sqlite3_errmsg(db), rc);
    sqlite3_int64 number = sqlite3_column_int64(statement, 0);
    cr_assert_eq(sqlite3_finalize(statement), SQLITE_OK);
    return number;
}

void integrity_ok(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    cr_assert_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW, "%s", sqlite3_errmsg(db));
    cr_assert_str_eq((const char *)sqlite3_column_text(statement, 0), "ok");
    cr_assert_eq(sqlite3_finalize(statement), SQLITE_OK);
}
