/* How things stand, for a person and for a health check. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent_parts.h"
#include "agent/api_call.h"
#include "agent/backup_note.h"
#include "base/clock.h"
#include "store/packs.h"
#include "store/tree.h"

#define MESSAGE_SIZE (ERROR_MESSAGE_MAX + 200)
#define QUARANTINE_LOOK 200
#define NOTICE_MS (7 * 24 * INT64_C(3600000))

/* What the members are made of. */
struct picture {
    struct client_status client; /* CLIENT_STOPPED when there is no exchange */
    struct store_counts counts;
    struct store_sync sync;
    struct store_copies copies;
    struct store_bundles bundles;
    struct store_violation violation; /* the newest that stands */
    uint64_t violations;
    uint64_t unread; /* messages of the centre */
    bool own_quarantined;
    bool small_packets;
    const char *state;
    char message[MESSAGE_SIZE];
};

static void PRINTF_LIKE(3, 4) say(struct picture *picture, const char *state, const char *format, ...)
{
    va_list args;
    picture->state = state;
    va_start(args, format);
    (void)vsnprintf(picture->message, sizeof(picture->message), format, args);
    va_end(args);
}

/* ---- the state ---- */

/* Not open before: with the wrong secret it stays locked. */
static bool is_unlocking(const struct agent *agent)
{
    return agent->state == AGENT_UNLOCKING || (agent->state == AGENT_PREPARING && !agent->to_prepare);
}

static void describe_closed(const struct agent *agent, struct picture *picture)
{
    const char *reason = agent->lock_error.message;
    if (agent_makes_tables(agent)) {
        say(picture, "preparing",
            "the tables are being made again from the records; nothing can be looked up or recorded until that is "
            "done");
    } else if (is_unlocking(agent)) {
        say(picture, "locked", "being unlocked");
    } else if (agent->lock_error.code != ERR_OK && reason[0] != '\0') {
        say(picture, "locked", "%s", reason);
    } else if (!vault_exists(agent->vault_path)) {
        say(picture, "locked", "there is no replica here yet; make one with `holdfast unlock --new`");
    } else if (agent->lock_reason == LOCK_IDLE) {
        say(picture, "locked", "nobody had asked for anything for %d minute%s; unlock it with `holdfast unlock`",
            agent->options->lock_after_minutes, agent->options->lock_after_minutes == 1 ? "" : "s");
    } else {
        say(picture, "locked", "unlock it with `holdfast unlock`");
    }
}

/* What was noticed stays in sight for a week. */
static bool is_recent(int64_t at_ms)
{
    return at_ms != OP_TIME_NONE && clock_wall_ms() - at_ms < NOTICE_MS;
}

/* Nothing to do, but somebody may want to know whose disk was put back. */
static void describe_older_copy(struct picture *picture)
{
    const struct store_copies *copies = &picture->copies;
    say(picture, "synchronised", "%s: %" PRIu64 " record%s came back, %" PRIu64 " %s issued again",
        is_recent(copies->stale_at_ms) ? "older files of this replica were put back"
                                       : "this replica is an older copy of itself that was put back",
        copies->came_back, copies->came_back == 1 ? "" : "s", copies->issued_again,
        copies->issued_again == 1 ? "was" : "were");
}

#define ENROL_AGAIN                                                                                                    \
    "get a new code from the centre, then `holdfast enrol --again --endpoint URL --code-file -`; all records stay"

#define ENROL_AGAIN_BY_FILES                                                                                           \
    "get a new code from the centre, then `holdfast enrol --again --request FILE --code-file -`, take that to the "    \
    "centre, and `holdfast enrol --answer` what comes back; all records stay"

/* By this machine's clock: the centre's was known by an exchange, and none works. True: somebody has to see to it. */
static bool describe_certificate_to_come(const struct agent *agent, struct picture *picture)
{
    const struct renewal *renewal = &agent->renewal;
    bool by_files = agent->identity.endpoint[0] == '\0'; /* no exchange shows whether it works */
    char day[DATE_TEXT_SIZE];
    if (!agent->identity.enrolled || !renewal->known || renewal->certificate.not_before_ms <= clock_wall_ms() ||
        (!by_files && picture->client.last.result == ERR_OK)) {
        return false;
    }
    date_format(clock_today(renewal->certificate.not_before_ms), day);
    say(picture, "attention",
        "this device's certificate holds from %s on only: set the clock of this machine if it is wrong; if it is "
        "right, the centre's was ahead when it made that: %s",
        day, by_files ? ENROL_AGAIN_BY_FILES : ENROL_AGAIN);
    return true;
}

/* By the centre's clock, as far as it is known. True: somebody has to see to it. */
static bool describe_certificate(const struct agent *agent, struct picture *picture)
{
    const struct renewal *renewal = &agent->renewal;
    int64_t now_ms = clock_wall_ms() - picture->client.clock_offset_ms;
    int64_t left_ms = renewal->known ? renewal->certificate.not_after_ms - now_ms : INT64_MAX;
    char day[DATE_TEXT_SIZE];
    if (!agent->identity.enrolled || left_ms > RENEWAL_WARN_MS) {
        return false;
    }
    date_format(clock_today(renewal->certificate.not_after_ms), day);
    if (agent->identity.endpoint[0] == '\0' && left_ms > 0) {
        say(picture, "attention",
            "this device's certificate runs out on %s; `holdfast enrol --request FILE` asks for a newer one: take it "
            "to the centre, and `holdfast enrol --answer` what comes back, before then",
            day);
    } else if (left_ms <= 0 && agent->identity.endpoint[0] == '\0') {
        say(picture, "attention",
            "this device's certificate ran out on %s; get a new code from the centre, then `holdfast enrol --again "
            "--request FILE`; all records stay",
            day);
    } else if (left_ms <= 0) {
        say(picture, "attention", "this device's certificate ran out on %s; " ENROL_AGAIN, day);
    } else if (renewal->trouble.code != ERR_OK) {
        say(picture, "attention", "this device's certificate runs out on %s and could not be renewed: %s", day,
            renewal->trouble.message);
    } else {
        say(picture, "attention",
            "this device's certificate runs out on %s; it is renewed by itself when the centre is reached: connect "
            "this "
            "machine before then",
            day);
    }
    return true;
}

/* Over a network it follows by itself. */
static bool describe_authority(const struct agent *agent, struct picture *picture)
{
    if (agent->identity.endpoint[0] != '\0' ||
        !store_bundles_authority_new(&picture->bundles, buf_slice(&agent->identity.ca))) {
        return false;
    }
    say(picture, "attention",
        "the centre has a new authority, and will not take this device's certificate much longer: `holdfast enrol "
        "--request FILE` asks for a new one; take it to the centre, and `holdfast enrol --answer` what comes back");
    return true;
}

#define PUT_BACK_SIZE 160
#define EVIDENCE_KEPT "; nothing recorded here is lost, and the evidence is kept: `holdfast checkpoint --violations`"

/* What the centre signed, and when that came here; first what it has lost, where that is known. */
static void describe_violation(struct picture *picture)
{
    const struct store_violation *violation = &picture->violation;
    char held_day[DATE_TEXT_SIZE];
    char told_day[DATE_TEXT_SIZE];
    char put_back[PUT_BACK_SIZE] = "";
    if (picture->client.given_again > 0) {
        (void)snprintf(put_back, sizeof(put_back),
                       "the centre no longer held %" PRIu64
                       " record%s that it had; perhaps it was put back to an older state; ",
                       picture->client.given_again, picture->client.given_again == 1 ? "" : "s");
    }
    date_format(clock_today(violation->noticed_at_ms), told_day);
    if (!violation->held.known) {
        say(picture, "attention",
            "%sthe centre signed a history of %" PRIu64 " records on %s and gave other records" EVIDENCE_KEPT, put_back,
            violation->told.checkpoint.size, told_day);
        return;
    }
    date_format(clock_today(violation->held.verified_at_ms), held_day);
    say(picture, "attention",
        "%sthe centre signed two histories of this site that contradict each other: one of %" PRIu64
        " records, verified here on %s, and one of %" PRIu64 " records, %s on %s" EVIDENCE_KEPT,
        put_back, violation->held.checkpoint.size, held_day, violation->told.checkpoint.size,
        violation->brought ? "compared here" : "told", told_day);
}

static bool needs_a_person(const struct agent *agent, struct picture *picture)
{
    const struct client_status *client = &picture->client;
    bool failed = client->last.happened && client->last.result != ERR_OK;
    if (agent->trouble.code != ERR_OK) {
        say(picture, "attention", "the last record could not be kept: %s; make room, or mend the disk",
            agent->trouble.message);
    } else if (agent->rekey.trouble.code != ERR_OK && agent->rekey.progress.running) {
        say(picture, "attention", "the new key cannot be taken everywhere yet: %s", agent->rekey.trouble.message);
    } else if (agent->driver_error.code != ERR_OK) {
        say(picture, "attention", "%s", agent->driver_error.message);
    } else if (describe_certificate_to_come(agent, picture) || describe_certificate(agent, picture) ||
               describe_authority(agent, picture)) {
        return true;
    } else if (client->histories.code != ERR_OK) {
        say(picture, "attention",
            "%s; ask the centre first: where it says that its records are right, `holdfast accept --history` goes on "
            "with them and keeps the other",
            client->histories.message);
    } else if (picture->violations > 0) {
        describe_violation(picture);
    } else if (client->behind_own_record && agent->identity.endpoint[0] == '\0') {
        say(picture, "attention",
            "this replica is older than what the centre holds of it: was an old copy put back? the missing records "
            "come with the answer to a bundle: `holdfast bundle export FILE`");
    } else if (client->behind_own_record) {
        say(picture, "attention",
            "this replica is older than what the centre holds of it: was an old copy put back? the missing records are "
            "being fetched");
    } else if (client->centre_lost_ops) {
        say(picture, "attention",
            "the centre holds less than it had acknowledged; the missing records are being sent again; tell the "
            "centre");
    } else if (failed &&
               (client->state == CLIENT_STALLED || err_code_class(client->last.result) == ERR_CLASS_OPERATOR)) {
        say(picture, "attention", "%s", client->last.error.message);
    } else if (is_recent(picture->copies.twin_at_ms)) {
        say(picture, "attention",
            "another machine records as this device: a copy of its disk is in use; %" PRIu64
            " record%s of it came; nothing is lost, but enrol one of the two anew",
            picture->copies.twin_ops, picture->copies.twin_ops == 1 ? "" : "s");
    } else if (is_recent(picture->copies.aside_at_ms)) {
        say(picture, "attention",
            "%" PRIu64
            " record%s gave way to others that the centre gave under their numbers: `holdfast log --set-aside` "
            "shows them; record anew what is missing",
            picture->copies.aside_ops, picture->copies.aside_ops == 1 ? "" : "s");
    } else if (picture->own_quarantined) {
        say(picture, "attention",
            "the centre refused records of this device; see `holdfast log` for which and why; record them anew, unless "
            "the centre takes them later: then they count by themselves");
    } else {
        return false;
    }
    return true;
}

/* A device without an address of its centre: what waits, waits for a person. */
static void describe_by_files(struct picture *picture)
{
    if (picture->counts.pending_ops > 0) {
        say(picture, "offline",
            "this device exchanges by files: `holdfast bundle export FILE`, take it to the centre, and `holdfast "
            "bundle import` the answer");
    } else if (picture->bundles.taken_at_ms == OP_TIME_NONE) {
        say(picture, "offline",
            "this device exchanges by files, and none of the centre was taken yet: `holdfast bundle import FILE`");
    } else if (is_recent(picture->copies.older_at_ms)) {
        describe_older_copy(picture);
    } else {
        say(picture, "synchronised", "by files; as of the centre's newest that was taken here");
    }
}

static void describe_open(const struct agent *agent, struct picture *picture)
{
    const struct client_exchange *last = &picture->client.last;
    if (needs_a_person(agent, picture)) {
        return;
    }
    if (!agent->identity.enrolled) {
        say(picture, "offline",
            "not enrolled with a centre yet; get a code from it, then `holdfast enrol --endpoint URL`");
    } else if (agent->identity.endpoint[0] == '\0') {
        describe_by_files(picture);
    } else if (picture->client.state == CLIENT_EXCHANGING) {
        say(picture, "synchronising", "%s", "");
    } else if (!last->happened) {
        say(picture, "offline", "no exchange with the centre has been tried yet");
    } else if (last->result != ERR_OK) {
        say(picture, "offline", "%s; it is tried again by itself, and everything can be recorded meanwhile",
            last->error.message);
    } else if (is_recent(picture->copies.older_at_ms)) {
        describe_older_copy(picture);
    } else if (picture->client.clock_off) {
        say(picture, "synchronised", "this machine's clock is more than 5 minutes from the centre's; set it");
    } else if (picture->small_packets) {
        say(picture, "synchronised",
            "large packets get lost on this network: smaller ones are used; tell who runs it that its MTU is wrong");
    } else {
        say(picture, "synchronised", "%s", "");
    }
}

/* ---- reading ---- */

static bool any_own(const struct log_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].own) {
            return true;
        }
    }
    return false;
}

static enum err_code look(struct agent *agent, struct picture *picture, struct error *err)
{
    TRY(query_counts(agent->store, &picture->counts, err));
    TRY(store_sync_read(agent->store, &picture->sync, err));
    TRY(store_copies_read(agent->store, &picture->copies, err));
    TRY(store_bundles_read(agent->store, &picture->bundles, err));
    TRY(store_violation_standing(agent->store, &picture->violation, &picture->violations, err));
    TRY(query_messages_unread(agent->store, &picture->unread, err));
    if (picture->counts.quarantined > 0) {
        SCOPED(log_list_fini) struct log_list list = { 0 };
        TRY(query_log(agent->store, NULL, 0, true, QUARANTINE_LOOK, &list, err));
        picture->own_quarantined = any_own(&list);
    }
    if (agent->driver != NULL) {
        exchange_driver_status(agent->driver, &picture->client);
        picture->small_packets = exchange_driver_small_packets(agent->driver);
    }
    return ERR_OK;
}

struct memory {
    json_int_t resident;
    json_int_t own; /* not shared with another process: libraries are not counted */
};

/* proc(5): statm has the resident pages, smaps_rollup the private ones in kB. */
static struct memory memory_now(void)
{
    struct memory memory = { 0 };
    char line[128];
    long pages = 0;
    long kib = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%*s %ld", &pages) == 1) {
            memory.resident = (json_int_t)pages * sysconf(_SC_PAGESIZE);
        }
        (void)fclose(file);
    }
    file = fopen("/proc/self/smaps_rollup", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Private_Clean: %ld kB", &kib) == 1 || sscanf(line, "Private_Dirty: %ld kB", &kib) == 1) {
            memory.own += (json_int_t)kib * 1024;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return memory;
}

/* ---- the members ---- */

static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *last_exchange_value(const struct client_exchange *last)
{
    if (!last->happened) {
        return json_null();
    }
    bool ok = last->result == ERR_OK;
    json_t *message = json_string(ok ? "" : last->error.message);
    return json_pack("{s:o,s:s,s:o,s:o,s:o,s:I,s:o,s:o,s:I}", "at", value_instant(last->at_ms), "result",
                     err_code_name(last->result), "message", message != NULL ? message : json_string(""), "bytes_sent",
                     number(last->bytes_sent), "bytes_received", number(last->bytes_received), "duration_ms",
                     (json_int_t)last->duration_ms, "ops_sent", number(last->ops_sent), "ops_received",
                     number(last->ops_received), "requests", (json_int_t)last->requests);
}

/* What a round under way has left to do. */
static json_t *progress_value(const struct picture *picture)
{
    const struct client_status *client = &picture->client;
    uint64_t to_send = picture->counts.pending_ops;
    if (client->state != CLIENT_EXCHANGING || to_send + client->to_fetch == 0) {
        return json_null();
    }
    int64_t left_s = client_seconds_left(&client->pace, to_send, client->to_fetch);
    uint64_t bytes_per_s = client->pace.ms > 0 ? client->pace.bytes * 1000 / client->pace.ms : 0;
    return json_pack("{s:o,s:o,s:o,s:o}", "ops_left", number(to_send + client->to_fetch), "bytes_per_s",
                     client->pace.ms > 0 ? number(bytes_per_s) : json_null(), "seconds_left",
                     left_s >= 0 ? json_integer(left_s) : json_null(), "to_fetch", number(client->to_fetch));
}

static json_t *bundles_value(const struct store_bundles *bundles)
{
    return json_pack("{s:o,s:o,s:o}", "written_at", value_instant(bundles->written_at_ms), "taken_at",
                     value_instant(bundles->taken_at_ms), "made_at", value_instant(bundles->made_at_ms));
}

static json_t *records_value(const struct store_counts *counts)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "participant", number(counts->participants), "referral",
                     number(counts->referrals), "placement", number(counts->placements), "session",
                     number(counts->sessions), "attendance", number(counts->attendance), "notice",
                     number(counts->notices), "appointment", number(counts->appointments), "decision",
                     number(counts->decisions), "op", number(counts->ops));
}

static json_t *copies_value(const struct store_copies *copies)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "older_at", value_instant(copies->older_at_ms), "came_back",
                     number(copies->came_back), "issued_again", number(copies->issued_again), "twin_at",
                     value_instant(copies->twin_at_ms), "twin_records", number(copies->twin_ops), "stale_at",
                     value_instant(copies->stale_at_ms), "set_aside_at", value_instant(copies->aside_at_ms),
                     "set_aside", number(copies->aside_ops));
}

static bool put_identity(json_t *object, const struct store_identity *identity, uint32_t incarnation)
{
    if (!identity->enrolled) {
        return put(object, "site", json_null()) && put(object, "device", json_null()) &&
               put(object, "endpoint", json_null());
    }
    return put(object, "site",
               json_pack("{s:s,s:o,s:o}", "name", identity->site_name, "stream",
                         value_id(identity->stream, STREAM_ID_BYTES), "organisation",
                         value_id(identity->organisation, ORGANISATION_ID_BYTES))) &&
           put(object, "device",
               json_pack("{s:o,s:I}", "id", value_id(identity->device, DEVICE_ID_BYTES), "incarnation",
                         (json_int_t)incarnation)) &&
           put(object, "endpoint", json_string(identity->endpoint));
}

static json_t *certificate_value(const struct agent *agent)
{
    const struct renewal *renewal = &agent->renewal;
    if (!agent->identity.enrolled || !renewal->known) {
        return json_null();
    }
    json_t *trouble = renewal->trouble.code != ERR_OK ? json_string(renewal->trouble.message) : json_null();
    return json_pack("{s:o,s:o,s:o}", "valid_until", value_instant(renewal->certificate.not_after_ms), "renews_from",
                     value_instant(renewal_due_ms(&renewal->certificate)), "trouble",
                     trouble != NULL ? trouble : json_null());
}

static bool put_exchange(json_t *object, const struct picture *picture)
{
    const struct client_status *client = &picture->client;
    const struct store_sync *sync = &picture->sync;
    bool clock_known = sync->clock_known;
    return put(object, "pending_ops", number(picture->counts.pending_ops)) &&
           put(object, "oldest_pending_at", value_instant(sync->oldest_pending_ms)) &&
           put(object, "newest_seq", number(sync->newest_seq)) && put(object, "acked_seq", number(sync->acked_seq)) &&
           put(object, "cursor", number(sync->cursor)) && put(object, "to_fetch", number(client->to_fetch)) &&
           put(object, "progress", progress_value(picture)) &&
           put(object, "last_exchange", last_exchange_value(&client->last)) &&
           put(object, "last_success_at", value_instant(client->last_success_at_ms)) &&
           put(object, "next_try_at", value_instant(client->next_try_at_ms)) &&
           put(object, "bundles", bundles_value(&picture->bundles)) &&
           put(object, "waiting", json_boolean(client->waiting)) &&
           put(object, "small_packets", json_boolean(picture->small_packets)) &&
           put(object, "clock_offset_ms", clock_known ? json_integer(sync->clock_offset_ms) : json_null()) &&
           put(object, "clock_off", json_boolean(client->clock_off)) &&
           put(object, "copies", copies_value(&picture->copies)) &&
           put(object, "violations", number(picture->violations));
}

static bool put_replica(json_t *object, const struct agent *agent, const struct picture *picture)
{
    const struct store_counts *counts = &picture->counts;
    return put(object, "records", records_value(counts)) &&
           put(object, "disputed_sessions", number(counts->disputed_sessions)) &&
           put(object, "quarantined", number(counts->quarantined)) &&
           put(object, "messages_unread", number(picture->unread)) &&
           put(object, "flags",
               json_pack("{s:o,s:o,s:o}", "info", number(counts->flags[SEVERITY_INFO]), "watch",
                         number(counts->flags[SEVERITY_WATCH]), "act", number(counts->flags[SEVERITY_ACT]))) &&
           put(object, "flags_pending", json_boolean(agent->unseen || flags_pass_pending(&agent->flags))) &&
           put(object, "replica_bytes", number(counts->replica_bytes));
}

static bool put_nulls(json_t *object)
{
    static const char *const names[] = {
        "enrolled",        "site",          "device",          "endpoint",          "certificate",
        "pending_ops",     "newest_seq",    "acked_seq",       "oldest_pending_at", "cursor",
        "to_fetch",        "last_exchange", "last_success_at", "next_try_at",       "clock_off",
        "clock_offset_ms", "copies",        "records",         "disputed_sessions", "waiting",
        "progress",        "quarantined",   "flags",           "flags_pending",     "replica_bytes",
        "bundles",         "small_packets", "violations",      "messages_unread"
    };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        ok = ok && put(object, names[i], json_null());
    }
    return ok;
}

/* Since when and why it is locked, or when it will be. */
static bool put_lock(json_t *object, const struct agent *agent, bool open)
{
    static const char *const reasons[] = { [LOCK_AT_START] = "start", [LOCK_ASKED] = "asked", [LOCK_IDLE] = "idle" };
    int64_t left_ms = idle_lock_left_ms(&agent->idle);
    return put(object, "locked_at", open ? json_null() : value_instant(agent->locked_at_ms)) &&
           put(object, "lock_reason", open ? json_null() : json_string(reasons[agent->lock_reason])) &&
           put(object, "locks_at", left_ms < 0 ? json_null() : value_instant(clock_wall_ms() + left_ms));
}

/* Which pack is in force, and by whose word; `configured`: a file that stands in for the built-in one, in force or not.
 */
static json_t *programme_value(const struct agent *agent)
{
    const struct programme *programme = agent_programme(agent);
    int32_t since = agent->state == AGENT_OPEN ? store_programme_since(agent->store) : ROW_NONE;
    const char *source = since != ROW_NONE ? "centre" : agent->own_programme != NULL ? "configured" : "built_in";
    json_t *configured = agent->own_programme == NULL ? json_null()
                                                      : json_pack("{s:s,s:i}", "id", programme_id(agent->own_programme),
                                                                  "version", programme_version(agent->own_programme));
    return json_pack("{s:s,s:i,s:s,s:s,s:o,s:o}", "id", programme_id(programme), "version",
                     programme_version(programme), "sha256", programme_sha256(programme), "source", source, "since",
                     value_day(since), "configured", configured);
}

static bool put_common(json_t *object, const struct agent *agent, const struct picture *picture, bool open)
{
    const char *vault = open ? "open" : vault_exists(agent->vault_path) ? "locked" : "absent";
    json_t *message = json_string(picture->message);
    struct memory memory = memory_now();
    return put(object, "state", json_string(picture->state)) &&
           put(object, "message", message != NULL ? message : json_string("")) &&
           put(object, "vault", json_string(vault)) && put(object, "unlocking", json_boolean(is_unlocking(agent))) &&
           put_lock(object, agent, open) && put(object, "preparing", open_task_value(&agent->opening)) &&
           put(object, "backup", backup_task_value(&agent->backup)) &&
           put(object, "export", reading_task_export_value(&agent->export)) &&
           put(object, "verify", reading_task_verify_value(&agent->verify)) &&
           put(object, "restore", restore_task_value(&agent->restore)) &&
           put(object, "rekey", rekey_pass_value(&agent->rekey)) &&
           put(object, "last_backup", backup_note_value(agent->backup_note_path)) &&
           put(object, "version", json_string(HOLDFAST_VERSION)) &&
           put(object, "today", value_day(clock_today(clock_wall_ms()))) &&
           put(object, "memory_bytes", json_integer(memory.resident)) &&
           put(object, "memory_private_bytes", json_integer(memory.own)) &&
           put(object, "programme", programme_value(agent));
}

json_t *status_value(struct agent *agent)
{
    struct error err;
    struct picture picture = {
        .client = { .state = CLIENT_STOPPED, .last_success_at_ms = OP_TIME_NONE, .next_try_at_ms = OP_TIME_NONE },
        .sync = { .oldest_pending_ms = OP_TIME_NONE },
        .bundles = { .written_at_ms = OP_TIME_NONE, .taken_at_ms = OP_TIME_NONE, .made_at_ms = OP_TIME_NONE }
    };
    bool open = agent->state == AGENT_OPEN;
    if (open && look(agent, &picture, &err) != ERR_OK) {
        log_error("status_failed", &err);
        say(&picture, "attention", "%s", err.message);
    } else if (open) {
        describe_open(agent, &picture);
    } else {
        describe_closed(agent, &picture);
    }
    json_t *object = json_object();
    bool ok = put_common(object, agent, &picture, open || agent->to_prepare);
    if (open) {
        ok = ok && put(object, "enrolled", json_boolean(agent->identity.enrolled)) &&
             put_identity(object, &agent->identity, picture.sync.recording) &&
             put(object, "certificate", certificate_value(agent)) && put_exchange(object, &picture) &&
             put_replica(object, agent, &picture);
    } else {
        ok = ok && put_nulls(object);
    }
    store_violation_fini(&picture.violation);
    if (!ok) {
        json_decref(object);
        return NULL;
    }
    return object;
}
