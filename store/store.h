/*
 * store/store - a site's replica: the log, and the tables folded from it in the same transaction.
 *
 *   record locally ─► store_write ──┐
 *                                   ├─► op appended, chain extended, tables folded, dirty marks set ─► COMMIT ─►
 * acknowledged from the centre ─► store_apply ─┘
 *
 * A table's row is a pure function of the set of ops about it, whatever order they came in; store_rebuild makes the
 * same tables from the log, and store_digest proves it. What the rules must look at again is marked in the same
 * transaction.
 *
 * Durable: every function that changes anything returns ERR_OK only after the commit is on disk (WAL, synchronous
 * FULL). After a failure nothing of the call has happened.
 *
 * Threads: one at a time. Making all tables takes seconds in a large replica: then it is a thread of the pool.
 * Layer:   store. Knows no network and no loop.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdatomic.h>

#include "crypto/checkpoint.h"
#include "crypto/vault/vault.h"
#include "store/record.h"
#include "store/rows.h"

struct store;

/* How far the making of all tables, or a store_verify, is, for another thread to look at and to stop. */
struct store_progress {
    atomic_uint_least64_t done; /* ops, of `total`; 0 of 0: nothing of it goes on */
    atomic_uint_least64_t total;
    atomic_uint_least64_t looks; /* grows as long as a reader gets on, whatever it does */
    atomic_bool stop;            /* it ends with ERR_BUSY soon after, and nothing of it has happened */
};

struct store_options {
    int cache_kib;
    const struct programme *programme; /* where the centre's packs say nothing; see store/packs.h */
    struct store_progress *progress;   /* NULL: nobody looks; else it outlives the store */
};

/* Migrates an older replica; a newer one is ERR_UNSUPPORTED. Recovers after any crash. */
MUST_USE enum err_code store_open(struct vault *vault, const struct store_options *options, struct store **ret_store,
                                  struct error *err);
void store_close(struct store *store);

/*
 * A second view of the replica, for another thread: all of it as it is now, whatever is recorded meanwhile, for the
 * functions that read. Soon after `progress->stop` is set they end with ERR_BUSY. While it is open the write-ahead log
 * only grows, a backup cannot begin, and what is erased stays in the file until the store_scrub after that.
 *
 * Opened and closed (store_close) in the thread of `store`, before that is closed; used by one thread at a time.
 */
MUST_USE enum err_code store_open_reader(struct store *store, struct store_progress *progress,
                                         struct store **ret_reader, struct error *err);

/* ---- enrolment: who this device is ---- */

#define STORE_URL_MAX 512
#define STORE_NAME_MAX 160

struct store_identity {
    bool enrolled;
    uint8_t device[DEVICE_ID_BYTES];
    uint32_t incarnation; /* in which new ops are made; writing it again does not change it */
    uint8_t stream[STREAM_ID_BYTES];
    uint8_t organisation[ORGANISATION_ID_BYTES];
    char endpoint[STORE_URL_MAX + 1];
    char site_name[STORE_NAME_MAX + 1];
    struct secret key_pkcs8; /* DER */
    struct buf certificate;  /* DER */
    struct buf ca;           /* DER, one behind the other: the present authority first (crypto/identity.h) */
};

void store_identity_fini(struct store_identity *identity);
MUST_USE enum err_code store_identity_read(struct store *store, struct store_identity *ret_identity, struct error *err);
/* ERR_CONFLICT when already enrolled with another stream. */
MUST_USE enum err_code store_identity_write(struct store *store, const struct store_identity *identity,
                                            struct error *err);
/* The same, with the centre's signing certificate (DER; store/bundles.h) in the same transaction. */
MUST_USE enum err_code store_identity_write_with(struct store *store, const struct store_identity *identity,
                                                 struct slice centre, struct error *err);

/*
 * An enrolment that has not ended, so that a try that was cut can be repeated even if the program was: the centre knows
 * the key by then. The newest one only; store_identity_write forgets it.
 */
struct store_enrolment {
    uint8_t code[SHA256_BYTES]; /* a hash that tells codes apart */
    uint8_t ca_pin[ENROLMENT_PIN_BYTES];
    struct secret key_pkcs8;
};

void store_enrolment_fini(struct store_enrolment *enrolment); /* zeroed is allowed */
MUST_USE enum err_code store_enrolment_keep(struct store *store, const struct store_enrolment *enrolment,
                                            struct error *err);
MUST_USE enum err_code store_enrolment_read(struct store *store, struct store_enrolment *ret_enrolment, bool *ret_found,
                                            struct error *err);

/* ---- recording ---- */

/*
 * One author's ops about one subject, at most: later ones are kept as quarantined, so that no device can make every
 * other one read without end. Counted along the author's own chain, so that every replica comes to the same.
 */
#define STORE_SUBJECT_OPS_MAX 1000

struct store_entry {
    uint32_t kind;
    uint8_t subject[OP_SUBJECT_MAX];
    struct record record;   /* the fields that change; of a new subject all that are required */
    int64_t happened_at_ms; /* OP_TIME_NONE: now */
    bool imported; /* from a file that may come again: what was ever said in the same words is not said again */
};

struct store_written {
    size_t added;      /* ops appended */
    size_t unchanged;  /* entries that said what already stands */
    struct op_id last; /* of the last op appended */
    size_t failed_at;  /* the entry that the failure is about; `count` when it is about none. Set on failure too */
};

/*
 * Appends what is new in `entries` as one transaction: all or nothing. An attendance supersedes every head that stands
 * here; one that says the same as the head adds nothing. A correction of attendance without a note is ERR_REFUSED
 * (guard rail 6). ERR_LIMIT: more about one subject than STORE_SUBJECT_OPS_MAX. ERR_NOT_ENROLLED before enrolment.
 */
MUST_USE enum err_code store_write(struct store *store, const char *actor, const struct store_entry *entries,
                                   size_t count, int64_t now_ms, struct store_written *ret_written, struct error *err);

/* Entries that are made one after the other, so that a large file takes no memory for all of them. */
struct store_source {
    size_t count;
    /* Entry `index`, which lasts until the next is asked for. Reads nothing of the store. */
    const struct store_entry *(*entry)(void *context, size_t index);
    void *context;
};

/* As store_write. */
MUST_USE enum err_code store_write_from(struct store *store, const char *actor, const struct store_source *source,
                                        int64_t now_ms, struct store_written *ret_written, struct error *err);

/* The same without keeping anything: what would happen. */
MUST_USE enum err_code store_write_dry(struct store *store, const char *actor, const struct store_source *source,
                                       int64_t now_ms, struct store_written *ret_written, struct error *err);

/* ---- exchange ---- */

/*
 * A device has one chain of ops for each incarnation; a copy of its replica records under one at a time, and goes on
 * under a fresh one when another copy may have gone on under the same. An exchange is about one chain: the oldest that
 * has something to send.
 */
struct store_sync {
    uint64_t cursor;           /* the centre's position up to which this replica holds the stream */
    uint32_t recording;        /* incarnation in which new ops are made */
    uint32_t incarnation;      /* of the chain to exchange next */
    uint64_t newest_seq;       /* of that chain; 0: none yet */
    uint64_t acked_seq;        /* of that chain: durable at the centre */
    bool asks;                 /* the centre is to be asked what it holds of that chain */
    uint64_t pending_ops;      /* of every chain: not acknowledged */
    bool read_to_end;          /* the stream was read to its end since position 0 */
    uint64_t owed_ops;         /* of others, that the centre's stream did not give as far as it was read */
    int64_t oldest_pending_ms; /* recorded_at of the oldest op not acknowledged; OP_TIME_NONE */
    int64_t clock_offset_ms;   /* this clock minus the centre's, as last measured */
    bool clock_known;
    bool verified_known;
    uint64_t verified_size; /* of the newest checkpoint that was found to fit */
    struct merkle_hash verified_root;
};

MUST_USE enum err_code store_sync_read(struct store *store, struct store_sync *ret_sync, struct error *err);

/* Of one own chain. ERR_NOT_FOUND: this copy has none of this incarnation. */
MUST_USE enum err_code store_chain_read(struct store *store, uint32_t incarnation, uint64_t *ret_newest_seq,
                                        uint64_t *ret_acked_seq, struct error *err);

/* Own ops of a chain after `after_seq`, oldest first, until `max_ops` or about `max_bytes` of headers and bodies; at
 * least one if there is one. */
MUST_USE enum err_code store_own_ops(struct store *store, uint32_t incarnation, uint64_t after_seq, size_t max_ops,
                                     size_t max_bytes, struct op_batch *out, struct error *err);

/* The seed of one salt block of an author's ops. ERR_NOT_FOUND once a body of the block is erased (salts are then
 * explicit). */
MUST_USE enum err_code store_salt_seed(struct store *store, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                                       uint64_t block, uint8_t ret_seed[OP_SEED_BYTES], struct error *err);

/* Link of an own chain after op `seq` (0 to newest). */
MUST_USE enum err_code store_own_link(struct store *store, uint32_t incarnation, uint64_t seq,
                                      uint8_t ret_link[SHA256_BYTES], struct error *err);

struct store_seed {
    uint64_t block;
    uint8_t seed[OP_SEED_BYTES];
};

/* A run of one author's ops in seq order without gaps, as the exchange brought it. */
struct store_run {
    struct op_batch ops;
    const struct store_seed *seeds; /* blocks whose salts come from a seed */
    size_t seed_count;
    struct slice certificate; /* DER; empty when not sent */
    uint64_t signed_seq;      /* 0: no signature in this run */
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
};

struct store_receipt {
    uint32_t incarnation;
    uint64_t acked_seq;
    int64_t at_ms; /* the centre's clock when it said so */
    uint8_t
        signature[SIGNATURE_MAX]; /* the centre's, over op_receipt_message; none: it is not to be kept as evidence */
    size_t signature_len;
    struct slice certificate; /* DER: whose key signed it */
};

/*
 * Who made the ops at the next `count` positions: they follow each other in runs[run], or in the own chain that the
 * exchange is about (STORE_ORDER_OWN), which needs no telling.
 */
#define STORE_ORDER_OWN UINT32_MAX
struct store_order {
    uint32_t run;
    uint32_t count;
};

/* A checkpoint whose signature fits, with the key's own: the centre's certificate vouches for it. */
struct store_checkpoint {
    struct checkpoint checkpoint;
    uint8_t key[CHECKPOINT_KEY_BYTES];
    struct slice vouch;       /* signature, CHECKPOINT_KEY_CONTEXT, over the key */
    struct slice certificate; /* DER */
};

/* What one exchange brought; applied in one transaction. */
struct store_exchange {
    const struct store_run *runs;
    size_t run_count;
    bool placed;   /* the centre says where in its stream the ops stand; else only they are taken, from a file */
    uint64_t from; /* the cursor that was asked with: the replica's */
    uint64_t cursor;
    uint64_t head;                   /* the stream's newest position at the centre */
    const struct store_order *order; /* of the positions after `from` up to `cursor` */
    size_t order_count;
    uint32_t own_incarnation;                  /* of the chain that the exchange is about */
    const struct store_checkpoint *checkpoint; /* at the head; NULL: none came */
    bool read_again;         /* positions may stand for other ops now: each own chain is to be compared */
    uint64_t own_signed_seq; /* what this device signed of its own chain in the request; 0: nothing */
    struct slice own_signature;
    bool whole;                          /* what the centre holds of the stream is all here after it */
    const struct store_receipt *receipt; /* NULL: nothing was said of own ops that may be believed */
    bool clock_unmeasured;               /* it took days, on a stick: the offset stays as last measured */
    int64_t clock_offset_ms;
    int64_t answered_at_ms; /* by the centre's clock */
    int64_t received_at_ms;
};

struct store_applied {
    size_t new_ops;
    size_t quarantined;
    size_t came_back;    /* new ones that were made as this device, and not by this copy of its replica */
    size_t issued_again; /* of this copy, under a fresh incarnation, since others had taken their numbers */
    size_t set_aside;    /* branches of other devices that gave way (store_history_accept) */
    bool
        history_changed; /* what was given is not what the centre signed: the stream is to be read from its beginning */
    bool violation;      /* the centre signed a history that does not continue one that it had signed (store/tree.h) */
};

/*
 * Checks each run against the chain held: a gap or a fork is ERR_HISTORY and nothing is kept; ops already held are
 * compared and skipped. A run that begins at seq 1 must carry its author's certificate, issued by the CA of enrolment
 * and for this stream. A signature in a run must fit. Ops that record_admit does not allow are kept as quarantined with
 * the reason and not folded.
 *
 * A run of this device itself that this device signed and that is not what this copy made under the same numbers is
 * another copy's, and was at the centre first: it takes the place of ours, which is set aside as it was, and what it
 * said is issued again under a fresh incarnation.
 *
 * Every op takes its place in the tree of the stream, in the order of `order`. At the head its root has to be that of
 * the checkpoint, or of the one verified last.
 */
MUST_USE enum err_code store_apply(struct store *store, const struct store_exchange *exchange,
                                   struct store_applied *ret_applied, struct error *err);

/* The centre's refusals of own ops: kept, shown by store_log, never sent again. */
MUST_USE enum err_code store_mark_refused(struct store *store, uint32_t incarnation, uint64_t seq, const char *reason,
                                          struct error *err);

/* Own acknowledged ops that are set aside: their first `max` numbers, ascending. None when the incarnation is not of
 * this copy. */
MUST_USE enum err_code store_refused_read(struct store *store, uint32_t incarnation, uint64_t *ret_seqs, size_t max,
                                          size_t *ret_count, struct error *err);

/* All that the centre refuses of the own ops first_seq to last_seq: numbers, ascending. */
struct store_refusals {
    uint32_t incarnation;
    uint64_t first_seq;
    uint64_t last_seq;
    const uint64_t *seqs;
    size_t count;
};

/* What is set aside of them and not refused any more is judged by the rules of this version alone, and counts. */
MUST_USE enum err_code store_refusals_settle(struct store *store, const struct store_refusals *refusals,
                                             size_t *ret_lifted, struct error *err);

/* Of chains that are not recorded under any more: those with refused ops are to be exchanged about again. */
MUST_USE enum err_code store_refused_ask(struct store *store, struct error *err);

/* ---- what was set aside ---- */

struct store_judged {
    size_t released; /* they count from now on */
    size_t still;
};

/*
 * Judges every quarantined op again by the rules of this version, in one transaction. Opening a replica does it by
 * itself when its rules were others (RECORD_RULES), so that a record of a kind that came too early counts after the
 * upgrade. An own one that the centre holds is the centre's to judge: store_refusals_settle.
 */
MUST_USE enum err_code store_judge_again(struct store *store, struct store_judged *ret_judged, struct error *err);

/* ---- erasure ---- */

#define STORE_KINDS_MAX 32
#define STORE_HOLD_SIZE 201
#define STORE_HOLDS_MAX 4

/* What an erasure would take: a person, a record, or one op. */
struct store_erase {
    uint32_t kind; /* KIND_PARTICIPANT: everything about the person; else the records of this kind about the subject */
    uint8_t subject[OP_SUBJECT_MAX];
    uint8_t subject_len; /* OP_SESSION_BYTES for KIND_ATTENDANCE */
    bool one;            /* only `op`, whose kind and subject these are */
    struct op_id op;
    bool unconfirmed;       /* of a person: also what was merged and is not sure, as each of it is due by itself */
    bool lone;              /* of a placement or a referral of which nobody is known: also every record that names it */
    const char *ground;     /* retention, right */
    const char *decided_by; /* a person's name */
    const char *reason;     /* a reference; not the name of whom it is about */
    const char *confirmed_by; /* NULL; a second person, for a right that is granted in spite of a hold */
};

struct store_erasable {
    uint64_t kinds[STORE_KINDS_MAX]; /* ops whose bodies go, by the number of their kind */
    uint64_t records;                /* of all kinds */
    uint64_t of_centre;              /* about the same, written by the centre: it alone may erase them */
    uint64_t newest_hlc;
    int64_t newest_ms;                            /* when the newest of it was made, by no clock alone */
    int64_t now_ms;                               /* in: nothing was made after this */
    char holds[STORE_HOLDS_MAX][STORE_HOLD_SIZE]; /* why it must not go yet */
    size_t hold_count;
};

/* Looks, and changes nothing. */
MUST_USE enum err_code store_erase_look(struct store *store, const struct store_erase *erase, int32_t today,
                                        struct store_erasable *ret_erasable, struct error *err);

/*
 * Records the erasure, as many ops as it needs, and takes the bodies here in the same transaction; every other replica
 * and the centre follow when the ops reach them, also for what comes later and was recorded before.
 * ERR_REFUSED: a hold stands, unless the ground is `right` and a second person confirms it. ERR_NOT_FOUND: nothing of
 * ours is left to erase.
 */
MUST_USE enum err_code store_erase(struct store *store, const char *actor, const struct store_erase *erase,
                                   int64_t now_ms, struct store_erasable *ret_erased, struct error *err);

/*
 * What has come since about persons whom this device erased, and was recorded before: other laptops' referrals and
 * placements that this one did not know. They are erased on the same decision, unless a hold stands by now, as for
 * store_erase: then once it does not. So is a single record that it erased, where that has come under another number
 * (said_again.h). *ret_records: how many bodies went.
 */
MUST_USE enum err_code store_erase_late(struct store *store, int64_t now_ms, uint64_t *ret_records, struct error *err);

/* After bodies were erased: makes the file anew without them (VACUUM, then a checkpoint), which takes about as long as
 * copying it. *ret_done false: nothing was erased since. ERR_BUSY: an older state is being read (store_open_reader, a
 * backup); a later one does it. Outside any transaction. */
MUST_USE enum err_code store_scrub(struct store *store, bool *ret_done, struct error *err);

/* One whose records are due: nothing of the person goes on, and the newest day is so long ago. */
struct store_due {
    uint32_t kind; /* KIND_PARTICIPANT; or KIND_PLACEMENT or KIND_REFERRAL, of which it is not known here whose it is */
    struct row_id id;
    char ref[ROW_REF_SIZE]; /* empty: there is no record of it, and others alone name it */
    int32_t newest_day;
};

/*
 * Whose newest day is on or before `day`, the longest due first, at most `max`, when anything is the organisation's own
 * to erase. It is the newest of a placement's end, a session, a referral, an attempt to reach them, a change, a
 * challenge, a message, a notice, a milestone, a claim, a service, what became of a doubt, an appointment, a decision.
 * Where none of that has a day, and of a placement or a referral of which nobody is known in any case, the day counts
 * on which the newest record was made, and not before it came here. *ret_due is malloc'd.
 */
MUST_USE enum err_code store_retention_due(struct store *store, int32_t day, int32_t today, size_t max,
                                           struct store_due **ret_due, size_t *ret_count, struct error *err);

/* ---- other copies of this replica ---- */

/*
 * This replica was restored from a backup: from now on it records under a fresh incarnation, drawn at random, so that
 * whatever the backup's origin or another restore of it records stays apart. Before enrolment nothing changes. What it
 * holds of its earlier incarnations and the centre may not is sent as before; what the centre holds of them beyond
 * comes back with an exchange.
 */
MUST_USE enum err_code store_restored(struct store *store, int64_t now_ms, struct error *err);

/*
 * The centre holds records of `incarnation` that this copy does not, or others: this is an older copy that was put
 * back, or a copy of it is in use elsewhere. Unless something of the chain still has to be compared with what the
 * centre holds, new ops are made under a fresh incarnation from now on.
 */
MUST_USE enum err_code store_found_older(struct store *store, uint32_t incarnation, int64_t now_ms, struct error *err);

/* The centre has seen newer files of this replica under `incarnation` than it has now: they were put back, with every
 * op or without. New ops are made under a fresh incarnation from now on. */
MUST_USE enum err_code store_found_stale(struct store *store, uint32_t incarnation, int64_t now_ms, struct error *err);

/*
 * All that the centre holds of the receipt's incarnation has come, and is the same here. It holds no more than the
 * receipt says, whatever it held once: what comes after is sent again. New ops are made under a fresh incarnation at
 * the latest from now on.
 */
MUST_USE enum err_code store_caught_up(struct store *store, const struct store_receipt *receipt, struct error *err);

/* Positions may stand for other ops now: the stream is read from its beginning, and each own chain compared. */
MUST_USE enum err_code store_read_again(struct store *store, struct error *err);

/* ---- what the centre has lost of others ---- */

/*
 * Ops of another author that this replica holds and the centre's stream, read to its end, did not give: the centre was
 * put back to an older state, and the author may never come again. They are signed, so that they can be given back.
 */
struct store_owed {
    int64_t author;         /* local number; 0: nothing is owed */
    struct op_batch ops;    /* from the first that the centre lacks */
    struct store_run run;   /* borrows the ops' memory and what follows */
    struct buf certificate; /* of the author */
    struct store_seed *seeds;
};

void store_owed_init(struct store_owed *owed);
void store_owed_fini(struct store_owed *owed);
/*
 * What follows `after`, of the same author or of the next one: what one of its signatures covers whole, the largest of
 * at most `max_ops`, or the smallest there is. What was declined is left out.
 */
struct store_owed_after {
    int64_t author;
    uint64_t seq; /* STORE_OWED_ALL: nothing more of this author */
};
#define STORE_OWED_ALL ((uint64_t)INT64_MAX)
MUST_USE enum err_code store_owed_read(struct store *store, struct store_owed_after after, size_t max_ops,
                                       struct store_owed *owed, struct error *err);
/* The centre does not take what it is owed of an author from here on: not offered again before the stream is read from
 * its beginning. */
MUST_USE enum err_code store_owed_declined(struct store *store, int64_t author, uint64_t seq, struct slice reason,
                                           int64_t now_ms, struct error *err);

struct store_declined {
    struct op_id first; /* that was not taken */
    char reason[256];
    int64_t at_ms;
};

/* At most `max`, newest first. */
MUST_USE enum err_code store_declined_read(struct store *store, struct store_declined *ret_rows, size_t max,
                                           size_t *ret_count, struct error *err);

/*
 * On a person's word: the centre gives other records of another device under numbers that are held here. From now on,
 * and until the stream was read to its end once, those held here are set aside, unchanged, and the centre's take their
 * place (store_apply). What is set aside is in no table; query_log_aside lists it.
 */
MUST_USE enum err_code store_history_accept(struct store *store, const char *actor, int64_t now_ms, struct error *err);

/* What is known of other copies of this replica. Instants are OP_TIME_NONE where there was nothing. */
struct store_copies {
    int64_t older_at_ms;   /* when this copy was last found to be older than what had been synchronised */
    uint64_t came_back;    /* records that it lacked, since */
    uint64_t issued_again; /* of its own, since others had taken their numbers */
    int64_t twin_at_ms;    /* when a record last came that another machine made as this device meanwhile */
    uint64_t twin_ops;
    int64_t stale_at_ms; /* when the centre last said that newer files of this replica had been in use */
    int64_t aside_at_ms; /* when records of another device last gave way to others under the same numbers */
    uint64_t aside_ops;  /* how many did, of all times */
};

/* How new the vault's files are: see vault_freshness. */
MUST_USE enum err_code store_freshness(struct store *store, uint64_t *ret_counter, uint8_t ret_hash[SHA256_BYTES],
                                       struct error *err);

MUST_USE enum err_code store_copies_read(struct store *store, struct store_copies *ret_copies, struct error *err);

/* ---- what the rules must look at again ---- */

struct store_dirty {
    struct row_id *placements; /* malloc'd */
    size_t placement_count;
    bool site;
};

void store_dirty_fini(struct store_dirty *dirty);
/* At most `max` placements, in id order. */
MUST_USE enum err_code store_dirty_read(struct store *store, size_t max, struct store_dirty *ret_dirty,
                                        struct error *err);
/*
 * Who judges. A write of one record that marks one placement has it judged before the commit, so that the record and
 * its flags cost one; when that fails, the record is kept and the mark made, as for every other write. `placement`
 * calls store_flags_replace. The store keeps a copy of the struct; NULL: nobody.
 */
struct store_judge {
    enum err_code (*placement)(void *context, const struct row_id *placement, struct error *err);
    void *context;
};

void store_judge_writes(struct store *store, const struct store_judge *judge);
/* Marks every placement and the site: a new day has begun, or the pack has changed. */
MUST_USE enum err_code store_dirty_all(struct store *store, struct error *err);

/*
 * Everything the rules look at on a day; arrays are owned by the returned struct until fini. Of a placement's sessions
 * those are left out of which no rule says anything: the plain ones, before the windows that the pack gives the rules
 * and after this week. Those up to this week are looked at one by one for that.
 */
struct store_placement_facts {
    struct placement_facts facts;
    void *owned;
};

struct store_site_facts {
    struct site_facts facts;
    void *owned;
};

MUST_USE enum err_code store_placement_facts(struct store *store, const struct row_id *placement, int32_t today,
                                             struct store_placement_facts *ret_facts, struct error *err);
void store_placement_facts_fini(struct store_placement_facts *facts);
MUST_USE enum err_code store_site_facts(struct store *store, int32_t today, struct store_site_facts *ret_facts,
                                        struct error *err);
void store_site_facts_fini(struct store_site_facts *facts);

/*
 * Replaces the flags of one placement (or of the site: placement NULL), keeps the history of what was raised and
 * cleared, and takes the dirty mark away, as one transaction per store_flags_begin .. store_flags_commit.
 */
MUST_USE enum err_code store_flags_begin(struct store *store, struct error *err);
MUST_USE enum err_code store_flags_replace(struct store *store, const struct row_id *placement,
                                           const struct flag_row *flags, size_t count, int64_t now_ms,
                                           struct error *err);
MUST_USE enum err_code store_flags_commit(struct store *store, struct error *err);
void store_flags_abandon(struct store *store);

/* ---- queries: store/query.h ---- */

/* ---- whole-replica work ---- */

/* Makes every table again from the log, in one transaction. */
MUST_USE enum err_code store_rebuild(struct store *store, struct error *err);

/* SHA-256 over every folded table in key order: equal on every replica that holds the same ops. */
MUST_USE enum err_code store_digest(struct store *store, uint8_t ret_digest[SHA256_BYTES], struct error *err);

struct store_verified {
    uint64_t ops;
    uint64_t authors;
    uint64_t signed_ops; /* covered by a checked signature */
    uint64_t quarantined;
    uint64_t set_aside;           /* ops in branches that others took the place of */
    uint64_t receipts;            /* of the centre, for own ops */
    uint8_t digest[SHA256_BYTES]; /* of the tables, as store_digest */
};

/* Every header, body hash, link and signature of the log and of branches set aside; every receipt of the centre, over
 * the link that is here; the tree of the stream, up to what the centre signed; SQLite's own integrity check; the tables
 * against a rebuild, which is made beside them: nothing is written to the replica. `store` may be of store_open_reader;
 * then its progress tells how far it is, and it serves for nothing else afterwards.
 */
MUST_USE enum err_code store_verify(struct store *store, struct store_verified *ret_verified, struct error *err);

#endif
