#include <criterion/criterion.h>
#include <string.h>

#include "agent/rules/moves.h"
#include "base/check.h"

/* Every status against every answer, as a caseworker would write it down. */
static const struct {
    const char *status;
    const char *possible;
} cases[] = {
    { "received", "acknowledge, accept, decline, pause or withdraw" },
    { "acknowledged", "accept, decline, pause or withdraw" },
    { "accepted", "decline, start, did_not_start, pause or withdraw" },
    { "started", "complete, end_early, pause or withdraw" },
    { "paused", "withdraw or resume" },
    { "declined", "resume" },
    { "did_not_start", "resume" },
    { "withdrawn", "resume" },
    { "completed", "resume" },
    { "ended_early", "resume" },
    { "of_a_newer_version",
      "acknowledge, accept, decline, start, did_not_start, complete, end_early, pause or withdraw" },
};

Test(moves, each_status_allows_what_the_table_says)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char possible[REFERRAL_WORDS_SIZE];
        referral_possible(cases[i].status, false, possible);
        cr_expect_str_eq(possible, cases[i].possible, "from %s", cases[i].status);
    }
}

Test(moves, saying_again_what_stands_is_allowed)
{
    const struct referral_answer *answer;
    for (size_t i = 0; (answer = referral_answer_at(i)) != NULL; i++) {
        cr_expect(answer->status == NULL || referral_may(answer->status, answer), "%s", answer->word);
    }
}

Test(moves, a_closed_referral_allows_nothing_but_to_be_taken_up_again)
{
    const struct referral_answer *answer;
    for (size_t i = 0; (answer = referral_answer_at(i)) != NULL; i++) {
        bool closes = answer->status != NULL && referral_closed(answer->status);
        cr_expect_eq(closes, strcmp(answer->word, "decline") == 0 || strcmp(answer->word, "did_not_start") == 0 ||
                                 strcmp(answer->word, "withdraw") == 0 || strcmp(answer->word, "complete") == 0 ||
                                 strcmp(answer->word, "end_early") == 0);
        cr_expect_eq(referral_may("completed", answer),
                     answer->status == NULL || strcmp(answer->word, "complete") == 0);
    }
    cr_expect_null(referral_answer_find("eat"));
}
