/*
 * What the opportunities have room for, week by week; and for what a referral that waits is agreed.
 */
#include <string.h>

#include "store/read.h"

/* Who runs and who is to come as the site's facts have it (facts.c): so the sums are the same. */
static void load_add(struct opportunity_load *load, int32_t today, int32_t starts_on, int32_t ends_on)
{
    bool runs = starts_on <= today;
    load->to_come += !runs;
    for (int week = 0; week <= LOAD_WEEKS_MAX; week++) {
        int64_t day = (int64_t)today + 7 * (int64_t)week;
        if (ends_on < day) {
            return;
        }
        load->weeks[week].taken += runs;
        load->weeks[week].agreed += !runs && starts_on <= day;
    }
}

static void read_load(sqlite3_stmt *s, struct opportunity_load *load)
{
    (void)column_fixed(s, 0, load->id.bytes, ROW_ID_BYTES);
    column_text(s, 1, load->ref, sizeof(load->ref));
    column_text(s, 2, load->host_ref, sizeof(load->host_ref));
    column_text(s, 3, load->title, sizeof(load->title));
    load->places = (int)column_int_or(s, 4, ROW_NONE);
    load->supervisor_minutes = (int)column_int_or(s, 5, ROW_NONE);
    load->closed_on = (int32_t)column_int_or(s, 6, ROW_NONE);
}

/* Rows of one opportunity come one after the other, each with one of its placements or without any. */
static enum err_code read_loads(struct store *store, sqlite3_stmt *s, int32_t today, struct row_array *loads,
                                struct error *err)
{
    for (;;) {
        bool found;
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        struct opportunity_load *load =
            loads->count > 0 ? (struct opportunity_load *)loads->rows + loads->count - 1 : NULL;
        if (load == NULL || !slice_equal(column_slice(s, 0), slice_of(load->id.bytes, ROW_ID_BYTES))) {
            void *out;
            enum err_code rc = row_array_next(loads, &out, err);
            if (rc != ERR_OK) {
                sqlite3_reset(s);
                return rc;
            }
            load = out;
            read_load(s, load);
        }
        int64_t ends_on = column_int_or(s, 8, ROW_NONE);
        if (ends_on != ROW_NONE) {
            load_add(load, today, (int32_t)column_int_or(s, 7, ROW_NONE), (int32_t)ends_on);
        }
    }
}

/* Placements of which nobody said what they take up, or that name an opportunity which is not on record. */
static enum err_code read_elsewhere(struct store *store, int32_t today, struct opportunity_load *load,
                                    struct error *err)
{
    sqlite3_stmt *s;
    *load = (struct opportunity_load){ .places = ROW_NONE, .supervisor_minutes = ROW_NONE, .closed_on = ROW_NONE };
    TRY(db_statement(&store->db,
                     "SELECT p.starts_on, p.ends_on FROM placement p WHERE p.ends_on >= ?1 AND (p.opportunity IS NULL "
                     "OR NOT EXISTS (SELECT 1 FROM opportunity o WHERE o.id = p.opportunity))",
                     &s, err));
    bind_int(s, 1, today);
    for (;;) {
        bool found;
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        load_add(load, today, (int32_t)column_int_or(s, 0, ROW_NONE), (int32_t)column_int(s, 1));
    }
}

enum err_code query_loads(struct store *store, int32_t today, struct load_list *ret_list,
                          struct opportunity_load *ret_elsewhere, struct error *err)
{
    sqlite3_stmt *s;
    SCOPED(row_array_fini) struct row_array loads = { .size = sizeof(struct opportunity_load) };
    TRY(db_statement(&store->db,
                     "SELECT o.id, o.ref, h.ref, o.title, o.places, o.supervisor_minutes, o.closed_on, p.starts_on, "
                     "p.ends_on FROM opportunity o LEFT JOIN host h ON h.id = o.host LEFT JOIN placement p ON "
                     "p.opportunity = o.id AND p.ends_on >= ?1 WHERE o.closed_on IS NULL OR o.closed_on > ?1 OR p.id "
                     "IS NOT NULL ORDER BY o.ref, o.id",
                     &s, err));
    bind_int(s, 1, today);
    TRY(read_loads(store, s, today, &loads, err));
    TRY(read_elsewhere(store, today, ret_elsewhere, err));
    *ret_list = (struct load_list){ .rows = loads.rows, .count = loads.count };
    loads.rows = NULL;
    return ERR_OK;
}

static enum err_code read_accepted_for(struct store *store, const struct row_id *referral, struct row_id *ret_id,
                                       struct error *err)
{
    SCOPED(referral_event_list_fini) struct referral_event_list events = { 0 };
    TRY(query_referral_events(store, referral, &events, err));
    for (size_t i = 0; i < events.count; i++) {
        if (strcmp(events.rows[i].status, "accepted") == 0) {
            *ret_id = events.rows[i].opportunity;
        }
    }
    return ERR_OK;
}

enum err_code query_agreed(struct store *store, const struct row_id *referral, int32_t today,
                           struct agreed_row *ret_row, struct error *err)
{
    sqlite3_stmt *s;
    bool found;
    *ret_row = (struct agreed_row){ .starts_on = ROW_NONE };
    TRY(db_statement(&store->db,
                     "SELECT id, starts_on, opportunity FROM placement WHERE referral = ?1 AND starts_on > ?2 AND "
                     "ends_on >= ?2 ORDER BY starts_on, id LIMIT 1",
                     &s, err));
    bind_blob(s, 1, referral->bytes, ROW_ID_BYTES);
    bind_int(s, 2, today);
    TRY(db_step(&store->db, s, &found, err));
    if (!found) {
        return read_accepted_for(store, referral, &ret_row->opportunity, err);
    }
    (void)column_fixed(s, 0, ret_row->placement.bytes, ROW_ID_BYTES);
    ret_row->placed = true;
    ret_row->starts_on = (int32_t)column_int(s, 1);
    (void)column_fixed(s, 2, ret_row->opportunity.bytes, ROW_ID_BYTES);
    sqlite3_reset(s);
    return ERR_OK;
}
