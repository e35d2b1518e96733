/*
 * agent/rules/flags - collecting flags and writing their texts. Private to this folder.
 *
 * Texts hold refs, dates, hours and codes; never a name of a person.
 */
#ifndef AGENT_RULES_FLAGS_H
#define AGENT_RULES_FLAGS_H

#include "agent/rules/rules.h"

#define HOURS_TEXT_SIZE 24
#define SESSION_REF_SIZE (ROW_REF_SIZE + 16)

/* Where the flags of one call are collected: at most FLAGS_MAX, those with the earliest `since` (then key). */
MUST_USE enum err_code flag_list_add(struct flag_list *list, const struct flag_row *flag, struct error *err);

/* Moves the flags of `from` into `into`, sorted by key. On failure `into` is as before. */
MUST_USE enum err_code flag_list_merge(struct flag_list *into, const struct flag_list *from, struct error *err);

/* snprintf that cuts at a whole UTF-8 character. */
void text_put(char *out, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
void text_append(char *out, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

/* " (09:30 to 15:30)", or "" when the times are not known. */
void hours_put(char out[HOURS_TEXT_SIZE], int starts_min, int ends_min);

/* GDN-P014@2026-11-20, with /2 to /4 for the later sessions of a day. */
void session_ref_put(char out[SESSION_REF_SIZE], const char *placement_ref, const struct session_row *session);

/* Recorded, undisputed, as having been there, however long. */
bool person_came(const struct session_row *session);

/* A reason is recorded, and it is a code of the programme: any other says nothing yet, and is asked about. */
bool reason_known(const struct programme *programme, const struct session_row *session);

/* The largest r with r * r <= n. */
int64_t square_root(int64_t n);

/* A day that clock.h can write; rows with any other come from no calendar and are left out by the rules. */
bool day_known(int32_t day);

/* A flag with its code, severity, subject, since and key; its texts are empty. */
struct flag_row flag_of_placement(const char *code, enum severity severity, const struct placement_row *placement,
                                  int32_t since);
struct flag_row flag_of_session(const char *code, enum severity severity, const struct placement_row *placement,
                                const struct session_row *session);
struct flag_row flag_of_site(const char *code, enum severity severity, int32_t since);
/* Of a host or an opportunity, by its ref. */
struct flag_row flag_of_named(const char *code, enum severity severity, const char *ref, int32_t since);
struct flag_row flag_of_referral(const char *code, enum severity severity, const struct referral_row *referral,
                                 int32_t since);

/* The families, each in its own file. */
struct placement_case {
    const struct programme *programme;
    const struct placement_facts *facts;
    int32_t today;
};

struct site_case {
    const struct programme *programme;
    const struct site_facts *facts;
    int32_t today;
};

MUST_USE enum err_code rules_absence(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_register(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_appointment(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_support(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_hours(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_notice(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_term(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_milestone_due(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_contract(const struct site_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_conflation(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_job_search(const struct placement_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_crowd(const struct site_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_replica(const struct site_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_statement(const struct site_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_capacity(const struct site_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_forecast_flag(const struct site_case *c, struct flag_list *out, struct error *err);
MUST_USE enum err_code rules_referral(const struct site_case *c, struct flag_list *out, struct error *err);

#endif
