/*
 * Erasing bodies at the centre, by the same rule as on every replica (store/record.h): what an erasure covers follows
 * from headers, so an op that comes after its erasure is kept as if it had come erased.
 *
 *     a run with erasures ── all kept ──► one walk over the site's log (erase_walk.c) ──► bodies, salts, seeds gone
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

/* ---- salts ---- */

#define BLOCK_ROWS                                                                                                     \
    "FROM run r JOIN op o ON o.id BETWEEN r.first_op + max(r.first_seq, ?2) - r.first_seq "                            \
    "AND r.first_op + min(r.last_seq, ?3) - r.first_seq WHERE r.author = ?1 AND r.first_seq <= ?3 AND r.last_seq >= "  \
    "?2 "

static void bind_block(sqlite3_stmt *s, int64_t author, uint64_t block)
{
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)(block * OP_SALT_BLOCK + 1));
    bind_int(s, 3, (int64_t)((block + 1) * OP_SALT_BLOCK));
}

enum err_code centre_block_has_erased(struct centre_store *store, int64_t author, uint64_t block, bool *ret_has,
                                      struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 " BLOCK_ROWS "AND o.body IS NULL LIMIT 1", &s, err));
    bind_block(s, author, block);
    TRY(db_step(&store->db, s, ret_has, err));
    sqlite3_reset(s);
    return ERR_OK;
}

struct salted_row {
    int64_t id;
    uint64_t seq;
};

static enum err_code salted_in_block(struct centre_store *store, int64_t author, uint64_t block, struct buf *rows,
                                     struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT o.id, o.seq " BLOCK_ROWS "AND o.salt IS NULL AND o.body IS NOT NULL", &s,
                     err));
    bind_block(s, author, block);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct salted_row salted = { .id = column_int(s, 0), .seq = (uint64_t)column_int(s, 1) };
        enum err_code rc = buf_append(rows, &salted, sizeof(salted), err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static enum err_code write_salt(struct centre_store *store, const struct salted_row *row,
                                const uint8_t seed[OP_SEED_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    uint8_t salt[OP_SALT_BYTES];
    op_salt(seed, row->seq, salt);
    TRY(db_statement(&store->db, "UPDATE op SET salt = ?2 WHERE id = ?1", &s, err));
    bind_int(s, 1, row->id);
    bind_blob(s, 2, salt, sizeof(salt));
    return db_run(&store->db, s, err);
}

enum err_code centre_salts_spread(struct centre_store *store, int64_t author, uint64_t block, struct error *err)
{
    uint8_t seed[OP_SEED_BYTES];
    bool found;
    sqlite3_stmt *s;
    SCOPED(buf_fini) struct buf rows;
    buf_init(&rows, 2 * OP_SALT_BLOCK * sizeof(struct salted_row));
    TRY(seed_find(store, author, block, seed, &found, err));
    if (!found) {
        return ERR_OK;
    }
    TRY(salted_in_block(store, author, block, &rows, err));
    for (size_t at = 0; at < rows.len; at += sizeof(struct salted_row)) {
        struct salted_row row;
        memcpy(&row, rows.data + at, sizeof(row));
        TRY(write_salt(store, &row, seed, err));
    }
    TRY(db_statement(&store->db, "DELETE FROM salt_seed WHERE author = ?1 AND block = ?2", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)block);
    store->erased = true;
    return db_run(&store->db, s, err);
}

/* ---- which there are ---- */

enum err_code centre_erasing(struct centre_store *store, int64_t site, bool *ret_erasing, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 FROM erasure WHERE site = ?1 LIMIT 1", &s, err));
    bind_int(s, 1, site);
    TRY(db_step(&store->db, s, ret_erasing, err));
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code centre_erasure_keep(struct centre_store *store, int64_t site, int64_t op_row,
                                  const struct erasure *erasure, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO erasure VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", &s,
                     err));
    bind_int(s, 1, op_row);
    bind_int(s, 2, site);
    bind_blob(s, 3, erasure->subject, erasure->subject_len);
    bind_int(s, 4, erasure->kind);
    bind_int(s, 5, erasure->writer);
    bind_int(s, 6, (int64_t)erasure->hlc);
    if (erasure->one) {
        bind_blob(s, 7, erasure->op.device, DEVICE_ID_BYTES);
        bind_int(s, 8, erasure->op.incarnation);
        bind_int(s, 9, (int64_t)erasure->op.seq);
    } else {
        bind_null(s, 7);
        bind_null(s, 8);
        bind_null(s, 9);
    }
    bind_int(s, 10, op_row_id(site, 0));
    store->erase_due = true;
    return db_run(&store->db, s, err);
}

void erasure_of_row(sqlite3_stmt *s, struct erasure *erasure)
{
    struct slice subject = column_slice(s, 0);
    *erasure = (struct erasure){ .subject_len = (uint8_t)(subject.len <= OP_SUBJECT_MAX ? subject.len : 0),
                                 .kind = (uint32_t)column_int(s, 1),
                                 .writer = (enum record_writer)column_int(s, 2),
                                 .hlc = (uint64_t)column_int(s, 3),
                                 .one = sqlite3_column_type(s, 6) != SQLITE_NULL };
    memcpy(erasure->subject, subject.data, erasure->subject_len);
    (void)column_fixed(s, 4, erasure->op.device, DEVICE_ID_BYTES);
    erasure->op.incarnation = (uint32_t)column_int(s, 5);
    erasure->op.seq = (uint64_t)column_int(s, 6);
}

enum err_code centre_erasure_find(struct centre_store *store, int64_t site, const struct op *op,
                                  enum record_writer writer, bool *ret_covered, struct error *err)
{
    sqlite3_stmt *s;
    *ret_covered = false;
    TRY(db_statement(&store->db,
                     "SELECT subject, kind, writer, hlc, device, incarnation, seq FROM erasure "
                     "WHERE site = ?1 AND subject IN (?2, ?3) AND hlc > ?4",
                     &s, err));
    bind_int(s, 1, site);
    bind_blob(s, 2, op->subject, op->subject_len);
    bind_blob(s, 3, op->subject, OP_ENTITY_BYTES);
    bind_int(s, 4, (int64_t)op->hlc);
    for (;;) {
        struct erasure erasure;
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        erasure_of_row(s, &erasure);
        if (erasure_covers(&erasure, op, writer)) {
            *ret_covered = true;
            sqlite3_reset(s);
            return ERR_OK;
        }
    }
}

/* ---- may it be? ---- */

/* A device belongs to one site for ever; one that wrote nothing here and is another's never will. */
static enum err_code is_foreign(struct centre_store *store, int64_t site, const uint8_t device[DEVICE_ID_BYTES],
                                bool *ret_foreign, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT 1 FROM device d WHERE d.device = ?2 AND d.site <> ?1 "
                     "AND NOT EXISTS (SELECT 1 FROM author w WHERE w.site = ?1 AND w.device = ?2)",
                     &s, err));
    bind_int(s, 1, site);
    bind_blob(s, 2, device, DEVICE_ID_BYTES);
    TRY(db_step(&store->db, s, ret_foreign, err));
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code judge_held(struct centre_store *store, const struct centre_author *author,
                                const struct erasure *erasure, enum err_code *ret_admitted, struct error *reason,
                                struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT o.header FROM run r JOIN op o ON o.id = r.first_op + ?2 - r.first_seq "
                     "WHERE r.author = ?1 AND r.first_seq <= ?2 AND r.last_seq >= ?2",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)erasure->op.seq);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    struct op named;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    enum err_code rc = op_header_decode(column_slice(s, 0), &named, supersedes, err);
    if (rc == ERR_OK) {
        *ret_admitted = erasure_fits(erasure, &named, author->writer, reason);
    }
    sqlite3_reset(s);
    return rc;
}

enum err_code centre_erasure_admit(struct centre_store *store, const struct centre_site *site, const struct op *op,
                                   enum record_writer writer, enum err_code *ret_admitted, struct error *reason,
                                   struct error *err)
{
    struct erasure erasure;
    struct centre_author author;
    bool foreign;
    *ret_admitted = ERR_OK;
    TRY(erasure_read(op, writer, &erasure, err));
    if (!erasure.one) {
        return ERR_OK;
    }
    TRY(is_foreign(store, site->id, erasure.op.device, &foreign, err));
    if (foreign) {
        *ret_admitted = FAIL(reason, REFUSED, "take an erasure: the record that it names is another site's");
        return ERR_OK;
    }
    TRY(author_find(store, site, erasure.op.device, erasure.op.incarnation, &author, err));
    return author.id != 0 ? judge_held(store, &author, &erasure, ret_admitted, reason, err) : ERR_OK;
}

/* ---- what an older version kept without knowing it ---- */

struct keeping {
    struct centre_store *store;
    int64_t site;
};

static enum err_code keep_unknown(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    const struct keeping *k = context;
    struct erasure erasure;
    struct error reason;
    enum record_writer writer = (enum record_writer)column_int(s, 8);
    if (record_admit(op, writer, &reason) != ERR_OK) {
        return ERR_OK;
    }
    TRY(erasure_read(op, writer, &erasure, err));
    return centre_erasure_keep(k->store, k->site, column_int(s, 0), &erasure, err);
}

static enum err_code know_site(struct centre_store *store, int64_t site, struct error *err)
{
    sqlite3_stmt *s;
    struct keeping k = { store, site };
    TRY(op_rows_of(store, OPS_OF_KINDS("10") " AND o.quarantine IS NULL", site, &s, err));
    return op_each(store, s, keep_unknown, &k, err);
}

static enum err_code know_all(struct centre_store *store, struct error *err)
{
    struct centre_site *sites = NULL;
    size_t count = 0;
    TRY(centre_sites(store, &sites, &count, err));
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = know_site(store, sites[i].id, err);
    }
    free(sites);
    sqlite3_stmt *s;
    struct centre_judged unused = { 0 };
    TRY(rc);
    TRY(centre_judge_sites(store, &unused, err));
    TRY(db_statement(&store->db, "UPDATE judged SET rules = ?1", &s, err));
    bind_int(s, 1, RECORD_RULES);
    return db_run(&store->db, s, err);
}

enum err_code centre_erase_open(struct centre_store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool due;
    TRY(db_statement(&store->db, "SELECT 1 FROM judged WHERE rules <> ?1", &s, err));
    bind_int(s, 1, RECORD_RULES);
    TRY(db_step(&store->db, s, &due, err));
    sqlite3_reset(s);
    if (due) {
        TRY(db_begin(&store->db, err));
        TRY(db_end(&store->db, know_all(store, err), err));
    }
    store->erase_due = true; /* the last run may have ended before it was through */
    return ERR_OK;
}

/* ---- the centre's own records about a person ---- */

/* A doubt of which the centre said something. */
struct doubt_said {
    uint8_t id[OP_ENTITY_BYTES];
    bool held; /* it is not erased */
    bool of_person;
};

struct finding {
    struct centre_store *store;
    const struct centre_site *site;
    const uint8_t *participant;
    struct buf *targets;   /* struct centre_erase_target */
    struct buf doubts;     /* struct doubt_said */
    struct buf placements; /* ids of those of the person */
    uint64_t of_others;
};

static enum err_code walk(struct finding *f, const char *sql, op_visit_fn look, struct error *err)
{
    sqlite3_stmt *s;
    TRY(op_rows_of(f->store, sql, f->site->id, &s, err));
    return op_each(f->store, s, look, f, err);
}

static bool names_person(const struct op *op, const uint8_t *participant)
{
    struct record record;
    const struct kind *kind = kind_by_number(op->kind);
    if (kind == NULL || record_decode(kind, op->body, &record, NULL) != ERR_OK) {
        return false;
    }
    int index = kind_field_index(kind, "participant");
    return index >= 0 && record.values[index].present &&
           slice_equal(record.values[index].text, slice_of(participant, OP_ENTITY_BYTES));
}

static struct doubt_said *doubt_said(const struct finding *f, const uint8_t id[OP_ENTITY_BYTES])
{
    for (size_t at = 0; at < f->doubts.len; at += sizeof(struct doubt_said)) {
        struct doubt_said *doubt = (struct doubt_said *)(void *)(f->doubts.data + at);
        if (memcmp(doubt->id, id, OP_ENTITY_BYTES) == 0) {
            return doubt;
        }
    }
    return NULL;
}

static enum err_code look_event(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    struct finding *f = context;
    struct doubt_said fresh = { .held = false };
    if (column_int(s, 8) != WRITER_CENTRE || doubt_said(f, op->subject) != NULL) {
        return ERR_OK;
    }
    memcpy(fresh.id, op->subject, OP_ENTITY_BYTES);
    return buf_append(&f->doubts, &fresh, sizeof(fresh), err);
}

static enum err_code look_placement(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    (void)s;
    struct finding *f = context;
    return names_person(op, f->participant) ? buf_append(&f->placements, op->subject, OP_ENTITY_BYTES, err) : ERR_OK;
}

static enum err_code look_doubt(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    (void)s;
    (void)err;
    struct finding *f = context;
    struct record record;
    struct doubt_said *doubt = doubt_said(f, op->subject);
    if (doubt == NULL || record_decode(kind_by_number(KIND_COMPLIANCE_DOUBT), op->body, &record, NULL) != ERR_OK) {
        return ERR_OK;
    }
    doubt->held = true;
    for (size_t at = 0; at < f->placements.len; at += OP_ENTITY_BYTES) {
        doubt->of_person = doubt->of_person || slice_equal(record_value(&record, "placement")->text,
                                                           slice_of(f->placements.data + at, OP_ENTITY_BYTES));
    }
    return ERR_OK;
}

/* An event names nobody: its doubt says whose it is, by its placement. */
static enum err_code find_doubts(struct finding *f, struct error *err)
{
    TRY(walk(f, OPS_OF_KINDS("28") " AND o.body IS NOT NULL", look_event, err));
    if (f->doubts.len == 0) {
        return ERR_OK;
    }
    TRY(walk(f, OPS_OF_KINDS("4") " AND o.body IS NOT NULL AND o.quarantine IS NULL", look_placement, err));
    return walk(f, OPS_OF_KINDS("27") " AND o.body IS NOT NULL AND o.quarantine IS NULL", look_doubt, err);
}

/* Of an erased doubt nobody knows any more whose it was: what became of it goes whoever is erased next. */
static bool is_of_doubt(const struct finding *f, const struct op *op)
{
    const struct doubt_said *doubt = op->kind == KIND_DOUBT_EVENT ? doubt_said(f, op->subject) : NULL;
    return doubt != NULL && (doubt->of_person || !doubt->held);
}

static struct centre_erase_target *target_of(struct buf *targets, const struct op *op)
{
    for (size_t at = 0; at < targets->len; at += sizeof(struct centre_erase_target)) {
        struct centre_erase_target *target = (struct centre_erase_target *)(void *)(targets->data + at);
        if (erasure_kind_covers(target->kind, op->kind) && memcmp(target->subject, op->subject, OP_ENTITY_BYTES) == 0) {
            return target;
        }
    }
    return NULL;
}

static enum err_code find_in(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    struct finding *f = context;
    enum record_writer writer = (enum record_writer)column_int(s, 8);
    bool covered;
    bool person = op->kind == KIND_PARTICIPANT && memcmp(op->subject, f->participant, OP_ENTITY_BYTES) == 0;
    struct centre_erase_target *target = target_of(f->targets, op);
    if (target == NULL && !person && !names_person(op, f->participant) && !is_of_doubt(f, op)) {
        return ERR_OK;
    }
    TRY(centre_erasure_find(f->store, f->site->id, op, writer, &covered, err));
    if (covered) {
        return ERR_OK; /* a walk that is under way takes it */
    }
    if (writer != WRITER_CENTRE) {
        f->of_others++;
        return ERR_OK;
    }
    if (target == NULL) {
        struct centre_erase_target fresh = { .kind = op->kind };
        memcpy(fresh.subject, op->subject, OP_ENTITY_BYTES);
        TRY(buf_append(f->targets, &fresh, sizeof(fresh), err));
        target = target_of(f->targets, op);
    }
    target->records++;
    target->newest_hlc = op->hlc > target->newest_hlc ? op->hlc : target->newest_hlc;
    return ERR_OK;
}

/* That the person went is said all the same: what went may have spoken for them, and names nobody any more. */
static enum err_code say_person(const struct finding *f, struct error *err)
{
    struct centre_erase_target person = { .kind = KIND_PARTICIPANT };
    struct op about = { .kind = KIND_PARTICIPANT };
    memcpy(about.subject, f->participant, OP_ENTITY_BYTES);
    memcpy(person.subject, f->participant, OP_ENTITY_BYTES);
    return f->targets->len == 0 || target_of(f->targets, &about) != NULL
               ? ERR_OK
               : buf_append(f->targets, &person, sizeof(person), err);
}

enum err_code centre_erase_find(struct centre_store *store, const struct centre_site *site,
                                const uint8_t participant[OP_ENTITY_BYTES], struct buf *ret_targets,
                                uint64_t *ret_of_others, struct error *err)
{
    struct finding f = { .store = store, .site = site, .participant = participant, .targets = ret_targets };
    buf_init(&f.doubts, SIZE_MAX / 2);
    buf_init(&f.placements, SIZE_MAX / 2);
    enum err_code rc = find_doubts(&f, err);
    rc = rc == ERR_OK ? walk(&f,
                             "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND o.body IS NOT NULL "
                             "AND o.kind NOT IN (5, 10, 11)",
                             find_in, err)
                      : rc;
    rc = rc == ERR_OK ? say_person(&f, err) : rc;
    buf_fini(&f.doubts);
    buf_fini(&f.placements);
    if (rc == ERR_OK) {
        *ret_of_others = f.of_others;
    }
    return rc;
}
