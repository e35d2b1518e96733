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


def reserve(nonce, sealed, epoch):
    return sealed[:-16] + nonce + sealed[-16:] + struct.pack(">I", epoch)


def seal_page(key, file_id, number, page, nonce, epoch=1):
    associated = b"PAGE" + struct.pack(">III", number, PAGE, epoch) + file_id
    if number == 1:
        page = b"SQLite format 3\0" + bytes([16, 0, 2, 2, 32, 64, 32, 32]) + page[24:]
        sealed = AESGCM(key).encrypt(nonce, page[24:BODY], associated + page[16:24])
        return page, file_id + page[16:24] + reserve(nonce, sealed, epoch)
    return page, reserve(nonce, AESGCM(key).encrypt(nonce, page[:BODY], associated), epoch)


def seal_frame(key, file_id, number, frame, salts, page, nonce):
    associated = b"WALF" + struct.pack(">III", number, PAGE, 1) + file_id + salts + struct.pack(">I", frame)
    return reserve(nonce, AESGCM(key).encrypt(nonce, page[:BODY], associated), 1)


def journal(key, file_id, journal_id, batches):
    header = b"HFREKEY\0" + struct.pack(">II", 1, PAGE) + file_id + journal_id + bytes(16)
    out = header
    for number, pages in enumerate(batches, 1):
        batch = b"BTCH" + struct.pack(">IQ", len(pages), number)
        batch += b"".join(struct.pack(">I", page) + old_nonce + sealed for page, old_nonce, sealed in pages)
        out += batch + hmac.new(key, header + batch, hashlib.sha256).digest()
    return out


def fresh_part(key, purpose, number, file_id, nonce, plain):
    sealed = AESGCM(key).encrypt(nonce, plain, purpose + struct.pack(">I", number) + file_id)
    return nonce + sealed[-16:], sealed[:-16]


def fresh(key, file_id, nonces, live, absorbed, tail, tail_nonce):
    """The blocks of a list with counter 3 in the second place of everything, and the hash of its state."""
    head, body = fresh_part(key, b"FLEF", 0, file_id, bytes([1] * 12),
                            struct.pack(">Q", 2) + b"".join(nonces).ljust(338 * 12, bytes(1)))
    leaf, leaves_sum = head + bytes(4) + body, hashlib.sha256(head[12:]).digest()
    root = struct.pack(">QQII", 3, 0, len(nonces), 3) + live + absorbed + leaves_sum + bytes(56)
    state = hashlib.sha256(struct.pack(">QI", 3, len(nonces)) + live + absorbed + bytes(8) + leaves_sum).digest()
    head, body = fresh_part(key, b"FROT", 0, file_id, bytes([2] * 12), root)
    root = b"HFFRESH\0" + struct.pack(">II", 1, 0) + head + body
    notes = []
    for number, frame in ((8, 0), (9, tail)):
        note = struct.pack(">QQII", 3, number, frame, int(frame > 0)) + (tail_nonce if frame else bytes(12)) + bytes(12)
        notes.append(b"".join(fresh_part(key, b"FNOT", 0, file_id, bytes([number] * 12), note)))
    return leaf, root, notes, state


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
    vault_key, next_data_key, next_nonce = bytes(range(60, 92)), bytes(range(120, 152)), bytes(range(30, 42))
    next_page_key = hkdf(next_data_key, file_id, "holdfast vault 1 page", 32)
    next_header_key = hkdf(next_data_key, file_id, "holdfast vault 1 log header", 64)
    _, next_sealed_nine = seal_page(next_page_key, file_id, 9, pattern(9), next_nonce, 3)
    next_page_ten, next_sealed_ten = seal_page(next_page_key, file_id, 10, pattern(10), next_nonce[::-1], 3)
    journal_key = hkdf(vault_key, file_id, "holdfast vault 1 re-key journal", 32)
    fresh_key = hkdf(vault_key, file_id, "holdfast vault 1 freshness", 32)
    expected = [bytes([40 + i] * 12) for i in range(5)]
    fresh_leaf, fresh_root, fresh_notes, fresh_state = fresh(fresh_key, file_id, expected, salts, salts[::-1], 17, nonce)
    vector = {
        "data_key": data_key, "file_id": file_id,
        "page_key": page_key, "frame_key": frame_key, "header_key": header_key,
        "passphrase": passphrase, "scrypt_log2n": 10, "slot_salt": salt,
        "slot_wrap_key": hkdf(root, salt, "holdfast vault 1 slot wrap", 32),
        "slot_commitment": hkdf(root, salt, "holdfast vault 1 slot commitment", 32),
        "page_1": page_one, "sealed_1": sealed_one, "page_9": page_nine, "sealed_9": sealed_nine,
        "frame_number": 7, "frame_salts": salts,
        "sealed_frame": seal_frame(frame_key, file_id, 9, 7, salts, page_nine, nonce),
        "next_data_key": next_data_key, "next_epoch": 3, "next_sealed_9": next_sealed_nine,
        "page_10": next_page_ten, "next_sealed_10": next_sealed_ten,
        "next_hidden_frame_header": xts(next_header_key, 7, frame_header),
        "vault_key": vault_key, "journal_key": journal_key,
        "journal": journal(journal_key, file_id, bytes(range(240, 256)),
                           [[(9, nonce, next_sealed_nine)], [(10, nonce[::-1], next_sealed_ten)]]),
        "fresh_key": fresh_key, "fresh_leaf": fresh_leaf, "fresh_root": fresh_root, "fresh_state": fresh_state,
        "fresh_note_8": fresh_notes[0], "fresh_note_9": fresh_notes[1],
        "frame_header": frame_header, "hidden_frame_header": xts(header_key, 7, frame_header),
    }
    json.dump({k: v.hex() if isinstance(v, bytes) else v for k, v in vector.items()}, sys.stdout, indent=1)
    print()


main()
