/*
 * The end of a run: all troubles are over, everybody exchanges until nothing changes, and then what has to hold is
 * looked for.
 */
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "sync/endpoint/core/private.h"
#include "tests/sim/forger.h"
#include "tests/sim/template.h"

enum { ROUNDS_MAX = 16 };

/* ---- all is well again ---- */

static bool any_revoked(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        if (papers_revoked(world, &world->agents[i])) {
            return true;
        }
    }
    return false;
}

static void heal(struct world *world)
{
    world->healed = true;
    world->host.lies = 0;
    world->host.skew_ms = 0;
    disk_heal(&world->host.disk);
    if (world->host.centre == NULL) {
        host_start(world);
    }
    for (bool all = chance_percent(&world->chance, 50); all && any_revoked(world);) {
        papers_reinstate(world);
    }
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        agent->line = (struct line){ .latency_ms = 40 };
        agent->offline |= world->by_hand;
        agent->skew_ms = 0;
        disk_heal(&agent->disk);
        if (agent->store == NULL) {
            CHECK(agent_start(agent));
        }
    }
}

static struct store_sync sync_of(struct agent *agent)
{
    struct store_sync sync;
    MUST(store_sync_read(agent->store, &sync, must));
    return sync;
}

static struct client_status status_of(struct agent *agent)
{
    struct client_status status;
    client_status(agent->client, &status);
    return status;
}

/* One exchange each, in any order; true when it brought nobody anything. */
static bool round_of_all(struct world *world)
{
    struct store_sync before[AGENTS_MAX];
    uint64_t ops = host_ops(world);
    uint32_t from = chance_below(&world->chance, (uint32_t)world->agent_count);
    host_erase_on(world);
    for (size_t i = 0; i < world->agent_count; i++) {
        before[i] = sync_of(&world->agents[i]);
    }
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[(from + i) % world->agent_count];
        client_wake(agent->client, CLIENT_WAKE_PERSON);
        world_run(world, 2 * MINUTE_MS);
        if (agent->offline) {
            sticks_exchange(agent);
        }
        if (agent->flags_due) {
            agent_judge(agent);
        }
    }
    bool still = host_ops(world) == ops;
    for (size_t i = 0; i < world->agent_count; i++) {
        struct store_sync after = sync_of(&world->agents[i]);
        still &= before[i].cursor == after.cursor && before[i].acked_seq == after.acked_seq &&
                 before[i].newest_seq == after.newest_seq && before[i].asks == after.asks;
    }
    return still;
}

/*
 * When the centre and a machine were both put back, neither knows what that machine had said, and it may give a number
 * again. A third machine that still holds the first one has found two histories: it says so and waits for a person.
 */
static bool between_histories(struct agent *agent)
{
    const struct world *world = agent->world;
    struct client_status status = status_of(agent);
    bool put_back = false;
    for (size_t i = 0; i < world->agent_count; i++) {
        put_back |= world->agents[i].site == agent->site && (world->agents[i].marks & MARK_PUT_BACK) != 0;
    }
    return put_back && world->host.put_back && status.histories.code == ERR_HISTORY;
}

/* The person has it follow the centre. True: somebody was asked. */
static bool accept_histories(struct world *world)
{
    bool any = false;
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        if (between_histories(agent)) {
            tell("agent %u stopped, and is told to follow the centre: %s", agent->number,
                 status_of(agent).histories.message);
            MUST(client_accept_history(agent->client, "manager", must));
            world_run(world, 2 * MINUTE_MS);
            any = true;
        }
    }
    return any;
}

static void check_rest(struct agent *agent)
{
    struct client_status status = status_of(agent);
    struct store_sync sync = sync_of(agent);
    if (papers_revoked(agent->world, agent)) {
        if (agent->offline) {
            return; /* nobody tells it */
        }
        if (status.state != CLIENT_STALLED || status.last.result != ERR_REVOKED) {
            sim_fail("agent %u does not say that it was revoked: %s", agent->number, status.last.error.message);
        }
        return;
    }
    bool tries = status.state == CLIENT_BACKOFF || status.state == CLIENT_EXCHANGING;
    bool rests = agent->offline ? tries && status.last.result == ERR_NETWORK
                                : status.state == CLIENT_IDLE && status.last.result == ERR_OK;
    if (!rests) {
        sim_fail("agent %u does not come to rest (state %d): %s: %s", agent->number, status.state,
                 err_code_name(status.last.result), status.last.error.message);
    }
    if (sync.acked_seq != sync.newest_seq) {
        sim_fail("agent %u rests with %llu records that were not sent", agent->number,
                 (unsigned long long)(sync.newest_seq - sync.acked_seq));
    }
}

static void come_to_rest(struct world *world)
{
    for (unsigned round = 0; !round_of_all(world) || accept_histories(world); round++) {
        if (round == ROUNDS_MAX) {
            sim_fail("exchanges never come to an end");
        }
    }
    for (size_t i = 0; i < world->agent_count; i++) {
        check_rest(&world->agents[i]);
    }
}

/* ---- what has to hold ---- */

struct views {
    uint8_t tables[SHA256_BYTES];
    uint8_t flags[SHA256_BYTES];
};

static void flags_digest(struct agent *agent, uint8_t out[SHA256_BYTES])
{
    struct flag_list_rows list;
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    MUST(query_flags(agent->store, false, QUERY_LIMIT_MAX, &list, must));
    for (size_t i = 0; i < list.count; i++) {
        const struct flag_row *flag = &list.rows[i].flag;
        if (flag_of_volunteers(flag->key)) {
            continue; /* one machine alone knows them */
        }
        MUST(buf_append_format(&text, must, "%s|%s|%d|%d|%s|%d|%s|%s|%s\n", flag->key, flag->code, flag->severity,
                               flag->subject, flag->subject_ref, flag->since, flag->facts, flag->next_step,
                               flag->rule));
        MUST(buf_append(&text, flag->subject_id.bytes, ROW_ID_BYTES, must));
    }
    flag_list_rows_fini(&list);
    struct slice all = buf_slice(&text);
    sha256(&all, 1, out);
}

void agent_check_flags(struct agent *agent, uint8_t ret_digest[SHA256_BYTES])
{
    uint8_t flags[SHA256_BYTES];
    agent_judge(agent);
    flags_digest(agent, flags);
    agent->flags_day = ROW_NONE; /* everything is looked at again: nothing was forgotten on the way */
    agent_judge(agent);
    flags_digest(agent, ret_digest);
    if (memcmp(flags, ret_digest, sizeof(flags)) != 0) {
        sim_fail("agent %u: its flags are others when everything is looked at again", agent->number);
    }
}

static void check_agent(struct agent *agent, struct views *views)
{
    struct store_verified verified;
    struct error err = { 0 };
    if (store_verify(agent->store, &verified, &err) != ERR_OK) {
        sim_fail("agent %u does not verify: %s", agent->number, err.message);
    }
    MUST(store_digest(agent->store, views->tables, must));
    agent_check_flags(agent, views->flags);
}

static void check_logs(struct world *world)
{
    erasures_adopt(world);
    ledger_set_aside(world);
    for (size_t i = 0; i < world->ledger.count; i++) {
        struct said *said = &world->ledger.rows[i];
        struct agent *author = said->author < AGENTS_MAX ? &world->agents[said->author] : NULL;
        said->elsewhere = author == NULL || said->sent || !papers_revoked(world, author);
    }
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        char who[16];
        struct held_list list;
        (void)snprintf(who, sizeof(who), "agent %u", agent->number);
        struct checked checked = { .site = agent->site->number,
                                   .author = agent->number,
                                   .complete = !papers_revoked(world, agent),
                                   .refused = (agent->marks & MARK_REFUSED) != 0,
                                   .who = who };
        held_by_agent(agent, &list);
        ledger_check(&world->ledger, &checked, &list);
        held_fini(&list);
    }
    for (unsigned site = 0; site < SITES; site++) {
        struct held_list list;
        struct checked checked = { .site = site, .author = AUTHOR_CENTRE, .complete = true, .who = "the centre" };
        held_by_centre(world, site, &list);
        ledger_check(&world->ledger, &checked, &list);
        held_fini(&list);
    }
}

static void check_views(struct world *world)
{
    struct views views[AGENTS_MAX];
    const struct views *first[SITES] = { NULL };
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *agent = &world->agents[i];
        check_agent(agent, &views[i]);
        const struct views **other = &first[agent->site->number];
        if (papers_revoked(world, agent) || agent->marks & MARK_REFUSED) {
            continue;
        }
        if (*other != NULL && memcmp(views[i].tables, (*other)->tables, SHA256_BYTES) != 0) {
            sim_fail("agent %u has other tables than another one of its site", agent->number);
        }
        if (*other != NULL && memcmp(views[i].flags, (*other)->flags, SHA256_BYTES) != 0) {
            sim_fail("agent %u has other flags than another one of its site", agent->number);
        }
        *other = &views[i];
    }
}

static void check_centre(struct world *world)
{
    struct centre *centre = world->host.centre;
    struct centre_verified verified;
    struct error err = { 0 };
    if (centre_verify(centre->store, centre_authority_certificate(centre), NULL, &verified, &err) != ERR_OK) {
        sim_fail("the centre does not verify: %s", err.message);
    }
    if (world->forger->forked && verified.incidents == 0 && !world->host.put_back) {
        sim_fail("the centre has no word of a history that was forged");
    }
}

void world_settle(struct world *world)
{
    report_step(UINT32_MAX, "settling");
    heal(world);
    sticks_found(world);
    world_run(world, 2 * MINUTE_MS);
    for (size_t i = 0; i < world->agent_count; i++) {
        agent_judge(&world->agents[i]);
    }
    come_to_rest(world);
    if (!world->by_hand && chance_percent(&world->chance, 40)) {
        CHECK(agent_start(world_newcomer(world)));
        world_run(world, MINUTE_MS);
        check_rest(&world->agents[world->agent_count - 1]);
    }
    report_step(UINT32_MAX, "checking");
    check_logs(world);
    check_erased(world);
    check_views(world);
    check_centre(world);
    volunteers_check(&world->agents[0]);
}
