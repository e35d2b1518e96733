#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/wait.h"

#define LINKS_MAX 64
#define PIECE_MAX 16384
#define TICK_MS 10
#define KEPT_UP_MAX ((size_t)4 * 1024 * 1024)

/*
 * One direction: at most one piece is held at a time.
 *
 *     from ── read, counted, spoilt ──► piece, until ready_at_ms ──► to
 */
struct lane {
    uint8_t piece[PIECE_MAX];
    size_t len;
    size_t written;
    int64_t ready_at_ms;
    uint64_t passed; /* bytes read since the connection began */
    bool from_ended; /* FIN seen */
    bool to_ended;   /* FIN passed on */
    bool then_cut;   /* when the piece is written */
    bool unseen;     /* by the centre */
    bool then_end;
};

struct link {
    bool used;
    int client; /* -1: cut, and the centre does not know */
    int centre; /* -1: not connected (accepted while silent) */
    bool newest;
    struct buf *kept; /* what it sends up; NULL: nobody asked */
    struct lane up;
    struct lane down;
};

struct proxy {
    pthread_t thread;
    pthread_mutex_t mutex; /* everything below */
    bool stop;
    int listener; /* -1: refusing */
    int wake;
    uint16_t port;
    uint16_t target_port;
    struct proxy_faults faults;
    struct proxy_counts counts;
    struct buf last_up;
    bool keeping;
    bool lost; /* something that was to be kept */
    struct buf kept[PROXY_KEPT_MAX];
    size_t kept_count;
    struct link links[LINKS_MAX];
};

/* ---- sockets ---- */

static int tcp_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* -1 when it does not work. */
static int listen_on(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int on = 1;
    int fd = tcp_socket();
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 32) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = tcp_socket();
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void close_with_reset(int fd)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        (void)close(fd);
    }
}

static void link_cut(struct link *link)
{
    close_with_reset(link->client);
    close_with_reset(link->centre);
    link->used = false;
}

static void link_close(struct link *link)
{
    (void)close(link->client);
    if (link->centre >= 0) {
        (void)close(link->centre);
    }
    link->used = false;
}

/* ---- one piece ---- */

static void spoil(struct proxy *proxy, struct lane *lane, uint64_t from)
{
    uint64_t begin = lane->passed;
    if (from == 0 || begin + lane->len <= from) {
        return;
    }
    for (size_t i = from > begin ? (size_t)(from - begin) : 0; i < lane->len; i++) {
        lane->piece[i] ^= 0x55;
    }
    proxy->counts.faults++;
}

/* Shortens the piece so that exactly `at` bytes pass; true when this is where it ends. */
static bool reaches(struct proxy *proxy, struct lane *lane, uint64_t at)
{
    if (at == 0 || lane->passed + lane->len < at) {
        return false;
    }
    lane->len = at > lane->passed ? (size_t)(at - lane->passed) : 0;
    proxy->counts.faults++;
    return true;
}

static void apply_faults(struct proxy *proxy, struct link *link, struct lane *lane)
{
    const struct proxy_faults *faults = &proxy->faults;
    bool up = lane == &link->up;
    int64_t wait_ms = faults->delay_ms;
    spoil(proxy, lane, up ? faults->garble_up_at : faults->garble_down_at);
    lane->then_cut = reaches(proxy, lane, up ? faults->cut_up_at : faults->cut_down_at);
    lane->unseen = faults->cut_unseen;
    lane->then_end = !up && reaches(proxy, lane, faults->end_down_at);
    if (!up && faults->silent_down) {
        lane->len = 0;
    }
    if (faults->bytes_per_s > 0) {
        wait_ms += (int64_t)(lane->len * 1000 / faults->bytes_per_s);
    }
    lane->ready_at_ms = clock_monotonic_ms() + wait_ms;
}

/* At a trickle the pieces are small, so that something moves several times a second. */
static size_t piece_size(const struct proxy *proxy)
{
    size_t fifth = proxy->faults.bytes_per_s / 5;
    return proxy->faults.bytes_per_s == 0 || fifth > PIECE_MAX ? PIECE_MAX : fifth + 1;
}

static void lane_read(struct proxy *proxy, struct link *link, struct lane *lane, int from)
{
    ssize_t got = read(from, lane->piece, piece_size(proxy));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got < 0) {
        link_cut(link);
        return;
    }
    lane->len = (size_t)got;
    lane->written = 0;
    lane->from_ended = got == 0;
    if (lane == &link->up) {
        if (link->newest && buf_append(&proxy->last_up, lane->piece, lane->len, NULL) != ERR_OK) {
            link->newest = false; /* too much to keep */
            buf_clear(&proxy->last_up);
        }
        proxy->lost |= link->kept != NULL && buf_append(link->kept, lane->piece, lane->len, NULL) != ERR_OK;
        proxy->counts.bytes_up += lane->len;
    } else {
        proxy->counts.bytes_down += lane->len;
    }
    if (got > 0) {
        apply_faults(proxy, link, lane);
        lane->passed += (uint64_t)got;
    }
}

static bool holds_piece(const struct lane *lane)
{
    return lane->written < lane->len;
}

static void lane_write(struct link *link, struct lane *lane, int to)
{
    while (holds_piece(lane)) {
        ssize_t put = send(to, lane->piece + lane->written, lane->len - lane->written, MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (put < 0) {
            link_cut(link);
            return;
        }
        lane->written += (size_t)put;
    }
}

/* What comes once the piece is through: a cut, or an end passed on. */
static void lane_settle(struct link *link, struct lane *lane, int to)
{
    if (!link->used || holds_piece(lane) || lane->to_ended) {
        return;
    }
    if (lane->then_cut && lane->unseen) {
        close_with_reset(link->client);
        link->client = -1;
        link->up.to_ended = true;
    } else if (lane->then_cut) {
        link_cut(link);
    } else if (lane->from_ended || lane->then_end) {
        (void)shutdown(to, SHUT_WR);
        lane->to_ended = true;
        lane->from_ended = true;
    }
}

/* ---- the loop ---- */

static struct link *free_link(struct proxy *proxy)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (!proxy->links[i].used) {
            return &proxy->links[i];
        }
    }
    return NULL;
}

static void keep_connection(struct proxy *proxy, struct link *link)
{
    if (!proxy->keeping) {
        return;
    }
    if (proxy->kept_count == PROXY_KEPT_MAX) {
        proxy->lost = true;
        return;
    }
    link->kept = &proxy->kept[proxy->kept_count++];
    buf_init(link->kept, KEPT_UP_MAX);
}

static void take_connection(struct proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
        return;
    }
    struct link *link = free_link(proxy);
    int centre = link != NULL ? connect_to(proxy->target_port) : -1;
    if (centre < 0) {
        close_with_reset(client);
        return;
    }
    for (size_t i = 0; i < LINKS_MAX; i++) {
        proxy->links[i].newest = false;
    }
    buf_clear(&proxy->last_up);
    memset(link, 0, sizeof(*link));
    *link = (struct link){ .used = true, .client = client, .centre = centre, .newest = true };
    keep_connection(proxy, link);
    proxy->counts.connections++;
}

static bool ready(const struct lane *lane, int64_t now_ms)
{
    return holds_piece(lane) && now_ms >= lane->ready_at_ms;
}

static short wanted(const struct proxy *proxy, const struct lane *in, const struct lane *out, int64_t now_ms)
{
    short events = 0;
    if (!proxy->faults.silent && !holds_piece(in) && !in->from_ended && !in->then_cut && !in->then_end) {
        events |= POLLIN;
    }
    if (!proxy->faults.silent && ready(out, now_ms)) {
        events |= POLLOUT;
    }
    return events;
}

static void link_work(struct proxy *proxy, struct link *link, short client, short centre)
{
    int64_t now_ms = clock_monotonic_ms();
    if ((client & (POLLIN | POLLHUP | POLLERR)) && (wanted(proxy, &link->up, &link->down, now_ms) & POLLIN)) {
        lane_read(proxy, link, &link->up, link->client);
    }
    if (link->used && (centre & (POLLIN | POLLHUP | POLLERR)) &&
        (wanted(proxy, &link->down, &link->up, now_ms) & POLLIN)) {
        lane_read(proxy, link, &link->down, link->centre);
    }
    if (link->used && !proxy->faults.silent && ready(&link->up, clock_monotonic_ms())) {
        lane_write(link, &link->up, link->centre);
    }
    if (link->used && !proxy->faults.silent && ready(&link->down, clock_monotonic_ms())) {
        lane_write(link, &link->down, link->client);
    }
    lane_settle(link, &link->up, link->centre);
    lane_settle(link, &link->down, link->client);
    if (link->used && link->up.to_ended && link->down.to_ended) {
        link_close(link);
    }
}

static void obey(struct proxy *proxy)
{
    uint64_t count;
    (void)!read(proxy->wake, &count, sizeof(count));
    if (proxy->faults.refuse && proxy->listener >= 0) {
        (void)close(proxy->listener);
        proxy->listener = -1;
    } else if (!proxy->faults.refuse && proxy->listener < 0) {
        proxy->listener = listen_on(proxy->port);
    }
    for (size_t i = 0; proxy->faults.refuse && i < LINKS_MAX; i++) {
        if (proxy->links[i].used) {
            link_cut(&proxy->links[i]);
        }
    }
}

/* A link whose peer is gone reports POLLHUP for ever: it is asked about only when something is wanted of it. */
static void look_at(struct pollfd *fd, int number, short events)
{
    *fd = (struct pollfd){ .fd = events != 0 ? number : -1, .events = events };
}

static void turn(struct proxy *proxy)
{
    struct pollfd fds[2 + 2 * LINKS_MAX];
    int64_t now_ms = clock_monotonic_ms();
    look_at(&fds[0], proxy->wake, POLLIN);
    look_at(&fds[1], proxy->listener, proxy->listener >= 0 ? POLLIN : 0);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        const struct link *link = &proxy->links[i];
        look_at(&fds[2 + 2 * i], link->client, link->used ? wanted(proxy, &link->up, &link->down, now_ms) : 0);
        look_at(&fds[3 + 2 * i], link->centre, link->used ? wanted(proxy, &link->down, &link->up, now_ms) : 0);
    }
    (void)pthread_mutex_unlock(&proxy->mutex);
    (void)poll(fds, 2 + 2 * LINKS_MAX, TICK_MS);
    (void)pthread_mutex_lock(&proxy->mutex);
    if (fds[0].revents != 0) {
        obey(proxy);
    }
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (proxy->links[i].used) {
            link_work(proxy, &proxy->links[i], fds[2 + 2 * i].revents, fds[3 + 2 * i].revents);
        }
    }
    if (fds[1].revents != 0 && proxy->listener >= 0) {
        take_connection(proxy);
    }
}

static void *work(void *context)
{
    struct proxy *proxy = context;
    (void)pthread_mutex_lock(&proxy->mutex);
    while (!proxy->stop) {
        turn(proxy);
    }
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (proxy->links[i].used) {
            link_cut(&proxy->links[i]);
        }
    }
    (void)pthread_mutex_unlock(&proxy->mutex);
    return NULL;
}

/* ---- what the test says ---- */

static void wake(struct proxy *proxy)
{
    uint64_t one = 1;
    (void)!write(proxy->wake, &one, sizeof(one));
}

struct proxy *proxy_start(uint16_t target_port)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    cr_assert_not_null(proxy);
    buf_init(&proxy->last_up, KEPT_UP_MAX);
    proxy->target_port = target_port;
    proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    proxy->port = keep_port("127.0.0.1");
    proxy->listener = listen_on(proxy->port);
    cr_assert(proxy->wake >= 0 && proxy->listener >= 0, "start the proxy: %m");
    cr_assert_eq(pthread_mutex_init(&proxy->mutex, NULL), 0);
    cr_assert_eq(pthread_create(&proxy->thread, NULL, work, proxy), 0);
    return proxy;
}

void proxy_stop(struct proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->stop = true;
    (void)pthread_mutex_unlock(&proxy->mutex);
    wake(proxy);
    (void)pthread_join(proxy->thread, NULL);
    (void)pthread_mutex_destroy(&proxy->mutex);
    if (proxy->listener >= 0) {
        (void)close(proxy->listener);
    }
    (void)close(proxy->wake);
    buf_fini(&proxy->last_up);
    for (size_t i = 0; i < proxy->kept_count; i++) {
        buf_fini(&proxy->kept[i]);
    }
    free(proxy);
}

uint16_t proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

void proxy_set(struct proxy *proxy, const struct proxy_faults *faults)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->faults = faults != NULL ? *faults : (struct proxy_faults){ 0 };
    obey(proxy);
    bool obeyed = proxy->faults.refuse == (proxy->listener < 0);
    (void)pthread_mutex_unlock(&proxy->mutex);
    wake(proxy);
    cr_assert(obeyed, "listen again on port %u: %m", proxy->port);
}

static void cut_all(struct proxy *proxy)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (proxy->links[i].used) {
            link_cut(&proxy->links[i]);
        }
    }
}

void proxy_aim(struct proxy *proxy, uint16_t target_port)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->target_port = target_port;
    cut_all(proxy);
    (void)pthread_mutex_unlock(&proxy->mutex);
    wake(proxy);
}

void proxy_cut_all(struct proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    cut_all(proxy);
    (void)pthread_mutex_unlock(&proxy->mutex);
    wake(proxy);
}

void proxy_counts(struct proxy *proxy, struct proxy_counts *ret_counts)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    *ret_counts = proxy->counts;
    (void)pthread_mutex_unlock(&proxy->mutex);
}

bool proxy_last_up(struct proxy *proxy, struct buf *out)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    bool ok = proxy->last_up.len > 0 && buf_append(out, proxy->last_up.data, proxy->last_up.len, NULL) == ERR_OK;
    (void)pthread_mutex_unlock(&proxy->mutex);
    return ok;
}

void proxy_keep(struct proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->keeping = true;
    (void)pthread_mutex_unlock(&proxy->mutex);
}

bool proxy_kept_all(struct proxy *proxy)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    bool all = proxy->keeping && !proxy->lost;
    (void)pthread_mutex_unlock(&proxy->mutex);
    return all;
}

bool proxy_up(struct proxy *proxy, size_t connection, struct buf *out)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    bool found = connection < proxy->kept_count;
    if (found && buf_append(out, proxy->kept[connection].data, proxy->kept[connection].len, NULL) != ERR_OK) {
        proxy->lost = true;
    }
    (void)pthread_mutex_unlock(&proxy->mutex);
    return found;
}
