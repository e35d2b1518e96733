/*
 * agent/enrolment_parts - what the two files of an enrolment over the network share: enrolment.c has the steps and
 * takes the answers, enrolment_ask.c asks. Not for others.
 */
#ifndef AGENT_ENROLMENT_PARTS_H
#define AGENT_ENROLMENT_PARTS_H

#include "agent/enrolment.h"

#define ENROLMENT_ANSWER_MAX ((size_t)64 * 1024)

/* For a renewal the centre's clock counts, not this one's. */
int64_t enrolment_now_ms(const struct enrolment *enrolment);
/* As PEM with a closing NUL, in place of what is in `out`. */
MUST_USE enum err_code enrolment_to_pem(struct slice der, struct buf *out, struct error *err);

/* Each is a step: sets it, and asks. */
MUST_USE enum err_code enrolment_ask_ca(struct enrolment *enrolment, struct error *err);
MUST_USE enum err_code enrolment_ask_certificate(struct enrolment *enrolment, struct error *err);
MUST_USE enum err_code enrolment_ask_site(struct enrolment *enrolment, struct error *err);
/* enrolment.c: what came of it. */
void enrolment_answered(void *context, const struct http_result *result);

#endif
