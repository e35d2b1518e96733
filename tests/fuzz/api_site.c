#include "tests/fuzz/api_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/api.h"
#include "crypto/secret.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_LEAK_CHECK 1
#endif
#endif

#ifdef HAS_LEAK_CHECK
#include <sanitizer/lsan_interface.h>
#endif

#define CALLS_MAX 20000 /* then a fresh replica, so that it stays small */

static struct {
    char folder[64];
    char path[96];
    struct vault *vault;
    struct store *store;
    uint8_t stream[STREAM_ID_BYTES];
    unsigned calls;
} site;

static const uint8_t vault_key[VAULT_KEY_FILE_BYTES] = { 7 };

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *err = &must_err_;                                                                                \
        if ((call) != ERR_OK) {                                                                                        \
            (void)fprintf(stderr, "%s: %s\n", #call, must_err_.message);                                               \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static void site_stop(void)
{
    static const char *const endings[] = { "", "-wal", ".fresh", ".keys", ".keys.prev" };
    struct store_verified verified;
    if (site.store == NULL) {
        return;
    }
    MUST(store_verify(site.store, &verified, err));
    store_close(site.store);
    vault_close(site.vault);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", site.path, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(site.folder);
    site.store = NULL;
}

/* A device of a site, with a certificate of a CA made for it. */
static void enrol(void)
{
    struct store_identity identity = { .enrolled = true, .site_name = "fuzz", .endpoint = "https://localhost" };
    struct authority *authority;
    struct device_key *key;
    struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&identity.certificate, CERTIFICATE_DER_MAX);
    buf_init(&identity.ca, CERTIFICATE_DER_MAX);
    memcpy(identity.stream, "stream of a fuzz", STREAM_ID_BYTES);
    memcpy(identity.organisation, "organisation 16b", ORGANISATION_ID_BYTES);
    memcpy(site.stream, identity.stream, STREAM_ID_BYTES);
    MUST(authority_new("fuzz", clock_wall_ms(), &authority, err));
    MUST(device_key_generate(&key, err));
    device_key_id(key, identity.device);
    MUST(device_key_export(key, &identity.key_pkcs8, err));
    MUST(device_key_request(key, "device", &request, err));
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_AGENT,
                                       .common_name = "device",
                                       .organisation = identity.organisation,
                                       .streams = (const uint8_t(*)[STREAM_ID_BYTES])identity.stream,
                                       .stream_count = 1,
                                       .not_before_ms = clock_wall_ms() - 1000,
                                       .not_after_ms = clock_wall_ms() + 1000000000 };
    MUST(authority_issue(authority, buf_slice(&request), &grant, &identity.certificate, err));
    struct slice ca = authority_certificate(authority);
    MUST(buf_append(&identity.ca, ca.data, ca.len, err));
    MUST(store_identity_write(site.store, &identity, err));
    store_identity_fini(&identity);
    device_key_free(key);
    authority_free(authority);
    buf_fini(&request);
}

static void site_start(void)
{
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, vault_key, sizeof(vault_key) };
    struct store_options options = { .cache_kib = 2048, .programme = programme_default() };
    (void)snprintf(site.folder, sizeof(site.folder), "%s/api_fuzz_XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(site.folder) == NULL) {
        abort();
    }
    (void)snprintf(site.path, sizeof(site.path), "%s/replica.db", site.folder);
    MUST(vault_create(site.path, &unlock, err));
    MUST(vault_open(site.path, &unlock, &site.vault, err));
    MUST(store_open(site.vault, &options, &site.store, err));
    enrol();
    site.calls = 0;
}

/*
 * The random generators of OpenSSL are reached only from its secure heap, which the leak check does not look at: they
 * are made here once, unseen by it.
 */
static void prepare_library(void)
{
    uint8_t byte;
    struct secret secret = { 0 };
#ifdef HAS_LEAK_CHECK
    __lsan_disable();
#endif
    MUST(secret_init(err));
    MUST(random_bytes(&byte, 1, err));
    MUST(secret_random(1, &secret, err));
    secret_free(&secret);
#ifdef HAS_LEAK_CHECK
    __lsan_enable();
#endif
}

void api_site_ready(void)
{
    static bool prepared;
    if (!prepared) {
        prepare_library();
    }
    if (site.store != NULL && site.calls >= CALLS_MAX) {
        site_stop();
    }
    if (site.store == NULL) {
        site_start();
    }
    if (!prepared) { /* now, so that it runs before the cryptographic library's own end */
        prepared = true;
        (void)atexit(site_stop);
    }
    site.calls++;
}

/* ---- one call ---- */

/* Arguments as they stand: an argument's value ends at '&'. */
static const char *query_value(const void *context, const char *name)
{
    static char values[16][API_SITE_LINE_MAX];
    static size_t next;
    const char *query = context;
    size_t len = strlen(name);
    for (const char *at = query; at != NULL && *at != '\0';) {
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            char *value = values[next++ % ARRAY_LEN(values)];
            size_t value_len = strcspn(at + len + 1, "&");
            memcpy(value, at + len + 1, value_len);
            value[value_len] = '\0';
            return value;
        }
        at = strchr(at, '&');
        at = at != NULL ? at + 1 : NULL;
    }
    return NULL;
}

json_t *api_site_call(const char *method, const char *path, const char *query, struct slice body)
{
    int64_t now_ms = clock_wall_ms();
    struct api_world world = { .store = site.store,
                               .programme = programme_default(),
                               .stream = site.stream,
                               .actor = "fuzz",
                               .now_ms = now_ms,
                               .today = clock_today(now_ms) };
    struct api_request request = {
        .method = method, .path = path, .body = body, .query = query_value, .query_context = query
    };
    struct api_answer answer;
    json_t *parsed = NULL;
    api_answer_init(&answer);
    api_call_data(&world, &request, &answer);
    if (answer.status < 200 || answer.status >= 600 || answer.status == 500) {
        (void)fprintf(stderr, "%s %s: status %d: %s\n", method, path, answer.status, answer.error.message);
        abort();
    }
    if (strcmp(answer.content_type, "application/json") == 0) {
        parsed = json_loadb((const char *)answer.body.data, answer.body.len, 0, NULL);
        if (parsed == NULL) {
            abort();
        }
    }
    api_answer_fini(&answer);
    return parsed;
}
