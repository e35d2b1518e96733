/*
 * Doubts as the centre sees them, and what holds an erasure back. It keeps no tables: what bears on them is taken out
 * of a site's log into tables in memory, which the very code of a replica folds, so that both sides come to the same.
 *
 * Nearly all of a log is attendance, and little of it is of a placement in question. Where that is, attendance_of
 * knows, which is brought up to the log's head here, whenever it is needed, and not as records are taken.
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/doubts.h"
#include "store/centre/tables.h"
#include "store/replica.h"

static int id_compare(const void *a, const void *b)
{
    return memcmp(a, b, OP_ENTITY_BYTES);
}

static bool is_among(const struct buf *ids, const uint8_t *id)
{
    return ids->len > 0 && bsearch(id, ids->data, ids->len / OP_ENTITY_BYTES, OP_ENTITY_BYTES, id_compare) != NULL;
}

/* Ascending, each once. */
static void sort_once(struct buf *ids)
{
    size_t kept = 0;
    if (ids->len > 0) {
        qsort(ids->data, ids->len / OP_ENTITY_BYTES, OP_ENTITY_BYTES, id_compare);
    }
    for (size_t at = 0; at < ids->len; at += OP_ENTITY_BYTES) {
        if (kept == 0 || id_compare(ids->data + kept - OP_ENTITY_BYTES, ids->data + at) != 0) {
            memmove(ids->data + kept, ids->data + at, OP_ENTITY_BYTES);
            kept += OP_ENTITY_BYTES;
        }
    }
    ids->len = kept;
}

static enum err_code add_doubted(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    (void)s;
    struct record record;
    TRY(record_decode(kind_by_number(KIND_COMPLIANCE_DOUBT), op->body, &record, err));
    return buf_append(context, record_value(&record, "placement")->text.data, OP_ENTITY_BYTES, err);
}

/* The placements that doubts of the site are about, ascending, each once; an erased doubt names none. */
static enum err_code doubted_placements(struct centre_store *store, const struct centre_site *site,
                                        struct buf *placements, struct error *err)
{
    sqlite3_stmt *s;
    TRY(op_rows_of(store, OPS_OF_KINDS("27") " AND o.quarantine IS NULL AND o.body IS NOT NULL", site->id, &s, err));
    TRY(op_each(store, s, add_doubted, placements, err));
    sort_once(placements);
    return ERR_OK;
}

/* ---- where a placement's attendance is ---- */

enum { READ_AT_ONCE = 50000 }; /* positions, one transaction */

static enum err_code note_attendance(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    struct centre_store *store = context;
    sqlite3_stmt *note;
    TRY(db_statement(&store->db, "INSERT INTO attendance_of VALUES (?1, ?2)", &note, err));
    bind_blob(note, 1, op->subject, OP_ENTITY_BYTES); /* a session's id begins with its placement's */
    bind_int(note, 2, column_int(s, 0));
    return db_run(&store->db, note, err);
}

/* What stands after `from` up to `to`, and that it was read. */
static enum err_code read_on(struct centre_store *store, int64_t site, uint64_t from, uint64_t to, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id <= ?2 AND o.kind = 5", &s,
                     err));
    bind_int(s, 1, op_row_id(site, from));
    bind_int(s, 2, op_row_id(site, to));
    TRY(op_each(store, s, note_attendance, store, err));
    TRY(db_statement(&store->db, "UPDATE site SET attendance_read = ?2 WHERE id = ?1", &s, err));
    bind_int(s, 1, site);
    bind_int(s, 2, (int64_t)to);
    return db_run(&store->db, s, err);
}

static enum err_code read_to_head(struct centre_store *store, int64_t site, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT attendance_read, head FROM site WHERE id = ?1", &s, err));
    bind_int(s, 1, site);
    TRY(db_step(&store->db, s, &row, err));
    uint64_t at = (uint64_t)column_int(s, 0);
    uint64_t head = (uint64_t)column_int(s, 1);
    sqlite3_reset(s);
    while (at < head) {
        uint64_t to = head - at > READ_AT_ONCE ? at + READ_AT_ONCE : head;
        TRY(db_begin(&store->db, err));
        TRY(db_end(&store->db, read_on(store, site, at, to, err), err));
        at = to;
    }
    return ERR_OK;
}

/* ---- what bears on them ---- */

struct taking {
    const struct buf *placements;
    struct store *scratch;
};

/* Of the placements those in question: sessions are laid out for them alone. Of erasures those of people. */
static enum err_code take_row(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    const struct taking *t = context;
    enum record_writer writer = (enum record_writer)column_int(s, 8);
    struct erasure erasure = { .kind = KIND_PARTICIPANT };
    if (op->kind == KIND_ERASURE) {
        TRY(erasure_read(op, writer, &erasure, err));
    }
    bool bears = op->kind == KIND_PLACEMENT ? is_among(t->placements, op->subject) : erasure.kind == KIND_PARTICIPANT;
    return bears ? scratch_add(t->scratch, op, column_slice(s, 3), writer, err) : ERR_OK;
}

static enum err_code take_ops(struct centre_store *store, const struct centre_site *site, const struct buf *placements,
                              struct store *scratch, struct error *err)
{
    sqlite3_stmt *s;
    struct taking t = { placements, scratch };
    TRY(op_rows_of(store,
                   OPS_OF_KINDS("1, 2, 3, 4, 6, 8, 9, 10, 14, 17, 18, 19, 26, 27, 28, 29") " AND o.quarantine IS NULL",
                   site->id, &s, err));
    TRY(op_each(store, s, take_row, &t, err));
    for (size_t at = 0; at < placements->len; at += OP_ENTITY_BYTES) {
        TRY(op_rows_of(store,
                       "SELECT " OP_COLUMNS " FROM attendance_of a CROSS JOIN op o ON o.id = a.op "
                       "WHERE a.placement = ?3 AND a.op > ?1 AND a.op < ?2 AND o.quarantine IS NULL",
                       site->id, &s, err));
        bind_blob(s, 3, placements->data + at, OP_ENTITY_BYTES);
        TRY(op_each(store, s, take_row, &t, err));
    }
    return ERR_OK;
}

static enum err_code fold_placements(struct centre_store *store, const struct centre_site *site,
                                     const struct buf *placements, int32_t today, struct store *scratch,
                                     struct error *err)
{
    if (placements->len > 0) {
        TRY(read_to_head(store, site->id, err));
    }
    TRY(db_begin(&scratch->db, err));
    TRY(db_end(&scratch->db, take_ops(store, site, placements, scratch, err), err));
    return scratch_fold(scratch, today, err);
}

/* ---- whose they are ---- */

static enum err_code take_merges(struct centre_store *store, const struct centre_site *site, struct store *scratch,
                                 struct error *err)
{
    static const struct buf none;
    sqlite3_stmt *s;
    struct taking t = { &none, scratch };
    TRY(op_rows_of(store, OPS_OF_KINDS("26") " AND o.quarantine IS NULL", site->id, &s, err));
    return op_each(store, s, take_row, &t, err);
}

/* All records of the people of whom some are given, by the merges of the site, sure or not. */
static enum err_code add_merged(struct centre_store *store, const struct centre_site *site, int32_t today,
                                struct buf *people, struct error *err)
{
    struct store *scratch;
    size_t given = people->len;
    TRY(scratch_open(programme_default(), &scratch, err));
    enum err_code rc = db_begin(&scratch->db, err);
    if (rc == ERR_OK) {
        rc = db_end(&scratch->db, take_merges(store, site, scratch, err), err);
    }
    if (rc == ERR_OK) {
        rc = scratch_fold(scratch, today, err);
    }
    for (size_t at = 0; rc == ERR_OK && at < given; at += OP_ENTITY_BYTES) {
        uint8_t participant[OP_ENTITY_BYTES]; /* the buffer may move */
        memcpy(participant, people->data + at, OP_ENTITY_BYTES);
        rc = person_records(scratch, participant, false, people, err);
    }
    store_close(scratch);
    sort_once(people);
    return rc;
}

struct placing {
    const struct buf *these; /* people, or placements */
    struct buf *found;       /* the others */
};

static enum err_code add_person(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    (void)s;
    const struct placing *p = context;
    struct record record;
    TRY(record_decode(kind_by_number(KIND_PLACEMENT), op->body, &record, err));
    const struct value *participant = record_value(&record, "participant");
    return participant->present && is_among(p->these, op->subject)
               ? buf_append(p->found, participant->text.data, OP_ENTITY_BYTES, err)
               : ERR_OK;
}

static enum err_code add_placement(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    (void)s;
    const struct placing *p = context;
    struct record record;
    TRY(record_decode(kind_by_number(KIND_PLACEMENT), op->body, &record, err));
    const struct value *participant = record_value(&record, "participant");
    return participant->present && is_among(p->these, participant->text.data)
               ? buf_append(p->found, op->subject, OP_ENTITY_BYTES, err)
               : ERR_OK;
}

static enum err_code each_placement(struct centre_store *store, const struct centre_site *site, const struct buf *these,
                                    enum err_code (*add)(void *context, const struct op *op, sqlite3_stmt *s,
                                                         struct error *err),
                                    struct buf *found, struct error *err)
{
    sqlite3_stmt *s;
    struct placing p = { these, found };
    TRY(op_rows_of(store, OPS_OF_KINDS("4") " AND o.quarantine IS NULL AND o.body IS NOT NULL", site->id, &s, err));
    TRY(op_each(store, s, add, &p, err));
    sort_once(found);
    return ERR_OK;
}

/* Those of which any record names one of the people are added; whose each is the fold says. */
static enum err_code add_placements_of(struct centre_store *store, const struct centre_site *site,
                                       const struct buf *people, struct buf *placements, struct error *err)
{
    return each_placement(store, site, people, add_placement, placements, err);
}

/* What is on record of a person's other placements bears on a doubt. */
static enum err_code add_others_of_their_people(struct centre_store *store, const struct centre_site *site,
                                                int32_t today, struct buf *placements, struct error *err)
{
    SCOPED(buf_fini) struct buf people;
    buf_init(&people, SIZE_MAX / 2);
    TRY(each_placement(store, site, placements, add_person, &people, err));
    TRY(add_merged(store, site, today, &people, err));
    return add_placements_of(store, site, &people, placements, err);
}

/* ---- what the centre answers ---- */

static enum err_code fold_site(struct centre_store *store, const struct centre_site *site, int32_t today,
                               struct store *scratch, bool *ret_any, struct error *err)
{
    SCOPED(buf_fini) struct buf placements;
    buf_init(&placements, SIZE_MAX / 2);
    TRY(doubted_placements(store, site, &placements, err));
    *ret_any = placements.len > 0;
    if (!*ret_any) {
        return ERR_OK;
    }
    TRY(add_others_of_their_people(store, site, today, &placements, err));
    return fold_placements(store, site, &placements, today, scratch, err);
}

static enum err_code ask(struct centre_store *store, const struct centre_site *site, int32_t today, const char *digits,
                         struct doubt_list *list, struct doubt_row *row, struct error *err)
{
    struct store *scratch;
    bool any;
    TRY(scratch_open(programme_default(), &scratch, err));
    enum err_code rc = fold_site(store, site, today, scratch, &any, err);
    if (rc == ERR_OK && list != NULL) {
        rc = query_doubts(scratch, true, QUERY_LIMIT_MAX, list, err);
    } else if (rc == ERR_OK) {
        rc = query_doubt(scratch, digits, row, err);
    }
    store_close(scratch);
    return rc;
}

enum err_code centre_doubts(struct centre_store *store, const struct centre_site *site, int32_t today,
                            struct doubt_list *ret_list, struct error *err)
{
    return ask(store, site, today, NULL, ret_list, NULL, err);
}

enum err_code centre_doubt(struct centre_store *store, const struct centre_site *site, int32_t today,
                           const char *digits, struct doubt_row *ret_row, struct error *err)
{
    return ask(store, site, today, digits, NULL, ret_row, err);
}

/* ---- what holds an erasure back ---- */

enum err_code centre_erase_holds(struct centre_store *store, const struct centre_site *site,
                                 const struct store_erase *erase, int32_t today, struct store_erasable *ret_holds,
                                 struct error *err)
{
    struct store *scratch;
    struct store_erasable holds = { 0 };
    SCOPED(buf_fini) struct buf people;
    SCOPED(buf_fini) struct buf placements;
    buf_init(&people, SIZE_MAX / 2);
    buf_init(&placements, SIZE_MAX / 2);
    TRY(buf_append(&people, erase->subject, OP_ENTITY_BYTES, err));
    TRY(add_merged(store, site, today, &people, err));
    TRY(add_placements_of(store, site, &people, &placements, err));
    TRY(scratch_open(programme_default(), &scratch, err));
    enum err_code rc = fold_placements(store, site, &placements, today, scratch, err);
    if (rc == ERR_OK) {
        rc = erase_holds(scratch, erase, today, &holds, err);
    }
    store_close(scratch);
    if (rc == ERR_OK) {
        *ret_holds = holds;
    }
    return rc;
}
