/* Codes of the programme pack in force: what people read for them, in both languages, and what a mistyped one may mean.
 */
#include <stdio.h>
#include <string.h>

#include "agent/api_handlers.h"

#define MEANT_SIZE 80

/* "; did you mean 'health'?": what was written is never repeated, it may be anything. */
static const char *say_meant(const struct programme *programme, enum label_set set, const char *code,
                             char out[MEANT_SIZE])
{
    const char *near = programme_code_near(programme, set, code);
    out[0] = '\0';
    if (near != NULL) {
        (void)snprintf(out, MEANT_SIZE, "; did you mean '%s'?", near);
    }
    return out;
}

static bool is_code(const struct programme *programme, enum label_set set, const char *reason)
{
    return reason == NULL || reason[0] == '\0' || programme_label(programme, set, reason, LANGUAGE_ENGLISH) != NULL;
}

enum err_code reason_check(const struct api_world *world, const char *reason, bool meant, struct error *err)
{
    char near[MEANT_SIZE];
    if (meant || is_code(world->programme, LABEL_REASON, reason)) {
        return ERR_OK;
    }
    return FAIL(err, REFUSED,
                "record: the reason is not a code of this programme ('holdfast pack show')%s Where it is meant, "
                "'unknown_code' (--yes) records it; it explains nothing by itself, and is asked about",
                say_meant(world->programme, LABEL_REASON, reason, near)[0] != '\0' ? near : ".");
}

/* A pack of before has no list of reasons to decline: then nothing is said. */
json_t *reason_warnings(const struct api_world *world, enum label_set set, const char *reason)
{
    json_t *warnings = json_array();
    if (programme_code_at(world->programme, set, 0) != NULL && !is_code(world->programme, set, reason)) {
        char near[MEANT_SIZE];
        (void)json_array_append_new(warnings,
                                    json_sprintf("the reason is kept as it is, but is not a code of this programme%s",
                                                 say_meant(world->programme, set, reason, near)));
    }
    return warnings;
}

/* ---- what people read for a code ---- */

static json_t *label_value(const struct programme *programme, enum label_set set, const char *code)
{
    const char *english = programme_label(programme, set, code, LANGUAGE_ENGLISH);
    return english == NULL ? json_null()
                           : json_pack("{s:s,s:s,s:s}", "code", code, "label", english, "label_cy",
                                       programme_label(programme, set, code, LANGUAGE_WELSH));
}

static json_t *labels_of(const struct programme *programme, enum label_set set)
{
    json_t *labels = json_array();
    const char *code;
    for (size_t i = 0; (code = programme_code_at(programme, set, i)) != NULL; i++) {
        (void)json_array_append_new(labels, label_value(programme, set, code));
    }
    return labels;
}

enum err_code api_codes(struct api_call *call, struct error *err)
{
    const struct programme *programme = call->world->programme;
    return answer_object(call->answer,
                         json_pack("{s:{s:s,s:i},s:o,s:o,s:o,s:o,s:o}", "programme", "id", programme_id(programme),
                                   "version", programme_version(programme), "outcomes",
                                   labels_of(programme, LABEL_OUTCOME), "reasons", labels_of(programme, LABEL_REASON),
                                   "decline_reasons", labels_of(programme, LABEL_DECLINE), "routes",
                                   labels_of(programme, LABEL_ROUTE), "triggers", labels_of(programme, LABEL_TRIGGER)),
                         err);
}

static const struct {
    const char *kind;
    const char *field;
    enum label_set set;
} labelled[] = {
    { "attendance", "outcome", LABEL_OUTCOME },    { "attendance", "reason", LABEL_REASON },
    { "placement_break", "reason", LABEL_REASON }, { "circumstance_change", "what", LABEL_REASON },
    { "referral", "route", LABEL_ROUTE },          { "milestone", "payment_trigger", LABEL_TRIGGER },
    { "claim", "payment_trigger", LABEL_TRIGGER }, { "referral_event", "reason", LABEL_REASON },
    { "referral_event", "reason", LABEL_DECLINE }, /* one of both means the same */
};

json_t *field_labels(const struct programme *programme, const char *kind, const json_t *fields)
{
    json_t *labels = json_object();
    for (size_t i = 0; i < ARRAY_LEN(labelled); i++) {
        const char *code = json_string_value(json_object_get(fields, labelled[i].field));
        if (code == NULL || strcmp(labelled[i].kind, kind) != 0) {
            continue;
        }
        json_t *label = label_value(programme, labelled[i].set, code);
        if (json_is_object(label)) {
            (void)json_object_set(labels, labelled[i].field, label);
        }
        json_decref(label);
    }
    return labels;
}

enum err_code labels_asked(const struct api_call *call, bool *ret_asked, struct error *err)
{
    return query_switch(call, "labels", ret_asked, err);
}

json_t *row_labelled(const struct api_call *call, bool asked, const char *kind, json_t *row)
{
    const json_t *fields = json_object_get(row, "fields");
    if (asked) {
        (void)json_object_set_new(row, "labels",
                                  field_labels(call->world->programme, kind, fields != NULL ? fields : row));
    }
    return row;
}
