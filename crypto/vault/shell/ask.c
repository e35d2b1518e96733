#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "crypto/recovery.h"
#include "crypto/vault/shell/shell.h"

enum { LINE_MAX_BYTES = VAULT_PASSPHRASE_MAX + 2 };

static const int STOPPING[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
static volatile sig_atomic_t stopped_by;

static void on_signal(int number)
{
    stopped_by = number;
}

static enum err_code read_line(int fd, struct secret *line, size_t *ret_len, struct error *err)
{
    size_t len = 0;
    while (len < line->len) {
        ssize_t got = read(fd, line->bytes + len, 1);
        if (got < 0) {
            return errno == EINTR ? FAIL(err, REFUSED, "read the passphrase: interrupted")
                                  : error_errno(err, "read the passphrase");
        }
        if (got == 0 || line->bytes[len] == '\n') {
            *ret_len = len;
            return ERR_OK;
        }
        len++;
    }
    return FAIL(err, LIMIT, "read the passphrase: it is longer than %d bytes", VAULT_PASSPHRASE_MAX);
}

/* A signal ends the read; the echo is put back first, then the signal has its way. */
static enum err_code read_hidden(int fd, struct secret *line, size_t *ret_len, struct error *err)
{
    struct termios shown;
    struct sigaction before[ARRAY_LEN(STOPPING)];
    struct sigaction catching = { .sa_handler = on_signal };
    if (tcgetattr(fd, &shown) != 0) {
        return error_errno(err, "read the terminal's settings");
    }
    stopped_by = 0;
    for (size_t i = 0; i < ARRAY_LEN(STOPPING); i++) {
        (void)sigaction(STOPPING[i], &catching, &before[i]);
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ECHONL | ICANON;
    enum err_code rc = tcsetattr(fd, TCSAFLUSH, &hidden) == 0 ? read_line(fd, line, ret_len, err)
                                                              : error_errno(err, "switch the terminal's echo off");
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    for (size_t i = 0; i < ARRAY_LEN(STOPPING); i++) {
        (void)sigaction(STOPPING[i], &before[i], NULL);
    }
    if (stopped_by != 0) {
        (void)raise((int)stopped_by);
    }
    return rc;
}

/* Fifteen words that fit together are a recovery key; anything else that is typed is a passphrase. */
static enum err_code take_typed(struct slice typed, enum vault_slot_kind *ret_kind, struct secret *ret_secret,
                                struct error *err)
{
    if (recovery_parse(typed, ret_secret, NULL) == ERR_OK) {
        *ret_kind = VAULT_SLOT_RECOVERY;
        return ERR_OK;
    }
    *ret_kind = VAULT_SLOT_PASSPHRASE;
    return secret_copy(typed, ret_secret, err);
}

static enum err_code ask_terminal(enum vault_slot_kind *ret_kind, struct secret *ret_secret, struct error *err)
{
    static const char prompt[] = "Passphrase or recovery words of the replica: ";
    SCOPED(secret_free) struct secret line = { 0 };
    SCOPED(scoped_close) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    size_t len = 0;
    if (fd < 0) {
        return FAIL(err, KEY,
                    "ask for the passphrase: there is no terminal; name a file in HOLDFAST_PASSPHRASE_FILE or "
                    "HOLDFAST_KEY_FILE");
    }
    TRY(secret_new(LINE_MAX_BYTES, &line, err));
    (void)!write(fd, prompt, sizeof(prompt) - 1);
    TRY(read_hidden(fd, &line, &len, err));
    return take_typed(slice_of(line.bytes, len), ret_kind, ret_secret, err);
}

enum err_code ask_secret(enum vault_slot_kind *ret_kind, struct secret *ret_secret, struct error *err)
{
    const char *key_file = getenv("HOLDFAST_KEY_FILE");
    const char *passphrase_file = getenv("HOLDFAST_PASSPHRASE_FILE");
    if (key_file != NULL && key_file[0] != '\0') {
        *ret_kind = VAULT_SLOT_KEY_FILE;
        return secret_read_file(key_file, VAULT_KEY_FILE_BYTES, ret_secret, err);
    }
    if (passphrase_file == NULL || passphrase_file[0] == '\0') {
        return ask_terminal(ret_kind, ret_secret, err);
    }
    SCOPED(secret_free) struct secret text = { 0 };
    TRY(secret_read_file(passphrase_file, LINE_MAX_BYTES, &text, err));
    const uint8_t *end = memchr(text.bytes, '\n', text.len);
    return take_typed(slice_of(text.bytes, end == NULL ? text.len : (size_t)(end - text.bytes)), ret_kind, ret_secret,
                      err);
}
