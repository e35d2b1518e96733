/*
 * Two records of one person. A same_person record says of its subject, the duplicate, which record stays; such links
 * form chains and, where two machines decided in opposite ways, rings:
 *
 *     A ──► B ──► C          A, B and C are C
 *     D ──► E ──► D          D and E are the lesser of their ids
 *
 * `same_as` holds what each record with a link stands for, a pure function of all links. Whatever asks about a person
 * asks for SAME_PERSON (replica.h), which is all records of them, whichever of these it was given.
 *
 * One hand must not lend what is on record about somebody to a doubt about somebody else. So a link is sure only once
 * another person, at another machine, has confirmed the very record that it names:
 *
 *   says who is whom (participant, undone) ──► not sure, whoever confirmed before
 *   confirms the record that stands,
 *   by another actor, name and device ───────► sure
 *
 * in the order of the hybrid clocks; a word that is erased is one that nobody has confirmed. `surely_as` is `same_as`
 * by the sure links alone.
 */
#include <stdio.h>
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

enum err_code person_records(struct store *store, const uint8_t participant[OP_ENTITY_BYTES], bool sure,
                             struct buf *ids, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sure ? SURELY_PERSON("?1") : SAME_PERSON("?1"), &s, err));
    bind_blob(s, 1, participant, OP_ENTITY_BYTES);
    return add_ids(store, s, ids, err);
}

/* ---- is a link sure? ---- */

struct link_stand {
    uint8_t participant[OP_ENTITY_BYTES];
    bool known; /* participant */
    bool undone;
    bool sure;
    uint64_t hlc;                    /* when it was said */
    uint8_t device[DEVICE_ID_BYTES]; /* that said so */
    char linked_by[ROW_NAME_SIZE];
    char decided_by[ROW_NAME_SIZE];
};

static void keep_name(char out[ROW_NAME_SIZE], struct slice name)
{
    (void)snprintf(out, ROW_NAME_SIZE, "%.*s", (int)name.len, (const char *)name.data);
}

static bool same_name(struct slice name, const char *other)
{
    char text[ROW_NAME_SIZE];
    char left[ROW_NAME_SIZE];
    char right[ROW_NAME_SIZE];
    keep_name(text, name);
    plain_key(text, left);
    plain_key(other, right);
    return strcmp(left, right) == 0;
}

static bool is_confirmed(const struct link_stand *link, const struct op *op, struct record *said)
{
    const struct value *confirms = record_value(said, "confirms");
    const struct value *by = record_value(said, "confirmed_by");
    return confirms->present && link->known && !link->undone &&
           memcmp(confirms->text.data, link->participant, OP_ENTITY_BYTES) == 0 && by->present && by->text.len > 0 &&
           memcmp(op->id.device, link->device, DEVICE_ID_BYTES) != 0 && !same_name(op->actor, link->linked_by) &&
           !same_name(by->text, link->linked_by) && !same_name(by->text, link->decided_by) &&
           !same_name(op->actor, link->decided_by);
}

static void take_word(struct link_stand *link, const struct op *op, struct record *said)
{
    const struct value *participant = record_value(said, "participant");
    const struct value *undone = record_value(said, "undone");
    const struct value *decided_by = record_value(said, "decided_by");
    if (!participant->present && !undone->present) {
        link->sure = link->sure || is_confirmed(link, op, said);
        return;
    }
    if (participant->present) {
        memcpy(link->participant, participant->text.data, OP_ENTITY_BYTES);
        link->known = true;
    }
    if (undone->present) {
        link->undone = undone->number != 0;
    }
    if (decided_by->present) {
        keep_name(link->decided_by, decided_by->text);
    }
    link->sure = false;
    link->hlc = op->hlc;
    memcpy(link->device, op->id.device, DEVICE_ID_BYTES);
    keep_name(link->linked_by, op->actor);
}

static enum err_code read_word(struct store *store, const struct version *version, struct link_stand *link,
                               struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct record said;
    TRY(db_statement(&store->db, "SELECT header, body FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, version->key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return oplog_damaged(version->key, err);
    }
    enum err_code rc = op_header_decode(column_slice(s, 0), &op, supersedes, err);
    if (rc == ERR_OK) {
        rc = record_decode(kind_by_number(KIND_SAME_PERSON), column_slice(s, 1), &said, err);
    }
    if (rc == ERR_OK) {
        take_word(link, &op, &said);
    }
    sqlite3_reset(s);
    return rc;
}

enum err_code person_bind_link(struct store *store, sqlite3_stmt *put, int at, struct merged *merged, struct error *err)
{
    struct link_stand link = { .known = false };
    for (size_t i = 0; i < merged->count; i++) {
        TRY(read_word(store, &merged->versions[i], &link, err));
    }
    (void)sqlite3_bind_text(put, at, link.linked_by, -1, SQLITE_TRANSIENT);
    (void)sqlite3_bind_blob(put, at + 1, link.device, DEVICE_ID_BYTES, SQLITE_TRANSIENT);
    bind_int(put, at + 2, link.sure && link.hlc > merged->erased_hlc); /* what is erased may have been an undoing */
    return ERR_OK;
}

/* ---- who stands for whom ---- */

/* The record that this one was said to be the duplicate of, as things stand. */
static enum err_code next_of(struct store *store, const uint8_t id[OP_ENTITY_BYTES], bool sure,
                             uint8_t next[OP_ENTITY_BYTES], bool *ret_linked, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT participant FROM same_person WHERE id = ?1 AND ifnull(undone, 0) = 0 AND sure >= ?2", &s,
                     err));
    bind_blob(s, 1, id, OP_ENTITY_BYTES);
    bind_int(s, 2, sure);
    TRY(db_step(&store->db, s, &row, err));
    *ret_linked = row && column_fixed(s, 0, next, OP_ENTITY_BYTES) && memcmp(next, id, OP_ENTITY_BYTES) != 0;
    sqlite3_reset(s);
    return ERR_OK;
}

/* The end of the chain, or the least of the ring that it ends in. */
static enum err_code person_of(struct store *store, const uint8_t id[OP_ENTITY_BYTES], bool sure,
                               uint8_t person[OP_ENTITY_BYTES], struct error *err)
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
        TRY(next_of(store, at, sure, next, &linked, err));
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

static enum err_code put_person(struct store *store, const uint8_t id[OP_ENTITY_BYTES], bool sure, struct error *err)
{
    sqlite3_stmt *s;
    uint8_t person[OP_ENTITY_BYTES];
    TRY(person_of(store, id, sure, person, err));
    if (memcmp(person, id, sizeof(person)) == 0) {
        return fold_delete(
            store, sure ? "DELETE FROM surely_as WHERE participant = ?1" : "DELETE FROM same_as WHERE participant = ?1",
            slice_of(id, OP_ENTITY_BYTES), err);
    }
    TRY(db_statement(&store->db,
                     sure ? "INSERT OR REPLACE INTO surely_as VALUES (?1, ?2)"
                          : "INSERT OR REPLACE INTO same_as VALUES (?1, ?2)",
                     &s, err));
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
    TRY(person_records(store, duplicate.data, false, touched, err));
    TRY(next_of(store, duplicate.data, false, next, &linked, err));
    return linked ? person_records(store, next, false, touched, err) : ERR_OK;
}

enum err_code person_relink(struct store *store, const struct buf *touched, struct error *err)
{
    for (size_t i = 0; i < id_count(touched); i++) {
        TRY(put_person(store, id_at(touched, i), false, err));
        TRY(put_person(store, id_at(touched, i), true, err));
    }
    for (size_t i = 0; i < id_count(touched); i++) {
        TRY(lay_out(store, id_at(touched, i), err));
    }
    return dirty_site(store, err);
}
