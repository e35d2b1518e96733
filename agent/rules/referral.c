/*
 * Referrals that have to be acknowledged. What counts is the day on which a referral was received, whenever this
 * machine learnt of it, and declining one is an answer like any other.
 */
#include <string.h>

#include "agent/rules/flags.h"
#include "base/clock.h"

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
        int over = calendar_working_days_between(c->programme, c->facts->calendar, due_on, c->today);
        text_put(late, sizeof(late), "; that was %d working day%s ago", over, over == 1 ? "" : "s");
    }
    text_put(flag->facts, sizeof(flag->facts), "Referral %s (%s) was received on %s and is to be acknowledged by %s%s.",
             referral->ref, referral->route, received, due, late);
    text_put(flag->next_step, sizeof(flag->next_step),
             "Acknowledge it, and say when you will know whether the person can be taken. Declining is an answer too.");
    text_put(flag->rule, sizeof(flag->rule),
             "%d working days from the day of receipt (%s), whenever this machine learnt of it.", days,
             programme_rule_source(c->programme, "acknowledge_working_days"));
}

enum err_code rules_referral(const struct site_case *c, struct flag_list *out, struct error *err)
{
    enum calendar calendar = c->facts->calendar;
    int days = programme_rules_of(c->programme)->acknowledge_working_days;
    int32_t next_working_day = calendar_add_working_days(c->programme, calendar, c->today, 1);
    for (size_t i = 0; i < c->facts->waiting_count; i++) {
        const struct referral_row *referral = &c->facts->waiting_referrals[i];
        if (strcmp(referral->status, "received") != 0 || !day_known(referral->received_on)) {
            continue;
        }
        int32_t due_on = calendar_add_working_days(c->programme, calendar, referral->received_on, days);
        if (due_on > next_working_day) {
            continue;
        }
        enum severity severity = c->today > due_on ? SEVERITY_ACT : SEVERITY_WATCH;
        struct flag_row flag = flag_of_referral("acknowledgement_due", severity, referral, referral->received_on);
        due_texts(c, referral, due_on, &flag);
        TRY(flag_list_add(out, &flag, err));
    }
    return ERR_OK;
}
