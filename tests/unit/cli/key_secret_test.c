#include "agent/cli/key_secret.h"

#include <criterion/criterion.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/recovery_sheet.h"
#include "service.h"

/* Secrets on their way from a person to the agent. */

#define WORDS "academy erase cherry spider gadget noise kitchen civic perch upstairs soap lake zigzag energy human"
#define MISTAKE "academy erase cherry spider gadget noise kitchen civic perch zzzzzzzz soap lake zigzag energy human"

static void set_up(void)
{
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
}

TestSuite(key_secret, .init = set_up, .timeout = 30);

static int pipe_with(const char *text)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    (void)close(ends[1]);
    return ends[0];
}

static bool begins_with(const struct key_secret *secret, const char *text)
{
    return secret->text.len >= strlen(text) && memcmp(secret->text.memory.bytes, text, strlen(text)) == 0;
}

Test(key_secret, of_words_may_be_broken_over_lines_and_takes_nothing_beyond_them)
{
    struct key_secret secret;
    struct error err = { .message = "" };
    int fd = pipe_with("academy erase cherry spider\ngadget noise kitchen civic\n\nperch upstairs soap lake zigzag\n"
                       "energy human\nthe next line");
    cr_assert_eq(key_secret_words(fd, &secret, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(secret.member, "recovery");
    cr_assert(begins_with(&secret, "academy erase"));
    char rest[32] = "";
    cr_assert_eq(read(fd, rest, sizeof(rest) - 1), 13);
    cr_assert_str_eq(rest, "the next line");
    key_secret_free(&secret);
    (void)close(fd);
}

Test(key_secret, of_words_from_a_pipe_gets_one_try)
{
    struct key_secret secret = { .member = NULL };
    struct error err = { .message = "" };
    int fd = pipe_with(MISTAKE "\n" WORDS "\n");
    cr_assert_eq(key_secret_words(fd, &secret, &err), ERR_INVALID);
    cr_assert_str_eq(err.message, "read the recovery key: word 10 is not one of its words");
    cr_assert_null(secret.member);
    (void)close(fd);
    fd = pipe_with("academy erase");
    cr_assert_eq(key_secret_words(fd, &secret, &err), ERR_INVALID);
    (void)close(fd);
    char endless[2000];
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    fd = pipe_with(endless);
    cr_assert_eq(key_secret_words(fd, &secret, &err), ERR_LIMIT);
    (void)close(fd);
}

Test(key_secret, of_words_on_a_terminal_may_be_typed_again)
{
    struct key_secret secret;
    struct error err = { .message = "" };
    int person;
    int terminal;
    cr_assert_eq(openpty(&person, &terminal, NULL, NULL, NULL), 0);
    cr_assert_gt(write(person, MISTAKE "\n" WORDS "\n", strlen(MISTAKE WORDS) + 2), 0);
    cr_assert_eq(key_secret_words(terminal, &secret, &err), ERR_OK, "%s", err.message);
    cr_assert(begins_with(&secret, WORDS));
    key_secret_free(&secret);
    (void)close(terminal);
    (void)close(person);
}

Test(key_secret, that_is_new_has_words_that_are_read_again)
{
    struct key_secret made;
    struct key_secret read;
    struct error err = { .message = "" };
    cr_assert_eq(key_secret_new_words(&made, &err), ERR_OK, "%s", err.message);
    int fd = pipe_with((const char *)made.text.memory.bytes);
    cr_assert_eq(key_secret_words(fd, &read, &err), ERR_OK, "%s", err.message);
    cr_assert(begins_with(&read, (const char *)made.text.memory.bytes));
    key_secret_free(&made);
    key_secret_free(&read);
    (void)close(fd);
}

/* ---- the request ---- */

Test(key_secret, reaches_the_agent_byte_for_byte)
{
    static const char *const texts[] = { "plain", "a \"quoted\" \\ one", "tab\tand\x01\x1f",
                                         "caf\xc3\xa9 \xe2\x82\xac" };
    static const struct canned answer = { 200, "{}" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct service service;
        struct cli cli = { .command = command_find("key") };
        struct request request;
        struct error err = { .message = "" };
        json_t *answered = NULL;
        screen_init(&cli.screen, stdout);
        screen_init(&cli.notes, stderr);
        service_start(&service, &answer, 1);
        (void)snprintf(cli.socket_path, sizeof(cli.socket_path), "%s", service.socket_path);
        cr_assert_eq(request_begin(&request, &err), ERR_OK, "%s", err.message);
        request_object(&request, "proof");
        request_text(&request, "passphrase", slice_of_text(texts[i]));
        request_object_end(&request);
        request_number(&request, "number", 7);
        request_true(&request, "create");
        cr_assert_eq(request_send(&cli, &request, path_of("/v1/keys/add"), &answered), EXIT_DONE);
        json_decref(answered);
        request_free(&request);

        cr_assert_eq(service.asked_count, 1);
        cr_assert_eq(strncmp(service.asked[0].line, "POST /v1/keys/add", 17), 0);
        const char *secret = NULL;
        int number = 0;
        json_t *asked = json_loads(service.asked[0].body, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_eq(json_unpack(asked, "{s:{s:s},s:i,s:b}", "proof", "passphrase", &secret, "number", &number,
                                 "create", &(int){ 0 }),
                     0, "%s", service.asked[0].body);
        cr_assert_str_eq(secret, texts[i]);
        cr_assert_eq(number, 7);
        json_decref(asked);
        service_stop(&service);
    }
}

Test(key_secret, that_is_too_long_is_not_sent_by_halves)
{
    struct cli cli = { .command = command_find("key") };
    struct request request;
    struct error err = { .message = "" };
    json_t *answered = NULL;
    char text[1000];
    memset(text, 'x', sizeof(text));
    FILE *nowhere = fopen("/dev/null", "w");
    cr_assert_not_null(nowhere);
    screen_init(&cli.screen, nowhere);
    screen_init(&cli.notes, nowhere);
    cr_assert_eq(request_begin(&request, &err), ERR_OK, "%s", err.message);
    for (int i = 0; i < 40; i++) {
        request_text(&request, "label", slice_of(text, sizeof(text)));
    }
    cr_assert_eq(request_send(&cli, &request, path_of("/v1/keys/add"), &answered), EXIT_REFUSED);
    cr_assert_null(answered);
    request_free(&request);
    (void)fclose(nowhere);
}

/* ---- on paper ---- */

Test(key_secret, is_shown_as_numbered_words)
{
    char *shown = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&shown, &size);
    struct screen screen;
    cr_assert_not_null(out);
    screen_init(&screen, out);
    recovery_sheet_words(&screen, slice_of_text(WORDS));
    (void)fclose(out);
    cr_assert_str_eq(shown, "   1 academy     6 noise      11 soap\n"
                            "   2 erase       7 kitchen    12 lake\n"
                            "   3 cherry      8 civic      13 zigzag\n"
                            "   4 spider      9 perch      14 energy\n"
                            "   5 gadget     10 upstairs   15 human\n");
    free(shown);
}
