#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "store/programme/pack.h"

#define MEMBER_PATH_SIZE 128

enum { MILLE = 1000 };

static void release_json(json_t **json)
{
    json_decref(*json);
}

static void release_programme(struct programme **programme)
{
    programme_free(*programme);
}

/* Copies the text of `parent`.`name`; `path` is where parent is, for the message. */
static enum err_code read_text(const json_t *parent, const char *path, const char *name, char *out, size_t size,
                               struct error *err)
{
    const char *text = json_string_value(json_object_get(parent, name));
    if (text == NULL || *text == '\0' || strlen(text) >= size) {
        return FAIL(err, INVALID, "read programme pack: '%s%s' has to be a text of 1 to %zu bytes", path, name,
                    size - 1);
    }
    memcpy(out, text, strlen(text) + 1);
    return ERR_OK;
}

static enum err_code read_number(const json_t *parent, const char *path, const char *name, int least, int most,
                                 int *ret_value, struct error *err)
{
    const json_t *member = json_object_get(parent, name);
    json_int_t value = json_integer_value(member);
    if (!json_is_integer(member) || value < least || value > most) {
        return FAIL(err, INVALID, "read programme pack: '%s%s' has to be a whole number from %d to %d", path, name,
                    least, most);
    }
    *ret_value = (int)value;
    return ERR_OK;
}

/* An array of at most `most` entries; an absent one is empty if `optional`. */
static enum err_code read_array(const json_t *parent, const char *path, const char *name, bool optional, size_t most,
                                const json_t **ret_array, struct error *err)
{
    const json_t *member = json_object_get(parent, name);
    bool absent = member == NULL && optional;
    if (!absent && (!json_is_array(member) || json_array_size(member) > most)) {
        return FAIL(err, INVALID, "read programme pack: '%s%s' has to be a list of at most %zu entries", path, name,
                    most);
    }
    *ret_array = member;
    return ERR_OK;
}

static enum err_code read_rule(const json_t *rules, const char *name, int least, int most, int *ret_value,
                               char source[PACK_TEXT_SIZE], struct error *err)
{
    char path[MEMBER_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "rules.%s.", name);
    const json_t *rule = json_object_get(rules, name);
    TRY(read_number(rule, path, "value", least, most, ret_value, err));
    return read_text(rule, path, "source", source, PACK_TEXT_SIZE, err);
}

static enum err_code read_rules(const json_t *root, struct programme *programme, struct error *err)
{
    const json_t *rules = json_object_get(root, "rules");
#define X(name, least, most)                                                                                           \
    TRY(read_rule(rules, #name, least, most, &programme->rules.name, programme->sources[PACK_RULE_##name], err));
    PACK_RULES(X)
#undef X
    if (programme->rules.repeat_gap_days > programme->rules.repeat_window_days) {
        return FAIL(err, INVALID,
                    "read programme pack: 'rules.repeat_gap_days' has to be at most 'rules.repeat_window_days'");
    }
    return ERR_OK;
}

/* A kind of a newer pack, or none, is as good as any other reason. */
static enum err_code read_reason_kind(const json_t *entry, const char *path, struct label *label, struct error *err)
{
    const json_t *member = json_object_get(entry, "kind");
    const char *kind = json_string_value(member);
    if (member != NULL && kind == NULL) {
        return FAIL(err, INVALID, "read programme pack: '%skind' has to be good_reason, excused or other", path);
    }
    if (kind != NULL) {
        label->kind = strcmp(kind, "good_reason") == 0 ? REASON_GOOD_REASON
                      : strcmp(kind, "excused") == 0   ? REASON_EXCUSED
                                                       : REASON_OTHER;
    }
    return ERR_OK;
}

static enum err_code read_words_of(const json_t *words, const char *path, const char *language, struct label *label,
                                   size_t *used, struct error *err)
{
    const json_t *list = NULL;
    TRY(read_array(words, path, language, true, PACK_WORDS_MAX, &list, err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        char folded[PACK_WORD_SIZE + 3];
        bool fits = word != NULL && strlen(word) < PACK_WORD_SIZE && words_fold(word, folded, sizeof(folded)) >= 3;
        if (!fits || *used + strlen(folded) + 2 > sizeof(label->words)) {
            return FAIL(
                err, INVALID,
                "read programme pack: '%s%s[%zu]' has to be a text of 1 to %d bytes with a letter in it, and all "
                "words of a reason at most %zu",
                path, language, i, PACK_WORD_SIZE - 1, sizeof(label->words) - 1);
        }
        memcpy(label->words + *used, folded, strlen(folded) + 1);
        *used += strlen(folded) + 1;
    }
    return ERR_OK;
}

static enum err_code read_words(const json_t *entry, const char *path, struct label *label, struct error *err)
{
    char at[MEMBER_PATH_SIZE];
    (void)snprintf(at, sizeof(at), "%.100swords.", path);
    const json_t *words = json_object_get(entry, "words");
    if (words == NULL) {
        return ERR_OK;
    }
    if (!json_is_object(words)) {
        return FAIL(err, INVALID, "read programme pack: '%.100swords' has to be an object of lists", path);
    }
    size_t used = 0;
    TRY(read_words_of(words, at, "en", label, &used, err));
    return read_words_of(words, at, "cy", label, &used, err);
}

static enum err_code read_policy(const json_t *entry, const char *path, struct label *label, struct error *err)
{
    const json_t *member = json_object_get(entry, "policy");
    if (member != NULL && !json_is_boolean(member)) {
        return FAIL(err, INVALID, "read programme pack: '%spolicy' has to be true or false", path);
    }
    label->policy = json_is_true(member);
    return ERR_OK;
}

static enum err_code read_meaning(const json_t *entry, enum label_set set, const char *path, struct label *label,
                                  struct error *err)
{
    label->share_percent = -1;
    if (set == LABEL_REASON) {
        TRY(read_reason_kind(entry, path, label, err));
        return read_words(entry, path, label, err);
    }
    if (set == LABEL_DECLINE) {
        return read_policy(entry, path, label, err);
    }
    if (set == LABEL_TRIGGER) {
        TRY(read_number(entry, path, "after_days", 0, 3660, &label->after_days, err));
        return read_number(entry, path, "share_permille", 0, MILLE, &label->share_permille, err);
    }
    if (set != LABEL_ROUTE) {
        return ERR_OK;
    }
    if (json_object_get(entry, "also") != NULL) {
        TRY(read_text(entry, path, "also", label->also, sizeof(label->also), err));
    }
    return json_object_get(entry, "expected_share_percent") == NULL
               ? ERR_OK
               : read_number(entry, path, "expected_share_percent", 0, 100, &label->share_percent, err);
}

/* `parent` is the pack, of triggers its payments; `at` is where that is. */
static enum err_code read_labels(const json_t *parent, const char *at, enum label_set set, struct label_list *list,
                                 struct error *err)
{
    static const char *const names[LABEL_SET_COUNT] = { "routes", "outcomes", "reasons", "decline_reasons",
                                                        "triggers" };
    const char *name = names[set];
    const json_t *entries = NULL;
    TRY(read_array(parent, at, name, set == LABEL_DECLINE, set == LABEL_TRIGGER ? TRIGGERS_MAX : PACK_LABELS_MAX,
                   &entries, err));
    list->items = calloc(json_array_size(entries) + 1, sizeof(*list->items));
    if (list->items == NULL) {
        return FAIL(err, NO_MEMORY, "read programme pack: no memory for '%s'", name);
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        char path[MEMBER_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "%s%s[%zu].", at, name, i);
        const json_t *entry = json_array_get(entries, i);
        struct label *label = &list->items[i];
        TRY(read_text(entry, path, "code", label->code, sizeof(label->code), err));
        TRY(read_text(entry, path, "en", label->text[LANGUAGE_ENGLISH], PACK_TEXT_SIZE, err));
        TRY(read_text(entry, path, "cy", label->text[LANGUAGE_WELSH], PACK_TEXT_SIZE, err));
        TRY(read_meaning(entry, set, path, label, err));
        for (size_t before = 0; before < i; before++) {
            if (strcmp(list->items[before].code, label->code) == 0) {
                return FAIL(err, INVALID, "read programme pack: '%scode' is there twice", path);
            }
        }
        list->count++;
    }
    return ERR_OK;
}

/* A pack of before has none. Who may decline may do so as a matter of policy. */
static enum err_code check_decline_reasons(const struct label_list *reasons, struct error *err)
{
    bool policy = reasons->count == 0;
    for (size_t i = 0; i < reasons->count; i++) {
        policy |= reasons->items[i].policy;
    }
    return policy ? ERR_OK
                  : FAIL(err, INVALID,
                         "read programme pack: one of the 'decline_reasons' has to be a matter of policy ('policy': "
                         "true), which is a full answer and never counted as failure");
}

/* A person is paid for once: the triggers follow each other and their shares are the whole. */
static enum err_code check_triggers(const struct label_list *triggers, struct error *err)
{
    int sum = 0;
    for (size_t i = 0; i < triggers->count; i++) {
        sum += triggers->items[i].share_permille;
        if (i > 0 && triggers->items[i].after_days <= triggers->items[i - 1].after_days) {
            return FAIL(err, INVALID,
                        "read programme pack: 'payments.triggers[%zu].after_days' has to be more than that of the "
                        "trigger before",
                        i);
        }
    }
    if (triggers->count > 0 && sum != MILLE) {
        return FAIL(err, INVALID,
                    "read programme pack: the 'share_permille' of all 'payments.triggers' have to add up to %d", MILLE);
    }
    return ERR_OK;
}

static enum err_code read_payments(const json_t *root, struct programme *programme, struct error *err)
{
    static const char path[] = "payments.";
    const json_t *payments = json_object_get(root, "payments");
    if (payments == NULL) {
        return ERR_OK;
    }
    int most;
    TRY(read_text(payments, path, "source", programme->payments_source, PACK_TEXT_SIZE, err));
    TRY(read_number(payments, path, "per_person_max_pence", 0, PACK_PENCE_MAX, &most, err));
    programme->person_pence_max = most;
    TRY(read_labels(payments, path, LABEL_TRIGGER, &programme->labels[LABEL_TRIGGER], err));
    return check_triggers(&programme->labels[LABEL_TRIGGER], err);
}

static enum err_code read_word_list(const json_t *parent, const char *path, const char *name, struct word_list *list,
                                    struct error *err)
{
    const json_t *entries = NULL;
    TRY(read_array(parent, path, name, true, PACK_WORDS_MAX, &entries, err));
    list->items = calloc(json_array_size(entries) + 1, sizeof(*list->items));
    if (list->items == NULL) {
        return FAIL(err, NO_MEMORY, "read programme pack: no memory for '%s%s'", path, name);
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const char *word = json_string_value(json_array_get(entries, i));
        if (word == NULL || *word == '\0' || strlen(word) >= sizeof(list->items[i])) {
            return FAIL(err, INVALID, "read programme pack: '%s%s[%zu]' has to be a text of 1 to %zu bytes", path, name,
                        i, sizeof(list->items[i]) - 1);
        }
        memcpy(list->items[i], word, strlen(word) + 1);
        list->count++;
    }
    return ERR_OK;
}

static enum err_code read_volunteering(const json_t *root, struct programme *programme, struct error *err)
{
    static const char path[] = "volunteering_words.";
    const json_t *words = json_object_get(root, "volunteering_words");
    TRY(read_word_list(words, path, "en", &programme->volunteering[LANGUAGE_ENGLISH], err));
    TRY(read_word_list(words, path, "cy", &programme->volunteering[LANGUAGE_WELSH], err));
    return read_word_list(words, path, "not", &programme->not_volunteering, err);
}

static int compare_holidays(const void *a, const void *b)
{
    int32_t day_a = ((const struct holiday *)a)->day;
    int32_t day_b = ((const struct holiday *)b)->day;
    return (day_a > day_b) - (day_a < day_b);
}

static enum err_code append_holidays(const json_t *entries, const char *path, struct holiday_list *list,
                                     struct error *err)
{
    for (size_t i = 0; i < json_array_size(entries); i++) {
        char at[MEMBER_PATH_SIZE];
        (void)snprintf(at, sizeof(at), "%s[%zu].", path, i);
        const json_t *entry = json_array_get(entries, i);
        struct holiday *holiday = &list->items[list->count];
        const char *date = json_string_value(json_object_get(entry, "date"));
        if (date == NULL || !date_parse(date, &holiday->day)) {
            return FAIL(err, INVALID, "read programme pack: '%sdate' has to be a date such as 2014-12-25", at);
        }
        TRY(read_text(entry, at, "name", holiday->name, sizeof(holiday->name), err));
        list->count++;
    }
    return ERR_OK;
}

static enum err_code read_calendar(const json_t *root, enum calendar calendar, struct holiday_list *list,
                                   struct error *err)
{
    char path[MEMBER_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "calendars.%s.", calendar_name(calendar));
    const json_t *member = json_object_get(json_object_get(root, "calendars"), calendar_name(calendar));
    const json_t *holidays = NULL;
    const json_t *closed = NULL;
    TRY(read_array(member, path, "bank_holidays", false, PACK_HOLIDAYS_MAX, &holidays, err));
    TRY(read_array(member, path, "also_closed", true, PACK_HOLIDAYS_MAX, &closed, err));
    list->items = calloc(json_array_size(holidays) + json_array_size(closed) + 1, sizeof(*list->items));
    if (list->items == NULL) {
        return FAIL(err, NO_MEMORY, "read programme pack: no memory for '%s'", path);
    }
    char at[2 * MEMBER_PATH_SIZE];
    (void)snprintf(at, sizeof(at), "%sbank_holidays", path);
    TRY(append_holidays(holidays, at, list, err));
    (void)snprintf(at, sizeof(at), "%salso_closed", path);
    TRY(append_holidays(closed, at, list, err));
    qsort(list->items, list->count, sizeof(*list->items), compare_holidays);
    for (size_t i = 1; i < list->count; i++) {
        if (list->items[i].day == list->items[i - 1].day) {
            char date[DATE_TEXT_SIZE];
            date_format(list->items[i].day, date);
            return FAIL(err, INVALID, "read programme pack: '%s' has %s twice", path, date);
        }
    }
    return ERR_OK;
}

static enum err_code read_pack(const json_t *root, struct programme *programme, struct error *err)
{
    TRY(read_text(root, "", "id", programme->id, sizeof(programme->id), err));
    TRY(read_number(root, "", "version", 1, INT_MAX, &programme->version, err));
    TRY(read_rules(root, programme, err));
    for (size_t i = 0; i < LABEL_TRIGGER; i++) {
        TRY(read_labels(root, "", (enum label_set)i, &programme->labels[i], err));
    }
    TRY(check_decline_reasons(&programme->labels[LABEL_DECLINE], err));
    TRY(read_payments(root, programme, err));
    TRY(read_volunteering(root, programme, err));
    for (int i = 0; i < CALENDAR_COUNT; i++) {
        TRY(read_calendar(root, (enum calendar)i, &programme->holidays[i], err));
    }
    return ERR_OK;
}

enum err_code programme_load(struct slice json, struct programme **ret_programme, struct error *err)
{
    if (json.len > PACK_JSON_MAX) {
        return FAIL(err, INVALID, "read programme pack: more than %zu bytes", PACK_JSON_MAX);
    }
    json_error_t where;
    SCOPED(release_json)
    json_t *root = json_loadb(json.len == 0 ? "" : (const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &where);
    /* jansson mostly says nothing when it could not allocate; within a string it says "invalid token" */
    if (root == NULL && (where.text[0] == '\0' || json_error_code(&where) == json_error_out_of_memory)) {
        return FAIL(err, NO_MEMORY, "read programme pack: no memory");
    }
    if (root == NULL) {
        return FAIL(err, INVALID, "read programme pack: not JSON at line %d, column %d", where.line, where.column);
    }
    SCOPED(release_programme) struct programme *programme = calloc(1, sizeof(*programme));
    if (programme == NULL) {
        return FAIL(err, NO_MEMORY, "read programme pack: no memory");
    }
    TRY(read_pack(root, programme, err));
    uint8_t digest[SHA256_BYTES];
    sha256(&json, 1, digest);
    hex_encode(digest, sizeof(digest), programme->sha256);
    *ret_programme = programme;
    programme = NULL;
    return ERR_OK;
}
