/*
 * Stories of several steps that chance alone tells seldom: each is one act, between others that know nothing of it.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"
#include "tests/sim/acts.h"

static struct agent *any_well(struct world *world)
{
    struct agent *agent = any_agent(world);
    return agent != NULL && !disk_troubled(&agent->disk) ? agent : NULL;
}

/* ---- a notice turns out to be for somebody else ---- */

void work_notice_moves(struct world *world)
{
    struct agent *agent = any_well(world);
    unsigned notice = chance_below(&world->chance, 3);
    unsigned placement = chance_below(&world->chance, PEOPLE);
    uint8_t digest[SHA256_BYTES];
    if (agent == NULL) {
        return;
    }
    work_placement_at(agent, placement);
    work_notice_at(agent, notice, placement);
    agent_judge(agent);
    work_notice_at(agent, notice, (placement + 1) % PEOPLE);
    agent_check_flags(agent, digest);
}

/* ---- what gave way to another history is erased ---- */

/* Of a machine that set something aside, from any on; false: this one did not. */
static bool draw_aside(struct agent *agent, struct op *ret_op)
{
    sqlite3_stmt *s;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct database *db = &agent->store->db;
    bool more = true;
    bool found = false;
    agent->disk.aside = true;
    MUST(
        db_statement(db, "SELECT header FROM forked_op WHERE body IS NOT NULL ORDER BY fork DESC, seq DESC", &s, must));
    while (more) {
        struct op op;
        MUST(db_step(db, s, &more, must));
        if (more) {
            MUST(op_header_decode(column_slice(s, 0), &op, supersedes, must));
            if (erase_may(op.kind) && (!found || chance_percent(&agent->world->chance, 40))) {
                *ret_op = op;
                found = true;
            }
        }
    }
    agent->disk.aside = false;
    return found;
}

void work_erase_aside(struct world *world)
{
    struct op op;
    size_t from = chance_below(&world->chance, (uint32_t)world->agent_count);
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[(from + i) % world->agent_count];
        if (agent->store != NULL && !disk_troubled(&agent->disk) && draw_aside(agent, &op)) {
            const struct subject subject = { op.kind, op.subject, op.subject_len };
            erase_record(agent, &subject);
            return;
        }
    }
}

/* ---- the line breaks in the middle of a request ---- */

static void try_again(struct agent *agent, unsigned torn, int64_t latency_ms)
{
    agent->line = (struct line){ .request_torn = torn, .latency_ms = latency_ms };
    if (agent->store != NULL) {
        client_wake(agent->client, CLIENT_WAKE_NETWORK);
        agent_look_after(agent);
    }
    world_run(agent->world, MINUTE_MS);
}

void work_line_breaks(struct world *world)
{
    struct agent *agent = any_well(world);
    if (agent == NULL || agent->offline) {
        return;
    }
    int64_t latency_ms = chance_between(&world->chance, 40, 20000);
    agent->line = (struct line){ .request_torn = 100, .latency_ms = latency_ms };
    work_long_at(agent); /* and it sends them at once */
    world_run(world, chance_between(&world->chance, 0, MINUTE_MS));
    for (unsigned i = chance_below(&world->chance, 4); i > 0; i--) {
        try_again(agent, 50, latency_ms);
    }
    try_again(agent, 0, 40);
}

/* ---- somebody reads the replica of one moment ---- */

/* What is erased meanwhile is still in the file: nobody may say that it is gone. */
static void check_not_gone(struct agent *agent)
{
    bool done = false;
    struct error err = { 0 };
    enum err_code rc = store_scrub(agent->store, &done, &err);
    if (done) {
        sim_fail("agent %u says that what was erased is gone while an older state is read", agent->number);
    }
    if (rc != ERR_OK && rc != ERR_BUSY) {
        sim_fail("agent %u does not wait for who reads an older state: %s", agent->number, err.message);
    }
}

void work_read_moment(struct world *world)
{
    struct agent *agent = any_well(world);
    unsigned number = chance_below(&world->chance, CHALLENGES);
    uint8_t person[OP_ENTITY_BYTES];
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    struct store *reader;
    struct store_progress progress = { 0 };
    if (agent == NULL) {
        return;
    }
    work_person_at(agent, number);
    MUST(store_open_reader(agent->store, &progress, &reader, must));
    MUST(store_digest(reader, before, must));
    work_attend_at(world, agent);
    challenge_person(agent->site, number, person);
    erase_record(agent, &(struct subject){ KIND_PARTICIPANT, person, OP_ENTITY_BYTES });
    MUST(store_digest(reader, after, must));
    if (memcmp(before, after, SHA256_BYTES) != 0) {
        sim_fail("agent %u: what is read of one moment changes meanwhile", agent->number);
    }
    check_not_gone(agent);
    store_close(reader);
}

/* ---- a machine is misled, and again while it reads its stream once more ---- */

static bool may_exchange(struct agent *agent)
{
    return agent->store != NULL && !agent->offline && !disk_troubled(&agent->disk) &&
           !papers_revoked(agent->world, agent);
}

/* Another machine of its site; NULL: there is none. */
static struct agent *neighbour_of(struct agent *agent)
{
    struct world *world = agent->world;
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *other = &world->agents[i];
        if (other != agent && other->site == agent->site && may_exchange(other)) {
            return other;
        }
    }
    return NULL;
}

static void exchange(struct agent *agent)
{
    if (agent->store != NULL) {
        client_wake(agent->client, CLIENT_WAKE_PERSON);
        agent_look_after(agent);
    }
}

/* It says something, and the centre has it, before the answer that is on its way to the other comes there. */
static void say_meanwhile(struct agent *other)
{
    if (other->store != NULL) {
        work_attend_at(other->world, other);
        exchange(other);
        world_run(other->world, 200);
    }
}

/* Until the centre has given it so many answers, of which the last is on its way. */
static void await_answer(struct agent *agent, unsigned answers)
{
    struct world *world = agent->world;
    for (unsigned i = 0; i < 40000 && world->host.misled.answers < answers; i++) {
        world_run(world, 20);
    }
}

static void await_lie(struct agent *agent)
{
    struct world *world = agent->world;
    for (unsigned i = 0; i < 40000 && world->host.misled.due; i++) {
        world_run(world, 20);
    }
}

/*
 *     the other says A ──► centre     agent ◄── a history without A, which it takes
 *     agent ◄── what follows does not: from the beginning, all of it is there
 *     the other says B ──► centre     agent ◄── a history without B, and that there is more of it
 *     the other says C ──► centre     agent ◄── C does not follow: it stops, and has to try again
 */
static void mislead_twice(struct agent *agent, struct agent *other)
{
    struct misled *misled = &agent->world->host.misled;
    agent->line.cut = true;
    say_meanwhile(other);
    agent->line = (struct line){ .latency_ms = 120000 };
    *misled = (struct misled){ .agent = agent, .due = true };
    work_attend_at(agent->world, agent);
    exchange(agent);
    await_lie(agent);
    exchange(agent);
    await_answer(agent, misled->answers + 2);
    say_meanwhile(other);
    if (agent->store != NULL) {
        work_attend_at(agent->world, agent);
        *misled = (struct misled){ .agent = agent, .due = true, .more = true };
        await_lie(agent);
    }
    say_meanwhile(other);
    world_run(agent->world, 10 * MINUTE_MS);
}

void work_misled_twice(struct world *world)
{
    unsigned lies = world->host.lies;
    struct agent *agent = any_well(world);
    struct agent *other =
        agent != NULL && world->host.centre != NULL && may_exchange(agent) ? neighbour_of(agent) : NULL;
    if (other == NULL || disk_troubled(&world->host.disk)) {
        return;
    }
    tell("agent %u, while agent %u works on", agent->number, other->number);
    world->host.lies = 0;
    agent->line = other->line = (struct line){ .latency_ms = 5 };
    work_exchange_all(world);
    mislead_twice(agent, other);
    agent->line = other->line = (struct line){ .latency_ms = 40 };
    world->host.misled = (struct misled){ 0 };
    world->host.lies = lies;
}
