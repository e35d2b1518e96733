#include "agent/peer.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_MAX 4096
#define GROUPS_MAX 256

enum err_code peer_group(const char *name, gid_t *ret_gid, struct error *err)
{
    if (name[0] == '\0') {
        *ret_gid = PEER_NO_GROUP;
        return ERR_OK;
    }
    char room[ENTRY_MAX];
    struct group entry;
    struct group *found = NULL;
    if (getgrnam_r(name, &entry, room, sizeof(room), &found) != 0 || found == NULL) {
        return FAIL(err, CONFIG, "read setting 'group': there is no group '%s'", name);
    }
    *ret_gid = found->gr_gid;
    return ERR_OK;
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
