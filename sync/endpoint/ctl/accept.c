#include <stdio.h>

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

static enum err_code accept_files(const struct common *common, struct error *err)
{
    struct vault *vault = NULL;
    struct state_options options = { .folder = common->state_dir, .key_file = common->key_file };
    SCOPED(scoped_close) int lock = -1;
    TRY(state_lock(common->state_dir, "take the files for the present ones", &lock, err));
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
