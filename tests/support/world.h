/*
 * tests/support/world - a centre, its sites and their laptops: the built programs, on loopback, in one temporary
 * folder.
 *
 *     laptop (holdfastd) ──TLS──► [proxy] ──► centre (holdfast-endpoint)
 *         ▲ holdfast                               ▲ holdfast-endpointctl
 *
 * Everything that does not go as asked fails the test and shows what the programs said. JSON answers are borrowed from
 * the world until world_fini, which stops what runs, demands clean stops (so a leak that a sanitizer finds in a program
 * fails the test too) and removes the folder.
 *
 * Threads: the test's own.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <jansson.h>

#include "tests/support/process.h"

#define WORLD_LAPTOPS_MAX 6
#define WORLD_STEP_MS 60000 /* no command and no start takes longer */
#define WORLD_STOP_MS 20000

enum cli_exit { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_LOCKED = 4 };

struct world;

struct centre {
    struct world *world;
    char dir[FOLDER_PATH_SIZE];
    uint16_t port;
    char address[48];                  /* that it listens on */
    char clock_file[FOLDER_PATH_SIZE]; /* "": the machine's own clock */
    struct process process;
};

struct laptop {
    struct world *world;
    char dir[FOLDER_PATH_SIZE]; /* its state folder */
    char key_file[FOLDER_PATH_SIZE];
    char socket[FOLDER_PATH_SIZE];
    bool with_key_file;                /* else a passphrase unlocks */
    char clock_file[FOLDER_PATH_SIZE]; /* "": the machine's own clock */
    char config[FOLDER_PATH_SIZE];     /* settings; "": none of its own */
    struct process process;
};

struct world {
    char folder[FOLDER_PATH_SIZE];
    struct centre centre;
    struct laptop laptops[WORLD_LAPTOPS_MAX];
    size_t laptop_count;
    json_t *kept;
};

void world_init(struct world *world);
void world_fini(struct world *world);
/* A file of the sample registers, or one written into the world's folder. */
const char *world_sample(const char *name, char ret_path[FOLDER_PATH_SIZE]);
const char *world_file(struct world *world, const char *name, const char *text, char ret_path[FOLDER_PATH_SIZE]);

/* ---- the centre ---- */

/* Makes its state, and starts it on a port of its own. */
void centre_make(struct world *world);
/* With another name in its certificate than 127.0.0.1, and another address of this machine. */
void centre_make_at(struct world *world, const char *name, const char *address);
void centre_start(struct centre *centre); /* returns when it answers */
void centre_stop(struct centre *centre);
/* Its wall clock, by this much from the machine's, from its next start on; of one that was started so, at once. */
void centre_set_clock(struct centre *centre, long shift_s);
void centre_kill(struct centre *centre);
/* holdfast-endpointctl --json with these arguments, the last one NULL; NULL when it printed no JSON. */
json_t *centre_do(struct centre *centre, int expected_exit, ...) __attribute__((sentinel));
void centre_add_site(struct centre *centre, const char *organisation, const char *site);

/* ---- laptops ---- */

/* A new state folder, and the agent running on it; `with_key_file`: with an open replica. */
struct laptop *laptop_make(struct world *world, const char *name, bool with_key_file);
void laptop_start(struct laptop *laptop);     /* returns when it answers; with a key file, when the replica is open */
void laptop_start_any(struct laptop *laptop); /* open or locked: returns when it answers and tries no key any more */
void laptop_stop(struct laptop *laptop);      /* demands exit status 0 */
void laptop_kill(struct laptop *laptop);
/* Its wall clock from now on, by this much from the machine's; what runs has to have been started with a shifted one.
 */
void laptop_set_clock(struct laptop *laptop, long shift_s);
/* Likewise: it has been shut for this long, and is open again. */
void laptop_sleep(struct laptop *laptop, long seconds);
/* Likewise: it was open for this long, with nobody at it. */
void laptop_stay_awake(struct laptop *laptop, long seconds);
/* For the next start. */
void laptop_set_config(struct laptop *laptop, const char *text);
/* Enrols over `port` (the centre's own or a proxy's) with a fresh code, and waits for the first exchange. */
void laptop_enrol(struct laptop *laptop, const char *site, uint16_t port);
void laptop_enrol_at(struct laptop *laptop, const char *site, const char *url);

/* holdfast --json with these arguments, the last one NULL; NULL when it printed no JSON. */
json_t *laptop_do(struct laptop *laptop, int expected_exit, ...) __attribute__((sentinel));
/* The same, with `input` on standard input. */
json_t *laptop_tell(struct laptop *laptop, int expected_exit, const char *input, ...) __attribute__((sentinel));
json_t *laptop_status(struct laptop *laptop);
/* One request of the local API; the answer must have this code of base/error.h ("ok": none). */
json_t *laptop_ask(struct laptop *laptop, const char *expected_code, const char *method, const char *path,
                   json_t *body);

/* ---- looking into JSON: a path is "last_exchange.result" or "sessions.0.outcome" ---- */

json_t *json_at(json_t *value, const char *path);      /* NULL when not there */
const char *text_at(json_t *value, const char *path);  /* "" when null or not there */
json_int_t number_at(json_t *value, const char *path); /* -1 when null or not there */
bool true_at(json_t *value, const char *path);
bool text_holds(json_t *value, const char *path, const char *part);

/* Waits until the status has it; shows the last status when it never comes. */
void laptop_wait_text(struct laptop *laptop, const char *path, const char *wanted, int timeout_ms);
void laptop_wait_number(struct laptop *laptop, const char *path, json_int_t wanted, int timeout_ms);
/* Nothing pending, nothing to fetch, the last exchange well. */
void laptop_wait_synchronised(struct laptop *laptop, int timeout_ms);
/* Do all laptops hold the same records (export of attendance, referrals and placements)? Order is not looked at. */
bool laptops_agree(struct laptop *a, struct laptop *b);

#endif
