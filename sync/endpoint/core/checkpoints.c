/*
 * What the centre signs its histories with: a key of its own, which the signing certificate vouches for.
 */
#include <string.h>

#include "sync/endpoint/core/private.h"

#define MATERIAL_CHECKPOINT_KEY "checkpoint-key"

static enum err_code make_key(struct centre *centre, struct error *err)
{
    TRY(checkpoint_key_make(&centre->checkpoint_key, err));
    struct centre_material material = { MATERIAL_CHECKPOINT_KEY,
                                        slice_of(centre->checkpoint_key.bytes, centre->checkpoint_key.len) };
    return centre_material_write(centre->store, &material, 1, err);
}

enum err_code checkpoint_key_load(struct centre *centre, struct error *err)
{
    uint8_t *public_key = centre->vouched_key;
    size_t vouch_len;
    secret_free(&centre->checkpoint_key);
    enum err_code rc = centre_material_read(centre->store, MATERIAL_CHECKPOINT_KEY, &centre->checkpoint_key, err);
    TRY(rc == ERR_NOT_FOUND ? make_key(centre, err) : rc);
    TRY(checkpoint_key_public(&centre->checkpoint_key, public_key, err));
    TRY(device_key_sign(centre->signing_key, CHECKPOINT_KEY_CONTEXT, slice_of(public_key, CHECKPOINT_KEY_BYTES),
                        public_key + CHECKPOINT_KEY_BYTES, &vouch_len, err));
    centre->vouched_key_len = CHECKPOINT_KEY_BYTES + vouch_len;
    return ERR_OK;
}

enum err_code checkpoint_of_tree(const struct centre *centre, const struct centre_site *site,
                                 const struct merkle_range *tree, struct checkpoint *ret_checkpoint, struct error *err)
{
    char origin[TREE_ORIGIN_SIZE];
    tree_origin(site->stream, origin);
    ret_checkpoint->size = tree->size;
    merkle_root(tree, &ret_checkpoint->root);
    return checkpoint_sign(&centre->checkpoint_key, origin, ret_checkpoint, err);
}
