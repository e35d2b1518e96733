#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sync/edge/http_server.h"
#include "sync/edge/local_client.h"

static char folder[64];
static char path[96];
static uv_loop_t loop;
static uv_async_t stop_signal;
static uv_thread_t thread;
static struct http_server *server;
static bool serving;
static uid_t peer_uid;
static bool peer_known;

static int handled;

#define LONG_BYTES ((size_t)20 * 1000 * 1000)
static size_t sent_bytes;
static int released;

static size_t read_long(void *context, uint8_t *out, size_t max)
{
    (void)context;
    for (size_t i = 0; i < max; i++) {
        out[i] = (uint8_t)((sent_bytes + i) % 251);
    }
    size_t len = max < LONG_BYTES - sent_bytes ? max : LONG_BYTES - sent_bytes;
    sent_bytes += len;
    return len;
}

static size_t read_half(void *context, uint8_t *out, size_t max)
{
    return sent_bytes > LONG_BYTES / 2 ? 0 : read_long(context, out, max);
}

static void on_release(void *context)
{
    (void)context;
    released++;
}

static void serve(void *context, const struct http_request *request)
{
    (void)context;
    handled++;
    peer_known = request->peer_known;
    peer_uid = request->peer_uid;
    if (strcmp(request->path, "/echo") == 0) {
        http_answer(request->exchange, 200, "application/json", request->body, NULL);
    } else if (strcmp(request->path, "/refuse") == 0) {
        http_answer(request->exchange, 409, "application/json",
                    slice_of_text("{\"error\": {\"code\": \"refused\", \"message\": \"no\", \"line\": 3}}"), NULL);
    } else if (strncmp(request->path, "/long", 5) == 0) {
        sent_bytes = 0;
        struct http_body body = { LONG_BYTES, strcmp(request->path, "/long") == 0 ? read_long : read_half, on_release,
                                  NULL };
        http_answer_body(request->exchange, 200, "text/csv", &body, NULL);
    } else if (strcmp(request->path, "/text") == 0) {
        http_answer(request->exchange, 500, "text/plain", slice_of_text("oops"), NULL);
    } else if (strcmp(request->path, "/broken") == 0) {
        http_answer(request->exchange, 200, "application/json", slice_of_text("{\"a\": "), NULL);
    } else if (strcmp(request->path, "/liar") == 0) {
        http_answer(request->exchange, 500, "application/json",
                    slice_of_text("{\"error\": {\"code\": \"ok\", \"message\": \"fine\"}}"), NULL);
    } else {
        http_answer(request->exchange, 200, "application/json", slice_of_text(request->method), NULL);
    }
}

static void on_stop(uv_async_t *async)
{
    http_server_stop(server, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void run_loop(void *arg)
{
    (void)arg;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

static void start(void)
{
    struct error err;
    struct http_server_options options = { .unix_path = path,
                                           .unix_mode = 0600,
                                           .body_max = 65536,
                                           .connections_max = 8,
                                           .idle_timeout_s = 1,
                                           .handler = serve };
    cr_assert(uv_loop_init(&loop) == 0);
    cr_assert(uv_async_init(&loop, &stop_signal, on_stop) == 0);
    cr_assert(http_server_start(&loop, &options, &server, &err) == ERR_OK, "%s", err.message);
    cr_assert(uv_thread_create(&thread, run_loop, NULL) == 0);
    serving = true;
}

static void stop(void)
{
    cr_assert(uv_async_send(&stop_signal) == 0);
    cr_assert(uv_thread_join(&thread) == 0);
    cr_assert(uv_loop_close(&loop) == 0);
    serving = false;
}

static void begin(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/hf-edge-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/service.sock", folder);
}

static void end(void)
{
    if (serving) {
        stop();
    }
    (void)unlink(path);
    cr_assert(rmdir(folder) == 0);
}

TestSuite(local, .init = begin, .fini = end, .timeout = 60);

Test(local, carries_json_both_ways_and_the_peers_user)
{
    start();
    json_t *body = json_pack("{s:s}", "name", "caf\xc3\xa9");
    json_t *answer = NULL;
    struct error err;
    cr_assert(local_request(path, "POST", "/echo", body, 5, &answer, &err) == ERR_OK, "%s", err.message);
    cr_assert(json_equal(body, answer));
    cr_assert(peer_known);
    cr_assert_eq(peer_uid, geteuid());
    json_decref(body);
    json_decref(answer);
}

Test(local, passes_the_services_refusal_on_with_all_it_said)
{
    start();
    json_t *answer = NULL;
    struct error err;
    cr_assert_eq(local_request(path, "POST", "/refuse", NULL, 5, &answer, &err), ERR_REFUSED);
    cr_assert_str_eq(err.message, "no");
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(answer, "error"), "line")), 3);
    json_decref(answer);
}

Test(local, does_not_take_a_failure_for_success_whatever_it_says)
{
    start();
    json_t *answer = NULL;
    struct error err;
    cr_assert_eq(local_request(path, "GET", "/text", NULL, 5, &answer, &err), ERR_PROTOCOL);
    cr_assert_null(answer);
    cr_assert_eq(local_request(path, "GET", "/broken", NULL, 5, &answer, &err), ERR_PROTOCOL);
    cr_assert_null(answer);
    cr_assert_eq(local_request(path, "GET", "/liar", NULL, 5, &answer, &err), ERR_PROTOCOL);
    json_decref(answer);
}

Test(local, carries_bytes_that_are_no_json)
{
    start();
    struct buf answer;
    struct error err;
    buf_init(&answer, 1024);
    cr_assert(local_request_bytes(path, "PUT", "/method", slice_of_text("a,b\n"), "text/csv", 5, &answer, &err) ==
              ERR_OK);
    cr_assert(slice_equal(buf_slice(&answer), slice_of_text("PUT")));
    buf_fini(&answer);
    buf_init(&answer, 2);
    cr_assert_eq(local_request_bytes(path, "PUT", "/method", slice_of_text(""), "text/csv", 5, &answer, &err),
                 ERR_LIMIT);
    buf_fini(&answer);
}

Test(local, asks_whether_the_service_is_running)
{
    json_t *answer = NULL;
    struct error err;
    cr_assert_eq(local_request(path, "GET", "/", NULL, 5, &answer, &err), ERR_NETWORK);
    cr_assert_not_null(strstr(err.message, "is the service running?"), "%s", err.message);
}

Test(local, ignores_a_proxy_of_the_environment)
{
    start();
    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    json_t *answer = NULL;
    struct error err;
    json_t *body = json_object();
    cr_assert(local_request(path, "POST", "/echo", body, 5, &answer, &err) == ERR_OK, "%s", err.message);
    json_decref(answer);
    json_decref(body);
}

Test(local, makes_the_socket_for_its_owner_only_and_takes_it_away)
{
    struct stat status;
    (void)umask(0);
    start();
    cr_assert(stat(path, &status) == 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    stop();
    cr_assert(stat(path, &status) != 0);
}

static void leave_stale_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    (void)close(fd);
}

Test(local, replaces_a_socket_that_a_dead_service_left)
{
    leave_stale_socket();
    start();
    json_t *answer = NULL;
    struct error err;
    json_t *body = json_object();
    cr_assert(local_request(path, "POST", "/echo", body, 5, &answer, &err) == ERR_OK, "%s", err.message);
    json_decref(answer);
    json_decref(body);
}

static enum err_code start_second(struct error *err)
{
    uv_loop_t other;
    struct http_server *second = NULL;
    struct http_server_options options = { .unix_path = path, .unix_mode = 0600, .handler = serve };
    cr_assert(uv_loop_init(&other) == 0);
    enum err_code rc = http_server_start(&other, &options, &second, err);
    cr_assert(uv_loop_close(&other) == 0);
    return rc;
}

Test(local, leaves_a_socket_alone_that_somebody_listens_on)
{
    start();
    struct error err;
    cr_assert_eq(start_second(&err), ERR_BUSY, "%s", err.message);
    struct stat status;
    cr_assert(stat(path, &status) == 0);
}

Test(local, leaves_a_file_alone_that_is_no_socket)
{
    FILE *file = fopen(path, "w");
    (void)fclose(file);
    struct error err;
    cr_assert_eq(start_second(&err), ERR_CONFLICT);
    cr_assert(access(path, F_OK) == 0);
}

/* ---- clients that write by hand ---- */

static int connect_raw(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static bool answered(int fd, const char *words)
{
    char answer[4096];
    size_t len = 0;
    ssize_t got = 0;
    while (len < sizeof(answer) - 1 && (got = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0) {
        len += (size_t)got;
    }
    answer[len] = '\0';
    return strstr(answer, words) != NULL;
}

Test(local, drops_a_client_that_stops_in_the_middle_of_its_body)
{
    start();
    int fd = connect_raw();
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    cr_assert_not(answered(fd, "200")); /* until the connection is closed */
    (void)close(fd);
    cr_assert_eq(handled, 0);
}

Test(local, answers_413_to_pieces_that_become_too_large)
{
    start();
    char piece[8192 + 16] = "2000\r\n";
    int fd = connect_raw();
    memset(piece + 6, 'x', 8192);
    memcpy(piece + 6 + 8192, "\r\n", 3);
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 9; i++) { /* 72 KiB of 64 */
        say(fd, piece);
    }
    say(fd, "0\r\n\r\n");
    cr_assert(answered(fd, " 413 "));
    (void)close(fd);
    cr_assert_eq(handled, 0);
}

Test(local, cuts_pieces_that_never_end)
{
    start();
    char piece[8192 + 16] = "2000\r\n";
    int fd = connect_raw();
    memset(piece + 6, 'x', 8192);
    memcpy(piece + 6 + 8192, "\r\n", 3);
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    int sent = 0;
    while (sent < 1000 && send(fd, piece, 6 + 8192 + 2, MSG_NOSIGNAL) > 0) {
        sent++;
    }
    (void)close(fd);
    cr_assert_lt(sent, 1000);
    cr_assert_eq(handled, 0);
}

Test(local, serves_who_comes_after_the_limit_of_connections_is_reached)
{
    start();
    int idle[8]; /* connections_max */
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
        idle[i] = connect_raw();
    }
    json_t *answer = NULL;
    struct error err;
    json_t *body = json_object();
    cr_assert(local_request(path, "POST", "/echo", body, 20, &answer, &err) == ERR_OK, "%s", err.message);
    json_decref(answer);
    json_decref(body);
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
        (void)close(idle[i]);
    }
}

struct taken {
    size_t len;
    size_t wrong;
    size_t stop_at; /* 0: never */
};

static enum err_code take(void *context, struct slice part, struct error *err)
{
    struct taken *taken = context;
    for (size_t i = 0; i < part.len; i++) {
        taken->wrong += part.data[i] != (taken->len + i) % 251;
    }
    taken->len += part.len;
    return taken->stop_at == 0 || taken->len < taken->stop_at ? ERR_OK : FAIL(err, DISK_FULL, "the disk is full");
}

Test(local, a_long_answer_is_read_while_it_is_sent, .init = start, .fini = stop)
{
    struct error err;
    struct taken taken = { 0 };
    cr_assert_eq(local_request_parts(path, "GET", "/long", take, &taken, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(taken.len, LONG_BYTES);
    cr_expect_eq(taken.wrong, 0);
    cr_assert_eq(local_request_parts(path, "GET", "/GET", take, &taken, &err), ERR_OK);
    cr_expect_eq(released, 1);
}

Test(local, half_of_a_long_answer_is_an_error, .init = start, .fini = stop)
{
    struct error err;
    struct taken taken = { 0 };
    cr_expect_eq(local_request_parts(path, "GET", "/long/half", take, &taken, &err), ERR_NETWORK);
    cr_expect_lt(taken.len, LONG_BYTES);
}

Test(local, who_takes_a_long_answer_may_fail_and_says_why, .init = start, .fini = stop)
{
    struct error err;
    struct taken taken = { .stop_at = 1000000 };
    cr_expect_eq(local_request_parts(path, "GET", "/long", take, &taken, &err), ERR_DISK_FULL);
    cr_expect_str_eq(err.message, "the disk is full");
    taken = (struct taken){ 0 };
    cr_expect_eq(local_request_parts(path, "GET", "/refuse", take, &taken, &err), ERR_REFUSED);
    cr_expect_str_eq(err.message, "no");
    cr_expect_eq(taken.len, 0, "a refusal is not an answer");
}
