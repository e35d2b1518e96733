/*
 * tests/bench/common/site - an enrolled replica and a centre's store in this process, for benchmarks without a network.
 */
#ifndef BENCH_COMMON_SITE_H
#define BENCH_COMMON_SITE_H

#include "store/centre/centre_store.h"
#include "tests/bench/common/week.h"

/* A vault of this name in the folder, open. */
struct vault *bench_vault_new(const char *folder, const char *name);

struct bench_site {
    struct vault *vault;
    struct store *store;
    struct device_key *key;
    struct store_identity identity;
};

void bench_site_open(struct bench_site *site, struct authority *authority, const uint8_t stream[STREAM_ID_BYTES],
                     const char *folder, const char *name);
void bench_site_close(struct bench_site *site);

/* Records the placements, and then `count` records of attendance as one commit. */
void bench_site_record(struct bench_site *site, enum week_style style, size_t count);

/* The same for people of their own: those of cohort 0 came first, those of the last one end today. */
void bench_site_record_cohort(struct bench_site *site, size_t cohort, size_t cohorts, size_t count);

/* The two parts of it: WEEK_PLACEMENTS placements that start on the day (`pattern` NULL: of which nobody knows when
 * they are there, so that no session is laid out), and the week's next records as one commit. */
#define BENCH_PATTERN "Mon-Fri 09:30-15:30"
void bench_site_record_placements(struct bench_site *site, int first_placement, int32_t first, const char *pattern);
void bench_site_record_next(struct bench_site *site, struct week *week, size_t count);

struct bench_centre {
    struct vault *vault;
    struct centre_store *store;
    struct centre_site site;
};

void bench_centre_open(struct bench_centre *centre, const char *folder);
void bench_centre_close(struct bench_centre *centre);

#endif
