/*
 * agent/record_json - a record's fields as JSON members and back, by the table of store/record.
 *
 *   TEXT, CODE  text              DATE  "yyyy-mm-dd"      BOOL  true, false
 *   INT         number            TIME  "hh:mm"           ID    32 hexadecimal digits; read also as a ref
 *
 * An attendance's outcome is written and read by its name.
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_RECORD_JSON_H
#define AGENT_RECORD_JSON_H

#include <jansson.h>

#include "store/query.h"

/* Room for the ids that a record borrows. */
struct record_ids {
    uint8_t bytes[RECORD_FIELDS_MAX][OP_ENTITY_BYTES];
};

/* Texts are borrowed from `fields`, ids from `ids`. Types only; the store checks the rest. ERR_INVALID names the field.
 */
MUST_USE enum err_code record_from_json(struct store *store, const struct kind *kind, const json_t *fields,
                                        struct record_ids *ids, struct record *ret_record, struct error *err);

/* NULL without memory. Of the record about `subject`; what who asks may not see is null and named in "withheld"
 * (agent/sight.h). */
json_t *record_to_json(const struct record *record, struct slice subject);

#endif
