/*
 * tests/bench/common/town - the built programs as they run in earnest: a centre with one site, and agents of that site,
 * each with its own state folder, on loopback.
 *
 *     this process ──unix socket──► holdfastd ──TLS──► proxy ──► holdfast-endpoint
 */
#ifndef BENCH_COMMON_TOWN_H
#define BENCH_COMMON_TOWN_H

#include <curl/curl.h>
#include <jansson.h>

#include "base/bytes.h"
#include "tests/bench/common/process.h"
#include "tests/bench/common/proxy.h"
#include "tests/bench/common/week.h"

#define TOWN_PATH_SIZE 160

struct town {
    char bin[TOWN_PATH_SIZE]; /* the build folder */
    char folder[96];
    char log[TOWN_PATH_SIZE];
    struct process centre;
    uint16_t centre_port;
    uint16_t proxy_port;
    struct proxy *proxy; /* NULL: the network is down */
};

/* Makes the centre and its site, and starts it. */
void town_init(struct town *town, const char *bin);
void town_fini(struct town *town);

void town_open(struct town *town);       /* the centre is up, the network is as it was */
void town_connect(struct town *town);    /* the centre and the network are up; the proxy counts from zero */
void town_cut(struct town *town);        /* the network is gone, the centre is still up */
void town_disconnect(struct town *town); /* both are gone */

struct agent_program {
    struct town *town;
    char name[16];
    char socket[TOWN_PATH_SIZE];
    bool asks_only; /* set before it is started: no exchange but those that are asked for, and at the start */
    struct process process;
    CURL *curl; /* one kept connection, as the page has */
    struct buf answer;
};

void agent_make(struct agent_program *agent, struct town *town, const char *name);
/* Returns when the replica is open; the time from the start of the process to that. */
double agent_start(struct agent_program *agent);
void agent_stop(struct agent_program *agent);
void agent_fini(struct agent_program *agent);
void agent_enrol(struct agent_program *agent);

/* One call of the local API; anything but 200 ends the benchmark. `body` NULL: a GET. The answer is agent->answer. */
void agent_call(struct agent_program *agent, const char *path, struct slice body);
/* The same, parsed; owned by the caller. */
json_t *agent_ask(struct agent_program *agent, const char *path, const char *body);

/* Of the status: "last_exchange.bytes_sent". */
int64_t status_number(json_t *status, const char *path);

/* Asks for the status until nothing is pending and nothing is to be fetched, the last exchange went well and at least
 * `ops` ops are held; the status, owned by the caller. */
json_t *agent_wait_exchanged(struct agent_program *agent, int64_t ops);
/* ... and the rules have looked at everything. */
void agent_wait_judged(struct agent_program *agent);
/* Of an agent without a network, in which nothing is recorded any more: waits until it tries nothing by itself for the
 * next seconds. A try that is under way when the network comes back would carry everything before it is asked for. */
void agent_wait_resting(struct agent_program *agent);

/* WEEK_PLACEMENTS participants and placements from number `first` on, for records from `first_day` on. */
void agent_record_people(struct agent_program *agent, int first, int32_t first_day);
/* The same for `count` records of the week that ends today. */
void agent_record_placements(struct agent_program *agent, size_t count);

#endif
