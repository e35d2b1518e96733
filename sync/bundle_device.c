#include "sync/bundle_device.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/bundle.h"
#include "sync/client_parts.h"

/* ---- out ---- */

struct device_bundle_out {
    struct client *client;
    int64_t now_ms;
    struct client_bundle bundle;
    struct bundle_writer writer;
    struct buf beginning; /* of the file, until it is given out */
};

void device_bundle_out_free(struct device_bundle_out *out)
{
    if (out != NULL) {
        bundle_writer_fini(&out->writer);
        buf_fini(&out->beginning);
        free(out);
    }
}

static void scoped_out(struct device_bundle_out **out)
{
    device_bundle_out_free(*out);
}

static enum err_code find_centre(struct client *client, struct certificate *ret_centre, struct error *err)
{
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(store_centre_certificate_read(client->store, &der, err));
    if (der.len == 0) {
        return FAIL(err, REFUSED,
                    "write a bundle: the centre's key is not known here yet; it comes with the first exchange or with "
                    "a bundle of the centre for this device");
    }
    return certificate_parse(buf_slice(&der), ret_centre, err);
}

enum err_code device_bundle_out_begin(struct client *client, int64_t now_ms, struct device_bundle_out **ret_out,
                                      struct error *err)
{
    SCOPED(scoped_out) struct device_bundle_out *out = calloc(1, sizeof(*out));
    if (out == NULL) {
        return FAIL(err, NO_MEMORY, "write a bundle");
    }
    struct certificate centre;
    struct bundle_about about = { .direction = BUNDLE_TO_CENTRE, .made_at_ms = now_ms };
    struct bundle_sender sender = { .key = client->key, .certificate = buf_slice(&client->identity->certificate) };
    out->client = client;
    out->now_ms = now_ms;
    buf_init(&out->beginning, BUNDLE_HEAD_BYTES + (size_t)2 * CERTIFICATE_DER_MAX);
    memcpy(about.stream, client->identity->stream, STREAM_ID_BYTES);
    TRY(find_centre(client, &centre, err));
    TRY(client_bundle_begin(client, &out->bundle, err));
    TRY(bundle_write_begin(&out->writer, &about, &sender, &centre, &out->beginning, err));
    *ret_out = out;
    out = NULL;
    return ERR_OK;
}

enum err_code device_bundle_out_next(struct device_bundle_out *out, struct buf *piece, bool *ret_end, struct error *err)
{
    *ret_end = false;
    if (out->beginning.len > 0) {
        TRY(buf_append(piece, out->beginning.data, out->beginning.len, err));
        buf_clear(&out->beginning);
        return ERR_OK;
    }
    SCOPED(buf_fini) struct buf message;
    buf_init(&message, EXCHANGE_REQUEST_MAX);
    TRY(client_bundle_next(out->client, &out->bundle, &message, ret_end, err));
    if (!*ret_end) {
        return bundle_write_message(&out->writer, buf_slice(&message), piece, err);
    }
    TRY(bundle_write_end(&out->writer, piece, err));
    LOG_INFO("bundle_written", "ops=%llu", (unsigned long long)out->bundle.ops);
    return store_bundle_written(out->client->store, out->now_ms, err);
}

uint64_t device_bundle_out_ops(const struct device_bundle_out *out)
{
    return out->bundle.ops;
}

/* ---- in ---- */

struct device_bundle_in {
    struct client *client;
    struct bundle_reader reader;
    struct buf message;
    struct device_bundle_taken taken;
    bool failed;
};

enum err_code device_bundle_in_new(struct client *client, struct device_bundle_in **ret_in, struct error *err)
{
    struct device_bundle_in *in = calloc(1, sizeof(*in));
    if (in == NULL) {
        return FAIL(err, NO_MEMORY, "take a bundle");
    }
    in->client = client;
    bundle_reader_init(&in->reader, client->key, BUNDLE_TO_DEVICE);
    buf_init(&in->message, BUNDLE_MESSAGE_MAX);
    *ret_in = in;
    return ERR_OK;
}

void device_bundle_in_free(struct device_bundle_in *in)
{
    if (in != NULL) {
        bundle_reader_fini(&in->reader);
        buf_fini(&in->message);
        free(in);
    }
}

/* Whoever wrote it holds the key; here, whether that is this device's centre. */
static enum err_code take_sender(struct device_bundle_in *in, struct error *err)
{
    struct client *client = in->client;
    struct certificate centre;
    const struct bundle_about *about = &in->reader.about;
    struct slice der = buf_slice(&in->reader.certificate);
    enum err_code rc =
        certificate_verify(der, authorities_present(buf_slice(&client->identity->ca)), about->made_at_ms, &centre, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "take a bundle: not of this device's centre");
    }
    if (centre.role != CERTIFICATE_ROLE_CENTRE ||
        memcmp(about->stream, client->identity->stream, STREAM_ID_BYTES) != 0) {
        return FAIL(err, REFUSED, "take a bundle: it is not of the centre, or for another site");
    }
    TRY(store_centre_certificate_keep(client->store, der, err));
    in->taken.known = true;
    in->taken.made_at_ms = about->made_at_ms;
    return ERR_OK;
}

static enum err_code take_message(struct device_bundle_in *in, struct error *err)
{
    struct slice question;
    struct slice answer;
    struct client_bundle_taken taken = { 0 };
    TRY(bundle_pair_decode(buf_slice(&in->message), &question, &answer, err));
    in->taken.messages++;
    if (in->taken.ask_again) {
        return ERR_OK;
    }
    TRY(client_bundle_take(in->client, question, answer, &taken, err));
    in->taken.held += taken.held;
    in->taken.new_ops += taken.new_ops;
    in->taken.ask_again = taken.ask_again;
    return ERR_OK;
}

static enum err_code take_end(struct device_bundle_in *in, struct error *err)
{
    struct client *client = in->client;
    in->taken.whole = true;
    LOG_INFO("bundle_taken", "messages=%llu new_ops=%llu", (unsigned long long)in->taken.messages,
             (unsigned long long)in->taken.new_ops);
    return store_bundle_taken(client->store, client->io->wall_ms(client->io->context), in->taken.made_at_ms, err);
}

static enum err_code take_all(struct device_bundle_in *in, struct error *err)
{
    for (;;) {
        enum bundle_found found;
        TRY(bundle_read(&in->reader, &in->message, &found, err));
        if (found == BUNDLE_MORE_BYTES) {
            return ERR_OK;
        }
        TRY(found == BUNDLE_SENDER    ? take_sender(in, err)
            : found == BUNDLE_MESSAGE ? take_message(in, err)
                                      : take_end(in, err));
    }
}

enum err_code device_bundle_in_put(struct device_bundle_in *in, struct slice piece, struct error *err)
{
    if (in->failed) {
        return FAIL(err, CONFLICT, "take a bundle: it failed already");
    }
    enum err_code rc = bundle_read_put(&in->reader, piece, err);
    rc = rc != ERR_OK ? rc : take_all(in, err);
    in->failed = rc != ERR_OK;
    return rc;
}

void device_bundle_in_taken(const struct device_bundle_in *in, struct device_bundle_taken *ret_taken)
{
    *ret_taken = in->taken;
}

enum err_code device_bundle_in_finish(const struct device_bundle_in *in, struct error *err)
{
    return bundle_read_finish(&in->reader, err);
}
