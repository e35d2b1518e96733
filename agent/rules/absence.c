/*
 * Absences without a reason, and their repetition.
 *
 *   earlier failure F        F + gap                    F + window
 *         |--------------------|---------------------------|------------>  days
 *           not a later failure    exposure: later_sanction    too long ago
 *           (both ends in)         (first day F + gap + 1,
 *                                   last day F + window)
 *
 * With gap 14 and window 364: 14 days after does not count, 15 does; 364 does, 365 does not. Days are counted between
 * the days of the two failures, whatever the days of the decisions and of the synchronisation.
 */
#include <string.h>

#include "agent/rules/exposure.h"
#include "agent/rules/flags.h"
#include "base/clock.h"

bool reason_known(const struct programme *programme, const struct session_row *session)
{
    return programme_label(programme, LABEL_REASON, session->reason, LANGUAGE_ENGLISH) != NULL;
}

/* Recorded absent, nothing that explains it, and the day has come. */
static bool unexplained(const struct placement_case *c, const struct session_row *session)
{
    return session->standing == STANDING_RECORDED && session->outcome == OUTCOME_ABSENT &&
           !reason_known(c->programme, session) && !session->overlaps_jcp && day_known(session->day) &&
           session->day <= c->today;
}

/* Only where the person was to come can staying away be a failure. */
static bool counts(const struct placement_case *c, const struct session_row *session)
{
    return session->expected && unexplained(c, session);
}

/* A complete one. */
static bool notice_received_before(const struct placement_facts *facts, int32_t day)
{
    for (size_t i = 0; i < facts->notice_count; i++) {
        const struct notice_row *notice = &facts->notices[i];
        if (notice_complete(notice) && notice->received_on != ROW_NONE && notice->received_on < day) {
            return true;
        }
    }
    return false;
}

static void absence_texts(const struct placement_case *c, const struct session_row *session, struct flag_row *flag)
{
    const struct placement_row *placement = &c->facts->placement;
    char date[DATE_TEXT_SIZE];
    char hours[HOURS_TEXT_SIZE];
    date_format(session->day, date);
    hours_put(hours, session->starts_min, session->ends_min);
    text_put(flag->facts, sizeof(flag->facts), "Recorded absent on %s%s in placement %s; %s.", date, hours,
             placement->ref,
             session->reason[0] == '\0' ? "no reason is given"
                                        : "the reason on record is no code of the programme, so nobody knows yet "
                                          "whether it is a good one");
    text_put(
        flag->rule, sizeof(flag->rule),
        "The session stands recorded as absent, has no reason that the programme knows, and overlaps no appointment "
        "of JCP.");
    if (!session->expected) {
        text_append(flag->facts, sizeof(flag->facts), " This day and time is not in the agreed pattern.");
        text_put(flag->next_step, sizeof(flag->next_step),
                 "Check the record with the host: nobody was expected then, so it counts for nothing.");
    } else if (placement->basis == BASIS_VOLUNTARY) {
        text_put(flag->next_step, sizeof(flag->next_step),
                 "Get in touch to ask whether all is well and the arrangement still suits. Taking part is voluntary: "
                 "nothing follows from staying away.");
    } else {
        text_put(flag->next_step, sizeof(flag->next_step),
                 "Contact the person and ask what happened, with support first: health, caring, safety, travel. "
                 "Record each attempt, and the reason when there is one.");
    }
}

static enum err_code flag_absence(const struct placement_case *c, const struct session_row *session,
                                  struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    bool light = placement->basis == BASIS_VOLUNTARY || !session->expected;
    struct flag_row flag =
        flag_of_session("unexplained_absence", light ? SEVERITY_INFO : SEVERITY_ACT, placement, session);
    absence_texts(c, session, &flag);
    if (session->expected && placement->basis == BASIS_MANDATORY && !notice_received_before(c->facts, session->day)) {
        text_append(flag.next_step, sizeof(flag.next_step),
                    " No complete written notice received before that day is on record, so no doubt can be raised.");
    }
    return flag_list_add(out, &flag, err);
}

/*
 * Adverse, decided by today, and not overturned: no other decision on the failure of that day, made on the same day or
 * after, says anything but adverse. Where two decisions of one day differ, the one in the person's favour stands.
 */
static bool stands(const struct placement_case *c, const struct decision_row *decision)
{
    if (strcmp(decision->outcome, "adverse") != 0 || !day_known(decision->failure_on) ||
        !day_known(decision->decided_on) || decision->decided_on > c->today) {
        return false;
    }
    for (size_t i = 0; i < c->facts->decision_count; i++) {
        const struct decision_row *other = &c->facts->decisions[i];
        if (other->failure_on == decision->failure_on && other->decided_on >= decision->decided_on &&
            other->decided_on <= c->today && strcmp(other->outcome, "adverse") != 0) {
            return false;
        }
    }
    return true;
}

/* The decision on the latest failure that makes an absence on `day` a later one; NULL if none does. */
static const struct decision_row *earlier_failure(const struct placement_case *c, int32_t day)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    const struct decision_row *found = NULL;
    for (size_t i = 0; i < c->facts->decision_count; i++) {
        const struct decision_row *decision = &c->facts->decisions[i];
        int64_t days = (int64_t)day - decision->failure_on;
        bool later = days > rules->repeat_gap_days && days <= rules->repeat_window_days;
        if (later && stands(c, decision) && (found == NULL || decision->failure_on > found->failure_on)) {
            found = decision;
        }
    }
    return found;
}

void rules_exposure(const struct programme *programme, const struct placement_facts *facts, int32_t day, int32_t today,
                    struct exposure *ret_exposure)
{
    const struct programme_rules *rules = programme_rules_of(programme);
    const struct placement_case c = { .programme = programme, .facts = facts, .today = today };
    const struct decision_row *earlier = earlier_failure(&c, day);
    *ret_exposure =
        (struct exposure){ .weeks = earlier == NULL ? rules->first_sanction_weeks : rules->later_sanction_weeks,
                           .decision = earlier,
                           .days_after = earlier == NULL ? 0 : day - earlier->failure_on };
}

/* Several sessions missed on one day are one day's absence. */
struct absences {
    int days;                         /* with an absence that counts */
    const struct session_row *first;  /* of them */
    const struct session_row *latest; /* of them */
    const struct session_row *later;  /* the earliest that is a later failure in the eyes of JCP's decisions; or NULL */
    const struct decision_row *decision;
};

static struct absences gather(const struct placement_case *c)
{
    struct absences found = { 0 };
    for (size_t i = 0; i < c->facts->session_count; i++) {
        const struct session_row *session = &c->facts->sessions[i];
        if (!counts(c, session)) {
            continue;
        }
        if (found.latest == NULL || found.latest->day != session->day) {
            found.days++;
        }
        found.first = found.first == NULL ? session : found.first;
        found.latest = session;
        if (found.later == NULL) {
            found.decision = earlier_failure(c, session->day);
            found.later = found.decision == NULL ? NULL : session;
        }
    }
    return found;
}

static void later_texts(const struct placement_case *c, const struct absences *found, struct flag_row *flag)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    char date[DATE_TEXT_SIZE];
    char failed[DATE_TEXT_SIZE];
    char decided[DATE_TEXT_SIZE];
    char hours[HOURS_TEXT_SIZE];
    date_format(found->later->day, date);
    date_format(found->decision->failure_on, failed);
    date_format(found->decision->decided_on, decided);
    hours_put(hours, found->later->starts_min, found->later->ends_min);
    text_put(
        flag->facts, sizeof(flag->facts),
        "Absent without a known reason on %s%s in placement %s, %d days after the failure of %s on which JCP's adverse "
        "decision of %s stands: %d-week exposure, previewed from JCP's decisions only.",
        date, hours, c->facts->placement.ref, found->later->day - found->decision->failure_on, failed, decided,
        rules->later_sanction_weeks);
    text_put(flag->rule, sizeof(flag->rule),
             "More than %d and at most %d days after a failure that JCP decided adversely (%s); %d weeks (%s). Our own "
             "flags and doubts never count.",
             rules->repeat_gap_days, rules->repeat_window_days,
             programme_rule_source(c->programme, "repeat_window_days"), rules->later_sanction_weeks,
             programme_rule_source(c->programme, "later_sanction_weeks"));
}

static void second_texts(const struct placement_case *c, const struct absences *found, struct flag_row *flag)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    char first[DATE_TEXT_SIZE];
    char latest[DATE_TEXT_SIZE];
    date_format(found->first->day, first);
    date_format(found->latest->day, latest);
    text_put(
        flag->facts, sizeof(flag->facts),
        "Absent without a known reason on %d days in placement %s, the first %s and the latest %s; no earlier adverse "
        "decision of JCP counts for them: %d-week exposure, previewed from JCP's decisions only.",
        found->days, c->facts->placement.ref, first, latest, rules->first_sanction_weeks);
    text_put(flag->rule, sizeof(flag->rule),
             "A second day of absence without a known reason in one placement (our default); %d weeks (%s). Our own "
             "flags and "
             "doubts never count.",
             rules->first_sanction_weeks, programme_rule_source(c->programme, "first_sanction_weeks"));
}

static enum err_code flag_repeat(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    struct absences found = gather(c);
    if (found.later == NULL && found.days < 2) {
        return ERR_OK;
    }
    int32_t since = found.later == NULL ? found.first->day : found.later->day;
    struct flag_row flag = flag_of_placement("repeat_absence", SEVERITY_ACT, &c->facts->placement, since);
    if (found.later == NULL) {
        second_texts(c, &found, &flag);
    } else {
        later_texts(c, &found, &flag);
    }
    text_put(flag.next_step, sizeof(flag.next_step),
             "Speak with the person before anything else and ask what would help: changed hours, travel, health, "
             "caring. Nothing follows from this flag; a named person has to look at the facts first.");
    return flag_list_add(out, &flag, err);
}

enum err_code rules_absence(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    for (size_t i = 0; i < c->facts->session_count; i++) {
        if (unexplained(c, &c->facts->sessions[i])) {
            TRY(flag_absence(c, &c->facts->sessions[i], out, err));
        }
    }
    return c->facts->placement.basis == BASIS_MANDATORY ? flag_repeat(c, out, err) : ERR_OK;
}
