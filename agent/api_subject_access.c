/* A person's own copy: everything that is held here about them, who wrote it and when, and who read it. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/log_json.h"
#include "agent/record_json.h"
#include "store/audit.h"
#include "store/evidence.h"
#include "store/kept_reviews.h"
#include "store/volunteers.h"

#define RECORDS_PAGE 1000
#define READERS_PAGE 1000

struct person_copy {
    struct api_call *call;
    struct row_id participant;
    struct buf ids; /* of the records about the person, 16 bytes each */
    json_t *records;
    json_int_t erased;
    bool volunteer; /* entered as one, too */
};

static bool is_about(const struct person_copy *copy, const uint8_t id[ROW_ID_BYTES])
{
    for (size_t at = 0; at < copy->ids.len; at += ROW_ID_BYTES) {
        if (memcmp(copy->ids.data + at, id, ROW_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code add_record(struct person_copy *copy, const struct log_row *row, struct error *err)
{
    if (row->subject_len >= ROW_ID_BYTES && !is_about(copy, row->subject)) {
        TRY(buf_append(&copy->ids, row->subject, ROW_ID_BYTES, err));
    }
    copy->erased += row->erased;
    struct log_list one = { .rows = (struct log_row *)(uintptr_t)row, .count = 1 };
    SCOPED(placement_list_fini) struct placement_list placements = { 0 };
    TRY(log_placements(copy->call->world->store, &one, &placements, err));
    json_t *record = log_value(copy->call->world->store, row, &placements);
    (void)json_object_set_new(
        record, "labels",
        field_labels(copy->call->world->programme, row->kind_name, json_object_get(record, "fields")));
    return json_array_append_new(copy->records, record) == 0
               ? ERR_OK
               : FAIL(err, NO_MEMORY, "copy what is held about the person");
}

static enum err_code add_records(struct person_copy *copy, struct error *err)
{
    const struct evidence_subject subject = { .participant = copy->participant };
    int64_t place = 0;
    for (bool more = true; more;) {
        SCOPED(evidence_list_fini) struct evidence_list list = { 0 };
        TRY(evidence_records(copy->call->world->store, &subject, place, RECORDS_PAGE, &list, err));
        for (size_t i = 0; i < list.count; i++) {
            TRY(add_record(copy, &list.records[i].row, err));
            place = list.records[i].place;
        }
        more = list.more && list.count > 0;
    }
    return ERR_OK;
}

/* A copy that leaves something out without a word is none. */
static enum err_code whole(bool more, struct error *err)
{
    return more ? FAIL(err, LIMIT, "copy what is held about the person: more than %d records of one kind",
                       QUERY_LIMIT_MAX)
                : ERR_OK;
}

/* Every version of the records of a kind that name this record (of the person, a placement, a referral). */
static enum err_code add_linked(struct person_copy *copy, const struct kind *kind, const char *link,
                                const struct row_id *id, struct error *err)
{
    struct store *store = copy->call->world->store;
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(store, kind, link, id, QUERY_LIMIT_MAX, &list, err));
    TRY(whole(list.more, err));
    for (size_t i = 0; i < list.count; i++) {
        SCOPED(log_list_fini) struct log_list versions = { 0 };
        if (is_about(copy, list.rows[i].id.bytes)) {
            continue;
        }
        TRY(query_log(store, list.rows[i].id.bytes, ROW_ID_BYTES, false, QUERY_LIMIT_MAX, &versions, err));
        TRY(whole(versions.more, err));
        for (size_t j = 0; j < versions.count; j++) {
            TRY(add_record(copy, &versions.rows[j], err));
        }
    }
    return ERR_OK;
}

static enum err_code add_all_linked(struct person_copy *copy, struct error *err)
{
    static const char *const links[] = { "participant", "placement", "referral" };
    size_t known = copy->ids.len; /* what is added on the way is not looked through again */
    for (uint32_t number = 0; number < STORE_KINDS_MAX; number++) {
        const struct kind *kind = kind_by_number(number);
        for (size_t i = 0; kind != NULL && query_has_records(kind) && i < ARRAY_LEN(links); i++) {
            for (size_t at = 0; kind_field_index(kind, links[i]) >= 0 && at < known; at += ROW_ID_BYTES) {
                struct row_id id;
                memcpy(id.bytes, copy->ids.data + at, ROW_ID_BYTES);
                TRY(add_linked(copy, kind, links[i], &id, err));
            }
        }
    }
    return ERR_OK;
}

struct person_flags {
    const struct person_copy *copy;
    json_t *flags;
};

/* A shift may be another volunteer's of the same name. */
static const char *facts_for_copy(const struct flag_row *flag)
{
    return flag_of_volunteers(flag->key) ? "told on the machine alone: it is about the charity's own volunteers"
                                         : flag->facts;
}

static enum err_code add_flag(void *context, const void *row, struct error *err)
{
    (void)err;
    const struct person_flags *person = context;
    const struct flag_state *state = row;
    const struct flag_row *flag = &state->flag;
    bool of_theirs = !flag_of_volunteers(flag->key) || person->copy->volunteer;
    if (flag->subject != FLAG_SUBJECT_SITE && is_about(person->copy, flag->subject_id.bytes) && of_theirs) {
        (void)json_array_append_new(person->flags,
                                    json_pack("{s:s,s:s,s:o,s:s,s:o,s:o}", "code", flag->code, "subject",
                                              flag->subject_ref, "since", value_day(flag->since), "facts",
                                              facts_for_copy(flag), "raised_at", value_instant(state->raised_at_ms),
                                              "cleared_at", value_instant(state->cleared_at_ms)));
    }
    return ERR_OK;
}

static enum err_code flags_value(const struct person_copy *copy, json_t **ret_flags, struct error *err)
{
    struct person_flags person = { .copy = copy, .flags = json_array() };
    enum err_code rc = query_flags_each(copy->call->world->store, add_flag, &person, err);
    if (rc != ERR_OK) {
        json_decref(person.flags);
        return rc;
    }
    *ret_flags = person.flags;
    return ERR_OK;
}

static enum err_code add_readers(const struct person_copy *copy, struct audit_filter *page, json_t *readers,
                                 bool *ret_more, struct error *err)
{
    SCOPED(audit_list_fini) struct audit_list list = { 0 };
    TRY(query_audit(copy->call->world->store, page, READERS_PAGE, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct audit_entry *entry = &list.rows[i];
        if (is_about(copy, entry->about.bytes) ||
            (entry->subject_len >= ROW_ID_BYTES && is_about(copy, entry->subject))) {
            (void)json_array_append_new(readers, json_pack("{s:o,s:s,s:s,s:o}", "at", value_instant(entry->at_ms),
                                                           "person", entry->person, "kind", entry->kind, "fields",
                                                           value_text(entry->fields)));
        }
        page->before_ms = entry->at_ms;
        page->before_number = entry->number;
    }
    *ret_more = list.more;
    return ERR_OK;
}

/* All of them, however long this machine has noted who reads what. */
static enum err_code readers_value(const struct person_copy *copy, json_t **ret_readers, struct error *err)
{
    struct audit_filter page = { .action = "read" };
    json_t *readers = json_array();
    for (bool more = true; more;) {
        enum err_code rc = add_readers(copy, &page, readers, &more, err);
        if (rc != ERR_OK) {
            json_decref(readers);
            return rc;
        }
    }
    *ret_readers = readers;
    return ERR_OK;
}

/* Somebody may be placed here and a volunteer too. */
static enum err_code volunteer_value_of(struct person_copy *copy, json_t **ret_volunteer, struct error *err)
{
    SCOPED(volunteer_list_fini) struct volunteer_list list = { 0 };
    SCOPED(id_list_fini) struct id_list person = { 0 };
    TRY(query_same_person(copy->call->world->store, &copy->participant, &person, err));
    TRY(query_volunteers(copy->call->world->store, NULL, QUERY_LIMIT_MAX, &list, err));
    TRY(whole(list.more, err));
    json_t *rows = json_array();
    for (size_t i = 0; i < list.count; i++) {
        const struct volunteer *row = &list.rows[i];
        if (id_list_has(&person, row->participant.bytes)) {
            (void)json_array_append_new(rows, json_pack("{s:s,s:s,s:o,s:o,s:i,s:I}", "ref", row->ref, "name", row->name,
                                                        "place", value_text(row->place), "note", value_text(row->note),
                                                        "shifts", row->shifts, "worked_minutes",
                                                        (json_int_t)row->worked_minutes));
        }
    }
    copy->volunteer = json_array_size(rows) > 0;
    *ret_volunteer = rows;
    return ERR_OK;
}

struct person_reviews {
    const struct person_copy *copy;
    json_t *reviews;
};

static enum err_code add_kept_review(void *context, const void *record, struct error *err)
{
    const struct person_reviews *person = context;
    struct record_row row = *(const struct record_row *)record;
    json_t *review = NULL;
    if (!is_about(person->copy, record_value(&row.record, "placement")->text.data)) {
        return ERR_OK;
    }
    review = record_to_json(&row.record, slice_of(row.id.bytes, ROW_ID_BYTES));
    (void)json_object_set_new(review, "said_by", value_text(row.said_by));
    (void)json_object_set_new(review, "said_at", value_instant(row.said_at_ms));
    return json_array_append_new(person->reviews, review) == 0
               ? ERR_OK
               : FAIL(err, NO_MEMORY, "copy what is held about the person");
}

/* What somebody found who looked into their flags about volunteering: it is in no record. */
static enum err_code kept_reviews_value(const struct person_copy *copy, json_t **ret_reviews, struct error *err)
{
    struct person_reviews person = { .copy = copy, .reviews = json_array() };
    enum err_code rc = copy->volunteer
                           ? query_kept_reviews_each(copy->call->world->store, NULL, add_kept_review, &person, err)
                           : ERR_OK;
    if (rc != ERR_OK) {
        json_decref(person.reviews);
        return rc;
    }
    *ret_reviews = person.reviews;
    return ERR_OK;
}

static enum err_code copy_answer(struct person_copy *copy, const char *ref, struct error *err)
{
    json_t *flags = NULL;
    json_t *readers = NULL;
    json_t *volunteer = NULL;
    json_t *reviews = NULL;
    TRY(add_records(copy, err));
    TRY(add_all_linked(copy, err));
    enum err_code rc = volunteer_value_of(copy, &volunteer, err);
    rc = rc == ERR_OK ? kept_reviews_value(copy, &reviews, err) : rc;
    rc = rc == ERR_OK ? flags_value(copy, &flags, err) : rc;
    rc = rc == ERR_OK ? readers_value(copy, &readers, err) : rc;
    if (rc != ERR_OK) {
        json_decref(volunteer);
        json_decref(reviews);
        json_decref(flags);
        return rc;
    }
    return answer_object(
        copy->call->answer,
        json_pack("{s:s,s:o,s:o,s:o,s:O,s:o,s:o,s:o,s:o,s:{s:I,s:s}}", "participant", ref, "id",
                  value_id(copy->participant.bytes, ROW_ID_BYTES), "made_at", value_instant(copy->call->world->now_ms),
                  "made_by", value_text(copy->call->world->actor), "records", copy->records, "flags", flags,
                  "volunteer", volunteer, "kept_reviews", reviews, "read_by", readers, "withheld", "erased_records",
                  copy->erased, "why",
                  "What a record said that was erased is not held any more; that there was one is. What is held of a "
                  "volunteer who is not entered as the same person is not in this copy."),
        err);
}

enum err_code api_subject_access(struct api_call *call, struct error *err)
{
    struct person_copy copy = { .call = call, .records = json_array() };
    buf_init(&copy.ids, SIZE_MAX / 2);
    enum err_code rc = query_find(call->world->store, KIND_PARTICIPANT, call->tail, &copy.participant, err);
    if (rc == ERR_NOT_FOUND) {
        rc = query_find_unrecorded(call->world->store, call->tail, &copy.participant, err);
    }
    rc = rc == ERR_OK ? copy_answer(&copy, call->tail, err) : rc;
    json_decref(copy.records);
    buf_fini(&copy.ids);
    return rc;
}
