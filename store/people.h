/*
 * store/people - who works with this machine, in which roles, and how each proves who they are. Of this machine alone.
 *
 * A person is bound to a user of the operating system, or has a passphrase, or both. Of a passphrase only what scrypt
 * makes of it is kept. As long as people are entered, one of them is an administrator.
 *
 * Ownership: a list owns its rows; person_list_fini releases them.
 * Layer:     store. Uses crypto/vault/kdf.
 */
#ifndef STORE_PEOPLE_H
#define STORE_PEOPLE_H

#include "crypto/vault/kdf.h"
#include "store/store.h"

#define PEOPLE_MAX 1000
#define PERSON_PASSPHRASE_MIN 8
#define PERSON_PASSPHRASE_MAX 1024
#define PERSON_SALT_BYTES 16

/* The numbers are in the vault and never change; a person has one or more. */
enum role {
    ROLE_SUPERVISOR = 1,
    ROLE_COORDINATOR = 2,
    ROLE_REVIEWER = 4,
    ROLE_TRUSTEE = 8,
    ROLE_ADMINISTRATOR = 16,
};
#define ROLES_ALL 31U
#define ROLES_TEXT_SIZE 64

bool role_parse(const char *name, unsigned *ret_role);
/* "coordinator, reviewer" */
void roles_text(unsigned roles, char out[ROLES_TEXT_SIZE]);

struct person {
    int64_t id;
    char name[OP_ACTOR_MAX + 1]; /* as it stands in the records */
    unsigned roles;
    char os_user[ROW_REF_SIZE]; /* ""; nobody else's */
    bool has_passphrase;
    char said_by[OP_ACTOR_MAX + 1]; /* as read */
    int64_t said_at_ms;
};

struct person_list {
    struct person *rows;
    size_t count;
};

void person_list_fini(struct person_list *list);

/* By name. */
MUST_USE enum err_code query_people(struct store *store, struct person_list *ret_list, struct error *err);
MUST_USE enum err_code query_people_count(struct store *store, size_t *ret_count, struct error *err);
/* ERR_NOT_FOUND. `name` or `os_user` is NULL. */
MUST_USE enum err_code query_person(struct store *store, const char *name, const char *os_user,
                                    struct person *ret_person, struct error *err);

/* ---- proving ---- */

/* What scrypt takes besides a passphrase, and what has to come out. */
struct person_proof {
    bool kept; /* false: nothing fits, at the same expense */
    uint8_t salt[PERSON_SALT_BYTES];
    uint8_t hash[KDF_KEY_BYTES];
    struct scrypt_cost cost;
};

/* ERR_INVALID: too short or too long to be somebody's. */
MUST_USE enum err_code person_passphrase_check(struct slice passphrase, struct error *err);
/* With a salt of its own; not kept yet. */
MUST_USE enum err_code person_proof_new(struct person_proof *ret_proof, struct error *err);
/* Takes as long as scrypt; in any thread. */
MUST_USE enum err_code person_proof_derive(const struct person_proof *proof, struct slice passphrase,
                                           struct secret *ret_derived, struct error *err);
void person_proof_keep(struct person_proof *proof, const struct secret *derived);
bool person_proof_fits(const struct person_proof *proof, const struct secret *derived);

/* Of somebody who is not entered, or has no passphrase: one that nothing fits. */
MUST_USE enum err_code store_person_proof(struct store *store, const char *name, struct person_proof *ret_proof,
                                          struct error *err);

/* ---- entering ---- */

/*
 * Enters the person, or changes the one of this name. `proof` NULL leaves the present passphrase, if any. ERR_REFUSED:
 * nobody who is left would be an administrator, or neither a user nor a passphrase is given. ERR_CONFLICT: another
 * person has the user.
 */
MUST_USE enum err_code store_person_put(struct store *store, const char *actor, const struct person *person,
                                        const struct person_proof *proof, int64_t now_ms, struct error *err);
/* ERR_NOT_FOUND; ERR_REFUSED as above, unless it is the last person of all. */
MUST_USE enum err_code store_person_remove(struct store *store, const char *name, struct error *err);

#endif
