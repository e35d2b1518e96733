#include "sync/endpoint/core/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/file.h"
#include "crypto/secret.h"
#include "crypto/vault/restore_swap.h"

enum err_code state_lock(const char *folder, const char *what, int *ret_fd, struct error *err)
{
    SCOPED(scoped_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? FAIL(err, NOT_FOUND, "%s: there is no folder '%s'", what, folder)
                               : error_errno(err, "%s: open '%s'", what, folder);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? FAIL(err, BUSY, "%s: an endpoint or another command uses '%s'; stop the endpoint first", what,
                          folder)
                   : error_errno(err, "%s: lock '%s'", what, folder);
    }
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

static enum err_code join(const char *folder, const char *name, char out[STATE_PATH_MAX], struct error *err)
{
    int len = snprintf(out, STATE_PATH_MAX, "%s/%s", folder, name);
    return len > 0 && len < STATE_PATH_MAX ? ERR_OK : FAIL(err, CONFIG, "use a state folder with a shorter name");
}

static enum err_code key_path(const struct state_options *options, char out[STATE_PATH_MAX], struct error *err)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (options->key_file != NULL) {
        int len = snprintf(out, STATE_PATH_MAX, "%s", options->key_file);
        return len > 0 && len < STATE_PATH_MAX ? ERR_OK : FAIL(err, CONFIG, "use a key file with a shorter name");
    }
    if (credentials != NULL) {
        TRY(join(credentials, "vault-key", out, err));
        if (file_exists(out)) {
            return ERR_OK;
        }
    }
    return join(options->folder, "vault.key", out, err);
}

static enum err_code read_key(const char *path, struct secret *ret_key, struct error *err)
{
    struct secret key = { 0 };
    TRY(secret_read_file(path, VAULT_KEY_FILE_BYTES, &key, err));
    if (key.len != VAULT_KEY_FILE_BYTES) {
        secret_free(&key);
        return FAIL(err, KEY, "read the key file '%s': it has to have %d bytes", path, VAULT_KEY_FILE_BYTES);
    }
    *ret_key = key;
    return ERR_OK;
}

static enum err_code ensure_key(const char *path, struct secret *ret_key, struct error *err)
{
    if (file_exists(path)) {
        return read_key(path, ret_key, err);
    }
    SCOPED(secret_free) struct secret made = { 0 };
    TRY(secret_random(VAULT_KEY_FILE_BYTES, &made, err));
    TRY(file_replace(path, slice_of(made.bytes, made.len), 0600, err));
    return read_key(path, ret_key, err);
}

static struct vault_unlock unlock_with(const struct secret *key)
{
    return (struct vault_unlock){ .kind = VAULT_SLOT_KEY_FILE, .secret = key->bytes, .secret_len = key->len };
}

enum err_code state_create(const struct state_options *options, struct vault **ret_vault, struct error *err)
{
    char database[STATE_PATH_MAX];
    char key_file[STATE_PATH_MAX];
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(folder_ensure(options->folder, err));
    TRY(join(options->folder, "centre.db", database, err));
    TRY(key_path(options, key_file, err));
    TRY(restore_swap_resume(database, err));
    if (vault_exists(database)) {
        return state_open(options, ret_vault, err); /* perhaps of an attempt that was cut short */
    }
    TRY(ensure_key(key_file, &key, err));
    struct vault_unlock unlock = unlock_with(&key);
    TRY(vault_create(database, &unlock, err));
    return vault_open(database, &unlock, ret_vault, err);
}

enum err_code state_database(const struct state_options *options, char out[STATE_PATH_MAX], struct error *err)
{
    return join(options->folder, "centre.db", out, err);
}

enum err_code state_key(const struct state_options *options, struct secret *ret_key, struct error *err)
{
    char key_file[STATE_PATH_MAX];
    TRY(key_path(options, key_file, err));
    return read_key(key_file, ret_key, err);
}

enum err_code state_open(const struct state_options *options, struct vault **ret_vault, struct error *err)
{
    char database[STATE_PATH_MAX];
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(state_database(options, database, err));
    TRY(restore_swap_resume(database, err));
    if (!vault_exists(database)) {
        return FAIL(err, NOT_FOUND, "open the centre in '%s': there is none; make one with holdfast-endpointctl init",
                    options->folder);
    }
    TRY(state_key(options, &key, err));
    struct vault_unlock unlock = unlock_with(&key);
    return vault_open(database, &unlock, ret_vault, err);
}

enum err_code state_socket(const char *folder, char out[STATE_PATH_MAX], struct error *err)
{
    return join(folder, "endpoint.sock", out, err);
}

enum err_code state_spent(const char *folder, char out[STATE_PATH_MAX], struct error *err)
{
    return join(folder, "spent", out, err);
}
