/*
 * What the rules look at: one placement, or the site, as plain rows.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/read.h"

/* ---- one placement ---- */

/* What a placement takes up; and the words for its place, as plain_key writes them, with which those of a shift are
 * compared. */
struct taken_up {
    char ref[ROW_REF_SIZE];
    char title[ROW_NAME_SIZE];
    bool volunteers_too;
    char places[5][ROW_NAME_SIZE]; /* the placement's host, the opportunity, its title, its host and that one's name */
};

struct placement_owned {
    struct row_array sessions;
    struct row_array decisions;
    struct row_array notices;
    struct row_array spans;
    struct placement_money money;
    struct placement_place place;
    struct taken_up taken;
    struct row_array shifts;
};

void store_placement_facts_fini(struct store_placement_facts *facts)
{
    struct placement_owned *owned = facts->owned;
    if (owned != NULL) {
        row_array_fini(&owned->sessions);
        row_array_fini(&owned->decisions);
        row_array_fini(&owned->notices);
        row_array_fini(&owned->spans);
        placement_money_fini(&owned->money);
        placement_place_fini(&owned->place);
        row_array_fini(&owned->shifts);
        free(owned);
    }
    *facts = (struct store_placement_facts){ 0 };
}

static enum err_code find_placement(struct store *store, const struct row_id *id, struct placement_row *row,
                                    struct error *err)
{
    sqlite3_stmt *s;
    bool found;
    TRY(db_statement(&store->db,
                     "SELECT " READ_PLACEMENT
                     " FROM placement p LEFT JOIN participant q ON q.id = p.participant WHERE p.id = ?1",
                     &s, err));
    bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &found, err));
    if (!found) {
        return FAIL(err, NOT_FOUND, "find the placement");
    }
    read_placement(s, row);
    sqlite3_reset(s);
    return ERR_OK;
}

static void read_decision_row(sqlite3_stmt *s, void *out)
{
    struct decision_row *row = out;
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    row->failure_on = (int32_t)column_int_or(s, 1, ROW_NONE);
    row->decided_on = (int32_t)column_int_or(s, 2, ROW_NONE);
    column_text(s, 3, row->outcome, sizeof(row->outcome));
}

static void read_notice_row(sqlite3_stmt *s, void *row)
{
    read_notice(s, row);
}

/* By first day and id. */
static int span_compare(const void *a, const void *b)
{
    const struct span_row *x = a;
    const struct span_row *y = b;
    return x->starts_on != y->starts_on ? (x->starts_on > y->starts_on) - (x->starts_on < y->starts_on)
                                        : memcmp(x->placement.bytes, y->placement.bytes, ROW_ID_BYTES);
}

static enum err_code add_span(sqlite3_stmt *s, struct row_array *spans, struct error *err)
{
    void *out;
    TRY(row_array_next(spans, &out, err));
    struct span_row *row = out;
    (void)column_fixed(s, 1, row->placement.bytes, ROW_ID_BYTES);
    row->starts_on = (int32_t)column_int(s, 2);
    row->ends_on = (int32_t)column_int(s, 3);
    return ERR_OK;
}

static void add_what_is_there(sqlite3_stmt *s, struct person_has *has)
{
    has->decisions |= column_int(s, 4) != 0;
    has->changes |= column_int(s, 5) != 0;
    has->volunteers |= column_int(s, 6) != 0;
    has->breaks |= column_int(s, 7) != 0;
    has->milestones |= column_int(s, 8) != 0;
    has->claims |= column_int(s, 9) != 0;
    has->searches |= column_int(s, 10) != 0;
    has->contracts |= column_int(s, 11) != 0;
}

/* In the order of add_what_is_there. */
#define WHAT_IS_THERE                                                                                                  \
    "EXISTS (SELECT 1 FROM decision x WHERE x.participant = a.participant), "                                          \
    "EXISTS (SELECT 1 FROM circumstance_change x WHERE x.participant = a.participant), "                               \
    "EXISTS (SELECT 1 FROM volunteer x WHERE x.participant = a.participant) "                                          \
    "OR EXISTS (SELECT 1 FROM volunteer WHERE name_key = ?2 AND ?2 <> ''), "                                           \
    "EXISTS (SELECT 1 FROM placement_break x WHERE x.placement = p.id), "                                              \
    "EXISTS (SELECT 1 FROM milestone x WHERE x.placement = p.id), "                                                    \
    "EXISTS (SELECT 1 FROM claim x WHERE x.placement = p.id), "                                                        \
    "EXISTS (SELECT 1 FROM job_search WHERE placement = ?3), "                                                         \
    "EXISTS (SELECT 1 FROM contract)"

/* The person's mandatory placements, and of what else there is any; volunteers by the person's name too. */
static enum err_code read_person(struct store *store, const struct placement_row *placement, struct row_array *spans,
                                 struct person_has *has, struct error *err)
{
    sqlite3_stmt *s;
    char name[ROW_NAME_SIZE];
    plain_key(placement->participant_name, name);
    TRY(db_statement(&store->db,
                     "SELECT p.basis = 'mandatory' AND p.starts_on IS NOT NULL AND p.ends_on >= p.starts_on, p.id, "
                     "p.starts_on, p.ends_on, " WHAT_IS_THERE
                     " FROM (" SAME_PERSON("?1") ") a "
                                                 "LEFT JOIN placement p ON p.participant = a.participant",
                     &s, err));
    bind_blob(s, 1, placement->participant.bytes, ROW_ID_BYTES);
    bind_text(s, 2, name);
    bind_blob(s, 3, placement->id.bytes, ROW_ID_BYTES);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        add_what_is_there(s, has);
        enum err_code rc = column_int(s, 0) != 0 ? add_span(s, spans, err) : ERR_OK;
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
    if (spans->count > 1) {
        qsort(spans->rows, spans->count, spans->size, span_compare);
    }
    return ERR_OK;
}

static enum err_code read_taken_up(struct store *store, const struct placement_row *placement, struct taken_up *taken,
                                   struct error *err)
{
    sqlite3_stmt *s;
    bool found;
    static const struct row_id none;
    *taken = (struct taken_up){ .volunteers_too = false };
    plain_key(placement->host, taken->places[0]);
    if (memcmp(&placement->opportunity, &none, sizeof(none)) == 0) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db,
                     "SELECT o.ref, o.title, h.ref, h.name, o.volunteers_too FROM opportunity o "
                     "LEFT JOIN host h ON h.id = o.host WHERE o.id = ?1",
                     &s, err));
    bind_blob(s, 1, placement->opportunity.bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &found, err));
    if (!found) {
        return ERR_OK;
    }
    column_text(s, 0, taken->ref, sizeof(taken->ref));
    column_text(s, 1, taken->title, sizeof(taken->title));
    taken->volunteers_too = column_int(s, 4) == 1;
    for (int i = 1; i < (int)ARRAY_LEN(taken->places); i++) {
        char place[ROW_NAME_SIZE];
        column_text(s, i - 1, place, sizeof(place));
        plain_key(place, taken->places[i]);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

static bool is_there(const struct taken_up *taken, const char *place)
{
    char key[ROW_NAME_SIZE];
    plain_key(place, key);
    for (size_t i = 0; i < ARRAY_LEN(taken->places); i++) {
        if (key[0] != '\0' && strcmp(key, taken->places[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Shifts of volunteers with the person's name or entered as the same, where the placement is. */
static enum err_code read_shifts(struct store *store, const struct placement_row *placement,
                                 const struct taken_up *taken, struct row_array *shifts, struct error *err)
{
    char name[ROW_NAME_SIZE];
    sqlite3_stmt *s;
    plain_key(placement->participant_name, name);
    TRY(db_statement(&store->db,
                     "SELECT s.day, s.starts_min, s.ends_min, CASE s.place WHEN '' THEN v.place ELSE s.place END FROM "
                     "(SELECT id, place FROM volunteer WHERE name_key = ?2 AND ?2 <> '' UNION ALL "
                     "SELECT v.id, v.place FROM " PERSON_ROWS(
                         "?1") "volunteer v ON v.participant = a.participant WHERE v.name_key <> ?2 OR ?2 = '') v "
                               "CROSS JOIN volunteer_shift s ON s.volunteer = v.id ORDER BY s.day, s.starts_min, v.id",
                     &s, err));
    bind_blob(s, 1, placement->participant.bytes, ROW_ID_BYTES);
    bind_text(s, 2, name);
    for (;;) {
        bool found;
        char place[ROW_NAME_SIZE];
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        column_text(s, 3, place, sizeof(place));
        if (!is_there(taken, place)) {
            continue;
        }
        void *out;
        enum err_code rc = row_array_next(shifts, &out, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        struct shift_row *row = out;
        row->day = (int32_t)column_int(s, 0);
        row->starts_min = (int)column_int(s, 1);
        row->ends_min = (int)column_int(s, 2);
    }
}

static int pattern_minutes(const char *text)
{
    struct pattern pattern;
    struct error err;
    return text[0] != '\0' && pattern_parse(text, &pattern, &err) == ERR_OK ? pattern_weekly_minutes(&pattern)
                                                                            : ROW_NONE;
}

static enum err_code read_decisions(struct store *store, const struct row_id *participant, struct row_array *decisions,
                                    struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT d.id, d.failure_on, d.decided_on, d.outcome FROM " PERSON_ROWS(
                         "?1") "decision d ON d.participant = a.participant WHERE d.outcome <> 'adverse' "
                               "OR d.participant IN (" SURELY_PERSON("?1") ") ORDER BY d.failure_on, d.id",
                     &s, err));
    bind_blob(s, 1, participant->bytes, ROW_ID_BYTES);
    return row_array_read(store, s, decisions, read_decision_row, err);
}

static enum err_code fill_placement(struct store *store, const struct row_id *id, int32_t today,
                                    struct placement_facts *facts, struct placement_owned *owned, struct error *err)
{
    sqlite3_stmt *s;
    struct placement_row *placement = &facts->placement;
    struct person_has has = { 0 };
    TRY(find_placement(store, id, placement, err));
    TRY(read_taken_up(store, placement, &owned->taken, err));
    TRY(read_person(store, placement, &owned->spans, &has, err));
    if (has.volunteers) {
        TRY(read_shifts(store, placement, &owned->taken, &owned->shifts, err));
    }
    TRY(placement_sessions_read(store, today, owned->shifts.count > 0, &owned->sessions, facts, err));
    if (has.decisions) {
        TRY(read_decisions(store, &placement->participant, &owned->decisions, err));
    }
    TRY(db_statement(&store->db,
                     "SELECT " READ_NOTICE " FROM notice n WHERE n.placement = ?1 ORDER BY n.deemed_received_on, n.id",
                     &s, err));
    bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    TRY(row_array_read(store, s, &owned->notices, read_notice_row, err));
    TRY(placement_place_read(store, placement, &has, &owned->place, err));
    return placement_money_read(store, placement, &has, &owned->money, err);
}

enum err_code store_placement_facts(struct store *store, const struct row_id *placement, int32_t today,
                                    struct store_placement_facts *ret_facts, struct error *err)
{
    struct placement_owned *owned = calloc(1, sizeof(*owned));
    if (owned == NULL) {
        return FAIL(err, NO_MEMORY, "look at a placement");
    }
    owned->sessions.size = sizeof(struct session_row);
    owned->decisions.size = sizeof(struct decision_row);
    owned->notices.size = sizeof(struct notice_row);
    owned->spans.size = sizeof(struct span_row);
    placement_money_init(&owned->money);
    placement_place_init(&owned->place);
    owned->shifts.size = sizeof(struct shift_row);
    struct store_placement_facts facts = { .owned = owned };
    enum err_code rc = fill_placement(store, placement, today, &facts.facts, owned, err);
    if (rc != ERR_OK) {
        store_placement_facts_fini(&facts);
        return rc;
    }
    facts.facts.sessions = owned->sessions.rows;
    facts.facts.session_count = owned->sessions.count;
    facts.facts.decisions = owned->decisions.rows;
    facts.facts.decision_count = owned->decisions.count;
    facts.facts.notices = owned->notices.rows;
    facts.facts.notice_count = owned->notices.count;
    facts.facts.spans = owned->spans.rows;
    facts.facts.span_count = owned->spans.count;
    placement_money_put(&owned->money, &facts.facts);
    placement_place_put(&owned->place, &facts.facts);
    facts.facts.shifts = owned->shifts.rows;
    facts.facts.shift_count = owned->shifts.count;
    memcpy(facts.facts.opportunity_ref, owned->taken.ref, ROW_REF_SIZE);
    memcpy(facts.facts.opportunity_title, owned->taken.title, ROW_NAME_SIZE);
    facts.facts.volunteers_too = owned->taken.volunteers_too;
    facts.facts.pattern_minutes = pattern_minutes(facts.facts.placement.pattern);
    *ret_facts = facts;
    return ERR_OK;
}

/* ---- the site ---- */

struct site_owned {
    struct row_array ends;
    struct row_array starts;
    struct row_array open;
    struct row_array contracts;
    struct row_array claims;
    struct row_array crowds;
};

void store_site_facts_fini(struct store_site_facts *facts)
{
    struct site_owned *owned = facts->owned;
    if (owned != NULL) {
        row_array_fini(&owned->ends);
        row_array_fini(&owned->starts);
        row_array_fini(&owned->open);
        row_array_fini(&owned->contracts);
        row_array_fini(&owned->claims);
        row_array_fini(&owned->crowds);
        free(owned);
    }
    *facts = (struct store_site_facts){ 0 };
}

static enum err_code read_capacity(struct store *store, int32_t today, struct capacity_row *row, struct error *err)
{
    sqlite3_stmt *s;
    bool found;
    *row = (struct capacity_row){ .supervisor_minutes = ROW_NONE, .stated_on = ROW_NONE };
    TRY(db_statement(&store->db,
                     "SELECT places, stated_on, supervisor_minutes FROM capacity_statement WHERE stated_on <= ?1 "
                     "AND places IS NOT NULL ORDER BY stated_on DESC, hlc DESC, id DESC LIMIT 1",
                     &s, err));
    bind_int(s, 1, today);
    TRY(db_step(&store->db, s, &found, err));
    if (found) {
        row->stated = true;
        row->places = (int)column_int(s, 0);
        row->stated_on = (int32_t)column_int(s, 1);
        row->supervisor_minutes = (int)column_int_or(s, 2, ROW_NONE);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static void read_day(sqlite3_stmt *s, void *row)
{
    *(int32_t *)row = (int32_t)column_int(s, 0);
}

static void read_referral_row(sqlite3_stmt *s, void *row)
{
    read_referral(s, row);
}

static enum err_code count_started(struct store *store, int32_t today, struct site_facts *facts, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT (?1 - starts_on) / 7, count(*) FROM placement WHERE starts_on <= ?1 AND starts_on > ?1 - ?2 "
        "GROUP BY 1",
        &s, err));
    bind_int(s, 1, today);
    bind_int(s, 2, 7 * FORECAST_WEEKS_MAX);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        facts->started_in_week[column_int(s, 0)] = (int)column_int(s, 1);
    }
}

static enum err_code count_routes(struct store *store, int32_t today, struct site_facts *facts, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT route, count(*) FROM referral WHERE received_on <= ?1 AND received_on > ?1 - ?2 "
                     "AND route IS NOT NULL GROUP BY route ORDER BY route LIMIT ?3",
                     &s, err));
    bind_int(s, 1, today);
    bind_int(s, 2, programme_rules_of(store->programme)->route_mix_window_days);
    bind_int(s, 3, ROUTES_MAX);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct route_count *route = &facts->routes[facts->route_count++];
        column_text(s, 0, route->route, sizeof(route->route));
        route->count = (int)column_int(s, 1);
    }
}

/* Neither answered nor turned into a placement. */
static int count_waiting(const struct row_array *open)
{
    const struct referral_row *rows = open->rows;
    int count = 0;
    for (size_t i = 0; i < open->count; i++) {
        count += strcmp(rows[i].status, "accepted") != 0;
    }
    return count;
}

/* The calendar of most placements: where the site is. */
static enum err_code site_calendar(struct store *store, enum calendar *ret_calendar, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    char name[ROW_CODE_SIZE] = "";
    TRY(db_statement(&store->db,
                     "SELECT ifnull(calendar, 'england_wales') AS name, count(*) AS n FROM placement GROUP BY name "
                     "ORDER BY n DESC, name LIMIT 1",
                     &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        column_text(s, 0, name, sizeof(name));
        sqlite3_reset(s);
    }
    *ret_calendar = CALENDAR_ENGLAND_WALES;
    (void)calendar_parse(name, ret_calendar);
    return ERR_OK;
}

static enum err_code fill_site(struct store *store, int32_t today, struct site_facts *facts, struct site_owned *owned,
                               struct error *err)
{
    sqlite3_stmt *s;
    TRY(site_calendar(store, &facts->calendar, err));
    TRY(read_capacity(store, today, &facts->capacity, err));
    TRY(db_statement(&store->db, "SELECT ends_on FROM placement WHERE ends_on >= ?1 ORDER BY ends_on", &s, err));
    bind_int(s, 1, today);
    TRY(row_array_read(store, s, &owned->ends, read_day, err));
    TRY(db_statement(&store->db,
                     "SELECT starts_on FROM placement WHERE starts_on > ?1 AND ends_on >= ?1 ORDER BY starts_on", &s,
                     err));
    bind_int(s, 1, today);
    TRY(row_array_read(store, s, &owned->starts, read_day, err));
    TRY(db_statement(&store->db,
                     "SELECT " READ_REFERRAL " FROM referral r LEFT JOIN participant q ON q.id = r.participant "
                     "WHERE r.status IN ('received', 'acknowledged') OR (r.status = 'accepted' AND NOT EXISTS "
                     "(SELECT 1 FROM placement p WHERE p.referral = r.id AND p.starts_on <= ?1)) "
                     "ORDER BY r.received_on, r.ref, r.id",
                     &s, err));
    bind_int(s, 1, today);
    TRY(row_array_read(store, s, &owned->open, read_referral_row, err));
    facts->placements_to_come = (int)owned->starts.count;
    facts->placements_now = (int)(owned->ends.count - owned->starts.count);
    facts->waiting = count_waiting(&owned->open);
    TRY(count_routes(store, today, facts, err));
    TRY(site_crowds_read(store, today, &owned->crowds, err));
    TRY(site_heard_read(store, &facts->heard_on, err));
    TRY(site_money_read(store, today, &owned->contracts, &owned->claims, err));
    return count_started(store, today, facts, err);
}

enum err_code store_site_facts(struct store *store, int32_t today, struct store_site_facts *ret_facts,
                               struct error *err)
{
    struct site_owned *owned = calloc(1, sizeof(*owned));
    if (owned == NULL) {
        return FAIL(err, NO_MEMORY, "look at the site");
    }
    owned->ends.size = sizeof(int32_t);
    owned->starts.size = sizeof(int32_t);
    owned->open.size = sizeof(struct referral_row);
    owned->crowds.size = sizeof(struct crowd_row);
    owned->contracts.size = sizeof(struct contract_stand);
    owned->claims.size = sizeof(struct claim_row);
    struct store_site_facts facts = { .owned = owned };
    enum err_code rc = fill_site(store, today, &facts.facts, owned, err);
    if (rc != ERR_OK) {
        store_site_facts_fini(&facts);
        return rc;
    }
    facts.facts.ends_on = owned->ends.rows;
    facts.facts.ends_count = owned->ends.count;
    facts.facts.starts_on = owned->starts.rows;
    facts.facts.starts_count = owned->starts.count;
    facts.facts.open_referrals = owned->open.rows;
    facts.facts.open_count = owned->open.count;
    facts.facts.crowds = owned->crowds.rows;
    facts.facts.crowd_count = owned->crowds.count;
    facts.facts.contracts = owned->contracts.rows;
    facts.facts.contract_count = owned->contracts.count;
    facts.facts.open_claims = owned->claims.rows;
    facts.facts.open_claim_count = owned->claims.count;
    *ret_facts = facts;
    return ERR_OK;
}
