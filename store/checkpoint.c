/*
 * Checkpoints of the centre: the newest that fits, and the keys that signed them.
 */
#include <stdio.h>
#include <string.h>

#include "store/replica.h"

void tree_origin(const uint8_t stream[STREAM_ID_BYTES], char out[TREE_ORIGIN_SIZE])
{
    char digits[2 * STREAM_ID_BYTES + 1];
    hex_encode(stream, STREAM_ID_BYTES, digits);
    (void)snprintf(out, TREE_ORIGIN_SIZE, "holdfast.invalid/stream/%s", digits);
}

enum err_code tree_checkpoint_verify(const uint8_t stream[STREAM_ID_BYTES], const struct certificate *centre,
                                     const struct store_checkpoint *checkpoint, struct error *err)
{
    char origin[TREE_ORIGIN_SIZE];
    tree_origin(stream, origin);
    if (centre->role != CERTIFICATE_ROLE_CENTRE) {
        return FAIL(err, HISTORY, "check a checkpoint: the certificate beside it is not the centre's");
    }
    TRY(signature_verify(slice_of(centre->public_key, centre->public_key_len), CHECKPOINT_KEY_CONTEXT,
                         slice_of(checkpoint->key, CHECKPOINT_KEY_BYTES), checkpoint->vouch, err));
    return checkpoint_verify(checkpoint->key, origin, &checkpoint->checkpoint, err);
}

/* ---- keys ---- */

static enum err_code keep_key(struct store *store, const struct store_checkpoint *checkpoint, int64_t now_ms,
                              int64_t *ret_key, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO checkpoint_key (key, vouch, certificate, accepted_at) "
                     "VALUES (?1, ?2, ?3, ?4)",
                     &s, err));
    bind_blob(s, 1, checkpoint->key, CHECKPOINT_KEY_BYTES);
    bind_slice(s, 2, checkpoint->vouch);
    bind_slice(s, 3, checkpoint->certificate);
    bind_int(s, 4, now_ms);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db, "SELECT id FROM checkpoint_key WHERE key = ?1 AND certificate = ?2", &s, err));
    bind_blob(s, 1, checkpoint->key, CHECKPOINT_KEY_BYTES);
    bind_slice(s, 2, checkpoint->certificate);
    TRY(db_step(&store->db, s, &row, err));
    *ret_key = row ? column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- the newest ---- */

static void checkpoint_of_row(sqlite3_stmt *s, int at, struct checkpoint *checkpoint)
{
    checkpoint->size = (uint64_t)column_int(s, at);
    (void)column_fixed(s, at + 1, checkpoint->root.bytes, MERKLE_HASH_BYTES);
    (void)column_fixed(s, at + 2, checkpoint->signature, CHECKPOINT_SIGNATURE_BYTES);
}

enum err_code checkpoint_held(struct store *store, struct checkpoint *ret_checkpoint, bool *ret_known,
                              struct error *err)
{
    sqlite3_stmt *s;
    *ret_checkpoint = (struct checkpoint){ 0 };
    TRY(db_statement(&store->db, "SELECT size, root, signature FROM checkpoint", &s, err));
    TRY(db_step(&store->db, s, ret_known, err));
    if (*ret_known) {
        checkpoint_of_row(s, 0, ret_checkpoint);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

enum err_code checkpoint_keep(struct store *store, const struct store_checkpoint *checkpoint, int64_t now_ms,
                              struct error *err)
{
    sqlite3_stmt *s;
    int64_t key;
    TRY(keep_key(store, checkpoint, now_ms, &key, err));
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO checkpoint VALUES (1, ?1, ?2, ?3, ?4, ?5)", &s, err));
    bind_int(s, 1, (int64_t)checkpoint->checkpoint.size);
    bind_blob(s, 2, checkpoint->checkpoint.root.bytes, MERKLE_HASH_BYTES);
    bind_blob(s, 3, checkpoint->checkpoint.signature, CHECKPOINT_SIGNATURE_BYTES);
    bind_int(s, 4, key);
    bind_int(s, 5, now_ms);
    return db_run(&store->db, s, err);
}

void store_verified_checkpoint_fini(struct store_verified_checkpoint *checkpoint)
{
    buf_fini(&checkpoint->certificate);
}

enum err_code checkpoint_read_row(sqlite3_stmt *s, int at, struct store_verified_checkpoint *verified,
                                  struct error *err)
{
    struct slice vouch = column_slice(s, at + 4);
    struct slice certificate = column_slice(s, at + 5);
    checkpoint_of_row(s, at, &verified->checkpoint);
    (void)column_fixed(s, at + 3, verified->key, CHECKPOINT_KEY_BYTES);
    verified->vouch_len = vouch.len <= SIGNATURE_MAX ? vouch.len : 0;
    if (verified->vouch_len > 0) {
        memcpy(verified->vouch, vouch.data, vouch.len);
    }
    verified->known = true;
    verified->verified_at_ms = column_int(s, at + 6);
    return buf_append(&verified->certificate, certificate.data, certificate.len, err);
}

enum err_code store_checkpoint_read(struct store *store, struct store_verified_checkpoint *ret_checkpoint,
                                    struct error *err)
{
    sqlite3_stmt *s;
    struct store_verified_checkpoint verified = { 0 };
    TRY(db_statement(&store->db,
                     "SELECT c.size, c.root, c.signature, k.key, k.vouch, k.certificate, c.verified_at "
                     "FROM checkpoint c JOIN checkpoint_key k ON k.id = c.key",
                     &s, err));
    TRY(db_step(&store->db, s, &verified.known, err));
    buf_init(&verified.certificate, CERTIFICATE_DER_MAX);
    if (verified.known) {
        enum err_code rc = checkpoint_read_row(s, 0, &verified, err);
        sqlite3_reset(s);
        if (rc != ERR_OK) {
            store_verified_checkpoint_fini(&verified);
            return rc;
        }
    }
    *ret_checkpoint = verified;
    return ERR_OK;
}

/* ---- what contradicts ---- */

enum err_code violation_keep(struct store *store, const struct store_checkpoint *told, int64_t now_ms,
                             struct error *err)
{
    int64_t key;
    TRY(keep_key(store, told, now_ms, &key, err));
    return violation_add(store, &told->checkpoint, key, false, now_ms, err);
}
