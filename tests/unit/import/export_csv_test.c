#include <criterion/criterion.h>
#include <string.h>

#include "agent/import/export_csv.h"
#include "agent/import/table.h"

static void check_row(const char *cell, const char *row)
{
    struct buf out;
    struct error err;
    buf_init(&out, 1000);
    cr_assert_eq(export_csv_row(&out, ',', &cell, 1, &err), ERR_OK);
    cr_expect(slice_equal(buf_slice(&out), slice_of_text(row)), "%s is not %.*s", row, (int)out.len, (char *)out.data);
    buf_fini(&out);
}

Test(export_csv, quotes_only_what_needs_it)
{
    check_row("plain text", "plain text\r\n");
    check_row(NULL, "\r\n");
    check_row("a,b", "\"a,b\"\r\n");
    check_row("a;b", "\"a;b\"\r\n");
    check_row("say \"hi\"", "\"say \"\"hi\"\"\"\r\n");
    check_row("\"", "\"\"\"\"\r\n");
    check_row("a\nb", "\"a\nb\"\r\n");
    check_row(" a", "\" a\"\r\n");
    check_row("a ", "\"a \"\r\n");
}

Test(export_csv, guards_formulas_but_not_numbers)
{
    check_row("=1+1", "'=1+1\r\n");
    check_row("@SUM(A1)", "'@SUM(A1)\r\n");
    check_row("+44 7700 900000", "'+44 7700 900000\r\n");
    check_row("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0\r\n");
    check_row("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\"\r\n");
    check_row("\t=1", "\"'\t=1\"\r\n");
    check_row("-3.5", "-3.5\r\n");
    check_row("+7", "+7\r\n");
    check_row("-", "'-\r\n");
    check_row("-3.", "'-3.\r\n");
    check_row("-.5", "'-.5\r\n");
    check_row("'=1", "''=1\r\n");
    check_row("'-5", "''-5\r\n");
    check_row("'tis", "'tis\r\n");
}

Test(export_csv, what_is_exported_reads_back_the_same)
{
    static const char *const cells[] = { "=1+1",   "'=1+1", "''+x",       "'tis",     "-3.5", "-x",
                                         "a\nb",   "\"q\"", "a;b,c\td",   "sep=;",    "@",    "'",
                                         "\t=tab", "'-5",   "Zo\xc3\xab", "it's = x", "'@",   "end" };
    static const char delimiters[] = ",;\t";
    for (const char *delimiter = delimiters; *delimiter != '\0'; delimiter++) {
        struct buf out;
        struct error err;
        buf_init(&out, 10000);
        cr_assert_eq(export_csv_row(&out, *delimiter, cells, ARRAY_LEN(cells), &err), ERR_OK);
        cr_assert_eq(export_csv_row(&out, *delimiter, cells, ARRAY_LEN(cells), &err), ERR_OK);
        struct table *table = NULL;
        cr_assert_eq(table_read(buf_slice(&out), &table, &err), ERR_OK, "%s", err.message);
        cr_expect_eq(table_delimiter(table), *delimiter);
        for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
            cr_expect_str_eq(table_header(table, i), cells[i]);
            cr_expect_str_eq(table_cell(table, 0, i), cells[i]);
        }
        table_free(table);
        buf_fini(&out);
    }
}

Test(export_csv, a_full_buffer_keeps_its_content)
{
    static const char *const cells[] = { "abcd", "=\"x\"", "efgh" };
    for (size_t max = 3; max < 3 + 18; max++) {
        struct buf out;
        struct error err;
        buf_init(&out, max);
        cr_assert_eq(buf_append(&out, "old", 3, &err), ERR_OK);
        cr_expect_eq(export_csv_row(&out, ',', cells, ARRAY_LEN(cells), &err), ERR_LIMIT, "max %zu", max);
        cr_expect(slice_equal(buf_slice(&out), slice_of_text("old")), "max %zu", max);
        buf_fini(&out);
    }
}
