/* Changes of the slots: what takes time first, on a copy; then what the vault key and the disk are needed for. */
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/slots.h"
#include "crypto/vault/vault_internal.h"

enum { CERTIFICATE_BYTES_MAX = 8192 };

struct vault_slot_job {
    enum vault_slot_action action;
    size_t target; /* of change and remove; SIZE_MAX: the slot of the proof */
    enum vault_slot_kind proof_kind;
    struct secret proof;
    enum vault_slot_kind kind;
    struct secret secret;
    char label[VAULT_LABEL_MAX + 1];
    int32_t created_on;
    struct buf certificate;

    struct keys seen; /* as the slots were; locked */
    enum err_code rc; /* of the run */
    struct error err;
    size_t proven;          /* the slot that the proof opens */
    struct slot_made *made; /* add, change */
    int number;             /* what it came to */
};

static void seen_copy(struct vault *vault, struct keys *ret_seen)
{
    pthread_mutex_lock(&vault->keys_lock);
    memcpy(ret_seen->image, vault->keys.image, sizeof(ret_seen->image));
    pthread_mutex_unlock(&vault->keys_lock);
}

static enum err_code secret_take(const struct vault_unlock *from, enum vault_slot_kind *ret_kind,
                                 struct secret *ret_secret, struct error *err)
{
    *ret_kind = from->kind;
    return secret_copy(slice_of(from->secret, from->secret_len), ret_secret, err);
}

static enum err_code slot_take(struct vault_slot_job *job, const struct vault_slot_new *slot, struct error *err)
{
    TRY(slot_check(slot, err));
    (void)stpcpy(job->label, slot->label == NULL ? "" : slot->label);
    job->created_on = slot->created_on;
    if (slot->unlock.kind == VAULT_SLOT_ESCROW) {
        job->kind = slot->unlock.kind;
        return buf_append(&job->certificate, slot->certificate.data, slot->certificate.len, err);
    }
    return secret_take(&slot->unlock, &job->kind, &job->secret, err);
}

static enum err_code target_check(const struct vault_slot_job *job, int number, struct error *err)
{
    if (job->action == VAULT_SLOT_ADD || (number == 0 && job->action == VAULT_SLOT_CHANGE)) {
        return ERR_OK;
    }
    if (number < 1 || number > VAULT_SLOTS || slot_kind(&job->seen, (size_t)number - 1) == 0) {
        return FAIL(err, NOT_FOUND, "use key %d: there is none of this number", number);
    }
    return ERR_OK;
}

static enum err_code job_fill(struct vault_slot_job *job, const struct vault_slot_change *change, struct error *err)
{
    TRY(target_check(job, change->number, err));
    job->target = change->number == 0 ? SIZE_MAX : (size_t)change->number - 1;
    TRY(slots_check_secret(&change->proof, err));
    TRY(secret_take(&change->proof, &job->proof_kind, &job->proof, err));
    return change->action == VAULT_SLOT_REMOVE ? ERR_OK : slot_take(job, &change->slot, err);
}

enum err_code vault_slot_job_new(struct vault *vault, const struct vault_slot_change *change,
                                 struct vault_slot_job **ret_job, struct error *err)
{
    struct vault_slot_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return FAIL(err, NO_MEMORY, "change the keys");
    }
    buf_init(&job->certificate, CERTIFICATE_BYTES_MAX);
    job->action = change->action;
    job->rc = ERR_KEY; /* until it has run */
    seen_copy(vault, &job->seen);
    enum err_code rc = job_fill(job, change, err);
    if (rc != ERR_OK) {
        vault_slot_job_free(job);
        return rc;
    }
    *ret_job = job;
    return ERR_OK;
}

void vault_slot_job_free(struct vault_slot_job *job)
{
    if (job == NULL) {
        return;
    }
    secret_free(&job->proof);
    secret_free(&job->secret);
    buf_fini(&job->certificate);
    if (job->made != NULL) {
        slot_made_free(job->made);
        free(job->made);
    }
    free(job);
}

/* What is not allowed is said before anybody waits for a second derivation. */
static enum err_code may_change(const struct vault_slot_job *job, const struct keys *keys, size_t target,
                                struct error *err)
{
    uint32_t kind = slot_kind(keys, target);
    if (job->action == VAULT_SLOT_CHANGE && kind != (uint32_t)job->kind) {
        return FAIL(err, REFUSED, "change key %zu: it is no %s", target + 1, slot_kind_words(job->kind));
    }
    bool opens = kind >= VAULT_SLOT_PASSPHRASE && kind < VAULT_SLOT_ESCROW;
    if (job->action == VAULT_SLOT_REMOVE && opens && slots_usable(keys) == 1) {
        return FAIL(err, REFUSED, "remove key %zu: it is the last one that opens the replica", target + 1);
    }
    return ERR_OK;
}

static enum err_code run(struct vault_slot_job *job, struct error *err)
{
    struct vault_unlock proof = { job->proof_kind, job->proof.bytes, job->proof.len };
    enum err_code rc = slots_find(&job->seen, &proof, &job->proven, err);
    if (rc == ERR_KEY) {
        return FAIL(err, KEY, "change the keys: this %s does not open the replica", slot_kind_words(proof.kind));
    }
    TRY(rc);
    if (job->target == SIZE_MAX) {
        job->target = job->proven;
    }
    if (job->action != VAULT_SLOT_ADD) {
        TRY(may_change(job, &job->seen, job->target, err));
    }
    if (job->action == VAULT_SLOT_REMOVE) {
        return ERR_OK;
    }
    struct vault_slot_new slot = { .unlock = { job->kind, job->secret.bytes, job->secret.len },
                                   .created_on = job->created_on,
                                   .certificate = buf_slice(&job->certificate) };
    job->made = calloc(1, sizeof(*job->made));
    return job->made == NULL ? FAIL(err, NO_MEMORY, "change the keys") : slot_make(&slot, job->made, err);
}

void vault_slot_job_run(struct vault_slot_job *job)
{
    job->rc = run(job, &job->err);
    secret_free(&job->proof);
    secret_free(&job->secret);
}

/* Taking over
 * ------------------------------------------------------------------------------------------------------------ */

static enum err_code free_slot(const struct keys *keys, size_t *ret_index, struct error *err)
{
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        if (slot_kind(keys, i) == 0) {
            *ret_index = i;
            return ERR_OK;
        }
    }
    return FAIL(err, LIMIT, "add a key: all %d places are taken; remove one first", VAULT_SLOTS);
}

static enum err_code apply(struct keys *keys, void *context, struct error *err)
{
    struct vault_slot_job *job = context;
    size_t target = job->target;
    if (!slot_same(keys, &job->seen, job->proven)) {
        return FAIL(err, CONFLICT, "change the keys: they have changed meanwhile");
    }
    if (job->action == VAULT_SLOT_ADD) {
        TRY(free_slot(keys, &target, err));
    } else if (!slot_same(keys, &job->seen, target)) {
        return FAIL(err, CONFLICT, "change the keys: they have changed meanwhile");
    } else {
        TRY(may_change(job, keys, target, err));
    }
    if (job->action == VAULT_SLOT_REMOVE) {
        slot_clear(keys, target);
    } else {
        struct vault_slot before = { .label = "" };
        if (job->action == VAULT_SLOT_CHANGE && job->label[0] == '\0') {
            TRY(slot_describe(keys, target, &before, err));
        }
        TRY(slot_put(keys, target, job->made, job->label[0] != '\0' ? job->label : before.label, err));
    }
    job->number = (int)target + 1;
    return keys_image_close(keys, err);
}

enum err_code vault_slot_job_finish(struct vault *vault, struct vault_slot_job *job, int *ret_number, struct error *err)
{
    if (job->rc != ERR_OK) {
        return error_set(err, job->rc, "%s", job->err.message);
    }
    TRY(vault_keys_change(vault, &(struct keys_change){ apply, job }, err));
    *ret_number = job->number;
    return ERR_OK;
}

static enum err_code change_now(struct vault *vault, const struct vault_slot_change *change, int *ret_number,
                                struct error *err)
{
    struct vault_slot_job *job = NULL;
    TRY(vault_slot_job_new(vault, change, &job, err));
    vault_slot_job_run(job);
    enum err_code rc = vault_slot_job_finish(vault, job, ret_number, err);
    vault_slot_job_free(job);
    return rc;
}

enum err_code vault_slot_add(struct vault *vault, const struct vault_unlock *proof, const struct vault_slot_new *slot,
                             int *ret_number, struct error *err)
{
    struct vault_slot_change change = { .action = VAULT_SLOT_ADD, .proof = *proof, .slot = *slot };
    return change_now(vault, &change, ret_number, err);
}

enum err_code vault_slot_change(struct vault *vault, const struct vault_unlock *proof, int number,
                                const struct vault_slot_new *slot, int *ret_number, struct error *err)
{
    struct vault_slot_change change = { .action = VAULT_SLOT_CHANGE, .number = number, .proof = *proof, .slot = *slot };
    return change_now(vault, &change, ret_number, err);
}

enum err_code vault_slot_remove(struct vault *vault, const struct vault_unlock *proof, int number, struct error *err)
{
    struct vault_slot_change change = { .action = VAULT_SLOT_REMOVE, .number = number, .proof = *proof };
    int removed;
    return change_now(vault, &change, &removed, err);
}

/* Looking
 * ---------------------------------------------------------------------------------------------------------------- */

enum err_code vault_slots_list(struct vault *vault, struct vault_slot ret_slots[VAULT_SLOTS], size_t *ret_count,
                               struct error *err)
{
    struct vault_slot slots[VAULT_SLOTS];
    size_t count = 0;
    enum err_code rc = ERR_OK;
    pthread_mutex_lock(&vault->keys_lock);
    for (size_t i = 0; i < KEYS_SLOTS && rc == ERR_OK; i++) {
        if (slot_kind(&vault->keys, i) != 0) {
            rc = slot_describe(&vault->keys, i, &slots[count], err);
            count += rc == ERR_OK;
        }
    }
    pthread_mutex_unlock(&vault->keys_lock);
    TRY(rc);
    memcpy(ret_slots, slots, count * sizeof(slots[0]));
    *ret_count = count;
    return ERR_OK;
}

enum err_code vault_slot_envelope(struct vault *vault, int number, struct buf *out, struct error *err)
{
    struct keys *seen = calloc(1, sizeof(*seen));
    if (seen == NULL) {
        return FAIL(err, NO_MEMORY, "read the envelope");
    }
    seen_copy(vault, seen);
    struct slice envelope =
        number >= 1 && number <= VAULT_SLOTS ? slot_envelope(seen, (size_t)number - 1) : slice_of(NULL, 0);
    enum err_code rc = envelope.len == 0 ? FAIL(err, NOT_FOUND, "use key %d: it is no escrow", number)
                                         : buf_append(out, envelope.data, envelope.len, err);
    free(seen);
    return rc;
}
