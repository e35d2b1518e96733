/*
 * agent/export_records - every record of a kind as rows, by the table of store/record: id, the kind's fields, and for
 * plain records who said the newest of it and when. Names of other records are their refs where they have one. Of
 * events, which are a history and no record that is merged, every one that was said.
 *
 * Layer: agent.
 */
#ifndef AGENT_EXPORT_RECORDS_H
#define AGENT_EXPORT_RECORDS_H

#include "agent/export_sink.h"

MUST_USE enum err_code export_records(struct export *export, const struct kind *kind, struct error *err);
/* Answers to referrals, what became of doubts, erasures, overwritten values that were looked at. */
MUST_USE enum err_code export_events(struct export *export, const struct kind *kind, struct error *err);
/* Compliance doubts with where each stands (export_doubts.c). */
MUST_USE enum err_code export_doubts(struct export *export, struct error *err);

#endif
