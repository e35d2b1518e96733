/* What a later record of a referral took back, of several spans at once; and that folding it again writes nothing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "doubt_world.h"
#include "store/replica.h"

static void say(bool centre, const char *status, const char *on)
{
    struct store_entry entry = { .kind = KIND_REFERRAL_EVENT, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_REFERRAL_EVENT));
    entity_id(world.stream, "referral", "R-1", entry.subject);
    record_set_text(&entry.record, "status", status);
    record_set_number(&entry.record, "on", day_of(on));
    jcp.replica.forged_at_ms = now + 1000;
    jcp.replica.forged_hlc_ms = now + 1000;
    if (centre) {
        now += 1000;
        jcp_says(&entry);
    } else {
        write_one(&entry);
    }
}

/* The spans that were lost, in days of June 2026 (0 and less: of May; 99: without an end). */
static void expect_lost(const char *expected)
{
    sqlite3_stmt *s;
    struct error err = { 0 };
    char found[200] = "";
    size_t len = 0;
    bool row;
    cr_assert_eq(db_statement(&site.store->db, "SELECT DISTINCT starts_on, ends_on FROM referral_out_before", &s, &err),
                 ERR_OK);
    for (;;) {
        cr_assert_eq(db_step(&site.store->db, s, &row, &err), ERR_OK, "%s", err.message);
        if (!row) {
            break;
        }
        int64_t may = day_of("2026-05-31");
        int64_t end = column_int(s, 1) - may;
        len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%lld-%lld", len > 0 ? " " : "",
                                (long long)(column_int(s, 0) - may), (long long)(end > 99 ? 99 : end));
    }
    cr_expect_str_eq(found, expected);
}

Test(doubt, has_each_day_on_which_the_referral_was_not_in_force_and_no_other)
{
    say(false, "paused", "2026-06-02");
    say(false, "started", "2026-06-04");
    say(false, "paused", "2026-06-06");
    expect_lost("4-99");
    say(false, "started", "2026-06-08");
    expect_lost("4-99 8-99");
    say(false, "paused", "2026-06-10");
    say(false, "started", "2026-06-12");
    expect_lost("4-99 8-99 12-99");
    say(true, "paused", "2026-05-25");
    expect_lost("4-99 8-99 12-99");
    say(true, "started", "2026-05-25"); /* one span, of which three are left */
    expect_lost("-6-1 4-5 4-99 8-9 8-99 12-99");
    say(false, "started", "2026-06-03"); /* of the first a day, of the others nothing */
    expect_lost("-6-1 3-3 4-5 4-99 8-9 8-99 12-99");
    say(false, "started", "2026-06-10"); /* the last */
    expect_lost("-6-1 3-3 4-5 4-99 8-9 8-99 10-11 12-99");
    struct error err = { 0 };
    cr_assert_eq(store_rebuild(site.store, &err), ERR_OK, "%s", err.message);
    expect_lost("-6-1 3-3 4-5 4-99 8-9 8-99 10-11 12-99");
}

Test(doubt, of_the_referral_nothing_is_written_again_that_is_as_it_was)
{
    struct store_entry entry;
    struct error err = { 0 };
    say(false, "paused", "2026-06-02");
    say(false, "started", "2026-06-04");
    expect_lost("4-99");
    cr_assert_eq(db_exec(&site.store->db,
                         "CREATE TEMP TRIGGER untouched BEFORE DELETE ON referral_out_before "
                         "BEGIN SELECT raise(ABORT, 'written again'); END",
                         &err),
                 ERR_OK, "%s", err.message);
    say(false, "started", "2026-06-05");
    entry_placement(&world, &entry, "P-2", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Tue 09:30-15:30");
    entry_sent_by(&world, &entry, "R-1");
    write_one(&entry);
    expect_lost("4-99");
    cr_assert_eq(db_exec(&site.store->db, "DROP TRIGGER untouched", &err), ERR_OK, "%s", err.message);
}
