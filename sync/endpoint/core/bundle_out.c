#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/centre/questions.h"
#include "sync/bundle.h"
#include "sync/endpoint/core/bundles.h"
#include "sync/endpoint/core/private.h"

enum { PAGE_BYTES = 512 * 1024 };

struct centre_bundle_out {
    struct centre *centre;
    struct centre_device device;
    struct buf certificate; /* the device's */
    int64_t now_ms;
    struct bundle_writer writer;
    struct buf beginning; /* of the file, until it is given out */
    struct exchange_request questions[CENTRE_QUESTIONS_MAX];
    size_t question_count;
    size_t question; /* that is answered */
    uint64_t from;
    uint64_t to;
    uint64_t head;
};

void centre_bundle_out_free(struct centre_bundle_out *out)
{
    if (out != NULL) {
        bundle_writer_fini(&out->writer);
        buf_fini(&out->beginning);
        buf_fini(&out->certificate);
        free(out);
    }
}

static void scoped_out(struct centre_bundle_out **out)
{
    centre_bundle_out_free(*out);
}

/* ---- what the device asks ---- */

static enum err_code add_question(void *context, const struct centre_question *question, struct error *err)
{
    struct centre_bundle_out *out = context;
    CHECK(out->question_count < CENTRE_QUESTIONS_MAX);
    enum err_code rc = exchange_request_decode(question->bytes, &out->questions[out->question_count], err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "read what the device's newest bundle asked");
    }
    out->question_count++;
    return ERR_OK;
}

/* Of a device that said nothing yet: all of the others', and what the centre holds of it. */
static enum err_code add_chain(void *context, uint32_t incarnation, uint64_t seq, struct error *err)
{
    struct centre_bundle_out *out = context;
    (void)err;
    CHECK(out->question_count < CENTRE_QUESTIONS_MAX);
    struct exchange_request *question = &out->questions[out->question_count++];
    *question = (struct exchange_request){ .incarnation = incarnation, .newest_seq = seq, .sent_at_ms = out->now_ms };
    memcpy(question->stream, out->device.site.stream, STREAM_ID_BYTES);
    return ERR_OK;
}

/* First the one that brings the others' records along: one that asks for a whole chain, if there is one. */
static void put_first(struct centre_bundle_out *out)
{
    for (size_t i = 1; i < out->question_count; i++) {
        if (out->questions[i].newest_seq == 0) {
            struct exchange_request first = out->questions[0];
            out->questions[0] = out->questions[i];
            out->questions[i] = first;
            return;
        }
    }
}

static enum err_code find_questions(struct centre_bundle_out *out, bool from_start, struct error *err)
{
    TRY(centre_questions(out->centre->store, out->device.id, add_question, out, err));
    if (out->question_count == 0) {
        TRY(centre_device_chains(out->centre->store, &out->device, add_chain, out, err));
    }
    if (out->question_count == 0) {
        TRY(add_chain(out, 0, 0, err));
    }
    for (size_t i = 0; from_start && i < out->question_count; i++) {
        out->questions[i].cursor = 0;
        out->questions[i].tree_known = false;
        out->questions[i].acked_seq = 0;
    }
    put_first(out);
    out->from = out->questions[0].cursor;
    out->to = out->from;
    return ERR_OK;
}

/* ---- the file ---- */

static enum err_code begin_file(struct centre_bundle_out *out, struct error *err)
{
    struct certificate receiver;
    struct bundle_about about = { .direction = BUNDLE_TO_DEVICE, .made_at_ms = out->now_ms };
    struct slice certificate = buf_slice(&out->certificate);
    struct bundle_sender sender = { .key = out->centre->signing_key,
                                    .certificate = signing_certificate_for(out->centre, certificate, out->now_ms) };
    memcpy(about.stream, out->device.site.stream, STREAM_ID_BYTES);
    TRY(certificate_parse(certificate, &receiver, err));
    return bundle_write_begin(&out->writer, &about, &sender, &receiver, &out->beginning, err);
}

enum err_code centre_bundle_out_begin(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES], bool from_start,
                                      int64_t now_ms, struct centre_bundle_out **ret_out, struct error *err)
{
    SCOPED(scoped_out) struct centre_bundle_out *out = calloc(1, sizeof(*out));
    if (out == NULL) {
        return FAIL(err, NO_MEMORY, "write a bundle");
    }
    out->centre = centre;
    out->now_ms = now_ms;
    buf_init(&out->certificate, CERTIFICATE_DER_MAX);
    buf_init(&out->beginning, BUNDLE_HEAD_BYTES + (size_t)2 * CERTIFICATE_DER_MAX);
    TRY(centre_device_find(centre->store, device, &out->device, err));
    if (out->device.revoked_at_ms != OP_TIME_NONE) {
        return FAIL(err, REVOKED, "write a bundle: the device was revoked");
    }
    TRY(centre_device_certificate(centre->store, out->device.id, &out->certificate, err));
    out->head = out->device.site.head;
    TRY(find_questions(out, from_start, err));
    TRY(begin_file(out, err));
    *ret_out = out;
    out = NULL;
    return ERR_OK;
}

enum err_code centre_device_of_digits(struct centre *centre, const char *digits, uint8_t ret_device[DEVICE_ID_BYTES],
                                      struct error *err)
{
    return centre_device_named(centre->store, digits, ret_device, err);
}

/* One page of the others' records with the first question; of the other ones only what is held of the own chain. */
static enum err_code answer_question(struct centre_bundle_out *out, struct buf *message, struct error *err)
{
    struct exchange_request *question = &out->questions[out->question];
    struct exchange_told told;
    SCOPED(buf_fini) struct buf asked;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&asked, EXCHANGE_REQUEST_MAX);
    buf_init(&answer, EXCHANGE_RESPONSE_MAX);
    question->want_bytes = PAGE_BYTES;
    if (out->question > 0) {
        question->cursor = out->to;
        question->tree_known = false;
    }
    struct exchange_peer peer = { .device = &out->device, .certificate = buf_slice(&out->certificate) };
    TRY(exchange_tell(out->centre, &peer, question, out->now_ms, &answer, &told, err));
    TRY(exchange_request_encode(question, &asked, err));
    TRY(bundle_pair_encode(buf_slice(&asked), buf_slice(&answer), message, err));
    out->to = told.cursor;
    out->head = told.head;
    if (told.more) {
        question->cursor = told.cursor;
        question->tree_known = false;
    } else {
        out->question++;
    }
    return ERR_OK;
}

enum err_code centre_bundle_out_next(struct centre_bundle_out *out, struct buf *piece, bool *ret_end, struct error *err)
{
    if (out->beginning.len > 0) {
        TRY(buf_append(piece, out->beginning.data, out->beginning.len, err));
        buf_clear(&out->beginning);
        *ret_end = false;
        return ERR_OK;
    }
    *ret_end = out->question == out->question_count;
    if (*ret_end) {
        return bundle_write_end(&out->writer, piece, err);
    }
    SCOPED(buf_fini) struct buf message;
    buf_init(&message, BUNDLE_MESSAGE_MAX);
    TRY(answer_question(out, &message, err));
    return bundle_write_message(&out->writer, buf_slice(&message), piece, err);
}

void centre_bundle_out_range(const struct centre_bundle_out *out, uint64_t *ret_from, uint64_t *ret_to,
                             uint64_t *ret_head)
{
    *ret_from = out->from;
    *ret_to = out->to;
    *ret_head = out->head;
}

const struct centre_device *centre_bundle_out_device(const struct centre_bundle_out *out)
{
    return &out->device;
}
