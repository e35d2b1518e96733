/* A spreadsheet in: read, checked, and written as one transaction; or refused, with every problem where it is. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/intake.h"

static json_t *problem_value(size_t line, size_t column, const char *column_name, const char *found,
                             const char *expected)
{
    json_t *shown = json_string(found);
    return json_pack("{s:I,s:I,s:s,s:o,s:s}", "line", (json_int_t)line, "column", (json_int_t)column, "column_name",
                     column_name, "found", shown != NULL ? shown : json_string(""), "expected", expected);
}

static json_t *problems_value(const struct import_result *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < import_problem_count(rows); i++) {
        const struct import_problem *problem = import_problem_at(rows, i);
        (void)json_array_append_new(
            list, problem_value(problem->line, problem->column, problem->name, problem->found, problem->expected));
    }
    return list;
}

static json_t *warnings_value(const struct import_result *rows, const struct intake *intake)
{
    json_t *list = json_array();
    for (size_t i = 0; i < import_warning_count(rows); i++) {
        const struct import_problem *warning = import_warning_at(rows, i);
        (void)json_array_append_new(
            list, problem_value(warning->line, warning->column, warning->name, warning->found, warning->expected));
    }
    for (size_t i = 0; i < intake->warning_count && i < INTAKE_WARNINGS_KEPT; i++) {
        const struct intake_warning *warning = &intake->warnings[i];
        (void)json_array_append_new(list, problem_value(warning->line, 0, warning->column_name, "", warning->expected));
    }
    return list;
}

static json_t *ignored_value(const struct import_result *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < import_ignored_count(rows); i++) {
        (void)json_array_append_new(list, json_string(import_ignored_at(rows, i)));
    }
    return list;
}

static json_t *reject_value(const struct import_result *rows)
{
    struct slice file = import_reject_file(rows);
    return file.len == 0 ? json_null() : json_stringn((const char *)file.data, file.len);
}

static const char *delimiter_name(char delimiter)
{
    return delimiter == ';' ? "semicolon" : delimiter == '\t' ? "tab" : "comma";
}

/* ---- the call ---- */

struct import_call {
    enum import_kind kind;
    const struct kind *records; /* not one of those: a kind of record as it stands */
    bool dry_run;
    bool partial;
    bool unknown_code;
};

static enum err_code import_call_read(const struct api_call *call, struct import_call *ret_import, struct error *err)
{
    const char *kind = query_text(call, "kind");
    if (kind == NULL || !import_kind_parse(kind, &ret_import->kind)) {
        ret_import->records = kind != NULL ? kind_by_name(kind) : NULL;
        if (ret_import->records == NULL || !import_takes(ret_import->records)) {
            return FAIL(err, INVALID,
                        "read argument 'kind': expected referrals, placements, register or a kind of record");
        }
    }
    TRY(query_switch(call, "dry_run", &ret_import->dry_run, err));
    TRY(query_switch(call, "partial", &ret_import->partial, err));
    TRY(query_switch(call, "unknown_code", &ret_import->unknown_code, err));
    if (call->world->stream == NULL) {
        return FAIL(err, NOT_ENROLLED, "import: this device is not enrolled yet");
    }
    return ERR_OK;
}

/* What the reader of spreadsheets does not know, the store may still refuse: then with the line. */
static enum err_code write_all(const struct api_world *world, bool dry_run, struct intake *intake,
                               struct store_written *ret_written, struct error *err)
{
    if (intake->count == 0) {
        return ERR_OK;
    }
    struct store_source source = { intake->count, intake_entry, intake };
    ret_written->failed_at = intake->count;
    enum err_code rc = (dry_run ? store_write_dry : store_write_from)(world->store, world->actor, &source,
                                                                      world->now_ms, ret_written, err);
    if (rc != ERR_OK && ret_written->failed_at < intake->count) {
        return error_wrap(err, rc, "line %zu", intake_line(intake, ret_written->failed_at));
    }
    return rc;
}

static enum err_code import_answer(struct api_call *call, const struct import_call *import,
                                   const struct import_result *rows, const struct intake *intake,
                                   const struct store_written *written, struct error *err)
{
    struct import_summary summary = import_summary(rows);
    json_t *object = json_pack(
        "{s:s,s:o,s:b,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:I,s:o,s:I,s:o,s:o,s:o}", "kind",
        import_kind_name(import->kind), "name", value_text(query_text(call, "name")), "dry_run", import->dry_run,
        "partial", import->partial, "refused", summary.refused, "rows", (json_int_t)summary.rows, "good",
        (json_int_t)summary.good, "duplicates", (json_int_t)summary.duplicates, "rejected",
        (json_int_t)summary.rejected, "added", (json_int_t)written->added, "unchanged",
        (json_int_t)(written->unchanged + intake->unchanged), "encoding", text_encoding_name(summary.encoding),
        "delimiter", delimiter_name(summary.delimiter), "problem_count", (json_int_t)summary.problems, "problems",
        problems_value(rows), "warning_count", (json_int_t)(summary.warnings + intake->warning_count), "warnings",
        warnings_value(rows, intake), "ignored_columns", ignored_value(rows), "reject_file", reject_value(rows));
    return answer_object(call->answer, object, err);
}

static enum err_code import_rows(struct api_call *call, const struct import_call *import,
                                 const struct import_result *rows, const struct intake_placements *placements,
                                 struct error *err)
{
    struct store_written written = { 0 };
    SCOPED(intake_fini) struct intake intake = { 0 };
    TRY(intake_make(call->world->store, call->world->stream, import->kind, rows, placements, &intake, err));
    TRY(write_all(call->world, import->dry_run, &intake, &written, err));
    call->answer->wrote = !import->dry_run && written.added > 0;
    return import_answer(call, import, rows, &intake, &written, err);
}

static enum err_code import_with(struct api_call *call, const struct import_call *import,
                                 struct intake_placements *placements, struct error *err)
{
    struct import_options options = { .programme = call->world->programme,
                                      .partial = import->partial,
                                      .unknown_code = import->unknown_code,
                                      .today = call->world->today,
                                      .pattern_valid = intake_pattern_valid,
                                      .placement_known = intake_placement_known,
                                      .context = placements };
    struct import_result *rows;
    TRY(import_parse(import->kind, call->request->body, &options, &rows, err));
    enum err_code rc = import_rows(call, import, rows, placements, err);
    import_free(rows);
    return rc;
}

enum err_code api_import(struct api_call *call, struct error *err)
{
    struct import_call import = { .records = NULL };
    TRY(import_call_read(call, &import, err));
    if (import.records != NULL) {
        return api_import_records(call, import.records, import.dry_run, import.partial, err);
    }
    SCOPED(intake_placements_fini) struct intake_placements placements = { 0 };
    if (import.kind == IMPORT_REGISTER) {
        TRY(intake_placements_read(call->world->store, &placements, err));
    }
    return import_with(call, &import, &placements, err);
}
