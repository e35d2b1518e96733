#include "crypto/vault/restore_swap.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

/* What belongs to a set, behind its name. The keys file goes out last and comes in last: without it nothing opens. */
static const char *const PARTS[] = { "-wal", ".rekey", ".fresh", "", ".keys.prev", ".keys" };

#define NOTE_SUFFIX ".swap"
#define NO_SET "-"
#define REPLACED ".replaced-"
#define UNDONE ".undone-"

enum { NOTE_MAX = 256, NOTE_MODE = 0600, WHEN_DIGITS = 17, NAME_TRIES = 1000 };

struct swap {
    char out[RESTORE_SET_SIZE]; /* what the set in use becomes; "" if there is none */
    char in[RESTORE_SET_SIZE];  /* what takes its place */
    bool moving_in;
};

static enum err_code name_of(const char *path, const char *set, const char *part, char out[PATH_MAX], struct error *err)
{
    int len = snprintf(out, PATH_MAX, "%s%s%s", path, set, part);
    return len > 0 && len < PATH_MAX - 8 ? ERR_OK : FAIL(err, INVALID, "use a path of %d bytes: too long", len);
}

/* ".replaced-" or ".undone-", the digits of an instant, "Z". */
static bool set_name_valid(const char *name)
{
    const char *when = strncmp(name, REPLACED, strlen(REPLACED)) == 0 ? name + strlen(REPLACED)
                       : strncmp(name, UNDONE, strlen(UNDONE)) == 0   ? name + strlen(UNDONE)
                                                                      : NULL;
    if (when == NULL || strlen(when) != WHEN_DIGITS + 2) {
        return false;
    }
    for (size_t i = 0; i < WHEN_DIGITS + 1; i++) {
        bool digit = when[i] >= '0' && when[i] <= '9';
        if (i == 8 ? when[i] != 'T' : !digit) {
            return false;
        }
    }
    return when[WHEN_DIGITS + 1] == 'Z';
}

/* 2026-11-22T07:15:00.000Z without what divides it: ".replaced-20261122T071500000Z" */
static void set_name(const char *kind, int64_t at_ms, char out[RESTORE_SET_SIZE])
{
    char when[INSTANT_TEXT_SIZE];
    instant_format(at_ms, when);
    size_t len = (size_t)snprintf(out, RESTORE_SET_SIZE, "%s", kind);
    for (const char *c = when; *c != '\0'; c++) {
        if (strchr("-:.", *c) == NULL) {
            out[len++] = *c;
        }
    }
    out[len] = '\0';
}

static bool set_there(const char *path, const char *set)
{
    char name[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (name_of(path, set, PARTS[i], name, NULL) == ERR_OK && file_exists(name)) {
            return true;
        }
    }
    return false;
}

static enum err_code set_name_free(const char *path, const char *kind, int64_t now_ms, char out[RESTORE_SET_SIZE],
                                   struct error *err)
{
    for (int tries = 0; tries < NAME_TRIES; tries++) {
        set_name(kind, now_ms + tries, out);
        if (!set_there(path, out)) {
            return ERR_OK;
        }
    }
    return FAIL(err, CONFLICT, "put the replica in use aside: too many are kept under the same time");
}

/* The note of what is being done
 * ------------------------------------------------------------------------------------------- */

static enum err_code note_write(const char *path, const struct swap *swap, struct error *err)
{
    char name[PATH_MAX];
    char text[NOTE_MAX];
    TRY(name_of(path, NOTE_SUFFIX, "", name, err));
    int len = snprintf(text, sizeof(text), "holdfast swap 1\nout %s\nin %s\nstep %s\n",
                       swap->out[0] == '\0' ? NO_SET : swap->out, swap->in, swap->moving_in ? "in" : "out");
    CHECK(len > 0 && len < NOTE_MAX);
    return file_replace(name, slice_of(text, (size_t)len), NOTE_MODE, err);
}

static bool note_parse(char *text, struct swap *ret_swap)
{
    char step[4];
    struct swap swap = { 0 };
    int end = 0;
    if (sscanf(text, "holdfast swap 1\nout %31s\nin %31s\nstep %3s\n%n", swap.out, swap.in, step, &end) != 3 ||
        text[end] != '\0') {
        return false;
    }
    if (strcmp(swap.out, NO_SET) == 0) {
        swap.out[0] = '\0';
    } else if (!set_name_valid(swap.out)) {
        return false;
    }
    swap.moving_in = strcmp(step, "in") == 0;
    bool step_known = swap.moving_in || strcmp(step, "out") == 0;
    *ret_swap = swap;
    return step_known && (strcmp(swap.in, RESTORE_INCOMING) == 0 || set_name_valid(swap.in));
}

/* ERR_NOT_FOUND: nothing was under way. */
static enum err_code note_read(const char *path, struct swap *ret_swap, struct error *err)
{
    char name[PATH_MAX];
    TRY(name_of(path, NOTE_SUFFIX, "", name, err));
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, NOTE_MAX);
    enum err_code rc = file_read(name, &text, err);
    if (rc != ERR_OK && rc != ERR_LIMIT) {
        return rc;
    }
    if (rc == ERR_LIMIT || buf_append(&text, "", 1, NULL) != ERR_OK || !note_parse((char *)text.data, ret_swap)) {
        return FAIL(err, DAMAGED,
                    "go on with an interrupted restore: '%s' is not readable; the replica's files are all there, under "
                    "the names that it had to change",
                    name);
    }
    return ERR_OK;
}

static enum err_code note_remove(const char *path, struct error *err)
{
    char name[PATH_MAX];
    TRY(name_of(path, NOTE_SUFFIX, "", name, err));
    if (unlink(name) != 0) {
        return error_errno(err, "remove '%s'", name);
    }
    return file_sync_folder(name, err);
}

/* Moving
 * -------------------------------------------------------------------------------------------------------------------
 */

/* Renames every part that is there. The folder is synced afterwards. */
static enum err_code set_move(const char *path, const char *from, const char *to, struct error *err)
{
    char old[PATH_MAX];
    char new[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        TRY(name_of(path, from, PARTS[i], old, err));
        TRY(name_of(path, to, PARTS[i], new, err));
        if (rename(old, new) != 0 && errno != ENOENT) {
            return error_errno(err, "rename '%s'", old);
        }
    }
    return file_sync_folder(path, err);
}

static enum err_code swap_finish(const char *path, struct swap *swap, struct error *err)
{
    if (!swap->moving_in) {
        if (swap->out[0] != '\0') {
            TRY(set_move(path, "", swap->out, err));
        }
        swap->moving_in = true;
        TRY(note_write(path, swap, err));
    }
    TRY(set_move(path, swap->in, "", err));
    return note_remove(path, err);
}

static enum err_code swap_begin(const char *path, const char *incoming, const char *kind, int64_t now_ms,
                                char *ret_kept, struct error *err)
{
    struct swap swap = { 0 };
    char keys[PATH_MAX];
    TRY(name_of(path, incoming, ".keys", keys, err));
    if (!file_exists(keys)) {
        return FAIL(err, NOT_FOUND, "put another replica in use: '%s' is not there", keys);
    }
    (void)snprintf(swap.in, sizeof(swap.in), "%s", incoming);
    if (set_there(path, "")) {
        TRY(set_name_free(path, kind, now_ms, swap.out, err));
    }
    TRY(note_write(path, &swap, err));
    TRY(swap_finish(path, &swap, err));
    LOG_INFO("replica_exchanged", "in=\"%s\" out=\"%s\"", swap.in, swap.out);
    memcpy(ret_kept, swap.out, sizeof(swap.out));
    return ERR_OK;
}

enum err_code restore_swap(const char *path, int64_t now_ms, char *ret_kept, struct error *err)
{
    return swap_begin(path, RESTORE_INCOMING, REPLACED, now_ms, ret_kept, err);
}

/* The newest replaced one; NULL if there is none. */
static const struct restore_set *sets_replaced(const struct restore_sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        if (strncmp(sets->sets[i].name, REPLACED, strlen(REPLACED)) == 0) {
            return &sets->sets[i];
        }
    }
    return NULL;
}

bool restore_sets_undoable(const struct restore_sets *sets)
{
    return sets_replaced(sets) != NULL;
}

enum err_code restore_undo(const char *path, int64_t now_ms, char *ret_kept, struct error *err)
{
    struct restore_sets sets;
    TRY(restore_sets_read(path, &sets, err));
    const struct restore_set *replaced = sets_replaced(&sets);
    return replaced != NULL ? swap_begin(path, replaced->name, UNDONE, now_ms, ret_kept, err)
                            : FAIL(err, NOT_FOUND, "undo a restore: no replaced replica is kept here");
}

enum err_code restore_swap_recover(const char *path, struct error *err)
{
    char note[PATH_MAX];
    TRY(name_of(path, NOTE_SUFFIX, "", note, err));
    bool interrupted = file_exists(note);
    TRY(restore_swap_resume(path, err));
    if (!interrupted) {
        restore_incoming_remove(path);
    }
    return ERR_OK;
}

enum err_code restore_swap_resume(const char *path, struct error *err)
{
    struct swap swap;
    struct error why;
    enum err_code rc = note_read(path, &swap, &why);
    if (rc == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (rc == ERR_OK) {
        rc = swap_finish(path, &swap, &why);
    }
    if (rc != ERR_OK) {
        return error_set(err, rc, "%s", why.message);
    }
    LOG_WARNING("replica_exchange_finished", "in=\"%s\" out=\"%s\"", swap.in, swap.out);
    return ERR_OK;
}

/* What is kept
 * ------------------------------------------------------------------------------------------------------------- */

static void set_remove(const char *path, const char *set)
{
    char name[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (name_of(path, set, PARTS[i], name, NULL) == ERR_OK && unlink(name) != 0 && errno != ENOENT) {
            LOG_WARNING("file_not_removed", "path=\"%s\" reason=\"%s\"", name, strerror(errno));
        }
    }
}

void restore_incoming_remove(const char *path)
{
    set_remove(path, RESTORE_INCOMING);
}

static uint64_t set_bytes(const char *path, const char *set)
{
    uint64_t bytes = 0;
    char name[PATH_MAX];
    struct stat about;
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (name_of(path, set, PARTS[i], name, NULL) == ERR_OK && lstat(name, &about) == 0) {
            bytes += (uint64_t)about.st_size;
        }
    }
    return bytes;
}

static const char *set_when(const struct restore_set *set)
{
    return strchr(set->name, '-') + 1;
}

/* Keeps the newest RESTORE_SETS_MAX, in order, each once. */
static void sets_add(struct restore_sets *sets, const struct restore_set *set)
{
    size_t at = sets->count;
    while (at > 0 && strcmp(set_when(&sets->sets[at - 1]), set_when(set)) <= 0) {
        at--;
        if (strcmp(sets->sets[at].name, set->name) == 0) {
            return;
        }
    }
    if (at == RESTORE_SETS_MAX) {
        return;
    }
    size_t behind = sets->count - at - (sets->count == RESTORE_SETS_MAX ? 1 : 0);
    memmove(&sets->sets[at + 1], &sets->sets[at], behind * sizeof(*set));
    sets->sets[at] = *set;
    sets->count += sets->count < RESTORE_SETS_MAX ? 1 : 0;
}

/* NAME, the name of a set, the suffix of a part. */
static void entry_look(const char *base, const char *entry, struct restore_sets *sets)
{
    size_t len = strlen(base);
    if (strncmp(entry, base, len) != 0) {
        return;
    }
    const char *end = strchr(entry + len, 'Z');
    struct restore_set set = { 0 };
    size_t name_len = end == NULL ? 0 : (size_t)(end - (entry + len)) + 1;
    if (name_len == 0 || name_len >= sizeof(set.name)) {
        return;
    }
    memcpy(set.name, entry + len, name_len);
    for (size_t i = 0; set_name_valid(set.name) && i < ARRAY_LEN(PARTS); i++) {
        if (strcmp(end + 1, PARTS[i]) == 0) {
            sets_add(sets, &set);
        }
    }
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

enum err_code restore_sets_read(const char *path, struct restore_sets *ret_sets, struct error *err)
{
    char name[PATH_MAX];
    TRY(name_of(path, "", "", name, err));
    char *slash = strrchr(name, '/');
    const char *base = slash == NULL ? path : path + (slash - name) + 1;
    if (slash != NULL) {
        slash[slash == name ? 1 : 0] = '\0';
    }
    SCOPED(close_folder) DIR *folder = opendir(slash == NULL ? "." : name);
    if (folder == NULL) {
        return error_errno(err, "look for kept replicas beside '%s'", path);
    }
    struct restore_sets *sets = ret_sets;
    sets->count = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        entry_look(base, entry->d_name, sets);
    }
    for (size_t i = 0; i < sets->count; i++) {
        sets->sets[i].bytes = set_bytes(path, sets->sets[i].name);
    }
    return ERR_OK;
}

enum err_code restore_sets_discard(const char *path, struct error *err)
{
    struct restore_sets sets;
    for (;;) {
        TRY(restore_sets_read(path, &sets, err));
        if (sets.count == 0) {
            return file_sync_folder(path, err);
        }
        for (size_t i = 0; i < sets.count; i++) {
            set_remove(path, sets.sets[i].name);
        }
        if (set_there(path, sets.sets[0].name)) {
            return FAIL(err, READ_ONLY, "remove the kept replicas: the state folder cannot be written");
        }
    }
}
