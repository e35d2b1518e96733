#!/usr/bin/env python3
"""Writes evidence that nobody recorded, as somebody could who holds a pack of a site: all three hands have to refuse it.

    tests/vectors/pack_forged.py PACK FORGED HOW PORT CODE

HOW is
    site        by a device of another site, enrolled on 127.0.0.1 with this code
    stream      the same, and what it signed names its own site
    authority   by an authority of his own, whose certificate is behind the real one's in the same file
    beside      by an authority of his own, in another file: who compares one fingerprint alone is taken in, and who
                insists on the real one (--ca) must not be
    system      by an authority of his own that the reader's machine trusts, as it does those of web sites; the pack does not
                hold it, FORGED.trusted does, as SSL_CERT_DIR wants it
"""
import base64
import datetime
import glob
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
ROLE, ORGANISATION, STREAM = "urn:holdfast:role:agent", "urn:holdfast:organisation:", "urn:holdfast:stream:"


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def enrolled(key, port, code):
    """The certificate that the centre gives for this key: section 4.2 of sync/PROTOCOL.md."""
    secret = 0
    for symbol in code.replace("-", "")[:16]:
        secret = secret << 5 | SYMBOLS.index(symbol)
    request = x509.CertificateSigningRequestBuilder().subject_name(name("other")).sign(key, hashes.SHA256())
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    asked = urllib.request.Request(f"https://127.0.0.1:{port}/.well-known/est/simpleenroll",
                                   base64.b64encode(request.public_bytes(DER)),
                                   {"Content-Type": "application/pkcs10", "Authorization": "Basic " +
                                    base64.b64encode(f"code:{secret:020x}".encode()).decode()})
    with urllib.request.urlopen(asked, context=anybody, timeout=30) as answer:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.read()))[0]


def issued(key, authority_key, stream, issuer="Holdfast centre"):
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name(issuer), name("device") if stream else name(issuer),
                                      key.public_key(), x509.random_serial_number(), now - day, now + 365 * day)
    builder = builder.add_extension(x509.BasicConstraints(stream is None, 0 if stream is None else None), True)
    ski = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    if stream is not None:
        uris = [x509.UniformResourceIdentifier(uri) for uri in (ROLE, ORGANISATION + stream.hex(), STREAM + stream.hex())]
        builder = builder.add_extension(x509.SubjectAlternativeName(uris), False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    usage = dict.fromkeys(["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign",
                           "encipher_only", "decipher_only"], False)
    usage |= {"digital_signature": stream is not None, "key_cert_sign": stream is None}
    builder = builder.add_extension(x509.KeyUsage(**usage), True)
    return builder.sign(authority_key, hashes.SHA256())


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def trusted(folder, root):
    """The certificate under the name by which OpenSSL looks for it."""
    pem = root.public_bytes(PEM)
    digits = subprocess.run(["openssl", "x509", "-noout", "-hash"], input=pem, stdout=subprocess.PIPE, check=True).stdout
    shutil.rmtree(folder, ignore_errors=True)
    write(f"{folder}/{digits.decode().strip()}.0", pem)


def manifest(folder):
    lines = []
    for where, _, files in os.walk(folder):
        for path in (os.path.join(where, file) for file in files):
            lines.append((os.path.relpath(path, folder), hashlib.sha256(read(path)).hexdigest()))
    write(f"{folder}/MANIFEST", "".join(f"{digest}  {path}\n" for path, digest in sorted(lines)).encode())


def forge(pack, forged, how, port, code):
    op = [op for op in sorted(glob.glob(f"{pack}/ops/*")) if os.path.exists(f"{op}/body.cbor")][-1]
    key, header = ec.generate_private_key(ec.SECP256R1()), bytearray(read(f"{op}/header.cbor"))
    spki = key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    stream, device, seq = bytes(header[3:19]), hashlib.sha256(spki).digest()[:16], int(read(f"{op}/chain")[5:])
    header[20:36] = device
    shutil.copytree(pack, forged, ignore=shutil.ignore_patterns("ops", "chain", "receipts", "checkpoint", "MANIFEST"))
    if how in ("authority", "beside"):
        own = ec.generate_private_key(ec.SECP256R1())
        root = issued(own, own, None)
        if how == "authority":
            write(f"{forged}/authority/1.pem", read(f"{pack}/authority/1.pem") + root.public_bytes(PEM))
        else:
            write(f"{forged}/authority/8.pem", root.public_bytes(PEM))
        certificate = issued(key, own, stream)
    elif how == "system":
        own = ec.generate_private_key(ec.SECP256R1())
        trusted(f"{forged}.trusted", issued(own, own, None, "Authority of web sites"))
        certificate = issued(key, own, stream, "Authority of web sites")
    else:
        certificate = enrolled(key, port, code)
    signed_stream = stream
    if how == "stream":
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        signed_stream = bytes.fromhex([uri for uri in uris if uri.startswith(STREAM)][0][len(STREAM):])
    before = bytes(32)
    signed = (b"holdfast/link/v1\0" + signed_stream + device + (1).to_bytes(4, "big") + seq.to_bytes(8, "big") +
              hashlib.sha256(before + header).digest())
    run = f"{forged}/chain/0001"
    for file, data in (("before", before), (f"{seq:013}.header", bytes(header)), ("signed", signed),
                       ("signature", key.sign(signed, ec.ECDSA(hashes.SHA256()))),
                       ("device.pem", certificate.public_bytes(PEM))):
        write(f"{run}/{file}", data)
    for file, data in (("header.cbor", bytes(header)), ("body.cbor", read(f"{op}/body.cbor")),
                       ("salt", read(f"{op}/salt")), ("chain", f"0001/{seq:013}\n".encode())):
        write(f"{forged}/ops/0001/{file}", data)
    manifest(forged)


if __name__ == "__main__":
    if len(sys.argv) != 6 or sys.argv[3] not in ("site", "stream", "authority", "beside", "system"):
        sys.exit(__doc__)
    forge(*sys.argv[1:])
