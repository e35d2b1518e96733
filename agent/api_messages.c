/* Messages to and from JCP. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/sight.h"

#define MESSAGES_LIMIT 200
#define ID_DIGITS (2 * ROW_ID_BYTES)
#define PREFIX_DIGITS_MIN 4

static json_t *message_value(const struct message_row *row)
{
    return json_pack("{s:o,s:o,s:o,s:s,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "id", value_id(row->id.bytes, ROW_ID_BYTES),
                     "body",
                     value_text(sight_text(KIND_MESSAGE, "body", slice_of(row->id.bytes, ROW_ID_BYTES), row->body)),
                     "sent_on", value_day(row->sent_on), "from", row->from_centre ? "jcp" : "organisation", "unread",
                     row->unread, "by", value_text(row->said_by), "at", value_instant(row->said_at_ms),
                     "participant_ref", value_text(row->participant_ref), "referral_ref", value_text(row->referral_ref),
                     "reply_to", value_id_or_null(&row->reply_to), "about", value_text(row->about));
}

enum err_code api_messages(struct api_call *call, struct error *err)
{
    size_t limit;
    bool unread;
    SCOPED(message_list_fini) struct message_list list = { 0 };
    TRY(query_number(call, "limit", MESSAGES_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(query_switch(call, "unread", &unread, err));
    TRY(query_messages(call->world->store, unread, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "messages", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, message_value(&list.rows[i]), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* By the beginning of its id that no other has. */
static enum err_code message_find(struct store *store, const char *prefix, struct message_row *ret_row,
                                  struct error *err)
{
    size_t len = strlen(prefix);
    const struct message_row *found = NULL;
    SCOPED(message_list_fini) struct message_list list = { 0 };
    if (len < PREFIX_DIGITS_MIN || len > ID_DIGITS || strspn(prefix, "0123456789abcdef") != len) {
        return FAIL(err, INVALID, "find the message: expected its id, or %d or more of its first digits",
                    PREFIX_DIGITS_MIN);
    }
    TRY(query_messages(store, false, QUERY_LIMIT_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        char id[ID_DIGITS + 1];
        hex_encode(list.rows[i].id.bytes, ROW_ID_BYTES, id);
        if (strncmp(id, prefix, len) != 0) {
            continue;
        }
        if (found != NULL) {
            return FAIL(err, CONFLICT, "find the message: several begin so; give more digits");
        }
        found = &list.rows[i];
    }
    if (found == NULL) {
        return FAIL(err, NOT_FOUND, "find the message: none begins so");
    }
    *ret_row = *found;
    return ERR_OK;
}

enum err_code api_message(struct api_call *call, struct error *err)
{
    struct message_row row;
    TRY(message_find(call->world->store, call->tail, &row, err));
    return answer_object(call->answer, json_pack("{s:o}", "message", message_value(&row)), err);
}

enum err_code api_messages_seen(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "id", "all", NULL };
    struct members members = members_begin(call->body, known, err);
    const char *id = member_text(&members, "id", ID_DIGITS, false);
    bool all = member_bool(&members, "all", false);
    struct message_row row;
    uint64_t unread;
    TRY(members_end(&members));
    if (all == (id != NULL)) {
        return FAIL(err, INVALID, "mark messages as read: expected either 'id' or 'all'");
    }
    if (id != NULL) {
        TRY(message_find(call->world->store, id, &row, err));
    }
    TRY(store_message_seen(call->world->store, id != NULL ? &row.id : NULL, err));
    TRY(query_messages_unread(call->world->store, &unread, err));
    return answer_object(call->answer, json_pack("{s:I}", "unread", (json_int_t)unread), err);
}

struct sending {
    struct row_id participant;
    struct row_id referral;
    struct message_row replied;
};

static enum err_code links_find(struct store *store, const char *participant, const char *referral,
                                const char *reply_to, struct sending *sending, struct error *err)
{
    if (participant != NULL) {
        TRY(query_find(store, KIND_PARTICIPANT, participant, &sending->participant, err));
    }
    if (referral != NULL) {
        TRY(query_find(store, KIND_REFERRAL, referral, &sending->referral, err));
    }
    return reply_to != NULL ? message_find(store, reply_to, &sending->replied, err) : ERR_OK;
}

enum err_code api_message_send(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "body", "participant", "referral", "reply_to", "about", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *body = member_text(&members, "body", ROW_NOTE_SIZE - 1, true);
    const char *participant = member_text(&members, "participant", ROW_REF_SIZE - 1, false);
    const char *referral = member_text(&members, "referral", ROW_REF_SIZE - 1, false);
    const char *reply_to = member_text(&members, "reply_to", ID_DIGITS, false);
    const char *about = member_text(&members, "about", ROW_CODE_SIZE - 1, false);
    struct sending sending = { 0 };
    TRY(members_end(&members));
    if (world->stream == NULL) {
        return FAIL(err, NOT_ENROLLED, "send a message: this device is not enrolled yet");
    }
    TRY(links_find(world->store, participant, referral, reply_to, &sending, err));
    struct store_entry entry = { .kind = KIND_MESSAGE, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_MESSAGE));
    record_set_text(&entry.record, "body", body);
    record_set_number(&entry.record, "sent_on", world->today);
    record_set_text(&entry.record, "about", about);
    if (participant != NULL) {
        record_set_id(&entry.record, "participant", sending.participant.bytes);
    }
    if (referral != NULL) {
        record_set_id(&entry.record, "referral", sending.referral.bytes);
    }
    if (reply_to != NULL) {
        record_set_id(&entry.record, "reply_to", sending.replied.id.bytes);
    }
    TRY(random_bytes(entry.subject, OP_ENTITY_BYTES, err));
    message_id(entry.subject, WRITER_ORGANISATION);
    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = true;
    return answer_object(
        call->answer,
        json_pack("{s:o,s:o}", "id", value_id(entry.subject, OP_ENTITY_BYTES), "op", value_op(&written.last)), err);
}
