/*
 * tests/support/impostor - a TLS server with any certificate and any manners in the centre's place, in its own thread.
 *
 * With the real authority's certificate and the laptop's own key it can also relay to the real centre and spoil what
 * goes through: the faults that TLS would otherwise hide.
 *
 * Threads: every function may be called while the impostor works.
 */
#ifndef TESTS_SUPPORT_IMPOSTOR_H
#define TESTS_SUPPORT_IMPOSTOR_H

#include "crypto/identity.h"
#include "tests/support/world.h"

struct impostor; /* private */

enum impostor_manner {
    IMPOSTOR_PORTAL_PAGE,  /* 200 with an HTML page */
    IMPOSTOR_REDIRECT,     /* 302 to a login page */
    IMPOSTOR_UNAVAILABLE,  /* 503 with Retry-After */
    IMPOSTOR_WRONG_TYPE,   /* 200 with JSON */
    IMPOSTOR_EMPTY,        /* 200, the right type, no body */
    IMPOSTOR_GARBAGE,      /* 200, the right type, random bytes */
    IMPOSTOR_OVERSIZED,    /* 200, the right type, more bytes than any answer may have */
    IMPOSTOR_SERVER_ERROR, /* 500 without words */
    /* of a relay: */
    IMPOSTOR_FAITHFUL,  /* passes on */
    IMPOSTOR_TWICE,     /* gives every request to the centre two times; answers with the second answer */
    IMPOSTOR_LOST,      /* gives the request to the centre, and never answers */
    IMPOSTOR_STALE,     /* answers with what the centre answered the time before */
    IMPOSTOR_TRUNCATED, /* passes on the first half of the answer as if it were all */
    IMPOSTOR_FLIPPED,   /* passes on the answer with one bit changed, another one each time */
};

struct impostor_certificate {
    const struct authority *authority;
    const char *host;
    int64_t from_days; /* from now */
    int64_t to_days;
};

#define IMPOSTOR_RETRY_AFTER_S 5

/*
 * `relay_as` (NULL: none): relays to the world's centre as this laptop, which must not run now: its key is read from
 * its replica.
 */
struct impostor *impostor_start(const struct impostor_certificate *certificate, enum impostor_manner manner,
                                struct laptop *relay_as);
void impostor_stop(struct impostor *impostor);
uint16_t impostor_port(const struct impostor *impostor);
void impostor_set(struct impostor *impostor, enum impostor_manner manner);
unsigned impostor_requests(struct impostor *impostor); /* that came since the start */

/* The centre's own authority, read from its vault while it does not run. authority_free releases. */
struct authority *centre_authority(struct centre *centre);

/* A laptop's identity, read from its replica while it does not run. store_identity_fini releases. */
struct store_identity;
void laptop_identity(struct laptop *laptop, struct store_identity *ret_identity);
/* Whoever has the keys of a laptop that does not run changes its replica. */
void laptop_alter(struct laptop *laptop, const char *sql);

#endif
