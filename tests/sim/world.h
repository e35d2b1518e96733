/*
 * tests/sim/world - one simulated world: a centre, agents at several sites, the lines between them, and the time.
 *
 *     agent: replica, vault, client ──► line: lost, late, doubled, cut ──► centre: endpoint core, vault
 *       │                                                                   ▲
 *       └── disk, clock of its own                    JCP, hostile devices ─┘
 *
 * Everything but the machines around it is the product: the store over the vault, the client's machine, the rules, the
 * centre's core. What the world adds is time, disks, lines, people and ill will, all of it from the seed.
 *
 * Whatever may fail in the world's own workings ends the process (MUST); what the product must not do is reported by
 * sim_fail with the seed.
 *
 * Threads: one.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "agent/flags_pass.h"
#include "base/clock.h"
#include "sync/client.h"
#include "sync/endpoint/core/centre.h"
#include "tests/sim/chance.h"
#include "tests/sim/disk.h"
#include "tests/sim/ledger.h"
#include "tests/sim/report.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)

enum { SITES = 2, AGENTS_MAX = 7, PEOPLE = 3, REPLAYS = 8, STICKS = 6, LATEST_MESSAGES_MAX = 64 };

/* What was done to a machine, and what may therefore be found in the end. */
enum mark {
    MARK_PUT_BACK = 1, /* an older copy of it was put back, or it was cloned */
    MARK_LIED_TO = 2,  /* the centre gave it an answer of another time or for another agent */
    MARK_REFUSED = 4,  /* the centre refused a good record of it */
};

/* How good a machine's line is: percentages, of each exchange. */
struct line {
    bool cut; /* nothing goes through */
    unsigned request_lost, answer_lost, doubled, request_torn, answer_torn, portal, busy;
    int64_t latency_ms;
};

struct site {
    unsigned number;
    const char *name;
    uint8_t stream[STREAM_ID_BYTES];
};

struct world;

struct agent {
    struct world *world;
    unsigned number;
    const struct site *site;
    bool offline; /* it never has a network: bundles alone go between it and the centre */
    char folder[96];
    char path[128];
    struct disk disk;
    struct vault *vault;
    struct store *store; /* NULL: it is off */
    struct store_identity identity;
    uint8_t device[DEVICE_ID_BYTES]; /* also when it is off */
    bool was_revoked;                /* at some time; whether it still is, its centre knows */
    struct device_key *key;
    struct buf certificate; /* what its connections prove */
    struct client *client;
    struct client_io io;
    unsigned life; /* which start this is: what was under way for an earlier one is dropped */
    bool sending;
    int64_t sent_at_ms; /* true time */
    int64_t sent_skew_ms;
    bool offset_known; /* its clock was measured by an answer that did not lie: this, give or take the slack */
    int64_t offset_ms;
    int64_t offset_slack_ms;
    int64_t timer_at_ms; /* true time; -1: off */
    int64_t skew_ms;     /* its wall clock minus the true time */
    struct line line;
    struct flag_list flags; /* scratch of the rules */
    bool flags_due;
    int32_t flags_day;
    unsigned marks; /* enum mark */
    bool has_copy;  /* an older copy of its files is kept */
};

/* Whom it tells, once, of a history without what the others said (liar.c). */
struct misled {
    const struct agent *agent; /* NULL: nobody; all of its answers are counted */
    bool due;
    bool more;        /* and that there is more of it */
    unsigned answers; /* that it was given */
};

struct host { /* of the centre */
    char folder[96];
    char path[128];
    struct disk disk;
    struct vault *vault;
    struct centre *centre; /* NULL: it is off */
    int64_t skew_ms;
    bool has_copy;
    bool put_back; /* an older copy of it was put back at some time */
    bool unsure;   /* a write of its own failed: it may turn up all the same */
    unsigned lies; /* percent of its answers that are not as it should give them */
    struct misled misled;
};

/* A request on its way, or what becomes of it. */
struct message {
    bool to_agent;
    bool answer_wanted; /* of a request: not a double */
    bool torn;          /* of a request: the line broke before all of it had come */
    unsigned agent, life;
    int64_t at_ms;
    uint64_t order;
    struct buf bytes;
    enum err_code outcome; /* of an answer */
    enum err_code refused; /* what the centre itself said */
    long http_status;
    const char *content_type;
    int64_t retry_after_s;
    size_t sent;       /* of the request, before the line was cut */
    int64_t offset_ms; /* of the clock of the agent that asked, when it was answered */
    bool lies;
    bool misleads; /* an answer of which nothing may be taken */
};

/* A bundle that somebody carries about. */
struct stick {
    bool to_centre;
    uint8_t device[DEVICE_ID_BYTES]; /* whose it is, or for whom */
    struct buf bytes;                /* none: there is none */
};

struct profile;
struct forger;

struct world {
    struct chance chance;
    const struct profile *profile;
    char folder[80];
    int64_t now_ms; /* true */
    struct site sites[SITES];
    struct host host;
    struct agent agents[AGENTS_MAX];
    size_t agent_count;
    struct message messages[LATEST_MESSAGES_MAX];
    size_t message_count;
    uint64_t messages_sent;
    struct buf replays[REPLAYS]; /* requests seen on the lines */
    size_t replay_count;
    struct stick sticks[STICKS];
    size_t sticks_written;
    struct ledger ledger;
    struct forger *forger;
    unsigned token;       /* a number for each thing said, so that each is said once */
    bool unsure_erasures; /* one failed: it may turn up all the same */
    bool healed;          /* settling: no more trouble */
    bool by_hand;         /* ... and no network: bundles alone go between the centre and everybody */
};

void world_make(struct world *world, uint64_t seed); /* a copy of the template, with some of its machines */
void world_end(struct world *world);
/* A machine that was never on before; off. */
struct agent *world_newcomer(struct world *world);
/* Another machine with the files of one that is off; off. */
struct agent *world_clone(struct world *world, struct agent *of);

/* Lets the time pass and everything happen that is due. */
void world_run(struct world *world, int64_t ms);
/* Nobody is awake: clocks go on, nothing happens. */
void world_sleep(struct world *world, int64_t ms);

/* ---- the centre ---- */

void host_start(struct world *world);
void host_stop(struct world *world); /* as an operator does */
void host_crash(struct world *world, bool power_lost);
void host_copy(struct world *world); /* its files as they are */
void host_put_back(struct world *world);
bool host_look_after(struct world *world); /* true: its disk died, and it went down with it */
int64_t host_wall_ms(const struct world *world);
/* The answer to a request as its edge gives it; false: it went down over it. */
bool host_answer(struct world *world, struct slice peer, struct slice request, struct message *answer);
/* What came of a request before its line broke. */
void host_cut_short(struct world *world, struct slice peer, struct slice request);
/* What it does between requests: the slices of erasures that are due, with a healthy disk. */
void host_erase_on(struct world *world);
/* An operation by JCP; the answer's op ids are in the ledger. False: refused for trouble with its disk. */
bool host_write(struct world *world, const struct site *site, const char *operation, json_t *arguments);
uint64_t host_ops(struct world *world); /* held, of all sites */

/* ---- the agents ---- */

/* A machine of the template on this world's disk; off. */
void agent_place(struct world *world, const struct site *site, const char *files, struct agent *agent);
/* False: its disk let it not start. */
bool agent_start(struct agent *agent);
void agent_stop(struct agent *agent);
void agent_crash(struct agent *agent, bool power_lost);
void agent_copy(struct agent *agent);
void agent_put_back(struct agent *agent);
/* As the service does it: what came late about people who were erased goes, and the file is made anew without it. */
void agent_erase_late(struct agent *agent);
/* The rules' pass, as the service does it: what is marked, and everything on another day. */
void agent_judge(struct agent *agent);
/* It judges what is marked, and then everything: its flags have to be the same, by their digest. settle.c */
void agent_check_flags(struct agent *agent, uint8_t ret_digest[SHA256_BYTES]);
int64_t agent_wall_ms(const struct agent *agent);
/* Last of all, as it writes: nothing that it knows of volunteers is seen elsewhere. volunteers.c */
void volunteers_check(struct agent *agent);
void agent_answered(struct agent *agent, struct message *message);
/* It recorded something just now: with the offset of its clock that was measured last. */
void agent_check_offset(struct agent *agent);
/* After anything that touched its disk: goes down if the disk died. */
void agent_look_after(struct agent *agent);

/* ---- the lines ---- */

void line_send(struct agent *agent, struct slice body);
void line_deliver(struct world *world, struct message *message);
void line_drop_all(struct world *world);

/* ---- certificates: papers.c ---- */

bool papers_revoked(struct world *world, const struct agent *agent); /* by the centre, which is on */
void papers_reinstate(struct world *world);                          /* one of those that are revoked */

/* ---- what is carried by hand: sticks.c ---- */

void stick_of_agent(struct world *world);
void stick_of_centre(struct world *world);
void stick_in(struct world *world);
void sticks_found(struct world *world); /* in the end: what still lies about, some of it */
void sticks_forget(struct world *world);
/* Everything that is to be said between a machine and the centre, both on, once each way. */
void sticks_exchange(struct agent *agent);

/* ---- ill will ---- */

void forger_make(struct world *world);
void forger_end(struct world *world);
void forger_act(struct world *world);
/* Changes an answer that the centre is about to give to this agent. */
void liar_change(struct world *world, struct agent *agent, struct message *answer);
void liar_forget(void); /* the answers kept for later */

/* ---- in the end ---- */

/* Lines and disks are well again, everything is on, and exchanges until nothing changes; then everything is checked. */
void world_settle(struct world *world);
/* What was erased is gone from every log, and nothing else: erasing.c. */
void check_erased(struct world *world);
void erasures_adopt(struct world *world); /* into the ledger: those that turned up */

#endif
