/*
 * store/programme - the programme pack: every number, deadline, code and holiday of the programme, as data.
 *
 * The built-in pack is store/programme/help-to-work-2014.json, checked by the same loader as any other. A new programme
 * is a new pack and no new code. Nothing here is ever changed after loading, so it may be read from any thread.
 */
#ifndef STORE_PROGRAMME_PROGRAMME_H
#define STORE_PROGRAMME_PROGRAMME_H

#include "base/bytes.h"

enum calendar { CALENDAR_ENGLAND_WALES, CALENDAR_SCOTLAND, CALENDAR_COUNT };

/* Every member is read from the pack; the pack's text names the source of each number. */
struct programme_rules {
    int cwp_weekly_minutes_max;   /* 30 hours */
    int repeat_window_days;       /* 52 weeks: a later failure counts on or before this many days after the earlier */
    int repeat_gap_days;          /* 2 weeks: on or before this many days after the earlier one it does not count */
    int first_sanction_weeks;     /* 4 */
    int later_sanction_weeks;     /* 13 */
    int acknowledge_working_days; /* 2 */
    int start_working_days;       /* 15 */
    int register_gap_after_working_days; /* a session unrecorded for longer than this is a gap */
    int near_capacity_percent;           /* of the stated places */
    int forecast_inflow_weeks;           /* weeks of history that the inflow is taken from */
    int forecast_warn_weeks;             /* full within this many weeks is `watch` */
    int notice_posted_working_days;      /* posted counts as received on the second working day after */
    int scheme_weeks_max;                /* 30: all mandatory placements of a person together */
    int scheme_warn_days;                /* before that limit */
    int scheme_new_after_days;           /* a longer break between placements begins anew */
    int placement_end_warn_days;         /* before a placement's last day */
    int lateness_sessions;               /* late or left early, within the window, are repeated lateness */
    int lateness_window_days;            /* up to today */
    int hours_tolerance_percent;         /* of the agreed hours of a week, either way */
    int hours_window_weeks;              /* weeks looked at, this one included */
    int support_window_days;             /* absences for a good reason are shown so long */
    int statement_max_age_days;          /* of a capacity statement */
    int supervision_minutes_per_place;   /* a week; 0: not compared */
    int job_search_weekly_minutes;       /* where the placement says nothing; 0: not compared */
    int job_search_after_days;           /* a week is looked at so many days after its Sunday */
    int job_search_window_weeks;         /* whole weeks looked at */
    int replica_stale_days;              /* without an exchange with the centre */
    int route_mix_window_days;           /* up to today */
    int route_mix_least_referrals;       /* in the window, for shares to say anything */
    int route_mix_margin_percent;        /* points of difference to the expected share */
    int claim_paid_days;                 /* after a claim, until it is said that it is not paid */
    int milestone_came_within_days;      /* before a milestone: the person was there */
    int viability_window_days;           /* of first days, up to today, from which completion is observed */
    int viability_least_people;          /* fewer say nothing about completion */
    int conflation_window_days;          /* before today in which volunteering beside a placement is looked for */
    int reconsideration_months;          /* after a decision: mandatory reconsideration is asked for by then */
    int appeal_months;                   /* after its answer */
    int challenge_warn_days;             /* a deadline of these is near */
};

struct programme;

/* The built-in pack, loaded once. Never fails: a broken built-in pack is our own bug. */
const struct programme *programme_default(void);
struct slice programme_default_json(void);

/*
 * `json` at most 1 MiB. ERR_INVALID names the member and what is expected. Members that this version does not know are
 * ignored; codes that it does not know are kept with their labels.
 */
MUST_USE enum err_code programme_load(struct slice json, struct programme **ret_programme, struct error *err);
void programme_free(struct programme *programme);

/*
 * A pack as it travels in a record of the centre (store/packs.h): the bytes of its file as one zstd frame. ERR_LIMIT:
 * longer than can be sent. ERR_INVALID: not such a frame, or of more than PROGRAMME_JSON_MAX bytes, found out before
 * any is expanded. Neither looks at the JSON. `out` takes PROGRAMME_PACKED_MAX or PROGRAMME_JSON_MAX + 1 bytes.
 */
#define PROGRAMME_JSON_MAX ((size_t)256 * 1024)
#define PROGRAMME_PACKED_MAX ((size_t)15 * 1024)
MUST_USE enum err_code programme_compress(struct slice json, struct buf *out, struct error *err);
MUST_USE enum err_code programme_expand(struct slice packed, struct buf *out, struct error *err);

const char *programme_id(const struct programme *programme); /* "help-to-work-2014" */
int programme_version(const struct programme *programme);
/* Of the bytes it was loaded from, as hexadecimal digits: the same pack everywhere has the same. */
#define PROGRAMME_SHA256_SIZE 65
const char *programme_sha256(const struct programme *programme);
const struct programme_rules *programme_rules_of(const struct programme *programme);

/* Where the number comes from, by the name of its member (repeat_gap_days): "briefing", "our default"... NULL if
 * unknown. */
const char *programme_rule_source(const struct programme *programme, const char *rule);

enum label_set { LABEL_ROUTE, LABEL_OUTCOME, LABEL_REASON, LABEL_DECLINE, LABEL_TRIGGER, LABEL_SET_COUNT };
enum language { LANGUAGE_ENGLISH, LANGUAGE_WELSH, LANGUAGE_COUNT };

/* What people read for a code. NULL for a code that the pack does not have: the caller shows the code itself. */
const char *programme_label(const struct programme *programme, enum label_set set, const char *code,
                            enum language language);

enum reason_kind {
    REASON_OTHER,       /* also every code that the pack does not have */
    REASON_GOOD_REASON, /* one of the usual factors of good reason: support first */
    REASON_EXCUSED      /* by the host or JCP */
};

/* The code that was probably meant by `text`, which the set does not have: two letters or fewer are otherwise; or NULL.
 */
const char *programme_code_near(const struct programme *programme, enum label_set set, const char *text);

/* To decline a referral for this reason is a matter of policy: a full answer, never counted as failure. False for a
 * code that the pack does not have, and for NULL. */
bool programme_decline_is_policy(const struct programme *programme, const char *code);

enum reason_kind programme_reason_kind(const struct programme *programme, const char *code);

/* " " and the plain words of the text, lower-case and without accents, one space after each; cut where `out` (of 3
 * bytes or more) is full. Returns the length. */
size_t words_fold(const char *text, char *out, size_t size);

/* The code of the first factor of good reason of which a word of the pack's lists (English and Welsh, accents or not)
 * stands in the text; NULL: none. A guess, for a person to look: never more. */
const char *programme_reason_in_words(const struct programme *programme, const char *text);

/*
 * The first of the pack's words for volunteering that stands in `text` as a word of its own (accents or not), and not
 * within one of the phrases that the pack leaves out ("volunteer centre"). NULL: there is none.
 */
const char *programme_volunteering_word(const struct programme *programme, const char *text);

/* The share of referrals expected on a route; -1 when the pack names none or has no such route. */
int programme_route_share_percent(const struct programme *programme, const char *code);

/* Other names that people write for a route, separated by commas; "" when there are none. */
const char *programme_route_also(const struct programme *programme, const char *code);

/* The codes of a set in the pack's order; NULL at and after the end. */
const char *programme_code_at(const struct programme *programme, enum label_set set, size_t index);

/*
 * What a contract by results pays for, by the pack: at each trigger (LABEL_TRIGGER, in the order in which they are
 * reached) a share of what a person in full is worth. The shares add up to 1000.
 */
#define TRIGGERS_MAX 8

struct payment_trigger {
    const char *code;
    int after_days; /* on placement; 0: as soon as the person came */
    int share_permille;
};

/* False at and after the end; a programme may pay nothing by results. */
bool programme_trigger_at(const struct programme *programme, size_t index, struct payment_trigger *ret_trigger);

/* The index of a trigger; TRIGGERS_MAX when the pack has no such code. */
size_t programme_trigger_find(const struct programme *programme, const char *code);

/* A week is over with its Friday: the weekend behind the last day counts as days on placement too. */
int days_with_weekend(int days, int32_t last_day);

/* The most that is paid for one person, before a prime keeps its share; 0 when the pack names none. */
int64_t programme_person_pence_max(const struct programme *programme);

/* Where triggers, shares and that most come from; "" without payments. */
const char *programme_payments_source(const struct programme *programme);

const char *calendar_name(enum calendar calendar); /* "england_wales", "scotland" */
bool calendar_parse(const char *name, enum calendar *ret_calendar);

/* The name of the bank holiday (or Christmas Day at a weekend) in English; NULL on any other day. */
const char *calendar_holiday_name(const struct programme *programme, enum calendar calendar, int32_t day);

/* Neither Saturday, Sunday nor a bank holiday. Outside the years the pack covers only weekends are left out. */
bool calendar_working_day(const struct programme *programme, enum calendar calendar, int32_t day);

/* The n-th working day after `day` (n >= 1); for n = 0 `day` itself. */
int32_t calendar_add_working_days(const struct programme *programme, enum calendar calendar, int32_t day, int n);

/* Working days after `from`, up to and including `to`; 0 when to <= from. */
int calendar_working_days_between(const struct programme *programme, enum calendar calendar, int32_t from, int32_t to);

/* When a notice posted on `posted_on` counts as received. */
int32_t notice_received_on(const struct programme *programme, enum calendar calendar, int32_t posted_on);

/*
 * Weekly pattern: `Mon Wed Fri 09:30-15:30; Thu 13:00-17:00`. Days in any case, separated by spaces or commas, then one
 * time range; groups separated by `;`. At most 4 ranges a day, not overlapping; slots are numbered 0 to 3 by start.
 *
 * A day is its English name or the first three letters or more of it (Mon, Tues, thursday), or Weds. `Mon-Fri` is every
 * day from the first to the last. Hours may lack the leading zero. A range may end at 24:00 and ends after it begins.
 * Ranges that only touch do not overlap. The hyphen may be the en dash that word processors make of it.
 */
#define PATTERN_SLOTS_MAX 4
#define PATTERN_TEXT_MAX 200

struct pattern_range {
    int16_t starts_min;
    int16_t ends_min;
};

struct pattern {
    uint8_t count[8]; /* by ISO weekday, 1 to 7 */
    struct pattern_range range[8][PATTERN_SLOTS_MAX];
};

/* ERR_INVALID says at which character and what is expected; it never repeats the text, which may be anything. */
MUST_USE enum err_code pattern_parse(const char *text, struct pattern *ret_pattern, struct error *err);
int pattern_weekly_minutes(const struct pattern *pattern);

/* ---- store/programme/scheme.c ---- */

#define DAY_OPEN INT32_MIN

struct day_span {
    int32_t starts_on;
    int32_t ends_on; /* DAY_OPEN: not known yet */
};

/* Mandatory placements of a person that follow each other without a long time between, up to the last added. */
struct scheme {
    const struct programme *programme;
    int32_t today;
    const struct day_span *breaks; /* of these placements, by first day; borrowed */
    size_t break_count;
    size_t break_at; /* those before it began already */
    int32_t rest_to; /* and the last of their days */
    int32_t begins;
    int32_t ends;
    int64_t days;        /* on a placement, from first to last */
    int64_t days_so_far; /* of them, up to today */
    int32_t last_lawful; /* the day on which the limit is reached; DAY_OPEN if it is not */
    int placements;
};

void scheme_begin(struct scheme *scheme, const struct programme *programme, int32_t today,
                  const struct day_span *breaks, size_t break_count);
/* Of all that are added the first days ascend. Returns whether none before it ends later. */
bool scheme_add(struct scheme *scheme, int32_t starts_on, int32_t ends_on);

struct pattern_session {
    int32_t day;
    uint8_t slot;
    int16_t starts_min;
    int16_t ends_min;
};

/*
 * The sessions from `from` to `to`, both included, by day and then slot. Bank holidays (and Christmas Day at a weekend)
 * are left out and nothing else. Returns how many were written; `max` means that there may be more, from the day of
 * the last one on.
 */
size_t pattern_expand(const struct programme *programme, enum calendar calendar, const struct pattern *pattern,
                      int32_t from, int32_t to, struct pattern_session *out, size_t max);

#endif
