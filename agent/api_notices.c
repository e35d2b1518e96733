/* Written notices: when each was served, when it counts as received, and what it does not say. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/rules/rules.h"

#define NOTICES_LIMIT 1000

static enum err_code notice_value(const struct api_call *call, const struct notice_row *row, json_t **ret_value,
                                  struct error *err)
{
    char ref[ROW_REF_SIZE];
    TRY(query_ref(call->world->store, KIND_PLACEMENT, &row->placement, ref, err));
    *ret_value =
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b}", "id", value_id(row->id.bytes, ROW_ID_BYTES),
                  "placement", value_id_or_null(&row->placement), "placement_ref", value_text(ref), "served_on",
                  value_day(row->served_on), "received_on", value_day(row->received_on), "posted", row->posted,
                  "complete", notice_complete(row), "says_what", row->says_what, "says_when", row->says_when,
                  "says_where", row->says_where, "says_mandatory", row->says_mandatory, "says_evidence",
                  row->says_evidence, "says_consequences", row->says_consequences);
    return ERR_OK;
}

enum err_code api_notices(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    const char *ref = query_text(call, "placement");
    struct row_id placement;
    size_t limit;
    SCOPED(notice_list_fini) struct notice_list list = { 0 };
    TRY(query_number(call, "limit", NOTICES_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    if (ref != NULL) {
        TRY(query_find(store, KIND_PLACEMENT, ref, &placement, err));
    }
    TRY(query_notices(store, ref == NULL ? NULL : &placement, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "notices", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *value;
        TRY(notice_value(call, &list.rows[i], &value, err));
        TRY(answer_list_row(call->answer, value, err));
    }
    return answer_list_end(call->answer, list.more, err);
}
