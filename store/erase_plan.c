/*
 * Deciding to erase: what goes with a person, and the ops that say so. What holds it back is in erase_holds.c.
 *
 *     person ──► an erasure each for: the person, whether or not a record of theirs is here, and what is: referrals
 * (with their events), placements (with their sessions), notices of those placements, and every plain record that names
 * one of them
 *
 * Each erasure names one subject, so that what it covers can be told from headers alone, whatever comes later. Of a
 * person whose records were merged, those go that are surely theirs: nobody's records are lost to a guess of one other
 * person. What holds any of them back, sure or not, holds all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/fold_parts.h"
#include "store/retention.h"
#include "store/said_again.h"

/* ---- what goes ---- */

static const struct erasure *target_at(const struct buf *targets, size_t at)
{
    return (const struct erasure *)(const void *)(targets->data + at);
}

/* Once: two records of a person may be named by the same one. */
static enum err_code add_target(struct buf *targets, uint32_t kind, struct slice subject, struct error *err)
{
    struct erasure target = {
        .kind = kind, .writer = WRITER_ORGANISATION, .subject_len = (uint8_t)subject.len, .hlc = INT64_MAX
    };
    memcpy(target.subject, subject.data, subject.len);
    for (size_t at = 0; at < targets->len; at += sizeof(target)) {
        const struct erasure *known = target_at(targets, at);
        if (known->kind == kind && known->subject_len == subject.len &&
            memcmp(known->subject, subject.data, subject.len) == 0) {
            return ERR_OK;
        }
    }
    return buf_append(targets, &target, sizeof(target), err);
}

static enum err_code add_targets(struct store *store, struct buf *targets, uint32_t kind, sqlite3_stmt *s,
                                 const uint8_t *participant, struct error *err)
{
    bind_blob(s, 1, participant, OP_ENTITY_BYTES);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = add_target(targets, kind, column_slice(s, 0), err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

/* What names the person, or a placement or a referral of theirs. */
static enum err_code plain_targets(struct store *store, const struct kind *kind, const uint8_t *participant,
                                   struct buf *targets, struct error *err)
{
    static const char *const links[][2] = {
        { "participant", "participant = ?1" },
        { "placement", "placement IN (SELECT id FROM placement WHERE participant = ?1)" },
        { "referral", "referral IN (SELECT id FROM referral WHERE participant = ?1)" },
    };
    char sql[320];
    bool linked = false;
    int len = snprintf(sql, sizeof(sql), "SELECT id FROM %s WHERE id = ?1", kind->name);
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        if (kind_field_index(kind, links[i][0]) >= 0) {
            len += snprintf(sql + len, sizeof(sql) - (size_t)len, " OR %s", links[i][1]);
            linked = true;
        }
    }
    if (!linked || !(kind_is_plain(kind->number) || kind->number == KIND_COMPLIANCE_DOUBT)) {
        return ERR_OK;
    }
    (void)snprintf(sql + len, sizeof(sql) - (size_t)len, " ORDER BY id");
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    TRY(db_prepare(&store->db, sql, &s, err));
    return add_targets(store, targets, kind->number, s, participant, err);
}

static enum err_code record_targets(struct store *store, const uint8_t *participant, struct buf *targets,
                                    struct error *err)
{
    sqlite3_stmt *s;
    TRY(add_target(targets, KIND_PARTICIPANT, slice_of(participant, OP_ENTITY_BYTES), err));
    TRY(db_statement(&store->db, "SELECT id FROM referral WHERE participant = ?1 ORDER BY id", &s, err));
    TRY(add_targets(store, targets, KIND_REFERRAL, s, participant, err));
    TRY(db_statement(&store->db, "SELECT id FROM placement WHERE participant = ?1 ORDER BY id", &s, err));
    TRY(add_targets(store, targets, KIND_PLACEMENT, s, participant, err));
    TRY(db_statement(&store->db,
                     "SELECT n.id FROM notice n JOIN placement p ON p.id = n.placement WHERE p.participant = ?1 "
                     "ORDER BY n.id",
                     &s, err));
    TRY(add_targets(store, targets, KIND_NOTICE, s, participant, err));
    for (size_t i = 0; kind_at(i) != NULL; i++) {
        TRY(plain_targets(store, kind_at(i), participant, targets, err));
    }
    return ERR_OK;
}

static enum err_code person_targets(struct store *store, const struct store_erase *erase, struct buf *targets,
                                    struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    buf_init(&ids, SIZE_MAX / 2);
    TRY(person_records(store, erase->subject, !erase->unconfirmed, &ids, err));
    for (size_t at = 0; at < ids.len; at += OP_ENTITY_BYTES) {
        TRY(record_targets(store, ids.data + at, targets, err));
    }
    return ERR_OK;
}

/* ---- of whom nobody is known ---- */

/* What names the placement or the referral, and no person. */
static enum err_code naming_targets(struct store *store, const struct kind *kind, const char *field, const uint8_t *id,
                                    struct buf *targets, struct error *err)
{
    char sql[160];
    bool of_person = kind_field_index(kind, "participant") >= 0;
    if (kind_field_index(kind, field) < 0 || kind->number == KIND_PLACEMENT) {
        return ERR_OK;
    }
    (void)snprintf(sql, sizeof(sql), "SELECT id FROM %s WHERE %s = ?1%s ORDER BY id", kind->name, field,
                   of_person ? " AND participant IS NULL" : "");
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    TRY(db_prepare(&store->db, sql, &s, err));
    return add_targets(store, targets, kind->number, s, id, err);
}

static enum err_code lone_targets(struct store *store, const struct store_erase *erase, struct buf *targets,
                                  struct error *err)
{
    const char *field = erase->kind == KIND_PLACEMENT ? "placement" : "referral";
    TRY(add_target(targets, erase->kind, slice_of(erase->subject, OP_ENTITY_BYTES), err));
    for (size_t i = 0; kind_at(i) != NULL; i++) {
        TRY(naming_targets(store, kind_at(i), field, erase->subject, targets, err));
    }
    return ERR_OK;
}

/* Under each number that the statement has. */
static enum err_code one_targets(struct store *store, struct erasure *target, const struct op_id *op,
                                 struct buf *targets, struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    buf_init(&ids, SIZE_MAX / 2);
    TRY(statement_numbers(store, op, &ids, err));
    target->one = true;
    for (size_t at = 0; at < ids.len; at += sizeof(struct op_id)) {
        memcpy(&target->op, ids.data + at, sizeof(target->op));
        TRY(buf_append(targets, target, sizeof(*target), err));
    }
    return ERR_OK;
}

static enum err_code find_targets(struct store *store, const struct store_erase *erase, struct buf *targets,
                                  struct error *err)
{
    if (erase->lone) {
        return lone_targets(store, erase, targets, err);
    }
    if (erase->kind == KIND_PARTICIPANT && !erase->one) {
        return person_targets(store, erase, targets, err);
    }
    struct erasure target = {
        .kind = erase->kind, .writer = WRITER_ORGANISATION, .subject_len = erase->subject_len, .hlc = INT64_MAX
    };
    memcpy(target.subject, erase->subject, erase->subject_len);
    return erase->one ? one_targets(store, &target, &erase->op, targets, err)
                      : buf_append(targets, &target, sizeof(target), err);
}

static enum err_code count_target(struct store *store, const struct erasure *target, struct store_erasable *counts,
                                  struct error *err)
{
    SCOPED(buf_fini) struct buf keys;
    buf_init(&keys, SIZE_MAX / 2);
    TRY(erasure_candidates(store, target, &keys, err));
    for (size_t at = 0; at < keys.len; at += sizeof(int64_t)) {
        int64_t key;
        memcpy(&key, keys.data + at, sizeof(key));
        TRY(erasure_count(store, target, key, counts, err));
    }
    return ERR_OK;
}

/* ---- what the centre wrote about the person stays until it erases it ---- */

#define OF_CENTRE(person)                                                                                              \
    "WITH person(id) AS (" person ") SELECT (SELECT count(*) FROM appointment WHERE participant IN (SELECT id FROM "   \
    "person)) + (SELECT count(*) FROM decision WHERE participant IN (SELECT id FROM person))"

static enum err_code count_of_centre(struct store *store, const struct store_erase *erase,
                                     struct store_erasable *counts, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    if (erase->kind != KIND_PARTICIPANT || erase->one) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db, erase->unconfirmed ? OF_CENTRE(SAME_PERSON("?1")) : OF_CENTRE(SURELY_PERSON("?1")), &s,
                     err));
    bind_blob(s, 1, erase->subject, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    counts->of_centre += row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- looking ---- */

static enum err_code look(struct store *store, const struct store_erase *erase, int32_t today, struct buf *targets,
                          struct store_erasable *ret, struct error *err)
{
    *ret = (struct store_erasable){ .now_ms = ((int64_t)today + 1) * 86400000 };
    TRY(find_targets(store, erase, targets, err));
    for (size_t at = 0; at < targets->len; at += sizeof(struct erasure)) {
        TRY(count_target(store, target_at(targets, at), ret, err));
    }
    if (ret->records > 0) { /* what nobody may erase by itself is no plan either */
        TRY(record_may_erase(erase->kind, WRITER_ORGANISATION, err));
        TRY(erase_may_go_alone(store, erase, err));
    }
    TRY(count_of_centre(store, erase, ret, err));
    return erase_holds(store, erase, today, ret, err);
}

enum err_code store_erase_look(struct store *store, const struct store_erase *erase, int32_t today,
                               struct store_erasable *ret_erasable, struct error *err)
{
    SCOPED(buf_fini) struct buf targets;
    buf_init(&targets, SIZE_MAX / 2);
    return look(store, erase, today, &targets, ret_erasable, err);
}

/* ---- saying so ---- */

struct saying {
    struct slice actor;
    struct slice body; /* of the erasure: the same but for the kind */
    int64_t now_ms;
    int64_t offset_ms;
};

static enum err_code record_erasure(struct store *store, const struct erasure *target, const struct saying *saying,
                                    uint64_t newest_hlc, struct error *err)
{
    struct op op = { .kind = KIND_ERASURE,
                     .subject_len = target->subject_len,
                     .actor = saying->actor,
                     .recorded_at_ms = saying->now_ms,
                     .offset_ms = saying->offset_ms,
                     .happened_at_ms = OP_TIME_NONE,
                     .hlc = newest_hlc,
                     .supersedes = &target->op,
                     .supersedes_count = target->one,
                     .body = saying->body };
    memcpy(op.subject, target->subject, op.subject_len);
    return op_record(store, &op, saying->now_ms, err);
}

static enum err_code erasure_body(const struct store_erase *erase, uint32_t kind, struct buf *body, struct error *err)
{
    struct record record;
    record_init(&record, kind_by_number(KIND_ERASURE));
    record_set_number(&record, "kind", kind);
    record_set_text(&record, "ground", erase->ground);
    record_set_text(&record, "decided_by", erase->decided_by);
    record_set_text(&record, "reason", erase->reason);
    record_set_text(&record, "confirmed_by", erase->confirmed_by);
    buf_clear(body);
    TRY(record_check(&record, true, err));
    return record_encode(&record, body, err);
}

static enum err_code erase_target(struct store *store, const struct store_erase *erase, const struct erasure *target,
                                  struct saying *saying, struct error *err)
{
    struct store_erasable counts = { 0 };
    SCOPED(buf_fini) struct buf body;
    buf_init(&body, OP_BODY_MAX);
    TRY(count_target(store, target, &counts, err));
    if (counts.records == 0 && target->kind != KIND_PARTICIPANT) {
        return ERR_OK; /* nothing of ours is there; that a person went is recorded all the same, for what comes late */
    }
    TRY(erasure_body(erase, target->kind, &body, err));
    saying->body = buf_slice(&body);
    return record_erasure(store, target, saying, counts.newest_hlc, err);
}

static enum err_code erase_targets(struct store *store, const char *actor, const struct store_erase *erase,
                                   const struct buf *targets, int64_t now_ms, struct error *err)
{
    struct store_sync sync;
    TRY(store_sync_read(store, &sync, err));
    struct saying saying = { .actor = slice_of_text(actor), .now_ms = now_ms, .offset_ms = sync.clock_offset_ms };
    for (size_t at = 0; at < targets->len; at += sizeof(struct erasure)) {
        TRY(erase_target(store, erase, target_at(targets, at), &saying, err));
    }
    return op_recorded(store, err);
}

static enum err_code erase_all(struct store *store, const char *actor, const struct store_erase *erase, int64_t now_ms,
                               struct store_erasable *erased, struct error *err)
{
    SCOPED(buf_fini) struct buf targets;
    buf_init(&targets, SIZE_MAX / 2);
    TRY(look(store, erase, clock_today(now_ms), &targets, erased, err));
    if (erased->records == 0) {
        return FAIL(err, NOT_FOUND, "erase: there is nothing of this organisation's own left to erase%s",
                    erased->of_centre > 0 ? "; what the Jobcentre wrote only its endpoint can erase" : "");
    }
    TRY(erase_check_holds(erase, erased, err));
    return erase_targets(store, actor, erase, &targets, now_ms, err);
}

enum err_code store_erase(struct store *store, const char *actor, const struct store_erase *erase, int64_t now_ms,
                          struct store_erasable *ret_erased, struct error *err)
{
    struct store_erasable erased = { 0 };
    size_t len = strlen(actor);
    if (!store->enrolled) {
        return FAIL(err, NOT_ENROLLED, "erase: this machine is not enrolled");
    }
    if (len == 0 || len > OP_ACTOR_MAX) {
        return FAIL(err, INVALID, "erase: the actor's name must have 1 to %d bytes", OP_ACTOR_MAX);
    }
    TRY(replica_begin(store, err));
    TRY(replica_end(store, erase_all(store, actor, erase, now_ms, &erased, err), err));
    *ret_erased = erased;
    return ERR_OK;
}

/* ---- what came late ---- */

struct decided {
    struct store_erase erase;
    uint64_t hlc;
    char texts[4][ROW_NAME_SIZE];
    char actor[OP_ACTOR_MAX + 1];
};

static const char *keep_text(struct decided *decided, size_t at, struct record *record, const char *name)
{
    const struct value *value = record_value(record, name);
    size_t len = value->text.len < ROW_NAME_SIZE ? value->text.len : ROW_NAME_SIZE - 1;
    if (!value->present) {
        return NULL;
    }
    memcpy(decided->texts[at], value->text.data, len);
    decided->texts[at][len] = '\0';
    return decided->texts[at];
}

static enum err_code read_decided(struct store *store, sqlite3_stmt *s, struct decided *decided, struct error *err)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct record record;
    TRY(oplog_row(store, s, 1, column_int(s, 0), &op, supersedes, err));
    TRY(record_decode(kind_by_number(KIND_ERASURE), op.body, &record, err));
    *decided = (struct decided){ .erase = { .kind = (uint32_t)record_value(&record, "kind")->number,
                                            .subject_len = op.subject_len,
                                            .one = op.supersedes_count > 0 },
                                 .hlc = op.hlc };
    memcpy(decided->erase.subject, op.subject, op.subject_len);
    if (decided->erase.one) {
        decided->erase.op = supersedes[0];
    }
    decided->erase.ground = keep_text(decided, 0, &record, "ground");
    decided->erase.decided_by = keep_text(decided, 1, &record, "decided_by");
    decided->erase.reason = keep_text(decided, 2, &record, "reason");
    decided->erase.confirmed_by = keep_text(decided, 3, &record, "confirmed_by");
    memcpy(decided->actor, op.actor.data, op.actor.len);
    return ERR_OK;
}

/* The next erasure of a whole person, or of one record alone, that this device recorded. */
static enum err_code next_decided(struct store *store, int64_t *key, bool *ret_found, struct decided *decided,
                                  struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT o.id, o.header, o.salt, o.body FROM erasure e JOIN op o ON o.id = e.op "
        "WHERE e.op > ?1 AND (e.kind = 1 OR e.seq IS NOT NULL) AND e.op >> 40 IN (SELECT author FROM own_chain) "
        "ORDER BY e.op LIMIT 1",
        &s, err));
    bind_int(s, 1, *key);
    TRY(db_step(&store->db, s, ret_found, err));
    if (!*ret_found) {
        return ERR_OK;
    }
    *key = column_int(s, 0);
    enum err_code rc = read_decided(store, s, decided, err);
    sqlite3_reset(s);
    return rc;
}

/* Of what belongs to the person, or is the same statement under another number, that about which nothing was recorded
 * after the decision. */
static enum err_code keep_stale(struct store *store, const struct decided *decided, const struct buf *targets,
                                struct buf *stale, uint64_t *ret_records, struct error *err)
{
    *ret_records = 0;
    for (size_t at = 0; at < targets->len; at += sizeof(struct erasure)) {
        const struct erasure *target = target_at(targets, at);
        struct store_erasable counts = { 0 };
        TRY(count_target(store, target, &counts, err));
        if (counts.records > 0 && counts.newest_hlc < decided->hlc) {
            TRY(buf_append(stale, target, sizeof(*target), err));
            *ret_records += counts.records;
        }
    }
    return ERR_OK;
}

/* What came may hold the person's records back, or have come with what does: then it stays until that is settled. */
static enum err_code may_follow(struct store *store, const struct decided *decided, int64_t now_ms, bool *ret_may,
                                struct error *err)
{
    struct store_erasable held = { 0 };
    TRY(erase_holds(store, &decided->erase, clock_today(now_ms), &held, err));
    *ret_may = held.hold_count == 0 || erase_confirmed(&decided->erase);
    return ERR_OK;
}

static enum err_code follow(struct store *store, const struct decided *decided, int64_t now_ms, uint64_t *records,
                            struct error *err)
{
    uint64_t count;
    bool may = false;
    SCOPED(buf_fini) struct buf targets;
    SCOPED(buf_fini) struct buf stale;
    buf_init(&targets, SIZE_MAX / 2);
    buf_init(&stale, SIZE_MAX / 2);
    TRY(find_targets(store, &decided->erase, &targets, err));
    TRY(keep_stale(store, decided, &targets, &stale, &count, err));
    if (count > 0) {
        TRY(may_follow(store, decided, now_ms, &may, err));
    }
    if (!may) {
        return ERR_OK;
    }
    *records += count;
    return erase_targets(store, decided->actor, &decided->erase, &stale, now_ms, err);
}

static enum err_code erase_late(struct store *store, int64_t now_ms, uint64_t *records, struct error *err)
{
    int64_t key = 0;
    for (;;) {
        struct decided decided;
        bool found;
        TRY(next_decided(store, &key, &found, &decided, err));
        if (!found) {
            return ERR_OK;
        }
        TRY(follow(store, &decided, now_ms, records, err));
    }
}

enum err_code store_erase_late(struct store *store, int64_t now_ms, uint64_t *ret_records, struct error *err)
{
    uint64_t records = 0;
    *ret_records = 0;
    if (!store->enrolled || !store->erasing) {
        return ERR_OK;
    }
    TRY(replica_begin(store, err));
    TRY(replica_end(store, erase_late(store, now_ms, &records, err), err));
    *ret_records = records;
    return ERR_OK;
}
