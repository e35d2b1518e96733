#include "agent/import_repeats.h"

#include <stdlib.h>
#include <string.h>

/* Slots of a table: the index of an entry and 1, or 0. */
struct seen {
    uint32_t *slots;
    size_t mask;
};

static enum err_code seen_new(size_t count, struct seen *ret_seen, struct error *err)
{
    size_t slots = 16;
    while (slots < 2 * count) {
        slots *= 2;
    }
    *ret_seen = (struct seen){ .slots = calloc(slots, sizeof(uint32_t)), .mask = slots - 1 };
    return ret_seen->slots != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "import: out of memory");
}

static const struct store_entry *entry_of(const struct store_source *source, size_t index)
{
    return source->entry(source->context, index);
}

/* The slot of the subject's last entry, or the free one for its first. A subject is drawn, or a keyed digest. */
static uint32_t *slot_of(const struct seen *seen, const struct store_source *source, const uint8_t *subject)
{
    uint32_t at = get_be32(subject);
    for (;; at++) {
        uint32_t *slot = &seen->slots[at & seen->mask];
        if (*slot == 0 || memcmp(entry_of(source, *slot - 1)->subject, subject, OP_ENTITY_BYTES) == 0) {
            return slot;
        }
    }
}

static bool differs(const struct value *a, const struct value *b)
{
    return a->present && b->present && (a->number != b->number || !slice_equal(a->text, b->text));
}

enum err_code import_repeats(const struct store_source *source, import_repeat_found found, void *context,
                             struct error *err)
{
    struct seen seen;
    TRY(seen_new(source->count, &seen, err));
    for (size_t i = 0; i < source->count; i++) {
        const struct store_entry *entry = entry_of(source, i);
        uint32_t *slot = slot_of(&seen, source, entry->subject);
        for (size_t field = 0; *slot != 0 && field < entry->record.kind->field_count; field++) {
            struct import_repeat repeat = { .index = i, .earlier = *slot - 1, .field = field };
            if (differs(&entry_of(source, repeat.earlier)->record.values[field], &entry->record.values[field])) {
                found(context, &repeat);
            }
        }
        *slot = (uint32_t)i + 1;
    }
    free(seen.slots);
    return ERR_OK;
}
