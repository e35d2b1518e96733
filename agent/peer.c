#include "agent/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define ENTRY_MAX 4096
#define GROUP_BYTES_MAX (1024 * 1024) /* a group's entry names all of its members */
#define GROUPS_MAX 256
#define KNOWN_MS 10000

enum err_code peer_group(const char *name, gid_t *ret_gid, struct error *err)
{
    if (name[0] == '\0') {
        *ret_gid = PEER_NO_GROUP;
        return ERR_OK;
    }
    int failed = ERANGE;
    for (size_t size = ENTRY_MAX; failed == ERANGE && size <= GROUP_BYTES_MAX; size *= 2) {
        SCOPED(scoped_free) char *room = malloc(size);
        if (room == NULL) {
            return FAIL(err, NO_MEMORY, "read setting 'group'");
        }
        struct group entry;
        struct group *found = NULL;
        failed = getgrnam_r(name, &entry, room, size, &found);
        if (failed == 0 && found != NULL) {
            *ret_gid = found->gr_gid;
            return ERR_OK;
        }
    }
    return failed == 0 ? FAIL(err, CONFIG, "read setting 'group': there is no group '%s'", name)
                       : FAIL(err, CONFIG, "read setting 'group': look '%s' up: %s", name, strerror(failed));
}

static bool member_of(uid_t uid, gid_t group)
{
    char room[ENTRY_MAX];
    struct passwd entry;
    struct passwd *found = NULL;
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;
    if (getpwuid_r(uid, &entry, room, sizeof(room), &found) != 0 || found == NULL) {
        return false;
    }
    if (getgrouplist(found->pw_name, found->pw_gid, groups, &count) < 0) {
        count = GROUPS_MAX; /* more than fit: those that do */
    }
    for (int i = 0; i < count; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return false;
}

bool peer_may_ask(uid_t uid, gid_t gid, gid_t group)
{
    if (uid == 0 || uid == geteuid()) {
        return true;
    }
    return group != PEER_NO_GROUP && (gid == group || member_of(uid, group));
}

void peer_actor(uid_t uid, char out[OP_ACTOR_MAX + 1])
{
    char room[ENTRY_MAX];
    struct passwd entry;
    struct passwd *found = NULL;
    size_t len = 0;
    if (getpwuid_r(uid, &entry, room, sizeof(room), &found) == 0 && found != NULL) {
        len = strlen(found->pw_name);
    }
    if (len == 0 || !utf8_valid(slice_of(found->pw_name, len))) {
        (void)snprintf(out, OP_ACTOR_MAX + 1, "uid %lu", (unsigned long)uid);
        return;
    }
    if (len > OP_ACTOR_MAX) {
        len = OP_ACTOR_MAX;
        while (len > 0 && ((unsigned char)found->pw_name[len] & 0xc0) == 0x80) { /* never within a character */
            len--;
        }
    }
    memcpy(out, found->pw_name, len);
    out[len] = '\0';
}

const char *peer_known_actor(struct peer_known *known, uid_t uid)
{
    int64_t now_ms = clock_monotonic_ms();
    if (!known->known || known->uid != uid || now_ms >= known->until_ms) {
        peer_actor(uid, known->actor);
        known->known = true;
        known->uid = uid;
        known->until_ms = now_ms + KNOWN_MS;
    }
    return known->actor;
}
