/*
 * store/audit - who read what is for few to read, and what changed that no op says. Of this machine alone.
 *
 * Append-only (triggers) and chained: each row's hash covers the one before it, so that a row that was changed, put in
 * or taken out from among them shows. Ids and names of fields, never values. What changes records is in the log itself,
 * under the actor's name.
 *
 *   hash = SHA-256( hash of the row before, 32 zeros at first ‖ at be64 ‖ for each of person, action, call, kind,
 *                   subject, about, fields: length be32 ‖ bytes )
 *
 * Ownership: a list owns its rows; audit_list_fini releases them.
 * Layer:     store.
 */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "store/store.h"

#define AUDIT_CALL_SIZE 101
#define AUDIT_FIELDS_SIZE 401
#define AUDIT_ACTION_SIZE 16

struct audit_entry {
    int64_t number; /* from 1, as they were written; set when it is read */
    int64_t at_ms;
    char person[OP_ACTOR_MAX + 1];
    char action[AUDIT_ACTION_SIZE]; /* read, change, sign_in, unlock */
    char call[AUDIT_CALL_SIZE];     /* method and path, cut */
    char kind[ROW_CODE_SIZE];
    uint8_t subject[OP_SUBJECT_MAX];
    uint8_t subject_len;            /* 0: none */
    struct row_id about;            /* the participant, where that is known; zeros else */
    char fields[AUDIT_FIELDS_SIZE]; /* "address, phone" */
};

struct audit_list {
    struct audit_entry *rows;
    size_t count;
    bool more;
};

void audit_list_fini(struct audit_list *list);

/* All or none; durable when it returns. */
MUST_USE enum err_code store_audit_add(struct store *store, const struct audit_entry *entries, size_t count,
                                       struct error *err);

/* What is NULL does not narrow it. */
struct audit_filter {
    const char *person;
    const char *action;
    const struct row_id *about;
    int64_t since_ms;
    int64_t until_ms; /* and not after; 0: no end */
    /* To go on after what was read: before this time, or at it with a smaller number; before_ms 0: from the newest. */
    int64_t before_ms;
    int64_t before_number;
};

/* Newest first: by its time, then by its number. */
MUST_USE enum err_code query_audit(struct store *store, const struct audit_filter *filter, size_t limit,
                                   struct audit_list *ret_list, struct error *err);

/* *ret_wrong is the number of the first row that does not fit; 0: every one does. */
MUST_USE enum err_code store_audit_verify(struct store *store, uint64_t *ret_rows, uint64_t *ret_wrong,
                                          struct error *err);

/* Whom the record about `subject` is about; zeros where it is about nobody, or that is not known. */
MUST_USE enum err_code query_about(struct store *store, uint32_t kind, struct slice subject, struct row_id *ret_about,
                                   struct error *err);

/* Is the participant a restricted case, by any record of the same person? False for one that is not known. */
MUST_USE enum err_code query_restricted(struct store *store, const struct row_id *participant, bool *ret_restricted,
                                        struct error *err);
/* Is it a restricted case that is placed? True for a placement that is not known. */
MUST_USE enum err_code query_placement_restricted(struct store *store, const struct row_id *placement,
                                                  bool *ret_restricted, struct error *err);

#endif
