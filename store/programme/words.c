/*
 * Words of a note that name one of the usual factors of good reason, or volunteering. Both sides are folded to
 * lower-case letters and digits of the Latin alphabet without accents, with one space between words and one at each
 * end; so a word is found whole or not at all, with or without its circumflex.
 */
#include <string.h>

#include "store/programme/pack.h"

#define NEAR_LETTERS_MAX 2

/* Of U+00C0 to U+00DF, and of U+00E0 to U+00FF alike; '.' has no plain letter. */
static const char latin_1[] = "aaaaaa.ceeeeiiii.nooooo..uuuuy..";

/* The plain character of the one at `text`, 0 for what separates words; *ret_len is how many bytes it took. */
static char plain(const unsigned char *text, size_t *ret_len)
{
    unsigned char c = text[0];
    *ret_len = 1;
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    if (c < 0x80) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? (char)c : 0;
    }
    *ret_len = text[1] < 0x80 ? 1 : 2;
    if (c == 0xC2 && *ret_len == 2) { /* signs: the no-break space */
        return 0;
    }
    if (c == 0xC3 && *ret_len == 2 && latin_1[text[1] & 0x1F] != '.') {
        return latin_1[text[1] & 0x1F];
    }
    if (c == 0xC5 && text[1] >= 0xB4 && text[1] <= 0xB8) { /* w and y with a circumflex, y with dots */
        return text[1] <= 0xB5 ? 'w' : 'y';
    }
    if (c == 0xE2 && text[1] == 0x80 && text[2] >= 0x80) { /* dashes and quotation marks */
        *ret_len = 3;
        return 0;
    }
    *ret_len = 1;
    return (char)c; /* some other letter: nothing of the lists, and no boundary */
}

size_t words_fold(const char *text, char *out, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t len = 0;
    CHECK(size >= 3);
    out[len++] = ' ';
    while (*at != '\0' && len + 2 < size) {
        size_t taken;
        char c = plain(at, &taken);
        at += taken;
        if (c != 0) {
            out[len++] = c;
        } else if (out[len - 1] != ' ') {
            out[len++] = ' ';
        }
    }
    if (out[len - 1] != ' ') {
        out[len++] = ' ';
    }
    out[len] = '\0';
    return len;
}

/* Of each first letter of a word, whether the folded text has one that begins so. */
struct beginnings {
    bool has[256];
};

static void beginnings_of(const char *folded, struct beginnings *out)
{
    *out = (struct beginnings){ .has[0] = false };
    for (const char *at = folded; at[1] != '\0'; at++) {
        out->has[(unsigned char)at[1]] |= at[0] == ' ';
    }
}

const char *programme_reason_in_words(const struct programme *programme, const char *text)
{
    char folded[PACK_NOTE_SIZE];
    if (text[0] == '\0' || words_fold(text, folded, sizeof(folded)) < 3) {
        return NULL;
    }
    struct beginnings beginnings;
    beginnings_of(folded, &beginnings);
    const struct label_list *reasons = &programme->labels[LABEL_REASON];
    for (size_t i = 0; i < reasons->count; i++) {
        const char *word = reasons->items[i].kind == REASON_GOOD_REASON ? reasons->items[i].words : "";
        for (; word[0] != '\0'; word += strlen(word) + 1) {
            if (beginnings.has[(unsigned char)word[1]] && strstr(folded, word) != NULL) {
                return reasons->items[i].code;
            }
        }
    }
    return NULL;
}

/* Where the phrases stand in the folded text, no word of them is found any more. */
static void leave_out(const struct word_list *phrases, char *folded)
{
    for (size_t i = 0; i < phrases->count; i++) {
        char phrase[PACK_CODE_SIZE + 2];
        size_t len = words_fold(phrases->items[i], phrase, sizeof(phrase));
        for (char *at = strstr(folded, phrase); len >= 3 && at != NULL; at = strstr(at, phrase)) {
            memset(at + 1, '.', len - 2);
        }
    }
}

const char *programme_volunteering_word(const struct programme *programme, const char *text)
{
    char folded[PACK_NOTE_SIZE];
    if (text[0] == '\0' || words_fold(text, folded, sizeof(folded)) < 3) {
        return NULL;
    }
    leave_out(&programme->not_volunteering, folded);
    for (size_t language = 0; language < LANGUAGE_COUNT; language++) {
        const struct word_list *words = &programme->volunteering[language];
        for (size_t i = 0; i < words->count; i++) {
            char word[PACK_CODE_SIZE + 2];
            if (words_fold(words->items[i], word, sizeof(word)) >= 3 && strstr(folded, word) != NULL) {
                return words->items[i];
            }
        }
    }
    return NULL;
}

/* How many letters have to be changed, put in or left out to make one word of the other. */
static size_t letters_between(const char *a, const char *b)
{
    size_t row[PACK_CODE_SIZE];
    size_t len = strlen(b);
    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t changed = corner + (a[i] != b[j]);
            size_t moved = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            corner = row[j + 1];
            row[j + 1] = changed < moved ? changed : moved;
        }
    }
    return row[len];
}

const char *programme_code_near(const struct programme *programme, enum label_set set, const char *text)
{
    const char *found = NULL;
    size_t least = NEAR_LETTERS_MAX + 1;
    const char *code;
    size_t len = strlen(text);
    for (size_t i = 0; len < PACK_CODE_SIZE && (code = programme_code_at(programme, set, i)) != NULL; i++) {
        size_t letters = letters_between(text, code);
        if (letters < least && letters < len) {
            least = letters;
            found = code;
        }
    }
    return found;
}
