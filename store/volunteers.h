/*
 * store/volunteers - the charity's own volunteers, their shifts and hours. They stay on this machine.
 *
 * Guard rail 3: nothing of this is in the log, so no exchange, bundle, evidence pack or export to JCP can carry it. The
 * tables lie in the vault beside those that are folded: a rebuild leaves them alone, a backup holds them. A volunteer
 * whom a person entered as the same as a participant, or who has a participant's name, is looked at by the rule
 * `conflation`; each change marks those participants' placements.
 *
 * Ownership: a list owns its rows; list_fini releases them.
 * Threads:   the loop's.
 * Layer:     store.
 */
#ifndef STORE_VOLUNTEERS_H
#define STORE_VOLUNTEERS_H

#include "store/store.h"

struct volunteer {
    char ref[ROW_REF_SIZE];
    char name[ROW_NAME_SIZE];
    char place[ROW_NAME_SIZE]; /* where mostly; "" */
    char note[ROW_NOTE_SIZE];
    struct row_id participant;          /* the same person, as somebody entered it; zero bytes when none */
    char participant_ref[ROW_REF_SIZE]; /* as read */
    int32_t starts_on;                  /* ROW_NONE */
    int32_t ends_on;
    char said_by[OP_ACTOR_MAX + 1]; /* as read: who wrote the newest version, and when */
    int64_t said_at_ms;
    int shifts;             /* as read */
    int64_t worked_minutes; /* as read */
};

struct volunteer_shift {
    char volunteer_ref[ROW_REF_SIZE];
    char volunteer_name[ROW_NAME_SIZE]; /* as read */
    int32_t day;
    int starts_min;
    int ends_min;
    int worked_minutes;        /* ROW_NONE: not said yet */
    char place[ROW_NAME_SIZE]; /* ""; as read: the volunteer's when the shift has none */
    char what[ROW_NAME_SIZE];  /* the opportunity or the task, in words; "" */
    char said_by[OP_ACTOR_MAX + 1];
    int64_t said_at_ms;
};

struct volunteer_list {
    struct volunteer *rows;
    size_t count;
    bool more;
};

struct volunteer_shift_list {
    struct volunteer_shift *rows;
    size_t count;
    bool more;
};

void volunteer_list_fini(struct volunteer_list *list);
void volunteer_shift_list_fini(struct volunteer_shift_list *list);

/* Enters the volunteer, or takes the place of what stands under the same ref. */
MUST_USE enum err_code store_volunteer_put(struct store *store, const char *actor, const struct volunteer *volunteer,
                                           int64_t now_ms, struct error *err);
/* The volunteer and every shift, without a trace after the next store_scrub. ERR_NOT_FOUND. */
MUST_USE enum err_code store_volunteer_remove(struct store *store, const char *ref, struct error *err);
/* The one that begins then on that day, anew or changed. ERR_NOT_FOUND: there is no such volunteer. */
MUST_USE enum err_code store_volunteer_shift_put(struct store *store, const char *actor,
                                                 const struct volunteer_shift *shift, int64_t now_ms,
                                                 struct error *err);
/* ERR_NOT_FOUND. */
MUST_USE enum err_code store_volunteer_shift_remove(struct store *store, const char *ref, int32_t day, int starts_min,
                                                    struct error *err);

/* By ref; `ref` NULL: all. */
MUST_USE enum err_code query_volunteers(struct store *store, const char *ref, size_t limit,
                                        struct volunteer_list *ret_list, struct error *err);
/* By day, start, ref; `ref` NULL: of all. */
MUST_USE enum err_code query_volunteer_shifts(struct store *store, const char *ref, int32_t from_day, int32_t to_day,
                                              size_t limit, struct volunteer_shift_list *ret_list, struct error *err);

#endif
