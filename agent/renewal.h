/*
 * agent/renewal - a new certificate before the old one runs out, and when the centre has a new authority.
 *
 *   valid from ────────────── 2/3 of its life ── up to 1/24 more, by the device's id ──► renewed ··· runs out
 *                                                                                           from 30 days before: said
 *
 * Tried after an exchange that worked, since then the centre is reached and its clock is known: that clock counts, not
 * this machine's. But not while the centre's is more than a day ahead of this machine's: one of the two is wrong, and
 * if it is the centre's, the new certificate would hold for nobody once that is set right, and the old one be gone. A
 * failure is tried again after RENEWAL_AGAIN_MS, doubled up to a day.
 */
#ifndef AGENT_RENEWAL_H
#define AGENT_RENEWAL_H

#include "crypto/identity.h"

#define RENEWAL_AGAIN_MS (10 * 60 * 1000)
#define RENEWAL_WARN_MS (INT64_C(30) * 24 * 3600 * 1000)

struct renewal {
    bool known; /* the two below are */
    struct certificate certificate;
    unsigned failures;
    int64_t not_before_ms; /* monotonic: the next try */
    struct error trouble;  /* of the last one; ERR_OK: none */
};

/* When it is to be renewed, by the centre's clock. Not every device of a day at once. */
int64_t renewal_due_ms(const struct certificate *certificate);

/* Would a certificate that the centre makes now hold by this machine's clock, too? */
bool renewal_clocks_agree(int64_t centre_now_ms, int64_t wall_ms);

/* From the device's certificate; what it says stays unknown if it cannot be read. */
void renewal_read(struct renewal *renewal, struct slice certificate_der);

#endif
