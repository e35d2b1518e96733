/* A file that goes to the endpoint as a text: a programme pack, the certificate of an authority. */
#include "base/file.h"
#include "store/programme/programme.h"
#include "sync/edge/local_client.h"
#include "sync/endpoint/ctl/command.h"
#include "sync/endpoint/ctl/print.h"

#define TIMEOUT_S 600L
#define CERTIFICATE_PEM_MAX ((size_t)64 * 1024)

struct text_file {
    const char *what;
    size_t size_max;
    const char *argument; /* of the operation, in place of the file's name */
    const char *path;
    void (*print)(const json_t *answer);
};

static enum err_code read_request(const struct text_file *kind, const json_t *arguments, json_t **ret_request,
                                  struct error *err)
{
    SCOPED(buf_fini) struct buf content;
    const char *file = json_string_value(json_object_get(arguments, "file"));
    buf_init(&content, kind->size_max);
    TRY(file_read(file, &content, err));
    json_t *text = json_stringn(content.len > 0 ? (const char *)content.data : "", content.len);
    if (text == NULL) {
        return FAIL(err, INVALID, "read %s '%s': not UTF-8 text", kind->what, file);
    }
    json_t *request = json_copy((json_t *)(uintptr_t)arguments);
    if (request == NULL || json_object_del(request, "file") != 0 ||
        json_object_set_new(request, kind->argument, text) != 0) {
        json_decref(request);
        return FAIL(err, NO_MEMORY, "read %s '%s'", kind->what, file);
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

static int send_file(const struct text_file *kind, const struct common *common, const json_t *arguments)
{
    char scratch[STATE_PATH_MAX];
    const char *socket;
    struct error err;
    json_t *request = NULL;
    json_t *answer = NULL;
    enum err_code rc = command_socket(common, scratch, &socket, &err);
    if (rc == ERR_OK) {
        rc = read_request(kind, arguments, &request, &err);
    }
    if (rc == ERR_OK) {
        rc = local_request(socket, "POST", kind->path, request, TIMEOUT_S, &answer, &err);
    }
    if (common->json && answer != NULL) {
        print_json(answer);
    } else if (rc == ERR_OK) {
        kind->print(answer);
    }
    json_decref(request);
    json_decref(answer);
    return rc == ERR_OK ? EXIT_DONE : command_failed(rc, &err);
}

int command_pack_add(const struct common *common, const json_t *arguments)
{
    static const struct text_file pack = { "programme pack", PROGRAMME_JSON_MAX, "pack", "/v1/admin/pack-add",
                                           print_added };
    return send_file(&pack, common, arguments);
}

static void print_former(const json_t *answer)
{
    static const struct column pairs[] = { { "vouched for", "former_sha256" }, { "by", "authority_sha256" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    (void)printf("Records that it certified are taken back when devices give them; no device gets in by it.\n");
}

int command_ca_former(const struct common *common, const json_t *arguments)
{
    static const struct text_file certificate = { "certificate", CERTIFICATE_PEM_MAX, "certificate",
                                                  "/v1/admin/ca-former", print_former };
    return send_file(&certificate, common, arguments);
}
