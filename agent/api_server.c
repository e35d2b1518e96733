/* From the socket to the calls and back: who asks, is the replica open, what became of it. */
#include <malloc.h>
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/api_handlers.h"
#include "agent/peer.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/packs.h"

#define TRIM_OVER                                                                                                      \
    ((size_t)1024 * 1024) /* after a request or an answer of this size, memory goes back to the system                 \
                           */

static const char *const no_store[] = { "Cache-Control", "no-store", NULL };

void api_send(struct http_exchange *exchange, const struct api_answer *answer)
{
    http_answer(exchange, answer->status, answer->content_type, buf_slice(&answer->body), no_store);
}

void api_send_error(struct http_exchange *exchange, const struct error *err)
{
    struct api_answer answer;
    api_answer_init(&answer);
    api_answer_error(&answer, err);
    api_send(exchange, &answer);
    api_answer_fini(&answer);
}

void api_send_object(struct http_exchange *exchange, json_t *object)
{
    struct api_answer answer;
    struct error err;
    api_answer_init(&answer);
    if (answer_object(&answer, object, &err) != ERR_OK) {
        api_answer_error(&answer, &err);
    }
    api_send(exchange, &answer);
    api_answer_fini(&answer);
}

static const char *query_of(const void *context, const char *name)
{
    return http_query(context, name);
}

/* A full or read-only disk is shown in the status until a record can be kept again. */
static void note_trouble(struct agent *agent, const struct api_answer *answer)
{
    if (answer->code == ERR_DISK_FULL || answer->code == ERR_READ_ONLY) {
        agent->trouble = answer->error;
    } else if (answer->wrote || answer->changed_here) {
        agent->trouble = (struct error){ 0 };
    }
}

/* ---- a long answer ---- */

static size_t read_spool(void *context, uint8_t *out, size_t max)
{
    size_t len = 0;
    struct error err;
    if (spool_read(context, out, max, &len, &err) != ERR_OK) {
        log_error("answer_lost", &err);
        return 0;
    }
    return len;
}

static void release_spool(void *context)
{
    spool_free(context);
    (void)malloc_trim(0);
}

/* Takes the spool. */
static void send_spool(struct http_exchange *exchange, struct api_answer *answer)
{
    struct http_body body = { spool_length(answer->spool), read_spool, release_spool, answer->spool };
    answer->spool = NULL;
    http_answer_body(exchange, answer->status, answer->content_type, &body, no_store);
}

/* Releases the answer. */
static void send_data(struct agent *agent, struct http_exchange *exchange, struct api_answer *answer)
{
    note_trouble(agent, answer);
    if (answer->wrote || answer->changed_here) {
        agent_data_changed(agent, answer->wrote);
    }
    idle_lock_touch(&agent->idle); /* it may have taken long */
    if (answer->spool != NULL) {
        send_spool(exchange, answer);
    } else {
        api_send(exchange, answer);
    }
    bool large = answer->body.capacity > TRIM_OVER;
    api_answer_fini(answer);
    if (large) {
        (void)malloc_trim(0);
    }
}

void api_data_done(void *context, struct http_exchange *exchange, struct api_answer *answer)
{
    struct agent *agent = context;
    api_answer_note(answer, agent->store);
    send_data(agent, exchange, answer);
    api_reader_ended(agent);
    agent_step(agent);
}

void api_reader_ended(struct agent *agent)
{
    if (agent->state == AGENT_OPEN) {
        (void)erased_scrubbed(agent->store);
    }
}

void api_reading_awaited(void *context)
{
    struct agent *agent = context;
    if (idle_lock_overdue(&agent->idle)) {
        agent_idle_over(agent);
    }
}

static void start_reading(struct reading_task *task, const struct api_world *world, const struct api_request *call,
                          struct http_exchange *exchange)
{
    struct error err;
    if (reading_task_start(task, world, call, exchange, &err) != ERR_OK) {
        api_send_error(exchange, &err);
    }
}

static void call_data(struct agent *agent, const struct http_request *request, const struct who *who)
{
    int64_t now_ms = clock_wall_ms();
    struct api_world world = { .store = agent->store,
                               .programme = agent_programme(agent),
                               .stream = agent->identity.enrolled ? agent->identity.stream : NULL,
                               .actor = who->name,
                               .named = who->people,
                               .roles = who->roles,
                               .now_ms = now_ms,
                               .today = clock_today(now_ms),
                               .retention_months = agent->options->retention_months };
    struct api_request call = { .method = request->method,
                                .path = request->path,
                                .body = request->body,
                                .query = query_of,
                                .query_context = request };
    if (strcmp(request->method, "GET") == 0) {
        flags_pass_slice(&agent->flags); /* so that an answer shows what was just recorded */
    }
    if (api_needs_all(request->method, request->path)) {
        alone_begin(agent, &world, &call, request->exchange);
        return;
    }
    enum api_reading reading = api_reads_long(request->method, request->path);
    if (reading != API_READS_LITTLE) {
        start_reading(reading == API_EXPORTS ? &agent->export : &agent->verify, &world, &call, request->exchange);
        return;
    }
    struct api_answer answer;
    api_answer_init(&answer);
    api_call_data(&world, &call, &answer);
    send_data(agent, request->exchange, &answer);
    if (request->body.len > TRIM_OVER) {
        (void)malloc_trim(0);
    }
}

/* While the replica is being opened, or its tables made, nobody can be known either: how things stand and the lock are
 * all that is answered. */
static bool refuse_while_preparing(const struct agent *agent, const struct http_request *request)
{
    static const char *const answered[] = { "/v1/status", "/v1/version", "/v1/lock" };
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(answered); i++) {
        if (strcmp(request->path, answered[i]) == 0) {
            return false;
        }
    }
    if (!agent_is_preparing(agent)) {
        return false;
    }
    (void)(agent_makes_tables(agent)
               ? FAIL(&err, BUSY,
                      "use the replica: its tables are just being made again; `holdfast status` says how far that is")
               : FAIL(&err, BUSY, "use the replica: it is just being opened; try again in a moment"));
    api_send_error(request->exchange, &err);
    return true;
}

/* Locks when nobody asked for so long; else notes that somebody does. A monitor's look at how things stand is not that.
 */
static void mind_idle_lock(struct agent *agent, const char *path)
{
    if (idle_lock_overdue(&agent->idle)) {
        agent_idle_over(agent);
    } else if ((agent->state == AGENT_OPEN || agent->to_prepare) && strcmp(path, "/v1/status") != 0 &&
               strcmp(path, "/v1/version") != 0) {
        idle_lock_touch(&agent->idle);
    }
}

void api_server_handle(void *context, const struct http_request *request)
{
    struct agent *agent = context;
    struct error err;
    if (!request->peer_known || !peer_may_ask(request->peer_uid, request->peer_gid, agent->group)) {
        (void)FAIL(&err, REFUSED, "ask this agent: only its own user, root and the members of its group may");
        struct api_answer answer;
        api_answer_init(&answer);
        api_answer_error(&answer, &err);
        answer.status = 403;
        api_send(request->exchange, &answer);
        api_answer_fini(&answer);
        return;
    }
    mind_idle_lock(agent, request->path);
    struct who who;
    if (refuse_while_preparing(agent, request) || !people_admit(agent, request, &who)) {
        return;
    }
    memcpy(agent->asking, who.name, sizeof(agent->asking));
    if (api_people_call(agent, request, &who) || api_service_call(agent, request) || api_backup_call(agent, request) ||
        api_keys_call(agent, request) || api_rekey_call(agent, request) || api_bundle_call(agent, request)) {
        return;
    }
    if (agent->state != AGENT_OPEN && api_knows(request->path)) {
        (void)FAIL(&err, LOCKED, "use the replica: it is locked; unlock it with `holdfast unlock`");
        api_send_error(request->exchange, &err);
        return;
    }
    call_data(agent, request, &who);
}
