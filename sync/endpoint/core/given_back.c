/*
 * A centre that was put back to an older state gets what it lost from devices that hold it, also of authors who are
 * gone, and what it had written itself:
 *
 *     segment ──► whose? (certificate: of this authority, of this site or this centre's own) ──► like any push
 *                                                      └── not so, or it does not fit: declined, with a reason
 *
 * Whoever gives it back can change nothing in it: its author has signed it.
 */
#include <string.h>

#include "base/log.h"
#include "sync/endpoint/core/private.h"

/* ---- whose it is ---- */

static enum err_code known_author(struct centre *centre, const struct centre_site *site, struct slice certificate_der,
                                  struct certificate *ret_certificate, struct error *err)
{
    struct certificate certificate;
    if (certificate_der.len == 0) {
        return FAIL(err, PROTOCOL, "take records back: their author's certificate is missing");
    }
    SCOPED(buf_fini) struct buf authorities;
    buf_init(&authorities, AUTHORITIES_DER_MAX);
    TRY(centre_all_authorities(centre, &authorities, err));
    TRY(certificate_verify(certificate_der, buf_slice(&authorities), -1, &certificate, err));
    bool ours = certificate.role == CERTIFICATE_ROLE_CENTRE;
    for (size_t i = 0; i < certificate.stream_count && certificate.role == CERTIFICATE_ROLE_AGENT; i++) {
        ours |= memcmp(certificate.streams[i], site->stream, STREAM_ID_BYTES) == 0;
    }
    if (!ours) {
        return FAIL(err, REFUSED, "take records back: their author does not belong to this site");
    }
    *ret_certificate = certificate;
    return ERR_OK;
}

/* ---- taking it ---- */

static void log_given(const struct store_run *run, const struct centre_appended *appended)
{
    char device[2 * DEVICE_ID_BYTES + 1];
    const struct op_id *first = &run->ops.ops[0].id;
    hex_encode(first->device, DEVICE_ID_BYTES, device);
    if (appended->result == CENTRE_FORK) {
        LOG_WARNING("device_history_forked", "device=%s incarnation=%u held=%llu", device, first->incarnation,
                    (unsigned long long)appended->held.seq);
    } else if (appended->new_ops > 0) {
        LOG_INFO("records_given_back", "device=%s incarnation=%u ops=%zu", device, first->incarnation,
                 appended->new_ops);
    }
}

static enum err_code take_run(struct centre *centre, const struct centre_device *giver, const struct store_run *run,
                              int64_t now_ms, struct error *err)
{
    struct certificate author;
    struct centre_appended appended;
    struct centre_offer offer = {
        .author = &author, .certificate = run->certificate, .run = run, .given_by = giver->device, .now_ms = now_ms
    };
    TRY(known_author(centre, &giver->site, run->certificate, &author, err));
    TRY(run_fits(run, run->certificate, err));
    TRY(centre_append(centre->store, &giver->site, &offer, &appended, err));
    log_given(run, &appended);
    switch (appended.result) {
    case CENTRE_GAP:
        return FAIL(err, CONFLICT, "take records back: they begin after record %llu, the last that is held",
                    (unsigned long long)appended.held.seq);
    case CENTRE_FORK:
        return FAIL(err, CONFLICT, "take records back: other ones with these numbers are held");
    default:
        return ERR_OK;
    }
}

/* Trouble of this centre's own, which passes: the device may ask again. */
static bool own_trouble(enum err_code rc)
{
    return rc == ERR_DAMAGED || rc == ERR_DISK_FULL || rc == ERR_READ_ONLY || rc == ERR_IO || rc == ERR_BUSY ||
           rc == ERR_LOCKED || err_code_class(rc) == ERR_CLASS_FATAL;
}

enum err_code given_take(struct centre *centre, const struct centre_device *giver, struct slice segment_bytes,
                         int64_t now_ms, char *reason, struct error *err)
{
    struct error why;
    struct segment segment;
    reason[0] = '\0';
    enum err_code rc = segment_decode(segment_bytes, giver->site.stream, &segment, &why);
    if (rc == ERR_OK) {
        rc = take_run(centre, giver, &segment.run, now_ms, &why);
        segment_fini(&segment);
    }
    if (rc == ERR_OK) {
        return ERR_OK;
    }
    if (own_trouble(rc)) {
        *err = why;
        return rc;
    }
    (void)snprintf(reason, EXCHANGE_REASON_MAX + 1, "%.*s", EXCHANGE_REASON_MAX, why.message);
    return ERR_OK;
}
