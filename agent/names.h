/*
 * agent/names - how people name things: GDN-P014, GDN-P014@2026-11-20, GDN-P014@2026-11-20/2, and a flag's short id.
 *
 * Layer: agent. Asks the store which record a ref means.
 */
#ifndef AGENT_NAMES_H
#define AGENT_NAMES_H

#include "base/clock.h"
#include "store/query.h"

#define SESSION_NAME_SIZE (ROW_REF_SIZE + DATE_TEXT_SIZE + 3)
#define FLAG_ID_SIZE 9

struct session_name {
    struct row_id placement;
    int32_t day;
    int slot; /* 0 to PATTERN_SLOTS_MAX - 1; a person writes 1 to 4 */
    char placement_ref[ROW_REF_SIZE];
};

/* Only the text's shape: the part before the last '@', the day and the slot. */
MUST_USE enum err_code session_name_split(const char *text, struct session_name *ret_name, struct error *err);

/* And the placement it means. ERR_INVALID, ERR_NOT_FOUND. */
MUST_USE enum err_code session_name_find(struct store *store, const char *text, struct session_name *ret_name,
                                         struct error *err);

void session_name_format(const char *placement_ref, int32_t day, int slot, char out[SESSION_NAME_SIZE]);

/* First 8 hexadecimal digits of SHA-256(key): the same on every machine. */
void flag_id(const char *key, char out[FLAG_ID_SIZE]);

#endif
