/*
 * A spreadsheet of records of a kind. The first byte chooses the kind, the second whether good rows are taken without
 * the bad ones; the rest is the file. Beyond not crashing: a dry run says what the import then does, and a file that is
 * taken twice adds nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tests/fuzz/api_site.h"

/* Those that take a spreadsheet of any field; their subjects come from refs of the file, of the site, or from nothing.
 */
static const char *const kinds[] = { "host",
                                     "opportunity",
                                     "contact_attempt",
                                     "circumstance_change",
                                     "job_search",
                                     "placement_break",
                                     "service_use",
                                     "redress",
                                     "claim",
                                     "policy_decision",
                                     "contract",
                                     "milestone",
                                     "capacity_statement" };

static const char people[] = "ref,participant,name,basis,starts_on,ends_on,pattern,hours\n"
                             "P-1,S-1,Example Person,mandatory,2026-06-01,2026-11-27,Mon-Fri 09:30-15:30,30\n";

static long number(const json_t *answer, const char *name)
{
    return (long)json_integer_value(json_object_get(answer, name));
}

static json_t *import(const char *kind, bool partial, bool dry_run, struct slice file)
{
    char query[API_SITE_LINE_MAX];
    (void)snprintf(query, sizeof(query), "kind=%s&partial=%d&dry_run=%d", kind, partial, dry_run);
    return api_site_call("POST", "/v1/import", query, file);
}

static void check_import(const char *kind, bool partial, struct slice file)
{
    json_t *planned = import(kind, partial, true, file);
    json_t *taken = import(kind, partial, false, file);
    json_t *again = import(kind, partial, false, file);
    CHECK(planned != NULL && taken != NULL && again != NULL);
    CHECK((json_object_get(planned, "error") != NULL) == (json_object_get(taken, "error") != NULL));
    CHECK(number(planned, "problem_count") == number(taken, "problem_count"));
    CHECK(json_is_true(json_object_get(planned, "refused")) == json_is_true(json_object_get(taken, "refused")));
    CHECK(number(planned, "added") == number(taken, "added"));
    CHECK(number(again, "added") == 0);
    json_decref(planned);
    json_decref(taken);
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    api_site_ready();
    json_decref(api_site_call("POST", "/v1/import", "kind=placements", slice_of_text(people)));
    check_import(kinds[data[0] % ARRAY_LEN(kinds)], (data[1] & 1) != 0, slice_of(data + 2, size - 2));
    return 0;
}
