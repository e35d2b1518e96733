/*
 * For descriptive records the ops of the subject are read from the log, put in order of (hlc, device, incarnation, seq)
 * and merged field by field, the later value standing; of what lasts (record.h) the first. So arrival order cannot
 * matter, and a rebuild is the same code.
 */
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"

void merged_fini(struct merged *merged)
{
    free(merged->versions);
    for (size_t i = 0; i < merged->kept_count; i++) {
        free(merged->kept[i]);
    }
}

static enum err_code add_version(struct merged *merged, int64_t key, const struct op *op, enum record_writer writer,
                                 struct error *err)
{
    if (merged->count == merged->capacity) {
        size_t capacity = merged->capacity == 0 ? 8 : 2 * merged->capacity;
        struct version *versions = realloc(merged->versions, capacity * sizeof(*versions));
        if (versions == NULL) {
            return FAIL(err, NO_MEMORY, "merge %zu records about one subject", capacity);
        }
        merged->versions = versions;
        merged->capacity = capacity;
    }
    merged->versions[merged->count++] = (struct version){ .hlc = op->hlc, .id = op->id, .key = key, .writer = writer };
    return ERR_OK;
}

static void add_erased(struct merged *merged, const struct op *op, enum record_writer writer)
{
    merged->erased_by |= (unsigned)writer;
    merged->erased_hlc = op->hlc > merged->erased_hlc ? op->hlc : merged->erased_hlc;
}

static enum err_code read_versions(struct store *store, uint32_t kind, struct slice subject, struct merged *merged,
                                   struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT id, writer, header, body IS NULL FROM op INDEXED BY op_subject WHERE subject = ?1 "
                     "AND kind = ?2 AND kind <> 5 AND quarantine IS NULL",
                     &s, err));
    bind_slice(s, 1, subject);
    bind_int(s, 2, kind);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        enum err_code rc = op_header_decode(column_slice(s, 2), &op, supersedes, err);
        enum record_writer writer = (enum record_writer)column_int(s, 1);
        if (rc == ERR_OK && column_int(s, 3) != 0) {
            add_erased(merged, &op, writer);
        } else if (rc == ERR_OK) {
            rc = add_version(merged, column_int(s, 0), &op, writer, err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static int version_compare(const void *a, const void *b)
{
    const struct version *left = a;
    const struct version *right = b;
    if (left->hlc != right->hlc) {
        return left->hlc < right->hlc ? -1 : 1;
    }
    return op_id_compare(&left->id, &right->id);
}

static bool adds_value(const struct record *merged, const struct record *one)
{
    for (size_t f = 0; f < one->kind->field_count; f++) {
        if (one->values[f].present && !merged->values[f].present) {
            return true;
        }
    }
    return false;
}

/* The record of a body, which is kept. */
static enum err_code keep_body(struct merged *merged, struct slice body, struct record *ret_record, struct error *err)
{
    CHECK(merged->kept_count < ARRAY_LEN(merged->kept));
    void *copy = malloc(body.len + 1);
    if (copy == NULL) {
        return FAIL(err, NO_MEMORY, "merge records");
    }
    memcpy(copy, body.data, body.len);
    merged->kept[merged->kept_count++] = copy;
    return record_decode(merged->record.kind, slice_of(copy, body.len), ret_record, err);
}

enum err_code version_read(struct store *store, const struct kind *kind, const struct version *version,
                           sqlite3_stmt **ret_row, struct record *ret_record, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT body FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, version->key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return oplog_damaged(version->key, err);
    }
    enum err_code rc = record_decode(kind, column_slice(s, 0), ret_record, err);
    if (rc != ERR_OK) {
        sqlite3_reset(s);
    }
    *ret_row = s;
    return rc;
}

enum err_code merged_read(struct store *store, struct merged *merged, const struct version *version, bool whole,
                          struct record *ret_record, struct error *err)
{
    sqlite3_stmt *s;
    struct record record;
    enum err_code rc = ERR_OK;
    record_init(ret_record, merged->record.kind);
    TRY(version_read(store, merged->record.kind, version, &s, &record, err));
    if (whole || adds_value(&merged->record, &record)) {
        rc = keep_body(merged, column_slice(s, 0), ret_record, err);
    }
    sqlite3_reset(s);
    return rc;
}

/* Whether the record said something that lasts and nobody said before it; `left` fields of the kind wait for that. */
static bool take_lasting(struct record *merged, const struct record *one, size_t *left)
{
    bool taken = false;
    for (size_t f = 0; f < one->kind->field_count; f++) {
        if (one->kind->fields[f].lasting && one->values[f].present && !merged->values[f].present) {
            merged->values[f] = one->values[f];
            taken = true;
            (*left)--;
        }
    }
    return taken;
}

/* Who it is about is what the first record says: nothing that was done about one person becomes another's. */
static enum err_code merge_lasting(struct store *store, struct merged *merged, struct error *err)
{
    size_t left = 0;
    for (size_t f = 0; f < merged->record.kind->field_count; f++) {
        left += merged->record.kind->fields[f].lasting;
    }
    for (size_t i = 0; merged->count > 1 && i < merged->count && left > 0; i++) {
        struct record one;
        TRY(merged_read(store, merged, &merged->versions[i], true, &one, err));
        if (!take_lasting(&merged->record, &one, &left)) {
            free(merged->kept[--merged->kept_count]);
        }
    }
    return ERR_OK;
}

/* Later values stand, field by field. */
static enum err_code merge_fields(struct store *store, struct merged *merged, struct error *err)
{
    const struct kind *kind = merged->record.kind;
    size_t missing = 0;
    TRY(merge_lasting(store, merged, err));
    for (size_t f = 0; f < kind->field_count; f++) {
        missing += !merged->record.values[f].present;
    }
    for (size_t i = merged->count; i > 0 && missing > 0; i--) {
        struct record one;
        TRY(merged_read(store, merged, &merged->versions[i - 1], false, &one, err));
        for (size_t f = 0; f < kind->field_count; f++) {
            if (one.values[f].present && !merged->record.values[f].present) {
                merged->record.values[f] = one.values[f];
                missing--;
            }
        }
    }
    return ERR_OK;
}

/* The newest that the centre said of the field, of what lasts the first; `value` stays as it is when it said nothing.
 */
static enum err_code find_of_centre(struct store *store, struct merged *merged, size_t field, struct value *value,
                                    struct error *err)
{
    bool lasting = merged->record.kind->fields[field].lasting;
    for (size_t i = 0; i < merged->count; i++) {
        const struct version *version = &merged->versions[lasting ? i : merged->count - 1 - i];
        struct record one;
        if (version->writer != WRITER_CENTRE) {
            continue;
        }
        merged->record.values[field].present = false; /* so that a version that says it is kept */
        TRY(merged_read(store, merged, version, false, &one, err));
        if (one.values[field].present) {
            *value = one.values[field];
            return ERR_OK;
        }
    }
    return ERR_OK;
}

enum err_code merged_of_centre(struct store *store, struct merged *merged, const char *name, struct value *ret_value,
                               struct error *err)
{
    size_t field = (size_t)kind_field_index(merged->record.kind, name);
    struct value stands = merged->record.values[field];
    *ret_value = (struct value){ 0 };
    enum err_code rc = find_of_centre(store, merged, field, ret_value, err);
    merged->record.values[field] = stands;
    return rc;
}

/* What is the centre's to say stands as it said it, whatever an organisation said before or after. */
static enum err_code leave_to_centre(struct store *store, struct merged *merged, struct error *err)
{
    const struct kind *kind = merged->record.kind;
    for (size_t f = 0; merged->count > 1 && f < kind->field_count; f++) {
        if (kind->fields[f].of_centre) {
            struct value value = merged->record.values[f];
            TRY(find_of_centre(store, merged, f, &value, err));
            merged->record.values[f] = value;
        }
    }
    return ERR_OK;
}

enum err_code merged_find(struct store *store, const struct kind *kind, struct slice subject, struct merged *merged,
                          struct error *err)
{
    *merged = (struct merged){ 0 };
    record_init(&merged->record, kind);
    TRY(read_versions(store, kind->number, subject, merged, err));
    if (merged->count > 1) {
        qsort(merged->versions, merged->count, sizeof(*merged->versions), version_compare);
    }
    return ERR_OK;
}

enum err_code merged_make(struct store *store, const struct kind *kind, struct slice subject, struct merged *merged,
                          struct error *err)
{
    TRY(merged_find(store, kind, subject, merged, err));
    TRY(merge_fields(store, merged, err));
    return leave_to_centre(store, merged, err);
}

/* ---- rows ---- */

static void bind_value(sqlite3_stmt *s, int at, const struct field *field, const struct value *value)
{
    if (!value->present) {
        bind_null(s, at);
    } else if (field->type == FIELD_TEXT || field->type == FIELD_CODE) {
        bind_text_slice(s, at, value->text);
    } else if (field->type == FIELD_ID || field->type == FIELD_BYTES) {
        bind_slice(s, at, value->text);
    } else {
        bind_int(s, at, value->number);
    }
}

int bind_record(sqlite3_stmt *s, struct slice subject, const struct record *record)
{
    bind_slice(s, 1, subject);
    int at = 2;
    for (size_t i = 0; i < record->kind->field_count; i++) {
        bind_value(s, at++, &record->kind->fields[i], &record->values[i]);
    }
    return at;
}

enum err_code fold_delete(struct store *store, const char *sql, struct slice subject, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_slice(s, 1, subject);
    return db_run(&store->db, s, err);
}

struct value *merged_value(struct merged *merged, const char *name)
{
    return record_value(&merged->record, name);
}
