#include "tests/sim/acts.h"

enum trouble {
    TROUBLE_LINES = 1,
    TROUBLE_CLOCKS = 2,
    TROUBLE_CRASHES = 4,
    TROUBLE_DISKS = 8,
    TROUBLE_OLD_COPIES = 16,
    TROUBLE_CLONES = 32,
    TROUBLE_CENTRE_COPIES = 64,
    TROUBLE_HOSTILE_DEVICE = 128,
    TROUBLE_HOSTILE_CENTRE = 256,
    TROUBLE_STICKS = 512, /* bundles go about */
    TROUBLE_ERASURE = 1024,
    TROUBLE_PAPERS = 2048,
    TROUBLE_BOTH = 4096,    /* the centre and a machine are put back at once */
    TROUBLE_OFFLINE = 8192, /* one machine never has a network */
};

#define TROUBLE_ALL (2 * TROUBLE_BOTH - 1)

static const struct profile profiles[] = {
    { "lines", TROUBLE_LINES | TROUBLE_CLOCKS | TROUBLE_PAPERS },
    { "crashes", TROUBLE_LINES | TROUBLE_CLOCKS | TROUBLE_CRASHES | TROUBLE_ERASURE },
    { "disks", TROUBLE_LINES | TROUBLE_CRASHES | TROUBLE_DISKS | TROUBLE_ERASURE },
    { "old copies", TROUBLE_LINES | TROUBLE_CLOCKS | TROUBLE_CRASHES | TROUBLE_OLD_COPIES | TROUBLE_STICKS },
    { "clones", TROUBLE_LINES | TROUBLE_CLONES | TROUBLE_ERASURE },
    { "centre's old copies", TROUBLE_LINES | TROUBLE_CRASHES | TROUBLE_CENTRE_COPIES | TROUBLE_PAPERS },
    { "old copies of both", TROUBLE_LINES | TROUBLE_OLD_COPIES | TROUBLE_CENTRE_COPIES | TROUBLE_BOTH },
    { "hostile device", TROUBLE_LINES | TROUBLE_CRASHES | TROUBLE_HOSTILE_DEVICE },
    { "hostile centre", TROUBLE_LINES | TROUBLE_HOSTILE_CENTRE },
    { "sticks", TROUBLE_LINES | TROUBLE_CLOCKS | TROUBLE_CRASHES | TROUBLE_STICKS | TROUBLE_ERASURE | TROUBLE_PAPERS |
                    TROUBLE_OFFLINE },
    { "everything", TROUBLE_ALL },
};

const struct profile *profile_of(uint64_t seed)
{
    return &profiles[seed % ARRAY_LEN(profiles)];
}

bool profile_has_offline(const struct profile *profile)
{
    return (profile->troubles & TROUBLE_OFFLINE) != 0;
}

/* ---- time ---- */

static void act_wait(struct world *world)
{
    world_run(world, chance_between(&world->chance, 0, 20 * MINUTE_MS));
}

static void act_sleep(struct world *world)
{
    world_sleep(world, chance_between(&world->chance, HOUR_MS, 30 * HOUR_MS));
    for (size_t i = 0; i < world->agent_count; i++) {
        if (world->agents[i].store != NULL) {
            client_wake(world->agents[i].client, CLIENT_WAKE_NETWORK);
            agent_look_after(&world->agents[i]);
        }
    }
}

static void act_judge(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL && agent->flags_due) {
        agent_judge(agent);
    }
}

static void act_exchange(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        client_wake(agent->client, CLIENT_WAKE_PERSON);
        agent_look_after(agent);
    }
}

/* ---- lines and clocks ---- */

static void act_line(struct world *world)
{
    struct chance *chance = &world->chance;
    struct agent *agent = &world->agents[chance_below(chance, (uint32_t)world->agent_count)];
    unsigned worst = chance_below(chance, 60);
    agent->line = (struct line){ .cut = chance_percent(chance, 20),
                                 .request_lost = chance_below(chance, worst + 1),
                                 .answer_lost = chance_below(chance, worst + 1),
                                 .doubled = chance_below(chance, worst + 1),
                                 .request_torn = chance_below(chance, worst / 2 + 1),
                                 .answer_torn = chance_below(chance, worst / 2 + 1),
                                 .portal = chance_below(chance, worst / 2 + 1),
                                 .latency_ms = chance_between(chance, 5, 4000) };
    tell("the line of agent %u is %s", agent->number, agent->line.cut ? "cut" : "poor");
}

static void act_line_well(struct world *world)
{
    struct agent *agent = &world->agents[chance_below(&world->chance, (uint32_t)world->agent_count)];
    agent->line = (struct line){ .latency_ms = 40 };
    if (agent->store != NULL) {
        client_wake(agent->client, CLIENT_WAKE_NETWORK);
        agent_look_after(agent);
    }
}

static void act_clock(struct world *world)
{
    static const int64_t reach_ms[] = { 2 * MINUTE_MS, 5 * HOUR_MS, 400 * 24 * HOUR_MS };
    struct chance *chance = &world->chance;
    struct agent *agent = &world->agents[chance_below(chance, (uint32_t)world->agent_count)];
    int64_t reach = reach_ms[chance_below(chance, ARRAY_LEN(reach_ms))];
    agent->skew_ms = chance_between(chance, -reach, reach);
    if (chance_percent(chance, 20)) {
        world->host.skew_ms = chance_between(chance, -10 * MINUTE_MS, 10 * MINUTE_MS);
    }
    tell("the clock of agent %u is off by %lld s", agent->number, (long long)(agent->skew_ms / 1000));
}

/* ---- machines go down and come up ---- */

static void act_crash(struct world *world)
{
    struct agent *agent = any_agent(world);
    bool power_lost = chance_percent(&world->chance, 50);
    if (agent != NULL) {
        tell("agent %u%s", agent->number, power_lost ? " without power" : "");
        agent_crash(agent, power_lost);
    }
}

static void act_die_soon(struct world *world)
{
    struct agent *agent = any_agent(world);
    long calls = chance_below(&world->chance, chance_percent(&world->chance, 50) ? 12 : 120);
    if (agent != NULL) {
        tell("agent %u at call %ld", agent->number, calls);
        disk_die_after(&agent->disk, calls);
    }
}

static void act_stop(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        agent_stop(agent);
    }
}

static void act_start(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        if (world->agents[i].store == NULL && chance_percent(&world->chance, 60)) {
            (void)agent_start(&world->agents[i]);
        }
    }
    if (world->host.centre == NULL) {
        host_start(world);
    }
}

static void act_host_crash(struct world *world)
{
    bool power_lost = chance_percent(&world->chance, 50);
    if (world->host.centre != NULL) {
        tell("the centre%s", power_lost ? " without power" : "");
        host_crash(world, power_lost);
    }
}

static void act_host_die_soon(struct world *world)
{
    if (world->host.centre != NULL) {
        disk_die_after(&world->host.disk, chance_below(&world->chance, 60));
    }
}

/* ---- disks ---- */

static struct disk *any_disk(struct world *world)
{
    size_t at = chance_below(&world->chance, (uint32_t)world->agent_count + 1);
    return at == world->agent_count ? &world->host.disk : &world->agents[at].disk;
}

static void act_disk_fails(struct world *world)
{
    struct disk *disk = any_disk(world);
    static const int codes[] = { 10 /* SQLITE_IOERR */, 13 /* SQLITE_FULL */, 1034 /* SQLITE_IOERR_FSYNC */ };
    long calls = chance_below(&world->chance, 60);
    disk_fail_after(disk, calls, codes[chance_below(&world->chance, 3)], chance_percent(&world->chance, 40));
    tell("%s at call %ld", disk->folder, calls);
}

/* While it records, and then it is well again at once: what memory knows has to be what the disk has. */
static void act_disk_fails_once(struct world *world)
{
    struct agent *agent = any_agent(world);
    long calls = chance_below(&world->chance, 16);
    if (agent != NULL && !disk_troubled(&agent->disk)) {
        tell("agent %u at call %ld", agent->number, calls);
        disk_fail_after(&agent->disk, calls, 10 /* SQLITE_IOERR */, true);
        work_attend_at(world, agent);
        disk_heal(&agent->disk);
        work_attend_at(world, agent);
    }
}

static void act_disk_full(struct world *world)
{
    struct disk *disk = any_disk(world);
    disk_fill(disk);
    tell("%s", disk->folder);
}

static void act_disk_well(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        disk_heal(&world->agents[i].disk);
    }
    disk_heal(&world->host.disk);
}

/* ---- older copies, clones ---- */

static void act_copy(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL) {
        tell("agent %u", agent->number);
        agent_copy(agent);
    }
}

/* Of a machine that runs or not; and sometimes somebody goes on working at it before it hears from the centre. */
static void act_put_back(struct world *world)
{
    size_t from = chance_below(&world->chance, (uint32_t)world->agent_count);
    for (size_t i = 0; i < world->agent_count && world->host.centre != NULL; i++) {
        struct agent *agent = &world->agents[(from + i) % world->agent_count];
        if (agent->has_copy) {
            tell("agent %u", agent->number);
            agent_put_back(agent);
            agent->line.cut |= chance_percent(&world->chance, 40);
            CHECK(agent_start(agent));
            ledger_reassess(world);
            return;
        }
    }
}

/* And sometimes both go on working before either hears from the centre. */
static void act_clone(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent != NULL && world->agent_count < AGENTS_MAX - 1) {
        agent->marks |= MARK_PUT_BACK;
        agent_stop(agent);
        struct agent *clone = world_clone(world, agent);
        tell("agent %u becomes %u too", agent->number, clone->number);
        bool apart = chance_percent(&world->chance, 40);
        agent->line.cut |= apart;
        clone->line.cut |= apart;
        if (agent_start(agent) && apart) {
            work_attend_at(world, agent);
        }
        if (agent_start(clone) && apart) {
            work_attend_at(world, clone);
        }
        agent->line.cut &= !apart;
        clone->line.cut &= !apart;
    }
}

static void act_host_copy(struct world *world)
{
    if (world->host.centre != NULL) {
        tell("the centre as it is");
        host_copy(world);
    }
}

static void act_host_put_back(struct world *world)
{
    if (world->host.centre != NULL && world->host.has_copy) {
        tell("the centre's older copy");
        host_put_back(world);
        host_start(world);
        ledger_reassess(world);
    }
}

void work_exchange_all(struct world *world)
{
    for (size_t i = 0; i < world->agent_count; i++) {
        if (world->agents[i].store != NULL) {
            client_wake(world->agents[i].client, CLIENT_WAKE_PERSON);
            agent_look_after(&world->agents[i]);
        }
    }
    world_run(world, 2 * MINUTE_MS);
}

/* Neither knows what the machine had said since the copies. Others give it back, or, as often, it says something else
 * under the same numbers before. */
static void act_both_put_back(struct world *world)
{
    struct agent *agent = any_agent(world);
    if (agent == NULL || world->host.centre == NULL) {
        return;
    }
    tell("the centre and agent %u", agent->number);
    host_copy(world);
    agent_copy(agent);
    work_attend_at(world, agent);
    work_exchange_all(world);
    work_exchange_all(world);
    if (world->host.centre == NULL) {
        return;
    }
    host_put_back(world);
    agent_put_back(agent);
    host_start(world);
    CHECK(agent_start(agent));
    ledger_reassess(world);
    if (chance_percent(&world->chance, 50)) {
        work_attend_at(world, agent);
    }
}

/* ---- ill will ---- */

static void act_lies(struct world *world)
{
    world->host.lies = chance_percent(&world->chance, 60) ? chance_below(&world->chance, 60) : 0;
    tell("of 100 answers %u are false", world->host.lies);
}

/* ---- the table ---- */

struct act {
    const char *name;
    unsigned trouble; /* only where the world has it; 0: everywhere */
    unsigned weight;
    void (*run)(struct world *world);
};

static const struct act acts[] = {
    { "attend", 0, 26, work_attend },
    { "correct", 0, 10, work_correct },
    { "attend, no note", 0, 4, work_without_note },
    { "say again", 0, 2, work_say_again },
    { "records", 0, 16, work_records },
    { "import again", 0, 2, work_import_again },
    { "notice moves", 0, 3, work_notice_moves },
    { "jcp", 0, 12, work_jcp },
    { "wait", 0, 8, act_wait },
    { "sleep", 0, 2, act_sleep },
    { "judge", 0, 8, act_judge },
    { "exchange", 0, 8, act_exchange },
    { "line", TROUBLE_LINES, 12, act_line },
    { "line well", TROUBLE_LINES, 6, act_line_well },
    { "line breaks", TROUBLE_LINES, 4, work_line_breaks },
    { "clock", TROUBLE_CLOCKS, 6, act_clock },
    { "crash", TROUBLE_CRASHES, 4, act_crash },
    { "die soon", TROUBLE_CRASHES, 6, act_die_soon },
    { "stop", TROUBLE_CRASHES, 2, act_stop },
    { "start", TROUBLE_CRASHES | TROUBLE_DISKS | TROUBLE_OLD_COPIES | TROUBLE_CLONES, 16, act_start },
    { "centre crash", TROUBLE_CRASHES, 3, act_host_crash },
    { "centre dies soon", TROUBLE_CRASHES, 4, act_host_die_soon },
    { "disk fails", TROUBLE_DISKS, 12, act_disk_fails },
    { "disk fails once", TROUBLE_DISKS, 6, act_disk_fails_once },
    { "disk full", TROUBLE_DISKS, 4, act_disk_full },
    { "disk well", TROUBLE_DISKS, 12, act_disk_well },
    { "copy", TROUBLE_OLD_COPIES, 14, act_copy },
    { "put back", TROUBLE_OLD_COPIES, 12, act_put_back },
    { "clone", TROUBLE_CLONES, 7, act_clone },
    { "centre copied", TROUBLE_CENTRE_COPIES, 10, act_host_copy },
    { "centre put back", TROUBLE_CENTRE_COPIES, 10, act_host_put_back },
    { "bundle", TROUBLE_STICKS, 20, stick_of_agent },
    { "centre's bundle", TROUBLE_STICKS, 16, stick_of_centre },
    { "bundle read", TROUBLE_STICKS, 36, stick_in },
    { "erase", TROUBLE_ERASURE, 10, work_erase },
    { "jcp erases", TROUBLE_ERASURE, 4, work_jcp_erase },
    { "erase what gave way", TROUBLE_ERASURE, 6, work_erase_aside },
    { "read a moment", TROUBLE_ERASURE, 3, work_read_moment },
    { "challenge", TROUBLE_ERASURE, 5, work_challenge },
    { "answer", TROUBLE_ERASURE, 3, work_answer },
    { "retention", TROUBLE_ERASURE, 6, work_retention },
    { "challenge over", TROUBLE_ERASURE, 3, work_challenge_over },
    { "challenge unheard", TROUBLE_ERASURE, 3, work_challenge_unheard },
    { "renew", TROUBLE_PAPERS, 6, papers_renew },
    { "enrol again", TROUBLE_PAPERS, 4, papers_enrol_again },
    { "revoke", TROUBLE_PAPERS, 5, papers_revoke },
    { "reinstate", TROUBLE_PAPERS, 4, papers_reinstate },
    { "both put back", TROUBLE_BOTH, 10, act_both_put_back },
    { "forge", TROUBLE_HOSTILE_DEVICE, 25, forger_act },
    { "lies", TROUBLE_HOSTILE_CENTRE, 16, act_lies },
    { "misled twice", TROUBLE_HOSTILE_CENTRE, 6, work_misled_twice },
};

static const struct act *draw(struct world *world)
{
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
        bool here = acts[i].trouble == 0 || (acts[i].trouble & world->profile->troubles) != 0;
        total += here ? acts[i].weight : 0;
    }
    unsigned at = chance_below(&world->chance, total);
    for (size_t i = 0;; i++) {
        bool here = acts[i].trouble == 0 || (acts[i].trouble & world->profile->troubles) != 0;
        unsigned weight = here ? acts[i].weight : 0;
        if (at < weight) {
            return &acts[i];
        }
        at -= weight;
    }
}

void acts_step(struct world *world, unsigned step)
{
    const struct act *act = draw(world);
    report_step(step, act->name);
    act->run(world);
    world_run(world, chance_between(&world->chance, 0, 3 * MINUTE_MS));
}
