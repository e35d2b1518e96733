#include "tests/sim/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/enrolment_by_file.h"
#include "sync/enrolment_file.h"

static const uint8_t centre_key[VAULT_KEY_FILE_BYTES] = { 7, 2 };
static const uint8_t machine_key[VAULT_KEY_FILE_BYTES] = { 7, 1 };

struct template template;

static struct centre *centre;

static json_t *operate(const char *operation, json_t *arguments)
{
    json_t *answer = NULL;
    MUST(centre_admin(centre, operation, arguments, template.now_ms, &answer, must));
    json_decref(arguments);
    return answer;
}

static void site_add(unsigned number, const char *organisation, const char *name)
{
    struct site *site = &template.sites[number];
    *site = (struct site){ .number = number, .name = name };
    json_decref(operate("organisation-add", json_pack("{s:s}", "name", organisation)));
    json_t *answer = operate("site-add", json_pack("{s:s, s:s}", "organisation", organisation, "name", name));
    const char *stream = json_string_value(json_object_get(answer, "id"));
    CHECK(stream != NULL && hex_decode(stream, site->stream, STREAM_ID_BYTES));
    json_decref(answer);
}

/* ---- enrolment, as at a desk ---- */

static void enrol(const struct device_key *key, unsigned site, struct buf *certificate)
{
    char password[2 * ENROLMENT_SECRET_BYTES + 1];
    struct enrolment_code code;
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf pkcs7;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&pkcs7, 2 * CERTIFICATE_DER_MAX);
    json_t *answer = operate("code-new", json_pack("{s:s}", "site", template.sites[site].name));
    MUST(enrolment_code_parse(json_string_value(json_object_get(answer, "code")), &code, must));
    json_decref(answer);
    hex_encode(code.secret, ENROLMENT_SECRET_BYTES, password);
    MUST(device_key_request(key, "laptop", &request, must));
    MUST(centre_enrol(centre, password, buf_slice(&request), template.now_ms, &pkcs7, must));
    MUST(pkcs7_first(buf_slice(&pkcs7), certificate, must));
}

static void fill_identity(struct store_identity *identity, const struct device_key *key, unsigned site)
{
    struct certificate certificate;
    struct slice ca = centre_authority_certificate(centre);
    buf_init(&identity->certificate, CERTIFICATE_DER_MAX);
    buf_init(&identity->ca, CERTIFICATE_DER_MAX);
    enrol(key, site, &identity->certificate);
    MUST(certificate_parse(buf_slice(&identity->certificate), &certificate, must));
    MUST(buf_append(&identity->ca, ca.data, ca.len, must));
    MUST(device_key_export(key, &identity->key_pkcs8, must));
    identity->enrolled = true;
    memcpy(identity->device, certificate.device, DEVICE_ID_BYTES);
    memcpy(identity->stream, certificate.streams[0], STREAM_ID_BYTES);
    memcpy(identity->organisation, certificate.organisation, ORGANISATION_ID_BYTES);
    (void)snprintf(identity->endpoint, sizeof(identity->endpoint), "https://localhost");
    (void)snprintf(identity->site_name, sizeof(identity->site_name), "%s", template.sites[site].name);
}

/* Where there is a network. */
static void enrol_over_network(struct store *store, unsigned site)
{
    struct device_key *key;
    SCOPED(store_identity_fini) struct store_identity identity = { 0 };
    MUST(device_key_generate(&key, must));
    fill_identity(&identity, key, site);
    MUST(store_identity_write(store, &identity, must));
    device_key_free(key);
}

/* Where there is none: a request and its answer are carried. */
static void enrol_by_files(struct store *store, unsigned site)
{
    uint8_t device[DEVICE_ID_BYTES];
    struct centre_enrolled enrolled;
    struct enrolment_taken taken;
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&request, ENROLMENT_FILE_MAX);
    buf_init(&answer, ENROLMENT_FILE_MAX);
    json_t *code = operate("code-new", json_pack("{s:s}", "site", template.sites[site].name));
    struct enrolment_wish wish = { .code = json_string_value(json_object_get(code, "code")),
                                   .now_ms = template.now_ms };
    MUST(enrolment_file_request(store, &wish, device, &request, must));
    json_decref(code);
    MUST(centre_enrol_by_file(centre, buf_slice(&request), template.now_ms, &enrolled, &answer, must));
    MUST(enrolment_file_take(store, buf_slice(&answer), &taken, must));
    CHECK(taken.changed && memcmp(enrolled.device.device, device, DEVICE_ID_BYTES) == 0);
    enrolment_taken_fini(&taken);
}

static void machine_add(unsigned site, unsigned number)
{
    char name[32];
    char folder[96];
    char path[128];
    struct disk disk;
    struct vault *vault;
    struct store *store;
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, machine_key, sizeof(machine_key) };
    struct store_options options = { .cache_kib = 512, .programme = programme_default() };
    (void)snprintf(name, sizeof(name), "%s%u", template.sites[site].name, number);
    folder_make(template.folder, name, folder);
    disk_attach(&disk, folder);
    (void)snprintf(path, sizeof(path), "%s/replica.db", folder);
    MUST(vault_create(path, &unlock, must));
    MUST(vault_open(path, &unlock, &vault, must));
    MUST(store_open(vault, &options, &store, must));
    if (site == GARDEN && number == GARDEN_OFFLINE) {
        enrol_by_files(store, site);
    } else {
        enrol_over_network(store, site);
    }
    store_close(store);
    vault_close(vault);
    disk_detach(&disk);
}

/* ---- culprits ---- */

static void culprit_key(struct culprit *culprit)
{
    MUST(device_key_generate(&culprit->key, must));
    device_key_id(culprit->key, culprit->device);
    buf_init(&culprit->certificate, CERTIFICATE_DER_MAX);
}

static void outsider_make(struct culprit *culprit)
{
    struct certificate like;
    struct authority *authority;
    SCOPED(buf_fini) struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    culprit_key(culprit);
    MUST(certificate_parse(buf_slice(&template.insider.certificate), &like, must));
    MUST(authority_new("another authority", template.now_ms, &authority, must));
    MUST(device_key_request(culprit->key, "laptop", &request, must));
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_AGENT,
                                       .common_name = "laptop",
                                       .organisation = like.organisation,
                                       .streams = (const uint8_t(*)[STREAM_ID_BYTES])like.streams,
                                       .stream_count = 1,
                                       .not_before_ms = like.not_before_ms,
                                       .not_after_ms = like.not_after_ms };
    MUST(authority_issue(authority, buf_slice(&request), &grant, &culprit->certificate, must));
    authority_free(authority);
}

static void culprits_make(void)
{
    char device[2 * DEVICE_ID_BYTES + 1];
    culprit_key(&template.insider);
    enrol(template.insider.key, GARDEN, &template.insider.certificate);
    culprit_key(&template.revoked);
    enrol(template.revoked.key, GARDEN, &template.revoked.certificate);
    hex_encode(template.revoked.device, DEVICE_ID_BYTES, device);
    json_decref(operate("revoke", json_pack("{s:s}", "device", device)));
    outsider_make(&template.outsider);
}

static void culprit_free(struct culprit *culprit)
{
    device_key_free(culprit->key);
    buf_fini(&culprit->certificate);
}

/* ---- all of it ---- */

void template_make(void)
{
    char folder[96];
    char path[128];
    struct disk disk;
    struct vault *vault;
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, centre_key, sizeof(centre_key) };
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    entropy_seed(0);
    template.now_ms = ((int64_t)date_from_civil(2026, 11, 16) * 24 + 9) * HOUR_MS;
    (void)snprintf(template.folder, sizeof(template.folder), "%s/hf-sim-XXXXXX", parent);
    CHECK(mkdtemp(template.folder) != NULL);
    report_folder(template.folder);
    folder_make(template.folder, "centre", folder);
    disk_attach(&disk, folder);
    (void)snprintf(path, sizeof(path), "%s/centre.db", folder);
    MUST(vault_create(path, &unlock, must));
    MUST(vault_open(path, &unlock, &vault, must));
    MUST(centre_create(vault, "simulated centre", "localhost", template.now_ms, must));
    MUST(centre_open(vault, 512, &centre, must));
    site_add(GARDEN, "one", "garden");
    site_add(WORKSHOP, "two", "workshop");
    for (unsigned i = 0; i < GARDEN_MACHINES; i++) {
        machine_add(GARDEN, i);
    }
    for (unsigned i = 0; i < WORKSHOP_MACHINES; i++) {
        machine_add(WORKSHOP, i);
    }
    culprits_make();
    centre_close(centre);
    vault_close(vault);
    disk_detach(&disk);
}

void template_remove(void)
{
    char folder[128];
    culprit_free(&template.insider);
    culprit_free(&template.outsider);
    culprit_free(&template.revoked);
    (void)snprintf(folder, sizeof(folder), "%s/centre", template.folder);
    folder_remove(folder);
    for (unsigned site = 0; site < SITES; site++) {
        for (unsigned i = 0; i < (site == GARDEN ? GARDEN_MACHINES : WORKSHOP_MACHINES); i++) {
            (void)snprintf(folder, sizeof(folder), "%s/%s%u", template.folder, template.sites[site].name, i);
            folder_remove(folder);
        }
    }
    CHECK(rmdir(template.folder) == 0);
    report_folder(NULL);
}
