#!/usr/bin/env python3
"""Reads and writes backups from the drawing in crypto/VAULT.md alone, with nothing but Python's own library.

    backup.py read FILE KEY_FILE OUT     checks every byte of FILE and writes the plain SQLite database in it to OUT
    backup.py make > backup.hfb          the backup that tests/unit/backup reads; the same bytes from one version of SQLite
    backup.py check                      reads the backup.hfb beside it, and it no more once a bit of it is another

KEY_FILE holds the 32 bytes of a key file slot. Ends with 1, and says why, when FILE is not whole and unchanged.
"""
import hashlib
import hmac
import os
import sqlite3
import struct
import sys
import tempfile

PAGE, BODY, RECORD, FIXED, TRAILER = 4096, 4064, 4080, 128, 80
KEYS_LEN, SLOTS, SLOT, EPOCHS_AT, MAC_AT = 17408, 8, 512, 4160, 17344


class Refused(Exception):
    pass


# ---- AES-256-GCM (FIPS 197, SP 800-38D) ----

def make_sbox():
    log, power, value = [0] * 256, [0] * 255, 1
    for i in range(255):
        power[i], log[value] = value, i
        value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)
        value &= 0xFF
    box = []
    for byte in range(256):
        inverse = 0 if byte == 0 else power[(255 - log[byte]) % 255]
        spread = inverse
        for turn in range(1, 5):
            spread ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF
        box.append(spread ^ 0x63)
    return box


SBOX = make_sbox()


def double(byte):
    return (byte << 1 ^ (0x1B if byte & 0x80 else 0)) & 0xFF


# one table a row of the state: what a byte there adds to its column
TABLES = [[], [], [], []]
for substituted in SBOX:
    twice = double(substituted)
    word = [twice, substituted, substituted, twice ^ substituted]
    for row in range(4):
        TABLES[row].append(int.from_bytes(bytes(word[-row:] + word[:-row] if row else word), "big"))


def expand_key(key):
    words = [int.from_bytes(key[i:i + 4], "big") for i in range(0, 32, 4)]
    constant = 1
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = (word << 8 | word >> 24) & 0xFFFFFFFF
        if i % 4 == 0:
            word = int.from_bytes(bytes(SBOX[byte] for byte in word.to_bytes(4, "big")), "big")
        if i % 8 == 0:
            word ^= constant << 24
            constant = double(constant)
        words.append(words[-8] ^ word)
    return words


def encrypt_block(words, block):
    a, b, c, d = (int.from_bytes(block[i:i + 4], "big") ^ words[i // 4] for i in range(0, 16, 4))
    t0, t1, t2, t3 = TABLES
    for i in range(4, 56, 4):
        a, b, c, d = (
            t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ words[i],
            t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ words[i + 1],
            t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ words[i + 2],
            t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ words[i + 3])
    out = b""
    for i, (p, q, r, s) in enumerate(((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c))):
        last = SBOX[p >> 24] << 24 | SBOX[q >> 16 & 255] << 16 | SBOX[r >> 8 & 255] << 8 | SBOX[s & 255]
        out += (last ^ words[56 + i]).to_bytes(4, "big")
    return out


class Gcm:
    def __init__(self, key):
        self.words = expand_key(key)
        h = int.from_bytes(encrypt_block(self.words, bytes(16)), "big")
        # what each byte of a number adds to its product with h
        powers = [h]
        for _ in range(127):
            powers.append(powers[-1] >> 1 ^ (0xE1 << 120 if powers[-1] & 1 else 0))
        self.products = []
        for at in range(16):
            table = [0] * 256
            for bit in range(8):
                for low in range(1 << bit):
                    table[1 << bit | low] = table[low] ^ powers[8 * at + 7 - bit]
            self.products.append(table)

    def hash(self, associated, sealed):
        total = 0
        blocks = [part[i:i + 16].ljust(16, b"\0") for part in (associated, sealed) for i in range(0, len(part), 16)]
        for block in blocks + [struct.pack(">QQ", 8 * len(associated), 8 * len(sealed))]:
            total = (total ^ int.from_bytes(block, "big"))
            parts, total = total.to_bytes(16, "big"), 0
            for table, byte in zip(self.products, parts):
                total ^= table[byte]
        return total

    def crypt(self, nonce, data):
        out = bytearray()
        for i in range(0, len(data), 16):
            stream = encrypt_block(self.words, nonce + struct.pack(">I", 2 + i // 16))
            out += bytes(x ^ y for x, y in zip(data[i:i + 16], stream))
        return bytes(out)

    def tag(self, nonce, associated, sealed):
        mask = int.from_bytes(encrypt_block(self.words, nonce + struct.pack(">I", 1)), "big")
        return (self.hash(associated, sealed) ^ mask).to_bytes(16, "big")

    def seal(self, nonce, data, associated):
        sealed = self.crypt(nonce, data)
        return sealed + self.tag(nonce, associated, sealed)

    def open(self, nonce, sealed, associated, what):
        if not hmac.compare_digest(self.tag(nonce, associated, sealed[:-16]), sealed[-16:]):
            raise Refused(f"{what} fails its check")
        return self.crypt(nonce, sealed[:-16])


# ---- keys ----

def hkdf(key, salt, purpose):
    pseudorandom = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(pseudorandom, purpose.encode() + b"\1", hashlib.sha256).digest()


def slot_associated(file_id, number):
    return file_id + struct.pack(">II", number, 2)


def vault_key_of(keys, key_file):
    """The vault key out of the slot of kind 2 that takes these 32 bytes."""
    if keys[:8] != b"HFVAULT\0" or struct.unpack(">II", keys[8:16]) != (2, KEYS_LEN) or len(keys) != KEYS_LEN:
        raise Refused("the keys file in it is of another version")
    if hashlib.sha256(keys[:-32]).digest() != keys[-32:]:
        raise Refused("the keys file in it fails its check")
    file_id = keys[16:32]
    for number in range(SLOTS):
        slot = keys[64 + number * SLOT:64 + (number + 1) * SLOT]
        salt, commitment, wrapped = slot[24:56], slot[56:88], slot[88:148]
        if slot[:8] == struct.pack(">II", 2, 1) and hkdf(key_file, salt, "holdfast vault 1 slot commitment") == commitment:
            wrap = Gcm(hkdf(key_file, salt, "holdfast vault 1 slot wrap"))
            key = wrap.open(wrapped[:12], wrapped[12:], slot_associated(file_id, number), "the slot")
            mac = hkdf(key, file_id, "holdfast vault 1 keys file")
            if hmac.new(mac, keys[:MAC_AT], hashlib.sha256).digest() != keys[MAC_AT:MAC_AT + 32]:
                raise Refused("somebody without the key changed the keys file in it")
            return key
    raise Refused("no slot takes this key file")


def make_keys(file_id, vault_key, key_file):
    """A keys file with one slot and one epoch, its random parts counted up."""
    image = bytearray(KEYS_LEN)
    image[:64] = struct.pack(">8sII16sQIII", b"HFVAULT\0", 2, KEYS_LEN, file_id, 1, 3, PAGE, 1).ljust(64, b"\0")
    salt = bytes(range(32))
    wrap = Gcm(hkdf(key_file, salt, "holdfast vault 1 slot wrap"))
    nonce = bytes(range(12))
    slot = struct.pack(">II", 2, 1).ljust(24, b"\0") + salt + hkdf(key_file, salt, "holdfast vault 1 slot commitment")
    slot += nonce + wrap.seal(nonce, vault_key, slot_associated(file_id, 0))
    image[64:64 + len(slot)] = slot
    data_key, epoch_nonce = bytes(range(64, 96)), bytes(range(20, 32))
    epoch = struct.pack(">II", 1, 1) + epoch_nonce
    epoch += Gcm(vault_key).seal(epoch_nonce, data_key, file_id + struct.pack(">II", 1, 0))
    image[EPOCHS_AT:EPOCHS_AT + len(epoch)] = epoch
    mac = hkdf(vault_key, file_id, "holdfast vault 1 keys file")
    image[MAC_AT:MAC_AT + 32] = hmac.new(mac, image[:MAC_AT], hashlib.sha256).digest()
    image[-32:] = hashlib.sha256(image[:-32]).digest()
    return bytes(image)


# ---- backups ----

def place(number):
    return bytes(4) + struct.pack(">Q", number), b"BACK" + struct.pack(">Q", number)


def read(backup, key_file):
    magic, version, keys_len, file_id, salt, pages, _made, _fresh, size, suite = struct.unpack(
        ">8sII16s32sQQQII", backup[:96])
    if (magic, version, size, suite) != (b"HFBACKUP", 1, PAGE, 1) or backup[96:FIXED] != bytes(32):
        raise Refused("not a backup of version 1")
    head = FIXED + keys_len
    if len(backup) != head + 32 + pages * RECORD + TRAILER:
        raise Refused(f"{len(backup)} bytes are not those of {pages} pages")
    keys = backup[FIXED:head]
    vault_key = vault_key_of(keys, key_file)
    if keys[16:32] != file_id:
        raise Refused("the keys file in it is of another vault")
    check = hkdf(vault_key, salt, "holdfast vault 1 backup check")
    chain = hmac.new(check, backup[:head], hashlib.sha256).digest()
    if chain != backup[head:head + 32]:
        raise Refused("its head fails its check")
    gcm = Gcm(hkdf(vault_key, salt, "holdfast vault 1 backup pages"))
    out, at = [], head + 32
    for number in range(1, pages + 1):
        nonce, associated = place(number)
        record = backup[at:at + RECORD]
        out.append(gcm.open(nonce, record, associated, f"page {number}") + bytes(PAGE - BODY))
        chain = hashlib.sha256(chain + record[-16:]).digest()
        at += RECORD
    trailer = b"HFBACKED" + struct.pack(">Q", pages) + chain
    if backup[at:] != trailer + hmac.new(check, trailer, hashlib.sha256).digest():
        raise Refused("its end fails its check")
    return b"".join(out)


def write(database, keys, vault_key, salt, made_at_ms):
    pages = len(database) // PAGE
    head = struct.pack(">8sII16s32sQQQII", b"HFBACKUP", 1, len(keys), keys[16:32], salt, pages, made_at_ms, 7, PAGE, 1)
    head = head.ljust(FIXED, b"\0") + keys
    check = hkdf(vault_key, salt, "holdfast vault 1 backup check")
    chain = hmac.new(check, head, hashlib.sha256).digest()
    gcm = Gcm(hkdf(vault_key, salt, "holdfast vault 1 backup pages"))
    out = [head, chain]
    for number in range(1, pages + 1):
        nonce, associated = place(number)
        out.append(gcm.seal(nonce, database[(number - 1) * PAGE:(number - 1) * PAGE + BODY], associated))
        chain = hashlib.sha256(chain + out[-1][-16:]).digest()
    trailer = b"HFBACKED" + struct.pack(">Q", pages) + chain
    return b"".join(out) + trailer + hmac.new(check, trailer, hashlib.sha256).digest()


def small_database():
    """Three tables' worth of pages with 32 bytes reserved, as a vault has them."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plain.db")
        first = bytearray(PAGE)
        first[:100] = struct.pack(">16sHBBBBBBIIIIIIIIIIII20sII", b"SQLite format 3\0", PAGE, 1, 1, 32, 64, 32, 32, 1, 1,
                                  0, 0, 0, 4, 0, 0, 1, 0, 0, 0, bytes(20), 1, 3040001)
        first[100:108] = struct.pack(">BHHHB", 13, 0, 0, BODY, 0)
        with open(path, "wb") as file:
            file.write(first)
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)")
        database.executemany("INSERT INTO t VALUES(?, ?)", ((i, f"row {i}" + "-" * (i % 50)) for i in range(1, 201)))
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        with open(path, "rb") as file:
            plain = bytearray(file.read())
    plain[18:20] = b"\2\2"  # as a database with a write-ahead log says of itself
    return bytes(plain)


KEY_FILE = b"a key of thirty-two bytes, fixed"


def check():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "backup.hfb"), "rb") as file:
        backup = file.read()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plain.db")
        with open(path, "wb") as file:
            file.write(read(backup, KEY_FILE))
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*), max(b) FROM t").fetchone() == (200, "row 99" + "-" * 49)
        database.close()
    for at in (3, 20, 200, len(backup) // 2, len(backup) - 200, len(backup) - 1):
        changed = bytearray(backup)
        changed[at] ^= 1
        try:
            read(bytes(changed), KEY_FILE)
        except (Refused, struct.error):
            continue
        sys.exit(f"byte {at} may be changed and nobody notices")
    print("backup.hfb holds 200 rows, and a changed byte is noticed")


def main():
    if sys.argv[1:] == ["check"]:
        check()
        return
    if sys.argv[1:] == ["make"]:
        file_id, vault_key = bytes(range(100, 116)), bytes(range(150, 182))
        keys = make_keys(file_id, vault_key, KEY_FILE)
        sys.stdout.buffer.write(write(small_database(), keys, vault_key, bytes(range(200, 232)), 1700000000000))
        return
    if len(sys.argv) != 5 or sys.argv[1] != "read":
        sys.exit(__doc__)
    with open(sys.argv[2], "rb") as backup, open(sys.argv[3], "rb") as key_file:
        try:
            plain = read(backup.read(), key_file.read())
        except (Refused, struct.error) as why:
            sys.exit(f"{sys.argv[2]}: {why}")
    with open(sys.argv[4], "wb") as out:
        out.write(plain)


main()
