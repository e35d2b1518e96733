/* Codes of the programme pack in force: what people read for them, in both languages, and what a mistyped one may mean.
 */
#include <stdio.h>

#include "agent/api_handlers.h"

#define MEANT_SIZE 80

/* "; did you mean 'health'?": what was written is never repeated, it may be anything. */
static const char *say_meant(const struct programme *programme, const char *code, char out[MEANT_SIZE])
{
    const char *near = programme_code_near(programme, LABEL_REASON, code);
    out[0] = '\0';
    if (near != NULL) {
        (void)snprintf(out, MEANT_SIZE, "; did you mean '%s'?", near);
    }
    return out;
}

static bool is_code(const struct programme *programme, const char *reason)
{
    return reason == NULL || reason[0] == '\0' ||
           programme_label(programme, LABEL_REASON, reason, LANGUAGE_ENGLISH) != NULL;
}

enum err_code reason_check(const struct api_world *world, const char *reason, bool meant, struct error *err)
{
    char near[MEANT_SIZE];
    if (meant || is_code(world->programme, reason)) {
        return ERR_OK;
    }
    return FAIL(err, REFUSED,
                "record: the reason is not a code of this programme ('holdfast pack show')%s Where it is meant, "
                "'unknown_code' (--yes) records it; it explains nothing by itself, and is asked about",
                say_meant(world->programme, reason, near)[0] != '\0' ? near : ".");
}

json_t *reason_warnings(const struct api_world *world, const char *reason)
{
    json_t *warnings = json_array();
    if (!is_code(world->programme, reason)) {
        char near[MEANT_SIZE];
        (void)json_array_append_new(warnings,
                                    json_sprintf("the reason is kept as it is, but is not a code of this programme%s",
                                                 say_meant(world->programme, reason, near)));
    }
    return warnings;
}
