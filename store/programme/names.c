#include <string.h>

#include "store/rows.h"

static const char *const outcomes[OUTCOME_COUNT] = {
    [OUTCOME_NONE] = "unrecorded",
    [OUTCOME_ATTENDED] = "attended",
    [OUTCOME_LATE] = "late",
    [OUTCOME_LEFT_EARLY] = "left_early",
    [OUTCOME_ABSENT_WITH_NOTICE] = "absent_with_notice",
    [OUTCOME_ABSENT] = "absent",
    [OUTCOME_HOST_CLOSED] = "host_closed",
    [OUTCOME_EXCUSED] = "excused",
};

static const char *const standings[] = { "unrecorded", "recorded", "disputed", "excused" };
static const char *const severities[] = { "info", "watch", "act" };
static const char *const subjects[] = { "site", "placement", "session", "referral" };
static const char *const bases[] = { "unknown", "mandatory", "voluntary" };

static const char *name_at(const char *const *names, size_t count, unsigned index)
{
    return index < count ? names[index] : "unknown";
}

const char *outcome_name(enum outcome outcome)
{
    return name_at(outcomes, ARRAY_LEN(outcomes), (unsigned)outcome);
}

bool outcome_parse(const char *name, enum outcome *ret_outcome)
{
    for (int i = OUTCOME_ATTENDED; i < OUTCOME_COUNT; i++) {
        if (strcmp(outcomes[i], name) == 0) {
            *ret_outcome = (enum outcome)i;
            return true;
        }
    }
    return false;
}

const char *standing_name(enum standing standing)
{
    return name_at(standings, ARRAY_LEN(standings), (unsigned)standing);
}

const char *severity_name(enum severity severity)
{
    return name_at(severities, ARRAY_LEN(severities), (unsigned)severity);
}

const char *flag_subject_name(enum flag_subject subject)
{
    return name_at(subjects, ARRAY_LEN(subjects), (unsigned)subject);
}

const char *basis_name(enum basis basis)
{
    return name_at(bases, ARRAY_LEN(bases), (unsigned)basis);
}

bool flag_of_volunteers(const char *key)
{
    return strncmp(key, FLAG_OF_VOLUNTEERS, sizeof(FLAG_OF_VOLUNTEERS) - 1) == 0;
}
