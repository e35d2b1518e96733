#!/usr/bin/env python3
"""Judges by sync/PROTOCOL.md alone what a centre says of records that are given back (3.9), and when it may keep an answer back (3.7).

    tests/vectors/given.py < tests/vectors/given.txt

Lines are a name and its value, hexadecimal: stream; authority (certificate); held (a segment that the centre took from its author);
request and answer (of one device); kept (01: the centre was free to keep that answer back, 00: it answers at once). tests/unit/centre
makes such lines with the centre itself, each time anew.
"""
import hashlib
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from history import message
from segment import CERTIFIED, SIGNED, Segment


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def device_of(public):
    return sha256(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))[:16]


def issued_names(authority, certificate):
    """The names in a certificate of the authority, else None."""
    try:
        authority.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                                      ec.ECDSA(certificate.signature_hash_algorithm))
    except InvalidSignature:
        return None
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)


class Centre:
    def __init__(self):
        self.stream = self.authority = None
        self.chains = {}  # of each author: link(0), link(1), ...

    def author(self, segment):
        """His public key, or why the certificate is not good enough."""
        if not segment.flags & CERTIFIED:
            return None, "no certificate"
        certificate = x509.load_der_x509_certificate(segment.certificate)
        uris = issued_names(self.authority, certificate)
        if uris is None:
            return None, "another authority's"
        here = "urn:holdfast:stream:" + self.stream.hex() in uris
        if "urn:holdfast:role:centre" not in uris and not ("urn:holdfast:role:agent" in uris and here):
            return None, "of another site"
        public = certificate.public_key()
        return (public, None) if device_of(public) == segment.device else (None, "another device's certificate")

    def first_link(self, device, incarnation):
        return sha256(b"holdfast/chain/v1", self.stream, device, incarnation.to_bytes(4, "big"))

    def follow(self, segment):
        """The author's links with those of the segment, or why it does not continue what is held."""
        start = self.first_link(segment.device, segment.incarnation)
        held = self.chains.get((segment.device, segment.incarnation), [start])
        if segment.first > len(held):
            return None, "a gap"
        links = held[:segment.first]
        for header, _ in segment.ops():
            links.append(sha256(links[-1], header))
        return links + held[len(links):], None

    def why_not(self, data):
        """None when it is taken."""
        segment = Segment(data, self.stream)
        public, why = self.author(segment)
        return why or self.extend(segment, public)

    def extend(self, segment, public):
        last = segment.first + segment.count - 1
        if not segment.flags & SIGNED or segment.signed_seq != last:
            return "not signed at its last record"
        links, why = self.follow(segment)
        if why:
            return why
        where = self.stream + segment.device + segment.incarnation.to_bytes(4, "big") + last.to_bytes(8, "big")
        try:
            public.verify(segment.signature, b"holdfast/link/v1\0" + where + links[last], ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return "its signature does not fit"
        key = segment.device, segment.incarnation
        held = self.chains.get(key, links[:1])
        if links[:len(held)] != held:
            return "another branch"
        self.chains[key] = links
        return None


def declined(centre, request):
    """Index and reason of each that is given and not taken, in order."""
    given = request.get(15, [])
    assert 15 not in request or 1 <= len(given) <= 16
    assert sum(map(len, given)) <= 4 * 1024 * 1024
    why = [centre.why_not(data) for data in given]
    return [(index, reason) for index, reason in enumerate(why) if reason]


def may_be_kept(request, answer):
    """Section 3.7: nothing is said that the request does not say."""
    if 14 not in request or 9 in request or 18 in request or 15 in request:
        return False
    if answer.get(8) or any(key in answer for key in (10, 11, 12, 13, 16)):
        return False
    return answer[6] == request[4] and answer[2] == request[5]


def check(centre, request, answer):
    assert 14 not in request or 1 <= request[14] <= 3600
    expected = declined(centre, request)
    said = answer.get(19, [])
    assert (19 in answer) == bool(said) and all(1 <= len(reason.encode()) <= 200 for _, reason in said)
    assert [index for index, _ in said] == [index for index, _ in expected], (said, expected)
    return [reason for _, reason in expected]


def follow(lines):
    centre, reasons, kept = Centre(), [], []
    request = answer = None
    for line in lines:
        name, value = line.split()
        value = bytes.fromhex(value)
        if name == "stream":
            centre.stream = value
        elif name == "authority":
            centre.authority = x509.load_der_x509_certificate(value)
        elif name == "held":
            assert centre.why_not(value) is None, centre.why_not(value)
        elif name == "request":
            request = message(value)
            assert request[2] == centre.stream
        elif name == "answer":
            answer = message(value)
            reasons += check(centre, request, answer)
        else:
            assert name == "kept" and may_be_kept(request, answer) == (value == b"\1")
            kept.append(value[0])
    return reasons, kept


if __name__ == "__main__":
    why, kept_back = follow(sys.stdin)
    assert len(set(why)) == 5 and set(kept_back) == {0, 1}
    print("declined:", "; ".join(why))
    print(sum(kept_back), "of", len(kept_back), "answers may be kept back")
