#include "agent/rules/flags.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define ID_TEXT_SIZE (2 * ROW_ID_BYTES + 1)

void flag_list_init(struct flag_list *list)
{
    *list = (struct flag_list){ 0 };
}

void flag_list_fini(struct flag_list *list)
{
    free(list->flags);
    flag_list_init(list);
}

static enum err_code reserve(struct flag_list *list, size_t more, struct error *err)
{
    size_t need = list->count + more;
    if (need <= list->capacity) {
        return ERR_OK;
    }
    size_t capacity = need < 2 * list->capacity ? 2 * list->capacity : need;
    struct flag_row *flags = reallocarray(list->flags, capacity, sizeof(*flags));
    if (flags == NULL) {
        return FAIL(err, NO_MEMORY, "make room for %zu flags", capacity);
    }
    list->flags = flags;
    list->capacity = capacity;
    return ERR_OK;
}

/* Oldest first. */
static int compare_age(const struct flag_row *a, const struct flag_row *b)
{
    if (a->since != b->since) {
        return a->since < b->since ? -1 : 1;
    }
    return strcmp(a->key, b->key);
}

static int compare_key(const void *a, const void *b)
{
    return strcmp(((const struct flag_row *)a)->key, ((const struct flag_row *)b)->key);
}

enum err_code flag_list_add(struct flag_list *list, const struct flag_row *flag, struct error *err)
{
    if (list->count < FLAGS_MAX) {
        TRY(reserve(list, 1, err));
        list->flags[list->count++] = *flag;
        return ERR_OK;
    }
    struct flag_row *newest = &list->flags[0];
    for (size_t i = 1; i < list->count; i++) {
        if (compare_age(&list->flags[i], newest) > 0) {
            newest = &list->flags[i];
        }
    }
    if (compare_age(flag, newest) < 0) {
        *newest = *flag;
    }
    return ERR_OK;
}

enum err_code flag_list_merge(struct flag_list *into, const struct flag_list *from, struct error *err)
{
    if (from->count == 0) {
        return ERR_OK;
    }
    TRY(reserve(into, from->count, err));
    memcpy(&into->flags[into->count], from->flags, from->count * sizeof(*from->flags));
    into->count += from->count;
    qsort(into->flags, into->count, sizeof(*into->flags), compare_key);
    return ERR_OK;
}

PRINTF_LIKE(3, 0)
static void put_v(char *out, size_t size, const char *format, va_list args)
{
    int len = vsnprintf(out, size, format, args);
    CHECK(len >= 0 && size > 0);
    if ((size_t)len < size) {
        return;
    }
    size_t end = size - 1;
    while (end > 0 && !utf8_valid(slice_of(out, end))) {
        end--;
    }
    out[end] = '\0';
}

void text_put(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_v(out, size, format, args);
    va_end(args);
}

/* As text_put with "%s". */
static void text_copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len < size) {
        memcpy(out, text, len + 1);
    } else {
        text_put(out, size, "%s", text);
    }
}

void text_append(char *out, size_t size, const char *format, ...)
{
    size_t len = strnlen(out, size - 1);
    va_list args;
    va_start(args, format);
    put_v(out + len, size - len, format, args);
    va_end(args);
}

/* As text_append with "%s". */
static void text_add(char *out, size_t size, const char *text)
{
    size_t len = strnlen(out, size - 1);
    text_copy(out + len, size - len, text);
}

void hours_put(char out[HOURS_TEXT_SIZE], int starts_min, int ends_min)
{
    out[0] = '\0';
    if (starts_min < 0 || starts_min > ends_min || ends_min > 24 * 60) {
        return;
    }
    char starts[TIME_OF_DAY_TEXT_SIZE];
    char ends[TIME_OF_DAY_TEXT_SIZE];
    time_of_day_format(starts_min, starts);
    time_of_day_format(ends_min, ends);
    text_put(out, HOURS_TEXT_SIZE, " (%s to %s)", starts, ends);
}

/* "@2026-11-20", with /2 to /4 for the later sessions of a day. */
static void day_put(char out[SESSION_REF_SIZE], const struct session_row *session)
{
    char date[DATE_TEXT_SIZE];
    date_format(session->day, date);
    text_copy(out, SESSION_REF_SIZE, "@");
    text_add(out, SESSION_REF_SIZE, date);
    if (session->slot != 0) {
        text_append(out, SESSION_REF_SIZE, "/%d", session->slot + 1);
    }
}

void session_ref_put(char out[SESSION_REF_SIZE], const char *placement_ref, const struct session_row *session)
{
    char day[SESSION_REF_SIZE];
    day_put(day, session);
    text_copy(out, SESSION_REF_SIZE, placement_ref);
    text_add(out, SESSION_REF_SIZE, day);
}

bool day_known(int32_t day)
{
    return day >= DATE_MIN && day <= DATE_MAX;
}

static struct flag_row flag_of(const char *code, enum severity severity, int32_t since)
{
    struct flag_row flag = { .severity = severity, .since = since };
    text_copy(flag.code, sizeof(flag.code), code);
    return flag;
}

/* The key has the id, which never changes and is nobody else's, where the ref may be typed anew. */
static void identify(struct flag_row *flag, enum flag_subject subject, const struct row_id *id, const char *ref)
{
    char hex[ID_TEXT_SIZE];
    hex_encode(id->bytes, sizeof(id->bytes), hex);
    flag->subject = subject;
    flag->subject_id = *id;
    text_copy(flag->subject_ref, sizeof(flag->subject_ref), ref);
    text_copy(flag->key, sizeof(flag->key), flag->code);
    text_add(flag->key, sizeof(flag->key), "/");
    text_add(flag->key, sizeof(flag->key), hex);
}

struct flag_row flag_of_placement(const char *code, enum severity severity, const struct placement_row *placement,
                                  int32_t since)
{
    struct flag_row flag = flag_of(code, severity, since);
    identify(&flag, FLAG_SUBJECT_PLACEMENT, &placement->id, placement->ref);
    return flag;
}

struct flag_row flag_of_session(const char *code, enum severity severity, const struct placement_row *placement,
                                const struct session_row *session)
{
    struct flag_row flag = flag_of(code, severity, session->day);
    identify(&flag, FLAG_SUBJECT_SESSION, &placement->id, "");
    session_ref_put(flag.subject_ref, placement->ref, session);
    char day[SESSION_REF_SIZE];
    day_put(day, session);
    text_add(flag.key, sizeof(flag.key), day);
    return flag;
}

struct flag_row flag_of_site(const char *code, enum severity severity, int32_t since)
{
    struct flag_row flag = flag_of(code, severity, since);
    flag.subject = FLAG_SUBJECT_SITE;
    text_put(flag.subject_ref, sizeof(flag.subject_ref), "site");
    text_put(flag.key, sizeof(flag.key), "%s/site", code);
    return flag;
}

struct flag_row flag_of_named(const char *code, enum severity severity, const char *ref, int32_t since)
{
    struct flag_row flag = flag_of(code, severity, since);
    flag.subject = FLAG_SUBJECT_SITE;
    text_put(flag.subject_ref, sizeof(flag.subject_ref), "%s", ref);
    text_put(flag.key, sizeof(flag.key), "%s/%s", code, ref);
    return flag;
}

struct flag_row flag_of_referral(const char *code, enum severity severity, const struct referral_row *referral,
                                 int32_t since)
{
    struct flag_row flag = flag_of(code, severity, since);
    identify(&flag, FLAG_SUBJECT_REFERRAL, &referral->id, referral->ref);
    return flag;
}
