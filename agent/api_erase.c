/* Erasing what is recorded about a person, one record, or what is due by retention. */
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/names.h"
#include "base/log.h"

#define DUE_LIMIT 1000
#define DAYS_PER_MONTH_100 3044 /* 365.25 / 12, in hundredths */

/* ---- what is meant ---- */

static enum err_code find_session(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    struct session_name session;
    TRY(session_name_find(store, text, &session, err));
    erase->kind = KIND_ATTENDANCE;
    erase->subject_len = OP_SESSION_BYTES;
    session_subject(session.placement.bytes, session.day, session.slot, erase->subject);
    return ERR_OK;
}

static enum err_code find_entity(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    static const uint32_t kinds[] = { KIND_PARTICIPANT, KIND_PLACEMENT, KIND_REFERRAL };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct row_id id;
        enum err_code rc = query_find(store, kinds[i], text, &id, err);
        if (rc == ERR_OK) {
            erase->kind = kinds[i];
            erase->subject_len = OP_ENTITY_BYTES;
            memcpy(erase->subject, id.bytes, OP_ENTITY_BYTES);
        }
        if (rc != ERR_NOT_FOUND) {
            return rc;
        }
    }
    return FAIL(err, NOT_FOUND, "find what to erase: no participant, placement or referral has this reference");
}

static enum err_code find_one(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    struct log_row row;
    TRY(query_log_entry(store, text, &row, err));
    erase->kind = row.kind;
    erase->subject_len = row.subject_len;
    memcpy(erase->subject, row.subject, row.subject_len);
    erase->one = true;
    erase->op = row.op;
    return ERR_OK;
}

static enum err_code find_what(struct store *store, const char *text, struct store_erase *erase, struct error *err)
{
    if (strchr(text, '@') != NULL) {
        return find_session(store, text, erase, err);
    }
    return strchr(text, '/') != NULL ? find_one(store, text, erase, err) : find_entity(store, text, erase, err);
}

/* ---- what is said of it ---- */

static json_t *counts_value(const struct store_erasable *erasable)
{
    json_t *counts = json_object();
    for (uint32_t i = 0; i < STORE_KINDS_MAX; i++) {
        const struct kind *kind = kind_by_number(i);
        if (erasable->kinds[i] > 0 && kind != NULL) {
            (void)json_object_set_new(counts, kind->name, json_integer((json_int_t)erasable->kinds[i]));
        }
    }
    return counts;
}

static json_t *holds_value(const struct store_erasable *erasable)
{
    json_t *holds = json_array();
    for (size_t i = 0; i < erasable->hold_count; i++) {
        (void)json_array_append_new(holds, json_string(erasable->holds[i]));
    }
    return holds;
}

/* The refs of all records of the person, whichever was named; of something else none. */
static enum err_code people_value(struct store *store, const struct store_erase *erase, json_t **ret_people,
                                  struct error *err)
{
    SCOPED(id_list_fini) struct id_list list = { 0 };
    struct row_id id;
    memcpy(id.bytes, erase->subject, ROW_ID_BYTES);
    if (erase->kind == KIND_PARTICIPANT && !erase->one) {
        TRY(query_same_person(store, &id, &list, err));
    }
    json_t *people = json_array();
    for (size_t i = 0; i < list.count; i++) {
        char ref[ROW_REF_SIZE];
        enum err_code rc = query_ref(store, KIND_PARTICIPANT, &list.rows[i], ref, err);
        if (rc != ERR_OK) {
            json_decref(people);
            return rc;
        }
        if (ref[0] != '\0') {
            (void)json_array_append_new(people, json_string(ref));
        }
    }
    *ret_people = people;
    return ERR_OK;
}

/* The file is made anew without them; if that fails now it is tried again after the next exchange. */
static bool scrubbed(struct store *store)
{
    bool done = false;
    struct error err;
    if (store_scrub(store, &done, &err) != ERR_OK) {
        log_error("scrub_failed", &err);
        return false;
    }
    return true;
}

enum err_code api_erase(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "what", "ground", "by", "reason", "confirmed_by", "dry_run", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *what = member_text(&members, "what", ROW_NAME_SIZE, true);
    bool dry = member_bool(&members, "dry_run", false);
    struct store_erase erase = { .ground = member_text(&members, "ground", ROW_CODE_SIZE, !dry),
                                 .decided_by = member_text(&members, "by", ROW_NAME_SIZE - 1, !dry),
                                 .reason = member_text(&members, "reason", ROW_NAME_SIZE - 1, !dry),
                                 .confirmed_by = member_text(&members, "confirmed_by", ROW_NAME_SIZE - 1, false) };
    TRY(members_end(&members));
    TRY(find_what(world->store, what, &erase, err));
    json_t *people;
    struct store_erasable erasable;
    TRY(people_value(world->store, &erase, &people, err));
    enum err_code rc = dry ? store_erase_look(world->store, &erase, world->today, &erasable, err)
                           : store_erase(world->store, world->actor, &erase, world->now_ms, &erasable, err);
    if (rc != ERR_OK) {
        json_decref(people);
        return rc;
    }
    call->answer->wrote = !dry;
    if (!dry) {
        LOG_INFO("erased", "kind=%u records=%llu", erase.kind, (unsigned long long)erasable.records);
    }
    return answer_object(call->answer,
                         json_pack("{s:s,s:s,s:o,s:b,s:I,s:o,s:I,s:o,s:b}", "what", what, "kind",
                                   kind_by_number(erase.kind) != NULL ? kind_by_number(erase.kind)->name : "unknown",
                                   "people", people, "erased", !dry, "records", (json_int_t)erasable.records, "counts",
                                   counts_value(&erasable), "of_centre", (json_int_t)erasable.of_centre, "holds",
                                   holds_value(&erasable), "scrubbed", !dry && scrubbed(world->store)),
                         err);
}

/* ---- retention ---- */

static int32_t due_before(const struct api_world *world)
{
    return world->today - (int32_t)((int64_t)world->retention_months * DAYS_PER_MONTH_100 / 100);
}

static struct store_erase erase_of(const struct store_due *due)
{
    struct store_erase erase = { .kind = KIND_PARTICIPANT, .subject_len = OP_ENTITY_BYTES, .ground = "retention" };
    memcpy(erase.subject, due->participant.bytes, OP_ENTITY_BYTES);
    return erase;
}

static enum err_code due_value(const struct api_world *world, const struct store_due *due, json_t **ret_value,
                               struct error *err)
{
    struct store_erasable erasable;
    struct store_erase erase = erase_of(due);
    TRY(store_erase_look(world->store, &erase, world->today, &erasable, err));
    *ret_value =
        json_pack("{s:o,s:o,s:o,s:I,s:o,s:I,s:o}", "participant", value_id(due->participant.bytes, ROW_ID_BYTES), "ref",
                  value_text(due->ref), "newest_day", value_day(due->newest_day), "records",
                  (json_int_t)erasable.records, "counts", counts_value(&erasable), "of_centre",
                  (json_int_t)erasable.of_centre, "holds", holds_value(&erasable));
    return ERR_OK;
}

static enum err_code read_due(const struct api_world *world, size_t limit, struct store_due **ret_due,
                              size_t *ret_count, struct error *err)
{
    if (world->retention_months == 0) {
        *ret_due = NULL;
        *ret_count = 0;
        return ERR_OK;
    }
    return store_retention_due(world->store, due_before(world), limit, ret_due, ret_count, err);
}

enum err_code api_retention(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    size_t limit;
    size_t count = 0;
    TRY(query_number(call, "limit", DUE_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    struct store_due *due = NULL;
    TRY(read_due(world, limit + 1, &due, &count, err));
    json_t *head = json_pack("{s:i,s:o}", "months", world->retention_months, "due_before",
                             world->retention_months > 0 ? value_day(due_before(world)) : json_null());
    enum err_code rc = answer_list_begin(call->answer, head, "due", err);
    for (size_t i = 0; rc == ERR_OK && i < count && i < limit; i++) {
        json_t *value = NULL;
        rc = due_value(world, &due[i], &value, err);
        rc = rc == ERR_OK ? answer_list_row(call->answer, value, err) : rc;
    }
    free(due);
    return rc == ERR_OK ? answer_list_end(call->answer, count > limit, err) : rc;
}

struct retention_done {
    int64_t people;
    int64_t held;
    int64_t records;
};

/* Who is held back stays and is counted. */
static enum err_code erase_due(const struct api_world *world, const struct store_due *due,
                               const struct store_erase *decision, struct retention_done *done, struct error *err)
{
    struct store_erasable erasable;
    struct store_erase erase = erase_of(due);
    erase.decided_by = decision->decided_by;
    erase.reason = decision->reason;
    enum err_code rc = store_erase(world->store, world->actor, &erase, world->now_ms, &erasable, err);
    if (rc == ERR_REFUSED) {
        done->held++;
    } else if (rc == ERR_OK) {
        done->people++;
        done->records += (int64_t)erasable.records;
    }
    return rc == ERR_REFUSED || rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

enum err_code api_retention_run(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "by", "reason", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    struct store_erase decision = { .decided_by = member_text(&members, "by", ROW_NAME_SIZE - 1, true),
                                    .reason = member_text(&members, "reason", ROW_NAME_SIZE - 1, true) };
    struct retention_done done = { 0 };
    struct store_due *due = NULL;
    size_t count = 0;
    TRY(members_end(&members));
    TRY(read_due(world, QUERY_LIMIT_MAX, &due, &count, err));
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = erase_due(world, &due[i], &decision, &done, err);
    }
    free(due);
    call->answer->wrote = done.people > 0;
    TRY(rc);
    LOG_INFO("retention_run", "people=%lld held=%lld records=%lld", (long long)done.people, (long long)done.held,
             (long long)done.records);
    return answer_object(call->answer,
                         json_pack("{s:I,s:I,s:I,s:b}", "people", (json_int_t)done.people, "held",
                                   (json_int_t)done.held, "records", (json_int_t)done.records, "scrubbed",
                                   done.people > 0 && scrubbed(world->store)),
                         err);
}
