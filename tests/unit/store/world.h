/*
 * A small world for tests of the store: a CA, a site, and replicas in temporary folders, each with a real vault, key
 * and certificate. What replicas exchange is carried by hand, in whatever order a test wants.
 */
#ifndef TESTS_UNIT_STORE_WORLD_H
#define TESTS_UNIT_STORE_WORLD_H

#include "store/query.h"
#include "store/store.h"

struct replica {
    char folder[64];
    char path[96];
    struct vault *vault;
    struct store *store;
    struct device_key *key;
    struct store_identity identity;
    const char *forged_actor;        /* whom what it forges is said by; NULL: "forger" */
    int64_t forged_at_ms;            /* when it claims to have recorded that; 0: now */
    int64_t forged_hlc_ms;           /* and where it puts that in the order of things; 0: now */
    const struct op_id *forged_over; /* the op that it supersedes; NULL: none */
};

struct world {
    struct authority *authority;
    uint8_t stream[STREAM_ID_BYTES];
    uint8_t organisation[ORGANISATION_ID_BYTES];
};

extern const uint8_t world_vault_key[VAULT_KEY_FILE_BYTES];

void world_init(struct world *world);
void world_fini(struct world *world);

void replica_start(struct world *world, struct replica *replica, enum certificate_role role);
void replica_stop(struct replica *replica); /* closes and removes everything */
void replica_close_files(struct replica *replica);
void replica_open_files(struct replica *replica);

/* Cannot fail but by failing the test. */
void replica_write(struct replica *replica, const struct store_entry *entry, int64_t now_ms);
/* Its signature over its chain up to `last`, into the run. */
void replica_sign(struct replica *from, const struct op_id *last, struct store_run *run);
/* All ops of one replica after `after`, with its signature and certificate, applied to another. */
enum err_code replica_carry(struct replica *from, uint64_t after, size_t max_ops, struct replica *to,
                            struct error *err);
/* One op of the given replica as a run of its own. */
void replica_digest(struct replica *replica, char out[2 * SHA256_BYTES + 1]);

/* Entries with plain contents. */
void entry_participant(struct world *world, struct store_entry *entry, const char *ref, const char *name);
void entry_referral(struct world *world, struct store_entry *entry, const char *ref, const char *participant,
                    const char *received_on);
void entry_placement(struct world *world, struct store_entry *entry, const char *ref, const char *participant,
                     const char *basis, const char *starts_on, const char *ends_on, const char *pattern);
/* A placement answers this referral. */
void entry_sent_by(struct world *world, struct store_entry *entry, const char *referral);
void entry_attendance(struct world *world, struct store_entry *entry, const char *placement, const char *day, int slot,
                      enum outcome outcome, int minutes, const char *note);
void entry_appointment(struct world *world, struct store_entry *entry, const char *key, const char *participant,
                       const char *day, int starts_min, int ends_min);
void entry_notice(struct world *world, struct store_entry *entry, const char *key, const char *placement,
                  const char *served_on, const char *served_by);

/* Writes an op as the replica's own device would have if it had no rules: appended and signed by hand, for hostile
 * cases. */
struct forged_run {
    struct store_run run;
    struct buf body;
    uint8_t seed[OP_SEED_BYTES];
    struct store_seed store_seed;
};
void forge(struct world *world, struct replica *author, uint64_t seq, uint32_t kind, const uint8_t *subject,
           const struct record *record, const uint8_t previous_link[SHA256_BYTES], struct forged_run *ret);
void forged_fini(struct forged_run *forged);

/* What leads to a doubt about slot 0 of a day, and what becomes of it. A doubt and what it names are keyed by texts. */
void entry_contact(struct world *world, struct store_entry *entry, const char *key, const char *participant,
                   const char *day, const char *about_day);
void entry_review(struct world *world, struct store_entry *entry, const char *key, const char *placement,
                  const char *day, const char *outcome);
/* That two records are of one person; `undone` that it was a mistake. And that somebody found so too. */
void entry_merge(struct world *world, struct store_entry *entry, const char *duplicate, const char *into, bool undone);
void entry_merge_confirmed(struct world *world, struct store_entry *entry, const char *duplicate, const char *into);
void entry_doubt(struct world *world, struct store_entry *entry, const char *key, const char *placement,
                 const char *day, const char *review, const char *notice);
void entry_doubt_event(struct world *world, struct store_entry *entry, const char *doubt, const char *status,
                       const char *on);
/* An erasure, by the organisation or the centre, of what is recorded of this kind about the subject. */
void entry_erasure(struct store_entry *entry, uint32_t kind, const uint8_t *subject, bool of_centre);
void entry_decision(struct world *world, struct store_entry *entry, const char *key, const char *participant,
                    const char *failure_on, const char *decided_on, const char *outcome, const char *doubt);

/* A device, or the centre, that signs whatever it is told to, one op after the other: for JCP and for hostile peers. */
struct voice {
    struct world *world;
    struct replica replica;
    uint8_t link[SHA256_BYTES];
    struct forged_run said[256];
    size_t count;
};
void voice_start(struct world *world, struct voice *voice, enum certificate_role role);
void voice_stop(struct voice *voice);
void voice_say(struct voice *voice, const struct store_entry *entry);
/* Applies so many of its ops, from index `from`, to a replica, one after the other. */
enum err_code voice_reach(struct voice *voice, size_t from, size_t count, struct replica *to,
                          struct store_applied *ret_applied, struct error *err);

int32_t day_of(const char *iso);

#endif
