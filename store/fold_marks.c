/*
 * What a transaction has touched and not folded yet: each subject once, however many ops came about it.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

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
    if (marks->count > 0) {
        memset(marks->places, 0, sizeof(marks->places));
        marks->count = 0;
    }
}

bool fold_marked(const struct store *store, uint32_t kind, struct slice subject)
{
    const struct fold_marks *marks = &store->fold_marks;
    return marks->count > 0 && marks->places[find(marks, kind, subject)] != 0;
}

enum err_code fold_mark(struct store *store, uint32_t kind, struct slice subject, struct error *err)
{
    struct fold_marks *marks = &store->fold_marks;
    if (fold_marked(store, kind, subject)) {
        return ERR_OK;
    }
    if (marks->count == FOLD_MARKS_MAX) {
        TRY(fold_flush(store, err));
    }
    struct fold_mark *mark = &marks->marks[marks->count];
    *mark = (struct fold_mark){ .kind = kind, .subject_len = (uint8_t)subject.len };
    memcpy(mark->subject, subject.data, subject.len);
    marks->places[find(marks, kind, subject)] = (uint16_t)++marks->count;
    return ERR_OK;
}

/* A placement that is marked has all of its sessions made. */
static bool made_with_placement(const struct store *store, const struct fold_mark *session)
{
    return fold_marked(store, KIND_PLACEMENT, slice_of(session->subject, OP_ENTITY_BYTES));
}

/* Sessions last: placements and appointments lay them out. Nothing is marked meanwhile. */
enum err_code fold_flush(struct store *store, struct error *err)
{
    const struct fold_marks *marks = &store->fold_marks;
    for (int sessions = 0; sessions <= 1; sessions++) {
        for (size_t i = 0; i < marks->count; i++) {
            const struct fold_mark *mark = &marks->marks[i];
            struct slice subject = slice_of(mark->subject, mark->subject_len);
            if (mark->kind == KIND_ATTENDANCE && sessions == 1) {
                if (!made_with_placement(store, mark)) {
                    TRY(fold_session(store, subject, err));
                }
            } else if (mark->kind != KIND_ATTENDANCE && sessions == 0) {
                TRY(fold_subject(store, mark->kind, subject, err));
            }
        }
    }
    fold_forget(store);
    return ERR_OK;
}
