/*
 * store/centre/centre_store - the centre's database: organisations, sites, devices, and each site's log in the order it
 * arrived.
 *
 *   a device's run ──► chain, signature, guard rails checked ──► one transaction ──► positions in the site's stream
 *   a cursor ────────► page of runs after it, one an author ──► next cursor
 *
 * Durable: every function that changes anything returns ERR_OK only after the commit is on disk (WAL, synchronous
 * FULL). After a failure nothing of the call has happened.
 *
 * Organisations are kept apart here: what a device reads and writes is bounded by the site in its row.
 *
 * Threads: one; the loop's.
 * Layer:   store. Knows no network, no wire format and no loop.
 */
#ifndef STORE_CENTRE_CENTRE_STORE_H
#define STORE_CENTRE_CENTRE_STORE_H

#include "crypto/merkle.h"
#include "store/store.h"

#define CENTRE_NAME_MAX 160
#define CENTRE_LIST_MAX 100000
#define CENTRE_MATERIAL_MAX 8192
#define CENTRE_PAGE_AUTHORS_MAX 64
#define CENTRE_REASON_SIZE 201

/*
 * What one device can make the centre keep beside its records. An honest one begins an incarnation when an older copy
 * of it was put back: a few in its life. Past the first limit it is refused and has to be enrolled anew; past the
 * second nothing more is noted of it.
 */
#define CENTRE_INCARNATIONS_MAX 128
#define CENTRE_INCIDENTS_MAX 128

struct centre_store;

MUST_USE enum err_code centre_store_open(struct vault *vault, int cache_kib, struct centre_store **ret_store,
                                         struct error *err);
void centre_store_close(struct centre_store *store);
/* Grows with each append to any stream since it was opened, and whenever something kept aside counts from now on. */
uint64_t centre_store_news(const struct centre_store *store);
/* Grows with the latter alone. */
uint64_t centre_store_lifted(const struct centre_store *store);
/* The newest position of a site's stream. */
MUST_USE enum err_code centre_head(struct centre_store *store, int64_t site, uint64_t *ret_head, struct error *err);

/* ---- keys and certificates of the centre ---- */

struct centre_material {
    const char *name;
    struct slice value;
};

/* All of them, as one transaction; ERR_CONFLICT when one is there already. */
MUST_USE enum err_code centre_material_write(struct centre_store *store, const struct centre_material *material,
                                             size_t count, struct error *err);
/* Replaces one that there may be: the server's certificate is made anew. */
MUST_USE enum err_code centre_material_replace(struct centre_store *store, const struct centre_material *material,
                                               size_t count, struct error *err);
/* Into key memory. ERR_NOT_FOUND. */
MUST_USE enum err_code centre_material_read(struct centre_store *store, const char *name, struct secret *ret_value,
                                            struct error *err);

/* ---- organisations and sites ---- */

struct centre_organisation {
    int64_t id;
    uint8_t public_id[ORGANISATION_ID_BYTES];
    char name[CENTRE_NAME_MAX + 1];
    int64_t sites;
    int64_t created_at_ms;
};

struct centre_site {
    int64_t id;
    uint8_t stream[STREAM_ID_BYTES];
    uint8_t organisation[ORGANISATION_ID_BYTES];
    char organisation_name[CENTRE_NAME_MAX + 1];
    char name[CENTRE_NAME_MAX + 1];
    uint64_t head;
    int64_t created_at_ms;
};

/* ERR_CONFLICT: the name (a site's: within its organisation) or the id is taken. ERR_INVALID: a name has 1 to
 * CENTRE_NAME_MAX bytes of text. */
/* What `add` makes. `id`: 32 hex digits, which one had at a centre that is gone; NULL: a new one. */
struct centre_new {
    const char *name;
    const char *id;
    int64_t now_ms;
};

MUST_USE enum err_code centre_organisation_add(struct centre_store *store, const struct centre_new *add,
                                               struct centre_organisation *ret_organisation, struct error *err);
MUST_USE enum err_code centre_site_add(struct centre_store *store, const char *organisation,
                                       const struct centre_new *add, struct centre_site *ret_site, struct error *err);
/* By the organisation's name or its 32 hex digits; by the site's name (ERR_CONFLICT when two have it) or its digits. */
MUST_USE enum err_code centre_organisation_find(struct centre_store *store, const char *name_or_id,
                                                struct centre_organisation *ret_organisation, struct error *err);
MUST_USE enum err_code centre_site_find(struct centre_store *store, const char *name_or_id,
                                        struct centre_site *ret_site, struct error *err);

/* In the order of names; *ret_rows is malloc'd. */
MUST_USE enum err_code centre_organisations(struct centre_store *store, struct centre_organisation **ret_rows,
                                            size_t *ret_count, struct error *err);
MUST_USE enum err_code centre_sites(struct centre_store *store, struct centre_site **ret_rows, size_t *ret_count,
                                    struct error *err);

/* ---- devices ---- */

struct centre_device {
    int64_t id;
    uint8_t device[DEVICE_ID_BYTES];
    char label[CENTRE_NAME_MAX + 1]; /* as the operator named it with its code; may be empty */
    struct centre_site site;
    int64_t valid_until_ms;
    int64_t enrolled_at_ms;
    int64_t last_seen_at_ms; /* OP_TIME_NONE; about: not written at every exchange */
    int64_t revoked_at_ms;   /* OP_TIME_NONE */
    uint64_t ops;            /* of all its incarnations, held here; 0 from centre_device_find */
    uint64_t quarantined;    /* likewise */
};

MUST_USE enum err_code centre_code_add(struct centre_store *store, int64_t site, const char *label,
                                       const uint8_t hash[SHA256_BYTES], int64_t now_ms, int64_t expires_at_ms,
                                       struct error *err);
/* The hash of the code, among those that have not run out, of which `fits` says so. ERR_REFUSED: there is none. */
MUST_USE enum err_code centre_code_search(struct centre_store *store, int64_t now_ms,
                                          bool (*fits)(const void *context, const uint8_t hash[SHA256_BYTES]),
                                          const void *context, uint8_t ret_hash[SHA256_BYTES], struct error *err);
/* Each code that was used and has not run out: its hash, and who used it. */
MUST_USE enum err_code centre_codes_used(struct centre_store *store, int64_t now_ms,
                                         enum err_code (*each)(void *context, const uint8_t hash[SHA256_BYTES],
                                                               const uint8_t device[DEVICE_ID_BYTES],
                                                               struct error *err),
                                         void *context, struct error *err);
/* The site that the code admits to. ERR_REFUSED: unknown, run out or used. */
MUST_USE enum err_code centre_code_check(struct centre_store *store, const uint8_t hash[SHA256_BYTES], int64_t now_ms,
                                         struct centre_site *ret_site, struct error *err);
/*
 * Uses the code up and keeps the device, as one transaction. The same device may use the same code again (its answer
 * was lost) until the code runs out. ERR_CONFLICT: the device belongs to another site. ERR_REVOKED: it was revoked.
 */
MUST_USE enum err_code centre_device_enrol(struct centre_store *store, const uint8_t hash[SHA256_BYTES],
                                           const uint8_t device[DEVICE_ID_BYTES], struct slice certificate,
                                           int64_t valid_until_ms, int64_t now_ms, struct error *err);
MUST_USE enum err_code centre_device_renew(struct centre_store *store, int64_t device, struct slice certificate,
                                           int64_t valid_until_ms, struct error *err);
/* ERR_NOT_FOUND. What it has recorded is not counted, which would take longer the more that is. */
MUST_USE enum err_code centre_device_find(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES],
                                          struct centre_device *ret_device, struct error *err);
/* The same, counted. */
MUST_USE enum err_code centre_device_count(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES],
                                           struct centre_device *ret_device, struct error *err);
/* Its id from 8 or more hex digits that only it begins with. */
MUST_USE enum err_code centre_device_named(struct centre_store *store, const char *digits,
                                           uint8_t ret_device[DEVICE_ID_BYTES], struct error *err);
MUST_USE enum err_code centre_device_seen(struct centre_store *store, int64_t device, int64_t now_ms,
                                          struct error *err);
/* From now on; a second time changes nothing. */
MUST_USE enum err_code centre_device_revoke(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES],
                                            int64_t now_ms, struct error *err);
/* One that was found again, and that nobody had used. ERR_CONFLICT: it is not revoked. */
MUST_USE enum err_code centre_device_reinstate(struct centre_store *store, const uint8_t device[DEVICE_ID_BYTES],
                                               int64_t now_ms, struct error *err);
/* Each device's id, dates and newest certificate; the rest is zero. `each` may stop with a failure, which is passed on.
 */
MUST_USE enum err_code centre_device_certificates(struct centre_store *store,
                                                  enum err_code (*each)(void *context,
                                                                        const struct centre_device *device,
                                                                        struct slice certificate, struct error *err),
                                                  void *context, struct error *err);
MUST_USE enum err_code centre_devices(struct centre_store *store, struct centre_device **ret_rows, size_t *ret_count,
                                      struct error *err);

/* ---- taking what a device sends ---- */

/* What the centre holds of one author. */
struct centre_held {
    uint64_t seq;
    uint8_t link[SHA256_BYTES];
};

MUST_USE enum err_code centre_held(struct centre_store *store, const struct centre_site *site,
                                   const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                                   struct centre_held *ret_held, struct error *err);

enum centre_append_result {
    CENTRE_APPENDED, /* or nothing was new */
    CENTRE_GAP,      /* the run begins after what is held: nothing kept */
    CENTRE_FORK,     /* another op with a number that is held: nothing kept, an incident recorded */
};

struct centre_appended {
    enum centre_append_result result;
    size_t new_ops;
    size_t quarantined;
    struct centre_held held; /* after the call */
};

/* A run of one device's incarnation, as segment_decode gives it. */
struct centre_offer {
    const struct certificate *author; /* already checked */
    struct slice certificate;         /* the same, DER */
    const struct store_run *run;
    const uint8_t *given_by; /* another device, which gives back what this centre has lost; NULL: the author itself */
    int64_t now_ms;
};

/*
 * Every op has to be the author's and of this site, or ERR_REFUSED; new ops need a signature over the run's last link,
 * checked before anything is kept, or ERR_HISTORY (with an incident, of who offered it). What record_admit does not
 * allow is kept quarantined. A fork that another device gives back is an incident only if the author signed it.
 */
MUST_USE enum err_code centre_append(struct centre_store *store, const struct centre_site *site,
                                     const struct centre_offer *offer, struct centre_appended *ret_appended,
                                     struct error *err);

struct centre_refused {
    uint64_t seq;
    char reason[CENTRE_REASON_SIZE];
};

/* Quarantined ops of an author after `after_seq`, oldest first. */
MUST_USE enum err_code centre_refusals(struct centre_store *store, const struct centre_site *site,
                                       const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation, uint64_t after_seq,
                                       struct centre_refused *ret_rows, size_t max, size_t *ret_count,
                                       struct error *err);

/* ---- the centre's own records ---- */

struct centre_entry {
    uint32_t kind;
    uint8_t subject[OP_SUBJECT_MAX];
    const struct record *record;
    uint64_t after_hlc; /* its logical time comes after this one; of an erasure that of what it covers */
};

/* Appends to the centre's own chain in this site's stream and signs the newest link: all or nothing. */
MUST_USE enum err_code centre_write(struct centre_store *store, const struct centre_site *site,
                                    const struct device_key *key, struct slice certificate, const char *actor,
                                    const struct centre_entry *entries, size_t count, int64_t now_ms,
                                    struct op_id *ret_last, struct error *err);

/* What the centre itself wrote about one subject. */
struct centre_erase_target {
    uint32_t kind;
    uint8_t subject[OP_ENTITY_BYTES];
    uint64_t records;
    uint64_t newest_hlc;
};

/* What the centre wrote about a person in a site's log, and no erasure covers yet (struct centre_erase_target, appended
 * to `ret_targets`; where there is any, the person too, of whom it may have none), and how many records of the
 * organisation's own there are about the person: those it erases itself.
 */
MUST_USE enum err_code centre_erase_find(struct centre_store *store, const struct centre_site *site,
                                         const uint8_t participant[OP_ENTITY_BYTES], struct buf *ret_targets,
                                         uint64_t *ret_of_others, struct error *err);

/* ---- giving a device what it does not have ---- */

struct centre_page_request {
    uint64_t cursor;
    const uint8_t *device; /* whose own ops are left out ... */
    uint32_t incarnation;
    uint64_t own_seq; /* ... up to here: later ones it has lost and gets again */
    size_t max_ops;   /* about: the batch that goes past either is taken to its end */
    size_t max_bytes; /* of headers and bodies, about */
};

struct centre_page {
    struct store_order *order; /* who made what stands at the positions from the asked cursor to `cursor` */
    size_t order_count;
    struct store_run runs[CENTRE_PAGE_AUTHORS_MAX]; /* each of one author, seqs consecutive */
    size_t run_count;
    size_t ops;
    size_t batches; /* what one signature covers: each is whole, so that the last op of every run is signed */
    size_t bytes;
    uint64_t cursor; /* after what is in the page */
    uint64_t head;
    void *owned;
};

MUST_USE enum err_code centre_page_read(struct centre_store *store, const struct centre_site *site,
                                        const struct centre_page_request *request, struct centre_page *ret_page,
                                        struct error *err);
void centre_page_fini(struct centre_page *page);

/* ---- what shows that something was put back ---- */

/* How new the files are that a device records with under an incarnation. */
struct centre_freshness {
    const uint8_t *device;
    uint32_t incarnation;
    uint64_t counter;
    struct slice hash; /* 8 bytes */
};

/* Keeps the newest. *ret_fresher: the counter that was seen, when what is told is older, or another state with the same
 * counter (an incident is kept); else 0. */
MUST_USE enum err_code centre_freshness_take(struct centre_store *store, const struct centre_site *site,
                                             const struct centre_freshness *told, int64_t now_ms, uint64_t *ret_fresher,
                                             struct error *err);

/* A device says that it was told more than this centre holds, which was put back to an older state unless the device is
 * at fault. */
struct centre_behind {
    const uint8_t *device;
    uint32_t incarnation;
    bool own;        /* `number` is of its own records, which were acknowledged; else a position of the site's log */
    uint64_t number; /* up to which it was told */
};

/* Keeps it as an incident, once for each device and number. */
MUST_USE enum err_code centre_behind_note(struct centre_store *store, const struct centre_site *site,
                                          const struct centre_behind *told, int64_t now_ms, struct error *err);

struct centre_watched {
    uint64_t incidents;
    int64_t put_back_at_ms; /* when a device was last noted that told of more than is held; OP_TIME_NONE: none did */
};

MUST_USE enum err_code centre_watched(struct centre_store *store, struct centre_watched *ret_watched,
                                      struct error *err);

/* ---- erasing ---- */

/*
 * An erasure counts from the transaction in which it came: whatever it covers and comes later is kept as erased. The
 * bodies that are held already are looked for in slices of 4096 ops, or of as many as there are erasures that are not
 * through if those are more, each a transaction; the first follows at once, the others whenever this is called, also
 * after a stop. One that fails is due again; the sites take turns.
 */
bool centre_erase_due(const struct centre_store *store);
MUST_USE enum err_code centre_erase_slice(struct centre_store *store, struct error *err);
/* After a transaction, or when nobody reads an older state any more: nothing that was erased is left in the log ahead
 * of the database. One that cannot be emptied now is emptied the next time, or at the next start. */
void centre_erased_forget(struct centre_store *store);

/* ---- what is kept aside ---- */

struct centre_judged {
    uint64_t released; /* they count from now on */
    uint64_t still;
};

/*
 * Judges every op that is kept aside again by the rules of this version, in one transaction. Opening the database does
 * it by itself when its rules were others (RECORD_RULES).
 */
MUST_USE enum err_code centre_judge_again(struct centre_store *store, struct centre_judged *ret_judged,
                                          struct error *err);

/* ---- the tree ---- */

/* Over the headers at positions 1 to head: all that a checkpoint is about. Its size is the head. */
MUST_USE enum err_code centre_tree(struct centre_store *store, const struct centre_site *site,
                                   struct merkle_range *ret_tree, struct error *err);

/* ---- looking ---- */

struct centre_log_row {
    const struct centre_site *site;
    uint64_t position;
    const struct op *op; /* borrowed, as the row is */
    enum record_writer writer;
    const char *quarantine; /* NULL: none */
    int64_t received_at_ms;
};

struct centre_log_request {
    const struct centre_site *site; /* NULL: every site */
    uint32_t kind;                  /* 0: every kind */
    bool aside;                     /* only what is refused or of a kind that this version does not know */
    size_t limit;
};

/* Newest first within a site; sites in the order of names. `each` may stop with a failure, which is passed on. */
MUST_USE enum err_code centre_log(struct centre_store *store, const struct centre_log_request *request,
                                  enum err_code (*each)(void *context, const struct centre_log_row *row,
                                                        struct error *err),
                                  void *context, struct error *err);

/* Is there a record of this kind about the subject in the site's log, of whichever side, that was not refused? Reads
 * those of the kind; of attendance nobody asks. */
MUST_USE enum err_code centre_knows(struct centre_store *store, const struct centre_site *site, uint32_t kind,
                                    const uint8_t subject[OP_ENTITY_BYTES], bool *ret_known, struct error *err);

/* Could the site itself write this referral: of the person that the ref already is of, by a route of the programme in
 * force there? ERR_REFUSED or ERR_INVALID says why not. */
MUST_USE enum err_code centre_referral_fits(struct centre_store *store, const struct centre_site *site, int32_t today,
                                            const uint8_t subject[OP_ENTITY_BYTES], const struct record *referral,
                                            struct error *err);

struct centre_incident {
    int64_t at_ms;
    char site_name[CENTRE_NAME_MAX + 1]; /* "": of the centre as a whole, and of no device */
    struct op_id op;
    char what[CENTRE_REASON_SIZE];
};

/* Kept each time. */
MUST_USE enum err_code centre_incident_of_all(struct centre_store *store, const char *what, int64_t now_ms,
                                              struct error *err);

/* Newest first, at most `max`. */
MUST_USE enum err_code centre_incidents(struct centre_store *store, struct centre_incident *ret_rows, size_t max,
                                        size_t *ret_count, struct error *err);

struct centre_verified {
    uint64_t sites;
    uint64_t authors;
    uint64_t ops;
    uint64_t signatures;
    uint64_t signed_ops; /* covered by a checked signature */
    uint64_t quarantined;
    uint64_t incidents;
};

/* Told of each site that fits, with the tree that its log makes. */
struct centre_verify_told {
    enum err_code (*site)(void *context, const struct centre_site *site, const struct merkle_range *tree,
                          struct error *err);
    void *context;
};

/*
 * Every header, body hash, link, signature and certificate of every site, the tree over its log, and SQLite's own check
 * of the file. ERR_HISTORY or ERR_DAMAGED names the first that does not fit. `told` may be NULL.
 */
MUST_USE enum err_code centre_verify(struct centre_store *store, struct slice ca, const struct centre_verify_told *told,
                                     struct centre_verified *ret_verified, struct error *err);

#endif
