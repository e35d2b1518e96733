/*
 * tests/support/inflow - a back-test of the capacity forecast: sites that nobody sees the future of, week by week.
 *
 * A site opens empty with 12 to 30 places' worth of inflow. People are referred in each week as the regime says, wait
 * one to three weeks, are agreed with a first day in the week after, and stay 26 weeks; one in six who wait never
 * comes. A full site goes on taking people: what is forecast is when its places are taken. From its ninth week on the
 * forecast is made every Monday from what the site knows on that day, and held against what came.
 *
 * Seeded: the same numbers in every run and on every machine.
 */
#ifndef SUPPORT_INFLOW_H
#define SUPPORT_INFLOW_H

#include <stdint.h>

enum inflow_regime {
    INFLOW_STEADY,  /* one by one, at one rate */
    INFLOW_GROUPS,  /* the same number, but in groups of three to six */
    INFLOW_TREND,   /* three times as many after a year as at first */
    INFLOW_STOPS,   /* none for three weeks at a year's end, and for five in its summer */
    INFLOW_LEAVERS, /* one in four leaves before the agreed end, after one to 25 weeks */
    INFLOW_REGIMES
};

struct inflow_result {
    long forecasts;        /* made while there was a free place and that had an earliest week */
    double full_within;    /* share of them: full from the earliest to the latest week, also when both are beyond */
    double taken_4_within; /* share of all: places taken at the end of the fourth week from low to high */
    double taken_13_within;
    double width_13;     /* mean of high - low then, as a share of the places */
    double median_error; /* weeks between forecast and outcome, where both are within 26 weeks */
};

const char *inflow_regime_name(enum inflow_regime regime);
void inflow_backtest(enum inflow_regime regime, int sites, uint64_t seed, struct inflow_result *ret_result);

#endif
