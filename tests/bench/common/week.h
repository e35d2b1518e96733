/*
 * tests/bench/common/week - the records that the benchmarks move: attendance of 100 placements on weekdays, the same in
 * every run and in every program.
 *
 * About seven in ten attended; minutes vary; an absence has a reason more often than not; most records have a note. Two
 * styles of note: REPEATED, two dozen phrases as people who fill a register every day use them, and FREE, six to ten
 * words drawn from a list of 160 by a seeded generator, some much more often than others, with a time of day now and
 * then.
 */
#ifndef BENCH_COMMON_WEEK_H
#define BENCH_COMMON_WEEK_H

#include <stdint.h>

#include "store/rows.h"

#define WEEK_PLACEMENTS 100
#define WEEK_RECORDS_MAX 100000
#define WEEK_NOTE_SIZE 200

enum week_style { WEEK_REPEATED, WEEK_FREE };

struct week_record {
    int placement; /* first_placement to first_placement + WEEK_PLACEMENTS - 1 */
    int32_t day;
    enum outcome outcome;
    int minutes;               /* -1: not said */
    const char *reason;        /* NULL: none */
    char note[WEEK_NOTE_SIZE]; /* "": none */
};

const char *week_style_name(enum week_style style);
bool week_style_parse(const char *name, enum week_style *ret_style);

/* Records in the order they are made: every placement of a day, day after day; the last day is yesterday or the Friday
 * before it. */
struct week {
    enum week_style style;
    uint64_t state;
    size_t made;
    size_t count;
    int32_t today;
    int first_placement; /* 0, unless it is set after week_begin: other people */
};

void week_begin(struct week *week, enum week_style style, size_t count, int32_t today);
void week_next(struct week *week, struct week_record *ret_record);
/* The first day of any record: where placements have to begin. */
int32_t week_first_day(size_t count, int32_t today);

void week_placement_ref(int placement, char out[16]);

/* The record as a person corrects it afterwards: another outcome, and a note that says so. */
void week_correct(struct week_record *record);

/* Its line in a register as a spreadsheet, below WEEK_SHEET_HEAD; the length is returned. */
#define WEEK_SHEET_HEAD "placement,date,outcome,minutes,reason,note\n"
#define WEEK_LINE_SIZE (WEEK_NOTE_SIZE + 128)
size_t week_line(const struct week_record *record, char out[WEEK_LINE_SIZE]);

/* What the agent's API takes for it; the length is returned. */
size_t week_json(const struct week_record *record, char *out, size_t size);

#endif
