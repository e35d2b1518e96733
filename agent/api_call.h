/*
 * agent/api_call - what the handlers of agent/api share: reading a body strictly, writing an answer, and JSON's values.
 *
 * A body is read by a sticky cursor: after the first wrong member every further read gives nothing, and members_end
 * returns what was wrong. Messages name the member and what is expected, never what was found: it may be somebody's
 * name.
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_API_CALL_H
#define AGENT_API_CALL_H

#include "agent/api.h"

struct api_call {
    const struct api_world *world;
    const struct api_request *request;
    const char *tail; /* the path behind the route's prefix; "" when the route has none */
    json_t *body;     /* an object; NULL for a raw body */
    struct api_answer *answer;
};

typedef enum err_code (*api_handler)(struct api_call *call, struct error *err);

/* ---- the body ---- */

struct members {
    const json_t *object;
    enum err_code rc;
    struct error *err;
};

/* `known` ends with NULL; another member is refused. */
struct members members_begin(const json_t *object, const char *const *known, struct error *err);
/* NULL when absent, null or empty; at most `max` bytes. */
const char *member_text(struct members *members, const char *name, size_t max, bool required);
/* False when absent or null. */
bool member_int(struct members *members, const char *name, int64_t min, int64_t max, bool required, int64_t *ret_value);
bool member_bool(struct members *members, const char *name, bool otherwise);
bool member_day(struct members *members, const char *name, bool required, int32_t *ret_day);
bool member_instant(struct members *members, const char *name, int64_t *ret_at_ms);
const json_t *member_object(struct members *members, const char *name, bool required);
void members_reject(struct members *members, const char *name, const char *expected);
MUST_USE enum err_code members_end(const struct members *members);

/*
 * Who decides, reviews or confirms: where people are entered that is who is signed in, and nobody in the name of
 * somebody else (ERR_REFUSED). *name NULL: it becomes the actor's. `what` begins the message.
 */
MUST_USE enum err_code decider_name(const struct api_world *world, const char *what, const char **name,
                                    struct error *err);

/* Parses a request's body as one object within the limits; an empty body is {}. */
MUST_USE enum err_code body_parse(struct slice body, json_t **ret_object, struct error *err);

/* yyyy-mm-ddThh:mm[:ss[.mmm]]Z */
bool instant_parse(const char *text, int64_t *ret_at_ms);

/* ---- query arguments ---- */

const char *query_text(const struct api_call *call, const char *name);
MUST_USE enum err_code query_number(const struct api_call *call, const char *name, size_t otherwise, size_t max,
                                    size_t *ret_value, struct error *err);
MUST_USE enum err_code query_day(const struct api_call *call, const char *name, int32_t otherwise, int32_t *ret_day,
                                 struct error *err);
MUST_USE enum err_code query_switch(const struct api_call *call, const char *name, bool *ret_value, struct error *err);

/* ---- the answer ---- */

/* Takes `object`; NULL is out of memory. */
MUST_USE enum err_code answer_object(struct api_answer *answer, json_t *object, struct error *err);

/* A list, row by row, so that a long one never stands in memory as objects. `head` holds the members before it (or
 * NULL). Takes what it is given. */
MUST_USE enum err_code answer_list_begin(struct api_answer *answer, json_t *head, const char *name, struct error *err);
MUST_USE enum err_code answer_list_row(struct api_answer *answer, json_t *row, struct error *err);
MUST_USE enum err_code answer_list_end(struct api_answer *answer, bool more, struct error *err);
/* The whole list is there, and one more member behind it; takes `value`. */
MUST_USE enum err_code answer_list_end_with(struct api_answer *answer, const char *name, json_t *value,
                                            struct error *err);

/* ---- values; null for what is not there ---- */

json_t *value_text(const char *text); /* "" is null */
json_t *value_id(const uint8_t *id, size_t len);
json_t *value_id_or_null(const struct row_id *id); /* zero bytes are null */
json_t *value_day(int32_t day);
json_t *value_time(int minutes);
json_t *value_instant(int64_t at_ms);
json_t *value_int(int number);
json_t *value_op(const struct op_id *op);
json_t *value_base64(struct slice bytes);
json_t *value_pem(struct slice der); /* of a certificate */

#endif
