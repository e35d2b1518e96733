/* pack add: a programme pack, from its file to the endpoint. */
#include "base/file.h"
#include "store/programme/programme.h"
#include "sync/edge/local_client.h"
#include "sync/endpoint/ctl/command.h"
#include "sync/endpoint/ctl/print.h"

#define TIMEOUT_S 600L

static enum err_code read_request(const json_t *arguments, json_t **ret_request, struct error *err)
{
    SCOPED(buf_fini) struct buf json;
    const char *file = json_string_value(json_object_get(arguments, "file"));
    buf_init(&json, PROGRAMME_JSON_MAX);
    TRY(file_read(file, &json, err));
    json_t *text = json_stringn(json.len > 0 ? (const char *)json.data : "", json.len);
    if (text == NULL) {
        return FAIL(err, INVALID, "read programme pack '%s': not UTF-8 text", file);
    }
    json_t *request = json_copy((json_t *)(uintptr_t)arguments);
    if (request == NULL || json_object_del(request, "file") != 0 || json_object_set_new(request, "pack", text) != 0) {
        json_decref(request);
        return FAIL(err, NO_MEMORY, "read programme pack '%s'", file);
    }
    *ret_request = request;
    return ERR_OK;
}

static void print_added(const json_t *answer)
{
    static const struct column pairs[] = {
        { "programme pack", "name" }, { "version", "version" }, { "in force from", "in_force_from" },
        { "SHA-256", "sha256" },      { "sites", "sites" },     { "of these new", "written" }
    };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    if (json_is_true(json_object_get(answer, "all"))) {
        (void)printf("Sites that are added later get it, too.\n");
    }
}

int command_pack_add(const struct common *common, const json_t *arguments)
{
    char scratch[STATE_PATH_MAX];
    const char *socket;
    struct error err;
    json_t *request = NULL;
    json_t *answer = NULL;
    enum err_code rc = command_socket(common, scratch, &socket, &err);
    if (rc == ERR_OK) {
        rc = read_request(arguments, &request, &err);
    }
    if (rc == ERR_OK) {
        rc = local_request(socket, "POST", "/v1/admin/pack-add", request, TIMEOUT_S, &answer, &err);
    }
    if (common->json && answer != NULL) {
        print_json(answer);
    } else if (rc == ERR_OK) {
        print_added(answer);
    }
    json_decref(request);
    json_decref(answer);
    return rc == ERR_OK ? EXIT_DONE : command_failed(rc, &err);
}
