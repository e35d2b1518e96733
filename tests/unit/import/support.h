/* tests/unit/import - what the tests of import_parse share. */
#ifndef TESTS_UNIT_IMPORT_SUPPORT_H
#define TESTS_UNIT_IMPORT_SUPPORT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/import/import.h"
#include "base/clock.h"

static inline struct import_options whole(void)
{
    return (struct import_options){ .today = IMPORT_NO_DATE };
}

static inline struct import_options partial(void)
{
    return (struct import_options){ .partial = true, .today = IMPORT_NO_DATE };
}

static inline struct import_result *parse_bytes(enum import_kind kind, struct slice file, struct import_options options)
{
    struct import_result *result = NULL;
    struct error err = { 0 };
    cr_assert_eq(import_parse(kind, file, &options, &result, &err), ERR_OK, "%s", err.message);
    return result;
}

static inline struct import_result *parse(enum import_kind kind, const char *file, struct import_options options)
{
    return parse_bytes(kind, slice_of_text(file), options);
}

static inline int64_t number(const struct import_result *result, size_t row, const char *name)
{
    int64_t value = INT64_MIN;
    cr_assert(import_int(result, row, name, &value), "%s", name);
    return value;
}

#define EXPECT_PROBLEM(result, index, line_, column_, name_, found_, expected_)                                        \
    do {                                                                                                               \
        cr_assert_gt(import_problem_count(result), (size_t)(index));                                                   \
        const struct import_problem *p_ = import_problem_at(result, index);                                            \
        cr_expect_eq(p_->line, (size_t)(line_), "line is %zu", p_->line);                                              \
        cr_expect_eq(p_->column, (size_t)(column_), "column is %zu", p_->column);                                      \
        cr_expect_str_eq(p_->name, name_);                                                                             \
        cr_expect_str_eq(p_->found, found_);                                                                           \
        cr_expect_not_null(strstr(p_->expected, expected_), "expected is '%s'", p_->expected);                         \
    } while (0)

#endif
