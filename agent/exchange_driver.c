#include "agent/exchange_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/edge/http_client.h"

#define CONNECT_TIMEOUT_S 20

struct exchange_driver {
    struct store_identity identity;
    struct device_key *key;
    struct secret key_pem;
    struct buf certificate_pem; /* with a closing NUL, like ca_pem */
    struct buf ca_pem;
    char url[STORE_URL_MAX + sizeof(EXCHANGE_PATH)];
    struct http_client *http;
    struct client_io io; /* borrowed by the client */
    struct client *client;
    uv_timer_t timer;
    bool sending;
    bool small_packets; /* the last answer came over a network that loses large ones */
    bool stopping;
    int closing; /* handles still open */
    void (*changed)(void *context, bool new_ops);
    void *changed_context;
    void (*stopped)(void *context);
    void *stopped_context;
};

/* ---- what the machine asks for ---- */

static int64_t io_wall_ms(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static int64_t io_monotonic_ms(void *context)
{
    (void)context;
    return clock_monotonic_ms();
}

/* Unbiased: numbers of the incomplete last range are drawn again. Without randomness the largest delay is the safe
 * answer. */
static uint32_t io_random_below(void *context, uint32_t limit)
{
    (void)context;
    if (limit <= 1) {
        return 0;
    }
    uint32_t usable = UINT32_MAX - UINT32_MAX % limit;
    uint8_t bytes[4];
    for (;;) {
        if (random_bytes(bytes, sizeof(bytes), NULL) != ERR_OK) {
            return limit - 1;
        }
        uint32_t number = get_be32(bytes);
        if (number < usable) {
            return number % limit;
        }
    }
}

static void on_answer(void *context, const struct http_result *result)
{
    struct exchange_driver *driver = context;
    struct client_answer answer = { .outcome = result->outcome,
                                    .error = result->error,
                                    .http_status = result->status,
                                    .content_type = result->content_type != NULL ? result->content_type : "",
                                    .body = result->body,
                                    .retry_after_s = result->retry_after_s,
                                    .bytes_sent = result->bytes_sent,
                                    .bytes_received = result->bytes_received };
    driver->sending = false;
    driver->small_packets = result->outcome == ERR_OK && result->small_packets;
    client_answered(driver->client, &answer);
}

static void io_wait(void *context, struct slice body, uint32_t wait_s)
{
    struct exchange_driver *driver = context;
    struct http_post post = { .url = driver->url, .body = body, .wait_s = wait_s };
    driver->sending = true;
    http_client_post(driver->http, &post, on_answer, driver);
}

static void io_send(void *context, struct slice body)
{
    io_wait(context, body, 0);
}

static void io_cancel(void *context)
{
    struct exchange_driver *driver = context;
    driver->sending = false;
    http_client_cancel(driver->http);
}

static void on_timer(uv_timer_t *timer)
{
    struct exchange_driver *driver = timer->data;
    client_timer(driver->client);
}

static void io_set_timer(void *context, int64_t delay_ms)
{
    struct exchange_driver *driver = context;
    if (delay_ms < 0) {
        CHECK(uv_timer_stop(&driver->timer) == 0);
    } else if (!driver->stopping) {
        CHECK(uv_timer_start(&driver->timer, on_timer, (uint64_t)delay_ms, 0) == 0);
    }
}

static void io_changed(void *context, bool new_ops)
{
    struct exchange_driver *driver = context;
    if (!driver->stopping) {
        driver->changed(driver->changed_context, new_ops);
    }
}

/* The first bytes tell two states with the same counter apart. */
static bool ask_freshness(void *context, uint64_t *ret_counter, uint8_t ret_hash[EXCHANGE_FRESHNESS_HASH_BYTES])
{
    uint8_t hash[SHA256_BYTES];
    if (store_freshness(context, ret_counter, hash, NULL) != ERR_OK) {
        return false;
    }
    memcpy(ret_hash, hash, EXCHANGE_FRESHNESS_HASH_BYTES);
    return true;
}

/* ---- life ---- */

static void driver_free(struct exchange_driver *driver)
{
    if (driver->client != NULL) {
        client_free(driver->client);
    }
    device_key_free(driver->key);
    secret_free(&driver->key_pem);
    buf_fini(&driver->certificate_pem);
    buf_fini(&driver->ca_pem);
    store_identity_fini(&driver->identity);
    free(driver);
}

static enum err_code pem_of(struct slice der, struct buf *out, struct error *err)
{
    TRY(certificate_to_pem(der, out, err));
    return buf_append(out, "", 1, err);
}

static enum err_code load(struct exchange_driver *driver, struct store *store, struct error *err)
{
    TRY(store_identity_read(store, &driver->identity, err));
    if (!driver->identity.enrolled) {
        return FAIL(err, NOT_ENROLLED, "exchange: this device is not enrolled yet");
    }
    int len = snprintf(driver->url, sizeof(driver->url), "%s" EXCHANGE_PATH, driver->identity.endpoint);
    CHECK(len > 0 && (size_t)len < sizeof(driver->url));
    const struct secret *key = &driver->identity.key_pkcs8;
    TRY(device_key_load(slice_of(key->bytes, key->len), &driver->key, err));
    TRY(device_key_export_pem(driver->key, &driver->key_pem, err));
    TRY(pem_of(buf_slice(&driver->identity.certificate), &driver->certificate_pem, err));
    return pem_of(authorities_present(buf_slice(&driver->identity.ca)), &driver->ca_pem, err);
}

static enum err_code connect_parts(struct exchange_driver *driver, uv_loop_t *loop, struct store *store,
                                   struct error *err)
{
    driver->io = (struct client_io){ .context = driver,
                                     .wall_ms = io_wall_ms,
                                     .monotonic_ms = io_monotonic_ms,
                                     .random_below = io_random_below,
                                     .send = io_send,
                                     .set_timer = io_set_timer,
                                     .changed = io_changed,
                                     .wait = io_wait,
                                     .cancel = io_cancel };
    struct http_client_options options = { .ca_pem = (const char *)driver->ca_pem.data,
                                           .certificate_pem = (const char *)driver->certificate_pem.data,
                                           .key_pem = slice_of(driver->key_pem.bytes, driver->key_pem.len),
                                           .connect_timeout_s = CONNECT_TIMEOUT_S,
                                           .response_max = EXCHANGE_RESPONSE_MAX };
    TRY(client_new(store, &driver->identity, driver->key, &driver->io, &driver->client, err));
    client_set_freshness(driver->client, ask_freshness, store);
    TRY(http_client_start(loop, &options, &driver->http, err));
    CHECK(uv_timer_init(loop, &driver->timer) == 0);
    driver->timer.data = driver;
    return ERR_OK;
}

enum err_code exchange_driver_start(uv_loop_t *loop, struct store *store, void (*changed)(void *context, bool new_ops),
                                    void *context, struct exchange_driver **ret_driver, struct error *err)
{
    struct exchange_driver *driver = calloc(1, sizeof(*driver));
    if (driver == NULL) {
        return FAIL(err, NO_MEMORY, "start the exchange");
    }
    driver->changed = changed;
    driver->changed_context = context;
    buf_init(&driver->certificate_pem, 4 * CERTIFICATE_DER_MAX);
    buf_init(&driver->ca_pem, 4 * CERTIFICATE_DER_MAX);
    enum err_code rc = load(driver, store, err);
    if (rc == ERR_OK) {
        rc = connect_parts(driver, loop, store, err);
    }
    if (rc != ERR_OK) {
        if (driver->client != NULL) {
            client_stop(driver->client);
        }
        driver_free(driver);
        return rc;
    }
    *ret_driver = driver;
    exchange_driver_wake(driver, CLIENT_WAKE_START);
    return ERR_OK;
}

bool exchange_driver_has_address(const struct exchange_driver *driver)
{
    return driver->identity.endpoint[0] != '\0';
}

void exchange_driver_wake(struct exchange_driver *driver, enum client_wake why)
{
    if (!driver->stopping && exchange_driver_has_address(driver)) {
        client_wake(driver->client, why);
    }
}

void exchange_driver_allow_waiting(struct exchange_driver *driver, bool allowed)
{
    if (!driver->stopping && exchange_driver_has_address(driver)) {
        client_allow_waiting(driver->client, allowed);
    }
}

bool exchange_driver_small_packets(const struct exchange_driver *driver)
{
    return driver->small_packets;
}

void exchange_driver_status(const struct exchange_driver *driver, struct client_status *ret_status)
{
    client_status(driver->client, ret_status);
}

struct client *exchange_driver_client(const struct exchange_driver *driver)
{
    return driver->client;
}

static void part_closed(struct exchange_driver *driver)
{
    if (--driver->closing > 0) {
        return;
    }
    if (driver->sending) { /* the machine is owed an answer; stopped, it drops it */
        struct client_answer cut = { .outcome = ERR_NETWORK, .content_type = "" };
        client_answered(driver->client, &cut);
    }
    void (*stopped)(void *context) = driver->stopped;
    void *context = driver->stopped_context;
    driver_free(driver);
    stopped(context);
}

static void on_http_stopped(void *context)
{
    part_closed(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

void exchange_driver_stop(struct exchange_driver *driver, void (*stopped)(void *context), void *context)
{
    CHECK(!driver->stopping);
    driver->stopping = true;
    driver->stopped = stopped;
    driver->stopped_context = context;
    driver->closing = 2;
    client_stop(driver->client);
    http_client_stop(driver->http, on_http_stopped, driver);
    uv_close((uv_handle_t *)&driver->timer, on_timer_closed);
}
