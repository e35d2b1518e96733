#include "case_reader.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/money.h"

#define NOBODY "Name Nobodysays"

struct words {
    char *at[CASE_ROWS_MAX];
    int count;
    int next;
    int line;
};

static const char *next_word(struct words *words)
{
    cr_assert(words->next < words->count, "line %d: a word is missing", words->line);
    return words->at[words->next++];
}

static bool more(const struct words *words)
{
    return words->next < words->count;
}

static void expect_word(struct words *words, const char *word)
{
    const char *found = next_word(words);
    cr_assert_str_eq(found, word, "line %d: '%s' instead of '%s'", words->line, found, word);
}

static int32_t next_day(struct words *words)
{
    const char *text = next_word(words);
    int32_t day;
    cr_assert(date_parse(text, &day), "line %d: '%s' is no day", words->line, text);
    return day;
}

static int next_number(struct words *words)
{
    const char *text = next_word(words);
    char *end;
    long value = strtol(text, &end, 10);
    cr_assert(*text != '\0' && *end == '\0', "line %d: '%s' is no number", words->line, text);
    return (int)value;
}

/* 31:30 as minutes */
static int next_length(struct words *words)
{
    const char *text = next_word(words);
    int hours;
    int minutes;
    char end;
    cr_assert_eq(sscanf(text, "%d:%2d%c", &hours, &minutes, &end), 2, "line %d: '%s' are no hours", words->line, text);
    return 60 * hours + minutes;
}

static void next_span(struct words *words, int32_t *starts_on, int32_t *ends_on)
{
    char *text = words->at[words->next++];
    char *to = strstr(text, "-TO-");
    cr_assert(to != NULL, "line %d: '%s'", words->line, text);
    *to = '\0';
    cr_assert(date_parse(text, starts_on) && date_parse(to + 4, ends_on), "line %d: '%s'", words->line, text);
}

static void next_hours(struct words *words, int *starts_min, int *ends_min)
{
    const char *text = next_word(words);
    if (strcmp(text, "-") == 0) {
        *starts_min = *ends_min = ROW_NONE;
        return;
    }
    char starts[6] = "";
    cr_assert_eq(strlen(text), 11, "line %d: '%s' are no hours", words->line, text);
    memcpy(starts, text, 5);
    cr_assert(time_of_day_parse(starts, starts_min) && time_of_day_parse(text + 6, ends_min), "line %d", words->line);
}

struct row_id id_of(const char *text)
{
    struct row_id id = { { 0 } };
    for (size_t i = 0; text[i] != '\0'; i++) {
        id.bytes[i % ROW_ID_BYTES] = (uint8_t)(id.bytes[i % ROW_ID_BYTES] * 31 + text[i]);
    }
    return id;
}

static enum calendar next_calendar(struct words *words)
{
    enum calendar calendar;
    cr_assert(calendar_parse(next_word(words), &calendar), "line %d: no such calendar", words->line);
    return calendar;
}

static void read_placement(struct words *words, struct rule_case *c)
{
    struct placement_row *row = &c->placement.placement;
    c->about_placement = true;
    snprintf(row->ref, sizeof(row->ref), "%s", next_word(words));
    row->id = id_of(row->ref);
    row->participant = id_of(NOBODY);
    snprintf(row->participant_name, sizeof(row->participant_name), "%s", NOBODY);
    snprintf(row->participant_ref, sizeof(row->participant_ref), "PERSON-7");
    const char *basis = next_word(words);
    row->basis = strcmp(basis, "mandatory") == 0   ? BASIS_MANDATORY
                 : strcmp(basis, "voluntary") == 0 ? BASIS_VOLUNTARY
                                                   : BASIS_UNKNOWN;
    cr_assert_str_eq(basis_name(row->basis), basis, "line %d", words->line);
    row->calendar = next_calendar(words);
    row->starts_on = row->ends_on = ROW_NONE;
    row->job_search_minutes = ROW_NONE;
    c->placement.pattern_minutes = ROW_NONE;
}

static void add_span(struct rule_case *c, struct row_id id, int32_t starts_on, int32_t ends_on)
{
    cr_assert_lt(c->placement.span_count, CASE_ROWS_MAX);
    size_t at = c->placement.span_count++;
    for (; at > 0 && c->spans[at - 1].starts_on > starts_on; at--) {
        c->spans[at] = c->spans[at - 1];
    }
    c->spans[at] = (struct span_row){ .placement = id, .starts_on = starts_on, .ends_on = ends_on };
}

static void read_runs(struct words *words, struct rule_case *c)
{
    struct placement_row *row = &c->placement.placement;
    next_span(words, &row->starts_on, &row->ends_on);
    if (row->basis == BASIS_MANDATORY) {
        add_span(c, row->id, row->starts_on, row->ends_on);
    }
}

static void read_other(struct words *words, struct rule_case *c)
{
    int32_t starts_on;
    int32_t ends_on;
    struct row_id id = id_of(next_word(words));
    next_span(words, &starts_on, &ends_on);
    add_span(c, id, starts_on, ends_on);
}

static void read_agreed(struct words *words, struct rule_case *c)
{
    c->placement.placement.weekly_minutes = next_length(words);
    if (more(words)) {
        expect_word(words, "pattern");
        c->placement.pattern_minutes = next_length(words);
    }
}

static void read_session(struct words *words, struct rule_case *c, bool expected)
{
    cr_assert_lt(c->placement.session_count, CASE_ROWS_MAX);
    struct session_row *row = &c->sessions[c->placement.session_count++];
    char *day = words->at[words->next];
    if (more(words) && strlen(day) == 12 && day[10] == '/') {
        row->slot = day[11] - '1';
        day[10] = '\0';
    }
    row->day = next_day(words);
    next_hours(words, &row->starts_min, &row->ends_min);
    const char *outcome = next_word(words);
    row->expected = expected;
    row->minutes = row->jcp_starts_min = row->jcp_ends_min = ROW_NONE;
    bool recorded = outcome_parse(outcome, &row->outcome);
    cr_assert(recorded || strcmp(outcome, "unrecorded") == 0, "line %d: no outcome '%s'", words->line, outcome);
    row->heads = recorded ? 1 : 0;
    row->standing = !recorded                         ? STANDING_UNRECORDED
                    : row->outcome == OUTCOME_EXCUSED ? STANDING_EXCUSED
                                                      : STANDING_RECORDED;
    while (more(words)) {
        const char *word = next_word(words);
        if (strcmp(word, "because") == 0) {
            snprintf(row->reason, sizeof(row->reason), "%s", next_word(words));
        } else if (strcmp(word, "worked") == 0) {
            row->minutes = next_length(words);
        } else if (strcmp(word, "hinted") == 0) {
            row->note_hints = true;
        } else if (strcmp(word, "disputed") == 0) {
            row->standing = STANDING_DISPUTED;
            row->heads = 2;
        } else if (strcmp(word, "jcp") == 0) {
            row->overlaps_jcp = true;
            snprintf(row->jcp_purpose, sizeof(row->jcp_purpose), "%s", next_word(words));
            next_hours(words, &row->jcp_starts_min, &row->jcp_ends_min);
            bool absent = row->outcome == OUTCOME_ABSENT || row->outcome == OUTCOME_ABSENT_WITH_NOTICE;
            row->standing = absent && row->standing == STANDING_RECORDED ? STANDING_EXCUSED : row->standing;
        } else {
            cr_assert_fail("line %d: '%s' is not understood", words->line, word);
        }
    }
}

static void read_decision(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->placement.decision_count, CASE_ROWS_MAX);
    struct decision_row *row = &c->decisions[c->placement.decision_count++];
    row->failure_on = next_day(words);
    expect_word(words, "decided");
    row->decided_on = next_day(words);
    snprintf(row->outcome, sizeof(row->outcome), "%s", next_word(words));
}

static void read_notice(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->placement.notice_count, CASE_ROWS_MAX);
    struct notice_row *row = &c->notices[c->placement.notice_count++];
    row->received_on = next_day(words);
    row->served_on = row->received_on;
    const char *word = next_word(words);
    bool complete = strcmp(word, "complete") == 0;
    cr_assert(complete || strcmp(word, "incomplete") == 0, "line %d", words->line);
    row->says_what = row->says_when = row->says_where = row->says_mandatory = row->says_evidence = true;
    row->says_consequences = complete;
}

static void read_shift(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->placement.shift_count, CASE_ROWS_MAX);
    struct shift_row *row = &c->shifts[c->placement.shift_count++];
    (void)next_word(words); /* whose it is, for who reads the case */
    row->day = next_day(words);
    next_hours(words, &row->starts_min, &row->ends_min);
}

static void read_coming(struct words *words, struct rule_case *c)
{
    while (more(words)) {
        next_span(words, &c->starts_on[c->site.starts_count++], &c->ends_on[c->site.ends_count++]);
    }
    c->site.placements_to_come = (int)c->site.starts_count;
}

static void read_running(struct words *words, struct rule_case *c)
{
    c->site.placements_now = next_number(words);
    if (more(words)) {
        expect_word(words, "until");
    }
    while (more(words)) {
        c->ends_on[c->site.ends_count++] = next_day(words);
    }
}

static void read_referral(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->site.open_count, CASE_ROWS_MAX);
    struct referral_row *row = &c->referrals[c->site.open_count++];
    snprintf(row->ref, sizeof(row->ref), "%s", next_word(words));
    row->id = id_of(row->ref);
    snprintf(row->participant_name, sizeof(row->participant_name), "%s", NOBODY);
    snprintf(row->route, sizeof(row->route), "cwp");
    snprintf(row->status, sizeof(row->status), "%s", next_word(words));
    expect_word(words, "received");
    row->received_on = next_day(words);
}

static void read_places(struct words *words, struct rule_case *c)
{
    c->site.capacity.stated = true;
    c->site.capacity.places = next_number(words);
    expect_word(words, "stated");
    c->site.capacity.stated_on = next_day(words);
    c->site.capacity.supervisor_minutes = ROW_NONE;
    if (more(words)) {
        expect_word(words, "supervisors");
        c->site.capacity.supervisor_minutes = next_length(words);
    }
}

static void read_routes(struct words *words, struct rule_case *c)
{
    while (more(words)) {
        cr_assert_lt(c->site.route_count, ROUTES_MAX);
        struct route_count *route = &c->site.routes[c->site.route_count++];
        snprintf(route->route, sizeof(route->route), "%s", next_word(words));
        route->count = next_number(words);
    }
}

static void read_started(struct words *words, struct rule_case *c)
{
    for (int week = 0; more(words); week++) {
        cr_assert_lt(week, FORECAST_WEEKS_MAX);
        c->site.started_in_week[week] = next_number(words);
    }
}

static int64_t next_pounds(struct words *words)
{
    const char *text = next_word(words);
    int64_t pence;
    cr_assert(pounds_parse(text, INT64_C(100000000), &pence), "line %d: '%s' are no pounds", words->line, text);
    return pence;
}

static void read_break(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->placement.break_count, CASE_ROWS_MAX);
    struct day_span *row = &c->breaks[c->placement.break_count++];
    next_span(words, &row->starts_on, &row->ends_on);
}

/* One of the placement's, or one of the site's with what became of its people. */
static void read_contract(struct words *words, struct rule_case *c)
{
    struct contract_stand *stand = &c->contracts[c->site.contract_count];
    struct contract_row *row = c->about_site ? &stand->contract : &c->contract;
    c->site.contract_count += c->about_site;
    *row = (struct contract_row){ .starts_on = ROW_NONE,
                                  .ends_on = ROW_NONE,
                                  .units = ROW_NONE,
                                  .price_pence = PENCE_NONE,
                                  .share_permille = ROW_NONE,
                                  .cost_pence = PENCE_NONE,
                                  .fixed_cost_pence = PENCE_NONE };
    snprintf(row->ref, sizeof(row->ref), "%s", next_word(words));
    snprintf(row->form, sizeof(row->form), "%s", next_word(words));
    row->id = id_of(row->ref);
    while (more(words)) {
        const char *word = next_word(words);
        if (strcmp(word, "runs") == 0) {
            next_span(words, &row->starts_on, &row->ends_on);
        } else if (strcmp(word, "price") == 0) {
            row->price_pence = next_pounds(words);
        } else if (strcmp(word, "share") == 0) {
            row->share_permille = next_number(words);
        } else if (strcmp(word, "cost") == 0) {
            row->cost_pence = next_pounds(words);
        } else if (strcmp(word, "reached") == 0) {
            for (size_t i = 0; i < TRIGGERS_MAX && more(words); i++) {
                stand->reached[i] = next_number(words);
                expect_word(words, "of");
                stand->old_enough[i] = next_number(words);
            }
        } else {
            cr_assert_fail("line %d: '%s' is not understood", words->line, word);
        }
    }
}

static void read_search(struct words *words, struct rule_case *c)
{
    const char *first = words->at[words->next];
    if (more(words) && strcmp(first, "agreed") == 0) {
        words->next++;
        c->placement.placement.job_search_minutes = next_length(words);
        return;
    }
    cr_assert_lt(c->placement.search_count, CASE_ROWS_MAX);
    struct job_search_row *row = &c->searches[c->placement.search_count++];
    row->week = next_day(words);
    row->minutes = next_length(words);
}

static void read_change(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->placement.change_count, CASE_ROWS_MAX);
    struct change_row *row = &c->changes[c->placement.change_count++];
    row->starts_on = next_day(words);
    row->ends_on = more(words) ? next_day(words) : ROW_NONE;
}

/* crowd host|opportunity REF N of N since DAY */
static void read_crowd(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->site.crowd_count, CASE_ROWS_MAX);
    struct crowd_row *row = &c->crowds[c->site.crowd_count++];
    row->host = strcmp(next_word(words), "host") == 0;
    snprintf(row->ref, sizeof(row->ref), "%s", next_word(words));
    row->running = next_number(words);
    expect_word(words, "of");
    row->allowed = next_number(words);
    expect_word(words, "since");
    row->since = next_day(words);
}

static void read_claim(struct words *words, struct rule_case *c)
{
    size_t *count = c->about_site ? &c->site.open_claim_count : &c->placement.claim_count;
    cr_assert_lt(*count, CASE_ROWS_MAX);
    struct claim_row *row = &c->claims[(*count)++];
    snprintf(row->contract_ref, sizeof(row->contract_ref), "%s", next_word(words));
    snprintf(row->trigger, sizeof(row->trigger), "%s", next_word(words));
    row->id = id_of(row->contract_ref);
    row->amount_pence = next_pounds(words);
    row->paid_pence = PENCE_NONE;
    row->paid_on = row->refused_on = ROW_NONE;
    expect_word(words, "claimed");
    row->claimed_on = next_day(words);
    while (more(words)) {
        const char *word = next_word(words);
        if (strcmp(word, "for") == 0) {
            snprintf(row->placement_ref, sizeof(row->placement_ref), "%s", next_word(words));
        } else if (strcmp(word, "paid") == 0) {
            row->paid_pence = next_pounds(words);
            row->paid_on = next_day(words);
        } else {
            cr_assert_fail("line %d: '%s' is not understood", words->line, word);
        }
    }
}

static void read_milestone(struct words *words, struct rule_case *c)
{
    cr_assert_lt(c->placement.milestone_count, CASE_ROWS_MAX);
    struct milestone_row *row = &c->milestones[c->placement.milestone_count++];
    row->placement = id_of(next_word(words));
    snprintf(row->trigger, sizeof(row->trigger), "%s", next_word(words));
    row->reached_on = next_day(words);
}

static void read_flag(struct words *words, struct rule_case *c)
{
    struct expected_flag *flag = &c->flags[c->flag_count++];
    snprintf(flag->severity, sizeof(flag->severity), "%s", next_word(words));
    snprintf(flag->code, sizeof(flag->code), "%s", next_word(words));
    snprintf(flag->subject, sizeof(flag->subject), "%s", next_word(words));
    expect_word(words, "since");
    flag->since = next_day(words);
}

static void read_text(struct rule_case *c, const char *kind, const char *text, int line)
{
    if (strcmp(kind, "silent") == 0) {
        cr_assert_lt(c->silent_count, 8);
        snprintf(c->silent[c->silent_count++], CASE_TEXT_SIZE, "%s", text);
        return;
    }
    if (strcmp(kind, "takes") == 0) {
        bool too = strncmp(text, "volunteers too ", 15) == 0;
        c->placement.volunteers_too = too;
        text += too ? 15 : 0;
        size_t len = strcspn(text, " ");
        snprintf(c->placement.opportunity_ref, sizeof(c->placement.opportunity_ref), "%.*s", (int)len, text);
        snprintf(c->placement.opportunity_title, sizeof(c->placement.opportunity_title), "%s",
                 text + len + strspn(text + len, " "));
        return;
    }
    if (strcmp(kind, "role") == 0) {
        snprintf(c->placement.placement.role, sizeof(c->placement.placement.role), "%s", text);
        return;
    }
    if (strcmp(kind, "note") == 0) {
        snprintf(c->placement.placement.note, sizeof(c->placement.placement.note), "%s", text);
        return;
    }
    cr_assert_gt(c->flag_count, 0, "line %d: no flag above", line);
    struct expected_flag *flag = &c->flags[c->flag_count - 1];
    cr_assert_lt(flag->says_count, 8);
    snprintf(flag->says[flag->says_count++], CASE_TEXT_SIZE, "%s", text);
}

static void read_site(struct words *words, struct rule_case *c)
{
    c->about_site = true;
    c->site.calendar = next_calendar(words);
}

static void read_line(struct rule_case *c, const char *kind, struct words *words)
{
    if (strcmp(kind, "today") == 0) {
        c->today = next_day(words);
    } else if (strcmp(kind, "placement") == 0) {
        read_placement(words, c);
    } else if (strcmp(kind, "runs") == 0) {
        read_runs(words, c);
    } else if (strcmp(kind, "other") == 0) {
        read_other(words, c);
    } else if (strcmp(kind, "agreed") == 0) {
        read_agreed(words, c);
    } else if (strcmp(kind, "routes") == 0) {
        read_routes(words, c);
    } else if (strcmp(kind, "expected") == 0 || strcmp(kind, "extra") == 0) {
        read_session(words, c, kind[2] == 'p');
    } else if (strcmp(kind, "decision") == 0) {
        read_decision(words, c);
    } else if (strcmp(kind, "notice") == 0) {
        read_notice(words, c);
    } else if (strcmp(kind, "shift") == 0) {
        read_shift(words, c);
    } else if (strcmp(kind, "site") == 0) {
        read_site(words, c);
    } else if (strcmp(kind, "places") == 0) {
        read_places(words, c);
    } else if (strcmp(kind, "running") == 0) {
        read_running(words, c);
    } else if (strcmp(kind, "coming") == 0) {
        read_coming(words, c);
    } else if (strcmp(kind, "started") == 0) {
        read_started(words, c);
    } else if (strcmp(kind, "waiting") == 0) {
        c->site.waiting = next_number(words);
    } else if (strcmp(kind, "referral") == 0) {
        read_referral(words, c);
    } else if (strcmp(kind, "break") == 0) {
        read_break(words, c);
    } else if (strcmp(kind, "contract") == 0) {
        read_contract(words, c);
    } else if (strcmp(kind, "claim") == 0) {
        read_claim(words, c);
    } else if (strcmp(kind, "search") == 0) {
        read_search(words, c);
    } else if (strcmp(kind, "change") == 0) {
        read_change(words, c);
    } else if (strcmp(kind, "crowd") == 0) {
        read_crowd(words, c);
    } else if (strcmp(kind, "heard") == 0) {
        c->site.heard_on = next_day(words);
    } else if (strcmp(kind, "milestone") == 0) {
        read_milestone(words, c);
    } else if (strcmp(kind, "flag") == 0) {
        read_flag(words, c);
    } else {
        cr_assert_fail("line %d: '%s' is not understood", words->line, kind);
    }
    cr_assert_not(more(words), "line %d: too many words", words->line);
}

static void find_came(struct rule_case *c)
{
    struct placement_facts *facts = &c->placement;
    facts->first_came_on = facts->last_came_on = ROW_NONE;
    for (size_t i = 0; i < facts->session_count; i++) {
        const struct session_row *row = &c->sessions[i];
        if (row->day > c->today || row->standing != STANDING_RECORDED || row->outcome == OUTCOME_NONE ||
            row->outcome > OUTCOME_LEFT_EARLY) {
            continue;
        }
        facts->last_came_on = row->day;
        if (facts->first_came_on == ROW_NONE && row->day >= facts->placement.starts_on) {
            facts->first_came_on = row->day;
        }
    }
}

static void point_at_rows(struct rule_case *c)
{
    c->placement.sessions = c->sessions;
    c->placement.decisions = c->decisions;
    c->placement.notices = c->notices;
    c->placement.spans = c->spans;
    c->placement.shifts = c->shifts;
    c->site.ends_on = c->ends_on;
    c->site.starts_on = c->starts_on;
    c->site.open_referrals = c->referrals;
    c->placement.breaks = c->breaks;
    c->placement.searches = c->searches;
    c->placement.changes = c->changes;
    c->site.crowds = c->crowds;
    c->placement.contract = c->contract.ref[0] == '\0' ? NULL : &c->contract;
    c->placement.claims = c->claims;
    c->placement.milestones = c->milestones;
    find_came(c);
    c->site.contracts = c->contracts;
    c->site.open_claims = c->claims;
}

size_t cases_read(const char *path, struct rule_case **ret_cases)
{
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    struct rule_case *cases = calloc(CASES_MAX, sizeof(*cases));
    cr_assert_not_null(cases);
    size_t count = 0;
    char line[512];
    for (int number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
        line[strcspn(line, "\n")] = '\0';
        char *kind = line;
        if (*kind == '\0' || *kind == '#') {
            continue;
        }
        char *rest = line + strcspn(line, " ");
        rest += *rest == '\0' ? 0 : strspn(rest, " ");
        char *end = line + strcspn(line, " ");
        *end = '\0';
        if (strcmp(kind, "case") == 0) {
            cr_assert_lt(count, CASES_MAX);
            cases[count].line = number;
            snprintf(cases[count++].name, CASE_TEXT_SIZE, "%s", rest);
            continue;
        }
        cr_assert_gt(count, 0, "line %d: no case above", number);
        struct rule_case *c = &cases[count - 1];
        if (strcmp(kind, "says") == 0 || strcmp(kind, "silent") == 0 || strcmp(kind, "role") == 0 ||
            strcmp(kind, "takes") == 0 || strcmp(kind, "note") == 0) {
            read_text(c, kind, rest, number);
            continue;
        }
        struct words words = { .line = number };
        char *state;
        for (char *word = strtok_r(rest, " ", &state); word != NULL; word = strtok_r(NULL, " ", &state)) {
            cr_assert_lt(words.count, CASE_ROWS_MAX);
            words.at[words.count++] = word;
        }
        read_line(c, kind, &words);
    }
    fclose(file);
    for (size_t i = 0; i < count; i++) {
        point_at_rows(&cases[i]);
    }
    *ret_cases = cases;
    return count;
}
