/*
 * The whole register of a day as attended, but for those who are named, those who have an entry already, those whose
 * session has not begun, and those whom JCP has at the same time: they are recorded by hand.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/names.h"

#define ATTENDED_MAX 10000
#define EXCEPTIONS_MAX 1000

struct exceptions {
    const json_t *names; /* NULL: none */
    bool *used;
};

static void exceptions_fini(struct exceptions *exceptions)
{
    free(exceptions->used);
}

static enum err_code exceptions_read(const struct api_call *call, struct exceptions *exceptions, struct error *err)
{
    const json_t *names = json_object_get(call->body, "except");
    bool fits =
        names == NULL || json_is_null(names) || (json_is_array(names) && json_array_size(names) <= EXCEPTIONS_MAX);
    for (size_t i = 0; fits && i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        fits = json_is_string(name) && json_string_length(name) > 0 && json_string_length(name) < SESSION_NAME_SIZE;
    }
    if (!fits) {
        return FAIL(err, INVALID, "read member 'except': expected a list of at most %d names", EXCEPTIONS_MAX);
    }
    exceptions->names = names;
    exceptions->used = calloc(json_array_size(names) + 1, sizeof(*exceptions->used));
    return exceptions->used != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "read member 'except'");
}

/* By session, placement or person. */
static bool is_excepted(struct exceptions *exceptions, const struct roll_row *row)
{
    char session[SESSION_NAME_SIZE];
    session_name_format(row->placement_ref, row->session.day, row->session.slot, session);
    bool found = false;
    for (size_t i = 0; i < json_array_size(exceptions->names); i++) {
        const char *name = json_string_value(json_array_get(exceptions->names, i));
        if (strcmp(name, session) == 0 || strcmp(name, row->placement_ref) == 0 ||
            strcmp(name, row->participant_ref) == 0) {
            exceptions->used[i] = true;
            found = true;
        }
    }
    return found;
}

/* A name with a slip of the pen would leave somebody in who was to be left out. */
static enum err_code exceptions_end(const struct exceptions *exceptions, struct error *err)
{
    for (size_t i = 0; i < json_array_size(exceptions->names); i++) {
        if (!exceptions->used[i]) {
            return FAIL(err, NOT_FOUND,
                        "find '%.80s' in the register of the day: name a session, a placement or a person's ref "
                        "(nothing was recorded)",
                        json_string_value(json_array_get(exceptions->names, i)));
        }
    }
    return ERR_OK;
}

/* NULL: it is recorded. */
static const char *why_not(const struct api_call *call, const struct roll_row *row, bool excepted)
{
    const struct session_row *session = &row->session;
    bool ahead = session->day == call->world->today && session->starts_min != ROW_NONE &&
                 session->starts_min > clock_minute(call->world->now_ms);
    return excepted                                   ? "excepted"
           : session->standing != STANDING_UNRECORDED ? "recorded"
           : ahead                                    ? "ahead"
           : session->overlaps_jcp                    ? "jcp"
                                                      : NULL;
}

struct attended {
    struct store_entry *entries;
    size_t count;
    json_t *sessions; /* the answer's */
};

static void attended_fini(struct attended *attended)
{
    free(attended->entries);
    json_decref(attended->sessions);
}

static void attended_add(struct attended *attended, const struct roll_row *row, const char *skipped)
{
    char name[SESSION_NAME_SIZE];
    session_name_format(row->placement_ref, row->session.day, row->session.slot, name);
    (void)json_array_append_new(attended->sessions, json_pack("{s:s,s:o,s:o,s:o}", "session", name, "participant_ref",
                                                              value_text(row->participant_ref), "participant_name",
                                                              value_text(row->participant_name), "skipped",
                                                              skipped == NULL ? json_null() : json_string(skipped)));
    if (skipped != NULL) {
        return;
    }
    struct store_entry *entry = &attended->entries[attended->count++];
    *entry = (struct store_entry){ .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    session_subject(row->session.placement.bytes, row->session.day, row->session.slot, entry->subject);
    record_init(&entry->record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&entry->record, "outcome", OUTCOME_ATTENDED);
}

static enum err_code gather(const struct api_call *call, int32_t day, struct exceptions *exceptions,
                            struct attended *attended, struct error *err)
{
    SCOPED(session_list_fini) struct session_list roll = { 0 };
    TRY(query_roll(call->world->store, day, day, ATTENDED_MAX, &roll, err));
    attended->entries = calloc(roll.count + 1, sizeof(*attended->entries));
    attended->sessions = json_array();
    if (attended->entries == NULL || attended->sessions == NULL) {
        return FAIL(err, NO_MEMORY, "record a register of %zu sessions", roll.count);
    }
    for (size_t i = 0; i < roll.count; i++) {
        bool excepted = is_excepted(exceptions, &roll.rows[i]);
        attended_add(attended, &roll.rows[i], why_not(call, &roll.rows[i], excepted));
    }
    return exceptions_end(exceptions, err);
}

enum err_code api_roll_attended(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "date", "except", "dry_run", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    int32_t day = world->today;
    (void)member_day(&members, "date", false, &day);
    if (day > world->today) {
        members_reject(&members, "date", "a day that has come");
    }
    bool dry_run = member_bool(&members, "dry_run", false);
    TRY(members_end(&members));
    SCOPED(exceptions_fini) struct exceptions exceptions = { 0 };
    SCOPED(attended_fini) struct attended attended = { 0 };
    TRY(exceptions_read(call, &exceptions, err));
    TRY(gather(call, day, &exceptions, &attended, err));
    struct store_written written = { 0 };
    if (!dry_run && attended.count > 0) {
        TRY(store_write(world->store, world->actor, attended.entries, attended.count, world->now_ms, &written, err));
        call->answer->wrote = written.added > 0;
    }
    return answer_object(call->answer,
                         json_pack("{s:o,s:b,s:i,s:O}", "date", value_day(day), "dry_run", dry_run, "added",
                                   (int)(dry_run ? attended.count : written.added), "sessions", attended.sessions),
                         err);
}
