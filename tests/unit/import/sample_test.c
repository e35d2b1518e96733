#include "support.h"

#include "base/file.h"
#include "store/programme/programme.h"

static bool pattern_is_valid(const char *text, void *context)
{
    struct pattern pattern;
    (void)context;
    return pattern_parse(text, &pattern, NULL) == ERR_OK;
}

static struct import_result *parse_sample(enum import_kind kind, const char *name, bool keep_good_rows)
{
    struct import_options options = { .partial = keep_good_rows,
                                      .today = date_from_civil(2026, 11, 22),
                                      .pattern_valid = pattern_is_valid };
    char path[1000];
    struct buf file;
    struct error err = { 0 };
    cr_assert_not_null(getenv("SAMPLE_DIR"));
    (void)snprintf(path, sizeof(path), "%s/%s", getenv("SAMPLE_DIR"), name);
    buf_init(&file, TABLE_FILE_BYTES_MAX);
    cr_assert_eq(file_read(path, &file, &err), ERR_OK, "%s", err.message);
    struct import_result *result = parse_bytes(kind, buf_slice(&file), options);
    buf_fini(&file);
    return result;
}

/* The row whose `name` is `text`; SIZE_MAX if there is none. */
static size_t row_of(const struct import_result *result, const char *name, const char *text)
{
    for (size_t row = 0; row < import_row_count(result); row++) {
        if (strcmp(import_text(result, row, name), text) == 0) {
            return row;
        }
    }
    return SIZE_MAX;
}

static const struct site {
    const char *name;
    size_t referrals;
    size_t people;
    size_t placements;
} sites[] = { { "shop", 15, 14, 13 }, { "garden", 16, 16, 14 }, { "centre", 31, 30, 24 } };

static struct import_result *parse_site(const struct site *site, enum import_kind kind)
{
    char name[100];
    (void)snprintf(name, sizeof(name), "%s-%s.csv", site->name, import_kind_name(kind));
    struct import_result *result = parse_sample(kind, name, false);
    cr_expect_eq(import_summary(result).problems, 0, "%s", name);
    cr_expect_eq(import_summary(result).warnings, 0, "%s", name);
    cr_expect_eq(import_summary(result).duplicates, 0, "%s", name);
    if (import_problem_count(result) > 0) {
        const struct import_problem *problem = import_problem_at(result, 0);
        cr_log_error("%s line %zu %s: '%s'", name, problem->line, problem->name, problem->found);
    }
    return result;
}

Test(sample, every_file_imports_without_a_problem)
{
    for (size_t i = 0; i < ARRAY_LEN(sites); i++) {
        struct import_result *referrals = parse_site(&sites[i], IMPORT_REFERRALS);
        struct import_result *placements = parse_site(&sites[i], IMPORT_PLACEMENTS);
        struct import_result *marks = parse_site(&sites[i], IMPORT_REGISTER);
        cr_expect_eq(import_row_count(referrals), sites[i].referrals);
        cr_expect_eq(import_row_count(placements), sites[i].placements);
        cr_expect_gt(import_row_count(marks), 500);
        import_free(referrals);
        import_free(placements);
        import_free(marks);
    }
}

Test(sample, is_about_sixty_people)
{
    size_t people = 0;
    for (size_t i = 0; i < ARRAY_LEN(sites); i++) {
        struct import_result *referrals = parse_site(&sites[i], IMPORT_REFERRALS);
        size_t here = 0;
        for (size_t row = 0; row < import_row_count(referrals); row++) {
            here += row_of(referrals, "participant", import_text(referrals, row, "participant")) == row;
        }
        cr_expect_eq(here, sites[i].people);
        people += here;
        import_free(referrals);
    }
    cr_expect_eq(people, 60);
}

Test(sample, placements_name_referrals_of_the_same_person)
{
    for (size_t i = 0; i < ARRAY_LEN(sites); i++) {
        struct import_result *referrals = parse_site(&sites[i], IMPORT_REFERRALS);
        struct import_result *placements = parse_site(&sites[i], IMPORT_PLACEMENTS);
        for (size_t row = 0; row < import_row_count(placements); row++) {
            size_t referral = row_of(referrals, "ref", import_text(placements, row, "referral"));
            cr_assert_neq(referral, SIZE_MAX);
            cr_expect_str_eq(import_text(placements, row, "name"), import_text(referrals, referral, "name"));
            cr_expect_str_eq(import_text(placements, row, "basis"), import_text(referrals, referral, "basis"));
            cr_expect_lt(number(referrals, referral, "received_on"), number(placements, row, "starts_on"));
        }
        import_free(referrals);
        import_free(placements);
    }
}

static void check_mark(const struct import_result *marks, size_t mark, const struct import_result *placements,
                       size_t row)
{
    int64_t day = number(marks, mark, "date");
    cr_expect_geq(day, number(placements, row, "starts_on"));
    cr_expect_leq(day, number(placements, row, "ends_on"));
    struct pattern pattern;
    enum calendar calendar;
    cr_assert_eq(pattern_parse(import_text(placements, row, "pattern"), &pattern, NULL), ERR_OK);
    cr_assert(calendar_parse(import_text(placements, row, "calendar"), &calendar));
    int weekday = date_weekday((int32_t)day);
    cr_expect_leq(number(marks, mark, "slot"), pattern.count[weekday]);
    cr_expect(weekday > 5 || calendar_working_day(programme_default(), calendar, (int32_t)day),
              "a bank holiday has no row");
}

Test(sample, register_rows_are_sessions_of_the_patterns)
{
    for (size_t i = 0; i < ARRAY_LEN(sites); i++) {
        struct import_result *placements = parse_site(&sites[i], IMPORT_PLACEMENTS);
        struct import_result *marks = parse_site(&sites[i], IMPORT_REGISTER);
        for (size_t mark = 0; mark < import_row_count(marks); mark++) {
            size_t row = row_of(placements, "ref", import_text(marks, mark, "placement"));
            cr_assert_neq(row, SIZE_MAX);
            check_mark(marks, mark, placements, row);
        }
        for (size_t row = 0; row < import_row_count(placements); row++) {
            struct pattern pattern;
            cr_assert_eq(pattern_parse(import_text(placements, row, "pattern"), &pattern, NULL), ERR_OK);
            cr_expect_eq(pattern_weekly_minutes(&pattern), number(placements, row, "hours"));
        }
        import_free(placements);
        import_free(marks);
    }
}

Test(sample, has_the_mess_that_it_promises)
{
    static const struct {
        const char *name;
        enum import_kind kind;
        char delimiter;
        enum text_encoding encoding;
        size_t ignored;
    } files[] = {
        { "shop-referrals.csv", IMPORT_REFERRALS, ',', TEXT_UTF8, 1 },
        { "shop-placements.csv", IMPORT_PLACEMENTS, ';', TEXT_WINDOWS_1252, 1 },
        { "shop-register.csv", IMPORT_REGISTER, ',', TEXT_UTF8, 0 },
        { "garden-referrals.csv", IMPORT_REFERRALS, ',', TEXT_UTF8_BOM, 0 },
        { "garden-placements.csv", IMPORT_PLACEMENTS, '\t', TEXT_UTF8, 1 },
        { "garden-register.csv", IMPORT_REGISTER, ',', TEXT_UTF8_BOM, 1 },
        { "centre-referrals.csv", IMPORT_REFERRALS, ';', TEXT_UTF8, 0 },
        { "centre-placements.csv", IMPORT_PLACEMENTS, '\t', TEXT_UTF16LE, 0 },
        { "centre-register.csv", IMPORT_REGISTER, ',', TEXT_UTF8, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct import_result *result = parse_sample(files[i].kind, files[i].name, false);
        struct import_summary summary = import_summary(result);
        cr_expect_eq(summary.delimiter, files[i].delimiter, "%s", files[i].name);
        cr_expect_eq(summary.encoding, files[i].encoding, "%s", files[i].name);
        cr_expect_eq(import_ignored_count(result), files[i].ignored, "%s", files[i].name);
        import_free(result);
    }
}

Test(sample, tells_the_stories_of_its_readme)
{
    static const struct {
        const char *placement;
        int32_t day_of_november;
        const char *outcome; /* NULL: nobody wrote it down */
    } stories[] = { { "GDN-P004", 9, "absent" },
                    { "GDN-P004", 16, "absent" },
                    { "GDN-P007", 18, "absent" },
                    { "GDN-P009", 9, "absent_with_notice" },
                    { "GDN-P011", 4, NULL } };
    struct import_result *marks = parse_sample(IMPORT_REGISTER, "garden-register.csv", false);
    for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
        const char *found = NULL;
        for (size_t row = 0; row < import_row_count(marks); row++) {
            if (strcmp(import_text(marks, row, "placement"), stories[i].placement) == 0 &&
                number(marks, row, "date") == date_from_civil(2026, 11, stories[i].day_of_november)) {
                found = import_text(marks, row, "outcome");
            }
        }
        cr_expect((found == NULL && stories[i].outcome == NULL) ||
                      (found != NULL && stories[i].outcome != NULL && strcmp(found, stories[i].outcome) == 0),
                  "%s on %d November", stories[i].placement, stories[i].day_of_november);
    }
    import_free(marks);
}

Test(sample, the_bad_register_shows_each_kind_of_mistake)
{
    struct import_result *result = parse_sample(IMPORT_REGISTER, "bad-register.csv", true);
    EXPECT_PROBLEM(result, 0, 3, 1, "date", "31/06/2026", "a date such as");
    EXPECT_PROBLEM(result, 1, 4, 1, "date", "06/13/2026", "a date such as");
    EXPECT_PROBLEM(result, 2, 5, 3, "outcome", "N", "attended (P, present");
    EXPECT_PROBLEM(result, 3, 6, 4, "hours", "5.30", "could mean either");
    EXPECT_PROBLEM(result, 4, 7, 4, "hours", "6", "as the outcome is absent");
    EXPECT_PROBLEM(result, 5, 8, 2, "placement", "", "the placement's reference");
    EXPECT_PROBLEM(result, 6, 9, 5, "reason", "why?!", "a reason in a few plain words");
    EXPECT_PROBLEM(result, 7, 10, 0, "", "4 cells", "7 cells");
    EXPECT_PROBLEM(result, 8, 11, 2, "placement", "SHP-P01", "line 12 says something else");
    EXPECT_PROBLEM(result, 9, 12, 2, "placement", "SHP-P01", "line 11 says something else");
    struct import_summary summary = import_summary(result);
    cr_expect_eq(summary.problems, 10);
    cr_expect_eq(summary.good, 3);
    cr_expect_eq(summary.duplicates, 1);
    cr_expect_eq(summary.rejected, 10);
    import_free(result);
}
