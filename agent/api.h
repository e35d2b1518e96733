/*
 * agent/api - the calls of API.md that ask the replica or record in it: a request and the replica in, an answer out.
 *
 * No socket, no clock and no loop in here: who asks, what time it is and what day are given, so that tests and fuzzers
 * drive the very code that answers the page. Calls about the running service (status, unlock, enrol, sync) are in
 * agent/api_service.c.
 *
 *   api_call_data ── route ── read the body strictly ── handler ──► answer: one object, or a list written row by row
 *
 * Ownership:  the caller owns world, request and answer; api_answer_fini releases the answer's body.
 * Limits:     API_BODY_MAX (import: TABLE_FILE_BYTES_MAX), API_DEPTH_MAX, API_ANSWER_MAX (an export: SPOOL_BYTES_MAX).
 * Layer:      agent. No uv.h.
 */
#ifndef AGENT_API_H
#define AGENT_API_H

#include <jansson.h>
#include <stdatomic.h>

#include "agent/spool.h"
#include "base/clock.h"
#include "store/query.h"

#define API_BODY_MAX ((size_t)1024 * 1024)
#define API_DEPTH_MAX 16
#define API_ANSWER_MAX ((size_t)256 * 1024 * 1024)
#define API_SPOOL_OVER ((size_t)1024 * 1024)

/* What a call works on. */
struct api_world {
    struct store *store;
    const struct programme *programme;
    const uint8_t *stream; /* STREAM_ID_BYTES; NULL before enrolment */
    const char *actor;
    bool named;     /* the actor is a person who is entered, and not only a user of the system */
    unsigned roles; /* of who asks (store/people.h): what they may see; agent/roles.h has decided what they may call */
    int64_t now_ms;
    int32_t today;
    int retention_months;        /* after a person's newest day; 0: nothing is ever due */
    atomic_uint_least64_t *rows; /* NULL, or counts the rows of an export as they are written */
};

struct api_request {
    const char *method;
    const char *path; /* decoded, without the query */
    struct slice body;
    const char *(*query)(const void *context, const char *name); /* decoded argument or NULL */
    const void *query_context;
};

struct api_answer {
    int status;
    const char *content_type;
    struct buf body;
    struct spool *spool; /* NULL, or what is sent in place of the body: an export that is too long for it */
    size_t spool_over;   /* from how long an export is kept so */
    bool wrote;          /* something was recorded: the rules and the exchange have work */
    bool changed_here;   /* something of this machine alone was: the rules have work */
    struct buf notes;    /* struct audit_entry of what it shows, in the log before it goes out (api_answer_note) */
    enum err_code code;  /* ERR_OK, or why it failed: */
    struct error error;
};

/* Once a process: JSON's memory is wiped when it is freed, as passphrases and names pass through it. */
void api_wipe_freed_json(void);

void api_answer_init(struct api_answer *answer);
void api_answer_fini(struct api_answer *answer);
/* The error as the answer, in place of whatever was there. */
void api_answer_error(struct api_answer *answer, const struct error *err);
int api_status_of(enum err_code code);

/* Is it the path of a data call, whatever the method? */
bool api_knows(const char *path);

/* The calls in their order, for tests: false past the end. */
bool api_route_at(size_t index, const char **ret_method, const char **ret_prefix);

/* Answers always: a failure is the answer. */
void api_call_data(const struct api_world *world, const struct api_request *request, struct api_answer *answer);

/* Does the call read so much that it belongs in a thread, with a store_open_reader? */
enum api_reading { API_READS_LITTLE, API_EXPORTS, API_VERIFIES };
enum api_reading api_reads_long(const char *method, const char *path);
/* The same as api_call_data in two steps: the first may be in another thread, with another store, than the second,
 * without which the answer must not go out. */
void api_call_run(const struct api_world *world, const struct api_request *request, struct api_answer *answer);
void api_answer_note(struct api_answer *answer, struct store *store);

#endif
