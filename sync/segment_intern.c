#include "sync/segment_wire.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MIN = 64, ENTRIES_MAX = 1 << 17, PROBES_MAX = 16 };

enum err_code intern_init(struct intern *table, size_t expected, struct error *err)
{
    size_t size = ENTRIES_MIN;
    while (size < ENTRIES_MAX && size < 2 * expected) {
        size *= 2;
    }
    table->entries = calloc(size, sizeof(*table->entries));
    if (table->entries == NULL) {
        return FAIL(err, NO_MEMORY, "hold %zu values", size);
    }
    table->mask = size - 1;
    return ERR_OK;
}

void intern_fini(struct intern *table)
{
    free(table->entries);
    *table = (struct intern){ 0 };
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint32_t finish(uint64_t hash)
{
    return (uint32_t)(mix(hash, hash >> 32) >> 32);
}

static uint32_t hash_bytes(uint32_t column, struct slice bytes)
{
    uint64_t hash = mix(column, bytes.len);
    size_t at = 0;
    for (; bytes.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes.data + at, sizeof(word));
        hash = mix(hash, word);
    }
    uint64_t rest = 0;
    if (at < bytes.len) {
        memcpy(&rest, bytes.data + at, bytes.len - at);
    }
    return finish(mix(hash, rest));
}

static bool entry_equal(const struct intern_entry *a, const struct intern_entry *b)
{
    return a->hash == b->hash && a->column == b->column && a->word == b->word &&
           (a->data == NULL || a->word == 0 || memcmp(a->data, b->data, a->word) == 0);
}

static uint32_t intern(struct intern *table, const struct intern_entry *wanted)
{
    for (size_t probe = 0; probe < PROBES_MAX; probe++) {
        struct intern_entry *entry = &table->entries[(wanted->hash + probe) & table->mask];
        if (!entry->used) {
            *entry = *wanted;
            return INTERN_NEW;
        }
        if (entry_equal(entry, wanted)) {
            return entry->number;
        }
    }
    return INTERN_NEW;
}

uint32_t intern_bytes(struct intern *table, uint32_t column, struct slice bytes, uint32_t number)
{
    return intern(table, &(struct intern_entry){ .data = bytes.data,
                                                 .word = bytes.len,
                                                 .hash = hash_bytes(column, bytes),
                                                 .column = column,
                                                 .number = number,
                                                 .used = true });
}

uint32_t intern_number(struct intern *table, uint32_t column, int64_t value, uint32_t number)
{
    return intern(table, &(struct intern_entry){ .word = (uint64_t)value,
                                                 .hash = finish(mix(column, (uint64_t)value)),
                                                 .column = column,
                                                 .number = number,
                                                 .used = true });
}
