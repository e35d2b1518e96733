#!/usr/bin/env python3
"""Reads segments by sync/PROTOCOL.md alone, without any of the project's code, and checks segment.txt with it.

    segment.py            checks every line of segment.txt beside it
    segment.py FILE...    prints lines for these files, to be added

A line: name, SHA-256 over header || body of every op in order (an erased body is empty), the segment, both hexadecimal. The
stream, which is not in a segment, is the 16 bytes `sixteen octets!` and a zero byte. Needs Python 3 and the zstd program.
"""
import hashlib
import hmac
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DICTIONARY = os.path.join(HERE, "..", "..", "sync", "dictionary-1.txt")
STREAM = b"sixteen octets!\0"
COMPRESSED, BY_ROW, SIGNED, CERTIFIED = 1, 2, 4, 8
NUMBER, TEXT, BYTES, ID = 0, 1, 2, 3


class Section:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at:self.at + count]
        assert len(part) == count, "cut"
        self.at += count
        return part

    def left(self):
        return len(self.data) - self.at

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def signed(self):
        return unzigzag(self.varint())


def unzigzag(value):
    return (value >> 1) ^ -(value & 1)


def wrapped(value):
    return (value + 2**63) % 2**64 - 2**63


def head(major, argument):
    if argument < 24:
        return bytes([major << 5 | argument])
    for index, width in enumerate((1, 2, 4, 8)):
        if argument < 1 << 8 * width:
            return bytes([major << 5 | 24 + index]) + argument.to_bytes(width, "big")
    raise ValueError("too large")


def integer(value):
    return head(0, value) if value >= 0 else head(1, -1 - value)


def byte_string(value):
    return head(2, len(value)) + value


def inflate(frame):
    with tempfile.NamedTemporaryFile(suffix=".zst") as file:
        file.write(b"\x28\xb5\x2f\xfd" + frame)
        file.flush()
        return subprocess.run(["zstd", "-d", "-c", "-q", "-D", DICTIONARY, file.name], check=True,
                              stdout=subprocess.PIPE).stdout


class Segment:
    def __init__(self, data, stream=STREAM):
        self.stream = stream
        source = Section(data)
        assert source.varint() == 1
        self.flags = source.varint()
        self.device = source.take(16)
        self.incarnation = source.varint()
        self.first = source.varint()
        self.count = source.varint()
        if self.flags & SIGNED:
            self.signed_seq = source.varint()
            self.signature = source.take(source.varint())
        if self.flags & CERTIFIED:
            self.certificate = source.take(source.varint())
        self.seeds, block = {}, 0
        for _ in range(source.varint()):
            block += source.varint()
            self.seeds[block] = source.take(16)
        self.raw = Section(source.take(source.varint()))
        self.open_sections(source.take(source.left()))
        self.ids, self.last_place = [self.device], {}
        self.columns, self.next_section = {}, 12
        self.values, self.last_number, self.shapes = {}, {}, []

    def open_sections(self, packed):
        if self.flags & COMPRESSED:
            assert self.flags >> 4 == 1
            packed = inflate(packed)
        source = Section(packed)
        if self.flags & BY_ROW:
            self.sections = None
            self.row = source
            return
        lengths = [source.varint() for _ in range(source.varint())]
        self.sections = [Section(source.take(length)) for length in lengths]
        assert source.left() == 0

    def section(self, index):
        return self.row if self.sections is None else self.sections[index]

    def an_id(self, index):
        place = self.last_place.get(index, 0) + self.section(index).signed()
        self.last_place[index] = place
        if place == len(self.ids):
            self.ids.append(self.raw.take(16))
        return self.ids[place]

    def string(self, column, codes, data):
        code = self.section(codes).varint()
        known = self.values.setdefault(column, [])
        if code & 1:
            return known[code >> 1]
        known.append(self.section(data).take(code >> 1))
        return known[-1]

    def number(self, column, codes):
        code = self.section(codes).varint()
        known = self.values.setdefault(column, [])
        if code & 1:
            value = known[code >> 1]
        else:
            value = self.last_number.get(column, 0) + unzigzag(code >> 1)
            known.append(value)
        self.last_number[column] = value
        return value

    def shape(self):
        number = self.section(0).varint()
        if number > 0:
            return self.shapes[number - 1]
        kind, flags, fields, key = self.section(0).varint(), self.section(0).varint(), [], 0
        if flags & 3 == 0:
            for _ in range(self.section(0).varint()):
                code = self.section(0).varint()
                key += code >> 3
                column = (kind, key, code & 7)
                if code & 7 <= ID and column not in self.columns:
                    self.columns[column] = (self.next_section, self.next_section + 1)
                    self.next_section += 2 if code & 7 in (TEXT, BYTES) else 1
                fields.append(column)
                key += 1
        self.shapes.append((kind, flags, fields))
        return self.shapes[-1]

    def field(self, column):
        _, key, kind = column
        if kind == NUMBER:
            return head(0, key) + integer(self.number(column, self.columns[column][0]))
        if kind in (TEXT, BYTES):
            value = self.string(column, *self.columns[column])
            return head(0, key) + head(3 if kind == TEXT else 2, len(value)) + value
        if kind == ID:
            return head(0, key) + byte_string(self.an_id(self.columns[column][0]))
        return head(0, key) + bytes([0xe0 | 16 + kind])  # false, true, null: 20, 21, 22

    def body_hash(self, seq, body):
        if body is None:
            return self.raw.take(32)
        seed = self.seeds.get((seq - 1) // 256)
        salt = (self.raw.take(16) if seed is None
                else hmac.new(seed, seq.to_bytes(8, "big"), "sha256").digest()[:16])
        return hashlib.sha256(salt + body).digest()

    def ops(self):
        """Yields (header, body) of every op."""
        session = recorded = offset = ahead = 0
        happened_before = None
        for seq in range(self.first, self.first + self.count):
            kind, flags, fields = self.shape()
            subject = self.an_id(1)
            if flags & 4:
                session += self.section(2).signed()
                subject += session.to_bytes(4, "big")
            recorded += self.section(3).signed()
            offset += self.section(4).signed()
            ahead = wrapped(ahead + self.section(5).signed())
            happened = None
            if flags & 8:
                base = recorded if happened_before is None else happened_before
                happened = happened_before = base + self.section(6).signed()
            actor = self.string("actor", 10, 11)
            supersedes = []
            for _ in range(self.section(7).varint() if flags & 16 else 0):
                supersedes.append((self.an_id(7), self.incarnation + self.section(7).signed(),
                                   seq + self.section(7).signed()))
            body = None
            if flags & 3 == 0:
                body = head(5, len(fields)) + b"".join(self.field(column) for column in fields)
            elif flags & 3 == 1:
                body = self.string("whole", 8, 9)
            hlc = (recorded * 65536 + ahead) % 2**64
            header = (head(4, 14) + integer(1) + byte_string(self.stream) + byte_string(self.device)
                      + integer(self.incarnation) + integer(seq) + integer(kind) + byte_string(subject)
                      + head(3, len(actor)) + actor + integer(recorded) + integer(offset) + integer(hlc)
                      + (b"\xf6" if happened is None else integer(happened)) + head(4, len(supersedes))
                      + b"".join(head(4, 3) + byte_string(d) + integer(i) + integer(s) for d, i, s in supersedes)
                      + byte_string(self.body_hash(seq, body)))
            yield header, body or b""
        assert self.raw.left() == 0
        assert sum(section.left() for section in self.sections or [self.row]) == 0
        assert self.sections is None or len(self.sections) == self.next_section


def digest(data):
    return hashlib.sha256(b"".join(header + body for header, body in Segment(data).ops())).hexdigest()


def main(files):
    for path in files:
        with open(path, "rb") as file:
            data = file.read()
        print(os.path.basename(path), digest(data), data.hex())
    if files:
        return 0
    wrong = 0
    with open(os.path.join(HERE, "segment.txt"), encoding="ascii") as lines:
        for line in lines:
            name, expected, segment = line.split()
            same = digest(bytes.fromhex(segment)) == expected
            print(name, "same" if same else "DIFFERENT")
            wrong += not same
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
