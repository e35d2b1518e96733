#include "agent/calendar_file.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { LINE_OCTETS_MAX = 75, MINUTES_A_DAY = 1440, STAMP_SIZE = 24 };

static const char beginning[] = "BEGIN:VCALENDAR\r\n"
                                "VERSION:2.0\r\n"
                                "PRODID:-//Holdfast//sessions//EN\r\n"
                                "CALSCALE:GREGORIAN\r\n"
                                "METHOD:PUBLISH\r\n";

/* The rules since 1996: the last Sundays of March and October, at 01:00 UTC. */
static const char zone[] = "BEGIN:VTIMEZONE\r\n"
                           "TZID:Europe/London\r\n"
                           "BEGIN:DAYLIGHT\r\n"
                           "TZOFFSETFROM:+0000\r\n"
                           "TZOFFSETTO:+0100\r\n"
                           "TZNAME:BST\r\n"
                           "DTSTART:19960331T010000\r\n"
                           "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"
                           "END:DAYLIGHT\r\n"
                           "BEGIN:STANDARD\r\n"
                           "TZOFFSETFROM:+0100\r\n"
                           "TZOFFSETTO:+0000\r\n"
                           "TZNAME:GMT\r\n"
                           "DTSTART:19961027T020000\r\n"
                           "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"
                           "END:STANDARD\r\n"
                           "END:VTIMEZONE\r\n";

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Section 3.1: what is longer goes on in the next line behind a blank, which counts. */
static enum err_code line_put(struct buf *out, const char *text, size_t len, struct error *err)
{
    size_t room = LINE_OCTETS_MAX;
    while (len > room) {
        size_t part = room;
        while (part > 1 && continues(text[part])) {
            part--;
        }
        TRY(buf_append(out, text, part, err));
        TRY(buf_append_text(out, "\r\n ", err));
        text += part;
        len -= part;
        room = LINE_OCTETS_MAX - 1;
    }
    TRY(buf_append(out, text, len, err));
    return buf_append_text(out, "\r\n", err);
}

/* Section 3.3.11; control characters that a text may not hold are left out. */
static enum err_code escaped(struct buf *line, const char *text, struct error *err)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n') {
            TRY(buf_append_text(line, "\\n", err));
        } else if (strchr("\\;,", *at) != NULL) {
            TRY(buf_append_text(line, "\\", err));
            TRY(buf_append(line, at, 1, err));
        } else if ((unsigned char)*at >= ' ' && *at != 0x7f) {
            TRY(buf_append(line, at, 1, err));
        }
    }
    return ERR_OK;
}

static enum err_code text_line(struct buf *out, const char *name, const char *text, struct error *err)
{
    if (text == NULL || text[0] == '\0') {
        return ERR_OK;
    }
    SCOPED(buf_fini) struct buf line;
    buf_init(&line, 2 * strlen(text) + 64);
    TRY(buf_append_text(&line, name, err));
    TRY(buf_append_text(&line, ":", err));
    TRY(escaped(&line, text, err));
    return line_put(out, (const char *)line.data, line.len, err);
}

static void date_put(int32_t day, char out[STAMP_SIZE])
{
    int year;
    int month;
    int day_of_month;
    date_to_civil(day, &year, &month, &day_of_month);
    (void)snprintf(out, STAMP_SIZE, "%04d%02d%02d", year, month, day_of_month);
}

static enum err_code time_line(struct buf *out, const char *name, int32_t day, int minutes, struct error *err)
{
    char date[STAMP_SIZE];
    date_put(day + minutes / MINUTES_A_DAY, date);
    minutes %= MINUTES_A_DAY;
    return buf_append_format(out, err, "%s;TZID=Europe/London:%sT%02d%02d00\r\n", name, date, minutes / 60,
                             minutes % 60);
}

static enum err_code when_lines(struct buf *out, const struct calendar_event *event, struct error *err)
{
    char first[STAMP_SIZE];
    char next[STAMP_SIZE];
    if (event->starts_min >= 0) {
        TRY(time_line(out, "DTSTART", event->day, event->starts_min, err));
        return time_line(out, "DTEND", event->day, event->ends_min, err);
    }
    date_put(event->day, first);
    date_put(event->day + 1, next);
    return buf_append_format(out, err, "DTSTART;VALUE=DATE:%s\r\nDTEND;VALUE=DATE:%s\r\n", first, next);
}

static enum err_code stamp_line(struct buf *out, int64_t now_ms, struct error *err)
{
    int64_t seconds = now_ms / 1000;
    char date[STAMP_SIZE];
    date_put((int32_t)(seconds / 86400), date);
    int of_day = (int)(seconds % 86400);
    return buf_append_format(out, err, "DTSTAMP:%sT%02d%02d%02dZ\r\n", date, of_day / 3600, of_day / 60 % 60,
                             of_day % 60);
}

enum err_code calendar_begin(struct buf *out, const char *name, struct error *err)
{
    TRY(buf_append_text(out, beginning, err));
    TRY(text_line(out, "X-WR-CALNAME", name, err));
    return buf_append_text(out, zone, err);
}

enum err_code calendar_event(struct buf *out, const struct calendar_event *event, int64_t now_ms, struct error *err)
{
    TRY(buf_append_text(out, "BEGIN:VEVENT\r\n", err));
    TRY(text_line(out, "UID", event->uid, err));
    TRY(stamp_line(out, now_ms, err));
    TRY(when_lines(out, event, err));
    TRY(text_line(out, "SUMMARY", event->summary, err));
    TRY(text_line(out, "LOCATION", event->location, err));
    TRY(text_line(out, "DESCRIPTION", event->description, err));
    return buf_append_format(out, err, "CLASS:PRIVATE\r\nSTATUS:%s\r\nEND:VEVENT\r\n",
                             event->cancelled ? "CANCELLED" : "CONFIRMED");
}

enum err_code calendar_end(struct buf *out, struct error *err)
{
    return buf_append_text(out, "END:VCALENDAR\r\n", err);
}
