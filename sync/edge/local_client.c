#include "sync/edge/local_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "crypto/secret.h"

#define JSON "application/json"
#define URL_MAX 4096

struct local_call {
    CURL *easy;
    struct curl_slist *headers;
    struct buf url;
    char detail[CURL_ERROR_SIZE];
};

static char authorization[LOCAL_TOKEN_MAX + 32];

void local_authorize(const char *token)
{
    secret_wipe(authorization, sizeof(authorization));
    if (token != NULL && token[0] != '\0') {
        CHECK(strlen(token) <= LOCAL_TOKEN_MAX);
        (void)snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", token);
    }
}

static void (*on_wait)(void);
static bool in_wait;

void local_on_wait(void (*waited)(void))
{
    on_wait = waited;
}

/* libcurl calls it once a second also when nothing comes. */
static int look_while_waiting(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    (void)context;
    (void)down_total;
    (void)up_total;
    (void)up;
    if (down == 0 && !in_wait) {
        in_wait = true;
        on_wait();
        in_wait = false;
    }
    return 0;
}

struct local_answer {
    long status;
    bool json;
};

static void call_fini(struct local_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    buf_fini(&call->url);
}

struct incoming {
    CURL *easy;
    struct buf *body;
    local_taker take; /* NULL: all goes to `body` */
    void *context;
    enum err_code rc; /* of `take` */
    struct error *err;
};

static bool success(long status)
{
    return status >= 200 && status < 300;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct incoming *incoming = context;
    long status = 0;
    (void)curl_easy_getinfo(incoming->easy, CURLINFO_RESPONSE_CODE, &status);
    if (incoming->take == NULL || !success(status)) {
        return buf_append(incoming->body, data, size * count, NULL) == ERR_OK ? size * count : 0;
    }
    incoming->rc = incoming->take(incoming->context, slice_of(data, size * count), incoming->err);
    return incoming->rc == ERR_OK ? size * count : 0;
}

static enum err_code no_service(const struct local_call *call, const char *socket_path, struct error *err)
{
    long cause = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &cause);
    if (cause == EACCES || cause == EPERM) {
        return FAIL(err, NETWORK, "use the service's socket '%s': not allowed for this user", socket_path);
    }
    return FAIL(err, NETWORK, "reach the service: nobody listens on '%s'; is the service running?", socket_path);
}

static enum err_code failed(const struct local_call *call, CURLcode code, const char *socket_path, struct error *err)
{
    const char *detail = call->detail[0] != '\0' ? call->detail : curl_easy_strerror(code);
    switch ((unsigned)code) {
    case CURLE_COULDNT_CONNECT:
        return no_service(call, socket_path, err);
    case CURLE_OPERATION_TIMEDOUT:
        return FAIL(err, NETWORK, "wait for the service: it did not answer in time");
    case CURLE_WRITE_ERROR:
        return FAIL(err, LIMIT, "take the service's answer: it is larger than allowed");
    case CURLE_OUT_OF_MEMORY:
        return FAIL(err, NO_MEMORY, "ask the service");
    default:
        return FAIL(err, NETWORK, "ask the service: %s", detail);
    }
}

static CURLcode set_request(struct local_call *call, const char *socket_path, const char *method, struct slice body,
                            long timeout_s)
{
    CURL *easy = call->easy;
    bool post = body.data != NULL;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_URL, (const char *)call->url.data);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_PROXY, "");
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_TIMEOUT, timeout_s);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->detail);
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    if (on_wait != NULL) {
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, look_while_waiting);
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    }
    if (post || strcmp(method, "POST") == 0) {
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POST, 1L);
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        code =
            code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post ? (const char *)body.data : "");
    }
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static bool set_headers(struct local_call *call, const char *content_type)
{
    char line[160] = "Content-Type: ";
    size_t used = strlen(line);
    CHECK(strlen(content_type) < sizeof(line) - used);
    memcpy(line + used, content_type, strlen(content_type) + 1);
    call->headers = curl_slist_append(NULL, line);
    if (call->headers == NULL || curl_slist_append(call->headers, "Expect:") == NULL) {
        return false;
    }
    return authorization[0] == '\0' || curl_slist_append(call->headers, authorization) != NULL;
}

static enum err_code perform(struct local_call *call, const char *socket_path, struct incoming *incoming,
                             struct local_answer *ret_answer, struct error *err)
{
    incoming->easy = call->easy;
    incoming->err = err;
    CURLcode code = curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    code = code != CURLE_OK ? code : curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, incoming);
    code = code != CURLE_OK ? code : curl_easy_perform(call->easy);
    if (code != CURLE_OK) {
        return incoming->rc != ERR_OK ? incoming->rc : failed(call, code, socket_path, err);
    }
    const char *content_type = NULL;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &ret_answer->status);
    (void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &content_type);
    ret_answer->json = content_type != NULL && strncasecmp(content_type, JSON, strlen(JSON)) == 0;
    return ERR_OK;
}

static enum err_code ask(const char *socket_path, const char *method, const char *path, struct slice body,
                         const char *content_type, long timeout_s, struct incoming *incoming,
                         struct local_answer *ret_answer, struct error *err)
{
    SCOPED(call_fini) struct local_call call = { .easy = curl_easy_init() };
    buf_init(&call.url, URL_MAX);
    if (call.easy == NULL || !set_headers(&call, content_type)) {
        return FAIL(err, NO_MEMORY, "ask the service");
    }
    TRY(buf_append_format(&call.url, err, "http://localhost%s", path));
    TRY(buf_append(&call.url, "", 1, err));
    CURLcode code = set_request(&call, socket_path, method, body, timeout_s);
    if (code != CURLE_OK) {
        return failed(&call, code, socket_path, err);
    }
    return perform(&call, socket_path, incoming, ret_answer, err);
}

/* The service's own words, when the answer has them. */
static enum err_code refused(long status, const json_t *answer, struct error *err)
{
    const json_t *error = json_object_get(answer, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    if (code == NULL || message == NULL) {
        return FAIL(err, PROTOCOL, "ask the service: it answered with status %ld and no reason", status);
    }
    enum err_code rc = err_code_from_name(code);
    return error_set(err, rc != ERR_OK ? rc : ERR_PROTOCOL, "%s", message);
}

static enum err_code load_json(struct slice text, json_t **ret_json, struct error *err)
{
    json_error_t problem;
    json_t *json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &problem);
    if (json == NULL) {
        return FAIL(err, PROTOCOL, "read the service's answer: not JSON at byte %d", problem.position);
    }
    *ret_json = json;
    return ERR_OK;
}

static bool succeeded(const struct local_answer *answer)
{
    return success(answer->status);
}

enum err_code local_request(const char *socket_path, const char *method, const char *path, const json_t *body,
                            long timeout_s, json_t **ret_json, struct error *err)
{
    SCOPED(scoped_free) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    if (body != NULL && text == NULL) {
        return FAIL(err, NO_MEMORY, "ask the service");
    }
    SCOPED(buf_fini) struct buf answer_body;
    buf_init(&answer_body, LOCAL_RESPONSE_MAX);
    struct local_answer answer = { 0 };
    struct slice sent = text != NULL ? slice_of_text(text) : (struct slice){ 0 };
    struct incoming incoming = { .body = &answer_body };
    *ret_json = NULL;
    TRY(ask(socket_path, method, path, sent, JSON, timeout_s, &incoming, &answer, err));
    json_t *json = NULL;
    if (answer.json || succeeded(&answer)) {
        TRY(load_json(buf_slice(&answer_body), &json, err));
    }
    *ret_json = json;
    return succeeded(&answer) ? ERR_OK : refused(answer.status, json, err);
}

/* What the service said in place of an answer; taken off `body` again. */
static enum err_code refused_in(const struct local_answer *answer, struct buf *body, size_t before, struct error *err)
{
    json_t *json = NULL;
    struct slice text = slice_of(body->data + before, body->len - before);
    if (answer->json && load_json(text, &json, NULL) != ERR_OK) {
        json = NULL;
    }
    body->len = before;
    enum err_code rc = refused(answer->status, json, err);
    json_decref(json);
    return rc;
}

enum err_code local_request_bytes(const char *socket_path, const char *method, const char *path, struct slice body,
                                  const char *content_type, long timeout_s, struct buf *ret_body, struct error *err)
{
    struct local_answer answer = { 0 };
    struct incoming incoming = { .body = ret_body };
    size_t before = ret_body->len;
    TRY(ask(socket_path, method, path, body, content_type, timeout_s, &incoming, &answer, err));
    return succeeded(&answer) ? ERR_OK : refused_in(&answer, ret_body, before, err);
}

enum err_code local_request_parts(const char *socket_path, const char *method, const char *path, local_taker take,
                                  void *context, struct error *err)
{
    struct local_answer answer = { 0 };
    SCOPED(buf_fini) struct buf refusal;
    buf_init(&refusal, LOCAL_RESPONSE_MAX);
    struct incoming incoming = { .body = &refusal, .take = take, .context = context };
    TRY(ask(socket_path, method, path, (struct slice){ 0 }, JSON, 0, &incoming, &answer, err));
    return succeeded(&answer) ? ERR_OK : refused_in(&answer, &refusal, 0, err);
}
