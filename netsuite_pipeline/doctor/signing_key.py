"""The private key of client credentials (M2M), and the certificate that may stand in the same file.

What NetSuite takes is in Oracle's help, subsect_162755332391: RSA of 3072 or 4096 bits, EC of 256, 384 or 521 bits, and
certificates of at most two years. That a key can be read at all is decided by `netsuite.auth`, as imports do.
"""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from netsuite_pipeline.doctor.finding import Answer, NotChecked, error, ok, warning
from netsuite_pipeline.netsuite.auth import load_key

_LEAST_RSA_BITS = 3072
# Two leap years at most.
_LONGEST = dt.timedelta(days=2 * 366)
_SOON = dt.timedelta(days=30)
_RENEW = (
    "make a new key and certificate, upload the certificate under Setup > Integration > Manage Authentication >"
    " OAuth 2.0 Client Credentials Setup, and set NETSUITE_PRIVATE_KEY_FILE and NETSUITE_CERTIFICATE_ID"
)


def key_answer(path: Path) -> Answer:
    """Kind and size of the key."""
    try:
        key = load_key(path)
    except OSError as problem:
        return error(f"{path} cannot be read: {problem.strerror}", "correct the path, or let this user read the file")
    if isinstance(key, RSAPrivateKey):
        if key.key_size < _LEAST_RSA_BITS:
            return error(
                f"an RSA key of {key.key_size} bits; NetSuite asks for {_LEAST_RSA_BITS} or 4096",
                _RENEW,
            )
        return ok(f"an RSA key of {key.key_size} bits")
    return ok(f"an EC key of {key.curve.key_size} bits")


def certificate_answer(path: Path, *, now: dt.datetime) -> Answer:
    """Whether the certificate in the file belongs to the key and is valid; `now` is aware."""
    pem = path.read_bytes()
    if b"BEGIN CERTIFICATE" not in pem:
        raise NotChecked(
            "the file holds the key alone: NetSuite shows when the certificate ends (Setup > Integration > Manage"
            " Authentication > OAuth 2.0 Client Credentials Setup)"
        )
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return error(
            f"the certificate in {path} cannot be read", "put the certificate that you uploaded beside the key"
        )
    if _public(certificate.public_key()) != _public(load_key(path).public_key()):
        return error(
            f"the certificate in {path} belongs to another key", "put the certificate that you uploaded beside the key"
        )
    return _validity(certificate, now)


def _validity(certificate: x509.Certificate, now: dt.datetime) -> Answer:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        return error(f"expired on {ends:%Y-%m-%d %H:%M} UTC", _RENEW)
    if begins > now:
        return error(f"not valid before {begins:%Y-%m-%d %H:%M} UTC", "wait until then, or check this machine's clock")
    if ends - begins > _LONGEST:
        return warning(
            f"valid for {(ends - begins).days} days, until {ends:%Y-%m-%d}; NetSuite takes at most two years", _RENEW
        )
    left = f"valid until {ends:%Y-%m-%d}, {(ends - now).days} days more"
    return warning(left, _RENEW) if ends - now < _SOON else ok(left)


def _public(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded
