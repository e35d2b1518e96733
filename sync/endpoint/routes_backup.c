/*
 * The centre's backup, for the operator: one sealed file of one moment, in pieces, while devices are served.
 *
 *   POST /v1/admin/backup        ──► {"id", "pages", "bytes", ...}
 *                        /next   ?id= ──► bytes; none at the end
 *                        /end    ?id= ──► what it is, and whether all of it was asked for
 */
#include <string.h>

#include "base/clock.h"
#include "sync/endpoint/core/admin.h"
#include "sync/endpoint/endpoint.h"

#define PATH "/v1/admin/backup"

static json_t *about_value(const struct backup_about *about, const char *id, bool complete)
{
    return json_pack("{s:s,s:I,s:I,s:o,s:b,s:o}", "id", id, "pages", (json_int_t)about->pages, "bytes",
                     (json_int_t)about->bytes, "made_at", json_instant(about->made_at_ms), "complete", complete,
                     "fingerprint", complete ? json_hex(about->fingerprint, sizeof(about->fingerprint)) : json_null());
}

static enum err_code post_begin(struct endpoint *endpoint, json_t **ret_answer, struct error *err)
{
    struct backup_about about;
    TRY(backup_task_begin(&endpoint->backup, endpoint->vault, clock_wall_ms(), err));
    (void)backup_write_about(endpoint->backup.writer, &about);
    *ret_answer = about_value(&about, endpoint->backup.id, false);
    return ERR_OK;
}

static enum err_code post_end(struct endpoint *endpoint, const char *id, json_t **ret_answer, struct error *err)
{
    struct backup_about about;
    bool complete;
    TRY(backup_task_end(&endpoint->backup, id, &about, &complete, err));
    *ret_answer = about_value(&about, id, complete);
    return ERR_OK;
}

bool routes_backup_knows(const char *path)
{
    size_t len = strlen(PATH);
    return strncmp(path, PATH, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

enum err_code routes_backup(struct endpoint *endpoint, const struct http_request *request, struct buf *ret_bytes,
                            json_t **ret_answer, struct error *err)
{
    const char *step = request->path + strlen(PATH);
    const char *id = http_query(request, "id");
    if (strcmp(step, "/next") == 0) {
        return backup_task_next(&endpoint->backup, id != NULL ? id : "", ret_bytes, err);
    }
    if (strcmp(step, "") == 0) {
        TRY(post_begin(endpoint, ret_answer, err));
    } else if (strcmp(step, "/end") == 0) {
        TRY(post_end(endpoint, id != NULL ? id : "", ret_answer, err));
    } else {
        return FAIL(err, NOT_FOUND, "find the operation");
    }
    return *ret_answer != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "answer the operator");
}
