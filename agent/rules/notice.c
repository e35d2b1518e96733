/*
 * Written notices on record that do not carry a requirement. Where none is on record at all, the flags of an absence
 * say so: most hosts never see the notice of an adviser.
 */
#include "agent/rules/flags.h"
#include "base/clock.h"

bool notice_complete(const struct notice_row *notice)
{
    return notice->says_what && notice->says_when && notice->says_where && notice->says_mandatory &&
           notice->says_evidence && notice->says_consequences;
}

static void missing_put(char *out, size_t size, const struct notice_row *notice)
{
    const struct {
        bool said;
        const char *what;
    } parts[] = {
        { notice->says_what, "what is to be done" },
        { notice->says_when, "when" },
        { notice->says_where, "where" },
        { notice->says_mandatory, "that it is mandatory" },
        { notice->says_evidence, "what evidence is needed" },
        { notice->says_consequences, "what may happen otherwise" },
    };
    text_put(out, size, "%s", "");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!parts[i].said) {
            text_append(out, size, "%s%s", out[0] == '\0' ? "" : ", ", parts[i].what);
        }
    }
}

/* The first complete one by the day on which it counts as received; NULL if there is none. */
static const struct notice_row *first_complete(const struct placement_facts *facts)
{
    const struct notice_row *found = NULL;
    for (size_t i = 0; i < facts->notice_count; i++) {
        const struct notice_row *notice = &facts->notices[i];
        if (notice_complete(notice) && day_known(notice->received_on) &&
            (found == NULL || notice->received_on < found->received_on)) {
            found = notice;
        }
    }
    return found;
}

/* The newest of those on record: the one that was meant to put it right. */
static const struct notice_row *newest(const struct placement_facts *facts)
{
    const struct notice_row *found = NULL;
    for (size_t i = 0; i < facts->notice_count; i++) {
        const struct notice_row *notice = &facts->notices[i];
        if (day_known(notice->served_on) && (found == NULL || notice->served_on >= found->served_on)) {
            found = notice;
        }
    }
    return found;
}

static enum err_code flag_incomplete(const struct placement_case *c, const struct notice_row *notice,
                                     struct flag_list *out, struct error *err)
{
    struct flag_row flag = flag_of_placement("notice_defective", SEVERITY_ACT, &c->facts->placement, notice->served_on);
    char served[DATE_TEXT_SIZE];
    char missing[200];
    date_format(notice->served_on, served);
    missing_put(missing, sizeof(missing), notice);
    text_put(flag.facts, sizeof(flag.facts),
             "The notice served on %s for placement %s does not say %s, and no complete one is on record.", served,
             c->facts->placement.ref, missing);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask the adviser for a complete notice, or record the one that was served. Until one is received nothing "
             "that happens can be a failure.");
    text_put(flag.rule, sizeof(flag.rule),
             "A requirement is lawful only on a complete written notice (legislation or guidance).");
    return flag_list_add(out, &flag, err);
}

static enum err_code flag_late(const struct placement_case *c, const struct notice_row *notice, struct flag_list *out,
                               struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    struct flag_row flag = flag_of_placement("notice_defective", SEVERITY_INFO, placement, placement->starts_on);
    char received[DATE_TEXT_SIZE];
    char starts[DATE_TEXT_SIZE];
    date_format(notice->received_on, received);
    date_format(placement->starts_on, starts);
    text_put(flag.facts, sizeof(flag.facts),
             "The first complete notice for placement %s counts as received on %s; the placement began on %s.",
             placement->ref, received, starts);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Nothing to ask of the person: what happened up to and on %s cannot be a failure.", received);
    text_put(flag.rule, sizeof(flag.rule),
             "The notice has to be received before the failure; one that was posted counts as received on working day "
             "%d after posting (%s).",
             programme_rules_of(c->programme)->notice_posted_working_days,
             programme_rule_source(c->programme, "notice_posted_working_days"));
    return flag_list_add(out, &flag, err);
}

enum err_code rules_notice(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    const struct placement_row *placement = &c->facts->placement;
    if (placement->basis != BASIS_MANDATORY || !day_known(placement->starts_on) || placement->ends_on < c->today) {
        return ERR_OK;
    }
    const struct notice_row *notice = first_complete(c->facts);
    if (notice != NULL) {
        return notice->received_on >= placement->starts_on ? flag_late(c, notice, out, err) : ERR_OK;
    }
    notice = newest(c->facts);
    return notice != NULL ? flag_incomplete(c, notice, out, err) : ERR_OK;
}
