#include "support.h"

#include "base/file.h"

static bool accepts_monday(const char *text, void *context)
{
    ++*(int *)context;
    return strncmp(text, "Mon", 3) == 0;
}

Test(import, knows_its_kinds_by_name)
{
    for (int i = 0; i < IMPORT_KINDS; i++) {
        enum import_kind kind;
        cr_expect(import_kind_parse(import_kind_name((enum import_kind)i), &kind));
        cr_expect_eq((int)kind, i);
    }
    enum import_kind kind;
    cr_expect_not(import_kind_parse("volunteers", &kind));
}

Test(import, reads_every_column_of_referrals)
{
    struct import_result *result =
        parse(IMPORT_REFERRALS,
              "ref,participant,name,route,basis,received_on,from,hours,note\n"
              "R-1,GDN-014,Test Alder,CWP,M,01/06/2026,Jobcentre Plus,30,\"two\nlines\"\n"
              "R-2,GDN-015,,Mandatory Intervention Regime,voluntary,2026-06-02,The Elm Trust,,\n"
              "R-3,GDN-016,,daily sign-in,Mandated,3/6/26,,3:30,\n",
              whole());
    cr_assert_eq(import_problem_count(result), 0);
    cr_assert_eq(import_row_count(result), 3);
    cr_expect_str_eq(import_text(result, 0, "ref"), "R-1");
    cr_expect_str_eq(import_text(result, 0, "participant"), "GDN-014");
    cr_expect_str_eq(import_text(result, 0, "name"), "Test Alder");
    cr_expect_str_eq(import_text(result, 0, "route"), "cwp");
    cr_expect_str_eq(import_text(result, 0, "basis"), "mandatory");
    cr_expect_eq(number(result, 0, "received_on"), date_from_civil(2026, 6, 1));
    cr_expect_str_eq(import_text(result, 0, "from"), "jcp");
    cr_expect_eq(number(result, 0, "hours"), 1800);
    cr_expect_str_eq(import_text(result, 0, "note"), "two\nlines");
    cr_expect_eq(import_line(result, 0), 2);
    cr_expect_null(import_text(result, 1, "name"));
    cr_expect_str_eq(import_text(result, 1, "route"), "mir");
    cr_expect_str_eq(import_text(result, 1, "from"), "The Elm Trust");
    int64_t hours;
    cr_expect_not(import_int(result, 1, "hours", &hours));
    cr_expect_eq(import_line(result, 1), 4);
    cr_expect_str_eq(import_text(result, 2, "route"), "dwsr");
    cr_expect_eq(number(result, 2, "hours"), 210);
    import_free(result);
}

Test(import, reads_every_column_of_placements)
{
    int asked = 0;
    struct import_options options = { .today = IMPORT_NO_DATE, .pattern_valid = accepts_monday, .context = &asked };
    struct import_result *result = parse(
        IMPORT_PLACEMENTS,
        "ref;participant;name;referral;basis;host;role;starts_on;ends_on;pattern;hours;calendar;note\n"
        "P-1;SHP-01;Test Birch;R-1;mandated;Shop;Sorting;01/06/2026;29/11/2026;Mon Wed 09:30-15:30;12;Scotland;x\n"
        "P-2;SHP-02;;;V;;;01/06/2026;01/06/2026;Mon 09:30-15:30;6,5;;\n",
        options);
    cr_assert_eq(import_row_count(result), 2);
    cr_expect_eq(asked, 2);
    cr_expect_str_eq(import_text(result, 0, "referral"), "R-1");
    cr_expect_str_eq(import_text(result, 0, "host"), "Shop");
    cr_expect_str_eq(import_text(result, 0, "role"), "Sorting");
    cr_expect_eq(number(result, 0, "starts_on"), date_from_civil(2026, 6, 1));
    cr_expect_eq(number(result, 0, "ends_on"), date_from_civil(2026, 11, 29));
    cr_expect_str_eq(import_text(result, 0, "pattern"), "Mon Wed 09:30-15:30");
    cr_expect_eq(number(result, 0, "hours"), 720);
    cr_expect_str_eq(import_text(result, 0, "calendar"), "scotland");
    cr_expect_str_eq(import_text(result, 1, "calendar"), "england_wales", "the default");
    cr_expect_eq(number(result, 1, "hours"), 390);
    cr_expect_eq(import_warning_count(result), 0);
    import_free(result);
}

Test(import, reads_every_column_of_a_register)
{
    struct import_result *result = parse(IMPORT_REGISTER,
                                         "placement,date,slot,outcome,minutes,hours,reason,note,recorded_by\n"
                                         "P-1,01/06/2026,2,present,330,,Child care,n,EW\n"
                                         "P-1,02/06/2026,,LATE,,5:30,,,\n"
                                         "P-1,03/06/2026,,L,330,5.5,,,\n",
                                         whole());
    cr_assert_eq(import_row_count(result), 3);
    cr_expect_str_eq(import_text(result, 0, "placement"), "P-1");
    cr_expect_eq(number(result, 0, "slot"), 2);
    cr_expect_str_eq(import_text(result, 0, "outcome"), "attended");
    cr_expect_eq(number(result, 0, "minutes"), 330);
    cr_expect_str_eq(import_text(result, 0, "reason"), "childcare");
    cr_expect_str_eq(import_text(result, 0, "recorded_by"), "EW");
    cr_expect_eq(number(result, 1, "slot"), 1, "the default");
    cr_expect_eq(number(result, 1, "minutes"), 330, "hours are minutes too");
    cr_expect_eq(number(result, 2, "minutes"), 330);
    import_free(result);
}

Test(import, finds_columns_by_aliases_in_any_order_and_lists_the_others)
{
    struct import_result *result = parse(IMPORT_REGISTER,
                                         "Colour;ATTENDANCE;Day;;Placement  Ref.;Tea?\n"
                                         "red;P;01/06/2026;;P-1;yes\n",
                                         whole());
    cr_assert_eq(import_row_count(result), 1);
    cr_expect_str_eq(import_text(result, 0, "placement"), "P-1");
    cr_expect_eq(import_ignored_count(result), 2);
    cr_expect_str_eq(import_ignored_at(result, 0), "Colour");
    cr_expect_str_eq(import_ignored_at(result, 1), "Tea?");
    import_free(result);
}

Test(import, every_alias_of_every_column_finds_it)
{
    for (int kind = 0; kind < IMPORT_KINDS; kind++) {
        for (size_t i = 0; i < import_column_count((enum import_kind)kind); i++) {
            const struct import_column *column = import_column_at((enum import_kind)kind, i);
            char aliases[500];
            cr_assert_lt(strlen(column->aliases), sizeof(aliases));
            strcpy(aliases, column->aliases);
            for (char *rest, *alias = strtok_r(aliases, ",", &rest); alias != NULL;
                 alias = strtok_r(NULL, ",", &rest)) {
                struct import_result *result = parse((enum import_kind)kind, alias, whole());
                cr_expect_eq(import_ignored_count(result), 0, "'%s' is not '%s'", alias, column->name);
                import_free(result);
            }
        }
    }
}

Test(import, no_header_word_means_two_columns)
{
    for (int kind = 0; kind < IMPORT_KINDS; kind++) {
        size_t count = import_column_count((enum import_kind)kind);
        for (size_t i = 0; i < count; i++) {
            char aliases[500];
            strcpy(aliases, import_column_at((enum import_kind)kind, i)->aliases);
            for (char *rest, *alias = strtok_r(aliases, ",", &rest); alias != NULL;
                 alias = strtok_r(NULL, ",", &rest)) {
                for (size_t j = 0; j < count; j++) {
                    char header[200];
                    (void)snprintf(header, sizeof(header), "%s,%s", alias,
                                   import_column_at((enum import_kind)kind, j)->name);
                    struct import_result *result = parse((enum import_kind)kind, header, whole());
                    cr_expect_eq(import_ignored_count(result), i == j ? 1 : 0, "%s", header);
                    import_free(result);
                }
            }
        }
    }
}

Test(import, the_exact_name_goes_before_an_alias)
{
    struct import_result *result = parse(IMPORT_REGISTER, "ref,placement,date,outcome\nx,P-1,01/06/2026,P\n", whole());
    cr_assert_eq(import_row_count(result), 1);
    cr_expect_str_eq(import_text(result, 0, "placement"), "P-1");
    cr_expect_str_eq(import_ignored_at(result, 0), "ref");
    import_free(result);
}

Test(import, two_columns_of_the_same_rank_are_a_problem)
{
    struct import_result *result =
        parse(IMPORT_REGISTER, "placement,day,outcome,session date\nP-1,01/06/2026,P,02/06/2026\n", whole());
    cr_expect_eq(import_row_count(result), 0);
    EXPECT_PROBLEM(result, 0, 1, 4, "date", "session date", "one column only for 'date'; column 2 is one already");
    import_free(result);
    result = parse(IMPORT_REGISTER, "placement,date,outcome,DATE\n", whole());
    EXPECT_PROBLEM(result, 0, 1, 4, "date", "DATE", "column 2 is one already");
    import_free(result);
}

Test(import, a_missing_required_column_is_named_with_its_aliases)
{
    struct import_result *result = parse(IMPORT_REGISTER, "\nplacement,note\nP-1,x\n", partial());
    cr_expect_eq(import_row_count(result), 0);
    cr_expect(import_summary(result).refused, "the header is wrong for every row");
    cr_expect_eq(import_problem_count(result), 2);
    EXPECT_PROBLEM(result, 0, 2, 0, "date", "", "a column 'date' (or: day, session date");
    EXPECT_PROBLEM(result, 1, 2, 0, "outcome", "", "a column 'outcome' (or: attendance, attended");
    cr_expect_eq(import_reject_file(result).len, 0);
    import_free(result);
}

Test(import, a_bad_cell_is_named_with_line_column_found_and_expected)
{
    struct import_options options = whole();
    int asked = 0;
    options.pattern_valid = accepts_monday;
    options.context = &asked;
    struct import_result *result =
        parse(IMPORT_PLACEMENTS,
              "ref,participant,basis,starts_on,ends_on,pattern,hours,calendar,note\n"
              "P-1,\"A\n1\",M,31/06/2026,01/07/2026,Mon 9-5,3.30,Mars,ok\n"
              "P@2,,maybe,2026-06-01,soon,Tue 09:00-10:00,169,england & wales,bad \x1b[2J escape\n"
              "P-3,A3,m,2026-06-02,2026-06-01,Mon 09:00-10:00,0,,\n",
              options);
    cr_expect_eq(import_row_count(result), 0);
    EXPECT_PROBLEM(result, 0, 2, 2, "participant", "A 1", "your own reference for the person");
    EXPECT_PROBLEM(result, 1, 2, 4, "starts_on", "31/06/2026", "a date such as 28/04/2026");
    EXPECT_PROBLEM(result, 2, 2, 7, "hours", "3.30", "3.30 could mean either");
    EXPECT_PROBLEM(result, 3, 2, 8, "calendar", "Mars", "england_wales (England, Wales) or scotland");
    EXPECT_PROBLEM(result, 4, 4, 1, "ref", "P@2", "without '@'");
    EXPECT_PROBLEM(result, 5, 4, 2, "participant", "", "your own reference");
    EXPECT_PROBLEM(result, 6, 4, 3, "basis", "maybe", "mandatory (mandated, M) or voluntary (V)");
    EXPECT_PROBLEM(result, 7, 4, 5, "ends_on", "soon", "a date such as");
    EXPECT_PROBLEM(result, 8, 4, 6, "pattern", "Tue 09:00-10:00", "days and times such as 'Mon Wed Fri 09:30-15:30");
    EXPECT_PROBLEM(result, 9, 4, 7, "hours", "169", "hours such as 16");
    EXPECT_PROBLEM(result, 10, 4, 9, "note", "bad ?[2J escape", "text without control characters");
    EXPECT_PROBLEM(result, 11, 5, 5, "ends_on", "2026-06-01", "a date that is not before starts_on");
    EXPECT_PROBLEM(result, 12, 5, 7, "hours", "0", "hours such as 16");
    cr_expect_eq(import_problem_count(result), 13);
    cr_expect_eq(import_summary(result).rejected, 3);
    import_free(result);
}

Test(import, texts_too_long_for_the_records_are_problems)
{
    char file[3000];
    char note[2002];
    memset(note, 'n', 2001);
    note[2001] = '\0';
    (void)snprintf(file, sizeof(file), "placement,date,outcome,note\n%.65s,01/06/2026,P,\nP-1,01/06/2026,P,%s\n", note,
                   note);
    struct import_result *result = parse(IMPORT_REGISTER, file, whole());
    cr_expect_eq(import_problem_count(result), 2);
    EXPECT_PROBLEM(result, 0, 2, 1, "placement", "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...", "at most 64 bytes");
    EXPECT_PROBLEM(result, 1, 3, 4, "note", "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...", "at most 2000 bytes");
    import_free(result);
}

Test(import, ragged_rows_are_problems_with_their_line)
{
    struct import_result *result = parse(IMPORT_REGISTER,
                                         "placement,date,outcome\n"
                                         "P-1,01/06/2026\n"
                                         "\n"
                                         "P-1,02/06/2026,P,,\n"
                                         "P-1,03/06/2026,P,x\n",
                                         whole());
    cr_expect_eq(import_problem_count(result), 2);
    EXPECT_PROBLEM(result, 0, 2, 0, "", "2 cells", "3 cells, as many as the header has");
    EXPECT_PROBLEM(result, 1, 5, 0, "", "4 cells", "3 cells, as many as the header has");
    import_free(result);
}

static void check_outcome(const char *word, const char *outcome, const char *reason)
{
    char file[200];
    (void)snprintf(file, sizeof(file), "placement,date,outcome\nP-1,01/06/2026,%s\n", word);
    struct import_result *result = parse(IMPORT_REGISTER, file, whole());
    cr_expect_eq(import_row_count(result), outcome == NULL ? 0 : 1, "%s", word);
    if (import_row_count(result) == 1) {
        cr_expect_str_eq(import_text(result, 0, "outcome"), outcome);
        const char *found = import_text(result, 0, "reason");
        cr_expect(reason == NULL ? found == NULL : found != NULL && strcmp(found, reason) == 0, "%s", word);
    }
    import_free(result);
}

Test(import, understands_the_words_of_registers)
{
    check_outcome("Attended", "attended", NULL);
    check_outcome("P", "attended", NULL);
    check_outcome("/", "attended", NULL);
    check_outcome("\xe2\x9c\x93", "attended", NULL);
    check_outcome("Left early", "left_early", NULL);
    check_outcome("Absent (with notice)", "absent_with_notice", NULL);
    check_outcome("Sick", "absent_with_notice", "health");
    check_outcome("DNA", "absent", NULL);
    check_outcome("No-show", "absent", NULL);
    check_outcome("Closed", "host_closed", NULL);
    check_outcome("JCP appointment", "excused", "jcp_appointment");
    check_outcome("Signing on", "excused", "signing");
}

Test(import, guesses_nothing_that_can_be_read_in_two_ways)
{
    static const char *const words[] = { "N", "x", "H", "0", "1", "authorised", "-", "?", "absent?no", "volunteer" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        check_outcome(words[i], NULL, NULL);
    }
}

Test(import, a_volunteer_is_not_a_voluntary_participant)
{
    struct import_result *result =
        parse(IMPORT_REFERRALS, "ref,participant,route,basis,received_on\nR,A,mir,volunteer,01/06/2026\n", whole());
    EXPECT_PROBLEM(result, 0, 2, 4, "basis", "volunteer", "mandatory (mandated, M) or voluntary (V)");
    import_free(result);
}

Test(import, a_reason_that_is_no_code_of_the_programme_is_a_problem_unless_it_is_meant)
{
    static const char file[] = "placement,date,outcome,reason\nP-1,01/06/2026,absent,helth\n"
                               "P-2,01/06/2026,absent,train strike\nP-3,01/06/2026,absent,health\n";
    struct import_result *result = parse(IMPORT_REGISTER, file, whole());
    cr_expect_eq(import_row_count(result), 0);
    cr_expect_eq(import_summary(result).problems, 2);
    cr_expect_eq(import_summary(result).good, 1);
    EXPECT_PROBLEM(result, 0, 2, 4, "reason", "helth",
                   "a reason that is a code of the programme ('holdfast pack show'), such as 'health'; where it is "
                   "meant, the same import with --yes (unknown_code) records it, and it explains nothing by itself");
    EXPECT_PROBLEM(result, 1, 3, 4, "reason", "train strike",
                   "a reason that is a code of the programme ('holdfast pack show'); where it is "
                   "meant, the same import with --yes (unknown_code) records it, and it explains nothing by itself");
    import_free(result);
    struct import_options options = whole();
    options.unknown_code = true;
    result = parse(IMPORT_REGISTER, file, options);
    cr_assert_eq(import_row_count(result), 3);
    cr_expect_str_eq(import_text(result, 0, "reason"), "helth");
    cr_expect_str_eq(import_text(result, 1, "reason"), "train_strike");
    import_free(result);
}

Test(import, a_reason_of_its_own_goes_before_the_one_of_the_outcome)
{
    struct import_result *result =
        parse(IMPORT_REGISTER, "placement,date,outcome,reason\nP-1,01/06/2026,sick,Caring\n", whole());
    cr_expect_str_eq(import_text(result, 0, "reason"), "caring");
    import_free(result);
}

Test(import, time_worked_must_fit_itself_and_the_outcome)
{
    struct import_result *result = parse(IMPORT_REGISTER,
                                         "placement,date,outcome,minutes,hours\n"
                                         "P-1,01/06/2026,P,300,6\n"
                                         "P-1,02/06/2026,absent,60,\n"
                                         "P-1,03/06/2026,sick,,1\n"
                                         "P-1,04/06/2026,P,0,\n"
                                         "P-1,05/06/2026,absent,0,\n"
                                         "P-1,06/06/2026,closed,60,\n"
                                         "P-1,07/06/2026,P,1441,\n",
                                         whole());
    cr_expect_eq(import_problem_count(result), 5);
    EXPECT_PROBLEM(result, 0, 2, 5, "hours", "6", "the same time as in minutes");
    EXPECT_PROBLEM(result, 1, 3, 4, "minutes", "60", "0 or nothing, as the outcome is absent");
    EXPECT_PROBLEM(result, 2, 4, 5, "hours", "1", "0 or nothing, as the outcome is absent_with_notice");
    EXPECT_PROBLEM(result, 3, 5, 4, "minutes", "0", "more than 0 or nothing, as the outcome is attended");
    EXPECT_PROBLEM(result, 4, 8, 4, "minutes", "1441", "0 to 1440");
    import_free(result);
}

Test(import, days_that_have_not_come_are_problems_when_today_is_known)
{
    static const char file[] = "placement,date,outcome\nP-1,22/11/2026,P\nP-1,23/11/2026,P\n";
    struct import_options options = { .today = date_from_civil(2026, 11, 22) };
    struct import_result *result = parse(IMPORT_REGISTER, file, options);
    cr_expect_eq(import_problem_count(result), 1);
    EXPECT_PROBLEM(result, 0, 3, 2, "date", "23/11/2026", "a date that is not after today");
    import_free(result);
    result = parse(IMPORT_REGISTER, file, whole());
    cr_expect_eq(import_row_count(result), 2);
    import_free(result);
    result = parse(IMPORT_REFERRALS, "ref,participant,route,basis,received_on\nR,A,mir,m,23/11/2026\n", options);
    EXPECT_PROBLEM(result, 0, 2, 5, "received_on", "23/11/2026", "a date that is not after today");
    import_free(result);
}

static bool knows_first_placement(const char *ref, void *context)
{
    ++*(int *)context;
    return strcmp(ref, "P-1") == 0;
}

Test(import, a_register_may_name_only_placements_that_are_known)
{
    int asked = 0;
    struct import_options options = { .today = IMPORT_NO_DATE,
                                      .placement_known = knows_first_placement,
                                      .context = &asked };
    struct import_result *result =
        parse(IMPORT_REGISTER, "placement,date,outcome\nP-1,22/11/2026,P\nP-2,22/11/2026,P\n", options);
    cr_expect_eq(asked, 2);
    cr_expect_eq(import_problem_count(result), 1);
    EXPECT_PROBLEM(result, 0, 3, 1, "placement", "P-2", "import placements first");
    import_free(result);
}

Test(import, more_than_thirty_weeks_is_a_warning)
{
    struct import_result *result = parse(IMPORT_PLACEMENTS,
                                         "ref,participant,basis,starts_on,ends_on,pattern,hours\n"
                                         "P-1,A,M,2026-06-01,2026-12-27,Mon 09:00-10:00,1\n"
                                         "P-2,B,M,2026-06-01,2026-12-28,Mon 09:00-10:00,1\n",
                                         whole());
    cr_expect_eq(import_row_count(result), 2);
    cr_expect_eq(import_problem_count(result), 0);
    cr_assert_eq(import_warning_count(result), 1);
    cr_expect_eq(import_warning_at(result, 0)->line, 3);
    cr_expect_eq(import_warning_at(result, 0)->column, 5);
    cr_expect_not_null(strstr(import_warning_at(result, 0)->expected, "30 weeks"));
    import_free(result);
}

Test(import, a_row_that_says_the_same_again_counts_as_a_duplicate)
{
    struct import_result *result = parse(IMPORT_REGISTER,
                                         "placement,date,outcome,hours,colour\n"
                                         "P-1,01/06/2026,P,5,red\n"
                                         "P-2,01/06/2026,P,5,\n"
                                         "P-1,2026-06-01,present,5:00,blue\n"
                                         "P-1,1/6/26,/,5.0,\n",
                                         whole());
    cr_expect_eq(import_row_count(result), 2);
    cr_expect_eq(import_summary(result).duplicates, 2);
    cr_expect_eq(import_summary(result).rows, 4);
    cr_expect_eq(import_line(result, 0), 2, "the first is taken");
    cr_expect_eq(import_line(result, 1), 3, "in the order of the file");
    import_free(result);
}

Test(import, a_row_that_says_something_else_is_a_problem_that_names_the_first_line)
{
    struct import_result *result = parse(IMPORT_REGISTER,
                                         "placement,date,slot,outcome\n"
                                         "P-1,01/06/2026,,P\n"
                                         "P-1,01/06/2026,2,A\n"
                                         "P-1,01/06/2026,1,P\n"
                                         "P-1,01/06/2026,1,A\n",
                                         whole());
    cr_expect_eq(import_row_count(result), 0);
    cr_expect_eq(import_problem_count(result), 3);
    EXPECT_PROBLEM(result, 0, 2, 1, "placement", "P-1",
                   "one row only for each placement, date and slot; line 5 says something else");
    EXPECT_PROBLEM(result, 1, 4, 1, "placement", "P-1", "line 5 says something else");
    EXPECT_PROBLEM(result, 2, 5, 1, "placement", "P-1", "line 2 says something else");
    import_free(result);
}

Test(import, keeps_a_thousand_problems_and_counts_all)
{
    struct buf file;
    struct error err;
    buf_init(&file, 1000000);
    cr_assert_eq(buf_append_text(&file, "placement,date,outcome\n", &err), ERR_OK);
    for (int i = 0; i < 1500; i++) {
        cr_assert_eq(buf_append_format(&file, &err, "P-%d,soon,maybe\n", i), ERR_OK);
    }
    struct import_result *result = parse_bytes(IMPORT_REGISTER, buf_slice(&file), whole());
    cr_expect_eq(import_problem_count(result), IMPORT_PROBLEMS_KEPT);
    cr_expect_eq(import_summary(result).problems, 3000);
    cr_expect_eq(import_summary(result).rejected, 1500);
    import_free(result);
    buf_fini(&file);
}

Test(import, a_file_that_cannot_be_read_is_an_error_and_no_result)
{
    struct import_result *result = NULL;
    struct import_options options = whole();
    struct error err;
    cr_expect_eq(import_parse(IMPORT_REGISTER, slice_of_text("PK\x03\x04"), &options, &result, &err), ERR_INVALID);
    cr_expect_null(result);
    char wide[200] = "placement,date,outcome";
    for (int i = 0; i < 62; i++) {
        strcat(wide, ",x");
    }
    cr_expect_eq(import_parse(IMPORT_REGISTER, slice_of_text(wide), &options, &result, &err), ERR_LIMIT);
    cr_expect_not_null(strstr(err.message, "more than 64 columns"));
}

Test(import, takes_a_hundred_thousand_rows)
{
    struct buf file;
    struct error err;
    buf_init(&file, TABLE_FILE_BYTES_MAX);
    cr_assert_eq(buf_append_text(&file, "placement,date,outcome,reason\n", &err), ERR_OK);
    for (int i = 0; i < TABLE_ROWS_MAX; i++) {
        cr_assert_eq(buf_append_format(&file, &err, "P-%d,01/06/2026,P,Reason Number %d\n", i / 2, i / 2), ERR_OK);
    }
    struct import_options options = whole();
    options.unknown_code = true;
    struct import_result *result = parse_bytes(IMPORT_REGISTER, buf_slice(&file), options);
    cr_expect_eq(import_row_count(result), TABLE_ROWS_MAX / 2);
    cr_expect_eq(import_summary(result).duplicates, TABLE_ROWS_MAX / 2);
    cr_expect_str_eq(import_text(result, 49999, "reason"), "reason_number_49999");
    import_free(result);
    buf_fini(&file);
}

Test(import, routes_and_the_longest_placement_are_those_of_the_programme)
{
    struct buf text;
    struct error err;
    struct programme *programme;
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(OTHER_PACK_FILE, &text, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(programme_load(buf_slice(&text), &programme, &err), ERR_OK, "%s", err.message);
    struct import_options options = { .programme = programme, .partial = true, .today = IMPORT_NO_DATE };
    struct import_result *result = parse(IMPORT_REFERRALS,
                                         "ref,participant,route,basis,received_on\n"
                                         "T-1,GDN-1,Gweithdy,mandatory,2031-03-03\n"
                                         "T-2,GDN-2,Tools,mandatory,2031-03-03\n"
                                         "T-3,GDN-3,cwp,mandatory,2031-03-03\n",
                                         options);
    cr_expect_eq(import_row_count(result), 2);
    cr_expect_str_eq(import_text(result, 0, "route"), "workshop");
    cr_expect_str_eq(import_text(result, 1, "route"), "workshop");
    EXPECT_PROBLEM(result, 0, 4, 3, "route", "cwp", "workshop (Workshop), garden (Garden), mentor (Mentor only)");
    import_free(result);
    result = parse(IMPORT_PLACEMENTS,
                   "ref,participant,basis,starts_on,ends_on,pattern,hours\n"
                   "P-1,GDN-1,M,2031-03-03,2031-05-12,Mon 09:00-12:00,3\n",
                   options);
    cr_expect_eq(import_summary(result).warnings, 1);
    cr_expect(strstr(import_warning_at(result, 0)->expected, "at most 10 weeks") != NULL);
    import_free(result);
    programme_free(programme);
    buf_fini(&text);
}
