#include "sync/edge/metered.h"

#include <poll.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "base/log.h"

#define MANAGER "org.freedesktop.NetworkManager"
#define MANAGER_PATH "/org/freedesktop/NetworkManager"
#define ANSWER_US (UINT64_C(5) * 1000 * 1000)
/* NMMetered of NetworkManager's D-Bus API */
enum { METERED_YES = 1, METERED_GUESS_YES = 3 };

struct metered {
    uv_loop_t *loop;
    uv_poll_t *poll; /* of the bus's socket; NULL: there is no bus */
    uv_timer_t timer;
    sd_bus *bus;
    bool yes;
    void (*changed)(void *context);
    void *context;
};

static void process(struct metered *metered);

/* ---- what NetworkManager says ---- */

static int on_value(sd_bus_message *message, void *context, sd_bus_error *failure)
{
    (void)failure;
    struct metered *metered = context;
    uint32_t value = 0;
    if (sd_bus_message_is_method_error(message, NULL) || sd_bus_message_read(message, "v", "u", &value) < 0) {
        value = 0; /* it does not run, or knows no such thing */
    }
    bool yes = value == METERED_YES || value == METERED_GUESS_YES;
    if (yes != metered->yes) {
        metered->yes = yes;
        LOG_INFO("link_metered", "metered=%s", yes ? "yes" : "no");
        metered->changed(metered->context);
    }
    return 0;
}

static void ask(struct metered *metered)
{
    sd_bus_message *message = NULL;
    if (sd_bus_message_new_method_call(metered->bus, &message, MANAGER, MANAGER_PATH, "org.freedesktop.DBus.Properties",
                                       "Get") >= 0 &&
        sd_bus_message_set_auto_start(message, 0) >= 0 &&
        sd_bus_message_append(message, "ss", MANAGER, "Metered") >= 0) {
        (void)sd_bus_call_async(metered->bus, NULL, message, on_value, metered, ANSWER_US);
    }
    (void)sd_bus_message_unref(message);
}

static int on_properties(sd_bus_message *message, void *context, sd_bus_error *failure)
{
    (void)message;
    (void)failure;
    ask(context);
    return 0;
}

/* ---- the bus on the loop ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void disconnect(struct metered *metered)
{
    if (metered->poll != NULL) {
        uv_close((uv_handle_t *)metered->poll, on_poll_closed);
        metered->poll = NULL;
    }
    (void)sd_bus_close_unref(metered->bus);
    metered->bus = NULL;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    process(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    process(timer->data);
}

static bool watch(struct metered *metered)
{
    uint64_t due_us = UINT64_MAX;
    int events = sd_bus_get_events(metered->bus);
    if (events < 0 || sd_bus_get_timeout(metered->bus, &due_us) < 0) {
        return false;
    }
    CHECK(uv_timer_stop(&metered->timer) == 0);
    if (due_us != UINT64_MAX) { /* on the monotonic clock, as libuv's is */
        uint64_t now_us = uv_hrtime() / 1000;
        CHECK(uv_timer_start(&metered->timer, on_timer, due_us > now_us ? (due_us - now_us) / 1000 + 1 : 0, 0) == 0);
    }
    return uv_poll_start(metered->poll, (events & POLLIN ? UV_READABLE : 0) | (events & POLLOUT ? UV_WRITABLE : 0),
                         on_poll) == 0;
}

static void process(struct metered *metered)
{
    int rc;
    do {
        rc = metered->bus != NULL ? sd_bus_process(metered->bus, NULL) : 0;
    } while (rc > 0);
    if (metered->bus != NULL && (rc < 0 || !watch(metered))) {
        disconnect(metered);
    }
}

static bool connect_bus(struct metered *metered)
{
    if (sd_bus_open_system(&metered->bus) < 0) {
        return false;
    }
    metered->poll = calloc(1, sizeof(*metered->poll));
    if (metered->poll == NULL || uv_poll_init(metered->loop, metered->poll, sd_bus_get_fd(metered->bus)) != 0) {
        free(metered->poll);
        metered->poll = NULL;
        return false;
    }
    metered->poll->data = metered;
    return sd_bus_match_signal_async(metered->bus, NULL, MANAGER, MANAGER_PATH, "org.freedesktop.DBus.Properties",
                                     "PropertiesChanged", on_properties, NULL, metered) >= 0;
}

void metered_look(struct metered *metered)
{
    if (metered->bus == NULL && !connect_bus(metered)) {
        disconnect(metered);
        return;
    }
    ask(metered);
    process(metered);
}

/* ---- life ---- */

enum err_code metered_start(uv_loop_t *loop, void (*changed)(void *context), void *context,
                            struct metered **ret_metered, struct error *err)
{
    struct metered *metered = calloc(1, sizeof(*metered));
    if (metered == NULL) {
        return FAIL(err, NO_MEMORY, "ask whether the link is metered");
    }
    metered->loop = loop;
    metered->changed = changed;
    metered->context = context;
    CHECK(uv_timer_init(loop, &metered->timer) == 0);
    metered->timer.data = metered;
    *ret_metered = metered;
    metered_look(metered);
    return ERR_OK;
}

bool metered_now(const struct metered *metered)
{
    return metered->yes;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void metered_stop(struct metered *metered)
{
    if (metered != NULL) {
        disconnect(metered);
        uv_close((uv_handle_t *)&metered->timer, on_timer_closed);
    }
}
