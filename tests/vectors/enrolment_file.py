#!/usr/bin/env python3
"""Writes and reads the files of section "Enrolment by files" of sync/PROTOCOL.md by that document alone.

    tests/vectors/enrolment_file.py --write > tests/vectors/enrolment_file.txt     makes them
    tests/vectors/enrolment_file.py < tests/vectors/enrolment_file.txt             reads them again

Lines are a name and its value: key (PKCS#8 of the device), centre (SubjectPublicKeyInfo of the signing key), secret (of
the code), made_at, pkcs10, certificate, authorities, site, by_code and by_key (requests), answer.
"""
import hashlib
import hmac
import struct
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from bundle import Row, expand, head_of, make_certificate, name, point, read_item, spki

REQUEST = b"holdfast/enrolment-request/v1"
ANSWER = b"holdfast/enrolment-answer/v1"


def sha(data):
    return hashlib.sha256(data).digest()


def exported(row):
    return expand(b"HPKE" + struct.pack(">HHH", 0x0010, 0x0001, 0x0002), row.exporter, b"sec", ANSWER, 32)


def member(key, value):
    return head_of(0, key) + (head_of(0, value) if isinstance(value, int) else head_of(2, len(value)) + value)


def encode(members):
    return head_of(5, len(members)) + b"".join(member(key, members[key]) for key in sorted(members))


def code_key(secret):
    return sha(b"holdfast/code/v1\x00" + secret)


def request_message(members):
    return (REQUEST + b"\x00" + b"HFENROLQ\x01" + struct.pack(">Q", members[1]) + sha(members[2]) +
            sha(members.get(3, b"")))


def write_request(made_at, pkcs10, certificate, prove):
    members = {1: made_at, 2: pkcs10}
    if certificate:
        members[3] = certificate
    members[4] = prove(request_message(members))
    return b"HFENROLQ\x01" + encode(members)


def answer_message(head, row, members):
    hashed = sha(b"".join(sha(members[key]) for key in (2, 3, 4)))
    return ANSWER + b"\x00" + head + exported(row) + struct.pack(">Q", members[1]) + hashed


def write_answer(receiver, centre, members):
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    head = b"HFENROLA\x01" + name(receiver)
    encapsulated = point(ephemeral.public_key())
    row = Row(ephemeral.exchange(ec.ECDH(), receiver), encapsulated, point(receiver), head)
    members[5] = centre.sign(answer_message(head, row, members), ec.ECDSA(hashes.SHA256()))
    return head + encapsulated + AESGCM(row.key).encrypt(row.next_nonce(), encode(members), head + encapsulated)


def read_request(data, secret):
    assert data[:9] == b"HFENROLQ\x01"
    members, end = read_item(data, 9)
    assert end == len(data) and encode(members) == data[9:]
    if 3 in members:
        public = x509.load_der_x509_certificate(members[3]).public_key()
        public.verify(members[4], request_message(members), ec.ECDSA(hashes.SHA256()))
    else:
        assert hmac.compare_digest(members[4], hmac.new(code_key(secret), request_message(members), "sha256").digest())
    asked = x509.load_der_x509_csr(members[2])
    assert asked.is_signature_valid
    return members


def read_answer(data, key, centre):
    head, encapsulated = data[:25], data[25:90]
    assert head == b"HFENROLA\x01" + name(key.public_key())
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), encapsulated)
    row = Row(key.exchange(ec.ECDH(), peer), encapsulated, point(key.public_key()), head)
    content = AESGCM(row.key).decrypt(row.next_nonce(), data[90:], data[:90])
    members, end = read_item(content, 0)
    assert end == len(content) and sorted(members) == [1, 2, 3, 4, 5]
    centre.verify(members[5], answer_message(head, row, members), ec.ECDSA(hashes.SHA256()))
    assert spki(x509.load_der_x509_certificate(members[2]).public_key()) == spki(key.public_key())
    return members


def write():
    key, centre = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    secret, made_at = bytes(range(10)), 1790000000000
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "holdfast agent")])
    pkcs10 = (x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
              .public_bytes(serialization.Encoding.DER))
    certificate = make_certificate(key)
    members = {1: made_at + 60000, 2: certificate, 3: b"as at cacerts", 4: b"as at /v1/site"}
    by_code = write_request(made_at, pkcs10, b"", lambda data: hmac.new(code_key(secret), data, "sha256").digest())
    by_key = write_request(made_at, pkcs10, certificate, lambda data: key.sign(data, ec.ECDSA(hashes.SHA256())))
    pkcs8 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption())
    lines = {"key": pkcs8, "centre": spki(centre.public_key()), "secret": secret, "pkcs10": pkcs10,
             "certificate": certificate, "authorities": members[3], "site": members[4], "by_code": by_code,
             "by_key": by_key, "answer": write_answer(key.public_key(), centre, members)}
    print("made_at", made_at)
    for line, value in lines.items():
        print(line, value.hex())


def main():
    if sys.argv[1:] == ["--write"]:
        write()
        return
    values = dict(line.split() for line in sys.stdin if line.strip())
    made_at = int(values.pop("made_at"))
    values = {line: bytes.fromhex(value) for line, value in values.items()}
    key = serialization.load_der_private_key(values["key"], None)
    centre = serialization.load_der_public_key(values["centre"])
    for line, certificate in (("by_code", None), ("by_key", values["certificate"])):
        request = read_request(values[line], values["secret"])
        assert request[1] == made_at and request[2] == values["pkcs10"] and request.get(3) == certificate
    answer = read_answer(values["answer"], key, centre)
    assert answer[1] == made_at + 60000
    assert [answer[2], answer[3], answer[4]] == [values[line] for line in ("certificate", "authorities", "site")]
    changed = bytearray(values["by_key"])
    changed[12] ^= 1  # made at
    try:
        read_request(bytes(changed), values["secret"])
        raise SystemExit("a changed request was taken")
    except InvalidSignature:
        pass
    print("two requests and an answer, made at", made_at)


if __name__ == "__main__":
    main()
