/*
 * sync/endpoint/ctl/print - answers as text. What a device wrote never reaches the terminal as a control character.
 */
#ifndef SYNC_ENDPOINT_CTL_PRINT_H
#define SYNC_ENDPOINT_CTL_PRINT_H

#include <jansson.h>

struct column {
    const char *title;
    const char *path; /* members with dots between: site.name */
};

/* Rows under titles, as wide as their content; "none" words when there are no rows. */
void print_table(const json_t *rows, const struct column *columns, size_t count, const char *when_empty);

/* "label: value" lines. */
void print_pairs(const json_t *object, const struct column *pairs, size_t count);

/* A value by its path, as text with control characters made visible; malloc'd, "-" for null and missing. */
char *value_text(const json_t *object, const char *path);

void print_json(const json_t *answer);

#endif
