#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sync/edge/http_failure.h"
#include "world.h"

static struct world world;
static int handled;
static bool peer_given;
static size_t body_len;
static char problem[200];

static void serve(void *context, const struct http_request *request)
{
    (void)context;
    handled++;
    peer_given = request->peer_certificate.len > 0;
    body_len = request->body.len;
    (void)snprintf(problem, sizeof(problem), "%s", request->peer_problem);
    http_answer(request->exchange, 200, "application/x-test", slice_of_text("ok"), NULL);
}

static void begin(void)
{
    world_init(&world);
}

static void end(void)
{
    world_fini(&world);
}

TestSuite(trust, .init = begin, .fini = end, .timeout = 60);

static void serve_with(enum certificate_role role, const char *host, int64_t from_days, int64_t to_days)
{
    party_fini(&world.server_party);
    party_make(world.ca, role, host, from_days, to_days, &world.server_party);
    world_serve(&world, serve, NULL);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    world_ask(&world, "/", slice_of_text("x"));
}

static void expect(enum err_code code, const char *words)
{
    cr_assert_eq(world.result.outcome, code, "%s: %s", err_code_name(world.result.outcome), world.result.error.message);
    cr_assert_not_null(strstr(world.result.error.message, words), "%s", world.result.error.message);
    cr_assert_eq(handled, 0);
}

Test(trust, refuses_a_server_of_another_authority)
{
    struct authority *other;
    cr_assert(authority_new("other", 1700000000000, &other, NULL) == ERR_OK);
    party_fini(&world.server_party);
    party_make(other, CERTIFICATE_ROLE_SERVER, "127.0.0.1", -1, 30, &world.server_party);
    authority_free(other);
    world_serve(&world, serve, NULL);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    world_ask(&world, "/", slice_of_text("x"));
    expect(ERR_INTERCEPTED, "somebody else's certificate");
}

Test(trust, refuses_an_expired_server)
{
    serve_with(CERTIFICATE_ROLE_SERVER, "127.0.0.1", -3, -1);
    expect(ERR_TLS, "has run out");
}

Test(trust, refuses_a_server_of_the_future)
{
    serve_with(CERTIFICATE_ROLE_SERVER, "127.0.0.1", 2, 30);
    expect(ERR_TLS, "not valid yet");
}

Test(trust, refuses_a_server_with_another_name)
{
    serve_with(CERTIFICATE_ROLE_SERVER, "centre.example", -1, 30);
    expect(ERR_TLS, "another name");
}

Test(trust, refuses_a_device_that_poses_as_the_server)
{
    party_fini(&world.server_party);
    party_make(world.ca, CERTIFICATE_ROLE_AGENT, NULL, -1, 30, &world.server_party);
    world_serve(&world, serve, NULL);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    world_ask(&world, "/", slice_of_text("x"));
    expect(ERR_TLS, "not a server's");
}

Test(trust, lets_a_client_without_a_certificate_in_as_nobody)
{
    world_serve(&world, serve, NULL);
    world_connect(&world, NULL, (const char *)world.ca_pem.data);
    world_ask(&world, "/", slice_of_text("x"));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert_not(peer_given);
    cr_assert_str_eq(problem, "");
}

Test(trust, keeps_nothing_of_a_long_body_of_nobody)
{
    static const uint8_t long_body[60000];
    world_serve(&world, serve, NULL);
    world_connect(&world, NULL, (const char *)world.ca_pem.data);
    world_ask(&world, "/", slice_of(long_body, sizeof(long_body)));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert_eq(handled, 1, "it is answered, not cut");
    cr_assert_eq(body_len, 0);
}

Test(trust, keeps_a_long_body_of_a_client_it_knows)
{
    static const uint8_t long_body[60000];
    world_serve(&world, serve, NULL);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    world_ask(&world, "/", slice_of(long_body, sizeof(long_body)));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert_eq(body_len, sizeof(long_body));
}

Test(trust, checks_nothing_only_when_told_so)
{
    world_serve(&world, serve, NULL);
    world_connect(&world, NULL, NULL);
    world_ask(&world, "/", (struct slice){ 0 });
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
}

static void ask_as(struct authority *ca, enum certificate_role role, int64_t from_days, int64_t to_days)
{
    struct party party;
    party_make(ca, role, role == CERTIFICATE_ROLE_SERVER ? "x" : NULL, from_days, to_days, &party);
    world_serve(&world, serve, NULL);
    world_connect(&world, &party, (const char *)world.ca_pem.data);
    world_ask(&world, "/", slice_of_text("x"));
    party_fini(&party);
    cr_assert_not(peer_given);
}

Test(trust, sees_a_client_of_another_authority_as_nobody)
{
    struct authority *other;
    cr_assert(authority_new("other", 1700000000000, &other, NULL) == ERR_OK);
    ask_as(other, CERTIFICATE_ROLE_AGENT, -1, 30);
    authority_free(other);
    cr_assert_not(peer_given);
}

Test(trust, sees_a_client_of_an_authority_with_the_same_name_as_nobody)
{
    struct authority *other;
    cr_assert(authority_new("test authority", 1700000000000, &other, NULL) == ERR_OK);
    ask_as(other, CERTIFICATE_ROLE_AGENT, -1, 30);
    authority_free(other);
    cr_assert_eq(handled, 1);
    cr_assert_str_neq(problem, "");
}

Test(trust, sees_an_expired_client_as_nobody_and_says_why)
{
    ask_as(world.ca, CERTIFICATE_ROLE_AGENT, -3, -1);
    cr_assert_not_null(strstr(problem, "expired"), "%s", problem);
}

Test(trust, sees_a_client_of_the_future_as_nobody)
{
    ask_as(world.ca, CERTIFICATE_ROLE_AGENT, 2, 30);
    cr_assert_str_neq(problem, "");
}

/* ---- servers that are no servers ---- */

static int impostor_fd = -1;

static uint16_t impostor_listen(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(address);
    impostor_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(impostor_fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    cr_assert(listen(impostor_fd, 8) == 0);
    cr_assert(getsockname(impostor_fd, (struct sockaddr *)&address, &len) == 0);
    return ntohs(address.sin_port);
}

static const char *impostor_says;

static void impostor_run(void *arg)
{
    (void)arg;
    int fd = accept(impostor_fd, NULL, NULL);
    char hello[4096];
    (void)!read(fd, hello, sizeof(hello));
    (void)!write(fd, impostor_says, strlen(impostor_says));
    (void)close(fd);
}

static void ask_impostor(const char *says)
{
    char url[64];
    uv_thread_t thread;
    impostor_says = says;
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", impostor_listen());
    cr_assert(uv_thread_create(&thread, impostor_run, NULL) == 0);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    world_ask_url(&world, url, slice_of_text("x"));
    cr_assert(uv_thread_join(&thread) == 0);
    (void)close(impostor_fd);
}

Test(trust, says_network_when_the_handshake_is_cut)
{
    ask_impostor("");
    cr_assert_eq(world.result.outcome, ERR_NETWORK, "%s", world.result.error.message);
}

Test(trust, says_that_a_plain_page_does_not_speak_tls)
{
    ask_impostor("HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n");
    expect(ERR_TLS, "does not speak TLS");
    cr_assert_not_null(strstr(world.result.error.message, "sign-in page"), "%s", world.result.error.message);
}

Test(trust, a_connection_that_breaks_in_the_handshake_is_the_network_and_no_refusal)
{
    static const struct {
        const char *detail;
        enum err_code code;
    } cases[] = {
        { "getpeername() failed with errno 107: Transport endpoint is not connected", ERR_NETWORK },
        { "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to localhost:1", ERR_NETWORK },
        { "error:0A000126:SSL routines::unexpected eof while reading", ERR_NETWORK },
        { "error:0A00042E:SSL routines::tlsv1 alert protocol version", ERR_TLS },
    };
    CURL *easy = curl_easy_init();
    cr_assert_not_null(easy);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { .code = ERR_OK };
        cr_expect_eq(http_failure_classify(easy, CURLE_SSL_CONNECT_ERROR, cases[i].detail, &err), cases[i].code, "%s",
                     cases[i].detail);
    }
    curl_easy_cleanup(easy);
}
