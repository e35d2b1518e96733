#include <string.h>

#include "agent/rules/exposure.h"
#include "base/clock.h"

int32_t months_after(int32_t day, int months)
{
    int year;
    int month;
    int day_of_month;
    date_to_civil(day, &year, &month, &day_of_month);
    int count = year * 12 + month - 1 + months;
    while (!date_valid(count / 12, count % 12 + 1, day_of_month) && day_of_month > 28) {
        day_of_month--;
    }
    return date_from_civil(count / 12, count % 12 + 1, day_of_month);
}

const char *challenge_step_name(enum challenge_step step)
{
    static const char *const names[] = {
        [CHALLENGE_NOTHING] = "nothing",   [CHALLENGE_RECONSIDERATION] = "mandatory_reconsideration",
        [CHALLENGE_WAITING] = "waiting",   [CHALLENGE_APPEAL] = "appeal",
        [CHALLENGE_APPEALED] = "appealed",
    };
    return names[step];
}

static void set_deadline(struct challenge *challenge, int32_t from, int months, int warn_days, int32_t today)
{
    challenge->by = months_after(from, months);
    challenge->late = today > challenge->by;
    challenge->near = !challenge->late && challenge->by - today <= warn_days;
}

void rules_challenge(const struct programme *programme, const struct challenge_facts *facts, int32_t today,
                     struct challenge *ret_challenge)
{
    const struct programme_rules *rules = programme_rules_of(programme);
    struct challenge challenge = { .step = CHALLENGE_NOTHING, .by = ROW_NONE };
    if (strcmp(facts->outcome, "adverse") != 0 || facts->decided_on == ROW_NONE) {
        *ret_challenge = challenge;
        return;
    }
    if (facts->asked_on == ROW_NONE) {
        challenge.step = CHALLENGE_RECONSIDERATION;
        set_deadline(&challenge, facts->decided_on, rules->reconsideration_months, rules->challenge_warn_days, today);
    } else if (facts->answered_on == ROW_NONE) {
        challenge.step = CHALLENGE_WAITING;
    } else if (facts->answered_unchanged && facts->appealed_on == ROW_NONE) {
        challenge.step = CHALLENGE_APPEAL;
        set_deadline(&challenge, facts->answered_on, rules->appeal_months, rules->challenge_warn_days, today);
    } else if (facts->answered_unchanged && facts->appeal_answered_on == ROW_NONE) {
        challenge.step = CHALLENGE_APPEALED;
    }
    *ret_challenge = challenge;
}
