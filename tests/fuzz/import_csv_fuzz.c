/*
 * The first byte chooses kind and mode, the rest is the file. Beyond not crashing: what is rejected can be read again,
 * and the cells of a table survive being exported.
 */
#include "agent/import/export_csv.h"
#include "agent/import/import.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch_rows(enum import_kind kind, const struct import_result *result)
{
    static const char *const keys[IMPORT_KINDS] = { "ref", "ref", "placement" };
    for (size_t row = 0; row < import_row_count(result); row++) {
        CHECK(import_text(result, row, keys[kind]) != NULL);
        CHECK(import_line(result, row) > 1);
    }
    for (size_t i = 0; i < import_problem_count(result); i++) {
        const struct import_problem *problem = import_problem_at(result, i);
        CHECK(problem->line > 0 && *problem->expected != '\0' && utf8_valid(slice_of_text(problem->found)));
    }
}

static void check_rejects(enum import_kind kind, const struct import_options *options,
                          const struct import_result *first)
{
    struct import_result *second = NULL;
    struct error err;
    struct slice rejects = import_reject_file(first);
    if (rejects.len > 0) {
        CHECK(import_parse(kind, rejects, options, &second, &err) == ERR_OK);
        CHECK(import_summary(second).rows == import_summary(first).rejected);
        CHECK(import_summary(second).delimiter == import_summary(first).delimiter);
        import_free(second);
    }
}

static void check_import(enum import_kind kind, bool partial, struct slice file)
{
    struct import_options options = { .partial = partial, .today = 20000 };
    struct import_result *result = NULL;
    struct error err;
    if (import_parse(kind, file, &options, &result, &err) == ERR_OK) {
        touch_rows(kind, result);
        check_rejects(kind, &options, result);
        import_free(result);
    }
}

/* The header is a row that is never blank. The mark keeps a first cell such as "%PDF" from naming another format. */
static void check_round_trip(struct slice file)
{
    struct table *table = NULL;
    struct table *again = NULL;
    struct buf out;
    struct error err;
    if (table_read(file, &table, &err) != ERR_OK) {
        return;
    }
    const char *cells[TABLE_COLUMNS_MAX];
    for (size_t i = 0; i < table_columns(table); i++) {
        cells[i] = table_header(table, i);
    }
    buf_init(&out, TABLE_FILE_BYTES_MAX);
    CHECK(buf_append_text(&out, "\xef\xbb\xbf", &err) == ERR_OK);
    CHECK(export_csv_row(&out, table_delimiter(table), cells, table_columns(table), &err) == ERR_OK);
    CHECK(table_read(buf_slice(&out), &again, &err) == ERR_OK && table_columns(again) == table_columns(table));
    for (size_t i = 0; i < table_columns(table); i++) {
        CHECK(strcmp(table_header(again, i), cells[i]) == 0);
    }
    buf_fini(&out);
    table_free(table);
    table_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct slice file = slice_of(data + 1, size - 1);
        check_import((enum import_kind)(data[0] % IMPORT_KINDS), (data[0] & 0x80) == 0, file);
        check_round_trip(file);
    }
    return 0;
}
