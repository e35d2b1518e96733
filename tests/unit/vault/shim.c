#include "shim.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/vault_internal.h"

enum { DISKS = 3, SECTOR = 512 };

struct shim shim;

/* What a disk has of one file, and what was written since the last sync. */
struct change {
    struct change *next;
    long at; /* -1: the file is cut to `len` */
    size_t len;
    uint8_t bytes[];
};

struct disk {
    char name[128];
    bool used;
    bool gone;
    uint8_t *durable;
    size_t size;
    struct change *first;
    struct change **last;
};

struct shim_file {
    sqlite3_file handle;
    sqlite3_file *below;
    struct disk *disk;
    bool temporary;
};

static struct disk disks[DISKS];
static sqlite3_vfs *base;
static sqlite3_vfs vfs;

static struct shim_file *of(sqlite3_file *handle)
{
    return (struct shim_file *)handle;
}

/* SQLITE_OK, or what this call has to fail with. */
static int fate(void)
{
    shim.calls++;
    if (shim.power_loss_at != 0 && shim.calls >= shim.power_loss_at) {
        shim.power_lost = true;
    }
    if (shim.power_lost) {
        return SQLITE_IOERR;
    }
    if (shim.fail_at != 0 && (shim.calls == shim.fail_at || (shim.fail_for_good && shim.calls > shim.fail_at))) {
        shim.failed = true;
        return shim.fail_code;
    }
    return SQLITE_OK;
}

static struct disk *disk_of(const char *name, bool make)
{
    struct disk *unused = NULL;
    for (size_t i = 0; i < DISKS; i++) {
        if (disks[i].used && strcmp(disks[i].name, name) == 0) {
            return &disks[i];
        }
        unused = disks[i].used ? unused : &disks[i];
    }
    if (make) {
        cr_assert_not_null(unused);
        *unused = (struct disk){ .used = true };
        unused->last = &unused->first;
        (void)snprintf(unused->name, sizeof(unused->name), "%s", name);
        return unused;
    }
    return NULL;
}

static void change_note(struct disk *disk, const void *bytes, size_t len, long at)
{
    struct change *change = malloc(sizeof(*change) + (at < 0 ? 0 : len));
    *change = (struct change){ .at = at, .len = len };
    if (at >= 0) {
        memcpy(change->bytes, bytes, len);
    }
    *disk->last = change;
    disk->last = &change->next;
}

static void disk_resize(struct disk *disk, size_t size)
{
    disk->durable = realloc(disk->durable, size + 1);
    if (size > disk->size) {
        memset(disk->durable + disk->size, 0, size - disk->size);
    }
    disk->size = size;
}

static void change_apply(struct disk *disk, const struct change *change, size_t len)
{
    if (change->at < 0) {
        disk_resize(disk, change->len);
        return;
    }
    if (disk->size < (size_t)change->at + len) {
        disk_resize(disk, (size_t)change->at + len);
    }
    memcpy(disk->durable + change->at, change->bytes, len);
}

static void disk_sync(struct disk *disk)
{
    for (struct change *change = disk->first; change != NULL;) {
        struct change *next = change->next;
        change_apply(disk, change, change->len);
        free(change);
        change = next;
    }
    disk->first = NULL;
    disk->last = &disk->first;
}

/* What lies in a file that is opened for the first time has been durable for long. */
static void disk_take(struct disk *disk, sqlite3_file *below)
{
    sqlite3_int64 size = 0;
    cr_assert_eq(below->pMethods->xFileSize(below, &size), SQLITE_OK);
    disk_resize(disk, (size_t)size);
    if (size > 0) {
        cr_assert_eq(below->pMethods->xRead(below, disk->durable, (int)size, 0), SQLITE_OK);
    }
}

static uint64_t seeded(void)
{
    shim.seed += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (shim.seed ^ (shim.seed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* Kept, lost, or cut at a sector. */
static void disk_lose_power(struct disk *disk)
{
    for (struct change *change = disk->first; change != NULL; change = change->next) {
        uint64_t luck = seeded() % 4;
        size_t cut = change->len > SECTOR ? (size_t)(seeded() % (change->len / SECTOR)) * SECTOR : 0;
        if (luck != 0) {
            change_apply(disk, change, luck == 1 && change->at >= 0 ? cut : change->len);
        }
    }
}

static void disk_free(struct disk *disk)
{
    for (struct change *change = disk->first; change != NULL;) {
        struct change *next = change->next;
        free(change);
        change = next;
    }
    free(disk->durable);
    *disk = (struct disk){ 0 };
}

void shim_after_power_loss(const char *path, const char *to)
{
    static const char *const SUFFIXES[] = { "", "-wal", ".fresh" };
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        char name[128];
        (void)snprintf(name, sizeof(name), "%s%s", path, SUFFIXES[i]);
        struct disk *disk = disk_of(name, false);
        (void)snprintf(name, sizeof(name), "%s%s", to, SUFFIXES[i]);
        if (disk == NULL || disk->gone) {
            continue;
        }
        disk_lose_power(disk);
        FILE *file = fopen(name, "wb");
        cr_assert_not_null(file);
        cr_assert(disk->size == 0 || fwrite(disk->durable, 1, disk->size, file) == disk->size);
        cr_assert_eq(fclose(file), 0);
    }
}

/* Methods
 * ------------------------------------------------------------------------------------------------------------------ */

static int shim_close(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xClose(below);
}

static int shim_read(sqlite3_file *handle, void *out, int amount, sqlite3_int64 at)
{
    int rc = fate();
    sqlite3_file *below = of(handle)->below;
    return rc != SQLITE_OK ? rc : below->pMethods->xRead(below, out, amount, at);
}

static int shim_write(sqlite3_file *handle, const void *bytes, int amount, sqlite3_int64 at)
{
    struct shim_file *file = of(handle);
    int rc = fate();
    if (rc != SQLITE_OK) {
        return rc;
    }
    shim.writes++;
    shim.temporary_writes += file->temporary;
    if (shim.marker != NULL && memmem(bytes, (size_t)amount, shim.marker, strlen(shim.marker)) != NULL) {
        shim.leaks++;
    }
    if (shim.lose_notes && amount == FRESH_NOTE_BYTES) {
        return SQLITE_OK;
    }
    if (file->disk != NULL) {
        change_note(file->disk, bytes, (size_t)amount, (long)at);
    }
    return file->below->pMethods->xWrite(file->below, bytes, amount, at);
}

static int shim_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    struct shim_file *file = of(handle);
    int rc = fate();
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (file->disk != NULL) {
        change_note(file->disk, NULL, (size_t)size, -1);
    }
    return file->below->pMethods->xTruncate(file->below, size);
}

static int shim_sync(sqlite3_file *handle, int flags)
{
    struct shim_file *file = of(handle);
    int rc = fate();
    if (rc != SQLITE_OK) {
        return rc;
    }
    (void)flags;
    if (file->disk != NULL) {
        disk_sync(file->disk);
    }
    return SQLITE_OK; /* the real disk need not spin for a simulated one */
}

static int shim_file_size(sqlite3_file *handle, sqlite3_int64 *ret_size)
{
    int rc = fate();
    sqlite3_file *below = of(handle)->below;
    return rc != SQLITE_OK ? rc : below->pMethods->xFileSize(below, ret_size);
}

static int shim_lock(sqlite3_file *handle, int level)
{
    int rc = fate();
    sqlite3_file *below = of(handle)->below;
    return rc != SQLITE_OK ? rc : below->pMethods->xLock(below, level);
}

static int shim_unlock(sqlite3_file *handle, int level)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xUnlock(below, level);
}

static int shim_check_reserved_lock(sqlite3_file *handle, int *ret_held)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xCheckReservedLock(below, ret_held);
}

static int shim_file_control(sqlite3_file *handle, int operation, void *argument)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xFileControl(below, operation, argument);
}

static int shim_sector_size(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xSectorSize(below);
}

static int shim_device_characteristics(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xDeviceCharacteristics(below);
}

static int shim_shm_map(sqlite3_file *handle, int region, int size, int extend, void volatile **ret_memory)
{
    int rc = fate();
    sqlite3_file *below = of(handle)->below;
    return rc != SQLITE_OK ? rc : below->pMethods->xShmMap(below, region, size, extend, ret_memory);
}

static int shim_shm_lock(sqlite3_file *handle, int offset, int count, int flags)
{
    int rc = (flags & SQLITE_SHM_LOCK) != 0 ? fate() : SQLITE_OK; /* giving a lock back does not fail */
    sqlite3_file *below = of(handle)->below;
    return rc != SQLITE_OK ? rc : below->pMethods->xShmLock(below, offset, count, flags);
}

static void shim_shm_barrier(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    below->pMethods->xShmBarrier(below);
}

static int shim_shm_unmap(sqlite3_file *handle, int delete_flag)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xShmUnmap(below, delete_flag);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_file_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_check_reserved_lock,
    .xFileControl = shim_file_control,
    .xSectorSize = shim_sector_size,
    .xDeviceCharacteristics = shim_device_characteristics,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *self, const char *name, sqlite3_file *handle, int flags, int *ret_flags)
{
    (void)self;
    struct shim_file *file = of(handle);
    *file = (struct shim_file){ .below = (sqlite3_file *)(file + 1), .temporary = name == NULL };
    int rc = fate();
    rc = rc != SQLITE_OK ? rc : base->xOpen(base, name, file->below, flags, ret_flags);
    if (rc == SQLITE_OK) {
        handle->pMethods = &METHODS;
        file->disk = name != NULL && shim.power_loss_at != 0 ? disk_of(name, true) : NULL;
        if (file->disk != NULL && file->disk->durable == NULL) {
            disk_take(file->disk, file->below);
        }
        if (file->disk != NULL) {
            file->disk->gone = false;
        }
    }
    return rc;
}

static int shim_delete(sqlite3_vfs *self, const char *name, int sync_folder)
{
    (void)self;
    int rc = fate();
    rc = rc != SQLITE_OK ? rc : base->xDelete(base, name, sync_folder);
    struct disk *disk = rc == SQLITE_OK ? disk_of(name, false) : NULL;
    if (disk != NULL) {
        disk_sync(disk);
        disk->gone = true;
        disk->size = 0;
    }
    return rc;
}

static int shim_access(sqlite3_vfs *self, const char *name, int flags, int *ret_result)
{
    (void)self;
    int rc = fate();
    return rc != SQLITE_OK ? rc : base->xAccess(base, name, flags, ret_result);
}

static int shim_full_pathname(sqlite3_vfs *self, const char *name, int size, char *out)
{
    (void)self;
    int rc = fate();
    return rc != SQLITE_OK ? rc : base->xFullPathname(base, name, size, out);
}

void shim_reset(void)
{
    if (base == NULL) {
        base = sqlite3_vfs_find("unix-excl");
        cr_assert_not_null(base);
        vfs = *base;
        vfs.zName = "shim";
        vfs.szOsFile = (int)sizeof(struct shim_file) + base->szOsFile;
        vfs.xOpen = shim_open;
        vfs.xDelete = shim_delete;
        vfs.xAccess = shim_access;
        vfs.xFullPathname = shim_full_pathname;
        cr_assert_eq(sqlite3_vfs_register(&vfs, 0), SQLITE_OK);
    }
    for (size_t i = 0; i < DISKS; i++) {
        disk_free(&disks[i]);
    }
    shim = (struct shim){ 0 };
    vault_test_set_base_vfs("shim");
}
