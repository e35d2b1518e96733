/*
 * crypto/vault - an encrypted SQLite database: its keys file, and a VFS over the unmodified SQLite.
 *
 *     NAME.keys  what unlocks it (slots); written atomically, one previous copy kept as NAME.keys.prev
 *     NAME       the database: page positions as in plain SQLite, every page sealed with AES-256-GCM
 *     NAME-wal   the write-ahead log: frames sealed, headers hidden
 *     NAME.rekey while pages move to a new key: those under way, sealed; gone when it is done
 *     NAME.fresh which version of every page is the present one, and how far the log reaches at least
 *
 * There is no -shm, no -journal and no temporary file in the clear. The formats, what is claimed and what is not are in
 * crypto/VAULT.md.
 *
 * Ownership:  vault_open gives, vault_close wipes and releases; every connection is closed before.
 * Threads:    the calls of this header belong to one thread; a connection to one thread at a time.
 * Limits:     one database a vault, one vault for it in a process; one process at a time (a second one is refused with
 *             ERR_BUSY); no fork while open.
 * Layer:      crypto. The only header outside store/ that names sqlite3.
 */
#ifndef CRYPTO_VAULT_VAULT_H
#define CRYPTO_VAULT_VAULT_H

#include <sqlite3.h>

#include "base/bytes.h"

#define VAULT_PASSPHRASE_MAX 1024
#define VAULT_KEY_FILE_BYTES 32
#define VAULT_RECOVERY_BYTES 16
#define VAULT_ESCROW_BYTES 32

struct vault;

/* The numbers are those of the keys file. */
enum vault_slot_kind {
    VAULT_SLOT_PASSPHRASE = 1, /* scrypt */
    VAULT_SLOT_KEY_FILE = 2,   /* 32 random bytes kept elsewhere */
    VAULT_SLOT_RECOVERY = 3,   /* 16 random bytes, written down as words (crypto/recovery.h) */
    VAULT_SLOT_CREDENTIAL = 4, /* a key file that systemd keeps sealed */
    VAULT_SLOT_ESCROW = 5,     /* 32 random bytes that only an organisation's private key gets out of an envelope */
};

/* A key file opens the slot of a credential too, and the other way round: they are the same to who holds the bytes. */
struct vault_unlock {
    enum vault_slot_kind kind;
    const uint8_t *secret; /* the passphrase's bytes as typed, 1 to VAULT_PASSPHRASE_MAX; otherwise the bytes */
    size_t secret_len;
};

/* Is there anything of a vault at `path`: a keys file, a database or a write-ahead log? */
bool vault_exists(const char *path);

/* Makes `path`.keys with one slot; ERR_CONFLICT if vault_exists. The database is made by the first vault_open_database.
 */
MUST_USE enum err_code vault_create(const char *path, const struct vault_unlock *first_slot, struct error *err);

/*
 * Unlocks. ERR_KEY: no slot takes this secret. ERR_NOT_FOUND: no vault here. ERR_DAMAGED: the keys file fails its check
 * and so does the previous copy (a whole one is used and put back in place, with a log line), or the keys file is gone
 * while a database is there, or the database is gone that the keys file says was made: never an empty database in place
 * of the old.
 */
MUST_USE enum err_code vault_open(const char *path, const struct vault_unlock *unlock, struct vault **ret_vault,
                                  struct error *err);

/*
 * Re-keying, while the database is in use: a new data key seals from now on, and the pages of the old ones are moved
 * over, a few in each step. When no page and no frame is left under the old keys they are taken out of the keys file
 * and its previous copy. It goes on after a crash or a restart; vault_rekey_progress says that there is work to do. It
 * also begins by itself, when 2^31 pages were sealed under one key.
 */
struct vault_rekey_progress {
    bool running;
    bool waiting; /* the last step found a reader, a writer or a checkpoint in its way; take it again */
    uint32_t pages_done;
    uint32_t pages_total;
};

/* ERR_CONFLICT: a re-key is under way. */
MUST_USE enum err_code vault_rekey_begin(struct vault *vault, struct error *err);

/*
 * Connections read and write meanwhile; the steps have one of their own, and only the last waits a moment for readers,
 * when a writer finds the database busy. `max_pages` is 1 to VAULT_REKEY_PAGES_MAX.
 * Nothing to do is ERR_OK. A failed step changed nothing that the next one, or the next opening, does not put right:
 * ERR_DISK_FULL, ERR_IO; ERR_DAMAGED names a page that does not open, and the old keys stay.
 */
#define VAULT_REKEY_PAGES_MAX 256
MUST_USE enum err_code vault_rekey_step(struct vault *vault, unsigned max_pages,
                                        struct vault_rekey_progress *ret_progress, struct error *err);

/* Closes the connection of the steps; vault_close does, too. The next step goes on. */
void vault_rekey_pause(struct vault *vault);

void vault_rekey_progress(struct vault *vault, struct vault_rekey_progress *ret_progress);

/* The name to give to sqlite3_open_v2; valid until vault_close. Only the vault's own database opens through it. */
const char *vault_vfs_name(const struct vault *vault);

/*
 * Opens the database over this vault with what every connection needs: 4096-byte pages with 32 reserved, write-ahead
 * log, synchronous=FULL, foreign keys on, temporary files encrypted on disk, cell size check on, trusted schema off,
 * defensive mode, no memory map, secure_delete off (a freed page is ciphertext), and an authorizer that refuses ATTACH
 * and VACUUM INTO of any file. The first call makes the database. ERR_BUSY: another process has it. ERR_DAMAGED: with
 * the cause in the message.
 */
MUST_USE enum err_code vault_open_database(struct vault *vault, int cache_kib, sqlite3 **ret_db, struct error *err);

/*
 * For the databases of others, as test suites have them: a VFS under which any file is a database of its own, sealed
 * with keys from `key` and the file's id. ATTACH, VACUUM INTO and the backup API work between its files.
 *
 * Pages have 4096 bytes, 32 of them reserved; anything else is refused when it is written. For the main database of a
 * connection that is asked of SQLite by itself, for the target of VACUUM INTO by SQLite; whoever attaches a file that
 * is yet to be made says SQLITE_FCNTL_RESERVE_BYTES.
 *
 * What a vault has and these have not: a keys file, freshness (an old page put back is read), an authorizer that keeps
 * the plain VFS away, and rollback journals that outlive the process: only in WAL mode is a crash harmless.
 */
struct vault_fixed;
MUST_USE enum err_code vault_fixed_register(const char *vfs_name, const uint8_t key[32], struct vault_fixed **ret_fixed,
                                            struct error *err);
void vault_fixed_unregister(struct vault_fixed *fixed); /* after all connections; NULL is allowed */

/* After all its connections; wipes the keys, unregisters the VFS. NULL is allowed. */
void vault_close(struct vault *vault);

/*
 * Why this vault last failed closed: file, page or frame, and what. So a caller that gets SQLITE_IOERR or
 * SQLITE_CORRUPT can name the cause. False if that never happened.
 */
bool vault_last_damage(const struct vault *vault, struct error *ret_damage);

/* Slots: the ways to unlock
 * --------------------------------------------------------------------------------------------------------------- */

#define VAULT_SLOTS 8
#define VAULT_LABEL_MAX 32
#define VAULT_ENVELOPE_MAX 1536

struct vault_slot {
    int number; /* 1 to VAULT_SLOTS */
    enum vault_slot_kind kind;
    char label[VAULT_LABEL_MAX + 1]; /* UTF-8; empty: none */
    int32_t created_on;              /* day number; 0: not known */
    uint8_t recipient[32];           /* of an escrow: SHA-256 of the certificate */
};

/* By number. */
MUST_USE enum err_code vault_slots_list(struct vault *vault, struct vault_slot ret_slots[VAULT_SLOTS],
                                        size_t *ret_count, struct error *err);

/* Appends the envelope of an escrow (CMS, DER). ERR_NOT_FOUND: this slot is none. */
MUST_USE enum err_code vault_slot_envelope(struct vault *vault, int number, struct buf *out, struct error *err);

struct vault_slot_new {
    struct vault_unlock unlock; /* of an escrow the kind only: its secret is made here, and nobody sees it */
    const char *label;          /* NULL or at most VAULT_LABEL_MAX bytes of UTF-8 without control characters */
    int32_t created_on;
    struct slice certificate; /* of an escrow: the recipient's, DER */
};

/*
 * Every change asks for a secret that opens the vault now, so that who finds it open cannot give himself a key or take
 * away another's. ERR_KEY: the proof opens nothing. What is replaced or removed goes from the previous copy too.
 * After a failure the slots are the old or the new ones, whole. They take the time of the key derivations.
 */

/* ERR_LIMIT: all slots are taken, or the envelope is too large. */
MUST_USE enum err_code vault_slot_add(struct vault *vault, const struct vault_unlock *proof,
                                      const struct vault_slot_new *slot, int *ret_number, struct error *err);

/*
 * A new secret in place of the old, in the same slot, which must be of its kind (ERR_REFUSED); number 0 is the slot
 * that the proof opens. The label stays unless there is a new one.
 */
MUST_USE enum err_code vault_slot_change(struct vault *vault, const struct vault_unlock *proof, int number,
                                         const struct vault_slot_new *slot, int *ret_number, struct error *err);

/* ERR_REFUSED: it is the last that opens the vault; an escrow does not count, since nobody here can use it. */
MUST_USE enum err_code vault_slot_remove(struct vault *vault, const struct vault_unlock *proof, int number,
                                         struct error *err);

/*
 * The same in three steps, so that the derivations do not hold up the thread that the vault belongs to:
 *
 *     vault_slot_job_new ──► vault_slot_job_run ──► vault_slot_job_finish ──► vault_slot_job_free
 *     vault's thread         any thread             vault's thread            any; at any time but during run
 *
 * What the change points to is copied. ERR_CONFLICT at the end: the slots have changed meanwhile.
 */
enum vault_slot_action { VAULT_SLOT_ADD, VAULT_SLOT_CHANGE, VAULT_SLOT_REMOVE };

struct vault_slot_change {
    enum vault_slot_action action;
    int number; /* change, remove */
    struct vault_unlock proof;
    struct vault_slot_new slot; /* add, change */
};

struct vault_slot_job;

MUST_USE enum err_code vault_slot_job_new(struct vault *vault, const struct vault_slot_change *change,
                                          struct vault_slot_job **ret_job, struct error *err);
void vault_slot_job_run(struct vault_slot_job *job);
MUST_USE enum err_code vault_slot_job_finish(struct vault *vault, struct vault_slot_job *job, int *ret_number,
                                             struct error *err);
void vault_slot_job_free(struct vault_slot_job *job); /* NULL is allowed */

/* Freshness: NAME.fresh, which version of every page is the present one
 * ------------------------------------------------------------------------------------------------------------------ */

/*
 * A counter outside of the files (an NV counter of a TPM), so that an older whole set of files put back is found when
 * the database is opened. `advance` adds one, durably; it is called at the end of each round of the log (about every
 * 1000 pages written), under a lock, from the thread that writes.
 */
struct vault_counter_io {
    enum err_code (*read)(void *context, uint64_t *ret_value, struct error *err);
    enum err_code (*advance)(void *context, struct error *err);
    void *context;
    bool bound; /* these files have used this counter before: files that name no value of it are refused */
};

/* 16 random bytes that name this vault, in the clear in its files too; valid until vault_close. */
const uint8_t *vault_file_id(const struct vault *vault);

/* Between vault_open and the first vault_open_database; `io` is copied, its context stays until vault_close. */
void vault_set_counter(struct vault *vault, const struct vault_counter_io *io);

/*
 * Which state the files are in. The counter grows with every rewrite of NAME.fresh, at least once for each round of the
 * log in which something was committed, and never goes back in the life of the file id unless files were put back (or
 * vault_adopt_freshness had nothing to go on from). The same counter with another hash is another history: a copy of
 * the files was used on its own. Commits since the last rewrite change neither. ERR_NOT_FOUND before the first
 * vault_open_database.
 */
MUST_USE enum err_code vault_freshness(const struct vault *vault, uint64_t *ret_counter, uint8_t ret_hash[32],
                                       struct error *err);

/*
 * When NAME.fresh is lost or damaged, or older files were put back on purpose (a backup): the next vault_open_database
 * takes the files as they lie there for the present state, makes NAME.fresh anew and logs that it did. Only on the word
 * of a person: until then an old page put back cannot be told from a present one. No connection may be open.
 */
MUST_USE enum err_code vault_adopt_freshness(struct vault *vault, struct error *err);

#define VAULT_VERIFY_FINDINGS_MAX 64

enum vault_verify_part { VAULT_VERIFY_PAGE, VAULT_VERIFY_FRAME, VAULT_VERIFY_LOG, VAULT_VERIFY_FRESH };

struct vault_verify_finding {
    enum vault_verify_part part;
    uint32_t number; /* of the page or frame; otherwise 0 */
    char reason[ERROR_MESSAGE_MAX];
};

struct vault_verify_report {
    uint32_t pages;  /* read */
    uint32_t frames; /* of the log, up to the last commit */
    uint64_t damages;
    size_t findings; /* the first of them, at most VAULT_VERIFY_FINDINGS_MAX */
    struct vault_verify_finding finding[VAULT_VERIFY_FINDINGS_MAX];
};

struct vault_verify_progress {
    bool (*report)(void *context, uint64_t bytes_done, uint64_t bytes_total); /* false: stop, ERR_REFUSED */
    void *context;
};

/*
 * Reads every page of the database, every committed frame of the log, and NAME.fresh, and names each that does not
 * open or is not the present one. ERR_OK also when damage was found: see the report. May run in a thread of its own
 * while connections are in use, and on files that vault_open_database refuses. `progress` may be NULL.
 */
MUST_USE enum err_code vault_verify(struct vault *vault, const struct vault_verify_progress *progress,
                                    struct vault_verify_report *ret_report, struct error *err);

/* A finding in words for a person: "page 17 of 'x': it fails its check". As snprintf. */
int vault_verify_describe(const struct vault *vault, const struct vault_verify_finding *finding, char *out,
                          size_t size);

/*
 * A secret of 1 to VAULT_SECRET_MAX bytes that a row of the database keeps, such as the device's private key: closed
 * under a key of the vault's own, so that SQLite's pages in memory do not hold it. `purpose` must be the same again.
 * ERR_DAMAGED: it was not closed so, for this purpose, by this vault.
 */
#define VAULT_SECRET_MAX 4096
struct secret;
MUST_USE enum err_code vault_close_secret(struct vault *vault, const char *purpose, const struct secret *secret,
                                          struct buf *out, struct error *err);
MUST_USE enum err_code vault_open_secret(struct vault *vault, const char *purpose, struct slice kept,
                                         struct secret *ret_secret, struct error *err);
bool vault_secret_is_closed(struct slice kept);

#endif
