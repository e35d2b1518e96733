#!/usr/bin/env python3
"""Follows a segment that comes in parts (sync/PROTOCOL.md 3.11) by the document alone, and checks begun.txt with it.

    tests/vectors/begun.py < tests/vectors/begun.txt
    tests/vectors/begun.py --make < tests/vectors/segment.txt    # writes begun.txt anew

Lines are a name and its value in hexadecimal: request (of a device, with a segment, or with the rest of one); came (as much of that
request as arrived before the line broke); begun (what the centre then tells of it, member 21 of an answer); segment (what was sent
in the end).
"""
import hashlib
import sys

from history import cbor


def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")


def item(value):
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(item(one) for one in value)
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(item(key) + item(value[key]) for key in sorted(value))
    return head(0, value)


def begun_of(data):
    return [len(data), hashlib.sha256(data).digest()[:8]]


def came_of_segment(data, kept):
    """The segment as far as it is known after a request that ends anywhere in it."""
    assert data[0] >> 5 == 5
    at, members = (1, {}) if data[0] & 31 < 24 else (2, {})
    while True:
        key, at = cbor(data, at)
        if key in (9, 18):
            break
        members[key], at = cbor(data, at)
    assert members[1] == 1 and data[at] >> 5 == 2
    info = data[at] & 31
    start = at + 1 + (0 if info < 24 else 1 << info - 24)
    declared = info if info < 24 else int.from_bytes(data[at + 1:start], "big")
    part = data[start:]
    assert 0 < len(part) < declared
    if key == 9:
        return part
    length, check = members[17]
    assert begun_of(kept[:length]) == [length, check]
    return kept[:length] + part


def whole_of(request, kept):
    if 9 in request:
        return request[9]
    length, check = request[17]
    assert begun_of(kept[:length]) == [length, check]
    return kept[:length] + request[18]


def follow(lines):
    kept = request = None
    breaks = 0
    for line in lines:
        name, value = line.split()
        value = bytes.fromhex(value)
        if name == "request":
            request = value
        elif name == "came":
            assert request.startswith(value) and len(value) < len(request)
            kept = came_of_segment(value, kept)
            breaks += 1
        elif name == "begun":
            told, end = cbor(value)
            assert end == len(value) and told == begun_of(kept)
        else:
            message, end = cbor(request)
            assert name == "segment" and end == len(request) and whole_of(message, kept) == value
    return breaks


def make(lines):
    segment = max((bytes.fromhex(line.split()[-1]) for line in lines), key=len)
    common = {1: 1, 2: bytes(range(16)), 3: 7, 4: 12, 5: 0, 6: 900, 7: 1790000000000, 8: 32768}
    kept = b""
    for lost in (len(segment) // 2, len(segment) // 5, 0):
        parts = {17: begun_of(kept), 18: segment[len(kept):]} if kept else {9: segment}
        request = item({**common, **parts, 10: bytes(8)} if not kept else {**common, 10: bytes(8), **parts})
        print("request", request.hex())
        if lost:
            came = request[:len(request) - lost - (9 if not kept else 0)]
            kept = came_of_segment(came, kept)
            print("came", came.hex())
            print("begun", item(begun_of(kept)).hex())
    print("segment", segment.hex())


if __name__ == "__main__":
    if sys.argv[1:] == ["--make"]:
        make(sys.stdin)
    else:
        print("a segment came in parts:", follow(sys.stdin), "breaks")
