#include "agent/names.h"

#include <stdio.h>
#include <string.h>

enum err_code session_name_split(const char *text, struct session_name *ret_name, struct error *err)
{
    static const char expected[] = "read the session: expected PLACEMENT@yyyy-mm-dd, or PLACEMENT@yyyy-mm-dd/2 for the "
                                   "second of a day (up to /4)";
    const char *at = strrchr(text, '@');
    size_t ref_len = at != NULL ? (size_t)(at - text) : 0;
    size_t rest = at != NULL ? strlen(at + 1) : 0;
    if (ref_len < 1 || ref_len >= ROW_REF_SIZE || (rest != DATE_TEXT_SIZE - 1 && rest != DATE_TEXT_SIZE + 1)) {
        return FAIL(err, INVALID, "%s", expected);
    }
    char date[DATE_TEXT_SIZE];
    memcpy(date, at + 1, DATE_TEXT_SIZE - 1);
    date[DATE_TEXT_SIZE - 1] = '\0';
    const char *slot = at + DATE_TEXT_SIZE;
    struct session_name name = { .slot = 0 };
    if (!date_parse(date, &name.day) ||
        (slot[0] != '\0' && (slot[0] != '/' || slot[1] < '1' || slot[1] > '0' + PATTERN_SLOTS_MAX))) {
        return FAIL(err, INVALID, "%s", expected);
    }
    name.slot = slot[0] == '\0' ? 0 : slot[1] - '1';
    memcpy(name.placement_ref, text, ref_len);
    *ret_name = name;
    return ERR_OK;
}

enum err_code session_name_find(struct store *store, const char *text, struct session_name *ret_name, struct error *err)
{
    struct session_name name;
    TRY(session_name_split(text, &name, err));
    enum err_code rc = query_find(store, KIND_PLACEMENT, name.placement_ref, &name.placement, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "find the session's placement");
    }
    *ret_name = name;
    return ERR_OK;
}

void session_name_format(const char *placement_ref, int32_t day, int slot, char out[SESSION_NAME_SIZE])
{
    char date[DATE_TEXT_SIZE];
    date_format(day, date);
    if (slot == 0) {
        (void)snprintf(out, SESSION_NAME_SIZE, "%s@%s", placement_ref, date);
    } else {
        (void)snprintf(out, SESSION_NAME_SIZE, "%s@%s/%d", placement_ref, date, slot + 1);
    }
}

void flag_id(const char *key, char out[FLAG_ID_SIZE])
{
    uint8_t digest[SHA256_BYTES];
    struct slice text = slice_of_text(key);
    sha256(&text, 1, digest);
    hex_encode(digest, (FLAG_ID_SIZE - 1) / 2, out);
}
