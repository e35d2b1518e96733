/*
 * agent/api_doubts - what the calls about reviews, doubts and challenges share.
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_API_DOUBTS_H
#define AGENT_API_DOUBTS_H

#include "agent/api_handlers.h"
#include "agent/names.h"
#include "store/doubts.h"

/* A flag by its id, its beginning or its key; *ret_flag is in the list. */
MUST_USE enum err_code flag_find(struct store *store, const char *text, struct flag_list_rows *list,
                                 const struct flag_state **ret_flag, struct error *err);

/* REVIEW of API.md, each of this session, newest first. */
MUST_USE enum err_code reviews_of_session(struct store *store, const struct row_id *placement, int32_t day, int slot,
                                          json_t **ret_reviews, struct error *err);

/* The doubt that could be raised about a session with what is on record: its review, notice and exposure. */
MUST_USE enum err_code doubt_plan_make(const struct api_world *world, const struct session_name *session,
                                       struct doubt_plan *ret_plan, struct error *err);
struct doubt_looking {
    const struct doubt_plan *plan;
    const struct session_row *session;
    const struct row_id *participant;
    const json_t *contacts; /* that count */
    const struct placement_facts *facts;
};

/* A list of texts. */
MUST_USE enum err_code doubt_second_look(struct store *store, const struct doubt_looking *at, json_t **ret_looks,
                                         struct error *err);

json_t *doubt_value(const struct doubt_row *row, bool whole); /* DOUBT of API.md */
json_t *wants_value(const char *wants);                       /* a list of {code, rail, text} */

/* JCP's decisions that can still be challenged in time, as a number for whoever oversees. */
struct challenges_due {
    size_t open;
    size_t near;      /* within the pack's days of warning */
    int32_t first_on; /* the first last day; ROW_NONE: none is open */
};

MUST_USE enum err_code challenges_due(const struct api_world *world, struct challenges_due *ret_due, struct error *err);

#endif
