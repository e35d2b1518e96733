/*
 * store/record - the kinds of records and their fields: one table that the log, the tables, the exchange and the API
 * share.
 *
 * Kind and field numbers are in signed history and never change or get used again. Unknown kinds and fields are kept,
 * passed on and shown as such. Who may write a kind is decided here and nowhere else (guard rails 3 and 5): volunteers
 * have no kind, so that their records cannot enter the log.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/op.h"
#include "store/rows.h"

enum record_kind {
    KIND_PARTICIPANT = 1,
    KIND_REFERRAL = 2,
    KIND_REFERRAL_EVENT = 3, /* subject: the referral */
    KIND_PLACEMENT = 4,
    KIND_ATTENDANCE = 5, /* subject: the session */
    KIND_NOTICE = 6,
    KIND_CAPACITY_STATEMENT = 7,
    KIND_APPOINTMENT = 8,       /* the centre's only: JCP appointment or signing time */
    KIND_DECISION = 9,          /* the centre's only */
    KIND_ERASURE = 10,          /* subject: what loses its bodies; see erasure_read */
    KIND_OVERWRITE_REVIEW = 11, /* subject: the record; names the op whose value went and the one that took its place */
    KIND_HOST = 12,
    KIND_OPPORTUNITY = 13,
    KIND_CONTACT_ATTEMPT = 14,
    KIND_CIRCUMSTANCE_CHANGE = 15,
    KIND_JOB_SEARCH = 16, /* subject: made of the placement and the week */
    KIND_PLACEMENT_BREAK = 17,
    KIND_FLAG_REVIEW = 18,
    KIND_REDRESS = 19,
    KIND_MESSAGE = 20,
    KIND_POLICY_DECISION = 21,
    KIND_CONTRACT = 22,
    KIND_MILESTONE = 23, /* subject: made of the placement and the trigger */
    KIND_CLAIM = 24,
    KIND_SERVICE_USE = 25,
    KIND_SAME_PERSON = 26, /* subject: the participant that is the duplicate */
    KIND_COMPLIANCE_DOUBT = 27,
    KIND_DOUBT_EVENT = 28,    /* subject: the doubt */
    KIND_PROGRAMME_PACK = 29, /* the centre's only; subject: the first bytes of the SHA-256 of its JSON */
};

/* Raised whenever record_admit takes what it refused before, or knows another kind: what was set aside by an older
 * version is then judged again. */
#define RECORD_RULES 4

enum record_writer { WRITER_ORGANISATION = 1, WRITER_CENTRE = 2 };

enum field_type {
    FIELD_TEXT, /* UTF-8, at most `max` bytes */
    FIELD_CODE, /* lower-case snake text of at most ROW_CODE_SIZE - 1 bytes; `codes` lists the known ones (NULL: any) */
    FIELD_INT,  /* 0 to `max` */
    FIELD_DATE, /* day number, 1900 to 2200 */
    FIELD_TIME, /* minutes since midnight, 0 to 1440 */
    FIELD_BOOL,
    FIELD_ID,    /* entity, 16 bytes */
    FIELD_BYTES, /* at most `max`; shown as how many they are */
};

struct field {
    uint32_t number;
    const char *name; /* also the column and the JSON member */
    enum field_type type;
    uint32_t max;
    bool required;            /* in the first op of a subject that makes sense of it; see record_check */
    bool sensitive;           /* for those who need it: never in a log file, an error or a flag's text */
    const char *const *codes; /* NULL-terminated */
    bool lasting;             /* of several records about a subject the first that says it stands, not the newest */
    bool of_centre;           /* once the centre has said it, what an organisation says stands nowhere */
};

#define RECORD_FIELDS_MAX 16

struct kind {
    uint32_t number;
    const char *name;
    unsigned writers;    /* enum record_writer, or'ed */
    uint8_t subject_len; /* OP_ENTITY_BYTES or OP_SESSION_BYTES */
    const struct field *fields;
    size_t field_count;
};

const struct kind *kind_by_number(uint32_t number); /* NULL: unknown */
const struct kind *kind_by_name(const char *name);
const struct kind *kind_at(size_t index);                        /* NULL past the end */
int kind_field_index(const struct kind *kind, const char *name); /* -1: unknown */
/* Does the field hold the number of a kind: of what an erasure took, or a review is about? */
bool field_names_kind(const struct kind *kind, const struct field *field);
/* That kind; NULL: it names none, or one that this version does not know. */
const struct kind *kind_named(const struct kind *kind, const struct field *field, int64_t number);

struct value {
    bool present;
    int64_t number;    /* INT, DATE, TIME, BOOL */
    struct slice text; /* TEXT, CODE, ID, BYTES; borrowed */
};

struct record {
    const struct kind *kind;
    struct value values[RECORD_FIELDS_MAX];
};

void record_init(struct record *record, const struct kind *kind);
/* By name; an unknown name is our own bug. */
struct value *record_value(struct record *record, const char *name);
void record_set_text(struct record *record, const char *name, const char *text); /* borrowed; NULL leaves it out */
void record_set_number(struct record *record, const char *name, int64_t number);
void record_set_id(struct record *record, const char *name, const uint8_t id[OP_ENTITY_BYTES]);
int64_t record_number_or(const struct record *record, const char *name, int64_t otherwise); /* otherwise: not given */

/* Types, limits and known codes. ERR_INVALID names the field and what is expected. `complete`: required fields must be
 * there. */
MUST_USE enum err_code record_check(const struct record *record, bool complete, struct error *err);
/* A review of the flag that rests on volunteers (guard rail 3): no op is made of it, and none is taken. */
bool record_of_volunteers(const struct record *record);
/* One all the same, of an older version or a hostile device: it is set aside, and its body is not kept. */
bool op_of_volunteers(const struct op *op);
/* What cannot have happened yet when it is recorded (at_ms; a day is left for its time zone). ERR_REFUSED says so. */
MUST_USE enum err_code record_check_past(const struct record *record, int64_t at_ms, struct error *err);

/* ERR_INVALID: the ref of a person, a referral or a placement, or a person's name, has the shape of a National
 * Insurance number. A ref so is refused from anybody (record_check); a name, which somebody else may have sent, where
 * it is written. */
MUST_USE enum err_code record_check_ref(const struct record *record, struct error *err);
MUST_USE enum err_code record_check_name(const struct record *record, struct error *err);

MUST_USE enum err_code record_encode(const struct record *record, struct buf *out, struct error *err);
/* Unknown fields are skipped (they stay in the body). Values borrow from `body`. */
MUST_USE enum err_code record_decode(const struct kind *kind, struct slice body, struct record *ret_record,
                                     struct error *err);

/*
 * May a writer of this role put this op into the log? Pure in the op and the role, so that every replica and the centre
 * answer the same. ERR_REFUSED: not allowed; ERR_UNSUPPORTED: a kind this version does not know (kept, passed on, not
 * folded); ERR_INVALID: the body is not as specified. An erased body of a known kind is allowed.
 */
MUST_USE enum err_code record_admit(const struct op *op, enum record_writer writer, struct error *err);

/* Whose message an id belongs to: its first bit is set in those of the centre, so that neither side can put words into
 * a message of the other. */
void message_id(uint8_t random[OP_ENTITY_BYTES], enum record_writer writer);
bool message_of_centre(const uint8_t id[OP_ENTITY_BYTES]);

/*
 * What an erasure takes the bodies of: every op of its kind about its subject (of a referral its events too, of a
 * placement the assertions about its sessions), or the one op that it supersedes; only of its own side (an
 * organisation's those of organisations, the centre's its own), only before its own logical time, and never of another
 * erasure. What became of a doubt is erased by the centre alone by itself; an organisation's goes with its doubt.
 * Nothing of it is in a body that could be erased, so that every replica comes to the same whatever arrived first.
 */
struct erasure {
    uint32_t kind;
    enum record_writer writer;
    uint8_t subject[OP_SUBJECT_MAX];
    uint8_t subject_len;
    uint64_t hlc;
    bool one; /* only `op` */
    struct op_id op;
};

/* Whether this side may erase records of the kind by themselves; ERR_REFUSED or ERR_UNSUPPORTED says why not. */
MUST_USE enum err_code record_may_erase(uint32_t number, enum record_writer writer, struct error *err);
/* Of an op that record_admit allows. */
MUST_USE enum err_code erasure_read(const struct op *op, enum record_writer writer, struct erasure *ret_erasure,
                                    struct error *err);
bool erasure_covers(const struct erasure *erasure, const struct op *op, enum record_writer writer);
/* The kinds whose ops an erasure of `kind` covers are those for which this is true. */
bool erasure_kind_covers(uint32_t kind, uint32_t op_kind);
/* The op that it names is held, and is none that it may erase: it never takes effect. ERR_REFUSED says why. */
MUST_USE enum err_code erasure_fits(const struct erasure *erasure, const struct op *named, enum record_writer writer,
                                    struct error *err);

#endif
