/*
 * agent/cli/session - the token of who has signed in, between commands: a file for each agent in the user's runtime
 * folder ($XDG_RUNTIME_DIR, else /run/user/UID), which only the user can read and which goes when they log out.
 *
 * What cannot be read counts as not signed in.
 */
#ifndef AGENT_CLI_SESSION_H
#define AGENT_CLI_SESSION_H

#include <stdbool.h>

#include "base/error.h"

#define SESSION_PATH_SIZE 600
#define SESSION_TOKEN_MAX 128

/* False: there is no such folder. */
bool session_path(const char *socket_path, char ret_path[SESSION_PATH_SIZE]);

/* The requests of this process carry the kept token, if there is one. */
void session_use(const char *socket_path);

MUST_USE enum err_code session_keep(const char *socket_path, const char *token, struct error *err);
void session_forget(const char *socket_path);

#endif
