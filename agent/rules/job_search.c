/*
 * Job search beside a mandatory placement. Only weeks on record are compared: one that nobody recorded is the host's
 * gap, as with the register. A week with a break, or not whole within the placement, is left out.
 *
 *   Mon ... Sun |-- the pack's days --| looked at from here on, for the pack's weeks
 */
#include "agent/rules/flags.h"
#include "base/clock.h"

enum { HOUR = 60 };

static bool rests(const struct placement_facts *facts, int32_t monday)
{
    for (size_t i = 0; i < facts->break_count; i++) {
        const struct day_span *rest = &facts->breaks[i];
        if (rest->starts_on < monday + DAYS_A_WEEK && (rest->ends_on == ROW_NONE || rest->ends_on >= monday)) {
            return true;
        }
    }
    return false;
}

/* A whole week of the placement that is over for long enough and not too long. */
static bool compared(const struct placement_case *c, int32_t monday)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    const struct placement_row *placement = &c->facts->placement;
    int64_t over_for = (int64_t)c->today - (monday + DAYS_A_WEEK - 1);
    return day_known(monday) && over_for >= rules->job_search_after_days &&
           over_for < rules->job_search_after_days + (int64_t)rules->job_search_window_weeks * DAYS_A_WEEK &&
           day_known(placement->starts_on) && day_known(placement->ends_on) && placement->starts_on <= monday &&
           placement->ends_on >= monday + DAYS_A_WEEK - 1 && !rests(c->facts, monday);
}

static int agreed_minutes(const struct placement_case *c)
{
    int agreed = c->facts->placement.job_search_minutes;
    return agreed != ROW_NONE ? agreed : programme_rules_of(c->programme)->job_search_weekly_minutes;
}

struct found {
    int count;
    int32_t first;
    struct job_search_row least;
};

static struct found gather(const struct placement_case *c, int agreed)
{
    struct found found = { 0 };
    for (size_t i = 0; i < c->facts->search_count; i++) {
        const struct job_search_row *row = &c->facts->searches[i];
        if (row->minutes >= agreed || !compared(c, row->week)) {
            continue;
        }
        found.first = found.count == 0 ? row->week : found.first;
        found.least = found.count == 0 || row->minutes < found.least.minutes ? *row : found.least;
        found.count++;
    }
    return found;
}

enum err_code rules_job_search(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    int agreed = agreed_minutes(c);
    if (placement->basis != BASIS_MANDATORY || agreed <= 0) {
        return ERR_OK;
    }
    struct found found = gather(c, agreed);
    if (found.count == 0) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_placement("job_search_short", SEVERITY_WATCH, placement, found.first);
    char date[DATE_TEXT_SIZE];
    date_format(found.least.week, date);
    text_put(flag.facts, sizeof(flag.facts),
             "Less job search than agreed is on record for %d week%s beside placement %s, least for the week from %s: "
             "%d:%02d of %d:%02d hours.",
             found.count, found.count == 1 ? "" : "s", placement->ref, date, found.least.minutes / HOUR,
             found.least.minutes % HOUR, agreed / HOUR, agreed % HOUR);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask what would help: a computer, somebody to sit with, fewer hours at the placement. The record may be "
             "late or lack something, and nothing follows from it by itself.");
    text_put(flag.rule, sizeof(flag.rule),
             "Hours on record below those agreed, or below %d:%02d (%s), in a whole week without a break; weeks that "
             "nobody recorded do not count.",
             programme_rules_of(c->programme)->job_search_weekly_minutes / HOUR,
             programme_rules_of(c->programme)->job_search_weekly_minutes % HOUR,
             programme_rule_source(c->programme, "job_search_weekly_minutes"));
    return flag_list_add(out, &flag, err);
}
