#include "agent/verify/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/text.h"
#include "base/clock.h"

bool report_proves(const struct pack_report *report)
{
    for (size_t i = 0; i < report->op_count; i++) {
        const struct pack_op *op = &report->ops[i];
        if (!op->read || !op->signed_proved || (!op->op.erased && !op->body_proved)) {
            return false;
        }
    }
    return report->finding_count == 0 && report->op_count > 0;
}

static size_t confirmed_count(const struct pack_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->op_count; i++) {
        count += report->ops[i].confirmed;
    }
    return count;
}

static size_t acknowledged_count(const struct pack_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->op_count; i++) {
        count += report->ops[i].acknowledged;
    }
    return count;
}

/* AB:CD:..., as openssl x509 -fingerprint prints it. */
static void fingerprint(const uint8_t hash[SHA256_BYTES], char out[3 * SHA256_BYTES])
{
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        (void)snprintf(out + 3 * i, 4, "%02X%s", hash[i], i + 1 < SHA256_BYTES ? ":" : "");
    }
}

static void hex_print(FILE *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        (void)fprintf(out, "%02x", bytes[i]);
    }
}

/* ---- what a record says ---- */

static void kind_name(const struct op *op, char out[ROW_CODE_SIZE])
{
    const struct kind *kind = kind_by_number(op->kind);
    if (kind != NULL) {
        (void)snprintf(out, ROW_CODE_SIZE, "%s", kind->name);
    } else {
        (void)snprintf(out, ROW_CODE_SIZE, "unknown-%u", op->kind);
    }
}

/* A value as text of printable characters, but for TEXT, which is given as it is. */
static void value_text_of(const struct kind *kind, const struct field *field, const struct value *value, char *out,
                          size_t size)
{
    char text[DATE_TEXT_SIZE];
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        (void)snprintf(out, size, "%.*s", (int)value->text.len, (const char *)value->text.data);
        return;
    case FIELD_DATE:
        date_format((int32_t)value->number, text);
        (void)snprintf(out, size, "%s", text);
        return;
    case FIELD_TIME:
        time_of_day_format((int)value->number, text);
        (void)snprintf(out, size, "%s", text);
        return;
    case FIELD_BOOL:
        (void)snprintf(out, size, "%s", value->number != 0 ? "yes" : "no");
        return;
    case FIELD_ID:
        CHECK(size > 2 * OP_ENTITY_BYTES);
        hex_encode(value->text.data, OP_ENTITY_BYTES, out);
        return;
    case FIELD_BYTES:
        (void)snprintf(out, size, "%zu bytes", value->text.len);
        return;
    case FIELD_INT:
        if (kind->number == KIND_ATTENDANCE && field->number == 1) {
            (void)snprintf(out, size, "%s", outcome_name((enum outcome)value->number));
        } else if (kind_named(kind, field, value->number) != NULL) {
            (void)snprintf(out, size, "%s", kind_named(kind, field, value->number)->name);
        } else {
            (void)snprintf(out, size, "%" PRId64, value->number);
        }
        return;
    }
}

struct fields {
    struct record record;
    bool known;
};

/* A body of a known kind within its limits: nothing else is put into words. */
static void fields_read(const struct pack_op *op, struct fields *ret_fields)
{
    const struct kind *kind = kind_by_number(op->op.kind);
    ret_fields->known = kind != NULL && op->body_proved &&
                        record_decode(kind, op->op.body, &ret_fields->record, NULL) == ERR_OK &&
                        record_check(&ret_fields->record, false, NULL) == ERR_OK;
}

/* ---- for a person ---- */

static void print_subject(const struct op *op, FILE *out)
{
    int32_t day;
    int slot;
    char text[DATE_TEXT_SIZE];
    hex_print(out, op->subject, OP_ENTITY_BYTES);
    if (op->subject_len == OP_SESSION_BYTES) {
        session_of_subject(op->subject, &day, &slot);
        if (day >= date_from_civil(1900, 1, 1) && day <= date_from_civil(2200, 12, 31)) {
            date_format(day, text);
            (void)fprintf(out, " on %s, session %d", text, slot + 1);
        }
    }
}

static void print_erased(const struct pack_report *report, const struct pack_op *op, FILE *out)
{
    if (op->erased_by != PACK_NO_OP) {
        (void)fprintf(out, "      what it said was erased by record %s; its header stays\n",
                      report->ops[op->erased_by].name);
    } else {
        (void)fputs("      what it said is not here, and no record of the pack erased it\n", out);
    }
}

static void print_fields(const struct pack_report *report, const struct pack_op *op, FILE *out)
{
    struct fields fields;
    fields_read(op, &fields);
    if (op->op.erased) {
        print_erased(report, op, out);
    } else if (!fields.known) {
        (void)fprintf(out, "      %zu bytes that this program has no words for\n", op->op.body.len);
    }
    for (size_t i = 0; fields.known && i < fields.record.kind->field_count; i++) {
        char text[ROW_NOTE_SIZE];
        if (fields.record.values[i].present) {
            value_text_of(fields.record.kind, &fields.record.kind->fields[i], &fields.record.values[i], text,
                          sizeof(text));
            char *visible = text_visible(text, false);
            (void)fprintf(out, "      %s: %s\n", fields.record.kind->fields[i].name, visible);
            free(visible);
        }
    }
}

static void print_id(const struct op_id *id, FILE *out)
{
    hex_print(out, id->device, DEVICE_ID_BYTES);
    (void)fprintf(out, "/%" PRIu32 "/%" PRIu64, id->incarnation, id->seq);
}

/* "record 0007, the centre's", or where else rules come from. */
static void print_rules_source(const struct pack_report *report, const struct pack_rules *rules, FILE *out)
{
    if (rules == NULL) {
        (void)fputs("not in this pack\n", out);
    } else if (rules->giver != PACK_NO_OP) {
        (void)fprintf(out, "given by the centre in record %s\n", report->ops[rules->giver].name);
    } else if (rules->built_in) {
        (void)fprintf(out, "%s, version %d, as this program carries them\n", programme_id(programme_default()),
                      programme_version(programme_default()));
    } else {
        (void)fputs("given by no record of this pack\n", out);
    }
}

static void print_judged_by(const struct pack_report *report, const struct pack_op *op, FILE *out)
{
    char sha256[PROGRAMME_SHA256_SIZE];
    if (op->op.kind == KIND_COMPLIANCE_DOUBT && pack_rules_named(op, "programme_sha256", sha256)) {
        (void)fputs("      judged by rules ", out);
        print_rules_source(report, pack_rules_find(report, sha256), out);
    }
}

static void print_proof(const struct pack_report *report, const struct pack_op *op, FILE *out)
{
    const struct certificate *device = &report->chains[op->chain].device;
    if (!op->signed_proved) {
        (void)fputs("      NOT PROVED: no device's signature covers it\n", out);
        return;
    }
    (void)fputs("      signed by device ", out);
    hex_print(out, op->op.id.device, DEVICE_ID_BYTES);
    if (device->role == CERTIFICATE_ROLE_CENTRE) {
        (void)fputs(" (the centre)\n", out);
    } else {
        (void)fputs(" of organisation ", out);
        hex_print(out, device->organisation, ORGANISATION_ID_BYTES);
        (void)fputc('\n', out);
    }
    if (op->acknowledged) {
        char at[INSTANT_TEXT_SIZE];
        instant_format(op->acknowledged_at_ms, at);
        (void)fprintf(out, "      acknowledged by the centre %s, in its signed receipt\n", at);
    } else {
        (void)fputs("      no receipt held\n", out);
    }
    if (op->confirmed) {
        (void)fprintf(out, "      in the history that the centre signed: record %" PRIu64 " of %" PRIu64 "\n",
                      op->position, report->checkpoint.size);
    } else {
        (void)fputs("      not yet confirmed by the centre\n", out);
    }
    if (op->admitted != ERR_OK) {
        char *visible = text_visible(op->admitted_text, false);
        (void)fprintf(out, "      every agent keeps it aside: %s\n", visible);
        free(visible);
    }
}

static void print_op(const struct pack_report *report, const struct pack_op *op, FILE *out)
{
    char kind[ROW_CODE_SIZE];
    char at[INSTANT_TEXT_SIZE];
    char actor[OP_ACTOR_MAX + 1];
    if (!op->read) {
        (void)fprintf(out, "%s  cannot be read\n", op->name);
        return;
    }
    kind_name(&op->op, kind);
    instant_format(op->op.recorded_at_ms, at);
    (void)snprintf(actor, sizeof(actor), "%.*s", (int)op->op.actor.len, (const char *)op->op.actor.data);
    char *visible = text_visible(actor, false);
    (void)fprintf(out, "%s  %s of ", op->name, kind);
    print_subject(&op->op, out);
    (void)fprintf(out, "\n      recorded %s by %s, as ", at, visible);
    free(visible);
    print_id(&op->op.id, out);
    (void)fputc('\n', out);
    if (op->op.happened_at_ms != OP_TIME_NONE) {
        instant_format(op->op.happened_at_ms, at);
        (void)fprintf(out, "      happened %s\n", at);
    }
    for (size_t i = 0; i < op->op.supersedes_count; i++) {
        (void)fputs("      in place of ", out);
        print_id(&op->supersedes[i], out);
        (void)fputc('\n', out);
    }
    print_fields(report, op, out);
    print_judged_by(report, op, out);
    print_proof(report, op, out);
}

static void print_trust(const struct pack_report *report, bool insisted, FILE *out)
{
    for (size_t i = 0; i < report->authority_count; i++) {
        char text[3 * SHA256_BYTES];
        fingerprint(report->authorities[i], text);
        (void)fprintf(out, "authority   SHA-256 %s\n", text);
    }
    (void)fputs(insisted ? "            only the one that was insisted on counts, and those that it issued\n"
                : report->authority_count > 1
                    ? "            everything rests on each: insist with --ca on the one that the authority publishes; "
                      "no other\n            counts then but those that it issued\n"
                    : "            compare it with what the authority publishes: everything rests on it\n",
                out);
    if (report->checkpoint_proved) {
        char root[2 * MERKLE_HASH_BYTES + 1];
        hex_encode(report->checkpoint.root.bytes, MERKLE_HASH_BYTES, root);
        (void)fprintf(out,
                      "checkpoint  %" PRIu64 " records, root %s,\n            signed by the centre of certificate %s\n",
                      report->checkpoint.size, root, report->centre_serial);
    } else {
        (void)fprintf(out, "checkpoint  %s\n", report->checkpoint_there ? "does not verify" : "none in this pack");
    }
    for (size_t i = 0; i < report->rules_count; i++) {
        (void)fprintf(out, "rules       SHA-256 %s,\n            ", report->rules[i].sha256);
        print_rules_source(report, &report->rules[i], out);
    }
    (void)fprintf(out, "records     %zu, of which %zu are confirmed by the centre; its receipt is held of %zu\n\n",
                  report->op_count, confirmed_count(report), acknowledged_count(report));
}

void report_print(const struct pack_report *report, bool insisted, bool brief, FILE *out)
{
    print_trust(report, insisted && report->ca.len > 0, out);
    for (size_t i = 0; !brief && i < report->op_count; i++) {
        print_op(report, &report->ops[i], out);
    }
    size_t shown = report->finding_count < PACK_FINDINGS_MAX ? report->finding_count : PACK_FINDINGS_MAX;
    for (size_t i = 0; i < shown; i++) {
        char *visible = text_visible(report->findings[i].text, false);
        (void)fprintf(out, "WRONG  %s: %s\n", report->findings[i].path, visible);
        free(visible);
    }
    if (shown < report->finding_count) {
        (void)fprintf(out, "WRONG  and %zu more\n", report->finding_count - shown);
    }
    for (size_t i = 0; i < report->op_count; i++) {
        const struct pack_op *op = &report->ops[i];
        if (op->signed_proved && op->op.erased && op->erased_by == PACK_NO_OP) {
            (void)fprintf(out,
                          "LOOK   ops/%s: what it said is not here, and no record of the pack erased it: somebody may "
                          "have taken it out\n",
                          op->name);
        }
    }
    (void)fprintf(out, "%s%s\n", brief ? "" : "\n",
                  report_proves(report) ? "VERIFIED: every record is as its device signed it"
                                        : "NOT VERIFIED: see what is wrong above");
}

/* ---- in JSON ---- */

static void json_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            (void)fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fputc(c, out);
        }
    }
    (void)fputc('"', out);
}

static void json_member(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, ", \"%s\": ", name);
    json_text(out, text);
}

static void json_hex(FILE *out, const char *name, const uint8_t *bytes, size_t len)
{
    (void)fprintf(out, ", \"%s\": \"", name);
    hex_print(out, bytes, len);
    (void)fputc('"', out);
}

static void json_instant(FILE *out, const char *name, int64_t at_ms)
{
    char text[INSTANT_TEXT_SIZE];
    if (at_ms == OP_TIME_NONE) {
        (void)fprintf(out, ", \"%s\": null", name);
        return;
    }
    instant_format(at_ms, text);
    json_member(out, name, text);
}

static void json_id(FILE *out, const struct op_id *id)
{
    (void)fputs("{\"device\": \"", out);
    hex_print(out, id->device, DEVICE_ID_BYTES);
    (void)fprintf(out, "\", \"incarnation\": %" PRIu32 ", \"seq\": %" PRIu64 "}", id->incarnation, id->seq);
}

static void json_fields(FILE *out, const struct pack_op *op)
{
    struct fields fields;
    const char *gap = "";
    fields_read(op, &fields);
    (void)fputs(", \"fields\": {", out);
    for (size_t i = 0; fields.known && i < fields.record.kind->field_count; i++) {
        char text[ROW_NOTE_SIZE];
        if (fields.record.values[i].present) {
            value_text_of(fields.record.kind, &fields.record.kind->fields[i], &fields.record.values[i], text,
                          sizeof(text));
            (void)fprintf(out, "%s\"%s\": ", gap, fields.record.kind->fields[i].name);
            json_text(out, text);
            gap = ", ";
        }
    }
    (void)fputc('}', out);
}

static void json_op(FILE *out, const struct pack_report *report, const struct pack_op *op)
{
    char kind[ROW_CODE_SIZE];
    char actor[OP_ACTOR_MAX + 1];
    (void)fprintf(out, "{\"number\": \"%s\", \"read\": %s", op->name, op->read ? "true" : "false");
    if (op->read) {
        const struct certificate *device = op->signed_proved ? &report->chains[op->chain].device : NULL;
        kind_name(&op->op, kind);
        (void)snprintf(actor, sizeof(actor), "%.*s", (int)op->op.actor.len, (const char *)op->op.actor.data);
        (void)fputs(", \"op\": ", out);
        json_id(out, &op->op.id);
        json_member(out, "kind", kind);
        json_hex(out, "subject", op->op.subject, op->op.subject_len);
        json_member(out, "actor", actor);
        json_instant(out, "recorded_at", op->op.recorded_at_ms);
        json_instant(out, "happened_at", op->op.happened_at_ms);
        (void)fputs(", \"supersedes\": [", out);
        for (size_t i = 0; i < op->op.supersedes_count; i++) {
            (void)fputs(i > 0 ? ", " : "", out);
            json_id(out, &op->supersedes[i]);
        }
        (void)fprintf(out, "], \"erased\": %s, \"body_proved\": %s, \"signed\": %s, \"confirmed\": %s",
                      op->op.erased ? "true" : "false", op->body_proved ? "true" : "false",
                      op->signed_proved ? "true" : "false", op->confirmed ? "true" : "false");
        if (op->op.erased && op->erased_by != PACK_NO_OP) {
            json_member(out, "erased_by", report->ops[op->erased_by].name);
        }
        if (op->confirmed) {
            (void)fprintf(out, ", \"position\": %" PRIu64, op->position);
        }
        json_instant(out, "acknowledged_at", op->acknowledged ? op->acknowledged_at_ms : OP_TIME_NONE);
        if (device != NULL) {
            json_member(out, "role", device->role == CERTIFICATE_ROLE_CENTRE ? "centre" : "agent");
            json_hex(out, "organisation", device->organisation, ORGANISATION_ID_BYTES);
        }
        if (op->admitted != ERR_OK) {
            json_member(out, "kept_aside", op->admitted_text);
        }
        json_fields(out, op);
    }
    (void)fputc('}', out);
}

static void json_rules(FILE *out, const struct pack_report *report)
{
    (void)fputs(",\n \"rules\": [", out);
    for (size_t i = 0; i < report->rules_count; i++) {
        const struct pack_rules *rules = &report->rules[i];
        (void)fprintf(out, "%s{\"sha256\": \"%s\", \"built_in\": %s", i > 0 ? ", " : "", rules->sha256,
                      rules->built_in ? "true" : "false");
        if (rules->giver != PACK_NO_OP) {
            json_member(out, "number", report->ops[rules->giver].name);
        }
        (void)fputc('}', out);
    }
    (void)fputc(']', out);
}

void report_json(const struct pack_report *report, bool brief, FILE *out)
{
    (void)fprintf(out,
                  "{\"verified\": %s, \"records\": %zu, \"confirmed\": %zu, \"with_receipt\": %zu, \"finding_count\": "
                  "%zu, \"findings\": [",
                  report_proves(report) ? "true" : "false", report->op_count, confirmed_count(report),
                  acknowledged_count(report), report->finding_count);
    for (size_t i = 0; i < report->finding_count && i < PACK_FINDINGS_MAX; i++) {
        (void)fprintf(out, "%s\n  {\"path\": \"%s\"", i > 0 ? "," : "", report->findings[i].path);
        json_member(out, "text", report->findings[i].text);
        (void)fputc('}', out);
    }
    (void)fputs("],\n \"authorities\": [", out);
    for (size_t i = 0; i < report->authority_count; i++) {
        char text[3 * SHA256_BYTES];
        fingerprint(report->authorities[i], text);
        (void)fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", text);
    }
    (void)fputs("],\n \"checkpoint\": ", out);
    if (report->checkpoint_proved) {
        (void)fprintf(out, "{\"size\": %" PRIu64, report->checkpoint.size);
        json_hex(out, "root", report->checkpoint.root.bytes, MERKLE_HASH_BYTES);
        json_member(out, "centre_certificate", report->centre_serial);
        (void)fputc('}', out);
    } else {
        (void)fputs("null", out);
    }
    json_hex(out, "stream", report->stream, STREAM_ID_BYTES);
    json_rules(out, report);
    if (brief) {
        (void)fputs("}\n", out);
        return;
    }
    (void)fputs(",\n \"ops\": [", out);
    for (size_t i = 0; i < report->op_count; i++) {
        (void)fputs(i > 0 ? ",\n  " : "\n  ", out);
        json_op(out, report, &report->ops[i]);
    }
    (void)fputs("]}\n", out);
}
