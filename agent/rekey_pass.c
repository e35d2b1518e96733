#include "agent/rekey_pass.h"

#include "base/clock.h"
#include "base/log.h"

/* The rest after a step: as long as the step took, within these; and when somebody was in its way. */
enum { REST_MIN_MS = 1, REST_MAX_MS = 200, WAITING_MS = 100 };

static void on_timer(uv_timer_t *timer);

static void schedule(struct rekey_pass *pass, int64_t delay_ms)
{
    CHECK(uv_timer_start(&pass->timer, on_timer, (uint64_t)delay_ms, 0) == 0);
}

static void look(struct rekey_pass *pass)
{
    vault_rekey_progress(pass->vault, &pass->progress);
    schedule(pass, pass->progress.running ? REST_MIN_MS : REKEY_LOOK_MS);
}

static int64_t rest_ms(const struct rekey_pass *pass, int64_t took_ms)
{
    if (pass->progress.waiting) {
        return WAITING_MS;
    }
    return took_ms < REST_MIN_MS ? REST_MIN_MS : took_ms > REST_MAX_MS ? REST_MAX_MS : took_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct rekey_pass *pass = timer->data;
    if (!pass->progress.running) {
        look(pass);
        return;
    }
    int64_t before_ms = clock_monotonic_ms();
    struct error err;
    enum err_code rc = vault_rekey_step(pass->vault, REKEY_PASS_PAGES, &pass->progress, &err);
    if (rc != ERR_OK) {
        log_error("rekey_step_failed", &err);
        pass->trouble = err;
        schedule(pass, REKEY_RETRY_MS);
        return;
    }
    pass->trouble = (struct error){ 0 };
    schedule(pass, pass->progress.running ? rest_ms(pass, clock_monotonic_ms() - before_ms) : REKEY_LOOK_MS);
}

void rekey_pass_init(struct rekey_pass *pass, uv_loop_t *loop, struct vault *vault)
{
    *pass = (struct rekey_pass){ .vault = vault };
    CHECK(uv_timer_init(loop, &pass->timer) == 0);
    pass->timer.data = pass;
    look(pass);
}

enum err_code rekey_pass_begin(struct rekey_pass *pass, struct error *err)
{
    if (pass->stopping) {
        return FAIL(err, LOCKED, "re-key: the replica is being locked");
    }
    TRY(vault_rekey_begin(pass->vault, err));
    pass->trouble = (struct error){ 0 };
    look(pass);
    return ERR_OK;
}

json_t *rekey_pass_value(const struct rekey_pass *pass)
{
    const struct vault_rekey_progress *progress = &pass->progress;
    if (pass->vault == NULL || !progress->running) {
        return json_null();
    }
    json_t *message = json_string(pass->trouble.message);
    return json_pack("{s:I,s:I,s:o}", "pages_done", (json_int_t)progress->pages_done, "pages_total",
                     (json_int_t)progress->pages_total, "message", message != NULL ? message : json_string(""));
}

static void on_closed(uv_handle_t *handle)
{
    struct rekey_pass *pass = handle->data;
    vault_rekey_pause(pass->vault);
    pass->vault = NULL;
    pass->stopped(pass->context);
}

void rekey_pass_stop(struct rekey_pass *pass, void (*stopped)(void *context), void *context)
{
    CHECK(!pass->stopping);
    pass->stopping = true;
    pass->stopped = stopped;
    pass->context = context;
    uv_close((uv_handle_t *)&pass->timer, on_closed);
}
