/*
 * tests/unit/hostile/attack - a site with an honest laptop that has synchronised, an enrolled forger beside it, a
 * stranger of another organisation, and what everybody holds before and after something hostile was sent.
 */
#ifndef TESTS_UNIT_HOSTILE_ATTACK_H
#define TESTS_UNIT_HOSTILE_ATTACK_H

#include "../centre/world.h"

struct attack {
    struct centre_world world;
    struct laptop laptop;
    struct forger forger;
    struct forger stranger;   /* enrolled at another organisation's site */
    struct slice certificate; /* with which the connection proves itself */
    struct buf bytes;         /* the request, or the answer, as it arrives */
    struct buf earlier;       /* the first answer to the laptop, good in its time */
    struct buf scratch;
    struct exchange_response *response;
    void (*change)(struct attack *attack); /* what happens to an answer on its way to the laptop */
};

/* Everybody has said something, and the centre holds it. */
void attack_begin(struct attack *attack);
void attack_end(struct attack *attack);

/* Over every row of the log: ops, chains, signatures, seeds, positions. Not over incidents. */
void centre_log_digest(struct attack *attack, uint8_t out[SHA256_BYTES]);
void laptop_log_digest(struct attack *attack, uint8_t out[SHA256_BYTES]);

/* ---- hostile answers ---- */

struct hostile_answer {
    const char *name;
    void (*change)(struct attack *attack);
    enum err_code expected;
    const char *says;
};

/* What the next answer would bring to the laptop: two honest records of another device. */
void attack_next_answer(struct attack *attack);
/* The answer is refused with its reason, nothing of it is kept, and the honest one after it brings everything. */
void answer_refused(struct attack *attack, const struct hostile_answer *row);

/* ---- bytes that are not what they seem: bytes.c ---- */

/* Maps and arrays in each other, under a member that no version knows. */
void bytes_deep(struct buf *out);
/* A message of this version, well-formed and longer than any may be. */
void bytes_too_long(size_t limit, struct buf *out);
/* A segment of a few bytes that inflates to 32 MiB. */
void segment_bomb(const uint8_t device[DEVICE_ID_BYTES], uint64_t seq, struct buf *out);
/* A segment of one op with a body of so many bytes, unsigned. */
void segment_with_body(const uint8_t device[DEVICE_ID_BYTES], uint64_t seq, size_t body_len, struct buf *out);

#endif
