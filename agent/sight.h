/*
 * agent/sight - need to know: which fields the person who asks may see, and a note of each that they saw.
 *
 *   api_call_data ── sight_begin ── handlers write records as JSON (record_json asks sight_shows) ── sight_end
 *                                                                     │ withheld: null, and named in "withheld"
 *                                                                     └ shown: noted, and in the audit log before the
 *                                                                       answer goes out; if that fails it does not
 *
 *   field                                                     shown to
 *   marked sensitive in the table of fields (store/record_kinds.c) coordinator, reviewer
 *   address and phone of a participant                         the same, and a supervisor unless the case is restricted
 *   where a restricted case is or is to be placed (host, role, coordinator, reviewer, supervisor; in a calendar's file
 *   opportunity)                                               nobody: calendars go on to phones and are shared
 *   reason and note of attendance                             the same, and the supervisor, who keeps the register
 *   a participant's name                                       all but trustees: it is what people work by; not noted
 *
 * Of what a call shows there is one note for each person and kind of record, with the names of the fields.
 *
 * Outside of a call (tests, the rules) everything is shown and nothing is noted.
 *
 * Threads: any; one call at a time in each.
 * Layer:   agent, inside the API.
 */
#ifndef AGENT_SIGHT_H
#define AGENT_SIGHT_H

#include "agent/api.h"
#include "store/audit.h"

void sight_begin(const struct api_world *world, const struct api_request *request);
/* What was noted, as struct audit_entry one behind the other. The answer must not go out when this fails, or before
 * they are in the audit log. */
MUST_USE enum err_code sight_end(struct buf *notes, struct error *err);

/* Notes it when it is shown. `subject` may be empty: of which record is then not known. */
bool sight_shows(const struct kind *kind, const struct field *field, struct slice subject);
/* The text of such a field, noted; "" when it is withheld, and for "". */
const char *sight_text(uint32_t kind, const char *field, struct slice subject, const char *text);
const char *sight_attendance(const char *field, const struct row_id *placement, int32_t day, int slot,
                             const char *text);
/* Host, role or opportunity of a placement. */
const char *sight_place(const char *field, const struct row_id *placement, const char *text);
/* The opportunity that a referral is accepted for. */
const char *sight_agreed_place(const struct row_id *referral, const char *text);
/* A participant's name. */
const char *sight_name(const char *name);

#endif
