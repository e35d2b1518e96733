#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/import/table.h"

/* Literals with bytes after NUL keep their length. */
#define FILE_OF(literal) slice_of((literal), sizeof(literal) - 1)

static struct table *read_ok(struct slice file)
{
    struct table *table = NULL;
    struct error err = { 0 };
    cr_assert_eq(table_read(file, &table, &err), ERR_OK, "%s", err.message);
    return table;
}

static void refused(struct slice file, enum err_code code, const char *message)
{
    struct table *table = NULL;
    struct error err = { 0 };
    cr_expect_eq(table_read(file, &table, &err), code, "wanted: %s", message);
    cr_expect_not_null(strstr(err.message, message), "'%s' has no '%s'", err.message, message);
    cr_expect_null(table);
}

static void check_two_by_two(struct slice file, char delimiter)
{
    struct table *table = read_ok(file);
    cr_expect_eq(table_delimiter(table), delimiter);
    cr_expect_eq(table_columns(table), 2);
    cr_expect_str_eq(table_header(table, 0), "ref");
    cr_expect_str_eq(table_header(table, 1), "name");
    cr_expect_eq(table_rows(table), 2);
    cr_expect_str_eq(table_cell(table, 0, 0), "1");
    cr_expect_str_eq(table_cell(table, 0, 1), "Zo\xc3\xab \xe2\x82\xac");
    cr_expect_str_eq(table_cell(table, 1, 1), "b");
    cr_expect_eq(table_header_line(table), 1);
    cr_expect_eq(table_line(table, 0), 2);
    cr_expect_eq(table_line(table, 1), 3);
    table_free(table);
}

Test(table, reads_every_delimiter_and_line_end)
{
    check_two_by_two(FILE_OF("ref,name\n1,Zo\xc3\xab \xe2\x82\xac\n2,b\n"), ',');
    check_two_by_two(FILE_OF("ref;name\r\n1;Zo\xc3\xab \xe2\x82\xac\r\n2;b\r\n"), ';');
    check_two_by_two(FILE_OF("ref\tname\r1\tZo\xc3\xab \xe2\x82\xac\r2\tb"), '\t');
}

Test(table, reads_every_encoding_to_the_same_cells)
{
    check_two_by_two(FILE_OF("\xef\xbb\xbfref,name\n1,Zo\xc3\xab \xe2\x82\xac\n2,b\n"), ',');
    check_two_by_two(FILE_OF("ref;name\n1;Zo\xeb \x80\n2;b\n"), ';');
    check_two_by_two(FILE_OF("\xff\xfer\0e\0f\0\t\0n\0a\0m\0e\0\n\0001\0\t\0Z\0o\0\xeb\0 \0\xac\x20\n\0002\0\t\0b\0"),
                     '\t');
}

Test(table, tells_the_encoding)
{
    static const struct {
        struct slice file;
        enum text_encoding encoding;
    } cases[] = {
        { { (const uint8_t *)"a,b", 3 }, TEXT_UTF8 },
        { { (const uint8_t *)"\xef\xbb\xbf"
                             "a",
            4 },
          TEXT_UTF8_BOM },
        { { (const uint8_t *)"caf\xe9", 4 }, TEXT_WINDOWS_1252 },
        { { (const uint8_t *)"\xff\xfe"
                             "a\0",
            4 },
          TEXT_UTF16LE },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table *table = read_ok(cases[i].file);
        cr_expect_eq(table_encoding(table), cases[i].encoding, "case %zu", i);
        cr_expect_gt(strlen(text_encoding_name(table_encoding(table))), 0);
        table_free(table);
    }
}

Test(table, knows_all_letters_of_windows_1252)
{
    char file[300] = "head\n";
    size_t len = strlen(file);
    for (int byte = 0x80; byte <= 0xff; byte++) {
        if (byte != 0x81 && byte != 0x8d && byte != 0x8f && byte != 0x90 && byte != 0x9d) {
            file[len++] = (char)byte;
        }
    }
    struct table *table = read_ok(slice_of(file, len));
    const char *cell = table_cell(table, 0, 0);
    cr_expect_eq(strncmp(cell, "\xe2\x82\xac\xe2\x80\x9a\xc6\x92", 8), 0);
    cr_expect_str_eq(cell + strlen(cell) - 4, "\xc3\xbe\xc3\xbf");
    cr_expect(utf8_valid(slice_of_text(cell)));
    table_free(table);
}

Test(table, refuses_the_bytes_that_windows_1252_leaves_undefined_with_line_and_column)
{
    static const char undefined[] = "\x81\x8d\x8f\x90\x9d";
    for (size_t i = 0; i < 5; i++) {
        char file[] = "a,b\r\n\xe9,x?\n";
        file[8] = undefined[i];
        refused(slice_of(file, sizeof(file) - 1), ERR_INVALID, "line 2, column 4: a byte that is no letter");
    }
}

Test(table, refuses_damaged_utf8_instead_of_reading_it_as_windows_1252)
{
    refused(FILE_OF("a,b\nZo\xc3\xab,Zo\xc3\xab Zo\xc3\n"), ERR_INVALID,
            "line 2, column 11: a byte that does not belong to UTF-8");
    refused(FILE_OF("\xef\xbb\xbf"
                    "a,b\nZo\xeb,c\n"),
            ERR_INVALID, "line 2, column 3: a byte that does not belong to UTF-8");
}

Test(table, refuses_nul_bytes_and_broken_utf16)
{
    refused(FILE_OF("a,b\n1,\0\n"), ERR_INVALID, "line 2, column 3: a NUL byte");
    refused(FILE_OF("a\0,\0b\0"), ERR_INVALID, "line 1, column 2: a NUL byte");
    refused(FILE_OF("\xff\xfe"
                    "a\0\n\0b"),
            ERR_INVALID, "line 2, column 1: not UTF-16");
    refused(FILE_OF("\xff\xfe"
                    "a\0\x00\xd8"
                    "b\0"),
            ERR_INVALID, "line 1, column 2: not UTF-16");
    refused(FILE_OF("\xff\xfe"
                    "a\0\x00\xdc"),
            ERR_INVALID, "line 1, column 2: not UTF-16");
    refused(FILE_OF("\xff\xfe"
                    "a\0\0\0"),
            ERR_INVALID, "line 1, column 2: not UTF-16");
}

Test(table, reads_surrogate_pairs)
{
    struct table *table = read_ok(FILE_OF("\xff\xfe"
                                          "a\0\n\0\x3c\xd8\x31\xdf"));
    cr_expect_str_eq(table_cell(table, 0, 0), "\xf0\x9f\x8c\xb1");
    table_free(table);
}

Test(table, names_what_to_do_with_other_formats)
{
    refused(FILE_OF("PK\x03\x04zip"), ERR_INVALID, "save it as CSV");
    refused(FILE_OF("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ERR_INVALID, "save it as CSV");
    refused(FILE_OF("%PDF-1.7"), ERR_INVALID, "PDF");
    refused(FILE_OF("\xfe\xff\0a"), ERR_INVALID, "big-endian");
}

Test(table, refuses_files_without_a_header)
{
    refused(slice_of(NULL, 0), ERR_INVALID, "it is empty");
    refused(FILE_OF("\xef\xbb\xbf"), ERR_INVALID, "it is empty");
    refused(FILE_OF("\xff\xfe"), ERR_INVALID, "it is empty");
    refused(FILE_OF("\r\n  \n,,\n"), ERR_INVALID, "it is blank");
}

Test(table, keeps_quoted_line_breaks_and_counts_their_lines)
{
    struct table *table =
        read_ok(FILE_OF("\n a , b \r\n1,\"x\r\ny\rz\"\r\n\r\n\"2\",\"say \"\"hi\"\"\"\r\n ,\r\n\r\n"));
    cr_expect_eq(table_header_line(table), 2);
    cr_expect_str_eq(table_header(table, 0), "a");
    cr_expect_str_eq(table_header(table, 1), "b");
    cr_expect_eq(table_rows(table), 2, "blank rows are left out");
    cr_expect_eq(table_line(table, 0), 3);
    cr_expect_str_eq(table_cell(table, 0, 1), "x\ny\nz");
    cr_expect_eq(table_line(table, 1), 7);
    cr_expect_str_eq(table_cell(table, 1, 1), "say \"hi\"");
    table_free(table);
}

Test(table, a_blank_line_inside_quotes_belongs_to_its_cell)
{
    struct table *table = read_ok(FILE_OF("a,b\n1,\"x\n\ny\"\n2,z\n"));
    cr_expect_eq(table_rows(table), 2);
    cr_expect_str_eq(table_cell(table, 0, 1), "x\n\ny");
    cr_expect_eq(table_line(table, 1), 5);
    table_free(table);
}

Test(table, leaves_out_blanks_around_cells_but_not_inside)
{
    struct table *table = read_ok(FILE_OF("a,b,c\n  x y  ,\" \xc2\xa0q\xc2\xa0\n\",a \xc3\xa0\n"));
    cr_expect_str_eq(table_cell(table, 0, 0), "x y");
    cr_expect_str_eq(table_cell(table, 0, 1), "q");
    cr_expect_str_eq(table_cell(table, 0, 2), "a \xc3\xa0");
    table_free(table);
}

Test(table, empty_cells_after_the_header_do_not_count)
{
    struct table *table = read_ok(FILE_OF("a,b,,\n1,2,,\n3,,,\n4\n5,6,7,\n"));
    cr_expect_eq(table_columns(table), 2);
    cr_expect_eq(table_cells(table, 0), 2);
    cr_expect_eq(table_cells(table, 1), 2);
    cr_expect_eq(table_cells(table, 2), 1, "a short row stays short");
    cr_expect_str_eq(table_cell(table, 2, 1), "");
    cr_expect_eq(table_cells(table, 3), 3, "a long row stays long");
    table_free(table);
}

Test(table, the_header_decides_the_delimiter_outside_quotes)
{
    static const struct {
        const char *file;
        char delimiter;
    } cases[] = {
        { "\"a,b,c\";d\n", ';' },  { "a;b;\"c\n,,,,,\"\n1,2,3,4,5\n", ';' },
        { "a;b,c;d\n", ';' },      { "\n\r\na\tb;c\td\n,,,", '\t' },
        { "a\n1;2;3;4\n", ',' },   { "sep=;\r\na,b,c;d\n", ';' },
        { "SEP=\t\na,b\n", '\t' },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table *table = read_ok(slice_of_text(cases[i].file));
        cr_expect_eq(table_delimiter(table), cases[i].delimiter, "case %zu", i);
        table_free(table);
    }
    refused(FILE_OF("sep=|\na|b\n"), ERR_INVALID, "'sep='");
}

Test(table, a_header_may_begin_with_an_empty_cell)
{
    struct table *table = read_ok(FILE_OF("\n\ta\n1\t2\n"));
    cr_expect_eq(table_delimiter(table), '\t');
    cr_expect_eq(table_columns(table), 2);
    cr_expect_str_eq(table_header(table, 1), "a");
    table_free(table);
}

Test(table, a_separator_line_counts_as_a_line)
{
    struct table *table = read_ok(FILE_OF("sep=;\na;b\n1;2\n"));
    cr_expect_eq(table_header_line(table), 2);
    cr_expect_eq(table_line(table, 0), 3);
    table_free(table);
}

Test(table, refuses_quotes_that_do_not_fit_with_line_and_column)
{
    refused(FILE_OF("a,b\n1,zo\xc3\xab \"x\" y\n"), ERR_INVALID, "line 2, column 7: a quote inside a cell");
    refused(FILE_OF("a,b\n1,\"x\" y\n"), ERR_INVALID, "line 2, column 7: a quote inside a cell");
    refused(FILE_OF("a,b\n1,2\n3,\"x\n4,5\n"), ERR_INVALID,
            "begins in line 3: a cell's opening quote has no closing quote");
}

static struct slice filled(struct buf *out, const char *head, const char *repeated, size_t times)
{
    struct error err;
    buf_init(out, TABLE_FILE_BYTES_MAX + 100);
    cr_assert_eq(buf_append_text(out, head, &err), ERR_OK);
    for (size_t i = 0; i < times; i++) {
        cr_assert_eq(buf_append_text(out, repeated, &err), ERR_OK);
    }
    return buf_slice(out);
}

Test(table, states_its_limits)
{
    struct buf file;
    refused(filled(&file, "a\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", TABLE_FILE_BYTES_MAX / 32), ERR_LIMIT,
            "at most 33554432");
    buf_fini(&file);
    refused(filled(&file, "a\n", "1\n", TABLE_ROWS_MAX + 1), ERR_LIMIT,
            "line 100002: the file has more than 100000 rows");
    buf_fini(&file);
    refused(filled(&file, "a,b\n1,", "x", TABLE_CELL_BYTES_MAX + 1), ERR_LIMIT,
            "line 2: cell 2 has more than 4096 bytes");
    buf_fini(&file);
    refused(filled(&file, "a,b\n\n1,\"x\n", "2,3\n", 100000), ERR_LIMIT,
            "line 3: a cell has more than 4096 bytes; is a closing");
    buf_fini(&file);
    refused(filled(&file, "a\n1", ",1", TABLE_COLUMNS_MAX), ERR_LIMIT, "line 2: it has more than 65 cells");
    buf_fini(&file);
}

Test(table, takes_what_is_just_within_its_limits)
{
    struct buf file;
    struct table *table = read_ok(filled(&file, "a\n", "1\n", TABLE_ROWS_MAX));
    cr_expect_eq(table_rows(table), TABLE_ROWS_MAX);
    cr_expect_eq(table_line(table, TABLE_ROWS_MAX - 1), TABLE_ROWS_MAX + 1);
    table_free(table);
    buf_fini(&file);
    table = read_ok(filled(&file, "a,b\n1,", "x", TABLE_CELL_BYTES_MAX));
    cr_expect_eq(strlen(table_cell(table, 0, 1)), TABLE_CELL_BYTES_MAX);
    table_free(table);
    buf_fini(&file);
    table = read_ok(filled(&file, "a", ",b", TABLE_COLUMNS_MAX - 1));
    cr_expect_eq(table_columns(table), TABLE_COLUMNS_MAX);
    table_free(table);
    buf_fini(&file);
}
