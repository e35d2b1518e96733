/*
 * Signs that somebody needs support before anything else: lateness that repeats, and absences for one of the usual
 * factors of good reason.
 */
#include "agent/rules/flags.h"
#include "base/clock.h"

static bool within(const struct placement_case *c, int32_t day, int days)
{
    return day_known(day) && day <= c->today && (int64_t)c->today - day < days;
}

static enum err_code flag_lateness(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    const struct placement_row *placement = &c->facts->placement;
    const struct session_row *first = NULL;
    const struct session_row *latest = NULL;
    int count = 0;
    for (size_t i = 0; i < c->facts->session_count; i++) {
        const struct session_row *session = &c->facts->sessions[i];
        bool part = session->outcome == OUTCOME_LATE || session->outcome == OUTCOME_LEFT_EARLY;
        if (part && session->standing == STANDING_RECORDED && session->expected &&
            !reason_known(c->programme, session) && !session->overlaps_jcp &&
            within(c, session->day, rules->lateness_window_days)) {
            latest = session;
            first = first == NULL ? session : first;
            count++;
        }
    }
    if (count < rules->lateness_sessions) {
        return ERR_OK;
    }
    struct flag_row flag =
        flag_of_placement("repeated_lateness", placement->basis == BASIS_VOLUNTARY ? SEVERITY_INFO : SEVERITY_WATCH,
                          placement, first->day);
    char from[DATE_TEXT_SIZE];
    char to[DATE_TEXT_SIZE];
    date_format(first->day, from);
    date_format(latest->day, to);
    text_put(
        flag.facts, sizeof(flag.facts),
        "Late or left early without a known reason in %d sessions of placement %s, the first on %s and the latest on "
        "%s.",
        count, placement->ref, from, to);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask what gets in the way - travel, caring, health, the hours themselves - and change the hours where "
             "that helps. Lateness is not an absence, and nothing follows from this flag.");
    text_put(flag.rule, sizeof(flag.rule), "%d sessions or more within %d days (%s).", rules->lateness_sessions,
             rules->lateness_window_days, programme_rule_source(c->programme, "lateness_sessions"));
    return flag_list_add(out, &flag, err);
}

/* Something was different in the person's life on that day. */
static bool changed(const struct placement_case *c, int32_t day)
{
    for (size_t i = 0; i < c->facts->change_count; i++) {
        const struct change_row *change = &c->facts->changes[i];
        if (change->starts_on <= day && (change->ends_on == ROW_NONE || change->ends_on >= day)) {
            return true;
        }
    }
    return false;
}

/* A guess: it asks somebody to read what is on record, and says no more. */
static enum err_code flag_hint(const struct placement_case *c, const struct session_row *session, struct flag_list *out,
                               struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    struct flag_row flag = flag_of_session("possible_good_reason", SEVERITY_INFO, placement, session);
    char date[DATE_TEXT_SIZE];
    date_format(session->day, date);
    text_put(flag.facts, sizeof(flag.facts), "Not there on %s in placement %s; %s may say why.", date, placement->ref,
             session->note_hints ? "the note on record" : "a change in the person's circumstances on record");
    text_put(flag.next_step, sizeof(flag.next_step),
             "Read it and ask, with support first. Record the reason if there is one.");
    text_put(flag.rule, sizeof(flag.rule), "%s; shown for %d days (%s). It is a hint and proves nothing.",
             session->note_hints ? "A word of the note is on the programme's lists for the usual factors of good reason"
                                 : "The day lies within a recorded change of circumstances",
             programme_rules_of(c->programme)->support_window_days,
             programme_rule_source(c->programme, "support_window_days"));
    return flag_list_add(out, &flag, err);
}

static enum err_code flag_good_reason(const struct placement_case *c, const struct session_row *session,
                                      struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    struct flag_row flag =
        flag_of_session("possible_good_reason", placement->basis == BASIS_VOLUNTARY ? SEVERITY_INFO : SEVERITY_WATCH,
                        placement, session);
    char date[DATE_TEXT_SIZE];
    date_format(session->day, date);
    /* which reason it is stays with the record: it may be for few to read */
    text_put(flag.facts, sizeof(flag.facts),
             "Not there on %s in placement %s, for a reason on record that calls for support.", date, placement->ref);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Support first: ask whether help, other hours or a break are needed, in private, and record only what "
             "the person wants on record.%s",
             placement->basis == BASIS_MANDATORY ? " Tell the adviser if the requirement no longer fits." : "");
    text_put(flag.rule, sizeof(flag.rule),
             "The reason is one of the usual factors of good reason (the programme's list); shown for %d days (%s).",
             programme_rules_of(c->programme)->support_window_days,
             programme_rule_source(c->programme, "support_window_days"));
    return flag_list_add(out, &flag, err);
}

enum err_code rules_support(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    int days = programme_rules_of(c->programme)->support_window_days;
    for (size_t i = 0; i < c->facts->session_count; i++) {
        const struct session_row *session = &c->facts->sessions[i];
        bool away = session->outcome == OUTCOME_ABSENT || session->outcome == OUTCOME_ABSENT_WITH_NOTICE;
        if (!away || session->standing != STANDING_RECORDED || !within(c, session->day, days)) {
            continue;
        }
        if (programme_reason_kind(c->programme, session->reason) == REASON_GOOD_REASON) {
            TRY(flag_good_reason(c, session, out, err));
        } else if (session->note_hints || changed(c, session->day)) {
            TRY(flag_hint(c, session, out, err));
        }
    }
    return flag_lateness(c, out, err);
}
