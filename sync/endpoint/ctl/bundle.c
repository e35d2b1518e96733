/* bundle export, bundle import: the exchange by files of devices that have no network. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/bundle.h"
#include "sync/edge/local_client.h"
#include "sync/endpoint/ctl/pieces.h"
#include "sync/endpoint/ctl/print.h"

#define BUNDLE "/v1/admin/bundle/"

/* `what` of the task that an answer named. */
static void task_path(const char *what, const json_t *task, char out[128])
{
    (void)snprintf(out, 128, BUNDLE "%s?id=%.32s", what, talk_text(task, "id"));
}

/* ---- export ---- */

static enum err_code file_name(const char *file, const json_t *task, char out[PATH_MAX], struct error *err)
{
    struct stat about;
    bool folder = stat(file, &about) == 0 && S_ISDIR(about.st_mode);
    int len =
        folder ? snprintf(out, PATH_MAX, "%s/%s", file, talk_text(task, "file")) : snprintf(out, PATH_MAX, "%s", file);
    return len < PATH_MAX ? ERR_OK : FAIL(err, INVALID, "write the bundle: its path is too long");
}

static enum err_code export_to(const struct talk *talk, const json_t *task, const char *name, bool replace,
                               json_t **ret_answer)
{
    char path[128];
    SCOPED(part_file_drop) struct part_file file = { .fd = -1 };
    TRY(part_file_begin(&file, name, replace, talk->err));
    task_path("export/next", task, path);
    TRY(talk_fetch(talk, path, 0, &file));
    task_path("export/end", task, path);
    TRY(talk_ask(talk, path, NULL, ret_answer));
    if (!json_is_true(json_object_get(*ret_answer, "complete"))) {
        return FAIL(talk->err, PROTOCOL, "write the bundle: it did not come whole");
    }
    return part_file_keep(&file, talk->err);
}

static void print_exported(const json_t *answer)
{
    static const struct column pairs[] = { { "written", "file" },
                                           { "for device", "device.id" },
                                           { "site", "device.site.name" },
                                           { "records after", "after" },
                                           { "up to", "to" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
}

static enum err_code export_one(const struct talk *talk, const char *device, const json_t *arguments, json_t *all)
{
    char name[PATH_MAX];
    SCOPED(scoped_json) json_t *task = NULL;
    SCOPED(scoped_json) json_t *answer = NULL;
    SCOPED(scoped_json)
    json_t *body =
        json_pack("{s:s,s:b}", "device", device, "from_start", json_is_true(json_object_get(arguments, "from_start")));
    TRY(talk_ask(talk, BUNDLE "export", body, &task));
    TRY(file_name(talk_text(arguments, "file"), task, name, talk->err));
    TRY(export_to(talk, task, name, json_is_true(json_object_get(arguments, "force")), &answer));
    (void)json_object_set_new(answer, "file", json_string(name));
    if (!talk->common->json) {
        print_exported(answer);
    }
    (void)json_array_append(all, answer);
    return ERR_OK;
}

static bool of_site(const json_t *device, const char *site)
{
    const json_t *own = json_object_get(device, "site");
    return strcmp(talk_text(device, "state"), "revoked") != 0 &&
           (strcmp(talk_text(own, "name"), site) == 0 || strcmp(talk_text(own, "id"), site) == 0);
}

/* One each, since each is sealed to its device. */
static enum err_code export_site(const struct talk *talk, const json_t *arguments, json_t *all)
{
    size_t index;
    const json_t *device;
    struct stat about;
    const char *folder = talk_text(arguments, "file");
    SCOPED(scoped_json) json_t *devices = NULL;
    if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode)) {
        return FAIL(talk->err, INVALID, "write the bundles of a site: '%s' is not a folder", folder);
    }
    TRY(talk_ask(talk, "/v1/admin/devices", NULL, &devices));
    json_array_foreach(json_object_get(devices, "devices"), index, device)
    {
        if (of_site(device, talk_text(arguments, "site"))) {
            TRY(export_one(talk, talk_text(device, "id"), arguments, all));
        }
    }
    return json_array_size(all) > 0
               ? ERR_OK
               : FAIL(talk->err, NOT_FOUND, "find a device of the site '%s'", talk_text(arguments, "site"));
}

int command_bundle_export(const struct common *common, const json_t *arguments)
{
    struct error err = { .code = ERR_OK };
    struct talk talk;
    SCOPED(scoped_json) json_t *all = json_array();
    bool by_device = json_object_get(arguments, "device") != NULL;
    enum err_code rc = talk_begin(&talk, common, &err);
    if (rc == ERR_OK && by_device == (json_object_get(arguments, "site") != NULL)) {
        rc = FAIL(&err, INVALID, "write a bundle: say for whom, with --device or --site");
    }
    if (rc == ERR_OK) {
        rc = by_device ? export_one(&talk, talk_text(arguments, "device"), arguments, all)
                       : export_site(&talk, arguments, all);
    }
    if (common->json && json_array_size(all) > 0) {
        SCOPED(scoped_json) json_t *answer = json_pack("{s:O}", "bundles", all);
        print_json(answer);
    }
    return rc == ERR_OK ? EXIT_DONE : command_failed(rc, &err);
}

/* ---- import ---- */

static enum err_code bring(const struct talk *talk, const json_t *task, int fd, const char *file)
{
    char path[128];
    SCOPED(buf_fini) struct buf piece;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&piece, BUNDLE_PIECE_MAX);
    buf_init(&answer, BUNDLE_PIECE_MAX);
    TRY(buf_reserve(&piece, BUNDLE_PIECE_MAX, talk->err));
    task_path("import/next", task, path);
    for (uint64_t done = 0;;) {
        ssize_t got = read(fd, piece.data, BUNDLE_PIECE_MAX);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? ERR_OK : error_errno(talk->err, "read '%s'", file);
        }
        buf_clear(&answer);
        TRY(local_request_bytes(talk->socket, "POST", path, slice_of(piece.data, (size_t)got),
                                "application/octet-stream", PIECES_TIMEOUT_S, &answer, talk->err));
        done += (uint64_t)got;
        talk_progress(talk->common, done, 0);
    }
}

static enum err_code import(const struct talk *talk, const char *file, json_t **ret_answer)
{
    char path[128];
    SCOPED(scoped_json) json_t *task = NULL;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return error_errno(talk->err, "read '%s'", file);
    }
    enum err_code rc = talk_ask(talk, BUNDLE "import", NULL, &task);
    rc = rc != ERR_OK ? rc : bring(talk, task, fd, file);
    talk_progress_clear(talk->common);
    (void)close(fd);
    TRY(rc);
    task_path("import/end", task, path);
    return talk_ask(talk, path, NULL, ret_answer);
}

static void print_imported(const json_t *answer)
{
    static const struct column pairs[] = { { "taken of device", "device.id" },
                                           { "site", "device.site.name" },
                                           { "written", "made_at" },
                                           { "new records", "new_records" },
                                           { "quarantined", "quarantined" } };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    json_int_t given = json_integer_value(json_object_get(answer, "given_back"));
    if (given > 0) {
        (void)printf("It gave back %" JSON_INTEGER_FORMAT " record%s of others that were lost here.\n", given,
                     given == 1 ? "" : "s");
    }
    json_int_t declined = json_integer_value(json_object_get(answer, "declined"));
    if (declined > 0) {
        (void)printf("Not taken: %" JSON_INTEGER_FORMAT
                     " run%s of records of others that it gave back. The first: %s.\n"
                     "If the authority that certified who made them is gone, give its certificate with `ca former`.\n",
                     declined, declined == 1 ? "" : "s", talk_text(answer, "declined_why"));
    }
    if (json_is_true(json_object_get(answer, "fork"))) {
        (void)printf("It holds other records than the centre has under their numbers: see `incidents`.\n");
    }
    if (json_is_true(json_object_get(answer, "gap"))) {
        (void)printf(
            "It begins after what the centre holds of the device: was the centre put back to an older copy?\n");
    }
    (void)printf(
        "next: write the answer with `bundle export --device %.8s FILE` and take it back; until then the device "
        "shows these as not synchronised\n",
        talk_text(json_object_get(answer, "device"), "id"));
}

int command_bundle_import(const struct common *common, const json_t *arguments)
{
    struct error err = { .code = ERR_OK };
    struct talk talk;
    SCOPED(scoped_json) json_t *answer = NULL;
    enum err_code rc = talk_begin(&talk, common, &err);
    rc = rc != ERR_OK ? rc : import(&talk, talk_text(arguments, "file"), &answer);
    if (rc != ERR_OK) {
        return command_failed(rc, &err);
    }
    if (common->json) {
        print_json(answer);
    } else {
        print_imported(answer);
    }
    return EXIT_DONE;
}
