/*
 * agent/cli/doubt - what `holdfast doubt` was told, and how a doubt and its preview read.
 */
#ifndef AGENT_CLI_DOUBT_H
#define AGENT_CLI_DOUBT_H

#include "agent/cli/call.h"

struct doubt_input {
    const char *word;
    const char *what; /* a session, or a doubt's id */
    const char *reviewer;
    const char *folder;
    const char *reason;
    const char *note;
    bool confirm;
};

void doubt_print_missing(const struct screen *screen, const json_t *missing);
void doubt_print_preview(const struct screen *screen, const json_t *preview);
void doubt_print(const struct screen *screen, const json_t *doubt);

/* Writes the evidence pack, then raises the doubt with its digest and the exposure of the preview that was shown. */
MUST_USE enum exit_code doubt_raise(struct cli *cli, const struct doubt_input *input, const json_t *preview);

#endif
