/*
 * agent/intake - the checked rows of a spreadsheet as records to write in one transaction, each made when it is due.
 *
 * Ids come from refs, so the same file gives the same records on every device, and a second time nothing new. A person
 * named in several rows gets one record: the last name given is taken, and where rows differ that is a warning.
 *
 * A register never settles a dispute: a row about a disputed session is left out with a warning. A row that changes
 * what stands carries the note "changed by import" unless it has one of its own.
 *
 * Ownership:  an entry lasts until the next one; its texts are the import result's. intake_fini releases the rest.
 * Layer:      agent. Knows import and the store.
 */
#ifndef AGENT_INTAKE_H
#define AGENT_INTAKE_H

#include "agent/import/import.h"
#include "store/query.h"

#define INTAKE_WARNINGS_KEPT 1000
#define INTAKE_NOTE "changed by import"

struct intake_warning {
    size_t line;
    const char *column_name; /* "" for the row as a whole */
    const char *expected;    /* what was done about it, in words */
};

/* What an entry is made of; the entry itself is made when it is written. */
struct intake_item {
    uint32_t kind;
    uint32_t row;
    uint32_t name_row; /* of a person: the row whose name is taken; INTAKE_NO_ROW: none has one */
    bool changes;      /* of attendance: something stands already */
};
#define INTAKE_NO_ROW UINT32_MAX

struct intake {
    const uint8_t *stream;
    const struct import_result *rows;
    const struct intake_placements *placements;
    struct intake_item *items;
    size_t count;
    size_t capacity;
    size_t unchanged; /* rows that stand already so, without an entry */
    struct intake_warning *warnings;
    size_t warning_count; /* all of them; kept are INTAKE_WARNINGS_KEPT at most */
    struct store_entry entry;
    uint8_t ids[2][OP_ENTITY_BYTES]; /* what its id fields borrow */
};

/* The refs of the placements recorded here, for checking a register's rows. */
struct intake_placements {
    struct placement_list list; /* by ref */
};

void intake_placements_fini(struct intake_placements *placements);
MUST_USE enum err_code intake_placements_read(struct store *store, struct intake_placements *ret_placements,
                                              struct error *err);
/* For import_options.placement_known; `context` is the struct intake_placements. */
bool intake_placement_known(const char *ref, void *context);
/* For import_options.pattern_valid. */
bool intake_pattern_valid(const char *text, void *context);

void intake_fini(struct intake *intake);
/* `placements` is used for a register only; it, `stream` and `rows` have to outlast the intake. Reads the store, writes
 * nothing. */
MUST_USE enum err_code intake_make(struct store *store, const uint8_t stream[STREAM_ID_BYTES], enum import_kind kind,
                                   const struct import_result *rows, const struct intake_placements *placements,
                                   struct intake *ret_intake, struct error *err);
/* For store_source; `context` is the struct intake. */
const struct store_entry *intake_entry(void *context, size_t index);
size_t intake_line(const struct intake *intake, size_t index);

#endif
