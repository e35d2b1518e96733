/*
 * A person at one laptop: a thread that records attendance over the agent's socket for as long as it is told to, keeps
 * in memory what the agent acknowledged, and tries again what it did not.
 *
 * Most records are about a session of their own and are tried until acknowledged; sent twice, they must be kept once.
 * Some are about sessions that both laptops write about, so that disputes arise; these are tried once only, because a
 * second try after the other side's record has come is rightly a new assertion.
 *
 * Each record's note names it, so that any log tells how often it is there.
 */
#ifndef TESTS_CRASH_WRITER_H
#define TESTS_CRASH_WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "chance.h"
#include "tests/support/world.h"

enum {
    WRITER_PLACEMENTS = 6, /* each writer's own */
    WRITER_DAYS = 280,     /* before today */
    WRITER_SESSIONS =
        WRITER_PLACEMENTS * WRITER_DAYS * 4, /* each writer's own; once all are recorded it corrects them */
    WRITER_RECORDS_MAX = 40000,
    WRITER_SHARED_EVERY = 8,
    WRITER_SHARED_SESSIONS = 40,
};

struct record_tried {
    bool acknowledged;
    json_int_t seq; /* of the op that the agent named; 0: it said that the record stood already */
};

struct writer {
    char name; /* 'a' or 'b' */
    struct laptop *laptop;
    struct chance chance;
    int32_t today;
    atomic_bool stop;
    pthread_t thread;
    bool running;
    struct record_tried *records;
    uint32_t tried; /* the last one may be in flight when the writer is stopped */
    atomic_uint acknowledged;
    uint32_t failures; /* calls without an answer */
    char refusal[400]; /* the first answer that is no success and no sign of a killed agent */
};

/* Records the placements that all writers use. */
void writer_prepare(struct laptop *laptop, int32_t today, const char *writers);
void writer_start(struct writer *writer, char name, struct laptop *laptop, struct chance chance, int32_t today);
/* Also fails the test when an agent gave an answer that no kill explains. */
void writer_stop(struct writer *writer);
/* Stops one that a failed test left running. */
void writer_fini(struct writer *writer);

/* The record that a note names: false when it is none of this writer. */
bool writer_note_parse(const struct writer *writer, const char *note, uint32_t *ret_record);

#endif
