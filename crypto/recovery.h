/*
 * crypto/recovery - a recovery key as words that a person writes down and types in again.
 *
 * 128 random bits as 15 words of a list of 1024. A word is an element of GF(2^10), polynomial x^10 + x^3 + 1, its bits
 * the word's place in the list (alphabetical, from 0):
 *
 *     words 0 to 12    the 16 bytes, 10 bits a word, most significant first; the last 2 bits are zero
 *     words 13 and 14  such that  sum of word i  and  sum of x^i * word i  (i from 0 to 14) are both zero
 *
 * So one wrong word is found by its place, two are always noticed (words that changed places too), anything else but
 * one time in a million, and one word that cannot be read any more may be given as "?".
 *
 * The first four letters tell a word; case, and whatever is between the words, do not matter.
 */
#ifndef CRYPTO_RECOVERY_H
#define CRYPTO_RECOVERY_H

#include "crypto/secret.h"

#define RECOVERY_KEY_BYTES 16
#define RECOVERY_WORDS 15
#define RECOVERY_LIST_WORDS 1024
#define RECOVERY_WORD_MAX 8
#define RECOVERY_TEXT_MAX (RECOVERY_WORDS * (RECOVERY_WORD_MAX + 1)) /* with the closing NUL */

extern const char *const recovery_words[RECOVERY_LIST_WORDS];

/* The words as text, one blank between two; without the closing NUL, which lies behind it. */
MUST_USE enum err_code recovery_format(const uint8_t key[RECOVERY_KEY_BYTES], struct secret *ret_text,
                                       struct error *err);

/*
 * ERR_INVALID says what is wrong, and names a word by its place (from 1), never by itself: too few or too many words,
 * one that is not in the list, one that does not fit the others, or words that do not fit together.
 */
MUST_USE enum err_code recovery_parse(struct slice text, struct secret *ret_key, struct error *err);

#endif
