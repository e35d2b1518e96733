#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/cbor.h"
#include "sync/endpoint/core/private.h"
#include "sync/endpoint/core/strangers.h"
#include "world.h"

static struct centre_world world;
static struct device_key *key;
static struct device_key *other_key;
static struct buf certificate;
static char password[2 * ENROLMENT_SECRET_BYTES + 1];

static void begin(void)
{
    world_open(&world);
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    cr_assert(device_key_generate(&key, NULL) == ERR_OK);
    cr_assert(device_key_generate(&other_key, NULL) == ERR_OK);
    world_code(&world, "garden", password);
}

static void begin_heard(void)
{
    cr_redirect_stderr();
    begin();
}

static void end(void)
{
    device_key_free(key);
    device_key_free(other_key);
    buf_fini(&certificate);
    world_close(&world);
}

TestSuite(enrolment, .init = begin, .fini = end, .timeout = 60);

Test(enrolment, gives_a_certificate_for_the_codes_site_and_nothing_else)
{
    struct certificate parsed;
    uint8_t id[DEVICE_ID_BYTES];
    device_key_id(key, id);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK, "%s", world.err.message);
    cr_assert(certificate_verify(buf_slice(&certificate), centre_authority_certificate(world.centre), world.now_ms,
                                 &parsed, &world.err) == ERR_OK);
    cr_assert_eq(parsed.role, CERTIFICATE_ROLE_AGENT);
    cr_assert_eq(parsed.stream_count, 1);
    cr_assert_arr_eq(parsed.device, id, sizeof(id));
    json_t *devices = world_admin(&world, "devices", NULL);
    json_t *device = json_array_get(json_object_get(devices, "devices"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(device, "label")), "desk");
    cr_assert_str_eq(json_string_value(json_object_get(device, "state")), "active");
    json_decref(devices);
}

Test(enrolment, takes_a_code_once)
{
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    cr_assert_eq(world_enrol(&world, other_key, password, &certificate), ERR_REFUSED);
    world_reopen(&world);
    cr_assert_eq(world_enrol(&world, other_key, password, &certificate), ERR_REFUSED);
}

Test(enrolment, answers_the_same_device_again_when_its_answer_was_lost)
{
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    buf_clear(&certificate);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK, "%s", world.err.message);
    cr_assert_gt(certificate.len, 0);
}

Test(enrolment, refuses_a_code_that_has_run_out_or_never_was)
{
    cr_assert_eq(world_enrol(&world, key, "00000000000000000000", &certificate), ERR_REFUSED);
    cr_assert_eq(world_enrol(&world, key, "", &certificate), ERR_REFUSED);
    cr_assert_eq(world_enrol(&world, key, "zz", &certificate), ERR_REFUSED);
    world.now_ms += 49 * HOUR_MS;
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_REFUSED);
}

Test(enrolment, never_moves_a_device_to_another_site)
{
    char other[sizeof(password)];
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    world_code(&world, "other", other);
    cr_assert_eq(world_enrol(&world, key, other, &certificate), ERR_CONFLICT);
    cr_assert_eq(world_enrol(&world, other_key, other, &certificate), ERR_OK, "a refused try leaves the code unused");
}

Test(enrolment, never_takes_a_revoked_key_back)
{
    char digits[2 * DEVICE_ID_BYTES + 1];
    uint8_t id[DEVICE_ID_BYTES];
    char again[sizeof(password)];
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    device_key_id(key, id);
    hex_encode(id, sizeof(id), digits);
    json_decref(world_admin(&world, "revoke", json_pack("{s:s}", "device", digits)));
    world_code(&world, "garden", again);
    cr_assert_eq(world_enrol(&world, key, again, &certificate), ERR_REVOKED);
}

Test(enrolment, refuses_a_request_that_is_none)
{
    struct buf out;
    uint8_t nonsense[100] = { 0x30, 0x62 };
    buf_init(&out, CERTIFICATE_DER_MAX);
    cr_assert_neq(
        centre_enrol(world.centre, password, slice_of(nonsense, sizeof(nonsense)), world.now_ms, &out, &world.err),
        ERR_OK);
    cr_assert_eq(out.len, 0);
    buf_fini(&out);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK, "the code was not used up");
}

static enum err_code renew(const struct device_key *with, struct buf *out)
{
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf pkcs7;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&pkcs7, 2 * CERTIFICATE_DER_MAX);
    cr_assert(device_key_request(with, "laptop", &request, NULL) == ERR_OK);
    TRY(centre_renew(world.centre, buf_slice(&certificate), buf_slice(&request), world.now_ms, &pkcs7, &world.err));
    return pkcs7_first(buf_slice(&pkcs7), out, &world.err);
}

Test(enrolment, renews_for_the_same_key_and_only_while_valid)
{
    SCOPED(buf_fini) struct buf renewed;
    struct certificate parsed;
    buf_init(&renewed, CERTIFICATE_DER_MAX);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    world.now_ms += 300 * DAYS_MS;
    cr_assert_eq(renew(key, &renewed), ERR_OK, "%s", world.err.message);
    cr_assert(certificate_parse(buf_slice(&renewed), &parsed, NULL) == ERR_OK);
    cr_assert_gt(parsed.not_after_ms, world.now_ms + 360 * DAYS_MS);
    cr_assert_eq(renew(other_key, &renewed), ERR_REFUSED);
    world.now_ms += 100 * DAYS_MS;
    cr_assert_eq(renew(key, &renewed), ERR_TLS);
}

Test(enrolment, tells_the_device_its_site)
{
    SCOPED(buf_fini) struct buf out;
    buf_init(&out, 8192);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    cr_assert_eq(centre_site_info(world.centre, buf_slice(&certificate), world.now_ms, &out, &world.err), ERR_OK);
    struct dcbor_reader r = dcbor_reader_begin(buf_slice(&out), &world.err);
    cr_assert_eq(dcbor_get_map(&r, 3), 3);
    cr_assert_eq(dcbor_get_uint(&r, 3), 1);
    cr_assert(slice_equal(dcbor_get_text(&r, 100), slice_of_text("garden")));
    cr_assert_eq(dcbor_get_uint(&r, 3), 2);
    cr_assert(slice_equal(dcbor_get_text(&r, 100), slice_of_text("one")));
    cr_assert_eq(dcbor_get_uint(&r, 3), 3);
    cr_assert(slice_equal(dcbor_get_bytes(&r, 1, CERTIFICATE_DER_MAX), centre_signing_certificate(world.centre)));
    cr_assert_eq(dcbor_reader_end(&r), ERR_OK);
}

Test(enrolment, makes_a_new_server_certificate_for_new_names_or_when_the_old_runs_out)
{
    bool renewed = true;
    cr_assert_eq(centre_server_renew(world.centre, NULL, world.now_ms, &renewed, &world.err), ERR_OK);
    cr_assert_not(renewed);
    cr_assert_eq(centre_server_renew(world.centre, "centre.example,10.0.0.1", world.now_ms, &renewed, &world.err),
                 ERR_OK, "%s", world.err.message);
    cr_assert(renewed);
    cr_assert_eq(centre_server_renew(world.centre, NULL, world.now_ms, &renewed, &world.err), ERR_OK);
    cr_assert_not(renewed);
    world.now_ms += 400 * DAYS_MS;
    cr_assert_eq(centre_server_renew(world.centre, NULL, world.now_ms, &renewed, &world.err), ERR_OK);
    cr_assert(renewed);
    cr_assert_eq(centre_server_renew(world.centre, " , ", world.now_ms, &renewed, &world.err), ERR_INVALID);
}

static void server_dates(struct certificate *ret_certificate)
{
    SCOPED(secret_free) struct secret key_pem = { 0 };
    SCOPED(buf_fini) struct buf pem;
    SCOPED(buf_fini) struct buf der;
    buf_init(&pem, 16384);
    buf_init(&der, CERTIFICATE_DER_MAX);
    cr_assert_eq(centre_server_pem(world.centre, world.now_ms, &key_pem, &pem, &world.err), ERR_OK);
    cr_assert_eq(certificate_from_pem(buf_slice(&pem), &der, &world.err), ERR_OK);
    cr_assert_eq(certificate_parse(buf_slice(&der), ret_certificate, &world.err), ERR_OK);
}

static bool server_made_anew(void)
{
    bool renewed;
    cr_assert_eq(centre_server_renew(world.centre, NULL, world.now_ms, &renewed, &world.err), ERR_OK, "%s",
                 world.err.message);
    return renewed;
}

Test(enrolment, has_a_server_certificate_for_now_also_when_the_clock_was_ahead_or_far_behind_as_it_started)
{
    struct certificate server;
    const int64_t now_ms = world.now_ms;
    world.now_ms = now_ms + 731 * DAYS_MS;
    cr_assert(server_made_anew());
    world.now_ms = now_ms; /* somebody sets it right */
    server_dates(&server);
    cr_assert_leq(server.not_before_ms, now_ms);
    cr_assert_not(server_made_anew());
    world.now_ms = DAYS_MS; /* no battery, and not set yet */
    cr_assert_not(server_made_anew());
}

/* As a centre made it once whose clock was ahead. */
static void keep_server_from(int64_t from_ms)
{
    static const char *const hosts[] = { "127.0.0.1" };
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_SERVER,
                                       .common_name = "server",
                                       .host_names = hosts,
                                       .host_name_count = 1,
                                       .not_before_ms = from_ms,
                                       .not_after_ms = from_ms + 730 * DAYS_MS };
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf der;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&der, CERTIFICATE_DER_MAX);
    cr_assert_eq(device_key_request(key, "server", &request, &world.err), ERR_OK);
    cr_assert_eq(authority_issue(world.centre->authorities.present, buf_slice(&request), &grant, &der, &world.err),
                 ERR_OK);
    const struct centre_material material = { MATERIAL_SERVER_CERTIFICATE, buf_slice(&der) };
    cr_assert_eq(centre_material_replace(world.centre->store, &material, 1, &world.err), ERR_OK);
}

Test(enrolment, makes_another_server_certificate_for_one_that_begins_later)
{
    struct certificate server;
    keep_server_from(world.now_ms + 300 * DAYS_MS);
    cr_assert(server_made_anew());
    server_dates(&server);
    cr_assert(server.not_before_ms <= world.now_ms && server.not_after_ms > world.now_ms + 700 * DAYS_MS);
    keep_server_from(world.now_ms + 300 * DAYS_MS);
    world.now_ms = DAYS_MS; /* this clock is no better */
    cr_assert_not(server_made_anew());
}

Test(enrolment, makes_a_centre_only_once)
{
    cr_assert_eq(centre_create(world.vault, "again", "localhost", world.now_ms, &world.err) == ERR_OK, false);
}

/* ---- the authority's roll-over ---- */

static void authorities_given(struct buf *out)
{
    SCOPED(buf_fini) struct buf pkcs7;
    buf_init(&pkcs7, 2 * AUTHORITIES_DER_MAX);
    cr_assert(centre_authorities(world.centre, world.now_ms, &pkcs7, &world.err) == ERR_OK, "%s", world.err.message);
    cr_assert(pkcs7_all(buf_slice(&pkcs7), out, &world.err) == ERR_OK, "%s", world.err.message);
}

static enum err_code site_as(const struct buf *der)
{
    SCOPED(buf_fini) struct buf cbor;
    buf_init(&cbor, 16384);
    return centre_site_info(world.centre, buf_slice(der), world.now_ms, &cbor, &world.err);
}

static void open_spent(const char *path)
{
    cr_assert_eq(centre_spent_open(world.centre, path, world.now_ms, &world.err), ERR_OK, "%s", world.err.message);
}

Test(enrolment, keeps_what_is_spent_in_a_file_of_its_own)
{
    char path[80];
    uint8_t id[DEVICE_ID_BYTES];
    char digits[2 * DEVICE_ID_BYTES + 1];
    (void)snprintf(path, sizeof(path), "%s-spent", world.folder);
    world_save(&world);
    open_spent(path);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    world_put_back(&world);
    open_spent(path);
    cr_assert_eq(world_enrol(&world, other_key, password, &certificate), ERR_REFUSED, "another had used it");
    buf_clear(&certificate);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK, "%s", world.err.message);
    world_save(&world);
    open_spent(path);
    device_key_id(key, id);
    hex_encode(id, sizeof(id), digits);
    json_decref(world_admin(&world, "revoke", json_pack("{s:s}", "device", digits)));
    world_put_back(&world);
    open_spent(path);
    cr_assert_eq(site_as(&certificate), ERR_REVOKED);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_REVOKED);
    json_decref(world_admin(&world, "reinstate", json_pack("{s:s}", "device", digits)));
    world_reopen(&world);
    open_spent(path);
    cr_assert_eq(site_as(&certificate), ERR_OK, "%s", world.err.message);
    cr_assert_eq(unlink(path), 0);
}

Test(enrolment, a_used_code_that_the_file_lacks_is_put_there_at_the_start)
{
    char path[80];
    (void)snprintf(path, sizeof(path), "%s-spent", world.folder);
    world_save(&world);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK, "%s", world.err.message);
    world_reopen(&world);
    open_spent(path); /* the power went before the file had it, or the file was lost */
    world_put_back(&world);
    open_spent(path);
    cr_assert_eq(world_enrol(&world, other_key, password, &certificate), ERR_REFUSED, "another had used it");
    buf_clear(&certificate);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK, "%s", world.err.message);
    cr_assert_eq(unlink(path), 0);
}

Test(enrolment, revoked_is_revoked_where_the_file_cannot_be_written)
{
    char path[96];
    uint8_t id[DEVICE_ID_BYTES];
    char digits[2 * DEVICE_ID_BYTES + 1];
    json_t *answer = NULL;
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK, "%s", world.err.message);
    world_reopen(&world);
    (void)snprintf(path, sizeof(path), "%s/gone", world.folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/gone/spent", world.folder);
    open_spent(path);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(dirname(path)), 0);
    device_key_id(key, id);
    hex_encode(id, sizeof(id), digits);
    json_t *arguments = json_pack("{s:s}", "device", digits);
    cr_assert_neq(centre_admin(world.centre, "revoke", arguments, world.now_ms, &answer, &world.err), ERR_OK);
    cr_assert_not_null(strstr(world.err.message, "which it is now"), "%s", world.err.message);
    cr_assert(json_is_string(json_object_get(answer, "revoked_at")), "who waits is let go by it");
    json_decref(arguments);
    json_decref(answer);
    cr_assert_eq(site_as(&certificate), ERR_REVOKED);
}

Test(enrolment, is_in_the_log_where_the_file_cannot_be_written_and_so_is_that, .init = begin_heard)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/gone", world.folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/gone/spent", world.folder);
    open_spent(path);
    cr_assert_eq(rmdir(dirname(path)), 0);
    log_set_level(LOG_LEVEL_INFO);
    cr_assert_neq(world_enrol(&world, key, password, &certificate), ERR_OK);
    log_set_level(LOG_LEVEL_ERROR);
    cr_assert_not_null(strstr(world.err.message, "which it is now"), "%s", world.err.message);
    char said[4096] = "";
    FILE *heard = cr_get_redirected_stderr();
    size_t len = fread(said, 1, sizeof(said) - 1, heard);
    said[len] = '\0';
    cr_expect_not_null(strstr(said, "device_enrolled"), "%s", said);
    cr_expect_not_null(strstr(said, "used_code_not_kept"), "%s", said);
}

static void roll(int days)
{
    json_decref(world_admin(&world, "ca-roll", json_pack("{s:i}", "overlap_days", days)));
}

Test(enrolment, a_device_follows_a_new_authority_and_the_old_one_ends_at_its_date)
{
    SCOPED(buf_fini) struct buf trusted;
    SCOPED(buf_fini) struct buf given;
    SCOPED(buf_fini) struct buf known;
    SCOPED(buf_fini) struct buf renewed;
    struct certificate parsed;
    buf_init(&trusted, AUTHORITIES_DER_MAX);
    buf_init(&given, AUTHORITIES_DER_MAX);
    buf_init(&known, AUTHORITIES_DER_MAX);
    buf_init(&renewed, CERTIFICATE_DER_MAX);
    struct slice old = centre_authority_certificate(world.centre);
    cr_assert(buf_append(&trusted, old.data, old.len, NULL) == ERR_OK);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    roll(30);
    world_reopen(&world);
    cr_assert_eq(site_as(&certificate), ERR_OK, "in the overlap: %s", world.err.message);
    authorities_given(&given);
    cr_assert(authorities_follow(buf_slice(&given), buf_slice(&trusted), world.now_ms, &known, &world.err) == ERR_OK,
              "%s", world.err.message);
    cr_assert_eq(renew(key, &renewed), ERR_OK, "%s", world.err.message);
    cr_assert(certificate_verify(buf_slice(&renewed), authorities_present(buf_slice(&known)), world.now_ms, &parsed,
                                 &world.err) == ERR_OK);
    world.now_ms += 31 * DAYS_MS;
    cr_assert_eq(site_as(&certificate), ERR_TLS);
    cr_assert_eq(site_as(&renewed), ERR_OK, "%s", world.err.message);
    world_verify(&world);
}

Test(enrolment, signs_for_now_also_when_the_clock_was_a_day_ahead_as_the_authority_was_made)
{
    struct certificate signing;
    world.now_ms += DAYS_MS;
    roll(30);
    world.now_ms -= DAYS_MS;
    cr_assert_eq(certificate_verify(centre_signing_certificate(world.centre),
                                    centre_authority_certificate(world.centre), world.now_ms, &signing, &world.err),
                 ERR_OK, "%s", world.err.message);
    cr_assert_leq(signing.not_before_ms, world.now_ms);
}

Test(enrolment, says_who_has_still_to_follow_and_retires_at_once_when_asked)
{
    SCOPED(buf_fini) struct buf renewed;
    buf_init(&renewed, CERTIFICATE_DER_MAX);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    roll(30);
    json_t *before = world_admin(&world, "ca", NULL);
    cr_assert_eq(json_integer_value(json_object_get(before, "devices_to_follow")), 1);
    json_decref(before);
    cr_assert(centre_authority_roll(world.centre, DAYS_MS, world.now_ms, &world.err) == ERR_CONFLICT);
    json_t *refused = NULL;
    cr_assert_eq(centre_admin(world.centre, "ca-retire", NULL, world.now_ms, &refused, &world.err), ERR_REFUSED);
    cr_assert_not_null(strstr(world.err.message, "enrol --again"), "%s", world.err.message);
    cr_assert_eq(renew(key, &renewed), ERR_OK);
    json_t *after = world_admin(&world, "ca-retire", NULL);
    cr_assert_eq(json_integer_value(json_object_get(after, "devices_to_follow")), 0);
    json_decref(after);
    cr_assert_eq(site_as(&certificate), ERR_TLS);
    cr_assert_eq(site_as(&renewed), ERR_OK);
    cr_assert(centre_authority_retire(world.centre, world.now_ms, &world.err) == ERR_CONFLICT);
}

Test(enrolment, a_device_that_was_away_comes_back_with_a_code_and_its_own_key)
{
    char again[sizeof(password)];
    SCOPED(buf_fini) struct buf renewed;
    buf_init(&renewed, CERTIFICATE_DER_MAX);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    roll(30);
    world.now_ms += 400 * DAYS_MS;
    cr_assert_eq(renew(key, &renewed), ERR_TLS);
    world_code(&world, "garden", again);
    cr_assert_eq(world_enrol(&world, key, again, &renewed), ERR_OK, "%s", world.err.message);
    cr_assert_eq(site_as(&renewed), ERR_OK);
    json_t *devices = world_admin(&world, "devices", NULL);
    cr_assert_eq(json_array_size(json_object_get(devices, "devices")), 1);
    json_decref(devices);
}

Test(enrolment, a_reinstated_device_is_let_in_again)
{
    char digits[2 * DEVICE_ID_BYTES + 1];
    uint8_t id[DEVICE_ID_BYTES];
    device_key_id(key, id);
    hex_encode(id, sizeof(id), digits);
    cr_assert_eq(world_enrol(&world, key, password, &certificate), ERR_OK);
    json_decref(world_admin(&world, "revoke", json_pack("{s:s}", "device", digits)));
    cr_assert_eq(site_as(&certificate), ERR_REVOKED);
    json_decref(world_admin(&world, "reinstate", json_pack("{s:s}", "device", digits)));
    cr_assert_eq(site_as(&certificate), ERR_OK);
}

/* ---- how many wrong codes are borne ---- */

static void was_wrong(struct strangers *strangers, uint32_t from, int times, int64_t now_ms)
{
    uint8_t address[STRANGERS_ADDRESS_BYTES] = { 0 };
    put_be32(address, from);
    for (int i = 0; i < times; i++) {
        strangers_was_wrong(strangers, address, now_ms);
    }
}

static unsigned must_wait_s(const struct strangers *strangers, uint32_t from, int64_t now_ms)
{
    uint8_t address[STRANGERS_ADDRESS_BYTES] = { 0 };
    put_be32(address, from);
    return strangers_wait_s(strangers, address, now_ms);
}

Test(enrolment, so_many_wrong_codes_an_hour_are_borne_from_one_address_and_not_from_another)
{
    static struct strangers strangers;
    was_wrong(&strangers, 1, STRANGERS_WRONG_MAX - 1, 1000);
    cr_assert_eq(must_wait_s(&strangers, 1, 1000), 0);
    was_wrong(&strangers, 1, 1, 2000);
    cr_assert_eq(must_wait_s(&strangers, 1, 2000), 3599);
    cr_assert_eq(must_wait_s(&strangers, 2, 2000), 0);
    cr_assert_eq(must_wait_s(&strangers, 1, 1000 + HOUR_MS), 0);
    was_wrong(&strangers, 1, 1, 1000 + HOUR_MS);
    cr_assert_eq(must_wait_s(&strangers, 1, 1000 + HOUR_MS), 0, "the hour begins anew");
}

Test(enrolment, so_many_wrong_codes_an_hour_are_borne_from_all)
{
    static struct strangers strangers;
    for (uint32_t from = 1; from <= STRANGERS_ALL_MAX; from++) {
        cr_assert_eq(must_wait_s(&strangers, 0, from), 0, "%u", from);
        was_wrong(&strangers, from, 1, from);
    }
    cr_assert_gt(must_wait_s(&strangers, 0, STRANGERS_ALL_MAX), 0);
    cr_assert_eq(must_wait_s(&strangers, 0, 1 + HOUR_MS), 0);
}

Test(enrolment, a_flood_of_addresses_forgets_the_oldest_of_them_only)
{
    static struct strangers strangers;
    was_wrong(&strangers, 7, STRANGERS_WRONG_MAX, 5 * HOUR_MS);
    for (uint32_t i = 1; i < STRANGERS_KEPT; i++) {
        was_wrong(&strangers, 1000 + i, 1, 3 * HOUR_MS + i);
    }
    was_wrong(&strangers, 5000, 1, 5 * HOUR_MS);
    cr_assert_gt(must_wait_s(&strangers, 7, 5 * HOUR_MS), 0);
}
