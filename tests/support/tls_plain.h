/*
 * tests/support/tls_plain - what a client said inside TLS 1.3, from the bytes on the line and the key log that libcurl
 * writes when SSLKEYLOGFILE names one (RFC 8446, sections 5.2 and 7.3). Of the client's side only; handshake messages
 * are passed over.
 */
#ifndef TESTS_SUPPORT_TLS_PLAIN_H
#define TESTS_SUPPORT_TLS_PLAIN_H

#include "base/bytes.h"

/* Appends the application data of one connection. False: it has no secret in the key log, or a record of application
 * data after the first does not open. A record that was cut off at the end is left out. */
bool tls_plain(const char *key_log, struct slice up, struct buf *out);

#endif
