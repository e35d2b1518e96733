/*
 * agent/peer - who asks on the unix socket: may they, and what are they called in the record.
 *
 * Layer: agent. Asks the system's user database.
 */
#ifndef AGENT_PEER_H
#define AGENT_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include "store/op.h"

#define PEER_NO_GROUP ((gid_t)-1)

/* The group's number; ERR_CONFIG when there is none of this name. "" gives PEER_NO_GROUP. */
MUST_USE enum err_code peer_group(const char *name, gid_t *ret_gid, struct error *err);

/* This process's own user, root, or a member of `group` (by the process's own group or by the user database). */
bool peer_may_ask(uid_t uid, gid_t gid, gid_t group);

/* The name of who asked last, so that the user database is not read for each of a hundred records. */
struct peer_known {
    bool known;
    uid_t uid;
    int64_t until_ms; /* monotonic: a name may change */
    char actor[OP_ACTOR_MAX + 1];
};

/* peer_actor, read at most every 10 s; what is returned lasts until the next call. */
const char *peer_known_actor(struct peer_known *known, uid_t uid);

/* The user's name, cut to OP_ACTOR_MAX bytes of whole characters; "uid 1000" for one without a name. */
void peer_actor(uid_t uid, char out[OP_ACTOR_MAX + 1]);

#endif
