#include "agent/cli/key_secret.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/recovery.h"

enum { TRIES = 3, KEY_BYTES = 32, WORDS_BYTES_MAX = 1024 };

void key_secret_free(struct key_secret *secret)
{
    passphrase_free(&secret->text);
}

static void move(const char *member, struct passphrase *text, struct key_secret *ret_secret)
{
    *ret_secret = (struct key_secret){ .member = member, .text = *text };
    *text = (struct passphrase){ .len = 0 };
}

/* ---- words ---- */

static size_t words_in(struct slice text)
{
    size_t count = 0;
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        bool letter = isalpha(text.data[i]) != 0 || text.data[i] == '?' || text.data[i] >= 0x80;
        count += letter && !inside;
        inside = letter;
    }
    return count;
}

/* Byte by byte, so that nothing behind the last line is taken from a pipe. */
static enum err_code read_words(int fd, struct passphrase *text, struct error *err)
{
    while (text->len < WORDS_BYTES_MAX) {
        uint8_t *at = text->memory.bytes + text->len;
        ssize_t got = read(fd, at, 1);
        if (got < 0) {
            return error_errno(err, "read the recovery key");
        }
        if (got == 0) {
            return ERR_OK;
        }
        text->len++;
        if (*at == '\n' && words_in(slice_of(text->memory.bytes, text->len)) >= RECOVERY_WORDS) {
            return ERR_OK;
        }
    }
    return FAIL(err, LIMIT, "read the recovery key: longer than %d bytes", WORDS_BYTES_MAX);
}

static enum err_code take_words(int fd, struct key_secret *ret_secret, struct error *err)
{
    SCOPED(passphrase_free) struct passphrase text = { .len = 0 };
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(secret_new(WORDS_BYTES_MAX, &text.memory, err));
    TRY(read_words(fd, &text, err));
    TRY(recovery_parse(slice_of(text.memory.bytes, text.len), &key, err));
    move("recovery", &text, ret_secret);
    return ERR_OK;
}

enum err_code key_secret_words(int fd, struct key_secret *ret_secret, struct error *err)
{
    TRY(secret_init(err));
    bool terminal = isatty(fd) == 1;
    enum err_code rc = ERR_OK;
    for (int i = 0; i < TRIES; i++) {
        if (terminal) {
            (void)fprintf(stderr, "%s%sRecovery key (%d words, as many on a line as you like):\n",
                          i > 0 ? err->message : "", i > 0 ? "\n" : "", RECOVERY_WORDS);
        }
        rc = take_words(fd, ret_secret, err);
        if (!terminal || rc != ERR_INVALID) {
            break;
        }
    }
    return rc;
}

enum err_code key_secret_new_words(struct key_secret *ret_secret, struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(passphrase_free) struct passphrase text = { .len = 0 };
    TRY(secret_init(err));
    TRY(secret_random(RECOVERY_KEY_BYTES, &key, err));
    TRY(recovery_format(key.bytes, &text.memory, err));
    text.len = text.memory.len;
    move("recovery", &text, ret_secret);
    return ERR_OK;
}

/* ---- files ---- */

enum err_code key_secret_of_bytes(const char *member, struct slice bytes, struct key_secret *ret_secret,
                                  struct error *err)
{
    SCOPED(passphrase_free) struct passphrase text = { .len = 0 };
    TRY(secret_new(2 * bytes.len + 1, &text.memory, err));
    hex_encode(bytes.data, bytes.len, (char *)text.memory.bytes);
    text.len = 2 * bytes.len;
    move(member, &text, ret_secret);
    return ERR_OK;
}

static enum err_code take_key_file(const char *path, struct key_secret *ret_secret, struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(secret_read_file(path, KEY_BYTES + 1, &key, err));
    if (key.len != KEY_BYTES) {
        return FAIL(err, KEY, "read key file '%s': expected exactly %d bytes", path, KEY_BYTES);
    }
    return key_secret_of_bytes("key", slice_of(key.bytes, key.len), ret_secret, err);
}

/* What `openssl cms -decrypt` gave: one line. */
static enum err_code take_escrow(const char *path, struct key_secret *ret_secret, struct error *err)
{
    SCOPED(passphrase_free) struct passphrase text = { .len = 0 };
    TRY(strcmp(path, "-") == 0 ? passphrase_ask(STDIN_FILENO, "What was in the envelope: ", &text, err)
                               : passphrase_read_file(path, &text, err));
    move("escrow", &text, ret_secret);
    return ERR_OK;
}

enum err_code key_secret_prove(const struct proof_input *input, const char *prompt, struct key_secret *ret_secret,
                               struct error *err)
{
    TRY(secret_init(err));
    if (input->recovery) {
        return key_secret_words(STDIN_FILENO, ret_secret, err);
    }
    if (input->key_file != NULL) {
        return take_key_file(input->key_file, ret_secret, err);
    }
    if (input->escrow != NULL) {
        return take_escrow(input->escrow, ret_secret, err);
    }
    SCOPED(passphrase_free) struct passphrase text = { .len = 0 };
    TRY(input->passphrase_file != NULL ? passphrase_read_file(input->passphrase_file, &text, err)
                                       : passphrase_ask(STDIN_FILENO, prompt, &text, err));
    move("passphrase", &text, ret_secret);
    return ERR_OK;
}

enum err_code key_secret_new_passphrase(const char *file, struct key_secret *ret_secret, struct error *err)
{
    SCOPED(passphrase_free) struct passphrase first = { .len = 0 };
    SCOPED(passphrase_free) struct passphrase again = { .len = 0 };
    TRY(secret_init(err));
    TRY(file != NULL ? passphrase_read_file(file, &first, err)
                     : passphrase_ask(STDIN_FILENO, "New passphrase: ", &first, err));
    if (file == NULL && isatty(STDIN_FILENO) == 1) {
        TRY(passphrase_ask(STDIN_FILENO, "The same again: ", &again, err));
        if (!secret_equal(slice_of(first.memory.bytes, first.len), slice_of(again.memory.bytes, again.len))) {
            return FAIL(err, REFUSED, "set the passphrase: the two differ");
        }
    }
    move("passphrase", &first, ret_secret);
    return ERR_OK;
}

void key_secret_put(const struct key_secret *secret, const char *name, struct request *request)
{
    if (name != NULL) {
        request_object(request, name);
    }
    request_text(request, secret->member, slice_of(secret->text.memory.bytes, secret->text.len));
    if (name != NULL) {
        request_object_end(request);
    }
}

enum exit_code key_unlock(struct cli *cli, const struct key_secret *secret, json_t **ret_status)
{
    SCOPED(request_free) struct request request = { .len = 0 };
    struct error err = { .code = ERR_OK };
    if (request_begin(&request, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    key_secret_put(secret, NULL, &request);
    return request_send(cli, &request, path_of("/v1/unlock"), ret_status);
}
