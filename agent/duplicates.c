#include "agent/duplicates.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/op.h"

enum {
    KEY_TEXT_SIZE = ROW_NAME_SIZE + ROW_NOTE_SIZE + 16,
    WORDS_MAX = 40,
    REF_LEAST = 2,    /* characters of a reference that say anything */
    PHONE_LEAST = 6,  /* digits */
    PHONE_DIGITS = 9, /* from the end: 07700 900123 and +44 7700 900123 */
    ADDRESS_LEAST = 6,
};

/* What two records of one person have in common, as a hash: people may be many. */
struct key {
    uint8_t hash[OP_ENTITY_BYTES];
    struct row_id id;
    struct row_id person;
    enum duplicate_why why;
};

struct keys {
    struct buf bytes;
    enum err_code rc;
    struct error *err;
};

const char *duplicate_why_name(enum duplicate_why why)
{
    static const char *const names[] = { "ref", "phone", "address" };
    return names[why];
}

void duplicate_list_fini(struct duplicate_list *list)
{
    free(list->rows);
    *list = (struct duplicate_list){ 0 };
}

/* ---- keys ---- */

/* Letters and digits, without zeros in front of a number: "GDN-007" and "gdn 7" are "gdn7". */
static size_t ref_key(const char *ref, char *out, size_t size)
{
    size_t len = 0;
    bool in_number = false;
    for (const char *at = ref; *at != '\0' && len + 1 < size; at++) {
        bool digit = isdigit((unsigned char)*at);
        bool counts = digit || isalpha((unsigned char)*at) || (unsigned char)*at >= 0x80;
        bool leading_zero = *at == '0' && !in_number && isdigit((unsigned char)at[1]);
        if (counts && !leading_zero) {
            out[len++] = (char)tolower((unsigned char)*at);
        }
        in_number = digit && !leading_zero;
    }
    out[len] = '\0';
    return len;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "Tester, Ada" and "Ada Tester" are "ada tester". */
static size_t name_key(const char *name, char *out, size_t size)
{
    char folded[ROW_NAME_SIZE + 3];
    char *words[WORDS_MAX];
    size_t count = 0;
    char *rest = NULL;
    (void)words_fold(name, folded, sizeof(folded));
    for (char *word = strtok_r(folded, " ", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    qsort(words, count, sizeof(words[0]), compare_words);
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && len < size; i++) {
        len += (size_t)snprintf(out + len, size - len, "%s ", words[i]);
    }
    return count;
}

static size_t phone_key(const char *phone, char *out, size_t size)
{
    char digits[ROW_NAME_SIZE];
    size_t len = 0;
    for (const char *at = phone; *at != '\0' && len + 1 < sizeof(digits); at++) {
        if (isdigit((unsigned char)*at)) {
            digits[len++] = *at;
        }
    }
    digits[len] = '\0';
    (void)snprintf(out, size, "%s", len > PHONE_DIGITS ? digits + len - PHONE_DIGITS : digits);
    return len;
}

static void add_key(struct keys *keys, const struct participant_row *row, enum duplicate_why why, const char *text)
{
    static const uint8_t nowhere[STREAM_ID_BYTES];
    struct key key = { .id = row->id, .person = row->person, .why = why };
    entity_id(nowhere, duplicate_why_name(why), text, key.hash);
    if (keys->rc == ERR_OK) {
        keys->rc = buf_append(&keys->bytes, &key, sizeof(key), keys->err);
    }
}

static enum err_code add_person(void *context, const struct participant_row *row)
{
    struct keys *keys = context;
    char text[KEY_TEXT_SIZE];
    if (ref_key(row->ref, text, sizeof(text)) >= REF_LEAST) {
        add_key(keys, row, DUPLICATE_REF, text);
    }
    if (name_key(row->name, text, sizeof(text) - ROW_NOTE_SIZE - 3) == 0) {
        return keys->rc;
    }
    size_t len = strlen(text);
    if (phone_key(row->phone, text + len, sizeof(text) - len) >= PHONE_LEAST) {
        add_key(keys, row, DUPLICATE_PHONE, text);
    }
    if (words_fold(row->address, text + len, sizeof(text) - len) >= ADDRESS_LEAST) {
        add_key(keys, row, DUPLICATE_ADDRESS, text);
    }
    return keys->rc;
}

/* ---- pairs ---- */

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a;
    const struct key *y = b;
    int order = memcmp(x->hash, y->hash, sizeof(x->hash));
    return order != 0 ? order : memcmp(&x->id, &y->id, sizeof(x->id));
}

static int compare_pairs(const void *a, const void *b)
{
    const struct duplicate *x = a;
    const struct duplicate *y = b;
    int order = memcmp(&x->one, &y->one, sizeof(x->one));
    order = order != 0 ? order : memcmp(&x->other, &y->other, sizeof(x->other));
    return order != 0 ? order : (x->why > y->why) - (x->why < y->why);
}

/* Each record with the first of those that have the key, unless they are one person already. */
static enum err_code pair_up(const struct key *keys, size_t count, struct buf *pairs, struct error *err)
{
    const struct key *first = keys;
    for (size_t i = 1; i < count; i++) {
        if (memcmp(keys[i].hash, first->hash, sizeof(first->hash)) != 0) {
            first = &keys[i];
            continue;
        }
        if (memcmp(&keys[i].person, &first->person, sizeof(first->person)) != 0) {
            struct duplicate pair = { .one = first->id, .other = keys[i].id, .why = first->why };
            TRY(buf_append(pairs, &pair, sizeof(pair), err));
        }
    }
    return ERR_OK;
}

static size_t each_once(struct duplicate *pairs, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool again = kept > 0 && memcmp(&pairs[kept - 1].one, &pairs[i].one, sizeof(pairs[i].one)) == 0 &&
                     memcmp(&pairs[kept - 1].other, &pairs[i].other, sizeof(pairs[i].other)) == 0;
        if (!again) {
            pairs[kept++] = pairs[i];
        }
    }
    return kept;
}

enum err_code duplicates_find(struct store *store, struct duplicate_list *ret_list, struct error *err)
{
    struct keys keys = { .rc = ERR_OK, .err = err };
    SCOPED(buf_fini) struct buf pairs;
    buf_init(&keys.bytes, SIZE_MAX / 2);
    buf_init(&pairs, SIZE_MAX / 2);
    enum err_code rc = query_participants(store, add_person, &keys, err);
    size_t count = keys.bytes.len / sizeof(struct key);
    if (rc == ERR_OK && count > 1) {
        qsort(keys.bytes.data, count, sizeof(struct key), compare_keys);
        rc = pair_up((const struct key *)(const void *)keys.bytes.data, count, &pairs, err);
    }
    buf_fini(&keys.bytes);
    TRY(rc);
    size_t found = pairs.len / sizeof(struct duplicate);
    struct duplicate *rows = calloc(found + 1, sizeof(*rows));
    if (rows == NULL) {
        return FAIL(err, NO_MEMORY, "list %zu duplicates", found);
    }
    if (found > 0) {
        memcpy(rows, pairs.data, pairs.len);
        qsort(rows, found, sizeof(*rows), compare_pairs);
    }
    *ret_list = (struct duplicate_list){ .rows = rows, .count = each_once(rows, found) };
    return ERR_OK;
}
