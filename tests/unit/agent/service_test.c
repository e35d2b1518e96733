/* The parts of the service that need a loop or the environment, without a network. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enrolment_check.h"
#include "agent/lockbox.h"
#include "agent/renewal.h"
#include "agent/settings_table.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/cbor.h"

struct box {
    uv_loop_t loop;
    struct lockbox box;
    char folder[64];
    char path[96];
    char key_path[96];
    enum err_code rc;
    int done;
};

static void box_start(struct box *box)
{
    struct error err;
    *box = (struct box){ .folder = "/tmp/lockbox_test_XXXXXX" };
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    cr_assert_not_null(mkdtemp(box->folder));
    (void)snprintf(box->path, sizeof(box->path), "%s/replica.db", box->folder);
    (void)snprintf(box->key_path, sizeof(box->key_path), "%s/vault.key", box->folder);
    cr_assert_eq(uv_loop_init(&box->loop), 0);
    lockbox_init(&box->box, &box->loop, box->path);
}

static void box_stop(struct box *box)
{
    static const char *const names[] = { "replica.db",           "replica.db-wal",   "replica.db.keys",
                                         "replica.db.keys.prev", "replica.db.fresh", "vault.key" };
    lockbox_close(&box->box);
    cr_assert_eq(uv_loop_close(&box->loop), 0);
    uv_library_shutdown(); /* its thread ends before the leak check */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", box->folder, names[i]);
        (void)unlink(path);
    }
    cr_assert_eq(rmdir(box->folder), 0);
}

static void on_done(void *context, enum err_code rc, const struct error *err)
{
    struct box *box = context;
    (void)err;
    box->rc = rc;
    box->done++;
}

static enum err_code open_box(struct box *box, enum vault_slot_kind kind, struct secret *secret, bool create)
{
    struct error err;
    box->done = 0;
    enum err_code rc = lockbox_open(&box->box, kind, secret, create, on_done, box, &err);
    if (rc != ERR_OK) {
        return rc;
    }
    cr_expect_eq(box->done, 0, "never inside the call");
    (void)uv_run(&box->loop, UV_RUN_DEFAULT);
    cr_expect_eq(box->done, 1, "exactly once");
    return box->rc;
}

static enum err_code open_with(struct box *box, const char *passphrase, bool create)
{
    struct secret secret;
    struct error err;
    cr_assert_eq(secret_copy(slice_of_text(passphrase), &secret, &err), ERR_OK);
    return open_box(box, VAULT_SLOT_PASSPHRASE, &secret, create);
}

Test(lockbox, opens_with_the_passphrase_it_was_made_with)
{
    struct box box;
    box_start(&box);
    cr_expect_eq(open_with(&box, "correct horse battery", false), ERR_NOT_FOUND);
    cr_expect_eq(open_with(&box, "too short", true), ERR_INVALID);
    cr_assert_eq(open_with(&box, "correct horse battery", true), ERR_OK);
    cr_expect_eq(box.box.state, LOCKBOX_OPEN);
    lockbox_close(&box.box);
    cr_expect_eq(open_with(&box, "correct horse batterz", false), ERR_KEY);
    cr_expect_eq(box.box.state, LOCKBOX_LOCKED);
    cr_expect_eq(open_with(&box, "correct horse battery", true), ERR_CONFLICT);
    cr_expect_eq(open_with(&box, "correct horse battery", false), ERR_OK);
    box_stop(&box);
}

Test(lockbox, makes_a_key_file_only_when_nothing_can_be_lost)
{
    struct box box;
    struct secret key;
    struct error err;
    struct stat status;
    box_start(&box);
    cr_expect_neq(lockbox_key_file(&box.box, box.key_path, false, &key, &err), ERR_OK);
    cr_assert_eq(lockbox_key_file(&box.box, box.key_path, true, &key, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(stat(box.key_path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    cr_assert_eq(open_box(&box, VAULT_SLOT_KEY_FILE, &key, true), ERR_OK);
    lockbox_close(&box.box);
    cr_assert_eq(lockbox_key_file(&box.box, box.key_path, true, &key, &err), ERR_OK, "the same is read again");
    cr_assert_eq(open_box(&box, VAULT_SLOT_KEY_FILE, &key, false), ERR_OK);
    lockbox_close(&box.box);
    cr_assert_eq(unlink(box.key_path), 0);
    cr_expect_neq(lockbox_key_file(&box.box, box.key_path, true, &key, &err), ERR_OK,
                  "a replica is there: another key would never open it");
    cr_expect_not(file_exists(box.key_path));
    box_stop(&box);
}

Test(lockbox, refuses_a_key_file_of_another_size)
{
    struct box box;
    struct secret key;
    struct error err;
    uint8_t bytes[VAULT_KEY_FILE_BYTES + 1] = { 1 };
    box_start(&box);
    cr_assert_eq(file_replace(box.key_path, slice_of(bytes, VAULT_KEY_FILE_BYTES - 1), 0600, &err), ERR_OK);
    cr_expect_eq(lockbox_key_file(&box.box, box.key_path, true, &key, &err), ERR_KEY);
    cr_assert_eq(file_replace(box.key_path, slice_of(bytes, sizeof(bytes)), 0600, &err), ERR_OK);
    cr_expect_eq(lockbox_key_file(&box.box, box.key_path, true, &key, &err), ERR_KEY);
    box_stop(&box);
}

Test(enrolment, takes_https_addresses_only)
{
    static const char *const good[] = { "https://centre.example", "https://centre.example:8443/", "https://[::1]:8443",
                                        "https://127.0.0.1:8443/holdfast" };
    static const char *const bad[] = { "",
                                       "https://",
                                       "http://centre.example",
                                       "centre.example",
                                       "https://user@centre.example",
                                       "https://centre.example?x=1",
                                       "https://centre.example#x",
                                       "https://centre.example/a b",
                                       "https://centre.example/\n",
                                       "https://caf\xc3\xa9.example" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        cr_expect_eq(enrolment_endpoint_check(good[i], NULL), ERR_OK, "%s", good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_eq(enrolment_endpoint_check(bad[i], NULL), ERR_INVALID, "%s", bad[i]);
    }
}

/* ---- what GET /v1/site answers ---- */

struct centre {
    struct authority *authority;
    struct store_identity identity; /* only its CA */
    struct buf certificate;
};

static void centre_start(struct centre *centre, enum certificate_role role)
{
    struct error err;
    struct device_key *key;
    struct buf request;
    *centre = (struct centre){ 0 };
    cr_assert_eq(secret_init(&err), ERR_OK);
    cr_assert_eq(authority_new("centre", clock_wall_ms(), &centre->authority, &err), ERR_OK);
    cr_assert_eq(device_key_generate(&key, &err), ERR_OK);
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&centre->certificate, CERTIFICATE_DER_MAX);
    buf_init(&centre->identity.ca, CERTIFICATE_DER_MAX);
    cr_assert_eq(device_key_request(key, "centre", &request, &err), ERR_OK);
    const char *const hosts[] = { "localhost" };
    struct certificate_grant grant = { .role = role,
                                       .common_name = "centre",
                                       .host_names = role == CERTIFICATE_ROLE_SERVER ? hosts : NULL,
                                       .host_name_count = role == CERTIFICATE_ROLE_SERVER,
                                       .not_before_ms = clock_wall_ms() - 1000,
                                       .not_after_ms = clock_wall_ms() + 1000000 };
    cr_assert_eq(authority_issue(centre->authority, buf_slice(&request), &grant, &centre->certificate, &err), ERR_OK,
                 "%s", err.message);
    struct slice ca = authority_certificate(centre->authority);
    cr_assert_eq(buf_append(&centre->identity.ca, ca.data, ca.len, &err), ERR_OK);
    device_key_free(key);
    buf_fini(&request);
}

static void centre_stop(struct centre *centre)
{
    authority_free(centre->authority);
    buf_fini(&centre->certificate);
    buf_fini(&centre->identity.ca);
}

static enum err_code read_site(const struct centre *centre, const char *name, struct slice certificate, size_t extra)
{
    struct buf body;
    struct error err;
    struct enrolment_site site;
    buf_init(&body, 8192);
    struct dcbor_writer w = dcbor_writer_begin(&body, &err);
    dcbor_put_map(&w, 3 + extra);
    dcbor_put_uint(&w, 1);
    dcbor_put_text(&w, slice_of_text(name));
    dcbor_put_uint(&w, 2);
    dcbor_put_text(&w, slice_of_text("Sunny Bank"));
    dcbor_put_uint(&w, 3);
    dcbor_put_bytes(&w, certificate.data, certificate.len);
    if (extra > 0) {
        dcbor_put_uint(&w, 9);
        dcbor_put_text(&w, slice_of_text("of a later version"));
    }
    cr_assert_eq(dcbor_writer_end(&w), ERR_OK);
    enum err_code rc =
        enrolment_read_site(buf_slice(&body), buf_slice(&centre->identity.ca), clock_wall_ms(), &site, &err);
    if (rc == ERR_OK) {
        cr_expect_str_eq(site.name, name);
        cr_expect_str_eq(site.organisation, "Sunny Bank");
    }
    for (size_t len = 0; rc == ERR_OK && len < body.len; len += 7) {
        cr_expect_neq(enrolment_read_site(slice_of(body.data, len), buf_slice(&centre->identity.ca), clock_wall_ms(),
                                          &site, NULL),
                      ERR_OK, "cut after %zu", len);
    }
    buf_fini(&body);
    return rc;
}

Test(enrolment, takes_a_site_from_its_own_centre_only)
{
    struct centre centre;
    struct centre other;
    struct centre server;
    centre_start(&centre, CERTIFICATE_ROLE_CENTRE);
    centre_start(&other, CERTIFICATE_ROLE_CENTRE);
    centre_start(&server, CERTIFICATE_ROLE_SERVER);
    cr_expect_eq(read_site(&centre, "Garden", buf_slice(&centre.certificate), 0), ERR_OK);
    cr_expect_eq(read_site(&centre, "Garden", buf_slice(&centre.certificate), 1), ERR_OK,
                 "unknown members are skipped");
    cr_expect_neq(read_site(&centre, "", buf_slice(&centre.certificate), 0), ERR_OK);
    cr_expect_neq(read_site(&centre, "Garden", buf_slice(&other.certificate), 0), ERR_OK, "of another authority");
    cr_expect_neq(read_site(&server, "Garden", buf_slice(&server.certificate), 0), ERR_OK, "of another role");
    centre_stop(&centre);
    centre_stop(&other);
    centre_stop(&server);
}

/* ---- settings ---- */

static void clear_environment(void)
{
    static const char *const names[] = { "STATE_DIRECTORY", "XDG_STATE_HOME", "CREDENTIALS_DIRECTORY" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)unsetenv(names[i]);
    }
}

Test(settings, the_command_line_wins_over_the_environment)
{
    struct agent_options *options = calloc(1, sizeof(*options));
    struct agent_arguments arguments = { 0 };
    struct error err;
    clear_environment();
    (void)setenv("STATE_DIRECTORY", "/run/first:/run/second", 1);
    cr_assert_eq(agent_options_make(&arguments, options, &err), ERR_OK, "%s", err.message);
    cr_expect_str_eq(options->state_dir, "/run/first");
    cr_expect_str_eq(options->socket, "/run/first/holdfast.sock");
    cr_expect_str_eq(options->key_file, "");
    cr_expect_eq(options->cache_kib, 2048);
    arguments.state_dir = "/elsewhere";
    arguments.key_file = "/elsewhere/key";
    cr_assert_eq(agent_options_make(&arguments, options, &err), ERR_OK);
    cr_expect_str_eq(options->socket, "/elsewhere/holdfast.sock");
    cr_expect_str_eq(options->key_file, "/elsewhere/key");
    clear_environment();
    free(options);
}

static enum err_code with_config(const char *text, struct agent_options *options)
{
    char path[] = "/tmp/agent_settings_XXXXXX";
    struct error err;
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    cr_assert_eq(file_replace(path, slice_of_text(text), 0600, &err), ERR_OK);
    struct agent_arguments arguments = { .state_dir = "/state", .config = path };
    enum err_code rc = agent_options_make(&arguments, options, &err);
    (void)unlink(path);
    return rc;
}

Test(settings, of_a_file_are_read_and_checked)
{
    struct agent_options *options = calloc(1, sizeof(*options));
    clear_environment();
    cr_assert_eq(
        with_config("[api]\nsocket = /run/a.sock\n[store]\ncache_kib = 4096\n[agent]\nlog_level = debug\n", options),
        ERR_OK);
    cr_expect_str_eq(options->socket, "/run/a.sock");
    cr_expect_eq(options->cache_kib, 4096);
    cr_expect_eq(options->log_level, LOG_LEVEL_DEBUG);
    cr_expect_eq(with_config("[agent]\nlog_level = loud\n", options), ERR_CONFIG);
    cr_expect_eq(with_config("[agent]\nlog_levle = info\n", options), ERR_CONFIG);
    cr_expect_eq(with_config("[store]\ncache_kib = 1\n", options), ERR_CONFIG);
    struct agent_arguments missing = { .config = "/nowhere/holdfast.conf" };
    cr_expect_neq(agent_options_make(&missing, options, NULL), ERR_OK);
    free(options);
}

/* ---- renewal ---- */

Test(renewal, begins_at_two_thirds_of_a_certificates_life_and_not_for_all_devices_at_once)
{
    const int64_t day_ms = INT64_C(86400000);
    struct certificate certificate = { .not_before_ms = 1000 * day_ms, .not_after_ms = 1360 * day_ms };
    cr_assert_eq(renewal_due_ms(&certificate), 1240 * day_ms);
    certificate.device[0] = 0x80;
    cr_assert_eq(renewal_due_ms(&certificate), 1240 * day_ms + 15 * day_ms / 2);
    certificate.device[0] = certificate.device[1] = 0xff;
    cr_assert_lt(renewal_due_ms(&certificate), 1255 * day_ms);
    cr_assert_gt(renewal_due_ms(&certificate), 1254 * day_ms);
}

Test(renewal, waits_while_the_centres_clock_is_more_than_a_day_ahead)
{
    const int64_t day_ms = INT64_C(86400000);
    const int64_t now_ms = 20000 * day_ms;
    cr_assert(renewal_clocks_agree(now_ms + day_ms, now_ms));
    cr_assert_not(renewal_clocks_agree(now_ms + day_ms + 1, now_ms));
    cr_assert(renewal_clocks_agree(now_ms - 400 * day_ms, now_ms), "such a certificate holds at once, if not for long");
}
