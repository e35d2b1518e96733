#include "agent/secret_json.h"

#include <string.h>

#include "crypto/escrow.h"
#include "crypto/recovery.h"

const char *slot_kind_name(enum vault_slot_kind kind)
{
    static const char *const names[] = { "", "passphrase", "key_file", "recovery", "credential", "escrow" };
    return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "unknown";
}

void typed_secret_free(struct typed_secret *typed)
{
    secret_free(&typed->secret);
}

struct vault_unlock typed_secret_unlock(const struct typed_secret *typed)
{
    return (struct vault_unlock){ typed->kind, typed->secret.bytes, typed->secret.len };
}

enum err_code secret_of_hex(const char *name, const char *text, struct secret *ret_secret, struct error *err)
{
    SCOPED(secret_free) struct secret bytes = { 0 };
    TRY(secret_new(VAULT_KEY_FILE_BYTES, &bytes, err));
    if (strlen(text) != 2 * VAULT_KEY_FILE_BYTES || !hex_decode(text, bytes.bytes, bytes.len)) {
        return FAIL(err, INVALID, "read member '%s': expected %d hexadecimal digits", name, 2 * VAULT_KEY_FILE_BYTES);
    }
    *ret_secret = bytes;
    bytes = (struct secret){ 0 };
    return ERR_OK;
}

enum err_code secret_members_take(struct members *members, struct typed_secret *ret_typed, struct error *err)
{
    const char *passphrase = member_text(members, "passphrase", VAULT_PASSPHRASE_MAX, false);
    const char *recovery = member_text(members, "recovery", RECOVERY_TYPED_MAX, false);
    const char *key = member_text(members, "key", 2 * VAULT_KEY_FILE_BYTES, false);
    const char *escrow = member_text(members, "escrow", 2 * VAULT_ESCROW_BYTES + 2, false);
    TRY(members_end(members));
    if ((passphrase != NULL) + (recovery != NULL) + (key != NULL) + (escrow != NULL) > 1) {
        return FAIL(err, INVALID, "read the body: expected one of 'passphrase', 'recovery', 'key' and 'escrow'");
    }
    ret_typed->secret = (struct secret){ 0 };
    if (passphrase != NULL) {
        ret_typed->kind = VAULT_SLOT_PASSPHRASE;
        return secret_copy(slice_of_text(passphrase), &ret_typed->secret, err);
    }
    if (recovery != NULL) {
        ret_typed->kind = VAULT_SLOT_RECOVERY;
        return recovery_parse(slice_of_text(recovery), &ret_typed->secret, err);
    }
    if (key != NULL) {
        ret_typed->kind = VAULT_SLOT_KEY_FILE;
        return secret_of_hex("key", key, &ret_typed->secret, err);
    }
    if (escrow != NULL) {
        ret_typed->kind = VAULT_SLOT_ESCROW;
        return escrow_parse(slice_of_text(escrow), &ret_typed->secret, err);
    }
    return ERR_OK;
}
