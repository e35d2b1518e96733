#include <criterion/criterion.h>

#include "base/money.h"

static void assert_written(int64_t pence, const char *expected)
{
    char text[POUNDS_TEXT_SIZE];
    pounds_format(pence, text);
    cr_assert_str_eq(text, expected);
}

Test(money, is_written_in_pounds_with_two_digits_of_pence)
{
    assert_written(0, "£0.00");
    assert_written(5, "£0.05");
    assert_written(-5, "-£0.05");
    assert_written(99999, "£999.99");
    assert_written(100000, "£1,000.00");
    assert_written(-123456789, "-£1,234,567.89");
    assert_written(INT64_MAX, "£92,233,720,368,547,758.07");
    assert_written(INT64_MIN, "-£92,233,720,368,547,758.08");
}

static void assert_read(const char *text, int64_t expected)
{
    int64_t pence = -1;
    cr_assert(pounds_parse(text, 200000000, &pence), "%s", text);
    cr_assert_eq(pence, expected, "%s", text);
}

Test(money, is_read_as_people_write_it)
{
    assert_read("0", 0);
    assert_read("2000", 200000);
    assert_read("£2,000", 200000);
    assert_read("1234567.89", 123456789);
    assert_read("£1,234,567.8", 123456780);
    assert_read("0.05", 5);
    assert_read("2000000.00", 200000000);
}

Test(money, that_is_not_plain_is_refused_and_nothing_is_returned)
{
    static const char *const wrong[] = {
        "",         "£",      "-1",       "1.",        "1.234", ".50",   "1 000", "1,00",       "1,0000",
        "1000,000", "12,34",  "1,000,",   "1e3",       "0x10",  "1.2.3", "£ 5",   "2000000.01", "99999999999999999999",
        ",100",     "1,000.", "1,00,000", "1.5 pounds"
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int64_t untouched = 7;
        cr_assert_not(pounds_parse(wrong[i], 200000000, &untouched), "%s", wrong[i]);
        cr_assert_eq(untouched, 7);
    }
}

Test(money, that_is_written_is_read_back)
{
    for (int64_t pence = 0; pence < 200000000; pence += 7919) {
        char text[POUNDS_TEXT_SIZE];
        pounds_format(pence, text);
        assert_read(text, pence);
    }
}
