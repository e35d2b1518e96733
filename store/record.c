#include "store/record.h"

#include <string.h>

#include "base/clock.h"

#include "store/cbor.h"

static const char *const basis_codes[] = { "mandatory", "voluntary", NULL };
static const char *const calendar_codes[] = { "england_wales", "scotland", NULL };
static const char *const served_codes[] = { "post", "hand", "email", NULL };
static const char *const purpose_codes[] = { "jcp_appointment", "signing", "interview", NULL };
static const char *const decision_codes[] = { "adverse", "non_adverse", "reserved", "cancelled", NULL };
static const char *const redress_codes[] = { "mandatory_reconsideration", "appeal", "route", "complaint", NULL };
static const char *const policy_codes[] = { "take_part", "take_part_with_conditions", "decline", "withdraw", NULL };
static const char *const contract_codes[] = { "payment_by_results", "spot_purchase", "block", NULL };
static const char *const ground_codes[] = { "retention", "right", NULL };
static const char *const referral_status_codes[] = {
    "received",      "acknowledged", "accepted",  "declined",    "paused", "started",
    "did_not_start", "withdrawn",    "completed", "ended_early", NULL
};

#define FIELD(number, name, type, max, required, sensitive, codes)                                                     \
    {                                                                                                                  \
        (number), (name), (type), (max), (required), (sensitive), (codes)                                              \
    }
#define TEXT(number, name, max) FIELD(number, name, FIELD_TEXT, max, false, false, NULL)
#define SECRET(number, name, max) FIELD(number, name, FIELD_TEXT, max, false, true, NULL)
#define NAMED(number, name, max) FIELD(number, name, FIELD_TEXT, max, true, false, NULL)
#define REF(number, name) FIELD(number, name, FIELD_TEXT, ROW_REF_SIZE - 1, true, false, NULL)
#define CODE(number, name, required, codes) FIELD(number, name, FIELD_CODE, ROW_CODE_SIZE - 1, required, false, codes)
#define SECRET_CODE(number, name, required) FIELD(number, name, FIELD_CODE, ROW_CODE_SIZE - 1, required, true, NULL)
#define INT(number, name, max, required) FIELD(number, name, FIELD_INT, max, required, false, NULL)
#define DATE(number, name, required) FIELD(number, name, FIELD_DATE, 0, required, false, NULL)
#define TIME(number, name, required) FIELD(number, name, FIELD_TIME, 0, required, false, NULL)
#define BOOL(number, name) FIELD(number, name, FIELD_BOOL, 0, false, false, NULL)
#define ID(number, name, required) FIELD(number, name, FIELD_ID, 0, required, false, NULL)

enum {
    NAME_MAX_BYTES = ROW_NAME_SIZE - 1,
    NOTE_MAX_BYTES = ROW_NOTE_SIZE - 1,
    WEEK_MINUTES = 7 * 24 * 60,
    PLACES_MAX = 100000
};

static const struct field participant_fields[] = {
    REF(1, "ref"),
    SECRET(2, "name", NAME_MAX_BYTES),
    SECRET(3, "address", NOTE_MAX_BYTES), /* restricted cases have none */
    SECRET(4, "phone", NAME_MAX_BYTES),
    BOOL(5, "restricted"),
    SECRET(6, "note", NOTE_MAX_BYTES),
};

static const struct field referral_fields[] = {
    REF(1, "ref"),
    ID(2, "participant", true),
    CODE(3, "route", true, NULL), /* of the programme pack */
    CODE(4, "basis", true, basis_codes),
    DATE(5, "received_on", true),
    TEXT(6, "source", NAME_MAX_BYTES),
    INT(7, "weekly_minutes", WEEK_MINUTES, false),
    SECRET(8, "note", NOTE_MAX_BYTES),
    SECRET(9, "needs", NOTE_MAX_BYTES),
    SECRET(10, "restrictions", NOTE_MAX_BYTES),
    ID(11, "contract", false),
};

static const struct field referral_event_fields[] = {
    CODE(1, "status", true, referral_status_codes),
    DATE(2, "on", true),
    CODE(3, "reason", false, NULL),
    BOOL(4, "policy"), /* declined as a matter of policy: a first-class answer, never a failure */
    SECRET(5, "note", NOTE_MAX_BYTES),
    ID(6, "opportunity", false),     /* taken up, where it was accepted */
    ID(7, "policy_decision", false), /* that it was declined by */
};

static const struct field placement_fields[] = {
    REF(1, "ref"),
    ID(2, "participant", true),
    ID(3, "referral", false),
    TEXT(4, "host", NAME_MAX_BYTES),
    TEXT(5, "role", NAME_MAX_BYTES),
    CODE(6, "basis", true, basis_codes),
    CODE(7, "calendar", false, calendar_codes),
    DATE(8, "starts_on", true),
    DATE(9, "ends_on", true),
    TEXT(10, "pattern", PATTERN_TEXT_MAX),
    INT(11, "weekly_minutes", WEEK_MINUTES, true),
    SECRET(12, "reduced_hours_reason", NOTE_MAX_BYTES),
    INT(13, "sequence", 99, false),
    SECRET(14, "note", NOTE_MAX_BYTES),
    ID(15, "opportunity", false),
    INT(16, "job_search_minutes", WEEK_MINUTES, false),
};

static const struct field attendance_fields[] = {
    INT(1, "outcome", OUTCOME_COUNT - 1, true), /* enum outcome */
    INT(2, "minutes", 24 * 60, false),
    SECRET_CODE(3, "reason", false),
    SECRET(4, "note", NOTE_MAX_BYTES),
};

static const struct field notice_fields[] = {
    ID(1, "placement", true),
    DATE(2, "served_on", true),
    CODE(3, "served_by", true, served_codes),
    DATE(4, "received_on", false),
    BOOL(5, "says_what"),
    BOOL(6, "says_when"),
    BOOL(7, "says_where"),
    BOOL(8, "says_mandatory"),
    BOOL(9, "says_evidence"),
    BOOL(10, "says_consequences"),
    SECRET(11, "note", NOTE_MAX_BYTES),
};

static const struct field capacity_fields[] = {
    INT(1, "places", PLACES_MAX, true),
    DATE(2, "stated_on", true),
    INT(3, "supervisor_minutes", PLACES_MAX * 60, false),
    TEXT(4, "note", NOTE_MAX_BYTES),
};

static const struct field appointment_fields[] = {
    ID(1, "participant", true),
    DATE(2, "day", true),
    TIME(3, "starts_min", true),
    TIME(4, "ends_min", true),
    CODE(5, "purpose", true, purpose_codes),
    BOOL(6, "cancelled"),
};

static const struct field decision_fields[] = {
    ID(1, "participant", true),        DATE(2, "failure_on", true),
    DATE(3, "decided_on", true),       CODE(4, "outcome", true, decision_codes),
    SECRET(5, "note", NOTE_MAX_BYTES), ID(6, "doubt", false), /* the compliance doubt that it answers */
    INT(7, "weeks", 99, false),
};

static const struct field erasure_fields[] = {
    INT(1, "kind", INT32_MAX, true), /* of what is erased */
    CODE(2, "ground", true, ground_codes),   NAMED(3, "decided_by", NAME_MAX_BYTES),
    NAMED(4, "reason", NAME_MAX_BYTES), /* a reference; it names nobody whose record goes */
    TEXT(5, "confirmed_by", NAME_MAX_BYTES),
};

static const struct field overwrite_review_fields[] = {
    INT(1, "kind", INT32_MAX, true),
    INT(2, "field", INT32_MAX, true),
};

static const struct field host_fields[] = {
    REF(1, "ref"),
    NAMED(2, "name", NAME_MAX_BYTES),
    INT(3, "quota", PLACES_MAX, false), /* mandated people at a time */
    SECRET(4, "contact", NAME_MAX_BYTES),
    TEXT(5, "address", NOTE_MAX_BYTES),
    TEXT(6, "note", NOTE_MAX_BYTES),
};

static const struct field opportunity_fields[] = {
    REF(1, "ref"),
    ID(2, "host", true),
    TEXT(3, "title", NAME_MAX_BYTES),
    INT(4, "places", PLACES_MAX, false),
    INT(5, "supervisor_minutes", PLACES_MAX * 60, false), /* a week */
    INT(6, "people_per_supervisor", 99, false),
    TEXT(7, "pattern", PATTERN_TEXT_MAX),
    TEXT(8, "community_benefit", NOTE_MAX_BYTES),
    TEXT(9, "additionality", NOTE_MAX_BYTES), /* why it takes nobody's job */
    TEXT(10, "assessed_by", NAME_MAX_BYTES),
    DATE(11, "assessed_on", false),
    BOOL(12, "volunteers_too"),
    DATE(13, "closed_on", false),
    TEXT(14, "note", NOTE_MAX_BYTES),
};

static const struct field contact_attempt_fields[] = {
    ID(1, "participant", true),        ID(2, "placement", false),    DATE(3, "day", true),
    TIME(4, "at_min", false),          CODE(5, "means", true, NULL), CODE(6, "outcome", true, NULL),
    DATE(7, "about_day", false), /* of the session that it was about */
    SECRET(8, "note", NOTE_MAX_BYTES),
};

static const struct field circumstance_change_fields[] = {
    ID(1, "participant", true),        DATE(2, "starts_on", true), DATE(3, "ends_on", false),
    SECRET_CODE(4, "what", true),      ID(5, "placement", false),  DATE(6, "told_jcp_on", false),
    SECRET(7, "note", NOTE_MAX_BYTES),
};

static const struct field job_search_fields[] = {
    ID(1, "placement", true),
    DATE(2, "week", true), /* its Monday */
    INT(3, "minutes", WEEK_MINUTES, true),
    SECRET(4, "note", NOTE_MAX_BYTES),
};

static const struct field placement_break_fields[] = {
    ID(1, "placement", true),       DATE(2, "starts_on", true),        DATE(3, "ends_on", true),
    SECRET_CODE(4, "reason", true), SECRET(5, "note", NOTE_MAX_BYTES),
};

static const struct field flag_review_fields[] = {
    NAMED(1, "flag", FLAG_KEY_SIZE - 1), /* its key */
    ID(2, "placement", false),
    DATE(3, "day", false),
    INT(4, "slot", PATTERN_SLOTS_MAX - 1, false),
    CODE(5, "outcome", true, NULL),
    SECRET(6, "answers", NOTE_MAX_BYTES),
    DATE(7, "look_again_on", false),
    SECRET(8, "note", NOTE_MAX_BYTES),
};

static const struct field redress_fields[] = {
    ID(1, "participant", true),
    CODE(2, "form", true, redress_codes),
    ID(3, "decision", false),
    ID(4, "referral", false),
    DATE(5, "made_on", false), /* left out: meant to be made */
    CODE(6, "outcome", false, NULL),
    DATE(7, "outcome_on", false),
    TEXT(8, "helped_by", NAME_MAX_BYTES),
    SECRET(9, "note", NOTE_MAX_BYTES),
};

static const struct field message_fields[] = {
    FIELD(1, "body", FIELD_TEXT, NOTE_MAX_BYTES, true, true, NULL),
    DATE(2, "sent_on", true),
    ID(3, "participant", false),
    ID(4, "referral", false),
    ID(5, "reply_to", false),
    CODE(6, "about", false, NULL),
};

static const struct field policy_decision_fields[] = {
    REF(1, "ref"),
    NAMED(2, "title", NAME_MAX_BYTES),
    CODE(3, "decision", true, policy_codes),
    NAMED(4, "decided_by", NAME_MAX_BYTES),
    DATE(5, "decided_on", true),
    NAMED(6, "reason", NOTE_MAX_BYTES),
    CODE(7, "route", false, NULL),
    ID(8, "contract", false),
    DATE(9, "review_on", false),
    TEXT(10, "note", NOTE_MAX_BYTES),
};

static const struct field contract_fields[] = {
    REF(1, "ref"),
    TEXT(2, "prime", NAME_MAX_BYTES),
    CODE(3, "form", true, contract_codes),
    CODE(4, "route", false, NULL),
    DATE(5, "starts_on", true),
    DATE(6, "ends_on", false),
    INT(7, "units", INT32_MAX, false), /* bought */
    CODE(8, "unit", false, NULL),
    INT(9, "price_pence", INT32_MAX, false),       /* of a person in full, of a unit, or of the block */
    INT(10, "share_permille", 1000, false),        /* of it that the prime passes on */
    INT(11, "cost_pence", INT32_MAX, false),       /* of a placement, to the charity */
    INT(12, "fixed_cost_pence", INT32_MAX, false), /* a year */
    TEXT(13, "note", NOTE_MAX_BYTES),
};

static const struct field milestone_fields[] = {
    ID(1, "placement", true),
    CODE(2, "payment_trigger", true, NULL), /* of the programme pack */
    DATE(3, "reached_on", true),
    ID(4, "contract", false),
    TEXT(5, "evidence", NAME_MAX_BYTES),
    SECRET(6, "note", NOTE_MAX_BYTES),
};

static const struct field claim_fields[] = {
    ID(1, "contract", true),
    ID(2, "placement", false),
    CODE(3, "payment_trigger", true, NULL),
    INT(4, "amount_pence", INT32_MAX, true),
    DATE(5, "claimed_on", true),
    INT(6, "paid_pence", INT32_MAX, false),
    DATE(7, "paid_on", false),
    DATE(8, "refused_on", false),
    CODE(9, "reason", false, NULL),
    TEXT(10, "invoice", ROW_REF_SIZE - 1),
    TEXT(11, "note", NOTE_MAX_BYTES),
};

static const struct field service_use_fields[] = {
    ID(1, "contract", true),          ID(2, "referral", true),         DATE(3, "day", true),
    INT(4, "units", INT32_MAX, true), TEXT(5, "what", NAME_MAX_BYTES), SECRET(6, "note", NOTE_MAX_BYTES),
};

static const struct field same_person_fields[] = {
    ID(1, "participant", true), /* the record that stays in use */
    BOOL(2, "undone"),
    NAMED(3, "decided_by", NAME_MAX_BYTES),
    NAMED(4, "reason", NAME_MAX_BYTES),
};

static const struct field compliance_doubt_fields[] = {
    ID(1, "placement", true),
    DATE(2, "day", true),
    INT(3, "slot", PATTERN_SLOTS_MAX - 1, true),
    NAMED(4, "reviewer", NAME_MAX_BYTES),
    ID(5, "review", true), /* the flag_review in which the good-reason questions were answered */
    ID(6, "notice", true),
    INT(7, "exposure_weeks", 520, true), /* as previewed from JCP's decisions */
    ID(8, "earlier_decision", false),    /* that it rests on */
    FIELD(9, "answers", FIELD_TEXT, NOTE_MAX_BYTES, true, true, NULL),
    BOOL(10, "confirmed"),
    NAMED(11, "evidence", 2 * SHA256_BYTES), /* SHA-256 of the pack's manifest, in hex */
    SECRET(12, "note", NOTE_MAX_BYTES),
};

static const char *const doubt_status_codes[] = { "withdrawn", "received", "returned", NULL };

static const struct field doubt_event_fields[] = {
    CODE(1, "status", true, doubt_status_codes),
    DATE(2, "on", true),
    CODE(3, "reason", false, NULL),
    TEXT(4, "by", NAME_MAX_BYTES),
    SECRET(5, "note", NOTE_MAX_BYTES),
};

#define KIND(number, name, writers, subject_len, fields)                                                               \
    {                                                                                                                  \
        (number), (name), (writers), (subject_len), (fields), ARRAY_LEN(fields)                                        \
    }

static const struct kind kinds[] = {
    KIND(KIND_PARTICIPANT, "participant", WRITER_ORGANISATION | WRITER_CENTRE, OP_ENTITY_BYTES, participant_fields),
    KIND(KIND_REFERRAL, "referral", WRITER_ORGANISATION | WRITER_CENTRE, OP_ENTITY_BYTES, referral_fields),
    KIND(KIND_REFERRAL_EVENT, "referral_event", WRITER_ORGANISATION | WRITER_CENTRE, OP_ENTITY_BYTES,
         referral_event_fields),
    KIND(KIND_PLACEMENT, "placement", WRITER_ORGANISATION, OP_ENTITY_BYTES, placement_fields),
    KIND(KIND_ATTENDANCE, "attendance", WRITER_ORGANISATION, OP_SESSION_BYTES, attendance_fields),
    KIND(KIND_NOTICE, "notice", WRITER_ORGANISATION, OP_ENTITY_BYTES, notice_fields),
    KIND(KIND_CAPACITY_STATEMENT, "capacity_statement", WRITER_ORGANISATION, OP_ENTITY_BYTES, capacity_fields),
    KIND(KIND_APPOINTMENT, "appointment", WRITER_CENTRE, OP_ENTITY_BYTES, appointment_fields),
    KIND(KIND_DECISION, "decision", WRITER_CENTRE, OP_ENTITY_BYTES, decision_fields),
    KIND(KIND_ERASURE, "erasure", WRITER_ORGANISATION | WRITER_CENTRE, OP_ENTITY_BYTES, erasure_fields),
    KIND(KIND_OVERWRITE_REVIEW, "overwrite_review", WRITER_ORGANISATION, OP_ENTITY_BYTES, overwrite_review_fields),
    KIND(KIND_HOST, "host", WRITER_ORGANISATION, OP_ENTITY_BYTES, host_fields),
    KIND(KIND_OPPORTUNITY, "opportunity", WRITER_ORGANISATION, OP_ENTITY_BYTES, opportunity_fields),
    KIND(KIND_CONTACT_ATTEMPT, "contact_attempt", WRITER_ORGANISATION, OP_ENTITY_BYTES, contact_attempt_fields),
    KIND(KIND_CIRCUMSTANCE_CHANGE, "circumstance_change", WRITER_ORGANISATION, OP_ENTITY_BYTES,
         circumstance_change_fields),
    KIND(KIND_JOB_SEARCH, "job_search", WRITER_ORGANISATION, OP_ENTITY_BYTES, job_search_fields),
    KIND(KIND_PLACEMENT_BREAK, "placement_break", WRITER_ORGANISATION, OP_ENTITY_BYTES, placement_break_fields),
    KIND(KIND_FLAG_REVIEW, "flag_review", WRITER_ORGANISATION, OP_ENTITY_BYTES, flag_review_fields),
    KIND(KIND_REDRESS, "redress", WRITER_ORGANISATION, OP_ENTITY_BYTES, redress_fields),
    KIND(KIND_MESSAGE, "message", WRITER_ORGANISATION | WRITER_CENTRE, OP_ENTITY_BYTES, message_fields),
    KIND(KIND_POLICY_DECISION, "policy_decision", WRITER_ORGANISATION, OP_ENTITY_BYTES, policy_decision_fields),
    KIND(KIND_CONTRACT, "contract", WRITER_ORGANISATION, OP_ENTITY_BYTES, contract_fields),
    KIND(KIND_MILESTONE, "milestone", WRITER_ORGANISATION, OP_ENTITY_BYTES, milestone_fields),
    KIND(KIND_CLAIM, "claim", WRITER_ORGANISATION, OP_ENTITY_BYTES, claim_fields),
    KIND(KIND_SERVICE_USE, "service_use", WRITER_ORGANISATION, OP_ENTITY_BYTES, service_use_fields),
    KIND(KIND_SAME_PERSON, "same_person", WRITER_ORGANISATION, OP_ENTITY_BYTES, same_person_fields),
    KIND(KIND_COMPLIANCE_DOUBT, "compliance_doubt", WRITER_ORGANISATION, OP_ENTITY_BYTES, compliance_doubt_fields),
    KIND(KIND_DOUBT_EVENT, "doubt_event", WRITER_ORGANISATION | WRITER_CENTRE, OP_ENTITY_BYTES, doubt_event_fields),
};

const struct kind *kind_by_number(uint32_t number)
{
    return number >= 1 && number <= ARRAY_LEN(kinds) ? &kinds[number - 1] : NULL;
}

const struct kind *kind_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

const struct kind *kind_at(size_t index)
{
    return index < ARRAY_LEN(kinds) ? &kinds[index] : NULL;
}

int kind_field_index(const struct kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        if (strcmp(kind->fields[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void record_init(struct record *record, const struct kind *kind)
{
    CHECK(kind != NULL && kind->field_count <= RECORD_FIELDS_MAX);
    *record = (struct record){ .kind = kind };
}

struct value *record_value(struct record *record, const char *name)
{
    int index = kind_field_index(record->kind, name);
    CHECK(index >= 0);
    return &record->values[index];
}

void record_set_text(struct record *record, const char *name, const char *text)
{
    if (text != NULL) {
        *record_value(record, name) = (struct value){ .present = true, .text = slice_of_text(text) };
    }
}

void record_set_number(struct record *record, const char *name, int64_t number)
{
    *record_value(record, name) = (struct value){ .present = true, .number = number };
}

void record_set_id(struct record *record, const char *name, const uint8_t id[OP_ENTITY_BYTES])
{
    *record_value(record, name) = (struct value){ .present = true, .text = slice_of(id, OP_ENTITY_BYTES) };
}

/* ---- checking ---- */

static bool code_shape(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return true;
}

/* Unknown codes of a newer pack are kept; only the shape is fixed. Closed lists are those that guard rails rest on. */
static enum err_code check_code(const struct field *field, struct slice text, struct error *err)
{
    if (text.len == 0 || text.len > field->max || !code_shape(text)) {
        return FAIL(err, INVALID, "field '%s': expected a code of 1 to %u lower-case letters, digits and underscores",
                    field->name, field->max);
    }
    if (field->codes == NULL) {
        return ERR_OK;
    }
    struct buf known;
    buf_init(&known, 256);
    for (const char *const *code = field->codes; *code != NULL; code++) {
        if (slice_equal(text, slice_of_text(*code))) {
            buf_fini(&known);
            return ERR_OK;
        }
        (void)!buf_append_format(&known, err, "%s%s", known.len > 0 ? ", " : "", *code);
    }
    enum err_code rc =
        FAIL(err, INVALID, "field '%s': expected one of %.*s", field->name, (int)known.len, (const char *)known.data);
    buf_fini(&known);
    return rc;
}

static enum err_code check_text(const struct field *field, struct slice text, struct error *err)
{
    if (text.len > field->max) {
        return FAIL(err, INVALID, "field '%s': expected at most %u bytes", field->name, field->max);
    }
    if (text.len > 0 && (memchr(text.data, '\0', text.len) != NULL || !utf8_valid(text))) {
        return FAIL(err, INVALID, "field '%s': expected utf-8 text", field->name);
    }
    return ERR_OK;
}

static enum err_code check_number(const struct field *field, int64_t number, int64_t min, int64_t max,
                                  struct error *err)
{
    if (number < min || number > max) {
        return FAIL(err, INVALID, "field '%s': expected a number from %lld to %lld", field->name, (long long)min,
                    (long long)max);
    }
    return ERR_OK;
}

static enum err_code check_value(const struct field *field, const struct value *value, struct error *err)
{
    switch (field->type) {
    case FIELD_TEXT:
        return check_text(field, value->text, err);
    case FIELD_CODE:
        return check_code(field, value->text, err);
    case FIELD_INT:
        return check_number(field, value->number, 0, field->max, err);
    case FIELD_DATE:
        return check_number(field, value->number, date_from_civil(1900, 1, 1), date_from_civil(2200, 12, 31), err);
    case FIELD_TIME:
        return check_number(field, value->number, 0, 24 * 60, err);
    case FIELD_BOOL:
        return check_number(field, value->number, 0, 1, err);
    case FIELD_ID:
        return value->text.len == OP_ENTITY_BYTES
                   ? ERR_OK
                   : FAIL(err, INVALID, "field '%s': expected an id of %d bytes", field->name, OP_ENTITY_BYTES);
    }
    CHECK(false);
}

static bool ref_is_empty(const struct field *field, const struct value *value)
{
    return field->required && field->type == FIELD_TEXT && value->text.len == 0;
}

static int64_t number_or(const struct record *record, const char *name, int64_t otherwise)
{
    const struct value *value = &record->values[kind_field_index(record->kind, name)];
    return value->present ? value->number : otherwise;
}

/* What no single field shows. */
static enum err_code check_together(const struct record *record, struct error *err)
{
    if (record->kind->number == KIND_ATTENDANCE && number_or(record, "outcome", OUTCOME_ATTENDED) == OUTCOME_NONE) {
        return FAIL(err, INVALID,
                    "field 'outcome': expected an outcome; to leave a session unrecorded, record nothing");
    }
    if (kind_field_index(record->kind, "starts_on") >= 0 && kind_field_index(record->kind, "ends_on") >= 0 &&
        number_or(record, "ends_on", INT32_MAX) < number_or(record, "starts_on", INT32_MIN)) {
        return FAIL(err, INVALID, "field 'ends_on': expected a date not before 'starts_on'");
    }
    if (record->kind->number == KIND_JOB_SEARCH &&
        date_weekday((int32_t)number_or(record, "week", date_from_civil(2014, 4, 28))) != 1) {
        return FAIL(err, INVALID, "field 'week': expected a Monday");
    }
    if (record->kind->number == KIND_APPOINTMENT &&
        number_or(record, "ends_min", INT32_MAX) <= number_or(record, "starts_min", INT32_MIN)) {
        return FAIL(err, INVALID, "field 'ends_min': expected a time after 'starts_min'");
    }
    return ERR_OK;
}

static enum err_code check_pattern(const struct record *record, struct error *err)
{
    int index = kind_field_index(record->kind, "pattern");
    if (index < 0 || !record->values[index].present) {
        return ERR_OK;
    }
    char text[PATTERN_TEXT_MAX + 1];
    struct slice given = record->values[index].text;
    memcpy(text, given.data, given.len);
    text[given.len] = '\0';
    struct pattern unused;
    enum err_code rc = pattern_parse(text, &unused, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, ERR_INVALID, "field 'pattern'");
}

enum err_code record_check(const struct record *record, bool complete, struct error *err)
{
    for (size_t i = 0; i < record->kind->field_count; i++) {
        const struct field *field = &record->kind->fields[i];
        const struct value *value = &record->values[i];
        if (complete && field->required && !value->present) {
            return FAIL(err, INVALID, "field '%s': missing", field->name);
        }
        if (!value->present) {
            continue;
        }
        TRY(check_value(field, value, err));
        if (ref_is_empty(field, value)) {
            return FAIL(err, INVALID, "field '%s': must not be empty", field->name);
        }
    }
    TRY(check_together(record, err));
    return check_pattern(record, err);
}

/* ---- body ---- */

static void put_value(struct dcbor_writer *w, const struct field *field, const struct value *value)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        dcbor_put_text(w, value->text);
        return;
    case FIELD_INT:
    case FIELD_DATE:
    case FIELD_TIME:
        dcbor_put_int(w, value->number);
        return;
    case FIELD_BOOL:
        dcbor_put_bool(w, value->number != 0);
        return;
    case FIELD_ID:
        dcbor_put_bytes(w, value->text.data, value->text.len);
        return;
    }
}

enum err_code record_encode(const struct record *record, struct buf *out, struct error *err)
{
    size_t present = 0;
    for (size_t i = 0; i < record->kind->field_count; i++) {
        present += record->values[i].present;
    }
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_map(&w, present);
    for (size_t i = 0; i < record->kind->field_count; i++) { /* the table is in ascending field numbers */
        if (record->values[i].present) {
            dcbor_put_uint(&w, record->kind->fields[i].number);
            put_value(&w, &record->kind->fields[i], &record->values[i]);
        }
    }
    return dcbor_writer_end(&w);
}

static struct value get_value(struct dcbor_reader *r, const struct field *field)
{
    struct value value = { .present = true };
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        value.text = dcbor_get_text(r, field->max);
        break;
    case FIELD_INT:
    case FIELD_DATE:
    case FIELD_TIME:
        value.number = dcbor_get_int(r, INT32_MIN + 1, INT32_MAX);
        break;
    case FIELD_BOOL:
        value.number = dcbor_get_bool(r);
        break;
    case FIELD_ID:
        value.text = dcbor_get_bytes(r, OP_ENTITY_BYTES, OP_ENTITY_BYTES);
        break;
    }
    return value;
}

static const struct field *field_by_number(const struct kind *kind, uint64_t number, size_t *ret_index)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].number == number) {
            *ret_index = i;
            return &kind->fields[i];
        }
    }
    return NULL;
}

enum err_code record_decode(const struct kind *kind, struct slice body, struct record *ret_record, struct error *err)
{
    struct record record;
    record_init(&record, kind);
    struct dcbor_reader r = dcbor_reader_begin(body, err);
    size_t pairs = dcbor_get_map(&r, 256);
    uint64_t last = 0;
    for (size_t i = 0; i < pairs && dcbor_ok(&r); i++) {
        uint64_t number = dcbor_get_uint(&r, UINT32_MAX);
        if (i > 0 && number <= last) {
            dcbor_reject(&r, "fields are not in ascending order");
        }
        last = number;
        size_t index;
        const struct field *field = field_by_number(kind, number, &index);
        if (field != NULL) {
            record.values[index] = get_value(&r, field);
        } else {
            (void)dcbor_skip(&r);
        }
    }
    TRY(dcbor_reader_end(&r));
    *ret_record = record;
    return ERR_OK;
}

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
           kind == KIND_COMPLIANCE_DOUBT || kind == KIND_DOUBT_EVENT;
}

static enum err_code admit_erasure(const struct op *op, const struct record *record, enum record_writer writer,
                                   struct error *err)
{
    const struct kind *kind = kind_by_number((uint32_t)number_or(record, "kind", 0));
    if (kind == NULL) {
        return FAIL(err, UNSUPPORTED, "take an erasure of records of a kind that this version does not know");
    }
    if (kind->number == KIND_ERASURE || kind->number == KIND_OVERWRITE_REVIEW) {
        return FAIL(err, REFUSED, "take an erasure of an erasure or a review: that something went stays known");
    }
    if (kind->number == KIND_DOUBT_EVENT) {
        return FAIL(err, REFUSED, "take an erasure of what became of a doubt: it goes with the doubt alone");
    }
    if ((kind->writers & (unsigned)writer) == 0) {
        return FAIL(err, REFUSED, "take an erasure of a %s by %s: only who may write it may erase it", kind->name,
                    writer == WRITER_CENTRE ? "the centre" : "an organisation");
    }
    if ((op->subject_len == OP_SESSION_BYTES) != (kind->number == KIND_ATTENDANCE)) {
        return FAIL(err, INVALID, "take an erasure of a %s: its subject is of another kind", kind->name);
    }
    if (op->supersedes_count > 1) {
        return FAIL(err, INVALID, "take an erasure: it names %zu records, expected one at most", op->supersedes_count);
    }
    return ERR_OK;
}

/* Guard rail 1: nothing becomes a doubt that nobody has confirmed, and none goes without its evidence. */
static enum err_code admit_doubt(const struct record *record, struct error *err)
{
    struct slice evidence = record->values[kind_field_index(record->kind, "evidence")].text;
    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1] = "";
    if (number_or(record, "confirmed", 0) == 0) {
        return FAIL(err, REFUSED, "take a compliance doubt that its reviewer has not confirmed");
    }
    if (record->values[kind_field_index(record->kind, "answers")].text.len == 0) {
        return FAIL(err, REFUSED, "take a compliance doubt without answers to the good-reason questions");
    }
    memcpy(text, evidence.data, evidence.len);
    return hex_decode(text, digest, SHA256_BYTES)
               ? ERR_OK
               : FAIL(err, INVALID, "field 'evidence': expected %d hexadecimal digits", 2 * SHA256_BYTES);
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
    case KIND_COMPLIANCE_DOUBT:
        return admit_doubt(record, err);
    case KIND_DOUBT_EVENT:
        return admit_doubt_event(record, writer, err);
    case KIND_OVERWRITE_REVIEW:
        return op->supersedes_count == 2
                   ? ERR_OK
                   : FAIL(err, INVALID, "take a review of an overwrite: it names two records, the old and the new");
    default:
        return ERR_OK;
    }
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
    struct erasure erasure = { .kind = (uint32_t)number_or(&record, "kind", 0),
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
