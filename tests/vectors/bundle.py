#!/usr/bin/env python3
"""Writes and reads a bundle from section "Bundle" of sync/PROTOCOL.md alone, with Python's `cryptography`.

    tests/vectors/bundle.py --write > tests/vectors/bundle.txt     makes one
    tests/vectors/bundle.py < tests/vectors/bundle.txt             reads it again, and says what is in it

Lines are a name and its value: key (PKCS#8 of the receiver), certificate, stream, made_at, message (each), file.
"""
import datetime
import hashlib
import hmac
import struct
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

KEM = b"KEM" + struct.pack(">H", 0x0010)
HPKE = b"HPKE" + struct.pack(">HHH", 0x0010, 0x0001, 0x0002)
CONTEXT = b"holdfast/bundle/v1"


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def extract(suite, salt, label, key):
    return mac(salt, b"HPKE-v1" + suite + label + key)


def expand(suite, key, label, info, length):
    return mac(key, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info + b"\x01")[:length]


def point(public):
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def spki(public):
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def name(public):
    return hashlib.sha256(spki(public)).digest()[:16]


class Row:
    """RFC 9180, base mode: the same for both ends once they have agreed."""

    def __init__(self, agreed, encapsulated, receiver, info):
        shared = expand(KEM, extract(KEM, b"", b"eae_prk", agreed), b"shared_secret", encapsulated + receiver, 32)
        context = b"\x00" + extract(HPKE, b"", b"psk_id_hash", b"") + extract(HPKE, b"", b"info_hash", info)
        secret = extract(HPKE, shared, b"secret", b"")
        self.key = expand(HPKE, secret, b"key", context, 32)
        self.nonce = expand(HPKE, secret, b"base_nonce", context, 12)
        self.exporter = expand(HPKE, secret, b"exp", context, 32)
        self.count = 0

    def next_nonce(self):
        number = int.from_bytes(self.nonce, "big") ^ self.count
        self.count += 1
        return number.to_bytes(12, "big")

    def exported(self):
        return expand(HPKE, self.exporter, b"sec", CONTEXT, 32)


def head_of(data, length):
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if length < 24:
            return bytes([data << 5 | length])
        if length < 1 << 8 * size:
            return bytes([data << 5 | code]) + length.to_bytes(size, "big")


def read_item(data, at):
    """One CBOR item: a number, bytes, or a map or array of them."""
    kind, low = data[at] >> 5, data[at] & 31
    at += 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(low, 0)
    number = int.from_bytes(data[at:at + size], "big") if size else low
    at += size
    if kind == 0:
        return number, at
    if kind == 2:
        return data[at:at + number], at + number
    items = []
    for _ in range(number * (2 if kind == 5 else 1)):
        item, at = read_item(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if kind == 5 else items), at


def signed(head, row, stream, made_at, sender):
    return CONTEXT + b"\x00" + head + row.exported() + stream + struct.pack(">Q", made_at) + name(sender)


def write(receiver, sender, certificate, stream, made_at, messages):
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    head = b"HFBUNDLE" + bytes([1, 1]) + name(receiver)
    encapsulated = point(ephemeral.public_key())
    row = Row(ephemeral.exchange(ec.ECDH(), receiver), encapsulated, point(receiver), head)
    signature = sender.sign(signed(head, row, stream, made_at, sender.public_key()), ec.ECDSA(hashes.SHA256()))
    first = b"\xa4"
    first += b"\x01" + head_of(2, len(certificate)) + certificate
    first += b"\x02" + head_of(2, len(stream)) + stream
    first += b"\x03" + head_of(0, made_at)
    first += b"\x04" + head_of(2, len(signature)) + signature
    out = head + encapsulated
    chunks = [first] + messages + [b""]
    for number, content in enumerate(chunks):
        frame = struct.pack(">BI", number == len(chunks) - 1, len(content) + 16)
        out += frame + AESGCM(row.key).encrypt(row.next_nonce(), content, frame)
    return out


class Refused(Exception):
    """For somebody else, or not from who it says."""


class Damaged(Exception):
    """Cut, changed, or with its parts in another order."""


def checked_sender(head, row, content):
    sender, end = read_item(content, 0)
    assert end == len(content) and sorted(sender) == [1, 2, 3, 4]
    public = x509.load_der_x509_certificate(sender[1]).public_key()
    try:
        public.verify(sender[4], signed(head, row, sender[2], sender[3], public), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Refused("not signed by its sender") from error
    return sender


def each(key, direction, data):
    """Yields the sender, then each message, so far as they are whole."""
    head, encapsulated = data[:26], data[26:91]
    assert head[:8] == b"HFBUNDLE" and head[8] == 1
    if head[9] != direction or head[10:] != name(key.public_key()):
        raise Refused("for another receiver")
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), encapsulated)
    row = Row(key.exchange(ec.ECDH(), peer), encapsulated, point(key.public_key()), head)
    at, last, first = 91, False, True
    while not last:
        frame = data[at:at + 5]
        sealed = data[at + 5:at + 5 + int.from_bytes(frame[1:], "big")]
        at += 5 + int.from_bytes(frame[1:], "big")
        if at > len(data) or len(frame) < 5:
            raise Damaged("cut")
        try:
            content = AESGCM(row.key).decrypt(row.next_nonce(), sealed, frame)
        except InvalidTag as error:
            raise Damaged("not what was sealed in this place") from error
        last = frame[0] == 1
        if not last:
            yield checked_sender(head, row, content) if first else content
        first = False
    assert at == len(data) and content == b""


def read(key, data):
    sender, *messages = each(key, 1, data)
    return sender, messages


def make_certificate(key):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holdfast agent")])
    uris = ["urn:holdfast:role:agent", "urn:holdfast:organisation:" + "0f" * 16, "urn:holdfast:stream:" + "a5" * 16]
    begins = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 77, begins, begins.replace(year=2027))
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
    builder = builder.add_extension(x509.BasicConstraints(False, None), True).add_extension(names, False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def main():
    if sys.argv[1:] == ["--write"]:
        receiver, sender = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        stream, made_at, messages = b"\xa5" * 16, 1790000000000, [b"a first message", bytes(range(256)), b"\x00"]
        certificate = make_certificate(sender)
        pkcs8 = receiver.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption())
        data = write(receiver.public_key(), sender, certificate, stream, made_at, messages)
        print("key", pkcs8.hex())
        print("certificate", certificate.hex())
        print("stream", stream.hex())
        print("made_at", made_at)
        for message in messages:
            print("message", message.hex())
        print("file", data.hex())
        return
    lines = [line.split() for line in sys.stdin if line.strip()]
    values = dict(lines)
    key = serialization.load_der_private_key(bytes.fromhex(values["key"]), None)
    sender, messages = read(key, bytes.fromhex(values["file"]))
    assert sender[1].hex() == values["certificate"] and sender[2].hex() == values["stream"]
    assert sender[3] == int(values["made_at"])
    assert [message.hex() for message in messages] == [line[1] for line in lines if line[0] == "message"]
    print(len(messages), "messages, made at", sender[3])


if __name__ == "__main__":
    main()
