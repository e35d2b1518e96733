/* Networks that are ill below TCP: each is named in `holdfast status` with what to do, and left behind once it is well.
 */
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/namespace.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 60000
#define NAME "centre.example"

static struct world world;
static struct laptop *laptop;
static bool own_network;

static void setup(void)
{
    char why[128];
    own_network = namespace_enter(why, sizeof(why));
    if (!own_network) {
        cr_skip_test("%s", why);
    }
    world_init(&world);
}

static void teardown(void)
{
    if (own_network) {
        world_fini(&world);
    }
}

TestSuite(sick_network, .init = setup, .fini = teardown, .timeout = 180);

static void site_at(const char *name, const char *address)
{
    centre_make_at(&world, name, address);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
}

static void enrolled_at(const char *host, const char *settings)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "https://%s:%u", host, world.centre.port);
    laptop = laptop_make(&world, "laptop", true);
    laptop_stop(laptop);
    laptop_set_config(laptop, settings);
    laptop_start(laptop);
    laptop_enrol_at(laptop, "Garden", url);
    site_import_people(laptop, "GDN", 1);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

static void record_one(int days_ago)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, days_ago, session);
    site_attend(laptop, session, "attended", NULL);
}

static bool says_offline(const char *words)
{
    json_t *status = laptop_status(laptop);
    return strcmp(text_at(status, "state"), "offline") == 0 && text_holds(status, "message", words);
}

/* The status names what is wrong and what to do; what was recorded meanwhile waits. */
static void is_named(const char *result, const char *words)
{
    laptop_wait_text(laptop, "last_exchange.result", result, SYNC_MS);
    json_t *status = laptop_status(laptop);
    cr_assert(text_holds(status, "last_exchange.message", words), "%s", text_at(status, "last_exchange.message"));
    cr_assert_gt(number_at(status, "pending_ops"), 0);
    WAIT_UNTIL(says_offline(words), SYNC_MS); /* between two tries */
}

static void recovers(void)
{
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", NULL);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "last_exchange.result"), "ok");
    cr_assert_eq(number_at(status, "pending_ops"), 0);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

/* ---- names ---- */

static void instead_of(const char *path, const char *name, const char *text, char ret_file[FOLDER_PATH_SIZE])
{
    (void)world_file(&world, name, text, ret_file);
    cr_assert_eq(mount(ret_file, path, NULL, MS_BIND, NULL), 0, "%s: %m", path);
}

/* A name service that is there and never answers. */
static int silent_name_service(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53) };
    cr_assert_eq(inet_pton(AF_INET, "127.0.0.2", &address.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%m");
    return fd;
}

/* In place: what is mounted elsewhere is this very file. */
static void rewrite(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

Test(sick_network, a_name_service_that_never_answers)
{
    char hosts[FOLDER_PATH_SIZE];
    char resolver[FOLDER_PATH_SIZE];
    instead_of("/etc/hosts", "hosts", "127.0.0.1 " NAME "\n", hosts);
    instead_of("/etc/resolv.conf", "resolv.conf", "nameserver 127.0.0.2\noptions timeout:30\n", resolver);
    SCOPED(scoped_close) int nobody = silent_name_service();
    cr_assert_geq(nobody, 0);
    site_at(NAME, "127.0.0.1");
    enrolled_at(NAME, "");
    rewrite(hosts, "");
    laptop_stop(laptop); /* it knows the address no more, and has no connection */
    laptop_start(laptop);
    record_one(1);
    is_named("dns", "name service is out of order");
    rewrite(hosts, "127.0.0.1 " NAME "\n");
    recovers();
}

/* ---- packets ---- */

/* Rules of iptables for what arrives at or comes from the centre. */
static void rules(const char *add_or_remove, const char *which)
{
    static const char *const ends[] = { "--dport", "--sport" };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char command[200];
        (void)snprintf(command, sizeof(command), "iptables %s INPUT -p tcp %s %u %s -j DROP 2>/dev/null", add_or_remove,
                       ends[i], world.centre.port, which);
        if (system(command) != 0) {
            cr_skip_test("no packets can be lost here: is iptables installed?");
        }
    }
}

/* Packets as they would be on a cable: the kernel does not join what it hands to itself. */
static void no_joined_packets(void)
{
    static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO };
    SCOPED(scoped_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct ethtool_value off = { .cmd = commands[i] };
        struct ifreq request = { .ifr_name = "lo", .ifr_data = (char *)&off };
        cr_assert_eq(ioctl(fd, SIOCETHTOOL, &request), 0, "%m");
    }
}

Test(sick_network, large_packets_that_get_lost_without_a_word)
{
    no_joined_packets();
    site_at("127.0.0.1", "127.0.0.1");
    enrolled_at("127.0.0.1", "");
    rules("-A", "-m length --length 701:65535");
    laptop_stop(laptop); /* the next connection is a new one */
    laptop_start(laptop);
    record_one(1);
    is_named("silent", "large packets may get lost on this network");
    laptop_wait_number(laptop, "pending_ops", 0, 2 * SYNC_MS); /* by itself, with smaller ones */
    json_t *status = laptop_status(laptop);
    cr_assert(true_at(status, "small_packets"));
    cr_assert(text_holds(status, "message", "MTU"), "%s", text_at(status, "message"));
    rules("-D", "-m length --length 701:65535");
    record_one(2);
    recovers();
}

Test(sick_network, a_peer_that_vanishes_without_a_word)
{
    site_at("127.0.0.1", "127.0.0.1");
    enrolled_at("127.0.0.1", "[link]\nwait = no\n"); /* its connection stays open, for the next exchange */
    rules("-A", "");
    record_one(1);
    is_named("silent", "nothing came for too long");
    rules("-D", "");
    recovers();
}

/* ---- IPv6 alone ---- */

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    SCOPED(scoped_close) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

Test(sick_network, a_network_of_ipv6_alone_is_not_ill)
{
    if (!has_ipv6()) {
        world_fini(&world);
        cr_skip_test("this machine has no IPv6");
    }
    site_at("::1", "::1");
    cr_assert_eq(system("ip address del 127.0.0.1/8 dev lo"), 0);
    cr_assert_neq(system("ip -4 address show | grep -q inet"), 0);
    enrolled_at("[::1]", "");
    WAIT_UNTIL(true_at(laptop_status(laptop), "waiting"), SYNC_MS);
    record_one(1);
    recovers();
    cr_assert_str_eq(text_at(laptop_status(laptop), "state"), "synchronised");
    cr_assert(text_holds(laptop_status(laptop), "endpoint", "https://[::1]:"));
}
