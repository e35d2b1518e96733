#include "tests/support/namespace.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOPBACK "lo"

/* ---- entering ---- */

static bool bring_up(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_UP };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    bool ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

bool namespace_enter(char *ret_why, size_t size)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) {
        (void)snprintf(ret_why, size, "only root has mounts and a network of its own: %s", strerror(errno));
        return false;
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        (void)snprintf(ret_why, size, "mounts cannot be kept to the test (is '/' a mount point here?): %s",
                       strerror(errno));
        return false;
    }
    cr_assert(bring_up(LOOPBACK), "bring the loopback device up: %m");
    return true;
}

/* ---- the network ---- */

/* Two network devices joined by a virtual cable. */
static void put_cable(struct nlmsghdr *message, const char *near_end, const char *far_end)
{
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
    link->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(message, IFLA_IFNAME, near_end);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
    (void)mnl_nlmsg_put_extra_header(message, sizeof(*link));
    mnl_attr_put_strz(message, IFLA_IFNAME, far_end);
    mnl_attr_nest_end(message, peer);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
}

static int take_answer(const struct nlmsghdr *message, void *data)
{
    (void)message;
    (void)data;
    return MNL_CB_OK;
}

void namespace_plug_in(void)
{
    static int plugged;
    char near_end[IFNAMSIZ];
    char far_end[IFNAMSIZ];
    char bytes[2048] = { 0 };
    struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
    (void)snprintf(near_end, sizeof(near_end), "near%d", plugged);
    (void)snprintf(far_end, sizeof(far_end), "far%d", plugged++);
    message->nlmsg_type = RTM_NEWLINK;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    message->nlmsg_seq = 1;
    put_cable(message, near_end, far_end);
    struct mnl_socket *kernel = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    cr_assert_not_null(kernel);
    cr_assert_geq(mnl_socket_bind(kernel, 0, MNL_SOCKET_AUTOPID), 0);
    cr_assert_geq(mnl_socket_sendto(kernel, message, message->nlmsg_len), 0);
    ssize_t got = mnl_socket_recvfrom(kernel, bytes, sizeof(bytes));
    cr_assert_geq(mnl_cb_run(bytes, (size_t)got, 1, mnl_socket_get_portid(kernel), take_answer, NULL), 0,
                  "make a network device: %m");
    (void)mnl_socket_close(kernel);
    cr_assert(bring_up(far_end) && bring_up(near_end), "bring '%s' up: %m", near_end);
}

/* ---- disks ---- */

void namespace_mount_disk(const char *folder, size_t bytes)
{
    char options[48];
    (void)snprintf(options, sizeof(options), "size=%zu,mode=0700", bytes);
    cr_assert(mkdir(folder, 0700) == 0 || errno == EEXIST, "make '%s': %m", folder);
    cr_assert_eq(mount("disk", folder, "tmpfs", MS_NOSUID | MS_NODEV, options), 0, "mount a disk on '%s': %m", folder);
}

void namespace_mount_read_only(const char *folder, bool read_only)
{
    unsigned long flags = MS_REMOUNT | MS_NOSUID | MS_NODEV | (read_only ? MS_RDONLY : 0UL);
    cr_assert_eq(mount("disk", folder, "tmpfs", flags, NULL), 0, "remount '%s': %m", folder);
}

void namespace_unmount(const char *folder)
{
    cr_assert_eq(umount2(folder, MNT_DETACH), 0, "unmount '%s': %m", folder);
}
