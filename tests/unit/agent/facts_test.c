/*
 * What the rules are given of a placement's sessions is enough: they say the same of it as of the whole register, on
 * every day.
 */
#include <stdio.h>

#include "agent/rules/rules.h"
#include "base/clock.h"
#include "store/read.h"
#include "tests/unit/agent/site.h"

enum { ROUNDS = 12, DAYS_BETWEEN = 4 };

static struct site site;
static struct row_id placement;

static void start(void)
{
    struct error err;
    site_start(&site);
    site_fill(&site);
    cr_assert_eq(query_find(site.replica.store, KIND_PLACEMENT, "GDN-P001", &placement, &err), ERR_OK);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(facts, .init = start, .fini = stop);

static int random_below(unsigned *seed, int limit)
{
    *seed = *seed * 1103515245u + 12345u;
    return (int)((*seed >> 16) % (unsigned)limit);
}

static void run(const char *sql)
{
    struct error err;
    cr_assert_eq(db_exec(&site.replica.store->db, sql, &err), ERR_OK, "%s", err.message);
}

static void read_row(sqlite3_stmt *s, void *row)
{
    read_session(s, row);
}

static struct row_array whole_register(void)
{
    struct store *store = site.replica.store;
    struct row_array rows = { .size = sizeof(struct session_row) };
    sqlite3_stmt *s;
    struct error err;
    cr_assert_eq(db_statement(&store->db,
                              "SELECT " READ_SESSION " FROM session s WHERE s.placement = ?1 ORDER BY s.day, s.slot",
                              &s, &err),
                 ERR_OK);
    bind_blob(s, 1, placement.bytes, ROW_ID_BYTES);
    cr_assert_eq(row_array_read(store, s, &rows, read_row, &err), ERR_OK);
    return rows;
}

/* Anything may stand of a session, also of one that is still to come. */
static void draw_register(unsigned *seed, int quiet)
{
    struct row_array rows = whole_register();
    const struct session_row *sessions = rows.rows;
    for (size_t i = 0; i < rows.count; i++) {
        char sql[320];
        bool open = random_below(seed, quiet) != 0;
        int outcome = open ? OUTCOME_ATTENDED : random_below(seed, OUTCOME_COUNT);
        bool jcp = !open && random_below(seed, 3) == 0;
        int heads = outcome == OUTCOME_NONE ? 0 : 1 + (!open && random_below(seed, 4) == 0);
        bool excused = outcome == OUTCOME_EXCUSED || outcome == OUTCOME_HOST_CLOSED || (jcp && outcome > 3);
        int standing = heads == 0  ? STANDING_UNRECORDED
                       : heads > 1 ? STANDING_DISPUTED
                       : excused   ? STANDING_EXCUSED
                                   : STANDING_RECORDED;
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE session SET standing = %d, outcome = %d, heads = %d, expected = %d, minutes = %s, "
                       "reason = %s, jcp_purpose = %s, note_hints = %d WHERE day = %d AND slot = %d",
                       standing, outcome, heads, random_below(seed, 9) != 0,
                       random_below(seed, 4) == 0 ? "150" : "NULL", random_below(seed, 3) == 0 ? "'health'" : "NULL",
                       jcp ? "'signing'" : "NULL", random_below(seed, 5) == 0, (int)sessions[i].day, sessions[i].slot);
        run(sql);
    }
    row_array_fini(&rows);
}

/* One of the charity's own volunteers who is the same person, at the same place. */
static void draw_shifts(unsigned *seed, int32_t first)
{
    run("UPDATE placement SET host = 'Test shop'");
    run("INSERT OR IGNORE INTO volunteer (id, ref, name, name_key, participant, place, note, said_by, said_at) "
        "SELECT 1, 'V-1', 'Test', 'test', participant, 'Test shop', '', 'tester', 0 FROM placement WHERE ref = "
        "'GDN-P001'");
    for (int i = 0; i < 5; i++) {
        char sql[200];
        (void)snprintf(sql, sizeof(sql),
                       "INSERT OR IGNORE INTO volunteer_shift VALUES (1, %d, 600, 700, NULL, '', '', "
                       "'tester', 0)",
                       (int)first + random_below(seed, 170));
        run(sql);
    }
}

static void judge(const struct placement_facts *facts, int32_t today, struct flag_list *flags)
{
    struct error err;
    flag_list_init(flags);
    cr_assert_eq(rules_placement(programme_default(), facts, today, flags, &err), ERR_OK);
}

static size_t expect_same(int32_t today)
{
    struct store_placement_facts facts;
    struct error err;
    struct flag_list looked_at;
    struct flag_list whole;
    cr_assert_eq(store_placement_facts(site.replica.store, &placement, today, &facts, &err), ERR_OK);
    judge(&facts.facts, today, &looked_at);
    struct row_array all = whole_register();
    cr_assert_leq(facts.facts.session_count, all.count);
    facts.facts.sessions = all.rows;
    facts.facts.session_count = all.count;
    judge(&facts.facts, today, &whole);
    cr_assert_eq(looked_at.count, whole.count);
    for (size_t i = 0; i < whole.count; i++) {
        cr_expect_str_eq(looked_at.flags[i].key, whole.flags[i].key);
        cr_expect_str_eq(looked_at.flags[i].facts, whole.flags[i].facts);
        cr_expect_eq(looked_at.flags[i].since, whole.flags[i].since);
        cr_expect_eq(looked_at.flags[i].severity, whole.flags[i].severity);
    }
    size_t count = whole.count;
    flag_list_fini(&looked_at);
    flag_list_fini(&whole);
    row_array_fini(&all);
    store_placement_facts_fini(&facts);
    return count;
}

Test(facts, are_enough_for_every_rule_on_every_day)
{
    int32_t first = day_of("2026-09-07");
    int32_t last = day_of("2027-03-31");
    size_t raised = 0;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        unsigned seed = round;
        draw_register(&seed, round % 3 == 0 ? 1 : 8);
        run(round % 4 == 1 ? "UPDATE placement SET basis = 'voluntary'" : "UPDATE placement SET basis = 'mandatory'");
        if (round == ROUNDS / 2) {
            draw_shifts(&seed, first);
        }
        for (int32_t today = first; today <= last; today += DAYS_BETWEEN) {
            raised += expect_same(today);
        }
    }
    cr_expect_gt(raised, 1000, "there was something to say");
}

Test(facts, leave_out_the_days_of_which_no_rule_says_anything)
{
    struct store_placement_facts facts;
    struct error err;
    run("UPDATE session SET standing = 1, outcome = 1, heads = 1");
    cr_assert_eq(store_placement_facts(site.replica.store, &placement, site.today, &facts, &err), ERR_OK);
    const struct session_row *sessions = facts.facts.sessions;
    cr_assert_gt(facts.facts.session_count, 0);
    cr_expect_geq(sessions[0].day, site.today - 28);
    cr_expect_leq(sessions[facts.facts.session_count - 1].day, site.today + 6);
    cr_expect_eq(facts.facts.first_came_on, day_of("2026-09-02"), "the first Wednesday of it");
    cr_expect_eq(facts.facts.last_came_on, site.today);
    store_placement_facts_fini(&facts);
}
