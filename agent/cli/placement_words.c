#include "agent/cli/placement_words.h"

#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/human.h"

static void print_where(const struct screen *screen, const json_t *answer)
{
    const json_t *placement = answer_member(answer, "placement");
    const char *host = answer_text(placement, "host");
    const char *role = answer_text(placement, "role");
    const char *opportunity = answer_text(answer, "opportunity_ref");
    screen_fact(screen, "Where", "%s%s%s", host[0] != '\0' ? host : "not recorded", role[0] != '\0' ? ", " : "", role);
    if (opportunity[0] != '\0') {
        screen_fact(screen, "Opportunity", "%s", opportunity);
    }
    if (answer_text(answer, "referral_ref")[0] != '\0') {
        const char *since = answer_text(answer, "referral_status_on");
        screen_fact(screen, "Referral", "%s, %s%s%s", answer_text(answer, "referral_ref"),
                    answer_text(answer, "referral_status"), since[0] != '\0' ? " since " : "", since);
    }
}

static void print_hours(const struct screen *screen, const json_t *answer)
{
    const json_t *placement = answer_member(answer, "placement");
    struct human agreed = human_minutes((int)answer_int(placement, "weekly_minutes"));
    const char *reason = answer_text(answer, "reduced_hours_reason");
    screen_fact(screen, "Runs", "%s to %s, by the calendar of %s", answer_text(placement, "starts_on"),
                answer_text(placement, "ends_on"),
                strcmp(answer_text(placement, "calendar"), "scotland") == 0 ? "Scotland" : "England and Wales");
    screen_fact(screen, "Hours", "%s a week agreed%s%s", agreed.text, reason[0] != '\0' ? "; fewer than usual: " : "",
                reason);
    if (answer_text(placement, "pattern")[0] != '\0') {
        screen_fact(screen, "Pattern", "%s", answer_text(placement, "pattern"));
    }
    if (answer_has(answer, "job_search_minutes")) {
        struct human search = human_minutes((int)answer_int(answer, "job_search_minutes"));
        screen_fact(screen, "Job search", "%s a week agreed", search.text);
    }
}

static void print_rows(const struct screen *screen, const json_t *answer)
{
    size_t index;
    const json_t *row;
    const char *own = answer_text(answer_member(answer, "placement"), "ref");
    json_array_foreach(answer_member(answer, "in_a_row"), index, row)
    {
        const char *ref = answer_text(row, "ref");
        screen_fact(screen, index == 0 ? "In a row" : "", "%s to %s, %s", answer_text(row, "starts_on"),
                    answer_text(row, "ends_on"), strcmp(ref, own) == 0 ? "this one" : ref);
    }
    json_array_foreach(answer_member(answer, "breaks"), index, row)
    {
        screen_fact(screen, index == 0 ? "Breaks" : "", "%s to %s", answer_text(row, "starts_on"),
                    answer_has(row, "ends_on") ? answer_text(row, "ends_on") : "not known");
    }
    json_array_foreach(answer_member(answer, "job_search"), index, row)
    {
        struct human minutes = human_minutes((int)answer_int(row, "minutes"));
        screen_fact(screen, index == 0 ? "Searched" : "", "%s in the week of %s", minutes.text,
                    answer_text(row, "week"));
    }
}

void placement_print(const struct screen *screen, const json_t *answer)
{
    const json_t *placement = answer_member(answer, "placement");
    struct answer_person person = answer_person(placement);
    screen_print(screen, "%s%s%s: %s%s%s\n", answer_text(placement, "ref"), person.text[0] != '\0' ? ", " : "",
                 person.text, screen_mark(screen, MARK_STRONG), answer_text(placement, "basis"), screen_unmark(screen));
    print_where(screen, answer);
    print_hours(screen, answer);
    print_rows(screen, answer);
    if (answer_has(placement, "note")) {
        screen_fact(screen, "Note", "%s", answer_text(placement, "note"));
    }
    screen_fact(screen, "Sessions", "'holdfast export register', or 'holdfast roll --date DAY' for one day");
}
