#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/text.h"

static void assert_visible(const char *text, bool keep_lines, const char *expected)
{
    char *visible = text_visible(text, keep_lines);
    cr_expect_str_eq(visible, expected);
    free(visible);
}

Test(text, shows_escape_sequences_instead_of_passing_them_to_the_terminal, .init = text_init)
{
    assert_visible("a\033[2Jb", false, "a\\x1b[2Jb");
    assert_visible("\033]0;title\a", false, "\\x1b]0;title\\x07");
    assert_visible("c1 \xc2\x9b"
                   "31m",
                   false, "c1 \\x9b31m");
    assert_visible("del \x7f", false, "del \\x7f");
    assert_visible("over\rwrite", false, "over\\x0dwrite");
}

Test(text, shows_line_ends_so_that_no_cell_makes_a_second_row, .init = text_init)
{
    assert_visible("one\ntwo\tthree", false, "one\\ntwo\\tthree");
    assert_visible("one\ntwo\tthree", true, "one\ntwo\tthree");
    assert_visible("one\xe2\x80\xa8two", true, "one\\u2028two");
}

Test(text, shows_what_turns_or_hides_a_line, .init = text_init)
{
    assert_visible("\xe2\x80\xae"
                   "evil",
                   false, "\\u202eevil");
    assert_visible("a\xe2\x81\xa6"
                   "b",
                   false, "a\\u2066b");
    assert_visible("tag\xf3\xa0\x81\x81", false, "tag\\U000e0041");
}

Test(text, keeps_names_of_every_script, .init = text_init)
{
    const char *names[] = { "Zoë O'Brien", "Siân Llŷr", "محمد", "李小龍", "नीलम", "e\xcc\x81", "👩‍🌾" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_visible(names[i], false, names[i]);
    }
}

Test(text, writes_bytes_that_are_not_utf8_as_escapes, .init = text_init)
{
    assert_visible("\xff\xc0\xaf ok", false, "\\xff\\xc0\\xaf ok");
    assert_visible("\xed\xa0\x80", false, "\\xed\\xa0\\x80");
    assert_visible("cut \xe2\x82", false, "cut \\xe2\\x82");
}

Test(text, counts_wide_characters_two_and_combining_ones_none, .init = text_init)
{
    cr_expect_eq(text_width(""), 0);
    cr_expect_eq(text_width("Zoë"), 3);
    cr_expect_eq(text_width("Zoe\xcc\x88"), 3);
    cr_expect_eq(text_width("李小龍"), 6);
    cr_expect_eq(text_width("\xff"), 1);
}

Test(text, never_cuts_inside_a_character, .init = text_init)
{
    cr_expect_eq(text_prefix("李小龍", 3), strlen("李"));
    cr_expect_eq(text_prefix("Zoë", 2), 2);
    cr_expect_eq(text_prefix("e\xcc\x88x", 1), 3, "the combining mark stays with its letter");
    cr_expect_eq(text_prefix("abc", 10), 3);
}
