#include <string.h>

#include "base/log.h"
#include "crypto/vault/vault_internal.h"

/*
 * Random nonces of 96 bits: below 2^31 pages under one key the chance that two are the same stays under 2^-35. A crash
 * loses the exact count, so the keys file says in advance how far it may go, EPOCH_STEP pages at a time (1 GiB).
 */
static const uint64_t EPOCH_LIMIT = UINT64_C(1) << 31;
static const uint64_t EPOCH_STEP = UINT64_C(1) << 18;

static uint64_t limit_for_test;
static uint64_t step_for_test;

void vault_test_set_epoch_limit(uint64_t limit, uint64_t step)
{
    limit_for_test = limit;
    step_for_test = step;
}

static uint64_t epoch_limit(void)
{
    return limit_for_test != 0 ? limit_for_test : EPOCH_LIMIT;
}

static uint64_t epoch_step(void)
{
    return step_for_test != 0 ? step_for_test : EPOCH_STEP;
}

static enum err_code keys_begin(struct keys *keys, void *unused, struct error *err)
{
    (void)unused;
    return keys_epoch_begin(keys, err);
}

static enum err_code keys_account(struct keys *keys, void *sealed, struct error *err)
{
    return keys_epoch_account(keys, *(const uint64_t *)sealed, err);
}

static enum err_code keys_retire(struct keys *keys, void *oldest_kept, struct error *err)
{
    return keys_epochs_retire(keys, *(const uint32_t *)oldest_kept, err);
}

/* Takes the epochs of the keys file that are not in memory yet. The caller has the keys_lock, or is alone. */
static enum err_code epochs_take(struct vault *vault, struct error *err)
{
    for (size_t i = 0; i < KEYS_EPOCHS; i++) {
        struct keys_epoch epoch = keys_epoch_at(&vault->keys, i);
        if (epoch.number == 0 || epochs_has(&vault->epochs, epoch.number)) {
            continue;
        }
        SCOPED(secret_free) struct secret data_key = { 0 };
        TRY(keys_epoch_data_key(&vault->keys, i, &data_key, err));
        TRY(epochs_add(&vault->epochs, epoch.number, &data_key, epoch.sealed, err));
    }
    return ERR_OK;
}

static enum err_code epoch_begin_counted(struct vault *vault, struct error *err)
{
    TRY(vault_keys_change(vault, &(struct keys_change){ keys_begin, NULL }, err));
    pthread_mutex_lock(&vault->keys_lock);
    enum err_code rc = epochs_take(vault, err);
    pthread_mutex_unlock(&vault->keys_lock);
    TRY(rc);
    LOG_INFO("vault_epoch_began", "epoch=%u", atomic_load(&vault->epochs.newest));
    return ERR_OK;
}

enum err_code vault_epoch_begin(struct vault *vault, struct error *err)
{
    pthread_mutex_lock(&vault->count_lock);
    enum err_code rc = epoch_begin_counted(vault, err);
    pthread_mutex_unlock(&vault->count_lock);
    return rc;
}

enum err_code vault_epochs_retire(struct vault *vault, uint32_t oldest_kept, struct error *err)
{
    TRY(vault_keys_change(vault, &(struct keys_change){ keys_retire, &oldest_kept }, err));
    epochs_remove_before(&vault->epochs, oldest_kept);
    LOG_INFO("vault_epochs_retired", "oldest_kept=%u", oldest_kept);
    return ERR_OK;
}

/* Accounts for more pages, or begins a new epoch; whoever comes second finds it done. */
static enum err_code extend_counted(struct vault *vault, struct error *err)
{
    uint64_t sealed = atomic_load(&vault->epochs.sealed);
    if (sealed <= atomic_load(&vault->epochs.granted)) {
        return ERR_OK;
    }
    if (sealed > epoch_limit()) {
        return epoch_begin_counted(vault, err);
    }
    uint64_t granted = sealed + epoch_step();
    granted = granted < epoch_limit() ? granted : epoch_limit();
    TRY(vault_keys_change(vault, &(struct keys_change){ keys_account, &granted }, err));
    atomic_store(&vault->epochs.granted, granted);
    return ERR_OK;
}

static enum err_code extend(void *context, struct error *err)
{
    struct vault *vault = context;
    pthread_mutex_lock(&vault->count_lock);
    enum err_code rc = extend_counted(vault, err);
    pthread_mutex_unlock(&vault->count_lock);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "account for pages under a key");
}

void vault_epochs_init(struct vault *vault)
{
    CHECK(pthread_mutex_init(&vault->keys_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&vault->count_lock, NULL) == 0);
    epochs_init(&vault->epochs, extend, vault);
}

void vault_epochs_fini(struct vault *vault)
{
    epochs_fini(&vault->epochs);
    pthread_mutex_destroy(&vault->count_lock);
    pthread_mutex_destroy(&vault->keys_lock);
}

/*
 * A crash between the writes of the two copies may leave the previous one without the newest epoch, or with keys or
 * slots that were taken out. None may come back in place of the keys file.
 */
static void previous_repair(const struct vault *vault)
{
    struct keys previous = { 0 };
    struct error err;
    enum err_code read = keys_read(vault->path, true, &previous, &err);
    bool same = read == ERR_OK && memcmp(vault->keys.image, previous.image, sizeof(previous.image)) == 0;
    if (same || (read != ERR_OK && read != ERR_DAMAGED && read != ERR_NOT_FOUND)) {
        return;
    }
    enum err_code rc = keys_write(vault->path, &vault->keys, &err);
    LOG_WARNING("vault_keys_previous_replaced", "result=%s", err_code_name(rc));
}

enum err_code vault_epochs_open(struct vault *vault, struct error *err)
{
    epochs_set_file_id(&vault->epochs, keys_file_id(&vault->keys));
    previous_repair(vault);
    return epochs_take(vault, err);
}
