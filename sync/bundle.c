#include "sync/bundle.h"

#include <string.h>

#include "store/cbor.h"

#define MAGIC "HFBUNDLE"
#define SIGNATURE_CONTEXT "holdfast/bundle/v1"
#define EXPORT_CONTEXT "holdfast/bundle/v1"

enum {
    VERSION = 1,
    AT_VERSION = 8,
    AT_DIRECTION = 9,
    AT_RECEIVER = 10,
    AT_ENCAPSULATED = 26,
    SENDER_MAX = CERTIFICATE_DER_MAX + 256,
    SIGNED_BYTES = AT_ENCAPSULATED + HPKE_EXPORT_BYTES + STREAM_ID_BYTES + 8 + DEVICE_ID_BYTES,
};

/* Members of the first chunk; see PROTOCOL.md. */
enum { SENDER_CERTIFICATE = 1, SENDER_STREAM, SENDER_MADE_AT, SENDER_SIGNATURE, SENDER_MEMBERS = SENDER_SIGNATURE };

/* What a sender signs: the row's receiver and purpose, what only both ends of the row know, and who it is itself. */
static void signed_message(const uint8_t head[BUNDLE_HEAD_BYTES], const struct hpke *row,
                           const struct bundle_about *about, const uint8_t sender[DEVICE_ID_BYTES],
                           uint8_t out[SIGNED_BYTES])
{
    memcpy(out, head, AT_ENCAPSULATED);
    out += AT_ENCAPSULATED;
    hpke_export(row, EXPORT_CONTEXT, out);
    out += HPKE_EXPORT_BYTES;
    memcpy(out, about->stream, STREAM_ID_BYTES);
    put_be64(out + STREAM_ID_BYTES, (uint64_t)about->made_at_ms);
    memcpy(out + STREAM_ID_BYTES + 8, sender, DEVICE_ID_BYTES);
}

/* ---- writing ---- */

static enum err_code put_chunk(struct bundle_writer *writer, bool last, struct slice content, struct buf *out,
                               struct error *err)
{
    uint8_t frame[BUNDLE_FRAME_BYTES] = { last };
    size_t before = out->len;
    put_be32(frame + 1, (uint32_t)(content.len + HPKE_TAG_BYTES));
    TRY(buf_append(out, frame, sizeof(frame), err));
    enum err_code rc = hpke_seal(&writer->row, slice_of(frame, sizeof(frame)), content, out, err);
    out->len = rc == ERR_OK ? out->len : before;
    return rc;
}

static enum err_code put_sender(struct bundle_writer *writer, const uint8_t head[BUNDLE_HEAD_BYTES],
                                const struct bundle_about *about, const struct bundle_sender *sender, struct buf *out,
                                struct error *err)
{
    uint8_t id[DEVICE_ID_BYTES];
    uint8_t message[SIGNED_BYTES];
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len;
    device_key_id(sender->key, id);
    signed_message(head, &writer->row, about, id, message);
    TRY(device_key_sign(sender->key, SIGNATURE_CONTEXT, slice_of(message, sizeof(message)), signature, &signature_len,
                        err));
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, SENDER_MAX);
    struct dcbor_writer w = dcbor_writer_begin(&content, err);
    dcbor_put_map(&w, SENDER_MEMBERS);
    dcbor_put_uint(&w, SENDER_CERTIFICATE);
    dcbor_put_bytes(&w, sender->certificate.data, sender->certificate.len);
    dcbor_put_uint(&w, SENDER_STREAM);
    dcbor_put_bytes(&w, about->stream, STREAM_ID_BYTES);
    dcbor_put_uint(&w, SENDER_MADE_AT);
    dcbor_put_int(&w, about->made_at_ms);
    dcbor_put_uint(&w, SENDER_SIGNATURE);
    dcbor_put_bytes(&w, signature, signature_len);
    TRY(dcbor_writer_end(&w));
    return put_chunk(writer, false, buf_slice(&content), out, err);
}

enum err_code bundle_write_begin(struct bundle_writer *writer, const struct bundle_about *about,
                                 const struct bundle_sender *sender, const struct certificate *receiver,
                                 struct buf *out, struct error *err)
{
    uint8_t head[BUNDLE_HEAD_BYTES];
    if (!receiver->agrees) {
        return FAIL(
            err, REFUSED,
            "write a bundle: the receiver's certificate is of before bundles; a device gets one with its next renewal, "
            "a centre with `holdfast-endpointctl ca roll`");
    }
    memcpy(head, MAGIC, AT_VERSION);
    head[AT_VERSION] = VERSION;
    head[AT_DIRECTION] = (uint8_t)about->direction;
    memcpy(head + AT_RECEIVER, receiver->device, DEVICE_ID_BYTES);
    TRY(hpke_seal_begin(slice_of(receiver->public_key, receiver->public_key_len), slice_of(head, AT_ENCAPSULATED),
                        head + AT_ENCAPSULATED, &writer->row, err));
    TRY(buf_append(out, head, sizeof(head), err));
    return put_sender(writer, head, about, sender, out, err);
}

enum err_code bundle_write_message(struct bundle_writer *writer, struct slice message, struct buf *out,
                                   struct error *err)
{
    CHECK(message.len > 0 && message.len <= BUNDLE_MESSAGE_MAX);
    return put_chunk(writer, false, message, out, err);
}

enum err_code bundle_write_end(struct bundle_writer *writer, struct buf *out, struct error *err)
{
    return put_chunk(writer, true, (struct slice){ 0 }, out, err);
}

void bundle_writer_fini(struct bundle_writer *writer)
{
    hpke_fini(&writer->row);
}

/* ---- reading ---- */

void bundle_reader_init(struct bundle_reader *reader, const struct device_key *key, enum bundle_direction direction)
{
    *reader = (struct bundle_reader){ .key = key, .direction = direction };
    buf_init(&reader->pending, BUNDLE_FRAME_BYTES + BUNDLE_MESSAGE_MAX + HPKE_TAG_BYTES + BUNDLE_PIECE_MAX);
    buf_init(&reader->certificate, CERTIFICATE_DER_MAX);
}

void bundle_reader_fini(struct bundle_reader *reader)
{
    hpke_fini(&reader->row);
    buf_fini(&reader->pending);
    buf_fini(&reader->certificate);
}

enum err_code bundle_read_put(struct bundle_reader *reader, struct slice piece, struct error *err)
{
    struct buf *pending = &reader->pending;
    if (piece.len > BUNDLE_PIECE_MAX) {
        return FAIL(err, LIMIT, "take a piece of a bundle: longer than %zu bytes", BUNDLE_PIECE_MAX);
    }
    if (reader->used > 0) {
        memmove(pending->data, pending->data + reader->used, pending->len - reader->used);
        pending->len -= reader->used;
        reader->used = 0;
    }
    return buf_append(pending, piece.data, piece.len, err);
}

static struct slice at_hand(const struct bundle_reader *reader)
{
    const struct buf *pending = &reader->pending;
    return pending->len == 0 ? (struct slice){ 0 }
                             : slice_of(pending->data + reader->used, pending->len - reader->used);
}

static enum err_code check_head(const struct bundle_reader *reader, const uint8_t *head, struct error *err)
{
    uint8_t own[DEVICE_ID_BYTES];
    device_key_id(reader->key, own);
    if (memcmp(head, MAGIC, AT_VERSION) != 0) {
        return FAIL(err, INVALID, "read the bundle: this file is none");
    }
    if (head[AT_VERSION] != VERSION) {
        return FAIL(err, UNSUPPORTED, "read the bundle: its version is %u; update this program", head[AT_VERSION]);
    }
    if (head[AT_DIRECTION] != reader->direction) {
        return FAIL(err, REFUSED, "read the bundle: it is %s",
                    reader->direction == BUNDLE_TO_DEVICE ? "a device's, for its centre: import it there"
                                                          : "a centre's, for a device: import it there");
    }
    if (memcmp(head + AT_RECEIVER, own, sizeof(own)) != 0) {
        char whose[2 * DEVICE_ID_BYTES + 1];
        hex_encode(head + AT_RECEIVER, DEVICE_ID_BYTES, whose);
        return FAIL(err, REFUSED, "read the bundle: it is for another %s, '%s'",
                    reader->direction == BUNDLE_TO_DEVICE ? "device" : "centre", whose);
    }
    return ERR_OK;
}

static enum err_code read_head(struct bundle_reader *reader, bool *ret_whole, struct error *err)
{
    struct slice bytes = at_hand(reader);
    *ret_whole = bytes.len >= BUNDLE_HEAD_BYTES;
    if (bytes.len > 0 && memcmp(bytes.data, MAGIC, bytes.len < AT_VERSION ? bytes.len : AT_VERSION) != 0) {
        return FAIL(err, INVALID, "read the bundle: this file is none");
    }
    if (!*ret_whole) {
        return ERR_OK;
    }
    TRY(check_head(reader, bytes.data, err));
    memcpy(reader->head, bytes.data, BUNDLE_HEAD_BYTES);
    TRY(hpke_open_begin(reader->key, reader->head + AT_ENCAPSULATED, slice_of(reader->head, AT_ENCAPSULATED),
                        &reader->row, err));
    reader->used += BUNDLE_HEAD_BYTES;
    reader->state = BUNDLE_AT_SENDER;
    return ERR_OK;
}

/* The next chunk's content, once it is all there. */
static enum err_code open_chunk(struct bundle_reader *reader, struct buf *content, bool *ret_whole, bool *ret_last,
                                struct error *err)
{
    struct slice bytes = at_hand(reader);
    *ret_whole = false;
    if (bytes.len < BUNDLE_FRAME_BYTES) {
        return ERR_OK;
    }
    size_t limit = reader->state == BUNDLE_AT_SENDER ? SENDER_MAX : BUNDLE_MESSAGE_MAX;
    size_t sealed = get_be32(bytes.data + 1);
    if (bytes.data[0] > 1 || sealed < HPKE_TAG_BYTES || sealed > limit + HPKE_TAG_BYTES) {
        return FAIL(err, DAMAGED, "read the bundle: part %llu is not as it was written",
                    (unsigned long long)reader->row.count + 1);
    }
    if (bytes.len - BUNDLE_FRAME_BYTES < sealed) {
        return ERR_OK;
    }
    buf_clear(content);
    enum err_code rc = hpke_open(&reader->row, slice_of(bytes.data, BUNDLE_FRAME_BYTES),
                                 slice_of(bytes.data + BUNDLE_FRAME_BYTES, sealed), content, err);
    if (rc == ERR_DAMAGED) {
        return FAIL(err, DAMAGED, "read the bundle: part %llu fails its check: changed, moved or not of this bundle",
                    (unsigned long long)reader->row.count + 1);
    }
    TRY(rc);
    *ret_whole = true;
    *ret_last = bytes.data[0] == 1;
    reader->used += BUNDLE_FRAME_BYTES + sealed;
    return ERR_OK;
}

static enum err_code take_sender(struct bundle_reader *reader, struct slice content, struct error *err)
{
    struct dcbor_reader r = dcbor_reader_begin(content, err);
    struct bundle_about about = { .direction = reader->direction };
    struct slice certificate = { 0 };
    struct slice signature = { 0 };
    size_t members = dcbor_get_map(&r, SENDER_MEMBERS);
    for (size_t i = 1; i <= members; i++) {
        if (dcbor_get_uint(&r, SENDER_MEMBERS) != i) {
            dcbor_reject(&r, "the sender's members are not in order");
        }
        switch (i) {
        case SENDER_CERTIFICATE:
            certificate = dcbor_get_bytes(&r, 1, CERTIFICATE_DER_MAX);
            break;
        case SENDER_STREAM:
            dcbor_get_fixed(&r, about.stream, STREAM_ID_BYTES);
            break;
        case SENDER_MADE_AT:
            about.made_at_ms = dcbor_get_int(&r, 0, OP_TIME_MAX_MS);
            break;
        default:
            signature = dcbor_get_bytes(&r, 1, SIGNATURE_MAX);
        }
    }
    if (members != SENDER_MEMBERS) {
        dcbor_reject(&r, "one of the sender's members is missing");
    }
    TRY(dcbor_reader_end(&r));
    struct certificate sender;
    uint8_t message[SIGNED_BYTES];
    TRY(certificate_parse(certificate, &sender, err));
    signed_message(reader->head, &reader->row, &about, sender.device, message);
    enum err_code rc = signature_verify(slice_of(sender.public_key, sender.public_key_len), SIGNATURE_CONTEXT,
                                        slice_of(message, sizeof(message)), signature, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "know who made the bundle");
    }
    reader->about = about;
    return buf_append(&reader->certificate, certificate.data, certificate.len, err);
}

static enum err_code read_sender(struct bundle_reader *reader, struct buf *scratch, enum bundle_found *ret_found,
                                 struct error *err)
{
    bool whole;
    bool last;
    TRY(open_chunk(reader, scratch, &whole, &last, err));
    if (!whole) {
        return ERR_OK;
    }
    if (last) {
        return FAIL(err, PROTOCOL, "read the bundle: it ends before it begins");
    }
    TRY(take_sender(reader, buf_slice(scratch), err));
    reader->state = BUNDLE_AT_MESSAGES;
    *ret_found = BUNDLE_SENDER;
    return ERR_OK;
}

static enum err_code read_message(struct bundle_reader *reader, struct buf *message, enum bundle_found *ret_found,
                                  struct error *err)
{
    bool whole;
    bool last;
    TRY(open_chunk(reader, message, &whole, &last, err));
    if (!whole) {
        return ERR_OK;
    }
    if (last != (message->len == 0)) {
        return FAIL(err, PROTOCOL, "read the bundle: part %llu has no content, or is the last and has some",
                    (unsigned long long)reader->row.count);
    }
    if (last) {
        reader->state = BUNDLE_AT_END;
        *ret_found = BUNDLE_END;
        return ERR_OK;
    }
    reader->messages++;
    *ret_found = BUNDLE_MESSAGE;
    return ERR_OK;
}

enum err_code bundle_read(struct bundle_reader *reader, struct buf *message, enum bundle_found *ret_found,
                          struct error *err)
{
    *ret_found = BUNDLE_MORE_BYTES;
    if (reader->state == BUNDLE_AT_HEAD) {
        bool whole;
        TRY(read_head(reader, &whole, err));
        if (!whole) {
            return ERR_OK;
        }
    }
    switch (reader->state) {
    case BUNDLE_AT_SENDER:
        return read_sender(reader, message, ret_found, err);
    case BUNDLE_AT_MESSAGES:
        return read_message(reader, message, ret_found, err);
    case BUNDLE_AT_HEAD:
    case BUNDLE_AT_END:
        break;
    }
    return at_hand(reader).len == 0 ? ERR_OK : FAIL(err, PROTOCOL, "read the bundle: something follows its end");
}

enum err_code bundle_read_finish(const struct bundle_reader *reader, struct error *err)
{
    if (reader->state == BUNDLE_AT_END) {
        return ERR_OK;
    }
    if (reader->state == BUNDLE_AT_HEAD) {
        return FAIL(err, INVALID, "read the bundle: this file is none, or only its beginning");
    }
    return FAIL(err, DAMAGED,
                "read the bundle: it was cut; what is whole of it was taken (parts: %llu), the rest has to come again",
                (unsigned long long)reader->messages);
}

/* ---- a question and its answer ---- */

enum err_code bundle_pair_encode(struct slice question, struct slice answer, struct buf *out, struct error *err)
{
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_array(&w, 2);
    dcbor_put_bytes(&w, question.data, question.len);
    dcbor_put_bytes(&w, answer.data, answer.len);
    return dcbor_writer_end(&w);
}

enum err_code bundle_pair_decode(struct slice message, struct slice *ret_question, struct slice *ret_answer,
                                 struct error *err)
{
    struct dcbor_reader r = dcbor_reader_begin(message, err);
    if (dcbor_get_array(&r, 2) != 2) {
        dcbor_reject(&r, "expected a question and its answer");
    }
    struct slice question = dcbor_get_bytes(&r, 1, EXCHANGE_REQUEST_MAX);
    struct slice answer = dcbor_get_bytes(&r, 1, EXCHANGE_RESPONSE_MAX);
    TRY(dcbor_reader_end(&r));
    *ret_question = question;
    *ret_answer = answer;
    return ERR_OK;
}
