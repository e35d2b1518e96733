/*
 * When a referral is not in force: from the day on which it was declined, paused, withdrawn or over, and from the day
 * after the one on which it was not begun, up to the day before something else was said of it. On a day counts what was
 * said last of it, and of what is said of one day the newest.
 *
 *   accepted      paused        started                 withdrawn
 *   ----|-----------|##############|------------------------|##########>   not in force
 *
 * What one record put out and a later one took back is kept with when that was said: for a doubt about a day that had
 * begun by then it counts on. So is what a later record put out that had been in force, for doubts about another
 * placement of the person.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/fold_parts.h"

struct event {
    int32_t day;
    size_t place; /* among all, oldest first */
    bool out;
    bool of_centre;
    int still_in;  /* 1: it is in force on its own day, and out from the day after */
    int last_come; /* 1: people still come on its own day */
};

struct out {
    int64_t starts_on;
    int64_t idle_from; /* nobody is expected from this day on */
    int64_t ends_on;
};

static bool is_one_of(struct slice status, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (slice_equal(status, slice_of_text(*words))) {
            return true;
        }
    }
    return false;
}

bool referral_is_out(struct slice status)
{
    static const char *const outs[] = { "declined",    "paused", "did_not_start", "withdrawn", "completed",
                                        "ended_early", NULL };
    return is_one_of(status, outs);
}

static void take_event(struct record *record, struct event *event)
{
    static const char *const last_days[] = { "completed", "ended_early", "did_not_start", NULL };
    const struct value *on = record_value(record, "on");
    struct slice status = record_value(record, "status")->text;
    event->day = on->present ? (int32_t)on->number : DATE_MIN;
    event->out = referral_is_out(status);
    event->still_in = slice_equal(status, slice_of_text("did_not_start")); /* they were to come then, and did not */
    event->last_come = is_one_of(status, last_days);
}

static enum err_code read_event(struct store *store, const struct version *version, struct event *event,
                                struct error *err)
{
    sqlite3_stmt *s;
    struct record record;
    TRY(version_read(store, kind_by_number(KIND_REFERRAL_EVENT), version, &s, &record, err));
    take_event(&record, event);
    sqlite3_reset(s);
    return ERR_OK;
}

static int event_compare(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;
    return x->day != y->day ? (x->day > y->day) - (x->day < y->day) : (x->place > y->place) - (x->place < y->place);
}

/* Where what was said of it stands at the end of a day; NULL: nothing yet. */
struct said {
    const struct event *newest;
    const struct event *of_centre; /* the newest of the centre's: an organisation does not undo it */
};

static bool is_out(const struct event *event)
{
    return event != NULL && event->out;
}

/* Both may put it out on one day: from the earlier of theirs. */
static struct out out_from(const struct said *said)
{
    struct out out = { INT64_MAX, INT64_MAX, DATE_MAX };
    const struct event *events[] = { said->newest, said->of_centre };
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (is_out(events[i])) {
            int64_t starts_on = (int64_t)events[i]->day + events[i]->still_in;
            int64_t idle_from = (int64_t)events[i]->day + events[i]->last_come;
            out.starts_on = starts_on < out.starts_on ? starts_on : out.starts_on;
            out.idle_from = idle_from < out.idle_from ? idle_from : out.idle_from;
        }
    }
    return out;
}

/* One that would begin when another was said of it already has no day. */
static enum err_code add_out(struct buf *outs, const struct out *out, struct error *err)
{
    return out->starts_on <= out->ends_on ? buf_append(outs, out, sizeof(*out), err) : ERR_OK;
}

static enum err_code find_outs(const struct event *events, size_t count, struct buf *outs, struct error *err)
{
    struct out out = { 0 };
    struct said said = { 0 };
    bool open = false;
    for (size_t i = 0; i < count; i++) {
        said.newest = &events[i];
        said.of_centre = events[i].of_centre ? &events[i] : said.of_centre;
        bool last_of_day = i + 1 == count || events[i + 1].day != events[i].day;
        if (!last_of_day || (is_out(said.newest) || is_out(said.of_centre)) == open) {
            continue;
        }
        open = !open;
        if (open) {
            out = out_from(&said);
        } else {
            out.ends_on = (int64_t)events[i].day - 1;
            TRY(add_out(outs, &out, err));
        }
    }
    return open ? add_out(outs, &out, err) : ERR_OK;
}

/* ---- what a later record took back ---- */

struct lost {
    int64_t starts_on;
    int64_t ends_on;
    int64_t minute; /* at which that was said */
};

static enum err_code add_lost(struct buf *losts, int64_t starts_on, int64_t ends_on, int64_t minute, struct error *err)
{
    const struct lost lost = { starts_on, ends_on, minute };
    return starts_on <= ends_on ? buf_append(losts, &lost, sizeof(lost), err) : ERR_OK;
}

/* The days of one span that are in none of those that were left. Both ascend: `at` is where the span before ended. */
static enum err_code find_lost(struct buf *losts, const struct out *span, const struct buf *left, size_t *at,
                               int64_t minute, struct error *err)
{
    int64_t from = span->starts_on;
    for (; *at < left->len; *at += sizeof(struct out)) {
        struct out out;
        memcpy(&out, left->data + *at, sizeof(out));
        if (out.starts_on > span->ends_on) {
            break;
        }
        if (out.ends_on >= from) {
            TRY(add_lost(losts, from, out.starts_on - 1, minute, err));
            from = out.ends_on + 1;
        }
        if (out.ends_on > span->ends_on) {
            break; /* it may reach into the next */
        }
    }
    return add_lost(losts, from, span->ends_on, minute, err);
}

static enum err_code note_lost(struct store *store, struct buf *losts, const struct version *version,
                               const struct buf *before, const struct buf *after, struct error *err)
{
    int64_t minute;
    size_t left = 0;
    if (before->len == 0 || slice_equal(buf_slice(before), buf_slice(after))) {
        return ERR_OK;
    }
    TRY(version_said_min(store, version, &minute, err));
    for (size_t at = 0; at < before->len; at += sizeof(struct out)) {
        struct out out;
        memcpy(&out, before->data + at, sizeof(out));
        TRY(find_lost(losts, &out, after, &left, minute, err));
    }
    return ERR_OK;
}

static int lost_compare(const void *a, const void *b)
{
    const struct lost *x = a;
    const struct lost *y = b;
    return x->starts_on != y->starts_on ? (x->starts_on > y->starts_on) - (x->starts_on < y->starts_on)
           : x->ends_on != y->ends_on   ? (x->ends_on > y->ends_on) - (x->ends_on < y->ends_on)
                                        : (x->minute > y->minute) - (x->minute < y->minute);
}

/* Each once, as a table has them. */
static void sort_lost(struct buf *losts)
{
    struct lost *rows = (struct lost *)(void *)losts->data;
    size_t count = losts->len / sizeof(*rows);
    size_t kept = 0;
    if (count == 0) {
        return;
    }
    qsort(rows, count, sizeof(*rows), lost_compare);
    for (size_t i = 1; i < count; i++) {
        if (lost_compare(&rows[kept], &rows[i]) != 0) {
            rows[++kept] = rows[i];
        }
    }
    losts->len = (kept + 1) * sizeof(*rows);
}

static void add_sorted(struct event *sorted, size_t count, const struct event *event)
{
    size_t at = count;
    for (; at > 0 && event_compare(&sorted[at - 1], event) > 0; at--) {
        sorted[at] = sorted[at - 1];
    }
    sorted[at] = *event;
}

/* What became of the days on which it was in force or was not. */
struct spans {
    struct buf outs;  /* struct out: not in force, as it stands */
    struct buf losts; /* struct lost: were so, and were taken back */
    struct buf lates; /* struct lost: came to be so */
};

static void spans_fini(struct spans *spans)
{
    buf_fini(&spans->outs);
    buf_fini(&spans->losts);
    buf_fini(&spans->lates);
}

/* As each was said: the events stand in that order yet. */
static enum err_code note_each_lost(struct store *store, const struct merged *merged, const struct event *events,
                                    struct event *sorted, struct spans *spans, struct error *err)
{
    SCOPED(buf_fini) struct buf before;
    SCOPED(buf_fini) struct buf after;
    bool any = false;
    buf_init(&before, SIZE_MAX / 2);
    buf_init(&after, SIZE_MAX / 2);
    for (size_t i = 0; i < merged->count; i++) {
        any |= events[i].out;
        add_sorted(sorted, i, &events[i]);
        if (any) {
            buf_clear(&after);
            TRY(find_outs(sorted, i + 1, &after, err));
            TRY(note_lost(store, &spans->losts, &merged->versions[i], &before, &after, err));
            TRY(note_lost(store, &spans->lates, &merged->versions[i], &after, &before, err));
            buf_clear(&before);
            TRY(buf_append(&before, after.data, after.len, err));
        }
    }
    sort_lost(&spans->losts);
    sort_lost(&spans->lates);
    return ERR_OK;
}

/* ---- the rows ---- */

/* Of either table: a referral and three numbers. */
struct rows_of {
    const char *read;
    const char *clear;
    const char *put;
};

static const struct rows_of outs_of = {
    "SELECT starts_on, idle_from, ends_on FROM referral_out WHERE referral = ?1 ORDER BY starts_on",
    "DELETE FROM referral_out WHERE referral = ?1",
    "INSERT INTO referral_out VALUES (?1, ?2, ?3, ?4)",
};

static const struct rows_of losts_of = {
    "SELECT starts_on, ends_on, said_min FROM referral_out_before WHERE referral = ?1 "
    "ORDER BY starts_on, ends_on, said_min",
    "DELETE FROM referral_out_before WHERE referral = ?1",
    "INSERT INTO referral_out_before VALUES (?1, ?2, ?3, ?4)",
};

static const struct rows_of lates_of = {
    "SELECT starts_on, ends_on, said_min FROM referral_in_before WHERE referral = ?1 "
    "ORDER BY starts_on, ends_on, said_min",
    "DELETE FROM referral_in_before WHERE referral = ?1",
    "INSERT INTO referral_in_before VALUES (?1, ?2, ?3, ?4)",
};

static enum err_code read_held(struct store *store, const struct rows_of *table, struct slice referral,
                               struct buf *held, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, table->read, &s, err));
    bind_slice(s, 1, referral);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        const int64_t numbers[] = { column_int(s, 0), column_int(s, 1), column_int(s, 2) };
        TRY(buf_append(held, numbers, sizeof(numbers), err));
    }
}

static enum err_code write_rows(struct store *store, const struct rows_of *table, struct slice referral,
                                const struct buf *rows, bool *ret_changed, struct error *err)
{
    SCOPED(buf_fini) struct buf held;
    buf_init(&held, SIZE_MAX / 2);
    TRY(read_held(store, table, referral, &held, err));
    *ret_changed = !slice_equal(buf_slice(rows), buf_slice(&held));
    TRY(*ret_changed ? fold_delete(store, table->clear, referral, err) : ERR_OK);
    for (size_t at = 0; *ret_changed && at < rows->len; at += 3 * sizeof(int64_t)) {
        int64_t numbers[3];
        sqlite3_stmt *s;
        memcpy(numbers, rows->data + at, sizeof(numbers));
        TRY(db_statement(&store->db, table->put, &s, err));
        bind_slice(s, 1, referral);
        for (int i = 0; i < 3; i++) {
            bind_int(s, 2 + i, numbers[i]);
        }
        TRY(db_run(&store->db, s, err));
    }
    return ERR_OK;
}

static enum err_code lay_out_placements(struct store *store, struct slice referral, struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    buf_init(&ids, SIZE_MAX / 2);
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT id FROM placement WHERE referral = ?1", &s, err));
    bind_slice(s, 1, referral);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        struct slice id = column_slice(s, 0);
        TRY(buf_append(&ids, id.data, id.len, err));
    }
    for (size_t at = 0; at + OP_ENTITY_BYTES <= ids.len; at += OP_ENTITY_BYTES) {
        TRY(fold_placement_sessions(store, ids.data + at, err));
    }
    return ERR_OK;
}

static enum err_code read_all(struct store *store, const struct merged *merged, struct event *events, struct error *err)
{
    for (size_t i = 0; i < merged->count; i++) {
        events[i].place = i;
        events[i].of_centre = merged->versions[i].writer == WRITER_CENTRE;
        TRY(read_event(store, &merged->versions[i], &events[i], err));
    }
    return ERR_OK;
}

/* Those that stand, and of those that stood before what was taken away. */
static enum err_code read_events(struct store *store, const struct merged *merged, struct spans *spans,
                                 struct error *err)
{
    struct event *events = calloc(2 * merged->count + 1, sizeof(*events));
    if (events == NULL) {
        return FAIL(err, NO_MEMORY, "fold what became of a referral");
    }
    struct event *sorted = events + merged->count;
    enum err_code rc = read_all(store, merged, events, err);
    if (rc == ERR_OK) {
        rc = note_each_lost(store, merged, events, sorted, spans, err);
    }
    if (rc == ERR_OK) {
        rc = find_outs(sorted, merged->count, &spans->outs, err);
    }
    free(events);
    return rc;
}

enum err_code fold_force(struct store *store, struct slice referral, const struct merged *events, struct error *err)
{
    SCOPED(spans_fini) struct spans spans;
    bool changed;
    buf_init(&spans.outs, SIZE_MAX / 2);
    buf_init(&spans.losts, SIZE_MAX / 2);
    buf_init(&spans.lates, SIZE_MAX / 2);
    TRY(read_events(store, events, &spans, err));
    TRY(write_rows(store, &losts_of, referral, &spans.losts, &changed, err));
    TRY(write_rows(store, &lates_of, referral, &spans.lates, &changed, err));
    TRY(write_rows(store, &outs_of, referral, &spans.outs, &changed, err));
    return changed ? lay_out_placements(store, referral, err) : ERR_OK;
}
