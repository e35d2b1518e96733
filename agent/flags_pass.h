/*
 * agent/flags_pass - looks again at what changed, a slice a turn of the loop, so that the API is answered between.
 *
 *            wake                     a slice done, more is marked
 *   IDLE ───────────► WORKING ───────────────────────────────────┐
 *    ▲                 │   ▲ └───────────────────────────────────┘
 *    └─ nothing marked ┘   └── timer ── RESTING (the store failed: tried again after FLAGS_PASS_RETRY_MS)
 *
 * The first slice comes FLAGS_PASS_GATHER_MS after the wake, or when somebody asks for flags. A slice is
 * FLAGS_PASS_SLICE placements, their flags and their marks in one transaction; the site comes last. A new day marks
 * all. A record of one placement is judged with the record, and marks nothing.
 *
 * When another programme pack came, or its day has come, `pack_due` is called from the loop: the tables have to be made
 * again by it, for which the pass is stopped. Until that is done it goes on by the pack before, and asks again.
 *
 * Ownership:  the caller owns the struct until `stopped` is called; the store outlives the pass.
 * Threads:    the loop's.
 */
#ifndef AGENT_FLAGS_PASS_H
#define AGENT_FLAGS_PASS_H

#include <uv.h>

#include "agent/rules/rules.h"
#include "store/store.h"

#define FLAGS_PASS_SLICE 64
#define FLAGS_PASS_RETRY_MS 60000
#define FLAGS_PASS_GATHER_MS 100 /* after the first change, so that a burst is looked at once */
#define FLAGS_PASS_ASK_MS 1000   /* between two calls of pack_due */

/* Has a record of one placement judged in the commit that records it (store_judge_writes). */
struct flags_judge {
    struct store *store;
    struct flag_list flags; /* of one subject; kept so that its memory is used again */
};

/* From now on until `end`; the store outlives it. */
void flags_judge_begin(struct flags_judge *judge, struct store *store);
void flags_judge_end(struct flags_judge *judge);

struct flags_pass {
    uv_timer_t timer;
    struct store *store;
    struct flags_judge judge; /* of records as they are made; its list serves the slices too */
    int32_t day;              /* that the flags are as of */
    bool working;
    const struct programme *due;    /* the pack in force, when the tables are made by another; else NULL */
    const struct programme *failed; /* by which they could not be made; NULL: none, or not looked at yet */
    bool resting;                   /* asks_from_ms is for its sake */
    bool only_due;                  /* WORKING for nothing but that: it rests until it asks again */
    uint64_t asks_from_ms;          /* on the loop's clock: pack_due is not called before */
    bool stopping;
    void (*pack_due)(void *context);
    void *pack_context;
    void (*stopped)(void *context);
    void *context;
};

void flags_pass_init(struct flags_pass *pass, uv_loop_t *loop, struct store *store, void (*pack_due)(void *context),
                     void *context);
/* The tables could not be made, for the n-th time in a row (from 1): pack_due is not called for 1, 5, then 60 minutes,
 * unless yet another pack is in force meanwhile. */
void flags_pass_rest(struct flags_pass *pass, unsigned failures);
/* Something was recorded or applied, or it is another day. */
void flags_pass_wake(struct flags_pass *pass);
/* Marks are left, or another pack is due: the flags may not say yet what the records say. */
bool flags_pass_pending(const struct flags_pass *pass);
/* One slice now, in the caller's turn, so that an answer shows what was just recorded. */
void flags_pass_slice(struct flags_pass *pass);
/* No more slices; `stopped` is called from the loop. */
void flags_pass_stop(struct flags_pass *pass, void (*stopped)(void *context), void *context);

/* The slice itself, for tests: `*ret_more` is false once nothing is marked. */
MUST_USE enum err_code flags_slice(struct store *store, const struct programme *programme, int32_t today,
                                   int64_t now_ms, struct flag_list *scratch, bool *ret_more, struct error *err);

#endif
