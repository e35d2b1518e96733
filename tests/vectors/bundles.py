#!/usr/bin/env python3
"""Opens bundles of two devices and their centre, and says by sync/PROTOCOL.md (section 6) alone what comes of each where it is
brought: in order or not, twice, cut, mixed up, or to somebody else.

    tests/vectors/bundles.py < tests/vectors/bundles.txt

Lines, bytes in hexadecimal: stream; authority (certificate); key, whose, PKCS#8; file, its name, all of it, when it is made (the
name begins with the device that made it, with "for-" and the device that the centre made it for, or with "mixed"); give, a file,
who gets it, how many of its bytes arrive, and what comes of it; again, a device that begins to read the stream from position 0;
copy, of the centre as it is, and back, to where it was then. What comes of it: whole, damaged or refused; at the centre the
messages taken and the new ops; at a device how many answers it had already (held), new ops, its cursor, its own ops that are not
acknowledged, and whether the rest is of no use before it has asked again. refuses, a device and seqs (- is none): what the
centre refuses from then on of the incarnation that the device records under; holds: what the device holds as refused of it.
tests/unit/centre makes such lines each time anew.
"""
import copy
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bundle import Damaged, Refused, each
from enrolment import valid
from given import Centre as Chains, device_of, issued_names
from history import cbor, message
from lifted import Device as Refusals, expected
from segment import CERTIFIED, Segment

TO_CENTRE, TO_DEVICE = 1, 2
NOT_OF_A_QUESTION = {9, 10, 11, 14, 15}


class Side(Chains):
    def __init__(self, world, key):
        super().__init__()
        self.stream, self.authority = world.stream, world.authority
        self.key, self.id = key, device_of(key.public_key())
        self.publics = {}

    def count(self, device, incarnation):
        return len(self.chains.get((device, incarnation), [b""])) - 1

    def link(self, device, incarnation, seq):
        return self.chains.get((device, incarnation), [self.first_link(device, incarnation)])[seq]

    def sender_is_of(self, sender, role):
        certificate = x509.load_der_x509_certificate(sender[1])
        uris = issued_names(self.authority, certificate) or []
        if "urn:holdfast:role:" + role not in uris or sender[2] != self.stream:
            raise Refused("not of this centre or site")
        return certificate, uris

    def take_segment(self, data, public=None):
        """How many ops in it are new."""
        segment = Segment(data, self.stream)
        if segment.flags & CERTIFIED:
            public, why = self.author(segment)
            assert why is None, why
            self.publics[segment.device] = public
        before = self.count(segment.device, segment.incarnation)
        why = self.extend(segment, public or self.publics[segment.device])
        assert why is None, why
        return self.count(segment.device, segment.incarnation) - before


class Centre(Side):
    def __init__(self, world, key):
        super().__init__(world, key)
        self.positions, self.questions, self.refused = 0, {}, {}
        self.saved = None

    def copied(self):
        self.saved = copy.deepcopy((self.chains, self.positions, self.questions, self.refused))

    def put_back(self):
        self.chains, self.positions, self.questions, self.refused = copy.deepcopy(self.saved)

    def keep(self, device, made_at, request):
        of, kept = self.questions.get(device, (None, {}))
        if made_at != of:
            kept = {}
        kept[request[3]] = {key: value for key, value in request.items() if key not in NOT_OF_A_QUESTION}
        self.questions[device] = made_at, kept

    def take(self, data):
        messages = new = 0
        word = "whole"
        try:
            whole = each(self.key, TO_CENTRE, data)
            sender = next(whole)
            certificate, uris = self.sender_is_of(sender, "agent")
            if "urn:holdfast:stream:" + self.stream.hex() not in uris:
                raise Refused("of another site")
            for content in whole:
                request = message(content)
                assert request[2] == self.stream
                if 9 in request:
                    segment = Segment(request[9], self.stream)
                    assert (segment.device, segment.incarnation) == (device_of(certificate.public_key()), request[3])
                    new += self.take_segment(request[9], certificate.public_key())
                self.keep(device_of(certificate.public_key()), sender[3], request)
                messages += 1
        except Refused:
            word = "refused"
        except Damaged:
            word = "damaged"
        self.positions += new
        return f"{word} messages={messages} new={new}"

    def asked(self, device, made_at):
        """What the device's newest bundle asks, or what the centre asks for it."""
        if device in self.questions:
            return self.questions[device][1]
        mine = {incarnation: len(links) - 1 for (who, incarnation), links in self.chains.items() if who == device}
        return {incarnation: {1: 1, 2: self.stream, 3: incarnation, 4: 0, 5: 0, 6: newest, 7: made_at}
                for incarnation, newest in (mine or {0: 0}).items()}

    def made(self, device, sender, pairs):
        """Is it what section 6.3 says that the centre gives now?"""
        asked, cursor, done = self.asked(device, sender[3]), None, set()
        for content in pairs:
            (question, answer), end = cbor(content)
            assert end == len(content)
            question, answer = message(question), message(answer)
            kept = asked[question[3]]
            assert all(question[key] == kept[key] for key in (2, 3, 5, 6, 7)) and not NOT_OF_A_QUESTION & set(question)
            if cursor is None:
                assert question[6] == 0 or all(one[6] > 0 for one in asked.values())
            assert question[4] == (kept[4] if cursor is None else cursor)
            assert answer[5] == sender[3] and answer[12] == sender[1] and 17 in answer and answer[7] == self.positions
            assert answer[2] == self.count(device, question[3])
            assert answer[3] == self.link(device, question[3], answer[2])
            said = answer.get(22), [seq for seq, _ in answer.get(10, [])]
            named = {19: [1, b""]} if question[5] > 0 else {}  # all of them, wherever something is acknowledged
            assert said == expected(question | named, self.refused.get((device, question[3]), []))
            cursor = answer[6]
            if not answer[8]:
                done.add(question[3])
        assert done == set(asked)


class Device(Side):
    def __init__(self, world, key):
        super().__init__(world, key)
        self.cursor = self.heard = self.verified = 0
        self.acknowledged, self.recording, self.refused = {}, None, {}
        self.asks = set()  # its incarnations that are to be compared

    def read_again(self):
        self.cursor = 0
        self.asks = {one for one in self.acknowledged if self.count(self.id, one) > 0}

    def made(self, sender, requests):
        """Is it what section 6.2 says that the device gives? Its own ops are known from there."""
        assert device_of(x509.load_der_x509_certificate(sender[1]).public_key()) == self.id
        last, wholes = {}, set()
        for content in requests:
            request = message(content)
            assert request[2] == self.stream and request[4] == self.cursor
            incarnation = request[3]
            whole = request[6] == 0 and 9 not in request and self.count(self.id, incarnation) > 0
            acknowledged = self.acknowledged.get(incarnation, 0)
            assert request[5] == (0 if whole else acknowledged)
            wholes |= {incarnation} if whole else set()
            if 9 in request:
                segment = Segment(request[9], self.stream)
                assert segment.first == last.get(incarnation, acknowledged) + 1
                last[incarnation] = segment.first + segment.count - 1
                self.take_segment(request[9], self.key.public_key())
            assert whole or request[6] == self.count(self.id, incarnation)
            self.acknowledged.setdefault(incarnation, 0)
            self.recording = incarnation
            assert 19 not in request
        assert wholes == self.asks, "those to be compared are asked for whole, and no others"
        for one, seq in self.acknowledged.items():
            assert last.get(one, seq) == self.count(self.id, one), "all that waits goes"

    def pending(self):
        return sum(self.count(self.id, incarnation) - seq for incarnation, seq in self.acknowledged.items())

    def receipt(self, question, answer):
        where = self.stream + self.id + question[3].to_bytes(4, "big") + answer[2].to_bytes(8, "big")
        said = b"holdfast/receipt/v1\0" + where + answer[3] + answer[5].to_bytes(8, "big")
        certificate = x509.load_der_x509_certificate(answer[12])
        assert "urn:holdfast:role:centre" in issued_names(self.authority, certificate)
        certificate.public_key().verify(answer[4], said, ec.ECDSA(hashes.SHA256()))
        assert answer[3] == self.link(self.id, question[3], answer[2])
        self.acknowledged[question[3]] = answer[2]  # what comes after it is sent again
        self.asks.discard(question[3])
        self.refused.setdefault(question[3], Refusals()).answered(answer)

    def take_answered(self, data):
        segment = Segment(data, self.stream)
        if segment.device == self.id and segment.incarnation in self.acknowledged:  # it came back, so it is there
            last = segment.first + segment.count - 1
            if last > self.acknowledged[segment.incarnation]:
                self.acknowledged[segment.incarnation] = last
                self.asks.discard(segment.incarnation)
        return self.take_segment(data)

    def old(self, question, answer):
        """Does it say less than the device has heard since?"""
        acknowledged = self.acknowledged.get(question[3], 0)
        more = answer[6] > self.cursor or answer[2] > acknowledged
        less = answer[6] < self.cursor or answer[2] < acknowledged or answer[7] < self.verified
        compares = question[6] == 0 and question[3] in self.asks
        return answer[5] < self.heard and (less or not (more or compares))

    def went_back(self, question, answer):
        lost = question[3] not in self.asks and answer[2] < self.acknowledged[question[3]]
        return lost or answer[6] < question[4]

    def take_pair(self, question, answer):
        """1 if it was held already, how many ops are new, and whether it has to ask again."""
        known = question[3] in self.acknowledged
        if not known and question[6] > 0:
            raise Refused("for another copy of this machine")
        if question[4] > self.cursor:
            raise Refused("one before it is missing")
        old = self.old(question, answer)
        further = answer[6] > self.cursor
        if old and not further:
            return 1, 0, False
        new = sum(self.take_answered(data) for data in answer.get(11, [])) if further else 0
        if not old:
            if answer[5] > self.heard or further and answer[7] > self.verified:
                self.heard = answer[5]
            back = known and self.went_back(question, answer)
            self.cursor = max(self.cursor, answer[6])
            if known:
                self.receipt(question, answer)
            if 16 in answer and not back:
                self.verified = int.from_bytes(answer[16][:8], "big")
            if back:
                self.read_again()
                return 0, 0, True
        return 0, new, False

    def take(self, data):
        held = new = 0
        word, again = "whole", False
        try:
            whole = each(self.key, TO_DEVICE, data)
            sender = next(whole)
            certificate, _ = self.sender_is_of(sender, "centre")
            assert valid(certificate, sender[3])
            for content in whole:
                pair, end = cbor(content)
                assert end == len(content)
                if not again:
                    was_held, brought, again = self.take_pair(*map(message, pair))
                    held, new = held + was_held, new + brought
        except Refused:
            word = "refused"
        except Damaged:
            word = "damaged"
        return f"{word} held={held} new={new} cursor={self.cursor} pending={self.pending()} again={int(again)}"


class World:
    def __init__(self):
        self.stream = self.authority = None
        self.sides, self.files, self.seen = {}, {}, []

    def key(self, name, value):
        key = serialization.load_der_private_key(bytes.fromhex(value), None)
        self.sides[name] = (Centre if name == "centre" else Device)(self, key)

    def file(self, name, value):
        data = self.files[name] = bytes.fromhex(value)
        maker = name.rsplit("-", 1)[0]
        if maker.startswith("for-"):
            receiver = self.sides[maker[4:]]
            sender, *pairs = each(receiver.key, TO_DEVICE, data)
            self.sides["centre"].made(receiver.id, sender, pairs)
        elif maker in self.sides:
            sender, *requests = each(self.sides["centre"].key, TO_CENTRE, data)
            self.sides[maker].made(sender, requests)

    def give(self, name, to, length, *expected):
        found = self.sides[to].take(self.files[name][:int(length)])
        assert found == " ".join(expected), f"{name} to {to}: {found}"
        self.seen.append((to == "centre", expected[0]))

    def judged(self, what, name, seqs):
        device = self.sides[name]
        seqs = [] if seqs == "-" else [int(seq) for seq in seqs.split(",")]
        if what == "refuses":
            self.sides["centre"].refused[device.id, device.recording] = seqs
        else:
            assert sorted(device.refused[device.recording].held) == seqs

    def line(self, words):
        if words[0] == "stream":
            self.stream = bytes.fromhex(words[1])
        elif words[0] == "authority":
            self.authority = x509.load_der_x509_certificate(bytes.fromhex(words[1]))
        elif words[0] == "again":
            self.sides[words[1]].read_again()
        elif words[0] == "copy":
            self.sides["centre"].copied()
        elif words[0] == "back":
            self.sides["centre"].put_back()
        elif words[0] in ("refuses", "holds"):
            self.judged(*words)
        else:
            {"key": self.key, "file": self.file, "give": self.give}[words[0]](*words[1:])


if __name__ == "__main__":
    world = World()
    for text in sys.stdin:
        world.line(text.split())
    assert len(set(world.seen)) == 6, "each side takes, refuses and finds damaged"
    print(len(world.files), "bundles, brought", len(world.seen), "times: what came of each is what the document says")
