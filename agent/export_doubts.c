/* Compliance doubts out: what was said of each, where it stands, and what became of it. */
#include <string.h>

#include "agent/export_records.h"
#include "agent/names.h"
#include "agent/sight.h"
#include "store/doubts.h"

static const struct export_column columns[] = {
    { "id", CELL_TEXT },
    { "session", CELL_TEXT },
    { "participant", CELL_TEXT },
    { "reviewer", CELL_TEXT },
    { "status", CELL_CODE },
    { "wants", CELL_TEXT },
    { "status_on", CELL_DAY },
    { "status_by", CELL_TEXT },
    { "status_reason", CELL_CODE },
    { "received_on", CELL_DAY },
    { "decision", CELL_CODE },
    { "weeks", CELL_NUMBER },
    { "exposure_weeks", CELL_NUMBER },
    { "earlier_decision", CELL_TEXT },
    { "review", CELL_TEXT },
    { "notice", CELL_TEXT },
    { "answers", CELL_TEXT },
    { "evidence", CELL_TEXT },
    { "programme", CELL_TEXT },
    { "programme_version", CELL_NUMBER },
    { "programme_sha256", CELL_TEXT },
    { "note", CELL_TEXT },
    { "said_by", CELL_TEXT },
    { "said_at", CELL_TEXT },
};

static const char *id_cell(const struct row_id *id, char out[DOUBT_ID_SIZE])
{
    static const struct row_id none;
    if (memcmp(id, &none, sizeof(none)) == 0) {
        return "";
    }
    hex_encode(id->bytes, ROW_ID_BYTES, out);
    return out;
}

static const char *secret(const struct doubt_row *row, const char *field, const char *text)
{
    return sight_text(KIND_COMPLIANCE_DOUBT, field, slice_of(row->id.bytes, ROW_ID_BYTES), text);
}

static enum err_code doubt_out(void *context, const void *doubt, struct error *err)
{
    const struct doubt_row *row = doubt;
    char ids[4][DOUBT_ID_SIZE];
    char numbers[3][EXPORT_NUMBER_SIZE];
    char days[2][DATE_TEXT_SIZE];
    char said_at[INSTANT_TEXT_SIZE];
    char session[SESSION_NAME_SIZE];
    session_name_format(row->placement_ref, row->day, row->slot, session);
    const char *const cells[] = { id_cell(&row->id, ids[0]),
                                  session,
                                  row->participant_ref,
                                  row->reviewer,
                                  row->status,
                                  row->wants,
                                  export_day(row->status_on, days[0]),
                                  row->status_by,
                                  row->status_reason,
                                  export_day(row->received_on, days[1]),
                                  row->outcome,
                                  export_number(row->weeks, numbers[0]),
                                  export_number(row->exposure_weeks, numbers[1]),
                                  id_cell(&row->earlier_decision, ids[1]),
                                  id_cell(&row->review, ids[2]),
                                  id_cell(&row->notice, ids[3]),
                                  secret(row, "answers", row->answers),
                                  row->evidence,
                                  row->programme,
                                  export_number(row->programme_version, numbers[2]),
                                  row->programme_sha256,
                                  secret(row, "note", row->note),
                                  row->said_by,
                                  export_instant(row->said_at_ms, said_at) };
    _Static_assert(ARRAY_LEN(cells) == ARRAY_LEN(columns), "a cell for each column");
    return export_row(context, cells, err);
}

enum err_code export_doubts(struct export *export, struct error *err)
{
    TRY(export_begin(export, columns, ARRAY_LEN(columns), err));
    TRY(query_doubts_each(export->call->world->store, doubt_out, export, err));
    return export_end(export, err);
}
