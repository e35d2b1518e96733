/*
 * agent/import/cell - what people write into cells, as values. Anything else is false, with the out-parameter
 * untouched.
 *
 * Layer: agent, inside import. Uses base only.
 */
#ifndef AGENT_IMPORT_CELL_H
#define AGENT_IMPORT_CELL_H

#include "agent/import/sheet.h"

/* Same letters and digits, whatever the capitals, blanks and punctuation; if there are none, the same bytes. */
bool words_same(struct slice a, struct slice b);

/* Whether `text` is one of `list`, words separated by commas. */
bool words_in_list(struct slice text, const char *list);

/* dd/mm/yyyy, d/m/yyyy, with '-' too, dd/mm/yy (2000 to 2099), yyyy-mm-dd; dates that exist, of the years 2000 to 2099.
 */
bool cell_date(const char *text, int32_t *ret_day);

/*
 * "3", "3.5", "3,5", "7.25", "3:30" or "3:30:00" as minutes, halves of a minute up. Refused as ambiguous: .15, .30 and
 * .45, which may mean minutes.
 */
bool cell_hours(const char *text, int64_t *ret_minutes);

/* Decimal digits, at most 9. */
bool cell_integer(const char *text, int64_t *ret_number);

/* Lower case, blanks and hyphens as "_"; other than letters, digits and those is refused, also an empty one. */
#define REASON_TEXT_SIZE 41
bool cell_reason(const char *text, char out[REASON_TEXT_SIZE]);

/* NULL if `text` is none of the words. */
const struct code_word *cell_code(const struct code_word *words, const char *text);

/* Whether there are control characters other than tab and line break. */
bool cell_has_control(const char *text);

/* For people: at most 40 characters, control characters as '?', "..." when cut. */
void cell_show(const char *text, char out[IMPORT_FOUND_SIZE]);

#endif
