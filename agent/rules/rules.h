/*
 * agent/rules - flags from facts. Pure: rows and a date in, flags out; the same on every machine.
 *
 * A flag is a reason for a person to look. No flag is a judgement, and none leads to a sanction by itself. An
 * unrecorded session is the host's gap and never counts against the person; an absence that overlaps JCP's own
 * appointment is excused.
 *
 * A call adds its flags to `out` and leaves it sorted by key; on failure `out` is as it was. A flag clears by not being
 * raised again when its subject is looked at anew.
 *
 * Limits: at most FLAGS_MAX flags of one call; of more, the oldest stay. Rows of a day outside clock.h's years are
 *         left out.
 * Layer:  agent. Uses store/rows.h and the programme pack; no SQL, no clock, no loop.
 */
#ifndef AGENT_RULES_RULES_H
#define AGENT_RULES_RULES_H

#include "store/rows.h"

#define FLAGS_MAX 512

struct flag_list {
    struct flag_row *flags; /* sorted by key */
    size_t count;
    size_t capacity;
};

void flag_list_init(struct flag_list *list);
void flag_list_fini(struct flag_list *list);

/* It says what, when, where, that it is mandatory, what evidence is needed and what may happen otherwise. */
bool notice_complete(const struct notice_row *notice);

/*
 * Flags of one placement on `today`:
 *   unexplained_absence  act    a session recorded absent by today without a reason of the pack; info for the
 *                               voluntary, and for a session outside the agreed pattern
 *   repeat_absence       act    the placement, mandatory only: a later failure by JCP's decisions, else a second day
 *   register_gap         watch  the placement: expected sessions that nobody recorded
 *   clash_with_jcp       info   a session missed for JCP's own appointment; watch for one still ahead, or today's
 *   disputed_record      act    a session whose records contradict each other
 *   repeated_lateness    watch  the placement: late or left early often without a reason of the pack; info for the
 *                               voluntary
 *   possible_good_reason watch  a session missed lately for a usual factor of good reason; info for the voluntary
 *   hours_short          watch  the placement, mandatory only: sessions attended shorter than agreed, or a pattern that
 *                               gives fewer hours than agreed
 *   hours_over           act    the placement, mandatory only: hours above the programme's limit; watch above those
 *                               agreed
 *   notice_defective     act    the placement, mandatory only: no complete notice among those on record; info where the
 *                               first complete one came after the start
 *   placement_near_end   info   the placement: near its last day
 *   job_search_short     watch  the placement, mandatory only: weeks on record with less job search than agreed
 *   scheme_near_limit    watch  the person's last mandatory placement: near the weeks that all may last; act when
 *                               planned beyond
 *   milestone_due        watch  a payment trigger is reached (agent/rules/money.h) and nothing is claimed for it; only
 *                               where a contract by results pays for the placement
 *   conflation           act    the placement, mandatory only: its person volunteers at the same place and time. What
 *                               is known of volunteers is known on this machine alone: the one flag that may differ
 *                               between machines (its key begins with FLAG_OF_VOLUNTEERS). Another of the same code
 *                               says that the placement's own words call it volunteering
 */
MUST_USE enum err_code rules_placement(const struct programme *programme, const struct placement_facts *facts,
                                       int32_t today, struct flag_list *out, struct error *err);

/*
 * Flags of the site on `today`; the first three only where a capacity is stated:
 *   near_capacity        watch  from the pack's share of the stated places up to all of them
 *   over_capacity        act    more placements run than places are stated
 *   capacity_forecast    watch  full within the pack's weeks; info within FORECAST_WEEKS_MAX; none when full already
 *   acknowledgement_due      watch  a referral to be acknowledged by today or the next working day
 *   acknowledgement_overdue  act    one not acknowledged by its last day
 *   start_overdue            act    a referral without a start, or that there was none, by its last day
 *   host_over_quota      act    a host with more mandatory placements running than its quota
 *   over_capacity        act    an opportunity with more placements running than its places
 *   replica_stale        watch  this machine: no word of the centre for the pack's days; the one flag that differs
 *   statement_stale          watch  the last capacity statement is older than the pack allows
 *   supervision_ratio        watch  fewer supervisor hours stated than the running placements need
 *   route_mix                info   the routes of recent referrals are far from the expected shares
 *   claim_unpaid         watch  a claim neither refused nor paid in full within the pack's days
 *   contract_not_viable  watch  a contract that has not ended brings less than it costs, as people completed so far;
 *                               act when it does so even if everybody completes; info when too few are old enough to
 *                               tell
 */
MUST_USE enum err_code rules_site(const struct programme *programme, const struct site_facts *facts, int32_t today,
                                  struct flag_list *out, struct error *err);

/* Supervisors' minutes a week that so many placements need. */
int64_t rules_supervision_needed(const struct programme *programme, int64_t placements);

/* The last days on which a referral is acknowledged, and on which a start is recorded, or that there was none. ROW_NONE
 * where nobody said when it was received. */
int32_t rules_acknowledge_by(const struct programme *programme, enum calendar calendar, int32_t received_on);
int32_t rules_start_by(const struct programme *programme, enum calendar calendar, int32_t received_on);

/*
 * The model behind capacity_forecast, for the command line too. At the end of the day T = today + 7w, w = 1, 2, ...:
 *
 *   expected(w) = running now - ended before T + the larger of
 *       trend   inflow a week x w
 *       known   agreed placements that start by T, and everybody who waits, from the week in which a referral of today
 *               has to have started (the pack's start_working_days, five a week)
 *
 * Inflow is the mean of the placements started in the pack's weeks of history, S in h weeks. How many start in the next
 * w weeks varies with
 *
 *   variance = D x (S + 2) / h x w x (1 + w / h)
 *
 * the chance of the weeks to come and that of the weeks which the mean was taken from. D is 1, as of people who come
 * one by one, or how much more the fortnights of the last half year differ from their mean than so (groups, stops). Two
 * are added so that a quiet history is not taken for certain. high(w) and low(w) take `trend` 1.282 standard deviations
 * higher and lower, between which a normal variable is 8 times in 10; low(w) leaves those out who only wait. The
 * earliest week that is full is that of high, the latest that of low. Nobody who starts now is expected to end within
 * the horizon. A place that is not wholly expected to be taken counts as free. Whole numbers throughout, so that every
 * machine has the same answer. tests/bench/bench_forecast prints how often the outcome is within, on simulated sites.
 */
struct forecast {
    bool possible; /* a capacity is stated; everything else is 0, or ROW_NONE for weeks, if not */
    int places;
    int taken_now;
    int waiting;
    double inflow_per_week;           /* mean of the history */
    int weeks_until_full;             /* 0: full now; ROW_NONE: not within FORECAST_WEEKS_MAX weeks */
    int weeks_earliest;               /* when high is full, ROW_NONE as above */
    int weeks_latest;                 /* when low is */
    int expected[FORECAST_WEEKS_MAX]; /* places taken at the end of each week, rounded down: full from weeks_until_full
                                         on */
    int low[FORECAST_WEEKS_MAX];      /* 8 times in 10 between these two: rounded down */
    int high[FORECAST_WEEKS_MAX];     /* rounded up */
};

void rules_forecast(const struct programme *programme, const struct site_facts *facts, int32_t today,
                    struct forecast *ret_forecast);

#endif
