#include <string.h>

#include "agent/import/export_xlsx.h"
#include "support.h"

static const char *const names[] = { "day", "hours", "number", "text" };
static const enum xlsx_type types[] = { XLSX_DAY, XLSX_HOURS, XLSX_NUMBER, XLSX_TEXT };
static const char *const total_names[] = { "rows" };
static const enum xlsx_type total_types[] = { XLSX_NUMBER };

static enum err_code book(struct buf *out, size_t rows, struct error *err)
{
    static const char *const cells[] = { "2026-02-28", "7:30", "12", "=1+1" };
    static const char *const totals[] = { "1" };
    struct xlsx *xlsx = NULL;
    enum err_code rc = xlsx_new(out, names, types, 4, &xlsx, err);
    cr_expect_eq(xlsx == NULL, rc != ERR_OK);
    for (size_t i = 0; rc == ERR_OK && i < rows; i++) {
        rc = xlsx_row(xlsx, cells, err);
    }
    if (rc == ERR_OK) {
        rc = xlsx_next_sheet(xlsx, total_names, total_types, 1, err);
    }
    if (rc == ERR_OK) {
        rc = xlsx_row(xlsx, totals, err);
    }
    if (rc == ERR_OK) {
        rc = xlsx_finish(xlsx, err);
    }
    xlsx_free(xlsx);
    return rc;
}

Test(xlsx, the_same_rows_are_the_same_workbook)
{
    struct error err = { 0 };
    struct buf one;
    struct buf two;
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    cr_assert_eq(book(&one, 3, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(book(&two, 3, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(one.len, two.len);
    cr_expect_arr_eq(one.data, two.data, one.len);
    cr_expect_arr_eq(one.data, "PK\x03\x04", 4);
    cr_expect_arr_eq(one.data + one.len - 22, "PK\x05\x06", 4);
    buf_fini(&one);
    buf_fini(&two);
}

Test(xlsx, one_that_does_not_fit_is_an_error_at_every_length)
{
    struct error err = { 0 };
    struct buf whole;
    buf_init(&whole, 1 << 20);
    cr_assert_eq(book(&whole, 3, &err), ERR_OK);
    for (size_t max = 0; max < whole.len; max++) {
        struct buf out;
        buf_init(&out, max);
        cr_assert_eq(book(&out, 3, &err), ERR_LIMIT, "at %zu bytes", max);
        buf_fini(&out);
    }
    buf_fini(&whole);
}

Test(xlsx, a_row_too_many_is_an_error)
{
    static const char *const empty[] = { NULL, NULL, NULL, NULL };
    struct error err = { 0 };
    struct buf out;
    struct xlsx *xlsx;
    buf_init(&out, (size_t)64 << 20);
    cr_assert_eq(xlsx_new(&out, names, types, 4, &xlsx, &err), ERR_OK);
    for (size_t row = 1; row < XLSX_ROWS_MAX; row++) {
        cr_assert_eq(xlsx_row(xlsx, empty, &err), ERR_OK, "%zu: %s", row, err.message);
    }
    cr_expect_eq(xlsx_row(xlsx, empty, &err), ERR_LIMIT);
    cr_expect_not_null(strstr(err.message, "1048575 rows"), "%s", err.message);
    cr_expect_not_null(strstr(err.message, "--format csv"), "says what to do: %s", err.message);
    xlsx_free(xlsx);
    buf_fini(&out);
}
