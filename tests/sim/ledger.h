/*
 * tests/sim/ledger - what was said to whom in a world, and who was told that it is kept.
 *
 * Something said is known by what it says: SHA-256 over kind, subject and body. So it is the same thing under whatever
 * number it travels, and every thing is said once (each holds a number of its own), unless the ledger says twice.
 * What was erased is known by kind and subject alone: any of what was said about those may be it.
 */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include <stdbool.h>

#include "store/op.h"

enum { AUTHOR_CENTRE = 100, AUTHOR_FORGER = 101 };

enum surety {
    SURE,  /* acknowledged: it has to be there in the end, once */
    MAYBE, /* not acknowledged, or lost with a disk: there once, or not at all */
};

/* Why it has to stand apart, if it has to. */
enum apart {
    APART_NOT,
    APART_REFUSED, /* against a guard rail: kept with a reason everywhere */
    APART_UNKNOWN, /* of a kind of a later version: kept apart by replicas, not by the centre */
    APART_MAYBE,   /* an erasure where records gave way: kept apart if another one has the number of what it names */
};

struct said {
    uint8_t what[SHA256_BYTES];
    uint8_t about[SHA256_BYTES]; /* the same without the body */
    unsigned site;
    unsigned author; /* an agent's number, or above */
    enum surety surety;
    enum apart apart;
    bool erases;    /* an erasure */
    bool sent;      /* the centre held it when its author was revoked */
    bool lost;      /* with its author's files: the others have it, and a revoked author does not get it again */
    bool elsewhere; /* its author could send it: it has to be at the centre and with everybody in the end */
};

/* What a log holds of what was said. */
struct held {
    uint8_t what[SHA256_BYTES];
    uint8_t about[SHA256_BYTES];
    bool apart;
    bool erased; /* `what` is what it was about */
    bool by_centre;
    bool own; /* of the machine whose log it is */
    bool repeats;
    uint8_t moment[SHA256_BYTES]; /* of the centre's log: what is the same where something was issued again */
};

struct held_list {
    struct held *rows; /* sorted by what */
    size_t count;
};

struct ledger {
    struct said *rows;
    size_t count;
    size_t capacity;
    struct held_list erased_aside; /* gave way, and has no body; each once, not sorted; `what` is of its header */
};

struct subject {
    uint32_t kind;
    const uint8_t *id;
    size_t id_len;
};

void said_fill(struct said *said, const struct subject *subject, struct slice body); /* what, and about */
void ledger_add(struct ledger *ledger, const struct said *said);
bool ledger_knows(const struct ledger *ledger, const uint8_t what[SHA256_BYTES]);
void ledger_fini(struct ledger *ledger);

void held_fini(struct held_list *list);
/* The first of *ret_count that are the same. */
const struct held *held_find(const struct held_list *list, const uint8_t what[SHA256_BYTES], size_t *ret_count);

struct agent;
struct world;

/* Everything in the log of a running agent; of a site at the running centre. */
void held_by_agent(struct agent *agent, struct held_list *ret_list);
void held_by_centre(struct world *world, unsigned site, struct held_list *ret_list);

/* After files were put back: what neither its author nor the centre nor a running machine of the site holds was lost.
 */
void ledger_reassess(struct world *world);

/* Its author is revoked now: what the centre holds of it has to stay, with everybody. */
void ledger_note_sent(struct world *world, unsigned author);

/* What gave way to others under the same numbers is kept for people to look at, and in no log; and what only a revoked
 * machine holds stays there. */
void ledger_set_aside(struct world *world);

/* A log to compare with the ledger. */
struct checked {
    unsigned site;
    unsigned author; /* of the machine; AUTHOR_CENTRE */
    bool complete;   /* what others are sure of has to be here too, not only what this author said */
    bool refused;    /* good records of it may stand apart there: the centre said so */
    const char *who;
};

/* Everything sure is there, nothing twice, nothing that nobody said, and apart what has to stand apart. */
void ledger_check(const struct ledger *ledger, const struct checked *checked, const struct held_list *list);

#endif
