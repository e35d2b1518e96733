/*
 * Which programme pack was in force when a doubt was confirmed, and what a break was before a record changed it:
 * functions of the records alone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/fold_parts.h"
#include "store/read.h"

/* ---- which programme pack was in force when it was confirmed ---- */

struct pack_then {
    struct row_id id;
    char sha256[PROGRAMME_SHA256_SIZE];
};

static void read_pack_then(sqlite3_stmt *s, void *out)
{
    struct pack_then *pack = out;
    *pack = (struct pack_then){ 0 };
    (void)column_fixed(s, 0, pack->id.bytes, ROW_ID_BYTES);
    column_text(s, 1, pack->sha256, sizeof(pack->sha256));
}

/* By the order of things or by the centre's clock, whichever tells: a doubt comes under a pack early by neither. */
static bool said_before(uint64_t hlc, const struct doubt_moment *moment)
{
    return (int64_t)hlc < moment->hlc || clock_london_minute((int64_t)(hlc >> 16)) < moment->minute;
}

/* From when it was to count, as it had been said by then. */
static enum err_code in_force_from(struct store *store, const struct row_id *id, const struct doubt_moment *moment,
                                   bool *ret_said, int32_t *ret_from, struct error *err)
{
    SCOPED(merged_fini) struct merged versions = { 0 };
    *ret_said = false;
    TRY(merged_find(store, kind_by_number(KIND_PROGRAMME_PACK), slice_of(id->bytes, ROW_ID_BYTES), &versions, err));
    for (size_t i = versions.count; i > 0 && !*ret_said; i--) {
        struct record record;
        if (said_before(versions.versions[i - 1].hlc, moment)) {
            TRY(merged_read(store, &versions, &versions.versions[i - 1], true, &record, err));
            *ret_from = (int32_t)record_value(&record, "in_force_from")->number;
            *ret_said = true;
        }
    }
    return ERR_OK;
}

/* The greatest version that counted on that day is the one; before any did, the program's own, or one that the centre
 * gave as a record since. */
static enum err_code find_in_force(struct store *store, const struct row_array *packs, const struct programme *named,
                                   const struct doubt_moment *moment, bool *ret_in_force, struct error *err)
{
    bool own = named == store->own_programme || named == programme_default();
    *ret_in_force = true;
    for (size_t i = 0; i < packs->count; i++) {
        const struct pack_then *pack = (const struct pack_then *)packs->rows + i;
        bool is_named = strcmp(pack->sha256, programme_sha256(named)) == 0;
        bool said;
        int32_t from = 0;
        TRY(in_force_from(store, &pack->id, moment, &said, &from, err));
        bool counts = said && from <= moment->minute / (24 * 60);
        if (counts || (said && is_named && !own)) {
            *ret_in_force = counts && is_named;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

enum err_code pack_was_in_force(struct store *store, const struct programme *named, const struct doubt_moment *moment,
                                bool *ret_in_force, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array packs = { .size = sizeof(struct pack_then) };
    TRY(db_statement(&store->db, "SELECT id, sha256 FROM programme_pack ORDER BY version DESC, sha256 DESC", &s, err));
    enum err_code rc = row_array_read(store, s, &packs, read_pack_then, err);
    if (rc == ERR_OK) {
        rc = find_in_force(store, &packs, named, moment, ret_in_force, err);
    }
    row_array_fini(&packs);
    return rc;
}

/* ---- what a break was ---- */

struct span {
    uint8_t placement[OP_ENTITY_BYTES];
    int64_t starts_on;
    int64_t ends_on;
    uint64_t known; /* a bit each */
};

static void take_span(struct record *record, struct span *span)
{
    const struct value *placement = record_value(record, "placement");
    const struct value *from = record_value(record, "starts_on");
    const struct value *to = record_value(record, "ends_on");
    if (placement->present) {
        memcpy(span->placement, placement->text.data, OP_ENTITY_BYTES);
    }
    span->starts_on = from->present ? from->number : span->starts_on;
    span->ends_on = to->present ? to->number : span->ends_on;
    span->known |= (uint64_t)placement->present | (uint64_t)from->present << 1 | (uint64_t)to->present << 2;
}

static enum err_code put_before(struct store *store, struct slice subject, const struct span *span, int64_t minute,
                                struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO break_before VALUES (?1, ?2, ?3, ?4, ?5)", &s, err));
    bind_slice(s, 1, subject);
    bind_blob(s, 2, span->placement, OP_ENTITY_BYTES);
    bind_int(s, 3, span->starts_on);
    bind_int(s, 4, span->ends_on);
    bind_int(s, 5, minute);
    return db_run(&store->db, s, err);
}

static enum err_code note_spans(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    struct span span = { 0 };
    for (size_t i = 0; merged->count > 1 && i < merged->count; i++) {
        struct record record;
        struct span before = span;
        TRY(merged_read(store, merged, &merged->versions[i], true, &record, err));
        take_span(&record, &span);
        free(merged->kept[--merged->kept_count]);
        if (before.known == 7 && memcmp(&before, &span, sizeof(span)) != 0) {
            int64_t minute;
            TRY(version_said_min(store, &merged->versions[i], &minute, err));
            TRY(put_before(store, subject, &before, minute, err));
        }
    }
    return ERR_OK;
}

/* Of placements that it is not of any more, too. */
static enum err_code mark_before(struct store *store, struct slice subject, struct error *err)
{
    return fold_delete(store, "INSERT OR IGNORE INTO dirty_placement SELECT placement FROM break_before WHERE id = ?1",
                       subject, err);
}

enum err_code break_note_before(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    TRY(mark_before(store, subject, err));
    TRY(fold_delete(store, "DELETE FROM break_before WHERE id = ?1", subject, err));
    TRY(note_spans(store, subject, merged, err));
    return mark_before(store, subject, err);
}
