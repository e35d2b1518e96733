/*
 * When a referral is not in force: from the day on which it was declined, paused, withdrawn or over, and from the day
 * after the one on which it was not begun, up to the day before something else was said of it. On a day counts what was
 * said last of it, and of what is said of one day the newest.
 *
 *   accepted      paused        started                 withdrawn
 *   ----|-----------|##############|------------------------|##########>   not in force
 *
 * What one record put out and a later one took back is kept with when that was said: for a doubt about a day that had
 * begun by then it counts on.
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

static enum err_code put_before(struct store *store, struct slice referral, int64_t starts_on, int64_t ends_on,
                                int64_t minute, struct error *err)
{
    sqlite3_stmt *s;
    if (starts_on > ends_on) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO referral_out_before VALUES (?1, ?2, ?3, ?4)", &s, err));
    bind_slice(s, 1, referral);
    bind_int(s, 2, starts_on);
    bind_int(s, 3, ends_on);
    bind_int(s, 4, minute);
    return db_run(&store->db, s, err);
}

/* The days of one span that are in none of those that were left; both ascend. */
static enum err_code put_lost(struct store *store, struct slice referral, const struct out *lost,
                              const struct buf *left, int64_t minute, struct error *err)
{
    int64_t from = lost->starts_on;
    for (size_t at = 0; at < left->len; at += sizeof(struct out)) {
        struct out out;
        memcpy(&out, left->data + at, sizeof(out));
        if (out.ends_on >= from && out.starts_on <= lost->ends_on) {
            TRY(put_before(store, referral, from, out.starts_on - 1, minute, err));
            from = out.ends_on + 1;
        }
    }
    return put_before(store, referral, from, lost->ends_on, minute, err);
}

static enum err_code note_lost(struct store *store, struct slice referral, const struct version *version,
                               const struct buf *before, const struct buf *after, struct error *err)
{
    int64_t minute;
    if (before->len == 0 || slice_equal(buf_slice(before), buf_slice(after))) {
        return ERR_OK;
    }
    TRY(version_said_min(store, version, &minute, err));
    for (size_t at = 0; at < before->len; at += sizeof(struct out)) {
        struct out out;
        memcpy(&out, before->data + at, sizeof(out));
        TRY(put_lost(store, referral, &out, after, minute, err));
    }
    return ERR_OK;
}

static void add_sorted(struct event *sorted, size_t count, const struct event *event)
{
    size_t at = count;
    for (; at > 0 && event_compare(&sorted[at - 1], event) > 0; at--) {
        sorted[at] = sorted[at - 1];
    }
    sorted[at] = *event;
}

/* As each was said: the events stand in that order yet. */
static enum err_code note_each_lost(struct store *store, struct slice referral, const struct merged *merged,
                                    const struct event *events, struct event *sorted, struct error *err)
{
    SCOPED(buf_fini) struct buf before;
    SCOPED(buf_fini) struct buf after;
    bool any = false;
    buf_init(&before, SIZE_MAX / 2);
    buf_init(&after, SIZE_MAX / 2);
    TRY(fold_delete(store, "DELETE FROM referral_out_before WHERE referral = ?1", referral, err));
    for (size_t i = 0; i < merged->count; i++) {
        any |= events[i].out;
        add_sorted(sorted, i, &events[i]);
        if (any) {
            buf_clear(&after);
            TRY(find_outs(sorted, i + 1, &after, err));
            TRY(note_lost(store, referral, &merged->versions[i], &before, &after, err));
            buf_clear(&before);
            TRY(buf_append(&before, after.data, after.len, err));
        }
    }
    return ERR_OK;
}

static enum err_code read_held(struct store *store, struct slice referral, struct buf *outs, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT starts_on, idle_from, ends_on FROM referral_out WHERE referral = ?1 ORDER BY starts_on",
                     &s, err));
    bind_slice(s, 1, referral);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct out out = { column_int(s, 0), column_int(s, 1), column_int(s, 2) };
        TRY(buf_append(outs, &out, sizeof(out), err));
    }
}

static enum err_code write_outs(struct store *store, struct slice referral, const struct buf *outs, struct error *err)
{
    TRY(fold_delete(store, "DELETE FROM referral_out WHERE referral = ?1", referral, err));
    for (size_t at = 0; at < outs->len; at += sizeof(struct out)) {
        struct out out;
        sqlite3_stmt *s;
        memcpy(&out, outs->data + at, sizeof(out));
        TRY(db_statement(&store->db, "INSERT INTO referral_out VALUES (?1, ?2, ?3, ?4)", &s, err));
        bind_slice(s, 1, referral);
        bind_int(s, 2, out.starts_on);
        bind_int(s, 3, out.idle_from);
        bind_int(s, 4, out.ends_on);
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
static enum err_code read_events(struct store *store, struct slice referral, const struct merged *merged,
                                 struct buf *outs, struct error *err)
{
    struct event *events = calloc(2 * merged->count + 1, sizeof(*events));
    if (events == NULL) {
        return FAIL(err, NO_MEMORY, "fold what became of a referral");
    }
    struct event *sorted = events + merged->count;
    enum err_code rc = read_all(store, merged, events, err);
    if (rc == ERR_OK) {
        rc = note_each_lost(store, referral, merged, events, sorted, err);
    }
    if (rc == ERR_OK) {
        rc = find_outs(sorted, merged->count, outs, err);
    }
    free(events);
    return rc;
}

enum err_code fold_force(struct store *store, struct slice referral, const struct merged *events, struct error *err)
{
    SCOPED(buf_fini) struct buf outs;
    SCOPED(buf_fini) struct buf held;
    buf_init(&outs, SIZE_MAX / 2);
    buf_init(&held, SIZE_MAX / 2);
    TRY(read_events(store, referral, events, &outs, err));
    TRY(read_held(store, referral, &held, err));
    if (slice_equal(buf_slice(&outs), buf_slice(&held))) {
        return ERR_OK;
    }
    TRY(write_outs(store, referral, &outs, err));
    return lay_out_placements(store, referral, err);
}
