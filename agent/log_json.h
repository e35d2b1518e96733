/*
 * agent/log_json - one entry of the log as JSON: who recorded what about whom, decoded by field names.
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_LOG_JSON_H
#define AGENT_LOG_JSON_H

#include <jansson.h>

#include "store/query.h"

/* The placements that name the sessions in `list`, by id; an empty list when there are none. */
MUST_USE enum err_code log_placements(struct store *store, const struct log_list *list,
                                      struct placement_list *ret_placements, struct error *err);

/* NULL without memory. `placements` from log_placements. */
json_t *log_value(struct store *store, const struct log_row *row, const struct placement_list *placements);

/* What people call a record, by its own ref or that of its person (then their name too, `ret_name` may be NULL); ""
 * where none is known. */
MUST_USE enum err_code log_subject(struct store *store, uint32_t kind, struct slice subject, char ret_ref[ROW_REF_SIZE],
                                   char ret_name[ROW_NAME_SIZE], struct error *err);

/* "d92f25b7/1/42": the beginning of the device's id, incarnation, seq. */
#define LOG_ENTRY_NAME_SIZE 48
void log_entry_name(const struct op_id *op, char out[LOG_ENTRY_NAME_SIZE]);

/* Only the fields: {} for an erased or unknown one. */
json_t *log_fields_value(const struct log_row *row);

/* The session's name of an attendance; false for any other entry or an unknown placement. `out` takes SESSION_NAME_SIZE
 * bytes. */
bool log_session_name(const struct log_row *row, const struct placement_list *placements, char *out);

#endif
