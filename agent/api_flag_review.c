/* Reviews of flags: a named person looked, asked the questions, and says what follows. */
#include <stdio.h>
#include <string.h>

#include "agent/api_doubts.h"
#include "agent/names.h"
#include "agent/record_json.h"
#include "agent/rules/guide.h"
#include "store/answers.h"
#include "store/audit.h"
#include "store/kept_reviews.h"

#define REVIEWS_LIMIT 1000
#define ANSWER_MAX 600

static const char *const outcomes[] = { "doubt", "support", "no_action", "host_matter", "corrected", NULL };

static json_t *review_value(const struct record_row *row)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:b}", "id", value_id(row->id.bytes, ROW_ID_BYTES), "fields",
                     record_to_json(&row->record, slice_of(row->id.bytes, ROW_ID_BYTES)), "said_by",
                     value_text(row->said_by), "said_at", value_instant(row->said_at_ms), "kept",
                     record_of_volunteers(&row->record));
}

static bool is_about(struct record *record, int32_t day, int slot)
{
    const struct value *on = record_value(record, "day");
    const struct value *at = record_value(record, "slot");
    return on->present && on->number == day && (at->present ? at->number : 0) == slot;
}

enum err_code reviews_of_session(struct store *store, const struct row_id *placement, int32_t day, int slot,
                                 json_t **ret_reviews, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(store, kind_by_number(KIND_FLAG_REVIEW), "placement", placement, REVIEWS_LIMIT, &list, err));
    json_t *reviews = json_array();
    for (size_t i = 0; i < list.count; i++) {
        if (is_about(&list.rows[i].record, day, slot)) {
            (void)json_array_append_new(reviews, review_value(&list.rows[i]));
        }
    }
    *ret_reviews = reviews;
    return ERR_OK;
}

/* Of one flag, or of all. */
struct reviews_out {
    struct api_call *call;
    const char *flag; /* NULL: any */
    size_t limit;
    size_t count;
};

static enum err_code review_out(void *context, const void *record, struct error *err)
{
    struct reviews_out *out = context;
    struct record_row row = *(const struct record_row *)record;
    struct slice key = record_value(&row.record, "flag")->text;
    if (out->flag != NULL && !slice_equal(key, slice_of_text(out->flag))) {
        return ERR_OK;
    }
    return out->count++ < out->limit ? answer_list_row(out->call->answer, review_value(&row), err) : ERR_OK;
}

static enum err_code answer_session(struct api_call *call, const char *session, struct error *err)
{
    struct session_name name;
    json_t *reviews;
    TRY(session_name_find(call->world->store, session, &name, err));
    TRY(reviews_of_session(call->world->store, &name.placement, name.day, name.slot, &reviews, err));
    return answer_object(call->answer, json_pack("{s:o,s:b}", "reviews", reviews, "more", 0), err);
}

enum err_code api_flag_reviews(struct api_call *call, struct error *err)
{
    const char *session = query_text(call, "session");
    const char *flag = query_text(call, "flag");
    struct reviews_out out = { .call = call };
    SCOPED(flag_list_rows_fini) struct flag_list_rows list = { 0 };
    TRY(query_number(call, "limit", REVIEWS_LIMIT, QUERY_LIMIT_MAX, &out.limit, err));
    if (session != NULL) {
        return answer_session(call, session, err);
    }
    if (flag != NULL) {
        const struct flag_state *found;
        TRY(flag_find(call->world->store, flag, &list, &found, err));
        out.flag = found->flag.key;
    }
    TRY(answer_list_begin(call->answer, NULL, "reviews", err));
    TRY(query_records_each(call->world->store, kind_by_number(KIND_FLAG_REVIEW), review_out, &out, err));
    TRY(query_kept_reviews_each(call->world->store, NULL, review_out, &out, err));
    return answer_list_end(call->answer, out.count > out.limit, err);
}

/* ---- reviewing ---- */

struct review {
    const char *outcome;
    const json_t *answers;
    const char *note;
    int32_t look_again_on; /* ROW_NONE: not */
};

/* Without its empty lines: the line behind one may look like the next question (answers.h). */
static enum err_code add_answer(struct buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] != '\n' || (at > text && at[-1] != '\n' && at[1] != '\0')) {
            TRY(buf_append(out, at, 1, NULL));
        }
    }
    return ERR_OK;
}

/* Each question with what was answered, one behind the other; a doubt takes an answer to every one. */
static enum err_code answers_put(const struct flag_guide *guide, const struct review *review, struct buf *out,
                                 struct error *err)
{
    size_t given = json_array_size(review->answers);
    bool doubt = strcmp(review->outcome, "doubt") == 0;
    size_t count = 0;
    while (guide != NULL && guide->questions[count] != NULL) {
        count++;
    }
    if (given > count || (doubt && given < count)) {
        return FAIL(
            err, INVALID,
            "review: %zu answers are given, and %s%zu expected: one to each question of this flag in their order",
            given, doubt ? "" : "at most ", count);
    }
    for (size_t i = 0; i < given; i++) {
        const json_t *answer = json_array_get(review->answers, i);
        const char *text = json_string_value(answer);
        size_t len = json_string_length(answer);
        if (text == NULL || len > ANSWER_MAX || strlen(text) != len) {
            return FAIL(err, INVALID, "read member 'answers': expected texts of at most %d bytes", ANSWER_MAX);
        }
        if (doubt && !answer_says_something(slice_of_text(text))) {
            return FAIL(err, INVALID,
                        "read member 'answers': answer %zu has no letter and no digit: say what was found", i + 1);
        }
        if (buf_append_format(out, NULL, "%s%s\n", out->len > 0 ? "\n\n" : "", guide->questions[i]) != ERR_OK ||
            add_answer(out, text) != ERR_OK) {
            return FAIL(err, INVALID, "read member 'answers': together with their questions more than %d bytes",
                        ROW_NOTE_SIZE - 1);
        }
    }
    return ERR_OK;
}

/* Where a review is about a session, which one. */
static enum err_code set_subject(const struct flag_row *flag, struct record *record, struct error *err)
{
    struct session_name name;
    if (flag->subject == FLAG_SUBJECT_PLACEMENT || flag->subject == FLAG_SUBJECT_SESSION) {
        record_set_id(record, "placement", flag->subject_id.bytes);
    }
    if (flag->subject != FLAG_SUBJECT_SESSION) {
        return ERR_OK;
    }
    TRY(session_name_split(flag->subject_ref, &name, err));
    record_set_number(record, "day", name.day);
    record_set_number(record, "slot", name.slot);
    return ERR_OK;
}

static enum err_code read_review(struct api_call *call, struct review *review, const char **ret_flag, struct error *err)
{
    static const char *const known[] = { "flag", "outcome", "answers", "look_again_on", "note", NULL };
    struct members members = members_begin(call->body, known, err);
    *ret_flag = member_text(&members, "flag", FLAG_KEY_SIZE - 1, true);
    review->outcome = member_text(&members, "outcome", ROW_CODE_SIZE - 1, true);
    review->note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    review->look_again_on = ROW_NONE;
    (void)member_day(&members, "look_again_on", false, &review->look_again_on);
    review->answers = json_object_get(call->body, "answers");
    TRY(members_end(&members));
    for (size_t i = 0; outcomes[i] != NULL; i++) {
        if (strcmp(outcomes[i], review->outcome) == 0) {
            return review->answers == NULL || json_is_null(review->answers) || json_is_array(review->answers)
                       ? ERR_OK
                       : FAIL(err, INVALID, "read member 'answers': expected a list of texts");
        }
    }
    return FAIL(err, INVALID, "read member 'outcome': expected doubt, support, no_action, host_matter or corrected");
}

static enum err_code check_doubt(const struct review *review, const struct flag_state *flag, struct error *err)
{
    if (strcmp(review->outcome, "doubt") != 0) {
        return ERR_OK;
    }
    if (strcmp(flag->flag.code, "unexplained_absence") != 0) {
        return FAIL(err, REFUSED,
                    "review the flag: a doubt is about one absence; review the flag 'unexplained_absence' of that "
                    "session");
    }
    return flag->cleared_at_ms == OP_TIME_NONE
               ? ERR_OK
               : FAIL(err, REFUSED, "review the flag: it has cleared, so there is nothing to doubt");
}

/* Nothing of it may leave the machine, so it is no record; that somebody reviewed is noted as a change of volunteers
 * is, without saying of whom. */
static enum err_code keep_here(struct api_call *call, const struct store_entry *entry, struct error *err)
{
    const struct api_world *world = call->world;
    struct audit_entry noted = { .at_ms = world->now_ms, .action = "change", .kind = "volunteer", .fields = "review" };
    (void)snprintf(noted.person, sizeof(noted.person), "%s", world->actor);
    (void)snprintf(noted.call, sizeof(noted.call), "POST /v1/reviews");
    TRY(store_review_keep(world->store, world->actor, entry, world->now_ms, err));
    return store_audit_add(world->store, &noted, 1, err);
}

static enum err_code record_it(struct api_call *call, const struct store_entry *entry, json_t **ret_op,
                               struct error *err)
{
    const struct api_world *world = call->world;
    struct store_written written;
    TRY(store_write(world->store, world->actor, entry, 1, world->now_ms, &written, err));
    call->answer->wrote = true;
    *ret_op = value_op(&written.last);
    return ERR_OK;
}

static enum err_code entry_make(const struct flag_row *flag, const struct review *review, const struct buf *answers,
                                struct store_entry *entry, struct error *err)
{
    record_init(&entry->record, kind_by_number(KIND_FLAG_REVIEW));
    record_set_text(&entry->record, "flag", flag->key);
    TRY(set_subject(flag, &entry->record, err));
    record_set_text(&entry->record, "outcome", review->outcome);
    record_set_text(&entry->record, "note", review->note);
    if (answers->len > 0) {
        *record_value(&entry->record, "answers") = (struct value){ .present = true, .text = buf_slice(answers) };
    }
    if (review->look_again_on != ROW_NONE) {
        record_set_number(&entry->record, "look_again_on", review->look_again_on);
    }
    TRY(random_bytes(entry->subject, OP_ENTITY_BYTES, err));
    record_name_placement(&entry->record, entry->subject);
    return ERR_OK;
}

enum err_code api_flag_review(struct api_call *call, struct error *err)
{
    struct review review;
    const char *flag_text = NULL;
    SCOPED(flag_list_rows_fini) struct flag_list_rows list = { 0 };
    SCOPED(buf_fini) struct buf answers;
    const struct flag_state *flag;
    json_t *op = NULL;
    struct store_entry entry = { .kind = KIND_FLAG_REVIEW, .happened_at_ms = OP_TIME_NONE };
    buf_init(&answers, ROW_NOTE_SIZE - 1);
    TRY(read_review(call, &review, &flag_text, err));
    TRY(flag_find(call->world->store, flag_text, &list, &flag, err));
    TRY(check_doubt(&review, flag, err));
    TRY(answers_put(flag_guide_find(flag->flag.key), &review, &answers, err));
    TRY(entry_make(&flag->flag, &review, &answers, &entry, err));
    bool kept = record_of_volunteers(&entry.record);
    TRY(kept ? keep_here(call, &entry, err) : record_it(call, &entry, &op, err));
    return answer_object(call->answer,
                         json_pack("{s:o,s:o,s:s,s:s,s:b}", "id", value_id(entry.subject, OP_ENTITY_BYTES), "op",
                                   kept ? json_null() : op, "outcome", review.outcome, "about", flag->flag.subject_ref,
                                   "kept", kept),
                         err);
}
