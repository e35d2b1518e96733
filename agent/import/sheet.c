#include "agent/import/sheet.h"

#include <string.h>

#define REF_BYTES 64
#define NAME_BYTES 160
#define NOTE_BYTES 2000
#define PATTERN_BYTES 200
#define DAY_MINUTES (24 * 60)
#define WEEK_MINUTES (7 * DAY_MINUTES)

#define DATE_HELP "a date such as 28/04/2026, 28-04-2026, 28/04/26 or 2026-04-28, in the years 2000 to 2099"
#define HOURS_HELP "hours such as 16, 3.5 or 3:30 (3.30 could mean either)"
#define PATTERN_HELP "days and times such as 'Mon Wed Fri 09:30-15:30; Thu 13:00-17:00', at most 4 times a day"
#define PARTICIPANT_ALIASES                                                                                            \
    "participant ref, participant reference, participant id, participant no, client, client ref, client id, person, "  \
    "person ref, our ref"
#define NAME_ALIASES "full name, participant name, client name, person name"
#define BASIS_ALIASES "mandatory or voluntary, mandatory/voluntary, M or V, M/V"
#define BASIS_HELP "mandatory (mandated, M) or voluntary (V)"
#define NOTE_ALIASES "notes, comment, comments, remarks"

static const struct code_word basis_words[] = {
    { "mandatory", "mandatory", NULL }, { "mandated", "mandatory", NULL }, { "m", "mandatory", NULL },
    { "voluntary", "voluntary", NULL }, { "v", "voluntary", NULL },        { NULL, NULL, NULL },
};

static const struct code_word from_words[] = {
    { "jcp", "jcp", NULL },
    { "jobcentre", "jcp", NULL },
    { "jobcentre plus", "jcp", NULL },
    { "job centre", "jcp", NULL },
    { "job centre plus", "jcp", NULL },
    { "prime", "prime", NULL },
    { "prime contractor", "prime", NULL },
    { "self", "self", NULL },
    { "self referral", "self", NULL },
    { "self referred", "self", NULL },
    { NULL, NULL, NULL },
};

static const struct code_word calendar_words[] = {
    { "england_wales", "england_wales", NULL },
    { "england and wales", "england_wales", NULL },
    { "england & wales", "england_wales", NULL },
    { "england", "england_wales", NULL },
    { "wales", "england_wales", NULL },
    { "scotland", "scotland", NULL },
    { NULL, NULL, NULL },
};

/*
 * Left out on purpose, because each is read in two ways: N (no, notice given), X (a cross or a tick), H (holiday, here,
 * hours), 0 and 1, "authorised" (agreed before, or accepted after). "Sick" is notice: somebody told the host.
 */
static const struct code_word outcome_words[] = {
    { "attended", "attended", NULL },
    { "present", "attended", NULL },
    { "p", "attended", NULL },
    { "yes", "attended", NULL },
    { "y", "attended", NULL },
    { "/", "attended", NULL },
    { "\\", "attended", NULL },
    { "\xe2\x9c\x93", "attended", NULL }, /* check mark */
    { "\xe2\x9c\x94", "attended", NULL }, /* heavy check mark */
    { "late", "late", NULL },
    { "l", "late", NULL },
    { "left_early", "left_early", NULL },
    { "le", "left_early", NULL },
    { "went early", "left_early", NULL },
    { "absent_with_notice", "absent_with_notice", NULL },
    { "awn", "absent_with_notice", NULL },
    { "apologies", "absent_with_notice", NULL },
    { "rang in", "absent_with_notice", NULL },
    { "phoned in", "absent_with_notice", NULL },
    { "called in", "absent_with_notice", NULL },
    { "sick", "absent_with_notice", "health" },
    { "s", "absent_with_notice", "health" },
    { "ill", "absent_with_notice", "health" },
    { "off sick", "absent_with_notice", "health" },
    { "rang in sick", "absent_with_notice", "health" },
    { "phoned in sick", "absent_with_notice", "health" },
    { "absent", "absent", NULL },
    { "a", "absent", NULL },
    { "dna", "absent", NULL },
    { "did not attend", "absent", NULL },
    { "fta", "absent", NULL },
    { "failed to attend", "absent", NULL },
    { "no show", "absent", NULL },
    { "no", "absent", NULL },
    { "host_closed", "host_closed", NULL },
    { "closed", "host_closed", NULL },
    { "c", "host_closed", NULL },
    { "site closed", "host_closed", NULL },
    { "shop closed", "host_closed", NULL },
    { "excused", "excused", NULL },
    { "e", "excused", NULL },
    { "agreed leave", "excused", "agreed_leave" },
    { "annual leave", "excused", "agreed_leave" },
    { "jcp", "excused", "jcp_appointment" },
    { "jcp appointment", "excused", "jcp_appointment" },
    { "signing", "excused", "signing" },
    { "signing on", "excused", "signing" },
    { "interview", "excused", "job_interview" },
    { "job interview", "excused", "job_interview" },
    { NULL, NULL, NULL },
};

/* Codes of the programme pack that people write in other words; any other reason has to be one. */
static const struct code_word reason_words[] = {
    { "sick", "health", NULL },
    { "sickness", "health", NULL },
    { "ill", "health", NULL },
    { "illness", "health", NULL },
    { "doctor", "health", NULL },
    { "hospital", "health", NULL },
    { "carer", "caring", NULL },
    { "child care", "childcare", NULL },
    { "homeless", "homelessness", NULL },
    { "transport", "travel", NULL },
    { "interview", "job_interview", NULL },
    { "jobcentre appointment", "jcp_appointment", NULL },
    { "job centre appointment", "jcp_appointment", NULL },
    { "signing on", "signing", NULL },
    { "jury", "jury_service", NULL },
    { "funeral", "bereavement", NULL },
    { NULL, NULL, NULL },
};

#define OUTCOME_HELP                                                                                                   \
    "attended (P, present, Y, yes, /), late (L), left_early (LE), absent_with_notice (apologies, rang in, sick), "     \
    "absent (A, "                                                                                                      \
    "DNA, no), host_closed (closed, C), excused (E, JCP, signing, interview, agreed leave)"

static const struct column referral_columns[] = {
    { .shown = { "ref",
                 "reference, referral, referral ref, referral reference, referral no, referral number, referral id",
                 true, "the referral's own reference, each once, without '@'" },
      .type = COLUMN_REF,
      .high = REF_BYTES },
    { .shown = { "participant", PARTICIPANT_ALIASES, true, "your own reference for the person, such as GDN-014" },
      .type = COLUMN_REF,
      .high = REF_BYTES },
    { .shown = { "name", NAME_ALIASES, false, "the person's name" }, .type = COLUMN_TEXT, .high = NAME_BYTES },
    { .shown = { "route", "programme route, scheme", true, "a route of the programme, by its code or its name" },
      .type = COLUMN_ROUTE },
    { .shown = { "basis", BASIS_ALIASES, true, BASIS_HELP }, .type = COLUMN_CODE, .words = basis_words },
    { .shown = { "received_on", "received, date received, received date, referral date, date", true, DATE_HELP },
      .type = COLUMN_DATE },
    { .shown = { "from", "referred by, referrer, source, referral source", false,
                 "who referred: JCP, prime, self, or a name" },
      .type = COLUMN_CODE_OR_TEXT,
      .words = from_words,
      .high = NAME_BYTES },
    { .shown = { "hours", "weekly hours, hours per week, hours a week, hours asked, hrs", false, HOURS_HELP },
      .type = COLUMN_HOURS,
      .low = 1,
      .high = WEEK_MINUTES },
    { .shown = { "note", NOTE_ALIASES, false, "any text" }, .type = COLUMN_TEXT, .high = NOTE_BYTES },
};

static const struct column placement_columns[] = {
    { .shown = { "ref",
                 "reference, placement, placement ref, placement reference, placement no, placement number, placement "
                 "id",
                 true, "the placement's own reference, each once, without '@'" },
      .type = COLUMN_REF,
      .high = REF_BYTES },
    { .shown = { "participant", PARTICIPANT_ALIASES, true, "your own reference for the person, such as GDN-014" },
      .type = COLUMN_REF,
      .high = REF_BYTES },
    { .shown = { "name", NAME_ALIASES, false, "the person's name" }, .type = COLUMN_TEXT, .high = NAME_BYTES },
    { .shown = { "referral", "referral ref, referral reference, referral no, referral number, referral id", false,
                 "the reference of the referral that led to it" },
      .type = COLUMN_REF,
      .high = REF_BYTES },
    { .shown = { "basis", BASIS_ALIASES, true, BASIS_HELP }, .type = COLUMN_CODE, .words = basis_words },
    { .shown = { "host", "site, organisation, placed with", false, "where the person works" },
      .type = COLUMN_TEXT,
      .high = NAME_BYTES },
    { .shown = { "role", "opportunity, task, tasks, duties, what they do", false, "what the person does" },
      .type = COLUMN_TEXT,
      .high = NAME_BYTES },
    { .shown = { "starts_on", "start, starts, start date, from, first day", true, DATE_HELP }, .type = COLUMN_DATE },
    { .shown = { "ends_on", "end, ends, end date, to, until, last day, finish, planned end", true, DATE_HELP },
      .type = COLUMN_DATE },
    { .shown = { "pattern", "weekly pattern, days, days and times, working pattern, rota", true, PATTERN_HELP },
      .type = COLUMN_PATTERN,
      .high = PATTERN_BYTES },
    { .shown = { "hours", "weekly hours, hours per week, hours a week, agreed hours, agreed weekly hours, hrs", true,
                 HOURS_HELP },
      .type = COLUMN_HOURS,
      .low = 1,
      .high = WEEK_MINUTES },
    { .shown = { "calendar", "bank holidays, country, nation", false, "england_wales (England, Wales) or scotland" },
      .type = COLUMN_CODE,
      .words = calendar_words,
      .default_value = "england_wales" },
    { .shown = { "note", NOTE_ALIASES, false, "any text" }, .type = COLUMN_TEXT, .high = NOTE_BYTES },
};

static const struct column register_columns[] = {
    { .shown = { "placement",
                 "placement ref, placement reference, placement no, placement number, placement id, ref, reference",
                 true, "the placement's reference" },
      .type = COLUMN_REF,
      .high = REF_BYTES },
    { .shown = { "date", "day, session date, date of session, attended on", true, DATE_HELP }, .type = COLUMN_DATE },
    { .shown = { "slot", "session, session no, session number, slot no", false,
                 "1 for the first session of the day, up to 4" },
      .type = COLUMN_INTEGER,
      .low = 1,
      .high = 4,
      .default_value = "1" },
    { .shown = { "outcome", "attendance, attended, status, mark, present", true, OUTCOME_HELP },
      .type = COLUMN_CODE,
      .words = outcome_words },
    { .shown = { "minutes", "mins, minutes worked, mins worked", false, "whole minutes worked, 0 to 1440" },
      .type = COLUMN_INTEGER,
      .low = 0,
      .high = DAY_MINUTES },
    { .shown = { "hours", "hours worked, hrs, hrs worked, time worked", false, HOURS_HELP },
      .type = COLUMN_HOURS,
      .low = 0,
      .high = DAY_MINUTES },
    { .shown = { "reason", "reason code, absence reason, reason for absence", false,
                 "a reason in a few plain words such as health, caring or jury service: letters, digits and blanks, at "
                 "most 40" },
      .type = COLUMN_REASON,
      .words = reason_words },
    { .shown = { "note", NOTE_ALIASES, false, "any text" }, .type = COLUMN_TEXT, .high = NOTE_BYTES },
    { .shown = { "recorded_by", "marked by, taken by, initials, supervisor", false, "who took the register" },
      .type = COLUMN_TEXT,
      .high = NAME_BYTES },
};

static const char *const ref_key[] = { "ref", NULL };
static const char *const session_key[] = { "placement", "date", "slot", NULL };

static const struct sheet sheets[IMPORT_KINDS] = {
    [IMPORT_REFERRALS] = { "referrals", referral_columns, ARRAY_LEN(referral_columns), ref_key, "ref" },
    [IMPORT_PLACEMENTS] = { "placements", placement_columns, ARRAY_LEN(placement_columns), ref_key, "ref" },
    [IMPORT_REGISTER] = { "register", register_columns, ARRAY_LEN(register_columns), session_key,
                          "placement, date and slot" },
};

const struct sheet *sheet_of(enum import_kind kind)
{
    CHECK((size_t)kind < ARRAY_LEN(sheets) && sheets[kind].column_count <= SHEET_COLUMNS_MAX);
    return &sheets[kind];
}

size_t sheet_column(const struct sheet *sheet, const char *name)
{
    size_t index = 0;
    while (index < sheet->column_count && strcmp(sheet->columns[index].shown.name, name) != 0) {
        index++;
    }
    CHECK(index < sheet->column_count);
    return index;
}
