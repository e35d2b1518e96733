#include "agent/rules/flags.h"
#include "base/clock.h"

static void capacity_texts(const struct site_case *c, bool over, struct flag_row *flag)
{
    const struct site_facts *facts = c->facts;
    const struct programme_rules *rules = programme_rules_of(c->programme);
    char stated[40] = "";
    if (day_known(facts->capacity.stated_on)) {
        char date[DATE_TEXT_SIZE];
        date_format(facts->capacity.stated_on, date);
        text_put(stated, sizeof(stated), " on %s", date);
    }
    text_put(flag->facts, sizeof(flag->facts),
             "%d placement%s run%s and %d place%s stated%s; %d more agreed to start, %d referral%s waiting.",
             facts->placements_now, facts->placements_now == 1 ? "" : "s", facts->placements_now == 1 ? "s" : "",
             facts->capacity.places, facts->capacity.places == 1 ? " is" : "s are", stated, facts->placements_to_come,
             facts->waiting, facts->waiting == 1 ? "" : "s");
    if (over) {
        text_put(flag->next_step, sizeof(flag->next_step),
                 "Accept no more for now, check that everybody is supervised, and send JCP a new capacity statement. "
                 "Nobody's placement is cut short for this.");
        text_put(flag->rule, sizeof(flag->rule), "More placements run than places are stated.");
    } else {
        text_put(flag->next_step, sizeof(flag->next_step),
                 "Tell JCP how many places are left before accepting more, and send a new capacity statement.");
        text_put(flag->rule, sizeof(flag->rule), "At least %d%% of the stated places are taken (%s).",
                 rules->near_capacity_percent, programme_rule_source(c->programme, "near_capacity_percent"));
    }
}

enum err_code rules_capacity(const struct site_case *c, struct flag_list *out, struct error *err)
{
    const struct capacity_row *capacity = &c->facts->capacity;
    int64_t now = c->facts->placements_now;
    bool over = now > capacity->places;
    bool near = now * 100 >= (int64_t)capacity->places * programme_rules_of(c->programme)->near_capacity_percent;
    if (!capacity->stated || now <= 0 || !(over || near)) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_site(over ? "over_capacity" : "near_capacity", over ? SEVERITY_ACT : SEVERITY_WATCH,
                                        day_known(capacity->stated_on) ? capacity->stated_on : c->today);
    capacity_texts(c, over, &flag);
    return flag_list_add(out, &flag, err);
}
