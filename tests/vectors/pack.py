#!/usr/bin/env python3
"""Checks an evidence pack by section 5 of sync/PROTOCOL.md alone, with Python's `cryptography`: a third hand beside
holdfast-verify and the procedure in VERIFY.txt.

    tests/vectors/pack.py FOLDER [SHA-256 of the authority's certificate, in hexadecimal]

Says how many records it proves and ends with 0; or says what is wrong, and ends with 1.
"""
import base64
import hashlib
import os
import re
import struct
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from history import cbor

ROLE = "urn:holdfast:role:"
FILES = [r"authority/[1-8]\.pem", r"chain/\d{4}/(before|signed|signature|device\.pem|\d{13}\.header)",
         r"ops/\d{4}/(header\.cbor|body\.cbor|salt|chain|receipt|position|proof)",
         r"receipts/\d{4}/(chain|signed|signature|centre\.pem)", r"checkpoint/(note|key|voucher|centre\.pem)",
         r"rules/[0-9a-f]{64}\.json", r"index\.html|summary\.pdf|pack\.json|VERIFY\.txt"]


class Wrong(Exception):
    pass


def demand(holds, what):
    if not holds:
        raise Wrong(what)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Pack:
    def __init__(self, folder):
        self.folder, self.files, self.streams, self.links = folder, {}, set(), {}
        for where, folders, names in os.walk(folder):
            for name in folders + names:
                path = os.path.join(where, name)
                demand(not os.path.islink(path), f"{path}: a pack has no links")
                if name in names:
                    with open(path, "rb") as file:
                        self.files[os.path.relpath(path, folder)] = file.read(64 * 1024 * 1024 + 1)

    def read(self, path):
        demand(path in self.files, f"{path}: missing")
        return self.files[path]

    def numbers(self, kind):
        found = sorted({path.split("/")[1] for path in self.files if path.startswith(kind + "/")})
        demand(found == [f"{i + 1:04}" for i in range(len(found))], f"{kind}: the numbers have gaps")
        return found

    # ---- 1: the manifest ----

    def manifest(self):
        listed = {}
        for line in self.read("MANIFEST").decode("ascii").splitlines():
            demand(re.fullmatch(r"[0-9a-f]{64}  [A-Za-z0-9._/-]+", line), "MANIFEST: a line that is none")
            listed[line[66:]] = line[:64]
        there = {path: hashlib.sha256(data).hexdigest() for path, data in self.files.items() if path != "MANIFEST"}
        for path in sorted(set(there) ^ set(listed)):
            raise Wrong(f"{path}: was added, or is missing")
        for path, digest in there.items():
            demand(listed[path] == digest, f"{path}: is not as it was written")
            demand(any(re.fullmatch(form, path) for form in FILES), f"{path}: has no place in a pack")

    # ---- 2: certificates ----

    def authorities(self, fingerprint):
        names = sorted(path for path in self.files if path.startswith("authority/"))
        demand(names, "authority: missing")
        self.authority = [x509.load_pem_x509_certificate(self.files[name]) for name in names]
        if fingerprint is not None:
            insisted = [a for a in self.authority if a.fingerprint(hashes.SHA256()).hex() == fingerprint]
            demand(insisted, "authority: not the one that is insisted on")
            self.authority = [a for a in self.authority if a in insisted or self.issued(a, insisted[0])]

    def certificate(self, path, role):
        certificate = x509.load_pem_x509_certificate(self.read(path))
        demand(any(self.issued(certificate, authority) for authority in self.authority), f"{path}: not issued by it")
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        roles = [uri[len(ROLE):] for uri in uris if uri.startswith(ROLE)]
        demand(len(roles) == 1 and roles[0] in role, f"{path}: of another role")
        return certificate, roles[0], uris

    @staticmethod
    def issued(certificate, authority):
        try:
            authority.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                                          ec.ECDSA(certificate.signature_hash_algorithm))
            return certificate.issuer == authority.subject
        except InvalidSignature:
            return False

    # ---- 3: runs of headers ----

    def run(self, number):
        at = f"chain/{number}"
        certificate, role, uris = self.certificate(f"{at}/device.pem", ("agent", "centre"))
        spki = certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                     serialization.PublicFormat.SubjectPublicKeyInfo)
        device, link, before = sha256(spki)[:16], self.read(f"{at}/before"), None
        paths = sorted(path for path in self.files if path.startswith(at) and path.endswith(".header"))
        demand(paths, f"{at}: no headers")
        for path in paths:
            header, end = cbor(self.files[path])
            demand(end == len(self.files[path]) and len(header) == 14 and header[0] == 1, f"{path}: no header")
            demand(header[2] == device, f"{path}: made by another device")
            demand(before is None or (header[1], header[3], header[4]) == (before[1], before[3], before[4] + 1),
                   f"{path}: does not follow")
            demand(int(os.path.basename(path)[:13]) == header[4], f"{path}: another number is in it")
            link, before = sha256(link, self.files[path]), header
            self.links[path] = (device + struct.pack(">IQ", header[3], header[4]) + link)
            self.streams.add(header[1])
        if role == "agent":
            demand("urn:holdfast:stream:" + before[1].hex() in uris, f"{at}: a device of another site")
        signed = (b"holdfast/link/v1\0" + before[1] + device + struct.pack(">IQ", before[3], before[4]) + link)
        demand(self.read(f"{at}/signed") == signed, f"{at}: these headers are not what was signed")
        self.verify(certificate, f"{at}/signature", signed)

    def verify(self, certificate, path, message):
        try:
            certificate.public_key().verify(self.read(path), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise Wrong(f"{path}: does not fit") from None

    # ---- 4: records ----

    def record(self, number):
        at = f"ops/{number}"
        header = self.read(f"{at}/header.cbor")
        chain = self.read(f"{at}/chain").decode("ascii")
        demand(re.fullmatch(r"\d{4}/\d{13}\n", chain), f"{at}/chain: names no header")
        demand(self.read(f"chain/{chain[:-1]}.header") == header, f"{at}: not the header that was signed")
        body, salt = self.files.get(f"{at}/body.cbor"), self.files.get(f"{at}/salt")
        demand((body is None) == (salt is None), f"{at}: body and salt go together")
        if body is not None:
            demand(len(salt) == 16 and sha256(salt, body) == cbor(header)[0][13], f"{at}: another body was recorded")
        return body is None

    # ---- 7: receipts ----

    def receipt(self, number):
        """Which chain it is about, up to which record, and when it was given."""
        at = f"receipts/{number}"
        centre = self.certificate(f"{at}/centre.pem", ("centre",))[0]
        chain, signed = self.read(f"{at}/chain").decode("ascii"), self.read(f"{at}/signed")
        demand(re.fullmatch(r"\d{4}/\d{13}\n", chain), f"{at}/chain: names no header")
        about = self.links.get(f"chain/{chain[:-1]}.header")
        demand(about is not None, f"{at}/chain: names no header of the pack")
        demand(len(signed) == 104 and signed[:-8] == b"holdfast/receipt/v1\0" + self.stream + about,
               f"{at}/signed: about something else")
        self.verify(centre, f"{at}/signature", signed)
        return chain[:4], int(chain[5:]), struct.unpack(">Q", signed[-8:])[0]

    def acknowledged(self, number, receipts):
        at = f"ops/{number}"
        if f"{at}/receipt" not in self.files:
            return False
        named, chain = self.read(f"{at}/receipt").decode("ascii"), self.read(f"{at}/chain").decode("ascii")
        demand(re.fullmatch(r"\d{4}\n", named) and named[:-1] in receipts, f"{at}/receipt: names no receipt")
        run, last, _ = receipts[named[:-1]]
        demand(chain[:4] == run and int(chain[5:]) <= last, f"{at}/receipt: names one that does not cover it")
        return True

    # ---- 5 and 6: the centre's history ----

    def checkpoint(self):
        if not any(path.startswith("checkpoint/") for path in self.files):
            return None
        centre = self.certificate("checkpoint/centre.pem", ("centre",))[0]
        key = self.read("checkpoint/key")
        self.verify(centre, "checkpoint/voucher", b"holdfast/checkpoint-key/v1\0" + key)
        text, mark, signatures = self.read("checkpoint/note").partition(b"\n\n")
        origin, size, root = text.decode().split("\n")
        demand(origin == "holdfast.invalid/stream/" + self.stream.hex(), "checkpoint/note: of another site")
        text += b"\n"
        line = signatures.decode().split(" ")
        demand(mark and line[0] == "\u2014" and line[1] == origin, "checkpoint/note: no signed note")
        signature = base64.b64decode(line[2])
        demand(signature[:4] == sha256(origin.encode(), b"\n\x01", key)[:4], "checkpoint/note: by another key")
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], text)
        except InvalidSignature:
            raise Wrong("checkpoint/note: the signature does not fit") from None
        return int(size), base64.b64decode(root)

    def included(self, number, checkpoint):
        """RFC 9162, 2.1.3.2."""
        at = f"ops/{number}"
        if f"{at}/position" not in self.files:
            demand(f"{at}/proof" not in self.files, f"{at}: a proof of nothing")
            return False
        demand(checkpoint is not None, f"{at}: a position in no history")
        size, root = checkpoint
        demand(re.fullmatch(rb"[1-9]\d*\n", self.read(f"{at}/position")), f"{at}/position: no number")
        index, last, proof = int(self.read(f"{at}/position")) - 1, size - 1, self.read(f"{at}/proof")
        demand(0 <= index < size and len(proof) % 32 == 0, f"{at}/proof: of another tree")
        node = sha256(b"\0", self.read(f"{at}/header.cbor"))
        for i in range(0, len(proof), 32):
            demand(last > 0, f"{at}/proof: too long")
            if index & 1 or index == last:
                node = sha256(b"\1", proof[i:i + 32], node)
                while index and not index & 1:
                    index, last = index >> 1, last >> 1
            else:
                node = sha256(b"\1", node, proof[i:i + 32])
            index, last = index >> 1, last >> 1
        demand(last == 0 and node == root, f"{at}/proof: leads to another history")
        return True

    # ---- 8: the rules ----

    def rules(self, numbers):
        """How many there are, each under its own SHA-256, and how many of them a record of the centre gives."""
        there = {path[6:-5] for path in self.files if path.startswith("rules/")}
        for name in there:
            demand(sha256(self.files[f"rules/{name}.json"]).hex() == name, f"rules/{name}.json: not what its name says")
        records = [number for number in numbers if cbor(self.read(f"ops/{number}/header.cbor"))[0][5] == 29]
        given = {cbor(self.read(f"ops/{number}/body.cbor"))[0][4] for number in records}
        return len(there), len(there & given)

    def check(self, fingerprint):
        self.manifest()
        self.authorities(fingerprint)
        for number in self.numbers("chain"):
            self.run(number)
        demand(len(self.streams) == 1, "chain: of several sites")
        self.stream = self.streams.pop()
        numbers = self.numbers("ops")
        erased = sum(self.record(number) for number in numbers)
        checkpoint = self.checkpoint()
        confirmed = sum(self.included(number, checkpoint) for number in numbers)
        receipts = {number: self.receipt(number) for number in self.numbers("receipts")}
        acknowledged = sum(self.acknowledged(number, receipts) for number in numbers)
        named = {self.files[f"ops/{number}/receipt"][:4].decode() for number in numbers
                 if f"ops/{number}/receipt" in self.files}
        demand(named == set(receipts), "receipts: one that no record names")
        return len(numbers), erased, confirmed, acknowledged, *self.rules(numbers)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        found = Pack(sys.argv[1]).check(sys.argv[2].replace(":", "").lower() if len(sys.argv) == 3 else None)
    except (Wrong, ValueError, KeyError, AssertionError, IndexError, x509.ExtensionNotFound) as why:
        print(f"WRONG: {why}")
        sys.exit(1)
    print("%d records, %d of them erased, %d confirmed by the centre, %d with its receipt: as they were signed; "
          "%d rules, %d of them given by the centre" % found)


if __name__ == "__main__":
    main()
