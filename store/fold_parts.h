/*
 * store/fold_parts - what the files that fold ops into rows share. Not for others.
 *
 * Ownership: a struct merged owns what its record borrows from, until merged_fini.
 */
#ifndef STORE_FOLD_PARTS_H
#define STORE_FOLD_PARTS_H

#include "store/doubts.h"
#include "store/replica.h"

/* An op about a subject. */
struct version {
    uint64_t hlc;
    struct op_id id;
    int64_t key;
    enum record_writer writer;
};

/* Bodies are read one at a time, and only those are kept that a value comes from. */
struct merged {
    struct version *versions; /* oldest first */
    size_t count;
    size_t capacity;
    unsigned erased_by;   /* writers of those of which nobody knows any more what they said */
    uint64_t erased_hlc;  /* of the newest of them */
    struct record record; /* borrows from kept */
    void *kept[RECORD_FIELDS_MAX + 1];
    size_t kept_count;
};

void merged_fini(struct merged *merged);
/* The ops of a kind about a subject, oldest first; no values yet. */
MUST_USE enum err_code merged_find(struct store *store, const struct kind *kind, struct slice subject,
                                   struct merged *merged, struct error *err);
/* And their values, the newest of each field. No ops: an empty record. */
MUST_USE enum err_code merged_make(struct store *store, const struct kind *kind, struct slice subject,
                                   struct merged *merged, struct error *err);
/* What the centre alone says of a field: its newest word, of what lasts its first. */
MUST_USE enum err_code merged_of_centre(struct store *store, struct merged *merged, const char *name,
                                        struct value *ret_value, struct error *err);
/* What a version says. It borrows from the row, which the caller resets once it is done with it. */
MUST_USE enum err_code version_read(struct store *store, const struct kind *kind, const struct version *version,
                                    sqlite3_stmt **ret_row, struct record *ret_record, struct error *err);
/* A version's record as far as it has a value that the merged one lacks, or whole when `whole`; else empty. */
MUST_USE enum err_code merged_read(struct store *store, struct merged *merged, const struct version *version,
                                   bool whole, struct record *ret_record, struct error *err);
struct value *merged_value(struct merged *merged, const char *name);

/* Binds the id and then every field in the order of its kind; returns the next index. */
int bind_record(sqlite3_stmt *s, struct slice subject, const struct record *record);
/* `sql` takes the subject as its one parameter. */
MUST_USE enum err_code fold_delete(struct store *store, const char *sql, struct slice subject, struct error *err);

/* ---- store/fold_session.c, store/fold_heads.c ---- */

struct session_key {
    uint8_t placement[OP_ENTITY_BYTES];
    int32_t day;
    int slot;
};

/* As parameters 1 to 3. */
void session_bind(sqlite3_stmt *s, const struct session_key *key);

/* An assertion that stands. */
struct head {
    enum outcome outcome;
    int minutes;
    char reason[ROW_CODE_SIZE];
    bool note_hints;
    int64_t said_min; /* SAID_MIN_NONE of what may be said beforehand */
    uint64_t hlc;
    struct op_id id;
};

enum { HEADS_MAX = 64 };

struct heads {
    size_t count;
    size_t different; /* that say different things */
    int64_t said_min; /* the latest of theirs */
    struct head newest;
    struct head seen[HEADS_MAX]; /* one of each that differs */
};

/* Those of a session; the rows of its assertions say from then on which they are. */
MUST_USE enum err_code heads_read(struct store *store, const struct session_key *key, struct heads *ret_heads,
                                  struct error *err);

/* ---- store/fold_plain.c ---- */

/* Is it a kind whose merged fields are its row as they stand? */
bool kind_is_plain(uint32_t kind);
MUST_USE enum err_code fold_plain(struct store *store, struct slice subject, struct merged *merged, struct error *err);
/* Binds who said a version at `at`, and when at the next; and says when by the centre's clock, as far as it was known.
 */
MUST_USE enum err_code bind_said(struct store *store, sqlite3_stmt *put, int at, const struct version *newest,
                                 int64_t *ret_true_ms, struct error *err);
/* The civil minute in London at which a version was said, by the centre's clock as far as it was known, or by its place
 * in the order of things where that is later: a clock that is set back makes nothing earlier. */
MUST_USE enum err_code version_said_min(struct store *store, const struct version *version, int64_t *ret_minute,
                                        struct error *err);

/* ---- store/fold_basis.c ---- */

/* Did any record of a referral or a placement ever say voluntary? Any of the centre's, where the centre said it. */
MUST_USE enum err_code basis_ever_voluntary(struct store *store, struct merged *merged, bool *ret_voluntary,
                                            struct error *err);
/* The referrals that a placement named besides the one that it answers. */
MUST_USE enum err_code basis_note_formers(struct store *store, struct slice placement, struct merged *merged,
                                          struct error *err);

/* ---- store/fold_force.c ---- */

/* declined, paused, withdrawn, over or not begun: nobody comes under it. */
bool referral_is_out(struct slice status);
/* The days on which a referral with these events is not in force; where they change, its placements' sessions too. */
MUST_USE enum err_code fold_force(struct store *store, struct slice referral, const struct merged *events,
                                  struct error *err);

/* ---- store/fold_doubt.c ---- */

/* The row of a doubt is made again at the end of the flush: of this one; of those that name a record, a decision or
 * answer it. */
MUST_USE enum err_code doubt_due(struct store *store, struct slice doubt, struct error *err);
MUST_USE enum err_code doubt_due_naming(struct store *store, struct slice record, struct error *err);
MUST_USE enum err_code doubt_due_of_decision(struct store *store, struct slice decision, struct error *err);
/* Makes what is due, and judges again every open doubt of a placement that is marked. */
MUST_USE enum err_code fold_doubts(struct store *store, struct error *err);
/* What a doubt lacks now, as codes with commas between. */
MUST_USE enum err_code doubt_judge(struct store *store, struct slice doubt, char ret_wants[DOUBT_WANTS_SIZE],
                                   struct error *err);

/* ---- store/fold_before.c ---- */

/* When a doubt was confirmed. */
struct doubt_moment {
    int64_t hlc;
    int64_t minute; /* the civil one in London, by the centre's clock as far as it was known */
};

/* Was the pack in force then, as far as it had been said? */
MUST_USE enum err_code pack_was_in_force(struct store *store, const struct programme *named,
                                         const struct doubt_moment *moment, bool *ret_in_force, struct error *err);
/* What a break was before each record that changed it; merged by fold_subject. */
MUST_USE enum err_code break_note_before(struct store *store, struct slice subject, struct merged *merged,
                                         struct error *err);

/* ---- store/fold_then.c ---- */

/* The day of a row of session_before that is of any day (folded.sql has the number). */
#define EXPECTED_ANY_DAY (-1000000000)

/* The last day, by the centre's clock as far as it was known, on which somebody recorded other hours of the placement
 * on that day, or another place; INT64_MIN: it is as it was first recorded. */
MUST_USE enum err_code terms_changed_on(struct store *store, struct slice placement, int32_t day, int64_t *ret_day,
                                        struct error *err);
/* In session_before: the sessions that a record took away when their day had begun; or, where they or the records are
 * too many, every hour of the days up to the last of these; merged by fold_subject. */
MUST_USE enum err_code placement_note_before(struct store *store, struct slice placement, struct merged *merged,
                                             struct error *err);

/* ---- store/fold_appointment.c ---- */

MUST_USE enum err_code fold_appointment(struct store *store, struct slice subject, struct merged *merged,
                                        struct error *err);

/* ---- store/fold_limit.c ---- */

/* Had the mandatory placements of the person lasted for all of the programme's time before that day? */
MUST_USE enum err_code scheme_is_over(struct store *store, struct slice placement, int32_t day,
                                      const struct programme *programme, bool *ret_over, struct error *err);

/* ---- store/fold_person.c ---- */

/* Binds who said at which device what a link says now, and whether it is sure, from `at` on. */
MUST_USE enum err_code person_bind_link(struct store *store, sqlite3_stmt *put, int at, struct merged *merged,
                                        struct error *err);
/* All records of the duplicate's person and of the one it is linked to; called before and after a link changes. */
MUST_USE enum err_code person_touched(struct store *store, struct slice duplicate, struct buf *touched,
                                      struct error *err);
/* What each of these stands for is found anew, and their sessions laid out. */
MUST_USE enum err_code person_relink(struct store *store, const struct buf *touched, struct error *err);

#endif
