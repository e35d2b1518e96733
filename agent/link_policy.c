#include "agent/link_policy.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum { MINUTES_A_DAY = 24 * 60 };

struct link_policy {
    struct link_options options;
    struct metered *metered; /* NULL: the settings say it */
    uv_timer_t timer;        /* the next beginning or end of the hours */
    void (*changed)(void *context);
    void *context;
};

/* ---- hours ---- */

enum err_code link_hours_parse(const char *text, struct link_options *options, struct error *err)
{
    char from[TIME_OF_DAY_TEXT_SIZE] = "";
    const char *dash = strchr(text, '-');
    options->from_min = 0;
    options->to_min = 0;
    if (text[0] == '\0') {
        return ERR_OK;
    }
    if (dash != NULL && dash - text < (ptrdiff_t)sizeof(from)) {
        memcpy(from, text, (size_t)(dash - text));
    }
    if (dash == NULL || !time_of_day_parse(from, &options->from_min) ||
        !time_of_day_parse(dash + 1, &options->to_min)) {
        return FAIL(err, CONFIG, "read setting 'link.hours': expected HH:MM-HH:MM");
    }
    return ERR_OK;
}

bool link_hours_include(const struct link_options *options, int minute)
{
    if (options->from_min == options->to_min) {
        return true;
    }
    if (options->from_min < options->to_min) {
        return minute >= options->from_min && minute < options->to_min;
    }
    return minute >= options->from_min || minute < options->to_min;
}

static struct tm local_now(void)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm local = { 0 };
    (void)localtime_r(&now, &local);
    return local;
}

static void on_timer(uv_timer_t *timer)
{
    struct link_policy *policy = timer->data;
    link_policy_look(policy);
}

static int minutes_until(int now_min, int then_min)
{
    int left = (then_min - now_min + MINUTES_A_DAY) % MINUTES_A_DAY;
    return left > 0 ? left : MINUTES_A_DAY;
}

static void arm(struct link_policy *policy)
{
    const struct link_options *options = &policy->options;
    if (options->from_min == options->to_min) {
        return;
    }
    struct tm now = local_now();
    int now_min = now.tm_hour * 60 + now.tm_min;
    int from = minutes_until(now_min, options->from_min);
    int to = minutes_until(now_min, options->to_min);
    uint64_t left_s = (uint64_t)(from < to ? from : to) * 60 - (uint64_t)(now.tm_sec < 60 ? now.tm_sec : 59);
    CHECK(uv_timer_start(&policy->timer, on_timer, left_s * 1000, 0) == 0);
}

/* libcurl reads these, whoever uses it here; what is set after the start does not show in /proc. */
enum err_code link_use_proxy(const struct link_options *options, struct error *err)
{
    if (options->proxy[0] == '\0') {
        return ERR_OK;
    }
    bool none = strcmp(options->proxy, "none") == 0;
    if (setenv(none ? "no_proxy" : "https_proxy", none ? "*" : options->proxy, 1) != 0) {
        return FAIL(err, NO_MEMORY, "use the proxy of the settings");
    }
    return none || unsetenv("no_proxy") == 0 ? ERR_OK : FAIL(err, IO, "use the proxy of the settings");
}

/* ---- the whole ---- */

bool link_policy_metered(const struct link_policy *policy)
{
    return policy->metered != NULL ? metered_now(policy->metered) : policy->options.metered == LINK_METERED_YES;
}

bool link_policy_may_wait(const struct link_policy *policy)
{
    struct tm now = local_now();
    return policy->options.wait && !link_policy_metered(policy) &&
           link_hours_include(&policy->options, now.tm_hour * 60 + now.tm_min);
}

void link_policy_look(struct link_policy *policy)
{
    if (policy->metered != NULL) {
        metered_look(policy->metered);
    }
    arm(policy);
    policy->changed(policy->context);
}

static void on_metered(void *context)
{
    struct link_policy *policy = context;
    policy->changed(policy->context);
}

enum err_code link_policy_start(uv_loop_t *loop, const struct link_options *options, void (*changed)(void *context),
                                void *context, struct link_policy **ret_policy, struct error *err)
{
    struct link_policy *policy = calloc(1, sizeof(*policy));
    if (policy == NULL) {
        return FAIL(err, NO_MEMORY, "look at the link");
    }
    policy->options = *options;
    policy->changed = changed;
    policy->context = context;
    if (options->wait && options->metered == LINK_METERED_AUTO) {
        enum err_code rc = metered_start(loop, on_metered, policy, &policy->metered, err);
        if (rc != ERR_OK) {
            free(policy);
            return rc;
        }
    }
    CHECK(uv_timer_init(loop, &policy->timer) == 0);
    policy->timer.data = policy;
    arm(policy);
    *ret_policy = policy;
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void link_policy_stop(struct link_policy *policy)
{
    if (policy != NULL) {
        metered_stop(policy->metered);
        uv_close((uv_handle_t *)&policy->timer, on_closed);
    }
}
