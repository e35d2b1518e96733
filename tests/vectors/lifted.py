#!/usr/bin/env python3
"""Follows a device and a centre that takes later what it refused (sync/PROTOCOL.md 3.1 member 19, 3.2 members 10 and 22, 3.4
rule 5) by the document alone, and checks lifted.txt with it.

    tests/vectors/lifted.py < tests/vectors/lifted.txt

Lines are a name and its value: request and answer (of the one device, hexadecimal); refuses (the seqs that the centre refuses when
it answers); holds (those that the device holds as refused after the answer); aside (the same, after the device set some aside by its
own rules). Seqs have commas between, - is no seq. Every record is good by the device's own rules. tests/unit/centre makes such
lines with both, each time anew.
"""
import sys

from history import message
from refused import MOST, refused_hash


class Device:
    def __init__(self):
        self.acknowledged, self.held, self.told = 0, set(), None

    def named(self):
        """Member 19."""
        up_to = sorted(seq for seq in self.held if seq <= self.acknowledged)
        if not up_to:
            return None
        return self.told or [up_to[0], refused_hash(up_to)]

    def answered(self, answer):
        told = [seq for seq, _ in answer.get(10, [])]
        last = told[-1] if len(told) == MOST else answer[2]
        if last != self.acknowledged:
            self.told = None
        self.acknowledged = last
        if 22 in answer:
            self.held = {seq for seq in self.held if not answer[22] <= seq <= last}
            self.told = [answer[22], refused_hash(told)]
        self.held |= set(told)


def expected(request, refuses):
    """Members 22 and 10 of the answer."""
    if 19 in request:
        start, named = request[19]
        if refused_hash([seq for seq in refuses if start <= seq <= request[5]]) != named:
            return start, [seq for seq in refuses if seq >= start][:MOST]
    return None, [seq for seq in refuses if seq > request[5]][:MOST]


def follow(lines):
    device, asked, lifted, kinds = Device(), None, 0, set()
    refuses = []
    for line in lines:
        name, value = line.split()
        if name == "request":
            asked = message(bytes.fromhex(value))
            assert asked[5] == device.acknowledged and asked.get(19) == device.named()
        elif name == "answer":
            answer = message(bytes.fromhex(value))
            told = [seq for seq, _ in answer.get(10, [])]
            assert (answer.get(22), told) == expected(asked, refuses)
            kinds.add((19 in asked, 22 in answer, len(told) == MOST))
            before = len(device.held)
            device.answered(answer)
            lifted += max(before - len(device.held), 0)
        else:
            seqs = [] if value == "-" else [int(seq) for seq in value.split(",")]
            if name == "refuses":
                refuses = seqs
            elif name == "aside":
                assert device.held < set(seqs)
                device.held = set(seqs)
            else:
                assert name == "holds" and sorted(device.held) == seqs, (sorted(device.held), seqs)
    return lifted, kinds


if __name__ == "__main__":
    count, seen = follow(sys.stdin)
    assert {(True, False, False), (True, True, False), (True, True, True), (True, False, True)} <= seen and count > 256
    print(count, "records were refused no more, as the document says")
