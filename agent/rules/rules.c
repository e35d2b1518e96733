#include "agent/rules/rules.h"

#include "agent/rules/flags.h"

enum err_code rules_placement(const struct programme *programme, const struct placement_facts *facts, int32_t today,
                              struct flag_list *out, struct error *err)
{
    const struct placement_case c = { .programme = programme, .facts = facts, .today = today };
    SCOPED(flag_list_fini) struct flag_list found;
    flag_list_init(&found);
    TRY(rules_absence(&c, &found, err));
    TRY(rules_register(&c, &found, err));
    TRY(rules_appointment(&c, &found, err));
    TRY(rules_support(&c, &found, err));
    TRY(rules_hours(&c, &found, err));
    TRY(rules_notice(&c, &found, err));
    TRY(rules_term(&c, &found, err));
    TRY(rules_job_search(&c, &found, err));
    TRY(rules_milestone_due(&c, &found, err));
    TRY(rules_conflation(&c, &found, err));
    return flag_list_merge(out, &found, err);
}

enum err_code rules_site(const struct programme *programme, const struct site_facts *facts, int32_t today,
                         struct flag_list *out, struct error *err)
{
    const struct site_case c = { .programme = programme, .facts = facts, .today = today };
    SCOPED(flag_list_fini) struct flag_list found;
    flag_list_init(&found);
    TRY(rules_capacity(&c, &found, err));
    TRY(rules_forecast_flag(&c, &found, err));
    TRY(rules_referral(&c, &found, err));
    TRY(rules_statement(&c, &found, err));
    TRY(rules_crowd(&c, &found, err));
    TRY(rules_replica(&c, &found, err));
    TRY(rules_contract(&c, &found, err));
    return flag_list_merge(out, &found, err);
}
