#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/secret.h"
#include "sync/endpoint/core/centre.h"
#include "sync/endpoint/core/state.h"
#include "sync/endpoint/ctl/command.h"
#include "sync/endpoint/ctl/print.h"

static const char meaning[] =
    "The files of the database are taken as they lie there for the present ones: what was put back before this "
    "command, "
    "also\nby somebody else, stays unnoticed by the encryption. Do it after a backup was put back whose files are not "
    "all there.\nEvery record is signed and `verify` checks them all; devices notice what this centre no longer holds "
    "and give it back.\n";

/* Also one that is too busy to answer: what it has open must not be changed under it. */
enum err_code command_alone(const struct common *common, const char *what, struct error *err)
{
    char scratch[STATE_PATH_MAX];
    const char *path;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    TRY(command_socket(common, scratch, &path, err));
    if (strlen(path) >= sizeof(address.sun_path)) {
        return FAIL(err, CONFIG, "use a shorter path for the socket");
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return FAIL(err, IO, "see whether the endpoint runs: %s", strerror(errno));
    }
    int cause = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    (void)close(fd);
    if (cause == 0 || cause == EAGAIN) {
        return FAIL(err, BUSY, "%s: stop the endpoint first", what);
    }
    return cause == ENOENT || cause == ECONNREFUSED
               ? ERR_OK
               : FAIL(err, IO, "see by '%s' whether the endpoint runs: %s", path, strerror(cause));
}

static enum err_code accept_files(const struct common *common, struct error *err)
{
    struct vault *vault = NULL;
    struct state_options options = { .folder = common->state_dir, .key_file = common->key_file };
    TRY(command_alone(common, "take the files for the present ones", err));
    TRY(secret_init(err));
    TRY(state_open(&options, &vault, err));
    enum err_code rc = vault_adopt_freshness(vault, err);
    rc = rc != ERR_OK ? rc : centre_accepted(vault, clock_wall_ms(), err);
    vault_close(vault);
    return rc;
}

int command_accept(const struct common *common, const json_t *arguments)
{
    struct error err;
    if (!json_is_true(json_object_get(arguments, "confirmed"))) {
        (void)fprintf(stderr, "%sNothing is changed yet: give the command again with --yes.\n", meaning);
        return EXIT_REFUSED;
    }
    enum err_code rc = accept_files(common, &err);
    if (rc != ERR_OK) {
        return command_failed(rc, &err);
    }
    if (common->json) {
        json_t *answer = json_pack("{s:s, s:b}", "state_dir", common->state_dir, "accepted", 1);
        print_json(answer);
        json_decref(answer);
    } else {
        (void)printf("%sThe files in %s are the present ones from now on; it is among the `incidents`.\nStart the "
                     "endpoint, then look at `verify`.\n",
                     meaning, common->state_dir);
    }
    return EXIT_DONE;
}
