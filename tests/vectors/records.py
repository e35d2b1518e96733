#!/usr/bin/env python3
"""Judges records by store/RECORDS.md ("In bytes", and its tables, which it reads) alone, without any of the project's code, and
checks records.txt with it.

    records.py           checks every line of records.txt beside it
    records.py --make    prints the lines

Lines: `subject` STREAM, name of the kind, KEY, ID that is made of them; `record` NAME, who wrote it (organisation or centre),
HEADER, BODY (`-`: erased) and what becomes of it (taken or refused). In capitals but NAME: hexadecimal.
"""
import hashlib
import hmac
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(HERE, "..", "..", "store", "RECORDS.md")
LAST_HLC = 7289654400000 * 2**16 + 65535
FIRST_DAY, LAST_DAY = -25567, 84370  # 1900-01-01, 2200-12-31
WHOLE = (5, 10, 11, 27, 28, 29)  # where nothing is merged
CLOSED = {
    "basis": "mandatory voluntary", "calendar": "england_wales scotland", "served_by": "post hand email",
    "purpose": "jcp_appointment signing interview", "ground": "retention right", (28, "status"): "withdrawn received returned",
    "decision": "take_part take_part_with_conditions decline withdraw", (22, "form"): "payment_by_results spot_purchase block",
    (3, "status"): "received acknowledged accepted declined paused started did_not_start withdrawn completed ended_early",
    (9, "outcome"): "adverse non_adverse reserved cancelled", (19, "form"): "mandatory_reconsideration appeal route complaint",
}


class Refused(Exception):
    pass


def need(condition):
    if not condition:
        raise Refused()


# ---- the tables of the document ----

class Kind:
    def __init__(self, number, name):
        self.number, self.name, self.fields, self.writers = number, name, {}, set()


def read_tables():
    kinds, kind = {}, None
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file.read().split("## Of this machine alone")[0].splitlines():
            heading = re.match(r"### (\d+) (\w+)$", line)
            row = re.match(r"\| (\d+) \| (\w+) \| (\w+|yes/no)(?: (\d+))?( !)? \|", line)
            writer = re.search(r"Writer: (\w+)", line)
            if heading:
                kind = kinds[int(heading[1])] = Kind(int(heading[1]), heading[2])
            elif kind and row:
                kind.fields[int(row[1])] = (row[2], row[3], int(row[4] or 0), bool(row[5]))
            elif kind and writer and not kind.writers:
                kind.writers = {"organisation", "centre"} if writer[1] == "both" else {writer[1]}
    return kinds


# ---- CBOR ----

def head(major, number):
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError(number)


def encode(value):
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, (bytes, str)):
        data = value if isinstance(value, bytes) else value.encode()
        return head(2 if isinstance(value, bytes) else 3, len(data)) + data
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


def decode(data, at=0, depth=0):
    need(at < len(data) and depth <= 9)
    major, info = data[at] >> 5, data[at] & 31
    if major == 7:
        need(info in (20, 21, 22))
        return {20: False, 21: True, 22: None}[info], at + 1
    number, size = info, 0
    if info >= 24:
        need(info < 28)
        size = 1 << info - 24
        need(at + 1 + size <= len(data))
        number = int.from_bytes(data[at + 1:at + 1 + size], "big")
    need(data[at:at + 1 + size] == head(major, number))
    at += 1 + size
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major < 4:
        part = data[at:at + number]
        need(len(part) == number)
        try:
            return (part if major == 2 else part.decode()), at + number
        except UnicodeDecodeError:
            raise Refused() from None
    need(major < 6 and number <= len(data))
    items, before, keys = [], at, []
    for i in range(number * (major - 3)):
        item, after = decode(data, at, depth + 1)
        if major == 5 and i % 2 == 0:
            keys.append(data[at:after])
        items.append(item)
        at = after
    need(all(a < b for a, b in zip(keys, keys[1:])))
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at


# ---- the rules, by their numbers in the document ----

def pattern_taken(text):
    names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

    def day_of(name):
        name = name.lower()
        fits = [i for i, n in enumerate(names) if len(name) >= 3 and n.startswith(name)]
        return 2 if name == "weds" else fits[0] if fits else None

    dash, one = r"[ \t]*(?:-|\u2013)[ \t]*", r"[A-Za-z]+"
    name = "(?:%s(?:%s%s)?)" % (one, dash, one)
    clock = r"(\d{1,2}):(\d\d)(?!\d)"
    used = [[] for _ in names]
    rest, some = text, False
    while rest or not some:
        group = re.match(r"[ \t,]*(%s(?:[ \t,]*%s)*)[ \t,]*%s%s%s[ \t]*(?:;[ \t]*|$)" % (name, name, clock, dash, clock), rest, re.ASCII)
        if not group:
            return False
        some, rest, days = True, rest[group.end():], set()
        for span in re.findall(name, group[1]):
            ends = [day_of(n) for n in re.split(dash, span)]
            if None in ends or ends[-1] < ends[0]:
                return False
            days |= set(range(ends[0], ends[-1] + 1))
        start, end = int(group[2]) * 60 + int(group[3]), int(group[4]) * 60 + int(group[5])
        if int(group[3]) > 59 or int(group[5]) > 59 or not start < end <= 1440:
            return False
        for day in days:
            if len(used[day]) == 4 or any(start < e and s < end for s, e in used[day]):
                return False
            used[day].append((start, end))
    return True


def has_ni_number(text):
    return re.search(r"(?<![A-Za-z0-9\x80-\U0010ffff])[A-Za-z] *[A-Za-z] *(?:\d *){6}[A-Da-d](?![A-Za-z0-9\x80-\U0010ffff])", text,
                     re.ASCII) is not None


def answers_given(text):
    lines, answers = text.encode().split(b"\n"), []
    for at, line in enumerate(lines):
        if line.endswith(b"?") and (at == 0 or (at > 1 and lines[at - 1] == b"")):
            answers.append(b"")
        elif at == 0:
            answers.append(line)
        else:
            answers[-1] += b"\n" + line
    return text != "" and all(re.search(rb"[0-9A-Za-z\xc3-\xe1\xe4-\xed]|\xe3[\x81-\xff]", a) for a in answers)


def check_value(kind, field, value):  # rules 4 and 5
    name, form, most, must = field
    if form == "text":
        need(isinstance(value, str) and len(value.encode()) <= most and "\0" not in value and not (must and value == ""))
    elif form == "code":
        need(isinstance(value, str) and re.fullmatch(r"[a-z0-9_]{1,40}", value))
        closed = CLOSED.get((kind.number, name), CLOSED.get(name))
        need(closed is None or value in closed.split())
    elif form == "yes/no":
        need(isinstance(value, bool))
    elif form == "id":
        need(isinstance(value, bytes) and len(value) == 16)
    elif form == "bytes":
        need(isinstance(value, bytes) and len(value) <= most)
    else:
        first, last = {"date": (FIRST_DAY, LAST_DAY), "time": (0, 1440), "number": (0, most)}[form]
        need(type(value) is int and first <= value <= last)


def check_together(kind, said):  # rules 6 and 7
    def ordered(before, after, least=0):
        if before in said and after in said:
            need(said[after] - said[before] >= least)

    need(kind.number != 5 or said.get("outcome") != 0)
    ordered("starts_on", "ends_on")
    if kind.number == 16 and "week" in said:
        need((said["week"] + 3) % 7 == 0)  # 1970-01-01 was a Thursday
    if kind.number == 8:
        ordered("starts_min", "ends_min", 1)
    if kind.number == 6:
        ordered("served_on", "received_on")
    need(kind.number not in (1, 2, 4) or not has_ni_number(said.get("ref", "")))
    need("pattern" not in said or pattern_taken(said["pattern"]))


def check_kind(kinds, kind, writer, header, said):  # rule 8; a programme pack has vectors of its own
    replaced = header[12]
    if kind.number == 5:
        need(not replaced or said.get("note"))
    if kind.number == 10:
        gone = kinds.get(said["kind"])
        need(gone and gone.number not in (10, 11, 29) and writer in gone.writers)
        need((gone.number != 28 or writer == "centre") and (len(header[6]) == 20) == (gone.number == 5) and len(replaced) <= 1)
    if kind.number == 11:
        need(len(replaced) == 2)
    if kind.number == 14 and "day" in said:
        at = header[8] - min(header[9], 0)
        need(said["day"] <= max(at, header[10] >> 16) // 86400000 + 1)
    if kind.number == 18:
        need(not said.get("flag", "").startswith("conflation/"))
    if kind.number == 27:
        need(said.get("confirmed") is True and answers_given(said["answers"]))
        need(all(re.fullmatch("[0-9A-Fa-f]{64}", said[n]) for n in ("evidence", "programme_sha256")))
    if kind.number == 28:
        need((said["status"] == "withdrawn") == (writer == "organisation"))


def judge(kinds, writer, header, body):
    kind = kinds.get(header[5])
    need(kind and writer in kind.writers and header[10] <= LAST_HLC)  # 1, 2
    subject = header[6]
    need(len(subject) == (20 if kind.number == 5 else 16) or (kind.number == 10 and len(subject) == 20))
    if len(subject) == 20:
        number = int.from_bytes(subject[16:], "big")
        need(FIRST_DAY <= (number - (1 << 32 if number >> 31 else 0)) // 4 <= LAST_DAY)
    need(kind.number != 20 or (subject[0] >= 128) == (writer == "centre"))
    if body is None:  # 3
        need(kind.number != 10)
        return
    value, end = decode(body)
    need(end == len(body) and isinstance(value, dict) and len(value) <= 256)
    need(all(type(k) is int and 0 <= k < 1 << 32 for k in value))
    for number, field in kind.fields.items():
        need(number in value or not (field[3] and kind.number in WHOLE))
        if number in value:
            check_value(kind, field, value[number])
    said = {kind.fields[n][0]: v for n, v in value.items() if n in kind.fields}
    check_together(kind, said)
    check_kind(kinds, kind, writer, header, said)


def verdict(kinds, writer, header, body):
    try:
        judge(kinds, writer, header, body)
        return "taken"
    except Refused:
        return "refused"


def made_of(stream, kind, key):
    return hmac.new(stream, hashlib.sha256(kind.encode() + b"\0" + key).digest(), "sha256").digest()[:16]


# ---- the cases ----

STREAM, DEVICE, THING = b"sixteen octets!\0", b"a device's id 16", b"a thing's own id"
AT = 1795430000000
DAY = AT // 86400000


def session(day, slot=0):
    return THING + (day * 4 + slot & 0xffffffff).to_bytes(4, "big")


def cases():
    def case(name, kind, body, writer="organisation", subject=THING, supersedes=0, hlc=AT << 16, offset=0):
        raw = body if body is None or isinstance(body, bytes) else encode(body)
        digest = hashlib.sha256(b"0123456789abcdef" + (raw or b"")).digest()
        named = [[DEVICE, 7, n + 1] for n in range(supersedes)]
        return name, writer, [1, STREAM, DEVICE, 7, 9, kind, subject, "somebody", AT, offset, hlc, None, named, digest], raw

    person = {1: "GDN-014", 2: "Pia Ypsilon"}
    yield case("a-person", 1, person)
    yield case("a-change-alone", 1, {4: "0201"})
    yield case("an-empty-map", 1, {})
    yield case("an-empty-ref", 1, {1: ""})
    yield case("an-empty-note", 1, {6: ""})
    yield case("a-long-ref", 1, {1: "x" * 65})
    yield case("a-field-of-a-newer-version", 1, {1: "A", 4294967295: [1, {2: None}]})
    yield case("a-field-past-the-last", 1, {1: "A", 4294967296: 1})
    yield case("a-newer-field-too-deep", 1, {90: [[[[[[[[[1]]]]]]]]]})
    yield case("a-key-that-is-text", 1, {"ref": "A"})
    yield case("keys-out-of-order", 1, {2: "A", 1: "B"})
    yield case("a-long-head", 1, bytes.fromhex("a1180161 41".replace(" ", "")))
    yield case("something-behind", 1, encode(person) + b"\0")
    yield case("no-map", 1, [1, 2])
    yield case("no-cbor", 1, b"rubbish")
    yield case("null", 1, {6: None})
    yield case("a-nul", 1, {6: "a\0b"})
    yield case("not-utf-8", 1, b"\xa1\x06\x61\xff")
    yield case("bytes-for-text", 1, {6: b"a"})
    yield case("one-for-yes", 1, {5: 1})
    yield case("yes", 1, {5: True})
    yield case("a-national-insurance-number", 1, {1: "QQ 12 34 56 a"})
    yield case("in-a-longer-word", 1, {1: "xQQ123456A"})
    yield case("in-a-name", 1, {1: "A", 2: "QQ123456A"})
    yield case("of-a-referral", 2, {1: "see qq123456d!"})
    yield case("of-a-host", 12, {1: "QQ123456A", 2: "Garden"})
    yield case("erased", 1, None)
    yield case("a-short-subject", 1, person, subject=session(DAY))
    yield case("an-unknown-kind", 30, person)
    yield case("the-last-clock", 1, person, hlc=LAST_HLC)
    yield case("past-the-last-clock", 1, person, hlc=LAST_HLC + 1)
    yield case("an-open-code", 2, {3: "a_newer_route"})
    yield case("a-code-in-capitals", 2, {3: "MIR"})
    yield case("a-code-of-41", 2, {3: "a" * 41})
    yield case("a-closed-code", 2, {4: "compulsory"})
    yield case("a-closed-code-that-fits", 2, {4: "voluntary"})
    yield case("a-closed-status", 3, {1: "lost", 2: DAY})
    yield case("the-first-date", 15, {2: FIRST_DAY})
    yield case("before-the-first-date", 15, {2: FIRST_DAY - 1})
    yield case("past-the-last-date", 15, {2: LAST_DAY + 1})
    yield case("ends-before-it-starts", 15, {2: DAY, 3: DAY - 1})
    yield case("a-short-id", 15, {1: b"short"})
    yield case("attended", 5, {1: 1}, subject=session(DAY))
    yield case("without-an-outcome", 5, {2: 30}, subject=session(DAY))
    yield case("no-outcome", 5, {1: 0}, subject=session(DAY))
    yield case("outcome-eight", 5, {1: 8}, subject=session(DAY))
    yield case("by-the-centre", 5, {1: 1}, "centre", session(DAY))
    yield case("of-no-session", 5, {1: 1})
    yield case("the-last-session", 5, {1: 1}, subject=session(LAST_DAY, 3))
    yield case("past-the-last-session", 5, {1: 1}, subject=session(LAST_DAY + 1))
    yield case("the-first-session", 5, {1: 1}, subject=session(FIRST_DAY))
    yield case("before-the-first-session", 5, None, subject=session(FIRST_DAY - 1, 3))
    yield case("a-correction", 5, {1: 2, 4: "came at ten"}, subject=session(DAY), supersedes=1)
    yield case("a-correction-without-a-note", 5, {1: 2}, subject=session(DAY), supersedes=1)
    yield case("a-correction-with-an-empty-note", 5, {1: 2, 4: ""}, subject=session(DAY), supersedes=2)
    for name, text in (("a-week", "Mon Wed Fri 09:30-15:30"), ("spans", "mon-thu, Saturday 9:00 \u2013 24:00;"),
                       ("two-groups", "Mon 09:00-12:00; Monday,weds 12:00-13:00 ; "), ("no-pattern", ""), ("in-words", "whenever"),
                       ("times-that-overlap", "Mon 09:00-12:00; Mon 11:59-13:00"), ("backwards", "Fri-Mon 09:00-12:00"),
                       ("past-midnight", "Fri 22:00-24:01"), ("an-empty-time", "Fri 09:00-09:00"), ("two-letters", "Mo 09:00-12:00"),
                       ("five-times", ";".join("Sun %d:00-%d:30" % (h, h) for h in range(5))), ("an-empty-group", "Mon 9:00-10:00;;"),
                       ("no-day", "09:00-12:00"), ("without-blanks", "Mon,Tue09:00-10:00"), ("three-digits", "Mon 09:000-10:00")):
        yield case("pattern-" + name, 4, {10: text})
    yield case("a-notice-received-early", 6, {2: DAY, 4: DAY - 1})
    yield case("a-notice-received", 6, {2: DAY, 4: DAY})
    yield case("an-appointment-by-a-site", 8, {1: THING}, "organisation")
    yield case("an-appointment", 8, {2: DAY, 3: 600, 4: 630, 5: "signing"}, "centre")
    yield case("an-appointment-of-no-length", 8, {3: 600, 4: 600}, "centre")
    yield case("a-time-past-midnight", 8, {4: 1441}, "centre")
    review = {1: 4, 2: 5}
    yield case("a-review", 11, review, supersedes=2)
    yield case("a-review-of-one", 11, review, supersedes=1)
    yield case("a-review-of-no-field", 11, {1: 4}, supersedes=2)
    erasure = {1: 5, 2: "right", 3: "A. Decider", 4: "letter 7"}
    yield case("an-erasure-of-a-session", 10, erasure, subject=session(DAY))
    yield case("an-erasure-of-sessions", 10, erasure)
    yield case("an-erased-erasure", 10, None)
    yield case("an-attempt-of-tomorrow", 14, {3: DAY + 1, 5: "phone"})
    yield case("an-attempt-to-come", 14, {3: DAY + 2})
    yield case("an-attempt-by-a-slow-clock", 14, {3: DAY + 2}, offset=-86400000)
    yield case("an-attempt-by-a-fast-clock", 14, {3: DAY + 2}, offset=86400000)
    yield case("an-attempt-by-the-logical-clock", 14, {3: DAY + 2}, hlc=AT + 86400000 << 16)
    yield case("a-monday", 16, {2: 4 + 7 * 2900})
    yield case("a-tuesday", 16, {2: 5 + 7 * 2900})
    yield case("a-review-of-a-flag", 18, {1: "attendance/x", 5: "another"})
    yield case("a-review-of-volunteers", 18, {1: "conflation/x"})
    yield case("a-message-of-a-site", 20, {1: "?", 2: DAY}, subject=b"\x7f" + THING[1:])
    yield case("a-message-with-the-centre's-bit", 20, {1: "?", 2: DAY}, subject=b"\x80" + THING[1:])
    yield case("a-message-of-the-centre", 20, {1: "?", 2: DAY}, "centre", b"\x80" + THING[1:])
    doubt = {1: THING, 2: DAY, 3: 0, 4: "B. Reviewer", 5: THING, 6: THING, 7: 4, 9: "Ill?\nno, 1 call\n\nWork?\nnone", 10: True,
             11: "0a" * 32, 13: "help-to-work-2014", 14: 4, 15: "0b" * 32}
    yield case("a-doubt", 27, doubt)
    yield case("a-doubt-not-confirmed", 27, {**doubt, 10: False})
    yield case("a-doubt-without-confirmation", 27, {k: v for k, v in doubt.items() if k != 10})
    yield case("a-doubt-without-an-answer", 27, {**doubt, 9: "Ill?\n...\n\nWork?\nnone"})
    for name, text in (("with-no-question", "said no"), ("without-answers", ""), ("with-a-question-alone", "Ill?"),
                       ("with-a-question-in-an-answer", "Ill?\nyes\nWork?\n"), ("with-a-word-in-greek", "Ill?\n\u03cc\u03c7\u03b9"),
                       ("with-three-dots", "Ill?\n\u2026"), ("with-a-word-in-kana", "Ill?\n\u306f"), ("with-a-first-line-empty", "\nIll?\n-")):
        yield case("a-doubt-" + name, 27, {**doubt, 9: text})
    yield case("a-doubt-with-a-short-digest", 27, {**doubt, 11: "0a" * 31})
    yield case("a-doubt-without-its-pack", 27, {k: v for k, v in doubt.items() if k != 15})
    yield case("a-doubt-taken-back", 28, {1: "withdrawn", 2: DAY})
    yield case("a-doubt-received-by-a-site", 28, {1: "received", 2: DAY})
    yield case("a-doubt-received", 28, {1: "received", 2: DAY}, "centre")


def subjects():
    for kind, key in (("participant", "GDN-014"), ("referral", "GDN-014"), ("participant", "gdn-014"), ("placement", "P 1"),
                      ("job_search", THING.hex() + "@20773"), ("milestone", THING.hex() + "@start"),
                      ("capacity_statement", "2026-11-18")):
        yield kind, key


def main(arguments):
    kinds = read_tables()
    assert len(kinds) == 29 and all(k.writers and k.fields for k in kinds.values())
    if arguments == ["--make"]:
        for kind, key in subjects():
            print("subject", STREAM.hex(), kind, key.encode().hex(), made_of(STREAM, kind, key.encode()).hex())
        for name, writer, header, body in cases():
            print("record", name, writer, encode(header).hex(), "-" if body is None else body.hex(),
                  verdict(kinds, writer, header, body))
        return 0
    count = 0
    with open(os.path.join(HERE, "records.txt"), encoding="ascii") as file:
        for line in file:
            word = line.split()
            if word[0] == "subject":
                assert made_of(bytes.fromhex(word[1]), word[2], bytes.fromhex(word[3])).hex() == word[4], line
            else:
                header, end = decode(bytes.fromhex(word[3]))
                body = None if word[4] == "-" else bytes.fromhex(word[4])
                assert end == len(word[3]) // 2 and verdict(kinds, word[2], header, body) == word[5], word[1]
            count += 1
    print("%d lines hold" % count)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
