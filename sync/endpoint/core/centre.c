#include "sync/endpoint/core/centre.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/endpoint/core/private.h"

#define MATERIAL_SIGNING_KEY "signing-key"
#define MATERIAL_SERVER_HOSTS "server-hosts"

/* The signing key lives as long as the authority; receipts have to stay readable for as long as they are evidence. */
#define SIGNING_DAYS (19 * 365)
#define SERVER_DAYS (2 * 365)

void certified_fini(struct certified *certified)
{
    device_key_free(certified->key);
    secret_free(&certified->pkcs8);
    buf_fini(&certified->certificate);
}

/* ---- host names ---- */

struct hosts {
    char text[CENTRE_HOST_TEXT_MAX + 1];
    const char *names[CENTRE_HOSTS_MAX];
    size_t count;
};

static enum err_code hosts_split(const char *text, struct hosts *ret_hosts, struct error *err)
{
    size_t len = strlen(text);
    if (len > CENTRE_HOST_TEXT_MAX) {
        return FAIL(err, INVALID, "take host names: at most %d bytes", CENTRE_HOST_TEXT_MAX);
    }
    memcpy(ret_hosts->text, text, len + 1);
    ret_hosts->count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(ret_hosts->text, ", ", &rest); name != NULL; name = strtok_r(NULL, ", ", &rest)) {
        if (ret_hosts->count == CENTRE_HOSTS_MAX) {
            return FAIL(err, INVALID, "take host names: at most %d", CENTRE_HOSTS_MAX);
        }
        ret_hosts->names[ret_hosts->count++] = name;
    }
    return ret_hosts->count > 0 ? ERR_OK : FAIL(err, INVALID, "take host names: at least one is needed");
}

/* ---- making ---- */

static enum err_code certify(const struct authority *authority, const struct certificate_grant *grant,
                             const struct device_key *key, struct buf *out, struct error *err)
{
    SCOPED(buf_fini) struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    TRY(device_key_request(key, grant->common_name, &request, err));
    return authority_issue(authority, buf_slice(&request), grant, out, err);
}

static enum err_code make_key(struct certified *out, struct error *err)
{
    buf_init(&out->certificate, CERTIFICATE_DER_MAX);
    TRY(device_key_generate(&out->key, err));
    return device_key_export(out->key, &out->pkcs8, err);
}

/* The authority's first day: what was made while the clock was ahead holds when the clock is right again. */
static enum err_code first_day(const struct authority *authority, int64_t now_ms, int64_t *ret_ms, struct error *err)
{
    TRY(authority_from(authority, ret_ms, err));
    *ret_ms = *ret_ms < now_ms - DAY_MS ? *ret_ms : now_ms - DAY_MS;
    return ERR_OK;
}

enum err_code certify_server(const struct authority *authority, const char *host_text, int64_t now_ms,
                             struct certified *out, struct error *err)
{
    struct hosts hosts;
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_SERVER,
                                       .common_name = "holdfast-endpoint",
                                       .not_after_ms = now_ms + SERVER_DAYS * DAY_MS };
    TRY(hosts_split(host_text, &hosts, err));
    grant.host_names = hosts.names;
    grant.host_name_count = hosts.count;
    TRY(first_day(authority, now_ms, &grant.not_before_ms, err));
    TRY(make_key(out, err));
    return certify(authority, &grant, out->key, &out->certificate, err);
}

enum err_code certify_signing(const struct authority *authority, const struct device_key *key, int64_t now_ms,
                              struct buf *out, struct error *err)
{
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_CENTRE,
                                       .common_name = "holdfast centre",
                                       .not_after_ms = now_ms + SIGNING_DAYS * DAY_MS };
    TRY(first_day(authority, now_ms, &grant.not_before_ms, err));
    return certify(authority, &grant, key, out, err);
}

static struct slice secret_slice(const struct secret *secret)
{
    return slice_of(secret->bytes, secret->len);
}

static enum err_code create(struct centre_store *store, const char *name, const char *hosts, int64_t now_ms,
                            struct authority **authority, struct error *err)
{
    SCOPED(certified_fini) struct certified signing = { 0 };
    SCOPED(certified_fini) struct certified server = { 0 };
    SCOPED(secret_free) struct secret authority_key = { 0 };
    TRY(authority_new(name, now_ms, authority, err));
    TRY(authority_export_key(*authority, &authority_key, err));
    TRY(make_key(&signing, err));
    TRY(certify_signing(*authority, signing.key, now_ms, &signing.certificate, err));
    TRY(certify_server(*authority, hosts, now_ms, &server, err));
    const struct centre_material material[] = {
        { MATERIAL_AUTHORITY_KEY, secret_slice(&authority_key) },
        { MATERIAL_AUTHORITY_CERTIFICATE, authority_certificate(*authority) },
        { MATERIAL_SIGNING_KEY, secret_slice(&signing.pkcs8) },
        { MATERIAL_SIGNING_CERTIFICATE, buf_slice(&signing.certificate) },
        { MATERIAL_SERVER_KEY, secret_slice(&server.pkcs8) },
        { MATERIAL_SERVER_CERTIFICATE, buf_slice(&server.certificate) },
        { MATERIAL_SERVER_HOSTS, slice_of_text(hosts) },
    };
    return centre_material_write(store, material, ARRAY_LEN(material), err);
}

enum err_code centre_create(struct vault *vault, const char *name, const char *hosts, int64_t now_ms, struct error *err)
{
    struct centre_store *store = NULL;
    struct authority *authority = NULL;
    TRY(centre_store_open(vault, 1024, &store, err));
    enum err_code rc = create(store, name, hosts, now_ms, &authority, err);
    authority_free(authority);
    centre_store_close(store);
    if (rc == ERR_CONFLICT) {
        return FAIL(err, CONFLICT, "make a centre: there is one here already");
    }
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "make a centre");
}

static enum err_code keep_incident(struct vault *vault, const char *what, int64_t now_ms, struct error *err)
{
    struct centre_store *store = NULL;
    TRY(centre_store_open(vault, 1024, &store, err));
    enum err_code rc = centre_incident_of_all(store, what, now_ms, err);
    centre_store_close(store);
    return rc;
}

enum err_code centre_accepted(struct vault *vault, int64_t now_ms, struct error *err)
{
    return keep_incident(vault, "the files of the database were taken for the present ones", now_ms, err);
}

enum err_code centre_restored(struct vault *vault, int64_t made_at_ms, int64_t now_ms, struct error *err)
{
    char made_at[INSTANT_TEXT_SIZE];
    char what[sizeof(made_at) + 64];
    instant_format(made_at_ms, made_at);
    (void)snprintf(what, sizeof(what), "a backup of %s was put in use", made_at);
    return keep_incident(vault, what, now_ms, err);
}

/* ---- opening ---- */

enum err_code signing_load(struct centre *centre, struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(secret_free) struct secret certificate = { 0 };
    TRY(centre_material_read(centre->store, MATERIAL_SIGNING_KEY, &key, err));
    TRY(centre_material_read(centre->store, MATERIAL_SIGNING_CERTIFICATE, &certificate, err));
    struct device_key *loaded = NULL;
    TRY(device_key_load(secret_slice(&key), &loaded, err));
    device_key_free(centre->signing_key);
    centre->signing_key = loaded;
    buf_clear(&centre->signing_certificate);
    TRY(buf_append(&centre->signing_certificate, certificate.bytes, certificate.len, err));
    return checkpoint_key_load(centre, err);
}

enum err_code centre_open(struct vault *vault, int cache_kib, struct centre **ret_centre, struct error *err)
{
    struct centre *centre = calloc(1, sizeof(*centre));
    if (centre == NULL) {
        return FAIL(err, NO_MEMORY, "open the centre");
    }
    centre->raw_per_encoded = 4;
    buf_init(&centre->signing_certificate, CERTIFICATE_DER_MAX);
    spent_init(&centre->spent);
    enum err_code rc = centre_store_open(vault, cache_kib, &centre->store, err);
    rc = rc != ERR_OK ? rc : authorities_load(centre, err);
    rc = rc != ERR_OK ? rc : signing_load(centre, err);
    if (rc != ERR_OK) {
        centre_close(centre);
        return error_wrap(err, rc, "open the centre");
    }
    *ret_centre = centre;
    return ERR_OK;
}

void centre_close(struct centre *centre)
{
    if (centre == NULL) {
        return;
    }
    device_key_free(centre->signing_key);
    authorities_fini(&centre->authorities);
    secret_free(&centre->checkpoint_key);
    buf_fini(&centre->signing_certificate);
    begun_drop_all(centre);
    spent_fini(&centre->spent);
    centre_store_close(centre->store);
    free(centre);
}

struct slice centre_authority_certificate(const struct centre *centre)
{
    return authority_certificate(centre->authorities.present);
}

struct slice centre_signing_certificate(const struct centre *centre)
{
    return buf_slice(&centre->signing_certificate);
}

struct slice signing_certificate_for(const struct centre *centre, struct slice peer, int64_t now_ms)
{
    return authorities_issued_before(centre, peer, now_ms) ? buf_slice(&centre->authorities.before_signing)
                                                           : buf_slice(&centre->signing_certificate);
}

/* ---- the server's certificate ---- */

/* The exported PEM with a closing NUL, as libraries for C want it. */
static enum err_code key_text(const struct device_key *key, struct secret *ret_text, struct error *err)
{
    SCOPED(secret_free) struct secret pem = { 0 };
    struct secret text;
    TRY(device_key_export_pem(key, &pem, err));
    TRY(secret_new(pem.len + 1, &text, err));
    memcpy(text.bytes, pem.bytes, pem.len);
    *ret_text = text;
    return ERR_OK;
}

enum err_code centre_server_pem(struct centre *centre, int64_t now_ms, struct secret *ret_key_pem,
                                struct buf *ret_certificate, struct error *err)
{
    SCOPED(certified_fini) struct certified server = { 0 };
    SCOPED(secret_free) struct secret certificate = { 0 };
    TRY(centre_material_read(centre->store, MATERIAL_SERVER_KEY, &server.pkcs8, err));
    TRY(centre_material_read(centre->store, MATERIAL_SERVER_CERTIFICATE, &certificate, err));
    TRY(device_key_load(secret_slice(&server.pkcs8), &server.key, err));
    TRY(certificate_to_pem(secret_slice(&certificate), ret_certificate, err));
    if (authorities_overlap(centre, now_ms)) {
        TRY(certificate_to_pem(buf_slice(&centre->authorities.cross), ret_certificate, err));
    }
    TRY(buf_append(ret_certificate, "", 1, err));
    return key_text(server.key, ret_key_pem, err);
}

static enum err_code server_is_current(struct centre *centre, const char *hosts, int64_t now_ms, bool *ret_current,
                                       struct error *err)
{
    SCOPED(secret_free) struct secret der = { 0 };
    SCOPED(secret_free) struct secret held_hosts = { 0 };
    struct certificate certificate;
    int64_t from_ms;
    TRY(centre_material_read(centre->store, MATERIAL_SERVER_CERTIFICATE, &der, err));
    TRY(centre_material_read(centre->store, MATERIAL_SERVER_HOSTS, &held_hosts, err));
    TRY(certificate_parse(secret_slice(&der), &certificate, err));
    TRY(authority_from(centre->authorities.present, &from_ms, err));
    bool to_come = certificate.not_before_ms > now_ms && now_ms >= from_ms; /* before that the clock is wrong now */
    *ret_current = !to_come && certificate.not_after_ms > now_ms + CENTRE_SERVER_RENEW_DAYS * DAY_MS &&
                   slice_equal(secret_slice(&held_hosts), slice_of_text(hosts));
    return ERR_OK;
}

static enum err_code renew_server(struct centre *centre, const char *hosts, int64_t now_ms, struct error *err)
{
    SCOPED(certified_fini) struct certified server = { 0 };
    TRY(certify_server(centre->authorities.present, hosts, now_ms, &server, err));
    const struct centre_material material[] = {
        { MATERIAL_SERVER_KEY, secret_slice(&server.pkcs8) },
        { MATERIAL_SERVER_CERTIFICATE, buf_slice(&server.certificate) },
        { MATERIAL_SERVER_HOSTS, slice_of_text(hosts) },
    };
    return centre_material_replace(centre->store, material, ARRAY_LEN(material), err);
}

enum err_code centre_server_hosts(struct centre *centre, char out[CENTRE_HOST_TEXT_MAX + 1], struct error *err)
{
    SCOPED(secret_free) struct secret held = { 0 };
    TRY(centre_material_read(centre->store, MATERIAL_SERVER_HOSTS, &held, err));
    if (held.len > CENTRE_HOST_TEXT_MAX) {
        return FAIL(err, DAMAGED, "read the centre's host names");
    }
    memcpy(out, held.bytes, held.len);
    out[held.len] = '\0';
    return ERR_OK;
}

enum err_code centre_server_renew(struct centre *centre, const char *hosts, int64_t now_ms, bool *ret_renewed,
                                  struct error *err)
{
    char held[CENTRE_HOST_TEXT_MAX + 1];
    bool current;
    TRY(centre_server_hosts(centre, held, err));
    hosts = hosts != NULL ? hosts : held;
    TRY(server_is_current(centre, hosts, now_ms, &current, err));
    if (!current) {
        TRY(renew_server(centre, hosts, now_ms, err));
        centre->tls_generation++;
    }
    *ret_renewed = !current;
    return ERR_OK;
}

unsigned centre_tls_generation(struct centre *centre, int64_t now_ms)
{
    bool overlap = authorities_overlap(centre, now_ms);
    centre->tls_generation += overlap != centre->overlapped;
    centre->overlapped = overlap;
    return centre->tls_generation;
}
