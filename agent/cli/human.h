/*
 * agent/cli/human - times, days, sizes and durations as people say them.
 *
 *   instant    3 days ago (Thu 19 Nov 2026, 14:02)    in the time zone of this machine
 *   day        Thu 19 Nov 2026, 3 days ago
 *   bytes      813 bytes, 4.2 KiB, 1.5 MiB
 *   duration   0.31 s, 42 s, 3 min 05 s, 2 h 10 min
 *   number     12,345
 *
 * Pure in their arguments and the time zone.
 */
#ifndef AGENT_CLI_HUMAN_H
#define AGENT_CLI_HUMAN_H

#include <stdbool.h>
#include <stdint.h>

#define HUMAN_SIZE 64

struct human {
    char text[HUMAN_SIZE];
};

/* RFC 3339 with "Z" or an offset, between the years of base/clock; false for anything else. */
bool instant_parse(const char *text, int64_t *ret_at_ms);

struct human human_ago(int64_t at_ms, int64_t now_ms);     /* 3 days ago; in 5 minutes */
struct human human_instant(int64_t at_ms, int64_t now_ms); /* the same with the date */
struct human human_clock(int64_t at_ms);                   /* Thu 19 Nov 2026, 14:02 */
struct human human_stamp(int64_t at_ms);                   /* 2026-11-19 14:02 */
struct human human_day(int32_t day);                       /* Thu 19 Nov 2026 */
struct human human_day_ago(int32_t day, int32_t today);    /* today; 3 days ago; in 2 days */
struct human human_bytes(uint64_t bytes);
struct human human_duration(int64_t duration_ms);
struct human human_number(uint64_t number);
struct human human_count(uint64_t number, const char *one, const char *many); /* 1 row; 12,345 rows */
struct human human_minutes(int minutes);                                      /* 3 h 30 min */

#endif
