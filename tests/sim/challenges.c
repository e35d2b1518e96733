/*
 * Challenges, and what they hold: while somebody has challenged something and nobody has answered, nothing of that
 * person goes because its time is over, on any machine that has heard of the challenge, not even what comes late.
 *
 *     raised ──► retention is due: refused ──► answered ──► retention is due: it goes
 *
 * Which challenges are open is read from the log and not from the tables that the product asks. No word of one is ever
 * unsaid here, so that the order of the words does not matter.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"
#include "tests/sim/acts.h"

struct challenge {
    uint8_t id[OP_ENTITY_BYTES];
    uint8_t participant[OP_ENTITY_BYTES];
    bool made;
    bool answered;
};

struct challenges {
    struct challenge all[CHALLENGES];
    size_t count;
};

static struct challenge *challenge_at(struct challenges *challenges, const uint8_t id[OP_ENTITY_BYTES])
{
    for (size_t i = 0; i < challenges->count; i++) {
        if (memcmp(challenges->all[i].id, id, OP_ENTITY_BYTES) == 0) {
            return &challenges->all[i];
        }
    }
    CHECK(challenges->count < CHALLENGES);
    struct challenge *challenge = &challenges->all[challenges->count++];
    memcpy(challenge->id, id, OP_ENTITY_BYTES);
    return challenge;
}

static void take_word(struct challenges *challenges, const struct op *op, struct slice body)
{
    struct record record;
    struct challenge *challenge = challenge_at(challenges, op->subject);
    MUST(record_decode(kind_by_number(KIND_REDRESS), body, &record, must));
    memcpy(challenge->participant, record_value(&record, "participant")->text.data, OP_ENTITY_BYTES);
    challenge->made |= record_value(&record, "made_on")->present;
    challenge->answered |= record_value(&record, "outcome")->present;
}

static void challenges_of(struct agent *agent, struct challenges *ret)
{
    sqlite3_stmt *s;
    struct database *db = &agent->store->db;
    bool more = true;
    *ret = (struct challenges){ 0 };
    MUST(db_statement(db, "SELECT header, body FROM op WHERE kind = ?1 AND body IS NOT NULL AND quarantine IS NULL", &s,
                      must));
    bind_int(s, 1, KIND_REDRESS);
    while (more) {
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        MUST(db_step(db, s, &more, must));
        if (more) {
            MUST(op_header_decode(column_slice(s, 0), &op, supersedes, must));
            take_word(ret, &op, column_slice(s, 1));
        }
    }
}

/* ---- what they hold ---- */

static void hold(struct challenged *challenged, const uint8_t id[OP_ENTITY_BYTES])
{
    CHECK(challenged->count < ARRAY_LEN(challenged->ids));
    memcpy(challenged->ids[challenged->count++], id, OP_ENTITY_BYTES);
}

static void hold_person(struct agent *agent, const uint8_t participant[OP_ENTITY_BYTES], struct challenged *challenged)
{
    sqlite3_stmt *s;
    struct database *db = &agent->store->db;
    bool more = true;
    hold(challenged, participant);
    MUST(db_statement(db,
                      "SELECT id FROM placement WHERE participant = ?1 UNION ALL "
                      "SELECT id FROM referral WHERE participant = ?1 UNION ALL "
                      "SELECT id FROM redress WHERE participant = ?1 UNION ALL "
                      "SELECT n.id FROM notice n JOIN placement p ON p.id = n.placement WHERE p.participant = ?1",
                      &s, must));
    bind_blob(s, 1, participant, OP_ENTITY_BYTES);
    while (more) {
        MUST(db_step(db, s, &more, must));
        if (more) {
            hold(challenged, column_slice(s, 0).data);
        }
    }
}

void challenged_find(struct agent *agent, struct challenged *ret)
{
    struct challenges challenges;
    *ret = (struct challenged){ 0 };
    agent->disk.aside = true;
    challenges_of(agent, &challenges);
    for (size_t i = 0; i < challenges.count; i++) {
        const struct challenge *challenge = &challenges.all[i];
        if (challenge->made && !challenge->answered && !challenged_has(ret, challenge->participant)) {
            hold_person(agent, challenge->participant, ret);
        }
    }
    agent->disk.aside = false;
}

bool challenged_has(const struct challenged *challenged, const uint8_t *subject)
{
    for (size_t i = 0; i < challenged->count; i++) {
        if (memcmp(challenged->ids[i], subject, OP_ENTITY_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- people ---- */

void work_challenge(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        work_challenge_at(agent, chance_below(&world->chance, CHALLENGES), false);
    }
}

/* One that is open where somebody answers it, if one is. */
static bool draw_open(struct agent *agent, unsigned *ret_number)
{
    struct challenges challenges;
    unsigned from = chance_below(&agent->world->chance, CHALLENGES);
    agent->disk.aside = true;
    challenges_of(agent, &challenges);
    agent->disk.aside = false;
    for (unsigned i = 0; i < CHALLENGES; i++) {
        unsigned number = (from + i) % CHALLENGES;
        uint8_t id[OP_ENTITY_BYTES];
        challenge_id(agent->site, number, id);
        for (size_t k = 0; k < challenges.count; k++) {
            const struct challenge *challenge = &challenges.all[k];
            if (memcmp(challenge->id, id, OP_ENTITY_BYTES) == 0 && challenge->made && !challenge->answered) {
                *ret_number = number;
                return true;
            }
        }
    }
    return false;
}

void work_answer(struct world *world)
{
    unsigned number;
    struct agent *agent = any_agent(world);
    if (agent != NULL && draw_open(agent, &number)) {
        work_challenge_at(agent, number, true);
    }
}

/* Everybody whose time is over on a day that may lie far ahead, as the service lists them. */
void work_retention(struct world *world)
{
    struct store_due *due;
    size_t count = 0;
    struct error err = { 0 };
    struct agent *agent = any_agent(world);
    if (agent == NULL || disk_troubled(&agent->disk)) {
        return;
    }
    int32_t today = clock_today(agent_wall_ms(agent));
    int32_t day = today + (int32_t)chance_below(&world->chance, 100);
    if (store_retention_due(agent->store, day, today, PEOPLE, &due, &count, &err) != ERR_OK) {
        sim_fail("agent %u does not list whose time is over: %s", agent->number, err.message);
    }
    for (size_t i = 0; i < count && agent->store != NULL; i++) {
        erase_due(agent, &due[i]);
    }
    free(due);
}

static bool holds(struct agent *agent, const uint8_t participant[OP_ENTITY_BYTES])
{
    struct challenged challenged;
    challenged_find(agent, &challenged);
    return challenged_has(&challenged, participant);
}

/* The whole of it at one machine; other things may hold the person back all the same. */
void work_challenge_over(struct world *world)
{
    uint8_t participant[OP_ENTITY_BYTES];
    unsigned number = chance_below(&world->chance, CHALLENGES);
    struct agent *agent = any_agent(world);
    if (agent == NULL || disk_troubled(&agent->disk)) {
        return;
    }
    challenge_person(agent->site, number, participant);
    work_challenge_at(agent, number, false);
    if (agent->store == NULL || disk_troubled(&agent->disk) || !holds(agent, participant)) {
        return; /* it was answered before */
    }
    if (erase_person(agent, participant)) {
        sim_fail("agent %u erases by retention what was just challenged", agent->number);
    }
    world_run(world, chance_between(&world->chance, 0, 2 * MINUTE_MS));
    for (unsigned i = number % PEOPLE; i < CHALLENGES && agent->store != NULL; i += PEOPLE) {
        work_challenge_at(agent, i, true);
    }
    if (agent->store != NULL) {
        (void)erase_person(agent, participant);
    }
}

/* Of the same site, with a network, and well. */
static struct agent *any_other(struct agent *agent)
{
    struct world *world = agent->world;
    for (size_t i = 0; i < world->agent_count; i++) {
        struct agent *other = &world->agents[i];
        bool here = other != agent && other->site == agent->site && other->store != NULL;
        if (here && !other->offline && !disk_troubled(&other->disk)) {
            return other;
        }
    }
    return NULL;
}

/* One machine erases by retention what another one, out of its reach, has just heard challenged. */
void work_challenge_unheard(struct world *world)
{
    uint8_t participant[OP_ENTITY_BYTES];
    unsigned number = chance_below(&world->chance, CHALLENGES);
    struct agent *agent = any_agent(world);
    struct agent *other = agent != NULL && !disk_troubled(&agent->disk) ? any_other(agent) : NULL;
    if (other == NULL) {
        return;
    }
    challenge_person(agent->site, number, participant);
    other->line.cut = true;
    work_challenge_at(other, (number + PEOPLE) % CHALLENGES, false);
    work_person_at(agent, number);
    if (agent->store != NULL) {
        (void)erase_person(agent, participant);
    }
    other->line = (struct line){ .latency_ms = 40 };
    agent->line = other->line;
    for (int i = 0; i < 2; i++) {
        work_exchange_all(world);
    }
    if (agent->store != NULL) {
        agent_judge(agent);
    }
}
