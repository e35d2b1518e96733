#include "crypto/recovery.h"

#include <ctype.h>
#include <string.h>

#include "fixture.h"

/* Words on paper: what a person types gives the key, and what is wrong is named by its place. */

static void start(void)
{
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
}

TestSuite(recovery, .init = start);

static const uint8_t sample[RECOVERY_KEY_BYTES] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

struct words {
    char of[RECOVERY_WORDS][RECOVERY_WORD_MAX + 1];
};

static struct words sample_words(void)
{
    struct words words;
    struct secret text;
    assert_ok(recovery_format(sample, &text, err));
    char *rest = (char *)text.bytes;
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        char *word = strsep(&rest, " ");
        cr_assert(word != NULL && strlen(word) <= RECOVERY_WORD_MAX);
        (void)stpcpy(words.of[i], word);
    }
    cr_assert_null(rest);
    secret_free(&text);
    return words;
}

static void join(const struct words *words, const char *between, char out[1024])
{
    char *at = out;
    *at = '\0';
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        at = stpcpy(stpcpy(at, i > 0 ? between : ""), words->of[i]);
    }
}

static void reads_as(const char *text, const uint8_t *key)
{
    struct secret read;
    assert_ok(recovery_parse(slice_of_text(text), &read, err));
    cr_assert_eq(read.len, RECOVERY_KEY_BYTES);
    cr_assert_arr_eq(read.bytes, key, RECOVERY_KEY_BYTES);
    secret_free(&read);
}

static void refused(const struct words *words, const char *message)
{
    char text[1024];
    struct secret read = { 0 };
    struct error err = { .message = "" };
    join(words, " ", text);
    cr_assert_eq(recovery_parse(slice_of_text(text), &read, &err), ERR_INVALID, "%s", text);
    cr_assert_null(read.bytes);
    cr_assert_str_eq(err.message, message);
}

Test(recovery, has_a_list_of_plain_words_that_four_letters_tell_apart)
{
    for (size_t i = 0; i < RECOVERY_LIST_WORDS; i++) {
        const char *word = recovery_words[i];
        size_t len = strlen(word);
        cr_assert(len >= 4 && len <= RECOVERY_WORD_MAX, "%s", word);
        for (size_t at = 0; at < len; at++) {
            cr_assert(islower((unsigned char)word[at]), "%s", word);
        }
        cr_assert(i == 0 || strncmp(recovery_words[i - 1], word, 4) < 0, "%s", word);
    }
}

/* Worked out with another program, from the formula in the header. */
Test(recovery, is_written_as_documented)
{
    struct secret text;
    assert_ok(recovery_format(sample, &text, err));
    cr_assert_str_eq(
        (const char *)text.bytes,
        "academy erase cherry spider gadget noise kitchen civic perch upstairs soap lake zigzag energy human");
    secret_free(&text);
}

Test(recovery, gives_the_key_of_its_words)
{
    uint8_t key[RECOVERY_KEY_BYTES];
    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof(key); i++) {
            key[i] = round == 0 ? 0 : round == 1 ? 0xff : (uint8_t)(round * 151 + i * 89 + i * i * round);
        }
        struct secret text;
        assert_ok(recovery_format(key, &text, err));
        reads_as((const char *)text.bytes, key);
        secret_free(&text);
    }
}

Test(recovery, is_forgiving_about_case_and_what_is_between_the_words)
{
    struct words words = sample_words();
    char text[1024];
    join(&words, "\n", text);
    reads_as(text, sample);
    join(&words, ", 7. ", text);
    reads_as(text, sample);
    join(&words, "   ", text);
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    reads_as(text, sample);
}

Test(recovery, needs_four_letters_of_a_word)
{
    struct words words = sample_words();
    char text[1024];
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        words.of[i][4] = '\0';
    }
    join(&words, " ", text);
    reads_as(text, sample);
    words.of[4][3] = '\0';
    refused(&words, "read the recovery key: word 5 is not one of its words");
}

Test(recovery, names_a_word_that_is_not_in_the_list_by_its_place)
{
    static const char *const strange[] = { "zzzz", "qwer", "a", "\xc3\xa9t\xc3\xa9", "??" };
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        struct words words = sample_words();
        char message[80];
        (void)stpcpy(words.of[i], strange[i % ARRAY_LEN(strange)]);
        (void)snprintf(message, sizeof(message), "read the recovery key: word %zu is not one of its words", i + 1);
        refused(&words, message);
    }
}

Test(recovery, names_one_wrong_word_of_the_list_by_its_place)
{
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        for (size_t other = 3; other < RECOVERY_LIST_WORDS; other += 97) {
            struct words words = sample_words();
            char message[80];
            if (strcmp(words.of[i], recovery_words[other]) == 0) {
                continue;
            }
            (void)stpcpy(words.of[i], recovery_words[other]);
            (void)snprintf(message, sizeof(message), "read the recovery key: word %zu does not fit the others", i + 1);
            refused(&words, message);
        }
    }
}

Test(recovery, notices_words_that_changed_places)
{
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        for (size_t other = i + 1; other < RECOVERY_WORDS; other++) {
            struct words words = sample_words();
            struct words swapped = words;
            if (strcmp(words.of[i], words.of[other]) == 0) {
                continue;
            }
            (void)stpcpy(swapped.of[i], words.of[other]);
            (void)stpcpy(swapped.of[other], words.of[i]);
            refused(&swapped, "read the recovery key: the words do not fit together; compare each and their order");
        }
    }
}

Test(recovery, does_without_one_word_that_cannot_be_read)
{
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        struct words words = sample_words();
        char text[1024];
        (void)stpcpy(words.of[i], "?");
        join(&words, " ", text);
        reads_as(text, sample);
        (void)stpcpy(words.of[(i + 3) % RECOVERY_WORDS], recovery_words[500]);
        refused(&words, "read the recovery key: the other words do not fit together");
        (void)stpcpy(words.of[(i + 3) % RECOVERY_WORDS], "?");
        refused(&words, "read the recovery key: at most one word may be '?'");
    }
}

Test(recovery, says_how_many_words_it_got)
{
    struct words words = sample_words();
    words.of[14][0] = '\0';
    refused(&words, "read the recovery key: expected 15 words, got 14");
    struct words more = sample_words();
    (void)stpcpy(more.of[14], "lake-1?");
    refused(&more, "read the recovery key: expected 15 words, got 16");
    struct secret read = { 0 };
    assert_fails(recovery_parse(slice_of_text(""), &read, err), INVALID);
    assert_fails(recovery_parse(slice_of_text(" 1 2 3 "), &read, err), INVALID);
}
