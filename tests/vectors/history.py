#!/usr/bin/env python3
"""Follows one history (sync/PROTOCOL.md 3.10) by the document alone, with Python's `cryptography`, and checks history.txt with it.

    tests/vectors/history.py < tests/vectors/history.txt

Lines are a name and its value, hexadecimal unless told otherwise: stream; own (a header of the asking device, in order); request;
answer (to the request before it); note (the checkpoint of that answer as a note); verifier-key (text). The device starts with
nothing and follows two answers: it places the ops, makes the tree, and checks what the centre signed.
"""
import base64
import hashlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from segment import Segment


def cbor(data, at=0):
    """What is used of CBOR; heads have to be the shortest."""
    major, info, at = data[at] >> 5, data[at] & 31, at + 1
    if major == 7:
        return {20: False, 21: True, 22: None}[info], at
    number = info
    if info >= 24:
        size = 1 << info - 24
        number, at = int.from_bytes(data[at:at + size], "big"), at + size
        assert number >= (24 if size == 1 else 1 << 4 * size)
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major < 4:
        part = data[at:at + number]
        assert len(part) == number
        return (part if major == 2 else part.decode()), at + number
    items = []
    for _ in range(number * (major - 3)):
        item, at = cbor(data, at)
        items.append(item)
    if major == 4:
        return items, at
    assert items[::2] == sorted(set(items[::2]))
    return dict(zip(items[::2], items[1::2])), at


def message(data):
    value, end = cbor(data)
    assert end == len(data) and value[1] == 1
    return value


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves):
    """RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while 2 * half < len(leaves):
        half *= 2
    return sha256(b"\x01", root(leaves[:half]), root(leaves[half:]))


def varints(data):
    values, value, shift = [], 0, 0
    for byte in data:
        assert byte > 0 or shift == 0
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    assert shift == 0
    return values


class Device:
    def __init__(self, stream):
        self.origin = "holdfast.invalid/stream/" + stream.hex()
        self.stream, self.own, self.own_placed, self.leaves = stream, [], 0, []
        self.key = self.certificate = self.verified = None

    def known_signer(self):
        return sha256(self.certificate, self.key)[:8] if self.key else None

    def trust(self, certificate, vouched):
        """Members 12 and 17. That the authority issued the certificate is section 4's business."""
        key, signature = vouched[:32], vouched[32:]
        signer = x509.load_der_x509_certificate(certificate).public_key()
        signer.verify(signature, b"holdfast/checkpoint-key/v1\0" + key, ec.ECDSA(hashes.SHA256()))
        self.key, self.certificate = key, certificate

    def asked(self, request):
        assert request[2] == self.stream and request[4] == len(self.leaves)
        assert request.get(10) == self.known_signer()
        if self.verified:
            assert request[13] == [self.verified[0], self.verified[1][:8]]
        else:
            assert 13 not in request
        self.newest = request[6]
        assert self.newest == len(self.own)

    def place(self, answer):
        segments = [[header for header, _ in Segment(data, self.stream).ops()] for data in answer.get(11, [])]
        order = varints(answer.get(15, b""))
        assert len(order) % 2 == 0
        for who, count in zip(order[::2], order[1::2]):
            assert count >= 1
            if who == 0:
                headers = self.own[self.own_placed:self.own_placed + count]
                self.own_placed += count
                assert self.own_placed <= self.newest
            else:
                headers, segments[who - 1] = segments[who - 1][:count], segments[who - 1][count:]
            assert len(headers) == count
            self.leaves += [sha256(b"\0", header) for header in headers]
        assert len(self.leaves) == answer[6] and not any(segments)

    def text(self, size, head):
        return f"{self.origin}\n{size}\n{base64.b64encode(head).decode()}\n".encode()

    def check(self, checkpoint, head):
        assert len(checkpoint) == 104
        size, signed, signature = int.from_bytes(checkpoint[:8], "big"), checkpoint[8:40], checkpoint[40:]
        Ed25519PublicKey.from_public_bytes(self.key).verify(signature, self.text(size, signed))
        assert size == head == len(self.leaves) and signed == root(self.leaves)
        if self.verified:  # the tree grew from the one that was verified
            assert root(self.leaves[:self.verified[0]]) == self.verified[1]
        self.verified = size, signed, signature

    def answered(self, answer):
        if 17 in answer:
            self.trust(answer[12], answer[17])
        self.place(answer)
        if answer[6] == answer[7]:
            assert self.own_placed == answer[2]  # every own op that is acknowledged has a place
            if 16 in answer:
                self.check(answer[16], answer[7])

    def key_id(self):
        return sha256(self.origin.encode(), b"\n\x01", self.key)[:4]

    def note(self):
        size, head, signature = self.verified
        line = base64.b64encode(self.key_id() + signature).decode()
        return self.text(size, head) + f"\n\u2014 {self.origin} {line}\n".encode()

    def verifier_key(self):
        return f"{self.origin}+{self.key_id().hex()}+{base64.b64encode(bytes([1]) + self.key).decode()}"


def follow(lines):
    device = None
    for line in lines:
        name, value = line.split()
        data = bytes.fromhex(value) if name != "verifier-key" else value
        if name == "stream":
            device = Device(data)
        elif name == "own":
            device.own.append(data)
        elif name == "request":
            device.asked(message(data))
        elif name == "answer":
            device.answered(message(data))
        elif name == "note":
            assert device.note() == data
        else:
            assert name == "verifier-key" and device.verifier_key() == data
    return device


if __name__ == "__main__":
    end = follow(sys.stdin)
    print(f"{len(end.leaves)} records, {end.own_placed} of them its own, root {end.verified[1].hex()}: as the centre signed")
