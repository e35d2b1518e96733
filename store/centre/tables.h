/*
 * store/centre/tables - what the files of store/centre share. Not for other rooms.
 */
#ifndef STORE_CENTRE_TABLES_H
#define STORE_CENTRE_TABLES_H

#include "crypto/merkle.h"
#include "store/centre/centre_store.h"
#include "store/database.h"

#define POSITION_BITS 40
#define ERASE_SLICE_ROWS 4096
#define ERASE_BATCH_ROWS 256

struct centre_store {
    struct database db;
    uint64_t news;            /* appends since it was opened, and judgements that lifted something */
    uint64_t lifted;          /* the latter alone */
    struct buf header;        /* scratch */
    struct buf body;          /* scratch */
    bool erase_due;           /* an erasure may not have taken everything yet */
    int64_t walked_last;      /* the site whose walk was tried last; 0: none */
    size_t slice_rows;        /* that an erasure's walk looks at in one transaction, at least */
    size_t batch_rows;        /* that it reads at once, at most ERASE_BATCH_ROWS */
    bool erased;              /* bodies or seeds, and the log ahead of the database may still hold them */
    bool own_known;           /* something was written of our own since the start */
    uint32_t own_incarnation; /* in which it was: drawn anew with each start, so that an older copy of this database,
                                 put back, never gives a number again */
};

struct centre_author {
    int64_t id; /* 0: not kept yet */
    int64_t site;
    uint8_t device[DEVICE_ID_BYTES];
    uint32_t incarnation;
    enum record_writer writer;
    uint64_t newest_seq;
    uint8_t newest_link[SHA256_BYTES];
};

int64_t op_row_id(int64_t site, uint64_t position);
uint64_t op_row_position(int64_t id);

/* ---- centre_store.c ---- */

#define SITE_COLUMNS "s.id, s.stream, g.public_id, g.name, s.name, s.head, s.created_at"
#define SITE_COLUMN_COUNT 7
#define SITE_TABLES "site s JOIN organisation g ON g.id = s.organisation"
void site_read(sqlite3_stmt *s, int at, struct centre_site *site);

/* The rows of a statement, at most CENTRE_LIST_MAX, each `size` bytes as `read` makes it. *ret_rows is malloc'd. */
MUST_USE enum err_code centre_rows(struct database *db, sqlite3_stmt *s, size_t size,
                                   void (*read)(sqlite3_stmt *s, void *row), void **ret_rows, size_t *ret_count,
                                   struct error *err);

/* ---- tree.c ---- */

/* A database of an earlier version has logs without trees: they are made. */
MUST_USE enum err_code trees_complete(struct centre_store *store, struct error *err);

/* ---- authors.c ---- */

/* One that is not there: id 0, seq 0, the first link. */
MUST_USE enum err_code author_find(struct centre_store *store, const struct centre_site *site,
                                   const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                                   struct centre_author *ret_author, struct error *err);
MUST_USE enum err_code author_save(struct centre_store *store, struct centre_author *author, struct slice certificate,
                                   struct error *err);
/* Its link after op `seq`, which is at most its newest. */
MUST_USE enum err_code author_link(struct centre_store *store, const struct centre_site *site,
                                   const struct centre_author *author, uint64_t seq, uint8_t ret_link[SHA256_BYTES],
                                   struct error *err);
MUST_USE enum err_code author_signed(struct centre_store *store, const struct centre_author *author,
                                     struct slice signature, struct error *err);
MUST_USE enum err_code seed_find(struct centre_store *store, int64_t author, uint64_t block,
                                 uint8_t ret_seed[OP_SEED_BYTES], bool *ret_found, struct error *err);
MUST_USE enum err_code seed_add(struct centre_store *store, int64_t author, uint64_t block,
                                const uint8_t seed[OP_SEED_BYTES], struct error *err);

/* What an operator has to look at; once for each author, seq and `what`. */
MUST_USE enum err_code incident_add(struct centre_store *store, const struct centre_author *author, uint64_t seq,
                                    const char *what, int64_t now_ms, struct slice offered, struct error *err);

/* The logical time of an op that is too far ahead to pull the site's clock along: what is written about its subject
 * later comes after it all the same. 0: none. */
MUST_USE enum err_code hlc_ahead_keep(struct centre_store *store, const struct centre_site *site, const struct op *op,
                                      struct error *err);
MUST_USE enum err_code hlc_ahead_read(struct centre_store *store, const struct centre_site *site, const struct op *op,
                                      uint64_t *ret_hlc, struct error *err);

/* positions and rows of the log */

/* `tree` is over the headers at the positions up to head. */
struct position_state {
    uint64_t head;
    uint64_t newest_hlc;
    struct merkle_range tree;
};

MUST_USE enum err_code positions_read(struct centre_store *store, int64_t site, struct position_state *ret_state,
                                      struct error *err);
MUST_USE enum err_code positions_save(struct centre_store *store, int64_t site, const struct position_state *state,
                                      struct error *err);
MUST_USE enum err_code run_add(struct centre_store *store, const struct centre_author *author, uint64_t first_seq,
                               uint64_t last_seq, uint64_t first_position, struct error *err);
struct op_row {
    const struct op *op;
    struct slice header;
    bool salted; /* the salt comes from the block's seed */
    const char *quarantine;
    int64_t received_at_ms;
};
/* At the next position, of the log and of its tree. */
MUST_USE enum err_code op_add(struct centre_store *store, const struct centre_author *author,
                              struct position_state *state, const struct op_row *row, struct error *err);
/* Is this the header of the author's op `seq` that is held? */
MUST_USE enum err_code op_same(struct centre_store *store, const struct centre_author *author, uint64_t seq,
                               struct slice header, bool *ret_same, struct error *err);

/* ---- erase.c ---- */

/* As on a replica, the seed from which an erased op's salt came is not kept, and none of the block's is taken from
 * others afterwards; the centre's own chain goes on with a fresh one. */
MUST_USE enum err_code centre_block_has_erased(struct centre_store *store, int64_t author, uint64_t block,
                                               bool *ret_has, struct error *err);
MUST_USE enum err_code centre_salts_spread(struct centre_store *store, int64_t author, uint64_t block,
                                           struct error *err);
/* Is there an erasure of this site at all? */
MUST_USE enum err_code centre_erasing(struct centre_store *store, int64_t site, bool *ret_erasing, struct error *err);
MUST_USE enum err_code centre_erasure_find(struct centre_store *store, int64_t site, const struct op *op,
                                           enum record_writer writer, bool *ret_covered, struct error *err);
/* The op that it names is held and none that it may erase, or another site's: it never takes effect. */
MUST_USE enum err_code centre_erasure_admit(struct centre_store *store, const struct centre_site *site,
                                            const struct op *op, enum record_writer writer, enum err_code *ret_admitted,
                                            struct error *reason, struct error *err);
/* Columns subject, kind, writer, hlc, device, incarnation, seq of `erasure`. */
void erasure_of_row(sqlite3_stmt *s, struct erasure *erasure);
/* From now on what comes is covered; what is held goes with the slices that follow the transaction. */
MUST_USE enum err_code centre_erasure_keep(struct centre_store *store, int64_t site, int64_t op_row,
                                           const struct erasure *erasure, struct error *err);
/* After a transaction: the first slice, if one is due; it forgets what was erased. One that fails stays due, and what
 * was committed is taken. */
void centre_erase_begin(struct centre_store *store);
/* Keeps the erasures that came when this program did not know them; a slice is due. */
MUST_USE enum err_code centre_erase_open(struct centre_store *store, struct error *err);

/* ---- quarantine.c ---- */

struct centre_verdict {
    enum err_code admitted;
    struct error reason; /* unless admitted: at most CENTRE_REASON_SIZE */
};

MUST_USE enum err_code centre_op_judge(struct centre_store *store, const struct centre_site *site, const struct op *op,
                                       enum record_writer writer, struct centre_verdict *ret_verdict,
                                       struct error *err);
/* Why it does not count, borrowed from the verdict; NULL: it does, or is of a kind of a later version. */
const char *centre_kept_aside(const struct centre_verdict *verdict);
/* Of one op that is kept aside, inside the caller's transaction; counts are added to *judged. */
MUST_USE enum err_code centre_judge_row(struct centre_store *store, const struct centre_site *site, int64_t id,
                                        struct centre_judged *judged, struct error *err);
/* After the transaction: what was released is news, and lifts refusals. */
void centre_judged_tell(struct centre_store *store, const struct centre_judged *judged);
/* centre_judge_again inside the caller's transaction; counts are added to *judged. */
MUST_USE enum err_code centre_judge_sites(struct centre_store *store, struct centre_judged *judged, struct error *err);

#define OP_COLUMNS "o.id, o.author, o.seq, o.header, o.salt, o.body, o.quarantine, o.received_at, o.writer"
/* The ops of these kinds between the rows ?1 and ?2; there is no attendance (5) in the index. */
#define OPS_OF_KINDS(numbers)                                                                                          \
    "SELECT " OP_COLUMNS " FROM op o INDEXED BY op_kind WHERE o.kind IN (" numbers ") AND o.kind <> 5 AND o.id > ?1 "  \
    "AND o.id < ?2"
/*
 * Of a row of OP_COLUMNS. The op borrows from the statement until the next step; its salt is zero and *ret_salted true
 * when it comes from a seed.
 */
MUST_USE enum err_code op_read(sqlite3_stmt *s, struct op *ret_op, struct op_id supersedes[OP_SUPERSEDES_MAX],
                               bool *ret_salted, struct error *err);

/* A statement whose ?1 and ?2 are the rows between which the site's ops are. */
MUST_USE enum err_code op_rows_of(struct centre_store *store, const char *sql, int64_t site, sqlite3_stmt **ret,
                                  struct error *err);
/* `s` stands on the op's row, from which the op borrows. */
typedef enum err_code (*op_visit_fn)(void *context, const struct op *op, sqlite3_stmt *s, struct error *err);
/* Every op that a statement of OP_COLUMNS gives, until one fails; the statement is reset either way. */
MUST_USE enum err_code op_each(struct centre_store *store, sqlite3_stmt *s, op_visit_fn visit, void *context,
                               struct error *err);

#endif
