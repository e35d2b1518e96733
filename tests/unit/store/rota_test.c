/* A placement whose hours are changed again and again: what its records took away keeps doubts about the person's other
 * placement from standing, and is no more rows than days, however many changes there are. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "doubt_world.h"
#include "store/fold_parts.h"
#include "store/replica.h"

TestSuite(rota, .init = doubt_start, .fini = doubt_stop, .timeout = 120);

static int64_t number_of(const char *sql)
{
    sqlite3_stmt *s;
    bool row;
    struct error err = { 0 };
    cr_assert_eq(db_statement(&site.store->db, sql, &s, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(db_step(&site.store->db, s, &row, &err), ERR_OK, "%s", err.message);
    cr_assert(row);
    int64_t number = column_int(s, 0);
    sqlite3_reset(s);
    return number;
}

static int64_t rows(void)
{
    return number_of("SELECT count(*) FROM session_before");
}

static int64_t steps(void)
{
    int64_t steps = 0;
    sqlite3_stmt *s = NULL;
    while ((s = sqlite3_next_stmt(site.store->db.handle, s)) != NULL) {
        steps += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    return steps;
}

/* Of their own will, which no limit of the programme is about. `hours` has a place for the minute at which they begin,
 * another each time. */
static void change(const char *starts_on, const char *hours, int from, int to)
{
    for (int i = from; i <= to; i++) {
        struct store_entry entry;
        char pattern[120];
        (void)snprintf(pattern, sizeof(pattern), hours, i); /* NOLINT: the suite's own */
        entry_placement(&world, &entry, "P-2", "GDN-001", "voluntary", starts_on, "2026-11-27", pattern);
        write_one(&entry);
    }
}

static void expect_of(const char *key, const char *wants)
{
    struct doubt_row row = the_doubt(&site, key);
    cr_expect_str_eq(row.wants, wants, "%s: %s", key, row.wants);
}

/* D-2, about P-1 on a day after all changes. */
static void raise_about(const char *day)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", day, 0, OUTCOME_ABSENT, -1, NULL);
    write_one(&entry);
    entry_contact(&world, &entry, "C-2", "GDN-001", "2026-06-18", day);
    write_one(&entry);
    entry_review(&world, &entry, "V-2", "P-1", day, "doubt");
    write_one(&entry);
    entry_doubt(&world, &entry, "D-2", "P-1", day, "V-2", "N-1");
    write_one(&entry);
}

Test(rota, that_changed_too_often_counts_for_any_hour_of_its_days_up_to_the_last_change)
{
    const char *tuesdays = "Tue 09:%02d-15:30";
    change("2026-06-01", tuesdays, 0, 32);
    raise_doubt();
    expect_of("D-1", ""); /* of Wednesday, as it may be told so far */
    cr_expect_eq(rows(), 32 * 2, "two Tuesdays each time: %lld", (long long)rows());
    change("2026-06-01", tuesdays, 33, 33);
    expect_of("D-1", "other_placement");
    cr_expect_eq(rows(), 10, "the first to the tenth of June: %lld", (long long)rows());
    now = (int64_t)day_of("2026-06-20") * 86400000;
    raise_about("2026-06-17");
    expect_of("D-2", "");
    change("2026-06-01", tuesdays, 34, 34);
    expect_of("D-2", "other_placement");
    cr_expect_eq(rows(), 20);
}

/* More than 300 each time: ten times are fewer than 4,000. */
Test(rota, that_takes_away_very_many_sessions_counts_by_its_days)
{
    change("2025-06-01", "Mon-Sun 00:%02d-01:00", 0, 10);
    int64_t sessions = rows();
    cr_expect_gt(sessions, 3000, "%lld", (long long)sessions);
    raise_doubt();
    expect_of("D-1", "");
    change("2025-06-01", "Mon-Sun 00:%02d-01:00", 11, 20);
    cr_expect_eq(rows(), day_of("2026-06-10") - day_of("2025-06-01") + 1);
    expect_of("D-1", "other_placement");
}

/* What the 40th change costs is not what 40 changes cost. */
Test(rota, costs_no_more_by_its_fortieth_change_than_by_its_second)
{
    const char *hours = "Mon-Sun 00:%02d-01:00";
    change("2024-01-01", hours, 0, 0);
    change("2024-01-01", hours, 1, 1);
    (void)steps();
    change("2024-01-01", hours, 2, 2);
    int64_t third = steps();
    change("2024-01-01", hours, 3, 39);
    (void)steps();
    change("2024-01-01", hours, 40, 40);
    int64_t last = steps();
    printf("%lld and %lld steps, %lld rows\n", (long long)third, (long long)last, (long long)rows());
    cr_expect_lt(last, 2 * third);
    cr_expect_leq(rows(), 1000);
}

Test(rota, of_more_days_than_a_placement_has_counts_for_any_day)
{
    change("2019-01-01", "Mon-Sun 00:%02d-01:00", 0, 4);
    cr_expect_eq(rows(), 1);
    cr_expect_eq(number_of("SELECT day FROM session_before"), EXPECTED_ANY_DAY);
    raise_doubt();
    expect_of("D-1", "other_placement");
}
