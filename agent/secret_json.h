/*
 * agent/secret_json - a secret that opens the replica, as the members of a call's body carry it:
 *
 *     "passphrase"  as typed
 *     "recovery"    the words of a recovery key
 *     "key"         the bytes of a key file or credential, hexadecimal
 *     "escrow"      what was in the envelope of an escrow
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_SECRET_JSON_H
#define AGENT_SECRET_JSON_H

#include "agent/api_call.h"
#include "crypto/secret.h"
#include "crypto/vault/vault.h"

#define RECOVERY_TYPED_MAX 1024 /* words as a person types them, with whatever is between */

/* Who takes the secret lists these among the known members. */
#define SECRET_MEMBERS "passphrase", "recovery", "key", "escrow"

struct typed_secret {
    enum vault_slot_kind kind;
    struct secret secret; /* empty: none of the members is there */
};

/* As API.md writes it. */
const char *slot_kind_name(enum vault_slot_kind kind);

void typed_secret_free(struct typed_secret *typed); /* for SCOPED too */
struct vault_unlock typed_secret_unlock(const struct typed_secret *typed);

/* ERR_INVALID: more than one of them, or one that cannot be a secret of its kind. */
MUST_USE enum err_code secret_members_take(struct members *members, struct typed_secret *ret_typed, struct error *err);

/* The 32 bytes in hexadecimal of the member `name`. */
MUST_USE enum err_code secret_of_hex(const char *name, const char *text, struct secret *ret_secret, struct error *err);

#endif
