#include "agent/cli/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 1024 * 1024 };

void request_free(struct request *request)
{
    secret_free(&request->memory);
}

static void put(struct request *request, const void *bytes, size_t len)
{
    if (request->full || len > request->memory.len - request->len) {
        request->full = true;
        return;
    }
    memcpy(request->memory.bytes + request->len, bytes, len);
    request->len += len;
}

static void put_text(struct request *request, const char *text)
{
    put(request, text, strlen(text));
}

/* UTF-8 goes as it is; the agent refuses what is none. */
static void put_quoted(struct request *request, struct slice text)
{
    put_text(request, "\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte < 0x20) {
            char escaped[8];
            (void)snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
            put_text(request, escaped);
        } else {
            put(request, "\\", byte == '"' || byte == '\\');
            put(request, &text.data[i], 1);
        }
    }
    put_text(request, "\"");
}

static void put_name(struct request *request, const char *name)
{
    put(request, ",", request->comma);
    put_quoted(request, slice_of(name, strlen(name)));
    put_text(request, ":");
    request->comma = true;
}

enum err_code request_begin(struct request *ret_request, struct error *err)
{
    struct request made = { .len = 0 };
    TRY(secret_init(err));
    TRY(secret_new(REQUEST_BYTES_MAX, &made.memory, err));
    put_text(&made, "{");
    *ret_request = made;
    return ERR_OK;
}

void request_object(struct request *request, const char *name)
{
    put_name(request, name);
    put_text(request, "{");
    request->comma = false;
}

void request_object_end(struct request *request)
{
    put_text(request, "}");
    request->comma = true;
}

void request_text(struct request *request, const char *name, struct slice text)
{
    put_name(request, name);
    put_quoted(request, text);
}

void request_texts(struct request *request, const char *name, const char *const *texts, size_t count)
{
    put_name(request, name);
    put_text(request, "[");
    for (size_t i = 0; i < count; i++) {
        put_text(request, i > 0 ? "," : "");
        put_quoted(request, slice_of_text(texts[i]));
    }
    put_text(request, "]");
}

void request_number(struct request *request, const char *name, int number)
{
    char digits[16];
    (void)snprintf(digits, sizeof(digits), "%d", number);
    put_name(request, name);
    put_text(request, digits);
}

void request_true(struct request *request, const char *name)
{
    put_name(request, name);
    put_text(request, "true");
}

enum exit_code request_send(struct cli *cli, struct request *request, char *path, json_t **ret_answer)
{
    SCOPED(buf_fini) struct buf answer;
    struct error err = { .code = ERR_OK };
    buf_init(&answer, ANSWER_BYTES_MAX);
    put_text(request, "}");
    if (request->full) {
        free(path);
        (void)FAIL(&err, LIMIT, "send the request: longer than %d bytes", REQUEST_BYTES_MAX);
        return call_refused(cli, &err);
    }
    enum exit_code code =
        call_bytes(cli, "POST", path, slice_of(request->memory.bytes, request->len), "application/json", &answer);
    return code == EXIT_DONE ? call_json_of(cli, &answer, ret_answer) : code;
}
