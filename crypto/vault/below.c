/*
 * What goes to the file below as it is, and the few answers that must differ because a page is more than its bytes.
 */
#include "crypto/vault/vault_internal.h"

static sqlite3_file *below_of(sqlite3_file *handle)
{
    return vault_file_of(handle)->below;
}

int below_close(sqlite3_file *handle)
{
    sqlite3_file *below = below_of(handle);
    atomic_fetch_sub(&vault_file_of(handle)->vault->handles, 1);
    return below->pMethods->xClose(below);
}

int below_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    sqlite3_file *below = below_of(handle);
    return below->pMethods->xTruncate(below, size);
}

int below_sync(sqlite3_file *handle, int flags)
{
    sqlite3_file *below = below_of(handle);
    return below->pMethods->xSync(below, flags);
}

int below_file_size(sqlite3_file *handle, sqlite3_int64 *ret_size)
{
    sqlite3_file *below = below_of(handle);
    return below->pMethods->xFileSize(below, ret_size);
}

int below_lock(sqlite3_file *handle, int level)
{
    sqlite3_file *below = below_of(handle);
    return below->pMethods->xLock(below, level);
}

int below_unlock(sqlite3_file *handle, int level)
{
    sqlite3_file *below = below_of(handle);
    return below->pMethods->xUnlock(below, level);
}

int below_check_reserved_lock(sqlite3_file *handle, int *ret_held)
{
    sqlite3_file *below = below_of(handle);
    return below->pMethods->xCheckReservedLock(below, ret_held);
}

int below_file_control(sqlite3_file *handle, int operation, void *argument)
{
    switch (operation) {
    case SQLITE_FCNTL_MMAP_SIZE:
        *(sqlite3_int64 *)argument = 0;
        return SQLITE_OK;
    case SQLITE_FCNTL_CHUNK_SIZE: /* would fill the file with zeros */
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_BEGIN_ATOMIC_WRITE:
    case SQLITE_FCNTL_COMMIT_ATOMIC_WRITE:
    case SQLITE_FCNTL_ROLLBACK_ATOMIC_WRITE:
        return SQLITE_NOTFOUND;
    default: {
        sqlite3_file *below = below_of(handle);
        return below->pMethods->xFileControl(below, operation, argument);
    }
    }
}

int below_sector_size(sqlite3_file *handle)
{
    (void)handle;
    return PAGE_BYTES;
}

/* No atomic writes, no reads of less than a page; a write does not change bytes beside it. */
int below_device_characteristics(sqlite3_file *handle)
{
    (void)handle;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}
