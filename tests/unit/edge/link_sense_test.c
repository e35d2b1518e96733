#include <criterion/criterion.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "sync/edge/link_sense.h"

static _Alignas(struct nlmsghdr) char datagram[256];

static size_t link_message(uint16_t type, unsigned flags)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(datagram);
    message->nlmsg_type = type;
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
    link->ifi_flags = flags;
    return message->nlmsg_len;
}

Test(link_sense, takes_a_link_that_runs_for_news)
{
    cr_assert(link_sense_is_news(datagram, link_message(RTM_NEWLINK, IFF_UP | IFF_RUNNING)));
    cr_assert_not(link_sense_is_news(datagram, link_message(RTM_NEWLINK, IFF_UP)));
    cr_assert_not(link_sense_is_news(datagram, link_message(RTM_NEWLINK, IFF_UP | IFF_RUNNING | IFF_LOOPBACK)));
    cr_assert_not(link_sense_is_news(datagram, link_message(RTM_DELLINK, IFF_UP | IFF_RUNNING)));
}

Test(link_sense, reads_no_further_than_the_datagram)
{
    size_t len = link_message(RTM_NEWLINK, IFF_UP | IFF_RUNNING);
    for (size_t cut = 0; cut < len; cut++) {
        cr_assert_not(link_sense_is_news(datagram, cut));
    }
    struct nlmsghdr *message = (struct nlmsghdr *)datagram;
    message->nlmsg_len = MNL_NLMSG_HDRLEN; /* says NEWLINK, holds none */
    cr_assert_not(link_sense_is_news(datagram, MNL_NLMSG_HDRLEN));
}

static int changes;

static void note_change(void *context)
{
    (void)context;
    changes++;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void run_for(uv_loop_t *loop, int64_t wait_ms)
{
    uv_timer_t timer;
    cr_assert(uv_timer_init(loop, &timer) == 0);
    cr_assert(uv_timer_start(&timer, on_tick, 20, 20) == 0);
    int64_t began = clock_monotonic_ms();
    while (clock_monotonic_ms() - began < wait_ms) {
        (void)uv_run(loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
}

/* A machine of our own, where a link can come up: needs the right to make a network namespace. */
static bool own_network(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 || unshare(CLONE_NEWNET) == 0;
}

static bool make_link(void)
{
    _Alignas(struct nlmsghdr) char request[512];
    struct mnl_socket *socket = mnl_socket_open(NETLINK_ROUTE);
    struct nlmsghdr *message = mnl_nlmsg_put_header(request);
    message->nlmsg_type = RTM_NEWLINK;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    mnl_attr_put_strz(message, IFLA_IFNAME, "test0");
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "dummy");
    mnl_attr_nest_end(message, info);
    cr_assert(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0);
    cr_assert(mnl_socket_sendto(socket, message, message->nlmsg_len) > 0);
    char answer[1024];
    ssize_t len = mnl_socket_recvfrom(socket, answer, sizeof(answer));
    const struct nlmsghdr *ack = (const struct nlmsghdr *)answer;
    const struct nlmsgerr *result = mnl_nlmsg_get_payload(ack);
    bool made = len > 0 && ack->nlmsg_type == NLMSG_ERROR && result->error == 0;
    (void)mnl_socket_close(socket);
    return made;
}

Test(link_sense, calls_once_for_a_burst_and_never_after_the_stop, .timeout = 60)
{
    uv_loop_t loop;
    struct error err;
    struct link_sense *sense = NULL;
    bool can = own_network();
    cr_assert(uv_loop_init(&loop) == 0);
    cr_assert(link_sense_start(&loop, note_change, NULL, &sense, &err) == ERR_OK);
    run_for(&loop, 700);
    cr_assert(changes == 0 || !can, "nothing changes in a network of its own");
    changes = 0;
    if (can && make_link()) { /* a link and its addresses and routes: several datagrams */
        for (int tries = 0; tries < 100 && changes == 0; tries++) {
            run_for(&loop, 200);
        }
        run_for(&loop, 1200);
        cr_assert_eq(changes, 1);
    }
    link_sense_stop(sense);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert(uv_loop_close(&loop) == 0);
}
