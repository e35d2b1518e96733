#include "sync/endpoint/ctl/pieces.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "sync/bundle.h"
#include "sync/edge/local_client.h"

void scoped_json(json_t **json)
{
    json_decref(*json);
}

enum err_code talk_begin(struct talk *talk, const struct common *common, struct error *err)
{
    *talk = (struct talk){ .common = common, .err = err };
    return command_socket(common, talk->scratch, &talk->socket, err);
}

enum err_code talk_ask(const struct talk *talk, const char *path, const json_t *body, json_t **ret_answer)
{
    json_t *answer = NULL;
    enum err_code rc = local_request(talk->socket, "POST", path, body, PIECES_TIMEOUT_S, &answer, talk->err);
    if (rc != ERR_OK) {
        json_decref(answer);
        return rc;
    }
    *ret_answer = answer;
    return ERR_OK;
}

const char *talk_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static bool shows(const struct common *common)
{
    return !common->json && isatty(STDERR_FILENO) == 1;
}

void talk_progress(const struct common *common, uint64_t done, uint64_t total)
{
    if (shows(common) && total > 0) {
        (void)fprintf(stderr, "\r  %" PRIu64 " of %" PRIu64 " KiB   ", done / 1024, total / 1024);
    } else if (shows(common)) {
        (void)fprintf(stderr, "\r  %" PRIu64 " KiB   ", done / 1024);
    }
}

void talk_progress_clear(const struct common *common)
{
    if (shows(common)) {
        (void)fprintf(stderr, "\r%40s\r", "");
    }
}

static enum err_code fetch(const struct talk *talk, const char *path, uint64_t total, struct part_file *file)
{
    SCOPED(buf_fini) struct buf part;
    buf_init(&part, BUNDLE_MESSAGE_MAX + BUNDLE_PIECE_MAX);
    for (uint64_t done = 0;; done += part.len) {
        buf_clear(&part);
        TRY(local_request_bytes(talk->socket, "POST", path, (struct slice){ 0 }, "application/octet-stream",
                                PIECES_TIMEOUT_S, &part, talk->err));
        if (part.len == 0) {
            return ERR_OK;
        }
        TRY(part_file_put(file, buf_slice(&part), talk->err));
        talk_progress(talk->common, done + part.len, total);
    }
}

enum err_code talk_fetch(const struct talk *talk, const char *path, uint64_t total, struct part_file *file)
{
    enum err_code rc = fetch(talk, path, total, file);
    talk_progress_clear(talk->common);
    return rc;
}
