/*
 * The centre's authority and its roll-over (RFC 4210 section 4.4, RFC 7030 section 4.1.3).
 *
 *     present ── roll ──► a new present one; the one before is accepted until a date, and vouches for the new one until
 *        ▲                then (cross); the new one vouches for every earlier one for ever (past), since what they
 *        │                issued has signed records that must stay provable
 *        └── the date, or retire ──  the one before is trusted for nothing new any more
 *
 * The private key of the one before is gone with the roll. The centre's signing key stays, under a new certificate.
 */
#include <string.h>

#include "base/log.h"
#include "sync/endpoint/core/private.h"

#define MATERIAL_CROSS "authority-cross"
#define MATERIAL_BEFORE "authority-before"
#define MATERIAL_BEFORE_UNTIL "authority-before-until"
#define MATERIAL_PAST "authority-past"
#define MATERIAL_BEFORE_SIGNING "signing-certificate-before"
#define PAST_MAX (AUTHORITIES_MAX - 3) /* beside the present one, the cross and the one before in one list */

/* ---- loading ---- */

void authorities_fini(struct authorities *authorities)
{
    authority_free(authorities->present);
    buf_fini(&authorities->cross);
    buf_fini(&authorities->before);
    buf_fini(&authorities->past);
    buf_fini(&authorities->before_signing);
}

/* Nothing when there is none. */
static enum err_code read_optional(struct centre *centre, const char *name, struct buf *out, struct error *err)
{
    SCOPED(secret_free) struct secret value = { 0 };
    enum err_code rc = centre_material_read(centre->store, name, &value, err);
    if (rc == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(rc);
    return buf_append(out, value.bytes, value.len, err);
}

static enum err_code load(struct centre *centre, struct authorities *out, struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(secret_free) struct secret certificate = { 0 };
    SCOPED(buf_fini) struct buf until;
    buf_init(&out->cross, CERTIFICATE_DER_MAX);
    buf_init(&out->before, CERTIFICATE_DER_MAX);
    buf_init(&out->past, CENTRE_MATERIAL_MAX);
    buf_init(&out->before_signing, CERTIFICATE_DER_MAX);
    buf_init(&until, sizeof(uint64_t));
    TRY(centre_material_read(centre->store, MATERIAL_AUTHORITY_KEY, &key, err));
    TRY(centre_material_read(centre->store, MATERIAL_AUTHORITY_CERTIFICATE, &certificate, err));
    TRY(authority_load(slice_of(key.bytes, key.len), slice_of(certificate.bytes, certificate.len), &out->present, err));
    TRY(read_optional(centre, MATERIAL_CROSS, &out->cross, err));
    TRY(read_optional(centre, MATERIAL_BEFORE, &out->before, err));
    TRY(read_optional(centre, MATERIAL_PAST, &out->past, err));
    TRY(read_optional(centre, MATERIAL_BEFORE_SIGNING, &out->before_signing, err));
    TRY(read_optional(centre, MATERIAL_BEFORE_UNTIL, &until, err));
    out->before_until_ms = until.len == sizeof(uint64_t) ? (int64_t)get_be64(until.data) : OP_TIME_NONE;
    return ERR_OK;
}

enum err_code authorities_load(struct centre *centre, struct error *err)
{
    struct authorities loaded = { 0 };
    enum err_code rc = load(centre, &loaded, err);
    if (rc == ERR_OK) {
        authorities_fini(&centre->authorities);
        centre->authorities = loaded;
    } else {
        authorities_fini(&loaded);
    }
    return rc;
}

/* ---- who is trusted ---- */

bool authorities_overlap(const struct centre *centre, int64_t now_ms)
{
    const struct authorities *a = &centre->authorities;
    return a->before.len > 0 && a->before_until_ms != OP_TIME_NONE && now_ms < a->before_until_ms;
}

static enum err_code append(struct buf *out, const struct buf *der, struct error *err)
{
    return buf_append(out, der->data, der->len, err);
}

enum err_code authorities_accepted(const struct centre *centre, int64_t now_ms, struct buf *out, struct error *err)
{
    struct slice present = centre_authority_certificate(centre);
    TRY(buf_append(out, present.data, present.len, err));
    return authorities_overlap(centre, now_ms) ? append(out, &centre->authorities.before, err) : ERR_OK;
}

bool authorities_issued_before(const struct centre *centre, struct slice certificate, int64_t now_ms)
{
    struct certificate parsed;
    return authorities_overlap(centre, now_ms) &&
           certificate_verify(certificate, centre_authority_certificate(centre), -1, &parsed, NULL) != ERR_OK;
}

enum err_code centre_all_authorities(const struct centre *centre, struct buf *out, struct error *err)
{
    struct slice present = centre_authority_certificate(centre);
    TRY(buf_append(out, present.data, present.len, err));
    return append(out, &centre->authorities.past, err);
}

static enum err_code given(const struct centre *centre, int64_t now_ms, struct buf *out, struct error *err)
{
    TRY(authorities_accepted(centre, now_ms, out, err));
    if (authorities_overlap(centre, now_ms)) {
        TRY(append(out, &centre->authorities.cross, err));
    }
    return append(out, &centre->authorities.past, err);
}

static size_t split(struct slice list, struct slice out[AUTHORITIES_MAX])
{
    size_t count = 0;
    while (list.len > 0 && count < AUTHORITIES_MAX) {
        struct slice one = authorities_present(list);
        if (one.len == 0) {
            break;
        }
        out[count++] = one;
        list = slice_of(list.data + one.len, list.len - one.len);
    }
    return count;
}

enum err_code centre_authorities(struct centre *centre, int64_t now_ms, struct buf *ret_pkcs7, struct error *err)
{
    struct slice certificates[AUTHORITIES_MAX];
    SCOPED(buf_fini) struct buf list;
    buf_init(&list, AUTHORITIES_DER_MAX);
    TRY(given(centre, now_ms, &list, err));
    return pkcs7_make(certificates, split(buf_slice(&list), certificates), ret_pkcs7, err);
}

enum err_code centre_client_authorities_pem(struct centre *centre, int64_t now_ms, struct buf *out, struct error *err)
{
    struct slice certificates[AUTHORITIES_MAX];
    SCOPED(buf_fini) struct buf list;
    buf_init(&list, AUTHORITIES_DER_MAX);
    TRY(authorities_accepted(centre, now_ms, &list, err));
    size_t count = split(buf_slice(&list), certificates);
    for (size_t i = 0; i < count; i++) {
        TRY(certificate_to_pem(certificates[i], out, err));
    }
    return buf_append(out, "", 1, err);
}

/* ---- roll-over ---- */

struct rolled {
    struct authority *present;
    struct secret key;
    struct certified server;
    struct buf signing;
    struct buf cross;
    struct buf past;
};

static void rolled_fini(struct rolled *rolled)
{
    authority_free(rolled->present);
    secret_free(&rolled->key);
    certified_fini(&rolled->server);
    buf_fini(&rolled->signing);
    buf_fini(&rolled->cross);
    buf_fini(&rolled->past);
}

static enum err_code vouch_for_past(const struct centre *centre, struct rolled *made, struct error *err)
{
    struct slice earlier[AUTHORITIES_MAX];
    size_t count = split(buf_slice(&centre->authorities.past), earlier);
    if (count >= PAST_MAX) {
        return FAIL(err, LIMIT, "roll the authority: there were %d before; make a new centre", PAST_MAX + 1);
    }
    TRY(authority_vouch(made->present, centre_authority_certificate(centre), INT64_MAX, &made->past, err));
    for (size_t i = 0; i < count; i++) {
        TRY(authority_vouch(made->present, earlier[i], INT64_MAX, &made->past, err));
    }
    return ERR_OK;
}

static enum err_code make(const struct centre *centre, const char *hosts, int64_t now_ms, int64_t until_ms,
                          struct rolled *made, struct error *err)
{
    const struct authority *old = centre->authorities.present;
    buf_init(&made->signing, CERTIFICATE_DER_MAX);
    buf_init(&made->cross, CERTIFICATE_DER_MAX);
    buf_init(&made->past, CENTRE_MATERIAL_MAX);
    TRY(authority_successor(old, now_ms, &made->present, err));
    TRY(authority_export_key(made->present, &made->key, err));
    TRY(authority_vouch(old, authority_certificate(made->present), until_ms, &made->cross, err));
    TRY(vouch_for_past(centre, made, err));
    TRY(certify_signing(made->present, centre->signing_key, now_ms, &made->signing, err));
    return certify_server(made->present, hosts, now_ms, &made->server, err);
}

static enum err_code keep(struct centre *centre, const struct rolled *made, int64_t until_ms, struct error *err)
{
    uint8_t until[sizeof(uint64_t)];
    put_be64(until, (uint64_t)until_ms);
    const struct centre_material material[] = {
        { MATERIAL_AUTHORITY_KEY, slice_of(made->key.bytes, made->key.len) },
        { MATERIAL_AUTHORITY_CERTIFICATE, authority_certificate(made->present) },
        { MATERIAL_CROSS, buf_slice(&made->cross) },
        { MATERIAL_BEFORE, centre_authority_certificate(centre) },
        { MATERIAL_BEFORE_UNTIL, slice_of(until, sizeof(until)) },
        { MATERIAL_PAST, buf_slice(&made->past) },
        { MATERIAL_SIGNING_CERTIFICATE, buf_slice(&made->signing) },
        { MATERIAL_BEFORE_SIGNING, buf_slice(&centre->signing_certificate) },
        { MATERIAL_SERVER_KEY, slice_of(made->server.pkcs8.bytes, made->server.pkcs8.len) },
        { MATERIAL_SERVER_CERTIFICATE, buf_slice(&made->server.certificate) },
    };
    return centre_material_replace(centre->store, material, ARRAY_LEN(material), err);
}

/* What is held in memory is what the database holds now. */
static enum err_code reload(struct centre *centre, struct error *err)
{
    centre->tls_generation++;
    enum err_code rc = authorities_load(centre, err);
    rc = rc != ERR_OK ? rc : signing_load(centre, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "the authority is changed; start the endpoint anew");
}

enum err_code centre_authority_roll(struct centre *centre, int64_t overlap_ms, int64_t now_ms, struct error *err)
{
    SCOPED(rolled_fini) struct rolled made = { 0 };
    char hosts[CENTRE_HOST_TEXT_MAX + 1];
    int64_t until_ms = now_ms + overlap_ms;
    if (authorities_overlap(centre, now_ms)) {
        return FAIL(err, CONFLICT,
                    "roll the authority: the one before is still accepted; wait until it is retired, or retire it");
    }
    TRY(centre_server_hosts(centre, hosts, err));
    TRY(make(centre, hosts, now_ms, until_ms, &made, err));
    TRY(keep(centre, &made, until_ms, err));
    LOG_INFO("authority_rolled", "overlap_days=%lld", (long long)(overlap_ms / DAY_MS));
    return reload(centre, err);
}

enum err_code centre_authority_retire(struct centre *centre, int64_t now_ms, struct error *err)
{
    uint8_t until[sizeof(uint64_t)];
    if (!authorities_overlap(centre, now_ms)) {
        return FAIL(err, CONFLICT, "retire an authority: only the present one is accepted; roll it first");
    }
    put_be64(until, (uint64_t)now_ms);
    const struct centre_material material = { MATERIAL_BEFORE_UNTIL, slice_of(until, sizeof(until)) };
    TRY(centre_material_replace(centre->store, &material, 1, err));
    LOG_INFO("authority_retired", "%s", "");
    return reload(centre, err);
}

/* ---- the authority of a centre that is gone ---- */

static enum err_code refuse_known(const struct centre *centre, struct slice certificate, struct error *err)
{
    struct slice authorities[AUTHORITIES_MAX];
    SCOPED(buf_fini) struct buf known;
    buf_init(&known, AUTHORITIES_DER_MAX);
    TRY(centre_all_authorities(centre, &known, err));
    if (split(buf_slice(&known), authorities) > PAST_MAX) {
        return FAIL(err, LIMIT, "vouch for an authority: %d earlier ones are known", PAST_MAX);
    }
    size_t len = known.len;
    TRY(authorities_remember(certificate, &known, err));
    return known.len > len ? ERR_OK : FAIL(err, CONFLICT, "vouch for an authority: it is known already");
}

enum err_code centre_authority_former(struct centre *centre, struct slice certificate, struct error *err)
{
    SCOPED(buf_fini) struct buf past;
    buf_init(&past, CENTRE_MATERIAL_MAX);
    TRY(append(&past, &centre->authorities.past, err));
    TRY(authority_vouch(centre->authorities.present, certificate, INT64_MAX, &past, err));
    TRY(refuse_known(centre, certificate, err));
    const struct centre_material material = { MATERIAL_PAST, buf_slice(&past) };
    TRY(centre_material_replace(centre->store, &material, 1, err));
    LOG_INFO("authority_former", "%s", "");
    return authorities_load(centre, err);
}
