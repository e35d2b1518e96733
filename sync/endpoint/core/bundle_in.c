#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/centre/questions.h"
#include "sync/bundle.h"
#include "sync/endpoint/core/bundles.h"
#include "sync/endpoint/core/private.h"

struct centre_bundle_in {
    struct centre *centre;
    struct bundle_reader reader;
    struct buf message;
    struct centre_bundle_taken taken;
    bool failed;
};

enum err_code centre_bundle_in_new(struct centre *centre, struct centre_bundle_in **ret_in, struct error *err)
{
    struct centre_bundle_in *in = calloc(1, sizeof(*in));
    if (in == NULL) {
        return FAIL(err, NO_MEMORY, "take a bundle");
    }
    in->centre = centre;
    bundle_reader_init(&in->reader, centre->signing_key, BUNDLE_TO_CENTRE);
    buf_init(&in->message, BUNDLE_MESSAGE_MAX);
    *ret_in = in;
    return ERR_OK;
}

void centre_bundle_in_free(struct centre_bundle_in *in)
{
    if (in != NULL) {
        bundle_reader_fini(&in->reader);
        buf_fini(&in->message);
        free(in);
    }
}

static enum err_code take_sender(struct centre_bundle_in *in, int64_t now_ms, struct error *err)
{
    struct certificate certificate;
    struct centre_device device;
    enum err_code rc = peer_device(in->centre, buf_slice(&in->reader.certificate), now_ms, &certificate, &device, err);
    if (rc == ERR_TLS) {
        return error_wrap(
            err, rc,
            "take a bundle: its device is enrolled again first, with a new code and `holdfast enrol --again "
            "--request FILE` there, if its certificate has run out");
    }
    TRY(rc);
    if (memcmp(in->reader.about.stream, device.site.stream, STREAM_ID_BYTES) != 0) {
        return FAIL(err, REFUSED, "take a bundle: its device does not belong to that site");
    }
    in->taken.known = true;
    in->taken.device = device;
    in->taken.made_at_ms = in->reader.about.made_at_ms;
    return ERR_OK;
}

/* Without records; what the device holds of certificates is not asked for again and again, but told each time. */
static enum err_code keep_question(struct centre_bundle_in *in, const struct exchange_request *request,
                                   struct error *err)
{
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, CENTRE_QUESTION_BYTES_MAX);
    struct exchange_request question = *request;
    question.segment = (struct slice){ 0 };
    question.certificate_known = false;
    question.freshness = (struct exchange_freshness){ 0 };
    question.given_count = 0;
    question.wait_s = 0;
    TRY(exchange_request_encode(&question, &bytes, err));
    struct centre_question kept = { .incarnation = request->incarnation, .bytes = buf_slice(&bytes) };
    return centre_question_keep(in->centre->store, in->taken.device.id, in->taken.made_at_ms, &kept, err);
}

static void note_declined(struct centre_bundle_taken *taken, const struct exchange_kept *kept)
{
    if (taken->declined == 0) {
        memcpy(taken->why, kept->why, sizeof(taken->why));
    }
    taken->declined += kept->declined;
}

static enum err_code take_message(struct centre_bundle_in *in, int64_t now_ms, struct error *err)
{
    struct exchange_request request;
    struct exchange_kept kept;
    TRY(exchange_request_decode(buf_slice(&in->message), &request, err));
    request.freshness = (struct exchange_freshness){ 0 }; /* of another day: it says nothing about now */
    request.rest = slice_of("", 0);                       /* of what came over a network: not on a stick */
    uint64_t before;
    uint64_t after;
    TRY(centre_head(in->centre->store, in->taken.device.site.id, &before, err));
    TRY(exchange_take(in->centre, buf_slice(&in->reader.certificate), &request, now_ms, &kept, err));
    TRY(centre_head(in->centre->store, in->taken.device.site.id, &after, err));
    TRY(keep_question(in, &request, err));
    in->taken.messages++;
    in->taken.new_ops += kept.appended.new_ops;
    in->taken.quarantined += kept.appended.quarantined;
    in->taken.given_back += after - before - kept.appended.new_ops;
    in->taken.gap |= kept.appended.result == CENTRE_GAP;
    in->taken.fork |= kept.appended.result == CENTRE_FORK;
    note_declined(&in->taken, &kept);
    return ERR_OK;
}

static enum err_code take_all(struct centre_bundle_in *in, int64_t now_ms, struct error *err)
{
    for (;;) {
        enum bundle_found found;
        TRY(bundle_read(&in->reader, &in->message, &found, err));
        switch (found) {
        case BUNDLE_MORE_BYTES:
            return ERR_OK;
        case BUNDLE_SENDER:
            TRY(take_sender(in, now_ms, err));
            break;
        case BUNDLE_MESSAGE:
            TRY(take_message(in, now_ms, err));
            break;
        case BUNDLE_END:
            in->taken.whole = true;
            LOG_INFO("bundle_taken", "messages=%llu new_ops=%llu declined=%llu", (unsigned long long)in->taken.messages,
                     (unsigned long long)in->taken.new_ops, (unsigned long long)in->taken.declined);
            break;
        }
    }
}

enum err_code centre_bundle_in_put(struct centre_bundle_in *in, struct slice piece, int64_t now_ms, struct error *err)
{
    if (in->failed) {
        return FAIL(err, CONFLICT, "take a bundle: it failed already");
    }
    enum err_code rc = bundle_read_put(&in->reader, piece, err);
    rc = rc != ERR_OK ? rc : take_all(in, now_ms, err);
    in->failed = rc != ERR_OK;
    return rc;
}

void centre_bundle_in_taken(const struct centre_bundle_in *in, struct centre_bundle_taken *ret_taken)
{
    *ret_taken = in->taken;
}

enum err_code centre_bundle_in_finish(const struct centre_bundle_in *in, struct error *err)
{
    return bundle_read_finish(&in->reader, err);
}
