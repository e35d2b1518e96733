/*
 * The whole agent in a process of its own, asked over its socket as the command line asks. No network: what needs a
 * centre is told that there is none.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "agent/agent.h"
#include "agent/api.h"
#include "agent/peer.h"
#include "agent/roles.h"
#include "crypto/secret.h"
#include "sync/edge/local_client.h"

#define PASSPHRASE "correct horse battery"
#define CODE "0000-0000-0000-0000-0000-0000-0000-0000-0"

struct daemon {
    char folder[48];
    char socket[96];
    char key_file[96]; /* "" for none */
    pid_t pid;
};

static _Noreturn void be_the_agent(const struct daemon *daemon)
{
    static struct agent_options options;
    struct agent_arguments arguments = { .state_dir = daemon->folder,
                                         .key_file = daemon->key_file[0] != '\0' ? daemon->key_file : NULL };
    struct error err;
    (void)unsetenv("CREDENTIALS_DIRECTORY");
    enum err_code rc = agent_options_make(&arguments, &options, &err);
    options.log_level = LOG_LEVEL_ERROR;
    log_set_level(options.log_level);
    api_wipe_freed_json();
    if (rc == ERR_OK) {
        rc = secret_init(&err);
    }
    if (rc == ERR_OK) {
        rc = agent_run(&options, &err);
    }
    uv_library_shutdown();
    exit(rc == ERR_OK ? 0 : 1);
}

static void launch(struct daemon *daemon)
{
    daemon->pid = fork();
    cr_assert_geq(daemon->pid, 0);
    if (daemon->pid == 0) {
        be_the_agent(daemon);
    }
}

/* Until it listens; the test fails after a minute. */
static void wait_for_socket(const struct daemon *daemon)
{
    for (int i = 0; i < 6000; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->socket);
        int rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
        (void)close(fd);
        if (rc == 0) {
            return;
        }
        (void)usleep(10000);
    }
    cr_assert_fail("the agent does not listen on %s", daemon->socket);
}

static void daemon_start(struct daemon *daemon, bool with_key_file)
{
    *daemon = (struct daemon){ .folder = "/tmp/agent_test_XXXXXX" };
    cr_assert_not_null(mkdtemp(daemon->folder));
    (void)snprintf(daemon->socket, sizeof(daemon->socket), "%s/holdfast.sock", daemon->folder);
    if (with_key_file) {
        (void)snprintf(daemon->key_file, sizeof(daemon->key_file), "%s/vault.key", daemon->folder);
    }
    launch(daemon);
    wait_for_socket(daemon);
}

/* A leak found by the sanitizer is an exit status too. */
static void daemon_end(struct daemon *daemon, int signal_number)
{
    int status = 0;
    cr_assert_eq(kill(daemon->pid, signal_number), 0);
    cr_assert_eq(waitpid(daemon->pid, &status, 0), daemon->pid);
    if (signal_number != SIGKILL) {
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
        cr_expect_neq(access(daemon->socket, F_OK), 0, "the socket goes with it");
    }
}

static void daemon_remove(struct daemon *daemon)
{
    DIR *folder = opendir(daemon->folder);
    cr_assert_not_null(folder);
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    (void)closedir(folder);
    cr_expect_eq(rmdir(daemon->folder), 0);
}

static enum err_code ask(const struct daemon *daemon, const char *method, const char *path, const char *body,
                         json_t **ret_json)
{
    struct error err;
    json_t *sent = body != NULL ? json_loads(body, 0, NULL) : NULL;
    json_t *json = NULL;
    enum err_code rc = local_request(daemon->socket, method, path, sent, 60, &json, &err);
    json_decref(sent);
    if (ret_json != NULL) {
        *ret_json = json;
    } else {
        json_decref(json);
    }
    return rc;
}

static enum err_code ask_code(const struct daemon *daemon, const char *method, const char *path, const char *body)
{
    return ask(daemon, method, path, body, NULL);
}

/* The member of the status; "" for null. */
static void status_text(const struct daemon *daemon, const char *member, char out[600])
{
    json_t *status = NULL;
    cr_assert_eq(ask(daemon, "GET", "/v1/status", NULL, &status), ERR_OK);
    const char *text = json_string_value(json_object_get(status, member));
    (void)snprintf(out, 600, "%s", text != NULL ? text : "");
    json_decref(status);
}

static void expect_state(const struct daemon *daemon, const char *state)
{
    char text[600];
    status_text(daemon, "state", text);
    cr_expect_str_eq(text, state);
}

static void wait_for_state(const struct daemon *daemon, const char *state)
{
    char text[600] = "";
    for (int i = 0; i < 6000 && strcmp(text, state) != 0; i++) {
        status_text(daemon, "state", text);
        (void)usleep(10000);
    }
    cr_assert_str_eq(text, state);
}

Test(daemon, is_locked_until_a_passphrase_opens_it)
{
    struct daemon daemon;
    daemon_start(&daemon, false);
    expect_state(&daemon, "locked");
    cr_expect_eq(ask_code(&daemon, "GET", "/v1/version", NULL), ERR_OK);
    cr_expect_eq(ask_code(&daemon, "GET", "/v1/roll", NULL), ERR_LOCKED);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/sync", "{}"), ERR_LOCKED);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/enrol", "{\"endpoint\": \"https://localhost\", \"code\": \"x\"}"),
                 ERR_LOCKED);
    cr_expect_eq(ask_code(&daemon, "GET", "/v1/nothing", NULL), ERR_NOT_FOUND);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"passphrase\": \"" PASSPHRASE "\"}"), ERR_NOT_FOUND);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/unlock", "{}"), ERR_INVALID, "there is no key file");
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"passphrase\": \"short\", \"create\": true}"), ERR_INVALID);
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"passphrase\": \"" PASSPHRASE "\", \"create\": true}"),
                 ERR_OK);
    expect_state(&daemon, "offline");
    cr_expect_eq(ask_code(&daemon, "GET", "/v1/roll", NULL), ERR_OK);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"passphrase\": \"" PASSPHRASE "\", \"create\": true}"),
                 ERR_CONFLICT);
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/lock", "{}"), ERR_OK);
    expect_state(&daemon, "locked");
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"passphrase\": \"wrong horse battery\"}"), ERR_KEY);
    expect_state(&daemon, "locked");
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"passphrase\": \"" PASSPHRASE "\"}"), ERR_OK);
    expect_state(&daemon, "offline");
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

Test(daemon, opens_itself_with_a_key_file_also_after_a_kill)
{
    struct daemon daemon;
    daemon_start(&daemon, true);
    wait_for_state(&daemon, "offline");
    daemon_end(&daemon, SIGKILL);
    launch(&daemon);
    wait_for_socket(&daemon); /* the old one is still there: until the new one is made nobody answers */
    wait_for_state(&daemon, "offline");
    daemon_end(&daemon, SIGINT);
    daemon_remove(&daemon);
}

Test(daemon, says_why_a_key_file_does_not_open_it)
{
    struct daemon daemon;
    char message[600];
    daemon_start(&daemon, true);
    wait_for_state(&daemon, "offline");
    daemon_end(&daemon, SIGTERM);
    FILE *file = fopen(daemon.key_file, "w");
    cr_assert_not_null(file);
    (void)fprintf(file, "%032d", 0);
    (void)fclose(file);
    launch(&daemon);
    wait_for_socket(&daemon);
    for (int i = 0; i < 6000; i++) {
        status_text(&daemon, "message", message);
        if (strstr(message, "key file") != NULL) {
            break;
        }
        (void)usleep(10000);
    }
    cr_expect_not_null(strstr(message, "does not open"), "%s", message);
    expect_state(&daemon, "locked");
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

Test(daemon, shares_its_folder_with_no_other)
{
    struct daemon daemon;
    daemon_start(&daemon, true);
    struct daemon second = daemon;
    int status = 0;
    launch(&second);
    cr_assert_eq(waitpid(second.pid, &status, 0), second.pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %d", status);
    wait_for_state(&daemon, "offline");
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

Test(daemon, tells_when_the_centre_cannot_be_reached_and_forgets_nothing)
{
    struct daemon daemon;
    daemon_start(&daemon, true);
    wait_for_state(&daemon, "offline");
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/sync", "{\"wait\": true}"), ERR_NOT_ENROLLED);
    cr_expect_eq(
        ask_code(&daemon, "POST", "/v1/enrol", "{\"endpoint\": \"http://127.0.0.1:1\", \"code\": \"" CODE "\"}"),
        ERR_INVALID);
    cr_expect_eq(
        ask_code(&daemon, "POST", "/v1/enrol", "{\"endpoint\": \"https://127.0.0.1:1\", \"code\": \"not a code\"}"),
        ERR_INVALID);
    cr_expect_eq(
        ask_code(&daemon, "POST", "/v1/enrol", "{\"endpoint\": \"https://127.0.0.1:1\", \"code\": \"" CODE "\"}"),
        ERR_NETWORK);
    cr_expect_eq(
        ask_code(&daemon, "POST", "/v1/enrol", "{\"endpoint\": \"https://127.0.0.1:1\", \"code\": \"" CODE "\"}"),
        ERR_NETWORK, "it can be tried again");
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/attendance", "{\"session\": \"A@2026-01-01\", \"outcome\": \"late\"}"),
                 ERR_NOT_FOUND);
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

Test(daemon, refuses_odd_bodies_of_its_own_calls)
{
    struct daemon daemon;
    daemon_start(&daemon, true);
    wait_for_state(&daemon, "offline");
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/sync", "{\"wait\": \"yes\"}"), ERR_INVALID);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/sync", "{\"timeout_s\": 601}"), ERR_INVALID);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"password\": \"x\"}"), ERR_INVALID);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/lock", "[]"), ERR_INVALID);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/status", "{}"), ERR_INVALID);
    cr_expect_eq(ask_code(&daemon, "GET", "/v1/lock", NULL), ERR_INVALID);
    struct stat status;
    cr_assert_eq(stat(daemon.socket, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0660);
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

/* ---- people ---- */

#define ENTER_ANN "{\"name\": \"Ann Admin\", \"roles\": [\"administrator\"], \"passphrase\": \"ann's own words\"}"

static enum err_code sign_in(const struct daemon *daemon, const char *name, const char *passphrase)
{
    char body[200];
    json_t *answer = NULL;
    (void)snprintf(body, sizeof(body), "{\"name\": \"%s\", \"passphrase\": \"%s\"}", name, passphrase);
    enum err_code rc = ask(daemon, "POST", "/v1/sign-in", body, &answer);
    if (rc == ERR_OK) {
        local_authorize(json_string_value(json_object_get(answer, "token")));
    }
    json_decref(answer);
    return rc;
}

/* How many notes there are with this action, by this person, whose fields hold the word. */
static size_t notes_of(const struct daemon *daemon, const char *action, const char *person, const char *word)
{
    json_t *answer = NULL;
    size_t count = 0;
    size_t index;
    json_t *entry;
    cr_assert_eq(ask(daemon, "GET", "/v1/audit", NULL, &answer), ERR_OK);
    json_array_foreach(json_object_get(answer, "entries"), index, entry)
    {
        const char *fields = json_string_value(json_object_get(entry, "fields"));
        count += strcmp(json_string_value(json_object_get(entry, "action")), action) == 0 &&
                 strcmp(json_string_value(json_object_get(entry, "person")), person) == 0 && fields != NULL &&
                 strstr(fields, word) != NULL;
    }
    json_decref(answer);
    return count;
}

static void start_with_ann(struct daemon *daemon)
{
    daemon_start(daemon, true);
    wait_for_state(daemon, "offline");
    cr_assert_eq(ask_code(daemon, "POST", "/v1/people", ENTER_ANN), ERR_OK);
}

Test(daemon, wrong_passphrases_make_everybody_wait_and_a_lock_does_not_end_that)
{
    struct daemon daemon;
    start_with_ann(&daemon);
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(sign_in(&daemon, "Ann Admin", "somebody's words"), ERR_KEY);
    }
    cr_expect_eq(sign_in(&daemon, "Ann Admin", "ann's own words"), ERR_BUSY);
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/lock", "{}"), ERR_OK);
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/unlock", "{}"), ERR_OK);
    cr_expect_eq(sign_in(&daemon, "Ann Admin", "ann's own words"), ERR_BUSY);
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(sign_in(&daemon, "Nobody Known", "somebody's words"), ERR_KEY);
    }
    cr_expect_eq(sign_in(&daemon, "Nobody Known", "somebody's words"), ERR_BUSY, "just as for one that is entered");
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

Test(daemon, notes_who_signed_in_who_could_not_and_who_unlocked)
{
    struct daemon daemon;
    char user[OP_ACTOR_MAX + 1];
    peer_actor(geteuid(), user);
    start_with_ann(&daemon);
    cr_expect_eq(sign_in(&daemon, "Ann Admin", "somebody's words"), ERR_KEY);
    cr_expect_eq(sign_in(&daemon, "ann's own words", "Ann Admin"), ERR_KEY, "typed into the wrong place");
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/lock", "{}"), ERR_OK);
    cr_expect_eq(ask_code(&daemon, "POST", "/v1/unlock", "{\"passphrase\": \"wrong horse battery\"}"), ERR_KEY);
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/unlock", "{}"), ERR_OK);
    cr_assert_eq(sign_in(&daemon, "Ann Admin", "ann's own words"), ERR_OK);
    cr_expect_eq(notes_of(&daemon, "sign_in", "Ann Admin", "refused"), 1);
    cr_expect_eq(notes_of(&daemon, "sign_in", "Ann Admin", "passphrase, as user"), 2);
    cr_expect_eq(notes_of(&daemon, "sign_in", user, "unknown name"), 1);
    cr_expect_eq(notes_of(&daemon, "unlock", user, "passphrase, refused"), 1);
    cr_expect_eq(notes_of(&daemon, "unlock", user, "key_file"), 1);
    cr_expect_eq(notes_of(&daemon, "unlock", "holdfastd", "key_file, new"), 1);
    json_t *answer = NULL;
    cr_assert_eq(ask(&daemon, "GET", "/v1/audit", NULL, &answer), ERR_OK);
    SCOPED(scoped_free) char *text = json_dumps(answer, 0);
    json_decref(answer);
    cr_expect_null(strstr(text, "own words"), "no passphrase, wherever it was typed");
    local_authorize(NULL);
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

/* Asks, and does not wait for the answer. */
static int ask_without_waiting(const struct daemon *daemon, const char *path, const char *body)
{
    char text[500];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->socket);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    int len = snprintf(text, sizeof(text),
                       "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                       "%zu\r\n\r\n%s",
                       path, strlen(body), body);
    cr_assert_eq(write(fd, text, (size_t)len), len);
    return fd;
}

Test(daemon, answers_others_while_passphrases_are_looked_at_and_locks_in_the_middle_of_it)
{
    struct daemon daemon;
    int fds[20];
    size_t refused = 0;
    start_with_ann(&daemon);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        char body[200];
        (void)snprintf(body, sizeof(body), "{\"name\": \"Nobody %zu\", \"passphrase\": \"somebody's words\"}", i);
        fds[i] = ask_without_waiting(&daemon, "/v1/sign-in", body);
    }
    expect_state(&daemon, "offline");
    cr_assert_eq(ask_code(&daemon, "POST", "/v1/lock", "{}"), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        char answer[2000] = "";
        ssize_t len = read(fds[i], answer, sizeof(answer) - 1);
        cr_expect_gt(len, 0, "every one is answered");
        refused += strstr(answer, "423") != NULL;
        (void)close(fds[i]);
    }
    cr_expect_gt(refused, 0, "those that came too late are told that it was locked");
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}

/* Does the agent refuse it to who asks? Nothing is done by it: no call takes such a body, and no path goes on so. */
static bool is_refused(const struct daemon *daemon, const char *method, const char *path)
{
    char whole[200];
    struct error err = { .code = ERR_OK };
    json_t *body = strcmp(method, "POST") == 0 ? json_array() : NULL;
    json_t *answer = NULL;
    (void)snprintf(whole, sizeof(whole), "%s%s", path, path[strlen(path) - 1] == '/' ? "X" : "");
    enum err_code rc = local_request(daemon->socket, method, whole, body, 60, &answer, &err);
    json_decref(body);
    json_decref(answer);
    return rc == ERR_REFUSED && strncmp(err.message, "make this call", strlen("make this call")) == 0;
}

static void expect_calls_of(const struct daemon *daemon, unsigned role)
{
    const char *method;
    const char *path;
    for (size_t i = 0; roles_call_at(i, &method, &path); i++) {
        char whole[200];
        (void)snprintf(whole, sizeof(whole), "%s%s", path, path[strlen(path) - 1] == '/' ? "X" : "");
        bool allowed = roles_allow(role, method, whole) ||
                       (geteuid() == 0 && strncmp(path, "/v1/people", strlen("/v1/people")) == 0 && role == 0);
        cr_expect_eq(is_refused(daemon, method, path), !allowed, "%s %s by %u", method, path, role);
    }
}

Test(daemon, lets_each_role_make_its_own_calls_and_no_others)
{
    static const char *const names[] = { "supervisor", "coordinator", "reviewer", "trustee" };
    struct daemon daemon;
    start_with_ann(&daemon);
    expect_calls_of(&daemon, 0);
    cr_assert_eq(sign_in(&daemon, "Ann Admin", "ann's own words"), ERR_OK);
    expect_calls_of(&daemon, ROLE_ADMINISTRATOR);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char body[200];
        (void)snprintf(body, sizeof(body), "{\"name\": \"%s\", \"roles\": [\"%s\"], \"passphrase\": \"our own words\"}",
                       names[i], names[i]);
        cr_assert_eq(ask_code(&daemon, "POST", "/v1/people", body), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unsigned role = 0;
        cr_assert(role_parse(names[i], &role));
        cr_assert_eq(sign_in(&daemon, names[i], "our own words"), ERR_OK);
        expect_calls_of(&daemon, role);
    }
    local_authorize(NULL);
    daemon_end(&daemon, SIGTERM);
    daemon_remove(&daemon);
}
