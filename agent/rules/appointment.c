/*
 * Sessions that overlap JCP's own appointment or signing time: the absence is excused, and one still ahead can be
 * avoided.
 */
#include "agent/rules/flags.h"
#include "base/clock.h"

/* A disputed record is told by its own flag: which of its versions stands is not known yet. */
static bool absence_recorded(const struct session_row *session)
{
    return (session->standing == STANDING_RECORDED || session->standing == STANDING_EXCUSED) &&
           (session->outcome == OUTCOME_ABSENT || session->outcome == OUTCOME_ABSENT_WITH_NOTICE);
}

/* Today's session may still be to come: the rules know the day, not the hour. */
static bool still_ahead(const struct session_row *session, int32_t today)
{
    return session->expected && session->standing == STANDING_UNRECORDED && session->day >= today;
}

static enum err_code flag_clash(const struct placement_case *c, const struct session_row *session, bool ahead,
                                struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    struct flag_row flag =
        flag_of_session("clash_with_jcp", ahead ? SEVERITY_WATCH : SEVERITY_INFO, placement, session);
    char date[DATE_TEXT_SIZE];
    char hours[HOURS_TEXT_SIZE];
    char jcp_hours[HOURS_TEXT_SIZE];
    date_format(session->day, date);
    hours_put(hours, session->starts_min, session->ends_min);
    hours_put(jcp_hours, session->jcp_starts_min, session->jcp_ends_min);
    const char *purpose = session->jcp_purpose[0] == '\0' ? "appointment" : session->jcp_purpose;
    if (ahead) {
        text_put(flag.facts, sizeof(flag.facts), "The session of %s%s in placement %s overlaps JCP's own %s%s.", date,
                 hours, placement->ref, purpose, jcp_hours);
        text_put(flag.next_step, sizeof(flag.next_step),
                 "Agree with JCP or the host which of the two moves and tell the person in writing. An absence for the "
                 "appointment is excused.");
    } else {
        text_put(flag.facts, sizeof(flag.facts),
                 "Absent on %s%s in placement %s while JCP's own %s%s overlapped: the absence is excused.", date, hours,
                 placement->ref, purpose, jcp_hours);
        text_put(flag.next_step, sizeof(flag.next_step),
                 "Nothing to ask of the person. Ask JCP for times outside the hours of the placement.");
    }
    text_put(flag.rule, sizeof(flag.rule), "The session and an appointment or signing time from JCP share time.");
    return flag_list_add(out, &flag, err);
}

enum err_code rules_appointment(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    for (size_t i = 0; i < c->facts->session_count; i++) {
        const struct session_row *session = &c->facts->sessions[i];
        bool ahead = still_ahead(session, c->today);
        if (session->overlaps_jcp && day_known(session->day) && (ahead || absence_recorded(session))) {
            TRY(flag_clash(c, session, ahead, out, err));
        }
    }
    return ERR_OK;
}
