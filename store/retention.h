/*
 * store/retention - of each kind of record: how many are held here, how many are due for erasure, and what holds them.
 */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include "store/store.h"

/* What holds a person's records back. */
enum retention_hold {
    HOLD_DISPUTE,   /* a session that is disputed */
    HOLD_DOUBT,     /* a compliance doubt that is open */
    HOLD_CHALLENGE, /* made, and without an outcome */
    HOLD_DECISION,  /* adverse or reserved, of the last 13 months */
    HOLD_COUNT
};

const char *retention_hold_name(enum retention_hold hold);
bool erasable_held_by(const struct store_erasable *erasable, enum retention_hold hold);
/* A second person confirmed that the right to erasure outweighs what holds it back. */
bool erase_confirmed(const struct store_erase *erase);
/* ERR_REFUSED: something holds it back, and that is not confirmed. */
MUST_USE enum err_code erase_check_holds(const struct store_erase *erase, const struct store_erasable *erasable,
                                         struct error *err);

/* The erasure of who is due, but for who decides it and why. */
struct store_erase retention_erase(const struct store_due *due);

/* Goes with the person whom it is about; any other is kept always. */
bool kind_goes_with_person(const struct kind *kind);

struct retention_count {
    uint64_t held;                     /* records whose bodies are here, whoever wrote them */
    uint64_t due;                      /* the organisation's own about people whose time is over */
    uint64_t due_later;                /* about people whose time is over by `later` */
    uint64_t held_back;                /* of `due` */
    uint64_t held_back_by[HOLD_COUNT]; /* one may be held back by several */
};

struct retention_counts {
    struct retention_count kinds[STORE_KINDS_MAX]; /* by number */
};

/* Due are people whose newest day is on or before `day`; later ones those after it up to `later`. With day 0 nobody is
 * due. */
MUST_USE enum err_code store_retention_counts(struct store *store, int32_t day, int32_t later, int32_t today,
                                              struct retention_counts *ret_counts, struct error *err);

#endif
