/*
 * Who signed the answer: the centre's certificate, its receipt, its key for checkpoints and the checkpoint.
 */
#include "sync/client_parts.h"

#include <string.h>

static enum err_code check_vouch(const struct exchange_response *response, const struct certificate *centre,
                                 struct error *err)
{
    struct slice key = response->checkpoint_key;
    if (key.len <= CHECKPOINT_KEY_BYTES) {
        return FAIL(err, PROTOCOL, "check the centre's certificate: its key for checkpoints did not come with it");
    }
    enum err_code rc = signature_verify(slice_of(centre->public_key, centre->public_key_len), CHECKPOINT_KEY_CONTEXT,
                                        slice_of(key.data, CHECKPOINT_KEY_BYTES),
                                        slice_of(key.data + CHECKPOINT_KEY_BYTES, key.len - CHECKPOINT_KEY_BYTES), err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "check the centre's key for checkpoints");
}

static void keep_key(struct client_centre *centre, struct slice key)
{
    memcpy(centre->checkpoint_key, key.data, CHECKPOINT_KEY_BYTES);
    centre->vouch_len = key.len - CHECKPOINT_KEY_BYTES;
    memcpy(centre->vouch, key.data + CHECKPOINT_KEY_BYTES, centre->vouch_len);
}

static enum err_code take_certificate(struct client *c, const struct exchange_response *response, struct error *err)
{
    struct slice der = response->centre_certificate;
    if (der.len == 0) {
        return c->centre.certificate.len > 0
                   ? ERR_OK
                   : FAIL(err, PROTOCOL, "check the centre's receipt: it did not send its certificate");
    }
    struct certificate parsed;
    TRY(certificate_verify(der, authorities_present(buf_slice(&c->identity->ca)), response->answered_at_ms, &parsed,
                           err));
    if (parsed.role != CERTIFICATE_ROLE_CENTRE) {
        return FAIL(err, HISTORY, "check the centre's receipt: the certificate sent is not for signing receipts");
    }
    TRY(check_vouch(response, &parsed, err));
    TRY(store_centre_certificate_keep(c->store, der, err));
    buf_clear(&c->centre.certificate);
    TRY(buf_append(&c->centre.certificate, der.data, der.len, err));
    c->centre.parsed = parsed;
    keep_key(&c->centre, response->checkpoint_key);
    return ERR_OK;
}

enum err_code client_check_receipt(struct client *c, const struct exchange_response *response, struct error *err)
{
    TRY(take_certificate(c, response, err));
    struct op_id acked = { .incarnation = c->sent.incarnation, .seq = response->acked_seq };
    memcpy(acked.device, c->identity->device, DEVICE_ID_BYTES);
    uint8_t message[OP_RECEIPT_MESSAGE_BYTES];
    op_receipt_message(c->identity->stream, &acked, response->acked_link, response->answered_at_ms, message);
    const struct certificate *centre = &c->centre.parsed;
    if (response->answered_at_ms < centre->not_before_ms) {
        buf_clear(&c->centre.certificate);
        return FAIL(err, HISTORY, "check the centre's receipt: it is older than the certificate of who signed it");
    }
    enum err_code rc =
        signature_verify(slice_of(centre->public_key, centre->public_key_len), OP_RECEIPT_CONTEXT,
                         slice_of(message, sizeof(message)), slice_of(response->receipt, response->receipt_len), err);
    if (rc != ERR_OK) {
        /* perhaps another key signs now and this certificate is the old one: ask for it next time */
        buf_clear(&c->centre.certificate);
    }
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "check the centre's receipt");
}

enum err_code client_check_checkpoint(struct client *c, const struct exchange_response *response,
                                      struct store_checkpoint *ret_checkpoint, struct error *err)
{
    char origin[TREE_ORIGIN_SIZE];
    tree_origin(c->identity->stream, origin);
    *ret_checkpoint = (struct store_checkpoint){ .checkpoint = response->checkpoint,
                                                 .vouch = slice_of(c->centre.vouch, c->centre.vouch_len),
                                                 .certificate = buf_slice(&c->centre.certificate) };
    memcpy(ret_checkpoint->key, c->centre.checkpoint_key, CHECKPOINT_KEY_BYTES);
    if (response->checkpoint.size != response->head) {
        return FAIL(err, PROTOCOL, "check the centre's checkpoint: it is not about its newest position");
    }
    enum err_code rc = checkpoint_verify(ret_checkpoint->key, origin, &response->checkpoint, err);
    if (rc != ERR_OK) {
        buf_clear(&c->centre.certificate); /* as for a receipt */
    }
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "check the centre's checkpoint");
}
