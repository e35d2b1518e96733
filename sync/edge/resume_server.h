/*
 * sync/edge/resume_server - TLS connections that go on from an earlier one, the server's side (PROTOCOL.md, 3.8).
 *
 * Both sides take a name and a key out of each connection (RFC 8446, 7.5); the client offers them as an external
 * pre-shared key in its next handshake. What the client proved of itself is remembered with them, so that each request
 * is judged by the same certificate as before: it may have been revoked or have run out meanwhile.
 *
 * Bounded: RESUME_MAX connections, the oldest forgotten first, none for longer than RESUME_MS after its certificate was
 * last proved. Nothing of it is ever written to a disk.
 *
 * Threads: the loop's.
 */
#ifndef SYNC_EDGE_RESUME_SERVER_H
#define SYNC_EDGE_RESUME_SERVER_H

#include <gnutls/gnutls.h>

#include "base/bytes.h"

#define RESUME_MAX 1024
#define RESUME_CERTIFICATE_MAX 8192
#define RESUME_MS (INT64_C(24) * 3600 * 1000)

struct resume_server;

MUST_USE enum err_code resume_server_new(struct resume_server **ret_resume, struct error *err);
void resume_server_free(struct resume_server *resume);
/* Before the handshake: this connection may go on from an earlier one. */
void resume_server_begin(struct resume_server *resume, gnutls_session_t session);
/* After it: remembers the connection of who proved this certificate. */
void resume_server_keep(struct resume_server *resume, gnutls_session_t session, struct slice certificate);
/* Did the connection go on from an earlier one? What was proved then is appended, nothing when it was forgotten. */
bool resume_server_resumed(struct resume_server *resume, gnutls_session_t session, struct buf *certificate);

#endif
