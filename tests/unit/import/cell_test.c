#include <criterion/criterion.h>
#include <string.h>

#include "agent/import/cell.h"
#include "base/clock.h"

Test(cell, reads_every_date_form_that_charities_write)
{
    static const char *const same_day[] = {
        "28/04/2026", "28-04-2026", "28/4/2026", "28/04/26", "28/4/26", "2026-04-28"
    };
    for (size_t i = 0; i < ARRAY_LEN(same_day); i++) {
        int32_t day = 0;
        cr_expect(cell_date(same_day[i], &day), "%s", same_day[i]);
        cr_expect_eq(day, date_from_civil(2026, 4, 28), "%s", same_day[i]);
    }
    int32_t day = 0;
    cr_expect(cell_date("1/2/2026", &day));
    cr_expect_eq(day, date_from_civil(2026, 2, 1), "the day comes first");
    cr_expect(cell_date("29/02/2028", &day));
    cr_expect(cell_date("31/12/99", &day));
    cr_expect_eq(day, date_from_civil(2099, 12, 31));
    cr_expect(cell_date("01/01/00", &day));
    cr_expect_eq(day, date_from_civil(2000, 1, 1));
}

Test(cell, refuses_other_date_forms_and_dates_that_do_not_exist)
{
    static const char *const bad[] = {
        "",           "29/02/2026", "31/04/2026",  "04/28/2026",  "0/1/2026",
        "1/0/2026",   "28/04/026",  "28/04/2",     "28.04.2026",  "28 04 2026",
        "28/04-2026", "28-04-26",   "28/04/20266", "28/04/2026 ", "28 April 26",
        "46140",      "28/04",      "2026-4-28",   "26-04-28",    "28/04/1999",
        "01/01/2100", "1999-12-31", "2026-02-30",  "+1/04/2026",  "-1/04/2026",
        "28//2026",   "/04/2026",   "028/04/2026",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int32_t day = 77;
        cr_expect_not(cell_date(bad[i], &day), "%s", bad[i]);
        cr_expect_eq(day, 77);
    }
}

Test(cell, reads_hours_as_minutes)
{
    static const struct {
        const char *text;
        int64_t minutes;
    } cases[] = {
        { "16", 960 },    { "0", 0 },     { "3.5", 210 },  { "3,5", 210 },   { "7.25", 435 },
        { "7.33", 440 },  { "0.1", 6 },   { "3:30", 210 }, { "03:05", 185 }, { "3:30:00", 210 },
        { "30.0", 1800 }, { "3.3", 198 }, { "7.50", 450 }, { "0.01", 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t minutes = -1;
        cr_expect(cell_hours(cases[i].text, &minutes), "%s", cases[i].text);
        cr_expect_eq(minutes, cases[i].minutes, "%s is not %lld", cases[i].text, (long long)minutes);
    }
}

Test(cell, refuses_hours_that_could_mean_two_things)
{
    static const char *const bad[] = { "",   "3.30",  "3.15", "3.45", "3,30", "3:5",   "3:60",    "3:", "3.", ".5",
                                       "-3", "3.555", "3h",   "1000", "3 30", "3:300", "3:30:30", "a",  " 3" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t minutes = 77;
        cr_expect_not(cell_hours(bad[i], &minutes), "%s", bad[i]);
        cr_expect_eq(minutes, 77);
    }
}

Test(cell, reads_whole_numbers_only)
{
    int64_t number = 0;
    cr_expect(cell_integer("007", &number));
    cr_expect_eq(number, 7);
    cr_expect(cell_integer("999999999", &number));
    cr_expect_not(cell_integer("1000000000", &number));
    cr_expect_not(cell_integer("", &number));
    cr_expect_not(cell_integer("1.0", &number));
    cr_expect_not(cell_integer("-1", &number));
    cr_expect_eq(number, 999999999);
}

Test(cell, makes_reasons_to_codes)
{
    static const struct {
        const char *text;
        const char *code;
    } cases[] = {
        { "health", "health" },  { "Jury Service", "jury_service" }, { "child-care", "child_care" },
        { " - a  b - ", "a_b" }, { "covid 19", "covid_19" },
    };
    char reason[REASON_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cr_expect(cell_reason(cases[i].text, reason), "%s", cases[i].text);
        cr_expect_str_eq(reason, cases[i].code);
    }
    cr_expect_not(cell_reason("", reason));
    cr_expect_not(cell_reason(" - ", reason));
    cr_expect_not(cell_reason("caf\xc3\xa9", reason));
    cr_expect_not(cell_reason("why?", reason));
    cr_expect(cell_reason("a234567890123456789012345678901234567890", reason));
    cr_expect_not(cell_reason("a2345678901234567890123456789012345678901", reason));
}

Test(cell, words_are_the_same_whatever_capitals_blanks_and_punctuation)
{
    cr_expect(words_same(slice_of_text("Received On."), slice_of_text("received_on")));
    cr_expect(words_same(slice_of_text("caf\xc3\xa9"), slice_of_text("Caf\xc3\xa9")));
    cr_expect(words_same(slice_of_text("/"), slice_of_text("/")));
    cr_expect_not(words_same(slice_of_text("/"), slice_of_text("\\")));
    cr_expect_not(words_same(slice_of_text("receive"), slice_of_text("received")));
    cr_expect_not(words_same(slice_of_text("received"), slice_of_text("receive")));
    cr_expect(words_in_list(slice_of_text("REF NO"), "reference, ref no, id"));
    cr_expect_not(words_in_list(slice_of_text("ref"), "reference, ref no, id"));
    cr_expect_not(words_in_list(slice_of_text("ref"), ""));
}

Test(cell, shows_at_most_forty_characters_and_no_control_characters)
{
    char shown[IMPORT_FOUND_SIZE];
    cell_show("a\x1b[31mb\nc\x7f\xc2\x9b"
              "d",
              shown);
    cr_expect_str_eq(shown, "a?[31mb c??d");
    char longest[41 * 4 + 1] = "";
    for (int i = 0; i < 40; i++) {
        strcat(longest, "\xf0\x9f\x8c\xb1");
    }
    cell_show(longest, shown);
    cr_expect_str_eq(shown, longest);
    strcat(longest, "\xf0\x9f\x8c\xb1");
    cell_show(longest, shown);
    cr_expect_eq(strlen(shown), 40 * 4 + 3);
    cr_expect_str_eq(shown + 160, "...");
}
