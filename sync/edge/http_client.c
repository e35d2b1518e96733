#include "sync/edge/http_client.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sync/edge/http_failure.h"
#include "sync/edge/resume_client.h"
#include "sync/edge/send_ahead.h"
#include "sync/edge/wire_count.h"

#define KEEPALIVE_S 30L
#define MSS_STEPS 3
#define HEADER_LINE_MAX 4096
#define SENT_AGAIN_MAX 2048

/*
 *   IDLE ── http_client_post ──► SENDING ── libcurl says done, or a start that failed ──► IDLE, then `done`
 *     └────────── http_client_stop ──┴──► STOPPING ── every handle closed ──► freed
 *
 * libcurl asks for sockets to be watched and for one timer; both only ever call curl_multi_socket_action, and whatever
 * has finished is drained after every such call.
 */
enum client_phase { IDLE, SENDING, STOPPING };

struct http_client {
    uv_loop_t *loop;
    CURLM *multi;
    CURL *easy;
    uv_timer_t timer;   /* libcurl's */
    uv_timer_t failure; /* tells a start that failed from the loop, never inside the call */
    int open_handles;
    enum client_phase phase;
    struct curl_slist *headers;
    struct slice body; /* of the request under way */
    size_t body_read;
    bool cut; /* in the middle of it */
    struct buf response;
    struct wire_count wire;
    unsigned mss_step;     /* of mss_steps, for new connections */
    uint32_t slow_bytes_s; /* that the line carries; 0: it is not slow */
    struct resume_client *resume;
    char detail[CURL_ERROR_SIZE];
    http_done done;
    void *context;
    void (*stopped)(void *context);
    void *stopped_context;
};

struct watch { /* one socket of libcurl's */
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t socket;
};

/* ---- networks on which large packets get lost ---- */

/*
 * Some tunnels lose packets that are too large for them and say nothing. What stalls after its connection was made is
 * tried again with smaller ones: those fit in IPv6's 1280 bytes (RFC 8200, 5), then in IPv4's 576 (RFC 791, 3.1).
 */
static const int mss_steps[MSS_STEPS] = { 0, 1180, 500 };

static void learn_packet_size(struct http_client *client, CURLcode code)
{
    if (http_failure_is_stall(client->easy, code, client->detail)) {
        client->mss_step = (client->mss_step + 1) % MSS_STEPS;
    }
}

/* ---- the end of a request ---- */

static void learn_speed(struct http_client *client, const struct wire_carried *carried)
{
    uint32_t bytes_s = send_ahead_learn(client->slow_bytes_s, carried->sent, carried->busy_us);
    for (size_t i = 0; bytes_s != client->slow_bytes_s && i < client->wire.socket_count; i++) {
        int fd = client->wire.sockets[i].fd;
        if (bytes_s > 0) {
            send_ahead_fit(fd, bytes_s);
        } else {
            send_ahead_widen(fd);
        }
    }
    client->slow_bytes_s = bytes_s;
}

static void measure(struct http_client *client, struct http_result *result)
{
    struct wire_carried carried;
    if (wire_count_take(&client->wire, &carried)) {
        result->bytes_sent = carried.sent;
        result->bytes_received = carried.received;
        learn_speed(client, &carried);
        return;
    }
    long request = 0;
    long header = 0;
    curl_off_t up = 0;
    curl_off_t down = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_REQUEST_SIZE, &request);
    (void)curl_easy_getinfo(client->easy, CURLINFO_HEADER_SIZE, &header);
    (void)curl_easy_getinfo(client->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    (void)curl_easy_getinfo(client->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    result->bytes_sent = (uint64_t)request + (uint64_t)up;
    result->bytes_received = (uint64_t)header + (uint64_t)down;
}

/* The server did not know what the handshake wanted to go on from: once more, with the certificate. */
static bool begun_anew(struct http_client *client, CURLcode code)
{
    bool told = code == CURLE_SSL_CONNECT_ERROR; /* libmicrohttpd closes without an alert */
    if (code == CURLE_OK || client->resume == NULL || !resume_client_failed(client->resume, told)) {
        return false;
    }
    (void)curl_multi_remove_handle(client->multi, client->easy);
    client->detail[0] = '\0';
    client->body_read = 0;
    buf_clear(&client->response);
    resume_client_begin(client->resume);
    return curl_multi_add_handle(client->multi, client->easy) == CURLM_OK;
}

static void finish(struct http_client *client, CURLcode code)
{
    if (begun_anew(client, code)) {
        return;
    }
    struct http_result result = { .content_type = "", .small_packets = client->mss_step > 0 };
    learn_packet_size(client, code);
    char *content_type = NULL;
    curl_off_t retry_after = 0;
    bool cut = client->cut && code != CURLE_OK;
    result.outcome =
        cut ? http_failure_classify(client->easy, CURLE_SEND_ERROR, "while records were sent", &result.error)
            : http_failure_classify(client->easy, code, client->detail, &result.error);
    if (result.outcome == ERR_OK) {
        (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &result.status);
        (void)curl_easy_getinfo(client->easy, CURLINFO_CONTENT_TYPE, &content_type);
        (void)curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &retry_after);
        result.content_type = content_type != NULL ? content_type : "";
        result.retry_after_s = retry_after;
        result.body = buf_slice(&client->response);
        result.outcome = http_failure_of_answer(result.status, result.content_type, &result.error);
    }
    if (client->resume != NULL && result.outcome == ERR_OK && result.status == 200) {
        resume_client_worked(client->resume);
    }
    measure(client, &result);
    (void)curl_multi_remove_handle(client->multi, client->easy);
    curl_slist_free_all(client->headers);
    client->headers = NULL;
    client->phase = IDLE;
    /* The body moves out, because `done` may begin the next request. */
    struct buf body = client->response;
    buf_init(&client->response, body.max);
    client->done(client->context, &result);
    buf_fini(&body);
}

static void drain(struct http_client *client)
{
    int left = 0;
    CURLMsg *message;
    bool finished = false;
    CURLcode code = CURLE_OK;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            finished = true;
            code = message->data.result;
        }
    }
    if (finished) {
        finish(client, code);
    }
}

static void act(struct http_client *client, curl_socket_t socket, int events)
{
    int running = 0;
    if (client->phase == STOPPING) {
        return;
    }
    (void)curl_multi_socket_action(client->multi, socket, events, &running);
    drain(client);
}

/* ---- what libcurl asks of the loop ---- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
                (status < 0 ? CURL_CSELECT_ERR : 0);
    act(watch->client, watch->socket, flags);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *multi, long delay_ms, void *context)
{
    (void)multi;
    struct http_client *client = context;
    if (client->phase == STOPPING) {
        return 0;
    }
    if (delay_ms < 0) {
        return uv_timer_stop(&client->timer);
    }
    return uv_timer_start(&client->timer, on_timer, (uint64_t)delay_ms, 0);
}

static void maybe_freed(struct http_client *client)
{
    if (client->open_handles > 0) {
        return;
    }
    if (client->stopped != NULL) {
        client->stopped(client->stopped_context);
    }
    buf_fini(&client->response);
    resume_client_free(client->resume);
    free(client);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    struct http_client *client = watch->client;
    free(watch);
    client->open_handles--;
    maybe_freed(client);
}

static struct watch *watch_new(struct http_client *client, curl_socket_t socket)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    if (uv_poll_init_socket(client->loop, &watch->poll, socket) != 0) {
        free(watch);
        return NULL;
    }
    watch->client = client;
    watch->socket = socket;
    watch->poll.data = watch;
    client->open_handles++;
    (void)curl_multi_assign(client->multi, socket, watch);
    return watch;
}

static int want_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *known)
{
    (void)easy;
    struct http_client *client = context;
    struct watch *watch = known;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            (void)curl_multi_assign(client->multi, socket, NULL);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    if (watch == NULL) {
        watch = watch_new(client, socket);
    }
    if (watch == NULL) {
        return -1;
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_poll);
}

/* ---- what libcurl asks of us during a transfer ---- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_client *client = context;
    return buf_append(&client->response, data, size * count, NULL) == ERR_OK ? size * count : 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *context)
{
    struct http_client *client = context;
    size_t left = client->body.len - client->body_read;
    size_t len = size * count < left ? size * count : left;
    if (len > 0) {
        memcpy(out, client->body.data + client->body_read, len);
        client->body_read += len;
    }
    return len;
}

static int on_rewind(void *context, curl_off_t offset, int origin)
{
    struct http_client *client = context;
    if (origin != SEEK_SET || offset != 0) {
        return CURL_SEEKFUNC_FAIL;
    }
    client->body_read = 0;
    return CURL_SEEKFUNC_OK;
}

/*
 * libcurl sends a request again when the connection that was kept turns out to be dead. When much of it had arrived,
 * whoever asked for it is told instead: he may know better than to send all of it once more.
 */
static bool sends_again(struct http_client *client)
{
    client->cut = client->body_read > 0 && wire_count_sent(&client->wire) > SENT_AGAIN_MAX;
    return client->cut;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    struct http_client *client = context;
    int fd = sends_again(client) ? -1 : socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    int mss = mss_steps[client->mss_step];
    if (mss > 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)); /* told to the other side, too */
    }
    if (client->slow_bytes_s > 0) {
        send_ahead_fit(fd, client->slow_bytes_s);
    }
    wire_count_opened(&client->wire, fd);
    return fd;
}

static int close_socket(void *context, curl_socket_t fd)
{
    struct http_client *client = context;
    wire_count_closed(&client->wire, fd);
    return close(fd);
}

/* ---- life ---- */

static CURLcode set_blob(CURL *easy, CURLoption option, struct slice pem)
{
    struct curl_blob blob = { .data = (void *)(uintptr_t)pem.data, .len = pem.len, .flags = CURL_BLOB_NOCOPY };
    return curl_easy_setopt(easy, option, &blob);
}

/* CURLOPT_CAPATH has a built-in default of the system's authorities, which would be trusted besides our own. */
static CURLcode set_trust(CURL *easy, const struct http_client_options *options)
{
    long check = options->ca_pem != NULL;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, check);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, check ? 2L : 0L);
    if (code == CURLE_OK && options->ca_pem != NULL) {
        struct slice ca = slice_of_text(options->ca_pem);
        struct curl_blob blob = { .data = (void *)(uintptr_t)ca.data, .len = ca.len, .flags = CURL_BLOB_COPY };
        code = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (code == CURLE_OK && options->certificate_pem != NULL) {
        struct slice certificate = slice_of_text(options->certificate_pem);
        struct curl_blob blob = { (void *)(uintptr_t)certificate.data, certificate.len, CURL_BLOB_COPY };
        code = curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &blob);
        code = code != CURLE_OK ? code : set_blob(easy, CURLOPT_SSLKEY_BLOB, options->key_pem);
    }
    return code;
}

static CURLcode set_limits(CURL *easy, const struct http_client_options *options)
{
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, options->connect_timeout_s);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_CLIENT_STALL_BYTES);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L); /* HTTP/1.1 either way */
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_PROXYAUTH, CURLAUTH_ANY);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    return code;
}

static CURLcode set_callbacks(struct http_client *client)
{
    CURL *easy = client->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->detail);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_READDATA, client);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_SEEKDATA, client);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
    return code;
}

static CURLMcode set_multi(struct http_client *client)
{
    CURLMcode code = curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    code = code != CURLM_OK ? code : curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    code = code != CURLM_OK ? code : curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    code = code != CURLM_OK ? code : curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    code = code != CURLM_OK ? code : curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, 1L);
    return code;
}

static enum err_code set_up(struct http_client *client, const struct http_client_options *options, struct error *err)
{
    static bool global;
    if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return FAIL(err, NO_MEMORY, "start libcurl");
    }
    global = true;
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    if (client->multi == NULL || client->easy == NULL || set_multi(client) != CURLM_OK) {
        return FAIL(err, NO_MEMORY, "start the http client");
    }
    CURLcode code = set_callbacks(client);
    code = code != CURLE_OK ? code : set_limits(client->easy, options);
    code = code != CURLE_OK ? code : set_trust(client->easy, options);
    if (code == CURLE_OK && options->ca_pem != NULL) {
        TRY(resume_client_new(&client->resume, err));
        code = resume_client_attach(client->resume, client->easy);
    }
    return code == CURLE_OK ? ERR_OK : FAIL(err, TLS, "start the http client: %s", curl_easy_strerror(code));
}

enum err_code http_client_start(uv_loop_t *loop, const struct http_client_options *options,
                                struct http_client **ret_client, struct error *err)
{
    struct http_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return FAIL(err, NO_MEMORY, "start the http client");
    }
    client->loop = loop;
    buf_init(&client->response, options->response_max);
    CHECK(uv_timer_init(loop, &client->timer) == 0);
    CHECK(uv_timer_init(loop, &client->failure) == 0);
    client->timer.data = client;
    client->failure.data = client;
    client->open_handles = 2;
    enum err_code rc = set_up(client, options, err);
    if (rc != ERR_OK) {
        http_client_stop(client, NULL, NULL);
        return rc;
    }
    *ret_client = client;
    return ERR_OK;
}

/* ---- a request ---- */

static bool add_header(struct http_client *client, const char *name, const char *value)
{
    struct buf line;
    buf_init(&line, HEADER_LINE_MAX);
    struct curl_slist *longer = NULL;
    if (buf_append_format(&line, NULL, "%s: %s", name, value) == ERR_OK && buf_append(&line, "", 1, NULL) == ERR_OK) {
        longer = curl_slist_append(client->headers, (const char *)line.data);
    }
    buf_fini(&line);
    client->headers = longer != NULL ? longer : client->headers;
    return longer != NULL;
}

/*
 * Expect: 100-continue would cost a round trip; the others say nothing here and an idle exchange is counted in bytes.
 * An empty value leaves a header out.
 */
static bool leave_headers_out(struct http_client *client)
{
    static const char *const names[] = { "Expect:", "Accept:", "User-Agent:" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct curl_slist *longer = curl_slist_append(client->headers, names[i]);
        if (longer == NULL) {
            return false;
        }
        client->headers = longer;
    }
    return true;
}

/* libcurl looks at a speed limit every second; a wait of minutes has a time limit only, which costs nothing. */
static CURLcode set_patience(CURL *easy, uint32_t wait_s)
{
    long stall_s = wait_s == 0 ? HTTP_CLIENT_STALL_S : 0;
    long limit_s = wait_s == 0 ? 0 : (long)wait_s + HTTP_CLIENT_LATE_S;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, stall_s);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_TIMEOUT, limit_s);
}

static CURLcode set_request(struct http_client *client, const struct http_post *post)
{
    CURL *easy = client->easy;
    const char *type = post->content_type != NULL ? post->content_type : "";
    if (!add_header(client, "Content-Type", type) ||
        (post->authorization != NULL && !add_header(client, "Authorization", post->authorization)) ||
        !leave_headers_out(client)) {
        return CURLE_OUT_OF_MEMORY;
    }
    client->body = post->body;
    client->body_read = 0;
    client->cut = false;
    CURLcode code = set_patience(easy, post->wait_s);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_URL, post->url);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers);
    if (post->body.data == NULL) {
        return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POST, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len);
    return code;
}

static void on_failure(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    finish(client, CURLE_OUT_OF_MEMORY);
}

void http_client_post(struct http_client *client, const struct http_post *post, http_done done, void *context)
{
    CHECK(client->phase == IDLE);
    client->phase = SENDING;
    client->done = done;
    client->context = context;
    client->detail[0] = '\0';
    buf_clear(&client->response);
    if (client->resume != NULL) {
        resume_client_begin(client->resume);
    }
    if (set_request(client, post) != CURLE_OK || curl_multi_add_handle(client->multi, client->easy) != CURLM_OK) {
        CHECK(uv_timer_start(&client->failure, on_failure, 0, 0) == 0);
    }
}

void http_client_cancel(struct http_client *client)
{
    if (client->phase != SENDING) {
        return;
    }
    CHECK(uv_timer_stop(&client->failure) == 0);
    (void)curl_multi_remove_handle(client->multi, client->easy);
    curl_slist_free_all(client->headers);
    client->headers = NULL;
    client->phase = IDLE;
}

/* ---- the end ---- */

static void on_failure_closed(uv_handle_t *handle)
{
    struct http_client *client = handle->data;
    curl_easy_cleanup(client->easy);
    (void)curl_multi_cleanup(client->multi); /* asks want_socket to let every socket go */
    curl_slist_free_all(client->headers);
    client->open_handles--;
    maybe_freed(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct http_client *client = handle->data;
    client->open_handles--;
    maybe_freed(client);
}

void http_client_stop(struct http_client *client, void (*stopped)(void *context), void *context)
{
    CHECK(client->phase != STOPPING);
    if (client->phase == SENDING) {
        (void)curl_multi_remove_handle(client->multi, client->easy);
    }
    client->phase = STOPPING;
    client->stopped = stopped;
    client->stopped_context = context;
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
    uv_close((uv_handle_t *)&client->failure, on_failure_closed);
}
