#include "crypto/vault/epochs.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/vault/kdf.h"

static const struct {
    const char *purpose;
    size_t len;
} USES[EPOCH_USES] = {
    [EPOCH_PAGES] = { "holdfast vault 1 page", KDF_KEY_BYTES },
    [EPOCH_FRAMES] = { "holdfast vault 1 log frame", KDF_KEY_BYTES },
    [EPOCH_HEADERS] = { "holdfast vault 1 log header", XTS_KEY_BYTES },
};

void epochs_init(struct epochs *epochs, enum err_code (*extend)(void *context, struct error *err), void *context)
{
    *epochs = (struct epochs){ .extend = extend, .context = context };
    CHECK(pthread_mutex_init(&epochs->lock, NULL) == 0);
}

void epochs_set_file_id(struct epochs *epochs, const uint8_t file_id[16])
{
    memcpy(epochs->file_id, file_id, sizeof(epochs->file_id));
}

static void epoch_fini(struct epoch *epoch)
{
    for (size_t i = 0; i < EPOCH_USES; i++) {
        secret_free(&epoch->keys[i]);
    }
    epoch->number = 0;
}

void epochs_fini(struct epochs *epochs)
{
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        epoch_fini(&epochs->entries[i]);
    }
    pthread_mutex_destroy(&epochs->lock);
}

/* The entry of `number`; with 0, an empty one. The caller has the lock. */
static struct epoch *entry_of(struct epochs *epochs, uint32_t number)
{
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        if (epochs->entries[i].number == number) {
            return &epochs->entries[i];
        }
    }
    return NULL;
}

static enum err_code epoch_derive(const struct epochs *epochs, const struct secret *data_key, struct epoch *ret_epoch,
                                  struct error *err)
{
    for (size_t i = 0; i < EPOCH_USES; i++) {
        enum err_code rc =
            kdf_expand(slice_of(data_key->bytes, data_key->len), slice_of(epochs->file_id, sizeof(epochs->file_id)),
                       USES[i].purpose, USES[i].len, &ret_epoch->keys[i], err);
        if (rc != ERR_OK) {
            epoch_fini(ret_epoch);
            return rc;
        }
    }
    return ERR_OK;
}

enum err_code epochs_add(struct epochs *epochs, uint32_t number, const struct secret *data_key, uint64_t sealed,
                         struct error *err)
{
    CHECK(number != 0 && data_key->len == DATA_KEY_BYTES);
    struct epoch made = { .number = number };
    TRY(epoch_derive(epochs, data_key, &made, err));
    pthread_mutex_lock(&epochs->lock);
    CHECK(entry_of(epochs, number) == NULL);
    struct epoch *free_entry = entry_of(epochs, 0);
    if (free_entry != NULL) {
        *free_entry = made;
        if (number > atomic_load(&epochs->newest)) {
            atomic_store(&epochs->sealed, sealed);
            atomic_store(&epochs->granted, sealed);
            atomic_store(&epochs->newest, number);
        }
        atomic_fetch_add(&epochs->changes, 1);
    }
    pthread_mutex_unlock(&epochs->lock);
    if (free_entry == NULL) {
        epoch_fini(&made);
        return FAIL(err, LIMIT, "begin a key epoch: %d are in use", EPOCHS_MAX);
    }
    return ERR_OK;
}

bool epochs_has(struct epochs *epochs, uint32_t number)
{
    pthread_mutex_lock(&epochs->lock);
    bool has = number != 0 && entry_of(epochs, number) != NULL;
    pthread_mutex_unlock(&epochs->lock);
    return has;
}

bool epochs_alone(struct epochs *epochs)
{
    unsigned count = 0;
    pthread_mutex_lock(&epochs->lock);
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        count += epochs->entries[i].number != 0;
    }
    pthread_mutex_unlock(&epochs->lock);
    return count <= 1;
}

void epochs_remove_before(struct epochs *epochs, uint32_t oldest_kept)
{
    CHECK(oldest_kept <= atomic_load(&epochs->newest));
    pthread_mutex_lock(&epochs->lock);
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        if (epochs->entries[i].number != 0 && epochs->entries[i].number < oldest_kept) {
            epoch_fini(&epochs->entries[i]);
        }
    }
    atomic_fetch_add(&epochs->changes, 1);
    pthread_mutex_unlock(&epochs->lock);
}

/* Accounts for a batch of nonces. */
static enum err_code epochs_count(struct epochs *epochs, struct error *err)
{
    uint64_t sealed = atomic_fetch_add(&epochs->sealed, NONCE_BATCH) + NONCE_BATCH;
    if (epochs->extend == NULL || sealed <= atomic_load(&epochs->granted)) {
        return ERR_OK;
    }
    return epochs->extend(epochs->context, err);
}

/* Seals
 * ----------------------------------------------------------------------------------------------------------------- */

void seals_init(struct seals *seals, struct epochs *epochs, enum epoch_use use)
{
    *seals = (struct seals){ .epochs = epochs, .use = use, .seen = atomic_load(&epochs->changes) };
}

static void seal_drop(struct seal **seal)
{
    if (*seal != NULL) {
        seal_fini(*seal);
        free(*seal);
        *seal = NULL;
    }
}

void seals_fini(struct seals *seals)
{
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        seal_drop(&seals->of[i]);
    }
}

/* Drops the contexts of epochs that were removed. */
static void seals_refresh(struct seals *seals)
{
    unsigned changes = atomic_load_explicit(&seals->epochs->changes, memory_order_acquire);
    if (seals->seen == changes) {
        return;
    }
    pthread_mutex_lock(&seals->epochs->lock);
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        if (seals->of[i] != NULL && entry_of(seals->epochs, seals->of[i]->epoch) == NULL) {
            seal_drop(&seals->of[i]);
        }
    }
    pthread_mutex_unlock(&seals->epochs->lock);
    seals->seen = changes;
}

/* The first time that this handle meets the epoch. */
static enum err_code seal_make(struct seals *seals, uint32_t number, struct seal **ret_seal, struct error *err)
{
    size_t place = 0;
    while (place < EPOCHS_MAX && seals->of[place] != NULL) {
        place++;
    }
    CHECK(place < EPOCHS_MAX); /* no more than there are epochs, after seals_refresh */
    struct seal *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return FAIL(err, NO_MEMORY, "meet the key epoch %u", number);
    }
    pthread_mutex_lock(&seals->epochs->lock);
    const struct epoch *epoch = entry_of(seals->epochs, number);
    enum err_code rc = epoch == NULL
                           ? FAIL(err, DAMAGED, "it names the key epoch %u, which the keys file has not", number)
                           : seal_init(made, &epoch->keys[seals->use], number, seals->epochs->file_id, err);
    pthread_mutex_unlock(&seals->epochs->lock);
    if (rc != ERR_OK) {
        free(made);
        return rc;
    }
    seals->of[place] = made;
    *ret_seal = made;
    return ERR_OK;
}

static enum err_code seal_find(struct seals *seals, uint32_t number, struct seal **ret_seal, struct error *err)
{
    seals_refresh(seals);
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        if (seals->of[i] != NULL && seals->of[i]->epoch == number) {
            *ret_seal = seals->of[i];
            return ERR_OK;
        }
    }
    return number == 0 ? FAIL(err, DAMAGED, "it names no key epoch") : seal_make(seals, number, ret_seal, err);
}

enum err_code seals_open_page(struct seals *seals, uint32_t page_number, const uint8_t sealed[PAGE_BYTES],
                              uint8_t out[PAGE_BYTES], struct error *err)
{
    struct seal *seal;
    enum err_code rc = seal_check_file(seals->epochs->file_id, page_number, sealed, err);
    rc = rc == ERR_OK ? seal_find(seals, seal_epoch_of(sealed), &seal, err) : rc;
    if (rc != ERR_OK) {
        memset(out, 0, PAGE_BYTES);
        return rc;
    }
    return seal_open_page(seal, page_number, sealed, out, err);
}

enum err_code seals_open_frame(struct seals *seals, const struct frame_place *place, const uint8_t sealed[PAGE_BYTES],
                               uint8_t out[PAGE_BYTES], struct error *err)
{
    struct seal *seal;
    enum err_code rc = seal_find(seals, seal_epoch_of(sealed), &seal, err);
    if (rc != ERR_OK) {
        memset(out, 0, PAGE_BYTES);
        return rc;
    }
    return seal_open_frame(seal, place, sealed, out, err);
}

enum err_code seals_newest(struct seals *seals, struct seal **ret_seal, struct error *err)
{
    struct epochs *epochs = seals->epochs;
    for (;;) {
        uint32_t number = atomic_load_explicit(&epochs->newest, memory_order_acquire);
        TRY(seal_find(seals, number, ret_seal, err));
        if (!nonce_source_spent(&(*ret_seal)->nonces)) {
            return ERR_OK;
        }
        TRY(epochs_count(epochs, err));
        if (number == atomic_load(&epochs->newest)) {
            return ERR_OK;
        }
    }
}

/* Hides
 * ----------------------------------------------------------------------------------------------------------------- */

void hides_init(struct hides *hides, struct epochs *epochs)
{
    *hides = (struct hides){ .epochs = epochs };
}

void hides_fini(struct hides *hides)
{
    hide_fini(&hides->hide);
    hides->number = 0;
}

static enum err_code hides_take(struct hides *hides, uint32_t number, struct error *err)
{
    if (hides->number == number) {
        return ERR_OK;
    }
    hides_fini(hides);
    pthread_mutex_lock(&hides->epochs->lock);
    const struct epoch *epoch = entry_of(hides->epochs, number);
    enum err_code rc = epoch == NULL ? FAIL(err, NOT_FOUND, "find the key epoch %u", number)
                                     : hide_init(&hides->hide, &epoch->keys[EPOCH_HEADERS], err);
    pthread_mutex_unlock(&hides->epochs->lock);
    hides->number = rc == ERR_OK ? number : 0;
    return rc;
}

enum err_code hides_take_newest(struct hides *hides, struct error *err)
{
    return hides_take(hides, atomic_load(&hides->epochs->newest), err);
}

/* The number of which `turn` others are higher; 0 when there are not so many. */
static uint32_t number_by_age(struct epochs *epochs, unsigned turn)
{
    uint32_t below = UINT32_MAX;
    pthread_mutex_lock(&epochs->lock);
    for (unsigned i = 0; i <= turn; i++) {
        uint32_t highest = 0;
        for (size_t at = 0; at < EPOCHS_MAX; at++) {
            uint32_t number = epochs->entries[at].number;
            highest = number > highest && number < below ? number : highest;
        }
        below = highest;
    }
    pthread_mutex_unlock(&epochs->lock);
    return below;
}

enum err_code hides_try(struct hides *hides, unsigned turn, struct error *err)
{
    uint32_t number = number_by_age(hides->epochs, turn);
    return number == 0 ? FAIL(err, NOT_FOUND, "try a key epoch: there are no more") : hides_take(hides, number, err);
}

enum err_code hides_ready(struct hides *hides, struct error *err)
{
    unsigned changes = atomic_load_explicit(&hides->epochs->changes, memory_order_acquire);
    if (hides->seen != changes) {
        pthread_mutex_lock(&hides->epochs->lock);
        bool gone = hides->number != 0 && entry_of(hides->epochs, hides->number) == NULL;
        pthread_mutex_unlock(&hides->epochs->lock);
        if (gone) {
            hides_fini(hides);
        }
        hides->seen = changes;
    }
    return hides->number != 0 ? ERR_OK : hides_take_newest(hides, err);
}
