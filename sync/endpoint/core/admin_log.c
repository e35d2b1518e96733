/*
 * Looking: the log decoded, incidents, the proof, and the checkpoint that others compare.
 */
#include <string.h>

#include "sync/endpoint/core/admin.h"

#define LOG_LIMIT_DEFAULT 100
#define LOG_LIMIT_MAX 100000
#define INCIDENTS_MAX 1000

static json_t *json_session(const struct op *op)
{
    int32_t day;
    int slot;
    char date[DATE_TEXT_SIZE];
    if (op->subject_len != OP_SESSION_BYTES) {
        return json_null();
    }
    session_of_subject(op->subject, &day, &slot);
    if (day < date_from_civil(1900, 1, 1) || day > date_from_civil(2200, 12, 31)) {
        return json_null();
    }
    date_format(day, date);
    return json_pack("{s:o, s:s, s:i}", "placement", json_hex(op->subject, OP_ENTITY_BYTES), "date", date, "slot",
                     slot + 1);
}

static json_t *json_supersedes(const struct op *op)
{
    json_t *list = json_array();
    for (size_t i = 0; i < op->supersedes_count; i++) {
        (void)json_array_append_new(list, json_op_id(&op->supersedes[i]));
    }
    return list;
}

static json_t *json_log_row(const struct centre_log_row *row)
{
    const struct op *op = row->op;
    int64_t happened = op->happened_at_ms != OP_TIME_NONE ? op->happened_at_ms : op->recorded_at_ms;
    return json_pack("{s:s, s:I, s:o, s:o, s:s, s:o, s:o, s:s%, s:o, s:o, s:o, s:o, s:b, s:s?, s:o}", "site",
                     row->site->name, "position", (json_int_t)row->position, "op", json_op_id(&op->id), "kind",
                     json_kind_name(op->kind), "writer", row->writer == WRITER_CENTRE ? "centre" : "organisation",
                     "subject", json_hex(op->subject, op->subject_len), "session", json_session(op), "actor",
                     op->actor.len > 0 ? (const char *)op->actor.data : "", op->actor.len, "recorded_at",
                     json_instant(op->recorded_at_ms), "happened_at", json_instant(happened), "received_at",
                     json_instant(row->received_at_ms), "supersedes", json_supersedes(op), "erased", op->erased,
                     "quarantine", row->quarantine, "fields", json_fields(op));
}

static enum err_code add_row(void *context, const struct centre_log_row *row, struct error *err)
{
    json_t *list = context;
    return json_array_append_new(list, json_log_row(row)) == 0 ? ERR_OK : FAIL(err, NO_MEMORY, "list the log");
}

static enum err_code log_request(struct admin_call *call, const char *kind, struct centre_site *site,
                                 struct centre_log_request *request)
{
    int64_t limit = argument_integer(call, "limit", LOG_LIMIT_DEFAULT);
    if (limit < 1 || limit > LOG_LIMIT_MAX) {
        return FAIL(call->err, INVALID, "'limit': expected 1 to %d", LOG_LIMIT_MAX);
    }
    *request = (struct centre_log_request){ .limit = (size_t)limit };
    if (kind != NULL) {
        const struct kind *known = kind_by_name(kind);
        if (known == NULL) {
            return FAIL(call->err, INVALID, "'kind': there is no kind of that name");
        }
        request->kind = known->number;
    }
    if (argument_text(call, "site") != NULL) {
        TRY(argument_site(call, site));
        request->site = site;
    }
    return ERR_OK;
}

static enum err_code list_kind(struct admin_call *call, const char *kind)
{
    struct centre_site site;
    struct centre_log_request request;
    TRY(log_request(call, kind, &site, &request));
    json_t *list = json_array();
    enum err_code rc = centre_log(call->centre->store, &request, add_row, list, call->err);
    if (rc != ERR_OK) {
        json_decref(list);
        return rc;
    }
    return admin_answer(call, json_pack("{s:o}", "entries", list));
}

enum err_code admin_log(struct admin_call *call)
{
    return list_kind(call, argument_text(call, "kind"));
}

enum err_code admin_message_list(struct admin_call *call)
{
    return list_kind(call, kind_by_number(KIND_MESSAGE)->name);
}

enum err_code admin_incidents(struct admin_call *call)
{
    static struct centre_incident rows[INCIDENTS_MAX];
    size_t count = 0;
    TRY(centre_incidents(call->centre->store, rows, INCIDENTS_MAX, &count, call->err));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *site = rows[i].site_name[0] != '\0' ? rows[i].site_name : NULL;
        json_t *op = site != NULL ? json_op_id(&rows[i].op) : json_null();
        (void)json_array_append_new(list, json_pack("{s:o, s:s?, s:o, s:s}", "at", json_instant(rows[i].at_ms), "site",
                                                    site, "op", op, "what", rows[i].what));
    }
    return admin_answer(call, json_pack("{s:o}", "incidents", list));
}

static enum err_code add_tree(void *context, const struct centre_site *site, const struct merkle_range *tree,
                              struct error *err)
{
    json_t *list = context;
    struct merkle_hash root;
    merkle_root(tree, &root);
    json_t *row = json_pack("{s:o, s:I, s:o}", "site", json_site(site), "size", (json_int_t)tree->size, "root",
                            json_hex(root.bytes, sizeof(root.bytes)));
    return json_array_append_new(list, row) == 0 ? ERR_OK : FAIL(err, NO_MEMORY, "list the trees");
}

enum err_code admin_verify(struct admin_call *call)
{
    struct centre_verified v;
    struct centre_watched watched;
    TRY(centre_watched(call->centre->store, &watched, call->err));
    SCOPED(buf_fini) struct buf authorities;
    buf_init(&authorities, AUTHORITIES_DER_MAX);
    TRY(centre_all_authorities(call->centre, &authorities, call->err));
    json_t *trees = json_array();
    struct centre_verify_told told = { .site = add_tree, .context = trees };
    enum err_code rc = centre_verify(call->centre->store, buf_slice(&authorities), &told, &v, call->err);
    if (rc != ERR_OK) {
        json_decref(trees);
        return rc;
    }
    return admin_answer(call, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "sites", (json_int_t)v.sites,
                                        "authors", (json_int_t)v.authors, "ops", (json_int_t)v.ops, "signatures",
                                        (json_int_t)v.signatures, "signed_ops", (json_int_t)v.signed_ops, "quarantined",
                                        (json_int_t)v.quarantined, "incidents", (json_int_t)v.incidents, "put_back_at",
                                        json_instant(watched.put_back_at_ms), "trees", trees));
}

/* ---- the checkpoint ---- */

static enum err_code json_checkpoint(struct admin_call *call, const struct centre_site *site,
                                     const struct checkpoint *checkpoint)
{
    const uint8_t *key = call->centre->vouched_key;
    char origin[TREE_ORIGIN_SIZE];
    SCOPED(buf_fini) struct buf note;
    SCOPED(buf_fini) struct buf verifier_key;
    buf_init(&note, CHECKPOINT_NOTE_MAX);
    buf_init(&verifier_key, CHECKPOINT_NOTE_MAX);
    tree_origin(site->stream, origin);
    TRY(checkpoint_note(checkpoint, origin, key, &note, call->err));
    TRY(checkpoint_verifier_key(origin, key, &verifier_key, call->err));
    return admin_answer(call, json_pack("{s:o, s:I, s:o, s:s%, s:s%}", "site", json_site(site), "size",
                                        (json_int_t)checkpoint->size, "root",
                                        json_hex(checkpoint->root.bytes, MERKLE_HASH_BYTES), "note", note.data,
                                        note.len, "verifier_key", verifier_key.data, verifier_key.len));
}

enum err_code admin_checkpoint(struct admin_call *call)
{
    struct centre_site site;
    struct merkle_range tree;
    struct checkpoint checkpoint;
    TRY(argument_site(call, &site));
    TRY(centre_tree(call->centre->store, &site, &tree, call->err));
    TRY(checkpoint_of_tree(call->centre, &site, &tree, &checkpoint, call->err));
    return json_checkpoint(call, &site, &checkpoint);
}
