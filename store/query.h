/*
 * store/query - reading a replica for people: lists, one record, the log.
 *
 * Ownership: a list owns its rows; list_fini releases them. Every list is bounded by its `limit`; `more` says that
 * there are further rows.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "store/store.h"

#define QUERY_LIMIT_MAX 200000

/* X(list name, row type) */
#define QUERY_LISTS(X)                                                                                                 \
    X(session_list, struct roll_row)                                                                                   \
    X(placement_list, struct placement_row)                                                                            \
    X(referral_list, struct referral_row)                                                                              \
    X(referral_event_list, struct referral_event_row)                                                                  \
    X(flag_list_rows, struct flag_state)                                                                               \
    X(attendance_list, struct attendance_row)                                                                          \
    X(overwrite_list, struct overwrite_row)                                                                            \
    X(id_list, struct row_id)                                                                                          \
    X(notice_list, struct notice_row)                                                                                  \
    X(message_list, struct message_row)                                                                                \
    X(record_list, struct record_row)                                                                                  \
    X(claim_list, struct claim_row)                                                                                    \
    X(load_list, struct opportunity_load)                                                                              \
    X(log_list, struct log_row)

/* A session with who and where, for the register of a day. */
struct roll_row {
    struct session_row session;
    char placement_ref[ROW_REF_SIZE];
    char participant_ref[ROW_REF_SIZE];
    char participant_name[ROW_NAME_SIZE];
    enum basis basis;
};

/* An answer to a referral, or what became of it. */
struct referral_event_row {
    struct op_id op;
    uint64_t hlc;
    char status[ROW_CODE_SIZE];
    int32_t on; /* ROW_NONE: not said */
    char reason[ROW_CODE_SIZE];
    char note[ROW_NOTE_SIZE];
    bool policy;
    bool of_centre;
    struct row_id policy_decision; /* zero bytes when none is named */
    struct row_id opportunity;     /* the same */
    char actor[OP_ACTOR_MAX + 1];
    int64_t recorded_at_ms;
};

/* A current or (cleared_at_ms set) past flag. */
struct flag_state {
    struct flag_row flag;
    int64_t raised_at_ms;  /* on this machine */
    int64_t cleared_at_ms; /* OP_TIME_NONE while it stands */
    struct {
        char outcome[ROW_CODE_SIZE]; /* "": nobody reviewed it */
        char by[OP_ACTOR_MAX + 1];
        int64_t at_ms;
        int32_t look_again_on; /* ROW_NONE */
    } reviewed;                /* last */
};

/* One assertion about one session: both sides of a dispute, and every correction, stay. */
struct attendance_row {
    struct row_id placement;
    char placement_ref[ROW_REF_SIZE];
    int32_t day;
    int slot;
    struct op_id op;
    bool head;
    enum outcome outcome;
    int minutes; /* ROW_NONE */
    char reason[ROW_CODE_SIZE];
    char note[ROW_NOTE_SIZE];
    char actor[OP_ACTOR_MAX + 1];
    int64_t recorded_at_ms;
    int64_t happened_at_ms; /* OP_TIME_NONE: the same */
    int64_t received_at_ms; /* here */
};

/* A field's value and the one of another device that took its place, being newer by the logical clock. */
struct overwrite_row {
    char id[17]; /* the same wherever the same ops are held */
    struct row_id subject;
    const struct kind *kind;
    const struct field *field;
    struct op_id old_op;
    struct op_id new_op;
    struct value old_value; /* texts are owned by the list */
    struct value new_value;
    char old_by[OP_ACTOR_MAX + 1];
    char new_by[OP_ACTOR_MAX + 1];
    int64_t old_at_ms; /* recorded */
    int64_t new_at_ms;
    uint64_t hlc;
    char reviewed_by[OP_ACTOR_MAX + 1];
    int64_t reviewed_at_ms; /* OP_TIME_NONE: not yet */
};

/* A plain record (fold_plain.c) as it stands. */
struct record_row {
    struct row_id id;
    struct record record; /* texts and ids are owned by the list */
    char said_by[OP_ACTOR_MAX + 1];
    int64_t said_at_ms; /* when the newest of it was recorded; OP_TIME_NONE: the table does not say, nor by whom */
};

struct said_since {
    char by[OP_ACTOR_MAX + 1];
    int64_t at_ms;     /* recorded, by its clock */
    int64_t offset_ms; /* of that clock, as measured then: at_ms less this is the centre's time */
};

/* A message between the organisation and JCP. */
struct message_row {
    struct row_id id;
    char body[ROW_NOTE_SIZE];
    int32_t sent_on;
    char participant_ref[ROW_REF_SIZE];
    char referral_ref[ROW_REF_SIZE];
    struct row_id reply_to; /* zeros: none */
    char about[ROW_CODE_SIZE];
    char said_by[OP_ACTOR_MAX + 1];
    int64_t said_at_ms;
    bool from_centre; /* it wrote the record */
    bool unread;      /* the centre's, and nobody looked at it on this machine */
};

#define LOAD_WEEKS_MAX 52

/* How many placements an opportunity has at the end of a day. */
struct week_load {
    int taken;  /* that run today and still do */
    int agreed; /* that start after today, up to then, and run */
};

struct opportunity_load {
    struct row_id id; /* zero bytes: none */
    char ref[ROW_REF_SIZE];
    char host_ref[ROW_REF_SIZE];
    char title[ROW_NAME_SIZE];
    int places;                                 /* ROW_NONE: not said */
    int supervisor_minutes;                     /* a week; ROW_NONE */
    int32_t closed_on;                          /* ROW_NONE */
    int to_come;                                /* agreed, not yet started, whenever that is */
    struct week_load weeks[LOAD_WEEKS_MAX + 1]; /* [0] today, [w] 7 w days later, as the forecast has it */
};

/* For what somebody is agreed who has not started. */
struct agreed_row {
    bool placed;
    struct row_id placement;   /* that is to start; zero bytes when none */
    int32_t starts_on;         /* its first day; ROW_NONE */
    struct row_id opportunity; /* the placement's, else the one that the referral was accepted for; zero bytes */
};

/* One op as the log has it. */
struct log_row {
    struct op_id op;
    uint32_t kind;
    char kind_name[ROW_CODE_SIZE]; /* "unknown-77" for one this version does not know */
    uint8_t subject[OP_SUBJECT_MAX];
    uint8_t subject_len;
    char actor[OP_ACTOR_MAX + 1];
    int64_t recorded_at_ms;
    int64_t happened_at_ms;
    int64_t received_at_ms;
    bool own;          /* recorded on this machine */
    bool acknowledged; /* own and durable at the centre, or came from there */
    bool erased;
    char quarantine[201]; /* "" unless quarantined: the reason */
    bool repeats;         /* it is the statement of another op, which stands for both (said_again.h): */
    struct op_id same_as;
    struct slice body;    /* CBOR, owned by the list */
};

#define X(name, type)                                                                                                  \
    struct name {                                                                                                      \
        type *rows;                                                                                                    \
        size_t count;                                                                                                  \
        bool more;                                                                                                     \
        void *owned;                                                                                                   \
    };                                                                                                                 \
    void name##_fini(struct name *list);
QUERY_LISTS(X)
#undef X

/*
 * Every row, however many there are, one at a time and in the order of the list of the same name, until `take` fails:
 * with `row` as that list has it, borrowed until `take` returns. `take` may ask the replica for other things; it must
 * not begin the same walk again, nor record anything.
 */
typedef enum err_code (*row_taker)(void *context, const void *row, struct error *err);
MUST_USE enum err_code query_placements_each(struct store *store, row_taker take, void *context, struct error *err);
MUST_USE enum err_code query_referrals_each(struct store *store, row_taker take, void *context, struct error *err);
MUST_USE enum err_code query_flags_each(struct store *store, row_taker take, void *context, struct error *err);
MUST_USE enum err_code query_attendance_each(struct store *store, row_taker take, void *context, struct error *err);
MUST_USE enum err_code query_log_each(struct store *store, row_taker take, void *context, struct error *err);
MUST_USE enum err_code query_records_each(struct store *store, const struct kind *kind, row_taker take, void *context,
                                          struct error *err);
/* Everything that was said of a kind which is a history (events, erasures, reviews of overwritten values) as it is in
 * the log, the newest here first, as log_row. The row is borrowed, and its body. What is erased or set aside is left
 * out. */
MUST_USE enum err_code query_events_each(struct store *store, const struct kind *kind, row_taker take, void *context,
                                         struct error *err);

/* Sessions from `from_day` to `to_day`, by day, start, placement ref. expected_only leaves extra and removed ones
 * without a record out. */
MUST_USE enum err_code query_roll(struct store *store, int32_t from_day, int32_t to_day, size_t limit,
                                  struct session_list *ret_list, struct error *err);
/* By ref. running_on: ROW_NONE for all, else only those with starts_on <= day <= ends_on. */
MUST_USE enum err_code query_placements(struct store *store, int32_t running_on, size_t limit,
                                        struct placement_list *ret_list, struct error *err);
/* Those that name the referral, by ref. */
MUST_USE enum err_code query_placements_of(struct store *store, const struct row_id *referral, size_t limit,
                                           struct placement_list *ret_list, struct error *err);
/* By received_on, ref. status NULL for all. */
MUST_USE enum err_code query_referrals(struct store *store, const char *status, size_t limit,
                                       struct referral_list *ret_list, struct error *err);
/* ERR_NOT_FOUND. */
MUST_USE enum err_code query_referral(struct store *store, const struct row_id *id, struct referral_row *ret_row,
                                      struct error *err);
/* What was said of it, oldest first: the last is what stands. Erased ones are left out. */
MUST_USE enum err_code query_referral_events(struct store *store, const struct row_id *referral,
                                             struct referral_event_list *ret_list, struct error *err);
/* By what the centre said of it, up to that day, is it out of force? Nobody but the centre ends that; `ret_event`. */
MUST_USE enum err_code query_put_out_by_centre(struct store *store, const struct row_id *referral, int32_t day,
                                               struct referral_event_row *ret_event, bool *ret_out, struct error *err);
/* Standing flags, worst first, then since, then key; with `all` the cleared ones too, newest first after them. */
MUST_USE enum err_code query_flags(struct store *store, bool all, size_t limit, struct flag_list_rows *ret_list,
                                   struct error *err);
/* One row of the register. ERR_NOT_FOUND. */
MUST_USE enum err_code query_roll_session(struct store *store, const struct row_id *placement, int32_t day, int slot,
                                          struct roll_row *ret_row, struct error *err);
MUST_USE enum err_code query_session(struct store *store, const struct row_id *placement, int32_t day, int slot,
                                     struct session_row *ret_session, struct error *err);
/* Every assertion about a session, oldest first. */
MUST_USE enum err_code query_attendance(struct store *store, const struct row_id *placement, int32_t day, int slot,
                                        size_t limit, struct attendance_list *ret_list, struct error *err);
/* Newest first; with `all` those that somebody has reviewed, too. */
MUST_USE enum err_code query_overwrites(struct store *store, bool all, size_t limit, struct overwrite_list *ret_list,
                                        struct error *err);
/* Marks the one with this id (NULL: every one) as reviewed by the actor: an op, so that the site's other laptops know.
 * ERR_NOT_FOUND. */
MUST_USE enum err_code store_overwrites_review(struct store *store, const char *actor, const char *id, int64_t now_ms,
                                               size_t *ret_reviewed, struct error *err);
/* Sessions about which two assertions differ and nobody has decided yet, by day. */
MUST_USE enum err_code query_disputes(struct store *store, size_t limit, struct session_list *ret_list,
                                      struct error *err);
/* Newest first; of one subject when subject_len is not 0; only quarantined ones on request. */
MUST_USE enum err_code query_log(struct store *store, const uint8_t *subject, size_t subject_len, bool quarantined_only,
                                 size_t limit, struct log_list *ret_list, struct error *err);

/* Records of a kind, plain ones newest first; those of which the id field `link` (NULL: all) names `id`; by
 * `participant`, also any other record of that person. ERR_INVALID for a kind that has no table of its fields, or no
 * such field. */
MUST_USE enum err_code query_records(struct store *store, const struct kind *kind, const char *link,
                                     const struct row_id *id, size_t limit, struct record_list *ret_list,
                                     struct error *err);
bool query_has_records(const struct kind *kind); /* it has such a table */
/* One of them, as a list of one. ERR_NOT_FOUND. */
MUST_USE enum err_code query_record(struct store *store, const struct kind *kind, const struct row_id *id,
                                    struct record_list *ret_list, struct error *err);

/* Who recorded, and when, what a notice, an attempt to reach somebody or a review says now of that on which a doubt may
 * rest: a note that was added later is none of it. ERR_NOT_FOUND. */
MUST_USE enum err_code query_said_since(struct store *store, uint32_t kind, const struct row_id *id,
                                        struct said_since *ret, struct error *err);

/* Every op that was recorded on this machine, the newest first of each chain, until `read` fails. `number` is the op's
 * own in this replica, from 1; the row's body is borrowed. */
typedef enum err_code (*log_reader)(void *context, int64_t number, const struct log_row *row, struct error *err);
MUST_USE enum err_code query_log_own(struct store *store, log_reader read, void *context, struct error *err);

/* What other devices had said under numbers that the centre gives to something else, newest first: it is in no table.
 * See store_history_accept. */
MUST_USE enum err_code query_log_aside(struct store *store, size_t limit, struct log_list *ret_list, struct error *err);

/* One op by the beginning of its device's id (8 hex digits or more) and its seq, with the incarnation between where
 * several have one: "d92f25b7/42", "d92f25b7/1/42". Without its body. ERR_INVALID, ERR_NOT_FOUND, ERR_CONFLICT. */
MUST_USE enum err_code query_log_entry(struct store *store, const char *name, struct log_row *ret_row,
                                       struct error *err);

/* An entity by its ref ("GDN-P014") or its 32 hex digits; the kind has a field `ref`. ERR_NOT_FOUND; ERR_CONFLICT when
 * two have the ref. */
MUST_USE enum err_code query_find(struct store *store, uint32_t kind, const char *ref, struct row_id *ret_id,
                                  struct error *err);

/* Newest first. */
MUST_USE enum err_code query_messages(struct store *store, bool unread_only, size_t limit,
                                      struct message_list *ret_list, struct error *err);
MUST_USE enum err_code query_messages_unread(struct store *store, uint64_t *ret_count, struct error *err);
/* Remembered on this machine only. NULL: all of them. */
MUST_USE enum err_code store_message_seen(struct store *store, const struct row_id *id, struct error *err);

/* "" for none, and for one that is not on record here. The kind has a field `ref`. */
MUST_USE enum err_code query_ref(struct store *store, uint32_t kind, const struct row_id *id,
                                 char ret_ref[ROW_REF_SIZE], struct error *err);

/* By 32-digit id or ref, a person of whom there is no participant record: other records name them. ERR_NOT_FOUND. */
MUST_USE enum err_code query_find_unrecorded(struct store *store, const char *text, struct row_id *ret_id,
                                             struct error *err);

/* By 32-digit id or ref, a placement or a referral of which no record says whose it is: others name it. ERR_NOT_FOUND.
 */
MUST_USE enum err_code query_find_lone(struct store *store, uint32_t kind, const char *text, struct row_id *ret_id,
                                       struct error *err);

/* Every record of a person, by id, until `read` fails. */
typedef enum err_code (*participant_reader)(void *context, const struct participant_row *row);
MUST_USE enum err_code query_participants(struct store *store, participant_reader read, void *context,
                                          struct error *err);
/* One. ERR_NOT_FOUND. */
MUST_USE enum err_code query_participant(struct store *store, const struct row_id *id, struct participant_row *ret_row,
                                         struct error *err);
/* The ids of all records of the person of whom `id` is one, that one too. What is about a person is about all. */
MUST_USE enum err_code query_same_person(struct store *store, const struct row_id *id, struct id_list *ret_list,
                                         struct error *err);

bool id_list_has(const struct id_list *list, const uint8_t id[ROW_ID_BYTES]);
/* Without those that nobody else has confirmed: what counts against the person is about these alone. */
MUST_USE enum err_code query_surely_same_person(struct store *store, const struct row_id *id, struct id_list *ret_list,
                                                struct error *err);
/* Merges that stand, those first that nobody else has confirmed; of one person, or (NULL) of all. */
MUST_USE enum err_code query_merges(struct store *store, const struct row_id *participant, struct merge_list *ret_list,
                                    struct error *err);

/* Opportunities that are not closed, or at which somebody is placed, by ref; and the placements of all others. A
 * placement counts up to its last day, also in a break: the place is kept. */
MUST_USE enum err_code query_loads(struct store *store, int32_t today, struct load_list *ret_list,
                                   struct opportunity_load *ret_elsewhere, struct error *err);
MUST_USE enum err_code query_agreed(struct store *store, const struct row_id *referral, int32_t today,
                                    struct agreed_row *ret_row, struct error *err);

/* Notices of a placement (NULL: all), by the day they were served, the latest first. */
MUST_USE enum err_code query_notices(struct store *store, const struct row_id *placement, size_t limit,
                                     struct notice_list *ret_list, struct error *err);

/* Newest first; of a contract and of a placement, where they are not NULL. */
MUST_USE enum err_code query_claims(struct store *store, const struct row_id *contract, const struct row_id *placement,
                                    size_t limit, struct claim_list *ret_list, struct error *err);
/* By its 32 hex digits, its invoice, or PLACEMENT/TRIGGER (one that was not refused). ERR_NOT_FOUND; ERR_CONFLICT. */
MUST_USE enum err_code query_claim(struct store *store, const char *name, struct claim_row *ret_claim,
                                   struct error *err);

/* Of one contract, all of its time. */
struct contract_money {
    int64_t claims;
    int64_t claimed_pence;
    int64_t paid_pence;
    int64_t refused_pence;
    int64_t used_units;
};

MUST_USE enum err_code query_contract_money(struct store *store, const struct row_id *contract,
                                            struct contract_money *ret_money, struct error *err);

/* What was asked of the organisation from one day to another, and what came of it. `route` NULL: all; redress and
 * decisions are of all routes. */
struct mandate {
    int64_t referrals;
    int64_t mandatory;
    int64_t declined; /* as a matter of policy too */
    int64_t declined_as_policy;
    int64_t ended_early;
    int64_t route_redress;
    int64_t complaints;
    int64_t doubts;    /* raised, of all time */
    int64_t decisions; /* of JCP */
    int64_t adverse;
};

MUST_USE enum err_code query_mandate(struct store *store, int32_t from, int32_t until, const char *route,
                                     struct mandate *ret_mandate, struct error *err);

/* Participants to decisions: where counting them takes long, of some seconds ago while the replica changes. */
struct store_counts {
    uint64_t ops;
    uint64_t pending_ops;
    uint64_t participants, referrals, placements, sessions, attendance, notices, appointments, decisions;
    uint64_t disputed_sessions;
    uint64_t quarantined;
    uint64_t flags[3];      /* by severity */
    uint64_t replica_bytes; /* the database; its WAL comes on top until the next checkpoint */
};

MUST_USE enum err_code query_counts(struct store *store, struct store_counts *ret_counts, struct error *err);

/* ---- store/query_hours.c ---- */

/* The first session of a pattern at whose hours the person is expected already, under any of their records. */
struct hours_taken {
    bool taken;
    int32_t day;
    char ref[ROW_REF_SIZE]; /* of the placement */
};
MUST_USE enum err_code query_hours_taken(struct store *store, const struct row_id *participant,
                                         const struct pattern *pattern, enum calendar calendar, int32_t from,
                                         int32_t to, struct hours_taken *ret_taken, struct error *err);

#endif
