/* Programme packs from the centre: which counts when, what is made again, and what is never used. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/file.h"
#include "store/doubts.h"
#include "store/packs.h"
#include "store/replica.h"
#include "world.h"

#define PACKS_MAX 8

static struct world world;
static struct replica site;
static struct voice jcp;
static int64_t now;

/* What entries borrow. */
static struct lent_pack {
    char sha256[PROGRAMME_SHA256_SIZE];
    char name[PACK_NAME_SIZE];
    struct buf packed;
} lent[PACKS_MAX];
static size_t lent_count;

static void start(void)
{
    world_init(&world);
    replica_start(&world, &site, CERTIFICATE_ROLE_AGENT);
    voice_start(&world, &jcp, CERTIFICATE_ROLE_CENTRE);
    now = (int64_t)day_of("2026-06-10") * 86400000;
}

static void stop(void)
{
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(store_verify(site.store, &verified, &err), ERR_OK, "%s", err.message); /* as the log says */
    for (size_t i = 0; i < lent_count; i++) {
        buf_fini(&lent[i].packed);
    }
    voice_stop(&jcp);
    replica_stop(&site);
    world_fini(&world);
}

TestSuite(packs, .init = start, .fini = stop, .timeout = 120);

/* The built-in pack with another version, and another number of working days for the post. */
static void changed_json(int version, int posted_days, struct buf *out)
{
    struct slice json = programme_default_json();
    struct error err;
    buf_init(out, PROGRAMME_JSON_MAX + 1);
    char *text = strndup((const char *)json.data, json.len);
    char *at = strstr(text, "\"version\": ");
    char *days = strstr(text, "\"notice_posted_working_days\": {\n            \"value\": ");
    cr_assert(at != NULL && days != NULL);
    days = strstr(days, "\"value\": ") + strlen("\"value\": ");
    *days = '\0';
    cr_assert_eq(buf_append_format(out, &err, "%.*s\"version\": %d%s%d%s", (int)(at - text), text, version,
                                   strchr(at, ','), posted_days, days + 1),
                 ERR_OK);
    free(text);
}

static void entry_of(struct slice json, const char *name, int version, const char *from, struct store_entry *entry)
{
    uint8_t digest[SHA256_BYTES];
    struct error err;
    cr_assert(lent_count < PACKS_MAX);
    struct lent_pack *pack = &lent[lent_count++];
    sha256(&json, 1, digest);
    hex_encode(digest, sizeof(digest), pack->sha256);
    (void)snprintf(pack->name, sizeof(pack->name), "%s", name);
    buf_init(&pack->packed, PROGRAMME_PACKED_MAX);
    cr_assert_eq(programme_compress(json, &pack->packed, &err), ERR_OK, "%s", err.message);
    *entry = (struct store_entry){ .kind = KIND_PROGRAMME_PACK, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry->record, kind_by_number(KIND_PROGRAMME_PACK));
    memcpy(entry->subject, digest, OP_ENTITY_BYTES);
    record_set_text(&entry->record, "name", pack->name);
    record_set_number(&entry->record, "version", version);
    record_set_number(&entry->record, "in_force_from", day_of(from));
    record_set_text(&entry->record, "sha256", pack->sha256);
    *record_value(&entry->record, "pack") = (struct value){ .present = true, .text = buf_slice(&pack->packed) };
}

static void entry_pack(int version, int posted_days, const char *from, struct store_entry *entry)
{
    struct buf json;
    changed_json(version, posted_days, &json);
    entry_of(buf_slice(&json), "help-to-work-2014", version, from, entry);
    buf_fini(&json);
}

static size_t reaches(struct voice *voice, const struct store_entry *entry)
{
    struct store_applied applied;
    struct error err = { 0 };
    voice_say(voice, entry);
    cr_assert_eq(voice_reach(voice, voice->count - 1, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    return applied.quarantined;
}

static void gives_pack(int version, int posted_days, const char *from)
{
    struct store_entry entry;
    entry_pack(version, posted_days, from, &entry);
    cr_assert_eq(reaches(&jcp, &entry), 0);
}

static void settle(const char *day)
{
    struct error err = { 0 };
    cr_assert_eq(store_pack_settle(site.store, day_of(day), &err), ERR_OK, "%s", err.message);
}

static void expect_in_force(const char *day, int version)
{
    settle(day);
    cr_assert_eq(programme_version(store_programme(site.store)), version, "%s", day);
}

Test(packs, in_force_is_the_greatest_version_whose_day_has_come_and_before_any_the_built_in_one)
{
    int own = programme_version(programme_default());
    gives_pack(12, 2, "2026-07-01");
    gives_pack(11, 2, "2026-06-15");
    expect_in_force("2026-06-14", own);
    cr_assert_eq(store_programme_since(site.store), ROW_NONE);
    expect_in_force("2026-06-15", 11);
    cr_assert_eq(store_programme_since(site.store), day_of("2026-06-15"));
    expect_in_force("2026-07-01", 12);
    gives_pack(10, 2, "2026-07-02"); /* going backwards changes nothing */
    expect_in_force("2026-07-03", 12);
    expect_in_force("2026-06-14", own);
}

Test(packs, in_force_is_found_beyond_what_a_list_shows_and_a_list_says_that_there_are_more)
{
    struct pack_list list;
    struct pack_row row;
    struct error err;
    gives_pack(11, 2, "2026-06-15");
    gives_pack(12, 2, "2027-07-01");
    gives_pack(13, 2, "2027-08-01");
    expect_in_force("2026-06-20", 11);
    cr_assert_eq(query_packs(site.store, 2, &list, &err), ERR_OK, "%s", err.message);
    cr_expect(list.more);
    cr_expect_eq(list.count, 2);
    cr_expect_eq(list.rows[0].version, 13);
    pack_list_fini(&list);
    cr_assert_eq(query_packs(site.store, 3, &list, &err), ERR_OK, "%s", err.message);
    cr_expect_not(list.more);
    cr_expect(list.count == 3 && list.rows[2].in_force);
    pack_list_fini(&list);
    cr_assert_eq(query_pack(site.store, "help-to-work-2014", 11, &row, &err), ERR_OK, "%s", err.message);
    cr_expect(row.version == 11 && row.in_force);
    cr_expect_eq(query_pack(site.store, "help-to-work-2014", 14, &row, &err), ERR_NOT_FOUND);
    cr_expect_eq(query_pack(site.store, "another", 11, &row, &err), ERR_NOT_FOUND);
}

Test(packs, the_day_of_one_can_be_stated_anew)
{
    struct store_entry entry;
    gives_pack(11, 2, "2026-06-15");
    entry_pack(11, 2, "2026-08-01", &entry);
    cr_assert_eq(reaches(&jcp, &entry), 0);
    expect_in_force("2026-06-20", programme_version(programme_default()));
    expect_in_force("2026-08-01", 11);
}

static int64_t received_on(void)
{
    sqlite3_stmt *s;
    bool row;
    struct error err;
    cr_assert_eq(db_statement(&site.store->db, "SELECT deemed_received_on FROM notice", &s, &err), ERR_OK);
    cr_assert_eq(db_step(&site.store->db, s, &row, &err), ERR_OK);
    cr_assert(row);
    int64_t day = column_int(s, 0);
    sqlite3_reset(s);
    return day;
}

static void write_posted_notice(void)
{
    struct store_entry entry;
    entry_participant(&world, &entry, "GDN-001", "Test Alder");
    replica_write(&site, &entry, now += 1000);
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-05-18");
    replica_write(&site, &entry, now += 1000);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    entry_sent_by(&world, &entry, "R-1");
    replica_write(&site, &entry, now += 1000);
    entry_notice(&world, &entry, "N-1", "P-1", "2026-06-08", "post"); /* a Monday */
    replica_write(&site, &entry, now += 1000);
}

static void unmark_all(void)
{
    struct error err;
    cr_assert_eq(db_exec(&site.store->db, "DELETE FROM dirty_placement; UPDATE sync_state SET dirty_site = 0", &err),
                 ERR_OK);
}

static bool everything_is_marked(void)
{
    struct store_dirty dirty;
    struct error err;
    cr_assert_eq(store_dirty_read(site.store, 10, &dirty, &err), ERR_OK);
    bool all = dirty.site && dirty.placement_count == 1;
    store_dirty_fini(&dirty);
    return all;
}

Test(packs, another_one_makes_the_tables_again_and_marks_everything_for_the_rules)
{
    write_posted_notice();
    settle("2026-06-10");
    cr_assert_eq(received_on(), day_of("2026-06-10"));
    gives_pack(11, 5, "2026-06-12");
    unmark_all();
    settle("2026-06-11");
    cr_assert_not(everything_is_marked(), "its day has not come");
    cr_assert_eq(received_on(), day_of("2026-06-10"));
    settle("2026-06-12");
    cr_assert(everything_is_marked());
    cr_assert_eq(received_on(), day_of("2026-06-15"));
    unmark_all();
    settle("2026-06-12");
    cr_assert_not(everything_is_marked(), "nothing changed since");
}

Test(packs, what_comes_later_is_folded_by_the_same_as_what_was_there)
{
    char early[2 * SHA256_BYTES + 1];
    char late[2 * SHA256_BYTES + 1];
    struct error err;
    gives_pack(11, 5, "2026-06-12");
    settle("2026-06-12");
    write_posted_notice();
    cr_assert_eq(received_on(), day_of("2026-06-15"));
    replica_digest(&site, early);
    cr_assert_eq(store_rebuild(site.store, &err), ERR_OK);
    replica_digest(&site, late);
    cr_assert_str_eq(early, late);
}

static int settle_watched(struct store_progress *progress, const char *day)
{
    struct error err;
    site.store->progress = progress;
    int rc = store_pack_settle(site.store, day_of(day), &err);
    site.store->progress = NULL;
    return rc;
}

Test(packs, a_making_of_the_tables_that_is_stopped_leaves_those_before_and_the_pack_that_made_them)
{
    struct store_progress progress = { .stop = true };
    char before[2 * SHA256_BYTES + 1];
    char after[2 * SHA256_BYTES + 1];
    struct error err;
    const struct programme *due = NULL;
    int own = programme_version(programme_default());
    write_posted_notice();
    settle("2026-06-10");
    gives_pack(11, 5, "2026-06-12");
    replica_digest(&site, before);
    cr_assert_eq(settle_watched(&progress, "2026-06-12"), ERR_BUSY);
    replica_digest(&site, after);
    cr_assert_str_eq(after, before);
    cr_assert_eq(programme_version(store_programme(site.store)), own);
    cr_assert_eq(atomic_load(&progress.total), 0, "it is over");
    cr_assert_eq(store_pack_due(site.store, day_of("2026-06-12"), &due, &err), ERR_OK);
    cr_assert_not_null(due);
    atomic_store(&progress.stop, false);
    cr_assert_eq(settle_watched(&progress, "2026-06-12"), ERR_OK);
    cr_assert_eq(programme_version(store_programme(site.store)), 11);
    cr_assert_eq(received_on(), day_of("2026-06-15"));
    cr_assert_eq(store_pack_due(site.store, day_of("2026-06-12"), &due, &err), ERR_OK);
    cr_assert_null(due);
}

Test(packs, a_making_that_fails_after_a_start_leaves_the_centres_pack_in_force)
{
    struct store_progress progress = { .stop = true };
    struct error err;
    const struct programme *due = NULL;
    gives_pack(11, 5, "2026-06-12");
    expect_in_force("2026-06-12", 11);
    gives_pack(12, 2, "2026-07-01");
    replica_close_files(&site);
    replica_open_files(&site);
    cr_assert_eq(settle_watched(&progress, "2026-07-01"), ERR_BUSY);
    cr_assert_eq(programme_version(store_programme(site.store)), 11, "the tables are made by it");
    cr_assert_eq(store_programme_since(site.store), day_of("2026-06-12"));
    cr_assert_eq(store_pack_due(site.store, day_of("2026-07-01"), &due, &err), ERR_OK);
    cr_assert_not_null(due);
}

Test(packs, tables_made_for_a_new_schema_are_made_by_the_pack_that_is_named_for_them)
{
    struct error err;
    const struct programme *due = NULL;
    gives_pack(11, 5, "2026-06-12");
    expect_in_force("2026-06-12", 11);
    cr_assert_eq(db_exec(&site.store->db, "UPDATE sync_state SET refold = 1", &err), ERR_OK);
    replica_close_files(&site);
    replica_open_files(&site);
    cr_assert_eq(store_pack_due(site.store, day_of("2026-06-12"), &due, &err), ERR_OK);
    cr_assert_not_null(due, "the program's own pack made them");
    expect_in_force("2026-06-12", 11);
}

/* ---- what is never used ---- */

static void expect_refused(struct voice *voice, const struct store_entry *entry, const char *why)
{
    struct refused_pack_list refused;
    struct error err;
    cr_assert_eq(reaches(voice, entry), 1, "%s", why);
    cr_assert_eq(query_refused_packs(site.store, 10, &refused, &err), ERR_OK);
    bool said = false;
    for (size_t i = 0; i < refused.count; i++) {
        said |= strstr(refused.rows[i].reason, why) != NULL;
    }
    cr_assert(said, "expected '%s', got '%s'", why, refused.rows[0].reason);
    refused_pack_list_fini(&refused);
    expect_in_force("2027-01-01", programme_version(programme_default()));
}

static void set_packed(struct store_entry *entry, const void *data, size_t len)
{
    *record_value(&entry->record, "pack") = (struct value){ .present = true, .text = slice_of(data, len) };
}

Test(packs, of_a_device_that_is_not_the_centre_are_refused)
{
    static struct voice device;
    struct store_entry entry;
    voice_start(&world, &device, CERTIFICATE_ROLE_AGENT);
    entry_pack(11, 2, "2026-06-15", &entry);
    expect_refused(&device, &entry, "only the centre may write it");
    voice_stop(&device);
}

Test(packs, that_are_not_what_they_say_are_refused)
{
    static const char other[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct store_entry entry;
    entry_pack(11, 2, "2026-06-15", &entry);
    record_set_text(&entry.record, "sha256", other);
    expect_refused(&jcp, &entry, "'sha256'");
    entry_pack(11, 2, "2026-06-15", &entry);
    entry.subject[3] ^= 1;
    expect_refused(&jcp, &entry, "subject");
    entry_pack(11, 2, "2026-06-15", &entry);
    record_set_number(&entry.record, "version", 12);
    expect_refused(&jcp, &entry, "'name' and 'version'");
    entry_pack(11, 2, "2026-06-15", &entry);
    record_set_text(&entry.record, "name", "help-to-work-2015");
    expect_refused(&jcp, &entry, "'name' and 'version'");
}

Test(packs, that_an_agent_could_not_use_are_refused_with_the_place)
{
    struct store_entry entry;
    entry_of(slice_of_text("{\"id\": \"help-to-work-2014\", \"version\": 11}"), "help-to-work-2014", 11, "2026-06-15",
             &entry);
    expect_refused(&jcp, &entry, "'rules.");
    entry_of(slice_of_text("{\"id\": "), "help-to-work-2014", 11, "2026-06-15", &entry);
    expect_refused(&jcp, &entry, "not JSON at line 1");
}

Test(packs, that_expand_without_end_are_refused_before_they_are_expanded)
{
    struct store_entry entry;
    size_t len = 64 * 1024 * 1024;
    char *zeros = calloc(len, 1);
    static char bomb[PROGRAMME_PACKED_MAX];
    size_t packed = ZSTD_compress(bomb, sizeof(bomb), zeros, len, 19);
    free(zeros);
    cr_assert(!ZSTD_isError(packed));
    entry_pack(11, 2, "2026-06-15", &entry);
    set_packed(&entry, bomb, packed);
    expect_refused(&jcp, &entry, "it would have 67108864 bytes");
    static char cut[PROGRAMME_PACKED_MAX];
    entry_pack(11, 2, "2026-06-15", &entry);
    struct slice whole = record_value(&entry.record, "pack")->text;
    memcpy(cut, whole.data, whole.len);
    set_packed(&entry, cut, whole.len - 1);
    expect_refused(&jcp, &entry, "not one zstd frame");
    memset(cut + whole.len, 0, 1);
    set_packed(&entry, cut, whole.len + 1);
    expect_refused(&jcp, &entry, "not one zstd frame");
    cut[whole.len / 2] ^= 0x55;
    set_packed(&entry, cut, whole.len);
    expect_refused(&jcp, &entry, "programme pack");
    set_packed(&entry, "", 0);
    expect_refused(&jcp, &entry, "not one zstd frame");
}

Test(packs, are_not_erased)
{
    struct store_entry entry = { .kind = KIND_ERASURE, .happened_at_ms = OP_TIME_NONE };
    struct store_entry pack;
    entry_pack(11, 2, "2026-06-15", &pack);
    cr_assert_eq(reaches(&jcp, &pack), 0);
    record_init(&entry.record, kind_by_number(KIND_ERASURE));
    memcpy(entry.subject, pack.subject, OP_ENTITY_BYTES);
    record_set_number(&entry.record, "kind", KIND_PROGRAMME_PACK);
    record_set_text(&entry.record, "ground", "right");
    record_set_text(&entry.record, "decided_by", "A. Nobody");
    record_set_text(&entry.record, "reason", "none");
    cr_assert_eq(reaches(&jcp, &entry), 1);
    expect_in_force("2026-06-15", 11);
}

Test(packs, longer_than_a_record_takes_are_told_so)
{
    struct buf out;
    struct error err;
    size_t len = PROGRAMME_JSON_MAX + 1;
    uint8_t *text = malloc(len);
    cr_assert_eq(random_bytes(text, len, &err), ERR_OK);
    buf_init(&out, PROGRAMME_PACKED_MAX);
    cr_assert_eq(programme_compress(slice_of(text, len), &out, &err), ERR_LIMIT);
    cr_assert_eq(programme_compress(slice_of(text, len - 1), &out, &err), ERR_LIMIT);
    cr_assert_not_null(strstr(err.message, "compressed"));
    cr_assert_eq(out.len, 0);
    free(text);
    buf_fini(&out);
}

/* Lines of programme_pack.py: name, what holds, subject, body. */
static const char *vector_verdict(char *const words[4])
{
    static uint8_t body[OP_BODY_MAX];
    struct op op = { .kind = KIND_PROGRAMME_PACK, .subject_len = OP_ENTITY_BYTES };
    size_t len = strlen(words[3]) / 2;
    cr_assert(len <= sizeof(body) && hex_decode(words[2], op.subject, OP_ENTITY_BYTES) &&
              hex_decode(words[3], body, len));
    op.body = slice_of(body, len);
    return record_admit(&op, WRITER_CENTRE, NULL) == ERR_OK ? "taken" : "refused";
}

Test(packs, as_another_program_would_write_them_are_judged_alike)
{
    char path[512];
    struct buf text;
    struct error err;
    char *rest = NULL;
    size_t lines = 0;
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/programme_pack.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(buf_append(&text, "", 1, &err), ERR_OK);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *words[4];
        char *word = NULL;
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
            words[i] = strtok_r(i == 0 ? line : NULL, " ", &word);
            cr_assert_not_null(words[i]);
        }
        cr_expect_str_eq(vector_verdict(words), words[1], "%s", words[0]);
        lines++;
    }
    cr_assert_geq(lines, 10);
    buf_fini(&text);
}

/* ---- doubts ---- */

static struct doubt_row the_doubt(void)
{
    uint8_t id[OP_ENTITY_BYTES];
    char digits[DOUBT_ID_SIZE];
    struct doubt_row row;
    struct error err = { 0 };
    entity_id(world.stream, "compliance_doubt", "D-1", id);
    hex_encode(id, sizeof(id), digits);
    cr_assert_eq(query_doubt(site.store, digits, &row, &err), ERR_OK, "%s", err.message);
    return row;
}

static void raise_doubt_by(const char *sha256)
{
    struct store_entry entry;
    write_posted_notice();
    entry_notice(&world, &entry, "N-1", "P-1", "2026-05-20", "hand");
    replica_write(&site, &entry, now += 1000);
    entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, OUTCOME_ABSENT, -1, NULL);
    replica_write(&site, &entry, now += 1000);
    entry_contact(&world, &entry, "C-1", "GDN-001", "2026-06-04", "2026-06-03");
    replica_write(&site, &entry, now += 1000);
    entry_review(&world, &entry, "V-1", "P-1", "2026-06-03", "doubt");
    replica_write(&site, &entry, now += 1000);
    entry_doubt(&world, &entry, "D-1", "P-1", "2026-06-03", "V-1", "N-1");
    record_set_text(&entry.record, "programme", "help-to-work-2014");
    record_set_number(&entry.record, "programme_version", 11);
    record_set_text(&entry.record, "programme_sha256", sha256);
    replica_write(&site, &entry, now += 1000);
}

Test(packs, a_doubt_waits_for_the_one_that_it_names_and_is_judged_by_it)
{
    struct store_entry entry;
    entry_pack(11, 2, "2020-01-01", &entry);
    raise_doubt_by(lent[0].sha256);
    cr_assert_str_eq(the_doubt().status, "suspended");
    cr_assert_str_eq(the_doubt().wants, "pack_not_held");
    cr_assert_eq(reaches(&jcp, &entry), 0);
    cr_assert_str_eq(the_doubt().status, "standing");
    cr_assert_str_eq(the_doubt().programme, "help-to-work-2014");
    cr_assert_eq(the_doubt().programme_version, 11);
    cr_assert_str_eq(the_doubt().programme_sha256, lent[0].sha256);
}

/* With a first sanction of two weeks instead of four. */
static void gives_mild_pack(int version, const char *from)
{
    struct buf json;
    struct store_entry entry;
    changed_json(version, 2, &json);
    char *at = strstr((char *)json.data, "\"first_sanction_weeks\": {\n            \"value\": 4");
    cr_assert_not_null(at);
    *strchr(at, '4') = '2';
    entry_of(buf_slice(&json), "help-to-work-2014", version, from, &entry);
    buf_fini(&json);
    cr_assert_eq(reaches(&jcp, &entry), 0);
}

Test(packs, a_doubt_is_not_judged_by_one_that_came_after_it)
{
    raise_doubt_by(programme_sha256(programme_default()));
    cr_assert_str_eq(the_doubt().status, "standing");
    gives_mild_pack(11, "2020-01-01");
    expect_in_force("2026-06-12", 11);
    cr_assert_str_eq(the_doubt().status, "standing", "four weeks are what its own pack says: %s", the_doubt().wants);
}

/* The centre gives it at a moment of its clock. */
static void gives_mild_pack_at(const char *said_on, int version, const char *from)
{
    jcp.replica.forged_hlc_ms = (int64_t)day_of(said_on) * 86400000;
    gives_mild_pack(version, from);
    jcp.replica.forged_hlc_ms = 0;
}

/* Four weeks are within the pack that it names, whose turn was over. */
Test(packs, a_doubt_by_one_that_is_not_in_force_any_more_is_held_back)
{
    gives_mild_pack_at("2026-06-01", 11, "2020-01-01");
    raise_doubt_by(programme_sha256(programme_default()));
    cr_assert_str_eq(the_doubt().status, "suspended");
    cr_assert_str_eq(the_doubt().wants, "pack_not_in_force");
}

Test(packs, that_a_doubt_passed_over_hold_it_back_when_they_come_late)
{
    raise_doubt_by(programme_sha256(programme_default()));
    cr_assert_str_eq(the_doubt().status, "standing");
    gives_mild_pack_at("2026-06-01", 11, "2020-01-01");
    cr_assert_str_eq(the_doubt().status, "suspended");
    cr_assert_str_eq(the_doubt().wants, "pack_not_in_force");
}

Test(packs, a_doubt_by_the_one_in_force_stands)
{
    struct store_entry entry;
    jcp.replica.forged_hlc_ms = (int64_t)day_of("2026-06-01") * 86400000;
    entry_pack(11, 2, "2020-01-01", &entry);
    cr_assert_eq(reaches(&jcp, &entry), 0);
    gives_mild_pack_at("2026-06-02", 12, "2026-06-11");
    raise_doubt_by(lent[0].sha256);
    cr_assert_str_eq(the_doubt().status, "standing", "the next begins on the day after: %s", the_doubt().wants);
}

Test(packs, a_doubt_by_one_whose_day_has_not_come_is_held_back)
{
    gives_mild_pack_at("2026-06-01", 11, "2026-06-11");
    raise_doubt_by(lent[0].sha256);
    cr_assert_str_eq(the_doubt().status, "suspended");
    cr_assert_not_null(strstr(the_doubt().wants, "pack_not_in_force"), "%s", the_doubt().wants);
}

/* What was said of it by then counts: it was put off after the doubt. */
Test(packs, that_are_put_off_afterwards_were_in_force_all_the_same)
{
    struct store_entry entry;
    jcp.replica.forged_hlc_ms = (int64_t)day_of("2026-06-01") * 86400000;
    entry_pack(11, 2, "2020-01-01", &entry);
    cr_assert_eq(reaches(&jcp, &entry), 0);
    raise_doubt_by(lent[0].sha256);
    cr_assert_str_eq(the_doubt().status, "standing", "%s", the_doubt().wants);
    jcp.replica.forged_hlc_ms = (int64_t)day_of("2026-06-20") * 86400000;
    record_set_number(&entry.record, "in_force_from", day_of("2026-07-01"));
    cr_assert_eq(reaches(&jcp, &entry), 0);
    cr_assert_str_eq(the_doubt().status, "standing", "%s", the_doubt().wants);
}

/* A device that puts its records before everything in the order of things has a clock all the same. */
Test(packs, are_in_force_for_a_doubt_that_claims_to_be_older)
{
    struct voice laptop;
    struct store_entry entry;
    gives_mild_pack_at("2026-06-01", 11, "2020-01-01");
    voice_start(&world, &laptop, CERTIFICATE_ROLE_AGENT);
    laptop.replica.forged_hlc_ms = (int64_t)day_of("2026-01-01") * 86400000;
    laptop.replica.forged_at_ms = now;
    entry_doubt(&world, &entry, "D-1", "P-1", "2026-06-03", "V-1", "N-1");
    record_set_text(&entry.record, "programme_sha256", programme_sha256(programme_default()));
    cr_assert_eq(reaches(&laptop, &entry), 0);
    cr_assert_not_null(strstr(the_doubt().wants, "pack_not_in_force"), "%s", the_doubt().wants);
    voice_stop(&laptop);
}
