#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/answers.h"
#include "store/record.h"

Test(kinds, tables_are_consistent)
{
    for (size_t k = 0; kind_at(k) != NULL; k++) {
        const struct kind *kind = kind_at(k);
        cr_assert_eq(kind_by_number(kind->number), kind);
        cr_assert_eq(kind_by_name(kind->name), kind);
        cr_assert_leq(kind->field_count, RECORD_FIELDS_MAX);
        for (size_t f = 1; f < kind->field_count; f++) {
            cr_assert_gt(kind->fields[f].number, kind->fields[f - 1].number, "%s", kind->name);
        }
    }
    cr_assert_null(kind_by_name("volunteer"), "volunteers' records have no kind: they never enter the log");
    cr_assert_null(kind_by_name("volunteer_shift"));
}

Test(kinds, a_field_that_names_one_names_it_wherever_it_is_shown)
{
    static const uint32_t naming[] = { KIND_ERASURE, KIND_OVERWRITE_REVIEW };
    for (size_t i = 0; i < ARRAY_LEN(naming); i++) {
        const struct kind *kind = kind_by_number(naming[i]);
        const struct field *field = &kind->fields[kind_field_index(kind, "kind")];
        cr_assert(field_names_kind(kind, field));
        cr_assert_eq(kind_named(kind, field, KIND_ATTENDANCE), kind_by_number(KIND_ATTENDANCE));
        cr_assert_null(kind_named(kind, field, 0));
        cr_assert_null(kind_named(kind, field, 9999), "of a later version");
        cr_assert_null(kind_named(kind, field, -1));
        cr_assert_null(kind_named(kind, field, (INT64_C(1) << 32) + KIND_ATTENDANCE));
    }
    const struct kind *attendance = kind_by_number(KIND_ATTENDANCE);
    cr_assert_null(kind_named(attendance, &attendance->fields[0], KIND_ATTENDANCE));
}

/* How the dictionary writes a field's form. */
static void form_of(const struct field *field, char out[64])
{
    static const char *const names[] = {
        [FIELD_TEXT] = "text", [FIELD_CODE] = "code",   [FIELD_INT] = "number", [FIELD_DATE] = "date",
        [FIELD_TIME] = "time", [FIELD_BOOL] = "yes/no", [FIELD_ID] = "id",      [FIELD_BYTES] = "bytes",
    };
    char most[16] = "";
    if (field->type == FIELD_TEXT || field->type == FIELD_INT || field->type == FIELD_BYTES) {
        (void)snprintf(most, sizeof(most), " %u", field->max);
    }
    (void)snprintf(out, 64, "%s%s%s", names[field->type], most, field->required ? " !" : "");
}

Test(kinds, the_data_dictionary_says_what_the_table_says)
{
    struct buf file;
    struct error err;
    buf_init(&file, 1024 * 1024);
    cr_assert_eq(file_read(RECORDS_FILE, &file, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(buf_append(&file, "\n### ", 6, &err), ERR_OK);
    cr_assert_eq(buf_append(&file, "", 1, &err), ERR_OK);
    for (size_t k = 0; kind_at(k) != NULL; k++) {
        const struct kind *kind = kind_at(k);
        char heading[80];
        (void)snprintf(heading, sizeof(heading), "\n### %u %s\n", kind->number, kind->name);
        char *at = strstr((char *)file.data, heading);
        cr_assert_not_null(at, "%s", heading);
        char *end = strstr(at + strlen(heading) - 1, "\n### ");
        cr_assert_not_null(end);
        *end = '\0';
        size_t rows = 0;
        for (const char *row = at; (row = strstr(row, "\n| ")) != NULL; row++) {
            rows += row[3] >= '1' && row[3] <= '9';
        }
        cr_expect_eq(rows, kind->field_count, "%s", kind->name);
        for (size_t f = 0; f < kind->field_count; f++) {
            char form[64];
            char row[160];
            form_of(&kind->fields[f], form);
            (void)snprintf(row, sizeof(row), "\n| %u | %s | %s | ", kind->fields[f].number, kind->fields[f].name, form);
            cr_expect_not_null(strstr(at, row), "%s: %s", kind->name, row);
        }
        *end = '\n';
    }
    buf_fini(&file);
}

static struct record attendance(int64_t outcome)
{
    struct record record;
    record_init(&record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&record, "outcome", outcome);
    return record;
}

Test(record, body_round_trip_keeps_every_value)
{
    struct record record = attendance(OUTCOME_LATE);
    record_set_number(&record, "minutes", 95);
    record_set_text(&record, "reason", "bus_strike");
    record_set_text(&record, "note", "came at ten \xe2\x80\x93 told us before");
    struct buf body;
    buf_init(&body, OP_BODY_MAX);
    cr_assert_eq(record_encode(&record, &body, NULL), ERR_OK);
    struct record back;
    cr_assert_eq(record_decode(record.kind, buf_slice(&body), &back, NULL), ERR_OK);
    cr_assert_eq(record_value(&back, "outcome")->number, OUTCOME_LATE);
    cr_assert_eq(record_value(&back, "minutes")->number, 95);
    cr_assert(slice_equal(record_value(&back, "note")->text, record_value(&record, "note")->text));
    buf_fini(&body);
}

Test(record, unknown_fields_are_skipped_and_disorder_is_refused)
{
    static const uint8_t unknown[] = { 0xa2, 0x01, 0x05, 0x18, 0x63, 0x82, 0x01, 0x02 }; /* {1: 5, 99: [1, 2]} */
    static const uint8_t twice[] = { 0xa2, 0x01, 0x05, 0x01, 0x05 };
    struct record record;
    const struct kind *kind = kind_by_number(KIND_ATTENDANCE);
    cr_assert_eq(record_decode(kind, slice_of(unknown, sizeof(unknown)), &record, NULL), ERR_OK);
    cr_assert_eq(record_value(&record, "outcome")->number, OUTCOME_ABSENT);
    cr_assert_eq(record_decode(kind, slice_of(twice, sizeof(twice)), &record, NULL), ERR_PROTOCOL);
}

Test(record, check_names_the_field_and_what_is_expected)
{
    struct error err;
    struct record record = attendance(8);
    cr_assert_eq(record_check(&record, true, &err), ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "'outcome'"));
    record = attendance(OUTCOME_NONE);
    cr_assert_eq(record_check(&record, true, &err), ERR_INVALID);
    record = attendance(OUTCOME_ABSENT);
    record_set_number(&record, "minutes", 1441);
    cr_assert_eq(record_check(&record, true, &err), ERR_INVALID);
    record = attendance(OUTCOME_ABSENT);
    record_set_text(&record, "reason", "Not A Code");
    cr_assert_eq(record_check(&record, true, &err), ERR_INVALID);
    record = attendance(OUTCOME_ABSENT);
    record_set_text(&record, "note", "\xff");
    cr_assert_eq(record_check(&record, true, &err), ERR_INVALID);
    cr_assert_null(strstr(err.message, "\xff"));
}

static enum err_code admit(uint32_t kind, uint8_t subject_len, enum record_writer writer, const char *body)
{
    struct op op = { .kind = kind, .subject_len = subject_len, .body = slice_of_text(body) };
    return record_admit(&op, writer, NULL);
}

Test(admit, only_the_centre_decides_and_only_the_organisation_records)
{
    cr_assert_eq(admit(KIND_DECISION, 16, WRITER_ORGANISATION, "\xa0"), ERR_REFUSED);
    cr_assert_eq(admit(KIND_APPOINTMENT, 16, WRITER_ORGANISATION, "\xa0"), ERR_REFUSED);
    cr_assert_eq(admit(KIND_DECISION, 16, WRITER_CENTRE, "\xa0"), ERR_OK);
    cr_assert_eq(admit(KIND_ATTENDANCE, 20, WRITER_CENTRE, "\xa1\x01\x05"), ERR_REFUSED);
    cr_assert_eq(admit(KIND_ATTENDANCE, 20, WRITER_ORGANISATION, "\xa1\x01\x05"), ERR_OK);
    cr_assert_eq(admit(KIND_ATTENDANCE, 16, WRITER_ORGANISATION, "\xa1\x01\x05"), ERR_INVALID);
    cr_assert_eq(admit(77, 16, WRITER_ORGANISATION, "\xa0"), ERR_UNSUPPORTED);
    cr_assert_eq(admit(KIND_ATTENDANCE, 20, WRITER_ORGANISATION, "rubbish"), ERR_INVALID);
}

Test(admit, a_national_insurance_number_is_no_reference_whoever_sends_it)
{
    /* {1: "QQ123456A"}, {1: "QQ123456"} and {1: "A", 2: "QQ123456A"}: a name that was sent is kept */
    cr_assert_eq(admit(KIND_PARTICIPANT, 16, WRITER_ORGANISATION, "\xa1\x01\x69QQ123456A"), ERR_INVALID);
    cr_assert_eq(admit(KIND_PARTICIPANT, 16, WRITER_CENTRE, "\xa1\x01\x69qq123456a"), ERR_INVALID);
    cr_assert_eq(admit(KIND_REFERRAL, 16, WRITER_CENTRE, "\xa1\x01\x69QQ123456A"), ERR_INVALID);
    cr_assert_eq(admit(KIND_PLACEMENT, 16, WRITER_ORGANISATION, "\xa1\x01\x69QQ123456A"), ERR_INVALID);
    cr_assert_eq(admit(KIND_PARTICIPANT, 16, WRITER_ORGANISATION, "\xa1\x01\x68QQ123456"), ERR_OK);
    cr_assert_eq(admit(KIND_PARTICIPANT, 16, WRITER_ORGANISATION, "\xa2\x01\x61\x41\x02\x69QQ123456A"), ERR_OK);
}

static enum err_code admit_session_on(int32_t day, bool erased)
{
    static const uint8_t placement[OP_ENTITY_BYTES] = { 1 };
    struct op op = { .kind = KIND_ATTENDANCE,
                     .subject_len = OP_SESSION_BYTES,
                     .erased = erased,
                     .body = slice_of_text("\xa1\x01\x05") };
    session_subject(placement, day, 0, op.subject);
    return record_admit(&op, WRITER_ORGANISATION, NULL);
}

Test(admit, a_session_is_on_a_day_that_a_date_could_name)
{
    int32_t first = date_from_civil(1900, 1, 1);
    int32_t last = date_from_civil(2200, 12, 31);
    cr_assert_eq(admit_session_on(first, false), ERR_OK);
    cr_assert_eq(admit_session_on(last, false), ERR_OK);
    cr_assert_eq(admit_session_on(first - 1, false), ERR_INVALID);
    cr_assert_eq(admit_session_on(last + 1, false), ERR_INVALID);
    cr_assert_eq(admit_session_on(last + 1, true), ERR_INVALID);
    cr_assert_eq(admit_session_on(-(1 << 29), false), ERR_INVALID);
}

Test(admit, a_correction_without_a_note_is_refused_whoever_wrote_it)
{
    static const struct op_id replaced = { .seq = 1 };
    struct op op = { .kind = KIND_ATTENDANCE,
                     .subject_len = OP_SESSION_BYTES,
                     .supersedes = &replaced,
                     .supersedes_count = 1,
                     .body = slice_of_text("\xa1\x01\x05") };
    cr_assert_eq(record_admit(&op, WRITER_ORGANISATION, NULL), ERR_REFUSED);
    op.body = slice_of_text("\xa2\x01\x05\x04\x61x"); /* {1: 5, 4: "x"} */
    cr_assert_eq(record_admit(&op, WRITER_ORGANISATION, NULL), ERR_OK);
}

Test(op, header_round_trip_keeps_every_member)
{
    struct op_id replaced[2] = { { .device = "0123456789abcde", .incarnation = 1, .seq = 9 },
                                 { .device = "fedcba987654321", .incarnation = 0, .seq = OP_SEQ_MAX } };
    struct op op = { .id = { .device = "device of a tes", .incarnation = 3, .seq = 77 },
                     .stream = "stream of a tes",
                     .kind = KIND_ATTENDANCE,
                     .subject_len = OP_SESSION_BYTES,
                     .actor = slice_of_text("anna"),
                     .recorded_at_ms = 1400000000123,
                     .offset_ms = -172800000,
                     .hlc = UINT64_C(1400000000123) << 16 | 5,
                     .happened_at_ms = 1399990000000,
                     .supersedes = replaced,
                     .supersedes_count = 2 };
    struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    cr_assert_eq(op_header_encode(&op, &header, NULL), ERR_OK);
    struct op back;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    cr_assert_eq(op_header_decode(buf_slice(&header), &back, supersedes, NULL), ERR_OK);
    struct buf again;
    buf_init(&again, OP_HEADER_MAX);
    cr_assert_eq(op_header_encode(&back, &again, NULL), ERR_OK);
    cr_assert(slice_equal(buf_slice(&header), buf_slice(&again)));
    for (size_t len = 0; len < header.len; len++) {
        cr_assert_neq(op_header_decode(slice_of(header.data, len), &back, supersedes, NULL), ERR_OK, "cut at %zu", len);
    }
    buf_fini(&header);
    buf_fini(&again);
}

Test(op, session_subject_round_trip_before_and_after_1970)
{
    static const int32_t days[] = { -25567, -1, 0, 1, 16188, 84371 };
    uint8_t subject[OP_SESSION_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        for (int slot = 0; slot < 4; slot++) {
            int32_t day;
            int back;
            session_subject((const uint8_t *)"0123456789abcdef", days[i], slot, subject);
            session_of_subject(subject, &day, &back);
            cr_assert_eq(day, days[i]);
            cr_assert_eq(back, slot);
        }
    }
}

Test(op, entity_ids_do_not_run_into_each_other)
{
    uint8_t a[OP_ENTITY_BYTES];
    uint8_t b[OP_ENTITY_BYTES];
    static const uint8_t stream[STREAM_ID_BYTES] = { 1 };
    static const uint8_t other[STREAM_ID_BYTES] = { 2 };
    entity_id(stream, "ab", "c", a);
    entity_id(stream, "a", "bc", b);
    cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
    entity_id(other, "ab", "c", b);
    cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
    entity_id(stream, "ab", "c", b);
    cr_assert_eq(memcmp(a, b, sizeof(a)), 0);
}

Test(answers, are_taken_apart_at_their_questions_and_nowhere_else)
{
    static const char *const expected[] = { "\nno\n\nnor was anybody\n\n", "\n\n\n", "\nby bus" };
    struct slice rest = slice_of_text("Were they ill?\nno\n\nnor was anybody\n\nAre they safe?\n\n\nCould they get "
                                      "there?\nby bus");
    struct slice answer;
    size_t count = 0;
    for (; answers_next(&rest, &answer); count++) {
        cr_assert_lt(count, ARRAY_LEN(expected));
        cr_expect(slice_equal(answer, slice_of_text(expected[count])), "%zu: %.*s", count, (int)answer.len,
                  (const char *)answer.data);
    }
    cr_expect_eq(count, ARRAY_LEN(expected));
}

Test(answers, need_a_letter_or_a_digit_each)
{
    static const char *const given[] = { "no",
                                         "Were they ill?\n2 days",
                                         "Were they ill?\nд",
                                         "Were they ill?\n病",
                                         "Were they ill?\nŵ",
                                         "said on the phone\n\nthat all is well" };
    static const char *const not_given[] = { "",
                                             " \n",
                                             "-",
                                             "…",
                                             "Were they ill?",
                                             "Were they ill?\n",
                                             "Were they ill?\n。",
                                             "Were they ill?\nno\n\nAre they safe?\n--" };
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        cr_expect(answers_given(slice_of_text(given[i])), "%s", given[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(not_given); i++) {
        cr_expect_not(answers_given(slice_of_text(not_given[i])), "%s", not_given[i]);
    }
}
