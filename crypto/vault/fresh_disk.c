#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/digest.h"
#include "crypto/vault/fresh_internal.h"

enum { FILE_MODE = 0600, NOTES_AT = 0, ROOTS_AT = 4 * FRESH_BLOCK_BYTES, LEAVES_AT = 6 * FRESH_BLOCK_BYTES };

/* The table in memory
 * ------------------------------------------------------------------------------------------------------------------ */

enum err_code fresh_table_grow(struct fresh *fresh, uint32_t pages, struct error *err)
{
    uint32_t leaves = fresh_leaves_of(pages);
    if (pages > FRESH_PAGES_MAX) {
        return FAIL(err, LIMIT, "keep the freshness of %u pages: at most %u", pages, FRESH_PAGES_MAX);
    }
    if (leaves <= fresh->leaves_len) {
        return ERR_OK;
    }
    uint32_t room = leaves + leaves / 8;
    struct fresh_leaf_state *grown = realloc(fresh->leaves, room * sizeof(*grown));
    fresh->leaves = grown == NULL ? fresh->leaves : grown;
    uint8_t(*tags)[FRESH_TAG_BYTES] = realloc(fresh->tags, room * sizeof(*tags));
    fresh->tags = tags == NULL ? fresh->tags : tags;
    if (grown == NULL || tags == NULL) {
        return FAIL(err, NO_MEMORY, "keep the freshness of %u pages", pages);
    }
    for (uint32_t i = fresh->leaves_len; i < room; i++) {
        fresh->leaves[i] = (struct fresh_leaf_state){ .dirty = true };
        memset(fresh->tags[i], 0, FRESH_TAG_BYTES);
    }
    fresh->leaves_len = room;
    return ERR_OK;
}

void fresh_table_clear(struct fresh *fresh)
{
    for (uint32_t i = 0; i < fresh->leaves_len; i++) {
        free(fresh->leaves[i].nonces);
    }
    free(fresh->leaves);
    free(fresh->tags);
    fresh->leaves = NULL;
    fresh->tags = NULL;
    fresh->leaves_len = 0;
    fresh->pages = 0;
    fresh->dirty = false;
}

uint8_t *fresh_table_at(const struct fresh *fresh, uint32_t page)
{
    uint32_t leaf = (page - 1) / FRESH_LEAF_PAGES;
    if (page == 0 || leaf >= fresh->leaves_len || fresh->leaves[leaf].nonces == NULL) {
        return NULL;
    }
    return fresh->leaves[leaf].nonces[(page - 1) % FRESH_LEAF_PAGES];
}

static enum err_code leaf_memory(struct fresh_leaf_state *leaf, struct error *err)
{
    if (leaf->nonces == NULL) {
        leaf->nonces = calloc(FRESH_LEAF_PAGES, NONCE_BYTES);
    }
    return leaf->nonces != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "keep the freshness of a page");
}

enum err_code fresh_table_set(struct fresh *fresh, uint32_t page, const uint8_t nonce[NONCE_BYTES], struct error *err)
{
    TRY(fresh_table_grow(fresh, page, err));
    struct fresh_leaf_state *leaf = &fresh->leaves[(page - 1) / FRESH_LEAF_PAGES];
    TRY(leaf_memory(leaf, err));
    memcpy(leaf->nonces[(page - 1) % FRESH_LEAF_PAGES], nonce, NONCE_BYTES);
    leaf->dirty = true;
    fresh->dirty = true;
    fresh->pages = page > fresh->pages ? page : fresh->pages;
    return ERR_OK;
}

void fresh_tail_set(struct fresh *fresh, const struct fresh_tail *tail)
{
    fresh->tail = *tail;
    atomic_store(&fresh->tail_frame, tail->frame);
}

/* The file
 * ------------------------------------------------------------------------------------------------------------------ */

enum err_code fresh_disk_open(struct fresh *fresh, bool make, struct error *err)
{
    /* not xAccess, which takes a failure for an absent file */
    struct stat about;
    bool there = stat(fresh->name, &about) == 0;
    if (!there && !(make && errno == ENOENT)) {
        return error_errno(err, "open '%s.fresh'", fresh->place.path);
    }
    sqlite3_vfs *base = fresh->place.base;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MAIN_JOURNAL | (make ? SQLITE_OPEN_CREATE : 0);
    int got = flags;
    memset(fresh->file, 0, (size_t)base->szOsFile);
    int rc = base->xOpen(base, fresh->name, fresh->file, flags, &got);
    fresh->opened = rc == SQLITE_OK;
    if (rc != SQLITE_OK) {
        return FAIL(err, IO, "open '%s.fresh'", fresh->place.path);
    }
    if ((got & SQLITE_OPEN_READWRITE) == 0) {
        fresh_disk_close(fresh);
        return FAIL(err, READ_ONLY, "open '%s.fresh' to write", fresh->place.path);
    }
    if (!there && chmod(fresh->name, FILE_MODE) != 0) {
        enum err_code code = error_errno(err, "make '%s.fresh'", fresh->place.path);
        fresh_disk_close(fresh);
        return code;
    }
    return ERR_OK;
}

void fresh_disk_close(struct fresh *fresh)
{
    if (fresh->opened) {
        (void)fresh->file->pMethods->xClose(fresh->file);
        fresh->opened = false;
    }
}

/* What lies behind the end is zeros. */
static enum err_code read_at(struct fresh *fresh, sqlite3_int64 at, void *out, int len, struct error *err)
{
    int rc = fresh->file->pMethods->xRead(fresh->file, out, len, at);
    return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ ? ERR_OK
                                                            : FAIL(err, IO, "read '%s.fresh'", fresh->place.path);
}

static enum err_code write_at(struct fresh *fresh, sqlite3_int64 at, const void *bytes, int len, struct error *err)
{
    int rc = fresh->file->pMethods->xWrite(fresh->file, bytes, len, at);
    if (rc == SQLITE_OK) {
        return ERR_OK;
    }
    return rc == SQLITE_FULL ? FAIL(err, DISK_FULL, "write '%s.fresh'", fresh->place.path)
                             : FAIL(err, IO, "write '%s.fresh'", fresh->place.path);
}

enum err_code fresh_disk_sync(struct fresh *fresh, struct error *err)
{
    return fresh->file->pMethods->xSync(fresh->file, SQLITE_SYNC_NORMAL) == SQLITE_OK
               ? ERR_OK
               : FAIL(err, IO, "make '%s.fresh' durable", fresh->place.path);
}

/* Two places for each place of a root. */
static sqlite3_int64 note_at(unsigned root_place, uint64_t number)
{
    return NOTES_AT + (sqlite3_int64)(root_place * 2 + number % 2) * FRESH_BLOCK_BYTES;
}

static sqlite3_int64 root_at(unsigned place)
{
    return ROOTS_AT + (sqlite3_int64)place * FRESH_BLOCK_BYTES;
}

static sqlite3_int64 leaf_at(uint32_t leaf, unsigned place)
{
    return LEAVES_AT + ((sqlite3_int64)leaf * 2 + place) * FRESH_BLOCK_BYTES;
}

/* Reading
 * ------------------------------------------------------------------------------------------------------------------ */

/* The two versions of a leaf; `whole` says which of them opened. */
struct leaf_pair {
    bool whole[2];
    struct fresh_leaf leaf[2];
    uint8_t tag[2][FRESH_TAG_BYTES];
};

static enum err_code pair_read(struct fresh *fresh, uint32_t number, struct leaf_pair *pair, struct error *err)
{
    uint8_t blocks[2][FRESH_BLOCK_BYTES];
    TRY(read_at(fresh, leaf_at(number, 0), blocks, sizeof(blocks), err));
    for (unsigned i = 0; i < 2; i++) {
        struct error unused;
        pair->whole[i] = fresh_leaf_open(&fresh->cipher, number, blocks[i], &pair->leaf[i], &unused) == ERR_OK;
        memcpy(pair->tag[i], fresh_leaf_tag(blocks[i]), FRESH_TAG_BYTES);
        if (pair->whole[i] && pair->leaf[i].counter > fresh->counter_max) {
            fresh->counter_max = pair->leaf[i].counter;
        }
    }
    return ERR_OK;
}

/* Both places up to the end of the file, those behind the table too: what was written there must be exceeded. */
static enum err_code leaves_in_file(struct fresh *fresh, uint32_t *ret_leaves, struct error *err)
{
    sqlite3_int64 size = 0;
    if (fresh->file->pMethods->xFileSize(fresh->file, &size) != SQLITE_OK) {
        return FAIL(err, IO, "read '%s.fresh'", fresh->place.path);
    }
    sqlite3_int64 pairs = size <= LEAVES_AT ? 0 : (size - LEAVES_AT + FRESH_BLOCK_BYTES) / (2 * FRESH_BLOCK_BYTES);
    uint32_t most = fresh_leaves_of(FRESH_PAGES_MAX);
    *ret_leaves = pairs > most ? most : (uint32_t)pairs;
    return ERR_OK;
}

static enum err_code leaf_take(struct fresh *fresh, const struct fresh_root *root, uint32_t number,
                               const struct leaf_pair *pair, struct error *err)
{
    struct fresh_leaf_state *leaf = &fresh->leaves[number];
    int live = -1;
    leaf->dirty = false;
    for (int i = 0; i < 2; i++) {
        bool fits = pair->whole[i] && pair->leaf[i].counter <= root->counter;
        if (fits && (live < 0 || pair->leaf[i].counter > pair->leaf[live].counter)) {
            live = i;
        }
        /* left by a save that did not end: it is written over by the next one, or it might be taken for its own */
        leaf->dirty = leaf->dirty || (pair->whole[i] && !fits);
    }
    if (live < 0) {
        return FAIL(err, DAMAGED, "its part %u fails its check", number);
    }
    TRY(leaf_memory(leaf, err));
    memcpy(leaf->nonces, pair->leaf[live].nonces, sizeof(pair->leaf[live].nonces));
    memcpy(fresh->tags[number], pair->tag[live], FRESH_TAG_BYTES);
    leaf->live = (unsigned)live;
    return ERR_OK;
}

static void leaves_sum(const struct fresh *fresh, uint32_t pages, uint8_t out[SHA256_BYTES])
{
    struct slice tags = slice_of(fresh->tags, (size_t)fresh_leaves_of(pages) * FRESH_TAG_BYTES);
    sha256(&tags, 1, out);
}

static enum err_code table_load(struct fresh *fresh, struct error *err)
{
    const struct fresh_root *root = &fresh->root;
    uint32_t in_file = 0;
    fresh_table_clear(fresh);
    TRY(leaves_in_file(fresh, &in_file, err));
    TRY(fresh_table_grow(fresh, root->pages, err));
    uint32_t leaves = fresh_leaves_of(root->pages);
    for (uint32_t i = 0; i < leaves || i < in_file; i++) {
        struct leaf_pair pair;
        TRY(pair_read(fresh, i, &pair, err));
        if (i < leaves) {
            TRY(leaf_take(fresh, root, i, &pair, err));
        }
    }
    uint8_t sum[SHA256_BYTES];
    leaves_sum(fresh, root->pages, sum);
    if (memcmp(sum, root->leaves_sum, sizeof(sum)) != 0) {
        return FAIL(err, DAMAGED, "its parts do not fit together");
    }
    fresh->pages = root->pages;
    return ERR_OK;
}

struct notes {
    bool whole[2];
    struct fresh_note note[2];
};

static enum err_code notes_read(struct fresh *fresh, unsigned root_place, struct notes *notes, struct error *err)
{
    for (unsigned place = 0; place < 2; place++) {
        uint8_t block[FRESH_NOTE_BYTES];
        struct error unused;
        struct fresh_note *note = &notes->note[place];
        TRY(read_at(fresh, note_at(root_place, place), block, sizeof(block), err));
        notes->whole[place] = fresh_note_open(&fresh->cipher, block, note, &unused) == ERR_OK;
        if (notes->whole[place]) {
            fresh->note_number = note->number > fresh->note_number ? note->number : fresh->note_number;
            fresh->counter_max = note->counter > fresh->counter_max ? note->counter : fresh->counter_max;
        }
    }
    return ERR_OK;
}

enum err_code fresh_disk_survey(struct fresh *fresh, struct error *err)
{
    uint32_t in_file = 0;
    struct notes notes;
    TRY(leaves_in_file(fresh, &in_file, err));
    for (uint32_t i = 0; i < in_file; i++) {
        struct leaf_pair pair;
        TRY(pair_read(fresh, i, &pair, err));
    }
    for (unsigned place = 0; place < 2; place++) {
        uint8_t block[FRESH_ROOT_BYTES];
        struct fresh_root root;
        struct error unused;
        TRY(read_at(fresh, root_at(place), block, sizeof(block), err));
        if (fresh_root_open(&fresh->cipher, block, &root, &unused) == ERR_OK && root.counter > fresh->counter_max) {
            fresh->counter_max = root.counter;
        }
        TRY(notes_read(fresh, place, &notes, err));
    }
    return ERR_OK;
}

/*
 * The last note that goes with the root. Both of its notes were durable with it, so what a loss of power leaves is an
 * older one, and at most one that is torn.
 */
static enum err_code tail_load(struct fresh *fresh, struct error *err)
{
    struct fresh_tail tail = { 0 };
    struct notes notes;
    uint64_t newest = 0;
    TRY(notes_read(fresh, 1 - fresh->root_live, &notes, err)); /* their numbers are to be exceeded */
    TRY(notes_read(fresh, fresh->root_live, &notes, err));
    for (unsigned place = 0; place < 2; place++) {
        const struct fresh_note *note = &notes.note[place];
        if (notes.whole[place] && note->counter == fresh->root.counter && note->number > newest) {
            newest = note->number;
            tail = (struct fresh_tail){ .frame = note->frame, .nonce_known = note->nonce_known };
            memcpy(tail.nonce, note->nonce, NONCE_BYTES);
        }
    }
    if (newest == 0) {
        return FAIL(err, DAMAGED, "its notes of how far the log was committed fail their check");
    }
    fresh_tail_set(fresh, &tail);
    return ERR_OK;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

struct roots {
    bool whole[2];
    bool spoilt; /* one was written and does not open: torn, or damaged */
    struct fresh_root root[2];
};

static enum err_code roots_read(struct fresh *fresh, struct roots *roots, struct error *err)
{
    for (unsigned place = 0; place < 2; place++) {
        uint8_t block[FRESH_ROOT_BYTES];
        struct error why;
        TRY(read_at(fresh, root_at(place), block, sizeof(block), err));
        enum err_code rc = fresh_root_open(&fresh->cipher, block, &roots->root[place], &why);
        if (rc == ERR_UNSUPPORTED) {
            return error_set(err, rc, "%s", why.message);
        }
        roots->whole[place] = rc == ERR_OK;
        roots->spoilt = roots->spoilt || (rc != ERR_OK && !all_zero(block, sizeof(block)));
        if (rc == ERR_OK && roots->root[place].counter > fresh->counter_max) {
            fresh->counter_max = roots->root[place].counter;
        }
    }
    return ERR_OK;
}

enum err_code fresh_disk_load(struct fresh *fresh, struct error *err)
{
    struct roots roots = { 0 };
    fresh->counter_max = 0;
    fresh->note_number = 0;
    fresh->fell_back = false;
    TRY(roots_read(fresh, &roots, err));
    unsigned newest = roots.whole[1] && (!roots.whole[0] || roots.root[1].counter > roots.root[0].counter) ? 1 : 0;
    enum err_code rc = FAIL(err, DAMAGED, "it fails its check");
    for (unsigned turn = 0; turn < 2 && rc == ERR_DAMAGED; turn++) {
        unsigned place = turn == 0 ? newest : 1 - newest;
        if (!roots.whole[place]) {
            continue;
        }
        fresh->root = roots.root[place];
        fresh->root_live = place;
        fresh->fell_back = turn == 1 || roots.spoilt;
        rc = table_load(fresh, err);
        rc = rc == ERR_OK ? tail_load(fresh, err) : rc;
    }
    return rc;
}

static enum err_code leaf_verify(struct fresh *fresh, uint32_t number, struct error *err)
{
    const struct fresh_leaf_state *state = &fresh->leaves[number];
    struct leaf_pair pair;
    TRY(pair_read(fresh, number, &pair, err));
    bool same = state->dirty || memcmp(pair.tag[state->live], fresh->tags[number], FRESH_TAG_BYTES) == 0;
    return pair.whole[state->live] && same ? ERR_OK : FAIL(err, DAMAGED, "its part %u fails its check", number);
}

enum err_code fresh_disk_verify(struct fresh *fresh, struct error *err)
{
    uint8_t block[FRESH_ROOT_BYTES];
    struct fresh_root root;
    TRY(read_at(fresh, root_at(fresh->root_live), block, sizeof(block), err));
    if (fresh_root_open(&fresh->cipher, block, &root, err) != ERR_OK || root.counter != fresh->root.counter) {
        return FAIL(err, DAMAGED, "its root fails its check");
    }
    for (uint32_t i = 0; i < fresh_leaves_of(fresh->root.pages); i++) {
        TRY(leaf_verify(fresh, i, err));
    }
    return ERR_OK;
}

/* Writing
 * ------------------------------------------------------------------------------------------------------------------ */

static enum err_code leaf_save(struct fresh *fresh, uint32_t number, uint64_t counter, struct error *err)
{
    struct fresh_leaf_state *state = &fresh->leaves[number];
    struct fresh_leaf leaf = { .counter = counter };
    uint8_t block[FRESH_BLOCK_BYTES];
    if (state->nonces != NULL) {
        memcpy(leaf.nonces, state->nonces, sizeof(leaf.nonces));
    }
    TRY(fresh_leaf_close(&fresh->cipher, number, &leaf, block, err));
    TRY(write_at(fresh, leaf_at(number, 1 - state->live), block, sizeof(block), err));
    memcpy(fresh->tags[number], fresh_leaf_tag(block), FRESH_TAG_BYTES);
    return ERR_OK;
}

/* The whole block with a root, otherwise the note alone. */
static enum err_code note_write(struct fresh *fresh, unsigned root_place, const struct fresh_note *note, size_t len,
                                struct error *err)
{
    uint8_t block[FRESH_BLOCK_BYTES];
    memset(block + FRESH_NOTE_BYTES, 0, len - FRESH_NOTE_BYTES);
    TRY(fresh_note_close(&fresh->cipher, note, block, err));
    TRY(write_at(fresh, note_at(root_place, note->number), block, (int)len, err));
    fresh->note_number = note->number;
    return ERR_OK;
}

static struct fresh_note note_of(const struct fresh *fresh, uint64_t counter, const struct fresh_tail *tail)
{
    struct fresh_note note = {
        .counter = counter, .number = fresh->note_number + 1, .frame = tail->frame, .nonce_known = tail->nonce_known
    };
    memcpy(note.nonce, tail->nonce, NONCE_BYTES);
    return note;
}

enum err_code fresh_disk_note(struct fresh *fresh, struct error *err)
{
    struct fresh_note note = note_of(fresh, fresh->root.counter, &fresh->tail);
    return note_write(fresh, fresh->root_live, &note, FRESH_NOTE_BYTES, err);
}

static enum err_code root_write(struct fresh *fresh, const struct fresh_root *root, struct error *err)
{
    uint8_t block[FRESH_ROOT_BYTES];
    TRY(fresh_root_close(&fresh->cipher, root, block, err));
    return write_at(fresh, root_at(1 - fresh->root_live), block, sizeof(block), err);
}

static enum err_code save_write(struct fresh *fresh, struct fresh_root *root, struct error *err)
{
    uint32_t leaves = fresh_leaves_of(root->pages);
    for (uint32_t i = 0; i < leaves; i++) {
        if (fresh->leaves[i].dirty) {
            TRY(leaf_save(fresh, i, root->counter, err));
        }
    }
    leaves_sum(fresh, root->pages, root->leaves_sum);
    bool same_round = root->has_live && memcmp(root->live, fresh->root.live, SALTS_BYTES) == 0;
    for (int i = 0; i < 2; i++) {
        struct fresh_note note = note_of(fresh, root->counter, same_round ? &fresh->tail : &(struct fresh_tail){ 0 });
        TRY(note_write(fresh, 1 - fresh->root_live, &note, FRESH_BLOCK_BYTES, err));
    }
    TRY(root_write(fresh, root, err));
    return fresh_disk_sync(fresh, err);
}

enum err_code fresh_disk_save(struct fresh *fresh, const struct fresh_root *next, struct error *err)
{
    struct fresh_root root = *next;
    TRY(fresh_table_grow(fresh, fresh->pages, err));
    if (fresh->counter_max == UINT64_MAX || fresh->note_number >= UINT64_MAX - 2) {
        return FAIL(err, LIMIT, "count on in '%s.fresh'", fresh->place.path);
    }
    root.counter = fresh->counter_max + 1;
    root.pages = fresh->pages;
    fresh->counter_max = root.counter;
    TRY(save_write(fresh, &root, err));
    for (uint32_t i = 0; i < fresh_leaves_of(root.pages); i++) {
        if (fresh->leaves[i].dirty) {
            fresh->leaves[i].live = 1 - fresh->leaves[i].live;
            fresh->leaves[i].dirty = false;
        }
    }
    fresh->root_live = 1 - fresh->root_live;
    fresh->root = root;
    fresh->dirty = false;
    return ERR_OK;
}
