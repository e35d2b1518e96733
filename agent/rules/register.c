/*
 * The register itself: sessions that nobody recorded, and records that contradict each other.
 */
#include "agent/rules/flags.h"
#include "base/clock.h"

static const char *calendar_title(enum calendar calendar)
{
    return calendar == CALENDAR_SCOTLAND ? "Scotland" : "England and Wales";
}

static bool unrecorded(const struct session_row *session)
{
    return session->expected && session->standing == STANDING_UNRECORDED && day_known(session->day);
}

static bool long_ago(const struct placement_case *c, int32_t day)
{
    return calendar_working_days_between(c->programme, c->facts->placement.calendar, day, c->today) >
           programme_rules_of(c->programme)->register_gap_after_working_days;
}

static enum err_code flag_gap(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct session_row *first = NULL;
    const struct session_row *latest = NULL;
    int count = 0;
    for (size_t i = c->facts->session_count; i-- > 0;) {
        const struct session_row *session = &c->facts->sessions[i];
        if (unrecorded(session) && (latest != NULL || long_ago(c, session->day))) { /* all before one are as long ago */
            latest = latest == NULL ? session : latest;
            first = session;
            count++;
        }
    }
    if (count == 0) {
        return ERR_OK;
    }
    const struct placement_row *placement = &c->facts->placement;
    struct flag_row flag = flag_of_placement("register_gap", SEVERITY_WATCH, placement, first->day);
    char from[DATE_TEXT_SIZE];
    char to[DATE_TEXT_SIZE];
    date_format(first->day, from);
    date_format(latest->day, to);
    text_put(
        flag.facts, sizeof(flag.facts),
        "%d expected session%s of placement %s without any record, %s%s%s%s. This is the host's gap and never counts "
        "against the person.",
        count, count == 1 ? "" : "s", placement->ref, count == 1 ? "on " : "the first on ", from,
        count == 1 ? "" : " and the latest on ", count == 1 ? "" : to);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask the host for the register of those days and record what happened, or that the host was closed.");
    text_put(flag.rule, sizeof(flag.rule),
             "An expected session still unrecorded after more than %d working days of %s (%s).",
             programme_rules_of(c->programme)->register_gap_after_working_days, calendar_title(placement->calendar),
             programme_rule_source(c->programme, "register_gap_after_working_days"));
    return flag_list_add(out, &flag, err);
}

static enum err_code flag_dispute(const struct placement_case *c, const struct session_row *session,
                                  struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    struct flag_row flag = flag_of_session("disputed_record", SEVERITY_ACT, placement, session);
    char date[DATE_TEXT_SIZE];
    char hours[HOURS_TEXT_SIZE];
    date_format(session->day, date);
    hours_put(hours, session->starts_min, session->ends_min);
    text_put(flag.facts, sizeof(flag.facts), "%d different records stand for %s%s in placement %s.",
             session->heads < 2 ? 2 : session->heads, date, hours, placement->ref);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask both who recorded it, look at the paper register with the person placed, and record what happened "
             "with the reason for the correction. Both records stay.");
    text_put(flag.rule, sizeof(flag.rule),
             "Two records of one session that do not replace each other disagree. While they do, neither counts.");
    return flag_list_add(out, &flag, err);
}

enum err_code rules_register(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    for (size_t i = 0; i < c->facts->session_count; i++) {
        const struct session_row *session = &c->facts->sessions[i];
        if (session->standing == STANDING_DISPUTED && day_known(session->day)) {
            TRY(flag_dispute(c, session, out, err));
        }
    }
    return flag_gap(c, out, err);
}
