#include "tape.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { NAME_MAX_BYTES = 64, NAMES = 32, FILES = 512, SECTOR = 512 };

enum event_kind { MADE, WROTE, CUT, SYNCED, FOLDER_SYNCED, RENAMED, REMOVED };

struct event {
    enum event_kind kind;
    int file;
    long at; /* or the size of a cut */
    size_t len;
    uint8_t *bytes;
    char name[NAME_MAX_BYTES];
    char to[NAME_MAX_BYTES];
};

/* Which name is which file. */
struct names {
    size_t count;
    struct {
        char name[NAME_MAX_BYTES];
        int file;
    } of[NAMES];
};

struct content {
    uint8_t *bytes;
    size_t size;
};

struct list {
    size_t *events;
    size_t count;
    size_t room;
};

/* A disk that has seen the first `seen` events. */
struct disk {
    size_t seen;
    struct content settled[FILES];
    struct list pending[FILES];
    struct names names;
    struct list names_pending;
};

struct tape {
    char folder[NAME_MAX_BYTES];
    struct event *events;
    size_t len;
    size_t room;
    size_t begin;
    int files;
    struct names names;
    struct disk disk;
    pthread_mutex_t lock;
};

static struct tape *recording;

struct tape *tape_recording(void)
{
    return recording;
}

const char *tape_folder(const struct tape *tape)
{
    return tape->folder;
}

uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (*state ^ (*state >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

/* Names
 * ------------------------------------------------------------------------------------------------------------------ */

static int *name_find(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->of[i].name, name) == 0) {
            return &names->of[i].file;
        }
    }
    return NULL;
}

static void name_remove(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->of[i].name, name) == 0) {
            names->of[i] = names->of[--names->count];
            return;
        }
    }
}

static void name_set(struct names *names, const char *name, int file)
{
    int *there = name_find(names, name);
    if (there == NULL) {
        CHECK(names->count < NAMES);
        (void)snprintf(names->of[names->count].name, NAME_MAX_BYTES, "%s", name);
        there = &names->of[names->count++].file;
    }
    *there = file;
}

static void names_change(struct names *names, const struct event *event)
{
    if (event->kind == MADE) {
        name_set(names, event->name, event->file);
    } else if (event->kind == REMOVED) {
        name_remove(names, event->name);
    } else if (event->kind == RENAMED) {
        int *from = name_find(names, event->name);
        int file = from == NULL ? -1 : *from;
        name_remove(names, event->name);
        if (file >= 0) {
            name_set(names, event->to, file);
        }
    }
}

/* Recording
 * -------------------------------------------------------------------------------------------------------------- */

static struct event *event_add(struct tape *tape, enum event_kind kind, int file)
{
    if (tape->len == tape->room) {
        tape->room = tape->room == 0 ? 1024 : tape->room * 2;
        tape->events = realloc(tape->events, tape->room * sizeof(*tape->events));
        CHECK(tape->events != NULL);
    }
    struct event *event = &tape->events[tape->len++];
    *event = (struct event){ .kind = kind, .file = file };
    return event;
}

int tape_file(struct tape *tape, const char *name, bool make)
{
    pthread_mutex_lock(&tape->lock);
    const int *there = name_find(&tape->names, name);
    int file = there == NULL ? -1 : *there;
    if (file < 0 && make) {
        CHECK(tape->files < FILES && strlen(name) < NAME_MAX_BYTES);
        file = tape->files++;
        struct event *event = event_add(tape, MADE, file);
        (void)snprintf(event->name, sizeof(event->name), "%s", name);
        names_change(&tape->names, event);
    }
    pthread_mutex_unlock(&tape->lock);
    return file;
}

void tape_wrote(struct tape *tape, int file, const void *bytes, size_t len, long at)
{
    pthread_mutex_lock(&tape->lock);
    struct event *event = event_add(tape, WROTE, file);
    event->at = at;
    event->len = len;
    event->bytes = malloc(len == 0 ? 1 : len);
    CHECK(event->bytes != NULL);
    memcpy(event->bytes, bytes, len);
    pthread_mutex_unlock(&tape->lock);
}

void tape_cut(struct tape *tape, int file, long size)
{
    pthread_mutex_lock(&tape->lock);
    event_add(tape, CUT, file)->at = size;
    pthread_mutex_unlock(&tape->lock);
}

void tape_synced(struct tape *tape, int file)
{
    pthread_mutex_lock(&tape->lock);
    (void)event_add(tape, SYNCED, file);
    pthread_mutex_unlock(&tape->lock);
}

void tape_folder_synced(struct tape *tape)
{
    pthread_mutex_lock(&tape->lock);
    (void)event_add(tape, FOLDER_SYNCED, -1);
    pthread_mutex_unlock(&tape->lock);
}

static void name_event(struct tape *tape, enum event_kind kind, const char *name, const char *to)
{
    pthread_mutex_lock(&tape->lock);
    struct event *event = event_add(tape, kind, -1);
    (void)snprintf(event->name, sizeof(event->name), "%s", name);
    (void)snprintf(event->to, sizeof(event->to), "%s", to);
    names_change(&tape->names, event);
    pthread_mutex_unlock(&tape->lock);
}

void tape_renamed(struct tape *tape, const char *from, const char *to)
{
    name_event(tape, RENAMED, from, to);
}

void tape_removed(struct tape *tape, const char *name)
{
    name_event(tape, REMOVED, name, "");
}

static struct content content_read(const char *folder, const char *name)
{
    char path[2 * NAME_MAX_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "open '%s'", path);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    struct content content = { .size = (size_t)ftell(file) };
    rewind(file);
    content.bytes = malloc(content.size + 1);
    CHECK(content.bytes != NULL);
    cr_assert_eq(fread(content.bytes, 1, content.size, file), content.size);
    cr_assert_eq(fclose(file), 0);
    return content;
}

struct tape *tape_start(const char *folder)
{
    struct tape *tape = calloc(1, sizeof(*tape));
    CHECK(tape != NULL && pthread_mutex_init(&tape->lock, NULL) == 0);
    (void)snprintf(tape->folder, sizeof(tape->folder), "%s", folder);
    DIR *entries = opendir(folder);
    cr_assert_not_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (entry->d_type != DT_REG) {
            continue;
        }
        struct content content = content_read(folder, entry->d_name);
        int file = tape_file(tape, entry->d_name, true);
        tape_wrote(tape, file, content.bytes, content.size, 0);
        tape_synced(tape, file);
        free(content.bytes);
    }
    cr_assert_eq(closedir(entries), 0);
    tape_folder_synced(tape);
    tape->begin = tape->len;
    CHECK(recording == NULL);
    recording = tape;
    return tape;
}

void tape_stop(struct tape *tape)
{
    CHECK(recording == tape);
    recording = NULL;
}

size_t tape_begin(const struct tape *tape)
{
    return tape->begin;
}

size_t tape_len(const struct tape *tape)
{
    return tape->len;
}

/* The disk
 * --------------------------------------------------------------------------------------------------------------- */

static void list_add(struct list *list, size_t event)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->events = realloc(list->events, list->room * sizeof(*list->events));
        CHECK(list->events != NULL);
    }
    list->events[list->count++] = event;
}

static void content_resize(struct content *content, size_t size, int fill)
{
    content->bytes = realloc(content->bytes, size + 1);
    CHECK(content->bytes != NULL);
    if (size > content->size) {
        memset(content->bytes + content->size, fill, size - content->size);
    }
    content->size = size;
}

/* Which of an event's sectors reach the disk, and what lies where none ever did. */
struct luck {
    bool all;
    uint64_t random;
    int fill;
};

static void content_write(struct content *content, const struct event *event, struct luck *luck)
{
    size_t at = (size_t)event->at;
    size_t end = at + event->len;
    for (size_t from = at; from < end;) {
        size_t to = (from / SECTOR + 1) * SECTOR < end ? (from / SECTOR + 1) * SECTOR : end;
        if (luck->all || next_random(&luck->random) % 2 == 0) {
            if (content->size < to) {
                content_resize(content, to, luck->fill);
            }
            memcpy(content->bytes + from, event->bytes + (from - at), to - from);
        }
        from = to;
    }
}

static void content_change(struct content *content, const struct event *event, struct luck *luck)
{
    if (event->kind == CUT) {
        content_resize(content, (size_t)event->at, 0);
    } else {
        content_write(content, event, luck);
    }
}

static void disk_settle(const struct tape *tape, struct disk *disk, int file)
{
    struct luck luck = { .all = true };
    struct list *pending = &disk->pending[file];
    for (size_t i = 0; i < pending->count; i++) {
        content_change(&disk->settled[file], &tape->events[pending->events[i]], &luck);
    }
    pending->count = 0;
}

static void disk_see(const struct tape *tape, struct disk *disk)
{
    size_t number = disk->seen++;
    const struct event *event = &tape->events[number];
    switch (event->kind) {
    case WROTE:
    case CUT:
        list_add(&disk->pending[event->file], number);
        break;
    case SYNCED:
        disk_settle(tape, disk, event->file);
        break;
    case FOLDER_SYNCED:
        for (size_t i = 0; i < disk->names_pending.count; i++) {
            names_change(&disk->names, &tape->events[disk->names_pending.events[i]]);
        }
        disk->names_pending.count = 0;
        break;
    case MADE:
    case RENAMED:
    case REMOVED:
        list_add(&disk->names_pending, number);
        break;
    }
}

static void disk_clear(struct disk *disk)
{
    for (size_t i = 0; i < FILES; i++) {
        free(disk->settled[i].bytes);
        free(disk->pending[i].events);
    }
    free(disk->names_pending.events);
    memset(disk, 0, sizeof(*disk));
}

static void disk_go_to(struct tape *tape, size_t event)
{
    if (tape->disk.seen > event) {
        disk_clear(&tape->disk);
    }
    while (tape->disk.seen < event) {
        disk_see(tape, &tape->disk);
    }
}

void tape_free(struct tape *tape)
{
    if (tape == NULL) {
        return;
    }
    CHECK(recording != tape);
    disk_clear(&tape->disk);
    for (size_t i = 0; i < tape->len; i++) {
        free(tape->events[i].bytes);
    }
    free(tape->events);
    pthread_mutex_destroy(&tape->lock);
    free(tape);
}

/* Loss of power
 * ---------------------------------------------------------------------------------------------------------- */

/* Disks lose everything, nothing, the end, the beginning, or this and that. */
enum mood { LOSE_ALL, KEEP_ALL, KEEP_FIRST, KEEP_LAST, MIXED, MOODS = 8 };

static bool survives(enum mood mood, size_t i, size_t edge, struct luck *luck)
{
    luck->all = true;
    switch (mood) {
    case LOSE_ALL:
        return false;
    case KEEP_ALL:
        return true;
    case KEEP_FIRST:
    case KEEP_LAST:
        luck->all = i != edge;
        return mood == KEEP_FIRST ? i <= edge : i >= edge;
    default: {
        uint64_t lot = next_random(&luck->random) % 8;
        luck->all = lot != 7;
        return lot > 2;
    }
    }
}

static struct content content_left(const struct tape *tape, int file, enum mood mood, struct luck *luck)
{
    const struct content *settled = &tape->disk.settled[file];
    const struct list *pending = &tape->disk.pending[file];
    struct content left = { 0 };
    content_resize(&left, settled->size, 0);
    if (settled->size > 0) {
        memcpy(left.bytes, settled->bytes, settled->size);
    }
    size_t edge = pending->count == 0 ? 0 : (size_t)(next_random(&luck->random) % pending->count);
    for (size_t i = 0; i < pending->count; i++) {
        if (survives(mood, i, edge, luck)) {
            content_change(&left, &tape->events[pending->events[i]], luck);
        }
    }
    return left;
}

static void content_put(const struct content *content, const char *folder, const char *name)
{
    char path[2 * NAME_MAX_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "make '%s'", path);
    cr_assert_eq(fwrite(content->bytes, 1, content->size, file), content->size);
    cr_assert_eq(fclose(file), 0);
}

void tape_lose_power(struct tape *tape, size_t event, uint64_t seed, const char *to)
{
    CHECK(event >= tape->begin && event <= tape->len);
    disk_go_to(tape, event);
    struct luck luck = { .random = seed };
    enum mood mood = (enum mood)(next_random(&luck.random) % MOODS);
    luck.fill = next_random(&luck.random) % 2 == 0 ? 0 : 0xa5;
    const struct list *pending = &tape->disk.names_pending;
    struct names names = tape->disk.names;
    size_t kept = mood == KEEP_ALL   ? pending->count
                  : mood == LOSE_ALL ? 0
                                     : (size_t)(next_random(&luck.random) % (pending->count + 1));
    for (size_t i = 0; i < kept; i++) {
        names_change(&names, &tape->events[pending->events[i]]);
    }
    for (size_t i = 0; i < names.count; i++) {
        struct content left = content_left(tape, names.of[i].file, mood, &luck);
        content_put(&left, to, names.of[i].name);
        free(left.bytes);
    }
}

void tape_check(struct tape *tape)
{
    disk_go_to(tape, tape->len);
    struct luck unused = { 0 };
    for (size_t i = 0; i < tape->names.count; i++) {
        const char *name = tape->names.of[i].name;
        struct content there = content_read(tape->folder, name);
        struct content replayed = content_left(tape, tape->names.of[i].file, KEEP_ALL, &unused);
        cr_assert_eq(there.size, replayed.size, "'%s' has %zu bytes, recorded were %zu", name, there.size,
                     replayed.size);
        cr_assert_eq(memcmp(there.bytes, replayed.bytes, there.size), 0, "'%s' differs from what was recorded", name);
        free(there.bytes);
        free(replayed.bytes);
    }
    DIR *entries = opendir(tape->folder);
    cr_assert_not_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        cr_assert(entry->d_type != DT_REG || name_find(&tape->names, entry->d_name) != NULL,
                  "'%s' was made behind the recorder's back", entry->d_name);
    }
    cr_assert_eq(closedir(entries), 0);
}
