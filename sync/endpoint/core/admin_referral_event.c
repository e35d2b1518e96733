/* What became of a referral, by JCP's word: only they put in force again what they paused or took back. */
#include <string.h>

#include "store/centre/doubts.h"
#include "sync/endpoint/core/admin.h"

/* What is the organisation's to answer (acknowledged, declined, did_not_start) is not among them. */
static bool is_ours(const char *status)
{
    static const char *const ours[] = { "paused", "withdrawn", "ended_early", "completed", "accepted", "started" };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(status, ours[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code find_referral(struct admin_call *call, const struct centre_site *site,
                                   uint8_t referral[OP_ENTITY_BYTES])
{
    bool known;
    const char *ref = argument_text(call, "referral");
    if (strlen(ref) >= ROW_REF_SIZE) {
        return FAIL(call->err, INVALID, "'referral': expected at most %d bytes", ROW_REF_SIZE - 1);
    }
    entity_id(site->stream, "referral", ref, referral);
    TRY(centre_knows(call->centre->store, site, KIND_REFERRAL, referral, &known, call->err));
    return known ? ERR_OK
                 : FAIL(call->err, NOT_FOUND,
                        "'referral': the log of '%s' has no such referral; look the reference up with `log --site SITE "
                        "--kind referral`",
                        site->name);
}

enum err_code admin_referral_event(struct admin_call *call)
{
    struct centre_site site;
    struct record record;
    struct op_id last;
    struct centre_entry entry = { .kind = KIND_REFERRAL_EVENT, .record = &record };
    const char *actor = argument_text(call, "actor");
    TRY(argument_site(call, &site));
    TRY(find_referral(call, &site, entry.subject));
    if (!is_ours(argument_text(call, "status"))) {
        return FAIL(call->err, INVALID,
                    "'status': expected paused, withdrawn, ended_early or completed, or that it goes on: accepted or "
                    "started");
    }
    record_init(&record, kind_by_number(KIND_REFERRAL_EVENT));
    record_set_text(&record, "status", argument_text(call, "status"));
    record_set_number(&record, "on", argument_date(call, "on", clock_today(call->now_ms)));
    record_set_text(&record, "reason", argument_text(call, "reason"));
    record_set_text(&record, "note", argument_text(call, "note"));
    TRY(centre_write(call->centre->store, &site, call->centre->signing_key,
                     buf_slice(&call->centre->signing_certificate), actor != NULL ? actor : "jcp", &entry, 1,
                     call->now_ms, &last, call->err));
    return admin_answer(call, json_pack("{s:o,s:o,s:o,s:o}", "op", json_op_id(&last), "kind",
                                        json_kind_name(KIND_REFERRAL_EVENT), "subject",
                                        json_hex(entry.subject, OP_ENTITY_BYTES), "site", json_site(&site)));
}
