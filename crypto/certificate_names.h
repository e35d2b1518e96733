/*
 * crypto/certificate_names - what a certificate of ours says in its SubjectAltName, read and written. Private to
 * crypto/.
 *
 * One table of roles serves both ways, so that what the authority writes is what a certificate is read as.
 */
#ifndef CRYPTO_CERTIFICATE_NAMES_H
#define CRYPTO_CERTIFICATE_NAMES_H

#include "crypto/openssl_glue.h"

/*
 * Fills role, organisation and streams. ERR_TLS unless there is exactly one role, no name of ours that this program
 * does not know, and: for an agent one organisation and 1 to CERTIFICATE_STREAMS_MAX different streams; for the others
 * neither.
 */
MUST_USE enum err_code certificate_names_read(X509 *certificate, struct certificate *ret_certificate,
                                              struct error *err);

/* The same rules hold for the grant; ERR_INVALID says what is wrong with it. */
MUST_USE enum err_code certificate_names_write(X509 *certificate, const struct certificate_grant *grant,
                                               struct error *err);

#endif
