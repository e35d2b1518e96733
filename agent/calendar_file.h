/*
 * agent/calendar_file - events as an iCalendar file (RFC 5545): times of Europe/London with its rules of summer time,
 * lines folded at 75 octets between characters, texts escaped.
 *
 *     calendar_begin ─► calendar_event ... ─► calendar_end
 *
 * The same event has the same UID whenever it is written, so that a calendar that takes the file again changes its
 * events and doubles none.
 *
 * Layer: agent. Uses base only; no I/O.
 */
#ifndef AGENT_CALENDAR_FILE_H
#define AGENT_CALENDAR_FILE_H

#include "base/bytes.h"

struct calendar_event {
    const char *uid;
    int32_t day;
    int starts_min; /* negative: the whole day */
    int ends_min;   /* up to 1440; not before starts_min */
    bool cancelled;
    const char *summary;
    const char *location;    /* NULL or "": none */
    const char *description; /* likewise */
};

MUST_USE enum err_code calendar_begin(struct buf *out, const char *name, struct error *err);
/* `now_ms` is when the file is made. */
MUST_USE enum err_code calendar_event(struct buf *out, const struct calendar_event *event, int64_t now_ms,
                                      struct error *err);
MUST_USE enum err_code calendar_end(struct buf *out, struct error *err);

#endif
