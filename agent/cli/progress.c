#include "agent/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/cli/answer.h"
#include "agent/cli/human.h"
#include "sync/edge/local_client.h"

enum { STATUS_TIMEOUT_S = 2 };

static struct {
    struct cli *cli; /* NULL: nothing is shown */
    const char *member;
    bool shown;
} progress;

int64_t progress_percent(const json_t *value)
{
    int64_t total = answer_int(value, "total");
    return total > 0 ? answer_int(value, "done") * 100 / total : 0;
}

static void show(const json_t *value)
{
    const struct screen *notes = &progress.cli->notes;
    if (answer_int(value, "records_total") > 0) {
        struct human done = human_number((uint64_t)answer_int(value, "records_done"));
        struct human total = human_number((uint64_t)answer_int(value, "records_total"));
        screen_print(notes, "\r  %s of %s records ...\033[K", done.text, total.text);
    } else if (answer_has(value, "total")) {
        screen_print(notes, "\r  %" PRId64 "%% ...\033[K", progress_percent(value));
    } else {
        struct human rows = human_count((uint64_t)answer_int(value, "rows"), "row", "rows");
        screen_print(notes, "\r  %s ...\033[K", rows.text);
    }
    (void)fflush(notes->out);
    progress.shown = true;
}

/* A status that does not come is no trouble of the call's. */
static void on_wait(void)
{
    SCOPED(answer_free) json_t *status = NULL;
    struct error err;
    if (local_request(progress.cli->socket_path, "GET", "/v1/status", NULL, STATUS_TIMEOUT_S, &status, &err) !=
        ERR_OK) {
        return;
    }
    const json_t *value = answer_member(status, progress.member);
    if (value != NULL) {
        show(value);
    }
}

void progress_begin(struct cli *cli, const char *member)
{
    if (cli->notes.width > 0 && !cli->json) {
        progress.cli = cli;
        progress.member = member;
        local_on_wait(on_wait);
    }
}

void progress_end(struct cli *cli)
{
    local_on_wait(NULL);
    if (progress.shown) {
        screen_print(&cli->notes, "\r\033[K");
        (void)fflush(cli->notes.out);
    }
    progress.shown = false;
}
