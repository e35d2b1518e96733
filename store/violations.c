/*
 * Checkpoints of the centre that contradict each other: kept for good, shown until a person has seen them, and looked
 * for in what a person brings.
 */
#include <string.h>

#include "store/replica.h"

enum { COLUMN_HELD = 5, COLUMN_TOLD = 12 };

#define VIOLATION_COLUMNS                                                                                              \
    "SELECT v.id, v.noticed_at, v.brought, v.acknowledged_at, (SELECT a.actor FROM violation_acknowledged a "          \
    "WHERE a.violation = v.id ORDER BY a.id DESC LIMIT 1), "                                                           \
    "v.held_size, v.held_root, v.held_signature, h.key, h.vouch, h.certificate, v.held_at, "                           \
    "v.told_size, v.told_root, v.told_signature, t.key, t.vouch, t.certificate, v.noticed_at "                         \
    "FROM centre_violation v JOIN checkpoint_key t ON t.id = v.told_key LEFT JOIN checkpoint_key h ON h.id = "         \
    "v.held_key "

/* ---- kept ---- */

enum err_code violation_add(struct store *store, const struct checkpoint *told, int64_t key, bool brought,
                            int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT INTO centre_violation (noticed_at, held_size, held_root, held_signature, held_key, "
                     "held_at, told_size, told_root, told_signature, told_key, brought) "
                     "SELECT ?1, coalesce(c.size, 0), coalesce(c.root, x''), coalesce(c.signature, x''), c.key, "
                     "c.verified_at, ?2, ?3, ?4, ?5, ?6 FROM (SELECT 1) LEFT JOIN checkpoint c WHERE true "
                     "ON CONFLICT DO UPDATE SET acknowledged_at = NULL",
                     &s, err));
    bind_int(s, 1, now_ms);
    bind_int(s, 2, (int64_t)told->size);
    bind_blob(s, 3, told->root.bytes, MERKLE_HASH_BYTES);
    bind_blob(s, 4, told->signature, CHECKPOINT_SIGNATURE_BYTES);
    bind_int(s, 5, key);
    bind_int(s, 6, brought);
    return db_run(&store->db, s, err);
}

/* ---- read ---- */

void store_violation_fini(struct store_violation *violation)
{
    store_verified_checkpoint_fini(&violation->held);
    store_verified_checkpoint_fini(&violation->told);
}

static enum err_code violation_of_row(sqlite3_stmt *s, struct store_violation *violation, struct error *err)
{
    violation->id = column_int(s, 0);
    violation->noticed_at_ms = column_int(s, 1);
    violation->brought = column_int(s, 2) != 0;
    violation->acknowledged_at_ms = column_int_or(s, 3, OP_TIME_NONE);
    column_text(s, 4, violation->acknowledged_by, sizeof(violation->acknowledged_by));
    buf_init(&violation->held.certificate, CERTIFICATE_DER_MAX);
    buf_init(&violation->told.certificate, CERTIFICATE_DER_MAX);
    if (column_slice(s, COLUMN_HELD + 3).len > 0) {
        TRY(checkpoint_read_row(s, COLUMN_HELD, &violation->held, err));
    }
    return checkpoint_read_row(s, COLUMN_TOLD, &violation->told, err);
}

/* Of a statement that gives one row or none. */
static enum err_code violation_read(struct store *store, sqlite3_stmt *s, struct store_violation *ret_violation,
                                    bool *ret_found, struct error *err)
{
    struct store_violation violation = { .acknowledged_at_ms = OP_TIME_NONE };
    bool row;
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        enum err_code rc = violation_of_row(s, &violation, err);
        sqlite3_reset(s);
        if (rc != ERR_OK) {
            store_violation_fini(&violation);
            return rc;
        }
    }
    *ret_violation = violation;
    *ret_found = row;
    return ERR_OK;
}

enum err_code store_violation_next(struct store *store, int64_t after, struct store_violation *ret_violation,
                                   bool *ret_found, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, VIOLATION_COLUMNS "WHERE v.id > ?1 ORDER BY v.id LIMIT 1", &s, err));
    bind_int(s, 1, after);
    return violation_read(store, s, ret_violation, ret_found, err);
}

enum err_code store_violation_standing(struct store *store, struct store_violation *ret_newest, uint64_t *ret_count,
                                       struct error *err)
{
    sqlite3_stmt *s;
    bool found;
    TRY(db_statement(&store->db, "SELECT count(*) FROM centre_violation WHERE acknowledged_at IS NULL", &s, err));
    TRY(db_step(&store->db, s, &found, err));
    uint64_t count = found ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    TRY(db_statement(&store->db,
                     VIOLATION_COLUMNS "WHERE v.acknowledged_at IS NULL ORDER BY v.noticed_at DESC, v.id DESC LIMIT 1",
                     &s, err));
    TRY(violation_read(store, s, ret_newest, &found, err));
    *ret_count = count;
    return ERR_OK;
}

/* ---- acknowledged ---- */

static enum err_code acknowledge(struct store *store, const char *actor, int64_t now_ms, uint64_t *count,
                                 struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT INTO violation_acknowledged (violation, actor, at) "
                     "SELECT id, ?1, ?2 FROM centre_violation WHERE acknowledged_at IS NULL",
                     &s, err));
    bind_text(s, 1, actor);
    bind_int(s, 2, now_ms);
    TRY(db_run(&store->db, s, err));
    *count = (uint64_t)sqlite3_changes64(store->db.handle);
    TRY(db_statement(&store->db, "UPDATE centre_violation SET acknowledged_at = ?1 WHERE acknowledged_at IS NULL", &s,
                     err));
    bind_int(s, 1, now_ms);
    return db_run(&store->db, s, err);
}

enum err_code store_violation_acknowledge(struct store *store, const char *actor, int64_t now_ms, uint64_t *ret_count,
                                          struct error *err)
{
    uint64_t count = 0;
    size_t len = strlen(actor);
    if (len == 0 || len > OP_ACTOR_MAX) {
        return FAIL(err, INVALID, "acknowledge: the actor's name must have 1 to %d bytes", OP_ACTOR_MAX);
    }
    TRY(db_begin(&store->db, err));
    TRY(db_end(&store->db, acknowledge(store, actor, now_ms, &count, err), err));
    *ret_count = count;
    return ERR_OK;
}

/* ---- compared ---- */

/* With each key that the centre has shown here. */
static enum err_code note_read(struct store *store, const char *origin, struct slice note, struct checkpoint *ret_told,
                               int64_t *ret_key, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT id, key FROM checkpoint_key ORDER BY id DESC", &s, err));
    for (;;) {
        uint8_t key[CHECKPOINT_KEY_BYTES];
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return FAIL(err, HISTORY,
                        "compare the checkpoint: it is about another site, or signed by no key that the centre has "
                        "shown here; if it may be of a new key, synchronise first");
        }
        (void)column_fixed(s, 1, key, sizeof(key));
        *ret_key = column_int(s, 0);
        enum err_code rc = checkpoint_note_read(note, origin, key, ret_told, err);
        if (rc == ERR_OK && checkpoint_verify(key, origin, ret_told, err) != ERR_OK) {
            rc = ERR_PROTOCOL; /* the signature covers further lines, which are not kept */
        }
        if (rc != ERR_HISTORY) {
            sqlite3_reset(s);
            return rc != ERR_PROTOCOL ? rc
                                      : FAIL(err, INVALID,
                                             "compare the checkpoint: it is not a signed note of an origin, a size "
                                             "and a root");
        }
    }
}

static bool same_root(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

/* By the tree of the records, which has to be the one that the newest checkpoint is about. */
static enum err_code fits_tree(struct store *store, const struct checkpoint *held, const struct checkpoint *told,
                               bool *ret_fits, struct error *err)
{
    struct merkle_hash made;
    enum err_code rc = tree_root_at(store, held->size, &made, err);
    if (rc == ERR_NOT_FOUND || (rc == ERR_OK && !same_root(&made, &held->root))) {
        return FAIL(err, NOT_FOUND,
                    "compare the checkpoint: the stream is being read again from its beginning; synchronise first");
    }
    TRY(rc);
    TRY(tree_root_at(store, told->size, &made, err));
    *ret_fits = same_root(&made, &told->root);
    return ERR_OK;
}

enum err_code tree_compare(struct store *store, struct slice note, int64_t now_ms, struct checkpoint *ret_told,
                           bool *ret_fits, struct error *err)
{
    char origin[TREE_ORIGIN_SIZE];
    struct checkpoint held;
    struct checkpoint told;
    int64_t key = 0;
    bool known;
    bool fits = false;
    TRY(checkpoint_held(store, &held, &known, err));
    if (!known) {
        return FAIL(err, NOT_FOUND,
                    "compare the checkpoint: there is none of this machine's own yet; synchronise first");
    }
    tree_origin(store->stream, origin);
    TRY(note_read(store, origin, note, &told, &key, err));
    if (told.size > held.size) {
        return FAIL(err, NOT_FOUND,
                    "compare the checkpoint: it is of %llu records, this machine's own of %llu; synchronise first",
                    (unsigned long long)told.size, (unsigned long long)held.size);
    }
    if (told.size == held.size) {
        fits = same_root(&told.root, &held.root);
    } else {
        TRY(fits_tree(store, &held, &told, &fits, err));
    }
    if (!fits) {
        TRY(db_begin(&store->db, err));
        TRY(db_end(&store->db, violation_add(store, &told, key, true, now_ms, err), err));
    }
    *ret_told = told;
    *ret_fits = fits;
    return ERR_OK;
}
