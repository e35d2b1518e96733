#include "sync/edge/link_sense.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define GROUPS (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define DATAGRAMS_MAX 64 /* a wake; the rest at the next */

struct link_sense {
    struct mnl_socket *socket; /* NULL: no hints */
    uv_poll_t poll;
    uv_timer_t timer;
    int open_handles;
    void (*changed)(void *context);
    void *context;
};

/* ---- what the kernel says ---- */

static bool link_is_up(const struct nlmsghdr *message)
{
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
    return mnl_nlmsg_get_payload_len(message) >= sizeof(*link) && (link->ifi_flags & IFF_LOOPBACK) == 0 &&
           (link->ifi_flags & IFF_RUNNING) != 0;
}

static bool route_leads_out(const struct nlmsghdr *message)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    return mnl_nlmsg_get_payload_len(message) >= sizeof(*route) && route->rtm_type == RTN_UNICAST &&
           route->rtm_table != RT_TABLE_LOCAL;
}

static bool address_leads_out(const struct nlmsghdr *message)
{
    const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);
    return mnl_nlmsg_get_payload_len(message) >= sizeof(*address) && address->ifa_scope != RT_SCOPE_HOST;
}

bool link_sense_is_news(const void *datagram, size_t len)
{
    int left = len <= INT_MAX ? (int)len : 0;
    for (const struct nlmsghdr *message = datagram; mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
        if ((message->nlmsg_type == RTM_NEWLINK && link_is_up(message)) ||
            (message->nlmsg_type == RTM_NEWADDR && address_leads_out(message)) ||
            (message->nlmsg_type == RTM_NEWROUTE && route_leads_out(message))) {
            return true;
        }
    }
    return false;
}

/* ---- on the loop ---- */

static void on_quiet(uv_timer_t *timer)
{
    struct link_sense *sense = timer->data;
    sense->changed(sense->context);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct link_sense *sense = poll->data;
    _Alignas(struct nlmsghdr) char datagram[8192];
    bool news = false;
    for (int i = 0; i < DATAGRAMS_MAX; i++) {
        ssize_t len = mnl_socket_recvfrom(sense->socket, datagram, sizeof(datagram));
        if (len < 0) {
            news = news || errno == ENOBUFS || errno == ENOSPC; /* something was missed: it may have been news */
            if (errno == EAGAIN || errno == EBADF) {
                break;
            }
        } else {
            news = news || link_sense_is_news(datagram, (size_t)len);
        }
    }
    if (news && !uv_is_active((uv_handle_t *)&sense->timer)) {
        CHECK(uv_timer_start(&sense->timer, on_quiet, LINK_SENSE_QUIET_MS, 0) == 0);
    }
}

static bool listen_to_kernel(struct link_sense *sense, uv_loop_t *loop)
{
    sense->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (sense->socket == NULL) {
        return false;
    }
    if (mnl_socket_bind(sense->socket, GROUPS, MNL_SOCKET_AUTOPID) < 0 ||
        uv_poll_init(loop, &sense->poll, mnl_socket_get_fd(sense->socket)) != 0) {
        (void)mnl_socket_close(sense->socket);
        sense->socket = NULL;
        return false;
    }
    sense->open_handles++;
    sense->poll.data = sense;
    return uv_poll_start(&sense->poll, UV_READABLE, on_poll) == 0;
}

enum err_code link_sense_start(uv_loop_t *loop, void (*changed)(void *context), void *context,
                               struct link_sense **ret_sense, struct error *err)
{
    struct link_sense *sense = calloc(1, sizeof(*sense));
    if (sense == NULL) {
        return FAIL(err, NO_MEMORY, "listen for network changes");
    }
    sense->changed = changed;
    sense->context = context;
    CHECK(uv_timer_init(loop, &sense->timer) == 0);
    sense->open_handles = 1;
    sense->timer.data = sense;
    if (!listen_to_kernel(sense, loop)) {
        LOG_WARNING("network_hints_off", "cause=\"%s\"", strerror(errno));
    }
    *ret_sense = sense;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct link_sense *sense = handle->data;
    if (--sense->open_handles > 0) {
        return;
    }
    if (sense->socket != NULL) {
        (void)mnl_socket_close(sense->socket);
    }
    free(sense);
}

void link_sense_stop(struct link_sense *sense)
{
    if (sense == NULL) {
        return;
    }
    if (sense->socket != NULL) {
        uv_close((uv_handle_t *)&sense->poll, on_closed);
    }
    uv_close((uv_handle_t *)&sense->timer, on_closed);
}
