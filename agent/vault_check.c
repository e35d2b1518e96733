#include "agent/vault_check.h"

#include <string.h>

#include "agent/api_call.h"
#include "base/clock.h"
#include "base/log.h"

void vault_check_init(struct vault_check *check, uv_loop_t *loop, const char *path, void (*changed)(void *context),
                      void *context)
{
    *check = (struct vault_check){ .loop = loop, .path = path, .changed = changed, .context = context };
    check->work.data = check;
}

/* ---- in a thread of the pool ---- */

static bool on_progress(void *context, uint64_t bytes_done, uint64_t bytes_total)
{
    struct vault_check *check = context;
    atomic_store(&check->bytes_done, bytes_done);
    atomic_store(&check->bytes_total, bytes_total);
    return !atomic_load(&check->stop);
}

static enum err_code look(struct vault_check *check, struct vault *vault, struct error *err)
{
    struct vault_verify_progress progress = { .report = on_progress, .context = check };
    TRY(vault_verify(vault, &progress, &check->report, err));
    for (size_t i = 0; i < check->report.findings; i++) {
        (void)vault_verify_describe(vault, &check->report.finding[i], check->findings[i], CHECK_FINDING_SIZE);
    }
    return ERR_OK;
}

static enum err_code look_at_closed(struct vault_check *check, struct error *err)
{
    struct vault_unlock unlock = { .kind = check->kind,
                                   .secret = check->secret.bytes,
                                   .secret_len = check->secret.len };
    struct vault *vault = NULL;
    TRY(vault_open(check->path, &unlock, &vault, err));
    enum err_code rc = look(check, vault, err);
    vault_close(vault);
    return rc;
}

static void check_job(uv_work_t *work)
{
    struct vault_check *check = work->data;
    check->rc = check->vault != NULL ? look(check, check->vault, &check->err) : look_at_closed(check, &check->err);
    secret_drop_stack();
}

/* ---- on the loop ---- */

static void on_checked(uv_work_t *work, int status)
{
    struct vault_check *check = work->data;
    CHECK(status == 0);
    secret_free(&check->secret);
    check->vault = NULL;
    check->running = false;
    check->reported = !atomic_load(&check->stop);
    check->at_ms = clock_wall_ms();
    check->duration_ms = clock_monotonic_ms() - check->began_ms;
    if (check->rc != ERR_OK) {
        log_error("vault_check_failed", &check->err);
    } else {
        LOG_INFO("vault_checked", "pages=%u frames=%u damages=%llu duration_ms=%lld", check->report.pages,
                 check->report.frames, (unsigned long long)check->report.damages, (long long)check->duration_ms);
    }
    check->changed(check->context);
}

static enum err_code may_start(const struct vault_check *check, struct error *err)
{
    if (check->running) {
        return FAIL(err, BUSY, "check the vault: it is being checked already");
    }
    return vault_exists(check->path) ? ERR_OK : FAIL(err, NOT_FOUND, "check the vault: there is none here");
}

static void start(struct vault_check *check)
{
    atomic_store(&check->stop, false);
    atomic_store(&check->bytes_done, 0);
    atomic_store(&check->bytes_total, 0);
    check->running = true;
    check->reported = false;
    check->err = (struct error){ 0 };
    check->began_ms = clock_monotonic_ms();
    CHECK(uv_queue_work(check->loop, &check->work, check_job, on_checked) == 0);
}

enum err_code vault_check_start(struct vault_check *check, struct vault *vault, struct error *err)
{
    TRY(may_start(check, err));
    check->vault = vault;
    start(check);
    return ERR_OK;
}

enum err_code vault_check_start_closed(struct vault_check *check, enum vault_slot_kind kind, struct secret *secret,
                                       struct error *err)
{
    enum err_code rc = may_start(check, err);
    if (rc != ERR_OK) {
        secret_free(secret);
        return rc;
    }
    check->vault = NULL;
    check->kind = kind;
    check->secret = *secret;
    *secret = (struct secret){ 0 };
    start(check);
    return ERR_OK;
}

void vault_check_stop(struct vault_check *check)
{
    atomic_store(&check->stop, true);
}

bool vault_check_running(const struct vault_check *check)
{
    return check->running;
}

uint64_t vault_check_got(const struct vault_check *check)
{
    return atomic_load(&check->bytes_done);
}

/* ---- in words ---- */

static json_t *running_value(const struct vault_check *check)
{
    return !check->running ? json_null()
                           : json_pack("{s:I,s:I}", "bytes_done", (json_int_t)atomic_load(&check->bytes_done),
                                       "bytes_total", (json_int_t)atomic_load(&check->bytes_total));
}

static const char *part_name(enum vault_verify_part part)
{
    switch (part) {
    case VAULT_VERIFY_PAGE:
        return "page";
    case VAULT_VERIFY_FRAME:
        return "frame";
    case VAULT_VERIFY_LOG:
        return "log";
    case VAULT_VERIFY_FRESH:
        break;
    }
    return "fresh";
}

static json_t *findings_value(const struct vault_check *check)
{
    json_t *list = json_array();
    for (size_t i = 0; i < check->report.findings; i++) {
        const struct vault_verify_finding *finding = &check->report.finding[i];
        (void)json_array_append_new(list, json_pack("{s:s,s:o,s:o}", "part", part_name(finding->part), "number",
                                                    finding->number == 0 ? json_null() : json_integer(finding->number),
                                                    "message", value_text(check->findings[i])));
    }
    return list;
}

static json_t *last_value(const struct vault_check *check)
{
    if (!check->reported) {
        return json_null();
    }
    if (check->rc != ERR_OK) {
        return json_pack("{s:o,s:s,s:o}", "at", value_instant(check->at_ms), "result", err_code_name(check->rc),
                         "message", value_text(check->err.message));
    }
    return json_pack("{s:o,s:s,s:I,s:I,s:I,s:I,s:o}", "at", value_instant(check->at_ms), "result",
                     check->report.damages == 0 ? "ok" : "damaged", "pages", (json_int_t)check->report.pages, "frames",
                     (json_int_t)check->report.frames, "damages", (json_int_t)check->report.damages, "duration_ms",
                     (json_int_t)check->duration_ms, "findings", findings_value(check));
}

json_t *vault_check_value(const struct vault_check *check)
{
    return json_pack("{s:o,s:o}", "running", running_value(check), "last", last_value(check));
}
