#include "tests/sim/disk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/vault/vault_internal.h"
#include "tests/sim/report.h"

enum { DISKS_MAX = 16, SECTOR = 512 };

/* One write or truncation that was not synced, with what it replaced. */
struct change {
    struct change *next; /* made after this one */
    struct change *before;
    sqlite3_int64 at;       /* of a write; of a truncation the new size */
    sqlite3_int64 old_size; /* of the file */
    size_t len;             /* of a write; 0: a truncation */
    size_t old_len;         /* how much of the old content there was */
    uint8_t *old;
    uint8_t new[];
};

struct disk_file {
    struct disk_file *next;
    char path[160];
    struct change *first;
    struct change *last;
};

struct sim_file {
    sqlite3_file handle;
    sqlite3_file *below;
    struct disk *disk; /* NULL: a temporary file */
    struct disk_file *file;
};

static struct disk *disks[DISKS_MAX];
static sqlite3_vfs *base;
static sqlite3_vfs vfs;

static struct sim_file *of(sqlite3_file *handle)
{
    return (struct sim_file *)handle;
}

/* ---- what a disk does ---- */

static int fate(struct disk *disk, bool writes)
{
    if (disk == NULL || disk->aside) {
        return SQLITE_OK;
    }
    if (disk->calls_left > 0) {
        disk->calls_left--;
    } else if (disk->calls_left == 0) {
        disk->faults++;
        if (disk->fail_code != SQLITE_OK) {
            disk->calls_left = disk->fails_on ? 0 : -1;
            return disk->fail_code;
        }
        disk->dead = true;
    }
    if (disk->dead) {
        return SQLITE_IOERR;
    }
    if (disk->full && writes) {
        disk->faults++;
        return SQLITE_FULL;
    }
    return SQLITE_OK;
}

void disk_fail_after(struct disk *disk, long calls, int code, bool for_good)
{
    disk->calls_left = calls;
    disk->fail_code = code;
    disk->fails_on = for_good;
}

void disk_die_after(struct disk *disk, long calls)
{
    disk_fail_after(disk, calls, 0, true);
    disk->dead = calls == 0;
}

void disk_fill(struct disk *disk)
{
    disk->full = true;
}

void disk_heal(struct disk *disk)
{
    disk->calls_left = -1;
    disk->fail_code = 0;
    disk->fails_on = disk->full = disk->dead = false;
    disk->faults = 0;
}

bool disk_troubled(const struct disk *disk)
{
    return disk->dead || disk->full || disk->calls_left >= 0 || disk->faults > 0;
}

/* ---- what was not synced ---- */

static void changes_drop(struct disk_file *file)
{
    for (struct change *change = file->first; change != NULL;) {
        struct change *next = change->next;
        free(change->old);
        free(change);
        change = next;
    }
    file->first = file->last = NULL;
}

static struct disk_file *file_of(struct disk *disk, const char *path)
{
    struct disk_file *file = disk->files;
    while (file != NULL && strcmp(file->path, path) != 0) {
        file = file->next;
    }
    if (file == NULL) {
        file = calloc(1, sizeof(*file));
        CHECK(file != NULL && strlen(path) < sizeof(file->path));
        (void)snprintf(file->path, sizeof(file->path), "%s", path);
        file->next = disk->files;
        disk->files = file;
    }
    return file;
}

static void change_note(struct sim_file *open, const void *bytes, size_t len, sqlite3_int64 at)
{
    sqlite3_file *below = open->below;
    struct change *change = calloc(1, sizeof(*change) + len);
    CHECK(change != NULL);
    change->at = at;
    change->len = len;
    CHECK(below->pMethods->xFileSize(below, &change->old_size) == SQLITE_OK);
    sqlite3_int64 end = len > 0 ? at + (sqlite3_int64)len : change->old_size;
    end = end < change->old_size ? end : change->old_size;
    if (end > at) {
        change->old_len = (size_t)(end - at);
        change->old = malloc(change->old_len);
        CHECK(change->old != NULL);
        CHECK(below->pMethods->xRead(below, change->old, (int)change->old_len, at) == SQLITE_OK);
    }
    if (len > 0) {
        memcpy(change->new, bytes, len);
    }
    change->before = open->file->last;
    *(open->file->last != NULL ? &open->file->last->next : &open->file->first) = change;
    open->file->last = change;
}

static void put(int fd, const uint8_t *bytes, size_t len, sqlite3_int64 at)
{
    CHECK(len == 0 || pwrite(fd, bytes, len, at) == (ssize_t)len);
}

static void change_undo(int fd, const struct change *change)
{
    CHECK(ftruncate(fd, change->old_size) == 0);
    put(fd, change->old, change->old_len, change->at);
}

/* Kept (two times of four), lost, or cut at a sector. */
static void change_redo(int fd, const struct change *change, struct chance *chance)
{
    uint32_t luck = chance_below(chance, 4);
    if (luck == 0) {
        return;
    }
    if (change->len == 0) {
        CHECK(ftruncate(fd, change->at) == 0);
        return;
    }
    size_t sectors = change->len / SECTOR;
    size_t len = luck == 1 && sectors > 0 ? chance_below(chance, (uint32_t)sectors) * SECTOR : change->len;
    put(fd, change->new, len, change->at);
}

static void file_lose_power(struct disk_file *file, struct chance *chance)
{
    SCOPED(scoped_close) int fd = file->first != NULL ? open(file->path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    for (const struct change *change = file->last; change != NULL; change = change->before) {
        change_undo(fd, change);
    }
    for (const struct change *change = file->first; change != NULL; change = change->next) {
        change_redo(fd, change, chance);
    }
}

void disk_lose_power(struct disk *disk, struct chance *chance)
{
    for (struct disk_file *file = disk->files; file != NULL; file = file->next) {
        file_lose_power(file, chance);
    }
    disk_forget(disk);
}

void disk_forget(struct disk *disk)
{
    for (struct disk_file *file = disk->files; file != NULL;) {
        struct disk_file *next = file->next;
        changes_drop(file);
        free(file);
        file = next;
    }
    disk->files = NULL;
}

/* ---- the VFS ---- */

static int sim_close(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xClose(below);
}

static int sim_read(sqlite3_file *handle, void *out, int amount, sqlite3_int64 at)
{
    sqlite3_file *below = of(handle)->below;
    int rc = fate(of(handle)->disk, false);
    return rc != SQLITE_OK ? rc : below->pMethods->xRead(below, out, amount, at);
}

static int sim_write(sqlite3_file *handle, const void *bytes, int amount, sqlite3_int64 at)
{
    struct sim_file *open = of(handle);
    int rc = fate(open->disk, true);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (open->disk != NULL) {
        change_note(open, bytes, (size_t)amount, at);
    }
    return open->below->pMethods->xWrite(open->below, bytes, amount, at);
}

static int sim_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    struct sim_file *open = of(handle);
    int rc = fate(open->disk, true);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (open->disk != NULL) {
        change_note(open, NULL, 0, size);
    }
    return open->below->pMethods->xTruncate(open->below, size);
}

static int sim_sync(sqlite3_file *handle, int flags)
{
    struct sim_file *open = of(handle);
    (void)flags;
    int rc = fate(open->disk, true);
    if (rc == SQLITE_OK && open->file != NULL) {
        changes_drop(open->file);
    }
    return rc;
}

static int sim_file_size(sqlite3_file *handle, sqlite3_int64 *ret_size)
{
    sqlite3_file *below = of(handle)->below;
    int rc = fate(of(handle)->disk, false);
    return rc != SQLITE_OK ? rc : below->pMethods->xFileSize(below, ret_size);
}

static int sim_lock(sqlite3_file *handle, int level)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xLock(below, level);
}

static int sim_unlock(sqlite3_file *handle, int level)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xUnlock(below, level);
}

static int sim_check_reserved_lock(sqlite3_file *handle, int *ret_held)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xCheckReservedLock(below, ret_held);
}

static int sim_file_control(sqlite3_file *handle, int operation, void *argument)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xFileControl(below, operation, argument);
}

static int sim_sector_size(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xSectorSize(below);
}

static int sim_device_characteristics(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xDeviceCharacteristics(below);
}

static int sim_shm_map(sqlite3_file *handle, int region, int size, int extend, void volatile **ret_memory)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xShmMap(below, region, size, extend, ret_memory);
}

static int sim_shm_lock(sqlite3_file *handle, int offset, int count, int flags)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xShmLock(below, offset, count, flags);
}

static void sim_shm_barrier(sqlite3_file *handle)
{
    sqlite3_file *below = of(handle)->below;
    below->pMethods->xShmBarrier(below);
}

static int sim_shm_unmap(sqlite3_file *handle, int delete_flag)
{
    sqlite3_file *below = of(handle)->below;
    return below->pMethods->xShmUnmap(below, delete_flag);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = sim_close,
    .xRead = sim_read,
    .xWrite = sim_write,
    .xTruncate = sim_truncate,
    .xSync = sim_sync,
    .xFileSize = sim_file_size,
    .xLock = sim_lock,
    .xUnlock = sim_unlock,
    .xCheckReservedLock = sim_check_reserved_lock,
    .xFileControl = sim_file_control,
    .xSectorSize = sim_sector_size,
    .xDeviceCharacteristics = sim_device_characteristics,
    .xShmMap = sim_shm_map,
    .xShmLock = sim_shm_lock,
    .xShmBarrier = sim_shm_barrier,
    .xShmUnmap = sim_shm_unmap,
};

static struct disk *disk_of(const char *path)
{
    for (size_t i = 0; path != NULL && i < DISKS_MAX; i++) {
        size_t len = disks[i] != NULL ? strlen(disks[i]->folder) : 0;
        if (len > 0 && strncmp(path, disks[i]->folder, len) == 0 && path[len] == '/') {
            return disks[i];
        }
    }
    return NULL;
}

static int sim_open(sqlite3_vfs *self, const char *name, sqlite3_file *handle, int flags, int *ret_flags)
{
    (void)self;
    struct sim_file *file = of(handle);
    *file = (struct sim_file){ .below = (sqlite3_file *)(file + 1), .disk = disk_of(name) };
    int rc = fate(file->disk, false);
    rc = rc != SQLITE_OK ? rc : base->xOpen(base, name, file->below, flags, ret_flags);
    if (rc == SQLITE_OK) {
        handle->pMethods = &METHODS;
        file->file = file->disk != NULL ? file_of(file->disk, name) : NULL;
    }
    return rc;
}

static int sim_delete(sqlite3_vfs *self, const char *name, int sync_folder)
{
    (void)self;
    struct disk *disk = disk_of(name);
    int rc = fate(disk, true);
    rc = rc != SQLITE_OK ? rc : base->xDelete(base, name, sync_folder);
    if (rc == SQLITE_OK && disk != NULL) {
        changes_drop(file_of(disk, name));
    }
    return rc;
}

static int sim_access(sqlite3_vfs *self, const char *name, int flags, int *ret_result)
{
    (void)self;
    int rc = fate(disk_of(name), false);
    return rc != SQLITE_OK ? rc : base->xAccess(base, name, flags, ret_result);
}

static void vfs_ready(void)
{
    if (base != NULL) {
        return;
    }
    CHECK(sqlite3_initialize() == SQLITE_OK);
    base = sqlite3_vfs_find("unix-excl");
    CHECK(base != NULL);
    vfs = *base;
    vfs.pNext = NULL;
    vfs.zName = "sim";
    vfs.szOsFile = (int)sizeof(struct sim_file) + base->szOsFile;
    vfs.xOpen = sim_open;
    vfs.xDelete = sim_delete;
    vfs.xAccess = sim_access;
    CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
    vault_test_set_base_vfs("sim");
}

void disk_attach(struct disk *disk, const char *folder)
{
    vfs_ready();
    *disk = (struct disk){ .calls_left = -1 };
    (void)snprintf(disk->folder, sizeof(disk->folder), "%s", folder);
    for (size_t i = 0; i < DISKS_MAX; i++) {
        if (disks[i] == NULL) {
            disks[i] = disk;
            return;
        }
    }
    sim_fail("more than %d disks", DISKS_MAX);
}

void disk_detach(struct disk *disk)
{
    disk_forget(disk);
    for (size_t i = 0; i < DISKS_MAX; i++) {
        disks[i] = disks[i] == disk ? NULL : disks[i];
    }
}
