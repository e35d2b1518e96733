#include "agent/rules/guide.h"

#include <string.h>

#include "base/check.h"

/* The usual factors of good reason: health, caring, safety, a roof, bullying, travel, interviews, JCP, duties, loss. */
#define ASK_WHAT_HAPPENED                                                                                              \
    "Were they ill, hurt, or looking after somebody, or has somebody died?",                                           \
        "Are they safe where they live and at the placement: violence, bullying, no place to stay?",                   \
        "Could they get there and back: fares, buses, how long it takes?",                                             \
        "Was there an interview, a JCP appointment, a court or jury date?"
#define ASK_NOTICE "Did they know that they were expected: was the notice complete, received in time, and understood?"
#define ASK_HELP "What would help: other hours, another task, fares, a break, another placement?"

static const struct flag_guide guides[] = {
    { "acknowledgement_due", "An answer to the referral: acknowledged, accepted, declined or withdrawn.", { NULL } },
    { "acknowledgement_overdue",
      "An answer to the referral: acknowledged, accepted, declined or withdrawn.",
      { NULL } },
    { "called_volunteering",
      "Other words for what is required.",
      { "Does the person know that it is required, and not volunteering?",
        "Where else is it called so: in the notice, by the host, in what was advertised?", NULL } },
    { "capacity_forecast",
      "A statement of more places, placements that end, fewer that start, or no statement of capacity.",
      { NULL } },
    { "claim_unpaid",
      "The payment on record in full, or that the claim is refused.",
      { "Did the prime say what it still needs to pay?", NULL } },
    { "clash_with_jcp",
      "The session or the appointment moved; a past one stays as the explanation of an excused absence.",
      { "Which of the two can JCP or the host move?", NULL } },
    { "contract_not_viable",
      "Terms or a cost that are put right, more placements that are completed, or the contract's end.",
      { "What stopped people from completing: health, caring, travel, the placement itself, a job?",
        "Is the cost of a placement on record the whole cost, supervision and support with it?",
        "What would have to change for the contract to bear itself, and is that worth asking the prime for?",
        "Who else pays for it now, and do the trustees know?", NULL } },
    { "conflation",
      "A shift that does not overlap, or no entry as a volunteer.",
      { "Does the person know which hours are required and which are their own?",
        "Did anybody ask them to volunteer for more?", NULL } },
    { "disputed_record",
      "A record that names both versions, with the reason for the correction.",
      { "What does each of those who recorded it remember?", "What does the paper register say?",
        "What does the person say?", NULL } },
    { "host_over_quota", "Placements that end, or a larger quota that the host agreed to.", { NULL } },
    { "hours_over",
      "Hours kept to what was agreed and to the limit, or a record that is put right.",
      { "Did they stay longer because they wanted to, or because they were asked to?", NULL } },
    { "hours_short",
      "Sessions of the agreed length, other hours agreed and recorded, or minutes that are put right.",
      { "What shortens the sessions: travel, caring, health, the host's own hours?", ASK_HELP, NULL } },
    { "job_search_short",
      "Hours on record that are put right, other hours agreed, or weeks that pass.",
      { "Is all of it on record?", "What would help: a computer, a library card, somebody to sit with?", ASK_HELP,
        NULL } },
    { "milestone_due",
      "A claim for it, or a register and breaks that say otherwise.",
      { "Do the register and the notices bear the claim?",
        "Was the person really there so long, or is a break or an end missing on record?", NULL } },
    { "near_capacity", "Placements that end, or a statement of more places.", { NULL } },
    { "notice_defective",
      "A complete notice that counts as received before the placement starts, or the end of the placement.",
      { "What did the person receive, and when?", NULL } },
    { "over_capacity", "Placements that end, or a statement of more places.", { NULL } },
    { "placement_near_end", "A later last day, or the end.", { "What does the person want to do next?", NULL } },
    { "possible_good_reason",
      "Days that pass, or another record of the session.",
      { "What support is wanted, and from whom?", "Do the requirement and the hours still fit?",
        "Who has to know, and who must not?", NULL } },
    { "register_gap", "A record for each of the sessions, also that the host was closed.", { NULL } },
    { "repeat_absence",
      "A reason for the absences, a record that is put right, an appointment of JCP that overlaps, or a decision of "
      "JCP "
      "that no longer stands.",
      { ASK_WHAT_HAPPENED, ASK_NOTICE, ASK_HELP, NULL } },
    { "repeated_lateness",
      "Sessions in time, reasons on record, or other hours.",
      { "What gets in the way: travel, caring, health, the hours themselves?", ASK_HELP, NULL } },
    { "route_mix", "Referrals on other routes.", { NULL } },
    { "replica_stale", "The next exchange with the centre, by network or by files.", { NULL } },
    { "scheme_near_limit",
      "An earlier last day.",
      { "Does the person know the last day on which something can be required?", NULL } },
    { "start_overdue",
      "A record of the start, that there was none, or another answer to the referral.",
      { ASK_NOTICE, "Was anything agreed with the adviser meanwhile?", NULL } },
    { "statement_stale", "A new capacity statement.", { NULL } },
    { "supervision_ratio", "More supervisor hours stated, or fewer placements.", { NULL } },
    { "unexplained_absence",
      "A reason that is a code of the programme, a record that is put right, or an appointment of JCP that overlaps.",
      { ASK_WHAT_HAPPENED, ASK_NOTICE, ASK_HELP, NULL } },
};

const struct flag_guide *flag_guide_find(const char *key)
{
    size_t len = strcspn(key, "/");
    for (size_t i = 0; i < ARRAY_LEN(guides); i++) {
        if (strlen(guides[i].code) == len && memcmp(guides[i].code, key, len) == 0) {
            return &guides[i];
        }
    }
    return NULL;
}

const struct flag_guide *flag_guide_at(size_t index)
{
    return index < ARRAY_LEN(guides) ? &guides[index] : NULL;
}
