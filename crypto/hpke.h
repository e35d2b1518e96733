/*
 * crypto/hpke - a row of messages that only the holder of a P-256 key can read: RFC 9180, base mode.
 *
 *     DHKEM(P-256, HKDF-SHA256)  0x0010
 *     HKDF-SHA256                0x0001
 *     AES-256-GCM                0x0002
 *
 *   sender    hpke_seal_begin ──► encapsulated key (65 bytes) ──► hpke_seal, hpke_seal, ...
 *   receiver  hpke_open_begin ◄── the same ────────────────────── hpke_open, hpke_open, ... in the same order
 *
 * A message is bound to its place in the row, so none can be left out, repeated or moved but at the end: what is last
 * has to say so. Who sent it is not shown; a sender signs what hpke_export gives, which nobody else could have made
 * come out the same.
 *
 * Ownership:  *_begin gives, hpke_fini wipes; zeroed is allowed.
 */
#ifndef CRYPTO_HPKE_H
#define CRYPTO_HPKE_H

#include "crypto/identity.h"

#define HPKE_ENCAPSULATED_BYTES 65 /* 04 || x || y */
#define HPKE_TAG_BYTES 16
#define HPKE_NONCE_BYTES 12
#define HPKE_EXPORT_BYTES 32

struct hpke {
    struct secret keys; /* the content's, then the exporter's */
    uint8_t nonce[HPKE_NONCE_BYTES];
    uint64_t count; /* messages sealed or opened */
};

/* To the SubjectPublicKeyInfo (DER) of a P-256 key; ERR_KEY for any other. `info`: what both sides know it is for. */
MUST_USE enum err_code hpke_seal_begin(struct slice public_key_der, struct slice info,
                                       uint8_t ret_encapsulated[HPKE_ENCAPSULATED_BYTES], struct hpke *ret_hpke,
                                       struct error *err);
/* ERR_DAMAGED when `encapsulated` is no point on the curve. */
MUST_USE enum err_code hpke_open_begin(const struct device_key *key,
                                       const uint8_t encapsulated[HPKE_ENCAPSULATED_BYTES], struct slice info,
                                       struct hpke *ret_hpke, struct error *err);
void hpke_fini(struct hpke *hpke);

/* Appends len + HPKE_TAG_BYTES bytes. `associated` is bound to the message and not in it. */
MUST_USE enum err_code hpke_seal(struct hpke *hpke, struct slice associated, struct slice message, struct buf *out,
                                 struct error *err);
/* Appends the message. ERR_DAMAGED: changed, not the next in the row, or sealed to another key. */
MUST_USE enum err_code hpke_open(struct hpke *hpke, struct slice associated, struct slice sealed, struct buf *out,
                                 struct error *err);

/* The same on both sides and nowhere else; `context` is at most 64 bytes. */
void hpke_export(const struct hpke *hpke, const char *context, uint8_t out[HPKE_EXPORT_BYTES]);

#endif
