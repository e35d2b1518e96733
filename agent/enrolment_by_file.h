/*
 * agent/enrolment_by_file - enrolment and renewal where there is never a network (sync/enrolment_file.h): a request
 * that a person carries to the centre, and the centre's answer.
 *
 *   not enrolled ── request with a code ──► key kept ── answer, fits the code's pin ──► enrolled, without an address
 *   enrolled ─────── request by the key ─────────────── answer, from who is known ────► a newer certificate
 *   enrolled ─────── request with a code (AGAIN) ────── answer, either ───────────────► the same, key and records stay
 *
 * A request may be made again and an answer be taken again, in any order: an answer that brings nothing newer than what
 * is held changes nothing. Dates are judged by when the centre made the answer, and not by the clock here, but for two
 * things: an answer without a code that was made more than a day later than it is here is refused (agent/renewal.h),
 * and one with a code replaces a certificate that is still to come.
 *
 * Threads: the loop's. One transaction for what an answer brings.
 */
#ifndef AGENT_ENROLMENT_BY_FILE_H
#define AGENT_ENROLMENT_BY_FILE_H

#include "store/store.h"

struct enrolment_wish {
    const char *code; /* NULL: by the key and certificate that are held */
    bool again;       /* with a code, of a device that is enrolled */
    int64_t now_ms;
};

/* Appends the file. ERR_CONFLICT, ERR_NOT_ENROLLED: not with (without) a code, as things stand. */
MUST_USE enum err_code enrolment_file_request(struct store *store, const struct enrolment_wish *wish,
                                              uint8_t ret_device[DEVICE_ID_BYTES], struct buf *out, struct error *err);

struct enrolment_taken {
    struct store_identity identity; /* as it is now, without its key */
    char organisation_name[STORE_NAME_MAX + 1];
    bool changed; /* something newer than what was held */
};

/* ERR_NOT_ENROLLED: no request was made here. enrolment_taken_fini after ERR_OK. */
MUST_USE enum err_code enrolment_file_take(struct store *store, struct slice file, struct enrolment_taken *ret_taken,
                                           struct error *err);
void enrolment_taken_fini(struct enrolment_taken *taken);

#endif
