/* Guard rail 3 against whoever writes: a review of a flag that rests on volunteers is no record, and where one comes
 * all the same nothing of what it says is held. */
#include <criterion/criterion.h>
#include <string.h>

#include "chain_maker.h"
#include "store/kept_reviews.h"
#include "store/replica.h"

#define FOUND "Birch volunteers at the shop"

static struct world world;
static struct replica author;
static struct replica site;
static struct chain_maker maker;
static struct error err;

static void setup(void)
{
    world_init(&world);
    replica_start(&world, &author, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &site, CERTIFICATE_ROLE_AGENT);
    maker_init(&maker, &world, &author);
    err = (struct error){ 0 };
}

static void teardown(void)
{
    maker_fini(&maker);
    replica_stop(&site);
    replica_stop(&author);
    world_fini(&world);
}

TestSuite(kept_review, .init = setup, .fini = teardown, .timeout = 120);

static void entry_of(struct store_entry *entry, const char *key, const char *flag)
{
    entry_review(&world, entry, key, "P-1", "2026-06-03", "host_matter");
    record_set_text(&entry->record, "flag", flag);
    record_set_text(&entry->record, "note", FOUND);
}

static bool holds(const char *word)
{
    sqlite3_int64 size = 0;
    unsigned char *pages = sqlite3_serialize(site.store->db.handle, "main", &size, 0);
    cr_assert(pages != NULL && size > 0);
    bool found = memmem(pages, (size_t)size, word, strlen(word)) != NULL;
    sqlite3_free(pages);
    return found;
}

Test(kept_review, is_refused_where_it_is_written_as_a_record)
{
    struct store_entry entry;
    struct store_written written;
    entry_of(&entry, "V-1", FLAG_OF_VOLUNTEERS "of a test");
    cr_expect_eq(store_write(site.store, "tester", &entry, 1, 1000, &written, &err), ERR_REFUSED);
    cr_expect_not_null(strstr(err.message, "volunteers"), "%s", err.message);
    entry_of(&entry, "V-1", "called_volunteering/of a test");
    cr_expect_eq(store_write(site.store, "tester", &entry, 1, 1000, &written, &err), ERR_OK, "%s", err.message);
}

static void expect_erased(size_t ops, size_t at)
{
    struct log_list log = { 0 };
    cr_assert_eq(query_log(site.store, NULL, 0, false, 10, &log, &err), ERR_OK);
    cr_assert_eq(log.count, ops);
    for (size_t i = 0; i < log.count; i++) {
        cr_expect_str_eq(log.rows[i].quarantine, "", "it counts as who gets it without its body counts it");
        cr_expect_eq(log.rows[i].erased, log.rows[i].op.seq == at);
    }
    log_list_fini(&log);
}

/* Between two records of the same block of salts, one after the other or all at once. */
static void carry(bool seeded, bool at_once)
{
    struct store_entry entry;
    struct store_applied applied;
    struct store_verified verified;
    maker.seeded = seeded;
    entry_participant(&world, &entry, "GDN-1", "Invented Elm");
    (void)maker_add(&maker, &entry, NULL, false);
    entry_of(&entry, "V-1", FLAG_OF_VOLUNTEERS "of a test");
    (void)maker_add(&maker, &entry, NULL, false);
    entry_participant(&world, &entry, "GDN-2", "Invented Ash");
    (void)maker_add(&maker, &entry, NULL, false);
    for (size_t from = 0; from < 3; from += at_once ? 3 : 1) {
        cr_assert_eq(maker_carry(&maker, from, at_once ? 3 : from + 1, &site, &applied, &err), ERR_OK, "%s",
                     err.message);
        cr_expect_eq(applied.quarantined, 0);
    }
    expect_erased(3, 2);
    cr_expect(holds("Invented Ash"), "what came with it is there");
    cr_expect_not(holds(FOUND));
    cr_expect_not(holds(FLAG_OF_VOLUNTEERS "of"));
    cr_expect_eq(store_verify(site.store, &verified, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(store_rebuild(site.store, &err), ERR_OK, "%s", err.message);
}

Test(kept_review, of_another_device_is_kept_as_erased_and_what_it_says_is_not_held)
{
    carry(false, true);
}

Test(kept_review, that_comes_with_a_seed_leaves_none_by_which_it_could_be_guessed)
{
    sqlite3_stmt *s;
    bool row;
    carry(true, true);
    cr_assert_eq(db_statement(&site.store->db,
                              "SELECT 1 FROM salt_seed JOIN author a ON a.id = author WHERE device = ?1", &s, &err),
                 ERR_OK);
    bind_blob(s, 1, author.identity.device, DEVICE_ID_BYTES);
    cr_assert_eq(db_step(&site.store->db, s, &row, &err), ERR_OK);
    cr_expect_not(row);
    sqlite3_reset(s);
}

Test(kept_review, is_kept_as_erased_in_whatever_pieces_it_comes)
{
    carry(true, false);
}
