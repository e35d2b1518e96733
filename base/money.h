/*
 * base/money - pence inside, pounds for people. Whole numbers only: money is never a floating-point number.
 */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#define POUNDS_TEXT_SIZE 32

/* "£1,234.05", "-£0.05" */
void pounds_format(int64_t pence, char out[POUNDS_TEXT_SIZE]);

/* "1234", "£1,234.05", "1234.5" up to `max_pence`; false for anything else. A comma stands before three digits only. */
bool pounds_parse(const char *text, int64_t max_pence, int64_t *ret_pence);

#endif
