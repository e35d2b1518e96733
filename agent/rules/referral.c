/*
 * Referrals that have to be acknowledged, and to have started or not. What counts is the day on which a referral was
 * received, whenever this machine learnt of it, and declining one is an answer like any other.
 */
#include <string.h>

#include "agent/rules/flags.h"
#include "base/clock.h"

int32_t rules_acknowledge_by(const struct programme *programme, enum calendar calendar, int32_t received_on)
{
    int days = programme_rules_of(programme)->acknowledge_working_days;
    return day_known(received_on) ? calendar_add_working_days(programme, calendar, received_on, days) : ROW_NONE;
}

int32_t rules_start_by(const struct programme *programme, enum calendar calendar, int32_t received_on)
{
    int days = programme_rules_of(programme)->start_working_days;
    return day_known(received_on) ? calendar_add_working_days(programme, calendar, received_on, days) : ROW_NONE;
}

static void overdue_put(const struct site_case *c, int32_t due_on, char *out, size_t size)
{
    int over = calendar_working_days_between(c->programme, c->facts->calendar, due_on, c->today);
    if (over > 0) {
        text_put(out, size, "; that was %d working day%s ago", over, over == 1 ? "" : "s");
    } else {
        text_put(out, size, "; no working day has passed since");
    }
}

static void due_texts(const struct site_case *c, const struct referral_row *referral, int32_t due_on,
                      struct flag_row *flag)
{
    int days = programme_rules_of(c->programme)->acknowledge_working_days;
    char received[DATE_TEXT_SIZE];
    char due[DATE_TEXT_SIZE];
    char late[48] = "";
    date_format(referral->received_on, received);
    date_format(due_on, due);
    if (c->today > due_on) {
        overdue_put(c, due_on, late, sizeof(late));
    }
    text_put(flag->facts, sizeof(flag->facts), "Referral %s (%s) was received on %s and is to be acknowledged by %s%s.",
             referral->ref, referral->route, received, due, late);
    text_put(flag->next_step, sizeof(flag->next_step),
             "Acknowledge it, and say when you will know whether the person can be taken. Declining is an answer too.");
    text_put(flag->rule, sizeof(flag->rule),
             "%d working days from the day of receipt (%s), whenever this machine learnt of it.", days,
             programme_rule_source(c->programme, "acknowledge_working_days"));
}

static enum err_code flag_acknowledgement(const struct site_case *c, const struct referral_row *referral,
                                          struct flag_list *out, struct error *err)
{
    enum calendar calendar = c->facts->calendar;
    int32_t due_on = rules_acknowledge_by(c->programme, calendar, referral->received_on);
    if (due_on > calendar_add_working_days(c->programme, calendar, c->today, 1)) {
        return ERR_OK;
    }
    bool over = c->today > due_on;
    struct flag_row flag = flag_of_referral(over ? "acknowledgement_overdue" : "acknowledgement_due",
                                            over ? SEVERITY_ACT : SEVERITY_WATCH, referral, referral->received_on);
    due_texts(c, referral, due_on, &flag);
    return flag_list_add(out, &flag, err);
}

static enum err_code flag_start(const struct site_case *c, const struct referral_row *referral, struct flag_list *out,
                                struct error *err)
{
    int days = programme_rules_of(c->programme)->start_working_days;
    int32_t due_on = rules_start_by(c->programme, c->facts->calendar, referral->received_on);
    if (c->today <= due_on) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_referral("start_overdue", SEVERITY_ACT, referral, referral->received_on);
    char received[DATE_TEXT_SIZE];
    char due[DATE_TEXT_SIZE];
    char ago[48];
    date_format(referral->received_on, received);
    date_format(due_on, due);
    overdue_put(c, due_on, ago, sizeof(ago));
    text_put(flag.facts, sizeof(flag.facts),
             "Referral %s (%s) was received on %s; a start, or that there was none, was to be recorded by %s%s.",
             referral->ref, referral->route, received, due, ago);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Record the start, that the person did not start, or the answer to the referral. Ask the person before "
             "anything is said about not starting.");
    text_put(flag.rule, sizeof(flag.rule), "%d working days from the day of receipt (%s).", days,
             programme_rule_source(c->programme, "start_working_days"));
    return flag_list_add(out, &flag, err);
}

enum err_code rules_referral(const struct site_case *c, struct flag_list *out, struct error *err)
{
    for (size_t i = 0; i < c->facts->open_count; i++) {
        const struct referral_row *referral = &c->facts->open_referrals[i];
        if (!day_known(referral->received_on)) {
            continue;
        }
        bool unanswered = strcmp(referral->status, "received") == 0;
        bool expected = strcmp(referral->status, "acknowledged") == 0 || strcmp(referral->status, "accepted") == 0;
        if (unanswered) {
            TRY(flag_acknowledgement(c, referral, out, err));
        }
        if (unanswered || expected) {
            TRY(flag_start(c, referral, out, err));
        }
    }
    return ERR_OK;
}
