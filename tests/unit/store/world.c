#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

const uint8_t world_vault_key[VAULT_KEY_FILE_BYTES] = { 7, 7, 7 };

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *err = &must_err_;                                                                                \
        cr_assert_eq((call), ERR_OK, "%s: %s", #call, must_err_.message);                                              \
    } while (0)

int32_t day_of(const char *iso)
{
    int32_t day;
    cr_assert(date_parse(iso, &day), "%s", iso);
    return day;
}

void world_init(struct world *world)
{
    *world = (struct world){ .stream = "stream of a test", .organisation = "organisation 16b" };
    MUST(secret_init(err));
    MUST(authority_new("test centre", clock_wall_ms(), &world->authority, err));
}

void world_fini(struct world *world)
{
    authority_free(world->authority);
}

static void identify(struct world *world, struct replica *replica, enum certificate_role role)
{
    struct store_identity *identity = &replica->identity;
    *identity = (struct store_identity){ .enrolled = true };
    buf_init(&identity->certificate, CERTIFICATE_DER_MAX);
    buf_init(&identity->ca, CERTIFICATE_DER_MAX);
    MUST(device_key_generate(&replica->key, err));
    device_key_id(replica->key, identity->device);
    memcpy(identity->stream, world->stream, STREAM_ID_BYTES);
    memcpy(identity->organisation, world->organisation, ORGANISATION_ID_BYTES);
    MUST(device_key_export(replica->key, &identity->key_pkcs8, err));
    struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    MUST(device_key_request(replica->key, "device", &request, err));
    struct certificate_grant grant = {
        .role = role,
        .common_name = "device",
        .organisation = role == CERTIFICATE_ROLE_AGENT ? world->organisation : NULL,
        .streams = role == CERTIFICATE_ROLE_AGENT ? (const uint8_t(*)[STREAM_ID_BYTES])world->stream : NULL,
        .stream_count = role == CERTIFICATE_ROLE_AGENT,
        .not_before_ms = clock_wall_ms() - 1000,
        .not_after_ms = clock_wall_ms() + 1000000,
    };
    MUST(authority_issue(world->authority, buf_slice(&request), &grant, &identity->certificate, err));
    struct slice ca = authority_certificate(world->authority);
    MUST(buf_append(&identity->ca, ca.data, ca.len, err));
    buf_fini(&request);
}

void replica_open_files(struct replica *replica)
{
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, world_vault_key, sizeof(world_vault_key) };
    MUST(vault_open(replica->path, &unlock, &replica->vault, err));
    struct store_options options = { .cache_kib = 2048, .programme = programme_default() };
    MUST(store_open(replica->vault, &options, &replica->store, err));
}

void replica_close_files(struct replica *replica)
{
    store_close(replica->store);
    vault_close(replica->vault);
    replica->store = NULL;
    replica->vault = NULL;
}

void replica_start(struct world *world, struct replica *replica, enum certificate_role role)
{
    *replica = (struct replica){ .folder = "/tmp/replica_test_XXXXXX" };
    cr_assert_not_null(mkdtemp(replica->folder));
    (void)snprintf(replica->path, sizeof(replica->path), "%s/replica.db", replica->folder);
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, world_vault_key, sizeof(world_vault_key) };
    MUST(vault_create(replica->path, &unlock, err));
    replica_open_files(replica);
    identify(world, replica, role);
    MUST(store_identity_write(replica->store, &replica->identity, err));
}

void replica_stop(struct replica *replica)
{
    replica_close_files(replica);
    device_key_free(replica->key);
    store_identity_fini(&replica->identity);
    static const char *const endings[] = { "", "-wal", ".fresh", ".keys", ".keys.prev" };
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", replica->path, endings[i]);
        (void)unlink(path);
    }
    cr_assert_eq(rmdir(replica->folder), 0, "files were left in %s", replica->folder);
}

void replica_write(struct replica *replica, const struct store_entry *entry, int64_t now_ms)
{
    struct store_written written;
    MUST(store_write(replica->store, "tester", entry, 1, now_ms, &written, err));
}

static void sign_run(struct replica *from, const uint8_t stream[STREAM_ID_BYTES], const struct op_id *last,
                     const uint8_t link[SHA256_BYTES], struct store_run *run)
{
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    op_link_message(stream, last, link, message);
    MUST(device_key_sign(from->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), run->signature,
                         &run->signature_len, err));
    run->signed_seq = last->seq;
}

void replica_sign(struct replica *from, const struct op_id *last, struct store_run *run)
{
    uint8_t link[SHA256_BYTES];
    MUST(store_own_link(from->store, last->incarnation, last->seq, link, err));
    sign_run(from, from->identity.stream, last, link, run);
}

enum err_code replica_carry(struct replica *from, uint64_t after, size_t max_ops, struct replica *to, struct error *err)
{
    struct store_run run = { .certificate = buf_slice(&from->identity.certificate) };
    op_batch_init(&run.ops);
    MUST(store_own_ops(from->store, from->identity.incarnation, after, max_ops, SIZE_MAX, &run.ops, err));
    if (run.ops.count == 0) {
        op_batch_fini(&run.ops);
        return ERR_OK;
    }
    const struct op_id *last = &run.ops.ops[run.ops.count - 1].id;
    replica_sign(from, last, &run);
    struct store_seed seeds[64];
    uint64_t first_block = op_salt_block(run.ops.ops[0].id.seq);
    for (uint64_t block = first_block; block <= op_salt_block(last->seq); block++) {
        struct store_seed *seed = &seeds[run.seed_count];
        seed->block = block;
        enum err_code found = store_salt_seed(from->store, last->device, last->incarnation, block, seed->seed, err);
        cr_assert(found == ERR_OK || found == ERR_NOT_FOUND, "%s", err->message);
        run.seed_count += found == ERR_OK;
    }
    run.seeds = seeds;
    struct store_exchange exchange = { .runs = &run, .run_count = 1, .received_at_ms = clock_wall_ms() };
    struct store_applied applied;
    enum err_code rc = store_apply(to->store, &exchange, &applied, err);
    op_batch_fini(&run.ops);
    return rc;
}

void replica_digest(struct replica *replica, char out[2 * SHA256_BYTES + 1])
{
    uint8_t digest[SHA256_BYTES];
    MUST(store_digest(replica->store, digest, err));
    hex_encode(digest, sizeof(digest), out);
}

static void entry_init(struct store_entry *entry, enum record_kind kind)
{
    *entry = (struct store_entry){ .kind = kind, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry->record, kind_by_number(kind));
}

/* Ids that a record's fields borrow; a test never holds more than these at a time. */
static const uint8_t *lent_id(struct world *world, const char *kind, const char *key)
{
    static uint8_t ids[64][OP_ENTITY_BYTES];
    static size_t next;
    uint8_t *id = ids[next++ % ARRAY_LEN(ids)];
    entity_id(world->stream, kind, key, id);
    return id;
}

void entry_participant(struct world *world, struct store_entry *entry, const char *ref, const char *name)
{
    entry_init(entry, KIND_PARTICIPANT);
    entity_id(world->stream, "participant", ref, entry->subject);
    record_set_text(&entry->record, "ref", ref);
    record_set_text(&entry->record, "name", name);
}

void entry_referral(struct world *world, struct store_entry *entry, const char *ref, const char *participant,
                    const char *received_on)
{
    entry_init(entry, KIND_REFERRAL);
    entity_id(world->stream, "referral", ref, entry->subject);
    record_set_text(&entry->record, "ref", ref);
    record_set_id(&entry->record, "participant", lent_id(world, "participant", participant));
    record_set_text(&entry->record, "route", "cwp");
    record_set_text(&entry->record, "basis", "mandatory");
    record_set_number(&entry->record, "received_on", day_of(received_on));
}

void entry_placement(struct world *world, struct store_entry *entry, const char *ref, const char *participant,
                     const char *basis, const char *starts_on, const char *ends_on, const char *pattern)
{
    entry_init(entry, KIND_PLACEMENT);
    entity_id(world->stream, "placement", ref, entry->subject);
    record_set_text(&entry->record, "ref", ref);
    record_set_id(&entry->record, "participant", lent_id(world, "participant", participant));
    record_set_text(&entry->record, "basis", basis);
    record_set_number(&entry->record, "starts_on", day_of(starts_on));
    record_set_number(&entry->record, "ends_on", day_of(ends_on));
    record_set_text(&entry->record, "pattern", pattern);
    record_set_number(&entry->record, "weekly_minutes", 20 * 60);
}

void entry_sent_by(struct world *world, struct store_entry *entry, const char *referral)
{
    record_set_id(&entry->record, "referral", lent_id(world, "referral", referral));
}

void entry_attendance(struct world *world, struct store_entry *entry, const char *placement, const char *day, int slot,
                      enum outcome outcome, int minutes, const char *note)
{
    entry_init(entry, KIND_ATTENDANCE);
    session_subject(lent_id(world, "placement", placement), day_of(day), slot, entry->subject);
    record_set_number(&entry->record, "outcome", outcome);
    if (minutes >= 0) {
        record_set_number(&entry->record, "minutes", minutes);
    }
    record_set_text(&entry->record, "note", note);
}

void entry_appointment(struct world *world, struct store_entry *entry, const char *key, const char *participant,
                       const char *day, int starts_min, int ends_min)
{
    entry_init(entry, KIND_APPOINTMENT);
    entity_id(world->stream, "appointment", key, entry->subject);
    record_set_id(&entry->record, "participant", lent_id(world, "participant", participant));
    record_set_number(&entry->record, "day", day_of(day));
    record_set_number(&entry->record, "starts_min", starts_min);
    record_set_number(&entry->record, "ends_min", ends_min);
    record_set_text(&entry->record, "purpose", "jcp_appointment");
}

void entry_notice(struct world *world, struct store_entry *entry, const char *key, const char *placement,
                  const char *served_on, const char *served_by)
{
    entry_init(entry, KIND_NOTICE);
    entity_id(world->stream, "notice", key, entry->subject);
    record_set_id(&entry->record, "placement", lent_id(world, "placement", placement));
    record_set_number(&entry->record, "served_on", day_of(served_on));
    record_set_text(&entry->record, "served_by", served_by);
    static const char *const says[] = { "says_what",      "says_when",     "says_where",
                                        "says_mandatory", "says_evidence", "says_consequences" };
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        record_set_number(&entry->record, says[i], 1);
    }
}

void forge(struct world *world, struct replica *author, uint64_t seq, uint32_t kind, const uint8_t *subject,
           const struct record *record, const uint8_t previous_link[SHA256_BYTES], struct forged_run *ret)
{
    *ret = (struct forged_run){ .seed = "a seed of a test" };
    buf_init(&ret->body, OP_BODY_MAX);
    MUST(record_encode(record, &ret->body, err));
    struct op op = { .id = { .seq = seq },
                     .kind = kind,
                     .subject_len = record->kind->subject_len,
                     .actor = slice_of_text(author->forged_actor != NULL ? author->forged_actor : "forger"),
                     .recorded_at_ms = author->forged_at_ms != 0 ? author->forged_at_ms : clock_wall_ms(),
                     .hlc = (uint64_t)(author->forged_hlc_ms != 0 ? author->forged_hlc_ms : clock_wall_ms()) << 16,
                     .happened_at_ms = OP_TIME_NONE,
                     .supersedes = author->forged_over,
                     .supersedes_count = author->forged_over != NULL,
                     .body = buf_slice(&ret->body) };
    memcpy(op.id.device, author->identity.device, DEVICE_ID_BYTES);
    memcpy(op.stream, world->stream, STREAM_ID_BYTES);
    memcpy(op.subject, subject, op.subject_len);
    op_salt(ret->seed, seq, op.salt);
    op_body_hash(op.salt, op.body, op.body_hash);
    struct store_run *run = &ret->run;
    op_batch_init(&run->ops);
    MUST(op_batch_add(&run->ops, &op, err));
    struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    MUST(op_header_encode(&op, &header, err));
    uint8_t link[SHA256_BYTES];
    op_link_next(previous_link, buf_slice(&header), link);
    buf_fini(&header);
    sign_run(author, world->stream, &op.id, link, run);
    run->certificate = buf_slice(&author->identity.certificate);
    ret->store_seed.block = op_salt_block(seq);
    memcpy(ret->store_seed.seed, ret->seed, OP_SEED_BYTES);
    run->seeds = &ret->store_seed;
    run->seed_count = 1;
}

void forged_fini(struct forged_run *forged)
{
    op_batch_fini(&forged->run.ops);
    buf_fini(&forged->body);
}

void entry_erasure(struct store_entry *entry, uint32_t kind, const uint8_t *subject, bool of_centre)
{
    kind = kind == KIND_ATTENDANCE                  ? KIND_PLACEMENT /* their subjects are of one length */
           : kind == KIND_DOUBT_EVENT && !of_centre ? KIND_COMPLIANCE_DOUBT
                                                    : kind;
    *entry = (struct store_entry){ .kind = KIND_ERASURE, .happened_at_ms = OP_TIME_NONE };
    memcpy(entry->subject, subject, OP_ENTITY_BYTES);
    record_init(&entry->record, kind_by_number(KIND_ERASURE));
    record_set_number(&entry->record, "kind", kind);
    record_set_text(&entry->record, "ground", "right");
    record_set_text(&entry->record, "decided_by", "A. Decider");
    record_set_text(&entry->record, "reason", "case 7");
}

/* ---- what leads to a doubt ---- */

void entry_contact(struct world *world, struct store_entry *entry, const char *key, const char *participant,
                   const char *day, const char *about_day)
{
    entry_init(entry, KIND_CONTACT_ATTEMPT);
    entity_id(world->stream, "contact_attempt", key, entry->subject);
    record_set_id(&entry->record, "participant", lent_id(world, "participant", participant));
    record_set_number(&entry->record, "day", day_of(day));
    record_set_text(&entry->record, "means", "phone");
    record_set_text(&entry->record, "outcome", "no_answer");
    if (about_day != NULL) {
        record_set_number(&entry->record, "about_day", day_of(about_day));
    }
}

void entry_review(struct world *world, struct store_entry *entry, const char *key, const char *placement,
                  const char *day, const char *outcome)
{
    entry_init(entry, KIND_FLAG_REVIEW);
    entity_id(world->stream, "flag_review", key, entry->subject);
    record_set_text(&entry->record, "flag", "unexplained_absence/of a test");
    record_set_id(&entry->record, "placement", lent_id(world, "placement", placement));
    record_set_number(&entry->record, "day", day_of(day));
    record_set_number(&entry->record, "slot", 0);
    record_set_text(&entry->record, "outcome", outcome);
    record_set_text(&entry->record, "answers", "Were they ill?\nNot that we know.");
}

void entry_merge(struct world *world, struct store_entry *entry, const char *duplicate, const char *into, bool undone)
{
    entry_init(entry, KIND_SAME_PERSON);
    entity_id(world->stream, "participant", duplicate, entry->subject);
    record_set_id(&entry->record, "participant", lent_id(world, "participant", into));
    record_set_number(&entry->record, "undone", undone);
    record_set_text(&entry->record, "decided_by", "A. Decider");
    record_set_text(&entry->record, "reason", "letter 7");
}

void entry_merge_confirmed(struct world *world, struct store_entry *entry, const char *duplicate, const char *into)
{
    entry_init(entry, KIND_SAME_PERSON);
    entity_id(world->stream, "participant", duplicate, entry->subject);
    record_set_id(&entry->record, "confirms", lent_id(world, "participant", into));
    record_set_text(&entry->record, "confirmed_by", "S. Second");
    record_set_text(&entry->record, "confirmed_how", "saw both cards");
}

void entry_doubt(struct world *world, struct store_entry *entry, const char *key, const char *placement,
                 const char *day, const char *review, const char *notice)
{
    entry_init(entry, KIND_COMPLIANCE_DOUBT);
    entity_id(world->stream, "compliance_doubt", key, entry->subject);
    record_set_id(&entry->record, "placement", lent_id(world, "placement", placement));
    record_set_number(&entry->record, "day", day_of(day));
    record_set_number(&entry->record, "slot", 0);
    record_set_text(&entry->record, "reviewer", "R. Reviewer");
    record_set_id(&entry->record, "review", lent_id(world, "flag_review", review));
    record_set_id(&entry->record, "notice", lent_id(world, "notice", notice));
    record_set_number(&entry->record, "exposure_weeks", 4);
    record_set_text(&entry->record, "answers", "Were they ill?\nNot that we know.");
    record_set_number(&entry->record, "confirmed", 1);
    record_set_text(&entry->record, "evidence", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    record_set_text(&entry->record, "programme", programme_id(programme_default()));
    record_set_number(&entry->record, "programme_version", programme_version(programme_default()));
    record_set_text(&entry->record, "programme_sha256", programme_sha256(programme_default()));
}

void entry_doubt_event(struct world *world, struct store_entry *entry, const char *doubt, const char *status,
                       const char *on)
{
    entry_init(entry, KIND_DOUBT_EVENT);
    entity_id(world->stream, "compliance_doubt", doubt, entry->subject);
    record_set_text(&entry->record, "status", status);
    record_set_number(&entry->record, "on", day_of(on));
}

void entry_decision(struct world *world, struct store_entry *entry, const char *key, const char *participant,
                    const char *failure_on, const char *decided_on, const char *outcome, const char *doubt)
{
    entry_init(entry, KIND_DECISION);
    entity_id(world->stream, "decision", key, entry->subject);
    record_set_id(&entry->record, "participant", lent_id(world, "participant", participant));
    record_set_number(&entry->record, "failure_on", day_of(failure_on));
    record_set_number(&entry->record, "decided_on", day_of(decided_on));
    record_set_text(&entry->record, "outcome", outcome);
    if (doubt != NULL) {
        record_set_id(&entry->record, "doubt", lent_id(world, "compliance_doubt", doubt));
    }
}

/* ---- a voice without rules ---- */

void voice_start(struct world *world, struct voice *voice, enum certificate_role role)
{
    *voice = (struct voice){ .world = world };
    replica_start(world, &voice->replica, role);
    op_link_first(world->stream, voice->replica.identity.device, 0, voice->link);
}

void voice_stop(struct voice *voice)
{
    for (size_t i = 0; i < voice->count; i++) {
        forged_fini(&voice->said[i]);
    }
    replica_stop(&voice->replica);
}

void voice_say(struct voice *voice, const struct store_entry *entry)
{
    struct buf header;
    cr_assert(voice->count < ARRAY_LEN(voice->said));
    struct forged_run *run = &voice->said[voice->count];
    forge(voice->world, &voice->replica, ++voice->count, entry->kind, entry->subject, &entry->record, voice->link, run);
    buf_init(&header, OP_HEADER_MAX);
    MUST(op_header_encode(&run->run.ops.ops[0], &header, err));
    op_link_next(voice->link, buf_slice(&header), voice->link);
    buf_fini(&header);
}

enum err_code voice_reach(struct voice *voice, size_t from, size_t count, struct replica *to,
                          struct store_applied *ret_applied, struct error *err)
{
    *ret_applied = (struct store_applied){ 0 };
    for (size_t i = from; i < from + count && i < voice->count; i++) {
        struct store_exchange exchange = { .runs = &voice->said[i].run,
                                           .run_count = 1,
                                           .received_at_ms = clock_wall_ms() };
        struct store_applied applied;
        TRY(store_apply(to->store, &exchange, &applied, err));
        ret_applied->new_ops += applied.new_ops;
        ret_applied->quarantined += applied.quarantined;
    }
    return ERR_OK;
}
