/*
 * sync/edge/resume_client - TLS connections that go on from an earlier one, the client's side (PROTOCOL.md, 3.8): no
 * certificates are exchanged, and the handshake is some 500 bytes.
 *
 *   handshake done ──► taken ── resume_client_worked ──► kept: offered in the next handshake
 *                        └───── resume_client_failed ──► nothing is offered
 *
 * The key is in memory only, as long as the client lives.
 *
 * Threads: the loop's.
 */
#ifndef SYNC_EDGE_RESUME_CLIENT_H
#define SYNC_EDGE_RESUME_CLIENT_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/error.h"

struct resume_client;

MUST_USE enum err_code resume_client_new(struct resume_client **ret_resume, struct error *err);
void resume_client_free(struct resume_client *resume);
/* Every connection of the handle takes part. */
CURLcode resume_client_attach(struct resume_client *resume, CURL *easy);
void resume_client_begin(struct resume_client *resume); /* a request */
/* It was answered by who it was meant for. */
void resume_client_worked(struct resume_client *resume);
/*
 * It was not; `told`: the server ended the handshake. True: the server did not take what was offered, nothing was sent,
 * and without it the request may succeed.
 */
bool resume_client_failed(struct resume_client *resume, bool told);

#endif
