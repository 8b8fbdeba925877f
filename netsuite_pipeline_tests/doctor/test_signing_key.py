"""The key of client credentials and the certificate beside it: what NetSuite takes, and until when."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from netsuite_pipeline.doctor.finding import Answer, NotChecked, Status
from netsuite_pipeline.doctor.settings import settings_checks
from netsuite_pipeline.doctor.signing_key import certificate_answer, key_answer
from netsuite_pipeline_tests.doctor.conftest import Configured, found

NOW = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


def pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate(key: Key, *, begins: dt.datetime, ends: dt.datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "doctor")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(begins).not_valid_after(ends)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def judged(path: Path, key: Key, *, begins: dt.datetime = NOW - DAY, ends: dt.datetime = NOW + 300 * DAY) -> Answer:
    path.write_bytes(pem(key) + certificate(key, begins=begins, ends=ends))
    return certificate_answer(path, now=NOW)


def test_an_ec_key_is_well(tmp_path: Path, key: Key) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(key))
    assert key_answer(file) == Answer(Status.OK, "an EC key of 384 bits")


def test_a_short_rsa_key_is_an_error_with_its_size(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    answer = key_answer(file)
    assert (answer.status, "2048 bits" in answer.found) == (Status.ERROR, True)


def test_a_key_that_cannot_be_read_is_an_error(configured: Configured, tmp_path: Path) -> None:
    settings = {"netsuite_auth": "m2m", "netsuite_private_key_file": tmp_path / "none.pem"}
    findings = found(settings_checks(configured(**settings)))
    assert findings["settings.private_key"].status is Status.ERROR
    assert findings["settings.private_key"].found.endswith("none.pem cannot be read: No such file or directory")
    assert findings["settings.certificate"].status is Status.NOT_CHECKED


def test_a_file_that_is_no_key_is_an_error_without_its_content(configured: Configured, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("hunter2")
    settings = {"netsuite_auth": "m2m", "netsuite_private_key_file": file}
    finding = found(settings_checks(configured(**settings)))["settings.private_key"]
    assert finding.status is Status.ERROR
    assert "it is no private key in PEM format" in finding.found
    assert "hunter2" not in finding.found + finding.remedy


def test_a_file_of_the_key_alone_says_where_the_end_is_to_be_seen(tmp_path: Path, key: Key) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(key))
    with pytest.raises(NotChecked, match="NetSuite shows when the certificate ends"):
        certificate_answer(file, now=NOW)


def test_a_certificate_that_lasts_is_well(tmp_path: Path, key: Key) -> None:
    answer = judged(tmp_path / "key.pem", key)
    assert answer == Answer(Status.OK, "valid until 2027-09-22, 300 days more")


@pytest.mark.parametrize(
    ("begins", "ends", "status", "said"),
    [
        (-10, -1, Status.ERROR, "expired on 2026-11-25"),
        (1, 300, Status.ERROR, "not valid before 2026-11-27"),
        (-1, 29, Status.WARNING, "29 days more"),
        (-1, 733, Status.WARNING, "NetSuite takes at most two years"),
    ],
)
def test_a_certificate_out_of_its_time(
    tmp_path: Path, key: Key, begins: int, ends: int, status: Status, said: str
) -> None:
    answer = judged(tmp_path / "key.pem", key, begins=NOW + begins * DAY, ends=NOW + ends * DAY)
    assert answer.status is status
    assert said in answer.found


def test_a_certificate_of_another_key_is_an_error(tmp_path: Path, key: Key) -> None:
    file = tmp_path / "key.pem"
    other = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(pem(key) + certificate(other, begins=NOW - DAY, ends=NOW + 300 * DAY))
    answer = certificate_answer(file, now=NOW)
    assert (answer.status, "belongs to another key" in answer.found) == (Status.ERROR, True)
