/*
 * A spreadsheet of records of a kind: the header names fields of store/record, or has their refs; in the shape that
 * the export of the kind has, whose id, said_by and said_at need not be there. All of it is taken in one transaction,
 * or nothing, with every problem by its line and column; with `partial` the good rows are.
 *
 * A row with an id changes that record. Without one, kinds with a ref are found by it; of the others the same row is
 * the same record, so that a file that is taken twice adds nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/api_handlers.h"
#include "agent/import/cell.h"
#include "agent/import/export_csv.h"
#include "agent/import/import.h"
#include "agent/import_repeats.h"
#include "crypto/digest.h"

#define IMPORT_RECORDS_MAX 20000
#define IMPORT_CHECKED_MAX 1000 /* each is looked at beside all that it rests on */
#define COLUMN_IGNORED (-1)
#define COLUMN_ID (-2)
#define EXPECTED_SIZE 80
#define REASON_SIZE 640 /* a name and an error */
#define BODY_BYTES_MAX ((size_t)64 * 1024)

struct made {
    struct store_entry entry;
    uint8_t ids[RECORD_FIELDS_MAX][OP_ENTITY_BYTES];
    size_t line;
    bool held; /* here already, word for word */
};

struct records_import {
    struct api_call *call;
    const struct kind *kind;
    bool dry_run;
    bool partial;
    struct table *table;
    int fields[TABLE_COLUMNS_MAX]; /* of each column */
    struct made *made;
    size_t made_count;
    size_t problem_count;
    size_t rejected;
    json_t *problems;
    json_t *warnings;
    size_t warning_count;
    json_t *ignored;
    struct buf rejects;
};

/* ---- problems ---- */

static void problem_add(struct records_import *import, size_t line, size_t column, const char *name, const char *found,
                        const char *expected)
{
    char shown[IMPORT_FOUND_SIZE];
    cell_show(found, shown);
    if (import->problem_count++ < IMPORT_PROBLEMS_KEPT) {
        json_t *text = json_string(shown);
        (void)json_array_append_new(import->problems,
                                    json_pack("{s:I,s:I,s:s,s:o,s:s}", "line", (json_int_t)line, "column",
                                              (json_int_t)column, "column_name", name, "found",
                                              text != NULL ? text : json_string(""), "expected", expected));
    }
}

static enum err_code reject_row(struct records_import *import, size_t row, const char *reason, struct error *err)
{
    const char *cells[TABLE_COLUMNS_MAX + 1];
    size_t columns = table_columns(import->table);
    import->rejected++;
    if (!import->partial) {
        return ERR_OK;
    }
    if (import->rejects.len == 0) {
        for (size_t i = 0; i < columns; i++) {
            cells[i] = table_header(import->table, i);
        }
        cells[columns] = IMPORT_REJECT_COLUMN;
        TRY(buf_append_text(&import->rejects, "\xef\xbb\xbf", err));
        TRY(export_csv_row(&import->rejects, table_delimiter(import->table), cells, columns + 1, err));
    }
    for (size_t i = 0; i < columns; i++) {
        cells[i] = table_cell(import->table, row, i);
    }
    cells[columns] = reason;
    return export_csv_row(&import->rejects, table_delimiter(import->table), cells, columns + 1, err);
}

/* ---- the header ---- */

static int field_of(const struct kind *kind, const char *header)
{
    static const char *const ignored[] = { "said_by", "said_at", IMPORT_REJECT_COLUMN };
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        if (words_same(slice_of_text(header), slice_of_text(ignored[i]))) {
            return COLUMN_IGNORED;
        }
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        if (words_same(slice_of_text(header), slice_of_text(kind->fields[i].name))) {
            return (int)i;
        }
    }
    return words_same(slice_of_text(header), slice_of_text("id")) ? COLUMN_ID : COLUMN_IGNORED;
}

static void read_header(struct records_import *import)
{
    bool seen[RECORD_FIELDS_MAX] = { false };
    bool has_id = false;
    size_t line = table_header_line(import->table);
    for (size_t i = 0; i < table_columns(import->table); i++) {
        const char *header = table_header(import->table, i);
        int field = field_of(import->kind, header);
        import->fields[i] = field;
        if (field >= 0 && seen[field]) {
            problem_add(import, line, i + 1, import->kind->fields[field].name, header, "each column once");
        } else if (field >= 0) {
            seen[field] = true;
        } else if (field == COLUMN_ID) {
            has_id = true;
        } else {
            (void)json_array_append_new(import->ignored, json_string(header));
        }
    }
    for (size_t i = 0; i < import->kind->field_count; i++) {
        if (import->kind->fields[i].required && !seen[i] && !has_id) {
            char expected[EXPECTED_SIZE];
            (void)snprintf(expected, sizeof(expected), "a column '%s'", import->kind->fields[i].name);
            problem_add(import, line, 0, import->kind->fields[i].name, "", expected);
        }
    }
}

/* ---- cells ---- */

static bool yes_no(const char *text, int64_t *ret_number)
{
    bool yes = words_in_list(slice_of_text(text), "yes,y,true,1");
    if (!yes && !words_in_list(slice_of_text(text), "no,n,false,0")) {
        return false;
    }
    *ret_number = yes;
    return true;
}

static bool id_read(struct store *store, const struct field *field, const char *text, uint8_t id[OP_ENTITY_BYTES])
{
    struct row_id found;
    const struct kind *kind = kind_by_name(field->name);
    if (hex_decode(text, id, OP_ENTITY_BYTES)) {
        return true;
    }
    if (kind == NULL || kind_field_index(kind, "ref") < 0 ||
        query_find(store, kind->number, text, &found, NULL) != ERR_OK) {
        return false;
    }
    memcpy(id, found.bytes, OP_ENTITY_BYTES);
    return true;
}

/* What is expected instead; NULL: the value is there. */
static const char *cell_value(struct store *store, const struct field *field, const char *text,
                              uint8_t id[OP_ENTITY_BYTES], struct value *value)
{
    int32_t day;
    int minutes;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        value->text = slice_of_text(text);
        return NULL;
    case FIELD_INT:
        return cell_integer(text, &value->number) ? NULL : "a whole number";
    case FIELD_DATE:
        if (!cell_date(text, &day)) {
            return "a day that exists, such as 28/02/2026 or 2026-02-28";
        }
        value->number = day;
        return NULL;
    case FIELD_TIME:
        if (!time_of_day_parse(text, &minutes)) {
            return "a time of day, such as 09:30";
        }
        value->number = minutes;
        return NULL;
    case FIELD_BOOL:
        return yes_no(text, &value->number) ? NULL : "yes or no";
    case FIELD_ID:
        value->text = slice_of(id, OP_ENTITY_BYTES);
        return id_read(store, field, text, id) ? NULL : "the ref of a record that is here, or an id";
    case FIELD_BYTES:
        return "nothing: it cannot be imported";
    }
    CHECK(false);
}

/* One field alone, so that a problem has its column. */
static bool value_fits(const struct kind *kind, int field, const struct value *value, struct error *err)
{
    struct record alone;
    record_init(&alone, kind);
    alone.values[field] = *value;
    return record_check(&alone, false, err) == ERR_OK && record_check_name(&alone, err) == ERR_OK;
}

static enum err_code content_id(const struct records_import *import, const struct record *record,
                                uint8_t subject[OP_ENTITY_BYTES], struct error *err)
{
    struct buf body;
    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1];
    buf_init(&body, BODY_BYTES_MAX);
    enum err_code rc = record_encode(record, &body, err);
    struct slice content = buf_slice(&body);
    sha256(&content, 1, digest);
    buf_fini(&body);
    TRY(rc);
    hex_encode(digest, sizeof(digest), text);
    entity_id(import->call->world->stream, import->kind->name, text, subject);
    record_name_placement(record, subject);
    return ERR_OK;
}

static enum err_code subject_of(const struct records_import *import, const char *id, struct record *record,
                                uint8_t subject[OP_SUBJECT_MAX], struct error *err)
{
    if (id == NULL && import->kind->number == KIND_CAPACITY_STATEMENT) {
        capacity_id(import->call->world, (int32_t)record_value(record, "stated_on")->number, subject);
        return ERR_OK;
    }
    return id == NULL && !record_kind_has_name(import->kind)
               ? content_id(import, record, subject, err)
               : record_subject(import->call, import->kind, id, record, subject, err);
}

/* `ret_reason` is why the row is not taken; "" when it is. */
static void row_read(struct records_import *import, size_t row, struct made *made, const char **ret_id,
                     char reason[REASON_SIZE])
{
    size_t line = table_line(import->table, row);
    struct record *record = &made->entry.record;
    reason[0] = '\0';
    *ret_id = NULL;
    for (size_t i = 0; i < table_columns(import->table); i++) {
        const char *text = table_cell(import->table, row, i);
        int field = import->fields[i];
        if (field == COLUMN_ID && text[0] != '\0') {
            *ret_id = text;
        }
        if (field < 0 || text[0] == '\0') {
            continue;
        }
        struct error err = { .code = ERR_OK };
        struct value *value = &record->values[field];
        value->present = true;
        const char *expected =
            cell_value(import->call->world->store, &import->kind->fields[field], text, made->ids[field], value);
        if (expected == NULL && !value_fits(import->kind, field, value, &err)) {
            expected = err.message;
        }
        if (expected != NULL) {
            *value = (struct value){ .present = false };
            problem_add(import, line, i + 1, import->kind->fields[field].name, text, expected);
            (void)snprintf(reason, REASON_SIZE, "%s: expected %s", import->kind->fields[field].name, expected);
        }
    }
}

static struct store_entry *earlier_at(void *context, size_t index)
{
    struct made *made = &((struct made *)context)[index];
    return made->held ? NULL : &made->entry;
}

/* As a record of its kind, and beside what is here. */
static enum err_code made_check(struct records_import *import, const char *id, struct made *made, struct error *err)
{
    const struct import_earlier earlier = { import->made_count, earlier_at, import->made };
    TRY(record_check(&made->entry.record, id == NULL, err));
    TRY(record_check_past(&made->entry.record, import->call->world->now_ms, err));
    TRY(record_days_check(import->call->world, &made->entry.record, err));
    TRY(subject_of(import, id, &made->entry.record, made->entry.subject, err));
    if (import->kind->number == KIND_MILESTONE) {
        TRY(milestone_check(import->call->world, &made->entry, false, err));
    }
    if (import->kind->number == KIND_REDRESS) {
        TRY(redress_check(import->call->world, &made->entry, &earlier, false, err));
    }
    return import_row_fits(import->call, &made->entry.record, made->entry.subject, &earlier, &made->held, err);
}

static enum err_code row_make(struct records_import *import, size_t row, struct error *err)
{
    struct made *made = &import->made[import->made_count];
    char reason[REASON_SIZE];
    const char *id;
    struct error why = { .code = ERR_OK };
    size_t line = table_line(import->table, row);
    *made = (struct made){ .line = line };
    made->entry =
        (struct store_entry){ .kind = import->kind->number, .happened_at_ms = OP_TIME_NONE, .imported = true };
    record_init(&made->entry.record, import->kind);
    row_read(import, row, made, &id, reason);
    if (reason[0] == '\0' && (table_cells(import->table, row) > table_columns(import->table) ||
                              made_check(import, id, made, &why) != ERR_OK)) {
        (void)snprintf(reason, sizeof(reason), "%s", why.code != ERR_OK ? why.message : "as many cells as the header");
        problem_add(import, line, 0, "", "", reason);
    }
    if (reason[0] != '\0') {
        return reject_row(import, row, reason, err);
    }
    import->made_count++;
    return ERR_OK;
}

/* ---- the whole ---- */

static const struct store_entry *entry_at(void *context, size_t index)
{
    return &((const struct made *)context)[index].entry;
}

/* Of one ref, or whatever names the record; the later row stands. */
static void on_repeat(void *context, const struct import_repeat *repeat)
{
    struct records_import *import = context;
    char expected[EXPECTED_SIZE];
    if (import->warning_count++ < IMPORT_PROBLEMS_KEPT) {
        (void)snprintf(expected, sizeof(expected), "the same as in line %zu, of the same record; this one stands",
                       import->made[repeat->earlier].line);
        (void)json_array_append_new(
            import->warnings, json_pack("{s:I,s:I,s:s,s:s,s:s}", "line", (json_int_t)import->made[repeat->index].line,
                                        "column", (json_int_t)0, "column_name",
                                        import->kind->fields[repeat->field].name, "found", "", "expected", expected));
    }
}

static enum err_code write_made(struct records_import *import, struct store_written *ret_written, struct error *err)
{
    const struct api_world *world = import->call->world;
    struct store_source source = { import->made_count, entry_at, import->made };
    if (import->made_count == 0) {
        return ERR_OK;
    }
    TRY(import_repeats(&source, on_repeat, import, err));
    ret_written->failed_at = import->made_count;
    enum err_code rc = (import->dry_run ? store_write_dry : store_write_from)(world->store, world->actor, &source,
                                                                              world->now_ms, ret_written, err);
    if (rc != ERR_OK && ret_written->failed_at < import->made_count) {
        return error_wrap(err, rc, "line %zu", import->made[ret_written->failed_at].line);
    }
    return rc;
}

static enum err_code answer(struct records_import *import, bool refused, const struct store_written *written,
                            struct error *err)
{
    char delimiter = table_delimiter(import->table);
    json_t *rejects =
        import->rejects.len > 0 ? json_stringn((const char *)import->rejects.data, import->rejects.len) : json_null();
    return answer_object(import->call->answer,
                         json_pack("{s:s,s:o,s:b,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:I,s:O,s:I,s:O,s:O,s:o}",
                                   "kind", import->kind->name, "name", value_text(query_text(import->call, "name")),
                                   "dry_run", import->dry_run, "partial", import->partial, "refused", refused, "rows",
                                   (json_int_t)table_rows(import->table), "good", (json_int_t)import->made_count,
                                   "duplicates", (json_int_t)0, "rejected", (json_int_t)import->rejected, "added",
                                   (json_int_t)written->added, "unchanged", (json_int_t)written->unchanged, "encoding",
                                   text_encoding_name(table_encoding(import->table)), "delimiter",
                                   delimiter == ';'    ? "semicolon"
                                   : delimiter == '\t' ? "tab"
                                                       : "comma",
                                   "problem_count", (json_int_t)import->problem_count, "problems", import->problems,
                                   "warning_count", (json_int_t)import->warning_count, "warnings", import->warnings,
                                   "ignored_columns", import->ignored, "reject_file", rejects),
                         err);
}

static enum err_code take(struct records_import *import, struct error *err)
{
    struct store_written written = { 0 };
    size_t rows = table_rows(import->table);
    bool beside = import_is_checked(import->kind) || import->kind->number == KIND_MILESTONE ||
                  import->kind->number == KIND_REDRESS;
    size_t most = beside ? IMPORT_CHECKED_MAX : IMPORT_RECORDS_MAX;
    if (rows > most) {
        return FAIL(err, LIMIT, "import: more than %zu rows; divide the file", most);
    }
    import->made = calloc(rows + 1, sizeof(*import->made));
    if (import->made == NULL || import->problems == NULL || import->warnings == NULL || import->ignored == NULL) {
        return FAIL(err, NO_MEMORY, "import: out of memory");
    }
    read_header(import);
    bool refused = import->problem_count > 0;
    for (size_t row = 0; !refused && row < rows; row++) {
        TRY(row_make(import, row, err));
    }
    refused = refused || (import->rejected > 0 && !import->partial);
    if (!refused) {
        TRY(write_made(import, &written, err));
        import->call->answer->wrote = !import->dry_run && written.added > 0;
    }
    return answer(import, refused, &written, err);
}

enum err_code api_import_records(struct api_call *call, const struct kind *kind, bool dry_run, bool partial,
                                 struct error *err)
{
    struct records_import import = { .call = call, .kind = kind, .dry_run = dry_run, .partial = partial };
    TRY(table_read(call->request->body, &import.table, err));
    import.problems = json_array();
    import.warnings = json_array();
    import.ignored = json_array();
    buf_init(&import.rejects, 2 * TABLE_FILE_BYTES_MAX);
    enum err_code rc = take(&import, err);
    buf_fini(&import.rejects);
    json_decref(import.problems);
    json_decref(import.warnings);
    json_decref(import.ignored);
    free(import.made);
    table_free(import.table);
    return rc;
}
