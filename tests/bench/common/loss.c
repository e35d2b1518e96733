#include "tests/bench/common/loss.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/common/bench.h"

#define PACKET_BYTES 1500

static bool own_network; /* this process and what it starts have one */

/* Packets as they would be on a cable: the kernel does not join what it hands to itself. */
static bool no_joined_packets(int fd)
{
    static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct ethtool_value off = { .cmd = commands[i] };
        struct ifreq request = { .ifr_name = "lo", .ifr_data = (char *)&off };
        ok = ok && ioctl(fd, SIOCETHTOOL, &request) == 0;
    }
    return ok;
}

void loss_enter(void)
{
    struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    struct ifreq packets = { .ifr_name = "lo", .ifr_mtu = PACKET_BYTES };
    int fd = unshare(CLONE_NEWNET) == 0 ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    own_network =
        fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &up) == 0 && ioctl(fd, SIOCSIFMTU, &packets) == 0 && no_joined_packets(fd);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static bool tool(const char *format, ...) PRINTF_LIKE(1, 2);
static bool tool(const char *format, ...)
{
    char command[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return system(command) == 0;
}

/* Only packets from and to `port` go over it; 20 of them wait, each by itself: TCP hands several over as one otherwise,
 * and a device that cannot take them has them cut behind the queue. Reno, as which CUBIC behaves on a line that carries
 * few packets at a time (RFC 9438, 4.3). */
bool loss_begin(const struct loss *loss, uint16_t port)
{
    bool ok = own_network && tool("ip link set lo gso_max_segs 1") &&
              tool("sysctl -q -w net.ipv4.tcp_congestion_control=reno") &&
              tool("tc qdisc add dev lo root handle 1: htb");
    static const char *const ways[] = { "dport", "sport" };
    for (unsigned i = 0; ok && i < ARRAY_LEN(ways); i++) {
        ok = tool("tc class add dev lo parent 1: classid 1:%u htb rate %ukbit burst 1600 cburst 1600 quantum 1600",
                  i + 1, loss->kbit) &&
             tool("tc qdisc add dev lo parent 1:%u pfifo limit 20", i + 1) &&
             tool("iptables -t mangle -A POSTROUTING -p tcp --%s %u -j CLASSIFY --set-class 1:%u", ways[i], port,
                  i + 1) &&
             (loss->share == NULL ||
              tool("iptables -A INPUT -p tcp --%s %u -m statistic --mode random --probability %s -j DROP", ways[i],
                   port, loss->share));
    }
    return ok;
}

void loss_end(void)
{
    if (!tool("iptables -t mangle -F && iptables -F && tc qdisc del dev lo root")) {
        bench_die("take the lossy line away");
    }
}
