/*
 * What the rules look at of contracts: the one that pays for a placement, claims, milestones, and what became of the
 * people under each contract.
 *
 * A placement is paid by the contract of its referral; where that names none, by the only contract by results for its
 * route that runs on its first day. Where several would do, by none: nobody guesses with money.
 */
#include <stdlib.h>
#include <string.h>

#include "store/read.h"

/* Of placement p and its referral r. */
#define PAYING_CONTRACT                                                                                                \
    "CASE WHEN r.contract IS NOT NULL "                                                                                \
    "THEN (SELECT k.id FROM contract k WHERE k.id = r.contract AND k.form = 'payment_by_results') "                    \
    "ELSE (SELECT CASE count(*) WHEN 1 THEN min(k.id) END FROM contract k WHERE k.form = 'payment_by_results' "        \
    "AND (k.route IS NULL OR r.route IS NULL OR k.route = r.route) AND k.starts_on <= p.starts_on "                    \
    "AND (k.ends_on IS NULL OR k.ends_on >= p.starts_on)) END"

/* ---- one placement ---- */

static void read_break_row(sqlite3_stmt *s, void *out)
{
    struct day_span *row = out;
    row->starts_on = (int32_t)column_int(s, 0);
    row->ends_on = (int32_t)column_int_or(s, 1, ROW_NONE);
}

static void read_milestone_row(sqlite3_stmt *s, void *out)
{
    struct milestone_row *row = out;
    (void)column_fixed(s, 0, row->placement.bytes, ROW_ID_BYTES);
    column_text(s, 1, row->trigger, sizeof(row->trigger));
    row->reached_on = (int32_t)column_int_or(s, 2, ROW_NONE);
}

static void read_claim_row(sqlite3_stmt *s, void *out)
{
    read_claim(s, out);
}

static enum err_code of_person(struct store *store, const char *sql, const struct row_id *participant,
                               struct row_array *rows, row_reader read, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_blob(s, 1, participant->bytes, ROW_ID_BYTES);
    return row_array_read(store, s, rows, read, err);
}

static enum err_code paying_contract(struct store *store, const struct row_id *placement, struct placement_money *money,
                                     struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT " READ_CONTRACT " FROM contract k WHERE k.id = (SELECT " PAYING_CONTRACT
                     " FROM placement p LEFT JOIN referral r ON r.id = p.referral WHERE p.id = ?1)",
                     &s, err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &money->paid, err));
    if (money->paid) {
        read_contract(s, &money->contract);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

void placement_money_init(struct placement_money *money)
{
    *money = (struct placement_money){ .breaks.size = sizeof(struct day_span),
                                       .claims.size = sizeof(struct claim_row),
                                       .milestones.size = sizeof(struct milestone_row) };
}

void placement_money_fini(struct placement_money *money)
{
    row_array_fini(&money->breaks);
    row_array_fini(&money->claims);
    row_array_fini(&money->milestones);
}

enum err_code placement_money_read(struct store *store, const struct placement_row *placement,
                                   const struct person_has *has, struct placement_money *money, struct error *err)
{
    if (has->contracts) {
        TRY(paying_contract(store, &placement->id, money, err));
    }
    if (has->breaks) {
        TRY(of_person(store,
                      "SELECT b.starts_on, b.ends_on FROM " PERSON_ROWS(
                          "?1") "placement p ON p.participant = a.participant CROSS JOIN placement_break b "
                                "ON b.placement = p.id WHERE p.basis = 'mandatory' AND b.starts_on IS NOT NULL "
                                "ORDER BY b.starts_on, b.id",
                      &placement->participant, &money->breaks, read_break_row, err));
    }
    if (has->milestones) {
        TRY(of_person(store,
                      "SELECT m.placement, m.payment_trigger, m.reached_on FROM " PERSON_ROWS(
                          "?1") "placement p ON p.participant = a.participant CROSS JOIN milestone m ON m.placement = "
                                "p.id WHERE m.payment_trigger IS NOT NULL AND m.reached_on IS NOT NULL "
                                "ORDER BY m.reached_on, m.id",
                      &placement->participant, &money->milestones, read_milestone_row, err));
    }
    return !has->claims
               ? ERR_OK
               : of_person(store,
                           "SELECT " READ_CLAIM " FROM " PERSON_ROWS(
                               "?1") "placement p ON p.participant = a.participant CROSS JOIN claim c ON c.placement "
                                     "= p.id LEFT JOIN contract k ON k.id = c.contract WHERE c.claimed_on IS NOT NULL "
                                     "ORDER BY c.claimed_on, c.id",
                           &placement->participant, &money->claims, read_claim_row, err);
}

void placement_money_put(const struct placement_money *money, struct placement_facts *facts)
{
    facts->contract = money->paid ? &money->contract : NULL;
    facts->breaks = money->breaks.rows;
    facts->break_count = money->breaks.count;
    facts->claims = money->claims.rows;
    facts->claim_count = money->claims.count;
    facts->milestones = money->milestones.rows;
    facts->milestone_count = money->milestones.count;
}

/* ---- contracts and their people ---- */

/* Somebody's placements under one contract, one after the other. */
struct open_case {
    struct contract_stand *stand; /* NULL: none is open */
    struct row_id participant;
    int32_t begins;
    int32_t ends;
    int32_t last_day; /* up to today */
    int days;         /* on placement, up to today */
    int rested;       /* of breaks, up to today */
};

struct case_reader {
    const struct programme *programme;
    int32_t today;
    struct contract_stand *stands;
    size_t count;
    struct open_case open;
};

static void close_case(struct case_reader *reader)
{
    struct open_case *c = &reader->open;
    int window = programme_rules_of(reader->programme)->viability_window_days;
    if (c->stand != NULL && c->begins > reader->today - window) {
        struct payment_trigger trigger;
        int had = days_with_weekend(reader->today - c->begins + 1 - c->rested, reader->today);
        int lasted = days_with_weekend(c->days, c->last_day);
        c->stand->cases++;
        c->stand->running += c->ends >= reader->today;
        c->stand->last_year += c->begins > reader->today - 364;
        for (size_t i = 0; programme_trigger_at(reader->programme, i, &trigger); i++) {
            c->stand->old_enough[i] += had >= trigger.after_days;
            c->stand->reached[i] += had >= trigger.after_days && lasted >= trigger.after_days;
        }
    }
    c->stand = NULL;
}

struct case_span {
    struct row_id contract;
    struct row_id participant;
    int32_t starts_on;
    int32_t ends_on;
    int rested;
};

static struct contract_stand *stand_of(struct case_reader *reader, const struct row_id *contract)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (memcmp(&reader->stands[i].contract.id, contract, sizeof(*contract)) == 0) {
            return &reader->stands[i];
        }
    }
    return NULL;
}

static void add_span(struct case_reader *reader, const struct case_span *span)
{
    struct open_case *c = &reader->open;
    bool same = c->stand != NULL && memcmp(&c->stand->contract.id, &span->contract, sizeof(span->contract)) == 0 &&
                memcmp(&c->participant, &span->participant, sizeof(span->participant)) == 0 &&
                span->starts_on - c->ends - 1 <= programme_rules_of(reader->programme)->scheme_new_after_days;
    if (!same) {
        close_case(reader);
        *c = (struct open_case){ .stand = stand_of(reader, &span->contract),
                                 .participant = span->participant,
                                 .begins = span->starts_on,
                                 .ends = span->starts_on - 1,
                                 .last_day = span->starts_on };
    }
    if (c->days > 0 && span->starts_on > c->ends + 1) { /* the weekend behind the last day is part of its week */
        int behind = days_with_weekend(0, c->ends);
        int between = span->starts_on - c->ends - 1;
        c->days += behind < between ? behind : between;
    }
    int32_t from = span->starts_on > c->ends ? span->starts_on : c->ends + 1;
    int32_t until = span->ends_on < reader->today ? span->ends_on : reader->today;
    if (until >= from) {
        int days = until - from + 1;
        int rested = span->rested < days ? span->rested : days;
        c->days += days - rested;
        c->rested += rested;
        c->last_day = until;
    }
    c->ends = span->ends_on > c->ends ? span->ends_on : c->ends;
}

/*
 * Mandatory placements that have begun, by contract and person. One ends with its last day, or with the day on which
 * its referral was completed, ended early or withdrawn. What began a year before the window is read too: the case of
 * somebody who is still here may have begun then.
 */
static enum err_code read_cases(struct store *store, struct case_reader *reader, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT x.contract, x.participant, x.starts_on, x.ends_on, (SELECT ifnull(sum(max(0, min(b.ends_on, x.ends_on, "
        "?1) - max(b.starts_on, x.starts_on) + 1)), 0) FROM placement_break b WHERE b.placement = x.id) "
        "FROM (SELECT p.id, " PAYING_CONTRACT " AS contract, " PERSON_OF(
            "p.participant") " AS participant, p.starts_on, CASE WHEN r.status IN ('completed', 'ended_early', "
                             "'withdrawn') AND "
                             "r.status_on BETWEEN p.starts_on AND p.ends_on THEN r.status_on ELSE p.ends_on END AS "
                             "ends_on "
                             "FROM placement p LEFT JOIN referral r ON r.id = p.referral WHERE p.basis = 'mandatory' "
                             "AND p.starts_on <= ?1 "
                             "AND p.starts_on > ?1 - 364 - ?2 AND p.ends_on >= p.starts_on AND ifnull(r.status, '') <> "
                             "'did_not_start') x "
                             "WHERE x.contract IS NOT NULL ORDER BY x.contract, x.participant, x.starts_on, x.id",
        &s, err));
    bind_int(s, 1, reader->today);
    bind_int(s, 2, programme_rules_of(reader->programme)->viability_window_days);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            close_case(reader);
            return ERR_OK;
        }
        struct case_span span = { .starts_on = (int32_t)column_int(s, 2),
                                  .ends_on = (int32_t)column_int(s, 3),
                                  .rested = (int)column_int(s, 4) };
        if (column_fixed(s, 0, span.contract.bytes, ROW_ID_BYTES) &&
            column_fixed(s, 1, span.participant.bytes, ROW_ID_BYTES)) {
            add_span(reader, &span);
        }
    }
}

static void read_stand_row(sqlite3_stmt *s, void *out)
{
    read_contract(s, &((struct contract_stand *)out)->contract);
}

static bool any_by_results(const struct row_array *stands)
{
    const struct contract_stand *rows = stands->rows;
    for (size_t i = 0; i < stands->count; i++) {
        if (strcmp(rows[i].contract.form, "payment_by_results") == 0) {
            return true;
        }
    }
    return false;
}

enum err_code site_money_read(struct store *store, int32_t today, struct row_array *stands, struct row_array *claims,
                              struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT " READ_CONTRACT " FROM contract k WHERE k.ref IS NOT NULL AND k.form IS NOT NULL "
                     "ORDER BY k.ref, k.id LIMIT ?1",
                     &s, err));
    bind_int(s, 1, CONTRACTS_MAX);
    TRY(row_array_read(store, s, stands, read_stand_row, err));
    if (any_by_results(stands)) {
        struct case_reader reader = {
            .programme = store->programme, .today = today, .stands = stands->rows, .count = stands->count
        };
        TRY(read_cases(store, &reader, err));
    }
    TRY(db_statement(&store->db,
                     "SELECT " READ_CLAIM " FROM claim c LEFT JOIN contract k ON k.id = c.contract "
                     "LEFT JOIN placement p ON p.id = c.placement WHERE c.refused_on IS NULL AND (c.paid_on IS NULL OR "
                     "c.paid_pence < c.amount_pence) AND c.claimed_on IS NOT NULL ORDER BY c.claimed_on, c.id LIMIT ?1",
                     &s, err));
    bind_int(s, 1, OPEN_CLAIMS_MAX);
    return row_array_read(store, s, claims, read_claim_row, err);
}
