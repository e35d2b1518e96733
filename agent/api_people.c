/* Who works with this machine, signing in and out, and whether who asks may make the call. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/api_call.h"
#include "agent/peer.h"
#include "agent/roles.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/audit.h"

#define BEARER "Bearer "
#define PEOPLE_PATH "/v1/people"

/* ---- who asks ---- */

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

/* What changes this machine, or takes everything out of it, and leaves no op. Of volunteers not who: they can be taken
 * out without a trace. */
static const struct {
    const char *path; /* ends with '/': and what is below it */
    const char *kind;
    bool verb_only;
} noted[] = {
    { "/v1/keys/", "key", false },
    { "/v1/backup", "backup", false },
    { "/v1/restore/begin", "restore", false },
    { "/v1/restore/undo", "restore", false },
    { "/v1/restore/discard", "restore", false },
    { "/v1/enrol", "enrolment", false },
    { "/v1/vault/rekey", "vault", false },
    { "/v1/volunteers", "volunteer", true },
    { "/v1/volunteers/", "volunteer", true },
};

static const char *volunteer_verb(const char *path)
{
    static const char *const verbs[] = { "shift", "unshift", "remove" };
    const char *last = strrchr(path, '/') + 1;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(last, verbs[i]) == 0) {
            return verbs[i];
        }
    }
    return "entry";
}

/* One that cannot be kept is logged and holds nothing up: a backup or a restore may be what helps then. */
static void note_asked(struct agent *agent, const struct http_request *request, const struct who *who)
{
    struct error err = { .code = ERR_OK };
    size_t i = 0;
    for (; i < ARRAY_LEN(noted); i++) {
        size_t len = strlen(noted[i].path);
        bool below = noted[i].path[len - 1] == '/';
        if (strncmp(request->path, noted[i].path, len) == 0 && (below || request->path[len] == '\0')) {
            break;
        }
    }
    if (i == ARRAY_LEN(noted) || strcmp(request->method, "POST") != 0) {
        return;
    }
    struct audit_entry entry = { .at_ms = clock_wall_ms(), .action = "change" };
    (void)snprintf(entry.person, sizeof(entry.person), "%s", who->name);
    (void)snprintf(entry.kind, sizeof(entry.kind), "%s", noted[i].kind);
    (void)snprintf(entry.call, sizeof(entry.call), "%s %.80s", request->method,
                   noted[i].verb_only ? "/v1/volunteers" : request->path);
    if (noted[i].verb_only) {
        (void)snprintf(entry.fields, sizeof(entry.fields), "%s", volunteer_verb(request->path));
    }
    if (store_audit_add(agent->store, &entry, 1, &err) != ERR_OK) {
        LOG_WARNING("not_noted", "kind=%s message=\"%s\"", entry.kind, err.message);
    }
}

bool people_admit(struct agent *agent, const struct http_request *request, struct who *ret_who)
{
    struct error err = { .code = ERR_OK };
    *ret_who = (struct who){ .roles = 0 };
    if (agent->state != AGENT_OPEN) { /* the people are in the vault: what opens it is its own secret */
        return true;
    }
    enum err_code rc = identify(agent, request, ret_who, &err);
    if (rc == ERR_OK && roles_allow(ret_who->roles, request->method, request->path)) {
        note_asked(agent, request, ret_who);
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

/* ---- the calls ---- */

struct people_call {
    struct agent *agent;
    const struct http_request *request;
    const struct who *who;
    const json_t *body;
};

static json_t *roles_value(unsigned roles)
{
    json_t *list = json_array();
    for (unsigned role = 1; role <= ROLES_ALL; role *= 2) {
        char name[ROLES_TEXT_SIZE];
        roles_text(roles & role, name);
        if (name[0] != '\0') {
            (void)json_array_append_new(list, json_string(name));
        }
    }
    return list;
}

static json_t *who_value(const struct who *who)
{
    return json_pack("{s:o,s:o,s:b,s:b,s:b}", "name", value_text(who->name), "roles", roles_value(who->roles), "known",
                     who->known, "signed_in", who->by_token, "people_entered", who->people);
}

static enum err_code get_whoami(const struct people_call *call, struct error *err)
{
    (void)err;
    api_send_object(call->request->exchange, who_value(call->who));
    return ERR_OK;
}

static json_t *person_value(const struct person *row)
{
    return json_pack("{s:s,s:o,s:o,s:b,s:s,s:o}", "name", row->name, "roles", roles_value(row->roles), "os_user",
                     value_text(row->os_user), "passphrase", row->has_passphrase, "said_by", row->said_by, "said_at",
                     value_instant(row->said_at_ms));
}

static enum err_code get_people(const struct people_call *call, struct error *err)
{
    SCOPED(person_list_fini) struct person_list list = { 0 };
    TRY(query_people(call->agent->store, &list, err));
    json_t *people = json_array();
    for (size_t i = 0; i < list.count; i++) {
        (void)json_array_append_new(people, person_value(&list.rows[i]));
    }
    api_send_object(call->request->exchange, json_pack("{s:o}", "people", people));
    return ERR_OK;
}

/* Who works here is no record of the log: what changes in it stands in the audit log. */
static enum err_code note_change(const struct people_call *call, const char *fields, struct error *err)
{
    struct audit_entry entry = { .at_ms = clock_wall_ms(), .action = "change", .kind = "person" };
    (void)snprintf(entry.person, sizeof(entry.person), "%s", call->who->name);
    (void)snprintf(entry.call, sizeof(entry.call), "%s %.80s", call->request->method, call->request->path);
    (void)snprintf(entry.fields, sizeof(entry.fields), "%s", fields);
    return store_audit_add(call->agent->store, &entry, 1, err);
}

static unsigned roles_read(struct members *members, const json_t *body)
{
    unsigned roles = 0;
    const json_t *list = json_object_get(body, "roles");
    size_t index;
    const json_t *name;
    json_array_foreach((json_t *)(uintptr_t)list, index, name)
    {
        unsigned role;
        if (json_string_value(name) == NULL || !role_parse(json_string_value(name), &role)) {
            roles = 0;
            break;
        }
        roles |= role;
    }
    if (roles == 0) {
        members_reject(members, "roles",
                       "a list of supervisor, coordinator, reviewer, trustee and administrator, one or more");
    }
    return roles;
}

static enum err_code post_people(const struct people_call *call, struct error *err)
{
    static const char *const known[] = { "name", "roles", "os_user", "passphrase", NULL };
    struct members members = members_begin(call->body, known, err);
    struct person person = { .id = 0 };
    const char *name = member_text(&members, "name", OP_ACTOR_MAX, true);
    const char *user = member_text(&members, "os_user", sizeof(person.os_user) - 1, false);
    const char *passphrase = member_text(&members, "passphrase", PERSON_PASSPHRASE_MAX, false);
    person.roles = roles_read(&members, call->body);
    if (user != NULL && getpwnam(user) == NULL) {
        members_reject(&members, "os_user", "the name of a user of this system");
    }
    TRY(members_end(&members));
    (void)snprintf(person.name, sizeof(person.name), "%s", name);
    (void)snprintf(person.os_user, sizeof(person.os_user), "%s", user != NULL ? user : "");
    struct slice secret = passphrase != NULL ? slice_of_text(passphrase) : (struct slice){ 0 };
    TRY(store_person_put(call->agent->store, call->who->name, &person, secret, clock_wall_ms(), err));
    sign_ins_end_of(&call->agent->sign_ins, person.name);
    LOG_INFO("person_entered", "roles=%u", person.roles);
    TRY(note_change(call, passphrase != NULL ? "roles, os_user, passphrase" : "roles, os_user", err));
    TRY(query_person(call->agent->store, person.name, NULL, &person, err));
    api_send_object(call->request->exchange, json_pack("{s:o}", "person", person_value(&person)));
    return ERR_OK;
}

static enum err_code post_remove(const struct people_call *call, struct error *err)
{
    static const char *const known[] = { "name", NULL };
    struct members members = members_begin(call->body, known, err);
    const char *name = member_text(&members, "name", OP_ACTOR_MAX, true);
    TRY(members_end(&members));
    TRY(store_person_remove(call->agent->store, name, err));
    sign_ins_end_of(&call->agent->sign_ins, name);
    LOG_INFO("person_removed", "count=1");
    TRY(note_change(call, "removed", err));
    api_send_object(call->request->exchange, json_pack("{s:s}", "removed", name));
    return ERR_OK;
}

/* Right name and passphrase, and the right user of the system where the person has one. */
static enum err_code check_person(const struct people_call *call, const char *name, const char *passphrase,
                                  struct person *ret_person, struct error *err)
{
    struct agent *agent = call->agent;
    bool fits = false;
    int64_t now_ms = clock_monotonic_ms();
    TRY(sign_ins_may_try(&agent->sign_ins, name, now_ms, err));
    enum err_code rc = query_person(agent->store, name, NULL, ret_person, err);
    if (rc == ERR_OK) {
        rc = store_person_check(agent->store, name, slice_of_text(passphrase), &fits, err);
    }
    if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
        return rc;
    }
    const char *user = peer_known_actor(&agent->peer, call->request->peer_uid);
    fits = fits && (ret_person->os_user[0] == '\0' || strcmp(ret_person->os_user, user) == 0);
    if (rc == ERR_OK) {
        sign_ins_tried(&agent->sign_ins, name, fits, clock_monotonic_ms());
    }
    return fits ? ERR_OK : FAIL(err, KEY, "sign in: the name, the passphrase or the user of the system is another one");
}

static enum err_code post_sign_in(const struct people_call *call, struct error *err)
{
    static const char *const known[] = { "name", "passphrase", NULL };
    struct members members = members_begin(call->body, known, err);
    const char *name = member_text(&members, "name", OP_ACTOR_MAX, true);
    const char *passphrase = member_text(&members, "passphrase", PERSON_PASSPHRASE_MAX, true);
    TRY(members_end(&members));
    if (call->agent->state != AGENT_OPEN) {
        return FAIL(err, LOCKED, "sign in: the replica is locked; unlock it with `holdfast unlock`");
    }
    struct person person;
    char token[SIGN_IN_TOKEN_TEXT];
    TRY(check_person(call, name, passphrase, &person, err));
    TRY(sign_ins_begin(&call->agent->sign_ins, call->request->peer_uid, person.name, clock_monotonic_ms(), token, err));
    json_t *answer =
        json_pack("{s:s,s:s,s:o,s:i,s:i}", "token", token, "name", person.name, "roles", roles_value(person.roles),
                  "idle_minutes", (int)(SIGN_IN_IDLE_MS / 60000), "longest_minutes", (int)(SIGN_IN_LONGEST_MS / 60000));
    secret_wipe(token, sizeof(token));
    LOG_INFO("signed_in", "roles=%u", person.roles);
    api_send_object(call->request->exchange, answer);
    return ERR_OK;
}

static enum err_code post_sign_out(const struct people_call *call, struct error *err)
{
    (void)err;
    const char *authorization = call->request->authorization;
    if (strncmp(authorization, BEARER, strlen(BEARER)) == 0) {
        sign_ins_end(&call->agent->sign_ins, call->request->peer_uid, authorization + strlen(BEARER));
    }
    api_send_object(call->request->exchange, json_pack("{s:b}", "signed_in", 0));
    return ERR_OK;
}

static const struct {
    const char *method;
    const char *path;
    bool open; /* the replica has to be */
    enum err_code (*handle)(const struct people_call *call, struct error *err);
} routes[] = {
    { "GET", "/v1/whoami", true, get_whoami },     { "GET", "/v1/people", true, get_people },
    { "POST", "/v1/people", true, post_people },   { "POST", "/v1/people/remove", true, post_remove },
    { "POST", "/v1/sign-in", true, post_sign_in }, { "POST", "/v1/sign-out", false, post_sign_out },
};

static enum err_code answer_call(struct people_call *call, size_t route, struct error *err)
{
    if (routes[route].open && call->agent->state != AGENT_OPEN) {
        return FAIL(err, LOCKED, "use the replica: it is locked; unlock it with `holdfast unlock`");
    }
    json_t *body = NULL;
    TRY(body_parse(call->request->body, &body, err));
    if (call->request->body.len > 0) {
        secret_wipe((void *)(uintptr_t)call->request->body.data, call->request->body.len);
    }
    call->body = body;
    enum err_code rc = routes[route].handle(call, err);
    json_decref(body);
    return rc;
}

bool api_people_call(struct agent *agent, const struct http_request *request, const struct who *who)
{
    size_t found = ARRAY_LEN(routes);
    bool path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        bool same = strcmp(routes[i].path, request->path) == 0;
        path_known |= same;
        found = same && strcmp(routes[i].method, request->method) == 0 ? i : found;
    }
    if (!path_known) {
        return false;
    }
    struct error err = { .code = ERR_OK };
    struct people_call call = { .agent = agent, .request = request, .who = who };
    enum err_code rc = found < ARRAY_LEN(routes) ? answer_call(&call, found, &err)
                                                 : FAIL(&err, INVALID, "call the path: not with this method");
    if (rc != ERR_OK) {
        err.code = rc;
        api_send_error(request->exchange, &err);
    }
    return true;
}
