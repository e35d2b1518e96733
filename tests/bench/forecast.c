/*
 * How good is the capacity forecast? tests/support/inflow.h says what is simulated; printed are the shares, in percent,
 * of the outcomes that lie in the interval which the forecast says, 8 in 10 when the model is right.
 *
 *     bench_forecast [SITES]      of each regime, 300 when left out; each is looked at in 96 weeks
 */
#include <stdlib.h>

#include "tests/bench/common/bench.h"
#include "tests/support/inflow.h"

enum { SITES = 300, SITES_MAX = 100000, SEED = 20140428 };

int main(int argc, char **argv)
{
    long sites = argc > 1 ? strtol(argv[1], NULL, 10) : SITES;
    if (sites < 1 || sites > SITES_MAX) {
        bench_die("bench_forecast: expected 1 to %d sites", SITES_MAX);
    }
    for (enum inflow_regime regime = 0; regime < INFLOW_REGIMES; regime++) {
        const char *name = inflow_regime_name(regime);
        struct inflow_result result;
        inflow_backtest(regime, (int)sites, SEED, &result);
        bench_value("forecast_full_within", name, BENCH_OURS, result.full_within * 100);
        bench_value("forecast_taken_4_within", name, BENCH_OURS, result.taken_4_within * 100);
        bench_value("forecast_taken_13_within", name, BENCH_OURS, result.taken_13_within * 100);
        bench_value("forecast_width_13", name, BENCH_OURS, result.width_13 * 100);
        bench_value("forecast_error_weeks", name, BENCH_OURS, result.median_error);
        bench_note("%s: %ld forecasts of %ld sites", name, result.forecasts, sites);
    }
    return 0;
}
