#!/usr/bin/env python3
"""Writes keys_file.json from crypto/VAULT.md alone, with Python's `cryptography`: a second hand
on the keys file, both versions, with a slot of every kind.

    tests/vectors/keys_file.py > tests/vectors/keys_file.json
"""
import hashlib
import hmac
import json
import pathlib
import re
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FILE_ID, VAULT_KEY, DATA_KEY = bytes(range(60, 76)), bytes(range(1, 33)), bytes(range(40, 72))
EMPTY, PASSPHRASE, KEY_FILE, RECOVERY, CREDENTIAL, ESCROW = range(6)


def hkdf(key, salt, purpose):
    pseudorandom = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(pseudorandom, purpose.encode() + b"\1", hashlib.sha256).digest()


def wrap(under, associated, key, seed):
    nonce = bytes((seed + i) % 256 for i in range(12))
    return nonce + AESGCM(under).encrypt(nonce, key, associated)


def associated(number, kind):
    return FILE_ID + struct.pack(">II", number, kind)


def root_of(kind, derivation, cost, secret, salt):
    if derivation == 2:
        return Scrypt(salt=salt, length=32, n=2 ** cost[0], r=cost[1], p=cost[2]).derive(secret)
    return secret


def slot(number, kind, secret, derivation=1, cost=(0, 0, 0), label=None, day=0, envelope=b"", recipient=bytes(32)):
    salt = bytes((17 * number + i) % 256 for i in range(32))
    root = root_of(kind, derivation, cost, secret, salt)
    bound = associated(number, kind)
    out = struct.pack(">II", kind, derivation) + struct.pack(">III", *cost) + bytes(4) + salt
    out += hkdf(root, salt, "holdfast vault 1 slot commitment")
    out += wrap(hkdf(root, salt, "holdfast vault 1 slot wrap"), bound, VAULT_KEY, 100 + number)
    if label is None:
        out += bytes(60)
    else:
        key = hkdf(VAULT_KEY, FILE_ID, "holdfast vault 1 slot label")
        out += wrap(key, bound, label.encode().ljust(32, b"\0"), 150 + number)
    out += struct.pack(">iI", day, len(envelope)) + recipient
    return out.ljust(512, b"\0")


def epoch():
    return struct.pack(">II", 1, 1) + wrap(VAULT_KEY, associated(1, 0), DATA_KEY, 200) + bytes(28)


def whole(version, slots, envelopes):
    length = 17408 if version == 2 else 5120
    out = b"HFVAULT\0" + struct.pack(">II", version, length) + FILE_ID
    out += struct.pack(">QIII", 5, 0, 4096, 1) + bytes(12)
    out += b"".join(slots).ljust(8 * 512, b"\0") + epoch().ljust(8 * 96, b"\0") + bytes(128)
    if version == 2:
        out += b"".join(envelope.ljust(1536, b"\0") for envelope in envelopes)
    out += hmac.new(hkdf(VAULT_KEY, FILE_ID, "holdfast vault 1 keys file"), out, hashlib.sha256).digest()
    return out + hashlib.sha256(out).digest()


def multiply(a, b):
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a <<= 1
        a ^= 0x409 if a >> 10 else 0
        b >>= 1
    return out


def words_of(key):
    source = pathlib.Path(__file__).parents[2] / "crypto" / "recovery_words.c"
    listed = re.findall(r'"([a-z]+)"', source.read_text())
    number = int.from_bytes(key, "big") << 2
    data = [number >> 10 * (12 - i) & 1023 for i in range(13)]
    powers = [1]
    while len(powers) < 15:
        powers.append(multiply(powers[-1], 2))
    plain = weighted = 0
    for word, power in zip(data, powers):
        plain ^= word
        weighted ^= multiply(word, power)
    first = next(a for a in range(1024) if multiply(a, powers[13]) ^ multiply(plain ^ a, powers[14]) == weighted)
    return " ".join(listed[word] for word in data + [first, plain ^ first])


def main():
    secrets = {
        "passphrase": "kettle, apron, till".encode(), "key_file": bytes(range(32)),
        "recovery": bytes(range(0, 256, 17)), "credential": bytes(range(90, 122)),
        "escrow": bytes(range(130, 162)), "second_passphrase": "broom, ladder, sill".encode(),
    }
    envelope, recipient = bytes(range(1, 200)), hashlib.sha256(b"a certificate").digest()
    old = [slot(0, PASSPHRASE, secrets["passphrase"], 2, (10, 8, 1)), slot(1, KEY_FILE, secrets["key_file"])]
    new = old[:1] + [
        slot(1, KEY_FILE, secrets["key_file"], label="boot", day=20000),
        slot(2, RECOVERY, secrets["recovery"], label="in the safe, second shelf, green"),
        slot(3, CREDENTIAL, secrets["credential"]),
        slot(4, ESCROW, secrets["escrow"], envelope=envelope, recipient=recipient),
        slot(5, PASSPHRASE, secrets["second_passphrase"], 2, (11, 4, 2), day=-1),
    ]
    image = whole(2, new, [b""] * 4 + [envelope] + [b""] * 3)
    vector = {name: secret.hex() for name, secret in secrets.items()}
    vector |= {"words": words_of(secrets["recovery"]), "envelope": envelope.hex(), "recipient": recipient.hex(),
               "data_key": DATA_KEY.hex(), "file_id": FILE_ID.hex(), "version_1": whole(1, old, []).hex(),
               # zeros between are left out: [place, bytes]
               "version_2": [[at, image[at:at + 64].hex()] for at in range(0, len(image), 64) if any(image[at:at + 64])]}
    print(json.dumps(vector, indent=1))


main()
