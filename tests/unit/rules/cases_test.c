#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rules/guide.h"
#include "base/clock.h"
#include "base/file.h"
#include "case_reader.h"

static void look_by(const struct programme *programme, const struct rule_case *c, struct flag_list *flags)
{
    struct error err;
    flag_list_init(flags);
    if (c->about_placement) {
        cr_assert_eq(rules_placement(programme, &c->placement, c->today, flags, &err), ERR_OK);
    }
    if (c->about_site) {
        cr_assert_eq(rules_site(programme, &c->site, c->today, flags, &err), ERR_OK);
    }
}

static void look(const struct rule_case *c, struct flag_list *flags)
{
    look_by(programme_default(), c, flags);
}

static bool begins_key(const struct flag_row *flag, const char *code)
{
    size_t len = strlen(code);
    return strncmp(flag->key, code, len) == 0 && flag->key[len] == '/';
}

static const struct flag_row *find(const struct flag_list *flags, const struct expected_flag *expected)
{
    for (size_t i = 0; i < flags->count; i++) {
        const struct flag_row *flag = &flags->flags[i];
        if (begins_key(flag, expected->code) && strcmp(flag->subject_ref, expected->subject) == 0 &&
            strcmp(severity_name(flag->severity), expected->severity) == 0 && flag->since == expected->since) {
            return flag;
        }
    }
    return NULL;
}

static bool flag_has(const struct flag_row *flag, const char *text)
{
    return strstr(flag->facts, text) != NULL || strstr(flag->next_step, text) != NULL ||
           strstr(flag->rule, text) != NULL;
}

static void print_flags(const struct flag_list *flags)
{
    for (size_t i = 0; i < flags->count; i++) {
        const struct flag_row *flag = &flags->flags[i];
        char since[DATE_TEXT_SIZE];
        date_format(flag->since, since);
        fprintf(stderr, "    %s %s %s since %s\n      %s\n      %s\n      %s\n", severity_name(flag->severity),
                flag->code, flag->subject_ref, since, flag->facts, flag->next_step, flag->rule);
    }
}

static bool holds(const struct rule_case *c, const struct flag_list *flags)
{
    bool good = flags->count == (size_t)c->flag_count;
    for (int i = 0; i < c->flag_count; i++) {
        const struct flag_row *flag = find(flags, &c->flags[i]);
        if (flag == NULL) {
            fprintf(stderr, "  missing: %s %s\n", c->flags[i].code, c->flags[i].subject);
            good = false;
            continue;
        }
        for (int j = 0; j < c->flags[i].says_count; j++) {
            if (!flag_has(flag, c->flags[i].says[j])) {
                fprintf(stderr, "  does not say: %s\n", c->flags[i].says[j]);
                good = false;
            }
        }
    }
    for (size_t i = 0; i < flags->count; i++) {
        for (int j = 0; j < c->silent_count; j++) {
            if (flag_has(&flags->flags[i], c->silent[j])) {
                fprintf(stderr, "  says: %s\n", c->silent[j]);
                good = false;
            }
        }
    }
    return good;
}

static void every_case_holds(const struct programme *programme, const char *file, size_t least)
{
    struct rule_case *cases;
    size_t count = cases_read(file, &cases);
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct flag_list flags;
        look_by(programme, &cases[i], &flags);
        if (!holds(&cases[i], &flags)) {
            fprintf(stderr, "case of line %d: %s\n", cases[i].line, cases[i].name);
            print_flags(&flags);
            wrong++;
        }
        flag_list_fini(&flags);
    }
    free(cases);
    cr_assert_geq(count, least);
    cr_assert_eq(wrong, 0, "%d of %zu cases are wrong", wrong, count);
}

Test(cases, every_worked_case_gives_its_flags_and_no_others)
{
    every_case_holds(programme_default(), CASES_FILE, 140);
}

Test(cases, another_programme_is_another_pack_and_no_other_code)
{
    struct buf text;
    struct error err;
    struct programme *programme;
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(OTHER_PACK_FILE, &text, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(programme_load(buf_slice(&text), &programme, &err), ERR_OK, "%s", err.message);
    every_case_holds(programme, OTHER_CASES_FILE, 8);
    programme_free(programme);
    buf_fini(&text);
}

static void assert_no_name(const char *text)
{
    cr_assert(strstr(text, "Nobodysays") == NULL && strstr(text, "PERSON-7") == NULL, "%s", text);
}

Test(cases, no_text_names_the_person)
{
    struct rule_case *cases;
    size_t count = cases_read(CASES_FILE, &cases);
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        struct flag_list flags;
        look(&cases[i], &flags);
        for (size_t j = 0; j < flags.count; j++, seen++) {
            assert_no_name(flags.flags[j].key);
            assert_no_name(flags.flags[j].subject_ref);
            assert_no_name(flags.flags[j].facts);
            assert_no_name(flags.flags[j].next_step);
            assert_no_name(flags.flags[j].rule);
        }
        flag_list_fini(&flags);
    }
    free(cases);
    cr_assert_gt(seen, 80);
}

Test(cases, every_flag_has_facts_a_next_step_and_a_rule_that_were_not_cut)
{
    struct rule_case *cases;
    size_t count = cases_read(CASES_FILE, &cases);
    for (size_t i = 0; i < count; i++) {
        struct flag_list flags;
        look(&cases[i], &flags);
        for (size_t j = 0; j < flags.count; j++) {
            const char *texts[] = { flags.flags[j].facts, flags.flags[j].next_step, flags.flags[j].rule };
            for (size_t k = 0; k < 3; k++) {
                size_t len = strlen(texts[k]);
                cr_assert(len > 0 && len < FLAG_TEXT_SIZE - 1 && texts[k][len - 1] == '.', "%s", texts[k]);
            }
        }
        flag_list_fini(&flags);
    }
    free(cases);
}

static bool raised_somewhere(const struct rule_case *cases, size_t count, const char *code)
{
    for (size_t i = 0; i < count; i++) {
        for (int j = 0; j < cases[i].flag_count; j++) {
            if (strcmp(cases[i].flags[j].code, code) == 0) {
                return true;
            }
        }
    }
    return false;
}

Test(cases, every_kind_of_flag_has_a_case_and_says_what_clears_it)
{
    struct rule_case *cases;
    size_t count = cases_read(CASES_FILE, &cases);
    for (size_t i = 0; i < count; i++) {
        for (int j = 0; j < cases[i].flag_count; j++) {
            cr_assert_not_null(flag_guide_find(cases[i].flags[j].code), "%s", cases[i].flags[j].code);
        }
    }
    const struct flag_guide *guide;
    for (size_t i = 0; (guide = flag_guide_at(i)) != NULL; i++) {
        cr_assert(raised_somewhere(cases, count, guide->code), "%s", guide->code);
        cr_assert_gt(strlen(guide->clears), 10);
    }
    free(cases);
}
