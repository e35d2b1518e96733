#!/usr/bin/env python3
"""Follows a device whose centre was put back (sync/PROTOCOL.md 3.4 rule 6, 3.9, 3.10) by the document alone, and checks owed.txt with it.

    tests/vectors/owed.py < tests/vectors/owed.txt

Lines are a name and its value, hexadecimal: stream; device; authority (certificate); own (a header of the device, in order, as it
records); request (of the device) and answer. The device has one incarnation and holds nothing at first. What it asks follows from what it
was told: where it reads on, what it sends again, and what it gives back of others. tests/unit/centre makes such lines with a device
and a centre, each time anew.
"""
import copy
import sys

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import history
from given import Centre, sha256
from history import message, root
from segment import SIGNED, Segment


class DoesNotFit(Exception):
    """The history is not the one that was signed before, or its ops not those that come next."""


class Device(history.Device):
    def __init__(self, stream, device, authority):
        super().__init__(stream)
        self.device, self.authority = device, authority
        self.acknowledged, self.head = 0, None
        self.told = {}  # of each other author: the links of what the stream has given since position 0
        self.held = {}  # ... of what is held
        self.put_back, self.gave = 0, 0

    def first_link(self, device, incarnation):
        return sha256(b"holdfast/chain/v1", self.stream, device, incarnation.to_bytes(4, "big"))

    def own_link(self, seq):
        link = self.first_link(self.device, self.incarnation)
        for header in self.own[:seq]:
            link = sha256(link, header)
        return link

    def owed(self):
        """Of whom the centre lacks something, as far as is known."""
        if self.head is None or len(self.leaves) < self.head:
            return set()
        return {author for author, links in self.held.items() if len(self.told.get(author, [0])) < len(links)}

    def gives_back(self, segments):
        """To a centre that holds what the stream gave: everything owed is taken, and is what is held."""
        centre, expected = Centre(), self.owed()
        centre.stream, centre.authority, centre.chains = self.stream, self.authority, dict(self.told)
        assert len(segments) == len(expected) <= 16 and sum(map(len, segments)) <= 4 * 1024 * 1024
        for data in segments:
            segment = Segment(data, self.stream)
            author = segment.device, segment.incarnation
            assert author in expected and segment.first == len(self.told.get(author, [0]))
            assert centre.why_not(data) is None, centre.why_not(data)
            assert centre.chains[author] == self.held[author]
            self.gave += segment.count

    def asked(self, request):
        super().asked(request)
        self.incarnation = request[3]
        assert request[5] == self.acknowledged
        assert (9 in request) == (self.acknowledged < len(self.own))
        if 9 in request:
            segment = Segment(request[9], self.stream)
            assert segment.first == self.acknowledged + 1 and segment.flags & SIGNED
            assert [header for header, _ in segment.ops()] == self.own[self.acknowledged:]
            assert 15 not in request
        else:
            assert (15 in request) == bool(self.owed())
            self.gives_back(request.get(15, []))

    def take(self, answer):
        for data in answer.get(11, []):
            segment = Segment(data, self.stream)
            author = segment.device, segment.incarnation
            start = [self.first_link(*author)]
            told, held = self.told.get(author, start), self.held.get(author, start)
            assert author != (self.device, self.incarnation)
            if segment.first != len(told):  # not what comes next of this author: other positions than before
                raise DoesNotFit
            for header, _ in segment.ops():
                told = told + [sha256(told[-1], header)]
            assert told[:len(held)] == held[:len(told)]
            self.told[author] = told
            self.held[author] = told if len(told) > len(held) else held

    def checkpoint(self, answer):
        """Size and root that the centre signed for its head: now, or when nothing is new the last time."""
        if 16 not in answer:
            return self.verified
        data = answer[16]
        size, signed, signature = int.from_bytes(data[:8], "big"), data[8:40], data[40:]
        Ed25519PublicKey.from_public_bytes(self.key).verify(signature, self.text(size, signed))
        assert size == answer[7]
        return size, signed, signature

    def apply(self, answer):
        again = not self.leaves
        self.take(answer)
        self.place(answer)
        self.acknowledged, self.head = answer[2], answer[7]
        if answer[6] < answer[7]:
            return
        checkpoint = self.checkpoint(answer)
        if root(self.leaves) != checkpoint[1]:
            raise DoesNotFit
        assert self.own_placed == answer[2]
        if not again:
            assert root(self.leaves[:self.verified[0]]) == self.verified[1]
        self.verified = checkpoint

    def answered(self, answer):
        if 17 in answer:
            self.trust(answer[12], answer[17])
        assert answer[3] == self.own_link(answer[2])
        if answer[2] < self.acknowledged or answer[7] < len(self.leaves):
            assert answer[7] >= len(self.leaves) or (answer[6] == answer[7] and 11 not in answer and 15 not in answer)
            self.acknowledged = answer[2]
            self.read_again()
            return
        before = copy.copy(self)
        before.leaves, before.told, before.held = list(self.leaves), dict(self.told), dict(self.held)
        try:
            self.apply(answer)
        except DoesNotFit:
            assert before.leaves, "what does not fit from position 0 on stops it"
            self.__dict__ = before.__dict__
            self.read_again()

    def read_again(self):
        self.leaves, self.own_placed, self.told, self.head = [], 0, {}, None
        self.put_back += 1


def follow(lines):
    values, device, last = {}, None, None
    for line in lines:
        name, value = line.split()
        data = bytes.fromhex(value)
        if name == "own":
            device.own.append(data)
        elif name == "request":
            assert last != "request"
            device.asked(message(data))
        elif name == "answer":
            assert last == "request"
            device.answered(message(data))
        else:
            values[name] = data
            if len(values) == 3:
                authority = x509.load_der_x509_certificate(values["authority"])
                device = Device(values["stream"], values["device"], authority)
        last = name
    return device


if __name__ == "__main__":
    end = follow(sys.stdin)
    assert end.put_back == 2 and end.gave > 0 and not end.owed() and end.acknowledged == len(end.own)
    print(f"put back {end.put_back} times, {end.gave} records given back, {end.acknowledged} of its own at the centre")
