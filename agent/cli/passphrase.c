#include "agent/cli/passphrase.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { MEMORY_BYTES = PASSPHRASE_BYTES_MAX + 2, ESCAPED_BYTES_MAX = 6, FRAME_BYTES = 64 };

void passphrase_free(struct passphrase *passphrase)
{
    secret_free(&passphrase->memory);
    passphrase->len = 0;
}

static volatile sig_atomic_t interrupted_by;

static void on_signal(int number)
{
    interrupted_by = number;
}

static const int stopping[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

/* While the echo is off a signal only ends the read: the echo is put back first, then the signal has its way. */
static void catch_signals(struct sigaction *ret_before)
{
    struct sigaction catching = { .sa_handler = on_signal };
    (void)sigemptyset(&catching.sa_mask);
    interrupted_by = 0;
    for (size_t i = 0; i < ARRAY_LEN(stopping); i++) {
        (void)sigaction(stopping[i], &catching, &ret_before[i]);
    }
}

static void release_signals(const struct sigaction *before)
{
    for (size_t i = 0; i < ARRAY_LEN(stopping); i++) {
        (void)sigaction(stopping[i], &before[i], NULL);
    }
    if (interrupted_by != 0) {
        (void)raise((int)interrupted_by);
    }
}

/* Byte by byte, so that nothing beyond the line is taken from a pipe. Stops after the line's end or without room. */
static enum err_code read_line(int fd, struct passphrase *passphrase, struct error *err)
{
    uint8_t *bytes = passphrase->memory.bytes;
    while (passphrase->len < MEMORY_BYTES) {
        ssize_t got = read(fd, bytes + passphrase->len, 1);
        if (got < 0) {
            return errno == EINTR ? FAIL(err, REFUSED, "read the passphrase: interrupted")
                                  : error_errno(err, "read the passphrase");
        }
        if (got == 0 || bytes[passphrase->len] == '\n') {
            return ERR_OK;
        }
        passphrase->len++;
    }
    return ERR_OK;
}

static enum err_code check(struct passphrase *passphrase, struct error *err)
{
    if (passphrase->len > 0 && passphrase->memory.bytes[passphrase->len - 1] == '\r') {
        passphrase->len--;
    }
    struct slice text = slice_of(passphrase->memory.bytes, passphrase->len);
    if (text.len == 0) {
        return FAIL(err, INVALID, "read the passphrase: it is empty");
    }
    if (text.len > PASSPHRASE_BYTES_MAX) {
        return FAIL(err, LIMIT, "read the passphrase: it is longer than %d bytes", PASSPHRASE_BYTES_MAX);
    }
    if (memchr(text.data, '\0', text.len) != NULL || !utf8_valid(text)) {
        return FAIL(err, INVALID, "read the passphrase: it is not text in UTF-8");
    }
    return ERR_OK;
}

static enum err_code read_hidden(int fd, const char *prompt, struct passphrase *passphrase, struct error *err)
{
    struct termios shown;
    if (tcgetattr(fd, &shown) != 0) {
        return error_errno(err, "read the terminal's settings");
    }
    struct sigaction before[ARRAY_LEN(stopping)];
    catch_signals(before);
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ECHONL | ICANON;
    enum err_code rc = ERR_OK;
    if (tcsetattr(fd, TCSAFLUSH, &hidden) != 0) {
        rc = error_errno(err, "switch the terminal's echo off");
    } else {
        (void)fputs(prompt, stderr);
        (void)fflush(stderr);
        rc = read_line(fd, passphrase, err);
        (void)tcsetattr(fd, TCSAFLUSH, &shown);
    }
    release_signals(before);
    return rc;
}

enum err_code passphrase_ask(int fd, const char *prompt, struct passphrase *ret_passphrase, struct error *err)
{
    SCOPED(passphrase_free) struct passphrase made = { .len = 0 };
    TRY(secret_new(MEMORY_BYTES, &made.memory, err));
    TRY(isatty(fd) == 1 ? read_hidden(fd, prompt, &made, err) : read_line(fd, &made, err));
    TRY(check(&made, err));
    *ret_passphrase = made;
    made = (struct passphrase){ .len = 0 };
    return ERR_OK;
}

enum err_code passphrase_read_file(const char *path, struct passphrase *ret_passphrase, struct error *err)
{
    SCOPED(passphrase_free) struct passphrase made = { .len = 0 };
    TRY(secret_read_file(path, MEMORY_BYTES, &made.memory, err));
    const uint8_t *end = memchr(made.memory.bytes, '\n', made.memory.len);
    made.len = end == NULL ? made.memory.len : (size_t)(end - made.memory.bytes);
    TRY(check(&made, err));
    *ret_passphrase = made;
    made = (struct passphrase){ .len = 0 };
    return ERR_OK;
}

static size_t put_escaped(uint8_t *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') {
        out[0] = '\\';
        out[1] = byte;
        return 2;
    }
    if (byte < 0x20) {
        memcpy(out, "\\u00", 4);
        out[4] = (uint8_t)digits[byte >> 4];
        out[5] = (uint8_t)digits[byte & 15];
        return ESCAPED_BYTES_MAX;
    }
    out[0] = byte;
    return 1;
}

enum err_code passphrase_request(const struct passphrase *passphrase, bool create, struct secret *ret_memory,
                                 size_t *ret_len, struct error *err)
{
    static const char front[] = "{\"passphrase\":\"";
    const char *back = create ? "\",\"create\":true}" : "\",\"create\":false}";
    struct secret memory;
    TRY(secret_new(passphrase->len * ESCAPED_BYTES_MAX + FRAME_BYTES, &memory, err));
    size_t len = sizeof(front) - 1;
    memcpy(memory.bytes, front, len);
    for (size_t i = 0; i < passphrase->len; i++) {
        len += put_escaped(memory.bytes + len, passphrase->memory.bytes[i]);
    }
    memcpy(memory.bytes + len, back, strlen(back));
    *ret_memory = memory;
    *ret_len = len + strlen(back);
    return ERR_OK;
}
