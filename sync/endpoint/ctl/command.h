/*
 * sync/endpoint/ctl/command - the operator's commands as one table: words, options, the operation asked for, how its
 * answer reads.
 */
#ifndef SYNC_ENDPOINT_CTL_COMMAND_H
#define SYNC_ENDPOINT_CTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>

#include "sync/endpoint/core/state.h"

#define COMMAND_OPTIONS_MAX 12

/* What every command takes. */
struct common {
    const char *state_dir;
    const char *socket;
    const char *key_file;
    bool json;
    bool debug;
};

enum option_type { OPTION_TEXT, OPTION_INTEGER, OPTION_NUMBER, OPTION_FLAG };

struct command_option {
    const char *name;     /* --name */
    const char *metavar;  /* NULL for a flag */
    const char *argument; /* of the operation */
    enum option_type type;
    bool required;
    const char *help;
};

struct command {
    const char *words;     /* as typed */
    const char *operation; /* NULL: one of command_init and the like */
    const char *summary;
    const char *positional; /* the operation's argument that stands without an option; NULL: none */
    const char *metavar;    /* in brackets: it may be left out */
    void (*print)(const json_t *answer);
    struct command_option options[COMMAND_OPTIONS_MAX];
};

extern const struct command commands[];
extern const size_t command_count;

/* `init` needs no endpoint: it makes what the endpoint serves. Returns the exit code. */
int command_init(const struct common *common, const json_t *arguments);
/* Nor does `accept`: the endpoint does not start before. */
int command_accept(const struct common *common, const json_t *arguments);
/* A sealed copy of one moment, from the running endpoint; put in use, or only looked at, without one. */
int command_backup(const struct common *common, const json_t *arguments);
int command_restore(const struct common *common, const json_t *arguments);
/* Files of the operator's, to and from the endpoint in pieces. */
int command_bundle_export(const struct common *common, const json_t *arguments);
int command_bundle_import(const struct common *common, const json_t *arguments);
int command_enrolment_sign(const struct common *common, const json_t *arguments);
/* The file of a programme pack, and of an authority's certificate, goes to the endpoint as a text. */
int command_pack_add(const struct common *common, const json_t *arguments);
int command_ca_former(const struct common *common, const json_t *arguments);

/* The socket to ask; `scratch` may hold it. */
MUST_USE enum err_code command_socket(const struct common *common, char scratch[STATE_PATH_MAX],
                                      const char **ret_socket, struct error *err);
/* What became of it, said on standard error. */
int command_failed(enum err_code rc, const struct error *err);

enum exit_code { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

#endif
