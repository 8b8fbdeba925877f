"""An EC key pair with a self-signed certificate, as NetSuite wants it for client credentials (M2M)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# NetSuite accepts certificates of at most two years (Oracle help subsect_162755332391).
_VALID_DAYS = 730


@dataclass(frozen=True)
class KeyPair:
    """Where the two PEM files are."""

    private_key: Path
    certificate: Path


def create_key_pair(directory: Path) -> KeyPair:
    """Write `sandbox-key.pem` (readable by the owner only) and `sandbox-certificate.pem`; P-256, for
    ES256.
    """
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "netsuite-pipeline sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .sign(key, hashes.SHA256())
    )
    pair = KeyPair(directory / "sandbox-key.pem", directory / "sandbox-certificate.pem")
    pair.private_key.unlink(missing_ok=True)
    pair.private_key.touch(mode=0o600)
    pair.private_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    return pair
