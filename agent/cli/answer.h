/*
 * agent/cli/answer - reading the agent's JSON: what is missing or null reads as nothing, never as a crash.
 */
#ifndef AGENT_CLI_ANSWER_H
#define AGENT_CLI_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

void answer_free(json_t **answer); /* for SCOPED */

/* Makes every text in it safe to show (see text_visible); once, before anything is printed for a person. */
void answer_clean(json_t *answer);

const char *answer_text(const json_t *object, const char *name); /* "" */
/* What a code in it says in Welsh, where it came with that (path_add_labels); else the code. */
const char *answer_words(const json_t *row, const char *name);
int64_t answer_int(const json_t *object, const char *name); /* 0 */
bool answer_true(const json_t *object, const char *name);
bool answer_has(const json_t *object, const char *name);                         /* there and not null */
json_t *answer_member(const json_t *object, const char *name);                   /* NULL unless there and not null */
bool answer_day(const json_t *object, const char *name, int32_t *ret_day);       /* yyyy-mm-dd */
bool answer_instant(const json_t *object, const char *name, int64_t *ret_at_ms); /* RFC 3339 */

#define ANSWER_PERSON_SIZE 1024

/* Whom a row is about, by its participant_name and participant_ref: "Cy Tester (GDN-001)"; where the name is withheld
 * the reference alone. */
struct answer_person {
    char text[ANSWER_PERSON_SIZE];
};
struct answer_person answer_person(const json_t *row);

#endif
