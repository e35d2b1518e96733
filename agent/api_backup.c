/* Calls about backups: a backup out in pieces; API.md says what each takes and gives. */
#include <string.h>

#include "agent/api_backup.h"
#include "agent/backup_note.h"
#include "base/clock.h"

json_t *backup_about_value(const struct backup_about *about, const char *id, bool complete)
{
    return json_pack("{s:o,s:I,s:I,s:o,s:o,s:b,s:o}", "id", value_text(id), "bytes", (json_int_t)about->bytes, "pages",
                     (json_int_t)about->pages, "made_at", value_instant(about->made_at_ms), "vault",
                     value_id(about->file_id, sizeof(about->file_id)), "complete", complete, "fingerprint",
                     complete ? value_id(about->fingerprint, sizeof(about->fingerprint)) : json_null());
}

static enum err_code post_backup(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(body, known, err);
    TRY(members_end(&members));
    if (reading_task_running(&agent->export) || reading_task_running(&agent->verify)) {
        return FAIL(err, BUSY, "begin a backup: %s; try again when it has ended",
                    reading_task_running(&agent->export) ? "an export is just being written"
                                                         : "the records are just being verified");
    }
    TRY(backup_task_begin(&agent->backup, agent->lockbox.vault, clock_wall_ms(), err));
    struct backup_about about;
    (void)backup_write_about(agent->backup.writer, &about);
    api_send_object(request->exchange, backup_about_value(&about, agent->backup.id, false));
    return ERR_OK;
}

enum err_code backup_id_of(const json_t *body, const char **ret_id, struct error *err)
{
    static const char *const known[] = { "id", NULL };
    struct members members = members_begin(body, known, err);
    *ret_id = member_text(&members, "id", TASK_ID_SIZE - 1, true);
    return members_end(&members);
}

static enum err_code post_backup_next(struct agent *agent, const struct http_request *request, const json_t *body,
                                      struct error *err)
{
    const char *id;
    TRY(backup_id_of(body, &id, err));
    struct api_answer answer;
    api_answer_init(&answer);
    enum err_code rc = backup_task_next(&agent->backup, id, &answer.body, err);
    if (rc == ERR_OK) {
        answer.content_type = "application/octet-stream";
        api_send(request->exchange, &answer);
    }
    api_answer_fini(&answer);
    return rc;
}

static enum err_code post_backup_end(struct agent *agent, const struct http_request *request, const json_t *body,
                                     struct error *err)
{
    static const char *const known[] = { "id", "name", NULL };
    struct members members = members_begin(body, known, err);
    const char *id = member_text(&members, "id", TASK_ID_SIZE - 1, true);
    const char *name = member_text(&members, "name", BACKUP_NAME_MAX, false);
    TRY(members_end(&members));
    struct backup_about about;
    bool complete;
    TRY(backup_task_end(&agent->backup, id, &about, &complete, err));
    struct error unkept;
    if (complete && name != NULL && backup_note_write(agent->backup_note_path, &about, name, &unkept) != ERR_OK) {
        log_error("backup_not_noted", &unkept); /* the backup is there all the same */
    }
    api_send_object(request->exchange, backup_about_value(&about, NULL, complete));
    api_reader_ended(agent);
    return ERR_OK;
}

/* ---- routes ---- */

enum need { NEED_NOTHING, NEED_OPEN };
enum body { BODY_OBJECT, BODY_RAW };

static const struct {
    const char *method;
    const char *path;
    enum need need;
    enum body body;
    backup_handler handle;
} routes[] = {
    { "POST", "/v1/backup", NEED_OPEN, BODY_OBJECT, post_backup },
    { "POST", "/v1/backup/next", NEED_OPEN, BODY_OBJECT, post_backup_next },
    { "POST", "/v1/backup/end", NEED_OPEN, BODY_OBJECT, post_backup_end },
    { "GET", "/v1/restore", NEED_NOTHING, BODY_OBJECT, api_restore_list },
    { "POST", "/v1/restore/begin", NEED_NOTHING, BODY_RAW, api_restore_begin },
    { "POST", "/v1/restore/unlock", NEED_NOTHING, BODY_OBJECT, api_restore_unlock },
    { "POST", "/v1/restore/next", NEED_NOTHING, BODY_RAW, api_restore_next },
    { "POST", "/v1/restore/end", NEED_NOTHING, BODY_OBJECT, api_restore_end },
    { "POST", "/v1/restore/cancel", NEED_NOTHING, BODY_OBJECT, api_restore_cancel },
    { "POST", "/v1/restore/undo", NEED_NOTHING, BODY_OBJECT, api_restore_undo },
    { "POST", "/v1/restore/discard", NEED_NOTHING, BODY_OBJECT, api_restore_discard },
    { "GET", "/v1/vault/check", NEED_NOTHING, BODY_OBJECT, api_vault_check },
    { "POST", "/v1/vault/check", NEED_NOTHING, BODY_OBJECT, api_vault_check_start },
    { "POST", "/v1/vault/check/stop", NEED_NOTHING, BODY_OBJECT, api_vault_check_stop },
};

static enum err_code call_route(struct agent *agent, size_t route, const struct http_request *request,
                                struct error *err)
{
    if (strcmp(request->method, routes[route].method) != 0) {
        return FAIL(err, INVALID, "call the path: not with this method");
    }
    if (routes[route].need == NEED_OPEN && agent->state != AGENT_OPEN) {
        return FAIL(err, LOCKED, "use the replica: it is locked; unlock it with `holdfast unlock`");
    }
    if (routes[route].body == BODY_RAW) {
        return request->body.len <= BACKUP_PIECE_BYTES
                   ? routes[route].handle(agent, request, NULL, err)
                   : FAIL(err, LIMIT, "take a piece of a backup: longer than %zu bytes", BACKUP_PIECE_BYTES);
    }
    json_t *body;
    TRY(body_parse(request->body, &body, err));
    if (request->body.len > 0) { /* a secret stays no longer than it must */
        secret_wipe((void *)(uintptr_t)request->body.data, request->body.len);
    }
    enum err_code rc = routes[route].handle(agent, request, body, err);
    json_decref(body);
    return rc;
}

/* The route of this path and method; of this path alone when no method fits; ARRAY_LEN(routes) when the path is none.
 */
static size_t route_find(const struct http_request *request)
{
    size_t of_path = ARRAY_LEN(routes);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, request->path) != 0) {
            continue;
        }
        of_path = i;
        if (strcmp(routes[i].method, request->method) == 0) {
            return i;
        }
    }
    return of_path;
}

bool api_backup_call(struct agent *agent, const struct http_request *request)
{
    size_t route = route_find(request);
    if (route == ARRAY_LEN(routes)) {
        return false;
    }
    struct error err = { .code = ERR_OK };
    enum err_code rc = call_route(agent, route, request, &err);
    if (rc != ERR_OK) {
        err.code = rc;
        api_send_error(request->exchange, &err);
    }
    return true;
}
