/* A call that has the replica to itself, in a thread of the pool: what else is asked meanwhile is refused. */
#include <stdio.h>
#include <string.h>

#include "agent/agent_parts.h"

bool api_needs_all(const char *method, const char *path)
{
    return strcmp(method, "POST") == 0 && strcmp(path, "/v1/rebuild") == 0;
}

/* In the thread. */
static void run_call(void *context, struct store *store)
{
    struct alone_call *alone = context;
    struct api_request request = { .method = "POST", .path = alone->path, .body = alone->body };
    alone->world.store = store;
    api_call_run(&alone->world, &request, &alone->answer);
}

void alone_begin(struct agent *agent, const struct api_world *world, const struct api_request *request,
                 struct http_exchange *exchange)
{
    struct alone_call *alone = &agent->alone;
    struct error err;
    if (!agent_may_prepare(agent)) {
        (void)FAIL(
            &err, BUSY,
            "make the tables again: a backup, a bundle, an export, a verify, an enrolment, a check or a change of "
            "keys is under way; try again when it has ended");
        api_send_error(exchange, &err);
        return;
    }
    *alone = (struct alone_call){ .exchange = exchange, .world = *world, .body = request->body };
    (void)snprintf(alone->actor, sizeof(alone->actor), "%s", world->actor);
    (void)snprintf(alone->path, sizeof(alone->path), "%s", request->path);
    alone->world.actor = alone->actor;
    api_answer_init(&alone->answer);
    agent->opening.also = run_call;
    agent->opening.also_context = alone;
    agent_begin_preparing(agent);
}

void alone_end(struct agent *agent)
{
    struct http_exchange *exchange = agent->alone.exchange;
    struct error stopped;
    if (exchange == NULL) {
        return;
    }
    agent->alone.exchange = NULL;
    agent->opening.also = NULL;
    if (agent->alone.answer.code == ERR_BUSY) {
        (void)FAIL(&stopped, BUSY, "make the tables again: it was stopped; those that are there are whole");
        api_answer_error(&agent->alone.answer, &stopped);
    }
    api_data_done(agent, exchange, &agent->alone.answer);
}
