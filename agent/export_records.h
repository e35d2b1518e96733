/*
 * agent/export_records - every record of a kind as rows, by the table of store/record: id, the kind's fields, and for
 * plain records who said the newest of it and when. Names of other records are their refs where they have one.
 *
 * Layer: agent.
 */
#ifndef AGENT_EXPORT_RECORDS_H
#define AGENT_EXPORT_RECORDS_H

#include "agent/export_sink.h"

MUST_USE enum err_code export_records(struct export *export, const struct kind *kind, struct error *err);

#endif
