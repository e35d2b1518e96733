/*
 * sync/endpoint/ctl/pieces - one talk with the endpoint of several requests: a file that comes or goes in pieces.
 */
#ifndef SYNC_ENDPOINT_CTL_PIECES_H
#define SYNC_ENDPOINT_CTL_PIECES_H

#include "base/part_file.h"
#include "sync/endpoint/ctl/command.h"

#define PIECES_TIMEOUT_S 600L

struct talk {
    const struct common *common;
    char scratch[STATE_PATH_MAX];
    const char *socket;
    struct error *err;
};

MUST_USE enum err_code talk_begin(struct talk *talk, const struct common *common, struct error *err);
MUST_USE enum err_code talk_ask(const struct talk *talk, const char *path, const json_t *body, json_t **ret_answer);

/* A text member; "" when there is none. */
const char *talk_text(const json_t *object, const char *name);

/* On a terminal, in place; `total` 0: not known. */
void talk_progress(const struct common *common, uint64_t done, uint64_t total);
void talk_progress_clear(const struct common *common);

/* What POST `path` gives, again and again until nothing more comes, into the file. */
MUST_USE enum err_code talk_fetch(const struct talk *talk, const char *path, uint64_t total, struct part_file *file);

void scoped_json(json_t **json);

#endif
