/*
 * agent/intake - the checked rows of a spreadsheet as records to write: one batch for one transaction.
 *
 * Ids come from refs, so the same file gives the same records on every device, and a second time nothing new. A person
 * named in several rows gets one record: the last name given is taken, and where rows differ that is a warning.
 *
 * A register never settles a dispute: a row about a disputed session is left out with a warning. A row that changes
 * what stands carries the note "changed by import" unless it has one of its own.
 *
 * Ownership:  texts of the entries live as long as the import result; intake_fini releases the rest.
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

struct intake {
    struct store_entry *entries;
    size_t *lines; /* of the file, for each entry */
    size_t count;
    size_t capacity;
    size_t unchanged; /* rows that stand already so, without an entry */
    struct intake_warning *warnings;
    size_t warning_count;            /* all of them; kept are INTAKE_WARNINGS_KEPT at most */
    uint8_t (*ids)[OP_ENTITY_BYTES]; /* what the entries' id fields borrow; reserved once */
    size_t id_count;
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
/* `placements` is used for a register only. Reads the store, writes nothing. */
MUST_USE enum err_code intake_make(struct store *store, const uint8_t stream[STREAM_ID_BYTES], enum import_kind kind,
                                   const struct import_result *rows, const struct intake_placements *placements,
                                   struct intake *ret_intake, struct error *err);

#endif
