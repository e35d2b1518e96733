/*
 * crypto/vault/log_internal - what log_header.c (the log's header, the rounds) and log_file.c (frames, the methods)
 * share.
 */
#ifndef CRYPTO_VAULT_LOG_INTERNAL_H
#define CRYPTO_VAULT_LOG_INTERNAL_H

#include <string.h>

#include "crypto/vault/vault_internal.h"

enum { HEADER_BYTES = 32, FRAME_HEADER_BYTES = 24, FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES };

/* Offsets in the log's header and in a frame's. */
enum { AT_SALTS = 16, AT_CHECKSUM = 24, AT_COMMIT = 4, AT_FRAME_SALTS = 8, AT_FRAME_CHECKSUM = 16, CHECKSUM_BYTES = 8 };

enum { WAL_MAGIC = 0x377f0682, WAL_VERSION = 3007000 };

/* What recovery must find: every frame up to the tail, each following on the one before. */
struct recovery {
    struct fresh_tail tail;
    bool big_endian;
    uint32_t sum[2];
};

/* A frame that ends a commit. */
struct committed {
    uint32_t frame;
    uint8_t salts[SALTS_BYTES];
    uint8_t nonce[NONCE_BYTES];
};

struct log_state {
    struct seals seals;
    struct hides hides;
    bool salts_known;
    bool recovering;
    uint8_t salts[SALTS_BYTES];
    uint32_t held_frame; /* 0: none */
    uint32_t appended;   /* the frame whose header SQLite gave last; 0: none in this round */
    uint32_t whole_read; /* the frame that the last call read whole; 0: none */
    struct recovery recovery;
    struct committed committed; /* frame 0: nothing since the last sync */
    uint8_t held[FRAME_HEADER_BYTES];
    uint8_t scratch[FRAME_BYTES];
};

static inline struct log_state *log_state_of(const struct vault_file *file)
{
    return (struct log_state *)file->state;
}

static inline sqlite3_int64 log_frame_at(uint32_t frame)
{
    return HEADER_BYTES + (sqlite3_int64)(frame - 1) * FRAME_BYTES;
}

static inline int log_read_below(const struct vault_file *file, void *out, int amount, sqlite3_int64 at)
{
    return file->below->pMethods->xRead(file->below, out, amount, at);
}

static inline int log_write_below(const struct vault_file *file, const void *bytes, int amount, sqlite3_int64 at)
{
    return file->below->pMethods->xWrite(file->below, bytes, amount, at);
}

/* SQLite's running checksum, in the byte order that the log's header names. */
void log_checksum(bool big_endian, const uint8_t *bytes, size_t len, uint32_t sum[2]);
bool log_big_endian(const uint8_t header[HEADER_BYTES]);

/* The log's header as recovery sees it: zeros if the log is empty. SQLITE_IOERR_DATA: refused, and `err` says why. */
int log_header_check(struct vault_file *file, uint8_t header[HEADER_BYTES], struct error *err);

/* The same, and the vault remembers the damage. */
int log_header_read(struct vault_file *file, uint8_t header[HEADER_BYTES]);
int log_header_write(struct vault_file *file, const uint8_t header[HEADER_BYTES]);

/* Once taken they are kept. Another handle may begin the log anew: the readers and the writer of frames notice. */
int log_salts_ensure(struct vault_file *file);

int log_refused(struct vault_file *file, const struct error *why);

#endif
