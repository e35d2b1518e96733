/* How long records are kept, whose are due for erasure, and erasing those. */
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "base/log.h"
#include "store/retention.h"

#define DUE_LIMIT 1000
#define DAYS_PER_MONTH_100 3044 /* 365.25 / 12, in hundredths */
#define DAYS_PER_YEAR 365

/* ---- whose ---- */

static int32_t due_before(const struct api_world *world)
{
    return world->today - (int32_t)((int64_t)world->retention_months * DAYS_PER_MONTH_100 / 100);
}

static enum err_code due_value(const struct api_world *world, const struct store_due *due, json_t **ret_value,
                               struct error *err)
{
    struct store_erasable erasable;
    struct store_erase erase = retention_erase(due);
    TRY(store_erase_look(world->store, &erase, world->today, &erasable, err));
    *ret_value = json_pack("{s:s,s:o,s:o,s:o,s:I,s:o,s:I,s:o}", "kind", kind_by_number(due->kind)->name, "id",
                           value_id(due->id.bytes, ROW_ID_BYTES), "ref", value_text(due->ref), "newest_day",
                           value_day(due->newest_day), "records", (json_int_t)erasable.records, "counts",
                           erasable_counts(&erasable), "of_centre", (json_int_t)erasable.of_centre, "holds",
                           erasable_holds(&erasable));
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
    return store_retention_due(world->store, due_before(world), world->today, limit, ret_due, ret_count, err);
}

enum err_code api_retention(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    size_t limit;
    size_t count = 0;
    TRY(query_number(call, "limit", DUE_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    struct store_due *due = NULL;
    TRY(read_due(world, limit + 1, &due, &count, err));
    json_t *head = json_pack("{s:i,s:o,s:s?}", "months", world->retention_months, "due_before",
                             world->retention_months > 0 ? value_day(due_before(world)) : json_null(), "by",
                             world->named ? world->actor : NULL);
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
    struct store_erase erase = retention_erase(due);
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
    struct store_erase decision = { .decided_by = member_text(&members, "by", ROW_NAME_SIZE - 1, !world->named),
                                    .reason = member_text(&members, "reason", ROW_NAME_SIZE - 1, true) };
    struct retention_done done = { 0 };
    struct store_due *due = NULL;
    size_t count = 0;
    TRY(members_end(&members));
    TRY(decider_name(world, "erase what is due", &decision.decided_by, err));
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
                                   done.people > 0 && erased_scrubbed(world->store)),
                         err);
}

/* ---- of each kind ---- */

/* What store/RECORDS.md says of it. */
static const char *why_kept(const struct kind *kind)
{
    switch (kind->number) {
    case KIND_CAPACITY_STATEMENT:
        return "it is about nobody";
    case KIND_ERASURE:
        return "it stays known that something went, and on whose decision";
    case KIND_OVERWRITE_REVIEW:
        return "it stays known that somebody looked; it names a record, not what was in it";
    case KIND_HOST:
        return "it is about an organisation; a contact's name goes by a change";
    case KIND_OPPORTUNITY:
        return "it is about work, not about a person";
    case KIND_POLICY_DECISION:
    case KIND_CONTRACT:
        return "it is the organisation's own, about nobody who takes part";
    case KIND_PROGRAMME_PACK:
        return "it names nobody, and doubts are judged by it";
    case KIND_APPOINTMENT:
    case KIND_DECISION:
        return "the Jobcentre wrote it, and erases it at its endpoint";
    default:
        return "a claim about a contract can be brought for six years; law sets no time for these records";
    }
}

static json_t *held_back_by(const struct retention_count *count)
{
    json_t *value = json_object();
    for (int hold = 0; hold < HOLD_COUNT; hold++) {
        if (count->held_back_by[hold] > 0) {
            (void)json_object_set_new(value, retention_hold_name((enum retention_hold)hold),
                                      json_integer((json_int_t)count->held_back_by[hold]));
        }
    }
    return value;
}

/* By whom it is erased: what only the centre writes, only its endpoint erases. */
static json_t *kind_value(const struct kind *kind, const struct retention_count *count)
{
    bool of_centre = (kind->writers & WRITER_ORGANISATION) == 0;
    const char *kept = !kind_goes_with_person(kind) ? "always" : of_centre ? "centre" : "person";
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:o}", "kind", kind->name, "kept", kept, "why", why_kept(kind),
                     "held", (json_int_t)count->held, "due", (json_int_t)count->due, "due_in_year",
                     (json_int_t)count->due_later, "held_back", (json_int_t)count->held_back, "held_back_by",
                     held_back_by(count));
}

enum err_code api_retention_kinds(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    struct retention_counts counts;
    int32_t day = world->retention_months > 0 ? due_before(world) : 0;
    TRY(store_retention_counts(world->store, day, day + DAYS_PER_YEAR, world->today, &counts, err));
    json_t *head =
        json_pack("{s:i,s:o}", "months", world->retention_months, "due_before", day > 0 ? value_day(day) : json_null());
    TRY(answer_list_begin(call->answer, head, "kinds", err));
    for (size_t i = 0; kind_at(i) != NULL; i++) {
        const struct kind *kind = kind_at(i);
        TRY(answer_list_row(call->answer, kind_value(kind, &counts.kinds[kind->number]), err));
    }
    return answer_list_end(call->answer, false, err);
}
