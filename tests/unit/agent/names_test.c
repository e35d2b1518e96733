#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/names.h"
#include "agent/peer.h"
#include "tests/unit/store/world.h"

Test(names, a_session_is_placement_day_and_slot)
{
    static const struct {
        const char *text;
        const char *ref;
        int slot;
    } good[] = {
        { "GDN-P014@2026-11-20", "GDN-P014", 0 },           { "GDN-P014@2026-11-20/1", "GDN-P014", 0 },
        { "GDN-P014@2026-11-20/4", "GDN-P014", 3 },         { "a@b@2026-11-20", "a@b", 0 },
        { "caf\xc3\xa9 1@2024-02-29", "caf\xc3\xa9 1", 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct session_name name;
        cr_assert_eq(session_name_split(good[i].text, &name, NULL), ERR_OK, "%s", good[i].text);
        cr_expect_str_eq(name.placement_ref, good[i].ref);
        cr_expect_eq(name.slot, good[i].slot);
    }
}

Test(names, refuses_what_is_no_session)
{
    static const char *const bad[] = {
        "",
        "@2026-11-20",
        "GDN-P014",
        "GDN-P014@",
        "GDN-P014@2026-11-31",
        "GDN-P014@2026-11-2",
        "GDN-P014@2026-11-20/",
        "GDN-P014@2026-11-20/0",
        "GDN-P014@2026-11-20/5",
        "GDN-P014@2026-11-20/12",
        "GDN-P014@2026-11-20-2",
        "1234567890123456789012345678901234567890123456789012345678901234x@2026-11-20",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct session_name name;
        cr_expect_eq(session_name_split(bad[i], &name, NULL), ERR_INVALID, "%s", bad[i]);
    }
}

Test(names, a_session_is_written_as_it_is_read)
{
    static const char *const texts[] = { "GDN-P014@2026-11-20", "GDN-P014@2026-11-20/2", "GDN-P014@2026-11-20/4" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct session_name name;
        char text[SESSION_NAME_SIZE];
        cr_assert_eq(session_name_split(texts[i], &name, NULL), ERR_OK);
        session_name_format(name.placement_ref, name.day, name.slot, text);
        cr_expect_str_eq(text, texts[i]);
    }
}

Test(names, a_flags_id_is_the_beginning_of_its_keys_hash)
{
    char id[FLAG_ID_SIZE];
    flag_id("abc", id);
    cr_expect_str_eq(id, "ba7816bf", "FIPS 180-4's example of SHA-256");
}

Test(peer, own_user_and_root_may_ask_and_others_need_the_group)
{
    uid_t me = geteuid();
    cr_expect(peer_may_ask(me, 12345, PEER_NO_GROUP));
    cr_expect(peer_may_ask(0, 12345, PEER_NO_GROUP));
    cr_expect_not(peer_may_ask(me + 54321, 12345, PEER_NO_GROUP));
    cr_expect_not(peer_may_ask(me + 54321, 12345, 12346));
    cr_expect(peer_may_ask(me + 54321, 12345, 12345));
}

Test(peer, has_a_name_in_the_record)
{
    char name[OP_ACTOR_MAX + 1];
    peer_actor(0, name);
    cr_expect_str_eq(name, "root");
    peer_actor(3999999999U, name);
    cr_expect_str_eq(name, "uid 3999999999");
}

Test(peer, who_asked_last_is_known_and_never_taken_for_another)
{
    struct peer_known known = { 0 };
    cr_assert_str_eq(peer_known_actor(&known, 0), "root");
    cr_assert_str_eq(peer_known_actor(&known, 0), "root");
    cr_assert_str_eq(peer_known_actor(&known, 3999999999U), "uid 3999999999");
    (void)snprintf(known.actor, sizeof(known.actor), "kept");
    cr_assert_str_eq(peer_known_actor(&known, 3999999999U), "kept", "the user database is not read again");
    known.until_ms = 0;
    cr_assert_str_eq(peer_known_actor(&known, 3999999999U), "uid 3999999999");
}

Test(peer, an_unknown_group_is_told)
{
    gid_t group;
    struct error err;
    cr_expect_eq(peer_group("no-such-group-here", &group, &err), ERR_CONFIG);
    cr_assert_eq(peer_group("", &group, &err), ERR_OK);
    cr_expect_eq(group, PEER_NO_GROUP);
}
