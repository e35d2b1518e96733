#include "world.h"

#include <stdlib.h>
#include <string.h>

/* A temporary file as SQLite's sorter and statement journal use it: any offset, any length, against the same in memory.
 */

TestSuite(vault_temporary, .timeout = 120);

enum { MODEL_MAX = 300000, STEPS = 4000 };

static sqlite3_file *open_temporary(struct world *world)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(vault_vfs_name(world->vault));
    cr_assert_not_null(vfs);
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    int flags = SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE |
                SQLITE_OPEN_DELETEONCLOSE;
    cr_assert_eq(vfs->xOpen(vfs, NULL, file, flags, &flags), SQLITE_OK);
    return file;
}

static unsigned seeded(unsigned *state, unsigned below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

struct model {
    uint8_t bytes[MODEL_MAX];
    sqlite3_int64 size;
};

static void write_both(sqlite3_file *file, struct model *model, unsigned *random)
{
    static uint8_t bytes[20000];
    unsigned at = seeded(random, 4) == 0 ? seeded(random, 60) * 4096 : seeded(random, MODEL_MAX - 20000);
    unsigned len = seeded(random, 3) == 0 ? 4096 : 1 + seeded(random, seeded(random, 2) == 0 ? 30 : 19999);
    for (unsigned i = 0; i < len; i++) {
        bytes[i] = (uint8_t)seeded(random, 256);
    }
    cr_assert_eq(file->pMethods->xWrite(file, bytes, (int)len, at), SQLITE_OK);
    memcpy(model->bytes + at, bytes, len);
    model->size = model->size > at + len ? model->size : at + len;
}

static void read_both(sqlite3_file *file, const struct model *model, unsigned *random)
{
    static uint8_t got[20000];
    unsigned at = seeded(random, MODEL_MAX - 20000);
    unsigned len = 1 + seeded(random, 19999);
    memset(got, 0xee, sizeof(got));
    int rc = file->pMethods->xRead(file, got, (int)len, at);
    cr_assert_eq(rc, at + len <= model->size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
    cr_assert_eq(memcmp(got, model->bytes + at, len), 0, "%u bytes at %u", len, at);
}

static void truncate_both(sqlite3_file *file, struct model *model, unsigned *random)
{
    sqlite3_int64 size = seeded(random, (unsigned)model->size + 1);
    cr_assert_eq(file->pMethods->xTruncate(file, size), SQLITE_OK);
    memset(model->bytes + size, 0, (size_t)(MODEL_MAX - size));
    model->size = size;
}

Test(vault_temporary, reads_what_was_written_at_any_offset_and_length)
{
    static struct model model;
    for (unsigned seed = 1; seed <= 5; seed++) {
        struct world world;
        world_make(&world);
        world_open(&world);
        sqlite3_file *file = open_temporary(&world);
        unsigned random = seed;
        memset(&model, 0, sizeof(model));
        for (int i = 0; i < STEPS; i++) {
            unsigned what = seeded(&random, 100);
            if (what < 45) {
                write_both(file, &model, &random);
            } else if (what < 98) {
                read_both(file, &model, &random);
            } else {
                truncate_both(file, &model, &random);
            }
            sqlite3_int64 size = -1;
            cr_assert_eq(file->pMethods->xFileSize(file, &size), SQLITE_OK);
            cr_assert_eq(size, model.size);
        }
        cr_assert_eq(file->pMethods->xClose(file), SQLITE_OK);
        free(file);
        world_fini(&world);
    }
}
