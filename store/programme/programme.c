#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/programme/pack.h"

extern const unsigned char programme_builtin[];
extern const size_t programme_builtin_size;

static struct programme *builtin;
static pthread_once_t builtin_once = PTHREAD_ONCE_INIT;

static void load_builtin(void)
{
    struct error err;
    enum err_code rc = programme_load(slice_of(programme_builtin, programme_builtin_size), &builtin, &err);
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "built-in programme pack: %s\n", err.message);
    }
    CHECK(rc == ERR_OK);
}

const struct programme *programme_default(void)
{
    CHECK(pthread_once(&builtin_once, load_builtin) == 0);
    return builtin;
}

struct slice programme_default_json(void)
{
    return slice_of(programme_builtin, programme_builtin_size);
}

void programme_free(struct programme *programme)
{
    if (programme == NULL) {
        return;
    }
    for (size_t i = 0; i < LABEL_SET_COUNT; i++) {
        free(programme->labels[i].items);
    }
    for (size_t i = 0; i < CALENDAR_COUNT; i++) {
        free(programme->holidays[i].items);
    }
    for (size_t i = 0; i < LANGUAGE_COUNT; i++) {
        free(programme->volunteering[i].items);
    }
    free(programme->not_volunteering.items);
    free(programme);
}

const char *programme_id(const struct programme *programme)
{
    return programme->id;
}

int programme_version(const struct programme *programme)
{
    return programme->version;
}

const char *programme_sha256(const struct programme *programme)
{
    return programme->sha256;
}

const struct programme_rules *programme_rules_of(const struct programme *programme)
{
    return &programme->rules;
}

const char *programme_rule_source(const struct programme *programme, const char *rule)
{
    static const char *const names[PACK_RULE_COUNT] = {
#define X(name, least, most) #name,
        PACK_RULES(X)
#undef X
    };
    for (size_t i = 0; i < PACK_RULE_COUNT; i++) {
        if (strcmp(names[i], rule) == 0) {
            return programme->sources[i];
        }
    }
    return NULL;
}

static const struct label *find_label(const struct programme *programme, enum label_set set, const char *code)
{
    CHECK(set < LABEL_SET_COUNT);
    const struct label_list *list = &programme->labels[set];
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].code, code) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

const char *programme_label(const struct programme *programme, enum label_set set, const char *code,
                            enum language language)
{
    CHECK(language < LANGUAGE_COUNT);
    const struct label *label = find_label(programme, set, code);
    return label == NULL ? NULL : label->text[language];
}

enum reason_kind programme_reason_kind(const struct programme *programme, const char *code)
{
    const struct label *label = find_label(programme, LABEL_REASON, code);
    return label == NULL ? REASON_OTHER : label->kind;
}

bool programme_decline_is_policy(const struct programme *programme, const char *code)
{
    const struct label *label = code == NULL ? NULL : find_label(programme, LABEL_DECLINE, code);
    return label != NULL && label->policy;
}

int programme_route_share_percent(const struct programme *programme, const char *code)
{
    const struct label *label = find_label(programme, LABEL_ROUTE, code);
    return label == NULL ? -1 : label->share_percent;
}

const char *programme_route_also(const struct programme *programme, const char *code)
{
    const struct label *label = find_label(programme, LABEL_ROUTE, code);
    return label == NULL ? "" : label->also;
}

const char *programme_code_at(const struct programme *programme, enum label_set set, size_t index)
{
    CHECK(set < LABEL_SET_COUNT);
    const struct label_list *list = &programme->labels[set];
    return index < list->count ? list->items[index].code : NULL;
}

bool programme_trigger_at(const struct programme *programme, size_t index, struct payment_trigger *ret_trigger)
{
    const struct label_list *list = &programme->labels[LABEL_TRIGGER];
    if (index >= list->count) {
        return false;
    }
    const struct label *label = &list->items[index];
    *ret_trigger = (struct payment_trigger){ .code = label->code,
                                             .after_days = label->after_days,
                                             .share_permille = label->share_permille };
    return true;
}

size_t programme_trigger_find(const struct programme *programme, const char *code)
{
    const struct label_list *list = &programme->labels[LABEL_TRIGGER];
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].code, code) == 0) {
            return i;
        }
    }
    return TRIGGERS_MAX;
}

int64_t programme_person_pence_max(const struct programme *programme)
{
    return programme->person_pence_max;
}

const char *programme_payments_source(const struct programme *programme)
{
    return programme->payments_source;
}
