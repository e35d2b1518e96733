/* The charity's own volunteers, their shifts and hours: of this machine alone. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/sight.h"
#include "base/log.h"
#include "base/ni_number.h"
#include "store/volunteers.h"

#define VOLUNTEERS_LIMIT 1000
#define SHIFTS_LIMIT 5000
#define DAYS_PER_YEAR 365

static json_t *volunteer_value(const struct volunteer *row)
{
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:o,s:i,s:I}", "ref", row->ref, "name", row->name, "place",
                     value_text(row->place), "note", value_text(row->note), "participant",
                     value_id_or_null(&row->participant), "participant_ref", value_text(row->participant_ref),
                     "starts_on", value_day(row->starts_on), "ends_on", value_day(row->ends_on), "said_by",
                     row->said_by, "said_at", value_instant(row->said_at_ms), "shifts", row->shifts, "worked_minutes",
                     (json_int_t)row->worked_minutes);
}

static json_t *shift_value(const struct volunteer_shift *row)
{
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:o}", "volunteer", row->volunteer_ref, "name",
                     sight_name(row->volunteer_name), "day", value_day(row->day), "starts", value_time(row->starts_min),
                     "ends", value_time(row->ends_min), "worked_minutes", value_int(row->worked_minutes), "place",
                     value_text(row->place), "what", value_text(row->what), "said_by", row->said_by, "said_at",
                     value_instant(row->said_at_ms));
}

enum err_code api_volunteers(struct api_call *call, struct error *err)
{
    size_t limit;
    TRY(query_number(call, "limit", VOLUNTEERS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    SCOPED(volunteer_list_fini) struct volunteer_list list = { 0 };
    TRY(query_volunteers(call->world->store, NULL, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "volunteers", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, volunteer_value(&list.rows[i]), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

static enum err_code find_volunteer(struct store *store, const char *ref, json_t **ret_value, struct error *err)
{
    SCOPED(volunteer_list_fini) struct volunteer_list list = { 0 };
    TRY(query_volunteers(store, ref, 1, &list, err));
    if (list.count == 0) {
        return FAIL(err, NOT_FOUND, "find the volunteer: there is none with this reference");
    }
    *ret_value = volunteer_value(&list.rows[0]);
    return ERR_OK;
}

static enum err_code shifts_answer(struct api_call *call, json_t *head, const char *ref, int32_t from, int32_t to,
                                   struct error *err)
{
    size_t limit;
    SCOPED(volunteer_shift_list_fini) struct volunteer_shift_list list = { 0 };
    enum err_code rc = query_number(call, "limit", SHIFTS_LIMIT, QUERY_LIMIT_MAX, &limit, err);
    if (rc == ERR_OK) {
        rc = query_volunteer_shifts(call->world->store, ref, from, to, limit, &list, err);
    }
    if (rc != ERR_OK) {
        json_decref(head);
        return rc;
    }
    TRY(answer_list_begin(call->answer, head, "shifts", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, shift_value(&list.rows[i]), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

enum err_code api_volunteer(struct api_call *call, struct error *err)
{
    json_t *volunteer;
    TRY(find_volunteer(call->world->store, call->tail, &volunteer, err));
    return shifts_answer(call, json_pack("{s:o}", "volunteer", volunteer), call->tail, INT32_MIN + 1, INT32_MAX, err);
}

/* Volunteers' hours alone: no call adds them to those of people who are placed. */
enum err_code api_volunteer_hours(struct api_call *call, struct error *err)
{
    int32_t from;
    int32_t to;
    TRY(query_day(call, "from", call->world->today - DAYS_PER_YEAR, &from, err));
    TRY(query_day(call, "to", call->world->today, &to, err));
    SCOPED(volunteer_shift_list_fini) struct volunteer_shift_list list = { 0 };
    TRY(query_volunteer_shifts(call->world->store, NULL, from, to, QUERY_LIMIT_MAX, &list, err));
    json_int_t worked = 0;
    json_int_t planned = 0;
    json_int_t unsaid = 0;
    for (size_t i = 0; i < list.count; i++) {
        const struct volunteer_shift *row = &list.rows[i];
        worked += row->worked_minutes == ROW_NONE ? 0 : row->worked_minutes;
        planned += row->ends_min - row->starts_min;
        unsaid += row->worked_minutes == ROW_NONE;
    }
    json_t *head =
        json_pack("{s:o,s:o,s:I,s:I,s:I,s:I}", "from", value_day(from), "to", value_day(to), "count",
                  (json_int_t)list.count, "planned_minutes", planned, "worked_minutes", worked, "unsaid", unsaid);
    return shifts_answer(call, head, NULL, from, to, err);
}

/* ---- entering ---- */

static void text_put(char *out, size_t size, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    CHECK(len < size);
    memcpy(out, text != NULL ? text : "", len + 1);
}

static void reject_ni_number(struct members *members, const char *name, const char *text)
{
    if (text != NULL && ni_number_within(slice_of_text(text))) {
        members_reject(members, name, "no National Insurance number, which this looks like");
    }
}

/* A ref is a word of a path and of a flag. */
static const char *member_ref(struct members *members, const char *name)
{
    const char *ref = member_text(members, name, ROW_REF_SIZE - 1, true);
    if (ref != NULL && (strpbrk(ref, "/@") != NULL || strcspn(ref, " \t\r\n") != strlen(ref))) {
        members_reject(members, name, "a reference without blanks, '/' and '@'");
    }
    reject_ni_number(members, name, ref);
    return ref;
}

/* What is there under the ref already stands where nothing else is said; nothing, when there is none. */
static enum err_code volunteer_there(struct store *store, const char *ref, struct volunteer *volunteer,
                                     struct error *err)
{
    SCOPED(volunteer_list_fini) struct volunteer_list list = { 0 };
    if (ref != NULL) {
        TRY(query_volunteers(store, ref, 1, &list, err));
    }
    if (list.count > 0) {
        *volunteer = list.rows[0];
    }
    return ERR_OK;
}

/* A member that is there says it, also that there is none; one that is not says nothing. */
static void said_text(struct members *members, const char *name, char *out, size_t size)
{
    if (json_object_get(members->object, name) != NULL) {
        const char *text = member_text(members, name, size - 1, false);
        text_put(out, size, text);
    }
}

static void said_day(struct members *members, const char *name, int32_t *day)
{
    if (json_object_get(members->object, name) != NULL) {
        *day = ROW_NONE;
        (void)member_day(members, name, false, day);
    }
}

enum err_code api_volunteer_put(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "ref", "name", "place", "note", "participant", "starts_on", "ends_on", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    struct volunteer volunteer = { .starts_on = ROW_NONE, .ends_on = ROW_NONE };
    const char *ref = member_ref(&members, "ref");
    TRY(volunteer_there(world->store, ref, &volunteer, err));
    const char *name = member_text(&members, "name", sizeof(volunteer.name) - 1, volunteer.name[0] == '\0');
    reject_ni_number(&members, "name", name);
    said_text(&members, "place", volunteer.place, sizeof(volunteer.place));
    said_text(&members, "note", volunteer.note, sizeof(volunteer.note));
    const char *participant = member_text(&members, "participant", ROW_REF_SIZE - 1, false);
    said_day(&members, "starts_on", &volunteer.starts_on);
    said_day(&members, "ends_on", &volunteer.ends_on);
    if (volunteer.ends_on != ROW_NONE && volunteer.ends_on < volunteer.starts_on) {
        members_reject(&members, "ends_on", "a day that is not before 'starts_on'");
    }
    TRY(members_end(&members));
    text_put(volunteer.ref, sizeof(volunteer.ref), ref);
    if (name != NULL) {
        text_put(volunteer.name, sizeof(volunteer.name), name);
    }
    if (json_object_get(call->body, "participant") != NULL) {
        volunteer.participant = (struct row_id){ { 0 } };
    }
    if (participant != NULL) {
        TRY(query_find(world->store, KIND_PARTICIPANT, participant, &volunteer.participant, err));
    }
    TRY(store_volunteer_put(world->store, world->actor, &volunteer, world->now_ms, err));
    call->answer->changed_here = true;
    json_t *value;
    TRY(find_volunteer(world->store, volunteer.ref, &value, err));
    return answer_object(call->answer, json_pack("{s:o}", "volunteer", value), err);
}

static int member_time(struct members *members, const char *name, bool required)
{
    int minutes = ROW_NONE;
    const char *text = member_text(members, name, TIME_OF_DAY_TEXT_SIZE - 1, required);
    if (text != NULL && !time_of_day_parse(text, &minutes)) {
        members_reject(members, name, "a time of day, as hh:mm");
    }
    return minutes;
}

static enum err_code put_shift(struct api_call *call, const char *ref, struct error *err)
{
    static const char *const known[] = { "day", "starts", "ends", "worked_minutes", "place", "what", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    struct volunteer_shift shift = { .worked_minutes = ROW_NONE };
    int64_t worked = ROW_NONE;
    (void)member_day(&members, "day", true, &shift.day);
    shift.starts_min = member_time(&members, "starts", true);
    shift.ends_min = member_time(&members, "ends", true);
    if (shift.ends_min <= shift.starts_min) {
        members_reject(&members, "ends", "a time after 'starts'");
    }
    if (member_int(&members, "worked_minutes", 0, (int64_t)24 * 60, false, &worked) && shift.day > world->today) {
        members_reject(&members, "worked_minutes", "nothing for a day that has not come");
    }
    text_put(shift.place, sizeof(shift.place), member_text(&members, "place", sizeof(shift.place) - 1, false));
    text_put(shift.what, sizeof(shift.what), member_text(&members, "what", sizeof(shift.what) - 1, false));
    TRY(members_end(&members));
    text_put(shift.volunteer_ref, sizeof(shift.volunteer_ref), ref);
    shift.worked_minutes = (int)worked;
    TRY(store_volunteer_shift_put(world->store, world->actor, &shift, world->now_ms, err));
    call->answer->changed_here = true;
    json_t *value;
    TRY(find_volunteer(world->store, ref, &value, err));
    return answer_object(call->answer, json_pack("{s:o}", "volunteer", value), err);
}

static enum err_code remove_shift(struct api_call *call, const char *ref, struct error *err)
{
    static const char *const known[] = { "day", "starts", NULL };
    struct members members = members_begin(call->body, known, err);
    int32_t day = 0;
    (void)member_day(&members, "day", true, &day);
    int starts_min = member_time(&members, "starts", true);
    TRY(members_end(&members));
    TRY(store_volunteer_shift_remove(call->world->store, ref, day, starts_min, err));
    call->answer->changed_here = true;
    json_t *value;
    TRY(find_volunteer(call->world->store, ref, &value, err));
    return answer_object(call->answer, json_pack("{s:o}", "volunteer", value), err);
}

static enum err_code remove_volunteer(struct api_call *call, const char *ref, struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(call->body, known, err);
    TRY(members_end(&members));
    TRY(store_volunteer_remove(call->world->store, ref, err));
    call->answer->changed_here = true;
    bool scrubbed = false;
    struct error failure;
    if (store_scrub(call->world->store, &scrubbed, &failure) != ERR_OK) {
        log_error("scrub_failed", &failure); /* tried again after the next exchange */
    }
    return answer_object(call->answer, json_pack("{s:s,s:b}", "removed", ref, "scrubbed", scrubbed), err);
}

enum err_code api_volunteer_change(struct api_call *call, struct error *err)
{
    static const struct {
        const char *word;
        enum err_code (*handle)(struct api_call *call, const char *ref, struct error *err);
    } changes[] = { { "shift", put_shift }, { "unshift", remove_shift }, { "remove", remove_volunteer } };
    const char *slash = strrchr(call->tail, '/');
    size_t len = slash != NULL ? (size_t)(slash - call->tail) : 0;
    for (size_t i = 0; len > 0 && len < ROW_REF_SIZE && i < ARRAY_LEN(changes); i++) {
        if (strcmp(changes[i].word, slash + 1) == 0) {
            char ref[ROW_REF_SIZE];
            memcpy(ref, call->tail, len);
            ref[len] = '\0';
            return changes[i].handle(call, ref, err);
        }
    }
    return FAIL(err, NOT_FOUND, "find the path: expected /v1/volunteers/REF/shift, unshift or remove");
}
