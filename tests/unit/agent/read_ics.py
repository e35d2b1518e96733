"""Reads a calendar from standard input with icalendar, a reader that is not ours, and prints its events as JSON: times
in UTC by the file's own rules of the time zone."""
import datetime
import json
import sys

import icalendar

calendar = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
zones = {zone["TZID"]: zone.to_tz() for zone in calendar.walk("VTIMEZONE")}


def when(prop):
    value = prop.dt
    if not isinstance(value, datetime.datetime):
        return value.isoformat()
    zone = zones[prop.params["TZID"]]
    return zone.localize(value.replace(tzinfo=None)).astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


events = [
    {
        "uid": str(event["UID"]),
        "starts": when(event["DTSTART"]),
        "ends": when(event["DTEND"]),
        "summary": str(event["SUMMARY"]),
        "location": str(event.get("LOCATION", "")),
        "description": str(event.get("DESCRIPTION", "")),
        "status": str(event["STATUS"]),
    }
    for event in calendar.walk("VEVENT")
]
json.dump({"events": events, "errors": [str(e) for c in calendar.walk() for e in c.errors]}, sys.stdout)
