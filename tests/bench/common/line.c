#include "tests/bench/common/line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/common/bench.h"

enum { LANES_MAX = 1024, PIECE = 1400, QUEUE = 64, TICK_MS = 20 };

#define NS_PER_MS INT64_C(1000000)

struct piece {
    int64_t due_ns;
    size_t len;
    char bytes[PIECE];
};

struct lane { /* one direction of a connection */
    struct line *line;
    pthread_t thread;
    int from;
    int to;
    bool up;
    int64_t born_ns;
    int64_t ready_ns; /* the connection is there */
    uint64_t passed;
    bool ended; /* nothing more comes */
    size_t first;
    size_t count;
    struct piece queue[QUEUE];
};

struct line {
    struct line_quality quality;
    int listener;
    uint16_t target_port;
    pthread_t thread;
    pthread_mutex_t mutex;
    int64_t free_ns[2]; /* when the line can carry the next piece; down, up */
    struct line_count count;
    atomic_bool stopping;
    struct lane *lanes[LANES_MAX];
    size_t lane_count;
};

/* When the piece has arrived. */
static int64_t carry(struct lane *lane, size_t len)
{
    struct line *line = lane->line;
    const struct line_quality *quality = &line->quality;
    int64_t now_ns = bench_now_ns();
    (void)pthread_mutex_lock(&line->mutex);
    int64_t *free_ns = &line->free_ns[lane->up];
    int64_t begin_ns = *free_ns > now_ns ? *free_ns : now_ns;
    begin_ns = begin_ns > lane->ready_ns ? begin_ns : lane->ready_ns;
    *free_ns =
        begin_ns +
        (quality->bytes_per_s > 0 ? (int64_t)((double)len * 1000.0 * (double)NS_PER_MS / quality->bytes_per_s) : 0);
    int64_t due_ns = *free_ns + quality->delay_ms * NS_PER_MS;
    (void)pthread_mutex_unlock(&line->mutex);
    return due_ns;
}

static bool life_is_over(const struct lane *lane)
{
    const struct line_quality *quality = &lane->line->quality;
    bool old = quality->life_ms > 0 && bench_now_ns() - lane->born_ns > quality->life_ms * NS_PER_MS;
    return old || (lane->up && quality->life_bytes > 0 && lane->passed >= quality->life_bytes);
}

static void take(struct lane *lane)
{
    struct piece *piece = &lane->queue[(lane->first + lane->count) % QUEUE];
    ssize_t got = recv(lane->from, piece->bytes, PIECE, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        lane->ended = true;
        return;
    }
    piece->len = (size_t)got;
    piece->due_ns = carry(lane, piece->len);
    lane->passed += piece->len;
    lane->count++;
}

static bool give(struct lane *lane)
{
    struct piece *piece = &lane->queue[lane->first];
    struct line *line = lane->line;
    for (size_t sent = 0; sent < piece->len;) {
        ssize_t put = send(lane->to, piece->bytes + sent, piece->len - sent, MSG_NOSIGNAL);
        if (put <= 0) {
            return false;
        }
        sent += (size_t)put;
    }
    lane->first = (lane->first + 1) % QUEUE;
    lane->count--;
    (void)pthread_mutex_lock(&line->mutex);
    line->count.last_ns = bench_now_ns();
    *(lane->up ? &line->count.bytes_up : &line->count.bytes_down) += piece->len;
    (void)pthread_mutex_unlock(&line->mutex);
    return true;
}

static int next_ms(const struct lane *lane)
{
    int64_t left_ms = lane->count > 0 ? (lane->queue[lane->first].due_ns - bench_now_ns()) / NS_PER_MS : TICK_MS;
    return left_ms < 0 ? 0 : left_ms < TICK_MS ? (int)left_ms : TICK_MS;
}

static void *work(void *context)
{
    struct lane *lane = context;
    bool alive = true;
    while (alive && !atomic_load(&lane->line->stopping) && !life_is_over(lane) && !(lane->ended && lane->count == 0)) {
        bool room = lane->count < QUEUE && !lane->ended;
        struct pollfd in = { .fd = room ? lane->from : -1, .events = POLLIN };
        if (poll(&in, 1, next_ms(lane)) > 0) {
            take(lane);
        }
        while (alive && lane->count > 0 && lane->queue[lane->first].due_ns <= bench_now_ns()) {
            alive = give(lane);
        }
    }
    (void)shutdown(lane->to, SHUT_RDWR);
    (void)shutdown(lane->from, SHUT_RDWR);
    (void)pthread_mutex_lock(&lane->line->mutex);
    lane->line->free_ns[lane->up] = bench_now_ns(); /* what was still to go went with it */
    (void)pthread_mutex_unlock(&lane->line->mutex);
    return NULL;
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void lane_start(struct line *line, int from, int to, bool up)
{
    struct lane *lane = calloc(1, sizeof(*lane));
    CHECK(lane != NULL && line->lane_count < LANES_MAX);
    lane->line = line;
    lane->from = from;
    lane->to = to;
    lane->up = up;
    lane->born_ns = bench_now_ns();
    lane->ready_ns = lane->born_ns + 2 * line->quality.delay_ms * NS_PER_MS;
    line->lanes[line->lane_count++] = lane;
    CHECK(pthread_create(&lane->thread, NULL, work, lane) == 0);
}

static void *accept_all(void *context)
{
    struct line *line = context;
    for (;;) {
        int near = accept4(line->listener, NULL, NULL, SOCK_CLOEXEC);
        if (near < 0 && errno == EINTR) {
            continue;
        }
        if (near < 0) {
            return NULL; /* line_stop shut it */
        }
        struct sockaddr_in address = loopback(line->target_port);
        int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int on = 1;
        int small = 4096; /* what the sender believes to be on its way is on the line, not in this machine */
        (void)setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (line->quality.bytes_per_s > 0) {
            (void)setsockopt(near, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        }
        (void)setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(far, (struct sockaddr *)&address, sizeof(address)) != 0) {
            bench_die("connect to the centre: %s", strerror(errno));
        }
        (void)pthread_mutex_lock(&line->mutex);
        line->count.connections++;
        line->count.first_ns = line->count.first_ns != 0 ? line->count.first_ns : bench_now_ns();
        (void)pthread_mutex_unlock(&line->mutex);
        lane_start(line, near, far, true);
        lane_start(line, far, near, false);
    }
}

struct line *line_start(uint16_t port, uint16_t target_port, const struct line_quality *quality)
{
    struct line *line = calloc(1, sizeof(*line));
    struct sockaddr_in address = loopback(port);
    int on = 1;
    CHECK(line != NULL && pthread_mutex_init(&line->mutex, NULL) == 0);
    line->quality = *quality;
    line->target_port = target_port;
    line->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->listener < 0 || setsockopt(line->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(line->listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(line->listener, 16) != 0) {
        bench_die("listen on port %u: %s", port, strerror(errno));
    }
    CHECK(pthread_create(&line->thread, NULL, accept_all, line) == 0);
    return line;
}

void line_count(struct line *line, struct line_count *ret_count)
{
    (void)pthread_mutex_lock(&line->mutex);
    *ret_count = line->count;
    (void)pthread_mutex_unlock(&line->mutex);
}

void line_stop(struct line *line)
{
    (void)shutdown(line->listener, SHUT_RDWR);
    (void)pthread_join(line->thread, NULL);
    (void)close(line->listener);
    atomic_store(&line->stopping, true);
    for (size_t i = 0; i < line->lane_count; i++) {
        (void)pthread_join(line->lanes[i]->thread, NULL);
    }
    for (size_t i = 0; i < line->lane_count; i++) {
        (void)close(line->lanes[i]->from); /* every descriptor is one lane's `from` */
        free(line->lanes[i]);
    }
    (void)pthread_mutex_destroy(&line->mutex);
    free(line);
}
