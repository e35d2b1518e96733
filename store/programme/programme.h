/*
 * store/programme - the programme pack: every number, deadline, code and holiday of the programme, as data.
 *
 * The built-in pack is store/programme/help-to-work-2014.json, checked by the same loader as any other. A new programme is a
 * new pack and no new code. Nothing here is ever changed after loading, so it may be read from any thread.
 */
#ifndef STORE_PROGRAMME_PROGRAMME_H
#define STORE_PROGRAMME_PROGRAMME_H

#include "base/bytes.h"

enum calendar { CALENDAR_ENGLAND_WALES, CALENDAR_SCOTLAND, CALENDAR_COUNT };

/* Every member is read from the pack; the pack's text names the source of each number. */
struct programme_rules {
    int cwp_weekly_minutes_max;           /* 30 hours */
    int repeat_window_days;               /* 52 weeks: a decision older than this no longer counts */
    int repeat_gap_days;                  /* 2 weeks: a failure within this of the earlier one is the same failure */
    int first_sanction_weeks;             /* 4 */
    int later_sanction_weeks;             /* 13 */
    int acknowledge_working_days;         /* 2 */
    int start_working_days;               /* 15 */
    int register_gap_after_working_days;  /* a session unrecorded for longer than this is a gap */
    int near_capacity_percent;            /* of the stated places */
    int forecast_inflow_weeks;            /* weeks of history that the inflow is taken from */
    int forecast_warn_weeks;              /* full within this many weeks is `watch` */
    int notice_posted_working_days;       /* posted counts as received on the second working day after */
};

struct programme;

/* The built-in pack, loaded once. Never fails: a broken built-in pack is our own bug. */
const struct programme *programme_default(void);

/* `json` at most 1 MiB. ERR_INVALID names the member and what is expected. */
MUST_USE enum err_code programme_load(struct slice json, struct programme **ret_programme, struct error *err);
void programme_free(struct programme *programme);

const char *programme_id(const struct programme *programme); /* "help-to-work-2014" */
int programme_version(const struct programme *programme);
const struct programme_rules *programme_rules_of(const struct programme *programme);

const char *calendar_name(enum calendar calendar); /* "england_wales", "scotland" */
bool calendar_parse(const char *name, enum calendar *ret_calendar);

/* Neither Saturday, Sunday nor a bank holiday. Outside the years the pack covers only weekends are left out. */
bool calendar_working_day(const struct programme *programme, enum calendar calendar, int32_t day);

/* The n-th working day after `day` (n >= 1); for n = 0 `day` itself. */
int32_t calendar_add_working_days(const struct programme *programme, enum calendar calendar, int32_t day, int n);

/* Working days after `from`, up to and including `to`; 0 when to <= from. */
int calendar_working_days_between(const struct programme *programme, enum calendar calendar, int32_t from, int32_t to);

/* When a notice posted on `served_on` counts as received. */
int32_t notice_received_on(const struct programme *programme, enum calendar calendar, int32_t posted_on);

/*
 * Weekly pattern: `Mon Wed Fri 09:30-15:30; Thu 13:00-17:00`. Days in any case, separated by spaces or commas, then one time
 * range; groups separated by `;`. At most 4 ranges a day, not overlapping; slots are numbered 0 to 3 by start.
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

MUST_USE enum err_code pattern_parse(const char *text, struct pattern *ret_pattern, struct error *err);
int pattern_weekly_minutes(const struct pattern *pattern);

#endif
