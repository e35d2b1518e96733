#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "agent/cli/passphrase.h"

static void set_up(void)
{
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
}

static enum err_code ask_pipe(const char *bytes, size_t len, struct passphrase *ret, int *ret_fd)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], bytes, len), (ssize_t)len);
    close(ends[1]);
    struct error err;
    enum err_code rc = passphrase_ask(ends[0], "not shown", ret, &err);
    if (ret_fd != NULL) {
        *ret_fd = ends[0];
    } else {
        close(ends[0]);
    }
    return rc;
}

static bool is(const struct passphrase *passphrase, const char *text)
{
    return slice_equal(slice_of(passphrase->memory.bytes, passphrase->len), slice_of_text(text));
}

Test(passphrase, is_one_line_of_a_pipe_and_takes_nothing_beyond_it, .init = set_up)
{
    struct passphrase passphrase;
    int fd;
    cr_assert_eq(ask_pipe("correct horse\nnext line", 23, &passphrase, &fd), ERR_OK);
    cr_expect(is(&passphrase, "correct horse"));
    char rest[16] = "";
    cr_expect_eq(read(fd, rest, sizeof(rest)), 9);
    cr_expect_eq(memcmp(rest, "next line", 9), 0);
    close(fd);
    passphrase_free(&passphrase);
}

Test(passphrase, does_without_a_line_end_and_drops_a_carriage_return, .init = set_up)
{
    struct passphrase passphrase;
    cr_assert_eq(ask_pipe("no end", 6, &passphrase, NULL), ERR_OK);
    cr_expect(is(&passphrase, "no end"));
    passphrase_free(&passphrase);
    cr_assert_eq(ask_pipe("windows\r\n", 9, &passphrase, NULL), ERR_OK);
    cr_expect(is(&passphrase, "windows"));
    passphrase_free(&passphrase);
}

Test(passphrase, refuses_what_cannot_be_one, .init = set_up)
{
    struct passphrase passphrase;
    char longest[PASSPHRASE_BYTES_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    cr_expect_eq(ask_pipe("\n", 1, &passphrase, NULL), ERR_INVALID);
    cr_expect_eq(ask_pipe("", 0, &passphrase, NULL), ERR_INVALID);
    cr_expect_eq(ask_pipe("a\0b\n", 4, &passphrase, NULL), ERR_INVALID);
    cr_expect_eq(ask_pipe("\xff\xfe\n", 3, &passphrase, NULL), ERR_INVALID);
    cr_expect_eq(ask_pipe(longest, PASSPHRASE_BYTES_MAX + 1, &passphrase, NULL), ERR_LIMIT);
    cr_expect_eq(ask_pipe(longest, sizeof(longest), &passphrase, NULL), ERR_LIMIT);
    cr_assert_eq(ask_pipe(longest, PASSPHRASE_BYTES_MAX, &passphrase, NULL), ERR_OK);
    passphrase_free(&passphrase);
}

struct typist {
    int master;
    int slave;
};

/* Types when the echo is off, as a person does after the prompt. */
static void *type(void *context)
{
    const struct typist *typist = context;
    struct termios settings;
    do {
        usleep(1000);
        tcgetattr(typist->slave, &settings);
    } while ((settings.c_lflag & ECHO) != 0);
    (void)!write(typist->master, "typed secret\n", 13);
    return NULL;
}

Test(passphrase, is_not_shown_on_the_terminal_and_the_echo_comes_back, .init = set_up, .timeout = 30)
{
    struct typist typist = { .master = posix_openpt(O_RDWR | O_NOCTTY) };
    cr_assert_geq(typist.master, 0);
    cr_assert_eq(grantpt(typist.master), 0);
    cr_assert_eq(unlockpt(typist.master), 0);
    typist.slave = open(ptsname(typist.master), O_RDWR | O_NOCTTY);
    cr_assert_geq(typist.slave, 0);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, type, &typist), 0);

    struct passphrase passphrase;
    struct error err;
    cr_assert_eq(passphrase_ask(typist.slave, "", &passphrase, &err), ERR_OK, "%s", err.message);

    pthread_join(thread, NULL);
    cr_expect(is(&passphrase, "typed secret"));
    char shown[100] = "";
    cr_expect_gt(read(typist.master, shown, sizeof(shown) - 1), 0, "the line end is shown");
    cr_expect_null(strstr(shown, "secret"));
    struct termios settings;
    cr_assert_eq(tcgetattr(typist.slave, &settings), 0);
    cr_expect_neq(settings.c_lflag & ECHO, 0);
    passphrase_free(&passphrase);
    close(typist.master);
    close(typist.slave);
}

Test(passphrase, comes_from_a_file_that_only_its_owner_may_read, .init = set_up)
{
    char path[] = "/tmp/cli-passphrase-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "from a file\nsecond\n", 19), 19);
    struct passphrase passphrase;
    struct error err;
    cr_assert_eq(passphrase_read_file(path, &passphrase, &err), ERR_OK);
    cr_expect(is(&passphrase, "from a file"));
    passphrase_free(&passphrase);
    cr_assert_eq(fchmod(fd, 0644), 0);
    cr_expect_eq(passphrase_read_file(path, &passphrase, &err), ERR_KEY);
    cr_expect_null(strstr(err.message, "from a"));
    close(fd);
    unlink(path);
}

Test(passphrase, travels_as_json_with_every_byte_as_it_was, .init = set_up)
{
    const char *text = "quote \" back \\ bell \a tab \t é 李";
    struct passphrase passphrase;
    cr_assert_eq(ask_pipe(text, strlen(text), &passphrase, NULL), ERR_OK);
    struct secret request;
    size_t len;
    struct error err;
    cr_assert_eq(passphrase_request(&passphrase, true, &request, &len, &err), ERR_OK);
    json_t *json = json_loadb((const char *)request.bytes, len, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(json);
    cr_expect_str_eq(json_string_value(json_object_get(json, "passphrase")), text);
    cr_expect(json_is_true(json_object_get(json, "create")));
    cr_expect_eq(json_object_size(json), 2);
    json_decref(json);
    secret_free(&request);
    passphrase_free(&passphrase);
}
