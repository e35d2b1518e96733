/* Calls that read a backup: to check it, or to put the replica that it holds in use; API.md says what each takes and
 * gives. Some are answered later. */
#include <stdio.h>
#include <string.h>

#include "agent/api_backup.h"
#include "agent/secret_json.h"
#include "base/clock.h"

static enum err_code nothing_in(const json_t *body, struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(body, known, err);
    return members_end(&members);
}

static const char *kept_name(const struct agent *agent)
{
    return agent->restore.kept[0] == '\0' ? NULL : agent->restore.kept;
}

enum err_code api_restore_list(struct agent *agent, const struct http_request *request, const json_t *body,
                               struct error *err)
{
    TRY(nothing_in(body, err));
    struct restore_sets sets;
    TRY(restore_sets_read(agent->vault_path, &sets, err));
    json_t *list = json_array();
    for (size_t i = 0; i < sets.count; i++) {
        (void)json_array_append_new(
            list, json_pack("{s:s,s:I}", "name", sets.sets[i].name, "bytes", (json_int_t)sets.sets[i].bytes));
    }
    api_send_object(request->exchange,
                    json_pack("{s:o,s:o}", "running", restore_task_value(&agent->restore), "kept", list));
    return ERR_OK;
}

/* ---- begin ---- */

static enum err_code switch_of(const struct http_request *request, const char *name, bool *ret_value, struct error *err)
{
    const char *text = http_query(request, name);
    if (text != NULL && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        return FAIL(err, INVALID, "read argument '%s': expected 0 or 1", name);
    }
    *ret_value = text != NULL && text[0] == '1';
    return ERR_OK;
}

enum err_code api_restore_begin(struct agent *agent, const struct http_request *request, const json_t *body,
                                struct error *err)
{
    (void)body;
    bool check = false;
    bool replace = false;
    TRY(switch_of(request, "check", &check, err));
    TRY(switch_of(request, "replace", &replace, err));
    if (!check && !replace && vault_exists(agent->vault_path)) {
        return FAIL(err, CONFLICT, "use the backup: there is a replica here already; say that it is to be replaced");
    }
    struct restore_task *task = &agent->restore;
    TRY(restore_task_begin(task, request->body, check, err));
    struct error other_vault;
    bool opened = check && agent->state == AGENT_OPEN &&
                  restore_task_unlock_as(task, task->id, agent->lockbox.vault, &other_vault) == ERR_OK;
    json_t *answer = backup_about_value(&task->about, task->id, false);
    (void)json_object_set_new(answer, "needs_key", json_boolean(!opened));
    (void)json_object_set_new(answer, "head_bytes", json_integer((json_int_t)task->about.head_bytes));
    api_send_object(request->exchange, answer);
    return ERR_OK;
}

/* ---- unlock ---- */

static void answer_later(struct agent *agent, enum err_code rc, const struct error *err, json_t *answer)
{
    struct http_exchange *exchange = agent->restoring;
    agent->restoring = NULL;
    if (exchange == NULL) {
        json_decref(answer);
    } else if (rc == ERR_OK) {
        api_send_object(exchange, answer);
    } else {
        api_send_error(exchange, err);
    }
}

void api_restore_cut(struct agent *agent, const struct error *err)
{
    if (agent->restoring != NULL) {
        answer_later(agent, err->code, err, NULL);
    }
}

static void on_unlocked(void *context, enum err_code rc, const struct error *err)
{
    struct agent *agent = context;
    struct restore_task *task = &agent->restore;
    answer_later(agent, rc, err, rc == ERR_OK ? backup_about_value(&task->about, task->id, false) : NULL);
}

/* Without one in the request: the agent's own key file. */
static enum err_code own_key_file(const struct agent *agent, struct typed_secret *typed, struct error *err)
{
    if (agent->options->key_file[0] == '\0') {
        return FAIL(err, INVALID, "read member 'passphrase': expected a text: this agent has no key file");
    }
    typed->kind = VAULT_SLOT_KEY_FILE;
    return lockbox_key_file(&agent->lockbox, agent->options->key_file, false, &typed->secret, err);
}

enum err_code api_restore_unlock(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    static const char *const known[] = { "id", SECRET_MEMBERS, NULL };
    struct members members = members_begin(body, known, err);
    SCOPED(typed_secret_free) struct typed_secret typed = { 0 };
    const char *id = member_text(&members, "id", TASK_ID_SIZE - 1, true);
    TRY(secret_members_take(&members, &typed, err));
    if (typed.secret.bytes == NULL) {
        TRY(own_key_file(agent, &typed, err));
    }
    uint8_t unused[32];
    if (agent->state != AGENT_OPEN ||
        vault_freshness(agent->lockbox.vault, &agent->restore.counter, unused, NULL) != ERR_OK) {
        agent->restore.counter = 0;
    }
    TRY(restore_task_unlock(&agent->restore, id, typed.kind, &typed.secret, on_unlocked, agent, err));
    agent->restoring = request->exchange;
    return ERR_OK;
}

/* ---- next, end ---- */

enum err_code api_restore_next(struct agent *agent, const struct http_request *request, const json_t *body,
                               struct error *err)
{
    (void)body;
    const char *id = http_query(request, "id");
    if (id == NULL) {
        return FAIL(err, INVALID, "read argument 'id': expected a text");
    }
    TRY(restore_task_take(&agent->restore, id, request->body, err));
    api_send_object(request->exchange, json_pack("{s:I,s:I}", "pages_done", (json_int_t)agent->restore.about.pages_done,
                                                 "pages", (json_int_t)agent->restore.about.pages));
    return ERR_OK;
}

static void on_restored(void *context, enum err_code rc, const struct error *err)
{
    struct agent *agent = context;
    json_t *answer = NULL;
    if (rc == ERR_OK) {
        answer = backup_about_value(&agent->restore.about, NULL, true);
        (void)json_object_set_new(answer, "kept", value_text(kept_name(agent)));
    }
    answer_later(agent, rc, err, answer);
}

enum err_code api_restore_end(struct agent *agent, const struct http_request *request, const json_t *body,
                              struct error *err)
{
    const char *id;
    TRY(backup_id_of(body, &id, err));
    struct restore_task *task = &agent->restore;
    if (task->check_only) {
        TRY(restore_task_checked(task, id, err));
        api_send_object(request->exchange, backup_about_value(&task->about, NULL, true));
        return ERR_OK;
    }
    struct store_options options = { .cache_kib = agent->options->cache_kib, .programme = agent->programme };
    TRY(restore_task_seal(task, id, &options, agent->asking, on_restored, agent, err));
    agent->restoring = request->exchange;
    return ERR_OK;
}

enum err_code api_restore_cancel(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    const char *id;
    TRY(backup_id_of(body, &id, err));
    TRY(restore_task_cancel_id(&agent->restore, id, err));
    struct error cut;
    (void)FAIL(&cut, REFUSED, "read the backup: it was given up");
    api_restore_cut(agent, &cut);
    api_send_object(request->exchange, json_object());
    return ERR_OK;
}

/* ---- what is kept ---- */

static void on_undone(void *context, enum err_code rc, const struct error *err)
{
    struct agent *agent = context;
    if (rc == ERR_OK) { /* the note of who asked went away with the files it was written in */
        agent->undoing.at_ms = clock_wall_ms();
        late_notes_add(&agent->late_notes, &agent->undoing);
    }
    answer_later(agent, rc, err, rc == ERR_OK ? json_pack("{s:o}", "kept", value_text(kept_name(agent))) : NULL);
}

enum err_code api_restore_undo(struct agent *agent, const struct http_request *request, const json_t *body,
                               struct error *err)
{
    TRY(nothing_in(body, err));
    struct restore_sets sets;
    TRY(restore_sets_read(agent->vault_path, &sets, err));
    if (!restore_sets_undoable(&sets)) {
        return FAIL(err, NOT_FOUND, "undo a restore: no replaced replica is kept here");
    }
    TRY(restore_task_undo(&agent->restore, on_undone, agent, err));
    agent->restoring = request->exchange;
    agent->undoing = (struct audit_entry){ .action = "change", .call = "POST /v1/restore/undo", .kind = "restore" };
    (void)snprintf(agent->undoing.person, sizeof(agent->undoing.person), "%s", agent->asking);
    agent_step(agent);
    return ERR_OK;
}

enum err_code api_restore_discard(struct agent *agent, const struct http_request *request, const json_t *body,
                                  struct error *err)
{
    TRY(nothing_in(body, err));
    struct restore_sets sets;
    if (restore_task_ready(&agent->restore)) {
        return FAIL(err, BUSY, "remove the kept replicas: one is just being put in use");
    }
    TRY(restore_sets_read(agent->vault_path, &sets, err));
    TRY(restore_sets_discard(agent->vault_path, err));
    api_send_object(request->exchange, json_pack("{s:I}", "removed", (json_int_t)sets.count));
    return ERR_OK;
}
