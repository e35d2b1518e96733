#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/edge/http_server_parts.h"

#define JSON "application/json"
#define TOO_LARGE_ANSWER "{\"error\": {\"code\": \"limit\", \"message\": \"send a smaller body\"}}"
#define BODY_STEP_BYTES 65536

static struct http_exchange *exchange_new(struct http_server *server, struct MHD_Connection *connection)
{
    struct http_exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return NULL;
    }
    exchange->server = server;
    exchange->connection = connection;
    exchange->next = server->exchanges;
    if (exchange->next != NULL) {
        exchange->next->previous = exchange;
    }
    server->exchanges = exchange;
    buf_init(&exchange->body, server->body_max);
    buf_init(&exchange->peer, RESUME_CERTIFICATE_MAX);
    return exchange;
}

static void exchange_free(struct http_exchange *exchange)
{
    if (exchange->next != NULL) {
        exchange->next->previous = exchange->previous;
    }
    if (exchange->previous != NULL) {
        exchange->previous->next = exchange->next;
    } else {
        exchange->server->exchanges = exchange->next;
    }
    if (exchange->response != NULL) {
        MHD_destroy_response(exchange->response);
    }
    buf_fini(&exchange->body);
    buf_fini(&exchange->peer);
    free(exchange);
}

static const char *header(const struct http_exchange *exchange, const char *name)
{
    const char *value = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
    return value != NULL ? value : "";
}

#define STRANGER_BODY_MAX 16384 /* an enrolment request and more */

/* What the client proved about itself in the handshake; leaves the certificate empty when that is nothing. */
static void read_peer_certificate(struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info == NULL || info->tls_session == NULL) {
        return;
    }
    gnutls_session_t session = info->tls_session;
    struct resume_server *resume = exchange->server->resume;
    unsigned count = 0;
    buf_clear(&exchange->peer);
    if (resume_server_resumed(resume, session, &exchange->peer)) {
        exchange->forgotten = exchange->peer.len == 0;
        exchange->request.peer_certificate = buf_slice(&exchange->peer);
        resume_server_keep(resume, session, exchange->request.peer_certificate);
        return;
    }
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (chain == NULL || count == 0) {
        return;
    }
    char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st wanted = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)purpose };
    unsigned status = 0;
    int rc = gnutls_certificate_verify_peers(session, &wanted, 1, &status);
    if (rc == GNUTLS_E_SUCCESS && status == 0) {
        exchange->request.peer_certificate = slice_of(chain[0].data, chain[0].size);
        resume_server_keep(resume, session, exchange->request.peer_certificate);
        return;
    }
    gnutls_datum_t text = { 0 };
    if (rc == GNUTLS_E_SUCCESS &&
        gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) == GNUTLS_E_SUCCESS) {
        (void)snprintf(exchange->peer_problem, sizeof(exchange->peer_problem), "%s", (const char *)text.data);
        gnutls_free(text.data);
    } else {
        (void)snprintf(exchange->peer_problem, sizeof(exchange->peer_problem), "%s", gnutls_strerror(rc));
    }
}

static void read_peer_credentials(struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (info != NULL && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
        exchange->request.peer_known = true;
        exchange->request.peer_uid = peer.uid;
        exchange->request.peer_gid = peer.gid;
    }
}

static void read_peer_address(struct http_exchange *exchange)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    uint8_t *out = exchange->request.peer_address;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) {
        return;
    }
    if (info->client_addr->sa_family == AF_INET) {
        memcpy(out, mapped, sizeof(mapped));
        memcpy(out + sizeof(mapped), &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr, 4);
    } else if (info->client_addr->sa_family == AF_INET6) {
        const uint8_t *whole = ((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr.s6_addr;
        memcpy(out, whole, memcmp(whole, mapped, sizeof(mapped)) == 0 ? 16 : 8);
    }
}

static struct patient *patient_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* `whole`: the request is, and what follows is ours to do in time. */
static void note_patient(const struct http_exchange *exchange, bool whole)
{
    struct patient *patient = patient_of(exchange->connection);
    if (patient != NULL) {
        patient->busy |= whole;
        patient->known |= exchange->request.peer_certificate.len > 0;
    }
}

static enum MHD_Result queue(struct http_exchange *exchange)
{
    if (exchange->response == NULL) {
        return MHD_NO; /* no memory for an answer: the connection is cut */
    }
    return MHD_queue_response(exchange->connection, exchange->status, exchange->response);
}

static void make_answer(struct http_exchange *exchange, int status, const char *content_type, struct slice body)
{
    static char nothing[] = "";
    exchange->state = ANSWERED;
    exchange->status = (unsigned)status;
    exchange->response =
        body.len == 0 ? MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT)
                      : MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    if (exchange->response != NULL && content_type != NULL) {
        (void)MHD_add_response_header(exchange->response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    }
}

static enum MHD_Result answer_too_large(struct http_exchange *exchange)
{
    make_answer(exchange, MHD_HTTP_CONTENT_TOO_LARGE, JSON, slice_of_text(TOO_LARGE_ANSWER));
    return queue(exchange);
}

static enum MHD_Result hand_over(struct http_exchange *exchange, const char *method, const char *path)
{
    struct http_server *server = exchange->server;
    exchange->state = HANDED;
    exchange->request = (struct http_request){
        .method = method,
        .path = path,
        .body = buf_slice(&exchange->body),
        .content_type = header(exchange, MHD_HTTP_HEADER_CONTENT_TYPE),
        .authorization = header(exchange, MHD_HTTP_HEADER_AUTHORIZATION),
        .peer_problem = exchange->peer_problem,
        .exchange = exchange,
    };
    if (server->tls) {
        read_peer_certificate(exchange);
        read_peer_address(exchange);
    } else {
        read_peer_credentials(exchange);
    }
    note_patient(exchange, true);
    if (exchange->forgotten) {
        return MHD_NO; /* cut: the client begins anew */
    }
    server->handler(server->context, &exchange->request);
    if (exchange->state == ANSWERED) {
        return queue(exchange);
    }
    exchange->state = WAITING;
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

/*
 * A body that is declared far too large is answered at once, which ends the connection; one that is not much too large
 * is swallowed first, because a client in the middle of sending would lose the answer.
 */
static enum MHD_Result begin(struct http_server *server, struct MHD_Connection *connection, const char *path,
                             void **ret_exchange)
{
    struct http_exchange *exchange = exchange_new(server, connection);
    if (exchange == NULL) {
        return MHD_NO;
    }
    *ret_exchange = exchange;
    if (strlen(path) < sizeof(exchange->path)) {
        memcpy(exchange->path, path, strlen(path) + 1);
    }
    const char *length = header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    unsigned long long declared = strtoull(length, NULL, 10);
    if (declared > server->body_max) {
        exchange->state = TOO_LARGE;
    }
    return declared / 2 > server->body_max ? answer_too_large(exchange) : MHD_YES;
}

/*
 * Before a client has proved who it is little of its body is kept: the rest is swallowed and the handler gets an empty
 * one, with which nothing but a refusal can come of it.
 */
static bool keeps_body(struct http_exchange *exchange, size_t more)
{
    if (!exchange->server->tls || exchange->trusted || exchange->body.len + more <= STRANGER_BODY_MAX) {
        return !exchange->stranger;
    }
    read_peer_certificate(exchange);
    exchange->trusted = exchange->request.peer_certificate.len > 0;
    note_patient(exchange, false);
    exchange->stranger = !exchange->trusted;
    if (exchange->stranger) {
        buf_fini(&exchange->body);
    }
    return exchange->trusted;
}

static enum MHD_Result receive(struct http_exchange *exchange, const char *data, size_t len)
{
    if (exchange->state == CUT) {
        return MHD_NO;
    }
    if (exchange->state == RECEIVING && !keeps_body(exchange, len)) {
        exchange->swallowed += len;
        return exchange->swallowed > exchange->server->body_max ? MHD_NO : MHD_YES;
    }
    if (exchange->state == RECEIVING && buf_append(&exchange->body, data, len, NULL) != ERR_OK) {
        exchange->state = TOO_LARGE;
        buf_fini(&exchange->body);
    }
    if (exchange->state == TOO_LARGE) {
        exchange->swallowed += len;
    }
    return exchange->swallowed / 2 > exchange->server->body_max ? MHD_NO : MHD_YES;
}

enum MHD_Result http_exchange_on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                         const char *method, const char *version, const char *upload,
                                         size_t *upload_size, void **ret_exchange)
{
    (void)version;
    struct http_server *server = cls;
    struct http_exchange *exchange = *ret_exchange;
    server->runs = 0;
    if (server->stopping) {
        return MHD_NO;
    }
    if (exchange == NULL) {
        return begin(server, connection, url, ret_exchange);
    }
    if (*upload_size > 0) {
        size_t len = *upload_size;
        *upload_size = 0;
        return receive(exchange, upload, len);
    }
    switch (exchange->state) {
    case RECEIVING:
        return hand_over(exchange, method, url);
    case TOO_LARGE:
        return answer_too_large(exchange);
    case ANSWERED:
        return queue(exchange);
    case HANDED:
    case WAITING:
    case CUT:
        break;
    }
    return MHD_NO;
}

void http_exchange_on_connection(void *cls, struct MHD_Connection *connection, void **context,
                                 enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        patience_remove(&server->patience, *context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = info != NULL ? patience_add(&server->patience, info->connect_fd, clock_monotonic_ms()) : NULL;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (code == MHD_CONNECTION_NOTIFY_STARTED && server->resume != NULL && info != NULL && info->tls_session != NULL) {
        resume_server_begin(server->resume, info->tls_session);
    }
}

/* ---- requests whose end never comes ---- */

/* Looked at once: a request that is on its way for long is not looked at again for each other one. */
static struct slice proved_by(struct http_exchange *exchange)
{
    if (!exchange->looked && exchange->request.peer_certificate.len == 0) {
        exchange->looked = true;
        read_peer_certificate(exchange);
    }
    return exchange->forgotten ? slice_of("", 0) : exchange->request.peer_certificate;
}

static void was_cut(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    if (exchange->state != RECEIVING || server->cut == NULL || exchange->body.len == 0) {
        return;
    }
    exchange->state = CUT;
    if (proved_by(exchange).len > 0) {
        exchange->request.path = exchange->path;
        exchange->request.body = buf_slice(&exchange->body);
        server->cut(server->context, &exchange->request);
    }
}

void http_cut_others(struct http_server *server, const struct http_request *request)
{
    for (struct http_exchange *exchange = server->exchanges; exchange != NULL; exchange = exchange->next) {
        if (exchange->state != RECEIVING || exchange->body.len == 0 ||
            !slice_equal(proved_by(exchange), request->peer_certificate)) {
            continue;
        }
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        was_cut(exchange);
        if (info != NULL) {
            (void)shutdown(info->connect_fd, SHUT_RDWR);
        }
    }
}

void http_exchange_on_completed(void *cls, struct MHD_Connection *connection, void **ret_exchange,
                                enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)code;
    patience_answered(patient_of(connection), clock_monotonic_ms());
    if (*ret_exchange != NULL) {
        was_cut(*ret_exchange);
        exchange_free(*ret_exchange);
        *ret_exchange = NULL;
    }
}

const char *http_query(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool http_gone(const struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd client = { .fd = info != NULL ? info->connect_fd : -1 };
    return poll(&client, 1, 0) > 0 && (client.revents & (POLLHUP | POLLERR)) != 0;
}

/* ---- answers ---- */

static void send_answer(struct http_exchange *exchange, bool resume, const char *const *headers)
{
    for (; exchange->response != NULL && headers != NULL && headers[0] != NULL; headers += 2) {
        (void)MHD_add_response_header(exchange->response, headers[0], headers[1]);
    }
    if (resume) {
        MHD_resume_connection(exchange->connection);
        http_server_run_again(exchange->server);
    }
}

void http_answer(struct http_exchange *exchange, int status, const char *content_type, struct slice body,
                 const char *const *headers)
{
    CHECK(exchange->state == HANDED || exchange->state == WAITING);
    bool resume = exchange->state == WAITING;
    make_answer(exchange, status, content_type, body);
    send_answer(exchange, resume, headers);
}

struct body_sent {
    struct http_server *server;
    struct http_body body;
};

static ssize_t read_body(void *context, uint64_t at, char *out, size_t max)
{
    struct body_sent *sent = context;
    size_t len = sent->body.read(sent->body.context, (uint8_t *)out, max);
    sent->server->runs = 0; /* something has happened */
    return len > 0 && len <= sent->body.length - at ? (ssize_t)len : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void release_body(void *context)
{
    struct body_sent *sent = context;
    sent->body.release(sent->body.context);
    free(sent);
}

void http_answer_body(struct http_exchange *exchange, int status, const char *content_type,
                      const struct http_body *body, const char *const *headers)
{
    CHECK(exchange->state == HANDED || exchange->state == WAITING);
    bool resume = exchange->state == WAITING;
    struct body_sent *sent = malloc(sizeof(*sent));
    exchange->state = ANSWERED;
    exchange->status = (unsigned)status;
    if (sent != NULL) {
        *sent = (struct body_sent){ .server = exchange->server, .body = *body };
        exchange->response =
            MHD_create_response_from_callback(body->length, BODY_STEP_BYTES, read_body, sent, release_body);
    }
    if (exchange->response == NULL) {
        free(sent);
        body->release(body->context);
    } else {
        (void)MHD_add_response_header(exchange->response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    }
    send_answer(exchange, resume, headers);
}
