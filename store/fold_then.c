/*
 * What stood at the time that a doubt is about, where today's rows say something else: functions of the records alone,
 * looked at when a doubt is judged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/fold_parts.h"
#include "store/read.h"

/* ---- which programme pack was in force when it was confirmed ---- */

struct pack_then {
    struct row_id id;
    char sha256[PROGRAMME_SHA256_SIZE];
};

static void read_pack_then(sqlite3_stmt *s, void *out)
{
    struct pack_then *pack = out;
    *pack = (struct pack_then){ 0 };
    (void)column_fixed(s, 0, pack->id.bytes, ROW_ID_BYTES);
    column_text(s, 1, pack->sha256, sizeof(pack->sha256));
}

/* By the order of things or by the centre's clock, whichever tells: a doubt comes under a pack early by neither. */
static bool said_before(uint64_t hlc, const struct doubt_moment *moment)
{
    return (int64_t)hlc < moment->hlc || clock_london_minute((int64_t)(hlc >> 16)) < moment->minute;
}

/* From when it was to count, as it had been said by then. */
static enum err_code in_force_from(struct store *store, const struct row_id *id, const struct doubt_moment *moment,
                                   bool *ret_said, int32_t *ret_from, struct error *err)
{
    SCOPED(merged_fini) struct merged versions = { 0 };
    *ret_said = false;
    TRY(merged_find(store, kind_by_number(KIND_PROGRAMME_PACK), slice_of(id->bytes, ROW_ID_BYTES), &versions, err));
    for (size_t i = versions.count; i > 0 && !*ret_said; i--) {
        struct record record;
        if (said_before(versions.versions[i - 1].hlc, moment)) {
            TRY(merged_read(store, &versions, &versions.versions[i - 1], true, &record, err));
            *ret_from = (int32_t)record_value(&record, "in_force_from")->number;
            *ret_said = true;
        }
    }
    return ERR_OK;
}

/* The greatest version that counted on that day is the one; before any did, the program's own, or one that the centre
 * gave as a record since. */
static enum err_code find_in_force(struct store *store, const struct row_array *packs, const struct programme *named,
                                   const struct doubt_moment *moment, bool *ret_in_force, struct error *err)
{
    bool own = named == store->own_programme || named == programme_default();
    *ret_in_force = true;
    for (size_t i = 0; i < packs->count; i++) {
        const struct pack_then *pack = (const struct pack_then *)packs->rows + i;
        bool is_named = strcmp(pack->sha256, programme_sha256(named)) == 0;
        bool said;
        int32_t from = 0;
        TRY(in_force_from(store, &pack->id, moment, &said, &from, err));
        bool counts = said && from <= moment->minute / (24 * 60);
        if (counts || (said && is_named && !own)) {
            *ret_in_force = counts && is_named;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

enum err_code pack_was_in_force(struct store *store, const struct programme *named, const struct doubt_moment *moment,
                                bool *ret_in_force, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array packs = { .size = sizeof(struct pack_then) };
    TRY(db_statement(&store->db, "SELECT id, sha256 FROM programme_pack ORDER BY version DESC, sha256 DESC", &s, err));
    enum err_code rc = row_array_read(store, s, &packs, read_pack_then, err);
    if (rc == ERR_OK) {
        rc = find_in_force(store, &packs, named, moment, ret_in_force, err);
    }
    row_array_fini(&packs);
    return rc;
}

/* ---- since when the day, the hours and the place were agreed as they are ---- */

enum { HOST_SIZE = 161, CALENDAR_SIZE = 41 };

/* What a placement said, one record after the other. */
struct agreed {
    char host[HOST_SIZE];
    char pattern[PATTERN_TEXT_MAX + 1];
    char calendar[CALENDAR_SIZE];
    int64_t starts_on;
    int64_t ends_on;
};

/* And what of it bears on one day. */
struct terms {
    char host[HOST_SIZE];
    size_t count;
    struct pattern_session sessions[PATTERN_SLOTS_MAX];
};

static void take_text(struct record *record, const char *name, char *out, size_t size)
{
    const struct value *value = record_value(record, name);
    if (value->present) {
        (void)snprintf(out, size, "%.*s", (int)value->text.len, (const char *)value->text.data);
    }
}

static void take_agreed(struct record *record, struct agreed *agreed)
{
    const struct value *from = record_value(record, "starts_on");
    const struct value *to = record_value(record, "ends_on");
    if (record_value(record, "host")->text.len > 0) { /* one that is not said any more has not changed yet */
        take_text(record, "host", agreed->host, sizeof(agreed->host));
    }
    take_text(record, "pattern", agreed->pattern, sizeof(agreed->pattern));
    take_text(record, "calendar", agreed->calendar, sizeof(agreed->calendar));
    agreed->starts_on = from->present ? from->number : agreed->starts_on;
    agreed->ends_on = to->present ? to->number : agreed->ends_on;
}

/* Nothing is agreed for a day until the placement says when. */
static void find_terms(const struct store *store, const struct agreed *agreed, int32_t day, struct terms *terms)
{
    struct pattern pattern;
    enum calendar calendar = CALENDAR_ENGLAND_WALES;
    *terms = (struct terms){ 0 };
    memcpy(terms->host, agreed->host, sizeof(terms->host));
    (void)calendar_parse(agreed->calendar, &calendar);
    if (day >= agreed->starts_on && day <= agreed->ends_on &&
        pattern_parse(agreed->pattern, &pattern, NULL) == ERR_OK) {
        terms->count =
            pattern_expand(store->programme, calendar, &pattern, day, day, terms->sessions, PATTERN_SLOTS_MAX);
    }
}

/* Where it was not on record before, that it is now changes nothing. */
static bool same_terms(const struct terms *a, const struct terms *b)
{
    bool same = a->count == b->count && (a->host[0] == '\0' || strcmp(a->host, b->host) == 0);
    for (size_t i = 0; same && i < a->count; i++) {
        const struct pattern_session *x = &a->sessions[i];
        const struct pattern_session *y = &b->sessions[i];
        same = x->slot == y->slot && x->starts_min == y->starts_min && x->ends_min == y->ends_min;
    }
    return same;
}

enum err_code terms_changed_on(struct store *store, struct slice placement, int32_t day, int64_t *ret_day,
                               struct error *err)
{
    SCOPED(merged_fini) struct merged versions = { 0 };
    struct agreed agreed = { .starts_on = INT64_MAX, .ends_on = INT64_MIN };
    struct terms terms;
    struct terms before;
    *ret_day = INT64_MIN;
    TRY(merged_find(store, kind_by_number(KIND_PLACEMENT), placement, &versions, err));
    for (size_t i = 0; versions.count > 1 && i < versions.count; i++) {
        struct record record;
        TRY(merged_read(store, &versions, &versions.versions[i], true, &record, err));
        take_agreed(&record, &agreed);
        free(versions.kept[--versions.kept_count]);
        find_terms(store, &agreed, day, &terms);
        if (i > 0 && !same_terms(&before, &terms)) {
            int64_t minute;
            TRY(version_said_min(store, &versions.versions[i], &minute, err));
            *ret_day = minute / (24 * 60) > *ret_day ? minute / (24 * 60) : *ret_day;
        }
        before = terms;
    }
    return ERR_OK;
}

/* ---- when somebody was expected who is not any more ---- */

enum { EXPECTED_MAX = 4000, CHANGES_MAX = 32, DAYS_MAX = 1000 };

/* What the records of a placement took away. */
struct taken {
    struct pattern_session before[EXPECTED_MAX];
    struct pattern_session after[EXPECTED_MAX];
    struct pattern_session sessions[EXPECTED_MAX];
    size_t count;
    size_t changes;
    bool too_much; /* `sessions` are not all: any hour of the days from `first` to `last` */
    int64_t first;
    int64_t last;
};

/* By what is agreed, on days up to `to`. */
static size_t expected_by(const struct store *store, const struct agreed *agreed, int64_t to,
                          struct pattern_session *out)
{
    struct pattern pattern;
    enum calendar calendar = CALENDAR_ENGLAND_WALES;
    (void)calendar_parse(agreed->calendar, &calendar);
    to = to < agreed->ends_on ? to : agreed->ends_on;
    return agreed->starts_on <= to && pattern_parse(agreed->pattern, &pattern, NULL) == ERR_OK
               ? pattern_expand(store->programme, calendar, &pattern, (int32_t)agreed->starts_on, (int32_t)to, out,
                                EXPECTED_MAX)
               : 0;
}

static int session_order(const struct pattern_session *a, const struct pattern_session *b)
{
    return a->day != b->day ? (a->day > b->day) - (a->day < b->day) : (a->slot > b->slot) - (a->slot < b->slot);
}

/* Those of `before` that a record took away when their day had begun. Both ascend. */
static void take_missing(struct taken *taken, size_t count, size_t left)
{
    const struct pattern_session *after = taken->after;
    size_t at = 0;
    taken->too_much |= count == EXPECTED_MAX || left == EXPECTED_MAX;
    for (size_t i = 0; i < count && !taken->too_much; i++) {
        const struct pattern_session *session = &taken->before[i];
        while (at < left && session_order(&after[at], session) < 0) {
            at++;
        }
        bool stays = at < left && session_order(&after[at], session) == 0 &&
                     after[at].starts_min == session->starts_min && after[at].ends_min == session->ends_min;
        if (!stays && taken->count < EXPECTED_MAX) {
            taken->sessions[taken->count++] = *session;
        } else if (!stays) {
            taken->too_much = true;
        }
    }
}

static bool same_agreed(const struct agreed *a, const struct agreed *b)
{
    return strcmp(a->pattern, b->pattern) == 0 && strcmp(a->calendar, b->calendar) == 0 &&
           a->starts_on == b->starts_on && a->ends_on == b->ends_on;
}

static enum err_code note_change(struct store *store, const struct version *version, const struct agreed *before,
                                 const struct agreed *after, struct taken *taken, struct error *err)
{
    int64_t minute;
    TRY(version_said_min(store, version, &minute, err));
    int64_t day = minute / (24 * 60);
    int64_t last = day < before->ends_on ? day : before->ends_on;
    if (before->pattern[0] != '\0' && before->starts_on <= last) {
        taken->first = before->starts_on < taken->first ? before->starts_on : taken->first;
        taken->last = last > taken->last ? last : taken->last;
    }
    taken->too_much |= ++taken->changes > CHANGES_MAX;
    if (!taken->too_much) {
        size_t count = expected_by(store, before, day, taken->before);
        take_missing(taken, count, count > 0 ? expected_by(store, after, day, taken->after) : 0);
    }
    return ERR_OK;
}

static enum err_code note_changes(struct store *store, struct merged *merged, struct taken *taken, struct error *err)
{
    struct agreed agreed = { .starts_on = INT64_MAX, .ends_on = INT64_MIN };
    for (size_t i = 0; i < merged->count; i++) {
        struct record record;
        struct agreed before = agreed;
        TRY(merged_read(store, merged, &merged->versions[i], true, &record, err));
        take_agreed(&record, &agreed);
        free(merged->kept[--merged->kept_count]);
        if (i > 0 && !same_agreed(&before, &agreed)) {
            TRY(note_change(store, &merged->versions[i], &before, &agreed, taken, err));
        }
    }
    return ERR_OK;
}

static enum err_code put_expected(struct store *store, struct slice placement, const struct pattern_session *session,
                                  struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO session_before VALUES (?1, ?2, ?3, ?4)", &s, err));
    bind_slice(s, 1, placement);
    bind_int(s, 2, session->day);
    bind_int(s, 3, session->starts_min);
    bind_int(s, 4, session->ends_min);
    return db_run(&store->db, s, err);
}

/* Nobody changes the hours so often: where somebody did, any hour of these days may have been theirs; and of any day,
 * where they are more than a placement has. */
static enum err_code put_days(struct store *store, struct slice placement, const struct taken *taken, struct error *err)
{
    struct pattern_session any = { .day = EXPECTED_ANY_DAY, .ends_min = 24 * 60 };
    if (taken->first <= taken->last && taken->last - taken->first >= DAYS_MAX) {
        return put_expected(store, placement, &any, err);
    }
    for (int64_t day = taken->first; day <= taken->last; day++) {
        any.day = (int32_t)day;
        TRY(put_expected(store, placement, &any, err));
    }
    return ERR_OK;
}

static enum err_code put_taken(struct store *store, struct slice placement, const struct taken *taken,
                               struct error *err)
{
    for (size_t i = 0; i < taken->count; i++) {
        TRY(put_expected(store, placement, &taken->sessions[i], err));
    }
    return ERR_OK;
}

enum err_code placement_note_before(struct store *store, struct slice placement, struct merged *merged,
                                    struct error *err)
{
    TRY(fold_delete(store, "DELETE FROM session_before WHERE placement = ?1", placement, err));
    if (merged->count < 2) {
        return ERR_OK;
    }
    struct taken *taken = calloc(1, sizeof(*taken));
    if (taken == NULL) {
        return FAIL(err, NO_MEMORY, "lay out the sessions of a placement as they were");
    }
    taken->first = INT64_MAX;
    taken->last = INT64_MIN;
    enum err_code rc = note_changes(store, merged, taken, err);
    if (rc == ERR_OK) {
        rc = taken->too_much ? put_days(store, placement, taken, err) : put_taken(store, placement, taken, err);
    }
    free(taken);
    return rc;
}

/* ---- what a break was ---- */

struct span {
    uint8_t placement[OP_ENTITY_BYTES];
    int64_t starts_on;
    int64_t ends_on;
    uint64_t known; /* a bit each */
};

static void take_span(struct record *record, struct span *span)
{
    const struct value *placement = record_value(record, "placement");
    const struct value *from = record_value(record, "starts_on");
    const struct value *to = record_value(record, "ends_on");
    if (placement->present) {
        memcpy(span->placement, placement->text.data, OP_ENTITY_BYTES);
    }
    span->starts_on = from->present ? from->number : span->starts_on;
    span->ends_on = to->present ? to->number : span->ends_on;
    span->known |= (uint64_t)placement->present | (uint64_t)from->present << 1 | (uint64_t)to->present << 2;
}

static enum err_code put_before(struct store *store, struct slice subject, const struct span *span, int64_t minute,
                                struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO break_before VALUES (?1, ?2, ?3, ?4, ?5)", &s, err));
    bind_slice(s, 1, subject);
    bind_blob(s, 2, span->placement, OP_ENTITY_BYTES);
    bind_int(s, 3, span->starts_on);
    bind_int(s, 4, span->ends_on);
    bind_int(s, 5, minute);
    return db_run(&store->db, s, err);
}

static enum err_code note_spans(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    struct span span = { 0 };
    for (size_t i = 0; merged->count > 1 && i < merged->count; i++) {
        struct record record;
        struct span before = span;
        TRY(merged_read(store, merged, &merged->versions[i], true, &record, err));
        take_span(&record, &span);
        free(merged->kept[--merged->kept_count]);
        if (before.known == 7 && memcmp(&before, &span, sizeof(span)) != 0) {
            int64_t minute;
            TRY(version_said_min(store, &merged->versions[i], &minute, err));
            TRY(put_before(store, subject, &before, minute, err));
        }
    }
    return ERR_OK;
}

/* Of placements that it is not of any more, too. */
static enum err_code mark_before(struct store *store, struct slice subject, struct error *err)
{
    return fold_delete(store, "INSERT OR IGNORE INTO dirty_placement SELECT placement FROM break_before WHERE id = ?1",
                       subject, err);
}

enum err_code break_note_before(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    TRY(mark_before(store, subject, err));
    TRY(fold_delete(store, "DELETE FROM break_before WHERE id = ?1", subject, err));
    TRY(note_spans(store, subject, merged, err));
    return mark_before(store, subject, err);
}
