#!/usr/bin/env python3
"""Issues a branch again by sync/PROTOCOL.md 3.6 alone, without any of the project's code, and checks again.txt with it.

    tests/vectors/again.py < tests/vectors/again.txt

Lines are a name and its value, hexadecimal: before (the branch's link before its first op); branch and salt (header and salt of each of its
ops, in order); then what they were issued as: seed (where a block of 256 begins), issued and body (of each op), and link (after the last).
tests/unit/centre makes such lines with a device that was put back and its centre, each time anew.
"""
import hashlib
import hmac
import sys

from erasure import decode, encode

CONTEXT = b"holdfast/again/v1"
DEVICE, INCARNATION, SEQ, SUPERSEDES, HASH = 2, 3, 4, 12, 13


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def number(value, size):
    return value.to_bytes(size, "big")


def read(lines):
    """The branch, and what it was issued as: seeds by block, headers, bodies, link."""
    before, branch, salts, seeds, issued, bodies, link = None, [], [], [], [], [], None
    for line in lines:
        name, value = (line.split() + [""])[:2]
        data = bytes.fromhex(value)
        if name == "before":
            before = data
        elif name == "link":
            link = data
        else:
            {"branch": branch, "salt": salts, "seed": seeds, "issued": issued, "body": bodies}[name].append(data)
    return before, branch, salts, seeds, issued, bodies, link


def issue(before, branch, salts, bodies):
    """Seeds, headers and link that follow from the branch."""
    first = decode(branch[0])[0]
    stream, device = first[1], first[DEVICE]
    chain = int.from_bytes(
        sha256(CONTEXT, stream, device, number(first[INCARNATION], 4), before, branch[0])[:4], "big")
    link = sha256(b"holdfast/chain/v1", stream, device, number(chain, 4))
    became, seeds, headers = {}, [], []
    for seq, (old, salt, body) in enumerate(zip(branch, salts, bodies), 1):
        op = decode(old)[0]
        assert encode(op) == old and sha256(salt, body) == op[HASH], "the branch is what it says"
        if (seq - 1) % 256 == 0:
            seeds.append(sha256(CONTEXT, salt, old)[:16])
        fresh = hmac.new(seeds[-1], number(seq, 8), hashlib.sha256).digest()[:16]
        became[op[DEVICE], op[INCARNATION], op[SEQ]] = [device, chain, seq]
        op[SUPERSEDES] = [became.get(tuple(i), i) for i in op[SUPERSEDES]]
        op[INCARNATION], op[SEQ], op[HASH] = chain, seq, sha256(fresh, body)
        headers.append(encode(op))
        link = sha256(link, headers[-1])
    return seeds, headers, link


def main():
    before, branch, salts, seeds, issued, bodies, link = read(sys.stdin)
    assert len(branch) == len(salts) == len(issued) == len(bodies) > 256, "more than one block"
    assert (seeds, issued, link) == issue(before, branch, salts, bodies)
    assert any(decode(header)[0][SUPERSEDES] for header in issued), "one stands over another of the branch"
    print(f"{len(issued)} ops issued again, {len(seeds)} seeds")


main()
