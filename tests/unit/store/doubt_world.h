/* A site in which all is there that a doubt about one session needs, and JCP's voice; for the suites of doubts. */
#ifndef TESTS_STORE_DOUBT_WORLD_H
#define TESTS_STORE_DOUBT_WORLD_H

#include "store/doubts.h"
#include "world.h"

#define DAY "2026-06-03" /* a Wednesday */

extern struct world world;
extern struct replica site;
extern struct voice jcp;
extern int64_t now; /* the site's clock, ms */

/* All that a doubt about DAY needs, but for the doubt; and the end of it, with the log verified. */
void doubt_start(void);
void doubt_stop(void);

void write_one(struct store_entry *entry);
void jcp_says(struct store_entry *entry);
/* D-1, about P-1 on DAY. */
void raise_doubt(void);
struct doubt_row the_doubt(struct replica *replica, const char *key);
/* Of D-1. */
void expect_status(const char *status, const char *wants);

#endif
