/*
 * The kinds of records and their fields: the one table behind the log, the tables, the exchange, the API and the
 * dictionary (RECORDS.md).
 */
#include <string.h>

#include "store/record.h"

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
        (number), (name), (type), (max), (required), (sensitive), (codes), false, false                                \
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
#define BYTES(number, name, max) FIELD(number, name, FIELD_BYTES, max, true, false, NULL)
#define ID(number, name, required) FIELD(number, name, FIELD_ID, 0, required, false, NULL)
/* Whose it is, which no later record changes. */
#define LASTING_ID(number, name, required)                                                                             \
    {                                                                                                                  \
        (number), (name), FIELD_ID, 0, (required), false, NULL, true, false                                            \
    }

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
    { 2, "participant", FIELD_ID, 0, true, false, NULL, .lasting = true, .of_centre = true },
    CODE(3, "route", true, NULL), /* of the programme pack */
    { 4, "basis", FIELD_CODE, ROW_CODE_SIZE - 1, true, false, basis_codes, .of_centre = true },
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
    LASTING_ID(2, "participant", true),
    LASTING_ID(3, "referral", false),
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
    ID(5, "confirms", false), /* the record that somebody else found to be the same person's */
    TEXT(6, "confirmed_by", NAME_MAX_BYTES),
    TEXT(7, "confirmed_how", NAME_MAX_BYTES),
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
    NAMED(13, "programme", ROW_REF_SIZE - 1), /* the pack by which it is judged, on every replica and at the centre */
    INT(14, "programme_version", INT32_MAX, true),
    NAMED(15, "programme_sha256", 2 * SHA256_BYTES),
};

static const char *const doubt_status_codes[] = { "withdrawn", "received", "returned", NULL };

static const struct field doubt_event_fields[] = {
    CODE(1, "status", true, doubt_status_codes),
    DATE(2, "on", true),
    CODE(3, "reason", false, NULL),
    TEXT(4, "by", NAME_MAX_BYTES),
    SECRET(5, "note", NOTE_MAX_BYTES),
};

static const struct field programme_pack_fields[] = {
    NAMED(1, "name", ROW_REF_SIZE - 1),     INT(2, "version", INT32_MAX, true),
    DATE(3, "in_force_from", true),         NAMED(4, "sha256", 2 * SHA256_BYTES), /* of the JSON, in hex */
    BYTES(5, "pack", PROGRAMME_PACKED_MAX),                                       /* the JSON, see programme_compress */
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
    KIND(KIND_PROGRAMME_PACK, "programme_pack", WRITER_CENTRE, OP_ENTITY_BYTES, programme_pack_fields),
};

const struct kind *kind_by_number(uint32_t number)
{
    return number >= 1 && number <= ARRAY_LEN(kinds) ? &kinds[number - 1] : NULL;
}

bool field_names_kind(const struct kind *kind, const struct field *field)
{
    return (kind->number == KIND_ERASURE || kind->number == KIND_OVERWRITE_REVIEW) && strcmp(field->name, "kind") == 0;
}

const struct kind *kind_named(const struct kind *kind, const struct field *field, int64_t number)
{
    return field_names_kind(kind, field) && number >= 0 && number <= UINT32_MAX ? kind_by_number((uint32_t)number)
                                                                                : NULL;
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
