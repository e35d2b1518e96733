#include "sync/edge/http_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/edge/http_server_parts.h"
#include "sync/edge/listen.h"

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK"

/*
 * libmicrohttpd 0.9.75 asks to be run at once all through a TLS handshake that waits for the client. Whatever really
 * happens arrives by its epoll descriptor, so after this many runs at once it is asked less often.
 */
#define RUNS_AT_ONCE_MAX 64
#define RUNS_LATER_MS 20

static void on_timer(uv_timer_t *timer);
static void on_again(uv_idle_t *again);

void http_server_run_again(struct http_server *server)
{
    CHECK(uv_idle_start(&server->again, on_again) == 0);
}

/* At its limit MHD stops to listen; after a connection has ended it listens again only when it is run once more. */
static bool connection_ended(struct http_server *server)
{
    unsigned before = server->connections;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    server->connections = info != NULL ? info->num_connections : 0;
    return server->connections < before;
}

static void run(struct http_server *server)
{
    if (server->stopping) {
        return;
    }
    MHD_UNSIGNED_LONG_LONG delay_ms = 0;
    CHECK(uv_timer_stop(&server->timer) == 0 && uv_idle_stop(&server->again) == 0);
    patience_sweep(&server->patience, clock_monotonic_ms());
    (void)MHD_run(server->daemon);
    if (server->stopping) {
        return;
    }
    if (connection_ended(server)) {
        http_server_run_again(server);
    } else if (MHD_get_timeout(server->daemon, &delay_ms) != MHD_YES) {
        return;
    } else if (delay_ms == 0 && server->runs++ < RUNS_AT_ONCE_MAX) {
        http_server_run_again(server);
    } else {
        CHECK(uv_timer_start(&server->timer, on_timer, delay_ms > 0 ? delay_ms : RUNS_LATER_MS, 0) == 0);
    }
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_again(uv_idle_t *again)
{
    run(again->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct http_server *server = poll->data;
    server->runs = 0;
    run(server);
}

static void PRINTF_LIKE(2, 0) on_log(void *cls, const char *format, va_list args)
{
    (void)cls;
    char text[256];
    (void)vsnprintf(text, sizeof(text), format, args);
    LOG_DEBUG("http_server_noticed", "text=\"%s\"", text);
}

static enum err_code listen_where_asked(struct http_server *server, const struct http_server_options *options,
                                        int *ret_fd, struct error *err)
{
    if (options->unix_path == NULL) {
        server->tls = true;
        return listen_tcp(options->host, options->port, ret_fd, &server->port, err);
    }
    server->unix_path = strdup(options->unix_path);
    if (server->unix_path == NULL) {
        return FAIL(err, NO_MEMORY, "start to listen");
    }
    TRY(listen_unix(options->unix_path, options->unix_mode, ret_fd, err));
    struct stat status;
    if (lstat(options->unix_path, &status) == 0) {
        server->unix_device = status.st_dev;
        server->unix_inode = status.st_ino;
    }
    return ERR_OK;
}

static enum err_code start_daemon(struct http_server *server, const struct http_server_options *options, int fd,
                                  struct error *err)
{
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key_pem },
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->certificate_pem },
        { MHD_OPTION_HTTPS_MEM_TRUST, 0, (void *)(uintptr_t)options->ca_pem },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
                     (server->tls ? MHD_USE_TLS : 0U); /* nobody goes by the date; 37 bytes less */
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, http_exchange_on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, options->connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT,
        options->idle_timeout_s, MHD_OPTION_NOTIFY_COMPLETED, http_exchange_on_completed, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, http_exchange_on_connection, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, server->tls ? tls : plain, MHD_OPTION_END);
    if (server->daemon == NULL) {
        (void)close(fd);
        return FAIL(err, CONFIG, "start the http server: its certificate, key or authority is not usable");
    }
    return ERR_OK;
}

static enum err_code start_polling(struct http_server *server, struct error *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    CHECK(info != NULL);
    CHECK(uv_timer_init(server->loop, &server->timer) == 0);
    CHECK(uv_idle_init(server->loop, &server->again) == 0);
    server->timer.data = server;
    server->again.data = server;
    server->open_handles = 2;
    int rc = uv_poll_init(server->loop, &server->poll, info->epoll_fd);
    if (rc != 0) {
        return FAIL(err, IO, "watch the http server: %s", uv_strerror(rc));
    }
    server->poll.data = server;
    server->open_handles = 3;
    rc = uv_poll_start(&server->poll, UV_READABLE, on_poll);
    return rc == 0 ? ERR_OK : FAIL(err, IO, "watch the http server: %s", uv_strerror(rc));
}

static void remove_socket_file(const struct http_server *server)
{
    struct stat status;
    if (server->unix_path != NULL && lstat(server->unix_path, &status) == 0 && status.st_dev == server->unix_device &&
        status.st_ino == server->unix_inode) {
        (void)unlink(server->unix_path);
    }
}

enum err_code http_server_start(uv_loop_t *loop, const struct http_server_options *options,
                                struct http_server **ret_server, struct error *err)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of write, not the end of the process */
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return FAIL(err, NO_MEMORY, "start the http server");
    }
    server->loop = loop;
    server->body_max = options->body_max;
    server->patience.stranger_ms = (int64_t)options->request_timeout_s * 1000;
    server->handler = options->handler;
    server->cut = options->cut;
    server->context = options->context;
    int fd = -1;
    enum err_code rc = options->unix_path == NULL ? resume_server_new(&server->resume, err) : ERR_OK;
    rc = rc != ERR_OK ? rc : listen_where_asked(server, options, &fd, err);
    if (rc == ERR_OK) {
        rc = start_daemon(server, options, fd, err);
    }
    if (rc != ERR_OK) {
        resume_server_free(server->resume);
        remove_socket_file(server);
        free(server->unix_path);
        free(server);
        return rc;
    }
    rc = start_polling(server, err);
    if (rc != ERR_OK) {
        http_server_stop(server, NULL, NULL);
        return rc;
    }
    *ret_server = server;
    return ERR_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct http_server *server = handle->data;
    if (--server->open_handles > 0) {
        return;
    }
    for (struct http_exchange *exchange = server->exchanges; exchange != NULL; exchange = exchange->next) {
        if (exchange->state == WAITING) {
            MHD_resume_connection(exchange->connection); /* MHD does not stop with suspended connections */
        }
    }
    MHD_stop_daemon(server->daemon);
    resume_server_free(server->resume);
    remove_socket_file(server);
    if (server->stopped != NULL) {
        server->stopped(server->stopped_context);
    }
    free(server->unix_path);
    free(server);
}

void http_server_stop(struct http_server *server, void (*stopped)(void *context), void *context)
{
    CHECK(!server->stopping);
    server->stopping = true;
    server->stopped = stopped;
    server->stopped_context = context;
    if (server->open_handles == 3) {
        uv_close((uv_handle_t *)&server->poll, on_closed);
    }
    uv_close((uv_handle_t *)&server->timer, on_closed);
    uv_close((uv_handle_t *)&server->again, on_closed);
}
