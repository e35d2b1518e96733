#include "support.h"

static const char mixed[] = "date;Colour;placement;outcome;note\r\n"
                            "01/06/2026;red;P-1;P;\"a; \"\"b\"\"\"\r\n"
                            "31/06/2026;green;P-1;maybe;\"=1+1\"\r\n"
                            "02/06/2026;blue;P-1\r\n"
                            "03/06/2026;;P-1;P;x;y\r\n"
                            "04/06/2026;;P-1;A;caf\xe9\r\n"
                            "05/06/2026;;P-1;P;one\r\n"
                            "05/06/2026;;P-1;P;two\r\n";

static const char rejects[] = "\xef\xbb\xbf"
                              "date;Colour;placement;outcome;note;reject_reason\r\n"
                              "31/06/2026;green;P-1;maybe;'=1+1;";

static char *text_of(struct slice bytes)
{
    char *text = calloc(1, bytes.len + 1);
    cr_assert_not_null(text);
    memcpy(text, bytes.data, bytes.len);
    return text;
}

Test(partial, keeps_the_good_rows)
{
    struct import_result *result = parse(IMPORT_REGISTER, mixed, partial());
    struct import_summary summary = import_summary(result);
    cr_expect_not(summary.refused);
    cr_expect_eq(summary.rows, 7);
    cr_expect_eq(summary.good, 2);
    cr_expect_eq(summary.rejected, 5);
    cr_expect_eq(summary.problems, 6);
    cr_expect_eq(import_row_count(result), 2);
    cr_expect_eq(import_line(result, 0), 2);
    cr_expect_eq(import_line(result, 1), 6);
    cr_expect_str_eq(import_text(result, 1, "note"), "caf\xc3\xa9");
    import_free(result);
}

Test(partial, the_same_file_is_refused_whole_without_it)
{
    struct import_result *result = parse(IMPORT_REGISTER, mixed, whole());
    struct import_summary summary = import_summary(result);
    cr_expect(summary.refused);
    cr_expect_eq(summary.good, 2, "what would have been taken");
    cr_expect_eq(import_row_count(result), 0);
    cr_expect_eq(import_reject_file(result).len, 0);
    import_free(result);
}

Test(partial, rejects_have_the_shape_of_the_input_and_a_reason)
{
    struct import_result *result = parse(IMPORT_REGISTER, mixed, partial());
    char *file = text_of(import_reject_file(result));
    cr_expect_eq(strncmp(file, rejects, sizeof(rejects) - 1), 0, "%s", file);
    cr_expect_not_null(strstr(file, "date: '31/06/2026'; expected a date such as"));
    cr_expect_not_null(strstr(file, " | outcome: 'maybe'; expected attended"));
    cr_expect_not_null(strstr(file, "\r\n02/06/2026;blue;P-1;;;\"row: '3 cells'; expected 5 cells"));
    cr_expect_not_null(strstr(file, "\r\n03/06/2026;;P-1;P;x;\"row: '6 cells'"));
    cr_expect_not_null(strstr(file, ";y\r\n05/06/2026;;P-1;P;one;\"placement: 'P-1'; expected one row only"));
    cr_expect_not_null(strstr(file, "line 7 says something else"));
    free(file);
    import_free(result);
}

Test(partial, unrepaired_rejects_are_rejected_again_with_one_reason_column)
{
    struct import_result *first = parse(IMPORT_REGISTER, mixed, partial());
    struct import_result *second = parse_bytes(IMPORT_REGISTER, import_reject_file(first), partial());
    cr_expect_eq(import_row_count(second), 0);
    cr_expect_eq(import_summary(second).rejected, 5);
    cr_expect_eq(import_summary(second).delimiter, ';');
    cr_expect_eq(import_ignored_count(second), 1, "Colour; the reject column is ours");
    struct import_result *third = parse_bytes(IMPORT_REGISTER, import_reject_file(second), partial());
    cr_expect(slice_equal(import_reject_file(third), import_reject_file(second)));
    import_free(first);
    import_free(second);
    import_free(third);
}

static void replace(char **file, const char *old, const char *new)
{
    char *at = strstr(*file, old);
    cr_assert_not_null(at, "%s", old);
    size_t before = (size_t)(at - *file);
    char *changed = calloc(1, strlen(*file) + strlen(new) + 1);
    cr_assert_not_null(changed);
    memcpy(changed, *file, before);
    strcpy(changed + before, new);
    strcat(changed, at + strlen(old));
    free(*file);
    *file = changed;
}

Test(partial, repaired_rejects_are_taken_with_their_cells_as_they_were)
{
    struct import_result *first = parse(IMPORT_REGISTER, mixed, partial());
    char *file = text_of(import_reject_file(first));
    replace(&file, "31/06/2026;green;P-1;maybe", "30/06/2026;green;P-1;late");
    replace(&file, "02/06/2026;blue;P-1;;", "02/06/2026;blue;P-1;P;");
    replace(&file, ";y\r\n", "\r\n");
    replace(&file, "05/06/2026;;P-1;P;two", "06/06/2026;;P-1;P;two");
    struct import_result *second = parse(IMPORT_REGISTER, file, whole());
    cr_expect_eq(import_problem_count(second), 0);
    cr_assert_eq(import_row_count(second), 5);
    cr_expect_str_eq(import_text(second, 0, "note"), "=1+1");
    cr_expect_str_eq(import_text(second, 0, "outcome"), "late");
    cr_expect_null(import_text(second, 0, "reason"), "the reject column is no reason");
    import_free(first);
    import_free(second);
    free(file);
}

Test(partial, a_file_without_problems_has_no_rejects)
{
    struct import_result *result = parse(IMPORT_REGISTER, "placement,date,outcome\nP-1,01/06/2026,P\n", partial());
    cr_expect_eq(import_row_count(result), 1);
    cr_expect_eq(import_reject_file(result).len, 0);
    import_free(result);
}

Test(partial, rejects_of_the_widest_file_can_be_read_again)
{
    char file[1000] = "placement,date,outcome";
    for (int i = 0; i < 61; i++) {
        strcat(file, ",x");
    }
    strcat(file, "\nP-1,soon,P");
    for (int i = 0; i < 61; i++) {
        strcat(file, ",=y");
    }
    struct import_result *first = parse(IMPORT_REGISTER, file, partial());
    struct import_result *second = parse_bytes(IMPORT_REGISTER, import_reject_file(first), partial());
    cr_expect_eq(import_summary(second).rejected, 1);
    cr_expect_gt(import_reject_file(second).len, 0);
    import_free(first);
    import_free(second);
}
