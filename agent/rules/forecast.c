#include "agent/rules/flags.h"
#include "base/clock.h"

/* No site has more; larger numbers in the facts are taken as this. */
enum { PEOPLE_MAX = 1000000, MILLI = 1000, WORKING_DAYS_A_WEEK = 5 };

/* Thousandths of a standard deviation: a normal variable is within so many of its mean 8 times in 10. */
enum { LIKELY_MILLI = 1282 };

/* Fortnights, as of a group that was referred together not all start in the same week. */
enum { SPREAD_WEEKS = 2, SPREAD_MILLI_MAX = 1000 * MILLI };

enum inflow { INFLOW_LOW = -1, INFLOW_MEAN, INFLOW_HIGH };

static int64_t people(int count)
{
    return count < 0 ? 0 : count > PEOPLE_MAX ? PEOPLE_MAX : count;
}

int64_t square_root(int64_t n)
{
    int64_t low = 0;
    int64_t high = 3037000499; /* its square is the last that fits */
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (middle * middle <= n) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static int64_t count_until(const int32_t *days, size_t count, int64_t last)
{
    int64_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += days[i] <= last;
    }
    return found;
}

/* What does not depend on the assumed inflow. */
struct outlook {
    const struct site_facts *facts;
    int32_t today;
    int history_weeks;
    int64_t started;      /* in those weeks */
    int64_t spread_milli; /* how much more than by chance the fortnights differ, at least 1,000 */
    int wait_weeks;       /* until everybody who waits has to have started */
};

/* The sample variance of the fortnights over their mean. */
static int64_t spread_of(const struct site_facts *facts)
{
    int64_t blocks = FORECAST_WEEKS_MAX / SPREAD_WEEKS;
    int64_t sum = 0;
    int64_t squares = 0;
    for (int64_t block = 0; block < blocks; block++) {
        int64_t count = 0;
        for (int week = 0; week < SPREAD_WEEKS; week++) {
            count += people(facts->started_in_week[block * SPREAD_WEEKS + week]);
        }
        sum += count;
        squares += count * count;
    }
    int64_t spread = sum == 0 ? MILLI : (squares * blocks - sum * sum) * MILLI / (blocks - 1) / sum;
    return spread < MILLI ? MILLI : spread > SPREAD_MILLI_MAX ? SPREAD_MILLI_MAX : spread;
}

static struct outlook look(const struct programme *programme, const struct site_facts *facts, int32_t today)
{
    const struct programme_rules *rules = programme_rules_of(programme);
    struct outlook outlook = {
        .facts = facts,
        .today = today,
        .history_weeks = rules->forecast_inflow_weeks,
        .wait_weeks = (rules->start_working_days + WORKING_DAYS_A_WEEK - 1) / WORKING_DAYS_A_WEEK,
    };
    CHECK(outlook.history_weeks >= 1 && outlook.history_weeks <= FORECAST_WEEKS_MAX);
    for (int week = 0; week < outlook.history_weeks; week++) {
        outlook.started += people(facts->started_in_week[week]);
    }
    outlook.spread_milli = spread_of(facts);
    return outlook;
}

/* Thousandths of people: the likely deviation from the mean of those who start in `week` weeks. */
static int64_t deviation(const struct outlook *outlook, int week)
{
    int64_t h = outlook->history_weeks;
    int64_t variance_milli = outlook->spread_milli * (outlook->started + 2) * week * (h + week) / (h * h);
    return square_root(variance_milli * MILLI) * LIKELY_MILLI / MILLI;
}

/* Thousandths of places taken at the end of the week. */
static int64_t taken_after(const struct outlook *outlook, int week, enum inflow inflow)
{
    const struct site_facts *facts = outlook->facts;
    int64_t end = (int64_t)outlook->today + (int64_t)week * DAYS_A_WEEK;
    int64_t trend = outlook->started * MILLI * week / outlook->history_weeks + inflow * deviation(outlook, week);
    int64_t known = count_until(facts->starts_on, facts->starts_count, end);
    if (week >= outlook->wait_weeks && inflow != INFLOW_LOW) {
        known += people(facts->waiting);
    }
    int64_t arrived = known * MILLI > trend ? known * MILLI : trend;
    int64_t ended = count_until(facts->ends_on, facts->ends_count, end - 1);
    int64_t taken = (people(facts->placements_now) - ended) * MILLI + arrived;
    return taken < 0 ? 0 : taken;
}

static int weeks_until_full(const struct outlook *outlook, int64_t places, enum inflow inflow)
{
    if (people(outlook->facts->placements_now) >= places) {
        return 0;
    }
    for (int week = 1; week <= FORECAST_WEEKS_MAX; week++) {
        if (taken_after(outlook, week, inflow) >= places * MILLI) {
            return week;
        }
    }
    return ROW_NONE;
}

static int rounded_down(int64_t milli)
{
    return (int)(milli / MILLI);
}

static int rounded_up(int64_t milli)
{
    return (int)((milli + MILLI - 1) / MILLI);
}

void rules_forecast(const struct programme *programme, const struct site_facts *facts, int32_t today,
                    struct forecast *ret_forecast)
{
    struct outlook outlook = look(programme, facts, today);
    int64_t places = people(facts->capacity.places);
    struct forecast forecast = { .weeks_until_full = ROW_NONE, .weeks_earliest = ROW_NONE, .weeks_latest = ROW_NONE };
    if (facts->capacity.stated) {
        forecast.possible = true;
        forecast.places = (int)places;
        forecast.taken_now = (int)people(facts->placements_now);
        forecast.waiting = (int)people(facts->waiting);
        forecast.inflow_per_week = (double)outlook.started / outlook.history_weeks;
        forecast.weeks_until_full = weeks_until_full(&outlook, places, INFLOW_MEAN);
        forecast.weeks_earliest = weeks_until_full(&outlook, places, INFLOW_HIGH);
        forecast.weeks_latest = weeks_until_full(&outlook, places, INFLOW_LOW);
        for (int week = 1; week <= FORECAST_WEEKS_MAX; week++) {
            forecast.expected[week - 1] = rounded_down(taken_after(&outlook, week, INFLOW_MEAN));
            forecast.high[week - 1] = rounded_up(taken_after(&outlook, week, INFLOW_HIGH));
            forecast.low[week - 1] = rounded_down(taken_after(&outlook, week, INFLOW_LOW));
        }
    }
    *ret_forecast = forecast;
}

/* "in 3 weeks", "in more than 26 weeks" */
static void weeks_put(char *out, size_t size, int weeks)
{
    if (weeks == ROW_NONE) {
        text_put(out, size, "more than %d weeks", FORECAST_WEEKS_MAX);
    } else {
        text_put(out, size, "%d week%s", weeks, weeks == 1 ? "" : "s");
    }
}

static void forecast_texts(const struct site_case *c, const struct forecast *forecast, struct flag_row *flag)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    struct outlook outlook = look(c->programme, c->facts, c->today);
    char full[32];
    char earliest[32];
    char latest[32];
    char by[DATE_TEXT_SIZE];
    weeks_put(full, sizeof(full), forecast->weeks_until_full);
    weeks_put(earliest, sizeof(earliest), forecast->weeks_earliest);
    weeks_put(latest, sizeof(latest), forecast->weeks_latest);
    date_format(c->today + forecast->weeks_until_full * DAYS_A_WEEK, by);
    int64_t tenths = (outlook.started * 20 + outlook.history_weeks) / (2 * outlook.history_weeks);
    text_put(flag->facts, sizeof(flag->facts),
             "Full in %s, by %s: %d of %d stated places are taken, %d.%d placements start a week (mean of the last %d "
             "weeks), %zu agreed to start and %d waiting. 8 times in 10 between %s and %s, as starts vary.",
             full, by, forecast->taken_now, forecast->places, (int)(tenths / 10), (int)(tenths % 10),
             rules->forecast_inflow_weeks, c->facts->starts_count, forecast->waiting, earliest, latest);
    text_put(flag->next_step, sizeof(flag->next_step),
             "Tell JCP when the places run out, send a new capacity statement, and say which referrals can still be "
             "taken.");
    text_put(
        flag->rule, sizeof(flag->rule),
        "Places taken each week at the present inflow and the agreed ends, against the places stated; watch within "
        "%d weeks (%s).",
        rules->forecast_warn_weeks, programme_rule_source(c->programme, "forecast_warn_weeks"));
}

enum err_code rules_forecast_flag(const struct site_case *c, struct flag_list *out, struct error *err)
{
    struct forecast forecast;
    rules_forecast(c->programme, c->facts, c->today, &forecast);
    if (!forecast.possible || forecast.weeks_until_full == ROW_NONE || forecast.weeks_until_full == 0) {
        return ERR_OK;
    }
    bool soon = forecast.weeks_until_full <= programme_rules_of(c->programme)->forecast_warn_weeks;
    int32_t stated_on = c->facts->capacity.stated_on;
    struct flag_row flag = flag_of_site("capacity_forecast", soon ? SEVERITY_WATCH : SEVERITY_INFO,
                                        day_known(stated_on) ? stated_on : c->today);
    forecast_texts(c, &forecast, &flag);
    return flag_list_add(out, &flag, err);
}
