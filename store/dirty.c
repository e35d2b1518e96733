#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

void dirty_forget(struct store *store)
{
    memset(store->dirty_known.set, 0, sizeof(store->dirty_known.set));
    store->dirty_held.open = store->dirty_held.set = false;
}

void store_judge_writes(struct store *store, const struct store_judge *judge)
{
    store->judge = judge != NULL ? *judge : (struct store_judge){ 0 };
}

void dirty_hold(struct store *store)
{
    store->dirty_held = (struct dirty_held){ .open = store->judge.placement != NULL };
}

/* True when it is held. A second one ends that: both are marked. */
static bool hold(struct dirty_held *held, const uint8_t placement[OP_ENTITY_BYTES])
{
    if (held->open && !held->set) {
        held->set = true;
        memcpy(held->placement.bytes, placement, OP_ENTITY_BYTES);
        return true;
    }
    return held->set && memcmp(held->placement.bytes, placement, OP_ENTITY_BYTES) == 0;
}

static enum err_code let_go(struct store *store, struct error *err)
{
    struct dirty_held held = store->dirty_held;
    store->dirty_held = (struct dirty_held){ 0 };
    return held.set ? dirty_placement(store, held.placement.bytes, err) : ERR_OK;
}

bool dirty_none(const struct store *store)
{
    return store->unmarked_turn != 0 && store->unmarked_turn == store->db.turn;
}

static enum err_code look_for_marks(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT 1 FROM sync_state WHERE dirty_site <> 0 OR EXISTS (SELECT 1 FROM dirty_placement)", &s,
                     err));
    TRY(db_step(&store->db, s, &row, err));
    sqlite3_reset(s);
    store->unmarked_turn = row ? 0 : store->db.turn;
    return ERR_OK;
}

enum err_code dirty_judge(struct store *store, struct error *err)
{
    struct dirty_held held = store->dirty_held;
    if (!held.set) {
        return ERR_OK;
    }
    TRY(look_for_marks(store, err));
    enum err_code rc = store->judge.placement(store->judge.context, &held.placement, err);
    store->dirty_held = (struct dirty_held){ .lost = rc != ERR_OK };
    return rc;
}

enum err_code dirty_placement(struct store *store, const uint8_t placement[OP_ENTITY_BYTES], struct error *err)
{
    if (hold(&store->dirty_held, placement)) {
        return ERR_OK;
    }
    if (store->dirty_held.open) {
        TRY(let_go(store, err));
    }
    struct dirty_known *known = &store->dirty_known;
    size_t place = get_be32(placement) % DIRTY_KNOWN_MAX; /* ids are hashes */
    if (known->set[place] && memcmp(known->placements[place], placement, OP_ENTITY_BYTES) == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO dirty_placement VALUES (?1)", &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    TRY(db_run(&store->db, s, err));
    memcpy(known->placements[place], placement, OP_ENTITY_BYTES);
    known->set[place] = true;
    store->unmarked_turn = 0;
    return ERR_OK;
}

enum err_code dirty_participant(struct store *store, struct slice participant, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement "
                     "WHERE participant IN (" SAME_PERSON("?1") ")",
                     &s, err));
    bind_slice(s, 1, participant);
    return db_run(&store->db, s, err);
}

enum err_code dirty_without_referral(struct store *store, struct slice participant, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement "
                     "WHERE referral IS NULL AND participant IN (" SAME_PERSON("?1") ")",
                     &s, err));
    bind_slice(s, 1, participant);
    return db_run(&store->db, s, err);
}

enum err_code dirty_site(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE sync_state SET dirty_site = 1 WHERE dirty_site = 0", &s, err));
    return db_run(&store->db, s, err);
}

void store_dirty_fini(struct store_dirty *dirty)
{
    free(dirty->placements);
    *dirty = (struct store_dirty){ 0 };
}

/* The site's mark comes with each of the placements, or alone. */
static enum err_code read_marks(struct store *store, size_t max, struct store_dirty *dirty, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT y.dirty_site, d.placement FROM sync_state y LEFT JOIN dirty_placement d WHERE y.only = 1 "
                     "ORDER BY d.placement LIMIT ?1",
                     &s, err));
    bind_int(s, 1, (int64_t)max);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        dirty->site = column_int(s, 0) != 0;
        if (column_fixed(s, 1, dirty->placements[dirty->placement_count].bytes, ROW_ID_BYTES)) {
            dirty->placement_count++;
        }
    }
}

enum err_code store_dirty_read(struct store *store, size_t max, struct store_dirty *ret_dirty, struct error *err)
{
    if (dirty_none(store)) {
        *ret_dirty = (struct store_dirty){ 0 };
        return ERR_OK;
    }
    struct store_dirty dirty = { .placements = calloc(max, sizeof(struct row_id)) };
    if (dirty.placements == NULL) {
        return FAIL(err, NO_MEMORY, "list what changed");
    }
    enum err_code rc = read_marks(store, max, &dirty, err);
    if (rc != ERR_OK) {
        store_dirty_fini(&dirty);
        return rc;
    }
    *ret_dirty = dirty;
    return ERR_OK;
}

enum err_code store_dirty_all(struct store *store, struct error *err)
{
    TRY(replica_begin(store, err));
    enum err_code rc = db_exec(&store->db, "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement", err);
    if (rc == ERR_OK) {
        rc = dirty_site(store, err);
    }
    return replica_end(store, rc, err);
}
