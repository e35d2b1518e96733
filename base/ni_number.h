/*
 * base/ni_number - the shape of a National Insurance number: two letters, six digits and a letter from A to D, in
 * either case, with or without spaces (HMRC, National Insurance Manual, NIM39110). It has no place in a reference or a
 * name.
 *
 * Layer: base.
 */
#ifndef BASE_NI_NUMBER_H
#define BASE_NI_NUMBER_H

#include "base/bytes.h"

/* One stands in the text, as a word or as words of its own. */
bool ni_number_within(struct slice text);

#endif
