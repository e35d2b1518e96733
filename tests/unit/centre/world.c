#include "world.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "store/centre/tables.h"
#include "store/replica.h"
#include "sync/endpoint/core/private.h"

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *err = &must_err_;                                                                                \
        enum err_code must_rc_ = (call);                                                                               \
        cr_assert(must_rc_ == ERR_OK, "%s: %s", err_code_name(must_rc_), must_err_.message);                           \
    } while (0)

static const uint8_t vault_key[VAULT_KEY_FILE_BYTES] = { 7 };

static void make_folder(char folder[64], char path[96], const char *name)
{
    (void)snprintf(folder, 64, "/tmp/hf-centre-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, 96, "%s/%s", folder, name);
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
    cr_assert(rmdir(folder) == 0);
}

static void saved_path(const char *folder, char out[96])
{
    (void)snprintf(out, 96, "%s-saved", folder);
}

static void open_vault(const char *path, struct vault **ret_vault)
{
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, vault_key, sizeof(vault_key) };
    if (!vault_exists(path)) {
        MUST(vault_create(path, &unlock, err));
    }
    MUST(vault_open(path, &unlock, ret_vault, err));
}

/* ---- the centre ---- */

void world_open(struct centre_world *world)
{
    *world = (struct centre_world){ .now_ms = clock_wall_ms() };
    log_set_level(LOG_LEVEL_ERROR);
    MUST(secret_init(err));
    make_folder(world->folder, world->path, "centre.db");
    open_vault(world->path, &world->vault);
    MUST(centre_create(world->vault, "test centre", "localhost", world->now_ms, err));
    MUST(centre_open(world->vault, 1024, &world->centre, err));
    json_decref(world_admin(world, "organisation-add", json_pack("{s:s}", "name", "one")));
    json_decref(world_admin(world, "organisation-add", json_pack("{s:s}", "name", "two")));
    json_decref(world_admin(world, "site-add", json_pack("{s:s, s:s}", "organisation", "one", "name", "garden")));
    json_decref(world_admin(world, "site-add", json_pack("{s:s, s:s}", "organisation", "one", "name", "shop")));
    json_decref(world_admin(world, "site-add", json_pack("{s:s, s:s}", "organisation", "two", "name", "other")));
}

void world_stop(struct centre_world *world)
{
    centre_close(world->centre);
    vault_close(world->vault);
}

void world_start(struct centre_world *world)
{
    open_vault(world->path, &world->vault);
    MUST(centre_open(world->vault, 1024, &world->centre, err));
}

void world_reopen(struct centre_world *world)
{
    world_stop(world);
    world_start(world);
}

void world_close(struct centre_world *world)
{
    char saved[96];
    world_stop(world);
    remove_folder(world->folder);
    saved_path(world->folder, saved);
    if (file_exists(saved)) {
        remove_folder(saved);
    }
}

json_t *world_admin(struct centre_world *world, const char *operation, json_t *arguments)
{
    json_t *answer = NULL;
    MUST(centre_admin(world->centre, operation, arguments, world->now_ms, &answer, err));
    json_decref(arguments);
    return answer;
}

void world_refuse(struct centre_world *world, const char *which)
{
    char sql[512];
    (void)snprintf(sql, sizeof(sql),
                   "DROP TRIGGER op_taken_stays; UPDATE op SET quarantine = 'by older rules' WHERE %s;"
                   "CREATE TRIGGER op_taken_stays BEFORE UPDATE OF quarantine ON op WHEN OLD.quarantine IS NULL "
                   "BEGIN SELECT RAISE(ABORT, 'no'); END",
                   which);
    cr_assert_eq(db_exec(&world->centre->store->db, sql, &world->err), ERR_OK, "%s", world->err.message);
}

void world_retry(struct centre_world *world)
{
    json_decref(world_admin(world, "quarantine-retry", NULL));
}

void world_verify(struct centre_world *world)
{
    json_decref(world_admin(world, "verify", NULL));
}

uint64_t world_ops(struct centre_world *world, const char *site)
{
    json_t *answer = world_admin(world, "sites", NULL);
    uint64_t ops = UINT64_MAX;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "sites"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), site) == 0) {
            ops = (uint64_t)json_integer_value(json_object_get(row, "ops"));
        }
    }
    json_decref(answer);
    return ops;
}

size_t world_incidents(struct centre_world *world)
{
    json_t *answer = world_admin(world, "incidents", NULL);
    size_t count = json_array_size(json_object_get(answer, "incidents"));
    json_decref(answer);
    return count;
}

void world_code(struct centre_world *world, const char *site, char password[2 * ENROLMENT_SECRET_BYTES + 1])
{
    json_t *answer = world_admin(world, "code-new", json_pack("{s:s, s:s}", "site", site, "label", "desk"));
    struct enrolment_code code;
    MUST(enrolment_code_parse(json_string_value(json_object_get(answer, "code")), &code, err));
    hex_encode(code.secret, ENROLMENT_SECRET_BYTES, password);
    json_decref(answer);
}

enum err_code world_enrol(struct centre_world *world, const struct device_key *key, const char *password,
                          struct buf *certificate)
{
    struct buf request;
    struct buf pkcs7;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&pkcs7, 2 * CERTIFICATE_DER_MAX);
    MUST(device_key_request(key, "laptop", &request, err));
    enum err_code rc = centre_enrol(world->centre, password, buf_slice(&request), world->now_ms, &pkcs7, &world->err);
    if (rc == ERR_OK) {
        MUST(pkcs7_first(buf_slice(&pkcs7), certificate, err));
    }
    buf_fini(&request);
    buf_fini(&pkcs7);
    return rc;
}

static void enrol_key(struct centre_world *world, const char *site, struct device_key **ret_key,
                      struct buf *certificate)
{
    char password[2 * ENROLMENT_SECRET_BYTES + 1];
    buf_init(certificate, CERTIFICATE_DER_MAX);
    MUST(device_key_generate(ret_key, err));
    world_code(world, site, password);
    cr_assert_eq(world_enrol(world, *ret_key, password, certificate), ERR_OK, "%s", world->err.message);
}

/* ---- laptop ---- */

static int64_t laptop_wall_ms(void *context)
{
    return ((struct laptop *)context)->world->now_ms;
}

static uint32_t laptop_random(void *context, uint32_t limit)
{
    (void)context;
    (void)limit;
    return 0;
}

static void laptop_send(void *context, struct slice body)
{
    struct laptop *laptop = context;
    cr_assert_not(laptop->sending);
    laptop->sending = true;
    buf_clear(&laptop->request);
    MUST(buf_append(&laptop->request, body.data, body.len, err));
}

static void laptop_timer(void *context, int64_t delay_ms)
{
    (void)context;
    (void)delay_ms;
}

static void laptop_changed(void *context, bool new_ops)
{
    (void)context;
    (void)new_ops;
}

static void laptop_open(struct laptop *laptop)
{
    struct store_options options = { .cache_kib = 1024, .programme = programme_default() };
    laptop->io = (struct client_io){ .context = laptop,
                                     .wall_ms = laptop_wall_ms,
                                     .monotonic_ms = laptop_wall_ms,
                                     .random_below = laptop_random,
                                     .send = laptop_send,
                                     .set_timer = laptop_timer,
                                     .changed = laptop_changed };
    open_vault(laptop->path, &laptop->vault);
    MUST(store_open(laptop->vault, &options, &laptop->store, err));
    if (laptop->identity.enrolled) {
        MUST(store_identity_write(laptop->store, &laptop->identity, err));
    }
    MUST(client_new(laptop->store, &laptop->identity, laptop->key, &laptop->io, &laptop->client, err));
}

static void laptop_close(struct laptop *laptop)
{
    client_stop(laptop->client);
    client_free(laptop->client);
    store_close(laptop->store);
    vault_close(laptop->vault);
}

static void fill_identity(struct laptop *laptop)
{
    struct certificate certificate;
    struct store_identity *identity = &laptop->identity;
    struct slice ca = centre_authority_certificate(laptop->world->centre);
    MUST(certificate_parse(buf_slice(&identity->certificate), &certificate, err));
    buf_init(&identity->ca, CERTIFICATE_DER_MAX);
    MUST(buf_append(&identity->ca, ca.data, ca.len, err));
    MUST(device_key_export(laptop->key, &identity->key_pkcs8, err));
    identity->enrolled = true;
    identity->incarnation = 1;
    memcpy(identity->device, certificate.device, DEVICE_ID_BYTES);
    memcpy(identity->stream, certificate.streams[0], STREAM_ID_BYTES);
    memcpy(identity->organisation, certificate.organisation, ORGANISATION_ID_BYTES);
    (void)snprintf(identity->endpoint, sizeof(identity->endpoint), "https://localhost");
    (void)snprintf(identity->site_name, sizeof(identity->site_name), "site");
}

void laptop_enrol(struct centre_world *world, const char *site, struct laptop *laptop)
{
    *laptop = (struct laptop){ .world = world };
    buf_init(&laptop->request, EXCHANGE_REQUEST_MAX);
    make_folder(laptop->folder, laptop->path, "replica.db");
    enrol_key(world, site, &laptop->key, &laptop->identity.certificate);
    fill_identity(laptop);
    laptop_open(laptop);
}

void laptop_fini(struct laptop *laptop)
{
    char saved[96];
    (void)snprintf(saved, sizeof(saved), "%s-saved", laptop->folder);
    if (file_exists(saved)) {
        remove_folder(saved);
    }
    laptop_close(laptop);
    remove_folder(laptop->folder);
    store_identity_fini(&laptop->identity);
    device_key_free(laptop->key);
    buf_fini(&laptop->request);
}

void laptop_record(struct laptop *laptop, size_t count)
{
    struct store_written written;
    struct store_entry *entries = calloc(count, sizeof(*entries));
    for (size_t i = 0; i < count; i++) {
        struct store_entry *entry = &entries[i];
        *entry = (struct store_entry){ .kind = KIND_CAPACITY_STATEMENT, .happened_at_ms = OP_TIME_NONE };
        record_init(&entry->record, kind_by_number(KIND_CAPACITY_STATEMENT));
        put_be32(entry->subject, ++laptop->said);
        memcpy(entry->subject + 4, laptop->identity.device, 12);
        record_set_number(&entry->record, "places", laptop->said % 1000);
        record_set_number(&entry->record, "stated_on", 20000);
    }
    laptop->world->now_ms += 1000;
    MUST(store_write(laptop->store, "tester", entries, count, laptop->world->now_ms, &written, err));
    cr_assert_eq(written.added, count);
    free(entries);
}

void laptop_deliver(struct laptop *laptop)
{
    struct error err = { 0 };
    struct buf response;
    struct centre_world *world = laptop->world;
    buf_init(&response, EXCHANGE_RESPONSE_MAX);
    laptop->exchanges++;
    world->now_ms += 50;
    enum err_code rc = centre_exchange(world->centre, buf_slice(&laptop->identity.certificate),
                                       buf_slice(&laptop->request), world->now_ms, &response, &err);
    if (rc != ERR_OK) {
        buf_clear(&response);
        cr_assert(exchange_error_encode(rc, err.message, &response, NULL) == ERR_OK);
    }
    if (rc == ERR_OK && laptop->on_the_way != NULL) {
        laptop->on_the_way(laptop->on_the_way_context, &response);
    }
    struct client_answer answer = { .http_status = centre_status_of(rc),
                                    .content_type = rc == ERR_OK ? EXCHANGE_CONTENT_TYPE : EXCHANGE_ERROR_CONTENT_TYPE,
                                    .body = buf_slice(&response) };
    laptop->sending = false;
    client_answered(laptop->client, &answer);
    buf_fini(&response);
}

void laptop_cut(struct laptop *laptop, size_t bytes)
{
    struct centre_world *world = laptop->world;
    struct client_answer answer = { .outcome = ERR_NETWORK, .content_type = "", .bytes_sent = bytes };
    struct slice came = slice_of(laptop->request.data, bytes);
    cr_assert(laptop->sending && bytes < laptop->request.len);
    (void)error_set(&answer.error, ERR_NETWORK, "the line broke");
    (void)!centre_cut_short(world->centre, buf_slice(&laptop->identity.certificate), came, world->now_ms, &world->err);
    laptop->sending = false;
    client_answered(laptop->client, &answer);
}

enum err_code laptop_sync(struct laptop *laptop)
{
    struct client_status status;
    client_wake(laptop->client, CLIENT_WAKE_PERSON);
    for (int i = 0; laptop->sending; i++) {
        cr_assert_lt(i, 10000, "the exchange never ends");
        laptop_deliver(laptop);
    }
    client_status(laptop->client, &status);
    laptop->world->err = status.last.error;
    return status.last.result;
}

static void lose(void *context, struct buf *answer)
{
    (void)context;
    buf_clear(answer);
}

void laptop_record_refused(struct laptop *laptop, size_t count, const char *which)
{
    laptop_record(laptop, count);
    laptop->on_the_way = lose;
    cr_assert_neq(laptop_sync(laptop), ERR_OK);
    laptop->on_the_way = NULL;
    world_refuse(laptop->world, which);
}

void laptop_digest(struct laptop *laptop, uint8_t digest[SHA256_BYTES])
{
    MUST(store_digest(laptop->store, digest, err));
}

static void copy_folder(const char *from, const char *to)
{
    char command[256];
    (void)snprintf(command, sizeof(command), "rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
    cr_assert(system(command) == 0);
}

void laptop_save(struct laptop *laptop)
{
    char saved[96];
    (void)snprintf(saved, sizeof(saved), "%s-saved", laptop->folder);
    laptop_close(laptop);
    copy_folder(laptop->folder, saved);
    laptop_open(laptop);
}

void laptop_put_back(struct laptop *laptop)
{
    char saved[96];
    (void)snprintf(saved, sizeof(saved), "%s-saved", laptop->folder);
    laptop_close(laptop);
    copy_folder(saved, laptop->folder);
    laptop_open(laptop);
}

void laptop_restore(struct laptop *laptop)
{
    laptop_put_back(laptop);
    MUST(store_restored(laptop->store, laptop->world->now_ms, err));
}

static void copy_identity(const struct laptop *from, struct laptop *to)
{
    struct store_identity *identity = &to->identity;
    struct slice certificate = buf_slice(&from->identity.certificate);
    const struct secret *key = &from->identity.key_pkcs8;
    buf_init(&identity->certificate, CERTIFICATE_DER_MAX);
    MUST(buf_append(&identity->certificate, certificate.data, certificate.len, err));
    MUST(device_key_load(slice_of(key->bytes, key->len), &to->key, err));
    fill_identity(to);
}

void laptop_clone(struct laptop *laptop, struct laptop *twin)
{
    *twin = (struct laptop){ .world = laptop->world, .said = laptop->said + 1000000 };
    buf_init(&twin->request, EXCHANGE_REQUEST_MAX);
    make_folder(twin->folder, twin->path, "replica.db");
    copy_identity(laptop, twin);
    laptop_close(laptop);
    copy_folder(laptop->folder, twin->folder);
    laptop_open(laptop);
    laptop_open(twin);
}

void laptop_write(struct laptop *laptop, const struct store_entry *entry)
{
    struct store_written written;
    laptop->world->now_ms += 1000;
    MUST(store_write(laptop->store, "tester", entry, 1, laptop->world->now_ms, &written, err));
    cr_assert_eq(written.added, 1);
}

size_t laptop_statements(struct laptop *laptop)
{
    sqlite3_stmt *s;
    bool row;
    struct database *db = &laptop->store->db;
    MUST(db_statement(db, "SELECT count(*) FROM capacity_statement", &s, err));
    MUST(db_step(db, s, &row, err));
    size_t count = (size_t)column_int(s, 0);
    sqlite3_reset(s);
    return count;
}

void world_save(struct centre_world *world)
{
    char saved[96];
    saved_path(world->folder, saved);
    world_stop(world);
    copy_folder(world->folder, saved);
    world_start(world);
}

void world_put_back(struct centre_world *world)
{
    char saved[96];
    saved_path(world->folder, saved);
    world_stop(world);
    copy_folder(saved, world->folder);
    world_start(world);
}

/* ---- forger ---- */

void forger_enrol(struct centre_world *world, const char *site, struct forger *forger)
{
    struct certificate certificate;
    *forger = (struct forger){ .world = world, .seed = { 9 } };
    enrol_key(world, site, &forger->key, &forger->certificate);
    MUST(certificate_parse(buf_slice(&forger->certificate), &certificate, err));
    memcpy(forger->stream, certificate.streams[0], STREAM_ID_BYTES);
    memcpy(forger->newest.device, certificate.device, DEVICE_ID_BYTES);
    forger->newest.incarnation = 1;
    op_link_first(forger->stream, forger->newest.device, 1, forger->link);
    op_batch_init(&forger->ops);
    buf_init(&forger->response_bytes, EXCHANGE_RESPONSE_MAX);
    forger->response = calloc(1, sizeof(*forger->response));
    forger->request = (struct exchange_request){ .incarnation = 1, .want_bytes = 65536 };
    memcpy(forger->request.stream, forger->stream, STREAM_ID_BYTES);
}

void forger_fini(struct forger *forger)
{
    device_key_free(forger->key);
    buf_fini(&forger->certificate);
    op_batch_fini(&forger->ops);
    buf_fini(&forger->response_bytes);
    free(forger->response);
}

static void fill_body(enum record_kind kind, uint64_t seq, struct buf *body)
{
    struct record record;
    static const uint8_t person[OP_ENTITY_BYTES] = { 3 };
    static const uint8_t empty_map = 0xa0;
    if (kind_by_number(kind) == NULL) {
        MUST(buf_append(body, &empty_map, 1, err));
        return;
    }
    record_init(&record, kind_by_number(kind));
    switch (kind) {
    case KIND_DECISION:
        record_set_id(&record, "participant", person);
        record_set_number(&record, "failure_on", 20000);
        record_set_number(&record, "decided_on", 20001);
        record_set_text(&record, "outcome", "adverse");
        break;
    case KIND_APPOINTMENT:
        record_set_id(&record, "participant", person);
        record_set_number(&record, "day", 20000);
        record_set_number(&record, "starts_min", 600);
        record_set_number(&record, "ends_min", 660);
        record_set_text(&record, "purpose", "signing");
        break;
    case KIND_CAPACITY_STATEMENT:
        record_set_number(&record, "places", (int64_t)(seq % 100));
        record_set_number(&record, "stated_on", 20000);
        break;
    case KIND_COMPLIANCE_DOUBT: /* whole, but that nobody confirmed it */
        record_set_id(&record, "placement", person);
        record_set_number(&record, "day", 20000);
        record_set_number(&record, "slot", 0);
        record_set_text(&record, "reviewer", "R. Reviewer");
        record_set_id(&record, "review", person);
        record_set_id(&record, "notice", person);
        record_set_number(&record, "exposure_weeks", 4);
        record_set_text(&record, "answers", "Were they ill?\nNot that we know.");
        record_set_number(&record, "confirmed", 0);
        record_set_text(&record, "evidence", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
        record_set_text(&record, "programme", programme_id(programme_default()));
        record_set_number(&record, "programme_version", programme_version(programme_default()));
        record_set_text(&record, "programme_sha256", programme_sha256(programme_default()));
        break;
    default:
        record_set_number(&record, "outcome", OUTCOME_ABSENT);
        break;
    }
    MUST(record_encode(&record, body, err));
}

static void seal(struct forger *forger, struct op *op)
{
    SCOPED(buf_fini) struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    op_salt(forger->seed, op->id.seq, op->salt);
    op_body_hash(op->salt, op->body, op->body_hash);
    MUST(op_header_encode(op, &header, err));
    op_link_next(forger->link, buf_slice(&header), forger->link);
}

struct op *forger_add_op(struct forger *forger, const struct op *given)
{
    struct op op = *given;
    op.actor = slice_of_text("forger");
    op.recorded_at_ms = forger->world->now_ms;
    op.hlc = (uint64_t)(forger->world->now_ms + forger->ahead_ms) << 16;
    op.happened_at_ms = OP_TIME_NONE;
    forger->newest.seq++;
    op.id = forger->newest;
    memcpy(op.stream, forger->stream, STREAM_ID_BYTES);
    seal(forger, &op);
    MUST(op_batch_add(&forger->ops, &op, err));
    forger_sign(forger);
    return &forger->ops.ops[forger->ops.count - 1];
}

struct op *forger_add(struct forger *forger, enum record_kind kind, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SCOPED(buf_fini) struct buf body;
        struct op op = { .kind = kind,
                         .subject_len = kind == KIND_ATTENDANCE ? OP_SESSION_BYTES : OP_ENTITY_BYTES,
                         .actor = slice_of_text("forger"),
                         .recorded_at_ms = forger->world->now_ms,
                         .hlc = (uint64_t)(forger->world->now_ms + forger->ahead_ms) << 16,
                         .happened_at_ms = OP_TIME_NONE };
        buf_init(&body, OP_BODY_MAX);
        forger->newest.seq++;
        op.id = forger->newest;
        memcpy(op.stream, forger->stream, STREAM_ID_BYTES);
        put_be64(op.subject, forger->newest.seq);
        fill_body(kind, forger->newest.seq, &body);
        op.body = buf_slice(&body);
        seal(forger, &op);
        MUST(op_batch_add(&forger->ops, &op, err));
    }
    forger_sign(forger);
    return &forger->ops.ops[forger->ops.count - 1];
}

void forger_sign(struct forger *forger)
{
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    op_link_message(forger->stream, &forger->newest, forger->link, message);
    forger->signature.seq = forger->newest.seq;
    MUST(device_key_sign(forger->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), forger->signature.bytes,
                         &forger->signature.len, err));
}

void forger_segment(const struct forger *forger, struct slice certificate, struct buf *out)
{
    struct store_seed seeds[128];
    size_t seed_count = 0;
    uint64_t last = op_salt_block(forger->ops.ops[forger->ops.count - 1].id.seq);
    for (uint64_t block = op_salt_block(forger->ops.ops[0].id.seq); block <= last; block++) {
        seeds[seed_count].block = block;
        memcpy(seeds[seed_count++].seed, forger->seed, OP_SEED_BYTES);
    }
    MUST(segment_encode(&forger->ops, seeds, seed_count, &forger->signature, certificate, out, err));
}

void forger_request(struct forger *forger, struct buf *out)
{
    SCOPED(buf_fini) struct buf segment;
    buf_init(&segment, SEGMENT_BYTES_MAX);
    if (forger->ops.count > 0) {
        forger_segment(forger, (struct slice){ 0 }, &segment);
        forger->request.segment = buf_slice(&segment);
    }
    forger->request.newest_seq = forger->newest.seq;
    forger->request.sent_at_ms = forger->world->now_ms;
    MUST(exchange_request_encode(&forger->request, out, err));
    forger->request.segment = (struct slice){ 0 };
}

enum err_code forger_send_as(struct forger *forger, struct slice certificate)
{
    SCOPED(buf_fini) struct buf request;
    buf_init(&request, EXCHANGE_REQUEST_MAX);
    forger_request(forger, &request);
    buf_clear(&forger->response_bytes);
    enum err_code rc = centre_exchange(forger->world->centre, certificate, buf_slice(&request), forger->world->now_ms,
                                       &forger->response_bytes, &forger->world->err);
    if (rc == ERR_OK) {
        MUST(exchange_response_decode(buf_slice(&forger->response_bytes), forger->response, err));
    }
    return rc;
}

enum err_code forger_send(struct forger *forger)
{
    enum err_code rc = forger_send_as(forger, buf_slice(&forger->certificate));
    op_batch_clear(&forger->ops);
    return rc;
}
