/* Which records are taken from whom, and what an erasure covers. */
#include "store/record.h"

#include <string.h>

#include "base/clock.h"

#include "store/answers.h"

/* A session is on a day that a date field could name: everything that lays days out in time rests on it. */
static enum err_code check_session(const struct op *op, struct error *err)
{
    int32_t day;
    int slot;
    if (op->subject_len != OP_SESSION_BYTES) {
        return ERR_OK;
    }
    session_of_subject(op->subject, &day, &slot);
    return day >= date_from_civil(1900, 1, 1) && day <= date_from_civil(2200, 12, 31)
               ? ERR_OK
               : FAIL(err, INVALID, "take a record of a session: its day is out of range");
}

/* ---- who may write what ---- */

/* An erasure of sessions may be of one of them alone. */
static bool subject_fits(const struct op *op, const struct kind *kind)
{
    return op->subject_len == kind->subject_len || (op->kind == KIND_ERASURE && op->subject_len == OP_SESSION_BYTES);
}

static bool is_complete(uint32_t kind)
{
    return kind == KIND_ATTENDANCE || kind == KIND_ERASURE || kind == KIND_OVERWRITE_REVIEW ||
           kind == KIND_COMPLIANCE_DOUBT || kind == KIND_DOUBT_EVENT || kind == KIND_PROGRAMME_PACK;
}

enum err_code record_may_erase(uint32_t number, enum record_writer writer, struct error *err)
{
    const struct kind *kind = kind_by_number(number);
    if (kind == NULL) {
        return FAIL(err, UNSUPPORTED, "take an erasure of records of a kind that this version does not know");
    }
    if (number == KIND_ERASURE || number == KIND_OVERWRITE_REVIEW) {
        return FAIL(err, REFUSED, "take an erasure of an erasure or a review: that something went stays known");
    }
    if (number == KIND_PROGRAMME_PACK) {
        return FAIL(err, REFUSED, "take an erasure of a programme pack: it names nobody, and doubts are judged by it");
    }
    if (number == KIND_DOUBT_EVENT && writer == WRITER_ORGANISATION) {
        return FAIL(err, REFUSED, "take an erasure of what became of a doubt: it goes with the doubt alone");
    }
    if ((kind->writers & (unsigned)writer) == 0) {
        return FAIL(err, REFUSED, "take an erasure of a %s by %s: only who may write it may erase it", kind->name,
                    writer == WRITER_CENTRE ? "the centre" : "an organisation");
    }
    return ERR_OK;
}

static enum err_code admit_erasure(const struct op *op, const struct record *record, enum record_writer writer,
                                   struct error *err)
{
    uint32_t number = (uint32_t)record_number_or(record, "kind", 0);
    TRY(record_may_erase(number, writer, err));
    if ((op->subject_len == OP_SESSION_BYTES) != (number == KIND_ATTENDANCE)) {
        return FAIL(err, INVALID, "take an erasure of a %s: its subject is of another kind",
                    kind_by_number(number)->name);
    }
    if (op->supersedes_count > 1) {
        return FAIL(err, INVALID, "take an erasure: it names %zu records, expected one at most", op->supersedes_count);
    }
    return ERR_OK;
}

static enum err_code check_digest(const struct record *record, const char *name, struct error *err)
{
    struct slice said = record->values[kind_field_index(record->kind, name)].text;
    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1] = "";
    memcpy(text, said.data, said.len);
    return hex_decode(text, digest, SHA256_BYTES)
               ? ERR_OK
               : FAIL(err, INVALID, "field '%s': expected %d hexadecimal digits", name, 2 * SHA256_BYTES);
}

/* Guard rail 1: nothing becomes a doubt that nobody has confirmed, and none goes without its evidence, nor without the
 * pack by which anybody can judge it. */
static enum err_code admit_doubt(const struct record *record, struct error *err)
{
    if (record_number_or(record, "confirmed", 0) == 0) {
        return FAIL(err, REFUSED, "take a compliance doubt that its reviewer has not confirmed");
    }
    if (!answers_given(record->values[kind_field_index(record->kind, "answers")].text)) {
        return FAIL(err, REFUSED, "take a compliance doubt without answers to the good-reason questions");
    }
    TRY(check_digest(record, "evidence", err));
    return check_digest(record, "programme_sha256", err);
}

/* The organisation takes back what it raised; JCP says what it received or gives back. */
static enum err_code admit_doubt_event(const struct record *record, enum record_writer writer, struct error *err)
{
    struct slice status = record->values[kind_field_index(record->kind, "status")].text;
    bool withdrawn = slice_equal(status, slice_of_text("withdrawn"));
    return withdrawn == (writer == WRITER_ORGANISATION)
               ? ERR_OK
               : FAIL(err, REFUSED, "take a doubt's status '%.*s' from %s", (int)status.len, (const char *)status.data,
                      writer == WRITER_CENTRE ? "the centre" : "an organisation");
}

static struct slice text_of(const struct record *record, const char *name)
{
    return record->values[kind_field_index(record->kind, name)].text;
}

/* What the centre says of it is what is in it. */
static enum err_code pack_is(const struct op *op, const struct record *record, const struct programme *programme,
                             struct error *err)
{
    uint8_t digest[SHA256_BYTES];
    CHECK(hex_decode(programme_sha256(programme), digest, sizeof(digest)));
    if (!slice_equal(text_of(record, "sha256"), slice_of_text(programme_sha256(programme)))) {
        return FAIL(err, INVALID, "field 'sha256': the pack has another one");
    }
    if (memcmp(op->subject, digest, OP_ENTITY_BYTES) != 0) {
        return FAIL(err, INVALID, "its subject is not the beginning of its SHA-256");
    }
    return record_number_or(record, "version", 0) == programme_version(programme) &&
                   slice_equal(text_of(record, "name"), slice_of_text(programme_id(programme)))
               ? ERR_OK
               : FAIL(err, INVALID, "fields 'name' and 'version': the pack has others");
}

/* A pack that could not be used is none: checked as `holdfast pack check` does, on every replica and at the centre. */
static enum err_code admit_pack(const struct op *op, const struct record *record, struct error *err)
{
    SCOPED(buf_fini) struct buf json;
    struct programme *programme;
    buf_init(&json, PROGRAMME_JSON_MAX + 1);
    enum err_code rc = programme_expand(text_of(record, "pack"), &json, err);
    if (rc == ERR_OK) {
        rc = programme_load(buf_slice(&json), &programme, err);
    }
    if (rc == ERR_OK) {
        rc = pack_is(op, record, programme, err);
        programme_free(programme);
    }
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "take a %s", record->kind->name);
}

/* When it was recorded, by its clock, the offset that was measured, or the newest time that its device knew: in doubt,
 * the latest. */
static int64_t latest_time(const struct op *op)
{
    int64_t measured = op->offset_ms < 0 ? op->recorded_at_ms - op->offset_ms : op->recorded_at_ms;
    int64_t known = (int64_t)(op->hlc >> 16);
    return known > measured ? known : measured;
}

/* What no single field shows, and what stands in the header. */
static enum err_code admit_content(const struct op *op, const struct record *record, enum record_writer writer,
                                   struct error *err)
{
    switch (op->kind) {
    case KIND_ATTENDANCE: /* guard rail 6: a correction says why, whoever wrote it */
        return op->supersedes_count == 0 || record->values[kind_field_index(record->kind, "note")].text.len > 0
                   ? ERR_OK
                   : FAIL(err, REFUSED, "take a correction without a note: say why the record changes");
    case KIND_ERASURE:
        return admit_erasure(op, record, writer, err);
    case KIND_FLAG_REVIEW: /* guard rail 3: what is known of volunteers is no record */
        return record_of_volunteers(record)
                   ? FAIL(err, REFUSED,
                          "take a review of a flag that rests on volunteers: nothing of them leaves the "
                          "machine that knows them")
                   : ERR_OK;
    case KIND_CONTACT_ATTEMPT:
        return record_check_past(record, latest_time(op), err);
    case KIND_COMPLIANCE_DOUBT:
        return admit_doubt(record, err);
    case KIND_DOUBT_EVENT:
        return admit_doubt_event(record, writer, err);
    case KIND_PROGRAMME_PACK:
        return admit_pack(op, record, err);
    case KIND_OVERWRITE_REVIEW:
        return op->supersedes_count == 2
                   ? ERR_OK
                   : FAIL(err, INVALID, "take a review of an overwrite: it names two records, the old and the new");
    default:
        return ERR_OK;
    }
}

bool record_of_volunteers(const struct record *record)
{
    static const char prefix[] = FLAG_OF_VOLUNTEERS;
    if (record->kind->number != KIND_FLAG_REVIEW) {
        return false;
    }
    struct slice flag = text_of(record, "flag");
    return flag.len >= sizeof(prefix) - 1 && memcmp(flag.data, prefix, sizeof(prefix) - 1) == 0;
}

bool op_of_volunteers(const struct op *op)
{
    struct record record;
    return op->kind == KIND_FLAG_REVIEW && !op->erased &&
           record_decode(kind_by_number(op->kind), op->body, &record, NULL) == ERR_OK && record_of_volunteers(&record);
}

void message_id(uint8_t random[OP_ENTITY_BYTES], enum record_writer writer)
{
    random[0] = (uint8_t)((random[0] & 0x7f) | (writer == WRITER_CENTRE ? 0x80 : 0));
}

bool message_of_centre(const uint8_t id[OP_ENTITY_BYTES])
{
    return (id[0] & 0x80) != 0;
}

static enum err_code check_side(const struct op *op, enum record_writer writer, struct error *err)
{
    return op->kind != KIND_MESSAGE || message_of_centre(op->subject) == (writer == WRITER_CENTRE)
               ? ERR_OK
               : FAIL(err, REFUSED, "take a message: its id is one of the other side");
}

enum err_code record_admit(const struct op *op, enum record_writer writer, struct error *err)
{
    const struct kind *kind = kind_by_number(op->kind);
    if (kind == NULL) {
        return FAIL(err, UNSUPPORTED, "take a record of kind %u: this version does not know it", op->kind);
    }
    if ((kind->writers & (unsigned)writer) == 0) {
        return FAIL(err, REFUSED, "take a %s written by %s: only %s may write it", kind->name,
                    writer == WRITER_CENTRE ? "the centre" : "an organisation",
                    writer == WRITER_CENTRE ? "the organisation" : "the centre");
    }
    if (op->hlc > OP_HLC_MAX) {
        return FAIL(err, INVALID, "take a %s: its logical clock says a time that cannot be", kind->name);
    }
    if (!subject_fits(op, kind)) {
        return FAIL(err, INVALID, "take a %s: its subject has %u bytes, expected %u", kind->name, op->subject_len,
                    kind->subject_len);
    }
    TRY(check_session(op, err));
    TRY(check_side(op, writer, err));
    if (op->erased) {
        return op->kind == KIND_ERASURE ? FAIL(err, INVALID, "take an erasure without its content") : ERR_OK;
    }
    struct record record;
    if (record_decode(kind, op->body, &record, err) != ERR_OK ||
        record_check(&record, is_complete(op->kind), err) != ERR_OK) {
        return error_wrap(err, ERR_INVALID, "take a %s", kind->name);
    }
    return admit_content(op, &record, writer, err);
}

/* ---- erasures ---- */

enum err_code erasure_read(const struct op *op, enum record_writer writer, struct erasure *ret_erasure,
                           struct error *err)
{
    struct record record;
    CHECK(op->kind == KIND_ERASURE && op->supersedes_count <= 1);
    TRY(record_decode(kind_by_number(KIND_ERASURE), op->body, &record, err));
    struct erasure erasure = { .kind = (uint32_t)record_number_or(&record, "kind", 0),
                               .writer = writer,
                               .subject_len = op->subject_len,
                               .hlc = op->hlc,
                               .one = op->supersedes_count == 1 };
    memcpy(erasure.subject, op->subject, op->subject_len);
    if (erasure.one) {
        erasure.op = op->supersedes[0];
    }
    *ret_erasure = erasure;
    return ERR_OK;
}

bool erasure_kind_covers(uint32_t kind, uint32_t op_kind)
{
    return kind == op_kind || (kind == KIND_REFERRAL && op_kind == KIND_REFERRAL_EVENT) ||
           (kind == KIND_PLACEMENT && op_kind == KIND_ATTENDANCE) ||
           (kind == KIND_COMPLIANCE_DOUBT && op_kind == KIND_DOUBT_EVENT);
}

static bool is_about(const struct erasure *erasure, const struct op *op)
{
    bool within = op->subject_len == erasure->subject_len ||
                  (op->subject_len == OP_SESSION_BYTES && erasure->subject_len == OP_ENTITY_BYTES);
    return within && memcmp(op->subject, erasure->subject, erasure->subject_len) == 0;
}

bool erasure_covers(const struct erasure *erasure, const struct op *op, enum record_writer writer)
{
    return writer == erasure->writer && op->hlc < erasure->hlc && erasure_kind_covers(erasure->kind, op->kind) &&
           is_about(erasure, op) && (!erasure->one || op_id_compare(&op->id, &erasure->op) == 0);
}

enum err_code erasure_fits(const struct erasure *erasure, const struct op *named, enum record_writer writer,
                           struct error *err)
{
    if (writer != erasure->writer) {
        return FAIL(err, REFUSED, "take an erasure: the record that it names was written by %s",
                    writer == WRITER_CENTRE ? "the centre" : "an organisation");
    }
    return erasure_covers(erasure, named, writer)
               ? ERR_OK
               : FAIL(err, REFUSED, "take an erasure: the record that it names is of another kind, subject or time");
}
