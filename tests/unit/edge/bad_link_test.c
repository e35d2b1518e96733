/* Networks that are in the way: each is named in words that say what to do, and is left behind once it is gone. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sync/edge/send_ahead.h"
#include "tests/support/gate.h"
#include "tests/support/namespace.h"
#include "world.h"

static struct world world;
static int handled;

static void serve(void *context, const struct http_request *request)
{
    (void)context;
    handled++;
    http_answer(request->exchange, 200, "application/x-test", request->body, NULL);
}

static void begin(void)
{
    handled = 0;
    world_init(&world);
}

static void end(void)
{
    world_fini(&world);
}

TestSuite(bad_link, .init = begin, .fini = end, .timeout = 60);

static void serve_and_connect(void)
{
    world_serve(&world, serve, NULL);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
}

static void ask(void)
{
    world_ask(&world, "/", slice_of_text("hello"));
}

static void meets(enum err_code code, const char *words)
{
    cr_assert_eq(world.result.outcome, code, "'%s': %s", err_code_name(world.result.outcome),
                 world.result.error.message);
    cr_assert_not_null(strstr(world.result.error.message, words), "expected '%s' in: %s", words,
                       world.result.error.message);
}

static void works(void)
{
    ask();
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert_eq(world.result.status, 200);
}

/* ---- a proxy of the network ---- */

static void gate_in_the_way(struct gate *gate, int status, const char *credentials)
{
    char url[128];
    gate_open(gate, status);
    (void)snprintf(url, sizeof(url), "http://%s127.0.0.1:%u", credentials, gate->port);
    cr_assert_eq(setenv("https_proxy", url, 1), 0);
}

static void gate_away(struct gate *gate)
{
    cr_assert_eq(unsetenv("https_proxy"), 0);
    gate_close(gate);
}

static void client_stopped(void *context)
{
    (*(int *)context)++;
}

static void client_stop(void)
{
    int stopped = 0;
    http_client_stop(world.client, client_stopped, &stopped);
    world.client = NULL;
    world_run_until(&world, &stopped, 1);
}

Test(bad_link, a_proxy_that_wants_a_password_is_named_and_one_is_enough)
{
    struct gate gate;
    gate_in_the_way(&gate, 0, "");
    serve_and_connect();
    ask();
    meets(ERR_PROXY, "link.proxy");
    cr_assert_eq(handled, 0);
    client_stop();
    gate_away(&gate);
    gate_in_the_way(&gate, 0, "name:secret@");
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    works();
    cr_assert_eq(gate.passed, 1);
    client_stop();
    gate_away(&gate);
}

Test(bad_link, a_proxy_that_refuses_is_told_from_one_that_cannot_reach_the_centre)
{
    struct gate gate;
    gate_in_the_way(&gate, 403, "");
    serve_and_connect();
    ask();
    meets(ERR_PROXY, "let it through");
    gate.status = 502;
    ask();
    meets(ERR_NETWORK, "proxy does not reach it");
    client_stop();
    gate_away(&gate);
}

static void own_network(void)
{
    char why[128];
    if (!namespace_enter(why, sizeof(why))) {
        cr_skip_test("%s", why);
    }
}

/* The name service of the machine that runs the tests is left out: whether it answers, and how soon, is chance. */
static void names_of_a_file_alone(void)
{
    static const char files[] = "hosts: files\n";
    char path[] = "/tmp/holdfast-nsswitch-XXXXXX";
    own_network();
    int file = mkstemp(path);
    cr_assert_eq(write(file, files, sizeof(files) - 1), (ssize_t)sizeof(files) - 1);
    cr_assert_eq(close(file), 0);
    cr_assert_eq(chmod(path, 0644), 0);
    cr_assert_eq(mount(path, "/etc/nsswitch.conf", NULL, MS_BIND, NULL), 0, "%m");
    cr_assert_eq(unlink(path), 0);
}

Test(bad_link, a_proxy_that_is_not_found_is_named)
{
    names_of_a_file_alone();
    cr_assert_eq(setenv("https_proxy", "http://proxy.invalid:3128", 1), 0);
    serve_and_connect();
    ask();
    cr_assert_eq(unsetenv("https_proxy"), 0);
    meets(ERR_PROXY, "find this network's proxy");
}

Test(bad_link, a_proxy_that_does_not_answer_is_told_from_a_centre_that_does_not)
{
    static const char nobody[] = "http://127.0.0.1:9"; /* the discard service, which nobody has */
    cr_assert_eq(setenv("https_proxy", nobody, 1), 0);
    serve_and_connect();
    ask();
    cr_assert_eq(unsetenv("https_proxy"), 0);
    meets(ERR_NETWORK, "reach this network's proxy");
    world_ask_url(&world, "https://127.0.0.1:9/", slice_of_text("x"));
    meets(ERR_NETWORK, "reach the centre");
    world_ask_url(&world, "https://[::1]:9/", slice_of_text("x"));
    meets(ERR_NETWORK, "reach the centre");
}

/* ---- names ---- */

Test(bad_link, a_name_that_is_not_found_is_named)
{
    names_of_a_file_alone();
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    world_ask_url(&world, "https://centre.invalid:8443/", slice_of_text("x"));
    meets(ERR_DNS, "find the centre's address");
}

/* A rule of iptables for what arrives. */
static void lose(const char *which)
{
    char command[160];
    own_network();
    (void)snprintf(command, sizeof(command), "iptables -A INPUT -p tcp -m %s -j DROP 2>/dev/null", which);
    if (system(command) != 0) {
        cr_skip_test("no packets can be lost here: is iptables installed?");
    }
}

Test(bad_link, a_name_service_that_says_nothing_is_given_up_and_left_behind)
{
    own_network();
    char path[] = "/tmp/holdfast-resolv-XXXXXX";
    int file = mkstemp(path);
    static const char silent[] = "nameserver 127.0.0.2\noptions timeout:30\n";
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53) };
    cr_assert_eq(inet_pton(AF_INET, "127.0.0.2", &address.sin_addr), 1);
    int nobody = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(nobody, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(write(file, silent, sizeof(silent) - 1), (ssize_t)sizeof(silent) - 1);
    cr_assert_eq(mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL), 0, "%m");
    (void)close(file);
    serve_and_connect();
    world_ask_url(&world, "https://centre.example:8443/", slice_of_text("x")); /* less than the resolver's 30 s */
    (void)unlink(path);
    meets(ERR_DNS, "nobody answered who knows names");
    works();
    (void)close(nobody);
}

/* ---- the line itself ---- */

/* Packets as they would be on a cable: the kernel does not join what it hands to itself. */
static void no_joined_packets(void)
{
    static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct ethtool_value off = { .cmd = commands[i] };
        struct ifreq request = { .ifr_name = "lo", .ifr_data = (char *)&off };
        cr_assert_eq(ioctl(fd, SIOCETHTOOL, &request), 0, "%m");
    }
    (void)close(fd);
}

Test(bad_link, large_packets_that_get_lost_are_replaced_by_smaller_ones)
{
    lose("length --length 701:65535");
    static char body[20000];
    no_joined_packets();
    memset(body, 'x', sizeof(body));
    serve_and_connect();
    for (int i = 0; i < 2; i++) { /* with the largest, and with those that fit in IPv6's 1280 bytes */
        ask();
        meets(ERR_SILENT, "large packets may get lost");
    }
    world_ask(&world, "/", slice_of(body, sizeof(body)));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert(world.result.small_packets);
    cr_assert_eq(world.result.body.len, sizeof(body));
}

static void ordinary_packets(void)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_mtu = 1500 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(ioctl(fd, SIOCSIFMTU, &request), 0, "%m");
    (void)close(fd);
    no_joined_packets();
}

Test(bad_link, a_line_that_loses_one_packet_in_ten_carries_everything)
{
    lose("statistic --mode random --probability 0.1");
    static char body[BODY_MAX];
    memset(body, 'x', sizeof(body));
    ordinary_packets();
    serve_and_connect();
    int64_t began_ms = clock_monotonic_ms();
    for (int tries = 0, done = 0; done < 4; tries++) { /* what breaks all the same is tried again, as the agent does */
        cr_assert_lt(tries, 8, "%s", world.result.error.message);
        world_ask(&world, "/", slice_of(body, sizeof(body)));
        done += world.result.outcome == ERR_OK && world.result.body.len == sizeof(body);
    }
    printf("4 times 64 KiB and back: %lld ms\n", (long long)(clock_monotonic_ms() - began_ms));
}

static void line(const char *what)
{
    char command[160];
    (void)snprintf(command, sizeof(command), "tc qdisc %s 2>/dev/null", what);
    if (system(command) != 0) {
        cr_skip_test("no line can be made slow here: is tc installed?");
    }
}

/* The client's connection, which is kept. */
static int connection(void)
{
    const int port = atoi(strrchr(world.base, ':') + 1);
    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in peer = { 0 };
        socklen_t len = sizeof(peer);
        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port) {
            return fd;
        }
    }
    cr_assert_fail("the client keeps no connection");
    return -1;
}

static unsigned option(int name)
{
    unsigned value = 0;
    socklen_t len = sizeof(value);
    cr_assert_eq(getsockopt(connection(), SOL_SOCKET, name, &value, &len), 0);
    return value;
}

/* By its pace where the kernel has BBR, by its buffer elsewhere. */
static bool holds_back(void)
{
    return option(SO_MAX_PACING_RATE) < SEND_SLOW_BYTES_S * 2 || option(SO_SNDBUF) == 2 * SEND_AHEAD_BYTES;
}

Test(bad_link, over_a_slow_line_little_is_on_its_way_at_a_time_until_it_is_fast_again)
{
    static char body[SEND_TELLING_BYTES + 4096];
    memset(body, 'x', sizeof(body));
    own_network();
    ordinary_packets();
    serve_and_connect();
    ask();
    cr_assert(!holds_back());
    line("add dev lo root tbf rate 64kbit burst 1600 limit 30000");
    world_ask(&world, "/", slice_of(body, sizeof(body)));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert(holds_back());
    line("del dev lo root");
    ask(); /* says nothing of the line */
    cr_assert(holds_back());
    for (int tries = 0; tries < 5 && holds_back(); tries++) { /* each goes half as fast again */
        world_ask(&world, "/", slice_of(body, sizeof(body)));
        cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    }
    cr_assert(!holds_back());
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    (void)close(fd);
    return has;
}

Test(bad_link, a_network_of_ipv6_alone_is_enough)
{
    if (!has_ipv6()) {
        cr_skip_test("this machine has no IPv6");
    }
    party_fini(&world.server_party);
    party_make(world.ca, CERTIFICATE_ROLE_SERVER, "::1", -1, 30, &world.server_party);
    world_serve_on(&world, "::1", serve, NULL);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    works();
}
