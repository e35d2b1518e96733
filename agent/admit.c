/* Who asks, and whether they may make the call. */
#include <stdio.h>
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/asked.h"
#include "agent/peer.h"
#include "agent/roles.h"
#include "base/clock.h"

#define BEARER "Bearer "
#define PEOPLE_PATH "/v1/people"

static bool by_token(struct agent *agent, const struct http_request *request, struct who *who, struct error *err)
{
    size_t len = strlen(BEARER);
    if (strncmp(request->authorization, BEARER, len) != 0) {
        return false;
    }
    const struct signed_in *session =
        sign_ins_find(&agent->sign_ins, request->peer_uid, request->authorization + len, clock_monotonic_ms());
    struct person person;
    if (session == NULL || query_person(agent->store, session->name, NULL, &person, err) != ERR_OK) {
        return false;
    }
    who->known = who->by_token = true;
    who->roles = person.roles;
    (void)snprintf(who->name, sizeof(who->name), "%s", person.name);
    return true;
}

/* The user of the system is enough for a person without a passphrase. */
static void by_user(struct agent *agent, const struct http_request *request, struct who *who, struct error *err)
{
    struct person person;
    const char *user = peer_known_actor(&agent->peer, request->peer_uid);
    (void)snprintf(who->name, sizeof(who->name), "%s", user);
    if (query_person(agent->store, NULL, user, &person, err) == ERR_OK && !person.has_passphrase) {
        who->known = true;
        who->roles = person.roles;
        (void)snprintf(who->name, sizeof(who->name), "%s", person.name);
    } else if (request->peer_uid == 0 && strncmp(request->path, PEOPLE_PATH, strlen(PEOPLE_PATH)) == 0) {
        who->known = true; /* root may do anything here anyway: a lost passphrase is put right, and nothing is read */
        who->roles = ROLE_ADMINISTRATOR;
    }
}

static enum err_code identify(struct agent *agent, const struct http_request *request, struct who *ret_who,
                              struct error *err)
{
    size_t people;
    struct who who = { .roles = 0 };
    TRY(query_people_count(agent->store, &people, err));
    who.people = people > 0;
    if (people == 0) {
        who.known = true;
        who.roles = ROLES_ALL;
        (void)snprintf(who.name, sizeof(who.name), "%s", peer_known_actor(&agent->peer, request->peer_uid));
    } else if (!by_token(agent, request, &who, err)) {
        by_user(agent, request, &who, err);
    }
    *ret_who = who;
    return ERR_OK;
}

static enum err_code refuse(const struct who *who, unsigned allowed, struct error *err)
{
    char needed[ROLES_TEXT_SIZE];
    char has[ROLES_TEXT_SIZE];
    roles_text(allowed & ROLES_ALL, needed);
    roles_text(who->roles, has);
    return who->known ? FAIL(err, REFUSED, "make this call: it needs a role among %s; yours: %s", needed, has)
                      : FAIL(err, REFUSED,
                             "make this call: sign in first with `holdfast sign-in NAME`; it needs a role "
                             "among %s",
                             needed);
}

bool people_admit(struct agent *agent, const struct http_request *request, struct who *ret_who)
{
    struct error err = { .code = ERR_OK };
    *ret_who = (struct who){ .roles = 0 };
    if (agent->state != AGENT_OPEN) { /* the people are in the vault: what opens it is its own secret */
        (void)snprintf(ret_who->name, sizeof(ret_who->name), "%s", peer_known_actor(&agent->peer, request->peer_uid));
        return true;
    }
    enum err_code rc = identify(agent, request, ret_who, &err);
    if (rc == ERR_OK && roles_allow(ret_who->roles, request->method, request->path)) {
        struct audit_entry entry;
        if (asked_is_noted(request->method, request->path, ret_who->name, clock_wall_ms(), &entry)) {
            asked_note(agent->store, &entry);
        }
        return true;
    }
    if (rc == ERR_OK) {
        rc = refuse(ret_who, roles_of_call(request->method, request->path), &err);
    }
    struct api_answer answer;
    api_answer_init(&answer);
    err.code = rc;
    api_answer_error(&answer, &err);
    answer.status = rc == ERR_REFUSED ? 403 : answer.status;
    api_send(request->exchange, &answer);
    api_answer_fini(&answer);
    return false;
}
