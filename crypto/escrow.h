/*
 * crypto/escrow - a secret for an organisation's eyes: CMS EnvelopedData (RFC 5652) to the key of its certificate.
 *
 * The content is the secret in 64 hexadecimal digits and a line's end, so that what `openssl cms -decrypt` gives can be
 * looked at and typed. AES-256-CBC for the content; the key for it goes to
 *
 *     RSA, 2048 to 8192 bits  RSAES-OAEP with SHA-256 (RFC 3560)
 *     P-256, P-384            ephemeral ECDH, X9.63 derivation with SHA-256, AES key wrap (RFC 5753)
 *
 * The recipient is named by the key identifier of the certificate, or by issuer and serial number where it has none.
 * Whether the certificate is trusted is not asked: who gives it says whose it is. Its SHA-256 is there to be compared.
 */
#ifndef CRYPTO_ESCROW_H
#define CRYPTO_ESCROW_H

#include "crypto/digest.h"
#include "crypto/secret.h"

#define ESCROW_SECRET_BYTES 32
#define ESCROW_TEXT_BYTES (2 * ESCROW_SECRET_BYTES)

/* ERR_INVALID: no certificate in DER, or its key is of another kind or too short. */
MUST_USE enum err_code escrow_check(struct slice certificate_der, uint8_t ret_sha256[SHA256_BYTES], struct error *err);

/* Appends the message in DER. ERR_LIMIT: `out` has no room for it. */
MUST_USE enum err_code escrow_seal(struct slice certificate_der, const struct secret *secret, struct buf *out,
                                   struct error *err);

/* The secret from the text that was in the envelope; blanks and line ends around it do not matter. ERR_INVALID. */
MUST_USE enum err_code escrow_parse(struct slice text, struct secret *ret_secret, struct error *err);

#endif
