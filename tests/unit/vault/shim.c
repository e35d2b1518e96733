#include "shim.h"

#include <criterion/criterion.h>
#include <string.h>

#include "crypto/vault/vault_internal.h"

struct shim shim;

struct shim_file {
    sqlite3_file handle;
    sqlite3_file *below;
    bool temporary;
};

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
    if (shim.fail_at != 0 && (shim.calls == shim.fail_at || (shim.fail_for_good && shim.calls > shim.fail_at))) {
        shim.failed = true;
        return shim.fail_code;
    }
    return SQLITE_OK;
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
    return file->below->pMethods->xWrite(file->below, bytes, amount, at);
}

static int shim_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    struct shim_file *file = of(handle);
    int rc = fate();
    if (rc != SQLITE_OK) {
        return rc;
    }
    return file->below->pMethods->xTruncate(file->below, size);
}

static int shim_sync(sqlite3_file *handle, int flags)
{
    (void)handle;
    (void)flags;
    return fate(); /* the real disk need not spin for a test */
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
    }
    return rc;
}

static int shim_delete(sqlite3_vfs *self, const char *name, int sync_folder)
{
    (void)self;
    int rc = fate();
    rc = rc != SQLITE_OK ? rc : base->xDelete(base, name, sync_folder);
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
    shim = (struct shim){ 0 };
    vault_test_set_base_vfs("shim");
}
