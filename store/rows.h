/*
 * store/rows - what the tables hold, as plain values: read by queries, judged by the rules.
 *
 * Texts are NUL-terminated UTF-8, cut never (the log's limits are the sizes here). Optional days and times are
 * ROW_NONE.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/programme/programme.h"

#define ROW_NONE INT32_MIN
#define ROW_ID_BYTES 16
#define ROW_REF_SIZE 65
#define ROW_CODE_SIZE 41
#define ROW_NAME_SIZE 161
#define ROW_NOTE_SIZE 2001

struct row_id {
    uint8_t bytes[ROW_ID_BYTES];
};

enum basis { BASIS_UNKNOWN, BASIS_MANDATORY, BASIS_VOLUNTARY };

/* In the order of domain words; the numbers are in the log and never change. */
enum outcome {
    OUTCOME_NONE = 0, /* unrecorded */
    OUTCOME_ATTENDED = 1,
    OUTCOME_LATE = 2,
    OUTCOME_LEFT_EARLY = 3,
    OUTCOME_ABSENT_WITH_NOTICE = 4,
    OUTCOME_ABSENT = 5,
    OUTCOME_HOST_CLOSED = 6,
    OUTCOME_EXCUSED = 7,
    OUTCOME_COUNT
};

/* How a session stands once its assertions and JCP's own appointments are looked at together. */
enum standing {
    STANDING_UNRECORDED = 0, /* the host's gap; never counts against the person */
    STANDING_RECORDED = 1,   /* one head, or several that say the same */
    STANDING_DISPUTED = 2,   /* different heads */
    STANDING_EXCUSED = 3,    /* an absence that overlaps JCP's own appointment, or recorded as excused */
};

struct session_row {
    struct row_id placement;
    int32_t day;
    int slot;
    int starts_min; /* ROW_NONE when the session is not in the pattern (an extra one) */
    int ends_min;
    bool expected; /* in the placement's pattern, within its dates, not a bank holiday */
    enum standing standing;
    enum outcome outcome; /* of the head; for a dispute that of the newest head */
    int minutes;          /* worked; ROW_NONE when not said */
    char reason[ROW_CODE_SIZE];
    int heads;          /* different heads */
    bool overlaps_jcp;  /* JCP appointment or signing time of the person overlaps */
    int jcp_starts_min; /* of the first that overlaps; ROW_NONE */
    int jcp_ends_min;
    char jcp_purpose[ROW_CODE_SIZE];
    bool early;      /* what stands was recorded before the session began, when nobody could know */
    bool note_hints; /* words of an absence's note name one of the usual factors of good reason */
};

/* What its newest entry said is erased: nobody knows what the session was. */
static inline bool session_erased(const struct session_row *session)
{
    return session->heads > 0 && session->outcome == OUTCOME_NONE;
}

struct placement_row {
    struct row_id id;
    struct row_id participant;
    struct row_id referral; /* zero bytes when none */
    char ref[ROW_REF_SIZE];
    char participant_ref[ROW_REF_SIZE];
    char participant_name[ROW_NAME_SIZE];
    char host[ROW_NAME_SIZE];
    char role[ROW_NAME_SIZE];
    enum basis basis;
    enum calendar calendar;
    int32_t starts_on;
    int32_t ends_on;
    int weekly_minutes; /* agreed */
    char pattern[PATTERN_TEXT_MAX + 1];
    char note[ROW_NOTE_SIZE];
    struct row_id opportunity; /* zero bytes when none */
    int job_search_minutes;    /* agreed, a week; ROW_NONE */
    int sequence;              /* ROW_NONE */
};

/* The record of a person, and the one it stands for where somebody merged two (itself if not). */
struct participant_row {
    struct row_id id;
    struct row_id person;
    char ref[ROW_REF_SIZE];
    char name[ROW_NAME_SIZE];
    char address[ROW_NOTE_SIZE];
    char phone[ROW_NAME_SIZE];
};

/* A record that somebody said to be the duplicate of another. */
struct merge_row {
    struct row_id duplicate;
    struct row_id into;
    char duplicate_ref[ROW_REF_SIZE]; /* "": not on record here */
    char into_ref[ROW_REF_SIZE];
    char decided_by[ROW_NAME_SIZE];
    char reason[ROW_NAME_SIZE];
    char linked_by[ROW_NAME_SIZE]; /* who recorded it */
    bool linked_here;              /* at this machine */
    bool sure;                     /* somebody else, at another machine, confirmed it */
    char confirmed_by[ROW_NAME_SIZE];
};

struct merge_list {
    struct merge_row *rows;
    size_t count;
};

void merge_list_fini(struct merge_list *list);

/* Job search on record for one week. */
struct job_search_row {
    int32_t week; /* its Monday */
    int minutes;
};

/* Days on which something was different in the person's life. */
struct change_row {
    int32_t starts_on;
    int32_t ends_on; /* ROW_NONE: not known */
};

/* More running mandatory placements than a host or an opportunity has room for. */
struct crowd_row {
    char ref[ROW_REF_SIZE];
    bool host; /* else an opportunity */
    int allowed;
    int running;
    int32_t since; /* the first day of the placement that was one too many */
};

/* JCP's decision; only adverse ones that stand count towards exposure. */
struct decision_row {
    struct row_id id;
    int32_t failure_on; /* the day of the failure that was decided on */
    int32_t decided_on;
    char outcome[ROW_CODE_SIZE]; /* adverse, non_adverse, reserved, cancelled */
};

struct notice_row {
    struct row_id id;
    struct row_id placement;
    int32_t served_on;
    int32_t received_on; /* as stated, or as deemed by the pack */
    bool posted;
    bool says_what, says_when, says_where, says_mandatory, says_evidence, says_consequences;
};

struct referral_row {
    struct row_id id;
    struct row_id participant;
    char ref[ROW_REF_SIZE];
    char participant_ref[ROW_REF_SIZE];
    char participant_name[ROW_NAME_SIZE];
    char route[ROW_CODE_SIZE];  /* mir, cwp, dwsr */
    char status[ROW_CODE_SIZE]; /* domain words: received, acknowledged, accepted, declined, ... */
    char source[ROW_NAME_SIZE];
    enum basis basis;
    int32_t received_on;
    int32_t status_on;
    int weekly_minutes; /* ROW_NONE when not said */
    bool from_centre;   /* made by JCP's endpoint, not by an import */
    char note[ROW_NOTE_SIZE];
};

struct capacity_row {
    bool stated; /* is there any statement? */
    int32_t stated_on;
    int places;
    int supervisor_minutes; /* a week; ROW_NONE */
};

#define PENCE_NONE INT64_C(-1)

/* Terms of a contract. Amounts are PENCE_NONE, counts ROW_NONE, where they are not said. */
struct contract_row {
    struct row_id id;
    char ref[ROW_REF_SIZE];
    char prime[ROW_NAME_SIZE];
    char form[ROW_CODE_SIZE];  /* payment_by_results, spot_purchase, block */
    char route[ROW_CODE_SIZE]; /* "": any */
    char unit[ROW_CODE_SIZE];
    int32_t starts_on;
    int32_t ends_on;
    int units;                /* bought */
    int64_t price_pence;      /* a person in full, a unit, or the block */
    int share_permille;       /* that the prime passes on; ROW_NONE: all of it */
    int64_t cost_pence;       /* ours for a placement; of help, for a unit */
    int64_t fixed_cost_pence; /* ours a year, however many come */
};

struct claim_row {
    struct row_id id;
    struct row_id contract;
    struct row_id placement; /* zero bytes when none */
    char contract_ref[ROW_REF_SIZE];
    char placement_ref[ROW_REF_SIZE];
    char trigger[ROW_CODE_SIZE];
    char reason[ROW_CODE_SIZE];
    char invoice[ROW_REF_SIZE];
    int64_t amount_pence;
    int64_t paid_pence; /* PENCE_NONE with paid_on: all of it */
    int32_t claimed_on;
    int32_t paid_on;
    int32_t refused_on;
};

/* What a person recorded about a payment trigger. */
struct milestone_row {
    struct row_id placement;
    char trigger[ROW_CODE_SIZE];
    int32_t reached_on;
};

/*
 * A contract and what became of its people: somebody's mandatory placements under it, one after the other, are one
 * case. Counted are cases that began in the pack's viability window.
 */
struct contract_stand {
    struct contract_row contract;
    int cases;
    int running;
    int last_year;                /* cases that began in the last 364 days */
    int old_enough[TRIGGERS_MAX]; /* cases that by now have had the days of the trigger */
    int reached[TRIGGERS_MAX];    /* of those, that lasted so long */
};

/* The days of one placement. */
struct span_row {
    struct row_id placement;
    int32_t starts_on;
    int32_t ends_on;
};

/* A shift of one of the charity's own volunteers who is the placement's person, as far as this machine knows. Nothing
 * says whose: rules have no words of volunteers. */
struct shift_row {
    int32_t day;
    int starts_min;
    int ends_min;
};

/* Everything that the rules look at for one placement. Arrays are sorted by day, then slot. */
struct placement_facts {
    struct placement_row placement;
    int pattern_minutes;          /* a week by its pattern; ROW_NONE without one */
    const struct span_row *spans; /* the participant's mandatory placements, this one too, by first day, then id */
    size_t span_count;
    const struct session_row *sessions; /* at least those that a rule looks at today (store_placement_facts) */
    size_t session_count;
    int32_t first_came_on; /* the first day of a mandatory placement, or later, on which the person came; ROW_NONE */
    int32_t last_came_on;  /* of a mandatory one, up to today; ROW_NONE */
    const struct decision_row *decisions; /* of the participant */
    size_t decision_count;
    const struct notice_row *notices;
    size_t notice_count;
    const struct job_search_row *searches; /* of the placement, by week */
    size_t search_count;
    const struct change_row *changes; /* of the participant, by first day */
    size_t change_count;
    const struct day_span *breaks; /* days of rest, of the participant's mandatory placements, by first day */
    size_t break_count;
    const struct contract_row *contract; /* by results, which pays for the placement; NULL: none is known */
    const struct claim_row *claims;      /* for the participant's placements, by day */
    size_t claim_count;
    const struct milestone_row *milestones; /* recorded, of the participant's placements, by day */
    size_t milestone_count;
    const struct shift_row *shifts; /* at the same place; known on this machine alone */
    size_t shift_count;
    char opportunity_ref[ROW_REF_SIZE]; /* "" when it takes up none */
    char opportunity_title[ROW_NAME_SIZE];
    bool volunteers_too; /* volunteers do this as well */
};

#define FORECAST_WEEKS_MAX 26
#define OPEN_CLAIMS_MAX 400
#define CONTRACTS_MAX 500
#define ROUTES_MAX 16

/* Referrals received on one route. */
struct route_count {
    char route[ROW_CODE_SIZE];
    int count;
};

/* Everything that the rules look at for the whole site. */
struct site_facts {
    enum calendar calendar;
    struct capacity_row capacity;
    int placements_now;     /* running today */
    int placements_to_come; /* agreed, not yet started */
    int waiting;            /* referrals received or acknowledged, not yet answered */
    const int32_t *ends_on; /* of running and coming placements, ascending */
    size_t ends_count;
    const int32_t *starts_on; /* of coming placements, ascending */
    size_t starts_count;
    int started_in_week[FORECAST_WEEKS_MAX];   /* placements started: [0] the last 7 days up to today, [1] the 7 before,
                                                  ... */
    const struct referral_row *open_referrals; /* received, acknowledged, or accepted and not yet started */
    size_t open_count;
    struct route_count routes[ROUTES_MAX]; /* in the pack's window up to today, by code */
    size_t route_count;
    const struct contract_stand *contracts; /* by ref */
    size_t contract_count;
    const struct claim_row *open_claims; /* not refused and not paid in full, oldest first, at most OPEN_CLAIMS_MAX */
    size_t open_claim_count;
    const struct crowd_row *crowds; /* hosts, then opportunities, by ref */
    size_t crowd_count;
    int32_t heard_on; /* the day of the centre's newest word; 0: never heard. Of this machine only */
};

#define FLAG_KEY_SIZE 121
#define FLAG_CODE_SIZE 41
#define FLAG_TEXT_SIZE 601

/* Begins the key of the flag that rests on volunteers, whom one machine alone knows: neither it nor what is said of it
 * leaves that machine. */
#define FLAG_OF_VOLUNTEERS "conflation/"

enum severity { SEVERITY_INFO, SEVERITY_WATCH, SEVERITY_ACT };

enum flag_subject { FLAG_SUBJECT_SITE, FLAG_SUBJECT_PLACEMENT, FLAG_SUBJECT_SESSION, FLAG_SUBJECT_REFERRAL };

/* A reason for a person to look. `key` is stable and unique: the same facts have the same key on every machine. */
struct flag_row {
    char key[FLAG_KEY_SIZE]; /* code/subject, with the first day where one subject may have several */
    char code[FLAG_CODE_SIZE];
    enum severity severity;
    enum flag_subject subject;
    char subject_ref[ROW_REF_SIZE + 16]; /* as a person would name it: GDN-P014, GDN-P014@2026-11-20, R-1002, site */
    struct row_id subject_id;            /* zero for the site; the placement for a session */
    int32_t since;                       /* the day of the earliest fact */
    char facts[FLAG_TEXT_SIZE];          /* one sentence or two */
    char next_step[FLAG_TEXT_SIZE];
    char rule[FLAG_TEXT_SIZE]; /* what was compared with what, and its source */
};

const char *outcome_name(enum outcome outcome);
bool outcome_parse(const char *name, enum outcome *ret_outcome);
const char *standing_name(enum standing standing);
const char *severity_name(enum severity severity);
const char *flag_subject_name(enum flag_subject subject);
bool flag_of_volunteers(const char *key);
const char *basis_name(enum basis basis);

#endif
