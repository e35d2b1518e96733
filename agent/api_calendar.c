/* Sessions that are expected and JCP's appointments, as a file that calendars take. */
#include <stdio.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/calendar_file.h"
#include "store/audit.h"

#define CALENDAR_DAYS 91
#define CALENDAR_DAYS_MAX 366

struct diary {
    struct api_call *call;
    const struct placement_list *placements;
    const struct placement_row *only; /* NULL: the whole site */
    int32_t from;
    int32_t to;
    bool names;
};

static const struct placement_row *placement_of(const struct diary *diary, const struct row_id *id)
{
    for (size_t i = 0; i < diary->placements->count; i++) {
        if (memcmp(&diary->placements->rows[i].id, id, sizeof(*id)) == 0) {
            return &diary->placements->rows[i];
        }
    }
    return NULL;
}

/* Nobody's calendar says where a restricted case is: it goes on to phones and to whoever shares it. */
static enum err_code place_of(const struct diary *diary, const struct placement_row *placement,
                              struct calendar_event *event, struct error *err)
{
    bool restricted = true;
    if (placement != NULL) {
        TRY(query_restricted(diary->call->world->store, &placement->participant, &restricted, err));
    }
    event->location = restricted ? NULL : placement->host;
    event->description = restricted ? NULL : placement->role;
    return ERR_OK;
}

static enum err_code session_event(const struct diary *diary, const struct roll_row *row, struct error *err)
{
    char uid[80];
    char date[DATE_TEXT_SIZE];
    char id[2 * ROW_ID_BYTES + 1];
    char summary[ROW_REF_SIZE + ROW_NAME_SIZE + 8];
    const struct session_row *session = &row->session;
    const struct placement_row *placement = placement_of(diary, &session->placement);
    bool timed = session->starts_min != ROW_NONE && session->ends_min != ROW_NONE;
    if (!session->expected || (diary->only != NULL && placement != diary->only)) {
        return ERR_OK;
    }
    hex_encode(session->placement.bytes, ROW_ID_BYTES, id);
    date_format(session->day, date);
    (void)snprintf(uid, sizeof(uid), "%s-%s-%d@holdfast", id, date, session->slot + 1);
    (void)snprintf(summary, sizeof(summary), "%s%s%s", row->placement_ref, diary->names ? " " : "",
                   diary->names ? row->participant_name : "");
    struct calendar_event event = { .uid = uid,
                                    .day = session->day,
                                    .starts_min = timed ? session->starts_min : -1,
                                    .ends_min = session->ends_min,
                                    .summary = summary };
    TRY(place_of(diary, placement, &event, err));
    return calendar_event(&diary->call->answer->body, &event, diary->call->world->now_ms, err);
}

static enum err_code sessions_out(const struct diary *diary, struct error *err)
{
    SCOPED(session_list_fini) struct session_list list = { 0 };
    TRY(query_roll(diary->call->world->store, diary->from, diary->to, QUERY_LIMIT_MAX, &list, err));
    if (list.more) {
        return FAIL(err, LIMIT, "make the calendar: more than %d sessions; ask for fewer days", QUERY_LIMIT_MAX);
    }
    for (size_t i = 0; i < list.count; i++) {
        TRY(session_event(diary, &list.rows[i], err));
    }
    return ERR_OK;
}

static void purpose_put(const struct value *purpose, char *out, size_t size)
{
    (void)snprintf(out, size, "Jobcentre: %.*s", (int)purpose->text.len,
                   purpose->text.len > 0 ? (const char *)purpose->text.data : "appointment");
    for (char *at = strchr(out, '_'); at != NULL; at = strchr(at, '_')) {
        *at = ' ';
    }
}

/* The person by a placement's ref, or by their own where none is known here. */
static enum err_code appointment_summary(const struct diary *diary, const struct value *participant, char *out,
                                         size_t size, struct error *err)
{
    struct row_id id = { 0 };
    memcpy(id.bytes, participant->text.data, ROW_ID_BYTES);
    char ref[ROW_REF_SIZE];
    const char *name = "";
    TRY(query_ref(diary->call->world->store, KIND_PARTICIPANT, &id, ref, err));
    for (size_t i = 0; diary->names && i < diary->placements->count; i++) {
        if (memcmp(&diary->placements->rows[i].participant, &id, sizeof(id)) == 0) {
            name = diary->placements->rows[i].participant_name;
        }
    }
    (void)snprintf(out, size, "%s%s%s", ref, name[0] != '\0' ? " " : "", name);
    return ERR_OK;
}

static enum err_code appointment_event(const struct diary *diary, const struct record_row *row, struct error *err)
{
    struct record record = row->record;
    const struct value *participant = record_value(&record, "participant");
    const struct value *day = record_value(&record, "day");
    const struct value *starts = record_value(&record, "starts_min");
    const struct value *ends = record_value(&record, "ends_min");
    const struct value *cancelled = record_value(&record, "cancelled");
    char uid[80];
    char id[2 * ROW_ID_BYTES + 1];
    char summary[ROW_REF_SIZE + ROW_NAME_SIZE + 8];
    char purpose[ROW_CODE_SIZE + 20];
    if (!day->present || day->number < diary->from || day->number > diary->to || !participant->present ||
        participant->text.len != ROW_ID_BYTES ||
        (diary->only != NULL && memcmp(&diary->only->participant, participant->text.data, ROW_ID_BYTES) != 0)) {
        return ERR_OK;
    }
    bool timed = starts->present && ends->present && ends->number >= starts->number;
    hex_encode(row->id.bytes, ROW_ID_BYTES, id);
    (void)snprintf(uid, sizeof(uid), "%s@holdfast", id);
    TRY(appointment_summary(diary, participant, summary, sizeof(summary), err));
    purpose_put(record_value(&record, "purpose"), purpose, sizeof(purpose));
    struct calendar_event event = { .uid = uid,
                                    .day = (int32_t)day->number,
                                    .starts_min = timed ? (int)starts->number : -1,
                                    .ends_min = (int)ends->number,
                                    .cancelled = cancelled->present && cancelled->number != 0,
                                    .summary = summary,
                                    .description = purpose };
    return calendar_event(&diary->call->answer->body, &event, diary->call->world->now_ms, err);
}

static enum err_code appointments_out(const struct diary *diary, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(diary->call->world->store, kind_by_number(KIND_APPOINTMENT), NULL, NULL, QUERY_LIMIT_MAX, &list,
                      err));
    if (list.more) {
        return FAIL(err, LIMIT, "make the calendar: more than %d appointments are on record", QUERY_LIMIT_MAX);
    }
    for (size_t i = 0; i < list.count; i++) {
        TRY(appointment_event(diary, &list.rows[i], err));
    }
    return ERR_OK;
}

static enum err_code choose_placement(struct diary *diary, struct error *err)
{
    struct row_id id;
    const char *ref = query_text(diary->call, "placement");
    if (ref == NULL) {
        return ERR_OK;
    }
    TRY(query_find(diary->call->world->store, KIND_PLACEMENT, ref, &id, err));
    diary->only = placement_of(diary, &id);
    return diary->only != NULL ? ERR_OK : FAIL(err, NOT_FOUND, "find the placement");
}

enum err_code api_calendar(struct api_call *call, struct error *err)
{
    SCOPED(placement_list_fini) struct placement_list placements = { 0 };
    struct diary diary = { .call = call, .placements = &placements };
    struct api_answer *answer = call->answer;
    TRY(query_day(call, "from", call->world->today, &diary.from, err));
    TRY(query_day(call, "to", diary.from + CALENDAR_DAYS, &diary.to, err));
    TRY(query_switch(call, "names", &diary.names, err));
    if (diary.to < diary.from || diary.to - diary.from > CALENDAR_DAYS_MAX) {
        return FAIL(err, INVALID, "read argument 'to': expected a day not before 'from' and at most %d days after it",
                    CALENDAR_DAYS_MAX);
    }
    TRY(query_placements(call->world->store, ROW_NONE, QUERY_LIMIT_MAX, &placements, err));
    TRY(choose_placement(&diary, err));
    answer->content_type = "text/calendar; charset=utf-8";
    TRY(calendar_begin(&answer->body, diary.only != NULL ? diary.only->ref : "Holdfast", err));
    TRY(sessions_out(&diary, err));
    TRY(appointments_out(&diary, err));
    return calendar_end(&answer->body, err);
}
