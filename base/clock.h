/*
 * base/clock - instants, civil dates and times of day.
 *
 * An instant is milliseconds since 1970-01-01T00:00:00Z (int64_t, suffix _ms or _at_ms). A civil date is a day number
 * since 1970-01-01 in the proleptic Gregorian calendar (int32_t, called `day` or `..._on`). A time of day is minutes
 * since midnight, local civil time (int, suffix _min). Sessions and appointments are civil: no time zone enters the
 * rules.
 *
 * Limits: years 1900 to 2200; anything outside does not parse.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DATE_MIN = -25567, /* 1900-01-01 */
    DATE_MAX = 84370,  /* 2200-12-31 */
    DAYS_A_WEEK = 7
};

int64_t clock_wall_ms(void);
int64_t clock_monotonic_ms(void);

/* Today's civil date in the machine's time zone. */
int32_t clock_today(int64_t wall_ms);

/* The time of day there, in minutes. */
int clock_minute(int64_t wall_ms);

/* The civil minute in the United Kingdom, counted from 1970-01-01: the same on a laptop whose time zone is another, and
 * at the centre. Instants outside the years above count as the first or the last of them. */
int64_t clock_london_minute(int64_t at_ms);

int32_t date_from_civil(int year, int month, int day_of_month);
void date_to_civil(int32_t day, int *ret_year, int *ret_month, int *ret_day_of_month);

/* ISO 8601: Monday is 1, Sunday is 7. */
int date_weekday(int32_t day);

/* A date that exists, between the stated years. */
bool date_valid(int year, int month, int day_of_month);

/* "yyyy-mm-dd" exactly; false if it is not a date that exists. */
bool date_parse(const char *text, int32_t *ret_day);

/* "hh:mm" from 00:00 to 24:00. */
bool time_of_day_parse(const char *text, int *ret_min);

#define DATE_TEXT_SIZE 11
#define TIME_OF_DAY_TEXT_SIZE 6
#define INSTANT_TEXT_SIZE 25
void date_format(int32_t day, char out[DATE_TEXT_SIZE]);               /* 2014-04-28 */
void time_of_day_format(int minutes, char out[TIME_OF_DAY_TEXT_SIZE]); /* 09:30 */
void instant_format(int64_t at_ms, char out[INSTANT_TEXT_SIZE]);       /* 2014-04-28T09:30:00.000Z */

#endif
