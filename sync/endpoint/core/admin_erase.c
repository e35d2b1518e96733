/*
 * What the centre erases of its own, and what it keeps without using it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/centre/doubts.h"
#include "store/retention.h"
#include "sync/endpoint/core/admin.h"

#define ACTOR_DEFAULT "jcp"
#define LIST_MAX 10000

/* ---- erase ---- */

static json_t *json_counts(const struct centre_erase_target *targets, size_t count)
{
    json_t *kinds = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *name = kind_by_number(targets[i].kind)->name;
        json_int_t before = json_integer_value(json_object_get(kinds, name));
        if (targets[i].records > 0) {
            (void)json_object_set_new(kinds, name, json_integer(before + (json_int_t)targets[i].records));
        }
    }
    return kinds;
}

static enum err_code fill_record(const struct admin_call *call, uint32_t kind, struct record *record)
{
    record_init(record, kind_by_number(KIND_ERASURE));
    record_set_number(record, "kind", kind);
    record_set_text(record, "ground", argument_text(call, "ground"));
    record_set_text(record, "decided_by", argument_text(call, "by"));
    record_set_text(record, "reason", argument_text(call, "reason"));
    record_set_text(record, "confirmed_by", argument_text(call, "confirmed_by"));
    return record_check(record, true, call->err);
}

static enum err_code write_erasures(struct admin_call *call, const struct centre_site *site,
                                    const struct centre_erase_target *targets, size_t count)
{
    SCOPED(scoped_free) struct record *records = calloc(count, sizeof(*records));
    SCOPED(scoped_free) struct centre_entry *entries = calloc(count, sizeof(*entries));
    const char *actor = argument_text(call, "actor");
    struct op_id last;
    if (records == NULL || entries == NULL) {
        return FAIL(call->err, NO_MEMORY, "erase records about %zu subjects", count);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(fill_record(call, targets[i].kind, &records[i]));
        entries[i] =
            (struct centre_entry){ .kind = KIND_ERASURE, .record = &records[i], .after_hlc = targets[i].newest_hlc };
        memcpy(entries[i].subject, targets[i].subject, OP_ENTITY_BYTES);
    }
    return centre_write(call->centre->store, site, call->centre->signing_key,
                        buf_slice(&call->centre->signing_certificate), actor != NULL ? actor : ACTOR_DEFAULT, entries,
                        count, call->now_ms, &last, call->err);
}

static json_t *json_holds(const struct store_erasable *holds)
{
    json_t *texts = json_array();
    for (size_t i = 0; i < holds->hold_count; i++) {
        (void)json_array_append_new(texts, json_string(holds->holds[i]));
    }
    return texts;
}

/* The person, and the decision. */
static enum err_code read_decision(const struct admin_call *call, const struct centre_site *site,
                                   struct store_erase *ret_erase)
{
    struct record unused;
    *ret_erase = (struct store_erase){ .kind = KIND_PARTICIPANT,
                                       .subject_len = OP_ENTITY_BYTES,
                                       .ground = argument_text(call, "ground"),
                                       .decided_by = argument_text(call, "by"),
                                       .reason = argument_text(call, "reason"),
                                       .confirmed_by = argument_text(call, "confirmed_by") };
    entity_id(site->stream, "participant", argument_text(call, "participant"), ret_erase->subject);
    return fill_record(call, KIND_PARTICIPANT, &unused);
}

enum err_code admin_erase(struct admin_call *call)
{
    struct centre_site site;
    struct store_erase erase;
    struct store_erasable holds;
    uint64_t of_site = 0;
    uint64_t records = 0;
    SCOPED(buf_fini) struct buf found;
    bool dry = !argument_bool(call, "confirmed"); /* only looks */
    buf_init(&found, SIZE_MAX / 2);
    TRY(argument_site(call, &site));
    TRY(read_decision(call, &site, &erase));
    TRY(centre_erase_find(call->centre->store, &site, erase.subject, &found, &of_site, call->err));
    const struct centre_erase_target *targets = (const struct centre_erase_target *)(const void *)found.data;
    size_t count = found.len / sizeof(*targets);
    for (size_t i = 0; i < count; i++) {
        records += targets[i].records;
    }
    if (!dry && count == 0) {
        return FAIL(call->err, NOT_FOUND,
                    "erase: the centre has written nothing about this person that is not erased already");
    }
    TRY(centre_erase_holds(call->centre->store, &site, &erase, clock_today(call->now_ms), &holds, call->err));
    if (!dry) {
        TRY(erase_check_holds(&erase, &holds, call->err));
        TRY(write_erasures(call, &site, targets, count));
    }
    return admin_answer(call, json_pack("{s:o, s:b, s:I, s:o, s:I, s:o}", "site", json_site(&site), "erased", !dry,
                                        "records", (json_int_t)records, "counts", json_counts(targets, count),
                                        "of_the_site", (json_int_t)of_site, "holds", json_holds(&holds)));
}

/* ---- quarantine ---- */

struct listing {
    json_t *rows;
    const char *id; /* the beginning of one; NULL: all */
};

static json_t *json_aside(const struct centre_log_row *row)
{
    const struct op *op = row->op;
    bool unknown = row->quarantine == NULL;
    char id[2 * 4 + 32];
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(op->id.device, DEVICE_ID_BYTES, device);
    (void)snprintf(id, sizeof(id), "%.8s/%u/%llu", device, op->id.incarnation, (unsigned long long)op->id.seq);
    return json_pack("{s:s, s:s, s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:b}", "id", id, "site", row->site->name,
                     "position", (json_int_t)row->position, "op", json_op_id(&op->id), "kind", json_kind_name(op->kind),
                     "writer", row->writer == WRITER_CENTRE ? "centre" : "organisation", "subject",
                     json_hex(op->subject, op->subject_len), "recorded_at", json_instant(op->recorded_at_ms),
                     "received_at", json_instant(row->received_at_ms), "reason",
                     unknown ? "of a kind that this version does not know: kept and passed on" : row->quarantine,
                     "unknown", unknown);
}

static enum err_code add_aside(void *context, const struct centre_log_row *row, struct error *err)
{
    struct listing *listing = context;
    json_t *value = json_aside(row);
    if (value != NULL && listing->id != NULL &&
        strcmp(json_string_value(json_object_get(value, "id")), listing->id) != 0) {
        json_decref(value);
        return ERR_OK;
    }
    return json_array_append_new(listing->rows, value) == 0 ? ERR_OK : FAIL(err, NO_MEMORY, "list what is kept aside");
}

enum err_code admin_quarantine(struct admin_call *call)
{
    struct centre_site site;
    struct centre_log_request request = { .limit = LIST_MAX, .aside = true };
    struct listing listing = { .rows = json_array(), .id = argument_text(call, "id") };
    enum err_code rc = ERR_OK;
    if (argument_text(call, "site") != NULL) {
        rc = argument_site(call, &site);
        request.site = &site;
    }
    rc = rc == ERR_OK ? centre_log(call->centre->store, &request, add_aside, &listing, call->err) : rc;
    if (rc == ERR_OK && listing.id != NULL && json_array_size(listing.rows) == 0) {
        rc = FAIL(call->err, NOT_FOUND, "find the record: nothing that is kept aside has this id");
    }
    if (rc != ERR_OK) {
        json_decref(listing.rows);
        return rc;
    }
    return admin_answer(call, json_pack("{s:o}", "quarantine", listing.rows));
}

enum err_code admin_quarantine_retry(struct admin_call *call)
{
    struct centre_judged judged;
    TRY(centre_judge_again(call->centre->store, &judged, call->err));
    return admin_answer(
        call, json_pack("{s:I, s:I}", "released", (json_int_t)judged.released, "still", (json_int_t)judged.still));
}
