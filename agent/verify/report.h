/*
 * agent/verify/report - what a pack proves, said to a person or in JSON.
 *
 * Every word of a record comes from a stranger: what could steer a terminal is written as an escape.
 */
#ifndef AGENT_VERIFY_REPORT_H
#define AGENT_VERIFY_REPORT_H

#include <stdio.h>

#include "agent/verify/pack_check.h"

/* `insisted`: the authority was named by who asks. `brief`: without the records. */
void report_print(const struct pack_report *report, bool insisted, bool brief, FILE *out);
void report_json(const struct pack_report *report, bool brief, FILE *out);

/* Nothing is wrong, and every record is proved to be its device's. */
bool report_proves(const struct pack_report *report);

#endif
