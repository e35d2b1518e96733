/*
 * Each bundle of tests/vectors/bundles.txt, wherever it is brought, as far as the file itself tells what comes of it;
 * what a replica and a centre make of the messages is judged in tests/unit/centre.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sync/bundle.h"

enum { WORDS_MAX = 10, KEPT_MAX = 64 };

struct kept {
    const char *name; /* borrowed from the lines */
    struct buf bytes;
};

static struct kept keys[KEPT_MAX];
static struct kept files[KEPT_MAX];
static size_t key_count;
static size_t file_count;

static void keep(struct kept kept[KEPT_MAX], size_t *count, const char *name, const char *digits)
{
    size_t len = strlen(digits) / 2;
    cr_assert_lt(*count, KEPT_MAX);
    struct kept *one = &kept[(*count)++];
    one->name = name;
    buf_init(&one->bytes, len);
    cr_assert_eq(buf_reserve(&one->bytes, len, NULL), ERR_OK);
    cr_assert(hex_decode(digits, one->bytes.data, len));
    one->bytes.len = len;
}

static struct slice kept_named(const struct kept kept[KEPT_MAX], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kept[i].name, name) == 0) {
            return buf_slice(&kept[i].bytes);
        }
    }
    cr_assert(false, "nothing is named %s", name);
    return (struct slice){ 0 };
}

static void forget(struct kept kept[KEPT_MAX], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_fini(&kept[i].bytes);
    }
}

static void read_request(struct slice bytes)
{
    struct exchange_request request;
    struct error err;
    cr_assert_eq(exchange_request_decode(bytes, &request, &err), ERR_OK, "%s", err.message);
}

static void read_message(enum bundle_direction direction, struct slice message)
{
    static struct exchange_response answer;
    struct slice question;
    struct slice answered;
    struct error err;
    if (direction == BUNDLE_TO_CENTRE) {
        read_request(message);
        return;
    }
    cr_assert_eq(bundle_pair_decode(message, &question, &answered, &err), ERR_OK, "%s", err.message);
    read_request(question);
    cr_assert_eq(exchange_response_decode(answered, &answer, &err), ERR_OK, "%s", err.message);
}

/* ERR_OK when its end was reached. */
static enum err_code open_file(const struct device_key *key, enum bundle_direction direction, struct slice file,
                               size_t *messages)
{
    struct bundle_reader reader;
    struct buf message;
    struct error err;
    enum bundle_found found = BUNDLE_SENDER;
    *messages = 0;
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    bundle_reader_init(&reader, key, direction);
    enum err_code rc = bundle_read_put(&reader, file, &err);
    while (rc == ERR_OK && found != BUNDLE_MORE_BYTES) {
        rc = bundle_read(&reader, &message, &found, &err);
        if (rc == ERR_OK && found == BUNDLE_MESSAGE) {
            read_message(direction, buf_slice(&message));
            ++*messages;
        }
    }
    rc = rc != ERR_OK ? rc : bundle_read_finish(&reader, &err);
    bundle_reader_fini(&reader);
    buf_fini(&message);
    return rc;
}

/* give FILE TO LENGTH WORD and, at the centre, messages=N */
static void give(char *words[WORDS_MAX])
{
    struct error err;
    struct device_key *key;
    size_t messages;
    bool to_centre = strcmp(words[2], "centre") == 0;
    struct slice file = kept_named(files, file_count, words[1]);
    size_t len = strtoul(words[3], NULL, 10);
    cr_assert_leq(len, file.len);
    cr_assert_eq(device_key_load(kept_named(keys, key_count, words[2]), &key, &err), ERR_OK, "%s", err.message);
    enum err_code rc =
        open_file(key, to_centre ? BUNDLE_TO_CENTRE : BUNDLE_TO_DEVICE, slice_of(file.data, len), &messages);
    device_key_free(key);
    if (strcmp(words[4], "whole") == 0) {
        cr_assert_eq(rc, ERR_OK, "%s", words[1]);
    } else if (strcmp(words[4], "damaged") == 0) {
        cr_assert_eq(rc, ERR_DAMAGED, "%s", words[1]);
    } else { /* for somebody else; or one before it is missing, which the file does not tell */
        cr_assert(rc == ERR_REFUSED || (rc == ERR_OK && !to_centre), "%s", words[1]);
    }
    if (to_centre) {
        cr_assert_eq(messages, strtoul(words[5] + strlen("messages="), NULL, 10), "%s", words[1]);
    }
}

static bool take_line(char *line)
{
    char *words[WORDS_MAX] = { NULL };
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        cr_assert_lt(count, WORDS_MAX);
        words[count++] = word;
    }
    bool gives = strcmp(words[0], "give") == 0;
    if (strcmp(words[0], "key") == 0) {
        keep(keys, &key_count, words[1], words[2]);
    } else if (strcmp(words[0], "file") == 0) {
        keep(files, &file_count, words[1], words[2]);
    } else if (gives) {
        give(words);
    }
    return gives;
}

Test(bundles, are_whole_damaged_or_for_somebody_else_as_the_vectors_say)
{
    struct buf text;
    struct error err;
    char path[512];
    char *rest = NULL;
    size_t given = 0;
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    (void)snprintf(path, sizeof(path), "%s/bundles.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, NULL), ERR_OK);
    cr_assert_eq(buf_append(&text, "", 1, NULL), ERR_OK);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        given += take_line(line);
    }
    cr_assert_geq(given, 25);
    forget(keys, key_count);
    forget(files, file_count);
    buf_fini(&text);
}
