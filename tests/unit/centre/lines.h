/*
 * tests/unit/centre/lines - lines of vectors, as a test makes them with the programs' own code, and the reader of
 * tests/vectors that judges them without it.
 */
#ifndef TESTS_UNIT_CENTRE_LINES_H
#define TESTS_UNIT_CENTRE_LINES_H

#include "store/database.h"
#include "world.h"

PRINTF_LIKE(2, 3) void lines_put(struct buf *text, const char *format, ...);
void lines_put_bytes(struct buf *text, const char *name, struct slice bytes); /* a line, in hexadecimal */
/* The numbers that the query finds, with commas between; - when there is none. */
void lines_put_seqs(struct buf *text, const char *name, struct database *db, const char *sql);
/* Whether NAME.py accepts them; VECTORS_TO in the environment names a folder that they are kept in as NAME.txt. */
void lines_judge(const struct buf *text, const struct centre_world *world, const char *name);

#endif
