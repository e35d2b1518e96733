#!/usr/bin/env python3
"""Reads what device and centre say of refused ops (sync/PROTOCOL.md 3.1 member 19, 3.2 members 10 and 22, 3.4 rule 5) and
errors (3.3) by the document alone, and checks refused.txt with it.

    refused.py           checks every line of refused.txt beside it
    refused.py --make    prints the lines

Lines: request, name, the message, the seqs that the centre refuses, and whether they are those that the device names (none: it
names none; same; other). Answer, name, the message, and what it tells: after or from, a seq, and the seqs refused from there up to
`acknowledged`. Error, name, the body, and its code, or unreadable. Messages are hexadecimal; seqs have commas between, - is no seq.
"""
import hashlib
import os
import sys

from begun import head, item
from history import cbor

HERE = os.path.dirname(os.path.abspath(__file__))
CODES = {"protocol", "invalid", "unsupported", "not_found", "tls", "revoked", "refused", "not_enrolled", "history", "conflict",
         "limit", "busy"}
MOST = 256


def message(text):
    value, end = cbor(bytes.fromhex(text), 0)
    assert end == len(text) // 2
    return value


def refused_hash(seqs):
    return hashlib.sha256(b"".join(seq.to_bytes(8, "big") for seq in seqs[:MOST])).digest()[:8]


def judge_request(text, seqs):
    request = message(text)
    if 19 not in request:
        return "none"
    start, named = request[19]
    return "same" if refused_hash([s for s in seqs if start <= s <= request[5]]) == named else "other"


def judge_answer(text):
    answer = message(text)
    seqs = [seq for seq, reason in answer.get(10, []) if len(reason.encode()) <= 200]
    assert len(seqs) <= MOST and seqs == sorted(set(seqs)) and all(s <= answer[2] for s in seqs)
    return f"from:{answer[22]}:{listed(seqs)}" if 22 in answer else f"after:{listed(seqs)}"


def judge_error(text):
    try:
        error = message(text)
        code, words = error[1], error[2]
        if not isinstance(code, str) or not isinstance(words, str) or len(words.encode()) > 400 or code == "ok":
            return "unreadable"
    except (AssertionError, KeyError, IndexError, TypeError, UnicodeDecodeError):
        return "unreadable"
    return code if code in CODES else "protocol"


# ---- the cases ----

def listed(seqs):
    return ",".join(map(str, seqs)) or "-"


def encode(value):
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(encode(key) + encode(value[key]) for key in sorted(value))
    return item(value)


def request(named):
    said = {1: 1, 2: b"sixteen octets!\0", 3: 7, 4: 12, 5: 900, 6: 901, 7: 1790000000000, 8: 32768}
    return encode(said if named is None else said | {19: named}).hex()


def answer(refusals, start=None):
    said = {1: 1, 2: 900, 3: b"l" * 32, 4: b"s" * 64, 5: 1790000000000, 6: 12, 7: 12, 8: False}
    if refusals:
        said[10] = [list(refusal) for refusal in refusals]
    return encode(said if start is None else said | {22: start}).hex()


def make():
    many = list(range(5, 5 + 2 * 300, 2))
    for name, named, seqs in (
            ("names-none", None, [3]),
            ("the-same", [3, refused_hash([3, 40])], [3, 40]),
            ("one-less", [3, refused_hash([3, 40])], [3]),
            ("one-more", [3, refused_hash([3])], [3, 40]),
            ("none-any-more", [3, refused_hash([3])], []),
            ("one-before-what-is-named", [40, refused_hash([40])], [3, 40]),
            ("one-after-what-is-acknowledged", [3, refused_hash([3])], [3, 901]),
            ("more-than-are-counted", [5, refused_hash(many)], many),
            ("one-less-behind-those-that-are-counted", [5, refused_hash(many)], many[:MOST]),
            ("one-less-among-those-that-are-counted", [5, refused_hash(many)], many[:MOST - 1])):
        line = request(named)
        print("request", name, line, listed(seqs), judge_request(line, seqs))
    for name, refusals, start in (("nothing-refused", [], None), ("refused-of-those-sent", [(890, "unknown kind")], None),
                                  ("all-from-one-on", [(3, "unknown kind"), (40, "out of range")], 3),
                                  ("all-are-taken-now", [], 3)):
        line = answer(refusals, start)
        print("answer", name, line, judge_answer(line))
    errors = [(code, encode({1: code, 2: "words of the centre"})) for code in sorted(CODES)]
    errors += [("a-later-code", encode({1: "teapot", 2: "short"})), ("no-error", encode({1: "ok", 2: ""})),
               ("without-a-message", encode({1: "busy"})), ("without-a-code", encode({2: "busy"})),
               ("a-number-for-a-code", encode({1: 5, 2: "busy"})),
               ("a-message-too-long", encode({1: "busy", 2: "x" * 401})),
               ("a-member-of-later", encode({1: "busy", 2: "later", 9: 1}))]
    for name, body in errors:
        print("error", name, body.hex(), judge_error(body.hex()))


def main():
    if sys.argv[1:] == ["--make"]:
        make()
        return
    count = {"request": 0, "answer": 0, "error": 0}
    with open(os.path.join(HERE, "refused.txt"), encoding="ascii") as lines:
        for line in lines:
            kind, name, data, *rest, expected = line.split()
            if kind == "request":
                found = judge_request(data, [] if rest[0] == "-" else [int(s) for s in rest[0].split(",")])
            else:
                found = judge_answer(data) if kind == "answer" else judge_error(data)
            assert found == expected, f"{name}: {found}, not {expected}"
            count[kind] += 1
    assert min(count.values()) >= 4
    print(f"{sum(count.values())} messages say of refusals and errors what the document says")


if __name__ == "__main__":
    main()
