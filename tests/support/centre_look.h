/*
 * tests/support/centre_look - all that a centre could read: what requests say, and its database as plain bytes. The
 * centre whose folder it is must not run.
 */
#ifndef TESTS_SUPPORT_CENTRE_LOOK_H
#define TESTS_SUPPORT_CENTRE_LOOK_H

#include "base/bytes.h"

/* Appends an exchange's request and, unpacked, subject, actor and body of every op in it; how many. It must decode. */
size_t request_words(struct slice request, struct buf *out);
/* The same of every request in a bundle for this centre. */
size_t centre_bundle_words(const char *folder, const char *path, struct buf *out);
/* Its pages as SQLite reads them, decrypted, the write-ahead log included. */
void centre_pages(const char *folder, struct buf *out);

#endif
