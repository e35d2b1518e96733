/*
 * What a transaction has touched and not folded yet: each subject once, however many ops came about it, and what was
 * said of sessions.
 */
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"

static size_t place_of(uint32_t kind, struct slice subject)
{
    uint32_t hash = 2166136261U ^ kind; /* FNV-1a: ids are hashes already, sessions add a few bytes to one */
    for (size_t i = 0; i < subject.len; i++) {
        hash = (hash ^ subject.data[i]) * 16777619U;
    }
    return hash % FOLD_PLACES;
}

/* The place of the mark, or the free one where it belongs. */
static size_t find(const struct fold_marks *marks, uint32_t kind, struct slice subject)
{
    size_t place = place_of(kind, subject);
    while (marks->places[place] != 0) {
        const struct fold_mark *mark = &marks->marks[marks->places[place] - 1];
        if (mark->kind == kind && slice_equal(slice_of(mark->subject, mark->subject_len), subject)) {
            return place;
        }
        place = (place + 1) % FOLD_PLACES;
    }
    return place;
}

void fold_forget(struct store *store)
{
    struct fold_marks *marks = &store->fold_marks;
    for (size_t i = 0; i < marks->count; i++) {
        marks->places[marks->marks[i].place] = 0;
    }
    marks->count = 0;
    marks->assertion_count = 0;
    for (size_t i = 0; i < LATER_COUNT; i++) {
        buf_fini(&marks->later[i]);
        buf_init(&marks->later[i], SIZE_MAX / 2);
    }
}

void fold_marks_fini(struct store *store)
{
    for (size_t i = 0; i < LATER_COUNT; i++) {
        buf_fini(&store->fold_marks.later[i]);
    }
}

enum err_code fold_later(struct store *store, enum fold_later what, struct slice id, struct error *err)
{
    CHECK(id.len == 0 || id.len == OP_ENTITY_BYTES);
    return buf_append(&store->fold_marks.later[what], id.data, id.len, err);
}

bool fold_marked(const struct store *store, uint32_t kind, struct slice subject)
{
    const struct fold_marks *marks = &store->fold_marks;
    return marks->count > 0 && marks->places[find(marks, kind, subject)] != 0;
}

bool fold_marked_any(const struct store *store, uint32_t kind)
{
    const struct fold_marks *marks = &store->fold_marks;
    bool any = false;
    for (size_t i = 0; i < marks->count && !any; i++) {
        any = marks->marks[i].kind == kind;
    }
    return any;
}

/* The mark, made when there is none; there is room for it. */
static struct fold_mark *mark_of(struct fold_marks *marks, uint32_t kind, struct slice subject, bool *ret_fresh)
{
    size_t place = find(marks, kind, subject);
    *ret_fresh = marks->places[place] == 0;
    if (!*ret_fresh) {
        return &marks->marks[marks->places[place] - 1];
    }
    CHECK(marks->count < FOLD_MARKS_MAX);
    struct fold_mark *mark = &marks->marks[marks->count];
    *mark = (struct fold_mark){ .kind = kind, .subject_len = (uint8_t)subject.len, .place = (uint16_t)place };
    memcpy(mark->subject, subject.data, subject.len);
    marks->places[place] = (uint16_t)++marks->count;
    return mark;
}

static enum err_code make_room(struct store *store, struct error *err)
{
    const struct fold_marks *marks = &store->fold_marks;
    bool full = marks->count == FOLD_MARKS_MAX || marks->assertion_count == FOLD_MARKS_MAX;
    return full ? fold_flush(store, err) : ERR_OK;
}

enum err_code fold_mark(struct store *store, uint32_t kind, struct slice subject, struct error *err)
{
    bool fresh;
    TRY(make_room(store, err));
    mark_of(&store->fold_marks, kind, subject, &fresh)->only_first = false;
    return ERR_OK;
}

enum err_code fold_mark_assertion(struct store *store, const struct fold_assertion *assertion, bool first,
                                  struct error *err)
{
    struct fold_marks *marks = &store->fold_marks;
    bool fresh;
    TRY(make_room(store, err));
    struct fold_mark *mark = mark_of(marks, KIND_ATTENDANCE, slice_of(assertion->subject, OP_SESSION_BYTES), &fresh);
    mark->only_first = fresh && first;
    marks->assertions[marks->assertion_count] = *assertion;
    marks->assertions[marks->assertion_count].came = (uint16_t)marks->assertion_count;
    marks->assertion_count++;
    return ERR_OK;
}

/* ---- the flush: nothing is marked meanwhile ---- */

/* A placement that is marked has all of its sessions made. */
static bool made_with_placement(const struct store *store, const struct fold_mark *session)
{
    return fold_marked(store, KIND_PLACEMENT, slice_of(session->subject, OP_ENTITY_BYTES));
}

static int session_compare(const void *a, const void *b, void *context)
{
    const struct fold_mark *marks = context;
    return memcmp(marks[*(const uint16_t *)a].subject, marks[*(const uint16_t *)b].subject, OP_SESSION_BYTES);
}

/* Nearly every assertion is the first of a session that was expected: then it is the only head, and the row changes in
 * place. */
static enum err_code fold_marked_session(struct store *store, const struct fold_mark *mark,
                                         const struct fold_assertion *assertion, struct error *err)
{
    bool done = false;
    if (mark->only_first) {
        TRY(fold_first_assertion(store, assertion, &done, err));
    }
    return done ? ERR_OK : fold_session(store, slice_of(mark->subject, mark->subject_len), err);
}

/* In the order of their tree, and of the assertions. */
static enum err_code fold_sessions(struct store *store, struct error *err)
{
    struct fold_marks *marks = &store->fold_marks;
    const struct fold_assertion *assertion = marks->assertions;
    const struct fold_assertion *end = assertion + marks->assertion_count;
    size_t count = 0;
    for (size_t i = 0; i < marks->count; i++) {
        if (marks->marks[i].kind == KIND_ATTENDANCE && !made_with_placement(store, &marks->marks[i])) {
            marks->sessions[count++] = (uint16_t)i;
        }
    }
    qsort_r(marks->sessions, count, sizeof(marks->sessions[0]), session_compare, marks->marks);
    for (size_t i = 0; i < count; i++) {
        const struct fold_mark *mark = &marks->marks[marks->sessions[i]];
        while (assertion < end && memcmp(assertion->subject, mark->subject, OP_SESSION_BYTES) < 0) {
            assertion++;
        }
        TRY(fold_marked_session(store, mark, assertion, err));
    }
    return ERR_OK;
}

static int id_compare(const void *a, const void *b)
{
    return memcmp(a, b, OP_ENTITY_BYTES);
}

/* Each once. What it does may ask for other things that are done after it. */
static enum err_code each_later(struct store *store, enum fold_later what,
                                enum err_code (*run)(struct store *store, struct slice id, struct error *err),
                                struct error *err)
{
    struct buf *ids = &store->fold_marks.later[what];
    const uint8_t *before = NULL;
    if (ids->len > 0) {
        qsort(ids->data, ids->len / OP_ENTITY_BYTES, OP_ENTITY_BYTES, id_compare);
    }
    for (size_t at = 0; at < ids->len; at += OP_ENTITY_BYTES) {
        const uint8_t *id = ids->data + at;
        if (before == NULL || memcmp(before, id, OP_ENTITY_BYTES) != 0) {
            TRY(run(store, slice_of(id, OP_ENTITY_BYTES), err));
        }
        before = id;
    }
    return ERR_OK;
}

static enum err_code fold_referral_again(struct store *store, struct slice referral, struct error *err)
{
    return fold_subject(store, KIND_REFERRAL, referral, err);
}

static enum err_code fold_laters(struct store *store, struct error *err)
{
    TRY(each_later(store, LATER_REFERRAL, fold_referral_again, err));
    TRY(each_later(store, LATER_PERSON, dirty_participant, err));
    return each_later(store, LATER_WITHOUT, dirty_without_referral, err);
}

/* Referrals after the placements that name them; sessions after the rest: placements and appointments lay them out,
 * from what is said of them. Doubts last. */
enum err_code fold_flush(struct store *store, struct error *err)
{
    const struct fold_marks *marks = &store->fold_marks;
    TRY(fold_assertions_insert(store, err));
    for (size_t i = 0; i < marks->count; i++) {
        const struct fold_mark *mark = &marks->marks[i];
        struct slice subject = slice_of(mark->subject, mark->subject_len);
        if (mark->kind == KIND_REFERRAL) {
            TRY(fold_later(store, LATER_REFERRAL, subject, err));
        } else if (mark->kind != KIND_ATTENDANCE) {
            TRY(fold_subject(store, mark->kind, subject, err));
        }
    }
    TRY(fold_laters(store, err));
    TRY(fold_sessions(store, err));
    TRY(fold_assertions_count(store, err));
    fold_forget(store);
    return fold_doubts(store, err);
}
