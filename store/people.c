#include "store/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/kdf.h"
#include "store/read.h"

/* 32 MiB: it keeps people who share a machine apart; what keeps a thief out is the vault's own passphrase. */
static const struct scrypt_cost cost_now = { .log2n = 15, .r = 8, .p = 1 };

static const struct {
    const char *name;
    unsigned role;
} roles[] = { { "supervisor", ROLE_SUPERVISOR },
              { "coordinator", ROLE_COORDINATOR },
              { "reviewer", ROLE_REVIEWER },
              { "trustee", ROLE_TRUSTEE },
              { "administrator", ROLE_ADMINISTRATOR } };

bool role_parse(const char *name, unsigned *ret_role)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(roles[i].name, name) == 0) {
            *ret_role = roles[i].role;
            return true;
        }
    }
    return false;
}

void roles_text(unsigned set, char out[ROLES_TEXT_SIZE])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if ((set & roles[i].role) != 0) {
            int more = snprintf(out + len, ROLES_TEXT_SIZE - len, "%s%s", len > 0 ? ", " : "", roles[i].name);
            CHECK(more > 0 && len + (size_t)more < ROLES_TEXT_SIZE);
            len += (size_t)more;
        }
    }
}

/* ---- reading ---- */

#define PERSON_COLUMNS "id, name, roles, os_user, hash IS NOT NULL, said_by, said_at"

static void read_person(sqlite3_stmt *s, struct person *row)
{
    row->id = column_int(s, 0);
    column_text(s, 1, row->name, sizeof(row->name));
    row->roles = (unsigned)column_int(s, 2) & ROLES_ALL;
    column_text(s, 3, row->os_user, sizeof(row->os_user));
    row->has_passphrase = column_int(s, 4) != 0;
    column_text(s, 5, row->said_by, sizeof(row->said_by));
    row->said_at_ms = column_int(s, 6);
}

static void read_person_row(sqlite3_stmt *s, void *row)
{
    read_person(s, row);
}

void person_list_fini(struct person_list *list)
{
    free(list->rows);
    *list = (struct person_list){ 0 };
}

enum err_code query_people(struct store *store, struct person_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    SCOPED(row_array_fini) struct row_array array = { .size = sizeof(struct person) };
    TRY(db_statement(&store->db, "SELECT " PERSON_COLUMNS " FROM person ORDER BY name", &s, err));
    TRY(row_array_read(store, s, &array, read_person_row, err));
    *ret_list = (struct person_list){ .rows = array.rows, .count = array.count };
    array.rows = NULL;
    return ERR_OK;
}

static enum err_code count_with(struct store *store, unsigned role, size_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT count(*) FROM person WHERE (roles & ?1) <> 0", &s, err));
    bind_int(s, 1, role);
    TRY(db_step(&store->db, s, &row, err));
    *ret_count = row ? (size_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code query_people_count(struct store *store, size_t *ret_count, struct error *err)
{
    return count_with(store, ROLES_ALL, ret_count, err);
}

enum err_code query_person(struct store *store, const char *name, const char *os_user, struct person *ret_person,
                           struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct person person = { 0 };
    TRY(db_statement(&store->db, "SELECT " PERSON_COLUMNS " FROM person WHERE name = ?1 OR os_user = ?2", &s, err));
    bind_text(s, 1, name);
    bind_text(s, 2, os_user);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the person: nobody is entered under this name");
    }
    read_person(s, &person);
    sqlite3_reset(s);
    *ret_person = person;
    return ERR_OK;
}

/* ---- entering ---- */

static enum err_code someone_administers(struct store *store, struct error *err)
{
    size_t people;
    size_t administrators;
    TRY(query_people_count(store, &people, err));
    TRY(count_with(store, ROLE_ADMINISTRATOR, &administrators, err));
    if (people > PEOPLE_MAX) {
        return FAIL(err, LIMIT, "enter a person: more than %d", PEOPLE_MAX);
    }
    return people == 0 || administrators > 0
               ? ERR_OK
               : FAIL(err, REFUSED, "change who works here: nobody would be an administrator; enter one first");
}

/* Of a person without a passphrase of their own, a user of the system proves who they are. */
static enum err_code can_sign_in(struct store *store, const char *name, struct error *err)
{
    struct person person;
    TRY(query_person(store, name, NULL, &person, err));
    return person.has_passphrase || person.os_user[0] != '\0'
               ? ERR_OK
               : FAIL(err, REFUSED, "enter the person: expected a passphrase, a user of the system, or both");
}

static enum err_code write_person(struct store *store, const char *actor, const struct person *person, int64_t now_ms,
                                  struct error *err)
{
    sqlite3_stmt *s;
    bool row = false;
    if (person->os_user[0] != '\0') {
        TRY(db_statement(&store->db, "SELECT 1 FROM person WHERE os_user = ?1 AND name <> ?2", &s, err));
        bind_text(s, 1, person->os_user);
        bind_text(s, 2, person->name);
        TRY(db_step(&store->db, s, &row, err));
        sqlite3_reset(s);
    }
    if (row) {
        return FAIL(err, CONFLICT, "enter the person: another one has this user of the system");
    }
    TRY(db_statement(&store->db,
                     "INSERT INTO person (name, roles, os_user, said_by, said_at) VALUES (?1, ?2, ?3, ?4, ?5) "
                     "ON CONFLICT (name) DO UPDATE SET roles = ?2, os_user = ?3, said_by = ?4, said_at = ?5",
                     &s, err));
    bind_text(s, 1, person->name);
    bind_int(s, 2, person->roles);
    bind_text(s, 3, person->os_user[0] != '\0' ? person->os_user : NULL);
    bind_text(s, 4, actor);
    bind_int(s, 5, now_ms);
    return db_run(&store->db, s, err);
}

static enum err_code write_proof(struct store *store, const char *name, const struct person_proof *proof,
                                 struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE person SET salt = ?2, log2n = ?3, r = ?4, p = ?5, hash = ?6 WHERE name = ?1",
                     &s, err));
    bind_text(s, 1, name);
    bind_blob(s, 2, proof->salt, sizeof(proof->salt));
    bind_int(s, 3, proof->cost.log2n);
    bind_int(s, 4, proof->cost.r);
    bind_int(s, 5, proof->cost.p);
    bind_blob(s, 6, proof->hash, sizeof(proof->hash));
    return db_run(&store->db, s, err);
}

static enum err_code put(struct store *store, const char *actor, const struct person *person,
                         const struct person_proof *proof, int64_t now_ms, struct error *err)
{
    TRY(write_person(store, actor, person, now_ms, err));
    if (proof != NULL) {
        TRY(write_proof(store, person->name, proof, err));
    }
    TRY(can_sign_in(store, person->name, err));
    return someone_administers(store, err);
}

enum err_code store_person_put(struct store *store, const char *actor, const struct person *person,
                               const struct person_proof *proof, int64_t now_ms, struct error *err)
{
    CHECK(person->roles != 0 && (person->roles & ~ROLES_ALL) == 0);
    CHECK(proof == NULL || proof->kept);
    TRY(replica_begin(store, err));
    return replica_end(store, put(store, actor, person, proof, now_ms, err), err);
}

static enum err_code take_out(struct store *store, const char *name, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "DELETE FROM person WHERE name = ?1", &s, err));
    bind_text(s, 1, name);
    TRY(db_run(&store->db, s, err));
    if (sqlite3_changes(store->db.handle) == 0) {
        return FAIL(err, NOT_FOUND, "find the person: nobody is entered under this name");
    }
    return someone_administers(store, err);
}

enum err_code store_person_remove(struct store *store, const char *name, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, take_out(store, name, err), err);
}

/* ---- proving ---- */

enum err_code person_passphrase_check(struct slice passphrase, struct error *err)
{
    return passphrase.len >= PERSON_PASSPHRASE_MIN && passphrase.len <= PERSON_PASSPHRASE_MAX
               ? ERR_OK
               : FAIL(err, INVALID, "enter the person: expected a passphrase of %d to %d bytes", PERSON_PASSPHRASE_MIN,
                      PERSON_PASSPHRASE_MAX);
}

enum err_code person_proof_new(struct person_proof *ret_proof, struct error *err)
{
    struct person_proof proof = { .cost = cost_now };
    TRY(random_bytes(proof.salt, sizeof(proof.salt), err));
    *ret_proof = proof;
    return ERR_OK;
}

enum err_code person_proof_derive(const struct person_proof *proof, struct slice passphrase, struct secret *ret_derived,
                                  struct error *err)
{
    return kdf_scrypt(passphrase, slice_of(proof->salt, sizeof(proof->salt)), &proof->cost, ret_derived, err);
}

void person_proof_keep(struct person_proof *proof, const struct secret *derived)
{
    CHECK(derived->len == sizeof(proof->hash));
    memcpy(proof->hash, derived->bytes, sizeof(proof->hash));
    proof->kept = true;
}

bool person_proof_fits(const struct person_proof *proof, const struct secret *derived)
{
    return secret_equal(slice_of(derived->bytes, derived->len), slice_of(proof->hash, sizeof(proof->hash))) &&
           proof->kept;
}

enum err_code store_person_proof(struct store *store, const char *name, struct person_proof *ret_proof,
                                 struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct person_proof proof;
    TRY(person_proof_new(&proof, err));
    TRY(db_statement(&store->db, "SELECT salt, hash, log2n, r, p FROM person WHERE name = ?1 AND hash IS NOT NULL", &s,
                     err));
    bind_text(s, 1, name);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        proof.kept =
            column_fixed(s, 0, proof.salt, sizeof(proof.salt)) && column_fixed(s, 1, proof.hash, sizeof(proof.hash));
        proof.cost = (struct scrypt_cost){ .log2n = (uint32_t)column_int(s, 2),
                                           .r = (uint32_t)column_int(s, 3),
                                           .p = (uint32_t)column_int(s, 4) };
        sqlite3_reset(s);
    }
    *ret_proof = proof;
    return ERR_OK;
}
