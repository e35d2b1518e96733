#!/usr/bin/env python3
"""Judges erasures by sync/PROTOCOL.md 1.4 alone, without any of the project's code, and checks erasure.txt with it.

    erasure.py           checks every line of erasure.txt beside it
    erasure.py --make    prints the lines

A line: name, who wrote the erasure (organisation or centre), its header and body, who wrote the other op, its header, and what
holds: refused (the erasure), covered (the other op) or apart. Bytes are hexadecimal.
"""
import hashlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = {"organisation": {*range(1, 8), *range(12, 28)}, "centre": {1, 2, 3, 8, 9, 20, 28}}


# ---- CBOR: what a header and a body use ----

def head(major, number):
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError(number)


def encode(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in sorted(value.items()))


def decode(data, at=0):
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        assert info == 22
        return None, at
    number = info
    if info >= 24:
        size = 1 << info - 24
        number, at = int.from_bytes(data[at:at + size], "big"), at + size
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major < 4:
        part = data[at:at + number]
        assert len(part) == number
        return (part if major == 2 else part.decode()), at + number
    items = []
    for _ in range(number * (major - 3)):
        item, at = decode(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at


# ---- the rule ----

def admitted(writer, header, body):
    subject, supersedes = header[6], header[12]
    if not all(body.get(n) for n in (1, 2, 3, 4)) or body[2] not in ("retention", "right"):
        return False
    return body[1] in KINDS[writer] and (len(subject) == 20) == (body[1] == 5) and len(supersedes) <= 1


def covers(writer, erasure, body, op_writer, op):
    kind, subject = body[1], erasure[6]
    return (op[5] == kind or (kind, op[5]) in ((2, 3), (4, 5), (27, 28))) and op[6][:len(subject)] == subject \
        and writer == op_writer and op[10] < erasure[10] and erasure[12] in ([], [op[2:5]])


def verdict(writer, erasure, body, op_writer, op):
    if not admitted(writer, erasure, body):
        return "refused"
    return "covered" if covers(writer, erasure, body, op_writer, op) else "apart"


# ---- the cases ----

PLACE, OTHER = b"a placement here", b"another subject."
SESSION = PLACE + (16400 * 4 + 1).to_bytes(4, "big")
DEVICE = b"a device's id 16"


def header(kind, subject, hlc, seq=1, supersedes=()):
    digest = hashlib.sha256(b"%d" % seq).digest()
    return [1, b"sixteen octets!\0", DEVICE, 7, seq, kind, subject, "somebody", 1790000000000, 0, hlc << 16, None,
            [list(i) for i in supersedes], digest]


def cases():
    said = {2: "right", 3: "A. Decider", 4: "letter 7"}
    named = [[DEVICE, 7, 3]]

    def case(name, erased_kind, subject, op, writer="organisation", op_writer="organisation", supersedes=(), **other):
        body = dict(said, **{})
        body[1] = erased_kind
        body.update({int(k[1:]): v for k, v in other.items()})
        body = {k: v for k, v in body.items() if v is not None}
        return name, writer, header(10, subject, 1000, 9, supersedes), body, op_writer, op

    yield case("before", 4, PLACE, header(4, PLACE, 999))
    yield case("at-the-same-time", 4, PLACE, header(4, PLACE, 1000))
    yield case("afterwards", 4, PLACE, header(4, PLACE, 1001))
    yield case("a-session-of-the-placement", 4, PLACE, header(5, SESSION, 1))
    yield case("one-session", 5, SESSION, header(5, SESSION, 1))
    yield case("another-session", 5, SESSION, header(5, PLACE + b"\0\0\0\1", 1))
    yield case("another-kind", 6, PLACE, header(4, PLACE, 1))
    yield case("another-subject", 4, PLACE, header(4, OTHER, 1))
    yield case("an-event-of-the-referral", 2, OTHER, header(3, OTHER, 1))
    yield case("the-referral-of-an-event", 3, OTHER, header(2, OTHER, 1))
    yield case("an-event-of-the-doubt", 27, OTHER, header(28, OTHER, 1))
    yield case("an-event-without-its-doubt", 28, OTHER, header(28, OTHER, 1))
    yield case("an-event-of-the-centre-without-its-doubt", 28, OTHER, header(28, OTHER, 1), "centre", "centre")
    yield case("an-event-of-the-site-by-the-centre", 28, OTHER, header(28, OTHER, 1), "centre")
    yield case("an-event-of-the-centre-by-the-site", 28, OTHER, header(28, OTHER, 1), op_writer="centre")
    yield case("the-doubt-of-an-event", 28, OTHER, header(27, OTHER, 1), "centre")
    yield case("a-doubt-by-the-centre", 27, OTHER, header(28, OTHER, 1), "centre", "centre")
    yield case("an-event-of-the-centre", 27, OTHER, header(28, OTHER, 1), op_writer="centre")
    yield case("the-one-named", 4, PLACE, header(4, PLACE, 1, 3), supersedes=named)
    yield case("not-the-one-named", 4, PLACE, header(4, PLACE, 1, 4), supersedes=named)
    yield case("of-the-centre", 1, OTHER, header(1, OTHER, 1), op_writer="centre")
    yield case("by-the-centre", 9, OTHER, header(9, OTHER, 1), "centre", "centre")
    yield case("by-the-centre-of-the-site", 1, OTHER, header(1, OTHER, 1), "centre")
    yield case("a-decision-by-a-site", 9, OTHER, header(9, OTHER, 1), op_writer="centre")
    yield case("attendance-by-the-centre", 5, SESSION, header(5, SESSION, 1), "centre")
    yield case("an-erasure", 10, OTHER, header(10, OTHER, 1))
    yield case("two-named", 4, PLACE, header(4, PLACE, 1, 3), supersedes=named * 2)
    yield case("a-placement-that-is-a-session", 4, SESSION, header(5, SESSION, 1))
    yield case("without-a-name", 4, PLACE, header(4, PLACE, 1), f3=None)
    yield case("on-a-whim", 4, PLACE, header(4, PLACE, 1), f2="whim")


def main():
    if sys.argv[1:] == ["--make"]:
        for name, writer, erasure, body, op_writer, op in cases():
            print(name, writer, encode(erasure).hex(), encode(body).hex(), op_writer, encode(op).hex(),
                  verdict(writer, erasure, body, op_writer, op))
        return
    count = 0
    with open(os.path.join(HERE, "erasure.txt"), encoding="ascii") as lines:
        for line in lines:
            name, writer, erasure, body, op_writer, op, expected = line.split()
            parts = []
            for text in (erasure, body, op):
                value, end = decode(bytes.fromhex(text))
                assert end == len(text) // 2 and encode(value).hex() == text, name
                parts.append(value)
            found = verdict(writer, parts[0], parts[1], op_writer, parts[2])
            assert found == expected, f"{name}: {found}, not {expected}"
            count += 1
    assert count >= 20
    print(f"{count} erasures are as the document says")


if __name__ == "__main__":
    main()
