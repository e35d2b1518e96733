/*
 * store/doubts - compliance doubts: where each stands, and what one that is not raised yet would still need.
 *
 * Where a doubt stands follows from the records alone (fold_doubt.c): nothing here decides, and nobody can set it.
 *
 * Ownership: a list owns its rows; doubt_list_fini releases them.
 */
#ifndef STORE_DOUBTS_H
#define STORE_DOUBTS_H

#include "store/query.h"

#define DOUBT_WANTS_SIZE 801
#define DOUBT_EVIDENCE_SIZE 65
#define DOUBT_ID_SIZE (2 * ROW_ID_BYTES + 1)

/* What a doubt needs and may lack. `rail` is the guard rail's number in STORE.md, 0 for what only belongs to a whole
 * doubt. */
struct doubt_want {
    const char *code;
    int rail;
    const char *text;
};

const struct doubt_want *doubt_want_find(const char *code); /* NULL: unknown */
const struct doubt_want *doubt_want_at(size_t index);       /* NULL past the end */

struct doubt_row {
    struct row_id id;
    struct row_id placement;
    struct row_id participant; /* of the placement; zero bytes when it is not known here */
    struct row_id review;
    struct row_id notice;
    struct row_id earlier_decision; /* on which an exposure above the first rests; zero bytes when none */
    struct row_id decision;         /* JCP's answer; zero bytes when there is none */
    char placement_ref[ROW_REF_SIZE];
    char participant_ref[ROW_REF_SIZE];
    int32_t day;
    int slot;
    char reviewer[ROW_NAME_SIZE];
    int exposure_weeks; /* as previewed when it was confirmed; ROW_NONE when not said */
    char answers[ROW_NOTE_SIZE];
    char evidence[DOUBT_EVIDENCE_SIZE]; /* SHA-256 of the manifest of the evidence pack */
    char note[ROW_NOTE_SIZE];
    char said_by[OP_ACTOR_MAX + 1];
    int64_t said_at_ms;
    char status[ROW_CODE_SIZE];   /* standing, suspended, withdrawn, returned, decided */
    char wants[DOUBT_WANTS_SIZE]; /* of a suspended one: codes of doubt_want_find, separated by commas */
    int32_t status_on;            /* of a withdrawn, returned or decided one */
    char status_by[ROW_NAME_SIZE];
    char status_reason[ROW_CODE_SIZE];
    int32_t received_on;         /* by JCP; ROW_NONE */
    char outcome[ROW_CODE_SIZE]; /* of JCP's decision */
    int weeks;                   /* of the sanction, as JCP said; ROW_NONE */
    char decision_note[ROW_NOTE_SIZE];
    char programme[ROW_REF_SIZE]; /* the pack by which it was raised and is judged; "" when it names none */
    int programme_version;        /* ROW_NONE */
    char programme_sha256[PROGRAMME_SHA256_SIZE];
};

struct doubt_list {
    struct doubt_row *rows;
    size_t count;
    bool more;
};

void doubt_list_fini(struct doubt_list *list);

/* Newest session first; without `all` only those that are open or were decided. */
MUST_USE enum err_code query_doubts(struct store *store, bool all, size_t limit, struct doubt_list *ret_list,
                                    struct error *err);
/* All of them, one at a time. */
MUST_USE enum err_code query_doubts_each(struct store *store, row_taker take, void *context, struct error *err);
/* By its id, or 8 or more of its first hex digits. ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_USE enum err_code query_doubt(struct store *store, const char *digits, struct doubt_row *ret_row,
                                   struct error *err);

/* A doubt that nobody has raised. Ids of zero bytes stand for what is not there yet. */
struct doubt_plan {
    struct row_id placement;
    int32_t day;
    int slot;
    struct row_id review;
    struct row_id notice;
    struct row_id earlier_decision;
    int exposure_weeks;
    int64_t now_ms;
};

/* What it would lack, as the fold will judge it, and what this machine alone knows of volunteers; "" when nothing.
 * Changes nothing. */
MUST_USE enum err_code doubt_try(struct store *store, const struct doubt_plan *plan, char ret_wants[DOUBT_WANTS_SIZE],
                                 struct error *err);

/* The newest review of the session that found for a doubt; the complete notice that counts as received last before the
 * day. Zero bytes when there is none. */
MUST_USE enum err_code doubt_find_review(struct store *store, const struct doubt_plan *plan, struct row_id *ret_review,
                                         struct error *err);
MUST_USE enum err_code doubt_find_notice(struct store *store, const struct doubt_plan *plan, struct row_id *ret_notice,
                                         struct error *err);

/* ---- JCP's decisions, for those who may want to challenge one ---- */

struct decided_row {
    struct decision_row decision;
    struct row_id participant;
    struct row_id doubt; /* zero bytes when it answers none of ours */
    char participant_ref[ROW_REF_SIZE];
    int weeks; /* ROW_NONE when not said */
    char note[ROW_NOTE_SIZE];
};

struct decided_list {
    struct decided_row *rows;
    size_t count;
    bool more;
};

void decided_list_fini(struct decided_list *list);
/* Newest first. */
MUST_USE enum err_code query_decisions(struct store *store, size_t limit, struct decided_list *ret_list,
                                       struct error *err);
/* By its id, or 8 or more of its first hex digits. ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_USE enum err_code query_decision(struct store *store, const char *digits, struct decided_row *ret_row,
                                      struct error *err);

#endif
