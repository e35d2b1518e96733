/*
 * How long a placement and a person's whole time on the scheme (store/programme/scheme.c) last.
 */
#include <string.h>

#include "agent/rules/flags.h"
#include "base/clock.h"

static bool running(const struct placement_case *c)
{
    const struct placement_row *placement = &c->facts->placement;
    return day_known(placement->starts_on) && day_known(placement->ends_on) && placement->starts_on <= c->today &&
           placement->ends_on >= c->today;
}

static enum err_code flag_near_end(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    int days = programme_rules_of(c->programme)->placement_end_warn_days;
    if (!running(c) || placement->ends_on - c->today > days) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_placement("placement_near_end", SEVERITY_INFO, placement, placement->ends_on - days);
    char ends[DATE_TEXT_SIZE];
    date_format(placement->ends_on, ends);
    int left = placement->ends_on - c->today;
    text_put(flag.facts, sizeof(flag.facts), "Placement %s ends on %s, in %d day%s.", placement->ref, ends, left,
             left == 1 ? "" : "s");
    text_put(flag.next_step, sizeof(flag.next_step),
             "Talk with the person about what comes next, write the reference, and free the place in the capacity "
             "statement.");
    text_put(flag.rule, sizeof(flag.rule), "At most %d days to the last day agreed (%s).", days,
             programme_rule_source(c->programme, "placement_end_warn_days"));
    return flag_list_add(out, &flag, err);
}

/* The placement looked at is the last of the scheme: what has to end earlier is that. */
static struct scheme scheme_of(const struct placement_case *c, bool *ret_is_last)
{
    struct scheme scheme;
    *ret_is_last = false;
    scheme_begin(&scheme, c->programme, c->today, c->facts->breaks, c->facts->break_count);
    for (size_t i = 0; i < c->facts->span_count; i++) {
        const struct span_row *span = &c->facts->spans[i];
        if (day_known(span->starts_on) && day_known(span->ends_on) &&
            scheme_add(&scheme, span->starts_on, span->ends_on)) {
            *ret_is_last = memcmp(&span->placement, &c->facts->placement.id, sizeof(span->placement)) == 0;
        }
    }
    return scheme;
}

static enum err_code flag_scheme(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    const struct placement_row *placement = &c->facts->placement;
    bool is_last;
    struct scheme scheme = scheme_of(c, &is_last);
    int64_t limit = (int64_t)rules->scheme_weeks_max * 7;
    bool beyond = scheme.days > limit;
    bool near = scheme.days_so_far > 0 && limit - scheme.days_so_far <= rules->scheme_warn_days;
    if (placement->basis != BASIS_MANDATORY || !is_last || scheme.ends < c->today || !(beyond || near)) {
        return ERR_OK;
    }
    struct flag_row flag =
        flag_of_placement("scheme_near_limit", beyond ? SEVERITY_ACT : SEVERITY_WATCH, placement, scheme.begins);
    char begins[DATE_TEXT_SIZE];
    char ends[DATE_TEXT_SIZE];
    date_format(scheme.begins, begins);
    date_format(scheme.ends, ends);
    text_put(flag.facts, sizeof(flag.facts),
             "%d mandatory placement%s of the person from %s to %s make %d weeks and %d days, of which %d weeks and %d "
             "days are over.",
             scheme.placements, scheme.placements == 1 ? "" : "s", begins, ends, (int)(scheme.days / 7),
             (int)(scheme.days % 7), (int)(scheme.days_so_far / 7), (int)(scheme.days_so_far % 7));
    if (beyond) {
        char last[DATE_TEXT_SIZE];
        date_format(scheme.last_lawful, last);
        text_append(flag.facts, sizeof(flag.facts), " The limit is reached on %s.", last);
        text_put(flag.next_step, sizeof(flag.next_step),
                 "Bring the end forward to %s at the latest and tell the adviser. Beyond the limit nothing can be "
                 "required of the person.",
                 last);
    } else {
        text_put(flag.next_step, sizeof(flag.next_step),
                 "Plan the end with the person and the adviser; no further mandatory placement fits.");
    }
    text_put(flag.rule, sizeof(flag.rule),
             "At most %d weeks on mandatory placements altogether, breaks left out (%s); said %d days before (%s).",
             rules->scheme_weeks_max, programme_rule_source(c->programme, "scheme_weeks_max"), rules->scheme_warn_days,
             programme_rule_source(c->programme, "scheme_warn_days"));
    return flag_list_add(out, &flag, err);
}

enum err_code rules_term(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    TRY(flag_near_end(c, out, err));
    return flag_scheme(c, out, err);
}
