#include "crypto/recovery.h"

#include <string.h>

enum { DATA_WORDS = 13, CHECK_A = 13, CHECK_B = 14, WORD_BITS = 10, TOLD_BY = 4, TYPED_MAX = 64, POLYNOMIAL = 0x409 };

/* GF(2^10)
 * --------------------------------------------------------------------------------------------------------------- */

static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (int bit = WORD_BITS - 1; bit >= 0; bit--) {
        product <<= 1;
        product ^= POLYNOMIAL & (0U - (product >> WORD_BITS));
        product ^= a & (0U - ((b >> bit) & 1));
    }
    return product;
}

/* x^n; no secret depends on n. */
static uint32_t power(unsigned n)
{
    uint32_t result = 1;
    while (n-- > 0) {
        result = multiply(result, 2);
    }
    return result;
}

/* a^(2^10 - 2) */
static uint32_t inverse(uint32_t a)
{
    uint32_t result = 1;
    for (int i = 1; i < WORD_BITS; i++) {
        a = multiply(a, a);
        result = multiply(result, a);
    }
    return result;
}

struct sums {
    uint32_t plain;
    uint32_t weighted;
};

static struct sums sums_of(const uint16_t *words, size_t count)
{
    struct sums sums = { 0, 0 };
    for (size_t i = 0; i < count; i++) {
        sums.plain ^= words[i];
        sums.weighted ^= multiply(words[i], power((unsigned)i));
    }
    return sums;
}

static void add_check_words(uint16_t words[RECOVERY_WORDS])
{
    struct sums sums = sums_of(words, DATA_WORDS);
    uint32_t a = power(CHECK_A);
    uint32_t b = power(CHECK_B);
    words[CHECK_A] = (uint16_t)multiply(sums.weighted ^ multiply(sums.plain, b), inverse(a ^ b));
    words[CHECK_B] = (uint16_t)(sums.plain ^ words[CHECK_A]);
}

/* Bytes and words
 * -------------------------------------------------------------------------------------------------------- */

static unsigned key_bit(const uint8_t *key, size_t at)
{
    return at < (size_t)RECOVERY_KEY_BYTES * 8 ? ((unsigned)key[at / 8] >> (7 - at % 8)) & 1U : 0;
}

static void words_of_key(const uint8_t *key, uint16_t words[RECOVERY_WORDS])
{
    for (size_t i = 0; i < DATA_WORDS; i++) {
        unsigned word = 0;
        for (size_t bit = 0; bit < WORD_BITS; bit++) {
            word = word << 1 | key_bit(key, i * WORD_BITS + bit);
        }
        words[i] = (uint16_t)word;
    }
    add_check_words(words);
}

static void key_of_words(const uint16_t *words, uint8_t key[RECOVERY_KEY_BYTES])
{
    memset(key, 0, RECOVERY_KEY_BYTES);
    for (size_t at = 0; at < (size_t)RECOVERY_KEY_BYTES * 8; at++) {
        unsigned bit = ((unsigned)words[at / WORD_BITS] >> (WORD_BITS - 1 - at % WORD_BITS)) & 1U;
        key[at / 8] = (uint8_t)(key[at / 8] | bit << (7 - at % 8));
    }
}

enum err_code recovery_format(const uint8_t key[RECOVERY_KEY_BYTES], struct secret *ret_text, struct error *err)
{
    uint16_t words[RECOVERY_WORDS];
    struct secret text;
    TRY(secret_new(RECOVERY_TEXT_MAX, &text, err));
    words_of_key(key, words);
    char *at = (char *)text.bytes;
    for (size_t i = 0; i < RECOVERY_WORDS; i++) {
        at = stpcpy(at, recovery_words[words[i]]);
        *at++ = ' ';
    }
    *--at = '\0';
    secret_wipe(words, sizeof(words));
    text.len = (size_t)(at - (char *)text.bytes);
    *ret_text = text;
    return ERR_OK;
}

/* Typed words
 * ------------------------------------------------------------------------------------------------------------ */

enum { WORD_UNKNOWN = -1, WORD_UNREADABLE = -2, NOWHERE = -1 };

/* Its place in the list, by its first four letters. */
static int find_word(const char *word, size_t len)
{
    if (len < TOLD_BY) {
        return len == 1 && word[0] == '?' ? WORD_UNREADABLE : WORD_UNKNOWN;
    }
    size_t from = 0;
    size_t to = RECOVERY_LIST_WORDS;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strncmp(word, recovery_words[middle], TOLD_BY);
        if (order == 0) {
            return (int)middle;
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return WORD_UNKNOWN;
}

/* Letters, "?" and whatever is not ASCII make words; all else is between them. */
static bool in_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '?' || c >= 0x80;
}

struct typed {
    uint16_t words[RECOVERY_WORDS];
    size_t count;
    int unreadable; /* its place, or NOWHERE */
};

static enum err_code take_word(struct typed *typed, const char *word, size_t len, struct error *err)
{
    size_t place = typed->count++;
    if (place >= RECOVERY_WORDS) {
        return ERR_OK; /* counted, and refused at the end */
    }
    int found = find_word(word, len);
    if (found == WORD_UNKNOWN) {
        return FAIL(err, INVALID, "read the recovery key: word %zu is not one of its words", place + 1);
    }
    if (found == WORD_UNREADABLE && typed->unreadable != NOWHERE) {
        return FAIL(err, INVALID, "read the recovery key: at most one word may be '?'");
    }
    if (found == WORD_UNREADABLE) {
        typed->unreadable = (int)place;
        return ERR_OK;
    }
    typed->words[place] = (uint16_t)found;
    return ERR_OK;
}

static enum err_code take_words(struct slice text, struct typed *typed, struct error *err)
{
    char word[TYPED_MAX];
    enum err_code rc = ERR_OK;
    for (size_t at = 0; at < text.len && rc == ERR_OK;) {
        size_t len = 0;
        for (; at < text.len && in_word(text.data[at]); at++) {
            if (len < sizeof(word)) {
                uint8_t c = text.data[at];
                word[len++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
            }
        }
        if (len > 0) {
            rc = take_word(typed, word, len, err);
        }
        at += len == 0;
    }
    secret_wipe(word, sizeof(word));
    return rc;
}

/* The only place where another word would make everything fit; NOWHERE when there is none. */
static int place_of_error(const struct sums *sums)
{
    if (sums->plain == 0 || sums->weighted == 0) {
        return NOWHERE;
    }
    uint32_t quotient = multiply(sums->weighted, inverse(sums->plain));
    for (int i = 0; i < RECOVERY_WORDS; i++) {
        if (power((unsigned)i) == quotient) {
            return i;
        }
    }
    return NOWHERE;
}

static enum err_code fit(struct typed *typed, struct error *err)
{
    struct sums sums = sums_of(typed->words, RECOVERY_WORDS);
    int place = place_of_error(&sums);
    if (typed->unreadable != NOWHERE && (sums.plain | sums.weighted) != 0) {
        if (place != typed->unreadable) {
            return FAIL(err, INVALID, "read the recovery key: the other words do not fit together");
        }
        typed->words[place] = (uint16_t)(typed->words[place] ^ sums.plain);
        sums = (struct sums){ 0, 0 };
    }
    if ((sums.plain | sums.weighted) != 0 && place != NOWHERE) {
        return FAIL(err, INVALID, "read the recovery key: word %d does not fit the others", place + 1);
    }
    if ((sums.plain | sums.weighted) != 0 || (typed->words[DATA_WORDS - 1] & 3) != 0) {
        return FAIL(err, INVALID, "read the recovery key: the words do not fit together; compare each and their order");
    }
    return ERR_OK;
}

static enum err_code parse(struct slice text, struct typed *typed, struct error *err)
{
    TRY(take_words(text, typed, err));
    if (typed->count != RECOVERY_WORDS) {
        return FAIL(err, INVALID, "read the recovery key: expected %d words, got %zu", RECOVERY_WORDS, typed->count);
    }
    return fit(typed, err);
}

enum err_code recovery_parse(struct slice text, struct secret *ret_key, struct error *err)
{
    struct typed typed = { .unreadable = NOWHERE };
    struct secret key = { 0 };
    enum err_code rc = parse(text, &typed, err);
    if (rc == ERR_OK) {
        rc = secret_new(RECOVERY_KEY_BYTES, &key, err);
    }
    if (rc == ERR_OK) {
        key_of_words(typed.words, key.bytes);
        *ret_key = key;
    }
    secret_wipe(&typed, sizeof(typed));
    return rc;
}
