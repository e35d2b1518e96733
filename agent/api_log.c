/* The log as people read it, and the two long jobs over all of it. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/log_json.h"
#include "agent/names.h"

#define LOG_LIMIT 100

/* An id, a session, or the ref of a placement, a referral or a participant. */
static enum err_code subject_find(struct store *store, const char *text, uint8_t subject[OP_SUBJECT_MAX],
                                  size_t *ret_len, struct error *err)
{
    static const uint32_t kinds[] = { KIND_PLACEMENT, KIND_REFERRAL, KIND_PARTICIPANT };
    if (hex_decode(text, subject, OP_SESSION_BYTES)) {
        *ret_len = OP_SESSION_BYTES;
        return ERR_OK;
    }
    if (hex_decode(text, subject, OP_ENTITY_BYTES)) {
        *ret_len = OP_ENTITY_BYTES;
        return ERR_OK;
    }
    struct session_name session;
    if (strchr(text, '@') != NULL) {
        TRY(session_name_find(store, text, &session, err));
        session_subject(session.placement.bytes, session.day, session.slot, subject);
        *ret_len = OP_SESSION_BYTES;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct row_id id;
        enum err_code rc = query_find(store, kinds[i], text, &id, err);
        if (rc == ERR_OK) {
            memcpy(subject, id.bytes, ROW_ID_BYTES);
            *ret_len = OP_ENTITY_BYTES;
        }
        if (rc != ERR_NOT_FOUND) {
            return rc;
        }
    }
    return FAIL(err, NOT_FOUND, "find the subject: no placement, referral or participant has this reference");
}

enum err_code api_log(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    size_t limit;
    bool quarantined;
    bool aside;
    TRY(query_number(call, "limit", LOG_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(query_switch(call, "quarantined", &quarantined, err));
    TRY(query_switch(call, "set_aside", &aside, err));
    uint8_t subject[OP_SUBJECT_MAX];
    size_t subject_len = 0;
    const char *named = query_text(call, "subject");
    if (named != NULL) {
        TRY(subject_find(store, named, subject, &subject_len, err));
    }
    SCOPED(log_list_fini) struct log_list list = { 0 };
    TRY(aside ? query_log_aside(store, limit, &list, err)
              : query_log(store, subject, subject_len, quarantined, limit, &list, err));
    SCOPED(placement_list_fini) struct placement_list placements = { 0 };
    TRY(log_placements(store, &list, &placements, err));
    TRY(answer_list_begin(call->answer, NULL, "entries", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, log_value(store, &list.rows[i], &placements), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

static enum err_code no_members(const struct api_call *call, struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(call->body, known, err);
    return members_end(&members);
}

enum err_code api_verify(struct api_call *call, struct error *err)
{
    TRY(no_members(call, err));
    int64_t began_ms = clock_monotonic_ms();
    struct store_verified verified;
    TRY(store_verify(call->world->store, &verified, err));
    return answer_object(call->answer,
                         json_pack("{s:I,s:I,s:I,s:I,s:I,s:o,s:I}", "ops", (json_int_t)verified.ops, "authors",
                                   (json_int_t)verified.authors, "signed_ops", (json_int_t)verified.signed_ops,
                                   "quarantined", (json_int_t)verified.quarantined, "receipts",
                                   (json_int_t)verified.receipts, "digest",
                                   value_id(verified.digest, sizeof(verified.digest)), "duration_ms",
                                   (json_int_t)(clock_monotonic_ms() - began_ms)),
                         err);
}

enum err_code api_rebuild(struct api_call *call, struct error *err)
{
    TRY(no_members(call, err));
    int64_t began_ms = clock_monotonic_ms();
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    TRY(store_digest(call->world->store, before, err));
    TRY(store_rebuild(call->world->store, err));
    call->answer->wrote = true; /* the rules look at everything again */
    TRY(store_digest(call->world->store, after, err));
    bool same = memcmp(before, after, sizeof(before)) == 0;
    return answer_object(call->answer,
                         json_pack("{s:o,s:o,s:b,s:I}", "digest_before", value_id(before, sizeof(before)),
                                   "digest_after", value_id(after, sizeof(after)), "same", same, "duration_ms",
                                   (json_int_t)(clock_monotonic_ms() - began_ms)),
                         err);
}
