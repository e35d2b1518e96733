#!/usr/bin/env python3
"""Judges programme packs by sync/PROTOCOL.md 1.5 alone, without any of the project's code, and checks programme_pack.txt with it.

    programme_pack.py                 checks every line of programme_pack.txt beside it
    programme_pack.py --make FILE     prints the lines, made of the pack in FILE

A line: name, what holds (taken or refused), subject and body in hexadecimal digits. Whether a pack could be used is for the
program to say: here it is only looked at whether it is JSON with the `id` and `version` that the record says. Needs Python 3
and the zstd program.
"""
import hashlib
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PACKED_MAX = 15360
JSON_MAX = 262144


# ---- CBOR: what a body uses ----

def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    size = next(s for s in (1, 2, 4, 8) if number < 1 << 8 * s)
    return bytes([major << 5 | 24 + size.bit_length() - 1]) + number.to_bytes(size, "big")


def encode(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in sorted(value.items()))


def decode(data, at=0):
    major, number = data[at] >> 5, data[at] & 31
    at += 1
    if number >= 24:
        size = 1 << number - 24
        number, at = int.from_bytes(data[at:at + size], "big"), at + size
    if major == 0:
        return number, at
    if major in (2, 3):
        part = data[at:at + number]
        assert len(part) == number
        return (part if major == 2 else part.decode()), at + number
    assert major == 5
    out = {}
    for _ in range(number):
        key, at = decode(data, at)
        out[key], at = decode(data, at)
    return out, at


# ---- the frame ----

def content_size(frame):
    """RFC 8878, 3.1.1.1: what the frame says that it expands to; None: it does not say, or wants a dictionary."""
    if frame[:4] != b"\x28\xb5\x2f\xfd" or len(frame) < 6:
        return None
    descriptor = frame[4]
    single, size_flag = descriptor >> 5 & 1, descriptor >> 6
    if descriptor & 3 or (size_flag == 0 and not single):
        return None
    at, size = 5 + (not single), 1 << size_flag
    number = int.from_bytes(frame[at:at + size], "little")
    return number + 256 if size == 2 else number


def frame_end(frame):
    """Where the frame ends, by the headers of its blocks (RFC 8878, 3.1.1.2)."""
    descriptor = frame[4]
    size_flag, single = descriptor >> 6, descriptor >> 5 & 1
    at = 5 + (not single) + (1 << size_flag)
    while True:
        block = int.from_bytes(frame[at:at + 3], "little")
        at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        if block & 1:
            return at + 4 * (descriptor >> 2 & 1)


def expand(frame):
    size = content_size(frame)
    if size is None or size > JSON_MAX or frame_end(frame) != len(frame):
        return None
    done = subprocess.run(["zstd", "-d", "-c", "-q"], input=frame, capture_output=True)
    return done.stdout if done.returncode == 0 and len(done.stdout) == size else None


# ---- the record ----

def judge(subject, body):
    fields, end = decode(body)
    if end != len(body) or set(fields) != {1, 2, 3, 4, 5} or len(fields[5]) > PACKED_MAX:
        return "refused"
    text = expand(fields[5])
    if text is None:
        return "refused"
    digest = hashlib.sha256(text).digest()
    if fields[4] != digest.hex() or subject != digest[:16]:
        return "refused"
    try:
        pack = json.loads(text)
    except ValueError:
        return "refused"
    same = pack.get("id") == fields[1] and pack.get("version") == fields[2]
    return "taken" if same and "rules" in pack else "refused"


# ---- making ----

def packed(text):
    """With the size stated, as a file is compressed."""
    path = os.path.join(HERE, ".programme_pack")
    with open(path, "wb") as file:
        file.write(text)
    try:
        return subprocess.run(["zstd", "-19", "-c", "-q", "--no-check", path], check=True, capture_output=True).stdout
    finally:
        os.unlink(path)


def record(text, **change):
    pack = json.loads(text) if text[:1] == b"{" and text[-1:] == b"}" else {}
    digest = hashlib.sha256(text).digest()
    fields = {1: pack.get("id", "none"), 2: pack.get("version", 1), 3: 20574, 4: digest.hex(), 5: packed(text)}
    fields.update({int(key[1:]): value for key, value in change.items() if key != "subject"})
    return change.get("subject", digest[:16]), encode(fields)


def make(path):
    with open(path, "rb") as file:
        text = json.dumps(json.load(file), ensure_ascii=False, separators=(",", ":")).encode()
    frame = packed(text)
    piped = subprocess.run(["zstd", "-19", "-c", "-q", "--no-check"], input=text, check=True, capture_output=True).stdout
    digest = hashlib.sha256(text).digest()
    cases = [("whole", "taken", record(text)),
             ("another-digest", "refused", record(text, f4="00" * 32)),
             ("digits-in-capitals", "refused", record(text, f4=digest.hex().upper())),
             ("another-subject", "refused", record(text, subject=digest[16:])),
             ("another-version", "refused", record(text, f2=8)),
             ("another-name", "refused", record(text, f1="steps-to-trade-2032")),
             ("cut", "refused", record(text, f5=frame[:-1])),
             ("more-behind", "refused", record(text, f5=frame + b"\0")),
             ("two-frames", "refused", record(text, f5=frame + packed(b" "))),
             ("no-size-stated", "refused", record(text, f5=piped)),
             ("expands-to-more-than-is-taken", "refused", record(b" " * (JSON_MAX + 1))),
             ("not-json", "refused", record(b"{")),
             ("no-pack", "refused", record(b'{"id":"none","version":1}'))]
    for name, holds, (subject, body) in cases:
        assert judge(subject, body) == holds, name
        print(name, holds, subject.hex(), body.hex())


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--make":
        make(sys.argv[2])
        return
    count = 0
    with open(os.path.join(HERE, "programme_pack.txt"), encoding="ascii") as file:
        for line in file:
            name, holds, subject, body = line.split()
            found = judge(bytes.fromhex(subject), bytes.fromhex(body))
            if found != holds:
                sys.exit(f"programme_pack.py: {name}: {found}, expected {holds}")
            count += 1
    assert count > 10
    print(f"programme_pack.py: {count} records as they should be")


if __name__ == "__main__":
    main()
