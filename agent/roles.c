#include "agent/roles.h"

#include <string.h>

#define S ROLE_SUPERVISOR
#define C ROLE_COORDINATOR
#define R ROLE_REVIEWER
#define T ROLE_TRUSTEE
#define A ROLE_ADMINISTRATOR

/* A path that ends in '/' stands for all that begin so; of several that fit the longest counts. */
static const struct {
    const char *method;
    const char *path;
    unsigned roles;
} calls[] = {
    /* the service: what a locked agent answers, and who one is */
    { "GET", "/v1/version", ROLES_ANYBODY },
    { "GET", "/v1/status", ROLES_ANYBODY },
    { "POST", "/v1/unlock", ROLES_ANYBODY },
    { "POST", "/v1/lock", ROLES_ANYBODY },
    { "POST", "/v1/sign-in", ROLES_ANYBODY },
    { "POST", "/v1/sign-out", ROLES_ANYBODY },
    { "GET", "/v1/whoami", ROLES_ANYBODY },
    { "POST", "/v1/sync", S | C | R | T | A },

    /* the register: whoever stands at the door */
    { "GET", "/v1/roll", S | C | R | A },
    { "POST", "/v1/roll/attended", S | C | R | A },
    { "POST", "/v1/attendance", S | C | R | A },
    { "GET", "/v1/sessions/", S | C | R | A },
    { "GET", "/v1/disputes", S | C | R | A },
    { "GET", "/v1/placements", S | C | R | T | A },
    { "GET", "/v1/placements/", C | R | A },

    /* the daily work of a volunteer centre */
    { "GET", "/v1/referrals", C | R | T | A },
    { "GET", "/v1/referrals/", C | R | T | A },
    { "POST", "/v1/referrals/", C | R | A },
    { "POST", "/v1/records", C | R | A },
    { "GET", "/v1/records/", C | R | A },
    { "GET", "/v1/records/host", S | C | R | T | A },
    { "GET", "/v1/records/opportunity", S | C | R | T | A },
    { "GET", "/v1/records/contract", C | R | T | A },
    { "GET", "/v1/records/policy_decision", C | R | T | A },
    { "GET", "/v1/records/policy_decision/", C | R | T | A },
    { "GET", "/v1/records/milestone", C | R | T | A },
    { "GET", "/v1/records/claim", C | R | T | A },
    { "GET", "/v1/notices", C | R | A },
    { "POST", "/v1/placements", C | R | A },
    { "GET", "/v1/duplicates", C | R | A },
    { "GET", "/v1/merges", C | R | A },
    { "POST", "/v1/merge", C | R | A },
    { "GET", "/v1/capacity", S | C | R | T | A },
    { "POST", "/v1/capacity", C | R | A },
    { "GET", "/v1/capacity/forecast", S | C | R | T | A },
    { "GET", "/v1/capacity/opportunities", S | C | R | T | A },
    { "GET", "/v1/capacity/waiting", C | R | T | A },
    { "GET", "/v1/flags", S | C | R | T | A },
    { "GET", "/v1/flags/", S | C | R | T | A },
    { "GET", "/v1/messages", C | R | T | A },
    { "GET", "/v1/messages/", C | R | T | A },
    { "POST", "/v1/messages", C | R | A },
    { "POST", "/v1/messages/seen", C | R | A },
    { "GET", "/v1/volunteers", C | R | A },
    { "POST", "/v1/volunteers", C | R | A },
    { "GET", "/v1/volunteers/", C | R | A },
    { "POST", "/v1/volunteers/", C | R | A },
    { "GET", "/v1/volunteer-hours", C | R | T | A },
    { "POST", "/v1/import", C | R | A },
    { "GET", "/v1/export/", C | R | A },
    { "GET", "/v1/calendar", S | C | R | A },
    { "GET", "/v1/packs", S | C | R | T | A },
    { "GET", "/v1/codes", S | C | R | T | A },
    { "GET", "/v1/packs/", S | C | R | T | A },
    { "GET", "/v1/report/", C | R | T | A },

    /* money */
    { "GET", "/v1/contracts", C | R | T | A },
    { "GET", "/v1/contracts/", C | R | T | A },
    { "POST", "/v1/services", C | R | A },
    { "GET", "/v1/milestones", C | R | T | A },
    { "GET", "/v1/claims", C | R | T | A },
    { "POST", "/v1/claims", C | R | A },
    { "POST", "/v1/claims/", C | R | A },
    { "GET", "/v1/take-part", C | R | T | A },

    /* the way to a sanction: a reviewer, and nobody else, takes a step on it */
    { "GET", "/v1/reviews", C | R | A },
    { "POST", "/v1/reviews", R },
    { "GET", "/v1/doubts", C | R | A },
    { "GET", "/v1/doubts/", C | R | A },
    { "GET", "/v1/doubts/preview", R },
    { "POST", "/v1/doubts", R },
    { "POST", "/v1/doubts/", R },
    { "GET", "/v1/challenges", C | R | A },
    { "POST", "/v1/challenges", C | R | A },
    { "POST", "/v1/challenges/", C | R | A },

    /* evidence and the log */
    { "GET", "/v1/log", C | R | A },
    { "POST", "/v1/evidence", C | R },
    { "GET", "/v1/evidence/records", C | R },
    { "GET", "/v1/evidence/chain", C | R },
    { "GET", "/v1/evidence/receipt", C | R },
    { "GET", "/v1/checkpoint", C | R | T | A },
    { "GET", "/v1/checkpoint/violations", C | R | T | A },
    { "POST", "/v1/checkpoint/acknowledge", A },
    { "POST", "/v1/checkpoint/compare", C | R | A },
    { "GET", "/v1/quarantine", C | R | A },
    { "GET", "/v1/quarantine/", C | R | A },
    { "POST", "/v1/quarantine/retry", A },
    { "GET", "/v1/overwrites", C | R | A },
    { "POST", "/v1/overwrites/review", C | R | A },
    { "GET", "/v1/subject-access/", C | R },
    { "GET", "/v1/audit", T | A },
    { "GET", "/v1/audit/verify", T | A },
    { "GET", "/v1/retention", C | R | A },
    { "GET", "/v1/retention/kinds", C | R | A },
    { "POST", "/v1/retention/run", A },
    { "POST", "/v1/erase", A },

    /* the machine */
    { "GET", "/v1/people", A },
    { "POST", "/v1/people", A },
    { "POST", "/v1/people/remove", A },
    { "POST", "/v1/verify", A },
    { "POST", "/v1/rebuild", A },
    { "POST", "/v1/enrol", A },
    { "POST", "/v1/enrol/", A },
    { "POST", "/v1/vault/rekey", A },
    { "GET", "/v1/vault/check", A },
    { "POST", "/v1/vault/check", A },
    { "POST", "/v1/vault/check/stop", A },
    { "GET", "/v1/keys", A },
    { "POST", "/v1/keys/", A },
    { "POST", "/v1/backup", A },
    { "POST", "/v1/backup/", A },
    { "GET", "/v1/restore", A },
    { "POST", "/v1/restore/", A },
    { "POST", "/v1/bundle/", C | A },
};

#undef S
#undef C
#undef R
#undef T
#undef A

static bool fits(const char *pattern, const char *path)
{
    size_t len = strlen(pattern);
    return pattern[len - 1] == '/' ? strncmp(pattern, path, len) == 0 && path[len] != '\0' : strcmp(pattern, path) == 0;
}

/* The longest that fits; ARRAY_LEN(calls) when none does. */
static size_t find(const char *method, const char *path)
{
    size_t found = ARRAY_LEN(calls);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        bool longer = found == ARRAY_LEN(calls) || strlen(calls[i].path) > strlen(calls[found].path);
        if (longer && strcmp(calls[i].method, method) == 0 && fits(calls[i].path, path)) {
            found = i;
        }
    }
    return found;
}

bool roles_call_at(size_t index, const char **ret_method, const char **ret_path)
{
    if (index >= ARRAY_LEN(calls)) {
        return false;
    }
    *ret_method = calls[index].method;
    *ret_path = calls[index].path;
    return true;
}

bool roles_listed(const char *method, const char *path)
{
    return find(method, path) < ARRAY_LEN(calls);
}

unsigned roles_of_call(const char *method, const char *path)
{
    size_t found = find(method, path);
    return found < ARRAY_LEN(calls) ? calls[found].roles : ROLE_ADMINISTRATOR;
}

bool roles_allow(unsigned roles, const char *method, const char *path)
{
    unsigned allowed = roles_of_call(method, path);
    return allowed == ROLES_ANYBODY || (allowed & roles) != 0;
}
