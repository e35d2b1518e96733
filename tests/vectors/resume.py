#!/usr/bin/env python3
"""What both ends take out of a connection to go on from it, and how the next handshake proves it (sync/PROTOCOL.md 3.8), by the
document, RFC 8446 and RFC 5869 alone; checks resume.txt with it.

    tests/vectors/resume.py < tests/vectors/resume.txt
    tests/vectors/resume.py --make                       # writes resume.txt anew

Lines are a name and its value in hexadecimal: exporter-master (exporter_master_secret of RFC 8446, 7.1, of a connection with
TLS_AES_128_GCM_SHA256, so that its hash is SHA-256), exported (48 bytes: what follows from it), name and key (its two parts), then of
the handshake that goes on from it: identities (of its extension pre_shared_key, RFC 8446, 4.2.11, with the two bytes of their length),
binder-key (7.1, of an external key) and, over truncated (some transcript hash), binder (4.2.11.2).
"""
import hashlib
import hmac
import sys

LABEL = b"EXPORTER-holdfast-resume-v1"


def expand(secret, info, length):
    """HKDF-Expand of RFC 5869."""
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(secret, block + info + bytes([count]), "sha256")
        out, count = out + block, count + 1
    return out[:length]


def expand_label(secret, label, context, length):
    """HKDF-Expand-Label of RFC 8446, 7.1."""
    label = b"tls13 " + label
    return expand(secret, length.to_bytes(2, "big") + bytes([len(label)]) + label + bytes([len(context)]) + context, length)


def derive_secret(secret, label, messages=b""):
    return expand_label(secret, label, hashlib.sha256(messages).digest(), 32)


def exporter(master, label, context, length):
    """TLS-Exporter of RFC 8446, 7.5. No context is the empty one."""
    return expand_label(derive_secret(master, label), b"exporter", hashlib.sha256(context).digest(), length)


def identities(name):
    one = len(name).to_bytes(2, "big") + name + (0).to_bytes(4, "big")
    return len(one).to_bytes(2, "big") + one


def follows(master, truncated):
    exported = exporter(master, LABEL, b"", 48)
    name, key = exported[:16], exported[16:]
    early = hmac.digest(bytes(32), key, "sha256")  # HKDF-Extract, with a salt of zeros
    binder_key = derive_secret(early, b"ext binder")
    finished = expand_label(binder_key, b"finished", b"", 32)
    return {"exporter-master": master, "exported": exported, "name": name, "key": key, "identities": identities(name),
            "binder-key": binder_key, "truncated": truncated, "binder": hmac.digest(finished, truncated, "sha256")}


def main():
    if sys.argv[1:] == ["--make"]:
        for number in range(2):
            said = [hashlib.sha256(b"resume vector %d %d" % (number, i)).digest() for i in range(2)]
            for name, value in follows(*said).items():
                print(name, value.hex())
        return
    count, members = 0, {}
    for line in sys.stdin:
        name, value = line.split()
        members[name] = bytes.fromhex(value)
        if name == "binder":
            expected = follows(members["exporter-master"], members["truncated"])
            for name, value in expected.items():
                assert members[name] == value, name
            assert len(members["exported"]) == 48 and members["exported"] == members["name"] + members["key"]
            count, members = count + 1, {}
    assert count >= 2 and not members
    print(count, "connections go on as the document says")


main()
