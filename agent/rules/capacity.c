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

/* ---- one host, one opportunity ---- */

enum err_code rules_crowd(const struct site_case *c, struct flag_list *out, struct error *err)
{
    for (size_t i = 0; i < c->facts->crowd_count; i++) {
        const struct crowd_row *crowd = &c->facts->crowds[i];
        struct flag_row flag =
            flag_of_named(crowd->host ? "host_over_quota" : "over_capacity", SEVERITY_ACT, crowd->ref, crowd->since);
        text_put(flag.facts, sizeof(flag.facts), "%d %splacements run at %s %s, which has %s %d.", crowd->running,
                 crowd->host ? "mandatory " : "", crowd->host ? "host" : "opportunity", crowd->ref,
                 crowd->host ? "a quota of" : "places for", crowd->allowed);
        text_put(flag.next_step, sizeof(flag.next_step),
                 "Place nobody else there, check that everybody is supervised, and ask the host what it can bear. "
                 "Nobody's placement is cut short for this.");
        text_put(flag.rule, sizeof(flag.rule), "More placements run today than the %s on record.",
                 crowd->host ? "host's quota" : "opportunity's places");
        TRY(flag_list_add(out, &flag, err));
    }
    return ERR_OK;
}

/* ---- this machine ---- */

enum err_code rules_replica(const struct site_case *c, struct flag_list *out, struct error *err)
{
    int days = programme_rules_of(c->programme)->replica_stale_days;
    int32_t heard = c->facts->heard_on;
    if (heard == 0 || !day_known(heard) || c->today - heard <= days) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_site("replica_stale", SEVERITY_WATCH, heard + days + 1);
    char date[DATE_TEXT_SIZE];
    date_format(heard, date);
    text_put(flag.facts, sizeof(flag.facts),
             "This machine last heard from the centre on %s, %d days ago. What others recorded since is not here.",
             date, c->today - heard);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Look at 'holdfast status' for what stands in the way; without a network exchange by files with "
             "'holdfast bundle'. Recording goes on meanwhile.");
    text_put(flag.rule, sizeof(flag.rule), "No word of the centre for more than %d days (%s).", days,
             programme_rule_source(c->programme, "replica_stale_days"));
    return flag_list_add(out, &flag, err);
}
