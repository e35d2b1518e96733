/*
 * Hours of a week against what was agreed. Weeks run from Monday to Sunday.
 *
 * Short looks only at sessions to which the person came: a session missed has flags of its own, one nobody recorded is
 * the host's gap, and one on record without its minutes says nothing. Over looks at every minute that is on record, as
 * soon as it is.
 */
#include "agent/rules/flags.h"
#include "base/clock.h"

enum { HOUR = 60 };

static int32_t monday_of(int32_t day)
{
    return day - (date_weekday(day) - 1);
}

bool person_came(const struct session_row *session)
{
    return session->standing == STANDING_RECORDED &&
           (session->outcome == OUTCOME_ATTENDED || session->outcome == OUTCOME_LATE ||
            session->outcome == OUTCOME_LEFT_EARLY);
}

static int length_of(const struct session_row *session)
{
    return session->starts_min < 0 || session->ends_min < session->starts_min ? 0
                                                                              : session->ends_min - session->starts_min;
}

/* The minutes on record; for a whole session attended its length; -1 when nobody said. */
static int worked_in(const struct session_row *session)
{
    if (session->minutes >= 0) {
        return session->minutes;
    }
    return session->outcome == OUTCOME_ATTENDED && length_of(session) > 0 ? length_of(session) : -1;
}

struct week {
    int32_t monday;
    int worked;     /* minutes on record */
    int due;        /* length of the expected sessions to which the person came */
    int due_worked; /* minutes on record of those */
    bool known;     /* every one of those has its minutes */
};

/* The week of sessions[from] and the index of the first session after it. */
static size_t week_at(const struct placement_facts *facts, size_t from, struct week *ret_week)
{
    struct week week = { .monday = monday_of(facts->sessions[from].day), .known = true };
    size_t i = from;
    for (; i < facts->session_count && facts->sessions[i].day < week.monday + DAYS_A_WEEK; i++) {
        const struct session_row *session = &facts->sessions[i];
        if (!person_came(session)) {
            continue;
        }
        int worked = worked_in(session);
        week.worked += worked < 0 ? 0 : worked;
        if (session->expected) {
            week.known &= worked >= 0;
            week.due += length_of(session);
            week.due_worked += worked < 0 ? 0 : worked;
        }
    }
    *ret_week = week;
    return i;
}

struct weeks {
    int count;
    struct week first;
    struct week worst; /* furthest from what it is compared with, the earlier of equals */
};

static void weeks_add(struct weeks *weeks, const struct week *week, bool worse)
{
    if (weeks->count++ == 0) {
        weeks->first = *week;
        weeks->worst = *week;
    } else if (worse) {
        weeks->worst = *week;
    }
}

struct hours {
    struct weeks shorter;
    struct weeks over_agreed;
    struct weeks over_limit;
};

static struct hours gather(const struct placement_case *c)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    const struct placement_facts *facts = c->facts;
    int32_t oldest = monday_of(c->today) - (rules->hours_window_weeks - 1) * DAYS_A_WEEK;
    int64_t agreed = facts->placement.weekly_minutes;
    struct hours found = { 0 };
    for (size_t i = 0; i < facts->session_count;) {
        if (facts->sessions[i].day < oldest || facts->sessions[i].day > c->today) {
            i++;
            continue;
        }
        struct week week;
        i = week_at(facts, i, &week);
        bool over = week.monday + DAYS_A_WEEK <= c->today;
        int missing = week.due - week.due_worked;
        if (over && week.known && (int64_t)missing * 100 > (int64_t)week.due * rules->hours_tolerance_percent) {
            weeks_add(&found.shorter, &week, missing > found.shorter.worst.due - found.shorter.worst.due_worked);
        }
        if (week.worked > rules->cwp_weekly_minutes_max) {
            weeks_add(&found.over_limit, &week, week.worked > found.over_limit.worst.worked);
        } else if (agreed > 0 && (week.worked - agreed) * 100 > agreed * rules->hours_tolerance_percent) {
            weeks_add(&found.over_agreed, &week, week.worked > found.over_agreed.worst.worked);
        }
    }
    return found;
}

/* "1 week" or "3 weeks" */
static const char *plural(int count)
{
    return count == 1 ? "" : "s";
}

static enum err_code flag_short_weeks(const struct placement_case *c, const struct weeks *weeks, struct flag_list *out,
                                      struct error *err)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    const struct week *worst = &weeks->worst;
    struct flag_row flag = flag_of_placement("hours_short", SEVERITY_WATCH, &c->facts->placement, weeks->first.monday);
    char date[DATE_TEXT_SIZE];
    date_format(worst->monday, date);
    text_put(flag.facts, sizeof(flag.facts),
             "In %d of the last %d weeks of placement %s the sessions attended were shorter than agreed, most in the "
             "week from %s: %d:%02d of %d:%02d hours.",
             weeks->count, rules->hours_window_weeks, c->facts->placement.ref, date, worst->due_worked / HOUR,
             worst->due_worked % HOUR, worst->due / HOUR, worst->due % HOUR);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask the person and the host what takes the time: travel, caring, health, or the shop's own hours. Agree "
             "other hours if these do not fit, and record the reason.");
    text_put(flag.rule, sizeof(flag.rule),
             "Minutes on record more than %d%% below the length of the agreed sessions attended in a whole week (%s). "
             "Sessions missed, excused or unrecorded do not count here.",
             rules->hours_tolerance_percent, programme_rule_source(c->programme, "hours_tolerance_percent"));
    return flag_list_add(out, &flag, err);
}

static enum err_code flag_short_pattern(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    const struct programme_rules *rules = programme_rules_of(c->programme);
    int pattern = c->facts->pattern_minutes;
    struct flag_row flag = flag_of_placement("hours_short", SEVERITY_WATCH, placement, placement->starts_on);
    text_put(flag.facts, sizeof(flag.facts),
             "The pattern of placement %s gives %d:%02d hours a week where %d:%02d are agreed: the host offers less "
             "than was agreed.",
             placement->ref, pattern / HOUR, pattern % HOUR, placement->weekly_minutes / HOUR,
             placement->weekly_minutes % HOUR);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Correct the pattern or the agreed hours, and record the reason where fewer hours are agreed. Nothing of "
             "this counts against the person.");
    text_put(flag.rule, sizeof(flag.rule), "The hours of the pattern more than %d%% below the hours agreed (%s).",
             rules->hours_tolerance_percent, programme_rule_source(c->programme, "hours_tolerance_percent"));
    return flag_list_add(out, &flag, err);
}

static void over_rule(const struct placement_case *c, bool limit, struct flag_row *flag)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    if (limit) {
        text_put(flag->next_step, sizeof(flag->next_step),
                 "Cut the hours now: the host is in breach, not the person. Nobody has to stay beyond the limit, and "
                 "leaving then is no failure.");
        text_put(flag->rule, sizeof(flag->rule), "At most %d:%02d hours a week on a mandatory placement (%s).",
                 rules->cwp_weekly_minutes_max / HOUR, rules->cwp_weekly_minutes_max % HOUR,
                 programme_rule_source(c->programme, "cwp_weekly_minutes_max"));
    } else {
        text_put(flag->next_step, sizeof(flag->next_step),
                 "Ask the host to keep to what was agreed. Nobody has to stay longer than agreed.");
        text_put(flag->rule, sizeof(flag->rule),
                 "Minutes on record more than %d%% above the hours agreed for a week (%s).",
                 rules->hours_tolerance_percent, programme_rule_source(c->programme, "hours_tolerance_percent"));
    }
}

static enum err_code flag_over_weeks(const struct placement_case *c, const struct weeks *weeks, bool limit,
                                     struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    const struct programme_rules *rules = programme_rules_of(c->programme);
    int against = limit ? rules->cwp_weekly_minutes_max : placement->weekly_minutes;
    struct flag_row flag =
        flag_of_placement("hours_over", limit ? SEVERITY_ACT : SEVERITY_WATCH, placement, weeks->first.monday);
    char date[DATE_TEXT_SIZE];
    date_format(weeks->worst.monday, date);
    text_put(flag.facts, sizeof(flag.facts),
             "%d:%02d hours are on record for the week from %s in placement %s, where %d:%02d are %s; %d such week%s "
             "of the last %d.",
             weeks->worst.worked / HOUR, weeks->worst.worked % HOUR, date, placement->ref, against / HOUR,
             against % HOUR, limit ? "the most allowed" : "agreed", weeks->count, plural(weeks->count),
             rules->hours_window_weeks);
    over_rule(c, limit, &flag);
    return flag_list_add(out, &flag, err);
}

static enum err_code flag_over_agreed_limit(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    struct flag_row flag = flag_of_placement("hours_over", SEVERITY_ACT, placement, placement->starts_on);
    int minutes =
        placement->weekly_minutes > c->facts->pattern_minutes ? placement->weekly_minutes : c->facts->pattern_minutes;
    text_put(flag.facts, sizeof(flag.facts), "%d:%02d hours a week are agreed for placement %s.", minutes / HOUR,
             minutes % HOUR, placement->ref);
    over_rule(c, true, &flag);
    return flag_list_add(out, &flag, err);
}

static bool current(const struct placement_case *c)
{
    const struct placement_row *placement = &c->facts->placement;
    return day_known(placement->starts_on) && day_known(placement->ends_on) && placement->ends_on >= c->today;
}

static bool pattern_too_short(const struct placement_case *c)
{
    int64_t agreed = c->facts->placement.weekly_minutes;
    return c->facts->pattern_minutes != ROW_NONE &&
           (agreed - c->facts->pattern_minutes) * 100 >
               agreed * programme_rules_of(c->programme)->hours_tolerance_percent;
}

static enum err_code hours_over(const struct placement_case *c, const struct hours *found, struct flag_list *out,
                                struct error *err)
{
    int most = programme_rules_of(c->programme)->cwp_weekly_minutes_max;
    if (found->over_limit.count > 0) {
        return flag_over_weeks(c, &found->over_limit, true, out, err);
    }
    if (current(c) && (c->facts->placement.weekly_minutes > most || c->facts->pattern_minutes > most)) {
        return flag_over_agreed_limit(c, out, err);
    }
    return found->over_agreed.count > 0 ? flag_over_weeks(c, &found->over_agreed, false, out, err) : ERR_OK;
}

enum err_code rules_hours(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    if (c->facts->placement.basis != BASIS_MANDATORY) {
        return ERR_OK;
    }
    struct hours found = gather(c);
    TRY(hours_over(c, &found, out, err));
    if (found.shorter.count > 0) {
        return flag_short_weeks(c, &found.shorter, out, err);
    }
    return current(c) && pattern_too_short(c) ? flag_short_pattern(c, out, err) : ERR_OK;
}
