/*
 * agent/sign_in - who has signed in, by the token that each was given. In memory alone: locking the replica ends all
 * sign-ins, and leaves the count of wrong tries.
 *
 * A token is 32 random bytes, of which only a hash is kept here; it is good for the user of the system it was given to,
 * for SIGN_IN_IDLE_MS after its last use and SIGN_IN_LONGEST_MS in all. After SIGN_IN_TRIES wrong passphrases for a
 * person nobody may try for that person for a while, each time twice as long. There is room for the tries of everybody
 * who is entered, so that no try for another name makes those for this one forgotten. Tries for a name that is not
 * entered are counted just so, by a keyed hash of the name, so that waiting does not tell who is entered.
 *
 * Threads: the loop's.
 * Layer:   agent. Pure but for random tokens; no clock.
 */
#ifndef AGENT_SIGN_IN_H
#define AGENT_SIGN_IN_H

#include <sys/types.h>

#include "store/people.h"

#define SIGN_IN_TOKEN_BYTES 32
#define SIGN_IN_TOKEN_TEXT (2 * SIGN_IN_TOKEN_BYTES + 1)
#define SIGN_IN_IDLE_MS INT64_C(1800000)
#define SIGN_IN_LONGEST_MS INT64_C(43200000)
#define SIGN_IN_MAX 64 /* the one used longest ago goes */
#define SIGN_IN_TRIES 5
#define SIGN_IN_WAIT_MS INT64_C(30000)
#define SIGN_IN_WAIT_DOUBLINGS 5
#define SIGN_IN_STRANGERS 1024

struct signed_in {
    bool used;
    uint8_t hash[SHA256_BYTES];
    uid_t uid;
    char name[OP_ACTOR_MAX + 1];
    int64_t began_ms; /* monotonic */
    int64_t last_ms;
};

struct guesses {
    unsigned wrong;
    int64_t not_before_ms;
};

struct tries {
    char name[OP_ACTOR_MAX + 1];
    struct guesses guesses;
};

struct sign_ins {
    struct signed_in sessions[SIGN_IN_MAX];
    struct tries tries[PEOPLE_MAX];
    struct guesses strangers[SIGN_IN_STRANGERS];
    uint8_t key[SHA256_BYTES]; /* of their hash */
};

/* Zeroed before. */
MUST_USE enum err_code sign_ins_init(struct sign_ins *all, struct error *err);
/* Everybody has to sign in anew. */
void sign_ins_end_all(struct sign_ins *all);

MUST_USE enum err_code sign_ins_begin(struct sign_ins *all, uid_t uid, const char *name, int64_t now_ms,
                                      char ret_token[SIGN_IN_TOKEN_TEXT], struct error *err);
/* NULL: no such token, not this user's, or past its time. Counts as use. */
const struct signed_in *sign_ins_find(struct sign_ins *all, uid_t uid, const char *token, int64_t now_ms);
void sign_ins_end(struct sign_ins *all, uid_t uid, const char *token);
/* Of somebody whose entry changed or went; their wrong tries go too. */
void sign_ins_end_of(struct sign_ins *all, const char *name);

/* ERR_BUSY with the seconds to wait. */
MUST_USE enum err_code sign_ins_may_try(const struct sign_ins *all, const char *name, bool entered, int64_t now_ms,
                                        struct error *err);
void sign_ins_tried(struct sign_ins *all, const char *name, bool entered, bool fits, int64_t now_ms);

#endif
