/*
 * store/programme/pack - what a loaded pack is made of. Private to this folder.
 */
#ifndef STORE_PROGRAMME_PACK_H
#define STORE_PROGRAMME_PACK_H

#include "store/programme/programme.h"

#define PACK_JSON_MAX ((size_t)1024 * 1024)
#define PACK_CODE_SIZE 41
#define PACK_TEXT_SIZE 161
#define PACK_ALSO_SIZE 401
#define PACK_WORD_SIZE 81
#define PACK_WORDS_SIZE 2001
#define PACK_WORDS_MAX 100  /* of one list in one language */
#define PACK_NOTE_SIZE 2010 /* of a folded note: what is longer is not read to its end */
#define PACK_HOLIDAYS_MAX 2000
#define PACK_LABELS_MAX 200
#define PACK_PENCE_MAX 100000000

/* X(member of struct programme_rules and of "rules" in the pack, least, most) */
#define PACK_RULES(X)                                                                                                  \
    X(cwp_weekly_minutes_max, 1, 10080)                                                                                \
    X(repeat_window_days, 0, 3660)                                                                                     \
    X(repeat_gap_days, 0, 3660)                                                                                        \
    X(first_sanction_weeks, 0, 520)                                                                                    \
    X(later_sanction_weeks, 0, 520)                                                                                    \
    X(acknowledge_working_days, 0, 260)                                                                                \
    X(start_working_days, 0, 260)                                                                                      \
    X(register_gap_after_working_days, 0, 260)                                                                         \
    X(near_capacity_percent, 1, 100)                                                                                   \
    X(forecast_inflow_weeks, 1, 26)                                                                                    \
    X(forecast_warn_weeks, 0, 26)                                                                                      \
    X(notice_posted_working_days, 0, 260)                                                                              \
    X(scheme_weeks_max, 1, 520)                                                                                        \
    X(scheme_warn_days, 0, 3660)                                                                                       \
    X(scheme_new_after_days, 0, 3660)                                                                                  \
    X(placement_end_warn_days, 0, 3660)                                                                                \
    X(lateness_sessions, 1, 100)                                                                                       \
    X(lateness_window_days, 1, 3660)                                                                                   \
    X(hours_tolerance_percent, 0, 100)                                                                                 \
    X(hours_window_weeks, 1, 52)                                                                                       \
    X(support_window_days, 0, 3660)                                                                                    \
    X(statement_max_age_days, 1, 3660)                                                                                 \
    X(supervision_minutes_per_place, 0, 10080)                                                                         \
    X(job_search_weekly_minutes, 0, 10080)                                                                             \
    X(job_search_after_days, 0, 3660)                                                                                  \
    X(job_search_window_weeks, 1, 52)                                                                                  \
    X(replica_stale_days, 1, 3660)                                                                                     \
    X(route_mix_window_days, 1, 3660)                                                                                  \
    X(route_mix_least_referrals, 1, 100000)                                                                            \
    X(route_mix_margin_percent, 1, 100)                                                                                \
    X(claim_paid_days, 1, 3660)                                                                                        \
    X(milestone_came_within_days, 1, 3660)                                                                             \
    X(viability_window_days, 1, 36600)                                                                                 \
    X(viability_least_people, 1, 100000)                                                                               \
    X(conflation_window_days, 0, 3660)                                                                                 \
    X(reconsideration_months, 0, 120)                                                                                  \
    X(appeal_months, 0, 120)                                                                                           \
    X(challenge_warn_days, 0, 3660)

enum pack_rule {
#define X(name, least, most) PACK_RULE_##name,
    PACK_RULES(X)
#undef X
        PACK_RULE_COUNT
};

struct holiday {
    int32_t day;
    char name[PACK_TEXT_SIZE];
};

struct holiday_list {
    struct holiday *items; /* ascending, each day once */
    size_t count;
};

struct label {
    char code[PACK_CODE_SIZE];
    enum reason_kind kind;     /* of a reason */
    int share_percent;         /* expected of a route; -1: none is */
    char also[PACK_ALSO_SIZE]; /* other names of a route, separated by commas */
    bool policy;               /* of a reason to decline: it is a matter of policy */
    int after_days;            /* of a payment trigger */
    int share_permille;        /* of a payment trigger */
    char text[LANGUAGE_COUNT][PACK_TEXT_SIZE];
    char words[PACK_WORDS_SIZE]; /* of a reason: folded, each ending in NUL, "" behind the last */
};

struct label_list {
    struct label *items; /* each code once */
    size_t count;
};

/* Words and phrases to be found in what people write. */
struct word_list {
    char (*items)[PACK_CODE_SIZE];
    size_t count;
};

struct programme {
    char id[PACK_CODE_SIZE];
    int version;
    char sha256[PROGRAMME_SHA256_SIZE];
    struct programme_rules rules;
    char sources[PACK_RULE_COUNT][PACK_TEXT_SIZE];
    struct label_list labels[LABEL_SET_COUNT];
    struct word_list volunteering[LANGUAGE_COUNT];
    struct word_list not_volunteering; /* phrases with such a word that mean something else */
    struct holiday_list holidays[CALENDAR_COUNT];
    int64_t person_pence_max;
    char payments_source[PACK_TEXT_SIZE];
};

#endif
