/* Who works with this machine, and signing in and out. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/api_call.h"
#include "agent/asked.h"
#include "agent/peer.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/audit.h"

#define BEARER "Bearer "

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
static enum err_code note_change(struct agent *agent, const char *who, const char *path, const char *fields,
                                 struct error *err)
{
    struct audit_entry entry = { .at_ms = clock_wall_ms(), .action = "change", .kind = "person" };
    (void)snprintf(entry.person, sizeof(entry.person), "%s", who);
    (void)snprintf(entry.call, sizeof(entry.call), "POST %.80s", path);
    (void)snprintf(entry.fields, sizeof(entry.fields), "%s", fields);
    return store_audit_add(agent->store, &entry, 1, err);
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

/* ---- what waits for a passphrase to be looked at ---- */

struct people_job {
    struct passphrase_job job; /* first */
    struct agent *agent;
    struct http_exchange *exchange;
    uid_t uid;
    char who[OP_ACTOR_MAX + 1]; /* asks: the person, or for a sign-in the user of the system */
    struct person person;       /* to be entered; for a sign-in its name alone */
};

static void people_job_free(struct people_job *job)
{
    if (job != NULL) {
        secret_free(&job->job.passphrase);
        secret_free(&job->job.derived);
        free(job);
    }
}

static void scoped_job_free(struct people_job **job)
{
    people_job_free(*job);
}

/* Answers with what went wrong, if anything did, and ends the job. */
static void job_end(struct people_job *job, enum err_code rc, struct error *err)
{
    if (rc != ERR_OK) {
        err->code = rc;
        api_send_error(job->exchange, err);
    }
    people_job_free(job);
}

static enum err_code job_new(const struct people_call *call, const char *who, const char *passphrase,
                             struct people_job **ret_job, struct error *err)
{
    SCOPED(scoped_job_free) struct people_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return FAIL(err, NO_MEMORY, "look at the passphrase");
    }
    job->agent = call->agent;
    job->exchange = call->request->exchange;
    job->uid = call->request->peer_uid;
    (void)snprintf(job->who, sizeof(job->who), "%s", who);
    TRY(secret_copy(slice_of_text(passphrase), &job->job.passphrase, err));
    *ret_job = job;
    job = NULL;
    return ERR_OK;
}

/* Takes the job; it is answered later, or now with why not. */
static enum err_code job_start(struct people_job *job, struct error *err)
{
    enum err_code rc = passphrase_task_add(&job->agent->passphrases, &job->job, err);
    if (rc != ERR_OK) {
        people_job_free(job);
    }
    return rc;
}

/* ---- entering ---- */

static enum err_code enter(struct agent *agent, const char *who, const struct person *person,
                           const struct person_proof *proof, struct person *ret_entered, struct error *err)
{
    TRY(store_person_put(agent->store, who, person, proof, clock_wall_ms(), err));
    sign_ins_end_of(&agent->sign_ins, person->name);
    LOG_INFO("person_entered", "roles=%u", person->roles);
    TRY(note_change(agent, who, "/v1/people", proof != NULL ? "roles, os_user, passphrase" : "roles, os_user", err));
    return query_person(agent->store, person->name, NULL, ret_entered, err);
}

static void on_derived(struct passphrase_job *done, enum err_code rc, const struct error *failure)
{
    struct people_job *job = (struct people_job *)done;
    struct error err = *failure;
    struct person entered;
    if (rc == ERR_OK) {
        person_proof_keep(&done->proof, &done->derived);
        rc = enter(job->agent, job->who, &job->person, &done->proof, &entered, &err);
    }
    if (rc == ERR_OK) {
        api_send_object(job->exchange, json_pack("{s:o}", "person", person_value(&entered)));
    }
    job_end(job, rc, &err);
}

static enum err_code enter_later(const struct people_call *call, const struct person *person, const char *passphrase,
                                 struct error *err)
{
    SCOPED(scoped_job_free) struct people_job *job = NULL;
    TRY(person_passphrase_check(slice_of_text(passphrase), err));
    TRY(job_new(call, call->who->name, passphrase, &job, err));
    TRY(person_proof_new(&job->job.proof, err));
    job->person = *person;
    job->job.done = on_derived;
    struct people_job *added = job;
    job = NULL;
    return job_start(added, err);
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
    if (passphrase != NULL) {
        return enter_later(call, &person, passphrase, err);
    }
    TRY(enter(call->agent, call->who->name, &person, NULL, &person, err));
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
    TRY(note_change(call->agent, call->who->name, call->request->path, "removed", err));
    api_send_object(call->request->exchange, json_pack("{s:s}", "removed", name));
    return ERR_OK;
}

/* ---- signing in ---- */

/* Of a name that nobody has it is not said which: it may be a passphrase in the wrong place. */
static void note_sign_in(const struct people_job *job, bool entered, bool fits)
{
    struct audit_entry entry = {
        .at_ms = clock_wall_ms(), .action = "sign_in", .call = "POST /v1/sign-in", .kind = "person"
    };
    (void)snprintf(entry.person, sizeof(entry.person), "%s", entered ? job->person.name : job->who);
    (void)snprintf(entry.fields, sizeof(entry.fields), "%s, as user %s%s", entered ? "passphrase" : "unknown name",
                   job->who, fits ? "" : ", refused");
    asked_note(job->agent->store, &entry);
}

static enum err_code begin_session(const struct people_job *job, const struct person *person, struct error *err)
{
    char token[SIGN_IN_TOKEN_TEXT];
    TRY(sign_ins_begin(&job->agent->sign_ins, job->uid, person->name, clock_monotonic_ms(), token, err));
    json_t *answer =
        json_pack("{s:s,s:s,s:o,s:i,s:i}", "token", token, "name", person->name, "roles", roles_value(person->roles),
                  "idle_minutes", (int)(SIGN_IN_IDLE_MS / 60000), "longest_minutes", (int)(SIGN_IN_LONGEST_MS / 60000));
    secret_wipe(token, sizeof(token));
    LOG_INFO("signed_in", "roles=%u", person->roles);
    api_send_object(job->exchange, answer);
    return ERR_OK;
}

static enum err_code may_try(struct agent *agent, const char *name, bool *ret_entered, struct person *ret_person,
                             struct error *err)
{
    enum err_code rc = query_person(agent->store, name, NULL, ret_person, err);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
        return rc;
    }
    *ret_entered = rc == ERR_OK;
    return sign_ins_may_try(&agent->sign_ins, name, *ret_entered, clock_monotonic_ms(), err);
}

/* Right name and passphrase, and the right user of the system where the person has one: as the entry is now. */
static enum err_code look_at_derived(const struct people_job *job, struct error *err)
{
    struct agent *agent = job->agent;
    const char *name = job->person.name;
    struct person person;
    struct person_proof proof;
    bool entered;
    TRY(may_try(agent, name, &entered, &person, err)); /* others may have guessed meanwhile */
    TRY(store_person_proof(agent->store, name, &proof, err));
    bool fits = person_proof_fits(&proof, &job->job.derived) && entered &&
                (person.os_user[0] == '\0' || strcmp(person.os_user, job->who) == 0);
    sign_ins_tried(&agent->sign_ins, name, entered, fits, clock_monotonic_ms());
    note_sign_in(job, entered, fits);
    return fits ? begin_session(job, &person, err)
                : FAIL(err, KEY, "sign in: the name, the passphrase or the user of the system is another one");
}

static void on_sign_in(struct passphrase_job *done, enum err_code rc, const struct error *failure)
{
    struct people_job *job = (struct people_job *)done;
    struct error err = *failure;
    rc = rc == ERR_OK ? look_at_derived(job, &err) : rc;
    job_end(job, rc, &err);
}

static enum err_code post_sign_in(const struct people_call *call, struct error *err)
{
    static const char *const known[] = { "name", "passphrase", NULL };
    struct agent *agent = call->agent;
    struct members members = members_begin(call->body, known, err);
    const char *name = member_text(&members, "name", OP_ACTOR_MAX, true);
    const char *passphrase = member_text(&members, "passphrase", PERSON_PASSPHRASE_MAX, true);
    bool entered;
    struct person person;
    SCOPED(scoped_job_free) struct people_job *job = NULL;
    TRY(members_end(&members));
    TRY(may_try(agent, name, &entered, &person, err));
    TRY(job_new(call, peer_known_actor(&agent->peer, call->request->peer_uid), passphrase, &job, err));
    TRY(store_person_proof(agent->store, name, &job->job.proof, err));
    (void)snprintf(job->person.name, sizeof(job->person.name), "%s", name);
    job->job.done = on_sign_in;
    struct people_job *added = job;
    job = NULL;
    return job_start(added, err);
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
