/* backup, restore: the centre's database as of one moment in one sealed file, and such a file put in use. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/vault/restore.h"
#include "sync/endpoint/core/centre.h"
#include "sync/endpoint/ctl/pieces.h"
#include "sync/endpoint/ctl/print.h"

#define BACKUP "/v1/admin/backup"

enum { PIECE_BYTES = 1024 * 1024, PATH_SIZE = 128 };

/* ---- backup: from the running endpoint ---- */

static enum err_code take(const struct talk *talk, const json_t *task, struct part_file *file, json_t **ret_answer)
{
    char path[PATH_SIZE];
    uint64_t bytes = (uint64_t)json_integer_value(json_object_get(task, "bytes"));
    (void)snprintf(path, sizeof(path), BACKUP "/next?id=%.32s", talk_text(task, "id"));
    enum err_code rc = talk_fetch(talk, path, bytes, file);
    json_t *answer = NULL;
    struct talk end = *talk;
    struct error unheard;
    end.err = rc == ERR_OK ? talk->err : &unheard;
    (void)snprintf(path, sizeof(path), BACKUP "/end?id=%.32s", talk_text(task, "id"));
    enum err_code ended = talk_ask(&end, path, NULL, &answer); /* the endpoint does not wait for one that gave up */
    rc = rc != ERR_OK ? rc : ended;
    if (rc == ERR_OK && !json_is_true(json_object_get(answer, "complete"))) {
        rc = FAIL(talk->err, PROTOCOL, "write the backup: it did not come whole");
    }
    if (rc != ERR_OK) {
        json_decref(answer);
        return rc;
    }
    *ret_answer = answer;
    return part_file_keep(file, talk->err);
}

static enum err_code write_backup(const struct talk *talk, const char *name, bool replace, json_t **ret_answer)
{
    SCOPED(part_file_drop) struct part_file file = { .fd = -1 };
    SCOPED(scoped_json) json_t *task = NULL;
    TRY(part_file_begin(&file, name, replace, talk->err));
    TRY(talk_ask(talk, BACKUP, NULL, &task));
    return take(talk, task, &file, ret_answer);
}

int command_backup(const struct common *common, const json_t *arguments)
{
    static const struct column pairs[] = {
        { "written", "file" }, { "as of", "made_at" }, { "bytes", "bytes" }, { "fingerprint", "fingerprint" }
    };
    struct error err = { .code = ERR_OK };
    struct talk talk;
    const char *name = talk_text(arguments, "file");
    SCOPED(scoped_json) json_t *answer = NULL;
    enum err_code rc = talk_begin(&talk, common, &err);
    rc = rc != ERR_OK ? rc : write_backup(&talk, name, json_is_true(json_object_get(arguments, "force")), &answer);
    if (rc != ERR_OK) {
        return command_failed(rc, &err);
    }
    (void)json_object_set_new(answer, "file", json_string(name));
    (void)json_object_del(answer, "id");
    if (common->json) {
        print_json(answer);
    } else {
        print_pairs(answer, pairs, ARRAY_LEN(pairs));
        (void)printf("It opens with the key file of today. Keep it on another disk, and vault.key apart from it; "
                     "`restore --check FILE` looks whether it is whole.\n");
    }
    return EXIT_DONE;
}

/* ---- restore: without an endpoint ---- */

struct restoring {
    const struct common *common;
    char database[STATE_PATH_MAX];
    const char *name; /* of the backup */
    int fd;
    int lock;   /* of the state folder */
    bool check; /* nothing is put in use */
    struct backup_reader *reader;
    struct restore *restore;
    struct backup_about about;
    char kept[RESTORE_SET_SIZE];
};

static void restoring_end(struct restoring *r)
{
    restore_free(r->restore);
    backup_read_free(r->reader);
    scoped_close(&r->fd);
    scoped_close(&r->lock);
}

/* At most `max` bytes more, all of them unless the file ends. */
static enum err_code read_more(const struct restoring *r, struct buf *out, size_t max, struct error *err)
{
    TRY(buf_reserve(out, max, err));
    for (size_t left = max; left > 0;) {
        ssize_t got = read(r->fd, out->data + out->len, left);
        if (got < 0 && errno != EINTR) {
            return error_errno(err, "read '%s'", r->name);
        }
        if (got == 0) {
            return ERR_OK;
        }
        out->len += got > 0 ? (size_t)got : 0;
        left -= got > 0 ? (size_t)got : 0;
    }
    return ERR_OK;
}

static enum err_code open_backup(struct restoring *r, struct error *err)
{
    size_t head_len;
    struct state_options options = { .folder = r->common->state_dir, .key_file = r->common->key_file };
    SCOPED(buf_fini) struct buf head;
    SCOPED(secret_free) struct secret key = { 0 };
    buf_init(&head, BACKUP_HEAD_MAX);
    r->fd = open(r->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (r->fd < 0) {
        return error_errno(err, "read '%s'", r->name);
    }
    TRY(read_more(r, &head, BACKUP_HEAD_LOOK, err));
    TRY(backup_head_length(buf_slice(&head), &head_len, err));
    TRY(read_more(r, &head, head_len - head.len, err));
    TRY(backup_read_begin(buf_slice(&head), &r->reader, err));
    TRY(state_database(&options, r->database, err));
    TRY(state_key(&options, &key, err));
    struct vault_unlock unlock = { .kind = VAULT_SLOT_KEY_FILE, .secret = key.bytes, .secret_len = key.len };
    enum err_code rc = backup_read_unlock(r->reader, &unlock, err);
    return rc == ERR_KEY ? FAIL(err, KEY, "open the backup: it was made under another key file") : rc;
}

static enum err_code read_pages(struct restoring *r, struct error *err)
{
    SCOPED(buf_fini) struct buf piece;
    buf_init(&piece, PIECE_BYTES);
    (void)backup_read_about(r->reader, &r->about);
    for (uint64_t done = r->about.head_bytes;; done += piece.len) {
        buf_clear(&piece);
        TRY(read_more(r, &piece, PIECE_BYTES, err));
        if (piece.len == 0) {
            break;
        }
        TRY(backup_read_take(r->reader, buf_slice(&piece), r->check ? NULL : restore_page, r->restore, err));
        talk_progress(r->common, done + piece.len, r->about.bytes);
    }
    TRY(backup_read_end(r->reader, err));
    (void)backup_read_about(r->reader, &r->about);
    return ERR_OK;
}

static enum err_code put_in_use(struct restoring *r, struct error *err)
{
    int64_t now_ms = clock_wall_ms();
    TRY(restore_seal(r->restore, err));
    TRY(centre_restored(restore_vault(r->restore), r->about.made_at_ms, now_ms, err));
    restore_keep(r->restore);
    return restore_swap(r->database, now_ms, r->kept, err);
}

static enum err_code run(struct restoring *r, bool replace, struct error *err)
{
    TRY(secret_init(err));
    if (!r->check) {
        TRY(state_lock(r->common->state_dir, "put a backup in use", &r->lock, err));
    }
    TRY(open_backup(r, err));
    if (!r->check) {
        TRY(restore_swap_resume(r->database, err));
        if (vault_exists(r->database) && !replace) {
            return FAIL(err, CONFLICT,
                        "put a backup in use: there is a centre in '%s'; --replace keeps its files there "
                        "under another name",
                        r->common->state_dir);
        }
        TRY(restore_begin(r->database, r->reader, 0, clock_wall_ms(), &r->restore, err));
    }
    enum err_code rc = read_pages(r, err);
    talk_progress_clear(r->common);
    return rc != ERR_OK || r->check ? rc : put_in_use(r, err);
}

static json_t *restored_value(const struct restoring *r)
{
    char made_at[INSTANT_TEXT_SIZE];
    char fingerprint[2 * BACKUP_FINGERPRINT_BYTES + 1];
    instant_format(r->about.made_at_ms, made_at);
    hex_encode(r->about.fingerprint, sizeof(r->about.fingerprint), fingerprint);
    return json_pack("{s:s,s:s,s:I,s:s,s:b,s:s?}", "file", r->name, "made_at", made_at, "bytes",
                     (json_int_t)r->about.bytes, "fingerprint", fingerprint, "restored", !r->check, "replaced",
                     r->kept[0] != '\0' ? r->kept + 1 : NULL);
}

static void print_restored(const struct restoring *r, const json_t *answer)
{
    static const struct column pairs[] = {
        { "backup", "file" }, { "as of", "made_at" }, { "bytes", "bytes" }, { "fingerprint", "fingerprint" }
    };
    print_pairs(answer, pairs, ARRAY_LEN(pairs));
    if (r->check) {
        (void)printf("It is whole, and as it was written.\n");
        return;
    }
    if (r->kept[0] != '\0') {
        (void)printf(
            "What was in use before is kept as %s%s and the files that begin so: remove them when all is well.\n",
            r->database, r->kept);
    }
    (void)printf(
        "It is in use when the endpoint is started again; what came after it comes back with each device's next "
        "exchange. It is among the `incidents`.\n");
}

int command_restore(const struct common *common, const json_t *arguments)
{
    struct error err = { .code = ERR_OK };
    SCOPED(restoring_end)
    struct restoring restoring = { .common = common,
                                   .name = talk_text(arguments, "file"),
                                   .fd = -1,
                                   .lock = -1,
                                   .check = json_is_true(json_object_get(arguments, "check")) };
    enum err_code rc = run(&restoring, json_is_true(json_object_get(arguments, "replace")), &err);
    if (rc != ERR_OK) {
        return command_failed(rc, &err);
    }
    SCOPED(scoped_json) json_t *answer = restored_value(&restoring);
    if (common->json) {
        print_json(answer);
    } else {
        print_restored(&restoring, answer);
    }
    return EXIT_DONE;
}
