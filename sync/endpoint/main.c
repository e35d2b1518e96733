#include <argp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "sync/bundle.h"
#include "sync/endpoint/core/state.h"
#include "sync/endpoint/endpoint.h"

#define CONFIG_DEFAULT "/etc/holdfast/endpoint.conf"
#define STATE_DEFAULT "/var/lib/holdfast-endpoint"
#define ADMIN_CONNECTIONS_MAX 32
#define ADMIN_IDLE_S 300
#define LOOK_MS (60 * 60 * 1000) /* does a certificate run out, or an authority? */
#define ERASE_REST_MS 1          /* between two slices: requests that came meanwhile are answered first */
#define ERASE_AGAIN_MS 60000     /* after one that failed */

const char *argp_program_version = "holdfast-endpoint " HOLDFAST_VERSION;

struct options {
    const char *state_dir;
    const char *config;
    const char *listen;
    const char *socket;
    const char *key_file;
};

/* Everything of one run; endpoint first goes down, then the rest in reverse order of its making. */
struct run {
    struct options options;
    struct settings settings;
    int lock; /* of the state folder, for life */
    struct vault *vault;
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_timer_t watchdog;
    bool has_watchdog;
    uv_timer_t look;
    bool has_look;
    uv_timer_t erase;        /* starts and ends with look, as the backup's does */
    unsigned tls_generation; /* of what `devices` was started with */
    uint16_t port;
    bool restarting; /* `devices` has been stopped, to be started with other certificates */
    char address[256];
    char url[CENTRE_HOST_TEXT_MAX + 32];
    char socket[STATE_PATH_MAX];
    int servers;
    struct endpoint endpoint;
};

/* ---- command line ---- */

enum { OPTION_STATE_DIR = 256, OPTION_CONFIG, OPTION_LISTEN, OPTION_SOCKET, OPTION_KEY_FILE };

static const struct argp_option argp_options[] = {
    { "state-dir", OPTION_STATE_DIR, "DIR", 0, "Database and keys (default $STATE_DIRECTORY or " STATE_DEFAULT ")", 0 },
    { "config", OPTION_CONFIG, "FILE", 0, "Settings (default " CONFIG_DEFAULT ", if there)", 0 },
    { "listen", OPTION_LISTEN, "HOST:PORT", 0, "Where devices connect; port 0: any free one", 0 },
    { "socket", OPTION_SOCKET, "PATH", 0, "The operator's socket (default STATE/endpoint.sock)", 0 },
    { "key-file", OPTION_KEY_FILE, "FILE", 0,
      "What unlocks the database (default $CREDENTIALS_DIRECTORY/vault-key, else STATE/vault.key)", 0 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case OPTION_STATE_DIR:
        options->state_dir = arg;
        return 0;
    case OPTION_CONFIG:
        options->config = arg;
        return 0;
    case OPTION_LISTEN:
        options->listen = arg;
        return 0;
    case OPTION_SOCKET:
        options->socket = arg;
        return 0;
    case OPTION_KEY_FILE:
        options->key_file = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .doc = "The reference Jobcentre Plus endpoint: enrols devices and exchanges records with them.\v"
           "Make a centre first with `holdfast-endpointctl init`. See holdfast-endpoint(8).",
};

/* ---- stopping ---- */

static void on_server_stopped(void *context)
{
    struct run *run = context;
    if (--run->servers > 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(run->signals); i++) {
        uv_close((uv_handle_t *)&run->signals[i], NULL);
    }
    if (run->has_watchdog) {
        uv_close((uv_handle_t *)&run->watchdog, NULL);
    }
    if (run->has_look) {
        uv_close((uv_handle_t *)&run->look, NULL);
        uv_close((uv_handle_t *)&run->erase, NULL);
        backup_task_close(&run->endpoint.backup);
    }
}

void endpoint_stop(struct endpoint *endpoint, int exit_code)
{
    struct run *run = endpoint->loop->data;
    if (endpoint->stopping) {
        return;
    }
    endpoint->stopping = true;
    endpoint->exit_code = exit_code;
    (void)sd_notify(0, "STOPPING=1");
    if (run->has_look) {
        CHECK(uv_timer_stop(&run->erase) == 0);
    }
    waiting_stop(endpoint->waiting);
    if (endpoint->devices != NULL) {
        http_server_stop(endpoint->devices, on_server_stopped, run);
    }
    http_server_stop(endpoint->operators, on_server_stopped, run);
}

void endpoint_failed(struct endpoint *endpoint, const char *event, const struct error *err)
{
    log_error(event, err);
    if (err_code_class(err->code) == ERR_CLASS_FATAL) {
        endpoint_stop(endpoint, EXIT_FAILURE);
    }
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct run *run = signal->data;
    LOG_INFO("stop_asked", "signal=%d", number);
    endpoint_stop(&run->endpoint, EXIT_SUCCESS);
}

/* ---- starting ---- */

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    (void)sd_notify(0, "WATCHDOG=1");
}

static void start_watchdog(struct run *run)
{
    uint64_t interval_us = 0;
    if (sd_watchdog_enabled(0, &interval_us) <= 0) {
        return;
    }
    run->has_watchdog = true;
    CHECK(uv_timer_init(&run->loop, &run->watchdog) == 0);
    CHECK(uv_timer_start(&run->watchdog, on_watchdog, 0, interval_us / 2000) == 0);
}

static enum err_code start_signals(struct run *run, struct error *err)
{
    static const int numbers[] = { SIGTERM, SIGINT };
    for (size_t i = 0; i < ARRAY_LEN(run->signals); i++) {
        CHECK(uv_signal_init(&run->loop, &run->signals[i]) == 0);
        run->signals[i].data = run;
        int rc = uv_signal_start(&run->signals[i], on_signal, numbers[i]);
        if (rc != 0) {
            return FAIL(err, IO, "watch signals: %s", uv_strerror(rc));
        }
    }
    return ERR_OK;
}

/* HOST:PORT, [ADDRESS]:PORT */
static enum err_code split_address(const char *text, char host[256], uint16_t *ret_port, struct error *err)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (len == 0 || len >= 256 || end == colon + 1 || *end != '\0' || port > UINT16_MAX) {
        return FAIL(err, CONFIG, "listen on '%s': expected HOST:PORT", text);
    }
    bool bracketed = text[0] == '[' && text[len - 1] == ']';
    memcpy(host, text + bracketed, len - 2 * (size_t)bracketed);
    host[len - 2 * (size_t)bracketed] = '\0';
    *ret_port = (uint16_t)port;
    return ERR_OK;
}

static enum err_code tell_url(struct run *run, struct error *err)
{
    char hosts[CENTRE_HOST_TEXT_MAX + 1];
    TRY(centre_server_hosts(run->endpoint.centre, hosts, err));
    hosts[strcspn(hosts, ", ")] = '\0';
    bool colons = strchr(hosts, ':') != NULL;
    (void)snprintf(run->url, sizeof(run->url), "https://%s%s%s:%u", colons ? "[" : "", hosts, colons ? "]" : "",
                   http_server_port(run->endpoint.devices));
    run->endpoint.url = run->url;
    return ERR_OK;
}

/* `same_port` 0: as the settings say. */
static enum err_code start_devices(struct run *run, uint16_t same_port, struct error *err)
{
    char host[256];
    uint16_t port = 0;
    int64_t now_ms = clock_wall_ms();
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(buf_fini) struct buf certificate;
    SCOPED(buf_fini) struct buf ca;
    buf_init(&certificate, 16384);
    buf_init(&ca, 16384);
    const char *where =
        run->options.listen != NULL ? run->options.listen : settings_text(&run->settings, "endpoint", "listen");
    TRY(split_address(where, host, &port, err));
    port = same_port != 0 ? same_port : port;
    run->tls_generation = centre_tls_generation(run->endpoint.centre, now_ms);
    TRY(centre_server_pem(run->endpoint.centre, now_ms, &key, &certificate, err));
    TRY(centre_client_authorities_pem(run->endpoint.centre, now_ms, &ca, err));
    struct http_server_options options = {
        .host = host,
        .port = port,
        .certificate_pem = (const char *)certificate.data,
        .key_pem = (const char *)key.bytes,
        .ca_pem = (const char *)ca.data,
        .body_max = EXCHANGE_REQUEST_MAX,
        .connections_max = (unsigned)settings_number(&run->settings, "endpoint", "connections"),
        .connections_per_address = (unsigned)settings_number(&run->settings, "endpoint", "connections_per_address"),
        .request_timeout_s = (unsigned)settings_number(&run->settings, "endpoint", "request_timeout"),
        .idle_timeout_s = (unsigned)settings_number(&run->settings, "endpoint", "idle_timeout"),
        .handler = routes_device,
        .cut = routes_device_cut,
        .context = &run->endpoint,
    };
    TRY(http_server_start(&run->loop, &options, &run->endpoint.devices, err));
    run->servers++;
    bool colons = strchr(host, ':') != NULL;
    (void)snprintf(run->address, sizeof(run->address), "%s%.200s%s:%u", colons ? "[" : "", host, colons ? "]" : "",
                   http_server_port(run->endpoint.devices));
    run->endpoint.address = run->address;
    return tell_url(run, err);
}

static void on_devices_stopped(void *context)
{
    struct run *run = context;
    struct error err;
    run->restarting = false;
    if (run->endpoint.stopping) {
        on_server_stopped(run);
        return;
    }
    run->servers--;
    if (start_devices(run, run->port, &err) != ERR_OK) {
        log_error("devices_server_failed", &err);
        endpoint_stop(&run->endpoint, EXIT_FAILURE);
    }
}

/* Connections are cut: devices come back by themselves. */
void endpoint_refresh(struct endpoint *endpoint)
{
    struct run *run = endpoint->loop->data;
    if (endpoint->stopping || run->restarting ||
        centre_tls_generation(endpoint->centre, clock_wall_ms()) == run->tls_generation) {
        return;
    }
    LOG_INFO("devices_server_restarted", "reason=certificates");
    run->restarting = true;
    waiting_cut(endpoint->waiting);
    run->port = http_server_port(endpoint->devices);
    http_server_stop(endpoint->devices, on_devices_stopped, run);
    endpoint->devices = NULL;
}

static void on_look(uv_timer_t *timer)
{
    struct run *run = timer->data;
    struct error err;
    bool renewed;
    if (centre_server_renew(run->endpoint.centre, NULL, clock_wall_ms(), &renewed, &err) != ERR_OK) {
        endpoint_failed(&run->endpoint, "server_certificate_failed", &err);
    }
    endpoint_refresh(&run->endpoint);
}

static void erase_after(struct endpoint *endpoint, uint64_t rest_ms);

/* Requests that came meanwhile are answered between two slices. */
static void on_erase(uv_timer_t *timer)
{
    struct run *run = timer->data;
    struct error err;
    uint64_t rest_ms = ERASE_REST_MS;
    if (centre_erasures_go_on(run->endpoint.centre, &err) != ERR_OK) {
        endpoint_failed(&run->endpoint, "erasing_failed", &err);
        rest_ms = ERASE_AGAIN_MS;
    }
    waiting_look(run->endpoint.waiting); /* refusals may have been lifted */
    erase_after(&run->endpoint, rest_ms);
}

static void erase_after(struct endpoint *endpoint, uint64_t rest_ms)
{
    struct run *run = endpoint->loop->data;
    if (!endpoint->stopping && run->has_look && centre_erasures_due(endpoint->centre) &&
        !uv_is_active((const uv_handle_t *)&run->erase)) {
        CHECK(uv_timer_start(&run->erase, on_erase, rest_ms, 0) == 0);
    }
}

void endpoint_erase(struct endpoint *endpoint)
{
    erase_after(endpoint, ERASE_REST_MS);
}

static void on_backup_ended(void *context)
{
    centre_backup_ended(context);
}

static void start_looking(struct run *run)
{
    backup_task_init(&run->endpoint.backup, &run->loop, on_backup_ended, run->endpoint.centre);
    CHECK(uv_timer_init(&run->loop, &run->erase) == 0);
    run->erase.data = run;
    CHECK(uv_timer_init(&run->loop, &run->look) == 0);
    run->look.data = run;
    run->has_look = true;
    CHECK(uv_timer_start(&run->look, on_look, LOOK_MS, LOOK_MS) == 0);
    endpoint_erase(&run->endpoint); /* what the last run did not finish */
}

static enum err_code start_operators(struct run *run, struct error *err)
{
    struct http_server_options options = { .unix_path = run->socket,
                                           .unix_mode = 0600,
                                           .body_max = BUNDLE_PIECE_MAX,
                                           .connections_max = ADMIN_CONNECTIONS_MAX,
                                           .idle_timeout_s = ADMIN_IDLE_S,
                                           .handler = routes_admin,
                                           .context = &run->endpoint };
    TRY(http_server_start(&run->loop, &options, &run->endpoint.operators, err));
    run->servers++;
    return ERR_OK;
}

static enum err_code start_waiting(struct run *run, struct error *err)
{
    size_t max = (size_t)settings_number(&run->settings, "endpoint", "waiting");
    uint32_t max_s = (uint32_t)settings_number(&run->settings, "endpoint", "wait_max");
    return waiting_start(&run->loop, run->endpoint.centre, max, max_s, routes_device_waited, &run->endpoint,
                         &run->endpoint.waiting, err);
}

static enum err_code load_settings(struct run *run, struct error *err)
{
    const char *config = run->options.config;
    TRY(settings_init(&run->settings, endpoint_settings, endpoint_setting_count, err));
    TRY(settings_load(&run->settings, config != NULL ? config : CONFIG_DEFAULT, config != NULL, err));
    if (settings_bool(&run->settings, "log", "debug")) {
        log_set_level(LOG_LEVEL_DEBUG);
    }
    return ERR_OK;
}

/* What a person can do about it; the last word stays theirs. */
static enum err_code damaged(struct error *err)
{
    struct error why = *err;
    return FAIL(err, DAMAGED,
                "%s; if these files were put back on purpose, `holdfast-endpointctl accept` takes them as they are "
                "(holdfast-endpoint(8), BACKUP)",
                why.message);
}

static enum err_code open_centre(struct run *run, struct error *err)
{
    struct state_options state = { .folder = run->options.state_dir, .key_file = run->options.key_file };
    const char *hosts = settings_text(&run->settings, "endpoint", "hosts");
    char spent[STATE_PATH_MAX];
    bool renewed = false;
    TRY(secret_init(err));
    TRY(state_lock(state.folder, "serve the centre", &run->lock, err));
    TRY(state_open(&state, &run->vault, err));
    run->endpoint.vault = run->vault;
    int cache_kib = (int)settings_number(&run->settings, "store", "cache_kib");
    enum err_code rc = centre_open(run->vault, cache_kib, &run->endpoint.centre, err);
    TRY(rc == ERR_DAMAGED ? damaged(err) : rc);
    TRY(state_spent(run->options.state_dir, spent, err));
    TRY(centre_spent_open(run->endpoint.centre, spent, clock_wall_ms(), err));
    TRY(centre_server_renew(run->endpoint.centre, hosts[0] != '\0' ? hosts : NULL, clock_wall_ms(), &renewed, err));
    if (renewed) {
        LOG_INFO("server_certificate_made", "days=%d", 2 * CENTRE_SERVER_RENEW_DAYS);
    }
    return ERR_OK;
}

static enum err_code start(struct run *run, struct error *err)
{
    TRY(load_settings(run, err));
    TRY(open_centre(run, err));
    if (run->options.socket == NULL) {
        TRY(state_socket(run->options.state_dir, run->socket, err));
    } else if (strlen(run->options.socket) < sizeof(run->socket)) {
        memcpy(run->socket, run->options.socket, strlen(run->options.socket) + 1);
    } else {
        return FAIL(err, CONFIG, "use a shorter path for the socket");
    }
    TRY(start_waiting(run, err));
    TRY(start_operators(run, err));
    TRY(start_devices(run, 0, err));
    TRY(start_signals(run, err));
    start_watchdog(run);
    start_looking(run);
    return ERR_OK;
}

/* Of a start that failed half-way: what did start is taken down. */
static void abandon(struct run *run)
{
    waiting_stop(run->endpoint.waiting);
    if (run->endpoint.devices != NULL) {
        http_server_stop(run->endpoint.devices, NULL, NULL);
    }
    if (run->endpoint.operators != NULL) {
        http_server_stop(run->endpoint.operators, NULL, NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(run->signals); i++) {
        if (run->signals[i].data != NULL) {
            uv_close((uv_handle_t *)&run->signals[i], NULL);
        }
    }
}

static void tear_down(struct run *run)
{
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&run->loop) == 0);
    endpoint_bundle_drop(&run->endpoint.bundle);
    centre_close(run->endpoint.centre);
    vault_close(run->vault);
    scoped_close(&run->lock);
    settings_fini(&run->settings);
}

int main(int argc, char **argv)
{
    static struct run run = { .lock = -1 };
    struct error err;
    argp_err_exit_status = 2;
    (void)umask(0077);
    const char *state = getenv("STATE_DIRECTORY");
    run.options.state_dir = state != NULL ? state : STATE_DEFAULT;
    if (argp_parse(&argp, argc, argv, 0, NULL, &run.options) != 0) {
        return 2;
    }
    CHECK(uv_loop_init(&run.loop) == 0);
    run.loop.data = &run;
    run.endpoint.loop = &run.loop;
    if (start(&run, &err) != ERR_OK) {
        log_error("start_failed", &err);
        abandon(&run);
        tear_down(&run);
        return EXIT_FAILURE;
    }
    LOG_INFO("endpoint_started", "address=%s socket=\"%s\"", run.address, run.socket);
    (void)sd_notifyf(0, "READY=1\nSTATUS=listening on %s", run.address);
    tear_down(&run);
    LOG_INFO("endpoint_stopped", "exit_code=%d", run.endpoint.exit_code);
    return run.endpoint.exit_code;
}
