/*
 * agent/spool - a long answer, kept compressed in memory until it is sent: written from its beginning to its end, then
 * read once. What people are told about never stands on the disk in the clear, and a file of a hundred megabytes of
 * records takes a few in memory.
 *
 *     spool_new ─► spool_put ... ─► spool_end ─► spool_read ... (what was read is released)     spool_free at any time
 *
 * Limits: SPOOL_BYTES_MAX compressed (ERR_LIMIT).
 * Layer:  agent. Uses base and zlib; no I/O.
 */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include "base/bytes.h"

#define SPOOL_BYTES_MAX ((size_t)256 * 1024 * 1024)

struct spool;

MUST_USE enum err_code spool_new(struct spool **ret_spool, struct error *err);
MUST_USE enum err_code spool_put(struct spool *spool, struct slice bytes, struct error *err);
MUST_USE enum err_code spool_end(struct spool *spool, struct error *err);
/* Of what was put in. */
uint64_t spool_length(const struct spool *spool);
/* The next bytes, at most `max`; 0 at the end. */
MUST_USE enum err_code spool_read(struct spool *spool, uint8_t *out, size_t max, size_t *ret_len, struct error *err);
void spool_free(struct spool *spool); /* NULL is allowed */

#endif
