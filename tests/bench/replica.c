/*
 * What the log and the fold cost: attendance recorded in one transaction, and taken from another replica in batches, as
 * ops a second of CPU time and wall time. The floor is the same rows put into one plain SQLite table with the same
 * durability.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "store/query.h"
#include "store/store.h"

enum { PLACEMENTS = 100, DAYS = 100, OPS = PLACEMENTS * DAYS, BATCH = 2000 };

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error err_ = { 0 };                                                                                     \
        struct error *err = &err_;                                                                                     \
        if ((call) != ERR_OK) {                                                                                        \
            (void)fprintf(stderr, "%s: %s\n", #call, err_.message);                                                    \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

struct site {
    char path[96];
    struct vault *vault;
    struct store *store;
    struct device_key *key;
    struct store_identity identity;
};

static double cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

struct stopwatch {
    double cpu;
    int64_t wall_ms;
};

static struct stopwatch start(void)
{
    return (struct stopwatch){ cpu_s(), clock_monotonic_ms() };
}

static void row(const char *what, struct stopwatch from, size_t ops)
{
    double cpu = cpu_s() - from.cpu;
    double wall = (double)(clock_monotonic_ms() - from.wall_ms) / 1000;
    (void)printf("%-44s %8.0f ops/s wall  %6.2f us/op cpu\n", what, (double)ops / wall, cpu / (double)ops * 1e6);
}

static const uint8_t stream[STREAM_ID_BYTES] = "a bench's stream";

static void open_site(struct authority *authority, struct site *site, const char *folder, const char *name)
{
    *site = (struct site){ 0 };
    (void)snprintf(site->path, sizeof(site->path), "%s/%s", folder, name);
    static const uint8_t key[VAULT_KEY_FILE_BYTES] = { 1 };
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, key, sizeof(key) };
    MUST(vault_create(site->path, &unlock, err));
    MUST(vault_open(site->path, &unlock, &site->vault, err));
    struct store_options options = { 2048, programme_default() };
    MUST(store_open(site->vault, &options, &site->store, err));
    struct store_identity *identity = &site->identity;
    identity->enrolled = true;
    buf_init(&identity->certificate, CERTIFICATE_DER_MAX);
    buf_init(&identity->ca, CERTIFICATE_DER_MAX);
    MUST(device_key_generate(&site->key, err));
    device_key_id(site->key, identity->device);
    memcpy(identity->stream, stream, STREAM_ID_BYTES);
    MUST(device_key_export(site->key, &identity->key_pkcs8, err));
    struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    MUST(device_key_request(site->key, name, &request, err));
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_AGENT,
                                       .common_name = name,
                                       .organisation = stream,
                                       .streams = (const uint8_t(*)[STREAM_ID_BYTES])stream,
                                       .stream_count = 1,
                                       .not_before_ms = clock_wall_ms() - 1000,
                                       .not_after_ms = clock_wall_ms() + 1000000 };
    MUST(authority_issue(authority, buf_slice(&request), &grant, &identity->certificate, err));
    struct slice ca = authority_certificate(authority);
    MUST(buf_append(&identity->ca, ca.data, ca.len, err));
    buf_fini(&request);
    MUST(store_identity_write(site->store, identity, err));
}

static void close_site(struct site *site)
{
    store_close(site->store);
    vault_close(site->vault);
    device_key_free(site->key);
    store_identity_fini(&site->identity);
    static const char *const endings[] = { "", "-wal", ".fresh", ".keys", ".keys.prev" };
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", site->path, endings[i]);
        (void)unlink(path);
    }
}

static void placement_id(int number, uint8_t out[OP_ENTITY_BYTES])
{
    char ref[24];
    (void)snprintf(ref, sizeof(ref), "P-%d", number);
    entity_id(stream, "placement", ref, out);
}

static void write_placements(struct site *site)
{
    static struct store_entry entries[PLACEMENTS];
    static char refs[PLACEMENTS][24];
    for (int i = 0; i < PLACEMENTS; i++) {
        struct store_entry *entry = &entries[i];
        *entry = (struct store_entry){ .kind = KIND_PLACEMENT, .happened_at_ms = OP_TIME_NONE };
        record_init(&entry->record, kind_by_number(KIND_PLACEMENT));
        placement_id(i, entry->subject);
        (void)snprintf(refs[i], sizeof(refs[i]), "P-%d", i);
        record_set_text(&entry->record, "ref", refs[i]);
        record_set_id(&entry->record, "participant", stream);
        record_set_text(&entry->record, "basis", "mandatory");
        record_set_number(&entry->record, "starts_on", date_from_civil(2026, 6, 1));
        record_set_number(&entry->record, "ends_on", date_from_civil(2026, 11, 27));
        record_set_text(&entry->record, "pattern", "Mon Tue Wed Thu Fri 09:30-15:30");
        record_set_number(&entry->record, "weekly_minutes", 1800);
    }
    struct store_written written;
    MUST(store_write(site->store, "bench", entries, PLACEMENTS, clock_wall_ms(), &written, err));
}

static void fill_attendance(struct store_entry *entries)
{
    static const char *const notes[] = { NULL, "arrived after the bus strike", "helped in the greenhouse",
                                         "left for the dentist" };
    for (int i = 0; i < OPS; i++) {
        struct store_entry *entry = &entries[i];
        *entry = (struct store_entry){ .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
        record_init(&entry->record, kind_by_number(KIND_ATTENDANCE));
        uint8_t placement[OP_ENTITY_BYTES];
        placement_id(i % PLACEMENTS, placement);
        session_subject(placement, date_from_civil(2026, 6, 1) + i / PLACEMENTS, 0, entry->subject);
        record_set_number(&entry->record, "outcome", 1 + i % 5);
        record_set_number(&entry->record, "minutes", 300 + i % 60);
        record_set_text(&entry->record, "note", notes[i % 4]);
    }
}

static void sign(struct site *site, const struct op_id *last, struct store_run *run)
{
    uint8_t link[SHA256_BYTES];
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    MUST(store_own_link(site->store, last->incarnation, last->seq, link, err));
    op_link_message(stream, last, link, message);
    MUST(device_key_sign(site->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), run->signature,
                         &run->signature_len, err));
    run->signed_seq = last->seq;
}

static void carry(struct site *from, struct site *to)
{
    uint64_t after = 0;
    for (;;) {
        struct store_run run = { .certificate = buf_slice(&from->identity.certificate) };
        op_batch_init(&run.ops);
        MUST(store_own_ops(from->store, from->identity.incarnation, after, BATCH, SIZE_MAX, &run.ops, err));
        if (run.ops.count == 0) {
            op_batch_fini(&run.ops);
            return;
        }
        struct store_seed seeds[BATCH / OP_SALT_BLOCK + 2];
        const struct op_id *last = &run.ops.ops[run.ops.count - 1].id;
        for (uint64_t b = op_salt_block(after + 1); b <= op_salt_block(last->seq); b++) {
            seeds[run.seed_count].block = b;
            MUST(store_salt_seed(from->store, last->device, 0, b, seeds[run.seed_count++].seed, err));
        }
        run.seeds = seeds;
        sign(from, last, &run);
        after = last->seq;
        struct store_exchange exchange = { .runs = &run, .run_count = 1, .received_at_ms = clock_wall_ms() };
        struct store_applied applied;
        MUST(store_apply(to->store, &exchange, &applied, err));
        op_batch_fini(&run.ops);
    }
}

static void plain_floor(const char *folder)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/plain.db", folder);
    sqlite3 *db;
    sqlite3_stmt *s;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(
            db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE attendance (id INTEGER PRIMARY KEY, "
            "placement BLOB, day, slot, outcome, minutes, note); BEGIN",
            NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO attendance VALUES (?, ?, ?, 0, ?, ?, 'arrived after the bus strike')", -1,
                           &s, NULL) != SQLITE_OK) {
        exit(1);
    }
    struct stopwatch watch = start();
    for (int i = 0; i < OPS; i++) {
        uint8_t placement[OP_ENTITY_BYTES];
        placement_id(i % PLACEMENTS, placement);
        (void)sqlite3_bind_int(s, 1, i + 1);
        (void)sqlite3_bind_blob(s, 2, placement, sizeof(placement), SQLITE_STATIC);
        (void)sqlite3_bind_int(s, 3, i / PLACEMENTS);
        (void)sqlite3_bind_int(s, 4, i % 5);
        (void)sqlite3_bind_int(s, 5, i % 60);
        (void)sqlite3_step(s);
        (void)sqlite3_reset(s);
    }
    (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    row("floor: plain SQLite, one table, one commit", watch, OPS);
    (void)sqlite3_finalize(s);
    (void)sqlite3_close(db);
    (void)unlink(path);
}

int main(void)
{
    char folder[] = "/tmp/bench_replica_XXXXXX";
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    struct authority *authority;
    struct site one;
    struct site two;
    MUST(secret_init(err));
    MUST(authority_new("bench", clock_wall_ms(), &authority, err));
    open_site(authority, &one, folder, "one");
    open_site(authority, &two, folder, "two");
    plain_floor(folder);
    write_placements(&one);
    static struct store_entry entries[OPS];
    fill_attendance(entries);
    struct store_written written;
    struct stopwatch watch = start();
    MUST(store_write(one.store, "bench", entries, OPS, clock_wall_ms(), &written, err));
    row("recorded here, one commit", watch, written.added);
    watch = start();
    carry(&one, &two);
    row("taken from another replica, 2000 a commit", watch, OPS);
    struct store_verified verified;
    watch = start();
    MUST(store_verify(two.store, &verified, err));
    row("verified (chain, hashes, tables made again)", watch, verified.ops);
    close_site(&one);
    close_site(&two);
    authority_free(authority);
    (void)rmdir(folder);
    return 0;
}
