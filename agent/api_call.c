#include "agent/api_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the body ---- */

static bool is_known(const char *const *known, const char *name)
{
    while (*known != NULL && strcmp(*known, name) != 0) {
        known++;
    }
    return *known != NULL;
}

struct members members_begin(const json_t *object, const char *const *known, struct error *err)
{
    struct members members = { .object = object, .rc = ERR_OK, .err = err };
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        if (!is_known(known, json_object_iter_key(at))) {
            struct buf names;
            buf_init(&names, 400);
            for (const char *const *name = known; *name != NULL; name++) {
                (void)!buf_append_format(&names, NULL, "%s'%s'", names.len > 0 ? ", " : "", *name);
            }
            members.rc = FAIL(err, INVALID, "read the body: expected no other members than %.*s", (int)names.len,
                              names.len > 0 ? (const char *)names.data : "");
            buf_fini(&names);
            break;
        }
    }
    return members;
}

void members_reject(struct members *members, const char *name, const char *expected)
{
    if (members->rc == ERR_OK) {
        members->rc = FAIL(members->err, INVALID, "read member '%s': expected %s", name, expected);
    }
}

/* NULL when absent, null, or after a failure. */
static const json_t *member(struct members *members, const char *name, bool required)
{
    const json_t *value = members->rc == ERR_OK ? json_object_get(members->object, name) : NULL;
    if (value == NULL || json_is_null(value)) {
        if (required) {
            members_reject(members, name, "a value: it is missing");
        }
        return NULL;
    }
    return value;
}

const char *member_text(struct members *members, const char *name, size_t max, bool required)
{
    const json_t *value = member(members, name, required);
    if (value == NULL) {
        return NULL;
    }
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len > max || (required && len == 0)) {
        char expected[80];
        (void)snprintf(expected, sizeof(expected), "a text of %d to %zu bytes", required ? 1 : 0, max);
        members_reject(members, name, expected);
        return NULL;
    }
    return len > 0 ? json_string_value(value) : NULL;
}

bool member_int(struct members *members, const char *name, int64_t min, int64_t max, bool required, int64_t *ret_value)
{
    const json_t *value = member(members, name, required);
    if (value == NULL) {
        return false;
    }
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < min || number > max) {
        char expected[80];
        (void)snprintf(expected, sizeof(expected), "a whole number from %" PRId64 " to %" PRId64, min, max);
        members_reject(members, name, expected);
        return false;
    }
    *ret_value = number;
    return true;
}

bool member_bool(struct members *members, const char *name, bool otherwise)
{
    const json_t *value = member(members, name, false);
    if (value == NULL) {
        return otherwise;
    }
    if (!json_is_boolean(value)) {
        members_reject(members, name, "true or false");
        return otherwise;
    }
    return json_is_true(value);
}

bool member_day(struct members *members, const char *name, bool required, int32_t *ret_day)
{
    const char *text = member_text(members, name, DATE_TEXT_SIZE - 1, required);
    if (text == NULL) {
        return false;
    }
    int32_t day;
    if (!date_parse(text, &day)) {
        members_reject(members, name, "a day that exists, as yyyy-mm-dd");
        return false;
    }
    *ret_day = day;
    return true;
}

bool member_instant(struct members *members, const char *name, int64_t *ret_at_ms)
{
    const char *text = member_text(members, name, INSTANT_TEXT_SIZE - 1, false);
    if (text == NULL) {
        return false;
    }
    if (!instant_parse(text, ret_at_ms)) {
        members_reject(members, name, "an instant in UTC, as yyyy-mm-ddThh:mm:ssZ");
        return false;
    }
    return true;
}

const json_t *member_object(struct members *members, const char *name, bool required)
{
    const json_t *value = member(members, name, required);
    if (value != NULL && !json_is_object(value)) {
        members_reject(members, name, "an object");
        return NULL;
    }
    return value;
}

enum err_code members_end(const struct members *members)
{
    return members->rc;
}

enum err_code decider_name(const struct api_world *world, const char *what, const char **name, struct error *err)
{
    *name = *name != NULL ? *name : world->actor;
    return !world->named || strcmp(*name, world->actor) == 0
               ? ERR_OK
               : FAIL(err, REFUSED,
                      "%s: everybody decides in their own name, and you are signed in as '%s': let '%s' sign in, or "
                      "decide in your own name",
                      what, world->actor, *name);
}

/* jansson's own limit of depth is 2048: too deep for a caller that nobody knows. */
static bool shallow(struct slice text)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > API_DEPTH_MAX) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

enum err_code body_parse(struct slice body, json_t **ret_object, struct error *err)
{
    if (body.len > API_BODY_MAX) {
        return FAIL(err, LIMIT, "read the body: longer than %zu bytes", API_BODY_MAX);
    }
    if (!shallow(body)) {
        return FAIL(err, INVALID, "read the body: nested deeper than %d", API_DEPTH_MAX);
    }
    json_error_t where;
    json_t *object =
        body.len == 0 ? json_object() : json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &where);
    if (object == NULL) {
        return body.len == 0 ? FAIL(err, NO_MEMORY, "read the body: out of memory")
                             : FAIL(err, INVALID, "read the body: expected a JSON object; wrong at line %d, column %d",
                                    where.line, where.column);
    }
    if (!json_is_object(object)) {
        json_decref(object);
        return FAIL(err, INVALID, "read the body: expected a JSON object");
    }
    *ret_object = object;
    return ERR_OK;
}

static bool digits(const char *text, size_t count, int *ret_value)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    return true;
}

bool instant_parse(const char *text, int64_t *ret_at_ms)
{
    size_t len = strlen(text);
    char date[DATE_TEXT_SIZE];
    if ((len != 17 && len != 20 && len != 24) || text[10] != 'T' || text[13] != ':' || text[len - 1] != 'Z') {
        return false;
    }
    memcpy(date, text, DATE_TEXT_SIZE - 1);
    date[DATE_TEXT_SIZE - 1] = '\0';
    int32_t day;
    int hour;
    int minute;
    int second = 0;
    int ms = 0;
    if (!date_parse(date, &day) || !digits(text + 11, 2, &hour) || !digits(text + 14, 2, &minute) ||
        (len >= 20 && (text[16] != ':' || !digits(text + 17, 2, &second))) ||
        (len == 24 && (text[19] != '.' || !digits(text + 20, 3, &ms))) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ret_at_ms = (((int64_t)day * 24 + hour) * 60 + minute) * 60000 + second * 1000 + ms;
    return true;
}

/* ---- query arguments ---- */

const char *query_text(const struct api_call *call, const char *name)
{
    return call->request->query != NULL ? call->request->query(call->request->query_context, name) : NULL;
}

enum err_code query_number(const struct api_call *call, const char *name, size_t otherwise, size_t max,
                           size_t *ret_value, struct error *err)
{
    const char *text = query_text(call, name);
    if (text == NULL) {
        *ret_value = otherwise;
        return ERR_OK;
    }
    size_t len = strlen(text);
    int value = 0;
    if (len < 1 || len > 9 || !digits(text, len, &value) || value < 1 || (size_t)value > max) {
        return FAIL(err, INVALID, "read argument '%s': expected a number from 1 to %zu", name, max);
    }
    *ret_value = (size_t)value;
    return ERR_OK;
}

enum err_code query_day(const struct api_call *call, const char *name, int32_t otherwise, int32_t *ret_day,
                        struct error *err)
{
    const char *text = query_text(call, name);
    if (text == NULL) {
        *ret_day = otherwise;
        return ERR_OK;
    }
    if (!date_parse(text, ret_day)) {
        return FAIL(err, INVALID, "read argument '%s': expected a day that exists, as yyyy-mm-dd", name);
    }
    return ERR_OK;
}

enum err_code query_switch(const struct api_call *call, const char *name, bool *ret_value, struct error *err)
{
    const char *text = query_text(call, name);
    if (text != NULL && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        return FAIL(err, INVALID, "read argument '%s': expected 0 or 1", name);
    }
    *ret_value = text != NULL && text[0] == '1';
    return ERR_OK;
}

/* ---- the answer ---- */

struct dump {
    struct buf *out;
    struct error *err;
};

static int dump_some(const char *bytes, size_t len, void *context)
{
    struct dump *dump = context;
    return buf_append(dump->out, bytes, len, dump->err) == ERR_OK ? 0 : -1;
}

/* Takes `value`. */
static enum err_code dump_value(struct buf *out, json_t *value, struct error *err)
{
    if (value == NULL) {
        return FAIL(err, NO_MEMORY, "write the answer: out of memory");
    }
    struct error failure = { .code = ERR_NO_MEMORY };
    struct dump dump = { .out = out, .err = &failure };
    int rc = json_dump_callback(value, dump_some, &dump, JSON_COMPACT);
    json_decref(value);
    return rc == 0 ? ERR_OK : error_set(err, failure.code, "write the answer: too long, ask for less");
}

enum err_code answer_object(struct api_answer *answer, json_t *object, struct error *err)
{
    buf_clear(&answer->body);
    return dump_value(&answer->body, object, err);
}

enum err_code answer_list_begin(struct api_answer *answer, json_t *head, const char *name, struct error *err)
{
    buf_clear(&answer->body);
    if (head == NULL) {
        return buf_append_format(&answer->body, err, "{\"%s\":[", name);
    }
    bool members = json_object_size(head) > 0;
    TRY(dump_value(&answer->body, head, err));
    answer->body.len--; /* the closing brace */
    return buf_append_format(&answer->body, err, "%s\"%s\":[", members ? "," : "", name);
}

enum err_code answer_list_row(struct api_answer *answer, json_t *row, struct error *err)
{
    if (answer->body.data[answer->body.len - 1] != '[') {
        enum err_code rc = buf_append(&answer->body, ",", 1, err);
        if (rc != ERR_OK) {
            json_decref(row);
            return rc;
        }
    }
    return dump_value(&answer->body, row, err);
}

enum err_code answer_list_end(struct api_answer *answer, bool more, struct error *err)
{
    return buf_append_format(&answer->body, err, "],\"more\":%s}", more ? "true" : "false");
}

enum err_code answer_list_end_with(struct api_answer *answer, const char *name, json_t *value, struct error *err)
{
    enum err_code rc = buf_append_format(&answer->body, err, "],\"%s\":", name);
    if (rc != ERR_OK) {
        json_decref(value);
        return rc;
    }
    TRY(dump_value(&answer->body, value, err));
    return buf_append_text(&answer->body, ",\"more\":false}", err);
}

/* ---- values ---- */

json_t *value_text(const char *text)
{
    json_t *value = text != NULL && text[0] != '\0' ? json_string(text) : NULL;
    return value != NULL ? value : json_null();
}

json_t *value_id(const uint8_t *id, size_t len)
{
    char hex[2 * SHA256_BYTES + 1];
    CHECK(len <= SHA256_BYTES);
    hex_encode(id, len, hex);
    return json_string(hex);
}

json_t *value_id_or_null(const struct row_id *id)
{
    static const struct row_id none;
    return memcmp(id, &none, sizeof(none)) == 0 ? json_null() : value_id(id->bytes, ROW_ID_BYTES);
}

json_t *value_day(int32_t day)
{
    if (day == ROW_NONE) {
        return json_null();
    }
    char text[DATE_TEXT_SIZE];
    date_format(day, text);
    return json_string(text);
}

json_t *value_time(int minutes)
{
    if (minutes == ROW_NONE) {
        return json_null();
    }
    char text[TIME_OF_DAY_TEXT_SIZE];
    time_of_day_format(minutes, text);
    return json_string(text);
}

json_t *value_instant(int64_t at_ms)
{
    if (at_ms == OP_TIME_NONE) {
        return json_null();
    }
    char text[INSTANT_TEXT_SIZE];
    instant_format(at_ms, text);
    return json_string(text);
}

json_t *value_int(int number)
{
    return number == ROW_NONE ? json_null() : json_integer(number);
}

json_t *value_op(const struct op_id *op)
{
    return json_pack("{s:o,s:I,s:I}", "device", value_id(op->device, DEVICE_ID_BYTES), "incarnation",
                     (json_int_t)op->incarnation, "seq", (json_int_t)op->seq);
}

json_t *value_base64(struct slice bytes)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, 2 * bytes.len + 4);
    return base64_encode(bytes, &text, NULL) == ERR_OK
               ? json_stringn(text.len > 0 ? (const char *)text.data : "", text.len)
               : NULL;
}

json_t *value_pem(struct slice der)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, 2 * der.len + 128);
    return certificate_to_pem(der, &text, NULL) == ERR_OK ? json_stringn((const char *)text.data, text.len) : NULL;
}
