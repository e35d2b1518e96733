#include "agent/late_notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* The last place is for the newest, so that the first tries and the last one show. */
void late_notes_add(struct late_notes *notes, const struct audit_entry *entry)
{
    if (notes->count < LATE_NOTES_MAX) {
        notes->entries[notes->count++] = *entry;
        return;
    }
    notes->more++;
    notes->entries[LATE_NOTES_MAX - 1] = *entry;
}

void late_notes_keep(struct late_notes *notes, struct store *store)
{
    struct error err = { .code = ERR_OK };
    if (notes->count == 0) {
        return;
    }
    struct audit_entry *last = &notes->entries[notes->count - 1];
    size_t len = strlen(last->fields);
    if (notes->more > 0) {
        (void)snprintf(last->fields + len, sizeof(last->fields) - len, ", and %" PRIu64 " more before", notes->more);
    }
    if (store_audit_add(store, notes->entries, notes->count, &err) != ERR_OK) {
        last->fields[len] = '\0';
        LOG_WARNING("not_noted", "count=%zu message=\"%s\"", notes->count, err.message);
        return;
    }
    notes->count = 0;
    notes->more = 0;
}

void late_notes_forget(struct late_notes *notes)
{
    if (notes->count > 0) {
        LOG_WARNING("notes_forgotten", "count=%" PRIu64, notes->count + notes->more);
    }
    *notes = (struct late_notes){ .count = 0 };
}
