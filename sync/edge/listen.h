/*
 * sync/edge/listen - listening sockets, non-blocking and close-on-exec.
 *
 * Layer: edge.
 */
#ifndef SYNC_EDGE_LISTEN_H
#define SYNC_EDGE_LISTEN_H

#include <sys/types.h>

#include "base/bytes.h"

/*
 * Makes the socket file with exactly `mode`. A file left by a service that is gone is replaced; one that somebody
 * listens on is ERR_BUSY, and anything that is no socket is ERR_CONFLICT.
 */
MUST_USE enum err_code listen_unix(const char *path, mode_t mode, int *ret_fd, struct error *err);

/* Port 0: any free one; *ret_port is the one taken. `host` is a name or an address. */
MUST_USE enum err_code listen_tcp(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port, struct error *err);

#endif
