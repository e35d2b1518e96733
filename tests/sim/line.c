/*
 * A line carries a request to the centre and its answer back, or does not:
 *
 *     line_send ──► lost? torn? doubled? ──► at the centre ──► lost? torn? ──► the agent, in its own life
 *                     └──── told after a while that the line was cut ◄──┘
 *
 * Of a torn one the centre has a part, and may notice later than the agent that no more comes.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/world.h"

enum { TIMEOUT_MS = 45000, NOTICED_MS = 3 * 60 * 1000, LATE_DOUBLE_MS = 2 * 3600 * 1000 };

static struct message *message_add(struct world *world)
{
    CHECK(world->message_count < LATEST_MESSAGES_MAX);
    struct message *message = &world->messages[world->message_count++];
    *message = (struct message){ .order = world->messages_sent++, .content_type = "" };
    return message;
}

static struct message *message_to(struct agent *agent, int64_t delay_ms)
{
    struct message *message = message_add(agent->world);
    message->to_agent = true;
    message->agent = agent->number;
    message->life = agent->life;
    message->at_ms = agent->world->now_ms + delay_ms;
    buf_init(&message->bytes, EXCHANGE_RESPONSE_MAX);
    return message;
}

static void tell_cut(struct agent *agent, size_t sent, int64_t delay_ms)
{
    struct message *message = message_to(agent, delay_ms);
    message->outcome = ERR_NETWORK;
    message->sent = sent;
}

static struct message *request_add(struct agent *agent, struct slice body, bool answer_wanted, int64_t delay_ms)
{
    struct message *message = message_add(agent->world);
    message->agent = agent->number;
    message->life = agent->life;
    message->answer_wanted = answer_wanted;
    message->at_ms = agent->world->now_ms + delay_ms;
    buf_init(&message->bytes, EXCHANGE_REQUEST_MAX);
    MUST(buf_append(&message->bytes, body.data, body.len, must));
    return message;
}

/* Somebody else's page, a busy centre: what boxes on the way say. */
static void stand_in(struct agent *agent)
{
    static const struct {
        long status;
        const char *type;
        const char *body;
        int64_t retry_after_s;
    } answers[] = {
        { 302, "text/html", "<html>sign in</html>", 0 },
        { 200, "text/html; charset=utf-8", "<html>welcome</html>", 0 },
        { 511, "text/html", "", 0 },
        { 200, EXCHANGE_CONTENT_TYPE, "not what it says", 0 },
        { 429, "", "", 20 },
        { 502, "text/plain", "bad gateway", 0 },
        { 503, "", "", 60 },
        { 413, "", "", 0 },
    };
    size_t at = chance_below(&agent->world->chance, ARRAY_LEN(answers));
    struct message *message = message_to(agent, agent->line.latency_ms);
    message->http_status = answers[at].status;
    message->content_type = answers[at].type;
    message->retry_after_s = answers[at].retry_after_s;
    MUST(buf_append_text(&message->bytes, answers[at].body, must));
}

/* What a listener kept, to be sent again by somebody else. */
static void overhear(struct world *world, struct slice body)
{
    struct buf *kept = &world->replays[world->replay_count++ % REPLAYS];
    buf_fini(kept);
    buf_init(kept, EXCHANGE_REQUEST_MAX);
    MUST(buf_append(kept, body.data, body.len, must));
}

void line_send(struct agent *agent, struct slice body)
{
    struct world *world = agent->world;
    struct chance *chance = &world->chance;
    const struct line *line = &agent->line;
    overhear(world, body);
    if (agent->offline || line->cut || chance_percent(chance, line->request_lost)) {
        tell_cut(agent, 0, chance_between(chance, 10, TIMEOUT_MS));
    } else if (chance_percent(chance, line->portal)) {
        stand_in(agent);
    } else if (chance_percent(chance, line->request_torn)) {
        size_t len = chance_below(chance, (uint32_t)body.len);
        bool late = chance_percent(chance, 50);
        request_add(agent, slice_of(body.data, len), false,
                    late ? chance_between(chance, 1, NOTICED_MS) : line->latency_ms)
            ->torn = true;
        tell_cut(agent, len, chance_between(chance, 10, TIMEOUT_MS));
    } else {
        (void)request_add(agent, body, true, chance_between(chance, 1, line->latency_ms));
        if (chance_percent(chance, line->doubled)) {
            (void)request_add(agent, body, false, chance_between(chance, 1, LATE_DOUBLE_MS));
        }
    }
}

/* The centre and it were both put back, and it offers what does not follow what the centre holds: it asks, then. */
static bool on_another_branch(const struct agent *agent, enum err_code refused)
{
    return refused == ERR_HISTORY && agent->world->host.put_back && (agent->marks & MARK_PUT_BACK) != 0;
}

static void deliver_request(struct world *world, struct message *request)
{
    struct agent *agent = &world->agents[request->agent];
    const struct line *line = &agent->line;
    struct message answer = { 0 };
    if (request->torn && agent->certificate.len > 0) {
        host_cut_short(world, buf_slice(&agent->certificate), buf_slice(&request->bytes));
        return;
    }
    if (agent->certificate.len == 0 ||
        !host_answer(world, buf_slice(&agent->certificate), buf_slice(&request->bytes), &answer)) {
        if (request->answer_wanted && request->life == agent->life) {
            tell_cut(agent, request->bytes.len, TIMEOUT_MS);
        }
        return;
    }
    int64_t offset_ms = agent_wall_ms(agent) - host_wall_ms(world);
    bool revoked = world->host.centre != NULL && papers_revoked(world, agent);
    if (revoked && answer.refused == ERR_OK) {
        sim_fail("the centre answers agent %u, which was revoked", agent->number);
    }
    if (request->answer_wanted && answer.refused != ERR_OK && answer.http_status < 500 &&
        !(revoked && answer.refused == ERR_REVOKED) && !on_another_branch(agent, answer.refused)) {
        sim_fail("the centre refuses an honest exchange of agent %u: %s", agent->number, err_code_name(answer.refused));
    }
    bool lost = line->cut || chance_percent(&world->chance, line->answer_lost);
    if (!request->answer_wanted || request->life != agent->life) {
        buf_fini(&answer.bytes);
    } else if (lost) {
        buf_fini(&answer.bytes);
        tell_cut(agent, request->bytes.len, chance_between(&world->chance, 10, TIMEOUT_MS));
    } else {
        liar_change(world, agent, &answer);
        struct message *message = message_to(agent, chance_between(&world->chance, 1, line->latency_ms));
        message->http_status = answer.http_status;
        message->content_type = answer.content_type;
        message->retry_after_s = answer.retry_after_s;
        message->bytes = answer.bytes;
        message->misleads = answer.misleads;
        message->lies = answer.lies;
        message->offset_ms = offset_ms;
        if (chance_percent(&world->chance, line->answer_torn)) {
            message->bytes.len = chance_below(&world->chance, (uint32_t)message->bytes.len + 1);
        }
    }
}

void line_deliver(struct world *world, struct message *message)
{
    struct agent *agent = &world->agents[message->agent];
    if (!message->to_agent) {
        deliver_request(world, message);
    } else if (agent->store != NULL && message->life == agent->life) {
        agent_answered(agent, message);
    }
    buf_fini(&message->bytes);
}

void line_drop_all(struct world *world)
{
    for (size_t i = 0; i < world->message_count; i++) {
        buf_fini(&world->messages[i].bytes);
    }
    world->message_count = 0;
}
