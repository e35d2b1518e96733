/*
 * agent/agent_parts - what agent.c, starting.c, the API server and the service calls share.
 *
 * Layer: agent, inside the composition.
 */
#ifndef AGENT_AGENT_PARTS_H
#define AGENT_AGENT_PARTS_H

#include <uv.h>

#include "agent/agent.h"
#include "agent/api.h"
#include "agent/bundle_task.h"
#include "agent/day_watch.h"
#include "agent/enrolment.h"
#include "agent/exchange_driver.h"
#include "agent/flags_pass.h"
#include "agent/idle_lock.h"
#include "agent/key_task.h"
#include "agent/late_notes.h"
#include "agent/link_policy.h"
#include "agent/lockbox.h"
#include "agent/open_task.h"
#include "agent/passphrase_task.h"
#include "agent/peer.h"
#include "agent/reading_task.h"
#include "agent/rekey_pass.h"
#include "agent/renewal.h"
#include "agent/restore_task.h"
#include "agent/sign_in.h"
#include "agent/vault_check.h"
#include "sync/edge/backup_task.h"
#include "sync/edge/http_server.h"
#include "sync/edge/link_sense.h"

#define WAITERS_MAX 32

enum agent_state {
    AGENT_LOCKED,
    AGENT_UNLOCKING,
    AGENT_PREPARING,
    AGENT_OPEN,
    AGENT_CLOSING,
    AGENT_STOPPING,
    AGENT_STOPPED
};

/* Why the replica is locked, when nothing went wrong. */
enum lock_reason { LOCK_AT_START, LOCK_ASKED, LOCK_IDLE };

/* What an unanswered request waits for. */
enum waiting { WAITING_NONE, WAITING_UNLOCK, WAITING_LOCK, WAITING_ENROL, WAITING_SYNC };

struct waiter {
    enum waiting waiting;
    struct http_exchange *exchange;
    int64_t deadline_ms; /* monotonic; of WAITING_SYNC */
};

/* The call that runs while PREPARING, if one does. */
struct alone_call {
    struct http_exchange *exchange; /* NULL: none */
    struct api_world world;
    struct api_answer answer;
    struct slice body; /* of the request that waits */
    char actor[OP_ACTOR_MAX + 1];
    char path[32];
};

struct agent {
    uv_loop_t loop;
    const struct agent_options *options;
    const struct programme *programme; /* where the centre's packs say nothing; see agent_programme */
    struct programme *own_programme;   /* NULL: the built-in one */
    char vault_path[PATH_MAX + 16];
    char backup_note_path[PATH_MAX + 32];
    gid_t group;
    struct peer_known peer;
    struct sign_ins sign_ins;
    struct passphrase_task passphrases;
    char asking[OP_ACTOR_MAX + 1]; /* who makes the call that is being answered */
    struct audit_entry unlocking;  /* the note of the unlocking that runs */
    struct audit_entry undoing;    /* the note of the restore that is being undone */
    struct late_notes late_notes;
    int lock_fd;

    enum agent_state state;
    bool stop_asked;
    bool lock_asked;
    enum lock_reason lock_reason; /* of the lock that was asked for, or is */
    int64_t locked_at_ms;
    int stopping_parts; /* of CLOSING or STOPPING that are not closed yet */

    struct lockbox lockbox;
    struct error lock_error; /* why the replica is locked; ERR_OK: only because nobody unlocked it */
    struct store *store;     /* while OPEN and CLOSING; while PREPARING nobody's but the task's */
    struct open_task opening;
    struct alone_call alone;
    bool
        to_prepare; /* CLOSING leads to PREPARING, and that to OPEN: another programme pack is in force, or a rebuild */
    unsigned behind; /* how often in a row the tables could not be made by the pack in force, since the unlocking */
    struct store_identity identity; /* without its key: for status and for deriving ids */
    struct flags_pass flags;
    struct rekey_pass rekey;
    struct key_task keys;
    struct http_exchange *changing_keys; /* waits for it */
    struct backup_task backup;
    struct bundle_task bundle;
    struct reading_task export;
    struct reading_task verify;
    struct restore_task restore;
    struct http_exchange *restoring; /* waits for a step of it */
    struct vault_check check;
    bool accept_files;              /* a person said that the files are the present ones, for the unlocking that runs */
    bool unseen;                    /* pages of a catch-up came, and the rules wait for the rest of it ... */
    uint64_t unseen_since_ms;       /* ... since then, on the loop's clock */
    struct exchange_driver *driver; /* NULL before enrolment */
    struct error driver_error;      /* why there is none though the device is enrolled */
    struct enrolment enrolment;
    struct renewal renewal;
    unsigned drivers_leaving; /* stopped, and not gone yet */
    struct error trouble;     /* of the disk, when the last recording failed for it */

    struct idle_lock idle;
    struct day_watch day;
    struct link_sense *link;
    struct link_policy *link_policy;
    struct http_server *server;
    struct waiter waiters[WAITERS_MAX];
    uv_timer_t waiters_timer;
    uv_signal_t terminate;
    uv_signal_t interrupt;
    uv_timer_t watchdog;
    uv_timer_t gather; /* new records, for the next exchange */
};

/* agent.c */
void agent_step(struct agent *agent);
void agent_enter(struct agent *agent, enum agent_state state);
/* LOCKED, the store being closed: nothing of the replica, nor of what was tried to open it, stays in memory. */
void agent_enter_locked(struct agent *agent);
/* Of the pass over the flags: the tables are to be made again by another programme pack. Begun, unless something runs
 * that needs the replica. */
void agent_pack_due(void *agent);
/* Not while a person waits for the end of something that needs the replica. */
bool agent_may_prepare(const struct agent *agent);
/* From OPEN by PREPARING to OPEN again. */
void agent_begin_preparing(struct agent *agent);
/* An exchange, enrolment or unlock that runs is ended first; those who wait for the lock are answered then. */
void agent_lock(struct agent *agent, enum lock_reason reason);
/* Nobody has asked for anything for so long: locks, unless long work goes on and the machine was awake for it. */
void agent_idle_over(struct agent *agent);
/* Of the policy: whether the centre may keep an exchange waiting. */
void agent_link_changed(void *agent);
/* Once the device is enrolled; reads the identity again. */
void agent_start_exchange(struct agent *agent);
/* The same when one may run already, with another certificate. */
void agent_restart_exchange(struct agent *agent);
/* renewal.c: takes a new certificate when it is time to; after every exchange. */
void renewal_look(struct agent *agent);
/* Something was recorded here or has come from the centre. */
void agent_data_changed(struct agent *agent, bool recorded_here);

/* opening.c */
/* For `agent->asking`. Takes the secret. */
MUST_USE enum err_code agent_unlock(struct agent *agent, enum vault_slot_kind kind, struct secret *secret, bool create,
                                    struct error *err);
/* By the key file of the settings, if they name one. */
void agent_unlock_by_key_file(struct agent *agent);
/* In force; of a locked agent the one without the centre's packs. */
const struct programme *agent_programme(const struct agent *agent);
/* With an open vault: PREPARING, and from there OPEN, or LOCKED again. */
void agent_prepare(struct agent *agent);
/* On its way to OPEN: nothing can be asked or recorded. */
bool agent_is_preparing(const struct agent *agent);
/* Preparing, and that is more than opening: all tables are made again. */
bool agent_makes_tables(const struct agent *agent);

/* api_enrol.c, of api_service.c */
MUST_USE enum err_code api_enrol(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                 struct error *err);
MUST_USE enum err_code api_enrol_request(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                         struct error *err);
MUST_USE enum err_code api_enrol_answer(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                        struct error *err);
/* api_service.c: ERR_LOCKED unless the replica is open. */
MUST_USE enum err_code api_need_open(const struct agent *agent, struct error *err);

/* api_server.c */
void api_server_handle(void *context, const struct http_request *request);
/* The answer of a call that ran in a thread. Releases it. */
void api_data_done(void *context, struct http_exchange *exchange, struct api_answer *answer);
/* Nobody reads an older state of the replica any more: what was erased meanwhile goes from the file. */
void api_reader_ended(struct agent *agent);
/* Somebody waits for an export or a verify. */
void api_reading_awaited(void *context);

/* alone.c: rebuild, in the thread that prepares the replica; answered or begun */
bool api_needs_all(const char *method, const char *path);
void alone_begin(struct agent *agent, const struct api_world *world, const struct api_request *request,
                 struct http_exchange *exchange);
/* The replica is open again: answers it, if there was one. */
void alone_end(struct agent *agent);

/* Who makes a call. Before anybody is entered that is every user who may ask, in every role. */
struct who {
    char name[OP_ACTOR_MAX + 1]; /* as it stands in the records */
    unsigned roles;
    bool known;    /* as a person who is entered, or nobody is entered at all */
    bool by_token; /* signed in */
    bool people;   /* are any entered? */
};

/* admit.c: false when the call was answered, as one that who asks may not make */
bool people_admit(struct agent *agent, const struct http_request *request, struct who *ret_who);
/* api_people.c: true when the path is one of the calls about people; it is then answered */
bool api_people_call(struct agent *agent, const struct http_request *request, const struct who *who);

/* waiters.c: requests that are answered later */
MUST_USE enum err_code waiters_add(struct agent *agent, enum waiting waiting, struct http_exchange *exchange,
                                   int64_t timeout_ms, struct error *err);
void waiters_answer_status(struct agent *agent, enum waiting waiting);
void waiters_answer(struct agent *agent, enum waiting waiting, const struct api_answer *answer);
void waiters_answer_error(struct agent *agent, enum waiting waiting, const struct error *err);
void waiters_init(struct agent *agent);
/* Looks at those who wait for an exchange, from the loop. */
void waiters_wake(struct agent *agent);

/* api_status.c: NULL without memory */
json_t *status_value(struct agent *agent);

/* api_service.c: true when the path is one of the service's own calls; it is then answered or waits */
bool api_service_call(struct agent *agent, const struct http_request *request);

/* api_backup.c: likewise for the calls about backups */
bool api_backup_call(struct agent *agent, const struct http_request *request);

/* api_bundle.c: likewise for the calls about the exchange by files */
bool api_bundle_call(struct agent *agent, const struct http_request *request);

/* api_keys.c: likewise for the calls about the ways to unlock */
bool api_keys_call(struct agent *agent, const struct http_request *request);
/* api_rekey.c: likewise for the call that begins a re-key */
bool api_rekey_call(struct agent *agent, const struct http_request *request);

/* api_restore.c: answers who waits for a step of a restore that does not come */
void api_restore_cut(struct agent *agent, const struct error *err);
void api_send(struct http_exchange *exchange, const struct api_answer *answer);
void api_send_error(struct http_exchange *exchange, const struct error *err);
void api_send_object(struct http_exchange *exchange, json_t *object);

#endif
