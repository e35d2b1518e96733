/* A bad network below TLS: refused, cut, slow, half-open, garbled, played again. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/proxy.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000
#define STALL_MS 50000 /* a link without a byte is given up after 30 s */
#define PARTS 5

static struct world world;
static struct proxy *proxy;
static struct laptop *laptop;
static int recorded;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    proxy = proxy_start(world.centre.port);
    laptop = laptop_make(&world, "laptop", true);
    laptop_stop(laptop);
    laptop_set_config(laptop,
                      "[link]\nwait = no\n"); /* each connection is of one exchange, so that bytes can be told */
    laptop_start(laptop);
    laptop_enrol(laptop, "Garden", proxy_port(proxy));
    site_import_people(laptop, "GDN", 3);
    laptop_wait_synchronised(laptop, SYNC_MS);
    recorded = 0;
}

static void teardown(void)
{
    world_fini(&world);
    proxy_stop(proxy);
}

TestSuite(network, .init = setup, .fini = teardown, .timeout = 120);

/* Another session each time; the answer comes only after it is on disk. */
static void record_one(void)
{
    char session[SITE_TEXT_SIZE];
    recorded++;
    session_name("GDN", 1, recorded, session);
    site_attend(laptop, session, "attended", NULL);
}

static void set_faults(const struct proxy_faults *faults)
{
    proxy_set(proxy, faults);
    proxy_cut_all(proxy); /* so that counts begin with a connection that the fault sees whole */
}

static void all_is_there_once(void)
{
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", "--limit", "1000", NULL);
    cr_assert_eq((int)json_array_size(json_at(log, "entries")), recorded);
    cr_assert_eq(number_at(laptop_status(laptop), "records.attendance"), recorded);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

/* The fault was met: the laptop says so, nothing is acknowledged that is not at the centre, and it tries again. */
static void fails_for_now(const char *result)
{
    struct proxy_counts before;
    struct proxy_counts after;
    proxy_counts(proxy, &before);
    record_one();
    laptop_wait_text(laptop, "last_exchange.result", result, SYNC_MS);
    json_t *status = laptop_status(laptop);
    cr_assert_gt(number_at(status, "pending_ops"), 0);
    cr_assert_str_neq(text_at(status, "state"), "synchronised");
    proxy_counts(proxy, &after);
    cr_assert(after.faults > before.faults, "the fault was never met");
}

static void heals(void)
{
    proxy_set(proxy, NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

/* What an exchange of one record over a new connection takes, handshake included. */
static void measure(uint64_t *ret_up, uint64_t *ret_down)
{
    struct proxy_counts before;
    struct proxy_counts after;
    proxy_cut_all(proxy);
    proxy_counts(proxy, &before);
    record_one();
    laptop_wait_synchronised(laptop, SYNC_MS);
    proxy_counts(proxy, &after);
    *ret_up = after.bytes_up - before.bytes_up;
    *ret_down = after.bytes_down - before.bytes_down;
    cr_assert(*ret_up > 300 && *ret_down > 300);
}

Test(network, a_refused_connection_is_said_and_tried_again)
{
    proxy_set(proxy, &(struct proxy_faults){ .refuse = true });
    record_one();
    laptop_wait_text(laptop, "state", "offline", SYNC_MS);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "last_exchange.result"), "network");
    cr_assert(text_holds(status, "message", "reach the centre"), "%s", text_at(status, "message"));
    cr_assert_eq(number_at(status, "pending_ops"), 1);
    cr_assert_neq(text_at(status, "next_try_at")[0], '\0');
    heals();
    all_is_there_once();
}

Test(network, a_request_cut_anywhere_is_sent_again)
{
    uint64_t up;
    uint64_t down;
    measure(&up, &down);
    for (uint64_t part = 1; part < PARTS; part++) {
        set_faults(&(struct proxy_faults){ .cut_up_at = up * part / PARTS });
        fails_for_now("network");
        heals();
    }
    all_is_there_once();
}

/* Notes that do not compress: 40 KB and more, of which a connection bears 8. Returns the bytes that it took. */
static uint64_t sent_over_a_line_that_breaks(bool unseen)
{
    struct proxy_counts before;
    struct proxy_counts after;
    proxy_counts(proxy, &before);
    set_faults(&(struct proxy_faults){ .cut_up_at = 8000, .cut_unseen = unseen });
    (void)site_import_register(laptop, &(struct site_register){ "GDN", 3, 160, 160, true });
    recorded = 480;
    laptop_wait_synchronised(laptop, STALL_MS);
    proxy_counts(proxy, &after);
    uint64_t sent = after.bytes_up - before.bytes_up;
    printf("%llu bytes up over %llu connections\n", (unsigned long long)sent,
           (unsigned long long)(after.connections - before.connections));
    cr_assert_gt(after.faults, before.faults + 3, "the line hardly ever broke");
    heals();
    all_is_there_once();
    return sent;
}

Test(network, what_arrived_before_a_cut_is_not_sent_again)
{
    /* each break: a handshake, a question, and half a TLS record */
    cr_assert_lt(sent_over_a_line_that_breaks(true), 100000);
}

/* What the centre had not read when the reset came is lost there: how much that is, is chance. */
Test(network, a_line_that_is_reset_again_and_again_bears_all_in_the_end)
{
    cr_assert_lt(sent_over_a_line_that_breaks(false), 300000);
}

Test(network, an_answer_cut_anywhere_loses_and_doubles_nothing)
{
    uint64_t up;
    uint64_t down;
    measure(&up, &down);
    for (uint64_t part = 1; part <= PARTS; part++) {
        set_faults(&(struct proxy_faults){ .cut_down_at = part < PARTS ? down * part / PARTS : down - 200 });
        fails_for_now("network");
        heals();
    }
    all_is_there_once();
}

Test(network, an_answer_that_ends_early_is_no_answer)
{
    uint64_t up;
    uint64_t down;
    measure(&up, &down);
    for (uint64_t part = 1; part < PARTS; part++) {
        set_faults(&(struct proxy_faults){ .end_down_at = down * part / PARTS });
        fails_for_now("network");
        heals();
    }
    all_is_there_once();
}

Test(network, garbled_bytes_are_noticed_either_way)
{
    uint64_t up;
    uint64_t down;
    measure(&up, &down);
    for (uint64_t part = 1; part < PARTS; part++) {
        set_faults(&(struct proxy_faults){ .garble_down_at = down * part / PARTS });
        fails_for_now("network");
        heals();
        set_faults(&(struct proxy_faults){ .garble_up_at = up * part / PARTS });
        fails_for_now("network");
        heals();
    }
    all_is_there_once();
}

Test(network, a_slow_link_only_takes_longer)
{
    set_faults(&(struct proxy_faults){ .delay_ms = 150, .bytes_per_s = 1500 });
    (void)site_import_register(laptop, &(struct site_register){ "GDN", 3, 20, 20, true });
    recorded = 60;
    laptop_wait_text(laptop, "state", "synchronising", SYNC_MS);
    laptop_wait_synchronised(laptop, STALL_MS);
    json_t *status = laptop_status(laptop);
    cr_assert_gt(number_at(status, "last_exchange.duration_ms"), 1000);
    heals();
    all_is_there_once();
}

Test(network, a_link_that_goes_silent_is_given_up_and_recording_goes_on)
{
    proxy_set(proxy, &(struct proxy_faults){ .silent = true }); /* the connection that is kept open dies unseen */
    record_one();
    laptop_wait_text(laptop, "state", "synchronising", SYNC_MS);
    record_one();
    cr_assert_str_eq(text_at(laptop_status(laptop), "state"), "synchronising", "recording waits for the network");
    laptop_wait_text(laptop, "last_exchange.result", "silent", STALL_MS);
    cr_assert(text_holds(laptop_status(laptop), "last_exchange.message", "nothing came for too long"), "%s",
              text_at(laptop_status(laptop), "last_exchange.message"));
    heals();
    all_is_there_once();
}

/* To the centre, until it closes or has had a second. */
static void play(struct slice bytes)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(world.centre.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval second = { .tv_sec = 1 };
    char answer[4096];
    SCOPED(scoped_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)), 0);
    cr_assert_gt(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL), 0);
    while (recv(fd, answer, sizeof(answer), 0) > 0) {
    }
}

Test(network, what_was_listened_to_cannot_be_played_again)
{
    uint64_t up;
    uint64_t down;
    SCOPED(buf_fini) struct buf heard;
    buf_init(&heard, 1024 * 1024);
    measure(&up, &down);
    cr_assert(proxy_last_up(proxy, &heard));
    json_t *before = centre_do(&world.centre, EXIT_DONE, "log", NULL);
    for (int i = 0; i < 3; i++) {
        play(buf_slice(&heard));
    }
    cr_assert(json_equal(before, centre_do(&world.centre, EXIT_DONE, "log", NULL)));
    record_one();
    laptop_wait_synchronised(laptop, SYNC_MS);
    all_is_there_once();
}
