/*
 * Volunteering is not mandated work, and the two are never conflated: neither by hours that are both at once, nor by
 * what a requirement is called.
 */
#include <stdlib.h>

#include "agent/rules/flags.h"
#include "base/clock.h"

static bool overlap(const struct session_row *session, const struct shift_row *shift)
{
    return session->day == shift->day &&
           (session->starts_min == ROW_NONE || session->ends_min == ROW_NONE ||
            (session->starts_min < shift->ends_min && shift->starts_min < session->ends_min));
}

static bool volunteering_then(const struct placement_case *c, const struct session_row *session)
{
    int days = programme_rules_of(c->programme)->conflation_window_days;
    if (!session->expected || !day_known(session->day) || c->today - session->day > days) {
        return false;
    }
    for (size_t i = 0; i < c->facts->shift_count; i++) {
        if (overlap(session, &c->facts->shifts[i])) {
            return true;
        }
    }
    return false;
}

/* The first required session with a shift in it, and how many there are. What a flag says is the session's: it is the
 * person's own, while a shift may turn out to be somebody else's of the same name. */
static const struct session_row *first_overlap(const struct placement_case *c, int *ret_count)
{
    const struct session_row *first = NULL;
    for (size_t i = 0; i < c->facts->session_count; i++) {
        if (volunteering_then(c, &c->facts->sessions[i])) {
            first = first == NULL ? &c->facts->sessions[i] : first;
            (*ret_count)++;
        }
    }
    return first;
}

/* Of the placement's role and note, and of what it takes up, the first that has one. */
static const char *word_of(const struct placement_case *c, const char **ret_where)
{
    const struct {
        const char *where;
        const char *text;
    } texts[] = { { "role", c->facts->placement.role },
                  { "note", c->facts->placement.note },
                  { "opportunity's title", c->facts->opportunity_title } };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *word = programme_volunteering_word(c->programme, texts[i].text);
        if (word != NULL) {
            *ret_where = texts[i].where;
            return word;
        }
    }
    return NULL;
}

static void say_session(const struct placement_case *c, const struct session_row *session, int count,
                        struct flag_row *flag)
{
    char date[DATE_TEXT_SIZE];
    char hours[HOURS_TEXT_SIZE];
    date_format(session->day, date);
    hours_put(hours, session->starts_min, session->ends_min);
    text_append(flag->facts, sizeof(flag->facts),
                "Somebody of the same name, or who was entered as the same person, is entered as a volunteer at the "
                "same place within %d required session%s of placement %s, the first on %s%s.",
                count, count == 1 ? "" : "s", c->facts->placement.ref, date, hours);
    if (c->facts->opportunity_ref[0] != '\0') {
        text_append(flag->facts, sizeof(flag->facts),
                    c->facts->volunteers_too ? " Opportunity %s is for volunteers too."
                                             : " Opportunity %s is not open to volunteers.",
                    c->facts->opportunity_ref);
    }
}

static enum err_code both_at_once(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    int count = 0;
    const struct session_row *session = first_overlap(c, &count);
    if (session == NULL) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_placement("conflation", SEVERITY_ACT, &c->facts->placement, session->day);
    CHECK(flag_of_volunteers(flag.key));
    say_session(c, session, count, &flag);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Keep the two apart: hours that are required are not volunteering and are never counted as such. Look at "
             "that day in the shifts of volunteers; move the shift or put the entry right, and tell the person which "
             "is which.");
    text_put(flag.rule, sizeof(flag.rule),
             "Volunteering is not mandated work: shifts within required sessions from %d days ago on (%s). Volunteers "
             "are known on this machine alone, and so is this flag.",
             programme_rules_of(c->programme)->conflation_window_days,
             programme_rule_source(c->programme, "conflation_window_days"));
    return flag_list_add(out, &flag, err);
}

/* A flag of its own, as it rests on records that every machine has. */
static enum err_code called_volunteering(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    const char *where;
    const char *word = word_of(c, &where);
    if (word == NULL) {
        return ERR_OK;
    }
    int32_t since = day_known(placement->starts_on) ? placement->starts_on : c->today;
    struct flag_row flag = flag_of_placement("called_volunteering", SEVERITY_ACT, placement, since);
    text_put(flag.code, sizeof(flag.code), "conflation");
    text_put(flag.facts, sizeof(flag.facts), "The %s of mandatory placement %s says '%s'.", where, placement->ref,
             word);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Keep the two apart: what is required is not volunteering. Say in other words what is required, and tell "
             "the person which is which.");
    text_put(flag.rule, sizeof(flag.rule),
             "Volunteering is not mandated work: one of the programme's words for volunteering in the role, the note "
             "or the opportunity's title.");
    return flag_list_add(out, &flag, err);
}

enum err_code rules_conflation(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    if (c->facts->placement.basis != BASIS_MANDATORY) {
        return ERR_OK;
    }
    TRY(both_at_once(c, out, err));
    return called_volunteering(c, out, err);
}
