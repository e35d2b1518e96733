/*
 * Values that a newer logical clock took the place of. A descriptive record is merged field by field, the newest value
 * standing, so that two laptops that changed the same field without hearing of each other lose one of the two from
 * sight. The list is made from the log each time, so it is the same wherever the same ops are held; what one device
 * itself wrote over its own word is no such case. Of what lasts (record.h) the later value is the one that is lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "store/read.h"
#include "store/replica.h"

/* ---- the versions of one record ---- */

struct said {
    struct op_id id;
    uint64_t hlc;
    int64_t recorded_at_ms;
    enum record_writer writer;
    char actor[OP_ACTOR_MAX + 1];
    void *body; /* the record borrows from it */
    struct record record;
};

struct saids {
    struct said *rows;
    size_t count;
};

static void saids_fini(struct saids *saids)
{
    for (size_t i = 0; i < saids->count; i++) {
        free(saids->rows[i].body);
    }
    free(saids->rows);
}

static int said_compare(const void *a, const void *b)
{
    const struct said *left = a;
    const struct said *right = b;
    if (left->hlc != right->hlc) {
        return left->hlc < right->hlc ? -1 : 1;
    }
    return op_id_compare(&left->id, &right->id);
}

static enum err_code add_said(sqlite3_stmt *s, const struct kind *kind, struct saids *saids, struct error *err)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct slice body = column_slice(s, 1);
    struct said *rows = realloc(saids->rows, (saids->count + 1) * sizeof(*rows));
    if (rows == NULL) {
        return FAIL(err, NO_MEMORY, "look for overwritten values");
    }
    saids->rows = rows;
    struct said *said = &rows[saids->count];
    TRY(op_header_decode(column_slice(s, 0), &op, supersedes, err));
    *said = (struct said){ .id = op.id,
                           .hlc = op.hlc,
                           .recorded_at_ms = op.recorded_at_ms,
                           .writer = (enum record_writer)column_int(s, 2),
                           .body = malloc(body.len + 1) };
    if (said->body == NULL) {
        return FAIL(err, NO_MEMORY, "look for overwritten values");
    }
    memcpy(said->body, body.data, body.len);
    memcpy(said->actor, op.actor.data, op.actor.len);
    saids->count++;
    return record_decode(kind, slice_of(said->body, body.len), &said->record, err);
}

static enum err_code read_saids(struct store *store, const struct kind *kind, struct slice subject, struct saids *saids,
                                struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT header, body, writer FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind = ?2 "
                     "AND kind <> 5 AND quarantine IS NULL AND body IS NOT NULL",
                     &s, err));
    bind_slice(s, 1, subject);
    bind_int(s, 2, kind->number);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        enum err_code rc = add_said(s, kind, saids, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
    if (saids->count > 1) {
        qsort(saids->rows, saids->count, sizeof(*saids->rows), said_compare);
    }
    return ERR_OK;
}

/* ---- what was looked at ---- */

/* The first review of it, by the order of recording as the reviewers' clocks had it. */
static enum err_code find_review(struct store *store, struct overwrite_row *row, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT header, body FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind = 11 AND kind <> 5 "
                     "AND quarantine IS NULL AND body IS NOT NULL",
                     &s, err));
    bind_blob(s, 1, row->subject.bytes, ROW_ID_BYTES);
    uint64_t first = UINT64_MAX;
    for (;;) {
        struct op op;
        struct op_id named[OP_SUPERSEDES_MAX];
        struct record review;
        bool found;
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        if (op_header_decode(column_slice(s, 0), &op, named, err) != ERR_OK ||
            record_decode(kind_by_number(KIND_OVERWRITE_REVIEW), column_slice(s, 1), &review, err) != ERR_OK) {
            sqlite3_reset(s);
            return ERR_DAMAGED;
        }
        bool same = op.supersedes_count == 2 && op_id_compare(&named[0], &row->old_op) == 0 &&
                    op_id_compare(&named[1], &row->new_op) == 0 &&
                    record_value(&review, "kind")->number == (int64_t)row->kind->number &&
                    record_value(&review, "field")->number == (int64_t)row->field->number;
        if (same && op.hlc < first) {
            first = op.hlc;
            row->reviewed_at_ms = op.recorded_at_ms;
            (void)snprintf(row->reviewed_by, sizeof(row->reviewed_by), "%.*s", (int)op.actor.len,
                           (const char *)op.actor.data);
        }
    }
}

/* ---- the list ---- */

struct overwrites {
    struct store *store;
    bool all;
    struct row_array rows;
    struct buf texts; /* rows hold offsets until the end */
};

static bool same_value(const struct value *a, const struct value *b)
{
    return a->number == b->number && slice_equal(a->text, b->text);
}

static enum err_code keep_value(struct overwrites *o, const struct value *value, struct value *ret, struct error *err)
{
    *ret = *value;
    ret->text.data = (const void *)o->texts.len;
    return buf_append(&o->texts, value->text.len > 0 ? value->text.data : (const void *)"", value->text.len, err);
}

static void name_row(struct overwrite_row *row)
{
    uint8_t hash[SHA256_BYTES];
    uint8_t numbers[2 * (4 + 8) + 8];
    put_be32(numbers, row->kind->number);
    put_be32(numbers + 4, row->field->number);
    put_be32(numbers + 8, row->old_op.incarnation);
    put_be64(numbers + 12, row->old_op.seq);
    put_be32(numbers + 20, row->new_op.incarnation);
    put_be64(numbers + 24, row->new_op.seq);
    struct slice parts[] = { slice_of(row->subject.bytes, ROW_ID_BYTES), slice_of(numbers, sizeof(numbers)),
                             slice_of(row->old_op.device, DEVICE_ID_BYTES),
                             slice_of(row->new_op.device, DEVICE_ID_BYTES) };
    sha256(parts, ARRAY_LEN(parts), hash);
    hex_encode(hash, (sizeof(row->id) - 1) / 2, row->id);
}

static enum err_code add_row(struct overwrites *o, struct slice subject, const struct kind *kind, size_t field,
                             const struct said *old, const struct said *now, struct error *err)
{
    struct overwrite_row row = { .kind = kind,
                                 .field = &kind->fields[field],
                                 .old_op = old->id,
                                 .new_op = now->id,
                                 .old_at_ms = old->recorded_at_ms,
                                 .new_at_ms = now->recorded_at_ms,
                                 .hlc = now->hlc,
                                 .reviewed_at_ms = OP_TIME_NONE };
    void *out;
    memcpy(row.subject.bytes, subject.data, ROW_ID_BYTES);
    memcpy(row.old_by, old->actor, sizeof(row.old_by));
    memcpy(row.new_by, now->actor, sizeof(row.new_by));
    name_row(&row);
    TRY(find_review(o->store, &row, err));
    if (row.reviewed_at_ms != OP_TIME_NONE && !o->all) {
        return ERR_OK;
    }
    TRY(keep_value(o, &old->record.values[field], &row.old_value, err));
    TRY(keep_value(o, &now->record.values[field], &row.new_value, err));
    TRY(row_array_next(&o->rows, &out, err));
    memcpy(out, &row, sizeof(row));
    return ERR_OK;
}

static enum err_code compare_said(struct overwrites *o, struct slice subject, const struct kind *kind, size_t field,
                                  const struct said **old, const struct said *now, struct error *err)
{
    if (!now->record.values[field].present) {
        return ERR_OK;
    }
    const struct said *before = *old;
    /* of what lasts the first stands, of each side's, and what came later gave way */
    bool lasting = kind->fields[field].lasting && (before == NULL || before->writer == now->writer);
    *old = lasting && before != NULL ? before : now;
    bool overwritten = before != NULL && memcmp(before->id.device, now->id.device, DEVICE_ID_BYTES) != 0 &&
                       !same_value(&before->record.values[field], &now->record.values[field]);
    if (!overwritten) {
        return ERR_OK;
    }
    return lasting ? add_row(o, subject, kind, field, now, before, err)
                   : add_row(o, subject, kind, field, before, now, err);
}

/* In the order in which one stands over the other: what is the centre's to say comes last, as the centre said it. */
static enum err_code compare_field(struct overwrites *o, struct slice subject, const struct kind *kind, size_t field,
                                   const struct saids *saids, struct error *err)
{
    const struct said *old = NULL;
    bool of_centre = kind->fields[field].of_centre;
    for (int last = 0; last <= of_centre; last++) {
        for (size_t i = 0; i < saids->count; i++) {
            if (!of_centre || (saids->rows[i].writer == WRITER_CENTRE) == last) {
                TRY(compare_said(o, subject, kind, field, &old, &saids->rows[i], err));
            }
        }
    }
    return ERR_OK;
}

static enum err_code look_at(struct overwrites *o, struct slice subject, uint32_t number, struct error *err)
{
    const struct kind *kind = kind_by_number(number);
    SCOPED(saids_fini) struct saids saids = { 0 };
    TRY(read_saids(o->store, kind, subject, &saids, err));
    for (size_t field = 0; field < kind->field_count; field++) {
        TRY(compare_field(o, subject, kind, field, &saids, err));
    }
    return ERR_OK;
}

struct candidate {
    uint8_t subject[OP_ENTITY_BYTES];
    uint32_t kind;
};

/* Records that were said in several ops; the events of a referral are a history and no merge. */
static enum err_code find_candidates(struct store *store, struct buf *out, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT subject, kind FROM op INDEXED BY op_subject WHERE kind <> 5 AND kind IN (1, 2, 4, 6, 7, 8, 9) "
        "AND length(subject) = 16 GROUP BY subject, kind HAVING count(DISTINCT id >> 40) > 1",
        &s, err));
    for (;;) {
        struct candidate candidate = { 0 };
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        (void)column_fixed(s, 0, candidate.subject, OP_ENTITY_BYTES);
        candidate.kind = (uint32_t)column_int(s, 1);
        enum err_code rc = buf_append(out, &candidate, sizeof(candidate), err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static int row_compare(const void *a, const void *b)
{
    const struct overwrite_row *left = a;
    const struct overwrite_row *right = b;
    return left->hlc != right->hlc ? (left->hlc < right->hlc ? 1 : -1) : strcmp(left->id, right->id);
}

static enum err_code collect_all(struct overwrites *o, struct error *err)
{
    SCOPED(buf_fini) struct buf candidates;
    buf_init(&candidates, SIZE_MAX / 2);
    TRY(find_candidates(o->store, &candidates, err));
    for (size_t at = 0; at < candidates.len; at += sizeof(struct candidate)) {
        struct candidate candidate;
        memcpy(&candidate, candidates.data + at, sizeof(candidate));
        TRY(look_at(o, slice_of(candidate.subject, OP_ENTITY_BYTES), candidate.kind, err));
    }
    return ERR_OK;
}

static void place_text(struct value *value, const struct buf *texts)
{
    value->text.data = value->text.len > 0 ? texts->data + (uintptr_t)value->text.data : NULL;
}

enum err_code query_overwrites(struct store *store, bool all, size_t limit, struct overwrite_list *ret_list,
                               struct error *err)
{
    struct overwrites o = { .store = store, .all = all, .rows = { .size = sizeof(struct overwrite_row) } };
    buf_init(&o.texts, SIZE_MAX / 2);
    enum err_code rc = collect_all(&o, err);
    if (rc != ERR_OK) {
        row_array_fini(&o.rows);
        buf_fini(&o.texts);
        return rc;
    }
    struct overwrite_row *rows = o.rows.rows;
    if (o.rows.count > 1) {
        qsort(rows, o.rows.count, sizeof(*rows), row_compare);
    }
    for (size_t i = 0; i < o.rows.count; i++) {
        place_text(&rows[i].old_value, &o.texts);
        place_text(&rows[i].new_value, &o.texts);
    }
    bool more = o.rows.count > limit;
    *ret_list = (struct overwrite_list){
        .rows = rows, .count = more ? limit : o.rows.count, .more = more, .owned = o.texts.data
    };
    return ERR_OK;
}

/* ---- marking ---- */

static enum err_code record_review(struct store *store, const char *actor, const struct overwrite_row *row,
                                   int64_t now_ms, int64_t offset_ms, struct error *err)
{
    struct record record;
    struct op_id named[2] = { row->old_op, row->new_op };
    record_init(&record, kind_by_number(KIND_OVERWRITE_REVIEW));
    record_set_number(&record, "kind", row->kind->number);
    record_set_number(&record, "field", row->field->number);
    buf_clear(&store->body);
    TRY(record_encode(&record, &store->body, err));
    struct op op = { .kind = KIND_OVERWRITE_REVIEW,
                     .subject_len = OP_ENTITY_BYTES,
                     .actor = slice_of_text(actor),
                     .recorded_at_ms = now_ms,
                     .offset_ms = offset_ms,
                     .happened_at_ms = OP_TIME_NONE,
                     .supersedes = named,
                     .supersedes_count = ARRAY_LEN(named),
                     .body = buf_slice(&store->body) };
    memcpy(op.subject, row->subject.bytes, OP_ENTITY_BYTES);
    return op_record(store, &op, now_ms, err);
}

static enum err_code review_rows(struct store *store, const char *actor, const struct overwrite_list *list,
                                 const char *id, int64_t now_ms, size_t *reviewed, struct error *err)
{
    struct store_sync sync;
    TRY(store_sync_read(store, &sync, err));
    for (size_t i = 0; i < list->count; i++) {
        if (id == NULL || strcmp(list->rows[i].id, id) == 0) {
            TRY(record_review(store, actor, &list->rows[i], now_ms, sync.clock_offset_ms, err));
            (*reviewed)++;
        }
    }
    return op_recorded(store, err);
}

enum err_code store_overwrites_review(struct store *store, const char *actor, const char *id, int64_t now_ms,
                                      size_t *ret_reviewed, struct error *err)
{
    size_t reviewed = 0;
    size_t len = strlen(actor);
    SCOPED(overwrite_list_fini) struct overwrite_list list = { 0 };
    if (!store->enrolled) {
        return FAIL(err, NOT_ENROLLED, "review overwritten values: this machine is not enrolled");
    }
    if (len == 0 || len > OP_ACTOR_MAX) {
        return FAIL(err, INVALID, "review: the actor's name must have 1 to %d bytes", OP_ACTOR_MAX);
    }
    TRY(query_overwrites(store, false, QUERY_LIMIT_MAX, &list, err));
    TRY(replica_begin(store, err));
    TRY(replica_end(store, review_rows(store, actor, &list, id, now_ms, &reviewed, err), err));
    if (id != NULL && reviewed == 0) {
        return FAIL(err, NOT_FOUND, "find the overwritten value: none that waits for a review has this id");
    }
    *ret_reviewed = reviewed;
    return ERR_OK;
}
