#include "agent/enrolment_by_file.h"

#include <string.h>

#include "agent/enrolment_check.h"
#include "agent/renewal.h"
#include "base/clock.h"
#include "base/log.h"
#include "sync/enrolment_file.h"

#define DAY_MS (24 * 3600 * 1000)

static void scoped_key(struct device_key **key)
{
    device_key_free(*key);
}

static enum err_code load_key(const struct secret *pkcs8, struct device_key **ret_key, struct error *err)
{
    return device_key_load(slice_of(pkcs8->bytes, pkcs8->len), ret_key, err);
}

/* ---- the request ---- */

static enum err_code check_wish(const struct enrolment_wish *wish, const struct store_identity *held, struct error *err)
{
    struct certificate certificate;
    char day[DATE_TEXT_SIZE];
    if (held->enrolled && wish->code != NULL && !wish->again) {
        return FAIL(err, CONFLICT,
                    "ask for enrolment: this device is enrolled already; without a code the request is for a newer "
                    "certificate, with --again and a code it keeps its records too");
    }
    if (!held->enrolled && wish->again) {
        return FAIL(err, CONFLICT, "ask for enrolment again: this device is not enrolled yet; leave --again out");
    }
    if (wish->code != NULL) {
        return ERR_OK;
    }
    if (!held->enrolled || wish->again) {
        return FAIL(err, INVALID, "ask for enrolment: it needs a one-time code of the centre for this site");
    }
    TRY(certificate_parse(buf_slice(&held->certificate), &certificate, err));
    if (certificate.not_after_ms <= wish->now_ms) {
        date_format(clock_today(certificate.not_after_ms), day);
        return FAIL(err, REFUSED,
                    "ask for a newer certificate: this device's ran out on %s and proves nothing any more; get a code "
                    "from the centre and use --again; all records stay",
                    day);
    }
    return ERR_OK;
}

static enum err_code find_key(struct store *store, const struct store_identity *held, const struct enrolment_code *code,
                              struct device_key **ret_key, struct error *err)
{
    if (!held->enrolled) {
        return enrolment_key_of_try(store, code, ret_key, err);
    }
    TRY(load_key(&held->key_pkcs8, ret_key, err));
    return code != NULL ? enrolment_keep_try(store, code, *ret_key, err) : ERR_OK;
}

static enum err_code write_request(struct store *store, const struct store_identity *held,
                                   const struct enrolment_code *code, int64_t now_ms,
                                   uint8_t ret_device[DEVICE_ID_BYTES], struct buf *out, struct error *err)
{
    uint8_t hash[SHA256_BYTES];
    SCOPED(scoped_key) struct device_key *key = NULL;
    SCOPED(buf_fini) struct buf pkcs10;
    struct enrolment_request request = { .made_at_ms = now_ms };
    buf_init(&pkcs10, CERTIFICATE_DER_MAX);
    TRY(find_key(store, held, code, &key, err));
    TRY(device_key_request(key, ENROLMENT_COMMON_NAME, &pkcs10, err));
    request.pkcs10 = buf_slice(&pkcs10);
    device_key_id(key, ret_device);
    if (code == NULL) {
        request.certificate = buf_slice(&held->certificate);
        return enrolment_request_by_key(&request, key, out, err);
    }
    enrolment_code_hash(code->secret, hash);
    enum err_code rc = enrolment_request_by_code(&request, hash, out, err);
    secret_wipe(hash, sizeof(hash));
    return rc;
}

enum err_code enrolment_file_request(struct store *store, const struct enrolment_wish *wish,
                                     uint8_t ret_device[DEVICE_ID_BYTES], struct buf *out, struct error *err)
{
    struct enrolment_code code;
    SCOPED(store_identity_fini) struct store_identity held = { 0 };
    TRY(store_identity_read(store, &held, err));
    TRY(check_wish(wish, &held, err));
    if (wish->code == NULL) {
        return write_request(store, &held, NULL, wish->now_ms, ret_device, out, err);
    }
    TRY(enrolment_code_parse(wish->code, &code, err));
    enum err_code rc = write_request(store, &held, &code, wish->now_ms, ret_device, out, err);
    secret_wipe(&code, sizeof(code));
    return rc;
}

/* ---- the answer ---- */

/* What is held when an answer comes, and what is made of it. */
struct taking {
    struct store *store;
    struct store_identity held;
    struct store_enrolment try;
    bool asked; /* with a code: `try` is known */
    struct device_key *key;
    struct enrolment_opened opened;
    struct enrolment_taken *taken;
};

static void taking_fini(struct taking *taking)
{
    store_identity_fini(&taking->held);
    store_enrolment_fini(&taking->try);
    device_key_free(taking->key);
    enrolment_opened_fini(&taking->opened);
}

static enum err_code open_answer(struct taking *taking, struct slice file, struct error *err)
{
    TRY(store_identity_read(taking->store, &taking->held, err));
    TRY(store_enrolment_read(taking->store, &taking->try, &taking->asked, err));
    if (!taking->held.enrolled && !taking->asked) {
        return FAIL(err, NOT_ENROLLED,
                    "take an enrolment answer: this machine has not asked for one; `holdfast enrol --request FILE` "
                    "does, with a code of the centre");
    }
    const struct secret *key = taking->held.enrolled ? &taking->held.key_pkcs8 : &taking->try.key_pkcs8;
    TRY(load_key(key, &taking->key, err));
    return enrolment_answer_open(file, taking->key, &taking->opened, err);
}

/* As a renewal over a network waits. With a code it is a person's word, and there may be nothing to lose. */
static enum err_code check_clocks(const struct taking *taking, struct error *err)
{
    int64_t made_at_ms = taking->opened.answer.made_at_ms;
    int64_t wall_ms = clock_wall_ms();
    if (!taking->held.enrolled || taking->asked || renewal_clocks_agree(made_at_ms, wall_ms)) {
        return ERR_OK;
    }
    return FAIL(err, REFUSED,
                "renew the certificate: the centre's clock was %lld days ahead of this machine's; set the one that is "
                "wrong; if it is the centre's, have it answer the request again after that",
                (long long)((made_at_ms - wall_ms + DAY_MS / 2) / DAY_MS));
}

/* By who is known, or by the code that was asked with. */
static enum err_code take_authorities(struct taking *taking, struct buf *out, struct error *err)
{
    const struct enrolment_answer *answer = &taking->opened.answer;
    enum err_code rc = ERR_TLS;
    SCOPED(buf_fini) struct buf given;
    buf_init(&given, ENROLMENT_FILE_MAX);
    TRY(pkcs7_all(answer->authorities, &given, err));
    if (taking->held.enrolled) {
        rc = authorities_follow(buf_slice(&given), buf_slice(&taking->held.ca), answer->made_at_ms, out, err);
    }
    if (rc == ERR_TLS && taking->asked) {
        rc = authorities_pinned(buf_slice(&given), slice_of(taking->try.ca_pin, ENROLMENT_PIN_BYTES),
                                answer->made_at_ms, out, err);
        rc = rc == ERR_OK ? authorities_remember(buf_slice(&taking->held.ca), out, err) : rc;
    }
    return rc;
}

/* Everything in it, before anything of it is kept. */
static enum err_code check_answer(struct taking *taking, struct enrolment_site *ret_site, struct error *err)
{
    struct store_identity *identity = &taking->taken->identity;
    const struct enrolment_answer *answer = &taking->opened.answer;
    const uint8_t *stream = taking->held.enrolled ? taking->held.stream : NULL;
    TRY(take_authorities(taking, &identity->ca, err));
    TRY(enrolment_read_site(answer->site, buf_slice(&identity->ca), answer->made_at_ms, ret_site, err));
    const struct certificate *centre = &ret_site->centre_parsed;
    TRY(enrolment_answer_check(&taking->opened, slice_of(centre->public_key, centre->public_key_len), err));
    TRY(enrolment_take_certificate(answer->certificate, taking->key, stream, answer->made_at_ms, identity, err));
    return check_clocks(taking, err);
}

static bool replaces_one_to_come(const struct certificate *held, const struct certificate *given)
{
    int64_t wall_ms = clock_wall_ms();
    return held->not_before_ms > wall_ms && given->not_before_ms <= wall_ms && given->not_after_ms > wall_ms;
}

/*
 * Answers may be taken in any order: one that was made before what is held is as good as none. But where the centre's
 * clock was ahead, what is held begins later than what a code brings once that is set right.
 */
static enum err_code is_newer(const struct taking *taking, bool *ret_newer, struct error *err)
{
    struct certificate held;
    struct certificate given;
    *ret_newer = true;
    if (!taking->held.enrolled) {
        return ERR_OK;
    }
    TRY(certificate_parse(buf_slice(&taking->held.certificate), &held, err));
    TRY(certificate_parse(taking->opened.answer.certificate, &given, err));
    *ret_newer = given.not_before_ms > held.not_before_ms ||
                 (given.not_before_ms == held.not_before_ms &&
                  !slice_equal(taking->opened.answer.certificate, buf_slice(&taking->held.certificate))) ||
                 (taking->asked && replaces_one_to_come(&held, &given));
    return ERR_OK;
}

static enum err_code keep(struct taking *taking, const struct enrolment_site *site, struct error *err)
{
    struct store_identity *identity = &taking->taken->identity;
    memcpy(identity->endpoint, taking->held.endpoint, sizeof(identity->endpoint));
    memcpy(identity->site_name, site->name, sizeof(site->name));
    TRY(is_newer(taking, &taking->taken->changed, err));
    if (!taking->taken->changed) {
        return ERR_OK;
    }
    identity->incarnation = ENROLMENT_FIRST_INCARNATION;
    identity->enrolled = true;
    TRY(device_key_export(taking->key, &identity->key_pkcs8, err));
    enum err_code rc = store_identity_write_with(taking->store, identity, site->centre, err);
    secret_free(&identity->key_pkcs8);
    TRY(rc);
    LOG_INFO(taking->held.enrolled ? "certificate_renewed" : "device_enrolled", "by=file");
    return ERR_OK;
}

static enum err_code take(struct taking *taking, struct slice file, struct error *err)
{
    struct enrolment_site site;
    TRY(open_answer(taking, file, err));
    TRY(check_answer(taking, &site, err));
    memcpy(taking->taken->organisation_name, site.organisation, sizeof(site.organisation));
    return keep(taking, &site, err);
}

enum err_code enrolment_file_take(struct store *store, struct slice file, struct enrolment_taken *ret_taken,
                                  struct error *err)
{
    struct enrolment_taken taken = { .changed = false };
    struct taking taking = { .store = store, .taken = &taken };
    buf_init(&taken.identity.certificate, CERTIFICATE_DER_MAX);
    buf_init(&taken.identity.ca, AUTHORITIES_DER_MAX);
    enum err_code rc = take(&taking, file, err);
    taking_fini(&taking);
    if (rc != ERR_OK) {
        enrolment_taken_fini(&taken);
        return error_wrap(err, rc, "enrol by file");
    }
    *ret_taken = taken;
    return ERR_OK;
}

void enrolment_taken_fini(struct enrolment_taken *taken)
{
    store_identity_fini(&taken->identity);
}
