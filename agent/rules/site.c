/*
 * The site as JCP sees it: how old the last statement is, whether supervision can follow, and the mix of routes.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/rules/flags.h"
#include "base/clock.h"

static enum err_code flag_statement(const struct site_case *c, struct flag_list *out, struct error *err)
{
    const struct capacity_row *capacity = &c->facts->capacity;
    int days = programme_rules_of(c->programme)->statement_max_age_days;
    if (!capacity->stated || !day_known(capacity->stated_on) || c->today - capacity->stated_on <= days) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_site("statement_stale", SEVERITY_WATCH, capacity->stated_on + days + 1);
    char stated[DATE_TEXT_SIZE];
    date_format(capacity->stated_on, stated);
    text_put(flag.facts, sizeof(flag.facts), "The last capacity statement to JCP is of %s, %d days ago: %d place%s.",
             stated, c->today - capacity->stated_on, capacity->places, capacity->places == 1 ? "" : "s");
    text_put(flag.next_step, sizeof(flag.next_step),
             "State the places again, also when nothing has changed, so that JCP can rely on it.");
    text_put(flag.rule, sizeof(flag.rule), "A statement is stale after %d days (%s).", days,
             programme_rule_source(c->programme, "statement_max_age_days"));
    return flag_list_add(out, &flag, err);
}

int64_t rules_supervision_needed(const struct programme *programme, int64_t placements)
{
    return programme_rules_of(programme)->supervision_minutes_per_place * placements;
}

static enum err_code flag_supervision(const struct site_case *c, struct flag_list *out, struct error *err)
{
    const struct capacity_row *capacity = &c->facts->capacity;
    int64_t each = programme_rules_of(c->programme)->supervision_minutes_per_place;
    int64_t needed = rules_supervision_needed(c->programme, c->facts->placements_now);
    if (!capacity->stated || capacity->supervisor_minutes < 0 || needed <= capacity->supervisor_minutes) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_site("supervision_ratio", SEVERITY_WATCH,
                                        day_known(capacity->stated_on) ? capacity->stated_on : c->today);
    text_put(flag.facts, sizeof(flag.facts),
             "%d placement%s run%s and %d:%02d supervisor hours a week are stated; at %d minutes a placement %d:%02d "
             "are needed.",
             c->facts->placements_now, c->facts->placements_now == 1 ? "" : "s",
             c->facts->placements_now == 1 ? "s" : "", capacity->supervisor_minutes / 60,
             capacity->supervisor_minutes % 60, (int)each, (int)(needed / 60), (int)(needed % 60));
    text_put(flag.next_step, sizeof(flag.next_step),
             "Find more supervision, spread the placements over the week, or take nobody new until then. Nobody works "
             "unsupervised.");
    text_put(flag.rule, sizeof(flag.rule), "Stated supervisor hours below %d minutes for each placement (%s).",
             (int)each, programme_rule_source(c->programme, "supervision_minutes_per_place"));
    return flag_list_add(out, &flag, err);
}

static int64_t all_referrals(const struct site_facts *facts)
{
    int64_t total = 0;
    for (size_t i = 0; i < facts->route_count; i++) {
        total += facts->routes[i].count;
    }
    return total;
}

static int64_t referrals_on(const struct site_facts *facts, const char *route)
{
    for (size_t i = 0; i < facts->route_count; i++) {
        if (strcmp(facts->routes[i].route, route) == 0) {
            return facts->routes[i].count;
        }
    }
    return 0;
}

/* "cwp 80% (33% expected)" for each route that the pack expects a share of; true if one is too far from it. */
static bool shares_put(const struct site_case *c, int64_t total, char *out, size_t size)
{
    int margin = programme_rules_of(c->programme)->route_mix_margin_percent;
    bool far = false;
    text_put(out, size, "%s", "");
    const char *route;
    for (size_t i = 0; (route = programme_code_at(c->programme, LABEL_ROUTE, i)) != NULL; i++) {
        int expected = programme_route_share_percent(c->programme, route);
        int64_t count = referrals_on(c->facts, route);
        if (expected < 0) {
            continue;
        }
        far |= llabs(count * 100 - expected * total) > margin * total;
        text_append(out, size, "%s%s %d%% (%d%% expected)", out[0] == '\0' ? "" : ", ", route,
                    (int)((count * 100 + total / 2) / total), expected);
    }
    return far;
}

static enum err_code flag_routes(const struct site_case *c, struct flag_list *out, struct error *err)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    int64_t total = all_referrals(c->facts);
    char shares[FLAG_TEXT_SIZE / 2];
    if (total < rules->route_mix_least_referrals || !shares_put(c, total, shares, sizeof(shares))) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_site("route_mix", SEVERITY_INFO, c->today - rules->route_mix_window_days + 1);
    text_put(flag.facts, sizeof(flag.facts), "Of %d referrals of the last %d days: %s.", (int)total,
             rules->route_mix_window_days, shares);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask JCP whether the mix will stay, and say which routes the centre can support. The mix says nothing "
             "about any person.");
    text_put(flag.rule, sizeof(flag.rule),
             "A route's share differs from the expected one by more than %d points (%s), among at least %d referrals.",
             rules->route_mix_margin_percent, programme_rule_source(c->programme, "route_mix_margin_percent"),
             rules->route_mix_least_referrals);
    return flag_list_add(out, &flag, err);
}

enum err_code rules_statement(const struct site_case *c, struct flag_list *out, struct error *err)
{
    TRY(flag_statement(c, out, err));
    TRY(flag_supervision(c, out, err));
    return flag_routes(c, out, err);
}
