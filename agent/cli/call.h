/*
 * agent/cli/call - one request to the agent, and a refusal in words.
 *
 * A refusal is printed to cli->notes as "holdfast COMMAND: reason" with what to do next below; with --json the error is
 * also printed to cli->screen in the agent's own form.
 */
#ifndef AGENT_CLI_CALL_H
#define AGENT_CLI_CALL_H

#include <jansson.h>

#include "agent/cli/command.h"
#include "agent/cli/path.h"
#include "sync/edge/local_client.h"

enum { CALL_TIMEOUT_S = 60, CALL_NO_TIMEOUT = 0 };

/*
 * While the replica is just being opened, or its tables are made again, it is waited for, up to a minute, and asked
 * again.
 * EXIT_DONE and *ret_answer (answer_free), not yet cleaned; otherwise all is said. `path` and `body` are taken over
 * (body may be NULL), so that a call can be written in one line.
 */
MUST_USE enum exit_code call(struct cli *cli, const char *method, char *path, json_t *body, long timeout_s,
                             json_t **ret_answer);

/* The same with bytes to send and bytes as the answer. */
MUST_USE enum exit_code call_bytes(struct cli *cli, const char *method, char *path, struct slice body,
                                   const char *content_type, struct buf *ret_body);

/* The same for a GET whose answer may be long: `take` gets it in parts (sync/edge/local_client.h). */
MUST_USE enum exit_code call_parts(struct cli *cli, char *path, local_taker take, void *context);

/* The agent's JSON in the bytes of call_bytes. */
MUST_USE enum exit_code call_json_of(struct cli *cli, const struct buf *bytes, json_t **ret_answer);

/*
 * What to do with an answer: with --json it is printed and true says that there is nothing more to do; otherwise it is
 * made safe to show.
 */
bool call_printed(struct cli *cli, json_t *answer);

/* Refuses for a reason of this side (a file that cannot be read): prints it, returns EXIT_REFUSED. */
MUST_USE enum exit_code call_refused(struct cli *cli, const struct error *err);

#endif
