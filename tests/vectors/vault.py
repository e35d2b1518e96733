#!/usr/bin/env python3
"""Writes vault.json from crypto/VAULT.md alone, with Python's `cryptography`: a second hand on the formats of the vault.

    tests/vectors/vault.py > tests/vectors/vault.json
"""
import hashlib
import hmac
import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

PAGE, BODY = 4096, 4064


def hkdf(key, salt, purpose, length):
    pseudorandom = hmac.new(salt, key, hashlib.sha256).digest()
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.new(pseudorandom, block + purpose.encode() + bytes([count]), hashlib.sha256).digest()
        out += block
        count += 1
    return out[:length]


def xts(key, number, data):
    encryptor = Cipher(algorithms.AES(key), modes.XTS(number.to_bytes(16, "little"))).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def pattern(seed):
    return bytes((seed + 31 * i + i // 256) % 256 for i in range(BODY)) + bytes(32)


def reserve(nonce, sealed):
    return sealed[:-16] + nonce + sealed[-16:] + struct.pack(">I", 1)


def seal_page(key, file_id, number, page, nonce):
    associated = b"PAGE" + struct.pack(">III", number, PAGE, 1) + file_id
    if number == 1:
        page = b"SQLite format 3\0" + bytes([16, 0, 2, 2, 32, 64, 32, 32]) + page[24:]
        sealed = AESGCM(key).encrypt(nonce, page[24:BODY], associated + page[16:24])
        return page, file_id + page[16:24] + reserve(nonce, sealed)
    return page, reserve(nonce, AESGCM(key).encrypt(nonce, page[:BODY], associated))


def seal_frame(key, file_id, number, frame, salts, page, nonce):
    associated = b"WALF" + struct.pack(">III", number, PAGE, 1) + file_id + salts + struct.pack(">I", frame)
    return reserve(nonce, AESGCM(key).encrypt(nonce, page[:BODY], associated))


def main():
    data_key, file_id = bytes(range(32)), bytes(range(100, 116))
    salt, salts, nonce = bytes(range(200, 232)), bytes(range(50, 58)), bytes(range(12))
    passphrase = "kettle, apron, till"
    root = Scrypt(salt=salt, length=32, n=2**10, r=8, p=1).derive(passphrase.encode())
    page_key = hkdf(data_key, file_id, "holdfast vault 1 page", 32)
    frame_key = hkdf(data_key, file_id, "holdfast vault 1 log frame", 32)
    header_key = hkdf(data_key, file_id, "holdfast vault 1 log header", 64)
    page_one, sealed_one = seal_page(page_key, file_id, 1, pattern(1), nonce)
    page_nine, sealed_nine = seal_page(page_key, file_id, 9, pattern(9), nonce)
    frame_header = bytes(range(24))
    vector = {
        "data_key": data_key, "file_id": file_id,
        "page_key": page_key, "frame_key": frame_key, "header_key": header_key,
        "passphrase": passphrase, "scrypt_log2n": 10, "slot_salt": salt,
        "slot_wrap_key": hkdf(root, salt, "holdfast vault 1 slot wrap", 32),
        "slot_commitment": hkdf(root, salt, "holdfast vault 1 slot commitment", 32),
        "page_1": page_one, "sealed_1": sealed_one, "page_9": page_nine, "sealed_9": sealed_nine,
        "frame_number": 7, "frame_salts": salts,
        "sealed_frame": seal_frame(frame_key, file_id, 9, 7, salts, page_nine, nonce),
        "frame_header": frame_header, "hidden_frame_header": xts(header_key, 7, frame_header),
    }
    json.dump({k: v.hex() if isinstance(v, bytes) else v for k, v in vector.items()}, sys.stdout, indent=1)
    print()


main()
