#include "doubt_world.h"

#include <criterion/criterion.h>
#include <string.h>

#include "store/replica.h"

struct world world;
struct replica site;
struct voice jcp;
int64_t now;

void write_one(struct store_entry *entry)
{
    replica_write(&site, entry, now += 1000);
}

void jcp_says(struct store_entry *entry)
{
    struct store_applied applied;
    struct error err = { 0 };
    voice_say(&jcp, entry);
    cr_assert_eq(voice_reach(&jcp, jcp.count - 1, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
}

/* All that a doubt about the third of June needs, but for the doubt. */
void doubt_start(void)
{
    struct store_entry entry;
    world_init(&world);
    replica_start(&world, &site, CERTIFICATE_ROLE_AGENT);
    voice_start(&world, &jcp, CERTIFICATE_ROLE_CENTRE);
    now = (int64_t)day_of("2026-06-10") * 86400000;
    entry_participant(&world, &entry, "GDN-001", "Test Alder");
    write_one(&entry);
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-05-18");
    write_one(&entry);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    entry_sent_by(&world, &entry, "R-1");
    write_one(&entry);
    entry_notice(&world, &entry, "N-1", "P-1", "2026-05-20", "hand");
    write_one(&entry);
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ABSENT, -1, NULL);
    write_one(&entry);
    entry_contact(&world, &entry, "C-1", "GDN-001", "2026-06-04", DAY);
    write_one(&entry);
    entry_review(&world, &entry, "V-1", "P-1", DAY, "doubt");
    write_one(&entry);
}

void doubt_stop(void)
{
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(store_verify(site.store, &verified, &err), ERR_OK, "%s", err.message); /* as the log says */
    voice_stop(&jcp);
    replica_stop(&site);
    world_fini(&world);
}

TestSuite(doubt, .init = doubt_start, .fini = doubt_stop, .timeout = 120);

void raise_doubt(void)
{
    struct store_entry entry;
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    write_one(&entry);
}

struct doubt_row the_doubt(struct replica *replica, const char *key)
{
    uint8_t id[OP_ENTITY_BYTES];
    char digits[DOUBT_ID_SIZE];
    struct doubt_row row;
    struct error err = { 0 };
    entity_id(world.stream, "compliance_doubt", key, id);
    hex_encode(id, sizeof(id), digits);
    cr_assert_eq(query_doubt(replica->store, digits, &row, &err), ERR_OK, "%s", err.message);
    return row;
}

void expect_status(const char *status, const char *wants)
{
    struct doubt_row row = the_doubt(&site, "D-1");
    cr_assert_str_eq(row.status, status, "%s (%s)", row.status, row.wants);
    cr_assert_str_eq(row.wants, wants);
}
