#!/usr/bin/env python3
"""Writes and reads enrolment.txt from sync/PROTOCOL.md section 4 alone, with Python's `cryptography`: a second hand on
codes (4.1) and on the roll-over of the authority (4.4).

    tests/vectors/enrolment.py --write > tests/vectors/enrolment.txt     makes one
    tests/vectors/enrolment.py < tests/vectors/enrolment.txt             judges each line of it

A line is one of
    code   SECRET_AND_PIN_HEX  TEXT
    follow AT_MS GIVEN[,...] KNOWN[,...] PRESENT|refused EARLIER[,...]|-
    pinned AT_MS GIVEN[,...] PIN_HEX     PRESENT|refused EARLIER[,...]|-
    issued NAME  BY                                        (who signed this device's certificate)
where names stand for certificates, which come first:
    certificate NAME DER_HEX
"""
import datetime
import hashlib
import random
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DAY = datetime.timedelta(days=1)
START = datetime.datetime(2020, 1, 1)
CERTIFICATES = {}


def times(a, b):
    """In GF(32) with x^5 + x^2 + 1."""
    product = 0
    for bit in range(5):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(9, 4, -1):
        if product >> bit & 1:
            product ^= 0b100101 << (bit - 5)
    return product


def code_text(data):
    number = int.from_bytes(data, "big")
    symbols = [number >> (155 - 5 * i) & 31 for i in range(32)]
    check = 0
    for i, symbol in enumerate(symbols):
        power = 1
        for _ in range(32 - i):
            power = times(power, 2)
        check ^= times(power, symbol)
    text = "".join(SYMBOLS[s] for s in symbols)
    return "-".join(text[i:i + 4] for i in range(0, 32, 4)) + "-" + SYMBOLS[check]


def authority(name, key, signer_key, first, last, common_name="Test centre"):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                           "key_agreement", "encipher_only", "decipher_only"], False)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(START + first * DAY)
            .not_valid_after(START + last * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()),
                           critical=False)
            .sign(signer_key, hashes.SHA256()))
    CERTIFICATES[name] = made.public_bytes(serialization.Encoding.DER)


def device(name, signer_key):
    key = ec.generate_private_key(ec.SECP256R1())
    names = ["urn:holdfast:role:agent", "urn:holdfast:organisation:" + "11" * 16, "urn:holdfast:stream:" + "22" * 16]
    usage = dict.fromkeys(["content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                           "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test centre")])
    made = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")]))
            .issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(START).not_valid_after(START + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()),
                           critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(n) for n in names]),
                           critical=False)
            .sign(signer_key, hashes.SHA256()))
    CERTIFICATES[name] = made.public_bytes(serialization.Encoding.DER)


def at(day):
    return int((START + day * DAY - datetime.datetime(1970, 1, 1)).total_seconds() * 1000)


def pin(name):
    return hashlib.sha256(CERTIFICATES[name]).hexdigest()[:20]


# ---- reading ----

def parsed(name):
    return x509.load_der_x509_certificate(CERTIFICATES[name])


def key_of(certificate):
    return certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)


def signed_by(certificate, signer):
    if certificate.issuer != signer.subject:
        return False
    try:
        signer.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
        return True
    except InvalidSignature:
        return False


def moment(certificate, which):
    """In UTC; older versions of the library know no time zones."""
    if hasattr(certificate, which + "_utc"):
        return getattr(certificate, which + "_utc")
    return getattr(certificate, which).replace(tzinfo=datetime.timezone.utc)


def valid(certificate, at_ms):
    now = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(milliseconds=at_ms)
    return moment(certificate, "not_valid_before") <= now <= moment(certificate, "not_valid_after")


def follow(at_ms, given, known, earlier):
    """4.4: the present authority and those kept beside it, or None."""
    own = [name for name in given if signed_by(parsed(name), parsed(name))]
    present = max(own, key=lambda name: moment(parsed(name), "not_valid_before")) if own else None
    if present is None or known is None or not valid(parsed(present), at_ms):
        return None
    vouched = any(signed_by(parsed(name), parsed(known)) and parsed(name).subject == parsed(present).subject and
                  key_of(parsed(name)) == key_of(parsed(present)) and valid(parsed(name), at_ms) for name in given)
    if present != known and not vouched:
        return None
    return present, [name for name in given if name != present and signed_by(parsed(name), parsed(present))] + earlier


def code_bytes(text):
    """4.1, read as a person may have typed it; None when its check character does not fit."""
    text = text.replace("-", "").replace(" ", "").upper().translate(str.maketrans("ILO", "110"))
    if len(text) != 33 or any(letter not in SYMBOLS for letter in text):
        return None
    data = sum(SYMBOLS.index(letter) << 155 - 5 * i for i, letter in enumerate(text[:32])).to_bytes(20, "big")
    return data if code_text(data).replace("-", "") == text else None


def check_code(data, text):
    assert code_bytes(text) == bytes.fromhex(data)
    assert code_bytes(text.lower().replace("0", "o").replace("1", "l").replace("-", " ")) == bytes.fromhex(data)
    wrong = SYMBOLS[(SYMBOLS.index(text[0]) + 1) % 32] + text[1:]
    assert code_bytes(wrong) is None


def check_followed(verdict, present, earlier):
    if present == "refused":
        assert verdict is None
    else:
        assert verdict is not None and verdict[0] == present
        assert sorted(verdict[1]) == sorted(earlier.split(",") if earlier != "-" else [])


def check(lines):
    for line in lines:
        what, *words = line.split()
        if what == "certificate":
            CERTIFICATES[words[0]] = bytes.fromhex(words[1])
        elif what == "code":
            check_code(*words)
        elif what == "follow":
            known, *before = words[2].split(",")
            check_followed(follow(int(words[0]), words[1].split(","), known, before), *words[3:])
        elif what == "pinned":
            given = words[1].split(",")
            known = next((name for name in given if pin(name) == words[2]), None)
            check_followed(follow(int(words[0]), given, known, []), *words[3:])
        else:
            assert what == "issued" and signed_by(parsed(words[0]), parsed(words[1]))


def main():
    if sys.argv[1:] != ["--write"]:
        lines = list(sys.stdin)
        check(lines)
        print(f"{len(lines)} lines are as section 4 says")
        return
    old, new, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority("old", old, old, 0, 7300)
    authority("new", new, new, 100, 7400)
    authority("new_by_old", new, old, 100, 190)
    authority("old_by_new", old, new, 0, 7300)
    authority("impostor", other, other, 200, 7500)
    authority("impostor_by_himself", old, other, 0, 7300)
    device("device_of_old", old)
    device("device_of_new", new)
    for name, der in CERTIFICATES.items():
        print("certificate", name, der.hex())
    numbers = random.Random(4)
    for data in [bytes(20), b"\xff" * 20, bytes(range(20))] + [numbers.randbytes(20) for _ in range(8)]:
        print("code", data.hex(), code_text(data))
    overlap, after = "new,new_by_old,old,old_by_new", "new,old_by_new"
    print("follow", at(120), overlap, "old", "new", "old_by_new")
    print("follow", at(120), "old_by_new,old,new_by_old,new", "old", "new", "old_by_new")
    print("follow", at(120), overlap, "new", "new", "old_by_new")
    print("follow", at(300), overlap, "old", "refused", "-")
    print("follow", at(300), after, "old", "refused", "-")
    print("follow", at(300), after, "new", "new", "old_by_new")
    print("follow", at(120), "old", "old", "old", "-")
    print("follow", at(120), "new", "old", "refused", "-")
    print("follow", at(250), "impostor,impostor_by_himself", "old", "refused", "-")
    print("follow", at(250), overlap + ",impostor", "new", "refused", "-")
    print("pinned", at(120), overlap, pin("old"), "new", "old_by_new")
    print("pinned", at(120), overlap, pin("new"), "new", "old_by_new")
    print("pinned", at(300), after, pin("old"), "refused", "-")
    print("pinned", at(250), overlap + ",impostor", pin("old"), "refused", "-")
    print("issued device_of_old old")
    print("issued device_of_new new")


if __name__ == "__main__":
    main()
