/* enrolment sign: a request of a device without a network in, the answer for it out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "sync/edge/local_client.h"
#include "sync/endpoint/ctl/pieces.h"
#include "sync/endpoint/ctl/print.h"
#include "sync/enrolment_file.h"

#define OPERATION "/v1/admin/enrolment-sign"
#define TIMEOUT_S 60L

static enum err_code ask(const char *socket, const char *path, json_t **ret_answer, struct error *err)
{
    SCOPED(buf_fini) struct buf file;
    SCOPED(buf_fini) struct buf text;
    buf_init(&file, ENROLMENT_FILE_MAX);
    buf_init(&text, 2 * ENROLMENT_FILE_MAX);
    TRY(file_read(path, &file, err));
    TRY(base64_encode(buf_slice(&file), &text, err));
    SCOPED(scoped_json) json_t *body = json_pack("{s:s%}", "request", (const char *)text.data, text.len);
    SCOPED(scoped_json) json_t *answer = NULL;
    TRY(local_request(socket, "POST", OPERATION, body, TIMEOUT_S, &answer, err));
    *ret_answer = answer;
    answer = NULL;
    return ERR_OK;
}

static enum err_code file_name(const char *wanted, const json_t *answer, char out[PATH_MAX], struct error *err)
{
    struct stat about;
    bool folder = stat(wanted, &about) == 0 && S_ISDIR(about.st_mode);
    int len = folder ? snprintf(out, PATH_MAX, "%s/%s", wanted, talk_text(answer, "file"))
                     : snprintf(out, PATH_MAX, "%s", wanted);
    return len < PATH_MAX ? ERR_OK : FAIL(err, INVALID, "write the answer: its path is too long");
}

static enum err_code write_answer(const char *name, bool replace, const char *base64, struct error *err)
{
    SCOPED(part_file_drop) struct part_file file = { .fd = -1 };
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, ENROLMENT_FILE_MAX);
    TRY(base64_decode(slice_of_text(base64), &bytes, err));
    TRY(part_file_begin(&file, name, replace, err));
    TRY(part_file_put(&file, buf_slice(&bytes), err));
    return part_file_keep(&file, err);
}

static enum err_code sign(const struct common *common, const json_t *arguments, json_t **ret_answer, struct error *err)
{
    char scratch[STATE_PATH_MAX];
    char name[PATH_MAX];
    const char *socket;
    SCOPED(scoped_json) json_t *answer = NULL;
    TRY(command_socket(common, scratch, &socket, err));
    TRY(ask(socket, talk_text(arguments, "file"), &answer, err));
    TRY(file_name(talk_text(arguments, "output"), answer, name, err));
    TRY(write_answer(name, json_is_true(json_object_get(arguments, "force")), talk_text(answer, "answer"), err));
    (void)json_object_del(answer, "answer");
    (void)json_object_set_new(answer, "file", json_string(name));
    *ret_answer = answer;
    answer = NULL;
    return ERR_OK;
}

int command_enrolment_sign(const struct common *common, const json_t *arguments)
{
    static const struct column pairs[] = { { "written", "file" },
                                           { "for device", "device.id" },
                                           { "site", "device.site.name" },
                                           { "certificate until", "device.valid_until" } };
    struct error err = { .code = ERR_OK };
    SCOPED(scoped_json) json_t *answer = NULL;
    enum err_code rc = sign(common, arguments, &answer, &err);
    if (rc != ERR_OK) {
        return command_failed(rc, &err);
    }
    if (common->json) {
        print_json(answer);
        return EXIT_DONE;
    }
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    (void)printf("next: take the file to the device, and there: holdfast enrol --answer FILE\n");
    if (json_is_false(json_object_get(answer, "renewed"))) {
        (void)printf("with it may go the site's records: `bundle export --device %.8s FILE`\n",
                     talk_text(json_object_get(answer, "device"), "id"));
    }
    return EXIT_DONE;
}
