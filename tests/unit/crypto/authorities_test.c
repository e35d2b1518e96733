/* Who is trusted before, during and after a change of the authority's key. */
#include "fixture.h"

#include "crypto/digest.h"

#define LATER_MS (NOW_MS + 100 * DAY_MS)

static struct world world;
static struct authority *successor;
static struct buf given; /* as a centre gives it in the overlap */
static struct buf known;
static struct buf issued; /* by the successor, for world.key */

static void add(struct buf *list, struct slice der)
{
    assert_ok(buf_append(list, der.data, der.len, err));
}

static void setup(void)
{
    struct certificate_grant grant = agent_grant();
    world_init(&world);
    buf_init(&given, AUTHORITIES_DER_MAX);
    buf_init(&known, AUTHORITIES_DER_MAX);
    buf_init(&issued, CERTIFICATE_DER_MAX);
    assert_ok(authority_successor(world.authority, NOW_MS, &successor, err));
    add(&given, authority_certificate(successor));
    assert_ok(authority_vouch(world.authority, authority_certificate(successor), LATER_MS, &given, err));
    assert_ok(authority_vouch(successor, authority_certificate(world.authority), INT64_MAX, &given, err));
    assert_ok(authority_issue(successor, buf_slice(&world.request), &grant, &issued, err));
}

static void teardown(void)
{
    authority_free(successor);
    buf_fini(&given);
    buf_fini(&known);
    buf_fini(&issued);
    world_fini(&world);
}

TestSuite(authorities, .init = setup, .fini = teardown, .timeout = 60);

static void expect_verifies(struct buf *certificate, struct slice authorities, enum err_code wanted)
{
    struct certificate parsed;
    struct error err = { .message = "" };
    cr_assert_eq(certificate_verify(buf_slice(certificate), authorities, NOW_MS + DAY_MS, &parsed, &err), wanted, "%s",
                 err.message);
}

Test(authorities, the_successor_is_trusted_through_the_one_before_and_alone_from_then_on)
{
    assert_ok(authorities_follow(buf_slice(&given), world_ca(&world), NOW_MS, &known, err));
    cr_assert(slice_equal(authorities_present(buf_slice(&known)), authority_certificate(successor)));
    expect_verifies(&issued, authorities_present(buf_slice(&known)), ERR_OK);
    expect_verifies(&world.certificate, authorities_present(buf_slice(&known)), ERR_TLS);
    expect_verifies(&world.certificate, buf_slice(&known), ERR_OK);
}

/* Who reads them takes the one that begins last for the present one, and certificates tell whole seconds. */
Test(authorities, a_successor_of_the_same_second_begins_in_the_next_one)
{
    static const int64_t later_ms[] = { 0, 1, 500, 999, 1000, 1999 };
    int64_t first_ms;
    assert_ok(authority_from(world.authority, &first_ms, err));
    for (size_t i = 0; i < ARRAY_LEN(later_ms); i++) {
        struct authority *next = NULL;
        int64_t from_ms;
        assert_ok(authority_successor(world.authority, NOW_MS + later_ms[i], &next, err));
        assert_ok(authority_from(next, &from_ms, err));
        cr_expect_geq(from_ms, first_ms + 1000, "%lld ms later", (long long)later_ms[i]);
        authority_free(next);
    }
}

Test(authorities, whoever_begins_with_the_successor_still_knows_who_signed_before_it)
{
    assert_ok(authorities_follow(buf_slice(&given), authority_certificate(successor), LATER_MS + DAY_MS, &known, err));
    expect_verifies(&world.certificate, buf_slice(&known), ERR_OK);
}

Test(authorities, a_chain_of_the_new_one_holds_for_who_trusts_only_the_old_one)
{
    SCOPED(buf_fini) struct buf both;
    buf_init(&both, AUTHORITIES_DER_MAX);
    add(&both, world_ca(&world));
    assert_ok(authority_vouch(world.authority, authority_certificate(successor), LATER_MS, &both, err));
    expect_verifies(&issued, buf_slice(&both), ERR_OK);
}

Test(authorities, nothing_new_leaves_what_is_known)
{
    assert_ok(authorities_follow(world_ca(&world), world_ca(&world), NOW_MS, &known, err));
    cr_assert(slice_equal(buf_slice(&known), world_ca(&world)));
}

Test(authorities, one_that_nobody_vouches_for_is_refused)
{
    cr_assert_eq(authorities_follow(authority_certificate(successor), world_ca(&world), NOW_MS, &known, NULL), ERR_TLS);
    cr_assert_eq(known.len, 0);
}

Test(authorities, one_that_an_impostor_of_the_same_name_vouches_for_is_refused)
{
    struct authority *impostor;
    struct authority *his;
    SCOPED(buf_fini) struct buf list;
    buf_init(&list, AUTHORITIES_DER_MAX);
    assert_ok(authority_successor(world.authority, NOW_MS, &impostor, err));
    assert_ok(authority_successor(impostor, NOW_MS + DAY_MS, &his, err));
    add(&list, authority_certificate(his));
    assert_ok(authority_vouch(impostor, authority_certificate(his), LATER_MS, &list, err));
    assert_ok(authority_vouch(impostor, world_ca(&world), LATER_MS, &list, err));
    cr_assert_eq(authorities_follow(buf_slice(&list), world_ca(&world), NOW_MS, &known, NULL), ERR_TLS);
    cr_assert_eq(known.len, 0);
    authority_free(impostor);
    authority_free(his);
}

Test(authorities, after_the_overlap_the_old_one_leads_nowhere)
{
    cr_assert_eq(authorities_follow(buf_slice(&given), world_ca(&world), LATER_MS + DAY_MS, &known, NULL), ERR_TLS);
}

Test(authorities, a_device_certificate_vouches_for_nothing)
{
    SCOPED(buf_fini) struct buf list;
    buf_init(&list, AUTHORITIES_DER_MAX);
    add(&list, authority_certificate(successor));
    add(&list, buf_slice(&world.certificate));
    cr_assert_eq(authorities_follow(buf_slice(&list), world_ca(&world), NOW_MS, &known, NULL), ERR_TLS);
    cr_assert_eq(authorities_follow(buf_slice(&list), buf_slice(&world.certificate), NOW_MS, &known, NULL), ERR_TLS);
}

Test(authorities, a_code_of_before_and_one_of_after_both_lead_to_the_present_one)
{
    const struct slice ends[] = { world_ca(&world), authority_certificate(successor) };
    add(&given, world_ca(&world));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        uint8_t digest[SHA256_BYTES];
        sha256(&ends[i], 1, digest);
        buf_clear(&known);
        assert_ok(
            authorities_pinned(buf_slice(&given), slice_of(digest, ENROLMENT_PIN_BYTES), NOW_MS + DAY_MS, &known, err));
        cr_assert(slice_equal(authorities_present(buf_slice(&known)), authority_certificate(successor)), "%zu", i);
        digest[0] ^= 1;
        assert_fails(authorities_pinned(buf_slice(&given), slice_of(digest, ENROLMENT_PIN_BYTES), NOW_MS, &known, err),
                     TLS);
    }
}

Test(authorities, a_third_one_follows_from_the_second)
{
    struct authority *third;
    SCOPED(buf_fini) struct buf list;
    SCOPED(buf_fini) struct buf last;
    buf_init(&list, AUTHORITIES_DER_MAX);
    buf_init(&last, AUTHORITIES_DER_MAX);
    assert_ok(authorities_follow(buf_slice(&given), world_ca(&world), NOW_MS, &known, err));
    assert_ok(authority_successor(successor, LATER_MS, &third, err));
    add(&list, authority_certificate(third));
    assert_ok(authority_vouch(successor, authority_certificate(third), LATER_MS + 90 * DAY_MS, &list, err));
    assert_ok(authorities_follow(buf_slice(&list), buf_slice(&known), LATER_MS, &last, err));
    expect_verifies(&world.certificate, buf_slice(&last), ERR_OK);
    expect_verifies(&issued, buf_slice(&last), ERR_OK);
    expect_verifies(&issued, authorities_present(buf_slice(&last)), ERR_TLS);
    authority_free(third);
}

Test(authorities, every_cut_and_every_changed_byte_of_a_list_is_borne)
{
    add(&given, world_ca(&world));
    for (size_t len = 0; len < given.len; len += 7) {
        uint8_t *copy = exact_copy(slice_of(given.data, len));
        buf_clear(&known);
        (void)!authorities_follow(slice_of(copy, len), world_ca(&world), NOW_MS, &known, NULL);
        free(copy);
    }
    for (size_t i = 0; i < given.len; i += 11) {
        given.data[i] ^= 0x41;
        buf_clear(&known);
        if (authorities_follow(buf_slice(&given), world_ca(&world), NOW_MS, &known, NULL) == ERR_OK) {
            struct slice present = authorities_present(buf_slice(&known));
            cr_assert(slice_equal(present, authority_certificate(successor)) || slice_equal(present, world_ca(&world)));
        }
        given.data[i] ^= 0x41;
    }
}

Test(authorities, vouching_is_for_authorities_of_the_same_name_only)
{
    struct authority *other;
    assert_ok(authority_new("Another centre", NOW_MS, &other, err));
    assert_fails(authority_vouch(other, world_ca(&world), LATER_MS, &known, err), INVALID);
    assert_fails(authority_vouch(world.authority, buf_slice(&world.certificate), LATER_MS, &known, err), INVALID);
    cr_assert_eq(known.len, 0);
    authority_free(other);
}

Test(authorities, one_that_a_person_told_to_leave_still_vouches_for_what_it_issued)
{
    struct authority *stranger;
    SCOPED(buf_fini) struct buf list;
    buf_init(&list, AUTHORITIES_DER_MAX);
    assert_ok(authority_new("Another centre", NOW_MS, &stranger, err));
    add(&list, authority_certificate(stranger));
    expect_verifies(&world.certificate, buf_slice(&list), ERR_TLS);
    assert_ok(authorities_remember(world_ca(&world), &list, err));
    cr_assert(slice_equal(authorities_present(buf_slice(&list)), authority_certificate(stranger)));
    expect_verifies(&world.certificate, buf_slice(&list), ERR_OK);
    size_t len = list.len;
    assert_ok(authorities_remember(world_ca(&world), &list, err));
    cr_assert_eq(list.len, len, "what is known is not listed twice");
    authority_free(stranger);
}
