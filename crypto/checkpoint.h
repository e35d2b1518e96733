/*
 * crypto/checkpoint - the head of a history's tree, signed: what a centre cannot take back.
 *
 * Shown, a checkpoint is a note that common tools of transparency logs read (C2SP tlog-checkpoint in a C2SP
 * signed-note):
 *
 *     holdfast.invalid/stream/0123456789abcdef0123456789abcdef     origin: which history
 *     20852163                                                     size
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=                 root, base64
 *
 *     — holdfast.invalid/stream/... Az3grlgtzPICa5OS8npV...        key id (4 bytes) || signature (64), base64
 *
 * The signature is Ed25519 (RFC 8032) over the text up to the empty line. As both sides know the origin, size, root and
 * signature are all that travels: CHECKPOINT_BYTES.
 *
 * Layer:  crypto; pure.
 */
#ifndef CRYPTO_CHECKPOINT_H
#define CRYPTO_CHECKPOINT_H

#include "crypto/merkle.h"
#include "crypto/secret.h"

#define CHECKPOINT_KEY_BYTES 32
#define CHECKPOINT_SIGNATURE_BYTES 64
#define CHECKPOINT_BYTES (8 + MERKLE_HASH_BYTES + CHECKPOINT_SIGNATURE_BYTES)
#define CHECKPOINT_ORIGIN_MAX 128
#define CHECKPOINT_NOTE_MAX 4096

struct checkpoint {
    uint64_t size;
    struct merkle_hash root;
    uint8_t signature[CHECKPOINT_SIGNATURE_BYTES];
};

/* A private key is its 32-byte seed (RFC 8032 section 5.1.5). */
MUST_USE enum err_code checkpoint_key_make(struct secret *ret_private, struct error *err);
MUST_USE enum err_code checkpoint_key_public(const struct secret *private_key, uint8_t ret_public[CHECKPOINT_KEY_BYTES],
                                             struct error *err);

/* `origin` is 1 to CHECKPOINT_ORIGIN_MAX printable ASCII characters without a blank or plus. Sets the signature over
 * size and root. */
MUST_USE enum err_code checkpoint_sign(const struct secret *private_key, const char *origin,
                                       struct checkpoint *checkpoint, struct error *err);

/* ERR_HISTORY: this key did not sign it. */
MUST_USE enum err_code checkpoint_verify(const uint8_t public_key[CHECKPOINT_KEY_BYTES], const char *origin,
                                         const struct checkpoint *checkpoint, struct error *err);

/* Size as 8 bytes big-endian, root, signature. */
void checkpoint_encode(const struct checkpoint *checkpoint, uint8_t out[CHECKPOINT_BYTES]);
MUST_USE enum err_code checkpoint_decode(struct slice bytes, struct checkpoint *ret_checkpoint, struct error *err);

/* The note, appended to `out`. */
MUST_USE enum err_code checkpoint_note(const struct checkpoint *checkpoint, const char *origin,
                                       const uint8_t public_key[CHECKPOINT_KEY_BYTES], struct buf *out,
                                       struct error *err);

/*
 * Reads a note about `origin` of at most CHECKPOINT_NOTE_MAX bytes and checks the signature of this key; lines of other
 * keys and extension lines are passed over (the signature covers the latter). ERR_PROTOCOL: not such a note.
 * ERR_HISTORY: of another history, or not signed by this key.
 */
MUST_USE enum err_code checkpoint_note_read(struct slice note, const char *origin,
                                            const uint8_t public_key[CHECKPOINT_KEY_BYTES],
                                            struct checkpoint *ret_checkpoint, struct error *err);

/* What verifiers of notes are configured with: `origin+keyid+base64(0x01 || public key)`, appended to `out`. */
MUST_USE enum err_code checkpoint_verifier_key(const char *origin, const uint8_t public_key[CHECKPOINT_KEY_BYTES],
                                               struct buf *out, struct error *err);

#endif
