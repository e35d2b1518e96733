/*
 * A folder of its own for each test, with a vault in it that a key file opens.
 */
#ifndef TESTS_UNIT_VAULT_WORLD_H
#define TESTS_UNIT_VAULT_WORLD_H

#include <criterion/criterion.h>

#include "crypto/vault/vault_internal.h"

struct world {
    char folder[64];
    char path[96];
    struct vault *vault;
    sqlite3 *db;
};

extern const uint8_t WORLD_KEY[VAULT_KEY_FILE_BYTES];
extern const struct vault_unlock WORLD_UNLOCK;

void world_folder(struct world *world); /* an empty folder */
void world_make(struct world *world); /* the folder and the keys file */
void world_open(struct world *world); /* the vault and a connection; both must succeed */
void world_shut(struct world *world); /* both closed, the files stay */
void world_fini(struct world *world); /* and the folder removed, in which nothing strange lies */
void world_sweep(struct world *world); /* and the folder removed with whatever lies in it */

/* A new folder with copies of the files as they are now: what a crash of the process leaves. */
void world_copy(const struct world *from, struct world *to);

/* The failure of opening the vault and, if that works, the database and reading all of it. */
enum err_code world_try(struct world *world, struct error *err);

/* vault_slot_add with WORLD_UNLOCK as the proof */
MUST_USE enum err_code world_add_slot(struct vault *vault, const struct vault_unlock *slot, struct error *err);

char *world_file(const struct world *world, const char *suffix); /* static memory, four in turn */
void flip_byte(const char *path, long at);
void copy_bytes(const char *from, long from_at, const char *to, long to_at, size_t len);
void copy_file(const char *from, const char *to);
long size_of(const char *path);
void fill_zero(const char *path, long at, size_t len);


void sql(sqlite3 *db, const char *format, ...) PRINTF_LIKE(2, 3);     /* must succeed */
int sql_code(sqlite3 *db, const char *format, ...) PRINTF_LIKE(2, 3); /* the extended code of all statements */
sqlite3_int64 sql_number(sqlite3 *db, const char *query);             /* must give a row */
void integrity_ok(sqlite3 *db);

#endif
