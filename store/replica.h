/*
 * store/replica - what the files of store/ share: the open replica, the log's rows and the fold. Not for other rooms.
 *
 * Everything here runs inside a transaction that the public function began.
 */
#ifndef STORE_REPLICA_H
#define STORE_REPLICA_H

#include "store/database.h"
#include "store/query.h"
#include "store/tree.h"

/* One device's incarnation as the log knows it. */
struct author {
    int64_t id; /* local number; 0: not in the log yet */
    uint8_t device[DEVICE_ID_BYTES];
    uint32_t incarnation;
    enum record_writer writer;
    uint64_t newest_seq;
    uint8_t newest_link[SHA256_BYTES];
    uint64_t signed_seq;
};

/* A chain that this copy of the replica records under, or has. */
struct own_chain {
    struct author author;
    uint64_t acked_seq; /* durable at the centre */
    bool asks;          /* to be compared with what the centre holds */
};

/* A link of an own chain that was asked for last, so that a backlog is hashed once. */
struct known_link {
    int64_t author; /* 0: none */
    uint64_t seq;
    uint8_t link[SHA256_BYTES];
};

/* Placements that this transaction has marked already, as far as a small table can tell: two that share a place push
 * each other out, and are then marked again. */
#define DIRTY_KNOWN_MAX 128
struct dirty_known {
    uint8_t placements[DIRTY_KNOWN_MAX][OP_ENTITY_BYTES];
    bool set[DIRTY_KNOWN_MAX];
};

/* The placement that a write of one record changed: judged at its end, and then not marked. */
struct dirty_held {
    bool open; /* the first one is held, and not marked */
    bool set;
    bool lost; /* it could not be judged */
    struct row_id placement;
};

/* Subjects that this transaction has touched, and what was said of sessions; folded when there are so many, and at its
 * end. */
#define FOLD_MARKS_MAX 4096
#define FOLD_PLACES (4 * FOLD_MARKS_MAX)
struct fold_mark {
    uint32_t kind; /* whose table */
    uint8_t subject[OP_SUBJECT_MAX];
    uint8_t subject_len;
    uint16_t place;  /* where its index stands */
    bool only_first; /* of a session: all that came is one assertion that supersedes nothing */
};
/* A row of `attendance` to be. */
struct fold_assertion {
    uint8_t subject[OP_SESSION_BYTES];
    int64_t op;
    int64_t hlc;
    int outcome;
    int minutes;
    uint16_t came; /* its place among those that came */
    char reason[ROW_CODE_SIZE];
    bool note_hints;
    int64_t said_min; /* SAID_MIN_NONE of attended */
};
#define SAID_MIN_NONE INT64_MAX
/* What is done once at the end of a flush, however many records of it ask for it. */
enum fold_later {
    LATER_REFERRAL, /* its row is made again */
    LATER_PERSON,   /* their placements are marked for the rules */
    LATER_WITHOUT,  /* those that name no referral are */
    LATER_COUNT
};

struct fold_marks {
    struct fold_mark marks[FOLD_MARKS_MAX];
    size_t count;
    uint16_t places[FOLD_PLACES]; /* by hash: index of a mark, plus 1 */
    struct fold_assertion assertions[FOLD_MARKS_MAX];
    size_t assertion_count;
    uint16_t sessions[FOLD_MARKS_MAX]; /* scratch of the flush */
    struct buf later[LATER_COUNT];     /* ids, one behind the other */
};

/* What the tables held when they were last counted. */
struct records_counted {
    int64_t at_ms; /* monotonic; 0: never */
    int64_t took_ms;
    int64_t changes; /* of the connection until then */
    struct store_counts counts;
};

#define PACKS_LOADED_MAX 64

struct store {
    struct database db;
    const struct programme *programme;     /* in force: the tables are made by it (packs.h) */
    int32_t programme_since;               /* ROW_NONE: not of the centre */
    const struct programme *own_programme; /* where the centre says nothing */
    struct programme *packs[PACKS_LOADED_MAX];
    size_t pack_count;
    struct store_progress *progress; /* NULL: nobody looks */
    bool is_view;                    /* of store_open_reader; `progress` stops all of it */
    bool stale; /* what memory holds may not be what is on disk: read again before anything is changed */
    bool enrolled;
    uint8_t stream[STREAM_ID_BYTES];
    struct author self; /* of new ops */
    uint64_t newest_hlc;
    int64_t believed_until_ms; /* nobody has to ask whether a clock up to here may be right (write.c) */
    bool erasing;              /* there is an erasure: what comes may be covered by it */
    bool following;            /* a person accepted the centre's history: other branches held here give way */
    int64_t assertions_most;   /* no session has more rows in attendance, but for those that are marked */
    bool assertions_grown;     /* and that is not written yet */
    struct known_link known_link;
    struct buf header; /* scratch */
    struct buf body;   /* scratch */
    struct dirty_known dirty_known;
    struct dirty_held dirty_held;
    int64_t unmarked_turn; /* of the database, in which nothing is marked; 0: nobody looked */
    struct store_judge judge;
    struct fold_marks fold_marks;
    struct records_counted records_counted;
};

/* store/store.c: after a rollback, what memory holds is read again from disk. */
MUST_USE enum err_code replica_reload(struct store *store, struct error *err);
MUST_USE enum err_code replica_begin(struct store *store, struct error *err);
/* ms that this machine's clock is ahead of the centre's (negative: behind), as last measured; 0 when it never was. */
MUST_USE enum err_code replica_clock_offset(struct store *store, int64_t *ret_offset_ms, struct error *err);
/* As db_begin_relaxed. */
MUST_USE enum err_code replica_begin_relaxed(struct store *store, struct error *err);
/* Commits or rolls back and reloads; returns rc or the commit's failure. */
MUST_USE enum err_code replica_end(struct store *store, enum err_code rc, struct error *err);

extern const char *const replica_upgrades[]; /* store/upgrades.c */

/* ---- store/oplog.c ---- */

#define OP_KEY_SEQ_BITS 40
int64_t op_key(int64_t author, uint64_t seq);
uint64_t op_key_seq(int64_t key);
int64_t op_key_author(int64_t key);

MUST_USE enum err_code oplog_author_find(struct store *store, const uint8_t device[DEVICE_ID_BYTES],
                                         uint32_t incarnation, struct author *ret_author, bool *ret_found,
                                         struct error *err);
MUST_USE enum err_code oplog_author_add(struct store *store, struct author *author, struct slice certificate,
                                        struct error *err);
/* Writes newest_seq and newest_link. */
MUST_USE enum err_code oplog_author_save(struct store *store, const struct author *author, struct error *err);
/* Keeps a signature of the author over its link `seq`. */
MUST_USE enum err_code oplog_author_sign(struct store *store, const struct author *author, uint64_t seq,
                                         struct slice signature, struct error *err);

/* `header` is the op's encoded header. `salted`: the salt comes from the block's seed. quarantine NULL: folded. */
MUST_USE enum err_code oplog_insert(struct store *store, const struct author *author, const struct op *op,
                                    struct slice header, bool salted, const char *quarantine, int64_t received_at_ms,
                                    struct error *err);
/* Keeps a block's seed; false when another is held already, or an op of the block is erased. */
MUST_USE enum err_code oplog_seed_keep(struct store *store, int64_t author, uint64_t block,
                                       const uint8_t seed[OP_SEED_BYTES], bool *ret_same, struct error *err);
/* Of a chain of ours: the held seed of a block, or `fresh` (NULL: a random one), which is kept. */
MUST_USE enum err_code oplog_seed_own(struct store *store, const struct author *author, uint64_t block,
                                      const uint8_t *fresh, uint8_t ret_seed[OP_SEED_BYTES], struct error *err);

/* Reads one row of `op` (header, salt, body at column `at`, at + 1, at + 2) into an op that borrows from the statement.
 */
MUST_USE enum err_code oplog_row(struct store *store, sqlite3_stmt *statement, int at, int64_t key, struct op *ret_op,
                                 struct op_id supersedes[OP_SUPERSEDES_MAX], struct error *err);

/*
 * Does an op count that comes next in its author's chain? What record_admit says, and ERR_LIMIT past
 * STORE_SUBJECT_OPS_MAX. *ret_admitted is the answer and `reason` says why; the return value is of the asking.
 */
MUST_USE enum err_code oplog_admit(struct store *store, const struct author *author, const struct op *op,
                                   enum err_code *ret_admitted, struct error *reason, struct error *err);

/* It counts from now on. */
MUST_USE enum err_code oplog_release(struct store *store, int64_t key, struct error *err);

MUST_USE enum err_code oplog_seed_find(struct store *store, int64_t author, uint64_t block,
                                       uint8_t ret_seed[OP_SEED_BYTES], bool *ret_found, struct error *err);

MUST_USE enum err_code oplog_damaged(int64_t key, struct error *err);

/* ---- store/chains.c: this device's own chains ---- */

MUST_USE enum err_code chain_find(struct store *store, uint32_t incarnation, struct own_chain *ret_chain,
                                  bool *ret_found, struct error *err);
/* `seq` is at most the author's newest. */
MUST_USE enum err_code chain_link(struct store *store, const struct author *author, uint64_t seq,
                                  uint8_t ret_link[SHA256_BYTES], struct error *err);
/* The centre holds it up to the receipt's seq, or to our newest if that is less. */
MUST_USE enum err_code chain_acked(struct store *store, const struct author *author,
                                   const struct store_receipt *receipt, struct error *err);
/* The chain of this author, begun if need be; fills the author in. */
MUST_USE enum err_code chain_ensure(struct store *store, struct author *author, struct slice certificate,
                                    struct error *err);
/* The stream is read from its beginning, and each chain with ops is to be compared with what the centre holds. */
MUST_USE enum err_code chains_ask(struct store *store, struct error *err);
/* The chain of an incarnation that follows from something, begun if need be. */
MUST_USE enum err_code chain_derived(struct store *store, uint32_t incarnation, struct author *ret_author,
                                     struct error *err);
/* A chain of a fresh incarnation. */
MUST_USE enum err_code chain_fresh(struct store *store, struct author *ret_author, struct error *err);
/* A fresh incarnation, in which ops are made from now on. */
MUST_USE enum err_code chain_begin(struct store *store, struct error *err);

/* ---- store/bundles.c ---- */

/* store_centre_certificate_keep in a transaction of the caller's. */
MUST_USE enum err_code centre_certificate_put(struct store *store, struct slice certificate, struct error *err);

/* ---- store/receipts.c: what the centre signed of them ---- */

/* Kept for good, unless there is one of this link. The receipt has a signature, and is of this chain as it is. */
MUST_USE enum err_code receipt_keep(struct store *store, const struct author *author,
                                    const struct store_receipt *receipt, struct error *err);
/* Those after keep_seq go with the branch. */
MUST_USE enum err_code receipts_set_aside(struct store *store, int64_t author, uint64_t keep_seq, int64_t fork,
                                          struct error *err);

/*
 * Every receipt of a chain (fork 0) or of a branch set aside, while its links are made again:
 *
 *     receipts_check_begin ─► receipts_check_link, link by link ─► receipts_check_end: none is left over
 *
 * ERR_HISTORY names the device, the record and what can be done. Zeroed but for `ca` to begin with.
 */
struct receipts_check {
    struct slice ca;        /* the authorities that this device knows */
    int64_t certificate_id; /* the one looked at last; 0: none */
    struct certificate certificate;
    int64_t fork;
    uint64_t next_seq; /* whose receipt comes next; 0: none */
    uint64_t checked;  /* receipts that fit */
};

MUST_USE enum err_code receipts_check_begin(struct store *store, const struct author *author, int64_t fork,
                                            struct receipts_check *check, struct error *err);
MUST_USE enum err_code receipts_check_link(struct store *store, const struct author *author, uint64_t seq,
                                           const uint8_t link[SHA256_BYTES], struct receipts_check *check,
                                           struct error *err);
MUST_USE enum err_code receipts_check_end(const struct author *author, const struct receipts_check *check,
                                          struct error *err);
/* A receipt of no chain and no branch that is held. */
MUST_USE enum err_code receipts_check_strays(struct store *store, struct error *err);

/* ---- store/owed.c ---- */

/* Ops of others that the centre's stream, as far as it was read, did not give. */
MUST_USE enum err_code owed_count(struct store *store, uint64_t *ret_ops, struct error *err);
/* The stream gave this run. */
MUST_USE enum err_code owed_given(struct store *store, const struct author *author, const struct store_run *run,
                                  struct error *err);

/* ---- store/write.c ---- */

/*
 * Gives an op the number `seq` of a chain of ours, and what follows from it; its salt comes from the block's `seed`, or
 * is what it has (seed NULL).
 * Its header is left in store->header.
 */
MUST_USE enum err_code op_number(struct store *store, const struct author *author, uint64_t seq, const uint8_t *seed,
                                 struct op *op, struct error *err);
/* Appends it, with the header as op_number left it, to the chain that it was numbered for. `salted` as oplog_insert. */
MUST_USE enum err_code op_append(struct store *store, struct author *author, const struct op *op, bool salted,
                                 const char *quarantine, int64_t now_ms, struct error *err);

/* Appends an entry's op as it stands, with the next number of the chain in which this copy records; op->hlc is what it
 * has to come after. Its id is filled in. */
MUST_USE enum err_code op_record(struct store *store, struct op *op, int64_t now_ms, struct error *err);
/* At the end of a transaction that recorded something. */
MUST_USE enum err_code op_recorded(struct store *store, struct error *err);

/* ---- store/erase.c ---- */

/* The seed of a block goes; the ops of it that still have a body get their salts written out. */
MUST_USE enum err_code salts_spread(struct store *store, int64_t author, uint64_t block, struct error *err);
/* The block has no seed, and may get none: an op of it has its salt written out. */
MUST_USE enum err_code salts_are_written(struct store *store, int64_t author, uint64_t block, bool *ret_written,
                                         struct error *err);
MUST_USE enum err_code block_has_erased(struct store *store, int64_t author, uint64_t block, bool *ret_has,
                                        struct error *err);

/* From now on nothing that it covers has a body here. */
MUST_USE enum err_code erasure_fold(struct store *store, int64_t key, const struct op *op, struct error *err);
MUST_USE enum err_code erasure_fold_out(struct store *store, int64_t key, const struct op *op, struct error *err);
/* The op that an erasure names is held and is none that it may erase: *ret_admitted says so. */
MUST_USE enum err_code erasure_admit(struct store *store, enum record_writer writer, const struct op *op,
                                     enum err_code *ret_admitted, struct error *reason, struct error *err);
/* The body of an op that is held goes, whatever covers it. */
MUST_USE enum err_code erasure_take(struct store *store, int64_t key, struct error *err);
/* The keys (int64_t) of ops held among which are all that it covers; and what one of them is, counted. */
MUST_USE enum err_code erasure_candidates(struct store *store, const struct erasure *erasure, struct buf *keys,
                                          struct error *err);
MUST_USE enum err_code erasure_count(struct store *store, const struct erasure *erasure, int64_t key,
                                     struct store_erasable *counts, struct error *err);
/* Is there an erasure that covers this op? */
MUST_USE enum err_code erasure_find(struct store *store, const struct op *op, enum record_writer writer,
                                    bool *ret_covered, struct error *err);
/* Raises op->hlc to that of the erasures about its subject: what is recorded after them stays. */
MUST_USE enum err_code erasure_before(struct store *store, struct op *op, struct error *err);

/* ---- store/erase_holds.c ---- */

/* What may speak for somebody is not erased so that nobody knows any more for whom: it goes with the person. */
MUST_USE enum err_code erase_may_go_alone(struct store *store, const struct store_erase *erase, struct error *err);

/* Adds to erasable->holds what holds back what `erase` is about. */
MUST_USE enum err_code erase_holds(struct store *store, const struct store_erase *erase, int32_t today,
                                   struct store_erasable *erasable, struct error *err);

/* ---- store/branches.c: a person accepted the centre's history ---- */

MUST_USE enum err_code following_read(struct store *store, bool *ret_following, struct error *err);
MUST_USE enum err_code following_end(struct store *store, int64_t now_ms, struct error *err);

/* ---- store/quarantine.c: once the tables are there ---- */

MUST_USE enum err_code quarantine_open(struct store *store, struct error *err);

/* ---- store/fork.c ---- */

/*
 * Compares a run of an own chain with what is held of it. Where it differs and this device's signature is over the run,
 * our branch is set aside: *ret_fork is its number (0: none), and `author` ends before it.
 */
MUST_USE enum err_code fork_take(struct store *store, struct author *author, const struct store_run *run,
                                 int64_t now_ms, int64_t *ret_fork, struct error *err);
/* Issues the ops of a branch set aside again, in a chain that follows from the branch. */
MUST_USE enum err_code fork_issue(struct store *store, int64_t fork, int64_t now_ms, size_t *ret_issued,
                                  struct error *err);
/* The device's signature over the last op of a run, after which its link is `link`. */
MUST_USE enum err_code run_signed(struct store *store, const struct author *author, const struct store_run *run,
                                  const uint8_t link[SHA256_BYTES], struct error *err);

/* ---- store/tree.c ---- */

/* The ops of an exchange, which are in the log, take their places; at the head the centre's word is compared. */
MUST_USE enum err_code tree_take(struct store *store, const struct store_exchange *exchange,
                                 struct store_applied *applied, struct error *err);
/* Nothing has a place any more: the stream is read from position 0. The newest checkpoint stays, to be compared. */
MUST_USE enum err_code tree_forget(struct store *store, struct error *err);
/* Ops of an author after `keep_seq` are taken out of the log. */
MUST_USE enum err_code tree_cut(struct store *store, int64_t author, uint64_t keep_seq, struct error *err);

/* ---- store/checkpoint.c ---- */

MUST_USE enum err_code checkpoint_held(struct store *store, struct checkpoint *ret_checkpoint, bool *ret_known,
                                       struct error *err);
/* Keeps it as the newest. */
MUST_USE enum err_code checkpoint_keep(struct store *store, const struct store_checkpoint *checkpoint, int64_t now_ms,
                                       struct error *err);
/* It does not continue the one that is held. */
MUST_USE enum err_code violation_keep(struct store *store, const struct store_checkpoint *told, int64_t now_ms,
                                      struct error *err);
/* From the columns after `at`: size, root, signature, key, voucher, certificate, when. The caller frees it, also when
 * that fails; its buffer is set up. */
MUST_USE enum err_code checkpoint_read_row(sqlite3_stmt *s, int at, struct store_verified_checkpoint *verified,
                                           struct error *err);

/* ---- store/violations.c ---- */

/* `key` is of checkpoint_key; `brought` by a person. What was noticed before and acknowledged stands again. */
MUST_USE enum err_code violation_add(struct store *store, const struct checkpoint *told, int64_t key, bool brought,
                                     int64_t now_ms, struct error *err);

/* ---- store/copies.c ---- */

/* Counts what an exchange brought of this device itself. */
MUST_USE enum err_code copies_count(struct store *store, const struct store_applied *applied, int64_t now_ms,
                                    struct error *err);

/* ---- store/write_checks.c ---- */

/* What this machine does not write itself, though it would be kept if it came from elsewhere. */
/* true_ms is now by the centre's clock. */
MUST_USE enum err_code write_check(struct store *store, const struct store_entry *entry, int64_t true_ms,
                                   struct error *err);
/* Of an assertion that is not on record yet. */
MUST_USE enum err_code write_check_assertion(struct store *store, const struct store_entry *entry, int64_t true_ms,
                                             struct error *err);

/* ---- store/fold_marks.c ---- */

/* At the beginning of a transaction. */
void fold_forget(struct store *store);
void fold_marks_fini(struct store *store);
/* An empty id: nothing. */
MUST_USE enum err_code fold_later(struct store *store, enum fold_later what, struct slice id, struct error *err);
MUST_USE enum err_code fold_mark(struct store *store, uint32_t kind, struct slice subject, struct error *err);
bool fold_marked(const struct store *store, uint32_t kind, struct slice subject);
bool fold_marked_any(const struct store *store, uint32_t kind);
/* An assertion to be inserted; `first`: it is the only head when there was none before it. */
MUST_USE enum err_code fold_mark_assertion(struct store *store, const struct fold_assertion *assertion, bool first,
                                           struct error *err);
/* Makes every row that depends on what was marked. Before the end of every transaction that calls fold_op. */
MUST_USE enum err_code fold_flush(struct store *store, struct error *err);

/* ---- store/fold.c: from ops to the tables ---- */

/* The op is in the log; every row that depends on it is up to date after the next fold_flush. */
MUST_USE enum err_code fold_op(struct store *store, int64_t key, const struct op *op, struct error *err);
/* An op was taken out of what counts (quarantined, set aside): the same, without it. */
MUST_USE enum err_code fold_out(struct store *store, int64_t key, const struct op *op, struct error *err);
MUST_USE enum err_code fold_all(struct store *store, struct error *err);
/* How many ops it goes through, about. */
MUST_USE enum err_code fold_count(struct store *store, uint64_t *ret_count, struct error *err);
/* One subject of a kind that has a table. */
MUST_USE enum err_code fold_subject(struct store *store, uint32_t kind, struct slice subject, struct error *err);

/* ---- store/fold_attendance.c ---- */

/* absent, late, left_early: nobody knows of these before the session begins. */
bool outcome_is_seen(int outcome);
MUST_USE enum err_code fold_attendance(struct store *store, int64_t key, const struct op *op, struct error *err);
MUST_USE enum err_code fold_attendance_out(struct store *store, int64_t key, const struct op *op, struct error *err);
/* Those that wait, sorted by session and op; they stay there until fold_forget. */
MUST_USE enum err_code fold_assertions_insert(struct store *store, struct error *err);
/* A session has so many; fold_assertions_count writes down the most. */
void fold_assertions_seen(struct store *store, int64_t count);
MUST_USE enum err_code fold_assertions_count(struct store *store, struct error *err);
/* The row of a session without any assertion before; *ret_done false: it is not so, or there is no row. */
MUST_USE enum err_code fold_first_assertion(struct store *store, const struct fold_assertion *assertion, bool *ret_done,
                                            struct error *err);

/* ---- store/fold_person.c ---- */

/* SQL: every participant record of the person whose record is `x`, that one included. As `p.participant IN (...)`. */
#define STANDS_FOR(table, x) "ifnull((SELECT person FROM " table " WHERE participant = " x "), " x ")"
#define RECORDS_OF(table, x)                                                                                           \
    "SELECT participant FROM " table " WHERE person = " STANDS_FOR(table, x) " UNION ALL SELECT " STANDS_FOR(table, x)
#define PERSON_OF(x) STANDS_FOR("same_as", x)
#define SAME_PERSON(x) RECORDS_OF("same_as", x)
/* And those by links that somebody else confirmed: what counts against a person is taken from these alone. */
#define SURELY_PERSON(x) RECORDS_OF("surely_as", x)
/* The records of SAME_PERSON as rows of one column `participant`, for the first of a FROM; an IN would fill a table of
 * its own each time. */
#define PERSON_ROWS(x) "(" SAME_PERSON(x) ") a CROSS JOIN "
/* Their ids, one behind the other, those that are not there yet. */
MUST_USE enum err_code person_records(struct store *store, const uint8_t participant[OP_ENTITY_BYTES], bool sure,
                                      struct buf *ids, struct error *err);

/* ---- store/fold_session.c ---- */

/* The row of one session. */
MUST_USE enum err_code fold_session(struct store *store, struct slice subject, struct error *err);
/* The pattern, dates, calendar or person of a placement changed: its sessions are laid out again. */
MUST_USE enum err_code fold_placement_sessions(struct store *store, const uint8_t placement[OP_ENTITY_BYTES],
                                               struct error *err);
/* Sessions of every placement of a person on one day. */
MUST_USE enum err_code fold_sessions_of_day(struct store *store, struct slice participant, int32_t day,
                                            struct error *err);

/* ---- store/volunteers.c ---- */

/* A name or a place as it is compared: ASCII letters small, blanks single, none around it. */
void plain_key(const char *text, char out[ROW_NAME_SIZE]);

/* ---- store/kept_reviews.c ---- */

/* Those of a placement that it covers, and of the placements of a participant. */
MUST_USE enum err_code kept_reviews_erase(struct store *store, const struct erasure *erasure, struct error *err);
/* A volunteer who may be these participants (ids one behind the other) is removed: nothing that came of it stays. */
MUST_USE enum err_code volunteer_flags_forget(struct store *store, const struct buf *participants, struct error *err);

/* ---- store/dirty.c ---- */

/* At the beginning of a transaction, and whenever the marks in the database may be fewer than what is known. */
void dirty_forget(struct store *store);
MUST_USE enum err_code dirty_placement(struct store *store, const uint8_t placement[OP_ENTITY_BYTES],
                                       struct error *err);
/* For the transaction: what it marks first is held for dirty_judge, where somebody judges. */
void dirty_hold(struct store *store);
/* At its end, when all is folded. A failure sets `lost`: the write is to be done again without dirty_hold. */
MUST_USE enum err_code dirty_judge(struct store *store, struct error *err);
/* Known without asking the database, until a transaction begins. */
bool dirty_none(const struct store *store);
MUST_USE enum err_code dirty_participant(struct store *store, struct slice participant, struct error *err);
/* Of all records of the person, those that name no referral. */
MUST_USE enum err_code dirty_without_referral(struct store *store, struct slice participant, struct error *err);
MUST_USE enum err_code dirty_site(struct store *store, struct error *err);

/* ---- store/packs.c ---- */

/* The pack with this SHA-256, from the centre or of this program; NULL when it is not here or cannot be used. */
MUST_USE enum err_code pack_find(struct store *store, const char *sha256, const struct programme **ret_programme,
                                 struct error *err);
/* Every table, by the pack in force, and that it was made by it. */
MUST_USE enum err_code pack_fold_all(struct store *store, struct error *err);
/* Within the transaction of scratch_fold. */
MUST_USE enum err_code pack_settle_scratch(struct store *store, int32_t today, struct error *err);

/* ---- store/write.c ---- */

/* What is refused where it is written, and kept when it comes from elsewhere: a route that the programme does not have;
 * another person for a placement or a referral that is there. */
MUST_USE enum err_code entry_fits(struct store *store, const struct store_entry *entry, struct error *err);

/* ---- store/scratch.c ---- */

/* Tables in memory without a log of one's own: ops are put in as they are, then folded once. store_close. */
MUST_USE enum err_code scratch_open(const struct programme *programme, struct store **ret_store, struct error *err);
MUST_USE enum err_code scratch_add(struct store *store, const struct op *op, struct slice header,
                                   enum record_writer writer, struct error *err);
/* By the pack in force on the day, if the centre's packs are among the ops. */
MUST_USE enum err_code scratch_fold(struct store *store, int32_t today, struct error *err);

/* ---- store/tables.c ---- */

extern const char *const folded_tables[]; /* NULL-terminated */

/* ---- store/refold.c ---- */

/* Before anything reads them: empty folded tables of our own, where there are none or others. */
MUST_USE enum err_code refold_prepare(struct store *store, struct error *err);
/* And what the log says in them. */
MUST_USE enum err_code refold_run(struct store *store, struct error *err);
/* Of a second view, which afterwards shows the tables as they were made again beside those of the replica. */
MUST_USE enum err_code tables_verify(struct store *view, uint8_t ret_digest[SHA256_BYTES], struct error *err);

#endif
