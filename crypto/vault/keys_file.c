#include <limits.h>
#include <stdio.h>

#include "base/file.h"
#include "crypto/vault/keys.h"

enum { KEYS_FILE_MODE = 0600 };

static enum err_code keys_path(const char *path, bool previous, char out[PATH_MAX], struct error *err)
{
    /* base/file puts ".new" behind it for a moment. */
    int len = snprintf(out, PATH_MAX, "%s%s", path, previous ? ".keys.prev" : ".keys");
    return len > 0 && len < PATH_MAX - 8 ? ERR_OK : FAIL(err, INVALID, "use a path of %d bytes: too long", len);
}

enum err_code keys_read(const char *path, bool previous, struct keys *ret_keys, struct error *err)
{
    char name[PATH_MAX];
    TRY(keys_path(path, previous, name, err));
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, KEYS_FILE_BYTES + 1);
    enum err_code rc = file_read(name, &content, err);
    if (rc == ERR_LIMIT) {
        return FAIL(err, DAMAGED, "read '%s': longer than a keys file", name);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    rc = keys_parse(buf_slice(&content), ret_keys, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "open '%s'", name);
}

static enum err_code write_one(const char *path, bool previous, const struct keys *keys, struct error *err)
{
    char name[PATH_MAX];
    CHECK(!keys->was_v1);
    TRY(keys_path(path, previous, name, err));
    return file_replace(name, slice_of(keys->image, sizeof(keys->image)), KEYS_FILE_MODE, err);
}

enum err_code keys_write(const char *path, const struct keys *keys, struct error *err)
{
    TRY(write_one(path, false, keys, err));
    return write_one(path, true, keys, err);
}
