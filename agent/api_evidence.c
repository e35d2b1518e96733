/* What proves the records of one session or one person, page by page: the command line makes a pack of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/log_json.h"
#include "agent/names.h"
#include "store/evidence.h"

enum { RECORDS_LIMIT = 100, RECORDS_LIMIT_MAX = 500, HEADERS_LIMIT = 1000, HEADERS_LIMIT_MAX = 2000 };

/* A session by its name, or a person by ref or id. */
static enum err_code subject_read(struct store *store, const char *text, struct evidence_subject *ret_subject,
                                  struct error *err)
{
    struct evidence_subject subject = { .session = strchr(text, '@') != NULL, .rules = true };
    if (!subject.session) {
        enum err_code rc = query_find(store, KIND_PARTICIPANT, text, &subject.participant, err);
        if (rc == ERR_NOT_FOUND && query_find(store, KIND_PLACEMENT, text, &subject.placement, NULL) == ERR_OK) {
            return FAIL(err, NOT_FOUND, "find the person: this is a placement; name the person in it, or a session");
        }
        TRY(rc);
        *ret_subject = subject;
        return ERR_OK;
    }
    struct session_name name;
    struct roll_row unused;
    TRY(session_name_find(store, text, &name, err));
    TRY(query_roll_session(store, &name.placement, name.day, name.slot, &unused, err));
    TRY(evidence_person_of(store, &name.placement, &subject.participant, err));
    subject.placement = name.placement;
    subject.day = name.day;
    subject.slot = name.slot;
    *ret_subject = subject;
    return ERR_OK;
}

/* ---- begin ---- */

static json_t *authorities_value(struct slice ca)
{
    json_t *list = json_array();
    while (list != NULL && ca.len > 0) {
        struct slice one;
        if (certificate_take(&ca, &one, NULL) != ERR_OK || json_array_append_new(list, value_pem(one)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *about_value(const struct evidence_subject *subject, const char *name, const struct api_call *call,
                           const struct evidence_about *about, const struct store_identity *identity,
                           json_t *checkpoint, json_t *rules)
{
    return json_pack("{s:{s:s,s:s},s:{s:o,s:s,s:o},s:{s:s,s:o,s:o},s:o,s:s,s:o,s:o,s:o,s:o}", "about", "kind",
                     subject->session ? "session" : "participant", "name", name, "participant", "id",
                     value_id(subject->participant.bytes, ROW_ID_BYTES), "ref", about->participant_ref, "name",
                     value_text(about->participant_name), "site", "name", identity->site_name, "stream",
                     value_id(identity->stream, STREAM_ID_BYTES), "organisation",
                     value_id(identity->organisation, ORGANISATION_ID_BYTES), "device",
                     value_id(identity->device, DEVICE_ID_BYTES), "made_by", call->world->actor, "made_at",
                     value_instant(call->world->now_ms), "authorities", authorities_value(buf_slice(&identity->ca)),
                     "checkpoint", checkpoint, "rules", rules);
}

enum err_code api_evidence(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "subject", NULL };
    struct members members = members_begin(call->body, known, err);
    const char *name = member_text(&members, "subject", SESSION_NAME_SIZE - 1, true);
    TRY(members_end(&members));
    struct evidence_subject subject;
    struct evidence_about about;
    TRY(subject_read(call->world->store, name, &subject, err));
    TRY(evidence_begin(call->world->store, &subject, &about, err));
    SCOPED(store_verified_checkpoint_fini) struct store_verified_checkpoint held = { 0 };
    struct store_identity identity;
    json_t *rules;
    TRY(store_checkpoint_read(call->world->store, &held, err));
    TRY(packs_all(call->world->store, &rules, err));
    enum err_code rc = store_identity_read(call->world->store, &identity, err);
    if (rc != ERR_OK) {
        json_decref(rules);
        return rc;
    }
    rc = answer_object(
        call->answer,
        about_value(&subject, name, call, &about, &identity, checkpoint_value(&held, identity.stream), rules), err);
    store_identity_fini(&identity);
    return rc;
}

/* ---- numbers in arguments ---- */

static enum err_code argument_big(const struct api_call *call, const char *name, uint64_t otherwise, uint64_t max,
                                  uint64_t *ret_value, struct error *err)
{
    const char *text = query_text(call, name);
    uint64_t value = 0;
    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (digit > 9 || value > (max - digit) / 10) {
            return FAIL(err, INVALID, "read argument '%s': expected a number up to %" PRIu64, name, max);
        }
        value = value * 10 + digit;
    }
    *ret_value = text == NULL || text[0] == '\0' ? otherwise : value;
    return ERR_OK;
}

/* An op: its device and incarnation, and its number under the name of `seq`. */
static enum err_code argument_op(const struct api_call *call, const char *seq, struct op_id *ret_op, struct error *err)
{
    struct op_id op;
    uint64_t incarnation;
    const char *device = query_text(call, "device");
    if (device == NULL || !hex_decode(device, op.device, DEVICE_ID_BYTES)) {
        return FAIL(err, INVALID, "read argument 'device': expected %d hexadecimal digits", 2 * DEVICE_ID_BYTES);
    }
    TRY(argument_big(call, "incarnation", 0, UINT32_MAX, &incarnation, err));
    TRY(argument_big(call, seq, 0, OP_SEQ_MAX, &op.seq, err));
    op.incarnation = (uint32_t)incarnation;
    *ret_op = op;
    return ERR_OK;
}

/* ---- records ---- */

static json_t *supersedes_value(const struct evidence_record *record)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < record->supersedes_count; i++) {
        if (json_array_append_new(list, value_op(&record->supersedes[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* The session that an attendance is about, as it stands now. */
static json_t *session_of(const struct api_call *call, const struct log_row *row)
{
    struct row_id placement;
    struct roll_row roll;
    int32_t day;
    int slot;
    if (row->subject_len != OP_SESSION_BYTES) {
        return json_null();
    }
    memcpy(placement.bytes, row->subject, ROW_ID_BYTES);
    session_of_subject(row->subject, &day, &slot);
    return query_roll_session(call->world->store, &placement, day, slot, &roll, NULL) == ERR_OK ? session_value(&roll)
                                                                                                : json_null();
}

static json_t *proof_value(const struct evidence_record *record)
{
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, MERKLE_PROOF_MAX * MERKLE_HASH_BYTES);
    if (record->position == 0) {
        return json_null();
    }
    return merkle_proof_encode(&record->proof, &bytes, NULL) == ERR_OK ? value_base64(buf_slice(&bytes)) : NULL;
}

static json_t *record_value_of(const struct api_call *call, const struct evidence_record *record)
{
    const struct log_row *row = &record->row;
    bool erased = row->erased;
    char place[24];
    (void)snprintf(place, sizeof(place), "%" PRId64, record->place);
    json_t *value =
        json_pack("{s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:I,s:b,s:b,s:b,s:o,s:o}", "place", place, "op", value_op(&row->op),
                  "kind", row->kind_name, "subject", value_id(row->subject, row->subject_len), "actor",
                  value_text(row->actor), "recorded_at", value_instant(row->recorded_at_ms), "happened_at",
                  value_instant(row->happened_at_ms), "received_at", value_instant(row->received_at_ms),
                  "clock_offset_ms", (json_int_t)record->offset_ms, "own", row->own, "acknowledged", row->acknowledged,
                  "erased", erased, "quarantine", value_text(row->quarantine), "fields", log_fields_value(row));
    json_t *more = json_pack(
        "{s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "supersedes", supersedes_value(record), "same_as",
        row->repeats ? value_op(&row->same_as) : json_null(), "session", session_of(call, row), "head", record->head,
        "deemed_received_on", value_day(record->deemed_on), "header", value_base64(record->header), "body",
        erased ? json_null() : value_base64(row->body), "salt",
        erased ? json_null() : value_base64(slice_of(record->salt, OP_SALT_BYTES)), "signed_seq",
        record->signed_seq == 0 ? json_null() : json_integer((json_int_t)record->signed_seq), "receipt_seq",
        record->receipt_seq == 0 ? json_null() : json_integer((json_int_t)record->receipt_seq), "acknowledged_at",
        value_instant(record->acknowledged_at_ms), "position",
        record->position == 0 ? json_null() : json_integer((json_int_t)record->position), "proof", proof_value(record));
    if (value == NULL || more == NULL || json_object_update(value, more) != 0) {
        json_decref(value);
        value = NULL;
    }
    json_decref(more);
    return value;
}

enum err_code api_evidence_records(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    struct evidence_subject subject;
    uint64_t after;
    uint64_t size;
    size_t limit;
    const char *name = query_text(call, "subject");
    if (name == NULL) {
        return FAIL(err, INVALID, "read argument 'subject': expected a session or a person");
    }
    TRY(argument_big(call, "after", 0, INT64_MAX, &after, err));
    TRY(argument_big(call, "size", 0, MERKLE_SIZE_MAX, &size, err));
    TRY(query_number(call, "limit", RECORDS_LIMIT, RECORDS_LIMIT_MAX, &limit, err));
    TRY(subject_read(store, name, &subject, err));
    SCOPED(evidence_list_fini) struct evidence_list list = { 0 };
    TRY(evidence_records(store, &subject, (int64_t)after, limit, &list, err));
    if (size > 0) {
        enum err_code rc = evidence_prove(store, size, &list, err);
        if (rc != ERR_OK &&
            rc != ERR_NOT_FOUND) { /* read again just now: what is not placed yet is not confirmed yet */
            return rc;
        }
    }
    TRY(answer_list_begin(call->answer, NULL, "records", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, record_value_of(call, &list.records[i]), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* ---- chains ---- */

enum err_code api_evidence_chain(struct api_call *call, struct error *err)
{
    struct op_id first;
    uint64_t to;
    size_t limit;
    TRY(argument_op(call, "from", &first, err));
    TRY(argument_big(call, "to", 0, OP_SEQ_MAX, &to, err));
    TRY(query_number(call, "limit", HEADERS_LIMIT, HEADERS_LIMIT_MAX, &limit, err));
    SCOPED(evidence_chain_fini) struct evidence_chain chain = { 0 };
    TRY(evidence_chain(call->world->store, &first, to, limit, &chain, err));
    json_t *head =
        json_pack("{s:o,s:o,s:o}", "before", value_base64(slice_of(chain.before, sizeof(chain.before))), "signature",
                  chain.signature_len > 0 ? value_base64(slice_of(chain.signature, chain.signature_len)) : json_null(),
                  "certificate", value_pem(buf_slice(&chain.certificate)));
    TRY(answer_list_begin(call->answer, head, "headers", err));
    for (size_t i = 0; i < chain.count; i++) {
        json_t *row =
            json_pack("{s:I,s:o}", "seq", (json_int_t)(first.seq + i), "header", value_base64(chain.headers[i]));
        TRY(answer_list_row(call->answer, row, err));
    }
    return answer_list_end(call->answer, chain.more, err);
}

/* ---- receipts ---- */

enum err_code api_evidence_receipt(struct api_call *call, struct error *err)
{
    enum { CONTEXT = sizeof(OP_RECEIPT_CONTEXT) };
    uint8_t content[CONTEXT + OP_RECEIPT_MESSAGE_BYTES] = OP_RECEIPT_CONTEXT;
    struct op_id acked;
    TRY(argument_op(call, "seq", &acked, err));
    SCOPED(evidence_receipt_fini) struct evidence_receipt receipt = { 0 };
    TRY(evidence_receipt(call->world->store, &acked, &receipt, err));
    memcpy(content + CONTEXT, receipt.message, sizeof(receipt.message));
    json_t *answer = json_pack("{s:o,s:o,s:o}", "signed", value_base64(slice_of(content, sizeof(content))), "signature",
                               value_base64(slice_of(receipt.signature, receipt.signature_len)), "certificate",
                               value_pem(buf_slice(&receipt.certificate)));
    return answer_object(call->answer, answer, err);
}
