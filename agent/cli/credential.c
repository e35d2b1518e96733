#include "agent/cli/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

enum { WITH_KEY_SIZE = 40, NOT_FOUND_STATUS = 127 };

/* The secret goes through a pipe, whose buffer holds it whole. */
static enum err_code start(int standard_input, const char *path, const char *with_key, pid_t *ret_pid,
                           struct error *err)
{
    char program[] = "systemd-creds";
    char encrypt[] = "encrypt";
    char name[] = "--name=" CREDENTIAL_NAME;
    char key[WITH_KEY_SIZE];
    char input[] = "-";
    (void)snprintf(key, sizeof(key), "--with-key=%s", with_key);
    SCOPED(scoped_free) char *output = strdup(path);
    if (output == NULL) {
        return FAIL(err, NO_MEMORY, "seal a credential");
    }
    char *arguments[] = { program, encrypt, name, key, input, output, NULL };
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return FAIL(err, NO_MEMORY, "seal a credential");
    }
    int rc = posix_spawn_file_actions_adddup2(&actions, standard_input, STDIN_FILENO);
    rc = rc == 0 ? posix_spawnp(ret_pid, program, &actions, NULL, arguments, environ) : rc;
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc == ENOENT) {
        return FAIL(err, UNSUPPORTED, "seal a credential: systemd-creds is not on this machine");
    }
    errno = rc;
    return rc == 0 ? ERR_OK : error_errno(err, "run systemd-creds");
}

static enum err_code wait_for(pid_t pid, struct error *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return error_errno(err, "wait for systemd-creds");
        }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND_STATUS) {
        return FAIL(err, UNSUPPORTED, "seal a credential: systemd-creds is not on this machine");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? ERR_OK
               : FAIL(err, REFUSED, "seal a credential: systemd-creds failed; what it said is above");
}

enum err_code credential_seal(const struct secret *secret, const char *path, const char *with_key, struct error *err)
{
    if (file_exists(path)) {
        return FAIL(err, CONFLICT, "seal a credential: '%s' is there already", path);
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_errno(err, "make a pipe");
    }
    SCOPED(scoped_close) int from = ends[0];
    ssize_t put = write(ends[1], secret->bytes, secret->len);
    (void)close(ends[1]);
    if (put != (ssize_t)secret->len) {
        return FAIL(err, IO, "hand a secret to systemd-creds");
    }
    pid_t pid;
    TRY(start(from, path, with_key, &pid, err));
    return wait_for(pid, err);
}
