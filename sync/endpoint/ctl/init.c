#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/secret.h"
#include "sync/endpoint/core/centre.h"
#include "sync/endpoint/core/state.h"
#include "sync/endpoint/ctl/command.h"
#include "sync/endpoint/ctl/print.h"

#define NAME_DEFAULT "Holdfast centre"

static enum err_code make(const struct common *common, const char *name, const char *hosts, struct error *err)
{
    struct vault *vault = NULL;
    struct state_options options = { .folder = common->state_dir, .key_file = common->key_file };
    SCOPED(scoped_close) int lock = -1;
    TRY(secret_init(err));
    TRY(folder_ensure(common->state_dir, err));
    TRY(state_lock(common->state_dir, "make a centre", &lock, err));
    TRY(state_create(&options, &vault, err));
    enum err_code rc = centre_create(vault, name, hosts, clock_wall_ms(), err);
    vault_close(vault);
    return rc;
}

int command_init(const struct common *common, const json_t *arguments)
{
    struct error err;
    const char *name = json_string_value(json_object_get(arguments, "name"));
    const char *hosts = json_string_value(json_object_get(arguments, "hosts"));
    enum err_code rc = make(common, name != NULL ? name : NAME_DEFAULT, hosts, &err);
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "holdfast-endpointctl: %s\n", err.message);
        return EXIT_REFUSED;
    }
    if (common->json) {
        json_t *answer = json_pack("{s:s, s:s}", "state_dir", common->state_dir, "hosts", hosts);
        print_json(answer);
        json_decref(answer);
    } else {
        (void)printf("made a centre in %s for %s\nKeep a copy of its vault.key apart from it: without the key the "
                     "database cannot be read.\nStart it: holdfast-endpoint --state-dir %s\n",
                     common->state_dir, hosts, common->state_dir);
    }
    return EXIT_DONE;
}
