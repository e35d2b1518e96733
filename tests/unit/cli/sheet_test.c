#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/path.h"
#include "agent/cli/sheet.h"
#include "agent/cli/text.h"

static const struct sheet_column columns[] = {
    { .title = "REF" },
    { .title = "PERSON", .flexible = true },
    { .title = "N", .right = true },
    { .title = "STATE", .marked = true },
    { 0 },
};

static char *printed(size_t width, bool colour)
{
    char *text = NULL;
    size_t size = 0;
    struct screen screen = { .out = open_memstream(&text, &size), .width = width, .colour = colour };
    struct sheet *sheet = sheet_new(columns);
    sheet_add(sheet, MARK_BAD, (const char *[]){ "A1", "Zoë Ünal", "7", "late" });
    sheet_add(sheet, MARK_PLAIN,
              (const char *[]){ "A2", "李小龍 with a name that goes on and on and on", "1200", NULL });
    sheet_print(sheet, &screen);
    sheet_free(sheet);
    fclose(screen.out);
    return text;
}

Test(sheet, cuts_nothing_when_it_is_not_a_terminal, .init = text_init)
{
    char *text = printed(0, false);
    cr_assert_str_eq(text, "  REF  PERSON                                            N  STATE\n"
                           "  A1   Zoë Ünal                                          7  late\n"
                           "  A2   李小龍 with a name that goes on and on and on  1200\n");
    free(text);
}

Test(sheet, is_never_wider_than_the_terminal_and_loses_no_word, .init = text_init)
{
    for (size_t width = 40; width < 100; width++) {
        char *text = printed(width, false);
        char *rest = NULL;
        size_t seen = 0;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
            cr_assert_leq(text_width(line), width, "at %zu: '%s'", width, line);
            for (const char *at = strstr(line, "on"); at != NULL; at = strstr(at + 1, "on")) {
                seen++;
            }
        }
        cr_assert_eq(seen, 3, "at %zu: '%s'", width, text);
        free(text);
    }
}

Test(sheet, goes_on_below_in_the_same_column, .init = text_init)
{
    char *text = printed(44, false);
    cr_assert_str_eq(text, "  REF  PERSON                       N  STATE\n"
                           "  A1   Zoë Ünal                     7  late\n"
                           "  A2   李小龍 with a name that   1200\n"
                           "       goes on and on and on\n");
    free(text);
}

Test(sheet, shows_that_a_cell_of_too_many_lines_was_cut, .init = text_init)
{
    char *text = NULL;
    size_t size = 0;
    struct screen screen = { .out = open_memstream(&text, &size), .width = 20 };
    struct sheet *sheet = sheet_new(columns);
    sheet_add(sheet, MARK_PLAIN,
              (const char *[]){ "A1", "one two three four five six seven eight averylongwordindeed", "", "" });
    sheet_add(sheet, MARK_PLAIN, (const char *[]){ "A2", "averylongwordindeed", "", "" });
    sheet_print(sheet, &screen);
    sheet_free(sheet);
    fclose(screen.out);
    cr_assert_str_eq(text, "  REF  PERSON\n"
                           "  A1   one two three\n"
                           "       four five six\n       seven eight\n"
                           "       averylongwor…\n"
                           "  A2   averylongword\n"
                           "       indeed\n");
    free(text);
}

Test(sheet, leaves_out_a_column_without_anything_in_it, .init = text_init)
{
    char *text = NULL;
    size_t size = 0;
    struct screen screen = { .out = open_memstream(&text, &size) };
    struct sheet *sheet = sheet_new(columns);
    sheet_add(sheet, MARK_PLAIN, (const char *[]){ "", "Ann", "", "late" });
    sheet_print(sheet, &screen);
    sheet_free(sheet);
    fclose(screen.out);
    cr_assert_str_eq(text, "  PERSON  STATE\n"
                           "  Ann     late\n");
    free(text);
}

Test(sheet, says_the_same_words_with_and_without_colour, .init = text_init)
{
    char *plain = printed(80, false);
    char *colour = printed(80, true);
    cr_assert(strstr(plain, "\033") == NULL);
    cr_assert(strstr(colour, "\033[1;31mlate\033[0m") != NULL);
    char *kept = colour;
    for (char *at = colour; *at != '\0'; at++) {
        if (*at == '\033') {
            at += strcspn(at, "m");
        } else {
            *kept++ = *at;
        }
    }
    *kept = '\0';
    cr_assert_str_eq(plain, colour);
    free(plain);
    free(colour);
}

Test(screen, breaks_a_paragraph_between_words, .init = text_init)
{
    char *text = NULL;
    size_t size = 0;
    struct screen screen = { .out = open_memstream(&text, &size), .width = 40 };
    screen_paragraph(&screen, 4, "GDN-P014 was absent on three days and nobody has asked why so far");
    screen_fact(&screen, "Next", "%s", "ask first; incomprehensibilities-of-forty-two-letters-stay-whole");
    fclose(screen.out);
    cr_assert_str_eq(text, "    GDN-P014 was absent on three days\n"
                           "    and nobody has asked why so far\n"
                           "  Next            ask first;\n"
                           "                  incomprehensibilities-of-forty-two-letters-stay-whole\n");
    free(text);
}

Test(path, encodes_what_a_person_typed_so_that_it_adds_no_segment)
{
    char *path = path_of("/v1/referrals/%s/%s", "../lock?x=1", "accept");
    cr_assert_str_eq(path, "/v1/referrals/..%2Flock%3Fx%3D1/accept");
    free(path);
    path = path_of("/v1/sessions/%s", "GDN-P014@2026-11-20/2");
    cr_assert_str_eq(path, "/v1/sessions/GDN-P014@2026-11-20%2F2");
    path_add(&path, "left_out", NULL);
    path_add(&path, "name", "Zoë & co");
    path_add(&path, "limit", "5");
    cr_assert_str_eq(path, "/v1/sessions/GDN-P014@2026-11-20%2F2?name=Zo%C3%AB%20%26%20co&limit=5");
    free(path);
}
