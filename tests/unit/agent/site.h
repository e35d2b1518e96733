/*
 * One enrolled replica, and calls to the API as the socket would make them: method, path with query, body; the answer
 * parsed.
 */
#ifndef TESTS_UNIT_AGENT_SITE_H
#define TESTS_UNIT_AGENT_SITE_H

#include <criterion/criterion.h>
#include <jansson.h>

#include "agent/api.h"
#include "store/people.h"
#include "tests/unit/store/world.h"

#define SITE_TODAY "2026-11-20" /* a Friday */

struct site {
    struct world world;
    struct replica replica;
    int32_t today;
    int64_t now_ms;
    bool enrolled;      /* as the calls see it */
    unsigned roles;     /* of who calls; 0: all */
    const char *person; /* who is signed in; NULL: nobody is entered, and the user "tester" calls */
    size_t spool_over;  /* from how long an export is kept compressed; 0: as the agent does */
};

void site_start(struct site *site);
void site_stop(struct site *site);

/* Two people with placements on Mondays, Wednesdays and Fridays, 09:30 to 15:30, from September to February. */
void site_fill(struct site *site);

struct reply {
    int status;
    json_t *json; /* NULL when the answer is not JSON */
    char *text;
    size_t len;   /* of the text, which a file of bytes may have NULs in */
    bool spooled; /* it was kept compressed */
};

/* `path` may have a query ("?a=1&b=2", taken as it stands, without escapes). */
struct reply site_call(struct site *site, const char *method, const char *path, const char *body);
struct reply site_call_bytes(struct site *site, const char *method, const char *path, struct slice body);
void reply_fini(struct reply *reply);

/* "a.b.0.c" of the answer; fails the test when it is not there. */
const json_t *reply_at(const struct reply *reply, const char *path);
const char *reply_text(const struct reply *reply, const char *path);
json_int_t reply_int(const struct reply *reply, const char *path);
size_t reply_count(const struct reply *reply, const char *path);

/* The call must end with this status and, for an error, this code. */
void site_expect(struct site *site, const char *method, const char *path, const char *body, int status,
                 const char *code);

/* Runs the rules until nothing is marked. */
void site_judge(struct site *site);

#endif
