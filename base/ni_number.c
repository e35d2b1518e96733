#include "base/ni_number.h"

/* Of which alphabet the characters are: a letter, a digit, or a letter that ends it. */
static const char shape[] = "LL999999E";

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* A byte above ASCII is part of a letter. */
static bool is_of_word(uint8_t c)
{
    return is_letter(c) || is_digit(c) || c >= 0x80;
}

static bool fits(char wanted, uint8_t c)
{
    switch (wanted) {
    case 'L':
        return is_letter(c);
    case '9':
        return is_digit(c);
    default:
        return (c >= 'A' && c <= 'D') || (c >= 'a' && c <= 'd');
    }
}

static bool begins_at(struct slice text, size_t at)
{
    for (size_t i = 0; i < sizeof(shape) - 1; i++, at++) {
        while (i > 0 && at < text.len && text.data[at] == ' ') {
            at++;
        }
        if (at >= text.len || !fits(shape[i], text.data[at])) {
            return false;
        }
    }
    return at == text.len || !is_of_word(text.data[at]);
}

bool ni_number_within(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((i == 0 || !is_of_word(text.data[i - 1])) && begins_at(text, i)) {
            return true;
        }
    }
    return false;
}
