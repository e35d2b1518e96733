/*
 * agent/api_backup - the calls about backups and restores, as api_backup.c finds them; API.md says what each takes and
 * gives.
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_API_BACKUP_H
#define AGENT_API_BACKUP_H

#include "agent/agent_parts.h"
#include "agent/api_call.h"

/* `body` is the parsed object, NULL for a raw body. Answered, or the answer comes later, when ERR_OK is returned. */
typedef enum err_code (*backup_handler)(struct agent *agent, const struct http_request *request, const json_t *body,
                                        struct error *err);

/* What every answer about a backup has: API.md's BACKUP. `id` NULL: the task is over. */
json_t *backup_about_value(const struct backup_about *about, const char *id, bool complete);

/* Reads {"id": TEXT} and nothing else. */
MUST_USE enum err_code backup_id_of(const json_t *body, const char **ret_id, struct error *err);

/* api_restore.c */
MUST_USE enum err_code api_restore_list(struct agent *agent, const struct http_request *request, const json_t *body,
                                        struct error *err);
MUST_USE enum err_code api_restore_begin(struct agent *agent, const struct http_request *request, const json_t *body,
                                         struct error *err);
MUST_USE enum err_code api_restore_unlock(struct agent *agent, const struct http_request *request, const json_t *body,
                                          struct error *err);
MUST_USE enum err_code api_restore_next(struct agent *agent, const struct http_request *request, const json_t *body,
                                        struct error *err);
MUST_USE enum err_code api_restore_end(struct agent *agent, const struct http_request *request, const json_t *body,
                                       struct error *err);
MUST_USE enum err_code api_restore_cancel(struct agent *agent, const struct http_request *request, const json_t *body,
                                          struct error *err);
MUST_USE enum err_code api_restore_undo(struct agent *agent, const struct http_request *request, const json_t *body,
                                        struct error *err);
MUST_USE enum err_code api_restore_discard(struct agent *agent, const struct http_request *request, const json_t *body,
                                           struct error *err);

/* api_vault_check.c */
MUST_USE enum err_code api_vault_check(struct agent *agent, const struct http_request *request, const json_t *body,
                                       struct error *err);
MUST_USE enum err_code api_vault_check_start(struct agent *agent, const struct http_request *request,
                                             const json_t *body, struct error *err);
MUST_USE enum err_code api_vault_check_stop(struct agent *agent, const struct http_request *request, const json_t *body,
                                            struct error *err);

#endif
