/*
 * store/answers - the good-reason questions of a review with what was answered, as one text: each question a line that
 * ends with '?', its answer below it, an empty line before the next.
 *
 * Layer: store.
 */
#ifndef STORE_ANSWERS_H
#define STORE_ANSWERS_H

#include "base/bytes.h"

/* The next answer, without its question, and what is left; false at the end. A text that asks nothing is one answer. */
bool answers_next(struct slice *rest, struct slice *ret_answer);
/* Has it a letter or a digit, in whatever script? */
bool answer_says_something(struct slice answer);
/* There is an answer, and each says something. */
bool answers_given(struct slice text);

#endif
