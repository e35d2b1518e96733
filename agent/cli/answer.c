#include "agent/cli/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/human.h"
#include "agent/cli/text.h"
#include "base/clock.h"

void answer_free(json_t **answer)
{
    json_decref(*answer);
    *answer = NULL;
}

static void clean_text(json_t *text)
{
    char *visible = text_visible(json_string_value(text), false);
    if (strcmp(visible, json_string_value(text)) != 0) {
        (void)json_string_set(text, visible);
    }
    free(visible);
}

void answer_clean(json_t *answer)
{
    const char *name;
    size_t index;
    json_t *value;
    if (json_is_string(answer)) {
        clean_text(answer);
    } else if (json_is_object(answer)) {
        json_object_foreach(answer, name, value)
        {
            answer_clean(value);
        }
    } else {
        json_array_foreach(answer, index, value)
        {
            answer_clean(value);
        }
    }
}

json_t *answer_member(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

bool answer_has(const json_t *object, const char *name)
{
    return answer_member(object, name) != NULL;
}

const char *answer_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

const char *answer_words(const json_t *row, const char *name)
{
    const json_t *label = json_object_get(json_object_get(row, "labels"), name);
    return answer_text(label != NULL ? label : row, label != NULL ? "label_cy" : name);
}

int64_t answer_int(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool answer_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

bool answer_day(const json_t *object, const char *name, int32_t *ret_day)
{
    return date_parse(answer_text(object, name), ret_day);
}

bool answer_instant(const json_t *object, const char *name, int64_t *ret_at_ms)
{
    return instant_parse(answer_text(object, name), ret_at_ms);
}

struct answer_person answer_person(const json_t *row)
{
    struct answer_person person;
    const char *name = answer_text(row, "participant_name");
    const char *ref = answer_text(row, "participant_ref");
    bool both = name[0] != '\0' && ref[0] != '\0';
    (void)snprintf(person.text, sizeof(person.text), "%s%s%s%s", name, both ? " (" : "", ref, both ? ")" : "");
    return person;
}
