#include <ctype.h>
#include <string.h>

#include "fixture.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static const struct enrolment_code sample = {
    .secret = { 0xde, 0xad, 0xbe, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab },
    .ca_pin = { 0xcd, 0xef, 0x00, 0xff, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60 },
};

static void assert_reads_as_sample(const char *text)
{
    struct enrolment_code read;
    assert_ok(enrolment_code_parse(text, &read, err));
    cr_assert_arr_eq(read.secret, sample.secret, ENROLMENT_SECRET_BYTES);
    cr_assert_arr_eq(read.ca_pin, sample.ca_pin, ENROLMENT_PIN_BYTES);
}

/* The check characters were worked out with another program, from the formula in the header. */
Test(enrolment_code, is_written_as_documented)
{
    struct enrolment_code zeros = { .secret = { 0 } };
    struct enrolment_code last_bit = { .ca_pin = { [ENROLMENT_PIN_BYTES - 1] = 1 } };
    struct enrolment_code first_bit = { .secret = { 0x80 } };
    char text[ENROLMENT_CODE_SIZE];
    enrolment_code_format(&sample, text);
    cr_assert_str_eq(text, "VTPV-XVR1-4D2P-F2DB-SQQG-1ZRG-40R4-0M30-S");
    enrolment_code_format(&zeros, text);
    cr_assert_str_eq(text, "0000-0000-0000-0000-0000-0000-0000-0000-0");
    enrolment_code_format(&last_bit, text);
    cr_assert_str_eq(text, "0000-0000-0000-0000-0000-0000-0000-0001-2");
    enrolment_code_format(&first_bit, text);
    cr_assert_str_eq(text, "G000-0000-0000-0000-0000-0000-0000-0000-5");
}

Test(enrolment_code, every_code_comes_back)
{
    for (int i = 0; i < 500; i++) {
        struct enrolment_code code;
        struct enrolment_code read;
        char text[ENROLMENT_CODE_SIZE];
        assert_ok(random_bytes(code.secret, sizeof(code.secret), err));
        assert_ok(random_bytes(code.ca_pin, sizeof(code.ca_pin), err));
        enrolment_code_format(&code, text);
        assert_ok(enrolment_code_parse(text, &read, err));
        cr_assert_arr_eq((uint8_t *)&read, (uint8_t *)&code, sizeof(code));
    }
}

Test(enrolment_code, is_read_as_people_write_it)
{
    char text[ENROLMENT_CODE_SIZE];
    char other[2 * ENROLMENT_CODE_SIZE] = "  ";
    enrolment_code_format(&sample, text);
    assert_reads_as_sample(text);
    for (size_t i = 0; text[i] != '\0'; i++) {
        other[i] = (char)tolower((unsigned char)text[i]);
    }
    assert_reads_as_sample(other);
    size_t used = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] != '-') {
            other[used++] = text[i] == '0'   ? (i % 2 == 0 ? 'O' : 'o')
                            : text[i] == '1' ? (i % 2 == 0 ? 'l' : 'I')
                                             : text[i];
            other[used++] = ' ';
        }
    }
    other[used] = '\0';
    assert_reads_as_sample(other);
}

static char reads_like(char c)
{
    char upper = (char)toupper((unsigned char)c);
    return upper == 'O' ? '0' : upper == 'I' || upper == 'L' ? '1' : upper;
}

Test(enrolment_code, every_single_wrong_character_is_noticed)
{
    char text[ENROLMENT_CODE_SIZE];
    int tried = 0;
    enrolment_code_format(&sample, text);
    for (size_t i = 0; text[i] != '\0'; i++) {
        char right = text[i];
        for (int c = 1; c < 256 && right != '-'; c++) {
            text[i] = (char)c;
            if (reads_like((char)c) != right) {
                struct enrolment_code read;
                assert_fails(enrolment_code_parse(text, &read, err), INVALID);
                tried++;
            }
        }
        text[i] = right;
    }
    cr_assert_gt(tried, 33 * 240);
}

Test(enrolment_code, every_wrong_letter_of_many_codes_is_noticed)
{
    for (int round = 0; round < 20; round++) {
        struct enrolment_code code;
        char text[ENROLMENT_CODE_SIZE];
        assert_ok(random_bytes((uint8_t *)&code, sizeof(code), err));
        enrolment_code_format(&code, text);
        for (size_t i = 0; text[i] != '\0'; i++) {
            char right = text[i];
            for (const char *c = alphabet; *c != '\0' && right != '-'; c++) {
                text[i] = *c;
                struct error err;
                enum err_code rc = enrolment_code_parse(text, &code, &err);
                cr_assert_eq(rc, *c == right ? ERR_OK : ERR_INVALID, "%s", text);
            }
            text[i] = right;
        }
    }
}

Test(enrolment_code, two_neighbours_that_changed_places_are_noticed)
{
    char text[ENROLMENT_CODE_SIZE];
    char compact[ENROLMENT_CODE_SIZE];
    size_t len = 0;
    enrolment_code_format(&sample, text);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] != '-') {
            compact[len++] = text[i];
        }
    }
    compact[len] = '\0';
    for (size_t i = 0; i + 1 < len; i++) {
        struct enrolment_code read;
        struct error err;
        char first = compact[i];
        compact[i] = compact[i + 1];
        compact[i + 1] = first;
        enum err_code rc = enrolment_code_parse(compact, &read, &err);
        cr_assert_eq(rc, first == compact[i] ? ERR_OK : ERR_INVALID, "at %zu", i);
        compact[i + 1] = compact[i];
        compact[i] = first;
    }
}

Test(enrolment_code, too_short_too_long_or_empty_is_refused_and_gives_nothing)
{
    char text[ENROLMENT_CODE_SIZE];
    char longer[2 * ENROLMENT_CODE_SIZE];
    static char endless[100000];
    struct enrolment_code read;
    struct enrolment_code untouched;
    memset(&read, 0xee, sizeof(read));
    memset(&untouched, 0xee, sizeof(untouched));
    enrolment_code_format(&sample, text);
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char cut[ENROLMENT_CODE_SIZE] = { 0 };
        memcpy(cut, text, len);
        assert_fails(enrolment_code_parse(cut, &read, err), INVALID);
    }
    for (const char *c = alphabet; *c != '\0'; c++) {
        (void)snprintf(longer, sizeof(longer), "%s%c", text, *c);
        assert_fails(enrolment_code_parse(longer, &read, err), INVALID);
    }
    memset(endless, '-', sizeof(endless) - 1);
    assert_fails(enrolment_code_parse(endless, &read, err), INVALID);
    cr_assert_arr_eq((uint8_t *)&read, (uint8_t *)&untouched, sizeof(read));
}

Test(enrolment_code, a_refusal_does_not_repeat_the_code)
{
    char text[ENROLMENT_CODE_SIZE];
    struct enrolment_code read;
    struct error err;
    enrolment_code_format(&sample, text);
    text[0] = text[0] == 'A' ? 'B' : 'A';
    cr_assert_eq(enrolment_code_parse(text, &read, &err), ERR_INVALID);
    for (size_t i = 0; i + 4 < sizeof(text); i += 5) {
        char group[5] = { 0 };
        memcpy(group, text + i, 4);
        cr_assert(strstr(err.message, group) == NULL);
    }
}
