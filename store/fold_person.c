/*
 * Two records of one person. A same_person record says of its subject, the duplicate, which record stays; such links
 * form chains and, where two machines decided in opposite ways, rings:
 *
 *     A ──► B ──► C          A, B and C are C
 *     D ──► E ──► D          D and E are the lesser of their ids
 *
 * `same_as` holds what each record with a link stands for, a pure function of all links. Whatever asks about a person
 * asks for SAME_PERSON (replica.h), which is all records of them, whichever of these it was given.
 */
#include <string.h>

#include "store/fold_parts.h"

static const uint8_t *id_at(const struct buf *ids, size_t index)
{
    return ids->data + index * OP_ENTITY_BYTES;
}

static size_t id_count(const struct buf *ids)
{
    return ids->len / OP_ENTITY_BYTES;
}

static bool id_find(const struct buf *ids, const uint8_t id[OP_ENTITY_BYTES], size_t *ret_index)
{
    for (size_t i = 0; i < id_count(ids); i++) {
        if (memcmp(id_at(ids, i), id, OP_ENTITY_BYTES) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static enum err_code add_ids(struct store *store, sqlite3_stmt *s, struct buf *ids, struct error *err)
{
    for (;;) {
        bool row;
        uint8_t id[OP_ENTITY_BYTES];
        size_t at;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        if (column_fixed(s, 0, id, sizeof(id)) && !id_find(ids, id, &at)) {
            enum err_code rc = buf_append(ids, id, sizeof(id), err);
            if (rc != ERR_OK) {
                sqlite3_reset(s);
                return rc;
            }
        }
    }
}

enum err_code person_records(struct store *store, const uint8_t participant[OP_ENTITY_BYTES], struct buf *ids,
                             struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, SAME_PERSON("?1"), &s, err));
    bind_blob(s, 1, participant, OP_ENTITY_BYTES);
    return add_ids(store, s, ids, err);
}

/* The record that this one was said to be the duplicate of, as things stand. */
static enum err_code next_of(struct store *store, const uint8_t id[OP_ENTITY_BYTES], uint8_t next[OP_ENTITY_BYTES],
                             bool *ret_linked, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT participant FROM same_person WHERE id = ?1 AND ifnull(undone, 0) = 0", &s,
                     err));
    bind_blob(s, 1, id, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    *ret_linked = row && column_fixed(s, 0, next, OP_ENTITY_BYTES) && memcmp(next, id, OP_ENTITY_BYTES) != 0;
    sqlite3_reset(s);
    return ERR_OK;
}

/* The end of the chain, or the least of the ring that it ends in. */
static enum err_code person_of(struct store *store, const uint8_t id[OP_ENTITY_BYTES], uint8_t person[OP_ENTITY_BYTES],
                               struct error *err)
{
    SCOPED(buf_fini) struct buf seen;
    buf_init(&seen, SIZE_MAX / 2);
    uint8_t at[OP_ENTITY_BYTES];
    memcpy(at, id, sizeof(at));
    size_t ring;
    while (!id_find(&seen, at, &ring)) {
        bool linked;
        uint8_t next[OP_ENTITY_BYTES];
        TRY(buf_append(&seen, at, sizeof(at), err));
        TRY(next_of(store, at, next, &linked, err));
        if (!linked) {
            memcpy(person, at, sizeof(at));
            return ERR_OK;
        }
        memcpy(at, next, sizeof(at));
    }
    memcpy(person, id_at(&seen, ring), OP_ENTITY_BYTES);
    for (size_t i = ring + 1; i < id_count(&seen); i++) {
        if (memcmp(id_at(&seen, i), person, OP_ENTITY_BYTES) < 0) {
            memcpy(person, id_at(&seen, i), OP_ENTITY_BYTES);
        }
    }
    return ERR_OK;
}

static enum err_code put_person(struct store *store, const uint8_t id[OP_ENTITY_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    uint8_t person[OP_ENTITY_BYTES];
    TRY(person_of(store, id, person, err));
    if (memcmp(person, id, sizeof(person)) == 0) {
        return fold_delete(store, "DELETE FROM same_as WHERE participant = ?1", slice_of(id, OP_ENTITY_BYTES), err);
    }
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO same_as VALUES (?1, ?2)", &s, err));
    bind_blob(s, 1, id, OP_ENTITY_BYTES);
    bind_blob(s, 2, person, OP_ENTITY_BYTES);
    return db_run(&store->db, s, err);
}

/* JCP's appointments of one record lie over the sessions of another. */
static enum err_code lay_out(struct store *store, const uint8_t participant[OP_ENTITY_BYTES], struct error *err)
{
    SCOPED(buf_fini) struct buf placements;
    buf_init(&placements, SIZE_MAX / 2);
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT id FROM placement WHERE participant = ?1", &s, err));
    bind_blob(s, 1, participant, OP_ENTITY_BYTES);
    TRY(add_ids(store, s, &placements, err));
    for (size_t i = 0; i < id_count(&placements); i++) {
        TRY(fold_placement_sessions(store, id_at(&placements, i), err));
        TRY(dirty_placement(store, id_at(&placements, i), err));
    }
    return ERR_OK;
}

enum err_code person_touched(struct store *store, struct slice duplicate, struct buf *touched, struct error *err)
{
    uint8_t next[OP_ENTITY_BYTES];
    bool linked;
    TRY(person_records(store, duplicate.data, touched, err));
    TRY(next_of(store, duplicate.data, next, &linked, err));
    return linked ? person_records(store, next, touched, err) : ERR_OK;
}

enum err_code person_relink(struct store *store, const struct buf *touched, struct error *err)
{
    for (size_t i = 0; i < id_count(touched); i++) {
        TRY(put_person(store, id_at(touched, i), err));
    }
    for (size_t i = 0; i < id_count(touched); i++) {
        TRY(lay_out(store, id_at(touched, i), err));
    }
    return dirty_site(store, err);
}
