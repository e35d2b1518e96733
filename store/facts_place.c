/*
 * Facts beside the register: job search, what changed in the person's life, and whether a host or an opportunity has
 * more people than it has room for.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/read.h"

static void read_search(sqlite3_stmt *s, void *out)
{
    struct job_search_row *row = out;
    row->week = (int32_t)column_int(s, 0);
    row->minutes = (int)column_int(s, 1);
}

static void read_change(sqlite3_stmt *s, void *out)
{
    struct change_row *row = out;
    row->starts_on = (int32_t)column_int(s, 0);
    row->ends_on = (int32_t)column_int_or(s, 1, ROW_NONE);
}

void placement_place_init(struct placement_place *place)
{
    *place = (struct placement_place){ .searches.size = sizeof(struct job_search_row),
                                       .changes.size = sizeof(struct change_row) };
}

void placement_place_fini(struct placement_place *place)
{
    row_array_fini(&place->searches);
    row_array_fini(&place->changes);
}

enum err_code placement_place_read(struct store *store, const struct placement_row *placement,
                                   const struct person_has *has, struct placement_place *place, struct error *err)
{
    sqlite3_stmt *s;
    if (has->searches) {
        TRY(db_statement(&store->db,
                         "SELECT week, minutes FROM job_search WHERE placement = ?1 AND week IS NOT NULL "
                         "AND minutes IS NOT NULL ORDER BY week, id",
                         &s, err));
        bind_blob(s, 1, placement->id.bytes, ROW_ID_BYTES);
        TRY(row_array_read(store, s, &place->searches, read_search, err));
    }
    if (!has->changes) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db,
                     "SELECT c.starts_on, c.ends_on FROM " PERSON_ROWS(
                         "?1") "circumstance_change c ON c.participant = a.participant "
                               "WHERE c.starts_on IS NOT NULL ORDER BY c.starts_on, c.id",
                     &s, err));
    bind_blob(s, 1, placement->participant.bytes, ROW_ID_BYTES);
    return row_array_read(store, s, &place->changes, read_change, err);
}

void placement_place_put(const struct placement_place *place, struct placement_facts *facts)
{
    facts->searches = place->searches.rows;
    facts->search_count = place->searches.count;
    facts->changes = place->changes.rows;
    facts->change_count = place->changes.count;
}

/* ---- hosts and opportunities ---- */

/* Rows of one host or opportunity after the other, each by its first day. */
static enum err_code add_crowds(struct store *store, sqlite3_stmt *s, bool host, struct row_array *crowds,
                                struct error *err)
{
    struct crowd_row now = { .host = host };
    uint8_t id[ROW_ID_BYTES] = { 0 };
    for (;;) {
        bool found;
        TRY(db_step(&store->db, s, &found, err));
        bool same = found && now.running > 0 && slice_equal(column_slice(s, 0), slice_of(id, sizeof(id)));
        if (!same && now.running > now.allowed) {
            void *out;
            enum err_code rc = row_array_next(crowds, &out, err);
            if (rc != ERR_OK) {
                sqlite3_reset(s);
                return rc;
            }
            *(struct crowd_row *)out = now;
        }
        if (!found) {
            return ERR_OK;
        }
        if (!same) {
            now = (struct crowd_row){ .host = host, .allowed = (int)column_int(s, 2) };
            (void)column_fixed(s, 0, id, sizeof(id));
            column_text(s, 1, now.ref, sizeof(now.ref));
        }
        if (++now.running == now.allowed + 1) {
            now.since = (int32_t)column_int(s, 3);
        }
    }
}

enum err_code site_crowds_read(struct store *store, int32_t today, struct row_array *crowds, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT h.id, h.ref, h.quota, p.starts_on FROM placement p JOIN opportunity o ON o.id = "
                     "p.opportunity JOIN host h ON h.id = o.host WHERE p.ends_on >= ?1 AND p.starts_on <= ?1 "
                     "AND p.basis = 'mandatory' AND h.quota IS NOT NULL ORDER BY h.ref, h.id, p.starts_on",
                     &s, err));
    bind_int(s, 1, today);
    TRY(add_crowds(store, s, true, crowds, err));
    TRY(db_statement(&store->db,
                     "SELECT o.id, o.ref, o.places, p.starts_on FROM placement p JOIN opportunity o ON o.id = "
                     "p.opportunity WHERE p.ends_on >= ?1 AND p.starts_on <= ?1 AND o.places IS NOT NULL "
                     "ORDER BY o.ref, o.id, p.starts_on",
                     &s, err));
    bind_int(s, 1, today);
    return add_crowds(store, s, false, crowds, err);
}

enum err_code site_heard_read(struct store *store, int32_t *ret_day, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    int64_t at_ms = 0;
    TRY(db_statement(&store->db, "SELECT heard_at FROM sync_state", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        at_ms = column_int(s, 0);
        sqlite3_reset(s);
    }
    *ret_day = at_ms > 0 ? clock_today(at_ms) : 0;
    return ERR_OK;
}
