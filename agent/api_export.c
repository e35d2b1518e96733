/* Records out: rows of text under column names; export_sink writes them as CSV, JSON or XLSX. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/export_records.h"
#include "agent/log_json.h"
#include "agent/names.h"
#include "agent/sight.h"

#define ROLL_WINDOW_DAYS 31 /* read at a time, so that a long register never stands in memory as rows */

/* ---- kinds ---- */

#define OP_CELL_SIZE (2 * DEVICE_ID_BYTES + 36)

static const char *op_cell(const struct op_id *op, char out[OP_CELL_SIZE])
{
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(op->device, DEVICE_ID_BYTES, device);
    (void)snprintf(out, OP_CELL_SIZE, "%s/%" PRIu32 "/%" PRIu64, device, op->incarnation, op->seq);
    return out;
}

static enum err_code referral_row_out(void *context, const void *referral, struct error *err)
{
    const struct referral_row *row = referral;
    char received[DATE_TEXT_SIZE];
    char status[DATE_TEXT_SIZE];
    char hours[EXPORT_NUMBER_SIZE];
    const char *const cells[] = { row->ref,
                                  row->participant_ref,
                                  sight_name(row->participant_name),
                                  row->route,
                                  basis_name(row->basis),
                                  export_day(row->received_on, received),
                                  row->source,
                                  export_hours(row->weekly_minutes, hours),
                                  row->status,
                                  export_day(row->status_on, status),
                                  sight_text(KIND_REFERRAL, "note", slice_of(row->id.bytes, ROW_ID_BYTES), row->note) };
    return export_row(context, cells, err);
}

static enum err_code export_referrals(struct export *export, struct error *err)
{
    static const struct export_column columns[] = {
        { "ref", CELL_TEXT },    { "participant", CELL_TEXT }, { "name", CELL_TEXT }, { "route", CELL_CODE },
        { "basis", CELL_CODE },  { "received_on", CELL_DAY },  { "from", CELL_TEXT }, { "hours", CELL_HOURS },
        { "status", CELL_CODE }, { "status_on", CELL_DAY },    { "note", CELL_TEXT }
    };
    TRY(export_begin(export, columns, ARRAY_LEN(columns), err));
    TRY(query_referrals_each(export->call->world->store, referral_row_out, export, err));
    return export_end(export, err);
}

static enum err_code placement_row_out(void *context, const void *placement, struct error *err)
{
    struct export *export = context;
    const struct placement_row *row = placement;
    char referral[ROW_REF_SIZE];
    char starts[DATE_TEXT_SIZE];
    char ends[DATE_TEXT_SIZE];
    char hours[EXPORT_NUMBER_SIZE];
    TRY(query_ref(export->call->world->store, KIND_REFERRAL, &row->referral, referral, err));
    const char *const cells[] = { row->ref,
                                  row->participant_ref,
                                  sight_name(row->participant_name),
                                  referral,
                                  basis_name(row->basis),
                                  sight_place("host", &row->id, row->host),
                                  sight_place("role", &row->id, row->role),
                                  export_day(row->starts_on, starts),
                                  export_day(row->ends_on, ends),
                                  row->pattern,
                                  export_hours(row->weekly_minutes, hours),
                                  calendar_name(row->calendar),
                                  sight_text(KIND_PLACEMENT, "note", slice_of(row->id.bytes, ROW_ID_BYTES),
                                             row->note) };
    return export_row(export, cells, err);
}

static enum err_code export_placements(struct export *export, struct error *err)
{
    static const struct export_column columns[] = {
        { "ref", CELL_TEXT },    { "participant", CELL_TEXT }, { "name", CELL_TEXT },   { "referral", CELL_TEXT },
        { "basis", CELL_CODE },  { "host", CELL_TEXT },        { "role", CELL_TEXT },   { "starts_on", CELL_DAY },
        { "ends_on", CELL_DAY }, { "pattern", CELL_TEXT },     { "hours", CELL_HOURS }, { "calendar", CELL_CODE },
        { "note", CELL_TEXT }
    };
    TRY(export_begin(export, columns, ARRAY_LEN(columns), err));
    TRY(query_placements_each(export->call->world->store, placement_row_out, export, err));
    return export_end(export, err);
}

static enum err_code register_row(struct export *export, const struct roll_row *row, struct error *err)
{
    char day[DATE_TEXT_SIZE];
    char slot[EXPORT_NUMBER_SIZE];
    char minutes[EXPORT_NUMBER_SIZE];
    const struct session_row *session = &row->session;
    const char *const cells[] = { row->placement_ref,
                                  export_day(session->day, day),
                                  export_number(session->slot + 1, slot),
                                  outcome_name(session->outcome),
                                  export_number(session->minutes, minutes),
                                  sight_attendance("reason", &session->placement, session->day, session->slot,
                                                   session->reason),
                                  standing_name(session->standing) };
    return export_row(export, cells, err);
}

static enum err_code register_window(struct export *export, int32_t from, int32_t to, struct error *err)
{
    SCOPED(session_list_fini) struct session_list list = { 0 };
    TRY(query_roll(export->call->world->store, from, to, QUERY_LIMIT_MAX, &list, err));
    TRY(export_whole(list.more, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct session_row *session = &list.rows[i].session;
        if (session->heads > 0 && !session_erased(session)) {
            TRY(register_row(export, &list.rows[i], err));
        }
    }
    return ERR_OK;
}

static enum err_code earlier_start(void *context, const void *placement, struct error *err)
{
    int32_t *first = context;
    const struct placement_row *row = placement;
    (void)err;
    if (row->starts_on != ROW_NONE && row->starts_on < *first) {
        *first = row->starts_on;
    }
    return ERR_OK;
}

/* From the first placement's start, unless told otherwise. */
static enum err_code register_begins(const struct api_call *call, int32_t *ret_day, struct error *err)
{
    int32_t first = call->world->today;
    TRY(query_placements_each(call->world->store, earlier_start, &first, err));
    return query_day(call, "from", first - ROLL_WINDOW_DAYS, ret_day, err);
}

/* What was recorded and is not erased, in the columns that import takes. */
static enum err_code export_register(struct export *export, struct error *err)
{
    static const struct export_column columns[] = { { "placement", CELL_TEXT }, { "date", CELL_DAY },
                                                    { "slot", CELL_NUMBER },    { "outcome", CELL_CODE },
                                                    { "minutes", CELL_SUM },    { "reason", CELL_CODE },
                                                    { "standing", CELL_CODE } };
    int32_t from;
    int32_t to;
    TRY(register_begins(export->call, &from, err));
    TRY(query_day(export->call, "to", export->call->world->today, &to, err));
    TRY(export_begin(export, columns, ARRAY_LEN(columns), err));
    for (int32_t day = from; day <= to; day += ROLL_WINDOW_DAYS) {
        int32_t last = to - day < ROLL_WINDOW_DAYS ? to : day + ROLL_WINDOW_DAYS - 1;
        TRY(register_window(export, day, last, err));
    }
    return export_end(export, err);
}

/* In hexadecimal digits, as the log has it, where its placement is not known: erased, or still to come. */
static void session_cell(const struct attendance_row *row, char out[SESSION_NAME_SIZE])
{
    uint8_t subject[OP_SESSION_BYTES];
    if (row->placement_ref[0] != '\0') {
        session_name_format(row->placement_ref, row->day, row->slot, out);
        return;
    }
    session_subject(row->placement.bytes, row->day, row->slot, subject);
    hex_encode(subject, sizeof(subject), out);
}

static enum err_code attendance_row_out(void *context, const void *assertion, struct error *err)
{
    const struct attendance_row *row = assertion;
    char session[SESSION_NAME_SIZE];
    char minutes[EXPORT_NUMBER_SIZE];
    char recorded[INSTANT_TEXT_SIZE];
    char happened[INSTANT_TEXT_SIZE];
    char received[INSTANT_TEXT_SIZE];
    char op[OP_CELL_SIZE];
    session_cell(row, session);
    const char *const cells[] = { session,
                                  row->outcome == OUTCOME_NONE ? "erased" : outcome_name(row->outcome),
                                  export_number(row->minutes, minutes),
                                  sight_attendance("reason", &row->placement, row->day, row->slot, row->reason),
                                  sight_attendance("note", &row->placement, row->day, row->slot, row->note),
                                  row->actor,
                                  row->head ? "yes" : "no",
                                  export_instant(row->recorded_at_ms, recorded),
                                  export_instant(row->happened_at_ms, happened),
                                  export_instant(row->received_at_ms, received),
                                  op_cell(&row->op, op) };
    return export_row(context, cells, err);
}

static enum err_code export_attendance(struct export *export, struct error *err)
{
    static const struct export_column columns[] = { { "session", CELL_TEXT },     { "outcome", CELL_CODE },
                                                    { "minutes", CELL_SUM },      { "reason", CELL_CODE },
                                                    { "note", CELL_TEXT },        { "actor", CELL_TEXT },
                                                    { "head", CELL_CODE },        { "recorded_at", CELL_TEXT },
                                                    { "happened_at", CELL_TEXT }, { "received_at", CELL_TEXT },
                                                    { "op", CELL_TEXT } };
    TRY(export_begin(export, columns, ARRAY_LEN(columns), err));
    TRY(query_attendance_each(export->call->world->store, attendance_row_out, export, err));
    return export_end(export, err);
}

static enum err_code flag_row_out(void *context, const void *state, struct error *err)
{
    const struct flag_state *row = state;
    const struct flag_row *flag = &row->flag;
    char id[FLAG_ID_SIZE];
    char since[DATE_TEXT_SIZE];
    char raised[INSTANT_TEXT_SIZE];
    char cleared[INSTANT_TEXT_SIZE];
    char reviewed[INSTANT_TEXT_SIZE];
    char again[DATE_TEXT_SIZE];
    if (flag_of_volunteers(flag->key)) {
        return ERR_OK; /* that it is there says of whom it is that they may be a volunteer */
    }
    flag_id(flag->key, id);
    const char *const cells[] = { id,
                                  flag->code,
                                  severity_name(flag->severity),
                                  flag_subject_name(flag->subject),
                                  flag->subject_ref,
                                  export_day(flag->since, since),
                                  flag->facts,
                                  flag->next_step,
                                  flag->rule,
                                  export_instant(row->raised_at_ms, raised),
                                  export_instant(row->cleared_at_ms, cleared),
                                  row->reviewed.outcome,
                                  row->reviewed.by,
                                  export_instant(row->reviewed.at_ms, reviewed),
                                  export_day(row->reviewed.look_again_on, again) };
    return export_row(context, cells, err);
}

static enum err_code export_flags(struct export *export, struct error *err)
{
    static const struct export_column columns[] = {
        { "id", CELL_TEXT },          { "code", CELL_CODE },        { "severity", CELL_CODE },
        { "subject", CELL_CODE },     { "subject_ref", CELL_TEXT }, { "since", CELL_DAY },
        { "facts", CELL_TEXT },       { "next_step", CELL_TEXT },   { "rule", CELL_TEXT },
        { "raised_at", CELL_TEXT },   { "cleared_at", CELL_TEXT },  { "reviewed", CELL_CODE },
        { "reviewed_by", CELL_TEXT }, { "reviewed_at", CELL_TEXT }, { "look_again_on", CELL_DAY }
    };
    TRY(export_begin(export, columns, ARRAY_LEN(columns), err));
    TRY(query_flags_each(export->call->world->store, flag_row_out, export, err));
    return export_end(export, err);
}

/* A session by its name where its placement is known here; else in hexadecimal digits. */
static enum err_code subject_cell(struct store *store, const struct log_row *row, char out[SESSION_NAME_SIZE],
                                  struct error *err)
{
    char ref[ROW_REF_SIZE] = "";
    if (row->subject_len == OP_SESSION_BYTES) {
        struct row_id placement;
        memcpy(placement.bytes, row->subject, ROW_ID_BYTES);
        TRY(query_ref(store, KIND_PLACEMENT, &placement, ref, err));
    }
    if (ref[0] == '\0') {
        hex_encode(row->subject, row->subject_len, out);
        return ERR_OK;
    }
    int32_t day;
    int slot;
    session_of_subject(row->subject, &day, &slot);
    session_name_format(ref, day, slot, out);
    return ERR_OK;
}

static enum err_code log_row_out(void *context, const void *entry, struct error *err)
{
    struct export *export = context;
    const struct log_row *row = entry;
    char op[OP_CELL_SIZE];
    char same_as[OP_CELL_SIZE];
    char subject[SESSION_NAME_SIZE];
    char recorded[INSTANT_TEXT_SIZE];
    char happened[INSTANT_TEXT_SIZE];
    char received[INSTANT_TEXT_SIZE];
    TRY(subject_cell(export->call->world->store, row, subject, err));
    json_t *fields = log_fields_value(row);
    SCOPED(scoped_free) char *body = fields != NULL ? json_dumps(fields, JSON_COMPACT) : NULL;
    json_decref(fields);
    if (body == NULL) {
        return FAIL(err, NO_MEMORY, "export the log: out of memory");
    }
    const char *const cells[] = { op_cell(&row->op, op),
                                  row->kind_name,
                                  subject,
                                  row->actor,
                                  export_instant(row->recorded_at_ms, recorded),
                                  export_instant(row->happened_at_ms, happened),
                                  export_instant(row->received_at_ms, received),
                                  row->acknowledged ? "yes" : "no",
                                  row->quarantine,
                                  row->repeats ? op_cell(&row->same_as, same_as) : "",
                                  body };
    return export_row(export, cells, err);
}

static enum err_code export_log(struct export *export, struct error *err)
{
    static const struct export_column columns[] = { { "op", CELL_TEXT },          { "kind", CELL_CODE },
                                                    { "subject", CELL_CODE },     { "actor", CELL_TEXT },
                                                    { "recorded_at", CELL_TEXT }, { "happened_at", CELL_TEXT },
                                                    { "received_at", CELL_TEXT }, { "acknowledged", CELL_CODE },
                                                    { "quarantine", CELL_TEXT },  { "same_as", CELL_TEXT },
                                                    { "fields", CELL_TEXT } };
    TRY(export_begin(export, columns, ARRAY_LEN(columns), err));
    TRY(query_log_each(export->call->world->store, log_row_out, export, err));
    return export_end(export, err);
}

static const struct {
    const char *name;
    enum err_code (*write)(struct export *export, struct error *err);
} exports[] = {
    { "referrals", export_referrals },   { "placements", export_placements }, { "register", export_register },
    { "attendance", export_attendance }, { "flags", export_flags },           { "log", export_log },
};

static enum err_code export_kind(struct export *export, const char *name, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(exports); i++) {
        if (strcmp(exports[i].name, name) == 0) {
            return exports[i].write(export, err);
        }
    }
    const struct kind *kind = kind_by_name(name);
    if (kind == NULL) {
        return FAIL(err, NOT_FOUND,
                    "export: expected referrals, placements, register, attendance, flags, log or a kind of record");
    }
    return kind->number == KIND_COMPLIANCE_DOUBT ? export_doubts(export, err)
           : query_has_records(kind)             ? export_records(export, kind, err)
                                                 : export_events(export, kind, err);
}

enum err_code api_export(struct api_call *call, struct error *err)
{
    struct export export = { .call = call };
    TRY(export_format_parse(query_text(call, "format"), &export.format, err));
    enum err_code rc = export_kind(&export, call->tail, err);
    export_fini(&export);
    return rc;
}
