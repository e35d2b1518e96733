#include "tests/support/inflow.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rules/rules.h"

enum {
    WEEKS = 104,
    FIRST_FORECAST = 8,
    HORIZON = FORECAST_WEEKS_MAX,
    PEOPLE = 2000,
    STAY_WEEKS = 26,
    FIRST_DAY = 16076, /* a Monday, 2014-01-06 */
    LATE_WEEKS_MAX = 27,
};

struct person {
    int referred; /* all are weeks since the site opened; 0 never is a last one */
    int agreed;   /* from then on the first day is known; past the end: never */
    int starts;
    int planned_end; /* the week whose Sunday is the last day */
    int ends;        /* at most planned_end */
};

struct town {
    struct person people[PEOPLE];
    int count;
    int places;
    double rate; /* referrals a week */
    uint64_t state;
};

static const char *const names[INFLOW_REGIMES] = { "steady", "groups", "trend", "stops", "leavers" };

const char *inflow_regime_name(enum inflow_regime regime)
{
    return names[regime];
}

static double random_unit(struct town *town)
{
    town->state = town->state * 6364136223846793005u + 1442695040888963407u;
    uint64_t mixed = town->state ^ town->state >> 29;
    return (double)(mixed * 0x9e3779b97f4a7c15u >> 11) / 9007199254740992.0;
}

static int random_below(struct town *town, int limit)
{
    return (int)(random_unit(town) * limit);
}

static int poisson(struct town *town, double mean)
{
    double product = random_unit(town);
    int count = 0;
    for (double least = exp(-mean); product > least; count++) {
        product *= random_unit(town);
    }
    return count;
}

static bool stopped(int week)
{
    int of_year = week % 52;
    return of_year >= 49 || (of_year >= 28 && of_year < 33);
}

static int referred(struct town *town, enum inflow_regime regime, int week)
{
    if (regime == INFLOW_GROUPS) {
        int people = 0;
        for (int groups = poisson(town, town->rate / 4.5); groups > 0; groups--) {
            people += 3 + random_below(town, 4);
        }
        return people;
    }
    double growth = regime == INFLOW_TREND ? 0.5 + week / 52.0 : 1;
    return regime == INFLOW_STOPS && stopped(week) ? 0 : poisson(town, town->rate * growth);
}

static void add_person(struct town *town, enum inflow_regime regime, int week)
{
    if (town->count == PEOPLE) {
        abort();
    }
    struct person *person = &town->people[town->count++];
    person->referred = week;
    person->agreed = random_below(town, 6) == 0 ? WEEKS + HORIZON + 1 : week + 1 + random_below(town, 3);
    person->starts = person->agreed + 1;
    person->planned_end = person->starts + STAY_WEEKS - 1;
    person->ends = person->planned_end;
    if (regime == INFLOW_LEAVERS && random_below(town, 4) == 0) {
        person->ends = person->starts + random_below(town, STAY_WEEKS - 1);
    }
}

static void make_town(struct town *town, enum inflow_regime regime, uint64_t seed)
{
    memset(town, 0, sizeof(*town));
    town->state = seed;
    (void)random_unit(town);
    double full = 12 + random_unit(town) * 18; /* people there at once, when nothing changes */
    town->rate = full / STAY_WEEKS * 6 / 5;
    town->places = (int)(full * (0.6 + random_unit(town) * 0.7));
    for (int week = 0; week < WEEKS + HORIZON; week++) {
        for (int people = referred(town, regime, week); people > 0; people--) {
            add_person(town, regime, week);
        }
    }
}

/* Who has a place in the week. */
static int taken(const struct town *town, int week)
{
    int count = 0;
    for (int i = 0; i < town->count; i++) {
        count += town->people[i].starts <= week && town->people[i].ends >= week;
    }
    return count;
}

static int compare_days(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

static int32_t monday(int week)
{
    return FIRST_DAY + 7 * week;
}

/* What the site knows on the week's Sunday: the ends as they were agreed, of those who have not left before. */
static void look(const struct town *town, int week, struct site_facts *facts, int32_t *ends, int32_t *starts)
{
    *facts = (struct site_facts){ .capacity = { .stated = true, .places = town->places, .stated_on = FIRST_DAY } };
    for (int i = 0; i < town->count; i++) {
        const struct person *person = &town->people[i];
        if (person->starts <= week && week - person->starts < FORECAST_WEEKS_MAX) {
            facts->started_in_week[week - person->starts]++;
        }
        if (person->referred <= week && person->agreed > week) {
            facts->waiting += week - person->referred <= 3; /* those who never come are given up then */
        } else if (person->referred <= week && person->ends >= week) {
            ends[facts->ends_count++] = monday(person->planned_end) + 6;
            if (person->starts <= week) {
                facts->placements_now++;
            } else {
                starts[facts->starts_count++] = monday(person->starts);
            }
        }
    }
    qsort(ends, facts->ends_count, sizeof(*ends), compare_days);
    qsort(starts, facts->starts_count, sizeof(*starts), compare_days);
    facts->placements_to_come = (int)facts->starts_count;
    facts->ends_on = ends;
    facts->starts_on = starts;
}

/* Weeks until the places are taken; LATE_WEEKS_MAX: later than any forecast. */
static int full_after(const struct town *town, int week)
{
    int after = 1;
    while (after <= HORIZON && taken(town, week + after) < town->places) {
        after++;
    }
    return after;
}

static int weeks_of(int weeks)
{
    return weeks == ROW_NONE ? LATE_WEEKS_MAX : weeks;
}

struct tally {
    long all;
    long within_4;
    long within_13;
    double width_13;
    long forecasts;
    long full_within;
    long errors[LATE_WEEKS_MAX];
};

static bool within(const struct forecast *forecast, const struct town *town, int week, int after)
{
    int outcome = taken(town, week + after);
    return outcome >= forecast->low[after - 1] && outcome <= forecast->high[after - 1];
}

static void judge(const struct town *town, int week, struct tally *tally)
{
    static int32_t ends[PEOPLE];
    static int32_t starts[PEOPLE];
    struct site_facts facts;
    struct forecast forecast;
    look(town, week, &facts, ends, starts);
    rules_forecast(programme_default(), &facts, monday(week) + 6, &forecast);
    tally->all++;
    tally->within_4 += within(&forecast, town, week, 4);
    tally->within_13 += within(&forecast, town, week, 13);
    tally->width_13 += (double)(forecast.high[12] - forecast.low[12]) / town->places;
    if (forecast.weeks_until_full == 0 || forecast.weeks_earliest == ROW_NONE) {
        return;
    }
    int outcome = full_after(town, week);
    tally->forecasts++;
    tally->full_within += outcome >= forecast.weeks_earliest && outcome <= weeks_of(forecast.weeks_latest);
    if (outcome <= HORIZON && forecast.weeks_until_full != ROW_NONE) {
        tally->errors[abs(outcome - forecast.weeks_until_full)]++;
    }
}

static int median(const long *counts)
{
    long all = 0;
    for (int i = 0; i < LATE_WEEKS_MAX; i++) {
        all += counts[i];
    }
    long below = 0;
    int weeks = 0;
    while (weeks < LATE_WEEKS_MAX - 1 && (below += counts[weeks]) * 2 < all) {
        weeks++;
    }
    return weeks;
}

void inflow_backtest(enum inflow_regime regime, int sites, uint64_t seed, struct inflow_result *ret_result)
{
    static struct town town;
    struct tally tally = { 0 };
    for (int site = 0; site < sites; site++) {
        make_town(&town, regime, seed + (uint64_t)site * 7919);
        for (int week = FIRST_FORECAST; week < WEEKS; week++) {
            judge(&town, week, &tally);
        }
    }
    *ret_result = (struct inflow_result){
        .forecasts = tally.forecasts,
        .full_within = (double)tally.full_within / (double)tally.forecasts,
        .taken_4_within = (double)tally.within_4 / (double)tally.all,
        .taken_13_within = (double)tally.within_13 / (double)tally.all,
        .width_13 = tally.width_13 / (double)tally.all,
        .median_error = median(tally.errors),
    };
}
