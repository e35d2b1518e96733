#include <criterion/criterion.h>

#include "base/check.h"
#include "base/ni_number.h"

TestSuite(ni_number);

Test(ni_number, is_seen_in_any_case_and_with_or_without_spaces)
{
    static const char *const texts[] = { "JB123456C",     "QQ 12 34 56 C",       "qq123456a",       "Qq 123456 d",
                                         "Q Q1 2345  6B", "Cy Tester QQ123456C", "(QQ 12 34 56 B)", "GDN/QQ123456A",
                                         "QQ123456A-old", "12 QQ123456A",        "AQQ QQ123456D x" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cr_expect(ni_number_within(slice_of_text(texts[i])), "%s", texts[i]);
    }
}

Test(ni_number, is_not_seen_in_references_and_names)
{
    static const char *const texts[] = {
        "",           "GDN-014",        "GDN-P014@2026-11-16", "QQ123456",          "QQ123456E",
        "QQ1234567A", "QQ12345A",       "AQQ123456A",          "1QQ123456A",        "QQ123456AB",
        "QQ123456A1", "Q1234567A",      "QQ-123456A",          "\xC3\xA9QQ123456A", "QQ123456A\xC3\xA9",
        "Cy Tester",  "R-2026-000123A", "QQ 12 34 56",         "       ",           "123456789",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        cr_expect_not(ni_number_within(slice_of_text(texts[i])), "%s", texts[i]);
    }
    cr_expect_not(ni_number_within(slice_of("QQ123456A", 8)), "behind its end nothing is read");
}
