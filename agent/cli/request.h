/*
 * agent/cli/request - a request's JSON with secrets in it, put together in locked and wiped memory.
 *
 * Sticky: what does not fit is told by request_send. Keys are ours, values a person's.
 *
 * Limits: REQUEST_BYTES_MAX.
 */
#ifndef AGENT_CLI_REQUEST_H
#define AGENT_CLI_REQUEST_H

#include "agent/cli/call.h"
#include "agent/cli/passphrase.h"

#define REQUEST_BYTES_MAX 32768

struct request {
    struct secret memory;
    size_t len;
    bool comma; /* before the next member */
    bool full;
};

MUST_USE enum err_code request_begin(struct request *ret_request, struct error *err);
void request_free(struct request *request); /* for SCOPED too */

void request_object(struct request *request, const char *name); /* its members follow */
void request_object_end(struct request *request);
void request_text(struct request *request, const char *name, struct slice text);
void request_texts(struct request *request, const char *name, const char *const *texts, size_t count); /* a list */
void request_number(struct request *request, const char *name, int number);
void request_true(struct request *request, const char *name);

/* Ends the body and sends it; as call(). `path` is taken. */
MUST_USE enum exit_code request_send(struct cli *cli, struct request *request, char *path, json_t **ret_answer);

#endif
