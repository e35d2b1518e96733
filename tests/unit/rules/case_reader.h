/*
 * Reads the worked cases of cases.txt, whose top says how they are written. Anything it does not understand fails the
 * test.
 */
#ifndef TESTS_UNIT_RULES_CASE_READER_H
#define TESTS_UNIT_RULES_CASE_READER_H

#include "agent/rules/rules.h"

enum { CASE_ROWS_MAX = 40, CASE_TEXT_SIZE = 200, CASES_MAX = 300 };

struct expected_flag {
    char severity[16];
    char code[FLAG_CODE_SIZE];
    char subject[ROW_REF_SIZE + 16];
    int32_t since;
    char says[8][CASE_TEXT_SIZE];
    int says_count;
};

struct rule_case {
    char name[CASE_TEXT_SIZE];
    int line;
    int32_t today;
    bool about_placement;
    bool about_site;
    struct placement_facts placement;
    struct site_facts site;
    struct session_row sessions[CASE_ROWS_MAX];
    struct decision_row decisions[CASE_ROWS_MAX];
    struct notice_row notices[CASE_ROWS_MAX];
    struct job_search_row searches[CASE_ROWS_MAX];
    struct change_row changes[CASE_ROWS_MAX];
    struct crowd_row crowds[CASE_ROWS_MAX];
    struct span_row spans[CASE_ROWS_MAX];
    struct shift_row shifts[CASE_ROWS_MAX];
    struct referral_row referrals[CASE_ROWS_MAX];
    struct day_span breaks[CASE_ROWS_MAX];
    struct contract_row contract;
    struct contract_stand contracts[CASE_ROWS_MAX];
    struct claim_row claims[CASE_ROWS_MAX]; /* of the person, or the site's open ones */
    struct milestone_row milestones[CASE_ROWS_MAX];
    int32_t ends_on[CASE_ROWS_MAX];
    int32_t starts_on[CASE_ROWS_MAX];
    struct expected_flag flags[CASE_ROWS_MAX];
    int flag_count;
    char silent[8][CASE_TEXT_SIZE];
    int silent_count;
};

/* Reads all cases into `ret_cases` (allocated; the caller frees) and returns how many. */
size_t cases_read(const char *path, struct rule_case **ret_cases);

/* An id made of the text, so that different refs have different ids. */
struct row_id id_of(const char *text);

#endif
