#include "tests/bench/common/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"

enum { CACHE_KIB = 2048, PLACEMENT_DAYS = 26 * 7 /* the programme's usual length */ };

#define DAY_MS INT64_C(86400000)

struct vault *bench_vault_new(const char *folder, const char *name)
{
    static const uint8_t key[VAULT_KEY_FILE_BYTES] = "only for the bench, not a secret";
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, key, sizeof(key) };
    struct vault *vault;
    MUST(vault_create(path, &unlock, err));
    MUST(vault_open(path, &unlock, &vault, err));
    return vault;
}

static void enrol(struct bench_site *site, struct authority *authority, const char *name)
{
    struct store_identity *identity = &site->identity;
    struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    MUST(device_key_request(site->key, name, &request, err));
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_AGENT,
                                       .common_name = name,
                                       .organisation = identity->organisation,
                                       .streams = (const uint8_t(*)[STREAM_ID_BYTES])identity->stream,
                                       .stream_count = 1,
                                       .not_before_ms = clock_wall_ms() - DAY_MS,
                                       .not_after_ms = clock_wall_ms() + DAY_MS };
    MUST(authority_issue(authority, buf_slice(&request), &grant, &identity->certificate, err));
    struct slice ca = authority_certificate(authority);
    MUST(buf_append(&identity->ca, ca.data, ca.len, err));
    buf_fini(&request);
}

void bench_site_open(struct bench_site *site, struct authority *authority, const uint8_t stream[STREAM_ID_BYTES],
                     const char *folder, const char *name)
{
    *site = (struct bench_site){ .vault = bench_vault_new(folder, name) };
    struct store_options options = { .cache_kib = CACHE_KIB, .programme = programme_default() };
    MUST(store_open(site->vault, &options, &site->store, err));
    struct store_identity *identity = &site->identity;
    identity->enrolled = true;
    identity->incarnation = 1;
    memcpy(identity->stream, stream, STREAM_ID_BYTES);
    memset(identity->organisation, 'o', ORGANISATION_ID_BYTES);
    buf_init(&identity->certificate, CERTIFICATE_DER_MAX);
    buf_init(&identity->ca, CERTIFICATE_DER_MAX);
    MUST(device_key_generate(&site->key, err));
    device_key_id(site->key, identity->device);
    MUST(device_key_export(site->key, &identity->key_pkcs8, err));
    enrol(site, authority, name);
    MUST(store_identity_write(site->store, identity, err));
}

void bench_site_close(struct bench_site *site)
{
    store_close(site->store);
    vault_close(site->vault);
    device_key_free(site->key);
    store_identity_fini(&site->identity);
}

/* `participant` is filled in, and has to last as long as the entry. */
static void placement_entry(struct bench_site *site, int number, int32_t first, const char *ref,
                            uint8_t participant[OP_ENTITY_BYTES], struct store_entry *entry)
{
    *entry = (struct store_entry){ .kind = KIND_PLACEMENT, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry->record, kind_by_number(KIND_PLACEMENT));
    entity_id(site->identity.stream, "participant", ref, participant);
    entity_id(site->identity.stream, "placement", ref, entry->subject);
    record_set_text(&entry->record, "ref", ref);
    record_set_id(&entry->record, "participant", participant);
    record_set_text(&entry->record, "basis", number % 2 == 0 ? "mandatory" : "voluntary");
    record_set_number(&entry->record, "starts_on", first);
    record_set_number(&entry->record, "ends_on", first + PLACEMENT_DAYS);
    record_set_number(&entry->record, "weekly_minutes", 1800);
}

void bench_site_record_placements(struct bench_site *site, int first_placement, int32_t first, const char *pattern)
{
    struct store_entry *entries = calloc(WEEK_PLACEMENTS, sizeof(*entries));
    char(*refs)[16] = calloc(WEEK_PLACEMENTS, sizeof(*refs));
    uint8_t(*participants)[OP_ENTITY_BYTES] = calloc(WEEK_PLACEMENTS, sizeof(*participants));
    CHECK(entries != NULL && refs != NULL && participants != NULL);
    for (int i = 0; i < WEEK_PLACEMENTS; i++) {
        week_placement_ref(first_placement + i, refs[i]);
        placement_entry(site, i, first, refs[i], participants[i], &entries[i]);
        record_set_text(&entries[i].record, "pattern", pattern);
    }
    struct store_written written;
    MUST(store_write(site->store, "bench", entries, WEEK_PLACEMENTS, clock_wall_ms(), &written, err));
    free(participants);
    free(refs);
    free(entries);
}

static void attendance_entry(struct bench_site *site, const struct week_record *record, struct store_entry *entry)
{
    char ref[16];
    uint8_t placement[OP_ENTITY_BYTES];
    week_placement_ref(record->placement, ref);
    entity_id(site->identity.stream, "placement", ref, placement);
    *entry = (struct store_entry){ .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    session_subject(placement, record->day, 0, entry->subject);
    record_init(&entry->record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&entry->record, "outcome", record->outcome);
    if (record->minutes >= 0) {
        record_set_number(&entry->record, "minutes", record->minutes);
    }
    record_set_text(&entry->record, "reason", record->reason);
    record_set_text(&entry->record, "note", record->note[0] != '\0' ? record->note : NULL);
}

void bench_site_record_next(struct bench_site *site, struct week *week, size_t count)
{
    struct store_entry *entries = calloc(count, sizeof(*entries));
    struct week_record *records = calloc(count, sizeof(*records));
    CHECK(entries != NULL && records != NULL);
    for (size_t i = 0; i < count; i++) {
        week_next(week, &records[i]);
        attendance_entry(site, &records[i], &entries[i]);
    }
    struct store_written written;
    MUST(store_write(site->store, "bench", entries, count, clock_wall_ms(), &written, err));
    if (written.added != count) {
        bench_die("recorded %zu of %zu", written.added, count);
    }
    free(records);
    free(entries);
}

static void record_week(struct bench_site *site, struct week *week)
{
    bench_site_record_placements(site, week->first_placement, week_first_day(week->count, week->today), BENCH_PATTERN);
    bench_site_record_next(site, week, week->count);
}

void bench_site_record(struct bench_site *site, enum week_style style, size_t count)
{
    struct week week;
    week_begin(&week, style, count, clock_today(clock_wall_ms()));
    record_week(site, &week);
}

void bench_site_record_cohort(struct bench_site *site, size_t cohort, size_t cohorts, size_t count)
{
    struct week week;
    int32_t days = (int32_t)((count + WEEK_PLACEMENTS - 1) / WEEK_PLACEMENTS / 5 * 7);
    int32_t last_day = clock_today(clock_wall_ms()) - (int32_t)(cohorts - 1 - cohort) * days;
    week_begin(&week, WEEK_REPEATED, count, last_day);
    week.first_placement = (int)(cohort * WEEK_PLACEMENTS);
    record_week(site, &week);
}

void bench_centre_open(struct bench_centre *centre, const char *folder)
{
    *centre = (struct bench_centre){ .vault = bench_vault_new(folder, "centre") };
    struct centre_organisation organisation;
    MUST(centre_store_open(centre->vault, CACHE_KIB, &centre->store, err));
    const struct centre_new trust = { "Bench Trust", NULL, clock_wall_ms() };
    const struct centre_new garden = { "Garden", NULL, clock_wall_ms() };
    MUST(centre_organisation_add(centre->store, &trust, &organisation, err));
    MUST(centre_site_add(centre->store, "Bench Trust", &garden, &centre->site, err));
}

void bench_centre_close(struct bench_centre *centre)
{
    centre_store_close(centre->store);
    vault_close(centre->vault);
}
