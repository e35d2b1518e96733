/*
 * What a placement had agreed at the time that a doubt is about, where today's rows say something else: functions of
 * the records alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"
#include "store/read.h"

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
