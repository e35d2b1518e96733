#include "agent/lockbox.h"

#include "base/file.h"
#include "base/log.h"

void lockbox_init(struct lockbox *box, uv_loop_t *loop, const char *path)
{
    *box = (struct lockbox){ .loop = loop, .path = path };
}

/* With LOCKBOX_TPM_AUTO a TPM that is absent or refuses is said in the log, and the vault opens without it. */
static enum err_code counter_set(struct lockbox *box, struct error *err)
{
    if (box->tpm == LOCKBOX_TPM_OFF) {
        return ERR_OK;
    }
    enum err_code rc =
        tpm_counter_open(box->tpm_tcti == NULL ? "" : box->tpm_tcti, vault_file_id(box->vault), &box->counter, err);
    if (rc == ERR_OK) {
        struct vault_counter_io io = tpm_counter_io(box->counter);
        vault_set_counter(box->vault, &io);
        LOG_INFO("tpm_counter_used", "new=%d", !io.bound);
        return ERR_OK;
    }
    if (box->tpm == LOCKBOX_TPM_REQUIRE) {
        return error_wrap(err, rc, "unlock (vault.tpm = require)");
    }
    if (rc != ERR_NOT_FOUND && rc != ERR_UNSUPPORTED) {
        log_error("tpm_counter_unusable", err);
    }
    return ERR_OK;
}

static void release(struct lockbox *box)
{
    vault_close(box->vault);
    tpm_counter_close(box->counter);
    box->vault = NULL;
    box->counter = NULL;
}

/* In a thread of the pool. */
static void open_vault(uv_work_t *work)
{
    struct lockbox *box = work->data;
    struct vault_unlock unlock = { .kind = box->kind, .secret = box->secret.bytes, .secret_len = box->secret.len };
    box->rc = box->create ? vault_create(box->path, &unlock, &box->err) : ERR_OK;
    if (box->rc == ERR_OK) {
        box->rc = vault_open(box->path, &unlock, &box->vault, &box->err);
    }
    if (box->rc == ERR_OK && (box->rc = counter_set(box, &box->err)) != ERR_OK) {
        release(box);
    }
    secret_drop_stack();
}

static const char *refusal(enum vault_slot_kind kind)
{
    switch (kind) {
    case VAULT_SLOT_PASSPHRASE:
        return "this is not the passphrase of this replica";
    case VAULT_SLOT_RECOVERY:
        return "the recovery key is complete, and of another replica or replaced since";
    case VAULT_SLOT_ESCROW:
        return "this is not what an escrow of this replica held";
    default:
        return "this key file does not open this replica";
    }
}

static void on_opened(uv_work_t *work, int status)
{
    struct lockbox *box = work->data;
    CHECK(status == 0); /* never cancelled */
    secret_free(&box->secret);
    if (box->rc == ERR_KEY) {
        (void)FAIL(&box->err, KEY, "unlock: %s", refusal(box->kind));
    }
    box->state = box->rc == ERR_OK ? LOCKBOX_OPEN : LOCKBOX_LOCKED;
    box->done(box->context, box->rc, &box->err);
}

static enum err_code may_open(const struct lockbox *box, enum vault_slot_kind kind, const struct secret *secret,
                              bool create, struct error *err)
{
    if (box->state != LOCKBOX_LOCKED) {
        return FAIL(err, BUSY, "unlock: another try is running");
    }
    bool exists = vault_exists(box->path);
    if (create && exists) {
        return FAIL(err, CONFLICT, "make a new replica: there is one already; unlock it with its own passphrase");
    }
    if (!create && !exists) {
        return FAIL(err, NOT_FOUND, "unlock: there is no replica here yet; make one with `holdfast unlock --new`");
    }
    if (kind == VAULT_SLOT_PASSPHRASE && create && secret->len < PASSPHRASE_MIN) {
        return FAIL(err, INVALID, "make a new replica: expected a passphrase of at least %d bytes", PASSPHRASE_MIN);
    }
    if (secret->len > VAULT_PASSPHRASE_MAX) {
        return FAIL(err, INVALID, "unlock: expected a passphrase of at most %d bytes", VAULT_PASSPHRASE_MAX);
    }
    return ERR_OK;
}

enum err_code lockbox_open(struct lockbox *box, enum vault_slot_kind kind, struct secret *secret, bool create,
                           lockbox_done done, void *context, struct error *err)
{
    enum err_code rc = may_open(box, kind, secret, create, err);
    if (rc != ERR_OK) {
        secret_free(secret);
        return rc;
    }
    box->kind = kind;
    box->secret = *secret;
    *secret = (struct secret){ 0 };
    box->create = create;
    box->err = (struct error){ 0 };
    box->done = done;
    box->context = context;
    box->state = LOCKBOX_WORKING;
    box->work.data = box;
    CHECK(uv_queue_work(box->loop, &box->work, open_vault, on_opened) == 0);
    return ERR_OK;
}

void lockbox_close(struct lockbox *box)
{
    CHECK(box->state != LOCKBOX_WORKING);
    release(box);
    box->state = LOCKBOX_LOCKED;
}

/* ---- the key file ---- */

static enum err_code make_key_file(const char *path, struct secret *ret_secret, struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(secret_random(VAULT_KEY_FILE_BYTES, &key, err));
    enum err_code rc = file_replace(path, slice_of(key.bytes, key.len), 0600, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "make key file '%s'", path);
    }
    LOG_INFO("key_file_made", "path=\"%s\"", path);
    *ret_secret = key;
    key = (struct secret){ 0 };
    return ERR_OK;
}

enum err_code lockbox_key_file(const struct lockbox *box, const char *path, bool may_make, struct secret *ret_secret,
                               struct error *err)
{
    if (may_make && !file_exists(path) && !vault_exists(box->path)) {
        return make_key_file(path, ret_secret, err);
    }
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(secret_read_file(path, VAULT_KEY_FILE_BYTES + 1, &key, err));
    if (key.len != VAULT_KEY_FILE_BYTES) {
        return FAIL(err, KEY, "read key file '%s': expected exactly %d bytes", path, VAULT_KEY_FILE_BYTES);
    }
    *ret_secret = key;
    key = (struct secret){ 0 };
    return ERR_OK;
}
