/*
 * Records whose merged fields are the row, as they stand: a table each, named like the kind, with its fields as
 * columns.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/answers.h"
#include "store/fold_parts.h"
#include "store/query.h"

#define V7 "?1, ?2, ?3, ?4, ?5, ?6, ?7"
#define V8 V7 ", ?8"
#define V9 V8 ", ?9"
#define V10 V9 ", ?10"
#define V11 V10 ", ?11"
#define V12 V11 ", ?12"
#define V13 V12 ", ?13"
#define V14 V13 ", ?14"
#define V15 V14 ", ?15"
#define V16 V15 ", ?16"
#define V17 V16 ", ?17"

/* Placements that the rules must look at again, for the row as it was and as it is. */
#define BY_PLACEMENT(name)                                                                                             \
    "INSERT OR IGNORE INTO dirty_placement SELECT placement FROM " name " WHERE id = ?1 AND placement IS NOT NULL"
#define BY_LINK(name)                                                                                                  \
    "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement WHERE participant IN "                             \
    "(" SAME_PERSON("(SELECT participant FROM " name " WHERE id = ?1)") ")"
/* The person all of whose placements are, once for all that is said of them. */
#define BY_PERSON(name) "SELECT participant FROM " name " WHERE id = ?1"
#define BY_PERSON_PLACED(name)                                                                                         \
    "SELECT p.participant FROM " name " r JOIN placement p ON p.id = r.placement WHERE r.id = ?1"
/* Those whose referral names the contract, and those that it may pay for by its dates. */
#define BY_CONTRACT                                                                                                    \
    "INSERT OR IGNORE INTO dirty_placement SELECT p.id FROM contract k JOIN placement p ON p.basis = 'mandatory' "     \
    "LEFT JOIN referral r ON r.id = p.referral WHERE k.id = ?1 AND (r.contract = k.id OR (p.starts_on >= k.starts_on " \
    "AND (k.ends_on IS NULL OR p.starts_on <= k.ends_on)))"
#define BY_OPPORTUNITY "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement WHERE opportunity = ?1"
#define BY_HOST                                                                                                        \
    "INSERT OR IGNORE INTO dirty_placement SELECT p.id FROM opportunity o JOIN placement p ON p.opportunity = o.id "   \
    "WHERE o.host = ?1"

/* Any doubt may be judged by the pack, or should have been. */
#define BY_PACK                                                                                                        \
    "INSERT OR IGNORE INTO doubt_due SELECT d.id FROM programme_pack k CROSS JOIN compliance_doubt d WHERE k.id = ?1"

#define PLAIN(name, values, marks, site)                                                                               \
    {                                                                                                                  \
        "DELETE FROM " name " WHERE id = ?1", "INSERT OR REPLACE INTO " name " VALUES (" values ")", (marks), (site)   \
    }

static const struct plain {
    const char *take;
    const char *put;
    const char *marks; /* NULL: of no placement */
    bool site;         /* the site's flags are looked at again too */
} plains[] = {
    [KIND_HOST] = PLAIN("host", V9, BY_HOST, true),
    [KIND_OPPORTUNITY] = PLAIN("opportunity", V17, BY_OPPORTUNITY, true),
    [KIND_CONTACT_ATTEMPT] = PLAIN("contact_attempt", V12, BY_PERSON("contact_attempt"), false),
    [KIND_CIRCUMSTANCE_CHANGE] = PLAIN("circumstance_change", V10, BY_PERSON("circumstance_change"), false),
    [KIND_JOB_SEARCH] = PLAIN("job_search", V7, BY_PLACEMENT("job_search"), false),
    [KIND_PLACEMENT_BREAK] = PLAIN("placement_break", V8, BY_PERSON_PLACED("placement_break"), true),
    [KIND_FLAG_REVIEW] = PLAIN("flag_review", V13, BY_PLACEMENT("flag_review"), false),
    [KIND_REDRESS] = PLAIN("redress", V12, BY_PERSON("redress"), false),
    [KIND_MESSAGE] = PLAIN("message", V9, NULL, true),
    [KIND_POLICY_DECISION] = PLAIN("policy_decision", V13, NULL, true),
    [KIND_CONTRACT] = PLAIN("contract", V16, BY_CONTRACT, true),
    [KIND_MILESTONE] = PLAIN("milestone", V9, BY_PERSON_PLACED("milestone"), true),
    [KIND_CLAIM] = PLAIN("claim", V14, BY_PERSON_PLACED("claim"), true),
    [KIND_SERVICE_USE] = PLAIN("service_use", V9, NULL, true),
    [KIND_SAME_PERSON] = PLAIN("same_person", V13, BY_LINK("same_person"), true),
    [KIND_PROGRAMME_PACK] = PLAIN("programme_pack", V8, BY_PACK, true),
};

bool kind_is_plain(uint32_t kind)
{
    return kind < ARRAY_LEN(plains) && plains[kind].put != NULL;
}

/* The statement names people, or marks placements. */
static enum err_code mark(struct store *store, const struct plain *plain, struct slice subject, struct error *err)
{
    if (plain->marks == NULL) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, plain->marks, &s, err));
    bind_slice(s, 1, subject);
    if (sqlite3_column_count(s) == 0) {
        return db_run(&store->db, s, err);
    }
    bool row;
    uint8_t person[OP_ENTITY_BYTES];
    TRY(db_step(&store->db, s, &row, err));
    bool known = row && column_fixed(s, 0, person, sizeof(person));
    sqlite3_reset(s);
    return known ? fold_later(store, LATER_PERSON, slice_of(person, sizeof(person)), err) : ERR_OK;
}

/* Who said a version, and when. */
static enum err_code said_of(struct store *store, const struct version *version, struct said_since *ret,
                             struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, version->key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return oplog_damaged(version->key, err);
    }
    enum err_code rc = op_header_decode(column_slice(s, 0), &op, supersedes, err);
    if (rc == ERR_OK) {
        *ret = (struct said_since){ .at_ms = op.recorded_at_ms, .offset_ms = op.offset_ms };
        memcpy(ret->by, op.actor.data, op.actor.len);
    }
    sqlite3_reset(s);
    return rc;
}

enum err_code bind_said(struct store *store, sqlite3_stmt *put, int at, const struct version *newest,
                        int64_t *ret_true_ms, struct error *err)
{
    struct said_since said;
    TRY(said_of(store, newest, &said, err));
    (void)sqlite3_bind_text(put, at, said.by, -1, SQLITE_TRANSIENT);
    bind_int(put, at + 1, said.at_ms);
    *ret_true_ms = said.at_ms - said.offset_ms;
    return ERR_OK;
}

enum err_code version_said_min(struct store *store, const struct version *version, int64_t *ret_minute,
                               struct error *err)
{
    struct said_since said;
    TRY(said_of(store, version, &said, err));
    int64_t known_ms = (int64_t)(version->hlc >> 16);
    int64_t true_ms = said.at_ms - said.offset_ms;
    *ret_minute = clock_london_minute(known_ms > true_ms ? known_ms : true_ms);
    return ERR_OK;
}

enum { WEIGHTY_MAX = 10 };

/* What a doubt rests on of such a record. */
static const char *const weighty[][WEIGHTY_MAX] = {
    [KIND_NOTICE] = { "placement", "served_on", "served_by", "received_on", "says_what", "says_when", "says_where",
                      "says_mandatory", "says_evidence", "says_consequences" },
    [KIND_CONTACT_ATTEMPT] = { "participant", "day", "about_day" },
    [KIND_FLAG_REVIEW] = { "placement", "day", "slot", "outcome", "answers" },
};

static bool has_weight(uint32_t kind)
{
    return kind < ARRAY_LEN(weighty) && weighty[kind][0] != NULL;
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a->number == b->number && a->text.len == b->text.len &&
           (a->text.len == 0 || memcmp(a->text.data, b->text.data, a->text.len) == 0);
}

/* The oldest version since which nobody said anything else in what is weighty; versions are looked at newest first. */
struct since {
    size_t said[WEIGHTY_MAX];
    bool other[WEIGHTY_MAX];
};

static void look_back(struct since *since, size_t version, struct record *said, struct record *merged)
{
    const char *const *names = weighty[merged->kind->number];
    for (size_t f = 0; f < WEIGHTY_MAX && names[f] != NULL; f++) {
        const struct value *value = record_value(said, names[f]);
        if (value->present && !since->other[f]) {
            since->other[f] = !same_value(value, record_value(merged, names[f]));
            since->said[f] = since->other[f] ? since->said[f] : version;
        }
    }
}

/* The version since which the record has said what it says now: a note that is added later changes nothing. */
static enum err_code find_since(struct store *store, struct merged *merged, size_t *ret_version, struct error *err)
{
    struct since since = { 0 };
    size_t newest = 0;
    for (size_t i = merged->count; merged->count > 1 && i > 0; i--) {
        struct record said;
        TRY(merged_read(store, merged, &merged->versions[i - 1], true, &said, err));
        look_back(&since, i - 1, &said, &merged->record);
        free(merged->kept[--merged->kept_count]);
    }
    for (size_t f = 0; f < WEIGHTY_MAX; f++) {
        newest = since.said[f] > newest ? since.said[f] : newest;
    }
    *ret_version = newest;
    return ERR_OK;
}

static enum err_code bind_since(struct store *store, sqlite3_stmt *put, int at, struct merged *merged,
                                struct error *err)
{
    size_t version;
    TRY(find_since(store, merged, &version, err));
    bind_int(put, at, (int64_t)(merged->versions[version].hlc & INT64_MAX));
    if (merged->record.kind->number == KIND_FLAG_REVIEW) {
        bind_int(put, at + 1, answers_given(merged_value(merged, "answers")->text));
    }
    return ERR_OK;
}

enum err_code query_said_since(struct store *store, uint32_t kind, const struct row_id *id, struct said_since *ret,
                               struct error *err)
{
    SCOPED(merged_fini) struct merged merged = { 0 };
    size_t version;
    CHECK(has_weight(kind));
    TRY(merged_make(store, kind_by_number(kind), slice_of(id->bytes, ROW_ID_BYTES), &merged, err));
    if (merged.count == 0) {
        return FAIL(err, NOT_FOUND, "find who recorded it: there is no such %s", kind_by_number(kind)->name);
    }
    TRY(find_since(store, &merged, &version, err));
    return said_of(store, &merged.versions[version], ret, err);
}

static enum err_code put(struct store *store, const struct plain *plain, struct slice subject, struct merged *merged,
                         struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, plain->put, &s, err));
    int64_t true_ms;
    int at = bind_record(s, subject, &merged->record);
    TRY(bind_said(store, s, at, &merged->versions[merged->count - 1], &true_ms, err));
    if (merged->record.kind->number == KIND_SAME_PERSON) {
        TRY(person_bind_link(store, s, at + 2, merged, err));
    } else if (has_weight(merged->record.kind->number)) {
        TRY(bind_since(store, s, at + 2, merged, err));
    }
    return db_run(&store->db, s, err);
}

/* What hangs on a row beyond its own table: sessions on breaks, and who is who on links between people. */
struct bound {
    struct buf people;
    uint8_t placement[OP_ENTITY_BYTES]; /* of the break as it was */
    bool placed;
};

static void bound_fini(struct bound *bound)
{
    buf_fini(&bound->people);
}

static enum err_code placement_of_break(struct store *store, struct slice subject, struct bound *bound,
                                        struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT placement FROM placement_break WHERE id = ?1", &s, err));
    bind_slice(s, 1, subject);
    TRY(db_step(&store->db, s, &row, err));
    bound->placed = row && column_fixed(s, 0, bound->placement, OP_ENTITY_BYTES);
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code bound_before(struct store *store, uint32_t kind, struct slice subject, struct bound *bound,
                                  struct error *err)
{
    if (kind == KIND_PLACEMENT_BREAK) {
        return placement_of_break(store, subject, bound, err);
    }
    return kind == KIND_SAME_PERSON ? person_touched(store, subject, &bound->people, err) : ERR_OK;
}

static enum err_code bound_after(struct store *store, uint32_t kind, struct slice subject, struct bound *bound,
                                 struct error *err)
{
    if (kind == KIND_SAME_PERSON) {
        TRY(person_touched(store, subject, &bound->people, err));
        return person_relink(store, &bound->people, err);
    }
    for (int now = 0; kind == KIND_PLACEMENT_BREAK && now <= 1; now++) {
        if (now) {
            TRY(placement_of_break(store, subject, bound, err));
        }
        if (bound->placed) {
            TRY(fold_placement_sessions(store, bound->placement, err));
            TRY(dirty_placement(store, bound->placement, err));
        }
    }
    return ERR_OK;
}

/* Of a break or a review without a body the id alone says of which placement it was. */
static enum err_code mark_named(struct store *store, struct slice subject, const struct merged *merged,
                                struct error *err)
{
    uint32_t kind = merged->record.kind->number;
    uint8_t from[OP_ENTITY_BYTES] = { 0 };
    uint8_t to[OP_ENTITY_BYTES];
    sqlite3_stmt *s;
    if (merged->erased_by == 0 || (kind != KIND_PLACEMENT_BREAK && kind != KIND_FLAG_REVIEW)) {
        return ERR_OK;
    }
    memset(to, 0xff, sizeof(to));
    id_name_placement(subject.data, from);
    id_name_placement(subject.data, to);
    TRY(db_statement(
        &store->db,
        "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement WHERE id BETWEEN ?1 AND ?2 UNION ALL "
        "SELECT placement FROM compliance_doubt INDEXED BY doubt_open WHERE status IN ('standing', "
        "'suspended') AND placement BETWEEN ?1 AND ?2",
        &s, err));
    bind_blob(s, 1, from, sizeof(from));
    bind_blob(s, 2, to, sizeof(to));
    return db_run(&store->db, s, err);
}

static enum err_code put_row(struct store *store, const struct plain *plain, struct slice subject,
                             struct merged *merged, struct error *err)
{
    TRY(mark(store, plain, subject, err));
    TRY(merged->record.kind->number == KIND_FLAG_REVIEW ? doubt_due_naming(store, subject, err) : ERR_OK);
    if (merged->count == 0) {
        TRY(fold_delete(store, plain->take, subject, err));
    } else {
        TRY(put(store, plain, subject, merged, err));
    }
    TRY(mark(store, plain, subject, err));
    return plain->site ? dirty_site(store, err) : ERR_OK;
}

enum err_code fold_plain(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    uint32_t kind = merged->record.kind->number;
    SCOPED(bound_fini) struct bound bound = { 0 };
    buf_init(&bound.people, SIZE_MAX / 2);
    TRY(bound_before(store, kind, subject, &bound, err));
    TRY(mark_named(store, subject, merged, err));
    TRY(put_row(store, &plains[kind], subject, merged, err));
    TRY(kind == KIND_PLACEMENT_BREAK ? break_note_before(store, subject, merged, err) : ERR_OK);
    return bound_after(store, kind, subject, &bound, err);
}
